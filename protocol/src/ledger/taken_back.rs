//! What a restored town takes back: its own messages that the backup does not have, and what its
//! peers say about them. What lots no longer cover is `loss(restore)`.

use alloc::collections::BTreeSet;

use super::{
    Broken, Ledger, Plan, Taken,
    restore::{Lost, LostStage, Stage},
};
use crate::{
    account::{Account, HolderState, LossCause},
    agreement::exchange::AgreementMessage,
    channel::{Channel, fence::Listed},
    digest::Digest,
    entry::Effect,
    envelope::{Acked, Envelope, Purpose},
    id::{ChannelNumber, EntryIndex, Generation, TownId, TransferId},
    points::Points,
    posting::{Posting, Postings},
    refusal::Refusal,
    settlement::Flow,
    transfer::{
        Answer, AnswerBody, FenceBody, Incoming, Message, OfferBody, OutgoingStage, Recipient,
    },
};

const LOSS: Account = Account::Loss(LossCause::Restore);

fn list_of(channel: &Channel, generation: Generation) -> Option<&Listed> {
    channel.fences().iter().find(|list| list.generation == generation)
}

impl Ledger {
    /// Whether a transfer left this town before, even if a restore has lost it since: whoever asks
    /// for it again, since no answer came, must not have it twice.
    pub(super) fn has_left(&self, transfer: &TransferId) -> bool {
        let recovery = self.meta.recovery.as_ref();
        self.outgoing.contains(transfer)
            || recovery.is_some_and(|known| known.lost.contains_key(transfer))
    }

    /// A message of our own that the backup does not have: what it did is done again, as far as
    /// the journal can.
    pub(super) fn plan_taken_back(&self, bytes: &[u8]) -> Result<Plan, Refusal> {
        let envelope = Envelope::decode(bytes).map_err(|_| Refusal::NotWellFormed)?;
        let header = envelope.header();
        let recovering = self.recovering(&header.recipient).ok_or(Refusal::NotWellFormed)?;
        let place = Acked { generation: header.generation, number: header.number };
        if header.sender != self.meta.town || recovering.next_own() != Some(place) {
            return Err(Refusal::NotWellFormed);
        }
        match Message::of(&envelope) {
            Some(Message::Offer(offer)) => {
                let sum = Points::sum(offer.lots.iter().map(|lot| lot.points));
                let sum = sum.ok_or(Refusal::TooManyPoints)?;
                let transit = Account::Transit(header.recipient);
                let postings = Postings::between(LOSS, transit, sum);
                postings.map(Plan::moving).ok_or(Refusal::TooManyPoints)
            }
            // The other town goes by what the list says: what is missing of it is had again.
            Some(Message::Fence(fence)) => {
                let channel = self.channels.get(&header.recipient).ok_or(Refusal::NoAgreement)?;
                let known = |list: &Listed| list_of(channel, list.generation).is_some();
                if fence.lists.iter().all(known) {
                    Ok(Plan::FACT)
                } else {
                    Err(Refusal::Recovering)
                }
            }
            Some(Message::Answer(answer)) => {
                let postings = self.plan_shop_answer_back(header.recipient, &answer);
                Ok(postings.map_or(Plan::FACT, Plan::moving))
            }
            Some(Message::Refund(body)) => {
                let postings = self.plan_refund_back(header.recipient, &body);
                postings.map(Plan::moving).ok_or(Refusal::TooManyPoints)
            }
            Some(
                Message::Withdraw(_)
                | Message::TakeBack(_)
                | Message::Request(_)
                | Message::Decline(_)
                | Message::PeriodEnd(_)
                | Message::PeriodAnswer(_),
            )
            | None => Ok(Plan::FACT),
        }
    }

    pub(super) fn apply_taken_back(
        &mut self,
        index: EntryIndex,
        bytes: &[u8],
    ) -> Result<(), Broken> {
        let envelope = Envelope::decode(bytes).map_err(|_| Broken::Unknown)?;
        let header = envelope.header();
        let town = header.recipient;
        match Message::of(&envelope) {
            Some(Message::Offer(offer)) => {
                let sum = Points::sum(offer.lots.iter().map(|lot| lot.points));
                let points = sum.ok_or(Broken::Balance)?;
                let stage = LostStage::Waiting;
                let lost = Lost { town, points, offer: envelope.hash(), stage };
                self.recovery_mut().lost.insert(offer.transfer, lost);
                if let Recipient::Shop(_) = offer.recipient {
                    self.close_request(town, &offer.transfer);
                }
            }
            Some(Message::Answer(answer)) => self.take_answer_back(index, &envelope, answer)?,
            Some(Message::Request(body)) => self.take_request_back(town, &body),
            Some(Message::Decline(body)) => self.close_request(town, &body.request),
            Some(Message::Refund(body)) => self.refund_taken_back(index, &envelope, &body)?,
            Some(Message::Fence(fence)) => self.take_fence_back(&town, &fence),
            Some(Message::PeriodEnd(statement)) => {
                let place = Acked { generation: header.generation, number: header.number };
                self.take_statement_back(town, place, &statement);
            }
            Some(Message::Withdraw(body)) => {
                if let Some(outgoing) = self.outgoing.get_mut(&body.transfer)
                    && let OutgoingStage::Waiting { withdraw, .. } = &mut outgoing.stage
                {
                    *withdraw = Some(index);
                }
                if !self.has_left(&body.transfer) {
                    // Its offer is void, and was refused in advance: offered again, it would wait
                    // for ever.
                    let (points, offer) = (Points::ZERO, Digest::default());
                    let lost = Lost { town, points, offer, stage: LostStage::Returned };
                    self.recovery_mut().lost.insert(body.transfer, lost);
                }
            }
            Some(Message::TakeBack(_) | Message::PeriodAnswer(_)) | None => {}
        }
        if let Some(message) = AgreementMessage::of(&envelope) {
            self.agreement_taken_back(town, message);
        }
        let recovering = self.recovering_mut(&town).ok_or(Broken::Unknown)?;
        if let Stage::Fenced { taken, .. } = &mut recovering.stage {
            *taken = Acked { generation: header.generation, number: header.number };
        }
        self.end_recovery(&town);
        Ok(())
    }

    fn take_answer_back(
        &mut self,
        index: EntryIndex,
        envelope: &Envelope,
        answer: AnswerBody,
    ) -> Result<(), Broken> {
        if self.incoming.contains(&answer.transfer) {
            // It was signed again after an earlier restore.
            return Ok(());
        }
        let of_a_shop = self.take_shop_answer_back(envelope, &answer)?;
        let (town, number) = (envelope.header().recipient, ChannelNumber(0));
        let incoming = Incoming { town, answer, number, decided: index };
        self.incoming.insert(answer.transfer, incoming);
        if !of_a_shop && matches!(answer.answer, Answer::Accept { .. }) {
            self.recovery_mut().given.insert(answer.transfer);
        }
        Ok(())
    }

    /// A fence of ours that was taken back: what it lists and the journal lacks is missing.
    fn take_fence_back(&mut self, town: &TownId, fence: &FenceBody) {
        let Some(channel) = self.channels.get(town) else { return };
        let mut missing = BTreeSet::new();
        for list in &fence.lists {
            let Some(held) = list_of(channel, list.generation) else { continue };
            let mut number = ChannelNumber(0);
            while let Some(next) = list.after(number) {
                if !held.holds(next) {
                    missing.insert(Acked { generation: list.generation, number: next });
                }
                number = next;
            }
        }
        if let Some(recovering) = self.recovering_mut(town) {
            recovering.missing.get_or_insert_default().extend(missing);
        }
    }

    /// Whether a message is one of an older generation that is had again.
    pub(super) fn is_missing(&self, envelope: &Envelope) -> bool {
        let header = envelope.header();
        let place = Acked { generation: header.generation, number: header.number };
        let recovering = self.recovering(&header.sender).filter(|recovering| recovering.hears());
        let missing = recovering.and_then(|recovering| recovering.missing.as_ref());
        header.recipient == self.meta.town && missing.is_some_and(|all| all.contains(&place))
    }

    pub(super) fn plan_missing(
        &self,
        envelope: &Envelope,
        message: Option<Message>,
        channel: &Channel,
    ) -> Result<Plan, Refusal> {
        match envelope.header().purpose {
            Purpose::Money => match message {
                // The other town states again.
                Some(Message::TakeBack(_) | Message::Fence(_) | Message::PeriodEnd(_)) => {
                    Ok(Plan::FACT)
                }
                message => self.plan_money(envelope, message, channel),
            },
            Purpose::Library => Ok(self.plan_library(envelope, channel)),
            Purpose::Agreement => self.plan_agreement_said(envelope, channel),
            // The directory names the key of the generation of now.
            Purpose::Control => Ok(Plan::FACT),
        }
    }

    pub(super) fn note_missing(&mut self, envelope: &Envelope) {
        let header = envelope.header();
        let place = Acked { generation: header.generation, number: header.number };
        if let Some(channel) = self.channels.get_mut(&header.sender) {
            channel.missed(place);
        }
        if let Some(missing) =
            self.recovering_mut(&header.sender).and_then(|recovering| recovering.missing.as_mut())
        {
            missing.remove(&place);
        }
    }

    /// Whether an acceptance was taken back, and what it accepted is not done again yet.
    pub(super) fn is_given(&self, transfer: &TransferId) -> bool {
        self.meta.recovery.as_ref().is_some_and(|known| known.given.contains(transfer))
    }

    /// What was accepted is done again. Whether it waited for that.
    pub(super) fn end_given(&mut self, transfer: &TransferId) -> bool {
        let recovery = self.meta.recovery.as_mut();
        recovery.is_some_and(|recovery| recovery.given.remove(transfer))
    }

    /// Whether an offer that was taken back is not answered yet.
    pub(super) fn is_lost_under_way(&self, town: TownId, transfer: &TransferId) -> bool {
        let recovery = self.meta.recovery.as_ref();
        let lost = recovery.and_then(|known| known.lost.get(transfer));
        lost.is_some_and(|lost| lost.town == town && lost.stage == LostStage::Waiting)
    }

    /// What was done again belongs to the month in which it was accepted.
    pub(super) fn note_given(
        &mut self,
        town: TownId,
        transfer: TransferId,
        points: Points,
    ) -> Result<(), Broken> {
        let answer = self.incoming.get(&transfer).map(|incoming| incoming.answer.answer);
        match answer {
            Some(Answer::Accept { date }) => {
                self.note_in_period((town, Flow::Taken), date, transfer, points)
            }
            Some(Answer::Refuse { .. }) | None => Ok(()),
        }
    }

    /// An offer that was answered before it came: nothing, but if it was accepted and the backup
    /// lost that, it is credited now.
    pub(super) fn plan_given_before(&self, envelope: &Envelope, offer: &OfferBody) -> Plan {
        if !self.is_given(&offer.transfer) {
            return Plan::FACT;
        }
        let town = envelope.header().sender;
        let Some(sum) = Points::sum(offer.lots.iter().map(|lot| lot.points)) else {
            return Plan::FACT;
        };
        let handle = match offer.recipient {
            Recipient::Account(handle) | Recipient::Moved(handle) => Some(handle),
            Recipient::Shop(_) => None,
        };
        if let Recipient::Shop(merchant) = offer.recipient
            && self.merchants.contains(&merchant)
        {
            let into = Account::Merchant(merchant);
            let postings = Postings::between(Account::OwedBy(town), into, sum);
            return postings.map_or(Plan::FACT, Plan::moving);
        }
        let account = handle.and_then(|handle| self.handles.get(&handle));
        let account = account.map(|(_, account)| *account);
        let taken = account.and_then(|account| {
            let holder = self.holders.get(&account)?;
            let postings = self.taken_in(town, account, &offer.lots, sum);
            let mut after = holder.lots.clone();
            let mut lots = postings.as_slice().iter().flat_map(|posting| match posting {
                Posting::Lots { lots, .. } => lots.as_slice(),
                Posting::Book { .. } => &[],
            });
            let fits = holder.state != HolderState::Closed
                && lots.all(|lot| {
                    !after.full_for(&lot.terms, self.meta.day)
                        && after.add(*lot) != crate::lot::Added::TooLarge
                });
            fits.then_some(postings)
        });
        // An account that the backup does not know, either.
        let unclaimed = || Postings::between(Account::OwedBy(town), Account::Unclaimed, sum);
        taken.or_else(unclaimed).map_or(Plan::FACT, Plan::moving)
    }

    /// Notes an offer that comes again behind a restore: what it moved belongs to the month in
    /// which it was accepted, and a shop is paid for it.
    pub(super) fn given(
        &mut self,
        town: TownId,
        offer: &OfferBody,
        effect: &Effect,
    ) -> Result<(), Broken> {
        let transfer = offer.transfer;
        let was_given = self.end_given(&transfer);
        if !was_given || effect.postings.as_slice().is_empty() {
            return Ok(());
        }
        let sum = Points::sum(offer.lots.iter().map(|lot| lot.points)).ok_or(Broken::Balance)?;
        if let Recipient::Shop(merchant) = offer.recipient
            && self.merchants.contains(&merchant)
        {
            self.shop_took(merchant, self.meta.day, Taken::Payment, sum)?;
        }
        self.note_given(town, transfer, sum)
    }

    /// An answer to an offer that the journal does not have: one that was taken back, or a sign
    /// that the log was cut or restored unnoticed, or that the other town lies.
    pub(super) fn plan_answer_to_lost(
        &self,
        sender: TownId,
        body: &AnswerBody,
    ) -> Result<Plan, Refusal> {
        let lost = self.meta.recovery.as_ref().and_then(|known| known.lost.get(&body.transfer));
        let Some(lost) = lost else {
            // A Withdraw that was taken back, of an offer that never came: it moves nothing.
            let nothing = self.meta.recovery.is_some() && body.offer.is_none();
            return match body.answer {
                Answer::Refuse { .. } if nothing => Ok(Plan::FACT),
                Answer::Refuse { .. } | Answer::Accept { .. } => Err(Refusal::UnknownTransfer),
            };
        };
        if lost.town != sender || body.offer.is_some_and(|hash| hash != lost.offer) {
            return Err(Refusal::UnknownTransfer);
        }
        match lost.stage {
            LostStage::Waiting => {}
            LostStage::Settled | LostStage::Returned => return Ok(Plan::FACT),
        }
        let transit = Account::Transit(sender);
        let into = match (body.answer, body.offer) {
            (Answer::Accept { .. }, None) => return Err(Refusal::UnknownTransfer),
            (Answer::Accept { .. }, Some(_)) => Account::OwedTo(sender),
            (Answer::Refuse { .. }, _) => LOSS,
        };
        let postings = Postings::between(transit, into, lost.points);
        postings.map(Plan::moving).ok_or(Refusal::TooManyPoints)
    }

    /// Closes an offer that was taken back, and says how many points it had; none for any other.
    pub(super) fn close_lost(&mut self, body: &AnswerBody) -> Option<Points> {
        let recovery = self.meta.recovery.as_mut();
        let lost = recovery.and_then(|known| known.lost.get_mut(&body.transfer))?;
        lost.stage = match body.answer {
            Answer::Accept { .. } => LostStage::Settled,
            Answer::Refuse { .. } => LostStage::Returned,
        };
        Some(lost.points)
    }
}
