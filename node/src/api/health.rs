//! Health and metrics, on a listener of their own.

use axum::{Router, extract::State, http::StatusCode, routing::get};

use crate::{engine::Engine, town::Town};

/// The routes of a town's metrics listener.
pub fn routes() -> Router<Town> {
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
}

async fn ready(State(town): State<Town>) -> (StatusCode, &'static str) {
    let engine = town.engine();
    if engine.storage_full() {
        (StatusCode::SERVICE_UNAVAILABLE, "the disk is full\n")
    } else if engine.clock_doubtful() {
        (StatusCode::SERVICE_UNAVAILABLE, "the clock is doubtful\n")
    } else {
        (StatusCode::OK, "ok\n")
    }
}

async fn metrics(State(town): State<Town>) -> String {
    text(town.engine())
}

/// Prometheus text (exposition format 0.0.4). No personal data, no account ids.
fn text(engine: &Engine) -> String {
    let counts = engine.counts();
    let flag = |set: bool| u8::from(set);
    format!(
        "# TYPE jichi_entries_durable gauge\njichi_entries_durable {}\n\
         # TYPE jichi_entries_total counter\njichi_entries_total {}\n\
         # TYPE jichi_batches_total counter\njichi_batches_total {}\n\
         # TYPE jichi_storage_full gauge\njichi_storage_full {}\n\
         # TYPE jichi_clock_doubtful gauge\njichi_clock_doubtful {}\n",
        engine.durable(),
        counts.entries,
        counts.batches,
        flag(engine.storage_full()),
        flag(engine.clock_doubtful()),
    )
}
