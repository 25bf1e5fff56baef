//! Sentences about payments at shops of other towns, moving house and settlement.

use std::{thread, time::Duration};

use anyhow::{Context as _, bail, ensure};
use jichi_protocol::id::TownId;
use serde_json::{Value, json};

use crate::{
    feature::{Steps, Words, number},
    story::{PASSWORD, Story, text},
};

const LOOKS_MAX: u32 = 300;
const LOOK: Duration = Duration::from_millis(100);

/// Adds them.
pub(super) fn add(steps: &mut Steps<Story>) {
    steps.add("{}と{}は特産品の協定を結び、{}の「{}」だけで使える", goods);
    steps.add("「{}」は他の町の「{}」で{}ポイントを支払う", pay);
    steps.add("「{}」は他の町の「{}」で{}ポイントを支払おうとして「{}」で断られる", declined);
    steps.add("「{}」の他の町の「{}」での支払のうち{}ポイントを返還する", refund);
    steps.add("「{}」は「{}」の口座のある町へ転出する", move_house);
    steps.add("「{}」の残高は、やがて{}ポイントになる", becomes);
    steps.add("{}の{}の町間精算は次のとおりである", settlement);
    steps.add("{}は{}との{}の町間精算を記録する", record);
}

fn town_of(story: &Story, name: &str) -> anyhow::Result<TownId> {
    story.node(name)?.town.context("a town")
}

fn goods(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let mut nodes = [story.node(words.text(0)?)?, story.node(words.text(1)?)?];
    nodes.sort_by_key(|node| node.town);
    let code = |node: &jichi::world::Node| node.town.map(|town| town.to_string());
    let shop = story.shop(words.text(3)?)?.merchant.0;
    let of = town_of(story, words.text(2)?)?.to_string();
    let terms = json!({"low": code(nodes[0]), "high": code(nodes[1]), "number": 1,
        "movable": "converted", "cap": 1_000_000, "from": "2017-09-25", "until": "2099-03-31",
        "shops": [{"town": of, "merchant": shop}]});
    let seal = |node: &jichi::world::Node| {
        node.officer("approver")?.post("/v1/agreements/seal", None, &terms)?.ok()
    };
    let signed = json!({"terms": terms, "low": seal(nodes[0])?, "high": seal(nodes[1])?});
    for node in nodes {
        let key = story.ahead.new_key()?;
        node.officer("approver")?.post("/v1/agreements", Some(&key), &signed)?.ok()?;
    }
    Ok(())
}

fn ask(story: &mut Story, words: &Words) -> anyhow::Result<Value> {
    story.settle()?;
    let (name, shop) = (words.text(0)?, words.text(1)?);
    let holder = story.holder(name)?.clone();
    let base = town_of(story, &holder.town)?;
    let key = story.ahead.new_key()?;
    let till = &story.shop(shop)?.till;
    let guest = till.prove_guest(base, &holder.mykey, PASSWORD)?;
    let reply = till.ask_guest(key, &guest, words.number(2)?, story.ahead.now())?;
    story.payments.insert((name.to_owned(), shop.to_owned()), key.payment());
    if reply.status >= 400 {
        return Ok(json!({"state": "refused", "reason": reply.code()}));
    }
    reply.ok()
}

fn pay(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let paid = ask(story, words)?;
    ensure!(text(&paid, "state") == "approved", "{paid}");
    Ok(())
}

fn declined(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let told = ask(story, words)?;
    ensure!(text(&told, "reason") == words.text(3)?, "{told}");
    Ok(())
}

fn refund(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    story.settle()?;
    let place = (words.text(0)?.to_owned(), words.text(1)?.to_owned());
    let payment = *story.payments.get(&place).context("there was no such payment")?;
    let (key, now) = (story.ahead.new_key()?, story.ahead.now());
    let points = words.number(2)?;
    story.shop(words.text(1)?)?.till.refund(key, payment, points, now)?.ok().map(|_| ())
}

fn move_house(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    story.settle()?;
    let (old, new) = (story.holder(words.text(0)?)?.clone(), story.holder(words.text(1)?)?.clone());
    let (from, to) = (town_of(story, &old.town)?, town_of(story, &new.town)?);
    let key = story.ahead.new_key()?;
    let body = json!({"town": from.to_string()});
    let handle =
        story.signed_in(words.text(1)?)?.post("/v1/me/handles", Some(&key), &body)?.ok()?;
    let key = story.ahead.new_key()?;
    let body = json!({"town": to.to_string(), "handle": text(&handle, "handle")});
    story.signed_in(words.text(0)?)?.post("/v1/me/moves", Some(&key), &body)?.ok().map(|_| ())
}

fn becomes(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    story.settle()?;
    let wanted = u64::from(words.number(1)?);
    let me = story.signed_in(words.text(0)?)?;
    let mut last = None;
    for _ in 0..LOOKS_MAX {
        last = me.get("/v1/me")?.ok()?.get("points").and_then(Value::as_u64);
        if last == Some(wanted) {
            return Ok(());
        }
        thread::sleep(LOOK);
    }
    bail!("it is {last:?}")
}

/// The table: 相手, 方向, 件数, ポイント, 状態; waited for, since towns answer each other.
fn settlement(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    story.settle()?;
    let officer = story.officer(words.text(0)?, "approver")?;
    let month = words.text(1)?;
    let mut wanted = Vec::new();
    for [town, flow, transfers, points, state] in
        words.rows(["相手", "方向", "件数", "ポイント", "状態"])?
    {
        let town = town_of(story, &town)?.to_string();
        wanted.push((town, flow, number(&transfers)?, number(&points)?, state));
    }
    let mut last = Vec::new();
    for _ in 0..LOOKS_MAX {
        let list = officer.get(&format!("/v1/settlements?month={month}"))?.ok()?;
        let of_month = list.get("settlements").and_then(Value::as_array).context("a list")?.iter();
        let number = |it: &Value, field: &str| {
            it.get(field).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok())
        };
        last = of_month
            .filter(|it| text(it, "month") == month)
            .map(|it| {
                let flow = if text(it, "flow") == "given" { "支払う" } else { "受け取る" };
                let state = text(it, "state");
                let (count, points) = (number(it, "transfers"), number(it, "points"));
                let (count, points) = (count.unwrap_or(0), points.unwrap_or(0));
                (text(it, "town"), flow.to_owned(), count, points, state)
            })
            .collect();
        if last == wanted {
            return Ok(());
        }
        thread::sleep(LOOK);
    }
    bail!("it is {last:?}")
}

fn record(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    story.settle()?;
    let town = town_of(story, words.text(1)?)?.to_string();
    let body = json!({"town": town, "month": words.text(2)?});
    let key = story.ahead.new_key()?;
    let reply =
        story.officer(words.text(0)?, "approver")?.post("/v1/settlements", Some(&key), &body)?;
    story.answered(reply)
}
