//! Sentences about vouchers: stock, exchange, sale, use at shops, loss, the office.

use anyhow::{Context as _, ensure};
use jichi_protocol::{
    codec,
    command::{RedemptionIntent, RedemptionVoidIntent},
    id::{RedemptionId, VoucherKindId},
    key::ClientKey,
    signature::Domain,
    voucher::SerialForm,
};
use serde_json::{Value, json};

use crate::{
    feature::{Steps, Words},
    story::{Story, text},
};

/// Adds them.
#[expect(clippy::too_many_lines, reason = "one list of sentences")]
pub(super) fn add(steps: &mut Steps<Story>) {
    steps.add(
        "{}の窓口{}に商品券{}の番号「{}」から「{}」までが届く",
        |story, words| {
            let change = json!({"received": {"first": words.text(3)?, "last": words.text(4)?}});
            let body =
                json!({"kind": words.number(2)?, "desk": words.number(1)?, "change": change});
            let reply = post(story, words.text(0)?, "/v1/voucher-stock", &body)?;
            story.answered(reply)
        },
    );
    steps.add(
        "「{}」は窓口{}で商品券{}を{}単位、ポイントで交換する",
        |story, words| issue(story, words, "points"),
    );
    steps.add("「{}」は窓口{}で商品券{}を{}単位、現金で買う", |story, words| {
        issue(story, words, "cash")
    });
    steps.add("「{}」は商品券を{}枚持っている", |story, words| {
        story.settle()?;
        let held = serials(story, words.text(0)?).len();
        ensure!(held == usize::try_from(words.number(1)?)?, "{held} sheets");
        Ok(())
    });
    steps.add("「{}」の商品券の交換を取り消す", void_issue);
    steps.add("「{}」は「{}」で商品券を{}枚使う", |story, words| {
        let (name, count) = (words.text(0)?, usize::try_from(words.number(2)?)?);
        story.settle()?;
        let mut held = serials(story, name);
        ensure!(held.len() >= count, "only {} sheets", held.len());
        let used: Vec<String> = held.drain(..count).collect();
        if redeem(story, name, words.text(1)?, &used)? {
            note(story, name, "serials", json!(held));
            note(story, name, "used", json!(used));
        }
        Ok(())
    });
    steps.add(
        "「{}」が使った商品券が、もう一度「{}」に出される",
        |story, words| {
            story.settle()?;
            let used = texts(story.notes.get(&format!("vouchers of {}: used", words.text(0)?)));
            redeem(story, words.text(0)?, words.text(1)?, &used).map(|_| ())
        },
    );
    steps.add("「{}」での商品券の受取りを取り消す", void_redemption);
    steps.add("「{}」は商品券を1枚なくし、窓口{}で再発行を受ける", reissue);
    steps.add("「{}」がなくした商品券が「{}」に出される", |story, words| {
        story.settle()?;
        let lost = texts(story.notes.get(&format!("vouchers of {}: lost", words.text(0)?)));
        redeem(story, words.text(0)?, words.text(1)?, &lost).map(|_| ())
    });
    steps.add("「{}」は「{}」の商品券{}枚を役所に持ち込む", bundle);
    steps.add("{}の商品券{}を使える店は{}店である", |story, words| {
        story.settle()?;
        let kinds = story.node(words.text(0)?)?.public().get("/v1/voucher-kinds")?.ok()?;
        let wanted = u64::from(words.number(1)?);
        let of = |kind: &&Value| kind.get("kind").and_then(Value::as_u64) == Some(wanted);
        let kind = kinds.as_array().and_then(|kinds| kinds.iter().find(of));
        let shops = kind.and_then(|kind| kind.get("shops")?.as_array()).context("a kind")?.len();
        ensure!(shops == usize::try_from(words.number(2)?)?, "{shops} shops");
        Ok(())
    });
    steps.add("{}に加盟店が番号{}まである", |story, words| {
        let (town, last) = (words.text(0)?.to_owned(), words.number(1)?);
        let maker = story.officer(&town, "maker")?;
        let first = u32::try_from(story.shops.len())?.saturating_add(1);
        for number in first..=last {
            let shop = json!({"merchant": number, "name": format!("加盟店{number}（例）"),
                "state": "active"});
            maker.command("/v1/merchants", &shop)?;
        }
        Ok(())
    });
}

fn post(
    story: &Story,
    town: &str,
    path: &str,
    body: &Value,
) -> anyhow::Result<jichi::client::Reply> {
    let key: ClientKey = story.ahead.new_key()?;
    story.officer(town, "maker")?.post(path, Some(&key), body)
}

fn note(story: &mut Story, name: &str, what: &str, value: Value) {
    story.notes.insert(format!("vouchers of {name}: {what}"), value);
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let list = value.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn serials(story: &Story, name: &str) -> Vec<String> {
    texts(story.notes.get(&format!("vouchers of {name}: serials")))
}

fn issue(story: &mut Story, words: &Words, paid_with: &str) -> anyhow::Result<()> {
    let name = words.text(0)?;
    let holder = story.holder(name)?.clone();
    let kind = words.number(2)?;
    let body = json!({"kind": kind, "desk": words.number(1)?, "units": words.number(3)?,
        "paid_with": paid_with, "mykey_id": holder.mykey});
    let reply = post(story, &holder.town, "/v1/voucher-issues", &body)?;
    if reply.status < 300 {
        note(story, name, "kind", json!(kind));
        note(story, name, "issue", json!(text(&reply.body, "issue")));
        let mut held = serials(story, name);
        held.extend(texts(reply.body.get("serials")));
        note(story, name, "serials", json!(held));
    }
    story.answered(reply)
}

fn of(story: &Story, name: &str, what: &str) -> anyhow::Result<Value> {
    let noted = story.notes.get(&format!("vouchers of {name}: {what}"));
    noted.cloned().with_context(|| format!("{name} has no vouchers"))
}

fn void_issue(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let name = words.text(0)?;
    let issue = of(story, name, "issue")?;
    let town = story.holder(name)?.town.clone();
    let path = format!("/v1/voucher-issues/{}/void", issue.as_str().unwrap_or_default());
    let reply = post(story, &town, &path, &json!({}))?;
    if reply.status < 300 {
        note(story, name, "serials", json!([]));
    }
    story.answered(reply)
}

/// The form of a serial, read off one: all but its last seven digits stand in front.
fn form(serial: &str) -> anyhow::Result<SerialForm> {
    let prefix: String = serial.chars().take_while(|c| !c.is_ascii_digit()).collect();
    let digits = serial.len().saturating_sub(prefix.len()).saturating_sub(1);
    Ok(SerialForm { prefix: prefix.parse()?, digits: u8::try_from(digits)? })
}

/// Whether the shop was told that the vouchers are taken.
fn redeem(story: &mut Story, name: &str, shop: &str, used: &[String]) -> anyhow::Result<bool> {
    let kind = of(story, name, "kind")?.as_u64().unwrap_or_default();
    let kind = VoucherKindId(u32::try_from(kind)?);
    let number = |serial: &String| form(serial)?.number(serial).context("a serial");
    let numbers = used.iter().map(number).collect::<anyhow::Result<Vec<u32>>>()?;
    let (key, at) = (story.ahead.new_key()?, story.ahead.now());
    let till = &story.shop(shop)?.till;
    let intent = RedemptionIntent {
        town: till.town,
        key,
        merchant: till.merchant,
        terminal: till.terminal,
        kind,
        numbers,
        at,
    };
    let signature = till.key.sign(Domain::VoucherRedemption, &codec::encode(&intent));
    let body = json!({"merchant": till.merchant.0, "terminal": till.terminal.0, "kind": kind.0,
        "serials": used, "at": at.0, "signature": signature.to_string()});
    let reply = till.client.post("/v1/voucher-redemptions", Some(&key), &body)?;
    story.notes.insert(format!("redemption at {shop}"), key.redemption().to_string().into());
    let taken = reply.status < 300;
    story.answered(reply)?;
    Ok(taken)
}

fn void_redemption(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let shop = words.text(0)?;
    let noted = story.notes.get(&format!("redemption at {shop}")).and_then(Value::as_str);
    let redemption: RedemptionId = noted.context("there was no redemption")?.parse()?;
    let (key, at) = (story.ahead.new_key()?, story.ahead.now());
    let till = &story.shop(shop)?.till;
    let intent = RedemptionVoidIntent {
        town: till.town,
        key,
        merchant: till.merchant,
        terminal: till.terminal,
        redemption,
        at,
    };
    let signature = till.key.sign(Domain::RedemptionVoid, &codec::encode(&intent));
    let body = json!({"merchant": till.merchant.0, "terminal": till.terminal.0,
        "redemption": redemption.to_string(), "at": at.0, "signature": signature.to_string()});
    let reply = till.client.post("/v1/voucher-redemptions/void", Some(&key), &body)?;
    story.answered(reply)
}

fn reissue(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let name = words.text(0)?;
    let town = story.holder(name)?.town.clone();
    let mut held = serials(story, name);
    ensure!(!held.is_empty(), "there is no voucher to lose");
    let lost = held.remove(0);
    let body = json!({"kind": of(story, name, "kind")?, "serial": lost, "desk": words.number(1)?});
    let reply = post(story, &town, "/v1/voucher-reissues", &body)?;
    if reply.status < 300 {
        held.insert(0, text(&reply.body, "serial"));
        note(story, name, "serials", json!(held));
        note(story, name, "lost", json!([lost]));
    }
    story.answered(reply)
}

fn bundle(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let (shop, name) = (words.text(0)?, words.text(1)?);
    story.settle()?;
    let (town, merchant) = (story.shop(shop)?.town.clone(), story.shop(shop)?.merchant);
    let mut held = serials(story, name);
    let count = usize::try_from(words.number(2)?)?;
    ensure!(held.len() >= count, "only {} sheets", held.len());
    let used: Vec<String> = held.drain(..count).collect();
    note(story, name, "serials", json!(held));
    let body = json!({"merchant": merchant.0, "kind": of(story, name, "kind")?, "serials": used});
    let reply = post(story, &town, "/v1/voucher-bundles", &body)?;
    story.answered(reply)
}
