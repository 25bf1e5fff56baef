//! The way of a batch: decided, written, synced, released; and what kills it.

use jichi_node::engine::core::{Batch, Released};
use jichi_protocol::{
    channel::delivery::DeliveryFault,
    command::Command,
    date::Time,
    entry::{Entry, Outcome},
    transfer::Message,
};

use super::{Event, Violation, World, recovers};
use crate::{
    chance::Chance,
    disk::Left,
    plan::{DAY, MINUTE},
    planted::Defect,
    seen,
    town::{Asker, town_of},
};

/// Entries may lie ahead of the right time by as much as a start believes without asking.
const AHEAD_MS_MAX: u64 = DAY + MINUTE;

impl World {
    /// Has the town decide what waits, as far as its writer and disk are free.
    pub(super) fn pump(&mut self, town: usize) -> Result<(), Violation> {
        let (now, defect) = (self.now, self.defect);
        let wall = self.towns[town].wall(now);
        let Some(up) = &mut self.towns[town].up else { return Ok(()) };
        if up.waiting.is_some() || !up.has_work(wall) {
            return Ok(());
        }
        if !up.believes(now, wall) && defect != Some(Defect::ClockNotGuarded) {
            let silent = wall.ms_since(up.ledger.meta().last) > DAY;
            self.marks.reach(match silent {
                true => "a start after a day of silence",
                false => "the clock was doubted",
            });
            return self.doubt(town);
        }
        let batch = up.decide(wall, defect, &mut self.marks);
        let batch = batch.map_err(|halted| format!("town {town}: {halted}"))?;
        for made in &batch.entries {
            if made.entry.time > now.later_by_ms(AHEAD_MS_MAX) {
                return Err(format!("town {town}: an entry is dated days ahead of the time"));
            }
            if let Command::Forward(shared, _) = &made.entry.submission.command {
                self.transfers.insert(shared.transfer);
            }
        }
        if batch.entries.is_empty() && batch.releases.is_empty() {
            return Ok(());
        }
        let batch = self.released_early(town, batch);
        let Some(up) = &mut self.towns[town].up else { return Ok(()) };
        if up.flying.is_some() {
            up.waiting = Some(batch);
            return Ok(());
        }
        self.write(town, batch)?;
        self.pump(town)
    }

    /// Nobody is answered while the clock is doubted; somebody comes and looks.
    fn doubt(&mut self, town: usize) -> Result<(), Violation> {
        let Some(up) = &mut self.towns[town].up else { return Ok(()) };
        let works: Vec<_> = up.queue.drain(..).collect();
        for work in works {
            self.not_now(town, work.answer);
        }
        if !self.towns[town].confirm_planned {
            self.towns[town].confirm_planned = true;
            let mut chance = Chance::about(self.plan.seed, &[5, town as u64, self.planned]);
            let after = 5 * MINUTE + chance.below(55 * MINUTE);
            self.plan_event(after, Event::Confirm { town });
        }
        Ok(())
    }

    pub(super) fn confirm(&mut self, town: usize) -> Result<(), Violation> {
        self.say(|| format!("the clock of town {town} is put right and confirmed"));
        let now = self.now;
        self.set_clock(town, 0);
        let place = &mut self.towns[town];
        place.confirm_planned = false;
        if let Some(up) = &mut place.up {
            up.confirm_clock(now, now);
        }
        self.pump(town)
    }

    /// Refusals that a planted defect lets out before what they rest on is durable.
    fn released_early(&mut self, town: usize, mut batch: Batch<Asker>) -> Batch<Asker> {
        if self.defect != Some(Defect::RefusalReleasedEarly) {
            return batch;
        }
        let early = |what: &Released| matches!(what, Released::Rejected(_) | Released::Heard);
        let (now, later) = batch.releases.drain(..).partition(|release| early(&release.what));
        batch.releases = later;
        let now: Vec<_> = now;
        self.early = true;
        for release in now {
            self.tell_all(town);
            self.release(town, release.what, release.answer);
        }
        self.early = false;
        batch
    }

    /// Something that rests on all of the state in memory leaves the town.
    fn tell_all(&mut self, town: usize) {
        let next = self.towns[town].up.as_ref().map_or(0, |up| up.ledger.meta().next.0);
        self.towns[town].told = self.towns[town].told.max(next);
    }

    fn write(&mut self, town: usize, batch: Batch<Asker>) -> Result<(), Violation> {
        let (now, defect, life) = (self.now, self.defect, self.towns[town].life);
        let full = self.towns[town].full_until > now;
        let place = &mut self.towns[town];
        let Some(up) = &mut place.up else { return Ok(()) };
        up.synced = false;
        if batch.entries.is_empty() {
            up.flying = Some((batch, None));
            self.plan_event(1, Event::Released { town, life });
            return Ok(());
        }
        if full {
            self.marks.reach("the disk was full");
            up.flying = Some((batch, None));
            let after = if defect == Some(Defect::FullDiskAnswered) { 1 } else { 500 };
            let event = match defect {
                Some(Defect::FullDiskAnswered) => Event::Released { town, life },
                Some(_) | None => Event::Retry { town, life },
            };
            self.plan_event(after, event);
            return Ok(());
        }
        let laid = up.lay(&batch).ok_or("the segment of a course is too small")?;
        place.disk.write(&laid);
        up.flying = Some((batch, Some(laid.behind)));
        let mut chance = Chance::about(self.plan.seed, &[6, town as u64, self.planned]);
        let after = 1 + chance.below(8);
        self.plan_event(after, Event::Synced { town, life });
        match defect {
            Some(Defect::AnswerBeforeSync) => {
                self.tell_all(town);
                self.release_flying(town);
            }
            Some(Defect::SentBeforeSync) => self.post_flying(town),
            Some(_) | None => {}
        }
        Ok(())
    }

    pub(super) fn retry(&mut self, town: usize) -> Result<(), Violation> {
        let Some(up) = &mut self.towns[town].up else { return Ok(()) };
        let Some((batch, None)) = up.flying.take() else { return Ok(()) };
        self.write(town, batch)
    }

    pub(super) fn synced(&mut self, town: usize) -> Result<usize, Violation> {
        let life = self.towns[town].life;
        let mut chance = Chance::about(self.plan.seed, &[7, town as u64, self.planned]);
        let forgotten = self.defect == Some(Defect::SyncForgotten) && chance.percent(30);
        let place = &mut self.towns[town];
        if !forgotten {
            place.disk.sync();
        }
        if let Some(up) = &mut place.up {
            if let Some((_, Some(behind))) = up.flying {
                up.log = behind;
            }
            // A crash here: durable, unanswered.
            up.synced = true;
        }
        self.plan_event(chance.below(4), Event::Released { town, life });
        Ok(town)
    }

    pub(super) fn released(&mut self, town: usize) -> Result<usize, Violation> {
        self.post_flying(town);
        if let Some(up) = &mut self.towns[town].up
            && let Some((batch, behind)) = up.flying.take()
        {
            up.publish(&batch);
            let next = up.durable.len() as u64;
            if !batch.entries.is_empty() {
                self.trace_batch(town, &batch);
            }
            if !batch.releases.is_empty() {
                let told = &mut self.towns[town].told;
                *told = next.max(*told);
            }
            if let Some(up) = &mut self.towns[town].up {
                up.flying = Some((batch, behind));
            }
        }
        self.release_flying(town);
        self.flush_replies(town);
        let Some(up) = &mut self.towns[town].up else { return Ok(town) };
        up.flying = None;
        if let Some(batch) = up.waiting.take() {
            self.write(town, batch)?;
        }
        self.pump(town)?;
        self.plan_poll(town);
        self.plan_answers(town);
        self.plan_look(town, 1);
        Ok(town)
    }

    fn trace_batch(&mut self, town: usize, batch: &Batch<Asker>) {
        for made in &batch.entries {
            if let Some(up) = &self.towns[town].up {
                seen::note_made(&made.entry, &up.ledger, &mut self.marks);
            }
            self.say(|| format!("town {town} {}", told(&made.entry)));
        }
    }

    /// Lets go the answers of the batch in flight; they are let go once.
    fn release_flying(&mut self, town: usize) {
        let Some(up) = &mut self.towns[town].up else { return };
        let Some((batch, _)) = &mut up.flying else { return };
        let releases = std::mem::take(&mut batch.releases);
        for release in releases {
            self.release(town, release.what, release.answer);
        }
    }

    /// Gives the courier the messages of the batch in flight.
    fn post_flying(&mut self, town: usize) {
        let now = self.now;
        let Some(up) = &mut self.towns[town].up else { return };
        let Some((batch, _)) = &up.flying else { return };
        let since = up.since_start(now);
        let generation = up.ledger.meta().generation;
        for made in &batch.entries {
            if let Some((peer, number)) = made.sent {
                let post = up.posts.entry(town_of(&peer));
                let post =
                    post.or_insert_with(|| jichi_node::federation::post::Post::new(generation));
                post.add(number, made.entry.index, since);
            }
        }
        if self.defect == Some(Defect::SentBeforeSync) {
            self.plan_poll(town);
        }
    }

    fn release(&mut self, town: usize, what: Released, asker: Asker) {
        match asker {
            Asker::Resident(wish) => self.answered(wish, what),
            Asker::Peer { town: peer, number, flight } => {
                let fault = match what {
                    Released::Entry(_) | Released::Heard => None,
                    Released::Rejected(refusal) => {
                        Some(jichi_node::federation::arriving::fault_of(refusal))
                    }
                };
                self.reply(town, peer, (number, flight), fault);
            }
            Asker::Setup => {
                if let Released::Rejected(refusal) = what {
                    self.say(|| format!("town {town}: setup refused: {refusal:?}"));
                }
            }
        }
    }

    fn not_now(&mut self, town: usize, asker: Asker) {
        if let Asker::Peer { town: peer, number, flight } = asker {
            self.reply(town, peer, (number, flight), Some(DeliveryFault::TryLater));
        }
    }

    /// Kills a node.
    pub(super) fn kill(&mut self, town: usize, left: Left, down_ms: u64) {
        let Some(up) = self.towns[town].up.take() else { return };
        if recovers(&up) {
            self.marks.reach("a crash in recovery");
        }
        self.say(|| format!("town {town} is killed; of what was not synced: {left:?}"));
        if up.waiting.is_some() {
            self.marks.reach("a crash while a second batch waited");
        }
        let sends = |batch: &Batch<Asker>| batch.entries.iter().any(|made| made.sent.is_some());
        if up.synced && up.flying.as_ref().is_some_and(|(batch, _)| sends(batch)) {
            self.marks.reach("a crash between journal and send");
        }
        let mut chance = Chance::about(self.plan.seed, &[8, town as u64, self.planned]);
        let now = self.now;
        let place = &mut self.towns[town];
        place.disk.crash(left, &mut chance, &mut self.marks);
        place.vault.crash(left, &mut chance, &mut self.marks);
        place.life += 1;
        place.up_again = now.later_by_ms(down_ms);
        self.plan_event(down_ms, Event::Start { town });
    }

    /// Until when nothing that goes from one town arrives at the other.
    pub(super) fn unreachable(&self, from: usize, to: usize) -> Option<Time> {
        // Once it is long that no reply comes back, trying again every minute shows nothing new.
        let tired = |cut: &super::Cut| cut.since.later_by_ms(5 * MINUTE) < self.now;
        let cut = self.cuts.iter().filter(|cut| {
            let there = (cut.from, cut.to) == (from, to);
            let back = (cut.from, cut.to) == (to, from) && tired(cut);
            (there || back) && cut.since <= self.now && self.now < cut.until
        });
        let down = self.towns[to].up.is_none().then_some(self.towns[to].up_again);
        cut.map(|cut| cut.until).chain(down).max().filter(|until| *until > self.now)
    }
}

/// What an entry did, for somebody who reads the course.
fn told(entry: &Entry) -> String {
    let kind = format!("{:?}", entry.submission.command);
    let kind = kind.split('(').next().unwrap_or_default();
    let said = match &entry.outcome {
        Outcome::Done(effect) => match &effect.sent {
            Some(sent) => {
                let (number, to) = (sent.header().number, town_of(&sent.header().recipient));
                let message = format!("{:?}", Message::of(sent));
                let message = message.trim_start_matches("Some(").split('(').next();
                format!("sends {number} to town {to}: {}", message.unwrap_or_default())
            }
            None => "done".to_owned(),
        },
        Outcome::Refused(refusal) => format!("refused: {}", refusal.code()),
    };
    format!("entry {} {kind}: {said}", entry.index)
}
