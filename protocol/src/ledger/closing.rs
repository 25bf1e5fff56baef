//! A town that closes or merges: its last decision, what it tells every peer, and what a peer then
//! takes back (federation, the table of faults).

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use minicbor::{Decode, Encode};

use super::{Broken, Ledger, Plan};
use crate::{
    account::Account,
    codec,
    command::{Closing, ClosingTold, Command, Nothing, OfferUnanswered},
    control::{ClosedPart, ControlMessage},
    entry::Effect,
    envelope::Purpose,
    id::{EntryIndex, TownId, TransferId},
    key::JobKind,
    refusal::Refusal,
    roaming::AskState,
    transfer::{Outgoing, OutgoingStage, RefuseReason},
};

/// Answers in one message: it has to fit into one entry of the receiver's.
pub const ANSWERS_IN_A_PART: usize = 128;

/// What the journal knows of closed towns.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
pub struct Closings {
    /// This town's own end; none while it is open.
    #[n(0)]
    pub own: Option<OwnClosing>,
    /// Other towns that said that they closed.
    #[n(1)]
    pub peers: BTreeMap<TownId, PeerClosing>,
}

/// This town's own end.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct OwnClosing {
    /// Who goes on.
    #[n(0)]
    pub successor: Option<TownId>,
    /// The entry that is the last one to decide anything.
    #[n(1)]
    pub entry: EntryIndex,
    /// Towns that are not told everything yet, and the part that comes next.
    #[n(2)]
    pub untold: BTreeMap<TownId, u16>,
}

/// What another town said of its end, as far as it has come.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct PeerClosing {
    /// Who goes on.
    #[n(0)]
    pub successor: Option<TownId>,
    /// How many answers it has given that this town may not have.
    #[n(1)]
    pub all: u32,
    /// Those that it named so far.
    #[n(2)]
    pub answered: BTreeSet<TransferId>,
}

impl PeerClosing {
    /// Whether the whole list has come.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        u32::try_from(self.answered.len()) == Ok(self.all)
    }
}

impl Ledger {
    /// This town's own end; none while it is open.
    #[must_use]
    pub fn closed(&self) -> Option<&OwnClosing> {
        self.meta.closings.as_ref()?.own.as_ref()
    }

    /// What another town said of its end; none while it is open.
    #[must_use]
    pub fn closed_peer(&self, town: &TownId) -> Option<&PeerClosing> {
        self.meta.closings.as_ref()?.peers.get(town)
    }

    /// All towns that said that they closed.
    pub fn closed_peers(&self) -> impl Iterator<Item = (&TownId, &PeerClosing)> {
        self.meta.closings.iter().flat_map(|closings| closings.peers.iter())
    }

    /// Refuses everything that decides, in a town that has closed.
    pub(super) fn is_open(&self, command: &Command) -> Result<(), Refusal> {
        let goes_on = matches!(
            command,
            Command::TellClosing(..)
                | Command::TurnDay(..)
                | Command::HashState(..)
                | Command::TakeDirectory(..)
                | Command::JudgeLog(..)
        );
        if goes_on || self.closed().is_none() { Ok(()) } else { Err(Refusal::TownClosed) }
    }

    pub(super) fn plan_close_town(&self, closing: &Closing) -> Result<Plan, Refusal> {
        if let Some(successor) = &closing.successor
            && (*successor == self.meta.town || !self.members.contains(successor))
        {
            return Err(Refusal::NotInDirectory);
        }
        if self.meta.keys.as_ref().is_some_and(|keys| keys.telling.is_some()) {
            return Err(Refusal::KeyChanging);
        }
        let waiting = |outgoing: &Outgoing| matches!(outgoing.stage, OutgoingStage::Waiting { .. });
        let transfers = self.outgoing.iter().filter(|(_, outgoing)| waiting(outgoing)).count();
        let asks = |state: &AskState| matches!(state, AskState::Waiting(_));
        let requests = self.asking.iter().filter(|(_, asking)| asks(&asking.state)).count();
        if transfers > 0 || requests > 0 {
            let count = |found| u32::try_from(found).unwrap_or(u32::MAX);
            return Err(Refusal::ClosingWaits {
                transfers: count(transfers),
                requests: count(requests),
            });
        }
        Ok(Plan::FACT)
    }

    pub(super) fn apply_close_town(&mut self, index: EntryIndex, closing: &Closing) {
        let untold = self.channels.iter().filter(|(town, channel)| {
            // A town that two officers named as unheard, or that has closed, cannot be told.
            let unheard = self.recovering(town).is_some() || self.closed_peer(town).is_some();
            !channel.is_frozen() && !unheard
        });
        let untold = untold.map(|(town, _)| (*town, 0)).collect();
        let own = OwnClosing { successor: closing.successor, entry: index, untold };
        self.meta.closings.get_or_insert_default().own = Some(own);
    }

    /// The answers that a peer may still ask for: the others it is known to have.
    fn undropped_answers(&self, town: &TownId) -> Vec<TransferId> {
        let theirs = self.incoming.iter().filter(|(_, incoming)| incoming.town == *town);
        theirs.map(|(transfer, _)| *transfer).collect()
    }

    pub(super) fn closing_to_tell(&self) -> Option<(JobKind, Command)> {
        // A town whose channel froze meanwhile keeps no other one waiting.
        let mut untold = self.closed()?.untold.iter();
        let told = untold.find_map(|(town, part)| {
            let told = ClosingTold { town: *town, part: *part };
            self.plan_tell_closing(&told).is_ok().then_some(told)
        })?;
        Some((JobKind::TellClosing, Command::TellClosing(told, Nothing {})))
    }

    /// One part of the list for one town. Nothing is answered behind the closing, so the list
    /// stays the same until all of it is said.
    fn part_for(&self, told: &ClosingTold) -> Option<(ClosedPart, bool)> {
        let own = self.closed()?;
        if own.untold.get(&told.town) != Some(&told.part) {
            return None;
        }
        let answers = self.undropped_answers(&told.town);
        let from = usize::from(told.part).checked_mul(ANSWERS_IN_A_PART)?;
        let until = from.checked_add(ANSWERS_IN_A_PART)?.min(answers.len());
        let part = ClosedPart {
            successor: own.successor,
            all: u32::try_from(answers.len()).ok()?,
            answers: answers.get(from..until)?.to_vec(),
        };
        Some((part, until == answers.len()))
    }

    pub(super) fn plan_tell_closing(&self, told: &ClosingTold) -> Result<Plan, Refusal> {
        let (part, _) = self.part_for(told).ok_or(Refusal::NothingDue)?;
        let body = codec::encode(&ControlMessage::Closed(part));
        self.plan_word(told.town, Purpose::Control, body)
    }

    pub(super) fn apply_tell_closing(
        &mut self,
        index: EntryIndex,
        told: &ClosingTold,
        effect: &Effect,
    ) -> Result<(), Broken> {
        let (_, last) = self.part_for(told).ok_or(Broken::Unknown)?;
        self.note_word(index, told.town, effect)?;
        let closings = self.meta.closings.as_mut().ok_or(Broken::Unknown)?;
        let untold = &mut closings.own.as_mut().ok_or(Broken::Unknown)?.untold;
        if last {
            untold.remove(&told.town);
        } else if let Some(part) = untold.get_mut(&told.town) {
            *part = part.checked_add(1).ok_or(Broken::Unknown)?;
        }
        Ok(())
    }

    /// Notes what a peer says of its end; its parts come in any order.
    pub(super) fn note_closed(&mut self, town: TownId, part: ClosedPart) {
        let closings = self.meta.closings.get_or_insert_default();
        let known = closings.peers.entry(town).or_insert_with(|| PeerClosing {
            successor: part.successor,
            all: part.all,
            answered: BTreeSet::new(),
        });
        known.answered.extend(part.answers);
        self.requests_closed(town);
    }

    /// The offer to come back, if its town has closed and never answered it.
    fn unanswered_offer(&self, transfer: &TransferId) -> Option<(&Outgoing, &[crate::lot::Lot])> {
        let outgoing = self.outgoing.get(transfer)?;
        let closed = self.closed_peer(&outgoing.town)?;
        match &outgoing.stage {
            OutgoingStage::Waiting { lots, .. }
                if closed.is_whole() && !closed.answered.contains(transfer) =>
            {
                Some((outgoing, lots))
            }
            OutgoingStage::Waiting { .. }
            | OutgoingStage::Settled { .. }
            | OutgoingStage::Returned { .. } => None,
        }
    }

    pub(super) fn unanswered_due(&self) -> Option<(JobKind, Command)> {
        // Looked for only while something is on its way to a closed town.
        let on_the_way = self.closed_peers().any(|(town, closed)| {
            closed.is_whole() && !self.balance(&Account::Transit(*town)).is_zero()
        });
        if !on_the_way {
            return None;
        }
        let mut waiting = self.outgoing.iter().map(|(transfer, _)| *transfer);
        let transfer = waiting.find(|transfer| self.unanswered_offer(transfer).is_some())?;
        let unanswered = OfferUnanswered { transfer };
        Some((JobKind::ReturnUnanswered, Command::ReturnUnanswered(unanswered, Nothing {})))
    }

    pub(super) fn plan_unanswered(&self, unanswered: &OfferUnanswered) -> Result<Plan, Refusal> {
        let found = self.unanswered_offer(&unanswered.transfer);
        let (outgoing, lots) = found.ok_or(Refusal::NothingDue)?;
        let postings = self.back_to_sender(outgoing, lots);
        postings.map(Plan::moving).ok_or(Refusal::TooManyPoints)
    }

    pub(super) fn apply_unanswered(
        &mut self,
        index: EntryIndex,
        unanswered: &OfferUnanswered,
    ) -> Result<(), Broken> {
        let outgoing = self.outgoing.get(&unanswered.transfer).cloned().ok_or(Broken::Unknown)?;
        self.came_back(index, unanswered.transfer, outgoing, RefuseReason::Closed)
    }
}
