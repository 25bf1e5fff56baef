//! The proof that a log has shown two histories: two checkpoints that it signed and that cannot
//! be of one log. Whoever has the log's key can check it, and needs nobody's word.

use alloc::{format, string::String, vec::Vec};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use core::fmt;
use minicbor::{Decode, Encode};

use super::{
    checkpoint::{
        CheckpointFault, MalformedCheckpoint, SignedCheckpoint, VerifiedCheckpoint, hash_of_base64,
    },
    note::{NotAVerifierKey, VerifierKey},
    proof::{ConsistencyProof, PROOF_HASHES_MAX},
};
use crate::digest::Digest;

/// The file name's ending.
pub const FILE_EXTENSION: &str = ".log-fork";

/// The longest file that is read, in bytes.
pub const FORK_BYTES_MAX: usize = 64 * 1024;

const HEADER: &str = "jichi/log-fork@v1";

/// Two checkpoints of one log, and the root that the first entries of the newer one really have.
///
/// The newer tree begins with as many entries as the older one has, and by `proof` these have the
/// root `root`. The log signed another one for them.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ForkProof {
    /// The checkpoint over no more entries than the other.
    #[n(0)]
    pub older: SignedCheckpoint,
    /// The other one.
    #[n(1)]
    pub newer: SignedCheckpoint,
    /// The root of the newer tree's first entries.
    #[n(2)]
    pub root: Digest,
    /// Shows so; empty if both have the same size.
    #[n(3)]
    pub proof: ConsistencyProof,
}

/// Why two checkpoints prove no fork.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAFork {
    /// One of them is not the log's.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointFault),
    /// The older one has more entries.
    #[error("the first checkpoint has more entries than the second")]
    Order,
    /// The root is not shown to be that of the newer tree's first entries.
    #[error("the hashes do not show what root the newer log had at the older one's size")]
    NotShown,
    /// The newer log continues the older one.
    #[error("the second checkpoint continues the first: that is one log")]
    SameLog,
}

/// Bytes that are not the file of a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MalformedFork {
    /// Longer than [`FORK_BYTES_MAX`].
    #[error("longer than a proof can be")]
    TooLong,
    /// Not UTF-8, or the first line is another.
    #[error("not a proof of a fork; its first line reads {HEADER}")]
    Header,
    /// The line of the key.
    #[error("the second line is not `log ` and a vkey: {0}")]
    Key(#[from] NotAVerifierKey),
    /// A line that is not there, or not of its form.
    #[error("the line `{0}` is missing or malformed")]
    Line(&'static str),
    /// One of the checkpoints.
    #[error(transparent)]
    Checkpoint(#[from] MalformedCheckpoint),
}

impl ForkProof {
    /// What two checkpoints of one log prove, with the root that the larger tree had at the size
    /// of the smaller: none if they are of one log, or nothing is shown.
    #[must_use]
    pub fn of(
        older: &VerifiedCheckpoint,
        newer: &VerifiedCheckpoint,
        root: Digest,
        proof: &ConsistencyProof,
    ) -> Option<Self> {
        let (older_signed, newer_signed) =
            (older.clone().into_signed(), newer.clone().into_signed());
        let fork = Self { older: older_signed, newer: newer_signed, root, proof: proof.clone() };
        fork.contradicts().ok().map(|()| fork)
    }

    /// Checks that the log with this key has signed two histories.
    ///
    /// # Errors
    /// [`NotAFork`].
    pub fn verify(&self, log: &VerifierKey) -> Result<(), NotAFork> {
        self.older.verify(log)?;
        self.newer.verify(log)?;
        self.contradicts()
    }

    /// Whether the two contradict each other, whoever signed them.
    fn contradicts(&self) -> Result<(), NotAFork> {
        let (older, newer) = (self.older.claimed(), self.newer.claimed());
        if older.size > newer.size {
            return Err(NotAFork::Order);
        }
        self.proof
            .verify((older.size, &self.root), (newer.size, &newer.root))
            .map_err(|_| NotAFork::NotShown)?;
        if self.root == older.root { Err(NotAFork::SameLog) } else { Ok(()) }
    }

    /// The file for a third party, which names the key that it has to compare with the directory.
    #[must_use]
    pub fn file(&self, log: &VerifierKey) -> String {
        format!("{HEADER}\nlog {log}\n{self}")
    }

    /// Reads a file: the proof, and the key that it names.
    ///
    /// # Errors
    /// [`MalformedFork`].
    pub fn parse_file(bytes: &[u8]) -> Result<(Self, VerifierKey), MalformedFork> {
        if bytes.len() > FORK_BYTES_MAX {
            return Err(MalformedFork::TooLong);
        }
        let text = core::str::from_utf8(bytes).map_err(|_| MalformedFork::Header)?;
        let text = text.strip_prefix(HEADER).and_then(|rest| rest.strip_prefix('\n'));
        let (log, rest) = line(text.ok_or(MalformedFork::Header)?, "log")?;
        let log = log.parse()?;
        let (root, rest) = line(rest, "root")?;
        let root = hash_of_base64(root).ok_or(MalformedFork::Line("root"))?;
        let (hashes, rest) = block(rest, "proof")?;
        let hashes: Option<Vec<Digest>> = hashes.lines().map(hash_of_base64).collect();
        let hashes = hashes.filter(|hashes| hashes.len() <= PROOF_HASHES_MAX);
        let proof = ConsistencyProof(hashes.ok_or(MalformedFork::Line("proof"))?);
        let (older, rest) = block(rest, "older")?;
        let (newer, rest) = block(rest, "newer")?;
        if !rest.is_empty() {
            return Err(MalformedFork::Line("newer"));
        }
        let older = SignedCheckpoint::parse(older.as_bytes())?;
        let newer = SignedCheckpoint::parse(newer.as_bytes())?;
        Ok((Self { older, newer, root, proof }, log))
    }
}

/// A line of a word and what it says, and the rest.
fn line<'t>(text: &'t str, word: &'static str) -> Result<(&'t str, &'t str), MalformedFork> {
    let found = text
        .split_once('\n')
        .and_then(|(line, rest)| Some((line.strip_prefix(word)?.strip_prefix(' ')?, rest)));
    found.ok_or(MalformedFork::Line(word))
}

/// A block behind a line that says how many lines it has, and the rest.
fn block<'t>(text: &'t str, word: &'static str) -> Result<(&'t str, &'t str), MalformedFork> {
    let malformed = MalformedFork::Line(word);
    let (count, rest) = line(text, word)?;
    let count: usize = count.parse().map_err(|_| malformed)?;
    let length = rest.split_inclusive('\n').take(count).map(str::len).sum();
    let (block, behind) = rest.split_at_checked(length).ok_or(malformed)?;
    let whole = block.lines().count() == count && (block.is_empty() || block.ends_with('\n'));
    if whole { Ok((block, behind)) } else { Err(malformed) }
}

/// The file without its first two lines: the root, then the proof and both checkpoints, each
/// behind a line that says how many lines it has.
impl fmt::Display for ForkProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "root {}", STANDARD.encode(self.root.0))?;
        writeln!(f, "proof {}", self.proof.0.len())?;
        for hash in &self.proof.0 {
            writeln!(f, "{}", STANDARD.encode(hash.0))?;
        }
        for (word, checkpoint) in [("older", &self.older), ("newer", &self.newer)] {
            let note = checkpoint.note().as_str();
            write!(f, "{word} {}\n{note}", note.lines().count())?;
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests;
