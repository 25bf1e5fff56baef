//! Receipts: a proof on paper or file that an entry is in the log (c2sp.org/tlog-proof).

use alloc::vec::Vec;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use core::fmt;

use super::{
    checkpoint::{
        CheckpointFault, MalformedCheckpoint, SignedCheckpoint, VerifiedCheckpoint, hash_of_base64,
    },
    note::{NOTE_BYTES_MAX, VerifierKey},
    proof::{BadProof, InclusionProof, PROOF_HASHES_MAX},
    tree::decimal,
};
use crate::{digest::Digest, id::EntryIndex};

/// The longest `extra` part, in bytes: the longest entry of a bundle.
pub const EXTRA_BYTES_MAX: usize = super::tile::BUNDLED_ENTRY_BYTES_MAX;

/// The longest receipt, in bytes: its note, the extra part in base64, and proof lines.
pub const RECEIPT_BYTES_MAX: usize = NOTE_BYTES_MAX + 2 * EXTRA_BYTES_MAX + 64 * PROOF_HASHES_MAX;

/// The file name's ending.
pub const FILE_EXTENSION: &str = ".tlog-proof";

const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// A receipt. Its text is the file that a resident or shop keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    extra: Vec<u8>,
    index: EntryIndex,
    proof: InclusionProof,
    checkpoint: SignedCheckpoint,
}

/// The extra part is longer than [`EXTRA_BYTES_MAX`], or the proof than [`PROOF_HASHES_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the entry or proof is too long for a receipt")]
pub struct TooLong;

/// Bytes that are not a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MalformedReceipt {
    /// Longer than [`RECEIPT_BYTES_MAX`], or a part over its own limit.
    #[error("longer than a receipt can be")]
    TooLong,
    /// Not UTF-8, or the first line is another.
    #[error("not a receipt; its first line reads c2sp.org/tlog-proof@v1")]
    Header,
    /// The extra line is empty or no base64.
    #[error("a malformed extra line")]
    Extra,
    /// No index line, or no number in it.
    #[error("a malformed index line")]
    Index,
    /// A line of the proof is no hash, or the blank line behind them is missing.
    #[error("a malformed proof line")]
    Proof,
    /// The rest is no checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] MalformedCheckpoint),
}

/// Why a receipt does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptFault {
    /// The checkpoint is not the log's.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointFault),
    /// The entry is not in the tree of the checkpoint.
    #[error("this entry is not the one that the receipt proves; keep both")]
    Proof,
}

impl From<BadProof> for ReceiptFault {
    fn from(BadProof: BadProof) -> Self {
        Self::Proof
    }
}

impl Receipt {
    /// A receipt. An empty `extra` is the same as none.
    ///
    /// # Errors
    /// [`TooLong`].
    pub fn new(
        extra: Vec<u8>,
        index: EntryIndex,
        proof: InclusionProof,
        checkpoint: SignedCheckpoint,
    ) -> Result<Self, TooLong> {
        if extra.len() > EXTRA_BYTES_MAX || proof.0.len() > PROOF_HASHES_MAX {
            return Err(TooLong);
        }
        Ok(Self { extra, index, proof, checkpoint })
    }

    /// Reads a receipt, and no other spelling of it.
    ///
    /// # Errors
    /// [`MalformedReceipt`].
    pub fn parse(bytes: &[u8]) -> Result<Self, MalformedReceipt> {
        if bytes.len() > RECEIPT_BYTES_MAX {
            return Err(MalformedReceipt::TooLong);
        }
        let text = core::str::from_utf8(bytes).map_err(|_| MalformedReceipt::Header)?;
        let (header, mut rest) = text.split_once('\n').ok_or(MalformedReceipt::Header)?;
        if header != HEADER {
            return Err(MalformedReceipt::Header);
        }
        let mut extra = Vec::new();
        if let Some(behind) = rest.strip_prefix("extra ") {
            let (base64, behind) = behind.split_once('\n').ok_or(MalformedReceipt::Extra)?;
            extra = STANDARD.decode(base64).map_err(|_| MalformedReceipt::Extra)?;
            if extra.is_empty() {
                return Err(MalformedReceipt::Extra);
            }
            rest = behind;
        }
        let (index, mut rest) = rest
            .strip_prefix("index ")
            .and_then(|rest| rest.split_once('\n'))
            .ok_or(MalformedReceipt::Index)?;
        let index = decimal(index).map(EntryIndex).map_err(|_| MalformedReceipt::Index)?;
        let mut hashes = Vec::new();
        loop {
            let (line, behind) = rest.split_once('\n').ok_or(MalformedReceipt::Proof)?;
            rest = behind;
            if line.is_empty() {
                break;
            }
            if hashes.len() >= PROOF_HASHES_MAX {
                return Err(MalformedReceipt::TooLong);
            }
            hashes.push(hash_of_base64(line).ok_or(MalformedReceipt::Proof)?);
        }
        let checkpoint = SignedCheckpoint::parse(rest.as_bytes())?;
        Self::new(extra, index, InclusionProof(hashes), checkpoint)
            .map_err(|_| MalformedReceipt::TooLong)
    }

    /// The bytes that came with it; empty if none did. Nothing vouches for them until their leaf
    /// hash was given to [`Self::verify`].
    #[must_use]
    pub fn extra(&self) -> &[u8] {
        &self.extra
    }

    /// The index that it claims.
    #[must_use]
    pub const fn index(&self) -> EntryIndex {
        self.index
    }

    /// The checkpoint that it rests on, with its cosignatures.
    #[must_use]
    pub const fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }

    /// Checks, offline, that the log with this key holds the entry with this leaf hash.
    ///
    /// # Errors
    /// [`ReceiptFault`].
    pub fn verify(&self, log: &VerifierKey, leaf: &Digest) -> Result<Included, ReceiptFault> {
        let checkpoint = self.checkpoint.verify(log)?;
        self.proof.verify(leaf, self.index, checkpoint.size, &checkpoint.root)?;
        Ok(Included { index: self.index, leaf: *leaf, checkpoint })
    }
}

/// What a receipt proves. Only [`Receipt::verify`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Included {
    index: EntryIndex,
    leaf: Digest,
    checkpoint: VerifiedCheckpoint,
}

impl Included {
    /// Where in the log the entry stands.
    #[must_use]
    pub const fn index(&self) -> EntryIndex {
        self.index
    }

    /// The leaf hash of the entry.
    #[must_use]
    pub const fn leaf(&self) -> Digest {
        self.leaf
    }

    /// The head of the log that holds it.
    #[must_use]
    pub const fn checkpoint(&self) -> &VerifiedCheckpoint {
        &self.checkpoint
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if !self.extra.is_empty() {
            writeln!(f, "extra {}", STANDARD.encode(&self.extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.proof.0 {
            writeln!(f, "{}", STANDARD.encode(hash.0))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

#[cfg(test)]
mod tests;
