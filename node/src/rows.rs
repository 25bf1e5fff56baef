//! The hashes of the log's tree, by C2SP tile level, in flat files that can be rebuilt.
//!
//! Row 0 has the leaf hashes, row 1 the roots of each 256 of them, and so on. Not trusted: who
//! changes a row can stop the node, for the root over it is compared with the signed checkpoint.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::FileExt as _,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jichi_protocol::{
    digest::Digest,
    id::EntryIndex,
    log::{
        proof::{ConsistencyProof, InclusionProof, NoProof, Node},
        tile::{TILE_WIDTH, TileKind, TilePath, encode_hashes, node_from_tile},
        tree::{Tree, TreeSize, node_hash},
    },
};

/// Levels of tiles that a log of 2^48 entries has.
const ROWS: u8 = 6;
const WIDTH: u64 = 256;
const _: () = assert!(WIDTH == TILE_WIDTH as u64);
const HASH_BYTES: u64 = 32;

/// The rows of one log. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Rows(Arc<Mutex<Files>>);

#[derive(Debug)]
struct Files {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    file: File,
    len: u64,
}

impl Rows {
    /// Opens the rows in a folder, cut to a number of entries. They hold fewer if files are
    /// missing: [`Rows::len`] tells from where they have to be written again.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(dir: &Path, entries: EntryIndex) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let mut rows = Vec::new();
        for level in 0..ROWS {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false);
            let file = options.open(dir.join(format!("row-{level}")))?;
            let len = file.metadata()?.len() / HASH_BYTES;
            rows.push(Row { file, len });
        }
        let mut files = Files { rows };
        files.cut(entries.0)?;
        Ok(Self(Arc::new(Mutex::new(files))))
    }

    /// How many leaves the rows hold.
    #[must_use]
    pub fn len(&self) -> EntryIndex {
        EntryIndex(self.files().rows.first().map_or(0, |row| row.len))
    }

    /// Whether the rows hold nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == EntryIndex(0)
    }

    /// Appends leaf hashes, and what they complete above them.
    ///
    /// # Errors
    /// Those of the file system. The rows are then as they were, and it can be tried again.
    pub fn append(&self, leaves: &[Digest]) -> io::Result<()> {
        let mut files = self.files();
        let before = files.rows.first().map_or(0, |row| row.len);
        files.append(0, leaves).or_else(|error| files.cut(before).and(Err(error)))
    }

    /// Proves that an entry is in the tree of a size.
    ///
    /// # Errors
    /// [`NoProof`] for an entry that is not in it, or rows that are damaged.
    pub fn inclusion(&self, index: EntryIndex, size: TreeSize) -> Result<InclusionProof, NoProof> {
        let files = self.files();
        InclusionProof::of(index, size, |node| files.node(node))
    }

    /// Proves that the tree of size `new` continues that of size `old`.
    ///
    /// # Errors
    /// [`NoProof`] for sizes that the log does not have, or rows that are damaged.
    pub fn consistency(&self, old: TreeSize, new: TreeSize) -> Result<ConsistencyProof, NoProof> {
        let files = self.files();
        ConsistencyProof::of(old, new, |node| files.node(node))
    }

    /// The tree over the rows' first leaves, to go on from; none if the rows are damaged.
    #[must_use]
    pub fn tree(&self, size: TreeSize) -> Option<Tree> {
        let files = self.files();
        let mut peaks = Vec::new();
        let mut start = 0_u64;
        for level in (0..48_u8).rev() {
            let width = 1_u64 << level;
            if size.0 & width != 0 {
                peaks.push(files.node(Node { level, index: start >> level })?);
                start = start.saturating_add(width);
            }
        }
        Tree::restored(size, peaks).ok()
    }

    /// A tile of hashes, if the rows have all of it.
    #[must_use]
    pub fn tile(&self, path: &TilePath) -> Option<Vec<u8>> {
        let TileKind::Hashes { level } = path.kind() else { return None };
        let first = path.index().checked_mul(u64::from(TILE_WIDTH))?;
        self.files()
            .read(level, first, u64::from(path.width()))
            .map(|hashes| encode_hashes(&hashes))
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        // A thread that unwinds while it holds the lock aborts the process.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Files {
    /// Cuts every row to what so many leaves have complete, or to less where the row below or
    /// the row itself is shorter.
    fn cut(&mut self, entries: u64) -> io::Result<()> {
        // Rows that do not fit each other are all written again.
        let leaves = self.rows.first().map_or(0, |row| row.len).min(entries);
        let mut wanted = leaves;
        let whole = self.rows.iter().all(|row| {
            let fits = row.len >= wanted;
            wanted /= WIDTH;
            fits
        });
        let mut len = if whole { leaves } else { 0 };
        for row in &mut self.rows {
            row.len = len;
            row.file.set_len(len.saturating_mul(HASH_BYTES))?;
            len /= WIDTH;
        }
        Ok(())
    }

    fn append(&mut self, level: u8, hashes: &[Digest]) -> io::Result<()> {
        let Some(row) = self.rows.get_mut(usize::from(level)) else { return Ok(()) };
        let before = row.len;
        row.file.write_all_at(&encode_hashes(hashes), before.saturating_mul(HASH_BYTES))?;
        row.len = before.saturating_add(hashes.len() as u64);
        let complete = before / WIDTH..row.len / WIDTH;
        let mut above = Vec::new();
        for tile in complete {
            let hashes = self.read(level, tile.saturating_mul(WIDTH), WIDTH);
            let hashes = hashes.ok_or_else(|| io::Error::other("a row is shorter than written"))?;
            above.extend(root_of(hashes));
        }
        if above.is_empty() {
            return Ok(());
        }
        self.append(level.saturating_add(1), &above)
    }

    fn read(&self, level: u8, first: u64, count: u64) -> Option<Vec<Digest>> {
        let row = self.rows.get(usize::from(level))?;
        if first.checked_add(count)? > row.len {
            return None;
        }
        let mut bytes = vec![0_u8; usize::try_from(count.checked_mul(HASH_BYTES)?).ok()?];
        row.file.read_exact_at(&mut bytes, first.checked_mul(HASH_BYTES)?).ok()?;
        let (hashes, _) = bytes.as_chunks::<32>();
        Some(hashes.iter().map(|hash| Digest(*hash)).collect())
    }

    /// The hash of any complete node: from the tile that holds it or from whose hashes it follows.
    fn node(&self, node: Node) -> Option<Digest> {
        let row = self.rows.first()?;
        let path = TilePath::holding(node, TreeSize(row.len))?;
        let TileKind::Hashes { level } = path.kind() else { return None };
        let first = path.index().checked_mul(u64::from(TILE_WIDTH))?;
        let hashes = self.read(level, first, u64::from(path.width()))?;
        node_from_tile(node, &hashes)
    }
}

/// The root over a full tile.
fn root_of(mut hashes: Vec<Digest>) -> Option<Digest> {
    while hashes.len() > 1 {
        let (pairs, _) = hashes.as_chunks::<2>();
        hashes = pairs.iter().map(|[left, right]| node_hash(left, right)).collect();
    }
    hashes.first().copied()
}

#[cfg(test)]
mod tests;
