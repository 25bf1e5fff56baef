//! Envelopes: the frozen outer form (v1) in which towns talk. The body is opaque here.

use alloc::vec::Vec;
use minicbor::{Decode, Encode};

use crate::{
    codec::{self, Malformed},
    digest::Digest,
    id::{ChannelNumber, Generation, TownId},
    signature::{BadSignature, Domain, PublicKey, Signature, SigningKey},
};

/// The largest envelope, signature and body included.
pub const ENVELOPE_BYTES_MAX: usize = 64 * 1024;

/// The version of the outer form.
const FORM: u16 = 1;

/// What a body is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Purpose {
    /// Points that move.
    #[n(0)]
    Money,
    /// Agreements between the two towns.
    #[n(1)]
    Agreement,
    /// Library cards.
    #[n(2)]
    Library,
    /// The channel itself: keys, periods.
    #[n(3)]
    Control,
}

/// What a sender has heard of the other side: every message up to a number of a generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Acked {
    /// The other side's generation.
    #[n(0)]
    pub generation: Generation,
    /// The last number without a gap; 0 for none.
    #[n(1)]
    pub number: ChannelNumber,
}

/// The signed part of an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Header {
    #[n(0)]
    version: u16,
    /// What the body is for.
    #[n(1)]
    pub purpose: Purpose,
    /// Who sends it.
    #[n(2)]
    pub sender: TownId,
    /// For whom it is.
    #[n(3)]
    pub recipient: TownId,
    /// The sender's generation.
    #[n(4)]
    pub generation: Generation,
    /// Its place in this direction of the channel, from 1.
    #[n(5)]
    pub number: ChannelNumber,
    /// The hash of the sender's envelope before it; zero for the first.
    #[n(6)]
    pub previous: Digest,
    /// What the sender has heard.
    #[n(7)]
    pub acked: Acked,
    /// SHA-256 of the body.
    #[n(8)]
    pub body: Digest,
}

/// A message that is not signed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsigned {
    header: Header,
    body: Vec<u8>,
}

/// Where a message stands in its channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Who sends it.
    pub sender: TownId,
    /// For whom it is.
    pub recipient: TownId,
    /// The sender's generation.
    pub generation: Generation,
    /// Its number.
    pub number: ChannelNumber,
    /// The hash of the envelope before it.
    pub previous: Digest,
    /// What the sender has heard.
    pub acked: Acked,
}

impl Unsigned {
    /// A message at its place.
    #[must_use]
    pub fn new(route: Route, purpose: Purpose, body: Vec<u8>) -> Self {
        let header = Header {
            version: FORM,
            purpose,
            sender: route.sender,
            recipient: route.recipient,
            generation: route.generation,
            number: route.number,
            previous: route.previous,
            acked: route.acked,
            body: Digest::of(&[&body]),
        };
        Self { header, body }
    }

    /// For whom it is.
    #[must_use]
    pub const fn recipient(&self) -> TownId {
        self.header.recipient
    }

    /// How many bytes the envelope will have.
    #[must_use]
    pub fn size(&self) -> usize {
        let body = self.body.len();
        // The header, a signature of 64 bytes, and the heads of three items.
        codec::encode(&self.header).len().saturating_add(body).saturating_add(80)
    }

    /// Signs it. Deterministic: the same message, the same bytes.
    #[must_use]
    pub fn sign(self, key: &SigningKey) -> Envelope {
        let signature = key.sign(Domain::Envelope, &codec::encode(&self.header));
        Envelope { header: self.header, body: self.body, signature }
    }
}

/// A signed message. Its bytes are the same at every transmission.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Envelope {
    #[n(0)]
    header: Header,
    #[cbor(n(1), with = "minicbor::bytes")]
    body: Vec<u8>,
    #[n(2)]
    signature: Signature,
}

impl Envelope {
    /// The canonical bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads an envelope. Its signature is not checked yet.
    ///
    /// # Errors
    /// [`Malformed`] for what is too large, not canonical, of another version, addressed to its
    /// sender, without a number, or whose body is not the one the header names.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.len() > ENVELOPE_BYTES_MAX {
            return Err(Malformed::Form);
        }
        let envelope: Self = codec::decode(bytes)?;
        let header = &envelope.header;
        let sound = header.version == FORM
            && header.sender != header.recipient
            && header.number > ChannelNumber(0)
            && (header.number == ChannelNumber(1)) == (header.previous == Digest::default())
            && Digest::of(&[&envelope.body]) == header.body;
        if sound { Ok(envelope) } else { Err(Malformed::Form) }
    }

    /// Checks the signature under the sender's key.
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn verify(&self, key: PublicKey) -> Result<(), BadSignature> {
        key.verify(Domain::Envelope, &codec::encode(&self.header), &self.signature)
    }

    /// The signed part.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The sender's signature, to be shown as evidence.
    #[must_use]
    pub const fn signature(&self) -> Signature {
        self.signature
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// SHA-256 of the whole, signature and all: what the next one names.
    #[must_use]
    pub fn hash(&self) -> Digest {
        Digest::of(&[&self.encode()])
    }

    /// Whether it is this message, whoever signed it.
    #[must_use]
    pub fn says(&self, message: &Unsigned) -> bool {
        self.header == message.header && self.body == message.body
    }
}

#[cfg(test)]
mod tests;
