//! Programmes with demands and rules, in worked figures; doubles of one person; grant codes.

use alloc::{vec, vec::Vec};

use super::desk::*;
use crate::{
    account::Account,
    command::*,
    date::BusinessDate,
    digest::Digest,
    eligibility::*,
    entry::Entry,
    id::*,
    ledger::Ledger,
    programme::{ExpiryRule, GrantRule, Measure, RoleRate, StepBand},
    refusal::Refusal,
};

/// A grant by the rule, for one who meets the programme's demands.
fn measured(
    desk: &mut Desk,
    account: AccountId,
    measure: Measure,
    activity: &str,
) -> Result<Entry, Refusal> {
    let programme = desk.ledger.programmes().next().unwrap().clone();
    let today = desk.ledger.day();
    let points = desk.ledger.points_by_rule(&programme, today, &account, &measure)?;
    let shared = GrantShared { programme: programme.id, points };
    let plain = GrantPrivate::plain(account, Digest::of(&[activity.as_bytes()]), OFFICER);
    desk.submit(Command::Grant(shared, GrantPrivate { measure: Some(measure), ..plain }))
}

fn role(name: &str) -> Measure {
    Measure::Activity { role: Some(name.parse().unwrap()) }
}

fn sagamihara() -> Desk {
    let mut desk = Desk::new("141500", "2026-05-01");
    desk.programme(|programme| {
        let rate = |role: &str, times| RoleRate { role: role.parse().unwrap(), times };
        let roles = vec![rate("サブリーダー", 2), rate("リーダー", 3)];
        programme.rule = Some(GrantRule::Activity { each: p(200), roles });
    });
    desk
}

#[test]
fn an_activity_gives_200_a_sub_leader_400_a_leader_600() {
    let mut desk = sagamihara();
    let [member, sub, leader] = [desk.resident(), desk.resident(), desk.resident()];
    measured(&mut desk, member, Measure::Activity { role: None }, "清掃 2026-04-29").unwrap();
    measured(&mut desk, sub, role("サブリーダー"), "清掃 2026-04-29").unwrap();
    measured(&mut desk, leader, role("リーダー"), "清掃 2026-04-29").unwrap();
    assert_eq!([member, sub, leader].map(|it| desk.spendable(&it)), [200, 400, 600]);
    assert_eq!(measured(&mut desk, sub, role("会長"), "夏祭り"), Err(Refusal::WrongRule));
    let again = measured(&mut desk, leader, Measure::Activity { role: None }, "清掃 2026-04-29");
    assert!(matches!(again, Err(Refusal::AlreadyGranted { .. })));
    // Who enters another amount is told the right one.
    assert_eq!(desk.grant(member, 600, "夏祭り"), Err(Refusal::WrongRule));
    desk.replays();
}

#[test]
fn yen_and_points_of_another_scheme_are_rounded_down_to_whole_units() {
    let per_yen = GrantRule::PerYen { yen: 100, points: p(1) };
    for (yen, points) in [(99, 0), (100, 1), (1_999, 19)] {
        assert_eq!(per_yen.points(&Measure::Yen(yen)), Some(p(points)));
    }
    let exchange = GrantRule::Exchange { unit: 500, points: p(400), minimum: 1_000, month: None };
    for (amount, points) in [(999, 0), (1_000, 800), (1_499, 800), (1_500, 1_200)] {
        assert_eq!(exchange.points(&Measure::Exchange(amount)), Some(p(points)));
    }
    assert_eq!(per_yen.points(&Measure::Lump), None);
    assert_eq!(GrantRule::Lump(p(1_000)).points(&Measure::Lump), Some(p(1_000)));
}

fn steps(desk: &Desk, steps: u32, on: &str) -> Option<Measure> {
    let rule = desk.ledger.programmes().next()?.rule.clone()?;
    let month = day(on).month();
    rule.row(steps).map(|row| Measure::Steps { row: row.steps, month })
}

#[test]
fn steps_give_points_by_the_table_up_to_the_cap_of_their_month() {
    let mut desk = Desk::new("141500", "2026-05-01");
    desk.programme(|programme| {
        let row = |steps, points| StepBand { steps, points: p(points) };
        let table = vec![row(4_000, 5), row(6_000, 8), row(8_000, 10)];
        programme.rule = Some(GrantRule::Steps { table, monthly_cap: Some(p(25)) });
    });
    let resident = desk.resident();
    let mut walked = Vec::new();
    for (on, count) in [
        ("2026-04-01", 3_999),
        ("2026-04-02", 4_000),
        ("2026-04-03", 7_999),
        ("2026-04-04", 12_000),
        ("2026-04-05", 12_000),
        ("2026-04-06", 12_000),
        ("2026-05-01", 12_000),
    ] {
        let before = desk.spendable(&resident);
        if let Some(measure) = steps(&desk, count, on) {
            let _ = measured(&mut desk, resident, measure, on);
        }
        walked.push(desk.spendable(&resident) - before);
    }
    // 5 + 8 + 10 are 23; the fourth day gives the 2 that are left of 25, the fifth nothing.
    assert_eq!(walked, [0, 5, 8, 10, 2, 0, 10]);
    let april = steps(&desk, 12_000, "2026-04-07").unwrap();
    assert_eq!(measured(&mut desk, resident, april, "2026-04-07"), Err(Refusal::OverMonth));
    let again = steps(&desk, 12_000, "2026-05-01").unwrap();
    let again = measured(&mut desk, resident, again, "2026-05-01");
    assert!(matches!(again, Err(Refusal::AlreadyGranted { .. })));
    desk.replays();
}

/// The Tsu outing scheme: 65 years on the day of the grant, a resident, 2,000 a fiscal year.
fn tsu(on: &str) -> Desk {
    let mut desk = Desk::new("242012", on);
    desk.programme(|programme| {
        let age = Some(AgeRule { years: 65, by: AgeDay::Grant });
        let residence = Demand::Asked;
        programme.from = day("2025-01-01");
        programme.eligibility = Some(Eligibility { age, residence, enrolment: Demand::NotAsked });
        programme.cap = Some(p(2_000));
    });
    desk
}

fn outing(
    desk: &mut Desk,
    account: AccountId,
    birth: &str,
    (points, what): (u32, &str),
) -> Result<Entry, Refusal> {
    let programme = desk.ledger.programmes().next().unwrap().clone();
    let residence = Some(Residence { from: day("2000-01-01"), until: None });
    let attributes = Attributes { birth: Some(birth.parse().unwrap()), residence };
    let today = desk.ledger.day();
    let attested = programme.eligibility.unwrap().attest(&attributes, Known::Unknown, today);
    let shared = GrantShared { programme: programme.id, points: p(points) };
    let plain = GrantPrivate::plain(account, Digest::of(&[what.as_bytes()]), OFFICER);
    desk.submit(Command::Grant(shared, GrantPrivate { attested: Some(attested), ..plain }))
}

#[test]
fn who_was_born_on_1_april_1960_is_65_on_31_march_2025() {
    let mut desk = tsu("2025-03-30");
    let resident = desk.resident();
    let on = day("2025-03-30");
    let first = outing(&mut desk, resident, "1960-04-01", (500, "講座"));
    assert_eq!(first, Err(Refusal::TooYoung { on }));
    desk.on("2025-03-31");
    outing(&mut desk, resident, "1960-04-01", (500, "講座")).unwrap();
    let other = desk.resident();
    let on = day("2025-03-31");
    let later = outing(&mut desk, other, "1960-04-02", (500, "講座"));
    assert_eq!(later, Err(Refusal::TooYoung { on }));
    desk.replays();
}

#[test]
fn the_ceiling_of_2000_is_reached_by_several_grants_and_is_new_in_april() {
    let mut desk = tsu("2026-04-01");
    let resident = desk.resident();
    let grant = |desk: &mut Desk, points, what| {
        outing(desk, resident, "1950-01-01", (points, what)).map(|_| ())
    };
    grant(&mut desk, 1_000, "健診").unwrap();
    grant(&mut desk, 700, "講座").unwrap();
    assert_eq!(grant(&mut desk, 500, "サロン"), Err(Refusal::OverCap { left: p(300) }));
    grant(&mut desk, 300, "サロン").unwrap();
    assert_eq!(desk.ledger.granted_in_year(&resident, PROGRAMME), p(2_000));
    desk.on("2027-03-31");
    assert_eq!(grant(&mut desk, 1, "体操"), Err(Refusal::OverCap { left: p(0) }));
    desk.on("2027-04-01");
    grant(&mut desk, 1, "体操").unwrap();
    assert_eq!(desk.ledger.granted_in_year(&resident, PROGRAMME), p(1));
    desk.replays();
}

#[test]
fn a_second_id_of_the_same_person_gets_no_second_grant() {
    let mut desk = tsu("2026-04-01");
    let (first, second) = (desk.resident(), desk.resident());
    let birth = "1950-01-01";
    outing(&mut desk, first, birth, (1_500, "健診")).unwrap();
    let found = PersonMatch { account: second, other: first };
    desk.submit(Command::NoteMatch(Nothing {}, found)).unwrap();
    assert_eq!(desk.ledger.open_matches().count(), 1);
    // Until an officer has decided, neither account gets anything of the capped programme.
    assert_eq!(outing(&mut desk, second, birth, (500, "健診")), Err(Refusal::DoubleOpen));
    assert_eq!(outing(&mut desk, first, birth, (500, "講座")), Err(Refusal::DoubleOpen));
    let join = PersonJoin { account: second, first, officer: OFFICER };
    desk.submit(Command::JoinPerson(Nothing {}, join)).unwrap();
    assert_eq!(desk.ledger.open_matches().count(), 0);
    let again = outing(&mut desk, second, birth, (500, "健診"));
    assert!(matches!(again, Err(Refusal::AlreadyGranted { .. })));
    let more = outing(&mut desk, second, birth, (501, "講座"));
    assert_eq!(more, Err(Refusal::OverCap { left: p(500) }));
    outing(&mut desk, second, birth, (500, "講座")).unwrap();
    assert_eq!(outing(&mut desk, first, birth, (1, "体操")), Err(Refusal::OverCap { left: p(0) }));
    for account in [first, second] {
        assert_eq!(desk.ledger.granted_in_year(&account, PROGRAMME), p(2_000));
    }
    desk.replays();
}

#[test]
fn two_persons_whom_an_officer_told_apart_have_a_cap_each() {
    let mut desk = tsu("2026-04-01");
    let (first, second) = (desk.resident(), desk.resident());
    let birth = "1950-01-01";
    let found = PersonMatch { account: second, other: first };
    desk.submit(Command::NoteMatch(Nothing {}, found.clone())).unwrap();
    let part = PersonPart { account: second, other: first, officer: OFFICER };
    desk.submit(Command::PartPersons(Nothing {}, part)).unwrap();
    outing(&mut desk, first, birth, (2_000, "健診")).unwrap();
    outing(&mut desk, second, birth, (2_000, "健診")).unwrap();
    // The node finds them again, and asks nobody again.
    assert_eq!(desk.submit(Command::NoteMatch(Nothing {}, found)), Err(Refusal::Exists));
    desk.replays();
}

#[test]
fn a_third_account_joins_the_person_and_an_error_is_taken_back() {
    let mut desk = tsu("2026-04-01");
    let [a, b, c] = [desk.resident(), desk.resident(), desk.resident()];
    let join = |desk: &mut Desk, account, first| {
        let join = PersonJoin { account, first, officer: OFFICER };
        desk.submit(Command::JoinPerson(Nothing {}, join)).unwrap();
    };
    join(&mut desk, c, b);
    join(&mut desk, b, a);
    assert_eq!(desk.ledger.accounts_of_person(&c), [a, b, c]);
    outing(&mut desk, c, "1950-01-01", (2_000, "健診")).unwrap();
    let left = outing(&mut desk, a, "1950-01-01", (1, "講座"));
    assert_eq!(left, Err(Refusal::OverCap { left: p(0) }));
    let part = PersonPart { account: c, other: a, officer: OFFICER };
    desk.submit(Command::PartPersons(Nothing {}, part)).unwrap();
    assert_eq!(desk.ledger.accounts_of_person(&c), [c]);
    outing(&mut desk, a, "1950-01-01", (1, "講座")).unwrap();
    let restored = Ledger::from_snapshot(&desk.ledger.snapshot()).unwrap();
    assert_eq!(restored.accounts_of_person(&b), [a, b]);
    desk.replays();
}

#[test]
fn a_code_gives_once_a_person_and_no_oftener_than_the_code_says() {
    let mut desk = Desk::new("242012", "2026-05-01");
    desk.programme(|programme| {
        programme.rule = Some(GrantRule::Code);
        programme.ceiling = p(250);
    });
    let code = GrantCode {
        id: CodeId([3; 16]),
        programme: PROGRAMME,
        points: p(100),
        last_day: day("2026-05-05"),
        uses_max: 3,
    };
    desk.fact(Command::SetGrantCode(code.clone(), by_officer()));
    let show = |desk: &mut Desk, account| {
        let shared = CodeShared { code: code.id };
        desk.submit(Command::GrantByCode(shared, CodePrivate { account, attested: None }))
    };
    let [a, b, c, double] = [(); 4].map(|()| desk.resident());
    let join = PersonJoin { account: double, first: a, officer: OFFICER };
    desk.submit(Command::JoinPerson(Nothing {}, join)).unwrap();
    let first = show(&mut desk, a).unwrap().index;
    assert_eq!(show(&mut desk, a), Err(Refusal::CodeUsed { first }));
    assert_eq!(show(&mut desk, double), Err(Refusal::CodeUsed { first }));
    show(&mut desk, b).unwrap();
    // The budget holds before the maximum is reached.
    assert_eq!(show(&mut desk, c), Err(Refusal::BudgetExhausted { left: p(50) }));
    desk.programme(|programme| programme.rule = Some(GrantRule::Code));
    desk.on("2026-05-05");
    show(&mut desk, c).unwrap();
    let d = desk.resident();
    assert_eq!(show(&mut desk, d), Err(Refusal::CodeFull));
    desk.on("2026-05-06");
    assert_eq!(show(&mut desk, d), Err(Refusal::CodeOver { last: day("2026-05-05") }));
    assert_eq!(desk.book(Account::Programme(PROGRAMME)), 300);
    assert_eq!(desk.ledger.grant_code(&code.id).unwrap().uses, 3);
    desk.replays();
}

#[test]
fn the_last_day_of_points_is_by_the_programmes_rule() {
    for (rule, earned, last) in [
        (ExpiryRule::FiscalYearEnd(0), "2026-04-01", "2027-03-31"),
        (ExpiryRule::FiscalYearEnd(0), "2027-03-31", "2027-03-31"),
        (ExpiryRule::FiscalYearEnd(1), "2026-04-01", "2028-03-31"),
        (ExpiryRule::Months(6), "2026-08-31", "2027-02-28"),
        (ExpiryRule::Days(180), "2026-04-01", "2026-09-28"),
        (ExpiryRule::On(day("2026-12-31")), "2026-04-01", "2026-12-31"),
        (ExpiryRule::Never, "2026-04-01", "9999-12-31"),
    ] {
        assert_eq!(rule.last_day(day(earned)), day(last), "{rule:?} {earned}");
    }
    assert_eq!(ExpiryRule::Never.last_day(day("2026-04-01")), BusinessDate::LAST);
}
