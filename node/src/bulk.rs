//! Files of grants and of claim slips on their way: read, looked up, tried, approved, sent to the
//! ledger slice by slice, and gone on with after a restart. What is personal lies in the vault.

pub mod check;
pub mod day;
pub mod file;
pub mod letter;
pub mod people;
pub mod store;
pub mod work;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jichi_protocol::{
    command::{BulkLine, BulkMode, SlipLine},
    date::Time,
    digest::Digest,
    id::{AccountId, BulkId, OfficerId, ProgrammeId},
    key::ClientKey,
    points::Points,
    programme::Measure,
};
use minicbor::{Decode, Encode};
use tokio::sync::{Notify, watch};

use crate::{town::Town, vault::PutError};
use file::Recipient;

/// Lines for which an officer has to choose an account, at most, in one file.
pub const WORK_ITEMS_MAX: usize = 500;
/// Faults of one file that are kept and shown.
pub const FAULTS_MAX: usize = 10_000;

/// How far a file is.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Stage {
    /// An officer has to choose accounts first.
    #[n(0)]
    Worklist,
    /// It is about to be opened in the ledger, under this key.
    #[n(1)]
    Opening(#[n(0)] ClientKey),
    /// A second officer has to approve it: the proposal's key.
    #[n(2)]
    Waiting(#[n(0)] ClientKey),
    /// Its lines go to the ledger.
    #[n(3)]
    Running,
    /// It is cancelled as soon as no line is on its way any more.
    #[n(4)]
    Cancelling,
    /// All of it is granted, or each line has its result.
    #[n(5)]
    Done,
    /// Nothing of it was granted, for the reason of this code.
    #[n(6)]
    Refused(#[n(0)] String),
    /// An officer cancelled it; nothing of it was granted.
    #[n(7)]
    Cancelled,
}

impl Stage {
    /// The name on the wire.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Worklist => "worklist",
            Self::Opening(_) => "opening",
            Self::Waiting(_) => "awaiting_second_officer",
            Self::Running => "running",
            Self::Cancelling => "cancelling",
            Self::Done => "done",
            Self::Refused(_) => "refused",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether the worker has something to do.
    const fn works(&self) -> bool {
        matches!(self, Self::Opening(_) | Self::Waiting(_) | Self::Running | Self::Cancelling)
    }
}

/// A line that was not granted.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Fault {
    /// Its number in the file.
    #[n(0)]
    pub line: u32,
    /// The stable code.
    #[n(1)]
    pub code: String,
}

/// A line for which no account, or several, were found.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct WorkItem {
    /// Its number in the file.
    #[n(0)]
    pub line: u32,
    /// Who it is for, as written.
    #[n(1)]
    pub recipient: Recipient,
    /// How many points.
    #[n(2)]
    pub points: Points,
    /// The grant's activity.
    #[n(3)]
    pub activity: Digest,
    /// The accounts that fit.
    #[n(4)]
    pub candidates: Vec<AccountId>,
    /// What an officer chose.
    #[n(5)]
    pub choice: Option<Choice>,
    /// What was measured, if the programme has a rule.
    #[n(6)]
    pub measure: Option<Measure>,
}

/// An officer's choice.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Choice {
    /// This account.
    #[n(0)]
    Account(#[n(0)] AccountId),
    /// Nobody.
    #[n(1)]
    Skip,
}

/// What is kept of a file.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct Manifest {
    /// SHA-256 of the file.
    #[n(0)]
    pub file: Digest,
    /// Which programme gives.
    #[n(1)]
    pub programme: ProgrammeId,
    /// How.
    #[n(2)]
    pub mode: BulkMode,
    /// Who uploaded it.
    #[n(3)]
    pub officer: OfficerId,
    /// When.
    #[n(4)]
    pub at: Time,
    /// How far it is.
    #[n(5)]
    pub stage: Stage,
    /// Lines in the file, blank ones apart.
    #[n(6)]
    pub lines: u32,
    /// The lines that can be granted, as records of the vault.
    #[n(7)]
    pub ready_parts: Vec<u64>,
    /// How many those are.
    #[n(8)]
    pub ready: u32,
    /// Their points.
    #[n(9)]
    pub points: Points,
    /// What an officer has to choose, or chose.
    #[n(10)]
    pub work: Vec<WorkItem>,
    /// Lines that were not granted, as far as they are kept.
    #[n(11)]
    pub faults: Vec<Fault>,
    /// How many lines were not granted.
    #[n(12)]
    pub refused: u32,
}

/// The lines that can be granted.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Ready {
    /// Grants.
    #[n(0)]
    Grants(#[n(0)] Vec<BulkLine>),
    /// Claim slips.
    #[n(1)]
    Slips(#[n(0)] Vec<SlipLine>),
}

impl Ready {
    /// How many lines.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self {
            Self::Grants(lines) => lines.len(),
            Self::Slips(lines) => lines.len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The points of all lines.
    #[must_use]
    pub fn points(&self) -> Option<Points> {
        match self {
            Self::Grants(lines) => Points::sum(lines.iter().map(|line| line.points)),
            Self::Slips(lines) => Points::sum(lines.iter().map(|line| line.points)),
        }
    }
}

/// A file, as far as this process knows it.
#[derive(Clone)]
pub struct Upload {
    /// What is kept of it.
    pub manifest: Manifest,
    /// Lines that have their result.
    pub done: u32,
}

/// The files of a node. Cheap to clone.
#[derive(Clone)]
pub struct Bulks(Arc<Parts>);

struct Parts {
    town: Town,
    uploads: Mutex<BTreeMap<BulkId, Upload>>,
    wake: Notify,
}

impl Bulks {
    /// Reads what was on its way, and goes on with it until `stop` turns true.
    #[must_use]
    pub fn start(town: Town, stop: watch::Receiver<bool>) -> Self {
        let known = store::manifests(town.people().vault());
        let uploads = known.into_iter().map(|(id, manifest)| (id, Upload { manifest, done: 0 }));
        let uploads = Mutex::new(uploads.collect());
        let bulks = Self(Arc::new(Parts { town, uploads, wake: Notify::new() }));
        tokio::spawn(work::run(bulks.clone(), stop));
        bulks
    }

    /// The town.
    #[must_use]
    pub fn town(&self) -> &Town {
        &self.0.town
    }

    fn uploads(&self) -> MutexGuard<'_, BTreeMap<BulkId, Upload>> {
        self.0.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A file.
    #[must_use]
    pub fn upload(&self, id: &BulkId) -> Option<Upload> {
        self.uploads().get(id).cloned()
    }

    /// All files, the newest last.
    #[must_use]
    pub fn all(&self) -> Vec<(BulkId, Upload)> {
        self.uploads().iter().map(|(id, upload)| (*id, upload.clone())).collect()
    }

    /// The files that the worker has something to do for, the oldest first.
    fn at_work(&self) -> Vec<BulkId> {
        let uploads = self.uploads();
        let at_work = uploads.iter().filter(|(_, upload)| upload.manifest.stage.works());
        at_work.map(|(id, _)| *id).collect()
    }

    /// Keeps a file as it now is, in the vault first.
    ///
    /// # Errors
    /// [`PutError`].
    pub async fn keep(&self, id: BulkId, manifest: Manifest) -> Result<(), PutError> {
        store::put_manifest(self.0.town.people().vault(), id, &manifest).await?;
        self.uploads()
            .entry(id)
            .and_modify(|upload| upload.manifest = manifest.clone())
            .or_insert(Upload { manifest, done: 0 });
        self.0.wake.notify_one();
        Ok(())
    }

    /// Notes how many lines have their result.
    fn note(&self, id: BulkId, done: u32) {
        if let Some(upload) = self.uploads().get_mut(&id) {
            upload.done = done;
        }
    }
}

/// An account of the vault for what belongs to a file.
#[must_use]
pub const fn vault_account(id: BulkId) -> AccountId {
    AccountId(id.0)
}
