//! What a ticket says of itself, signed by the town: the content of its QR code.
//!
//! Whoever has the town's public key can tell a genuine ticket without any network. Whether it was
//! used before only the town's node knows.

use alloc::{string::String, vec::Vec};
use core::str::FromStr;
use minicbor::{Decode, Encode};

use crate::{
    codec,
    date::BusinessDate,
    digest::Digest,
    id::{TicketNumber, TownId},
    points::Points,
    signature::{BadSignature, Domain, PublicKey, Signature, SigningKey},
};

/// What the town signs under `Domain::Ticket`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct TicketFace {
    /// The town.
    #[n(0)]
    pub town: TownId,
    /// The serial number.
    #[n(1)]
    pub number: TicketNumber,
    /// What it is worth.
    #[n(2)]
    pub points: Points,
    /// The last day of use at a shop.
    #[n(3)]
    pub last_day: BusinessDate,
}

/// A ticket's face with the town's signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct SignedTicket {
    /// What it says.
    #[n(0)]
    pub face: TicketFace,
    /// The town's signature.
    #[n(1)]
    pub signature: Signature,
}

/// Text that is no ticket's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not the code of a point ticket")]
pub struct NotATicket;

/// Before the code: what it is, and by which rules it is written.
const PREFIX: &str = "JT1:";
/// RFC 4648 section 6. With the prefix it stays within a QR code's alphanumeric mode, which makes
/// the code coarse, and a scanner that types as a keyboard types it alike with any layout.
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Letters of the code that is typed where nothing can scan.
const CHECK_LETTERS: usize = 6;

impl SignedTicket {
    /// Signs a face with the town's key. Deterministic: a reprint has the same code.
    #[must_use]
    pub fn sign(face: TicketFace, key: &SigningKey) -> Self {
        Self { face, signature: key.sign(Domain::Ticket, &codec::encode(&face)) }
    }

    /// Whether the town's key signed this face.
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn verify(&self, key: &PublicKey) -> Result<(), BadSignature> {
        key.verify(Domain::Ticket, &codec::encode(&self.face), &self.signature)
    }

    /// The content of the QR code: signature and face in base 32, behind `JT1:`.
    #[must_use]
    pub fn text(&self) -> String {
        let bytes = [&self.signature.0[..], &codec::encode(&self.face)].concat();
        let mut text = String::from(PREFIX);
        text.push_str(&base32(&bytes));
        text
    }

    /// The six letters under the number, by which a clerk's typing is checked where nothing scans.
    #[must_use]
    pub fn check(&self) -> String {
        let Digest(hash) = Digest::of(&[&self.signature.0]);
        base32(&hash).chars().take(CHECK_LETTERS).collect()
    }
}

impl FromStr for SignedTicket {
    type Err = NotATicket;

    /// Reads what a scanner read; small letters are taken for capitals.
    fn from_str(text: &str) -> Result<Self, NotATicket> {
        let text = text.trim();
        if text.len() > 512 {
            return Err(NotATicket);
        }
        let upper = text.to_ascii_uppercase();
        let bytes = upper.strip_prefix(PREFIX).and_then(from_base32).ok_or(NotATicket)?;
        let (signature, face) = bytes.split_at_checked(64).ok_or(NotATicket)?;
        let signature = Signature(signature.try_into().map_err(|_| NotATicket)?);
        let face = codec::decode(face).map_err(|_| NotATicket)?;
        Ok(Self { face, signature })
    }
}

fn base32(bytes: &[u8]) -> String {
    let (mut text, mut held, mut bits) = (String::new(), 0_u32, 0_u32);
    let letter = |value: u32| {
        let at = usize::try_from(value & 31).unwrap_or_default();
        char::from(ALPHABET.get(at).copied().unwrap_or_default())
    };
    for byte in bytes {
        held = held << 8 | u32::from(*byte);
        bits = bits.saturating_add(8);
        while bits >= 5 {
            bits = bits.saturating_sub(5);
            text.push(letter(held >> bits));
        }
    }
    if bits > 0 {
        text.push(letter(held << 5_u32.saturating_sub(bits)));
    }
    text
}

/// The one spelling of some bytes, or none.
fn from_base32(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut held, mut bits) = (Vec::new(), 0_u32, 0_u32);
    for letter in text.bytes() {
        let value = ALPHABET.iter().position(|known| *known == letter)?;
        held = held << 5 | u32::try_from(value).ok()?;
        bits = bits.saturating_add(5);
        if bits >= 8 {
            bits = bits.saturating_sub(8);
            let [.., byte] = (held >> bits).to_be_bytes();
            bytes.push(byte);
        }
    }
    (base32(&bytes) == text).then_some(bytes)
}
