//! The node as a witness of other towns' logs, and what witnesses say of its own
//! (c2sp.org/tlog-witness). Nothing of it is journalled but what freezes a channel.
//!
//! Between towns a request travels by libp2p: a town that only dials has no address for HTTP, and
//! the connection has proved who asks. The public listener takes the same request by HTTP, as C2SP
//! says, for logs and monitors that are not of the federation.

pub mod answer;
pub mod memory;
pub mod submit;
pub mod watch;
pub mod wire;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jichi_protocol::{
    digest::Digest,
    directory::Party,
    id::TownId,
    log::{
        checkpoint::{Origin, SignedCheckpoint, VerifiedCheckpoint},
        cosignature::cosign,
        fork::{FILE_EXTENSION, FORK_BYTES_MAX, ForkProof},
        note::VerifierKey,
        witness::{
            AddCheckpoint, Reason, Refused, judge, log_key_of, monitoring_name, witness_key_of,
        },
    },
    signature::SigningKey,
};
use tokio::sync::mpsc;

use crate::{clock, durable, engine::Engine, federation::Members};
use memory::{Memory, MemoryFault};

/// Findings that wait to be acted on; what comes beyond is found again.
const FINDINGS_MAX: usize = 64;

/// That a town's log has two histories.
#[derive(Debug)]
pub struct Finding {
    /// Whose log.
    pub town: TownId,
    /// Shows it.
    pub fork: ForkProof,
}

/// The proofs of forks that a node keeps, a file for each log.
#[derive(Debug, Clone)]
pub struct Proofs(PathBuf);

impl Proofs {
    /// The folder of a node's proofs.
    #[must_use]
    pub fn of(data: &Path) -> Self {
        Self(data.join("proofs"))
    }

    /// Where the proof about a log lies, or would.
    #[must_use]
    pub fn path(&self, origin: &Origin) -> PathBuf {
        self.0.join(file_name(origin))
    }

    /// Keeps a proof. The first one about a log stays.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn keep(&self, fork: &ForkProof, log: &VerifierKey) -> std::io::Result<PathBuf> {
        std::fs::create_dir_all(&self.0)?;
        let origin = &fork.older.claimed().origin;
        let path = self.path(origin);
        if !path.exists() {
            durable::replace(&self.0, &file_name(origin), fork.file(log).as_bytes())?;
        }
        Ok(path)
    }

    /// The proof about a log, if there is one that holds.
    #[must_use]
    pub fn about(&self, log: &VerifierKey, origin: &Origin) -> Option<ForkProof> {
        let path = self.path(origin);
        let size = std::fs::metadata(&path).ok()?.len();
        let bytes = std::fs::read(&path).ok().filter(|_| size <= FORK_BYTES_MAX as u64)?;
        let (fork, _) = ForkProof::parse_file(&bytes).ok()?;
        fork.verify(log).is_ok().then_some(fork)
    }
}

fn file_name(origin: &Origin) -> String {
    format!("{}{FILE_EXTENSION}", origin.as_str().replace('/', "-"))
}

/// This node's history is not the only one under its key: it signs nothing more.
pub fn halt(engine: &Engine, proofs: &Proofs, by: TownId, fork: &ForkProof) -> ! {
    match proofs.keep(fork, engine.log_key()) {
        Ok(path) => tracing::error!(witness = %by, proof = %path.display(),
            "this log has two histories under its key: a second copy of this node runs, or its \
             key is stolen. Stopping; do not start either copy, call the federation's office"),
        Err(error) => tracing::error!(witness = %by, %error,
            "this log has two histories under its key, and the proof cannot be kept; stopping"),
    }
    std::process::abort();
}

/// The answer to a request.
#[derive(Debug)]
pub enum Answer {
    /// The line that cosigns.
    Cosigned(String),
    /// Not cosigned.
    Refused(Refused),
}

/// A witness. Cheap to clone.
#[derive(Clone)]
pub struct Witness(Arc<Parts>);

struct Parts {
    key: SigningKey,
    name: VerifierKey,
    memory: Mutex<Memory>,
    proofs: Proofs,
    members: Members,
    findings: mpsc::Sender<Finding>,
}

impl Witness {
    /// A witness with its key and memory. What it finds of other logs comes out of the receiver.
    ///
    /// # Errors
    /// [`MemoryFault`].
    pub fn open(
        town: TownId,
        key: SigningKey,
        data: &Path,
        members: Members,
    ) -> Result<(Self, mpsc::Receiver<Finding>), MemoryFault> {
        let memory = Mutex::new(Memory::open(&data.join("witness"))?);
        let name = witness_key_of(town, key.public());
        let (findings, found) = mpsc::channel(FINDINGS_MAX);
        let proofs = Proofs::of(data);
        Ok((Self(Arc::new(Parts { key, name, memory, proofs, members, findings })), found))
    }

    /// The key that its cosignatures are checked with.
    #[must_use]
    pub fn key(&self) -> &VerifierKey {
        &self.0.name
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // What is behind the lock is what the disk has, whoever unwound.
        self.0.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whose log an origin is, with its key, by the directory.
    #[must_use]
    pub fn log_of(&self, origin: &Origin) -> Option<(TownId, VerifierKey)> {
        let directory = Arc::clone(&self.0.members.borrow());
        directory.members().iter().find_map(|member| match member.who {
            Party::Town(town) if Origin::of(town, member.generation) == *origin => {
                Some((town, log_key_of(town, member)))
            }
            Party::Town(_) | Party::Coordinator => None,
        })
    }

    /// Decides about a request, and stores what is cosigned before the answer is given. Waits for
    /// the disk.
    ///
    /// # Errors
    /// [`MemoryFault`]: nothing was cosigned.
    pub fn add(
        &self,
        request: &AddCheckpoint,
        own_root: Option<&Digest>,
    ) -> Result<Answer, MemoryFault> {
        let origin = &request.checkpoint.claimed().origin;
        let known = self.log_of(origin);
        let log = known.as_ref().map(|(_, key)| key);
        if let Some(fork) = log.and_then(|log| self.0.proofs.about(log, origin)) {
            let reason = Reason::Forked;
            return Ok(Answer::Refused(Refused { reason, fork: Some(Box::new(fork)) }));
        }
        // Compared and stored under one lock, as C2SP asks.
        let mut memory = self.memory();
        match judge(request, log, memory.seen(origin), own_root) {
            Ok(checkpoint) => {
                let (line, cosigned) = self.cosign(&checkpoint);
                memory.store(cosigned)?;
                Ok(Answer::Cosigned(line))
            }
            Err(refused) => {
                drop(memory);
                if let (Some((town, log)), Some(fork)) = (&known, &refused.fork) {
                    self.report(*town, log, fork);
                }
                Ok(Answer::Refused(refused))
            }
        }
    }

    /// The line that cosigns a checkpoint, and the checkpoint with it.
    fn cosign(&self, checkpoint: &VerifiedCheckpoint) -> (String, SignedCheckpoint) {
        let line = cosign(checkpoint, &self.0.name.name, &self.0.key, clock::now());
        let signed = checkpoint.clone().into_signed();
        let with_line = signed.with_signature(&line).unwrap_or(signed);
        (format!("{line}\n"), with_line)
    }

    /// Keeps a proof, and has it acted on.
    pub fn report(&self, town: TownId, log: &VerifierKey, fork: &ForkProof) {
        match self.0.proofs.keep(fork, log) {
            Ok(path) => tracing::error!(%town, proof = %path.display(),
                "this town's log has shown two histories; keep the proof, and tell the town and \
                 the federation's office"),
            Err(error) => tracing::error!(%town, %error, "the proof of a fork cannot be kept"),
        }
        if self.0.findings.try_send(Finding { town, fork: fork.clone() }).is_err() {
            tracing::warn!(%town, "the finding waits for the next start");
        }
    }

    /// The last checkpoint that was cosigned of a log.
    #[must_use]
    pub fn last(&self, origin: &Origin) -> Option<SignedCheckpoint> {
        self.memory().seen(origin).cloned()
    }

    /// The last checkpoint that was cosigned of a town's newest log.
    #[must_use]
    pub fn last_of(&self, town: TownId) -> Option<SignedCheckpoint> {
        let memory = self.memory();
        let of_town = memory
            .all()
            .filter_map(|seen| Some((seen.claimed().origin.generation_of(town)?, seen)));
        of_town.max_by_key(|(generation, _)| *generation).map(|(_, seen)| seen.clone())
    }

    /// The same by the name under which C2SP has it served.
    #[must_use]
    pub fn last_by_name(&self, name: &str) -> Option<SignedCheckpoint> {
        let memory = self.memory();
        memory.all().find(|seen| monitoring_name(&seen.claimed().origin) == name).cloned()
    }

    /// Proofs that were kept about logs of the present directory.
    #[must_use]
    pub fn kept(&self) -> Vec<Finding> {
        let directory = Arc::clone(&self.0.members.borrow());
        let towns = directory.members().iter().filter_map(|member| match member.who {
            Party::Town(town) => Some((town, member)),
            Party::Coordinator => None,
        });
        let kept = towns.filter_map(|(town, member)| {
            let origin = Origin::of(town, member.generation);
            let fork = self.0.proofs.about(&log_key_of(town, member), &origin)?;
            Some(Finding { town, fork })
        });
        kept.collect()
    }
}
