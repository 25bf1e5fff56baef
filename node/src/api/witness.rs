//! Witnesses over HTTP: C2SP tlog-witness for whoever is not of the federation, and what the own
//! witnesses have said.

use axum::{
    Extension, Router,
    body::Bytes,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use jichi_protocol::log::witness::AddCheckpoint;

use super::problem::{Problem, edge::EdgeProblem};
use crate::{
    federation::Witnessing,
    town::Town,
    witness::{Answer, answer::last_of},
};

/// The routes for everybody: `/witness` is both prefixes of C2SP, for submission and monitoring.
pub fn routes() -> Router<Town> {
    Router::new()
        .route("/witness/add-checkpoint", post(add))
        .route("/witness/{log}/checkpoint", get(last))
        .route("/witness/key", get(key))
        .route("/log/cosigned", get(cosigned))
}

const TEXT: &str = "text/plain; charset=utf-8";

async fn add(
    State(town): State<Town>,
    Extension(witnessing): Extension<Witnessing>,
    body: Bytes,
) -> Result<Response, Problem> {
    let witness = witnessing.witness.ok_or(EdgeProblem::NotFound)?;
    // A node that was restored unnoticed may have forgotten what it cosigned.
    if !town.engine().writes() {
        return Err(EdgeProblem::ReadOnlyRecovery.into());
    }
    let Ok(request) = AddCheckpoint::parse(&body) else {
        return Ok(
            (StatusCode::BAD_REQUEST, "not a request of c2sp.org/tlog-witness\n").into_response()
        );
    };
    let added = tokio::task::spawn_blocking(move || witness.add(&request, None)).await;
    let answer = match added {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => {
            tracing::error!(%error, "nothing is cosigned");
            return Err(EdgeProblem::Internal.into());
        }
        Err(_) => return Err(EdgeProblem::Internal.into()),
    };
    Ok(match answer {
        Answer::Cosigned(lines) => ([(header::CONTENT_TYPE, TEXT)], lines).into_response(),
        Answer::Refused(refused) => {
            let status = StatusCode::from_u16(refused.reason.status());
            let status = status.unwrap_or(StatusCode::BAD_REQUEST);
            match last_of(refused.reason) {
                Some(size) => {
                    let form = [(header::CONTENT_TYPE, "text/x.tlog.size")];
                    (status, form, format!("{size}\n")).into_response()
                }
                None => (status, format!("{}\n", refused.reason)).into_response(),
            }
        }
    })
}

async fn last(
    Extension(witnessing): Extension<Witnessing>,
    Path(log): Path<String>,
) -> Result<Response, Problem> {
    let last = witnessing.witness.and_then(|witness| witness.last_by_name(&log));
    Ok(text(last.ok_or(EdgeProblem::NotFound)?.to_string()))
}

async fn key(Extension(witnessing): Extension<Witnessing>) -> Result<String, Problem> {
    let witness = witnessing.witness.ok_or(EdgeProblem::NotFound)?;
    Ok(format!("{}\n", witness.key()))
}

/// The own checkpoint that witnesses have cosigned last.
async fn cosigned(Extension(witnessing): Extension<Witnessing>) -> Result<Response, Problem> {
    let note = witnessing.cosigned.borrow().clone();
    Ok(text(note.ok_or(EdgeProblem::NotFound)?.to_string()))
}

fn text(note: String) -> Response {
    ([(header::CONTENT_TYPE, TEXT), (header::CACHE_CONTROL, "max-age=5")], note).into_response()
}
