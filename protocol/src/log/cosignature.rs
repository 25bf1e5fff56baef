//! Cosignatures: another node says when it saw a checkpoint (c2sp.org/tlog-cosignature, Ed25519).

use alloc::{format, string::String};

use super::{
    checkpoint::{SignedCheckpoint, VerifiedCheckpoint},
    note::{KeyKind, KeyName, NoteSignature, VerifierKey},
};
use crate::{
    date::Time,
    signature::{BadSignature, PublicKey, Signature, SigningKey},
};

const MS_A_SECOND: u64 = 1000;

/// What is signed: the time in whole seconds, and the whole text of the checkpoint.
fn message(text: &str, seconds: u64) -> String {
    format!("cosignature/v1\ntime {seconds}\n{text}")
}

/// Cosigns a checkpoint: at this time, cut to the second, it was the largest consistent one that
/// the cosigner had seen of this log. The caller has checked and stored that before.
#[must_use]
pub fn cosign(
    checkpoint: &VerifiedCheckpoint,
    name: &KeyName,
    key: &SigningKey,
    now: Time,
) -> NoteSignature {
    let seconds = now.0 / MS_A_SECOND;
    let Signature(signature) = key.sign_raw(message(checkpoint.note().text(), seconds).as_bytes());
    let cosigner = VerifierKey { name: name.clone(), kind: KeyKind::Cosigner, key: key.public() };
    NoteSignature::new(&cosigner, &[&seconds.to_be_bytes()[..], &signature].concat())
}

/// Checks the bytes behind the key id of a cosigner's line, and tells their time.
pub(super) fn verify(
    key: &PublicKey,
    text: &str,
    timestamped: &[u8],
) -> Result<Time, BadSignature> {
    let (seconds, signature) = timestamped.split_first_chunk::<8>().ok_or(BadSignature)?;
    let seconds = u64::from_be_bytes(*seconds);
    let signature = Signature(signature.try_into().map_err(|_| BadSignature)?);
    // C2SP's own bound of 2^63 - 1 s lies higher than the last millisecond of `Time`.
    let time = seconds.checked_mul(MS_A_SECOND).map(Time).ok_or(BadSignature)?;
    key.verify_raw(message(text, seconds).as_bytes(), &signature).map(|()| time)
}

/// Why a checkpoint does not count as cosigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CosignatureFault {
    /// The key is not a cosigner's.
    #[error("the key is not a cosigner's; use its vkey of type 04")]
    NotACosignerKey,
    /// No line names the key.
    #[error("not cosigned by this key; ask the cosigner")]
    Absent,
    /// A line that names the key does not fit.
    #[error("a cosignature of this key does not fit; keep the note as evidence")]
    Bad,
}

/// Checks the cosignatures of one cosigner on a checkpoint, and tells the latest time of them.
/// Whether the log signed is for [`SignedCheckpoint::verify`] to say.
///
/// # Errors
/// [`CosignatureFault`].
pub fn cosigned_at(
    checkpoint: &SignedCheckpoint,
    cosigner: &VerifierKey,
) -> Result<Time, CosignatureFault> {
    match cosigner.kind {
        KeyKind::Cosigner => {}
        KeyKind::Log => return Err(CosignatureFault::NotACosignerKey),
    }
    let note = checkpoint.note();
    let mut latest = None;
    for line in note.signatures().iter().filter(|line| line.claims(cosigner)) {
        let time =
            verify(&cosigner.key, note.text(), line.bytes()).map_err(|_| CosignatureFault::Bad)?;
        latest = latest.max(Some(time));
    }
    latest.ok_or(CosignatureFault::Absent)
}

#[cfg(test)]
mod tests;
