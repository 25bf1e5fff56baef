//! A holder of one town at a shop of another one, and a holder who moves house, with real nodes:
//! approved, declined, unknown while the base town is down, cancelled, refunded, killed in between.

#![expect(clippy::indexing_slicing, reason = "serde_json gives null for what is not there")]

use std::{path::Path, thread, time::Duration};

use anyhow::{Context as _, bail, ensure};
use jichi::{
    client::{Client, Guest, Reply, Terminal, new_key, new_signing_key},
    world::{MAEBASHI, Node, SAGAMIHARA, World, agree},
};
use jichi_node::clock;
use jichi_protocol::id::{MerchantId, PaymentId, TerminalId, TownId};
use jichi_tests::town::{audit_is_sound, jichi_program};
use serde_json::{Value, json};

const PASSWORD: &str = "resident-password-1";
const LOOK: Duration = Duration::from_millis(100);

/// Maebashi with a resident who has points, Sagamihara with a shop.
struct Scene {
    world: World,
    hanako: String,
    account: String,
    till: Terminal,
}

impl Scene {
    fn new(folder: &Path, movable: &str) -> anyhow::Result<Self> {
        let mut world = World::make(folder, &jichi_program(), &[MAEBASHI, SAGAMIHARA])?;
        world.start()?;
        let [maebashi, sagamihara] = &world.towns[..] else { bail!("two towns") };
        agree(maebashi, sagamihara, movable)?;
        let till = shop(sagamihara)?;
        shop(maebashi)?;
        let approver = maebashi.officer("approver")?;
        let programme = json!({"programme": 1, "name": "地域活動ポイント", "ceiling": 1_000_000,
            "from": "2020-01-01", "until": "2099-03-31", "audience": "everyone", "cap": null,
            "expiry": {"fiscal_year_end": 1}, "grace": "may", "issuer": "town", "paid": "no",
            "two_officers_above": 100_000});
        approver.command("/v1/programmes", &programme)?;
        let (account, hanako) = open(maebashi)?;
        let grant =
            json!({"programme": 1, "points": 3_000, "mykey_id": hanako, "activity": "防災訓練"});
        maebashi.officer("maker")?.command("/v1/grants", &grant)?;
        Ok(Self { world, hanako, account, till })
    }

    fn maebashi(&mut self) -> &mut Node {
        &mut self.world.towns[0]
    }

    fn base() -> anyhow::Result<TownId> {
        Ok("102016".parse()?)
    }

    fn guest(&self) -> anyhow::Result<Guest> {
        self.till.prove_guest(Self::base()?, &self.hanako, PASSWORD)
    }

    fn me(&self) -> anyhow::Result<Client> {
        sign_in(&self.world.towns[0], &self.hanako)
    }

    fn balance(&self) -> anyhow::Result<u64> {
        let me = self.me()?.get("/v1/me")?.ok()?;
        me["points"].as_u64().with_context(|| format!("no points: {me}"))
    }

    /// How a payment stands, once it is no longer unknown.
    fn settled(&self, payment: PaymentId) -> anyhow::Result<Value> {
        for _ in 0..300 {
            let state = self.till.client.get(&format!("/v1/roaming/payments/{payment}"))?.ok()?;
            if state["state"] != "unknown" {
                return Ok(state);
            }
            thread::sleep(LOOK);
        }
        bail!("still unknown: {}", self.world.towns[0].last_messages())
    }

    fn wait_for(&self, what: &str, balance: u64) -> anyhow::Result<()> {
        for _ in 0..300 {
            if self.balance()? == balance {
                return Ok(());
            }
            thread::sleep(LOOK);
        }
        bail!("{what}: {} instead of {balance}", self.balance()?)
    }

    fn end(mut self) -> anyhow::Result<()> {
        self.world.stop()?;
        self.world.towns.iter().try_for_each(|node| audit_is_sound(&node.data()))
    }
}

fn shop(node: &Node) -> anyhow::Result<Terminal> {
    let maker = node.officer("maker")?;
    let shop = json!({"merchant": 1, "name": "駅前物産館", "state": "active"});
    maker.command("/v1/merchants", &shop)?;
    let key = new_signing_key()?;
    let terminal = json!({"terminal": 1, "merchant": 1, "state": "active",
        "public_key": key.public().to_string()});
    maker.command("/v1/terminals", &terminal)?;
    let town = node.town.context("a town")?;
    let (merchant, terminal) = (MerchantId(1), TerminalId(1));
    Ok(Terminal { client: node.terminals(), town, merchant, terminal, key })
}

/// A new resident: the account and the MyKey ID.
fn open(node: &Node) -> anyhow::Result<(String, String)> {
    let body = json!({"class": "resident", "name": "住民", "password": PASSWORD, "mykey_id": null});
    let opened = node.officer("maker")?.command("/v1/accounts", &body)?;
    let text = |field: &str| opened[field].as_str().unwrap_or_default().to_owned();
    Ok((text("account"), text("mykey_id")))
}

fn sign_in(node: &Node, mykey: &str) -> anyhow::Result<Client> {
    let body = json!({"mykey_id": mykey, "password": PASSWORD});
    let session = node.public().post("/v1/sessions", None, &body)?.ok()?;
    Ok(node.public().with_token(session["token"].as_str().unwrap_or_default()))
}

fn state_of(reply: Reply) -> anyhow::Result<Value> {
    reply.ok()
}

#[test]
fn a_holder_pays_and_is_refunded_at_a_shop_of_another_town() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let scene = Scene::new(folder.path(), "everything")?;
    let guest = scene.guest()?;
    ensure!(guest.usable == 3_000, "{guest:?}");
    let key = new_key()?;
    let at = clock::now();
    let paid = state_of(scene.till.ask_guest(key, &guest, 1_200, at)?)?;
    ensure!(paid["state"] == "approved" && paid["points"] == 1_200, "{paid}");
    ensure!(scene.balance()? == 1_800);
    // The same request again is the same answer, and nothing is paid twice.
    let again = state_of(scene.till.ask_guest(key, &guest, 1_200, at)?)?;
    ensure!(again["state"] == "approved", "{again}");
    ensure!(scene.balance()? == 1_800);
    // A proof is good for one payment.
    let second = state_of(scene.till.ask_guest(new_key()?, &guest, 100, clock::now())?)?;
    ensure!(second["state"] == "declined" && second["reason"] == "not_proved", "{second}");
    // A payment of another town's holder is given back, not voided.
    let void = scene.till.void(new_key()?, key.payment(), clock::now())?;
    ensure!(void.code() == "refund_instead", "{void:?}");
    let refund = scene.till.refund(new_key()?, key.payment(), 200, clock::now())?.ok()?;
    ensure!(refund["refunded"] == 200, "{refund}");
    scene.wait_for("the refund", 2_000)?;
    // The holder sees both.
    let history = scene.me()?.get("/v1/me/history")?.ok()?;
    ensure!(history.to_string().contains("PayRequest"), "{history}");
    // A wrong password is told as at home; who asks too often waits.
    let wrong = scene.till.prove_guest(Scene::base()?, &scene.hanako, "wrong-password-1");
    ensure!(format!("{wrong:?}").contains("sign_in_failed"), "{wrong:?}");
    // More than there is.
    let guest = scene.guest()?;
    let short = state_of(scene.till.ask_guest(new_key()?, &guest, 2_001, clock::now())?)?;
    ensure!(short["reason"] == "short_of_points", "{short}");
    ensure!(!scene.account.is_empty());
    scene.end()
}

#[test]
fn converted_points_only_move_where_the_agreement_says_so() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let scene = Scene::new(folder.path(), "converted")?;
    let guest = scene.guest()?;
    ensure!(guest.usable == 0, "granted points stay in their town: {guest:?}");
    let asked = state_of(scene.till.ask_guest(new_key()?, &guest, 100, clock::now())?)?;
    ensure!(asked["reason"] == "not_movable", "{asked}");
    ensure!(scene.balance()? == 3_000);
    scene.end()
}

#[test]
fn a_base_town_that_is_down_leaves_it_unknown_and_the_shop_can_cancel() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut scene = Scene::new(folder.path(), "everything")?;
    let (first, second) = (scene.guest()?, scene.guest()?);
    scene.maebashi().kill()?;
    let (kept, cancelled) = (new_key()?, new_key()?);
    let unknown = state_of(scene.till.ask_guest(kept, &first, 500, clock::now())?)?;
    ensure!(unknown["state"] == "unknown", "{unknown}");
    let unknown = state_of(scene.till.ask_guest(cancelled, &second, 700, clock::now())?)?;
    ensure!(unknown["state"] == "unknown", "{unknown}");
    let gone = scene.till.cancel_guest(new_key()?, cancelled.payment(), clock::now())?;
    ensure!(state_of(gone)?["state"] == "cancelled");
    let silent = scene.guest();
    ensure!(format!("{silent:?}").contains("other_town_silent"), "{silent:?}");
    scene.maebashi().start()?;
    // A restart ends proofs, so what was not cancelled is declined; nothing is paid by itself.
    let state = scene.settled(kept.payment())?;
    ensure!(state["state"] == "declined" && state["reason"] == "not_proved", "{state}");
    let state = scene.settled(cancelled.payment())?;
    ensure!(state["state"] == "cancelled", "{state}");
    ensure!(scene.balance()? == 3_000);
    // And the next one goes.
    let guest = scene.guest()?;
    let paid = state_of(scene.till.ask_guest(new_key()?, &guest, 300, clock::now())?)?;
    ensure!(paid["state"] == "approved", "{paid}");
    scene.end()
}

#[test]
fn a_killed_shop_town_goes_on_with_its_requests_and_nothing_is_paid_twice() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut scene = Scene::new(folder.path(), "everything")?;
    let mut keys = Vec::new();
    for _ in 0..4 {
        let guest = scene.guest()?;
        let key = new_key()?;
        let till = &scene.till;
        thread::scope(|scope| -> anyhow::Result<()> {
            let asked = scope.spawn(|| till.ask_guest(key, &guest, 100, clock::now()));
            thread::sleep(Duration::from_millis(20));
            let pid = scene.world.towns[1].pid().context("it runs")?;
            std::process::Command::new("kill").args(["-9", &pid.to_string()]).status()?;
            // The terminal's connection broke: it does not know the result.
            let _ = asked.join();
            Ok(())
        })?;
        scene.world.towns[1].kill()?;
        scene.world.towns[1].start()?;
        scene.till.client = scene.world.towns[1].terminals();
        keys.push(key);
    }
    let mut paid = 0;
    for key in keys {
        let known = scene.till.client.get(&format!("/v1/roaming/payments/{}", key.payment()))?;
        if known.code() == "unknown_request" {
            continue;
        }
        if scene.settled(key.payment())?["state"] == "approved" {
            paid += 100;
        }
    }
    scene.wait_for("what was approved, and no more", 3_000 - paid)?;
    scene.end()
}

#[test]
fn a_holder_who_moves_house_takes_the_whole_account_along() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let scene = Scene::new(folder.path(), "converted")?;
    let sagamihara = &scene.world.towns[1];
    let (_, there) = open(sagamihara)?;
    let new_home = sign_in(sagamihara, &there)?;
    let handle = new_home.command("/v1/me/handles", &json!({"town": "102016"}))?;
    let go = json!({"town": "141500", "handle": handle["handle"]});
    let me = scene.me()?;
    me.command("/v1/me/moves", &go)?;
    for _ in 0..300 {
        let points = new_home.get("/v1/me")?.ok()?["points"].as_u64();
        if points == Some(3_000) {
            break;
        }
        thread::sleep(LOOK);
    }
    ensure!(new_home.get("/v1/me")?.ok()?["points"] == 3_000);
    let again = me.post("/v1/me/moves", Some(&new_key()?), &go)?;
    ensure!(["account_closed", "no_points"].contains(&again.code()), "{again:?}");
    scene.end()
}
