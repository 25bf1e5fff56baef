//! What a witness is asked and how it decides (c2sp.org/tlog-witness). The witness's memory is the
//! node's; here is only the judgement about one request.

use alloc::{boxed::Box, format, string::String, vec::Vec};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use core::fmt;

use super::{
    checkpoint::{
        MalformedCheckpoint, Origin, SignedCheckpoint, VerifiedCheckpoint, hash_of_base64,
    },
    fork::ForkProof,
    note::{KeyKind, KeyName, NoteSignature, VerifierKey},
    proof::ConsistencyProof,
    tree::{EMPTY_ROOT, TreeSize},
};
use crate::{digest::Digest, directory::Member, id::TownId, signature::PublicKey};

/// Most lines of a consistency proof in a request (c2sp.org/tlog-witness).
pub const PROOF_LINES_MAX: usize = 63;

/// The longest request that is read, in bytes.
pub const REQUEST_BYTES_MAX: usize = 64 * 1024;

/// The key of a town's log, in the generation that the directory names.
#[must_use]
pub fn log_key_of(town: TownId, member: &Member) -> VerifierKey {
    let name = Origin::of(town, member.generation).key_name().clone();
    VerifierKey { name, kind: KeyKind::Log, key: member.log_key }
}

/// A town's key as a witness: its name is `<town>/witness`.
#[must_use]
pub fn witness_key_of(town: TownId, key: PublicKey) -> VerifierKey {
    VerifierKey { name: witness_name(town), kind: KeyKind::Cosigner, key }
}

/// The name of a town as a witness.
#[must_use]
pub fn witness_name(town: TownId) -> KeyName {
    let Ok(name) = format!("{town}/witness").parse() else {
        unreachable!("digits and a slash are a key name")
    };
    name
}

/// A log's request to cosign a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size of the checkpoint that the witness cosigned last, as the log knows it.
    pub old: TreeSize,
    /// Shows that the checkpoint continues that one.
    pub proof: ConsistencyProof,
    /// The checkpoint to cosign.
    pub checkpoint: SignedCheckpoint,
}

/// Bytes that are no request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MalformedRequest {
    /// Longer than [`REQUEST_BYTES_MAX`].
    #[error("longer than a request can be")]
    TooLong,
    /// The first line is not `old` and a size.
    #[error("the first line is not `old <size>`")]
    OldSize,
    /// A line of the proof is no hash, or there are more than [`PROOF_LINES_MAX`].
    #[error("a malformed line of the proof, or more than 63 of them")]
    Proof,
    /// The rest is no checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] MalformedCheckpoint),
}

impl AddCheckpoint {
    /// Reads a request.
    ///
    /// # Errors
    /// [`MalformedRequest`].
    pub fn parse(bytes: &[u8]) -> Result<Self, MalformedRequest> {
        if bytes.len() > REQUEST_BYTES_MAX {
            return Err(MalformedRequest::TooLong);
        }
        let text = core::str::from_utf8(bytes).map_err(|_| MalformedRequest::OldSize)?;
        let (old, mut rest) = text.split_once('\n').ok_or(MalformedRequest::OldSize)?;
        let old = old.strip_prefix("old ").and_then(|size| size.parse().ok());
        let old = old.ok_or(MalformedRequest::OldSize)?;
        let mut hashes = Vec::new();
        loop {
            let (line, behind) = rest.split_once('\n').ok_or(MalformedRequest::Proof)?;
            rest = behind;
            if line.is_empty() {
                break;
            }
            if hashes.len() >= PROOF_LINES_MAX {
                return Err(MalformedRequest::Proof);
            }
            hashes.push(hash_of_base64(line).ok_or(MalformedRequest::Proof)?);
        }
        let checkpoint = SignedCheckpoint::parse(rest.as_bytes())?;
        Ok(Self { old, proof: ConsistencyProof(hashes), checkpoint })
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        for hash in &self.proof.0 {
            writeln!(f, "{}", STANDARD.encode(hash.0))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

/// Why a witness does not cosign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The directory names no log of this origin.
    #[error("the directory names no log of this origin")]
    UnknownOrigin,
    /// The log's key has not signed it.
    #[error("the log's key has not signed this checkpoint")]
    NotSigned,
    /// The old size is larger than the checkpoint's.
    #[error("the old size is larger than the checkpoint's")]
    OldAhead,
    /// The old size is not that of the checkpoint which was cosigned last.
    #[error("the checkpoint that was cosigned last has {0} entries")]
    Conflict(TreeSize),
    /// The log was proved to have two histories: nothing of it is cosigned any more.
    #[error("this log has shown two histories; nothing of it is cosigned any more")]
    Forked,
    /// The checkpoint is not shown to continue the one that was cosigned last.
    #[error("the proof does not show that this checkpoint continues the one of {0} entries")]
    NotShown(TreeSize),
}

impl Reason {
    /// The HTTP status that C2SP gives it.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::UnknownOrigin => 404,
            Self::NotSigned | Self::Forked => 403,
            Self::OldAhead => 400,
            Self::Conflict(_) => 409,
            Self::NotShown(_) => 422,
        }
    }
}

/// A refusal, and what it proves of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub reason: Reason,
    /// That the log has signed two histories, if that is shown.
    pub fork: Option<Box<ForkProof>>,
}

impl From<Reason> for Refused {
    fn from(reason: Reason) -> Self {
        Self { reason, fork: None }
    }
}

/// Decides about a request: the checkpoint comes back if it continues what the witness saw last,
/// and has then to be stored before it is cosigned. `own_root` is the root that the log's own tree
/// has at the old size, if its node told; it helps to prove a fork, and decides nothing else.
///
/// # Errors
/// [`Refused`], in C2SP's order of checks.
pub fn judge(
    request: &AddCheckpoint,
    log: Option<&VerifierKey>,
    seen: Option<&SignedCheckpoint>,
    own_root: Option<&Digest>,
) -> Result<VerifiedCheckpoint, Refused> {
    let log = log.ok_or(Reason::UnknownOrigin)?;
    let checkpoint = request.checkpoint.verify(log).map_err(|_| Reason::NotSigned)?;
    if request.old > checkpoint.size {
        return Err(Reason::OldAhead.into());
    }
    // What was stored was verified then; after a change of the key it counts no more.
    let seen = seen.and_then(|seen| seen.verify(log).ok());
    let last = seen.as_ref().map_or(TreeSize(0), |seen| seen.size);
    let fork = || {
        let seen = seen.as_ref()?;
        let of = |root, proof: &_| ForkProof::of(seen, &checkpoint, root, proof).map(Box::new);
        if seen.size == checkpoint.size {
            return of(checkpoint.root, &ConsistencyProof::default());
        }
        let shown = request.proof.shown_root(seen.size, (checkpoint.size, &checkpoint.root));
        shown.or_else(|| own_root.copied()).and_then(|root| of(root, &request.proof))
    };
    if request.old != last {
        return Err(Refused { reason: Reason::Conflict(last), fork: fork() });
    }
    let root = seen.as_ref().map_or(EMPTY_ROOT, |seen| seen.root);
    match request.proof.verify((last, &root), (checkpoint.size, &checkpoint.root)) {
        Ok(()) => Ok(checkpoint),
        Err(_) => Err(Refused { reason: Reason::NotShown(last), fork: fork() }),
    }
}

/// Reads the signature lines of an answer that cosigned.
#[must_use]
pub fn lines_of(answer: &str) -> Vec<NoteSignature> {
    // An unknown or malformed line is ignored, as C2SP says.
    answer.lines().filter_map(|line| line.parse().ok()).collect()
}

/// The name under which a witness serves its last checkpoint of a log: SHA-256 of the origin.
#[must_use]
pub fn monitoring_name(origin: &Origin) -> String {
    format!("{}", Digest::of(&[origin.as_str().as_bytes()]))
}

#[cfg(test)]
mod tests;
