//! The day turns; what expired is swept in slices.

use alloc::vec::Vec;

use super::{Ledger, Plan};
use crate::{
    account::{Account, LapsedKind, Side},
    date::{BusinessDate, Time},
    digest::Digest,
    id::AccountId,
    key::{ClientKey, WINDOW_BACK_MS},
    lot::{Birth, Lot, LotTerms},
    points::Points,
    posting::{Posting, Postings},
    refusal::Refusal,
};

/// Lots that one entry sweeps at most, so that it stays below the size of an entry.
const LAPSE_LOTS_MAX: usize = 150;
/// Accounts that one entry sweeps at most (money-rules, Lapse).
const LAPSE_ACCOUNTS_MAX: usize = 100;

/// Keys and payments that one entry forgets at most: more than one entry makes.
pub(super) const FORGET_MAX: usize = 16;

/// Where lapsed points of these terms go.
pub(super) const fn lapsed(terms: &LotTerms) -> Account {
    Account::Lapsed(match terms.origin.birth() {
        Birth::Administrative(_) => LapsedKind::Administrative,
        Birth::Reward(_) => LapsedKind::Reward,
        Birth::Converted(_) => LapsedKind::Converted,
    })
}

impl Ledger {
    pub(super) fn plan_day(&self, time: Time, date: BusinessDate) -> Result<Plan, Refusal> {
        if date <= self.meta.day || date != time.date() {
            return Err(Refusal::NothingDue);
        }
        Ok(Plan::FACT)
    }

    pub(super) fn apply_day(&mut self, time: Time, date: BusinessDate) {
        self.meta.day = date;
        self.forget_charges(time);
        self.forget_old_holds(time);
    }

    /// Forgets what no command can name any more, some with each entry: all of a day's at once
    /// would stop the writer at midnight.
    pub(super) fn forget(&mut self, time: Time) {
        let before = |ms: u64| ClientKey::floor(Time(time.0.saturating_sub(ms)));
        self.client_keys.remove_some_below(&before(WINDOW_BACK_MS), FORGET_MAX);
        // A payment is kept as long as it can be refunded, the days of its own key's window (by
        // whose time it is sorted) and the day that is not over more; so a void that came first
        // is kept as long as its payment may come.
        let days = u64::from(self.terms.refund_days.saturating_add(1));
        let kept = days.saturating_mul(86_400_000).saturating_add(WINDOW_BACK_MS);
        let kept = before(kept).payment();
        self.payments.remove_some_below(&kept, FORGET_MAX);
        self.rewards.remove_some_below(&kept, FORGET_MAX);
        self.forget_redemptions(time);
        self.forget_requests(time, FORGET_MAX);
    }

    pub(super) fn plan_lapse(&self) -> Result<Plan, Refusal> {
        let mut postings = Vec::new();
        let (mut accounts, mut lots) = (0_usize, 0_usize);
        let today = (self.meta.day, AccountId([0; 16]));
        for ((_, account), ()) in self.expiring.range(..today) {
            let expired = self.expired_lots(account);
            lots = lots.saturating_add(expired.len());
            if accounts >= LAPSE_ACCOUNTS_MAX || (lots > LAPSE_LOTS_MAX && accounts > 0) {
                break;
            }
            accounts = accounts.saturating_add(1);
            lapse_of(*account, expired, &mut postings);
        }
        if accounts == 0 {
            return Err(Refusal::NothingDue);
        }
        Postings::balanced(postings).map(Plan::moving).ok_or(Refusal::TooManyPoints)
    }

    fn expired_lots(&self, account: &AccountId) -> Vec<Lot> {
        let lots = self.holders.get(account).map(|holder| holder.lots.iter());
        lots.into_iter().flatten().filter(|lot| !lot.terms.spendable_on(self.meta.day)).collect()
    }

    pub(super) fn plan_hash(&self, hash: Digest) -> Result<Plan, Refusal> {
        if self.hash_at(self.meta.next) == Some(hash) {
            Ok(Plan::FACT)
        } else {
            Err(Refusal::NotWellFormed)
        }
    }
}

/// The postings that lapse some lots of one account.
fn lapse_of(holder: AccountId, lots: Vec<Lot>, postings: &mut Vec<Posting>) {
    for lot in &lots {
        credit(lapsed(&lot.terms), lot.points, postings);
    }
    postings.push(Posting::Lots { holder, side: Side::Debit, lots });
}

/// Credits an account, in the posting that credits it already if there is one.
pub(super) fn credit(to: Account, more: Points, postings: &mut Vec<Posting>) {
    for posting in postings.iter_mut() {
        if let Posting::Book { account, side: Side::Credit, points } = posting
            && *account == to
            && let Some(sum) = points.plus(more)
        {
            *points = sum;
            return;
        }
    }
    postings.push(Posting::Book { account: to, side: Side::Credit, points: more });
}
