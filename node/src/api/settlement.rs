//! What officers see and record of the settlement with other towns.

use std::cmp::Reverse;

use axum::{
    Json, Router,
    extract::{Query, State},
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
        flow: flow_text(key.flow),
        transfers: period.own.count,
        points: period.own.points.get(),
        state,
        theirs,
        differing: differing(ledger, key, period),
    }
}

const fn flow_text(flow: Flow) -> &'static str {
    match flow {
        Flow::Taken => "taken",
        Flow::Given => "given",
    }
}

/// The month of a text as `2026-11`.
fn month_of(text: &str) -> Option<Month> {
    let first: BusinessDate = format!("{}-01", text.trim()).parse().ok()?;
    Some(first.month())
}

fn month_text(month: Month) -> String {
    format!("{:04}-{:02}", month.0 / 12, month.of_year())
}

/// Periods of a page.
const PAGE: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// `2026-11`; without it, all months.
    month: Option<String>,
    /// Where the page before this one ended.
    after: Option<String>,
}

#[derive(Serialize)]
struct PeriodPage {
    /// The newest month first.
    settlements: Vec<PeriodView>,
    /// Where the next page begins, for `after`; none if there is none.
    next: Option<String>,
}

/// The order of the list: the newest month first, then by town.
type Place = (Reverse<Month>, TownId, Flow);

const fn place(key: &PeriodKey) -> Place {
    (Reverse(key.month), key.town, key.flow)
}

/// A place as text.
fn cursor((Reverse(month), town, flow): Place) -> String {
    format!("{}.{town}.{}", month_text(month), flow_text(flow))
}

fn place_of(cursor: &str) -> Option<Place> {
    let (month, rest) = cursor.split_once('.')?;
    let (town, flow) = rest.split_once('.')?;
    let flow = [Flow::Taken, Flow::Given].into_iter().find(|of| flow_text(*of) == flow)?;
    Some((Reverse(month_of(month)?), town.parse().ok()?, flow))
}

async fn list(
    State(town): State<Town>,
    Officer(officer): Officer,
    Query(query): Query<ListQuery>,
) -> Result<Json<PeriodPage>, NoEntry> {
    officer.require(Role::Approver).or_else(|_| officer.require(Role::Auditor))?;
    let month = query.month.map(|text| month_of(&text).ok_or_else(|| invalid("month")));
    let month = month.transpose()?;
    let after = query.after.map(|text| place_of(&text).ok_or_else(|| invalid("after")));
    let after = after.transpose()?;
    let page = answer::read(town.engine(), |ledger| {
        let wanted = |key: &PeriodKey| {
            month.is_none_or(|month| key.month == month)
                && after.is_none_or(|after| place(key) > after)
        };
        let mut found: Vec<_> = ledger.periods().filter(|(key, _)| wanted(key)).collect();
        found.sort_unstable_by_key(|(key, _)| place(key));
        let more = found.len() > PAGE;
        found.truncate(PAGE);
        let next = found.last().filter(|_| more).map(|(key, _)| cursor(place(key)));
        let views = found.into_iter().map(|(key, period)| view(ledger, key, period));
        PeriodPage { settlements: views.collect(), next }
    });
    Ok(Json(page.await?))
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
        let month = month_of(&self.month).ok_or_else(|| invalid("month"))?;
        Ok(PeriodNamed { town, month })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_the_place_that_it_names_and_newer_months_come_first() {
        let key = |town: &str, month: &str, flow| PeriodKey {
            town: town.parse().unwrap(),
            month: month_of(month).unwrap(),
            flow,
        };
        let listed = [
            key("242012", "2026-12", Flow::Given),
            key("102016", "2026-11", Flow::Taken),
            key("102016", "2026-11", Flow::Given),
            key("141500", "2026-11", Flow::Taken),
            key("102016", "2025-01", Flow::Given),
        ];
        for pair in listed.windows(2) {
            assert!(place(&pair[0]) < place(&pair[1]), "{pair:?}");
        }
        for key in &listed {
            assert_eq!(place_of(&cursor(place(key))), Some(place(key)));
        }
        for wrong in ["", "2026-11", "2026-11.102016", "2026-13.102016.given", "2026-11.1.given"] {
            assert_eq!(place_of(wrong), None, "{wrong}");
        }
    }
}
