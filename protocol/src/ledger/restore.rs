//! A town that begins anew from a backup: what its peers have of its messages is taken back, the
//! rest is void, and what lots no longer cover the town bears (architecture, Restore).

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use minicbor::{Decode, Encode};

use super::{Broken, Ledger, Plan};
use crate::{
    channel::{Arrival, Channel, fence::Listed},
    command::{ByTwo, Command, FenceStep, Restart, Step, Unheard},
    digest::Digest,
    entry::Effect,
    envelope::{Acked, Envelope},
    id::{ChannelNumber, EntryIndex, Generation, PaymentId, TownId, TransferId},
    key::JobKind,
    points::Points,
    posting::Postings,
    refusal::Refusal,
    transfer::{Incoming, Message, OutgoingStage, RefuseReason, TakeBackBody, WithdrawBody},
};

/// What restores from backups left to do, or to remember.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
pub struct Recovery {
    /// Towns from which not everything is taken back.
    #[n(0)]
    pub towns: BTreeMap<TownId, Recovering>,
    /// Offers that were taken back: whose points they were, the backup does not know.
    #[n(1)]
    pub lost: BTreeMap<TransferId, Lost>,
    /// Offers of other towns whose Accept was taken back: the points are credited when the offer
    /// comes again.
    #[n(2)]
    pub given: BTreeSet<TransferId>,
    /// How many entries of each ended generation the journal has.
    #[n(20)]
    pub ended: Option<BTreeMap<Generation, EntryIndex>>,
    /// Payments of ended generations that were admitted by their receipts.
    #[n(21)]
    pub admitted: Option<BTreeSet<PaymentId>>,
}

/// How far the taking back from one town is.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Recovering {
    /// Our last message to it that the journal has.
    #[n(0)]
    pub last: Acked,
    /// How far it is.
    #[n(1)]
    pub stage: Stage,
    /// Two officers named it: local spends do not wait for it.
    #[n(2)]
    pub named: bool,
    /// What is signed again or given up once its fence is here.
    #[n(3)]
    pub steps: Vec<Step>,
    /// The town's messages of older generations that a fence of ours listed before a restore lost
    /// both: the town goes by that list.
    #[n(4)]
    pub missing: Option<BTreeSet<Acked>>,
}

/// How far the taking back is.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Stage {
    /// To be asked.
    #[n(0)]
    ToAsk,
    /// Asked; it has not answered.
    #[n(1)]
    Asked,
    /// Its fence is here.
    #[n(2)]
    Fenced {
        /// What it has of our messages.
        #[n(0)]
        lists: Vec<Listed>,
        /// The last one of those that the journal has.
        #[n(1)]
        taken: Acked,
        /// Its message that carried the fence: everything of this generation up to it is to come.
        #[n(2)]
        until: Acked,
    },
}

/// An offer that was taken back. The town bears it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Lost {
    /// To which town.
    #[n(0)]
    pub town: TownId,
    /// How many.
    #[n(1)]
    pub points: Points,
    /// The hash of the offer's envelope.
    #[n(2)]
    pub offer: Digest,
    /// How far it is.
    #[n(3)]
    pub stage: LostStage,
}

/// How far an offer that was taken back is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum LostStage {
    /// Not answered.
    #[n(0)]
    Waiting,
    /// The other town took it.
    #[n(1)]
    Settled,
    /// The other town refused it.
    #[n(2)]
    Returned,
}

impl Recovering {
    /// The next of our own messages that the town has and the journal has not; none without its
    /// fence, or when all are here.
    #[must_use]
    pub fn next_own(&self) -> Option<Acked> {
        let Stage::Fenced { lists, taken, .. } = &self.stage else { return None };
        lists.iter().find_map(|list| {
            let after = match list.generation.cmp(&taken.generation) {
                core::cmp::Ordering::Less => return None,
                core::cmp::Ordering::Equal => taken.number,
                core::cmp::Ordering::Greater => ChannelNumber(0),
            };
            let number = list.after(after)?;
            Some(Acked { generation: list.generation, number })
        })
    }

    /// The next message of the town's older generations that is to be had again.
    #[must_use]
    pub fn next_missing(&self) -> Option<Acked> {
        self.missing.as_ref()?.first().copied()
    }

    /// Whether messages of the town about money can be handled: its fence and all our own are here.
    #[must_use]
    pub fn hears(&self) -> bool {
        matches!(self.stage, Stage::Fenced { .. }) && self.next_own().is_none()
    }
}

impl Ledger {
    /// What a restore left to do towards a town.
    #[must_use]
    pub fn recovering(&self, town: &TownId) -> Option<&Recovering> {
        self.meta.recovery.as_ref()?.towns.get(town)
    }

    /// Whether a town was asked for its fence, and has not answered.
    pub(super) fn awaits_fence(&self, town: &TownId) -> bool {
        self.recovering(town).is_some_and(|recovering| recovering.stage == Stage::Asked)
    }

    /// Whether an answer's number is one of the generation of now: not before the fence has come,
    /// and not until it is signed again.
    pub(super) fn is_numbered(&self, transfer: &TransferId, incoming: &Incoming) -> bool {
        let waits = self.recovering(&incoming.town).is_some_and(|town| {
            !matches!(town.stage, Stage::Fenced { .. })
                || town.steps.contains(&Step::AnswerAgain(*transfer))
        });
        incoming.number > ChannelNumber(0) && !waits
    }

    /// Whether local spends wait for towns that are neither heard nor named.
    #[must_use]
    pub fn is_recovering(&self) -> bool {
        let recovery = self.meta.recovery.as_ref();
        recovery.is_some_and(|recovery| recovery.towns.values().any(|town| !town.named))
    }

    /// Refuses everything but taking back, while spends are closed.
    #[expect(clippy::wildcard_enum_match_arm, reason = "everything else waits")]
    pub(super) fn open_in_recovery(&self, command: &Command) -> Result<(), Refusal> {
        let naming = |command: Result<Command, _>| matches!(command, Ok(Command::NameUnheard(..)));
        let open = match command {
            _ if !self.is_recovering() => true,
            Command::TakeDirectory(..)
            | Command::HandleEnvelope(..)
            | Command::TurnDay(..)
            | Command::HashState(..)
            | Command::JudgeLog(..)
            | Command::Restart(..)
            | Command::TakeBackOwn(..)
            | Command::NameUnheard(..)
            | Command::StepFence(..)
            | Command::ChangeKey(..)
            | Command::AnnounceKey(..)
            | Command::AdmitReceipt(..) => true,
            Command::Propose(_, proposed) => naming(proposed.command()),
            Command::DecideProposal(_, decision) => {
                let proposed = self.proposed.get(&decision.proposal);
                proposed.is_some_and(|proposed| naming(proposed.command()))
            }
            _ => false,
        };
        if open { Ok(()) } else { Err(Refusal::Recovering) }
    }

    pub(super) fn plan_restart(&self, restart: &Restart, by: &ByTwo) -> Result<Plan, Refusal> {
        if by.maker == by.approver {
            return Err(Refusal::SameOfficer);
        }
        let fits = restart.old == self.meta.generation
            && restart.new > restart.old
            && restart.size == self.meta.next;
        if fits { Ok(Plan::FACT) } else { Err(Refusal::NotWellFormed) }
    }

    pub(super) fn apply_restart(&mut self, restart: &Restart) {
        self.meta.generation = restart.new;
        self.told_by_restart();
        let towns: Vec<TownId> = self.channels.iter().map(|(town, _)| *town).collect();
        // Numbers begin anew: an acknowledgement of a new one says nothing about an old answer.
        self.answers.clear();
        let mut recovery = self.meta.recovery.take().unwrap_or_default();
        recovery.ended.get_or_insert_default().insert(restart.old, restart.size);
        for town in towns {
            let Some(channel) = self.channels.get_mut(&town) else { continue };
            let sent = Acked { generation: restart.old, number: channel.last_sent() };
            channel.restarted(restart.new);
            let before = recovery.towns.remove(&town);
            // A generation in which nothing but the question was said: the fence of the one
            // before it has not come.
            let last = match &before {
                Some(Recovering { last, stage: Stage::ToAsk | Stage::Asked, .. }) => *last,
                // The fence has come, but not all that it lists: nothing else was said since.
                Some(known @ Recovering { stage: Stage::Fenced { taken, .. }, .. })
                    if known.next_own().is_some() =>
                {
                    *taken
                }
                Some(Recovering { stage: Stage::Fenced { .. }, .. }) | None => sent,
            };
            let (steps, missing) =
                before.map(|before| (before.steps, before.missing)).unwrap_or_default();
            let begun = Recovering { last, stage: Stage::ToAsk, named: false, steps, missing };
            recovery.towns.insert(town, begun);
        }
        self.meta.recovery = Some(recovery);
    }

    pub(super) fn plan_unheard(&self, unheard: &Unheard) -> Result<Plan, Refusal> {
        let known = |town: &TownId| self.recovering(town).is_some();
        if !unheard.towns.is_empty() && unheard.towns.iter().all(known) {
            Ok(Plan::FACT)
        } else {
            Err(Refusal::NotWellFormed)
        }
    }

    pub(super) fn apply_unheard(&mut self, unheard: &Unheard) {
        for town in &unheard.towns {
            if let Some(recovering) = self.recovering_mut(town) {
                recovering.named = true;
            }
        }
    }

    pub(super) fn recovering_mut(&mut self, town: &TownId) -> Option<&mut Recovering> {
        self.meta.recovery.as_mut()?.towns.get_mut(town)
    }

    /// What is due towards some town.
    pub(super) fn recovery_due(&self) -> Option<(JobKind, Command)> {
        let recovery = self.meta.recovery.as_ref()?;
        let step = recovery.towns.iter().find_map(|(town, recovering)| {
            let step = match recovering.stage {
                Stage::ToAsk if self.members.contains(town) => Step::Ask,
                Stage::ToAsk | Stage::Asked => return None,
                Stage::Fenced { .. } if recovering.hears() => {
                    let answered = self.has_come(town);
                    // What the town said before its fence can end an offer: a withdrawal of one
                    // whose answer it has forgotten, since that was acknowledged, would be heard
                    // as one of an offer that never came.
                    let due = |step: &&Step| answered || !matches!(step, Step::WithdrawAgain(_));
                    *recovering.steps.iter().find(due)?
                }
                Stage::Fenced { .. } => return None,
            };
            Some(FenceStep { town: *town, step })
        });
        let nothing = crate::command::Nothing {};
        step.map(|step| (JobKind::Recovery, Command::StepFence(step, nothing)))
    }

    /// Whether everything that a town said before its fence is here.
    fn has_come(&self, town: &TownId) -> bool {
        let (Some(recovering), Some(channel)) = (self.recovering(town), self.channels.get(town))
        else {
            return false;
        };
        let Stage::Fenced { until, .. } = &recovering.stage else { return false };
        let heard = channel.heard();
        heard.generation == until.generation && heard.number >= until.number
    }

    /// Whether a step is one that is due; an older journal did them in their order.
    fn is_step_due(&self, step: &FenceStep) -> bool {
        let first = self.recovering(&step.town).filter(|recovering| recovering.hears());
        first.is_some_and(|recovering| recovering.steps.first() == Some(&step.step))
            || matches!(self.recovery_due(), Some((_, Command::StepFence(due, _))) if due == *step)
    }

    pub(super) fn plan_fence_step(&self, step: &FenceStep) -> Result<Plan, Refusal> {
        if !self.is_step_due(step) {
            return Err(Refusal::NotWellFormed);
        }
        let town = step.town;
        let channel = self.channels.get(&town).ok_or(Refusal::NoAgreement)?;
        let say = |message: &Message| {
            let message = self.draft(channel, town, message);
            Plan { postings: Postings::NONE, message: Some(message) }
        };
        match step.step {
            Step::Ask => {
                let recovering = self.recovering(&town).ok_or(Refusal::NotWellFormed)?;
                Ok(say(&Message::TakeBack(TakeBackBody { last: recovering.last })))
            }
            Step::FenceAgain => Ok(self.plan_fence(town, channel)),
            Step::AnswerAgain(transfer) => Ok(match self.incoming.get(&transfer) {
                Some(incoming) => say(&Message::Answer(incoming.answer)),
                None => Plan::FACT,
            }),
            Step::WithdrawAgain(transfer) => Ok(match self.outgoing.get(&transfer) {
                Some(outgoing) if matches!(outgoing.stage, OutgoingStage::Waiting { .. }) => {
                    say(&Message::Withdraw(WithdrawBody { transfer, offer: outgoing.number }))
                }
                Some(_) | None => Plan::FACT,
            }),
            Step::TakeOfferBack(transfer) => {
                let Some(outgoing) = self.outgoing.get(&transfer) else { return Ok(Plan::FACT) };
                let OutgoingStage::Waiting { lots, .. } = &outgoing.stage else {
                    return Ok(Plan::FACT);
                };
                let postings = self.back_to_sender(outgoing, lots);
                postings.map(Plan::moving).ok_or(Refusal::TooManyPoints)
            }
        }
    }

    pub(super) fn apply_fence_step(
        &mut self,
        index: EntryIndex,
        step: &FenceStep,
        effect: &Effect,
    ) -> Result<(), Broken> {
        let town = step.town;
        if let Some(sent) = &effect.sent {
            self.channels.get_mut(&town).ok_or(Broken::Unknown)?.sent(sent, index);
        }
        match step.step {
            Step::Ask => {
                self.recovering_mut(&town).ok_or(Broken::Unknown)?.stage = Stage::Asked;
                return Ok(());
            }
            Step::AnswerAgain(transfer) => {
                let answer = self.incoming.get(&transfer).map(|incoming| incoming.answer);
                if let (Some(sent), Some(answer)) = (&effect.sent, answer) {
                    self.note_answer(index, town, sent, answer);
                }
            }
            Step::WithdrawAgain(_) | Step::FenceAgain => {}
            Step::TakeOfferBack(transfer) => {
                if let Some(outgoing) = self.outgoing.get(&transfer).cloned()
                    && matches!(outgoing.stage, OutgoingStage::Waiting { .. })
                {
                    self.came_back(index, transfer, outgoing, RefuseReason::Fenced)?;
                }
            }
        }
        let recovering = self.recovering_mut(&town).ok_or(Broken::Unknown)?;
        recovering.steps.retain(|waiting| *waiting != step.step);
        self.end_recovery(&town);
        Ok(())
    }

    /// What a message is to a restore of either side; none for one that is handled as always.
    pub(super) fn plan_restoring(
        &self,
        envelope: &Envelope,
        message: &Message,
        channel: &Channel,
    ) -> Result<Option<Plan>, Refusal> {
        let header = envelope.header();
        if header.recipient != self.meta.town {
            return Ok(None);
        }
        let sender = header.sender;
        let begins = header.generation > channel.peer_generation();
        let in_directory = || {
            let member = self.members.get(&sender);
            member.is_some_and(|member| member.generation == header.generation)
        };
        let recovering = self.recovering(&sender);
        match message {
            Message::TakeBack(_) if begins => {
                if header.number != ChannelNumber(1) || !in_directory() {
                    return Err(Refusal::NotInDirectory);
                }
                let mut after = channel.clone();
                after.fenced(header.generation);
                after.received(envelope, self.meta.town);
                Ok(Some(self.plan_fence(sender, &after)))
            }
            Message::Fence(fence) => {
                let asked = recovering.is_some_and(|town| town.stage == Stage::Asked);
                if !asked || fence.generation != self.meta.generation {
                    return Ok(None);
                }
                match channel.arrival(envelope, self.meta.town) {
                    Arrival::New | Arrival::TooFarAhead => Ok(Some(Plan::FACT)),
                    Arrival::OtherGeneration if begins && in_directory() => Ok(Some(Plan::FACT)),
                    // What links it is heard only behind it; it is taken unless its key is stolen.
                    Arrival::NotLinked if !self.is_revoked_at(envelope, channel) => {
                        Ok(Some(Plan::FACT))
                    }
                    Arrival::OtherGeneration
                    | Arrival::Duplicate
                    | Arrival::Old
                    | Arrival::NotLinked
                    | Arrival::Fork(_)
                    | Arrival::Frozen
                    | Arrival::NotForUs => Ok(None),
                }
            }
            Message::TakeBack(_) => Ok(None),
            Message::Offer(_)
            | Message::Answer(_)
            | Message::Withdraw(_)
            | Message::Request(_)
            | Message::Decline(_)
            | Message::Refund(_)
            | Message::PeriodEnd(_)
            | Message::PeriodAnswer(_) => match recovering {
                Some(town) if !town.hears() => Err(Refusal::Recovering),
                Some(_) | None => Ok(None),
            },
        }
    }

    pub(super) fn recovery_mut(&mut self) -> &mut Recovery {
        self.meta.recovery.get_or_insert_with(Box::default)
    }

    /// Ends the taking back from a town once nothing of it is left.
    pub(super) fn end_recovery(&mut self, town: &TownId) {
        let Some(recovering) = self.recovering(town) else { return };
        let Stage::Fenced { until, .. } = &recovering.stage else { return };
        let Some(channel) = self.channels.get(town) else { return };
        let heard = channel.heard();
        let all = (heard.generation, heard.number) >= (until.generation, until.number);
        // If the other town begins anew as well, such an offer may not come: then this stays open.
        let from = |transfer: &TransferId| {
            self.incoming.get(transfer).is_some_and(|known| known.town == *town)
        };
        let waits = self.meta.recovery.as_ref().is_some_and(|known| known.given.iter().any(from));
        let listed = recovering.next_missing().is_some();
        let done = recovering.hears() && recovering.steps.is_empty() && all && !waits && !listed;
        if let (true, Some(recovery)) = (done, &mut self.meta.recovery) {
            recovery.towns.remove(town);
        }
    }
}
