//! A wall clock that jumps stops all writing: points would lapse for good on a wrong day.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use jichi::client::{Reply, new_key};
use jichi_node::clock;
use jichi_tests::{
    furnished::{Furnished, send},
    town::jichi_program,
};
use serde_json::json;

use super::{at_the_till, expect_code};

/// Where Debian puts the library that shows a process another wall clock.
fn faketime() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?;
    let library = |folder: fs::DirEntry| folder.path().join("faketime/libfaketimeMT.so.1");
    folders.flatten().map(library).find(|library| library.is_file())
}

/// A `jichi` whose wall clock is off by what the file says; its monotonic clock is left alone.
fn jichi_off_by(offset: &Path, library: &Path) -> PathBuf {
    let script = offset.with_file_name("jichi-with-another-clock");
    let text = format!(
        "#!/bin/sh\nexec env LD_PRELOAD='{}' FAKETIME_TIMESTAMP_FILE='{}' FAKETIME_NO_CACHE=1 \
         FAKETIME_DONT_FAKE_MONOTONIC=1 '{}' \"$@\"\n",
        library.display(),
        offset.display(),
        jichi_program().display()
    );
    fs::write(&script, text).expect("a script");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).expect("a program");
    script
}

#[test]
fn a_jump_of_the_clock_stops_writing_until_the_node_starts_with_a_right_one() {
    let Some(library) = faketime() else {
        eprintln!("not tested: libfaketime is missing; tests/run installs it");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let offset = folder.path().join("offset");
    let set = |text: &str| fs::write(&offset, text).expect("an offset");
    set("+0");
    let mut town = Furnished::of(&jichi_off_by(&offset, &library));
    for (jump, what) in [("+2d", "ahead"), ("-2h", "back")] {
        let (person, proof) = at_the_till(&town, 500);
        let before = town.state(&person);
        let pay = |town: &Furnished| {
            let key = new_key().expect("a key");
            town.till.pay(key, &proof, 10, clock::now()).expect("an answer")
        };
        set(jump);
        expect_code(&pay(&town), 503, "clock_doubtful");
        let grant = json!({"programme": 1, "mykey_id": person.mykey, "points": 1,
            "activity": "夜警"});
        let grant =
            town.officer("maker").post("/v1/grants", Some(&new_key().expect("a key")), &grant);
        expect_code(&grant.expect("an answer"), 503, "clock_doubtful");
        let ready = format!("http://{}/readyz", town.node().addresses.metrics);
        assert_eq!(send("GET", &ready, &[], None).status, 503, "{what}");
        set("+0");
        expect_code(&pay(&town), 503, "clock_doubtful");
        assert_eq!(town.state(&person), before, "{what}: nothing was written, all can be read");
        town.node_mut().stop().expect("the node stops");
        town.node_mut().start().expect("the node starts");
        assert_eq!(town.durable(), before.0, "{what}: nothing lapsed meanwhile");
        assert_eq!(at_the_till(&town, 7).0.points(), 7, "{what}: it writes again");
    }
    // Stopped while its clock is wrong, it dates no last entry by that clock.
    let before = town.durable();
    set("+2h");
    expect_code(&set_shop(&town), 503, "clock_doubtful");
    town.node_mut().stop().expect("the node stops");
    set("+0");
    town.node_mut().start().expect("the node starts");
    assert_eq!(town.durable(), before);
    assert_eq!(set_shop(&town).status, 200, "it writes again");
    // A node that starts two days after its last entry does not believe that it is that late.
    town.node_mut().stop().expect("the node stops");
    set("+2d");
    town.node_mut().start().expect("the node starts");
    let before = town.durable();
    expect_code(&set_shop(&town), 503, "clock_doubtful");
    assert_eq!(town.durable(), before);
    // An operator looks, and says that NTP is right too.
    let words = json!({"ntp": "synchronised"});
    let confirm = |login: &str| {
        let officer = town.officer(login);
        officer.post("/v1/clock/confirmations", None, &words).expect("an answer")
    };
    expect_code(&confirm("maker"), 403, "forbidden_role");
    assert_eq!(confirm("approver").status, 204);
    assert_eq!(set_shop(&town).status, 200, "it writes again");
}

fn set_shop(town: &Furnished) -> Reply {
    let shop = json!({"merchant": 8, "name": "朝市", "state": "active"});
    let key = new_key().expect("a key");
    town.officer("maker").post("/v1/merchants", Some(&key), &shop).expect("an answer")
}
