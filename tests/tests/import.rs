//! Moving in with a real node and the command: files of a former system, wrong totals, two
//! officers, and a node that is killed in the middle.

#![expect(clippy::expect_used, reason = "what panics here is a failed test")]

use std::{fs, path::Path, process::Command};

use jichi::{client::Client, world::OFFICER_PASSWORD};
use jichi_node::clock;
use jichi_tests::{
    furnished::{Furnished, PASSWORD, text},
    town::{audit_is_sound, jichi_program},
};
use serde_json::{Value, json};

/// Runs `jichi admin import` as an officer; exit code and what it printed.
fn import(town: &Furnished, args: &[&str]) -> (i32, String) {
    let staff = town.officer("maker").base().to_owned();
    let ran = Command::new(jichi_program())
        .args(["admin", "import", "--node", &staff, "--login", "maker"])
        .args(args)
        .env("JICHI_PASSWORD", OFFICER_PASSWORD)
        .output()
        .expect("the command runs");
    let said = [ran.stdout, ran.stderr].concat();
    (ran.status.code().unwrap_or(-1), String::from_utf8_lossy(&said).into_owned())
}

fn write_cp932(path: &Path, lines: &str) {
    let (bytes, _, wrong) = encoding_rs::SHIFT_JIS.encode(lines);
    assert!(!wrong, "every character is in CP932");
    fs::write(path, bytes).expect("a file");
}

fn mapping(columns: &str, (count, points): (u32, u32)) -> String {
    format!(
        "encoding = \"cp932\"\n[declared]\ncount = {count}\npoints = {points}\n\
         [columns]\n{columns}points = \"残高\"\norigin = \"区分\"\nearned = \"付与日\"\n\
         expires = \"有効期限\"\n\
         [origins.\"健康\"]\nprogramme = 1\nissuer = \"town\"\npaid = \"no\"\ngrace = \"may\"\n\
         [history]\nnumber = \"番号\"\ndate = \"日付\"\nwhat = \"内容\"\npoints_in = \"加算\"\n\
         points_out = \"利用\"\n"
    )
}

fn approve(town: &Furnished, import: &str) {
    let path = format!("/v1/proposals/{import}/decision");
    let decided = town.officer("approver").command(&path, &json!({"verdict": "approve"}));
    decided.expect("a second officer approves");
}

/// The id of the import that the command has declared.
fn declared(said: &str) -> String {
    let id = said.split("--import ").nth(1).and_then(|rest| rest.split_whitespace().next());
    id.expect("an import").to_owned()
}

fn sign_in(town: &Furnished, mykey: &str) -> Client {
    let body = json!({"mykey_id": mykey, "password": PASSWORD});
    let reply = town.node().public().post("/v1/sessions", None, &body).expect("an answer");
    town.node().public().with_token(text(&reply.body, "token"))
}

fn points(client: &Client) -> u64 {
    let me = client.get("/v1/me").expect("an answer").body;
    me.get("points").and_then(Value::as_u64).expect("a balance")
}

#[test]
fn balances_and_history_of_a_former_system_move_in() {
    let mut town = Furnished::new();
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("a path").to_owned();
    let mykeys = [town.resident(0).mykey, town.resident(0).mykey];
    let [first, second] = &mykeys;
    // Era and western dates, full-width digits, a comma, a quoted cell.
    let lines = format!(
        "番号,区分,残高,付与日,有効期限\r\n{first},健康,\"1,200\",令和8年4月1日,2099/03/31\r\n\
         {second},健康,３００,2026-05-01,なし\r\n{first},健康,300,R8.6.1,2099年3月31日\r\n"
    );
    write_cp932(Path::new(&path("balances.csv")), &lines);
    let history = format!(
        "番号,日付,内容,加算,利用\r\n{first},2026-04-01,健診,1200,\r\n\
         {first},2026-05-02,図書館で利用,,200\r\n"
    );
    write_cp932(Path::new(&path("history.csv")), &history);
    let columns = "mykey_id = \"番号\"\n";
    fs::write(path("wrong.toml"), mapping(columns, (3, 1_900))).expect("a file");
    fs::write(path("right.toml"), mapping(columns, (3, 1_800))).expect("a file");
    let (balances, right) = (path("balances.csv"), path("right.toml"));
    let before = town.durable();

    let (code, said) = import(&town, &[&balances, "--mapping", &path("wrong.toml")]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("届出は3件1900ポイント、ファイルは3件1800ポイント"), "{said}");
    let (code, said) = import(&town, &[&balances, "--mapping", &right, "--dry-run"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("健康\t2099-03-31\t2\t1500"), "{said}");
    assert_eq!(town.durable(), before, "neither writes anything");

    let (code, said) = import(&town, &[&balances, "--mapping", &right]);
    assert_eq!(code, 0, "{said}");
    let id = declared(&said);
    let (code, said) = import(&town, &[&balances, "--mapping", &right, "--import", &id]);
    assert_eq!(code, 1, "not before the second officer's word: {said}");
    approve(&town, &id);

    // One line goes in, and the node is killed; the command goes on from there.
    let line = json!({"mykey_id": first, "number": null, "name": null, "points": 1_200,
        "origin": {"programme": 1}, "issuer": "town", "paid": "no", "grace": "may",
        "earned": "2026-04-01", "expires": "2099-03-31"});
    let body = json!({"from": 0, "lines": [line]});
    let reply = town.officer("maker").post(&format!("/v1/imports/{id}/lines"), None, &body);
    assert_eq!(reply.expect("an answer").body.get("next"), Some(&json!(1)));
    assert_eq!(points(&sign_in(&town, first)), 0, "nothing is held before all of it is");
    town.node_mut().kill().expect("a kill");
    town.node_mut().start().expect("a start");
    let all = [&balances, "--mapping", &right, "--import", &id, "--history", &path("history.csv")];
    let (code, said) = import(&town, &all.map(|arg: &str| arg));
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("2 new lines"), "{said}");
    assert_eq!(points(&sign_in(&town, first)), 1_500);
    assert_eq!(points(&sign_in(&town, second)), 300);
    let old = sign_in(&town, first).get("/v1/me/old-history").expect("an answer").body;
    assert_eq!(old.get(0).map(|line| text(line, "what")).as_deref(), Some("図書館で利用"));

    // The same again: nothing moves, and no line of history is there twice.
    let (code, said) = import(&town, &all.map(|arg: &str| arg));
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("0 new lines"), "{said}");
    let (code, said) = import(&town, &[&balances, "--mapping", &right]);
    assert!(code == 1 && said.contains("already_imported"), "{said}");
    assert_eq!(points(&sign_in(&town, first)), 1_500);
    audit_is_sound(&town.node().data()).expect("a sound log");
}

#[test]
fn who_has_no_account_gets_one_and_wrong_lines_are_told_by_their_numbers() {
    let town = Furnished::new();
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("a path").to_owned();
    let heading = "番号,氏名,区分,残高,付与日,有効期限\n";
    let wrong = format!(
        "{heading}A1,髙橋 一,健康,100,2026-04-01,2099-03-31\nA2,前橋 二,買物,100,2026-04-01,\n\
         A3,前橋 三,健康,百,2026-04-01,\nA4,前橋 四,健康,5,2026-04-01,2020-03-31\n"
    );
    let columns = "number = \"番号\"\nname = \"氏名\"\n";
    write_cp932(Path::new(&path("wrong.csv")), &wrong);
    fs::write(path("mapping.toml"), mapping(columns, (2, 350))).expect("a file");
    let (code, said) = import(&town, &[&path("wrong.csv"), "--mapping", &path("mapping.toml")]);
    assert!(code == 1 && said.contains("3行目") && said.contains("4行目"), "{said}");
    assert!(!said.contains("前橋"), "no name is printed: {said}");
    let lapsed = format!("{heading}A4,前橋 四,健康,350,2026-04-01,2020-03-31\n");
    write_cp932(Path::new(&path("lapsed.csv")), &lapsed);
    let (code, said) = import(&town, &[&path("lapsed.csv"), "--mapping", &path("mapping.toml")]);
    assert!(code == 1 && said.contains("2行目 line 2: import_date"), "{said}");

    let right = format!(
        "{heading}A1,髙橋 一,健康,100,2026-04-01,2099-03-31\nA2,前橋 二,健康,250,2026-04-01,\n"
    );
    write_cp932(Path::new(&path("right.csv")), &right);
    let args = [&path("right.csv"), "--mapping", &path("mapping.toml")].map(String::from);
    let (code, said) = import(&town, &args.each_ref().map(String::as_str));
    assert_eq!(code, 0, "{said}");
    let id = declared(&said);
    approve(&town, &id);
    let mut with_import: Vec<&str> = args.iter().map(String::as_str).collect();
    with_import.extend(["--import", &id]);
    let (code, said) = import(&town, &with_import);
    assert_eq!(code, 0, "{said}");
    let state = town.officer("maker").get(&format!("/v1/imports/{id}")).expect("an answer").body;
    assert_eq!((text(&state, "state").as_str(), &state["points_in"]), ("committed", &json!(350)));
    audit_is_sound(&town.node().data()).expect("a sound log");
}

#[test]
fn a_thousand_holders_move_in_at_once() {
    let town = Furnished::new();
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("a path").to_owned();
    let mut lines = "番号,氏名,区分,残高,付与日,有効期限\n".to_owned();
    for number in 0..1_000 {
        lines += &format!("B{number},前橋 市民,健康,10,2026-04-01,2099-03-31\n");
    }
    write_cp932(Path::new(&path("all.csv")), &lines);
    let columns = "number = \"番号\"\nname = \"氏名\"\n";
    fs::write(path("mapping.toml"), mapping(columns, (1_000, 10_000))).expect("a file");
    let args = [path("all.csv"), "--mapping".to_owned(), path("mapping.toml")];
    let (code, said) = import(&town, &args.each_ref().map(String::as_str));
    assert_eq!(code, 0, "{said}");
    let id = declared(&said);
    approve(&town, &id);
    let mut with_import: Vec<&str> = args.iter().map(String::as_str).collect();
    with_import.extend(["--import", &id]);
    let begun = clock::monotonic();
    let (code, said) = import(&town, &with_import);
    assert_eq!(code, 0, "{said}");
    let took = clock::monotonic().since(begun);
    eprintln!("1,000 accounts opened and filled in {took:?}");
    assert!(took < std::time::Duration::from_secs(120), "{took:?}");
}
