//! Corrections: whole lots into accounts or out of them, against `correction`, by two officers.

use alloc::{collections::BTreeMap, vec::Vec};

use super::{Ledger, Plan};
use crate::{
    account::{Account, HolderState, Side},
    command::{CORRECTION_LEGS_MAX, Correction, CorrectionLeg, Direction},
    id::AccountId,
    lot::{Added, LOTS_MAX, Lot, Lots},
    points::Points,
    posting::{Posting, Postings},
    refusal::Refusal,
};

impl Ledger {
    pub(super) fn plan_correction(&self, correction: &Correction) -> Result<Plan, Refusal> {
        let legs = &correction.legs;
        if legs.is_empty() || legs.len() > CORRECTION_LEGS_MAX || !legs.iter().all(whole) {
            return Err(Refusal::NotWellFormed);
        }
        let mut after: BTreeMap<AccountId, Lots> = BTreeMap::new();
        let (mut taken, mut given) = (Points::ZERO, Points::ZERO);
        let mut postings: Vec<Posting> = Vec::new();
        for leg in legs {
            let holder = self.holders.get(&leg.account).ok_or(Refusal::UnknownAccount)?;
            let lots = after.entry(leg.account).or_insert_with(|| holder.lots.clone());
            let sum = Points::sum(leg.lots.iter().map(|lot| lot.points));
            let sum = sum.ok_or(Refusal::TooManyPoints)?;
            let (total, side) = match leg.direction {
                Direction::Out => {
                    let mut held = leg.lots.iter().map(|lot| lots.remove(*lot));
                    if !held.all(|removed| removed.is_some()) {
                        return Err(Refusal::LotsNotHeld);
                    }
                    (&mut taken, Side::Debit)
                }
                Direction::In => {
                    if holder.state == HolderState::Closed {
                        return Err(Refusal::AccountClosed);
                    }
                    self.put_right(lots, &leg.lots)?;
                    (&mut given, Side::Credit)
                }
            };
            *total = total.plus(sum).ok_or(Refusal::TooManyPoints)?;
            postings.push(Posting::Lots { holder: leg.account, side, lots: leg.lots.clone() });
        }
        let against = |side, points| Posting::Book { account: Account::Correction, side, points };
        // What one account loses and another one gets is no correction of the town's books.
        match (taken.minus(given), given.minus(taken)) {
            (Some(more), _) => postings.push(against(Side::Credit, more)),
            (None, Some(more)) => postings.push(against(Side::Debit, more)),
            (None, None) => return Err(Refusal::TooManyPoints),
        }
        Postings::balanced(postings).map(Plan::moving).ok_or(Refusal::TooManyPoints)
    }

    fn put_right(&self, held: &mut Lots, lots: &[Lot]) -> Result<(), Refusal> {
        for lot in lots {
            if !lot.terms.spendable_on(self.meta.day) {
                return Err(Refusal::NotWellFormed);
            }
            if held.full_for(&lot.terms, self.meta.day) {
                return Err(Refusal::TooManyLots);
            }
            if held.add(*lot) == Added::TooLarge {
                return Err(Refusal::TooManyPoints);
            }
        }
        Ok(())
    }
}

/// Whether a leg names lots, none twice and none of nothing.
fn whole(leg: &CorrectionLeg) -> bool {
    let lots = &leg.lots;
    let twice = lots
        .iter()
        .enumerate()
        .any(|(at, lot)| lots.iter().take(at).any(|earlier| earlier.terms == lot.terms));
    !lots.is_empty()
        && lots.len() <= LOTS_MAX
        && !twice
        && lots.iter().all(|lot| !lot.points.is_zero())
}
