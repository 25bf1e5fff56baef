//! Every order of a small core: two towns, one offer, one cancel, any loss, two doubles, two
//! crashes. States are told apart by what they hold, and each is visited once.

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
    id::TransferId,
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
    /// The state ahead of the disk, and the message that waits for the sync.
    ahead: Option<(Ledger, Option<Rc<Envelope>>)>,
    /// Messages that are durable, by number; those that are not acknowledged may go out.
    sent: Vec<Rc<Envelope>>,
    /// Answers that were given, for ever: a defect would give two.
    answers: Vec<Answer>,
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
        self.ahead.as_ref().map_or(&self.durable, |(ledger, _)| ledger)
    }

    /// Decides something; at most one entry is ahead of the disk, and the next one waits for it.
    fn decide(&mut self, town: usize, submission: Submission) -> Result<(), String> {
        let mut ledger = self.durable.clone();
        let signers = ledger.signers(&submission.command).map_err(|code| code.code().to_owned())?;
        // What is on the wire here was signed by the towns themselves.
        let checked = Checked::from_own_journal(submission, signers);
        let Decided::Entry(draft) = ledger.decide(setup::begin(), &checked) else {
            return Ok(());
        };
        let entry = draft.complete(Salt([0; 16]), &keys(town).channel);
        ledger.apply(&entry).map_err(|broken| broken.to_string())?;
        self.ahead = Some((ledger, message(&entry)));
        Ok(())
    }

    fn sync(&mut self) {
        let Some((ledger, sent)) = self.ahead.take() else { return };
        self.durable = ledger;
        if let Some(envelope) = sent {
            if let Some(Message::Answer(body)) = Message::of(&envelope) {
                self.answers.push(body.answer);
            }
            self.sent.push(envelope);
        }
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
            Side { durable, ahead: None, sent: Vec::new(), answers: Vec::new() }
        };
        let base = run::Base::made();
        Self {
            sides: [side(&base.of(2)[0]), side(&base.of(2)[1])],
            wire: Vec::new(),
            offered: false,
            cancelled: false,
            doubles: DOUBLES,
            crashes: CRASHES,
        }
    }

    fn hash(&mut self) -> Digest {
        let mut bytes =
            vec![u8::from(self.offered), u8::from(self.cancelled), self.doubles, self.crashes];
        for side in &mut self.sides {
            bytes.extend(side.durable.hash().0);
            bytes.push(u8::from(side.ahead.is_some()));
            if let Some((ledger, _)) = &mut side.ahead {
                bytes.extend(ledger.hash().0);
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
        steps
    }

    fn offer(&mut self) -> Option<()> {
        if self.offered || self.sides[0].ahead.is_some() {
            return None;
        }
        self.offered = true;
        let shared =
            OfferShared { transfer: TRANSFER, town: town_id(1), points: Points::from_u32(POINTS) };
        let private = OfferPrivate {
            account: setup::account(0, 0),
            recipient: setup::handle(1, 0, 0),
            source: Source::Balance,
            actor: Actor::Holder,
        };
        self.sides[0].decide(0, keyed(1, Command::Offer(shared, private))).ok()
    }

    fn cancel(&mut self) -> Option<()> {
        if self.cancelled || self.sides[0].ahead.is_some() {
            return None;
        }
        self.sides[0].durable.outgoing(&TRANSFER)?;
        self.cancelled = true;
        let shared = WithdrawShared { transfer: TRANSFER };
        let private = ByActor { actor: Actor::Holder };
        self.sides[0].decide(0, keyed(2, Command::Withdraw(shared, private))).ok()
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
        if kept {
            self.sides[town].sync();
        } else {
            self.sides[town].ahead = None;
            // The resident was never answered, and asks again.
            if town == 0 {
                self.offered = self.sides[0].durable.outgoing(&TRANSFER).is_some();
                let cancelled = self.sides[0].durable.outgoing(&TRANSFER).is_some_and(|out| {
                    matches!(out.stage, OutgoingStage::Waiting { withdraw: Some(_), .. })
                });
                self.cancelled = cancelled || (self.cancelled && self.closed());
            }
        }
        Some(())
    }

    fn closed(&self) -> bool {
        let outgoing = self.sides[0].durable.outgoing(&TRANSFER);
        outgoing.is_some_and(|out| !matches!(out.stage, OutgoingStage::Waiting { .. }))
    }

    /// Puts a message on the wire that is not acknowledged, if none of it is there.
    fn send(&mut self, town: usize, number: usize) -> Option<()> {
        let channel = self.sides[town].durable.channel(&town_id(1 - town))?;
        let envelope = &self.sides[town].sent[number];
        channel.open().find(|(open, _)| **open == envelope.header().number)?;
        if self.wire.iter().any(|(from, at, _)| (*from, *at) == (town, number)) {
            return None;
        }
        self.wire.push((town, number, 1));
        Some(())
    }

    fn double(&mut self, from: usize, number: usize) -> Option<()> {
        self.doubles = self.doubles.checked_sub(1)?;
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
        let submission = submission(envelope.header(), envelope.encode());
        self.sides[to].decide(to, submission).ok()
    }

    /// What holds in every state.
    fn holds(&self) -> Result<(), String> {
        let (a, b) = (self.sides[0].live(), self.sides[1].live());
        if self.sides[1].answers.len() > 1 {
            return Err(format!("answered twice: {:?}", self.sides[1].answers));
        }
        let (transit, owed) =
            (a.balance(&Account::Transit(town_id(1))), a.balance(&Account::OwedTo(town_id(1))));
        let claimed = self.sides[1].durable.balance(&Account::OwedBy(town_id(0)));
        let most = transit.plus(owed).unwrap_or(Points::MAX);
        if claimed > most || owed > claimed {
            return Err(format!("owed {owed}, on the way {transit}, claimed {claimed}"));
        }
        if !a.trial().balances() || !b.trial().balances() {
            return Err("the books do not balance".to_owned());
        }
        Ok(())
    }

    /// Once nothing breaks any more, the transfer ends, the same on both sides.
    fn drained(&self) -> Result<&'static str, String> {
        let mut state = self.clone();
        for _ in 0..16 {
            for town in 0..2 {
                state.sync(town);
                for number in 0..state.sides[town].sent.len() {
                    state.send(town, number);
                }
            }
            for (from, number, _) in state.wire.clone() {
                state.arrive(from, number);
                state.sync(1 - from);
            }
        }
        state.holds()?;
        let Some(outgoing) = state.sides[0].durable.outgoing(&TRANSFER) else {
            return Ok("never offered");
        };
        match (&outgoing.stage, state.sides[1].answers.as_slice()) {
            (OutgoingStage::Settled { .. }, [Answer::Accept { .. }]) => Ok("settled"),
            (OutgoingStage::Returned { .. }, [Answer::Refuse { .. }]) => Ok("returned"),
            (stage, answers) => Err(format!("ended as {stage:?} and {answers:?}")),
        }
    }
}

fn keyed(number: u8, command: Command) -> Submission {
    let key = ClientKey::of(setup::begin(), [0, 0, 0, 0, 0, 0, 0, 0, 1, number]);
    Submission { key: Some(OperationKey::Client(key)), command, evidence: None }
}
