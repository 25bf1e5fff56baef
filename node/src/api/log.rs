//! The log: checkpoint and tiles for everybody, entries for auditors.

use axum::{
    Router,
    body::Bytes,
    extract::{Path, Query, State},
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};
use jichi_protocol::{
    id::EntryIndex,
    log::tile::{TileKind, TilePath},
};
use serde::Deserialize;

use super::{
    answer,
    answer::NoEntry,
    caller::Officer,
    problem::{Problem, edge::EdgeProblem},
};
use crate::{staff::Role, town::Town};

/// Bytes of a page of entries at most.
const PAGE_BYTES_MAX: usize = 4 << 20;

/// The routes for everybody.
pub fn public_routes() -> Router<Town> {
    Router::new()
        .route("/log/checkpoint", get(checkpoint))
        .route("/log/key", get(key))
        .route("/log/tile/{*path}", get(tile))
        .route("/v1/merchants/list", get(merchants))
}

/// The routes for auditors, on the staff's listener.
pub fn auditor_routes() -> Router<Town> {
    Router::new()
        .route("/v1/log/entries", get(entries))
        .route("/v1/log/entries/{index}/receipt", get(receipt))
        .route("/log/checkpoint", get(checkpoint))
        .route("/log/key", get(key))
        .route("/log/tile/{*path}", get(tile))
}

const TEXT: &str = "text/plain; charset=utf-8";

async fn checkpoint(State(town): State<Town>) -> Response {
    let checkpoint = town.engine().checkpoint().to_string();
    let headers = [(header::CONTENT_TYPE, TEXT), (header::CACHE_CONTROL, "max-age=5")];
    (headers, checkpoint).into_response()
}

async fn key(State(town): State<Town>) -> String {
    format!("{}\n", town.engine().log_key())
}

/// A tile of hashes. Bundles of entries are for auditors, by another path: a leaf holds no
/// private half, but the list of all leaves is not for everybody.
async fn tile(State(town): State<Town>, Path(path): Path<String>) -> Result<Response, Problem> {
    let path: TilePath = format!("tile/{path}").parse().map_err(|_| EdgeProblem::NotFound)?;
    let bytes = match path.kind() {
        TileKind::Hashes { .. } => town.engine().rows().tile(&path).ok_or(EdgeProblem::NotFound)?,
        TileKind::Entries => return Err(EdgeProblem::Unauthenticated.into()),
    };
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    Ok((headers, bytes).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct From {
    from: u64,
}

/// Stored entries from an index on: each with its length in four bytes, the highest first.
async fn entries(
    State(town): State<Town>,
    Officer(officer): Officer,
    Query(from): Query<From>,
) -> Result<Response, Problem> {
    officer.require(Role::Auditor)?;
    let engine = town.engine().clone();
    let read = move || page(&engine, EntryIndex(from.from));
    let bytes = tokio::task::spawn_blocking(read).await.map_err(|_| EdgeProblem::Internal)??;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], Bytes::from(bytes)).into_response())
}

fn page(engine: &crate::engine::Engine, from: EntryIndex) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    if from >= engine.durable() {
        return Ok(bytes);
    }
    for frame in engine.reader().frames(from) {
        let frame = frame.map_err(|_| EdgeProblem::Internal)?;
        let skipped = from.0.saturating_sub(frame.at.first.0);
        for entry in frame.entries().skip(usize::try_from(skipped).unwrap_or(usize::MAX)) {
            if bytes.len().saturating_add(entry.len()) > PAGE_BYTES_MAX {
                return Ok(bytes);
            }
            // An entry is at most 16 KiB.
            let length = u32::try_from(entry.len()).unwrap_or_default();
            bytes.extend(length.to_be_bytes());
            bytes.extend(entry);
        }
    }
    Ok(bytes)
}

/// The receipt of an entry.
async fn receipt(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(index): Path<u64>,
) -> Result<String, NoEntry> {
    officer.require(Role::Auditor)?;
    if index >= town.engine().durable().0 {
        return Err(EdgeProblem::NotFound.into());
    }
    let committed =
        town.engine().committed(EntryIndex(index)).map_err(|_| EdgeProblem::Internal)?;
    Ok(answer::receipt(town.engine(), &committed)?.to_string())
}

/// The public list of shops.
async fn merchants(State(town): State<Town>) -> Result<Response, NoEntry> {
    #[derive(serde::Serialize)]
    struct Merchant {
        merchant: u32,
        name: String,
    }
    let list = answer::read(town.engine(), |ledger| {
        let active = ledger
            .merchants()
            .filter(|setting| setting.state == jichi_protocol::command::InUse::Active);
        let view = |setting: &jichi_protocol::command::MerchantSetting| Merchant {
            merchant: setting.merchant.0,
            name: setting.name.to_string(),
        };
        active.map(view).collect::<Vec<_>>()
    });
    Ok(axum::Json(list.await?).into_response())
}
