//! Snapshots: the state and the tree at one index, so that a start replays less. A snapshot is
//! used only if its state hash is the one that stands in the journal at that place.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use jichi_protocol::{codec, digest::Digest, id::EntryIndex, ledger::Ledger, log::tree::Tree};

/// A state behind a `HashState` entry, as bytes.
#[derive(Debug)]
pub(crate) struct Snapshot {
    next: EntryIndex,
    bytes: Vec<u8>,
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
        let state = ledger.snapshot();
        let tree = codec::encode(tree);
        let mut bytes = Vec::with_capacity(state.len().saturating_add(tree.len()));
        bytes.extend((tree.len() as u64).to_be_bytes());
        bytes.extend(tree);
        bytes.extend(state);
        let Digest(hash) = Digest::of(&[&bytes]);
        bytes.extend(hash);
        Self { next: ledger.meta().next, bytes }
    }

    /// Writes it under its index.
    pub(super) fn write(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)?;
        let name = dir.join(format!("{:016}", self.next.0));
        let unfinished = dir.join("unfinished");
        let mut file = File::create(&unfinished)?;
        file.write_all(&self.bytes)?;
        file.sync_all()?;
        // A crash here leaves an unfinished file, which the next snapshot overwrites.
        fs::rename(unfinished, name)
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
    let bytes = fs::read(path).ok()?;
    let (content, hash) = bytes.split_last_chunk::<32>()?;
    if Digest::of(&[content]) != Digest(*hash) {
        return None;
    }
    let (length, rest) = content.split_first_chunk::<8>()?;
    let length = usize::try_from(u64::from_be_bytes(*length)).ok()?;
    let (tree, state) = rest.split_at_checked(length)?;
    let ledger = Ledger::from_snapshot(state).ok()?;
    let next = ledger.meta().next;
    Some(Found { ledger, tree: codec::decode(tree).ok()?, next })
}
