//! Small files that are replaced as a whole: after a crash the old one or the new one is there.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::Path,
};

/// Writes a file of a folder, in place of an older one, and waits until it is on the disk.
///
/// # Errors
/// Those of the file system; the older file is then still there.
pub fn replace(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let new = folder.join(format!("{name}.new"));
    let mut file = File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    // A crash here: the old file, and one that the next write takes over.
    fs::rename(&new, folder.join(name))?;
    File::open(folder)?.sync_all()
}
