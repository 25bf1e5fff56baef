//! The law's clock, day by day, and what is refused.

use tempfile::TempDir;

use super::*;
use crate::vault::keyring::WrappingKey;

const ALICE: AccountId = AccountId([0xA1; 16]);
const DESK: OfficerId = OfficerId(7);

fn wait<T>(future: impl Future<Output = T>) -> T {
    futures::executor::block_on(future)
}

fn day(text: &str) -> BusinessDate {
    text.parse().unwrap()
}

fn vault(dir: &TempDir) -> Vault {
    let key = || WrappingKey::new(Box::new([1; 32]));
    if !dir.path().join("keyring").exists() {
        Vault::create(dir.path(), &key()).unwrap();
    }
    Vault::open(dir.path(), key(), &mut |_| {}).unwrap().0
}

fn id(number: u8) -> RequestId {
    Digest([number; 32])
}

#[test]
fn a_request_has_thirty_days_and_thirty_more_once() {
    let dir = TempDir::new().unwrap();
    let held = vault(&dir);
    let requests = DataRequests::open(held.clone()).unwrap();
    let received = (ALICE, Asked::Disclosure, day("2026-06-01"));
    let at = |on: &str| day(on).start();
    let early = wait(requests.receive(id(1), received, (DESK, "開示"), at("2026-05-31")));
    assert!(matches!(early, Err(RequestRefused::NotYet)));
    wait(requests.receive(id(1), received, (DESK, "開示"), at("2026-06-03"))).unwrap();
    wait(requests.receive(id(1), received, (DESK, "開示"), at("2026-06-04"))).unwrap();
    let clock = |requests: &DataRequests, on: &str| {
        let all = requests.all();
        assert_eq!(all.len(), 1);
        all[0].1.clock(day(on))
    };
    assert_eq!(clock(&requests, "2026-06-03"), Clock::Left(28));
    assert_eq!(clock(&requests, "2026-07-01"), Clock::Left(0));
    assert_eq!(clock(&requests, "2026-07-02"), Clock::Overdue(1));
    let late = wait(requests.step(id(1), Step::Extended, (DESK, "量が多い"), at("2026-07-02")));
    assert!(matches!(late, Err(RequestRefused::NotExtendable)));
    wait(requests.step(id(1), Step::Extended, (DESK, "量が多い"), at("2026-07-01"))).unwrap();
    assert_eq!(clock(&requests, "2026-07-02"), Clock::Left(29));
    let again = wait(requests.step(id(1), Step::Extended, (OfficerId(8), "再"), at("2026-07-02")));
    assert!(matches!(again, Err(RequestRefused::NotExtendable)));
    wait(requests.step(id(1), Step::GrantedInPart, (DESK, "一部"), at("2026-07-31"))).unwrap();
    assert_eq!(clock(&requests, "2026-09-01"), Clock::Stopped);
    let after = wait(requests.step(id(1), Step::Refused, (DESK, "不可"), at("2026-08-01")));
    assert!(matches!(after, Err(RequestRefused::Decided)));
    let none = wait(requests.step(id(2), Step::Refused, (DESK, "不可"), at("2026-08-01")));
    assert!(matches!(none, Err(RequestRefused::Unknown)));
    // A restart reads the same.
    let before = requests.all();
    wait(held.close()).unwrap();
    drop((held, requests));
    assert_eq!(DataRequests::open(vault(&dir)).unwrap().all(), before);
}
