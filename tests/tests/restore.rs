//! A town that loses its disk, or runs an older copy of it, as real processes: what its peers hold
//! is found out, taken back, and agrees again.

#![expect(clippy::indexing_slicing, reason = "serde_json gives null for what is not there")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    thread,
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use jichi::{
    client::{Client, Terminal, new_key},
    world::{MAEBASHI, Node, OFFICER_PASSWORD, SAGAMIHARA, World, agree},
};
use jichi_protocol::{
    id::{Generation, MerchantId, TerminalId},
    signature::SigningKey,
};
use jichi_tests::{
    people::{PASSWORD, Person, grant, offer, open, points, text, transfer, wait_for},
    town::{audit_is_sound, copy_folder, jichi_program, operator},
};
use serde_json::{Value, json};

/// Two towns with an agreement, and a resident of each with 1,000 points.
struct Pair {
    world: World,
    one: Person,
    other: Person,
    folder: tempfile::TempDir,
}

impl Pair {
    fn new() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut world = World::make(folder.path(), &jichi_program(), &[MAEBASHI, SAGAMIHARA])?;
        for town in &world.towns {
            let path = town.dir.join("node.toml");
            let text = fs::read_to_string(&path)? + "\n[witness]\nevery_s = 1\n";
            fs::write(&path, text)?;
            operator(town)?;
        }
        world.start()?;
        let [a, b] = &world.towns[..] else { bail!("two towns") };
        agree(a, b, "everything")?;
        let programme = json!({"programme": 1, "name": "地域活動", "ceiling": 1_000_000,
            "from": "2020-01-01", "until": "2099-03-31", "audience": "residents", "cap": null,
            "expiry": {"fiscal_year_end": 1}, "grace": "may", "issuer": "town", "paid": "no",
            "two_officers_above": 100_000});
        let (one, other) = (open(a, b)?, open(b, a)?);
        for (node, person) in [(a, &one), (b, &other)] {
            node.officer("approver")?.command("/v1/programmes", &programme)?;
            grant(node, person, 1_000)?.ok()?;
        }
        Ok(Self { world, one, other, folder })
    }

    fn a(&self) -> &Node {
        &self.world.towns[0]
    }

    fn b(&self) -> &Node {
        &self.world.towns[1]
    }

    fn a_mut(&mut self) -> &mut Node {
        &mut self.world.towns[0]
    }

    fn b_mut(&mut self) -> &mut Node {
        &mut self.world.towns[1]
    }

    fn to_b(&self, points: u32) -> anyhow::Result<()> {
        transfer(self.a(), &self.one, (self.b(), &self.other), points)
    }

    fn to_a(&self, points: u32) -> anyhow::Result<()> {
        transfer(self.b(), &self.other, (self.a(), &self.one), points)
    }

    /// The federation's office names the new generation, and A's operator lays the directory in.
    fn named(&mut self, generation: u32) -> anyhow::Result<()> {
        self.a_mut().generation = Generation(generation);
        self.world.publish_directory(&[&self.world.coordinator, self.a()])
    }

    /// Waits until A has taken everything back.
    fn whole(&self) -> anyhow::Result<Value> {
        wait_for("all is taken back", || {
            let state = self.restoring().ok()?;
            let done = state["towns"].as_object()?.is_empty();
            done.then_some(state)
        })
        .with_context(|| format!("{}\n--\n{}", self.a().last_messages(), self.b().last_messages()))
    }

    fn restoring(&self) -> anyhow::Result<Value> {
        self.a().officer("approver")?.get("/v1/restore")?.ok()
    }

    /// A sent 100 before the backup; then 200, and 50 came: this is what the disk's loss costs.
    fn after_the_backup(&self) -> anyhow::Result<()> {
        self.to_b(200)?;
        self.to_a(50)?;
        grant(self.a(), &self.one, 30)?.ok()?;
        Ok(())
    }

    /// What was given is there, but for a grant of 30 that is lost with the disk; and what was
    /// sent twice, the town bears.
    fn sums(&self) -> anyhow::Result<()> {
        self.sums_but((0, 0))
    }

    /// The same, where a shop was paid so much before the backup and so much behind it.
    fn sums_but(&self, (before, behind): (u64, u64)) -> anyhow::Result<()> {
        let (one, other) = (points(self.a(), &self.one)?, points(self.b(), &self.other)?);
        ensure!((one.saturating_add(before), other) == (950, 1_250), "{one} and {other}");
        let state = self.restoring()?;
        ensure!(state["loss"] == 200_u64.saturating_add(behind), "{state}");
        ensure!(state["closed"] == false, "{state}");
        // Money moves again, both ways.
        self.to_b(7)?;
        self.to_a(7)
    }

    /// A shop of A, and the town's limits.
    fn shop(&self) -> anyhow::Result<()> {
        let (maker, approver) = (self.a().officer("maker")?, self.a().officer("approver")?);
        let shop = json!({"merchant": 1, "name": "駅前物産館", "state": "active"});
        maker.command("/v1/merchants", &shop)?;
        let terminal = json!({"terminal": 1, "merchant": 1, "state": "active",
            "public_key": till_key().public().to_string()});
        maker.command("/v1/terminals", &terminal)?;
        let limit = json!({"payment": 1_000_000, "day": 1_000_000_000});
        let terms = json!({"grace_days": 14, "refund_days": 90, "unassigned_days": 14,
            "conversion_expiry": {"fiscal_year_end": 1}, "password": limit, "card": limit,
            "street_card": limit});
        approver.command("/v1/terms", &terms).map(drop)
    }

    /// A payment at the shop; its receipt, as a file.
    fn paid(&self, points: u32) -> anyhow::Result<PathBuf> {
        let till = Terminal {
            client: self.a().terminals(),
            town: self.a().town.context("a town")?,
            merchant: MerchantId(1),
            terminal: TerminalId(1),
            key: till_key(),
        };
        let proof = till.prove(&self.one.mykey, PASSWORD)?;
        let key = new_key()?;
        let body = till.payment_body(key, &proof, points, jichi_node::clock::now());
        till.client.post("/v1/payments", Some(&key), &body)?.ok()?;
        let receipt = till.client.text(&format!("/v1/operations/{key}/receipt"))?;
        let path = self.folder.path().join(format!("{points}.receipt"));
        fs::write(&path, receipt)?;
        Ok(path)
    }

    fn audited(&mut self) -> anyhow::Result<()> {
        self.world.stop()?;
        audit_is_sound(&self.a().data())?;
        audit_is_sound(&self.b().data())
    }
}

fn jichi(command: &str, node: &Node, more: &[&str]) -> anyhow::Result<Output> {
    let config = node.dir.join("node.toml");
    Ok(Command::new(jichi_program())
        .arg(command)
        .arg("--config")
        .arg(config)
        .args(more)
        .output()?)
}

fn said(output: &Output) -> String {
    let all = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8_lossy(&all).into_owned()
}

fn till_key() -> SigningKey {
    SigningKey::from_seed(&[7; 32])
}

/// The shop's receipt is handed in.
fn admit(node: &Node, receipt: &Path, expected: &str) -> anyhow::Result<()> {
    let done = Command::new(jichi_program())
        .args(["restore", "admit-receipts", "--login", "maker", "--node"])
        .arg(node.staff_address())
        .arg(receipt)
        .env("JICHI_PASSWORD", OFFICER_PASSWORD)
        .output()?;
    ensure!(done.status.success() && said(&done).contains(expected), "{}", said(&done));
    Ok(())
}

fn back_up(node: &Node, to: &Path) -> anyhow::Result<()> {
    let done = jichi("backup", node, &["--to", &to.display().to_string()])?;
    ensure!(done.status.success(), "{}", said(&done));
    Ok(())
}

fn restore(node: &Node, from: &Path) -> anyhow::Result<String> {
    let from = from.display().to_string();
    let by = ["--maker", "maker", "--approver", "approver"];
    let done = jichi("restore", node, &[&["--from", from.as_str()][..], &by].concat())?;
    ensure!(done.status.success(), "{}", said(&done));
    Ok(said(&done))
}

/// Every file under a folder.
fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for file in fs::read_dir(folder)? {
        let path = file?.path();
        if path.is_dir() { all.extend(files(&path)?) } else { all.push(path) }
    }
    Ok(all)
}

#[test]
fn a_lost_disk_is_restored_and_what_peers_hold_is_taken_back() -> anyhow::Result<()> {
    let mut pair = Pair::new()?;
    let copy = pair.folder.path().join("backup");
    pair.to_b(100)?;
    pair.shop()?;
    let early = pair.paid(20)?;
    back_up(pair.a(), &copy)?;
    // No key, and nothing of what was cosigned, is in the copy.
    let keys: Vec<Vec<u8>> =
        files(&pair.a().dir.join("keys"))?.iter().map(fs::read).collect::<Result<_, _>>()?;
    for file in files(&copy)? {
        let bytes = fs::read(&file)?;
        let of = |key: &&Vec<u8>| key.len() >= 64 && bytes.windows(64).any(|w| *w == key[..64]);
        ensure!(keys.iter().find(of).is_none(), "a key is in {}", file.display());
    }
    ensure!(!copy.join("witness").exists());
    ensure!(!jichi("backup", pair.a(), &["--to", &copy.display().to_string()])?.status.success());
    pair.after_the_backup()?;
    let paid = pair.paid(40)?;
    pair.a_mut().kill()?;
    fs::remove_dir_all(pair.a().data())?;

    let alone = ["--from", &copy.display().to_string(), "--maker", "maker", "--approver", "maker"];
    let refused = jichi("restore", pair.a(), &alone)?;
    ensure!(!refused.status.success() && said(&refused).contains("two different officers"));
    let begun = restore(pair.a(), &copy)?;
    ensure!(begun.contains("generation  2") && begun.contains("heard       141500"), "{begun}");
    ensure!(begun.contains("not heard   -") && !begun.contains("cosigned    -"), "{begun}");
    pair.a_mut().start()?;
    let refused = grant(pair.a(), &pair.one, 5)?;
    ensure!(refused.code() == "recovering", "{refused:?}");
    ensure!(points(pair.a(), &pair.one)? == 880, "what is there can be read");
    ensure!(pair.restoring()?["closed"] == true);
    // The shop's receipt of a payment that only the lost disk had; and of one that is there.
    admit(pair.a(), &paid, "admitted")?;
    admit(pair.a(), &paid, "already")?;
    admit(pair.a(), &early, "already")?;
    ensure!(pair.restoring()?["loss"] == 40);
    pair.a_mut().stop()?;
    pair.named(2)?;
    pair.a_mut().start()?;
    pair.whole()?;
    pair.sums_but((20, 40))?;
    pair.audited()
}

#[test]
fn an_older_copy_that_was_put_in_place_is_found_out_at_its_start() -> anyhow::Result<()> {
    let mut pair = Pair::new()?;
    let copy = pair.folder.path().join("older");
    pair.to_b(100)?;
    pair.a_mut().stop()?;
    copy_folder(&pair.a().data(), &copy)?;
    pair.a_mut().start()?;
    pair.after_the_backup()?;
    pair.a_mut().stop()?;
    let data = pair.a().data();
    fs::rename(&data, pair.folder.path().join("lost"))?;
    copy_folder(&copy, &data)?;
    pair.a_mut().start()?;
    let read_only = |pair: &Pair| -> anyhow::Result<()> {
        let refused = grant(pair.a(), &pair.one, 5)?;
        ensure!(refused.status == 503 && refused.code() == "read_only_recovery", "{refused:?}");
        ensure!(points(pair.a(), &pair.one)? == 900, "pages can be read");
        let health = Client::new(format!("http://{}", pair.a().addresses.metrics));
        ensure!(health.get("/readyz")?.status == 503);
        ensure!(health.text("/metrics")?.contains("jichi_behind 1"));
        Ok(())
    };
    read_only(&pair)?;
    ensure!(pair.a().last_messages().contains("not the newest"), "{}", pair.a().last_messages());
    // It remembers, also where nobody is there to tell it again.
    pair.a_mut().kill()?;
    pair.b_mut().stop()?;
    pair.a_mut().start()?;
    read_only(&pair)?;
    pair.a_mut().stop()?;
    pair.b_mut().start()?;

    restore(pair.a(), &data)?;
    pair.named(2)?;
    pair.a_mut().start()?;
    pair.whole()?;
    pair.sums()?;
    pair.audited()
}

#[test]
fn a_recovery_that_is_killed_again_and_again_goes_on() -> anyhow::Result<()> {
    let mut pair = Pair::new()?;
    let copy = pair.folder.path().join("backup");
    pair.to_b(100)?;
    back_up(pair.a(), &copy)?;
    pair.after_the_backup()?;
    pair.a_mut().kill()?;
    fs::remove_dir_all(pair.a().data())?;
    restore(pair.a(), &copy)?;
    pair.named(2)?;
    for round in 0..10_u64 {
        pair.a_mut().start()?;
        thread::sleep(Duration::from_millis(round.saturating_mul(35)));
        pair.a_mut().kill()?;
    }
    pair.a_mut().start()?;
    pair.whole()?;
    pair.sums()?;
    pair.audited()
}

#[test]
fn a_town_that_cannot_be_heard_is_named_by_two_officers_and_waited_for() -> anyhow::Result<()> {
    let mut pair = Pair::new()?;
    let copy = pair.folder.path().join("backup");
    pair.to_b(100)?;
    back_up(pair.a(), &copy)?;
    pair.after_the_backup()?;
    pair.a_mut().kill()?;
    pair.b_mut().stop()?;
    fs::remove_dir_all(pair.a().data())?;
    let begun = restore(pair.a(), &copy)?;
    ensure!(begun.contains("not heard   141500"), "{begun}");
    pair.named(2)?;
    pair.a_mut().start()?;
    ensure!(grant(pair.a(), &pair.one, 5)?.code() == "recovering");

    let operator = pair.a().officer("operator")?;
    let named = json!({"towns": ["141500"]});
    let proposal = text(&operator.command("/v1/restore/unheard", &named)?, "proposal");
    ensure!(grant(pair.a(), &pair.one, 5)?.code() == "recovering", "one officer is not enough");
    let path = format!("/v1/proposals/{proposal}/decision");
    pair.a().officer("approver")?.command(&path, &json!({"verdict": "approve"}))?;
    grant(pair.a(), &pair.one, 5)?.ok()?;
    let refused = offer(pair.a(), &pair.one, (pair.b(), &pair.other), 1)?;
    ensure!(refused.code() == "recovering", "its money waits for its fence: {refused:?}");
    ensure!(points(pair.a(), &pair.one)? == 905);

    pair.b_mut().start()?;
    let state = pair.whole()?;
    ensure!(state["loss"] == 200, "{state}");
    ensure!(points(pair.a(), &pair.one)? == 955);
    pair.to_b(1)?;
    pair.audited()
}
