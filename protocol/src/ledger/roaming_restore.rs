//! What a restore lost of payments at shops of other towns. The town's own messages tell it: what
//! a shop asked for, what it got, and what it gave back.

use alloc::vec::Vec;

use super::{Broken, Ledger, Lost, LostStage, PaymentState, Taken};
use crate::{
    account::{Account, LossCause},
    envelope::Envelope,
    id::{ChannelNumber, EntryIndex, MerchantId, PaymentId, TownId, TransferId},
    points::Points,
    posting::Postings,
    roaming::{Ask, AskState, Asking, RefundBody, RequestBody},
    settlement::Flow,
    transfer::{Answer, AnswerBody, Outgoing, OutgoingStage, RefuseReason, Way},
};

const LOSS: Account = Account::Loss(LossCause::Restore);

impl Ledger {
    /// A request that was taken back: its shop waits for the base town's word.
    pub(super) fn take_request_back(&mut self, town: TownId, body: &RequestBody) {
        if !self.asking.contains(&body.request) {
            let ask = Ask { town, points: body.points, number: ChannelNumber(0) };
            let asking = Asking { merchant: body.merchant, state: AskState::Waiting(ask) };
            self.asking.insert(body.request, asking);
        }
    }

    /// What shops asked for by messages that the base town never got, it never will.
    pub(super) fn asks_fenced(&mut self, town: &TownId, listed: impl Fn(ChannelNumber) -> bool) {
        let waiting = self.asking.iter().filter_map(|(request, asking)| match asking.state {
            AskState::Waiting(ask) if ask.town == *town => Some((*request, *asking, ask)),
            AskState::Waiting(_)
            | AskState::Taken(_)
            | AskState::Declined(..)
            | AskState::Refused(..)
            | AskState::Cancelled => None,
        });
        for (request, asking, ask) in waiting.collect::<Vec<_>>() {
            let state = if listed(ask.number) {
                AskState::Waiting(Ask { number: ChannelNumber(0), ..ask })
            } else {
                AskState::Refused(ask, RefuseReason::Fenced)
            };
            self.asking.insert(request, Asking { state, ..asking });
        }
    }

    /// What a shop asked for, if an answer that is taken back speaks of it.
    fn answered_ask(&self, town: TownId, answer: &AnswerBody) -> Option<(MerchantId, Ask)> {
        let asking = self.asking.get(&answer.transfer)?;
        let AskState::Waiting(ask) = asking.state else { return None };
        let known = self.merchants.contains(&asking.merchant);
        (known && ask.town == town && !self.incoming.contains(&answer.transfer))
            .then_some((asking.merchant, ask))
    }

    /// The postings of an acceptance for a shop that was taken back; none for any other answer.
    pub(super) fn plan_shop_answer_back(
        &self,
        town: TownId,
        answer: &AnswerBody,
    ) -> Option<Postings> {
        let (merchant, ask) = self.answered_ask(town, answer)?;
        match answer.answer {
            Answer::Accept { .. } => {
                let shop = Account::Merchant(merchant);
                Postings::between(Account::OwedBy(town), shop, ask.points)
            }
            Answer::Refuse { .. } => None,
        }
    }

    /// Notes an answer that was taken back and speaks of a shop's request. Whether it did.
    pub(super) fn take_shop_answer_back(
        &mut self,
        envelope: &Envelope,
        answer: &AnswerBody,
    ) -> Result<bool, Broken> {
        let town = envelope.header().recipient;
        let Some((merchant, ask)) = self.answered_ask(town, answer) else { return Ok(false) };
        match answer.answer {
            Answer::Refuse { reason: RefuseReason::Cancelled } => {
                let asking = Asking { merchant, state: AskState::Cancelled };
                self.asking.insert(answer.transfer, asking);
            }
            Answer::Refuse { .. } => {
                self.note_shop_answer(answer.transfer, &answer.answer, envelope.hash())?;
            }
            Answer::Accept { date } => {
                self.note_shop_answer(answer.transfer, &answer.answer, envelope.hash())?;
                let flow = (town, Flow::Taken);
                self.note_in_period(flow, date, answer.transfer, ask.points)?;
            }
        }
        Ok(true)
    }

    /// The payment of which a refund that is taken back gave back.
    fn refunded_payment(&self, town: TownId, body: &RefundBody) -> Option<(MerchantId, Account)> {
        let payment = self.payments.get(&PaymentId(body.original.0))?;
        let PaymentState::Roamed { town: of, day, points, refunded, accept } = payment.state else {
            return None;
        };
        let left = points.minus(refunded)?;
        let fits = of == town && accept == body.accept && body.points <= left;
        fits.then(|| (payment.merchant, self.shop_gives_from(payment.merchant, day)))
    }

    /// The postings of a refund that was taken back. Where the backup does not have the payment,
    /// the town bears what the shop gave.
    pub(super) fn plan_refund_back(&self, town: TownId, body: &RefundBody) -> Option<Postings> {
        let payment = self.refunded_payment(town, body);
        let from = payment.map_or(LOSS, |(_, from)| from);
        Postings::between(from, Account::Transit(town), body.points)
    }

    /// Notes a refund that was taken back: it waits for its answer.
    pub(super) fn refund_taken_back(
        &mut self,
        index: EntryIndex,
        envelope: &Envelope,
        body: &RefundBody,
    ) -> Result<(), Broken> {
        let (town, offer) = (envelope.header().recipient, envelope.hash());
        let Some((merchant, _)) = self.refunded_payment(town, body) else {
            let (points, stage) = (body.points, LostStage::Waiting);
            let lost = Lost { town, points, offer, stage };
            self.recovery_mut().lost.insert(body.refund, lost);
            return Ok(());
        };
        let id = PaymentId(body.original.0);
        let payment = self.payments.get_mut(&id).ok_or(Broken::Unknown)?;
        let PaymentState::Roamed { day, refunded, .. } = &mut payment.state else {
            return Err(Broken::Unknown);
        };
        *refunded = refunded.plus(body.points).ok_or(Broken::Balance)?;
        let day = *day;
        let outgoing = Outgoing {
            town,
            way: Way::Refunded { merchant, payment: id },
            points: body.points,
            offered: index,
            number: ChannelNumber(0),
            offer,
            stage: OutgoingStage::Waiting { lots: Vec::new(), withdraw: None },
        };
        self.outgoing.insert(body.refund, outgoing);
        self.shop_gave_back(merchant, day, Taken::Payment, body.points)
    }

    /// What is left of a payment that a restore of its base town lost, and that was taken.
    pub(super) fn lost_original(&self, town: TownId, original: &TransferId) -> Option<Points> {
        let lost = self.meta.recovery.as_ref()?.lost.get(original)?;
        (lost.town == town && lost.stage == LostStage::Settled).then_some(lost.points)
    }

    /// A refund of a payment that a restore lost: the holder still has the points, so that what
    /// comes back is the town's.
    pub(super) fn to_loss(town: TownId, points: Points) -> Option<Postings> {
        Postings::between(Account::OwedBy(town), LOSS, points)
    }
}
