//! Sentences about paying the shops, at a real node.

use std::{fs, thread, time::Duration};

use anyhow::{Context as _, bail, ensure};
use jichi_node::zengin::RECORD_BYTES;
use serde_json::{Value, json};

use crate::{
    feature::{Steps, Words, date},
    story::{Story, text},
};

/// Adds them.
pub(super) fn add(steps: &mut Steps<Story>) {
    steps.add("{}に地域活動の施策{}がある", programme);
    steps.add("{}は{}までの精算を締める", close);
    steps.add("{}の{}までの精算を別の職員が確認する", |story, words| {
        mark(story, words, "approver", "checked")
    });
    steps.add("{}の{}までの精算を会計に引き継ぐ", |story, words| {
        mark(story, words, "maker", "handed_over")
    });
    steps.add("{}の{}までの精算を支払済みにする", |story, words| {
        mark(story, words, "maker", "paid")
    });
    steps.add("{}の{}までの精算の状態は{}である", |story, words| {
        let (town, last, wanted) = (words.text(0)?, words.text(1)?, words.text(2)?);
        let state = text(&settled(story, town, last)?, "state");
        let name = match state.as_str() {
            "closed" => "締め済み",
            "checked" => "確認済み",
            "handed_over" => "会計に引継済み",
            "paid" => "支払済み",
            other => bail!("a run is not '{other}'"),
        };
        ensure!(name == wanted, "it is {name}");
        Ok(())
    });
    steps.add("「{}」の{}までの精算の支払額は{}円である", |story, words| {
        let points = statement(story, words.text(0)?, words.text(1)?)?;
        let points = points.get("points").and_then(Value::as_u64);
        ensure!(points == Some(words.number(2)?.into()), "it is {points:?}");
        Ok(())
    });
    steps.add("「{}」の{}までの精算の明細書が印刷できる", print);
    steps.add("「{}」への{}までの精算の振込が戻り、{}", came_back);
    steps.add("「{}」の口座名義「{}」は断られ、使えない文字「{}」が示される", bad_name);
    steps.add("「{}」の口座名義「{}」を二人の職員が登録する", bank_account);
    steps.add("{}は振込元の口座を登録する", remitter);
    steps.add("{}の{}までの精算の振込データには{}件{}円があり、入らないのは{}件である", transfers);
    steps.add("{}の{}年度の報告を{}現在で作る", report);
    steps.add("{}の{}年度の{}現在の報告をもう一度作っても同じである", same_report);
}

/// An example of a programme that gives to everybody.
fn programme(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let body = json!({"programme": words.number(1)?, "name": "地域活動ポイント(例)",
        "ceiling": 1_000_000, "from": "2020-01-01", "until": "2099-03-31",
        "audience": "residents", "cap": null, "expiry": {"fiscal_year_end": 1}, "grace": "may",
        "issuer": "town", "paid": "no", "two_officers_above": 1_000});
    let key = story.ahead.new_key()?;
    let client = story.officer(words.text(0)?, "approver")?;
    client.post("/v1/programmes", Some(&key), &body)?.ok().map(|_| ())
}

/// The run that ends on a day, as soon as the node has no work at it.
fn settled(story: &Story, town: &str, last: &str) -> anyhow::Result<Value> {
    let last = date(last)?.to_string();
    let client = story.officer(town, "maker")?;
    for _ in 0..100 {
        let runs = client.get("/v1/payout-runs")?.ok()?;
        let all = runs.as_array().context("a list of runs")?;
        let found = all.iter().find(|run| text(run, "last") == last);
        let found = found.with_context(|| format!("no run ends on {last}"))?;
        if !matches!(text(found, "state").as_str(), "closing" | "paying") {
            return Ok(found.clone());
        }
        thread::sleep(Duration::from_millis(50));
    }
    bail!("the run's slices do not end")
}

fn number(run: &Value) -> anyhow::Result<u64> {
    run.get("run").and_then(Value::as_u64).context("a run has a number")
}

fn close(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let (town, last) = (words.text(0)?, words.text(1)?);
    let body = json!({"last": date(last)?.to_string()});
    let key = story.ahead.new_key()?;
    let reply = story.officer(town, "maker")?.post("/v1/payout-runs", Some(&key), &body)?;
    let done = reply.status == 200;
    story.answered(reply)?;
    if done { settled(story, town, last).map(|_| ()) } else { Ok(()) }
}

fn today(story: &Story) -> String {
    story.ahead.now().date().to_string()
}

fn mark(story: &mut Story, words: &Words, login: &str, step: &str) -> anyhow::Result<()> {
    let town = words.text(0)?;
    let run = number(&settled(story, town, words.text(1)?)?)?;
    let body = json!({"step": step, "on": today(story)});
    let key = story.ahead.new_key()?;
    let path = format!("/v1/payout-runs/{run}/marks");
    let reply = story.officer(town, login)?.post(&path, Some(&key), &body)?;
    story.answered(reply)
}

/// The path of a shop's statement.
fn path(story: &Story, shop: &str, last: &str) -> anyhow::Result<(String, String)> {
    let town = story.shop(shop)?.town.clone();
    let run = number(&settled(story, &town, last)?)?;
    let merchant = story.shop(shop)?.merchant;
    Ok((town, format!("/v1/payout-runs/{run}/statements/{merchant}")))
}

fn statement(story: &Story, shop: &str, last: &str) -> anyhow::Result<Value> {
    let (town, path) = path(story, shop, last)?;
    story.officer(&town, "maker")?.get(&path)?.ok()
}

/// CSV and PDF; a machine without a Japanese font says so in the node's own words.
fn print(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let (shop, last) = (words.text(0)?.to_owned(), words.text(1)?);
    let (town, path) = path(story, &shop, last)?;
    let client = story.officer(&town, "maker")?;
    let csv = client.text(&format!("{path}/csv"))?;
    ensure!(csv.contains("支払額") && csv.contains(&shop), "{csv}");
    let pdf = client.get(&format!("{path}/pdf"))?;
    ensure!(pdf.status == 200 || pdf.code() == "print_font_missing", "{pdf:?}");
    Ok(())
}

fn came_back(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let shop = words.text(0)?;
    let town = story.shop(shop)?.town.clone();
    let run = number(&settled(story, &town, words.text(1)?)?)?;
    let next_run = words.text(2)? == "次の精算で支払うことにする";
    let body = json!({"merchant": story.shop(shop)?.merchant.0, "on": today(story),
        "reason": "no_account", "next_run": next_run});
    let key = story.ahead.new_key()?;
    let path = format!("/v1/payout-runs/{run}/returns");
    let reply = story.officer(&town, "maker")?.post(&path, Some(&key), &body)?;
    story.answered(reply)
}

fn account_body(holder: &str) -> Value {
    // An invented account at an invented branch.
    json!({"bank": "9999", "bank_name": "レイギンコウ", "branch": "001", "branch_name": "ホンテン",
        "kind": "ordinary", "number": "1234567", "holder": holder})
}

fn bad_name(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let shop = story.shop(words.text(0)?)?;
    let (town, merchant) = (shop.town.clone(), shop.merchant);
    let path = format!("/v1/merchants/{merchant}/bank-account");
    let key = story.ahead.new_key()?;
    let body = account_body(words.text(1)?);
    let reply = story.officer(&town, "maker")?.post(&path, Some(&key), &body)?;
    ensure!(reply.status == 400, "it was taken: {reply:?}");
    let detail = text(&reply.body, "detail");
    ensure!(detail.contains(words.text(2)?), "{detail}");
    Ok(())
}

fn bank_account(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let shop = story.shop(words.text(0)?)?;
    let (town, merchant) = (shop.town.clone(), shop.merchant);
    let path = format!("/v1/merchants/{merchant}/bank-account");
    let key = story.ahead.new_key()?;
    let body = account_body(words.text(1)?);
    let made = story.officer(&town, "maker")?.post(&path, Some(&key), &body)?.ok()?;
    let waiting = story.officer(&town, "approver")?.get(&path)?.ok()?;
    ensure!(waiting.get("account").is_none_or(Value::is_null), "one officer is not enough");
    let decision = format!("/v1/proposals/{}/decision", text(&made, "proposal"));
    let key = story.ahead.new_key()?;
    let verdict = json!({"verdict": "approve"});
    story.officer(&town, "approver")?.post(&decision, Some(&key), &verdict)?.ok()?;
    let known = story.officer(&town, "approver")?.get(&path)?.ok()?;
    ensure!(known.pointer("/account/holder").is_some(), "{known}");
    Ok(())
}

fn remitter(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let body = json!({"code": "1234567890", "account": account_body("シ カイケイカンリシャ")});
    let client = story.officer(words.text(0)?, "approver")?;
    client.post("/v1/payout-remitter", None, &body)?.ok().map(|_| ())
}

fn transfers(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let town = words.text(0)?;
    let run = number(&settled(story, town, words.text(1)?)?)?;
    let client = story.officer(town, "maker")?;
    let check = client.get(&format!("/v1/payout-runs/{run}/zengin-check"))?.ok()?;
    let (count, total) = (u64::from(words.number(2)?), u64::from(words.number(3)?));
    let faults = u64::from(words.number(4)?);
    let figure = |name| check.get(name).and_then(Value::as_u64);
    let listed = check.get("faults").and_then(Value::as_array).map(Vec::len);
    ensure!(figure("transfers") == Some(count) && figure("total") == Some(total), "{check}");
    ensure!(listed == Some(usize::try_from(faults)?), "{check}");
    let path = format!("/v1/payout-runs/{run}/zengin");
    if faults > 0 {
        let refused = client.get(&path)?;
        ensure!(refused.status == 400, "a file that leaves shops out silently: {refused:?}");
    }
    // The bytes themselves are tested in `jichi_node::zengin`: kana are no text in UTF-8.
    let kept = client.get(&format!("{path}?leave_out=yes"))?;
    ensure!(kept.status == 200, "{kept:?}");
    ensure!(RECORD_BYTES == 120, "a record has 120 bytes");
    Ok(())
}

fn print_report(story: &Story, words: &Words) -> anyhow::Result<[String; 3]> {
    let (town, year) = (words.text(0)?, words.number(1)?.to_string());
    let as_of = date(words.text(2)?)?.to_string();
    let folder = story.node(town)?.data();
    let folder = folder.to_str().context("a path in UTF-8")?;
    let asked = ["admin", "report", folder, "--fiscal-year", &year, "--as-of", &as_of];
    let text = story.jichi(&asked)?;
    let csv = story.jichi(&[&asked[..], &["--csv"]].concat())?;
    let json = story.jichi(&[&asked[..], &["--json"]].concat())?;
    ensure!(json.contains("\"outstanding\""), "{json}");
    Ok([text, csv, json])
}

fn report(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let printed = print_report(story, words)?;
    fs::write(story.folder().join("report"), printed.concat())?;
    Ok(())
}

fn same_report(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let before = fs::read_to_string(story.folder().join("report"))?;
    ensure!(print_report(story, words)?.concat() == before, "the report has other bytes");
    Ok(())
}
