//! Payout runs with figures: closing, setting off, paying, returned transfers, slices.

use alloc::{vec, vec::Vec};

use super::{
    desk::*,
    street::{STREET, street},
};
use crate::{
    account::{Account, LapsedKind},
    calendar::{CalendarYear, DaysOff, HolidayTable},
    command::*,
    date::BusinessDate,
    digest::Digest,
    entry::Entry,
    id::{AccountId, MerchantId, OfficerId, PaymentId, ProposalId, RunId, SchemeId},
    key::{JobKind, OperationKey},
    ledger::Taken,
    payout::{
        BudgetLine, Cycle, PayoutTerms, Purse, ReturnReason, RunState, StatementKey, StatementState,
    },
    refusal::Refusal,
};

pub(crate) const SECOND: OfficerId = OfficerId(8);

/// The days off of the years that the tests pay in, as far as they matter here.
pub(super) fn holidays() -> HolidayTable {
    let year = |year: u32, days: &[&str]| DaysOff {
        year: CalendarYear(year),
        days: days.iter().map(|text| day(text)).collect(),
    };
    HolidayTable {
        years: vec![
            year(2026, &["2026-12-29", "2026-12-30", "2026-12-31"]),
            year(2027, &["2027-01-01", "2027-01-11", "2027-02-11", "2027-03-22", "2027-04-29"]),
        ],
    }
}

pub(super) fn terms(days: &[u8], pay_after: u32, fee_per_mille: u32) -> PayoutTerms {
    PayoutTerms { cycle: Cycle::new(days.to_vec()).unwrap(), pay_after, fee_per_mille }
}

/// A town that pays its shops by these terms.
pub(crate) fn town(begin: &str, days: &[u8], fee_per_mille: u32) -> Desk {
    let mut desk = Desk::new("102016", begin);
    desk.fact(Command::SetHolidays(holidays(), by_officer()));
    desk.fact(Command::SetPayoutTerms(terms(days, 5, fee_per_mille), by_officer()));
    desk
}

impl Desk {
    pub(crate) fn close_run(&mut self, last: &str) -> Result<RunId, Refusal> {
        let closing = RunClosing { last: day(last) };
        self.submit(Command::CloseRun(closing, by_officer()))?;
        self.slices();
        Ok(*self.ledger.runs().next_back().unwrap().0)
    }

    /// Does what is due of the runs; how many entries that took.
    pub(crate) fn slices(&mut self) -> usize {
        let mut count = 0;
        while let Some((JobKind::PayoutRun, command)) = self.ledger.payout_job() {
            let key = OperationKey::Job { kind: JobKind::PayoutRun, date: self.ledger.day() };
            self.keyed(Some(key), command).unwrap();
            count += 1;
        }
        count
    }

    pub(crate) fn mark(
        &mut self,
        run: RunId,
        step: RunStep,
        officer: OfficerId,
    ) -> Result<Entry, Refusal> {
        let on = self.ledger.day();
        let entry = self.submit(Command::MarkRun(RunMark { run, step, on }, ByOfficer { officer }));
        self.slices();
        entry
    }

    fn pay_run(&mut self, run: RunId) {
        self.mark(run, RunStep::Checked, SECOND).unwrap();
        self.mark(run, RunStep::HandedOver, OFFICER).unwrap();
        self.mark(run, RunStep::Paid, OFFICER).unwrap();
    }

    fn came_back(&mut self, run: RunId, next_run: bool) -> Result<Entry, Refusal> {
        let on = self.ledger.day();
        let reason = ReturnReason::NoAccount;
        let returned = TransferReturned { run, merchant: SHOP, on, reason, next_run };
        self.submit(Command::ReturnTransfer(returned, by_officer()))
    }

    fn net(&self, run: RunId) -> u64 {
        let key = StatementKey { run, merchant: SHOP };
        self.ledger.statement(&key).map_or(0, |statement| statement.net.get())
    }

    fn payable(&self, run: RunId) -> u64 {
        self.book(Account::Payable(SHOP, run))
    }
}

fn paid(desk: &mut Desk, on: &str, points: u32) -> PaymentId {
    desk.on(on);
    let resident = desk.resident();
    desk.grant(resident, points, on).unwrap();
    desk.pay(resident, points).unwrap()
}

/// Worked example 1 up to 10 January: 450 were paid in December, and December's run is closed.
fn worked_example_one_with_december_closed() -> (Desk, AccountId, PaymentId, RunId) {
    let mut desk = town("2026-11-24", &[31], 0);
    desk.programme(|programme| {
        programme.expiry = crate::programme::ExpiryRule::On(day("2026-12-31"));
    });
    let resident = desk.resident();
    desk.grant(resident, 300, "cleaning").unwrap();
    desk.converted(resident, 500);
    desk.on("2026-12-20");
    let payment = desk.pay(resident, 450).unwrap();
    desk.on("2027-01-10").sweep();
    let december = desk.close_run("2026-12-31").unwrap();
    (desk, resident, payment, december)
}

#[test]
fn worked_example_one_with_a_closed_run_claims_back_and_sets_off_at_the_next_one() {
    let (mut desk, resident, payment, run) = worked_example_one_with_december_closed();
    assert_eq!((desk.book(Account::Merchant(SHOP)), desk.payable(run)), (0, 450));
    desk.refund(payment, 400).unwrap();
    assert_eq!(desk.spendable(&resident), 750);
    assert_eq!((desk.payable(run), desk.book(Account::MerchantClaim(SHOP))), (450, 400));
    // January: 600 taken, 400 owed back, hence 200.
    desk.pay(resident, 600).unwrap();
    desk.on("2027-02-01");
    let next = desk.close_run("2027-01-31").unwrap();
    assert_eq!((desk.net(next), desk.payable(next)), (200, 200));
    assert_eq!(desk.book(Account::MerchantClaim(SHOP)), 0);
    desk.replays();
}

#[test]
fn worked_example_one_behind_the_closing_to_the_end_of_its_grace() {
    let (mut desk, resident, payment, december) = worked_example_one_with_december_closed();
    desk.refund(payment, 400).unwrap();
    assert_eq!((desk.payable(december), desk.book(Account::MerchantClaim(SHOP))), (450, 400));
    let lots = |desk: &Desk| {
        let lots = desk.ledger.holder(&resident).unwrap().lots.iter();
        lots.map(|lot| (lot.points.get(), lot.terms.expires)).collect::<Vec<_>>()
    };
    let grace = day("2027-01-24");
    assert_eq!(lots(&desk), [(250, grace), (500, day("2027-03-31"))]);
    desk.on("2027-01-24");
    let again = desk.pay(resident, 250).unwrap();
    let rest = desk.pay(resident, 100).unwrap();
    assert_eq!(desk.spendable(&resident), 400);
    desk.on("2027-01-25");
    let intent = desk.refund_intent(again, 250);
    let told = desk.ledger.preview_refund(&intent).unwrap();
    assert_eq!((told.back.get(), told.lapses.get(), told.unclaimed.get()), (0, 250, 0));
    desk.send_refund(intent).unwrap();
    assert_eq!((desk.spendable(&resident), lots(&desk)), (400, vec![(400, day("2027-03-31"))]));
    assert_eq!(desk.book(Account::Lapsed(LapsedKind::Administrative)), 250);
    // January's run is open: its receivable falls at once, the claim of December stays.
    assert_eq!(desk.book(Account::Merchant(SHOP)), 100);
    assert_eq!(desk.book(Account::MerchantClaim(SHOP)), 400);
    desk.refund(rest, 50).unwrap();
    desk.pay(resident, 300).unwrap();
    assert_eq!(desk.book(Account::Merchant(SHOP)), 350);
    desk.on("2027-02-01");
    let january = desk.close_run("2027-01-31").unwrap();
    assert_eq!((desk.net(january), desk.book(Account::MerchantClaim(SHOP))), (0, 50));
    // The next net is 50 less.
    desk.pay(resident, 150).unwrap();
    desk.on("2027-03-01");
    let february = desk.close_run("2027-02-28").unwrap();
    assert_eq!((desk.net(february), desk.book(Account::MerchantClaim(SHOP))), (100, 0));
    desk.replays();
}

#[test]
fn a_claim_larger_than_the_period_is_carried_on() {
    let mut desk = town("2026-11-24", &[31], 0);
    let payment = paid(&mut desk, "2026-11-25", 1_000);
    desk.on("2026-12-01");
    desk.close_run("2026-11-30").unwrap();
    desk.refund(payment, 900).unwrap();
    paid(&mut desk, "2026-12-02", 300);
    desk.on("2027-01-04");
    let run = desk.close_run("2026-12-31").unwrap();
    let statement = desk.ledger.statement(&StatementKey { run, merchant: SHOP }).unwrap();
    assert_eq!((statement.set_off.get(), statement.claim_left.get()), (300, 600));
    assert_eq!((statement.net.get(), statement.state), (0, StatementState::Nothing));
    assert_eq!(desk.book(Account::MerchantClaim(SHOP)), 600);
    // A period with nothing but the claim: a shop elsewhere makes the run, this one's line is 0.
    paid(&mut desk, "2027-01-05", 1_000);
    desk.on("2027-02-01");
    let run = desk.close_run("2027-01-31").unwrap();
    assert_eq!((desk.net(run), desk.book(Account::MerchantClaim(SHOP))), (400, 0));
    desk.replays();
}

#[test]
fn a_cycle_over_31_march_gives_two_statements_whose_sum_is_the_whole() {
    let mut desk = town("2027-03-20", &[10, 25], 0);
    for (on, points) in [
        ("2027-03-26", 101),
        ("2027-03-31", 202),
        ("2027-04-01", 303),
        ("2027-04-10", 404),
        ("2027-04-11", 9_000),
    ] {
        paid(&mut desk, on, points);
    }
    desk.on("2027-04-12");
    let next = desk.ledger.next_run().unwrap();
    assert_eq!((next.from, next.last), (day("2027-03-26"), day("2027-03-31")));
    let ahead = desk.close_run("2027-04-10");
    assert_eq!(ahead, Err(Refusal::NotTheNextRun { last: day("2027-03-31") }));
    let march = desk.close_run("2027-03-31").unwrap();
    let april = desk.close_run("2027-04-10").unwrap();
    assert_eq!((desk.net(march), desk.net(april)), (303, 707));
    assert_eq!(desk.net(march) + desk.net(april), 101 + 202 + 303 + 404);
    let year = |run: RunId| desk.ledger.run(&run).unwrap().fiscal_year().0;
    assert_eq!((year(march), year(april)), (2026, 2027));
    assert_eq!(desk.book(Account::Merchant(SHOP)), 9_000);
    desk.replays();
}

#[test]
fn voids_and_refunds_before_the_closing_reduce_their_own_period_and_are_shown() {
    let mut desk = town("2026-11-24", &[31], 0);
    let payment = paid(&mut desk, "2026-11-25", 1_000);
    let voided = paid(&mut desk, "2026-11-26", 70);
    desk.void(voided).unwrap();
    // A refund behind the last day, but before the closing.
    desk.on("2026-12-03");
    desk.refund(payment, 250).unwrap();
    let run = desk.close_run("2026-11-30").unwrap();
    let statement = desk.ledger.statement(&StatementKey { run, merchant: SHOP }).unwrap();
    assert_eq!((statement.gross().get(), statement.given_back().get()), (1_070, 320));
    assert_eq!(statement.taken.get(&Taken::Payment), Some(&p(1_070)));
    assert_eq!(statement.net.get(), 750);
    desk.replays();
}

#[test]
fn the_towns_fee_is_kept_on_its_own_account() {
    let mut desk = town("2026-11-24", &[15, 31], 15);
    paid(&mut desk, "2026-11-25", 1_234);
    desk.on("2026-12-01");
    let run = desk.close_run("2026-11-30").unwrap();
    assert_eq!((desk.payable(run), desk.book(Account::Fee)), (1_216, 18));
    desk.replays();
}

#[test]
fn a_run_goes_from_closed_to_paid_by_two_officers_in_order() {
    let mut desk = town("2026-11-24", &[31], 0);
    paid(&mut desk, "2026-11-25", 1_000);
    desk.on("2026-12-01");
    let run = desk.close_run("2026-11-30").unwrap();
    let state = |desk: &Desk| desk.ledger.run(&run).unwrap().state();
    assert_eq!(desk.ledger.run(&run).unwrap().pay_on, day("2026-12-07"));
    assert_eq!(desk.mark(run, RunStep::Paid, OFFICER), Err(Refusal::WrongRunState));
    assert_eq!(desk.mark(run, RunStep::Checked, OFFICER), Err(Refusal::SameOfficer));
    desk.mark(run, RunStep::Checked, SECOND).unwrap();
    assert_eq!(state(&desk), RunState::Checked);
    desk.mark(run, RunStep::HandedOver, OFFICER).unwrap();
    assert_eq!(state(&desk), RunState::HandedOver);
    desk.on("2026-12-07").mark(run, RunStep::Paid, OFFICER).unwrap();
    assert_eq!(state(&desk), RunState::Paid);
    assert_eq!((desk.payable(run), desk.book(Account::PaidOut(SHOP))), (0, 1_000));
    assert_eq!(desk.mark(run, RunStep::Paid, OFFICER), Err(Refusal::WrongRunState));
    desk.replays();
}

#[test]
fn a_transfer_that_comes_back_is_owed_again_and_paid_by_itself() {
    let mut desk = town("2026-11-24", &[31], 0);
    paid(&mut desk, "2026-11-25", 1_000);
    desk.on("2026-12-07");
    let run = desk.close_run("2026-11-30").unwrap();
    assert_eq!(desk.came_back(run, false), Err(Refusal::WrongStatementState));
    desk.pay_run(run);
    desk.on("2026-12-09").came_back(run, false).unwrap();
    assert_eq!((desk.payable(run), desk.book(Account::PaidOut(SHOP))), (1_000, 0));
    let again = TransferAgain { run, merchant: SHOP, on: day("2026-12-09") };
    desk.submit(Command::RepeatTransfer(again.clone(), by_officer())).unwrap();
    assert_eq!((desk.payable(run), desk.book(Account::PaidOut(SHOP))), (0, 1_000));
    let twice = desk.submit(Command::RepeatTransfer(again, by_officer()));
    assert_eq!(twice, Err(Refusal::WrongStatementState));
    desk.replays();
}

#[test]
fn a_transfer_that_comes_back_is_paid_with_the_next_run() {
    let mut desk = town("2026-11-24", &[31], 0);
    paid(&mut desk, "2026-11-25", 1_000);
    desk.on("2026-12-07");
    let run = desk.close_run("2026-11-30").unwrap();
    desk.pay_run(run);
    desk.came_back(run, true).unwrap();
    paid(&mut desk, "2026-12-08", 200);
    desk.on("2027-01-04");
    let next = desk.close_run("2026-12-31").unwrap();
    let statement = desk.ledger.statement(&StatementKey { run: next, merchant: SHOP }).unwrap();
    assert_eq!((statement.brought.get(), statement.net.get()), (1_000, 1_200));
    assert_eq!((desk.payable(run), desk.payable(next)), (0, 1_200));
    let old = desk.ledger.statement(&StatementKey { run, merchant: SHOP }).unwrap();
    assert_eq!(old.state, StatementState::MovedTo(next));
    desk.pay_run(next);
    assert_eq!(desk.book(Account::PaidOut(SHOP)), 1_200);
    desk.replays();
}

#[test]
fn a_run_of_many_shops_is_closed_and_paid_in_slices_each_shop_once() {
    let mut desk = town("2026-11-24", &[31], 10);
    let resident = desk.resident();
    let shops: u32 = 300;
    desk.grant(resident, 10_000, "a").unwrap();
    for number in 0..shops {
        let (merchant, terminal) = (MerchantId(100 + number), crate::id::TerminalId(100 + number));
        let name = "店".parse().unwrap();
        let setting = MerchantSetting::plain(merchant, name, InUse::Active);
        desk.fact(Command::SetMerchant(setting, by_officer()));
        let key = desk.terminal_key.public();
        let setting = TerminalSetting { terminal, merchant, key, state: InUse::Active };
        desk.fact(Command::SetTerminal(setting, by_officer()));
        desk.pay_at(resident, merchant, terminal, 20).unwrap();
    }
    desk.on("2026-12-01");
    let closing = RunClosing { last: day("2026-11-30") };
    desk.submit(Command::CloseRun(closing.clone(), by_officer())).unwrap();
    let run = RunId(1);
    assert_eq!(desk.ledger.run(&run).unwrap().state(), RunState::Closing);
    let early = desk.mark(RunId(1), RunStep::Checked, SECOND);
    assert_eq!(early.map(|_| ()), Err(Refusal::RunAtWork));
    assert_eq!(desk.ledger.statements(run).count(), usize::try_from(shops).unwrap());
    let longest = desk.journal.iter().map(Vec::len).max().unwrap();
    assert!(longest < crate::entry::ENTRY_BYTES_MAX, "{longest}");
    desk.pay_run(run);
    let paid: u64 = (0..shops).map(|n| desk.book(Account::PaidOut(MerchantId(100 + n)))).sum();
    assert_eq!(paid + desk.book(Account::Fee), u64::from(shops) * 20);
    let again = desk.submit(Command::CloseRun(closing, by_officer()));
    assert_eq!(again, Err(Refusal::NothingDue));
    desk.replays();
}

#[test]
fn the_preview_says_what_the_run_then_does() {
    let mut desk = town("2026-11-24", &[31], 7);
    paid(&mut desk, "2026-11-25", 1_111);
    desk.on("2026-12-01");
    let preview = desk.ledger.next_statements();
    let run = desk.close_run("2026-11-30").unwrap();
    let made: Vec<_> = desk.ledger.statements(run).map(|(m, s)| (m, s.clone())).collect();
    assert_eq!(preview, made);
}

#[test]
fn a_bank_account_needs_two_officers() {
    let mut desk = town("2026-11-24", &[31], 0);
    let sealed = Digest::of(&[b"sealed"]);
    let command = Command::SetBank(BankSetting { merchant: SHOP, record: 4, sealed }, by_officer());
    let alone = desk.submit(command.clone());
    assert_eq!(alone, Err(Refusal::SecondOfficerNeeded { above: p(0) }));
    let key = desk.key();
    let proposed = Command::Propose(Nothing {}, Proposed::of(&command, OFFICER));
    desk.keyed(Some(OperationKey::Client(key)), proposed).unwrap();
    assert_eq!(desk.ledger.bank(&SHOP), None);
    let proposal = ProposalId(*key.bytes());
    let decision = |approver| ProposalDecision { proposal, verdict: Verdict::Approve, approver };
    let own = desk.submit(Command::DecideProposal(Nothing {}, decision(OFFICER)));
    assert_eq!(own, Err(Refusal::SameOfficer));
    desk.submit(Command::DecideProposal(Nothing {}, decision(SECOND))).unwrap();
    assert_eq!(desk.ledger.bank(&SHOP).unwrap().record, 4);
    desk.replays();
}

#[test]
fn an_association_is_paid_for_charges_by_day_as_a_shop_is() {
    let (mut desk, resident) = street(|_| {});
    desk.fact(Command::SetHolidays(holidays(), by_officer()));
    let payee =
        |merchant, scheme| Command::SetPayee(AssociationPayee { scheme, merchant }, by_officer());
    let unknown = desk.submit(payee(OTHER_SHOP, SchemeId(9)));
    assert_eq!(unknown, Err(Refusal::UnknownScheme));
    assert_eq!(desk.submit(payee(MerchantId(99), STREET)), Err(Refusal::UnknownMerchant));
    let card = desk.linked(resident);
    // Before anybody is named, and behind it; on both sides of the month's end.
    let first = desk.charge(resident, card, 300).unwrap();
    desk.confirm(first).unwrap();
    desk.submit(payee(OTHER_SHOP, STREET)).unwrap();
    assert_eq!(desk.submit(payee(SHOP, STREET)), Err(Refusal::Exists));
    let second = desk.on("2026-11-30").charge(resident, card, 200).unwrap();
    desk.confirm(second).unwrap();
    let third = desk.on("2026-12-01").charge(resident, card, 700).unwrap();
    desk.confirm(third).unwrap();
    let run = desk.close_run("2026-11-30").unwrap();
    let key = StatementKey { run, merchant: OTHER_SHOP };
    let statement = desk.ledger.statement(&key).unwrap();
    assert_eq!(statement.taken.get(&Taken::Charge), Some(&p(500)));
    assert_eq!(desk.book(Account::Payable(OTHER_SHOP, run)), 500);
    assert_eq!(desk.book(Account::LocalCard(STREET)), 700);
    desk.replays();
}

#[test]
fn a_budget_line_is_for_a_programme_that_the_town_has() {
    let mut desk = town("2026-11-24", &[31], 0);
    let line = |purse| BudgetLine {
        purse,
        account: "一般会計".parse().unwrap(),
        title: "総務費".parse().unwrap(),
        item: "総務管理費".parse().unwrap(),
        entry: "企画費".parse().unwrap(),
        section: "負担金補助及び交付金".parse().unwrap(),
        detail: None,
    };
    let set = |desk: &mut Desk, purse| {
        desk.submit(Command::SetBudgetLine(line(purse), by_officer())).map(|_| ())
    };
    let unknown = Purse::Programme(crate::id::ProgrammeId(9));
    assert_eq!(set(&mut desk, unknown), Err(Refusal::UnknownProgramme));
    assert_eq!(set(&mut desk, Purse::Programme(PROGRAMME)), Ok(()));
    assert_eq!(set(&mut desk, Purse::Fee), Ok(()));
    assert_eq!(desk.ledger.budget_lines().count(), 2);
    desk.replays();
}

#[test]
fn a_period_is_not_closed_before_the_shops_day_close() {
    let mut desk = town("2026-11-24", &[31], 0);
    let name = "深夜の店".parse().unwrap();
    let plain = MerchantSetting::plain(SHOP, name, InUse::Active);
    let late = MerchantSetting { day_close: Some(120), ..plain };
    desk.fact(Command::SetMerchant(late, by_officer()));
    paid(&mut desk, "2026-11-30", 500);
    // Half past midnight: the shop can still void what it took yesterday.
    let date = day("2026-12-01");
    desk.time = date.start().later_by_ms(30 * 60_000);
    let key = OperationKey::Job { kind: JobKind::DayTurn, date };
    desk.keyed(Some(key), Command::TurnDay(DayTurn { date }, Nothing {})).unwrap();
    let early = desk.close_run("2026-11-30");
    assert_eq!(early, Err(Refusal::PeriodNotOver { last: day("2026-11-30") }));
    desk.time = date.start().later_by_ms(120 * 60_000);
    let run = desk.close_run("2026-11-30").unwrap();
    assert_eq!(desk.net(run), 500);
    desk.replays();
}

#[test]
fn what_comes_late_for_a_closed_day_belongs_to_the_next_run() {
    let mut desk = town("2026-11-24", &[31], 0);
    paid(&mut desk, "2026-11-25", 1_000);
    desk.on("2026-12-01");
    desk.close_run("2026-11-30").unwrap();
    let late: BusinessDate = day("2026-11-28");
    desk.ledger.shop_took(SHOP, late, Taken::Ticket, p(500)).unwrap();
    let days: Vec<_> = desk.ledger.shop(&SHOP).unwrap().days.keys().copied().collect();
    assert_eq!(days, [day("2026-12-01")]);
}
