//! What the writer does without a clock, a queue or a disk: turns the day, decides commands in the
//! order they came, applies them, and seals them as one batch. The simulator drives the same code.

use std::{fmt, sync::Arc};

use jichi_protocol::{
    codec,
    command::{
        Actor, Command, DayTurn, Nothing, OfferPrivate, OfferShared, Preset, Source, StateHash,
        Sweep,
    },
    date::Time,
    digest::Digest,
    entry::{ENTRY_BYTES_MAX, Entry, Outcome, Salt, StoredEntry, Submission},
    id::{ChannelNumber, EntryIndex, TownId, TransferId},
    key::{JobKind, OperationKey},
    ledger::{Checked, Decided, Draft, Ledger},
    log::{
        checkpoint::{Checkpoint, Origin},
        tree::{Tree, leaf_hash},
    },
    refusal::Refusal,
};

use super::{Halted, Work, restore::Restored, snapshot::Snapshot, start::Keys};
use crate::journal::frame::frame_bytes;

/// Entries behind the last state hash at which the next one is written.
const HASH_EVERY: u64 = 8_192;
/// Buckets of the state that may wait for the next state hash: what is more is hashed with the batch
/// that changed it, so that no state hash takes long, however much lapsed.
const UNHASHED_MAX: usize = 512;
/// Entries behind the last snapshot at which the next one is taken.
const SNAPSHOT_EVERY: u64 = 65_536;

/// Where the salt of each entry comes from.
pub trait Salts: fmt::Debug + Send {
    /// Sixteen bytes that nobody can guess; none if there are none to be had.
    fn next(&mut self) -> Option<Salt>;
}

/// The system's own random bytes.
#[derive(Debug, Clone, Copy)]
pub struct SystemSalts;

impl Salts for SystemSalts {
    fn next(&mut self) -> Option<Salt> {
        let mut salt = [0_u8; 16];
        getrandom::fill(&mut salt).ok().map(|()| Salt(salt))
    }
}

/// One batch on its way to the disk. `T` is the way back to who asked.
#[derive(Debug)]
pub struct Batch<T> {
    /// What it makes.
    pub entries: Vec<Made>,
    /// Signed, over the log up to the last of these entries; none if there is no new entry.
    pub checkpoint: Option<String>,
    /// What is released when this batch is durable.
    pub releases: Vec<Release<T>>,
    /// Who did not fit into the frame any more, and asks again.
    pub overloaded: Vec<T>,
    /// A snapshot of the state behind this batch, to be written once the batch is durable.
    pub(super) snapshot: Option<Snapshot>,
}

impl<T> Batch<T> {
    /// A batch with nothing in it.
    pub(super) const fn empty() -> Self {
        Self {
            entries: Vec::new(),
            checkpoint: None,
            releases: Vec::new(),
            overloaded: Vec::new(),
            snapshot: None,
        }
    }
}

/// An entry of a batch.
#[derive(Debug)]
pub struct Made {
    /// The entry.
    pub entry: Arc<Entry>,
    /// Its two halves.
    pub stored: Arc<StoredEntry>,
    /// As it goes into the journal.
    pub bytes: Vec<u8>,
    /// Its hash in the log's tree.
    pub leaf: Digest,
    /// The message that goes out with it.
    pub sent: Option<(TownId, ChannelNumber)>,
}

/// An answer that waits for its batch.
#[derive(Debug)]
pub struct Release<T> {
    /// What is answered.
    pub what: Released,
    /// To whom.
    pub answer: T,
}

/// What is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Released {
    /// An entry of this batch or an earlier one.
    Entry(EntryIndex),
    /// Nothing new.
    Heard,
    /// Not remembered.
    Rejected(Refusal),
}

/// The deciding part of the writer.
#[derive(Debug)]
pub struct Core {
    tree: Tree,
    keys: Keys,
    batch_bytes_max: usize,
    hashed_at: EntryIndex,
    snapshot_at: EntryIndex,
    /// Jobs that were refused since the last change, so that they are not tried in a loop.
    idle_at: Option<EntryIndex>,
    /// The wall time of this batch.
    wall: Time,
    salts: Box<dyn Salts>,
}

impl Core {
    /// Goes on behind what the journal made.
    #[must_use]
    pub fn over(
        restored: &Restored,
        keys: Keys,
        batch_bytes_max: usize,
        salts: Box<dyn Salts>,
    ) -> Self {
        let meta = restored.ledger.meta();
        Self {
            tree: restored.tree.clone(),
            keys,
            batch_bytes_max,
            hashed_at: restored.hashed_at,
            snapshot_at: meta.next,
            idle_at: None,
            wall: Time(0),
            salts,
        }
    }

    /// Whether something is to be done that nobody asks for.
    #[must_use]
    pub fn jobs_due(&self, ledger: &Ledger) -> bool {
        self.idle_at != Some(ledger.meta().next)
            && (ledger.lapse_due()
                || !ledger.overdue_conversions(1).is_empty()
                || !ledger.due_jobs().is_empty())
    }

    /// Decides and applies one batch, at a wall time that the caller believes.
    ///
    /// # Errors
    /// [`Halted`]: state in memory is worth nothing any more.
    pub fn batch<T>(
        &mut self,
        ledger: &mut Ledger,
        wall: Time,
        works: Vec<Work<T>>,
    ) -> Result<Batch<T>, Halted> {
        self.wall = wall;
        let mut batch = Batch::empty();
        let mut bytes = 0_usize;
        self.turn_day(ledger, &mut batch)?;
        for work in works {
            // What does not fit into the frame any more is asked again by its caller.
            let worst = bytes.saturating_add(ENTRY_BYTES_MAX);
            if frame_bytes(batch.entries.len().saturating_add(2), worst, 1024)
                > self.batch_bytes_max
            {
                batch.overloaded.push(work.answer);
                continue;
            }
            let made = batch.entries.len();
            let what = self.decide(ledger, &work.checked, &mut batch)?;
            batch.releases.push(Release { what, answer: work.answer });
            let new = batch.entries.iter().skip(made).map(|made| made.bytes.len());
            bytes = new.fold(bytes, usize::saturating_add);
        }
        self.jobs(ledger, &mut batch)?;
        hash_ahead(ledger);
        self.hash_state(ledger, &mut batch)?;
        self.seal(ledger, &mut batch);
        Ok(batch)
    }

    /// A batch of one entry, out of a decision that the caller made.
    ///
    /// # Errors
    /// As [`Core::batch`].
    pub fn made<T>(
        &mut self,
        ledger: &mut Ledger,
        draft: Draft,
        answer: T,
    ) -> Result<Batch<T>, Halted> {
        let mut batch = Batch::empty();
        let what = self.make(ledger, draft, &mut batch)?;
        batch.releases.push(Release { what, answer });
        self.seal(ledger, &mut batch);
        Ok(batch)
    }

    /// The last batch before a stop in order: the state hash, and a snapshot behind it.
    ///
    /// # Errors
    /// As [`Core::batch`].
    pub fn closing<T>(&mut self, ledger: &mut Ledger, wall: Time) -> Result<Batch<T>, Halted> {
        self.wall = wall;
        let mut batch = Batch::empty();
        if ledger.meta().next > self.hashed_at {
            self.write_hash(ledger, &mut batch, Keep::Snapshot)?;
            self.seal(ledger, &mut batch);
        }
        Ok(batch)
    }

    /// Decides one command and applies it.
    fn decide<T>(
        &mut self,
        ledger: &mut Ledger,
        checked: &Checked,
        batch: &mut Batch<T>,
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
    fn arrive<T>(
        &mut self,
        ledger: &mut Ledger,
        checked: &Checked,
        batch: &mut Batch<T>,
    ) -> Result<(), Halted> {
        let Some(account) = checked.submission().command.account() else { return Ok(()) };
        let Some((kind, command)) = ledger.arriving(&account) else { return Ok(()) };
        let key = OperationKey::Job { kind, date: ledger.day() };
        self.job(ledger, batch, Some(key), command)
    }

    /// Makes an entry of a decision, applies it, and adds it to a batch.
    fn make<T>(
        &mut self,
        ledger: &mut Ledger,
        draft: Draft,
        batch: &mut Batch<T>,
    ) -> Result<Released, Halted> {
        let index = draft.index;
        let salt = self.salts.next().ok_or(Halted("the system gives no random bytes"))?;
        let entry = draft.complete(salt, &self.keys.channel);
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
    fn job<T>(
        &mut self,
        ledger: &mut Ledger,
        batch: &mut Batch<T>,
        key: Option<OperationKey>,
        command: Command,
    ) -> Result<(), Halted> {
        let submission = Submission { key, command, evidence: None };
        let checked = Checked::from_own_journal(submission, Vec::new());
        self.decide_job(ledger, &checked, batch)
    }

    fn decide_job<T>(
        &mut self,
        ledger: &mut Ledger,
        checked: &Checked,
        batch: &mut Batch<T>,
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

    fn turn_day<T>(&mut self, ledger: &mut Ledger, batch: &mut Batch<T>) -> Result<(), Halted> {
        let date = self.wall.max(ledger.meta().last).date();
        if date <= ledger.day() {
            return Ok(());
        }
        let key = OperationKey::Job { kind: JobKind::DayTurn, date };
        self.job(ledger, batch, Some(key), Command::TurnDay(DayTurn { date }, Nothing {}))?;
        if ledger.day() < date { Err(Halted("the day does not turn")) } else { Ok(()) }
    }

    /// One slice of what lapsed, and one conversion whose time to choose is over.
    fn jobs<T>(&mut self, ledger: &mut Ledger, batch: &mut Batch<T>) -> Result<(), Halted> {
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
    fn hash_state<T>(&mut self, ledger: &mut Ledger, batch: &mut Batch<T>) -> Result<(), Halted> {
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
    fn write_hash<T>(
        &mut self,
        ledger: &mut Ledger,
        batch: &mut Batch<T>,
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

    fn seal<T>(&self, ledger: &Ledger, batch: &mut Batch<T>) {
        if !batch.entries.is_empty() {
            let origin = Origin::of(ledger.meta().town, ledger.meta().generation);
            let checkpoint = Checkpoint::of_tree(origin, &self.tree);
            batch.checkpoint = Some(checkpoint.sign(&self.keys.log).note().to_string());
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
