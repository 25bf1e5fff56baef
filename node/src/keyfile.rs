//! Key files: 32 bytes as hexadecimal digits, readable by their owner alone.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use jichi_protocol::{
    digest::{Hex, from_hex},
    directory::PeerId,
};
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

/// Most bytes of a key file that are read: the digits, a line end, and one to see more.
const KEY_FILE_BYTES_MAX: u64 = 67;
const KEY_FILE_ROOM: usize = 128;

/// The seed of a key.
pub type Seed = Zeroizing<[u8; 32]>;

/// Reads a key file.
///
/// # Errors
/// [`KeyFileError`].
pub fn read(path: &Path) -> Result<Seed, KeyFileError> {
    let io = |source| KeyFileError::Io { path: path.to_path_buf(), source };
    // The rights are those of the file that is read, also if another takes its name meanwhile.
    let file = File::open(path).map_err(io)?;
    let mode = file.metadata().map_err(io)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Readable(path.to_path_buf()));
    }
    // Room for every file that is read, so that no copy of the key stays behind in the heap.
    let mut text = Zeroizing::new(String::with_capacity(KEY_FILE_ROOM));
    file.take(KEY_FILE_BYTES_MAX).read_to_string(&mut text).map_err(io)?;
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

/// Who the holder of a transport key is on a connection, as the directory names it.
#[must_use]
pub fn peer_id_of(seed: &Seed) -> PeerId {
    let Ok(id) = PeerId::new(&crate::peer::peer_id_of_seed(seed).to_bytes()) else {
        unreachable!("the id of an Ed25519 key has 38 bytes")
    };
    id
}

/// A transport id as libp2p writes it (base58).
#[must_use]
pub fn peer_id_text(id: &PeerId) -> String {
    libp2p::PeerId::from_bytes(id.as_bytes())
        .map_or_else(|_| Hex(id.as_bytes()).to_string(), |id| id.to_string())
}

/// Text that is no transport id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a peer id such as 12D3KooW...; `jichi directory keygen` prints one")]
pub struct NotAPeerId;

/// Reads a transport id as libp2p writes it (base58).
///
/// # Errors
/// [`NotAPeerId`].
pub fn peer_id_from_text(text: &str) -> Result<PeerId, NotAPeerId> {
    let id: libp2p::PeerId = text.parse().map_err(|_| NotAPeerId)?;
    PeerId::new(&id.to_bytes()).map_err(|_| NotAPeerId)
}

#[cfg(test)]
mod tests;
