//! Fail stop: a thread on which durability rests ends in order or takes the process with it.

use std::{
    fmt::Display,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    process,
    thread::{Builder, JoinHandle},
};

/// Runs `work` in a thread of its own. If it unwinds or gives a halt, the process aborts at once:
/// state in memory may be ahead of the disk, so nobody may be answered any more.
///
/// # Errors
/// If the system starts no thread.
pub fn spawn<H: Display>(
    name: &'static str,
    work: impl FnOnce() -> Result<(), H> + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    Builder::new().name(name.to_owned()).spawn(move || {
        // Nothing that the work touched is looked at afterwards.
        match catch_unwind(AssertUnwindSafe(work)) {
            Ok(Ok(())) => {}
            Ok(Err(halt)) => {
                tracing::error!(thread = name, %halt, "stopping the process");
                process::abort();
            }
            Err(_) => {
                // The panic hook has told what and where.
                tracing::error!(thread = name, "unwound; stopping the process");
                process::abort();
            }
        }
    })
}

#[cfg(test)]
mod tests;
