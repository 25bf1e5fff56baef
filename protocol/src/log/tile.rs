//! Tiles: 256 hashes of one level, or 256 entries, in one immutable file (c2sp.org/tlog-tiles).

use alloc::{string::String, vec::Vec};
use core::{fmt, str::FromStr};

use super::{
    proof::Node,
    tree::{TreeSize, decimal, joined},
};
use crate::digest::Digest;

/// Hashes in a full tile, and entries in a full bundle.
pub const TILE_WIDTH: u16 = 256;

/// The longest entry that a bundle can hold, in bytes.
pub const BUNDLED_ENTRY_BYTES_MAX: usize = 65_535;

/// Tree levels that one tile spans.
const TILE_HEIGHT: u8 = 8;

/// Tile levels that a tree below 2^64 entries can have.
const TILE_LEVELS: u8 = 8;

/// The highest tile level that a path can name.
const TILE_LEVEL_MAX: u8 = 63;

/// What a tile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TileKind {
    /// Entries themselves.
    Entries,
    /// Hashes of complete subtrees of 256^level leaves.
    Hashes {
        /// 0 to 63.
        level: u8,
    },
}

/// The name of a tile. Its text is the path of C2SP, `tile/0/x001/x234/067.p/112`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TilePath {
    kind: TileKind,
    index: u64,
    width: u16,
}

/// No name of a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the path of a tile; it reads tile/<level or entries>/<index>[.p/<1 to 255>]")]
pub struct NotATile;

impl TilePath {
    /// Names a tile of `width` hashes or entries; 256 is a full one.
    ///
    /// # Errors
    /// [`NotATile`] for a width of 0 or over 256, or a level over 63.
    pub fn new(kind: TileKind, index: u64, width: u16) -> Result<Self, NotATile> {
        let level_fits = match kind {
            TileKind::Entries => true,
            TileKind::Hashes { level } => level <= TILE_LEVEL_MAX,
        };
        let fits = level_fits && (1..=TILE_WIDTH).contains(&width);
        if fits { Ok(Self { kind, index, width }) } else { Err(NotATile) }
    }

    /// The tile that holds the hash of a node, or from whose hashes it follows, as wide as it is
    /// in a tree of this size. None if the node is not complete in that tree.
    #[must_use]
    pub fn holding(node: Node, size: TreeSize) -> Option<Self> {
        let complete = node.index < size.0.checked_shr(u32::from(node.level))?;
        let level = node.level / TILE_HEIGHT;
        let index = node.index >> (TILE_HEIGHT.saturating_sub(node.level % TILE_HEIGHT));
        let width = width_of(index, hashes_at(level, size));
        if complete { Self::new(TileKind::Hashes { level }, index, width).ok() } else { None }
    }

    /// What it holds.
    #[must_use]
    pub const fn kind(&self) -> TileKind {
        self.kind
    }

    /// Its place among the tiles of its level, from 0.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// Hashes or entries in it, 1 to 256.
    #[must_use]
    pub const fn width(&self) -> u16 {
        self.width
    }

    /// The nodes whose hashes stand in it, in order. For a bundle: the leaves of its entries.
    pub fn nodes(&self) -> impl Iterator<Item = Node> + use<> {
        let level = match self.kind {
            TileKind::Entries => 0,
            TileKind::Hashes { level } => level.saturating_mul(TILE_HEIGHT),
        };
        let first = self.index.saturating_mul(u64::from(TILE_WIDTH));
        (0..self.width)
            .map(move |offset| Node { level, index: first.saturating_add(u64::from(offset)) })
    }
}

/// How many hashes the whole tile level has in a tree of this size.
const fn hashes_at(level: u8, size: TreeSize) -> u64 {
    let shift = (level as u32).saturating_mul(TILE_HEIGHT as u32);
    match size.0.checked_shr(shift) {
        Some(hashes) => hashes,
        None => 0,
    }
}

/// How wide the tile is when its level has so many hashes.
fn width_of(index: u64, hashes: u64) -> u16 {
    let before = index.saturating_mul(u64::from(TILE_WIDTH));
    let width = hashes.saturating_sub(before).min(u64::from(TILE_WIDTH));
    u16::try_from(width).unwrap_or(TILE_WIDTH)
}

/// The tiles that a log must write when it grows: each that is new or wider than before, bundles
/// first, then hashes from the lowest level up. An empty tile is never named.
pub fn tiles_for_growth(old: TreeSize, new: TreeSize) -> impl Iterator<Item = TilePath> {
    let hashes = (0..TILE_LEVELS).map(|level| TileKind::Hashes { level });
    core::iter::once(TileKind::Entries).chain(hashes).flat_map(move |kind| {
        let level = match kind {
            TileKind::Entries => 0,
            TileKind::Hashes { level } => level,
        };
        let (before, after) = (hashes_at(level, old), hashes_at(level, new));
        let first = before >> TILE_HEIGHT;
        // Nothing is written at a level that did not grow.
        let end = if after > before { after.div_ceil(u64::from(TILE_WIDTH)) } else { first };
        (first..end).map(move |index| TilePath { kind, index, width: width_of(index, after) })
    })
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Entries => f.write_str("tile/entries/")?,
            TileKind::Hashes { level } => write!(f, "tile/{level}/")?,
        }
        // Seven groups of three digits hold every u64.
        let mut divisor = 1_000_000_000_000_000_000_u64;
        while divisor > 1 {
            let above = self.index.checked_div(divisor).unwrap_or_default();
            if above > 0 {
                write!(f, "x{:03}/", above % 1000)?;
            }
            divisor /= 1000;
        }
        write!(f, "{:03}", self.index % 1000)?;
        if self.width < TILE_WIDTH { write!(f, ".p/{}", self.width) } else { Ok(()) }
    }
}

impl FromStr for TilePath {
    type Err = NotATile;

    fn from_str(text: &str) -> Result<Self, NotATile> {
        let rest = text.strip_prefix("tile/").ok_or(NotATile)?;
        let (kind, rest) = rest.split_once('/').ok_or(NotATile)?;
        let kind = if kind == "entries" {
            TileKind::Entries
        } else {
            let level = decimal(kind).map_err(|_| NotATile)?;
            TileKind::Hashes { level: u8::try_from(level).map_err(|_| NotATile)? }
        };
        let (groups, width) = match rest.split_once(".p/") {
            Some((groups, width)) => {
                let width = decimal(width).ok().and_then(|width| u16::try_from(width).ok());
                (groups, width.ok_or(NotATile)?)
            }
            None => (rest, TILE_WIDTH),
        };
        let digits: String = groups.chars().filter(char::is_ascii_digit).collect();
        let index = digits.parse().map_err(|_| NotATile)?;
        let path = Self::new(kind, index, width)?;
        // Every number has one path, so what does not read the same again was not that path.
        if same_text(&path, text) { Ok(path) } else { Err(NotATile) }
    }
}

fn same_text(path: &TilePath, text: &str) -> bool {
    use alloc::string::ToString as _;
    path.to_string() == text
}

/// The bytes of a tile of hashes: one behind the other.
#[must_use]
pub fn encode_hashes(hashes: &[Digest]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

/// Bytes that are not a tile of the wanted width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a tile of {width} hashes or entries; fetch it again")]
pub struct MalformedTile {
    /// Hashes or entries that it should hold.
    pub width: u16,
}

/// Reads a tile of exactly `width` hashes.
///
/// # Errors
/// [`MalformedTile`].
pub fn decode_hashes(bytes: &[u8], width: u16) -> Result<Vec<Digest>, MalformedTile> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    if hashes.len() != usize::from(width) || !rest.is_empty() {
        return Err(MalformedTile { width });
    }
    Ok(hashes.iter().copied().map(Digest).collect())
}

/// An entry is longer than a bundle can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an entry of {bytes} bytes does not fit a bundle; the limit is 65,535")]
pub struct EntryTooLong {
    /// Its length.
    pub bytes: usize,
}

/// The bytes of a bundle: for each entry its length as two bytes, big end first, and itself.
///
/// # Errors
/// [`EntryTooLong`].
pub fn encode_bundle<'a>(
    entries: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Vec<u8>, EntryTooLong> {
    let mut bytes = Vec::new();
    for entry in entries {
        let length = u16::try_from(entry.len()).map_err(|_| EntryTooLong { bytes: entry.len() })?;
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(entry);
    }
    Ok(bytes)
}

/// Reads a bundle of exactly `width` entries.
///
/// # Errors
/// [`MalformedTile`].
pub fn decode_bundle(bytes: &[u8], width: u16) -> Result<Vec<&[u8]>, MalformedTile> {
    let malformed = MalformedTile { width };
    let mut entries = Vec::new();
    let mut rest = bytes;
    for _ in 0..width {
        let (length, behind) = rest.split_first_chunk::<2>().ok_or(malformed)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, behind) = behind.split_at_checked(length).ok_or(malformed)?;
        entries.push(entry);
        rest = behind;
    }
    if rest.is_empty() { Ok(entries) } else { Err(malformed) }
}

/// The hash of a node from the tile that [`TilePath::holding`] names for it. None if that tile's
/// hashes end before the node does.
#[must_use]
pub fn node_from_tile(node: Node, tile: &[Digest]) -> Option<Digest> {
    // Inside one tile the node covers 2^height hashes, all complete.
    let height = node.level % TILE_HEIGHT;
    let count = 1_usize.checked_shl(u32::from(height))?;
    let nodes_a_tile = u64::from(TILE_WIDTH) >> height;
    let place = usize::try_from(node.index.checked_rem(nodes_a_tile)?).ok()?;
    let start = place.checked_mul(count)?;
    let mut hashes = tile.get(start..start.checked_add(count)?)?.to_vec();
    while hashes.len() > 1 {
        hashes = hashes.chunks(2).map(joined).collect();
    }
    hashes.first().copied()
}

#[cfg(test)]
mod tests;
