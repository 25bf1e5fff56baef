//! The keyring: one key per account, all sealed under a wrapping key that lies elsewhere.

use jichi_protocol::{digest::Digest, id::AccountId};
use secrecy::{ExposeSecret as _, SecretBox};
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

use super::{
    record::RecordId,
    seal::{self, NoRandomness},
};
use crate::journal::{
    sector,
    segment::{self, PrepareError},
};

/// What the keyring is sealed under. It never lies on the vault's disk nor in its backups.
pub type WrappingKey = SecretBox<[u8; 32]>;

const MAGIC: &[u8; 8] = b"JICHIKEY";
const VERSION: [u8; 2] = [1, 0];
const PREFIX_BYTES: usize = MAGIC.len() + VERSION.len();
const DIGEST_BYTES: usize = 32;
/// Account, first record, key.
const KEY_BYTES: usize = 16 + 8 + 32;

/// Why the keyring cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The file is whole, and another key sealed it.
    #[error(
        "the wrapping key does not open {0}: give the newest one; if residents were erased or the \
         key was changed just before a crash, it may be the one before or the one after"
    )]
    WrongKey(PathBuf),
    /// The file is not what was written.
    #[error(
        "{0} is damaged: restore it from a backup of at most 35 days, with its own wrapping key"
    )]
    Damaged(PathBuf),
    /// Written by a newer release.
    #[error("{0} is in a format that this release does not know")]
    Version(PathBuf),
    /// The log of records is there, the keyring is not.
    #[error(
        "{0} is missing: without it nothing in the vault can be read; restore it from a backup"
    )]
    Missing(PathBuf),
    /// The disk or the folder's permissions.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Why the keyring was not replaced.
#[derive(Debug)]
pub(crate) enum ReplaceError {
    /// The old one stands.
    DiskFull,
    NoRandomness,
    /// Which of the two stands is unknown.
    Io(io::Error),
}

impl From<PrepareError> for ReplaceError {
    fn from(error: PrepareError) -> Self {
        match error {
            PrepareError::DiskFull => Self::DiskFull,
            PrepareError::Io(error) => Self::Io(error),
        }
    }
}

impl From<NoRandomness> for ReplaceError {
    fn from(_: NoRandomness) -> Self {
        Self::NoRandomness
    }
}

/// One account's key.
#[derive(Clone)]
pub(crate) struct AccountKey {
    pub(crate) secret: Zeroizing<[u8; 32]>,
    /// The first record that it can have sealed. Those before are of a key that was destroyed.
    pub(crate) since: RecordId,
}

/// The keys of all accounts.
#[derive(Clone, Default)]
pub(crate) struct Keyring(pub(crate) BTreeMap<AccountId, AccountKey>);

impl Keyring {
    pub(crate) fn path(dir: &Path) -> PathBuf {
        dir.join("keyring")
    }

    /// The key of an account, if it can open this record.
    pub(crate) fn key(&self, account: AccountId, id: RecordId) -> Option<&AccountKey> {
        self.0.get(&account).filter(|key| key.since <= id)
    }

    /// Makes a key for an account.
    pub(crate) fn add(&mut self, account: AccountId, since: RecordId) -> Result<(), NoRandomness> {
        let secret = Zeroizing::new(seal::random()?);
        self.0.insert(account, AccountKey { secret, since });
        Ok(())
    }

    /// Replaces the file. When this returns, the new one is durable.
    pub(crate) fn replace(&self, dir: &Path, wrapping: &WrappingKey) -> Result<(), ReplaceError> {
        // Of the full size from the first: growing would leave copies of keys in memory.
        let size = self.0.len().saturating_mul(KEY_BYTES);
        let mut plaintext = Zeroizing::new(Vec::with_capacity(size));
        for (account, key) in &self.0 {
            plaintext.extend_from_slice(&account.0);
            plaintext.extend_from_slice(&key.since.0.to_le_bytes());
            plaintext.extend_from_slice(key.secret.as_slice());
        }
        let mut bytes = [MAGIC.as_slice(), &VERSION].concat();
        let sealed = seal::seal(wrapping.expose_secret(), &bytes, &plaintext)?;
        bytes.extend_from_slice(&sealed);
        // Tells damage from a wrong key.
        let digest = Digest::of(&[&bytes]);
        bytes.extend_from_slice(&digest.0);
        segment::replace(dir, &Self::path(dir), &bytes, sector::wide(bytes.len()))?;
        Ok(())
    }

    pub(crate) fn read(dir: &Path, wrapping: &WrappingKey) -> Result<Self, KeyringError> {
        let path = Self::path(dir);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(KeyringError::Missing(path));
            }
            Err(source) => return Err(KeyringError::Io { path, source }),
        };
        let Some((content, digest)) = bytes.split_last_chunk::<DIGEST_BYTES>() else {
            return Err(KeyringError::Damaged(path));
        };
        if Digest::of(&[content]).0 != *digest {
            return Err(KeyringError::Damaged(path));
        }
        let Some((prefix, sealed)) = content.split_first_chunk::<PREFIX_BYTES>() else {
            return Err(KeyringError::Damaged(path));
        };
        if *prefix != *[MAGIC.as_slice(), &VERSION].concat() {
            return Err(KeyringError::Version(path));
        }
        let Some(plaintext) = seal::unseal(wrapping.expose_secret(), prefix, sealed) else {
            return Err(KeyringError::WrongKey(path));
        };
        Self::parse(&plaintext).ok_or(KeyringError::Damaged(path))
    }

    fn parse(plaintext: &[u8]) -> Option<Self> {
        let mut keys = BTreeMap::new();
        let (chunks, rest) = plaintext.as_chunks::<KEY_BYTES>();
        for chunk in chunks {
            let (account, behind) = chunk.split_first_chunk()?;
            let (since, secret) = behind.split_first_chunk()?;
            let secret = Zeroizing::new(*secret.first_chunk()?);
            let since = RecordId(u64::from_le_bytes(*since));
            keys.insert(AccountId(*account), AccountKey { secret, since });
        }
        rest.is_empty().then_some(Self(keys))
    }
}
