//! Sentences about online orders and pledges. The sites are the sample shop: real servers that
//! sign what they ask.

use anyhow::{Context as _, ensure};
use jichi::{
    client::{Client, Reply, new_signing_key},
    site::Site,
};
use jichi_protocol::id::SiteId;
use serde_json::{Value, json};

use crate::{
    feature::{Steps, Words},
    sample_shop::SampleShop,
    story::{Story, text},
};

/// Adds them.
pub(super) fn add(steps: &mut Steps<Story>) {
    steps.add("{}に加盟店「{}」の注文サイト「{}」がある", |story, words| {
        site(story, words, "shop")
    });
    steps.add("{}に加盟店「{}」の応援サイト「{}」がある", |story, words| {
        site(story, words, "crowdfunding")
    });
    steps.add(
        "「{}」は「{}」と連携し、1回{}ポイントまでは確認なしとする",
        |story, words| {
            let limit = words.number(2)?;
            link(story, words, Some(limit))
        },
    );
    steps.add(
        "「{}」は「{}」と連携し、注文のたびに確認することにする",
        |story, words| link(story, words, None),
    );
    steps.add(
        "「{}」は「{}」で{}円の注文をし、{}ポイントを使う",
        |story, words| {
            let (yen, points) = (words.number(2)?, words.number(3)?);
            order(story, (words.text(0)?, words.text(1)?), (yen, points), None)
        },
    );
    steps.add(
        "「{}」は「{}」の募集「{}」を{}ポイントで応援する",
        |story, words| {
            let points = words.number(3)?;
            let campaign = Some(words.text(2)?);
            order(story, (words.text(0)?, words.text(1)?), (points, points), campaign)
        },
    );
    steps.add("「{}」は「{}」での{}ポイントの注文を町の画面で確認する", confirm);
    steps.add(
        "「{}」は「{}」の注文を{}ポイント分だけ発送する",
        |story, words| {
            let body = json!({"points": words.number(2)?, "card_yen": 0});
            act(story, words, "ship", &body)
        },
    );
    steps.add("「{}」は「{}」の注文をやめる", |story, words| {
        act(story, words, "cancel", &json!({}))
    });
    steps.add(
        "「{}」は「{}」の注文のうち{}ポイントを返還する",
        |story, words| {
            let body = json!({"points": words.number(2)?});
            act(story, words, "return", &body)
        },
    );
    steps.add("「{}」の募集「{}」が成立する", |story, words| close(story, words, true));
    steps.add("「{}」の募集「{}」が成立しない", |story, words| {
        close(story, words, false)
    });
    steps.add("「{}」の確保は{}ポイントである", held);
    steps.add("「{}」の確保がすべて戻る", all_back);
}

fn note(what: &str, name: &str) -> String {
    format!("order: {what} {name}")
}

/// Registers a site, and opens its server.
fn site(story: &mut Story, words: &Words, kind: &str) -> anyhow::Result<()> {
    let (town, merchant, name) = (words.text(0)?, words.text(1)?, words.text(2)?);
    let merchant = story.shop(merchant)?.merchant;
    let number = story.notes.keys().filter(|key| key.starts_with("order: site ")).count();
    let number = u32::try_from(number)?.saturating_add(1);
    let key = new_signing_key()?;
    let body = json!({"site": number, "name": name, "kind": kind, "merchant": merchant.0,
        "public_key": key.public().to_string(), "state": "active", "hold_days": 60,
        "address": "https://shop.example/points"});
    story.officer(town, "maker")?.command("/v1/sites", &body)?;
    let node = story.node(town)?;
    let (client, town) = (node.public(), node.town.context("a town")?);
    let shop = SampleShop::open(Site { client, town, site: SiteId(number), key })?;
    let known = json!({"site": number, "address": format!("http://{}", shop.address)});
    // It stays open until the story's process ends.
    std::mem::forget(shop);
    story.notes.insert(note("site", name), known);
    Ok(())
}

fn shop(story: &Story, name: &str) -> anyhow::Result<(u64, Client)> {
    let known = story.notes.get(&note("site", name));
    let known = known.with_context(|| format!("no site is called {name}"))?;
    let number = known.get("site").and_then(Value::as_u64).context("a number")?;
    Ok((number, Client::new(text(known, "address"))))
}

/// The holder links at the town, and takes the code to the site.
fn link(story: &mut Story, words: &Words, limit: Option<u32>) -> anyhow::Result<()> {
    let (name, site) = (words.text(0)?, words.text(1)?);
    let (number, shop) = shop(story, site)?;
    let body = json!({"site": number, "order_limit": limit});
    let linked = story.signed_in(name)?.command("/v1/me/sites", &body)?;
    let body = json!({"customer": name, "code": text(&linked, "code")});
    let reply = shop.post("/links", None, &body)?;
    story.answered(reply)
}

fn order(
    story: &mut Story,
    (name, site): (&str, &str),
    (yen, points): (u32, u32),
    campaign: Option<&str>,
) -> anyhow::Result<()> {
    let (_, shop) = shop(story, site)?;
    let body = json!({"customer": name, "total_yen": yen, "points": points,
        "campaign": campaign});
    let reply = shop.post("/orders", None, &body)?;
    if let Some(id) = reply.body.get("order") {
        story.notes.insert(note(site, name), id.clone());
    }
    story.answered(reply)
}

/// The newest order of a person at a site.
fn of(story: &Story, site: &str, name: &str) -> anyhow::Result<(Client, u64)> {
    let (_, shop) = shop(story, site)?;
    let id = story.notes.get(&note(site, name)).and_then(Value::as_u64);
    Ok((shop, id.context("nothing was ordered")?))
}

fn act(story: &mut Story, words: &Words, what: &str, body: &Value) -> anyhow::Result<()> {
    let (shop, id) = of(story, words.text(0)?, words.text(1)?)?;
    let reply = shop.post(&format!("/orders/{id}/{what}"), None, body)?;
    story.answered(reply)
}

/// The holder sees the order at the town and confirms its amount; the site hears of it.
fn confirm(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    story.settle()?;
    let (name, site) = (words.text(0)?, words.text(1)?);
    let client = story.signed_in(name)?;
    let orders = client.get("/v1/me/orders")?.ok()?;
    let waiting = orders.get("waiting").and_then(Value::as_array).cloned().unwrap_or_default();
    let wanted = u64::from(words.number(2)?);
    let mut fitting = waiting.iter().filter(|order| {
        order.get("points").and_then(Value::as_u64) == Some(wanted) && text(order, "name") == site
    });
    let order = fitting.next().with_context(|| format!("no such order waits: {orders}"))?;
    let path = format!("/v1/me/orders/{}/confirm", text(order, "hold"));
    client.post(&path, None, &json!({"points": wanted}))?.ok()?;
    let (shop, id) = of(story, site, name)?;
    let reply: Reply = shop.post(&format!("/orders/{id}/resume"), None, &json!({}))?;
    story.answered(reply)
}

fn close(story: &mut Story, words: &Words, reached: bool) -> anyhow::Result<()> {
    let (_, shop) = shop(story, words.text(0)?)?;
    let path = format!("/campaigns/{}/close", words.text(1)?);
    let reply = shop.post(&path, None, &json!({"reached": reached}))?;
    story.answered(reply)
}

fn on_hold(story: &Story, name: &str) -> anyhow::Result<u64> {
    let orders = story.signed_in(name)?.get("/v1/me/orders")?.ok()?;
    let held = orders.get("held").and_then(Value::as_array).cloned().unwrap_or_default();
    Ok(held.iter().filter_map(|order| order.get("points")?.as_u64()).sum())
}

fn held(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    story.settle()?;
    let held = on_hold(story, words.text(0)?)?;
    ensure!(held == u64::from(words.number(1)?), "{held} points are on hold");
    Ok(())
}

/// The node gives back by itself, a moment after the reason.
fn all_back(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    story.settle()?;
    for _ in 0..200 {
        if on_hold(story, words.text(0)?)? == 0 {
            return Ok(());
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    anyhow::bail!("points are still on hold after ten seconds")
}
