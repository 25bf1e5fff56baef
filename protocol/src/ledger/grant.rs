//! Grants: from a programme's budget to a recipient, once for each natural key. Whatever gives a
//! programme's points asks [`Ledger::grantable`], so that a grant is judged in one place.

use super::{Broken, Ledger, Plan, Proposal, check::may_receive};
use crate::{
    account::{Account, HolderClass},
    command::{GrantPrivate, GrantShared, ProposalDecision, Verdict},
    date::{BusinessDate, FiscalYear},
    digest::Digest,
    eligibility::Ineligible,
    entry::Entry,
    id::{AccountId, EntryIndex, GrantKey, ProgrammeId, ProposalId},
    key::OperationKey,
    lot::{Birth, Lot, LotTerms, Origin},
    points::Points,
    posting::Postings,
    programme::{Audience, GrantRule, Measure, Programme},
    refusal::Refusal,
};

/// On what a grant is decided.
#[derive(Debug, Clone, Copy)]
pub(super) struct GrantBasis {
    /// The day whose age, fiscal year, period and expiry count: today's, or a file's opening.
    pub(super) day: BusinessDate,
    /// Where the points stand.
    pub(super) budget: Budget,
    /// What the same entry grants the person by the same programme besides.
    pub(super) besides: Points,
}

/// Where the points of a grant stand before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Budget {
    /// In what is left of the programme's ceiling.
    Left,
    /// Reserved already, by a file or a claim slip.
    Reserved,
}

/// The natural key of a grant (money-rules, Programmes).
pub(super) fn natural_key(programme: ProgrammeId, private: &GrantPrivate) -> GrantKey {
    key_of(programme, &private.account, &private.activity)
}

pub(super) fn key_of(programme: ProgrammeId, account: &AccountId, activity: &Digest) -> GrantKey {
    let key = [&programme.0.to_be_bytes()[..], &account.0, &activity.0];
    GrantKey::derived("jichi/grant/v1", &key.concat())
}

impl Ledger {
    pub(super) fn plan_grant(
        &self,
        shared: &GrantShared,
        private: &GrantPrivate,
    ) -> Result<Plan, Refusal> {
        let (programme, lot) = self.grantable(shared, private)?;
        if shared.points > programme.two_officers_above {
            return Err(Refusal::SecondOfficerNeeded { above: programme.two_officers_above });
        }
        self.grant_plan(shared.programme, private.account, lot)
    }

    pub(super) fn plan_proposal(
        &self,
        shared: &GrantShared,
        private: &GrantPrivate,
    ) -> Result<Plan, Refusal> {
        self.grantable(shared, private).map(|_| Plan::FACT)
    }

    pub(super) fn plan_grant_decision(
        &self,
        proposal: &Proposal,
        decision: &ProposalDecision,
    ) -> Result<Plan, Refusal> {
        match decision.verdict {
            Verdict::Reject => Ok(Plan::FACT),
            Verdict::Approve if decision.approver == proposal.private.maker => {
                Err(Refusal::SameOfficer)
            }
            Verdict::Approve => {
                let (_, lot) = self.grantable(&proposal.shared, &proposal.private)?;
                self.grant_plan(proposal.shared.programme, proposal.private.account, lot)
            }
        }
    }

    /// Everything that a grant of today has to keep, but for the second officer.
    fn grantable(
        &self,
        shared: &GrantShared,
        private: &GrantPrivate,
    ) -> Result<(&Programme, Lot), Refusal> {
        let day = self.meta.day;
        let basis = GrantBasis { day, budget: Budget::Left, besides: Points::ZERO };
        self.grantable_by(&basis, shared, private)
    }

    /// Everything that a grant has to keep on this basis, but for the second officer.
    pub(super) fn grantable_by(
        &self,
        at: &GrantBasis,
        shared: &GrantShared,
        private: &GrantPrivate,
    ) -> Result<(&Programme, Lot), Refusal> {
        let holder = self.holders.get(&private.account).ok_or(Refusal::UnknownAccount)?;
        may_receive(holder.state)?;
        if shared.points.is_zero() {
            return Err(Refusal::NoPoints);
        }
        let programme = self.programmes.get(&shared.programme).ok_or(Refusal::UnknownProgramme)?;
        let expires = programme.expiry.last_day(at.day);
        if at.day < programme.from || at.day > programme.until || expires < self.meta.day {
            return Err(Refusal::ProgrammeNotRunning);
        }
        if programme.audience == Audience::Residents && holder.class == HolderClass::Visitor {
            return Err(Refusal::ResidentsOnly);
        }
        admits(programme, private, at.day)?;
        if let Some(first) = self.granted_before(shared, private) {
            return Err(Refusal::AlreadyGranted { first });
        }
        self.by_rule(programme, at.day, shared, private)?;
        self.within_cap(programme, at, shared, private)?;
        if at.budget == Budget::Left {
            self.within_budget(programme, shared.points)?;
        }
        let terms = LotTerms {
            origin: Origin::Here(Birth::Administrative(programme.id)),
            issuer: programme.issuer,
            paid: programme.paid,
            earned: at.day,
            expires,
            grace: programme.grace,
        };
        if holder.lots.full_for(&terms, self.meta.day) {
            return Err(Refusal::TooManyLots);
        }
        if holder.lots.sum().plus(shared.points).is_none() {
            return Err(Refusal::TooManyPoints);
        }
        Ok((programme, Lot { terms, points: shared.points }))
    }

    pub(super) fn granted_before(
        &self,
        shared: &GrantShared,
        private: &GrantPrivate,
    ) -> Option<EntryIndex> {
        self.granted_at(shared.programme, private)
    }

    /// The entry that gave this before, to whichever account of the person.
    #[must_use]
    pub fn granted_at(&self, programme: ProgrammeId, private: &GrantPrivate) -> Option<EntryIndex> {
        let accounts = self.accounts_of_person(&private.account);
        let key = |account| key_of(programme, account, &private.activity);
        accounts.iter().find_map(|account| self.granted.get(&key(account))).copied()
    }

    /// Whether the points are what the programme's rule gives for what was measured.
    fn by_rule(
        &self,
        programme: &Programme,
        day: BusinessDate,
        shared: &GrantShared,
        private: &GrantPrivate,
    ) -> Result<(), Refusal> {
        match (&programme.rule, &private.measure) {
            (None, None) => return Ok(()),
            // The code was asked, and says the points.
            (Some(GrantRule::Code), Some(Measure::Code(_))) => return Ok(()),
            (None, Some(_)) | (Some(_), None) => return Err(Refusal::WrongRule),
            (Some(_), Some(_)) => {}
        }
        let measure = private.measure.as_ref().ok_or(Refusal::WrongRule)?;
        let right = self.points_by_rule(programme, day, &private.account, measure)?;
        if shared.points == right { Ok(()) } else { Err(Refusal::NotByRule { right }) }
    }

    /// The points that a programme's rule gives an account for what was measured, if the grant is
    /// of this day.
    ///
    /// # Errors
    /// `wrong_rule`, `out_of_season`, `over_month`.
    pub fn points_by_rule(
        &self,
        programme: &Programme,
        day: BusinessDate,
        account: &AccountId,
        measure: &Measure,
    ) -> Result<Points, Refusal> {
        let rule = programme.rule.as_ref().ok_or(Refusal::WrongRule)?;
        let points = rule.points(measure).ok_or(Refusal::WrongRule)?;
        if let GrantRule::Exchange { month: Some(month), .. } = rule
            && day.month().of_year() != *month
        {
            return Err(Refusal::OutOfSeason { month: *month });
        }
        let (GrantRule::Steps { monthly_cap: Some(cap), .. }, Measure::Steps { month, .. }) =
            (rule, measure)
        else {
            return Ok(points);
        };
        let months = |it: &AccountId| self.walked.get(it)?.sums.get(&(programme.id, *month));
        let had = self.sum_of_person(account, months);
        let left = cap.minus(had).unwrap_or(Points::ZERO);
        // The day on which the month's cap is reached gives what is left of it.
        if left.is_zero() { Err(Refusal::OverMonth) } else { Ok(points.min(left)) }
    }

    fn within_cap(
        &self,
        programme: &Programme,
        at: &GrantBasis,
        shared: &GrantShared,
        private: &GrantPrivate,
    ) -> Result<(), Refusal> {
        let Some(cap) = programme.cap else { return Ok(()) };
        if self.has_open_match(&private.account) {
            return Err(Refusal::DoubleOpen);
        }
        let had = self.granted_in(&private.account, programme.id, at.day.fiscal_year());
        let had = had.plus(at.besides).unwrap_or(Points::MAX);
        if had.plus(shared.points).is_none_or(|sum| sum > cap) {
            return Err(Refusal::OverCap { left: cap.minus(had).unwrap_or(Points::ZERO) });
        }
        Ok(())
    }

    pub(super) fn within_budget(
        &self,
        programme: &Programme,
        points: Points,
    ) -> Result<(), Refusal> {
        let given = self.balance(&Account::Programme(programme.id));
        if given.plus(points).is_none_or(|sum| sum > programme.ceiling) {
            let left = programme.ceiling.minus(given).unwrap_or(Points::ZERO);
            return Err(Refusal::BudgetExhausted { left });
        }
        Ok(())
    }

    fn grant_plan(
        &self,
        programme: ProgrammeId,
        account: AccountId,
        lot: Lot,
    ) -> Result<Plan, Refusal> {
        Postings::into(account, alloc::vec![lot], Account::Programme(programme))
            .map(Plan::moving)
            .ok_or(Refusal::TooManyPoints)
    }

    /// What a person was granted by a programme in this fiscal year, on all accounts.
    #[must_use]
    pub fn granted_in_year(&self, account: &AccountId, programme: ProgrammeId) -> Points {
        self.granted_in(account, programme, self.meta.day.fiscal_year())
    }

    /// What a person was granted by a programme in a fiscal year, on all accounts.
    #[must_use]
    pub fn granted_in(
        &self,
        account: &AccountId,
        programme: ProgrammeId,
        year: FiscalYear,
    ) -> Points {
        let sums = |it: &AccountId| self.holders.get(it)?.granted.get(&(programme, year));
        self.sum_of_person(account, sums)
    }

    fn sum_of_person(
        &self,
        account: &AccountId,
        of: impl Fn(&AccountId) -> Option<Points>,
    ) -> Points {
        let accounts = self.accounts_of_person(account);
        // The sum of what was granted is bounded by the programme's ceiling.
        Points::sum(accounts.iter().filter_map(of)).unwrap_or(Points::MAX)
    }

    pub(super) fn apply_grant(
        &mut self,
        index: EntryIndex,
        shared: &GrantShared,
        private: &GrantPrivate,
    ) {
        self.note_grant(index, self.meta.day, shared, private);
    }

    /// Notes a grant's natural key, and what it counts in the fiscal year of its day and in the
    /// month of walking.
    pub(super) fn note_grant(
        &mut self,
        index: EntryIndex,
        day: BusinessDate,
        shared: &GrantShared,
        private: &GrantPrivate,
    ) {
        self.granted.insert(natural_key(shared.programme, private), index);
        let more = |sum: Option<Points>| {
            sum.unwrap_or_default().plus(shared.points).unwrap_or(Points::MAX)
        };
        // Whoever is granted something has an account.
        if let Some(holder) = self.holders.get_mut(&private.account) {
            let key = (shared.programme, day.fiscal_year());
            holder.granted.set(key, more(holder.granted.get(&key)));
        }
        if let Some(Measure::Steps { month, .. }) = &private.measure {
            let walked = self.walked.get_or_default(private.account);
            let key = (shared.programme, *month);
            walked.sums.set(key, more(walked.sums.get(&key)));
        }
    }

    pub(super) fn apply_proposal(
        &mut self,
        entry: &Entry,
        shared: &GrantShared,
        private: &GrantPrivate,
    ) -> Result<(), Broken> {
        let Some(OperationKey::Client(key)) = &entry.submission.key else {
            return Err(Broken::Unknown);
        };
        let proposal = Proposal { shared: shared.clone(), private: private.clone() };
        self.proposals.insert(ProposalId(*key.bytes()), proposal);
        Ok(())
    }
}

/// Whether the recipient is one whom the programme is for, on this day.
fn admits(programme: &Programme, private: &GrantPrivate, day: BusinessDate) -> Result<(), Refusal> {
    let Some(eligibility) = &programme.eligibility else { return Ok(()) };
    eligibility.admits(private.attested.as_ref(), day).map_err(|why| match why {
        Ineligible::Unknown => Refusal::AttributesUnknown,
        Ineligible::TooYoung(on) => Refusal::TooYoung { on },
        Ineligible::NotResident => Refusal::NotResident,
        Ineligible::NotEnrolled => Refusal::NotEnrolled,
    })
}
