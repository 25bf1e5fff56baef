//! Sentences about streets' cards: issue, charge, the card system's answer, rewards, slips.

use std::{fs, io::Write as _, thread, time::Duration};

use anyhow::{Context as _, bail, ensure};
use jichi::client::Terminal;
use jichi_node::town::proof_hash;
use jichi_protocol::{
    codec,
    command::{RewardIntent, RewardReturnIntent},
    date::Time,
    id::PaymentId,
    intent::PaymentIntent,
    key::ClientKey,
    points::Points,
    signature::Domain,
};
use serde_json::{Value, json};

use crate::{
    card_system::{CardSystem, Says},
    feature::{Steps, Words},
    story::{Story, text},
};

/// Adds them.
#[expect(clippy::too_many_lines, reason = "one list of sentences")]
pub(super) fn add(steps: &mut Steps<Story>) {
    steps.add("{}の窓口{}に制度{}のカードが{}枚届く", stock);
    steps.add(
        "「{}」に制度{}のカード「{}」を窓口{}で発行する",
        |story, words| {
            let holder = story.holder(words.text(0)?)?.clone();
            let body = json!({"scheme": words.number(1)?, "number": words.text(2)?,
            "desk": words.number(3)?, "mykey_id": holder.mykey});
            staff(story, &holder.town, "/v1/street-cards", &body)
        },
    );
    steps.add(
        "「{}」の持っている制度{}のカード「{}」を登録する",
        |story, words| {
            let holder = story.holder(words.text(0)?)?.clone();
            let body = json!({"scheme": words.number(1)?, "number": words.text(2)?,
            "mykey_id": holder.mykey});
            staff(story, &holder.town, "/v1/street-cards", &body)
        },
    );
    steps.add("{}で口座のない人に制度{}のカード「{}」を渡す", |story, words| {
        let body = json!({"scheme": words.number(1)?, "number": words.text(2)?});
        staff(story, words.text(0)?, "/v1/street-cards", &body)
    });
    steps.add("{}の制度{}のカード「{}」の利用を止める", |story, words| {
        let body = json!({"scheme": words.number(1)?, "number": words.text(2)?,
            "state": "suspended"});
        staff(story, words.text(0)?, "/v1/street-cards/state", &body)
    });
    steps.add(
        "{}の窓口で制度{}のカード「{}」に{}ポイントをチャージする",
        |story, words| {
            let body = json!({"scheme": words.number(1)?, "number": words.text(2)?,
            "points": words.number(3)?});
            staff(story, words.text(0)?, "/v1/charges", &body)
        },
    );
    steps.add("{}の制度{}の応答待ちのチャージは{}件、{}ポイントである", waiting);
    steps.add("{}の職員が、制度{}の応答待ちをカードシステムに確かめて「{}」と記録する", by_hand);
    steps.add("{}の制度{}の応答待ちを書き出し、すべて「{}」の回答ファイルを取り込む", by_file);
    steps.add("{}のカードシステムは「{}」と答える", card_system);
    steps.add("{}の制度{}の応答待ちがなくなる", |story, words| {
        let (town, scheme) = (words.text(0)?.to_owned(), words.number(1)?);
        for _ in 0..600 {
            if open(story, &town, scheme)?.is_empty() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(100));
        }
        bail!("charges still wait after a minute")
    });
    steps.add("カード「{}」（制度{}）は「{}」で現金{}円を払う", cash);
    steps.add("カード「{}」（制度{}）は「{}」で{}円の買物に{}ポイントを使う", purchase);
    steps.add("「{}」での買物の現金{}円を返す", give_back);
    steps.add("伝票の内訳は次のとおりである", shares);
    steps.add("伝票の商店街ポイントは{}ポイントである", |story, words| {
        let slip = slip(story)?;
        let number = |field| slip.get(field).and_then(Value::as_u64);
        let reward = number("reward").or_else(|| number("points"));
        ensure!(reward == Some(words.number(0)?.into()), "the slip says {reward:?}: {slip}");
        Ok(())
    });
    steps.add(
        "{}の制度{}のカード「{}」の残高は{}ポイントである",
        |story, words| {
            story.settle()?;
            let body = json!({"scheme": words.number(1)?, "number": words.text(2)?});
            let found = story.officer(words.text(0)?, "maker")?;
            let found = found.post("/v1/street-cards/find", None, &body)?.ok()?;
            let points = found.get("points").and_then(Value::as_u64);
            ensure!(points == Some(words.number(3)?.into()), "the card has {points:?}");
            Ok(())
        },
    );
}

fn staff(story: &mut Story, town: &str, path: &str, body: &Value) -> anyhow::Result<()> {
    let key = story.ahead.new_key()?;
    let reply = story.officer(town, "maker")?.post(path, Some(&key), body)?;
    story.answered(reply)
}

fn stock(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let body = json!({"scheme": words.number(2)?, "desk": words.number(1)?,
        "change": {"received": words.number(3)?}});
    staff(story, words.text(0)?, "/v1/card-stock", &body)
}

fn open(story: &Story, town: &str, scheme: u32) -> anyhow::Result<Vec<Value>> {
    let listed = story.officer(town, "maker")?.get(&format!("/v1/charges?scheme={scheme}"))?;
    Ok(listed.ok()?.as_array().cloned().unwrap_or_default())
}

fn waiting(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    story.settle()?;
    let open = open(story, words.text(0)?, words.number(1)?)?;
    let points: u64 = open.iter().filter_map(|charge| charge.get("points")?.as_u64()).sum();
    let said = (u32::try_from(open.len())?, points);
    ensure!(said == (words.number(2)?, words.number(3)?.into()), "{said:?} wait");
    Ok(())
}

fn result(said: &str) -> anyhow::Result<&'static str> {
    match said {
        "完了" => Ok("confirmed"),
        "不可" => Ok("failed"),
        other => bail!("a card system does not say '{other}'"),
    }
}

fn by_hand(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    story.settle()?;
    let (town, scheme) = (words.text(0)?.to_owned(), words.number(1)?);
    let said = result(words.text(2)?)?;
    for charge in open(story, &town, scheme)? {
        let path = format!("/v1/charges/{}/answer", text(&charge, "charge"));
        let body = json!({"scheme": scheme, "result": said, "reference": "電話で確認"});
        staff(story, &town, &path, &body)?;
    }
    Ok(())
}

fn by_file(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    story.settle()?;
    let (town, scheme) = (words.text(0)?, words.number(1)?);
    let said = words.text(2)?;
    let officer = story.officer(town, "maker")?;
    let file = officer.text(&format!("/v1/charges/open.csv?scheme={scheme}"))?;
    let mut answers = String::from("\u{feff}charge,result,reference\r\n");
    for line in file.lines().skip(1) {
        let charge = line.split(',').next().unwrap_or_default();
        answers.push_str(&format!("\"{charge}\",{said},R-1\r\n"));
    }
    let body = json!({"scheme": scheme, "csv": answers});
    // The same file twice: the second time every line says that it was answered before.
    let first = officer.post("/v1/charges/answers", None, &body)?.ok()?;
    let again = officer.post("/v1/charges/answers", None, &body)?.ok()?;
    let results = |lines: &Value| -> Vec<String> {
        lines.as_array().into_iter().flatten().map(|line| text(line, "result")).collect()
    };
    let (done, before) = match result(said)? {
        "confirmed" => ("confirmed", "charge_confirmed"),
        _ => ("failed", "charge_failed"),
    };
    ensure!(results(&first).iter().all(|result| result == done), "{first}");
    ensure!(results(&again).iter().all(|result| result == before), "{again}");
    ensure!(!results(&first).is_empty(), "the file has no line");
    Ok(())
}

thread_local! {
    static CARD_SYSTEM: std::cell::RefCell<Option<CardSystem>> = const {
        std::cell::RefCell::new(None)
    };
}

/// The first time it starts the card system, and the town's node anew with its address.
fn card_system(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    story.settle()?;
    let says = match words.text(1)? {
        "完了" => Says::Confirmed,
        "不可" => Says::Failed,
        "（応答なし）" => Says::Nothing,
        other => bail!("a card system does not say '{other}'"),
    };
    let known = story.notes.contains_key("card system");
    if known {
        let system = CARD_SYSTEM.with_borrow(Clone::clone).context("the card system runs")?;
        system.say(says);
        return Ok(());
    }
    let system = CardSystem::start(says)?;
    let node = story.node_mut(words.text(0)?)?;
    node.stop()?;
    let mut config = fs::OpenOptions::new().append(true).open(node.dir.join("node.toml"))?;
    let url = format!("http://{}/charges", system.address);
    write!(config, "\n[[card_systems]]\nscheme = 1\nurl = \"{url}\"\n")?;
    node.start()?;
    story.notes.insert("card system".to_owned(), Value::Null);
    CARD_SYSTEM.set(Some(system));
    Ok(())
}

/// A card is shown at a shop's terminal.
fn shown(till: &Terminal, scheme: u32, number: &str) -> anyhow::Result<jichi::client::Reply> {
    let body = json!({"terminal": till.terminal.0,
        "street_card": {"scheme": scheme, "number": number}});
    till.client.post("/v1/proofs", None, &body)
}

fn cash(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let (number, shop) = (words.text(0)?, words.text(2)?);
    let (key, at) = (story.ahead.new_key()?, story.ahead.now());
    let till = &story.shop(shop)?.till;
    let proof = shown(till, words.number(1)?, number)?;
    if proof.status >= 400 {
        return story.answered(proof);
    }
    let proof = text(&proof.ok()?, "proof");
    let yen = words.number(3)?;
    let intent = RewardIntent {
        town: till.town,
        key,
        merchant: till.merchant,
        terminal: till.terminal,
        cash_yen: Points::from_u32(yen),
        at,
        proof: proof_hash(&proof),
    };
    let signature = till.key.sign(Domain::Reward, &codec::encode(&intent));
    let body = json!({"merchant": till.merchant.0, "terminal": till.terminal.0, "cash_yen": yen,
        "at": at.0, "proof": proof, "signature": signature.to_string()});
    let reply = till.client.post("/v1/rewards", Some(&key), &body)?;
    story.payments.insert((number.to_owned(), shop.to_owned()), key.payment());
    story.notes.insert(format!("purchase at {shop}"), key.payment().to_string().into());
    story.answered(reply)
}

fn purchase(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let (number, shop) = (words.text(0)?, words.text(2)?);
    let (key, at) = (story.ahead.new_key()?, story.ahead.now());
    let till = &story.shop(shop)?.till;
    let proof = text(&shown(till, words.number(1)?, number)?.ok()?, "proof");
    let body = payment(till, (key, at), &proof, (words.number(4)?, words.number(3)?));
    let reply = till.client.post("/v1/payments", Some(&key), &body)?;
    story.payments.insert((number.to_owned(), shop.to_owned()), key.payment());
    story.notes.insert(format!("purchase at {shop}"), key.payment().to_string().into());
    story.answered(reply)
}

fn payment(
    till: &Terminal,
    (key, at): (ClientKey, Time),
    proof: &str,
    (points, total): (u32, u32),
) -> Value {
    let intent = PaymentIntent {
        town: till.town,
        key,
        merchant: till.merchant,
        terminal: till.terminal,
        points: Points::from_u32(points),
        total_yen: Some(Points::from_u32(total)),
        rest: None,
        at,
        proof: proof_hash(proof),
    };
    let signature = till.key.sign(Domain::Payment, &codec::encode(&intent));
    json!({"merchant": till.merchant.0, "terminal": till.terminal.0, "points": points,
        "total_yen": total, "at": at.0, "proof": proof, "signature": signature.to_string()})
}

fn give_back(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let shop = words.text(0)?;
    let noted = story.notes.get(&format!("purchase at {shop}")).and_then(Value::as_str);
    let purchase: PaymentId = noted.context("there was no purchase")?.parse()?;
    let (key, at) = (story.ahead.new_key()?, story.ahead.now());
    let till = &story.shop(shop)?.till;
    let yen = words.number(1)?;
    let intent = RewardReturnIntent {
        town: till.town,
        key,
        merchant: till.merchant,
        terminal: till.terminal,
        purchase,
        cash_yen: Some(Points::from_u32(yen)),
        at,
    };
    let signature = till.key.sign(Domain::RewardReturn, &codec::encode(&intent));
    let body = json!({"merchant": till.merchant.0, "terminal": till.terminal.0,
        "purchase": purchase.to_string(), "cash_yen": yen, "at": at.0,
        "signature": signature.to_string()});
    let reply = till.client.post("/v1/reward-returns", Some(&key), &body)?;
    story.answered(reply)
}

/// The slip of the last payment, refund or reward.
fn slip(story: &mut Story) -> anyhow::Result<Value> {
    if let Ok(done) = story.done() {
        story.notes.insert("slip".to_owned(), done);
    }
    story.notes.get("slip").cloned().context("there is no slip")
}

/// The table: 発行者, ポイント.
fn shares(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let slip = slip(story)?;
    let shares = slip.get("shares").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut found: Vec<[String; 2]> = shares
        .iter()
        .map(|share| {
            let points = share.get("points").and_then(Value::as_u64).unwrap_or_default();
            [text(share, "name"), points.to_string()]
        })
        .collect();
    let mut said = words.rows(["発行者", "ポイント"])?;
    found.sort();
    said.sort();
    ensure!(found == said, "the slip says {found:?}");
    Ok(())
}
