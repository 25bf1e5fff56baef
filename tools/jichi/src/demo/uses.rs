//! The uses of points, one of each kind: a street's card, vouchers, printed tickets, an online
//! order, a pledge, and what the shops are owed for it.

#![expect(clippy::indexing_slicing, reason = "serde_json gives null for what is not there")]

use std::{fs, path::Path, thread, time::Duration};

use anyhow::{Context as _, bail, ensure};
use jichi_node::clock;
use jichi_protocol::{
    codec,
    command::RedemptionIntent,
    id::{HoldId, LinkId, SiteId, VoucherKindId},
    order::{CampaignId, CampaignOutcome},
    signature::Domain,
    voucher::SerialForm,
};
use serde_json::json;

use super::story::{Person, expect_points, grant, open, proved, step, text};
use crate::{
    client::{Client, Terminal, new_key, new_signing_key},
    out,
    site::{Site, Wanted},
    world::Node,
};

/// Tells them. The shop of `till` takes what is spent.
pub(super) fn tell(node: &Node, till: &Terminal, dir: &Path) -> anyhow::Result<()> {
    let person = open(node, "resident", "赤城 太郎", None)?;
    for activity in ["2026 清掃", "2026 見守り", "2026 交通安全"] {
        grant(node, &person, 1_000, activity)?;
    }
    step(7, "商店街カード charge a street's own card, and earn on cash");
    street_card(node, &person)?;
    step(8, "商品券 vouchers: issued at a desk, redeemed by a shop");
    vouchers(node, &person, till)?;
    step(9, "ポイント券 printed tickets for a shop without equipment");
    tickets(node, &person, dir)?;
    step(10, "注文 an online order: held, captured in part, the rest comes back");
    let site = site(node, 1, "shop")?;
    let link = link(&person, &site)?;
    order(&person, &site, link)?;
    step(11, "応援 a pledge whose campaign fails comes back");
    pledge(node, &person)?;
    step(12, "精算 what the shop is owed, as the next payout run sees it");
    payout(node)
}

/// The association's shop gives a card; points leave for it, and the card system confirms.
fn street_card(node: &Node, person: &Person) -> anyhow::Result<()> {
    let (maker, approver) = (node.officer("maker")?, node.officer("approver")?);
    let scheme = json!({"scheme": 1, "name": "さのぽ（例）", "association": "商店街連合会（例）",
        "card_system": "file", "from": "2020-01-01", "until": "2099-03-31",
        "charge": {"least": 100, "once": 10_000, "day": 20_000,
            "births": ["converted", "administrative"]},
        "reward": {"points_per_100_yen": 1, "ceiling": 100_000, "expiry": {"months": 6},
            "grace": "may", "issuer": "other", "holders": "everyone"},
        "desks": [{"desk": 1, "name": "まち処"}]});
    approver.command("/v1/schemes", &scheme)?;
    let stock = json!({"scheme": 1, "desk": 1, "change": {"received": 100}});
    maker.command("/v1/card-stock", &stock)?;
    let card = json!({"scheme": 1, "number": "0000 1234", "mykey_id": person.mykey, "desk": 1});
    maker.command("/v1/street-cards", &card)?;
    let charge = json!({"scheme": 1, "number": "0000 1234", "points": 500});
    let charged = maker.command("/v1/charges", &charge)?;
    proved(node, &charged)?;
    expect_points(person, 2_500)?;
    let told = maker.text("/v1/charges/open.csv?scheme=1")?;
    ensure!(told.lines().count() == 2, "{told}");
    out::line("   the card system is told by a file, and its answer decides");
    let answer = json!({"scheme": 1, "csv": format!("charge,result,reference\r\n{},confirmed,A-1\r\n",
        text(&charged, "charge"))});
    maker.post("/v1/charges/answers", None, &answer)?.ok()?;
    ensure!(maker.get("/v1/charges?scheme=1")?.ok()? == json!([]), "none waits");
    out::line("   confirmed: 500 points are on the card, owed to the association");
    Ok(())
}

fn vouchers(node: &Node, person: &Person, till: &Terminal) -> anyhow::Result<()> {
    let (maker, approver) = (node.officer("maker")?, node.officer("approver")?);
    let kind = json!({"kind": 1, "name": "Qのまち共通商品券（例）", "price": 500, "sheets": 1,
        "face": 500, "sold_for": "points", "from": "2020-01-01", "until": "2099-03-31",
        "valid": {"months": 6}, "office_days": 30, "desks": [{"desk": 1, "name": "市の出先機関"}],
        "serial": {"prefix": "Q", "digits": 6}});
    approver.command("/v1/voucher-kinds", &kind)?;
    let form = SerialForm { prefix: "Q".parse()?, digits: 6 };
    let stock = json!({"kind": 1, "desk": 1,
        "change": {"received": {"first": form.text(1), "last": form.text(100)}}});
    maker.command("/v1/voucher-stock", &stock)?;
    let issue = json!({"kind": 1, "desk": 1, "units": 2, "paid_with": "points",
        "mykey_id": person.mykey});
    let issued = maker.command("/v1/voucher-issues", &issue)?;
    proved(node, &issued)?;
    expect_points(person, 1_500)?;
    let (key, at) = (new_key()?, clock::now());
    let intent = RedemptionIntent {
        town: till.town,
        key,
        merchant: till.merchant,
        terminal: till.terminal,
        kind: VoucherKindId(1),
        numbers: vec![1],
        at,
    };
    let signature = till.key.sign(Domain::VoucherRedemption, &codec::encode(&intent));
    let body = json!({"merchant": till.merchant.0, "terminal": till.terminal.0, "kind": 1,
        "serials": [form.text(1)], "at": at.0, "signature": signature.to_string()});
    let redeemed = till.client.post("/v1/voucher-redemptions", Some(&key), &body)?.ok()?;
    proved(node, &redeemed)?;
    out::line(format!(
        "   {} was redeemed for 500 yen; {} is with the holder",
        form.text(1),
        form.text(2)
    ));
    Ok(())
}

fn tickets(node: &Node, person: &Person, dir: &Path) -> anyhow::Result<()> {
    let (maker, approver) = (node.officer("maker")?, node.officer("approver")?);
    let today = clock::now().date().to_string();
    let rules = json!({"from": today, "units": [100, 500], "valid": {"months": 3},
        "office_days": 30, "on_expiry": "lapses", "doubles": "paid_in_good_faith"});
    approver.command("/v1/ticket-rules", &rules)?;
    let stock = json!({"desk": 1, "first": 1, "last": 100});
    maker.command("/v1/ticket-stock", &stock)?;
    let issue = json!({"desk": 1, "mykey_id": person.mykey, "units": [500, 100, 100]});
    let issued = maker.command("/v1/tickets", &issue)?;
    proved(node, &issued)?;
    expect_points(person, 800)?;
    match maker.bytes(&text(&issued, "sheet")) {
        Ok(pdf) => {
            let path = dir.join("point-tickets.pdf");
            fs::write(&path, pdf)?;
            out::line(format!("   the sheet to print, with signed QR codes: {}", path.display()));
        }
        Err(_) => out::line("   no font for the sheet on this machine; [print] font names one"),
    }
    let spoiled = json!({"tickets": [issued["tickets"][2]["number"]], "cause": "returned"});
    proved(node, &maker.command("/v1/ticket-voids", &spoiled)?)?;
    expect_points(person, 900)?;
    out::line("   one ticket was handed back at the desk, and its points with it");
    Ok(())
}

fn site(node: &Node, number: u32, kind: &str) -> anyhow::Result<Site> {
    let maker = node.officer("maker")?;
    let shop = number.saturating_add(100);
    let merchant = json!({"merchant": shop, "name": "名物チョイス（例）", "state": "active"});
    maker.command("/v1/merchants", &merchant)?;
    let key = new_signing_key()?;
    let body = json!({"site": number, "name": "名物チョイス（例）", "kind": kind,
        "merchant": shop, "public_key": key.public().to_string(), "state": "active",
        "hold_days": 60, "address": "https://shop.example/points"});
    maker.command("/v1/sites", &body)?;
    let (client, town) = (node.public(), node.town.context("a town")?);
    Ok(Site { client, town, site: SiteId(number), key })
}

/// The holder links at the town, and takes the code to the site.
fn link(person: &Person, site: &Site) -> anyhow::Result<LinkId> {
    let body = json!({"site": site.site.0, "order_limit": 10_000});
    let code = text(&person.client.command("/v1/me/sites", &body)?, "code");
    Ok(text(&site.exchange(&code)?.ok()?, "link").parse()?)
}

fn hold(site: &Site, wanted: &Wanted) -> anyhow::Result<HoldId> {
    let key = new_key()?;
    site.hold(key, wanted, clock::now())?.ok()?;
    Ok(key.hold())
}

fn order(person: &Person, site: &Site, link: LinkId) -> anyhow::Result<()> {
    let last_day = clock::now().date().plus_days(30);
    let wanted = Wanted { link, points: 300, total_yen: 2_000, last_day, campaign: None };
    let order = hold(site, &wanted)?;
    expect_points(person, 600)?;
    site.capture(new_key()?, order, 200, 1_700)?.ok()?;
    expect_points(person, 700)?;
    out::line("   200 were captured for what was sent, 100 came back; 1,700 yen went by card");
    Ok(())
}

fn pledge(node: &Node, person: &Person) -> anyhow::Result<()> {
    let site = site(node, 2, "crowdfunding")?;
    let link = link(person, &site)?;
    let campaign: CampaignId = "hotaru-2026".parse()?;
    let last_day = clock::now().date().plus_days(30);
    let wanted =
        Wanted { link, points: 400, total_yen: 400, last_day, campaign: Some(campaign.clone()) };
    hold(&site, &wanted)?;
    expect_points(person, 300)?;
    site.close(new_key()?, &campaign, CampaignOutcome::Failure)?.ok()?;
    for _ in 0..200 {
        if super::story::points(person)? == 700 {
            out::line("   the campaign failed, and the node gave the 400 back by itself");
            return Ok(());
        }
        thread::sleep(Duration::from_millis(50));
    }
    bail!("the pledge did not come back")
}

fn payout(node: &Node) -> anyhow::Result<()> {
    let approver = node.officer("approver")?;
    let terms = json!({"cycle": [31], "pay_after_business_days": 5, "fee_per_mille": 0});
    approver.command("/v1/payout-terms", &terms)?;
    let next = shown(&node.officer("maker")?)?;
    out::line(format!("   {next}"));
    Ok(())
}

fn shown(officer: &Client) -> anyhow::Result<String> {
    let next = officer.get("/v1/payout-runs/next")?.ok()?;
    let word = |field: &str| next[field].as_str().unwrap_or("?").to_owned();
    let statements = next["statements"].as_array().context("the shops of the run")?;
    let mut lines = vec![format!("the run from {} to {}, so far:", word("from"), word("last"))];
    for shop in statements {
        lines.push(format!("   {}: {} points", text(shop, "name"), shop["points"]));
    }
    Ok(lines.join("\n   "))
}
