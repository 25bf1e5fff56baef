//! A log of one segment without a file: where the next frame goes and what it looks like, and
//! what is good in a segment that a crash left. The simulator keeps its disks with it; frames and
//! the judgement of what is torn or damaged are the journal's own.

use jichi_protocol::id::EntryIndex;

use super::{
    damage::Damage,
    frame::{self, Body, ENTRY_BYTES_MAX, Expected, Header, Kind},
    sector::{self, Log, Place, SECTOR_BYTES},
    segment::SegmentBytes,
    survey::{Chain, SegmentEnd, Walk},
};

/// Where a log of one segment stands.
#[derive(Debug, Clone, Copy)]
pub struct MemoryLog {
    log: Log,
    bytes: u64,
    chain: Chain,
    sector: u64,
}

/// A frame to be written, and where the log stands once it is durable.
#[derive(Debug, Clone)]
pub struct Laid {
    /// Bytes from the begin of the segment.
    pub offset: u64,
    /// What is to be written there.
    pub bytes: Vec<u8>,
    /// The log behind it.
    pub behind: MemoryLog,
}

/// A batch that was read.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The index of its first entry.
    pub first: EntryIndex,
    /// Its entries.
    pub entries: Vec<Vec<u8>>,
    /// The checkpoint over them.
    pub checkpoint: Vec<u8>,
}

/// What a segment holds.
#[derive(Debug, Clone)]
pub struct Found {
    /// Where the log goes on.
    pub log: MemoryLog,
    /// What is good.
    pub batches: Vec<Batch>,
    /// Bytes of the segment that are good; what stands behind them is torn, or nothing.
    pub good: u64,
    /// How many sectors of a frame were written that is not whole.
    pub torn: u64,
}

impl MemoryLog {
    /// An empty log.
    #[must_use]
    pub const fn new(log: Log, segment: SegmentBytes) -> Self {
        Self { log, bytes: segment.bytes(), chain: Chain::BEGIN, sector: 0 }
    }

    /// The index that the next entry gets.
    #[must_use]
    pub const fn next_index(&self) -> EntryIndex {
        self.chain.next
    }

    /// The frame of a batch; none if it is larger than what is left of the segment.
    #[must_use]
    pub fn lay<E: AsRef<[u8]>>(&self, entries: &[E], checkpoint: &[u8]) -> Option<Laid> {
        if entries.iter().any(|entry| entry.as_ref().len() > ENTRY_BYTES_MAX) {
            return None;
        }
        let body = frame::join(entries, checkpoint);
        let count = u32::try_from(entries.len()).ok()?;
        let header = Header::continuing(&self.chain, Kind::Batch, (0, self.bytes), count, &body);
        let (bytes, hash) = header.write(self.log, self.sector, &body);
        let mut behind = *self;
        behind.chain.follow(&header, hash).ok()?;
        behind.sector = self.sector.saturating_add(sector::wide(header.sectors()));
        (sector::offset(behind.sector) <= self.bytes).then(|| Laid {
            offset: sector::offset(self.sector),
            bytes,
            behind,
        })
    }

    /// Reads a segment that a crash may have left.
    ///
    /// # Errors
    /// [`Damage`] for what no crash leaves.
    pub fn open(log: Log, segment: &[u8]) -> Result<Found, Damage> {
        let sectors = segment.as_chunks::<SECTOR_BYTES>().0;
        let walk = Walk { log, segment: 0, sectors };
        let mut chain = Chain::BEGIN;
        let mut batches = Vec::new();
        let end = walk.all(&mut chain, |header, at| {
            batches.extend(batch(log, sectors, header, at));
        })?;
        let (sector, torn) = match end {
            SegmentEnd::Blank(at) => (at, 0),
            SegmentEnd::Torn(at, written) => (at, written),
            SegmentEnd::Sealed => (sector::wide(sectors.len()), 0),
        };
        let log = Self { log, bytes: sector::wide(segment.len()), chain, sector };
        Ok(Found { log, batches, good: sector::offset(sector), torn })
    }
}

/// Reads a batch whose every sector was found good.
fn batch(log: Log, sectors: &[sector::Sector], header: &Header, at: u64) -> Option<Batch> {
    let place = Place { log, segment: 0, frame: header.frame, sector: at };
    let begin = sector::narrow(at);
    let (header, _) = Header::parse(sectors.get(begin)?, place, Expected::Any).ok()?;
    let body = sectors.get(begin.saturating_add(1)..)?;
    let Ok(Body::Whole(body, parts)) = header.read_body(place, body) else { return None };
    let part = |range: std::ops::Range<usize>| body.get(range).unwrap_or_default().to_vec();
    let checkpoint = part(parts.checkpoint);
    let entries = parts.entries.into_iter().map(part).collect();
    Some(Batch { first: header.first, entries, checkpoint })
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]
mod tests;
