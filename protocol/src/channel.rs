//! The journalled state of a channel between two towns: messages are numbered and chained per
//! direction, handled on arrival, and acknowledged without a gap (federation, Envelope).

pub mod delivery;
pub mod fence;
mod keys;
pub mod outbox;

use alloc::{collections::BTreeMap, vec::Vec};
use minicbor::{Decode, Encode};

use crate::{
    digest::Digest,
    envelope::{Acked, Envelope, Purpose, Route, Unsigned},
    id::{ChannelNumber, EntryIndex, Generation, TownId},
};

/// How far ahead of the last message without a gap one is still handled.
pub const GAP_MAX: u64 = 1_024;
/// Of how many messages without a gap the hashes are kept, to tell a duplicate from a fork.
pub const HASHES_KEPT: usize = 1_024;

/// One town's end of a channel. Plain data; every change is a method, and pure.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Channel {
    /// Our generation.
    #[n(0)]
    generation: Generation,
    /// The number of our last message; 0 for none.
    #[n(1)]
    sent: ChannelNumber,
    /// The hash of our last message.
    #[n(2)]
    sent_hash: Digest,
    /// Our messages that are not acknowledged yet, by the entry that holds their bytes.
    #[n(3)]
    open: BTreeMap<ChannelNumber, EntryIndex>,
    /// What the peer has acknowledged and what counts of it.
    #[n(4)]
    acked: ChannelNumber,
    /// Acknowledgements that count once every message below the one that carried them is here:
    /// by that message's number.
    #[n(5)]
    claims: BTreeMap<ChannelNumber, ChannelNumber>,
    /// The peer's generation.
    #[n(6)]
    peer_generation: Generation,
    /// The peer's last message without a gap; 0 for none.
    #[n(7)]
    heard: ChannelNumber,
    /// Hashes of the peer's last messages without a gap.
    #[n(8)]
    hashes: BTreeMap<ChannelNumber, Digest>,
    /// Messages beyond a gap: the hash each names as the one before it, and its own.
    #[n(9)]
    beyond: BTreeMap<ChannelNumber, Link>,
    /// Two messages of the peer that contradict each other: the channel is frozen.
    #[n(10)]
    fork: Option<Fork>,
    /// What is wrong with the peer's log: the channel is frozen.
    #[n(11)]
    log: Option<LogTrouble>,
    /// What we have of the peer's older generations, if it ever began anew.
    #[n(20)]
    fences: Option<Vec<fence::Listed>>,
    /// The peer's keys, once they are not just the directory's.
    #[n(21)]
    keys: Option<keys::PeerKeys>,
}

/// Why a town's log is not trusted any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum LogTrouble {
    /// It has shown two histories. Only a new generation of the log ends this.
    #[n(0)]
    Forked,
    /// For a day it has not shown that one checkpoint continues another.
    #[n(1)]
    NotShown,
}

/// A message's place in the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
struct Link {
    #[n(0)]
    previous: Digest,
    #[n(1)]
    hash: Digest,
}

/// Two messages that cannot both be in one chain, by their hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Fork {
    /// The number at which they differ.
    #[n(0)]
    pub number: ChannelNumber,
    /// What the chain has, or names, at this number.
    #[n(1)]
    pub first: Digest,
    /// What came.
    #[n(2)]
    pub second: Digest,
}

/// What an arriving message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// It has not come before.
    New,
    /// It came before, byte for byte.
    Duplicate,
    /// So long ago that its hash is not kept: it changes nothing.
    Old,
    /// It contradicts the chain.
    Fork(Fork),
    /// It is of a generation that is not the one known.
    OtherGeneration,
    /// Too far beyond a gap to be remembered; it will come again.
    TooFarAhead,
    /// Of a key that was changed since, and no later message that came names it. If that key was
    /// stolen, it counts only once one does.
    NotLinked,
    /// It is for another town.
    NotForUs,
    /// The channel is frozen, by an earlier fork or by trouble with the peer's log.
    Frozen,
}

impl Channel {
    /// A channel on which nothing was said.
    #[must_use]
    pub const fn new(generation: Generation, peer_generation: Generation) -> Self {
        Self {
            generation,
            sent: ChannelNumber(0),
            sent_hash: Digest([0; 32]),
            open: BTreeMap::new(),
            acked: ChannelNumber(0),
            claims: BTreeMap::new(),
            peer_generation,
            heard: ChannelNumber(0),
            hashes: BTreeMap::new(),
            beyond: BTreeMap::new(),
            fork: None,
            log: None,
            fences: None,
            keys: None,
        }
    }

    /// The next message, not yet signed.
    #[must_use]
    pub fn draft(&self, me: TownId, peer: TownId, purpose: Purpose, body: Vec<u8>) -> Unsigned {
        let route = Route {
            sender: me,
            recipient: peer,
            generation: self.generation,
            number: self.sent.next(),
            previous: self.sent_hash,
            acked: self.heard(),
        };
        Unsigned::new(route, purpose, body)
    }

    /// Notes a message that was drafted here, with the entry that holds its bytes.
    pub fn sent(&mut self, envelope: &Envelope, entry: EntryIndex) {
        let number = envelope.header().number;
        assert_eq!(number, self.sent.next(), "a message is sent in its turn");
        self.sent = number;
        self.sent_hash = envelope.hash();
        self.open.insert(number, entry);
    }

    /// What an arriving message, whose signature is right, is to this channel of town `me`.
    #[must_use]
    pub fn arrival(&self, envelope: &Envelope, me: TownId) -> Arrival {
        let header = envelope.header();
        if header.recipient != me {
            return Arrival::NotForUs;
        }
        if self.is_frozen() {
            return Arrival::Frozen;
        }
        if header.generation != self.peer_generation {
            return Arrival::OtherGeneration;
        }
        let (number, hash) = (header.number, envelope.hash());
        let known = self.hash_of(&number);
        match known {
            Some(known) if *known == hash => Arrival::Duplicate,
            Some(known) => Arrival::Fork(Fork { number, first: *known, second: hash }),
            None if number <= self.heard => Arrival::Old,
            None if number.0 > self.heard.0.saturating_add(GAP_MAX) => Arrival::TooFarAhead,
            None => self.links(number, header.previous, hash),
        }
    }

    fn hash_of(&self, number: &ChannelNumber) -> Option<&Digest> {
        let beyond = || self.beyond.get(number).map(|link| &link.hash);
        self.hashes.get(number).or_else(beyond)
    }

    /// Whether a message that has not come yet fits between its neighbours.
    fn links(&self, number: ChannelNumber, previous: Digest, hash: Digest) -> Arrival {
        let before = ChannelNumber(number.0.saturating_sub(1));
        let known_before = self.hash_of(&before);
        if let Some(first) = known_before.filter(|known| **known != previous) {
            return Arrival::Fork(Fork { number: before, first: *first, second: previous });
        }
        match self.beyond.get(&number.next()) {
            Some(after) if after.previous != hash => {
                Arrival::Fork(Fork { number, first: after.previous, second: hash })
            }
            None if self.needs_link(number) => Arrival::NotLinked,
            Some(_) | None => Arrival::New,
        }
    }

    /// This end behind an arriving message that [`Channel::arrival`] called new, as far as an answer
    /// to it can tell: what was sent and what came without a gap. What is under way is left out, so
    /// that a peer that never acknowledges does not make its every message cost more.
    #[must_use]
    pub fn behind(&self, envelope: &Envelope) -> Self {
        let mut behind = Self::new(self.generation, self.peer_generation);
        (behind.sent, behind.sent_hash) = (self.sent, self.sent_hash);
        (behind.acked, behind.heard) = (self.acked, self.heard);
        behind.fences.clone_from(&self.fences);
        if envelope.header().number == self.heard.next() {
            behind.heard = self.heard.next();
            while self.beyond.contains_key(&behind.heard.next()) {
                behind.heard = behind.heard.next();
            }
        }
        behind
    }

    /// Notes an arriving message that [`Channel::arrival`] called new or a fork, or that it called
    /// not linked and the caller takes, since its key was not stolen; the numbers of
    /// ours that it acknowledges for good come back. The peer has heard these, so the caller
    /// tells the [`outbox::Outbox`] too: their bytes can no longer be found by [`Channel::open`].
    pub fn received(&mut self, envelope: &Envelope, me: TownId) -> Vec<ChannelNumber> {
        match self.arrival(envelope, me) {
            Arrival::New | Arrival::NotLinked => {}
            Arrival::Fork(fork) => {
                self.fork = Some(fork);
                return Vec::new();
            }
            Arrival::Duplicate
            | Arrival::Old
            | Arrival::OtherGeneration
            | Arrival::TooFarAhead
            | Arrival::NotForUs
            | Arrival::Frozen => return Vec::new(),
        }
        let header = envelope.header();
        let link = Link { previous: header.previous, hash: envelope.hash() };
        self.beyond.insert(header.number, link);
        // An acknowledgement of another generation, or of what was never sent, is ignored.
        if header.acked.generation == self.generation && header.acked.number <= self.sent {
            self.claims.insert(header.number, header.acked.number);
        }
        while let Some(link) = self.beyond.remove(&self.heard.next()) {
            self.heard = self.heard.next();
            self.hashes.insert(self.heard, link.hash);
            if self.hashes.len() > HASHES_KEPT {
                self.hashes.pop_first();
            }
        }
        self.acknowledged()
    }

    /// Our numbers that are acknowledged by messages below which nothing is missing.
    fn acknowledged(&mut self) -> Vec<ChannelNumber> {
        while let Some(claim) = self.claims.first_entry() {
            if claim.key().0 > self.heard.0.saturating_add(1) {
                break;
            }
            self.acked = self.acked.max(claim.remove());
        }
        let mut done = Vec::new();
        while let Some(first) = self.open.first_entry() {
            if *first.key() > self.acked {
                break;
            }
            done.push(*first.key());
            first.remove();
        }
        done
    }

    /// The peer's messages up to here have all come.
    #[must_use]
    pub const fn heard(&self) -> Acked {
        Acked { generation: self.peer_generation, number: self.heard }
    }

    /// Our generation.
    #[must_use]
    pub const fn generation(&self) -> Generation {
        self.generation
    }

    /// The peer's generation.
    #[must_use]
    pub const fn peer_generation(&self) -> Generation {
        self.peer_generation
    }

    /// Our messages that are not acknowledged yet, and the entries that hold their bytes.
    pub fn open(&self) -> impl Iterator<Item = (&ChannelNumber, &EntryIndex)> {
        self.open.iter()
    }

    /// The number of our last message.
    #[must_use]
    pub const fn last_sent(&self) -> ChannelNumber {
        self.sent
    }

    /// The hash of our last message; zero for none.
    #[must_use]
    pub const fn last_sent_hash(&self) -> Digest {
        self.sent_hash
    }

    /// Whether messages are missing between some that came.
    #[must_use]
    pub fn has_gap(&self) -> bool {
        !self.beyond.is_empty()
    }

    /// The fork that froze the channel.
    #[must_use]
    pub const fn fork(&self) -> Option<&Fork> {
        self.fork.as_ref()
    }

    /// What is wrong with the peer's log.
    #[must_use]
    pub const fn log_trouble(&self) -> Option<LogTrouble> {
        self.log
    }

    /// Notes what is wrong with the peer's log, or that nothing is.
    pub const fn judge_log(&mut self, trouble: Option<LogTrouble>) {
        self.log = trouble;
    }

    /// Whether a fork of the messages or trouble with the peer's log froze the channel.
    #[must_use]
    pub const fn is_frozen(&self) -> bool {
        self.fork.is_some() || self.log.is_some()
    }
}

#[cfg(test)]
mod tests;
