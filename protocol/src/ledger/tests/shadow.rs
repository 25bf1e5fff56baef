//! The books kept a second time, by hand: what the postings of each entry say, added up as signed
//! numbers in plain maps, with none of the ledger's code. Every journal of these tests is followed
//! by it, whatever its commands are.

use alloc::collections::BTreeMap;

use crate::{
    account::{Account, Side},
    entry::{Entry, Outcome},
    id::AccountId,
    ledger::Ledger,
    lot::{Lot, LotTerms},
    posting::Posting,
};

/// Credits are positive, debits negative.
#[derive(Debug, Default)]
pub(crate) struct Shadow {
    books: BTreeMap<Account, (i128, i128)>,
    lots: BTreeMap<AccountId, BTreeMap<LotTerms, i128>>,
}

impl Shadow {
    /// Follows an entry that the ledger has just applied.
    pub(crate) fn follow(&mut self, entry: &Entry, ledger: &Ledger) {
        let Outcome::Done(effect) = &entry.outcome else { return };
        let mut sum = 0;
        for posting in effect.postings.as_slice() {
            match posting {
                Posting::Lots { holder, side, lots } => {
                    for lot in lots {
                        assert!(lot.points.get() > 0, "an empty lot is moved: {entry:?}");
                        let points = signed(*side, lot.points.get());
                        sum += points;
                        let held = self.lots.entry(*holder).or_default();
                        *held.entry(lot.terms).or_default() += points;
                    }
                }
                Posting::Book { account, side, points } => {
                    let (debits, credits) = self.books.entry(*account).or_default();
                    match side {
                        Side::Debit => *debits += i128::from(points.get()),
                        Side::Credit => *credits += i128::from(points.get()),
                    }
                    sum += signed(*side, points.get());
                }
            }
        }
        assert_eq!(sum, 0, "the postings do not balance: {entry:?}");
        self.agrees(ledger, entry);
    }

    fn agrees(&self, ledger: &Ledger, entry: &Entry) {
        let mut all = 0;
        let ours = self.books.iter().map(|(account, (debits, credits))| {
            let balance = credits - debits;
            all += balance;
            match may_not_be_negative(account) {
                Some(Side::Credit) => assert!(balance >= 0, "{account:?} is negative: {entry:?}"),
                Some(Side::Debit) => assert!(balance <= 0, "{account:?} is negative: {entry:?}"),
                None => {}
            }
            (*account, *debits, *credits)
        });
        let theirs = ledger.books().map(|(account, balance)| {
            (*account, i128::from(balance.debits.get()), i128::from(balance.credits.get()))
        });
        // An account that nothing was ever posted to may be missing on either side.
        let moved = |(_, debits, credits): &(Account, i128, i128)| *debits != 0 || *credits != 0;
        assert!(ours.filter(moved).eq(theirs.filter(moved)), "the books differ: {entry:?}");
        for (account, lots) in &self.lots {
            let ours = lots.iter().filter(|(_, points)| **points != 0);
            let holder = ledger.holder(account).unwrap();
            let theirs = holder.lots.iter().map(|Lot { terms, points }| (terms, points.get()));
            let ours = ours.map(|(terms, points)| {
                assert!(*points > 0, "a lot is negative: {entry:?}");
                all += points;
                (*terms, u64::try_from(*points).unwrap())
            });
            assert!(ours.eq(theirs), "the lots of {account} differ: {entry:?}");
        }
        assert_eq!(all, 0, "the sum over all accounts: {entry:?}");
    }
}

fn signed(side: Side, points: u64) -> i128 {
    match side {
        Side::Credit => i128::from(points),
        Side::Debit => -i128::from(points),
    }
}

/// The side on which an account may only stand (money-rules, Accounts of a node); none for either.
const fn may_not_be_negative(account: &Account) -> Option<Side> {
    match account {
        // What is claimed, was given out of a budget, or is borne.
        Account::Partner(_)
        | Account::OwedBy(_)
        | Account::MerchantClaim(_)
        | Account::Programme(_)
        | Account::Association(_)
        | Account::Cash(_)
        | Account::Loss(_)
        | Account::Opening(_) => Some(Side::Debit),
        // What is owed, waits, or ended.
        Account::Unassigned(_)
        | Account::Merchant(_)
        | Account::Payable(..)
        | Account::PaidOut(_)
        | Account::Fee
        | Account::Transit(_)
        | Account::OwedTo(_)
        | Account::Lapsed(_)
        | Account::Unclaimed
        | Account::Bulk(_)
        | Account::Voucher(_)
        | Account::Ticket
        | Account::LocalCardPending(_)
        | Account::LocalCard(_)
        | Account::Hold(_) => Some(Side::Credit),
        Account::Correction | Account::Settled(_) => None,
    }
}
