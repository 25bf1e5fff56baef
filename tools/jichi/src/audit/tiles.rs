//! The hash tiles that leaves make, level by level, in the layout of c2sp.org/tlog-tiles.

use jichi_protocol::{
    digest::Digest,
    log::{
        tile::{TILE_WIDTH, TileKind, TilePath},
        tree::node_hash,
    },
};

/// Takes a tile that is full, or the last of its level.
pub(crate) type Emit<'e, E> = dyn FnMut(TilePath, &[Digest]) -> Result<(), E> + 'e;

/// Makes tiles of leaves, holding at most one unfinished tile of each level.
#[derive(Debug, Default)]
pub(crate) struct Tiles {
    levels: Vec<Level>,
}

#[derive(Debug, Default)]
struct Level {
    /// The index of the tile that is being filled.
    index: u64,
    hashes: Vec<Digest>,
}

impl Tiles {
    /// Adds a leaf's hash; every tile that is full with it goes to `emit`.
    pub(crate) fn push<E>(&mut self, leaf: Digest, emit: &mut Emit<'_, E>) -> Result<(), E> {
        let mut rising = Some(leaf);
        let mut number = 0_u8;
        while let Some(hash) = rising.take() {
            if self.levels.len() <= usize::from(number) {
                self.levels.push(Level::default());
            }
            let Some(level) = self.levels.get_mut(usize::from(number)) else { break };
            level.hashes.push(hash);
            if level.hashes.len() == usize::from(TILE_WIDTH) {
                if let Some(path) = path(number, level) {
                    emit(path, &level.hashes)?;
                }
                rising = root(std::mem::take(&mut level.hashes));
                level.index = level.index.saturating_add(1);
                number = number.saturating_add(1);
            }
        }
        Ok(())
    }

    /// Gives the unfinished tiles to `emit`; empty ones have no name.
    pub(crate) fn finish<E>(self, emit: &mut Emit<'_, E>) -> Result<(), E> {
        for (number, level) in (0_u8..).zip(&self.levels) {
            if let Some(path) = path(number, level) {
                emit(path, &level.hashes)?;
            }
        }
        Ok(())
    }
}

fn path(level: u8, tile: &Level) -> Option<TilePath> {
    let width = u16::try_from(tile.hashes.len()).ok()?;
    TilePath::new(TileKind::Hashes { level }, tile.index, width).ok()
}

/// The root over a full tile.
fn root(mut hashes: Vec<Digest>) -> Option<Digest> {
    while hashes.len() > 1 {
        let (pairs, _) = hashes.as_chunks::<2>();
        hashes = pairs.iter().map(|[left, right]| node_hash(left, right)).collect();
    }
    hashes.first().copied()
}

#[cfg(test)]
mod tests;
