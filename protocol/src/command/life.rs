//! Commands about the life of an account: codes of companies, moving, closing, death, correction,
//! erasure. Texts of people stand in the vault; here is a code of the reason only.

use alloc::vec::Vec;
use minicbor::{Decode, Encode};

use super::Actor;
use crate::{
    account::HolderClass,
    digest::Digest,
    id::{AccountId, OfficerId},
    intent::CodeStatement,
    lot::Lot,
    points::Points,
    signature::Signature,
};

/// A one-time code, issued and signed by a company.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SignedCode {
    /// What the company signed.
    #[n(0)]
    pub statement: CodeStatement,
    /// Its signature.
    #[n(1)]
    pub signature: Signature,
}

/// A holder enters a company's code. Only the code's hash stands here.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct CodeEntry {
    /// Who converts.
    #[n(0)]
    pub account: AccountId,
    /// The code's hash, as [`crate::intent::code_hash`] makes it.
    #[n(1)]
    pub code: Digest,
    /// Who typed it: the holder, or an officer at the desk.
    #[n(2)]
    pub actor: Actor,
}

/// The end of an account, by its holder's own word.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct AccountClosing {
    /// Which account.
    #[n(0)]
    pub account: AccountId,
    /// The balance that the holder was told and gives up: all of it, or the account stays.
    #[n(1)]
    pub forfeit: Points,
    /// Who asked.
    #[n(2)]
    pub actor: Actor,
}

/// A part of what a deceased person held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Share {
    /// Whose it becomes.
    #[n(0)]
    pub heir: AccountId,
    /// How many points.
    #[n(1)]
    pub points: Points,
}

/// What becomes of a deceased person's points; the account ends.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Estate {
    /// Whose.
    #[n(0)]
    pub account: AccountId,
    /// To whom, in the order in which the first to expire are given. At most
    /// [`HEIRS_MAX`].
    #[n(1)]
    pub shares: Vec<Share>,
    /// What nobody gets: with the shares it is the whole balance.
    #[n(2)]
    pub forfeit: Points,
}

/// Heirs of one estate at most.
pub const HEIRS_MAX: usize = 16;

/// Which way a correction moves points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Direction {
    /// To the account.
    #[n(0)]
    In,
    /// Out of the account.
    #[n(1)]
    Out,
}

/// Why something is put right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum CorrectionReason {
    /// It went to another person than it was meant for.
    #[n(0)]
    WrongRecipient,
    /// It was too much or too little.
    #[n(1)]
    WrongAmount,
    /// It was given twice, or to two accounts of one person.
    #[n(2)]
    Double,
    /// A system was at fault.
    #[n(3)]
    SystemFault,
    /// A court or an authority ordered it.
    #[n(4)]
    Ordered,
}

/// Whole lots into an account or out of it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct CorrectionLeg {
    /// Which account.
    #[n(0)]
    pub account: AccountId,
    /// Which way.
    #[n(1)]
    pub direction: Direction,
    /// The lots, origin and expiry included.
    #[n(2)]
    pub lots: Vec<Lot>,
}

/// Accounts that one correction touches at most.
pub const CORRECTION_LEGS_MAX: usize = 8;

/// Something is put right, by two officers.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Correction {
    /// What moves, at most [`CORRECTION_LEGS_MAX`].
    #[n(0)]
    pub legs: Vec<CorrectionLeg>,
    /// Why; the officers' words are in the vault.
    #[n(1)]
    pub reason: CorrectionReason,
    /// The entry that is put right, if it is one.
    #[n(2)]
    pub of: Option<u64>,
}

/// A holder moved in, or away; what the programmes ask changes with it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ClassChange {
    /// Whose.
    #[n(0)]
    pub account: AccountId,
    /// What the holder is from now on.
    #[n(1)]
    pub class: HolderClass,
    /// Who checked it.
    #[n(2)]
    pub officer: OfficerId,
}

/// Why a person's data are erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum ErasureReason {
    /// The town keeps them no longer.
    #[n(0)]
    RetentionOver,
    /// The person asked for it.
    #[n(1)]
    Asked,
    /// A court or an authority ordered it.
    #[n(2)]
    Ordered,
}

/// Persons whose data are erased: behind this entry their keys in the vault are destroyed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Erasure {
    /// Whose, in order, none twice, at most [`ERASED_AT_ONCE_MAX`].
    #[n(0)]
    pub accounts: Vec<AccountId>,
    /// Why.
    #[n(1)]
    pub reason: ErasureReason,
}

/// Accounts that one entry erases at most.
pub const ERASED_AT_ONCE_MAX: usize = 100;

/// Whether data have to be kept for a court or an authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum LegalHold {
    /// They are not erased.
    #[n(0)]
    Kept,
    /// The hold is over.
    #[n(1)]
    Over,
}

/// A legal hold begins or ends.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct LegalHoldChange {
    /// Whose data.
    #[n(0)]
    pub account: AccountId,
    /// Kept, or no longer.
    #[n(1)]
    pub hold: LegalHold,
    /// Who ordered it at the node.
    #[n(2)]
    pub officer: OfficerId,
}

/// What was given anew at the desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Reissued {
    /// The password.
    #[n(0)]
    Password,
    /// The MyKey ID, with its password; the old one is revoked.
    #[n(1)]
    MyKeyId,
    /// The link to a renewed card.
    #[n(2)]
    Card,
}

/// A holder's sign-in was given anew: who did it stands in the journal, the sign-in in the vault.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Reissue {
    /// Whose.
    #[n(0)]
    pub account: AccountId,
    /// What.
    #[n(1)]
    pub what: Reissued,
    /// Who did it.
    #[n(2)]
    pub officer: OfficerId,
}
