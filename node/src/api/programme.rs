//! Programmes on the wire: what they demand, their rule, and what each has given.

use jichi_protocol::{
    eligibility::{AgeDay, AgeRule, Demand, Eligibility},
    programme::{GrantRule, RoleRate, StepBand},
};
use serde::Deserialize;

use super::{body::TextBody, officer::label, payment::points, problem::Problem, resident::invalid};

/// What a programme demands of a recipient.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EligibilityBody {
    age: Option<AgeBody>,
    #[serde(default)]
    residence: bool,
    #[serde(default)]
    enrolment: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AgeBody {
    years: u32,
    by: AgeDayBody,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum AgeDayBody {
    Grant,
    FiscalYearBegin,
    FiscalYearEnd,
    On(String),
}

impl EligibilityBody {
    pub(super) fn eligibility(&self) -> Result<Eligibility, Problem> {
        let age = self.age.as_ref().map(|age| {
            let by = match &age.by {
                AgeDayBody::Grant => AgeDay::Grant,
                AgeDayBody::FiscalYearBegin => AgeDay::FiscalYearBegin,
                AgeDayBody::FiscalYearEnd => AgeDay::FiscalYearEnd,
                AgeDayBody::On(day) => AgeDay::On(day.parse().map_err(|_| invalid("by"))?),
            };
            Ok::<_, Problem>(AgeRule { years: age.years, by })
        });
        let demand = |asked| if asked { Demand::Asked } else { Demand::NotAsked };
        Ok(Eligibility {
            age: age.transpose()?,
            residence: demand(self.residence),
            enrolment: demand(self.enrolment),
        })
    }
}

/// How many points a grant gives.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum RuleBody {
    Activity {
        each: u64,
        #[serde(default)]
        roles: Vec<RoleBody>,
    },
    Steps {
        table: Vec<StepBody>,
        monthly_cap: Option<u64>,
    },
    Lump(u64),
    PerYen {
        yen: u32,
        points: u64,
    },
    Exchange {
        unit: u32,
        points: u64,
        #[serde(default)]
        minimum: u64,
        month: Option<u32>,
    },
    Code,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RoleBody {
    role: TextBody,
    times: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StepBody {
    steps: u32,
    points: u64,
}

impl RuleBody {
    pub(super) fn rule(&self) -> Result<GrantRule, Problem> {
        let role = |body: &RoleBody| {
            Ok::<_, Problem>(RoleRate { role: label(&body.role)?, times: body.times })
        };
        let row = |body: &StepBody| {
            Ok::<_, Problem>(StepBand { steps: body.steps, points: points(body.points)? })
        };
        Ok(match self {
            Self::Activity { each, roles } => GrantRule::Activity {
                each: points(*each)?,
                roles: roles.iter().map(role).collect::<Result<_, _>>()?,
            },
            Self::Steps { table, monthly_cap } => GrantRule::Steps {
                table: table.iter().map(row).collect::<Result<_, _>>()?,
                monthly_cap: monthly_cap.map(points).transpose()?,
            },
            Self::Lump(sum) => GrantRule::Lump(points(*sum)?),
            Self::PerYen { yen, points: each } => {
                GrantRule::PerYen { yen: *yen, points: points(*each)? }
            }
            Self::Exchange { unit, points: each, minimum, month } => GrantRule::Exchange {
                unit: *unit,
                points: points(*each)?,
                minimum: *minimum,
                month: *month,
            },
            Self::Code => GrantRule::Code,
        })
    }
}
