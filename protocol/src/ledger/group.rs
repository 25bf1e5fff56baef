//! Group applications (団体申請): a body's activity, granted to all who took part in one entry when
//! an officer approves it. Who sent or checked it does not approve it.

use alloc::{collections::BTreeSet, vec::Vec};

use super::{
    Broken, Ledger, Plan,
    bulk::moving,
    grant::{Budget, GrantBasis},
};
use crate::{
    account::{Account, Side},
    command::{
        Actor, GrantPrivate, GrantShared, GroupPerson, GroupPrivate, GroupRole, GroupRule,
        GroupShared,
    },
    id::{ApplicationId, EntryIndex, ProgrammeId},
    points::Points,
    posting::{Posting, Postings},
    refusal::Refusal,
};

/// Persons of one application at most, so that its grants are one entry.
pub const GROUP_PERSONS_MAX: usize = 100;

impl Ledger {
    pub(super) fn plan_group_rule(&self, rule: &GroupRule) -> Result<Plan, Refusal> {
        if !self.programmes.contains(&rule.programme) {
            return Err(Refusal::UnknownProgramme);
        }
        if rule.member.is_zero() || rule.sub_leader.is_zero() || rule.leader.is_zero() {
            return Err(Refusal::NoPoints);
        }
        Ok(Plan::FACT)
    }

    pub(super) fn plan_group(
        &self,
        shared: &GroupShared,
        private: &GroupPrivate,
    ) -> Result<Plan, Refusal> {
        if self.applications.contains(&shared.application) {
            return Err(Refusal::Exists);
        }
        let programme = self.programmes.get(&shared.programme).ok_or(Refusal::UnknownProgramme)?;
        let rule = self.group_rules.get(&programme.id).ok_or(Refusal::NoGroupRule)?;
        two_are_two(private)?;
        let sum = self.group_sum(rule, shared, private)?;
        let above = programme.two_officers_above;
        if sum > above && private.checker.is_none() {
            return Err(Refusal::SecondOfficerNeeded { above });
        }
        let given = self.balance(&Account::Programme(programme.id));
        let debit = Posting::Book {
            account: Account::Programme(programme.id),
            side: Side::Debit,
            points: sum,
        };
        let mut postings = alloc::vec![debit];
        let basis =
            GrantBasis { day: self.meta.day, budget: Budget::Reserved, besides: Points::ZERO };
        for (line, person) in (1_u32..).zip(&private.persons) {
            let (grant, private) = person_grant(rule, private, person);
            let (_, lot) = self
                .grantable_by(&basis, &grant, &private)
                .map_err(|why| Refusal::LineRefused { line, number: why.number() })?;
            let lots = alloc::vec![lot];
            postings.push(Posting::Lots { holder: person.account, side: Side::Credit, lots });
        }
        if given.plus(sum).is_none_or(|all| all > programme.ceiling) {
            let left = programme.ceiling.minus(given).unwrap_or(Points::ZERO);
            return Err(Refusal::BudgetExhausted { left });
        }
        moving(Postings::balanced(postings))
    }

    /// The points of an application, if it is what it says.
    fn group_sum(
        &self,
        rule: &GroupRule,
        shared: &GroupShared,
        private: &GroupPrivate,
    ) -> Result<Points, Refusal> {
        let persons = &private.persons;
        let sum = Points::sum(persons.iter().map(|person| rule.of(person.role)));
        let once: BTreeSet<_> = persons.iter().map(|person| person.account).collect();
        let counted = usize::try_from(shared.count).is_ok_and(|count| count == persons.len());
        if persons.is_empty() || once.len() != persons.len() || !counted {
            return Err(Refusal::NotWellFormed);
        }
        if persons.len() > GROUP_PERSONS_MAX {
            return Err(Refusal::TooLargeForAnEntry);
        }
        let of_role = |role| persons.iter().filter(|person| person.role == role).count();
        let within = |role, most: u32| u32::try_from(of_role(role)).is_ok_and(|n| n <= most);
        if !within(GroupRole::Leader, rule.leaders_max)
            || !within(GroupRole::SubLeader, rule.sub_leaders_max)
        {
            let (leaders_max, sub_leaders_max) = (rule.leaders_max, rule.sub_leaders_max);
            return Err(Refusal::TooManyLeaders { leaders_max, sub_leaders_max });
        }
        sum.filter(|sum| *sum == shared.points).ok_or(Refusal::NotWellFormed)
    }

    pub(super) fn apply_group(
        &mut self,
        entry: EntryIndex,
        shared: &GroupShared,
        private: &GroupPrivate,
    ) -> Result<(), Broken> {
        let rule = self.group_rules.get(&shared.programme).ok_or(Broken::Unknown)?;
        let grants: Vec<_> =
            private.persons.iter().map(|person| person_grant(rule, private, person)).collect();
        for (grant, private) in &grants {
            self.note_grant(entry, self.meta.day, grant, private);
        }
        self.applications.insert(shared.application, entry);
        Ok(())
    }

    /// What a programme gives for a group's activity.
    #[must_use]
    pub fn group_rule(&self, programme: &ProgrammeId) -> Option<&GroupRule> {
        self.group_rules.get(programme)
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

/// The grant to one person.
fn person_grant(
    rule: &GroupRule,
    private: &GroupPrivate,
    person: &GroupPerson,
) -> (GrantShared, GrantPrivate) {
    let shared = GrantShared { programme: rule.programme, points: rule.of(person.role) };
    let maker = private.approver;
    (shared, GrantPrivate { account: person.account, activity: private.activity, maker })
}
