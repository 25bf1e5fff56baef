//! Wrong rules, planted between the node's core and its commands. A wrong rule makes an entry that the right ledger applies, and would never have made.

use std::{collections::BTreeMap, sync::Arc};

use jichi_node::{engine::restore::Restored, journal::memory::Found};
use jichi_protocol::{
    account::{Account, LapsedKind, Side},
    channel::{Arrival, Channel},
    codec,
    command::{Command, Nothing, OfferUnanswered, PeriodNamed},
    date::Time,
    entry::{Entry, StoredEntry, Submission},
    envelope::{Acked, Envelope, Purpose, Route, Unsigned},
    id::{ChannelNumber, EntryIndex, MerchantId, TownId},
    key::{JobKind, OperationKey},
    ledger::{Checked, Decided, Draft, Ledger, Plan},
    log::{
        checkpoint::SignedCheckpoint,
        tree::{Tree, leaf_hash},
    },
    lot::{Grace, Lot, points_of},
    points::Points,
    posting::{Posting, Postings},
    roaming::AskState,
    settlement::{Flow, PeriodKey, PeriodStage, PeriodStatement},
    transfer::{
        Answer, AnswerBody, Message, OfferBody, OutgoingStage, Recipient, RefuseReason, Way,
        WithdrawBody,
    },
};

use crate::{
    planted::Defect,
    setup,
    town::{Up, town_of},
};

/// What a wrong rule remembers.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// The last number that came from each town, whatever is missing below it.
    last: BTreeMap<TownId, ChannelNumber>,
    /// How many entries stood in the journal at the start.
    at_start: u64,
}

impl Memory {
    pub(crate) fn over(durable: &[(Arc<Entry>, Arc<StoredEntry>)]) -> Self {
        let mut memory = Self { last: BTreeMap::new(), at_start: durable.len() as u64 };
        for (entry, _) in durable {
            if let Some(envelope) = envelope_of(&entry.submission) {
                memory.note(&envelope);
            }
        }
        memory
    }

    pub(crate) fn note(&mut self, envelope: &Envelope) {
        let last = self.last.entry(envelope.header().sender).or_insert(ChannelNumber(0));
        *last = envelope.header().number.max(*last);
    }
}

pub(crate) fn envelope_of(submission: &Submission) -> Option<Envelope> {
    let Command::HandleEnvelope(_, received) = &submission.command else { return None };
    Envelope::decode(&received.envelope).ok()
}

/// The state that a journal makes, without deciding anything again.
pub(crate) fn restored(
    durable: &[(Arc<Entry>, Arc<StoredEntry>)],
    found: &Found,
) -> Result<Restored, String> {
    let ((first, _), rest) = durable.split_first().ok_or("an empty journal")?;
    let Command::OpenTown(opening, _) = &first.submission.command else {
        return Err("no opening".to_owned());
    };
    let mut ledger = Ledger::open(opening, first.time);
    for (entry, _) in rest {
        ledger.apply(entry).map_err(|broken| broken.to_string())?;
    }
    let mut tree = Tree::default();
    for (_, stored) in durable {
        tree.push(leaf_hash(&stored.leaf()));
    }
    let note = found.batches.last().map(|batch| batch.checkpoint.as_slice()).unwrap_or_default();
    let checkpoint = SignedCheckpoint::parse(note).map_err(|error| error.to_string())?;
    Ok(Restored { ledger, tree, checkpoint, hashed_at: EntryIndex(0) })
}

/// What a wrong rule decides instead; none where it decides as the right one.
pub(crate) fn wrong(defect: Defect, up: &Up, submission: &Submission, time: Time) -> Option<Draft> {
    if !defect.is_a_rule() || time.date() > up.ledger.day() {
        return None;
    }
    if defect == Defect::AckOverGap {
        return acked_over_gap(up, submission, time);
    }
    if let Command::TakeBackOwn(_, received) = &submission.command {
        let offer = Message::of(&Envelope::decode(&received.envelope).ok()?);
        let bare = defect == Defect::TakeBackWithoutLoss
            && matches!(offer, Some(Message::Offer(_)))
            && decided(&up.ledger, submission, time)?.plan.is_ok();
        let plan = bare.then_some(Plan { postings: Postings::NONE, message: None })?;
        let index = up.ledger.meta().next;
        return Some(Draft { index, time, submission: submission.clone(), plan: Ok(plan) });
    }
    let envelope = envelope_of(submission)?;
    let at = At::of(&up.ledger, &envelope)?;
    let plan = match Message::of(&envelope)? {
        Message::Offer(offer) => at.offered(defect, up, &offer)?,
        Message::Answer(answer) => at.answered(defect, &answer, submission, time)?,
        Message::Withdraw(withdraw) => at.withdrawn(defect, up, &withdraw)?,
        Message::TakeBack(_)
        | Message::Fence(_)
        | Message::Request(_)
        | Message::Decline(_)
        | Message::Refund(_)
        | Message::PeriodEnd(_)
        | Message::PeriodAnswer(_) => return None,
    };
    let index = up.ledger.meta().next;
    Some(Draft { index, time, submission: submission.clone(), plan: Ok(plan) })
}

/// What a wrong rule decides by itself.
pub(crate) fn unasked(defect: Defect, up: &Up, time: Time) -> Option<Draft> {
    if time.date() > up.ledger.day() {
        return None;
    }
    let (kind, command, plan) = match defect {
        Defect::MonthEndedEarly => month_ended_early(up)?,
        Defect::ClosingListIgnored => listed_came_back(up)?,
        _ => return None,
    };
    let key = Some(OperationKey::Job { kind, date: up.ledger.day() });
    let submission = Submission { key, command, evidence: None };
    Some(Draft { index: up.ledger.meta().next, time, submission, plan: Ok(plan) })
}

/// A month is stated some days before it is over.
fn month_ended_early(up: &Up) -> Option<(JobKind, Command, Plan)> {
    let (today, me) = (up.ledger.day(), up.ledger.meta().town);
    let over = today.plus_days(3).month();
    let open = |key: &PeriodKey| key.flow == Flow::Taken && key.month < over;
    let mut all = up.ledger.periods();
    let (key, period) = all.find(|(key, period)| open(key) && period.stage == PeriodStage::Open)?;
    let (town, month) = (key.town, key.month);
    let statement = PeriodStatement { month, taken: period.own };
    let body = codec::encode(&Message::PeriodEnd(statement));
    let message = up.ledger.channel(&town)?.draft(me, town, Purpose::Money, body);
    let plan = Plan { postings: Postings::NONE, message: Some(message) };
    let command = Command::EndPeriod(PeriodNamed { town, month }, Nothing {});
    Some((JobKind::EndPeriod, command, plan))
}

/// What a closed town had answered comes back as if it had not.
fn listed_came_back(up: &Up) -> Option<(JobKind, Command, Plan)> {
    let mut all = up.ledger.outgoing_all();
    let (transfer, postings) = all.find_map(|(transfer, outgoing)| {
        let closed = up.ledger.closed_peer(&outgoing.town)?;
        let OutgoingStage::Waiting { lots, .. } = &outgoing.stage else { return None };
        let Way::Given { account: holder, .. } = outgoing.way else { return None };
        if !closed.answered.contains(transfer) {
            return None;
        }
        let (account, points) = (Account::Transit(outgoing.town), outgoing.points);
        let postings = vec![
            Posting::Book { account, side: Side::Debit, points },
            Posting::Lots { holder, side: Side::Credit, lots: lots.clone() },
        ];
        Some((*transfer, Postings::balanced(postings)?))
    })?;
    let command = Command::ReturnUnanswered(OfferUnanswered { transfer }, Nothing {});
    Some((JobKind::ReturnUnanswered, command, Plan { postings, message: None }))
}

/// Where a message meets the ledger.
struct At<'a> {
    ledger: &'a Ledger,
    envelope: &'a Envelope,
    sender: TownId,
    arrival: Arrival,
    after: Channel,
}

impl<'a> At<'a> {
    fn of(ledger: &'a Ledger, envelope: &'a Envelope) -> Option<Self> {
        let (me, sender) = (ledger.meta().town, envelope.header().sender);
        let channel = ledger.channel(&sender)?;
        let arrival = channel.arrival(envelope, me);
        let mut after = channel.clone();
        after.received(envelope, me);
        Some(Self { ledger, envelope, sender, arrival, after })
    }

    fn offered(&self, defect: Defect, up: &Up, offer: &OfferBody) -> Option<Plan> {
        if let Recipient::Shop(merchant) = offer.recipient {
            return self.taken_after_cancel(defect, offer, merchant);
        }
        let known = self.ledger.incoming(&offer.transfer);
        let tombstone =
            known.filter(|known| known.answer.offer.is_none() && self.arrival == Arrival::New);
        let wrong = match defect {
            Defect::NoTombstone => tombstone.is_some(),
            Defect::TombstoneForgottenByCrash => {
                tombstone.is_some_and(|stone| stone.decided.0 < up.memory.at_start)
            }
            Defect::NoFence => {
                let ended = self.envelope.header().generation < self.after.peer_generation();
                ended && known.is_none()
            }
            Defect::AnsweredTwice => self.arrival == Arrival::Duplicate && known.is_some(),
            _ => false,
        };
        if !wrong {
            return None;
        }
        let sum = Points::sum(offer.lots.iter().map(|lot| lot.points))?;
        let (town, user) = (town_of(&self.ledger.meta().town), town_of(&self.sender));
        let holder = setup::recipient(town, user, offer.recipient)?;
        let mut lots: Vec<Lot> = Vec::new();
        for lot in &offer.lots {
            let terms = lot.terms.moved_from(self.sender);
            lots.push(Lot { terms, points: lot.points });
        }
        let owed = Account::OwedBy(self.sender);
        let postings = Postings::balanced(vec![
            Posting::Book { account: owed, side: Side::Debit, points: sum },
            Posting::Lots { holder, side: Side::Credit, lots },
        ])?;
        Some(Plan { postings, message: Some(self.accepts(offer)) })
    }

    fn taken_after_cancel(
        &self,
        defect: Defect,
        offer: &OfferBody,
        merchant: MerchantId,
    ) -> Option<Plan> {
        let asking = self.ledger.asking(&offer.transfer)?;
        let wrong = defect == Defect::ShopsCancelForgotten
            && asking.state == AskState::Cancelled
            && self.arrival == Arrival::New;
        let sum = points_of(&offer.lots);
        let (owed, shop) = (Account::OwedBy(self.sender), Account::Merchant(merchant));
        let postings = Postings::between(owed, shop, sum)?;
        wrong.then(|| Plan { postings, message: Some(self.accepts(offer)) })
    }

    fn accepts(&self, offer: &OfferBody) -> Unsigned {
        let answer = Answer::Accept { date: self.ledger.day() };
        let offered = Some(self.envelope.hash());
        self.says(&AnswerBody { transfer: offer.transfer, offer: offered, answer })
    }

    fn says(&self, body: &AnswerBody) -> Unsigned {
        let body = codec::encode(&Message::Answer(*body));
        self.after.draft(self.ledger.meta().town, self.sender, Purpose::Money, body)
    }

    fn withdrawn(&self, defect: Defect, up: &Up, body: &WithdrawBody) -> Option<Plan> {
        let known = self.ledger.incoming(&body.transfer)?;
        let heard = || {
            let post = up.posts.get(&town_of(&self.sender));
            post.is_some_and(|post| !post.outbox().waits(known.number))
        };
        let wrong = match defect {
            Defect::PrunedBeforeAck => heard(),
            Defect::CancelOverridesAnswer => true,
            _ => false,
        };
        let answer = Answer::Refuse { reason: RefuseReason::Withdrawn };
        let refuse = AnswerBody { transfer: body.transfer, offer: None, answer };
        (wrong && self.arrival == Arrival::New)
            .then(|| Plan { postings: Postings::NONE, message: Some(self.says(&refuse)) })
    }

    fn answered(
        &self,
        defect: Defect,
        body: &AnswerBody,
        submission: &Submission,
        time: Time,
    ) -> Option<Plan> {
        let outgoing = self.ledger.outgoing(&body.transfer)?;
        let refused = matches!(body.answer, Answer::Refuse { .. });
        if defect == Defect::SettledTwice {
            let again = self.arrival == Arrival::Duplicate && !refused;
            let (from, into) = (Account::Transit(self.sender), Account::OwedTo(self.sender));
            let postings = Postings::between(from, into, outgoing.points)?;
            let there = self.ledger.balance(&from) >= outgoing.points;
            return (again && there).then_some(Plan { postings, message: None });
        }
        if !refused || self.arrival != Arrival::New {
            return None;
        }
        let OutgoingStage::Waiting { lots, .. } = &outgoing.stage else { return None };
        if defect == Defect::CancelForgotten {
            return Some(Plan { postings: Postings::NONE, message: None });
        }
        let right = decided(self.ledger, submission, time)?.plan.ok()?;
        let changed =
            right.postings.as_slice().iter().map(|posting| {
                self.regraced(defect, posting, lots).unwrap_or_else(|| posting.clone())
            });
        let postings = Postings::balanced(changed.collect())?;
        (postings != right.postings).then_some(Plan { postings, message: None })
    }

    /// Lots whose grace is left out, or given once more.
    fn regraced(&self, defect: Defect, posting: &Posting, left: &[Lot]) -> Option<Posting> {
        let today = self.ledger.day();
        let late = |lot: &&Lot| !lot.terms.spendable_on(today);
        match (defect, posting) {
            (Defect::GraceOmitted, Posting::Lots { lots, .. })
                if left.iter().all(|lot| late(&lot)) && !lots.is_empty() =>
            {
                let account = Account::Lapsed(LapsedKind::Administrative);
                let points = Points::sum(lots.iter().map(|lot| lot.points))?;
                Some(Posting::Book { account, side: Side::Credit, points })
            }
            (Defect::GraceTwice, Posting::Book { account: Account::Lapsed(_), points, .. }) => {
                let holder = self.holder_of(left)?;
                let lot = left.iter().find(|lot| lot.terms.grace != Grace::May && late(lot))?;
                let mut terms = lot.terms;
                terms.expires = today.plus_days(7);
                let lots = vec![Lot { terms, points: *points }];
                Some(Posting::Lots { holder, side: Side::Credit, lots })
            }
            _ => None,
        }
    }

    fn holder_of(&self, left: &[Lot]) -> Option<jichi_protocol::id::AccountId> {
        let waits = |stage: &OutgoingStage| matches!(stage, OutgoingStage::Waiting { lots, .. } if lots == left);
        let mut all = self.ledger.outgoing_all();
        all.find(|(_, outgoing)| waits(&outgoing.stage))
            .and_then(|(_, outgoing)| outgoing.account())
    }
}

fn decided(ledger: &Ledger, submission: &Submission, time: Time) -> Option<Draft> {
    let signers = ledger.signers(&submission.command).ok()?;
    let checked = Checked::from_own_journal(submission.clone(), signers);
    match ledger.decide(time, &checked) {
        Decided::Entry(draft) => Some(draft),
        Decided::Again(_) | Decided::Heard | Decided::Rejected(_) => None,
    }
}

/// The same message, which acknowledges the last number that came, whatever is missing below.
fn acked_over_gap(up: &Up, submission: &Submission, time: Time) -> Option<Draft> {
    let mut draft = decided(&up.ledger, submission, time)?;
    let plan = draft.plan.as_mut().ok()?;
    let message = plan.message.take()?;
    let right = message.sign(&up.channel_key());
    let header = right.header();
    let last = up.memory.last.get(&header.recipient)?;
    if *last <= header.acked.number {
        return None;
    }
    let route = Route {
        sender: header.sender,
        recipient: header.recipient,
        generation: header.generation,
        number: header.number,
        previous: header.previous,
        acked: Acked { number: *last, ..header.acked },
    };
    plan.message = Some(Unsigned::new(route, header.purpose, right.body().to_vec()));
    Some(draft)
}
