//! What can be wrong with a log's files, and what to do about it.

use jichi_protocol::id::EntryIndex;
use std::{io, path::PathBuf};

use super::sector::Log;

/// Bytes on disk that are not what was written there. Nothing is repaired by itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{log} segment {segment:08}.seg, byte {offset}: {kind}. Change nothing in this folder and \
     copy it away as it is; `jichi audit verify` on the copy tells what is sound; then \
     restore this segment from a standby or a backup"
)]
pub struct Damage {
    /// Whose segment.
    pub log: Log,
    /// The segment's number.
    pub segment: u32,
    /// Bytes from the begin of its file to the sector.
    pub offset: u64,
    /// What is wrong there.
    pub kind: DamageKind,
}

/// What is wrong at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DamageKind {
    /// A written sector that does not fit its checksum, its place or its number.
    #[error("the sector is not what was written here")]
    Sector,
    /// A sector that is good by itself does not continue the frames before it.
    #[error("the frame does not continue the one before it")]
    Chain,
    /// A frame whose body is not a list of entries and a checkpoint.
    #[error("the frame's body has the wrong form")]
    Form,
    /// Something stands where nothing was ever written.
    #[error("bytes where nothing was written, or the frames before them are gone")]
    NotZero,
    /// The file has not the length that its frames name.
    #[error("the file has the wrong length")]
    Length,
    /// A segment between the first and the last is not there, or ends without its seal.
    #[error("the segment is missing, or the one before it has no seal")]
    Missing,
    /// The log was closed in order, so nothing can be half written, and yet something is.
    #[error("half written, although the log was closed in order")]
    AfterClose,
    /// Cutting here would drop an entry that a witness has seen.
    #[error("half written, although witnesses know entry {}", .0.0)]
    Witnessed(EntryIndex),
    /// Written by a newer release.
    #[error("written in format {0}, which this release does not know")]
    Version(u16),
}

/// Why a log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("{0} is locked: another node or command works in this folder; stop it first")]
    Locked(PathBuf),
    /// There is no segment in the folder.
    #[error("no log in {0}: is its disk mounted? A new one is only made by `create`")]
    NothingThere(PathBuf),
    /// A log was to be made where there is one.
    #[error("{0} already holds a log; it is never overwritten")]
    AlreadyThere(PathBuf),
    /// What is there is not what was written.
    #[error(transparent)]
    Damage(#[from] Damage),
    /// No room for a segment. Nothing was changed.
    #[error("no room on the disk for a segment of {0} bytes: make room and start again")]
    DiskFull(u64),
    /// The disk or the folder's permissions.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Why something cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// What is there is not what was written.
    #[error(transparent)]
    Damage(#[from] Damage),
    /// The log does not hold this entry, or not yet.
    #[error("the log holds no durable entry {}", .0.0)]
    NotThere(EntryIndex),
    /// The disk or the folder's permissions.
    #[error("segment {segment:08}.seg: {source}")]
    Io {
        /// The segment's number.
        segment: u32,
        /// What the system said.
        source: io::Error,
    },
}

/// The log is broken for writing: state in memory may be ahead of the disk. Stop the process.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Halt {
    /// A write or a sync failed; what the disk holds is unknown.
    #[error(
        "{log} segment {segment:08}.seg at byte {offset} was not made durable ({error}): check \
         the disk, then start again"
    )]
    NotDurable {
        /// Whose segment.
        log: Log,
        /// The segment's number.
        segment: u32,
        /// Bytes from the begin of its file.
        offset: u64,
        /// What the system said.
        error: io::ErrorKind,
    },
    /// A segment could not be prepared, for another reason than room.
    #[error(
        "{log} segment {segment:08}.seg could not be prepared ({error}): check \
         the disk, then start again"
    )]
    NotPrepared {
        /// Whose segment.
        log: Log,
        /// The segment's number.
        segment: u32,
        /// What the system said.
        error: io::ErrorKind,
    },
    /// An earlier failure, after which nothing more is written.
    #[error("an earlier write failed; nothing is written until the process starts again")]
    Poisoned,
}

/// Why a batch was not appended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// No room for the next segment. Nothing was written: reading goes on, and the same batch
    /// can be appended when there is room.
    #[error("no room on the disk for a segment of {0} bytes: make room, then try again")]
    DiskFull(u64),
    /// A batch without entries.
    #[error("a batch has at least one entry")]
    Empty,
    /// An entry over [`super::frame::ENTRY_BYTES_MAX`]. Nothing was written.
    #[error("an entry of {0} bytes is too large")]
    EntryTooLarge(usize),
    /// A batch over the journal's largest frame. Nothing was written.
    #[error("a batch of {0} bytes on disk is too large")]
    BatchTooLarge(usize),
    /// Broken.
    #[error(transparent)]
    Halt(#[from] Halt),
}
