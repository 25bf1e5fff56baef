//! One town: its disks, its clock, and while it is up the node's own core, journal frames and
//! posts. What is here and not in the node is only the order in which threads would take turns.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use jichi_node::{
    clock::{ClockGuard, ClockWitness, Confirmation, Monotonic, Reading},
    engine::{
        Work,
        core::{Batch, Core, Made, Salts},
    },
    federation::{post::Post, recovery::Next},
    journal::{frame::FRAME_BYTES_MAX, memory::MemoryLog, sector::Log},
};
use jichi_protocol::{
    channel::delivery::Delivery,
    codec,
    date::Time,
    digest::Digest,
    entry::{Outcome, Salt, StoredEntry, Submission},
    envelope::Envelope,
    id::{ChannelNumber, EntryIndex, TownId, TransferId},
    ledger::{Checked, Ledger},
    log::{
        checkpoint::SignedCheckpoint,
        proof::{InclusionProof, Node},
        receipt::Receipt,
        tree::{Tree, TreeSize, leaf_hash, node_hash},
    },
    signature::SigningKey,
};

use crate::{
    disk::Disk,
    mark::Marks,
    planted::Defect,
    read::{Begun, Durable, Read},
    rule, seen,
    setup::{self, OFFICER, TOWNS},
};

/// Who waits for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asker {
    /// A resident's wish, by its place in the course.
    Resident(usize),
    /// A town that delivered something.
    Peer {
        town: usize,
        number: ChannelNumber,
        flight: u64,
    },
    Setup,
}

#[derive(Debug)]
pub(crate) struct Counted(pub(crate) u64);

impl Salts for Counted {
    fn next(&mut self) -> Option<Salt> {
        self.0 += 1;
        let [a, b, c, d, e, f, g, h] = self.0.to_be_bytes();
        Some(Salt([a, b, c, d, e, f, g, h, 0, 0, 0, 0, 0, 0, 0, 0]))
    }
}

/// A town, up or down.
#[derive(Debug)]
pub(crate) struct Town {
    pub(crate) index: usize,
    pub(crate) id: TownId,
    pub(crate) disk: Disk,
    pub(crate) vault: Disk,
    /// By how much the wall clock is wrong.
    pub(crate) wrong_ms: i64,
    pub(crate) full_until: Time,
    /// Something that rests on entries before this one has left the town.
    pub(crate) told: u64,
    /// Checkpoints that have left the town.
    pub(crate) shown: BTreeMap<u64, Digest>,
    pub(crate) up: Option<Up>,
    pub(crate) up_again: Time,
    pub(crate) life: u64,
    pub(crate) kill_after: Option<(u64, crate::disk::Left)>,
    pub(crate) confirm_planned: bool,
    /// Frames with which every course begins.
    pub(crate) frames: usize,
    /// The journal is a copy that is older than the newest one, and nobody has said so.
    pub(crate) lost: Option<Lost>,
    /// The life in which it began anew.
    pub(crate) anew_in: Option<u64>,
    /// What every course begins with.
    pub(crate) begun: Option<Arc<Begun>>,
}

/// What the newest journal had and the one in place has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lost {
    /// An old copy was started as if it were the newest.
    Unnoticed,
    /// It waits for a new generation.
    Restoring,
}

/// What a running node has in memory.
#[derive(Debug)]
pub(crate) struct Up {
    pub(crate) ledger: Ledger,
    core: Core,
    clock: ClockGuard,
    pub(crate) log: MemoryLog,
    pub(crate) vault_log: MemoryLog,
    pub(crate) vaulted: BTreeSet<Digest>,
    pub(crate) durable: Durable,
    leaves: Vec<Digest>,
    pub(crate) checkpoint: String,
    pub(crate) queue: VecDeque<Work<Asker>>,
    /// On its way to the disk, and where the log stands behind it.
    pub(crate) flying: Option<(Batch<Asker>, Option<MemoryLog>)>,
    pub(crate) synced: bool,
    /// Decided, and waiting until the disk is free.
    pub(crate) waiting: Option<Batch<Asker>>,
    pub(crate) posts: BTreeMap<usize, Post>,
    pub(crate) flights: BTreeSet<u64>,
    /// Replies that wait until what they say is durable.
    pub(crate) replies: Vec<(u64, Asker, Vec<u8>)>,
    pub(crate) memory: rule::Memory,
    started: Time,
    /// By how much a planted defect has retransmissions go wrong with the wall clock.
    pub(crate) timers_wrong_ms: i64,
    pub(crate) polls: Option<Time>,
    /// Requests of other towns' shops, and when each was last answered.
    pub(crate) answered: BTreeMap<TransferId, Time>,
    /// When they are answered next.
    pub(crate) answers: Option<Time>,
    /// It is planned to look what is to be taken back.
    pub(crate) looks: bool,
    /// What was to be fetched at the last look, and how long until the next one.
    pub(crate) looked: Vec<(TownId, Next)>,
    pub(crate) look_again_ms: u64,
}

impl Town {
    /// A town whose journal holds what every course begins with.
    pub(crate) fn furnished(index: usize, towns: usize) -> Self {
        let mut town = Self {
            index,
            id: setup::town_id(index),
            disk: Disk::new(Log::Journal),
            vault: Disk::new(Log::Vault),
            wrong_ms: 0,
            full_until: Time(0),
            told: 0,
            shown: BTreeMap::new(),
            up: None,
            up_again: Time(0),
            life: 0,
            kill_after: None,
            confirm_planned: false,
            frames: 1,
            lost: None,
            anew_in: None,
            begun: None,
        };
        let stored = setup::opening(index).store();
        let mut tree = Tree::default();
        tree.push(leaf_hash(&stored.leaf()));
        let origin =
            jichi_protocol::log::checkpoint::Origin::of(town.id, jichi_protocol::id::Generation(1));
        let checkpoint = jichi_protocol::log::checkpoint::Checkpoint::of_tree(origin, &tree)
            .sign(&setup::keys(index, 0).log);
        let note = checkpoint.note().to_string();
        let laid = town.disk.begin().lay(&[codec::encode(&stored)], note.as_bytes());
        town.disk.write(&laid.expect("the opening fits"));
        town.disk.sync();
        town.start(setup::begin(), None).expect("a town starts");
        for submission in setup::facts(index, towns) {
            town.now(submission);
            town.frames += 1;
        }
        town.up = None;
        town.begun = Some(Arc::new(Begun::over(&mut town)));
        town
    }

    /// Takes something in at once.
    fn now(&mut self, submission: Submission) {
        let up = self.up.as_mut().expect("the town is up");
        let checked = up.checked(submission).expect("it is signed rightly");
        up.queue.push_back(Work { checked, answer: Asker::Setup });
        let batch = up.decide(setup::begin(), None, &mut Marks::default()).expect("no halt");
        assert_eq!(batch.entries.len(), 1, "each fact makes an entry: {:?}", batch.releases);
        let laid = up.lay(&batch).expect("it fits");
        self.disk.write(&laid);
        self.disk.sync();
        let up = self.up.as_mut().expect("the town is up");
        up.log = laid.behind;
        up.publish(&batch);
    }

    /// A copy for a course.
    pub(crate) fn copy(&self) -> Self {
        Self {
            disk: self.disk.clone(),
            vault: self.vault.clone(),
            shown: BTreeMap::new(),
            up: None,
            begun: self.begun.clone(),
            ..*self
        }
    }

    pub(crate) fn wall(&self, now: Time) -> Time {
        Time(now.0.saturating_add_signed(self.wrong_ms))
    }

    /// Starts from what the disk has.
    pub(crate) fn start(&mut self, now: Time, defect: Option<Defect>) -> Result<(), String> {
        let read = match &self.begun {
            // What every course begins with was read once for all of them.
            Some(begun) if self.life == 0 => begun.read.copy(),
            Some(_) | None => self.read(defect)?,
        };
        let Read { log, vault_log, vaulted, durable, leaves, restored } = read;
        let reading = Reading { wall: self.wall(now), monotonic: Monotonic(Duration::ZERO) };
        let clock = ClockGuard::start(reading, Some(restored.ledger.meta().last));
        let salts = Counted(durable.len() as u64 + (self.life << 32));
        // The folder of keys has what the journal says: a rotation goes on behind a crash.
        let changes = setup::changes_of(self.index, &restored.ledger);
        let keys = setup::keys(self.index, changes);
        let core = Core::over(&restored, keys, FRAME_BYTES_MAX, Box::new(salts));
        let mut up = Up {
            checkpoint: restored.checkpoint.note().to_string(),
            ledger: restored.ledger,
            core,
            clock,
            log,
            vault_log,
            vaulted,
            memory: rule::Memory::over(&durable),
            durable,
            leaves,
            queue: VecDeque::new(),
            flying: None,
            synced: false,
            waiting: None,
            posts: BTreeMap::new(),
            flights: BTreeSet::new(),
            replies: Vec::new(),
            started: now,
            timers_wrong_ms: 0,
            polls: None,
            answered: BTreeMap::new(),
            answers: None,
            looks: false,
            looked: Vec::new(),
            look_again_ms: 0,
        };
        if defect != Some(Defect::OutboxForgottenByCrash) || self.life == 0 {
            up.collect();
        }
        self.up = Some(up);
        Ok(())
    }
}

pub(crate) fn town_of(id: &TownId) -> usize {
    (0..TOWNS).find(|town| setup::town_id(*town) == *id).expect("a town of the course")
}

impl Up {
    /// Time since the start, which nobody sets: retransmissions go by it.
    pub(crate) const fn since_start(&self, now: Time) -> Time {
        Time(now.ms_since(self.started).saturating_add_signed(self.timers_wrong_ms))
    }

    pub(crate) const fn at(&self, since_start: Time) -> Time {
        self.started.later_by_ms(since_start.0.saturating_sub_signed(self.timers_wrong_ms))
    }

    fn collect(&mut self) {
        for (town, channel) in self.ledger.channels() {
            let generation = channel.generation();
            for (number, entry) in channel.open() {
                let post = self.posts.entry(town_of(town));
                let post = post.or_insert_with(|| Post::new(generation));
                post.add(*number, *entry, Time(0));
            }
        }
    }

    /// Checks a submission's signatures, as the engine does on the caller's core.
    pub(crate) fn checked(&self, submission: Submission) -> Option<Checked> {
        let signers = self.ledger.signers(&submission.command).ok()?;
        Checked::new(submission, signers).ok()
    }

    /// Looks at both clocks; false while they are doubted.
    pub(crate) fn believes(&mut self, now: Time, wall: Time) -> bool {
        let reading = self.reading(now, wall);
        self.clock.observe(reading, Some(self.ledger.meta().last)).is_ok()
    }

    const fn reading(&self, now: Time, wall: Time) -> Reading {
        let monotonic = Monotonic(Duration::from_millis(now.ms_since(self.started)));
        Reading { wall, monotonic }
    }

    pub(crate) fn confirm_clock(&mut self, now: Time, wall: Time) {
        let by = Confirmation::new(ClockWitness::Ntp, ClockWitness::Officer(OFFICER));
        let by = by.expect("two kinds");
        let last = Some(self.ledger.meta().last);
        self.clock.confirm(self.reading(now, wall), last, &by);
    }

    pub(crate) fn has_work(&self, wall: Time) -> bool {
        !self.queue.is_empty()
            || wall.date() > self.ledger.day()
            || self.core.jobs_due(&self.ledger)
    }

    /// Decides what waits, by the node's own core.
    pub(crate) fn decide(
        &mut self,
        wall: Time,
        defect: Option<Defect>,
        marks: &mut Marks,
    ) -> Result<Batch<Asker>, String> {
        let unasked = defect.and_then(|defect| rule::unasked(defect, self, wall.max(self.last())));
        if let Some(draft) = unasked {
            let made = self.core.made(&mut self.ledger, draft, Asker::Setup);
            return made.map_err(|halted| halted.to_string());
        }
        let mut works = Vec::new();
        while let Some(work) = self.queue.pop_front() {
            seen::note(&mut self.memory, &self.ledger, work.checked.submission(), marks);
            let wrong = defect.and_then(|defect| {
                rule::wrong(defect, self, work.checked.submission(), wall.max(self.last()))
            });
            match wrong {
                None => works.push(work),
                // The wrong decision makes a batch of its own, behind what came before it.
                Some(_) if !works.is_empty() => {
                    self.queue.push_front(work);
                    break;
                }
                Some(draft) => {
                    let core = &mut self.core;
                    return core
                        .made(&mut self.ledger, draft, work.answer)
                        .map_err(|halted| halted.to_string());
                }
            }
        }
        self.core.batch(&mut self.ledger, wall, works).map_err(|halted| halted.to_string())
    }

    fn last(&self) -> Time {
        self.ledger.meta().last
    }

    /// The frame of a batch.
    pub(crate) fn lay(&self, batch: &Batch<Asker>) -> Option<jichi_node::journal::memory::Laid> {
        let entries: Vec<&[u8]> = batch.entries.iter().map(|made| made.bytes.as_slice()).collect();
        self.log.lay(&entries, batch.checkpoint.as_deref().unwrap_or_default().as_bytes())
    }

    /// Notes that a batch is durable.
    pub(crate) fn publish(&mut self, batch: &Batch<Asker>) {
        for Made { entry, stored, leaf, .. } in &batch.entries {
            self.durable.push((Arc::clone(entry), Arc::clone(stored)));
            self.leaves.push(*leaf);
        }
        if let Some(checkpoint) = &batch.checkpoint {
            self.checkpoint.clone_from(checkpoint);
        }
    }

    /// The bytes of a delivery of an entry's message, with its proof beside it, and how many
    /// entries the checkpoint in it speaks of.
    pub(crate) fn delivery(
        &self,
        entry: EntryIndex,
    ) -> Option<(Envelope, Vec<u8>, SignedCheckpoint)> {
        let at = usize::try_from(entry.0).ok()?;
        let (made, stored) = self.durable.get(at)?;
        let Outcome::Done(effect) = &made.outcome else { return None };
        let envelope = effect.sent.clone()?;
        let (bytes, checkpoint) = self.proved(&envelope, entry, stored)?;
        Some((envelope, bytes, checkpoint))
    }

    /// A delivery of any envelope, beside the proof of some entry.
    pub(crate) fn proved(
        &self,
        envelope: &Envelope,
        entry: EntryIndex,
        stored: &StoredEntry,
    ) -> Option<(Vec<u8>, SignedCheckpoint)> {
        let checkpoint = SignedCheckpoint::parse(self.checkpoint.as_bytes()).ok()?;
        let size: TreeSize = checkpoint.claimed().size;
        let proof = InclusionProof::of(entry, size, |node| self.node(node)).ok()?;
        let receipt = Receipt::new(stored.leaf(), entry, proof, checkpoint.clone()).ok()?;
        let delivery =
            Delivery { envelope: envelope.encode(), proof: receipt.to_string(), enclosure: None };
        Some((codec::encode(&delivery), checkpoint))
    }

    fn node(&self, node: Node) -> Option<Digest> {
        let first = usize::try_from(node.index << node.level).ok()?;
        let leaves = self.leaves.get(first..first + (1_usize << node.level))?;
        Some(root(leaves))
    }

    /// The key that signs envelopes now.
    pub(crate) fn channel_key(&self) -> SigningKey {
        let town = town_of(&self.ledger.meta().town);
        setup::keys(town, setup::changes_of(town, &self.ledger)).channel
    }
}

/// The root of a full subtree.
fn root(leaves: &[Digest]) -> Digest {
    match leaves {
        [leaf] => *leaf,
        leaves => {
            let (left, right) = leaves.split_at(leaves.len() / 2);
            node_hash(&root(left), &root(right))
        }
    }
}
