//! Generations: what a town has of another's messages when that other begins anew from a backup.
//! What is not listed is void for ever (federation, Restore and generations).

use alloc::vec::Vec;
use minicbor::{Decode, Encode};

use super::Channel;
use crate::{
    digest::Digest,
    envelope::Acked,
    id::{ChannelNumber, Generation},
};

/// What a town has of another's messages of one generation.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Listed {
    /// Which generation.
    #[n(0)]
    pub generation: Generation,
    /// Every message up to here; 0 for none.
    #[n(1)]
    pub through: ChannelNumber,
    /// Messages beyond a gap, in order.
    #[n(2)]
    pub beyond: Vec<ChannelNumber>,
}

impl Listed {
    /// Whether the message of this number is there. Number 0 stands for one that an earlier fence
    /// listed.
    #[must_use]
    pub fn holds(&self, number: ChannelNumber) -> bool {
        number <= self.through || self.beyond.contains(&number)
    }

    /// The first message behind this number that is there.
    #[must_use]
    pub fn after(&self, number: ChannelNumber) -> Option<ChannelNumber> {
        if number < self.through {
            return Some(number.next());
        }
        self.beyond.iter().copied().find(|beyond| *beyond > number)
    }
}

impl Channel {
    /// We begin anew: numbers from 1, and nothing of the older generations is sent again.
    pub fn restarted(&mut self, generation: Generation) {
        self.generation = generation;
        self.sent = ChannelNumber(0);
        self.sent_hash = Digest::default();
        self.open.clear();
        self.acked = ChannelNumber(0);
        self.claims.clear();
        self.fork = None;
    }

    /// The peer begins anew: what we have of its older generations is all that ever counts.
    pub fn fenced(&mut self, generation: Generation) {
        let held = Listed {
            generation: self.peer_generation,
            through: self.heard,
            beyond: self.beyond.keys().copied().collect(),
        };
        self.fences.get_or_insert_default().push(held);
        self.peer_generation = generation;
        self.heard = ChannelNumber(0);
        self.hashes.clear();
        self.beyond.clear();
        self.claims.clear();
        self.fork = None;
        // A new generation of its log ends what was wrong with the old one.
        self.log = None;
        // The directory names the key of the generation that begins.
        self.keys = None;
    }

    /// A message of an older generation comes that a fence of ours listed, and that a restore lost.
    pub fn missed(&mut self, place: Acked) {
        let lists = self.fences.iter_mut().flatten();
        for list in lists.filter(|list| list.generation == place.generation) {
            if !list.holds(place.number) {
                list.beyond.push(place.number);
                list.beyond.sort_unstable();
            }
            while list.beyond.first() == Some(&list.through.next()) {
                list.through = list.beyond.remove(0);
            }
        }
    }

    /// The peer's last message that came, of the newest generation of which one came.
    #[must_use]
    pub fn last_held(&self) -> Option<Acked> {
        let last = |through: ChannelNumber, beyond: Option<ChannelNumber>| {
            Some(through.max(beyond.unwrap_or(ChannelNumber(0))))
                .filter(|last| *last > ChannelNumber(0))
        };
        let beyond = self.beyond.last_key_value().map(|(number, _)| *number);
        let now = last(self.heard, beyond)
            .map(|number| Acked { generation: self.peer_generation, number });
        now.or_else(|| {
            self.fences().iter().rev().find_map(|list| {
                let number = last(list.through, list.beyond.last().copied())?;
                Some(Acked { generation: list.generation, number })
            })
        })
    }

    /// What we have of the peer's older generations, the oldest first.
    #[must_use]
    pub fn fences(&self) -> &[Listed] {
        self.fences.as_deref().unwrap_or_default()
    }
}
