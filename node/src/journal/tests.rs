//! The journal's promises, on real files.

use std::{fs, os::unix::fs::FileExt as _, path::Path};
use tempfile::TempDir;

use super::{damage::ReadError, *};

mod crash;
pub(crate) mod full;
mod model;

const SMALL: SegmentBytes = SegmentBytes::new(8192).unwrap();
const LOG: Log = Log::Journal;

fn create(dir: &Path) -> Journal {
    Journal::create(dir, LOG, SMALL).unwrap()
}

fn open_witnessed(dir: &Path, seen: Option<EntryIndex>) -> Result<Opened, OpenError> {
    Journal::open(dir, LOG, SMALL, Verify::All, seen, &mut |_| {})
}

fn open(dir: &Path) -> Result<Opened, OpenError> {
    open_witnessed(dir, None)
}

fn audit(dir: &Path) -> Result<(Reader, Tail), OpenError> {
    Reader::open(dir, LOG, Verify::All, &mut |_| {})
}

fn entries_of(reader: &Reader) -> Vec<Vec<u8>> {
    let frames = reader.frames(EntryIndex(0)).map(Result::unwrap);
    frames.flat_map(|frame| frame.entries().map(<[u8]>::to_vec).collect::<Vec<_>>()).collect()
}

/// Writes over bytes of a segment, behind the journal's back.
fn overwrite(dir: &Path, segment: u32, offset: u64, bytes: &[u8]) {
    let file = OpenOptions::new().write(true).open(segment::path(dir, segment)).unwrap();
    file.write_all_at(bytes, offset).unwrap();
}

fn damage_of(result: Result<impl std::fmt::Debug, OpenError>) -> Damage {
    let error = result.unwrap_err();
    let OpenError::Damage(damage) = error else { panic!("not damage: {error}") };
    damage
}

#[test]
fn what_was_appended_is_read_back_after_a_restart() {
    let dir = TempDir::new().unwrap();
    let mut journal = create(dir.path());
    let at = journal.append(&[&b"one"[..], b"", b"three"], b"checkpoint 3").unwrap();
    assert_eq!((at.first, at.count, at.offset), (EntryIndex(0), 3, 0));
    let second = journal.append(&[b"four"], b"checkpoint 4").unwrap();
    assert_eq!(second.first, EntryIndex(3));
    journal.close().unwrap();

    let Opened { journal, warnings } = open(dir.path()).unwrap();
    assert_eq!(warnings, []);
    assert_eq!(journal.next_index(), EntryIndex(4));
    let reader = journal.reader();
    let frames: Vec<_> = reader.frames(EntryIndex(0)).map(Result::unwrap).collect();
    assert_eq!(frames.len(), 2);
    assert_eq!(frames[0].entries().collect::<Vec<_>>(), [&b"one"[..], b"", b"three"]);
    assert_eq!((frames[0].checkpoint(), frames[0].at), (&b"checkpoint 3"[..], at));
    assert_eq!((frames[1].checkpoint(), frames[1].at), (&b"checkpoint 4"[..], second));
    assert_eq!(reader.entry(at.entry(2)).unwrap(), b"three");
    assert_eq!(reader.locate(EntryIndex(3)).unwrap(), second.entry(0));
    assert!(matches!(reader.locate(EntryIndex(4)), Err(ReadError::NotThere(EntryIndex(4)))));
    assert!(matches!(reader.entry(at.entry(3)), Err(ReadError::Damage(_))));
}

#[test]
fn a_reader_sees_what_is_appended_after_it_was_made() {
    let dir = TempDir::new().unwrap();
    let mut journal = create(dir.path());
    let reader = journal.reader();
    let mut frames = reader.frames(EntryIndex(0));
    assert!(frames.next().is_none());
    let mut written = Vec::new();
    // Enough for several segments, with frames of several sectors.
    for n in 0..200_u32 {
        let entry = vec![n.to_le_bytes()[0]; 10 + 7 * n as usize];
        let at = journal.append(&[&entry], b"c").unwrap();
        let frame = frames.next().unwrap().unwrap();
        assert_eq!(frame.at, at);
        written.push((entry, at));
    }
    assert!(frames.next().is_none());
    assert!(reader.scrub().map(Result::unwrap).count() > 10);
    let from: Vec<_> = reader.frames(EntryIndex(150)).map(|frame| frame.unwrap().at).collect();
    assert_eq!(from[0].first, EntryIndex(150));
    assert_eq!(from.len(), 50);
    journal.close().unwrap();
    for verify in [Verify::Tail, Verify::All] {
        let mut last = Progress { done: 0, all: 1 };
        let opened = Journal::open(dir.path(), LOG, SMALL, verify, None, &mut |at| last = at);
        let Opened { journal, warnings } = opened.unwrap();
        assert_eq!((warnings.len(), last.done), (0, last.all));
        for (index, (entry, at)) in (0..).zip(&written) {
            let found = journal.reader().locate(EntryIndex(index)).unwrap();
            assert_eq!(found, at.entry(0));
            assert_eq!(&journal.reader().entry(found).unwrap(), entry);
        }
    }
}

#[test]
fn a_folder_is_open_once_and_an_auditor_needs_no_lock() {
    let dir = TempDir::new().unwrap();
    let mut journal = create(dir.path());
    journal.append(&[b"one"], b"").unwrap();
    assert!(matches!(open(dir.path()), Err(OpenError::Locked(_))));
    let (reader, tail) = audit(dir.path()).unwrap();
    assert_eq!((entries_of(&reader).len(), tail), (1, Tail::NotClosed));
    journal.close().unwrap();
    assert_eq!(audit(dir.path()).unwrap().1, Tail::Closed);
    open(dir.path()).unwrap();
}

#[test]
fn a_log_is_neither_made_over_another_nor_opened_out_of_nothing() {
    let dir = TempDir::new().unwrap();
    assert!(matches!(open(dir.path()), Err(OpenError::NothingThere(_))));
    assert!(matches!(open(&dir.path().join("none")), Err(OpenError::NothingThere(_))));
    drop(create(dir.path()));
    let again = Journal::create(dir.path(), LOG, SMALL);
    assert!(matches!(again, Err(OpenError::AlreadyThere(_))));
}

#[test]
fn a_segment_of_another_log_is_damage() {
    let dir = TempDir::new().unwrap();
    let mut journal = create(dir.path());
    journal.append(&[b"one"], b"").unwrap();
    journal.close().unwrap();
    let other = Reader::open(dir.path(), Log::Vault, Verify::Tail, &mut |_| {});
    assert_eq!(damage_of(other.map(drop)).kind, DamageKind::Sector);
}

#[test]
fn batches_over_the_limits_are_refused_and_harm_nothing() {
    let dir = TempDir::new().unwrap();
    let mut journal = create(dir.path());
    let none: [&[u8]; 0] = [];
    assert_eq!(journal.append(&none, b""), Err(AppendError::Empty));
    let large = vec![1; ENTRY_BYTES_MAX + 1];
    let refused = journal.append(&[&large], b"");
    assert_eq!(refused, Err(AppendError::EntryTooLarge(ENTRY_BYTES_MAX + 1)));
    // The largest batch fits, and one byte more does not.
    let most = (journal.frame_bytes_max() / SECTOR_BYTES - 1) * 507 - 8;
    assert_eq!(frame::frame_bytes(1, most, 0), journal.frame_bytes_max());
    for _ in 0..3 {
        journal.append(&[vec![2; most]], b"").unwrap();
    }
    let refused = journal.append(&[vec![2; most + 1]], b"");
    assert!(matches!(refused, Err(AppendError::BatchTooLarge(_))));
    journal.close().unwrap();
    assert_eq!(entries_of(&audit(dir.path()).unwrap().0).len(), 3);
}

#[test]
fn a_log_goes_on_with_larger_and_smaller_segments() {
    let dir = TempDir::new().unwrap();
    let mut journal = create(dir.path());
    let mut count = 0;
    for bytes in [8192, 1 << 20, 12288] {
        for _ in 0..30 {
            let most = journal.frame_bytes_max().min(ENTRY_BYTES_MAX) - 1024;
            journal.append(&[vec![3; most]], b"").unwrap();
            count += 1;
        }
        journal.close().unwrap();
        let size = SegmentBytes::new(bytes).unwrap();
        let opened = Journal::open(dir.path(), LOG, size, Verify::All, None, &mut |_| {});
        journal = opened.unwrap().journal;
    }
    assert_eq!(entries_of(&journal.reader()).len(), count);
}

#[test]
fn a_failed_write_poisons_the_journal() {
    let dir = TempDir::new().unwrap();
    let mut journal = create(dir.path());
    journal.append(&[b"one"], b"").unwrap();
    // A handle that cannot be written to stands for a disk that refuses.
    journal.current.file = File::open(segment::path(dir.path(), 0)).unwrap();
    let halt = journal.append(&[b"two"], b"").unwrap_err();
    assert!(matches!(halt, AppendError::Halt(Halt::NotDurable { segment: 0, .. })), "{halt}");
    journal.current = Current::open(dir.path(), 0, journal.current.sector).unwrap();
    assert_eq!(journal.append(&[b"two"], b""), Err(AppendError::Halt(Halt::Poisoned)));
    assert_eq!(entries_of(&journal.reader()), [b"one".to_vec()]);
    assert_eq!(journal.close(), Err(AppendError::Halt(Halt::Poisoned)));
    assert_eq!(entries_of(&open(dir.path()).unwrap().journal.reader()), [b"one".to_vec()]);
}

#[test]
fn an_entry_that_was_damaged_since_is_not_served() {
    let dir = TempDir::new().unwrap();
    let mut journal = create(dir.path());
    let at = journal.append(&[vec![1; 3000], vec![2; 10]], b"").unwrap();
    let reader = journal.reader();
    overwrite(dir.path(), 0, 1000, b"x");
    assert!(matches!(reader.entry(at.entry(1)), Err(ReadError::Damage(_))));
    assert!(matches!(reader.frames(EntryIndex(0)).next(), Some(Err(ReadError::Damage(_)))));
}

#[test]
fn a_scrub_finds_damage_that_a_start_did_not_read() {
    let dir = TempDir::new().unwrap();
    let mut journal = create(dir.path());
    for _ in 0..20 {
        journal.append(&[vec![1; 3000]], b"").unwrap();
    }
    journal.close().unwrap();
    overwrite(dir.path(), 2, 1000, b"x");
    let opened = Journal::open(dir.path(), LOG, SMALL, Verify::Tail, None, &mut |_| {}).unwrap();
    let mut scrub = opened.journal.reader().scrub();
    assert_eq!(scrub.next().unwrap().unwrap(), 0);
    assert_eq!(scrub.next().unwrap().unwrap(), 1);
    let Some(Err(ReadError::Damage(damage))) = scrub.next() else { panic!("not found") };
    assert_eq!((damage.segment, damage.offset), (2, 512));
    drop(opened);
    assert_eq!(damage_of(open(dir.path())).segment, 2);
}

#[test]
fn a_segment_that_is_missing_cut_short_or_exchanged_is_found_at_every_start() {
    let dir = TempDir::new().unwrap();
    let mut journal = create(dir.path());
    for _ in 0..20 {
        journal.append(&[vec![1; 3000]], b"").unwrap();
    }
    journal.close().unwrap();
    let start =
        |dir: &Path| Journal::open(dir, LOG, SMALL, Verify::Tail, None, &mut |_| {}).map(drop);
    let path = |number| segment::path(dir.path(), number);
    let good = fs::read(path(2)).unwrap();

    fs::remove_file(path(2)).unwrap();
    assert_eq!(damage_of(start(dir.path())).kind, DamageKind::Missing);
    fs::write(path(2), &good[..4096]).unwrap();
    assert_eq!(damage_of(start(dir.path())).kind, DamageKind::Length);
    fs::copy(path(3), path(2)).unwrap();
    assert_eq!(damage_of(start(dir.path())).kind, DamageKind::Sector);
    fs::write(path(2), vec![0; good.len()]).unwrap();
    damage_of(start(dir.path()));
    fs::write(path(2), &good).unwrap();
    start(dir.path()).unwrap();
    let last = segment::list(dir.path()).unwrap().pop().unwrap().0;
    for gone in (1..=last).rev() {
        fs::remove_file(path(gone)).unwrap();
    }
    // The first segment has its seal, so another one has to follow.
    assert_eq!(damage_of(start(dir.path())).kind, DamageKind::Missing);
}
