//! Towns that are restored: an older journal, a new generation, what peers hold, and the fetching
//! of it. Which message is due when, the ledger says; what is to be fetched, the node's own code.

use jichi_node::{
    engine::Work,
    federation::recovery::{Next, next_of},
};
use jichi_protocol::{
    command::{
        ByOfficer, Closing, Command, Nothing, ProposalDecision, Proposed, Received, Unheard,
        Verdict,
    },
    entry::{Outcome, Submission},
    envelope::{Acked, Envelope},
    id::{Generation, OfficerId, ProposalId, TownId},
    key::{ClientKey, OperationKey},
    ledger::{HeldOfUs, LostStage},
    transfer::OutgoingStage,
};

use super::{Event, Told, Violation, World};
use crate::{
    anew::is_of_the_anew,
    chance::Chance,
    disk::Left,
    plan::{HOUR, MINUTE, SECOND},
    planted::Defect,
    setup::{self, OFFICER},
    town::{Asker, Lost, Up, town_of},
};

/// How long until it is asked again.
const AGAIN_MS: u64 = 3 * SECOND;
/// Messages of a page.
const PAGE: usize = 3;

impl World {
    /// A town's journal is gone, and an older copy is laid in its place.
    pub(super) fn lose(
        &mut self,
        town: usize,
        frames: usize,
        lost: Lost,
        down_ms: u64,
    ) -> Result<(), Violation> {
        if self.towns[town].up.as_ref().is_some_and(recovers) {
            self.marks.reach("a restore in recovery");
        }
        self.note_overlaps(town, None);
        self.kill(town, Left::Nothing, down_ms);
        let again = self.now.later_by_ms(down_ms);
        let place = &mut self.towns[town];
        place.up_again = again.max(place.up_again);
        place.full_until = self.now;
        let gone = place.lose(frames, lost)?;
        let wait = place.up_again.ms_since(self.now);
        self.plan_event(wait, Event::Start { town });
        self.set_clock(town, 0);
        for entry in &gone {
            self.note_overlaps(town, Some(entry));
        }
        self.say(|| format!("town {town} lost its last {} entries: {lost:?}", gone.len()));
        Ok(())
    }

    /// Notes the towns with which this one loses what only they had, since they began anew too.
    fn note_overlaps(&mut self, town: usize, lost: Option<&jichi_protocol::entry::Entry>) {
        for other in 0..self.towns.len() {
            let pair = (town.min(other), town.max(other));
            if other == town || self.overlaps.contains(&pair) {
                continue;
            }
            let (me, peer) = (setup::town_id(town), setup::town_id(other));
            let open = |at: usize, of| {
                let place = &self.towns[at];
                let taking = |up: &Up| up.ledger.recovering(&of).is_some();
                place.lost.is_some()
                    || (self.named[at].0 > Generation(1) && place.up.as_ref().is_none_or(taking))
            };
            let overlaps = match lost {
                Some(entry) => is_of_the_anew(entry, &peer),
                None => open(other, me),
            };
            if overlaps {
                self.marks.reach("two towns began anew at once");
                self.overlaps.insert(pair);
            }
        }
    }

    /// Whether two towns cannot take back everything from each other: each lost what the other
    /// one had of it. That stays closed, and is told (federation, Restore and generations).
    pub(crate) fn is_open(&self, one: usize, other: usize) -> bool {
        let taking = |at: usize, of: usize| {
            let up = self.towns[at].up.as_ref();
            up.is_some_and(|up| waits_for(up, setup::town_id(of)))
        };
        self.overlaps.contains(&(one.min(other), one.max(other)))
            && (taking(one, other) || taking(other, one))
    }

    /// Whether a town cannot take back everything from some other one.
    pub(crate) fn is_any_open(&self, town: usize) -> bool {
        (0..self.towns.len()).any(|other| other != town && self.is_open(town, other))
    }

    /// Whether all that is left is between towns that cannot take back everything.
    pub(super) fn is_stuck(&self) -> bool {
        // What is on its way to a disk comes to an end by itself.
        let busy = |up: &Up| up.flying.is_some() || up.waiting.is_some() || !up.queue.is_empty();
        let busy = self.towns.iter().any(|town| town.up.as_ref().is_some_and(busy));
        self.now > self.tired
            && !busy
            && self.overlaps.iter().any(|(one, other)| self.is_open(*one, *other))
    }

    /// Whether a town may go on from its journal, as far as others can say; if not, an operator
    /// has to restore it first.
    pub(super) fn stands(&mut self, town: usize) -> Result<bool, Violation> {
        if self.defect == Some(Defect::StartWithoutAsking) {
            self.towns[town].lost = None;
            return Ok(true);
        }
        let unnoticed = self.towns[town].lost == Some(Lost::Unnoticed);
        let mut ahead = false;
        for peer in (0..self.towns.len()).filter(|peer| *peer != town) {
            let reached =
                self.unreachable(town, peer).or_else(|| self.unreachable(peer, town)).is_none();
            if let (Some(up), Some(other), true) =
                (&self.towns[town].up, &self.towns[peer].up, reached)
            {
                let held = HeldOfUs { checkpoint: None, last: last_held(other, town) };
                ahead |= up.ledger.ahead(setup::town_id(peer), &held).is_some();
            }
        }
        match (unnoticed, ahead) {
            (false, false) => Ok(true),
            (false, true) => Err(format!("town {town}: a peer has more of it than its journal")),
            (true, true) => {
                self.marks.reach("an old copy was noticed at its start");
                Ok(false)
            }
            // A witness would know, or a peer that is not reached now: here the operator does.
            (true, false) => Ok(false),
        }
    }

    /// A restore: peers say what they know, and a new generation begins.
    pub(super) fn begin_anew(&mut self, town: usize) -> Result<(), Violation> {
        let me = setup::town_id(town);
        let (mut known, _) = self.named[town];
        for peer in (0..self.towns.len()).filter(|peer| *peer != town) {
            let reached =
                self.unreachable(town, peer).or_else(|| self.unreachable(peer, town)).is_none();
            let Some(other) = self.towns[peer].up.as_ref().filter(|_| reached) else { continue };
            let channel = other.ledger.channel(&me);
            let last = channel.and_then(jichi_protocol::channel::Channel::last_held);
            let named = other.ledger.member(&me).map(|member| member.generation);
            known = known.max(last.map_or(Generation(0), |last| last.generation));
            known = known.max(named.unwrap_or(Generation(0)));
        }
        if self.defect == Some(Defect::GenerationTwice) {
            known = Generation(0);
        }
        // Whoever restores a town sets its clock first.
        self.set_clock(town, 0);
        let (now, defect) = (self.now, self.defect);
        let begun = self.towns[town].begin_anew(known, now, defect);
        let (generation, size) = begun.map_err(|why| format!("town {town}: {why}"))?;
        self.say(|| format!("town {town} begins generation {generation} at entry {size}"));
        // The office names the key that the backup has.
        let changes = self.towns[town].changes(defect)?;
        self.named[town] = (generation, changes);
        for wish in self.wishes.iter_mut().filter(|wish| wish.town == town) {
            wish.lost |= matches!(wish.told, Some(Told::Entry(index)) if index >= size);
        }
        self.new_directory();
        Ok(())
    }

    /// The federation's office signs a version of the directory, and it goes round.
    pub(super) fn new_directory(&mut self) {
        self.version += 1;
        self.directory = Some(setup::directory(self.version, self.now, &self.named));
        let mut chance = Chance::about(self.plan.seed, &[9, self.version]);
        for to in 0..self.towns.len() {
            let far = if chance.percent(25) { 2 * HOUR } else { 2 * MINUTE };
            self.plan_event(SECOND + chance.below(far), Event::Directory { town: to });
        }
    }

    /// A town takes the newest directory in, or is asked again.
    pub(super) fn take_directory(&mut self, town: usize) -> Result<(), Violation> {
        let version = self.version;
        let Some(up) = &mut self.towns[town].up else {
            self.plan_event(MINUTE, Event::Directory { town });
            return Ok(());
        };
        if up.ledger.meta().directory.0 >= version {
            return Ok(());
        }
        if let Some(checked) = self.directory.clone().and_then(|taken| up.checked(taken)) {
            up.queue.push_back(Work { checked, answer: Asker::Setup });
        }
        self.plan_event(MINUTE, Event::Directory { town });
        self.pump(town)
    }

    /// Two officers name the towns that are not heard.
    pub(super) fn name_unheard(&mut self, town: usize) {
        let Some(up) = &self.towns[town].up else { return };
        let waiting = up.ledger.recovering_towns().filter(|(_, taking)| !taking.named);
        let towns: Vec<_> = waiting.map(|(town, _)| *town).collect();
        if towns.is_empty() {
            return;
        }
        let naming = Command::NameUnheard(Unheard { towns }, ByOfficer { officer: OFFICER });
        self.by_two(town, &naming);
    }

    /// Two officers close a town.
    pub(super) fn end_town(&mut self, town: usize) {
        let closing = Closing { successor: None };
        self.by_two(town, &Command::CloseTown(closing, ByOfficer { officer: OFFICER }));
    }

    /// One officer proposes, another one approves.
    fn by_two(&mut self, town: usize, command: &Command) {
        let number = u8::try_from(self.wishes.len()).expect("few wishes");
        let key = |which| ClientKey::of(self.now, [0, 0, 0, 0, 0, 0, 0, 1, which, number]);
        let (propose, decide) = (key(0), key(1));
        let proposal = ProposalId(*propose.bytes());
        let verdict = Verdict::Approve;
        let decision = ProposalDecision { proposal, verdict, approver: OfficerId(8) };
        for (key, command) in [
            (propose, Command::Propose(Nothing {}, Proposed::of(command, OFFICER))),
            (decide, Command::DecideProposal(Nothing {}, decision)),
        ] {
            let key = Some(OperationKey::Client(key));
            self.wish(town, Submission { key, command, evidence: None }, None);
        }
    }

    /// Plans to look what is to be fetched.
    pub(super) fn plan_look(&mut self, town: usize, after_ms: u64) {
        let life = self.towns[town].life;
        let place = &mut self.towns[town];
        let forgotten = self.defect == Some(Defect::RecoveryForgottenByCrash);
        if forgotten && place.anew_in != Some(life) {
            return;
        }
        let Some(up) = &mut place.up else { return };
        if up.looks || next_of(&up.ledger).is_empty() {
            return;
        }
        up.looks = true;
        self.plan_event(after_ms, Event::Look { town, life });
    }

    pub(super) fn look(&mut self, town: usize) {
        let life = self.towns[town].life;
        let Some(up) = &mut self.towns[town].up else { return };
        up.looks = false;
        let next = next_of(&up.ledger);
        // As long as nothing comes, asking every three seconds shows nothing new.
        up.look_again_ms = match up.looked == next {
            true => (up.look_again_ms * 2).min(10 * MINUTE),
            false => AGAIN_MS,
        };
        up.looked.clone_from(&next);
        let mut after = up.look_again_ms;
        for (peer, next) in next {
            let peer = town_of(&peer);
            let cut = self.unreachable(town, peer).or_else(|| self.unreachable(peer, town));
            if let Some(until) = cut {
                after = after.max(until.ms_since(self.now).min(10 * MINUTE));
                continue;
            }
            let mut chance = Chance::about(self.plan.seed, &[10, town as u64, self.planned]);
            let lost = if self.is_calm() { 0 } else { self.plan.wire.lost_percent };
            if !chance.percent(lost) {
                let event = Event::Fetched { town, life, peer, next };
                self.plan_event(10 + chance.below(400), event);
            }
        }
        self.plan_look(town, after);
    }

    /// A page of what the peer has comes.
    pub(super) fn fetched(
        &mut self,
        town: usize,
        peer: usize,
        next: Next,
    ) -> Result<(), Violation> {
        let now = self.now;
        let Some(other) = &self.towns[peer].up else { return Ok(()) };
        let mut submissions = Vec::new();
        match next {
            Next::Own(at) => {
                for (_, envelope) in taken(other, town, at) {
                    let command = Command::TakeBackOwn(Nothing {}, Received { envelope });
                    submissions.push(Submission { key: None, command, evidence: None });
                }
            }
            Next::Theirs(_) if self.defect == Some(Defect::TheirsNotFetched) => {}
            Next::Theirs(at) => {
                let deliveries: Vec<_> = sent(other, town, at);
                let place = &mut self.towns[peer];
                for (size, root, _) in &deliveries {
                    place.told = place.told.max(*size);
                    place.shown.insert(*size, *root);
                }
                for (_, _, bytes) in deliveries {
                    submissions.extend(self.read((peer, town), &bytes).ok());
                }
            }
        }
        let full = self.towns[town].full_until > now;
        let Some(up) = &mut self.towns[town].up else { return Ok(()) };
        if full && up.flying.is_some() {
            return Ok(());
        }
        for submission in submissions {
            if let Some(checked) = up.checked(submission) {
                up.queue.push_back(Work { checked, answer: Asker::Setup });
            }
        }
        self.pump(town)
    }
}

/// Whether something is still to be taken back.
pub(crate) fn recovers(up: &Up) -> bool {
    up.ledger.recovering_towns().next().is_some()
}

/// Whether a town is taking back from another one, or waits for an answer of it.
fn waits_for(up: &Up, peer: TownId) -> bool {
    let waits = |stage: &OutgoingStage| matches!(stage, OutgoingStage::Waiting { .. });
    let lost = up.ledger.meta().recovery.iter().flat_map(|known| known.lost.values());
    up.ledger.recovering(&peer).is_some()
        || up.ledger.outgoing_all().any(|(_, out)| out.town == peer && waits(&out.stage))
        || lost.into_iter().any(|lost| lost.town == peer && lost.stage == LostStage::Waiting)
}

/// The envelopes of a town that another one's journal took, from a place on.
fn taken(up: &Up, from: usize, at: Acked) -> Vec<(u64, Vec<u8>)> {
    let from = setup::town_id(from);
    let all = up.durable.iter().filter_map(|(entry, _)| {
        let Command::HandleEnvelope(_, received) = &entry.submission.command else { return None };
        let envelope = Envelope::decode(&received.envelope).ok()?;
        let header = envelope.header();
        let fits = header.sender == from
            && header.generation == at.generation
            && header.number >= at.number;
        fits.then(|| (header.number.0, received.envelope.clone()))
    });
    let mut all: Vec<_> = all.collect();
    all.sort();
    all.truncate(PAGE);
    all
}

/// The deliveries of a journal's messages to a town, from a place on, with what their checkpoints
/// speak of.
fn sent(up: &Up, to: usize, at: Acked) -> Vec<(u64, jichi_protocol::digest::Digest, Vec<u8>)> {
    let to = setup::town_id(to);
    let all = up.durable.iter().filter_map(|(entry, _)| {
        let Outcome::Done(effect) = &entry.outcome else { return None };
        let header = effect.sent.as_ref()?.header();
        let fits = header.recipient == to
            && header.generation == at.generation
            && header.number >= at.number;
        fits.then_some(entry.index)
    });
    let deliveries = all.take(PAGE).filter_map(|entry| up.delivery(entry));
    let speak = deliveries.map(|(_, bytes, checkpoint)| {
        let claimed = checkpoint.claimed();
        (claimed.size.0, claimed.root, bytes)
    });
    speak.collect()
}

/// The last message of a town that another one took.
fn last_held(up: &Up, of: usize) -> Option<Envelope> {
    let at = up.ledger.channel(&setup::town_id(of))?.last_held()?;
    let (_, bytes) = taken(up, of, at).into_iter().next()?;
    Envelope::decode(&bytes).ok()
}
