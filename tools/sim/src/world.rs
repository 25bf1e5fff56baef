//! A course: events in virtual time, out of one seed. No clock, no thread, no order of a hash map.

mod act;
mod anew;
mod ask;
mod key;
mod shop;
mod store;
mod wire;

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use jichi_node::federation::recovery::Next;
use jichi_protocol::{
    date::Time,
    digest::Digest,
    entry::Submission,
    id::{ChannelNumber, Generation, TransferId},
};

use crate::{
    mark::Marks,
    plan::{DAY, MINUTE, Plan, SECOND},
    planted::Defect,
    run::Base,
    setup,
    town::{Lost, Town},
};
pub(crate) use anew::recovers;
pub(crate) use ask::{Told, Wish};

/// Far more than any course needs, even one in which two towns try each other for days in vain; one
/// that does not end has a town that asks for ever.
const STEPS_MAX: u64 = 500_000;

/// How long an operator takes to restore a town that does not write.
const RESTORED_AFTER_MS: u64 = 10 * MINUTE;

/// What was found, in words.
pub(crate) type Violation = String;

/// What happens next to a town. `life` tells an event of before a crash from one of after it.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// The next act of the plan.
    Act(usize),
    /// The disk has what was written.
    Synced {
        town: usize,
        life: u64,
    },
    /// The committer goes on behind a sync.
    Released {
        town: usize,
        life: u64,
    },
    /// The disk was full; it is tried again.
    Retry {
        town: usize,
        life: u64,
    },
    /// The vault has what was written, and its paper can be asked for.
    Vaulted {
        town: usize,
        life: u64,
        wish: usize,
    },
    /// The courier looks at the posts.
    Poll {
        town: usize,
        life: u64,
    },
    /// Nobody asks anything; the writer looks whether the day turned.
    Tick {
        town: usize,
    },
    /// A town that was killed starts.
    Start {
        town: usize,
    },
    /// A resident asks, for the first time or again.
    Ask {
        wish: usize,
    },
    /// Somebody looks at the clock, puts it right, and says so.
    Confirm {
        town: usize,
    },
    Arrives {
        from: usize,
        to: usize,
        number: ChannelNumber,
        flight: u64,
        bytes: Rc<[u8]>,
    },
    Replied {
        from: usize,
        to: usize,
        number: ChannelNumber,
        flight: u64,
        bytes: Rc<[u8]>,
    },
    TimedOut {
        town: usize,
        peer: usize,
        number: ChannelNumber,
        flight: u64,
    },
    /// A town takes the newest directory in.
    Directory {
        town: usize,
    },
    /// A town's office changes its key, if the directory names the new one.
    Rotate {
        town: usize,
    },
    /// A town that began anew looks what is to be fetched.
    Look {
        town: usize,
        life: u64,
    },
    /// Requests of other towns' shops are answered.
    Requests {
        town: usize,
        life: u64,
    },
    /// A page of what a peer has comes.
    Fetched {
        town: usize,
        life: u64,
        peer: usize,
        next: Next,
    },
}

/// A cut of the wire from one town to another.
#[derive(Debug, Clone, Copy)]
struct Cut {
    from: usize,
    to: usize,
    since: Time,
    until: Time,
}

pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) defect: Option<Defect>,
    pub(crate) towns: Vec<Town>,
    pub(crate) now: Time,
    pub(crate) marks: Marks,
    events: BTreeMap<(Time, u64), Event>,
    planned: u64,
    cuts: Vec<Cut>,
    /// From here on nothing breaks any more.
    calm: Time,
    /// From here on a town that recovers does so for ever, since what it lacks nobody has.
    tired: Time,
    /// By then all has to be quiet.
    patience: Time,
    pub(crate) wishes: Vec<Wish>,
    flights: u64,
    /// A planted defect lets replies out before what they say is durable.
    early: bool,
    tries: BTreeMap<(usize, usize, Generation, ChannelNumber), u64>,
    /// The bytes of each number that a town sent, by generation.
    sent: BTreeMap<(usize, usize, Generation, ChannelNumber), Digest>,
    /// The generation of each town that the newest directory names, and the number of changes of
    /// the key that it names.
    pub(crate) named: Vec<(Generation, u8)>,
    version: u64,
    /// The newest directory, if it is not the first one.
    directory: Option<Submission>,
    /// Towns of which each lost what only the other one had.
    overlaps: BTreeSet<(usize, usize)>,
    pub(crate) transfers: BTreeSet<TransferId>,
    /// What happened, if somebody wants to read it.
    pub(crate) trace: Option<Vec<String>>,
}

impl World {
    pub(crate) fn new(plan: Plan, defect: Option<Defect>, base: &Base) -> Self {
        let now = setup::begin();
        let end = plan.acts.iter().map(|(at, _)| *at).max().unwrap_or_default();
        let mut world = Self {
            towns: base.of(plan.towns).iter().map(Town::copy).collect(),
            named: vec![(Generation(1), 0); plan.towns],
            version: 1,
            directory: None,
            overlaps: BTreeSet::new(),
            plan,
            defect,
            now,
            marks: Marks::default(),
            events: BTreeMap::new(),
            planned: 0,
            cuts: Vec::new(),
            calm: now.later_by_ms(end + MINUTE),
            tired: Time(0),
            patience: Time(0),
            wishes: Vec::new(),
            flights: 0,
            early: false,
            tries: BTreeMap::new(),
            sent: BTreeMap::new(),
            transfers: BTreeSet::new(),
            trace: None,
        };
        // What is late still comes; directories go round, clocks are confirmed.
        let broken = world.plan.acts.iter().map(|(at, act)| at + act.lasts_ms()).max();
        let mended = broken.unwrap_or_default() + world.plan.wire.late_ms_max;
        world.tired = now.later_by_ms(mended + DAY / 4);
        world.patience = now.later_by_ms(mended + 3 * DAY);
        for (number, (at, _)) in world.plan.acts.clone().into_iter().enumerate() {
            world.plan_event(at, Event::Act(number));
        }
        for town in 0..world.towns.len() {
            world.plan_event(0, Event::Start { town });
            for day in 0..(end / DAY + 2) {
                // Midnight in Japan is fourteen hours after ten o'clock.
                world.plan_event(14 * 60 * MINUTE + day * DAY + SECOND, Event::Tick { town });
            }
        }
        world
    }

    pub(crate) fn plan_event(&mut self, after_ms: u64, event: Event) {
        self.planned += 1;
        self.events.insert((self.now.later_by_ms(after_ms), self.planned), event);
    }

    pub(crate) fn say(&mut self, what: impl FnOnce() -> String) {
        let since = self.now.ms_since(setup::begin());
        if let Some(trace) = &mut self.trace {
            let (days, rest) = (since / DAY, since % DAY);
            trace.push(format!("{days} d {:>9}.{:03} s  {}", rest / 1000, rest % 1000, what()));
        }
    }

    /// Runs to the end.
    pub(crate) fn run(&mut self) -> Result<(), Violation> {
        for _ in 0..STEPS_MAX {
            let Some(((at, _), event)) = self.events.pop_first() else {
                return crate::check::at_the_end(self);
            };
            self.now = at;
            if self.is_stuck() {
                return crate::check::at_the_end(self);
            }
            if self.now > self.patience {
                return Err("still not quiet, days after faults stopped".to_owned());
            }
            let town = self.handle(event)?;
            if let Some(town) = town {
                self.step(town);
            }
        }
        Err(format!("not quiet after {STEPS_MAX} steps"))
    }

    /// A node that is to be killed after so many steps has made one.
    fn step(&mut self, town: usize) {
        let Some((steps, left)) = self.towns[town].kill_after else { return };
        // Only steps beside a batch on its way count: a crash between batches loses nothing.
        if self.towns[town].up.as_ref().is_none_or(|up| up.flying.is_none()) {
            return;
        }
        if steps > 0 {
            self.towns[town].kill_after = Some((steps - 1, left));
            return;
        }
        self.towns[town].kill_after = None;
        self.kill(town, left, 20 * SECOND);
    }

    /// Handles an event; the town that made a step comes back.
    #[expect(clippy::too_many_lines, reason = "one match over all events")]
    fn handle(&mut self, event: Event) -> Result<Option<usize>, Violation> {
        match event {
            Event::Act(number) => {
                let act = self.plan.acts[number].1;
                self.say(|| format!("act {act:?}"));
                self.act(act)?;
                Ok(None)
            }
            Event::Synced { town, life } if self.lives(town, life) => self.synced(town).map(Some),
            Event::Released { town, life } if self.lives(town, life) => {
                self.released(town).map(Some)
            }
            Event::Retry { town, life } if self.lives(town, life) => {
                self.retry(town)?;
                Ok(Some(town))
            }
            Event::Vaulted { town, life, wish } if self.lives(town, life) => {
                self.vaulted(town, wish);
                Ok(Some(town))
            }
            Event::Poll { town, life } if self.lives(town, life) => {
                self.poll(town)?;
                Ok(Some(town))
            }
            Event::Requests { town, life } if self.lives(town, life) => {
                self.answer(town)?;
                Ok(Some(town))
            }
            Event::Look { town, life } if self.lives(town, life) => {
                self.look(town);
                Ok(None)
            }
            Event::Fetched { town, life, peer, next } if self.lives(town, life) => {
                self.fetched(town, peer, next)?;
                Ok(Some(town))
            }
            Event::Synced { .. }
            | Event::Released { .. }
            | Event::Retry { .. }
            | Event::Vaulted { .. }
            | Event::Look { .. }
            | Event::Requests { .. }
            | Event::Fetched { .. }
            | Event::Poll { .. } => Ok(None),
            Event::Directory { town } => {
                self.take_directory(town)?;
                Ok(None)
            }
            Event::Rotate { town } => {
                self.rotate(town)?;
                Ok(None)
            }
            Event::Tick { town } => {
                self.pump(town)?;
                Ok(None)
            }
            Event::Start { town } => {
                self.start(town)?;
                Ok(None)
            }
            Event::Ask { wish } => {
                self.ask(wish)?;
                Ok(Some(self.wishes[wish].town))
            }
            Event::Confirm { town } => {
                self.confirm(town)?;
                Ok(None)
            }
            Event::Arrives { from, to, number, flight, bytes } => {
                self.arrives((from, to), number, flight, &bytes)?;
                Ok(Some(to))
            }
            Event::Replied { from, to, number, flight, bytes } => {
                self.replied((from, to), number, flight, &bytes)?;
                Ok(Some(to))
            }
            Event::TimedOut { town, peer, number, flight } => {
                self.timed_out(town, peer, number, flight)?;
                Ok(None)
            }
        }
    }

    fn lives(&self, town: usize, life: u64) -> bool {
        self.towns[town].up.is_some() && self.towns[town].life == life
    }

    /// The wall clock of a town is wrong by so much from now on.
    pub(crate) fn set_clock(&mut self, town: usize, wrong_ms: i64) {
        let by_wall = self.defect == Some(Defect::RetriedByWallClock);
        let place = &mut self.towns[town];
        place.wrong_ms = wrong_ms;
        if let Some(up) = &mut place.up
            && by_wall
        {
            up.timers_wrong_ms = wrong_ms;
        }
    }

    pub(crate) fn is_calm(&self) -> bool {
        self.now >= self.calm
    }

    fn start(&mut self, town: usize) -> Result<(), Violation> {
        if self.towns[town].up.is_some() || self.now < self.towns[town].up_again {
            return Ok(());
        }
        if self.towns[town].lost == Some(Lost::Restoring) {
            self.begin_anew(town)?;
        }
        self.say(|| format!("town {town} starts"));
        let (now, defect) = (self.now, self.defect);
        self.towns[town].start(now, defect).map_err(|why| format!("town {town}: {why}"))?;
        if !self.stands(town)? {
            // Its operator sees that it is an old copy, and restores it.
            let place = &mut self.towns[town];
            place.up = None;
            place.life += 1;
            place.lost = Some(Lost::Restoring);
            place.up_again = now.later_by_ms(RESTORED_AFTER_MS);
            self.plan_event(RESTORED_AFTER_MS, Event::Start { town });
            return Ok(());
        }
        self.pump(town)?;
        self.plan_poll(town);
        self.plan_answers(town);
        self.plan_look(town, 1);
        Ok(())
    }
}
