//! A town's own rules: days of grace, refund window, limits.

use minicbor::{Decode, Encode};

use crate::{points::Points, programme::ExpiryRule};

/// How a holder showed who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Method {
    /// MyKey ID and password.
    #[n(0)]
    Password,
    /// Card and PIN.
    #[n(1)]
    CardPin,
    /// A street's card by its number, which can be copied.
    #[n(2)]
    StreetCard,
}

/// What may be paid by one way of showing who one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Limit {
    /// At most so much at once.
    #[n(0)]
    pub payment: Points,
    /// At most so much a day, all ways together.
    #[n(1)]
    pub day: Points,
}

/// The rules that a town sets for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct TownTerms {
    /// Days of grace for points that come back too late.
    #[n(0)]
    pub grace_days: u32,
    /// Days within which a payment can be refunded, at most [`REFUND_DAYS_MAX`].
    #[n(1)]
    pub refund_days: u32,
    /// Days within which a town is chosen for converted points.
    #[n(2)]
    pub unassigned_days: u32,
    /// When converted points expire, from the conversion's date.
    #[n(3)]
    pub conversion_expiry: ExpiryRule,
    /// Limit by MyKey ID and password.
    #[n(4)]
    pub password: Limit,
    /// Limit by card and PIN.
    #[n(5)]
    pub card: Limit,
    /// Limit by a street's card.
    #[n(6)]
    pub street_card: Limit,
    /// Who gets a deceased person's points; none says as [`TownTerms::heirs`] does.
    #[n(7)]
    pub heirs: Option<Heirs>,
    /// How long the data behind ended accounts are kept; none says as [`TownTerms::retention`]
    /// does.
    #[n(8)]
    pub retention: Option<Retention>,
}

/// Who gets a deceased person's points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Heirs {
    /// Their heirs, as two officers find.
    #[n(0)]
    Inherit,
    /// Nobody: the points lapse.
    #[n(1)]
    None,
}

/// How long the data behind ended accounts are kept, in whole fiscal years behind the one in which
/// the account ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Retention {
    /// Of residents.
    #[n(0)]
    pub resident_years: u32,
    /// Of visitors.
    #[n(1)]
    pub visitor_years: u32,
}

/// The longest refund window (money-rules, A refund).
pub const REFUND_DAYS_MAX: u32 = 400;

impl TownTerms {
    /// What a town begins with (money-rules: 14 days of grace, 90 of refund, 14 unassigned).
    pub const DEFAULT: Self = Self {
        grace_days: 14,
        refund_days: 90,
        unassigned_days: 14,
        conversion_expiry: ExpiryRule::FiscalYearEnd(1),
        password: Limit { payment: Points::from_u32(30_000), day: Points::from_u32(50_000) },
        card: Limit { payment: Points::from_u32(100_000), day: Points::from_u32(200_000) },
        street_card: Limit { payment: Points::from_u32(1_000), day: Points::from_u32(3_000) },
        heirs: None,
        retention: None,
    };

    /// Who gets a deceased person's points: their heirs, if the town says nothing else.
    #[must_use]
    pub const fn heirs(&self) -> Heirs {
        match self.heirs {
            Some(heirs) => heirs,
            None => Heirs::Inherit,
        }
    }

    /// How long the data behind ended accounts are kept: five years, if the town says nothing
    /// else (people.md, retention classes).
    #[must_use]
    pub const fn retention(&self) -> Retention {
        match self.retention {
            Some(retention) => retention,
            None => Retention { resident_years: 5, visitor_years: 5 },
        }
    }

    /// The limit of a way of showing who one is.
    #[must_use]
    pub const fn limit(&self, method: Method) -> Limit {
        match method {
            Method::Password => self.password,
            Method::CardPin => self.card,
            Method::StreetCard => self.street_card,
        }
    }
}
