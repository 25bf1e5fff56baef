//! Checkpoints: the head of a log, signed by it (c2sp.org/tlog-checkpoint).

use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use core::{fmt, ops::Deref, str::FromStr};

use super::{
    note::{KeyKind, KeyName, MalformedNote, Note, NoteFault, NoteSignature, VerifierKey},
    tree::{Tree, TreeSize},
};
use crate::{
    codec,
    digest::Digest,
    id::{Generation, TownId},
    signature::SigningKey,
};

/// The longest origin, in bytes: what a post-quantum cosignature can hold.
pub const ORIGIN_BYTES_MAX: usize = 255;

/// The name of a log for ever, and of its key. Ours read `<town>/log/<generation>`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(KeyName);

codec::cbor_text!(Origin);

/// Text that cannot name a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an origin; it has 1 to 255 bytes, no space and no plus")]
pub struct NotAnOrigin;

impl Origin {
    /// The origin of a town's log. A restore begins a new generation, and so a new log.
    #[must_use]
    pub fn of(town: TownId, generation: Generation) -> Self {
        let Ok(origin) = format!("{town}/log/{generation}").parse() else {
            unreachable!("digits and slashes are a key name")
        };
        origin
    }

    /// The generation, if this is a log of that town.
    #[must_use]
    pub fn generation_of(&self, town: TownId) -> Option<Generation> {
        let (_, number) = self.as_str().rsplit_once('/')?;
        let generation = Generation(number.parse().ok()?);
        (Self::of(town, generation) == *self).then_some(generation)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The name of the log's key: the same.
    #[must_use]
    pub const fn key_name(&self) -> &KeyName {
        &self.0
    }
}

impl FromStr for Origin {
    type Err = NotAnOrigin;

    fn from_str(text: &str) -> Result<Self, NotAnOrigin> {
        if text.len() > ORIGIN_BYTES_MAX {
            return Err(NotAnOrigin);
        }
        text.parse().map(Self).map_err(|_| NotAnOrigin)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// The head of a log: its first `size` entries have this root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: Origin,
    /// How many entries.
    pub size: TreeSize,
    /// The root hash over them.
    pub root: Digest,
    /// Invariant: none of them empty; none at all in a checkpoint of ours.
    extensions: Vec<String>,
}

/// Text that is not a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MalformedCheckpoint {
    /// Not a signed note.
    #[error(transparent)]
    Note(#[from] MalformedNote),
    /// Fewer than three lines, or an empty one.
    #[error("a checkpoint has three lines at least, none of them empty")]
    Lines,
    /// The first line is not an origin.
    #[error("the first line of a checkpoint is no origin")]
    Origin,
    /// The second line is not a size.
    #[error("the second line of a checkpoint is no size")]
    Size,
    /// The third line is not the base64 of a hash.
    #[error("the third line of a checkpoint is no root hash")]
    Root,
}

impl Checkpoint {
    /// A checkpoint without extension lines, which nobody could audit.
    #[must_use]
    pub const fn new(origin: Origin, size: TreeSize, root: Digest) -> Self {
        Self { origin, size, root, extensions: Vec::new() }
    }

    /// The checkpoint of a tree as it stands.
    #[must_use]
    pub fn of_tree(origin: Origin, tree: &Tree) -> Self {
        Self::new(origin, tree.size(), tree.root())
    }

    /// Lines behind the first three, which another log's checkpoint may have. They mean nothing
    /// here, but are signed.
    #[must_use]
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }

    /// The text that is signed.
    #[must_use]
    pub fn text(&self) -> String {
        let root = STANDARD.encode(self.root.0);
        let mut text = format!("{}\n{}\n{root}\n", self.origin, self.size);
        for line in &self.extensions {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    /// Signs it with the log's key, without extension lines.
    #[must_use]
    pub fn sign(self, key: &SigningKey) -> SignedCheckpoint {
        let checkpoint = Self { extensions: Vec::new(), ..self };
        let Ok(note) = Note::sign(&checkpoint.text(), checkpoint.origin.key_name(), key) else {
            unreachable!("an origin of 255 bytes, a number and a hash are the text of a note")
        };
        SignedCheckpoint { checkpoint, note }
    }
}

impl FromStr for Checkpoint {
    type Err = MalformedCheckpoint;

    fn from_str(text: &str) -> Result<Self, MalformedCheckpoint> {
        let lines = text.strip_suffix('\n').ok_or(MalformedCheckpoint::Lines)?;
        if lines.split('\n').any(str::is_empty) {
            return Err(MalformedCheckpoint::Lines);
        }
        let mut lines = lines.split('\n');
        let mut line = || lines.next().ok_or(MalformedCheckpoint::Lines);
        let (origin, size, root) = (line()?, line()?, line()?);
        Ok(Self {
            origin: origin.parse().map_err(|_| MalformedCheckpoint::Origin)?,
            size: size.parse().map_err(|_| MalformedCheckpoint::Size)?,
            root: hash_of_base64(root).ok_or(MalformedCheckpoint::Root)?,
            extensions: lines.map(String::from).collect(),
        })
    }
}

/// Reads the base64 of exactly one hash.
pub(super) fn hash_of_base64(text: &str) -> Option<Digest> {
    STANDARD.decode(text).ok()?.try_into().ok().map(Digest)
}

/// A checkpoint with the exact note that came with it. Nothing was checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: Note,
}

/// Why a checkpoint is not the log's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointFault {
    /// The note is not signed by that key.
    #[error(transparent)]
    Note(#[from] NoteFault),
    /// The key is a cosigner's: it does not speak for a log.
    #[error("the key {0} is a cosigner's; use the log's own key")]
    NotALogKey(KeyName),
    /// The key belongs to another log.
    #[error("a checkpoint of {found}, not of {expected}")]
    OtherLog {
        /// Whose key it is.
        expected: KeyName,
        /// What the checkpoint says.
        found: Origin,
    },
}

impl SignedCheckpoint {
    /// Reads a checkpoint and its signature lines.
    ///
    /// # Errors
    /// [`MalformedCheckpoint`].
    pub fn parse(bytes: &[u8]) -> Result<Self, MalformedCheckpoint> {
        let note = Note::parse(bytes)?;
        let checkpoint = note.text().parse()?;
        Ok(Self { checkpoint, note })
    }

    /// The exact note, as it has to be published and kept.
    #[must_use]
    pub const fn note(&self) -> &Note {
        &self.note
    }

    /// What the note says. Not to be trusted before [`Self::verify`].
    #[must_use]
    pub const fn claimed(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The same checkpoint with one more signature line, a cosigner's.
    ///
    /// # Errors
    /// [`MalformedNote`] if it would become too long.
    pub fn with_signature(&self, line: &NoteSignature) -> Result<Self, MalformedNote> {
        let note = self.note.with_signature(line)?;
        Ok(Self { checkpoint: self.checkpoint.clone(), note })
    }

    /// Checks that the log with this key signed it.
    ///
    /// # Errors
    /// [`CheckpointFault`].
    pub fn verify(&self, log: &VerifierKey) -> Result<VerifiedCheckpoint, CheckpointFault> {
        match log.kind {
            KeyKind::Log => {}
            KeyKind::Cosigner => return Err(CheckpointFault::NotALogKey(log.name.clone())),
        }
        if *self.checkpoint.origin.key_name() != log.name {
            return Err(CheckpointFault::OtherLog {
                expected: log.name.clone(),
                found: self.checkpoint.origin.clone(),
            });
        }
        self.note.verify(core::slice::from_ref(log))?;
        Ok(VerifiedCheckpoint(self.clone()))
    }
}

impl fmt::Display for SignedCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.note, f)
    }
}

/// A checkpoint that its log signed. Only [`SignedCheckpoint::verify`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedCheckpoint(SignedCheckpoint);

impl VerifiedCheckpoint {
    /// The exact note, as it has to be kept and shown as evidence.
    #[must_use]
    pub const fn note(&self) -> &Note {
        &self.0.note
    }

    /// The checkpoint, without the knowledge that it was checked.
    #[must_use]
    pub fn into_signed(self) -> SignedCheckpoint {
        self.0
    }
}

impl Deref for VerifiedCheckpoint {
    type Target = Checkpoint;

    fn deref(&self) -> &Checkpoint {
        &self.0.checkpoint
    }
}

impl<C> minicbor::Encode<C> for SignedCheckpoint {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.str(self.note.as_str())?.ok()
    }
}

impl<'b, C> minicbor::Decode<'b, C> for SignedCheckpoint {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Self::parse(d.str()?.as_bytes())
            .map_err(|fault| minicbor::decode::Error::message(fault.to_string()))
    }
}

#[cfg(test)]
mod tests;
