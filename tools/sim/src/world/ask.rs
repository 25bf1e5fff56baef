//! What residents wish, and how they ask again until they know.

use jichi_node::engine::{Work, core::Released};
use jichi_protocol::{date::Time, entry::Submission, id::EntryIndex, refusal::Refusal};

use super::{Event, Violation, World};
use crate::{
    chance::Chance,
    plan::{MINUTE, SECOND},
    planted::Defect,
    town::Asker,
};

/// Answers that do not arrive: the resident asks again.
const UNHEARD_PERCENT: u64 = 15;

/// A wish of a resident.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub(crate) town: usize,
    pub(crate) submission: Submission,
    /// The paper that the vault has to keep first.
    pub(crate) paper: Option<Vec<u8>>,
    pub(crate) told: Option<Told>,
    /// A restore lost what the resident was told of.
    pub(crate) lost: bool,
    /// The town takes back what it lost; it is asked again then.
    later: Time,
}

/// What a resident was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    Entry(EntryIndex),
    Rejected(Refusal),
}

impl World {
    pub(super) fn wish(&mut self, town: usize, submission: Submission, paper: Option<Vec<u8>>) {
        let wish = self.wishes.len();
        self.wishes.push(Wish {
            town,
            submission,
            paper,
            told: None,
            lost: false,
            later: self.now,
        });
        self.plan_event(0, Event::Ask { wish });
    }

    pub(super) fn ask(&mut self, wish: usize) -> Result<(), Violation> {
        let now = self.now;
        let Wish { town, submission, paper, told, later, .. } = self.wishes[wish].clone();
        if told.is_some() {
            return Ok(());
        }
        if later > now {
            self.plan_event(later.ms_since(now), Event::Ask { wish });
            return Ok(());
        }
        let full = self.towns[town].full_until > now;
        let life = self.towns[town].life;
        let again = self.towns[town].up_again.ms_since(now).max(20 * SECOND);
        self.plan_event(again, Event::Ask { wish });
        let place = &mut self.towns[town];
        let Some(up) = &mut place.up else { return Ok(()) };
        if full && up.flying.is_some() {
            return Ok(());
        }
        if let Some(paper) = paper
            && !up.vaulted.contains(&jichi_protocol::digest::Digest::of(&[&paper]))
        {
            let laid = up.vault_log.lay(&[&paper], &[]).ok_or("the vault of a course is full")?;
            place.vault.write(&laid);
            up.vault_log = laid.behind;
            self.plan_event(3, Event::Vaulted { town, life, wish });
            if self.defect != Some(Defect::JournalBeforeVault) {
                return Ok(());
            }
        }
        self.submit(town, wish, submission)
    }

    /// The vault has the paper; now it may be named.
    pub(super) fn vaulted(&mut self, town: usize, wish: usize) {
        let Wish { submission, paper, .. } = self.wishes[wish].clone();
        let place = &mut self.towns[town];
        let Some(up) = &mut place.up else { return };
        place.vault.sync();
        if let Some(paper) = paper {
            up.vaulted.insert(jichi_protocol::digest::Digest::of(&[&paper]));
        }
        if self.wishes[wish].told.is_none() {
            // What goes wrong here is found by the check of the next event.
            let _ = self.submit(town, wish, submission);
        }
    }

    fn submit(
        &mut self,
        town: usize,
        wish: usize,
        submission: Submission,
    ) -> Result<(), Violation> {
        let Some(up) = &mut self.towns[town].up else { return Ok(()) };
        if let Some(checked) = up.checked(submission) {
            up.queue.push_back(Work { checked, answer: Asker::Resident(wish) });
        }
        self.pump(town)
    }

    pub(super) fn answered(&mut self, wish: usize, what: Released) {
        let mut chance = Chance::about(self.plan.seed, &[11, wish as u64, self.planned]);
        if !self.is_calm() && chance.percent(UNHEARD_PERCENT) {
            return;
        }
        let told = match what {
            Released::Entry(index) => Told::Entry(index),
            Released::Rejected(Refusal::Recovering) if self.now < self.tired => {
                self.wishes[wish].later = self.now.later_by_ms(10 * MINUTE);
                return;
            }
            Released::Rejected(refusal) => Told::Rejected(refusal),
            Released::Heard => return,
        };
        self.wishes[wish].told.get_or_insert(told);
    }
}
