//! Vouchers at the desk: kinds, stock, issue, void, loss.

use alloc::{collections::BTreeMap, vec, vec::Vec};
use minicbor::{Decode, Encode};

use super::{
    Broken, Ledger, Plan,
    check::may_spend,
    payment::{lots_taken, may_still_come},
};
use crate::{
    account::{Account, Side},
    command::{VoucherBuyer, VoucherIssueShared, VoucherIssueVoid, VoucherPayment, VoucherReissue},
    date::{BusinessDate, Time},
    entry::Effect,
    id::{AccountId, DeskId, EntryIndex, MerchantId, ProgrammeId, VoucherIssueId, VoucherKindId},
    lot::Lot,
    points::Points,
    posting::{Posting, Postings},
    refusal::Refusal,
    voucher::{SHEETS_MAX, SoldFor, VoucherId, VoucherKind},
};

/// Vouchers that were issued at once.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct VoucherIssue {
    /// Of which kind; of none if the issue was called off before it arrived.
    #[n(0)]
    pub kind: Option<VoucherKindId>,
    /// How it stands.
    #[n(1)]
    pub state: IssueState,
}

/// How an issue stands.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum IssueState {
    /// Handed out.
    #[n(0)]
    Issued {
        /// At which desk.
        #[n(0)]
        desk: DeskId,
        /// How many units.
        #[n(1)]
        units: u32,
        /// Whose points, or whose limit.
        #[n(2)]
        account: Option<AccountId>,
        /// The points that were taken, in order; none for cash.
        #[n(3)]
        lots: Vec<Lot>,
        /// What a programme added.
        #[n(4)]
        premium: Option<Premium>,
        /// The serials.
        #[n(5)]
        numbers: Vec<u32>,
    },
    /// Voided, also before it arrived.
    #[n(1)]
    Voided,
}

/// What a programme added to an issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Premium {
    /// Which programme.
    #[n(0)]
    pub programme: ProgrammeId,
    /// How much.
    #[n(1)]
    pub points: Points,
}

/// One voucher that was issued.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Voucher {
    /// With which issue.
    #[n(0)]
    pub issue: VoucherIssueId,
    /// The last day on which shops take it.
    #[n(1)]
    pub expires: BusinessDate,
    /// The last day on which the office takes it from shops.
    #[n(2)]
    pub ends: BusinessDate,
    /// The lost one that it replaces.
    #[n(3)]
    pub replaces: Option<u32>,
    /// How it stands.
    #[n(4)]
    pub state: VoucherState,
}

/// How a voucher stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum VoucherState {
    /// Issued, not yet redeemed.
    #[n(0)]
    Out,
    /// Redeemed.
    #[n(1)]
    Redeemed {
        /// By which shop.
        #[n(0)]
        merchant: MerchantId,
        /// By which entry.
        #[n(1)]
        entry: EntryIndex,
    },
    /// Voided with its issue.
    #[n(2)]
    Voided,
    /// Lost; another one stands for it.
    #[n(3)]
    Lost {
        /// That one.
        #[n(0)]
        by: u32,
    },
    /// Nobody redeemed it.
    #[n(4)]
    Lapsed,
}

/// Units that a person has, by kind.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
pub struct Bought {
    /// Counts; a void gives them back.
    #[n(0)]
    pub units: BTreeMap<VoucherKindId, u32>,
}

impl Ledger {
    pub(super) fn plan_voucher_kind(&self, kind: &VoucherKind) -> Result<Plan, Refusal> {
        if !kind.well_formed() {
            return Err(Refusal::NotWellFormed);
        }
        if let Some(programme) = &kind.premium
            && !self.programmes.contains(programme)
        {
            return Err(Refusal::UnknownProgramme);
        }
        match self.voucher_kinds.get(&kind.id) {
            // What is printed on sheets that are there already stays.
            Some(known)
                if self.voucher_stock.contains(&kind.id)
                    && (known.face != kind.face || known.serial != kind.serial) =>
            {
                Err(Refusal::Exists)
            }
            Some(_) | None => Ok(Plan::FACT),
        }
    }

    pub(super) fn plan_issue(
        &self,
        shared: &VoucherIssueShared,
        buyer: &VoucherBuyer,
    ) -> Result<Plan, Refusal> {
        let today = self.meta.day;
        match self.voucher_issues.get(&shared.issue).map(|issue| &issue.state) {
            Some(IssueState::Voided) => return Err(Refusal::VoucherIssueVoided),
            Some(IssueState::Issued { .. }) => return Err(Refusal::Exists),
            None => {}
        }
        let kind = self.voucher_kind_at(shared.kind, shared.desk)?;
        let sheets = kind.sheets.checked_mul(shared.units).filter(|sheets| *sheets <= SHEETS_MAX);
        let Some(sheets) = sheets.filter(|sheets| *sheets > 0) else {
            return Err(Refusal::NotWellFormed);
        };
        let sold = match buyer.payment {
            VoucherPayment::Points => matches!(kind.sold_for, SoldFor::Points | SoldFor::Either),
            VoucherPayment::Cash => matches!(kind.sold_for, SoldFor::Cash | SoldFor::Either),
        };
        if !sold || today < kind.from || today > kind.until || kind.valid.last_day(today) < today {
            return Err(Refusal::VoucherNotSold);
        }
        self.within_person_limit(kind, shared.units, buyer)?;
        self.stock_holds(kind.id, shared.desk, sheets)?;
        self.pay_issue(kind, shared, buyer)
    }

    fn within_person_limit(
        &self,
        kind: &VoucherKind,
        units: u32,
        buyer: &VoucherBuyer,
    ) -> Result<(), Refusal> {
        let Some(limit) = kind.per_person else { return Ok(()) };
        let account = buyer.account.ok_or(Refusal::AccountNeeded)?;
        if !self.holders.contains(&account) {
            return Err(Refusal::UnknownAccount);
        }
        let bought = self.voucher_buyers.get(&account);
        let had = bought.and_then(|bought| bought.units.get(&kind.id)).copied().unwrap_or(0);
        if had.checked_add(units).is_none_or(|sum| sum > limit) {
            return Err(Refusal::OverVoucherLimit { left: limit.saturating_sub(had) });
        }
        Ok(())
    }

    /// The postings of an issue: the price from points or cash, the rest from the programme.
    fn pay_issue(
        &self,
        kind: &VoucherKind,
        shared: &VoucherIssueShared,
        buyer: &VoucherBuyer,
    ) -> Result<Plan, Refusal> {
        let today = self.meta.day;
        let price = kind.price.times(u64::from(shared.units)).ok_or(Refusal::TooManyPoints)?;
        let worth = kind.worth(shared.units).ok_or(Refusal::TooManyPoints)?;
        let premium = worth.minus(price).ok_or(Refusal::NotWellFormed)?;
        let paid = match buyer.payment {
            VoucherPayment::Points => {
                let holder = buyer.account.ok_or(Refusal::AccountNeeded)?;
                let held = self.holders.get(&holder).ok_or(Refusal::UnknownAccount)?;
                may_spend(held.state)?;
                let lots = held.lots.take(price, today, |_| true);
                let lots = lots.ok_or_else(|| Refusal::ShortOfPoints {
                    held: held.lots.spendable(today),
                    asked: price,
                })?;
                Posting::Lots { holder, side: Side::Debit, lots }
            }
            VoucherPayment::Cash => Posting::Book {
                account: Account::Cash(shared.desk),
                side: Side::Debit,
                points: price,
            },
        };
        let mut postings = vec![paid];
        if let Some(programme) = kind.premium {
            self.premium_left(programme, premium)?;
            let account = Account::Programme(programme);
            postings.push(Posting::Book { account, side: Side::Debit, points: premium });
        }
        let account = Account::Voucher(kind.id);
        postings.push(Posting::Book { account, side: Side::Credit, points: worth });
        Postings::balanced(postings).map(Plan::moving).ok_or(Refusal::TooManyPoints)
    }

    /// Whether a programme runs today and has so much left for a premium.
    fn premium_left(&self, programme: ProgrammeId, premium: Points) -> Result<(), Refusal> {
        let programme = self.programmes.get(&programme).ok_or(Refusal::UnknownProgramme)?;
        if self.meta.day < programme.from || self.meta.day > programme.until {
            return Err(Refusal::ProgrammeNotRunning);
        }
        let given = self.balance(&Account::Programme(programme.id));
        if given.plus(premium).is_none_or(|sum| sum > programme.ceiling) {
            let left = programme.ceiling.minus(given).unwrap_or(Points::ZERO);
            return Err(Refusal::BudgetExhausted { left });
        }
        Ok(())
    }

    pub(super) fn apply_issue(
        &mut self,
        shared: &VoucherIssueShared,
        buyer: &VoucherBuyer,
        effect: &Effect,
    ) -> Result<(), Broken> {
        let today = self.meta.day;
        let kind = self.voucher_kinds.get(&shared.kind).ok_or(Broken::Unknown)?;
        let expires = kind.valid.last_day(today);
        let ends = expires.plus_days(kind.office_days);
        let sheets = kind.sheets.checked_mul(shared.units).ok_or(Broken::Balance)?;
        let premium = kind.premium.map(|programme| {
            let points = effect.postings.taken_from(Account::Programme(programme));
            Premium { programme, points }
        });
        let numbers = self.take_stock(shared.kind, shared.desk, sheets)?;
        for number in &numbers {
            let voucher = Voucher {
                issue: shared.issue,
                expires,
                ends,
                replaces: None,
                state: VoucherState::Out,
            };
            self.put_voucher(VoucherId { kind: shared.kind, number: *number }, voucher);
        }
        self.count_units(buyer.account, shared.kind, |had| had.checked_add(shared.units))?;
        let state = IssueState::Issued {
            desk: shared.desk,
            units: shared.units,
            account: buyer.account,
            lots: lots_taken(effect),
            premium,
            numbers,
        };
        self.voucher_issues.insert(shared.issue, VoucherIssue { kind: Some(shared.kind), state });
        Ok(())
    }

    fn count_units(
        &mut self,
        account: Option<AccountId>,
        kind: VoucherKindId,
        change: impl Fn(u32) -> Option<u32>,
    ) -> Result<(), Broken> {
        if let Some(account) = account {
            let units = self.voucher_buyers.get_or_default(account).units.entry(kind).or_default();
            *units = change(*units).ok_or(Broken::Balance)?;
        }
        Ok(())
    }

    pub(super) fn plan_issue_void(
        &self,
        time: Time,
        void: &VoucherIssueVoid,
    ) -> Result<Plan, Refusal> {
        let Some(issue) = self.voucher_issues.get(&void.issue) else {
            return if may_still_come(time, &void.issue.0) {
                // It will find itself voided.
                Ok(Plan::FACT)
            } else {
                Err(Refusal::UnknownVoucherIssue)
            };
        };
        let (Some(kind), IssueState::Issued { desk, account, lots, premium, numbers, .. }) =
            (issue.kind, &issue.state)
        else {
            return Err(Refusal::VoucherIssueVoided);
        };
        let face = self.redeemable(kind, numbers, |voucher| voucher.expires)?;
        if lots.is_empty() && premium.is_some() {
            return Err(Refusal::CashPremium);
        }
        let from = Account::Voucher(kind);
        let mut back = match account.filter(|_| !lots.is_empty()) {
            Some(account) => self.returned(account, lots.iter().rev().copied(), from),
            None => vec![
                Posting::Book { account: from, side: Side::Debit, points: face },
                Posting::Book { account: Account::Cash(*desk), side: Side::Credit, points: face },
            ],
        };
        if let Some(Premium { programme, points }) = *premium {
            let account = Account::Programme(programme);
            back.push(Posting::Book { account: from, side: Side::Debit, points });
            back.push(Posting::Book { account, side: Side::Credit, points });
        }
        Postings::balanced(back).map(Plan::moving).ok_or(Refusal::TooManyPoints)
    }

    pub(super) fn apply_issue_void(&mut self, void: &VoucherIssueVoid) -> Result<(), Broken> {
        let kind = self.voucher_issues.get(&void.issue).and_then(|issue| issue.kind);
        let voided = VoucherIssue { kind, state: IssueState::Voided };
        let Some(issue) = self.voucher_issues.insert(void.issue, voided) else { return Ok(()) };
        let (Some(kind), IssueState::Issued { numbers, account, units, .. }) =
            (issue.kind, issue.state)
        else {
            return Err(Broken::Unknown);
        };
        for number in numbers {
            self.end_voucher(VoucherId { kind, number }, VoucherState::Voided)?;
        }
        self.count_units(account, kind, |had| had.checked_sub(units))
    }

    pub(super) fn plan_voucher_reissue(&self, reissue: &VoucherReissue) -> Result<Plan, Refusal> {
        let number = reissue.number;
        self.voucher_kind_at(reissue.kind, reissue.desk)?;
        self.redeemable(reissue.kind, &[number], |voucher| voucher.expires)?;
        let id = VoucherId { kind: reissue.kind, number };
        if self.vouchers.get(&id).is_some_and(|voucher| voucher.replaces.is_some()) {
            return Err(Refusal::VoucherReissued { number });
        }
        self.stock_holds(reissue.kind, reissue.desk, 1)?;
        Ok(Plan::FACT)
    }

    pub(super) fn apply_voucher_reissue(&mut self, reissue: &VoucherReissue) -> Result<(), Broken> {
        let numbers = self.take_stock(reissue.kind, reissue.desk, 1)?;
        let by = numbers.first().copied().ok_or(Broken::Unknown)?;
        let lost = VoucherId { kind: reissue.kind, number: reissue.number };
        let was = self.end_voucher(lost, VoucherState::Lost { by })?;
        let replaces = Some(reissue.number);
        let voucher = Voucher { replaces, state: VoucherState::Out, ..was };
        self.put_voucher(VoucherId { kind: reissue.kind, number: by }, voucher);
        Ok(())
    }
}
