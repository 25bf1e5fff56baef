//! The committer: makes one batch durable after the other, and then lets go what rests on it.

use std::{
    io::ErrorKind,
    sync::{
        Arc, PoisonError,
        atomic::Ordering,
        mpsc::{Receiver, SyncSender},
    },
    thread,
    time::Duration,
};

use jichi_protocol::{digest::Digest, entry::StoredEntry};
use tokio::sync::broadcast;

use super::{
    Answer, Committed, Durable, Halted, NotTaken, Reply, Shared,
    core::{Made, Release, Released},
    snapshot::Snapshot,
    writer::Batch,
};
use crate::journal::{Journal, damage::AppendError};

/// How long the committer waits before it tries a full disk again.
const DISK_FULL_PAUSE: Duration = Duration::from_millis(500);

/// The committer's own state.
#[derive(Debug)]
pub(super) struct Committer {
    pub(super) shared: Arc<Shared>,
    pub(super) journal: Journal,
    pub(super) news: broadcast::Sender<Durable>,
    /// To the thread that writes snapshots.
    pub(super) keeper: SyncSender<Snapshot>,
}

impl Committer {
    /// Runs until the writer ends, then closes the journal in order.
    pub(super) fn run(mut self, batches: &Receiver<Batch>) -> Result<(), Halted> {
        while let Ok(batch) = batches.recv() {
            if !batch.entries.is_empty() {
                self.append(&batch)?;
            }
            self.publish(&batch)?;
            self.release(batch.releases, &batch.entries);
            if let Some(snapshot) = batch.snapshot
                && self.keeper.try_send(snapshot).is_err()
            {
                tracing::warn!("the last snapshot is still being written; this one is left out");
            }
        }
        self.journal.close().map_err(|_| Halted("the journal was not closed in order"))
    }

    /// Makes a batch durable; on a full disk it waits for room, for nothing was written.
    fn append(&mut self, batch: &Batch) -> Result<(), Halted> {
        let entries: Vec<&[u8]> = batch.entries.iter().map(|made| made.bytes.as_slice()).collect();
        let checkpoint = batch.checkpoint.as_deref().unwrap_or_default().as_bytes();
        let full = &self.shared.flags.storage_full;
        loop {
            match self.journal.append(&entries, checkpoint) {
                // A crash here: on disk, unanswered. Replay applies it; the shop asks again.
                Ok(_) => {
                    full.store(false, Ordering::Relaxed);
                    return Ok(());
                }
                Err(AppendError::DiskFull(bytes)) => self.wait_for_room(bytes),
                Err(error) => {
                    tracing::error!(%error, "the journal halts");
                    return Err(Halted("a write or sync of the journal failed"));
                }
            }
        }
    }

    /// Waits a little on a full disk, and has the node take nothing until there is room.
    fn wait_for_room(&self, bytes: u64) {
        if !self.shared.flags.storage_full.swap(true, Ordering::Relaxed) {
            tracing::error!(bytes, "the disk is full: nothing is written until there is room");
        }
        thread::sleep(DISK_FULL_PAUSE);
    }

    /// Appends to the rows of the tree; on a full disk it waits for room as the journal does.
    fn append_rows(&self, leaves: &[Digest]) -> Result<(), Halted> {
        loop {
            match self.shared.rows.append(leaves) {
                Ok(()) => {
                    self.shared.flags.storage_full.store(false, Ordering::Relaxed);
                    return Ok(());
                }
                Err(error)
                    if error.kind() == ErrorKind::StorageFull
                        || error.kind() == ErrorKind::QuotaExceeded =>
                {
                    self.wait_for_room(size_of_val(leaves) as u64);
                }
                Err(error) => {
                    tracing::error!(%error, "the rows of the tree cannot be written");
                    return Err(Halted("the rows of the tree cannot be written"));
                }
            }
        }
    }

    /// Raises the durable index: from here on, reads of this state are answered.
    fn publish(&self, batch: &Batch) -> Result<(), Halted> {
        let Some(last) = batch.entries.last() else { return Ok(()) };
        let leaves: Vec<_> = batch.entries.iter().map(|made| made.leaf).collect();
        self.append_rows(&leaves)?;
        let checkpoint: Arc<str> = batch.checkpoint.as_deref().unwrap_or_default().into();
        *self.shared.checkpoint.write().unwrap_or_else(PoisonError::into_inner) = checkpoint;
        let flags = &self.shared.flags;
        flags.batches.fetch_add(1, Ordering::Relaxed);
        flags.entries.fetch_add(batch.entries.len() as u64, Ordering::Relaxed);
        self.shared.durable.send_replace(last.entry.index.next().0);
        for made in &batch.entries {
            // Nobody may be listening.
            let _ = self.news.send(Durable { committed: self.committed(made), sent: made.sent });
        }
        Ok(())
    }

    fn committed(&self, made: &Made) -> Committed {
        let checkpoint = self.shared.checkpoint.read().unwrap_or_else(PoisonError::into_inner);
        Committed {
            entry: Arc::clone(&made.entry),
            stored: Arc::clone(&made.stored),
            checkpoint: Arc::clone(&checkpoint),
        }
    }

    fn release(&self, releases: Vec<Release<Reply>>, entries: &[Made]) {
        for Release { what, answer } in releases {
            let answered = match what {
                Released::Heard => Ok(Answer::Heard),
                Released::Rejected(refusal) => Ok(Answer::Rejected(refusal)),
                Released::Entry(index) => {
                    let made = entries.iter().find(|made| made.entry.index == index);
                    match made {
                        Some(made) => Ok(Answer::Entry(self.committed(made))),
                        None => self.shared.committed(index).map(Answer::Entry),
                    }
                }
            };
            // Who asked may have gone away; the key asks for the answer again.
            let _ = answer.send(answered);
        }
    }
}

impl Shared {
    /// An entry that is durable already, from the journal.
    pub(super) fn committed(
        &self,
        index: jichi_protocol::id::EntryIndex,
    ) -> Result<Committed, NotTaken> {
        let read = || {
            let bytes = self.reader.entry(self.reader.locate(index).ok()?).ok()?;
            let stored: StoredEntry = jichi_protocol::codec::decode(&bytes).ok()?;
            let entry = stored.open().ok()?;
            Some((entry, stored))
        };
        let Some((entry, stored)) = read() else {
            tracing::error!(%index, "an entry of the journal cannot be read");
            return Err(NotTaken::Unknown);
        };
        let checkpoint = self.checkpoint.read().unwrap_or_else(PoisonError::into_inner);
        Ok(Committed {
            entry: Arc::new(entry),
            stored: Arc::new(stored),
            checkpoint: Arc::clone(&checkpoint),
        })
    }
}
