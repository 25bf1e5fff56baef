//! What officers see and record of the settlement with other towns.

use axum::{
    Json, Router,
    extract::State,
    routing::{get, post},
};
use jichi_protocol::{
    command::{ByOfficer, Command, PeriodNamed},
    date::{BusinessDate, Month},
    entry::Submission,
    id::TownId,
    key::OperationKey,
    ledger::Ledger,
    settlement::{Flow, Period, PeriodKey, PeriodStage},
};
use serde::{Deserialize, Serialize};

use super::{
    answer::{self, Done, NoEntry, Nothing},
    body::StrictJson,
    caller::Officer,
    idempotency::IdempotencyKey,
    resident::invalid,
};
use crate::{staff::Role, town::Town};

/// The routes, on the staff's listener.
pub fn routes() -> Router<Town> {
    Router::new()
        .route("/v1/settlements", get(list).post(record))
        .route("/v1/settlements/restatements", post(restate))
}

/// One direction of a month with another town.
#[derive(Serialize)]
struct PeriodView {
    town: String,
    /// `2026-11`.
    month: String,
    /// `taken`: the other town owes it; `given`: this town owes it.
    flow: &'static str,
    transfers: u32,
    points: u64,
    /// `open`, `stated`, `closed`, `differs` or `paid`.
    state: &'static str,
    /// What the other town says, where it differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    theirs: Option<u64>,
    /// Transfers that stand in one of the two lists only, where the other town has listed its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differing: Vec<ItemView>,
}

#[derive(Serialize)]
struct ItemView {
    transfer: String,
    points: u64,
    /// `ours` or `theirs`.
    listed_by: &'static str,
}

fn differing(ledger: &Ledger, key: &PeriodKey, period: &Period) -> Vec<ItemView> {
    let PeriodStage::Differs { listed, .. } = &period.stage else { return Vec::new() };
    let own = ledger.period_items_of(key);
    let view = |item: &jichi_protocol::settlement::Item, listed_by| ItemView {
        transfer: item.transfer.to_string(),
        points: item.points.get(),
        listed_by,
    };
    if listed.is_empty() && key.flow == Flow::Given {
        return own.iter().map(|item| view(item, "ours")).collect();
    }
    let ours = own.iter().filter(|item| !listed.contains(item)).map(|item| view(item, "ours"));
    let theirs = listed.iter().filter(|item| !own.contains(item)).map(|item| view(item, "theirs"));
    ours.chain(theirs).collect()
}

fn view(ledger: &Ledger, key: &PeriodKey, period: &Period) -> PeriodView {
    let (state, theirs) = match &period.stage {
        PeriodStage::Open => ("open", None),
        PeriodStage::Stated { .. } => ("stated", None),
        PeriodStage::Closed => ("closed", None),
        PeriodStage::Differs { theirs, .. } => ("differs", Some(theirs.points.get())),
        PeriodStage::Paid => ("paid", None),
    };
    PeriodView {
        town: key.town.to_string(),
        month: month_text(key.month),
        flow: match key.flow {
            Flow::Taken => "taken",
            Flow::Given => "given",
        },
        transfers: period.own.count,
        points: period.own.points.get(),
        state,
        theirs,
        differing: differing(ledger, key, period),
    }
}

fn month_text(month: Month) -> String {
    format!("{:04}-{:02}", month.0 / 12, month.of_year())
}

async fn list(
    State(town): State<Town>,
    Officer(officer): Officer,
) -> Result<Json<Vec<PeriodView>>, NoEntry> {
    officer.require(Role::Approver).or_else(|_| officer.require(Role::Auditor))?;
    let views = answer::read(town.engine(), |ledger| {
        ledger.periods().map(|(key, period)| view(ledger, key, period)).collect()
    });
    Ok(Json(views.await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NamedBody {
    town: String,
    /// `2026-11`.
    month: String,
}

impl NamedBody {
    fn named(&self) -> Result<PeriodNamed, NoEntry> {
        let town: TownId = self.town.parse().map_err(|_| invalid("town"))?;
        let first = format!("{}-01", self.month.trim());
        let first: BusinessDate = first.parse().map_err(|_| invalid("month"))?;
        Ok(PeriodNamed { town, month: first.month() })
    }
}

/// The yen of a month was paid, one way or the other.
async fn record(
    State(town): State<Town>,
    Officer(officer): Officer,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<NamedBody>,
) -> Result<Done<Nothing>, NoEntry> {
    let by = ByOfficer { officer: officer.require(Role::Approver)? };
    let command = Command::RecordSettlement(body.named()?, by);
    let submission = Submission { key: Some(OperationKey::Client(key)), command, evidence: None };
    let committed = answer::submit(town.engine(), submission).await?;
    Ok(Done::over(&committed, Nothing {}))
}

/// The statement of a month is made again, once its transfers were put right.
async fn restate(
    State(town): State<Town>,
    Officer(officer): Officer,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<NamedBody>,
) -> Result<Done<Nothing>, NoEntry> {
    let by = ByOfficer { officer: officer.require(Role::Approver)? };
    let command = Command::RestatePeriod(body.named()?, by);
    let submission = Submission { key: Some(OperationKey::Client(key)), command, evidence: None };
    let committed = answer::submit(town.engine(), submission).await?;
    Ok(Done::over(&committed, Nothing {}))
}
