//! What travels: an envelope with the proof beside it, and the reply, which is not numbered.

use alloc::{string::String, vec::Vec};
use minicbor::{Decode, Encode};

use crate::{
    codec::{self, Malformed},
    date::Time,
    envelope::{Acked, ENVELOPE_BYTES_MAX},
    library::Enclosure,
};

/// The largest delivery.
pub const DELIVERY_BYTES_MAX: usize = 128 * 1024;
/// The largest reply to a delivery: it holds two numbers, a fault and a time.
pub const REPLY_BYTES_MAX: usize = 32;

const _: () = assert!(ENVELOPE_BYTES_MAX < DELIVERY_BYTES_MAX);

/// A delivery of one envelope.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Delivery {
    /// The envelope's bytes.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub envelope: Vec<u8>,
    /// The C2SP tlog-proof of the sender's entry, with the leaf in its `extra` line.
    #[n(1)]
    pub proof: String,
    /// The number of a library's card, beside the message that links it.
    #[n(2)]
    pub enclosure: Option<Enclosure>,
}

/// Why a delivery did nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum DeliveryFault {
    /// Not of a form that can be read.
    #[n(0)]
    Malformed,
    /// Sender, key or signature do not fit the directory.
    #[n(1)]
    NotInDirectory,
    /// The proof does not prove the entry of this envelope.
    #[n(2)]
    NoProof,
    /// There is no agreement, so there is no channel.
    #[n(3)]
    NoChannel,
    /// The channel is frozen.
    #[n(4)]
    Frozen,
    /// It does not fit the state: an answer to what was never offered, another generation.
    #[n(5)]
    DoesNotFit,
    /// Not now.
    #[n(6)]
    TryLater,
    /// The town has closed and takes nothing more: there is no use in sending it again.
    #[n(7)]
    TownClosed,
}

/// The reply to a delivery. It stops retransmission, and never allows pruning.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct DeliveryReply {
    /// What came without a gap.
    #[n(0)]
    pub heard: Option<Acked>,
    /// Why this one did nothing.
    #[n(1)]
    pub fault: Option<DeliveryFault>,
    /// What the replier's clock says. It decides nothing: a clock far apart from it alarms.
    #[n(2)]
    pub now: Option<Time>,
}

impl Delivery {
    /// Reads a delivery.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.len() > DELIVERY_BYTES_MAX {
            return Err(Malformed::Form);
        }
        codec::decode(bytes)
    }
}

impl DeliveryReply {
    /// Reads the reply to a delivery.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.len() > REPLY_BYTES_MAX {
            return Err(Malformed::Form);
        }
        codec::decode(bytes)
    }
}

#[cfg(test)]
mod tests;
