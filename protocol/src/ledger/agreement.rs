//! Agreements with other towns: taken with both seals from an officer's hand, or proposed and
//! agreed to by envelopes (federation, Agreements).

use super::{Broken, Ledger, Plan, fact::nobody};
use crate::{
    agreement::{
        Agreement, SignedAgreement,
        exchange::{AgreementMessage, Dealing, DeclineReason, Dissent, OwnProposal, Proposal},
    },
    channel::Channel,
    codec,
    command::{Command, ProposalDeclined},
    entry::Effect,
    envelope::{Envelope, Purpose},
    id::{EntryIndex, TownId},
    posting::Postings,
    refusal::Refusal,
};

impl Ledger {
    pub(super) fn plan_agreement(&self, signed: &SignedAgreement) -> Result<Plan, Refusal> {
        let agreement = &signed.agreement;
        let peer = agreement.peer_of(self.meta.town).ok_or(Refusal::NotThisTown)?;
        if !agreement.well_formed() {
            return Err(Refusal::NotWellFormed);
        }
        // The seals name the keys; those that the directory names decide.
        let signers = self.signers(&Command::TakeAgreement(signed.clone(), nobody()))?;
        if signers != [signed.low.key, signed.high.key] {
            return Err(Refusal::NotInDirectory);
        }
        self.newer_than_agreed(peer, agreement)?;
        Ok(Plan::FACT)
    }

    pub(super) fn apply_agreement(&mut self, signed: &SignedAgreement) -> Result<(), Broken> {
        let peer = signed.agreement.peer_of(self.meta.town).ok_or(Broken::Unknown)?;
        self.make_channel(&peer).map_err(|_| Broken::Unknown)?;
        self.conclude(peer, signed);
        Ok(())
    }

    fn newer_than_agreed(&self, peer: TownId, agreement: &Agreement) -> Result<(), Refusal> {
        match self.agreements.get(&peer) {
            Some(known) if known.agreement.number >= agreement.number => Err(Refusal::NotNewer),
            Some(_) | None => Ok(()),
        }
    }

    /// The agreement is in force; proposals that it overtakes are closed.
    fn conclude(&mut self, peer: TownId, signed: &SignedAgreement) {
        let number = signed.agreement.number;
        self.agreements.insert(peer, signed.clone());
        let mut dealing = self.dealing(&peer);
        dealing.ours = dealing.ours.filter(|ours| ours.proposal.agreement.number > number);
        dealing.theirs = dealing.theirs.filter(|theirs| theirs.agreement.number > number);
        self.set_dealing(peer, dealing);
    }

    /// What is proposed between this town and another, and not agreed to.
    #[must_use]
    pub fn dealing(&self, peer: &TownId) -> Dealing {
        self.dealings.get(peer).cloned().unwrap_or_default()
    }

    /// All towns with which something is proposed.
    pub fn dealings(&self) -> impl Iterator<Item = (&TownId, &Dealing)> {
        self.dealings.iter()
    }

    /// The agreements with other towns, the last one with each.
    pub fn agreements(&self) -> impl Iterator<Item = (&TownId, &SignedAgreement)> {
        self.agreements.iter()
    }

    fn set_dealing(&mut self, peer: TownId, dealing: Dealing) {
        if dealing == Dealing::default() {
            self.dealings.remove(&peer);
        } else {
            self.dealings.insert(peer, dealing);
        }
    }

    pub(super) fn plan_propose_agreement(&self, proposal: &Proposal) -> Result<Plan, Refusal> {
        let agreement = &proposal.agreement;
        let (me, today) = (self.meta.town, self.meta.day);
        let peer = agreement.peer_of(me).ok_or(Refusal::NotThisTown)?;
        if proposal.check(me, &[self.meta.channel_key], peer).is_err() {
            return Err(Refusal::NotWellFormed);
        }
        if agreement.until < today {
            return Err(Refusal::AgreementOver { until: agreement.until });
        }
        self.newer_than_agreed(peer, agreement)?;
        // The town stands by what it proposed: other terms need another number.
        let before = self.dealing(&peer).ours;
        if before.is_some_and(|ours| ours.proposal.agreement.number >= agreement.number) {
            return Err(Refusal::NotNewer);
        }
        self.plan_about_agreement(peer, &AgreementMessage::Propose(proposal.clone()))
    }

    pub(super) fn apply_propose_agreement(
        &mut self,
        index: EntryIndex,
        proposal: &Proposal,
        effect: &Effect,
    ) -> Result<(), Broken> {
        let peer = proposal.agreement.peer_of(self.meta.town).ok_or(Broken::Unknown)?;
        self.note_word(index, peer, effect)?;
        self.note_own_proposal(peer, proposal);
        Ok(())
    }

    fn note_own_proposal(&mut self, peer: TownId, proposal: &Proposal) {
        let ours = OwnProposal { proposal: proposal.clone(), declined: None };
        let dealing = Dealing { ours: Some(ours), ..self.dealing(&peer) };
        self.set_dealing(peer, dealing);
    }

    pub(super) fn plan_agree(&self, signed: &SignedAgreement) -> Result<Plan, Refusal> {
        let agreement = &signed.agreement;
        let me = self.meta.town;
        let peer = agreement.peer_of(me).ok_or(Refusal::NotThisTown)?;
        let theirs = self.dealing(&peer).theirs.ok_or(Refusal::UnknownAgreementProposal)?;
        let own = if me == agreement.low { signed.low } else { signed.high };
        if theirs.agreed(peer, own) != *signed {
            return Err(Refusal::UnknownAgreementProposal);
        }
        if !own.fits(&[self.meta.channel_key], agreement) {
            return Err(Refusal::NotWellFormed);
        }
        if agreement.until < self.meta.day {
            return Err(Refusal::AgreementOver { until: agreement.until });
        }
        self.newer_than_agreed(peer, agreement)?;
        self.plan_about_agreement(peer, &AgreementMessage::Agree(signed.clone()))
    }

    pub(super) fn apply_agree(
        &mut self,
        index: EntryIndex,
        signed: &SignedAgreement,
        effect: &Effect,
    ) -> Result<(), Broken> {
        let peer = signed.agreement.peer_of(self.meta.town).ok_or(Broken::Unknown)?;
        self.note_word(index, peer, effect)?;
        self.conclude(peer, signed);
        Ok(())
    }

    pub(super) fn plan_decline_agreement(
        &self,
        declined: &ProposalDeclined,
    ) -> Result<Plan, Refusal> {
        let theirs = self.dealing(&declined.town).theirs;
        if theirs.is_none_or(|theirs| theirs.agreement.hash() != declined.terms) {
            return Err(Refusal::UnknownAgreementProposal);
        }
        let dissent = Dissent { terms: declined.terms, reason: DeclineReason::NotWanted };
        self.plan_about_agreement(declined.town, &AgreementMessage::Decline(dissent))
    }

    pub(super) fn apply_decline_agreement(
        &mut self,
        index: EntryIndex,
        declined: &ProposalDeclined,
        effect: &Effect,
    ) -> Result<(), Broken> {
        self.note_word(index, declined.town, effect)?;
        let dealing = Dealing { theirs: None, ..self.dealing(&declined.town) };
        self.set_dealing(declined.town, dealing);
        Ok(())
    }

    fn plan_about_agreement(
        &self,
        peer: TownId,
        message: &AgreementMessage,
    ) -> Result<Plan, Refusal> {
        self.plan_word(peer, Purpose::Agreement, codec::encode(message))
    }

    /// A message of another town about an agreement: terms that no officer can agree to are
    /// declined at once.
    pub(super) fn plan_agreement_said(
        &self,
        envelope: &Envelope,
        after: &Channel,
    ) -> Result<Plan, Refusal> {
        let peer = envelope.header().sender;
        if self.recovering(&peer).is_some_and(|recovering| !recovering.hears()) {
            return Err(Refusal::Recovering);
        }
        let Some(AgreementMessage::Propose(proposal)) = AgreementMessage::of(envelope) else {
            return Ok(Plan::FACT);
        };
        let Some(reason) = self.declined_at_once(peer, &proposal) else { return Ok(Plan::FACT) };
        let terms = proposal.agreement.hash();
        let message = AgreementMessage::Decline(Dissent { terms, reason });
        let body = codec::encode(&message);
        let message = after.draft(self.meta.town, peer, Purpose::Agreement, body);
        Ok(Plan { postings: Postings::NONE, message: Some(message) })
    }

    fn declined_at_once(&self, peer: TownId, proposal: &Proposal) -> Option<DeclineReason> {
        let agreement = &proposal.agreement;
        let keys = self.channel_keys(&peer);
        if proposal.check(peer, &keys, self.meta.town).is_err() {
            Some(DeclineReason::Unsound)
        } else if agreement.until < self.meta.day {
            Some(DeclineReason::Over)
        } else if self.newer_than_agreed(peer, agreement).is_err() {
            Some(DeclineReason::NotNewer)
        } else {
            None
        }
    }

    /// What another town said about an agreement, once and in its turn or out of it.
    pub(super) fn agreement_heard(&mut self, peer: TownId, message: AgreementMessage) {
        match message {
            AgreementMessage::Propose(proposal) => {
                if self.declined_at_once(peer, &proposal).is_some() {
                    return;
                }
                let mut dealing = self.dealing(&peer);
                // Two proposals may come out of order: the one with the higher number is meant.
                let older = |theirs: &Proposal| theirs.agreement.number > proposal.agreement.number;
                if !dealing.theirs.as_ref().is_some_and(older) {
                    dealing.theirs = Some(proposal);
                    self.set_dealing(peer, dealing);
                }
            }
            AgreementMessage::Agree(signed) => {
                let known = self.agreements.get(&peer);
                let newer = known.is_none_or(|known| signed.agreement.replaces(&known.agreement));
                if newer && self.both_sealed(peer, &signed) {
                    self.conclude(peer, &signed);
                }
            }
            AgreementMessage::Decline(dissent) => {
                let mut dealing = self.dealing(&peer);
                if let Some(ours) = &mut dealing.ours
                    && ours.proposal.agreement.hash() == dissent.terms
                {
                    ours.declined = Some(dissent.reason);
                    self.set_dealing(peer, dealing);
                }
            }
        }
    }

    /// Whether both towns sealed an agreement, each with a key of its own.
    fn both_sealed(&self, peer: TownId, signed: &SignedAgreement) -> bool {
        let agreement = &signed.agreement;
        if agreement.peer_of(self.meta.town) != Some(peer) || !agreement.well_formed() {
            return false;
        }
        signed.low.fits(&self.channel_keys(&agreement.low), agreement)
            && signed.high.fits(&self.channel_keys(&agreement.high), agreement)
    }

    /// A message of this town's own about an agreement that its backup does not have.
    pub(super) fn agreement_taken_back(&mut self, peer: TownId, message: AgreementMessage) {
        match message {
            AgreementMessage::Propose(proposal) => {
                let before = self.dealing(&peer).ours;
                let number = proposal.agreement.number;
                if before.is_none_or(|ours| ours.proposal.agreement.number < number) {
                    self.note_own_proposal(peer, &proposal);
                }
            }
            AgreementMessage::Agree(signed) => {
                let known = self.agreements.get(&peer);
                if known.is_none_or(|known| signed.agreement.replaces(&known.agreement)) {
                    self.conclude(peer, &signed);
                }
            }
            AgreementMessage::Decline(dissent) => {
                let mut dealing = self.dealing(&peer);
                let declined = |theirs: &Proposal| theirs.agreement.hash() != dissent.terms;
                dealing.theirs = dealing.theirs.filter(declined);
                self.set_dealing(peer, dealing);
            }
        }
    }
}
