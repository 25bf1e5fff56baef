//! One peer's share of the node, for each protocol: so many requests at once, so many a second, so
//! many bytes a second. What comes faster waits for its turn, while the others' share stays theirs.

use jichi_protocol::directory::Party;

use super::{Protocol, line::IN_FLIGHT_MAX};
use crate::clock::Monotonic;

/// How many seconds' worth may come at once after a silence.
const BURST_SECONDS: u64 = 4;

/// What one peer may take of the node by one protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Allowance {
    /// Requests that the node works on at once.
    pub(super) in_work: usize,
    /// Requests in a second, in the long run.
    per_second: u64,
    /// Bytes of requests in a second, in the long run. What may come at once holds the largest
    /// message.
    bytes_per_second: u64,
}

impl Allowance {
    const fn new(in_work: usize, per_second: u64, bytes_per_second: u64) -> Self {
        Self { in_work, per_second, bytes_per_second }
    }

    /// What a party may take by a protocol. Each delivery costs two checks of signatures and often
    /// an entry; the other protocols are asked seldom by honest nodes, and some of their answers
    /// cost more: a sync of the disk, a page of the journal, a look at a password.
    pub(super) const fn of(party: Party, protocol: Protocol) -> Self {
        const KIB: u64 = 1_024;
        match (party, protocol) {
            // What comes faster waits, and a town that was cut off for a week delivers tens of
            // thousands of messages in some minutes.
            (Party::Town(_), Protocol::Envelope) => Self::new(IN_FLIGHT_MAX, 150, 2_048 * KIB),
            // The coordinator routes for all companies.
            (Party::Coordinator, Protocol::Conversion) => {
                Self::new(IN_FLIGHT_MAX, 3_000, 8_192 * KIB)
            }
            // A session has up to 256 messages.
            (_, Protocol::Document) => Self::new(4, 64, 1_024 * KIB),
            (_, Protocol::Holder) => Self::new(8, 30, 64 * KIB),
            // A restored town fetches its messages by the page.
            (_, Protocol::Standing) => Self::new(2, 10, 64 * KIB),
            // Once a minute, and a proof now and then.
            (_, Protocol::Witness) => Self::new(2, 10, 256 * KIB),
            (Party::Coordinator, Protocol::Envelope) | (Party::Town(_), Protocol::Conversion) => {
                Self::new(1, 1, 64 * KIB)
            }
        }
    }
}

/// Credit that fills with time.
#[derive(Debug)]
struct Bucket {
    per_second: u64,
    /// In thousandths.
    credit: u64,
}

impl Bucket {
    const fn full(per_second: u64) -> Self {
        Self { per_second, credit: Self::most(per_second) }
    }

    const fn most(per_second: u64) -> u64 {
        per_second.saturating_mul(BURST_SECONDS).saturating_mul(1_000)
    }

    /// So many a second are as many thousandths a millisecond.
    fn earn(&mut self, ms: u64) {
        let earned = ms.saturating_mul(self.per_second);
        self.credit = self.credit.saturating_add(earned).min(Self::most(self.per_second));
    }

    const fn without(&self, amount: u64) -> Option<u64> {
        self.credit.checked_sub(amount.saturating_mul(1_000))
    }
}

/// What one peer has taken of its share by one protocol.
#[derive(Debug)]
pub(super) struct Share {
    in_work: usize,
    in_work_max: usize,
    requests: Bucket,
    bytes: Bucket,
    counted: Monotonic,
}

impl Share {
    /// The whole share.
    pub(super) const fn of(allowance: Allowance, now: Monotonic) -> Self {
        Self {
            in_work: 0,
            in_work_max: allowance.in_work,
            requests: Bucket::full(allowance.per_second),
            bytes: Bucket::full(allowance.bytes_per_second),
            counted: now,
        }
    }

    /// Takes a place for a request of so many bytes, if there is one. It is given back by
    /// [`Self::done`].
    pub(super) fn take(&mut self, now: Monotonic, bytes: usize) -> bool {
        let ms = u64::try_from(now.since(self.counted).as_millis()).unwrap_or(u64::MAX);
        if ms > 0 {
            self.requests.earn(ms);
            self.bytes.earn(ms);
            self.counted = now;
        }
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let left = (self.requests.without(1), self.bytes.without(bytes));
        let (Some(requests), Some(bytes)) = left else { return false };
        if self.in_work >= self.in_work_max {
            return false;
        }
        (self.requests.credit, self.bytes.credit) = (requests, bytes);
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
    use crate::peer::MESSAGE_BYTES_MAX;

    fn at(ms: u64) -> Monotonic {
        Monotonic(Duration::from_millis(ms))
    }

    fn town() -> Party {
        Party::Town("102016".parse().unwrap())
    }

    fn share(party: Party, protocol: Protocol) -> Share {
        Share::of(Allowance::of(party, protocol), at(0))
    }

    /// How many of `asked` requests of so many bytes are taken at one time, each answered at once.
    fn taken(share: &mut Share, now: Monotonic, asked: usize, bytes: usize) -> usize {
        let all = (0..asked).filter(|_| {
            let taken = share.take(now, bytes);
            if taken {
                share.done();
            }
            taken
        });
        all.count()
    }

    #[test]
    fn a_flood_is_taken_at_the_peers_rate_and_no_faster() {
        let mut share = share(town(), Protocol::Envelope);
        assert_eq!(taken(&mut share, at(0), 10_000, 64), 600);
        let steady: usize = (1..=5_000).map(|ms| taken(&mut share, at(ms), 100, 64)).sum();
        assert_eq!(steady, 750);
    }

    #[test]
    fn large_messages_are_taken_by_their_bytes() {
        let mut share = share(town(), Protocol::Envelope);
        let burst = 4 * 2 * 1_024 * 1_024 / MESSAGE_BYTES_MAX;
        assert_eq!(taken(&mut share, at(0), 10_000, MESSAGE_BYTES_MAX), burst);
        let steady: usize =
            (1..=5_000).map(|ms| taken(&mut share, at(ms), 100, MESSAGE_BYTES_MAX)).sum();
        assert_eq!(steady, 5 * 2 * 1_024 * 1_024 / MESSAGE_BYTES_MAX);
    }

    #[test]
    fn the_largest_message_is_taken_by_every_protocol() {
        for party in [town(), Party::Coordinator] {
            for protocol in Protocol::ALL {
                assert!(share(party, protocol).take(at(0), MESSAGE_BYTES_MAX), "{protocol:?}");
            }
        }
    }

    #[test]
    fn a_silence_earns_no_more_than_a_few_seconds() {
        let mut share = share(town(), Protocol::Envelope);
        assert_eq!(taken(&mut share, at(86_400_000), 10_000, 64), 600);
    }

    #[test]
    fn what_is_in_work_takes_a_place_until_it_is_done() {
        let mut share = share(town(), Protocol::Envelope);
        assert_eq!((0..1_000).filter(|_| share.take(at(0), 64)).count(), IN_FLIGHT_MAX);
        share.done();
        assert!(share.take(at(0), 64));
        assert!(!share.take(at(0), 64));
    }

    #[test]
    fn the_coordinator_may_send_for_all_companies() {
        let mut share = share(Party::Coordinator, Protocol::Conversion);
        assert_eq!(taken(&mut share, at(0), 20_000, 64), 12_000);
    }

    #[test]
    fn what_costs_the_node_most_is_asked_least() {
        for protocol in [Protocol::Witness, Protocol::Standing] {
            let mut share = share(town(), protocol);
            assert_eq!(taken(&mut share, at(0), 1_000, 64), 40, "{protocol:?}");
        }
    }
}
