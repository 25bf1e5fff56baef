//! Sentences about an owner of several shops or departments.

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::{
    feature::{Steps, Words, date, number},
    story::{Story, text},
};

/// Adds them.
pub(super) fn add(steps: &mut Steps<Story>) {
    steps.add("{}に事業者{}の加盟店「{}」がある", department);
    steps.add("{}の事業者{}の{}の部門ごとの売上は次のとおりである", day_is);
    steps.add("{}の事業者{}の{}までの精算の支払額は、部門を合わせて{}円である", paid);
}

fn department(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    story.settle()?;
    let (town, owner, name) = (words.text(0)?, words.number(1)?, words.text(2)?);
    story.add_shop(town, name)?;
    let merchant = story.shop(name)?.merchant.0;
    let body = json!({"merchant": merchant, "name": name, "state": "active", "owner": owner});
    let key = story.ahead.new_key()?;
    story.officer(town, "maker")?.post("/v1/merchants", Some(&key), &body)?.ok().map(|_| ())
}

fn sales(story: &mut Story, words: &Words) -> anyhow::Result<Value> {
    story.settle()?;
    let path = format!("/v1/owners/{}/sales", words.number(1)?);
    story.officer(words.text(0)?, "maker")?.get(&path)?.ok()
}

/// The entry of a list that stands for a day.
fn of_day(sales: &Value, list: &str, field: &str, day: &str) -> anyhow::Result<Value> {
    let all = sales.get(list).and_then(Value::as_array).context("a list")?;
    let found = all.iter().find(|it| text(it, field) == day).cloned();
    found.with_context(|| format!("nothing of {day}: {sales}"))
}

/// The table: 部門, ポイント; their sum is the owner's.
fn day_is(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let sales = sales(story, words)?;
    let day = of_day(&sales, "days", "day", &date(words.text(2)?)?.to_string())?;
    let departments = day.get("departments").and_then(Value::as_array).context("departments")?;
    let seen: Vec<(String, u64)> = departments
        .iter()
        .map(|it| (text(it, "name"), it.get("points").and_then(Value::as_u64).unwrap_or(0)))
        .collect();
    let mut wanted = Vec::new();
    for [name, points] in words.rows(["部門", "ポイント"])? {
        wanted.push((name, u64::from(number(&points)?)));
    }
    ensure!(seen == wanted, "it is {seen:?}");
    let sum: u64 = wanted.iter().map(|(_, points)| *points).sum();
    ensure!(day.get("points") == Some(&sum.into()), "the sum is not {sum}: {day}");
    Ok(())
}

fn paid(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let sales = sales(story, words)?;
    let run = of_day(&sales, "runs", "last", &date(words.text(2)?)?.to_string())?;
    let points = run.get("points").and_then(Value::as_u64);
    ensure!(points == Some(words.number(3)?.into()), "it is {points:?}");
    Ok(())
}
