//! What waits for one peer, and when it may be dialled again.

use std::{collections::VecDeque, time::Duration};

use libp2p::swarm::ConnectionId;

use super::{Ask, RequestError};
use crate::clock::Monotonic;

/// Requests to one peer that are on the wire at once: libp2p fails what is beyond its streams
/// (facts-limits).
pub(super) const IN_FLIGHT_MAX: usize = 64;
/// Requests to one peer that wait for a place.
pub(super) const QUEUED_MAX: usize = 1_024;

/// Shortest time between a failure and the next dial.
const RETRY_DELAY_MIN: Duration = Duration::from_secs(1);
/// Where the doubling ends.
const RETRY_DELAY_DOUBLED_MAX: Duration = Duration::from_secs(20);
/// Longest such time, jitter included.
pub(super) const RETRY_DELAY_MAX: Duration = Duration::from_secs(30);

/// One peer's requests.
#[derive(Debug, Default)]
pub(super) struct Line {
    queued: VecDeque<Ask>,
    in_flight: usize,
    /// The dial that is under way; the result of any other one is old news.
    pub(super) dial: Option<ConnectionId>,
    pub(super) backoff: Backoff,
}

impl Line {
    /// Takes a request, or answers it if too many wait.
    pub(super) fn push(&mut self, ask: Ask) {
        if self.queued.len() >= QUEUED_MAX {
            // Who asked longest ago may have gone.
            self.queued.retain(|waiting| !waiting.answer.is_closed());
        }
        if self.queued.len() >= QUEUED_MAX {
            ask.answer(Err(RequestError::Busy));
        } else {
            self.queued.push_back(ask);
        }
    }

    /// The next request for the wire, if there is a place for it. It lands by [`Self::landed`].
    pub(super) fn take_off(&mut self) -> Option<Ask> {
        while self.in_flight < IN_FLIGHT_MAX {
            let ask = self.queued.pop_front()?;
            if !ask.answer.is_closed() {
                self.in_flight = self.in_flight.saturating_add(1);
                return Some(ask);
            }
        }
        None
    }

    /// A request has its answer, or never will.
    pub(super) fn landed(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// Answers everything that waits.
    pub(super) fn refuse_all(&mut self, error: RequestError) {
        for ask in self.queued.drain(..) {
            ask.answer(Err(error));
        }
    }

    /// Whether anything waits for a place on the wire.
    pub(super) fn waits(&self) -> bool {
        !self.queued.is_empty()
    }

    /// Whether nothing waits and nothing is on the wire.
    pub(super) fn is_empty(&self) -> bool {
        self.queued.is_empty() && self.in_flight == 0
    }
}

/// When a peer that failed may be dialled again.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Backoff {
    failures: u32,
    until: Option<Monotonic>,
}

impl Backoff {
    /// Whether the peer may be dialled now.
    pub(super) fn allows(&self, now: Monotonic) -> bool {
        self.until.is_none_or(|until| now >= until)
    }

    /// A dial failed, or a connection gave nothing. The time doubles from 1 s to 20 s, and up to
    /// half of it is added by chance, so that two nodes do not knock in step.
    pub(super) fn fail(&mut self, now: Monotonic, chance: u32) {
        let doubled = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        let delay = RETRY_DELAY_MIN.saturating_mul(doubled).min(RETRY_DELAY_DOUBLED_MAX);
        // The added part is the delay's half times chance / 2^32.
        let half_ns = delay.as_nanos() >> 1;
        let added_ns = half_ns.saturating_mul(u128::from(chance)) >> 32_u32;
        let added = Duration::from_nanos(u64::try_from(added_ns).unwrap_or_default());
        self.until = Some(now.later_by(delay.saturating_add(added)));
        self.failures = self.failures.saturating_add(1).min(16);
    }

    /// The peer was heard, or has another address.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests;
