//! Commands about library cards. The numbers of the cards lie in the vault alone.

use minicbor::{Decode, Encode};

use super::Actor;
use crate::{
    date::BusinessDate,
    digest::Digest,
    id::{AccountId, Handle, LibraryLinkId, TownId},
    library::{EndReason, LibrarySide, LinkRefusal},
};

/// A holder links a card of a library.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct LibraryLinking {
    /// Whose.
    #[n(0)]
    pub account: AccountId,
    /// Whose library; this town's own, too.
    #[n(1)]
    pub institution: TownId,
    /// What the link is called.
    #[n(2)]
    pub link: LibraryLinkId,
    /// What the institution calls the holder.
    #[n(3)]
    pub handle: Handle,
    /// The commitment to the card's number.
    #[n(4)]
    pub card: Digest,
    /// The day on which the holder agreed that the number lies in both towns.
    #[n(5)]
    pub consent: BusinessDate,
    /// Who asked: the holder, or an officer who saw holder and card.
    #[n(6)]
    pub actor: Actor,
}

/// A link ends, by its holder's word or as its account ended.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct LibraryUnlinking {
    /// Whose.
    #[n(0)]
    pub account: AccountId,
    /// Which link.
    #[n(1)]
    pub link: LibraryLinkId,
    /// Who asked: the node only behind the end of the account.
    #[n(2)]
    pub actor: Actor,
}

/// What this body's library says to a link that came.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct LibraryVerdict {
    /// The holder's base town.
    #[n(0)]
    pub town: TownId,
    /// The link.
    #[n(1)]
    pub link: LibraryLinkId,
    /// Why it is refused; none if the card is good.
    #[n(2)]
    pub refusal: Option<LinkRefusal>,
}

/// This body ends a link of its library.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct LibraryEnding {
    /// The holder's base town.
    #[n(0)]
    pub town: TownId,
    /// The link.
    #[n(1)]
    pub link: LibraryLinkId,
    /// Why.
    #[n(2)]
    pub reason: EndReason,
}

/// The vault's key of a number is destroyed on this side.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct LibraryErasure {
    /// Which end of the link this town is.
    #[n(0)]
    pub side: LibrarySide,
    /// The other end.
    #[n(1)]
    pub town: TownId,
    /// The link.
    #[n(2)]
    pub link: LibraryLinkId,
}
