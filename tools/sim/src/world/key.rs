//! A town changes the key of its channels: the directory names the new one, and once the town knows
//! that, its office stops the node, writes the change down, and starts it again.

use super::{Event, Violation, World};
use crate::{
    disk::Left,
    plan::{MINUTE, SECOND},
    setup,
};

impl World {
    /// The directory's office names the key to come.
    pub(super) fn name_key(&mut self, town: usize) {
        let Some(up) = &self.towns[town].up else { return };
        let changes = setup::changes_of(town, &up.ledger);
        if self.named[town].1 != changes || changes == setup::CHANGES_MAX {
            return;
        }
        self.named[town].1 += 1;
        self.new_directory();
        self.plan_event(MINUTE, Event::Rotate { town });
    }

    /// The key is changed, or it is tried again.
    pub(super) fn rotate(&mut self, town: usize) -> Result<(), Violation> {
        let now = self.now;
        let place = &mut self.towns[town];
        let Some(up) = place.up.as_ref().filter(|_| place.lost.is_none()) else {
            if now < self.tired {
                self.plan_event(MINUTE, Event::Rotate { town });
            }
            return Ok(());
        };
        let done = self.named[town].1 == setup::changes_of(town, &up.ledger);
        if done || up.ledger.closed().is_some() {
            return Ok(());
        }
        let next = setup::keys(town, self.named[town].1).channel.public();
        if up.ledger.meta().keys.as_ref().and_then(|keys| keys.named) != Some(next) {
            if now < self.tired {
                self.plan_event(MINUTE, Event::Rotate { town });
            }
            return Ok(());
        }
        self.kill(town, Left::All, 20 * SECOND);
        let changed = self.towns[town].change_key(now, self.defect);
        let changed = changed.map_err(|why| format!("town {town}: {why}"))?;
        self.say(|| format!("town {town} changes its key: {changed}"));
        if !changed && now < self.tired {
            self.plan_event(10 * MINUTE, Event::Rotate { town });
        }
        Ok(())
    }
}
