//! What travels between peers about shared documents, as CBOR.

use jichi_protocol::{
    codec::{self, Malformed},
    digest::Digest,
    directory::{DocumentName, MEMBERS_MAX, SignedStatement},
    public_list::{ListKind, ListMark, ListName, ListVersion, SignedListStatement},
};
use minicbor::{Decode, Encode, bytes::ByteVec};

use super::sync::MESSAGE_BYTES_MAX;

/// Most bytes of a request or reply.
pub const WIRE_BYTES_MAX: usize = 128 * 1024;

const _: () = assert!(MESSAGE_BYTES_MAX + 1024 <= WIRE_BYTES_MAX, "a message fits with its frame");

/// The asking side's number of a session, so that a late message meets no other one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(transparent)]
pub struct SessionNumber(#[n(0)] pub u64);

/// What a peer asks.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum DocumentRequest {
    /// For the statement of a document.
    #[n(0)]
    AskStatement(#[n(0)] DocumentName),
    /// To begin a sync of a document. An earlier session of the peer ends.
    #[n(1)]
    BeginSync {
        /// Which document.
        #[n(0)]
        document: DocumentName,
        /// The session that begins.
        #[n(1)]
        session: SessionNumber,
        /// The first sync message.
        #[n(2)]
        message: ByteVec,
    },
    /// To go on with a sync.
    #[n(2)]
    ContinueSync {
        /// Which session.
        #[n(0)]
        session: SessionNumber,
        /// The next sync message.
        #[n(1)]
        message: ByteVec,
    },
    /// For the public lists that it holds, unless they are the same: the asking side's have this
    /// SHA-256 ([`Inventory::digest`]).
    #[n(3)]
    AskLists(#[n(0)] Digest),
    /// For the statement of a list.
    #[n(4)]
    AskList(#[n(0)] ListName),
    /// To begin a sync of a list. An earlier session of the peer ends.
    #[n(5)]
    BeginList {
        /// Which list.
        #[n(0)]
        list: ListName,
        /// The session that begins.
        #[n(1)]
        session: SessionNumber,
        /// The first sync message.
        #[n(2)]
        message: ByteVec,
    },
}

/// A list that a peer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Held {
    /// Which list.
    #[n(0)]
    pub list: ListName,
    /// In which version.
    #[n(1)]
    pub version: ListVersion,
    /// The mark of its statement.
    #[n(2)]
    pub mark: ListMark,
}

/// Most lists of an inventory: each member's.
pub const INVENTORY_MAX: usize = MEMBERS_MAX * ListKind::ALL.len();

/// The lists that a node holds and that are within their validity, in order.
///
/// Invariant: sorted by list, none twice, at most [`INVENTORY_MAX`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode)]
#[cbor(transparent)]
pub struct Inventory(#[n(0)] Vec<Held>);

impl Inventory {
    /// Of these, which are in order.
    pub fn of(held: impl Iterator<Item = Held>) -> Self {
        Self(held.take(INVENTORY_MAX).collect())
    }

    /// What is in it.
    #[must_use]
    pub fn as_slice(&self) -> &[Held] {
        &self.0
    }

    /// SHA-256 of its canonical encoding: two that are equal need not be sent.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&[&codec::encode(self)])
    }
}

impl<'b, C> Decode<'b, C> for Inventory {
    fn decode(d: &mut minicbor::Decoder<'b>, ctx: &mut C) -> Result<Self, minicbor::decode::Error> {
        let held: Vec<Held> = Vec::decode(d, ctx)?;
        let sorted = held.is_sorted_by(|before, after| before.list < after.list);
        if sorted && held.len() <= INVENTORY_MAX {
            Ok(Self(held))
        } else {
            Err(minicbor::decode::Error::message("no inventory"))
        }
    }
}

/// What a peer answers.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum DocumentReply {
    /// It holds no such document, or the same lists.
    #[n(0)]
    Nothing,
    /// The statement of the version that it holds.
    #[n(1)]
    Statement(#[n(0)] SignedStatement),
    /// Its next sync message; none if it has nothing more to say.
    #[n(2)]
    Sync(#[n(0)] Option<ByteVec>),
    /// It does not answer.
    #[n(3)]
    Refused(#[n(0)] RefusedReason),
    /// The public lists that it holds.
    #[n(4)]
    Lists(#[n(0)] Inventory),
    /// The statement of the list's version that it holds.
    #[n(5)]
    List(#[n(0)] SignedListStatement),
}

/// Why a request is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum RefusedReason {
    /// There is no such session (any more): begin again.
    #[n(0)]
    UnknownSession,
    /// The message is none, or breaks a limit.
    #[n(1)]
    BadMessage,
}

/// Bytes that are no request or reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireFault {
    /// Over [`WIRE_BYTES_MAX`].
    #[error("a message about a document has at most 128 KiB")]
    TooLarge,
    /// Not of the form.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

fn decode<'b, T: Decode<'b, ()> + Encode<()>>(bytes: &'b [u8]) -> Result<T, WireFault> {
    if bytes.len() > WIRE_BYTES_MAX {
        return Err(WireFault::TooLarge);
    }
    Ok(codec::decode(bytes)?)
}

impl DocumentRequest {
    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads a request.
    ///
    /// # Errors
    /// [`WireFault`].
    pub fn decode(bytes: &[u8]) -> Result<Self, WireFault> {
        decode(bytes)
    }
}

impl DocumentReply {
    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads a reply.
    ///
    /// # Errors
    /// [`WireFault`].
    pub fn decode(bytes: &[u8]) -> Result<Self, WireFault> {
        decode(bytes)
    }
}

#[cfg(test)]
mod tests;
