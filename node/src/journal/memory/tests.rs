//! A log in memory, and what a crash leaves of it.

use super::*;

const SMALL: SegmentBytes = SegmentBytes::new(8192).unwrap();

/// A segment with so many batches of one entry, and the log behind it.
fn written(batches: u8) -> (Vec<u8>, MemoryLog) {
    let (mut segment, mut log) = (vec![0; 8192], MemoryLog::new(Log::Journal, SMALL));
    for number in 0..batches {
        let laid = log.lay(&[vec![number; 700]], b"checkpoint").unwrap();
        let at = usize::try_from(laid.offset).unwrap();
        segment[at..at + laid.bytes.len()].copy_from_slice(&laid.bytes);
        log = laid.behind;
    }
    (segment, log)
}

#[test]
fn what_was_written_is_read_back() {
    let (segment, log) = written(3);
    let found = MemoryLog::open(Log::Journal, &segment).unwrap();
    assert_eq!((found.log.next_index(), found.torn), (log.next_index(), 0));
    let entries: Vec<_> = found.batches.iter().map(|batch| batch.entries.clone()).collect();
    assert_eq!(entries, [0_u8, 1, 2].map(|number| vec![vec![number; 700]]));
    assert!(found.batches.iter().all(|batch| batch.checkpoint == b"checkpoint"));
}

#[test]
fn a_frame_that_lacks_a_sector_is_torn_and_the_log_goes_on_in_its_place() {
    let (mut segment, log) = written(2);
    let laid = log.lay(&[vec![9; 700]], b"checkpoint").unwrap();
    let at = usize::try_from(laid.offset).unwrap();
    segment[at..at + laid.bytes.len()].copy_from_slice(&laid.bytes);
    segment[at + SECTOR_BYTES..at + 2 * SECTOR_BYTES].fill(0);
    let found = MemoryLog::open(Log::Journal, &segment).unwrap();
    assert_eq!((found.batches.len(), found.torn), (2, 2));
    assert_eq!(found.good, laid.offset);
    assert_eq!(found.log.next_index(), log.next_index());
}

#[test]
fn what_no_crash_leaves_is_damage() {
    let (mut segment, _) = written(2);
    segment[600] ^= 1;
    MemoryLog::open(Log::Journal, &segment).unwrap_err();
    assert!(MemoryLog::open(Log::Vault, &written(1).0).is_err());
}

#[test]
fn a_full_segment_takes_no_more() {
    let (_, log) = written(5);
    assert!(log.lay(&[vec![1; 700]], b"checkpoint").is_none());
}
