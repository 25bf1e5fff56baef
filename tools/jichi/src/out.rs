//! Prints: results to standard output, all else to standard error.

use std::{
    fmt::Display,
    io::{self, IsTerminal as _, Write as _},
};

/// Prints a line of the result. A reader that has gone ends the output, not the command.
pub(crate) fn line(text: impl Display) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// Prints a line about what is going on.
pub(crate) fn progress(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Writes a result, as it is.
///
/// # Errors
/// When standard output takes no more.
pub(crate) fn result(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Says something to the person at the terminal, on a line of its own.
///
/// # Errors
/// When standard error takes no more.
pub(crate) fn say(text: &str) -> io::Result<()> {
    writeln!(io::stderr().lock(), "{}", text.trim_end())
}

/// How far something long is: one line on a terminal, and nothing elsewhere.
#[derive(Debug)]
pub(crate) struct Bar {
    what: &'static str,
    /// The percentage that is shown; none where there is no terminal.
    shown: Option<u64>,
}

impl Bar {
    /// A bar of things that are done with.
    pub(crate) fn new(what: &'static str) -> Self {
        Self { what, shown: io::stderr().is_terminal().then_some(u64::MAX) }
    }

    /// Shows how many are done.
    pub(crate) fn show(&mut self, done: u64, all: u64) {
        let percent = done.saturating_mul(100).checked_div(all).unwrap_or(100);
        if self.shown.is_some_and(|shown| shown != percent) {
            self.shown = Some(percent);
            let what = self.what;
            // A terminal that is gone does not stop the work.
            let _ = write!(io::stderr().lock(), "\r{percent:>3} %  {done} of {all} {what}");
        }
    }

    /// Takes the line away.
    pub(crate) fn clear(&self) {
        if self.shown.is_some() {
            let _ = write!(io::stderr().lock(), "\r\x1b[K");
        }
    }
}
