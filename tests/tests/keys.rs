//! Agreements by envelopes, and changes of the key that signs these, as real processes.

#![expect(clippy::indexing_slicing, reason = "serde_json gives null for what is not there")]

use std::{
    path::PathBuf,
    process::{Command, Output},
};

use anyhow::{Context as _, bail, ensure};
use jichi::{
    client::new_key,
    world::{MAEBASHI, Node, SAGAMIHARA, World},
};
use jichi_node::config::Settings;
use jichi_tests::{
    people::{Person, code, grant, offer, open, points, settled, text, transfer, wait_for},
    town::{audit_is_sound, jichi_program},
};
use serde_json::{Value, json};

/// Two towns that have agreed by envelopes, and a resident of each, one with 1,000 points.
struct Pair {
    world: World,
    one: Person,
    other: Person,
    _folder: tempfile::TempDir,
}

fn terms(a: &Node, b: &Node, number: u32) -> anyhow::Result<Value> {
    let mut codes = [code(a)?, code(b)?];
    codes.sort();
    Ok(json!({"low": codes[0], "high": codes[1], "number": number, "movable": "everything",
        "cap": 1_000_000, "from": "2017-09-25", "until": "2099-03-31", "movements": ["exchange"]}))
}

/// The only proposal that a node shows, once it is in this state.
fn proposal(node: &Node, state: &str) -> anyhow::Result<Value> {
    wait_for("a proposal", || {
        let all = node.officer("approver").ok()?.get("/v1/agreements/proposals").ok()?.ok().ok()?;
        let one = all.as_array()?.first()?.clone();
        (text(&one, "state") == state).then_some(one)
    })
    .with_context(|| node.last_messages())
}

fn answer(node: &Node, proposal: &Value, word: &str) -> anyhow::Result<Value> {
    let body = json!({"town": proposal["town"], "hash": proposal["hash"], "answer": word});
    node.officer("approver")?.command("/v1/agreements/proposals/answers", &body)
}

fn in_force(node: &Node) -> anyhow::Result<Value> {
    wait_for("an agreement in force", || {
        let all = node.officer("approver").ok()?.get("/v1/agreements").ok()?.ok().ok()?;
        all.as_array()?.first().cloned()
    })
}

impl Pair {
    fn new() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut world = World::make(folder.path(), &jichi_program(), &[MAEBASHI, SAGAMIHARA])?;
        world.start()?;
        let [a, b] = &world.towns[..] else { bail!("two towns") };
        let proposed = terms(a, b, 1)?;
        a.officer("approver")?.command("/v1/agreements/proposals", &proposed)?;
        answer(b, &proposal(b, "waiting")?, "agree")?;
        ensure!(in_force(a)? == in_force(b)?, "two agreements");
        let programme = json!({"programme": 1, "name": "地域活動", "ceiling": 1_000_000,
            "from": "2020-01-01", "until": "2099-03-31", "audience": "residents", "cap": null,
            "expiry": {"fiscal_year_end": 1}, "grace": "may", "issuer": "town", "paid": "no",
            "two_officers_above": 100_000});
        a.officer("approver")?.command("/v1/programmes", &programme)?;
        let (one, other) = (open(a, b)?, open(b, a)?);
        grant(a, &one, 1_000)?.ok()?;
        Ok(Self { world, one, other, _folder: folder })
    }

    fn a(&self) -> &Node {
        &self.world.towns[0]
    }

    fn b(&self) -> &Node {
        &self.world.towns[1]
    }

    fn config(&self) -> PathBuf {
        self.a().dir.join("node.toml")
    }

    fn rotate(&self, more: &[&str]) -> anyhow::Result<Output> {
        let mut command = Command::new(jichi_program());
        command.args(["rotate-key", "--config"]).arg(self.config()).args(more);
        Ok(command.output()?)
    }

    /// The new key is made, named by the directory, and taken by both nodes.
    fn prepared(&mut self) -> anyhow::Result<()> {
        let made = self.rotate(&["--prepare"])?;
        ensure!(made.status.success(), "{made:?}");
        let before = version(self.a())?;
        // A node reads a directory that is laid into its folder when it starts.
        self.world.towns[0].stop()?;
        self.world.publish_directory(&[self.a()])?;
        self.world.towns[0].start()?;
        for node in [self.a(), self.b()] {
            wait_for("the directory with the new key", || {
                (version(node).ok()? > before).then_some(())
            })
            .with_context(|| node.last_messages())?;
        }
        Ok(())
    }

    fn changed(&mut self, more: &[&str]) -> anyhow::Result<()> {
        self.world.towns[0].stop()?;
        let mut arguments = vec!["--maker", "maker", "--approver", "approver"];
        arguments.extend(more);
        let changed = self.rotate(&arguments)?;
        ensure!(changed.status.success(), "{}", String::from_utf8_lossy(&changed.stderr));
        self.world.towns[0].start()
    }

    fn audited(&mut self) -> anyhow::Result<()> {
        self.world.stop()?;
        audit_is_sound(&self.a().data())?;
        audit_is_sound(&self.b().data())
    }
}

/// The version of the directory in force.
fn version(node: &Node) -> anyhow::Result<u64> {
    let metrics = jichi::client::Client::new(format!("http://{}", node.addresses.metrics));
    let all = metrics.text("/metrics")?;
    let line = all.lines().find(|line| line.starts_with("jichi_directory_version "));
    let number = line.and_then(|line| line.rsplit(' ').next()).context("the metric")?;
    Ok(number.parse()?)
}

#[test]
fn towns_agree_by_envelopes_and_a_declined_proposal_says_so() -> anyhow::Result<()> {
    let pair = Pair::new()?;
    let (a, b) = (pair.a(), pair.b());
    transfer(a, &pair.one, (b, &pair.other), 100)?;
    // Another agreement is proposed by the other town, and declined.
    let next = terms(a, b, 2)?;
    b.officer("approver")?.command("/v1/agreements/proposals", &next)?;
    let waiting = proposal(a, "waiting")?;
    ensure!(waiting["terms"] == next && waiting["proposed_by"] == "theirs", "{waiting}");
    let wrong = json!({"town": waiting["town"], "hash": "00".repeat(32), "answer": "agree"});
    let refused = a.officer("approver")?.post(
        "/v1/agreements/proposals/answers",
        Some(&new_key()?),
        &wrong,
    )?;
    ensure!(refused.code() == "unknown_agreement_proposal", "{refused:?}");
    answer(a, &waiting, "decline")?;
    proposal(b, "not_wanted")?;
    // The agreement in force is for exchanges only.
    let movement = json!({"town": code(b)?, "handle": pair.other.handle});
    let moved = jichi_tests::people::client(a, &pair.one)?;
    let moved = moved.post("/v1/me/moves", Some(&new_key()?), &movement)?;
    ensure!(moved.code() == "movement_not_agreed", "{moved:?}");
    Ok(())
}

#[test]
fn points_move_behind_a_change_of_key_and_what_was_under_way_arrives() -> anyhow::Result<()> {
    let mut pair = Pair::new()?;
    transfer(pair.a(), &pair.one, (pair.b(), &pair.other), 100)?;
    let early = pair.rotate(&["--maker", "maker", "--approver", "approver"])?;
    ensure!(!early.status.success(), "no key was made");
    pair.prepared()?;
    // The directory names the new key; the old one still signs.
    transfer(pair.a(), &pair.one, (pair.b(), &pair.other), 10)?;
    // An offer under the old key waits for the other town while the key changes.
    pair.world.towns[1].stop()?;
    let under_way = offer(pair.a(), &pair.one, (pair.b(), &pair.other), 20)?.ok()?;
    pair.changed(&[])?;
    pair.world.towns[1].start()?;
    let transfer_id = text(&under_way, "transfer");
    settled(pair.a(), &pair.one, &transfer_id).with_context(|| pair.b().last_messages())?;
    transfer(pair.a(), &pair.one, (pair.b(), &pair.other), 30)?;
    ensure!(points(pair.b(), &pair.other)? == 160, "the sum");
    pair.audited()
}

#[test]
fn a_stolen_key_is_revoked_and_the_town_goes_on_with_another() -> anyhow::Result<()> {
    let mut pair = Pair::new()?;
    transfer(pair.a(), &pair.one, (pair.b(), &pair.other), 100)?;
    let settings = Settings::read(&pair.config())?;
    let (_, stolen) = jichi_node::init::NodeKeys::read(&settings)?.public();
    pair.world.towns[0].revoked.push(stolen);
    pair.prepared()?;
    // Until the town has told of its new key nothing that the old one signs is taken.
    let waits = text(&offer(pair.a(), &pair.one, (pair.b(), &pair.other), 20)?.ok()?, "transfer");
    std::thread::sleep(std::time::Duration::from_secs(3));
    ensure!(points(pair.b(), &pair.other)? == 100, "an offer under a revoked key was taken");
    pair.changed(&["--stolen"])?;
    settled(pair.a(), &pair.one, &waits).with_context(|| pair.b().last_messages())?;
    transfer(pair.a(), &pair.one, (pair.b(), &pair.other), 30)?;
    ensure!(points(pair.b(), &pair.other)? == 150, "the sum");
    pair.audited()
}
