//! What travels between towns about what one holds of the other, as CBOR (`/jichi/standing/1`).

use jichi_protocol::{
    channel::delivery::Delivery, envelope::Acked, log::checkpoint::SignedCheckpoint,
};
use minicbor::{Decode, Encode, bytes::ByteVec};

/// What a town asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum StandingRequest {
    /// For the newest that the asked town holds of the asking one.
    #[n(0)]
    Newest,
    /// For the asking town's own messages that the asked one took, of one generation from this
    /// number on.
    #[n(1)]
    Taken(#[n(0)] Acked),
    /// For the asked town's messages to the asking one, likewise.
    #[n(2)]
    Sent(#[n(0)] Acked),
}

/// What a town answers.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum StandingReply {
    /// The newest; what there is nothing of is left out.
    #[n(0)]
    Newest {
        /// The checkpoint of the newest log of the asking town that was cosigned last.
        #[n(0)]
        checkpoint: Option<SignedCheckpoint>,
        /// The asking town's last message.
        #[n(1)]
        last: Option<ByteVec>,
    },
    /// Envelopes in order, as many as fit; none behind the last.
    #[n(1)]
    Taken(#[n(0)] Vec<ByteVec>),
    /// Deliveries in order, likewise.
    #[n(2)]
    Sent(#[n(0)] Vec<Delivery>),
}
