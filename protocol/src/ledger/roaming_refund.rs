//! Points that a shop gives back to a holder of another town.

use super::{
    Broken, Ledger, PaymentState, Plan, Taken, payment::refund_until, refund::last_taken_first,
};
use crate::{
    account::Account,
    channel::Channel,
    entry::{Effect, Entry},
    envelope::Envelope,
    id::{MerchantId, PaymentId, TownId, TransferId},
    intent::RefundIntent,
    points::Points,
    posting::Postings,
    refusal::Refusal,
    roaming::{PaidAway, RefundBody},
    transfer::{Answer, AnswerBody, Message, Outgoing, OutgoingStage, RefuseReason, Way},
};

impl Ledger {
    /// A shop of this town gives back what a holder of another town paid. Neither the pair's cap
    /// nor the end of the agreement stops it.
    pub(super) fn plan_roamed_refund(&self, intent: &RefundIntent) -> Result<Plan, Refusal> {
        let payment = self.payments.get(&intent.payment).ok_or(Refusal::UnknownPayment)?;
        let PaymentState::Roamed { town, day, points, refunded, accept } = payment.state else {
            return Err(Refusal::UnknownPayment);
        };
        if intent.points.is_zero() {
            return Err(Refusal::NoPoints);
        }
        let last = refund_until(day, self.terms.refund_days);
        if self.meta.day > last {
            return Err(Refusal::RefundWindowOver { last });
        }
        let left = points.minus(refunded).unwrap_or(Points::ZERO);
        if intent.points > left {
            return Err(Refusal::OverRefunded { left });
        }
        let refund = TransferId(*intent.key.bytes());
        let original = TransferId(intent.payment.0);
        let body = RefundBody { refund, original, accept, points: intent.points };
        let message = self.draft(self.open_channel(&town)?, town, &Message::Refund(body));
        let from = self.shop_gives_from(payment.merchant, day);
        let postings = Postings::between(from, Account::Transit(town), intent.points);
        let postings = postings.ok_or(Refusal::TooManyPoints)?;
        Ok(Plan { postings, message: Some(message) })
    }

    pub(super) fn apply_roamed_refund(
        &mut self,
        entry: &Entry,
        intent: &RefundIntent,
        effect: &Effect,
    ) -> Result<(), Broken> {
        let payment = self.payments.get_mut(&intent.payment).ok_or(Broken::Unknown)?;
        let PaymentState::Roamed { town, day, refunded, .. } = &mut payment.state else {
            return Err(Broken::Unknown);
        };
        *refunded = refunded.plus(intent.points).ok_or(Broken::Balance)?;
        let (town, day) = (*town, *day);
        let sent = effect.sent.as_ref().ok_or(Broken::Unknown)?;
        let outgoing = Outgoing {
            town,
            way: Way::Refunded { merchant: intent.merchant, payment: intent.payment },
            points: intent.points,
            offered: entry.index,
            number: sent.header().number,
            offer: sent.hash(),
            stage: OutgoingStage::Waiting { lots: alloc::vec::Vec::new(), withdraw: None },
        };
        self.outgoing.insert(TransferId(*intent.key.bytes()), outgoing);
        self.shop_gave_back(intent.merchant, day, Taken::Payment, intent.points)?;
        self.note_sent(town, entry.index, effect)
    }

    /// A shop of another town gives back. It is refused for two reasons only; while the original is
    /// on its way nothing is decided, and the message comes again.
    pub(super) fn plan_refunded(
        &self,
        envelope: &Envelope,
        body: &RefundBody,
        channel: &Channel,
    ) -> Result<Plan, Refusal> {
        let town = envelope.header().sender;
        let given = self.is_given(&body.refund);
        if self.incoming.contains(&body.refund) && !given {
            return Ok(Plan::FACT);
        }
        let outgoing = self.outgoing.get(&body.original).filter(|outgoing| outgoing.town == town);
        let waits = |outgoing: &Outgoing| matches!(outgoing.stage, OutgoingStage::Waiting { .. });
        if outgoing.is_some_and(waits) || self.is_lost_under_way(town, &body.original) {
            return Err(Refusal::OriginalUnderWay);
        }
        if given {
            // It was taken by an entry that a restore lost, and is done again.
            let postings = self.gives_back(town, body).ok();
            let unknown = || {
                let owed = Account::OwedBy(town);
                Postings::between(owed, Account::Unclaimed, body.points)
            };
            let postings = postings.or_else(unknown).ok_or(Refusal::TooManyPoints)?;
            return Ok(Plan::moving(postings));
        }
        let (answer, postings) = match self.gives_back(town, body) {
            Ok(postings) => (Answer::Accept { date: self.meta.day }, postings),
            Err(reason) => (Answer::Refuse { reason }, Postings::NONE),
        };
        let answer = AnswerBody { transfer: body.refund, offer: Some(envelope.hash()), answer };
        let message = self.draft(channel, town, &Message::Answer(answer));
        Ok(Plan { postings, message: Some(message) })
    }

    fn gives_back(&self, town: TownId, body: &RefundBody) -> Result<Postings, RefuseReason> {
        let Some(paid) = self.paid(town, body) else {
            let left = self.lost_original(town, &body.original);
            let left = left.ok_or(RefuseReason::UnknownOriginal)?;
            if body.points > left || body.points.is_zero() {
                return Err(RefuseReason::OverRefunded);
            }
            return Self::to_loss(town, body.points).ok_or(RefuseReason::UnknownOriginal);
        };
        let left = left_of(paid);
        if body.points > left || body.points.is_zero() {
            return Err(RefuseReason::OverRefunded);
        }
        let back = last_taken_first(&paid.lots, paid.refunded, body.points);
        let postings = self.returned(paid.account, back, Account::OwedBy(town));
        Postings::balanced(postings).ok_or(RefuseReason::UnknownOriginal)
    }

    fn paid(&self, town: TownId, body: &RefundBody) -> Option<&PaidAway> {
        let paid = self.paid_away.get(&body.original);
        paid.filter(|paid| paid.town == town && paid.accept == body.accept)
    }

    /// Notes a refund that was taken. One that a restore lost may be of a payment that nobody
    /// knows any more.
    pub(super) fn note_refunded(&mut self, town: TownId, body: &RefundBody) -> Result<(), Broken> {
        let lost = self.lost_original(town, &body.original);
        if self.paid(town, body).is_some() {
            let paid = self.paid_away.get_mut(&body.original).ok_or(Broken::Unknown)?;
            paid.refunded = paid.refunded.plus(body.points).ok_or(Broken::Balance)?;
        } else if let Some(left) = lost.and_then(|left| left.minus(body.points)) {
            let lost = self.recovery_mut().lost.get_mut(&body.original);
            lost.ok_or(Broken::Unknown)?.points = left;
        }
        Ok(())
    }

    /// Notes a refund that comes again behind a restore which lost that it was taken.
    pub(super) fn refund_given(
        &mut self,
        town: TownId,
        body: &RefundBody,
        effect: &Effect,
    ) -> Result<(), Broken> {
        if effect.postings.as_slice().is_empty() || !self.end_given(&body.refund) {
            return Ok(());
        }
        self.note_refunded(town, body)?;
        self.note_given(town, body.refund, body.points)
    }

    /// The postings by which what is on its way comes back to who sent it.
    pub(super) fn back_to_sender(
        &self,
        outgoing: &Outgoing,
        lots: &[crate::lot::Lot],
    ) -> Option<Postings> {
        let transit = Account::Transit(outgoing.town);
        match outgoing.way {
            Way::Given { account, .. } | Way::Paid { account, .. } | Way::Moved { account, .. } => {
                let lots = lots.iter().rev().copied();
                // What cannot follow a holder who moved house does not start again.
                let back = self.returned_to(account, lots, transit, super::refund::Follows::No);
                Postings::balanced(back)
            }
            // Whatever run is closed meanwhile, the shop is owed it from now on.
            Way::Refunded { merchant, .. } => {
                Postings::between(transit, Account::Merchant(merchant), outgoing.points)
            }
        }
    }

    /// Notes that a refund was not taken: the shop has the points again.
    pub(super) fn unrefund(&mut self, outgoing: &Outgoing) -> Result<(), Broken> {
        if let Way::Refunded { merchant, payment } = outgoing.way {
            self.take_refund_back(merchant, &payment, outgoing.points)?;
        }
        Ok(())
    }

    fn take_refund_back(
        &mut self,
        merchant: MerchantId,
        payment: &PaymentId,
        points: Points,
    ) -> Result<(), Broken> {
        if let Some(known) = self.payments.get_mut(payment)
            && let PaymentState::Roamed { refunded, .. } = &mut known.state
        {
            *refunded = refunded.minus(points).unwrap_or(Points::ZERO);
        }
        self.shop_took(merchant, self.meta.day, Taken::Payment, points)
    }

    /// What a holder paid at a shop of another town, as long as it can be given back.
    #[must_use]
    pub fn paid_away(&self, transfer: &TransferId) -> Option<&PaidAway> {
        self.paid_away.get(transfer)
    }
}

fn left_of(paid: &PaidAway) -> Points {
    crate::lot::points_of(&paid.lots).minus(paid.refunded).unwrap_or(Points::ZERO)
}
