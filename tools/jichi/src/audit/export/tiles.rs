//! A log as a folder of files in the layout of c2sp.org/tlog-tiles, for readers that are not ours.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use jichi_protocol::{
    digest::Digest,
    log::{
        tile::{TILE_WIDTH, TileKind, TilePath, encode_bundle, encode_hashes},
        tree::leaf_hash,
    },
};

use super::super::{
    CannotRead,
    fold::Seen,
    report::Report,
    source::{Place, Progress},
    tiles::Tiles,
    verify::{Terms, verify},
};

/// Writes `checkpoint` and `tile/...` into a new or empty folder. The checkpoint comes last, and
/// only if the log is sound.
///
/// # Errors
/// [`CannotRead`], also when the disk takes no more or the folder is not empty.
pub(crate) fn export_tiles(
    place: &Place,
    terms: &Terms<'_>,
    dir: &Path,
    progress: &mut Progress<'_>,
) -> Result<Report, CannotRead> {
    fs::create_dir_all(dir)?;
    if fs::read_dir(dir)?.next().is_some() {
        return Err(CannotRead::NotEmpty(dir.to_path_buf()));
    }
    let mut folder =
        Folder { dir: dir.to_path_buf(), tiles: Tiles::default(), leaves: Vec::new(), bundle: 0 };
    let mut add = |seen: &Seen<'_>| folder.add(seen.leaf);
    let report = verify(place, terms, &mut add, progress)?.report;
    let Some(checkpoint) = report.checkpoint.as_ref().filter(|_| report.sound()) else {
        return Ok(report);
    };
    folder.finish()?;
    fs::write(dir.join("checkpoint"), checkpoint.note().as_str())?;
    Ok(report)
}

struct Folder {
    dir: PathBuf,
    tiles: Tiles,
    /// The leaves of the bundle that is being filled.
    leaves: Vec<Vec<u8>>,
    /// Its index.
    bundle: u64,
}

impl Folder {
    fn add(&mut self, leaf: &[u8]) -> io::Result<()> {
        let dir = &self.dir;
        self.tiles.push(leaf_hash(leaf), &mut |path, hashes| write_hashes(dir, path, hashes))?;
        self.leaves.push(leaf.to_vec());
        if self.leaves.len() == usize::from(TILE_WIDTH) {
            self.write_bundle()?;
            self.leaves.clear();
            self.bundle = self.bundle.saturating_add(1);
        }
        Ok(())
    }

    fn finish(self) -> io::Result<()> {
        if !self.leaves.is_empty() {
            self.write_bundle()?;
        }
        let dir = &self.dir;
        self.tiles.finish(&mut |path, hashes| write_hashes(dir, path, hashes))
    }

    fn write_bundle(&self) -> io::Result<()> {
        let width = u16::try_from(self.leaves.len()).map_err(io::Error::other)?;
        let path =
            TilePath::new(TileKind::Entries, self.bundle, width).map_err(io::Error::other)?;
        let bytes =
            encode_bundle(self.leaves.iter().map(Vec::as_slice)).map_err(io::Error::other)?;
        write_tile(&self.dir, path, &bytes)
    }
}

fn write_hashes(dir: &Path, path: TilePath, hashes: &[Digest]) -> io::Result<()> {
    write_tile(dir, path, &encode_hashes(hashes))
}

fn write_tile(dir: &Path, path: TilePath, bytes: &[u8]) -> io::Result<()> {
    let file = dir.join(path.to_string());
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(file, bytes)
}
