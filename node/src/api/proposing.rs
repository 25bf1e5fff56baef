//! What one officer proposes and another one has to approve.

use jichi_protocol::{
    command::{Command, Nothing, Proposed},
    digest::Digest,
    entry::Submission,
    id::OfficerId,
    key::{ClientKey, OperationKey},
};
use serde::Serialize;

use super::answer::{self, Done, NoEntry};
use crate::engine::Engine;

/// What is told of a proposal.
#[derive(Debug, Serialize)]
pub(crate) struct ProposalAnswer {
    /// Its number, by which it is decided.
    proposal: String,
}

impl ProposalAnswer {
    /// Of the proposal that an operation of this key made.
    pub(crate) fn of(key: ClientKey) -> Self {
        Self { proposal: key.payment().to_string() }
    }
}

/// Proposes a command, with the digest of what the vault keeps beside it.
///
/// # Errors
/// [`NoEntry`]: the refusal as a problem, or that the result is not known.
pub(crate) async fn propose(
    engine: &Engine,
    (key, maker): (ClientKey, OfficerId),
    command: &Command,
    evidence: Option<Digest>,
) -> Result<Done<ProposalAnswer>, NoEntry> {
    let submission = Submission {
        key: Some(OperationKey::Client(key)),
        command: Command::Propose(Nothing {}, Proposed::of(command, maker)),
        evidence,
    };
    let committed = answer::submit(engine, submission).await?;
    Ok(Done::over(&committed, ProposalAnswer::of(key)))
}
