//! What is done to a town's journal while no node writes to it: it is cut, as a backup is, and begun
//! anew under a new generation; or its channel key is changed. Both by the node's own code.

use jichi_node::{
    clock,
    engine::{
        anew::{alone, restarted},
        core::{Batch, Core},
    },
    journal::{frame::FRAME_BYTES_MAX, memory::MemoryLog},
};
use jichi_protocol::{
    command::Command,
    control::KeyChange,
    date::Time,
    entry::{Entry, Outcome, StoredEntry},
    envelope::Envelope,
    id::{EntryIndex, Generation, TownId},
    signature::Domain,
    transfer::Message,
};

use crate::{
    planted::Defect,
    read::Read,
    setup::{self, BY_TWO},
    town::{Counted, Lost, Town},
};

impl Town {
    /// Puts an older copy of the journal in place, without its last frames; what these held
    /// comes back.
    pub(crate) fn lose(&mut self, frames: usize, lost: Lost) -> Result<Vec<Entry>, String> {
        let found = self.disk.open()?;
        let kept = found.batches.len().saturating_sub(frames).max(self.frames);
        let gone = found.batches.iter().skip(kept).flat_map(|batch| &batch.entries);
        let gone = gone.map(|bytes| {
            let stored: StoredEntry = jichi_protocol::codec::decode(bytes).ok()?;
            stored.open().ok()
        });
        let gone = gone.collect::<Option<_>>().ok_or("an entry cannot be read")?;
        self.disk.keep(kept)?;
        self.told = 0;
        self.lost = Some(lost);
        Ok(gone)
    }

    /// Begins a generation that is newer than all that others know; it comes back, with the size
    /// of the backup.
    pub(crate) fn begin_anew(
        &mut self,
        known: Generation,
        now: Time,
        defect: Option<Defect>,
    ) -> Result<(Generation, EntryIndex), String> {
        let Read { log, mut restored, .. } = self.read(defect)?;
        let size = restored.ledger.meta().next;
        let new = Generation(restored.ledger.generation().max(known).0 + 1);
        let salts = Counted(size.0 + (self.life << 32));
        let keys = setup::keys(self.index, setup::changes_of(self.index, &restored.ledger));
        let mut core = Core::over(&restored, keys, FRAME_BYTES_MAX, Box::new(salts));
        let batch = restarted(&mut restored, &mut core, self.wall(now), (new, None), BY_TWO);
        let batch = batch.map_err(|error| error.to_string())?;
        self.append(&log, &batch)?;
        self.told = 0;
        self.shown.clear();
        self.lost = None;
        self.life += 1;
        self.anew_in = Some(self.life);
        Ok((new, size))
    }

    /// How often the town of the journal changed its key.
    pub(crate) fn changes(&mut self, defect: Option<Defect>) -> Result<u8, String> {
        Ok(setup::changes_of(self.index, &self.read(defect)?.restored.ledger))
    }

    /// Changes the channel key, while the node does not run. Whether the ledger let it.
    pub(crate) fn change_key(&mut self, now: Time, defect: Option<Defect>) -> Result<bool, String> {
        let Read { log, mut restored, .. } = self.read(defect)?;
        let changes = setup::changes_of(self.index, &restored.ledger);
        let [old, new] = [changes, changes + 1].map(|at| setup::keys(self.index, at).channel);
        let (old_key, new_key) = (old.public(), new.public());
        let statement = KeyChange::statement(self.id, old_key, new_key);
        let by_old = Some(old.sign(Domain::KeyChange, &statement));
        let change = KeyChange { old: old_key, new: new_key, by_old };
        let salts = Counted(restored.ledger.meta().next.0 + (self.life << 32));
        let keys = setup::keys(self.index, changes);
        let mut core = Core::over(&restored, keys, FRAME_BYTES_MAX, Box::new(salts));
        let command = Command::ChangeKey(change, BY_TWO);
        let time = clock::unasked(self.wall(now), restored.ledger.meta().last);
        let Ok(batch) = alone(&mut restored, &mut core, time, command) else {
            return Ok(false);
        };
        self.append(&log, &batch)?;
        // A backup from before is of no use: the old key is gone.
        self.frames = self.disk.open()?.batches.len();
        Ok(true)
    }

    fn append(&mut self, log: &MemoryLog, batch: &Batch<()>) -> Result<(), String> {
        let bytes: Vec<&[u8]> = batch.entries.iter().map(|made| made.bytes.as_slice()).collect();
        let checkpoint = batch.checkpoint.as_deref().unwrap_or_default();
        let laid = log.lay(&bytes, checkpoint.as_bytes()).ok_or("the segment is full")?;
        self.disk.write(&laid);
        self.disk.sync();
        Ok(())
    }
}

/// Whether an entry is of the other town's beginning anew: without it, what was taken back there
/// cannot be had again.
pub(crate) fn is_of_the_anew(entry: &Entry, other: &TownId) -> bool {
    let anew = |envelope: &Envelope| {
        matches!(Message::of(envelope), Some(Message::TakeBack(_) | Message::Fence(_)))
    };
    let came = match &entry.submission.command {
        Command::HandleEnvelope(_, received) => Envelope::decode(&received.envelope).ok(),
        _ => None,
    };
    let sent = match &entry.outcome {
        Outcome::Done(effect) => effect.sent.as_ref(),
        Outcome::Refused(_) => None,
    };
    came.is_some_and(|came| came.header().sender == *other && anew(&came))
        || sent.is_some_and(|sent| sent.header().recipient == *other && anew(sent))
}
