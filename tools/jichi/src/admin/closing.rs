//! `jichi admin closing`: a town closes for good, or merges into another; which towns have.

use serde_json::{Value, json};

use super::{Desk, approve, expect_done};
use crate::{client::new_key, out};

/// What `jichi admin closing` takes; without an option it prints what is closed.
#[derive(Debug, clap::Args)]
pub(crate) struct ClosingArgs {
    #[command(flatten)]
    desk: Desk,
    /// Propose that this town closes. Nothing is decided in it any more, and this cannot be taken
    /// back. Another officer has to approve.
    #[arg(long, conflicts_with = "approve")]
    propose: bool,
    /// The town that goes on with its residents and shops.
    #[arg(long, requires = "propose")]
    successor: Option<String>,
    /// The proposal of another officer, which is approved.
    #[arg(long)]
    approve: Option<String>,
}

/// Prints what is closed, proposes, or approves.
///
/// # Errors
/// When the node cannot be reached or refuses.
pub(super) fn run(args: &ClosingArgs) -> anyhow::Result<()> {
    let client = args.desk.sign_in()?;
    if let Some(proposal) = &args.approve {
        return approve(&client, proposal);
    }
    if args.propose {
        let body = json!({"successor": args.successor});
        let done = expect_done(client.post("/v1/closing", Some(&new_key()?), &body)?)?;
        let proposal = done.get("proposal").and_then(Value::as_str).unwrap_or_default();
        out::line(format_args!("proposal {proposal}"));
        return Ok(());
    }
    let state = expect_done(client.get("/v1/closing")?)?;
    Ok(out::result(&format!("{state:#}\n"))?)
}
