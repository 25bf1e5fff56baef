//! A look-up that was noted is there after a restart, and stays when the person is erased.

use jichi_protocol::date::BusinessDate;
use tempfile::TempDir;

use super::*;
use crate::vault::keyring::WrappingKey;

const ALICE: AccountId = AccountId([0xA1; 16]);
const BOB: AccountId = AccountId([0xB0; 16]);
const REASON: &str = "電話での残高の問い合わせ";

fn wait<T>(future: impl Future<Output = T>) -> T {
    futures::executor::block_on(future)
}

fn key(byte: u8) -> WrappingKey {
    WrappingKey::new(Box::new([byte; 32]))
}

fn open(dir: &TempDir, wrapping: u8) -> Vault {
    Vault::open(dir.path(), key(wrapping), &mut |_| {}).unwrap().0
}

fn look_up(on: &str, officer: u32) -> LookUp {
    let on: BusinessDate = on.parse().unwrap();
    LookUp {
        time: on.start(),
        officer: OfficerId(officer),
        looked: Looked::Person,
        reason: REASON.into(),
        ticket: Some("T-12".into()),
    }
}

fn by(officer: u32) -> Wanted {
    Wanted { officer: Some(OfficerId(officer)), ..Wanted::default() }
}

#[test]
fn look_ups_survive_a_restart_and_an_erasure_over_years() {
    let dir = TempDir::new().unwrap();
    Vault::create(dir.path(), &key(1)).unwrap();
    let vault = open(&dir, 1);
    let log = LookUps::open(vault.clone()).unwrap();
    let (old, new) = (look_up("2026-03-31", 1), look_up("2026-04-01", 2));
    wait(vault.put(ALICE, RecordKind::Person, b"Alice")).unwrap();
    wait(log.note(ALICE, &old)).unwrap();
    wait(log.note(BOB, &new)).unwrap();
    wait(log.note(ALICE, &new)).unwrap();
    let told = |log: &LookUps, wanted| {
        let (page, next) = log.page(wanted).unwrap();
        assert_eq!(next, None);
        page.into_iter().map(|it| (it.place.about, it.look_up)).collect::<Vec<_>>()
    };
    let all = vec![(ALICE, new.clone()), (BOB, new.clone()), (ALICE, old.clone())];
    assert_eq!(told(&log, Wanted::default()), all);
    assert_eq!(told(&log, by(1)), [(ALICE, old.clone())]);
    wait(vault.destroy_keys(vec![ALICE], key(2))).unwrap();
    wait(vault.close()).unwrap();
    drop((vault, log));
    let log = LookUps::open(open(&dir, 2)).unwrap();
    assert_eq!(told(&log, Wanted::default()), all);
    assert_eq!(log.of(ALICE).unwrap(), [old, new]);
    let personal = REASON.as_bytes();
    for file in ["records/00000000.seg", "keyring"] {
        let bytes = std::fs::read(dir.path().join(file)).unwrap();
        assert!(!bytes.windows(personal.len()).any(|window| window == personal), "{file}");
    }
}

#[test]
fn a_page_says_where_the_next_one_begins_and_none_is_left_out() {
    let dir = TempDir::new().unwrap();
    Vault::create(dir.path(), &key(1)).unwrap();
    let log = LookUps::open(open(&dir, 1)).unwrap();
    for officer in 0..250 {
        wait(log.note(ALICE, &look_up("2026-06-01", officer))).unwrap();
    }
    let (mut seen, mut wanted) = (Vec::new(), Wanted::default());
    loop {
        let (page, next) = log.page(wanted).unwrap();
        seen.extend(page.into_iter().map(|it| it.look_up.officer.0));
        wanted.before = next;
        if next.is_none() {
            break;
        }
    }
    assert_eq!(seen, (0..250).rev().collect::<Vec<_>>());
}
