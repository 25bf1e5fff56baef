//! Payout runs: closed by period, checked, handed over, paid; transfers that come back.

use alloc::{collections::BTreeMap, vec::Vec};

use super::{
    super::{desk::*, pair::word, payout::SECOND, street::STREET},
    Both, FEE, PAYEE, Step, said,
};
use crate::{
    account::Account,
    command::*,
    date::BusinessDate,
    id::{MerchantId, RunId},
    ledger::Taken,
    payout::{BudgetLine, Purse, ReturnReason},
};

/// The runs so far.
#[derive(Default)]
pub(super) struct Payout {
    runs: Vec<Run>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Closing,
    Closed,
    Checked,
    HandedOver,
    Paying,
    Paid,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transfer {
    Nothing,
    Owed,
    Paid,
    Returned { next_run: bool },
    Moved,
}

struct Run {
    number: RunId,
    last: BusinessDate,
    stage: Stage,
    statements: BTreeMap<MerchantId, (i64, Transfer)>,
}

/// Periods end on the 10th, the 25th, and 31 March.
fn ends(day: BusinessDate) -> bool {
    let (_, month, number) = day.civil();
    number == 10 || number == 25 || (month, number) == (3, 31)
}

impl Both {
    /// The last day of the period of the oldest day that no run holds.
    fn next_period(&self) -> Option<BusinessDate> {
        let open = self.model.takings.iter().filter(|it| !it.in_run);
        let mut last = open.map(|it| it.day).min()?;
        while !ends(last) {
            last = last.plus_days(1);
        }
        Some(last)
    }

    pub(super) fn close_run(&mut self, step: &Step) {
        let next = self.next_period();
        let last = next.unwrap_or(self.model.today);
        let last = if step.one_in(8) { last.plus_days(1) } else { last };
        let busy =
            self.payout.runs.iter().any(|it| matches!(it.stage, Stage::Closing | Stage::Paying));
        let told = !busy && next == Some(last) && self.model.today > last;
        let done = self.pair.a.submit(Command::CloseRun(RunClosing { last }, by_officer()));
        if said(step, &done, told) {
            let number = RunId(u32::try_from(self.payout.runs.len() + 1).unwrap());
            let (stage, statements) = (Stage::Closing, BTreeMap::new());
            self.payout.runs.push(Run { number, last, stage, statements });
        }
    }

    pub(super) fn mark_run(&mut self, step: &Step) {
        let Some(it) = self.payout.runs.last_mut() else { return };
        let (run, on) = (it.number, self.model.today);
        let (wanted, officer) = match (it.stage, step.flag % 8) {
            (_, 0) => (RunStep::Checked, OFFICER),
            (Stage::HandedOver, _) => (RunStep::Paid, OFFICER),
            (Stage::Checked, _) => (RunStep::HandedOver, OFFICER),
            (Stage::Closing | Stage::Closed | Stage::Paying | Stage::Paid, _) => {
                (RunStep::Checked, SECOND)
            }
        };
        let then = match (wanted, it.stage) {
            (RunStep::Checked, Stage::Closed) if officer == SECOND => Some(Stage::Checked),
            (RunStep::HandedOver, Stage::Checked) => Some(Stage::HandedOver),
            (RunStep::Paid, Stage::HandedOver) => Some(Stage::Paying),
            _ => None,
        };
        let mark = RunMark { run, step: wanted, on };
        let done = self.pair.a.submit(Command::MarkRun(mark, ByOfficer { officer }));
        if said(step, &done, then.is_some()) {
            it.stage = then.unwrap();
        }
    }

    pub(super) fn came_back(&mut self, step: &Step) {
        let Some(at) = step.of(self.payout.runs.len()) else { return };
        let shop = [SHOP, OTHER_SHOP, PAYEE][usize::from(step.flag % 3)];
        let it = &mut self.payout.runs[at];
        let (run, on, next_run) = (it.number, self.model.today, step.one_in(2));
        let statement = it.statements.get_mut(&shop);
        let told = statement.as_ref().is_some_and(|it| it.1 == Transfer::Paid);
        let reason = ReturnReason::NoAccount;
        let back = TransferReturned { run, merchant: shop, on, reason, next_run };
        let done = self.pair.a.submit(Command::ReturnTransfer(back, by_officer()));
        if said(step, &done, told) {
            let (net, state) = statement.unwrap();
            *state = Transfer::Returned { next_run };
            self.model.book(Account::PaidOut(shop), Account::Payable(shop, run), *net);
        }
    }

    pub(super) fn made_again(&mut self, step: &Step) {
        let Some(at) = step.of(self.payout.runs.len()) else { return };
        let shop = [SHOP, OTHER_SHOP, PAYEE][usize::from(step.flag % 3)];
        let it = &mut self.payout.runs[at];
        let (run, on) = (it.number, self.model.today);
        let statement = it.statements.get_mut(&shop);
        let told = statement.as_ref().is_some_and(|it| matches!(it.1, Transfer::Returned { .. }));
        let again = TransferAgain { run, merchant: shop, on };
        let done = self.pair.a.submit(Command::RepeatTransfer(again, by_officer()));
        if said(step, &done, told) {
            let (net, state) = statement.unwrap();
            *state = Transfer::Paid;
            self.model.book(Account::Payable(shop, run), Account::PaidOut(shop), *net);
        }
    }

    /// What the node does by itself with a run that was closed or paid.
    pub(super) fn work_at_runs(&mut self) {
        for at in 0..self.payout.runs.len() {
            match self.payout.runs[at].stage {
                Stage::Closing => self.close_shops(at),
                Stage::Paying => {
                    let run = &mut self.payout.runs[at];
                    run.stage = Stage::Paid;
                    for (shop, (net, state)) in &mut run.statements {
                        if *state == Transfer::Owed {
                            *state = Transfer::Paid;
                            let owed = Account::Payable(*shop, run.number);
                            self.model.book(owed, Account::PaidOut(*shop), *net);
                        }
                    }
                }
                Stage::Closed | Stage::Checked | Stage::HandedOver | Stage::Paid => {}
            }
        }
    }

    fn close_shops(&mut self, at: usize) {
        let (number, last) = (self.payout.runs[at].number, self.payout.runs[at].last);
        let mut shops: Vec<MerchantId> = self.model.takings.iter().map(|it| it.shop).collect();
        shops.sort_unstable();
        shops.dedup();
        for shop in shops {
            let of =
                |it: &&super::super::model::Taking| it.shop == shop && !it.in_run && it.day <= last;
            let own: Vec<_> = self.model.takings.iter().filter(of).copied().collect();
            let claim = -self.model.sum(Account::MerchantClaim(shop));
            let mut brought = 0;
            let mut came_back = false;
            for run in &mut self.payout.runs[..at] {
                let Some((net, state)) = run.statements.get_mut(&shop) else { continue };
                if *state == (Transfer::Returned { next_run: true }) {
                    *state = Transfer::Moved;
                    (brought, came_back) = (brought + *net, true);
                    self.model.fact(Account::Payable(shop, run.number), -*net);
                }
            }
            if !own.is_empty() || claim > 0 || came_back {
                let kept: i64 = own.iter().map(|it| it.points).sum();
                let charged = own.iter().filter(|it| it.what == Taken::Charge);
                let charged: i64 = charged.map(|it| it.points).sum();
                self.model.fact(Account::LocalCard(STREET), -charged);
                self.model.fact(Account::Merchant(shop), charged - kept);
                let fee = kept * i64::from(FEE) / 1_000;
                let before = kept - fee + brought;
                let set_off = claim.min(before);
                let net = before - set_off;
                self.model.fact(Account::Fee, fee);
                self.model.fact(Account::MerchantClaim(shop), set_off);
                self.model.fact(Account::Payable(shop, number), net);
                let state = if net > 0 { Transfer::Owed } else { Transfer::Nothing };
                self.payout.runs[at].statements.insert(shop, (net, state));
            }
            self.model.closed.insert(shop, last);
        }
        for it in &mut self.model.takings {
            it.in_run |= it.day <= last;
        }
        self.payout.runs[at].stage = Stage::Closed;
    }

    /// What an officer enters about payouts, and two officers about banks.
    pub(super) fn entered(&mut self, step: &Step) {
        let label = |text: &str| text.parse().unwrap();
        let line = BudgetLine {
            purse: Purse::Shops,
            account: label("一般会計"),
            title: label("商工費"),
            item: label("商工費"),
            entry: label("商工振興費"),
            section: label("負担金補助及び交付金"),
            detail: None,
        };
        let done = self.pair.a.submit(Command::SetBudgetLine(line, by_officer()));
        said(step, &done, true);
        let merchant = [SHOP, MerchantId(99)][usize::from(step.flag % 2)];
        let setting = BankSetting { merchant, record: 1, sealed: word("account") };
        let done = self.pair.a.by_two(&Command::SetBank(setting, by_officer()));
        said(step, &done, merchant == SHOP);
    }
}
