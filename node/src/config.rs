//! The configuration file of a node, read strictly: an unknown key is an error.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use jichi_protocol::{directory::DirectoryRoot, id::TownId, signature::PublicKey};
use serde::Deserialize;

use crate::{library::sip2::Encoding, print::FONT_DEFAULT};

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeRole {
    /// A town's node: accounts, merchants, journal.
    Municipality,
    /// The federation's office: routes conversions, holds no points.
    Coordinator,
}

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What the node is.
    pub role: NodeRole,
    /// The town; a coordinator has none.
    pub town: Option<TownConfig>,
    /// Where the stores lie, relative to the file.
    pub data: PathBuf,
    /// Where the keys lie, relative to the file.
    pub keys: PathBuf,
    /// Where it listens.
    pub listen: Listen,
    /// Whom it believes about the federation.
    pub directory: DirectoryConfig,
    /// When it goes to its witnesses.
    #[serde(default)]
    pub witness: WitnessConfig,
    /// How it prints.
    #[serde(default)]
    pub print: PrintConfig,
    /// The streets' card systems that are told by their API.
    #[serde(default)]
    pub card_systems: Vec<CardSystemConfig>,
    /// The town's own library's system; none if its library takes no linked cards.
    pub library: Option<LibraryConfig>,
    /// A file of the bodies whose libraries take linked cards, relative to this one; the 32 that
    /// come with the project if none is named.
    pub institutions: Option<PathBuf>,
    /// The companies that a coordinator routes for.
    #[serde(default)]
    pub companies: Vec<CompanyConfig>,
}

/// A town's code and name.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TownConfig {
    /// The municipality code.
    pub code: String,
    /// The name in Japanese.
    pub name_ja: String,
    /// The name in English.
    pub name_en: String,
}

/// The listeners, each separately bound.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    /// Residents, everybody; at a coordinator: companies.
    pub public: SocketAddr,
    /// Shops' terminals. Not at a coordinator.
    pub terminal: Option<SocketAddr>,
    /// Officers and auditors. Not at a coordinator.
    pub staff: Option<SocketAddr>,
    /// Health and metrics.
    pub metrics: SocketAddr,
    /// Other nodes, as libp2p multiaddresses. Empty for a node that only dials.
    pub peer: Vec<String>,
    /// `https` where a proxy in front speaks TLS; `http` on loopback only.
    pub public_scheme: String,
    /// The public addresses that sites sign for, such as `https://points.example`, where a proxy
    /// stands in front.
    #[serde(default)]
    pub public_origins: Vec<String>,
}

/// The pinned root of the federation's directory.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectoryConfig {
    /// Public keys, hexadecimal.
    pub root: Vec<String>,
    /// How many of them have to sign.
    pub threshold: u8,
}

/// When the node takes its checkpoints to its witnesses.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WitnessConfig {
    /// Every so many seconds, if the log has grown.
    pub every_s: u64,
}

impl Default for WitnessConfig {
    fn default() -> Self {
        Self { every_s: 60 }
    }
}

/// How tickets, slips and statements are printed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrintConfig {
    /// A TrueType or OpenType font with Japanese, of which the PDF embeds what it needs.
    pub font: PathBuf,
}

impl Default for PrintConfig {
    fn default() -> Self {
        Self { font: FONT_DEFAULT.into() }
    }
}

/// A street's card system that is told of charges by its API.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardSystemConfig {
    /// The scheme's number.
    pub scheme: u32,
    /// Where charges are posted, such as `http://127.0.0.1:8301/charges`: on this machine, or
    /// through a proxy on it that speaks TLS to the card system.
    pub url: String,
}

/// A library's system, which is asked whether a card is good.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum LibraryConfig {
    /// Over SIP2. It is clear text: on this machine, or through a tunnel that ends on it.
    Sip2 {
        /// The host.
        host: String,
        /// The port; 6001 at Koha.
        port: u16,
        /// The terminal's name there.
        user: String,
        /// A file with its password, relative to this one.
        password_file: PathBuf,
        /// Where the terminal stands.
        location: String,
        /// The library, as its system names it.
        institution: String,
        /// `utf8` or `cp932`.
        #[serde(default)]
        encoding: Encoding,
    },
    /// Over HTTP, where it speaks no SIP2.
    Gateway {
        /// Where questions are posted, such as `http://127.0.0.1:8401/cards`: on this machine, or
        /// through a proxy on it that speaks TLS to the library.
        url: String,
        /// A file with the token that it knows this node by, relative to this one.
        token_file: PathBuf,
    },
}

/// A company that a coordinator routes for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompanyConfig {
    /// Its id in the catalogue.
    pub company: String,
    /// The public key of its conversion statements and requests, hexadecimal.
    pub public_key: String,
    /// How many of its points it may convert a day, all towns together.
    pub daily_quota: u64,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Not of this form.
    #[error("{path}: {source}")]
    Form {
        /// Which file.
        path: PathBuf,
        /// Where and what.
        source: Box<toml::de::Error>,
    },
    /// A value that is not of its kind.
    #[error("{path}: `{key}` is not right: {what}")]
    Value {
        /// Which file.
        path: PathBuf,
        /// Which key.
        key: &'static str,
        /// What it should be.
        what: &'static str,
    },
}

/// A configuration whose values were read.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The file's own words.
    pub config: Config,
    /// The stores, as a path that can be opened from here.
    pub data: PathBuf,
    /// The keys, likewise.
    pub keys: PathBuf,
    /// Where the file lies, for what it names besides.
    pub folder: PathBuf,
    /// The pinned root.
    pub root: DirectoryRoot,
    /// The town, at a municipality.
    pub town: Option<TownId>,
}

impl Settings {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// [`ConfigError`], which names the key.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path)
            .map_err(|source| ConfigError::Io { path: path.to_path_buf(), source })?;
        let config: Config = toml::from_str(&text).map_err(|source| ConfigError::Form {
            path: path.to_path_buf(),
            source: Box::new(source),
        })?;
        let wrong = |key, what| ConfigError::Value { path: path.to_path_buf(), key, what };
        let base = path.parent().unwrap_or_else(|| Path::new(""));
        let keys: Result<Vec<PublicKey>, _> =
            config.directory.root.iter().map(|key| key.parse()).collect();
        let keys = keys.map_err(|_| wrong("directory.root", "64 hexadecimal digits a key"))?;
        let root = DirectoryRoot::new(keys, config.directory.threshold)
            .map_err(|_| wrong("directory.threshold", "1 up to the number of root keys"))?;
        let town = match (&config.town, config.role) {
            (Some(town), NodeRole::Municipality) => Some(
                town.code
                    .parse()
                    .map_err(|_| wrong("town.code", "six digits with the right check digit"))?,
            ),
            (None, NodeRole::Coordinator) => None,
            (Some(_), NodeRole::Coordinator) => {
                return Err(wrong("town", "a coordinator has no town"));
            }
            (None, NodeRole::Municipality) => {
                return Err(wrong("town", "a municipality needs its town"));
            }
        };
        if town.is_some() && (config.listen.terminal.is_none() || config.listen.staff.is_none()) {
            return Err(wrong("listen", "a municipality needs `terminal` and `staff`"));
        }
        let (data, keys) = (base.join(&config.data), base.join(&config.keys));
        let folder = base.to_path_buf();
        Ok(Self { config, data, keys, folder, root, town })
    }
}
