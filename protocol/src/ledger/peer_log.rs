//! Findings about another town's log: what freezes a channel, and what opens it again.

use super::{Broken, Ledger, Plan};
use crate::{
    channel::{Channel, LogTrouble},
    command::{LogJudgement, LogPair, LogVerdict},
    log::{note::VerifierKey, witness::log_key_of},
    refusal::Refusal,
};

impl Ledger {
    pub(super) fn plan_log_judgement(&self, judgement: &LogJudgement) -> Result<Plan, Refusal> {
        let town = judgement.town;
        let member = self.members.get(&town).ok_or(Refusal::NotInDirectory)?;
        let channel = self.channels.get(&town).ok_or(Refusal::NoAgreement)?;
        let key = log_key_of(town, member);
        let holds = match &judgement.verdict {
            LogVerdict::Forked(proof) => proof.verify(&key).is_ok(),
            LogVerdict::NotShown(pair) => pair.is_of(&key),
            LogVerdict::Shown { pair, proof } => {
                let (older, newer) = (pair.older.claimed(), pair.newer.claimed());
                let shown = proof.verify((older.size, &older.root), (newer.size, &newer.root));
                pair.is_of(&key) && shown.is_ok()
            }
        };
        if !holds {
            return Err(Refusal::NotWellFormed);
        }
        match (channel.log_trouble(), &judgement.verdict) {
            (None | Some(LogTrouble::NotShown), LogVerdict::Forked(_))
            | (None, LogVerdict::NotShown(_))
            | (Some(LogTrouble::NotShown), LogVerdict::Shown { .. }) => Ok(Plan::FACT),
            (None, LogVerdict::Shown { .. }) => Err(Refusal::NotNewer),
            (Some(LogTrouble::Forked), _)
            | (Some(LogTrouble::NotShown), LogVerdict::NotShown(_)) => Err(Refusal::ChannelFrozen),
        }
    }

    pub(super) fn apply_log_judgement(&mut self, judgement: &LogJudgement) -> Result<(), Broken> {
        let trouble = match judgement.verdict {
            LogVerdict::Forked(_) => Some(LogTrouble::Forked),
            LogVerdict::NotShown(_) => Some(LogTrouble::NotShown),
            LogVerdict::Shown { .. } => None,
        };
        let channel: &mut Channel =
            self.channels.get_mut(&judgement.town).ok_or(Broken::Unknown)?;
        channel.judge_log(trouble);
        Ok(())
    }
}

impl LogPair {
    /// Whether the log with this key signed both, in this order of size.
    fn is_of(&self, key: &VerifierKey) -> bool {
        self.older.claimed().size < self.newer.claimed().size
            && self.older.verify(key).is_ok()
            && self.newer.verify(key).is_ok()
    }
}
