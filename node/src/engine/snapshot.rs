//! Snapshots: the state and the tree at one index, so that a start replays less. A snapshot is
//! used only if its state hash is the one that stands in the journal at that place.

use std::{
    fs::{self, File},
    io::{self, BufReader, BufWriter, Read as _, Write as _},
    path::{Path, PathBuf},
};

use jichi_protocol::{
    codec,
    digest::Digest,
    id::EntryIndex,
    ledger::{Frozen, Ledger},
    log::tree::Tree,
};

/// How many snapshots are kept.
const SNAPSHOTS_KEPT: usize = 2;

/// A state in front of a `HashState` entry. Taking it costs nothing: it shares with the ledger
/// what does not change.
#[derive(Debug)]
pub(crate) struct Snapshot {
    frozen: Frozen,
    tree: Tree,
}

/// A snapshot that was read. Not yet compared with the journal.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) ledger: Ledger,
    pub(super) tree: Tree,
    /// The hash of the state before the entry in front of this index, as the snapshot claims.
    pub(super) next: EntryIndex,
}

impl Snapshot {
    /// The state as it stands.
    pub(super) fn take(ledger: &Ledger, tree: &Tree) -> Self {
        Self { frozen: ledger.freeze(), tree: tree.clone() }
    }

    /// Writes it under its index, part by part, and keeps the newest only.
    pub(super) fn write(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)?;
        let name = dir.join(format!("{:016}", self.frozen.next().0));
        let unfinished = dir.join("unfinished");
        let file = BufWriter::new(Synced { file: File::create(&unfinished)?, unsynced: 0 });
        let mut parts = Parts { file, chain: CHAIN };
        parts.write(&codec::encode(&self.tree))?;
        self.frozen.write_parts(&mut |part: &[u8]| parts.write(part))?;
        parts.write(&[])?;
        let mut file = parts.file;
        file.write_all(&parts.chain.0)?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?.file.sync_all()?;
        // A crash here leaves an unfinished file, which the next snapshot overwrites.
        fs::rename(unfinished, name)?;
        let old = list(dir).into_iter().skip(SNAPSHOTS_KEPT);
        old.into_iter().try_for_each(fs::remove_file)
    }
}

/// Bytes that a snapshot leaves unsynced.
const UNSYNCED_MAX: usize = 1 << 20;

/// A file that is synced as it grows: one sync of all of it at the end would hold up the journal's.
struct Synced {
    file: File,
    unsynced: usize,
}

impl io::Write for Synced {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.unsynced = self.unsynced.saturating_add(written);
        if self.unsynced >= UNSYNCED_MAX {
            self.file.sync_data()?;
            self.unsynced = 0;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// What the hash of a snapshot's parts begins with.
const CHAIN: Digest = Digest([0; 32]);

/// A file of parts, each behind its length; no other part is empty, so an empty one ends them, and
/// the hash over all of them follows.
struct Parts<F> {
    file: F,
    chain: Digest,
}

impl<F: io::Write> Parts<F> {
    fn write(&mut self, part: &[u8]) -> io::Result<()> {
        self.chain = Digest::of(&[&self.chain.0, part]);
        self.file.write_all(&(part.len() as u64).to_be_bytes())?;
        self.file.write_all(part)
    }
}

impl<F: io::Read> Parts<F> {
    /// The next part; none at the end, and none where the file is damaged.
    fn read(&mut self) -> Option<Vec<u8>> {
        let mut length = [0; 8];
        self.file.read_exact(&mut length).ok()?;
        let length = u64::from_be_bytes(length);
        let mut part = Vec::new();
        self.file.by_ref().take(length).read_to_end(&mut part).ok()?;
        self.chain = Digest::of(&[&self.chain.0, &part]);
        (part.len() as u64 == length && length > 0).then_some(part)
    }

    /// Whether the hash behind the last part is the one of all of them.
    fn is_whole(&mut self) -> bool {
        let mut hash = [0; 32];
        self.file.read_exact(&mut hash).is_ok() && Digest(hash) == self.chain
    }
}

/// The snapshots of a folder, the newest first.
pub(super) fn list(dir: &Path) -> Vec<PathBuf> {
    let Ok(files) = fs::read_dir(dir) else { return Vec::new() };
    let mut found: Vec<_> = files.flatten().map(|file| file.path()).collect();
    found.retain(|path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().parse::<u64>().is_ok())
    });
    found.sort();
    found.reverse();
    found
}

/// Reads a snapshot; none if it is damaged or of another form.
pub(super) fn read(path: &Path) -> Option<Found> {
    let mut parts = Parts { file: BufReader::new(File::open(path).ok()?), chain: CHAIN };
    let tree = codec::decode(&parts.read()?).ok()?;
    let ledger = Ledger::from_parts(&mut || parts.read()).ok()?;
    if !parts.is_whole() {
        return None;
    }
    let next = ledger.meta().next;
    Some(Found { ledger, tree, next })
}

#[cfg(test)]
mod tests;
