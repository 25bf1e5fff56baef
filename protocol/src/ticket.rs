//! Printed point tickets (ポイント券): the town's rules, what is printed and signed, and how one
//! stands.

mod face;
mod rules;
mod stock;

use alloc::vec::Vec;
use minicbor::{Decode, Encode};

pub use face::{NotATicket, SignedTicket, TicketFace};
pub use rules::{Doubles, OnExpiry, RulesFrom, TicketRules, UsableShops};
pub use stock::{StockRange, TicketStock};

use crate::{
    date::{BusinessDate, Time},
    hashed::{Bucketed, bucketed_by_number},
    id::{
        AccountId, DeskId, EntryIndex, MerchantId, OfficerId, TerminalId, TicketNumber,
        TicketReceiptNumber,
    },
    lot::Lot,
    points::Points,
};

/// Tickets that one command issues, voids or hands in at most.
pub const TICKETS_MAX: usize = 100;

/// An issued ticket. It is kept for ever, so that a copy is found whenever it comes.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Ticket {
    /// Whose points are in it.
    #[n(0)]
    pub holder: AccountId,
    /// How many.
    #[n(1)]
    pub points: Points,
    /// The desk whose numbered paper it is.
    #[n(2)]
    pub desk: DeskId,
    /// The day of issue.
    #[n(3)]
    pub day: BusinessDate,
    /// The last day of use at a shop.
    #[n(4)]
    pub last_day: BusinessDate,
    /// The last day on which a shop hands it in at the office.
    #[n(5)]
    pub office_until: BusinessDate,
    /// The rules that were in force when it was issued.
    #[n(6)]
    pub rules: RulesFrom,
    /// The entry that issued it.
    #[n(7)]
    pub issued: EntryIndex,
    /// Whether it counts against the limit of what its holder spends by password.
    #[n(8)]
    pub limited: Limited,
    /// How it stands.
    #[n(9)]
    pub state: TicketState,
    /// Further attempts to use it, in order.
    #[n(10)]
    pub doubles: Vec<Double>,
}

/// Whether a ticket counts against its holder's limit of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Limited {
    /// An officer saw the holder.
    #[n(0)]
    No,
    /// The holder took it by password.
    #[n(1)]
    Yes,
}

/// How a ticket stands.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum TicketState {
    /// Not yet used.
    #[n(0)]
    Issued {
        /// The lots in it, in the order in which they were taken.
        #[n(0)]
        lots: Vec<Lot>,
    },
    /// A shop took it.
    #[n(1)]
    Redeemed(#[n(0)] HandIn),
    /// Its points went back.
    #[n(2)]
    Voided(#[n(0)] VoidCause),
    /// Behind its last day at the office.
    #[n(3)]
    Lapsed,
}

/// Why a ticket was voided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum VoidCause {
    /// The print was spoiled (印刷不良).
    #[n(0)]
    Spoiled,
    /// Its holder brought it back to the desk.
    #[n(1)]
    Returned,
}

/// A shop's use of a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct HandIn {
    /// Which shop.
    #[n(0)]
    pub merchant: MerchantId,
    /// When the entry was made.
    #[n(1)]
    pub at: Time,
    /// Which entry.
    #[n(2)]
    pub entry: EntryIndex,
    /// By which way.
    #[n(3)]
    pub way: Way,
}

/// How a ticket came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Way {
    /// Scanned at a shop's terminal.
    #[n(0)]
    Scan(#[n(0)] TerminalId),
    /// In a bundle at the office, under a numbered receipt.
    #[n(1)]
    Bundle(#[n(0)] TicketReceiptNumber),
}

/// A further attempt to use a ticket (二重).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Double {
    /// Who, when and how.
    #[n(0)]
    pub hand_in: HandIn,
    /// How it stands.
    #[n(1)]
    pub state: DoubleState,
}

/// How a double stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum DoubleState {
    /// It waits for an officer.
    #[n(0)]
    Disputed,
    /// The shop took it in good faith and is paid; the town bears the loss.
    #[n(1)]
    Paid(#[n(0)] OfficerId),
    /// The shop is not paid.
    #[n(2)]
    Refused(#[n(0)] OfficerId),
}

/// The numbered receipt of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct TicketReceipt {
    /// The shop that handed in.
    #[n(0)]
    pub merchant: MerchantId,
    /// The officer who took it.
    #[n(1)]
    pub officer: OfficerId,
    /// When.
    #[n(2)]
    pub at: Time,
    /// The entry.
    #[n(3)]
    pub entry: EntryIndex,
    /// What the shop is owed for it at once.
    #[n(4)]
    pub taken: Points,
    /// Each ticket in the order of the bundle, and what became of it.
    #[n(5)]
    pub lines: Vec<(TicketNumber, BundleLine)>,
}

/// What became of a ticket of a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum BundleLine {
    /// The shop is owed its points.
    #[n(0)]
    Taken,
    /// It was used before: an officer decides.
    #[n(1)]
    Disputed,
    /// Handed in too late.
    #[n(2)]
    TooLate,
    /// Its points went back to the holder.
    #[n(3)]
    Voided,
    /// This shop is none of those that may take it.
    #[n(4)]
    NotUsableHere,
}

bucketed_by_number!(TicketNumber, TicketReceiptNumber);

impl Bucketed for RulesFrom {
    fn place(&self) -> u128 {
        self.0.day_number().into()
    }
}

#[cfg(test)]
mod tests;
