//! Agreements: what two towns signed about points that move between them.

use minicbor::{Decode, Encode};

use crate::{
    date::BusinessDate,
    id::TownId,
    lot::Birth,
    points::Points,
    signature::{PublicKey, Signature},
};

/// Which points may move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Movable {
    /// Converted ones only: a council's budget is for its own town.
    #[n(0)]
    Converted,
    /// Every kind.
    #[n(1)]
    Everything,
}

impl Movable {
    /// Whether points born so may move.
    #[must_use]
    pub const fn allows(self, birth: &Birth) -> bool {
        match (self, birth) {
            (Self::Everything, _) | (Self::Converted, Birth::Converted(_)) => true,
            (Self::Converted, Birth::Administrative(_) | Birth::Reward(_)) => false,
        }
    }
}

/// What two towns agree on. Both sign the same bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Agreement {
    /// The town with the smaller code.
    #[n(0)]
    pub low: TownId,
    /// The town with the larger code.
    #[n(1)]
    pub high: TownId,
    /// From 1; a later agreement of the same towns has a larger one and replaces it.
    #[n(2)]
    pub number: u32,
    /// Which points may move.
    #[n(3)]
    pub movable: Movable,
    /// How much one town may owe the other, unsettled, each way.
    #[n(4)]
    pub cap: Points,
    /// The first day.
    #[n(5)]
    pub from: BusinessDate,
    /// The last day.
    #[n(6)]
    pub until: BusinessDate,
}

impl Agreement {
    /// The other town of the two; none if `town` is neither.
    #[must_use]
    pub fn peer_of(&self, town: TownId) -> Option<TownId> {
        if town == self.low {
            Some(self.high)
        } else if town == self.high {
            Some(self.low)
        } else {
            None
        }
    }

    /// Whether the towns stand in their order and differ, and the days too.
    #[must_use]
    pub fn well_formed(&self) -> bool {
        self.low < self.high && self.from <= self.until && self.number > 0
    }
}

/// An agreement with both signatures, under [`crate::signature::Domain::Agreement`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct SignedAgreement {
    /// What they agree on.
    #[n(0)]
    pub agreement: Agreement,
    /// By the town with the smaller code: its channel key and signature.
    #[n(1)]
    pub low: Seal,
    /// By the town with the larger code.
    #[n(2)]
    pub high: Seal,
}

/// A key and a signature of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Seal {
    /// The key.
    #[n(0)]
    pub key: PublicKey,
    /// The signature.
    #[n(1)]
    pub signature: Signature,
}
