//! Every order of a small core: two towns, one offer, one cancel, any loss, two doubles, two
//! crashes, one restore from every older state. States are told apart by what they hold, and each
//! is visited once.

mod anew;

use std::{
    collections::{BTreeSet, VecDeque},
    rc::Rc,
};

use jichi_node::federation::arriving::submission;
use jichi_protocol::{
    account::Account,
    command::{Actor, ByActor, Command, OfferPrivate, OfferShared, Source, WithdrawShared},
    digest::Digest,
    entry::{Entry, Outcome, Salt, Submission},
    envelope::Envelope,
    id::{EntryIndex, TransferId},
    key::{ClientKey, OperationKey},
    ledger::{Checked, Decided, Ledger},
    points::Points,
    transfer::{Answer, Message, OutgoingStage},
};

use crate::{
    out::{self, Watch},
    run,
    setup::{self, keys, town_id},
};

const DOUBLES: u8 = 2;
const CRASHES: u8 = 2;
const TRANSFER: TransferId = TransferId([1; 16]);
const POINTS: u32 = 50;

/// One town: what is durable, and at most one entry that is not yet.
#[derive(Clone)]
struct Side {
    durable: Ledger,
    /// The state ahead of the disk, and what waits for the sync.
    ahead: Option<Ahead>,
    /// Messages that were ever durable; those that are not acknowledged may go out.
    sent: Vec<Rc<Envelope>>,
    /// Messages that were ever taken.
    took: Vec<Rc<Envelope>>,
    /// How often the recipient was credited.
    credited: u8,
    /// Answers that were given, for ever: a defect would give two.
    answers: Vec<Answer>,
    /// Every durable state before this one, as long as one may be restored.
    past: Vec<Rc<Past>>,
}

/// A durable state that may be restored.
struct Past {
    ledger: Ledger,
    hash: Digest,
    credited: u8,
}

/// An entry that is not durable.
#[derive(Clone)]
struct Ahead {
    ledger: Ledger,
    sent: Option<Rc<Envelope>>,
    took: Option<Rc<Envelope>>,
    credited: u8,
}

#[derive(Clone)]
struct State {
    sides: [Side; 2],
    /// Messages on the wire: from which side, which number, how many copies.
    wire: Vec<(usize, usize, u8)>,
    offered: bool,
    cancelled: bool,
    doubles: u8,
    crashes: u8,
    /// The town that was restored.
    restored: Option<usize>,
}

/// Explores everything, and says whether all held.
pub(crate) fn explore() -> bool {
    let watch = Watch::start();
    let mut seen: BTreeSet<Digest> = BTreeSet::new();
    let mut todo: VecDeque<(State, Vec<&'static str>)> = VecDeque::new();
    let first = State::first();
    let (mut ends, mut transitions) = (BTreeSet::new(), 0_u64);
    todo.push_back((first, Vec::new()));
    while let Some((mut state, way)) = todo.pop_front() {
        if !seen.insert(state.hash()) {
            continue;
        }
        let ended = match state.holds().and_then(|()| state.drained()) {
            Ok(ended) => ended,
            Err(violation) => {
                out::line(&format!("FAILED: {violation}"));
                for step in way {
                    out::line(step);
                }
                return false;
            }
        };
        ends.insert(ended);
        for (step, next) in state.steps() {
            transitions += 1;
            let mut way = way.clone();
            way.push(step);
            todo.push_back((next, way));
        }
    }
    let millis = watch.elapsed().as_millis();
    out::line(&format!("{} states, {transitions} steps, {millis} ms", seen.len()));
    out::line(&format!("all held; ends: {ends:?}"));
    ends.len() >= 3
}

impl Side {
    fn live(&self) -> &Ledger {
        self.ahead.as_ref().map_or(&self.durable, |ahead| &ahead.ledger)
    }

    /// Decides something, and says whether it makes an entry; at most one is ahead of the disk,
    /// and the next one waits for it.
    fn decide(&mut self, town: usize, submission: Submission) -> Result<bool, String> {
        let mut ledger = self.durable.clone();
        let Ok(signers) = ledger.signers(&submission.command) else { return Ok(false) };
        // What is on the wire here was signed by the towns themselves.
        let checked = Checked::from_own_journal(submission, signers);
        let Decided::Entry(draft) = ledger.decide(setup::begin(), &checked) else {
            return Ok(false);
        };
        let entry = draft.complete(Salt([0; 16]), &keys(town).channel);
        ledger.apply(&entry).map_err(|broken| broken.to_string())?;
        let took = match &entry.submission.command {
            Command::HandleEnvelope(_, received) => Envelope::decode(&received.envelope).ok(),
            _ => None,
        };
        let offer = took.as_ref().is_some_and(|took| {
            matches!(Message::of(took), Some(Message::Offer(_))) && moves(&entry)
        });
        let credited = self.credited + u8::from(offer);
        self.ahead =
            Some(Ahead { ledger, sent: message(&entry), took: took.map(Rc::new), credited });
        Ok(true)
    }

    fn sync(&mut self) {
        let Some(Ahead { ledger, sent, took, credited }) = self.ahead.take() else { return };
        let mut ledger = std::mem::replace(&mut self.durable, ledger);
        let hash = ledger.hash();
        self.past.push(Rc::new(Past { ledger, hash, credited: self.credited }));
        self.credited = credited;
        self.took.extend(took);
        if let Some(envelope) = sent {
            if let Some(Message::Answer(body)) = Message::of(&envelope) {
                self.answers.push(body.answer);
            }
            self.sent.push(envelope);
        }
    }
}

fn moves(entry: &Entry) -> bool {
    match &entry.outcome {
        Outcome::Done(effect) => !effect.postings.as_slice().is_empty(),
        Outcome::Refused(_) => false,
    }
}

fn message(entry: &Entry) -> Option<Rc<Envelope>> {
    match &entry.outcome {
        Outcome::Done(effect) => effect.sent.clone().map(Rc::new),
        Outcome::Refused(_) => None,
    }
}

impl State {
    fn first() -> Self {
        let side = |town: &crate::town::Town| {
            let mut town = town.copy();
            town.start(setup::begin(), None).expect("a town starts");
            let durable = town.up.expect("the town is up").ledger;
            let (sent, took, answers, past) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
            Side { durable, ahead: None, sent, took, credited: 0, answers, past }
        };
        let base = run::Base::made();
        Self {
            sides: [side(&base.of(2)[0]), side(&base.of(2)[1])],
            wire: Vec::new(),
            offered: false,
            cancelled: false,
            doubles: DOUBLES,
            crashes: CRASHES,
            restored: None,
        }
    }

    fn hash(&mut self) -> Digest {
        let mut bytes =
            vec![u8::from(self.offered), u8::from(self.cancelled), self.doubles, self.crashes];
        bytes.push(self.restored.map_or(9, |town| u8::from(town == 1)));
        for side in &mut self.sides {
            bytes.extend(side.durable.hash().0);
            bytes.push(u8::from(side.ahead.is_some()));
            if let Some(ahead) = &mut side.ahead {
                bytes.extend(ahead.ledger.hash().0);
            }
            bytes.push(side.credited);
            bytes.push(u8::try_from(side.past.len()).unwrap_or(99));
            for past in &side.past {
                bytes.extend(past.hash.0);
            }
            if self.restored.is_some() {
                for envelope in side.sent.iter().chain(&side.took) {
                    bytes.extend(envelope.hash().0);
                }
            }
        }
        self.wire.sort_unstable();
        for (from, number, copies) in &self.wire {
            bytes.extend([u8::try_from(*from).unwrap_or(9), u8::try_from(*number).unwrap_or(99)]);
            bytes.push(*copies);
        }
        Digest::of(&[&bytes])
    }

    /// Every state that can come next, and what leads there.
    fn steps(&self) -> Vec<(&'static str, Self)> {
        if self.restored.is_some() {
            return self.steps_anew();
        }
        let mut steps = Vec::new();
        let mut step = |name: &'static str, change: &dyn Fn(&mut Self) -> Option<()>| {
            let mut next = self.clone();
            if change(&mut next).is_some() {
                steps.push((name, next));
            }
        };
        step("offer", &Self::offer);
        step("cancel", &Self::cancel);
        for town in 0..2 {
            step("sync", &|next: &mut Self| next.sync(town));
            step("crash, unsynced lost", &|next: &mut Self| next.crash(town, false));
            step("crash, unsynced kept", &|next: &mut Self| next.crash(town, true));
            for number in 0..self.sides[town].sent.len() {
                step("send", &|next: &mut Self| next.send(town, number));
            }
        }
        for (from, number, _) in &self.wire {
            step("arrive", &|next: &mut Self| next.arrive(*from, *number));
            step("lose", &|next: &mut Self| next.take(*from, *number));
            step("double", &|next: &mut Self| next.double(*from, *number));
        }
        for town in 0..2 {
            for back in 0..=self.sides[town].past.len() {
                step("restore", &|next: &mut Self| next.restore(town, back));
            }
        }
        steps
    }

    fn offer(&mut self) -> Option<()> {
        if self.offered || self.sides[0].ahead.is_some() {
            return None;
        }
        let shared =
            OfferShared { transfer: TRANSFER, town: town_id(1), points: Points::from_u32(POINTS) };
        let private = OfferPrivate {
            account: setup::account(0, 0),
            recipient: setup::handle(1, 0, 0),
            source: Source::Balance,
            actor: Actor::Holder,
        };
        let made = self.sides[0].decide(0, keyed(1, Command::Offer(shared, private)));
        self.offered = made.ok()?;
        self.offered.then_some(())
    }

    fn cancel(&mut self) -> Option<()> {
        if self.cancelled || self.sides[0].ahead.is_some() {
            return None;
        }
        self.sides[0].durable.outgoing(&TRANSFER)?;
        let shared = WithdrawShared { transfer: TRANSFER };
        let private = ByActor { actor: Actor::Holder };
        let made = self.sides[0].decide(0, keyed(2, Command::Withdraw(shared, private)));
        self.cancelled = made.ok()?;
        self.cancelled.then_some(())
    }

    fn sync(&mut self, town: usize) -> Option<()> {
        self.sides[town].ahead.as_ref()?;
        self.sides[town].sync();
        Some(())
    }

    fn crash(&mut self, town: usize, kept: bool) -> Option<()> {
        // Without anything ahead a crash loses only what is sent again anyway.
        self.sides[town].ahead.as_ref()?;
        self.crashes = self.crashes.checked_sub(1)?;
        self.forget_past();
        if kept {
            self.sides[town].sync();
        } else {
            self.sides[town].ahead = None;
            // The resident was never answered, and asks again.
            if town == 0 {
                self.ask_again();
            }
        }
        Some(())
    }

    /// The resident asks for what the journal has not.
    fn ask_again(&mut self) {
        self.offered = self.sides[0].durable.outgoing(&TRANSFER).is_some();
        let cancelled = self.sides[0].durable.outgoing(&TRANSFER).is_some_and(|out| {
            matches!(out.stage, OutgoingStage::Waiting { withdraw: Some(_), .. })
        });
        self.cancelled = cancelled || (self.cancelled && self.closed());
    }

    fn closed(&self) -> bool {
        let outgoing = self.sides[0].durable.outgoing(&TRANSFER);
        outgoing.is_some_and(|out| !matches!(out.stage, OutgoingStage::Waiting { .. }))
    }

    /// Puts a message on the wire that is not acknowledged, if none of it is there.
    fn send(&mut self, town: usize, number: usize) -> Option<()> {
        let channel = self.sides[town].durable.channel(&town_id(1 - town))?;
        let envelope = &self.sides[town].sent[number];
        if envelope.header().generation != channel.generation() {
            return None;
        }
        channel.open().find(|(open, _)| **open == envelope.header().number)?;
        if self.wire.iter().any(|(from, at, _)| (*from, *at) == (town, number)) {
            return None;
        }
        self.wire.push((town, number, 1));
        Some(())
    }

    fn double(&mut self, from: usize, number: usize) -> Option<()> {
        self.doubles = self.doubles.checked_sub(1)?;
        self.forget_past();
        let wire = self.wire.iter_mut().find(|(f, n, _)| (*f, *n) == (from, number))?;
        wire.2 += 1;
        Some(())
    }

    fn take(&mut self, from: usize, number: usize) -> Option<()> {
        let at = self.wire.iter().position(|(f, n, _)| (*f, *n) == (from, number))?;
        self.wire[at].2 -= 1;
        if self.wire[at].2 == 0 {
            self.wire.remove(at);
        }
        Some(())
    }

    fn arrive(&mut self, from: usize, number: usize) -> Option<()> {
        let to = 1 - from;
        if self.sides[to].ahead.is_some() {
            return None;
        }
        let envelope = Rc::clone(&self.sides[from].sent[number]);
        self.take(from, number)?;
        let header = envelope.header();
        let named = self.sides[to].durable.member(&town_id(from))?.generation;
        // Its proof is by a key that has the generation in its name.
        if header.generation == named {
            self.sides[to].decide(to, submission(header, envelope.encode())).ok()?;
        }
        Some(())
    }

    /// What holds in every state.
    fn holds(&self) -> Result<(), String> {
        let (a, b) = (self.sides[0].live(), self.sides[1].live());
        let given = &self.sides[1].answers;
        if self.restored.is_none() && given.len() > 1 {
            return Err(format!("answered twice: {given:?}"));
        }
        // What a restore lost before anybody saw it was no answer.
        let taken = self.sides[0].took.iter().filter_map(|envelope| match Message::of(envelope) {
            Some(Message::Answer(body)) => Some(body.answer),
            _ => None,
        });
        let taken: Vec<Answer> = taken.collect();
        if taken.windows(2).any(|two| two[0] != two[1]) {
            return Err(format!("two answers were taken: {taken:?}"));
        }
        if self.sides[1].credited > 1 {
            return Err("credited twice".to_owned());
        }
        if !a.trial().balances() || !b.trial().balances() {
            return Err("the books do not balance".to_owned());
        }
        if self.restored.is_some() {
            // What both books say is the same again at the end.
            return Ok(());
        }
        let (transit, owed) =
            (a.balance(&Account::Transit(town_id(1))), a.balance(&Account::OwedTo(town_id(1))));
        let claimed = self.sides[1].durable.balance(&Account::OwedBy(town_id(0)));
        let most = transit.plus(owed).unwrap_or(Points::MAX);
        if claimed > most || owed > claimed {
            return Err(format!("owed {owed}, on the way {transit}, claimed {claimed}"));
        }
        Ok(())
    }

    /// Once nothing breaks any more, the transfer ends, the same on both sides.
    fn drained(&self) -> Result<&'static str, String> {
        let mut state = self.clone();
        for _ in 0..24 {
            let before = state.progress();
            for town in 0..2 {
                state.sync(town);
                state.directory(town);
                state.sync(town);
                state.due();
                state.sync(town);
                state.fetch();
                state.sync(town);
                for number in 0..state.sides[town].sent.len() {
                    state.send(town, number);
                }
            }
            for (from, number, _) in state.wire.clone() {
                state.arrive(from, number);
                state.sync(1 - from);
            }
            if state.progress() == before {
                break;
            }
        }
        state.holds()?;
        state.ended()
    }

    /// How many entries each town has.
    fn progress(&self) -> [EntryIndex; 2] {
        [0, 1].map(|town: usize| self.sides[town].durable.meta().next)
    }
}

fn keyed(number: u8, command: Command) -> Submission {
    let key = ClientKey::of(setup::begin(), [0, 0, 0, 0, 0, 0, 0, 0, 1, number]);
    Submission { key: Some(OperationKey::Client(key)), command, evidence: None }
}
