//! How far a restore is, and the towns that cannot be heard: two officers name them.

use std::collections::BTreeMap;

use axum::{
    Json, Router,
    extract::State,
    routing::{get, post},
};
use jichi_protocol::{
    account::{Account, LossCause},
    command::{Admitted, ByOfficer, Command, Unheard},
    entry::Submission,
    id::TownId,
    key::OperationKey,
    ledger::{Ledger, Stage},
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
    Router::new()
        .route("/v1/restore", get(state))
        .route("/v1/restore/unheard", post(propose))
        .route("/v1/restore/receipts", post(admit))
}

/// How far a town is.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum StageView {
    /// It is not asked yet: the directory has to name it.
    ToAsk,
    /// Asked; it has not answered.
    Asked,
    /// It has said what it holds, and that is being fetched.
    Fetching,
}

#[derive(Serialize)]
struct TownView {
    stage: StageView,
    /// Two officers named it: local spends do not wait for it.
    named: bool,
}

#[derive(Serialize)]
struct RestoreView {
    /// The generation of log and channels.
    generation: u32,
    /// Whether local spends are closed.
    closed: bool,
    /// Towns from which not everything is taken back.
    towns: BTreeMap<String, TownView>,
    /// What the town bears for its restores so far, in points.
    loss: u64,
}

fn view(ledger: &Ledger) -> RestoreView {
    let towns = ledger.recovering_towns().map(|(town, recovering)| {
        let stage = match recovering.stage {
            Stage::ToAsk => StageView::ToAsk,
            Stage::Asked => StageView::Asked,
            Stage::Fenced { .. } => StageView::Fetching,
        };
        (town.to_string(), TownView { stage, named: recovering.named })
    });
    RestoreView {
        generation: ledger.generation().0,
        closed: ledger.is_recovering(),
        towns: towns.collect(),
        loss: loss(ledger),
    }
}

fn loss(ledger: &Ledger) -> u64 {
    let account = Account::Loss(LossCause::Restore);
    let found = ledger.books().find(|(known, _)| **known == account);
    found.map_or(0, |(_, book)| book.debits.get().saturating_sub(book.credits.get()))
}

async fn state(
    State(town): State<Town>,
    Officer(officer): Officer,
) -> Result<Json<RestoreView>, NoEntry> {
    officer.require(Role::Operator).or_else(|_| officer.require(Role::Approver))?;
    Ok(Json(answer::read(town.engine(), view).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UnheardBody {
    towns: Vec<String>,
}

/// Local spends are not to wait for these towns; a second officer has to say so too.
async fn propose(
    State(town): State<Town>,
    Officer(officer): Officer,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<UnheardBody>,
) -> Result<Done<ProposalAnswer>, NoEntry> {
    let maker = officer.require(Role::Operator)?;
    let towns: Result<Vec<TownId>, _> = body.towns.iter().map(|town| town.parse()).collect();
    let towns = towns.map_err(|_| invalid("towns"))?;
    let command = Command::NameUnheard(Unheard { towns }, ByOfficer { officer: maker });
    proposing::propose(town.engine(), (key, maker), &command, None).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReceiptBody {
    receipt: String,
}

/// A payment that the backup does not have, by the receipt that the shop or the resident kept.
async fn admit(
    State(town): State<Town>,
    Officer(officer): Officer,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<ReceiptBody>,
) -> Result<Done<answer::Nothing>, NoEntry> {
    let officer = officer.require(Role::MerchantOfficer)?;
    let admitted = Admitted { receipt: body.receipt };
    let submission = Submission {
        key: Some(OperationKey::Client(key)),
        command: Command::AdmitReceipt(admitted, ByOfficer { officer }),
        evidence: None,
    };
    let committed = answer::submit(town.engine(), submission).await?;
    Ok(Done::over(&committed, answer::Nothing {}))
}
