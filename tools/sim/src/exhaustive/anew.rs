//! One of the two towns is restored, from every older state.

use std::rc::Rc;

use jichi_node::federation::{
    arriving::submission,
    recovery::{Next, next_of},
};
use jichi_protocol::{
    account::Account,
    command::{ByTwo, Command, Nothing, Received, Restart},
    digest::Digest,
    entry::Submission,
    envelope::Envelope,
    id::{Generation, OfficerId},
    key::OperationKey,
    ledger::LostStage,
    transfer::OutgoingStage,
};

use super::{CRASHES, DOUBLES, State, TRANSFER};
use crate::setup::{self, OFFICER, town_id};

impl State {
    /// A town begins anew from the state of so many entries ago; 0 if nothing is lost.
    pub(super) fn restore(&mut self, town: usize, back: usize) -> Option<()> {
        if self.restored.is_some() || (self.doubles, self.crashes) != (DOUBLES, CRASHES) {
            return None;
        }
        let side = &mut self.sides[town];
        side.ahead = None;
        let at = side.past.len().checked_sub(back).filter(|_| back > 0);
        if let Some(past) = at.and_then(|at| side.past.get(at)) {
            (side.durable, side.credited) = (past.ledger.clone(), past.credited);
        }
        let meta = side.durable.meta();
        let (old, size) = (meta.generation, meta.next);
        let (new, root) = (Generation(2), Digest::default());
        let restart = Restart { old, new, size, root, cosigned: None };
        let by = ByTwo { maker: OFFICER, approver: OfficerId(8) };
        let command = Command::Restart(restart, by);
        let made = side.decide(town, Submission { key: None, command, evidence: None });
        made.ok()?.then_some(())?;
        side.sync();
        self.restored = Some(town);
        self.forget_past();
        // A message on the wire counts only if it comes before a directory does, as if it had come
        // before the restore; a crash undoes what is then done again.
        (self.doubles, self.crashes) = (0, 0);
        self.wire.clear();
        self.sides[1 - town].sync();
        if town == 0 {
            self.ask_again();
        }
        Some(())
    }

    /// Every state that can come next behind a restore: any message that is open comes now.
    pub(super) fn steps_anew(&self) -> Vec<(&'static str, Self)> {
        let mut steps = Vec::new();
        let mut step = |name: &'static str, change: &dyn Fn(&mut Self) -> Option<()>| {
            let mut next = self.clone();
            if change(&mut next).is_some() {
                next.sync(0);
                next.sync(1);
                steps.push((name, next));
            }
        };
        step("offer", &Self::offer);
        step("cancel", &Self::cancel);
        step("due", &Self::due);
        step("fetch", &Self::fetch);
        for town in 0..2 {
            step("directory", &|next: &mut Self| next.directory(town));
            for number in 0..self.sides[town].sent.len() {
                step("comes", &|next: &mut Self| {
                    next.send(town, number)?;
                    next.arrive(town, number)
                });
            }
        }
        steps
    }

    /// Nothing older is restored any more.
    pub(super) fn forget_past(&mut self) {
        for side in &mut self.sides {
            side.past.clear();
        }
    }

    /// A town takes in the directory that names the new generation.
    pub(super) fn directory(&mut self, town: usize) -> Option<()> {
        let restored = self.restored?;
        if self.sides[town].ahead.is_some() || self.sides[town].durable.meta().directory.0 > 1 {
            return None;
        }
        let mut generations = [Generation(1); 2];
        generations[restored] = Generation(2);
        let taken = setup::directory(2, setup::begin(), &generations);
        self.sides[town].decide(town, taken).ok()?.then_some(())
    }

    /// What is due by itself in the restored town.
    pub(super) fn due(&mut self) -> Option<()> {
        let town = self.restored?;
        if self.sides[town].ahead.is_some() {
            return None;
        }
        let ledger = &self.sides[town].durable;
        let (kind, command) = ledger.due_jobs().into_iter().next()?;
        let key = Some(OperationKey::Job { kind, date: ledger.day() });
        let submission = Submission { key, command, evidence: None };
        self.sides[town].decide(town, submission).ok()?.then_some(())
    }

    /// The next message that is to be fetched comes.
    pub(super) fn fetch(&mut self) -> Option<()> {
        let town = self.restored?;
        if self.sides[town].ahead.is_some() {
            return None;
        }
        let (_, next) = next_of(&self.sides[town].durable).into_iter().next()?;
        let other = &self.sides[1 - town];
        let at = |all: &[Rc<Envelope>], own: usize, place: jichi_protocol::envelope::Acked| {
            let fits = all.iter().find(|envelope| {
                let header = envelope.header();
                header.sender == town_id(own)
                    && header.generation == place.generation
                    && header.number == place.number
            });
            fits.map(Rc::clone)
        };
        let submission = match next {
            Next::Own(place) => {
                let envelope = at(&other.took, town, place)?.encode();
                let command = Command::TakeBackOwn(Nothing {}, Received { envelope });
                Submission { key: None, command, evidence: None }
            }
            Next::Theirs(place) => {
                let envelope = at(&other.sent, 1 - town, place)?;
                submission(envelope.header(), envelope.encode())
            }
        };
        self.sides[town].decide(town, submission).ok()?.then_some(())
    }

    /// The one end of the transfer, the same on both sides.
    pub(super) fn ended(&self) -> Result<&'static str, String> {
        let (a, b) = (&self.sides[0].durable, &self.sides[1].durable);
        for side in &self.sides {
            if let Some((town, taking)) = side.durable.recovering_towns().next() {
                return Err(format!("nothing more is taken back from {town}: {taking:?}"));
            }
        }
        let (transit, owed) =
            (a.balance(&Account::Transit(town_id(1))), a.balance(&Account::OwedTo(town_id(1))));
        let claimed = b.balance(&Account::OwedBy(town_id(0)));
        if !transit.is_zero() || owed != claimed {
            return Err(format!("owed {owed}, on the way {transit}, claimed {claimed} at the end"));
        }
        let lost = a.meta().recovery.as_ref().and_then(|known| known.lost.get(&TRANSFER));
        let credited = self.sides[1].credited;
        match (a.outgoing(&TRANSFER).map(|outgoing| &outgoing.stage), lost, credited) {
            (None, None, 0) => Ok("never offered"),
            (Some(OutgoingStage::Settled { .. }), None, 1) => Ok("settled"),
            (Some(OutgoingStage::Returned { .. }), None, 0) => Ok("returned"),
            (None, Some(lost), 1) if lost.stage == LostStage::Settled => Ok("borne"),
            (None, Some(lost), 0) if lost.stage == LostStage::Returned => Ok("lost, and refused"),
            (stage, lost, _) => Err(format!("ended as {stage:?}, {lost:?}, credited {credited}")),
        }
    }
}
