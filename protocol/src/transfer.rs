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
        AccountId, ChannelNumber, ConversionId, EntryIndex, Generation, Handle, MerchantId,
        PaymentId, TownId, TransferId,
    },
    lot::Lot,
    points::Points,
    roaming::{DeclineBody, RefundBody, RequestBody},
    settlement::{PeriodAnswer, PeriodStatement},
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
    /// A shop of the sender's asks for points of a holder of the recipient's.
    #[n(3)]
    Request(#[n(0)] RequestBody),
    /// The only answer to a request, beside an offer.
    #[n(4)]
    Decline(#[n(0)] DeclineBody),
    /// A shop of the sender's gives points back that it took of a holder of the recipient's. It is
    /// answered as an offer is.
    #[n(5)]
    Refund(#[n(0)] RefundBody),
    /// What the sender took of the recipient in a month that is over.
    #[n(10)]
    PeriodEnd(#[n(0)] PeriodStatement),
    /// What the sender of this gave in that month, by its own books.
    #[n(11)]
    PeriodAnswer(#[n(0)] PeriodAnswer),
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
    pub recipient: Recipient,
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

/// For whom offered points are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Recipient {
    /// An account of the receiving town.
    #[n(0)]
    Account(#[n(0)] Handle),
    /// A shop of the receiving town, which asked by a [`Message::Request`] of the transfer's id.
    #[n(1)]
    Shop(#[n(0)] MerchantId),
    /// An account whose holder moved house: every origin may move.
    #[n(2)]
    Moved(#[n(0)] Handle),
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
    /// The shop took its request back before the offer came.
    #[n(7)]
    Cancelled,
    /// No shop of this town asked for these points, or not from this town.
    #[n(8)]
    NotAsked,
    /// More than what is left of the payment that is refunded.
    #[n(9)]
    OverRefunded,
    /// No such payment, or too long ago.
    #[n(10)]
    UnknownOriginal,
    /// The offering town began anew, and the offer had not come before.
    #[n(20)]
    Fenced,
    /// The receiving town closed without an answer; written by the offering town alone.
    #[n(21)]
    Closed,
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
    /// Whose points, and what for.
    #[n(1)]
    pub way: Way,
    /// How many.
    #[n(2)]
    pub points: Points,
    /// The entry of the offer.
    #[n(3)]
    pub offered: EntryIndex,
    /// The offer's place in the channel.
    #[n(4)]
    pub number: ChannelNumber,
    /// The hash of the offer's envelope.
    #[n(5)]
    pub offer: Digest,
    /// How far it is.
    #[n(6)]
    pub stage: OutgoingStage,
}

/// Whose points leave, and what for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Way {
    /// A holder's, for an account in the other town.
    #[n(0)]
    Given {
        /// Whose.
        #[n(0)]
        account: AccountId,
        /// The conversion they came of, where the holder chose another town for it.
        #[n(1)]
        conversion: Option<ConversionId>,
    },
    /// A holder's, for a shop of the other town.
    #[n(1)]
    Paid {
        /// Whose.
        #[n(0)]
        account: AccountId,
        /// The shop, as the other town calls it.
        #[n(1)]
        merchant: MerchantId,
    },
    /// All that a holder has who moved house.
    #[n(2)]
    Moved {
        /// Whose.
        #[n(0)]
        account: AccountId,
        /// What the holder is called there.
        #[n(1)]
        to: Handle,
    },
    /// What a shop here took of a holder of the other town, and gives back.
    #[n(3)]
    Refunded {
        /// The shop.
        #[n(0)]
        merchant: MerchantId,
        /// The payment.
        #[n(1)]
        payment: PaymentId,
    },
}

impl Outgoing {
    /// Whose points left; none if a shop gave them back.
    #[must_use]
    pub const fn account(&self) -> Option<AccountId> {
        match self.way {
            Way::Given { account, .. } | Way::Paid { account, .. } | Way::Moved { account, .. } => {
                Some(account)
            }
            Way::Refunded { .. } => None,
        }
    }
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
