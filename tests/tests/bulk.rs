//! Files of grants through a real node: 100,000 lines, killed in the middle, are granted once;
//! two officers above the programme's limit; lines for which an officer chooses the account.

use std::{fmt::Write as _, thread, time::Duration};

use anyhow::{Context as _, ensure};
use jichi::client::{Client, Reply, new_key};
use jichi_node::clock;
use jichi_tests::town::Town;
use serde_json::{Value, json};

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

/// Waits until a file is in a stage.
fn until_state(client: &Client, bulk: &str, state: &str) -> anyhow::Result<Value> {
    let last = clock::monotonic().later_by(Duration::from_secs(30));
    loop {
        let shown = show(client, bulk)?;
        if word(&shown, "state") == state {
            return Ok(shown);
        }
        ensure!(clock::monotonic() < last, "the file is not {state}: {shown}");
        thread::sleep(Duration::from_millis(50));
    }
}

fn balances(town: &Town) -> anyhow::Result<Vec<u64>> {
    town.people.iter().map(|person| town.balance(&town.sign_in(person)?)).collect()
}

fn upload(client: &Client, mode: &str, file: &str) -> anyhow::Result<Value> {
    let path = format!("/v1/bulk?programme=1&mode={mode}&dry_run=false");
    client.post_file(&path, &new_key()?, file.as_bytes())?.ok()
}

/// The one proposal that waits.
fn proposal(approver: &Client) -> anyhow::Result<String> {
    let waiting = approver.get("/v1/proposals")?.ok()?;
    let waiting = waiting.as_array().context("a list")?;
    ensure!(waiting.len() == 1, "{waiting:?}");
    Ok(word(waiting.first().context("one")?, "proposal"))
}

fn decide(officer: &Client, proposal: &str, verdict: &str) -> anyhow::Result<Reply> {
    let path = format!("/v1/proposals/{proposal}/decision");
    officer.post(&path, Some(&new_key()?), &json!({"verdict": verdict}))
}

#[test]
fn a_file_above_the_programmes_limit_is_granted_by_two_officers_or_not_at_all() -> anyhow::Result<()>
{
    let town = Town::furnished(2, 0)?;
    let (maker, approver) = (town.maker()?, town.node().officer("approver")?);
    let file = |activity: &str| {
        let mut file = String::from("マイキーID,ポイント,活動,日付\n");
        for person in &town.people {
            file.push_str(&format!("{},600000,{activity},令和8年4月12日\n", person.mykey));
        }
        file
    };
    let bulk = word(&upload(&maker, "atomic", &file("防災訓練"))?, "bulk");
    until_state(&maker, &bulk, "awaiting_second_officer")?;
    ensure!(balances(&town)? == [0, 0]);
    let waiting = proposal(&approver)?;
    let own = decide(&maker, &waiting, "approve")?;
    ensure!(own.status == 403, "the maker decided: {own:?}");
    decide(&approver, &waiting, "approve")?.ok()?;
    until_state(&maker, &bulk, "done")?;
    ensure!(balances(&town)? == [600_000, 600_000]);

    let other = word(&upload(&maker, "atomic", &file("花植え"))?, "bulk");
    until_state(&maker, &other, "awaiting_second_officer")?;
    decide(&approver, &proposal(&approver)?, "reject")?.ok()?;
    until_state(&maker, &other, "refused")?;
    ensure!(balances(&town)? == [600_000, 600_000]);
    // What was rejected took no natural key: the same lines can be granted later.
    let again = word(&upload(&maker, "atomic", &file("花植え"))?, "bulk");
    until_state(&maker, &again, "awaiting_second_officer")?;
    decide(&approver, &proposal(&approver)?, "approve")?.ok()?;
    until_state(&maker, &again, "done")?;
    ensure!(balances(&town)? == [1_200_000, 1_200_000]);
    Ok(())
}

#[test]
fn lines_with_no_match_or_several_wait_for_an_officers_choice() -> anyhow::Result<()> {
    let town = Town::furnished(3, 0)?;
    let maker = town.maker()?;
    let mut accounts = Vec::new();
    for (person, kana) in
        town.people.iter().zip(["ミドリ ハナコ", "ミドリ ハナコ", "アオキ タロウ"])
    {
        let account = word(&town.sign_in(person)?.client.get("/v1/me")?.ok()?, "account");
        let body = json!({"kana": kana, "birth": "1960-04-01", "address_number": "1-2",
            "resident_from": "2000-01-01", "source": "窓口", "dated": "2026-04-01"});
        maker.post(&format!("/v1/accounts/{account}/attributes"), None, &body)?.ok()?;
        accounts.push(account);
    }
    let file = "氏名カナ,生年月日,ポイント,活動,日付\n\
                ﾐﾄﾞﾘ ﾊﾅｺ,昭和35年4月1日,300,清掃,令和8年4月12日\n\
                アオキ　タロウ,1960/4/1,300,清掃,令和8年4月12日\n\
                アカイ ジロウ,1960-04-01,300,清掃,令和8年4月12日\n";
    let taken = upload(&maker, "per-line", file)?;
    let bulk = word(&taken, "bulk");
    until_state(&maker, &bulk, "worklist")?;
    ensure!(balances(&town)? == [0, 0, 300], "never by a guess: {:?}", balances(&town)?);
    let list = maker.get("/v1/worklist")?.ok()?;
    let list = list.as_array().context("a list")?;
    let reasons: Vec<_> =
        list.iter().map(|item| (number(item, "line"), word(item, "reason"))).collect();
    ensure!(reasons == [(2, "several".to_owned()), (4, "no_match".to_owned())], "{reasons:?}");
    let choose =
        |line: u32, body: &Value| maker.post(&format!("/v1/worklist/{bulk}/{line}"), None, body);
    let second = accounts.get(1).context("an account")?;
    choose(2, &json!({"account": second}))?.ok()?;
    choose(2, &json!({"account": second}))?.ok()?;
    let other = choose(2, &json!({"account": accounts.first()}))?;
    ensure!(other.code() == "bulk_closed", "{other:?}");
    choose(4, &json!({"skip": true}))?.ok()?;
    until_state(&maker, &bulk, "done")?;
    ensure!(balances(&town)? == [0, 300, 300]);
    ensure!(maker.get("/v1/worklist")?.ok()?.as_array().is_some_and(Vec::is_empty));
    Ok(())
}
