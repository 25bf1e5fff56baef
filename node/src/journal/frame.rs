//! Frames: one header sector and the sectors of its body. A batch is one frame.

use jichi_protocol::{digest::Digest, id::EntryIndex};
use std::ops::Range;

use super::{
    damage::DamageKind,
    sector::{self, Fault, Log, Mark, PAYLOAD_BYTES, Place, SECTOR_BYTES, Sector},
    survey::Chain,
};

/// Bytes of the largest frame on disk, header and checksums included.
pub const FRAME_BYTES_MAX: usize = 4 << 20;
/// Bytes of the largest entry.
pub const ENTRY_BYTES_MAX: usize = 16 << 10;
/// Sectors of the largest frame.
pub(crate) const FRAME_SECTORS_MAX: usize = FRAME_BYTES_MAX / SECTOR_BYTES;
const _: () = assert!(ENTRY_BYTES_MAX * 4 < FRAME_BYTES_MAX);

const VERSION: u16 = 1;
const LENGTH_BYTES: usize = 4;

/// Bytes on disk of a batch with so many entries, of so many bytes together.
#[must_use]
pub fn frame_bytes(entries: usize, entries_bytes: usize, checkpoint_bytes: usize) -> usize {
    let lengths = entries.saturating_add(1).saturating_mul(LENGTH_BYTES);
    let body = lengths.saturating_add(entries_bytes).saturating_add(checkpoint_bytes);
    body_sectors(body).saturating_add(1).saturating_mul(SECTOR_BYTES)
}

pub(crate) const fn body_sectors(body_bytes: usize) -> usize {
    body_bytes.div_ceil(PAYLOAD_BYTES)
}

/// Where a batch stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameAt {
    /// The segment's number.
    pub segment: u32,
    /// Bytes from the begin of the segment's file to the frame's header.
    pub offset: u64,
    /// The index of its first entry.
    pub first: EntryIndex,
    /// How many entries it has.
    pub count: u32,
}

impl FrameAt {
    /// Where one of its entries stands.
    #[must_use]
    pub const fn entry(self, position: u32) -> EntryAt {
        EntryAt { segment: self.segment, offset: self.offset, position }
    }
}

/// Where one entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryAt {
    /// The segment's number.
    pub segment: u32,
    /// Bytes from the begin of the segment's file to the header of the entry's frame.
    pub offset: u64,
    /// The entry's place within its frame, from 0.
    pub position: u32,
}

/// What a frame is. The numbers stand on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Entries and the checkpoint over them.
    Batch,
    /// The writer stopped in order.
    Closed,
    /// The first frame after a `Closed`: the writer is at work again, and may be interrupted.
    Opened,
    /// The last frame of a finished segment.
    Sealed,
}

impl Kind {
    const fn number(self) -> u16 {
        match self {
            Self::Batch => 1,
            Self::Closed => 2,
            Self::Opened => 3,
            Self::Sealed => 4,
        }
    }

    const fn numbered(number: u16) -> Option<Self> {
        match number {
            1 => Some(Self::Batch),
            2 => Some(Self::Closed),
            3 => Some(Self::Opened),
            4 => Some(Self::Sealed),
            _ => None,
        }
    }
}

/// A frame's header. It carries the hash of its body, so the chain of headers is a chain of
/// everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    pub(crate) segment: u32,
    pub(crate) frame: u64,
    pub(crate) segment_bytes: u64,
    pub(crate) body_bytes: u32,
    pub(crate) first: EntryIndex,
    pub(crate) count: u32,
    pub(crate) previous: Digest,
    pub(crate) body: Digest,
}

/// Whose number a frame has to bear.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Expected {
    /// This one.
    Frame(u64),
    /// Any: the frame is looked up by its place. Its checksum still binds the number it bears.
    Any,
}

impl Header {
    /// The header of the frame that continues a chain, in a segment of a number and a size.
    pub(crate) fn continuing(
        chain: &Chain,
        kind: Kind,
        (segment, segment_bytes): (u32, u64),
        count: u32,
        body: &[u8],
    ) -> Self {
        Self {
            kind,
            segment,
            frame: chain.frame,
            segment_bytes,
            body_bytes: u32::try_from(body.len()).unwrap_or(u32::MAX),
            first: chain.next,
            count,
            previous: chain.previous,
            body: Digest::of(&[body]),
        }
    }

    fn payload(&self, log: Log) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(PAYLOAD_BYTES);
        bytes.extend_from_slice(&log.magic());
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&self.kind.number().to_le_bytes());
        bytes.extend_from_slice(&self.segment.to_le_bytes());
        bytes.extend_from_slice(&self.frame.to_le_bytes());
        bytes.extend_from_slice(&self.segment_bytes.to_le_bytes());
        bytes.extend_from_slice(&self.body_bytes.to_le_bytes());
        bytes.extend_from_slice(&self.first.0.to_le_bytes());
        bytes.extend_from_slice(&self.count.to_le_bytes());
        bytes.extend_from_slice(&self.previous.0);
        bytes.extend_from_slice(&self.body.0);
        bytes
    }

    /// Reads the header at a place, and its hash, which the next frame names.
    pub(crate) fn parse(
        sector: &Sector,
        place: Place,
        expected: Expected,
    ) -> Result<(Self, Digest), HeaderFault> {
        let mut rest: &[u8] = sector;
        let magic = number(&mut rest).ok_or(HeaderFault::Bad)?;
        let version = u16::from_le_bytes(number(&mut rest).ok_or(HeaderFault::Bad)?);
        let kind = u16::from_le_bytes(number(&mut rest).ok_or(HeaderFault::Bad)?);
        let segment = u32::from_le_bytes(number(&mut rest).ok_or(HeaderFault::Bad)?);
        let frame = u64::from_le_bytes(number(&mut rest).ok_or(HeaderFault::Bad)?);
        let named = match expected {
            Expected::Frame(named) => named,
            Expected::Any => frame,
        };
        // The checksum comes first: until it fits, no field means anything.
        let payload = Place { frame: named, ..place }.read(sector, Mark::Header);
        match payload {
            Ok(_) => {}
            Err(Fault::NeverWritten) => return Err(HeaderFault::NeverWritten),
            Err(Fault::Bad) => return Err(HeaderFault::Bad),
        }
        if version != VERSION {
            return Err(HeaderFault::Version(version));
        }
        let header = Self {
            kind: Kind::numbered(kind).ok_or(HeaderFault::Bad)?,
            segment,
            frame,
            segment_bytes: u64::from_le_bytes(number(&mut rest).ok_or(HeaderFault::Bad)?),
            body_bytes: u32::from_le_bytes(number(&mut rest).ok_or(HeaderFault::Bad)?),
            first: EntryIndex(u64::from_le_bytes(number(&mut rest).ok_or(HeaderFault::Bad)?)),
            count: u32::from_le_bytes(number(&mut rest).ok_or(HeaderFault::Bad)?),
            previous: Digest(number(&mut rest).ok_or(HeaderFault::Bad)?),
            body: Digest(number(&mut rest).ok_or(HeaderFault::Bad)?),
        };
        let fits = magic == place.log.magic()
            && segment == place.segment
            && frame == named
            && header.sectors() <= FRAME_SECTORS_MAX;
        if fits { Ok((header, Digest::of(&[sector]))) } else { Err(HeaderFault::Bad) }
    }

    /// Sectors of the body.
    pub(crate) fn body_sectors(&self) -> usize {
        body_sectors(sector::narrow(u64::from(self.body_bytes)))
    }

    /// Sectors of the whole frame.
    pub(crate) fn sectors(&self) -> usize {
        self.body_sectors().saturating_add(1)
    }

    /// The frame as it is written, its body split into sectors, and its hash.
    pub(crate) fn write(&self, log: Log, first_sector: u64, body: &[u8]) -> (Vec<u8>, Digest) {
        let place = Place { log, segment: self.segment, frame: self.frame, sector: first_sector };
        let mut bytes = Vec::with_capacity(self.sectors().saturating_mul(SECTOR_BYTES));
        place.write(&self.payload(log), Mark::Header, &mut bytes);
        let hash = Digest::of(&[&bytes]);
        for (at, payload) in (first_sector.saturating_add(1)..).zip(body.chunks(PAYLOAD_BYTES)) {
            place.at(at).write(payload, Mark::Body, &mut bytes);
        }
        (bytes, hash)
    }

    /// Reads the body out of the sectors behind the header.
    pub(crate) fn read_body(
        &self,
        header: Place,
        sectors: &[Sector],
    ) -> Result<Body, (u64, DamageKind)> {
        let place = Place { frame: self.frame, ..header };
        let count = self.body_sectors();
        let mut body = Vec::with_capacity(count.saturating_mul(PAYLOAD_BYTES));
        let mut whole = true;
        let mut at = place.sector;
        for sector in sectors.iter().take(count) {
            at = at.saturating_add(1);
            match place.at(at).read(sector, Mark::Body) {
                Ok(payload) => body.extend_from_slice(payload),
                Err(Fault::NeverWritten) => whole = false,
                Err(Fault::Bad) => return Err((at, DamageKind::Sector)),
            }
        }
        if sectors.len() < count {
            return Err((place.sector, DamageKind::Length));
        }
        if !whole {
            return Ok(Body::Missing);
        }
        body.truncate(sector::narrow(u64::from(self.body_bytes)));
        if Digest::of(&[&body]) != self.body {
            return Err((place.sector, DamageKind::Chain));
        }
        match Parts::of(&body, self.kind, self.count) {
            Some(parts) => Ok(Body::Whole(body, parts)),
            None => Err((place.sector, DamageKind::Form)),
        }
    }
}

/// Why there is no header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeaderFault {
    NeverWritten,
    Bad,
    Version(u16),
}

/// A body, as far as it was written.
#[derive(Debug)]
pub(crate) enum Body {
    Whole(Vec<u8>, Parts),
    /// Some sectors are wholly zero, all others are good.
    Missing,
}

/// Where the entries and the checkpoint stand in a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) entries: Vec<Range<usize>>,
    pub(crate) checkpoint: Range<usize>,
}

impl Parts {
    fn of(body: &[u8], kind: Kind, count: u32) -> Option<Self> {
        match kind {
            Kind::Batch => {}
            Kind::Closed | Kind::Opened | Kind::Sealed => {
                let empty = count == 0 && body.is_empty();
                return empty.then(|| Self { entries: Vec::new(), checkpoint: 0..0 });
            }
        }
        let mut rest = body;
        let mut part = || -> Option<Range<usize>> {
            let length = u32::from_le_bytes(number(&mut rest)?);
            let begin = body.len().checked_sub(rest.len())?;
            let end = begin.checked_add(sector::narrow(u64::from(length)))?;
            rest = body.get(end..)?;
            Some(begin..end)
        };
        let entries = (0..count).map(|_| part()).collect::<Option<Vec<_>>>()?;
        let checkpoint = part()?;
        rest.is_empty().then_some(Self { entries, checkpoint })
    }
}

/// Joins the entries and the checkpoint, each behind its length.
pub(crate) fn join<E: AsRef<[u8]>>(entries: &[E], checkpoint: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for part in entries.iter().map(AsRef::as_ref).chain([checkpoint]) {
        // Parts are limited far below this by the caller.
        body.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes());
        body.extend_from_slice(part);
    }
    body
}

/// Takes the next bytes of a fixed number.
fn number<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(*bytes)
}
