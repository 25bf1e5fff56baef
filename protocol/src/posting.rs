//! Postings: what an entry moves. They balance, or they are no postings.

use alloc::vec::Vec;
use minicbor::{Decode, Encode};

use crate::{
    account::{Account, Side},
    id::AccountId,
    lot::Lot,
    points::Points,
};

/// One movement.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Posting {
    /// Lots into an account (credit) or out of it (debit).
    #[n(0)]
    Lots {
        /// Whose.
        #[n(0)]
        holder: AccountId,
        /// In or out.
        #[n(1)]
        side: Side,
        /// Which, in the order in which they are taken or put back. None empty.
        #[n(2)]
        lots: Vec<Lot>,
    },
    /// Points of an account without lots.
    #[n(1)]
    Book {
        /// Which.
        #[n(0)]
        account: Account,
        /// Debit or credit.
        #[n(1)]
        side: Side,
        /// How many.
        #[n(2)]
        points: Points,
    },
}

impl Posting {
    /// Debit or credit.
    #[must_use]
    pub const fn side(&self) -> Side {
        match self {
            Self::Lots { side, .. } | Self::Book { side, .. } => *side,
        }
    }

    /// How many points; none if they are too many to add.
    #[must_use]
    pub fn points(&self) -> Option<Points> {
        match self {
            Self::Lots { lots, .. } => Points::sum(lots.iter().map(|lot| lot.points)),
            Self::Book { points, .. } => Some(*points),
        }
    }
}

/// The postings of one entry.
///
/// Invariant: debits and credits are equal, and no posting is of nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode)]
#[cbor(transparent)]
pub struct Postings(#[n(0)] Vec<Posting>);

impl Postings {
    /// No movement.
    pub const NONE: Self = Self(Vec::new());

    /// Movements that balance; postings of nothing are left out, and none comes back if debits
    /// and credits differ.
    #[must_use]
    pub fn balanced(mut postings: Vec<Posting>) -> Option<Self> {
        let sum = |wanted: Side, postings: &[Posting]| {
            let of_side = postings.iter().filter(|posting| posting.side() == wanted);
            of_side.map(Posting::points).try_fold(Points::ZERO, |sum, points| sum.plus(points?))
        };
        postings.retain(|posting| posting.points() != Some(Points::ZERO));
        let (debits, credits) = (sum(Side::Debit, &postings)?, sum(Side::Credit, &postings)?);
        (debits == credits).then_some(Self(postings))
    }

    /// Lots from a holder into an account without lots.
    #[must_use]
    pub fn out_of(holder: AccountId, lots: Vec<Lot>, into: Account) -> Option<Self> {
        let points = Points::sum(lots.iter().map(|lot| lot.points))?;
        Self::balanced(alloc::vec![
            Posting::Lots { holder, side: Side::Debit, lots },
            Posting::Book { account: into, side: Side::Credit, points },
        ])
    }

    /// Lots to a holder out of an account without lots.
    #[must_use]
    pub fn into(holder: AccountId, lots: Vec<Lot>, from: Account) -> Option<Self> {
        let points = Points::sum(lots.iter().map(|lot| lot.points))?;
        Self::balanced(alloc::vec![
            Posting::Book { account: from, side: Side::Debit, points },
            Posting::Lots { holder, side: Side::Credit, lots },
        ])
    }

    /// Points from one account without lots to another.
    #[must_use]
    pub fn between(from: Account, into: Account, points: Points) -> Option<Self> {
        Self::balanced(alloc::vec![
            Posting::Book { account: from, side: Side::Debit, points },
            Posting::Book { account: into, side: Side::Credit, points },
        ])
    }

    /// The points that stand on the debit side of an account without lots.
    #[must_use]
    pub fn taken_from(&self, from: Account) -> Points {
        let debits = self.0.iter().filter_map(|posting| match posting {
            Posting::Book { account, side: Side::Debit, points } if *account == from => {
                Some(*points)
            }
            Posting::Book { .. } | Posting::Lots { .. } => None,
        });
        // Debits and credits of one entry can be added, so these can.
        Points::sum(debits).unwrap_or(Points::MAX)
    }

    /// The lots that the first debit of a holder takes, in order.
    #[must_use]
    pub fn lots_out_of_holders(&self) -> Vec<Lot> {
        let debit = self.0.iter().find_map(|posting| match posting {
            Posting::Lots { side: Side::Debit, lots, .. } => Some(lots.clone()),
            Posting::Lots { side: Side::Credit, .. } | Posting::Book { .. } => None,
        });
        debit.unwrap_or_default()
    }

    /// The movements.
    #[must_use]
    pub fn as_slice(&self) -> &[Posting] {
        &self.0
    }
}

impl<'b, C> Decode<'b, C> for Postings {
    fn decode(d: &mut minicbor::Decoder<'b>, ctx: &mut C) -> Result<Self, minicbor::decode::Error> {
        let postings: Vec<Posting> = d.decode_with(ctx)?;
        let count = postings.len();
        match Self::balanced(postings) {
            Some(balanced) if balanced.0.len() == count => Ok(balanced),
            _ => Err(minicbor::decode::Error::message("postings that do not balance")),
        }
    }
}
