//! `jichi backup` and `jichi restore`: on the node's own machine, by its configuration.

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context as _, anyhow};
use jichi_node::{
    backup,
    config::Settings,
    restore::{self, Begun, Wish},
};

use crate::{
    admin::{Desk, expect_done},
    client::new_key,
    out,
};

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
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct RestoreArgs {
    #[command(flatten)]
    begin: Option<BeginArgs>,
    #[command(subcommand)]
    then: Option<Then>,
}

/// What is done while the restored node runs.
#[derive(Debug, clap::Subcommand)]
enum Then {
    /// Payments that the backup does not have, by their receipts: the town bears them. 控えの取込み
    AdmitReceipts {
        #[command(flatten)]
        desk: Desk,
        /// Receipts as shops and residents kept them, each a C2SP tlog-proof.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

/// What begins a new generation.
#[derive(Debug, clap::Args)]
struct BeginArgs {
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
    let done = match (&args.then, &args.begin) {
        (Some(Then::AdmitReceipts { desk, files }), _) => admit(desk, files),
        (None, Some(args)) => begin(args).map(|begun| tell(&begun)),
        (None, None) => Err(anyhow!("name --config, --from, --maker and --approver")),
    };
    ended("restore", done)
}

/// Sends receipts one by one; those before one that is refused stand, and can be sent again.
fn admit(desk: &Desk, files: &[PathBuf]) -> anyhow::Result<()> {
    let client = desk.sign_in()?;
    for path in files {
        let receipt = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let body = serde_json::json!({"receipt": receipt});
        let reply = client.post("/v1/restore/receipts", Some(&new_key()?), &body)?;
        if reply.code() == "exists" {
            out::line(format_args!("{}: 登録済み / is there already", path.display()));
            continue;
        }
        expect_done(reply).with_context(|| path.display().to_string())?;
        out::line(format_args!("{}: 取り込みました / admitted", path.display()));
    }
    Ok(())
}

fn begin(args: &BeginArgs) -> anyhow::Result<Begun> {
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
