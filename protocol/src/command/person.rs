//! Commands about who is one person, and about grant codes.

use minicbor::{Decode, Encode};

use crate::{
    date::BusinessDate,
    eligibility::Attested,
    id::{AccountId, CodeId, OfficerId, ProgrammeId},
    points::Points,
};

/// Two accounts that may be one person's. The node compares keyed hashes in the vault.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct PersonMatch {
    /// The later one.
    #[n(0)]
    pub account: AccountId,
    /// The one that was there.
    #[n(1)]
    pub other: AccountId,
}

/// An officer's word that two accounts are one person's.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct PersonJoin {
    /// The double.
    #[n(0)]
    pub account: AccountId,
    /// The account that counts as the person's first.
    #[n(1)]
    pub first: AccountId,
    /// Who decided.
    #[n(2)]
    pub officer: OfficerId,
}

/// An officer's word that two accounts are two persons'.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct PersonPart {
    /// The one.
    #[n(0)]
    pub account: AccountId,
    /// The other.
    #[n(1)]
    pub other: AccountId,
    /// Who decided.
    #[n(2)]
    pub officer: OfficerId,
}

/// A code, new or changed: what it gives to each who shows it, once.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct GrantCode {
    /// Which.
    #[n(0)]
    pub id: CodeId,
    /// The programme that gives; its rule is the code.
    #[n(1)]
    pub programme: ProgrammeId,
    /// How many points.
    #[n(2)]
    pub points: Points,
    /// The last day on which the code can be shown.
    #[n(3)]
    pub last_day: BusinessDate,
    /// How often in all.
    #[n(4)]
    pub uses_max: u32,
}

/// Which code was shown.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct CodeShared {
    /// Which code.
    #[n(0)]
    pub code: CodeId,
}

/// Who showed it. Node-asserted: the node checked the code's signature and the holder's session.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct CodePrivate {
    /// Whose account.
    #[n(0)]
    pub account: AccountId,
    /// What the node asserts of the holder, if the programme demands something.
    #[n(1)]
    pub attested: Option<Attested>,
}
