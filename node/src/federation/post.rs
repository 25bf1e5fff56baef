//! One town's outbox with the entries that hold its bytes: what the courier carries. Sans-IO, so
//! that the simulator carries the same.

use std::collections::BTreeMap;

use jichi_protocol::{
    channel::outbox::Outbox,
    date::Time,
    envelope::Acked,
    id::{ChannelNumber, EntryIndex, Generation},
};

/// What waits for one town.
#[derive(Debug, Clone)]
pub struct Post {
    outbox: Outbox,
    entries: BTreeMap<ChannelNumber, EntryIndex>,
}

impl Post {
    /// Nothing waits yet, in our generation.
    #[must_use]
    pub const fn new(generation: Generation) -> Self {
        Self { outbox: Outbox::new(generation), entries: BTreeMap::new() }
    }

    /// A message that is durable, and the entry that holds it.
    pub fn add(&mut self, number: ChannelNumber, entry: EntryIndex, now: Time) {
        self.outbox.add(number, now);
        self.entries.insert(number, entry);
    }

    /// The next message to put on the wire; [`Post::heard`] or [`Post::failed`] ends its flight.
    pub fn poll(&mut self, now: Time, random: u64) -> Option<(ChannelNumber, EntryIndex)> {
        let number = self.outbox.poll_transmit(now, random)?;
        // Every number in the outbox came with its entry.
        self.entries.get(&number).map(|entry| (number, *entry))
    }

    /// The peer said what it heard.
    pub fn heard(&mut self, number: ChannelNumber, heard: Acked) {
        self.outbox.handle_heard(number, heard);
        let waiting = &self.outbox;
        self.entries.retain(|number, _| waiting.waits(*number));
    }

    /// The peer has closed: nothing waits for it any more.
    pub fn closed(&mut self) {
        self.outbox.handle_closed();
        self.entries.clear();
    }

    /// A transmission ended without a word.
    pub fn failed(&mut self, number: ChannelNumber) {
        self.outbox.handle_failed(number);
    }

    /// What waits, and since when.
    #[must_use]
    pub const fn outbox(&self) -> &Outbox {
        &self.outbox
    }
}

#[cfg(test)]
mod tests;
