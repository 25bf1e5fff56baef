//! A copy of a log that may be written to meanwhile: what is good in it, up to a frame's end.

use std::{fs::File, io::Read as _, path::Path, thread, time::Duration};

use jichi_protocol::id::EntryIndex;

use super::{
    Verify,
    damage::OpenError,
    prepare_error,
    sector::{self, Log},
    segment::{self, Route},
    survey::{self, Survey},
};

/// How often a log is looked at that seems damaged: a frame may be on its way to the disk.
const LOOKS_MAX: u32 = 4;
const LOOK_PAUSE: Duration = Duration::from_millis(100);

/// Copies a log into a folder that holds none; how many entries it has comes back. Needs no lock
/// and changes nothing in `from`.
///
/// # Errors
/// [`OpenError`]; what was copied by then stays.
pub fn copy(from: &Path, to: &Path, log: Log) -> Result<EntryIndex, OpenError> {
    let io = |path: &Path| {
        let path = path.to_path_buf();
        move |source| OpenError::Io { path, source }
    };
    std::fs::create_dir_all(to).map_err(io(to))?;
    if !segment::list(to).map_err(io(to))?.is_empty() {
        return Err(OpenError::AlreadyThere(to.to_path_buf()));
    }
    let found = look(from, log)?;
    let (last, sector) = found.end;
    for (number, bytes) in found.segments.iter().copied().filter(|(number, _)| *number <= last) {
        let good = if number == last { sector::offset(sector) } else { bytes };
        let path = segment::path(from, number);
        let mut copied = Vec::new();
        let file = File::open(&path).map_err(io(&path))?;
        file.take(good).read_to_end(&mut copied).map_err(io(&path))?;
        segment::write_new(to, number, &copied, bytes)
            .map_err(|error| prepare_error(to, bytes, error))?;
    }
    Ok(found.chain.next)
}

fn look(from: &Path, log: Log) -> Result<Survey, OpenError> {
    let survey = || survey::survey(from, log, (Verify::Tail, Route::Plain), &mut |_| {});
    for _ in 1..LOOKS_MAX {
        match survey() {
            Err(OpenError::Damage(_)) => thread::sleep(LOOK_PAUSE),
            found => return found,
        }
    }
    survey()
}
