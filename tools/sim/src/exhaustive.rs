//! Every order of a small core: two towns, one offer, one cancel, one change of key and one restore.
//! Whatever was sent may arrive at any time from then on, any number of times or never, so
//! that losses, copies and delays have no bound; a crash can lose whatever is not durable. States
//! are told apart by what they hold, and each is visited once.

mod side;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    rc::Rc,
    thread,
};

use jichi_node::federation::arriving::submission;
use jichi_protocol::{
    account::{Account, LossCause},
    command::{
        Actor, ByActor, Command, Nothing, OfferPrivate, OfferShared, Received, Restart, Source,
        WithdrawShared,
    },
    control::KeyChange,
    digest::Digest,
    entry::Submission,
    envelope::Envelope,
    id::{Generation, TransferId},
    key::{ClientKey, OperationKey},
    ledger::LostStage,
    points::Points,
    signature::Domain,
    transfer::OutgoingStage,
};

use crate::{
    out::{self, Watch},
    run,
    setup::{self, BY_TWO, GIVEN, RESIDENTS, keys, town_id},
};
use side::Side;

const TRANSFER: TransferId = TransferId([1; 16]);
const POINTS: u32 = 50;
/// Rounds in which nothing is lost any more, until all has to be quiet.
const ROUNDS: usize = 24;

/// What may happen once, besides the offer and its cancel: which town changes its key, and which
/// towns are restored from older journals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Way {
    changes: Option<usize>,
    restored: [bool; 2],
}

const fn way(changes: Option<usize>, restored: [bool; 2]) -> Way {
    Way { changes, restored }
}

/// Town 0 offers. Two restores are left to random courses: what one town lost, the other may have had
/// alone, and that stays open.
const WAYS: [Way; 9] = [
    way(Some(0), [false, true]),
    way(Some(1), [false, true]),
    way(Some(0), [true, false]),
    way(Some(1), [true, false]),
    way(None, [true, false]),
    way(None, [false, true]),
    way(Some(0), [false, false]),
    way(Some(1), [false, false]),
    way(None, [false, false]),
];

#[derive(Clone)]
struct State {
    sides: [Side; 2],
    /// All that was ever sent, by sender.
    wire: [BTreeMap<Digest, Rc<Envelope>>; 2],
    way: Way,
    offered: bool,
    cancelled: bool,
    changed: bool,
    /// The journals that restores put in place.
    backups: [Option<Box<Side>>; 2],
    restored: [bool; 2],
}

/// What was done, and where.
type Step = (&'static str, usize);

/// How a course ends.
type End = (&'static str, u64);

/// Explores everything, and says whether all held.
pub(crate) fn explore() -> bool {
    // Two threads, as the machine of a usual run has cores.
    let (even, odd): (Vec<_>, Vec<_>) = (0..).zip(WAYS).partition(|(number, _)| number % 2 == 0);
    let all = |ways: Vec<(i32, Way)>| ways.into_iter().all(|(_, way)| explored(way));
    thread::scope(|scope| {
        let other = scope.spawn(move || all(odd));
        all(even) & other.join().is_ok_and(|held| held)
    })
}

fn explored(way: Way) -> bool {
    let watch = Watch::start();
    let mut seen: BTreeSet<Digest> = BTreeSet::new();
    let mut todo: VecDeque<(State, Vec<Step>)> = VecDeque::new();
    let (mut ends, mut transitions) = (BTreeSet::new(), 0_u64);
    todo.push_back((State::first(way), Vec::new()));
    while let Some((mut state, steps)) = todo.pop_back() {
        if !seen.insert(state.hash()) {
            continue;
        }
        let ended = match state.holds().and_then(|()| state.drained()) {
            Ok(ended) => ended,
            Err(violation) => {
                out::line(&format!("{way:?} FAILED: {violation}"));
                for (step, town) in steps {
                    out::line(&format!("town {town}: {step}"));
                }
                return false;
            }
        };
        ends.insert(ended);
        for (step, next) in state.steps() {
            transitions += 1;
            let mut steps = steps.clone();
            steps.push(step);
            todo.push_back((next, steps));
        }
    }
    let millis = watch.elapsed().as_millis();
    out::line(&format!("{way:?}: {} states, {transitions} steps, {millis} ms", seen.len()));
    out::line(&format!("all held; ends, and points that a town bears: {ends:?}"));
    ["never offered", "returned", "settled"].iter().all(|end| ends.iter().any(|(of, _)| of == end))
}

impl State {
    fn first(way: Way) -> Self {
        let base = run::Base::made();
        let side = |town: usize| Side::of(&base.of(2)[town], town);
        let mut state = Self {
            sides: [side(0), side(1)],
            wire: [BTreeMap::new(), BTreeMap::new()],
            way,
            offered: false,
            cancelled: false,
            changed: false,
            backups: [None, None],
            restored: [false; 2],
        };
        if way.changes.is_some() {
            state.directory(2);
        }
        state
    }

    /// Both towns take in a directory, with the key to come, whether it is in force or not.
    fn directory(&mut self, version: u64) {
        let named: Vec<_> = (0..2)
            .map(|town| {
                let generation = Generation(if self.restored[town] { 2 } else { 1 });
                (generation, u8::from(self.way.changes == Some(town)))
            })
            .collect();
        let taken = setup::directory(version, setup::begin(), &named);
        for side in &mut self.sides {
            side.decide(taken.clone());
            side.sync();
        }
    }

    fn hash(&mut self) -> Digest {
        let [one, other] = self.restored;
        let mut bytes: Vec<u8> =
            [self.offered, self.cancelled, self.changed, one, other].map(u8::from).to_vec();
        bytes.extend(self.backups.iter().map(|backup| u8::from(backup.is_some())));
        let backups = self.backups.iter_mut().filter_map(Option::as_deref_mut);
        for side in self.sides.iter_mut().chain(backups) {
            bytes.extend(side.hash());
        }
        for wire in &self.wire {
            bytes.push(u8::try_from(wire.len()).expect("few messages"));
            bytes.extend(wire.keys().flat_map(|hash| hash.0));
        }
        Digest::of(&[&bytes])
    }

    /// Every state that can come next, and what leads there.
    fn steps(&self) -> Vec<(Step, Self)> {
        let mut steps = Vec::new();
        let mut step = |name: Step, change: &dyn Fn(&mut Self) -> Option<()>| {
            let mut next = self.clone();
            if change(&mut next).is_some() {
                steps.push((name, next));
            }
        };
        step(("offer", 0), &Self::offer);
        step(("cancel", 0), &Self::cancel);
        if let Some(town) = self.way.changes {
            step(("change key", town), &Self::change_key);
        }
        for town in 0..2 {
            step(("backup", town), &|next: &mut Self| next.back_up(town));
            step(("restore", town), &|next: &mut Self| next.restore(town));
            step(("sync", town), &|next: &mut Self| next.sync(town));
            step(("crash", town), &|next: &mut Self| next.crash(town));
            step(("job", town), &|next: &mut Self| next.job(town));
            step(("take back", town), &|next: &mut Self| next.take_back(town));
            for hash in self.wire[1 - town].keys() {
                step(("arrive", town), &|next: &mut Self| next.arrive(town, hash));
            }
        }
        steps
    }

    fn offer(&mut self) -> Option<()> {
        if self.offered {
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
        self.sides[0].decide(keyed(1, Command::Offer(shared, private)))
    }

    fn cancel(&mut self) -> Option<()> {
        if self.cancelled {
            return None;
        }
        self.sides[0].durable.outgoing(&TRANSFER)?;
        self.cancelled = true;
        let shared = WithdrawShared { transfer: TRANSFER };
        let private = ByActor { actor: Actor::Holder };
        self.sides[0].decide(keyed(2, Command::Withdraw(shared, private)))
    }

    fn change_key(&mut self) -> Option<()> {
        let town = self.way.changes.filter(|_| !self.changed)?;
        self.changed = true;
        // A backup from before is of no use: the old key is gone.
        self.backups[town] = None;
        let [old, new] = [0, 1].map(|changes| keys(town, changes).channel);
        let (old_key, new_key) = (old.public(), new.public());
        let statement = KeyChange::statement(town_id(town), old_key, new_key);
        let by_old = Some(old.sign(Domain::KeyChange, &statement));
        let change = KeyChange { old: old_key, new: new_key, by_old };
        self.sides[town].decide(fact(Command::ChangeKey(change, BY_TWO)))
    }

    fn back_up(&mut self, town: usize) -> Option<()> {
        let may = self.way.restored[town] && !self.restored[town];
        if !may || self.backups[town].is_some() || self.sides[town].ahead.is_some() {
            return None;
        }
        self.backups[town] = Some(Box::new(self.sides[town].clone()));
        Some(())
    }

    /// The backup is in place, begins a generation, and the directory names it.
    fn restore(&mut self, town: usize) -> Option<()> {
        if self.sides[1 - town].ahead.is_some() {
            return None;
        }
        self.sides[town] = *self.backups[town].take()?;
        self.restored[town] = true;
        let side = &mut self.sides[town];
        let (old, new) = (side.durable.generation(), Generation(2));
        let size = side.durable.meta().next;
        let restart = Restart { old, new, size, root: Digest([7; 32]), cosigned: None };
        side.decide(fact(Command::Restart(restart, BY_TWO)))?;
        side.sync();
        let times = self.restored.iter().filter(|restored| **restored).count();
        self.directory(if times == 2 { 4 } else { 3 });
        self.asks_again();
        Some(())
    }

    /// A resident asks again for what the town's journal does not have.
    fn asks_again(&mut self) {
        let ledger = &self.sides[0].durable;
        self.offered = ledger.outgoing(&TRANSFER).is_some();
        self.cancelled &= ledger.outgoing(&TRANSFER).is_some_and(|outgoing| {
            !matches!(outgoing.stage, OutgoingStage::Waiting { withdraw: None, .. })
        });
    }

    fn sync(&mut self, town: usize) -> Option<()> {
        if let Some(sent) = self.sides[town].sync()? {
            self.wire[town].insert(sent.hash(), sent);
        }
        Some(())
    }

    fn crash(&mut self, town: usize) -> Option<()> {
        self.sides[town].ahead.take()?;
        if self.way.changes == Some(town) {
            self.changed = self.sides[town].changes() > 0;
        }
        if town == 0 {
            self.asks_again();
        }
        Some(())
    }

    fn job(&mut self, town: usize) -> Option<()> {
        let side = &mut self.sides[town];
        let (kind, command) = side.durable.due_jobs().into_iter().next()?;
        let key = Some(OperationKey::Job { kind, date: side.durable.day() });
        side.decide(Submission { key, command, evidence: None })
    }

    /// A page of one message of its own, from the peer.
    fn take_back(&mut self, town: usize) -> Option<()> {
        let place = self.sides[town].durable.recovering(&town_id(1 - town))?.next_own()?;
        let held = self.sides[1 - town].received.iter().find(|envelope| {
            let header = envelope.header();
            (header.generation, header.number) == (place.generation, place.number)
        });
        let envelope = held?.encode();
        self.sides[town].decide(fact(Command::TakeBackOwn(Nothing {}, Received { envelope })))
    }

    fn arrive(&mut self, town: usize, hash: &Digest) -> Option<()> {
        let envelope = Rc::clone(self.wire[1 - town].get(hash)?);
        let command = submission(envelope.header(), envelope.encode());
        self.sides[town].hear(command, &envelope)
    }

    /// What holds in every state.
    fn holds(&self) -> Result<(), String> {
        let [a, b] = [0, 1].map(|town: usize| self.sides[town].live());
        if !a.trial().balances() || !b.trial().balances() {
            return Err("the books do not balance".to_owned());
        }
        if [a, b].iter().any(|ledger| ledger.channels().any(|(_, channel)| channel.is_frozen())) {
            return Err("a channel is frozen".to_owned());
        }
        if self.restored != [false; 2] {
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
    fn drained(&self) -> Result<End, String> {
        let mut state = self.clone();
        for _ in 0..ROUNDS {
            let before = state.hash();
            for town in 0..2 {
                state.sync(town);
                while state.job(town).or_else(|| state.take_back(town)).is_some() {
                    state.sync(town);
                }
                let hashes: Vec<Digest> = state.wire[1 - town].keys().copied().collect();
                for hash in hashes {
                    state.arrive(town, &hash);
                    state.sync(town);
                }
            }
            if state.hash() == before {
                return state.ended();
            }
        }
        Err("not quiet".to_owned())
    }

    fn ended(&self) -> Result<End, String> {
        self.holds()?;
        let [a, b] = [0, 1].map(|town: usize| &self.sides[town].durable);
        if let Some((_, taking)) = a.recovering_towns().chain(b.recovering_towns()).next() {
            return Err(format!("a town recovers for ever: {taking:?}"));
        }
        let (transit, owed) =
            (a.balance(&Account::Transit(town_id(1))), a.balance(&Account::OwedTo(town_id(1))));
        let claimed = b.balance(&Account::OwedBy(town_id(0)));
        if owed != claimed || !transit.is_zero() {
            return Err(format!("owed {owed}, on the way {transit}, claimed {claimed}"));
        }
        let loss = Account::Loss(LossCause::Restore);
        let book = a.books().find(|(account, _)| **account == loss);
        let borne = book.map_or(0, |(_, book)| book.debits.get() - book.credits.get());
        let held: u64 = [a, b].iter().map(|ledger| crate::check::held(ledger)).sum();
        if held != 2 * RESIDENTS as u64 * GIVEN + borne {
            return Err(format!("{held} points are there, {borne} are borne"));
        }
        let recovery = a.meta().recovery.as_ref();
        let lost = recovery.and_then(|known| known.lost.get(&TRANSFER)).map(|lost| lost.stage);
        let end = match (a.outgoing(&TRANSFER).map(|outgoing| &outgoing.stage), lost) {
            (None, None) => "never offered",
            (Some(OutgoingStage::Settled { .. }), _) | (None, Some(LostStage::Settled)) => {
                "settled"
            }
            (Some(OutgoingStage::Returned { .. }), _) | (None, Some(LostStage::Returned)) => {
                "returned"
            }
            (stage, lost) => return Err(format!("ended as {stage:?} and {lost:?}")),
        };
        if (end == "settled") != (claimed == Points::from_u32(POINTS)) {
            return Err(format!("{end}, and {claimed} are claimed"));
        }
        Ok((end, borne))
    }
}

fn keyed(number: u8, command: Command) -> Submission {
    let key = ClientKey::of(setup::begin(), [0, 0, 0, 0, 0, 0, 0, 0, 1, number]);
    Submission { key: Some(OperationKey::Client(key)), command, evidence: None }
}

const fn fact(command: Command) -> Submission {
    Submission { key: None, command, evidence: None }
}
