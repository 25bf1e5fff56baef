//! `jichi admin`: what a town's staff does from a command line instead of a page.

pub mod report;
mod bulk;
mod charge;
// Printed tickets.
mod ticket;
mod import;
mod list;
mod measured;
mod closing;
mod recovery;

use std::{env, fs, io::Read as _, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};

use crate::{
    client::{Client, new_key},
    out,
};

/// What `jichi admin` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

/// Which node, and who asks. The password comes from the environment (`JICHI_PASSWORD`) or from
/// a file, never from the command line, which others on the machine can read.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Desk {
    /// The node's staff listener, like http://127.0.0.1:8103.
    #[arg(long, env = "JICHI_NODE")]
    node: String,
    /// The officer's sign-in name.
    #[arg(long, env = "JICHI_LOGIN")]
    login: String,
    /// A file that holds the password; `-` reads it from standard input.
    #[arg(long)]
    password_file: Option<PathBuf>,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Send configuration files to the node: programmes, companies, vouchers, sites. 設定の登録
    Apply {
        #[command(flatten)]
        desk: Desk,
        /// Files like those under configs/: `resource`, then one `[[item]]` for each thing.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    // Programmes and grants.
    /// Send a file of daily steps; the reply file is printed. 歩数の取り込み
    Steps(measured::Measured),
    /// Send a file of another scheme's points; the reply file is printed. 年1回の交換
    Exchange(measured::Measured),

    // Bulk grants, claim slips, group applications.
    /// Grant by a file, or issue claim slips. 一括付与
    Bulk(bulk::BulkArgs),
    /// Claim slips: report, mailing list, reissue. 受取コード付き通知書
    #[command(subcommand)]
    Slips(bulk::SlipsArgs),

    // Conversions, payments, life of an account.

    // Street cards.
    /// Open charges of a street's card as CSV, or the card system's answers. チャージの書き出しと回答
    Charges(charge::ChargeArgs),

    // Vouchers.

    // Printed tickets.
    /// Tell whether a town signed printed tickets, without any node. ポイント券の真正の確認
    VerifyTicket(ticket::Args),
    // Orders and pledges.

    // Payout.
    /// The figures of a fiscal year as of a past day: the same bytes for the same day. 年度報告
    Report(report::Args),
    // Restore.
    /// How far a restore is; towns that cannot be heard are named by two officers. 復旧の進み具合
    Recovery(recovery::RecoveryArgs),
    // Closing.
    /// Close the town for good, or see which towns have closed; two officers. 町の取扱いの終了
    Closing(closing::ClosingArgs),
    // Public lists.
    /// What the town's public list says of its shops. 加盟店の公開一覧
    #[command(subcommand)]
    List(list::ListArgs),
    // Moving in.
    /// Take over balances and history of a former system. 残高と履歴の移入
    Import(import::ImportArgs),
}

/// Runs it. Exit codes: 0 ok, 1 the node refused, 2 usage, 3 cannot reach or read.
///
/// # Errors
/// What has no exit code of its own.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let done = match &args.what {
        What::Apply { desk, files } => apply_files(desk, files),
        // Programmes and grants.
        What::Steps(file) => measured::send(file, "steps"),
        What::Exchange(file) => measured::send(file, "exchange"),

        // Bulk grants, claim slips, group applications.
        What::Bulk(args) => bulk::grant(args),
        What::Slips(args) => bulk::slips(args),

        // Conversions, payments, life of an account.

        // Street cards.
        What::Charges(args) => charge::run(args),

        // Vouchers.

        // Printed tickets.
        What::VerifyTicket(args) => ticket::run(args),
        // Orders and pledges.

        // Payout.
        What::Report(args) => report::run(args),
        // Restore.
        What::Recovery(args) => recovery::run(args),
        // Closing.
        What::Closing(args) => closing::run(args),
        // Public lists.
        What::List(args) => list::run(args),
        // Moving in.
        What::Import(args) => import::run(args),
    };
    match done {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(fault) => {
            out::say(&format!("jichi admin: {fault:#}"))?;
            let refused = fault.is::<Refused>();
            Ok(ExitCode::from(if refused { 1 } else { 3 }))
        }
    }
}

/// The node refused what was asked.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refused(pub(crate) String);

impl Desk {
    /// Signs in at the node.
    ///
    /// # Errors
    /// When it cannot be reached, or refuses.
    pub(crate) fn sign_in(&self) -> anyhow::Result<Client> {
        let client = Client::new(self.node.trim_end_matches('/'));
        let body = serde_json::json!({"login": self.login, "password": self.password()?});
        let session = client.post("/v1/staff/sessions", None, &body);
        let session = session.with_context(|| format!("{} cannot be reached", self.node))?;
        let token = expect_done(session)?;
        let token = token.get("token").and_then(Value::as_str).context("no session token came")?;
        Ok(client.with_token(token))
    }

    fn password(&self) -> anyhow::Result<String> {
        let text = match &self.password_file {
            Some(path) if path.as_os_str() == "-" => {
                let mut text = String::new();
                std::io::stdin().read_to_string(&mut text)?;
                text
            }
            Some(path) => fs::read_to_string(path).with_context(|| path.display().to_string())?,
            None => {
                env::var("JICHI_PASSWORD").context("name --password-file, or set JICHI_PASSWORD")?
            }
        };
        Ok(text.trim_end_matches(['\r', '\n']).to_owned())
    }
}

/// Approves what another officer proposed.
fn approve(client: &Client, proposal: &str) -> anyhow::Result<()> {
    let path = format!("/v1/proposals/{proposal}/decision");
    expect_done(client.post(&path, Some(&new_key()?), &json!({"verdict": "approve"}))?)?;
    out::line("approved");
    Ok(())
}

/// The body of a success.
///
/// # Errors
/// [`Refused`], with the node's own words and what to do next.
pub(crate) fn expect_done(reply: crate::client::Reply) -> anyhow::Result<Value> {
    if (200..300).contains(&reply.status) {
        return Ok(reply.body);
    }
    let word = |field: &str| reply.body.get(field).and_then(Value::as_str).unwrap_or_default();
    bail!(Refused(format!(
        "{} {}: {} / {} / {}",
        reply.status,
        reply.code(),
        word("detail"),
        word("next_act"),
        word("detail_en"),
    )))
}

fn apply_files(desk: &Desk, files: &[PathBuf]) -> anyhow::Result<()> {
    let client = desk.sign_in()?;
    for path in files {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let count = apply(&client, &text).with_context(|| path.display().to_string())?;
        out::line(format!("{}: {count}", path.display()));
    }
    Ok(())
}

/// Sends every item of a configuration file to the resource that the file names; how many were
/// taken comes back. `client` is signed in at the staff's listener.
///
/// # Errors
/// When the file is none, or the node refuses an item: those before it stand.
pub fn apply(client: &Client, text: &str) -> anyhow::Result<usize> {
    let file: toml::Table = toml::from_str(text).context("no TOML")?;
    let resource = file.get("resource").and_then(toml::Value::as_str);
    let resource = resource.context("the file names no `resource`")?;
    let fits = |c: char| c.is_ascii_lowercase() || c == '-' || c == '/';
    ensure!(!resource.is_empty() && resource.chars().all(fits), "'{resource}' is no resource");
    let items = file.get("item").and_then(toml::Value::as_array);
    let items = items.context("the file has no [[item]]")?;
    for (at, item) in items.iter().enumerate() {
        let body = serde_json::to_value(item)?;
        let key = client.ahead().new_key()?;
        let reply = client.post(&format!("/v1/{resource}"), Some(&key), &body)?;
        expect_done(reply).with_context(|| format!("item {}", at.saturating_add(1)))?;
    }
    Ok(items.len())
}
