//! Two towns and a coordinator as real processes: the directory travels, transfers end once.

#![expect(clippy::indexing_slicing, reason = "serde_json gives null for what is not there")]

use std::{path::PathBuf, thread, time::Duration};

use anyhow::{Context as _, bail, ensure};
use jichi::{
    client::{Client, new_key},
    world::{MAEBASHI, Node, SAGAMIHARA, World, agree},
};
use jichi_tests::town::jichi_program;
use serde_json::{Value, json};

const PASSWORD: &str = "resident-password-1";

struct Federation {
    world: World,
    _folder: tempfile::TempDir,
}

fn federation() -> anyhow::Result<Federation> {
    let folder = tempfile::tempdir()?;
    let program: PathBuf = jichi_program();
    let mut world = World::make(folder.path(), &program, &[MAEBASHI, SAGAMIHARA])?;
    world.start()?;
    let [low, high] = &world.towns[..] else { bail!("two towns") };
    agree(low, high, "everything")?;
    Ok(Federation { world, _folder: folder })
}

struct Person {
    mykey: String,
    client: Client,
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_owned()
}

fn open(node: &Node) -> anyhow::Result<Person> {
    let body = json!({"class": "resident", "name": "住民", "password": PASSWORD, "mykey_id": null});
    let opened = node.officer("maker")?.command("/v1/accounts", &body)?;
    sign_in(node, &text(&opened, "mykey_id"))
}

fn sign_in(node: &Node, mykey: &str) -> anyhow::Result<Person> {
    let session = json!({"mykey_id": mykey, "password": PASSWORD});
    let session = node.public().post("/v1/sessions", None, &session)?.ok()?;
    let client = node.public().with_token(text(&session, "token"));
    Ok(Person { mykey: mykey.to_owned(), client })
}

fn grant(node: &Node, person: &Person, points: u32) -> anyhow::Result<()> {
    let programme = json!({"programme": 1, "name": "地域活動", "ceiling": 1_000_000,
        "from": "2020-01-01", "until": "2099-03-31", "audience": "residents", "cap": null,
        "expiry": {"fiscal_year_end": 1}, "grace": "may", "issuer": "town", "paid": "no",
        "two_officers_above": 100_000});
    node.officer("approver")?.command("/v1/programmes", &programme)?;
    let grant = json!({"programme": 1, "mykey_id": person.mykey, "points": points,
        "activity": "清掃"});
    node.officer("maker")?.command("/v1/grants", &grant)?;
    Ok(())
}

fn points(person: &Person) -> anyhow::Result<u64> {
    person.client.get("/v1/me")?.ok()?["points"].as_u64().context("a balance")
}

fn state_of(person: &Person, transfer: &str) -> anyhow::Result<String> {
    let answer = person.client.get(&format!("/v1/me/transfers/{transfer}"))?.ok()?;
    Ok(text(&answer, "state"))
}

/// Waits for a transfer to be final, and says how it ended.
fn final_state(person: &Person, transfer: &str) -> anyhow::Result<String> {
    for _ in 0..1_200 {
        let state = state_of(person, transfer)?;
        if state == "settled" || state == "returned" {
            return Ok(state);
        }
        thread::sleep(Duration::from_millis(50));
    }
    bail!("the transfer is not final after a minute")
}

fn handle(person: &Person, town: &str) -> anyhow::Result<String> {
    Ok(text(&person.client.command("/v1/me/handles", &json!({"town": town}))?, "handle"))
}

fn transfer(person: &Person, handle: &str, points: u32) -> anyhow::Result<String> {
    let offer = json!({"town": "141500", "handle": handle, "points": points});
    Ok(text(&person.client.command("/v1/me/transfers", &offer)?, "transfer"))
}

#[test]
fn an_offer_to_nobody_is_refused_and_the_points_come_back() -> anyhow::Result<()> {
    let federation = federation()?;
    let [maebashi, _] = &federation.world.towns[..] else { bail!("two towns") };
    let sender = open(maebashi)?;
    grant(maebashi, &sender, 1_000)?;
    let offered = transfer(&sender, &"00".repeat(16), 400)?;
    ensure!(final_state(&sender, &offered)? == "returned");
    ensure!(points(&sender)? == 1_000);
    Ok(())
}

#[test]
fn a_transfer_that_is_asked_back_while_the_other_town_is_down_ends_once() -> anyhow::Result<()> {
    let mut federation = federation()?;
    let [maebashi, sagamihara] = &mut federation.world.towns[..] else { bail!("two towns") };
    let (sender, receiver) = (open(maebashi)?, open(sagamihara)?);
    grant(maebashi, &sender, 1_000)?;
    let handle = handle(&receiver, "102016")?;
    let first = transfer(&sender, &handle, 100)?;
    ensure!(final_state(&sender, &first)? == "settled");
    sagamihara.kill()?;
    let second = transfer(&sender, &handle, 300)?;
    let withdraw = format!("/v1/me/transfers/{second}/withdraw");
    let asked = sender.client.post(&withdraw, Some(&new_key()?), &json!({}))?;
    ensure!(asked.status == 200, "{asked:?}");
    ensure!(points(&sender)? == 600, "the points are on their way until the other town answers");
    sagamihara.start()?;
    let ended = final_state(&sender, &second)?;
    let receiver = sign_in(sagamihara, &receiver.mykey)?;
    let sums = (points(&sender)?, points(&receiver)?);
    let right = if ended == "settled" { (600, 400) } else { (900, 100) };
    ensure!(sums == right, "{ended}: {sums:?}");
    Ok(())
}

#[test]
fn a_newer_directory_reaches_every_node_from_the_one_that_has_it() -> anyhow::Result<()> {
    let mut federation = federation()?;
    let world = &mut federation.world;
    world.coordinator.stop()?;
    world.publish_directory(&[&world.coordinator])?;
    world.coordinator.start()?;
    for node in &world.towns {
        let statement = node.data().join("documents").join("directory.statement");
        let newest = world.coordinator.data().join("documents").join("directory.statement");
        let mut reached = false;
        for _ in 0..400 {
            reached = std::fs::read(&statement)? == std::fs::read(&newest)?;
            if reached {
                break;
            }
            thread::sleep(Duration::from_millis(50));
        }
        ensure!(reached, "{}", node.last_messages());
    }
    // The towns still talk to each other under the newer version.
    let [maebashi, sagamihara] = &world.towns[..] else { bail!("two towns") };
    let (sender, receiver) = (open(maebashi)?, open(sagamihara)?);
    grant(maebashi, &sender, 50)?;
    let offered = transfer(&sender, &handle(&receiver, "102016")?, 50)?;
    ensure!(final_state(&sender, &offered)? == "settled");
    Ok(())
}
