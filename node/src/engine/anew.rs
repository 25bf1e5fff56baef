//! An entry behind a journal that no node writes to: the begin of a new generation behind a backup
//! (architecture, Restore), or a change of the town's channel key.

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
        self,
        new: Generation,
        cosigned: Option<EntryIndex>,
        by: ByTwo,
    ) -> Result<EntryIndex, StartError> {
        let size = self.restored.ledger.meta().next;
        let command = restart(&self.restored, (new, cosigned), by);
        self.write(command, clock::now())?;
        Ok(size)
    }

    /// Writes one entry at a time, and a checkpoint over it.
    ///
    /// # Errors
    /// [`StartError`]; the journal is as it was, or ends with that entry.
    pub fn write(mut self, command: Command, now: Time) -> Result<(), StartError> {
        let most = self.journal.frame_bytes_max();
        let mut core = Core::over(&self.restored, self.keys, most, Box::new(SystemSalts));
        let batch = alone(&mut self.restored, &mut core, now, command)?;
        let entries: Vec<&[u8]> = batch.entries.iter().map(|made| made.bytes.as_slice()).collect();
        let checkpoint = batch.checkpoint.as_deref().unwrap_or_default();
        self.journal.append(&entries, checkpoint.as_bytes())?;
        self.journal.close()?;
        Ok(())
    }
}

/// The batch that begins a new generation behind a state, sealed under the new name.
///
/// # Errors
/// [`StartError::NotWritten`] where the ledger does not begin it.
pub fn restarted(
    restored: &mut Restored,
    core: &mut Core,
    now: Time,
    named: (Generation, Option<EntryIndex>),
    by: ByTwo,
) -> Result<Batch<()>, StartError> {
    let command = restart(restored, named, by);
    alone(restored, core, now, command)
}

fn restart(
    restored: &Restored,
    (new, cosigned): (Generation, Option<EntryIndex>),
    by: ByTwo,
) -> Command {
    let meta = restored.ledger.meta();
    let (old, size) = (meta.generation, meta.next);
    Command::Restart(Restart { old, new, size, root: restored.tree.root(), cosigned }, by)
}

/// A batch of one command.
///
/// # Errors
/// [`StartError::NotWritten`] where the ledger does not let it.
pub fn alone(
    restored: &mut Restored,
    core: &mut Core,
    now: Time,
    command: Command,
) -> Result<Batch<()>, StartError> {
    let ledger = &mut restored.ledger;
    let submission = Submission { key: None, command, evidence: None };
    // Neither decides anything by the day, so the day need not be turned before it.
    let time = now.max(ledger.meta().last);
    let checked = Checked::from_own_journal(submission, Vec::new());
    let draft = match ledger.decide(time, &checked) {
        Decided::Entry(draft) => draft,
        Decided::Rejected(refusal) => return Err(StartError::NotWritten(refusal)),
        Decided::Again(_) | Decided::Heard => return Err(StartError::Empty),
    };
    core.made(ledger, draft, ()).map_err(|halted| StartError::Io(other(halted)))
}

fn other(halted: super::Halted) -> std::io::Error {
    std::io::Error::other(halted)
}
