//! Refunds, and whatever else comes back: the same lots, the last taken first, with grace where
//! they lapsed meanwhile (money-rules, A refund; On the way nothing lapses).

use alloc::vec::Vec;

use super::{Broken, Ledger, PaymentState, Plan, Taken, lapse, payment::refund_until};
use crate::{
    account::{Account, HolderState, Side},
    date::Time,
    entry::{Effect, Entry},
    id::AccountId,
    intent::{RefundIntent, VoidIntent},
    lot::{Lot, Return, points_of},
    points::Points,
    posting::{Posting, Postings},
    refusal::Refusal,
};

impl Ledger {
    pub(super) fn plan_refund(&self, intent: &RefundIntent) -> Result<Plan, Refusal> {
        self.at_own_till(intent.town, intent.merchant, intent.terminal)?;
        let payment = self.payments.get(&intent.payment).ok_or(Refusal::UnknownPayment)?;
        if payment.merchant != intent.merchant {
            return Err(Refusal::NotYourPayment);
        }
        let (payer, day, lots, refunded) = match &payment.state {
            PaymentState::Taken { payer, day, lots, refunded } => (payer, day, lots, refunded),
            PaymentState::Roamed { .. } => return self.plan_roamed_refund(intent),
            PaymentState::Voided => return Err(Refusal::AlreadyVoided),
        };
        if intent.points.is_zero() {
            return Err(Refusal::NoPoints);
        }
        let last = refund_until(*day, self.terms.refund_days);
        if self.meta.day > last {
            return Err(Refusal::RefundWindowOver { last });
        }
        let paid = Points::sum(lots.iter().map(|lot| lot.points)).unwrap_or(Points::ZERO);
        let left = paid.minus(*refunded).unwrap_or(Points::ZERO);
        if intent.points > left {
            return Err(Refusal::OverRefunded { left });
        }
        let back = last_taken_first(lots, *refunded, intent.points);
        let from = self.shop_gives_from(payment.merchant, *day);
        let mut postings = self.returned(*payer, back, from);
        if intent.points == left {
            // The last point of the purchase comes back, so what it earned goes back as well.
            postings.extend(self.reward_back(&intent.payment, Points::ZERO));
        }
        Postings::balanced(postings).map(Plan::moving).ok_or(Refusal::TooManyPoints)
    }

    pub(super) fn apply_refund(
        &mut self,
        entry: &Entry,
        intent: &RefundIntent,
        effect: &Effect,
    ) -> Result<(), Broken> {
        let payment = self.payments.get_mut(&intent.payment).ok_or(Broken::Unknown)?;
        let (refunded, day, lots) = match &mut payment.state {
            PaymentState::Taken { refunded, day, lots, .. } => (refunded, day, lots),
            PaymentState::Roamed { .. } => return self.apply_roamed_refund(entry, intent, effect),
            PaymentState::Voided => return Err(Broken::Unknown),
        };
        *refunded = refunded.plus(intent.points).ok_or(Broken::Balance)?;
        let whole = Points::sum(lots.iter().map(|lot| lot.points)) == Some(*refunded);
        let day = *day;
        if whole {
            self.note_reward_back(&intent.payment, Points::ZERO, effect)?;
        }
        // What the shop gives back in cash is no posting, and stays owed to it.
        let back = effect.postings.taken_from(self.shop_gives_from(intent.merchant, day));
        self.shop_gave_back(intent.merchant, day, Taken::Payment, back)
    }

    /// The postings by which lots come back to a holder out of an account: each as valid as it
    /// was, with grace, lapsed, or to `unclaimed` where the account is closed. What the law
    /// forbids to give back as points is not posted at all when a shop gives it back in cash,
    /// and lapses elsewhere.
    pub(super) fn returned(
        &self,
        holder: AccountId,
        lots: impl IntoIterator<Item = Lot>,
        from: Account,
    ) -> Vec<Posting> {
        self.returned_to(holder, lots, from, Follows::Yes)
    }

    pub(super) fn returned_to(
        &self,
        holder: AccountId,
        lots: impl IntoIterator<Item = Lot>,
        from: Account,
        follows: Follows,
    ) -> Vec<Posting> {
        let moved = follows == Follows::Yes && self.moved.contains(&holder);
        let in_cash = matches!(from, Account::Merchant(_) | Account::MerchantClaim(_));
        let closed =
            self.holders.get(&holder).is_none_or(|holder| holder.state == HolderState::Closed);
        let mut back: Vec<Lot> = Vec::new();
        let mut postings = Vec::new();
        let mut sum = Points::ZERO;
        for lot in lots {
            let returned = lot.terms.on_return(self.meta.day, self.terms.grace_days);
            match returned {
                Return::PastLaw if in_cash => continue,
                // The holder's new town gives grace, or lets it lapse.
                _ if moved => merge(&mut back, lot),
                _ if closed => lapse::credit(Account::Unclaimed, lot.points, &mut postings),
                Return::As(terms) => merge(&mut back, Lot { terms, points: lot.points }),
                Return::Lapses | Return::PastLaw => {
                    lapse::credit(lapse::lapsed(&lot.terms), lot.points, &mut postings);
                }
            }
            // What comes back was in the books before, so the sum is bounded.
            sum = sum.plus(lot.points).unwrap_or(Points::MAX);
        }
        postings.push(Posting::Book { account: from, side: Side::Debit, points: sum });
        postings.push(Posting::Lots { holder, side: Side::Credit, lots: back });
        postings
    }

    /// What a refund of so many points would do today, for the person at the till to confirm:
    /// points that come back, and points that lapse as they do.
    ///
    /// # Errors
    /// The [`Refusal`] that the refund itself would get.
    pub fn preview_refund(&self, intent: &RefundIntent) -> Result<RefundPreview, Refusal> {
        let plan = self.plan_refund(intent)?;
        Ok(RefundPreview::of(&plan.postings, intent.points))
    }

    /// What a void would do now, for the person at the till to confirm.
    ///
    /// # Errors
    /// The [`Refusal`] that the void itself would get.
    pub fn preview_void(&self, time: Time, intent: &VoidIntent) -> Result<RefundPreview, Refusal> {
        let plan = self.plan_void(time, intent)?;
        let paid = match self.payments.get(&intent.payment).map(|payment| &payment.state) {
            Some(PaymentState::Taken { lots, .. }) => points_of(lots),
            Some(PaymentState::Voided | PaymentState::Roamed { .. }) | None => Points::ZERO,
        };
        Ok(RefundPreview::of(&plan.postings, paid))
    }
}

/// Whether what comes back for a holder who moved house goes after the holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Follows {
    /// It does.
    Yes,
    /// It was on its way there and could not be taken: it stays, unclaimed.
    No,
}

/// What a refund or a void would do, or did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefundPreview {
    /// Points that the holder can spend again.
    pub back: Points,
    /// Points that lapse as they come back.
    pub lapses: Points,
    /// Points that come back to an account that is closed: nobody has them.
    pub unclaimed: Points,
    /// What the shop gives back in cash, since the law forbids to give it back as points.
    pub in_cash: Points,
    /// Points that the purchase earned, and that go back to the street.
    pub reward: Points,
}

impl RefundPreview {
    /// What the postings of a refund of so many points mean.
    #[must_use]
    pub fn of(postings: &Postings, asked: Points) -> Self {
        let zero = Points::ZERO;
        let mut preview =
            Self { back: zero, lapses: zero, unclaimed: zero, in_cash: zero, reward: zero };
        let mut moved = Points::ZERO;
        for posting in postings.as_slice() {
            let points = posting.points().unwrap_or(Points::ZERO);
            let sum = match posting {
                Posting::Lots { side: Side::Credit, .. } => &mut preview.back,
                Posting::Lots { side: Side::Debit, .. } => &mut preview.reward,
                Posting::Book { account: Account::Association(_), .. } => continue,
                Posting::Book { side: Side::Credit, account: Account::Unclaimed, .. } => {
                    &mut preview.unclaimed
                }
                // The holder's own town says what becomes of it.
                Posting::Book { side: Side::Credit, account: Account::Transit(_), .. } => {
                    &mut preview.back
                }
                Posting::Book { side: Side::Credit, .. } => &mut preview.lapses,
                Posting::Book { side: Side::Debit, .. } => &mut moved,
            };
            *sum = sum.plus(points).unwrap_or(Points::MAX);
        }
        preview.in_cash = asked.minus(moved).unwrap_or(Points::ZERO);
        preview
    }
}

fn merge(lots: &mut Vec<Lot>, lot: Lot) {
    match lots.iter_mut().find(|held| held.terms == lot.terms) {
        // Bounded by what was taken.
        Some(held) => held.points = held.points.plus(lot.points).unwrap_or(Points::MAX),
        None => lots.push(lot),
    }
}

/// The part of what was taken that a refund brings back: from the end, behind what earlier
/// refunds brought back.
pub(super) fn last_taken_first(taken: &[Lot], refunded: Points, points: Points) -> Vec<Lot> {
    let (mut skip, mut wanted) = (refunded, points);
    let mut back = Vec::new();
    for lot in taken.iter().rev() {
        let skipped = lot.points.min(skip);
        skip = skip.minus(skipped).unwrap_or(Points::ZERO);
        let rest = lot.points.minus(skipped).unwrap_or(Points::ZERO);
        let part = rest.min(wanted);
        wanted = wanted.minus(part).unwrap_or(Points::ZERO);
        if !part.is_zero() {
            back.push(Lot { terms: lot.terms, points: part });
        }
    }
    back
}
