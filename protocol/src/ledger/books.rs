//! Applies postings, and adds everything up.

use super::{Broken, Ledger};
use crate::{
    account::{Account, Side},
    id::AccountId,
    lot::{Added, Lot},
    points::Points,
    posting::{Posting, Postings},
};

impl Ledger {
    /// Applies the movements of an entry; each account must hold what is taken from it.
    pub(super) fn apply_postings(&mut self, postings: &Postings) -> Result<(), Broken> {
        for posting in postings.as_slice() {
            match posting {
                Posting::Lots { holder, side, lots } => {
                    for lot in lots {
                        self.apply_lot(*holder, *side, *lot)?;
                    }
                }
                Posting::Book { account, side, points } => {
                    self.apply_book(*account, *side, *points)?;
                }
            }
        }
        Ok(())
    }

    fn apply_lot(&mut self, account: AccountId, side: Side, lot: Lot) -> Result<(), Broken> {
        let holder = self.holders.get_mut(&account).ok_or(Broken::Unknown)?;
        let before = holder.lots.first_expiry();
        match side {
            Side::Credit if holder.lots.add(lot) == Added::TooLarge => return Err(Broken::Balance),
            Side::Credit => {}
            Side::Debit => holder.lots.remove(lot).ok_or(Broken::Lots)?,
        }
        let after = holder.lots.first_expiry();
        if before != after {
            if let Some(day) = before {
                self.expiring.remove(&(day, account));
            }
            if let Some(day) = after {
                self.expiring.insert((day, account), ());
            }
        }
        Ok(())
    }

    fn apply_book(&mut self, account: Account, side: Side, points: Points) -> Result<(), Broken> {
        let balance = self.books.get_or_default(account);
        let sum = match side {
            Side::Debit => &mut balance.debits,
            Side::Credit => &mut balance.credits,
        };
        *sum = sum.plus(points).ok_or(Broken::Balance)?;
        if account.stands_on_either_side() || balance.on(account.normal_side()).is_some() {
            Ok(())
        } else {
            Err(Broken::Balance)
        }
    }

    /// What stands in an account without lots, on its normal side.
    #[must_use]
    pub fn balance(&self, account: &Account) -> Points {
        let balance = self.books.get(account);
        // `apply_book` keeps every balance from being negative.
        balance.and_then(|balance| balance.on(account.normal_side())).unwrap_or(Points::ZERO)
    }

    /// All debits and all credits, of accounts with lots and without: equal, or the books are
    /// broken. What residents hold counts as credit.
    #[must_use]
    pub fn trial(&self) -> Trial {
        let mut trial = Trial { debits: 0, credits: 0 };
        for (account, balance) in self.books.iter() {
            let on = |side| u128::from(balance.on(side).unwrap_or(Points::ZERO).get());
            let normal = account.normal_side();
            if normal == Side::Debit || account.stands_on_either_side() {
                trial.debits = trial.debits.saturating_add(on(Side::Debit));
            }
            // A negative balance cannot be here; were it, the sums would differ and show it.
            if normal == Side::Credit || account.stands_on_either_side() {
                trial.credits = trial.credits.saturating_add(on(Side::Credit));
            }
        }
        for (_, holder) in self.holders.iter() {
            let held = u128::from(holder.lots.sum().get());
            trial.credits = trial.credits.saturating_add(held);
        }
        trial
    }
}

/// The trial balance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trial {
    /// What stands on debit accounts.
    pub debits: u128,
    /// What stands on credit accounts and is held by residents.
    pub credits: u128,
}

impl Trial {
    /// Whether debits and credits are equal.
    #[must_use]
    pub const fn balances(&self) -> bool {
        self.debits == self.credits
    }
}
