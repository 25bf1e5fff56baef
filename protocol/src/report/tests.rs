//! The figures of a year as of a day: what they are, and that nothing later changes them.

#![expect(clippy::arithmetic_side_effects, reason = "an overflow in a test fails the test")]

use super::*;
use crate::{
    command::RunStep,
    ledger::tests::{
        desk::*,
        payout::{SECOND, town},
    },
    lot::Birth,
    programme::ExpiryRule,
};

fn report(desk: &Desk, year: u32, as_of: &str) -> Report {
    let mut collector = Collector::new(FiscalYear(year), day(as_of));
    for bytes in &desk.journal {
        if collector.take(bytes).unwrap() == Reading::Past {
            break;
        }
    }
    collector.finish().unwrap()
}

fn line(report: &Report, birth: Birth, year: u32) -> [u64; 5] {
    let key = BudgetYear { birth, year: FiscalYear(year) };
    let line = report.years[&key];
    assert_eq!(
        line.granted.get(),
        line.used.get() + line.moved.get() + line.lapsed.get() + line.outstanding.get(),
        "nothing is missing"
    );
    [line.granted, line.used, line.moved, line.lapsed, line.outstanding].map(Points::get)
}

/// A year of a town: granted, converted, paid, refunded, lapsed, closed.
fn a_year() -> Desk {
    let mut desk = town("2026-06-01", &[31], 10);
    desk.programme(|programme| programme.expiry = ExpiryRule::On(day("2026-12-31")));
    let resident = desk.resident();
    desk.grant(resident, 300, "cleaning").unwrap();
    desk.converted(resident, 500);
    desk.on("2026-09-30");
    let payment = desk.pay(resident, 100).unwrap();
    desk.on("2026-10-01");
    desk.close_run("2026-09-30").unwrap();
    desk.refund(payment, 40).unwrap();
    desk.on("2026-12-20").pay(resident, 50).unwrap();
    desk
}

#[test]
fn a_year_is_told_in_figures() {
    let mut desk = a_year();
    desk.on("2027-01-04").sweep();
    desk.on("2027-03-31");
    let report = report(&desk, 2026, "2027-03-31");
    // 300 granted; 100 paid, 40 refunded, 50 paid: 110 used; 190 lapsed on 1 January.
    assert_eq!(line(&report, Birth::Administrative(PROGRAMME), 2026), [300, 110, 0, 190, 0]);
    assert_eq!(line(&report, Birth::Converted(jal()), 2026), [500, 0, 0, 0, 500]);
    assert_eq!(report.lapsed[&LapsedKind::Administrative], (p(190), p(190)));
    let outstanding: u64 = report.outstanding.values().map(|points| points.get()).sum();
    assert_eq!(outstanding, 500);
    assert_eq!(report.forecast, [((2027, 3), p(500))].into());
    assert_eq!(report.companies[&jal()].in_year, p(500));
    let [budget] = &report.budgets[..] else { panic!("one programme") };
    assert_eq!((budget.given, budget.ceiling), (p(300), p(1_000_000)));
    // September: 100, fee 1; October's refund is a claim.
    let [run] = &report.runs[..] else { panic!("one run") };
    assert_eq!((run.kept, run.fee, run.net), (p(100), p(1), p(99)));
    assert_eq!((report.shops.claims, report.shops.payable), (p(40), p(99)));
    assert_eq!(report.shops.taken, p(50));
}

#[test]
fn the_unused_balance_stands_at_each_base_date_by_issuer_and_paid() {
    let mut desk = a_year();
    desk.on("2027-01-04").sweep();
    desk.on("2027-04-05");
    let report = report(&desk, 2026, "2027-04-04");
    let at = |date: &str| {
        let found = report.base_dates.iter().find(|(base, _)| *base == day(date));
        found.unwrap().1.clone()
    };
    let (free, paid) = ((Issuer::Town, Paid::No), (Issuer::Town, Paid::Yes));
    assert_eq!(at("2026-09-30"), [(free, p(200)), (paid, p(500))].into());
    assert_eq!(at("2027-03-31"), [(paid, p(500))].into());
    // JAL's 500 could be spent until 31 March.
    assert_eq!(report.unused, Unused::new());
}

#[test]
fn what_comes_later_changes_no_figure_of_a_past_day() {
    let mut desk = a_year();
    let first = report(&desk, 2026, "2026-12-20");
    desk.on("2026-12-21");
    let resident = desk.resident();
    desk.grant(resident, 10, "later").unwrap();
    desk.on("2027-01-05").sweep();
    let run = desk.close_run("2026-12-31").unwrap();
    desk.mark(run, RunStep::Checked, SECOND).unwrap();
    desk.on("2027-07-15");
    assert_eq!(report(&desk, 2026, "2026-12-20"), first);
    assert_eq!(first.forecast, [((2026, 12), p(190)), ((2027, 3), p(500))].into());
}

#[test]
fn when_the_node_swept_what_lapsed_makes_no_difference() {
    let mut late = a_year();
    let mut early = a_year();
    early.on("2027-01-01").sweep();
    early.on("2027-01-04");
    late.on("2027-01-01");
    late.on("2027-01-04");
    let (early, late) = (report(&early, 2026, "2027-01-01"), report(&late, 2026, "2027-01-01"));
    assert_eq!(early.years, late.years);
    assert_eq!(early.lapsed, late.lapsed);
    assert_eq!(early.outstanding, late.outstanding);
    assert_eq!(early.lapsed[&LapsedKind::Administrative], (p(190), p(190)));
}

#[test]
fn a_log_that_begins_later_has_no_figures() {
    let desk = town("2026-06-01", &[31], 0);
    let mut collector = Collector::new(FiscalYear(2025), day("2026-05-31"));
    assert_eq!(collector.take(&desk.journal[0]), Ok(Reading::Past));
    assert_eq!(collector.finish(), None);
}
