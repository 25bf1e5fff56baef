//! Programmes with demands and rules, doubles of one person, and grant codes.

use super::{BEGIN, Ladder, word};
use crate::{
    command::*,
    date::Month,
    eligibility::{AgeAttested, AgeDay, AgeRule, Attested, Demand, Eligibility, Known},
    id::*,
    ledger::tests::desk::*,
    programme::{GrantRule, Measure, StepBand},
};

fn give(
    desk: &mut Desk,
    account: AccountId,
    points: u32,
    (attested, measure): (Option<Attested>, Option<Measure>),
) -> Result<crate::entry::Entry, crate::refusal::Refusal> {
    let activity = word(&alloc::format!("{points} {measure:?}"));
    let private =
        GrantPrivate { attested, measure, ..GrantPrivate::plain(account, activity, OFFICER) };
    desk.submit(Command::Grant(GrantShared { programme: PROGRAMME, points: p(points) }, private))
}

pub(super) fn by_rule() -> Ladder {
    let mut ladder = Ladder::default();
    let mut desk = Desk::new("102016", BEGIN);
    let (resident, double) = (desk.resident(), desk.resident());
    let years = 65;
    let age = Some(AgeRule { years, by: AgeDay::Grant });
    let demands = Eligibility { age, residence: Demand::Asked, enrolment: Demand::Asked };
    desk.programme(|programme| {
        programme.eligibility = Some(demands);
        programme.rule =
            Some(GrantRule::Exchange { unit: 10, points: p(1), minimum: 100, month: Some(3) });
        programme.cap = Some(p(2_000));
    });
    let attested = |reached, resident, enrolled| {
        let age = Some(AgeAttested { years, on: day(BEGIN), reached });
        Some(Attested { age, resident, enrolled })
    };
    ladder.step(give(&mut desk, resident, 9, (None, None)));
    let young = attested(Known::No, Known::No, Known::No);
    ladder.step(give(&mut desk, resident, 9, (young, None)));
    let away = attested(Known::Yes, Known::No, Known::No);
    ladder.step(give(&mut desk, resident, 9, (away, None)));
    let unlisted = attested(Known::Yes, Known::Yes, Known::No);
    ladder.step(give(&mut desk, resident, 9, (unlisted, None)));
    let all = attested(Known::Yes, Known::Yes, Known::Yes);
    ladder.step(give(&mut desk, resident, 9, (all, Some(Measure::Lump))));
    ladder.step(give(&mut desk, resident, 9, (all, Some(Measure::Exchange(100)))));
    desk.programme(|programme| {
        programme.eligibility = Some(demands);
        programme.rule =
            Some(GrantRule::Exchange { unit: 10, points: p(1), minimum: 100, month: Some(11) });
        programme.cap = Some(p(2_000));
    });
    ladder.step(give(&mut desk, resident, 9, (all, Some(Measure::Exchange(100)))));
    desk.programme(|programme| {
        let table = alloc::vec![StepBand { steps: 8_000, points: p(10) }];
        programme.rule = Some(GrantRule::Steps { table, monthly_cap: Some(p(15)) });
        programme.cap = Some(p(2_000));
    });
    let steps = |month| Some(Measure::Steps { row: 8_000, month: Month(month) });
    give(&mut desk, resident, 10, (None, steps(1))).unwrap();
    let other_day = |desk: &mut Desk, points: u32, name| {
        let measure = steps(1);
        let plain = GrantPrivate::plain(resident, word(name), OFFICER);
        let shared = GrantShared { programme: PROGRAMME, points: p(points) };
        desk.submit(Command::Grant(shared, GrantPrivate { measure, ..plain }))
    };
    ladder.step(other_day(&mut desk, 10, "second day"));
    other_day(&mut desk, 5, "second day").unwrap();
    ladder.step(other_day(&mut desk, 5, "third day"));
    let found = PersonMatch { account: double, other: resident };
    desk.submit(Command::NoteMatch(Nothing {}, found)).unwrap();
    ladder.step(give(&mut desk, double, 10, (None, steps(2))));
    ladder
}

pub(super) fn double() -> Ladder {
    let mut ladder = Ladder::default();
    let mut desk = Desk::new("102016", BEGIN);
    let (account, first) = (desk.resident(), desk.resident());
    let note = |desk: &mut Desk, account, other| {
        desk.submit(Command::NoteMatch(Nothing {}, PersonMatch { account, other }))
    };
    ladder.step(note(&mut desk, account, AccountId([9; 16])));
    ladder.step(note(&mut desk, account, account));
    note(&mut desk, account, first).unwrap();
    ladder.step(note(&mut desk, first, account));
    let join = |desk: &mut Desk| {
        let join = PersonJoin { account, first, officer: OFFICER };
        desk.submit(Command::JoinPerson(Nothing {}, join))
    };
    join(&mut desk).unwrap();
    ladder.step(join(&mut desk));
    let part = |desk: &mut Desk, account, other| {
        let part = PersonPart { account, other, officer: OFFICER };
        desk.submit(Command::PartPersons(Nothing {}, part))
    };
    ladder.step(part(&mut desk, first, account));
    part(&mut desk, account, first).unwrap();
    ladder.step(part(&mut desk, account, first));
    ladder
}

fn coded(points: u32, uses_max: u32) -> GrantCode {
    let (id, programme) = (CodeId([3; 16]), PROGRAMME);
    GrantCode { id, programme, points: p(points), last_day: day(BEGIN), uses_max }
}

pub(super) fn grant_code() -> Ladder {
    let mut ladder = Ladder::default();
    let mut desk = Desk::new("102016", BEGIN);
    let set = |desk: &mut Desk, code| desk.keyed(None, Command::SetGrantCode(code, by_officer()));
    let unknown = |points| GrantCode { programme: ProgrammeId(9), ..coded(points, 1) };
    ladder.step(set(&mut desk, unknown(0)));
    ladder.step(set(&mut desk, unknown(10_001)));
    ladder.step(set(&mut desk, coded(10_001, 1)));
    desk.programme(|programme| programme.rule = Some(GrantRule::Code));
    ladder.step(set(&mut desk, coded(10_001, 1)));
    ladder.step(set(&mut desk, coded(10, 0)));
    let over = GrantCode { last_day: day("2026-11-23"), ..coded(10, 1) };
    ladder.step(set(&mut desk, over));
    ladder
}

pub(super) fn code() -> Ladder {
    let mut ladder = Ladder::default();
    let mut desk = Desk::new("102016", BEGIN);
    let (resident, other) = (desk.resident(), desk.resident());
    desk.programme(|programme| programme.rule = Some(GrantRule::Code));
    let show = |desk: &mut Desk, account| {
        let shared = CodeShared { code: CodeId([3; 16]) };
        desk.submit(Command::GrantByCode(shared, CodePrivate { account, attested: None }))
    };
    ladder.step(show(&mut desk, resident));
    let set = |desk: &mut Desk, code: GrantCode| {
        desk.fact(Command::SetGrantCode(code, by_officer()));
    };
    set(&mut desk, coded(10, 1));
    show(&mut desk, resident).unwrap();
    set(&mut desk, GrantCode { last_day: day("2026-11-23"), ..coded(10, 1) });
    ladder.step(show(&mut desk, resident));
    set(&mut desk, coded(10, 1));
    ladder.step(show(&mut desk, resident));
    ladder.step(show(&mut desk, other));
    set(&mut desk, coded(10, 2));
    desk.programme(|programme| {
        let residence = Demand::Asked;
        programme.eligibility = Some(Eligibility { residence, ..Eligibility::default() });
        programme.rule = Some(GrantRule::Code);
    });
    ladder.step(show(&mut desk, other));
    ladder
}
