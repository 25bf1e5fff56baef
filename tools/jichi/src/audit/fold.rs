//! The fold over a log that an auditor makes: replay, tree, checkpoints and counts.

use std::{collections::BTreeMap, io};

use jichi_node::journal::{damage::Damage, frame::FrameAt};
use jichi_protocol::{
    codec,
    command::Command,
    date::Time,
    digest::Digest,
    entry::{Entry, Outcome, StoredEntry},
    id::EntryIndex,
    ledger::{Ledger, Trial},
    log::{
        checkpoint::{
            CheckpointFault, MalformedCheckpoint, Origin, SignedCheckpoint, VerifiedCheckpoint,
        },
        note::{KeyKind, KeyName, VerifierKey},
        tile::TilePath,
        tree::{Tree, TreeSize, leaf_hash},
    },
    replay::{Authority, Finding, Replay, Signatures},
};

use super::CannotRead;

/// What is wrong with a log, at the first place where something is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// Bytes on disk that are not what was written there.
    #[error(transparent)]
    Damage(#[from] Damage),
    /// An entry does not follow from those before it.
    #[error("entry {index}: {finding}")]
    Entry {
        /// Which entry.
        index: EntryIndex,
        /// What is wrong with it.
        finding: Finding,
    },
    /// The checkpoint behind so many entries is no checkpoint.
    #[error("the checkpoint behind entry {size}: {fault}")]
    MalformedCheckpoint {
        /// How many entries stand before it.
        size: TreeSize,
        /// What is wrong with it.
        fault: MalformedCheckpoint,
    },
    /// The checkpoint is not signed by the log's key.
    #[error("the checkpoint over {size} entries: {fault}")]
    Checkpoint {
        /// How many entries it should cover.
        size: TreeSize,
        /// What is wrong with it.
        fault: CheckpointFault,
    },
    /// A checkpoint that the auditor gave is not signed by the log's key.
    #[error("the given checkpoint over {size} entries: {fault}")]
    Known {
        /// How many entries it says that it covers.
        size: TreeSize,
        /// What is wrong with it.
        fault: CheckpointFault,
    },
    /// A checkpoint has lines behind the root, which ours never have.
    #[error("the checkpoint over {0} entries has extension lines; nobody can audit those")]
    Extended(TreeSize),
    /// The entries do not make the root that was signed.
    #[error("the {size} entries make the root {made}; signed was {signed} over {signed_size}")]
    OtherRoot {
        /// How many entries were read.
        size: TreeSize,
        /// The root they make.
        made: Digest,
        /// The root that was signed.
        signed: Digest,
        /// The size that was signed.
        signed_size: TreeSize,
    },
    /// None of the keys that were given is of this log.
    #[error("no given key is of {0}; ask the federation's directory for the log's key")]
    NoKey(Origin),
    /// The log was opened with another key than the one that was given.
    #[error("the log's opening entry names another key than the one given for {0}")]
    OtherKey(Origin),
    /// Debits and credits differ.
    #[error("debits are {} and credits {}; they must be equal", .0.debits, .0.credits)]
    Trial(Trial),
    /// There is no entry.
    #[error("the log holds no entry")]
    Empty,
    /// The node does not hand out what its checkpoint covers.
    #[error("the node's checkpoint covers {size} entries, but it hands out {handed} only")]
    Withheld {
        /// How many it handed out.
        handed: TreeSize,
        /// How many its checkpoint covers.
        size: TreeSize,
    },
    /// The node's answer is not a list of entries.
    #[error("behind entry {0} the node's answer is not a list of entries")]
    NotEntries(TreeSize),
    /// A tile is not the one that the leaves make.
    #[error("{0} is not the tile that the log's entries make")]
    Tile(TilePath),
    /// A checkpoint of an earlier audit, or from a witness, has another root at its size.
    #[error(
        "the log had another root when it had {0} entries, by the checkpoint that was given; keep \
         both: the town has shown two logs"
    )]
    Forked(TreeSize),
    /// A checkpoint of an earlier audit, or from a witness, covers more than this log has.
    #[error("a given checkpoint covers {known} entries, the log has {size} only: it was cut")]
    Cut {
        /// What the given checkpoint covers.
        known: TreeSize,
        /// What the log has.
        size: TreeSize,
    },
}

/// A fault, and where on disk it stands, where that is known.
#[derive(Debug)]
pub(crate) struct Found {
    /// What is wrong.
    pub(crate) fault: Fault,
    /// The frame it stands in.
    pub(crate) at: Option<FrameAt>,
}

impl From<Fault> for Found {
    fn from(fault: Fault) -> Self {
        Self { fault, at: None }
    }
}

/// Why a fold ended before the log's end.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The log is not sound.
    Fault(Box<Found>),
    /// Nothing is known about the log.
    CannotRead(CannotRead),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(Box::new(fault.into()))
    }
}

impl From<CannotRead> for Stop {
    fn from(error: CannotRead) -> Self {
        Self::CannotRead(error)
    }
}

/// What the auditor brings along: keys and checkpoints that did not come from the log.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trusted {
    /// Keys of logs.
    pub(crate) keys: Vec<VerifierKey>,
    /// Checkpoints of earlier audits or from witnesses.
    pub(crate) checkpoints: Vec<SignedCheckpoint>,
}

impl Trusted {
    /// Compares the checkpoints of this log that cover as many entries as the tree has, and tells
    /// how many they are. Those of other logs are left aside.
    pub(crate) fn compare(&self, key: &VerifierKey, tree: &Tree) -> Result<u64, Fault> {
        let size = tree.size();
        let mut same = 0_u64;
        for known in self.of(key).filter(|known| known.claimed().size == size) {
            known.verify(key).map_err(|fault| Fault::Known { size, fault })?;
            if known.claimed().root != tree.root() {
                return Err(Fault::Forked(size));
            }
            same = same.saturating_add(1);
        }
        Ok(same)
    }

    /// Whether no checkpoint of this log covers more entries than it has.
    pub(crate) fn not_cut(&self, key: &VerifierKey, size: TreeSize) -> Result<(), Fault> {
        let longer = self.of(key).find(|known| known.claimed().size > size);
        let Some(known) = longer else { return Ok(()) };
        let covered = known.claimed().size;
        known.verify(key).map_err(|fault| Fault::Known { size: covered, fault })?;
        Err(Fault::Cut { known: covered, size })
    }

    fn of(&self, key: &VerifierKey) -> impl Iterator<Item = &SignedCheckpoint> {
        let name = key.name.clone();
        self.checkpoints.iter().filter(move |known| *known.claimed().origin.key_name() == name)
    }
}

/// The log's key, and where it came from.
#[derive(Debug, Clone)]
pub(crate) enum LogKey {
    /// The auditor brought it.
    Given(VerifierKey),
    /// The log's own opening entry names it, so that it proves inner consistency only.
    FromOpening(VerifierKey),
}

impl LogKey {
    /// The same key under the name that the log has from now on: the entry that begins a new
    /// generation stands under a checkpoint of this name.
    fn renamed(self, name: KeyName) -> Self {
        match self {
            Self::Given(key) => Self::Given(VerifierKey { name, ..key }),
            Self::FromOpening(key) => Self::FromOpening(VerifierKey { name, ..key }),
        }
    }

    /// The key.
    pub(crate) const fn key(&self) -> &VerifierKey {
        match self {
            Self::Given(key) | Self::FromOpening(key) => key,
        }
    }
}

/// How often a kind of entry was met.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KindCount {
    /// The kind's name.
    pub(crate) name: &'static str,
    /// On whose word entries of this kind rest.
    pub(crate) authority: Authority,
    /// How many were done.
    pub(crate) done: u64,
    /// How many were refused.
    pub(crate) refused: u64,
}

/// What was counted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    /// By the number of the kind.
    pub(crate) kinds: BTreeMap<u16, KindCount>,
    /// Entries that name evidence in the vault.
    pub(crate) evidence: u64,
    /// Entries with a hash of the state, each computed again and found equal.
    pub(crate) state_hashes: u64,
    /// Checkpoints that were verified.
    pub(crate) checkpoints: u64,
    /// Checkpoints that the auditor gave, and that the log continues.
    pub(crate) known: u64,
}

impl Tally {
    fn count(&mut self, entry: &Entry) {
        let command = &entry.submission.command;
        let new = || KindCount {
            name: command.kind_name(),
            authority: command.authority(),
            done: 0,
            refused: 0,
        };
        let kind = self.kinds.entry(command.kind()).or_insert_with(new);
        match entry.outcome {
            Outcome::Done(_) => kind.done = kind.done.saturating_add(1),
            Outcome::Refused(_) => kind.refused = kind.refused.saturating_add(1),
        }
        if entry.submission.evidence.is_some() {
            self.evidence = self.evidence.saturating_add(1);
        }
        if matches!(command, Command::HashState(..)) {
            self.state_hashes = self.state_hashes.saturating_add(1);
        }
    }
}

/// An entry that was found sound.
#[derive(Debug)]
pub(crate) struct Seen<'a> {
    /// The entry.
    pub(crate) entry: &'a Entry,
    /// Its leaf's bytes.
    pub(crate) leaf: &'a [u8],
}

/// What is done with each sound entry.
pub(crate) type Visit<'a> = dyn FnMut(&Seen<'_>) -> io::Result<()> + 'a;

/// The fold.
pub(crate) struct Fold<'a> {
    trusted: &'a Trusted,
    visit: &'a mut Visit<'a>,
    replay: Option<Replay>,
    tree: Tree,
    key: Option<LogKey>,
    tally: Tally,
    checkpoint: Option<VerifiedCheckpoint>,
}

/// What a fold made, also of a log that is sound only up to some place.
#[derive(Debug)]
pub(crate) struct Folded {
    /// The log's key.
    pub(crate) key: Option<LogKey>,
    /// What was counted.
    pub(crate) tally: Tally,
    /// The newest checkpoint that was verified.
    pub(crate) checkpoint: Option<VerifiedCheckpoint>,
    /// How many entries are sound.
    pub(crate) size: TreeSize,
    /// The time of the last of them.
    pub(crate) last: Option<Time>,
    /// The state that they make.
    pub(crate) ledger: Option<Ledger>,
}

impl<'a> Fold<'a> {
    /// A fold over nothing yet.
    pub(crate) fn new(trusted: &'a Trusted, visit: &'a mut Visit<'a>) -> Self {
        Self {
            trusted,
            visit,
            replay: None,
            tree: Tree::default(),
            key: None,
            tally: Tally::default(),
            checkpoint: None,
        }
    }

    /// How many entries were found sound.
    pub(crate) const fn size(&self) -> TreeSize {
        self.tree.size()
    }

    /// The next entry.
    pub(crate) fn entry(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        let index = EntryIndex(self.tree.size().0);
        let fault = |finding| Fault::Entry { index, finding };
        let entry = match &mut self.replay {
            Some(replay) => replay.step(bytes, Signatures::Check).map_err(fault)?,
            None => {
                let (begun, entry) = Replay::begin(bytes).map_err(fault)?;
                self.key = Some(self.choose_key(begun.ledger())?);
                self.replay = Some(begun);
                entry
            }
        };
        let stored: StoredEntry =
            codec::decode(bytes).map_err(|form| fault(Finding::Malformed(form)))?;
        let leaf = stored.leaf();
        self.tree.push(leaf_hash(&leaf));
        self.tally.count(&entry);
        if let (Command::Restart(restart, _), Outcome::Done(_), Some(replay)) =
            (&entry.submission.command, &entry.outcome, &self.replay)
        {
            let origin = Origin::of(replay.ledger().meta().town, restart.new);
            self.key = self.key.take().map(|key| key.renamed(origin.key_name().clone()));
        }
        if let Some(key) = &self.key {
            let same = self.trusted.compare(key.key(), &self.tree)?;
            self.tally.known = self.tally.known.saturating_add(same);
        }
        (self.visit)(&Seen { entry: &entry, leaf: &leaf }).map_err(CannotRead::Written)?;
        Ok(())
    }

    /// The checkpoint over the entries so far.
    pub(crate) fn checkpoint(&mut self, note: &[u8]) -> Result<(), Stop> {
        let size = self.tree.size();
        let signed = SignedCheckpoint::parse(note)
            .map_err(|fault| Fault::MalformedCheckpoint { size, fault })?;
        let key = self.key.as_ref().ok_or(Fault::Empty)?;
        let verified =
            signed.verify(key.key()).map_err(|fault| Fault::Checkpoint { size, fault })?;
        if !verified.extensions().is_empty() {
            return Err(Fault::Extended(size).into());
        }
        if verified.size != size || verified.root != self.tree.root() {
            let (made, signed, signed_size) = (self.tree.root(), verified.root, verified.size);
            return Err(Fault::OtherRoot { size, made, signed, signed_size }.into());
        }
        self.tally.checkpoints = self.tally.checkpoints.saturating_add(1);
        self.checkpoint = Some(verified);
        Ok(())
    }

    /// What holds at the end only: there are entries, all of them under a checkpoint, the books
    /// balance, and nothing is gone that was signed once.
    pub(crate) fn close(&self) -> Result<(), Fault> {
        let (Some(replay), Some(checkpoint)) = (&self.replay, &self.checkpoint) else {
            return Err(Fault::Empty);
        };
        let size = self.tree.size();
        if checkpoint.size != size {
            let (made, signed, signed_size) = (self.tree.root(), checkpoint.root, checkpoint.size);
            return Err(Fault::OtherRoot { size, made, signed, signed_size });
        }
        if let Some(key) = &self.key {
            self.trusted.not_cut(key.key(), size)?;
        }
        let trial = replay.ledger().trial();
        if trial.balances() { Ok(()) } else { Err(Fault::Trial(trial)) }
    }

    /// What was made, whether the end was reached or not.
    pub(crate) fn into_folded(self) -> Folded {
        let ledger = self.replay.map(Replay::into_ledger);
        Folded {
            key: self.key,
            tally: self.tally,
            checkpoint: self.checkpoint,
            size: self.tree.size(),
            last: ledger.as_ref().map(|ledger| ledger.meta().last),
            ledger,
        }
    }

    fn choose_key(&self, ledger: &Ledger) -> Result<LogKey, Fault> {
        let meta = ledger.meta();
        let origin = Origin::of(meta.town, meta.generation);
        let named =
            VerifierKey { name: origin.key_name().clone(), kind: KeyKind::Log, key: meta.log_key };
        if self.trusted.keys.is_empty() {
            return Ok(LogKey::FromOpening(named));
        }
        // A restore renames the log, and the key stays: any generation's key speaks for it.
        let of_town = |key: &&VerifierKey| {
            let origin = key.name.as_str().parse::<Origin>();
            origin.is_ok_and(|origin| origin.generation_of(meta.town).is_some())
        };
        let mut same_log = self.trusted.keys.iter().filter(of_town).peekable();
        if same_log.peek().is_none() {
            Err(Fault::NoKey(origin))
        } else if same_log.any(|given| (given.kind, given.key) == (named.kind, named.key)) {
            Ok(LogKey::Given(named))
        } else {
            Err(Fault::OtherKey(origin))
        }
    }
}
