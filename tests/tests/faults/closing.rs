//! A town closes or merges: what it never answered comes back, what it answered settles.

use std::{thread, time::Duration};

use anyhow::ensure;
use jichi::world::Node;
use jichi_tests::proxy::{Flow, Way};
use serde_json::{Value, json};

use super::{Two, balance, new_key, open, state, text};

fn propose(node: &Node, successor: Option<&str>) -> anyhow::Result<String> {
    let body = json!({"successor": successor});
    Ok(text(&node.officer("operator")?.command("/v1/closing", &body)?, "proposal"))
}

fn approve(node: &Node, proposal: &str) -> anyhow::Result<jichi::client::Reply> {
    let path = format!("/v1/proposals/{proposal}/decision");
    let verdict = json!({"verdict": "approve"});
    node.officer("approver")?.post(&path, Some(&new_key()?), &verdict)
}

fn closing(node: &Node) -> anyhow::Result<Value> {
    node.officer("operator")?.get("/v1/closing")?.ok()
}

#[test]
fn a_town_that_closes_tells_what_it_answered_and_the_rest_comes_back() -> anyhow::Result<()> {
    let mut two = Two::new()?;
    let (me, taro) = (two.hanako()?, two.taro()?);
    // One offer is decided, and its answer does not come back.
    two.line.set(Way::Back, Flow::Late(Duration::from_millis(300)));
    let decided = two.offer(&me, 30)?;
    two.wait_for("the other town's decision", || Ok((balance(&taro)? == 1_031).then_some(())))?;
    two.line.part();
    thread::sleep(Duration::from_millis(400));
    ensure!(state(&me, &decided)? == "waiting");
    // Another one never arrives.
    let never = two.offer(&me, 100)?;

    // A town whose own transfers wait cannot close.
    let waits = propose(two.a(), None).map_err(|told| format!("{told:#}"));
    ensure!(waits.as_ref().is_err_and(|told| told.contains("(2 transfers, 0")), "{waits:?}");

    let proposal = propose(two.b(), Some("102016"))?;
    let alone = open(two.b());
    ensure!(alone.is_ok(), "one officer closes nothing");
    approve(two.b(), &proposal)?.ok()?;
    let shut = |two: &Two| -> anyhow::Result<()> {
        let seen = closing(two.b())?;
        ensure!(seen["closed"] == true && seen["successor"] == "102016", "{seen}");
        let refused = open(two.b());
        ensure!(refused.is_err_and(|told| format!("{told:#}").contains("town_closed")));
        Ok(())
    };
    shut(&two)?;
    two.world.towns[1].kill()?;
    two.world.towns[1].start()?;
    shut(&two)?;

    two.line.heal();
    two.ends(&me, &decided, "settled")?;
    two.ends(&me, &never, "returned")?;
    let refused = two.ask(&me, &new_key()?, 5)?;
    ensure!(refused.code() == "town_closed", "{refused:?}");
    let peers = closing(two.a())?;
    let known = json!([{"town": "141500", "successor": "102016", "whole": true}]);
    ensure!(peers["closed"] == false && peers["peers"] == known, "{peers}");
    // The first town goes on by itself.
    two.pay(20)?;
    two.end(30, 20)
}
