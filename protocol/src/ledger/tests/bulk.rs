//! Files of grants, claim slips and group applications, figure by figure.

use alloc::{vec, vec::Vec};

use super::desk::*;
use crate::{
    account::{Account, HolderClass, HolderState},
    command::*,
    digest::Digest,
    entry::Entry,
    id::*,
    key::OperationKey,
    ledger::{BulkState, SlipState},
    points::Points,
    programme::{ExpiryRule, GrantRule, Programme, RoleRate},
    refusal::Refusal,
};

pub(super) const OTHER_OFFICER: OfficerId = OfficerId(8);
const BEGIN: &str = "2026-04-20";

pub(super) fn bulk_id(n: u8) -> BulkId {
    BulkId([n; 16])
}

fn activity(name: &str) -> Digest {
    Digest::of(&[name.as_bytes()])
}

pub(super) fn opening(n: u8, count: u32, points: u32, mode: BulkMode) -> BulkOpening {
    BulkOpening {
        bulk: bulk_id(n),
        file: Digest([n; 32]),
        programme: PROGRAMME,
        count,
        points: p(points),
        mode,
    }
}

pub(super) fn lines_command(n: u8, before: u32, lines: &[(AccountId, u32, &str)]) -> Command {
    let of = |(at, (account, points, name)): (u32, &(AccountId, u32, &str))| BulkLine {
        line: before + at + 2,
        account: *account,
        points: p(*points),
        activity: activity(name),
        attested: None,
        measure: None,
    };
    let count = u32::try_from(lines.len()).unwrap();
    let points = Points::sum(lines.iter().map(|(_, points, _)| p(*points))).unwrap();
    let slice = BulkSlice { bulk: bulk_id(n), before, count, points };
    let lines = (0..).zip(lines).map(of).collect();
    Command::AddBulkLines(slice, BulkLines { lines, maker: OFFICER })
}

pub(super) fn slip_id(n: u8) -> SlipId {
    SlipId([n; 16])
}

pub(super) fn code(text: &str) -> Digest {
    Digest::of(&[text.as_bytes()])
}

pub(super) fn slips_command(n: u8, before: u32, slips: &[(u8, u32)]) -> Command {
    let of = |(at, (slip, points)): (u32, &(u8, u32))| SlipLine {
        line: before + at + 2,
        slip: slip_id(*slip),
        code: Digest([*slip; 32]),
        points: p(*points),
        activity: activity("敬老の日"),
        measure: None,
    };
    let count = u32::try_from(slips.len()).unwrap();
    let points = Points::sum(slips.iter().map(|(_, points)| p(*points))).unwrap();
    let slice = BulkSlice { bulk: bulk_id(n), before, count, points };
    let lines = (0..).zip(slips).map(of).collect();
    Command::AddSlips(slice, SlipLines { lines, maker: OFFICER })
}

impl Desk {
    pub(super) fn open_bulk(&mut self, opening: BulkOpening) -> Result<Entry, Refusal> {
        self.submit(Command::OpenBulk(opening, by_officer()))
    }

    /// Under the key of the first line, as a node sends them.
    pub(super) fn bulk_lines(
        &mut self,
        n: u8,
        before: u32,
        lines: &[(AccountId, u32, &str)],
    ) -> Result<Entry, Refusal> {
        let key = OperationKey::Line { file: Digest([n; 32]), line: before + 2 };
        self.keyed(Some(key), lines_command(n, before, lines))
    }

    pub(super) fn close_bulk(&mut self, n: u8, end: BulkEnd) -> Result<Entry, Refusal> {
        self.submit(Command::close_bulk(bulk_id(n), end, OFFICER))
    }

    /// Does what is due by itself until nothing is.
    pub(super) fn jobs(&mut self) -> usize {
        let mut done = 0;
        while let Some((kind, command)) = self.ledger.due_jobs().into_iter().next() {
            let date = self.ledger.day();
            self.keyed(Some(OperationKey::Job { kind, date }), command).unwrap();
            done += 1;
        }
        done
    }

    pub(super) fn claim(&mut self, account: AccountId, code: Digest) -> Result<Entry, Refusal> {
        let claim = SlipClaim { account, code, actor: Actor::Holder, attested: None };
        self.submit(Command::ClaimSlip(Nothing {}, claim))
    }

    /// Sagamihara: 200, a sub-leader 400, a leader 600.
    pub(super) fn activity_rule(&mut self, change: impl FnOnce(&mut Programme)) {
        let rate = |role: &str, times| RoleRate { role: role.parse().unwrap(), times };
        let roles = vec![rate(LEADER, 3), rate(SUB_LEADER, 2)];
        self.programme(|programme| {
            programme.rule = Some(GrantRule::Activity { each: p(200), roles });
            change(programme);
        });
    }
}

pub(super) const LEADER: &str = "リーダー";
pub(super) const SUB_LEADER: &str = "サブリーダー";
pub(super) const MEMBER: &str = "";

/// A file of three lines to two residents: 300 and 200 to the first, 500 to the second.
fn three_lines(desk: &mut Desk, n: u8) -> [AccountId; 2] {
    let (first, second) = (desk.resident(), desk.resident());
    desk.open_bulk(opening(n, 3, 1_000, BulkMode::Atomic)).unwrap();
    desk.bulk_lines(n, 0, &[(first, 300, "清掃"), (second, 500, "清掃")]).unwrap();
    desk.bulk_lines(n, 2, &[(first, 200, "花植え")]).unwrap();
    [first, second]
}

#[test]
fn lines_are_in_no_balance_until_the_file_is_committed() {
    let mut desk = Desk::new("102016", BEGIN);
    let [first, second] = three_lines(&mut desk, 1);
    assert_eq!(desk.book(Account::Programme(PROGRAMME)), 1_000);
    assert_eq!(desk.book(Account::Bulk(bulk_id(1))), 1_000);
    assert_eq!((desk.spendable(&first), desk.spendable(&second)), (0, 0));
    assert_eq!(desk.ledger.pending_for(&first).collect::<Vec<_>>(), [p(500)]);
    assert!(desk.pay(first, 1).is_err());

    desk.close_bulk(1, BulkEnd::Commit).unwrap();
    assert_eq!(desk.jobs(), 1);
    assert_eq!((desk.spendable(&first), desk.spendable(&second)), (500, 500));
    assert_eq!(desk.book(Account::Bulk(bulk_id(1))), 0);
    assert_eq!(desk.book(Account::Programme(PROGRAMME)), 1_000);
    // Terms are equal, so both lines are one lot.
    assert_eq!(desk.ledger.holder(&first).unwrap().lots.iter().count(), 1);
    desk.replays();
}

#[test]
fn what_an_account_is_about_to_use_arrives_first() {
    let mut desk = Desk::new("102016", BEGIN);
    let [first, second] = three_lines(&mut desk, 1);
    assert!(desk.ledger.arriving(&first).is_none());
    desk.close_bulk(1, BulkEnd::Commit).unwrap();
    let (kind, command) = desk.ledger.arriving(&first).unwrap();
    let date = desk.ledger.day();
    desk.keyed(Some(OperationKey::Job { kind, date }), command).unwrap();
    desk.pay(first, 500).unwrap();
    assert_eq!(desk.spendable(&second), 0);
    assert!(desk.ledger.arriving(&first).is_none());
    desk.jobs();
    assert_eq!(desk.spendable(&second), 500);
    desk.replays();
}

#[test]
fn a_cancelled_file_frees_budget_natural_keys_and_caps() {
    let mut desk = Desk::new("102016", BEGIN);
    desk.programme(|programme| (programme.cap, programme.ceiling) = (Some(p(600)), p(1_500)));
    let [first, second] = three_lines(&mut desk, 1);
    assert_eq!(desk.grant(first, 200, "夏まつり").unwrap_err(), Refusal::OverCap { left: p(100) });
    assert!(matches!(desk.grant(first, 50, "清掃"), Err(Refusal::AlreadyGranted { .. })));
    desk.close_bulk(1, BulkEnd::Cancel).unwrap();
    desk.jobs();
    assert_eq!(desk.book(Account::Programme(PROGRAMME)), 0);
    assert_eq!(desk.book(Account::Bulk(bulk_id(1))), 0);
    assert_eq!(desk.ledger.bulk_left(&bulk_id(1)), 0);
    desk.grant(first, 600, "清掃").unwrap();
    assert_eq!(desk.spendable(&second), 0);
    desk.replays();
}

#[test]
fn a_file_with_a_part_of_its_lines_can_be_cancelled_and_not_committed() {
    let mut desk = Desk::new("102016", BEGIN);
    let resident = desk.resident();
    desk.open_bulk(opening(1, 2, 700, BulkMode::Atomic)).unwrap();
    desk.bulk_lines(1, 0, &[(resident, 300, "清掃")]).unwrap();
    let incomplete = Refusal::BulkIncomplete { lines: 1, count: 2 };
    assert_eq!(desk.close_bulk(1, BulkEnd::Commit).unwrap_err(), incomplete);
    desk.close_bulk(1, BulkEnd::Cancel).unwrap();
    // What had no line went back at once, the line is swept.
    assert_eq!(desk.book(Account::Programme(PROGRAMME)), 300);
    desk.jobs();
    assert_eq!(desk.book(Account::Programme(PROGRAMME)), 0);
    desk.replays();
}

#[test]
fn the_same_lines_in_another_file_40_days_later_move_nothing() {
    let mut desk = Desk::new("102016", BEGIN);
    let [first, second] = three_lines(&mut desk, 1);
    desk.close_bulk(1, BulkEnd::Commit).unwrap();
    desk.jobs();
    desk.on("2026-05-30");
    desk.open_bulk(opening(2, 3, 1_000, BulkMode::Atomic)).unwrap();
    // Sorted in another way: any of its lines was granted.
    let sorted = [(first, 200, "花植え"), (second, 500, "清掃"), (first, 300, "清掃")];
    let refused = desk.bulk_lines(2, 0, &sorted).unwrap_err();
    let number = Refusal::AlreadyGranted { first: EntryIndex(0) }.number();
    assert_eq!(refused, Refusal::LineRefused { line: 2, number });
    desk.close_bulk(2, BulkEnd::Cancel).unwrap();
    assert_eq!(desk.jobs(), 0);
    assert_eq!((desk.spendable(&first), desk.spendable(&second)), (500, 500));
    assert_eq!(desk.book(Account::Programme(PROGRAMME)), 1_000);
    desk.replays();
}

#[test]
fn fiscal_year_earned_and_expiry_are_those_of_the_opening() {
    let mut desk = Desk::new("102016", "2027-03-31");
    desk.programme(|programme| {
        programme.cap = Some(p(1_000));
        programme.expiry = ExpiryRule::FiscalYearEnd(1);
    });
    let resident = desk.resident();
    desk.open_bulk(opening(1, 1, 1_000, BulkMode::Atomic)).unwrap();
    desk.on("2027-04-01");
    desk.bulk_lines(1, 0, &[(resident, 1_000, "年度末")]).unwrap();
    desk.close_bulk(1, BulkEnd::Commit).unwrap();
    desk.jobs();
    let lot = desk.ledger.holder(&resident).unwrap().lots.iter().next().unwrap();
    assert_eq!(lot.terms.earned, day("2027-03-31"));
    assert_eq!(lot.terms.expires, day("2028-03-31"));
    // The cap of the new year is untouched.
    assert_eq!(desk.ledger.granted_in_year(&resident, PROGRAMME), p(0));
    desk.grant(resident, 1_000, "新年度").unwrap();
    desk.replays();
}

#[test]
fn caps_hold_within_a_slice_and_over_slices() {
    let mut desk = Desk::new("102016", BEGIN);
    desk.programme(|programme| programme.cap = Some(p(500)));
    let resident = desk.resident();
    desk.open_bulk(opening(1, 3, 600, BulkMode::Atomic)).unwrap();
    let number = Refusal::OverCap { left: p(0) }.number();
    let three = [(resident, 200, "a"), (resident, 200, "b"), (resident, 200, "c")];
    let over = Refusal::LineRefused { line: 4, number };
    assert_eq!(desk.bulk_lines(1, 0, &three).unwrap_err(), over);
    desk.bulk_lines(1, 0, &three[..2]).unwrap();
    assert_eq!(desk.bulk_lines(1, 2, &three[2..]).unwrap_err(), over);
    let twice = [(resident, 50, "d"), (resident, 50, "d")];
    let number = Refusal::AlreadyGranted { first: EntryIndex(0) }.number();
    let again = Refusal::LineRefused { line: 5, number };
    assert_eq!(desk.bulk_lines(1, 2, &twice).unwrap_err(), Refusal::OverBulk { left: p(200) });
    desk.close_bulk(1, BulkEnd::Cancel).unwrap();
    desk.jobs();
    desk.open_bulk(opening(2, 4, 600, BulkMode::Atomic)).unwrap();
    desk.bulk_lines(2, 0, &three[..2]).unwrap();
    assert_eq!(desk.bulk_lines(2, 2, &twice).unwrap_err(), again);
}

#[test]
fn a_large_file_needs_two_officers_by_its_sum() {
    let mut desk = Desk::new("102016", BEGIN);
    let resident = desk.resident();
    let large = opening(1, 2, 20_000, BulkMode::Atomic);
    let needed = Refusal::SecondOfficerNeeded { above: p(10_000) };
    assert_eq!(desk.open_bulk(large.clone()).unwrap_err(), needed);
    let command = Command::OpenBulk(large, by_officer());
    let key = desk.key();
    let proposal = Command::Propose(Nothing {}, Proposed::of(&command, OFFICER));
    desk.keyed(Some(OperationKey::Client(key)), proposal).unwrap();
    assert_eq!(desk.book(Account::Programme(PROGRAMME)), 0);
    let decide = |desk: &mut Desk, approver| {
        let (proposal, verdict) = (ProposalId(*key.bytes()), Verdict::Approve);
        let decision = ProposalDecision { proposal, verdict, approver };
        desk.submit(Command::DecideProposal(Nothing {}, decision))
    };
    assert_eq!(decide(&mut desk, OFFICER).unwrap_err(), Refusal::SameOfficer);
    decide(&mut desk, OTHER_OFFICER).unwrap();
    assert_eq!(desk.book(Account::Bulk(bulk_id(1))), 20_000);
    // 15,000 in one line: the file was approved as a whole.
    desk.bulk_lines(1, 0, &[(resident, 15_000, "a"), (resident, 5_000, "b")]).unwrap();
    desk.close_bulk(1, BulkEnd::Commit).unwrap();
    desk.jobs();
    assert_eq!(desk.spendable(&resident), 20_000);
    // What one officer may open alone is not proposed.
    let small = Command::OpenBulk(opening(2, 1, 100, BulkMode::Atomic), by_officer());
    let proposal = Command::Propose(Nothing {}, Proposed::of(&small, OFFICER));
    assert_eq!(desk.submit(proposal).unwrap_err(), Refusal::NotWellFormed);
    desk.replays();
}

#[test]
fn many_accounts_are_swept_in_slices_while_others_pay() {
    let mut desk = Desk::new("102016", BEGIN);
    desk.programme(|programme| programme.two_officers_above = p(1_000_000));
    let payer = desk.resident();
    desk.grant(payer, 1_000, "先に").unwrap();
    let accounts: Vec<_> = (0..450).map(|_| desk.resident()).collect();
    for end in [BulkEnd::Cancel, BulkEnd::Commit] {
        let n = if end == BulkEnd::Cancel { 1 } else { 2 };
        desk.open_bulk(opening(n, 450, 4_500, BulkMode::Atomic)).unwrap();
        for (at, slice) in accounts.chunks(100).enumerate() {
            let lines: Vec<_> = slice.iter().map(|account| (*account, 10, "全員")).collect();
            desk.bulk_lines(n, u32::try_from(at * 100).unwrap(), &lines).unwrap();
        }
        desk.close_bulk(n, end).unwrap();
        let mut slices = 0;
        while let Some((kind, command)) = desk.ledger.due_jobs().into_iter().next() {
            let date = desk.ledger.day();
            desk.keyed(Some(OperationKey::Job { kind, date }), command).unwrap();
            desk.pay(payer, 1).unwrap();
            slices += 1;
        }
        assert_eq!(slices, 3);
        let held = if end == BulkEnd::Cancel { 0 } else { 10 };
        assert!(accounts.iter().all(|account| desk.spendable(account) == held));
    }
    desk.replays();
}

#[test]
fn an_account_does_not_end_while_a_file_holds_something_ready_for_it() {
    let mut desk = Desk::new("102016", BEGIN);
    let [first, _] = three_lines(&mut desk, 1);
    let close = AccountStateChange {
        account: first,
        state: HolderState::Closed,
        actor: Actor::Officer(OFFICER),
    };
    let command = Command::SetAccountState(Nothing {}, close);
    assert!(desk.submit(command.clone()).is_err());
    desk.close_bulk(1, BulkEnd::Cancel).unwrap();
    desk.jobs();
    desk.submit(command).unwrap();
    desk.replays();
}

/// Two slips of 1,000 and one of 500, until 30 September.
fn slips(desk: &mut Desk) {
    let until = day("2026-09-30");
    desk.open_bulk(opening(1, 3, 2_500, BulkMode::Slips { until })).unwrap();
    desk.submit(slips_command(1, 0, &[(1, 1_000), (2, 1_000), (3, 500)])).unwrap();
}

#[test]
fn a_slip_is_claimed_once_and_only_after_its_file_is_committed() {
    let mut desk = Desk::new("102016", BEGIN);
    slips(&mut desk);
    let (resident, other) = (desk.resident(), desk.resident());
    let good = Digest([1; 32]);
    assert_eq!(desk.claim(resident, good).unwrap_err(), Refusal::SlipNotIssued);
    desk.close_bulk(1, BulkEnd::Commit).unwrap();
    desk.on("2026-09-30");
    desk.claim(resident, good).unwrap();
    assert_eq!(desk.spendable(&resident), 1_000);
    assert_eq!(desk.book(Account::Bulk(bulk_id(1))), 1_500);
    assert!(matches!(desk.claim(other, good), Err(Refusal::SlipClaimed { .. })));
    // The second slip is for the same activity: the same person gets it once.
    assert!(matches!(desk.claim(resident, Digest([2; 32])), Err(Refusal::AlreadyGranted { .. })));
    desk.claim(other, Digest([2; 32])).unwrap();
    let lot = desk.ledger.holder(&other).unwrap().lots.iter().next().unwrap();
    assert_eq!(lot.terms.earned, day("2026-09-30"));
    desk.replays();
}

#[test]
fn a_reissue_cancels_the_first_code_and_what_nobody_claims_returns() {
    let mut desk = Desk::new("102016", BEGIN);
    slips(&mut desk);
    desk.close_bulk(1, BulkEnd::Commit).unwrap();
    let resident = desk.resident();
    let reissue = SlipReissue { slip: slip_id(3), code: code("new"), officer: OFFICER };
    desk.submit(Command::ReissueSlip(Nothing {}, reissue)).unwrap();
    assert_eq!(desk.claim(resident, Digest([3; 32])).unwrap_err(), Refusal::SlipReissued);
    desk.claim(resident, code("new")).unwrap();
    assert_eq!(desk.spendable(&resident), 500);
    assert_eq!(desk.on("2026-09-30").jobs(), 0);
    assert_eq!(desk.on("2026-10-01").jobs(), 1);
    assert_eq!(desk.book(Account::Bulk(bulk_id(1))), 0);
    assert_eq!(desk.book(Account::Programme(PROGRAMME)), 500);
    let over = Refusal::SlipOver { last: day("2026-09-30") };
    assert_eq!(desk.claim(resident, Digest([1; 32])).unwrap_err(), over);
    let state = desk.ledger.slip(&slip_id(1)).unwrap().state;
    assert_eq!(state, SlipState::Returned { day: day("2026-10-01") });
    desk.replays();
}

#[test]
fn slips_of_a_cancelled_file_never_were() {
    let mut desk = Desk::new("102016", BEGIN);
    slips(&mut desk);
    desk.close_bulk(1, BulkEnd::Cancel).unwrap();
    assert_eq!(desk.jobs(), 1);
    assert_eq!(desk.book(Account::Programme(PROGRAMME)), 0);
    assert_eq!(desk.ledger.bulk(&bulk_id(1)).unwrap().state, BulkState::Cancelled);
    let until = day("2026-09-30");
    desk.open_bulk(opening(2, 3, 2_500, BulkMode::Slips { until })).unwrap();
    desk.submit(slips_command(2, 0, &[(1, 1_000), (2, 1_000), (3, 500)])).unwrap();
    desk.replays();
}

/// Sagamihara: a leader, a sub-leader and three members; 600 + 400 + 3 x 200.
pub(super) fn group(
    persons: &[(AccountId, &str)],
    points: u32,
    checker: Option<OfficerId>,
) -> (GroupShared, GroupPrivate) {
    let shared = GroupShared {
        application: ApplicationId([1; 16]),
        programme: PROGRAMME,
        count: u32::try_from(persons.len()).unwrap(),
        points: p(points),
    };
    let person = |(account, role): &(AccountId, &str)| GroupPerson {
        account: *account,
        role: role.parse().ok(),
        attested: None,
    };
    let private = GroupPrivate {
        activity: activity("2026-04-19 公園清掃"),
        persons: persons.iter().map(person).collect(),
        sender: Actor::Holder,
        sender_account: persons.first().map(|(account, _)| *account),
        checker,
        approver: OFFICER,
    };
    (shared, private)
}

#[test]
fn an_approved_application_grants_by_role_in_one_entry() {
    let mut desk = Desk::new("141500", BEGIN);
    desk.activity_rule(|_| {});
    let roles = [LEADER, SUB_LEADER, MEMBER, MEMBER, MEMBER];
    let persons: Vec<_> = roles.map(|role| (desk.resident(), role)).to_vec();
    let (shared, private) = group(&persons, 1_600, None);
    let length = desk.journal.len();
    desk.submit(Command::GrantGroup(shared.clone(), private.clone())).unwrap();
    assert_eq!(desk.journal.len(), length + 1);
    let held: Vec<_> = persons.iter().map(|(account, _)| desk.spendable(account)).collect();
    assert_eq!(held, [600, 400, 200, 200, 200]);
    assert_eq!(desk.book(Account::Programme(PROGRAMME)), 1_600);
    // Approved twice, it is one; as another application, the persons had it.
    assert_eq!(
        desk.submit(Command::GrantGroup(shared.clone(), private.clone())).unwrap_err(),
        Refusal::Exists
    );
    let again = GroupShared { application: ApplicationId([2; 16]), ..shared };
    let number = Refusal::AlreadyGranted { first: EntryIndex(0) }.number();
    assert_eq!(
        desk.submit(Command::GrantGroup(again, private)).unwrap_err(),
        Refusal::LineRefused { line: 1, number }
    );
    desk.replays();
}

#[test]
fn a_hundred_persons_are_one_entry() {
    let mut desk = Desk::new("141500", BEGIN);
    desk.activity_rule(|programme| programme.two_officers_above = p(20_000));
    let persons: Vec<_> = (0..100).map(|_| (desk.resident(), MEMBER)).collect();
    let (shared, private) = group(&persons, 20_000, None);
    desk.submit(Command::GrantGroup(shared, private)).unwrap();
    assert!(desk.journal.last().unwrap().len() < crate::entry::ENTRY_BYTES_MAX);
}

#[test]
fn a_slice_of_a_hundred_lines_and_a_sweep_of_200_accounts_are_one_entry_each() {
    let mut desk = Desk::new("141500", BEGIN);
    let accounts: Vec<_> = (0..200).map(|_| desk.resident()).collect();
    desk.programme(|programme| {
        (programme.two_officers_above, programme.ceiling) = (Points::MAX, Points::MAX);
    });
    desk.open_bulk(opening(1, 200, 200_000_000, BulkMode::Atomic)).unwrap();
    for (at, slice) in accounts.chunks(100).enumerate() {
        let lines: Vec<_> = slice.iter().map(|account| (*account, 1_000_000, "a")).collect();
        desk.bulk_lines(1, u32::try_from(at * 100).unwrap(), &lines).unwrap();
        assert!(desk.journal.last().unwrap().len() < crate::entry::ENTRY_BYTES_MAX);
    }
    desk.close_bulk(1, BulkEnd::Commit).unwrap();
    assert_eq!(desk.jobs(), 1);
    assert!(desk.journal.last().unwrap().len() < crate::entry::ENTRY_BYTES_MAX);
}

#[test]
fn a_visitor_in_a_file_for_residents_is_refused_by_line() {
    let mut desk = Desk::new("141500", BEGIN);
    let (resident, visitor) = (desk.resident(), desk.account(HolderClass::Visitor));
    desk.open_bulk(opening(1, 2, 400, BulkMode::Atomic)).unwrap();
    let lines = [(resident, 200, "a"), (visitor, 200, "a")];
    let number = Refusal::ResidentsOnly.number();
    assert_eq!(
        desk.bulk_lines(1, 0, &lines).unwrap_err(),
        Refusal::LineRefused { line: 3, number }
    );
}
