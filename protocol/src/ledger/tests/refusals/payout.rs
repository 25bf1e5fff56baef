//! What an officer who pays the shops is refused for.

use super::Ladder;
use crate::{
    command::*,
    id::{MerchantId, RunId},
    ledger::tests::{
        desk::*,
        payout::{SECOND, terms, town},
    },
    payout::{ReturnReason, RunState},
};

/// A run: its closing and its steps.
pub(super) fn runs() -> Ladder {
    let mut ladder = Ladder::default();
    let mut desk = Desk::new("102016", "2026-11-24");
    let close = |desk: &mut Desk, last: &str| {
        desk.submit(Command::CloseRun(RunClosing { last: day(last) }, by_officer()))
    };
    ladder.step(close(&mut desk, "2026-11-29"));
    let resident = desk.resident();
    desk.grant(resident, 1_000, "a").unwrap();
    desk.pay(resident, 400).unwrap();
    ladder.step(close(&mut desk, "2026-11-29"));
    ladder.step(close(&mut desk, "2026-11-30"));
    desk.on("2026-12-01");
    ladder.step(close(&mut desk, "2026-11-30"));
    let table = crate::ledger::tests::payout::holidays();
    desk.fact(Command::SetHolidays(table, by_officer()));
    close(&mut desk, "2026-11-30").unwrap();
    ladder.step(close(&mut desk, "2026-11-30"));
    ladder.step(desk.mark(RunId(9), RunStep::Paid, OFFICER));
    let run = RunId(1);
    assert_eq!(desk.ledger.run(&run).unwrap().state(), RunState::Closed);
    let future = RunMark { run, step: RunStep::Paid, on: day("2026-12-02") };
    ladder.step(desk.submit(Command::MarkRun(future, by_officer())));
    ladder.step(desk.mark(run, RunStep::Paid, OFFICER));
    ladder.step(desk.mark(run, RunStep::Checked, OFFICER));
    desk.mark(run, RunStep::Checked, SECOND).unwrap();
    ladder.step(desk.submit(Command::SliceRun(RunSlice { run }, Nothing {})));
    ladder
}

/// A statement of a run, and what an officer enters of the terms.
pub(super) fn statements() -> Ladder {
    let mut ladder = Ladder::default();
    let mut desk = town("2026-11-24", &[31], 0);
    let resident = desk.resident();
    desk.grant(resident, 1_000, "a").unwrap();
    desk.pay(resident, 400).unwrap();
    desk.on("2026-12-01");
    let back = |desk: &mut Desk, run, merchant| {
        let on = desk.ledger.day();
        let reason = ReturnReason::Other;
        let returned = TransferReturned { run, merchant, on, reason, next_run: false };
        desk.submit(Command::ReturnTransfer(returned, by_officer()))
    };
    ladder.step(back(&mut desk, RunId(1), MerchantId(9)));
    let run = desk.close_run("2026-11-30").unwrap();
    ladder.step(back(&mut desk, run, MerchantId(9)));
    ladder.step(back(&mut desk, run, SHOP));
    let again = TransferAgain { run, merchant: SHOP, on: day("2026-12-01") };
    ladder.step(desk.submit(Command::RepeatTransfer(again, by_officer())));
    let wild = Command::SetPayoutTerms(terms(&[31], 61, 0), by_officer());
    ladder.step(desk.submit(wild));
    ladder
}
