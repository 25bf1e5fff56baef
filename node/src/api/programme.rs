//! Programmes on the wire: what they demand, their rule, and what each has given.

use axum::{
    Json, Router,
    extract::{Path, State},
    routing::get,
};
use jichi_protocol::{
    account::Account,
    eligibility::{AgeDay, AgeRule, Demand, Eligibility},
    id::AccountId,
    ledger::Ledger,
    points::Points,
    programme::{GrantRule, Programme, RoleRate, StepBand},
};
use serde::{Deserialize, Serialize};

use super::{
    answer::{self, NoEntry},
    body::TextBody,
    caller::{Officer, Resident},
    officer::label,
    payment::points,
    problem::{Problem, edge::EdgeProblem},
    resident::invalid,
};
use crate::{staff::Role, town::Town};

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

/// The routes of the staff's listener.
pub fn staff_routes() -> Router<Town> {
    Router::new()
        .route("/v1/programmes", get(programmes))
        .route("/v1/programmes/{programme}/recipients/{account}", get(of_recipient))
}

/// The routes of holders.
pub fn resident_routes() -> Router<Town> {
    Router::new().route("/v1/me/programmes", get(mine))
}

/// A programme with what it has given.
#[derive(Serialize)]
struct ProgrammeView {
    programme: u32,
    name: String,
    purpose: Option<String>,
    from: String,
    until: String,
    ceiling: u64,
    given: u64,
    left: u64,
    cap: Option<u64>,
}

async fn programmes(
    State(town): State<Town>,
    Officer(officer): Officer,
) -> Result<Json<Vec<ProgrammeView>>, NoEntry> {
    let roles = [Role::GrantMaker, Role::Approver, Role::Auditor];
    if !roles.iter().any(|role| officer.require(*role).is_ok()) {
        return Err(EdgeProblem::ForbiddenRole.into());
    }
    let all = answer::read(town.engine(), |ledger| {
        let view = |programme: &Programme| {
            let given = ledger.balance(&Account::Programme(programme.id));
            ProgrammeView {
                programme: programme.id.0,
                name: programme.name.to_string(),
                purpose: programme.purpose.as_ref().map(ToString::to_string),
                from: programme.from.to_string(),
                until: programme.until.to_string(),
                ceiling: programme.ceiling.get(),
                given: given.get(),
                left: programme.ceiling.minus(given).unwrap_or_default().get(),
                cap: programme.cap.map(Points::get),
            }
        };
        ledger.programmes().map(view).collect()
    });
    Ok(Json(all.await?))
}

/// What a person was granted in this fiscal year, on all accounts, and what is left of the cap.
#[derive(Serialize)]
struct Granted {
    programme: u32,
    name: String,
    fiscal_year: u32,
    granted: u64,
    cap: Option<u64>,
    left: Option<u64>,
}

impl Granted {
    fn of(ledger: &Ledger, programme: &Programme, account: &AccountId) -> Self {
        let granted = ledger.granted_in_year(account, programme.id);
        let left = programme.cap.map(|cap| cap.minus(granted).unwrap_or_default());
        Self {
            programme: programme.id.0,
            name: programme.name.to_string(),
            fiscal_year: ledger.day().fiscal_year().0,
            granted: granted.get(),
            cap: programme.cap.map(Points::get),
            left: left.map(Points::get),
        }
    }
}

async fn of_recipient(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path((programme, account)): Path<(u32, String)>,
) -> Result<Json<Granted>, NoEntry> {
    officer.require(Role::GrantMaker)?;
    let account: AccountId = account.parse().map_err(|_| EdgeProblem::NotFound)?;
    let granted = answer::read(town.engine(), |ledger| {
        ledger.holder(&account)?;
        let programme = ledger.programmes().find(|it| it.id.0 == programme)?;
        Some(Granted::of(ledger, programme, &account))
    });
    Ok(Json(granted.await?.ok_or(EdgeProblem::NotFound)?))
}

/// The holder's own: every programme that runs today.
async fn mine(
    State(town): State<Town>,
    Resident(account): Resident,
) -> Result<Json<Vec<Granted>>, NoEntry> {
    let granted = answer::read(town.engine(), |ledger| {
        let today = ledger.day();
        let running = ledger.programmes().filter(|it| it.from <= today && today <= it.until);
        running.map(|programme| Granted::of(ledger, programme, &account)).collect()
    });
    Ok(Json(granted.await?))
}
