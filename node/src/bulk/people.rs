//! Who a line is for, by what the town recorded of its people.

use jichi_protocol::{
    command::GrantPrivate,
    date::BusinessDate,
    eligibility::Attested,
    id::AccountId,
    programme::{GrantRule, Measure, Programme},
};

use crate::town::Town;

/// What the node asserts of a recipient, for a grant of this day. What cannot be read is not known,
/// and the ledger refuses by it.
#[must_use]
pub fn attested(
    town: &Town,
    programme: &Programme,
    account: AccountId,
    day: BusinessDate,
) -> Option<Attested> {
    town.people().register().attest(programme, account, day).ok().flatten()
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
