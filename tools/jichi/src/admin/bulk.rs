//! `jichi admin bulk` and `jichi admin slips`: files of grants and of claim slips.

use std::{
    fs,
    io::{IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::{Desk, Refused, expect_done};
use crate::{client::new_key, out};

/// How often the node is asked how far a file is.
const ASK_AGAIN: Duration = Duration::from_millis(300);

/// How a file is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Mode {
    /// All lines or none.
    Atomic,
    /// Each line alone, with its own result.
    PerLine,
    /// Claim slips, for people with no account.
    Slips,
}

impl Mode {
    const fn name(self) -> &'static str {
        match self {
            Self::Atomic => "atomic",
            Self::PerLine => "per-line",
            Self::Slips => "slips",
        }
    }
}

/// A file to grant.
#[derive(Debug, clap::Args)]
pub(super) struct BulkArgs {
    #[command(flatten)]
    desk: Desk,
    /// The CSV file: UTF-8 with or without BOM, or CP932.
    file: PathBuf,
    /// The programme that gives.
    #[arg(long)]
    programme: u32,
    /// All or none, or each line alone.
    #[arg(long)]
    mode: Mode,
    /// The last day to claim, of slips.
    #[arg(long)]
    until: Option<String>,
    /// Only say what would be granted.
    #[arg(long)]
    dry_run: bool,
}

/// What is asked about claim slips.
#[derive(Debug, clap::Subcommand)]
pub(super) enum SlipsArgs {
    /// What was claimed, what is open, what returned to the budget. 受取状況
    Report {
        #[command(flatten)]
        desk: Desk,
        /// The file's number, as `jichi admin bulk` said it.
        bulk: String,
    },
    /// The list for a mailing company, as CSV on standard output. 発送用の一覧
    Mailing {
        #[command(flatten)]
        desk: Desk,
        /// The file's number.
        bulk: String,
    },
    /// A new code for a letter that was lost; the first one is good no more. 再発行
    Reissue {
        #[command(flatten)]
        desk: Desk,
        /// The slip's number, as the list of slips says it.
        slip: String,
    },
}

/// Sends a file and waits until it has its result.
pub(super) fn grant(args: &BulkArgs) -> anyhow::Result<()> {
    let client = args.desk.sign_in()?;
    let bytes = read(&args.file)?;
    let until = args.until.as_ref().map(|day| format!("&until={day}")).unwrap_or_default();
    let path = format!(
        "/v1/bulk?programme={}&mode={}&dry_run={}{until}",
        args.programme,
        args.mode.name(),
        args.dry_run
    );
    let key = new_key()?;
    let mut state = expect_done(client.post_file(&path, &key, &bytes)?)?;
    let bulk = word(&state, "bulk").to_owned();
    while matches!(word(&state, "state"), "opening" | "running" | "cancelling") {
        progress(&state);
        std::thread::sleep(ASK_AGAIN);
        state = expect_done(client.get(&format!("/v1/bulk/{bulk}"))?)?;
    }
    progress(&state);
    let _ = writeln!(std::io::stderr());
    tell(&bulk, &state)
}

fn say(line: &str) -> anyhow::Result<()> {
    Ok(out::say(line)?)
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| path.display().to_string())
}

fn word<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn number(value: &Value, field: &str) -> u64 {
    value.get(field).and_then(Value::as_u64).unwrap_or_default()
}

/// One line on the error output: written over on a terminal, else only at the end.
fn progress(state: &Value) {
    let mut errors = std::io::stderr();
    let begin = if errors.is_terminal() { "\r" } else { "" };
    if errors.is_terminal() || !matches!(word(state, "state"), "opening" | "running") {
        let (done, ready) = (number(state, "done"), number(state, "ready"));
        let _ = write!(errors, "{begin}{} {done} / {ready} ", word(state, "state"));
    }
}

/// The result: the lines that were not granted, and what comes next.
fn tell(bulk: &str, state: &Value) -> anyhow::Result<()> {
    for fault in state.get("errors").and_then(Value::as_array).into_iter().flatten() {
        let (line, code) = (number(fault, "line"), word(fault, "code"));
        say(&format!("{line}行目 {code}: {}", word(fault, "text")))?;
    }
    let (points, ready) = (number(state, "points"), number(state, "ready"));
    let (lines, refused) = (number(state, "lines"), number(state, "refused"));
    let all = format!("{bulk}: {lines}行、付与{ready}行 {points}ポイント、エラー{refused}行");
    match word(state, "state") {
        "done" => say(&format!("{all}。付与しました")),
        "dry_run" => say(&format!("{all}。確認だけで、何も付与していません")),
        "worklist" => say(&format!(
            "{all}。受取人を選ぶ行が{}件あります(/v1/worklist)",
            number(state, "worklist")
        )),
        "awaiting_second_officer" => say(&format!(
            "{all}。別の職員の決裁を待っています(決裁番号 {})",
            word(state, "proposal")
        )),
        other => {
            bail!(Refused(format!("{all}。付与していません({other} {})", word(state, "code"))))
        }
    }
}

/// Asks about claim slips.
pub(super) fn slips(args: &SlipsArgs) -> anyhow::Result<()> {
    match args {
        SlipsArgs::Report { desk, bulk } => {
            let reply = desk.sign_in()?.get(&format!("/v1/slips/files/{bulk}/report"))?;
            say(&serde_json::to_string_pretty(&expect_done(reply)?)?)
        }
        SlipsArgs::Mailing { desk, bulk } => {
            let list = desk.sign_in()?.text(&format!("/v1/slips/files/{bulk}/letters.csv"))?;
            say(list.trim_end())
        }
        SlipsArgs::Reissue { desk, slip } => {
            let key = new_key()?;
            let path = format!("/v1/slips/{slip}/reissue");
            let reply = desk.sign_in()?.post(&path, Some(&key), &Value::Null)?;
            let letter = expect_done(reply)?;
            say(&format!("再発行しました。新しい通知書: {}", word(&letter, "letter")))
        }
    }
}
