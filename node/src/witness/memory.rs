//! What this node has cosigned last of each log: a file for each, replaced before an answer.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use jichi_protocol::log::{
    checkpoint::{MalformedCheckpoint, Origin, SignedCheckpoint},
    witness::monitoring_name,
};

use crate::durable;

/// Why the memory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MemoryFault {
    /// The file system.
    #[error("{path}: {source}")]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder is gone, and with it what was cosigned.
    #[error(
        "{0}: this folder is gone, so what was cosigned is not known: remove witness.key, run \
         `init` again, and have the new key named in the directory"
    )]
    Lost(PathBuf),
    /// A file that is no checkpoint.
    #[error("{path}: {fault}; do not restore it: do as if the folder were lost")]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        fault: MalformedCheckpoint,
    },
}

/// The folder, and what it holds.
#[derive(Debug)]
pub struct Memory {
    folder: PathBuf,
    seen: BTreeMap<Origin, SignedCheckpoint>,
}

const ENDING: &str = "checkpoint";

impl Memory {
    /// Opens a folder, which was made with the witness's key.
    ///
    /// # Errors
    /// [`MemoryFault`].
    pub fn open(folder: &Path) -> Result<Self, MemoryFault> {
        let io = |path: &Path| {
            let path = path.to_path_buf();
            move |source| MemoryFault::Io { path, source }
        };
        let mut seen = BTreeMap::new();
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(MemoryFault::Lost(folder.to_path_buf()));
            }
            entries => entries.map_err(io(folder))?,
        };
        for entry in entries {
            let path = entry.map_err(io(folder))?.path();
            if path.extension().is_some_and(|ending| ending == ENDING) {
                let bytes = fs::read(&path).map_err(io(&path))?;
                let checkpoint = SignedCheckpoint::parse(&bytes)
                    .map_err(|fault| MemoryFault::Malformed { path, fault })?;
                seen.insert(checkpoint.claimed().origin.clone(), checkpoint);
            }
        }
        Ok(Self { folder: folder.to_path_buf(), seen })
    }

    /// The last checkpoint of a log.
    #[must_use]
    pub fn seen(&self, origin: &Origin) -> Option<&SignedCheckpoint> {
        self.seen.get(origin)
    }

    /// The last checkpoints of all logs.
    pub fn all(&self) -> impl Iterator<Item = &SignedCheckpoint> {
        self.seen.values()
    }

    /// Stores what is cosigned next. It is on the disk when this returns.
    ///
    /// # Errors
    /// [`MemoryFault::Io`]; the older one is still what was cosigned last.
    pub fn store(&mut self, checkpoint: SignedCheckpoint) -> Result<(), MemoryFault> {
        let origin = checkpoint.claimed().origin.clone();
        let name = format!("{}.{ENDING}", monitoring_name(&origin));
        durable::replace(&self.folder, &name, checkpoint.note().as_str().as_bytes())
            .map_err(|source| MemoryFault::Io { path: self.folder.join(&name), source })?;
        self.seen.insert(origin, checkpoint);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
