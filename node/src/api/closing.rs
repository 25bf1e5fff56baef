//! The end of a town: two officers decide it, the node tells the other towns.

use axum::{Json, Router, extract::State, routing::get};
use jichi_protocol::{
    command::{ByOfficer, Closing, Command},
    id::TownId,
    ledger::Ledger,
};
use serde::{Deserialize, Serialize};

use super::{
    answer::{self, Done, NoEntry},
    body::StrictJson,
    caller::Officer,
    idempotency::IdempotencyKey,
    proposing::{self, ProposalAnswer},
    resident::invalid,
};
use crate::{staff::Role, town::Town};

/// The routes, on the staff's listener.
pub fn routes() -> Router<Town> {
    Router::new().route("/v1/closing", get(state).post(propose))
}

#[derive(Serialize)]
struct PeerView {
    town: String,
    /// The town that goes on.
    successor: Option<String>,
    /// Whether its whole list of answers has come.
    whole: bool,
}

#[derive(Serialize)]
struct ClosingView {
    closed: bool,
    /// The town that goes on.
    successor: Option<String>,
    /// Towns that are not told yet.
    untold: Vec<String>,
    /// Other towns that said that they closed.
    peers: Vec<PeerView>,
}

fn view(ledger: &Ledger) -> ClosingView {
    let own = ledger.closed();
    let peers = ledger.closed_peers().map(|(town, peer)| PeerView {
        town: town.to_string(),
        successor: peer.successor.map(|town| town.to_string()),
        whole: peer.is_whole(),
    });
    ClosingView {
        closed: own.is_some(),
        successor: own.and_then(|own| own.successor).map(|town| town.to_string()),
        untold: own.iter().flat_map(|own| own.untold.keys()).map(TownId::to_string).collect(),
        peers: peers.collect(),
    }
}

async fn state(
    State(town): State<Town>,
    Officer(officer): Officer,
) -> Result<Json<ClosingView>, NoEntry> {
    officer.require(Role::Operator).or_else(|_| officer.require(Role::Approver))?;
    Ok(Json(answer::read(town.engine(), view).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClosingBody {
    successor: Option<String>,
}

/// The town is to close; a second officer has to say so too.
async fn propose(
    State(town): State<Town>,
    Officer(officer): Officer,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<ClosingBody>,
) -> Result<Done<ProposalAnswer>, NoEntry> {
    let maker = officer.require(Role::Operator)?;
    let successor = body.successor.map(|town| town.parse()).transpose();
    let successor = successor.map_err(|_| invalid("successor"))?;
    let command = Command::CloseTown(Closing { successor }, ByOfficer { officer: maker });
    proposing::propose(town.engine(), (key, maker), &command, None).await
}
