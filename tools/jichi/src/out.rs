//! Where everything is printed: results to stdout, progress to stderr.

use std::{
    fmt::Display,
    io::{self, Write as _},
};

/// Prints a line of the result. A reader that has gone ends the output, not the command.
pub fn line(text: impl Display) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// Prints a line about what is going on.
pub fn progress(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
