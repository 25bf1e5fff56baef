//! Answers to commands: what was done, with its proof; refusals; and results not yet known.

use std::time::Duration;

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use jichi_protocol::{
    entry::{Outcome, Submission},
    id::EntryIndex,
    key::{ClientKey, OperationKey},
    log::{
        checkpoint::SignedCheckpoint,
        receipt::Receipt,
        tree::{TreeSize, leaf_hash},
    },
    refusal::Refusal,
};
use serde::Serialize;

use super::problem::{Problem, edge::EdgeProblem};
use crate::engine::{Answer, Committed, Engine, NotTaken};

/// How long a handler waits for an answer before it says that the result is not known yet.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(15);

/// What a command did.
#[derive(Debug, Serialize)]
pub struct Done<T> {
    /// The index of its entry.
    pub entry: u64,
    /// The time of its entry, RFC 3339 with the offset of Japan.
    pub time: String,
    /// The hash of the leaf that proves it.
    pub leaf: String,
    /// The signed checkpoint over the log with it (C2SP tlog-checkpoint).
    pub checkpoint: String,
    /// What the command is about.
    #[serde(flatten)]
    pub what: T,
}

/// Nothing more to say.
#[derive(Debug, Serialize)]
pub struct Nothing {}

impl<T> Done<T> {
    /// The answer over a committed entry.
    pub fn over(committed: &Committed, what: T) -> Self {
        Self {
            entry: committed.entry.index.0,
            time: committed.entry.time.to_string(),
            leaf: leaf_hash(&committed.stored.leaf()).to_string(),
            checkpoint: committed.checkpoint.to_string(),
            what,
        }
    }
}

impl<T: Serialize> IntoResponse for Done<T> {
    fn into_response(self) -> Response {
        Json(self).into_response()
    }
}

/// Why there is no entry to answer with.
#[derive(Debug)]
pub enum NoEntry {
    /// A problem.
    Problem(Problem),
    /// The result is not known yet; it can be asked for by the key.
    Unknown(Option<ClientKey>),
}

impl From<Problem> for NoEntry {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<EdgeProblem> for NoEntry {
    fn from(problem: EdgeProblem) -> Self {
        Self::Problem(problem.into())
    }
}

impl From<Refusal> for NoEntry {
    fn from(refusal: Refusal) -> Self {
        Self::Problem(refusal.into())
    }
}

#[derive(Serialize)]
struct UnknownBody {
    status: &'static str,
    ask: Option<String>,
    next_act: &'static str,
    next_act_en: &'static str,
}

impl IntoResponse for NoEntry {
    fn into_response(self) -> Response {
        match self {
            Self::Problem(problem) => problem.into_response(),
            Self::Unknown(key) => {
                let body = UnknownBody {
                    status: "unknown",
                    ask: key.map(|key| format!("/v1/operations/{key}")),
                    next_act: "結果はまだ分かりません。同じ操作番号でもう一度確認してください",
                    next_act_en: "the result is not known yet; ask again with the same key",
                };
                (StatusCode::ACCEPTED, Json(body)).into_response()
            }
        }
    }
}

/// Submits a command, and gives its entry if it was done.
///
/// # Errors
/// [`NoEntry`]: the refusal as a problem, or that the result is not known.
pub async fn submit(engine: &Engine, submission: Submission) -> Result<Committed, NoEntry> {
    let key = match &submission.key {
        Some(OperationKey::Client(key)) => Some(*key),
        Some(
            OperationKey::Line { .. }
            | OperationKey::Company { .. }
            | OperationKey::Channel { .. }
            | OperationKey::Job { .. },
        )
        | None => None,
    };
    let answered = tokio::time::timeout(ANSWER_TIME_MAX, engine.submit(submission)).await;
    match answered {
        Err(_) => Err(NoEntry::Unknown(key)),
        Ok(Ok(Answer::Entry(committed))) => done(committed),
        Ok(Ok(Answer::Heard)) => Err(EdgeProblem::Internal.into()),
        Ok(Ok(Answer::Rejected(refusal))) => Err(refusal.into()),
        Ok(Err(not_taken)) => Err(not_taken_as(not_taken, key)),
    }
}

/// The entry, if it was not a refusal.
///
/// # Errors
/// The refusal that stands in it.
pub fn done(committed: Committed) -> Result<Committed, NoEntry> {
    match &committed.entry.outcome {
        Outcome::Done(_) => Ok(committed),
        Outcome::Refused(refusal) => Err((*refusal).into()),
    }
}

/// Why the engine took nothing, as an answer.
pub(super) fn not_taken_as(not_taken: NotTaken, key: Option<ClientKey>) -> NoEntry {
    let problem = match not_taken {
        NotTaken::BadSignature => EdgeProblem::BadSignature,
        NotTaken::NoSigner(refusal) => return refusal.into(),
        NotTaken::Overloaded => EdgeProblem::Overloaded,
        NotTaken::ClockDoubtful => EdgeProblem::ClockDoubtful,
        NotTaken::StorageFull => EdgeProblem::StorageFull,
        NotTaken::Behind => EdgeProblem::ReadOnlyRecovery,
        NotTaken::Unknown => return NoEntry::Unknown(key),
    };
    problem.into()
}

/// Asks the ledger; what is not durable in time is not answered.
///
/// # Errors
/// A problem: the disk is full, or the node stops.
pub async fn read<T>(
    engine: &Engine,
    ask: impl FnOnce(&jichi_protocol::ledger::Ledger) -> T,
) -> Result<T, NoEntry> {
    match tokio::time::timeout(ANSWER_TIME_MAX, engine.read(ask)).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(_)) => Err(EdgeProblem::Stopping.into()),
        Err(_) if engine.storage_full() => Err(EdgeProblem::StorageFull.into()),
        Err(_) => Err(EdgeProblem::Overloaded.into()),
    }
}

/// The receipt of a durable entry: a C2SP tlog-proof with the leaf in its `extra` line.
///
/// # Errors
/// `internal` when the rows of the tree are damaged.
pub fn receipt(engine: &Engine, committed: &Committed) -> Result<Receipt, Problem> {
    let internal = |_| Problem::from(EdgeProblem::Internal);
    let checkpoint = SignedCheckpoint::parse(committed.checkpoint.as_bytes())
        .map_err(|_| Problem::from(EdgeProblem::Internal))?;
    let index: EntryIndex = committed.entry.index;
    let size: TreeSize = checkpoint.claimed().size;
    let proof = engine.rows().inclusion(index, size).map_err(internal)?;
    Receipt::new(committed.stored.leaf(), index, proof, checkpoint)
        .map_err(|_| Problem::from(EdgeProblem::Internal))
}
