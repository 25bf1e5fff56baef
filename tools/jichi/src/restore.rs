//! `jichi backup` and `jichi restore`: on the node's own machine, by its configuration.

use std::{path::PathBuf, process::ExitCode};

use anyhow::anyhow;
use jichi_node::{
    backup,
    config::Settings,
    restore::{self, Begun, Wish},
};

use crate::out;

/// Something could not be read, written or restored.
const FAILED: u8 = 1;

/// What `jichi backup` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct BackupArgs {
    /// The node's configuration file. The node may run.
    #[arg(long)]
    config: PathBuf,
    /// An empty folder, best on another machine. It holds neither keys nor `witness/`.
    #[arg(long)]
    to: PathBuf,
}

/// What `jichi restore` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct RestoreArgs {
    /// The node's configuration file. The node must not run.
    #[arg(long)]
    config: PathBuf,
    /// A backup; or the data folder itself, if its journal is the newest copy that there is.
    #[arg(long)]
    from: PathBuf,
    /// The sign-in name of the officer who asks for it.
    #[arg(long)]
    maker: String,
    /// The sign-in name of another officer, who says yes.
    #[arg(long)]
    approver: String,
    /// The newest register of erased persons, if it is not `erased.txt` beside the keys.
    #[arg(long)]
    erased: Option<PathBuf>,
}

/// Copies a node's journal and vault. Exit codes: 0 ok, 1 it failed.
///
/// # Errors
/// When the terminal takes no message.
pub(crate) fn back_up(args: &BackupArgs) -> anyhow::Result<ExitCode> {
    let copied = Settings::read(&args.config)
        .map_err(anyhow::Error::from)
        .and_then(|settings| Ok(backup::backup(&settings.data, &args.to)?));
    ended("backup", copied.map(|entries| {
        out::line(format_args!("{}: {entries} entries", args.to.display()));
        out::line("控えは鍵を含みません。鍵は別に保管してください / The copy holds no key: keep the keys elsewhere");
    }))
}

/// Begins a new generation behind a backup. Exit codes: 0 ok, 1 it failed.
///
/// # Errors
/// When the terminal takes no message.
pub(crate) fn restore(args: &RestoreArgs) -> anyhow::Result<ExitCode> {
    ended("restore", begin(args).map(|begun| tell(&begun)))
}

fn begin(args: &RestoreArgs) -> anyhow::Result<Begun> {
    let settings = Settings::read(&args.config)?;
    let login = |name: &String| name.parse().map_err(|error| anyhow!("{name}: {error}"));
    let wish = Wish {
        from: args.from.clone(),
        maker: login(&args.maker)?,
        approver: login(&args.approver)?,
        erased: args.erased.clone(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    Ok(runtime.block_on(restore::restore(&settings, &wish))?)
}

fn tell(begun: &Begun) {
    let names = |towns: &std::collections::BTreeSet<jichi_protocol::id::TownId>| {
        let names: Vec<String> = towns.iter().map(ToString::to_string).collect();
        if names.is_empty() { "-".to_owned() } else { names.join(" ") }
    };
    out::line(format_args!("generation  {}", begun.generation));
    out::line(format_args!("entries     {}", begun.size));
    let cosigned = begun.cosigned.map_or_else(|| "-".to_owned(), |size| size.to_string());
    out::line(format_args!("cosigned    {cosigned}"));
    out::line(format_args!("heard       {}", names(&begun.heard)));
    out::line(format_args!("not heard   {}", names(&begun.unheard)));
    out::line(format_args!("directory   {}", begun.facts));
    out::line(
        "連合の事務局に、この世代と証人の鍵を名簿に載せてもらってから、ノードを起動してください / \
         Have the federation's office name this generation and the witness key in the directory; \
         then start the node",
    );
}

fn ended(what: &str, done: anyhow::Result<()>) -> anyhow::Result<ExitCode> {
    match done {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => {
            out::say(&format!("jichi {what}: {error:#}"))?;
            Ok(ExitCode::from(FAILED))
        }
    }
}
