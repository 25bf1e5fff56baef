//! `jichi admin recovery`: how far a restore is, and the towns that cannot be heard.

use serde_json::{Value, json};

use super::{Desk, approve, expect_done};
use crate::{client::new_key, out};

/// What `jichi admin recovery` takes; without an option it prints how far the restore is.
#[derive(Debug, clap::Args)]
pub(crate) struct RecoveryArgs {
    #[command(flatten)]
    desk: Desk,
    /// A town that cannot be heard: local spends are not to wait for it. May be given several
    /// times. Another officer has to approve.
    #[arg(long = "unheard", conflicts_with = "approve")]
    unheard: Vec<String>,
    /// The proposal of another officer, which is approved.
    #[arg(long)]
    approve: Option<String>,
}

/// Prints how far a restore is, proposes, or approves.
///
/// # Errors
/// When the node cannot be reached or refuses.
pub(super) fn run(args: &RecoveryArgs) -> anyhow::Result<()> {
    let client = args.desk.sign_in()?;
    if let Some(proposal) = &args.approve {
        return approve(&client, proposal);
    }
    if !args.unheard.is_empty() {
        let body = json!({"towns": args.unheard});
        let done = expect_done(client.post("/v1/restore/unheard", Some(&new_key()?), &body)?)?;
        let proposal = done.get("proposal").and_then(Value::as_str).unwrap_or_default();
        out::line(format_args!("proposal {proposal}"));
        return Ok(());
    }
    let state = expect_done(client.get("/v1/restore")?)?;
    Ok(out::result(&format!("{state:#}\n"))?)
}
