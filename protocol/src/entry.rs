//! Entries: a command, what it decided, and the two halves in which it stands in the log.
//!
//! The leaf of the log is `shared || SHA-256(salt || private)`: a shop sees the shared half and
//! the commitment, holder and auditor see all (architecture, What an entry is).

use alloc::vec::Vec;
use minicbor::{Decode, Encode};

use crate::{
    codec::{self, Malformed},
    command::{Basis, Command},
    date::Time,
    digest::Digest,
    envelope::Envelope,
    id::EntryIndex,
    key::{ClientKey, OperationKey},
    posting::Postings,
    refusal::Refusal,
};

/// The largest entry, both halves and salt together.
pub const ENTRY_BYTES_MAX: usize = 16 * 1024;

/// 16 random bytes that keep the private half from being guessed by its hash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Salt(pub [u8; 16]);

codec::cbor_bytes!(Salt, 16);

/// What is asked, by whom, under which key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// The operation key; none for an officer's fact that carries its own version.
    pub key: Option<OperationKey>,
    /// What is asked.
    pub command: Command,
    /// SHA-256 of the sealed evidence in the vault, durable before this was submitted.
    pub evidence: Option<Digest>,
}

impl Submission {
    /// What a remembered answer is bound to: the command, without the evidence, which is sealed
    /// anew at each try.
    #[must_use]
    pub fn request(&self) -> Digest {
        let shared = self.command.shared_bytes();
        let kind = self.command.kind().to_be_bytes();
        let shared_hash = Digest::of(&[&shared]);
        Digest::of(&[&kind, &shared_hash.0, &self.command.private_bytes()])
    }

    /// Whether the key is the one that the command itself names: what was signed once is one
    /// operation, under whatever key somebody else sends it again.
    #[must_use]
    pub fn key_fits(&self) -> bool {
        let client = |named: &ClientKey| self.client_key() == Some(named);
        match self.command.basis() {
            Basis::Till(signed) => client(&signed.key()),
            Basis::Site(signed) => client(&signed.key()),
            Basis::Company(signed) => {
                matches!(&self.key, Some(OperationKey::Company { company: by, reference: named })
                    if *by == signed.company() && named == signed.reference())
            }
            Basis::Peer(_) | Basis::Towns(_) | Basis::Directory(_) | Basis::Rule => true,
            Basis::Node => !self.command.is_named_by_its_key() || self.client_key().is_some(),
        }
    }
}

impl Submission {
    /// The client's key, if it has one.
    #[must_use]
    pub const fn client_key(&self) -> Option<&ClientKey> {
        match &self.key {
            Some(OperationKey::Client(key)) => Some(key),
            Some(
                OperationKey::Line { .. }
                | OperationKey::Company { .. }
                | OperationKey::Channel { .. }
                | OperationKey::Job { .. },
            )
            | None => None,
        }
    }
}

/// What a command did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// What it moved.
    pub postings: Postings,
    /// The message to another town that goes out with it.
    pub sent: Option<Envelope>,
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done(Effect),
    /// It was refused, for good under its key.
    Refused(Refusal),
}

/// A decision in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place.
    pub index: EntryIndex,
    /// Its time: never before the last entry's.
    pub time: Time,
    /// What was asked.
    pub submission: Submission,
    /// What became of it.
    pub outcome: Outcome,
    /// Keeps the private half from being guessed.
    pub salt: Salt,
}

/// The shared half, in its canonical form.
#[derive(Encode, Decode)]
struct SharedHalf {
    #[n(0)]
    version: u16,
    #[n(1)]
    index: EntryIndex,
    #[n(2)]
    time: Time,
    #[n(3)]
    key: Option<OperationKey>,
    #[n(4)]
    kind: u16,
    #[cbor(n(5), with = "minicbor::bytes")]
    command: Vec<u8>,
    #[n(6)]
    outcome: SharedOutcome,
}

#[derive(Encode, Decode)]
enum SharedOutcome {
    #[n(0)]
    Done {
        #[n(0)]
        sent: Option<Digest>,
    },
    #[n(1)]
    Refused {
        #[n(0)]
        number: u16,
    },
}

#[derive(Encode, Decode)]
struct PrivateHalf {
    #[cbor(n(0), with = "minicbor::bytes")]
    command: Vec<u8>,
    #[n(1)]
    evidence: Option<Digest>,
    #[n(2)]
    outcome: PrivateOutcome,
}

#[derive(Encode, Decode)]
enum PrivateOutcome {
    #[n(0)]
    Done {
        #[n(0)]
        postings: Postings,
        #[cbor(n(1), with = "minicbor::bytes")]
        sent: Option<Vec<u8>>,
    },
    #[n(1)]
    Refused {
        #[n(0)]
        refusal: Refusal,
    },
}

/// The version of the entry's form.
const FORM: u16 = 1;

/// An entry as it lies in the journal: both halves and the salt.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct StoredEntry {
    /// The canonical shared half.
    #[cbor(n(0), with = "minicbor::bytes")]
    shared: Vec<u8>,
    /// The salt.
    #[n(1)]
    salt: Salt,
    /// The canonical private half.
    #[cbor(n(2), with = "minicbor::bytes")]
    private: Vec<u8>,
}

impl StoredEntry {
    /// The bytes of the leaf: what inclusion proofs prove, and all that a shop or peer sees.
    #[must_use]
    pub fn leaf(&self) -> Vec<u8> {
        let commitment = Digest::of(&[&self.salt.0, &self.private]);
        [self.shared.as_slice(), &commitment.0].concat()
    }
}

impl Entry {
    /// The entry as it lies in the journal.
    #[must_use]
    pub fn store(&self) -> StoredEntry {
        let (shared_outcome, private_outcome) = match &self.outcome {
            Outcome::Done(effect) => (
                SharedOutcome::Done { sent: effect.sent.as_ref().map(Envelope::hash) },
                PrivateOutcome::Done {
                    postings: effect.postings.clone(),
                    sent: effect.sent.as_ref().map(Envelope::encode),
                },
            ),
            Outcome::Refused(refusal) => (
                SharedOutcome::Refused { number: refusal.number() },
                PrivateOutcome::Refused { refusal: *refusal },
            ),
        };
        let shared = SharedHalf {
            version: FORM,
            index: self.index,
            time: self.time,
            key: self.submission.key.clone(),
            kind: self.submission.command.kind(),
            command: self.submission.command.shared_bytes(),
            outcome: shared_outcome,
        };
        let private = PrivateHalf {
            command: self.submission.command.private_bytes(),
            evidence: self.submission.evidence,
            outcome: private_outcome,
        };
        StoredEntry {
            shared: codec::encode(&shared),
            salt: self.salt,
            private: codec::encode(&private),
        }
    }

    /// Reads an entry from the journal's bytes.
    ///
    /// # Errors
    /// [`Malformed`] for whatever is not the one encoding of an entry.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.len() > ENTRY_BYTES_MAX {
            return Err(Malformed::Form);
        }
        codec::decode::<StoredEntry>(bytes)?.open()
    }
}

impl StoredEntry {
    /// Reads the two halves.
    ///
    /// # Errors
    /// [`Malformed`] for whatever is not the one encoding of an entry.
    pub fn open(&self) -> Result<Entry, Malformed> {
        let shared: SharedHalf = codec::decode(&self.shared)?;
        let private: PrivateHalf = codec::decode(&self.private)?;
        if shared.version != FORM {
            return Err(Malformed::Form);
        }
        let outcome = match (shared.outcome, private.outcome) {
            (SharedOutcome::Done { sent: hash }, PrivateOutcome::Done { postings, sent }) => {
                let sent = sent
                    .map(|bytes| Envelope::decode(&bytes))
                    .transpose()
                    .map_err(|_| Malformed::Form)?;
                if sent.as_ref().map(Envelope::hash) != hash {
                    return Err(Malformed::Form);
                }
                Outcome::Done(Effect { postings, sent })
            }
            (SharedOutcome::Refused { number }, PrivateOutcome::Refused { refusal })
                if number == refusal.number() =>
            {
                Outcome::Refused(refusal)
            }
            (SharedOutcome::Done { .. } | SharedOutcome::Refused { .. }, _) => {
                return Err(Malformed::Form);
            }
        };
        Ok(Entry {
            index: shared.index,
            time: shared.time,
            submission: Submission {
                key: shared.key,
                command: Command::from_parts(shared.kind, &shared.command, &private.command)?,
                evidence: private.evidence,
            },
            outcome,
            salt: self.salt,
        })
    }
}

/// What a leaf shows to whoever has no right to its private half.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeafView {
    /// The place of the entry.
    pub index: EntryIndex,
    /// Its time.
    pub time: Time,
    /// The number of the command's kind.
    pub kind: u16,
    /// The hash of the message that went out with it.
    pub sent: Option<Digest>,
    /// The shared half of its command, if it was done.
    pub done: Option<Vec<u8>>,
}

impl LeafView {
    /// Reads the shared half of a leaf.
    ///
    /// # Errors
    /// [`Malformed`] for whatever is no leaf.
    pub fn parse(leaf: &[u8]) -> Result<Self, Malformed> {
        let end = leaf.len().checked_sub(32).ok_or(Malformed::Form)?;
        let shared: SharedHalf = codec::decode(leaf.get(..end).ok_or(Malformed::Form)?)?;
        let (sent, done) = match shared.outcome {
            SharedOutcome::Done { sent } => (sent, Some(shared.command)),
            SharedOutcome::Refused { .. } => (None, None),
        };
        Ok(Self { index: shared.index, time: shared.time, kind: shared.kind, sent, done })
    }
}
