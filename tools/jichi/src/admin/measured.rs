//! `jichi admin steps` and `jichi admin exchange`: a file goes in, the reply file comes out.

use std::{fs, path::PathBuf};

use anyhow::Context as _;

use super::{Desk, Refused};
use crate::out;

/// A file of steps, or of points of another scheme.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Measured {
    #[command(flatten)]
    desk: Desk,
    /// The programme's number.
    #[arg(long)]
    programme: u32,
    /// The CSV, in UTF-8 or CP932: participant's number, day, steps; or participant's number,
    /// points.
    file: PathBuf,
}

/// Sends the file to the programme's `steps` or `exchange`, and prints the reply file.
pub(super) fn send(measured: &Measured, what: &str) -> anyhow::Result<()> {
    let path = &measured.file;
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    let client = measured.desk.sign_in()?;
    let address = format!("/v1/programmes/{}/{what}", measured.programme);
    let (status, reply) = client.post_bytes(&address, "text/csv", &bytes)?;
    if status == 200 {
        out::line(reply.trim_end());
        return Ok(());
    }
    Err(Refused(format!("{status}: {reply}")).into())
}
