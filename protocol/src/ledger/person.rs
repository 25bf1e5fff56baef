//! Who is one person: matches that the node found, and an officer's word about them. Natural keys
//! and caps count by person.

use alloc::{collections::BTreeSet, vec::Vec};
use minicbor::{Decode, Encode};

use super::{Ledger, Plan};
use crate::{
    command::{PersonJoin, PersonMatch, PersonPart},
    id::AccountId,
    refusal::Refusal,
};

/// What is known of an account's holder being another account's.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
pub struct Person {
    /// The person's first account, if this one is a double.
    #[n(0)]
    pub first: Option<AccountId>,
    /// Accounts that may be the same person's, until an officer decides.
    #[n(1)]
    pub open: BTreeSet<AccountId>,
    /// Accounts that an officer said are another person's.
    #[n(2)]
    pub apart: BTreeSet<AccountId>,
}

impl Ledger {
    /// The account that stands for the person: the first one of those that were joined.
    #[must_use]
    pub fn first_account(&self, account: &AccountId) -> AccountId {
        self.persons.get(account).and_then(|person| person.first).unwrap_or(*account)
    }

    /// All accounts of the person, the first one first.
    #[must_use]
    pub fn accounts_of_person(&self, account: &AccountId) -> Vec<AccountId> {
        let first = self.first_account(account);
        let mut accounts = alloc::vec![first];
        accounts.extend(self.doubles_of.get(&first).into_iter().flatten());
        accounts
    }

    /// What is known of an account's holder being another account's.
    #[must_use]
    pub fn person(&self, account: &AccountId) -> Option<&Person> {
        self.persons.get(account)
    }

    /// The pairs about which an officer has to decide, each once, in order.
    pub fn open_matches(&self) -> impl Iterator<Item = (AccountId, AccountId)> {
        self.persons.iter().flat_map(|(account, person)| {
            let later = person.open.iter().filter(move |other| *account < **other);
            later.map(move |other| (*account, *other))
        })
    }

    /// Whether any account of the person waits for an officer's word.
    pub(super) fn has_open_match(&self, account: &AccountId) -> bool {
        let open = |it: &AccountId| self.persons.get(it).is_some_and(|it| !it.open.is_empty());
        self.accounts_of_person(account).iter().any(open)
    }

    fn two_accounts(&self, one: &AccountId, other: &AccountId) -> Result<(), Refusal> {
        if self.holders.contains(one) && self.holders.contains(other) {
            Ok(())
        } else {
            Err(Refusal::UnknownAccount)
        }
    }

    pub(super) fn plan_match(&self, found: &PersonMatch) -> Result<Plan, Refusal> {
        self.two_accounts(&found.account, &found.other)?;
        if self.first_account(&found.account) == self.first_account(&found.other) {
            return Err(Refusal::SamePerson);
        }
        let known = self.persons.get(&found.account);
        let decided =
            |it: &Person| it.open.contains(&found.other) || it.apart.contains(&found.other);
        if known.is_some_and(decided) { Err(Refusal::Exists) } else { Ok(Plan::FACT) }
    }

    pub(super) fn apply_match(&mut self, found: &PersonMatch) {
        let (one, other) = (found.account, found.other);
        self.persons.get_or_default(one).open.insert(other);
        self.persons.get_or_default(other).open.insert(one);
    }

    pub(super) fn plan_join(&self, join: &PersonJoin) -> Result<Plan, Refusal> {
        self.two_accounts(&join.account, &join.first)?;
        if self.first_account(&join.account) == self.first_account(&join.first) {
            return Err(Refusal::SamePerson);
        }
        Ok(Plan::FACT)
    }

    pub(super) fn apply_join(&mut self, join: &PersonJoin) {
        self.forget_match(join.account, join.first);
        let first = self.first_account(&join.first);
        for account in self.accounts_of_person(&join.account) {
            self.persons.get_or_default(account).first = Some(first);
        }
        self.derive_doubles();
    }

    pub(super) fn plan_part(&self, part: &PersonPart) -> Result<Plan, Refusal> {
        self.two_accounts(&part.account, &part.other)?;
        let (one, other) = (self.first_account(&part.account), self.first_account(&part.other));
        // A double is parted from the account that stands for the person, whose others stay.
        if part.account == part.other || (one == other && part.account == one) {
            return Err(Refusal::NotWellFormed);
        }
        let known = self.persons.get(&part.account);
        if one != other && known.is_some_and(|it| it.apart.contains(&part.other)) {
            return Err(Refusal::Exists);
        }
        Ok(Plan::FACT)
    }

    pub(super) fn apply_part(&mut self, part: &PersonPart) {
        self.forget_match(part.account, part.other);
        let joined = self.first_account(&part.account) == self.first_account(&part.other);
        let one = self.persons.get_or_default(part.account);
        one.apart.insert(part.other);
        if joined {
            one.first = None;
        }
        self.persons.get_or_default(part.other).apart.insert(part.account);
        self.derive_doubles();
    }

    fn forget_match(&mut self, one: AccountId, other: AccountId) {
        for (account, other) in [(one, other), (other, one)] {
            let person = self.persons.get_or_default(account);
            person.open.remove(&other);
            person.apart.remove(&other);
        }
    }

    /// Makes the doubles of each person's first account. There are few persons with doubles.
    pub(super) fn derive_doubles(&mut self) {
        self.doubles_of.clear();
        for (account, person) in self.persons.iter() {
            if let Some(first) = person.first {
                self.doubles_of.entry(first).or_default().insert(*account);
            }
        }
    }
}
