//! The vault: personal data and evidence, sealed with a key per resident.
//!
//! `records/` is a log of the same kind as the journal; `keyring` holds the keys. Destroying a
//! key makes all that it sealed unreadable, also in every backup.

use jichi_protocol::{
    digest::Digest,
    id::{AccountId, EntryIndex},
};
use std::{
    collections::BTreeMap,
    io,
    path::Path,
    sync::{Arc, PoisonError, RwLock},
};
use tokio::sync::{mpsc, oneshot};
use zeroize::Zeroizing;

pub mod keyring;
pub mod record;
mod seal;
pub mod writer;

use crate::{
    guard,
    journal::{
        self, Journal, Progress, Verify, Warning,
        damage::{self, AppendError, ReadError},
        reader::Reader,
        sector::Log,
        segment::{self, SegmentBytes},
    },
};
use keyring::{Keyring, KeyringError, ReplaceError, WrappingKey};
use record::{Head, PLAINTEXT_BYTES_MAX, RecordId, RecordKind};
use writer::{Put, Request, Writer};

/// Requests that wait for the writer at most; further callers wait for a place.
const REQUESTS_WAITING_MAX: usize = 4096;
const SEGMENT_BYTES: SegmentBytes = SegmentBytes::new(16 << 20).expect("a multiple of 4,096");
const RECORDS: &str = "records";

/// A record that is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// Where it stands.
    pub id: RecordId,
    /// The hash of the sealed record, which the journal names as evidence.
    pub digest: Digest,
}

/// A record that was read and opened.
pub struct Record {
    /// Where it stands.
    pub id: RecordId,
    /// Whose it is.
    pub account: AccountId,
    /// What it is about.
    pub kind: RecordKind,
    /// The hash of the sealed record.
    pub digest: Digest,
    /// What was put in.
    pub plaintext: Zeroizing<Vec<u8>>,
}

/// Why the vault cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The log of records.
    #[error(transparent)]
    Log(#[from] damage::OpenError),
    /// A record cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The keyring.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// A good entry of the log that is no record.
    #[error("record {} has a form that this release does not know", .0.0)]
    NoRecord(RecordId),
    /// No room for a new keyring.
    #[error("no room on the disk for the keyring: make room and start again")]
    DiskFull,
    /// No new keyring could be sealed.
    #[error("the system gives no randomness: nothing can be sealed")]
    NoRandomness,
    /// The new vault is there, and could not be closed in order.
    #[error("{0}; the new vault is there and can be opened")]
    NotClosed(AppendError),
    /// The writer's thread.
    #[error("the vault's thread cannot be started: {0}")]
    Thread(io::Error),
}

/// Why a record was not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PutError {
    /// Over [`PLAINTEXT_BYTES_MAX`].
    #[error("{0} bytes are too many for one record")]
    TooLarge(usize),
    /// No room. Nothing was written; it can be tried again.
    #[error("no room on the vault's disk: make room, then try again")]
    DiskFull,
    /// The vault was closed, or a write failed and the process is about to stop.
    #[error("the vault takes nothing any more")]
    Stopped,
}

/// Why keys were not destroyed. The old keyring stands, under the old wrapping key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DestroyError {
    /// The keyring has to come under another key: the old file may be found on the disk.
    #[error("the new wrapping key equals the old one: make a new one")]
    SameWrappingKey,
    /// No room for the new keyring.
    #[error("no room on the vault's disk: make room, then try again")]
    DiskFull,
    /// The vault was closed, or a write failed and the process is about to stop.
    #[error("the vault takes nothing any more")]
    Stopped,
}

/// Why a record cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum GetError {
    /// Not there, or damaged.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Its resident was erased: nobody can open it any more.
    #[error("the key of this record was destroyed")]
    Destroyed,
    /// It is good on disk, and its own account's key does not open it.
    #[error("record {} does not open: keyring and records are not of one vault", .0.0)]
    DoesNotOpen(RecordId),
}

pub(crate) struct Shared {
    reader: Reader,
    keys: RwLock<Keyring>,
    index: RwLock<BTreeMap<(AccountId, RecordKind), RecordId>>,
}

/// The vault, for any number of callers. Cheap to clone.
#[derive(Clone)]
pub struct Vault {
    requests: mpsc::Sender<Request>,
    shared: Arc<Shared>,
}

impl Vault {
    /// Makes a new, empty vault.
    ///
    /// # Errors
    /// [`damage::OpenError::AlreadyThere`] if there is one; nothing is ever overwritten.
    pub fn create(dir: &Path, wrapping: &WrappingKey) -> Result<(), OpenError> {
        let records = dir.join(RECORDS);
        let there = || damage::OpenError::AlreadyThere(dir.to_path_buf());
        if Keyring::path(dir).exists() {
            return Err(there().into());
        }
        let log = match Journal::create(&records, Log::Vault, SEGMENT_BYTES) {
            // A crash may have come between the two steps: an empty log has no keys to lose.
            Err(damage::OpenError::AlreadyThere(_)) => open_log(&records, &mut |_| {})?.journal,
            made => made?,
        };
        if log.next_index() != EntryIndex(0) {
            return Err(there().into());
        }
        // A crash here leaves a log without a keyring: `create` goes on from there.
        Keyring::default().replace(dir, wrapping).map_err(|error| match error {
            ReplaceError::DiskFull => OpenError::DiskFull,
            ReplaceError::NoRandomness => OpenError::NoRandomness,
            ReplaceError::Io(source) => {
                KeyringError::Io { path: Keyring::path(dir), source }.into()
            }
        })?;
        log.close().map_err(OpenError::NotClosed)
    }

    /// Opens the vault, reads every record's head and verifies every byte, and starts the
    /// writer's thread, which takes the process with it if a write fails.
    ///
    /// # Errors
    /// [`KeyringError::WrongKey`] if the wrapping key is not the one; the log's own as
    /// [`Journal::open`] has them.
    pub fn open(
        dir: &Path,
        wrapping: WrappingKey,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(Self, Vec<Warning>), OpenError> {
        let (vault, writer, warnings) = Self::assemble(dir, wrapping, progress)?;
        guard::spawn("vault", || writer.run()).map_err(OpenError::Thread)?;
        Ok((vault, warnings))
    }

    fn assemble(
        dir: &Path,
        wrapping: WrappingKey,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(Self, Writer, Vec<Warning>), OpenError> {
        let journal::Opened { journal, warnings } = open_log(&dir.join(RECORDS), progress)?;
        let keyring_io = |source| KeyringError::Io { path: Keyring::path(dir), source };
        segment::remove_unfinished(dir).map_err(keyring_io)?;
        let keys = Keyring::read(dir, &wrapping)?;
        let reader = journal.reader();
        let mut index = BTreeMap::new();
        for frame in reader.frames(EntryIndex(0)) {
            let frame = frame?;
            for (id, entry) in (frame.at.first.0..).map(RecordId).zip(frame.entries()) {
                let (head, _) = Head::parse(entry).ok_or(OpenError::NoRecord(id))?;
                if keys.key(head.account, id).is_some() {
                    index.insert((head.account, head.kind), id);
                }
            }
        }
        let (keys, index) = (RwLock::new(keys), RwLock::new(index));
        let shared = Arc::new(Shared { reader, keys, index });
        let (sender, requests) = mpsc::channel(REQUESTS_WAITING_MAX);
        let vault = Self { requests: sender, shared: Arc::clone(&shared) };
        let dir = dir.to_path_buf();
        Ok((vault, Writer { dir, journal, wrapping, shared, requests }, warnings))
    }

    /// Seals and stores one record. Resolves when it is durable; records that wait at the same
    /// time share a sync. An account's first record makes its key.
    ///
    /// # Errors
    /// [`PutError`]; a caller that stops waiting does not undo it.
    pub async fn put(
        &self,
        account: AccountId,
        kind: RecordKind,
        plaintext: &[u8],
    ) -> Result<Stored, PutError> {
        if plaintext.len() > PLAINTEXT_BYTES_MAX {
            return Err(PutError::TooLarge(plaintext.len()));
        }
        let plaintext = Zeroizing::new(plaintext.to_vec());
        let (reply, answer) = oneshot::channel();
        let put = Put { head: Head { account, kind }, plaintext, reply };
        self.requests.send(Request::Put(put)).await.map_err(|_| PutError::Stopped)?;
        answer.await.map_err(|_| PutError::Stopped)?
    }

    /// Reads one record. Blocks on the disk.
    ///
    /// # Errors
    /// [`GetError::Destroyed`] once its account's key is gone.
    pub fn get(&self, id: RecordId) -> Result<Record, GetError> {
        let at = self.shared.reader.locate(id.into())?;
        let bytes = self.shared.reader.entry(at)?;
        let (head, sealed) = Head::parse(&bytes).ok_or(GetError::DoesNotOpen(id))?;
        let keys = self.shared.keys.read().unwrap_or_else(PoisonError::into_inner);
        let key = keys.key(head.account, id).ok_or(GetError::Destroyed)?;
        let plaintext = head.unseal(id, &key.secret, sealed).ok_or(GetError::DoesNotOpen(id))?;
        let Head { account, kind } = head;
        Ok(Record { id, account, kind, digest: Digest::of(&[&bytes]), plaintext })
    }

    /// The newest record of a kind about an account, if there is one. Blocks on the disk.
    ///
    /// # Errors
    /// As [`Vault::get`].
    pub fn latest(&self, account: AccountId, kind: RecordKind) -> Result<Option<Record>, GetError> {
        let index = self.shared.index.read().unwrap_or_else(PoisonError::into_inner);
        let id = index.get(&(account, kind)).copied();
        drop(index);
        id.map(|id| self.get(id)).transpose()
    }

    /// The accounts that have a key, in order of id.
    #[must_use]
    pub fn accounts(&self) -> Vec<AccountId> {
        let keys = self.shared.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.0.keys().copied().collect()
    }

    /// Destroys the keys of accounts: the keyring is written anew without them, under a new
    /// wrapping key. The caller keeps the new one safe before, and destroys the old one after;
    /// after a crash between, one of the two opens the vault. An account without key is no error.
    ///
    /// # Errors
    /// [`DestroyError`]; then the old keyring and the old wrapping key still hold.
    pub async fn destroy_keys(
        &self,
        accounts: Vec<AccountId>,
        wrapping: WrappingKey,
    ) -> Result<(), DestroyError> {
        let (reply, answer) = oneshot::channel();
        let request = Request::Destroy { accounts, wrapping, reply };
        self.requests.send(request).await.map_err(|_| DestroyError::Stopped)?;
        answer.await.map_err(|_| DestroyError::Stopped)?
    }

    /// Stops in order, behind everything that waits. The folder is free when this resolves.
    ///
    /// # Errors
    /// [`PutError::DiskFull`] if there was no room for the mark: the next start then takes the
    /// log as not closed.
    pub async fn close(&self) -> Result<(), PutError> {
        let (reply, answer) = oneshot::channel();
        self.requests.send(Request::Close { reply }).await.map_err(|_| PutError::Stopped)?;
        answer.await.map_err(|_| PutError::Stopped)?
    }

    /// For a scrub of the records in the background.
    #[must_use]
    pub fn reader(&self) -> Reader {
        self.shared.reader.clone()
    }
}

fn open_log(
    records: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<journal::Opened, damage::OpenError> {
    // The caller reads every frame once more, for the index: that verifies the older segments.
    Journal::open(records, Log::Vault, SEGMENT_BYTES, Verify::Tail, None, progress)
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "a test's own small numbers")]
mod tests;
