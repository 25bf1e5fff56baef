//! What travels between peers about shared documents, as CBOR.

use jichi_protocol::{
    codec::{self, Malformed},
    directory::{DocumentName, SignedStatement},
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
}

/// What a peer answers.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum DocumentReply {
    /// It holds no such document.
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
