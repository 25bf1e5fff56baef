//! A town's journal that is older than its newest one: cut, as a backup is, and begun anew under a
//! new generation by the node's own code.

use jichi_node::{
    engine::{anew::restarted, core::Core},
    journal::frame::FRAME_BYTES_MAX,
};
use jichi_protocol::{
    command::{ByTwo, Command},
    date::Time,
    entry::{Entry, Outcome, StoredEntry},
    envelope::Envelope,
    id::{EntryIndex, Generation, OfficerId, TownId},
    transfer::Message,
};

use crate::{
    planted::Defect,
    read::Read,
    setup::{self, OFFICER},
    town::{Counted, Lost, Town},
};

/// Says yes to a restore.
const SECOND: OfficerId = OfficerId(8);

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
        let keys = setup::keys(self.index);
        let mut core = Core::over(&restored, keys, FRAME_BYTES_MAX, Box::new(salts));
        let by = ByTwo { maker: OFFICER, approver: SECOND };
        let batch = restarted(&mut restored, &mut core, self.wall(now), (new, None), by);
        let batch = batch.map_err(|error| error.to_string())?;
        let bytes: Vec<&[u8]> = batch.entries.iter().map(|made| made.bytes.as_slice()).collect();
        let checkpoint = batch.checkpoint.unwrap_or_default();
        let laid = log.lay(&bytes, checkpoint.as_bytes()).ok_or("the segment is full")?;
        self.disk.write(&laid);
        self.disk.sync();
        self.told = 0;
        self.shown.clear();
        self.lost = None;
        self.life += 1;
        self.anew_in = Some(self.life);
        Ok((new, size))
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
