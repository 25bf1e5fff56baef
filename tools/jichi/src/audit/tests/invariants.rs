//! A bad entry for each thing that must hold: the ledger does not apply it, and the audit says so,
//! although every checkpoint is signed anew.

use jichi_protocol::{
    ledger::{Broken, Ledger},
    replay::{Replay, Signatures},
};

use super::*;

/// The report about the town's log with the entry of this kind changed.
fn with(town: &Town, kind: &str, change: impl FnOnce(&mut Entry)) -> (usize, Report) {
    let mut entries = town.entries();
    let at = town.find(kind);
    let mut entry = Entry::parse(&entries[at]).unwrap();
    change(&mut entry);
    entries[at] = codec::encode(&entry.store());
    (at, audited(&entries))
}

fn audited(entries: &[Vec<u8>]) -> Report {
    let forged = TempDir::new().unwrap();
    write_log(forged.path(), TOWN, &log_key(TOWN), entries);
    audit_dir(forged.path(), TOWN)
}

fn found_at(report: &Report) -> (usize, Finding) {
    let Fault::Entry { index, finding } = fault_of(report) else { panic!("{}", report.text()) };
    assert!(!report.sound());
    (usize::try_from(index.0).unwrap(), *finding)
}

/// The town's ledger in front of its entry of a kind, and that entry.
fn before(town: &Town, kind: &str) -> (Ledger, Entry) {
    let (entries, at) = (town.entries(), town.find(kind));
    let (mut replay, _) = Replay::begin(&entries[0]).unwrap();
    for bytes in &entries[1..at] {
        replay.step(bytes, Signatures::Check).unwrap();
    }
    (replay.into_ledger(), Entry::parse(&entries[at]).unwrap())
}

fn postings(entry: &Entry) -> Vec<Posting> {
    let Outcome::Done(effect) = &entry.outcome else { panic!("{entry:?}") };
    effect.postings.as_slice().to_vec()
}

fn moving(entry: &mut Entry, postings: Vec<Posting>) {
    let postings = Postings::balanced(postings).unwrap();
    entry.outcome = Outcome::Done(Effect { postings, sent: None });
}

#[test]
fn postings_that_do_not_balance_are_no_entry() {
    let town = Town::with_a_payment(TOWN);
    let (mut entries, at) = (town.entries(), town.find("Pay"));
    // 120 points stand in the entry's private half twice: as what the shop takes, behind the lot.
    let bytes = &mut entries[at];
    let place = bytes.windows(2).rposition(|window| window == [0x18, 120]).unwrap();
    bytes[place + 1] = 121;
    let (index, finding) = found_at(&audited(&entries));
    assert_eq!(index, at);
    assert!(matches!(finding, Finding::Malformed(_)), "{finding:?}");
}

#[test]
fn an_account_that_would_be_negative_is_broken() {
    let town = Town::with_a_payment(TOWN);
    let (mut ledger, mut entry) = before(&town, "Pay");
    let points = Points::from_u32(120);
    let book = |account, side| Posting::Book { account, side, points };
    // Out of a shop that took nothing yet.
    let out = book(Account::Merchant(SHOP), Side::Debit);
    moving(&mut entry, vec![out, book(Account::Unclaimed, Side::Credit)]);
    assert_eq!(ledger.apply(&entry), Err(Broken::Balance));
    let (at, report) = with(&town, "Pay", |forged| forged.outcome = entry.outcome.clone());
    assert_eq!(found_at(&report), (at, Finding::DecidedOtherwise));
}

#[test]
fn lots_that_an_account_does_not_hold_are_broken() {
    let town = Town::with_a_payment(TOWN);
    let (mut ledger, mut entry) = before(&town, "Pay");
    let mut changed = postings(&entry);
    for posting in &mut changed {
        if let Posting::Lots { lots, .. } = posting {
            lots[0].terms.grace = Grace::Used;
        }
    }
    moving(&mut entry, changed);
    assert_eq!(ledger.apply(&entry), Err(Broken::Lots));
    let (at, report) = with(&town, "Pay", |forged| forged.outcome = entry.outcome.clone());
    assert_eq!(found_at(&report), (at, Finding::DecidedOtherwise));
}

#[test]
fn lots_of_nobody_are_broken() {
    let town = Town::with_a_payment(TOWN);
    let (mut ledger, mut entry) = before(&town, "Grant");
    let mut changed = postings(&entry);
    for posting in &mut changed {
        if let Posting::Lots { holder, .. } = posting {
            *holder = AccountId([9; 16]);
        }
    }
    moving(&mut entry, changed);
    assert_eq!(ledger.apply(&entry), Err(Broken::Unknown));
    let (at, report) = with(&town, "Grant", |forged| forged.outcome = entry.outcome.clone());
    assert_eq!(found_at(&report), (at, Finding::DecidedOtherwise));
}

#[test]
fn an_entry_of_an_earlier_time_or_another_place_is_broken() {
    let town = Town::with_a_payment(TOWN);
    let (mut ledger, entry) = before(&town, "Pay");
    let mut early = entry.clone();
    early.time = Time(1);
    assert_eq!(ledger.apply(&early), Err(Broken::Time));
    let mut elsewhere = entry;
    elsewhere.index = EntryIndex(0);
    assert_eq!(ledger.apply(&elsewhere), Err(Broken::Index));
    let (at, report) = with(&town, "Pay", |forged| forged.index = EntryIndex(1));
    assert_eq!(found_at(&report), (at, Finding::OutOfPlace(EntryIndex(1))));
}

#[test]
fn a_hash_of_another_state_is_no_entry() {
    let town = Town::with_a_payment(TOWN);
    let (at, report) = with(&town, "HashState", |forged| {
        let Command::HashState(state, _) = &mut forged.submission.command else { panic!() };
        state.hash = Digest::of(&[b"another state"]);
    });
    assert_eq!(found_at(&report), (at, Finding::NoEntry));
}
