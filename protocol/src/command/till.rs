//! What a terminal signs: one form for every command that stands on a terminal's word.

use alloc::vec::Vec;

use super::{
    SignedPayment, SignedRedemption, SignedRedemptionVoid, SignedRefund, SignedReward,
    SignedRewardReturn, SignedRoaming, SignedRoamingCancel, SignedTicketScan, SignedVoid,
};
use crate::{
    codec,
    id::TerminalId,
    key::ClientKey,
    signature::{Domain, Signature},
};

/// A statement that a terminal signed.
pub trait TillSigned {
    /// What the signature is for.
    fn domain(&self) -> Domain;
    /// The canonical bytes that were signed.
    fn statement(&self) -> Vec<u8>;
    /// The signature.
    fn signature(&self) -> &Signature;
    /// The operation key that the statement names.
    fn key(&self) -> ClientKey;
    /// The terminal that it names.
    fn terminal(&self) -> TerminalId;
}

/// Implements it for a signed intent that has `key` and `terminal`.
macro_rules! till_signed {
    ($($name:ident $domain:ident),* $(,)?) => {$(
        impl TillSigned for $name {
            fn domain(&self) -> Domain {
                Domain::$domain
            }

            fn statement(&self) -> Vec<u8> {
                codec::encode(&self.intent)
            }

            fn signature(&self) -> &Signature {
                &self.signature
            }

            fn key(&self) -> ClientKey {
                self.intent.key
            }

            fn terminal(&self) -> TerminalId {
                self.intent.terminal
            }
        }
    )*};
}

till_signed! {
    SignedPayment Payment,
    SignedVoid Void,
    SignedRefund Refund,
    // Between towns.
    SignedRoaming Roaming,
    SignedRoamingCancel RoamingCancel,

    // Street cards.
    SignedReward Reward,
    SignedRewardReturn RewardReturn,

    // Vouchers.
    SignedRedemption VoucherRedemption,
    SignedRedemptionVoid RedemptionVoid,

    // Printed tickets.
    SignedTicketScan TicketScan,
}
