//! The other town's clock is wrong: it decides as ever or not at all, and both towns hear of it.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use jichi::{client::Client, world::Node};
use jichi_tests::{story::program_with_clock, town::jichi_program};
use serde_json::json;

use super::{Two, state};

/// The second town with a clock of its own, which the file sets.
fn its_own_clock(folder: &Path) -> anyhow::Result<PathBuf> {
    let offset = folder.join("offset");
    fs::write(&offset, "+0")?;
    let (clocked, plain) = (program_with_clock(&offset)?, jichi_program());
    let script = folder.join("jichi-by-town");
    let text = format!(
        "#!/bin/sh\ncase \"$*\" in */sagamihara/*) exec '{}' \"$@\";; esac\nexec '{}' \"$@\"\n",
        clocked.display(),
        plain.display()
    );
    fs::write(&script, text)?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700))?;
    Ok(script)
}

/// Whether a node doubts its clock, as whoever watches it is told.
fn doubts(node: &Node) -> anyhow::Result<bool> {
    let client = Client::new(format!("http://{}", node.addresses.metrics));
    Ok(client.text("/metrics")?.lines().any(|line| line == "jichi_clock_doubtful 1"))
}

/// By how many seconds a node finds its clock ahead of others', and whether that alarms.
fn skew(node: &Node) -> anyhow::Result<(Option<i64>, bool)> {
    let text = Client::new(format!("http://{}", node.addresses.metrics)).text("/metrics")?;
    let of = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|number| number.parse::<i64>().ok())
    };
    let apart = of("jichi_clock_apart").context("a flag")? == 1;
    Ok((of("jichi_peer_clock_skew_seconds"), apart))
}

#[test]
fn a_clock_far_from_the_other_towns_alarms_until_it_is_put_right() -> anyhow::Result<()> {
    let mut two = Two::with(&its_own_clock)?;
    let offset = two.world.dir.join("offset");
    let me = two.hanako()?;
    let agrees = |node: &Node| -> anyhow::Result<Option<()>> {
        let (seconds, apart) = skew(node)?;
        Ok((!apart && seconds.is_some_and(|seconds| seconds.abs() < 60)).then_some(()))
    };
    two.wait_for("clocks that agree", || agrees(two.a()))?;
    two.wait_for("clocks that agree", || agrees(two.b()))?;
    // Wrong from its start, by less than its journal can tell: it decides, and the alarm is raised
    // where it is wrong, and where nobody else says who is right.
    two.world.towns[1].stop()?;
    fs::write(&offset, "+600")?;
    two.world.towns[1].start()?;
    let transfer = two.offer(&me, 100)?;
    two.ends(&me, &transfer, "settled")?;
    for (node, sign) in [(two.b(), 1), (two.a(), -1)] {
        two.wait_for("an alarm", || Ok(skew(node)?.1.then_some(())))?;
        let seconds = skew(node)?.0.context("a figure")?;
        ensure!((540..=660).contains(&(seconds * sign)), "{seconds}");
        let said = fs::read_to_string(node.dir.join("messages.log"))?;
        ensure!(said.contains("lies over five minutes apart"), "{said}");
        ensure!(!doubts(node)?, "it is no doubt about the day");
    }
    // NTP puts it right: the figure is right at once, and the other town hears of it.
    fs::write(&offset, "+0")?;
    two.wait_for("clocks that agree", || agrees(two.b()))?;
    two.wait_for("a doubtful clock", || Ok(doubts(two.b())?.then_some(())))?;
    confirm(two.b())?;
    let transfer = two.offer(&me, 50)?;
    two.ends(&me, &transfer, "settled")?;
    two.wait_for("clocks that agree", || agrees(two.a()))?;
    two.end(150, 0)
}

fn confirm(node: &Node) -> anyhow::Result<()> {
    let words = json!({"ntp": "synchronised"});
    let reply = node.officer("approver")?.post("/v1/clock/confirmations", None, &words)?;
    ensure!(reply.status == 204, "{reply:?}");
    Ok(())
}

#[test]
fn a_wrong_clock_changes_neither_the_points_nor_the_decision() -> anyhow::Result<()> {
    let mut two = Two::with(&its_own_clock)?;
    let offset = two.world.dir.join("offset");
    let me = two.hanako()?;
    // A clock that jumps while the node runs: it decides nothing, and says so.
    fs::write(&offset, "+93600")?;
    let transfer = two.offer(&me, 100)?;
    two.wait_for("a doubtful clock", || Ok(doubts(two.b())?.then_some(())))?;
    ensure!(state(&me, &transfer)? == "waiting");
    two.pay(40)?;
    fs::write(&offset, "+0")?;
    confirm(two.b())?;
    two.ends(&me, &transfer, "settled")?;
    // One that is wrong from the start, by less than its journal can tell: the decision is the same.
    two.world.towns[1].stop()?;
    fs::write(&offset, "+600")?;
    two.world.towns[1].start()?;
    let transfer = two.offer(&me, 200)?;
    two.ends(&me, &transfer, "settled")?;
    // Put right, it lies behind its own journal, and decides nothing until an officer has looked.
    two.world.towns[1].stop()?;
    fs::write(&offset, "+0")?;
    two.world.towns[1].start()?;
    let transfer = two.offer(&me, 300)?;
    two.wait_for("a doubtful clock", || Ok(doubts(two.b())?.then_some(())))?;
    ensure!(state(&me, &transfer)? == "waiting");
    confirm(two.b())?;
    two.ends(&me, &transfer, "settled")?;
    two.end(600, 40)
}
