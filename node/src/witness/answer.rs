//! Answers to what other towns ask about checkpoints.

use jichi_protocol::log::{
    tree::TreeSize,
    witness::{AddCheckpoint, Reason},
};

use super::{
    Answer, Witness,
    wire::{WitnessReply, WitnessRequest},
};
use crate::{clock, engine::Engine};

/// Answers a town's request; none where there is nothing to say, and the town asks again.
pub async fn answer(
    engine: &Engine,
    witness: Option<Witness>,
    request: WitnessRequest,
) -> Option<WitnessReply> {
    match request {
        WitnessRequest::Add { body, own_root } => {
            let Some(witness) = witness else { return Some(WitnessReply::Nothing) };
            let Ok(asked) = AddCheckpoint::parse(body.as_bytes()) else {
                return Some(WitnessReply::Refused { status: 400, last: None, fork: None });
            };
            let added = move || witness.add(&asked, own_root.as_ref());
            match tokio::task::spawn_blocking(added).await.ok()? {
                Ok(Answer::Cosigned(lines)) => {
                    Some(WitnessReply::Cosigned { lines, now: Some(clock::now()) })
                }
                Ok(Answer::Refused(refused)) => Some(WitnessReply::Refused {
                    status: refused.reason.status(),
                    last: last_of(refused.reason),
                    fork: refused.fork,
                }),
                Err(error) => {
                    tracing::error!(%error, "nothing is cosigned");
                    None
                }
            }
        }
        WitnessRequest::Last(origin) => {
            Some(WitnessReply::Last(witness.and_then(|witness| witness.last(&origin))))
        }
        WitnessRequest::Prove { old, new } => Some(prove(engine, old, new)),
    }
}

/// The size that a refusal tells.
#[must_use]
pub const fn last_of(reason: Reason) -> Option<TreeSize> {
    match reason {
        Reason::Conflict(last) => Some(last),
        Reason::UnknownOrigin
        | Reason::NotSigned
        | Reason::OldAhead
        | Reason::Forked
        | Reason::NotShown(_) => None,
    }
}

/// A proof about this node's own log, as far as it is durable.
fn prove(engine: &Engine, old: TreeSize, new: TreeSize) -> WitnessReply {
    let proved = || {
        if new.0 > engine.durable().0 {
            return None;
        }
        let proof = engine.rows().consistency(old, new).ok()?;
        let root = engine.rows().tree(old)?.root();
        Some(WitnessReply::Proved { root, proof })
    };
    proved().unwrap_or(WitnessReply::Nothing)
}
