//! The command for everybody who does not run a node.

#![forbid(unsafe_code)]

mod audit;
mod out;

use std::process::ExitCode;

use clap::Parser as _;

/// Points of a town, checked by anybody.
#[derive(Debug, clap::Parser)]
#[command(name = "jichi", version)]
struct Jichi {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Check a town's log, compare two, export one. 監査
    Audit(audit::Args),
}

fn main() -> anyhow::Result<ExitCode> {
    match Jichi::parse().command {
        Command::Audit(args) => audit::run(args),
    }
}
