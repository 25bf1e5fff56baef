//! A second ledger, slow and written without the first one's code: every point lies by itself in a
//! flat list, and what stands anywhere else is the sum of a flat list of facts.

use alloc::{collections::BTreeMap, vec::Vec};
use core::iter::repeat_n;

use crate::{
    account::{Account, HolderState, LapsedKind},
    date::BusinessDate,
    id::MerchantId,
    ledger::Taken,
};

/// Everything about a point but whose it is, in the order of spending (money-rules, Spending).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kind {
    pub(super) expiry: BusinessDate,
    pub(super) rank: Rank,
    pub(super) earned: BusinessDate,
    /// The number of the programme or street that gave it.
    pub(super) birth: (Birth, u32),
    pub(super) graced: bool,
    pub(super) issuer: By,
    pub(super) paid: Free,
    pub(super) grace: Grace,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    Administrative,
    Reward,
    Moved,
    Converted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Birth {
    Administrative,
    Reward,
    Converted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum By {
    Another,
    Town,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Free {
    Paid,
    Free,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Grace {
    May,
    None,
    Used,
}

impl Kind {
    /// Points of the town's programme, free.
    pub(super) fn given(programme: u32, earned: BusinessDate, expiry: BusinessDate) -> Self {
        Self {
            expiry,
            rank: Rank::Administrative,
            earned,
            birth: (Birth::Administrative, programme),
            graced: false,
            issuer: By::Town,
            paid: Free::Free,
            grace: Grace::May,
        }
    }

    /// Six months at most for paid points of another issuer, the last day not counted.
    pub(super) fn law(&self) -> Option<BusinessDate> {
        let bound = self.issuer == By::Another && self.paid == Free::Paid;
        bound.then(|| self.earned.plus_months(6).day_before())
    }
}

/// What a shop took on a day, or gave back of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taking {
    pub(super) shop: MerchantId,
    pub(super) day: BusinessDate,
    pub(super) what: Taken,
    pub(super) points: i64,
    pub(super) in_run: bool,
}

/// A grant that counts for natural keys and caps.
#[derive(Debug, Clone)]
pub(super) struct Granted {
    pub(super) who: usize,
    pub(super) programme: u32,
    pub(super) activity: u32,
    pub(super) year: u32,
    pub(super) points: i64,
}

/// What every area shares.
#[derive(Debug, Clone)]
pub(super) struct Model {
    pub(super) today: BusinessDate,
    pub(super) grace_days: u32,
    pub(super) state: Vec<HolderState>,
    pub(super) visitor: Vec<bool>,
    /// The account that stands for the person.
    pub(super) person: Vec<usize>,
    /// Pairs that an officer has to decide about, or has said to be two persons.
    pub(super) open: Vec<(usize, usize)>,
    pub(super) apart: Vec<(usize, usize)>,
    /// One element for each point that somebody holds.
    points: Vec<(usize, Kind)>,
    /// Credits are positive, debits negative.
    facts: Vec<(Account, i64)>,
    pub(super) spent: Vec<(usize, BusinessDate, i64)>,
    pub(super) takings: Vec<Taking>,
    /// The last day that a run holds, of each shop.
    pub(super) closed: BTreeMap<MerchantId, BusinessDate>,
    pub(super) granted: Vec<Granted>,
    pub(super) shop_open: bool,
}

impl Model {
    pub(super) fn new(accounts: usize, today: BusinessDate) -> Self {
        Self {
            today,
            grace_days: super::days::GRACE,
            state: repeat_n(HolderState::Open, accounts).collect(),
            visitor: repeat_n(false, accounts).collect(),
            person: (0..accounts).collect(),
            open: Vec::new(),
            apart: Vec::new(),
            points: Vec::new(),
            facts: Vec::new(),
            spent: Vec::new(),
            takings: Vec::new(),
            closed: BTreeMap::new(),
            granted: Vec::new(),
            shop_open: true,
        }
    }

    pub(super) fn fact(&mut self, account: Account, credit: i64) {
        self.facts.push((account, credit));
    }

    /// From one book to another.
    pub(super) fn book(&mut self, from: Account, into: Account, points: i64) {
        self.fact(from, -points);
        self.fact(into, points);
    }

    /// What stands in a book: credits less debits.
    pub(super) fn sum(&self, wanted: Account) -> i64 {
        let own = self.facts.iter().filter(|(account, _)| *account == wanted);
        own.map(|(_, credit)| credit).sum()
    }

    /// All books that anything stands in.
    pub(super) fn books(&self) -> Vec<(Account, i64)> {
        let mut sums = BTreeMap::new();
        for (account, credit) in &self.facts {
            *sums.entry(*account).or_insert(0) += credit;
        }
        sums.into_iter().filter(|(_, sum)| *sum != 0).collect()
    }

    pub(super) fn lots_of(&self, who: usize) -> Vec<(Kind, u64)> {
        let mut sums = BTreeMap::new();
        for (_, kind) in self.points.iter().filter(|(owner, _)| *owner == who) {
            *sums.entry(*kind).or_insert(0) += 1;
        }
        sums.into_iter().collect()
    }

    pub(super) fn holds(&self, who: usize) -> bool {
        self.points.iter().any(|(owner, _)| *owner == who)
    }

    /// What somebody could spend today, in order.
    fn good(&self, who: usize, may: impl Fn(&Kind) -> bool) -> Vec<Kind> {
        let own = self.points.iter().filter(|(owner, kind)| *owner == who && may(kind));
        let mut good: Vec<Kind> =
            own.map(|(_, kind)| *kind).filter(|kind| kind.expiry >= self.today).collect();
        good.sort_unstable();
        good
    }

    pub(super) fn spendable(&self, who: usize) -> i64 {
        i64::try_from(self.good(who, |_| true).len()).unwrap()
    }

    pub(super) fn has(&self, who: usize, points: i64, may: impl Fn(&Kind) -> bool) -> bool {
        i64::try_from(self.good(who, may).len()).unwrap() >= points
    }

    pub(super) fn put(&mut self, who: usize, kind: Kind, points: i64) {
        self.points.extend(repeat_n((who, kind), usize::try_from(points).unwrap()));
    }

    /// Takes away one point.
    pub(super) fn drop_one(&mut self, who: usize, kind: Kind) {
        let at = self.points.iter().position(|held| *held == (who, kind)).unwrap();
        self.points.swap_remove(at);
    }

    /// The points that leave an account, in the order of spending.
    pub(super) fn take(
        &mut self,
        who: usize,
        points: i64,
        may: impl Fn(&Kind) -> bool,
    ) -> Vec<Kind> {
        let mut taken = self.good(who, may);
        taken.truncate(usize::try_from(points).unwrap());
        for kind in &taken {
            self.drop_one(who, *kind);
        }
        taken
    }

    /// Points leave an account into a book.
    pub(super) fn pay(&mut self, who: usize, points: i64, into: Account) -> Vec<Kind> {
        let taken = self.take(who, points, |_| true);
        self.fact(into, points);
        taken
    }

    /// Points come back out of a book, each by itself, in this order; how many came out of it.
    pub(super) fn back(
        &mut self,
        who: usize,
        kinds: impl IntoIterator<Item = Kind>,
        from: Account,
    ) -> i64 {
        let shop = matches!(from, Account::Merchant(_) | Account::MerchantClaim(_));
        let mut out = 0;
        for kind in kinds {
            let over = kind.expiry < self.today;
            let past_law = over && kind.law().is_some_and(|last| last < self.today);
            if past_law && shop {
                // The shop gives it back in cash.
                continue;
            }
            out += 1;
            self.fact(from, -1);
            if self.state[who] == HolderState::Closed {
                self.fact(Account::Unclaimed, 1);
            } else if !over {
                self.put(who, kind, 1);
            } else if past_law || kind.grace != Grace::May {
                self.fact(lapsed(&kind), 1);
            } else {
                let end = self.today.plus_days(self.grace_days);
                let expiry = kind.law().map_or(end, |last| last.min(end));
                let graced = Kind { expiry, graced: true, grace: Grace::Used, ..kind };
                self.put(who, graced, 1);
            }
        }
        out
    }

    /// All that lapsed goes.
    pub(super) fn lapse(&mut self) {
        let today = self.today;
        let (over, kept) = self.points.iter().partition(|(_, kind)| kind.expiry < today);
        self.points = kept;
        let over: Vec<(usize, Kind)> = over;
        for (_, kind) in over {
            self.fact(lapsed(&kind), 1);
        }
    }

    /// All that somebody has goes, and what lapsed with it.
    pub(super) fn give_up(&mut self, who: usize) {
        for (kind, points) in self.lots_of(who) {
            for _ in 0..points {
                self.drop_one(who, kind);
                self.fact(lapsed(&kind), 1);
            }
        }
    }

    pub(super) fn is_open(&self, who: usize) -> bool {
        self.state[who] == HolderState::Open
    }

    pub(super) fn receives(&self, who: usize) -> bool {
        matches!(self.state[who], HolderState::Open | HolderState::Frozen)
    }

    pub(super) fn spent_today(&self, who: usize) -> i64 {
        let own = self.spent.iter().filter(|(owner, day, _)| *owner == who && *day == self.today);
        own.map(|(.., points)| points).sum()
    }

    /// Whether the limits of a way to pay allow this.
    pub(super) fn within(&self, who: usize, points: i64, (once, day): (i64, i64)) -> bool {
        points <= once && self.spent_today(who) + points <= day
    }

    pub(super) fn took(&mut self, shop: MerchantId, what: Taken, points: i64) {
        let day = self.today;
        self.takings.push(Taking { shop, day, what, points, in_run: false });
    }

    /// Out of which book a shop gives back what it took on a day.
    pub(super) fn gives_from(&self, shop: MerchantId, day: BusinessDate) -> Account {
        if self.closed.get(&shop).is_some_and(|through| day <= *through) {
            Account::MerchantClaim(shop)
        } else {
            Account::Merchant(shop)
        }
    }

    /// Points come back from a shop that took them on a day.
    pub(super) fn shop_gives(
        &mut self,
        who: usize,
        kinds: impl IntoIterator<Item = Kind>,
        (shop, day, what): (MerchantId, BusinessDate, Taken),
    ) {
        let from = self.gives_from(shop, day);
        let points = self.back(who, kinds, from);
        self.gave(shop, day, what, points);
    }

    pub(super) fn gave(&mut self, shop: MerchantId, day: BusinessDate, what: Taken, points: i64) {
        if self.gives_from(shop, day) == Account::Merchant(shop) && points > 0 {
            self.takings.push(Taking { shop, day, what, points: -points, in_run: false });
        }
    }

    pub(super) fn same_person(&self, one: usize, other: usize) -> bool {
        self.person[one] == self.person[other]
    }

    /// Everything that was put in is somewhere.
    pub(super) fn adds_up(&self) -> bool {
        let books: i64 = self.facts.iter().map(|(_, credit)| credit).sum();
        books + i64::try_from(self.points.len()).unwrap() == 0
    }
}

/// Where a point goes that lapses.
pub(super) const fn lapsed(kind: &Kind) -> Account {
    Account::Lapsed(match kind.birth.0 {
        Birth::Administrative => LapsedKind::Administrative,
        Birth::Reward => LapsedKind::Reward,
        Birth::Converted => LapsedKind::Converted,
    })
}
