//! A file of 100,000 lines through a real node, killed in the middle: all of it is granted once,
//! and uploaded again it moves nothing.

use std::{fmt::Write as _, thread, time::Duration};

use anyhow::{Context as _, ensure};
use jichi::client::{Client, new_key};
use jichi_node::clock;
use jichi_tests::town::Town;
use serde_json::Value;

const PEOPLE: u32 = 40;
const LINES: u32 = 100_000;

fn word(value: &Value, field: &str) -> String {
    value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn number(value: &Value, field: &str) -> u64 {
    value.get(field).and_then(Value::as_u64).unwrap_or_default()
}

/// Ten points a line; each person takes part in 2,500 activities.
fn file(town: &Town) -> anyhow::Result<String> {
    let mut file = String::from("\u{feff}マイキーID,ポイント,活動,日付\r\n");
    for line in 0..LINES {
        let person = town.people.get(usize::try_from(line % PEOPLE)?).context("a person")?;
        let activity = line / PEOPLE;
        write!(file, "{},10,活動{activity},令和8年4月12日\r\n", person.mykey)?;
    }
    Ok(file)
}

fn show(client: &Client, bulk: &str) -> anyhow::Result<Value> {
    client.get(&format!("/v1/bulk/{bulk}"))?.ok()
}

/// Waits until the file has so many lines behind it, or its end.
fn until(client: &Client, bulk: &str, done: u64) -> anyhow::Result<Value> {
    let last = clock::monotonic().later_by(Duration::from_secs(300));
    loop {
        let shown = show(client, bulk)?;
        let at_work = matches!(word(&shown, "state").as_str(), "opening" | "running");
        if !at_work || number(&shown, "done") >= done {
            return Ok(shown);
        }
        ensure!(clock::monotonic() < last, "the file does not end: {shown}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_hundred_thousand_lines_survive_a_kill_and_are_granted_once() -> anyhow::Result<()> {
    let mut town = Town::furnished(PEOPLE, 0)?;
    let file = file(&town)?;
    let begin = clock::monotonic();
    let path = "/v1/bulk?programme=1&mode=atomic&dry_run=false";
    let maker = town.maker()?;
    let taken = maker.post_file(path, &new_key()?, file.as_bytes())?.ok()?;
    let tried = clock::monotonic().since(begin);
    let bulk = word(&taken, "bulk");
    ensure!(number(&taken, "lines") == u64::from(LINES), "{taken}");
    ensure!(number(&taken, "refused") == 0, "{taken}");

    until(&maker, &bulk, 20_000)?;
    town.node_mut().kill()?;
    town.node_mut().start()?;
    let maker = town.maker()?;
    let done = until(&maker, &bulk, u64::MAX)?;
    ensure!(word(&done, "state") == "done", "{done}");
    let granted = clock::monotonic().since(begin);

    // What is committed is spendable at once, whether it is swept or not.
    for person in &town.people {
        let signed = town.sign_in(person)?;
        let last = clock::monotonic().later_by(Duration::from_secs(60));
        while town.balance(&signed)? != u64::from(LINES / PEOPLE) * 10 {
            ensure!(clock::monotonic() < last, "the points do not arrive");
            thread::sleep(Duration::from_millis(50));
        }
    }
    let again = maker.post_file(path, &new_key()?, file.as_bytes())?.ok()?;
    ensure!(word(&again, "state") == "refused", "{again}");
    ensure!(number(&again, "refused") == u64::from(LINES), "{again}");
    let signed = town.sign_in(town.people.first().context("a person")?)?;
    ensure!(town.balance(&signed)? == u64::from(LINES / PEOPLE) * 10);
    eprintln!(
        "{LINES} lines: tried in {} ms, granted in {} ms with a kill in the middle",
        tried.as_millis(),
        granted.as_millis()
    );
    Ok(())
}
