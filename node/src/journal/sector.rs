//! Sectors: 512 bytes that carry their own checksum, so that a torn, stale or misdirected write
//! is told from a good one.

use std::fmt;

/// Bytes of one sector on disk.
pub(crate) const SECTOR_BYTES: usize = 512;
/// Bytes of a sector that carry what was written; the others are its mark and its checksum.
pub(crate) const PAYLOAD_BYTES: usize = 507;
const _: () = assert!(PAYLOAD_BYTES + 1 + 4 == SECTOR_BYTES);

/// One sector as it stands on disk.
pub(crate) type Sector = [u8; SECTOR_BYTES];
/// What one sector carries.
pub(crate) type Payload = [u8; PAYLOAD_BYTES];

/// A sector that was never written.
pub(crate) const ZERO: Sector = [0; SECTOR_BYTES];

/// Which log a segment belongs to. Their files are never taken for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Log {
    /// The journal of entries.
    Journal,
    /// The sealed evidence and personal data.
    Vault,
    /// The coordinator's routes.
    Routes,
}

impl Log {
    pub(crate) const fn magic(self) -> [u8; 8] {
        match self {
            Self::Journal => *b"JICHIJRN",
            Self::Vault => *b"JICHIVLT",
            Self::Routes => *b"JICHIRTE",
        }
    }
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Journal => "journal",
            Self::Vault => "vault",
            Self::Routes => "routes",
        })
    }
}

/// Where a sector belongs. It goes into the checksum, so a sector found elsewhere does not fit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) log: Log,
    pub(crate) segment: u32,
    pub(crate) frame: u64,
    /// Counted from the begin of the segment's file.
    pub(crate) sector: u64,
}

/// What a sector is part of. Never zero, so a written sector is never wholly zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    Header,
    Body,
}

impl Mark {
    const fn byte(self) -> u8 {
        match self {
            Self::Header => 0xA7,
            Self::Body => 0x5B,
        }
    }
}

/// Why a sector is not what was looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Wholly zero: never written since the segment was prepared.
    NeverWritten,
    /// Written, and not what was written here.
    Bad,
}

impl Place {
    fn checksum(self, payload: &Payload, mark: u8) -> u32 {
        let mut sum = crc32c::crc32c(&self.log.magic());
        sum = crc32c::crc32c_append(sum, &self.segment.to_le_bytes());
        sum = crc32c::crc32c_append(sum, &self.frame.to_le_bytes());
        sum = crc32c::crc32c_append(sum, &self.sector.to_le_bytes());
        sum = crc32c::crc32c_append(sum, payload);
        crc32c::crc32c_append(sum, &[mark])
    }

    /// The same frame, another sector.
    pub(crate) const fn at(self, sector: u64) -> Self {
        Self { sector, ..self }
    }

    /// Appends one sector. A payload shorter than a sector's is filled with zeros.
    pub(crate) fn write(self, bytes: &[u8], mark: Mark, into: &mut Vec<u8>) {
        let mut payload = [0; PAYLOAD_BYTES];
        assert!(bytes.len() <= PAYLOAD_BYTES, "a sector takes {PAYLOAD_BYTES} bytes");
        for (to, from) in payload.iter_mut().zip(bytes) {
            *to = *from;
        }
        into.extend_from_slice(&payload);
        into.push(mark.byte());
        into.extend_from_slice(&self.checksum(&payload, mark.byte()).to_le_bytes());
    }

    /// What the sector carries, if it is the one that was written here.
    pub(crate) fn read(self, sector: &Sector, mark: Mark) -> Result<&Payload, Fault> {
        if *sector == ZERO {
            return Err(Fault::NeverWritten);
        }
        let (payload, rest) = sector.split_first_chunk().ok_or(Fault::Bad)?;
        let (found, sum) = rest.split_first_chunk::<1>().ok_or(Fault::Bad)?;
        if *found != [mark.byte()] || sum != self.checksum(payload, mark.byte()).to_le_bytes() {
            return Err(Fault::Bad);
        }
        Ok(payload)
    }
}

/// The bytes up to a sector.
pub(crate) fn offset(sector: u64) -> u64 {
    sector.saturating_mul(512)
}

/// A length as it is counted on disk.
pub(crate) fn wide(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// A length on disk as one in memory. Too large a one is cut to one that no slice has.
pub(crate) fn narrow(length: u64) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}
