//! Reading: from any thread, beside the writer, up to what is durable.

use jichi_protocol::id::EntryIndex;
use std::{
    collections::BTreeMap,
    fs::File,
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use super::{
    Progress, Verify,
    damage::{Damage, DamageKind, OpenError, ReadError},
    frame::{Body, EntryAt, Expected, FrameAt, Header, HeaderFault, Kind, Parts},
    sector::{self, Log, Place, SECTOR_BYTES},
    segment::{self, Route},
    survey::{self, Chain, SegmentEnd, Survey, Tail, Walk},
};

/// Every so many frames, the place of one is kept in memory.
const MARK_FRAMES: u64 = 64;
const FILES_OPEN_MAX: usize = 64;

/// Places of some frames, in order.
#[derive(Debug, Default)]
pub(crate) struct Marks(Vec<MarkAt>);

#[derive(Debug, Clone, Copy)]
struct MarkAt {
    first: EntryIndex,
    segment: u32,
    sector: u64,
}

impl Marks {
    pub(crate) fn note(&mut self, header: &Header, sector: u64) {
        if sector == 0 || header.frame.is_multiple_of(MARK_FRAMES) {
            self.0.push(MarkAt { first: header.first, segment: header.segment, sector });
        }
    }

    pub(crate) fn append(&mut self, mut more: Self) {
        self.0.append(&mut more.0);
    }

    /// The place of the last marked frame before an entry.
    fn before(&self, index: EntryIndex) -> (u32, u64) {
        let behind = self.0.partition_point(|mark| mark.first <= index);
        let mark = behind.checked_sub(1).and_then(|at| self.0.get(at));
        mark.map_or((0, 0), |mark| (mark.segment, mark.sector))
    }
}

#[derive(Debug)]
struct Durable {
    marks: Marks,
    /// The segment and the sector behind the last durable frame.
    end: (u32, u64),
    next: EntryIndex,
}

#[derive(Debug)]
struct Shared {
    dir: PathBuf,
    log: Log,
    durable: RwLock<Durable>,
    files: Mutex<BTreeMap<u32, Arc<File>>>,
}

/// Reads a log. Cheap to clone; sees what the writer made durable.
#[derive(Debug, Clone)]
pub struct Reader(Arc<Shared>);

/// One batch.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Where it stands.
    pub at: FrameAt,
    body: Vec<u8>,
    parts: Parts,
}

impl Frame {
    /// Its entries, in order; the first one has the index `at.first`.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.parts.entries.iter().map(|range| self.body.get(range.clone()).unwrap_or_default())
    }

    /// The checkpoint over the log up to its last entry.
    #[must_use]
    pub fn checkpoint(&self) -> &[u8] {
        self.body.get(self.parts.checkpoint.clone()).unwrap_or_default()
    }
}

impl Reader {
    /// For an auditor: needs no lock, writes and cuts nothing, and tells how the log ends. A
    /// log that a node is writing to may show a torn last frame.
    ///
    /// # Errors
    /// [`OpenError::Damage`] at the first place that is not what was written.
    pub fn open(
        dir: &Path,
        log: Log,
        verify: Verify,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(Self, Tail), OpenError> {
        let found = survey::survey(dir, log, (verify, Route::Plain), progress)?;
        let tail = found.tail;
        Ok((Self::over(dir, log, found), tail))
    }

    pub(crate) fn over(dir: &Path, log: Log, found: Survey) -> Self {
        let Survey { marks, chain, end, .. } = found;
        let durable = RwLock::new(Durable { marks, end, next: chain.next });
        Self(Arc::new(Shared { dir: dir.to_path_buf(), log, durable, files: Mutex::default() }))
    }

    /// The writer made a frame durable: it can be read from now on.
    pub(crate) fn publish(&self, header: &Header, sector: u64, next: EntryIndex) {
        let mut durable = self.0.durable.write().unwrap_or_else(PoisonError::into_inner);
        durable.marks.note(header, sector);
        durable.end = match header.kind {
            Kind::Sealed => (header.segment.saturating_add(1), 0),
            Kind::Batch | Kind::Closed | Kind::Opened => {
                (header.segment, sector.saturating_add(sector::wide(header.sectors())))
            }
        };
        durable.next = next;
    }

    /// The index behind the last durable entry.
    #[must_use]
    pub fn next_index(&self) -> EntryIndex {
        self.0.durable.read().unwrap_or_else(PoisonError::into_inner).next
    }

    fn end(&self) -> (u32, u64) {
        self.0.durable.read().unwrap_or_else(PoisonError::into_inner).end
    }

    /// Where an entry stands.
    ///
    /// # Errors
    /// [`ReadError::NotThere`] for one that is not durable yet.
    pub fn locate(&self, index: EntryIndex) -> Result<EntryAt, ReadError> {
        let mut cursor = self.cursor_before(index);
        while let Some((header, _, place)) = self.header_at(&mut cursor)? {
            let position = index.0.checked_sub(header.first.0);
            let position = position.and_then(|position| u32::try_from(position).ok());
            if let Some(position) = position.filter(|position| *position < header.count) {
                let offset = sector::offset(place.sector);
                return Ok(EntryAt { segment: place.segment, offset, position });
            }
        }
        Err(ReadError::NotThere(index))
    }

    /// One entry's bytes. Its whole frame is read and verified.
    ///
    /// # Errors
    /// [`ReadError::Damage`] if no good frame stands there.
    pub fn entry(&self, at: EntryAt) -> Result<Vec<u8>, ReadError> {
        let damage =
            |kind| Damage { log: self.0.log, segment: at.segment, offset: at.offset, kind };
        if !at.offset.is_multiple_of(sector::wide(SECTOR_BYTES)) {
            return Err(damage(DamageKind::Form).into());
        }
        let sector = at.offset.checked_div(sector::wide(SECTOR_BYTES)).unwrap_or_default();
        let mut cursor = Cursor { segment: at.segment, sector, chain: None };
        let (header, body, parts, _) =
            self.frame_at(&mut cursor)?.ok_or_else(|| damage(DamageKind::Missing))?;
        if at.position >= header.count {
            return Err(damage(DamageKind::Form).into());
        }
        let range = parts.entries.get(sector::narrow(u64::from(at.position))).cloned();
        Ok(range.and_then(|range| body.get(range)).unwrap_or_default().to_vec())
    }

    /// The batches from the one that holds an entry on. Ends at what is durable; asked again
    /// later, it goes on.
    #[must_use]
    pub fn frames(&self, from: EntryIndex) -> Frames {
        let cursor = if from.0 == 0 {
            Cursor { segment: 0, sector: 0, chain: Some(Chain::BEGIN) }
        } else {
            self.cursor_before(from)
        };
        Frames { reader: self.clone(), cursor, from }
    }

    /// Reads every finished segment again, past the page cache where that is possible. Stops at
    /// the first damage.
    #[must_use]
    pub fn scrub(&self) -> Scrub {
        Scrub { reader: self.clone(), next: 0, chain: Chain::BEGIN }
    }

    fn cursor_before(&self, index: EntryIndex) -> Cursor {
        let durable = self.0.durable.read().unwrap_or_else(PoisonError::into_inner);
        let (segment, sector) = durable.marks.before(index);
        Cursor { segment, sector, chain: None }
    }

    fn files(&self) -> MutexGuard<'_, BTreeMap<u32, Arc<File>>> {
        self.0.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, segment: u32) -> Result<Arc<File>, ReadError> {
        if let Some(file) = self.files().get(&segment) {
            return Ok(Arc::clone(file));
        }
        let file = File::open(segment::path(&self.0.dir, segment))
            .map_err(|source| ReadError::Io { segment, source })?;
        let file = Arc::new(file);
        let mut files = self.files();
        if files.len() >= FILES_OPEN_MAX {
            files.pop_first();
        }
        files.insert(segment, Arc::clone(&file));
        Ok(file)
    }

    /// Reads sectors, or fewer at the end of the file.
    fn read(&self, segment: u32, from: u64, count: usize) -> Result<Vec<u8>, ReadError> {
        let file = self.file(segment)?;
        let mut bytes = vec![0; count.saturating_mul(SECTOR_BYTES)];
        match file.read_exact_at(&mut bytes, sector::offset(from)) {
            Ok(()) => Ok(bytes),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                let offset = sector::offset(from);
                let kind = DamageKind::Length;
                Err(Damage { log: self.0.log, segment, offset, kind }.into())
            }
            Err(source) => Err(ReadError::Io { segment, source }),
        }
    }

    /// The next frame's header, unless what is durable ends there. Moves the cursor behind it.
    fn header_at(&self, at: &mut Cursor) -> Result<Option<(Header, u64, Place)>, ReadError> {
        if (at.segment, at.sector) >= self.end() {
            return Ok(None);
        }
        let segment = at.segment;
        let bytes = self.read(segment, at.sector, 1)?;
        let expected = at.chain.map_or(Expected::Any, |chain| Expected::Frame(chain.frame));
        let frame = at.chain.map_or(0, |chain| chain.frame);
        let place = Place { log: self.0.log, segment, frame, sector: at.sector };
        let offset = sector::offset(at.sector);
        let damage = |kind| Damage { log: self.0.log, segment, offset, kind };
        let sector = bytes.first_chunk().ok_or_else(|| damage(DamageKind::Length))?;
        let (header, hash) = match Header::parse(sector, place, expected) {
            Ok(parsed) => parsed,
            Err(HeaderFault::NeverWritten | HeaderFault::Bad) => {
                return Err(damage(DamageKind::Sector).into());
            }
            Err(HeaderFault::Version(version)) => {
                return Err(damage(DamageKind::Version(version)).into());
            }
        };
        let begin = Chain {
            frame: header.frame,
            next: header.first,
            previous: header.previous,
            last: None,
        };
        let mut chain = at.chain.unwrap_or(begin);
        chain.follow(&header, hash).map_err(damage)?;
        let body = at.sector.saturating_add(1);
        *at = match header.kind {
            Kind::Sealed => {
                Cursor { segment: segment.saturating_add(1), sector: 0, chain: Some(chain) }
            }
            Kind::Batch | Kind::Closed | Kind::Opened => Cursor {
                segment,
                sector: at.sector.saturating_add(sector::wide(header.sectors())),
                chain: Some(chain),
            },
        };
        Ok(Some((header, body, place)))
    }

    fn frame_at(&self, at: &mut Cursor) -> Result<Option<Read>, ReadError> {
        let mut ahead = *at;
        let Some((header, body_at, place)) = self.header_at(&mut ahead)? else { return Ok(None) };
        let bytes = self.read(place.segment, body_at, header.body_sectors())?;
        let (sector, kind) = match header.read_body(place, bytes.as_chunks().0) {
            Ok(Body::Whole(body, parts)) => {
                *at = ahead;
                return Ok(Some((header, body, parts, place)));
            }
            Ok(Body::Missing) => (place.sector, DamageKind::Sector),
            Err(found) => found,
        };
        let offset = sector::offset(sector);
        Err(Damage { log: self.0.log, segment: place.segment, offset, kind }.into())
    }
}

type Read = (Header, Vec<u8>, Parts, Place);

#[derive(Debug, Clone, Copy)]
struct Cursor {
    segment: u32,
    sector: u64,
    /// What the next frame has to continue, once a first one was read.
    chain: Option<Chain>,
}

/// The batches of a log, in order, each verified and continuing the one before.
#[derive(Debug)]
pub struct Frames {
    reader: Reader,
    cursor: Cursor,
    from: EntryIndex,
}

impl Iterator for Frames {
    type Item = Result<Frame, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (header, body, parts, place) = match self.reader.frame_at(&mut self.cursor) {
                Ok(Some(read)) => read,
                Ok(None) => return None,
                Err(error) => return Some(Err(error)),
            };
            let end = header.first.0.saturating_add(u64::from(header.count));
            if header.kind == Kind::Batch && end > self.from.0 {
                let offset = sector::offset(place.sector);
                let (segment, first, count) = (place.segment, header.first, header.count);
                let at = FrameAt { segment, offset, first, count };
                return Some(Ok(Frame { at, body, parts }));
            }
        }
    }
}

/// Reads one finished segment a step, so that the caller sets the pace and may stop.
#[derive(Debug)]
pub struct Scrub {
    reader: Reader,
    next: u32,
    chain: Chain,
}

impl Iterator for Scrub {
    type Item = Result<u32, ReadError>;

    /// The number of the segment that was read and found good.
    fn next(&mut self) -> Option<Self::Item> {
        let segment = self.next;
        if segment >= self.reader.end().0 {
            return None;
        }
        let shared = &self.reader.0;
        let loaded = match segment::load(&shared.dir, segment, Route::PastPageCache) {
            Ok((loaded, _)) => loaded,
            Err(source) => return Some(Err(ReadError::Io { segment, source })),
        };
        let walk = Walk { log: shared.log, segment, sectors: loaded.sectors() };
        match walk.all(&mut self.chain, |_, _| {}) {
            Ok(SegmentEnd::Sealed) => {
                self.next = segment.saturating_add(1);
                Some(Ok(segment))
            }
            Ok(SegmentEnd::Blank(sector) | SegmentEnd::Torn(sector, _)) => {
                let (log, offset) = (shared.log, sector::offset(sector));
                Some(Err(Damage { log, segment, offset, kind: DamageKind::Missing }.into()))
            }
            Err(damage) => Some(Err(damage.into())),
        }
    }
}
