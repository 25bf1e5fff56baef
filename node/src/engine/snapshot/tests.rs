//! A snapshot is read as it was written, or not at all.

use jichi_protocol::{
    command::{RulesVersion, TownOpening},
    date::{BusinessDate, Time},
    directory::DirectoryRoot,
    id::Generation,
    log::tree::leaf_hash,
    signature::SigningKey,
};
use tempfile::TempDir;

use super::*;

fn state(entries: u8) -> (Ledger, Tree) {
    let key = SigningKey::from_seed(&[1; 32]).public();
    let opening = TownOpening {
        town: "102016".parse().unwrap(),
        generation: Generation(1),
        log_key: key,
        channel_key: key,
        root: DirectoryRoot::new(vec![key], 1).unwrap(),
        rules: RulesVersion::V1,
        date: BusinessDate::new(2026, 4, 1).unwrap(),
    };
    let mut tree = Tree::default();
    for entry in 0..entries {
        tree.push(leaf_hash(&[entry]));
    }
    (Ledger::open(&opening, Time(1_775_000_000_000)), tree)
}

#[test]
fn a_snapshot_gives_state_and_tree_again() {
    let dir = TempDir::new().unwrap();
    let (ledger, tree) = state(5);
    Snapshot::take(&ledger, &tree).write(dir.path()).unwrap();
    let [path] = list(dir.path()).try_into().unwrap();
    let found = read(&path).unwrap();
    assert!(found.ledger == ledger && found.tree == tree);
    assert_eq!(found.next, ledger.meta().next);
}

#[test]
fn a_changed_or_cut_snapshot_is_left_aside() {
    let dir = TempDir::new().unwrap();
    let (ledger, tree) = state(5);
    Snapshot::take(&ledger, &tree).write(dir.path()).unwrap();
    let [path] = list(dir.path()).try_into().unwrap();
    let written = fs::read(&path).unwrap();
    for at in 0..written.len() {
        let mut changed = written.clone();
        changed[at] ^= 1;
        fs::write(&path, &changed).unwrap();
        assert!(read(&path).is_none(), "byte {at}");
        fs::write(&path, &written[..at]).unwrap();
        assert!(read(&path).is_none(), "cut at {at}");
    }
    fs::write(&path, &written).unwrap();
    assert!(read(&path).is_some());
}

#[test]
fn the_newest_two_are_kept() {
    let dir = TempDir::new().unwrap();
    for old in ["0000000000000000", "9999999999999999", "unfinished"] {
        fs::write(dir.path().join(old), b"").unwrap();
    }
    let (ledger, tree) = state(1);
    Snapshot::take(&ledger, &tree).write(dir.path()).unwrap();
    let kept = list(dir.path());
    let names: Vec<_> = kept.iter().map(|path| path.file_name().unwrap()).collect();
    assert_eq!(names, ["9999999999999999", "0000000000000001"]);
}
