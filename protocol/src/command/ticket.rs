//! What is asked about printed tickets.

use alloc::vec::Vec;
use minicbor::{Decode, Encode};

use super::Actor;
use crate::{
    date::Time,
    id::{AccountId, DeskId, MerchantId, TerminalId, TicketNumber, TownId},
    key::ClientKey,
    points::Points,
    signature::Signature,
    ticket::{SignedTicket, VoidCause},
};

/// Numbered paper of a desk, from a number to a number.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct TicketRange {
    /// The desk; 0 for what holders print at home.
    #[n(0)]
    pub desk: DeskId,
    /// The first number.
    #[n(1)]
    pub first: TicketNumber,
    /// The last one.
    #[n(2)]
    pub last: TicketNumber,
}

/// Tickets to be issued at a desk, a unit for each.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct TicketOrder {
    /// The desk; 0 for what holders print at home.
    #[n(0)]
    pub desk: DeskId,
    /// What each is worth, in the order of the paper.
    #[n(1)]
    pub units: Vec<Points>,
    /// The number on the paper that is next in the printer, where the clerk read it.
    #[n(2)]
    pub paper: Option<TicketNumber>,
}

/// For whom tickets are issued.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct TicketHolder {
    /// Whose points.
    #[n(0)]
    pub account: AccountId,
    /// Who asked.
    #[n(1)]
    pub actor: Actor,
}

/// A terminal's scan of a ticket. Signed under `Domain::TicketScan`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct TicketScan {
    /// The node it is meant for.
    #[n(0)]
    pub town: TownId,
    /// The operation key.
    #[n(1)]
    pub key: ClientKey,
    /// The shop.
    #[n(2)]
    pub merchant: MerchantId,
    /// The terminal that signs.
    #[n(3)]
    pub terminal: TerminalId,
    /// What the QR code held.
    #[n(4)]
    pub ticket: SignedTicket,
    /// The node's time, as the terminal has it.
    #[n(5)]
    pub at: Time,
}

/// A scan with the terminal's signature.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SignedTicketScan {
    /// The scan.
    #[n(0)]
    pub intent: TicketScan,
    /// The terminal's signature.
    #[n(1)]
    pub signature: Signature,
}

/// A bundle that a shop hands in at the office, with what its cover sheet says.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct TicketBundle {
    /// The shop.
    #[n(0)]
    pub merchant: MerchantId,
    /// How many tickets, by the cover sheet.
    #[n(1)]
    pub count: u32,
    /// How many points, by the cover sheet.
    #[n(2)]
    pub points: Points,
    /// The tickets as they lie in the bundle; a number twice is a double.
    #[n(3)]
    pub tickets: Vec<TicketNumber>,
}

/// An officer's decision about a double.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct TicketDecision {
    /// Which ticket.
    #[n(0)]
    pub ticket: TicketNumber,
    /// Which of its doubles, from 0.
    #[n(1)]
    pub nth: u32,
    /// What is decided.
    #[n(2)]
    pub verdict: DoubleVerdict,
}

/// What is decided about a double.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum DoubleVerdict {
    /// The shop took it in good faith and is paid; the town bears the loss.
    #[n(0)]
    Pay,
    /// The shop is not paid.
    #[n(1)]
    Refuse,
}

/// Tickets whose points go back to their holders.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct TicketVoid {
    /// Which.
    #[n(0)]
    pub tickets: Vec<TicketNumber>,
    /// Why.
    #[n(1)]
    pub cause: VoidCause,
}
