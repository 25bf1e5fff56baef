//! Library cards: which card of which library a holder linked, and the library's own system, which
//! is asked whether the card is good. Card numbers lie in the vault alone.

pub mod client;
pub mod gateway;
pub mod institution;
pub mod sip2;

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use client::{NoAnswer, Question, Sip2Client, Sip2Settings};
use gateway::Gateway;
use hyper::Uri;
use secrecy::SecretString;
use sip2::Patron;

use crate::config::LibraryConfig;

/// A library's own system. Cheap to clone.
#[derive(Debug, Clone)]
pub enum LibrarySystem {
    /// It speaks SIP2.
    Sip2(Sip2Client),
    /// It is behind a gateway.
    Gateway(Gateway),
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
