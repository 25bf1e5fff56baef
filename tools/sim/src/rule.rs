//! Wrong rules, planted between the node's core and its commands; and which rare state a command
//! meets. A wrong rule makes an entry that the right ledger applies, and would never have made.

use std::{collections::BTreeMap, sync::Arc};

use jichi_node::{engine::restore::Restored, journal::memory::Found};
use jichi_protocol::{
    account::{Account, HolderState, LapsedKind, Side},
    channel::{Arrival, Channel},
    codec,
    command::{Command, Step},
    date::Time,
    entry::{Entry, Outcome, StoredEntry, Submission},
    envelope::{Acked, Envelope, Purpose, Route, Unsigned},
    id::{ChannelNumber, EntryIndex, TownId},
    ledger::{Checked, Decided, Draft, Ledger, Plan},
    log::{
        checkpoint::SignedCheckpoint,
        tree::{Tree, leaf_hash},
    },
    lot::{Grace, Lot, Return},
    points::Points,
    posting::{Posting, Postings},
    refusal::Refusal,
    transfer::{Answer, AnswerBody, Message, OfferBody, OutgoingStage, RefuseReason, WithdrawBody},
};

use crate::{
    mark::Marks,
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

    fn note(&mut self, envelope: &Envelope) {
        let last = self.last.entry(envelope.header().sender).or_insert(ChannelNumber(0));
        *last = envelope.header().number.max(*last);
    }
}

fn envelope_of(submission: &Submission) -> Option<Envelope> {
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

/// Notes which rare state a message meets.
pub(crate) fn note(
    memory: &mut Memory,
    ledger: &Ledger,
    submission: &Submission,
    marks: &mut Marks,
) {
    let Some(envelope) = envelope_of(submission) else { return };
    memory.note(&envelope);
    let header = envelope.header();
    let Some(channel) = ledger.channel(&header.sender) else { return };
    match channel.arrival(&envelope, ledger.meta().town) {
        Arrival::New => {}
        Arrival::Duplicate | Arrival::Old => return marks.reach("a message came again"),
        Arrival::Fork(_)
        | Arrival::OtherGeneration
        | Arrival::TooFarAhead
        | Arrival::NotLinked
        | Arrival::NotForUs
        | Arrival::Frozen => return,
    }
    if header.number > channel.heard().number.next() {
        marks.reach("a message over a gap");
        let acks = |(number, _): (&ChannelNumber, &EntryIndex)| *number <= header.acked.number;
        if channel.open().any(acks) {
            marks.reach("an acknowledgement over a gap");
        }
    }
    let mut after = channel.clone();
    if !after.received(&envelope, ledger.meta().town).is_empty() {
        marks.reach("an answer was pruned");
    }
    match Message::of(&envelope) {
        Some(Message::Offer(offer)) => note_offer(ledger, &offer, header.sender, marks),
        Some(Message::Answer(answer)) => note_answer(ledger, &answer, marks),
        Some(Message::Withdraw(withdraw)) => match ledger.incoming(&withdraw.transfer) {
            Some(_) => marks.reach("a cancel came after the answer"),
            None => marks.reach("a cancel came before its offer"),
        },
        // The courses of the simulator say no more.
        Some(
            Message::TakeBack(_)
            | Message::Fence(_)
            | Message::Request(_)
            | Message::Decline(_)
            | Message::Refund(_)
            | Message::PeriodEnd(_)
            | Message::PeriodAnswer(_),
        )
        | None => {}
    }
}

/// Notes which rare state an entry is of.
pub(crate) fn note_made(entry: &Entry, ledger: &Ledger, marks: &mut Marks) {
    if let Outcome::Refused(Refusal::OverTownCap { .. }) = &entry.outcome {
        marks.reach("an offer over the cap was refused");
    }
    match &entry.submission.command {
        Command::TakeBackOwn(_, received) => {
            let envelope = Envelope::decode(&received.envelope).ok();
            match envelope.and_then(|envelope| Message::of(&envelope)) {
                Some(Message::Offer(_)) => marks.reach("an offer was taken back"),
                Some(Message::Answer(_)) => marks.reach("an answer was taken back"),
                _ => {}
            }
        }
        Command::StepFence(step, _) => match step.step {
            Step::TakeOfferBack(_) => marks.reach("an offer was void behind a fence"),
            Step::AnswerAgain(_) => marks.reach("an answer was signed again"),
            Step::WithdrawAgain(_) => marks.reach("a withdrawal was signed again"),
            Step::Ask => {}
        },
        Command::DecideProposal(..) => {
            let closes = ledger.closed().is_some_and(|own| own.entry == entry.index);
            marks.reach(if closes { "a town closed" } else { "an unheard town was named" });
        }
        Command::ReturnUnanswered(..) => marks.reach("an offer came back from a closed town"),
        _ => {}
    }
}

fn note_offer(ledger: &Ledger, offer: &OfferBody, sender: TownId, marks: &mut Marks) {
    let (town, user) = (town_of(&ledger.meta().town), town_of(&sender));
    let Some(agreement) = ledger.agreement(&sender) else { return };
    if ledger.incoming(&offer.transfer).is_some() {
        return;
    }
    if ledger.day() > agreement.agreement.until {
        return marks.reach("no agreement any more");
    }
    let account = setup::recipient(town, user, offer.recipient);
    let holder = account.and_then(|account| ledger.holder(&account));
    if holder.is_some_and(|holder| holder.state == HolderState::Closed) {
        return marks.reach("a refusal for a closed account");
    }
    let grace = ledger.terms().grace_days;
    if offer.lots.iter().any(|lot| graced(lot, ledger, grace)) {
        marks.reach("an acceptance that gave grace");
    }
}

fn graced(lot: &Lot, ledger: &Ledger, days: u32) -> bool {
    matches!(lot.terms.on_return(ledger.day(), days), Return::As(terms) if terms != lot.terms)
}

fn note_answer(ledger: &Ledger, body: &AnswerBody, marks: &mut Marks) {
    let Some(outgoing) = ledger.outgoing(&body.transfer) else { return };
    let OutgoingStage::Waiting { lots, .. } = &outgoing.stage else { return };
    let Answer::Refuse { .. } = body.answer else { return };
    let days = ledger.terms().grace_days;
    if lots.iter().any(|lot| graced(lot, ledger, days)) {
        marks.reach("a refusal that gave grace");
    }
    let today = ledger.day();
    if lots.iter().any(|lot| lot.terms.grace != Grace::May && !lot.terms.spendable_on(today)) {
        marks.reach("a refusal when no grace was left");
    }
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
        let answer = Answer::Accept { date: self.ledger.day() };
        let body =
            AnswerBody { transfer: offer.transfer, offer: Some(self.envelope.hash()), answer };
        Some(Plan { postings, message: Some(self.says(&body)) })
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
    let right = message.sign(&up.channel_key(town_of(&up.ledger.meta().town)));
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
