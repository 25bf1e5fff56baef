//! The command line of `jichi`.

use std::{ffi::OsString, process::ExitCode};

use clap::Parser as _;

use crate::{admin, audit, bench, demo, directory, restore, rotate};

/// Points of a town, checked by anybody.
#[derive(Debug, clap::Parser)]
#[command(name = "jichi", version)]
struct Jichi {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Two towns and a coordinator on this machine, and a story that they live through. 実演
    Demo(demo::Args),
    /// Set up and run a town, from its staff's network. 運用
    Admin(admin::Args),
    /// Check a town's log, compare two, export one. 監査
    Audit(audit::Args),
    /// Measure on this machine. 計測
    Bench(bench::Args),
    /// Write, sign and check the federation's directory. 連合名簿
    Directory(directory::Args),
    /// Copy a node's journal and vault, while it runs or not. 控えを取る
    Backup(restore::BackupArgs),
    /// Begin a new generation of a town's log behind a backup. 控えからの復旧
    Restore(restore::RestoreArgs),
    /// Sign a town's envelopes with another key. 通信用の鍵の変更
    RotateKey(rotate::RotateArgs),
    /// A node, as the program `jichi-node` runs it.
    #[command(trailing_var_arg = true, disable_help_flag = true)]
    Node {
        /// What `jichi-node` takes.
        #[arg(allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
}

/// Runs the command line. Exit codes: 0 ok, 1 the check failed, 2 usage, 3 cannot reach or read.
///
/// # Errors
/// What has no exit code of its own.
pub fn main() -> anyhow::Result<ExitCode> {
    match Jichi::parse().command {
        Command::Demo(args) => demo::run(&args),
        Command::Admin(args) => admin::run(&args),
        Command::Audit(args) => audit::run(args),
        Command::Bench(args) => bench::run(&args),
        Command::Directory(args) => directory::run(args),
        Command::Backup(args) => restore::back_up(&args),
        Command::Restore(args) => restore::restore(&args),
        Command::RotateKey(args) => rotate::run(&args),
        Command::Node { args } => Ok(jichi_node::command::main(args)),
    }
}
