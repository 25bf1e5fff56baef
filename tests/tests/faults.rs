//! Every fault of a transfer between two towns, with real nodes and a line between them that fails.
//! What has to happen is the federation's table of faults; each of its lines is a test:
//!
//! | fault | test |
//! |---|---|
//! | offer lost, doubled, reordered, late | `an_offer_that_is_lost_doubled_or_late_is_decided_once` |
//! | answer lost | `an_answer_that_is_lost_is_asked_for_again` |
//! | a town killed at any instruction | `towns_that_are_killed_at_any_moment_go_on_with_the_same_transfers`; a town's own writes: `an_acknowledged_operation_survives_sigkill` in crash.rs |
//! | a town restored from a backup | `a_lost_disk_is_restored_and_what_peers_hold_is_taken_back` in restore.rs |
//! | a restore that nobody noticed | `an_older_copy_that_was_put_in_place_is_found_out_at_its_start` in restore.rs |
//! | a second copy of a node | `a_cloned_node_is_refused_proved_and_halted_and_so_is_the_other` in witness.rs |
//! | the other town's clock is wrong | `a_wrong_clock_changes_neither_the_points_nor_the_decision`, `a_clock_far_from_the_other_towns_alarms_until_it_is_put_right` in faults/clock.rs |
//! | answer and log contradict | a receipt of another log, in `unknown_keys_wrong_recipients_bad_signatures_and_replays_change_nothing` of foreign.rs; `a_message_that_was_never_sent_is_shown` of `jichi audit cross` |
//! | a log is rewritten | `a_rewritten_log_is_disproved_at_every_witness_and_its_channel_freezes` in witness.rs |
//! | unknown key, wrong recipient, bad signature, replay | `unknown_keys_wrong_recipients_bad_signatures_and_replays_change_nothing` in foreign.rs |
//! | beyond the pair's cap | `a_cap_is_said_before_the_offer_and_refused_by_the_other_town_too` |
//! | cut off for long | `towns_that_are_cut_off_go_on_and_their_transfers_wait_in_sight` |
//! | a town closes or merges | `a_town_that_closes_tells_what_it_answered_and_the_rest_comes_back` in faults/closing.rs |

#![expect(clippy::indexing_slicing, reason = "serde_json gives null for what is not there")]

#[path = "faults/clock.rs"]
mod clock;
#[path = "faults/closing.rs"]
mod closing;

use std::{
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use jichi::{
    client::{Client, Reply, Terminal, new_key, new_signing_key},
    world::{MAEBASHI, Node, SAGAMIHARA, World, agree},
};
use jichi_node::clock::now;
use jichi_protocol::{
    id::{MerchantId, TerminalId},
    key::ClientKey,
};
use jichi_tests::{
    proxy::{Flow, Line, Way},
    town::{audit_is_sound, balance, checkpoint_of, jichi_program, operator, random_below},
};
use serde_json::{Value, json};

const PASSWORD: &str = "resident-password-1";
/// How long anything may take.
const LOOKS_MAX: u32 = 800;
const LOOK: Duration = Duration::from_millis(50);

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_owned()
}

/// A resident of each of two towns with 1,000 points, and a shop in the first; the towns reach each
/// other by the line.
struct Two {
    world: World,
    line: Line,
    hanako: String,
    taro: String,
    /// Under which the first town knows Taro.
    handle: String,
    till: Terminal,
    _folder: tempfile::TempDir,
}

impl Two {
    fn new() -> anyhow::Result<Self> {
        Self::with(&|_| Ok(jichi_program()))
    }

    fn with(program: &dyn Fn(&Path) -> anyhow::Result<PathBuf>) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let program = program(folder.path())?;
        let mut world = World::make(folder.path(), &program, &[MAEBASHI, SAGAMIHARA])?;
        let [a, b] = &mut world.towns[..] else { bail!("two towns") };
        let line = Line::between(a.addresses.peer, b.addresses.peer)?;
        (a.reached_at, b.reached_at) = (line.to_first, line.to_second);
        world.publish_directory(&world.nodes().collect::<Vec<_>>())?;
        world.towns.iter().try_for_each(operator)?;
        world.towns.iter_mut().try_for_each(Node::start)?;
        let [a, b] = &world.towns[..] else { bail!("two towns") };
        agree(a, b, "everything")?;
        let (hanako, taro) = (open(a)?, open(b)?);
        let there = sign_in(b, &taro)?;
        let handle = there.command("/v1/me/handles", &json!({"town": "102016"}))?;
        let till = shop(a)?;
        let handle = text(&handle, "handle");
        let two = Self { world, line, hanako, taro, handle, till, _folder: folder };
        // The towns are connected before anything fails.
        let first = two.offer(&two.hanako()?, 1)?;
        two.ends(&two.hanako()?, &first, "settled")?;
        Ok(two)
    }

    fn a(&self) -> &Node {
        &self.world.towns[0]
    }

    fn b(&self) -> &Node {
        &self.world.towns[1]
    }

    fn hanako(&self) -> anyhow::Result<Client> {
        sign_in(self.a(), &self.hanako)
    }

    fn taro(&self) -> anyhow::Result<Client> {
        sign_in(self.b(), &self.taro)
    }

    fn ask(&self, me: &Client, key: &ClientKey, points: u32) -> anyhow::Result<Reply> {
        let offer = json!({"town": "141500", "handle": self.handle, "points": points});
        me.post("/v1/me/transfers", Some(key), &offer)
    }

    /// Offers points to Taro; the transfer.
    fn offer(&self, me: &Client, points: u32) -> anyhow::Result<String> {
        Ok(text(&self.ask(me, &new_key()?, points)?.ok()?, "transfer"))
    }

    /// Waits until a transfer has this end, and no other.
    fn ends(&self, me: &Client, transfer: &str, end: &str) -> anyhow::Result<()> {
        let state = self.wait_for("the transfer's end", || {
            let state = state(me, transfer)?;
            Ok(["settled", "returned"].contains(&state.as_str()).then_some(state))
        })?;
        ensure!(state == end, "it is {state}");
        Ok(())
    }

    fn wait_for<T>(
        &self,
        what: &str,
        mut look: impl FnMut() -> anyhow::Result<Option<T>>,
    ) -> anyhow::Result<T> {
        for _ in 0..LOOKS_MAX {
            if let Some(found) = look()? {
                return Ok(found);
            }
            thread::sleep(LOOK);
        }
        let said = (self.a().last_messages(), self.b().last_messages());
        bail!("not in time: {what}\n{}\n--\n{}", said.0, said.1)
    }

    /// A payment at the first town's own shop.
    fn pay(&self, points: u32) -> anyhow::Result<()> {
        let proof = self.till.prove(&self.hanako, PASSWORD)?;
        self.till.pay(new_key()?, &proof, points, now())?.ok().map(drop)
    }

    /// Every point is where the story says, both logs are sound, and they agree.
    fn end(mut self, moved: u64, paid: u64) -> anyhow::Result<()> {
        let moved = moved.saturating_add(1);
        let here = 1_000_u64.saturating_sub(moved).saturating_sub(paid);
        let found = (balance(&self.hanako()?)?, balance(&self.taro()?)?);
        ensure!(found == (here, moved.saturating_add(1_000)), "{found:?}, moved {moved}");
        self.world.stop()?;
        let (a, b) = (self.a().data(), self.b().data());
        audit_is_sound(&a)?;
        audit_is_sound(&b)?;
        let ran = Command::new(jichi_program()).args(["audit", "cross"]).args([a, b]).output()?;
        ensure!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stdout));
        Ok(())
    }
}

fn state(me: &Client, transfer: &str) -> anyhow::Result<String> {
    Ok(text(&me.get(&format!("/v1/me/transfers/{transfer}"))?.ok()?, "state"))
}

fn size(node: &Node) -> anyhow::Result<u64> {
    Ok(checkpoint_of(&node.public().text("/log/checkpoint")?)?.0)
}

fn sign_in(node: &Node, mykey: &str) -> anyhow::Result<Client> {
    let session = json!({"mykey_id": mykey, "password": PASSWORD});
    let session = node.public().post("/v1/sessions", None, &session)?.ok()?;
    Ok(node.public().with_token(text(&session, "token")))
}

/// A resident with 1,000 points; the MyKey ID.
fn open(node: &Node) -> anyhow::Result<String> {
    let (maker, approver) = (node.officer("maker")?, node.officer("approver")?);
    let programme = json!({"programme": 1, "name": "地域活動", "ceiling": 1_000_000,
        "from": "2020-01-01", "until": "2099-03-31", "audience": "residents", "cap": null,
        "expiry": {"fiscal_year_end": 1}, "grace": "may", "issuer": "town", "paid": "no",
        "two_officers_above": 100_000});
    approver.command("/v1/programmes", &programme)?;
    let body = json!({"class": "resident", "name": "住民", "password": PASSWORD, "mykey_id": null});
    let mykey = text(&maker.command("/v1/accounts", &body)?, "mykey_id");
    let grant = json!({"programme": 1, "mykey_id": mykey, "points": 1_000, "activity": "清掃"});
    maker.command("/v1/grants", &grant)?;
    Ok(mykey)
}

fn shop(node: &Node) -> anyhow::Result<Terminal> {
    let (maker, approver) = (node.officer("maker")?, node.officer("approver")?);
    let shop = json!({"merchant": 1, "name": "駅前物産館", "state": "active"});
    maker.command("/v1/merchants", &shop)?;
    let key = new_signing_key()?;
    let terminal = json!({"terminal": 1, "merchant": 1, "state": "active",
        "public_key": key.public().to_string()});
    maker.command("/v1/terminals", &terminal)?;
    let limit = json!({"payment": 1_000_000, "day": 1_000_000_000});
    let terms = json!({"grace_days": 14, "refund_days": 90, "unassigned_days": 14,
        "conversion_expiry": {"fiscal_year_end": 1}, "password": limit, "card": limit,
        "street_card": limit});
    approver.command("/v1/terms", &terms)?;
    let town = node.town.context("a town")?;
    let (merchant, terminal) = (MerchantId(1), TerminalId(1));
    Ok(Terminal { client: node.terminals(), town, merchant, terminal, key })
}

#[test]
fn an_offer_that_is_lost_doubled_or_late_is_decided_once() -> anyhow::Result<()> {
    let two = Two::new()?;
    let me = two.hanako()?;
    let mut offered = Vec::new();
    for way in [Way::There, Way::Back] {
        two.line.set(way, Flow::Late(Duration::from_millis(20)));
    }
    for _ in 0..5 {
        // Somewhere in the handshake, the offer, the answer or what was heard of it.
        two.line.cut_after(usize::try_from(random_below(5_000)?)?);
        for points in [10, 20] {
            offered.push((two.offer(&me, points)?, points));
        }
        thread::sleep(Duration::from_millis(500));
    }
    ensure!(two.line.cuts() > 0, "nothing was cut");
    two.line.heal();
    for (transfer, _) in &offered {
        two.ends(&me, transfer, "settled")?;
    }
    // What ended stays as it is when everything is cut once more.
    two.line.cut();
    offered.push((two.offer(&me, 5)?, 5));
    for (transfer, _) in offered.iter().rev() {
        two.ends(&me, transfer, "settled")?;
    }
    two.end(offered.iter().map(|(_, points)| u64::from(*points)).sum(), 0)
}

#[test]
fn an_answer_that_is_lost_is_asked_for_again() -> anyhow::Result<()> {
    let two = Two::new()?;
    let (me, taro) = (two.hanako()?, two.taro()?);
    for round in 1..=3_u64 {
        // Late enough that the offer goes out, and its answer is not yet back when it is decided.
        two.line.set(Way::Back, Flow::Late(Duration::from_millis(300)));
        let transfer = two.offer(&me, 30)?;
        let there = round.saturating_mul(30).saturating_add(1_001);
        two.wait_for("the other town's decision", || Ok((balance(&taro)? == there).then_some(())))?;
        two.line.set(Way::Back, Flow::Lost);
        let decided = size(two.b())?;
        // The other town has decided, and this one cannot know it.
        thread::sleep(Duration::from_millis(400));
        ensure!(state(&me, &transfer)? == "waiting");
        two.line.heal();
        two.ends(&me, &transfer, "settled")?;
        ensure!(size(two.b())? == decided, "it has decided again");
    }
    two.end(90, 0)
}

#[test]
fn towns_that_are_killed_at_any_moment_go_on_with_the_same_transfers() -> anyhow::Result<()> {
    let mut two = Two::new()?;
    let mut moved = 0_u64;
    let mut offered = Vec::new();
    for round in 0..8 {
        let me = two.hanako()?;
        let keys = [new_key()?, new_key()?];
        let pause = Duration::from_millis(random_below(120)?);
        let victim = two.world.towns[round % 2].pid().context("it runs")?.to_string();
        thread::scope(|scope| -> anyhow::Result<()> {
            // The answer may never come: the same is asked again below.
            let asking = keys.iter().map(|key| {
                let (me, two) = (&me, &two);
                scope.spawn(move || two.ask(me, key, 10))
            });
            let asking: Vec<_> = asking.collect();
            thread::sleep(pause);
            Command::new("kill").args(["-9", &victim]).status()?;
            for asked in asking {
                let _ = asked.join();
            }
            Ok(())
        })?;
        let node = &mut two.world.towns[round % 2];
        node.kill()?;
        node.start()?;
        let me = two.hanako()?;
        for key in &keys {
            offered.push(text(&two.ask(&me, key, 10)?.ok()?, "transfer"));
            moved = moved.saturating_add(10);
        }
    }
    let me = two.hanako()?;
    for transfer in &offered {
        two.ends(&me, transfer, "settled")?;
    }
    two.end(moved, 0)
}

/// Both towns seal terms with this cap, and one of them enters them.
fn enter(two: &Two, node: &Node, number: u32, cap: u32) -> anyhow::Result<()> {
    let terms = json!({"low": "102016", "high": "141500", "number": number,
        "movable": "everything", "cap": cap, "from": "2017-09-25", "until": "2099-03-31"});
    let seal =
        |node: &Node| node.officer("approver")?.post("/v1/agreements/seal", None, &terms)?.ok();
    let signed = json!({"terms": terms, "low": seal(two.a())?, "high": seal(two.b())?});
    node.officer("approver")?.command("/v1/agreements", &signed).map(drop)
}

#[test]
fn a_cap_is_said_before_the_offer_and_refused_by_the_other_town_too() -> anyhow::Result<()> {
    let two = Two::new()?;
    let me = two.hanako()?;
    enter(&two, two.a(), 2, 500)?;
    enter(&two, two.b(), 2, 500)?;
    // One point went before; the resident is told what is left, and nothing leaves.
    let told = two.ask(&me, &new_key()?, 500)?;
    ensure!(told.code() == "over_town_cap" && told.body.to_string().contains("499"), "{told:?}");
    ensure!(balance(&me)? == 999);
    // The towns hold different caps under one number: the other town's own refuses, once.
    enter(&two, two.a(), 3, 10_000)?;
    enter(&two, two.b(), 3, 500)?;
    let beyond = two.offer(&me, 500)?;
    two.ends(&me, &beyond, "returned")?;
    ensure!(balance(&me)? == 999);
    let within = two.offer(&me, 499)?;
    two.ends(&me, &within, "settled")?;
    two.end(499, 0)
}

/// A transfer as officers see it: its id, points and age in seconds.
type Seen = (String, u64, u64);

/// Every transfer under way, as an officer pages through them, and how many pages these are.
fn under_way(node: &Node) -> anyhow::Result<(Vec<Seen>, u32)> {
    let officer = node.officer("approver")?;
    let (mut all, mut pages, mut after) = (Vec::new(), 0_u32, String::new());
    loop {
        let page = officer.get(&format!("/v1/transfers?town=141500{after}"))?.ok()?;
        pages = pages.saturating_add(1);
        for one in page["transfers"].as_array().context("a list")? {
            ensure!(one["state"] == "waiting" && one["town"] == "141500", "{one}");
            ensure!(
                one.as_object().is_some_and(|fields| fields.len() == 7),
                "no more is said: {one}"
            );
            let number = |field: &str| one[field].as_u64().context("a number");
            all.push((text(one, "transfer"), number("points")?, number("age_s")?));
        }
        let Some(next) = page["next"].as_u64() else { return Ok((all, pages)) };
        after = format!("&after={next}");
    }
}

#[test]
fn towns_that_are_cut_off_go_on_and_their_transfers_wait_in_sight() -> anyhow::Result<()> {
    let two = Two::new()?;
    let (me, taro) = (two.hanako()?, two.taro()?);
    // First the line is silent, as when a machine loses its power; then it is known to be gone.
    for way in [Way::There, Way::Back] {
        two.line.set(way, Flow::Stalled);
    }
    let mut transfers = vec![two.offer(&me, 100)?, two.offer(&me, 50)?];
    // More than an officer sees on one page.
    for _ in 0..101 {
        transfers.push(two.offer(&me, 1)?);
    }
    for round in 0..4 {
        if round == 2 {
            two.line.part();
        }
        two.pay(20)?;
        thread::sleep(Duration::from_millis(400));
        for transfer in transfers.iter().take(3) {
            ensure!(state(&me, transfer)? == "waiting");
        }
    }
    let (seen, pages) = under_way(two.a())?;
    ensure!(seen.iter().map(|(id, ..)| id).eq(&transfers) && pages == 2, "oldest first: {seen:?}");
    ensure!(seen.iter().map(|(_, points, _)| points).sum::<u64>() == 251);
    ensure!(seen.first().is_some_and(|(.., age)| (1..120).contains(age)), "{seen:?}");
    ensure!(under_way(two.b())?.0.is_empty());
    ensure!((balance(&me)?, balance(&taro)?) == (668, 1_001));
    two.line.heal();
    for transfer in &transfers {
        two.ends(&me, transfer, "settled")?;
    }
    ensure!(under_way(two.a())?.0.is_empty());
    two.end(251, 80)
}
