//! Deterministic CBOR: one encoding a value, and nothing else is read (RFC 8949 section 4.2.1).

use alloc::vec::Vec;
use minicbor::{Decode, Encode};

/// Bytes that are not the one encoding of a value of the wanted type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Not CBOR of this shape, or a value outside its type's bounds.
    #[error("not a value of this form")]
    Form,
    /// Readable, but not in the one allowed encoding.
    #[error("not in the one allowed encoding")]
    NotCanonical,
}

/// The canonical bytes of a value.
pub fn encode<T: Encode<()>>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_into(value, &mut bytes);
    bytes
}

/// Appends the canonical bytes of a value.
pub fn encode_into<T: Encode<()>>(value: &T, bytes: &mut Vec<u8>) {
    let mut encoder = minicbor::Encoder::new(bytes);
    let Ok(_) = encoder.encode(value) else {
        unreachable!("a Vec takes every byte, and no encoder of this crate fails by itself")
    };
}

/// Reads a value, and refuses every other encoding of it: what follows it, a longer integer, an
/// indefinite length, a field too many.
///
/// # Errors
/// [`Malformed`], with nothing read.
pub fn decode<'b, T: Decode<'b, ()> + Encode<()>>(bytes: &'b [u8]) -> Result<T, Malformed> {
    let mut decoder = minicbor::Decoder::new(bytes);
    let value: T = decoder.decode().map_err(|_| Malformed::Form)?;
    if encode(&value) == bytes { Ok(value) } else { Err(Malformed::NotCanonical) }
}

/// Implements CBOR for a newtype over a fixed number of bytes.
macro_rules! cbor_bytes {
    ($name:ident, $n:literal) => {
        impl<C> minicbor::Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                e: &mut minicbor::Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                e.bytes(&self.0)?.ok()
            }
        }
        impl<'b, C> minicbor::Decode<'b, C> for $name {
            fn decode(
                d: &mut minicbor::Decoder<'b>,
                _: &mut C,
            ) -> Result<Self, minicbor::decode::Error> {
                let bytes = d.bytes()?;
                <[u8; $n]>::try_from(bytes)
                    .map(Self)
                    .map_err(|_| minicbor::decode::Error::message("wrong length"))
            }
        }
    };
}
pub(crate) use cbor_bytes;

/// Implements CBOR for a type that has a text form, by that text.
macro_rules! cbor_text {
    ($name:ident) => {
        impl<C> minicbor::Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                e: &mut minicbor::Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                e.str(self.as_str())?.ok()
            }
        }
        impl<'b, C> minicbor::Decode<'b, C> for $name {
            fn decode(
                d: &mut minicbor::Decoder<'b>,
                _: &mut C,
            ) -> Result<Self, minicbor::decode::Error> {
                d.str()?.parse().map_err(|_| minicbor::decode::Error::message("malformed text"))
            }
        }
    };
}
pub(crate) use cbor_text;
