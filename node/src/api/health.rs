//! Health and metrics, on a listener of their own.

use axum::{Router, extract::State, http::StatusCode, routing::get};
use jichi_protocol::ledger::Ledger;
use serde::Deserialize;

use super::{
    body::StrictJson,
    caller::Officer,
    problem::{Problem, edge::EdgeProblem},
};
use crate::{
    clock::{ClockWitness, Confirmation, Reading, skew::is_apart},
    engine::Engine,
    staff::Role,
    town::Town,
};

/// The routes of a town's metrics listener.
pub fn routes() -> Router<Town> {
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
}

const BEHIND: &str = "this journal is not the newest of its log: read only until `jichi restore`\n";

async fn ready(State(town): State<Town>) -> (StatusCode, &'static str) {
    let engine = town.engine();
    if engine.storage_full() {
        (StatusCode::SERVICE_UNAVAILABLE, "the disk is full\n")
    } else if engine.clock_doubtful() {
        (StatusCode::SERVICE_UNAVAILABLE, "the clock is doubtful\n")
    } else if engine.is_behind() {
        (StatusCode::SERVICE_UNAVAILABLE, BEHIND)
    } else if engine.read(Ledger::is_recovering).await.unwrap_or(true) {
        (StatusCode::SERVICE_UNAVAILABLE, "recovering from a backup: other towns are being heard\n")
    } else {
        (StatusCode::OK, "ok\n")
    }
}

async fn metrics(State(town): State<Town>) -> String {
    let engine = town.engine();
    let directory = engine.read(|ledger| ledger.meta().directory.0).await.unwrap_or_default();
    let version =
        format!("# TYPE jichi_directory_version gauge\njichi_directory_version {directory}\n");
    text(engine, town.peer_clocks().skew_ms(Reading::now())) + &version
}

/// An operator who signed in looked at the clock, and says that the machine's NTP service is
/// synchronised: two witnesses of three (architecture, Time).
pub(super) async fn confirm_clock(
    State(town): State<Town>,
    Officer(officer): Officer,
    StrictJson(body): StrictJson<ClockBody>,
) -> Result<StatusCode, Problem> {
    let officer = officer.require(Role::Operator)?;
    let ntp = match body.ntp {
        Ntp::Synchronised => ClockWitness::Ntp,
    };
    let confirmation = Confirmation::new(ClockWitness::Officer(officer), ntp);
    town.engine().confirm_clock(confirmation.ok_or(EdgeProblem::Internal)?).await;
    tracing::warn!(%officer, "the clock was confirmed");
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClockBody {
    ntp: Ntp,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Ntp {
    Synchronised,
}

/// Prometheus text (exposition format 0.0.4). No personal data, no account ids.
fn text(engine: &Engine, skew_ms: Option<i64>) -> String {
    let counts = engine.counts();
    let flag = |set: bool| u8::from(set);
    // Of a town that nobody has told the time there is no such figure.
    let skew = skew_ms.map_or_else(String::new, |ms| {
        let seconds = ms / 1_000;
        format!(
            "# TYPE jichi_peer_clock_skew_seconds gauge\njichi_peer_clock_skew_seconds {seconds}\n"
        )
    });
    let text = format!(
        "# TYPE jichi_entries_durable gauge\njichi_entries_durable {}\n\
         # TYPE jichi_entries_total counter\njichi_entries_total {}\n\
         # TYPE jichi_batches_total counter\njichi_batches_total {}\n\
         # TYPE jichi_storage_full gauge\njichi_storage_full {}\n\
         # TYPE jichi_clock_doubtful gauge\njichi_clock_doubtful {}\n\
         # TYPE jichi_clock_apart gauge\njichi_clock_apart {}\n\
         # TYPE jichi_behind gauge\njichi_behind {}\n",
        engine.durable(),
        counts.entries,
        counts.batches,
        flag(engine.storage_full()),
        flag(engine.clock_doubtful()),
        flag(skew_ms.is_some_and(is_apart)),
        flag(engine.is_behind()),
    );
    text + &skew
}
