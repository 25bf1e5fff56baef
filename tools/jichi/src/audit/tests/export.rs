//! What is exported, read by programs that are not ours.

use std::process::{Command as Program, Output};

use jichi_protocol::log::{
    tile::{TileKind, decode_bundle, decode_hashes, tiles_for_growth},
    tree::TreeSize,
};

use super::{
    super::export::{Form, beancount, export, export_file, tiles::export_tiles},
    *,
};

fn exported(town: &Town, form: Form) -> String {
    let trusted = trusting(TOWN);
    let terms = Terms { trusted: &trusted, token: None, now: NOW };
    let mut out = Vec::new();
    let report = export(&town.place(), &terms, form, &mut out, &mut |_, _| {}).unwrap();
    assert!(report.sound(), "{}", report.text());
    String::from_utf8(out).unwrap()
}

/// Runs a program of Debian's; none where it is not installed (`tests/run` installs it).
fn run(program: &str, arguments: &[&str]) -> Option<Output> {
    match Program::new(program).args(arguments).output() {
        Ok(output) => Some(output),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => panic!("{program}: {error}"),
    }
}

#[test]
fn hledger_finds_that_the_export_balances_to_zero() {
    let text = exported(&Town::with_a_payment(TOWN), Form::Hledger);
    assert_eq!(text.lines().filter(|line| line.ends_with(") Pay")).count(), 1, "{text}");
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("log.journal");
    fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    let Some(checked) = run("hledger", &["--strict", "-f", file, "check"]) else { return };
    assert!(checked.status.success(), "{checked:?}");
    let balance = run("hledger", &["-f", file, "balance", "--flat"]).unwrap();
    let balance = String::from_utf8(balance.stdout).unwrap();
    assert_eq!(balance.lines().last().unwrap().trim(), "0", "{balance}");
    assert!(balance.contains("500 P  expenses:programme:1"), "{balance}");
    assert!(balance.contains("-120 P  liabilities:merchant:1"), "{balance}");
}

#[test]
fn beancount_takes_the_export() {
    let text = exported(&Town::with_a_payment(TOWN), Form::Beancount);
    assert!(text.contains("Expenses:Programme:1  500 POINT"), "{text}");
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("log.beancount");
    fs::write(&file, text).unwrap();
    let Some(checked) = run("bean-check", &[file.to_str().unwrap()]) else { return };
    assert!(checked.status.success(), "{checked:?}");
}

#[test]
fn companies_have_names_that_beancount_takes_and_no_two_the_same() {
    let name = |id: &str| beancount::company(id.parse().unwrap());
    assert_eq!([name("jal"), name("7-pay"), name("-x")], ["Jal", "7-pay", "XX-x"]);
    assert_ne!(name("xx-x"), name("-x"));
}

#[test]
fn the_rows_sum_to_zero_and_name_every_entry() {
    let town = Town::with_a_payment(TOWN);
    let text = exported(&town, Form::Csv);
    let mut rows = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let head = rows.next().unwrap();
    let column = |name: &str| head.iter().position(|field| *field == name).unwrap();
    let rows: Vec<_> = rows.collect();
    assert!(rows.iter().all(|row| row.len() == head.len()), "{text}");
    let points = rows.iter().map(|row| row[column("points")]).filter(|points| !points.is_empty());
    let points: Vec<i64> = points.map(|points| points.parse().unwrap()).collect();
    assert_eq!((points.len(), points.iter().sum::<i64>()), (4, 0));
    let entries: std::collections::BTreeSet<_> = rows.iter().map(|row| row[0]).collect();
    assert_eq!(entries.len(), town.entries().len());
    let refused: Vec<_> =
        rows.iter().filter(|row| row[column("outcome")] == "short_of_points").collect();
    assert_eq!(refused.len(), 1, "{text}");
    let granted = rows.iter().find(|row| row[column("points")] == "-500").unwrap();
    assert_eq!(granted[column("birth")], "administrative");
}

#[test]
fn the_object_holds_every_entry_and_the_report() {
    let town = Town::with_a_payment(TOWN);
    let value: serde_json::Value = serde_json::from_str(&exported(&town, Form::Json)).unwrap();
    assert_eq!(value["entries"].as_array().unwrap().len(), town.entries().len());
    assert_eq!(value["report"]["sound"], true);
    let pay = &value["entries"][town.find("Pay")];
    assert_eq!((&pay["outcome"], &pay["authority"]), (&"done".into(), &"signed".into()));
    assert_eq!(pay["postings"][0]["points"], 120);
}

#[test]
fn a_log_that_is_not_sound_leaves_no_file() {
    let town = Town::with_a_payment(TOWN);
    let trusted = trusting(OTHER_TOWN);
    let terms = Terms { trusted: &trusted, token: None, now: NOW };
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("log.csv");
    let report = export_file(&town.place(), &terms, Form::Csv, &file, &mut |_, _| {}).unwrap();
    assert!(!report.sound());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn tiles_are_written_into_an_empty_folder_only() {
    let town = Town::with_a_payment(TOWN);
    let trusted = trusting(TOWN);
    let terms = Terms { trusted: &trusted, token: None, now: NOW };
    let dir = TempDir::new().unwrap();
    let report = export_tiles(&town.place(), &terms, dir.path(), &mut |_, _| {}).unwrap();
    assert!(report.sound());
    let size = report.size.0;
    let hashes = fs::read(dir.path().join(format!("tile/0/000.p/{size}"))).unwrap();
    assert_eq!(hashes.len() as u64, size * 32);
    assert!(dir.path().join(format!("tile/entries/000.p/{size}")).is_file());
    let again = export_tiles(&town.place(), &terms, dir.path(), &mut |_, _| {});
    assert!(matches!(again, Err(CannotRead::NotEmpty(_))));
}

#[test]
fn an_export_of_several_tiles_makes_the_root_that_was_signed() {
    let town = Town::with_a_payment(TOWN);
    let running = town.run();
    for number in 0..300 {
        let name = format!("店{number}").parse().unwrap();
        let merchant = MerchantId(number);
        let setting = MerchantSetting::plain(merchant, name, InUse::Active);
        submit(
            &running.engine,
            None,
            Command::SetMerchant(setting, ByOfficer { officer: OFFICER }),
        );
    }
    running.stop();
    let trusted = trusting(TOWN);
    let terms = Terms { trusted: &trusted, token: None, now: NOW };
    let dir = TempDir::new().unwrap();
    let size = export_tiles(&town.place(), &terms, dir.path(), &mut |_, _| {}).unwrap().size;
    let mut tree = Tree::default();
    for path in tiles_for_growth(TreeSize(0), size) {
        let bytes = fs::read(dir.path().join(path.to_string())).unwrap();
        match path.kind() {
            TileKind::Entries => {
                for leaf in decode_bundle(&bytes, path.width()).unwrap() {
                    tree.push(leaf_hash(leaf));
                }
            }
            TileKind::Hashes { .. } => {
                assert!(decode_hashes(&bytes, path.width()).is_ok(), "{path}");
            }
        }
    }
    let signed = SignedCheckpoint::parse(&fs::read(dir.path().join("checkpoint")).unwrap());
    let signed = signed.unwrap().verify(&vkey(TOWN)).unwrap();
    assert_eq!((signed.size, signed.root), (tree.size(), tree.root()));
    assert!(dir.path().join("tile/1/000.p/1").is_file());
}
