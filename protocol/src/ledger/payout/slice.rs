//! The slices of a run: some shops an entry, in order of their numbers, each once.

use alloc::{collections::BTreeMap, vec::Vec};
use core::ops::Bound;

use crate::{
    account::{Account, Side},
    date::BusinessDate,
    entry::Effect,
    id::{MerchantId, RunId},
    ledger::{Broken, Ledger, Shop, Taken, lapse},
    payout::{Run, Statement, StatementKey, StatementState, Work},
    points::Points,
    posting::Posting,
};

/// Shops that one entry closes at most, so that it stays below the size of an entry.
const CLOSED_MAX: usize = 64;
/// Shops that one entry marks as paid at most.
const PAID_MAX: usize = 128;

/// A shop of a slice: its statement, and the runs whose returned transfers it brings along.
pub(super) struct Closed {
    pub(super) merchant: MerchantId,
    pub(super) statement: Statement,
    brought_from: Vec<RunId>,
}

/// Some shops of a run.
pub(super) struct Slice {
    pub(super) closed: Vec<Closed>,
    /// The last shop that was looked at; none if the run has no more behind it.
    until: Option<MerchantId>,
}

/// What a closing is about.
#[derive(Clone, Copy)]
pub(super) struct Closing {
    pub(super) last: BusinessDate,
    pub(super) fee_per_mille: u32,
    pub(super) behind: Option<MerchantId>,
    pub(super) at_most: usize,
}

impl Ledger {
    /// The shops behind one, as far as something has to be written for them. `set_off` is what was
    /// set off already: nothing before the entry is applied, and its own posting after that.
    pub(super) fn slice_of(
        &self,
        closing: Closing,
        set_off: impl Fn(MerchantId) -> Points,
    ) -> Option<Slice> {
        let from = closing.behind.map_or(Bound::Unbounded, Bound::Excluded);
        let mut slice = Slice { closed: Vec::new(), until: None };
        let mut seen = None;
        for (merchant, shop) in self.shops.range((from, Bound::Unbounded)) {
            if slice.closed.len() >= closing.at_most {
                slice.until = seen;
                return Some(slice);
            }
            seen = Some(*merchant);
            let claim = self.balance(&Account::MerchantClaim(*merchant));
            let claim = claim.plus(set_off(*merchant))?;
            let brought = self.returned_to_next_run(*merchant);
            let days = shop.days.range(..=closing.last);
            if days.count() == 0 && claim.is_zero() && brought.is_empty() {
                continue;
            }
            let (taken, back) = sums(shop, closing.last)?;
            let brought_sum = Points::sum(brought.iter().map(|(_, points)| *points))?;
            let fee = closing.fee_per_mille;
            let statement = Statement::made(taken, back, fee, claim, brought_sum)?;
            let brought_from = brought.into_iter().map(|(run, _)| run).collect();
            slice.closed.push(Closed { merchant: *merchant, statement, brought_from });
        }
        Some(slice)
    }

    /// The transfers to a shop that came back and wait for the next run.
    fn returned_to_next_run(&self, merchant: MerchantId) -> Vec<(RunId, Points)> {
        let waiting = |run: &RunId| {
            let statement = self.statements.get(&StatementKey { run: *run, merchant })?;
            matches!(statement.state, StatementState::Returned { next_run: true, .. })
                .then_some((*run, statement.net))
        };
        self.runs.iter().filter_map(|(run, _)| waiting(run)).collect()
    }

    /// The postings by which the next shops of a run are closed; none if sums are too large.
    pub(super) fn closing_postings(
        &self,
        number: RunId,
        run: &Run,
        behind: Option<MerchantId>,
    ) -> Option<Vec<Posting>> {
        let slice = self.slice_of(closing(run, behind), |_| Points::ZERO)?;
        let mut postings = Vec::new();
        for closed in &slice.closed {
            let (merchant, statement) = (closed.merchant, &closed.statement);
            for (kind, points) in &statement.taken {
                let back = statement.back.get(kind).copied().unwrap_or_default();
                let account = self.owed_on(merchant, *kind);
                debit(account, points.minus(back)?, &mut postings);
            }
            for run in &closed.brought_from {
                let owed = self.statements.get(&StatementKey { run: *run, merchant })?.net;
                debit(Account::Payable(merchant, *run), owed, &mut postings);
            }
            lapse::credit(Account::Payable(merchant, number), statement.net, &mut postings);
            lapse::credit(Account::MerchantClaim(merchant), statement.set_off, &mut postings);
            lapse::credit(Account::Fee, statement.fee, &mut postings);
        }
        Some(postings)
    }

    pub(super) fn apply_closing(
        &mut self,
        number: RunId,
        behind: Option<MerchantId>,
        effect: &Effect,
    ) -> Result<(), Broken> {
        let run = self.runs.get(&number).ok_or(Broken::Unknown)?;
        let last = run.last;
        // Postings are applied already: what they set off is missing in the claims by now.
        let set_off = |merchant| put_into(effect, Account::MerchantClaim(merchant));
        let slice = self.slice_of(closing(run, behind), set_off).ok_or(Broken::Balance)?;
        for closed in slice.closed {
            let merchant = closed.merchant;
            for run in closed.brought_from {
                let key = StatementKey { run, merchant };
                self.statements.get_mut(&key).ok_or(Broken::Unknown)?.state =
                    StatementState::MovedTo(number);
            }
            self.statements.insert(StatementKey { run: number, merchant }, closed.statement);
        }
        let from = behind.map_or(Bound::Unbounded, Bound::Excluded);
        let to = slice.until.map_or(Bound::Unbounded, Bound::Included);
        let looked_at: Vec<_> = self.shops.range((from, to)).map(|(shop, _)| *shop).collect();
        for merchant in looked_at {
            let shop = self.shops.get_mut(&merchant).ok_or(Broken::Unknown)?;
            shop.closed_through = Some(last);
            shop.days.retain(|day, _| *day > last);
        }
        let run = self.runs.get_mut(&number).ok_or(Broken::Unknown)?;
        run.work = slice.until.map(|until| Work::Closing(Some(until)));
        Ok(())
    }

    /// The next statements of a run that are owed, with the last one that was looked at where more
    /// follow.
    fn owed_in(
        &self,
        run: RunId,
        behind: Option<MerchantId>,
    ) -> (Vec<(StatementKey, Points)>, Option<MerchantId>) {
        let key = |merchant| StatementKey { run, merchant };
        let from = behind
            .map_or_else(|| Bound::Included(key(MerchantId(0))), |last| Bound::Excluded(key(last)));
        let to = Bound::Included(key(MerchantId(u32::MAX)));
        let mut owed = Vec::new();
        let mut seen = None;
        for (key, statement) in self.statements.range((from, to)) {
            if owed.len() >= PAID_MAX {
                return (owed, seen);
            }
            seen = Some(key.merchant);
            if statement.state == StatementState::Owed {
                owed.push((*key, statement.net));
            }
        }
        (owed, None)
    }

    pub(super) fn paying_postings(&self, run: RunId, behind: Option<MerchantId>) -> Vec<Posting> {
        let (owed, _) = self.owed_in(run, behind);
        let mut postings = Vec::new();
        for (key, points) in owed {
            debit(Account::Payable(key.merchant, run), points, &mut postings);
            lapse::credit(Account::PaidOut(key.merchant), points, &mut postings);
        }
        postings
    }

    pub(super) fn apply_paying(
        &mut self,
        number: RunId,
        behind: Option<MerchantId>,
    ) -> Result<(), Broken> {
        let (owed, until) = self.owed_in(number, behind);
        let run = self.runs.get_mut(&number).ok_or(Broken::Unknown)?;
        let paid = run.paid.ok_or(Broken::Unknown)?;
        run.work = until.map(|until| Work::Paying(Some(until)));
        for (key, _) in owed {
            self.statements.get_mut(&key).ok_or(Broken::Unknown)?.state =
                StatementState::Paid(paid);
        }
        Ok(())
    }
}

const fn closing(run: &Run, behind: Option<MerchantId>) -> Closing {
    let (last, fee_per_mille) = (run.last, run.fee_per_mille);
    Closing { last, fee_per_mille, behind, at_most: CLOSED_MAX }
}

type Sums = BTreeMap<Taken, Points>;

/// What a shop took and gave back up to a day, by kind; none if sums are too large.
fn sums(shop: &Shop, last: BusinessDate) -> Option<(Sums, Sums)> {
    let (mut taken, mut back) = (Sums::new(), Sums::new());
    for (_, tally) in shop.days.range(..=last) {
        for (into, from) in [(&mut taken, &tally.taken), (&mut back, &tally.back)] {
            for (kind, points) in from {
                let sum = into.entry(*kind).or_default();
                *sum = sum.plus(*points)?;
            }
        }
    }
    Some((taken, back))
}

fn debit(account: Account, points: Points, postings: &mut Vec<Posting>) {
    postings.push(Posting::Book { account, side: Side::Debit, points });
}

/// The points that stand on the credit side of an account in an entry.
fn put_into(effect: &Effect, into: Account) -> Points {
    let credits = effect.postings.as_slice().iter().filter_map(|posting| match posting {
        Posting::Book { account, side: Side::Credit, points } if *account == into => Some(*points),
        Posting::Book { .. } | Posting::Lots { .. } => None,
    });
    Points::sum(credits).unwrap_or(Points::MAX)
}
