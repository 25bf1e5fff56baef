//! The life of accounts, and who is one person.

use alloc::{vec, vec::Vec};

use super::{super::desk::*, Both, Step, said};
use crate::{
    account::{HolderClass, HolderState},
    command::*,
    terms::TownTerms,
};

/// What was said of accounts.
#[derive(Default)]
pub(super) struct Accounts {
    erased: Vec<usize>,
    kept: Vec<usize>,
}

impl Both {
    /// What of an account is neither in its balance nor gone.
    fn waits(&self, who: usize) -> i64 {
        self.unassigned(who)
            + self.in_transit(who)
            + self.reserved(who)
            + self.waits_in_files(who)
            + self.charging(who)
    }

    pub(super) fn state(&mut self, step: &Step) {
        let state = match step.flag % 32 {
            0..=22 => HolderState::Open,
            23..=27 => HolderState::Frozen,
            28..=30 => HolderState::Deceased,
            _ => HolderState::Closed,
        };
        let who = step.who;
        let holds = self.model.holds(who) || self.waits(who) > 0;
        let told = self.model.state[who] != HolderState::Closed
            && (state != HolderState::Closed || !holds);
        let actor = Actor::Officer(OFFICER);
        let change = AccountStateChange { account: self.accounts[who], state, actor };
        let done = self.pair.a.submit(Command::SetAccountState(Nothing {}, change));
        if said(step, &done, told) {
            self.model.state[who] = state;
        }
    }

    pub(super) fn close(&mut self, step: &Step) {
        let who = step.who;
        let held = self.model.spendable(who);
        let forfeit = if !step.one_in(4) { step.points } else { held };
        let told = self.model.is_open(who) && self.waits(who) == 0 && forfeit == held;
        let done = self.pair.a.give_up(self.accounts[who], u32::try_from(forfeit).unwrap());
        if said(step, &done, told) {
            self.model.give_up(who);
            self.model.state[who] = HolderState::Closed;
        }
    }

    pub(super) fn estate(&mut self, step: &Step) {
        let who = step.who;
        let heir = (who + 1 + usize::from(step.flag % 4)) % self.accounts.len();
        let held = self.model.spendable(who);
        let share = step.points.min(held);
        let forfeit = if step.flag % 8 == 7 { held } else { held - share };
        let shares = if share > 0 {
            vec![Share { heir: self.accounts[heir], points: p(u32::try_from(share).unwrap()) }]
        } else {
            vec![]
        };
        let told = self.model.state[who] == HolderState::Deceased
            && (share == 0 || (heir != who && self.model.receives(heir)))
            && self.waits(who) == 0
            && share + forfeit == held;
        let forfeit = p(u32::try_from(forfeit).unwrap());
        let estate = Estate { account: self.accounts[who], shares, forfeit };
        let done = self.pair.a.by_two(&Command::SettleEstate(Nothing {}, estate));
        if said(step, &done, told) {
            for kind in self.model.take(who, share, |_| true) {
                self.model.put(heir, kind, 1);
            }
            self.model.give_up(who);
            self.model.state[who] = HolderState::Closed;
        }
    }

    pub(super) fn class(&mut self, step: &Step) {
        let visitor = step.one_in(3);
        let class = if visitor { HolderClass::Visitor } else { HolderClass::Resident };
        let told = self.model.receives(step.who);
        let account = self.accounts[step.who];
        let change = ClassChange { account, class, officer: OFFICER };
        let done = self.pair.a.submit(Command::SetAccountClass(Nothing {}, change));
        if said(step, &done, told) {
            self.model.visitor[step.who] = visitor;
        }
    }

    pub(super) fn sign_in(&mut self, step: &Step) {
        let account = self.accounts[step.who];
        let reissue = Reissue { account, what: Reissued::Card, officer: OFFICER };
        let done = self.pair.a.submit(Command::Reissue(Nothing {}, reissue));
        said(step, &done, self.model.receives(step.who));
    }

    pub(super) fn legal_hold(&mut self, step: &Step) {
        let kept = step.one_in(2);
        let hold = if kept { LegalHold::Kept } else { LegalHold::Over };
        let is = self.life.kept.contains(&step.who);
        let told = !self.life.erased.contains(&step.who) && is != kept;
        let change = LegalHoldChange { account: self.accounts[step.who], hold, officer: OFFICER };
        let done = self.pair.a.submit(Command::SetLegalHold(Nothing {}, change));
        if said(step, &done, told) {
            self.life.kept.retain(|who| *who != step.who);
            if kept {
                self.life.kept.push(step.who);
            }
        }
    }

    pub(super) fn erase(&mut self, step: &Step) {
        let told = self.model.state[step.who] == HolderState::Closed
            && !self.life.erased.contains(&step.who)
            && !self.life.kept.contains(&step.who);
        let accounts = vec![self.accounts[step.who]];
        let erasure = Erasure { accounts, reason: ErasureReason::Asked };
        let done = self.pair.a.by_two(&Command::Erase(Nothing {}, erasure));
        if said(step, &done, told) {
            self.life.erased.push(step.who);
        }
    }

    /// The town changes its days of grace.
    pub(super) fn terms(&mut self, step: &Step) {
        let grace_days = if step.one_in(2) { 14 } else { 2 };
        let terms = TownTerms { grace_days, ..*self.pair.a.ledger.terms() };
        let done = self.pair.a.submit(Command::SetTerms(terms, by_officer()));
        said(step, &done, true);
        self.model.grace_days = grace_days;
    }

    fn other(&self, step: &Step) -> usize {
        (step.who + usize::from(step.flag % 4)) % self.accounts.len()
    }

    fn is_apart(&self, one: usize, other: usize) -> bool {
        self.model.apart.contains(&(one, other)) || self.model.apart.contains(&(other, one))
    }

    fn is_doubtful(&self, one: usize, other: usize) -> bool {
        self.model.open.contains(&(one, other)) || self.model.open.contains(&(other, one))
    }

    fn forget_pair(&mut self, one: usize, other: usize) {
        let pair = |it: &(usize, usize)| *it != (one, other) && *it != (other, one);
        self.model.open.retain(pair);
        self.model.apart.retain(pair);
    }

    pub(super) fn note_match(&mut self, step: &Step) {
        let (one, other) = (step.who, self.other(step));
        let told = !self.model.same_person(one, other)
            && !self.is_apart(one, other)
            && !self.is_doubtful(one, other);
        let found = PersonMatch { account: self.accounts[one], other: self.accounts[other] };
        let done = self.pair.a.submit(Command::NoteMatch(Nothing {}, found));
        if said(step, &done, told) {
            self.model.open.push((one, other));
        }
    }

    pub(super) fn join(&mut self, step: &Step) {
        let (one, other) = (step.who, self.other(step));
        let told = !self.model.same_person(one, other);
        let (account, first) = (self.accounts[one], self.accounts[other]);
        let join = PersonJoin { account, first, officer: OFFICER };
        let done = self.pair.a.submit(Command::JoinPerson(Nothing {}, join));
        if said(step, &done, told) {
            self.forget_pair(one, other);
            let (was, now) = (self.model.person[one], self.model.person[other]);
            for person in self.model.person.iter_mut().filter(|person| **person == was) {
                *person = now;
            }
        }
    }

    pub(super) fn part(&mut self, step: &Step) {
        let (one, other) = (step.who, self.other(step));
        let same = self.model.same_person(one, other);
        let told = one != other
            && (!same || self.model.person[one] != one)
            && (same || !self.is_apart(one, other));
        let (account, other_account) = (self.accounts[one], self.accounts[other]);
        let part = PersonPart { account, other: other_account, officer: OFFICER };
        let done = self.pair.a.submit(Command::PartPersons(Nothing {}, part));
        if said(step, &done, told) {
            self.forget_pair(one, other);
            self.model.apart.push((one, other));
            if same {
                self.model.person[one] = one;
            }
        }
    }
}
