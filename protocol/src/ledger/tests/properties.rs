//! Random days of a town against the model, and what holds of every journal.

use alloc::{collections::BTreeMap, vec::Vec};
use core::cell::RefCell;
use proptest::{prelude::*, test_runner::TestRunner};
extern crate std;
use std::{env, println};

use super::{
    days::{BEGIN, Both, step},
    desk::*,
};
use crate::{
    codec,
    command::Command,
    entry::{Entry, StoredEntry},
};

/// What the long form runs at least, in operations.
const LONG: u64 = 1_000_000;
/// Towns of the long form: each has about 300 operations.
const LONG_TOWNS: u32 = 4_000;
/// Steps of one town at most.
const STEPS: usize = 600;

/// Few in the normal run; the environment's `PROPTEST_CASES` asks for more.
pub(super) fn cases(few: u32) -> ProptestConfig {
    let usual = ProptestConfig::default();
    // 256 is what proptest takes where the environment asks for nothing.
    let cases = if usual.cases == 256 { few } else { usual.cases };
    ProptestConfig { cases, failure_persistence: None, ..usual }
}

/// How often each kind of command was asked for, and how often it was done.
type Tally = BTreeMap<u16, (u64, u64)>;

fn operations(tally: &Tally) -> u64 {
    tally.values().map(|(asked, _)| asked).sum()
}

#[expect(clippy::print_stdout, reason = "the count is what the long form is run for")]
fn report(tally: &Tally) {
    println!("{} operations of {} kinds", operations(tally), tally.len());
    for (kind, name) in Command::KINDS {
        let (asked, done) = tally.get(kind).copied().unwrap_or_default();
        println!("{kind:>4} {name:<20} {asked:>8} asked {done:>8} done");
    }
}

/// `JICHI_LONG=yes` runs a million operations at least, and then every kind of command has to be
/// among those that were done, but for the one that opens a log.
#[test]
fn the_ledger_does_what_the_model_says() {
    let long = env::var("JICHI_LONG").is_ok_and(|long| long == "yes");
    let sums = RefCell::new(Tally::new());
    let steps = prop::collection::vec(step(), 1..=STEPS);
    let town = |steps: Vec<_>| {
        let mut both = Both::new();
        for step in &steps {
            both.take(step);
            both.compare(step);
        }
        both.pair.a.replays();
        for (kind, (asked, done)) in &both.pair.a.tally {
            let mut sums = sums.borrow_mut();
            let sum = sums.entry(*kind).or_default();
            *sum = (sum.0 + asked, sum.1 + done);
        }
        Ok(())
    };
    let usual = cases(8);
    let towns = if long { LONG_TOWNS } else { usual.cases.min(100) };
    let mut runner = TestRunner::new(ProptestConfig { cases: towns, ..usual });
    if let Err(failed) = runner.run(&steps, town) {
        panic!("{failed}");
    }
    report(&sums.borrow());
    if long {
        let never = |(kind, name): &(u16, &'static str)| {
            let done = sums.borrow().get(kind).map_or(0, |(_, done)| *done);
            (done == 0).then_some(*name)
        };
        let never: Vec<_> = Command::KINDS.iter().filter_map(never).collect();
        // What is between towns has random courses of its own (`courses.rs`).
        let apart = [
            "OpenTown",
            "JudgeLog",
            "AskTown",
            "CancelAsk",
            "PayRequest",
            "MoveHouse",
            "Forward",
            "EndPeriod",
            "AnswerPeriod",
            "RestatePeriod",
            "RecordSettlement",
        ];
        assert!(never.iter().all(|name| apart.contains(name)), "never done: {never:?}");
        assert!(operations(&sums.borrow()) >= LONG);
    }
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn the_state_hash_does_not_depend_on_when_it_was_asked(
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let (mut often, mut once) = (Both::new(), Both::new());
        for step in &steps {
            often.take(step);
            often.pair.a.ledger.hash();
            once.take(step);
        }
        prop_assert_eq!(often.pair.a.ledger.hash(), once.pair.a.ledger.hash());
    }

    #[test]
    fn an_entry_has_one_encoding(
        steps in prop::collection::vec(step(), 1..20),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1..=255_u8), 64),
    ) {
        let mut both = Both::new();
        for step in &steps {
            both.take(step);
        }
        for (entry, place, with) in flips {
            let mut bytes = entry.get(&both.pair.a.journal).clone();
            let at = place.index(bytes.len());
            bytes[at] ^= with;
            if let Ok(stored) = codec::decode::<StoredEntry>(&bytes) {
                prop_assert_eq!(codec::encode(&stored), bytes.clone());
                if let Ok(read) = stored.open() {
                    prop_assert_eq!(codec::encode(&read.store()), bytes);
                }
            }
        }
    }

    #[test]
    fn cut_or_lengthened_entries_are_no_entries(place in any::<prop::sample::Index>(), more in 0..=255_u8) {
        let desk = Desk::new("102016", BEGIN);
        for bytes in &desk.journal {
            prop_assert!(Entry::parse(&bytes[..place.index(bytes.len())]).is_err());
            prop_assert!(Entry::parse(&[bytes.as_slice(), &[more]].concat()).is_err());
        }
    }
}
