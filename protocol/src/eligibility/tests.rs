//! Ages as the law counts them, and what a programme demands.

use super::*;

fn day(text: &str) -> BusinessDate {
    text.parse().unwrap()
}

fn born(text: &str) -> BirthDate {
    text.parse().unwrap()
}

#[test]
fn an_age_is_reached_at_the_end_of_the_day_before_the_birthday() {
    for (birth, years, reached) in [
        ("1960-04-01", 65, "2025-03-31"),
        ("1960-04-02", 65, "2025-04-01"),
        ("1960-03-31", 65, "2025-03-30"),
        ("1960-01-01", 65, "2024-12-31"),
        ("1960-03-01", 65, "2025-02-28"),
        ("1959-03-01", 65, "2024-02-29"),
        ("1960-02-29", 65, "2025-02-28"),
        ("1960-02-29", 64, "2024-02-28"),
        ("2004-02-29", 96, "2100-02-28"),
        ("1960-12-31", 65, "2025-12-30"),
    ] {
        assert_eq!(born(birth).reaches(years), Some(day(reached)), "{birth} {years}");
        assert!(born(birth).has_reached(years, day(reached)));
        assert!(!born(birth).has_reached(years, day(reached).day_before()));
    }
}

#[test]
fn ages_reached_before_1970_are_reached() {
    assert!(born("1900-05-05").has_reached(65, day("1970-01-01")));
    assert!(!born("2000-05-05").has_reached(9_000, BusinessDate::LAST));
}

#[test]
fn days_of_birth_are_days_of_the_calendar() {
    for text in
        ["1960-02-30", "1872-12-31", "1961-02-29", "1960-4-1", "+960-04-01", "", "1960-13-01"]
    {
        assert_eq!(text.parse::<BirthDate>(), Err(NotABirthDate), "{text}");
    }
    assert_eq!(
        alloc::format!("{} {:?}", born("1925-01-09"), born("1925-01-09")),
        "1925-01-09 BirthDate"
    );
}

#[test]
fn the_judgement_says_no_more_than_what_was_asked() {
    let nothing = Eligibility::default();
    let birth = Some(born("1960-04-01"));
    let residence = Some(Residence { from: day("2000-01-01"), until: None });
    let known = Attributes { birth, residence };
    let attested = nothing.attest(&known, Known::Yes, day("2025-03-31"));
    assert_eq!(attested, Attested::default());
    assert_eq!(nothing.admits(None, day("2025-03-31")), Ok(()));
}

#[test]
fn a_demand_is_met_refused_or_unknown() {
    let age = Some(AgeRule { years: 65, by: AgeDay::Grant });
    let all = Eligibility { age, residence: Demand::Asked, enrolment: Demand::Asked };
    let today = day("2025-03-31");
    let moved =
        |until: Option<&str>| Some(Residence { from: day("2000-01-01"), until: until.map(day) });
    let judge = |birth: Option<&str>, residence, enrolled| {
        let attributes = Attributes { birth: birth.map(born), residence };
        all.admits(Some(&all.attest(&attributes, enrolled, today)), today)
    };
    assert_eq!(judge(Some("1960-04-01"), moved(None), Known::Yes), Ok(()));
    let young = Err(Ineligible::TooYoung(today));
    assert_eq!(judge(Some("1960-04-02"), moved(None), Known::Yes), young);
    assert_eq!(judge(None, moved(None), Known::Yes), Err(Ineligible::Unknown));
    let left = moved(Some("2025-03-30"));
    assert_eq!(judge(Some("1960-04-01"), left, Known::Yes), Err(Ineligible::NotResident));
    assert_eq!(judge(Some("1960-04-01"), None, Known::Yes), Err(Ineligible::Unknown));
    let last = moved(Some("2025-03-31"));
    assert_eq!(judge(Some("1960-04-01"), last, Known::No), Err(Ineligible::NotEnrolled));
    // What was attested for another day, or another age, is not known.
    let attributes = Attributes { birth: Some(born("1950-01-01")), residence: moved(None) };
    let attested = all.attest(&attributes, Known::Yes, today.day_before());
    assert_eq!(all.admits(Some(&attested), today), Err(Ineligible::Unknown));
    assert_eq!(all.admits(None, today), Err(Ineligible::Unknown));
}

#[test]
fn the_day_of_the_age_is_the_programmes() {
    let rule = |by| AgeRule { years: 65, by };
    let granted = day("2026-02-10");
    assert_eq!(rule(AgeDay::Grant).day(granted), granted);
    assert_eq!(rule(AgeDay::FiscalYearBegin).day(granted), day("2025-04-01"));
    assert_eq!(rule(AgeDay::FiscalYearEnd).day(granted), day("2026-03-31"));
    assert_eq!(rule(AgeDay::On(day("2025-09-15"))).day(granted), day("2025-09-15"));
}
