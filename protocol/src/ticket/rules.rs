//! A town's rules about its tickets, dated.

use alloc::vec::Vec;
use minicbor::{Decode, Encode};

use crate::{date::BusinessDate, id::MerchantId, points::Points, programme::ExpiryRule};

/// The first day of some rules, which names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(transparent)]
pub struct RulesFrom(#[n(0)] pub BusinessDate);

/// What holds for the tickets that are issued from a day on.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct TicketRules {
    /// The first day of issue.
    #[n(0)]
    pub from: RulesFrom,
    /// What a ticket may be worth, ascending.
    #[n(1)]
    pub units: Vec<Points>,
    /// The last day of use, from the day of issue.
    #[n(2)]
    pub valid: ExpiryRule,
    /// Days behind that on which a shop can still hand in at the office.
    #[n(3)]
    pub office_days: u32,
    /// What becomes of a ticket that nobody used.
    #[n(4)]
    pub on_expiry: OnExpiry,
    /// What an officer may decide about a double.
    #[n(5)]
    pub doubles: Doubles,
    /// Where it can be used.
    #[n(6)]
    pub shops: UsableShops,
}

/// What becomes of a ticket that nobody used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum OnExpiry {
    /// Its points lapse.
    #[n(0)]
    Lapses,
    /// Its points go back to the holder, as everything that returns: with grace, or they lapse.
    #[n(1)]
    Returns,
}

/// What an officer may decide about a double.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Doubles {
    /// A shop that took it in good faith is paid, and the town bears the loss.
    #[n(0)]
    PaidInGoodFaith,
    /// No double is paid.
    #[n(1)]
    Refused,
}

/// Where a ticket can be used.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum UsableShops {
    /// At every shop that takes points.
    #[n(0)]
    All,
    /// At these, ascending.
    #[n(1)]
    Only(#[n(0)] Vec<MerchantId>),
}

/// Units of one town.
const UNITS_MAX: usize = 8;
/// Shops of one list.
const SHOPS_MAX: usize = 2_000;
/// The most days behind the last one on which a shop can hand in.
const OFFICE_DAYS_MAX: u32 = 366;

impl TicketRules {
    /// Whether they can be rules at all: some units, ascending, none of nothing; a last day; a
    /// list that is not empty.
    #[must_use]
    pub fn well_formed(&self) -> bool {
        let ascending = |units: &[Points]| units.is_sorted_by(|low, high| low < high);
        let shops = match &self.shops {
            UsableShops::All => true,
            UsableShops::Only(shops) => {
                (1..=SHOPS_MAX).contains(&shops.len()) && shops.is_sorted_by(|low, high| low < high)
            }
        };
        (1..=UNITS_MAX).contains(&self.units.len())
            && ascending(&self.units)
            && self.units.first().is_some_and(|unit| !unit.is_zero())
            && self.valid != ExpiryRule::Never
            && self.office_days <= OFFICE_DAYS_MAX
            && shops
    }

    /// Whether a shop may take these tickets.
    #[must_use]
    pub fn usable_at(&self, merchant: MerchantId) -> bool {
        match &self.shops {
            UsableShops::All => true,
            UsableShops::Only(shops) => shops.binary_search(&merchant).is_ok(),
        }
    }
}
