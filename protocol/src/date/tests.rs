//! Dates, against a calendar worked by hand.

use super::*;
use alloc::string::ToString;

fn day(text: &str) -> BusinessDate {
    text.parse().unwrap()
}

#[test]
fn every_day_has_one_name_and_one_number() {
    for number in 0..=BusinessDate::LAST.day_number() {
        let date = BusinessDate(number);
        let (y, m, d) = date.civil();
        assert_eq!(BusinessDate::new(y, m, d), Some(date));
    }
    assert_eq!(BusinessDate::LAST.to_string(), "9999-12-31");
}

#[test]
fn the_day_is_cut_at_midnight_in_japan() {
    // 2026-11-24T15:00:00Z is midnight of the 25th in Japan.
    let midnight = Time(1_795_532_400_000);
    assert_eq!(midnight.to_string(), "2026-11-25T00:00:00.000+09:00");
    assert_eq!(Time(midnight.0 - 1).date(), day("2026-11-24"));
    assert_eq!(day("2026-11-25").start(), midnight);
}

#[test]
fn days_that_the_calendar_does_not_have_are_refused() {
    for text in ["2026-02-29", "2026-13-01", "2026-00-10", "1969-12-31", "2026-1-01", "2026-01-01 "]
    {
        assert_eq!(text.parse::<BusinessDate>(), Err(NotADate), "{text}");
    }
    assert!("2028-02-29".parse::<BusinessDate>().is_ok());
}

#[test]
fn months_later_is_the_same_number_or_the_months_last_day() {
    assert_eq!(day("2026-08-31").plus_months(6), day("2027-02-28"));
    assert_eq!(day("2026-12-15").plus_months(1), day("2027-01-15"));
    assert_eq!(day("2027-08-31").plus_months(6), day("2028-02-29"));
}

#[test]
fn the_fiscal_year_turns_on_the_first_of_april() {
    assert_eq!(day("2027-03-31").fiscal_year(), FiscalYear(2026));
    assert_eq!(day("2027-04-01").fiscal_year(), FiscalYear(2027));
    assert_eq!(FiscalYear(2026).last_day(), day("2027-03-31"));
}
