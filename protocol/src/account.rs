//! The accounts of a node's books, and who holds points.

use minicbor::{Decode, Encode};

use crate::id::{
    BulkId, CompanyId, DeskId, ImportId, MerchantId, ProgrammeId, RunId, SchemeId, SiteId, TownId,
    VoucherKindId,
};

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
    /// Taken by a shop, in a closed payout run.
    #[n(10)]
    Payable(#[n(0)] MerchantId, #[n(1)] RunId),
    /// Paid to a shop by bank transfer.
    #[n(11)]
    PaidOut(#[n(0)] MerchantId),
    /// What a street's association has given.
    #[n(12)]
    Association(#[n(0)] SchemeId),
    /// Reserved by an open file of bulk grants.
    #[n(13)]
    Bulk(#[n(0)] BulkId),
    /// Vouchers that are issued and not yet redeemed.
    #[n(14)]
    Voucher(#[n(0)] VoucherKindId),
    /// Printed tickets that are issued and not yet redeemed.
    #[n(15)]
    Ticket,
    /// A charge of a street's card on its way; the lots are kept.
    #[n(16)]
    LocalCardPending(#[n(0)] SchemeId),
    /// Charges that were confirmed: owed to the association as to a shop.
    #[n(17)]
    LocalCard(#[n(0)] SchemeId),
    /// Reserved for orders or pledges at a site.
    #[n(18)]
    Hold(#[n(0)] SiteId),
    /// Yen taken in cash for premium vouchers.
    #[n(19)]
    Cash(#[n(0)] DeskId),
    /// What the town bears.
    #[n(20)]
    Loss(#[n(0)] LossCause),
    /// Put right by two officers; it stands on either side.
    #[n(21)]
    Correction,
    /// The difference of what two towns took of each other, which was paid in yen.
    #[n(31)]
    Settled(#[n(0)] TownId),
    /// What the town keeps of what shops took, as its fee.
    #[n(30)]
    Fee,
    /// Held by residents in a former system, and taken over.
    #[n(22)]
    Opening(#[n(0)] ImportId),
}

/// Why the town bears a loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum LossCause {
    /// A restore from a backup lost entries.
    #[n(0)]
    Restore,
    /// A shop took a double of a ticket or voucher in good faith.
    #[n(1)]
    Double,
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
    /// Vouchers that nobody redeemed, whatever they were paid with.
    #[n(3)]
    Voucher,
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
    /// and none may be but those of [`Account::stands_on_either_side`].
    #[must_use]
    pub const fn normal_side(&self) -> Side {
        match self {
            Self::MerchantClaim(_)
            | Self::Programme(_)
            | Self::Partner(_)
            | Self::OwedBy(_)
            | Self::Association(_)
            | Self::Cash(_)
            | Self::Loss(_)
            | Self::Correction
            | Self::Opening(_) => Side::Debit,
            Self::Unassigned(_)
            | Self::Merchant(_)
            | Self::Transit(_)
            | Self::OwedTo(_)
            | Self::Lapsed(_)
            | Self::Unclaimed
            | Self::Payable(..)
            | Self::PaidOut(_)
            | Self::Fee
            | Self::Settled(_)
            | Self::Bulk(_)
            | Self::Voucher(_)
            | Self::Ticket
            | Self::LocalCardPending(_)
            | Self::LocalCard(_)
            | Self::Hold(_) => Side::Credit,
        }
    }

    /// Whether the account may stand on the other side, too.
    #[must_use]
    pub const fn stands_on_either_side(&self) -> bool {
        matches!(self, Self::Correction | Self::Settled(_))
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
