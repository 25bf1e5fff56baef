//! `jichi admin import`: balances and history of a town's present system, with a mapping file.
//!
//! Nothing is accepted before count and sum are those that the town declared, two officers agreed,
//! and every line went in. What was interrupted is simply run again.

mod mapping;
mod table;

use std::{collections::BTreeMap, path::PathBuf, thread, time::Duration};

use anyhow::{Context as _, bail, ensure};
use jichi_node::clock;
use jichi_protocol::{codec, command::Content, digest, points::Points};
use serde_json::{Value, json};

use super::{Desk, Refused, expect_done};
use crate::{client::Client, out};
use mapping::{Balance, Mapping, Old};

/// Lines that go to the node at a time.
const LINES_EACH: usize = 100;
/// How long the node may take to make the lots.
const LOTS_WAIT: Duration = Duration::from_secs(3_600);

/// What `jichi admin import` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct ImportArgs {
    #[command(flatten)]
    desk: Desk,
    /// The file of balances: CSV.
    balances: PathBuf,
    /// Which column is what (TOML); configs/import/ has an example.
    #[arg(long)]
    mapping: PathBuf,
    /// A file of history: CSV. It moves nothing, and its holder can read it.
    #[arg(long)]
    history: Option<PathBuf>,
    /// Only look: errors by line, sums by origin and last day. 試行
    #[arg(long)]
    dry_run: bool,
    /// The import that a second officer has approved: its lines are sent, and it is accepted.
    #[arg(long)]
    import: Option<String>,
}

/// Runs it.
///
/// # Errors
/// What the node refused, or what is wrong with the files.
pub(crate) fn run(args: &ImportArgs) -> anyhow::Result<()> {
    let mapping = Mapping::read(&args.mapping)?;
    let balances = mapping.balances(&args.balances)?;
    let history = args.history.as_deref().map(|path| mapping.history(path)).transpose()?;
    let client = args.desk.sign_in()?;
    let content = checked(&client, &balances)?;
    let (count, points) = report(&balances, &content)?;
    mapping.matches_declared(count, points)?;
    if let Some(history) = &history {
        say(&format!("履歴 history: {} lines", history.len()))?;
    }
    if args.dry_run {
        return say("試行だけで、何も書き込んでいません。dry run: nothing was written");
    }
    match &args.import {
        None => open(&client, &content, count, points),
        Some(import) => send(&client, import, &content, &balances, history.as_deref()),
    }
}

/// Prints a line of the result.
#[expect(clippy::unnecessary_wraps, reason = "the last word of a command is its result")]
fn say(text: &str) -> anyhow::Result<()> {
    out::line(text);
    Ok(())
}

/// Has the node check every line; the content of the file comes back.
fn checked(client: &Client, balances: &[Balance]) -> anyhow::Result<Content> {
    let mut content = Content::default();
    let mut wrong = Vec::new();
    for chunk in balances.chunks(LINES_EACH) {
        let lines: Vec<&Value> = chunk.iter().map(|balance| &balance.body).collect();
        let answer = client.post("/v1/imports/checks", None, &json!({"lines": lines}))?;
        let answer = expect_done(answer)?;
        let list = |field: &str| answer.get(field).and_then(Value::as_array).cloned();
        let (errors, hex) = (list("errors").context("errors")?, list("lines").context("lines")?);
        for ((balance, error), hex) in chunk.iter().zip(&errors).zip(&hex) {
            match (error.as_str(), hex.as_str()) {
                (None, Some(hex)) => content.add(&codec::decode(&bytes(hex)?)?),
                (code, _) => {
                    let code = code.unwrap_or("internal");
                    wrong.push(format!("{}行目 line {}: {code}", balance.line, balance.line));
                }
            }
        }
    }
    if wrong.is_empty() {
        return Ok(content);
    }
    for line in wrong.iter().take(200) {
        say(line)?;
    }
    bail!(Refused(format!("{} lines are wrong; nothing was written", wrong.len())))
}

fn bytes(hex: &str) -> anyhow::Result<Vec<u8>> {
    let pair = |at: usize| hex.get(at..at.saturating_add(2)).context("an odd number of digits");
    let digits = (0..hex.len()).step_by(2);
    digits
        .map(|at| {
            let [byte] = digest::from_hex::<1>(pair(at)?)?;
            Ok(byte)
        })
        .collect()
}

/// Sums by origin and last day, and all together.
fn report(balances: &[Balance], content: &Content) -> anyhow::Result<(u32, Points)> {
    let mut sums: BTreeMap<(&str, &str), (u32, u64)> = BTreeMap::new();
    let mut all = 0_u64;
    for balance in balances {
        let sum = sums.entry((&balance.origin, &balance.expires)).or_default();
        *sum = (sum.0.saturating_add(1), sum.1.saturating_add(balance.points));
        all = all.saturating_add(balance.points);
    }
    say("区分 origin\t有効期限 last day\t件数 lines\tポイント points")?;
    for ((origin, expires), (lines, points)) in &sums {
        say(&format!("{origin}\t{expires}\t{lines}\t{points}"))?;
    }
    let count = u32::try_from(balances.len())?;
    say(&format!("合計 total\t\t{count}\t{all}"))?;
    say(&format!("内容 content\t{}", content.digest()))?;
    Ok((count, Points::new(all).context("more points than any account may hold")?))
}

/// Declares the import; a second officer decides.
fn open(client: &Client, content: &Content, count: u32, points: Points) -> anyhow::Result<()> {
    let body = json!({"content": content.digest().to_string(), "count": count,
        "points": points.get()});
    let key = client.ahead().new_key()?;
    let answer = expect_done(client.post("/v1/imports", Some(&key), &body)?)?;
    let import = answer.get("import").and_then(Value::as_str).context("an import")?;
    say(&format!(
        "届け出ました。別の決裁者が、件数・合計・内容を帳票と比べて決裁します。\n\
         declared; another officer compares count, sum and content, and approves proposal {import}\n\
         決裁の後 then: jichi admin import ... --import {import}"
    ))
}

/// Sends what is not in yet, accepts the import, waits for the lots, and sends the history.
fn send(
    client: &Client,
    import: &str,
    content: &Content,
    balances: &[Balance],
    history: Option<&[Old]>,
) -> anyhow::Result<()> {
    let path = format!("/v1/imports/{import}");
    let state = || -> anyhow::Result<Value> { expect_done(client.get(&path)?) };
    let field = |value: &Value, name: &str| {
        value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let mut now = state()?;
    if field(&now, "content") != content.digest().to_string() {
        bail!(Refused("this is not the file that was declared; nothing was written".to_owned()));
    }
    if field(&now, "state") == "open" {
        let next = now.get("next").and_then(Value::as_u64).context("a place")?;
        let mut next = usize::try_from(next)?;
        while next < balances.len() {
            let rest = balances.get(next..).unwrap_or_default();
            let lines: Vec<&Value> = rest.iter().take(LINES_EACH).map(|b| &b.body).collect();
            let body = json!({"from": next, "lines": lines});
            let answer = expect_done(client.post(&format!("{path}/lines"), None, &body)?)?;
            let reached = answer.get("next").and_then(Value::as_u64).context("a place")?;
            let reached = usize::try_from(reached)?;
            ensure!(reached > next, "the node takes no more lines");
            next = reached;
            out::progress(format!("{next} / {}", balances.len()));
        }
        let key = client.ahead().new_key()?;
        let body = json!({"end": "commit"});
        expect_done(client.post(&format!("{path}/close"), Some(&key), &body)?)?;
    }
    let begun = clock::monotonic();
    loop {
        now = state()?;
        match field(&now, "state").as_str() {
            "committed" => break,
            "making_lots" => {}
            other => bail!(Refused(format!("the import is {other}"))),
        }
        ensure!(clock::monotonic().since(begun) < LOTS_WAIT, "the lots are not made after an hour");
        thread::sleep(Duration::from_millis(100));
    }
    if let Some(history) = history {
        send_history(client, &path, history)?;
    }
    say("移入が終わりました。the import is complete")
}

/// The history, a holder's lines together, so that sending it again adds nothing.
fn send_history(client: &Client, path: &str, history: &[Old]) -> anyhow::Result<()> {
    let mut by_holder: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for old in history {
        by_holder.entry(&old.number).or_default().push(&old.body);
    }
    let mut new = 0_u64;
    let mut waiting: Vec<&Value> = Vec::new();
    let mut send = |lines: &mut Vec<&Value>| -> anyhow::Result<()> {
        for chunk in lines.chunks(LINES_EACH.saturating_mul(2)) {
            let body = json!({"lines": chunk});
            let answer = expect_done(client.post(&format!("{path}/history"), None, &body)?)?;
            new = new.saturating_add(answer.get("new").and_then(Value::as_u64).unwrap_or(0));
        }
        lines.clear();
        Ok(())
    };
    for lines in by_holder.into_values() {
        if waiting.len().saturating_add(lines.len()) > LINES_EACH.saturating_mul(2) {
            send(&mut waiting)?;
        }
        waiting.extend(lines);
    }
    send(&mut waiting)?;
    say(&format!("履歴 history: {new} new lines"))
}
