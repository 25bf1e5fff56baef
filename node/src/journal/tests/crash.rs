//! What a crash leaves, and what only damage leaves.

use super::*;

/// A journal that was not closed, with a last frame of six sectors behind three small ones.
fn not_closed(dir: &Path) -> FrameAt {
    let mut journal = create(dir);
    for entry in [b"one", b"two"] {
        journal.append(&[entry], b"checkpoint").unwrap();
    }
    journal.append(&[vec![7; 2200]], b"checkpoint").unwrap()
}

fn zero(dir: &Path, at: FrameAt, sectors: std::ops::Range<u64>) {
    let bytes = vec![0; usize::try_from((sectors.end - sectors.start) * 512).unwrap()];
    overwrite(dir, at.segment, at.offset + sectors.start * 512, &bytes);
}

#[test]
fn every_flipped_bit_is_found() {
    let dir = TempDir::new().unwrap();
    let at = not_closed(dir.path());
    let path = segment::path(dir.path(), at.segment);
    let good = fs::read(&path).unwrap();
    audit(dir.path()).unwrap();
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    let (headers, _) = (0..good.len()).partition::<Vec<_>, _>(|byte| byte / 512 < 2);
    for (offset, byte) in (0_u64..).zip(good.iter().copied()) {
        let all = headers.binary_search(&(offset as usize)).is_ok();
        let bits = if all { 0..8 } else { (offset % 8) as u32..(offset % 8) as u32 + 1 };
        for bit in bits {
            file.write_all_at(&[byte ^ (1 << bit)], offset).unwrap();
            let damage = damage_of(audit(dir.path()).map(drop));
            assert_eq!(damage.offset / 512, offset / 512, "bit {bit} of byte {offset}");
        }
        file.write_all_at(&[byte], offset).unwrap();
    }
    audit(dir.path()).unwrap();
    assert!(matches!(open(dir.path()), Ok(Opened { warnings, .. }) if warnings.len() == 1));
}

#[test]
fn every_flipped_bit_is_found_in_sealed_segments_and_the_blank_one() {
    let dir = TempDir::new().unwrap();
    let mut journal = create(dir.path());
    for _ in 0..6 {
        journal.append(&[vec![9; 1700]], b"checkpoint").unwrap();
    }
    journal.close().unwrap();
    let segments = segment::list(dir.path()).unwrap();
    assert!(segments.len() >= 2);
    for (number, _) in segments {
        let path = segment::path(dir.path(), number);
        let good = fs::read(&path).unwrap();
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        for (offset, byte) in (0_u64..).zip(good).step_by(3) {
            file.write_all_at(&[byte ^ (1 << (offset % 8))], offset).unwrap();
            let damage = damage_of(audit(dir.path()).map(drop));
            assert_eq!((damage.segment, damage.offset / 512), (number, offset / 512));
            file.write_all_at(&[byte], offset).unwrap();
        }
    }
    assert_eq!(audit(dir.path()).unwrap().1, Tail::Closed);
}

#[test]
fn a_frame_that_lacks_any_of_its_sectors_is_cut_alone() {
    let whole = TempDir::new().unwrap();
    let at = not_closed(whole.path());
    assert_eq!(at.offset, 4 * 512);
    let good = fs::read(segment::path(whole.path(), 0)).unwrap();
    // Every set of its six sectors that were written, but the full one.
    for written in 0_u32..63 {
        let dir = TempDir::new().unwrap();
        fs::write(segment::path(dir.path(), 0), &good).unwrap();
        for sector in (0..6).filter(|sector| written & (1 << sector) == 0) {
            zero(dir.path(), at, sector..sector + 1);
        }
        let (_, tail) = audit(dir.path()).unwrap();
        let count = u64::from(written.count_ones());
        let torn = Tail::Torn { segment: 0, offset: at.offset, sectors_written: count };
        assert_eq!(tail, if written == 0 { Tail::NotClosed } else { torn }, "{written:b}");

        let Opened { mut journal, warnings } = open(dir.path()).unwrap();
        let cut = |warning: &Warning| matches!(warning, Warning::TornCut { offset: 2048, .. });
        assert_eq!(warnings.iter().any(cut), written != 0);
        assert!(warnings.contains(&Warning::NotClosed { segment: 0 }));
        assert_eq!(entries_of(&journal.reader()), [b"one".to_vec(), b"two".to_vec()]);
        let next = journal.append(&[b"three"], b"").unwrap();
        assert_eq!((next.first, next.offset), (EntryIndex(2), at.offset));
        journal.close().unwrap();
        assert_eq!(audit(dir.path()).unwrap().1, Tail::Closed);
    }
}

#[test]
fn a_half_written_sector_is_damage_also_in_the_last_frame() {
    let dir = TempDir::new().unwrap();
    let at = not_closed(dir.path());
    zero(dir.path(), at, 4..6);
    overwrite(dir.path(), 0, at.offset + 3 * 512 + 256, &[0; 256]);
    let damage = damage_of(open(dir.path()));
    assert_eq!((damage.offset, damage.kind), (at.offset + 3 * 512, DamageKind::Sector));
    let text = damage.to_string();
    assert!(text.contains("00000000.seg") && text.contains("byte 3584"), "{text}");
    assert!(text.contains("jichi audit verify"), "{text}");
}

#[test]
fn a_lost_frame_before_a_good_one_is_damage() {
    for lost in [0..1, 1..2, 0..2] {
        let dir = TempDir::new().unwrap();
        let mut journal = create(dir.path());
        let first = journal.append(&[b"one"], b"").unwrap();
        journal.append(&[b"two"], b"").unwrap();
        drop(journal);
        zero(dir.path(), first, lost);
        damage_of(open(dir.path()));
        damage_of(audit(dir.path()).map(drop));
    }
}

#[test]
fn a_stale_frame_behind_the_end_is_damage() {
    let dir = TempDir::new().unwrap();
    let at = not_closed(dir.path());
    // The first frame's bytes once more, behind the last one.
    let old = fs::read(segment::path(dir.path(), 0)).unwrap();
    overwrite(dir.path(), 0, at.offset + 6 * 512, &old[..1024]);
    assert_eq!(damage_of(open(dir.path())).offset, at.offset + 6 * 512);
}

#[test]
fn after_a_close_nothing_is_cut() {
    let dir = TempDir::new().unwrap();
    let mut journal = create(dir.path());
    journal.append(&[b"one"], b"").unwrap();
    let two = journal.append(&[b"two"], b"").unwrap();
    journal.close().unwrap();
    let path = segment::path(dir.path(), 0);
    let good = fs::read(&path).unwrap();
    // The frame before the mark, its header or its body.
    zero(dir.path(), two, 0..1);
    damage_of(open(dir.path()));
    fs::write(&path, &good).unwrap();
    zero(dir.path(), two, 1..2);
    damage_of(open(dir.path()));
    fs::write(&path, &good).unwrap();

    // A good sector of the very next frame, without the mark that the log was opened again.
    let place = sector::Place { log: LOG, segment: 0, frame: 3, sector: 6 };
    let mut stray = Vec::new();
    place.write(b"stray", sector::Mark::Body, &mut stray);
    overwrite(dir.path(), 0, 6 * 512, &stray);
    let damage = damage_of(open(dir.path()));
    assert_eq!((damage.offset, damage.kind), (5 * 512, DamageKind::AfterClose));
    assert_eq!(damage_of(audit(dir.path()).map(drop)).kind, DamageKind::AfterClose);
}

#[test]
fn a_crash_in_the_first_batch_after_a_close_is_torn_as_any_other() {
    let dir = TempDir::new().unwrap();
    let mut journal = create(dir.path());
    journal.append(&[b"one"], b"").unwrap();
    journal.close().unwrap();
    let mut journal = open(dir.path()).unwrap().journal;
    let two = journal.append(&[b"two"], b"").unwrap();
    drop(journal);
    zero(dir.path(), two, 1..2);
    let Opened { journal, warnings } = open(dir.path()).unwrap();
    assert!(warnings.iter().any(|warning| matches!(warning, Warning::TornCut { .. })));
    assert_eq!(journal.next_index(), EntryIndex(1));
}

#[test]
fn what_a_witness_has_seen_is_never_cut() {
    let dir = TempDir::new().unwrap();
    let at = not_closed(dir.path());
    zero(dir.path(), at, 2..3);
    let before = fs::read(segment::path(dir.path(), 0)).unwrap();
    let refused = damage_of(open_witnessed(dir.path(), Some(EntryIndex(2))));
    assert_eq!(refused.kind, DamageKind::Witnessed(EntryIndex(2)));
    assert_eq!(fs::read(segment::path(dir.path(), 0)).unwrap(), before);
    assert!(open_witnessed(dir.path(), Some(EntryIndex(1))).is_ok());
}

#[test]
fn an_unclean_stop_rewrites_the_last_segment_into_a_new_file() {
    use std::os::unix::fs::MetadataExt as _;
    let dir = TempDir::new().unwrap();
    not_closed(dir.path());
    let path = segment::path(dir.path(), 0);
    let (inode, bytes) = (fs::metadata(&path).unwrap().ino(), fs::read(&path).unwrap());
    fs::write(dir.path().join("00000000.seg.new"), b"left by a crash").unwrap();
    let opened = open(dir.path()).unwrap();
    assert_ne!(fs::metadata(&path).unwrap().ino(), inode);
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert!(!dir.path().join("00000000.seg.new").exists());
    opened.journal.close().unwrap();
    // After a stop in order it stays as it is.
    let inode = fs::metadata(&path).unwrap().ino();
    open(dir.path()).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().ino(), inode);
}

#[test]
fn a_crash_while_a_new_segment_begins_loses_nothing() {
    let dir = TempDir::new().unwrap();
    let mut journal = create(dir.path());
    let mut at = journal.append(&[vec![5; 1500]], b"").unwrap();
    let mut count = 1;
    while at.segment == 0 {
        at = journal.append(&[vec![5; 1500]], b"").unwrap();
        count += 1;
    }
    drop(journal);
    let held = |dir: &Path, expected: usize| {
        let Opened { mut journal, .. } = open(dir).unwrap();
        assert_eq!(entries_of(&journal.reader()).len(), expected);
        journal.append(&[b"next"], b"").unwrap();
        assert_eq!(entries_of(&audit(dir).unwrap().0).len(), expected + 1);
    };
    let copy = |change: &dyn Fn(&Path)| {
        let to = TempDir::new().unwrap();
        for number in [0, 1] {
            fs::copy(segment::path(dir.path(), number), segment::path(to.path(), number)).unwrap();
        }
        change(to.path());
        to
    };
    // Behind the seal: the first frame of the new segment is torn, then not there at all.
    held(copy(&|dir| zero(dir, at, 1..2)).path(), count - 1);
    held(copy(&|dir| zero(dir, at, 0..4)).path(), count - 1);
    // Before the seal: the new segment stands blank behind the old one.
    let unsealed = copy(&|dir| {
        zero(dir, at, 0..4);
        let bytes = fs::read(segment::path(dir, 0)).unwrap();
        let sectors = bytes.as_chunks::<512>().0;
        let last = sectors.iter().rposition(|sector| *sector != sector::ZERO).unwrap();
        overwrite(dir, 0, last as u64 * 512, &sector::ZERO);
    });
    held(unsealed.path(), count - 1);
}

#[test]
fn sectors_and_frames_that_are_good_elsewhere_are_damage_here() {
    let dir = TempDir::new().unwrap();
    let at = not_closed(dir.path());
    let path = segment::path(dir.path(), 0);
    let good = fs::read(&path).unwrap();
    let frame = usize::try_from(at.offset).unwrap();

    // Two full sectors of one body, exchanged.
    let mut bad = good.clone();
    bad.copy_within(frame + 1024..frame + 1536, frame + 512);
    fs::write(&path, &bad).unwrap();
    let damage = damage_of(open(dir.path()));
    assert_eq!((damage.offset, damage.kind), (at.offset + 512, DamageKind::Sector));

    // The same frame of another journal, which has the same number, place and length.
    let other = TempDir::new().unwrap();
    let mut journal = create(other.path());
    for entry in [b"uno", b"duo"] {
        journal.append(&[entry], b"checkpoint").unwrap();
    }
    assert_eq!(journal.append(&[vec![8; 2200]], b"checkpoint").unwrap(), at);
    let others = fs::read(segment::path(other.path(), 0)).unwrap();
    let mut bad = good.clone();
    bad[frame..].copy_from_slice(&others[frame..]);
    fs::write(&path, &bad).unwrap();
    let damage = damage_of(open(dir.path()));
    assert_eq!((damage.offset, damage.kind), (at.offset, DamageKind::Chain));
    // Its body alone, behind the right header.
    bad[frame..frame + 512].copy_from_slice(&good[frame..frame + 512]);
    fs::write(&path, &bad).unwrap();
    let damage = damage_of(open(dir.path()));
    assert_eq!((damage.offset, damage.kind), (at.offset, DamageKind::Chain));
}

#[test]
fn a_segment_that_grew_is_damage() {
    let dir = TempDir::new().unwrap();
    let mut journal = create(dir.path());
    for _ in 0..20 {
        journal.append(&[vec![1; 3000]], b"").unwrap();
    }
    journal.close().unwrap();
    let last = audit(dir.path()).unwrap().0.locate(EntryIndex(19)).unwrap().segment;
    for number in [0, last] {
        let path = segment::path(dir.path(), number);
        let good = fs::read(&path).unwrap();
        fs::write(&path, [good.as_slice(), &[0; 4096]].concat()).unwrap();
        for verify in [Verify::Tail, Verify::All] {
            let grown = Journal::open(dir.path(), LOG, SMALL, verify, None, &mut |_| {});
            assert_eq!(damage_of(grown).kind, DamageKind::Length);
        }
        fs::write(&path, good).unwrap();
    }
    open(dir.path()).unwrap();
}
