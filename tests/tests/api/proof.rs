//! What the town shows about what it did: operations, receipts, tiles, audit; and no person in it.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use jichi::client::new_key;
use jichi_node::clock;
use jichi_protocol::{
    digest::Digest,
    log::{
        checkpoint::SignedCheckpoint,
        note::VerifierKey,
        receipt::Receipt,
        tree::{Tree, leaf_hash},
    },
};
use jichi_tests::{
    furnished::{Furnished, NAME, OFFICER_PASSWORD, PASSWORD, Shared, files, send, text},
    town::jichi_program,
};

use super::{at_the_till, expect_code};

fn log_key(town: &Furnished) -> VerifierKey {
    let key = town.node().public().text("/log/key").expect("a key");
    key.trim().parse().expect("a verifier key")
}

#[test]
fn an_operation_is_found_by_its_key_after_a_restart() {
    let shared = Shared::get();
    let mut town = shared.alone();
    let (person, proof) = at_the_till(&town, 500);
    let key = new_key().expect("a key");
    let paid = town.till.pay(key, &proof, 40, clock::now()).expect("an answer");
    let paid = paid.ok().expect("a payment");
    town.node_mut().stop().expect("the node stops");
    town.node_mut().start().expect("the node starts");
    let found = town.till.client.get(&format!("/v1/operations/{key}")).expect("an answer");
    let found = found.ok().expect("the operation");
    for field in ["entry", "time", "leaf"] {
        assert_eq!(found[field], paid[field], "{field}");
    }
    assert_eq!(text(&found, "kind"), "Pay");
    // Sessions and proofs end with the process.
    let me = person.client.get("/v1/me").expect("an answer");
    expect_code(&me, 401, "unauthenticated");
    let again = town.till.pay(new_key().expect("a key"), &proof, 40, clock::now());
    expect_code(&again.expect("an answer"), 401, "unauthenticated");
}

#[test]
fn a_receipt_verifies_and_not_with_one_byte_changed() {
    let shared = Shared::get();
    let town = shared.alone();
    let (_person, proof) = at_the_till(&town, 500);
    let key = new_key().expect("a key");
    let paid = town.till.pay(key, &proof, 40, clock::now()).expect("an answer");
    let paid = paid.ok().expect("a payment");
    let given = town.till.client.text(&format!("/v1/operations/{key}/receipt")).expect("a receipt");
    let vkey = log_key(&town);
    let holds = |bytes: &[u8]| {
        let Ok(receipt) = Receipt::parse(bytes) else { return None };
        receipt.verify(&vkey, &leaf_hash(receipt.extra())).ok()
    };
    let included = holds(given.as_bytes()).expect("the receipt verifies");
    assert_eq!(Some(included.index().0), paid["entry"].as_u64());
    assert_eq!(included.leaf().to_string(), text(&paid, "leaf"));
    for at in 0..given.len() {
        let mut bytes = given.clone().into_bytes();
        bytes[at] ^= 1;
        let still = holds(&bytes);
        assert!(still.is_none(), "byte {at} was changed, and the receipt verifies");
    }
}

#[test]
fn the_tiles_give_the_root_that_the_checkpoint_signs() {
    let shared = Shared::get();
    let town = shared.alone();
    let _ = town.resident(5);
    let public = town.node().public();
    let signed = public.text("/log/checkpoint").expect("a checkpoint");
    let signed = SignedCheckpoint::parse(signed.as_bytes()).expect("a signed checkpoint");
    let checkpoint = signed.verify(&log_key(&town)).expect("the town's signature");
    let size = checkpoint.size.0;
    assert!(size >= 5, "{size} entries");
    let mut tree = Tree::default();
    for tile in 0..size.div_ceil(256) {
        let width = (size - tile * 256).min(256);
        let partial = if width < 256 { format!(".p/{width}") } else { String::new() };
        for leaf in tile_of(&format!("{}/log/tile/0/{tile:03}{partial}", public.base())) {
            tree.push(leaf);
        }
    }
    assert_eq!((tree.size(), tree.root()), (checkpoint.size, checkpoint.root));
    let url = format!("{}/log/tile/entries/000.p/1", public.base());
    send("GET", &url, &[], None).expect_problem(401, "unauthenticated");
    let url = format!("{}/log/tile/0/999", public.base());
    send("GET", &url, &[], None).expect_problem(404, "not_found");
}

fn tile_of(url: &str) -> Vec<Digest> {
    let agent: ureq::Agent = ureq::Agent::config_builder().build().into();
    let mut answer = agent.get(url).call().expect("a tile");
    let bytes = answer.body_mut().read_to_vec().expect("a tile");
    let hashes = bytes.chunks_exact(32);
    assert!(hashes.remainder().is_empty(), "{url}");
    hashes.map(|hash| Digest(hash.try_into().expect("32 bytes"))).collect()
}

#[test]
fn the_audit_of_a_running_node_finds_it_sound() {
    let shared = Shared::get();
    let town = shared.alone();
    let (_person, proof) = at_the_till(&town, 500);
    town.till.pay(new_key().expect("a key"), &proof, 40, clock::now()).expect("an answer");
    let key_file = town.node().dir.join("log.vkey");
    fs::write(&key_file, format!("{}\n", log_key(&town))).expect("a file");
    let staff = format!("http://{}", town.node().addresses.staff);
    let session = |login: &str| {
        let body = serde_json::json!({"login": login, "password": OFFICER_PASSWORD});
        let client = jichi::client::Client::new(&staff);
        let session = client.post("/v1/staff/sessions", None, &body).expect("an answer");
        text(&session.ok().expect("a session"), "token")
    };
    let audit = |token: &str| {
        let arguments = ["audit", "verify", &staff, "--token", token, "--key-file"];
        let ran = Command::new(jichi_program()).args(arguments).arg(&key_file).output();
        let ran = ran.expect("jichi runs");
        let said = [ran.stdout, ran.stderr].concat();
        (ran.status.code(), String::from_utf8_lossy(&said).into_owned())
    };
    let (code, said) = audit(&session("approver"));
    assert_eq!(code, Some(0), "{said}");
    // One token of 64 begins like an option.
    let (code, said) = audit("-no-such-token");
    assert_eq!(code, Some(3), "{said}");
    let (code, said) = audit(&session("maker"));
    assert_eq!(code, Some(3), "only auditors get entries: {said}");
}

#[test]
fn the_export_balances_to_nothing_in_hledger() {
    let shared = Shared::get();
    let town = shared.alone();
    let (_person, proof) = at_the_till(&town, 500);
    town.till.pay(new_key().expect("a key"), &proof, 40, clock::now()).expect("an answer");
    let out = town.node().dir.join("books.journal");
    let ran = Command::new(jichi_program())
        .args(["audit", "export", "--format", "hledger", "--out"])
        .args([&out, &town.node().data()])
        .output()
        .expect("jichi runs");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stdout));
    assert!(fs::metadata(&out).is_ok_and(|file| file.len() > 0), "the export holds something");
    // Where hledger is missing, the part `audit` of tests/run installs it and asks the same.
    let Ok(check) = hledger(&out, &["check"]) else { return };
    assert_eq!(check, "");
    let balance = hledger(&out, &["balance", "--format", "%(total)", "--depth", "0"]);
    let balance = balance.expect("a balance");
    let last = balance.lines().last().unwrap_or_default().trim().to_owned();
    assert_eq!(last, "0", "{balance}");
}

fn hledger(journal: &Path, arguments: &[&str]) -> std::io::Result<String> {
    let ran = Command::new("hledger").arg("-f").arg(journal).args(arguments).output()?;
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    Ok(String::from_utf8_lossy(&ran.stdout).into_owned())
}

#[test]
fn nothing_of_a_person_stands_in_any_file_or_metric() {
    let shared = Shared::get();
    let mut town = shared.alone();
    let (person, proof) = at_the_till(&town, 500);
    town.till.pay(new_key().expect("a key"), &proof, 40, clock::now()).expect("an answer");
    let wrong = town.till.prove(&person.mykey, "another-password-77");
    assert!(wrong.is_err(), "a wrong password proves nothing");
    let metrics = format!("http://{}", town.node().addresses.metrics);
    let metrics = send("GET", &format!("{metrics}/metrics"), &[], None).text;
    // Everything that is only in memory goes to its files.
    town.node_mut().stop().expect("the node stops");
    let mut searched: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    searched.insert("/metrics".into(), metrics.into_bytes());
    for (path, bytes) in files(&town.node().dir) {
        searched.insert(path.display().to_string(), bytes);
    }
    town.node_mut().start().expect("the node starts");
    let holds =
        |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    for part in ["/data/journal/", "/data/index/", "/data/vault/", "/messages.log", "/metrics"] {
        assert!(searched.keys().any(|name| name.contains(part)), "{part} was searched");
    }
    // The shop's name is public: that it is found says that the search finds.
    let found = |(name, bytes): (&String, &Vec<u8>)| {
        name.contains("/data/journal/") && holds(bytes, "駅前物産館")
    };
    assert!(searched.iter().any(found), "the search finds nothing at all");
    let bare = person.mykey.replace('-', "");
    let id = person.mykey.rsplit('-').next().unwrap_or(&person.mykey);
    let secrets: [(&str, &str); 8] = [
        ("name", NAME),
        ("family name", "赤城"),
        ("MyKey ID", &person.mykey),
        ("MyKey ID without hyphens", &bare),
        ("MyKey ID without town", id),
        ("password", PASSWORD),
        ("session", &person.token),
        ("proof", &proof),
    ];
    for (what, secret) in secrets {
        assert!(secret.len() >= 6, "{what} is too short to be looked for: {secret}");
        for (name, bytes) in &searched {
            assert!(!holds(bytes, secret), "{name} holds the {what} of a person");
        }
    }
}
