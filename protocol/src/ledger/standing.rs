//! Whether this journal is the newest of its log: what others hold of it, compared with what it
//! has. Nobody's word counts here, only what this town's own keys have signed.

use super::{Ledger, restore::Recovering};
use crate::{
    envelope::{Acked, Envelope},
    id::{ChannelNumber, Generation, TownId},
    log::{
        checkpoint::{SignedCheckpoint, VerifiedCheckpoint},
        note::{KeyKind, VerifierKey},
        tree::TreeSize,
    },
};

/// What another town holds of this one.
#[derive(Debug, Clone, Default)]
pub struct Held {
    /// The checkpoint of this town's log that it cosigned last.
    pub checkpoint: Option<SignedCheckpoint>,
    /// This town's last message that it took.
    pub last: Option<Envelope>,
}

/// This journal is not the newest: it was restored unnoticed, or a second copy of the node runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ahead {
    /// The log has more entries, or is of a newer generation.
    Entries {
        /// The generation.
        generation: Generation,
        /// How many entries were cosigned.
        seen: TreeSize,
        /// How many this journal has.
        here: TreeSize,
    },
    /// A message was sent that this journal does not have.
    Message {
        /// To whom.
        town: TownId,
        /// The message.
        seen: Acked,
        /// The last one that this journal has.
        here: Acked,
    },
}

impl Ledger {
    /// The generation of log and channels.
    #[must_use]
    pub const fn generation(&self) -> Generation {
        self.meta.generation
    }

    /// The towns from which not everything is taken back, and how far each is.
    pub fn recovering_towns(&self) -> impl Iterator<Item = (&TownId, &Recovering)> {
        self.meta.recovery.iter().flat_map(|recovery| recovery.towns.iter())
    }

    /// A checkpoint of this town's log, whatever its generation, if this town's key signed it.
    #[must_use]
    pub fn own_checkpoint(
        &self,
        checkpoint: &SignedCheckpoint,
    ) -> Option<(Generation, VerifiedCheckpoint)> {
        let origin = &checkpoint.claimed().origin;
        let generation = origin.generation_of(self.meta.town)?;
        let name = origin.key_name().clone();
        let key = VerifierKey { name, kind: KeyKind::Log, key: self.meta.log_key };
        Some((generation, checkpoint.verify(&key).ok()?))
    }

    /// What of that which another town holds this journal does not have; none if it is the newest
    /// as far as that town knows. What this town's keys did not sign is left aside.
    #[must_use]
    pub fn ahead(&self, town: TownId, held: &Held) -> Option<Ahead> {
        self.entries_ahead(held).or_else(|| self.message_ahead(town, held))
    }

    fn entries_ahead(&self, held: &Held) -> Option<Ahead> {
        let (generation, seen) = self.own_checkpoint(held.checkpoint.as_ref()?)?;
        let (here, seen) = (TreeSize(self.meta.next.0), seen.size);
        ((generation, seen) > (self.meta.generation, here)).then_some(Ahead::Entries {
            generation,
            seen,
            here,
        })
    }

    fn message_ahead(&self, town: TownId, held: &Held) -> Option<Ahead> {
        let envelope = held.last.as_ref()?;
        let header = envelope.header();
        if header.recipient != town || !self.is_own(envelope) {
            return None;
        }
        let channel = self.channels.get(&town);
        let number = channel.map(crate::channel::Channel::last_sent).unwrap_or(ChannelNumber(0));
        let here = Acked { generation: self.meta.generation, number };
        let seen = Acked { generation: header.generation, number: header.number };
        let same = seen == here;
        let other = channel.is_none_or(|channel| channel.last_sent_hash() != envelope.hash());
        let more = (seen.generation, seen.number) > (here.generation, here.number);
        (more || (same && other)).then_some(Ahead::Message { town, seen, here })
    }
}
