//! The story, step by step, each with its figure and its proof.

#![expect(clippy::indexing_slicing, reason = "serde_json gives null for what is not there")]

use std::{fs, path::Path, thread, time::Duration};

use anyhow::{Context as _, bail, ensure};
use jichi_node::clock;
use jichi_protocol::{
    catalogue::{CatalogueVersion, CompanyPoints},
    id::{LinkId, MerchantId, TerminalId},
    intent::ConversionStatement,
    log::{note::VerifierKey, receipt::Receipt, tree::leaf_hash},
    points::Points,
    signature::SigningKey,
};
use serde_json::{Value, json};

use crate::{
    audit,
    client::{Client, Company, Terminal, new_key, new_signing_key},
    library_system::LibrarySystem,
    out,
    world::{COMPANY, Node, World, agree},
};

pub(super) const PASSWORD: &str = "resident-password-1";
/// How long a step that other processes have to do may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A person of the story.
pub(super) struct Person {
    /// The MyKey ID.
    pub(super) mykey: String,
    /// On the public listener, signed in.
    pub(super) client: Client,
}

/// Tells the story.
pub(super) fn tell(world: &mut World, dir: &Path, library: &LibrarySystem) -> anyhow::Result<()> {
    let till = furnish(&world.towns)?;
    for node in &world.towns {
        take_catalogue(node, &world.company)?;
    }
    let [low, high, _] = &world.towns[..] else { bail!("three towns") };
    agree(low, high, "converted")?;
    step(1, "口座の開設 open a resident and a visitor");
    let [maebashi, sagamihara, toyama] = &world.towns[..] else { bail!("three towns") };
    let hanako = open(maebashi, "resident", "前橋 花子", None)?;
    let visitor = open(sagamihara, "visitor", "前橋 花子", Some(&hanako.mykey))?;
    out::line("   resident at 前橋市, the same person a visitor at 相模原市");

    step(2, "付与 grant community-activity points");
    grant(maebashi, &hanako, 600, "2026 防災訓練 リーダー")?;
    expect_points(&hanako, 600)?;
    propose(maebashi, &hanako)?;

    step(3, "交換 convert JAL miles through the coordinator");
    let company =
        Company { client: world.coordinator.public(), id: COMPANY.into(), key: &world.company };
    let link = link(&hanako)?;
    let own = convert(&company, maebashi, link, 2_000, "demo-1")?;
    let moved = convert(&company, maebashi, link, 1_000, "demo-2")?;
    let me = hanako.client.get("/v1/me")?.ok()?;
    ensure!(me["unassigned"].as_array().is_some_and(|list| list.len() == 2), "two wait: {me}");
    out::line("   1,500 points wait for a town (留保)");
    let picked = hanako.client.command("/v1/me/picks", &json!({"conversion": own}))?;
    proved(maebashi, &picked)?;
    expect_points(&hanako, 3_600)?;
    out::line("   1,000 chosen for 前橋市");

    step(4, "支払 pay at a shop with points of both kinds");
    let proof = till.prove(&hanako.mykey, PASSWORD)?;
    let key = new_key()?;
    let paid = till.pay(key, &proof, 3_000, clock::now())?.ok()?;
    proved(maebashi, &paid)?;
    expect_points(&hanako, 600)?;
    let receipt = till.client.text(&format!("/v1/operations/{key}/receipt"))?;
    check_receipt(maebashi, &receipt)?;
    out::line("   the receipt (C2SP tlog-proof) verifies offline");

    step(5, "ポイントの返還 refund a part");
    let refunded = till.refund(new_key()?, key.payment(), 500, clock::now())?.ok()?;
    proved(maebashi, &refunded)?;
    expect_points(&hanako, 1_100)?;

    step(6, "移行 move points to the other town");
    let handle = visitor.client.command("/v1/me/handles", &json!({"town": "102016"}))?;
    let handle = text(&handle, "handle");
    let offer = json!({"town": "141500", "handle": handle, "points": 500, "conversion": moved});
    let transfer = hanako.client.command("/v1/me/transfers", &offer)?;
    proved(maebashi, &transfer)?;
    settled(&hanako, &text(&transfer, "transfer"))?;
    expect_points(&visitor, 500)?;
    out::line("   500 of the conversion were chosen for 相模原市, accepted and settled");

    super::uses::tell(maebashi, &till, dir)?;
    super::others::roam(maebashi, toyama, &hanako)?;
    super::others::read(toyama, library, &hanako)?;
    kill_in_the_middle(world, &hanako, &visitor, &handle)?;
    tamper_and_audit(world, dir)
}

pub(super) fn step(number: u32, what: &str) {
    out::line(format!("{number}. {what}"));
}

pub(super) fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_owned()
}

/// Shops, terminals, programme, catalogue and terms of both towns.
fn furnish(towns: &[Node]) -> anyhow::Result<Terminal> {
    let mut till = None;
    for node in towns {
        let (maker, approver) = (node.officer("maker")?, node.officer("approver")?);
        let shop = json!({"merchant": 1, "name": "駅前物産館", "state": "active"});
        maker.command("/v1/merchants", &shop)?;
        let key = new_signing_key()?;
        let terminal = json!({"terminal": 1, "merchant": 1, "state": "active",
            "public_key": key.public().to_string()});
        maker.command("/v1/terminals", &terminal)?;
        let programme = json!({"programme": 1, "name": "地域活動ポイント", "ceiling": 1_000_000,
            "from": "2020-01-01", "until": "2099-03-31", "audience": "residents", "cap": null,
            "expiry": {"fiscal_year_end": 0}, "grace": "may", "issuer": "town", "paid": "no",
            "two_officers_above": 1_000});
        approver.command("/v1/programmes", &programme)?;
        let town = node.town.context("a town")?;
        till.get_or_insert(Terminal {
            client: node.terminals(),
            town,
            merchant: MerchantId(1),
            terminal: TerminalId(1),
            key,
        });
    }
    till.context("a till")
}

/// The catalogue: JAL converts 2 miles into 1 point. The rate is an example.
fn take_catalogue(node: &Node, company: &SigningKey) -> anyhow::Result<()> {
    let catalogue = json!({"version": 1, "valid_from": "2020-01-01", "companies": [{
        "company": COMPANY, "name": "日本航空（例）", "public_key": company.public().to_string(),
        "unit": 100, "points_per_unit": 50, "minimum": 500, "daily_max": 100_000,
        "monthly_max": 300_000, "issuer": "town", "paid": "yes"}]});
    node.officer("approver")?.command("/v1/catalogues", &catalogue)?;
    Ok(())
}

pub(super) fn open(
    node: &Node,
    class: &str,
    name: &str,
    mykey: Option<&str>,
) -> anyhow::Result<Person> {
    let body = json!({"class": class, "name": name, "password": PASSWORD, "mykey_id": mykey});
    let opened = node.officer("maker")?.command("/v1/accounts", &body)?;
    let mykey = text(&opened, "mykey_id");
    let session = json!({"mykey_id": mykey, "password": PASSWORD});
    let session = node.public().post("/v1/sessions", None, &session)?.ok()?;
    Ok(Person { mykey, client: node.public().with_token(text(&session, "token")) })
}

/// A grant of the community-activity programme.
pub(super) fn grant(
    node: &Node,
    person: &Person,
    points: u32,
    activity: &str,
) -> anyhow::Result<()> {
    let grant = json!({"programme": 1, "mykey_id": person.mykey, "points": points,
        "activity": activity});
    proved(node, &node.officer("maker")?.command("/v1/grants", &grant)?)
}

/// A grant above the limit: one officer is refused, the second one approves.
fn propose(node: &Node, person: &Person) -> anyhow::Result<()> {
    let grant = json!({"programme": 1, "mykey_id": person.mykey, "points": 2_000,
        "activity": "2026 防災 功労"});
    let (maker, approver) = (node.officer("maker")?, node.officer("approver")?);
    let alone = maker.post("/v1/grants", Some(&new_key()?), &grant)?;
    ensure!(alone.code() == "second_officer_needed", "{alone:?}");
    let proposal = maker.command("/v1/proposals", &grant)?;
    let decision = format!("/v1/proposals/{}/decision", text(&proposal, "proposal"));
    let approved = approver.command(&decision, &json!({"verdict": "approve"}))?;
    proved(node, &approved)?;
    expect_points(person, 2_600)?;
    out::line("   2,000 more needed a second officer (決裁者), who approved");
    Ok(())
}

fn link(person: &Person) -> anyhow::Result<LinkId> {
    person.client.command("/v1/me/preset", &json!({"town": null, "handle": null}))?;
    let link = person.client.command("/v1/me/links", &json!({"company": COMPANY}))?;
    Ok(text(&link, "link").parse()?)
}

/// The company signs, the coordinator routes, the home node decides.
fn convert(
    company: &Company<'_>,
    home: &Node,
    link: LinkId,
    miles: u64,
    reference: &str,
) -> anyhow::Result<String> {
    let statement = ConversionStatement {
        company: COMPANY.parse()?,
        reference: reference.parse()?,
        town: home.town.context("a town")?,
        link,
        amount: CompanyPoints(miles),
        catalogue: CatalogueVersion(1),
        points: Points::new(miles / 2).context("few points")?,
        signed: clock::now().date(),
    };
    let begun = clock::monotonic();
    while clock::monotonic().since(begun) < PATIENCE {
        let answer = company.convert(&statement)?;
        if answer.status == 202 {
            thread::sleep(Duration::from_millis(200));
            continue;
        }
        let answer = answer.ok()?;
        ensure!(answer["status"] == "converted", "{answer}");
        check_receipt(home, &text(&answer, "proof"))?;
        out::line(format!(
            "   {miles} miles became {} points; the home node's signed decision came back (entry {})",
            answer["points"], answer["entry"]
        ));
        return Ok(text(&answer, "conversion"));
    }
    bail!("the conversion was not decided in time")
}

/// Prints an answer's figure, and checks that its checkpoint is the town's.
pub(super) fn proved(node: &Node, answer: &Value) -> anyhow::Result<()> {
    let vkey: VerifierKey = node.public().text("/log/key")?.trim().parse()?;
    let checkpoint = text(answer, "checkpoint");
    let signed = jichi_protocol::log::checkpoint::SignedCheckpoint::parse(checkpoint.as_bytes())?;
    let checkpoint = signed.verify(&vkey)?;
    out::line(format!(
        "   entry {} of {}, leaf {}, signed checkpoint of {} entries",
        answer["entry"],
        checkpoint.origin,
        text(answer, "leaf").get(..16).unwrap_or_default(),
        checkpoint.size
    ));
    Ok(())
}

fn check_receipt(node: &Node, receipt: &str) -> anyhow::Result<()> {
    let vkey: VerifierKey = node.public().text("/log/key")?.trim().parse()?;
    let receipt = Receipt::parse(receipt.as_bytes())?;
    receipt.verify(&vkey, &leaf_hash(receipt.extra()))?;
    Ok(())
}

pub(super) fn points(person: &Person) -> anyhow::Result<u64> {
    let me = person.client.get("/v1/me")?.ok()?;
    me["points"].as_u64().context("a balance")
}

pub(super) fn expect_points(person: &Person, expected: u64) -> anyhow::Result<()> {
    let held = points(person)?;
    ensure!(held == expected, "the balance is {held}, and should be {expected}");
    out::line(format!("   balance {held}"));
    Ok(())
}

fn settled(person: &Person, transfer: &str) -> anyhow::Result<()> {
    let begun = clock::monotonic();
    let mut state = String::new();
    while clock::monotonic().since(begun) < PATIENCE {
        let answer = person.client.get(&format!("/v1/me/transfers/{transfer}"))?.ok()?;
        state = text(&answer, "state");
        if state == "settled" {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(50));
    }
    bail!("the transfer is {state} after a minute")
}

/// The receiving town is killed while a transfer is on its way, and started again.
fn kill_in_the_middle(
    world: &mut World,
    sender: &Person,
    receiver: &Person,
    handle: &str,
) -> anyhow::Result<()> {
    step(15, "SIGKILL in the middle of a transfer, and restart");
    let [_, sagamihara, _] = &mut world.towns[..] else { bail!("three towns") };
    sagamihara.kill()?;
    let offer = json!({"town": "141500", "handle": handle, "points": 300});
    let transfer = sender.client.command("/v1/me/transfers", &offer)?;
    let transfer = text(&transfer, "transfer");
    let waiting = sender.client.get(&format!("/v1/me/transfers/{transfer}"))?.ok()?;
    ensure!(waiting["state"] == "waiting", "{waiting}");
    out::line("   相模原市 is dead; 300 points left 前橋市 and are on their way");
    sagamihara.launch()?;
    // The sender dies too, before it can have an answer.
    let [maebashi, sagamihara, _] = &mut world.towns[..] else { bail!("three towns") };
    maebashi.kill()?;
    maebashi.start()?;
    sagamihara.wait_until_ready()?;
    let again = |node: &Node, person: &Person| -> anyhow::Result<Person> {
        let session = json!({"mykey_id": person.mykey, "password": PASSWORD});
        let session = node.public().post("/v1/sessions", None, &session)?.ok()?;
        let client = node.public().with_token(text(&session, "token"));
        Ok(Person { mykey: person.mykey.clone(), client })
    };
    let (sender, receiver) = (again(maebashi, sender)?, again(sagamihara, receiver)?);
    settled(&sender, &transfer)?;
    expect_points(&sender, 650)?;
    expect_points(&receiver, 800)?;
    out::line("   after both restarts the same transfer went on: never twice, never lost");
    Ok(())
}

/// All logs are audited, and the first against each other one; a copy with one flipped bit is found.
fn tamper_and_audit(world: &mut World, dir: &Path) -> anyhow::Result<()> {
    step(16, "監査 audit the logs, their cross-checks, and a tampered copy");
    world.stop()?;
    for node in &world.towns {
        let report = audit::verify_folder(&node.data())?;
        ensure!(report.sound(), "{}", report.text());
        out::line(indented(&report.text(), 6));
    }
    let [a, others @ ..] = &world.towns[..] else { bail!("three towns") };
    for other in others {
        let crossed = audit::cross_folders(&a.data(), &other.data())?;
        ensure!(crossed.sound(), "{}", crossed.text());
        out::line(indented(&crossed.text(), 8));
    }
    let copy = dir.join("tampered");
    copy_folder(&a.data().join("journal"), &copy.join("journal"))?;
    let segment = copy.join("journal").join("00000000.seg");
    let mut bytes = fs::read(&segment)?;
    let byte = bytes.get_mut(3_000).context("a journal of several sectors")?;
    *byte ^= 1;
    fs::write(&segment, bytes)?;
    let report = audit::verify_folder(&copy)?;
    ensure!(!report.sound(), "a flipped bit was not found");
    out::line("   one flipped bit in a copy:");
    out::line(indented(&report.text(), 8));
    fs::remove_dir_all(copy)?;
    Ok(())
}

fn copy_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for file in fs::read_dir(from)? {
        let file = file?;
        fs::copy(file.path(), to.join(file.file_name()))?;
    }
    Ok(())
}

/// The first lines of a report.
fn indented(text: &str, lines: usize) -> String {
    let lines = text.lines().filter(|line| !line.trim().is_empty()).take(lines);
    lines.map(|line| format!("   {line}")).collect::<Vec<_>>().join("\n")
}
