//! Who a line is for, by what the town recorded of its people.

use jichi_protocol::{
    command::GrantPrivate,
    date::BusinessDate,
    eligibility::Attested,
    id::{AccountId, ProgrammeId},
    programme::{GrantRule, Measure, Programme},
};

use crate::town::Town;

/// The accounts with this number on a programme's list.
#[must_use]
pub const fn by_enrolment(_: &Town, _: ProgrammeId, _: &str) -> Vec<AccountId> {
    Vec::new()
}

/// The accounts of a name in kana and a day of birth.
#[must_use]
pub const fn by_kana(_: &Town, _: &str, _: &str) -> Vec<AccountId> {
    Vec::new()
}

/// What the node asserts of a recipient, for a grant of this day.
#[must_use]
pub const fn attested(_: &Town, _: &Programme, _: AccountId, _: BusinessDate) -> Option<Attested> {
    None
}

/// What a line of a file measures, by the programme's rule: that somebody took part, in the role
/// that the line names, or is one of those who get a sum. Whatever else is measured has files of
/// its own.
#[must_use]
pub fn measure(programme: &Programme, role: &str) -> Option<Measure> {
    match programme.rule.as_ref()? {
        GrantRule::Activity { .. } => Some(Measure::Activity { role: role.parse().ok() }),
        GrantRule::Lump(_) => Some(Measure::Lump),
        GrantRule::Steps { .. }
        | GrantRule::PerYen { .. }
        | GrantRule::Exchange { .. }
        | GrantRule::Code => None,
    }
}

/// The private half of a line's grant.
#[must_use]
pub fn line_private(
    line: &jichi_protocol::command::BulkLine,
    maker: jichi_protocol::id::OfficerId,
) -> GrantPrivate {
    GrantPrivate {
        account: line.account,
        activity: line.activity,
        maker,
        attested: line.attested,
        measure: line.measure.clone(),
    }
}
