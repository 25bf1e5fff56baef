//! Commands about a town that closes, or merges into another.

use minicbor::{Decode, Encode};

use crate::id::{TownId, TransferId};

/// The town closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Closing {
    /// The town that goes on with its residents and shops; none if nobody does.
    #[n(0)]
    pub successor: Option<TownId>,
}

/// A town that is told of the closing, in parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct ClosingTold {
    /// Which town.
    #[n(0)]
    pub town: TownId,
    /// Which part of the list, from 0.
    #[n(1)]
    pub part: u16,
}

/// An offer that a closed town never answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct OfferUnanswered {
    /// The transfer.
    #[n(0)]
    pub transfer: TransferId,
}
