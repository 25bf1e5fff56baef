//! A member of the directory: its names, keys, addresses and the protocol versions it speaks.

use alloc::{string::String, vec::Vec};
use core::{fmt, ops::Deref, str::FromStr};
use minicbor::{Decode, Encode};

use super::Party;
use crate::{
    digest::Hex,
    id::{Generation, TownId},
    label::Label,
    signature::PublicKey,
};

/// Most bytes of a transport id.
pub const PEER_ID_BYTES_MAX: usize = 64;
/// Most characters of an address.
pub const ADDRESS_CHARS_MAX: usize = 128;
/// Most addresses of a member.
pub const ADDRESSES_MAX: usize = 8;
/// Most witnesses of a member.
pub const WITNESSES_MAX: usize = 16;
/// Most revoked keys of a member.
pub const REVOKED_MAX: usize = 8;
/// Most protocol versions of a member.
pub const VERSIONS_MAX: usize = 8;

/// A part of a member that is outside its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAMemberPart {
    /// A transport id that is empty or too long.
    #[error("a peer id has 1 to 64 bytes")]
    PeerId,
    /// An address that is empty, too long, or not printable ASCII that begins with a slash.
    #[error("an address is a multiaddr of 2 to 128 ASCII characters, such as /ip4/10.0.0.1/tcp/1")]
    Address,
    /// A list with too many or equal values.
    #[error("at most 8 addresses and 8 versions, none of them twice")]
    List,
}

/// A member of the federation. Everything in it is public.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Member {
    /// Who.
    #[n(0)]
    pub who: Party,
    /// The name in Japanese.
    #[n(1)]
    pub name_ja: Label,
    /// The name in English.
    #[n(2)]
    pub name_en: Label,
    /// Signs the checkpoints of the log `<town>/log/<generation>`.
    #[n(3)]
    pub log_key: PublicKey,
    /// The generation of its log and channels.
    #[n(4)]
    pub generation: Generation,
    /// Signs its envelopes.
    #[n(5)]
    pub channel_key: PublicKey,
    /// Who it is on a connection.
    #[n(6)]
    pub transport: PeerId,
    /// Where to reach it, best first.
    #[n(7)]
    pub addresses: Few<Address, ADDRESSES_MAX>,
    /// The protocol versions that it speaks.
    #[n(8)]
    pub versions: Few<u16, VERSIONS_MAX>,
    /// Signs as `<town>/witness` that a checkpoint continues what it saw; none if it is no witness.
    #[n(9)]
    pub witness_key: Option<PublicKey>,
    /// Who cosigns its checkpoints; none for the rule of [`super::Directory::witnesses_of`].
    #[n(10)]
    pub witnesses: Option<Few<TownId, WITNESSES_MAX>>,
    /// Channel keys that were stolen or lost: nothing new counts that they sign.
    #[n(11)]
    pub revoked: Option<Few<PublicKey, REVOKED_MAX>>,
}

impl Member {
    /// Whether the directory says that this channel key was stolen or lost.
    #[must_use]
    pub fn has_revoked(&self, key: &PublicKey) -> bool {
        self.revoked.as_ref().is_some_and(|revoked| revoked.contains(key))
    }
}

/// The bytes of a libp2p peer id, 1 to [`PEER_ID_BYTES_MAX`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(Vec<u8>);

impl PeerId {
    /// The id of these bytes. What they mean is libp2p's; here they are only compared.
    ///
    /// # Errors
    /// [`NotAMemberPart::PeerId`].
    pub fn new(bytes: &[u8]) -> Result<Self, NotAMemberPart> {
        if (1..=PEER_ID_BYTES_MAX).contains(&bytes.len()) {
            Ok(Self(bytes.into()))
        } else {
            Err(NotAMemberPart::PeerId)
        }
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Hex(&self.0), f)
    }
}

impl<C> Encode<C> for PeerId {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.bytes(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for PeerId {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Self::new(d.bytes()?).map_err(|_| minicbor::decode::Error::message("no peer id"))
    }
}

/// Where a member listens, as a multiaddr's text. The transport parses it, and skips what it
/// cannot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(String);

impl Address {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Address {
    type Err = NotAMemberPart;

    fn from_str(text: &str) -> Result<Self, NotAMemberPart> {
        let fits = (2..=ADDRESS_CHARS_MAX).contains(&text.len())
            && text.starts_with('/')
            && text.bytes().all(|b| b.is_ascii_graphic());
        if fits { Ok(Self(text.into())) } else { Err(NotAMemberPart::Address) }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

crate::codec::cbor_text!(Address);

/// At most `MAX` values, none of them twice, in their author's order.
#[derive(Clone, PartialEq, Eq)]
pub struct Few<T, const MAX: usize>(Vec<T>);

impl<T: PartialEq, const MAX: usize> Few<T, MAX> {
    /// A list of these values.
    ///
    /// # Errors
    /// [`NotAMemberPart::List`].
    pub fn new(values: Vec<T>) -> Result<Self, NotAMemberPart> {
        let twice =
            values.iter().enumerate().any(|(at, value)| values.iter().take(at).any(|v| v == value));
        if values.len() > MAX || twice { Err(NotAMemberPart::List) } else { Ok(Self(values)) }
    }
}

impl<T, const MAX: usize> Deref for Few<T, MAX> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: fmt::Debug, const MAX: usize> fmt::Debug for Few<T, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<T: Encode<C>, const MAX: usize, C> Encode<C> for Few<T, MAX> {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        self.0.encode(e, ctx)
    }
}

impl<'b, T: Decode<'b, C> + PartialEq, const MAX: usize, C> Decode<'b, C> for Few<T, MAX> {
    fn decode(d: &mut minicbor::Decoder<'b>, ctx: &mut C) -> Result<Self, minicbor::decode::Error> {
        // The length is checked before anything is read: equal values are looked for pairwise.
        let length = d.probe().array()?;
        let fits = length.is_some_and(|n| usize::try_from(n).is_ok_and(|n| n <= MAX));
        if !fits {
            return Err(minicbor::decode::Error::message("too many values"));
        }
        Self::new(Vec::decode(d, ctx)?)
            .map_err(|_| minicbor::decode::Error::message("a value twice"))
    }
}
