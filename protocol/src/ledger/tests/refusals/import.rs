//! The ladder of moving in.

use super::*;
use crate::ledger::tests::import::{line, opening};

pub(super) fn import() -> Ladder {
    let mut ladder = Ladder::default();
    let mut desk = Desk::new("102016", BEGIN);
    let account = desk.resident();
    let (first, second) = (ImportId([1; 16]), ImportId([2; 16]));
    let lines = [line(account, 300, "2027-03-31"), line(account, 200, "2027-01-31")];
    let old = [line(account, 300, "2026-11-23")];
    ladder.step(desk.declare(opening(first, &[])));
    ladder.step(desk.import_lines(first, 0, &lines));
    desk.declare(opening(first, &lines)).unwrap();
    ladder.step(desk.declare(opening(second, &old)));
    ladder.step(desk.declare(opening(second, &lines)));
    ladder.step(desk.import_lines(first, 1, &lines));
    let more = [line(account, 501, "2027-03-31")];
    ladder.step(desk.import_lines(first, 0, &more));
    ladder.step(desk.import_lines(first, 0, &old));
    ladder.step(desk.end_import(first, ImportEnd::Commit));
    desk.end_import(first, ImportEnd::Cancel).unwrap();
    ladder.step(desk.end_import(first, ImportEnd::Commit));
    ladder
}
