//! The vault's single writer: takes what waits, makes it durable by one sync, answers.

use jichi_protocol::{digest::Digest, id::AccountId};
use secrecy::ExposeSecret as _;
use std::{
    io,
    path::PathBuf,
    sync::{Arc, PoisonError},
};
use tokio::sync::{mpsc, oneshot};
use zeroize::Zeroizing;

use super::{
    DestroyError, PutError, Shared, Stored,
    keyring::{Keyring, ReplaceError, WrappingKey},
    record::{Head, RecordId},
    seal::NoRandomness,
};
use crate::journal::{
    Journal, damage,
    damage::AppendError,
    frame::{ENTRY_BYTES_MAX, FRAME_BYTES_MAX},
};

/// Records that share one sync at most.
const RECORDS_PER_SYNC_MAX: usize = 128;
const _: () = assert!(RECORDS_PER_SYNC_MAX * (ENTRY_BYTES_MAX + 1024) < FRAME_BYTES_MAX);

/// The vault is broken for writing. Stop the process.
#[derive(Debug, thiserror::Error)]
pub enum Halt {
    /// The log of records.
    #[error(transparent)]
    Log(#[from] damage::Halt),
    /// A batch that the vault itself made was refused by its log.
    #[error("the vault's log refused a batch: {0}")]
    Refused(AppendError),
    /// It is unknown which keyring the disk holds.
    #[error("the keyring was not made durable ({0}): check the disk, then start again")]
    Keyring(io::ErrorKind),
    /// The system gave no randomness for keys and nonces.
    #[error("the system gives no randomness: nothing can be sealed")]
    NoRandomness,
}

impl From<NoRandomness> for Halt {
    fn from(_: NoRandomness) -> Self {
        Self::NoRandomness
    }
}

pub(crate) enum Request {
    Put(Put),
    Destroy { accounts: Vec<AccountId>, wrapping: WrappingKey, reply: Reply<(), DestroyError> },
    Close { reply: Reply<(), PutError> },
}

pub(crate) struct Put {
    pub(crate) head: Head,
    pub(crate) plaintext: Zeroizing<Vec<u8>>,
    pub(crate) reply: Reply<Stored, PutError>,
}

type Reply<T, E> = oneshot::Sender<Result<T, E>>;

pub(crate) struct Writer {
    pub(crate) dir: PathBuf,
    pub(crate) journal: Journal,
    pub(crate) wrapping: WrappingKey,
    pub(crate) shared: Arc<Shared>,
    pub(crate) requests: mpsc::Receiver<Request>,
}

impl Writer {
    /// Works until the vault is closed, all its handles are gone, or something breaks. A caller
    /// who gave up waiting has no right to an answer: failing to send one is no error.
    pub(crate) fn run(mut self) -> Result<(), Halt> {
        let mut carried = None;
        loop {
            match carried.take().or_else(|| self.requests.blocking_recv()) {
                None => return Ok(()),
                Some(Request::Put(first)) => {
                    let mut batch = vec![first];
                    while batch.len() < RECORDS_PER_SYNC_MAX && carried.is_none() {
                        match self.requests.try_recv() {
                            Ok(Request::Put(put)) => batch.push(put),
                            Ok(other) => carried = Some(other),
                            Err(_) => break,
                        }
                    }
                    self.store(batch)?;
                }
                Some(Request::Destroy { accounts, wrapping, reply }) => {
                    let destroyed = self.destroy(&accounts, wrapping)?;
                    let _ = reply.send(destroyed);
                }
                Some(Request::Close { reply }) => return self.close(reply),
            }
        }
    }

    fn close(self, reply: Reply<(), PutError>) -> Result<(), Halt> {
        let answer = match self.journal.close() {
            Ok(()) => Ok(()),
            // Only the mark is missing: the next start takes the log as not closed.
            Err(AppendError::DiskFull(_)) => Err(PutError::DiskFull),
            Err(AppendError::Halt(halt)) => return Err(halt.into()),
            Err(refused) => return Err(Halt::Refused(refused)),
        };
        let _ = reply.send(answer);
        Ok(())
    }

    fn store(&mut self, batch: Vec<Put>) -> Result<(), Halt> {
        let first = self.journal.next_index().0;
        if !self.add_keys(&batch, RecordId(first))? {
            return refuse(batch);
        }
        // A crash here leaves keys that sealed nothing yet: the next record uses them.
        let mut sealed = Vec::with_capacity(batch.len());
        let keys = self.shared.keys.read().unwrap_or_else(PoisonError::into_inner);
        for (id, put) in (first..).map(RecordId).zip(&batch) {
            let key = keys.key(put.head.account, id).expect("every account of the batch has a key");
            sealed.push(put.head.seal(id, &key.secret, &put.plaintext)?);
        }
        drop(keys);
        match self.journal.append(&sealed, &[]) {
            Ok(_) => {}
            Err(AppendError::DiskFull(_)) => return refuse(batch),
            Err(AppendError::Halt(halt)) => return Err(halt.into()),
            Err(refused) => return Err(Halt::Refused(refused)),
        }
        // A crash here leaves records that no entry names: they are swept as orphans.
        let mut index = self.shared.index.write().unwrap_or_else(PoisonError::into_inner);
        for (id, put) in (first..).map(RecordId).zip(&batch) {
            index.insert((put.head.account, put.head.kind), id);
        }
        drop(index);
        for ((id, put), bytes) in (first..).map(RecordId).zip(batch).zip(&sealed) {
            let _ = put.reply.send(Ok(Stored { id, digest: Digest::of(&[bytes]) }));
        }
        Ok(())
    }

    /// Makes and keeps a key for each account that has none. False if the disk is full.
    fn add_keys(&self, batch: &[Put], first: RecordId) -> Result<bool, Halt> {
        let keys = self.shared.keys.read().unwrap_or_else(PoisonError::into_inner);
        if batch.iter().all(|put| keys.0.contains_key(&put.head.account)) {
            return Ok(true);
        }
        let mut more = keys.clone();
        drop(keys);
        for put in batch {
            if !more.0.contains_key(&put.head.account) {
                more.add(put.head.account, first)?;
            }
        }
        self.replace(more, &self.wrapping)
    }

    fn destroy(
        &mut self,
        accounts: &[AccountId],
        wrapping: WrappingKey,
    ) -> Result<Result<(), DestroyError>, Halt> {
        let keys = self.shared.keys.read().unwrap_or_else(PoisonError::into_inner);
        let same = keys_equal(&self.wrapping, &wrapping);
        let mut fewer = keys.clone();
        drop(keys);
        if same {
            return Ok(Err(DestroyError::SameWrappingKey));
        }
        for account in accounts {
            fewer.0.remove(account);
        }
        if !self.replace(fewer, &wrapping)? {
            return Ok(Err(DestroyError::DiskFull));
        }
        // A crash here: the keys are gone as soon as the caller destroys the old wrapping key.
        self.wrapping = wrapping;
        let mut index = self.shared.index.write().unwrap_or_else(PoisonError::into_inner);
        index.retain(|(account, _), _| !accounts.contains(account));
        Ok(Ok(()))
    }

    /// Makes a keyring durable, then lets readers see it. False if the disk is full.
    fn replace(&self, keys: Keyring, wrapping: &WrappingKey) -> Result<bool, Halt> {
        match keys.replace(&self.dir, wrapping) {
            Ok(()) => {
                *self.shared.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
                Ok(true)
            }
            Err(ReplaceError::DiskFull) => Ok(false),
            Err(ReplaceError::NoRandomness) => Err(Halt::NoRandomness),
            Err(ReplaceError::Io(error)) => Err(Halt::Keyring(error.kind())),
        }
    }
}

fn refuse(batch: Vec<Put>) -> Result<(), Halt> {
    for put in batch {
        let _ = put.reply.send(Err(PutError::DiskFull));
    }
    Ok(())
}

fn keys_equal(one: &WrappingKey, other: &WrappingKey) -> bool {
    use subtle::ConstantTimeEq as _;
    one.expose_secret().ct_eq(other.expose_secret()).into()
}
