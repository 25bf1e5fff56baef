//! Payments at a shop of one town by a holder of another: request, offer, decline, cancel.

use alloc::vec::Vec;

use super::{Broken, Ledger, Payment, PaymentState, Plan, Taken, payment::lots_taken};
use crate::{
    account::{Account, HolderState, Side},
    agreement::Movement,
    channel::Channel,
    command::{InUse, RequestNamed, RequestProof},
    date::Time,
    digest::Digest,
    entry::{Effect, Entry},
    envelope::Envelope,
    id::{EntryIndex, MerchantId, PaymentId, TownId, TransferId},
    intent::{RoamingCancelIntent, RoamingIntent},
    key::{ClientKey, WINDOW_BACK_MS},
    lot::Lot,
    points::Points,
    posting::{Posting, Postings},
    refusal::Refusal,
    roaming::{Ask, AskState, Asked, Asking, DeclineBody, DeclineReason, PaidAway, RequestBody},
    transfer::{
        Answer, AnswerBody, Message, OfferBody, Outgoing, OutgoingStage, Recipient, RefuseReason,
        Way,
    },
};

/// How long a payment at a shop of another town can be given back: the longest window that a town
/// may set for refunds, and what a message may be late.
const PAID_AWAY_DAYS: u64 = 400 + 60;

impl Ledger {
    pub(super) fn plan_ask(&self, intent: &RoamingIntent) -> Result<Plan, Refusal> {
        self.at_own_till(intent.town, intent.merchant, intent.terminal)?;
        let merchant = self.merchants.get(&intent.merchant).ok_or(Refusal::UnknownMerchant)?;
        if merchant.state == InUse::Suspended {
            return Err(Refusal::MerchantSuspended);
        }
        if intent.base == self.meta.town {
            return Err(Refusal::NotWellFormed);
        }
        if intent.points.is_zero() {
            return Err(Refusal::NoPoints);
        }
        if let Some(total) = intent.total_yen.filter(|total| *total < intent.points) {
            return Err(Refusal::OverTotal { total });
        }
        let agreement = self.agreement_for(&intent.base, Movement::Shopping)?;
        if !agreement.takes_at(self.meta.town, intent.merchant) {
            return Err(Refusal::ShopNotAgreed);
        }
        let owed = self.balance(&Account::OwedBy(intent.base));
        let left = agreement.cap.minus(owed).unwrap_or(Points::ZERO);
        if intent.points > left {
            return Err(Refusal::OverTownCap { left });
        }
        let channel = self.open_channel(&intent.base)?;
        let request = request_of(&intent.key);
        if self.asking.contains(&request) {
            // Nothing but a cancel that came first makes a request whose key is new.
            return Err(Refusal::RequestClosed);
        }
        let body = RequestBody {
            request,
            holder: intent.holder,
            merchant: intent.merchant,
            points: intent.points,
            proof: intent.proof,
        };
        let message = self.draft(channel, intent.base, &Message::Request(body));
        Ok(Plan { postings: Postings::NONE, message: Some(message) })
    }

    pub(super) fn apply_ask(
        &mut self,
        index: EntryIndex,
        intent: &RoamingIntent,
        effect: &Effect,
    ) -> Result<(), Broken> {
        self.note_sent(intent.base, index, effect)?;
        let number = effect.sent.as_ref().ok_or(Broken::Unknown)?.header().number;
        let ask = Ask { town: intent.base, points: intent.points, number };
        let state = AskState::Waiting(ask);
        let asking = Asking { merchant: intent.merchant, state };
        self.asking.insert(request_of(&intent.key), asking);
        Ok(())
    }

    /// The shop's cancel is this town's refusal in advance: an offer that comes later gets it.
    pub(super) fn plan_ask_cancel(
        &self,
        time: Time,
        intent: &RoamingCancelIntent,
    ) -> Result<Plan, Refusal> {
        self.at_own_till(intent.town, intent.merchant, intent.terminal)?;
        let request = TransferId(intent.payment.0);
        let Some(asking) = self.asking.get(&request) else {
            return if super::payment::may_still_come(time, &intent.payment.0) {
                Ok(Plan::FACT)
            } else {
                Err(Refusal::UnknownRequest)
            };
        };
        if asking.merchant != intent.merchant {
            return Err(Refusal::NotYourPayment);
        }
        match asking.state {
            // Nothing comes any more.
            AskState::Waiting(ask) if self.closed_peer(&ask.town).is_some() => Ok(Plan::FACT),
            // The shop may have the points, by an entry that a restore lost.
            AskState::Waiting(ask) if self.recovering(&ask.town).is_some() => {
                Err(Refusal::Recovering)
            }
            AskState::Waiting(ask) => {
                let channel = self.channels.get(&ask.town).ok_or(Refusal::NoAgreement)?;
                let answer = Answer::Refuse { reason: RefuseReason::Cancelled };
                let body = AnswerBody { transfer: request, offer: None, answer };
                let message = self.draft(channel, ask.town, &Message::Answer(body));
                Ok(Plan { postings: Postings::NONE, message: Some(message) })
            }
            AskState::Taken(_) => Err(Refusal::RequestTaken),
            AskState::Declined(..) | AskState::Refused(..) | AskState::Cancelled => {
                Err(Refusal::RequestClosed)
            }
        }
    }

    pub(super) fn apply_ask_cancel(
        &mut self,
        index: EntryIndex,
        intent: &RoamingCancelIntent,
        effect: &Effect,
    ) -> Result<(), Broken> {
        let request = TransferId(intent.payment.0);
        if let Some(sent) = &effect.sent {
            let town = sent.header().recipient;
            if let Some(Message::Answer(answer)) = Message::of(sent) {
                self.note_answer(index, town, sent, answer);
            }
            self.note_sent(town, index, effect)?;
        }
        let asking = Asking { merchant: intent.merchant, state: AskState::Cancelled };
        self.asking.insert(request, asking);
        Ok(())
    }

    /// A request arrives. It waits for the node's word on the proof; what the ledger alone can
    /// say, it says at once.
    pub(super) fn plan_requested(
        &self,
        sender: TownId,
        body: &RequestBody,
        channel: &Channel,
    ) -> Plan {
        if self.asked.contains(&body.request) || self.has_left(&body.request) {
            return Plan::FACT;
        }
        let reason = if !self.decidable(&body.request) || body.points.is_zero() {
            DeclineReason::Unreadable
        } else if self.held_as(&sender, body).is_none() {
            DeclineReason::UnknownHolder
        } else {
            return Plan::FACT;
        };
        let decline = DeclineBody { request: body.request, reason };
        let message = self.draft(channel, sender, &Message::Decline(decline));
        Plan { postings: Postings::NONE, message: Some(message) }
    }

    /// Whether a request's id is a key of these days, and no transfer of ours.
    fn decidable(&self, request: &TransferId) -> bool {
        let key = ClientKey::new(request.0);
        let near = |key: ClientKey| {
            let now = self.meta.last;
            key.time() <= now.later_by_ms(WINDOW_BACK_MS)
                && now <= key.time().later_by_ms(WINDOW_BACK_MS)
        };
        key.is_some_and(near) && !self.has_left(request)
    }

    fn held_as(&self, sender: &TownId, body: &RequestBody) -> Option<crate::id::AccountId> {
        let (user, account) = self.handles.get(&body.holder)?;
        (user == sender).then_some(*account)
    }

    pub(super) fn apply_requested(&mut self, town: TownId, body: &RequestBody, effect: &Effect) {
        if self.asked.contains(&body.request) {
            return;
        }
        let asked = match (&effect.sent, self.held_as(&town, body)) {
            (None, Some(_)) if self.has_left(&body.request) => Asked::Answered(town),
            (None, Some(account)) => {
                self.unanswered.insert(body.request);
                Asked::Waiting { town, account, body: body.clone() }
            }
            (Some(_), _) | (None, None) => Asked::Answered(town),
        };
        self.asked.insert(body.request, asked);
    }

    /// A request that was answered by an entry that a restore lost is not answered again.
    pub(super) fn close_request(&mut self, town: TownId, request: &TransferId) {
        self.asked.insert(*request, Asked::Answered(town));
        self.unanswered.remove(request);
    }

    /// A town has closed: none of its shops takes anything any more.
    pub(super) fn requests_closed(&mut self, town: TownId) {
        let of = |(request, asked): (&TransferId, &Asked)| match asked {
            Asked::Waiting { town: of, .. } if *of == town => Some(*request),
            Asked::Waiting { .. } | Asked::Answered(_) | Asked::Cancelled(_) => None,
        };
        let waiting: Vec<TransferId> = self.unanswered().filter_map(of).collect();
        for request in waiting {
            self.asked.insert(request, Asked::Cancelled(town));
            self.unanswered.remove(&request);
        }
    }

    pub(super) fn plan_pay_request(
        &self,
        named: &RequestNamed,
        proof: &RequestProof,
    ) -> Result<Plan, Refusal> {
        let (town, body) = match self.asked.get(&named.request) {
            Some(Asked::Waiting { town, account, body }) if *account == proof.account => {
                (*town, body)
            }
            Some(Asked::Waiting { .. }) | None => return Err(Refusal::UnknownRequest),
            Some(Asked::Answered(_) | Asked::Cancelled(_)) => return Err(Refusal::RequestClosed),
        };
        let channel = self.open_channel(&town)?;
        match self.pays(town, body, proof) {
            Ok((lots, agreement)) => {
                let offer = OfferBody {
                    transfer: body.request,
                    recipient: Recipient::Shop(body.merchant),
                    lots: lots.clone(),
                    agreement,
                    left: self.meta.day,
                };
                let message = self.draft(channel, town, &Message::Offer(offer));
                let postings = Postings::out_of(proof.account, lots, Account::Transit(town));
                let postings = postings.ok_or(Refusal::TooManyPoints)?;
                Ok(Plan { postings, message: Some(message) })
            }
            Err(reason) => {
                let decline = DeclineBody { request: body.request, reason };
                let message = self.draft(channel, town, &Message::Decline(decline));
                Ok(Plan { postings: Postings::NONE, message: Some(message) })
            }
        }
    }

    /// The lots that pay a request and the agreement by which they go, or why it is declined.
    fn pays(
        &self,
        town: TownId,
        body: &RequestBody,
        proof: &RequestProof,
    ) -> Result<(Vec<Lot>, u32), DeclineReason> {
        let today = self.meta.day;
        let method = proof.method.ok_or(DeclineReason::NotProved)?;
        let holder = self.holders.get(&proof.account).ok_or(DeclineReason::UnknownHolder)?;
        if holder.state != HolderState::Open {
            return Err(DeclineReason::NotOpen);
        }
        let limit = self.terms.limit(method);
        let spent = holder.spent_on(today).plus(body.points);
        if body.points > limit.payment || spent.is_none_or(|sum| sum > limit.day) {
            return Err(DeclineReason::OverLimit);
        }
        let agreement = self.agreement_for(&town, Movement::Shopping);
        let agreement = agreement.map_err(|_| DeclineReason::NoAgreement)?;
        if !agreement.takes_at(town, body.merchant) {
            return Err(DeclineReason::ShopNotAgreed);
        }
        if holder.lots.spendable(today) < body.points {
            return Err(DeclineReason::ShortOfPoints);
        }
        let movable =
            |terms: &crate::lot::LotTerms| agreement.movable.allows(&terms.origin.birth());
        let lots = holder.lots.take(body.points, today, movable);
        let lots = lots.ok_or(DeclineReason::NotMovable)?;
        self.within_town_cap(&town, agreement, body.points).map_err(|_| DeclineReason::Cap)?;
        Ok((lots, agreement.number))
    }

    pub(super) fn apply_pay_request(
        &mut self,
        entry: &Entry,
        named: &RequestNamed,
        proof: &RequestProof,
        effect: &Effect,
    ) -> Result<(), Broken> {
        let sent = effect.sent.as_ref().ok_or(Broken::Unknown)?;
        let town = sent.header().recipient;
        if let Some(Message::Offer(offer)) = Message::of(sent) {
            let Recipient::Shop(merchant) = offer.recipient else { return Err(Broken::Unknown) };
            let points = crate::lot::points_of(&offer.lots);
            let today = entry.time.date();
            let holder = self.holders.get_mut(&proof.account).ok_or(Broken::Unknown)?;
            // The day's limit bounds the sum.
            holder.spent = holder.spent_on(today).plus(points).ok_or(Broken::Balance)?;
            holder.spent_on = Some(today);
            let outgoing = Outgoing {
                town,
                way: Way::Paid { account: proof.account, merchant },
                points,
                offered: entry.index,
                number: sent.header().number,
                offer: sent.hash(),
                stage: OutgoingStage::Waiting { lots: lots_taken(effect), withdraw: None },
            };
            self.outgoing.insert(named.request, outgoing);
        }
        self.asked.insert(named.request, Asked::Answered(town));
        self.unanswered.remove(&named.request);
        self.note_sent(town, entry.index, effect)
    }

    pub(super) fn apply_declined(&mut self, town: TownId, body: &DeclineBody) {
        if let Some(asking) = self.asking.get_mut(&body.request)
            && let AskState::Waiting(ask) = asking.state
            && ask.town == town
        {
            asking.state = AskState::Declined(ask, body.reason);
        }
    }

    /// The postings of an offer for a shop, or why it is refused.
    pub(super) fn accept_at_shop(
        &self,
        town: TownId,
        offer: &OfferBody,
        (merchant, sum): (MerchantId, Points),
    ) -> Result<Postings, RefuseReason> {
        let asking = self.asking.get(&offer.transfer).ok_or(RefuseReason::NotAsked)?;
        match asking.state {
            AskState::Waiting(ask)
                if ask.town == town && asking.merchant == merchant && ask.points == sum => {}
            AskState::Cancelled => return Err(RefuseReason::Cancelled),
            AskState::Waiting(_)
            | AskState::Taken(_)
            | AskState::Declined(..)
            | AskState::Refused(..) => return Err(RefuseReason::NotAsked),
        }
        let postings = alloc::vec![
            Posting::Book { account: Account::OwedBy(town), side: Side::Debit, points: sum },
            Posting::Book { account: Account::Merchant(merchant), side: Side::Credit, points: sum },
        ];
        Postings::balanced(postings).ok_or(RefuseReason::Unreadable)
    }

    /// Notes what became of a request of ours whose offer was answered.
    pub(super) fn note_shop_answer(
        &mut self,
        request: TransferId,
        answer: &Answer,
        accept: Digest,
    ) -> Result<(), Broken> {
        let Some(asking) = self.asking.get_mut(&request) else { return Ok(()) };
        let AskState::Waiting(ask) = asking.state else { return Ok(()) };
        let merchant = asking.merchant;
        match answer {
            Answer::Refuse { reason } => {
                asking.state = AskState::Refused(ask, *reason);
                Ok(())
            }
            Answer::Accept { date } => {
                asking.state = AskState::Taken(ask);
                let state = PaymentState::Roamed {
                    town: ask.town,
                    day: *date,
                    points: ask.points,
                    refunded: Points::ZERO,
                    accept,
                };
                let payment = PaymentId(request.0);
                self.payments.insert(payment, Payment { merchant, state });
                self.shop_took(merchant, *date, Taken::Payment, ask.points)
            }
        }
    }

    /// Whether an answer is the cancel of a request that was not offered on.
    pub(super) fn cancels_request(&self, body: &AnswerBody) -> bool {
        let cancelled = Answer::Refuse { reason: RefuseReason::Cancelled };
        body.offer.is_none() && body.answer == cancelled && !self.has_left(&body.transfer)
    }

    pub(super) fn apply_request_cancel(&mut self, town: TownId, request: TransferId) {
        let ends = match self.asked.get(&request) {
            // However late: the shop's town has answered, and would not answer an offer again.
            Some(Asked::Waiting { town: asking, .. }) => *asking == town,
            Some(Asked::Answered(_) | Asked::Cancelled(_)) => false,
            None => self.decidable(&request),
        };
        if ends {
            self.asked.insert(request, Asked::Cancelled(town));
            self.unanswered.remove(&request);
        }
    }

    /// Notes what a holder paid at a shop of another town, now that it is taken.
    pub(super) fn note_paid_away(
        &mut self,
        transfer: TransferId,
        outgoing: &Outgoing,
        answer: &Envelope,
        body: &AnswerBody,
    ) {
        if let (Way::Paid { account, .. }, OutgoingStage::Waiting { lots, .. }) =
            (outgoing.way, &outgoing.stage)
            && let Answer::Accept { date } = body.answer
        {
            let paid = PaidAway {
                town: outgoing.town,
                account,
                lots: lots.clone(),
                refunded: Points::ZERO,
                accept: answer.hash(),
                day: date,
            };
            self.paid_away.insert(transfer, paid);
        }
    }

    /// A payment that the other town did not take is no payment of that day.
    pub(super) fn unspend(&mut self, outgoing: &Outgoing) -> Result<(), Broken> {
        if let Way::Paid { account, .. } = outgoing.way {
            let today = self.meta.day;
            let holder = self.holders.get_mut(&account).ok_or(Broken::Unknown)?;
            if holder.spent_on == Some(today) {
                holder.spent = holder.spent.minus(outgoing.points).unwrap_or(Points::ZERO);
            }
        }
        Ok(())
    }

    /// Notes the message that goes out with an entry in its channel.
    pub(super) fn note_sent(
        &mut self,
        town: TownId,
        index: EntryIndex,
        effect: &Effect,
    ) -> Result<(), Broken> {
        if let Some(sent) = &effect.sent {
            self.channels.get_mut(&town).ok_or(Broken::Unknown)?.sent(sent, index);
        }
        Ok(())
    }

    /// Forgets requests that nobody can name any more.
    pub(super) fn forget_requests(&mut self, time: Time, at_most: usize) {
        let days = u64::from(self.terms.refund_days).saturating_add(PAID_AWAY_DAYS);
        let kept = days.saturating_mul(86_400_000).saturating_add(WINDOW_BACK_MS);
        let floor = ClientKey::floor(Time(time.0.saturating_sub(kept)));
        let floor = TransferId(*floor.bytes());
        self.asking.remove_some_below(&floor, at_most);
        self.asked.remove_some_below(&floor, at_most);
        self.paid_away.remove_some_below(&floor, at_most);
    }

    /// A request of a shop of this town.
    #[must_use]
    pub fn asking(&self, request: &TransferId) -> Option<&Asking> {
        self.asking.get(request)
    }

    /// The requests of other towns that wait for the node's word, in order.
    pub fn unanswered(&self) -> impl Iterator<Item = (&TransferId, &Asked)> {
        let known = |request| Some((request, self.asked.get(request)?));
        self.unanswered.iter().filter_map(known)
    }

    pub(super) fn derive_unanswered(&mut self) {
        let waiting = self.asked.iter().filter(|(_, asked)| matches!(asked, Asked::Waiting { .. }));
        self.unanswered = waiting.map(|(request, _)| *request).collect();
    }
}

/// The request that a terminal's key makes.
const fn request_of(key: &ClientKey) -> TransferId {
    TransferId(*key.bytes())
}
