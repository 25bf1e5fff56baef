//! Payout runs: a period is closed for every shop once, in slices, and then paid; what shops owe
//! back is set off; a transfer that came back is owed again (money-rules, Paying the shops).

mod association;
mod look;
mod slice;

pub use association::ChargedDays;
pub use look::NextRun;

use super::{Broken, Ledger, Plan};
use crate::{
    account::Account,
    calendar::{self, HolidayTable},
    command::{
        BankSetting, Command, Nothing, RunClosing, RunMark, RunSlice, RunStep, TransferAgain,
        TransferReturned,
    },
    date::{BusinessDate, Time},
    entry::Effect,
    id::{MerchantId, OfficerId, RunId},
    key::JobKind,
    payout::{
        BudgetLine, Mark, PayoutTerms, Purse, Run, RunState, Statement, StatementKey,
        StatementState, Work,
    },
    posting::Postings,
    refusal::Refusal,
};

impl Ledger {
    pub(super) fn plan_holidays(table: &HolidayTable) -> Result<Plan, Refusal> {
        if table.well_formed() { Ok(Plan::FACT) } else { Err(Refusal::NotWellFormed) }
    }

    pub(super) fn apply_holidays(&mut self, table: &HolidayTable) {
        for year in &table.years {
            self.days_off.insert(year.year, year.clone());
        }
    }

    pub(super) fn plan_payout_terms(terms: &PayoutTerms) -> Result<Plan, Refusal> {
        if terms.well_formed() { Ok(Plan::FACT) } else { Err(Refusal::NotWellFormed) }
    }

    pub(super) fn plan_budget_line(&self, line: &BudgetLine) -> Result<Plan, Refusal> {
        match line.purse {
            Purse::Programme(programme) if !self.programmes.contains(&programme) => {
                Err(Refusal::UnknownProgramme)
            }
            Purse::Programme(_)
            | Purse::Scheme(_)
            | Purse::Company(_)
            | Purse::Fee
            | Purse::Shops => Ok(Plan::FACT),
        }
    }

    pub(super) fn plan_bank(&self, setting: &BankSetting) -> Result<Plan, Refusal> {
        if self.merchants.contains(&setting.merchant) {
            Ok(Plan::FACT)
        } else {
            Err(Refusal::UnknownMerchant)
        }
    }

    /// Closes the next period, which an officer names so that a late click closes no other one.
    pub(super) fn plan_run(&self, time: Time, closing: &RunClosing) -> Result<Plan, Refusal> {
        if self.run_at_work().is_some() {
            return Err(Refusal::RunAtWork);
        }
        let next = self.next_run().ok_or(Refusal::NothingDue)?;
        if closing.last != next.last {
            return Err(Refusal::NotTheNextRun { last: next.last });
        }
        let taking =
            self.shops.iter().filter(|(_, shop)| shop.days.keys().any(|d| *d <= next.last));
        if !taking.into_iter().all(|(shop, _)| self.shop_day_is_over(time, shop, next.last)) {
            return Err(Refusal::PeriodNotOver { last: next.last });
        }
        self.pay_day(next.last)?;
        Ok(Plan::FACT)
    }

    /// Whether nothing of a shop's day can change any more but by a refund: until its day close a
    /// payment can be voided.
    fn shop_day_is_over(&self, time: Time, shop: &MerchantId, day: BusinessDate) -> bool {
        self.meta.day > day && time >= self.day_close(shop, day)
    }

    /// The business day on which a period is paid by the town's terms.
    fn pay_day(&self, last: BusinessDate) -> Result<BusinessDate, Refusal> {
        let days = self.payout_terms().pay_after;
        let table = |year| self.days_off.get(&year);
        calendar::business_days_behind(last, days, table)
            .map_err(|missing| Refusal::DaysOffMissing { year: missing.0.0 })
    }

    pub(super) fn apply_run(
        &mut self,
        closing: &RunClosing,
        officer: OfficerId,
    ) -> Result<(), Broken> {
        let next = self.next_run().ok_or(Broken::Unknown)?;
        let pay_on = self.pay_day(closing.last).map_err(|_| Broken::Unknown)?;
        let number = self.runs.iter().next_back().map_or(0, |(run, _)| run.0);
        let run = Run {
            from: next.from,
            last: closing.last,
            pay_on,
            fee_per_mille: self.payout_terms().fee_per_mille,
            closed: Mark { officer, on: self.meta.day },
            checked: None,
            handed_over: None,
            paid: None,
            work: Some(Work::Closing(None)),
        };
        self.runs.insert(RunId(number.saturating_add(1)), run);
        Ok(())
    }

    pub(super) fn plan_run_mark(
        &self,
        mark: &RunMark,
        officer: OfficerId,
    ) -> Result<Plan, Refusal> {
        let run = self.runs.get(&mark.run).ok_or(Refusal::UnknownRun)?;
        if mark.on > self.meta.day || mark.on < run.last {
            return Err(Refusal::NotWellFormed);
        }
        let begins_from = match mark.step {
            RunStep::Checked => RunState::Closed,
            RunStep::HandedOver => RunState::Checked,
            RunStep::Paid => RunState::HandedOver,
        };
        if run.work.is_some() {
            return Err(Refusal::RunAtWork);
        }
        if run.state() != begins_from {
            return Err(Refusal::WrongRunState);
        }
        if mark.step == RunStep::Checked && officer == run.closed.officer {
            return Err(Refusal::SameOfficer);
        }
        Ok(Plan::FACT)
    }

    pub(super) fn apply_run_mark(
        &mut self,
        mark: &RunMark,
        officer: OfficerId,
    ) -> Result<(), Broken> {
        let run = self.runs.get_mut(&mark.run).ok_or(Broken::Unknown)?;
        let done = Some(Mark { officer, on: mark.on });
        match mark.step {
            RunStep::Checked => run.checked = done,
            RunStep::HandedOver => run.handed_over = done,
            RunStep::Paid => {
                run.paid = done;
                run.work = Some(Work::Paying(None));
            }
        }
        Ok(())
    }

    /// The run that the node has work at, the oldest first.
    fn run_at_work(&self) -> Option<RunId> {
        self.runs.iter().find(|(_, run)| run.work.is_some()).map(|(run, _)| *run)
    }

    /// The next slice of a run, if one is due.
    pub(super) fn payout_job(&self) -> Option<(JobKind, Command)> {
        let run = self.run_at_work()?;
        Some((JobKind::PayoutRun, Command::SliceRun(RunSlice { run }, Nothing {})))
    }

    pub(super) fn plan_run_slice(&self, number: RunId) -> Result<Plan, Refusal> {
        let run = self.runs.get(&number).ok_or(Refusal::UnknownRun)?;
        let postings = match run.work {
            None => return Err(Refusal::NothingDue),
            Some(Work::Closing(behind)) => self.closing_postings(number, run, behind),
            Some(Work::Paying(behind)) => Some(self.paying_postings(number, behind)),
        };
        let balanced = postings.and_then(Postings::balanced);
        balanced.map(Plan::moving).ok_or(Refusal::TooManyPoints)
    }

    pub(super) fn apply_run_slice(&mut self, run: RunId, effect: &Effect) -> Result<(), Broken> {
        match self.runs.get(&run).and_then(|run| run.work) {
            None => Err(Broken::Unknown),
            Some(Work::Closing(behind)) => self.apply_closing(run, behind, effect),
            Some(Work::Paying(behind)) => self.apply_paying(run, behind),
        }
    }

    fn statement_to(&self, run: RunId, merchant: MerchantId) -> Result<&Statement, Refusal> {
        if !self.runs.contains(&run) {
            return Err(Refusal::UnknownRun);
        }
        let key = StatementKey { run, merchant };
        self.statements.get(&key).ok_or(Refusal::UnknownStatement)
    }

    /// A bank transfer came back: what was paid is owed again.
    pub(super) fn plan_transfer_back(&self, returned: &TransferReturned) -> Result<Plan, Refusal> {
        let statement = self.statement_to(returned.run, returned.merchant)?;
        let StatementState::Paid(paid) = statement.state else {
            return Err(Refusal::WrongStatementState);
        };
        if returned.on < paid.on || returned.on > self.meta.day {
            return Err(Refusal::NotWellFormed);
        }
        let owed = Account::Payable(returned.merchant, returned.run);
        Postings::between(Account::PaidOut(returned.merchant), owed, statement.net)
            .map(Plan::moving)
            .ok_or(Refusal::TooManyPoints)
    }

    pub(super) fn apply_transfer_back(
        &mut self,
        returned: &TransferReturned,
        officer: OfficerId,
    ) -> Result<(), Broken> {
        let key = StatementKey { run: returned.run, merchant: returned.merchant };
        self.statements.get_mut(&key).ok_or(Broken::Unknown)?.state = StatementState::Returned {
            mark: Mark { officer, on: returned.on },
            reason: returned.reason,
            next_run: returned.next_run,
        };
        Ok(())
    }

    /// A transfer that came back was made again, by itself.
    pub(super) fn plan_transfer_again(&self, again: &TransferAgain) -> Result<Plan, Refusal> {
        let statement = self.statement_to(again.run, again.merchant)?;
        let StatementState::Returned { mark, .. } = statement.state else {
            return Err(Refusal::WrongStatementState);
        };
        if again.on < mark.on || again.on > self.meta.day {
            return Err(Refusal::NotWellFormed);
        }
        let owed = Account::Payable(again.merchant, again.run);
        Postings::between(owed, Account::PaidOut(again.merchant), statement.net)
            .map(Plan::moving)
            .ok_or(Refusal::TooManyPoints)
    }

    pub(super) fn apply_transfer_again(
        &mut self,
        again: &TransferAgain,
        officer: OfficerId,
    ) -> Result<(), Broken> {
        let key = StatementKey { run: again.run, merchant: again.merchant };
        self.statements.get_mut(&key).ok_or(Broken::Unknown)?.state =
            StatementState::Paid(Mark { officer, on: again.on });
        Ok(())
    }
}
