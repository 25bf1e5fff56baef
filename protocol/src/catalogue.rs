//! The dated catalogue of partner companies: who converts, at what rate, within what limits.

use alloc::{string::String, vec::Vec};
use minicbor::{Decode, Encode};

use crate::{
    date::BusinessDate,
    id::{CompanyId, NotAnId},
    label::Label,
    lot::{Issuer, Paid},
    points::Points,
    signature::PublicKey,
};

/// A version of the catalogue, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct CatalogueVersion(#[n(0)] pub u32);

impl core::str::FromStr for CatalogueVersion {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        text.parse().map(Self).map_err(|_| NotAnId::Form)
    }
}

/// A number of a company's own points or miles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode, Decode)]
#[cbor(transparent)]
pub struct CompanyPoints(#[n(0)] pub u64);

/// How a company converts. Minimum, unit and limits are in the company's points.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct CompanyTerms {
    /// Which company.
    #[n(0)]
    pub company: CompanyId,
    /// Its public name.
    #[n(1)]
    pub name: Label,
    /// The key that its conversion statements are signed with.
    #[n(2)]
    pub key: PublicKey,
    /// Converted in whole units of so many.
    #[n(3)]
    pub unit: CompanyPoints,
    /// The points for one unit.
    #[n(4)]
    pub points_per_unit: Points,
    /// At least so many at once.
    #[n(5)]
    pub minimum: CompanyPoints,
    /// At most so many a person and day.
    #[n(6)]
    pub daily_max: CompanyPoints,
    /// At most so many a person and calendar month.
    #[n(7)]
    pub monthly_max: CompanyPoints,
    /// Who issues the points that come of it.
    #[n(8)]
    pub issuer: Issuer,
    /// Whether they count as paid for.
    #[n(9)]
    pub paid: Paid,
    /// What people see of the company besides.
    #[n(10)]
    pub shown: Option<Shown>,
}

/// What people see of a company, and how its points come.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Shown {
    /// Its trade.
    #[n(0)]
    pub trade: Trade,
    /// By which way its points come.
    #[n(1)]
    pub way: Way,
    /// The company's own exchange page.
    #[n(2)]
    pub url: ExchangeUrl,
    /// Whether a contract stands behind the line.
    #[n(3)]
    pub standing: Standing,
}

/// The trades of the companies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Trade {
    /// クレジットカード会社.
    #[n(0)]
    CreditCard,
    /// 航空会社.
    #[n(1)]
    Airline,
    /// 流通等.
    #[n(2)]
    Retail,
    /// 銀行.
    #[n(3)]
    Bank,
    /// 電力・通信.
    #[n(4)]
    Utility,
}

/// By which way a company's points come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Way {
    /// The holder links the company's ID, and converts at the company.
    #[n(0)]
    LinkedId,
    /// The company gives a code that the holder enters.
    #[n(1)]
    Code,
}

/// Whether a line of the catalogue is real.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Standing {
    /// An example (例): rate and limits are invented.
    #[n(0)]
    Example,
    /// A contract was made.
    #[n(1)]
    Contract,
}

/// The address of a company's exchange page: `https://` and at most 200 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExchangeUrl(String);

impl ExchangeUrl {
    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl core::str::FromStr for ExchangeUrl {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let rest = text.strip_prefix("https://").unwrap_or_default();
        let visible = rest.bytes().all(|b| b.is_ascii_graphic() && !b"\"'<>`".contains(&b));
        let fits = !rest.is_empty() && text.len() <= 200 && visible;
        if fits { Ok(Self(text.into())) } else { Err(NotAnId::Form) }
    }
}

impl core::fmt::Display for ExchangeUrl {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.0)
    }
}

crate::codec::cbor_text!(ExchangeUrl);

impl CompanyTerms {
    /// Whether points come by this way; by both where the catalogue does not say.
    #[must_use]
    pub fn comes_by(&self, way: Way) -> bool {
        self.shown.as_ref().is_none_or(|shown| shown.way == way)
    }

    /// The points for so many of the company's; none unless they are whole units.
    #[must_use]
    pub fn convert(&self, amount: CompanyPoints) -> Option<Points> {
        if amount.0.checked_rem(self.unit.0)? != 0 {
            return None;
        }
        self.points_per_unit.times(amount.0.checked_div(self.unit.0)?)
    }
}

/// All companies of one version.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Catalogue {
    /// The version; the next one is larger.
    #[n(0)]
    pub version: CatalogueVersion,
    /// The first day it is valid on; its last is the day before the next one's first.
    #[n(1)]
    pub valid_from: BusinessDate,
    /// The companies.
    #[n(2)]
    pub companies: Vec<CompanyTerms>,
}

impl Catalogue {
    /// The terms of a company.
    #[must_use]
    pub fn company(&self, company: &CompanyId) -> Option<&CompanyTerms> {
        self.companies.iter().find(|terms| terms.company == *company)
    }
}
