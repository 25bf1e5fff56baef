//! Payments between towns, moving house, and what two towns owe each other.

use minicbor::{Decode, Encode};

use super::Actor;
use crate::{
    date::Month,
    id::{AccountId, Handle, TownId, TransferId},
    intent::{RoamingCancelIntent, RoamingIntent},
    signature::Signature,
    terms::Method,
};

/// A wish to take points of another town's holder, signed by the terminal.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SignedRoaming {
    /// What the terminal signed.
    #[n(0)]
    pub intent: RoamingIntent,
    /// Its signature.
    #[n(1)]
    pub signature: Signature,
}

/// Such a wish is taken back, signed by the terminal.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SignedRoamingCancel {
    /// What the terminal signed.
    #[n(0)]
    pub intent: RoamingCancelIntent,
    /// Its signature.
    #[n(1)]
    pub signature: Signature,
}

/// A request of another town's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct RequestNamed {
    /// Which.
    #[n(0)]
    pub request: TransferId,
}

/// Whether the holder was seen, as the node asserts it: the proof that the request names is the
/// node's own.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RequestProof {
    /// Whose points.
    #[n(0)]
    pub account: AccountId,
    /// How the holder was seen; none if the proof is not the node's.
    #[n(1)]
    pub method: Option<Method>,
}

/// What others may see of a holder's moving house.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct MoveShared {
    /// The transfer of all that the account holds.
    #[n(0)]
    pub transfer: TransferId,
    /// The new town.
    #[n(1)]
    pub town: TownId,
}

/// Who moves house.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct MovePrivate {
    /// Whose account.
    #[n(0)]
    pub account: AccountId,
    /// What the holder is called there.
    #[n(1)]
    pub recipient: Handle,
    /// Who asked.
    #[n(2)]
    pub actor: Actor,
}

/// An account whose holder moved house, and to which something came since.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Forwarding {
    /// Whose account.
    #[n(0)]
    pub account: AccountId,
}

/// A month's account with another town.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct PeriodNamed {
    /// Which town.
    #[n(0)]
    pub town: TownId,
    /// Which month.
    #[n(1)]
    pub month: Month,
}
