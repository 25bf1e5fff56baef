//! Library cards: which card of which library a holder linked, and the library's own system, which
//! is asked whether the card is good. Card numbers lie in the vault alone.

pub mod cards;
pub mod client;
pub mod gateway;
pub mod institution;
pub mod sip2;
pub mod work;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use cards::LibraryCards;
use client::{NoAnswer, Question, Sip2Client, Sip2Settings};
use gateway::Gateway;
use hyper::Uri;
use institution::{Institution, Institutions, NotInstitutions};
use jichi_protocol::id::TownId;
use secrecy::SecretString;
use sip2::Patron;

use crate::{
    config::{LibraryConfig, Settings},
    person::PersonError,
    vault::Vault,
};

/// A library's own system. Cheap to clone.
#[derive(Debug, Clone)]
pub enum LibrarySystem {
    /// It speaks SIP2.
    Sip2(Sip2Client),
    /// It is behind a gateway.
    Gateway(Gateway),
}

/// What a node knows of library cards. Cheap to clone.
#[derive(Clone)]
pub struct Library(Arc<Parts>);

struct Parts {
    system: Option<LibrarySystem>,
    institutions: Institutions,
    cards: LibraryCards,
}

/// Why the configuration's part about libraries cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// The library's own system.
    #[error(transparent)]
    System(#[from] NoLibrarySystem),
    /// The list of institutions.
    #[error("`institutions`: {0}")]
    Institutions(#[from] NotInstitutions),
    /// The numbers in the vault.
    #[error(transparent)]
    Cards(#[from] PersonError),
}

impl Library {
    /// What a configuration says, with the numbers of a vault.
    ///
    /// # Errors
    /// [`LibraryError`].
    pub fn open(settings: &Settings, vault: Vault) -> Result<Self, LibraryError> {
        let folder = &settings.folder;
        let system = settings.config.library.as_ref();
        let system = system.map(|config| LibrarySystem::open(config, folder)).transpose()?;
        let named = settings.config.institutions.as_ref().map(|path| folder.join(path));
        let institutions = Institutions::read(named.as_deref())?;
        Ok(Self::new(system, institutions, LibraryCards::open(vault)?))
    }

    /// Puts it together.
    #[must_use]
    pub fn new(
        system: Option<LibrarySystem>,
        institutions: Institutions,
        cards: LibraryCards,
    ) -> Self {
        Self(Arc::new(Parts { system, institutions, cards }))
    }

    /// The library's own system, if there is one.
    #[must_use]
    pub fn system(&self) -> Option<&LibrarySystem> {
        self.0.system.as_ref()
    }

    /// The bodies whose libraries take linked cards.
    pub fn institutions(&self) -> impl Iterator<Item = &Institution> {
        self.0.institutions.iter()
    }

    /// The body of a code.
    #[must_use]
    pub fn find(&self, code: TownId) -> Option<&Institution> {
        self.0.institutions.find(code)
    }

    /// The name of a body in both languages; its code, where the list does not have it any more.
    #[must_use]
    pub fn name_of(&self, code: TownId) -> (String, String) {
        let unnamed = || (code.to_string(), code.to_string());
        self.find(code).map_or_else(unnamed, |body| (body.name_ja.clone(), body.name_en.clone()))
    }

    /// The numbers of linked cards.
    #[must_use]
    pub fn cards(&self) -> &LibraryCards {
        &self.0.cards
    }
}

/// Why a library's system cannot be asked as it is configured.
#[derive(Debug, thiserror::Error)]
pub enum NoLibrarySystem {
    /// The file of the secret.
    #[error("{path}: {source}")]
    Secret {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The address.
    #[error("`library.url` has to be an http address")]
    Url,
}

impl LibrarySystem {
    /// The system of a configuration that lies in a folder.
    ///
    /// # Errors
    /// [`NoLibrarySystem`].
    pub fn open(config: &LibraryConfig, folder: &Path) -> Result<Self, NoLibrarySystem> {
        match config.clone() {
            LibraryConfig::Sip2 {
                host,
                port,
                user,
                password_file,
                location,
                institution,
                encoding,
            } => {
                let password = secret(&folder.join(password_file))?;
                let settings =
                    Sip2Settings { host, port, user, password, location, institution, encoding };
                Ok(Self::Sip2(Sip2Client::new(settings)))
            }
            LibraryConfig::Gateway { url, token_file } => {
                let url: Uri = url.parse().map_err(|_| NoLibrarySystem::Url)?;
                if url.scheme_str() != Some("http") || url.authority().is_none() {
                    return Err(NoLibrarySystem::Url);
                }
                Ok(Self::Gateway(Gateway::new(url, secret(&folder.join(token_file))?)))
            }
        }
    }

    /// Asks about a card, within a time.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub async fn ask(
        &self,
        question: Question,
        number: &str,
        within: Duration,
    ) -> Result<Patron, NoAnswer> {
        match self {
            Self::Sip2(client) => client.ask(question, number, within).await,
            Self::Gateway(gateway) => gateway.ask(number, within).await,
        }
    }
}

/// The text of a secret's file, without the line's end.
fn secret(path: &Path) -> Result<SecretString, NoLibrarySystem> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(SecretString::from(text.trim_end_matches(['\r', '\n']))),
        Err(source) => Err(NoLibrarySystem::Secret { path: path.to_path_buf(), source }),
    }
}
