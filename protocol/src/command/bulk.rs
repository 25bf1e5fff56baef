//! Commands about many at once: files of bulk grants, claim slips, group applications.

use alloc::vec::Vec;
use minicbor::{Decode, Encode};

use super::Actor;
use crate::{
    date::BusinessDate,
    digest::Digest,
    eligibility::Attested,
    id::{AccountId, ApplicationId, BulkId, OfficerId, ProgrammeId, SlipId},
    label::Label,
    points::Points,
    programme::Measure,
};

/// How a file is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum BulkMode {
    /// All of its lines or none.
    #[n(0)]
    Atomic,
    /// Each line alone, by a grant of its own under its line's key; nothing is reserved.
    #[n(1)]
    PerLine,
    /// Claim slips (受取コード付き通知書), to be claimed until this day.
    #[n(2)]
    Slips {
        /// The last day to claim.
        #[n(0)]
        until: BusinessDate,
    },
}

/// A file is opened: what it is going to give, exactly.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct BulkOpening {
    /// The name under which it is known: the key under which it was uploaded.
    #[n(0)]
    pub bulk: BulkId,
    /// SHA-256 of the file.
    #[n(1)]
    pub file: Digest,
    /// Which programme gives.
    #[n(2)]
    pub programme: ProgrammeId,
    /// How many lines.
    #[n(3)]
    pub count: u32,
    /// How many points in all.
    #[n(4)]
    pub points: Points,
    /// How.
    #[n(5)]
    pub mode: BulkMode,
}

/// Some lines of an open file, as others may see them.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct BulkSlice {
    /// Which file.
    #[n(0)]
    pub bulk: BulkId,
    /// How many lines came before.
    #[n(1)]
    pub before: u32,
    /// How many are here.
    #[n(2)]
    pub count: u32,
    /// Their points.
    #[n(3)]
    pub points: Points,
}

/// One line of a file of grants.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct BulkLine {
    /// Its number in the file.
    #[n(0)]
    pub line: u32,
    /// To whom.
    #[n(1)]
    pub account: AccountId,
    /// How many.
    #[n(2)]
    pub points: Points,
    /// SHA-256 of activity or date, and kind: the grant's.
    #[n(3)]
    pub activity: Digest,
    /// What the node asserts of the recipient, if the programme demands something.
    #[n(4)]
    pub attested: Option<Attested>,
    /// What was measured, if the programme has a rule.
    #[n(5)]
    pub measure: Option<Measure>,
}

/// Lines of a file of grants.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct BulkLines {
    /// The lines.
    #[n(0)]
    pub lines: Vec<BulkLine>,
    /// The officer who gives.
    #[n(1)]
    pub maker: OfficerId,
}

/// How a file ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum BulkEnd {
    /// All of it counts.
    #[n(0)]
    Commit,
    /// Nothing of it ever was.
    #[n(1)]
    Cancel,
}

/// The end of a file.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct BulkClosing {
    /// Which file.
    #[n(0)]
    pub bulk: BulkId,
    /// How.
    #[n(1)]
    pub end: BulkEnd,
}

/// A slice of a file that ended is moved to where it belongs.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct BulkSweep {
    /// Which file.
    #[n(0)]
    pub bulk: BulkId,
    /// One account only, which is about to be used; none for the next slice.
    #[n(1)]
    pub account: Option<AccountId>,
}

/// A claim slip, before anybody claims it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SlipLine {
    /// Its number in the file.
    #[n(0)]
    pub line: u32,
    /// The slip: the vault knows whose. The same person, programme and activity is the same slip.
    #[n(1)]
    pub slip: SlipId,
    /// SHA-256 of its code.
    #[n(2)]
    pub code: Digest,
    /// How many.
    #[n(3)]
    pub points: Points,
    /// SHA-256 of activity or date, and kind: the grant's.
    #[n(4)]
    pub activity: Digest,
    /// What was measured, if the programme has a rule.
    #[n(5)]
    pub measure: Option<Measure>,
}

/// Claim slips of a file.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SlipLines {
    /// The slips.
    #[n(0)]
    pub lines: Vec<SlipLine>,
    /// The officer who gives.
    #[n(1)]
    pub maker: OfficerId,
}

/// Somebody claims a slip.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SlipClaim {
    /// Into which account.
    #[n(0)]
    pub account: AccountId,
    /// SHA-256 of the code.
    #[n(1)]
    pub code: Digest,
    /// Who asked: the holder, or an officer at the desk.
    #[n(2)]
    pub actor: Actor,
    /// What the node asserts of the holder, if the programme demands something.
    #[n(3)]
    pub attested: Option<Attested>,
}

/// A slip gets a new code; the one before is good no more.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SlipReissue {
    /// Which slip.
    #[n(0)]
    pub slip: SlipId,
    /// SHA-256 of the new code.
    #[n(1)]
    pub code: Digest,
    /// Who asked.
    #[n(2)]
    pub officer: OfficerId,
}

/// A group's application is approved, as others may see it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct GroupShared {
    /// Which application.
    #[n(0)]
    pub application: ApplicationId,
    /// Which programme gives.
    #[n(1)]
    pub programme: ProgrammeId,
    /// To how many persons.
    #[n(2)]
    pub count: u32,
    /// How many points in all.
    #[n(3)]
    pub points: Points,
}

/// One person of a group's application.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct GroupPerson {
    /// Who.
    #[n(0)]
    pub account: AccountId,
    /// What they were, by the programme's rule; none for who took part.
    #[n(1)]
    pub role: Option<Label>,
    /// What the node asserts of them, if the programme demands something.
    #[n(2)]
    pub attested: Option<Attested>,
}

/// Whom a group's application is for, and who stands for it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct GroupPrivate {
    /// SHA-256 of activity and date: the grants'.
    #[n(0)]
    pub activity: Digest,
    /// The persons.
    #[n(1)]
    pub persons: Vec<GroupPerson>,
    /// Who sent it: a holder for the body, or an officer at the desk.
    #[n(2)]
    pub sender: Actor,
    /// The account of the holder who sent it.
    #[n(3)]
    pub sender_account: Option<AccountId>,
    /// The officer who checked it, where the sum needs two.
    #[n(4)]
    pub checker: Option<OfficerId>,
    /// The officer who approves.
    #[n(5)]
    pub approver: OfficerId,
}
