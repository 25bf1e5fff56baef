//! Trouble that others make, counted.

use std::time::Duration;

use crate::clock::Monotonic;

/// How often the same trouble is written about at most.
const SAID_EVERY: Duration = Duration::from_secs(60);

/// Trouble that anyone on the network can make, so it is counted and seldom written about.
#[derive(Default)]
pub(super) struct Tally {
    count: u64,
    said: Option<Monotonic>,
}

impl Tally {
    /// One more; the count so far, if it is time to write about it.
    pub(super) fn add(&mut self, now: Monotonic) -> Option<u64> {
        self.count = self.count.saturating_add(1);
        let due = self.said.is_none_or(|said| now.since(said) >= SAID_EVERY);
        due.then(|| {
            self.said = Some(now);
            self.count
        })
    }
}
