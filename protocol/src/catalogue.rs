//! The dated catalogue of partner companies: who converts, at what rate, within what limits.

use alloc::vec::Vec;
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
}

impl CompanyTerms {
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
