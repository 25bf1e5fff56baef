//! What the ledger shows of payouts: the next run, runs, statements, terms, days off.

use alloc::vec::Vec;

use super::slice::Closing;
use crate::{
    calendar::{CalendarYear, DaysOff},
    command::BankSetting,
    date::BusinessDate,
    id::{MerchantId, RunId},
    ledger::{ChargeState, HoldState, Ledger},
    lot::Lot,
    payout::{BudgetLine, Only, PayoutTerms, Run, Statement, StatementKey},
    points::Points,
};

/// The run that can be closed next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextRun {
    /// The period's first day.
    pub from: BusinessDate,
    /// The period's last day.
    pub last: BusinessDate,
}

impl Ledger {
    /// The period of the oldest day that no run holds; none if there is none.
    #[must_use]
    pub fn next_run(&self) -> Option<NextRun> {
        let first = self.shops.iter().filter_map(|(_, shop)| shop.days.keys().next()).min()?;
        let cycle = self.payout_terms().cycle;
        Some(NextRun { from: cycle.first_day_of(*first), last: cycle.last_day_of(*first) })
    }

    /// What the next run would make, for each shop, as of now.
    #[must_use]
    pub fn next_statements(&self) -> Vec<(MerchantId, Statement)> {
        let Some(next) = self.next_run() else { return Vec::new() };
        let fee_per_mille = self.payout_terms().fee_per_mille;
        let (last, at_most) = (next.last, usize::MAX);
        let closing = Closing { last, fee_per_mille, behind: None, at_most };
        let slice = self.slice_of(closing, |_| Points::ZERO);
        let closed = slice.map(|slice| slice.closed).unwrap_or_default();
        closed.into_iter().map(|closed| (closed.merchant, closed.statement)).collect()
    }

    /// The business day on which a period that ends on this day would be paid; none if the days
    /// off of its year are not entered.
    #[must_use]
    pub fn pay_day_of(&self, last: BusinessDate) -> Option<BusinessDate> {
        self.pay_day(last).ok()
    }

    /// Lots that left an account and are not used yet: converted and without a town, reserved for
    /// an order or a pledge, in a charge on its way.
    pub fn lots_on_the_way(&self) -> impl Iterator<Item = Lot> {
        let held = self.holds.iter().flat_map(|(_, hold)| match &hold.state {
            HoldState::Held(held) => held.lots.as_slice(),
            HoldState::Captured(_) | HoldState::Released | HoldState::Returned { .. } => &[],
        });
        let charged = self.charges.iter().flat_map(|(_, charge)| match &charge.state {
            ChargeState::Open { lots, .. } => lots.as_slice(),
            ChargeState::Confirmed { .. } | ChargeState::Failed | ChargeState::Refused => &[],
        });
        let waiting = self.conversions.iter().map(|(_, conversion)| conversion.lot);
        waiting.chain(held.chain(charged).copied())
    }

    /// How the town pays its shops.
    #[must_use]
    pub fn payout_terms(&self) -> PayoutTerms {
        self.payout_terms.get(&Only {}).cloned().unwrap_or_else(PayoutTerms::standard)
    }

    /// The days off of a year.
    #[must_use]
    pub fn days_off(&self, year: CalendarYear) -> Option<&DaysOff> {
        self.days_off.get(&year)
    }

    /// The runs that were closed, the oldest first.
    pub fn runs(&self) -> impl DoubleEndedIterator<Item = (&RunId, &Run)> {
        self.runs.iter()
    }

    /// A run that was closed.
    #[must_use]
    pub fn run(&self, run: &RunId) -> Option<&Run> {
        self.runs.get(run)
    }

    /// The statements of a run, in order of the shops.
    pub fn statements(&self, run: RunId) -> impl Iterator<Item = (MerchantId, &Statement)> {
        let key = |merchant| StatementKey { run, merchant };
        let own = self.statements.range(key(MerchantId(0))..=key(MerchantId(u32::MAX)));
        own.map(|(key, statement)| (key.merchant, statement))
    }

    /// A shop's statement of a run.
    #[must_use]
    pub fn statement(&self, key: &StatementKey) -> Option<&Statement> {
        self.statements.get(key)
    }

    /// Where sums stand in the town's budget, in order.
    pub fn budget_lines(&self) -> impl Iterator<Item = &BudgetLine> {
        self.budget_lines.iter().map(|(_, line)| line)
    }

    /// Where in the vault a shop's bank account stands.
    #[must_use]
    pub fn bank(&self, merchant: &MerchantId) -> Option<&BankSetting> {
        self.banks.get(merchant)
    }
}
