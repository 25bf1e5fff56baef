//! Sentences about the day, nodes, accounts, shops, grants, payments, conversions and transfers.

use std::{thread, time::Duration};

use anyhow::{Context as _, bail, ensure};
use jichi::{client::Company, world};
use jichi_protocol::{
    catalogue::{CatalogueVersion, CompanyPoints},
    id::LinkId,
    intent::ConversionStatement,
    points::Points,
};
use serde_json::{Value, json};

use crate::{
    feature::{Steps, Words, date},
    story::{Holder, PASSWORD, Story, text},
};

/// Adds them.
pub(super) fn add(steps: &mut Steps<Story>) {
    steps.add("今日は{}である", |story, words| story.turn_to(date(words.text(0)?)?));
    steps.add("日付が{}になる", |story, words| story.turn_to(date(words.text(0)?)?));
    steps.add("{}のノードが動いている", |story, words| {
        story.start(&words.text(0)?.split('と').collect::<Vec<_>>())
    });
    steps.add("{}のノードが強制終了し、また動き出す", kill);
    steps.add("{}は設定ファイル「{}」を登録する", apply);
    steps.add("{}に加盟店「{}」がある", |story, words| {
        story.add_shop(words.text(0)?, words.text(1)?)
    });
    steps.add("{}の住民「{}」の口座がある", |story, words| {
        open(story, words, "resident")
    });
    steps.add("{}の町外利用者「{}」の口座がある", |story, words| {
        open(story, words, "visitor")
    });
    steps.add("{}と{}はすべてのポイントの移行を協定している", agree);
    steps.add("「{}」に施策{}から{}ポイントを「{}」として付与する", grant);
    steps.add("「{}」は「{}」で{}ポイントを支払う", pay);
    steps.add("「{}」の「{}」での支払を取り消す", void);
    steps.add("「{}」の「{}」での支払のうち{}ポイントを返還する", refund);
    steps.add("「{}」は日本航空の{}マイルを交換する", convert);
    steps.add("「{}」は留保ポイントを自分の町のポイントにする", pick);
    steps.add("「{}」は留保ポイントを「{}」の口座のある町のポイントにする", pick_elsewhere);
    steps.add("「{}」の残高は{}ポイントである", balance);
    steps.add("「{}」の留保は{}ポイントである", unassigned);
    steps.add("「{}」で断られる", refused);
    steps.add("{}の帳簿の「{}」は{}ポイントである", book);
}

fn kill(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    story.settle()?;
    let node = story.node_mut(words.text(0)?)?;
    node.kill()?;
    node.start()
}

fn apply(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let file = Story::file(words.text(1)?)?;
    let town = words.text(0)?;
    // Whoever may: what the council decides is the approver's, the rest the maker's.
    let tried = jichi::admin::apply(&story.officer(town, "approver")?, &file);
    if tried.is_err() {
        jichi::admin::apply(&story.officer(town, "maker")?, &file)?;
    }
    Ok(())
}

fn open(story: &mut Story, words: &Words, class: &str) -> anyhow::Result<()> {
    let (town, name) = (words.text(0)?, words.text(1)?);
    // Whoever has an account elsewhere keeps the MyKey ID of the base town.
    let person = name.split('（').next().unwrap_or(name);
    let mykey = story.people.get(person).map(|holder| holder.mykey.clone());
    let mykey = mykey.filter(|_| class == "visitor");
    let body = json!({"class": class, "name": person, "password": PASSWORD, "mykey_id": mykey});
    let opened = story.officer(town, "maker")?.command("/v1/accounts", &body)?;
    let holder = Holder {
        town: town.to_owned(),
        account: text(&opened, "account"),
        mykey: text(&opened, "mykey_id"),
    };
    story.people.insert(name.to_owned(), holder);
    Ok(())
}

fn agree(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    world::agree(story.node(words.text(0)?)?, story.node(words.text(1)?)?, "everything")
}

fn grant(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let holder = story.holder(words.text(0)?)?.clone();
    let body = json!({"programme": words.number(1)?, "mykey_id": holder.mykey,
        "points": words.number(2)?, "activity": words.text(3)?});
    let key = story.ahead.new_key()?;
    let reply = story.officer(&holder.town, "maker")?.post("/v1/grants", Some(&key), &body)?;
    story.answered(reply)
}

fn pay(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let (name, shop) = (words.text(0)?, words.text(1)?);
    let mykey = story.holder(name)?.mykey.clone();
    let key = story.ahead.new_key()?;
    let till = &story.shop(shop)?.till;
    let proof = till.prove(&mykey, PASSWORD)?;
    let reply = till.pay(key, &proof, words.number(2)?, story.ahead.now())?;
    story.payments.insert((name.to_owned(), shop.to_owned()), key.payment());
    story.answered(reply)
}

fn payment(story: &Story, words: &Words) -> anyhow::Result<jichi_protocol::id::PaymentId> {
    let place = (words.text(0)?.to_owned(), words.text(1)?.to_owned());
    story.payments.get(&place).copied().context("there was no such payment")
}

fn void(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let payment = payment(story, words)?;
    let (key, now) = (story.ahead.new_key()?, story.ahead.now());
    let reply = story.shop(words.text(1)?)?.till.void(key, payment, now)?;
    story.answered(reply)
}

fn refund(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let payment = payment(story, words)?;
    let (key, now) = (story.ahead.new_key()?, story.ahead.now());
    let points = words.number(2)?;
    let reply = story.shop(words.text(1)?)?.till.refund(key, payment, points, now)?;
    story.answered(reply)
}

/// The catalogue of an example: two miles become one point.
fn take_catalogue(story: &Story, town: &str) -> anyhow::Result<()> {
    let key = story.world()?.company.public().to_string();
    let catalogue = json!({"version": 1, "valid_from": "2017-09-25", "companies": [{
        "company": "jal", "name": "日本航空（例）", "public_key": key,
        "unit": 100, "points_per_unit": 50, "minimum": 500, "daily_max": 100_000,
        "monthly_max": 300_000, "issuer": "town", "paid": "yes"}]});
    story.officer(town, "approver")?.command("/v1/catalogues", &catalogue)?;
    Ok(())
}

/// Links the holder to the company where that was not done, signs, and waits for the decision.
fn convert(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let (name, miles) = (words.text(0)?, words.number(1)?);
    let holder = story.holder(name)?.clone();
    let noted = format!("link of {name}");
    if !story.notes.contains_key(&noted) {
        if !story.notes.contains_key(&holder.town) {
            take_catalogue(story, &holder.town)?;
            story.notes.insert(holder.town.clone(), Value::Null);
        }
        let client = story.signed_in(name)?;
        client.command("/v1/me/preset", &json!({"town": null, "handle": null}))?;
        let link = client.command("/v1/me/links", &json!({"company": "jal"}))?;
        story.notes.insert(noted.clone(), link);
    }
    let link: LinkId = text(story.notes.get(&noted).unwrap_or(&Value::Null), "link").parse()?;
    let statement = ConversionStatement {
        company: "jal".parse()?,
        reference: format!("story-{}", story.ahead.new_key()?).parse()?,
        town: story.node(&holder.town)?.town.context("a town")?,
        link,
        amount: CompanyPoints(miles.into()),
        catalogue: CatalogueVersion(1),
        points: Points::from_u32(miles / 2),
        signed: story.ahead.now().date(),
    };
    let world = story.world()?;
    let company =
        Company { client: world.coordinator.public(), id: "jal".to_owned(), key: &world.company };
    for _ in 0..300 {
        let answer = company.convert(&statement)?;
        if answer.status != 202 {
            let converted = answer.clone().ok().map(|body| text(&body, "conversion"));
            story
                .notes
                .insert(format!("conversion of {name}"), converted.unwrap_or_default().into());
            return story.answered(answer);
        }
        thread::sleep(Duration::from_millis(100));
    }
    bail!("the conversion was not decided in time")
}

fn conversion(story: &Story, name: &str) -> anyhow::Result<String> {
    let noted = story.notes.get(&format!("conversion of {name}")).and_then(Value::as_str);
    noted.map(str::to_owned).context("nothing was converted")
}

fn pick(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    story.settle()?;
    let name = words.text(0)?;
    let body = json!({"conversion": conversion(story, name)?});
    let key = story.ahead.new_key()?;
    let reply = story.signed_in(name)?.post("/v1/me/picks", Some(&key), &body)?;
    story.answered(reply)
}

/// All of a conversion goes to an account in another town, and arrives there.
fn pick_elsewhere(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    story.settle()?;
    let (name, there) = (words.text(0)?, words.text(1)?);
    let (here, other) = (story.holder(name)?.clone(), story.holder(there)?.clone());
    let code = |town: &str| -> anyhow::Result<String> {
        Ok(story.node(town)?.town.map(|id| id.to_string()).unwrap_or_default())
    };
    let asked = json!({"town": code(&here.town)?});
    let handle = story.signed_in(there)?.command("/v1/me/handles", &asked)?;
    let client = story.signed_in(name)?;
    let me = client.get("/v1/me")?.ok()?;
    let waiting = me.get("unassigned").and_then(Value::as_array).cloned().unwrap_or_default();
    let points: u64 = waiting.iter().filter_map(|one| one.get("points")?.as_u64()).sum();
    let offer = json!({"town": code(&other.town)?, "handle": text(&handle, "handle"),
        "points": points, "conversion": conversion(story, name)?});
    let transfer = client.command("/v1/me/transfers", &offer)?;
    let path = format!("/v1/me/transfers/{}", text(&transfer, "transfer"));
    for _ in 0..600 {
        let state = text(&client.get(&path)?.ok()?, "state");
        match state.as_str() {
            "settled" => return Ok(()),
            "returned" => bail!("the other town refused"),
            _ => thread::sleep(Duration::from_millis(50)),
        }
    }
    bail!("the transfer is not final after half a minute")
}

fn balance(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    story.settle()?;
    let me = story.signed_in(words.text(0)?)?.get("/v1/me")?.ok()?;
    let held = me.get("points").and_then(Value::as_u64);
    ensure!(held == Some(words.number(1)?.into()), "the balance is {held:?}: {me}");
    Ok(())
}

fn unassigned(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    story.settle()?;
    let me = story.signed_in(words.text(0)?)?.get("/v1/me")?.ok()?;
    let waiting = me.get("unassigned").and_then(Value::as_array).cloned().unwrap_or_default();
    let sum: u64 = waiting.iter().filter_map(|one| one.get("points")?.as_u64()).sum();
    ensure!(sum == u64::from(words.number(1)?), "{sum} wait: {me}");
    Ok(())
}

fn refused(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let reply = story.refused()?;
    ensure!(reply.code() == words.text(0)?, "refused by {}: {}", reply.code(), reply.body);
    Ok(())
}

/// What stands in an account without lots, by its name in the export for hledger: its positive
/// side is what an officer calls its balance.
fn book(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    story.settle()?;
    let (town, account) = (words.text(0)?, words.text(1)?);
    let data = story.node(town)?.data();
    let data = data.to_str().context("a path in UTF-8")?;
    let export = story.jichi(&["audit", "export", "--format", "hledger", data])?;
    let of_account = export.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some(account)).then(|| words.next()?.parse::<i64>().ok()).flatten()
    });
    let sum: i64 = of_account.sum();
    ensure!(sum.unsigned_abs() == u64::from(words.number(2)?), "{account} stands at {sum}");
    Ok(())
}
