//! How many points a grant gives: the programme's rule, and what was measured.

use alloc::vec::Vec;
use minicbor::{Decode, Encode};

use crate::{date::Month, id::CodeId, label::Label, points::Points};

/// Rows of a table of steps, and roles of an activity, at most.
pub const RULE_ROWS_MAX: usize = 32;

/// How many points a grant gives. A programme without rule gives what its officer enters.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum GrantRule {
    /// So much for each activity, more for some roles (Sagamihara: 200, sub-leader 400, leader
    /// 600).
    #[n(0)]
    Activity {
        /// What a participant gets.
        #[n(0)]
        each: Points,
        /// Who gets a multiple of it.
        #[n(1)]
        roles: Vec<RoleRate>,
    },
    /// By the steps of a day.
    #[n(1)]
    Steps {
        /// From so many steps so many points, the fewest steps first.
        #[n(0)]
        table: Vec<StepBand>,
        /// At most so much for a person and month of walking.
        #[n(1)]
        monthly_cap: Option<Points>,
    },
    /// One sum for all.
    #[n(2)]
    Lump(#[n(0)] Points),
    /// For each so many yen; the rest gives nothing.
    #[n(3)]
    PerYen {
        /// So many yen, at least 1,
        #[n(0)]
        yen: u32,
        /// give so many points.
        #[n(1)]
        points: Points,
    },
    /// Points of another scheme are exchanged; what is no whole unit gives nothing.
    #[n(4)]
    Exchange {
        /// So many of the other scheme, at least 1,
        #[n(0)]
        unit: u32,
        /// give so many points.
        #[n(1)]
        points: Points,
        /// At least so many of the other scheme.
        #[n(2)]
        minimum: u64,
        /// Only in this month of the year, 1 to 12.
        #[n(3)]
        month: Option<u32>,
    },
    /// As a code says, which each recipient shows once.
    #[n(5)]
    Code,
}

/// A role that gets a multiple.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RoleRate {
    /// Its public name.
    #[n(0)]
    pub role: Label,
    /// How many times a participant's points.
    #[n(1)]
    pub times: u32,
}

/// A row of a table of steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct StepBand {
    /// From so many steps a day,
    #[n(0)]
    pub steps: u32,
    /// so many points.
    #[n(1)]
    pub points: Points,
}

/// What was measured of a recipient, as the node asserts it. It says no more of a person's health
/// than the rule needs: the row that was reached, not the steps.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Measure {
    /// Took part, in a role of the rule or in none.
    #[n(0)]
    Activity {
        /// The role.
        #[n(0)]
        role: Option<Label>,
    },
    /// Walked.
    #[n(1)]
    Steps {
        /// The steps of the row that was reached.
        #[n(0)]
        row: u32,
        /// The month of that day.
        #[n(1)]
        month: Month,
    },
    /// Is one of those who get the sum.
    #[n(2)]
    Lump,
    /// Paid so many yen.
    #[n(3)]
    Yen(#[n(0)] u64),
    /// Gave so many points of the other scheme.
    #[n(4)]
    Exchange(#[n(0)] u64),
    /// Showed a code.
    #[n(5)]
    Code(#[n(0)] CodeId),
}

impl GrantRule {
    /// Whether the rule says something, and the same for every reader.
    #[must_use]
    pub fn well_formed(&self) -> bool {
        match self {
            Self::Activity { each, roles } => {
                let once = roles.iter().enumerate().all(|(at, rate)| {
                    rate.times > 0 && roles.iter().skip(at).skip(1).all(|it| it.role != rate.role)
                });
                !each.is_zero() && once && roles.len() <= RULE_ROWS_MAX
            }
            Self::Steps { table, .. } => {
                let rising = table.iter().zip(table.iter().skip(1)).all(|(a, b)| a.steps < b.steps);
                !table.is_empty() && rising && table.len() <= RULE_ROWS_MAX
            }
            Self::Lump(points) => !points.is_zero(),
            Self::PerYen { yen, points } => *yen > 0 && !points.is_zero(),
            Self::Exchange { unit, points, month, .. } => {
                *unit > 0
                    && !points.is_zero()
                    && month.is_none_or(|month| (1..=12).contains(&month))
            }
            Self::Code => true,
        }
    }

    /// The row of the table that so many steps reach.
    #[must_use]
    pub fn row(&self, steps: u32) -> Option<StepBand> {
        match self {
            Self::Steps { table, .. } => table.iter().rev().find(|row| row.steps <= steps).copied(),
            Self::Activity { .. }
            | Self::Lump(_)
            | Self::PerYen { .. }
            | Self::Exchange { .. }
            | Self::Code => None,
        }
    }

    /// The points that the measure gives, before any cap; none if it is not what the rule asks
    /// for. What a code gives, it says itself.
    #[must_use]
    pub fn points(&self, measure: &Measure) -> Option<Points> {
        match (self, measure) {
            (Self::Activity { each, .. }, Measure::Activity { role: None }) => Some(*each),
            (Self::Activity { each, roles }, Measure::Activity { role: Some(role) }) => {
                let rate = roles.iter().find(|rate| rate.role == *role)?;
                each.times(u64::from(rate.times))
            }
            (Self::Steps { table, .. }, Measure::Steps { row, .. }) => {
                table.iter().find(|known| known.steps == *row).map(|known| known.points)
            }
            (Self::Lump(points), Measure::Lump) => Some(*points),
            (Self::PerYen { yen, points }, Measure::Yen(paid)) => {
                points.times(paid.checked_div(u64::from(*yen))?)
            }
            (Self::Exchange { unit, points, minimum, .. }, Measure::Exchange(amount)) => {
                if amount < minimum {
                    return Some(Points::ZERO);
                }
                points.times(amount.checked_div(u64::from(*unit))?)
            }
            (
                Self::Activity { .. }
                | Self::Steps { .. }
                | Self::Lump(_)
                | Self::PerYen { .. }
                | Self::Exchange { .. }
                | Self::Code,
                _,
            ) => None,
        }
    }
}
