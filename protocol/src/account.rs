//! The accounts of a node's books, and who holds points.

use minicbor::{Decode, Encode};

use crate::id::{CompanyId, MerchantId, ProgrammeId, TownId};

/// An account that holds no lots. What residents hold stands in lots instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub enum Account {
    /// Converted in this base town, the town not yet chosen (留保).
    #[n(0)]
    Unassigned(#[n(0)] CompanyId),
    /// Taken by a shop, not yet in a payout run.
    #[n(1)]
    Merchant(#[n(0)] MerchantId),
    /// Owed back by a shop after a refund behind its run's closing.
    #[n(2)]
    MerchantClaim(#[n(0)] MerchantId),
    /// What a programme has given.
    #[n(3)]
    Programme(#[n(0)] ProgrammeId),
    /// Converted in, claimed from the company.
    #[n(4)]
    Partner(#[n(0)] CompanyId),
    /// On the way to a town.
    #[n(5)]
    Transit(#[n(0)] TownId),
    /// Owed to a town, for points that it took.
    #[n(6)]
    OwedTo(#[n(0)] TownId),
    /// Claimed from a town, for points taken from it.
    #[n(7)]
    OwedBy(#[n(0)] TownId),
    /// Lapsed.
    #[n(8)]
    Lapsed(#[n(0)] LapsedKind),
    /// Came back to an account that is closed.
    #[n(9)]
    Unclaimed,
}

/// What kind of points lapsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum LapsedKind {
    /// A programme's.
    #[n(0)]
    Administrative,
    /// A street's.
    #[n(1)]
    Reward,
    /// A company's, converted.
    #[n(2)]
    Converted,
}

/// The side of a posting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Side {
    /// What is taken out of a credit account, or added to a debit account.
    #[n(0)]
    Debit,
    /// What is added to a credit account, or taken out of a debit account.
    #[n(1)]
    Credit,
}

impl Account {
    /// The side on which the account's balance stands; on the other one it would be negative,
    /// and no account here may be.
    #[must_use]
    pub const fn normal_side(&self) -> Side {
        match self {
            Self::MerchantClaim(_) | Self::Programme(_) | Self::Partner(_) | Self::OwedBy(_) => {
                Side::Debit
            }
            Self::Unassigned(_)
            | Self::Merchant(_)
            | Self::Transit(_)
            | Self::OwedTo(_)
            | Self::Lapsed(_)
            | Self::Unclaimed => Side::Credit,
        }
    }
}

/// Whether the holder's attributes were checked by the town.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum HolderClass {
    /// Attributes checked.
    #[n(0)]
    Resident,
    /// From elsewhere (町外利用者): no programme that is reserved to residents.
    #[n(1)]
    Visitor,
}

/// What an account may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum HolderState {
    /// Everything.
    #[n(0)]
    Open,
    /// Incoming only (利用停止).
    #[n(1)]
    Frozen,
    /// Ended; what returns later goes to `unclaimed`.
    #[n(2)]
    Closed,
    /// Returns only.
    #[n(3)]
    Deceased,
}
