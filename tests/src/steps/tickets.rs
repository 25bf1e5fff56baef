//! Sentences about printed tickets: from the desk's printer by way of the paper to the shop.

use std::{fs, process::Command, thread, time::Duration};

use anyhow::{Context as _, bail, ensure};
use jichi_protocol::{
    codec,
    command::TicketScan,
    signature::{Domain, SigningKey},
    ticket::SignedTicket,
};
use serde_json::{Value, json};

use crate::{
    feature::{Steps, Words},
    story::{Story, text},
};

/// Adds them.
pub(super) fn add(steps: &mut Steps<Story>) {
    steps.add("{}の窓口{}は「{}」に{}ポイントのポイント券を{}枚発行する", issue);
    steps.add("「{}」は自宅で{}ポイントのポイント券を{}枚発行する", issue_at_home);
    steps.add("「{}」の{}枚目のポイント券を「{}」で読み取る", scan);
    steps.add("「{}」の{}枚目のポイント券の金額を書き換えて「{}」で読み取る", scan_changed);
    steps.add("読み取りの結果は受付である", |story, _| outcome(story, "taken"));
    steps.add("読み取りの結果は二重であり、最初に使われた店は「{}」である", disputed);
    steps.add("「{}」は次の券に{}枚{}ポイントの送付票を付けて役所に持ち込む", hand_in);
    steps.add("受領書の結果は次のとおりである", receipt);
    steps.add("{}の決裁者は二重の券について「{}」と判断する", decide);
    steps.add("「{}」の{}枚目のポイント券を「{}」として取り消す", void);
    steps.add("{}の窓口{}の用紙は受入{}、使用{}、書損{}、残り{}である", stock);
    steps.add("{}のまだ使われていないポイント券は{}ポイントである", outstanding);
    steps.add("「{}」の{}枚目のポイント券は、ノードなしで{}の券と確かめられる", verify);
}

fn issue(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let (town, name) = (words.text(0)?, words.text(2)?);
    let units = vec![words.number(3)?; usize::try_from(words.number(4)?)?];
    let mykey = story.holder(name)?.mykey.clone();
    let body = json!({"desk": words.number(1)?, "mykey_id": mykey, "units": units});
    let key = story.ahead.new_key()?;
    let officer = story.officer(town, "maker")?;
    let reply = officer.post("/v1/tickets", Some(&key), &body)?;
    if reply.status == 200 {
        let pdf = officer.bytes(&text(&reply.body, "sheet"))?;
        keep(story, name, &pdf)?;
    }
    story.answered(reply)
}

fn issue_at_home(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let name = words.text(0)?;
    let units = vec![words.number(1)?; usize::try_from(words.number(2)?)?];
    let key = story.ahead.new_key()?;
    let client = story.signed_in(name)?;
    let reply = client.post("/v1/me/tickets", Some(&key), &json!({"units": units}))?;
    if reply.status == 200 {
        let pdf = client.bytes(&text(&reply.body, "sheet"))?;
        keep(story, name, &pdf)?;
    }
    story.answered(reply)
}

/// Reads the codes off the printed sheet as a scanner would, and keeps them as the holder's.
fn keep(story: &mut Story, name: &str, pdf: &[u8]) -> anyhow::Result<()> {
    let folder = tempfile::tempdir_in(story.folder())?;
    let sheet = folder.path().join("sheet.pdf");
    fs::write(&sheet, pdf)?;
    let painted = Command::new("pdftoppm")
        .args(["-r", "150", "-png"])
        .arg(&sheet)
        .arg(folder.path().join("page"))
        .status()
        .context("poppler-utils")?;
    ensure!(painted.success(), "the sheet could not be painted");
    let mut pages = Vec::new();
    for file in fs::read_dir(folder.path())? {
        let path = file?.path();
        if path.extension().is_some_and(|kind| kind == "png") {
            pages.push(path);
        }
    }
    let read = Command::new("zbarimg").args(["-q", "--raw"]).args(&pages).output();
    let read = String::from_utf8(read.context("zbar-tools")?.stdout)?;
    let mut tickets = Vec::new();
    for line in read.lines() {
        let ticket: SignedTicket = line.parse().context("a code of a ticket")?;
        tickets.push((ticket.face.number.0, line.to_owned()));
    }
    ensure!(!tickets.is_empty(), "no code was found on the sheet");
    tickets.sort();
    let noted = story.notes.entry(format!("tickets of {name}")).or_insert_with(|| json!([]));
    let list = noted.as_array_mut().context("a list")?;
    list.extend(tickets.into_iter().map(|(_, code)| Value::from(code)));
    Ok(())
}

/// The code of a holder's ticket, counted from 1 in the order of the paper.
fn code(story: &Story, name: &str, nth: u32) -> anyhow::Result<String> {
    let noted = story.notes.get(&format!("tickets of {name}")).and_then(Value::as_array);
    let at = usize::try_from(nth)?.checked_sub(1).context("tickets are counted from 1")?;
    let code = noted.and_then(|list| list.get(at)).and_then(Value::as_str);
    code.map(str::to_owned).with_context(|| format!("{name} has no ticket {nth}"))
}

fn scan(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let code = code(story, words.text(0)?, words.number(1)?)?;
    send_scan(story, words.text(2)?, code.parse()?)
}

fn scan_changed(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let code = code(story, words.text(0)?, words.number(1)?)?;
    let mut ticket: SignedTicket = code.parse()?;
    ticket.face.points = jichi_protocol::points::Points::from_u32(50_000);
    send_scan(story, words.text(2)?, ticket)
}

fn send_scan(story: &mut Story, shop: &str, ticket: SignedTicket) -> anyhow::Result<()> {
    let (key, at) = (story.ahead.new_key()?, story.ahead.now());
    let till = &story.shop(shop)?.till;
    let (merchant, terminal) = (till.merchant, till.terminal);
    let intent = TicketScan { town: till.town, key, merchant, terminal, ticket, at };
    let signature = till.key.sign(Domain::TicketScan, &codec::encode(&intent));
    let body = json!({"merchant": merchant.0, "terminal": terminal.0, "code": ticket.text(),
        "at": at.0, "signature": signature.to_string()});
    let reply = till.client.post("/v1/ticket-scans", Some(&key), &body)?;
    story.answered(reply)
}

fn outcome(story: &mut Story, wanted: &str) -> anyhow::Result<()> {
    let said = story.done()?;
    ensure!(text(&said, "outcome") == wanted, "{said}");
    Ok(())
}

fn disputed(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let said = story.done()?;
    let first = said.get("first").cloned().unwrap_or_default();
    let shown = text(&first, "shop") == words.text(0)? && !text(&first, "time").is_empty();
    ensure!(text(&said, "outcome") == "disputed" && shown, "{said}");
    Ok(())
}

/// The table: 持ち主, 枚目. The clerk types number and letters, as for paper that nothing scans.
fn hand_in(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let shop = story.shop(words.text(0)?)?;
    let (merchant, town) = (shop.merchant, shop.town.clone());
    let mut tickets = Vec::new();
    for [name, nth] in words.rows(["持ち主", "枚目"])? {
        let ticket: SignedTicket = code(story, &name, crate::feature::number(&nth)?)?.parse()?;
        tickets.push(json!({"number": ticket.face.number.0, "check": ticket.check()}));
    }
    let body = json!({"merchant": merchant.0, "count": words.number(1)?,
        "points": words.number(2)?, "tickets": tickets});
    let key = story.ahead.new_key()?;
    let officer = story.officer(&town, "maker")?;
    let reply = officer.post("/v1/ticket-bundles", Some(&key), &body)?;
    if reply.status == 200 {
        let receipt = reply.body.get("receipt").and_then(Value::as_u64).unwrap_or_default();
        let paper = officer.bytes(&format!("/v1/ticket-bundles/{receipt}/sheet"))?;
        ensure!(paper.starts_with(b"%PDF"), "the receipt can be printed");
    }
    story.answered(reply)
}

/// The table: 結果, in the order of the bundle.
fn receipt(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let said = story.done()?;
    let lines = said.get("lines").and_then(Value::as_array).cloned().unwrap_or_default();
    let found: Vec<String> = lines.iter().map(|line| text(line, "words")).collect();
    let wanted: Vec<String> = words.rows(["結果"])?.into_iter().map(|[word]| word).collect();
    ensure!(found == wanted, "the receipt says {found:?}");
    Ok(())
}

/// 支払う or 支払わない, for the first double that waits.
fn decide(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    story.settle()?;
    let approver = story.officer(words.text(0)?, "approver")?;
    let waiting = approver.get("/v1/ticket-doubles")?.ok()?;
    let first = waiting.get(0).context("no double waits")?;
    let number = |field: &str| first.get(field).and_then(Value::as_u64).unwrap_or_default();
    let verdict = match words.text(1)? {
        "支払う" => "pay",
        "支払わない" => "refuse",
        other => bail!("a double is not decided by '{other}'"),
    };
    let path = format!("/v1/ticket-doubles/{}/{}/decision", number("number"), number("nth"));
    let key = story.ahead.new_key()?;
    let reply = approver.post(&path, Some(&key), &json!({"verdict": verdict}))?;
    story.answered(reply)
}

fn void(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let name = words.text(0)?;
    let ticket: SignedTicket = code(story, name, words.number(1)?)?.parse()?;
    let cause = match words.text(2)? {
        "印刷不良" => "spoiled",
        "返却" => "returned",
        other => bail!("a ticket is not voided for '{other}'"),
    };
    let town = story.holder(name)?.town.clone();
    let body = json!({"tickets": [ticket.face.number.0], "cause": cause});
    let key = story.ahead.new_key()?;
    let reply = story.officer(&town, "maker")?.post("/v1/ticket-voids", Some(&key), &body)?;
    story.answered(reply)
}

fn stock(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    story.settle()?;
    let stocks = story.officer(words.text(0)?, "maker")?.get("/v1/ticket-stock")?.ok()?;
    let desk = u64::from(words.number(1)?);
    let of = |stock: &&Value, field: &str| stock.get(field).and_then(Value::as_u64);
    let mut all = stocks.as_array().into_iter().flatten();
    let found = all.find(|stock| of(stock, "desk") == Some(desk)).context("no such desk")?;
    for (field, gap) in [("received", 2), ("used", 3), ("spoiled", 4), ("left", 5)] {
        ensure!(of(&found, field) == Some(words.number(gap)?.into()), "{field}: {found}");
    }
    Ok(())
}

/// What stands in the tickets' account. The node lapses by itself, so it is asked for a while.
fn outstanding(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    story.settle()?;
    let data = story.node(words.text(0)?)?.data();
    let data = data.to_str().context("a path in UTF-8")?.to_owned();
    let mut sum = 0;
    for _ in 0..20 {
        let export = story.jichi(&["audit", "export", "--format", "hledger", &data])?;
        let of_account = export.lines().filter_map(|line| {
            let mut words = line.split_whitespace();
            let own = words.next() == Some("liabilities:ticket");
            own.then(|| words.next()?.parse::<i64>().ok()).flatten()
        });
        sum = of_account.sum::<i64>();
        if sum.unsigned_abs() == u64::from(words.number(1)?) {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(500));
    }
    bail!("the tickets' account stands at {sum}")
}

fn verify(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let code = code(story, words.text(0)?, words.number(1)?)?;
    let node = story.node(words.text(2)?)?;
    let seed = jichi_node::keyfile::read(&node.dir.join("keys/channel.key"))?;
    let key = SigningKey::from_seed(&seed).public().to_string();
    let said = story.jichi(&["admin", "verify-ticket", "--town-key", &key, &code])?;
    ensure!(said.contains("真正です"), "{said}");
    Ok(())
}
