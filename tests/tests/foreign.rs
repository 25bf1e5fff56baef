//! A town that was written from the documents alone, in another language and with other libraries:
//! it checks the vectors, takes the directory over, and moves points to and from a node.

#![expect(clippy::indexing_slicing, reason = "serde_json gives null for what is not there")]

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::Mutex,
    thread,
    time::Duration,
};

use anyhow::{Context as _, anyhow, bail, ensure};
use jichi::{
    client::Client,
    directory::author::{Author, Past},
    world::{Node, World},
};
use jichi_node::clock;
use jichi_protocol::{
    directory::{Few, Member, Party, PeerId},
    id::Generation,
    log::{
        checkpoint::SignedCheckpoint,
        cosignature::cosigned_at,
        note::{KeyKind, VerifierKey},
    },
};
use jichi_tests::town::{Town, audit_is_sound, balance, checkpoint_of, jichi_program};
use serde_json::{Value, json};

const CODE: &str = "141500";
const LOOKS_MAX: u32 = 900;
const LOOK: Duration = Duration::from_millis(100);

/// The foreign town's program, with its libraries as the lock file names them.
fn installed() -> anyhow::Result<PathBuf> {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().map_err(|error| anyhow!("{error}"))?;
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("foreign/js-peer");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("js-peer");
    fs::create_dir_all(&folder)?;
    let lock = fs::read(from.join("package-lock.json"))?;
    for file in fs::read_dir(&from)? {
        let file = file?;
        if file.file_type()?.is_file() {
            fs::copy(file.path(), folder.join(file.file_name()))?;
        }
    }
    let done = folder.join("installed.json");
    if fs::read(&done).is_ok_and(|was| was == lock) {
        return Ok(folder);
    }
    let arguments = ["ci", "--no-audit", "--no-fund", "--ignore-scripts"];
    let ran = Command::new("npm").args(arguments).current_dir(&folder).output();
    let ran = ran.context("`npm` cannot be run: install Node.js 20 or newer with npm")?;
    ensure!(ran.status.success(), "npm ci: {}", String::from_utf8_lossy(&ran.stderr));
    fs::write(done, lock)?;
    Ok(folder)
}

/// The foreign town as a process. It does what one line says, and answers by one line.
struct Foreign {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    port: u16,
}

impl Foreign {
    fn start(port: u16) -> anyhow::Result<Self> {
        let mut child = Command::new("node")
            .args(["peer.js", CODE, &port.to_string()])
            .current_dir(installed()?)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("`node` cannot be run: install Node.js 20 or newer")?;
        let input = child.stdin.take().context("its input")?;
        let output = BufReader::new(child.stdout.take().context("its output")?);
        Ok(Self { child, input, output, port })
    }

    fn ask(&mut self, what: &str, mut command: Value) -> anyhow::Result<Value> {
        command["do"] = what.into();
        writeln!(self.input, "{command}")?;
        let mut line = String::new();
        ensure!(self.output.read_line(&mut line)? > 0, "{what}: the foreign town has ended");
        let answer: Value = serde_json::from_str(&line)?;
        ensure!(answer["error"].is_null(), "{what}: {}", answer["error"]);
        Ok(answer)
    }

    /// What the directory says about it.
    fn member(&mut self) -> anyhow::Result<Member> {
        let keys = self.ask("keys", json!({}))?;
        let address = format!("/ip4/127.0.0.1/tcp/{}", self.port);
        Ok(Member {
            who: Party::Town(CODE.parse()?),
            name_ja: "相模原市".parse()?,
            name_en: "Sagamihara".parse()?,
            log_key: text(&keys, "log").parse()?,
            generation: Generation(1),
            channel_key: text(&keys, "channel").parse()?,
            transport: PeerId::new(&bytes(&text(&keys, "transport"))?)?,
            addresses: Few::new(vec![address.parse()?])?,
            versions: Few::new(vec![1])?,
            witness_key: Some(text(&keys, "witness").parse()?),
            witnesses: None,
        })
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        // Nothing is left running behind a test that ends early.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_owned()
}

fn bytes(hex: &str) -> anyhow::Result<Vec<u8>> {
    let pairs = hex.as_bytes().chunks(2).map(str::from_utf8);
    pairs.map(|pair| Ok(u8::from_str_radix(pair?, 16)?)).collect()
}

fn wait_for<T>(
    what: &str,
    mut look: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    for _ in 0..LOOKS_MAX {
        if let Some(found) = look()? {
            return Ok(found);
        }
        thread::sleep(LOOK);
    }
    bail!("not in time: {what}")
}

/// The next version of the directory, with the foreign town as a member, for a node that stands.
fn publish(world: &World, node: &Node, member: Member) -> anyhow::Result<()> {
    let folder = world.dir.join("author");
    let mut author = Author::open(&folder)?;
    author.change(clock::now(), Past::Kept, |members| {
        members.insert(member.who, member);
        Ok(())
    })?;
    author.sign(&world.root)?;
    for name in ["directory.automerge", "directory.statement"] {
        fs::copy(folder.join(name), node.data().join("documents").join(name))?;
    }
    Ok(())
}

/// Both towns seal an agreement that everything may move; the node enters it.
fn agree(node: &Node, foreign: &mut Foreign) -> anyhow::Result<()> {
    let low = node.town.context("a town")?.to_string();
    let terms = json!({"low": low, "high": CODE, "number": 1, "movable": "everything",
        "cap": 1_000_000, "from": "2017-09-25", "until": "2099-03-31"});
    let approver = node.officer("approver")?;
    let low = approver.post("/v1/agreements/seal", None, &terms)?.ok()?;
    let high = foreign.ask("seal", json!({"terms": terms}))?;
    approver.command("/v1/agreements", &json!({"terms": terms, "low": low, "high": high}))?;
    Ok(())
}

fn size(node: &Node) -> anyhow::Result<u64> {
    Ok(checkpoint_of(&node.public().text("/log/checkpoint")?)?.0)
}

#[test]
fn another_implementation_verifies_every_vector() -> anyhow::Result<()> {
    let folder = installed()?;
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/federation-v1.json");
    let check = |file: &Path| {
        let signatures = vectors.with_file_name("ed25519");
        Command::new("node")
            .arg("vectors.js")
            .args([file, &signatures])
            .current_dir(&folder)
            .output()
    };
    let ran = check(&vectors)?;
    ensure!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let whole: Value = serde_json::from_str(&fs::read_to_string(&vectors)?)?;
    let changed = Path::new(env!("CARGO_TARGET_TMPDIR")).join("vectors-for-another.json");
    for place in ["/envelopes/1/envelope", "/document/signed_statement", "/leaf_hashes/5"] {
        let mut vectors = whole.clone();
        let hex = vectors.pointer_mut(place).context("a place")?;
        let last = hex.as_str().unwrap_or_default().to_owned();
        let (rest, digit) = last.split_at(last.len().saturating_sub(1));
        *hex = format!("{rest}{}", if digit == "0" { "1" } else { "0" }).into();
        fs::write(&changed, vectors.to_string())?;
        ensure!(!check(&changed)?.status.success(), "a changed {place} passes");
    }
    Ok(())
}

/// A node and the foreign town, which have agreed; and the key by which the latter witnesses.
fn met() -> anyhow::Result<(Town, Foreign, VerifierKey)> {
    let before_start = |dir: &Path| -> anyhow::Result<()> {
        let path = dir.join("node.toml");
        Ok(fs::write(&path, fs::read_to_string(&path)? + "\n[witness]\nevery_s = 1\n")?)
    };
    let mut town = Town::furnished_by(&jichi_program(), 1, 5_000, &before_start)?;
    // Where the coordinator would listen, which does not run here.
    let mut foreign = Foreign::start(town.world.coordinator.addresses.peer.port())?;
    town.node_mut().stop()?;
    let member = foreign.member()?;
    let witness = VerifierKey {
        name: format!("{CODE}/witness").parse()?,
        kind: KeyKind::Cosigner,
        key: member.witness_key.context("a witness")?,
    };
    publish(&town.world, town.node(), member)?;
    town.node_mut().start()?;

    takes_the_directory(&town, &mut foreign)?;
    agree(town.node(), &mut foreign)?;
    Ok((town, foreign, witness))
}

#[test]
fn unknown_keys_wrong_recipients_bad_signatures_and_replays_change_nothing() -> anyhow::Result<()> {
    let (mut town, mut foreign, _) = met()?;
    let resident = town.sign_in(town.people.first().context("a resident")?)?.client;
    let here = resident.command("/v1/me/handles", &json!({"town": CODE}))?;
    let here = text(&here, "handle");
    points_come_here(&resident, &mut foreign, &here, 200, 5_200)?;
    forgeries_change_nothing(&town, &resident, &mut foreign, &here)?;
    points_come_here(&resident, &mut foreign, &here, 50, 5_250)?;
    town.node_mut().stop()?;
    audit_is_sound(&town.node().data())
}

#[test]
fn a_town_written_from_the_documents_trades_with_a_node() -> anyhow::Result<()> {
    let (mut town, mut foreign, witness) = met()?;
    takes_the_list_of_shops(&mut foreign)?;
    let resident = town.sign_in(town.people.first().context("a resident")?)?.client;
    let handle = points_go_there(&resident, &mut foreign)?;
    let here = resident.command("/v1/me/handles", &json!({"town": CODE}))?;
    let here = text(&here, "handle");
    points_come_here(&resident, &mut foreign, &here, 200, 4_900)?;
    points_come_here(&resident, &mut foreign, &here, 50, 4_950)?;
    let unknown = foreign.ask("offer", json!({"handle": "00".repeat(16), "points": 5}))?;
    settles_there(&mut foreign, &text(&unknown, "transfer"), "returned")?;
    ensure!(foreign.ask("transfer", json!({"handle": handle}))?["points"] == 300);

    // Before it writes again it asks what others hold of it.
    let stood = foreign.ask("state", json!({}))?["stood"].as_u64();
    town.node_mut().stop()?;
    town.node_mut().start()?;
    let resident = town.sign_in(town.people.first().context("a resident")?)?.client;
    points_come_here(&resident, &mut foreign, &here, 30, 4_980)?;
    ensure!(foreign.ask("state", json!({}))?["stood"].as_u64() > stood, "it was not asked");

    let grown = size(town.node())?;
    wait_for("a cosignature of the foreign town", || {
        // There is none until somebody has cosigned.
        let Ok(note) = town.node().public().text("/log/cosigned") else { return Ok(None) };
        let signed = SignedCheckpoint::parse(note.as_bytes())?;
        let cosigned = cosigned_at(&signed, &witness).is_ok() && signed.claimed().size.0 >= grown;
        Ok(cosigned.then_some(()))
    })
    .with_context(|| town.node().last_messages())?;
    town.node_mut().stop()?;
    audit_is_sound(&town.node().data())
}

/// By automerge's own sync protocol, and checked against the root key.
fn takes_the_directory(town: &Town, foreign: &mut Foreign) -> anyhow::Result<()> {
    let settings = jichi_node::config::Settings::read(&town.node().dir.join("node.toml"))?;
    let keys = jichi_node::init::NodeKeys::read(&settings)?;
    let transport = jichi_node::keyfile::peer_id_of(&keys.transport);
    let address = format!("/ip4/127.0.0.1/tcp/{}", town.node().addresses.peer.port());
    let ask = json!({"address": address, "transport": format!("{transport:?}"),
        "root": [town.world.root.public().to_string()], "threshold": 1, "peer": "102016"});
    let mut stranger = ask.clone();
    stranger["root"] = json!([jichi::client::new_signing_key()?.public().to_string()]);
    ensure!(foreign.ask("directory", stranger).is_err(), "a strange root is believed");
    let taken = foreign.ask("directory", ask)?;
    ensure!(taken["version"] == 2, "{taken}");
    ensure!(taken["members"] == json!(["102016", CODE, "coordinator"]), "{taken}");
    Ok(())
}

/// The list that the town's channel key signed, and no other key.
fn takes_the_list_of_shops(foreign: &mut Foreign) -> anyhow::Result<()> {
    let list = wait_for("the list of shops", || {
        Ok(foreign.ask("shops", json!({"of": "102016", "forged": false})).ok())
    })?;
    ensure!(list["shops"] == json!([[1, "駅前物産館"]]), "{list}");
    let forged = foreign.ask("shops", json!({"of": "102016", "forged": true}));
    ensure!(forged.is_err_and(|error| error.to_string().contains("has not signed")));
    Ok(())
}

fn points_go_there(resident: &Client, foreign: &mut Foreign) -> anyhow::Result<String> {
    let handle = text(&foreign.ask("handle", json!({}))?, "handle");
    let offer = json!({"town": CODE, "handle": handle, "points": 300});
    let transfer = text(&resident.command("/v1/me/transfers", &offer)?, "transfer");
    let path = format!("/v1/me/transfers/{transfer}");
    wait_for("the node's transfer is settled", || {
        Ok((resident.get(&path)?.ok()?["state"] == "settled").then_some(()))
    })?;
    let there = foreign.ask("transfer", json!({"transfer": transfer, "handle": handle}))?;
    ensure!(there == json!({"state": "accepted", "points": 300}), "{there}");
    ensure!(balance(resident)? == 4_700);
    Ok(handle)
}

fn points_come_here(
    resident: &Client,
    foreign: &mut Foreign,
    handle: &str,
    points: u32,
    then: u64,
) -> anyhow::Result<()> {
    let offered = foreign.ask("offer", json!({"handle": handle, "points": points}))?;
    settles_there(foreign, &text(&offered, "transfer"), "settled")?;
    ensure!(balance(resident)? == then);
    Ok(())
}

fn settles_there(foreign: &mut Foreign, transfer: &str, end: &str) -> anyhow::Result<()> {
    wait_for("the foreign town's transfer has its end", || {
        let seen = foreign.ask("transfer", json!({"transfer": transfer}))?;
        Ok((seen["state"] == end).then_some(()))
    })
}

fn forgeries_change_nothing(
    town: &Town,
    resident: &Client,
    foreign: &mut Foreign,
    handle: &str,
) -> anyhow::Result<()> {
    wait_for("everything is heard", || {
        let state = foreign.ask("state", json!({}))?;
        Ok((state["sent"] == state["heard"]).then_some(()))
    })?;
    let (before, held) = (size(town.node())?, balance(resident)?);
    let state = foreign.ask("state", json!({}))?;
    // NotInDirectory, DoesNotFit and NoProof.
    for (how, fault) in [("signature", 1), ("recipient", 5), ("receipt", 2)] {
        let forged = json!({"handle": handle, "points": 77, "how": how});
        let reply = foreign.ask("forge", forged)?;
        ensure!(reply["fault"] == fault, "{how}: {reply}");
        let heard = reply["heard"].as_array().and_then(|heard| heard.get(1)?.as_u64());
        ensure!(heard.is_none_or(|heard| Some(heard) == state["sent"].as_u64()), "{reply}");
    }
    // What was heard long ago is heard, and nothing else; by an unknown key it is not.
    let reply = foreign.ask("replay", json!({}))?;
    ensure!(reply["fault"].is_null() && reply["heard"][1] == state["sent"], "{reply}");
    ensure!(foreign.ask("stranger", json!({}))?["taken"] == false, "a stranger is heard");
    ensure!((size(town.node())?, balance(resident)?) == (before, held), "a forgery left something");
    Ok(())
}
