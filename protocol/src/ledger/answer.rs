//! Messages of other towns: offers are answered once and for ever, answers settle or return.

use super::{Broken, Ledger, Plan, check::may_receive};
use crate::{
    account::{Account, Side},
    agreement::{Movement, exchange::AgreementMessage},
    channel::{Arrival, Channel},
    control::ControlMessage,
    entry::Effect,
    envelope::{Envelope, Purpose},
    id::{AccountId, EntryIndex, Generation, TownId, TransferId},
    library::LibraryMessage,
    lot::{LOTS_MAX, Lot, Return, points_of},
    points::Points,
    posting::{Posting, Postings},
    refusal::Refusal,
    settlement::Flow,
    transfer::{
        Answer, AnswerBody, Incoming, Message, OfferBody, Outgoing, OutgoingStage, Recipient,
        RefuseReason, WithdrawBody,
    },
};
use alloc::vec::Vec;

impl Ledger {
    /// Whether a message came before, so that nothing about it is new.
    pub(super) fn heard_before(&self, bytes: &[u8]) -> bool {
        let Ok(envelope) = Envelope::decode(bytes) else { return false };
        let Some(channel) = self.channels.get(&envelope.header().sender) else { return false };
        match channel.arrival(&envelope, self.meta.town) {
            Arrival::Duplicate | Arrival::Old => true,
            Arrival::New
            | Arrival::Fork(_)
            | Arrival::OtherGeneration
            | Arrival::TooFarAhead
            | Arrival::NotLinked
            | Arrival::NotForUs
            | Arrival::Frozen => false,
        }
    }

    pub(super) fn plan_envelope(&self, bytes: &[u8]) -> Result<Plan, Refusal> {
        let envelope = Envelope::decode(bytes).map_err(|_| Refusal::NotWellFormed)?;
        let sender = envelope.header().sender;
        let fresh;
        let channel = match (self.channels.get(&sender), envelope.header().purpose) {
            (Some(channel), _) => channel,
            (None, Purpose::Library | Purpose::Agreement | Purpose::Control) => {
                fresh = self.channel_on_demand(&sender)?;
                &fresh
            }
            (None, Purpose::Money) => return Err(Refusal::NoAgreement),
        };
        let message = Message::of(&envelope);
        if self.is_missing(&envelope) {
            return self.plan_missing(&envelope, message, channel);
        }
        if let Some(message) = &message
            && let Some(plan) = self.plan_restoring(&envelope, message, channel)?
        {
            return Ok(plan);
        }
        match channel.arrival(&envelope, self.meta.town) {
            Arrival::New => {}
            // Its delivery was proved by the log, whose key is another one.
            Arrival::NotLinked if !self.is_revoked_at(&envelope, channel) => {}
            // The fork is written down: from then on the channel is frozen.
            Arrival::Fork(_) => return Ok(Plan::FACT),
            Arrival::Frozen => return Err(Refusal::ChannelFrozen),
            Arrival::NotForUs => return Err(Refusal::NotThisTown),
            Arrival::NotLinked => return Err(Refusal::KeyChanging),
            Arrival::OtherGeneration | Arrival::TooFarAhead | Arrival::Duplicate | Arrival::Old => {
                return Err(Refusal::NotWellFormed);
            }
        }
        // That this message came stands in the answer.
        let after = channel.behind(&envelope);
        match envelope.header().purpose {
            Purpose::Money => self.plan_money(&envelope, message, &after),
            Purpose::Library => Ok(self.plan_library(&envelope, &after)),
            Purpose::Agreement => self.plan_agreement_said(&envelope, &after),
            Purpose::Control => match ControlMessage::of(&envelope) {
                Some(ControlMessage::NewKey(change)) => {
                    self.plan_new_key(&envelope, &change, channel)
                }
                Some(ControlMessage::Closed(_)) => match self.recovering(&sender) {
                    Some(recovering) if !recovering.hears() => Err(Refusal::Recovering),
                    Some(_) | None => Ok(Plan::FACT),
                },
                // Kept, and does nothing: an upgrade may read it.
                None => Ok(Plan::FACT),
            },
        }
    }

    pub(super) fn plan_money(
        &self,
        envelope: &Envelope,
        message: Option<Message>,
        after: &Channel,
    ) -> Result<Plan, Refusal> {
        let sender = envelope.header().sender;
        match message {
            Some(Message::Offer(offer)) => self.plan_offered(envelope, &offer, after),
            Some(Message::Answer(answer)) => self.plan_answered(sender, &answer),
            Some(Message::Withdraw(withdraw)) => Ok(self.plan_withdrawn(sender, &withdraw, after)),
            Some(Message::TakeBack(_)) => Ok(self.plan_fence(sender, after)),
            Some(Message::Request(body)) => Ok(self.plan_requested(sender, &body, after)),
            Some(Message::Refund(body)) => self.plan_refunded(envelope, &body, after),
            Some(
                Message::Fence(_)
                | Message::Decline(_)
                | Message::PeriodEnd(_)
                | Message::PeriodAnswer(_),
            ) => Ok(Plan::FACT),
            // Kept, and does nothing: an upgrade may read it.
            None => Ok(Plan::FACT),
        }
    }

    fn plan_offered(
        &self,
        envelope: &Envelope,
        offer: &OfferBody,
        channel: &Channel,
    ) -> Result<Plan, Refusal> {
        if self.incoming.contains(&offer.transfer) {
            // Withdrawn before it came, or accepted and then lost: the one answer was given.
            return Ok(self.plan_given_before(envelope, offer));
        }
        let town = envelope.header().sender;
        let (answer, postings) = match self.accept(town, offer) {
            Ok(postings) => (Answer::Accept { date: self.meta.day }, postings),
            Err(reason) => (Answer::Refuse { reason }, Postings::NONE),
        };
        let body = AnswerBody { transfer: offer.transfer, offer: Some(envelope.hash()), answer };
        let message = self.draft(channel, town, &Message::Answer(body));
        Ok(Plan { postings, message: Some(message) })
    }

    /// The postings of an accepted offer, or why it is refused.
    fn accept(&self, town: TownId, offer: &OfferBody) -> Result<Postings, RefuseReason> {
        let today = self.meta.day;
        let sum = Points::sum(offer.lots.iter().map(|lot| lot.points));
        let sum = sum.filter(|sum| !sum.is_zero()).ok_or(RefuseReason::Unreadable)?;
        // What follows a holder who moved house had left in time before, and has lapsed since.
        let followed = matches!(offer.recipient, Recipient::Moved(_));
        let sound =
            |lot: &Lot| !lot.points.is_zero() && (followed || lot.terms.spendable_on(offer.left));
        if offer.lots.len() > LOTS_MAX || !offer.lots.iter().all(sound) {
            return Err(RefuseReason::Unreadable);
        }
        let agreement = self.agreement_on(&town, today).map_err(|_| RefuseReason::NoAgreement)?;
        let movement = match offer.recipient {
            Recipient::Account(_) => Movement::Exchange,
            Recipient::Shop(_) => Movement::Shopping,
            Recipient::Moved(_) => Movement::House,
        };
        if agreement.number != offer.agreement || !agreement.lets(movement) {
            return Err(RefuseReason::NoAgreement);
        }
        let handle = match offer.recipient {
            Recipient::Account(handle) | Recipient::Moved(handle) => handle,
            Recipient::Shop(merchant) => {
                let movable = |lot: &Lot| agreement.movable.allows(&lot.terms.origin.birth());
                if !offer.lots.iter().all(movable) {
                    return Err(RefuseReason::NotMovable);
                }
                let owed = self.balance(&Account::OwedBy(town));
                if owed.plus(sum).is_none_or(|sum| sum > agreement.cap) {
                    return Err(RefuseReason::Cap);
                }
                return self.accept_at_shop(town, offer, (merchant, sum));
            }
        };
        let account = match self.handles.get(&handle) {
            Some((user, account)) if *user == town => *account,
            Some(_) | None => return Err(RefuseReason::UnknownRecipient),
        };
        let holder = self.holders.get(&account).ok_or(RefuseReason::UnknownRecipient)?;
        may_receive(holder.state).map_err(|_| RefuseReason::UnknownRecipient)?;
        let movable = |lot: &Lot| agreement.movable.allows(&lot.terms.origin.birth());
        if !followed && !offer.lots.iter().all(movable) {
            return Err(RefuseReason::NotMovable);
        }
        let owed = self.balance(&Account::OwedBy(town));
        if owed.plus(sum).is_none_or(|sum| sum > agreement.cap) {
            return Err(RefuseReason::Cap);
        }
        let postings = self.taken_in(town, account, &offer.lots, sum);
        let mut after = holder.lots.clone();
        for posting in postings.as_slice() {
            if let Posting::Lots { lots, .. } = posting {
                for lot in lots {
                    if after.full_for(&lot.terms, today) {
                        return Err(RefuseReason::TooManyLots);
                    }
                    if after.add(*lot) == crate::lot::Added::TooLarge {
                        return Err(RefuseReason::TooManyLots);
                    }
                }
            }
        }
        Ok(postings)
    }

    /// The postings that take lots in from another town: on the way nothing lapsed, and behind
    /// its expiry a lot gets its grace here.
    pub(super) fn taken_in(
        &self,
        town: TownId,
        account: AccountId,
        lots: &[Lot],
        sum: Points,
    ) -> Postings {
        let mut credited: Vec<Lot> = Vec::new();
        let mut postings = Vec::new();
        for lot in lots {
            let moved = lot.terms.moved_from(town);
            match moved.on_return(self.meta.day, self.terms.grace_days) {
                Return::As(terms) => match credited.iter_mut().find(|lot| lot.terms == terms) {
                    Some(same) => {
                        same.points = same.points.plus(lot.points).unwrap_or(Points::MAX);
                    }
                    None => credited.push(Lot { terms, points: lot.points }),
                },
                Return::Lapses | Return::PastLaw => {
                    super::lapse::credit(super::lapse::lapsed(&moved), lot.points, &mut postings);
                }
            }
        }
        let owed = Account::OwedBy(town);
        postings.push(Posting::Book { account: owed, side: Side::Debit, points: sum });
        postings.push(Posting::Lots { holder: account, side: Side::Credit, lots: credited });
        // Each lot's points stand once on either side, and their sum is in bounds.
        Postings::balanced(postings).unwrap_or_default()
    }

    fn plan_answered(&self, sender: TownId, body: &AnswerBody) -> Result<Plan, Refusal> {
        let outgoing = self.outgoing.get(&body.transfer);
        // The journal does not have an offer that the other town answers: the log was cut or
        // restored unnoticed, or the other town lies. Nothing is decided on it.
        let Some(outgoing) = outgoing else {
            if self.cancels_request(body) {
                return Ok(Plan::FACT);
            }
            return self.plan_answer_to_lost(sender, body);
        };
        let fits = outgoing.town == sender && body.offer.is_none_or(|hash| hash == outgoing.offer);
        if !fits {
            return Err(Refusal::UnknownTransfer);
        }
        let OutgoingStage::Waiting { lots, .. } = &outgoing.stage else {
            return Ok(Plan::FACT);
        };
        let transit = Account::Transit(sender);
        let postings = match (body.answer, body.offer) {
            // An Accept has an offer that it answers.
            (Answer::Accept { .. }, None) => return Err(Refusal::UnknownTransfer),
            (Answer::Accept { .. }, Some(_)) => {
                Postings::between(transit, Account::OwedTo(sender), outgoing.points)
            }
            (Answer::Refuse { .. }, _) => self.back_to_sender(outgoing, lots),
        };
        postings.map(Plan::moving).ok_or(Refusal::TooManyPoints)
    }

    fn plan_withdrawn(&self, sender: TownId, body: &WithdrawBody, channel: &Channel) -> Plan {
        if self.incoming.contains(&body.transfer) {
            // Answered already: the same answer is sent again, and nothing new is signed.
            return Plan::FACT;
        }
        // Where both towns began anew, the offer may have been answered, and the answer pruned,
        // before either did: nothing new is signed about it. An offer that is still to come is
        // decided as if nobody had asked it back.
        let first = |generation| generation == Generation(1);
        if !first(self.meta.generation) && !first(channel.peer_generation()) {
            return Plan::FACT;
        }
        let refuse = Answer::Refuse { reason: RefuseReason::Withdrawn };
        let answer = AnswerBody { transfer: body.transfer, offer: None, answer: refuse };
        let message = self.draft(channel, sender, &Message::Answer(answer));
        Plan { postings: Postings::NONE, message: Some(message) }
    }

    pub(super) fn apply_envelope(
        &mut self,
        index: EntryIndex,
        bytes: &[u8],
        effect: &Effect,
    ) -> Result<(), Broken> {
        let envelope = Envelope::decode(bytes).map_err(|_| Broken::Unknown)?;
        let town = envelope.header().sender;
        let me = self.meta.town;
        let message = Message::of(&envelope);
        if envelope.header().purpose != Purpose::Money {
            self.make_channel(&town).map_err(|_| Broken::Unknown)?;
        }
        let missing = self.is_missing(&envelope);
        let channel = self.channels.get_mut(&town).ok_or(Broken::Unknown)?;
        let new = matches!(channel.arrival(&envelope, me), Arrival::New | Arrival::NotLinked);
        let is_new = missing || new;
        if let Some(Message::TakeBack(_) | Message::Fence(_)) = &message
            && envelope.header().generation > channel.peer_generation()
        {
            self.peer_begins_anew(&envelope);
        }
        let channel = self.channels.get_mut(&town).ok_or(Broken::Unknown)?;
        let acknowledged = channel.received(&envelope, me);
        if missing {
            self.note_missing(&envelope);
        }
        let channel = self.channels.get_mut(&town).ok_or(Broken::Unknown)?;
        if let Some(sent) = &effect.sent {
            channel.sent(sent, index);
        }
        // The peer has these answers, and everything it sent before saying so has come: they
        // will not be asked for again (federation, Pruning).
        for number in acknowledged {
            if let Some(transfer) = self.answers.remove(&(town, number)) {
                self.incoming.remove(&transfer);
            }
        }
        if let Some(sent) = &effect.sent
            && let Some(Message::Answer(answer)) = Message::of(sent)
        {
            self.note_answer(index, town, sent, answer);
            self.note_taken(town, message.as_ref(), (&answer, sent))?;
        }
        match &message {
            Some(Message::Answer(answer)) if !effect.postings.as_slice().is_empty() => {
                self.close_outgoing(index, &envelope, answer)?;
            }
            Some(Message::Answer(answer)) if self.cancels_request(answer) => {
                self.apply_request_cancel(town, answer.transfer);
            }
            Some(Message::Offer(offer)) => self.given(town, offer, effect)?,
            Some(Message::Request(body)) => self.apply_requested(town, body, effect),
            Some(Message::Decline(body)) => self.apply_declined(town, body),
            Some(Message::Refund(body)) => self.refund_given(town, body, effect)?,
            Some(Message::PeriodEnd(_)) if missing => {}
            Some(Message::PeriodEnd(statement)) => {
                self.apply_period_stated(town, envelope.header().number, statement);
            }
            Some(Message::PeriodAnswer(answer)) => self.apply_period_answered(town, answer),
            Some(Message::Fence(fence)) => self.apply_fence(&envelope, fence),
            Some(Message::Answer(_) | Message::Withdraw(_) | Message::TakeBack(_)) | None => {}
        }
        if is_new && let Some(message) = LibraryMessage::of(&envelope) {
            self.library_heard(town, &message);
        }
        if is_new && let Some(message) = AgreementMessage::of(&envelope) {
            self.agreement_heard(town, message);
        }
        match ControlMessage::of(&envelope) {
            Some(ControlMessage::NewKey(change)) if new => self.key_changed(&envelope, &change),
            Some(ControlMessage::Closed(part)) if is_new => self.note_closed(town, part),
            Some(_) | None => {}
        }
        self.end_recovery(&town);
        Ok(())
    }

    pub(super) fn note_answer(
        &mut self,
        index: EntryIndex,
        town: TownId,
        sent: &Envelope,
        answer: AnswerBody,
    ) {
        let number = sent.header().number;
        self.answers.insert((town, number), answer.transfer);
        self.incoming.insert(answer.transfer, Incoming { town, answer, number, decided: index });
    }

    /// Notes what was taken with an answer that goes out.
    fn note_taken(
        &mut self,
        town: TownId,
        message: Option<&Message>,
        (answer, sent): (&AnswerBody, &Envelope),
    ) -> Result<(), Broken> {
        let points = match message {
            Some(Message::Offer(offer)) => {
                if let Recipient::Shop(_) = offer.recipient {
                    self.note_shop_answer(offer.transfer, &answer.answer, sent.hash())?;
                }
                points_of(&offer.lots)
            }
            Some(Message::Refund(body)) => body.points,
            Some(_) | None => return Ok(()),
        };
        let Answer::Accept { date } = answer.answer else { return Ok(()) };
        if let Some(Message::Refund(body)) = message {
            self.note_refunded(town, body)?;
        }
        self.note_in_period((town, Flow::Taken), date, answer.transfer, points)
    }

    /// What was on its way is with who sent it again.
    pub(super) fn came_back(
        &mut self,
        index: EntryIndex,
        transfer: TransferId,
        outgoing: Outgoing,
        reason: RefuseReason,
    ) -> Result<(), Broken> {
        self.unspend(&outgoing)?;
        self.unrefund(&outgoing)?;
        let stage = OutgoingStage::Returned { reason, entry: index };
        self.outgoing.insert(transfer, Outgoing { stage, ..outgoing });
        Ok(())
    }

    fn close_outgoing(
        &mut self,
        index: EntryIndex,
        envelope: &Envelope,
        body: &AnswerBody,
    ) -> Result<(), Broken> {
        let town = envelope.header().sender;
        if let Some(points) = self.close_lost(body) {
            if let Answer::Accept { date } = body.answer {
                self.note_in_period((town, Flow::Given), date, body.transfer, points)?;
            }
            return Ok(());
        }
        let outgoing = self.outgoing.get(&body.transfer).cloned().ok_or(Broken::Unknown)?;
        let stage = match body.answer {
            Answer::Accept { date } => {
                self.note_in_period((town, Flow::Given), date, body.transfer, outgoing.points)?;
                self.note_paid_away(body.transfer, &outgoing, envelope, body);
                self.note_moved(&outgoing)?;
                OutgoingStage::Settled { date, entry: index }
            }
            Answer::Refuse { reason } => {
                return self.came_back(index, body.transfer, outgoing, reason);
            }
        };
        self.outgoing.insert(body.transfer, Outgoing { stage, ..outgoing });
        Ok(())
    }
}
