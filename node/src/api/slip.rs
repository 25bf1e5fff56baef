//! What a slip says of a payment or a refund: whose points they were, and what the purchase earned.

use jichi_protocol::{
    account::{Account, Side},
    entry::{Entry, Outcome},
    id::SchemeId,
    ledger::Ledger,
    lot::{Birth, Lot},
    points::Points,
    posting::Posting,
};
use serde::Serialize;

use super::answer::{self, NoEntry};
use crate::town::Town;

/// The part of one issuer.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Share {
    /// `town`, or `street:` and the scheme's number.
    pub issuer: String,
    /// The town's or the association's name.
    pub name: String,
    /// How many points.
    pub points: u64,
}

/// What a slip says besides the points.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Slip {
    /// Whose points left or came back, by issuer.
    pub shares: Vec<Share>,
    /// Points that the cash part earned, or that a void or refund took back.
    pub reward: u64,
}

impl Slip {
    /// The slip of an entry that took points out of an account (debit) or put them back (credit).
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn of(town: &Town, entry: &Entry, side: Side) -> Result<Self, NoEntry> {
        let name = town.name().ja.clone();
        answer::read(town.engine(), |ledger| Self::over(ledger, &name, entry, side)).await
    }

    fn over(ledger: &Ledger, town: &str, entry: &Entry, side: Side) -> Self {
        let mut slip = Self { shares: Vec::new(), reward: 0 };
        let Outcome::Done(effect) = &entry.outcome else { return slip };
        for posting in effect.postings.as_slice() {
            match posting {
                Posting::Lots { side: of, lots, .. } if *of == side => {
                    lots.iter().for_each(|lot| slip.add(ledger, town, lot));
                }
                Posting::Book { account: Account::Association(_), points, .. } => {
                    slip.reward = slip.reward.saturating_add(points.get());
                }
                Posting::Lots { .. } | Posting::Book { .. } => {}
            }
        }
        slip
    }

    fn add(&mut self, ledger: &Ledger, town: &str, lot: &Lot) {
        let (issuer, name) = match lot.terms.origin.birth() {
            Birth::Reward(number) => {
                let scheme = ledger.scheme(&SchemeId(number));
                let name = scheme.map_or_else(String::new, |scheme| scheme.association.to_string());
                (format!("street:{number}"), name)
            }
            Birth::Administrative(_) | Birth::Converted(_) => ("town".to_owned(), town.to_owned()),
        };
        let points = lot.points.get();
        match self.shares.iter_mut().find(|share| share.issuer == issuer) {
            Some(share) => share.points = share.points.saturating_add(points),
            None => self.shares.push(Share { issuer, name, points }),
        }
    }
}

/// All points that an entry gave out of or took back into streets' budgets.
#[must_use]
pub fn reward_in(outcome: &Outcome) -> Points {
    let Outcome::Done(effect) = outcome else { return Points::ZERO };
    let streets = effect.postings.as_slice().iter().filter_map(|posting| match posting {
        Posting::Book { account: Account::Association(_), points, .. } => Some(*points),
        Posting::Book { .. } | Posting::Lots { .. } => None,
    });
    Points::sum(streets).unwrap_or(Points::MAX)
}
