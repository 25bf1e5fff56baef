//! What needs two officers: one enters it, another one's word does it (people.md, Officers).

use super::{Broken, Ledger, Plan};
use crate::{
    command::{ProposalDecision, Proposed, Verdict},
    date::Time,
    entry::{Effect, Entry},
    id::ProposalId,
    refusal::Refusal,
};

impl Ledger {
    /// A proposal is taken if its command would be done now, so that the first officer hears of a
    /// mistake, not the second one.
    pub(super) fn plan_propose(&self, time: Time, proposed: &Proposed) -> Result<Plan, Refusal> {
        let command = proposed.command().map_err(|_| Refusal::NotWellFormed)?;
        if !command.needs_two_officers() && self.above_one_officer(&command).is_none() {
            return Err(Refusal::NotWellFormed);
        }
        self.plan_command(time, &command).map(|_| Plan::FACT)
    }

    pub(super) fn apply_propose(
        &mut self,
        entry: &Entry,
        proposed: &Proposed,
    ) -> Result<(), Broken> {
        let key = entry.submission.client_key().ok_or(Broken::Unknown)?;
        self.proposed.insert(ProposalId(*key.bytes()), proposed.clone());
        Ok(())
    }

    /// The second officer's word about a grant or about a command.
    pub(super) fn plan_decision(
        &self,
        time: Time,
        decision: &ProposalDecision,
    ) -> Result<Plan, Refusal> {
        if let Some(proposal) = self.proposals.get(&decision.proposal) {
            return self.plan_grant_decision(proposal, decision);
        }
        let proposed = self.proposed.get(&decision.proposal).ok_or(Refusal::UnknownProposal)?;
        match decision.verdict {
            Verdict::Reject => Ok(Plan::FACT),
            Verdict::Approve if decision.approver == proposed.maker => Err(Refusal::SameOfficer),
            Verdict::Approve => {
                let command = proposed.command().map_err(|_| Refusal::NotWellFormed)?;
                self.plan_command(time, &command)
            }
        }
    }

    pub(super) fn apply_decision(
        &mut self,
        entry: &Entry,
        decision: &ProposalDecision,
        effect: &Effect,
    ) -> Result<(), Broken> {
        if let Some(proposal) = self.proposals.remove(&decision.proposal) {
            if decision.verdict == Verdict::Approve {
                self.apply_grant(entry.index, &proposal.shared, &proposal.private);
            }
            return Ok(());
        }
        let proposed = self.proposed.remove(&decision.proposal).ok_or(Broken::Unknown)?;
        match decision.verdict {
            Verdict::Reject => Ok(()),
            Verdict::Approve => {
                let command = proposed.command().map_err(|_| Broken::Unknown)?;
                self.apply_command(entry, &command, effect)
            }
        }
    }

    /// What waits for a second officer, but for grants, in order.
    pub fn proposed(&self) -> impl Iterator<Item = (&ProposalId, &Proposed)> {
        self.proposed.iter()
    }
}
