//! What a folder of segments holds: the chain of frames from the first to the last, and what
//! stands behind it. Changes nothing.

use jichi_protocol::{digest::Digest, id::EntryIndex};
use std::{fs::File, os::unix::fs::FileExt as _, path::Path};

use super::{
    Progress, Verify,
    damage::{Damage, DamageKind, OpenError},
    frame::{Body, Expected, FRAME_SECTORS_MAX, Header, HeaderFault, Kind},
    reader::Marks,
    sector::{self, Fault, Log, Mark, Place, SECTOR_BYTES, Sector, ZERO},
    segment::{self, Loaded, Route, Source},
};

/// What the next frame has to continue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chain {
    pub(crate) frame: u64,
    pub(crate) next: EntryIndex,
    pub(crate) previous: Digest,
    /// What the last frame was.
    pub(crate) last: Option<Kind>,
}

impl Chain {
    pub(crate) const BEGIN: Self =
        Self { frame: 0, next: EntryIndex(0), previous: Digest([0; 32]), last: None };

    /// Goes on by a frame, or tells that it does not continue this chain.
    pub(crate) fn follow(&mut self, header: &Header, hash: Digest) -> Result<(), DamageKind> {
        let continues = header.frame == self.frame
            && header.first == self.next
            && header.previous == self.previous;
        if !continues {
            return Err(DamageKind::Chain);
        }
        self.frame = self.frame.saturating_add(1);
        self.next = EntryIndex(self.next.0.saturating_add(u64::from(header.count)));
        self.previous = hash;
        self.last = Some(header.kind);
        Ok(())
    }
}

/// How a segment ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SegmentEnd {
    /// By its seal.
    Sealed,
    /// Nothing was written behind this sector.
    Blank(u64),
    /// The frame at this sector was never written in full; so many sectors of it were.
    Torn(u64, u64),
}

/// One segment of a log, to be walked through.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Walk<'a> {
    pub(crate) log: Log,
    pub(crate) segment: u32,
    pub(crate) sectors: &'a [Sector],
}

impl Walk<'_> {
    fn damage(&self, sector: u64, kind: DamageKind) -> Damage {
        let offset = sector::offset(sector);
        Damage { log: self.log, segment: self.segment, offset, kind }
    }

    const fn place(&self, frame: u64, sector: u64) -> Place {
        Place { log: self.log, segment: self.segment, frame, sector }
    }

    /// Verifies every sector. Each good frame goes to `visit`.
    pub(crate) fn all(
        &self,
        chain: &mut Chain,
        mut visit: impl FnMut(&Header, u64),
    ) -> Result<SegmentEnd, Damage> {
        let mut at = 0_u64;
        loop {
            let Some(sector) = self.sectors.get(sector::narrow(at)) else {
                return Err(self.damage(at.saturating_sub(1), DamageKind::Missing));
            };
            let place = self.place(chain.frame, at);
            let (header, hash) = match Header::parse(sector, place, Expected::Frame(chain.frame)) {
                Ok(parsed) => parsed,
                Err(HeaderFault::NeverWritten) => return self.behind(at, chain.frame),
                Err(HeaderFault::Bad) => return Err(self.damage(at, DamageKind::Sector)),
                Err(HeaderFault::Version(version)) => {
                    return Err(self.damage(at, DamageKind::Version(version)));
                }
            };
            if header.segment_bytes != sector::offset(sector::wide(self.sectors.len())) {
                return Err(self.damage(at, DamageKind::Length));
            }
            let mut ahead = *chain;
            ahead.follow(&header, hash).map_err(|kind| self.damage(at, kind))?;
            let end = at.saturating_add(sector::wide(header.sectors()));
            let body_at = sector::narrow(at).saturating_add(1);
            let body = self.sectors.get(body_at..).unwrap_or_default();
            match header.read_body(place, body) {
                Ok(Body::Whole(..)) => {}
                Ok(Body::Missing) => {
                    self.blank(end)?;
                    return Ok(SegmentEnd::Torn(at, self.written(at, end)));
                }
                Err((sector, kind)) => return Err(self.damage(sector, kind)),
            }
            *chain = ahead;
            visit(&header, at);
            at = end;
            if header.kind == Kind::Sealed {
                self.blank(at)?;
                return Ok(SegmentEnd::Sealed);
            }
        }
    }

    /// What stands where the next header would: nothing, or sectors of a frame that was never
    /// written in full, within the room of the largest one.
    fn behind(&self, at: u64, frame: u64) -> Result<SegmentEnd, Damage> {
        let end = at.saturating_add(sector::wide(FRAME_SECTORS_MAX));
        let body = self.sectors.get(sector::narrow(at)..).unwrap_or_default();
        let mut written = 0_u64;
        for (at, sector) in (at..end).zip(body).skip(1) {
            match self.place(frame, at).read(sector, Mark::Body) {
                Ok(_) => written = written.saturating_add(1),
                Err(Fault::NeverWritten) => {}
                Err(Fault::Bad) => return Err(self.damage(at, DamageKind::Sector)),
            }
        }
        self.blank(end)?;
        Ok(if written == 0 { SegmentEnd::Blank(at) } else { SegmentEnd::Torn(at, written) })
    }

    fn written(&self, from: u64, end: u64) -> u64 {
        let frame = self.sectors.get(sector::narrow(from)..sector::narrow(end));
        let written = frame.unwrap_or_default().iter().filter(|sector| **sector != ZERO);
        sector::wide(written.count())
    }

    /// Nothing was ever written from here on.
    pub(crate) fn blank(&self, from: u64) -> Result<(), Damage> {
        let rest = self.sectors.get(sector::narrow(from)..).unwrap_or_default();
        match (from..).zip(rest).find(|(_, sector)| **sector != ZERO) {
            Some((at, _)) => Err(self.damage(at, DamageKind::NotZero)),
            None => Ok(()),
        }
    }
}

/// How the log ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// Closed in order.
    Closed,
    /// The last frame is whole, and the writer did not close the log, or has not yet.
    NotClosed,
    /// The last frame was never written in full. It was never acknowledged.
    Torn {
        /// The segment's number.
        segment: u32,
        /// Bytes from the begin of its file to the frame.
        offset: u64,
        /// How many sectors of it hold something.
        sectors_written: u64,
    },
}

/// What a folder holds.
#[derive(Debug)]
pub(crate) struct Survey {
    /// Number and length of each segment.
    pub(crate) segments: Vec<(u32, u64)>,
    pub(crate) marks: Marks,
    pub(crate) chain: Chain,
    /// The segment and the sector where the next frame goes.
    pub(crate) end: (u32, u64),
    pub(crate) tail: Tail,
    /// The last segments' bytes, for rewriting.
    pub(crate) kept: Vec<(u32, Loaded)>,
    /// Segments that could not be read past the page cache.
    pub(crate) cached: Vec<u32>,
}

/// Surveys a folder.
pub(crate) fn survey(
    dir: &Path,
    log: Log,
    (verify, route): (Verify, Route),
    progress: &mut dyn FnMut(Progress),
) -> Result<Survey, OpenError> {
    let io = |source| OpenError::Io { path: dir.to_path_buf(), source };
    let segments = segment::list(dir).map_err(io)?;
    if segments.is_empty() {
        return Err(OpenError::NothingThere(dir.to_path_buf()));
    }
    lengths_fit(log, &segments)?;
    let all = segments.iter().map(|(_, bytes)| *bytes).fold(0, u64::saturating_add);
    let mut found = Survey {
        segments: segments.clone(),
        marks: Marks::default(),
        chain: Chain::BEGIN,
        end: (0, 0),
        tail: Tail::NotClosed,
        kept: Vec::new(),
        cached: Vec::new(),
    };
    let mut end = None;
    let mut done = 0_u64;
    for (place, (number, bytes)) in segments.iter().copied().enumerate() {
        // The last written segment is the last one, or the one before: the next is prepared ahead.
        let last = place.saturating_add(2) >= segments.len();
        let sealed =
            !last && verify == Verify::Tail && headers(dir, log, number, &mut found).map_err(io)?;
        if !sealed {
            let plain = if last { route } else { Route::Plain };
            let (loaded, source) = segment::load(dir, number, plain).map_err(io)?;
            if plain == Route::PastPageCache && source == Source::PageCache {
                found.cached.push(number);
            }
            let walk = Walk { log, segment: number, sectors: loaded.sectors() };
            if end.is_some() {
                // Behind the last written segment stands at most one, prepared and blank.
                walk.blank(0)?;
            } else {
                let Survey { chain, marks, .. } = &mut found;
                match walk.all(chain, |header, at| marks.note(header, at))? {
                    SegmentEnd::Sealed => {}
                    stop @ (SegmentEnd::Blank(_) | SegmentEnd::Torn(..)) => {
                        end = Some((number, stop))
                    }
                }
            }
            if last && route == Route::PastPageCache {
                found.kept.push((number, loaded));
            }
        }
        done = done.saturating_add(bytes);
        progress(Progress { done, all });
    }
    let Some((number, stop)) = end else {
        let next = u32::try_from(segments.len()).unwrap_or(u32::MAX);
        let missing = Damage { log, segment: next, offset: 0, kind: DamageKind::Missing };
        return Err(missing.into());
    };
    found.end(log, number, stop)?;
    Ok(found)
}

impl Survey {
    fn end(&mut self, log: Log, segment: u32, stop: SegmentEnd) -> Result<(), Damage> {
        let closed = self.chain.last == Some(Kind::Closed);
        match stop {
            // A sealed segment is followed by another one.
            SegmentEnd::Sealed => {}
            SegmentEnd::Blank(at) => {
                self.end = (segment, at);
                self.tail = if closed { Tail::Closed } else { Tail::NotClosed };
            }
            SegmentEnd::Torn(at, sectors_written) => {
                let offset = sector::offset(at);
                if closed {
                    return Err(Damage { log, segment, offset, kind: DamageKind::AfterClose });
                }
                self.end = (segment, at);
                self.tail = Tail::Torn { segment, offset, sectors_written };
            }
        }
        Ok(())
    }
}

fn lengths_fit(log: Log, segments: &[(u32, u64)]) -> Result<(), Damage> {
    for ((number, bytes), wanted) in segments.iter().copied().zip(0_u32..) {
        if number != wanted {
            return Err(Damage { log, segment: wanted, offset: 0, kind: DamageKind::Missing });
        }
        if segment::SegmentBytes::new(bytes).is_none() {
            return Err(Damage { log, segment: number, offset: bytes, kind: DamageKind::Length });
        }
    }
    Ok(())
}

/// Follows the headers of a segment up to its seal. Anything unexpected is left to the full
/// walk, which tells what it is: then the survey is as it was, and the answer is no.
fn headers(dir: &Path, log: Log, number: u32, found: &mut Survey) -> std::io::Result<bool> {
    let file = File::open(segment::path(dir, number))?;
    let bytes = file.metadata()?.len();
    let mut chain = found.chain;
    let mut marks = Marks::default();
    let mut at = 0_u64;
    let mut sector = [0; SECTOR_BYTES];
    while sector::offset(at) < bytes {
        file.read_exact_at(&mut sector, sector::offset(at))?;
        let place = Place { log, segment: number, frame: chain.frame, sector: at };
        let parsed = Header::parse(&sector, place, Expected::Frame(chain.frame));
        let Ok((header, hash)) = parsed else { return Ok(false) };
        if header.segment_bytes != bytes || chain.follow(&header, hash).is_err() {
            return Ok(false);
        }
        marks.note(&header, at);
        if header.kind == Kind::Sealed {
            found.chain = chain;
            found.marks.append(marks);
            return Ok(true);
        }
        at = at.saturating_add(sector::wide(header.sectors()));
    }
    Ok(false)
}
