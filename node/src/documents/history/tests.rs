//! Histories: hashes as automerge counts them, and bytes that are refused before it sees them.

use automerge::{AutoCommit, ROOT, transaction::Transactable as _};

use super::{super::fixture::*, *};

/// A document of three changes, the last two side by side.
fn changes() -> (Vec<Vec<u8>>, Heads) {
    let mut one = AutoCommit::new();
    one.put(ROOT, "a", "x".repeat(600)).unwrap();
    one.commit();
    let mut other = one.fork();
    one.put(ROOT, "b", 1_u64).unwrap();
    other.put(ROOT, "c", 2_u64).unwrap();
    one.merge(&mut other).unwrap();
    let heads = one.get_heads().into_iter().map(|hash| Head(hash.0)).collect();
    let plain = one.get_changes(&[]).iter().map(|c| c.raw_bytes().to_vec()).collect();
    (plain, Heads::new(heads).unwrap())
}

#[test]
fn hashes_are_those_that_automerge_counts() {
    let (changes, heads) = changes();
    let mut history = History::default();
    for change in changes.iter().rev() {
        let hash = history.add(change).unwrap().unwrap();
        let theirs = automerge::Change::from_bytes(change.clone()).unwrap();
        assert_eq!(hash.0, theirs.hash().0);
        assert_eq!(history.add(change), Ok(None));
    }
    assert!(history.missing(&heads).is_empty());
    let document = AutoCommit::load(&history.to_bytes()).unwrap().get_heads();
    assert_eq!(document.len(), 2);
}

#[test]
fn what_is_missing_is_named_as_far_as_it_is_known() {
    let (changes, heads) = changes();
    let mut history = History::default();
    assert_eq!(history.missing(&heads).len(), 2);
    history.add(&changes[2]).unwrap();
    assert_eq!(history.missing(&heads).len(), 2, "the other head, and what this one follows");
    history.add(&changes[1]).unwrap();
    assert_eq!(history.missing(&heads).len(), 1);
    assert_eq!(history.up_to(&heads), None);
    assert!(history.to_bytes().is_empty(), "nothing that follows what is missing");
    history.add(&changes[0]).unwrap();
    assert_eq!(history.up_to(&heads).unwrap(), history);
}

#[test]
fn a_part_of_a_history_holds_nothing_else() {
    let mut document = document(1, 2);
    let (first, heads) = (document.history().unwrap(), document.heads().unwrap());
    document.update(&of_towns(2, 3)).unwrap();
    let whole = document.history().unwrap();
    assert!(whole.len() > first.len());
    assert_eq!(whole.up_to(&heads).unwrap(), first);
}

#[test]
fn every_flipped_bit_is_noticed() {
    let (changes, _) = changes();
    let good = &changes[1];
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        assert!(History::default().add(&bad).is_err(), "byte {at}");
        assert!(History::default().add(&good[..at]).is_err(), "cut at {at}");
    }
    assert_eq!(History::default().add(&[&good[..], b"x"].concat()), Err(HistoryFault::Form));
}

#[test]
fn what_is_compressed_is_not_taken() {
    let mut doc = AutoCommit::new();
    doc.put(ROOT, "a", "x".repeat(5000)).unwrap();
    assert_eq!(History::read(&doc.save()), Err(HistoryFault::Kind));
    let mut change = doc.get_changes(&[]).remove(0);
    assert!(change.bytes().len() < 1000);
    assert_eq!(History::read(&change.bytes()), Err(HistoryFault::Kind));
    assert!(History::read(change.raw_bytes()).is_ok());
}

/// A chunk of automerge's form with any content.
fn chunk(content: &[u8]) -> Vec<u8> {
    let mut typed = vec![CHANGE_TYPE];
    let mut length = content.len();
    while length > 0x7f {
        typed.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
        length >>= 7;
    }
    typed.push(u8::try_from(length).unwrap());
    typed.extend_from_slice(content);
    let hash = Digest::of(&[&typed]);
    [&MAGIC[..], &hash.0[..4], &typed].concat()
}

#[test]
fn limits_hold_before_anything_is_decoded() {
    assert!(History::default().add(&chunk(&[0, 1, 2, 3])).is_ok());
    let large = chunk(&vec![0; CHANGE_BYTES_MAX]);
    assert_eq!(History::default().add(&large), Err(HistoryFault::TooLarge));
    let many = chunk(&[17; 1000]);
    assert_eq!(History::default().add(&many), Err(HistoryFault::TooLarge));
    let twice = chunk(&[&[2][..], &[7; 64]].concat());
    assert_eq!(History::default().add(&twice), Err(HistoryFault::Form));

    let mut history = History::default();
    let piece = |n: u32| chunk(&[&[0][..], &n.to_be_bytes(), &[0; 90_000]].concat());
    let full = (0..1000).find(|n| history.add(&piece(*n)).is_err()).unwrap();
    assert_eq!(usize::try_from(full).unwrap(), HISTORY_BYTES_MAX / piece(0).len());
    let mut history = History::default();
    let small = |n: u32| chunk(&[&[0][..], &n.to_be_bytes()].concat());
    let full = (0..20_000).find(|n| history.add(&small(*n)).is_err()).unwrap();
    assert_eq!(usize::try_from(full).unwrap(), HISTORY_CHANGES_MAX);
    assert!(!history.fits(Bounds::DIRECTORY));
}

#[test]
fn changes_that_follow_each_other_in_a_ring_are_not_written() {
    // No such hashes exist, but the loop must end for any content.
    let a = Change { bytes: vec![1], follows: vec![Head([2; 32])] };
    let b = Change { bytes: vec![2], follows: vec![Head([1; 32])] };
    let changes = BTreeMap::from([(Head([1; 32]), a), (Head([2; 32]), b)]);
    let ring = History { changes, bytes: 2 };
    assert!(ring.to_bytes().is_empty());
    assert!(ring.up_to(&Heads::new(vec![Head([1; 32])]).unwrap()).is_some());
}

#[test]
fn numbers_are_read_in_their_shortest_form_only() {
    assert_eq!(leb128(&[0x7f, 9]), Some((127, &[9][..])));
    assert_eq!(leb128(&[0x80, 0x01]), Some((128, &[][..])));
    assert_eq!(leb128(&[0x80, 0x00]), None);
    assert_eq!(leb128(&[0xff; 12]), None);
    assert_eq!(leb128(&[]), None);
}
