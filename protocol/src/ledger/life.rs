//! The life of an account: moving in and away, closing, death, legal hold, erasure.

use alloc::vec::Vec;

use super::{Broken, HoldState, Ledger, Plan, lapse};
use crate::{
    account::{HolderState, Side},
    command::{
        AccountClosing, Actor, ClassChange, ERASED_AT_ONCE_MAX, Erasure, ErasureReason, Estate,
        HEIRS_MAX, LegalHold, LegalHoldChange, Reissue,
    },
    date::{BusinessDate, FiscalYear},
    entry::Entry,
    id::{AccountId, EntryIndex},
    ledger::check::{may_receive, may_spend},
    lot::{Added, Lot},
    points::Points,
    posting::{Posting, Postings},
    refusal::Refusal,
    terms::{Heirs, Retention},
    transfer::OutgoingStage,
};

impl Ledger {
    /// Refuses the end of an account whose balance is not decided: what is in it has to be given
    /// up by its holder's word, and what waits or is on the way has to come first.
    pub(super) fn may_end(&self, account: &AccountId, given_up: Points) -> Result<(), Refusal> {
        let holder = self.holders.get(account).ok_or(Refusal::UnknownAccount)?;
        let points = self.pending_of(account);
        if !points.is_zero() {
            return Err(Refusal::PointsWait { points });
        }
        let held = holder.lots.spendable(self.meta.day);
        if held == given_up { Ok(()) } else { Err(Refusal::BalanceNotDecided { held }) }
    }

    /// Points of an account that are neither in its balance nor gone: no town chosen yet, on the
    /// way to another town or to a street's card, held ready by a file, reserved.
    #[must_use]
    pub fn pending_of(&self, account: &AccountId) -> Points {
        let leaving = self.outgoing.iter().filter(|(_, outgoing)| {
            outgoing.account() == Some(*account)
                && matches!(outgoing.stage, OutgoingStage::Waiting { .. })
        });
        let leaving = leaving.map(|(_, outgoing)| outgoing.points);
        let held = self.holds.iter().filter_map(|(_, hold)| match &hold.state {
            HoldState::Held(held) if held.account == *account => Some(held.points()),
            HoldState::Held(_)
            | HoldState::Captured(_)
            | HoldState::Released
            | HoldState::Returned { .. } => None,
        });
        let pending = [
            Some(self.unassigned_sum(account)),
            Points::sum(leaving),
            Points::sum(self.pending_for(account)),
            self.charging(account),
            Points::sum(held),
        ];
        Points::sum(pending.into_iter().map(|sum| sum.unwrap_or(Points::MAX)))
            .unwrap_or(Points::MAX)
    }

    /// What an account converted, and has chosen no town for.
    pub(super) fn unassigned_sum(&self, account: &AccountId) -> Points {
        let waiting = self.conversions_of(account).map(|(_, waits)| waits.lot.points);
        Points::sum(waiting).unwrap_or(Points::MAX)
    }

    pub(super) fn plan_account_end(&self, closing: &AccountClosing) -> Result<Plan, Refusal> {
        let holder = self.holders.get(&closing.account).ok_or(Refusal::UnknownAccount)?;
        match closing.actor {
            // A frozen account is ended at the desk, where its holder is seen.
            Actor::Holder | Actor::Node => may_spend(holder.state)?,
            Actor::Officer(_) => may_receive(holder.state)?,
        }
        self.may_end(&closing.account, closing.forfeit)?;
        let mut postings = Vec::new();
        give_up(closing.account, holder.lots.iter().collect(), &mut postings);
        Postings::balanced(postings).map(Plan::moving).ok_or(Refusal::TooManyPoints)
    }

    pub(super) fn apply_account_end(&mut self, account: AccountId) -> Result<(), Broken> {
        let day = self.meta.day;
        let holder = self.holders.get_mut(&account).ok_or(Broken::Unknown)?;
        holder.state = HolderState::Closed;
        holder.preset = None;
        self.ended.insert(account, day);
        self.library_account_ended(account);
        Ok(())
    }

    pub(super) fn plan_estate(&self, estate: &Estate) -> Result<Plan, Refusal> {
        let holder = self.holders.get(&estate.account).ok_or(Refusal::UnknownAccount)?;
        if holder.state != HolderState::Deceased {
            return Err(Refusal::NotDeceased);
        }
        let shares = &estate.shares;
        let twice = shares.iter().enumerate().any(|(at, share)| {
            share.heir == estate.account
                || share.points.is_zero()
                || shares.iter().take(at).any(|earlier| earlier.heir == share.heir)
        });
        if shares.len() > HEIRS_MAX || twice {
            return Err(Refusal::NotWellFormed);
        }
        if !shares.is_empty() && self.terms.heirs() == Heirs::None {
            return Err(Refusal::HeirsNotAllowed);
        }
        let given = shares.iter().map(|share| share.points).chain([estate.forfeit]);
        self.may_end(&estate.account, Points::sum(given).ok_or(Refusal::TooManyPoints)?)?;
        let today = self.meta.day;
        let mut left = holder.lots.clone();
        let mut postings = Vec::new();
        for share in shares {
            let heir = self.holders.get(&share.heir).ok_or(Refusal::UnknownAccount)?;
            may_receive(heir.state)?;
            let lots = left.take(share.points, today, |_| true);
            let lots = lots.ok_or(Refusal::TooManyPoints)?;
            let mut after = heir.lots.clone();
            for lot in &lots {
                if after.full_for(&lot.terms, today) {
                    return Err(Refusal::TooManyLots);
                }
                if after.add(*lot) == Added::TooLarge {
                    return Err(Refusal::TooManyPoints);
                }
                left.remove(*lot).ok_or(Refusal::TooManyPoints)?;
            }
            let out =
                Posting::Lots { holder: estate.account, side: Side::Debit, lots: lots.clone() };
            postings.push(out);
            postings.push(Posting::Lots { holder: share.heir, side: Side::Credit, lots });
        }
        give_up(estate.account, left.iter().collect(), &mut postings);
        Postings::balanced(postings).map(Plan::moving).ok_or(Refusal::TooManyPoints)
    }

    pub(super) fn plan_class(&self, change: &ClassChange) -> Result<Plan, Refusal> {
        let holder = self.holders.get(&change.account).ok_or(Refusal::UnknownAccount)?;
        may_receive(holder.state)?;
        Ok(Plan::FACT)
    }

    pub(super) fn apply_class(&mut self, change: &ClassChange) -> Result<(), Broken> {
        self.holders.get_mut(&change.account).ok_or(Broken::Unknown)?.class = change.class;
        Ok(())
    }

    pub(super) fn plan_sign_in_reissue(&self, reissue: &Reissue) -> Result<Plan, Refusal> {
        let holder = self.holders.get(&reissue.account).ok_or(Refusal::UnknownAccount)?;
        may_receive(holder.state)?;
        Ok(Plan::FACT)
    }

    pub(super) fn plan_legal_hold(&self, change: &LegalHoldChange) -> Result<Plan, Refusal> {
        if !self.holders.contains(&change.account) {
            return Err(Refusal::UnknownAccount);
        }
        if self.erased.contains(&change.account) {
            return Err(Refusal::AccountErased);
        }
        match (change.hold, self.legal_holds.contains(&change.account)) {
            (LegalHold::Kept, true) => Err(Refusal::Exists),
            (LegalHold::Over, false) => Err(Refusal::NothingDue),
            (LegalHold::Kept, false) | (LegalHold::Over, true) => Ok(Plan::FACT),
        }
    }

    pub(super) fn apply_legal_hold(&mut self, index: EntryIndex, change: &LegalHoldChange) {
        match change.hold {
            LegalHold::Kept => {
                self.legal_holds.insert(change.account, index);
            }
            LegalHold::Over => {
                self.legal_holds.remove(&change.account);
            }
        }
    }

    pub(super) fn plan_erasure(&self, erasure: &Erasure) -> Result<Plan, Refusal> {
        let accounts = &erasure.accounts;
        let in_order = accounts.is_sorted_by(|earlier, later| earlier < later);
        if accounts.is_empty() || accounts.len() > ERASED_AT_ONCE_MAX || !in_order {
            return Err(Refusal::NotWellFormed);
        }
        for account in accounts {
            let holder = self.holders.get(account).ok_or(Refusal::UnknownAccount)?;
            if self.erased.contains(account) {
                return Err(Refusal::AccountErased);
            }
            if holder.state != HolderState::Closed {
                return Err(Refusal::AccountNotEnded);
            }
            if self.legal_holds.contains(account) {
                return Err(Refusal::UnderLegalHold);
            }
            match (erasure.reason, self.kept_until(account)) {
                (ErasureReason::RetentionOver, Some(until)) if until >= self.meta.day => {
                    return Err(Refusal::RetentionRuns { until });
                }
                (
                    ErasureReason::RetentionOver | ErasureReason::Asked | ErasureReason::Ordered,
                    _,
                ) => {}
            }
        }
        Ok(Plan::FACT)
    }

    pub(super) fn apply_erasure(&mut self, entry: &Entry, erasure: &Erasure) {
        for account in &erasure.accounts {
            self.erased.insert(*account, entry.index);
        }
    }

    /// The last day on which the data of an ended account are kept by the town's rule: so many
    /// years behind the fiscal year in which it ended; none for an account that has not ended.
    #[must_use]
    pub fn kept_until(&self, account: &AccountId) -> Option<BusinessDate> {
        let ended = self.ended.get(account)?;
        let Retention { resident_years, visitor_years } = self.terms.retention();
        let years = match self.holders.get(account)?.class {
            crate::account::HolderClass::Resident => resident_years,
            crate::account::HolderClass::Visitor => visitor_years,
        };
        Some(FiscalYear(ended.fiscal_year().0.saturating_add(years)).last_day())
    }

    /// Ended accounts whose data the town keeps no longer and nobody holds, in order.
    pub fn retention_over(&self) -> impl Iterator<Item = AccountId> {
        let today = self.meta.day;
        let ended = self.ended.iter().map(|(account, _)| *account);
        ended.filter(move |account| {
            !self.erased.contains(account)
                && !self.legal_holds.contains(account)
                && self.kept_until(account).is_some_and(|until| until < today)
        })
    }

    /// Everybody whose data were erased, with the entry that says so.
    pub fn erased(&self) -> impl Iterator<Item = (&AccountId, &EntryIndex)> {
        self.erased.iter()
    }

    /// Whether the data behind an account were erased.
    #[must_use]
    pub fn is_erased(&self, account: &AccountId) -> bool {
        self.erased.contains(account)
    }

    /// Whether the data behind an account are kept for a court or an authority.
    #[must_use]
    pub fn is_held(&self, account: &AccountId) -> bool {
        self.legal_holds.contains(account)
    }
}

/// The postings by which lots lapse, since nobody has them from now on.
fn give_up(holder: AccountId, lots: Vec<Lot>, postings: &mut Vec<Posting>) {
    for lot in &lots {
        lapse::credit(lapse::lapsed(&lot.terms), lot.points, postings);
    }
    postings.push(Posting::Lots { holder, side: Side::Debit, lots });
}
