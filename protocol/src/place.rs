//! Where something is usable, and where it is handed out: shops, desks, and a desk's stock.

use alloc::vec::Vec;
use minicbor::{Decode, Encode};

use crate::{
    id::{DeskId, MerchantId},
    label::Label,
};

/// Shops that one list may name, so that the list fits into an entry.
pub const SHOPS_MAX: usize = 2_000;

/// The shops at which something is usable.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Shops {
    /// Every shop of the town.
    #[n(0)]
    All,
    /// These, in order, none twice.
    #[n(1)]
    These(#[n(0)] Vec<MerchantId>),
}

impl Shops {
    /// Whether it is usable at this shop.
    #[must_use]
    pub fn has(&self, merchant: MerchantId) -> bool {
        match self {
            Self::All => true,
            Self::These(shops) => shops.binary_search(&merchant).is_ok(),
        }
    }

    /// Whether the list is in order, names none twice and is not too long.
    #[must_use]
    pub fn well_formed(&self) -> bool {
        match self {
            Self::All => true,
            Self::These(shops) => shops.len() <= SHOPS_MAX && ascending(shops),
        }
    }
}

/// Whether a list is in order and has none twice.
#[must_use]
pub fn ascending<T: PartialOrd>(list: &[T]) -> bool {
    list.windows(2).all(|pair| matches!(pair, [first, second] if first < second))
}

/// A desk that hands something out.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Desk {
    /// Which.
    #[n(0)]
    pub id: DeskId,
    /// Its public name.
    #[n(1)]
    pub name: Label,
}

/// Desks that one list may name.
pub const DESKS_MAX: usize = 64;

/// Whether desks are in order of their numbers, none twice, and not too many.
#[must_use]
pub fn desks_well_formed(desks: &[Desk]) -> bool {
    let in_order =
        desks.windows(2).all(|pair| matches!(pair, [first, second] if first.id < second.id));
    in_order && desks.len() <= DESKS_MAX
}

/// Counted stock of what is all alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
pub struct Stock {
    /// Came to the desk.
    #[n(0)]
    pub received: u32,
    /// Handed out.
    #[n(1)]
    pub used: u32,
    /// Spoiled.
    #[n(2)]
    pub spoiled: u32,
}

impl Stock {
    /// What is left.
    #[must_use]
    pub const fn left(&self) -> u32 {
        self.received.saturating_sub(self.used).saturating_sub(self.spoiled)
    }
}
