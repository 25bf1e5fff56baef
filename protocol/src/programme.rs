//! Programmes: a town's own schemes of giving points (行政ポイント), and when points expire.

mod rule;

use minicbor::{Decode, Encode};

pub use rule::{GrantRule, Measure, RULE_ROWS_MAX, RoleRate, StepBand};

use crate::{
    date::{BusinessDate, FiscalYear},
    eligibility::Eligibility,
    id::ProgrammeId,
    label::Label,
    lot::{Grace, Issuer, Paid},
    points::Points,
};

/// When points expire (money-rules, Programmes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum ExpiryRule {
    /// Never.
    #[n(0)]
    Never,
    /// So many days behind the day they were earned on.
    #[n(1)]
    Days(#[n(0)] u32),
    /// The same day number so many months later, or that month's last day.
    #[n(2)]
    Months(#[n(0)] u32),
    /// The end of the fiscal year they were earned in, plus so many years.
    #[n(3)]
    FiscalYearEnd(#[n(0)] u32),
    /// One day for all.
    #[n(4)]
    On(#[n(0)] BusinessDate),
}

impl ExpiryRule {
    /// The last day on which points earned on this day can be spent.
    #[must_use]
    pub const fn last_day(self, earned: BusinessDate) -> BusinessDate {
        match self {
            Self::Never => BusinessDate::LAST,
            Self::Days(days) => earned.plus_days(days),
            Self::Months(months) => earned.plus_months(months),
            Self::FiscalYearEnd(years) => {
                FiscalYear(earned.fiscal_year().0.saturating_add(years)).last_day()
            }
            Self::On(date) => date,
        }
    }
}

/// Who may receive a programme's points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Audience {
    /// Whoever has an account.
    #[n(0)]
    Everyone,
    /// Holders whose residence was checked.
    #[n(1)]
    Residents,
}

/// A programme, as the council decided it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Programme {
    /// Which.
    #[n(0)]
    pub id: ProgrammeId,
    /// Its public name.
    #[n(1)]
    pub name: Label,
    /// What it may give in all.
    #[n(2)]
    pub ceiling: Points,
    /// The first day of giving.
    #[n(3)]
    pub from: BusinessDate,
    /// The last day of giving.
    #[n(4)]
    pub until: BusinessDate,
    /// Who may receive.
    #[n(5)]
    pub audience: Audience,
    /// At most so much for a person and fiscal year; none for no cap.
    #[n(6)]
    pub cap: Option<Points>,
    /// When the points expire.
    #[n(7)]
    pub expiry: ExpiryRule,
    /// Whether points that come back too late get grace.
    #[n(8)]
    pub grace: Grace,
    /// Who issues them.
    #[n(9)]
    pub issuer: Issuer,
    /// Whether they count as paid for.
    #[n(10)]
    pub paid: Paid,
    /// A grant above this needs a second officer.
    #[n(11)]
    pub two_officers_above: Points,
    /// What it demands of a recipient, besides the audience.
    #[n(12)]
    pub eligibility: Option<Eligibility>,
    /// How many points a grant gives; none where an officer says it.
    #[n(13)]
    pub rule: Option<GrantRule>,
    /// What it is for.
    #[n(14)]
    pub purpose: Option<Label>,
}

impl Programme {
    /// Whether its parts fit together.
    #[must_use]
    pub fn well_formed(&self) -> bool {
        self.from <= self.until && self.rule.as_ref().is_none_or(GrantRule::well_formed)
    }
}
