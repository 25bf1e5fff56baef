//! `jichi rotate-key`: the town signs its envelopes with another key (federation, Keys). The node
//! does not run meanwhile; when it starts again it tells every town that it has a channel with.

use std::{fs, io, path::PathBuf};

use jichi_protocol::{
    command::Command,
    control::KeyChange,
    signature::{Domain, PublicKey, SigningKey},
};

use crate::{
    clock,
    config::Settings,
    engine::{
        anew::Former,
        start::{Keys, StartError, Stores},
    },
    init::NodeKeys,
    keyfile::{self, KeyFileError},
    staff::{Login, Staff, StaffFileFault, two::NotTwoOfficers},
};

const CHANNEL_KEY: &str = "channel.key";
/// The key to come, until it is in force.
const NEXT_KEY: &str = "channel.key.next";

/// Why the key was not changed.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// A coordinator has no channel key.
    #[error("this configuration is a coordinator's, which has no channel key")]
    NotATown,
    /// The first step was not done.
    #[error("there is no key to come: run `jichi rotate-key --prepare` first")]
    NotPrepared,
    /// The directory that the node has taken does not name the new key.
    #[error(
        "the directory does not name the new key {0} yet: have the federation's office sign it, \
         let the node take it, and stop the node again"
    )]
    NotNamed(PublicKey),
    /// Officers.
    #[error(transparent)]
    Officers(#[from] NotTwoOfficers),
    /// The list of officers.
    #[error(transparent)]
    Staff(#[from] StaffFileFault),
    /// The keys.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] StartError),
    /// The file system.
    #[error("{0}: {1}")]
    Io(PathBuf, io::Error),
}

/// On whose word, and why.
#[derive(Debug)]
pub struct Wish {
    /// Who asks.
    pub maker: Login,
    /// Who says yes.
    pub approver: Login,
    /// Whether somebody else may have the old key, or nobody has it: it then signs nothing more,
    /// and the directory has to revoke it.
    pub stolen: bool,
}

/// Makes the key to come, or finds the one that was made; its public half is for the directory.
/// The node may run.
///
/// # Errors
/// [`RotateError`].
pub fn prepare(settings: &Settings) -> Result<PublicKey, RotateError> {
    settings.town.ok_or(RotateError::NotATown)?;
    let seed = keyfile::read_or_create(&settings.keys.join(NEXT_KEY))?;
    Ok(SigningKey::from_seed(&seed).public())
}

/// The public half of the key to come; none if there is none.
///
/// # Errors
/// [`RotateError::Key`].
pub fn to_come(settings: &Settings) -> Result<Option<PublicKey>, RotateError> {
    let path = settings.keys.join(NEXT_KEY);
    if !path.exists() {
        return Ok(None);
    }
    Ok(Some(SigningKey::from_seed(&*keyfile::read(&path)?).public()))
}

/// Changes the key: first in the journal, then in the folder of keys. After a crash between the
/// two it goes on where it was.
///
/// # Errors
/// [`RotateError`]; the old key is in force.
pub fn rotate(settings: &Settings, wish: &Wish) -> Result<PublicKey, RotateError> {
    let town = settings.town.ok_or(RotateError::NotATown)?;
    let path = settings.keys.join(NEXT_KEY);
    if !path.exists() {
        return Err(RotateError::NotPrepared);
    }
    let next = SigningKey::from_seed(&*keyfile::read(&path)?);
    let new = next.public();
    let Keys { log, channel } = NodeKeys::read(settings)?.engine();
    let stores = Stores::of(&settings.data);
    let by = Staff::load(&settings.data)?.two_of_today(&wish.maker, &wish.approver)?;
    let old = channel.public();
    let statement = KeyChange::statement(town, old, new);
    let by_old = (!wish.stolen).then(|| channel.sign(Domain::KeyChange, &statement));
    match Former::open(&stores, Keys { log, channel }) {
        Ok(journal) => {
            let keys = journal.ledger().meta().keys.as_deref();
            if keys.and_then(|keys| keys.named) != Some(new) {
                return Err(RotateError::NotNamed(new));
            }
            // A clock that is days ahead would let points lapse at the next start.
            let time = clock::unasked(clock::now(), journal.ledger().meta().last);
            journal.write(Command::ChangeKey(KeyChange { old, new, by_old }, by), time)?;
        }
        // A crash behind the entry.
        Err(StartError::OtherKey(_)) => {
            let log = NodeKeys::read(settings)?.engine().log;
            Former::open(&stores, Keys { log, channel: next })?;
        }
        Err(other) => return Err(other.into()),
    }
    let io = |error| RotateError::Io(settings.keys.clone(), error);
    fs::rename(&path, settings.keys.join(CHANNEL_KEY)).map_err(io)?;
    fs::File::open(&settings.keys).and_then(|folder| folder.sync_all()).map_err(io)?;
    Ok(new)
}
