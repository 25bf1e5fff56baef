//! Where a log is read from: a folder on this machine, or a node.

use std::{
    convert::Infallible,
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use jichi_node::journal::{
    Verify,
    damage::{Damage, OpenError, ReadError},
    reader::{Frame, Reader},
    sector::Log,
    survey::Tail,
};
use jichi_protocol::{
    command::{Command, TownOpening},
    id::EntryIndex,
    replay::Replay,
};
use secrecy::SecretString;

use super::{
    CannotRead,
    fold::{Fault, Fold, Found, Stop},
    remote::Remote,
};

/// How often damage is looked at again before it is believed.
const LOOKS_MAX: u32 = 5;
/// How long a writer has to finish the sector it is at.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// A log's place, as the auditor names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// A node's data folder, or its journal's folder.
    Folder(PathBuf),
    /// The address of a node.
    Node(String),
}

impl FromStr for Place {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let address = text.starts_with("http://") || text.starts_with("https://");
        Ok(if address {
            Self::Node(text.trim_end_matches('/').to_owned())
        } else {
            Self::Folder(text.into())
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => fmt::Display::fmt(&path.display(), f),
            Self::Node(address) => f.write_str(address),
        }
    }
}

/// How many entries of how many were checked.
pub(crate) type Progress<'a> = dyn FnMut(u64, u64) + 'a;

/// A log that can be read.
pub(crate) enum Source {
    /// On this machine.
    Folder(Reader, Tail),
    /// At a node.
    Node(Box<Remote>),
}

impl Source {
    /// Opens a log. Of a folder, as much is compared with its checksums as `verify` says.
    pub(crate) fn open(
        place: &Place,
        token: Option<&SecretString>,
        verify: Verify,
    ) -> Result<Self, Stop> {
        match place {
            Place::Folder(path) => {
                let (reader, tail) = open_folder(&journal_in(path), verify)?;
                Ok(Self::Folder(reader, tail))
            }
            Place::Node(address) => {
                Ok(Self::Node(Box::new(Remote::open(address, token.cloned())?)))
            }
        }
    }

    /// How the log on disk ends.
    pub(crate) const fn tail(&self) -> Option<Tail> {
        match self {
            Self::Folder(_, tail) => Some(*tail),
            Self::Node(_) => None,
        }
    }

    /// Whose log it is, by its first entry, which is not compared with anything yet.
    pub(crate) fn opening(&self) -> Result<TownOpening, Stop> {
        let first = match self {
            Self::Folder(reader, _) => {
                let frame = reader.frames(EntryIndex(0)).next().ok_or(Fault::Empty)?;
                frame.map_err(read_stop)?.entries().next().map(<[u8]>::to_vec)
            }
            Self::Node(remote) => remote.first_entry()?,
        };
        let index = EntryIndex(0);
        let (_, entry) = Replay::begin(&first.ok_or(Fault::Empty)?)
            .map_err(|finding| Fault::Entry { index, finding })?;
        // A replay begins with nothing else.
        let Command::OpenTown(opening, _) = entry.submission.command else {
            return Err(Fault::Empty.into());
        };
        Ok(opening)
    }

    /// Gives everything to the fold, in order.
    pub(crate) fn drive(
        &self,
        fold: &mut Fold<'_>,
        progress: &mut Progress<'_>,
    ) -> Result<(), Stop> {
        match self {
            Self::Folder(reader, _) => {
                let all = reader.next_index().0;
                for frame in reader.frames(EntryIndex(0)) {
                    let frame = frame.map_err(read_stop)?;
                    take(&frame, fold).map_err(|stop| placed(stop, &frame))?;
                    progress(fold.size().0, all);
                }
                Ok(())
            }
            Self::Node(remote) => remote.drive(fold, progress),
        }
    }
}

fn take(frame: &Frame, fold: &mut Fold<'_>) -> Result<(), Stop> {
    for entry in frame.entries() {
        fold.entry(entry)?;
    }
    fold.checkpoint(frame.checkpoint())
}

fn placed(stop: Stop, frame: &Frame) -> Stop {
    match stop {
        Stop::Fault(found) => {
            Stop::Fault(Box::new(Found { fault: found.fault, at: Some(frame.at) }))
        }
        Stop::CannotRead(error) => Stop::CannotRead(error),
    }
}

fn read_stop(error: ReadError) -> Stop {
    match error {
        ReadError::Damage(damage) => Fault::Damage(damage).into(),
        ReadError::NotThere(_) | ReadError::Io { .. } => CannotRead::Read(error).into(),
    }
}

/// The journal of a node's data folder, or the folder itself.
fn journal_in(path: &Path) -> PathBuf {
    let journal = path.join("journal");
    if journal.is_dir() { journal } else { path.to_path_buf() }
}

/// Opens a folder that a node may be writing to. What looks like damage may be a sector that was
/// read while it was written, so it is believed when it stands there still.
fn open_folder(dir: &Path, verify: Verify) -> Result<(Reader, Tail), Stop> {
    let mut before: Option<Damage> = None;
    for _ in 0..LOOKS_MAX {
        match Reader::open(dir, Log::Journal, verify, &mut |_| {}) {
            Ok(opened) => return Ok(opened),
            Err(OpenError::Damage(damage)) => {
                if before.as_ref() == Some(&damage) {
                    break;
                }
                before = Some(damage);
                std::thread::sleep(LOOK_AGAIN);
            }
            Err(error) => return Err(CannotRead::Open(error).into()),
        }
    }
    match before {
        Some(damage) => Err(Fault::Damage(damage).into()),
        None => Err(Fault::Empty.into()),
    }
}
