//! Sentences about files of grants, claim slips and group applications.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use encoding_rs::SHIFT_JIS;
use jichi::client::Client;
use jichi_node::clock;
use serde_json::{Value, json};

use crate::{
    feature::{Steps, Words, date},
    story::{Story, text},
};

/// Adds them.
pub(super) fn add(steps: &mut Steps<Story>) {
    steps.add("{}は施策{}の一括付与のファイル「{}」を「{}」で送る", upload);
    steps.add("一括付与の状態は「{}」である", state);
    steps.add("{}は施策{}の通知書を{}までの期限で発行する", issue);
    steps.add("「{}」の通知書を再発行する", reissue);
    steps.add("「{}」は「{}」の受取コードを入力する", |story, words| {
        claim(story, words, "code")
    });
    steps.add("「{}」は「{}」の初めの受取コードを入力する", |story, words| {
        claim(story, words, "first code")
    });
    steps.add("通知書は{}件{}ポイントが予算へ戻った", returned);
    steps.add("{}に「{}」が代表の団体「{}」がある", group);
    steps.add("「{}」は施策{}に{}の「{}」を申請する", apply);
    steps.add("{}は団体申請を差し戻す", give_back);
    steps.add("「{}」は団体申請をもう一度送る", send_again);
    steps.add("{}は団体申請を承認する", approve);
}

fn note(what: &str) -> String {
    format!("bulk: {what}")
}

fn noted(story: &Story, what: &str) -> anyhow::Result<String> {
    let known = story.notes.get(&note(what)).and_then(Value::as_str);
    Ok(known.with_context(|| format!("no {what} is known"))?.to_owned())
}

/// Sends a file and waits until it is no more on its way.
fn send(story: &mut Story, town: &str, query: &str, bytes: &[u8]) -> anyhow::Result<()> {
    let maker = story.officer(town, "maker")?;
    let key = story.ahead.new_key()?;
    let reply = maker.post_file(&format!("/v1/bulk?{query}"), &key, bytes)?.ok()?;
    let bulk = text(&reply, "bulk");
    let mut state = text(&reply, "state");
    let until = clock::monotonic().later_by(Duration::from_secs(30));
    while matches!(state.as_str(), "opening" | "running" | "cancelling") {
        ensure!(clock::monotonic() < until, "the file does not end: {state}");
        std::thread::sleep(Duration::from_millis(100));
        state = text(&maker.get(&format!("/v1/bulk/{bulk}"))?.ok()?, "state");
    }
    story.notes.insert(note("town"), json!(town));
    story.notes.insert(note("bulk"), json!(bulk));
    story.notes.insert(note("state"), json!(state));
    Ok(())
}

fn upload(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let mut file = String::from("マイキーID,ポイント,活動,日付\r\n");
    for [name, points, activity, date] in words.rows(["住民", "ポイント", "活動", "日付"])?
    {
        let mykey = &story.holder(&name)?.mykey;
        file.push_str(&format!("{mykey},\"{points}\",{activity},{date}\r\n"));
    }
    let bytes = match words.text(2)? {
        "CP932" => SHIFT_JIS.encode(&file).0.into_owned(),
        _ => ["\u{feff}", &file].concat().into_bytes(),
    };
    let query = format!("programme={}&mode={}", words.number(1)?, words.text(3)?);
    let town = words.text(0)?.to_owned();
    send(story, &town, &query, &bytes)
}

fn state(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let state = noted(story, "state")?;
    ensure!(state == words.text(0)?, "the file is {state}");
    Ok(())
}

fn issue(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let columns = ["氏名", "氏名カナ", "生年月日", "住所", "ポイント", "活動"];
    let mut file = format!("{}\n", columns.join(","));
    for row in words.rows(columns)? {
        file.push_str(&row.map(|field| format!("\"{field}\"")).join(","));
        file.push('\n');
    }
    let until = date(words.text(2)?)?;
    let query = format!("programme={}&mode=slips&until={until}", words.number(1)?);
    let town = words.text(0)?.to_owned();
    send(story, &town, &query, file.as_bytes())?;
    codes(story, "code")?;
    codes(story, "first code")
}

/// Reads the codes off the list for the mailing company.
fn codes(story: &mut Story, what: &str) -> anyhow::Result<()> {
    let (town, bulk) = (noted(story, "town")?, noted(story, "bulk")?);
    let maker = story.officer(&town, "maker")?;
    let list = maker.text(&format!("/v1/slips/files/{bulk}/letters.csv"))?;
    for line in list.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let (name, code) = (fields.get(3).context("a name")?, fields.get(7).context("a code")?);
        story.notes.insert(note(&format!("{what} {name}")), json!(code));
    }
    Ok(())
}

fn reissue(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let (town, bulk) = (noted(story, "town")?, noted(story, "bulk")?);
    let maker = story.officer(&town, "maker")?;
    let list = maker.get(&format!("/v1/slips/files/{bulk}"))?.ok()?;
    let name = words.text(0)?;
    let slips = list.as_array().context("a list")?;
    let slip = slips.iter().find(|slip| text(slip, "name") == name).context("the slip")?;
    let path = format!("/v1/slips/{}/reissue", text(slip, "slip"));
    maker.post(&path, Some(&story.ahead.new_key()?), &Value::Null)?.ok()?;
    codes(story, "code")
}

fn claim(story: &mut Story, words: &Words, what: &str) -> anyhow::Result<()> {
    let code = noted(story, &format!("{what} {}", words.text(1)?))?;
    let holder = story.signed_in(words.text(0)?)?;
    let reply =
        holder.post("/v1/me/slips", Some(&story.ahead.new_key()?), &json!({"code": code}))?;
    story.answered(reply)
}

fn returned(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let (town, bulk) = (noted(story, "town")?, noted(story, "bulk")?);
    let maker = story.officer(&town, "maker")?;
    let wanted = json!({"slips": words.number(0)?, "points": words.number(1)?});
    let report = || -> anyhow::Result<Value> {
        let report = maker.get(&format!("/v1/slips/files/{bulk}/report"))?.ok()?;
        Ok(report.get("returned").cloned().unwrap_or_default())
    };
    let mut last = report()?;
    for _ in 0..50 {
        if last == wanted {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
        last = report()?;
    }
    ensure!(last == wanted, "returned: {last}");
    Ok(())
}

fn group(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let mykey = story.holder(words.text(1)?)?.mykey.clone();
    let body = json!({"group": 1, "name": words.text(2)?, "representatives": [mykey]});
    story.officer(words.text(0)?, "maker")?.post("/v1/groups", None, &body)?.ok()?;
    Ok(())
}

fn apply(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let mut persons = Vec::new();
    for [name, role] in words.rows(["住民", "役割"])? {
        let role = (!role.is_empty()).then_some(role);
        persons.push(json!({"mykey_id": story.holder(&name)?.mykey, "role": role}));
    }
    let body = json!({"group": 1, "programme": words.number(1)?, "persons": persons,
        "date": date(words.text(2)?)?.to_string(), "activity": words.text(3)?});
    let holder = story.signed_in(words.text(0)?)?;
    let drafted = holder.command("/v1/me/applications", &body)?;
    let id = text(&drafted, "application");
    story.notes.insert(note("application"), json!(id));
    post(&holder, &format!("/v1/me/applications/{id}/send"), &Value::Null)
}

fn post(client: &Client, path: &str, body: &Value) -> anyhow::Result<()> {
    client.post(path, None, body)?.ok()?;
    Ok(())
}

fn give_back(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let id = noted(story, "application")?;
    let body = json!({"note": "参加者の役割を確かめてください"});
    let approver = story.officer(words.text(0)?, "approver")?;
    post(&approver, &format!("/v1/applications/{id}/return"), &body)
}

fn send_again(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let id = noted(story, "application")?;
    let holder = story.signed_in(words.text(0)?)?;
    post(&holder, &format!("/v1/me/applications/{id}/send"), &Value::Null)
}

fn approve(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let id = noted(story, "application")?;
    let approver = story.officer(words.text(0)?, "approver")?;
    let path = format!("/v1/applications/{id}/approve");
    let reply = approver.post(&path, Some(&story.ahead.new_key()?), &Value::Null)?;
    story.answered(reply)
}
