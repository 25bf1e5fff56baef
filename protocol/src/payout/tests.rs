//! Periods by a cycle, statements and the year that they are spent from.

use alloc::vec;

use super::*;

fn day(text: &str) -> BusinessDate {
    text.parse().unwrap()
}

fn p(points: u32) -> Points {
    Points::from_u32(points)
}

fn cycle(days: &[u8]) -> Cycle {
    Cycle::new(days.to_vec()).unwrap()
}

#[test]
fn periods_end_on_the_days_of_the_cycle_and_always_on_31_march() {
    for (days, of, first, last) in [
        (&[31][..], "2026-11-24", "2026-11-01", "2026-11-30"),
        (&[31], "2027-02-28", "2027-02-01", "2027-02-28"),
        (&[15, 31], "2026-11-15", "2026-11-01", "2026-11-15"),
        (&[15, 31], "2026-11-16", "2026-11-16", "2026-11-30"),
        (&[10, 25], "2027-03-26", "2027-03-26", "2027-03-31"),
        (&[10, 25], "2027-04-01", "2027-04-01", "2027-04-10"),
        (&[10, 25], "2027-04-26", "2027-04-26", "2027-05-10"),
        (&[10], "2027-03-12", "2027-03-11", "2027-03-31"),
        (&[10], "2027-04-10", "2027-04-01", "2027-04-10"),
        (&[29, 30], "2027-02-10", "2027-01-31", "2027-02-28"),
    ] {
        let cycle = cycle(days);
        assert_eq!(cycle.first_day_of(day(of)), day(first), "{days:?} {of}");
        assert_eq!(cycle.last_day_of(day(of)), day(last), "{days:?} {of}");
    }
}

#[test]
fn a_cycle_has_days_of_a_month_in_order() {
    assert_eq!(Cycle::new(vec![]), None);
    assert_eq!(Cycle::new(vec![0]), None);
    assert_eq!(Cycle::new(vec![32]), None);
    assert_eq!(Cycle::new(vec![25, 10]), None);
    assert_eq!(Cycle::new(vec![10, 10]), None);
}

#[test]
fn the_fee_is_rounded_down_on_each_statement_and_a_claim_is_set_off_down_to_nothing() {
    let taken = |points| [(Taken::Payment, p(points))].into();
    let made = |points, fee, claim| {
        Statement::made(taken(points), BTreeMap::new(), fee, p(claim), Points::ZERO).unwrap()
    };
    // 1,234 at 15 thousandths: 18.51, hence 18.
    let statement = made(1_234, 15, 0);
    assert_eq!((statement.fee, statement.net), (p(18), p(1_216)));
    let statement = made(66, 15, 0);
    assert_eq!((statement.fee, statement.net), (p(0), p(66)));
    let statement = made(300, 0, 400);
    assert_eq!((statement.set_off, statement.claim_left, statement.net), (p(300), p(100), p(0)));
    assert_eq!(statement.state, StatementState::Nothing);
    let statement = made(500, 0, 400);
    assert_eq!((statement.set_off, statement.claim_left, statement.net), (p(400), p(0), p(100)));
}

#[test]
fn marchs_part_is_spent_of_the_old_year_until_31_may() {
    let of = |last: &str, paid: &str| Spending::of(day(last), day(paid));
    let year = FiscalYear(2026);
    assert_eq!(of("2026-11-30", "2026-12-07"), Spending::OfItsYear(year));
    assert_eq!(of("2027-03-31", "2027-03-31"), Spending::OfItsYear(year));
    assert_eq!(of("2027-03-31", "2027-04-07"), Spending::Closing(year));
    assert_eq!(of("2027-03-31", "2027-05-31"), Spending::Closing(year));
    assert_eq!(of("2027-03-31", "2027-06-01"), Spending::PastYear(year));
}
