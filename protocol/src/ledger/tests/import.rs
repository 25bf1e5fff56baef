//! Moving in: declared by two officers, taken line by line, accepted whole or not at all.

use alloc::{vec, vec::Vec};

use super::{desk::*, pair::word};
use crate::{
    account::{Account, HolderState},
    command::*,
    digest::Digest,
    entry::Entry,
    id::*,
    key::{JobKind, OperationKey},
    ledger::ImportStage,
    lot::*,
    refusal::Refusal,
};

pub(crate) const BEGIN: &str = "2026-11-24";

/// A line that gives administrative points.
pub(crate) fn line(account: AccountId, points: u32, expires: &str) -> ImportLine {
    let terms = LotTerms {
        origin: Origin::Here(Birth::Administrative(PROGRAMME)),
        issuer: Issuer::Town,
        paid: Paid::No,
        earned: day("2025-06-01"),
        expires: day(expires),
        grace: Grace::May,
    };
    ImportLine { account, lot: Lot { terms, points: p(points) } }
}

pub(crate) fn opening(import: ImportId, lines: &[ImportLine]) -> ImportOpening {
    let mut content = Content::default();
    lines.iter().for_each(|line| content.add(line));
    let points = lines.iter().map(|line| line.lot.points);
    ImportOpening {
        import,
        content: content.digest(),
        count: u32::try_from(lines.len()).unwrap(),
        points: crate::points::Points::sum(points).unwrap(),
    }
}

impl Desk {
    /// One officer declares, another one approves.
    pub(crate) fn declare(&mut self, opening: ImportOpening) -> Result<Entry, Refusal> {
        let key = self.key();
        let command = Command::OpenImport(opening, by_officer());
        let proposed = Command::Propose(Nothing {}, Proposed::of(&command, OFFICER));
        self.keyed(Some(OperationKey::Client(key)), proposed)?;
        let proposal = ProposalId(*key.bytes());
        let (verdict, approver) = (Verdict::Approve, OfficerId(8));
        let decision = ProposalDecision { proposal, verdict, approver };
        self.submit(Command::DecideProposal(Nothing {}, decision))
    }

    pub(crate) fn import_lines(
        &mut self,
        import: ImportId,
        from: u32,
        lines: &[ImportLine],
    ) -> Result<Entry, Refusal> {
        let lines = ImportLines { lines: lines.to_vec() };
        let key = OperationKey::Line { file: word("file"), line: from };
        let command = Command::ImportLines(ImportSlice { import, from }, lines);
        self.keyed(Some(key), command)
    }

    pub(crate) fn end_import(
        &mut self,
        import: ImportId,
        end: ImportEnd,
    ) -> Result<Entry, Refusal> {
        let closing = ImportClosing { import, end };
        self.submit(Command::CloseImport(closing, by_officer()))
    }

    fn run_take_over(&mut self) -> usize {
        let mut made = 0;
        loop {
            let due = self.ledger.due_jobs();
            let job = due.into_iter().find(|(kind, _)| *kind == JobKind::TakeOver);
            let Some((kind, command)) = job else { return made };
            let date = self.ledger.day();
            self.keyed(Some(OperationKey::Job { kind, date }), command).unwrap();
            made += 1;
        }
    }
}

const FIRST: ImportId = ImportId([1; 16]);
const SECOND: ImportId = ImportId([2; 16]);

#[test]
fn nothing_is_held_before_the_totals_fit_and_all_of_it_after() {
    let mut desk = Desk::new("102016", BEGIN);
    let (a, b) = (desk.resident(), desk.resident());
    let lines =
        [line(a, 300, "2027-03-31"), line(a, 200, "2026-12-31"), line(b, 700, "2027-03-31")];
    desk.declare(opening(FIRST, &lines)).unwrap();
    desk.import_lines(FIRST, 0, &lines[..2]).unwrap();
    assert_eq!((desk.spendable(&a), desk.run_take_over()), (0, 0));
    let short = desk.end_import(FIRST, ImportEnd::Commit).unwrap_err();
    assert_eq!(short, Refusal::ImportTotals { count: 2, points: p(500) });
    desk.import_lines(FIRST, 2, &lines[2..]).unwrap();
    desk.end_import(FIRST, ImportEnd::Commit).unwrap();
    assert_eq!(desk.run_take_over(), 1);
    assert_eq!((desk.spendable(&a), desk.spendable(&b)), (500, 700));
    assert_eq!(desk.book(Account::Opening(FIRST)), 1_200);
    assert_eq!(desk.ledger.import(&FIRST).unwrap().stage, ImportStage::Committed);
    desk.replays();
}

#[test]
fn the_same_balances_again_move_nothing_whatever_their_order() {
    let mut desk = Desk::new("102016", BEGIN);
    let account = desk.resident();
    let mut lines = vec![line(account, 300, "2027-03-31"), line(account, 200, "2026-12-31")];
    let declared = desk.declare(opening(FIRST, &lines)).unwrap();
    desk.import_lines(FIRST, 0, &lines).unwrap();
    desk.end_import(FIRST, ImportEnd::Commit).unwrap();
    desk.run_take_over();
    lines.reverse();
    let again = desk.declare(opening(SECOND, &lines)).unwrap_err();
    assert_eq!(again, Refusal::AlreadyImported { first: declared.index });
    let late = desk.import_lines(FIRST, 2, &lines).unwrap_err();
    assert_eq!(late, Refusal::ImportClosed);
    assert_eq!(desk.spendable(&account), 500);
    desk.replays();
}

#[test]
fn other_lines_than_the_declared_ones_are_never_accepted() {
    let mut desk = Desk::new("102016", BEGIN);
    let account = desk.resident();
    let declared = [line(account, 300, "2027-03-31"), line(account, 200, "2026-12-31")];
    // Count and sum are right, and still these are not the lines that two officers saw.
    let other = [line(account, 250, "2027-03-31"), line(account, 250, "2026-12-31")];
    desk.declare(opening(FIRST, &declared)).unwrap();
    desk.import_lines(FIRST, 0, &other).unwrap();
    let refused = desk.end_import(FIRST, ImportEnd::Commit).unwrap_err();
    assert_eq!(refused, Refusal::ImportTotals { count: 2, points: p(500) });
    desk.end_import(FIRST, ImportEnd::Cancel).unwrap();
    assert_eq!((desk.run_take_over(), desk.spendable(&account)), (0, 0));
    // What was given up can be taken after all.
    desk.declare(opening(SECOND, &declared)).unwrap();
    desk.import_lines(SECOND, 0, &declared).unwrap();
    desk.end_import(SECOND, ImportEnd::Commit).unwrap();
    desk.run_take_over();
    assert_eq!(desk.spendable(&account), 500);
    desk.replays();
}

#[test]
fn lines_that_were_sent_before_are_not_taken_twice() {
    let mut desk = Desk::new("102016", BEGIN);
    let account = desk.resident();
    let lines = [line(account, 300, "2027-03-31"), line(account, 200, "2026-12-31")];
    desk.declare(opening(FIRST, &lines)).unwrap();
    desk.import_lines(FIRST, 0, &lines[..1]).unwrap();
    let entries = desk.journal.len();
    let again = desk.import_lines(FIRST, 0, &lines[..1]).unwrap_err();
    assert_eq!((again, desk.journal.len()), (Refusal::ImportPlace { next: 1 }, entries));
    let ahead = desk.import_lines(FIRST, 2, &lines[1..]).unwrap_err();
    assert_eq!(ahead, Refusal::ImportPlace { next: 1 });
}

#[test]
fn points_that_lapse_while_an_import_waits_have_their_grace() {
    let mut desk = Desk::new("102016", "2026-12-31");
    let account = desk.resident();
    let lines = [line(account, 300, "2026-12-31")];
    desk.declare(opening(FIRST, &lines)).unwrap();
    desk.import_lines(FIRST, 0, &lines).unwrap();
    desk.on("2027-01-05");
    desk.end_import(FIRST, ImportEnd::Commit).unwrap();
    desk.run_take_over();
    let lots = desk.ledger.holder(&account).unwrap().lots.clone();
    assert_eq!(lots.first_expiry(), Some(day("2027-01-19")));
    desk.replays();
}

#[test]
fn a_large_import_becomes_lots_in_slices() {
    let mut desk = Desk::new("102016", BEGIN);
    let accounts: Vec<AccountId> = (0..300).map(|_| desk.resident()).collect();
    let lines: Vec<ImportLine> =
        accounts.iter().map(|account| line(*account, 10, "2027-03-31")).collect();
    desk.declare(opening(FIRST, &lines)).unwrap();
    for (number, slice) in lines.chunks(150).enumerate() {
        let from = u32::try_from(number * 150).unwrap();
        desk.import_lines(FIRST, from, slice).unwrap();
    }
    desk.end_import(FIRST, ImportEnd::Commit).unwrap();
    assert_eq!(desk.run_take_over(), 3, "120 lots an entry");
    assert!(accounts.iter().all(|account| desk.spendable(account) == 10));
    let largest = desk.journal.iter().map(Vec::len).max().unwrap();
    assert!(largest < crate::entry::ENTRY_BYTES_MAX, "{largest} bytes");
    desk.replays();
}

#[test]
fn only_two_officers_open_an_import() {
    let mut desk = Desk::new("102016", BEGIN);
    let lines = [line(desk.resident(), 300, "2027-03-31")];
    let alone = Command::OpenImport(opening(FIRST, &lines), by_officer());
    let refused = desk.submit(alone).unwrap_err();
    assert!(matches!(refused, Refusal::SecondOfficerNeeded { .. }));
    let account = desk.resident();
    let actor = Actor::Officer(OFFICER);
    let change = AccountStateChange { account, state: HolderState::Deceased, actor };
    desk.submit(Command::SetAccountState(Nothing {}, change)).unwrap();
    let lines = [line(account, 300, "2027-03-31")];
    desk.declare(opening(FIRST, &lines)).unwrap();
    let dead = desk.import_lines(FIRST, 0, &lines).unwrap_err();
    assert_eq!(dead, Refusal::AccountDeceased);
}

#[test]
fn the_content_of_a_file_does_not_depend_on_its_order_but_on_every_line() {
    let account = AccountId([3; 16]);
    let (one, other) = (line(account, 1, "2027-03-31"), line(account, 2, "2027-03-31"));
    let of = |lines: &[ImportLine]| -> Digest { opening(FIRST, lines).content };
    assert_eq!(of(&[one, other]), of(&[other, one]));
    assert_ne!(of(&[one, one]), of(&[one]));
    assert_ne!(of(&[one, one]), of(&[other, other]));
}
