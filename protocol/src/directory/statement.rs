//! What the author of a shared document signed about it, and whether it is taken.

use alloc::vec::Vec;
use core::{cmp::Ordering, fmt};
use minicbor::{Decode, Encode};

use super::{DirectoryRoot, DirectoryVersion, valid_span};
use crate::{
    codec,
    date::Time,
    digest::{Digest, Hex},
    signature::{BadSignature, Domain, PublicKey, Signature, SigningKey},
};

/// Most heads of a document: edits that were made side by side and not yet joined.
pub const HEADS_MAX: usize = 16;
/// Most signatures under a statement.
pub const SIGNATURES_MAX: usize = 16;
/// How far ahead of our clock a statement may be issued, in milliseconds.
pub const ISSUED_AHEAD_MS_MAX: u64 = 600_000;

/// Which shared document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum DocumentName {
    /// The federation's directory.
    #[n(0)]
    Directory,
}

/// The hash of the last change of a line of a document's history, as automerge counts it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Head(pub [u8; 32]);

codec::cbor_bytes!(Head, 32);

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Hex(&self.0), f)
    }
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why something is no statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StatementFault {
    /// No heads, too many, or one twice.
    #[error("a document has 1 to 16 heads, none of them twice; join its lines of editing")]
    Heads,
    /// Version 0, or a validity that runs backward or over 30 days.
    #[error("a statement has a version from 1 and is valid for at most 30 days; issue it again")]
    Validity,
    /// No room for another signature.
    #[error("a statement has at most 16 signatures")]
    TooManySignatures,
}

/// The heads of a document.
///
/// Invariant: 1 to [`HEADS_MAX`], sorted, none twice.
#[derive(Debug, Clone, PartialEq, Eq, Encode)]
#[cbor(transparent)]
pub struct Heads(#[n(0)] Vec<Head>);

impl Heads {
    /// These heads, which may come in any order.
    ///
    /// # Errors
    /// [`StatementFault::Heads`].
    pub fn new(mut heads: Vec<Head>) -> Result<Self, StatementFault> {
        heads.sort();
        let twice = heads.iter().zip(heads.iter().skip(1)).any(|(a, b)| a == b);
        if twice || !(1..=HEADS_MAX).contains(&heads.len()) {
            return Err(StatementFault::Heads);
        }
        Ok(Self(heads))
    }

    /// The heads, in order.
    #[must_use]
    pub fn as_slice(&self) -> &[Head] {
        &self.0
    }
}

impl<'b, C> Decode<'b, C> for Heads {
    fn decode(d: &mut minicbor::Decoder<'b>, ctx: &mut C) -> Result<Self, minicbor::decode::Error> {
        Self::new(Vec::decode(d, ctx)?).map_err(|_| minicbor::decode::Error::message("no heads"))
    }
}

/// What the author says about a version of a document. [`SignedStatement`] holds only such whose
/// version and validity are in order.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Statement {
    /// Which document.
    #[n(0)]
    pub document: DocumentName,
    /// Which version.
    #[n(1)]
    pub version: DirectoryVersion,
    /// Where its history ends.
    #[n(2)]
    pub heads: Heads,
    /// SHA-256 of the canonical encoding of what it says.
    #[n(3)]
    pub content: Digest,
    /// When it was issued.
    #[n(4)]
    pub issued: Time,
    /// Until when it may be taken; at most 30 days later.
    #[n(5)]
    pub valid_until: Time,
}

impl Statement {
    const fn in_order(&self) -> bool {
        self.version.0 > 0 && valid_span(self.issued, self.valid_until)
    }
}

/// Why a statement does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAuthorized {
    /// Fewer of the pinned keys signed than have to.
    #[error("too few of the root keys signed; let more of their holders sign")]
    TooFewSigners,
    /// A pinned key's signature is wrong.
    #[error("a root key's signature is wrong; let its holder sign again")]
    Signature,
}

/// A statement with its author's signatures, under [`Domain::Document`]. Not yet checked:
/// [`SignedStatement::verify`] does.
///
/// Invariant: the statement is in order; signatures sorted by key, none twice.
#[derive(Debug, Clone, PartialEq, Eq, Encode)]
pub struct SignedStatement {
    #[n(0)]
    statement: Statement,
    #[n(1)]
    signatures: Vec<(PublicKey, Signature)>,
}

impl SignedStatement {
    /// A statement without signatures.
    ///
    /// # Errors
    /// [`StatementFault::Validity`].
    pub fn new(statement: Statement) -> Result<Self, StatementFault> {
        if statement.in_order() {
            Ok(Self { statement, signatures: Vec::new() })
        } else {
            Err(StatementFault::Validity)
        }
    }

    /// What is signed.
    #[must_use]
    pub const fn statement(&self) -> &Statement {
        &self.statement
    }

    /// Whose signatures are here, right or wrong, pinned or not.
    pub fn signed_by(&self) -> impl Iterator<Item = PublicKey> {
        self.signatures.iter().map(|(key, _)| *key)
    }

    /// Signs, in place of an earlier signature of the same key.
    ///
    /// # Errors
    /// [`StatementFault::TooManySignatures`].
    pub fn add_signature(&mut self, key: &SigningKey) -> Result<(), StatementFault> {
        let public = key.public();
        let signature = key.sign(Domain::Document, &codec::encode(&self.statement));
        match self.signatures.binary_search_by_key(&public, |(key, _)| *key) {
            Ok(at) => {
                if let Some((_, former)) = self.signatures.get_mut(at) {
                    *former = signature;
                }
            }
            Err(_) if self.signatures.len() >= SIGNATURES_MAX => {
                return Err(StatementFault::TooManySignatures);
            }
            Err(at) => self.signatures.insert(at, (public, signature)),
        }
        Ok(())
    }

    /// The pinned keys among the signatures, if at least as many as have to sign. Says nothing
    /// about whether the signatures are right.
    #[must_use]
    pub fn signers(&self, root: &DirectoryRoot) -> Option<Vec<PublicKey>> {
        let pinned: Vec<PublicKey> =
            self.signed_by().filter(|key| root.keys().contains(key)).collect();
        (pinned.len() >= usize::from(root.threshold())).then_some(pinned)
    }

    /// Checks that every one of these keys has a right signature here; at least one is asked for.
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn verify_under(&self, keys: &[PublicKey]) -> Result<(), BadSignature> {
        if keys.is_empty() {
            return Err(BadSignature);
        }
        let bytes = codec::encode(&self.statement);
        keys.iter().try_for_each(|key| {
            let at = self.signatures.binary_search_by_key(key, |(key, _)| *key);
            let (_, signature) =
                at.ok().and_then(|at| self.signatures.get(at)).ok_or(BadSignature)?;
            key.verify(Domain::Document, &bytes, signature)
        })
    }

    /// Checks the statement under a root. The keys that signed come back.
    ///
    /// # Errors
    /// [`NotAuthorized`].
    pub fn verify(&self, root: &DirectoryRoot) -> Result<Vec<PublicKey>, NotAuthorized> {
        let signers = self.signers(root).ok_or(NotAuthorized::TooFewSigners)?;
        self.verify_under(&signers).map_err(|BadSignature| NotAuthorized::Signature)?;
        Ok(signers)
    }
}

impl<'b, C> Decode<'b, C> for SignedStatement {
    fn decode(d: &mut minicbor::Decoder<'b>, ctx: &mut C) -> Result<Self, minicbor::decode::Error> {
        #[derive(Decode)]
        struct Parts {
            #[n(0)]
            statement: Statement,
            #[n(1)]
            signatures: Vec<(PublicKey, Signature)>,
        }
        let Parts { statement, signatures } = Parts::decode(d, ctx)?;
        let sorted = signatures.iter().zip(signatures.iter().skip(1)).all(|((a, _), (b, _))| a < b);
        if !statement.in_order() || !sorted || signatures.len() > SIGNATURES_MAX {
            return Err(minicbor::decode::Error::message("no statement"));
        }
        Ok(Self { statement, signatures })
    }
}

/// What to do with an offered statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taking {
    /// Newer and valid now: sync it.
    New,
    /// What we hold.
    Same,
    /// Older than what we hold.
    Older,
    /// Our version, with other heads or content: its author signed two. Freeze, keep the proof.
    Fork,
    /// Newer, but past its validity.
    Expired,
    /// Newer, but issued in what is the future for us.
    NotYet,
}

/// What to do with an offered statement, both of them verified.
///
/// A fork is a fork at any time: two signatures prove it after their validity too.
#[must_use]
pub fn take(current: Option<&Statement>, offered: &Statement, now: Time) -> Taking {
    let held = current.map(|current| {
        let equal = offered.heads == current.heads && offered.content == current.content;
        (offered.version.cmp(&current.version), equal)
    });
    taking(held, (offered.issued, offered.valid_until), now)
}

/// What to do with what is offered: how its version stands to the one that is held, and whether it
/// says the same; when it was issued and until when it is valid.
pub(crate) fn taking(
    held: Option<(Ordering, bool)>,
    (issued, valid_until): (Time, Time),
    now: Time,
) -> Taking {
    match held {
        Some((Ordering::Less, _)) => Taking::Older,
        Some((Ordering::Equal, true)) => Taking::Same,
        Some((Ordering::Equal, false)) => Taking::Fork,
        Some((Ordering::Greater, _)) | None if valid_until < now => Taking::Expired,
        Some((Ordering::Greater, _)) | None if issued > now.later_by_ms(ISSUED_AHEAD_MS_MAX) => {
            Taking::NotYet
        }
        Some((Ordering::Greater, _)) | None => Taking::New,
    }
}
