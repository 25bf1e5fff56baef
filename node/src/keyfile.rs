//! Key files: 32 bytes as hexadecimal digits, readable by their owner alone.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use jichi_protocol::digest::{Hex, from_hex};
use zeroize::Zeroizing;

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file system.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others may read it.
    #[error("{0}: others may read this key; set its mode to 0600, and change the key if they did")]
    Readable(PathBuf),
    /// Not 64 hexadecimal digits.
    #[error("{0}: not a key of 64 hexadecimal digits")]
    Form(PathBuf),
}

/// The seed of a key.
pub type Seed = Zeroizing<[u8; 32]>;

/// Reads a key file.
///
/// # Errors
/// [`KeyFileError`].
pub fn read(path: &Path) -> Result<Seed, KeyFileError> {
    let io = |source| KeyFileError::Io { path: path.to_path_buf(), source };
    let mode = fs::metadata(path).map_err(io)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Readable(path.to_path_buf()));
    }
    let text = Zeroizing::new(fs::read_to_string(path).map_err(io)?);
    let seed = from_hex(text.trim_end()).map_err(|_| KeyFileError::Form(path.to_path_buf()))?;
    Ok(Zeroizing::new(seed))
}

/// Makes a key file with a new key, which must not exist yet.
///
/// # Errors
/// [`KeyFileError`].
pub fn create(path: &Path) -> Result<Seed, KeyFileError> {
    let io = |source| KeyFileError::Io { path: path.to_path_buf(), source };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(io)?;
    }
    let mut seed = Zeroizing::new([0_u8; 32]);
    getrandom::fill(seed.as_mut_slice()).map_err(|error| io(io::Error::other(error)))?;
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path).map_err(io)?;
    let text = Zeroizing::new(format!("{}\n", Hex(seed.as_slice())));
    file.write_all(text.as_bytes()).map_err(io)?;
    file.sync_all().map_err(io)?;
    Ok(seed)
}

/// Reads a key file, or makes it if there is none.
///
/// # Errors
/// [`KeyFileError`].
pub fn read_or_create(path: &Path) -> Result<Seed, KeyFileError> {
    if path.exists() { read(path) } else { create(path) }
}
