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
    id::{AccountId, EntryIndex, ProgrammeId, ProposalId},
    key::OperationKey,
    lot::{Birth, Lot, LotTerms, Origin},
    points::Points,
    posting::Postings,
    programme::{Audience, GrantRule, Measure, Programme},
    refusal::Refusal,
};

/// The natural key of a grant (money-rules, Programmes).
fn natural_key(programme: ProgrammeId, account: &AccountId, activity: &Digest) -> Digest {
    Digest::of(&[b"jichi/grant/v1", &[0], &programme.0.to_be_bytes(), &account.0, &activity.0])
}

/// The day that a grant is judged on, and what pays for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GrantAt {
    /// Age, fiscal year, earned and expiry are those of this day.
    pub(super) day: BusinessDate,
    /// What pays for it.
    pub(super) budget: Budget,
}

/// What pays for a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Budget {
    /// What is left of the programme's.
    Left,
    /// What was reserved before, so that the ceiling was asked then.
    #[expect(dead_code, reason = "files of bulk grants reserve their sum")]
    Reserved,
}

impl GrantAt {
    /// A grant of this day, out of what is left of the budget.
    pub(super) const fn from_budget(day: BusinessDate) -> Self {
        Self { day, budget: Budget::Left }
    }
}

impl Ledger {
    pub(super) fn plan_grant(
        &self,
        shared: &GrantShared,
        private: &GrantPrivate,
    ) -> Result<Plan, Refusal> {
        let at = GrantAt::from_budget(self.meta.day);
        let (programme, lot) = self.grantable(at, shared, private)?;
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
        let at = GrantAt::from_budget(self.meta.day);
        self.grantable(at, shared, private).map(|_| Plan::FACT)
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
                let at = GrantAt::from_budget(self.meta.day);
                let (_, lot) = self.grantable(at, &proposal.shared, &proposal.private)?;
                self.grant_plan(proposal.shared.programme, proposal.private.account, lot)
            }
        }
    }

    /// Everything that a grant has to keep, but for the second officer.
    pub(super) fn grantable(
        &self,
        at: GrantAt,
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
        self.within_cap(programme, at.day, shared, private)?;
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

    /// The entry that gave this before, to whichever account of the person.
    pub(super) fn granted_before(
        &self,
        shared: &GrantShared,
        private: &GrantPrivate,
    ) -> Option<EntryIndex> {
        let accounts = self.accounts_of_person(&private.account);
        let key = |account| natural_key(shared.programme, account, &private.activity);
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
            // The campaign was asked, and says the points.
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
        let had = self.sum_of_person(account, |grants| grants.months.get(&(programme.id, *month)));
        let left = cap.minus(had).unwrap_or(Points::ZERO);
        // The day on which the month's cap is reached gives what is left of it.
        if left.is_zero() { Err(Refusal::OverMonth) } else { Ok(points.min(left)) }
    }

    fn within_cap(
        &self,
        programme: &Programme,
        day: BusinessDate,
        shared: &GrantShared,
        private: &GrantPrivate,
    ) -> Result<(), Refusal> {
        let Some(cap) = programme.cap else { return Ok(()) };
        if self.has_open_match(&private.account) {
            return Err(Refusal::DoubleOpen);
        }
        let had = self.granted_in(&private.account, programme.id, day.fiscal_year());
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
        self.sum_of_person(account, |grants| grants.sums.get(&(programme, year)))
    }

    fn sum_of_person<'a>(
        &'a self,
        account: &AccountId,
        of: impl Fn(&'a super::Grants) -> Option<&'a Points>,
    ) -> Points {
        let accounts = self.accounts_of_person(account);
        let sums = accounts.iter().filter_map(|it| of(self.grants.get(it)?)).copied();
        // The sum of what was granted is bounded by the programme's ceiling.
        Points::sum(sums).unwrap_or(Points::MAX)
    }

    pub(super) fn apply_grant(
        &mut self,
        index: EntryIndex,
        at: GrantAt,
        shared: &GrantShared,
        private: &GrantPrivate,
    ) {
        let key = natural_key(shared.programme, &private.account, &private.activity);
        self.granted.insert(key, index);
        let grants = self.grants.get_or_default(private.account);
        let more = |sum: &mut Points| *sum = sum.plus(shared.points).unwrap_or(Points::MAX);
        more(grants.sums.entry((shared.programme, at.day.fiscal_year())).or_default());
        if let Some(Measure::Steps { month, .. }) = &private.measure {
            more(grants.months.entry((shared.programme, *month)).or_default());
        }
    }

    /// Frees the natural key and the caps of a grant that is not given after all.
    #[expect(dead_code, reason = "a cancelled file of bulk grants frees its lines")]
    pub(super) fn unapply_grant(
        &mut self,
        at: GrantAt,
        shared: &GrantShared,
        private: &GrantPrivate,
    ) {
        self.granted.remove(&natural_key(shared.programme, &private.account, &private.activity));
        let Some(grants) = self.grants.get_mut(&private.account) else { return };
        let year = (shared.programme, at.day.fiscal_year());
        if let Some(sum) = grants.sums.get_mut(&year) {
            *sum = sum.minus(shared.points).unwrap_or(Points::ZERO);
        }
        if let Some(Measure::Steps { month, .. }) = &private.measure
            && let Some(sum) = grants.months.get_mut(&(shared.programme, *month))
        {
            *sum = sum.minus(shared.points).unwrap_or(Points::ZERO);
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
