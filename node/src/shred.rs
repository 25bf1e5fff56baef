//! Shredding: behind a durable `Erase` entry the vault keys of those persons are destroyed, under
//! a new wrapping key; at each start what the journal says is done again.

use std::{
    collections::BTreeSet,
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use jichi_protocol::{command::Command, id::AccountId};
use secrecy::SecretBox;
use tokio::sync::{Mutex, broadcast::error::RecvError};

use crate::{
    durable,
    engine::Engine,
    init::NodeKeys,
    keyfile::{self, KeyFileError, Seed},
    person::People,
    vault::{DestroyError, OpenError, Vault, keyring::KeyringError},
};

/// The key that wraps the keyring.
const CURRENT: &str = "vault.key";
/// The one that will, while keys are being destroyed.
const NEXT: &str = "vault.key.next";
/// How long a shredding that found no room waits before it is tried again.
const RETRY: Duration = Duration::from_secs(60);

/// Why keys were not destroyed; what the journal says stays to be done.
#[derive(Debug, thiserror::Error)]
pub enum ShredError {
    /// The new wrapping key.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The keyring.
    #[error(transparent)]
    Destroy(#[from] DestroyError),
    /// The folder of the keys.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The register of erased persons.
    #[error(
        "{0} is no register of erased persons, one account a line: name the newest one by \
         --erased; an empty file, if nobody was ever erased"
    )]
    Register(PathBuf),
}

/// Destroys keys of the vault, one shredding at a time: each begins with a wrapping key of its own.
/// Cheap to clone.
#[derive(Clone)]
pub struct Shredder {
    vault: Vault,
    keys: PathBuf,
    one_at_a_time: Arc<Mutex<()>>,
}

impl Shredder {
    /// A shredder of a vault, whose wrapping key lies in a folder.
    #[must_use]
    pub fn new(vault: Vault, keys: PathBuf) -> Self {
        Self { vault, keys, one_at_a_time: Arc::default() }
    }

    /// Notes for good that the keys of what the vault knows by these ids are gone, and destroys
    /// them.
    ///
    /// # Errors
    /// [`ShredError`]; it can be done again.
    pub async fn destroy(&self, subjects: Vec<AccountId>) -> Result<(), ShredError> {
        let _alone = self.one_at_a_time.lock().await;
        Register::add(&self.keys, &subjects.iter().copied().collect())?;
        destroy(&self.vault, subjects, &self.keys).await
    }
}

/// Who was erased, beside the keys and outside of every backup: a backup must not bring them back.
#[derive(Debug)]
pub struct Register;

const REGISTER: &str = "erased.txt";

impl Register {
    /// The erased persons of a register: the named one, else the one beside the keys.
    ///
    /// # Errors
    /// [`ShredError::Register`].
    pub fn read(keys: &Path, named: Option<&Path>) -> Result<BTreeSet<AccountId>, ShredError> {
        let path = named.map_or_else(|| keys.join(REGISTER), Path::to_path_buf);
        let text = fs::read_to_string(&path).map_err(|_| ShredError::Register(path.clone()))?;
        let accounts = text.lines().map(|line| line.trim().parse());
        accounts.collect::<Result<_, _>>().map_err(|_| ShredError::Register(path))
    }

    /// Adds persons, and makes the register where there is none.
    fn add(keys: &Path, erased: &BTreeSet<AccountId>) -> Result<(), ShredError> {
        let known = match Self::read(keys, None) {
            Ok(known) => known,
            Err(_) if !keys.join(REGISTER).exists() => BTreeSet::new(),
            Err(error) => return Err(error),
        };
        if erased.is_subset(&known) && keys.join(REGISTER).exists() {
            return Ok(());
        }
        let all = known.union(erased).map(|account| format!("{account}\n"));
        Ok(durable::replace(keys, REGISTER, all.collect::<String>().as_bytes())?)
    }
}

/// Opens the vault under its wrapping key; if a crash fell into a shredding, under the one that was
/// to come.
///
/// # Errors
/// [`OpenError`].
pub fn open_vault(
    dir: &Path,
    keys: (&Path, &NodeKeys),
) -> Result<(Vault, Vec<crate::journal::Warning>), OpenError> {
    let (folder, known) = keys;
    let next = folder.join(NEXT);
    match Vault::open(dir, known.wrapping(), &mut |_| {}) {
        Err(OpenError::Keyring(KeyringError::WrongKey(path))) if next.exists() => {
            // A crash fell between the new keyring and the end of the old wrapping key.
            let wrong = || OpenError::Keyring(KeyringError::WrongKey(path.clone()));
            let seed = keyfile::read(&next).map_err(|_| wrong())?;
            let wrapping = SecretBox::new(Box::new(*seed));
            let opened = Vault::open(dir, wrapping, &mut |_| {})?;
            retire(folder).map_err(|source| KeyringError::Io { path: next, source })?;
            Ok(opened)
        }
        opened => {
            // A crash fell before the new keyring: the new wrapping key wraps nothing.
            if opened.is_ok() && next.exists() {
                let _ = fs::remove_file(&next);
            }
            opened
        }
    }
}

/// Destroys the keys of everybody whom the journal says to be erased, now and from now on.
pub async fn follow(engine: Engine, people: People, shredder: Shredder) {
    let mut news = engine.news();
    loop {
        if let Err(error) = shred(&engine, &people, &shredder).await {
            tracing::error!(%error, "personal data were not shredded; it is tried again");
            tokio::time::sleep(RETRY).await;
            continue;
        }
        loop {
            match news.recv().await {
                Ok(durable) => {
                    let command = &durable.committed.entry.submission.command;
                    if matches!(command, Command::DecideProposal(..)) {
                        break;
                    }
                }
                Err(RecvError::Lagged(_)) => break,
                Err(RecvError::Closed) => return,
            }
        }
    }
}

async fn shred(engine: &Engine, people: &People, shredder: &Shredder) -> Result<(), ShredError> {
    let vault: &Vault = people.vault();
    // Only what is durable is done: a key does not come back.
    let erased = engine.read(|ledger| ledger.erased().map(|(account, _)| *account).collect());
    let Ok(erased): Result<BTreeSet<AccountId>, _> = erased.await else {
        return Ok(());
    };
    Register::add(&shredder.keys, &erased)?;
    if erased.is_empty() {
        return Ok(());
    }
    let left: Vec<AccountId> =
        vault.accounts().into_iter().filter(|account| erased.contains(account)).collect();
    if left.is_empty() {
        return Ok(());
    }
    shredder.destroy(left.clone()).await?;
    people.forget(&left);
    tracing::info!(persons = left.len(), "personal data were shredded");
    Ok(())
}

/// Destroys keys, under a new wrapping key in the folder.
///
/// # Errors
/// [`ShredError`]; it can be done again.
pub async fn destroy(vault: &Vault, left: Vec<AccountId>, keys: &Path) -> Result<(), ShredError> {
    let seed = next_key(keys)?;
    // A crash here: the old key opens the vault, and the new one is dropped at the start.
    vault.destroy_keys(left, SecretBox::new(Box::new(*seed))).await?;
    // A crash here: the new key opens the vault.
    retire(keys)?;
    Ok(())
}

/// The wrapping key that is to come, durable.
fn next_key(keys: &Path) -> Result<Seed, ShredError> {
    let next = keys.join(NEXT);
    if next.exists() {
        fs::remove_file(&next)?;
    }
    let seed = keyfile::create(&next)?;
    sync_folder(keys)?;
    Ok(seed)
}

/// The next wrapping key takes the place of the current one, whose bytes are overwritten.
fn retire(keys: &Path) -> io::Result<()> {
    let current = keys.join(CURRENT);
    let mut old = OpenOptions::new().write(true).open(&current)?;
    let length = usize::try_from(old.metadata()?.len()).unwrap_or(0);
    fs::rename(keys.join(NEXT), &current)?;
    sync_folder(keys)?;
    old.write_all(&vec![0; length])?;
    old.sync_all()
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests;
