//! `jichi admin charges`: the file that a street's card system is told by, and its answer.

use std::{fs, path::PathBuf};

use anyhow::Context as _;
use serde_json::{Value, json};

use super::{Desk, expect_done};
use crate::out;

/// What `jichi admin charges` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct ChargeArgs {
    #[command(flatten)]
    desk: Desk,
    /// The street's scheme, by its number.
    #[arg(long)]
    scheme: u32,
    /// The card system's file: `charge,result,reference`. Without it the open charges are printed
    /// as the CSV that the card system gets.
    #[arg(long)]
    answers: Option<PathBuf>,
}

/// Prints the open charges, or sends the card system's answers.
///
/// # Errors
/// When the node cannot be reached or refuses.
pub(super) fn run(args: &ChargeArgs) -> anyhow::Result<()> {
    let client = args.desk.sign_in()?;
    let Some(path) = &args.answers else {
        let file = client.text(&format!("/v1/charges/open.csv?scheme={}", args.scheme))?;
        out::result(&file)?;
        return Ok(());
    };
    let csv = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let body = json!({"scheme": args.scheme, "csv": csv});
    let answered = expect_done(client.post("/v1/charges/answers", None, &body)?)?;
    for line in answered.as_array().into_iter().flatten() {
        let field = |name: &str| line.get(name).map(Value::to_string).unwrap_or_default();
        let result = field("result");
        out::line(format!("{} {} {}", field("line"), field("charge"), result.trim_matches('"')));
    }
    Ok(())
}
