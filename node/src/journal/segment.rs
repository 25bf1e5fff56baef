//! Segment files: prepared with written zeros, rewritten after an unclean stop.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    ops::Range,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use super::sector::{self, SECTOR_BYTES, Sector};

/// Bytes of one segment's file, a multiple of 4,096.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentBytes(u64);

impl SegmentBytes {
    /// 64 MiB.
    pub const DEFAULT: Self = Self(64 << 20);
    const STEP: u64 = 4096;
    /// A segment is read into memory as a whole when it is verified.
    const MAX: u64 = 1 << 30;

    /// A multiple of 4,096 from 8 KiB to 1 GiB, or nothing.
    #[must_use]
    pub const fn new(bytes: u64) -> Option<Self> {
        let fits = bytes >= Self::STEP.saturating_mul(2)
            && bytes <= Self::MAX
            && bytes.is_multiple_of(Self::STEP);
        if fits { Some(Self(bytes)) } else { None }
    }

    /// The number of bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

/// Why a segment could not be prepared. No file of the log was changed.
#[derive(Debug)]
pub(crate) enum PrepareError {
    DiskFull,
    Io(io::Error),
}

impl From<io::Error> for PrepareError {
    fn from(error: io::Error) -> Self {
        let kind = error.kind();
        let full = kind == io::ErrorKind::StorageFull || kind == io::ErrorKind::QuotaExceeded;
        if full { Self::DiskFull } else { Self::Io(error) }
    }
}

const SUFFIX: &str = ".seg";
const UNFINISHED: &str = ".new";
const DIGITS: usize = 8;

/// A segment's file.
pub(crate) fn path(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("{number:08}{SUFFIX}"))
}

/// The segments of a folder, by number, with the length of each file.
pub(crate) fn list(dir: &Path) -> io::Result<Vec<(u32, u64)>> {
    let mut found = Vec::new();
    for file in fs::read_dir(dir)? {
        let file = file?;
        let name = file.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(SUFFIX));
        let number = number.filter(|digits| digits.len() >= DIGITS).and_then(|n| n.parse().ok());
        if let Some(number) = number {
            found.push((number, file.metadata()?.len()));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Removes what a crash left of files that were never renamed into place.
pub(crate) fn remove_unfinished(dir: &Path) -> io::Result<()> {
    for file in fs::read_dir(dir)? {
        let file = file?;
        if file.file_name().to_str().is_some_and(|name| name.ends_with(UNFINISHED)) {
            fs::remove_file(file.path())?;
        }
    }
    Ok(())
}

/// Writes a segment's file anew: `good`, then zeros up to `bytes`. What stood under that name
/// before is replaced.
pub(crate) fn write_new(
    dir: &Path,
    number: u32,
    good: &[u8],
    bytes: u64,
) -> Result<File, PrepareError> {
    replace(dir, &path(dir, number), good, bytes)
}

/// Replaces a file as a whole: written beside it and synced, then renamed into place, and the
/// folder synced. What is not durable then is the old file, untouched.
pub(crate) fn replace(
    dir: &Path,
    into: &Path,
    good: &[u8],
    bytes: u64,
) -> Result<File, PrepareError> {
    let mut unfinished = into.as_os_str().to_owned();
    unfinished.push(UNFINISHED);
    let written = write_unfinished(Path::new(&unfinished), good, bytes)
        // A crash before the rename leaves an unfinished file, which the next start removes.
        .and_then(|file| fs::rename(&unfinished, into).map(|()| file));
    let file = match written {
        Ok(file) => file,
        Err(error) => {
            // Gives back what room it took. Should this fail too, the next start removes it.
            let _ = fs::remove_file(&unfinished);
            return Err(error.into());
        }
    };
    // A crash before the folder is synced leaves the old state or the new one, both whole.
    sync_dir(dir).map_err(PrepareError::Io)?;
    Ok(file)
}

fn write_unfinished(path: &Path, good: &[u8], bytes: u64) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let mut file =
        options.read(true).write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(good)?;
    let zeros = vec![0; 1 << 20];
    let mut left = bytes.saturating_sub(sector::wide(good.len()));
    while left > 0 {
        let step = sector::narrow(left).min(zeros.len());
        file.write_all(zeros.get(..step).unwrap_or_default())?;
        left = left.saturating_sub(sector::wide(step));
    }
    file.sync_all()?;
    Ok(file)
}

/// Makes the names in a folder durable.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// A segment's bytes in memory, aligned as reading past the page cache asks.
#[derive(Debug)]
pub(crate) struct Loaded {
    buffer: Vec<u8>,
    range: Range<usize>,
}

impl Loaded {
    pub(crate) fn bytes(&self) -> &[u8] {
        self.buffer.get(self.range.clone()).unwrap_or_default()
    }

    /// Whole sectors; a segment's file has no other.
    pub(crate) fn sectors(&self) -> &[Sector] {
        self.bytes().as_chunks::<SECTOR_BYTES>().0
    }
}

/// Whether what was read came from the disk itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Disk,
    /// The filesystem refuses to be read past the page cache.
    PageCache,
}

/// How a segment is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// As every file is.
    Plain,
    /// Past the page cache, which after a failed sync may show what the disk does not have.
    PastPageCache,
}

const ALIGNMENT: usize = 4096;

/// Reads a whole segment.
pub(crate) fn load(dir: &Path, number: u32, route: Route) -> io::Result<(Loaded, Source)> {
    let path = path(dir, number);
    let plain = File::open(&path)?;
    match route {
        Route::Plain => Ok((read_whole(plain)?, Source::PageCache)),
        Route::PastPageCache => {
            // Advice only: the pages are dropped if nothing holds them.
            let _ = rustix::fs::fadvise(&plain, 0, None, rustix::fs::Advice::DontNeed);
            let flag = i32::try_from(rustix::fs::OFlags::DIRECT.bits()).unwrap_or_default();
            let direct = OpenOptions::new().read(true).custom_flags(flag).open(&path);
            match direct.and_then(read_whole) {
                Ok(loaded) => Ok((loaded, Source::Disk)),
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                    Ok((read_whole(plain)?, Source::PageCache))
                }
                Err(error) => Err(error),
            }
        }
    }
}

fn read_whole(mut file: File) -> io::Result<Loaded> {
    let length = sector::narrow(file.metadata()?.len());
    let buffer = vec![0; length.saturating_add(ALIGNMENT)];
    let begin = buffer.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
    let end = begin.saturating_add(length);
    let mut loaded = Loaded { buffer, range: begin..end };
    let mut at = begin;
    while let Some(room) = loaded.buffer.get_mut(at..end).filter(|room| !room.is_empty()) {
        let step = match file.read(room) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            step => step?,
        };
        if step == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        at = at.saturating_add(step);
    }
    Ok(loaded)
}
