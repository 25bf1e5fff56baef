//! What a start reads of a town's disks, and what all courses begin with, read and audited once.

use std::{collections::BTreeSet, sync::Arc};

use jichi_node::{
    engine::restore::{Restored, Restoring},
    journal::memory::{Found, MemoryLog},
};
use jichi_protocol::{
    codec,
    digest::Digest,
    entry::{Entry, StoredEntry},
    ledger::Ledger,
    log::tree::leaf_hash,
    replay::{Replay, Signatures},
};

use crate::{planted::Defect, rule, town::Town};

/// What a start reads.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) log: MemoryLog,
    pub(crate) vault_log: MemoryLog,
    pub(crate) vaulted: BTreeSet<Digest>,
    pub(crate) durable: Durable,
    pub(crate) leaves: Vec<Digest>,
    pub(crate) restored: Restored,
}

impl Read {
    pub(crate) fn copy(&self) -> Self {
        Self {
            vaulted: self.vaulted.clone(),
            durable: self.durable.clone(),
            leaves: self.leaves.clone(),
            restored: Restored {
                ledger: self.restored.ledger.clone(),
                tree: self.restored.tree.clone(),
                checkpoint: self.restored.checkpoint.clone(),
                ..self.restored
            },
            ..*self
        }
    }
}

/// What every course begins with.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) read: Read,
    /// The state that an auditor makes of it.
    audited: Ledger,
}

impl Begun {
    pub(crate) fn over(town: &mut Town) -> Self {
        let read = town.read(None).expect("a town's journal can be read");
        let audited = audit(None, &read.durable).expect("a town's journal is sound");
        Self { read, audited }
    }
}

/// Decides every entry again and checks every signature, as an auditor does. Entries with which
/// every course begins were audited before.
pub(crate) fn audit(begun: Option<&Begun>, durable: &Durable) -> Result<Ledger, String> {
    let same = |begun: &&Begun| {
        let first = begun.read.durable.iter().zip(durable);
        begun.read.durable.len() <= durable.len() && first.clone().all(|(a, b)| a.1 == b.1)
    };
    let begun = begun.filter(same);
    let known = begun.map_or(0, |begun| begun.read.durable.len());
    let mut replay = begun.map(|begun| Replay::resume(begun.audited.clone()));
    for (_, stored) in durable.iter().skip(known) {
        let bytes = codec::encode(stored.as_ref());
        match &mut replay {
            None => replay = Some(Replay::begin(&bytes).map_err(|found| found.to_string())?.0),
            Some(replay) => {
                replay.step(&bytes, Signatures::Check).map_err(|found| found.to_string())?;
            }
        }
    }
    Ok(replay.ok_or("an empty log")?.into_ledger())
}

impl Town {
    /// Reads the disks, and makes the state again.
    pub(crate) fn read(&mut self, defect: Option<Defect>) -> Result<Read, String> {
        let mut found = self.disk.open()?;
        if defect == Some(Defect::CutTooMuch) && self.life > 0 && found.batches.len() > 1 {
            self.disk.keep(found.batches.len() - 1)?;
            found = self.disk.open()?;
        }
        let vault = self.vault.open()?;
        let vaulted = vaulted(&vault);
        let durable = entries(&found, &vaulted)?;
        if (durable.len() as u64) < self.told {
            let (has, told) = (durable.len(), self.told);
            return Err(format!("the journal ends before entry {has}, and {told} were told of"));
        }
        let restored = restored(&found, &durable, defect)?;
        let leaves = durable.iter().map(|(_, stored)| leaf_hash(&stored.leaf())).collect();
        Ok(Read { log: found.log, vault_log: vault.log, vaulted, durable, leaves, restored })
    }
}

pub(crate) type Durable = Vec<(Arc<Entry>, Arc<StoredEntry>)>;

/// The papers that a vault has.
pub(crate) fn vaulted(vault: &Found) -> BTreeSet<Digest> {
    let papers = vault.batches.iter().flat_map(|batch| &batch.entries);
    papers.map(|bytes| Digest::of(&[bytes])).collect()
}

/// The entries of a journal; each one's evidence has to be in the vault.
pub(crate) fn entries(found: &Found, vaulted: &BTreeSet<Digest>) -> Result<Durable, String> {
    let mut durable = Vec::new();
    for bytes in found.batches.iter().flat_map(|batch| &batch.entries) {
        let stored: StoredEntry = codec::decode(bytes).map_err(|error| error.to_string())?;
        let entry = stored.open().map_err(|error| error.to_string())?;
        if entry.submission.evidence.is_some_and(|evidence| !vaulted.contains(&evidence)) {
            return Err(format!("entry {} names evidence that the vault lacks", entry.index));
        }
        durable.push((Arc::new(entry), Arc::new(stored)));
    }
    Ok(durable)
}

/// The state that a journal makes, as the node makes it again at its start.
pub(crate) fn restored(
    found: &Found,
    durable: &[(Arc<Entry>, Arc<StoredEntry>)],
    defect: Option<Defect>,
) -> Result<Restored, String> {
    if defect.is_some_and(Defect::is_a_rule) {
        // A wrong rule stands in the entries, and replay would have it too.
        return rule::restored(durable, found);
    }
    let mut restoring = Restoring::begin();
    for batch in &found.batches {
        let entries = batch.entries.iter().map(Vec::as_slice);
        let read = restoring.frame(batch.first, entries, &batch.checkpoint);
        read.map_err(|error| error.to_string())?;
    }
    restoring.end().map_err(|error| error.to_string())
}
