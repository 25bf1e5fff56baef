//! The changes of a document as bytes with their hashes, checked before automerge decodes any.
//!
//! A change names the hashes of those before it, so the heads that an author signs fix the whole
//! history, as the head of a chain of blocks does. Only changes that are not compressed are taken:
//! a few bytes could otherwise fill the memory before their hash is known.

use std::collections::{BTreeMap, BTreeSet};

use jichi_protocol::{
    digest::Digest,
    directory::{Head, Heads},
};

/// Most bytes of a document's whole history.
pub const DOCUMENT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Most changes of a document's whole history.
pub const CHANGES_MAX: usize = 4_096;
/// Most bytes of a history that is being put together: an old document, and one begun anew.
pub const HISTORY_BYTES_MAX: usize = 2 * DOCUMENT_BYTES_MAX;
/// Most changes of a history that is being put together.
pub const HISTORY_CHANGES_MAX: usize = 2 * CHANGES_MAX;
/// Most bytes of one change, so that each fits into a message.
pub const CHANGE_BYTES_MAX: usize = 96 * 1024;
/// Most changes that one change can follow.
pub const DEPENDENCIES_MAX: usize = 16;

/// How large the whole history of a document may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Most bytes.
    pub bytes: usize,
    /// Most changes.
    pub changes: usize,
}

impl Bounds {
    /// Of the federation's directory.
    pub const DIRECTORY: Self = Self { bytes: DOCUMENT_BYTES_MAX, changes: CHANGES_MAX };
    /// Of a town's public list: every member keeps those of all others.
    pub const LIST: Self = Self { bytes: 1024 * 1024, changes: 512 };

    /// Of a history that is being put together: an old document, and one begun anew.
    #[must_use]
    pub const fn of_two(self) -> Self {
        Self { bytes: self.bytes.saturating_mul(2), changes: self.changes.saturating_mul(2) }
    }
}

/// How an automerge chunk begins (automerge binary format, Chunk Container).
const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
/// The type of a chunk that is one change, not compressed.
const CHANGE_TYPE: u8 = 1;

/// Why bytes are no change of a history that can be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HistoryFault {
    /// No chunk of automerge's form.
    #[error("not a change of an automerge document")]
    Form,
    /// A whole document, a bundle or a compressed change.
    #[error("a chunk that is no plain change; write the document by `jichi directory`")]
    Kind,
    /// The checksum does not fit the bytes.
    #[error("a change's checksum does not fit; take the file from its author again")]
    Checksum,
    /// A limit on bytes, changes or dependencies.
    #[error("a document of at most 4 MiB and 4096 changes; its author has to begin it anew")]
    TooLarge,
}

/// One change: its bytes, and the changes that it follows.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Change {
    bytes: Vec<u8>,
    follows: Vec<Head>,
}

/// Changes by their hash.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    changes: BTreeMap<Head, Change>,
    bytes: usize,
}

impl History {
    /// The history of a file: its changes, one behind the other.
    ///
    /// # Errors
    /// [`HistoryFault`].
    pub fn read(mut bytes: &[u8]) -> Result<Self, HistoryFault> {
        let mut history = Self::default();
        while !bytes.is_empty() {
            let (_, rest) = history.add_first(bytes)?;
            bytes = rest;
        }
        Ok(history)
    }

    /// Adds one change. The hash comes back if it is new here.
    ///
    /// # Errors
    /// [`HistoryFault`]; the history is as before.
    pub fn add(&mut self, change: &[u8]) -> Result<Option<Head>, HistoryFault> {
        let (chunk, rest) = Chunk::read_first(change)?;
        if !rest.is_empty() {
            return Err(HistoryFault::Form);
        }
        self.insert(&chunk)
    }

    fn add_first<'b>(&mut self, bytes: &'b [u8]) -> Result<(Option<Head>, &'b [u8]), HistoryFault> {
        let (chunk, rest) = Chunk::read_first(bytes)?;
        Ok((self.insert(&chunk)?, rest))
    }

    fn insert(&mut self, chunk: &Chunk<'_>) -> Result<Option<Head>, HistoryFault> {
        if self.changes.contains_key(&chunk.hash) {
            return Ok(None);
        }
        let bytes = self.bytes.saturating_add(chunk.bytes.len());
        if self.changes.len() >= HISTORY_CHANGES_MAX || bytes > HISTORY_BYTES_MAX {
            return Err(HistoryFault::TooLarge);
        }
        let change = Change { bytes: chunk.bytes.to_vec(), follows: chunk.follows.clone() };
        self.changes.insert(chunk.hash, change);
        self.bytes = bytes;
        Ok(Some(chunk.hash))
    }

    /// The hashes that the history up to these heads needs and does not have, as far as is known.
    #[must_use]
    pub fn missing(&self, heads: &Heads) -> BTreeSet<Head> {
        self.reach(heads).missing
    }

    /// The history up to these heads and nothing else; none if a change is missing.
    #[must_use]
    pub fn up_to(&self, heads: &Heads) -> Option<Self> {
        let reach = self.reach(heads);
        if !reach.missing.is_empty() {
            return None;
        }
        let mut part = Self::default();
        for (hash, change) in reach.found {
            part.bytes = part.bytes.saturating_add(change.bytes.len());
            part.changes.insert(hash, change.clone());
        }
        Some(part)
    }

    fn reach(&self, heads: &Heads) -> Reach<'_> {
        let mut reach = Reach { found: BTreeMap::new(), missing: BTreeSet::new() };
        let mut open: Vec<Head> = heads.as_slice().to_vec();
        while let Some(hash) = open.pop() {
            match self.changes.get(&hash) {
                None => {
                    reach.missing.insert(hash);
                }
                Some(change) => {
                    if reach.found.insert(hash, change).is_none() {
                        open.extend(&change.follows);
                    }
                }
            }
        }
        reach
    }

    /// Adds the changes of another history, as far as they are new here.
    ///
    /// # Errors
    /// [`HistoryFault::TooLarge`].
    pub fn join(&mut self, other: &Self) -> Result<(), HistoryFault> {
        for (hash, change) in &other.changes {
            let follows = change.follows.clone();
            self.insert(&Chunk { hash: *hash, bytes: &change.bytes, follows })?;
        }
        Ok(())
    }

    /// Whether every change of the other history is here.
    #[must_use]
    pub fn contains_all(&self, other: &Self) -> bool {
        other.changes.keys().all(|hash| self.changes.contains_key(hash))
    }

    /// The changes one behind the other, each behind those that it follows: a file that automerge
    /// loads too. Changes whose history is not whole are left out.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut written: BTreeSet<Head> = BTreeSet::new();
        let mut bytes = Vec::with_capacity(self.bytes);
        let mut waits: BTreeMap<Head, usize> = BTreeMap::new();
        let mut followers: BTreeMap<Head, Vec<Head>> = BTreeMap::new();
        let mut ready: BTreeSet<Head> = BTreeSet::new();
        for (hash, change) in &self.changes {
            waits.insert(*hash, change.follows.len());
            for before in &change.follows {
                followers.entry(*before).or_default().push(*hash);
            }
            if change.follows.is_empty() {
                ready.insert(*hash);
            }
        }
        while let Some(hash) = ready.pop_first() {
            let Some(change) = self.changes.get(&hash) else { continue };
            bytes.extend_from_slice(&change.bytes);
            written.insert(hash);
            for follower in followers.get(&hash).into_iter().flatten() {
                let Some(left) = waits.get_mut(follower) else { continue };
                *left = left.saturating_sub(1);
                if *left == 0 && !written.contains(follower) {
                    ready.insert(*follower);
                }
            }
        }
        bytes
    }

    /// Whether it is within the limits of one document.
    #[must_use]
    pub fn fits(&self, bounds: Bounds) -> bool {
        self.changes.len() <= bounds.changes && self.bytes <= bounds.bytes
    }

    /// How many bytes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether every change that follows none is in the other history too: the two are of one
    /// document, and can be merged.
    #[must_use]
    pub fn begins_in(&self, other: &Self) -> bool {
        let begins = self.changes.iter().filter(|(_, change)| change.follows.is_empty());
        !self.is_empty() && begins.into_iter().all(|(hash, _)| other.changes.contains_key(hash))
    }

    /// How many changes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether there is no change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

/// What can be reached from some heads.
struct Reach<'a> {
    found: BTreeMap<Head, &'a Change>,
    missing: BTreeSet<Head>,
}

/// A change as it stands in bytes.
struct Chunk<'b> {
    hash: Head,
    bytes: &'b [u8],
    follows: Vec<Head>,
}

impl<'b> Chunk<'b> {
    /// The first chunk: magic (4), checksum (4), type (1), length (LEB128), the change, which
    /// begins with the hashes that it follows. Its hash is SHA-256 of type, length and change, and
    /// the checksum the first 4 bytes of that.
    fn read_first(bytes: &'b [u8]) -> Result<(Self, &'b [u8]), HistoryFault> {
        let form = HistoryFault::Form;
        let (magic, rest) = bytes.split_first_chunk::<4>().ok_or(form)?;
        let (checksum, typed) = rest.split_first_chunk::<4>().ok_or(form)?;
        let (kind, rest) = typed.split_first().ok_or(form)?;
        if *magic != MAGIC {
            return Err(form);
        }
        if *kind != CHANGE_TYPE {
            return Err(HistoryFault::Kind);
        }
        let (length, rest) = leb128(rest).ok_or(form)?;
        let length = usize::try_from(length).map_err(|_| HistoryFault::TooLarge)?;
        let (change, rest) = rest.split_at_checked(length).ok_or(form)?;
        let end = bytes.len().saturating_sub(rest.len());
        let whole = bytes.get(..end).ok_or(form)?;
        if whole.len() > CHANGE_BYTES_MAX {
            return Err(HistoryFault::TooLarge);
        }
        let header = typed.get(..typed.len().saturating_sub(rest.len())).ok_or(form)?;
        let Digest(hash) = Digest::of(&[header]);
        if hash.first_chunk::<4>() != Some(checksum) {
            return Err(HistoryFault::Checksum);
        }
        let (count, mut hashes) = leb128(change).ok_or(form)?;
        let count = usize::try_from(count).map_err(|_| HistoryFault::TooLarge)?;
        if count > DEPENDENCIES_MAX {
            return Err(HistoryFault::TooLarge);
        }
        let mut follows = Vec::with_capacity(count);
        for _ in 0..count {
            let (head, left) = hashes.split_first_chunk::<32>().ok_or(form)?;
            if follows.contains(&Head(*head)) {
                return Err(form);
            }
            follows.push(Head(*head));
            hashes = left;
        }
        Ok((Self { hash: Head(hash), bytes: whole, follows }, rest))
    }
}

/// An unsigned LEB128 number in its shortest form, as automerge hashes it, and what follows it.
pub(super) fn leb128(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    let mut rest = bytes;
    for shift in (0..63_u32).step_by(7) {
        let (byte, left) = rest.split_first()?;
        rest = left;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            let padded = *byte == 0 && shift > 0;
            return (!padded).then_some((value, rest));
        }
    }
    None
}

#[cfg(test)]
mod tests;
