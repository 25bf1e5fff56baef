//! The single writer: turns the day, decides commands in the order they came, applies them, and
//! hands full batches to the committer. While one batch is on its way to the disk, the next fills.

use std::{
    sync::{
        Arc, PoisonError,
        atomic::Ordering,
        mpsc::{Receiver, RecvTimeoutError, SyncSender},
    },
    time::Duration,
};

use jichi_protocol::{
    codec,
    command::{
        Actor, Command, DayTurn, Nothing, OfferPrivate, OfferShared, Preset, Source, StateHash,
        Sweep,
    },
    date::Time,
    entry::{ENTRY_BYTES_MAX, Entry, Outcome, Salt, StoredEntry, Submission},
    id::{ChannelNumber, EntryIndex, TownId, TransferId},
    key::{JobKind, OperationKey},
    ledger::{Checked, Decided, Draft, Ledger},
    log::{
        checkpoint::Checkpoint,
        tree::{Tree, leaf_hash},
    },
    refusal::Refusal,
    signature::SigningKey,
};
use tokio::sync::oneshot;

use super::{Answer, BATCH_ENTRIES_MAX, Halted, NotTaken, Shared, Work, snapshot::Snapshot};
use crate::{
    clock::{ClockGuard, Reading},
    journal::frame::frame_bytes,
};

/// How often jobs and the wish to stop are looked at when no command comes.
const TICK: Duration = Duration::from_millis(50);

/// Entries behind the last state hash at which the next one is written.
const HASH_EVERY: u64 = 8_192;
/// How long the next slice of a job waits when no command comes: without it, slices would follow
/// each other so closely that whoever asks the ledger hardly gets a turn.
const JOB_PAUSE: Duration = Duration::from_millis(2);
/// Buckets of the state that may wait for the next state hash: what is more is hashed with the batch
/// that changed it, so that no state hash takes long, however much lapsed.
const UNHASHED_MAX: usize = 512;
/// Entries behind the last snapshot at which the next one is taken.
const SNAPSHOT_EVERY: u64 = 65_536;

/// One batch on its way to the disk.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) entries: Vec<Made>,
    /// Signed, over the log up to the last of these entries; none if there is no new entry.
    pub(super) checkpoint: Option<String>,
    /// What is released when this batch is durable.
    pub(super) releases: Vec<Release>,
    /// A snapshot of the state behind this batch, to be written once the batch is durable.
    pub(super) snapshot: Option<Snapshot>,
}

/// An entry of a batch.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) entry: Arc<Entry>,
    pub(super) stored: Arc<StoredEntry>,
    pub(super) bytes: Vec<u8>,
    pub(super) leaf: jichi_protocol::digest::Digest,
    pub(super) sent: Option<(TownId, ChannelNumber)>,
}

/// An answer that waits for its batch.
#[derive(Debug)]
pub(super) struct Release {
    pub(super) what: Released,
    pub(super) answer: oneshot::Sender<Result<Answer, NotTaken>>,
}

/// What is answered.
#[derive(Debug)]
pub(super) enum Released {
    /// An entry of this batch or an earlier one.
    Entry(EntryIndex),
    /// Nothing new.
    Heard,
    /// Not remembered.
    Rejected(Refusal),
}

/// The writer's own state.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) tree: Tree,
    pub(super) log_key: SigningKey,
    pub(super) channel_key: SigningKey,
    pub(super) clock: ClockGuard,
    pub(super) batch_bytes_max: usize,
    pub(super) hashed_at: EntryIndex,
    pub(super) snapshot_at: EntryIndex,
    /// Jobs that were refused since the last change, so that they are not tried in a loop.
    pub(super) idle_at: Option<EntryIndex>,
    /// The wall time of this batch: read once, and believed by the guard before it dates anything.
    pub(super) wall: Time,
}

impl Writer {
    /// Runs until the node stops, then hands over the last batch.
    pub(super) fn run(
        mut self,
        queue: &Receiver<Work>,
        out: &SyncSender<Batch>,
    ) -> Result<(), Halted> {
        const NO_COMMITTER: Halted = Halted("the committer ended before the writer");
        while !self.shared.flags.stopping.load(Ordering::Relaxed) {
            let works = self.wait(queue)?;
            let batch = self.batch(works)?;
            if !batch.entries.is_empty() || !batch.releases.is_empty() {
                out.send(batch).map_err(|_| NO_COMMITTER)?;
            }
        }
        // What waits still is answered as not known: its caller asks by the key.
        let last = self.closing()?;
        out.send(last).map_err(|_| NO_COMMITTER)
    }

    /// Waits for commands, or for the time at which jobs are looked at.
    fn wait(&self, queue: &Receiver<Work>) -> Result<Vec<Work>, Halted> {
        let pause = if self.jobs_due() { JOB_PAUSE } else { TICK };
        let mut works = match queue.recv_timeout(pause) {
            Ok(first) => vec![first],
            Err(RecvTimeoutError::Timeout) => Vec::new(),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Halted("every way to the writer is gone"));
            }
        };
        while works.len() < BATCH_ENTRIES_MAX
            && let Ok(work) = queue.try_recv()
        {
            works.push(work);
        }
        Ok(works)
    }

    fn jobs_due(&self) -> bool {
        let ledger = self.shared.ledger.read().unwrap_or_else(PoisonError::into_inner);
        self.idle_at != Some(ledger.meta().next)
            && (ledger.lapse_due()
                || !ledger.overdue_conversions(1).is_empty()
                || !ledger.due_jobs().is_empty())
    }

    /// Decides and applies one batch.
    fn batch(&mut self, works: Vec<Work>) -> Result<Batch, Halted> {
        let shared = Arc::clone(&self.shared);
        let mut ledger = shared.ledger.write().unwrap_or_else(PoisonError::into_inner);
        let mut batch =
            Batch { entries: Vec::new(), checkpoint: None, releases: Vec::new(), snapshot: None };
        if self.doubts_clock(&ledger) {
            for work in works {
                // Who asked has gone away if this is not taken.
                let _ = work.answer.send(Err(NotTaken::ClockDoubtful));
            }
            return Ok(batch);
        }
        let mut bytes = 0_usize;
        self.turn_day(&mut ledger, &mut batch)?;
        for work in works {
            // What does not fit into the frame any more is asked again by its caller.
            let worst = bytes.saturating_add(ENTRY_BYTES_MAX);
            if frame_bytes(batch.entries.len().saturating_add(2), worst, 1024)
                > self.batch_bytes_max
            {
                let _ = work.answer.send(Err(NotTaken::Overloaded));
                continue;
            }
            let made = batch.entries.len();
            let what = self.decide(&mut ledger, &work.checked, &mut batch)?;
            batch.releases.push(Release { what, answer: work.answer });
            let new = batch.entries.iter().skip(made).map(|made| made.bytes.len());
            bytes = new.fold(bytes, usize::saturating_add);
        }
        self.jobs(&mut ledger, &mut batch)?;
        hash_ahead(&mut ledger);
        self.hash_state(&mut ledger, &mut batch)?;
        self.seal(&mut batch);
        Ok(batch)
    }

    /// Reads the clocks for this batch. A second reading later in the batch would date entries
    /// that the guard never saw.
    fn doubts_clock(&mut self, ledger: &Ledger) -> bool {
        let reading = Reading::now();
        self.wall = reading.wall;
        let confirmed = self.shared.flags.clock_confirmed.lock();
        if let Some(by) = confirmed.unwrap_or_else(PoisonError::into_inner).take() {
            self.clock.confirm(reading, Some(ledger.meta().last), &by);
        }
        let doubtful = self.clock.observe(reading, Some(ledger.meta().last)).is_err();
        self.shared.flags.clock_doubtful.store(doubtful, Ordering::Relaxed);
        doubtful
    }

    /// Decides one command and applies it.
    fn decide(
        &mut self,
        ledger: &mut Ledger,
        checked: &Checked,
        batch: &mut Batch,
    ) -> Result<Released, Halted> {
        self.arrive(ledger, checked, batch)?;
        let time = self.wall.max(ledger.meta().last);
        match ledger.decide(time, checked) {
            Decided::Again(first) => Ok(Released::Entry(first)),
            Decided::Heard => Ok(Released::Heard),
            Decided::Rejected(refusal) => Ok(Released::Rejected(refusal)),
            Decided::Entry(draft) => self.make(ledger, draft, batch),
        }
    }

    /// What a committed file holds ready for an account is moved before the account is used, so
    /// that all of the file is good from its commit on.
    fn arrive(
        &mut self,
        ledger: &mut Ledger,
        checked: &Checked,
        batch: &mut Batch,
    ) -> Result<(), Halted> {
        let Some(account) = checked.submission().command.account() else { return Ok(()) };
        let Some((kind, command)) = ledger.arriving(&account) else { return Ok(()) };
        let key = OperationKey::Job { kind, date: ledger.day() };
        self.job(ledger, batch, Some(key), command)
    }

    fn make(
        &mut self,
        ledger: &mut Ledger,
        draft: Draft,
        batch: &mut Batch,
    ) -> Result<Released, Halted> {
        let index = draft.index;
        let mut salt = [0_u8; 16];
        getrandom::fill(&mut salt).map_err(|_| Halted("the system gives no random bytes"))?;
        let entry = draft.complete(Salt(salt), &self.channel_key);
        let stored = entry.store();
        let bytes = codec::encode(&stored);
        if bytes.len() > ENTRY_BYTES_MAX {
            return Ok(Released::Rejected(Refusal::TooLargeForAnEntry));
        }
        // Decided on this very state: if it does not apply, the ledger is broken.
        ledger.apply(&entry).map_err(|_| Halted("the ledger broke on its own decision"))?;
        let leaf = leaf_hash(&stored.leaf());
        self.tree.push(leaf);
        let sent = match &entry.outcome {
            Outcome::Done(effect) => effect.sent.as_ref(),
            Outcome::Refused(_) => None,
        };
        let sent = sent.map(|sent| (sent.header().recipient, sent.header().number));
        let (entry, stored) = (Arc::new(entry), Arc::new(stored));
        batch.entries.push(Made { entry, stored, bytes, leaf, sent });
        Ok(Released::Entry(index))
    }

    /// A job's own command; what is refused is not tried again before something changes.
    fn job(
        &mut self,
        ledger: &mut Ledger,
        batch: &mut Batch,
        key: Option<OperationKey>,
        command: Command,
    ) -> Result<(), Halted> {
        let submission = Submission { key, command, evidence: None };
        let checked = Checked::from_own_journal(submission, Vec::new());
        self.decide_job(ledger, &checked, batch)
    }

    fn decide_job(
        &mut self,
        ledger: &mut Ledger,
        checked: &Checked,
        batch: &mut Batch,
    ) -> Result<(), Halted> {
        let time = self.wall.max(ledger.meta().last);
        if time.date() > ledger.day()
            && !matches!(checked.submission().command, Command::TurnDay(..))
        {
            return Ok(());
        }
        match ledger.decide(time, checked) {
            Decided::Entry(draft) => {
                self.make(ledger, draft, batch)?;
                self.idle_at = None;
            }
            Decided::Rejected(_) | Decided::Heard | Decided::Again(_) => {
                self.idle_at = Some(ledger.meta().next);
            }
        }
        Ok(())
    }

    fn turn_day(&mut self, ledger: &mut Ledger, batch: &mut Batch) -> Result<(), Halted> {
        let date = self.wall.max(ledger.meta().last).date();
        if date <= ledger.day() {
            return Ok(());
        }
        let key = OperationKey::Job { kind: JobKind::DayTurn, date };
        self.job(ledger, batch, Some(key), Command::TurnDay(DayTurn { date }, Nothing {}))?;
        if ledger.day() < date { Err(Halted("the day does not turn")) } else { Ok(()) }
    }

    /// One slice of what lapsed, and one conversion whose time to choose is over.
    fn jobs(&mut self, ledger: &mut Ledger, batch: &mut Batch) -> Result<(), Halted> {
        let date = ledger.day();
        if ledger.lapse_due() {
            let key = OperationKey::Job { kind: JobKind::Lapse, date };
            self.job(ledger, batch, Some(key), Command::Lapse(DayTurn { date }, Nothing {}))?;
        }
        for (kind, command) in ledger.due_jobs() {
            self.job(ledger, batch, Some(OperationKey::Job { kind, date }), command)?;
        }
        let Some(conversion) = ledger.overdue_conversions(1).first().copied() else {
            return Ok(());
        };
        let Some((account, points)) =
            ledger.conversion(&conversion).map(|waits| (waits.account, waits.lot.points))
        else {
            return Ok(());
        };
        let key = Some(OperationKey::Job { kind: JobKind::Sweep, date });
        let sweep = Command::SweepUnassigned(DayTurn { date }, Sweep { conversion });
        match ledger.preset_of(&conversion) {
            Some(Preset::Elsewhere { town, handle }) => {
                let transfer = TransferId::derived("jichi/sweep/v1", &conversion.0);
                let shared = OfferShared { transfer, town, points };
                let source = Source::Unassigned(conversion);
                let private =
                    OfferPrivate { account, recipient: handle, source, actor: Actor::Node };
                self.job(ledger, batch, key.clone(), Command::Offer(shared, private))?;
                if ledger.conversion(&conversion).is_none() {
                    return Ok(());
                }
                // The other town cannot be offered anything now: they become points of this one.
                self.job(ledger, batch, key, sweep)
            }
            Some(Preset::Here) | None => self.job(ledger, batch, key, sweep),
        }
    }

    /// Writes the state hash down now and then, and takes a snapshot behind it.
    fn hash_state(&mut self, ledger: &mut Ledger, batch: &mut Batch) -> Result<(), Halted> {
        let next = ledger.meta().next;
        if next.0 < self.hashed_at.0.saturating_add(HASH_EVERY) {
            return Ok(());
        }
        let snapshot = if next.0 >= self.snapshot_at.0.saturating_add(SNAPSHOT_EVERY) {
            Keep::Snapshot
        } else {
            Keep::Nothing
        };
        self.write_hash(ledger, batch, snapshot)
    }

    /// Writes the state hash down; a snapshot is of the state in front of that entry.
    fn write_hash(
        &mut self,
        ledger: &mut Ledger,
        batch: &mut Batch,
        keep: Keep,
    ) -> Result<(), Halted> {
        let hash = ledger.hash();
        if keep == Keep::Snapshot {
            self.snapshot_at = ledger.meta().next;
            batch.snapshot = Some(Snapshot::take(ledger, &self.tree));
        }
        let key = OperationKey::Job { kind: JobKind::StateHash, date: ledger.day() };
        self.job(ledger, batch, Some(key), Command::HashState(StateHash { hash }, Nothing {}))?;
        self.hashed_at = ledger.meta().next;
        Ok(())
    }

    /// The last batch before a stop in order: the state hash, and a snapshot behind it. While the
    /// clock is doubtful it is empty, as every batch is.
    fn closing(&mut self) -> Result<Batch, Halted> {
        let shared = Arc::clone(&self.shared);
        let mut ledger = shared.ledger.write().unwrap_or_else(PoisonError::into_inner);
        let mut batch =
            Batch { entries: Vec::new(), checkpoint: None, releases: Vec::new(), snapshot: None };
        if ledger.meta().next > self.hashed_at && !self.doubts_clock(&ledger) {
            self.write_hash(&mut ledger, &mut batch, Keep::Snapshot)?;
            self.seal(&mut batch);
        }
        Ok(batch)
    }

    fn seal(&self, batch: &mut Batch) {
        if !batch.entries.is_empty() {
            let checkpoint = Checkpoint::of_tree(self.shared.origin.clone(), &self.tree);
            batch.checkpoint = Some(checkpoint.sign(&self.log_key).note().to_string());
        }
    }
}

/// Whether a snapshot is taken with a state hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    Snapshot,
    Nothing,
}

/// Hashes what changed beyond what the next state hash may find.
fn hash_ahead(ledger: &mut Ledger) {
    let beyond = ledger.unhashed().saturating_sub(UNHASHED_MAX);
    ledger.hash_some(beyond);
}
