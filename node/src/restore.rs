//! `jichi restore`: a backup is laid in place, others are asked what they hold, and a new
//! generation of log and channels begins (architecture, Restore). The node does not run meanwhile.

mod gather;

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use jichi_protocol::id::{AccountId, EntryIndex, Generation, TownId};

use crate::{
    backup::{BackupError, backup},
    config::Settings,
    durable,
    engine::{
        anew::Former,
        start::{StartError, Stores},
    },
    federation::{FederationError, standing::AHEAD_FILE},
    init::{InitError, NodeKeys, init},
    keyfile::KeyFileError,
    shred::{self, Register, ShredError},
    staff::{Login, Staff, StaffFileFault, two::NotTwoOfficers},
    vault,
};

/// While it is there, a restore was begun and has not ended.
pub const UNFINISHED_FILE: &str = "restoring";
/// What can be made anew, and what must never come from a backup.
const REMOVED: [&str; 4] = ["index", "tiles", "snapshots", "witness"];
/// What a backup brings.
const BROUGHT: [&str; 4] = ["journal", "vault", "staff.toml", "documents"];

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The configuration is a coordinator's.
    #[error("this configuration is a coordinator's, which has no journal")]
    NotATown,
    /// The node's journal is there.
    #[error(
        "{0} holds a journal: stop the node, move the folder away and keep it, and restore again; \
         or name that folder itself by --from, if its journal is the newest copy that there is"
    )]
    JournalThere(PathBuf),
    /// Two officers are needed.
    #[error(transparent)]
    Officers(#[from] NotTwoOfficers),
    /// The backup.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The keys.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] StartError),
    /// The vault.
    #[error(
        "{0}; if somebody was erased behind this backup, its keyring is under a key that was \
         destroyed: take a newer copy of the vault"
    )]
    Vault(#[from] vault::OpenError),
    /// The erased.
    #[error(transparent)]
    Erased(#[from] ShredError),
    /// The officers.
    #[error(transparent)]
    Staff(#[from] StaffFileFault),
    /// The others.
    #[error(transparent)]
    Federation(#[from] FederationError),
    /// The new key of the witness.
    #[error(transparent)]
    Init(#[from] InitError),
    /// The file system.
    #[error("{0}: {1}")]
    Io(PathBuf, io::Error),
}

/// What is restored, and on whose word.
#[derive(Debug)]
pub struct Wish {
    /// A backup, an older data folder, or the data folder itself.
    pub from: PathBuf,
    /// Who asks.
    pub maker: Login,
    /// Who says yes.
    pub approver: Login,
    /// The newest register of erased persons, where it is not the one beside the keys.
    pub erased: Option<PathBuf>,
}

/// What was begun.
#[derive(Debug)]
pub struct Begun {
    /// The new generation, which the directory has to name.
    pub generation: Generation,
    /// How many entries the backup has.
    pub size: EntryIndex,
    /// The largest checkpoint of the ended generation that a witness has shown, by its size.
    pub cosigned: Option<EntryIndex>,
    /// Who was heard.
    pub heard: BTreeSet<TownId>,
    /// Who was not.
    pub unheard: BTreeSet<TownId>,
    /// What the directory needs of this node, as JSON.
    pub facts: String,
}

/// Lays a backup in place and begins a new generation. It can be called again after a crash.
///
/// # Errors
/// [`RestoreError`]; the node does not start before a restore has ended.
pub async fn restore(settings: &Settings, wish: &Wish) -> Result<Begun, RestoreError> {
    let Some(town) = settings.town else { return Err(RestoreError::NotATown) };
    let keys = NodeKeys::read(settings)?;
    let register = Register::read(&settings.keys, wish.erased.as_deref())?;
    let data = &settings.data;
    lay(&wish.from, data)?;
    let by = Staff::load(data)?.two_of_today(&wish.maker, &wish.approver)?;
    let stores = Stores::of(data);
    let former = Former::open(&stores, keys.engine())?;
    forget(settings, &keys, register).await?;
    let gathered = gather::gather(settings, (town, &keys), former.ledger()).await?;
    let gather::Gathered { newest, cosigned, heard, unheard } = gathered;
    let generation = Generation(newest.0.saturating_add(1));
    // A crash before this: all of it is done again. Behind it as well, in one more generation:
    // nobody has seen anything of this one.
    let size = former.begin(generation, cosigned, by)?;
    renew_witness(settings)?;
    let facts = crate::init::public_facts(settings, &keys);
    for name in [AHEAD_FILE, UNFINISHED_FILE] {
        remove(&data.join(name))?;
    }
    sync(data)?;
    Ok(Begun { generation, size, cosigned, heard, unheard, facts })
}

/// Brings the backup's stores into the data folder, and removes what must not come from before.
fn lay(from: &Path, data: &Path) -> Result<(), RestoreError> {
    let io = |path: &Path| {
        let path = path.to_path_buf();
        move |error| RestoreError::Io(path, error)
    };
    fs::create_dir_all(data).map_err(io(data))?;
    let whole = |path: &Path| path.canonicalize().map_err(io(path));
    let in_place = whole(from)? == whole(data)?;
    let begun = data.join(UNFINISHED_FILE).exists();
    if !in_place && !begun && data.join("journal").exists() {
        return Err(RestoreError::JournalThere(data.to_path_buf()));
    }
    durable::replace(data, UNFINISHED_FILE, b"").map_err(io(data))?;
    for name in REMOVED {
        remove(&data.join(name))?;
    }
    if in_place {
        return Ok(());
    }
    let staged = data.join("restoring.stage");
    remove(&staged)?;
    backup(from, &staged)?;
    for name in BROUGHT {
        remove(&data.join(name))?;
        if staged.join(name).exists() {
            fs::rename(staged.join(name), data.join(name)).map_err(io(data))?;
        }
    }
    remove(&staged)?;
    sync(data)
}

/// A backup must not bring back who asked to be erased.
async fn forget(
    settings: &Settings,
    keys: &NodeKeys,
    register: BTreeSet<AccountId>,
) -> Result<(), RestoreError> {
    let folder = settings.data.join("vault");
    let (vault, _) = shred::open_vault(&folder, (&settings.keys, keys))?;
    let back: Vec<AccountId> =
        vault.accounts().into_iter().filter(|account| register.contains(account)).collect();
    if !back.is_empty() {
        shred::destroy(&vault, back, &settings.keys).await?;
    }
    // Without the mark of an orderly end it is only read anew.
    let _ = vault.close().await;
    Ok(())
}

/// What this node had cosigned before is not known any more, so it gets a new key as a witness.
fn renew_witness(settings: &Settings) -> Result<(), RestoreError> {
    remove(&settings.keys.join(crate::init::WITNESS_KEY))?;
    init(settings)?;
    Ok(())
}

fn remove(path: &Path) -> Result<(), RestoreError> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(RestoreError::Io(path.to_path_buf(), error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn sync(folder: &Path) -> Result<(), RestoreError> {
    let synced = fs::File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|error| RestoreError::Io(folder.to_path_buf(), error))
}
