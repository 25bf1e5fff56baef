//! Vouchers at a shop: redemption by its terminal or at the office, its void, and what lapses.

use alloc::{collections::BTreeMap, vec::Vec};
use minicbor::{Decode, Encode};

use super::{
    Broken, DeskStock, Ledger, Plan, Taken, Voucher, VoucherIssue, VoucherState, lapse,
    payment::may_still_come,
};
use crate::{
    account::{Account, LapsedKind, Side},
    command::{
        Command, DayTurn, InUse, Nothing, RedemptionIntent, RedemptionVoidIntent, VoucherBundle,
    },
    date::{BusinessDate, Time},
    id::{DeskId, EntryIndex, MerchantId, RedemptionId, VoucherIssueId, VoucherKindId},
    key::{ClientKey, JobKind, WINDOW_BACK_MS},
    place::ascending,
    points::Points,
    posting::{Posting, Postings},
    refusal::Refusal,
    voucher::{SHEETS_MAX, VoucherId, VoucherKind},
};

/// Vouchers that one entry lapses at most.
const LAPSE_VOUCHERS_MAX: usize = 1_000;
/// Days for which a redemption is kept: it can be voided on its own day only.
const KEPT_DAYS: u64 = 2;

/// A redemption, as long as it can be voided.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Redemption {
    /// By which shop.
    #[n(0)]
    pub merchant: MerchantId,
    /// How it stands.
    #[n(1)]
    pub state: RedemptionState,
}

/// How a redemption stands.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum RedemptionState {
    /// Redeemed.
    #[n(0)]
    Taken {
        /// On which day.
        #[n(0)]
        day: BusinessDate,
        /// Of which kind.
        #[n(1)]
        kind: VoucherKindId,
        /// The serials.
        #[n(2)]
        numbers: Vec<u32>,
    },
    /// Voided, also before it arrived.
    #[n(1)]
    Voided,
}

impl Ledger {
    /// What these vouchers are worth, if every one of them can be used today.
    pub(super) fn redeemable(
        &self,
        kind: VoucherKindId,
        numbers: &[u32],
        last: impl Fn(&Voucher) -> BusinessDate,
    ) -> Result<Points, Refusal> {
        let face = self.voucher_kinds.get(&kind).ok_or(Refusal::UnknownVoucherKind)?.face;
        for number in numbers.iter().copied() {
            let voucher = self.vouchers.get(&VoucherId { kind, number });
            let voucher = voucher.ok_or(Refusal::UnknownVoucher { number })?;
            match voucher.state {
                VoucherState::Out if last(voucher) < self.meta.day => {
                    return Err(Refusal::VoucherExpired { number, last: last(voucher) });
                }
                VoucherState::Out => {}
                VoucherState::Redeemed { entry, .. } => {
                    return Err(Refusal::VoucherRedeemed { number, first: entry });
                }
                VoucherState::Voided => return Err(Refusal::VoucherVoided { number }),
                VoucherState::Lost { .. } => return Err(Refusal::VoucherLost { number }),
                VoucherState::Lapsed => {
                    return Err(Refusal::VoucherExpired { number, last: voucher.expires });
                }
            }
        }
        let count = u64::try_from(numbers.len()).map_err(|_| Refusal::TooManyPoints)?;
        face.times(count).ok_or(Refusal::TooManyPoints)
    }

    /// Redeems at a shop, on the word of its terminal or of the office.
    fn plan_taking(
        &self,
        merchant: MerchantId,
        kind: VoucherKindId,
        numbers: &[u32],
        last: impl Fn(&Voucher) -> BusinessDate,
    ) -> Result<Plan, Refusal> {
        let known = self.voucher_kinds.get(&kind).ok_or(Refusal::UnknownVoucherKind)?;
        let few = u32::try_from(numbers.len()).is_ok_and(|count| count <= SHEETS_MAX);
        if numbers.is_empty() || !few || !ascending(numbers) {
            return Err(Refusal::NotWellFormed);
        }
        if !known.shops.has(merchant) {
            return Err(Refusal::VoucherNotTakenHere);
        }
        let worth = self.redeemable(kind, numbers, last)?;
        Postings::between(Account::Voucher(kind), Account::Merchant(merchant), worth)
            .map(Plan::moving)
            .ok_or(Refusal::TooManyPoints)
    }

    pub(super) fn plan_redemption(&self, intent: &RedemptionIntent) -> Result<Plan, Refusal> {
        self.at_own_till(intent.town, intent.merchant, intent.terminal)?;
        let merchant = self.merchants.get(&intent.merchant).ok_or(Refusal::UnknownMerchant)?;
        if merchant.state == InUse::Suspended {
            return Err(Refusal::MerchantSuspended);
        }
        if self.redemptions.contains(&intent.key.redemption()) {
            // Nothing but a void that came first makes a redemption whose key is new.
            return Err(Refusal::RedemptionVoided);
        }
        self.plan_taking(intent.merchant, intent.kind, &intent.numbers, |voucher| voucher.expires)
    }

    pub(super) fn plan_bundle(&self, bundle: &VoucherBundle) -> Result<Plan, Refusal> {
        if !self.merchants.contains(&bundle.merchant) {
            return Err(Refusal::UnknownMerchant);
        }
        self.plan_taking(bundle.merchant, bundle.kind, &bundle.numbers, |voucher| voucher.ends)
    }

    fn take_vouchers(
        &mut self,
        entry: EntryIndex,
        merchant: MerchantId,
        (kind, numbers): (VoucherKindId, &[u32]),
    ) -> Result<(), Broken> {
        let face = self.voucher_kinds.get(&kind).ok_or(Broken::Unknown)?.face;
        let count = u64::try_from(numbers.len()).map_err(|_| Broken::Balance)?;
        for number in numbers.iter().copied() {
            let state = VoucherState::Redeemed { merchant, entry };
            self.end_voucher(VoucherId { kind, number }, state)?;
        }
        let worth = face.times(count).ok_or(Broken::Balance)?;
        self.shop_took(merchant, self.meta.day, Taken::Voucher, worth)
    }

    pub(super) fn apply_redemption(
        &mut self,
        entry: EntryIndex,
        intent: &RedemptionIntent,
    ) -> Result<(), Broken> {
        self.take_vouchers(entry, intent.merchant, (intent.kind, &intent.numbers))?;
        let (day, kind, numbers) = (self.meta.day, intent.kind, intent.numbers.clone());
        let state = RedemptionState::Taken { day, kind, numbers };
        let redemption = Redemption { merchant: intent.merchant, state };
        self.redemptions.insert(intent.key.redemption(), redemption);
        Ok(())
    }

    pub(super) fn apply_bundle(
        &mut self,
        entry: EntryIndex,
        bundle: &VoucherBundle,
    ) -> Result<(), Broken> {
        self.take_vouchers(entry, bundle.merchant, (bundle.kind, &bundle.numbers))
    }

    pub(super) fn plan_redemption_void(
        &self,
        time: Time,
        intent: &RedemptionVoidIntent,
    ) -> Result<Plan, Refusal> {
        self.at_own_till(intent.town, intent.merchant, intent.terminal)?;
        let Some(redemption) = self.redemptions.get(&intent.redemption) else {
            return if may_still_come(time, &intent.redemption.0) {
                // It will find itself voided.
                Ok(Plan::FACT)
            } else {
                Err(Refusal::UnknownRedemption)
            };
        };
        if redemption.merchant != intent.merchant {
            return Err(Refusal::NotYourRedemption);
        }
        let RedemptionState::Taken { day, kind, numbers } = &redemption.state else {
            return Err(Refusal::RedemptionVoided);
        };
        if *day != self.meta.day {
            return Err(Refusal::DayClosed);
        }
        let worth = self.worth_of(*kind, numbers).ok_or(Refusal::TooManyPoints)?;
        let from = self.shop_gives_from(intent.merchant, *day);
        Postings::between(from, Account::Voucher(*kind), worth)
            .map(Plan::moving)
            .ok_or(Refusal::TooManyPoints)
    }

    fn worth_of(&self, kind: VoucherKindId, numbers: &[u32]) -> Option<Points> {
        let face = self.voucher_kinds.get(&kind)?.face;
        face.times(u64::try_from(numbers.len()).ok()?)
    }

    pub(super) fn apply_redemption_void(
        &mut self,
        intent: &RedemptionVoidIntent,
    ) -> Result<(), Broken> {
        let merchant = intent.merchant;
        let voided = Redemption { merchant, state: RedemptionState::Voided };
        let Some(was) = self.redemptions.insert(intent.redemption, voided) else { return Ok(()) };
        let RedemptionState::Taken { day, kind, numbers } = was.state else {
            return Err(Broken::Unknown);
        };
        for number in numbers.iter().copied() {
            let id = VoucherId { kind, number };
            let voucher = self.vouchers.get(&id).ok_or(Broken::Unknown)?;
            self.put_voucher(id, Voucher { state: VoucherState::Out, ..voucher.clone() });
        }
        let worth = self.worth_of(kind, &numbers).ok_or(Broken::Balance)?;
        self.shop_gave_back(merchant, day, Taken::Voucher, worth)
    }

    /// Puts a voucher that can be redeemed.
    pub(super) fn put_voucher(&mut self, id: VoucherId, voucher: Voucher) {
        if ends(&voucher) {
            self.voucher_ends.insert((voucher.ends, id), ());
        }
        self.vouchers.insert(id, voucher);
    }

    /// Ends a voucher; what it was before comes back.
    pub(super) fn end_voucher(
        &mut self,
        id: VoucherId,
        state: VoucherState,
    ) -> Result<Voucher, Broken> {
        let voucher = self.vouchers.get_mut(&id).ok_or(Broken::Unknown)?;
        let was = voucher.clone();
        voucher.state = state;
        self.voucher_ends.remove(&(was.ends, id));
        Ok(was)
    }

    pub(super) fn derive_voucher_ends(&mut self) {
        for (id, voucher) in self.vouchers.iter().filter(|(_, voucher)| ends(voucher)) {
            self.voucher_ends.insert((voucher.ends, *id), ());
        }
    }

    /// Vouchers that nobody can redeem any more, as many as one entry takes.
    fn lapsing_vouchers(&self) -> Vec<VoucherId> {
        let over = self.voucher_ends.iter().take_while(|((ends, _), ())| *ends < self.meta.day);
        over.take(LAPSE_VOUCHERS_MAX).map(|((_, id), ())| *id).collect()
    }

    pub(super) fn voucher_lapse_due(&self) -> Option<(JobKind, Command)> {
        let first = self.voucher_ends.iter().next();
        let due = first.is_some_and(|((ends, _), ())| *ends < self.meta.day);
        let turn = DayTurn { date: self.meta.day };
        due.then_some((JobKind::VoucherLapse, Command::LapseVouchers(turn, Nothing {})))
    }

    pub(super) fn plan_voucher_lapse(&self) -> Result<Plan, Refusal> {
        let mut postings = Vec::new();
        let mut sums: BTreeMap<VoucherKindId, Points> = BTreeMap::new();
        for id in self.lapsing_vouchers() {
            let face = self.voucher_kinds.get(&id.kind).ok_or(Refusal::UnknownVoucherKind)?.face;
            let sum = sums.entry(id.kind).or_default();
            *sum = sum.plus(face).ok_or(Refusal::TooManyPoints)?;
        }
        if sums.is_empty() {
            return Err(Refusal::NothingDue);
        }
        for (kind, points) in sums {
            let account = Account::Voucher(kind);
            postings.push(Posting::Book { account, side: Side::Debit, points });
            lapse::credit(Account::Lapsed(LapsedKind::Voucher), points, &mut postings);
        }
        Postings::balanced(postings).map(Plan::moving).ok_or(Refusal::TooManyPoints)
    }

    pub(super) fn apply_voucher_lapse(&mut self) -> Result<(), Broken> {
        for id in self.lapsing_vouchers() {
            self.end_voucher(id, VoucherState::Lapsed)?;
        }
        Ok(())
    }

    pub(super) fn forget_redemptions(&mut self, time: Time) {
        let kept = KEPT_DAYS.saturating_mul(86_400_000).saturating_add(WINDOW_BACK_MS);
        let bound = ClientKey::floor(Time(time.0.saturating_sub(kept)));
        self.redemptions.remove_some_below(&bound.redemption(), lapse::FORGET_MAX);
    }

    /// The kinds of vouchers in order.
    pub fn voucher_kinds(&self) -> impl Iterator<Item = &VoucherKind> {
        self.voucher_kinds.iter().map(|(_, kind)| kind)
    }

    /// A kind of voucher.
    #[must_use]
    pub fn voucher_kind(&self, kind: &VoucherKindId) -> Option<&VoucherKind> {
        self.voucher_kinds.get(kind)
    }

    /// A voucher that was issued.
    #[must_use]
    pub fn voucher(&self, voucher: &VoucherId) -> Option<&Voucher> {
        self.vouchers.get(voucher)
    }

    /// Vouchers that were issued at once.
    #[must_use]
    pub fn voucher_issue(&self, issue: &VoucherIssueId) -> Option<&VoucherIssue> {
        self.voucher_issues.get(issue)
    }

    /// What a desk has of a kind.
    #[must_use]
    pub fn voucher_stock_at(&self, kind: VoucherKindId, desk: DeskId) -> Option<&DeskStock> {
        self.voucher_stock.get(&kind)?.desks.get(&desk)
    }

    /// A redemption that can still be voided.
    #[must_use]
    pub fn redemption(&self, redemption: &RedemptionId) -> Option<&Redemption> {
        self.redemptions.get(redemption)
    }
}

/// Whether a voucher can be redeemed and ends at all.
fn ends(voucher: &Voucher) -> bool {
    voucher.state == VoucherState::Out && voucher.ends < BusinessDate::LAST
}
