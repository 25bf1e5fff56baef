//! The one place where the clocks enter, and the guard that doubts them (architecture, Time).

pub mod skew;

use std::{
    sync::OnceLock,
    time::{Duration, Instant, SystemTime},
};

use jichi_protocol::{date::Time, id::OfficerId};

/// Time since this process first asked: it never goes back and nobody sets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Monotonic(pub Duration);

impl Monotonic {
    /// So much later.
    #[must_use]
    pub const fn later_by(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }

    /// Time from `earlier` to this reading; zero if it is not earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// The wall clock. A clock before 1970 reads as 1970, which the guard doubts.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is where wall time enters")]
pub fn now() -> Time {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Time(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}

/// The monotonic clock.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is where monotonic time enters")]
pub fn monotonic() -> Monotonic {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    let first = FIRST.get_or_init(Instant::now);
    Monotonic(Instant::now().saturating_duration_since(*first))
}

/// Both clocks, read together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// What the wall clock says.
    pub wall: Time,
    /// What the monotonic clock says.
    pub monotonic: Monotonic,
}

impl Reading {
    /// Both clocks now.
    #[must_use]
    pub fn now() -> Self {
        Self { wall: now(), monotonic: monotonic() }
    }
}

/// How far the wall clock may be behind the last entry, in milliseconds.
pub const BEHIND_MS_MAX: u64 = 60_000;
/// How far the wall clock may run apart from the monotonic one, in milliseconds.
pub const JUMP_MS_MAX: u64 = 60_000;
/// How long after the last entry a node may start without being asked, in milliseconds.
pub const SILENCE_MS_MAX: u64 = 24 * 3_600_000;

/// The time of an entry that is written while nobody can be asked to confirm the clock: no further
/// ahead of the journal than a start believes without asking.
#[must_use]
pub fn unasked(now: Time, last_entry: Time) -> Time {
    now.min(last_entry.later_by_ms(SILENCE_MS_MAX)).max(last_entry)
}

/// Why the wall clock is not believed. Writes stop: a forward jump would lapse points for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Doubtful {
    /// At start the wall clock is over 24 h past the last entry.
    #[error("the clock is over 24 h past the last entry; two of NTP, peers and an officer confirm")]
    LongSilence,
    /// The wall clock is over 60 s behind the last entry.
    #[error(
        "the clock is over 60 s behind the last entry; two of NTP, peers and an officer confirm"
    )]
    BehindLastEntry,
    /// The wall clock and the monotonic clock went apart by over 60 s.
    #[error("the clock jumped by over 60 s; two of NTP, peers and an officer confirm")]
    Jumped,
}

/// Who says that the wall clock is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockWitness {
    /// The machine's NTP service calls itself synchronised.
    Ntp,
    /// The signed times of peers agree.
    Peers,
    /// An officer looked.
    Officer(OfficerId),
}

/// Two witnesses of different kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confirmation {
    witnesses: (ClockWitness, ClockWitness),
}

impl Confirmation {
    /// Of two witnesses; none if they are of one kind (two officers are one).
    #[must_use]
    pub fn new(one: ClockWitness, other: ClockWitness) -> Option<Self> {
        let same_kind = core::mem::discriminant(&one) == core::mem::discriminant(&other);
        (!same_kind).then_some(Self { witnesses: (one, other) })
    }

    /// The two, for the entry that records them.
    #[must_use]
    pub const fn witnesses(&self) -> (ClockWitness, ClockWitness) {
        self.witnesses
    }
}

/// Decides whether the wall clock may date entries. Doubt stays until it is confirmed away.
#[derive(Debug, Clone)]
pub struct ClockGuard {
    /// The reading against which a jump is measured: of the start, or of the last confirmation.
    anchor: Reading,
    doubt: Option<Doubtful>,
    /// The last entry of which two witnesses said that it lies ahead of the right time.
    ahead_confirmed: Option<Time>,
}

impl ClockGuard {
    /// The guard of a node that starts now with this last entry (none: an empty journal).
    #[must_use]
    pub fn start(reading: Reading, last_entry: Option<Time>) -> Self {
        let silent = last_entry.is_some_and(|entry| reading.wall.ms_since(entry) > SILENCE_MS_MAX);
        let doubt = silent.then_some(Doubtful::LongSilence);
        let mut guard = Self { anchor: reading, doubt, ahead_confirmed: None };
        guard.doubt = guard.observe(reading, last_entry).err();
        guard
    }

    /// Looks at both clocks before an entry is dated.
    ///
    /// # Errors
    /// [`Doubtful`]: the first reason since the last confirmation; no entry may be written.
    pub fn observe(&mut self, reading: Reading, last_entry: Option<Time>) -> Result<(), Doubtful> {
        if self.doubt.is_none() {
            self.doubt = self.doubt_of(reading, last_entry);
        }
        self.doubt.map_or(Ok(()), Err)
    }

    /// Believes the wall clock again. An entry that lies ahead is then tolerated: entries repeat
    /// its time until the wall clock has passed it.
    pub fn confirm(&mut self, reading: Reading, last_entry: Option<Time>, _by: &Confirmation) {
        *self = Self { anchor: reading, doubt: None, ahead_confirmed: last_entry };
    }

    fn doubt_of(&self, reading: Reading, last_entry: Option<Time>) -> Option<Doubtful> {
        let behind = last_entry.is_some_and(|entry| {
            entry.ms_since(reading.wall) > BEHIND_MS_MAX && Some(entry) != self.ahead_confirmed
        });
        if behind {
            return Some(Doubtful::BehindLastEntry);
        }
        let passed = reading.monotonic.since(self.anchor.monotonic).as_millis();
        let expected = self.anchor.wall.later_by_ms(u64::try_from(passed).unwrap_or(u64::MAX));
        let apart = reading.wall.0.abs_diff(expected.0);
        (apart > JUMP_MS_MAX).then_some(Doubtful::Jumped)
    }
}

#[cfg(test)]
mod tests;
