//! A street's scheme: its association, its card, what purchases earn and what can be charged.

use alloc::vec::Vec;
use minicbor::{Decode, Encode};

use crate::{
    date::BusinessDate,
    id::SchemeId,
    label::Label,
    lot::{Birth, Grace, Issuer},
    place::{Desk, Shops, ascending, desks_well_formed},
    points::Points,
    programme::ExpiryRule,
};

/// How the street's own card system hears of charges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum CardSystem {
    /// There is none: the street's card names an account of this node, and that is all.
    #[n(0)]
    None,
    /// By a file that somebody carries, and the file that comes back.
    #[n(1)]
    File,
    /// By its API.
    #[n(2)]
    Api,
}

/// Whose purchases earn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Cardholders {
    /// Those who have an account of their own.
    #[n(0)]
    WithAccount,
    /// Also those who have nothing but the street's card.
    #[n(1)]
    Everyone,
}

/// Of which birth points are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum BirthKind {
    /// A programme's.
    #[n(0)]
    Administrative,
    /// A street's.
    #[n(1)]
    Reward,
    /// A company's, converted.
    #[n(2)]
    Converted,
}

impl From<Birth> for BirthKind {
    fn from(birth: Birth) -> Self {
        match birth {
            Birth::Administrative(_) => Self::Administrative,
            Birth::Reward(_) => Self::Reward,
            Birth::Converted(_) => Self::Converted,
        }
    }
}

/// What purchases in cash earn, out of the association's own budget.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RewardTerms {
    /// Points for each whole 100 yen of a receipt that are paid in cash.
    #[n(0)]
    pub points_per_100_yen: u32,
    /// What may be given in all.
    #[n(1)]
    pub ceiling: Points,
    /// When the points expire.
    #[n(2)]
    pub expiry: ExpiryRule,
    /// Whether points that come back too late get grace.
    #[n(3)]
    pub grace: Grace,
    /// Who issues them; nobody pays for them.
    #[n(4)]
    pub issuer: Issuer,
    /// Whose purchases earn.
    #[n(5)]
    pub holders: Cardholders,
}

impl RewardTerms {
    /// What so many yen in cash earn; none above what can be counted.
    #[must_use]
    pub const fn earned(&self, cash: Points) -> Option<Points> {
        match Points::new(cash.get() / 100) {
            Some(hundreds) => hundreds.times(self.points_per_100_yen as u64),
            None => None,
        }
    }
}

/// What may be charged onto the street's card.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ChargeTerms {
    /// At least so much at once.
    #[n(0)]
    pub least: Points,
    /// At most so much at once.
    #[n(1)]
    pub once: Points,
    /// At most so much a person and day.
    #[n(2)]
    pub day: Points,
    /// Of which births, in order.
    #[n(3)]
    pub births: Vec<BirthKind>,
}

/// A street's scheme.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Scheme {
    /// Which.
    #[n(0)]
    pub id: SchemeId,
    /// The card's public name.
    #[n(1)]
    pub name: Label,
    /// The association's public name.
    #[n(2)]
    pub association: Label,
    /// How the card system hears of charges.
    #[n(3)]
    pub card_system: CardSystem,
    /// The association's shops.
    #[n(4)]
    pub shops: Shops,
    /// The first day of rewards and charges.
    #[n(5)]
    pub from: BusinessDate,
    /// The last day of rewards and charges.
    #[n(6)]
    pub until: BusinessDate,
    /// What may be charged; none if nothing.
    #[n(7)]
    pub charge: Option<ChargeTerms>,
    /// What purchases earn; none if nothing.
    #[n(8)]
    pub reward: Option<RewardTerms>,
    /// The desks that issue cards.
    #[n(9)]
    pub desks: Vec<Desk>,
}

impl Scheme {
    /// Whether it runs on a day.
    #[must_use]
    pub fn runs_on(&self, today: BusinessDate) -> bool {
        self.from <= today && today <= self.until
    }

    /// Whether its parts belong together.
    #[must_use]
    pub fn well_formed(&self) -> bool {
        let charge = self.charge.as_ref().is_none_or(|terms| {
            let limits = !terms.least.is_zero() && terms.least <= terms.once;
            let births = !terms.births.is_empty() && ascending(&terms.births);
            limits && terms.once <= terms.day && births && self.card_system != CardSystem::None
        });
        let reward = self.reward.as_ref().is_none_or(|terms| terms.points_per_100_yen > 0);
        let places = self.shops.well_formed() && desks_well_formed(&self.desks);
        self.from <= self.until && charge && reward && places
    }
}
