//! One peer's share of the node: so many requests at once, and so many a second. A peer that asks
//! for more is not answered and asks again later, while the others' share stays theirs.

use jichi_protocol::directory::Party;

use super::line::IN_FLIGHT_MAX;
use crate::clock::Monotonic;

/// Requests of one peer that the node works on at once: as many as an honest one has on the wire.
pub(super) const IN_WORK_MAX: usize = IN_FLIGHT_MAX;
/// Requests of one town in a second, in the long run. A town that was cut off for a week delivers
/// a day's messages of a large town in some minutes.
const TOWN_PER_SECOND: u64 = 300;
/// Requests of the coordinator, who routes for all companies.
const COORDINATOR_PER_SECOND: u64 = 3_000;
/// How many seconds' worth may come at once after a silence.
const BURST_SECONDS: u64 = 4;

/// What one peer has taken of its share.
#[derive(Debug)]
pub(super) struct Share {
    in_work: usize,
    per_second: u64,
    /// Thousandths of requests that it may still send.
    credit: u64,
    counted: Monotonic,
}

impl Share {
    /// The whole share of a party.
    pub(super) const fn of(party: Party, now: Monotonic) -> Self {
        let per_second = match party {
            Party::Town(_) => TOWN_PER_SECOND,
            Party::Coordinator => COORDINATOR_PER_SECOND,
        };
        Self { in_work: 0, per_second, credit: Self::full(per_second), counted: now }
    }

    const fn full(per_second: u64) -> u64 {
        per_second.saturating_mul(BURST_SECONDS).saturating_mul(1_000)
    }

    /// Takes a place for a request, if there is one. It is given back by [`Self::done`].
    pub(super) fn take(&mut self, now: Monotonic) -> bool {
        let ms = u64::try_from(now.since(self.counted).as_millis()).unwrap_or(u64::MAX);
        if ms > 0 {
            // So many requests a second are as many thousandths a millisecond.
            let earned = ms.saturating_mul(self.per_second);
            self.credit = self.credit.saturating_add(earned).min(Self::full(self.per_second));
            self.counted = now;
        }
        let left = self.credit.checked_sub(1_000);
        let Some(left) = left.filter(|_| self.in_work < IN_WORK_MAX) else { return false };
        self.credit = left;
        self.in_work = self.in_work.saturating_add(1);
        true
    }

    /// Whether nothing of this peer is in work.
    pub(super) const fn is_idle(&self) -> bool {
        self.in_work == 0
    }

    /// A request has its answer, or never will.
    pub(super) const fn done(&mut self) {
        self.in_work = self.in_work.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(ms: u64) -> Monotonic {
        Monotonic(Duration::from_millis(ms))
    }

    fn town() -> Party {
        Party::Town("102016".parse().unwrap())
    }

    /// How many of `asked` requests are taken at one time, each answered at once.
    fn taken(share: &mut Share, now: Monotonic, asked: usize) -> usize {
        let all = (0..asked).filter(|_| {
            let taken = share.take(now);
            if taken {
                share.done();
            }
            taken
        });
        all.count()
    }

    #[test]
    fn a_flood_is_taken_at_the_peers_rate_and_no_faster() {
        let mut share = Share::of(town(), at(0));
        assert_eq!(taken(&mut share, at(0), 10_000), 1_200);
        let steady: usize = (1..=5_000).map(|ms| taken(&mut share, at(ms), 100)).sum();
        assert_eq!(steady, 1_500);
    }

    #[test]
    fn a_silence_earns_no_more_than_a_few_seconds() {
        let mut share = Share::of(town(), at(0));
        assert_eq!(taken(&mut share, at(86_400_000), 10_000), 1_200);
    }

    #[test]
    fn what_is_in_work_takes_a_place_until_it_is_done() {
        let mut share = Share::of(town(), at(0));
        assert_eq!((0..1_000).filter(|_| share.take(at(0))).count(), IN_WORK_MAX);
        share.done();
        assert!(share.take(at(0)));
        assert!(!share.take(at(0)));
    }

    #[test]
    fn the_coordinator_may_send_for_all_companies() {
        let mut share = Share::of(Party::Coordinator, at(0));
        assert_eq!(taken(&mut share, at(0), 20_000), 12_000);
    }
}
