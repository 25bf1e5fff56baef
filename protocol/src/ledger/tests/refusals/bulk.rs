//! What files, claim slips and group applications are refused for.

use super::{
    super::{bulk::*, desk::*},
    BEGIN, Ladder,
};
use crate::{command::*, digest::Digest, id::*};

pub(super) fn open_bulk() -> Ladder {
    let mut ladder = Ladder::default();
    let mut desk = Desk::new("102016", BEGIN);
    let until = day("2031-01-01");
    let slips = BulkMode::Slips { until };
    let mut open = opening(1, 0, 0, slips);
    open.programme = ProgrammeId(9);
    ladder.step(desk.open_bulk(open.clone()));
    desk.open_bulk(opening(1, 1, 1, BulkMode::PerLine)).unwrap();
    open.programme = PROGRAMME;
    ladder.step(desk.open_bulk(open.clone()));
    open.bulk = BulkId([2; 16]);
    open.file = Digest([2; 32]);
    ladder.step(desk.open_bulk(open.clone()));
    (open.count, open.points) = (1, p(9_000));
    desk.programme(|programme| {
        (programme.ceiling, programme.until) = (p(8_000), day("2026-11-23"));
    });
    ladder.step(desk.open_bulk(open.clone()));
    desk.programme(|programme| programme.ceiling = p(8_000));
    ladder.step(desk.open_bulk(open.clone()));
    open.mode = BulkMode::Slips { until: day("2027-01-01") };
    ladder.step(desk.open_bulk(open.clone()));
    desk.programme(|programme| programme.two_officers_above = p(100));
    ladder.step(desk.open_bulk(open));
    ladder
}

pub(super) fn bulk_lines() -> Ladder {
    let mut ladder = Ladder::default();
    let mut desk = Desk::new("102016", BEGIN);
    let resident = desk.resident();
    let mode = BulkMode::Slips { until: day("2027-01-01") };
    let many = [(resident, 0, "a"); 101];
    let send = |desk: &mut Desk, n, before, lines: &[_], wrong: bool| {
        let mut command = lines_command(n, before, lines);
        if wrong && let Command::AddBulkLines(slice, _) = &mut command {
            slice.points = p(77);
        }
        desk.submit(command)
    };
    ladder.step(send(&mut desk, 1, 7, &many, true));
    desk.open_bulk(opening(1, 2, 10, BulkMode::Atomic)).unwrap();
    desk.close_bulk(1, BulkEnd::Cancel).unwrap();
    ladder.step(send(&mut desk, 1, 7, &many, true));
    desk.open_bulk(opening(2, 2, 10, mode)).unwrap();
    ladder.step(send(&mut desk, 2, 7, &many, true));
    ladder.step(send(&mut desk, 2, 0, &many, true));
    ladder.step(send(&mut desk, 2, 0, &many, false));
    ladder.step(send(&mut desk, 2, 0, &many[..3], false));
    ladder.step(send(&mut desk, 2, 0, &many[..2], false));
    desk.open_bulk(opening(3, 2, 10, BulkMode::Atomic)).unwrap();
    ladder.step(send(&mut desk, 3, 0, &many[..2], false));
    ladder.step(desk.close_bulk(9, BulkEnd::Commit));
    ladder.step(desk.close_bulk(1, BulkEnd::Commit));
    ladder.step(desk.close_bulk(3, BulkEnd::Commit));
    let sweep = BulkSweep { bulk: bulk_id(3), account: None };
    let turn = DayTurn { date: desk.ledger.day() };
    ladder.step(desk.keyed(None, Command::SweepBulk(turn, sweep)));
    ladder
}

pub(super) fn slip() -> Ladder {
    let mut ladder = Ladder::default();
    let mut desk = Desk::new("102016", BEGIN);
    let nobody = AccountId([9; 16]);
    let resident = desk.resident();
    let until = day("2027-01-01");
    ladder.step(desk.claim(nobody, code("none")));
    desk.open_bulk(opening(1, 3, 30, BulkMode::Slips { until })).unwrap();
    desk.submit(slips_command(1, 0, &[(1, 10), (2, 10), (3, 10)])).unwrap();
    ladder.step(desk.submit(slips_command(1, 0, &[(1, 10)])));
    ladder.step(desk.claim(nobody, Digest([1; 32])));
    desk.close_bulk(1, BulkEnd::Commit).unwrap();
    let reissue = |desk: &mut Desk, slip, name| {
        let reissue = SlipReissue { slip, code: code(name), officer: OFFICER };
        desk.submit(Command::ReissueSlip(Nothing {}, reissue))
    };
    ladder.step(reissue(&mut desk, slip_id(9), "new"));
    reissue(&mut desk, slip_id(1), "new").unwrap();
    ladder.step(reissue(&mut desk, slip_id(2), "new"));
    ladder.step(desk.claim(nobody, Digest([1; 32])));
    ladder.step(desk.claim(nobody, code("new")));
    desk.claim(resident, code("new")).unwrap();
    ladder.step(desk.claim(nobody, code("new")));
    ladder.step(reissue(&mut desk, slip_id(1), "newer"));
    desk.on("2027-01-02");
    ladder.step(desk.claim(nobody, Digest([2; 32])));
    desk.jobs();
    ladder.step(desk.claim(nobody, Digest([2; 32])));
    ladder
}

pub(super) fn group_application() -> Ladder {
    let mut ladder = Ladder::default();
    let mut desk = Desk::new("102016", BEGIN);
    let (first, second) = (desk.resident(), desk.resident());
    let nobody = AccountId([9; 16]);
    let persons = [(first, "会長"), (second, LEADER), (nobody, MEMBER)];
    let (mut shared, mut private) = group(&persons, 1, Some(OFFICER));
    shared.programme = ProgrammeId(9);
    let send = |desk: &mut Desk, shared: &GroupShared, private: &GroupPrivate| {
        desk.submit(Command::GrantGroup(shared.clone(), private.clone()))
    };
    ladder.step(send(&mut desk, &shared, &private));
    shared.programme = PROGRAMME;
    ladder.step(send(&mut desk, &shared, &private));
    private.checker = None;
    ladder.step(send(&mut desk, &shared, &private));
    desk.activity_rule(|_| {});
    ladder.step(send(&mut desk, &shared, &private));
    private.persons[0].role = SUB_LEADER.parse().ok();
    ladder.step(send(&mut desk, &shared, &private));
    shared.points = p(1_200);
    desk.activity_rule(|programme| {
        (programme.ceiling, programme.two_officers_above) = (p(100), p(1_000));
    });
    ladder.step(send(&mut desk, &shared, &private));
    private.checker = Some(OTHER_OFFICER);
    ladder.step(send(&mut desk, &shared, &private));
    private.persons[2].account = desk.resident();
    ladder.step(send(&mut desk, &shared, &private));
    desk.activity_rule(|_| {});
    send(&mut desk, &shared, &private).unwrap();
    ladder.step(send(&mut desk, &shared, &private));
    ladder
}
