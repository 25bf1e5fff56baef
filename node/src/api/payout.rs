//! Paying the shops: holidays, terms, runs and their steps, statements, what goes to the accounting
//! office and to the bank.

mod bank;
mod list;
mod sheet;
mod view;

use axum::{
    Json, Router,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use jichi_protocol::{
    calendar::{CalendarYear, DaysOff, HolidayTable},
    command::{
        AssociationPayee, Command, RunClosing, RunMark, RunStep, TransferAgain, TransferReturned,
    },
    date::BusinessDate,
    entry::Submission,
    id::{MerchantId, OfficerId, ProgrammeId, RunId, SchemeId},
    key::{ClientKey, OperationKey},
    payout::{BudgetLine, Cycle, PayoutTerms, Purse, ReturnReason},
};
use serde::{Deserialize, Serialize};

use super::{
    answer::{self, Done, NoEntry},
    body::{StrictJson, TextBody},
    caller::Officer,
    idempotency::IdempotencyKey,
    officer::{by, label},
    problem::{Problem, edge::EdgeProblem},
    resident::invalid,
};
use crate::{
    staff::{Role, SignedIn},
    town::Town,
};

/// The routes, on the staff's listener.
pub fn routes() -> Router<Town> {
    Router::new()
        .route("/v1/holidays", post(set_holidays))
        .route("/v1/payout-terms", post(set_terms).get(terms))
        .route("/v1/budget-lines", post(set_budget_line))
        .route("/v1/association-payees", post(set_payee))
        .route("/v1/payout-runs", post(close).get(runs))
        .route("/v1/payout-runs/next", get(next))
        .route("/v1/payout-runs/{run}", get(run))
        .route("/v1/payout-runs/{run}/marks", post(mark))
        .route("/v1/payout-runs/{run}/returns", post(came_back))
        .route("/v1/payout-runs/{run}/repeats", post(again))
        .merge(list::routes())
        .merge(sheet::routes())
        .merge(bank::routes())
}

async fn submit(
    town: &Town,
    key: ClientKey,
    command: Command,
) -> Result<Done<answer::Nothing>, NoEntry> {
    let submission = Submission { key: Some(OperationKey::Client(key)), command, evidence: None };
    let committed = answer::submit(town.engine(), submission).await?;
    Ok(Done::over(&committed, answer::Nothing {}))
}

/// Whoever may look at payouts: those who make them, check them, or audit them.
fn may_look(officer: &SignedIn) -> Result<OfficerId, Problem> {
    let roles = [Role::MerchantOfficer, Role::Approver, Role::Auditor];
    let found = roles.into_iter().find_map(|role| officer.require(role).ok());
    found.ok_or_else(|| EdgeProblem::ForbiddenRole.into())
}

fn run_id(text: &str) -> Result<RunId, Problem> {
    text.parse().map_err(|_| EdgeProblem::NotFound.into())
}

fn merchant_id(text: &str) -> Result<MerchantId, Problem> {
    text.parse().map_err(|_| EdgeProblem::NotFound.into())
}

fn date(text: &str, field: &'static str) -> Result<BusinessDate, Problem> {
    text.parse().map_err(|_| invalid(field))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DayBody {
    day: String,
    /// For the officer who reads the file; the journal keeps the day alone.
    #[serde(rename = "name")]
    _name: TextBody,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct YearBody {
    year: u32,
    /// Whether the gazette has named the days yet; for the officer who reads the file.
    #[serde(rename = "status")]
    _status: Option<TextBody>,
    days: Vec<DayBody>,
}

async fn set_holidays(
    State(town): State<Town>,
    Officer(officer): Officer,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(year): StrictJson<YearBody>,
) -> Result<Done<answer::Nothing>, NoEntry> {
    let officer = officer.require(Role::MerchantOfficer)?;
    let days = year.days.iter().map(|day| date(&day.day, "day")).collect::<Result<_, _>>()?;
    let years = vec![DaysOff { year: CalendarYear(year.year), days }];
    submit(&town, key, Command::SetHolidays(HolidayTable { years }, by(officer))).await
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TermsBody {
    /// The days of a month on which a period ends; 31 is the month's end.
    cycle: Vec<u8>,
    pay_after_business_days: u32,
    fee_per_mille: u32,
}

async fn set_terms(
    State(town): State<Town>,
    Officer(officer): Officer,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<TermsBody>,
) -> Result<Done<answer::Nothing>, NoEntry> {
    let officer = officer.require(Role::Approver)?;
    let terms = PayoutTerms {
        cycle: Cycle::new(body.cycle).ok_or_else(|| invalid("cycle"))?,
        pay_after: body.pay_after_business_days,
        fee_per_mille: body.fee_per_mille,
    };
    submit(&town, key, Command::SetPayoutTerms(terms, by(officer))).await
}

async fn terms(
    State(town): State<Town>,
    Officer(officer): Officer,
) -> Result<Json<impl Serialize>, NoEntry> {
    may_look(&officer)?;
    let terms = answer::read(town.engine(), |ledger| ledger.payout_terms()).await?;
    Ok(Json(TermsBody {
        cycle: terms.cycle.days().to_vec(),
        pay_after_business_days: terms.pay_after,
        fee_per_mille: terms.fee_per_mille,
    }))
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum PurseBody {
    Programme(u32),
    Scheme(u32),
    Company(String),
    Fee,
    Shops,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BudgetLineBody {
    purse: PurseBody,
    /// 会計
    account: TextBody,
    /// 款
    title: TextBody,
    /// 項
    item: TextBody,
    /// 目
    entry: TextBody,
    /// 節
    section: TextBody,
    /// 細節
    detail: Option<TextBody>,
}

async fn set_budget_line(
    State(town): State<Town>,
    Officer(officer): Officer,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<BudgetLineBody>,
) -> Result<Done<answer::Nothing>, NoEntry> {
    let officer = officer.require(Role::Approver)?;
    let line = BudgetLine {
        purse: match body.purse {
            PurseBody::Programme(programme) => Purse::Programme(ProgrammeId(programme)),
            PurseBody::Scheme(scheme) => Purse::Scheme(SchemeId(scheme)),
            PurseBody::Company(company) => {
                Purse::Company(company.parse().map_err(|_| invalid("company"))?)
            }
            PurseBody::Fee => Purse::Fee,
            PurseBody::Shops => Purse::Shops,
        },
        account: label(&body.account)?,
        title: label(&body.title)?,
        item: label(&body.item)?,
        entry: label(&body.entry)?,
        section: label(&body.section)?,
        detail: body.detail.as_ref().map(label).transpose()?,
    };
    submit(&town, key, Command::SetBudgetLine(line, by(officer))).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PayeeBody {
    scheme: u32,
    merchant: u32,
}

/// The shop as which a street's association is paid for charges of its card.
async fn set_payee(
    State(town): State<Town>,
    Officer(officer): Officer,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<PayeeBody>,
) -> Result<Done<answer::Nothing>, NoEntry> {
    let officer = officer.require(Role::MerchantOfficer)?;
    let (scheme, merchant) = (SchemeId(body.scheme), MerchantId(body.merchant));
    let payee = AssociationPayee { scheme, merchant };
    submit(&town, key, Command::SetPayee(payee, by(officer))).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClosingBody {
    /// The last day of the period that is closed.
    last: String,
}

#[derive(Serialize)]
struct ClosedAnswer {
    run: u32,
}

/// Closes the next period; its shops follow in slices, and `GET` of the run says how far it is.
async fn close(
    State(town): State<Town>,
    Officer(officer): Officer,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<ClosingBody>,
) -> Result<Done<impl Serialize>, NoEntry> {
    let officer = officer.require(Role::MerchantOfficer)?;
    let last = date(&body.last, "last")?;
    let command = Command::CloseRun(RunClosing { last }, by(officer));
    let submission = Submission { key: Some(OperationKey::Client(key)), command, evidence: None };
    let committed = answer::submit(town.engine(), submission).await?;
    // No two runs end on one day, so the day names the run that this key closed.
    let run = answer::read(town.engine(), |ledger| {
        ledger.runs().find(|(_, run)| run.last == last).map_or(0, |(run, _)| run.0)
    });
    let run = run.await?;
    Ok(Done::over(&committed, ClosedAnswer { run }))
}

async fn runs(State(town): State<Town>, Officer(officer): Officer) -> Result<Response, NoEntry> {
    may_look(&officer)?;
    let runs = answer::read(town.engine(), view::runs).await?;
    Ok(Json(runs).into_response())
}

/// What the next run would make.
async fn next(State(town): State<Town>, Officer(officer): Officer) -> Result<Response, NoEntry> {
    may_look(&officer)?;
    let next = answer::read(town.engine(), view::next).await?;
    Ok(Json(next).into_response())
}

async fn run(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(run): Path<String>,
) -> Result<Response, NoEntry> {
    may_look(&officer)?;
    let run = run_id(&run)?;
    let found = answer::read(town.engine(), |ledger| view::whole(ledger, run)).await?;
    Ok(Json(found.ok_or(EdgeProblem::NotFound)?).into_response())
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum StepBody {
    Checked,
    HandedOver,
    Paid,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MarkBody {
    step: StepBody,
    /// The day it was done on; of `paid` the day the bank paid.
    on: String,
}

/// A step of a run. Another officer than the one who closed it checks it.
async fn mark(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(run): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<MarkBody>,
) -> Result<Done<answer::Nothing>, NoEntry> {
    let (step, role) = match body.step {
        StepBody::Checked => (RunStep::Checked, Role::Approver),
        StepBody::HandedOver => (RunStep::HandedOver, Role::MerchantOfficer),
        StepBody::Paid => (RunStep::Paid, Role::MerchantOfficer),
    };
    let officer = officer.require(role)?;
    let mark = RunMark { run: run_id(&run)?, step, on: date(&body.on, "on")? };
    submit(&town, key, Command::MarkRun(mark, by(officer))).await
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ReasonBody {
    NoAccount,
    OtherName,
    AccountClosed,
    Other,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReturnBody {
    merchant: u32,
    on: String,
    reason: ReasonBody,
    /// Whether it is paid with the next run.
    next_run: bool,
}

/// A bank transfer came back: it is owed again.
async fn came_back(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(run): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<ReturnBody>,
) -> Result<Done<answer::Nothing>, NoEntry> {
    let officer = officer.require(Role::MerchantOfficer)?;
    let returned = TransferReturned {
        run: run_id(&run)?,
        merchant: MerchantId(body.merchant),
        on: date(&body.on, "on")?,
        reason: match body.reason {
            ReasonBody::NoAccount => ReturnReason::NoAccount,
            ReasonBody::OtherName => ReturnReason::OtherName,
            ReasonBody::AccountClosed => ReturnReason::AccountClosed,
            ReasonBody::Other => ReturnReason::Other,
        },
        next_run: body.next_run,
    };
    submit(&town, key, Command::ReturnTransfer(returned, by(officer))).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AgainBody {
    merchant: u32,
    on: String,
}

/// A bank transfer that came back was made again.
async fn again(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(run): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<AgainBody>,
) -> Result<Done<answer::Nothing>, NoEntry> {
    let officer = officer.require(Role::MerchantOfficer)?;
    let merchant = MerchantId(body.merchant);
    let again = TransferAgain { run: run_id(&run)?, merchant, on: date(&body.on, "on")? };
    submit(&town, key, Command::RepeatTransfer(again, by(officer))).await
}
