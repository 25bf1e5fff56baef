//! Library cards: what a holder's base town and the body of a library say to each other about a
//! card, and what each keeps of it. The card's number is never in it: it travels beside the signed
//! envelope, and is checked against a commitment in it.

use alloc::string::String;
use core::fmt;
use minicbor::{Decode, Encode};

use crate::{
    codec,
    date::BusinessDate,
    digest::Digest,
    envelope::{Envelope, Purpose},
    id::{AccountId, Handle, LibraryLinkId, TownId},
};

/// The longest number of a card, in characters.
pub const CARD_NUMBER_MAX: usize = 32;

/// The number of a library's card: 3 to [`CARD_NUMBER_MAX`] letters, digits and signs of ASCII
/// without blanks and without `|`, which ends a field of SIP2.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LibraryCardNumber(String);

/// Text that is no number of a library's card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a card's number has 3 to 32 letters, digits or signs, no blanks")]
pub struct NotACardNumber;

impl LibraryCardNumber {
    /// The number as somebody typed or a reader read it; blanks are left out, full-width
    /// characters taken as what they stand for.
    ///
    /// # Errors
    /// [`NotACardNumber`].
    pub fn read(typed: &str) -> Result<Self, NotACardNumber> {
        let plain = crate::text::code_input(typed);
        Self::of(plain.chars().filter(|c| !c.is_whitespace()).collect())
    }

    fn of(text: String) -> Result<Self, NotACardNumber> {
        let sound = (3..=CARD_NUMBER_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_graphic() && b != b'|');
        if sound { Ok(Self(text)) } else { Err(NotACardNumber) }
    }

    /// The number, for the library's system and its staff.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }
}

/// No number in a log.
impl fmt::Debug for LibraryCardNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LibraryCardNumber(..)")
    }
}

impl<C> Encode<C> for LibraryCardNumber {
    fn encode<W: minicbor::encode::Write>(
        &self,
        encoder: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        encoder.str(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for LibraryCardNumber {
    fn decode(
        decoder: &mut minicbor::Decoder<'b>,
        _: &mut C,
    ) -> Result<Self, minicbor::decode::Error> {
        let text = decoder.str()?;
        Self::of(text.into()).map_err(|_| minicbor::decode::Error::message("card number"))
    }
}

/// 16 random bytes that keep a card's number from being guessed by its commitment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CardSalt(pub [u8; 16]);

codec::cbor_bytes!(CardSalt, 16);

/// A card's number with its salt: what travels beside an envelope and lies in the vaults.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct Enclosure {
    /// The salt.
    #[n(0)]
    pub salt: CardSalt,
    /// The number.
    #[n(1)]
    pub number: LibraryCardNumber,
}

/// No number in a log.
impl fmt::Debug for Enclosure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Enclosure(..)")
    }
}

impl Enclosure {
    /// What the journal and the envelope have in the place of the number.
    #[must_use]
    pub fn commitment(&self) -> Digest {
        let (salt, number) = (&self.salt.0, self.number.0.as_bytes());
        Digest::of(&[b"jichi/library-card/v1", &[0], salt, number])
    }
}

/// A message about a library's card; the body of an envelope for [`Purpose::Library`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum LibraryMessage {
    /// The base town: a holder linked a card of yours.
    #[n(0)]
    Link(#[n(0)] LinkBody),
    /// The institution: the only answer to a link, ever.
    #[n(1)]
    Answer(#[n(0)] LinkAnswerBody),
    /// The base town: the link ends; erase the number.
    #[n(2)]
    Unlink(#[n(0)] UnlinkBody),
    /// The institution: the link ended here; erase the number.
    #[n(3)]
    Ended(#[n(0)] EndedBody),
    /// Either: the number is erased here.
    #[n(4)]
    Erased(#[n(0)] ErasedBody),
}

impl LibraryMessage {
    /// What an envelope says about a card; none if it is for something else, or of a form that
    /// only a later version reads.
    #[must_use]
    pub fn of(envelope: &Envelope) -> Option<Self> {
        match envelope.header().purpose {
            Purpose::Library => codec::decode(envelope.body()).ok(),
            Purpose::Money | Purpose::Agreement | Purpose::Control => None,
        }
    }

    /// The link that it is about.
    #[must_use]
    pub const fn link(&self) -> LibraryLinkId {
        match self {
            Self::Link(body) => body.link,
            Self::Answer(body) => body.link,
            Self::Unlink(body) => body.link,
            Self::Ended(body) => body.link,
            Self::Erased(body) => body.link,
        }
    }
}

/// A holder linked a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct LinkBody {
    /// The link.
    #[n(0)]
    pub link: LibraryLinkId,
    /// What the institution calls the holder: by it the counter finds the card. One for each link.
    #[n(1)]
    pub handle: Handle,
    /// The commitment to the card's number, [`Enclosure::commitment`].
    #[n(2)]
    pub card: Digest,
    /// Who asked.
    #[n(3)]
    pub by: LinkedBy,
    /// The day on which the holder agreed that the number lies in both towns.
    #[n(4)]
    pub consent: BusinessDate,
}

/// Who asked for a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum LinkedBy {
    /// The holder.
    #[n(0)]
    Holder,
    /// The base town's staff, who saw holder and card: only so does a card change its holder.
    #[n(1)]
    Staff,
}

/// An answer to a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct LinkAnswerBody {
    /// The link.
    #[n(0)]
    pub link: LibraryLinkId,
    /// What was decided.
    #[n(1)]
    pub answer: LinkAnswer,
}

/// What the institution decided about a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum LinkAnswer {
    /// The card is good, and linked from this day of the institution's on.
    #[n(0)]
    Linked(#[n(0)] BusinessDate),
    /// It is not linked, and never will be by this link.
    #[n(1)]
    Refused(#[n(0)] LinkRefusal),
}

/// Why a card was not linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum LinkRefusal {
    /// The library knows no such card.
    #[n(0)]
    UnknownCard,
    /// The library knows the card, and it cannot be used: expired, lost or given up.
    #[n(1)]
    NotValid,
    /// The card is linked to another holder; only staff change that.
    #[n(2)]
    Taken,
    /// No number came with the link, or another one than its commitment names.
    #[n(3)]
    NoNumber,
    /// The body has no library that takes linked cards.
    #[n(4)]
    NoLibrary,
}

/// The end of a link, by the base town.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct UnlinkBody {
    /// The link.
    #[n(0)]
    pub link: LibraryLinkId,
}

/// The end of a link, by the institution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct EndedBody {
    /// The link.
    #[n(0)]
    pub link: LibraryLinkId,
    /// Why.
    #[n(1)]
    pub reason: EndReason,
}

/// Why an institution ends a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum EndReason {
    /// Staff linked the card to another holder.
    #[n(0)]
    Relinked,
    /// The library took the card back.
    #[n(1)]
    CardGone,
}

/// A number is erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct ErasedBody {
    /// The link.
    #[n(0)]
    pub link: LibraryLinkId,
    /// Where.
    #[n(1)]
    pub side: LibrarySide,
}

/// Which of the two ends of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum LibrarySide {
    /// The holder's base town.
    #[n(0)]
    BaseTown,
    /// The body whose library it is.
    #[n(1)]
    Institution,
}

/// A link as the holder's base town keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct HolderLink {
    /// Whose.
    #[n(0)]
    pub account: AccountId,
    /// Whose library.
    #[n(1)]
    pub institution: TownId,
    /// What was said to the institution.
    #[n(2)]
    pub body: LinkBody,
    /// How it stands.
    #[n(3)]
    pub stage: HolderStage,
}

/// How a link stands in the base town.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum HolderStage {
    /// The institution has not answered.
    #[n(0)]
    Asked,
    /// The card is linked, since this day.
    #[n(1)]
    Linked(#[n(0)] BusinessDate),
    /// The institution refused.
    #[n(2)]
    Refused(#[n(0)] LinkRefusal),
    /// It ends by the holder's word; the institution has not confirmed the erasure.
    #[n(3)]
    Unlinking,
    /// It ends by the institution's word; the number is still to be erased here.
    #[n(4)]
    Ending(#[n(0)] EndReason),
    /// It has ended, and the number is erased on both sides.
    #[n(5)]
    Erased,
}

impl HolderStage {
    /// Whether the link is, or may become, good.
    #[must_use]
    pub const fn lives(&self) -> bool {
        match self {
            Self::Asked | Self::Linked(_) => true,
            Self::Refused(_) | Self::Unlinking | Self::Ending(_) | Self::Erased => false,
        }
    }
}

/// A link as the institution keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct CardLink {
    /// The holder's base town.
    #[n(0)]
    pub town: TownId,
    /// The link.
    #[n(1)]
    pub link: LibraryLinkId,
    /// How it stands.
    #[n(2)]
    pub stage: CardStage,
}

/// How a link stands at the institution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum CardStage {
    /// It came, and the library's system was not asked yet.
    #[n(0)]
    Asked(#[n(0)] LinkBody),
    /// The card is linked.
    #[n(1)]
    Linked(#[n(0)] LinkBody),
    /// It was refused.
    #[n(2)]
    Refused(#[n(0)] LinkRefusal),
    /// It ended by the institution's word; the base town has not confirmed the erasure.
    #[n(3)]
    Ending,
    /// The base town ended it; the number is still to be erased here.
    #[n(4)]
    Erasing,
    /// It has ended, also before it came.
    #[n(5)]
    Erased,
}

impl CardStage {
    /// Whether the link is, or may become, good.
    #[must_use]
    pub const fn lives(&self) -> bool {
        match self {
            Self::Asked(_) | Self::Linked(_) => true,
            Self::Refused(_) | Self::Ending | Self::Erasing | Self::Erased => false,
        }
    }
}

#[cfg(test)]
mod tests;
