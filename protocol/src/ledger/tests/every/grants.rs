//! Persons and grant codes.

use super::{Maker, OFFICER, p};
use crate::{
    account::HolderClass,
    command::*,
    id::{AccountId, CodeId, ProgrammeId},
    ledger::tests::desk::{by_officer, day},
    programme::GrantRule,
};

impl Maker<'_> {
    /// A match, a word each way, and a code with its code, shown by two accounts of one person.
    pub(super) fn persons_and_codes(&mut self, account: AccountId) {
        let double = AccountId([78; 16]);
        let (class, actor) = (HolderClass::Resident, Actor::Officer(OFFICER));
        let opening = AccountOpening { account: double, class, actor };
        self.add(Command::OpenAccount(Nothing {}, opening));
        let found = PersonMatch { account: double, other: account };
        self.add(Command::NoteMatch(Nothing {}, found.clone()));
        self.add(Command::NoteMatch(Nothing {}, found));
        let part = PersonPart { account: double, other: account, officer: OFFICER };
        self.add(Command::PartPersons(Nothing {}, part));
        let join = PersonJoin { account: double, first: account, officer: OFFICER };
        self.add(Command::JoinPerson(Nothing {}, join.clone()));
        self.add(Command::JoinPerson(Nothing {}, join));
        let mut programme = self.pair.a.ledger.programmes().next().unwrap().clone();
        (programme.id, programme.rule) = (ProgrammeId(30), Some(GrantRule::Code));
        self.add(Command::SetProgramme(programme, by_officer()));
        let code = GrantCode {
            id: CodeId([30; 16]),
            programme: ProgrammeId(30),
            points: p(50),
            last_day: day("2027-03-31"),
            uses_max: 1,
        };
        self.add(Command::SetGrantCode(code, by_officer()));
        for account in [account, double, self.pair.at_a] {
            let shared = CodeShared { code: CodeId([30; 16]) };
            self.add(Command::GrantByCode(shared, CodePrivate { account, attested: None }));
        }
    }
}
