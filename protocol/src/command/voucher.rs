//! Commands of vouchers: stock, issue, redemption, loss.

use alloc::vec::Vec;
use minicbor::{Decode, Encode};

use crate::{
    date::Time,
    id::{
        AccountId, DeskId, MerchantId, OfficerId, RedemptionId, TerminalId, TownId, VoucherIssueId,
        VoucherKindId,
    },
    key::ClientKey,
    signature::Signature,
};

/// Printed vouchers that came to a desk, or were spoiled there.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct VoucherStockShared {
    /// Of which kind.
    #[n(0)]
    pub kind: VoucherKindId,
    /// At which desk.
    #[n(1)]
    pub desk: DeskId,
    /// What happened.
    #[n(2)]
    pub change: VoucherStockMove,
}

/// What happened to a stock of vouchers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum VoucherStockMove {
    /// These came.
    #[n(0)]
    Received {
        /// The first number.
        #[n(0)]
        first: u32,
        /// The last number.
        #[n(1)]
        last: u32,
    },
    /// This one was spoiled before it was handed out.
    #[n(1)]
    Spoiled(#[n(0)] u32),
}

/// What others may see of an issue.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct VoucherIssueShared {
    /// The issue.
    #[n(0)]
    pub issue: VoucherIssueId,
    /// Of which kind.
    #[n(1)]
    pub kind: VoucherKindId,
    /// At which desk.
    #[n(2)]
    pub desk: DeskId,
    /// How many units.
    #[n(3)]
    pub units: u32,
}

/// What vouchers are paid with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum VoucherPayment {
    /// The holder's points.
    #[n(0)]
    Points,
    /// Cash, at the desk.
    #[n(1)]
    Cash,
}

/// Who gets the vouchers, and for what.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct VoucherBuyer {
    /// Whose points, or whose limit; none for cash where there is no limit.
    #[n(0)]
    pub account: Option<AccountId>,
    /// What they are paid with.
    #[n(1)]
    pub payment: VoucherPayment,
    /// The officer at the desk.
    #[n(2)]
    pub officer: OfficerId,
}

/// The issue that is voided.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct VoucherIssueVoid {
    /// Which, known or not.
    #[n(0)]
    pub issue: VoucherIssueId,
}

/// A lost voucher, and the desk whose stock replaces it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct VoucherReissue {
    /// Its kind.
    #[n(0)]
    pub kind: VoucherKindId,
    /// Its number.
    #[n(1)]
    pub number: u32,
    /// The desk.
    #[n(2)]
    pub desk: DeskId,
}

/// Vouchers that a shop handed in at the office.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct VoucherBundle {
    /// The shop that took them.
    #[n(0)]
    pub merchant: MerchantId,
    /// Of which kind.
    #[n(1)]
    pub kind: VoucherKindId,
    /// Their numbers, in order, none twice.
    #[n(2)]
    pub numbers: Vec<u32>,
}

/// A terminal's redemption of vouchers. Signed under `Domain::VoucherRedemption`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RedemptionIntent {
    /// The node it is meant for.
    #[n(0)]
    pub town: TownId,
    /// The operation key; it names the redemption from then on.
    #[n(1)]
    pub key: ClientKey,
    /// The shop.
    #[n(2)]
    pub merchant: MerchantId,
    /// The terminal that signs.
    #[n(3)]
    pub terminal: TerminalId,
    /// Of which kind.
    #[n(4)]
    pub kind: VoucherKindId,
    /// Their numbers, in order, none twice.
    #[n(5)]
    pub numbers: Vec<u32>,
    /// The node's time, as the terminal has it.
    #[n(6)]
    pub at: Time,
}

/// A redemption, signed by the terminal.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SignedRedemption {
    /// What the terminal signed.
    #[n(0)]
    pub intent: RedemptionIntent,
    /// Its signature.
    #[n(1)]
    pub signature: Signature,
}

/// A terminal's void of a redemption. Signed under `Domain::RedemptionVoid`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RedemptionVoidIntent {
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
    /// The redemption that is voided, known to the node or not.
    #[n(4)]
    pub redemption: RedemptionId,
    /// The node's time, as the terminal has it.
    #[n(5)]
    pub at: Time,
}

/// A void of a redemption, signed by the terminal.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SignedRedemptionVoid {
    /// What the terminal signed.
    #[n(0)]
    pub intent: RedemptionVoidIntent,
    /// Its signature.
    #[n(1)]
    pub signature: Signature,
}
