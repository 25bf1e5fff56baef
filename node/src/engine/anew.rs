//! The begin of a new generation, behind the journal of a backup (architecture, Restore).

use jichi_protocol::{
    command::{ByTwo, Command, Restart},
    date::Time,
    entry::Submission,
    id::{EntryIndex, Generation},
    ledger::{Checked, Decided, Ledger},
};

use super::{
    core::{Batch, Core, SystemSalts},
    restore::Restored,
    start::{Keys, StartError, Stores, restore},
};
use crate::{
    clock,
    journal::{Journal, Verify, sector::Log, segment::SegmentBytes},
};

/// A journal that nobody writes to, with the state that it makes.
#[derive(Debug)]
pub struct Former {
    journal: Journal,
    restored: Restored,
    keys: Keys,
}

impl Former {
    /// Opens a journal, and reads every byte of it.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn open(stores: &Stores, keys: Keys) -> Result<Self, StartError> {
        let segment = SegmentBytes::DEFAULT;
        let opened =
            Journal::open(&stores.journal, Log::Journal, segment, Verify::All, None, &mut |_| {})?;
        for warning in &opened.warnings {
            tracing::warn!(%warning, "the journal was opened with a warning");
        }
        let journal = opened.journal;
        let restored = restore(stores, &journal.reader())?;
        let meta = restored.ledger.meta();
        if meta.log_key != keys.log.public() {
            return Err(StartError::OtherKey("log"));
        }
        if meta.channel_key != keys.channel.public() {
            return Err(StartError::OtherKey("channel"));
        }
        Ok(Self { journal, restored, keys })
    }

    /// The state.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.restored.ledger
    }

    /// Begins the new generation: its first entry, and a checkpoint under its name. Where that
    /// entry stands comes back.
    ///
    /// # Errors
    /// [`StartError`]; the journal is as it was, or ends with that entry.
    pub fn begin(
        mut self,
        new: Generation,
        cosigned: Option<EntryIndex>,
        by: ByTwo,
    ) -> Result<EntryIndex, StartError> {
        let most = self.journal.frame_bytes_max();
        let size = self.restored.ledger.meta().next;
        let mut core = Core::over(&self.restored, self.keys, most, Box::new(SystemSalts));
        let batch = restarted(&mut self.restored, &mut core, clock::now(), (new, cosigned), by)?;
        let entries: Vec<&[u8]> = batch.entries.iter().map(|made| made.bytes.as_slice()).collect();
        let checkpoint = batch.checkpoint.as_deref().unwrap_or_default();
        self.journal.append(&entries, checkpoint.as_bytes())?;
        self.journal.close()?;
        Ok(size)
    }
}

/// The batch that begins a new generation behind a state, sealed under the new name.
///
/// # Errors
/// [`StartError::NotBegun`] where the ledger does not begin it.
pub fn restarted(
    restored: &mut Restored,
    core: &mut Core,
    now: Time,
    (new, cosigned): (Generation, Option<EntryIndex>),
    by: ByTwo,
) -> Result<Batch<()>, StartError> {
    let ledger = &mut restored.ledger;
    let (old, size) = (ledger.meta().generation, ledger.meta().next);
    let restart = Restart { old, new, size, root: restored.tree.root(), cosigned };
    let command = Command::Restart(restart, by);
    let submission = Submission { key: None, command, evidence: None };
    // It decides nothing by the day, so the day need not be turned before it: nothing of the
    // new generation stands in front of it.
    let time = now.max(ledger.meta().last);
    let checked = Checked::from_own_journal(submission, Vec::new());
    let draft = match ledger.decide(time, &checked) {
        Decided::Entry(draft) => draft,
        Decided::Rejected(refusal) => return Err(StartError::NotBegun(refusal)),
        Decided::Again(_) | Decided::Heard => return Err(StartError::Empty),
    };
    core.made(ledger, draft, ()).map_err(|halted| StartError::Io(other(halted)))
}

fn other(halted: super::Halted) -> std::io::Error {
    std::io::Error::other(halted)
}
