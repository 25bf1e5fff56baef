//! A second ledger, slow and written without the first one's code: a flat list of points with
//! their dates, moved one by one.

use alloc::{collections::BTreeMap, vec, vec::Vec};

/// Where points were born: the order of spending among those that end on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Granted,
    Converted,
}

/// Some points of one account. Dates are day numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Line {
    pub(super) who: usize,
    pub(super) expiry: u32,
    pub(super) kind: Kind,
    pub(super) earned: u32,
    pub(super) graced: bool,
    pub(super) count: u64,
}

/// What an account may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum May {
    Everything,
    Receive,
    Nothing,
    TakeBack,
}

#[derive(Debug, Clone)]
struct Sale {
    who: usize,
    day: u32,
    /// One element a point, in the order of taking.
    taken: Vec<Line>,
    refunded: usize,
    end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Paid,
    /// There is no payment; a void leaves its mark as long as one may still come.
    Refused,
    Voided,
}

#[derive(Debug, Clone)]
struct Waiting {
    line: Line,
    until: u32,
}

/// All that the model knows.
#[derive(Debug, Clone)]
pub(super) struct Model {
    pub(super) today: u32,
    pub(super) may: Vec<May>,
    pub(super) lines: Vec<Line>,
    sales: Vec<Sale>,
    waiting: Vec<Option<Waiting>>,
    converted: Vec<(usize, u32, u32, u64)>,
    /// Per account: the day and what was paid on it.
    spent: Vec<(u32, u64)>,
    activities: Vec<(usize, u8)>,
    /// Signed sums of what stands elsewhere.
    pub(super) granted: u64,
    pub(super) claimed: u64,
    pub(super) unassigned: u64,
    pub(super) shop: u64,
    pub(super) lapsed: [u64; 2],
    pub(super) unclaimed: u64,
}

/// Days that granted points live; days of grace; days to choose; days to refund;
/// days in which a command may still come.
pub(super) const LIFE: u32 = 5;
pub(super) const GRACE: u32 = 14;
pub(super) const CHOICE: u32 = 14;
pub(super) const REFUND: u32 = 90;
pub(super) const KEY: u32 = 7;
pub(super) const AT_ONCE: u64 = 300;
pub(super) const A_DAY: u64 = 700;

impl Model {
    pub(super) fn new(accounts: usize, today: u32) -> Self {
        Self {
            today,
            may: vec![May::Everything; accounts],
            lines: Vec::new(),
            sales: Vec::new(),
            waiting: Vec::new(),
            converted: Vec::new(),
            spent: vec![(0, 0); accounts],
            activities: Vec::new(),
            granted: 0,
            claimed: 0,
            unassigned: 0,
            shop: 0,
            lapsed: [0; 2],
            unclaimed: 0,
        }
    }

    /// Adds up what is the same, and drops what is nothing.
    pub(super) fn lots_of(&self, who: usize) -> Vec<(u32, Kind, u32, bool, u64)> {
        let mut sums = BTreeMap::new();
        for line in self.lines.iter().filter(|line| line.who == who && line.count > 0) {
            *sums.entry((line.expiry, line.kind, line.earned, line.graced)).or_insert(0) +=
                line.count;
        }
        sums.into_iter().map(|((a, b, c, d), count)| (a, b, c, d, count)).collect()
    }

    pub(super) fn grant(&mut self, who: usize, activity: u8, count: u64) -> bool {
        let good = matches!(self.may[who], May::Everything | May::Receive)
            && count > 0
            && !self.activities.contains(&(who, activity));
        if good {
            self.activities.push((who, activity));
            self.granted += count;
            let (earned, expiry) = (self.today, self.today + LIFE);
            self.lines.push(Line {
                who,
                expiry,
                kind: Kind::Granted,
                earned,
                graced: false,
                count,
            });
        }
        good
    }

    pub(super) fn pay(&mut self, who: usize, count: u64) -> bool {
        let (day, sum) = self.spent[who];
        let before = if day == self.today { sum } else { 0 };
        let today = self.today;
        let live = |line: &&Line| line.who == who && line.expiry >= today;
        let held: u64 = self.lines.iter().filter(live).map(|line| line.count).sum();
        let good = self.may[who] == May::Everything
            && (1..=AT_ONCE).contains(&count)
            && before + count <= A_DAY
            && held >= count;
        if !good {
            self.sales.push(Sale {
                who,
                day: today,
                taken: Vec::new(),
                refunded: 0,
                end: End::Refused,
            });
            return false;
        }
        let mut taken = Vec::new();
        for _ in 0..count {
            let first = self
                .lines
                .iter_mut()
                .filter(|line| line.who == who && line.expiry >= today && line.count > 0)
                .min_by_key(|line| (line.expiry, line.kind, line.earned, line.graced))
                .unwrap();
            first.count -= 1;
            taken.push(Line { count: 1, ..*first });
        }
        self.spent[who] = (today, before + count);
        self.shop += count;
        self.sales.push(Sale { who, day: today, taken, refunded: 0, end: End::Paid });
        true
    }

    /// One point, or many of one line, back to where they came from.
    fn back(&mut self, line: Line) {
        if self.may[line.who] == May::Nothing {
            self.unclaimed += line.count;
        } else if line.expiry >= self.today {
            self.lines.push(line);
        } else if line.graced {
            self.lapsed[line.kind as usize] += line.count;
        } else {
            self.lines.push(Line { expiry: self.today + GRACE, graced: true, ..line });
        }
    }

    pub(super) fn void(&mut self, sale: usize) -> bool {
        let today = self.today;
        let sale = &mut self.sales[sale];
        let good = match sale.end {
            End::Paid => sale.refunded == 0 && sale.day == today,
            End::Refused => today - sale.day <= KEY,
            End::Voided => false,
        };
        if !good {
            return false;
        }
        sale.end = End::Voided;
        let (who, taken) = (sale.who, sale.taken.clone());
        self.shop -= taken.len() as u64;
        if sale.day == self.spent[who].0 {
            self.spent[who].1 -= taken.len() as u64;
        }
        for line in taken {
            self.back(line);
        }
        true
    }

    pub(super) fn refund(&mut self, sale: usize, count: u64) -> bool {
        let today = self.today;
        let sale = &mut self.sales[sale];
        let left = sale.taken.len() - sale.refunded;
        let wanted = usize::try_from(count).unwrap();
        if sale.end != End::Paid || wanted == 0 || today > sale.day + REFUND || wanted > left {
            return false;
        }
        let back: Vec<Line> = sale.taken[left - wanted..left].to_vec();
        sale.refunded += wanted;
        self.shop -= count;
        for line in back {
            self.back(line);
        }
        true
    }

    /// `expiry` is the last day of the fiscal year, `month` counts months.
    pub(super) fn convert(&mut self, who: usize, amount: u64, month: u32, expiry: u32) -> bool {
        let sum = |of: &dyn Fn(u32, u32) -> bool| -> u64 {
            let own =
                self.converted.iter().filter(|(owner, day, m, _)| *owner == who && of(*day, *m));
            own.map(|(.., amount)| amount).sum()
        };
        let good = matches!(self.may[who], May::Everything | May::Receive)
            && amount.is_multiple_of(100)
            && amount >= 200
            && sum(&|day, _| day == self.today) + amount <= 4_000
            && sum(&|_, m| m == month) + amount <= 6_000;
        if !good {
            self.waiting.push(None);
            return false;
        }
        self.converted.push((who, self.today, month, amount));
        let (earned, count) = (self.today, amount / 2);
        let line = Line { who, expiry, kind: Kind::Converted, earned, graced: false, count };
        self.waiting.push(Some(Waiting { line, until: self.today + CHOICE }));
        self.claimed += count;
        self.unassigned += count;
        true
    }

    pub(super) fn pick(&mut self, conversion: usize) -> bool {
        let Some(Some(waiting)) = self.waiting.get(conversion) else { return false };
        let line = waiting.line;
        if self.may[line.who] != May::Everything {
            return false;
        }
        self.waiting[conversion] = None;
        self.unassigned -= line.count;
        self.back(line);
        true
    }

    /// What the node does by itself with conversions that nobody chose a town for.
    pub(super) fn sweep(&mut self) {
        for at in 0..self.waiting.len() {
            if let Some(waiting) = &self.waiting[at]
                && waiting.until < self.today
                && self.may[waiting.line.who] != May::Receive
            {
                let line = waiting.line;
                self.waiting[at] = None;
                self.unassigned -= line.count;
                self.back(line);
            }
        }
    }

    pub(super) fn lapse(&mut self) {
        for line in &mut self.lines {
            if line.expiry < self.today {
                self.lapsed[line.kind as usize] += line.count;
                line.count = 0;
            }
        }
    }

    pub(super) fn change(&mut self, who: usize, may: May) -> bool {
        let holds = self.lines.iter().any(|line| line.who == who && line.count > 0)
            || self.waiting.iter().flatten().any(|waiting| waiting.line.who == who);
        if self.may[who] == May::Nothing || (may == May::Nothing && holds) {
            return false;
        }
        self.may[who] = may;
        true
    }

    /// Everything that was put in is somewhere.
    pub(super) fn adds_up(&self) -> bool {
        let held: u64 = self.lines.iter().map(|line| line.count).sum();
        let out = self.shop + self.unassigned + self.lapsed[0] + self.lapsed[1] + self.unclaimed;
        held + out == self.granted + self.claimed
    }
}
