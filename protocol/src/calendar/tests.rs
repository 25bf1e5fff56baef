//! Business days around Japanese holidays, and the table that comes with the release compared with
//! the law's own rules.

#![expect(clippy::arithmetic_side_effects, reason = "a test's own small numbers")]

use alloc::{collections::BTreeSet, vec::Vec};

use super::*;

fn day(text: &str) -> BusinessDate {
    text.parse().unwrap()
}

fn date(year: u32, month: u32, day: u32) -> BusinessDate {
    BusinessDate::new(year, month, day).unwrap()
}

/// The lines `day = "..."` of the table that comes with the release.
fn shipped() -> Vec<BusinessDate> {
    let table = include_str!("../../../configs/calendar/holidays.toml");
    let quoted = table.lines().filter(|line| !line.trim_start().starts_with('#'));
    let dates = quoted.flat_map(|line| line.split('"')).filter_map(|word| word.parse().ok());
    dates.collect()
}

fn table(year: u32) -> DaysOff {
    let days = shipped().into_iter().filter(|day| day.civil().0 == year).collect();
    DaysOff { year: CalendarYear(year), days }
}

/// The `n`th Monday of a month.
fn monday(year: u32, month: u32, n: u32) -> BusinessDate {
    let mut mondays = (1..=31)
        .filter_map(|day| BusinessDate::new(year, month, day))
        .filter(|day| Weekday::of(*day) == Weekday::Monday);
    mondays.nth(usize::try_from(n - 1).unwrap()).unwrap()
}

/// The Act on National Holidays (国民の祝日に関する法律), articles 2 and 3, with the days of the
/// equinoxes as the almanac gives them, and the town's closing of the year.
fn by_law(year: u32, spring: u32, autumn: u32) -> Vec<BusinessDate> {
    let holidays: BTreeSet<BusinessDate> = [
        date(year, 1, 1),
        monday(year, 1, 2),
        date(year, 2, 11),
        date(year, 2, 23),
        date(year, 3, spring),
        date(year, 4, 29),
        date(year, 5, 3),
        date(year, 5, 4),
        date(year, 5, 5),
        monday(year, 7, 3),
        date(year, 8, 11),
        monday(year, 9, 3),
        date(year, 9, autumn),
        monday(year, 10, 2),
        date(year, 11, 3),
        date(year, 11, 23),
    ]
    .into();
    let mut off = holidays.clone();
    for holiday in &holidays {
        if Weekday::of(*holiday) == Weekday::Sunday {
            let mut in_lieu = holiday.plus_days(1);
            while holidays.contains(&in_lieu) {
                in_lieu = in_lieu.plus_days(1);
            }
            off.insert(in_lieu);
        }
        let between = holiday.plus_days(1);
        let enclosed = holidays.contains(&between.plus_days(1));
        if enclosed && !holidays.contains(&between) && Weekday::of(between) != Weekday::Sunday {
            off.insert(between);
        }
    }
    off.extend((2..=3).map(|day| date(year, 1, day)));
    off.extend((29..=31).map(|day| date(year, 12, day)));
    off.into_iter().collect()
}

#[test]
fn the_table_that_comes_with_the_release_is_what_the_law_says() {
    for (year, spring, autumn) in
        [(2025, 20, 23), (2026, 20, 23), (2027, 21, 23), (2028, 20, 22), (2029, 20, 23)]
    {
        let made = by_law(year, spring, autumn);
        assert_eq!(table(year).days, made, "{year}");
        assert!(table(year).well_formed());
    }
    assert!(table(2026).days.contains(&day("2026-05-06")), "in lieu of 3 May, a Sunday");
    assert!(table(2026).days.contains(&day("2026-09-22")), "between two holidays");
}

#[test]
fn days_of_the_week_are_those_of_the_calendar() {
    assert_eq!(Weekday::of(day("1970-01-01")), Weekday::Thursday);
    assert_eq!(Weekday::of(day("2026-11-24")), Weekday::Tuesday);
    assert_eq!(Weekday::of(day("2027-03-31")), Weekday::Wednesday);
}

#[test]
fn five_business_days_behind_a_month_end_skip_weekends_and_holidays() {
    let tables = [table(2026), table(2027)];
    let find = |year| tables.iter().find(|table| table.year == year);
    let behind = |from: &str, count| business_days_behind(day(from), count, find);
    // 30 April is a Thursday; 1 May works, 2 to 6 May do not.
    assert_eq!(behind("2026-04-30", 1), Ok(day("2026-05-01")));
    assert_eq!(behind("2026-04-30", 2), Ok(day("2026-05-07")));
    assert_eq!(behind("2026-04-30", 5), Ok(day("2026-05-12")));
    // Over the closing of the year.
    assert_eq!(behind("2026-12-25", 1), Ok(day("2026-12-28")));
    assert_eq!(behind("2026-12-25", 2), Ok(day("2027-01-04")));
    // None: the day itself, if it is one.
    assert_eq!(behind("2026-04-30", 0), Ok(day("2026-04-30")));
    assert_eq!(behind("2026-05-02", 0), Ok(day("2026-05-07")));
}

#[test]
fn a_year_that_nobody_entered_is_named_and_not_guessed() {
    let tables = [table(2026)];
    let find = |year| tables.iter().find(|table| table.year == year);
    let missing = Err(YearMissing(CalendarYear(2027)));
    assert_eq!(business_days_behind(day("2026-12-28"), 1, find), missing);
}

#[test]
fn a_table_out_of_order_or_of_another_year_is_not_taken() {
    let with = |days: &[&str]| DaysOff {
        year: CalendarYear(2026),
        days: days.iter().map(|text| day(text)).collect(),
    };
    assert!(with(&["2026-01-01", "2026-01-12"]).well_formed());
    assert!(!with(&["2026-01-12", "2026-01-01"]).well_formed());
    assert!(!with(&["2026-01-01", "2026-01-01"]).well_formed());
    assert!(!with(&["2027-01-01"]).well_formed());
}
