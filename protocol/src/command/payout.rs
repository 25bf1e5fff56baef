//! What officers say about paying the shops.

use minicbor::{Decode, Encode};

use crate::{
    date::BusinessDate,
    digest::Digest,
    id::{MerchantId, RunId, SchemeId},
    payout::ReturnReason,
};

/// Closes the period that ends on this day.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RunClosing {
    /// The period's last day.
    #[n(0)]
    pub last: BusinessDate,
}

/// A step of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum RunStep {
    /// Checked by another officer than the one who closed it.
    #[n(0)]
    Checked,
    /// Handed to the accounting office.
    #[n(1)]
    HandedOver,
    /// Paid by the bank.
    #[n(2)]
    Paid,
}

/// A step of a run was done.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RunMark {
    /// Which run.
    #[n(0)]
    pub run: RunId,
    /// Which step.
    #[n(1)]
    pub step: RunStep,
    /// The day it was done on.
    #[n(2)]
    pub on: BusinessDate,
}

/// The next shops of a run that is being closed or marked as paid.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RunSlice {
    /// Which run.
    #[n(0)]
    pub run: RunId,
}

/// A bank transfer came back.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct TransferReturned {
    /// The run that paid it.
    #[n(0)]
    pub run: RunId,
    /// The shop.
    #[n(1)]
    pub merchant: MerchantId,
    /// The day it came back on.
    #[n(2)]
    pub on: BusinessDate,
    /// Why.
    #[n(3)]
    pub reason: ReturnReason,
    /// Whether it is paid with the next run; otherwise again by itself.
    #[n(4)]
    pub next_run: bool,
}

/// A bank transfer that came back was made again.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct TransferAgain {
    /// The run that paid it first.
    #[n(0)]
    pub run: RunId,
    /// The shop.
    #[n(1)]
    pub merchant: MerchantId,
    /// The day the bank pays it on.
    #[n(2)]
    pub on: BusinessDate,
}

/// A shop's bank account, which stands in the vault: two officers enter it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct BankSetting {
    /// The shop.
    #[n(0)]
    pub merchant: MerchantId,
    /// The place of the record in the vault.
    #[n(1)]
    pub record: u64,
    /// The hash of the sealed record.
    #[n(2)]
    pub sealed: Digest,
}

/// A street's association is paid as this shop.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct AssociationPayee {
    /// The association's scheme.
    #[n(0)]
    pub scheme: SchemeId,
    /// The shop as which it is entered, with its bank account.
    #[n(1)]
    pub merchant: MerchantId,
}
