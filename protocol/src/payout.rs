//! Paying the shops: the town's terms, the periods by its cycle, and what one statement comes to
//! (money-rules, Paying the shops).

use alloc::{collections::BTreeMap, vec::Vec};
use minicbor::{Decode, Encode};

use crate::{
    date::{BusinessDate, FiscalYear},
    hashed::Bucketed,
    id::{MerchantId, OfficerId, RunId},
    label::Label,
    ledger::Taken,
    points::Points,
};

/// The day number that stands for a month's last day, whatever its length.
pub const MONTH_END: u8 = 31;

/// On which days of each month a period ends.
///
/// Invariant: 1 to 31 days of 1 to 31, in order, each once. A day that a month does not have is
/// that month's last one.
#[derive(Debug, Clone, PartialEq, Eq, Encode)]
#[cbor(transparent)]
pub struct Cycle(#[n(0)] Vec<u8>);

impl Cycle {
    /// A cycle that ends on these days of each month.
    #[must_use]
    pub fn new(days: Vec<u8>) -> Option<Self> {
        let ordered = days.windows(2).all(|pair| match pair {
            [first, second] => first < second,
            _ => true,
        });
        let fits = !days.is_empty() && days.iter().all(|day| (1..=MONTH_END).contains(day));
        (ordered && fits).then_some(Self(days))
    }

    /// Once a month, at its end.
    #[must_use]
    pub fn month_end() -> Self {
        Self(alloc::vec![MONTH_END])
    }

    /// The days of a month on which a period ends.
    #[must_use]
    pub fn days(&self) -> &[u8] {
        &self.0
    }

    /// Whether a period ends on this day: by the cycle, or because the fiscal year does.
    #[must_use]
    pub fn ends_on(&self, day: BusinessDate) -> bool {
        let (_, month, number) = day.civil();
        let (_, next_month, _) = day.plus_days(1).civil();
        let is_last = next_month != month;
        let ends = |cut: &u8| u32::from(*cut) == number || (is_last && u32::from(*cut) > number);
        day == day.fiscal_year().last_day() || self.0.iter().any(ends)
    }

    /// The last day of the period that this day is in.
    #[must_use]
    pub fn last_day_of(&self, day: BusinessDate) -> BusinessDate {
        let mut last = day;
        // Every month has a cut, so the next one is at most two months of days away.
        while !self.ends_on(last) && last < BusinessDate::LAST {
            last = last.plus_days(1);
        }
        last
    }

    /// The first day of the period that this day is in.
    #[must_use]
    pub fn first_day_of(&self, day: BusinessDate) -> BusinessDate {
        let mut first = day;
        while first.day_number() > 0 && !self.ends_on(first.day_before()) {
            first = first.day_before();
        }
        first
    }
}

impl<'b, C> Decode<'b, C> for Cycle {
    fn decode(d: &mut minicbor::Decoder<'b>, ctx: &mut C) -> Result<Self, minicbor::decode::Error> {
        let days: Vec<u8> = d.decode_with(ctx)?;
        Self::new(days).ok_or_else(|| minicbor::decode::Error::message("no days of a month"))
    }
}

/// How a town pays its shops.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct PayoutTerms {
    /// When periods end; at 31 March always.
    #[n(0)]
    pub cycle: Cycle,
    /// Paid so many business days behind the period's last day.
    #[n(1)]
    pub pay_after: u32,
    /// The town's fee in thousandths of what is paid, rounded down on each statement; 0 for none.
    #[n(2)]
    pub fee_per_mille: u32,
}

/// Business days until a run is paid, at most.
pub const PAY_AFTER_MAX: u32 = 60;
/// The highest fee, in thousandths.
pub const FEE_PER_MILLE_MAX: u32 = 200;

impl PayoutTerms {
    /// What a town begins with: month end, five business days later, no fee.
    #[must_use]
    pub fn standard() -> Self {
        Self { cycle: Cycle::month_end(), pay_after: 5, fee_per_mille: 0 }
    }

    /// Whether every figure is within its bounds.
    #[must_use]
    pub const fn well_formed(&self) -> bool {
        self.pay_after <= PAY_AFTER_MAX && self.fee_per_mille <= FEE_PER_MILLE_MAX
    }
}

/// The key of the one value of a section that has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct Only {}

impl Bucketed for Only {
    fn place(&self) -> u128 {
        0
    }
}

/// Who did a step of a run, and on which day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Mark {
    /// Who.
    #[n(0)]
    pub officer: OfficerId,
    /// The day it was done on; of a payment the day the bank pays.
    #[n(1)]
    pub on: BusinessDate,
}

/// What the node still does to a run, slice by slice: an entry holds some shops only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Work {
    /// The shops behind this one are not closed yet.
    #[n(0)]
    Closing(#[n(0)] Option<MerchantId>),
    /// The shops behind this one are not marked as paid yet.
    #[n(1)]
    Paying(#[n(0)] Option<MerchantId>),
}

/// A payout run that was closed: one period, every shop.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Run {
    /// The period's first day.
    #[n(0)]
    pub from: BusinessDate,
    /// The period's last day.
    #[n(1)]
    pub last: BusinessDate,
    /// The business day on which the shops are to be paid.
    #[n(2)]
    pub pay_on: BusinessDate,
    /// The town's fee in thousandths.
    #[n(3)]
    pub fee_per_mille: u32,
    /// Who closed it.
    #[n(4)]
    pub closed: Mark,
    /// Who checked it, another officer (確認).
    #[n(5)]
    pub checked: Option<Mark>,
    /// Who handed it to the accounting office (会計へ引継).
    #[n(6)]
    pub handed_over: Option<Mark>,
    /// Who entered that the bank paid it.
    #[n(7)]
    pub paid: Option<Mark>,
    /// What the node still does.
    #[n(8)]
    pub work: Option<Work>,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RunState {
    /// Closed; the shops follow in slices.
    Closing,
    /// Every shop of it is closed.
    Closed,
    /// Checked by another officer.
    Checked,
    /// With the accounting office.
    HandedOver,
    /// Marked as paid; the shops follow in slices.
    Paying,
    /// Paid.
    Paid,
}

impl RunState {
    /// The state in a word, as the API writes it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Closing => "closing",
            Self::Closed => "closed",
            Self::Checked => "checked",
            Self::HandedOver => "handed_over",
            Self::Paying => "paying",
            Self::Paid => "paid",
        }
    }
}

impl Run {
    /// How far it is.
    #[must_use]
    pub const fn state(&self) -> RunState {
        match (&self.work, &self.paid, &self.handed_over, &self.checked) {
            (Some(Work::Closing(_)), ..) => RunState::Closing,
            (Some(Work::Paying(_)), ..) => RunState::Paying,
            (None, Some(_), ..) => RunState::Paid,
            (None, None, Some(_), _) => RunState::HandedOver,
            (None, None, None, Some(_)) => RunState::Checked,
            (None, None, None, None) => RunState::Closed,
        }
    }

    /// The fiscal year whose spending it is: every period is cut at 31 March.
    #[must_use]
    pub const fn fiscal_year(&self) -> FiscalYear {
        self.last.fiscal_year()
    }
}

/// From which year's budget a payment is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spending {
    /// Of its own year, within the year.
    OfItsYear(FiscalYear),
    /// Of the old year, between 1 April and 31 May (出納整理期間).
    Closing(FiscalYear),
    /// Of the old year, behind 31 May: spent from the current year's budget (過年度支出).
    PastYear(FiscalYear),
}

impl Spending {
    /// The spending of a period that ends on `last` and is paid on `paid`.
    #[must_use]
    pub fn of(last: BusinessDate, paid: BusinessDate) -> Self {
        let year = last.fiscal_year();
        if paid.fiscal_year() == year {
            return Self::OfItsYear(year);
        }
        let closes = BusinessDate::new(year.0.saturating_add(1), 5, 31);
        if closes.is_some_and(|closes| paid <= closes) {
            Self::Closing(year)
        } else {
            Self::PastYear(year)
        }
    }
}

/// A shop in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct StatementKey {
    /// The run.
    #[n(0)]
    pub run: RunId,
    /// The shop.
    #[n(1)]
    pub merchant: MerchantId,
}

impl Bucketed for StatementKey {
    fn place(&self) -> u128 {
        u128::from(self.run.0) << 32 | u128::from(self.merchant.0)
    }
}

/// Why a bank transfer came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum ReturnReason {
    /// There is no such account (該当口座なし).
    #[n(0)]
    NoAccount,
    /// The holder's name is another one (受取人名相違).
    #[n(1)]
    OtherName,
    /// The account was closed (口座解約).
    #[n(2)]
    AccountClosed,
    /// Something else.
    #[n(3)]
    Other,
}

/// How a statement stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum StatementState {
    /// Nothing is paid: what the shop owed back took all of it.
    #[n(0)]
    Nothing,
    /// Owed to the shop.
    #[n(1)]
    Owed,
    /// Paid by bank transfer.
    #[n(2)]
    Paid(#[n(0)] Mark),
    /// The transfer came back: owed again.
    #[n(3)]
    Returned {
        /// Who entered it, and the day it came back on.
        #[n(0)]
        mark: Mark,
        /// Why.
        #[n(1)]
        reason: ReturnReason,
        /// Whether it is paid with the next run; otherwise again by itself.
        #[n(2)]
        next_run: bool,
    },
    /// Came back, and is paid with another run.
    #[n(4)]
    MovedTo(#[n(0)] RunId),
}

/// What a run makes for one shop (支払明細).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Statement {
    /// Taken in the period, by kind.
    #[n(0)]
    pub taken: BTreeMap<Taken, Points>,
    /// Given back while the period was open, by kind.
    #[n(1)]
    pub back: BTreeMap<Taken, Points>,
    /// The town's fee.
    #[n(2)]
    pub fee: Points,
    /// What the shop owed back from earlier periods, as far as it was set off here.
    #[n(3)]
    pub set_off: Points,
    /// What it still owes back behind this statement.
    #[n(4)]
    pub claim_left: Points,
    /// Transfers of earlier runs that came back and are paid with this one.
    #[n(5)]
    pub brought: Points,
    /// What is paid.
    #[n(6)]
    pub net: Points,
    /// How it stands.
    #[n(7)]
    pub state: StatementState,
}

impl Statement {
    /// All that was taken in the period.
    #[must_use]
    pub fn gross(&self) -> Points {
        Points::sum(self.taken.values().copied()).unwrap_or(Points::MAX)
    }

    /// All that was given back while the period was open.
    #[must_use]
    pub fn given_back(&self) -> Points {
        Points::sum(self.back.values().copied()).unwrap_or(Points::MAX)
    }

    /// What one statement comes to; none if the sums are too large.
    #[must_use]
    pub fn made(
        taken: BTreeMap<Taken, Points>,
        back: BTreeMap<Taken, Points>,
        fee_per_mille: u32,
        claim: Points,
        brought: Points,
    ) -> Option<Self> {
        let gross = Points::sum(taken.values().copied())?;
        let kept = gross.minus(Points::sum(back.values().copied())?)?;
        // Rounded down: the shop gets the rest of a point.
        let fee = Points::new(kept.times(u64::from(fee_per_mille))?.get() / 1000)?;
        let before = kept.minus(fee)?.plus(brought)?;
        let set_off = claim.min(before);
        let net = before.minus(set_off)?;
        let state = if net.is_zero() { StatementState::Nothing } else { StatementState::Owed };
        let claim_left = claim.minus(set_off)?;
        Some(Self { taken, back, fee, set_off, claim_left, brought, net, state })
    }
}

/// What a budget line stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub enum Purse {
    /// The points of a programme.
    #[n(0)]
    Programme(#[n(0)] crate::id::ProgrammeId),
    /// A street's rewards.
    #[n(1)]
    Scheme(#[n(0)] crate::id::SchemeId),
    /// Points converted from a company, and claimed from it.
    #[n(2)]
    Company(#[n(0)] crate::id::CompanyId),
    /// The town's fee.
    #[n(3)]
    Fee,
    /// What shops are paid, where no other line says so.
    #[n(4)]
    Shops,
}

impl Bucketed for Purse {
    fn place(&self) -> u128 {
        0
    }
}

/// Where a sum stands in the town's budget (予算科目).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct BudgetLine {
    /// What it is for.
    #[n(0)]
    pub purse: Purse,
    /// 会計
    #[n(1)]
    pub account: Label,
    /// 款
    #[n(2)]
    pub title: Label,
    /// 項
    #[n(3)]
    pub item: Label,
    /// 目
    #[n(4)]
    pub entry: Label,
    /// 節
    #[n(5)]
    pub section: Label,
    /// 細節
    #[n(6)]
    pub detail: Option<Label>,
}

#[cfg(test)]
mod tests;
