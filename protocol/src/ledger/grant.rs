//! Grants: from a programme's budget to a recipient, once for each natural key.

use super::{Broken, Ledger, Plan, Proposal, check::may_receive};
use crate::{
    account::{Account, HolderClass},
    command::{GrantPrivate, GrantShared, ProposalDecision, Verdict},
    date::{BusinessDate, FiscalYear},
    entry::Entry,
    id::{AccountId, EntryIndex, GrantKey, ProgrammeId, ProposalId},
    key::OperationKey,
    lot::{Birth, Lot, LotTerms, Origin},
    points::Points,
    posting::Postings,
    programme::{Audience, Programme},
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
    let key = [&programme.0.to_be_bytes()[..], &private.account.0, &private.activity.0];
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
        basis: &GrantBasis,
        shared: &GrantShared,
        private: &GrantPrivate,
    ) -> Result<(&Programme, Lot), Refusal> {
        let today = basis.day;
        let holder = self.holders.get(&private.account).ok_or(Refusal::UnknownAccount)?;
        may_receive(holder.state)?;
        if shared.points.is_zero() {
            return Err(Refusal::NoPoints);
        }
        let programme = self.programmes.get(&shared.programme).ok_or(Refusal::UnknownProgramme)?;
        let expires = programme.expiry.last_day(today);
        if today < programme.from || today > programme.until || expires < today {
            return Err(Refusal::ProgrammeNotRunning);
        }
        if programme.audience == Audience::Residents && holder.class == HolderClass::Visitor {
            return Err(Refusal::ResidentsOnly);
        }
        if let Some(first) = self.granted.get(&natural_key(programme.id, private)) {
            return Err(Refusal::AlreadyGranted { first: *first });
        }
        let year = today.fiscal_year();
        let had = self.granted_in(&private.account, programme.id, year);
        let had = had.plus(basis.besides).unwrap_or(Points::MAX);
        let over_cap = |cap: Points| had.plus(shared.points).is_none_or(|sum| sum > cap);
        if let Some(cap) = programme.cap.filter(|cap| over_cap(*cap)) {
            return Err(Refusal::OverCap { left: cap.minus(had).unwrap_or(Points::ZERO) });
        }
        let given = self.balance(&Account::Programme(programme.id));
        if basis.budget == Budget::Left
            && given.plus(shared.points).is_none_or(|sum| sum > programme.ceiling)
        {
            let left = programme.ceiling.minus(given).unwrap_or(Points::ZERO);
            return Err(Refusal::BudgetExhausted { left });
        }
        let terms = LotTerms {
            origin: Origin::Here(Birth::Administrative(programme.id)),
            issuer: programme.issuer,
            paid: programme.paid,
            earned: today,
            expires,
            grace: programme.grace,
        };
        if holder.lots.full_for(&terms, today) {
            return Err(Refusal::TooManyLots);
        }
        if holder.lots.sum().plus(shared.points).is_none() {
            return Err(Refusal::TooManyPoints);
        }
        Ok((programme, Lot { terms, points: shared.points }))
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

    /// What a person was granted by a programme in this fiscal year.
    #[must_use]
    pub fn granted_in_year(&self, account: &AccountId, programme: ProgrammeId) -> Points {
        self.granted_in(account, programme, self.meta.day.fiscal_year())
    }

    /// What a person was granted by a programme in a fiscal year.
    #[must_use]
    pub fn granted_in(
        &self,
        account: &AccountId,
        programme: ProgrammeId,
        year: FiscalYear,
    ) -> Points {
        let holder = self.holders.get(account);
        holder.and_then(|holder| holder.granted.get(&(programme, year))).unwrap_or_default()
    }

    pub(super) fn apply_grant(
        &mut self,
        index: EntryIndex,
        shared: &GrantShared,
        private: &GrantPrivate,
    ) {
        self.note_grant(index, self.meta.day, shared, private);
    }

    /// Notes a grant's natural key, and what it counts in the fiscal year of its day.
    pub(super) fn note_grant(
        &mut self,
        index: EntryIndex,
        day: BusinessDate,
        shared: &GrantShared,
        private: &GrantPrivate,
    ) {
        self.granted.insert(natural_key(shared.programme, private), index);
        let year = day.fiscal_year();
        // Whoever is granted something has an account.
        let Some(holder) = self.holders.get_mut(&private.account) else { return };
        let key = (shared.programme, year);
        let sum = holder.granted.get(&key).unwrap_or_default();
        // The sum of what an account was granted is bounded by the programme's ceiling.
        holder.granted.set(key, sum.plus(shared.points).unwrap_or(Points::MAX));
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
