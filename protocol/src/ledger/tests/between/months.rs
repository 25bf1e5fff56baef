//! Months between two towns: stated, compared, settled.

use super::*;

fn month(text: &str) -> Month {
    day(text).month()
}

pub(super) fn period(desk: &Desk, town: TownId, on: &str, flow: Flow) -> (u32, u64, PeriodStage) {
    let key = PeriodKey { town, month: month(on), flow };
    let period = desk.ledger.periods().find(|(known, _)| **known == key).unwrap().1;
    (period.own.count, period.own.points.get(), period.stage.clone())
}

/// Both do what is due, and hear each other, until nothing is.
pub(super) fn settle(pair: &mut Pair) {
    for _ in 0..4 {
        for envelope in pair.b.due() {
            pair.a.receive(&envelope).unwrap();
        }
        for envelope in pair.a.due() {
            pair.b.receive(&envelope).unwrap();
        }
    }
}

#[test]
fn equal_statements_close_a_month_and_the_yen_settles_it() {
    let mut pair = Pair::roaming(BEGIN, |_| {}, 1_000);
    let under = pair.roam(400);
    pair.roam(100);
    let refund = sent(&pair.b.refund(under.payment, 150).unwrap()).unwrap();
    let accept = pair.a.receive(&refund).unwrap().unwrap();
    pair.b.receive(&accept).unwrap();
    settle(&mut pair);
    let (a, b) = (pair.a.town, pair.b.town);
    assert_eq!(period(&pair.b, a, BEGIN, Flow::Taken).2, PeriodStage::Open, "the month runs");
    pair.on("2026-12-01");
    settle(&mut pair);
    assert_eq!(period(&pair.b, a, BEGIN, Flow::Taken), (2, 500, PeriodStage::Closed));
    assert_eq!(period(&pair.a, b, BEGIN, Flow::Given), (2, 500, PeriodStage::Closed));
    assert_eq!(period(&pair.a, b, BEGIN, Flow::Taken), (1, 150, PeriodStage::Closed));
    assert_eq!(period(&pair.b, a, BEGIN, Flow::Given), (1, 150, PeriodStage::Closed));
    for (desk, other) in [(&mut pair.a, b), (&mut pair.b, a)] {
        let named = PeriodNamed { town: other, month: month(BEGIN) };
        desk.submit(Command::RecordSettlement(named, by_officer())).unwrap();
        assert_eq!(desk.book(Account::OwedTo(other)), 0);
        assert_eq!(desk.book(Account::OwedBy(other)), 0);
        let again = desk.submit(Command::RecordSettlement(named, by_officer()));
        assert_eq!(again, Err(Refusal::PeriodNotClosed));
    }
    assert_eq!(pair.a.book(Account::Settled(b)), 350, "a paid 350 yen");
    pair.sound();
}

#[test]
fn a_statement_waits_for_what_it_counts_and_a_partition_delays_nothing_but_the_closing() {
    let mut pair = Pair::roaming(BEGIN, |_| {}, 1_000);
    let under = pair.ask(400).unwrap();
    let offer = pair.offered(&under);
    let accept = pair.b.receive(&offer).unwrap().unwrap();
    pair.on("2026-12-01");
    let end = pair.b.due().pop().unwrap();
    // The statement comes before the accept that it counts.
    pair.a.receive(&end).unwrap();
    assert_eq!(pair.a.due(), []);
    pair.a.receive(&accept).unwrap();
    let answer = pair.a.due().pop().unwrap();
    pair.b.receive(&answer).unwrap();
    let (a, b) = (pair.a.town, pair.b.town);
    // Accepted in November, heard of in December: November's.
    assert_eq!(period(&pair.a, b, BEGIN, Flow::Given), (1, 400, PeriodStage::Closed));
    assert_eq!(period(&pair.b, a, BEGIN, Flow::Taken), (1, 400, PeriodStage::Closed));
    pair.sound();
}

#[test]
fn statements_that_differ_list_the_transfers_and_are_made_again() {
    let mut pair = Pair::roaming(BEGIN, |_| {}, 1_000);
    let under = pair.roam(400);
    // Town b counts one that town a does not know.
    pair.b
        .ledger
        .note_in_period((pair.a.town, Flow::Taken), day(BEGIN), TransferId([9; 16]), p(7))
        .unwrap();
    pair.on("2026-12-01");
    settle(&mut pair);
    let (a, b) = (pair.a.town, pair.b.town);
    let (_, _, stage) = period(&pair.b, a, BEGIN, Flow::Taken);
    let PeriodStage::Differs { theirs, listed } = stage else { panic!("{stage:?}") };
    assert_eq!((theirs.count, theirs.points), (1, p(400)));
    assert_eq!(listed.iter().map(|item| item.transfer).collect::<Vec<_>>(), [under.request]);
    let (_, _, stage) = period(&pair.a, b, BEGIN, Flow::Given);
    assert!(matches!(stage, PeriodStage::Differs { .. }));
    let named = PeriodNamed { town: a, month: month(BEGIN) };
    let paid = pair.b.submit(Command::RecordSettlement(named, by_officer()));
    assert_eq!(paid, Err(Refusal::PeriodNotClosed));
    // Town a finds that it gave it, and the statement is made again.
    pair.a.ledger.note_in_period((b, Flow::Given), day(BEGIN), TransferId([9; 16]), p(7)).unwrap();
    pair.b.submit(Command::RestatePeriod(named, by_officer())).unwrap();
    settle(&mut pair);
    assert_eq!(period(&pair.b, a, BEGIN, Flow::Taken), (2, 407, PeriodStage::Closed));
}

#[test]
fn a_snapshot_has_requests_periods_and_what_is_due() {
    let mut pair = Pair::roaming(BEGIN, |_| {}, 1_000);
    pair.roam(100);
    let under = pair.ask(50).unwrap();
    pair.a.receive(&under.message).unwrap();
    pair.on("2026-12-01");
    for desk in [&mut pair.a, &mut pair.b] {
        let read = crate::ledger::Ledger::from_snapshot(&desk.ledger.snapshot()).unwrap();
        assert!(read == desk.ledger);
        assert_eq!(read.due_jobs(), desk.ledger.due_jobs());
        assert_eq!(read.unanswered().count(), desk.ledger.unanswered().count());
    }
    assert!(matches!(pair.a.ledger.unanswered().next(), Some((_, Asked::Waiting { .. }))));
}
