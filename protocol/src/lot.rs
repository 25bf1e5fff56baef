//! Lots: points of one origin and one expiry, and the order in which they are spent.

mod packed;

use alloc::vec::Vec;
use core::{cmp::Ordering, fmt};
use minicbor::{Decode, Encode};

use crate::{
    date::BusinessDate,
    id::{CompanyId, ProgrammeId, TownId},
    points::Points,
};
use packed::Packed;

/// Lots an account may hold, lapsed ones that are not yet swept apart (money-rules, Lots).
pub const LOTS_MAX: usize = 128;

/// Where points were born.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub enum Birth {
    /// Given by a town's own programme (行政ポイント).
    #[n(0)]
    Administrative(#[n(0)] ProgrammeId),
    /// Given by a street's association for a purchase.
    #[n(1)]
    Reward(#[n(0)] u32),
    /// Converted from a company's points (地域経済応援ポイント).
    #[n(2)]
    Converted(#[n(0)] CompanyId),
}

/// Where a lot comes from, as this town sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub enum Origin {
    /// Born here.
    #[n(0)]
    Here(#[n(0)] Birth),
    /// Moved here from another town.
    #[n(1)]
    Moved {
        /// The town that sent them last.
        #[n(0)]
        last: TownId,
        /// What they were when they were born.
        #[n(1)]
        first: Birth,
    },
}

impl Origin {
    /// What the points were when they were born, wherever that was.
    #[must_use]
    pub const fn birth(self) -> Birth {
        match self {
            Self::Here(birth) | Self::Moved { first: birth, last: _ } => birth,
        }
    }

    /// Rank in spending among lots that expire on one day: administrative, reward, moved,
    /// converted (money-rules, Spending).
    const fn rank(self) -> u8 {
        match self {
            Self::Here(Birth::Administrative(_)) => 0,
            Self::Here(Birth::Reward(_)) => 1,
            Self::Moved { .. } => 2,
            Self::Here(Birth::Converted(_)) => 3,
        }
    }
}

/// Who issued the points, in the sense of the Payment Services Act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Issuer {
    /// Another body: its paid points live by the six-month exemption. Spent before the town's.
    #[n(0)]
    Other,
    /// The town: exempt (Article 4, item 3).
    #[n(1)]
    Town,
}

/// Whether something was paid for the points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Paid {
    /// Paid for.
    #[n(0)]
    Yes,
    /// Given free.
    #[n(1)]
    No,
}

/// Whether points that come back too late may live on for the days of grace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Grace {
    /// Once.
    #[n(0)]
    May,
    /// The programme allows none.
    #[n(1)]
    None,
    /// It was used. Spent after lots that have it still.
    #[n(2)]
    Used,
}

/// Everything about a lot but how many points it has. Lots of equal terms merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode)]
pub struct LotTerms {
    /// Where the points come from.
    #[n(0)]
    pub origin: Origin,
    /// Who issued them.
    #[n(1)]
    pub issuer: Issuer,
    /// Whether they were paid for.
    #[n(2)]
    pub paid: Paid,
    /// The day they were earned on, in Japan.
    #[n(3)]
    pub earned: BusinessDate,
    /// The last day, in Japan, on which they can be spent; [`BusinessDate::LAST`] for never.
    #[n(4)]
    pub expires: BusinessDate,
    /// Whether grace is left.
    #[n(5)]
    pub grace: Grace,
}

/// The order of spending, total: the first to expire first (money-rules, Spending).
impl Ord for LotTerms {
    fn cmp(&self, other: &Self) -> Ordering {
        let used = |lot: &Self| lot.grace == Grace::Used;
        self.expires
            .cmp(&other.expires)
            .then(self.origin.rank().cmp(&other.origin.rank()))
            .then(self.earned.cmp(&other.earned))
            .then(self.origin.cmp(&other.origin))
            .then(used(self).cmp(&used(other)))
            .then(self.issuer.cmp(&other.issuer))
            .then(self.paid.cmp(&other.paid))
            .then(self.grace.cmp(&other.grace))
    }
}

impl PartialOrd for LotTerms {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl LotTerms {
    /// Whether the points can be spent on this day.
    #[must_use]
    pub fn spendable_on(&self, today: BusinessDate) -> bool {
        self.expires >= today
    }

    /// The last day that the law allows, for paid points of another issuer: the six months end
    /// the day before (facts-domain, Law; money-rules, Programmes).
    #[must_use]
    pub fn legal_last_day(&self) -> Option<BusinessDate> {
        (self.issuer == Issuer::Other && self.paid == Paid::Yes)
            .then(|| self.earned.plus_months(6).day_before())
    }

    /// What becomes of points of these terms that come back, or arrive, on `today`, having left
    /// while they were valid (money-rules, On the way nothing lapses).
    #[must_use]
    pub fn on_return(&self, today: BusinessDate, grace_days: u32) -> Return {
        if self.spendable_on(today) {
            return Return::As(*self);
        }
        let legal = self.legal_last_day();
        if legal.is_some_and(|last| last < today) {
            return Return::PastLaw;
        }
        match self.grace {
            Grace::May => {
                let graced = today.plus_days(grace_days);
                let expires = legal.map_or(graced, |last| last.min(graced));
                Return::As(Self { expires, grace: Grace::Used, ..*self })
            }
            Grace::None | Grace::Used => Return::Lapses,
        }
    }

    /// The terms that points of these terms have at another town, which takes them from `sender`.
    #[must_use]
    pub const fn moved_from(self, sender: TownId) -> Self {
        Self { origin: Origin::Moved { last: sender, first: self.origin.birth() }, ..self }
    }
}

/// What becomes of points that come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Return {
    /// They are a lot of these terms.
    As(LotTerms),
    /// They lapse as they come back.
    Lapses,
    /// They lapse, and the law forbids to give them back as points at all.
    PastLaw,
}

/// Points of one origin and one expiry. Never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Lot {
    /// Everything but the number.
    #[n(0)]
    pub terms: LotTerms,
    /// How many.
    #[n(1)]
    pub points: Points,
}

/// The points of some lots of one account, whose sum is bounded.
#[must_use]
pub fn points_of(lots: &[Lot]) -> Points {
    Points::sum(lots.iter().map(|lot| lot.points)).unwrap_or(Points::MAX)
}

/// The lots of one account.
///
/// Invariant: in the order of spending, of different terms, none empty, their sum in bounds.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Lots(Packed);

impl fmt::Debug for Lots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<C> Encode<C> for Lots {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.array(self.iter().count() as u64)?;
        for lot in self.iter() {
            e.encode(lot)?;
        }
        Ok(())
    }
}

impl<'b, C> Decode<'b, C> for Lots {
    fn decode(d: &mut minicbor::Decoder<'b>, ctx: &mut C) -> Result<Self, minicbor::decode::Error> {
        let lots: Vec<Lot> = d.decode_with(ctx)?;
        let sorted = lots.windows(2).all(|pair| match pair {
            [first, second] => first.terms < second.terms,
            _ => true,
        });
        let sum = Points::sum(lots.iter().map(|lot| lot.points));
        if sorted && sum.is_some() && lots.iter().all(|lot| !lot.points.is_zero()) {
            Ok(Self(Packed::of(&lots)))
        } else {
            Err(minicbor::decode::Error::message("lots out of order, empty or too large"))
        }
    }
}

impl Lots {
    /// No lots.
    pub const EMPTY: Self = Self(Packed::EMPTY);

    /// The lots, first to be spent first.
    pub fn iter(&self) -> impl Iterator<Item = Lot> {
        self.0.iter()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All points, spendable or not.
    #[must_use]
    pub fn sum(&self) -> Points {
        // The invariant bounds the sum; `add` keeps it.
        Points::sum(self.iter().map(|lot| lot.points)).unwrap_or(Points::MAX)
    }

    /// The points that can be spent on this day.
    #[must_use]
    pub fn spendable(&self, today: BusinessDate) -> Points {
        let spendable = self.iter().filter(|lot| lot.terms.spendable_on(today));
        Points::sum(spendable.map(|lot| lot.points)).unwrap_or(Points::MAX)
    }

    /// The day on which the first of them to expire does so, unless none ever does.
    #[must_use]
    pub fn first_expiry(&self) -> Option<BusinessDate> {
        // The first to be spent is the first to expire.
        let first = self.iter().next().map(|lot| lot.terms.expires);
        first.filter(|day| *day < BusinessDate::LAST)
    }

    /// How many lots count against [`LOTS_MAX`] on this day.
    #[must_use]
    pub fn count_on(&self, today: BusinessDate) -> usize {
        self.iter().filter(|lot| lot.terms.spendable_on(today)).count()
    }

    /// Whether points of these terms would need a lot more than the limit allows.
    #[must_use]
    pub fn full_for(&self, terms: &LotTerms, today: BusinessDate) -> bool {
        self.count_on(today) >= LOTS_MAX && self.iter().all(|lot| lot.terms != *terms)
    }

    /// What spending `points` on this day takes, in order, from the lots that `may` leave; none
    /// if they are too few.
    pub fn take(
        &self,
        points: Points,
        today: BusinessDate,
        may: impl Fn(&LotTerms) -> bool,
    ) -> Option<Vec<Lot>> {
        let mut wanted = points;
        let mut taken = Vec::new();
        for lot in self.iter().filter(|lot| lot.terms.spendable_on(today) && may(&lot.terms)) {
            if wanted.is_zero() {
                break;
            }
            let part = lot.points.min(wanted);
            wanted = wanted.minus(part)?;
            taken.push(Lot { terms: lot.terms, points: part });
        }
        wanted.is_zero().then_some(taken)
    }

    /// Puts points in; false, and nothing done, if the sum would be too large.
    #[must_use]
    pub fn add(&mut self, lot: Lot) -> Added {
        if lot.points.is_zero() {
            return Added::Done;
        }
        if self.sum().plus(lot.points).is_none() {
            return Added::TooLarge;
        }
        let mut lots: Vec<Lot> = self.iter().collect();
        match position(&lots, &lot.terms) {
            Ok(at) => {
                if let Some(held) = lots.get_mut(at) {
                    // Bounded by the sum above.
                    held.points = held.points.plus(lot.points).unwrap_or(Points::MAX);
                }
            }
            Err(at) => lots.insert(at, lot),
        }
        self.0 = Packed::of(&lots);
        Added::Done
    }

    /// Takes points out; none, and nothing done, if the lot does not hold them.
    #[must_use]
    pub fn remove(&mut self, lot: Lot) -> Option<()> {
        let mut lots: Vec<Lot> = self.iter().collect();
        let at = position(&lots, &lot.terms).ok()?;
        let held = lots.get_mut(at)?;
        held.points = held.points.minus(lot.points)?;
        if held.points.is_zero() {
            lots.remove(at);
        }
        self.0 = Packed::of(&lots);
        Some(())
    }
}

fn position(lots: &[Lot], terms: &LotTerms) -> Result<usize, usize> {
    lots.binary_search_by(|lot| lot.terms.cmp(terms))
}

/// Whether points could be put in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// They are in.
    Done,
    /// The account would hold more than [`Points::MAX`].
    TooLarge,
}

#[cfg(test)]
mod tests;
