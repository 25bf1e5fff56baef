//! The beginning of a node: its keys, its vault, the first entry of its log.

use std::io;

use jichi_protocol::{
    command::{RulesVersion, TownOpening},
    date::BusinessDate,
    id::Generation,
    signature::{PublicKey, SigningKey},
};
use secrecy::SecretBox;

use crate::{
    config::Settings,
    engine::start::{Keys, StartError, Stores, begin},
    journal::segment::SegmentBytes,
    keyfile::{self, KeyFileError, Seed},
    vault::{self, Vault, keyring::WrappingKey},
};

/// Why a node was not begun.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// A key file.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The vault.
    #[error(transparent)]
    Vault(#[from] vault::OpenError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] StartError),
    /// The folder.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The key of a town as a witness. It is made together with the memory of what it cosigned.
pub(crate) const WITNESS_KEY: &str = "witness.key";

/// All keys of a node. The files' names are part of the operator's manual.
pub struct NodeKeys {
    /// Signs checkpoints.
    pub log: Seed,
    /// Signs envelopes, agreements and decisions.
    pub channel: Seed,
    /// Is the node's identity on the wire.
    pub transport: Seed,
    /// Wraps the vault's keyring.
    pub vault: Seed,
}

impl NodeKeys {
    /// Reads the key files, and makes those that are missing.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn read_or_create(settings: &Settings) -> Result<Self, KeyFileError> {
        let key = |name: &str| keyfile::read_or_create(&settings.keys.join(name));
        Ok(Self {
            log: key("log.key")?,
            channel: key("channel.key")?,
            transport: key("transport.key")?,
            vault: key("vault.key")?,
        })
    }

    /// Reads the key files; none may be missing.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn read(settings: &Settings) -> Result<Self, KeyFileError> {
        let key = |name: &str| keyfile::read(&settings.keys.join(name));
        Ok(Self {
            log: key("log.key")?,
            channel: key("channel.key")?,
            transport: key("transport.key")?,
            vault: key("vault.key")?,
        })
    }

    /// The key that cosigns other towns' checkpoints; none if the node is no witness yet.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn witness(settings: &Settings) -> Result<Option<SigningKey>, KeyFileError> {
        let path = settings.keys.join(WITNESS_KEY);
        if !path.exists() {
            return Ok(None);
        }
        Ok(Some(SigningKey::from_seed(&*keyfile::read(&path)?)))
    }

    /// The two that the engine signs with.
    #[must_use]
    pub fn engine(&self) -> Keys {
        Keys {
            log: SigningKey::from_seed(&self.log),
            channel: SigningKey::from_seed(&self.channel),
        }
    }

    /// The public halves, for the directory.
    #[must_use]
    pub fn public(&self) -> (PublicKey, PublicKey) {
        let engine = self.engine();
        (engine.log.public(), engine.channel.public())
    }

    /// The key that wraps the vault's keyring.
    #[must_use]
    pub fn wrapping(&self) -> WrappingKey {
        SecretBox::new(Box::new(*self.vault))
    }
}

/// Begins a node: what is there is never overwritten, so it can be called again.
///
/// # Errors
/// [`InitError`].
pub fn init(settings: &Settings) -> Result<NodeKeys, InitError> {
    let keys = NodeKeys::read_or_create(settings)?;
    std::fs::create_dir_all(&settings.data)?;
    let Some(town) = settings.town else { return Ok(keys) };
    if !settings.keys.join(WITNESS_KEY).exists() {
        std::fs::create_dir_all(settings.data.join("witness"))?;
        keyfile::create(&settings.keys.join(WITNESS_KEY))?;
    }
    let stores = Stores::of(&settings.data);
    if !settings.data.join("vault").exists() {
        Vault::create(&settings.data.join("vault"), &keys.wrapping())?;
    }
    if !stores.journal.exists() {
        let (log_key, channel_key) = keys.public();
        let opening = TownOpening {
            town,
            generation: Generation(1),
            log_key,
            channel_key,
            root: settings.root.clone(),
            rules: RulesVersion::V1,
            // `begin` sets the day of the first entry.
            date: BusinessDate::LAST,
        };
        begin(&stores, opening, &keys.engine(), SegmentBytes::DEFAULT)?;
    }
    Ok(keys)
}

/// What the federation's office needs of a node for the directory, as JSON.
#[must_use]
pub fn public_facts(settings: &Settings, keys: &NodeKeys) -> String {
    let (log, channel) = keys.public();
    let party = settings.town.map_or_else(|| "coordinator".into(), |town| town.to_string());
    let peer = crate::peer::peer_id_of_seed(&keys.transport);
    let witness = NodeKeys::witness(settings).ok().flatten();
    serde_json::json!({
        "party": party,
        "log_key": log.to_string(),
        "channel_key": channel.to_string(),
        "witness_key": witness.map(|key| key.public().to_string()),
        "peer_id": peer.to_string(),
        "addresses": settings.config.listen.peer,
    })
    .to_string()
}
