//! The engine: one writer decides, batches, makes durable and answers.
//!
//! A batch is decided and applied in memory while the one before it is on its way to the disk;
//! one write and one sync make it durable, and only then does anything decided on it go out.

pub mod anew;
pub mod commit;
pub mod core;
pub mod restore;
pub mod start;
pub mod snapshot;
pub mod writer;

use std::{
    sync::{
        Arc, Mutex, PoisonError, RwLock, RwLockReadGuard,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    time::Duration,
};

use jichi_protocol::{
    entry::{Entry, StoredEntry, Submission},
    id::{AccountId, ChannelNumber, EntryIndex, TownId},
    ledger::{Checked, Ledger},
    log::{checkpoint::Origin, note::VerifierKey},
    refusal::Refusal,
};
use tokio::sync::{broadcast, oneshot, watch};

use crate::{
    clock::{self, Confirmation},
    journal::reader::Reader,
    rows::Rows,
};

/// Commands that wait for the writer at most; what comes beyond is shed before the queue.
pub const QUEUE_MAX: usize = 4_096;
/// Entries in one batch at most.
pub const BATCH_ENTRIES_MAX: usize = 512;

/// An entry that is durable, with the bytes and the checkpoint that prove it.
#[derive(Debug, Clone)]
pub struct Committed {
    /// The entry.
    pub entry: Arc<Entry>,
    /// Its two halves.
    pub stored: Arc<StoredEntry>,
    /// The signed checkpoint over the log up to its batch, or a later one.
    pub checkpoint: Arc<str>,
}

/// What the engine answers, once everything it rests on is durable.
#[derive(Debug, Clone)]
pub enum Answer {
    /// The entry that the command made, now or before.
    Entry(Committed),
    /// A message that came before; nothing is new.
    Heard,
    /// Refused, and not remembered.
    Rejected(Refusal),
}

/// Why the engine took no command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// A signature in it does not fit.
    #[error("a signature does not fit")]
    BadSignature,
    /// The ledger knows nobody who could have signed it.
    #[error("no signer: {}", .0.code())]
    NoSigner(Refusal),
    /// Too many commands wait.
    #[error("too many commands wait; try again in a moment")]
    Overloaded,
    /// The clock is doubtful; nothing is written until it is confirmed.
    #[error("the clock is doubtful; nothing is written until two of three confirm it")]
    ClockDoubtful,
    /// The disk is full; nothing is written until there is room.
    #[error("the disk is full; nothing is written until there is room")]
    StorageFull,
    /// This journal is not the newest of its log; nothing is written before a restore.
    #[error("others hold more of this log than this journal has; nothing is written")]
    Behind,
    /// The node stops, or the answer is lost: the result is not known; ask by the key.
    #[error("the result is not known; ask by the key")]
    Unknown,
}

/// Whether the journal is known to be the newest of its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Others are being asked; commands wait.
    Asking,
    /// As far as anybody knows.
    Newest,
    /// Others hold more of it: it was restored, or another copy of the node runs. Nothing is
    /// written.
    Behind,
}

/// The engine cannot go on: state in memory may be ahead of the disk. The process aborts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Halted(&'static str);

/// How often somebody looks whether the writer has done something that it does of itself, and how
/// many times.
const WRITER_LOOK: Duration = Duration::from_millis(10);
const WRITER_LOOKS_MAX: u32 = 100;

/// A command on its way to the writer. `T` is the way back to who asked.
#[derive(Debug)]
pub struct Work<T> {
    /// What is asked; its signatures were checked.
    pub checked: Checked,
    /// Whom to answer.
    pub answer: T,
}

/// The way back to a caller of [`Engine::submit`].
type Reply = oneshot::Sender<Result<Answer, NotTaken>>;

/// What became durable: for the index, for the courier, for pages that wait.
#[derive(Debug, Clone)]
pub struct Durable {
    /// The entry.
    pub committed: Committed,
    /// The message that has to go out.
    pub sent: Option<(TownId, ChannelNumber)>,
}

/// What writer, committer and askers share.
#[derive(Debug)]
struct Shared {
    ledger: RwLock<Ledger>,
    /// How many entries are durable.
    durable: watch::Sender<u64>,
    /// The newest checkpoint that is durable.
    checkpoint: RwLock<Arc<str>>,
    flags: Flags,
    standing: watch::Sender<Standing>,
    rows: Rows,
    reader: Reader,
    origin: Origin,
    log_key: VerifierKey,
}

/// Why no command is taken at the moment, and what is counted.
#[derive(Debug, Default)]
struct Flags {
    storage_full: AtomicBool,
    clock_doubtful: AtomicBool,
    stopping: AtomicBool,
    /// What two witnesses said of the clock, for the writer to take.
    clock_confirmed: Mutex<Option<Confirmation>>,
    batches: AtomicU64,
    entries: AtomicU64,
}

/// What the engine has counted since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Batches that were made durable.
    pub batches: u64,
    /// Entries in them.
    pub entries: u64,
}

/// The way to the engine. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Engine {
    shared: Arc<Shared>,
    queue: mpsc::SyncSender<Work<Reply>>,
    news: broadcast::Sender<Durable>,
}

impl Engine {
    /// Checks the command's signatures here, on the caller's core, submits it, and waits until
    /// the answer is durable.
    ///
    /// # Errors
    /// [`NotTaken`]; after [`NotTaken::Unknown`] the same key asks for the result.
    pub async fn submit(&self, submission: Submission) -> Result<Answer, NotTaken> {
        if self.shared.flags.storage_full.load(Ordering::Relaxed) {
            return Err(NotTaken::StorageFull);
        }
        if self.standing_known().await == Standing::Behind {
            return Err(NotTaken::Behind);
        }
        let signers = self.ledger().signers(&submission.command).map_err(NotTaken::NoSigner)?;
        let checked = Checked::new(submission, signers).map_err(|_| NotTaken::BadSignature)?;
        let (answer, answered) = oneshot::channel();
        self.queue.try_send(Work { checked, answer }).map_err(|error| match error {
            mpsc::TrySendError::Full(_) => NotTaken::Overloaded,
            mpsc::TrySendError::Disconnected(_) => NotTaken::Unknown,
        })?;
        answered.await.unwrap_or(Err(NotTaken::Unknown))
    }

    /// Asks the ledger something; the answer is released when what it rests on is durable.
    ///
    /// # Errors
    /// [`NotTaken::Unknown`] when the node stops.
    pub async fn read<T>(&self, ask: impl FnOnce(&Ledger) -> T) -> Result<T, NotTaken> {
        let (value, next) = {
            let ledger = self.of_today().await;
            (ask(&ledger), ledger.meta().next)
        };
        self.durable_up_to(next).await?;
        Ok(value)
    }

    /// Waits until every entry before `next` is durable.
    ///
    /// # Errors
    /// [`NotTaken::Unknown`] when the node stops.
    pub async fn durable_up_to(&self, next: EntryIndex) -> Result<(), NotTaken> {
        let mut durable = self.shared.durable.subscribe();
        durable.wait_for(|count| *count >= next.0).await.map(|_| ()).map_err(|_| NotTaken::Unknown)
    }

    /// The ledger behind the turn of the day that midnight brings, so that whatever a read shows,
    /// or a caller asserts by it, is of the day on which the next entry is made. A writer that does
    /// not turn it (a full disk) keeps nobody waiting for long.
    async fn of_today(&self) -> RwLockReadGuard<'_, Ledger> {
        for _ in 0..WRITER_LOOKS_MAX {
            {
                let ledger = self.ledger();
                if !self.writes() || self.clock_doubtful() || ledger.day() >= clock::now().date() {
                    return ledger;
                }
            }
            tokio::time::sleep(WRITER_LOOK).await;
        }
        self.ledger()
    }

    fn ledger(&self) -> RwLockReadGuard<'_, Ledger> {
        // A writer that panics aborts the process, so a poisoned lock is never seen.
        self.shared.ledger.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// An entry that is durable, from the journal.
    ///
    /// # Errors
    /// [`NotTaken::Unknown`] if it is not there, or cannot be read.
    pub fn committed(&self, index: EntryIndex) -> Result<Committed, NotTaken> {
        self.shared.committed(index)
    }

    /// How many entries are durable.
    #[must_use]
    pub fn durable(&self) -> EntryIndex {
        EntryIndex(*self.shared.durable.borrow())
    }

    /// The newest durable checkpoint.
    #[must_use]
    pub fn checkpoint(&self) -> Arc<str> {
        let checkpoint = self.shared.checkpoint.read();
        Arc::clone(&checkpoint.unwrap_or_else(PoisonError::into_inner))
    }

    /// What becomes durable from now on. A listener that lags reads the journal.
    #[must_use]
    pub fn news(&self) -> broadcast::Receiver<Durable> {
        self.news.subscribe()
    }

    /// The durable journal.
    #[must_use]
    pub fn reader(&self) -> &Reader {
        &self.shared.reader
    }

    /// The hashes of the log's tree.
    #[must_use]
    pub fn rows(&self) -> &Rows {
        &self.shared.rows
    }

    /// The key that the log's checkpoints are signed with.
    #[must_use]
    pub fn log_key(&self) -> &VerifierKey {
        &self.shared.log_key
    }

    /// The log's origin.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.shared.origin
    }

    /// What was counted since the start.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let flags = &self.shared.flags;
        Counts {
            batches: flags.batches.load(Ordering::Relaxed),
            entries: flags.entries.load(Ordering::Relaxed),
        }
    }

    /// Two witnesses say that the wall clock is right: the writer believes it again. Waits until
    /// it does, and has turned the day.
    pub async fn confirm_clock(&self, confirmation: Confirmation) {
        let flag =
            || self.shared.flags.clock_confirmed.lock().unwrap_or_else(PoisonError::into_inner);
        *flag() = Some(confirmation);
        for _ in 0..WRITER_LOOKS_MAX {
            if flag().is_none() {
                // The batch that took it holds the ledger until it has said whether it believes.
                drop(self.ledger());
                break;
            }
            tokio::time::sleep(WRITER_LOOK).await;
        }
        drop(self.of_today().await);
    }

    /// Whether the disk is full, so that nothing is written.
    #[must_use]
    pub fn storage_full(&self) -> bool {
        self.shared.flags.storage_full.load(Ordering::Relaxed)
    }

    /// Whether others hold more of this log, so that nothing is written.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        *self.shared.standing.borrow() == Standing::Behind
    }

    /// Whether the journal is the newest of its log, as far as anybody knows.
    #[must_use]
    pub fn writes(&self) -> bool {
        *self.shared.standing.borrow() == Standing::Newest
    }

    /// What the asking of others came to, once it is over.
    pub async fn standing_known(&self) -> Standing {
        let mut standing = self.shared.standing.subscribe();
        let known = standing.wait_for(|standing| *standing != Standing::Asking).await;
        // The sender lives as long as this engine.
        known.map_or(Standing::Behind, |standing| *standing)
    }

    /// Nobody who answered holds more of this log: commands are taken.
    pub fn stands(&self) {
        self.shared.standing.send_if_modified(|standing| {
            let asking = *standing == Standing::Asking;
            if asking {
                *standing = Standing::Newest;
            }
            asking
        });
    }

    /// Others hold more of this log: nothing is written any more.
    pub fn falls_behind(&self) {
        self.shared.standing.send_replace(Standing::Behind);
    }

    /// Whether the clock is doubtful, so that nothing is written.
    #[must_use]
    pub fn clock_doubtful(&self) -> bool {
        self.shared.flags.clock_doubtful.load(Ordering::Relaxed)
    }
}

/// The accounts that an entry concerns, for the index of histories.
#[must_use]
pub fn concerned(entry: &Entry) -> Vec<AccountId> {
    use jichi_protocol::{entry::Outcome, posting::Posting};
    let mut accounts = Vec::new();
    let mut note = |account: AccountId| {
        if !accounts.contains(&account) {
            accounts.push(account);
        }
    };
    if let Outcome::Done(effect) = &entry.outcome {
        for posting in effect.postings.as_slice() {
            if let Posting::Lots { holder, .. } = posting {
                note(*holder);
            }
        }
    }
    if let Some(account) = entry.submission.command.account() {
        note(account);
    }
    accounts
}
