//! Payments at a shop, and their voids.

use alloc::vec::Vec;
use minicbor::{Decode, Encode};

use super::{Broken, Ledger, Plan, Taken, check::may_spend};
use crate::{
    account::Account,
    command::{InUse, Payer, SignedPayment},
    date::{BusinessDate, Time},
    digest::Digest,
    entry::{Effect, Entry},
    id::{AccountId, MerchantId, TerminalId, TownId},
    intent::{PaymentIntent, VoidIntent},
    key::{ClientKey, WINDOW_AHEAD_MS, WINDOW_BACK_MS},
    lot::Lot,
    points::Points,
    posting::Postings,
    refusal::Refusal,
};

/// A payment, as long as it can be voided or refunded.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Payment {
    /// The shop.
    #[n(0)]
    pub merchant: MerchantId,
    /// How it stands.
    #[n(1)]
    pub state: PaymentState,
}

/// How a payment stands.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum PaymentState {
    /// Paid, and perhaps refunded in part or whole.
    #[n(0)]
    Taken {
        /// Who paid.
        #[n(0)]
        payer: AccountId,
        /// On which day.
        #[n(1)]
        day: BusinessDate,
        /// What was taken, in order.
        #[n(2)]
        lots: Vec<Lot>,
        /// How much of it was refunded.
        #[n(3)]
        refunded: Points,
    },
    /// Voided, or refused in advance by a void that came before it.
    #[n(1)]
    Voided,
    /// Paid by a holder of another town.
    #[n(2)]
    Roamed {
        /// Which town.
        #[n(0)]
        town: TownId,
        /// On which day.
        #[n(1)]
        day: BusinessDate,
        /// How many points.
        #[n(2)]
        points: Points,
        /// How much of it was refunded, or is on its way back.
        #[n(3)]
        refunded: Points,
        /// The hash of the envelope that accepted it.
        #[n(4)]
        accept: Digest,
    },
}

impl Ledger {
    pub(super) fn plan_payment(
        &self,
        intent: &PaymentIntent,
        payer: &Payer,
    ) -> Result<Plan, Refusal> {
        let today = self.meta.day;
        self.at_own_till(intent.town, intent.merchant, intent.terminal)?;
        let merchant = self.merchants.get(&intent.merchant).ok_or(Refusal::UnknownMerchant)?;
        if merchant.state == InUse::Suspended {
            return Err(Refusal::MerchantSuspended);
        }
        let holder = self.holders.get(&payer.account).ok_or(Refusal::UnknownAccount)?;
        may_spend(holder.state)?;
        if intent.points.is_zero() {
            return Err(Refusal::NoPoints);
        }
        if let Some(total) = intent.total_yen.filter(|total| *total < intent.points) {
            return Err(Refusal::OverTotal { total });
        }
        if intent.rest.is_some() && intent.total_yen.is_none_or(|total| total == intent.points) {
            return Err(Refusal::NotWellFormed);
        }
        let limit = self.terms.limit(payer.method);
        if intent.points > limit.payment {
            return Err(Refusal::OverPaymentLimit { limit: limit.payment });
        }
        let spent = holder.spent_on(today);
        if spent.plus(intent.points).is_none_or(|sum| sum > limit.day) {
            return Err(Refusal::OverDayLimit {
                left: limit.day.minus(spent).unwrap_or(Points::ZERO),
            });
        }
        if self.payments.contains(&intent.key.payment()) {
            // Nothing but a void that came first makes a payment whose key is new.
            return Err(Refusal::AlreadyVoided);
        }
        if self.is_admitted(&intent.key.payment()) {
            // The shop has it already, by the receipt of an ended generation.
            return Err(Refusal::Exists);
        }
        let held = holder.lots.spendable(today);
        let taken = holder.lots.take(intent.points, today, |_| true);
        let taken = taken.ok_or(Refusal::ShortOfPoints { held, asked: intent.points })?;
        Postings::out_of(payer.account, taken, Account::Merchant(intent.merchant))
            .and_then(|paid| self.with_reward(intent, payer.account, paid))
            .map(Plan::moving)
            .ok_or(Refusal::TooManyPoints)
    }

    /// What a payment would take, for holder and clerk to see before it is confirmed: the lots, and
    /// what is left to spend.
    ///
    /// # Errors
    /// The [`Refusal`] that the payment itself would get.
    pub fn preview_payment(
        &self,
        intent: &PaymentIntent,
        payer: &Payer,
    ) -> Result<PaymentPreview, Refusal> {
        let plan = self.plan_payment(intent, payer)?;
        let holder = self.holders.get(&payer.account).ok_or(Refusal::UnknownAccount)?;
        let held = holder.lots.spendable(self.meta.day);
        Ok(PaymentPreview {
            taken: plan.postings.lots_out_of_holders(),
            left: held.minus(intent.points).unwrap_or(Points::ZERO),
        })
    }

    /// Whether a terminal speaks to its own town for its own shop.
    pub(super) fn at_own_till(
        &self,
        town: TownId,
        merchant: MerchantId,
        terminal: TerminalId,
    ) -> Result<(), Refusal> {
        if town != self.meta.town {
            return Err(Refusal::NotThisTown);
        }
        let setting = self.terminals.get(&terminal).ok_or(Refusal::UnknownTerminal)?;
        if setting.merchant == merchant { Ok(()) } else { Err(Refusal::UnknownTerminal) }
    }

    pub(super) fn apply_payment(
        &mut self,
        entry: &Entry,
        signed: &SignedPayment,
        payer: &Payer,
        effect: &Effect,
    ) -> Result<(), Broken> {
        let intent = &signed.intent;
        let today = entry.time.date();
        let holder = self.holders.get_mut(&payer.account).ok_or(Broken::Unknown)?;
        // The day's limit bounds the sum.
        holder.spent = holder.spent_on(today).plus(intent.points).ok_or(Broken::Balance)?;
        holder.spent_on = Some(today);
        let state = PaymentState::Taken {
            payer: payer.account,
            day: today,
            lots: lots_taken(effect),
            refunded: Points::ZERO,
        };
        let payment = Payment { merchant: intent.merchant, state };
        self.payments.insert(intent.key.payment(), payment);
        self.note_payment_reward(intent, payer.account, effect);
        self.shop_took(intent.merchant, today, Taken::Payment, intent.points)
    }

    pub(super) fn plan_void(&self, time: Time, intent: &VoidIntent) -> Result<Plan, Refusal> {
        self.at_own_till(intent.town, intent.merchant, intent.terminal)?;
        let Some(payment) = self.payments.get(&intent.payment) else {
            return if may_still_come(time, &intent.payment.0) {
                // It will find itself voided.
                Ok(Plan::FACT)
            } else {
                // It was never made, or so long ago that it is not kept: nothing is voided.
                Err(Refusal::UnknownPayment)
            };
        };
        if payment.merchant != intent.merchant {
            return Err(Refusal::NotYourPayment);
        }
        match &payment.state {
            PaymentState::Voided => Err(Refusal::AlreadyVoided),
            PaymentState::Roamed { .. } => Err(Refusal::RefundInstead),
            PaymentState::Taken { payer, day, lots, refunded } => {
                if !refunded.is_zero() {
                    return Err(Refusal::PartlyRefunded);
                }
                if time >= self.day_close(&payment.merchant, *day) {
                    return Err(Refusal::DayClosed);
                }
                let from = self.shop_gives_from(payment.merchant, *day);
                let mut back = self.returned(*payer, lots.iter().rev().copied(), from);
                back.extend(self.reward_back(&intent.payment, Points::ZERO));
                Postings::balanced(back).map(Plan::moving).ok_or(Refusal::TooManyPoints)
            }
        }
    }

    /// When a shop's day closes: its payments can be voided before, and its payout run of that day
    /// is not closed earlier.
    #[must_use]
    pub fn day_close(&self, merchant: &MerchantId, day: BusinessDate) -> Time {
        let minutes = self.merchants.get(merchant).and_then(|setting| setting.day_close);
        let behind_midnight = u64::from(minutes.unwrap_or(0)).saturating_mul(60_000);
        day.plus_days(1).start().later_by_ms(behind_midnight)
    }

    pub(super) fn apply_void(
        &mut self,
        entry: &Entry,
        intent: &VoidIntent,
        effect: &Effect,
    ) -> Result<(), Broken> {
        let voided = Payment { merchant: intent.merchant, state: PaymentState::Voided };
        let Some(payment) = self.payments.insert(intent.payment, voided) else {
            return Ok(());
        };
        if let PaymentState::Taken { payer, day, lots, .. } = payment.state {
            let paid = Points::sum(lots.iter().map(|lot| lot.points)).ok_or(Broken::Balance)?;
            let holder = self.holders.get_mut(&payer).ok_or(Broken::Unknown)?;
            if holder.spent_on == Some(day) && day == entry.time.date() {
                holder.spent = holder.spent.minus(paid).ok_or(Broken::Balance)?;
            }
            self.shop_gave_back(intent.merchant, day, Taken::Payment, paid)?;
            self.note_reward_back(&intent.payment, Points::ZERO, effect)?;
        }
        Ok(())
    }
}

/// Whether what is named by this key could still be a new command.
pub(super) fn may_still_come(time: Time, key: &[u8; 16]) -> bool {
    ClientKey::new(*key).is_some_and(|key| {
        key.time().later_by_ms(WINDOW_BACK_MS) >= time
            && key.time() <= time.later_by_ms(WINDOW_AHEAD_MS)
    })
}

/// What a payment would take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentPreview {
    /// The lots, first to expire first.
    pub taken: Vec<Lot>,
    /// What can be spent afterwards.
    pub left: Points,
}

/// The lots that an entry takes from a holder, in order.
pub(super) fn lots_taken(effect: &Effect) -> Vec<Lot> {
    effect.postings.lots_out_of_holders()
}

/// The day until which a payment can be refunded.
pub(super) const fn refund_until(paid: BusinessDate, days: u32) -> BusinessDate {
    paid.plus_days(days)
}
