//! The volatile half of sending: what is retransmitted when. Sans-IO, time as an argument;
//! rebuilt from [`super::Channel::open`] at start.

use alloc::collections::BTreeMap;

use crate::{
    date::Time,
    envelope::Acked,
    id::{ChannelNumber, Generation},
};

/// How many messages of a channel are on the wire at once.
pub const IN_FLIGHT_MAX: usize = 32;
/// The shortest delay of a retransmission, in milliseconds.
pub const RETRY_DELAY_MS_MIN: u64 = 1_000;
/// The longest delay of a retransmission, jitter included, in milliseconds.
pub const RETRY_DELAY_MS_MAX: u64 = 60_000;
/// The delay at which doubling ends, so that with half of it as jitter it is the longest one.
const DOUBLED_DELAY_MS_MAX: u64 = RETRY_DELAY_MS_MAX / 3 * 2;

/// Messages that the peer has not said it heard.
#[derive(Debug, Clone)]
pub struct Outbox {
    generation: Generation,
    waiting: BTreeMap<ChannelNumber, Waiting>,
}

#[derive(Debug, Clone, Copy)]
struct Waiting {
    since: Time,
    due: Time,
    tries: u32,
    flying: bool,
}

impl Outbox {
    /// An empty outbox of our generation.
    #[must_use]
    pub const fn new(generation: Generation) -> Self {
        Self { generation, waiting: BTreeMap::new() }
    }

    /// Adds a message that is durable; it is due at once. Adding it twice changes nothing.
    pub fn add(&mut self, number: ChannelNumber, now: Time) {
        let fresh = Waiting { since: now, due: now, tries: 0, flying: false };
        self.waiting.entry(number).or_insert(fresh);
    }

    /// The next message to put on the wire, the lowest number that is due. `random` spreads the
    /// retransmissions of many towns. It is in flight until [`Outbox::handle_heard`] or
    /// [`Outbox::handle_failed`] ends it: the caller puts a limit on how long that takes.
    pub fn poll_transmit(&mut self, now: Time, random: u64) -> Option<ChannelNumber> {
        if self.is_full() {
            return None;
        }
        let due = self.waiting.iter_mut().find(|(_, w)| !w.flying && w.due <= now);
        let (number, waiting) = due?;
        let doubled = RETRY_DELAY_MS_MIN.saturating_mul(1 << waiting.tries.min(16));
        let delay = doubled.min(DOUBLED_DELAY_MS_MAX);
        let jitter = random.checked_rem(delay / 2).unwrap_or(0);
        waiting.tries = waiting.tries.saturating_add(1);
        waiting.due = now.later_by_ms(delay.saturating_add(jitter));
        waiting.flying = true;
        Some(*number)
    }

    /// Whether so many messages are in flight that one has to end before the next.
    fn is_full(&self) -> bool {
        self.waiting.values().filter(|waiting| waiting.flying).count() >= IN_FLIGHT_MAX
    }

    /// A transmission ended without a word from the peer: it is tried again when due.
    pub fn handle_failed(&mut self, number: ChannelNumber) {
        if let Some(waiting) = self.waiting.get_mut(&number) {
            waiting.flying = false;
        }
    }

    /// The peer hears nothing more, and said so. What it has over a gap it does not say it heard,
    /// so that waiting for that would have no end.
    pub fn handle_closed(&mut self) {
        self.waiting.clear();
    }

    /// The peer said what it heard: everything up to there is done. What it heard in another of
    /// our generations ends the transmission and nothing else.
    pub fn handle_heard(&mut self, number: ChannelNumber, heard: Acked) {
        self.handle_failed(number);
        if heard.generation == self.generation {
            self.waiting = self.waiting.split_off(&heard.number.next());
        }
    }

    /// When to poll again; none while only the end of a transmission can change anything.
    #[must_use]
    pub fn next_due(&self) -> Option<Time> {
        if self.is_full() {
            return None;
        }
        self.waiting.values().filter(|waiting| !waiting.flying).map(|waiting| waiting.due).min()
    }

    /// Since when the oldest message waits; a person is told after an hour.
    #[must_use]
    pub fn oldest(&self) -> Option<Time> {
        self.waiting.values().map(|waiting| waiting.since).min()
    }

    /// Whether a message waits, on the wire or for it.
    #[must_use]
    pub fn waits(&self, number: ChannelNumber) -> bool {
        self.waiting.contains_key(&number)
    }

    /// How many messages wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether no message waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests;
