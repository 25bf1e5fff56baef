//! Roaming: a shop takes points of a holder whose base town is another one (federation, Roaming).

use alloc::vec::Vec;
use minicbor::{Decode, Encode};

use crate::{
    date::BusinessDate,
    digest::Digest,
    id::{AccountId, ChannelNumber, Handle, MerchantId, TownId, TransferId},
    lot::Lot,
    points::Points,
    transfer::RefuseReason,
};

/// A shop's town asks the base town of a holder for points. The transfer that answers it has the
/// request's id.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RequestBody {
    /// The request: the key that the terminal made, a UUID of version 7.
    #[n(0)]
    pub request: TransferId,
    /// Whose points, as the base town told the asking one.
    #[n(1)]
    pub holder: Handle,
    /// The shop.
    #[n(2)]
    pub merchant: MerchantId,
    /// How many points.
    #[n(3)]
    pub points: Points,
    /// SHA-256 of the proof that the base town gave when the holder signed in at the terminal.
    #[n(4)]
    pub proof: Digest,
}

/// The base town does not pay, and never will for this request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct DeclineBody {
    /// Which request.
    #[n(0)]
    pub request: TransferId,
    /// Why.
    #[n(1)]
    pub reason: DeclineReason,
}

/// Why a base town declines a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum DeclineReason {
    /// The proof is not one that the base town gave for this shop's town, or it is too old.
    #[n(0)]
    NotProved,
    /// The handle names no account.
    #[n(1)]
    UnknownHolder,
    /// The account is frozen, closed or a deceased person's.
    #[n(2)]
    NotOpen,
    /// Above what the base town allows for a payment or a day.
    #[n(3)]
    OverLimit,
    /// The account holds too few points.
    #[n(4)]
    ShortOfPoints,
    /// Too few of the points may move by the agreement.
    #[n(5)]
    NotMovable,
    /// The base town would owe more than agreed.
    #[n(6)]
    Cap,
    /// No agreement of the two towns is in force.
    #[n(7)]
    NoAgreement,
    /// The agreement is for other shops.
    #[n(8)]
    ShopNotAgreed,
    /// The request is not of a form or an age that can be decided.
    #[n(9)]
    Unreadable,
}

/// A shop gives back what it took. It names the original and points only; the base town has the
/// lots (federation, Roaming).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct RefundBody {
    /// The transfer that gives back.
    #[n(0)]
    pub refund: TransferId,
    /// The transfer that paid.
    #[n(1)]
    pub original: TransferId,
    /// The hash of the envelope by which the shop's town accepted it.
    #[n(2)]
    pub accept: Digest,
    /// How many points.
    #[n(3)]
    pub points: Points,
}

/// A request that a shop of this town made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Asking {
    /// The shop.
    #[n(0)]
    pub merchant: MerchantId,
    /// How it stands.
    #[n(1)]
    pub state: AskState,
}

/// What a shop asked for, and of whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Ask {
    /// The base town.
    #[n(0)]
    pub town: TownId,
    /// How many points.
    #[n(1)]
    pub points: Points,
    /// The number of the message that asked; 0 where a fence listed it.
    #[n(2)]
    pub number: ChannelNumber,
}

/// How a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum AskState {
    /// Not answered yet.
    #[n(0)]
    Waiting(#[n(0)] Ask),
    /// The shop has the points.
    #[n(1)]
    Taken(#[n(0)] Ask),
    /// The base town does not pay.
    #[n(2)]
    Declined(#[n(0)] Ask, #[n(1)] DeclineReason),
    /// The base town offered, and this town could not take it.
    #[n(3)]
    Refused(#[n(0)] Ask, #[n(1)] RefuseReason),
    /// The shop took it back, perhaps before it was made.
    #[n(4)]
    Cancelled,
}

/// A request of another town's.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Asked {
    /// Not answered yet.
    #[n(0)]
    Waiting {
        /// Who asks.
        #[n(0)]
        town: TownId,
        /// Whose points.
        #[n(1)]
        account: AccountId,
        /// What was asked.
        #[n(2)]
        body: RequestBody,
    },
    /// Offered or declined.
    #[n(1)]
    Answered(#[n(0)] TownId),
    /// Taken back, perhaps before it came.
    #[n(2)]
    Cancelled(#[n(0)] TownId),
}

/// What a holder of this town paid at a shop of another town, as long as it can be given back.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct PaidAway {
    /// The shop's town.
    #[n(0)]
    pub town: TownId,
    /// Who paid.
    #[n(1)]
    pub account: AccountId,
    /// What was taken, in order.
    #[n(2)]
    pub lots: Vec<Lot>,
    /// How much of it came back.
    #[n(3)]
    pub refunded: Points,
    /// The hash of the envelope that accepted it.
    #[n(4)]
    pub accept: Digest,
    /// The day of acceptance, of the shop's town.
    #[n(5)]
    pub day: BusinessDate,
}

/// Where a holder went who moved house.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct MovedTo {
    /// The new town.
    #[n(0)]
    pub town: TownId,
    /// What the holder is called there.
    #[n(1)]
    pub handle: Handle,
}
