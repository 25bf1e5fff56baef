//! Start and stop: the journal is opened, the state made again, the threads begun.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, RwLock, atomic::Ordering, mpsc},
    thread::{Builder, JoinHandle},
};

use jichi_protocol::{
    codec,
    command::{Command, Nothing, TownOpening},
    digest::Digest,
    entry::{Effect, Entry, Outcome, Salt, StoredEntry, Submission},
    id::EntryIndex,
    ledger::Ledger,
    log::{
        checkpoint::{Checkpoint, MalformedCheckpoint, Origin},
        note::{KeyKind, VerifierKey},
        tree::{Tree, leaf_hash},
    },
    posting::Postings,
    refusal::Refusal,
    replay::Finding,
    signature::SigningKey,
};
use tokio::sync::{broadcast, watch};

use super::{
    Engine, Flags, Shared, Standing,
    commit::Committer,
    core::{Core, SystemSalts},
    restore::{Restored, Restoring},
    snapshot::{self, Snapshot},
    writer::Writer,
};
use crate::{
    clock::{self, ClockGuard, Monotonic, Reading},
    guard,
    journal::{
        Journal, Verify,
        damage::{AppendError, OpenError, ReadError},
        reader::Reader,
        sector::Log,
        segment::SegmentBytes,
    },
    rows::Rows,
};

/// Batches that listeners to the news may lag behind.
const NEWS_MAX: usize = 8_192;
/// How often a long start says how far it is.
const PROGRESS_EVERY: std::time::Duration = std::time::Duration::from_secs(2);

/// Why a log cannot be begun or gone on with.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The journal cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The journal cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The journal cannot be written.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The journal has no entry at all.
    #[error("the journal has no entry; make the node anew with `jichi-node init`")]
    Empty,
    /// An entry of the journal does not follow from those before it.
    #[error("entry {index}: {finding}; do not start from it, ask `jichi audit verify`")]
    Entry {
        /// Which entry.
        index: EntryIndex,
        /// What is wrong.
        finding: Finding,
    },
    /// A checkpoint in the journal is not of this form.
    #[error("a checkpoint in the journal is malformed: {0}")]
    Checkpoint(#[from] MalformedCheckpoint),
    /// The entries do not make the root that was signed.
    #[error("the entries up to {0} do not make the root that was signed; ask `jichi audit verify`")]
    OtherRoot(EntryIndex),
    /// The journal was begun with another key.
    #[error("the journal was begun with another {0} key; look for the right key file")]
    OtherKey(&'static str),
    /// The ledger does not take this entry.
    #[error("the journal does not take this entry: {}", .0.code())]
    NotWritten(Refusal),
    /// The file system.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// The two keys that a town signs with.
#[derive(Debug)]
pub struct Keys {
    /// For checkpoints.
    pub log: SigningKey,
    /// For envelopes.
    pub channel: SigningKey,
}

/// Where the engine keeps its stores.
#[derive(Debug, Clone)]
pub struct Stores {
    /// Must not be lost.
    pub journal: PathBuf,
    /// Can be rebuilt.
    pub tiles: PathBuf,
    /// Can be rebuilt.
    pub snapshots: PathBuf,
}

impl Stores {
    /// The stores in a node's data folder.
    #[must_use]
    pub fn of(data: &Path) -> Self {
        Self {
            journal: data.join("journal"),
            tiles: data.join("tiles"),
            snapshots: data.join("snapshots"),
        }
    }
}

/// Begins a log: its first entry, in a journal that must not exist yet.
///
/// # Errors
/// [`StartError`]; a journal that is there is never overwritten.
pub fn begin(
    stores: &Stores,
    opening: TownOpening,
    keys: &Keys,
    segment: SegmentBytes,
) -> Result<(), StartError> {
    let origin = Origin::of(opening.town, opening.generation);
    let mut salt = [0_u8; 16];
    getrandom::fill(&mut salt).map_err(io::Error::other)?;
    let time = clock::now();
    let command = Command::OpenTown(TownOpening { date: time.date(), ..opening }, Nothing {});
    let entry = Entry {
        index: EntryIndex(0),
        time,
        submission: Submission { key: None, command, evidence: None },
        outcome: Outcome::Done(Effect { postings: Postings::NONE, sent: None }),
        salt: Salt(salt),
    };
    let stored = entry.store();
    let mut tree = Tree::default();
    tree.push(leaf_hash(&stored.leaf()));
    let checkpoint = Checkpoint::of_tree(origin, &tree).sign(&keys.log);
    let mut journal = Journal::create(&stores.journal, Log::Journal, segment)?;
    journal.append(&[codec::encode(&stored)], checkpoint.note().to_string().as_bytes())?;
    journal.close()?;
    Ok(())
}

/// A running engine and its threads.
#[derive(Debug)]
pub struct Running {
    /// The way to it.
    pub engine: Engine,
    writer: JoinHandle<()>,
    committer: JoinHandle<()>,
    keeper: JoinHandle<()>,
}

impl Running {
    /// Stops in order: what was taken is made durable, the journal is closed.
    pub fn stop(self) {
        self.engine.shared.flags.stopping.store(true, Ordering::Relaxed);
        // A thread that unwinds aborts the process, so both end in order or not at all.
        let _ = self.writer.join();
        let _ = self.committer.join();
        // A snapshot that is not written only makes the next start longer.
        let _ = self.keeper.join();
    }
}

/// Opens the journal, makes the state again, and begins to take commands.
///
/// # Errors
/// [`StartError`]: the node must not serve from this journal.
pub fn start(
    stores: &Stores,
    keys: Keys,
    verify: Verify,
    segment: SegmentBytes,
) -> Result<Running, StartError> {
    let running = start_asking(stores, keys, verify, segment)?;
    running.engine.stands();
    Ok(running)
}

/// The same, but nothing is written before [`Engine::stands`]: others may hold more of this log.
///
/// # Errors
/// As [`start`].
pub fn start_asking(
    stores: &Stores,
    keys: Keys,
    verify: Verify,
    segment: SegmentBytes,
) -> Result<Running, StartError> {
    let mut said = Said::new();
    let mut on_progress = |progress: crate::journal::Progress| {
        said.say("reading the journal, MiB", progress.done >> 20, progress.all >> 20);
    };
    let opened =
        Journal::open(&stores.journal, Log::Journal, segment, verify, None, &mut on_progress)?;
    for warning in &opened.warnings {
        tracing::warn!(%warning, "the journal was opened with a warning");
    }
    let journal = opened.journal;
    let reader = journal.reader();
    let mut restored = restore(stores, &reader)?;
    // So that the first batch finds little to hash.
    restored.ledger.hash();
    let meta = restored.ledger.meta();
    if meta.log_key != keys.log.public() {
        return Err(StartError::OtherKey("log"));
    }
    if meta.channel_key != keys.channel.public() {
        return Err(StartError::OtherKey("channel"));
    }
    let origin = Origin::of(meta.town, meta.generation);
    let log_key =
        VerifierKey { name: origin.key_name().clone(), kind: KeyKind::Log, key: keys.log.public() };
    let rows = fill_rows(stores, &reader, &restored)?;
    let next = meta.next;
    let clock = ClockGuard::start(Reading::now(), Some(meta.last));
    let core = Core::over(&restored, keys, journal.frame_bytes_max(), Box::new(SystemSalts));
    let shared = Arc::new(Shared {
        ledger: RwLock::new(restored.ledger),
        durable: watch::Sender::new(next.0),
        checkpoint: RwLock::new(restored.checkpoint.note().to_string().into()),
        flags: Flags::default(),
        standing: watch::Sender::new(Standing::Asking),
        rows,
        reader,
        origin,
        log_key,
    });
    let (queue, works) = mpsc::sync_channel(super::QUEUE_MAX);
    // One batch is on its way to the disk, and none waits behind it: the next one fills.
    let (out, batches) = mpsc::sync_channel(0);
    let (news, _) = broadcast::channel(NEWS_MAX);
    let writer = Writer { shared: Arc::clone(&shared), core, clock };
    let (snapshots, kept) = mpsc::sync_channel(1);
    let committer =
        Committer { shared: Arc::clone(&shared), journal, news: news.clone(), keeper: snapshots };
    let dir = stores.snapshots.clone();
    let keeper = Builder::new().name("snapshots".to_owned()).spawn(move || keep(&kept, &dir))?;
    let committer = guard::spawn("committer", move || committer.run(&batches))?;
    let writer = guard::spawn("writer", move || writer.run(&works, &out))?;
    Ok(Running { engine: Engine { shared, queue, news }, writer, committer, keeper })
}

/// Writes the snapshots that come. The batch in front of each is durable already.
fn keep(kept: &mpsc::Receiver<Snapshot>, dir: &Path) {
    // This thread only, and it may be refused: nobody waits for a snapshot, but for its core.
    let _ = rustix::process::nice(10);
    while let Ok(snapshot) = kept.recv() {
        if let Err(error) = snapshot.write(dir) {
            // A snapshot only makes the next start quicker.
            tracing::warn!(%error, "no snapshot was written");
        }
    }
}

/// Makes the state again: from the newest snapshot that the journal confirms, else from the
/// first entry.
pub(super) fn restore(stores: &Stores, reader: &Reader) -> Result<Restored, StartError> {
    for path in snapshot::list(&stores.snapshots) {
        let Some(found) = snapshot::read(&path).filter(|found| found.next < reader.next_index())
        else {
            tracing::warn!(snapshot = %path.display(), "left aside: it does not fit the journal");
            continue;
        };
        let from = found.next;
        match replay(reader, Some((found.ledger, found.tree)), from) {
            Ok(restored) => return Ok(restored),
            Err(error) => {
                tracing::warn!(snapshot = %path.display(), %error, "left aside: the journal says otherwise");
            }
        }
    }
    replay(reader, None, EntryIndex(0))
}

fn replay(
    reader: &Reader,
    snapshot: Option<(Ledger, Tree)>,
    from: EntryIndex,
) -> Result<Restored, StartError> {
    let mut said = Said::new();
    let all = reader.next_index();
    let mut restoring = match snapshot {
        Some((ledger, tree)) => Restoring::resume(ledger, tree, from),
        None => Restoring::begin(),
    };
    for frame in reader.frames(from) {
        let frame = frame?;
        restoring.frame(frame.at.first, frame.entries(), frame.checkpoint())?;
        said.say("replaying entries", restoring.next().0, all.0);
    }
    restoring.end()
}

/// Brings the rows up to the journal's end, and writes them anew where they are missing or make
/// another root.
fn fill_rows(stores: &Stores, reader: &Reader, restored: &Restored) -> Result<Rows, StartError> {
    let size = restored.tree.size();
    let rows = Rows::open(&stores.tiles, EntryIndex(size.0))?;
    append_rows(&rows, reader)?;
    if rows.tree(size).as_ref() == Some(&restored.tree) {
        return Ok(rows);
    }
    tracing::warn!("the rows of the tree are damaged; they are written anew");
    let rows = Rows::open(&stores.tiles, EntryIndex(0))?;
    append_rows(&rows, reader)?;
    if rows.tree(size).as_ref() == Some(&restored.tree) {
        Ok(rows)
    } else {
        Err(StartError::OtherRoot(EntryIndex(size.0)))
    }
}

fn append_rows(rows: &Rows, reader: &Reader) -> Result<(), StartError> {
    let mut said = Said::new();
    let (from, all) = (rows.len(), reader.next_index());
    if from >= all {
        return Ok(());
    }
    for frame in reader.frames(from) {
        let frame = frame?;
        let skipped = from.0.saturating_sub(frame.at.first.0);
        let mut leaves: Vec<Digest> = Vec::new();
        for bytes in frame.entries().skip(usize::try_from(skipped).unwrap_or(usize::MAX)) {
            let stored: StoredEntry = codec::decode(bytes).map_err(|fault| StartError::Entry {
                index: frame.at.first,
                finding: Finding::Malformed(fault),
            })?;
            leaves.push(leaf_hash(&stored.leaf()));
        }
        rows.append(&leaves)?;
        said.say("hashing entries", frame.at.first.0, all.0);
    }
    Ok(())
}

/// Says how far something long is, not more often than every few seconds.
struct Said {
    last: Monotonic,
}

impl Said {
    fn new() -> Self {
        Self { last: clock::monotonic() }
    }

    fn say(&mut self, what: &'static str, done: u64, all: u64) {
        let now = clock::monotonic();
        if now.since(self.last) >= PROGRESS_EVERY {
            self.last = now;
            tracing::info!(done, all, "{what}");
        }
    }
}
