//! Towns that witness each other's logs, as real processes: cosignatures, a witness that is killed,
//! a cloned node, and the proof that a third party checks.

#![expect(clippy::indexing_slicing, reason = "serde_json gives null for what is not there")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    thread,
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jichi::world::{MAEBASHI, Node, SAGAMIHARA, TownSpec, World, agree};
use jichi_protocol::log::{
    checkpoint::SignedCheckpoint, cosignature::cosigned_at, note::VerifierKey,
};
use jichi_tests::town::{audit_is_sound, jichi_program};
use serde_json::json;

const TSU: TownSpec = TownSpec { code: "242012", ja: "津市", en: "Tsu" };
/// How long anything may take.
const LOOKS_MAX: u32 = 600;
const LOOK: Duration = Duration::from_millis(100);

/// Three towns that go to their witnesses every second.
fn world(dir: &Path) -> anyhow::Result<World> {
    let world = World::make(dir, &jichi_program(), &[MAEBASHI, SAGAMIHARA, TSU])?;
    for town in &world.towns {
        let path = town.dir.join("node.toml");
        let text = fs::read_to_string(&path)? + "\n[witness]\nevery_s = 1\n";
        fs::write(&path, text)?;
    }
    Ok(world)
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> anyhow::Result<T> {
    for _ in 0..LOOKS_MAX {
        if let Some(found) = look() {
            return Ok(found);
        }
        thread::sleep(LOOK);
    }
    bail!("not within a minute: {what}")
}

fn key_of(node: &Node, path: &str) -> anyhow::Result<VerifierKey> {
    Ok(node.public().text(path)?.trim().parse()?)
}

fn size(node: &Node) -> anyhow::Result<u64> {
    let note = node.public().text("/log/checkpoint")?;
    Ok(SignedCheckpoint::parse(note.as_bytes())?.claimed().size.0)
}

/// Waits until both witnesses have cosigned a checkpoint of at least this size.
fn cosigned(node: &Node, least: u64, witnesses: &[VerifierKey]) -> anyhow::Result<String> {
    wait_for("two cosignatures", || {
        let note = node.public().text("/log/cosigned").ok()?;
        let signed = SignedCheckpoint::parse(note.as_bytes()).ok()?;
        let all = witnesses.iter().all(|key| cosigned_at(&signed, key).is_ok());
        (all && signed.claimed().size.0 >= least).then_some(note)
    })
    .with_context(|| node.last_messages())
}

/// Accounts are opened, and the log grows by so many entries.
fn grow(node: &Node, entries: u32) -> anyhow::Result<()> {
    let maker = node.officer("maker")?;
    for _ in 0..entries {
        let body = json!({"class": "resident", "name": "住民", "password": "resident-1", "mykey_id": null});
        maker.command("/v1/accounts", &body)?;
    }
    Ok(())
}

fn jichi(arguments: &[&str]) -> anyhow::Result<Output> {
    Ok(Command::new(jichi_program()).arg("audit").args(arguments).output()?)
}

fn exit_of(arguments: &[&str]) -> anyhow::Result<(i32, String)> {
    let output = jichi(arguments)?;
    let said = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&said).into_owned();
    Ok((output.status.code().context("an exit code")?, text))
}

fn address(node: &Node) -> String {
    format!("http://{}", node.addresses.public)
}

/// The first proof in a folder.
fn proof_in(folder: &Path) -> Option<PathBuf> {
    let mut files = fs::read_dir(folder).ok()?.filter_map(|file| Some(file.ok()?.path()));
    files.find(|path| path.extension().is_some_and(|ending| ending == "log-fork"))
}

#[test]
fn towns_cosign_each_other_and_a_killed_witness_remembers() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut world = world(folder.path())?;
    world.start()?;
    let [maebashi, sagamihara, tsu] = &mut world.towns[..] else { bail!("three towns") };
    let log = key_of(maebashi, "/log/key")?;
    let keys = [key_of(sagamihara, "/witness/key")?, key_of(tsu, "/witness/key")?];
    ensure!(keys[0].name.as_str() == "141500/witness");
    grow(maebashi, 2)?;
    let grown = size(maebashi)?;
    let note = cosigned(maebashi, grown, &keys)?;
    let signed = SignedCheckpoint::parse(note.as_bytes())?;
    ensure!(signed.verify(&log).is_ok());

    sagamihara.kill()?;
    sagamihara.start()?;
    let public = sagamihara.public();
    let submit =
        |body: &str| public.post_bytes("/witness/add-checkpoint", "text/plain", body.as_bytes());
    // Who does not know what was cosigned last is told; the memory was on the disk.
    let last = signed.claimed().size;
    let (status, told) = submit(&format!("old 0\n\n{note}"))?;
    ensure!(status == 409, "{status} {told}");
    let told: u64 = told.trim().parse()?;
    ensure!(told >= last.0, "it has forgotten: {told} of {last}");
    let name = jichi_protocol::log::witness::monitoring_name(&signed.claimed().origin);
    let seen = public.text(&format!("/witness/{name}/checkpoint"))?;
    ensure!(SignedCheckpoint::parse(seen.as_bytes())?.claimed().size.0 == told);
    // The same again is cosigned again; one bit more is not.
    let (status, line) = submit(&format!("old {told}\n\n{seen}"))?;
    ensure!(status == 200 && line.starts_with("\u{2014} 141500/witness "), "{status} {line}");
    let root = STANDARD.encode(signed.claimed().root.0);
    let forged = note.replacen(&root, &STANDARD.encode([7; 32]), 1);
    ensure!(submit(&format!("old {told}\n\n{forged}"))?.0 == 403);
    ensure!(submit(&format!("old {}\n\n{note}", grown.saturating_add(1_000)))?.0 == 400);
    ensure!(submit("anything")?.0 == 400);
    let unknown = note.replacen("102016/log/1", "102016/log/9", 2);
    ensure!(submit(&format!("old 0\n\n{unknown}"))?.0 == 404);

    let state = folder.path().join("followed").display().to_string();
    let nodes = [address(maebashi), address(sagamihara), address(tsu)];
    let follow = || {
        let options = ["follow", "--once", "--state", &state, "--proofs", &state];
        exit_of(&[&options[..], &nodes.each_ref().map(String::as_str)].concat())
    };
    let (code, text) = follow()?;
    ensure!(code == 0 && text.contains("views agree"), "{code}: {text}");
    grow(maebashi, 3)?;
    let (code, text) = follow()?;
    ensure!(code == 0, "{code}: {text}");
    world.stop()
}

#[test]
fn a_cloned_node_is_refused_proved_and_halted_and_so_is_the_other() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut world = world(folder.path())?;
    world.start()?;
    let root = folder.path();
    let [maebashi, sagamihara, tsu] = &mut world.towns[..] else { bail!("three towns") };
    agree(maebashi, sagamihara, "everything")?;
    let keys = [key_of(sagamihara, "/witness/key")?, key_of(tsu, "/witness/key")?];
    let log = key_of(maebashi, "/log/key")?;
    maebashi.stop()?;
    let mut clone = maebashi.cloned_to(&root.join("clone"))?;
    let mut behind = maebashi.cloned_to(&root.join("behind"))?;
    maebashi.start()?;
    grow(maebashi, 3)?;
    cosigned(maebashi, size(maebashi)?, &keys)?;

    // A copy that is behind what was cosigned finds it out at its start, and writes nothing.
    behind.start()?;
    ensure!(
        behind.last_messages().contains("more entries of this log"),
        "{}",
        behind.last_messages()
    );
    let person =
        json!({"class": "resident", "name": "住民", "password": "resident-1", "mykey_id": null});
    let maker = behind.officer("maker")?;
    let refused = maker.post("/v1/accounts", Some(&jichi::client::new_key()?), &person)?;
    ensure!(refused.status == 503 && refused.code() == "read_only_recovery", "{refused:?}");
    let size_behind = size(&behind)?;
    behind.stop()?;
    ensure!(size_behind < size(maebashi)?, "it has written");

    // A copy that grew while it could ask nobody has another history.
    sagamihara.stop()?;
    tsu.stop()?;
    clone.start()?;
    grow(&clone, 8)?;
    let proofs = root.join("proofs").display().to_string();
    let (one, other) = (address(&clone), address(maebashi));
    let (code, text) = exit_of(&["follow", "--once", "--proofs", &proofs, &one, &other])?;
    ensure!(code == 1 && text.contains("has two histories"), "{code}: {text}");
    let file = proof_in(Path::new(&proofs)).context("the follower's proof")?;
    check_proof(&file, &log)?;

    sagamihara.start()?;
    tsu.start()?;
    let ended = clone.wait_until_ended()?;
    ensure!(!ended.success(), "the copy goes on");
    let kept = proof_in(&clone.data().join("proofs")).context("the copy's own proof")?;
    check_proof(&kept, &log)?;
    let file = wait_for("the witness's proof", || proof_in(&sagamihara.data().join("proofs")))?;
    check_proof(&file, &log)?;
    grow(maebashi, 1)?;
    let ended = maebashi.wait_until_ended()?;
    ensure!(!ended.success(), "the first one goes on");
    ensure!(maebashi.start().is_err(), "it starts again");
    ensure!(maebashi.last_messages().contains("two histories"), "{}", maebashi.last_messages());

    // The channel is frozen by an entry, which the audit checks.
    let frozen = wait_for("a frozen channel", || {
        let sagamihara = &*sagamihara;
        refused_offer(sagamihara).ok().filter(|code| code == "channel_frozen")
    });
    frozen.with_context(|| sagamihara.last_messages())?;
    sagamihara.stop()?;
    audit_is_sound(&sagamihara.data())?;
    tsu.stop()
}

/// Puts a copy of a node's stores in place of them, as somebody would who knows no better, or better.
fn put(copy: &Path, node: &Node) -> anyhow::Result<()> {
    fs::remove_dir_all(node.data())?;
    copied(copy, &node.data())
}

fn copied(from: &Path, to: &Path) -> anyhow::Result<()> {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status()?;
    ensure!(status.success(), "{} is not copied", from.display());
    Ok(())
}

/// The directory as it was before it named any witness.
fn publish_without_witnesses(world: &World) -> anyhow::Result<()> {
    let keys = world.towns.iter().map(|town| town.dir.join("keys/witness.key"));
    let keys: Vec<PathBuf> = keys.collect();
    for key in &keys {
        fs::rename(key, key.with_extension("aside"))?;
    }
    world.publish_directory(&world.nodes().collect::<Vec<_>>())?;
    for key in &keys {
        fs::rename(key.with_extension("aside"), key)?;
    }
    Ok(())
}

#[test]
fn a_rewritten_log_is_disproved_at_every_witness_and_its_channel_freezes() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut world = world(folder.path())?;
    let (early, rewritten) = (folder.path().join("early"), folder.path().join("rewritten"));
    // The town lays a copy aside before it has witnesses or a channel: that copy asks nobody.
    publish_without_witnesses(&world)?;
    {
        let maebashi = &mut world.towns[0];
        maebashi.start()?;
        grow(maebashi, 2)?;
        maebashi.stop()?;
        copied(&maebashi.data(), &early)?;
    }
    world.publish_directory(&world.nodes().collect::<Vec<_>>())?;
    world.start()?;
    let [maebashi, sagamihara, tsu] = &mut world.towns[..] else { bail!("three towns") };
    agree(maebashi, sagamihara, "everything")?;
    let keys = [key_of(sagamihara, "/witness/key")?, key_of(tsu, "/witness/key")?];
    let log = key_of(maebashi, "/log/key")?;
    grow(maebashi, 3)?;
    let seen = size(maebashi)?;
    cosigned(maebashi, seen, &keys)?;
    for node in [&mut *maebashi, &mut *sagamihara, &mut *tsu] {
        node.stop()?;
    }

    // It begins again with the copy, by no restore, and writes another continuation.
    put(&early, maebashi)?;
    maebashi.start()?;
    grow(maebashi, 20)?;
    ensure!(size(maebashi)? > seen, "the other history is the longer one");
    maebashi.stop()?;
    copied(&maebashi.data(), &rewritten)?;
    for witness in [&mut *sagamihara, &mut *tsu] {
        // Whatever it found out the last time, it has put aside.
        put(&rewritten, maebashi)?;
        maebashi.start()?;
        witness.start()?;
        let file = wait_for("the proof", || proof_in(&witness.data().join("proofs")))
            .with_context(|| {
                format!("{}\n--\n{}", witness.last_messages(), maebashi.last_messages())
            })?;
        check_proof(&file, &log)?;
        ensure!(!maebashi.wait_until_ended()?.success(), "the rewritten log goes on");
        let own = proof_in(&maebashi.data().join("proofs")).context("its own proof")?;
        check_proof(&own, &log)?;
        witness.stop()?;
    }
    // It was written down, so it holds behind a start.
    sagamihara.start()?;
    let frozen = wait_for("a frozen channel", || {
        refused_offer(sagamihara).ok().filter(|code| code == "channel_frozen")
    });
    frozen.with_context(|| sagamihara.last_messages())?;
    sagamihara.stop()?;
    audit_is_sound(&sagamihara.data())?;
    world.coordinator.stop()
}

/// A third party checks the file, and finds out when it was changed.
fn check_proof(file: &Path, log: &VerifierKey) -> anyhow::Result<()> {
    let (path, key) = (file.display().to_string(), log.to_string());
    let (code, text) = exit_of(&["proof", &path, "--key", &key])?;
    ensure!(code == 0 && text.contains("two histories"), "{code}: {text}");
    let whole = fs::read_to_string(file)?;
    let changed = file.with_extension("changed");
    for place in [whole.len() / 3, whole.len() / 2, whole.len().saturating_sub(10)] {
        let mut bytes = whole.clone().into_bytes();
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        fs::write(&changed, bytes)?;
        let (code, text) = exit_of(&["proof", &changed.display().to_string(), "--key", &key])?;
        ensure!(code == 1, "byte {place}: {code}: {text}");
    }
    fs::remove_file(&changed)?;
    let other = key.replacen("102016", "141500", 1);
    ensure!(exit_of(&["proof", &path, "--key", &other])?.0 != 0, "it proves of another log");
    Ok(())
}

/// The code by which an offer to the frozen town is refused.
fn refused_offer(node: &Node) -> anyhow::Result<String> {
    let password = "resident-password-1";
    let body = json!({"class": "resident", "name": "住民", "password": password, "mykey_id": null});
    let opened = node.officer("maker")?.command("/v1/accounts", &body)?;
    let session = json!({"mykey_id": opened["mykey_id"], "password": password});
    let session = node.public().post("/v1/sessions", None, &session)?.ok()?;
    let client = node.public().with_token(session["token"].as_str().unwrap_or_default());
    let offer = json!({"town": "102016", "handle": "00".repeat(16), "points": 1});
    let reply = client.post("/v1/me/transfers", Some(&jichi::client::new_key()?), &offer)?;
    Ok(reply.code().to_owned())
}
