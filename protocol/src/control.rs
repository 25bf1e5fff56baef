//! What towns say to each other about the channel itself.

use alloc::vec::Vec;
use minicbor::{Decode, Encode};

use crate::{
    codec,
    envelope::{Envelope, Purpose},
    id::{TownId, TransferId},
    signature::{Domain, PublicKey, Signature},
};

/// A message about the channel; the body of an envelope for [`Purpose::Control`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum ControlMessage {
    /// The sender's envelopes are signed by another key, this one first. Its place in the chain
    /// names the last message that the old key signed.
    #[n(0)]
    NewKey(#[n(0)] KeyChange),
    /// The sender has closed and decides nothing more.
    #[n(1)]
    Closed(#[n(0)] ClosedPart),
}

impl ControlMessage {
    /// What an envelope says about the channel; none if it is of another purpose or cannot be read.
    #[must_use]
    pub fn of(envelope: &Envelope) -> Option<Self> {
        match envelope.header().purpose {
            Purpose::Control => codec::decode(envelope.body()).ok(),
            Purpose::Money | Purpose::Agreement | Purpose::Library => None,
        }
    }
}

/// What a closed town says to a peer: which answers it has given that the peer may not have. An
/// offer that is not among them was never answered and never will be. A long list comes in parts,
/// in any order.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ClosedPart {
    /// The town that goes on with its residents and shops.
    #[n(0)]
    pub successor: Option<TownId>,
    /// How many answers there are, in all parts.
    #[n(1)]
    pub all: u32,
    /// The transfers of this part.
    #[n(2)]
    pub answers: Vec<TransferId>,
}

/// A change of the key that signs envelopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct KeyChange {
    /// In force until now.
    #[n(0)]
    pub old: PublicKey,
    /// In force from now on; signs the envelope that says so.
    #[n(1)]
    pub new: PublicKey,
    /// The old key's signature under [`KeyChange::statement`]; none for a key that was stolen or
    /// lost, which the directory has to revoke.
    #[n(2)]
    pub by_old: Option<Signature>,
}

impl KeyChange {
    /// The bytes that the old key signs, under [`Domain::KeyChange`].
    #[must_use]
    pub fn statement(town: TownId, old: PublicKey, new: PublicKey) -> Vec<u8> {
        codec::encode(&(town, old, new))
    }

    /// Whether the old key signed the change; a change without a signature has none to fit.
    #[must_use]
    pub fn is_signed(&self, town: TownId) -> bool {
        let statement = Self::statement(town, self.old, self.new);
        self.by_old
            .is_some_and(|by_old| self.old.verify(Domain::KeyChange, &statement, &by_old).is_ok())
    }
}
