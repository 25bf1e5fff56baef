//! The directory's document: what is written is read, and nothing else is read.

use automerge::AutoCommit;
use jichi_protocol::{
    directory::{ADDRESSES_MAX, Few},
    signature::PublicKey,
};

use super::{super::fixture::*, *};

#[test]
fn a_directory_reads_back_from_its_document() {
    let whole = of_towns(1, 40);
    let document = DirectoryDocument::build(&whole).unwrap();
    assert_eq!(document.directory().unwrap(), whole);
    assert_eq!(document.statement().unwrap().content, whole.content());
    assert_eq!(document.statement().unwrap().version, whole.version());
}

#[test]
fn a_document_without_members_reads_back() {
    let empty = of_towns(1, 0);
    assert_eq!(DirectoryDocument::build(&empty).unwrap().directory().unwrap(), empty);
}

#[test]
fn a_history_holds_the_whole_document() {
    let document = document(1, 40);
    let history = document.history().unwrap();
    let again = History::read(&history.to_bytes()).unwrap();
    assert_eq!(again, history);
    let loaded = DirectoryDocument::of_history(&again).unwrap();
    assert_eq!(loaded.heads().unwrap(), document.heads().unwrap());
    assert_eq!(loaded.directory().unwrap(), document.directory().unwrap());
}

#[test]
fn an_update_changes_what_differs_and_nothing_else() {
    let mut document = document(1, 40);
    let before = document.history().unwrap();
    document.update(&of_towns(1, 40)).unwrap();
    assert_eq!(document.history().unwrap(), before, "no change, no edit");

    let mut members: Vec<_> = (0..39).map(member).collect();
    members[5].channel_key = PublicKey([9; 32]);
    members[6].addresses = Few::new(vec!["/dns/town.example/tcp/1".parse().unwrap()]).unwrap();
    let second = directory(2, members);
    document.update(&second).unwrap();
    assert_eq!(document.directory().unwrap(), second);
    let after = document.history().unwrap();
    assert!(after.contains_all(&before));
    assert!(after.to_bytes().len() - before.to_bytes().len() < 2_000, "only the difference");
}

#[test]
fn edits_made_offline_in_two_copies_are_both_in_the_merged_document() {
    let mut office = document(1, 3);
    let mut train = DirectoryDocument::of_history(&office.history().unwrap()).unwrap();
    let mut renamed = of_towns(2, 3).members().to_vec();
    renamed[0].name_en = "Renamed".parse().unwrap();
    office.update(&directory(2, renamed)).unwrap();
    train.update(&of_towns(2, 4)).unwrap();

    office.merge(&mut train).unwrap();
    assert_eq!(office.heads().unwrap().as_slice().len(), 2);
    let merged = office.directory().unwrap();
    assert_eq!(merged.member(town(0)).unwrap().name_en.as_str(), "Renamed");
    assert!(merged.member(town(3)).is_some());
    train.merge(&mut office).unwrap();
    assert_eq!(train.directory().unwrap(), merged, "both copies decide the same");
}

#[test]
fn the_largest_members_fit_their_changes() {
    let mut members: Vec<_> = (0..64).map(member).collect();
    for (n, member) in members.iter_mut().enumerate() {
        member.name_ja = "𠮷".repeat(64).parse().unwrap();
        member.name_en = "x".repeat(64).parse().unwrap();
        let address = |at: usize| format!("/dns/{n}-{at}-{}", "y".repeat(110)).parse().unwrap();
        member.addresses = Few::new((0..ADDRESSES_MAX).map(address).collect()).unwrap();
    }
    let whole = directory(1, members);
    let document = DirectoryDocument::build(&whole).unwrap();
    assert!(document.history().is_ok());
    assert_eq!(document.directory().unwrap(), whole);
}

/// A document with one value changed past the schema.
fn bent(edit: impl FnOnce(&mut AutoCommit, &ObjId)) -> DirectoryDocument {
    let bytes = document(1, 2).history().unwrap().to_bytes();
    let mut doc = AutoCommit::load(&bytes).unwrap();
    let (_, members) = doc.get(ROOT, MEMBERS).unwrap().unwrap();
    let (_, first) = doc.get(&members, town(0).to_string()).unwrap().unwrap();
    edit(&mut doc, &first);
    DirectoryDocument { doc: Automerge::load(&doc.save()).unwrap() }
}

#[test]
fn what_the_schema_does_not_know_is_refused() {
    type Bend = fn(&mut AutoCommit, &ObjId);
    let bends: [(&str, Bend); 11] = [
        ("a further key", |d, m| d.put(m, "holder", "someone").unwrap()),
        ("a further root key", |d, _| d.put(ROOT, "more", 1_u64).unwrap()),
        ("a missing key", |d, m| d.delete(m, NAME_JA).unwrap()),
        ("a signed number", |d, m| d.put(m, GENERATION, 1_i64).unwrap()),
        ("a large number", |d, m| d.put(m, GENERATION, u64::MAX).unwrap()),
        ("a short key", |d, m| d.put(m, LOG_KEY, vec![1_u8; 31]).unwrap()),
        ("a text for bytes", |d, m| d.put(m, TRANSPORT, "12D3").unwrap()),
        ("a control character", |d, m| d.put(m, NAME_EN, "a\nb").unwrap()),
        ("no list", |d, m| d.put(m, ADDRESSES, "/ip4/1").unwrap()),
        ("no party", |d, _| {
            let (_, members) = d.get(ROOT, MEMBERS).unwrap().unwrap();
            d.put_object(&members, "102017", ObjType::Map).unwrap();
        }),
        ("a list that is too long", |d, m| {
            let list = d.put_object(m, VERSIONS, ObjType::List).unwrap();
            (0..9).for_each(|n| d.insert(&list, n, n as u64).unwrap());
        }),
    ];
    assert!(bent(|_, _| ()).directory().is_ok());
    for (what, bend) in bends {
        let read = bent(bend).directory();
        assert!(matches!(read, Err(DocumentFault::Schema(_))), "{what}: {read:?}");
    }
}

#[test]
fn a_text_object_is_no_text() {
    let document = bent(|d, m| {
        let text = d.put_object(m, NAME_EN, ObjType::Text).unwrap();
        d.splice_text(&text, 0, 0, "Maebashi").unwrap();
    });
    assert!(matches!(document.directory(), Err(DocumentFault::Schema(NAME_EN))));
}
