//! The clocks of other towns beside this machine's: a clock that is wrong from the start, which the
//! guard cannot see, lies apart from most of theirs. That alarms, and decides nothing.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jichi_protocol::{date::Time, id::TownId};

use super::{Monotonic, Reading};

/// How far this clock may lie apart from those of other towns, in milliseconds.
pub const SKEW_MS_MAX: u64 = 5 * 60_000;
/// How long it counts what a town said. The clock that nobody sets has gone on so long beside it.
const COUNTS_FOR: Duration = Duration::from_secs(24 * 3_600);

/// What a town's clock said, and when it said so.
#[derive(Debug, Clone, Copy)]
struct Told {
    time: Time,
    at: Monotonic,
}

#[derive(Debug, Default)]
struct Heard {
    told: BTreeMap<TownId, Told>,
    apart: bool,
}

/// What other towns' clocks said. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct PeerClocks(Arc<Mutex<Heard>>);

impl PeerClocks {
    /// A town's clock said this, within the seconds that a reply takes. Writes about it when the
    /// alarm begins or ends.
    pub fn told(&self, town: TownId, time: Time, now: Reading) {
        let mut heard = self.heard();
        heard.told.retain(|_, told| now.monotonic.since(told.at) <= COUNTS_FOR);
        heard.told.insert(town, Told { time, at: now.monotonic });
        let skew = skew_of(&heard.told, now);
        let apart = skew.is_some_and(is_apart);
        if apart != heard.apart {
            heard.apart = apart;
            let (seconds, towns) = (skew.unwrap_or(0) / 1_000, heard.told.len());
            if apart {
                tracing::error!(
                    seconds,
                    towns,
                    "this machine's clock lies over five minutes apart \
                    from those of other towns; look at its NTP service"
                );
            } else {
                tracing::warn!(
                    seconds,
                    towns,
                    "this machine's clock agrees with other towns' again"
                );
            }
        }
    }

    /// By how many milliseconds this clock is ahead of other towns', in the middle of them; none if
    /// no town has said anything within a day. Of two in the middle it is the smaller one, so that
    /// one wrong clock of two makes no alarm.
    #[must_use]
    pub fn skew_ms(&self, now: Reading) -> Option<i64> {
        skew_of(&self.heard().told, now)
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        // Whoever panicked while holding it left a map that is still whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a skew alarms.
#[must_use]
pub const fn is_apart(skew_ms: i64) -> bool {
    skew_ms.unsigned_abs() > SKEW_MS_MAX
}

fn skew_of(told: &BTreeMap<TownId, Told>, now: Reading) -> Option<i64> {
    let signed = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
    let skew = |told: &Told| {
        let age = now.monotonic.since(told.at);
        let there = told.time.0.saturating_add(u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
        (age <= COUNTS_FOR).then(|| signed(now.wall.0).saturating_sub(signed(there)))
    };
    let mut skews: Vec<i64> = told.values().filter_map(skew).collect();
    skews.sort_unstable();
    let last = skews.len().checked_sub(1)?;
    let middle = [skews.get(last / 2), skews.get(last.div_ceil(2))];
    middle.into_iter().flatten().min_by_key(|skew| skew.unsigned_abs()).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: u64 = 1_800_000_000_000;
    const MINUTE: u64 = 60_000;

    fn town(code: &str) -> TownId {
        code.parse().unwrap()
    }

    fn at(wall: u64, seconds: u64) -> Reading {
        Reading { wall: Time(wall), monotonic: Monotonic(Duration::from_secs(seconds)) }
    }

    #[test]
    fn over_five_minutes_to_the_middle_of_the_towns_alarms() {
        let clocks = PeerClocks::default();
        assert_eq!(clocks.skew_ms(at(NOON, 0)), None);
        clocks.told(town("102016"), Time(NOON - 6 * MINUTE), at(NOON, 0));
        assert_eq!(clocks.skew_ms(at(NOON, 0)), Some(360_000));
        // One of two may be the wrong one.
        clocks.told(town("141500"), Time(NOON), at(NOON, 0));
        assert_eq!(clocks.skew_ms(at(NOON, 0)), Some(0));
        clocks.told(town("242012"), Time(NOON - 7 * MINUTE), at(NOON, 0));
        assert_eq!(clocks.skew_ms(at(NOON, 0)), Some(360_000));
        assert!(is_apart(300_001) && is_apart(-300_001) && !is_apart(300_000));
    }

    #[test]
    fn a_clock_that_is_put_right_agrees_at_once() {
        let clocks = PeerClocks::default();
        clocks.told(town("102016"), Time(NOON), at(NOON + 10 * MINUTE, 0));
        let later = |wall| clocks.skew_ms(at(wall, 60));
        assert_eq!(later(NOON + 11 * MINUTE), Some(600_000));
        assert_eq!(later(NOON + MINUTE), Some(0));
        assert_eq!(later(NOON - 9 * MINUTE), Some(-600_000));
    }

    #[test]
    fn what_was_said_over_a_day_ago_does_not_count() {
        let clocks = PeerClocks::default();
        clocks.told(town("102016"), Time(NOON), at(NOON, 0));
        assert_eq!(clocks.skew_ms(at(NOON + 86_400_000, 86_400)), Some(0));
        assert_eq!(clocks.skew_ms(at(NOON + 86_401_000, 86_401)), None);
    }
}
