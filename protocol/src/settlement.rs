//! Settlement between towns: what one took of the other in a month, by equal statements that both
//! sign (federation, Net settlement).

use alloc::vec::Vec;
use minicbor::{Decode, Encode};

use crate::{
    date::Month,
    id::{ChannelNumber, TownId, TransferId},
    points::Points,
};

/// Most transfers that an answer lists where two statements differ.
pub const LISTED_MAX: usize = 256;

/// So many transfers of so many points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
pub struct Tally {
    /// How many transfers.
    #[n(0)]
    pub count: u32,
    /// How many points.
    #[n(1)]
    pub points: Points,
}

/// What a town took of another one in a month; a transfer belongs to the month of the day on which
/// it was accepted. The messages before this one have all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct PeriodStatement {
    /// Which month.
    #[n(0)]
    pub month: Month,
    /// How much.
    #[n(1)]
    pub taken: Tally,
}

/// The other town's own statement of the same.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct PeriodAnswer {
    /// What was stated.
    #[n(0)]
    pub stated: PeriodStatement,
    /// What this town's books say.
    #[n(1)]
    pub given: Tally,
    /// Where they differ: the transfers by this town's books, at most [`LISTED_MAX`].
    #[n(2)]
    pub listed: Vec<Item>,
}

/// A transfer of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Item {
    /// Which.
    #[n(0)]
    pub transfer: TransferId,
    /// How many points.
    #[n(1)]
    pub points: Points,
}

/// Whose statement of a period it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Flow {
    /// This town took: it states first, and the other town owes.
    #[n(0)]
    Taken,
    /// The other town took: it states first, and this town owes.
    #[n(1)]
    Given,
}

/// One direction of a month between this town and another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct PeriodKey {
    /// The other town.
    #[n(0)]
    pub town: TownId,
    /// The month.
    #[n(1)]
    pub month: Month,
    /// Which direction.
    #[n(2)]
    pub flow: Flow,
}

/// A transfer in a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct PeriodItem {
    /// Which period.
    #[n(0)]
    pub period: PeriodKey,
    /// Which transfer.
    #[n(1)]
    pub transfer: TransferId,
}

/// One direction of a month, as this town's books have it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Period {
    /// By this town's own books.
    #[n(0)]
    pub own: Tally,
    /// How far it is.
    #[n(1)]
    pub stage: PeriodStage,
}

/// How far a period is.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum PeriodStage {
    /// Not stated.
    #[n(0)]
    Open,
    /// The town that took has stated it.
    #[n(1)]
    Stated {
        /// What it said.
        #[n(0)]
        taken: Tally,
        /// The place of its statement in the channel: every message before it has to have come.
        #[n(1)]
        number: ChannelNumber,
    },
    /// Both stated the same, and signed it.
    #[n(2)]
    Closed,
    /// Their statements differ.
    #[n(3)]
    Differs {
        /// What the other town said.
        #[n(0)]
        theirs: Tally,
        /// The transfers that it listed.
        #[n(1)]
        listed: Vec<Item>,
    },
    /// Closed, and the yen was paid.
    #[n(4)]
    Paid,
}
