//! A town's public lists: its shops, its institutions. Each is a shared document of one author;
//! what the author signed about it decides whether it is taken. Nothing here decides about money,
//! so nothing of it enters the journal.

use core::{fmt, str::FromStr};
use minicbor::{Decode, Encode};

use crate::{
    codec,
    date::Time,
    digest::Digest,
    directory::{Heads, StatementFault, Taking, taking, valid_span},
    id::TownId,
    signature::{BadSignature, Domain, PublicKey, Signature, SigningKey},
};

/// What a list is of. A town has one of each at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum ListKind {
    /// The town's shops.
    #[n(0)]
    Shops,
    /// The bodies whose libraries take linked cards there, and where the town is reached.
    #[n(1)]
    Institutions,
}

impl ListKind {
    /// Every kind, and so how many lists an author has at most.
    pub const ALL: [Self; 2] = [Self::Shops, Self::Institutions];

    /// Its name in documents, files and addresses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Shops => "shops",
            Self::Institutions => "institutions",
        }
    }
}

/// Not the name of a kind of list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a list is of `shops` or `institutions`")]
pub struct NotAKind;

impl FromStr for ListKind {
    type Err = NotAKind;

    fn from_str(text: &str) -> Result<Self, NotAKind> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or(NotAKind)
    }
}

/// Whose list, and of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct ListName {
    /// Its author.
    #[n(0)]
    pub town: TownId,
    /// What it is of.
    #[n(1)]
    pub kind: ListKind,
}

impl fmt::Display for ListName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.town, self.kind.name())
    }
}

/// The version of a list, from 1.
///
/// An author takes the time of signing in milliseconds, and at least one more than before: so a
/// town that was restored from a backup never gives out a version twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct ListVersion(#[n(0)] pub u64);

impl ListVersion {
    /// The version that is signed now, behind an earlier one.
    #[must_use]
    pub fn behind(former: Option<Self>, now: Time) -> Self {
        let next = former.map_or(1, |former| former.0.saturating_add(1));
        Self(next.max(now.0))
    }
}

impl fmt::Display for ListVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// What a town says about a version of a list of its own.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ListStatement {
    /// Which list.
    #[n(0)]
    pub list: ListName,
    /// Which version.
    #[n(1)]
    pub version: ListVersion,
    /// Where the document's history ends: it fixes all that the document says.
    #[n(2)]
    pub heads: Heads,
    /// When it was issued.
    #[n(3)]
    pub issued: Time,
    /// Until when it may be taken; what is held is stale from then on.
    #[n(4)]
    pub valid_until: Time,
}

impl ListStatement {
    const fn in_order(&self) -> bool {
        self.version.0 > 0 && valid_span(self.issued, self.valid_until)
    }

    /// Whether it is past its validity: it may be shown, and has to be called so.
    #[must_use]
    pub fn is_stale(&self, now: Time) -> bool {
        self.valid_until < now
    }
}

/// Bytes of a statement's mark.
const MARK_BYTES: usize = 8;

/// The first bytes of the SHA-256 of a signed statement: two statements of one version are told
/// apart by it without being sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListMark(pub [u8; MARK_BYTES]);

codec::cbor_bytes!(ListMark, 8);

/// A statement with the signature of the town's channel key, under [`Domain::PublicList`]. Not yet
/// checked: [`SignedListStatement::verify`] does.
///
/// Invariant: the statement is in order.
#[derive(Debug, Clone, PartialEq, Eq, Encode)]
pub struct SignedListStatement {
    #[n(0)]
    statement: ListStatement,
    #[n(1)]
    signature: Signature,
}

impl SignedListStatement {
    /// Signs a statement.
    ///
    /// # Errors
    /// [`StatementFault::Validity`].
    pub fn sign(statement: ListStatement, key: &SigningKey) -> Result<Self, StatementFault> {
        if !statement.in_order() {
            return Err(StatementFault::Validity);
        }
        let signature = key.sign(Domain::PublicList, &codec::encode(&statement));
        Ok(Self { statement, signature })
    }

    /// What is signed.
    #[must_use]
    pub const fn statement(&self) -> &ListStatement {
        &self.statement
    }

    /// Checks the signature under the key that the directory names for the town.
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn verify(&self, key: &PublicKey) -> Result<(), BadSignature> {
        key.verify(Domain::PublicList, &codec::encode(&self.statement), &self.signature)
    }

    /// Its mark.
    #[must_use]
    pub fn mark(&self) -> ListMark {
        let Digest(hash) = Digest::of(&[&codec::encode(self)]);
        // A hash of 32 bytes has a first one of 8.
        ListMark(hash.first_chunk().copied().unwrap_or_default())
    }
}

impl<'b, C> Decode<'b, C> for SignedListStatement {
    fn decode(d: &mut minicbor::Decoder<'b>, ctx: &mut C) -> Result<Self, minicbor::decode::Error> {
        #[derive(Decode)]
        struct Parts {
            #[n(0)]
            statement: ListStatement,
            #[n(1)]
            signature: Signature,
        }
        let Parts { statement, signature } = Parts::decode(d, ctx)?;
        if !statement.in_order() {
            return Err(minicbor::decode::Error::message("no statement"));
        }
        Ok(Self { statement, signature })
    }
}

/// What to do with an offered statement about the same list, both of them verified.
#[must_use]
pub fn take_list(current: Option<&ListStatement>, offered: &ListStatement, now: Time) -> Taking {
    let held = current
        .map(|current| (offered.version.cmp(&current.version), offered.heads == current.heads));
    taking(held, (offered.issued, offered.valid_until), now)
}

#[cfg(test)]
mod tests;
