//! What officers see of points under way to other towns: how long each has waited, and for whom.

use axum::{
    Json, Router,
    extract::{Query, State},
    routing::get,
};
use jichi_protocol::{
    id::{EntryIndex, TownId, TransferId},
    points::Points,
    transfer::OutgoingStage,
};
use serde::{Deserialize, Serialize};

use super::{
    answer::{self, NoEntry},
    caller::Officer,
    problem::edge::EdgeProblem,
    resident::invalid,
};
use crate::{clock, staff::Role, town::Town};

/// Transfers of a page.
const PAGE: usize = 100;

/// The routes, on the staff's listener.
pub fn routes() -> Router<Town> {
    Router::new().route("/v1/transfers", get(list))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// The town that they are under way to; without it, all towns.
    town: Option<String>,
    /// Where the page before this one ended.
    after: Option<u64>,
}

/// A transfer under way. Whose points it moves is not said.
#[derive(Serialize)]
struct TransferView {
    transfer: String,
    /// The town that it is under way to.
    town: String,
    points: u64,
    /// `waiting`, or `withdrawing` where it was asked back.
    state: &'static str,
    /// The entry by which the points left, and its time.
    entry: u64,
    since: String,
    /// How long it has waited, in seconds.
    age_s: u64,
}

#[derive(Serialize)]
struct TransferPage {
    /// The oldest first.
    transfers: Vec<TransferView>,
    /// Where the next page begins, for `after`; none if there is none.
    next: Option<u64>,
}

/// What the ledger says of one.
struct UnderWay {
    offered: EntryIndex,
    transfer: TransferId,
    town: TownId,
    points: Points,
    state: &'static str,
}

async fn list(
    State(town): State<Town>,
    Officer(officer): Officer,
    Query(query): Query<ListQuery>,
) -> Result<Json<TransferPage>, NoEntry> {
    officer
        .require(Role::Approver)
        .or_else(|_| officer.require(Role::Auditor))
        .or_else(|_| officer.require(Role::Desk))?;
    let to = query.town.map(|text| text.parse::<TownId>().map_err(|_| invalid("town")));
    let to = to.transpose()?;
    let after = query.after.map(EntryIndex);
    // All transfers of all years are looked through, and the writer does not wait for that.
    let frozen = answer::read(town.engine(), |ledger| ledger.freeze()).await?;
    let wanted = |one: &UnderWay| {
        to.is_none_or(|to| one.town == to) && after.is_none_or(|after| one.offered > after)
    };
    let mut found: Vec<UnderWay> = frozen
        .outgoing_all()
        .filter_map(|(transfer, outgoing)| {
            let state = match &outgoing.stage {
                OutgoingStage::Waiting { withdraw: None, .. } => "waiting",
                OutgoingStage::Waiting { withdraw: Some(_), .. } => "withdrawing",
                OutgoingStage::Settled { .. } | OutgoingStage::Returned { .. } => return None,
            };
            let (offered, town, points) = (outgoing.offered, outgoing.town, outgoing.points);
            Some(UnderWay { offered, transfer: *transfer, town, points, state })
        })
        .filter(wanted)
        .collect();
    found.sort_unstable_by_key(|one| one.offered);
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    let next = found.last().filter(|_| more).map(|one| one.offered.0);
    let now = clock::now();
    let mut transfers = Vec::new();
    for one in found {
        let committed = town.engine().committed(one.offered).map_err(|_| EdgeProblem::Internal)?;
        let since = committed.entry.time;
        transfers.push(TransferView {
            transfer: one.transfer.to_string(),
            town: one.town.to_string(),
            points: one.points.get(),
            state: one.state,
            entry: one.offered.0,
            since: since.to_string(),
            age_s: now.ms_since(since) / 1_000,
        });
    }
    Ok(Json(TransferPage { transfers, next }))
}
