//! Made-up readings of both clocks.

use super::*;

const NOON: u64 = 1_795_489_200_000;

fn reading(wall: u64, seconds: u64) -> Reading {
    Reading { wall: Time(wall), monotonic: Monotonic(Duration::from_secs(seconds)) }
}

fn confirmed() -> Confirmation {
    Confirmation::new(ClockWitness::Ntp, ClockWitness::Officer(OfficerId(1))).unwrap()
}

#[test]
fn a_clock_that_runs_with_the_entries_is_believed() {
    let mut guard = ClockGuard::start(reading(NOON, 0), Some(Time(NOON - 1000)));
    assert_eq!(guard.observe(reading(NOON + 5_000, 5), Some(Time(NOON))), Ok(()));
    let mut empty = ClockGuard::start(reading(NOON, 0), None);
    assert_eq!(empty.observe(reading(NOON, 0), None), Ok(()));
}

#[test]
fn a_clock_over_60_s_behind_the_last_entry_is_doubted() {
    let mut guard = ClockGuard::start(reading(NOON, 0), None);
    assert_eq!(guard.observe(reading(NOON, 0), Some(Time(NOON + 60_000))), Ok(()));
    let behind = guard.observe(reading(NOON, 0), Some(Time(NOON + 60_001)));
    assert_eq!(behind, Err(Doubtful::BehindLastEntry));
}

#[test]
fn a_jump_of_over_60_s_is_doubted_both_ways_and_in_steps() {
    for wall in [NOON + 70_001, NOON - 50_001] {
        let mut guard = ClockGuard::start(reading(NOON, 0), None);
        assert_eq!(guard.observe(reading(wall, 10), None), Err(Doubtful::Jumped));
    }
    let mut guard = ClockGuard::start(reading(NOON, 0), None);
    assert_eq!(guard.observe(reading(NOON + 40_000, 0), None), Ok(()));
    assert_eq!(guard.observe(reading(NOON + 80_000, 0), None), Err(Doubtful::Jumped));
}

#[test]
fn a_start_over_24_h_after_the_last_entry_is_doubted_until_confirmed() {
    let later = NOON + SILENCE_MS_MAX;
    let mut fine = ClockGuard::start(reading(later, 0), Some(Time(NOON)));
    assert_eq!(fine.observe(reading(later, 0), Some(Time(NOON))), Ok(()));
    let start = reading(later + 1, 0);
    let mut guard = ClockGuard::start(start, Some(Time(NOON)));
    assert_eq!(guard.observe(start, Some(Time(NOON))), Err(Doubtful::LongSilence));
    guard.confirm(start, Some(Time(NOON)), &confirmed());
    assert_eq!(guard.observe(start, Some(Time(NOON))), Ok(()));
}

#[test]
fn doubt_stays_when_the_clock_jumps_back() {
    let mut guard = ClockGuard::start(reading(NOON, 0), None);
    assert_eq!(guard.observe(reading(NOON + 90_000, 0), None), Err(Doubtful::Jumped));
    assert_eq!(guard.observe(reading(NOON, 0), None), Err(Doubtful::Jumped));
}

#[test]
fn an_entry_confirmed_to_lie_ahead_is_tolerated_and_a_later_one_is_not() {
    let ahead = Some(Time(NOON + 3_600_000));
    let mut guard = ClockGuard::start(reading(NOON, 0), ahead);
    assert_eq!(guard.observe(reading(NOON, 0), ahead), Err(Doubtful::BehindLastEntry));
    guard.confirm(reading(NOON, 0), ahead, &confirmed());
    assert_eq!(guard.observe(reading(NOON + 1000, 1), ahead), Ok(()));
    let further = Some(Time(NOON + 3_700_000));
    let answer = guard.observe(reading(NOON + 2000, 2), further);
    assert_eq!(answer, Err(Doubtful::BehindLastEntry));
}

#[test]
fn one_kind_of_witness_confirms_nothing() {
    let (one, two) = (ClockWitness::Officer(OfficerId(1)), ClockWitness::Officer(OfficerId(2)));
    assert_eq!(Confirmation::new(one, two), None);
    assert_eq!(Confirmation::new(ClockWitness::Ntp, ClockWitness::Ntp), None);
}

#[test]
fn the_real_clocks_go_forward() {
    let first = Reading::now();
    let second = Reading::now();
    assert!(second.monotonic >= first.monotonic);
    // 2026-01-01: a machine of today.
    assert!(first.wall.0 > 1_767_193_200_000);
}
