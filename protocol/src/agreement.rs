//! Agreements: what two towns signed about points that move between them.

pub mod exchange;

use alloc::vec::Vec;
use minicbor::{Decode, Encode};

use crate::{
    date::BusinessDate,
    id::{MerchantId, TownId},
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

/// A way in which points move between two towns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum Movement {
    /// A holder sends points to an account in the other town.
    #[n(0)]
    Exchange,
    /// A holder pays at a shop of the other town.
    #[n(1)]
    Shopping,
    /// A holder moves house, with all that the account holds.
    #[n(2)]
    House,
}

/// Most shops that an agreement names.
pub const AGREED_SHOPS_MAX: usize = 200;

/// A shop of one of the two towns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct AgreedShop {
    /// Its town.
    #[n(0)]
    pub town: TownId,
    /// The shop, as its town calls it.
    #[n(1)]
    pub merchant: MerchantId,
}

/// What two towns agree on. Both sign the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
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
    /// The shops at which the other town's holders may pay, in order; none for every shop. An
    /// agreement on specialty goods (特産品相互取扱協定) names those that sell them.
    #[n(7)]
    pub shops: Option<Vec<AgreedShop>>,
    /// How points may move, in order; none for every way.
    #[n(8)]
    pub movements: Option<Vec<Movement>>,
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
        let of_the_two = |shop: &AgreedShop| self.peer_of(shop.town).is_some();
        let shops = self.shops.as_ref().is_none_or(|shops| {
            shops.len() <= AGREED_SHOPS_MAX
                && shops.is_sorted_by(|before, after| before < after)
                && shops.iter().all(of_the_two)
        });
        let movements = self.movements.as_ref().is_none_or(|ways| {
            !ways.is_empty() && ways.is_sorted_by(|before, after| before < after)
        });
        let in_order = self.low < self.high && self.from <= self.until && self.number > 0;
        in_order && shops && movements
    }

    /// Whether points may move in this way.
    #[must_use]
    pub fn lets(&self, movement: Movement) -> bool {
        self.movements.as_ref().is_none_or(|ways| ways.contains(&movement))
    }

    /// Whether holders of the other town may pay at this shop.
    #[must_use]
    pub fn takes_at(&self, town: TownId, merchant: MerchantId) -> bool {
        let shop = AgreedShop { town, merchant };
        self.shops.as_ref().is_none_or(|shops| shops.binary_search(&shop).is_ok())
    }
}

/// An agreement with both signatures, under [`crate::signature::Domain::Agreement`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
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
