//! The journal: segment files of frames, each made durable by one write and one sync.
//!
//! Entries and checkpoints are opaque bytes here. The vault keeps its sealed records the same way.

use jichi_protocol::id::EntryIndex;
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    thread::{self, JoinHandle},
};

pub mod copy;
pub mod damage;
pub mod frame;
pub mod memory;
pub mod reader;
pub mod sector;
pub mod segment;
pub mod survey;

use damage::{AppendError, Damage, DamageKind, Halt, OpenError};
use frame::{ENTRY_BYTES_MAX, FRAME_BYTES_MAX, FrameAt, Header, Kind};
use reader::Reader;
use sector::{Log, SECTOR_BYTES};
use segment::{PrepareError, Route, SegmentBytes};
use survey::{Chain, Survey, Tail};

/// How much of a log is read when it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verify {
    /// The last segments in full; of the others the length, every header and the seal.
    Tail,
    /// Every byte.
    All,
}

/// How far a long reading has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of files that are done with.
    pub done: u64,
    /// Bytes of all files.
    pub all: u64,
}

/// What the operator should know about a log that was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    /// The log was not closed in order.
    #[error("segment {segment:08}.seg was not closed in order; it was read anew and rewritten")]
    NotClosed {
        /// The segment's number.
        segment: u32,
    },
    /// The last frame was never written in full, nor acknowledged, and is gone.
    #[error(
        "segment {segment:08}.seg: a half-written frame at byte {offset} was cut \
         ({sectors_written} sectors); nobody was answered on it, its callers ask again"
    )]
    TornCut {
        /// The segment's number.
        segment: u32,
        /// Bytes from the begin of its file to the frame.
        offset: u64,
        /// How many sectors of it held something.
        sectors_written: u64,
    },
    /// The filesystem cannot be read past the page cache.
    #[error(
        "segment {segment:08}.seg was read through the page cache: its filesystem allows no other \
         way. After a failed disk, start the machine anew before the node"
    )]
    PageCacheRead {
        /// The segment's number.
        segment: u32,
    },
}

/// A log that was opened for writing.
#[derive(Debug)]
pub struct Opened {
    /// The log.
    pub journal: Journal,
    /// What the operator should know.
    pub warnings: Vec<Warning>,
}

/// A log's single writer. Holds the folder's lock.
#[derive(Debug)]
pub struct Journal {
    dir: PathBuf,
    log: Log,
    /// The size of segments that are yet to be made.
    segment_bytes: SegmentBytes,
    /// Bytes of the smallest segment that a batch may have to fit into: one that is there
    /// already may be smaller than those to come.
    smallest: u64,
    current: Current,
    chain: Chain,
    ahead: Option<JoinHandle<Result<(), PrepareError>>>,
    health: Health,
    reader: Reader,
    /// Held, never read: closing it frees the folder.
    _lock: File,
}

#[derive(Debug)]
struct Current {
    number: u32,
    file: File,
    bytes: u64,
    /// The sector where the next frame goes.
    sector: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Health {
    Good,
    /// A write or sync failed. Nothing is written any more.
    Poisoned,
}

const LOCK_FILE: &str = "lock";

impl Journal {
    /// Makes a new, empty log in a folder, which is made too.
    ///
    /// # Errors
    /// [`OpenError::AlreadyThere`] if the folder holds a segment; nothing is ever overwritten.
    pub fn create(dir: &Path, log: Log, segment_bytes: SegmentBytes) -> Result<Self, OpenError> {
        let io = |source| OpenError::Io { path: dir.to_path_buf(), source };
        fs::create_dir_all(dir).map_err(io)?;
        let lock = lock(dir)?;
        if !segment::list(dir).map_err(io)?.is_empty() {
            return Err(OpenError::AlreadyThere(dir.to_path_buf()));
        }
        segment::remove_unfinished(dir).map_err(io)?;
        // A crash from here on leaves no segment, or one blank segment: an empty log.
        segment::write_new(dir, 0, &[], segment_bytes.bytes())
            .map_err(|error| prepare_error(dir, segment_bytes.bytes(), error))?;
        // The folder's own name has to last as well.
        if let Some(above) = dir.parent().filter(|above| !above.as_os_str().is_empty()) {
            segment::sync_dir(above).map_err(io)?;
        }
        let found = survey::survey(dir, log, (Verify::Tail, Route::Plain), &mut |_| {})?;
        Self::over(dir, segment_bytes, found, (log, lock)).map_err(io)
    }

    /// Opens a log for writing. `witnessed` is the newest entry that a witness, peer or backup
    /// is known to have seen: a cut never reaches it.
    ///
    /// # Errors
    /// [`OpenError::Damage`] for anything that is not what was written, and not merely a last
    /// frame that was never written in full; [`OpenError::Locked`] while another has it open.
    pub fn open(
        dir: &Path,
        log: Log,
        segment_bytes: SegmentBytes,
        verify: Verify,
        witnessed: Option<EntryIndex>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Opened, OpenError> {
        let io = |source| OpenError::Io { path: dir.to_path_buf(), source };
        if !dir.is_dir() {
            return Err(OpenError::NothingThere(dir.to_path_buf()));
        }
        let lock = lock(dir)?;
        segment::remove_unfinished(dir).map_err(io)?;
        let found = survey::survey(dir, log, (verify, Route::PastPageCache), progress)?;
        let warnings = warnings(log, &found, witnessed)?;
        if found.tail != Tail::Closed {
            rewrite(dir, &found)?;
        }
        let journal = Self::over(dir, segment_bytes, found, (log, lock)).map_err(io)?;
        Ok(Opened { journal, warnings })
    }

    fn over(
        dir: &Path,
        segment_bytes: SegmentBytes,
        mut found: Survey,
        (log, lock): (Log, File),
    ) -> io::Result<Self> {
        found.kept.clear();
        let (number, sector) = found.end;
        let current = Current::open(dir, number, sector)?;
        let chain = found.chain;
        let there = found.segments.iter().filter(|(n, _)| *n >= number).map(|(_, bytes)| *bytes);
        let smallest = there.fold(segment_bytes.bytes(), u64::min);
        let reader = Reader::over(dir, log, found);
        let dir = dir.to_path_buf();
        let health = Health::Good;
        let ahead = None;
        Ok(Self {
            dir,
            log,
            segment_bytes,
            smallest,
            current,
            chain,
            ahead,
            health,
            reader,
            _lock: lock,
        })
    }

    /// The index that the next entry gets.
    #[must_use]
    pub const fn next_index(&self) -> EntryIndex {
        self.chain.next
    }

    /// For reading from any thread what is durable.
    #[must_use]
    pub fn reader(&self) -> Reader {
        self.reader.clone()
    }

    /// Bytes on disk of the largest batch, as [`frame::frame_bytes`] counts them.
    #[must_use]
    pub fn frame_bytes_max(&self) -> usize {
        // Behind a batch, a segment has room for its seal.
        FRAME_BYTES_MAX.min(sector::narrow(self.smallest).saturating_sub(SECTOR_BYTES))
    }

    /// Appends a batch: one write and one sync. When this returns, it is durable.
    ///
    /// # Errors
    /// [`AppendError::DiskFull`] with nothing written, to be tried again; [`AppendError::Halt`]
    /// if it is unknown what the disk holds, and from then on.
    pub fn append<E: AsRef<[u8]>>(
        &mut self,
        entries: &[E],
        checkpoint: &[u8],
    ) -> Result<FrameAt, AppendError> {
        let lengths = || entries.iter().map(|entry| entry.as_ref().len()).chain([checkpoint.len()]);
        if let Some(large) = lengths().find(|length| *length > ENTRY_BYTES_MAX) {
            return Err(AppendError::EntryTooLarge(large));
        }
        let all = lengths().fold(0, usize::saturating_add);
        let bytes = frame::frame_bytes(entries.len(), all, 0);
        let count = u32::try_from(entries.len()).ok().filter(|_| bytes <= self.frame_bytes_max());
        let count = count.ok_or(AppendError::BatchTooLarge(bytes))?;
        if count == 0 {
            return Err(AppendError::Empty);
        }
        if self.chain.last == Some(Kind::Closed) {
            // Without this mark, what a crash leaves of the batch would count as damage.
            self.frame(Kind::Opened, 0, &[])?;
        }
        let first = self.chain.next;
        let body = frame::join(entries, checkpoint);
        let (segment, sector) = self.frame(Kind::Batch, count, &body)?;
        Ok(FrameAt { segment, offset: sector::offset(sector), first, count })
    }

    /// Writes that the log was closed in order, and frees the folder.
    ///
    /// # Errors
    /// As [`Journal::append`]. Then the next start takes the log as not closed.
    pub fn close(mut self) -> Result<(), AppendError> {
        match self.chain.last {
            Some(Kind::Closed) => Ok(()),
            None | Some(Kind::Batch | Kind::Opened | Kind::Sealed) => {
                self.frame(Kind::Closed, 0, &[]).map(drop)
            }
        }
    }

    /// Writes a frame, into the next segment if this one has no room for it and its seal.
    fn frame(&mut self, kind: Kind, count: u32, body: &[u8]) -> Result<(u32, u64), AppendError> {
        if self.health == Health::Poisoned {
            return Err(Halt::Poisoned.into());
        }
        let sectors = sector::wide(frame::body_sectors(body.len())).saturating_add(1);
        let end = self.current.sector.saturating_add(sectors);
        if sector::offset(end.saturating_add(1)) > self.current.bytes {
            self.roll()?;
        }
        let at = self.write(kind, count, body).inspect_err(|_| self.health = Health::Poisoned)?;
        self.prepare_ahead(at.1);
        Ok(at)
    }

    /// Seals this segment and goes on in the next one.
    fn roll(&mut self) -> Result<(), AppendError> {
        let number = self.current.number.saturating_add(1);
        match self.prepared(number) {
            Ok(()) => {}
            Err(PrepareError::DiskFull) => {
                return Err(AppendError::DiskFull(self.segment_bytes.bytes()));
            }
            Err(PrepareError::Io(error)) => {
                return Err(self.not_prepared(number, &error).into());
            }
        }
        // A crash here leaves a blank segment behind one without a seal: the next start goes on
        // in the one without.
        let next = Current::open(&self.dir, number, 0)
            .map_err(|error| self.not_prepared(number, &error))?;
        self.write(Kind::Sealed, 0, &[]).inspect_err(|_| self.health = Health::Poisoned)?;
        // A crash here leaves a seal and a blank segment: the next start goes on in that.
        self.current = next;
        Ok(())
    }

    fn not_prepared(&mut self, segment: u32, error: &io::Error) -> Halt {
        self.health = Health::Poisoned;
        Halt::NotPrepared { log: self.log, segment, error: error.kind() }
    }

    /// The next segment's file is there, blank.
    fn prepared(&mut self, number: u32) -> Result<(), PrepareError> {
        if let Some(ahead) = self.ahead.take() {
            match ahead.join() {
                Ok(Ok(())) => {}
                // There may be room by now: tried again below.
                Ok(Err(PrepareError::DiskFull)) => {}
                Ok(Err(PrepareError::Io(error))) => return Err(PrepareError::Io(error)),
                Err(_) => return Err(PrepareError::Io(io::Error::other("preparing unwound"))),
            }
        }
        if segment::path(&self.dir, number).try_exists()? {
            return Ok(());
        }
        segment::write_new(&self.dir, number, &[], self.segment_bytes.bytes()).map(drop)
    }

    /// Once a segment is half full, the next one is prepared beside the writing. Should that
    /// fail, it is tried again when the segment is needed.
    fn prepare_ahead(&mut self, begun: u64) {
        let Current { number, bytes, sector, .. } = self.current;
        let half = bytes.checked_div(2).unwrap_or_default();
        let crossed = sector::offset(begun) <= half && half < sector::offset(sector);
        let next = number.saturating_add(1);
        if !crossed || self.ahead.is_some() || segment::path(&self.dir, next).exists() {
            return;
        }
        let (dir, bytes) = (self.dir.clone(), self.segment_bytes.bytes());
        let name = "segment".to_owned();
        let prepare = move || segment::write_new(&dir, next, &[], bytes).map(drop);
        self.ahead = thread::Builder::new().name(name).spawn(prepare).ok();
    }

    fn write(&mut self, kind: Kind, count: u32, body: &[u8]) -> Result<(u32, u64), Halt> {
        let Current { number, ref file, bytes, sector } = self.current;
        let header = Header::continuing(&self.chain, kind, (number, bytes), count, body);
        let (frame, hash) = header.write(self.log, sector, body);
        let offset = sector::offset(sector);
        let end = offset.saturating_add(sector::wide(frame.len()));
        assert!(end <= bytes, "a frame ends within its segment");
        // A crash before the sync ends leaves any of the frame's sectors, each whole or blank:
        // torn. It is cut at the next start; nobody was answered on it.
        file.write_all_at(&frame, offset).and_then(|()| file.sync_data()).map_err(|error| {
            Halt::NotDurable { log: self.log, segment: number, offset, error: error.kind() }
        })?;
        // A crash here: durable, unanswered. Replay applies it, and its callers ask again.
        self.chain.follow(&header, hash).map_err(|_| Halt::Poisoned)?;
        self.current.sector = sector.saturating_add(sector::wide(header.sectors()));
        self.reader.publish(&header, sector, self.chain.next);
        Ok((number, sector))
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        // The lock outlives whoever writes in the folder.
        if let Some(ahead) = self.ahead.take() {
            let _ = ahead.join();
        }
    }
}

impl Current {
    fn open(dir: &Path, number: u32, sector: u64) -> io::Result<Self> {
        let path = segment::path(dir, number);
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { number, file, bytes, sector })
    }
}

fn lock(dir: &Path) -> Result<File, OpenError> {
    let path = dir.join(LOCK_FILE);
    let io = |source| OpenError::Io { path: path.clone(), source };
    let options = || OpenOptions::new().write(true).create(true).truncate(false).open(&path);
    let file = options().map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked(dir.to_path_buf())),
        Err(TryLockError::Error(source)) => Err(io(source)),
    }
}

fn prepare_error(dir: &Path, bytes: u64, error: PrepareError) -> OpenError {
    match error {
        PrepareError::DiskFull => OpenError::DiskFull(bytes),
        PrepareError::Io(source) => OpenError::Io { path: dir.to_path_buf(), source },
    }
}

/// What is to be told, unless a cut would drop what others have seen.
fn warnings(
    log: Log,
    found: &Survey,
    witnessed: Option<EntryIndex>,
) -> Result<Vec<Warning>, Damage> {
    let mut warnings = Vec::new();
    match found.tail {
        Tail::Closed => {}
        Tail::NotClosed => warnings.push(Warning::NotClosed { segment: found.end.0 }),
        Tail::Torn { segment, offset, sectors_written } => {
            if let Some(seen) = witnessed.filter(|seen| *seen >= found.chain.next) {
                return Err(Damage { log, segment, offset, kind: DamageKind::Witnessed(seen) });
            }
            warnings.push(Warning::NotClosed { segment });
            warnings.push(Warning::TornCut { segment, offset, sectors_written });
        }
    }
    warnings
        .extend(found.cached.iter().map(|segment| Warning::PageCacheRead { segment: *segment }));
    Ok(warnings)
}

/// Writes the last segment anew, out of what was read and found good, without what is torn. If
/// no frame stands in it, the one before is written too: its seal may have been in flight.
fn rewrite(dir: &Path, found: &Survey) -> Result<(), OpenError> {
    let (last, sector) = found.end;
    for (number, loaded) in &found.kept {
        let bytes = loaded.bytes();
        let good = match number.cmp(&last) {
            std::cmp::Ordering::Equal => sector::offset(sector),
            std::cmp::Ordering::Less if sector == 0 => sector::wide(bytes.len()),
            // Finished and synced long ago, or blank.
            std::cmp::Ordering::Less | std::cmp::Ordering::Greater => continue,
        };
        let good = bytes.get(..sector::narrow(good)).unwrap_or_default();
        // A crash within leaves the old file or the new one; the next start does the same again.
        segment::write_new(dir, *number, good, sector::wide(bytes.len()))
            .map_err(|error| prepare_error(dir, sector::wide(bytes.len()), error))?;
    }
    Ok(())
}

#[cfg(test)]
#[expect(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a test that overflows fails"
)]
pub(crate) mod tests;
