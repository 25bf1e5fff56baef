//! What a course consists of: who does what when, and what breaks. Drawn by class of fault, since
//! rare faults are found in courses that are heavy in them, and not in a mix.

use crate::{
    chance::Chance,
    disk::Left,
    setup::{RESIDENTS, TOWNS},
};

pub(crate) const SECOND: u64 = 1_000;
pub(crate) const MINUTE: u64 = 60 * SECOND;
pub(crate) const HOUR: u64 = 60 * MINUTE;
pub(crate) const DAY: u64 = 24 * HOUR;

/// What a course is heavy in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Plain,
    Days,
    Reordering,
    Crashes,
    Closings,
    Restores,
    Shops,
}

/// How often each is drawn: what happens only once in a while happens in the last two.
const CLASSES: [Class; 9] = [
    Class::Plain,
    Class::Days,
    Class::Reordering,
    Class::Crashes,
    Class::Closings,
    Class::Restores,
    Class::Restores,
    Class::Shops,
    Class::Shops,
];

/// Numbers of the moves of those who bought somewhere.
const MOVES_OF_BUYERS: u64 = 100;

/// Numbers of the offers just before a town closes.
const CLOSINGS_OFFERS: u64 = 200;

/// How bad the wires are until faults stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wire {
    pub(crate) lost_percent: u64,
    pub(crate) doubled_percent: u64,
    pub(crate) late_percent: u64,
    pub(crate) late_ms_max: u64,
}

impl Wire {
    pub(crate) const GOOD: Self =
        Self { lost_percent: 0, doubled_percent: 0, late_percent: 0, late_ms_max: 1 };
}

/// One thing that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// A resident sends points to a resident of another town.
    Offer { id: u64, from: usize, to: usize, holder: usize, recipient: usize, points: u32 },
    /// The sender asks for them back.
    Withdraw { id: u64 },
    /// A shop asks another town for points of a holder there.
    Buy { id: u64, at: usize, base: usize, holder: usize, points: u32 },
    /// The shop takes its request back.
    CancelBuy { id: u64 },
    /// The shop gives points back.
    GiveBack { id: u64, points: u32 },
    /// A resident moves house, and the whole account with it.
    Move { id: u64, from: usize, to: usize, holder: usize, recipient: usize },
    /// A resident closes the account.
    Close { town: usize, holder: usize },
    /// An account is opened on a paper that the vault keeps.
    Paper { town: usize, id: u64 },
    /// A node is killed and stays down.
    Kill { town: usize, left: Left, down_ms: u64 },
    /// A node is killed after so many more of its steps beside a batch on its way to the disk.
    KillAfter { town: usize, steps: u64, left: Left },
    /// Two towns do not reach each other, in one direction or both.
    Part { from: usize, to: usize, both: bool, ms: u64 },
    /// The wall clock of a node is wrong, until somebody looks.
    Clock { town: usize, by_ms: i64 },
    /// A node's disk is full.
    Full { town: usize, ms: u64 },
    /// A town's journal is lost, and a backup without its last frames is restored.
    Restore { town: usize, frames: usize, down_ms: u64 },
    /// An older copy of a town's journal is started as if it were the newest.
    OldCopy { town: usize, frames: usize },
    /// Two officers name the towns that a restored one does not hear.
    NameUnheard { town: usize },
    /// A town changes the key of its channels, once the directory names the new one.
    ChangeKey { town: usize },
    /// A town closes, if nothing of its own waits.
    End { town: usize },
    /// A town signs an answer that its log never gave.
    Lie { town: usize, to: usize },
}

impl Act {
    /// How long it goes on.
    pub(crate) const fn lasts_ms(&self) -> u64 {
        match self {
            Self::Kill { down_ms, .. } | Self::Restore { down_ms, .. } => *down_ms,
            Self::Part { ms, .. } | Self::Full { ms, .. } => *ms,
            Self::Clock { .. } | Self::OldCopy { .. } | Self::ChangeKey { .. } => HOUR,
            Self::Offer { .. }
            | Self::Withdraw { .. }
            | Self::Buy { .. }
            | Self::CancelBuy { .. }
            | Self::GiveBack { .. }
            | Self::Move { .. }
            | Self::Close { .. }
            | Self::Paper { .. }
            | Self::KillAfter { .. }
            | Self::NameUnheard { .. }
            | Self::End { .. }
            | Self::Lie { .. } => 0,
        }
    }
}

/// A course.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) class: Class,
    pub(crate) towns: usize,
    pub(crate) wire: Wire,
    pub(crate) acts: Vec<(u64, Act)>,
}

impl Plan {
    pub(crate) fn drawn(seed: u64) -> Self {
        let mut chance = Chance::about(seed, &[1]);
        let class = CLASSES[usize::try_from(chance.below(CLASSES.len() as u64)).expect("small")];
        let towns = if chance.percent(70) { 2 } else { TOWNS };
        let span = match class {
            Class::Days => (1 + chance.below(12)) * DAY,
            Class::Closings => (1 + chance.below(6)) * DAY,
            Class::Plain | Class::Reordering | Class::Crashes => MINUTE + chance.below(20 * MINUTE),
            Class::Restores if chance.percent(20) => (1 + chance.below(3)) * DAY,
            Class::Shops if chance.percent(30) => (1 + chance.below(3)) * DAY,
            Class::Restores | Class::Shops => 2 * MINUTE + chance.below(2 * HOUR),
        };
        let wire = wire(class, &mut chance);
        let mut plan = Self { seed, class, towns, wire, acts: Vec::new() };
        plan.residents(span, &mut chance);
        plan.shops(span, &mut chance);
        plan.faults(span, &mut chance);
        plan.acts.sort_by_key(|(at, _)| *at);
        plan
    }

    fn town(&self, chance: &mut Chance) -> usize {
        usize::try_from(chance.below(self.towns as u64)).expect("small")
    }

    fn pair(&self, chance: &mut Chance) -> (usize, usize) {
        let from = self.town(chance);
        let other = usize::try_from(chance.below(self.towns as u64 - 1)).expect("small");
        (from, if other >= from { other + 1 } else { other })
    }

    fn residents(&mut self, span: u64, chance: &mut Chance) {
        let most = if self.class == Class::Restores { 10 } else { 6 };
        for id in 0..1 + chance.below(most) {
            let (from, to) = self.pair(chance);
            let [holder, recipient] = [0; 2].map(|_: usize| resident(chance));
            let points = u32::try_from(5 + chance.below(60)).expect("small");
            let at = chance.below(span);
            self.acts.push((at, Act::Offer { id, from, to, holder, recipient, points }));
            if chance.percent(45) {
                let soon = if chance.percent(60) { 500 } else { span / 2 };
                self.acts.push((at + chance.below(soon.max(1)), Act::Withdraw { id }));
            }
        }
        for id in 0..chance.below(3) {
            self.acts.push((chance.below(span), Act::Paper { town: self.town(chance), id }));
        }
        let closing = match self.class {
            Class::Closings => 1 + chance.below(3),
            Class::Days => chance.below(2),
            Class::Plain | Class::Reordering | Class::Crashes | Class::Restores | Class::Shops => 0,
        };
        for _ in 0..closing {
            let holder = resident(chance);
            self.acts.push((chance.below(span), Act::Close { town: self.town(chance), holder }));
        }
        let moving = match self.class {
            Class::Shops | Class::Days => chance.below(3),
            Class::Closings | Class::Restores => chance.below(2),
            Class::Plain | Class::Reordering | Class::Crashes => 0,
        };
        for id in 0..moving {
            let (from, to) = self.pair(chance);
            let [holder, recipient] = [0; 2].map(|_: usize| resident(chance));
            self.acts.push((chance.below(span), Act::Move { id, from, to, holder, recipient }));
        }
        if self.class == Class::Closings && chance.percent(40) {
            let (town, from) = self.pair(chance);
            // It cannot while transfers of its own wait: then its officers try again.
            for number in 0..3 {
                let at = 5 * SECOND + chance.below(span);
                self.acts.push((at, Act::End { town }));
                if chance.percent(50) {
                    let [holder, recipient] = [0; 2].map(|_: usize| resident(chance));
                    self.last_offer(
                        at,
                        (from, town),
                        CLOSINGS_OFFERS + number,
                        (holder, recipient),
                    );
                }
            }
        }
    }

    /// An offer to a town that closes, whose answer does not come before the end is told.
    fn last_offer(
        &mut self,
        end: u64,
        (from, to): (usize, usize),
        id: u64,
        (holder, recipient): (usize, usize),
    ) {
        let offer = Act::Offer { id, from, to, holder, recipient, points: 7 };
        self.acts.push((end - 2 * SECOND, offer));
        let silent = Act::Part { from: to, to: from, both: false, ms: 20 * SECOND };
        self.acts.push((end - 2 * SECOND, silent));
    }

    /// What shops do with holders of other towns.
    fn shops(&mut self, span: u64, chance: &mut Chance) {
        let buys = match self.class {
            Class::Shops => 2 + chance.below(5),
            Class::Plain
            | Class::Days
            | Class::Reordering
            | Class::Crashes
            | Class::Closings
            | Class::Restores => chance.below(3),
        };
        for id in 0..buys {
            let (at, base) = self.pair(chance);
            let points = u32::try_from(5 + chance.below(40)).expect("small");
            let begun = chance.below(span);
            let buyer = resident(chance);
            self.acts.push((begun, Act::Buy { id, at, base, holder: buyer, points }));
            if chance.percent(35) {
                let soon = if chance.percent(70) { 3 * SECOND } else { span / 2 };
                self.acts.push((begun + chance.below(soon.max(1)), Act::CancelBuy { id }));
            }
            let moves = self.class == Class::Shops && chance.percent(40);
            if moves {
                let (from, to) = (base, (base + 1) % self.towns);
                let (holder, recipient) = (buyer, resident(chance));
                let move_at = begun + SECOND + chance.below(span / 4);
                let id = MOVES_OF_BUYERS + id;
                self.acts.push((move_at, Act::Move { id, from, to, holder, recipient }));
            }
            // It cannot before the points are there: then the shop tries again.
            for _ in 0..chance.below(4) {
                let soon = if chance.percent(70) && !moves { 3 * SECOND } else { span / 2 };
                let points = u32::try_from(1 + chance.below(points.into())).expect("small");
                self.acts.push((begun + chance.below(soon.max(1)), Act::GiveBack { id, points }));
            }
        }
    }

    fn faults(&mut self, span: u64, chance: &mut Chance) {
        let kills = match self.class {
            Class::Crashes => 2 + chance.below(6),
            Class::Plain
            | Class::Days
            | Class::Reordering
            | Class::Closings
            | Class::Restores
            | Class::Shops => chance.below(3),
        };
        for _ in 0..kills {
            let (at, town) = (chance.below(span), self.town(chance));
            let left = [Left::Nothing, Left::All, Left::SomeSectors]
                [usize::try_from(chance.below(3)).expect("small")];
            self.acts.push((
                at,
                if chance.percent(60) {
                    Act::KillAfter { town, steps: chance.below(12), left }
                } else {
                    let down = if span > DAY { 2 * DAY } else { 2 * MINUTE };
                    Act::Kill { town, left, down_ms: chance.below(down) }
                },
            ));
        }
        for _ in 0..chance.below(3) {
            let (from, to) = self.pair(chance);
            let ms = chance.below(span.max(MINUTE));
            self.acts
                .push((chance.below(span), Act::Part { from, to, both: chance.percent(60), ms }));
        }
        if chance.percent(25) {
            let far = [20 * SECOND, 10 * MINUTE, 9 * HOUR, 40 * DAY]
                [usize::try_from(chance.below(4)).expect("small")];
            let by = i64::try_from(chance.below(far)).expect("small");
            let by_ms = if chance.percent(60) { by } else { -by };
            self.acts.push((chance.below(span), Act::Clock { town: self.town(chance), by_ms }));
        }
        if chance.percent(25) {
            let ms = chance.below(3 * MINUTE);
            self.acts.push((chance.below(span), Act::Full { town: self.town(chance), ms }));
        }
        if chance.percent(20) {
            let (town, to) = self.pair(chance);
            self.acts.push((chance.below(span), Act::Lie { town, to }));
        }
        if self.class == Class::Restores {
            self.restores(span, chance);
        }
        let changing = match self.class {
            Class::Days | Class::Reordering => 40,
            Class::Plain | Class::Crashes | Class::Shops | Class::Restores => 20,
            Class::Closings => 10,
        };
        if chance.percent(changing) {
            self.acts.push((chance.below(span), Act::ChangeKey { town: self.town(chance) }));
        }
    }

    fn offered(&self, town: usize, chance: &mut Chance) -> Option<u64> {
        let own = self.acts.iter().filter_map(|(at, act)| match act {
            Act::Offer { from, to, .. } if *from == town || *to == town => Some(*at),
            _ => None,
        });
        let own: Vec<u64> = own.collect();
        let which = chance.draw().checked_rem(own.len() as u64)?;
        own.get(usize::try_from(which).ok()?).copied()
    }

    fn restores(&mut self, span: u64, chance: &mut Chance) {
        let first = self.town(chance);
        for number in 0..1 + chance.below(3) / 2 + chance.below(4) / 3 {
            let other = number > 0 && chance.percent(40);
            let town = if other { self.town(chance) } else { first };
            let (at, most) = match self.offered(town, chance) {
                // Behind an offer, before much of it is over.
                Some(at) if chance.percent(50) => (at + chance.below(MINUTE / 2), 4),
                Some(_) | None => (chance.below(span), 12),
            };
            let frames = usize::try_from(chance.below(most)).expect("small");
            let down_ms = chance.below(5 * MINUTE);
            self.acts.push((
                at,
                if chance.percent(25) {
                    Act::OldCopy { town, frames }
                } else {
                    Act::Restore { town, frames, down_ms }
                },
            ));
            if chance.percent(40) {
                let soon = down_ms + chance.below(10 * MINUTE);
                self.acts.push((at + soon, Act::NameUnheard { town }));
            }
            if chance.percent(50) {
                let left = Left::SomeSectors;
                let (soon, steps) = (down_ms + chance.below(2 * MINUTE), chance.below(8));
                self.acts.push((at + soon, Act::KillAfter { town, steps, left }));
            }
        }
    }
}

fn resident(chance: &mut Chance) -> usize {
    usize::try_from(chance.below(RESIDENTS as u64)).expect("small")
}

fn wire(class: Class, chance: &mut Chance) -> Wire {
    let (lost, doubled, late, far) = match class {
        Class::Plain => (20, 20, 10, MINUTE),
        Class::Days => (30, 25, 25, 4 * DAY),
        Class::Reordering => (50, 60, 70, 2 * MINUTE),
        Class::Crashes => (30, 20, 20, MINUTE),
        Class::Closings => (30, 20, 20, DAY),
        Class::Restores => (40, 20, 50, 3 * HOUR),
        Class::Shops => (40, 40, 50, 10 * MINUTE),
    };
    Wire {
        lost_percent: chance.below(lost + 1),
        doubled_percent: chance.below(doubled + 1),
        late_percent: chance.below(late + 1),
        late_ms_max: 1 + chance.below(far),
    }
}
