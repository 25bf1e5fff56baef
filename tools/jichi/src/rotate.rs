//! `jichi rotate-key`: on the node's own machine, by its configuration.

use std::{path::PathBuf, process::ExitCode};

use anyhow::anyhow;
use jichi_node::{
    config::Settings,
    rotate::{self, Wish},
};

use crate::out;

/// What `jichi rotate-key` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct RotateArgs {
    /// The node's configuration file.
    #[arg(long)]
    config: PathBuf,
    /// Makes the key to come and prints its public half, for the directory. The node may run.
    #[arg(long, conflicts_with_all = ["maker", "approver", "stolen"])]
    prepare: bool,
    /// The sign-in name of the officer who asks for it. The node must not run.
    #[arg(long, required_unless_present = "prepare")]
    maker: Option<String>,
    /// The sign-in name of another officer, who says yes.
    #[arg(long, required_unless_present = "prepare")]
    approver: Option<String>,
    /// Somebody else may have the old key, which the directory has to revoke.
    #[arg(long)]
    stolen: bool,
}

/// Changes the key that signs envelopes. Exit codes: 0 ok, 1 it failed.
///
/// # Errors
/// When the terminal takes no message.
pub(crate) fn run(args: &RotateArgs) -> anyhow::Result<ExitCode> {
    match change(args) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => {
            out::say(&format!("jichi rotate-key: {error:#}"))?;
            Ok(ExitCode::FAILURE)
        }
    }
}

fn change(args: &RotateArgs) -> anyhow::Result<()> {
    let settings = Settings::read(&args.config)?;
    if args.prepare {
        out::line(format_args!("channel  {}", rotate::prepare(&settings)?));
        out::line(
            "連合の事務局に、この鍵を名簿の channel-key に載せてもらってください / \
             Have the federation's office name this key in the directory",
        );
        return Ok(());
    }
    let login = |name: &Option<String>| {
        let name = name.as_deref().unwrap_or_default();
        name.parse().map_err(|error| anyhow!("{name}: {error}"))
    };
    let wish =
        Wish { maker: login(&args.maker)?, approver: login(&args.approver)?, stolen: args.stolen };
    out::line(format_args!("channel  {}", rotate::rotate(&settings, &wish)?));
    out::line(
        "ノードを起動し、すぐにバックアップを取ってください。これより前の控えからは再開できません / \
         Start the node, and make a backup at once: an older one cannot be restored any more",
    );
    Ok(())
}
