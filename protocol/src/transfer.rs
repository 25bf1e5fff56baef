//! What two towns say to each other about a transfer, and what each keeps of it.

use alloc::vec::Vec;
use minicbor::{Decode, Encode};

use crate::{
    channel::fence::Listed,
    codec,
    date::BusinessDate,
    digest::Digest,
    envelope::{Acked, Envelope, Purpose},
    id::{
        AccountId, ChannelNumber, ConversionId, EntryIndex, Generation, Handle, TownId, TransferId,
    },
    lot::Lot,
    points::Points,
};

/// A message between towns about money; the body of an envelope.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Message {
    /// Points are on their way.
    #[n(0)]
    Offer(#[n(0)] OfferBody),
    /// The only answer to an offer, ever.
    #[n(1)]
    Answer(#[n(0)] AnswerBody),
    /// Asks to refuse an offer that was not answered yet.
    #[n(2)]
    Withdraw(#[n(0)] WithdrawBody),
    /// The sender begins anew from a backup, and asks what it sent and was sent.
    #[n(20)]
    TakeBack(#[n(0)] TakeBackBody),
    /// The answer: what there is of the asker's messages. The rest is void for ever.
    #[n(21)]
    Fence(#[n(0)] FenceBody),
}

impl Message {
    /// What an envelope says about money; none if it is for something else, or of a form that
    /// only a later version reads.
    #[must_use]
    pub fn of(envelope: &Envelope) -> Option<Self> {
        match envelope.header().purpose {
            Purpose::Money => codec::decode(envelope.body()).ok(),
            Purpose::Agreement | Purpose::Library | Purpose::Control => None,
        }
    }
}

/// The first message of a new generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct TakeBackBody {
    /// The last message that the sender's restored journal has of its own.
    #[n(0)]
    pub last: Acked,
}

/// What a town has of the messages of one that begins anew.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct FenceBody {
    /// The asker's new generation.
    #[n(0)]
    pub generation: Generation,
    /// What there is of its older ones.
    #[n(1)]
    pub lists: Vec<Listed>,
}

/// An offer of points.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct OfferBody {
    /// The transfer.
    #[n(0)]
    pub transfer: TransferId,
    /// For whom.
    #[n(1)]
    pub recipient: Handle,
    /// What moves, with the sender's terms. Not empty.
    #[n(2)]
    pub lots: Vec<Lot>,
    /// The number of the agreement that allows it.
    #[n(3)]
    pub agreement: u32,
    /// The day on which the points left; they were valid on it.
    #[n(4)]
    pub left: BusinessDate,
}

/// An answer to an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct AnswerBody {
    /// The transfer.
    #[n(0)]
    pub transfer: TransferId,
    /// The hash of the offer's envelope; none where the offer had not come.
    #[n(1)]
    pub offer: Option<Digest>,
    /// What was decided.
    #[n(2)]
    pub answer: Answer,
}

/// What the receiving town decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Answer {
    /// Taken, on this day of the receiver's.
    #[n(0)]
    Accept {
        /// The receiver's business date; settlement counts by it.
        #[n(0)]
        date: BusinessDate,
    },
    /// Not taken, and never will be.
    #[n(1)]
    Refuse {
        /// Why.
        #[n(0)]
        reason: RefuseReason,
    },
}

/// Why a town refuses an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum RefuseReason {
    /// It was withdrawn before it came.
    #[n(0)]
    Withdrawn,
    /// The handle names no account that may receive.
    #[n(1)]
    UnknownRecipient,
    /// No agreement of this number is in force.
    #[n(2)]
    NoAgreement,
    /// These points may not move by the agreement.
    #[n(3)]
    NotMovable,
    /// The sender would owe more than agreed.
    #[n(4)]
    Cap,
    /// The recipient's account would hold too many lots or points.
    #[n(5)]
    TooManyLots,
    /// The offer is not of a form that can be taken.
    #[n(6)]
    Unreadable,
    /// The offering town began anew, and the offer had not come before.
    #[n(20)]
    Fenced,
}

/// A wish to withdraw an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct WithdrawBody {
    /// The transfer.
    #[n(0)]
    pub transfer: TransferId,
    /// The number of the offer's envelope.
    #[n(1)]
    pub offer: ChannelNumber,
}

/// A transfer that left this town.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Outgoing {
    /// To which town.
    #[n(0)]
    pub town: TownId,
    /// Whose points.
    #[n(1)]
    pub account: AccountId,
    /// The conversion they came of, where the holder chose another town for it.
    #[n(2)]
    pub conversion: Option<ConversionId>,
    /// How many.
    #[n(3)]
    pub points: Points,
    /// The entry of the offer.
    #[n(4)]
    pub offered: EntryIndex,
    /// The offer's place in the channel.
    #[n(5)]
    pub number: ChannelNumber,
    /// The hash of the offer's envelope.
    #[n(6)]
    pub offer: Digest,
    /// How far it is.
    #[n(7)]
    pub stage: OutgoingStage,
}

/// How far an outgoing transfer is.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum OutgoingStage {
    /// On the way; these lots come back if it is refused.
    #[n(0)]
    Waiting {
        /// What left, with the terms it had.
        #[n(0)]
        lots: Vec<Lot>,
        /// Whether it was asked back.
        #[n(1)]
        withdraw: Option<EntryIndex>,
    },
    /// The other town took it.
    #[n(2)]
    Settled {
        /// The other town's date of taking.
        #[n(0)]
        date: BusinessDate,
        /// The entry that says so.
        #[n(1)]
        entry: EntryIndex,
    },
    /// The other town refused it, and the points came back.
    #[n(3)]
    Returned {
        /// Why.
        #[n(0)]
        reason: RefuseReason,
        /// The entry that says so.
        #[n(1)]
        entry: EntryIndex,
    },
}

/// A transfer that another town offered, or asked back before its offer came.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Incoming {
    /// From which town.
    #[n(0)]
    pub town: TownId,
    /// What was decided, once and for ever.
    #[n(1)]
    pub answer: AnswerBody,
    /// The answer's place in the channel.
    #[n(2)]
    pub number: ChannelNumber,
    /// The entry that decided it.
    #[n(3)]
    pub decided: EntryIndex,
}
