//! Commands that move points: grants, payments, conversions, transfers.

use alloc::vec::Vec;
use minicbor::{Decode, Encode};

use super::Actor;
use crate::{
    digest::Digest,
    eligibility::Attested,
    id::{AccountId, ConversionId, Handle, OfficerId, ProgrammeId, ProposalId, TownId, TransferId},
    intent::{ConversionStatement, PaymentIntent, RefundIntent, VoidIntent},
    points::Points,
    programme::Measure,
    signature::Signature,
    terms::Method,
};

/// What others may see of a grant.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct GrantShared {
    /// Which programme gives.
    #[n(0)]
    pub programme: ProgrammeId,
    /// How many points.
    #[n(1)]
    pub points: Points,
}

/// What a grant is for, and to whom.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct GrantPrivate {
    /// To whom.
    #[n(0)]
    pub account: AccountId,
    /// SHA-256 of activity or date, and kind: with programme and account the natural key, unique
    /// for the programme's life.
    #[n(1)]
    pub activity: Digest,
    /// The officer who gives.
    #[n(2)]
    pub maker: OfficerId,
    /// What the node asserts of the recipient, if the programme demands something.
    #[n(3)]
    pub attested: Option<Attested>,
    /// What was measured, if the programme has a rule.
    #[n(4)]
    pub measure: Option<Measure>,
}

impl GrantPrivate {
    /// A grant of a programme that demands nothing and has no rule.
    #[must_use]
    pub const fn plain(account: AccountId, activity: Digest, maker: OfficerId) -> Self {
        Self { account, activity, maker, attested: None, measure: None }
    }
}

/// What the second officer said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Verdict {
    /// Granted.
    #[n(0)]
    Approve,
    /// Not granted; the natural key is free again.
    #[n(1)]
    Reject,
}

/// The second officer's word.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ProposalDecision {
    /// About which grant.
    #[n(0)]
    pub proposal: ProposalId,
    /// What it is.
    #[n(1)]
    pub verdict: Verdict,
    /// Whose it is.
    #[n(2)]
    pub approver: OfficerId,
}

/// A payment's intent, signed by the terminal.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SignedPayment {
    /// What the terminal signed.
    #[n(0)]
    pub intent: PaymentIntent,
    /// Its signature.
    #[n(1)]
    pub signature: Signature,
}

/// Who pays, and how that was shown. Node-asserted; the evidence is in the vault.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Payer {
    /// The account.
    #[n(0)]
    pub account: AccountId,
    /// How the holder showed it.
    #[n(1)]
    pub method: Method,
}

/// A void, signed by the terminal.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SignedVoid {
    /// What the terminal signed.
    #[n(0)]
    pub intent: VoidIntent,
    /// Its signature.
    #[n(1)]
    pub signature: Signature,
}

/// A refund, signed by the terminal.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SignedRefund {
    /// What the terminal signed.
    #[n(0)]
    pub intent: RefundIntent,
    /// Its signature.
    #[n(1)]
    pub signature: Signature,
}

/// A conversion, signed by the company.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SignedConversion {
    /// What the company signed.
    #[n(0)]
    pub statement: ConversionStatement,
    /// Its signature.
    #[n(1)]
    pub signature: Signature,
}

/// The choice of the own town.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Pick {
    /// Whose.
    #[n(0)]
    pub account: AccountId,
    /// Which conversion.
    #[n(1)]
    pub conversion: ConversionId,
}

/// Which conversion is swept.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Sweep {
    /// Which conversion.
    #[n(0)]
    pub conversion: ConversionId,
}

/// What others may see of an offer.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct OfferShared {
    /// The transfer.
    #[n(0)]
    pub transfer: TransferId,
    /// To which town.
    #[n(1)]
    pub town: TownId,
    /// How many points.
    #[n(2)]
    pub points: Points,
}

/// What the points of an offer are taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Source {
    /// The holder's balance, first to expire first among what may move.
    #[n(0)]
    Balance,
    /// A conversion for which another town is chosen.
    #[n(1)]
    Unassigned(#[n(0)] ConversionId),
}

/// Whose points leave, and for whom.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct OfferPrivate {
    /// Whose.
    #[n(0)]
    pub account: AccountId,
    /// For whom there.
    #[n(1)]
    pub recipient: Handle,
    /// Out of what.
    #[n(2)]
    pub source: Source,
    /// Who asked.
    #[n(3)]
    pub actor: Actor,
}

/// A message of another town, as its exact bytes.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Received {
    /// The envelope's canonical bytes.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub envelope: Vec<u8>,
}

/// The transfer that is to be withdrawn.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct WithdrawShared {
    /// Which.
    #[n(0)]
    pub transfer: TransferId,
}
