//! The auditors' set over a small log.

use super::*;
use crate::audit::inspect::{Inspection, Scope};

fn set(town: &Town, seed: &str, sample: usize) -> String {
    let scope = Scope {
        from: BusinessDate::new(2020, 1, 1).unwrap(),
        until: BusinessDate::LAST,
        seed: seed.to_owned(),
        sample,
    };
    let mut inspection = Inspection::new(scope);
    let trusted = trusting(town.name);
    let terms = Terms { trusted: &trusted, token: None, now: NOW };
    let mut visit = |seen: &crate::audit::fold::Seen<'_>| inspection.see(seen);
    let audited = verify(&town.place(), &terms, &mut visit, &mut |_, _| {}).unwrap();
    assert!(audited.report.sound());
    inspection.text()
}

#[test]
fn the_set_counts_movements_and_the_same_seed_draws_the_same_sample() {
    let town = Town::with_a_payment(TOWN);
    let first = set(&town, "令和8年4月", 3);
    assert_eq!(set(&town, "令和8年4月", 3), first);
    assert!(first.contains("Grant"), "{first}");
    assert!(first.contains("無作為の抽出(種 令和8年4月、3件)"), "{first}");
    assert_eq!(first.matches("葉 ").count(), 3);
    let seeds: std::collections::BTreeSet<String> =
        (0..8).map(|seed| set(&town, &seed.to_string(), 3)).collect();
    assert!(seeds.len() > 1, "the seed draws");
}
