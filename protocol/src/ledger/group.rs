//! Group applications (団体申請): a body's activity, granted to all who took part in one entry when
//! an officer approves it. Who sent or checked it does not approve it. What a leader gets, the
//! programme's rule says.

use alloc::{collections::BTreeSet, vec::Vec};

use super::{
    Broken, Ledger, Plan,
    bulk::moving,
    grant::{Budget, GrantBasis},
};
use crate::{
    account::{Account, Side},
    command::{Actor, GrantPrivate, GrantShared, GroupPerson, GroupPrivate, GroupShared},
    hashed::Hashed,
    id::{ApplicationId, EntryIndex},
    points::Points,
    posting::{Posting, Postings},
    programme::{GrantRule, Measure, Programme},
    refusal::Refusal,
};

/// Applications that were approved, by the entry that granted them.
pub(super) type Approved = Hashed<ApplicationId, EntryIndex>;

/// Persons of one application at most, so that its grants are one entry.
pub const GROUP_PERSONS_MAX: usize = 100;

impl Ledger {
    pub(super) fn plan_group(
        &self,
        shared: &GroupShared,
        private: &GroupPrivate,
    ) -> Result<Plan, Refusal> {
        if self.applications.contains(&shared.application) {
            return Err(Refusal::Exists);
        }
        let programme = self.programmes.get(&shared.programme).ok_or(Refusal::UnknownProgramme)?;
        two_are_two(private)?;
        let grants = self.group_grants(programme, shared, private)?;
        let above = programme.two_officers_above;
        if shared.points > above && private.checker.is_none() {
            return Err(Refusal::SecondOfficerNeeded { above });
        }
        let (account, points) = (Account::Programme(programme.id), shared.points);
        let mut postings = alloc::vec![Posting::Book { account, side: Side::Debit, points }];
        // The sum is asked below, so that the budget is not counted by person.
        let (day, budget) = (self.meta.day, Budget::Reserved);
        let basis = GrantBasis { day, budget, besides: Points::ZERO };
        for (line, (grant, private)) in (1_u32..).zip(&grants) {
            let (_, lot) = self
                .grantable_by(&basis, grant, private)
                .map_err(|why| Refusal::LineRefused { line, number: why.number() })?;
            let (holder, lots) = (private.account, alloc::vec![lot]);
            postings.push(Posting::Lots { holder, side: Side::Credit, lots });
        }
        self.within_budget(programme, shared.points)?;
        moving(Postings::balanced(postings))
    }

    /// The grants of an application, if it is what it says.
    fn group_grants(
        &self,
        programme: &Programme,
        shared: &GroupShared,
        private: &GroupPrivate,
    ) -> Result<Vec<(GrantShared, GrantPrivate)>, Refusal> {
        let persons = &private.persons;
        let first = |person: &GroupPerson| self.first_account(&person.account);
        let once: BTreeSet<_> = persons.iter().map(first).collect();
        let counted = usize::try_from(shared.count).is_ok_and(|count| count == persons.len());
        if persons.is_empty() || once.len() != persons.len() || !counted {
            return Err(Refusal::NotWellFormed);
        }
        if persons.len() > GROUP_PERSONS_MAX {
            return Err(Refusal::TooLargeForAnEntry);
        }
        let grant = |person| person_grant(programme, private, person).ok_or(Refusal::WrongRule);
        let grants = persons.iter().map(grant).collect::<Result<Vec<_>, _>>()?;
        let sum = Points::sum(grants.iter().map(|(shared, _)| shared.points));
        if sum == Some(shared.points) { Ok(grants) } else { Err(Refusal::NotWellFormed) }
    }

    pub(super) fn apply_group(
        &mut self,
        entry: EntryIndex,
        shared: &GroupShared,
        private: &GroupPrivate,
    ) -> Result<(), Broken> {
        let programme = self.programmes.get(&shared.programme).ok_or(Broken::Unknown)?;
        let grant = |person| person_grant(programme, private, person).ok_or(Broken::Unknown);
        let grants = private.persons.iter().map(grant).collect::<Result<Vec<_>, _>>()?;
        for (grant, private) in &grants {
            self.note_grant(entry, self.meta.day, grant, private);
        }
        self.applications.insert(shared.application, entry);
        Ok(())
    }

    /// The entry by which an application was approved.
    #[must_use]
    pub fn approved(&self, application: &ApplicationId) -> Option<EntryIndex> {
        self.applications.get(application).copied()
    }
}

/// Nobody approves their own.
fn two_are_two(private: &GroupPrivate) -> Result<(), Refusal> {
    let sender = match private.sender {
        Actor::Officer(officer) => Some(officer),
        Actor::Holder | Actor::Node => None,
    };
    let checks_own = sender.is_some() && private.checker == sender;
    if sender == Some(private.approver) || private.checker == Some(private.approver) || checks_own {
        return Err(Refusal::OwnApplication);
    }
    Ok(())
}

/// The grant to one person; none if the programme gives nothing for activities, or not for this
/// role.
fn person_grant(
    programme: &Programme,
    private: &GroupPrivate,
    person: &GroupPerson,
) -> Option<(GrantShared, GrantPrivate)> {
    let rule = programme.rule.as_ref().filter(|rule| matches!(rule, GrantRule::Activity { .. }))?;
    let measure = Measure::Activity { role: person.role.clone() };
    let shared = GrantShared { programme: programme.id, points: rule.points(&measure)? };
    let private = GrantPrivate {
        account: person.account,
        activity: private.activity,
        maker: private.approver,
        attested: person.attested,
        measure: Some(measure),
    };
    Some((shared, private))
}
