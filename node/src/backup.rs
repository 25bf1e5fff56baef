//! A backup: a copy of journal and vault, of a node that runs or not. Never the wrapping key, and
//! never what was cosigned.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use jichi_protocol::id::EntryIndex;

use crate::{
    documents::store::{DOCUMENT_FILE, STATEMENT_FILE},
    journal::{copy::copy, damage::OpenError, sector::Log},
};

/// The list of officers.
const STAFF: &str = "staff.toml";
const KEYRING: &str = "keyring";

/// Why there is no backup, or none was laid in place.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A log.
    #[error(transparent)]
    Log(#[from] OpenError),
    /// A file.
    #[error("{path}: {source}")]
    Io {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Where it should go, something lies.
    #[error("{0} is not empty: name a folder that is")]
    NotEmpty(PathBuf),
}

/// Copies a node's data folder, or a backup of it; how many entries the journal has comes back.
///
/// The journal is copied first, then the keyring, then the records: what an entry names was
/// durable before it, so it is in the copy.
///
/// # Errors
/// [`BackupError`]; what was copied by then is of no use.
pub fn backup(data: &Path, to: &Path) -> Result<EntryIndex, BackupError> {
    let io = |path: &Path| {
        let path = path.to_path_buf();
        move |source| BackupError::Io { path, source }
    };
    fs::create_dir_all(to).map_err(io(to))?;
    if fs::read_dir(to).map_err(io(to))?.next().is_some() {
        return Err(BackupError::NotEmpty(to.to_path_buf()));
    }
    let entries = copy(&data.join("journal"), &to.join("journal"), Log::Journal)?;
    let (vault, copied) = (data.join("vault"), to.join("vault"));
    fs::create_dir_all(&copied).map_err(io(&copied))?;
    file(&vault, &copied, KEYRING)?;
    copy(&vault.join("records"), &copied.join("records"), Log::Vault)?;
    file(data, to, STAFF)?;
    let (documents, copied) = (data.join("documents"), to.join("documents"));
    fs::create_dir_all(&copied).map_err(io(&copied))?;
    file(&documents, &copied, DOCUMENT_FILE)?;
    file(&documents, &copied, STATEMENT_FILE)?;
    lists(&documents.join("lists"), &copied.join("lists"))?;
    let folders = [copied, to.join("vault"), to.to_path_buf()];
    folders.iter().try_for_each(|folder| {
        let synced = fs::File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(io(folder))
    })?;
    Ok(entries)
}

/// Copies the public lists. Statements first: a document holds what its statement before needs.
fn lists(from: &Path, to: &Path) -> Result<(), BackupError> {
    let io = |path: &Path| {
        let path = path.to_path_buf();
        move |source| BackupError::Io { path, source }
    };
    if !from.exists() {
        return Ok(());
    }
    fs::create_dir_all(to).map_err(io(to))?;
    let found = fs::read_dir(from).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let names: Vec<String> = found
        .map_err(io(from))?
        .into_iter()
        .filter_map(|file| file.file_name().into_string().ok())
        .collect();
    for ending in [".statement", ".automerge", ".fork"] {
        let these = names.iter().filter(|name| name.ends_with(ending));
        these.into_iter().try_for_each(|name| file(from, to, name))?;
    }
    fs::File::open(to).and_then(|folder| folder.sync_all()).map_err(io(to))
}

/// Copies a file for its owner's eyes, if it is there.
fn file(from: &Path, to: &Path, name: &str) -> Result<(), BackupError> {
    let (from, to) = (from.join(name), to.join(name));
    let bytes = match fs::read(&from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        bytes => bytes.map_err(|source| BackupError::Io { path: from, source })?,
    };
    let written = || {
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&to)?;
        file.write_all(&bytes)?;
        file.sync_all()
    };
    written().map_err(|source| BackupError::Io { path: to.clone(), source })
}
