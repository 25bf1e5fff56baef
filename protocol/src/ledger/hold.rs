//! What becomes of a hold: captured in part or whole, released, refunded behind the capture.

use alloc::vec::Vec;

use super::{
    Broken, Ledger, Plan, Taken,
    order::{Captured, Held, Hold, HoldState},
    payment::{may_still_come, refund_until},
    refund::last_taken_first,
};
use crate::{
    account::{Account, Side},
    date::Time,
    entry::Effect,
    id::{HoldId, SiteId},
    lot::Lot,
    order::{CaptureRefundStatement, CaptureStatement, ReleaseStatement},
    points::Points,
    posting::{Posting, Postings},
    refusal::Refusal,
};

/// The first-taken lots up to so many points, and the rest.
fn split(lots: &[Lot], points: Points) -> (Vec<Lot>, Vec<Lot>) {
    let (mut first, mut rest) = (Vec::new(), Vec::new());
    let mut wanted = points;
    for lot in lots {
        let part = lot.points.min(wanted);
        wanted = wanted.minus(part).unwrap_or(Points::ZERO);
        let left = lot.points.minus(part).unwrap_or(Points::ZERO);
        if !part.is_zero() {
            first.push(Lot { terms: lot.terms, points: part });
        }
        if !left.is_zero() {
            rest.push(Lot { terms: lot.terms, points: left });
        }
    }
    (first, rest)
}

impl Ledger {
    /// A site's own hold.
    fn hold_of(&self, site: SiteId, id: &HoldId) -> Result<&Hold, Refusal> {
        let hold = self.holds.get(id).ok_or(Refusal::UnknownHold)?;
        if hold.site == site { Ok(hold) } else { Err(Refusal::NotYourHold) }
    }

    pub(super) fn plan_capture(&self, capture: &CaptureStatement) -> Result<Plan, Refusal> {
        if capture.town != self.meta.town {
            return Err(Refusal::NotThisTown);
        }
        let hold = self.hold_of(capture.site, &capture.hold)?;
        let site = self.site_in_use(capture.site)?;
        let held = match &hold.state {
            HoldState::Held(held) => held,
            HoldState::Captured(_) => return Err(Refusal::HoldCaptured),
            HoldState::Released => return Err(Refusal::HoldReleased),
            HoldState::Returned { last } => return Err(Refusal::HoldOver { last: *last }),
        };
        if capture.points.is_zero() {
            return Err(Refusal::NoPoints);
        }
        // Behind its last day it is over, also before the job has given it back.
        if self.meta.day > held.last_day {
            return Err(Refusal::HoldOver { last: held.last_day });
        }
        self.campaign_reached(capture.site, held)?;
        if capture.points > held.points() {
            return Err(Refusal::OverHold { held: held.points() });
        }
        let (_, rest) = split(&held.lots, capture.points);
        let from = Account::Hold(capture.site);
        let mut postings = alloc::vec![
            Posting::Book { account: from, side: Side::Debit, points: capture.points },
            Posting::Book {
                account: Account::Merchant(site.merchant),
                side: Side::Credit,
                points: capture.points,
            },
        ];
        postings.extend(self.returned(held.account, rest.into_iter().rev(), from));
        Postings::balanced(postings).map(Plan::moving).ok_or(Refusal::TooManyPoints)
    }

    pub(super) fn apply_capture(&mut self, capture: &CaptureStatement) -> Result<(), Broken> {
        let merchant = self.sites.get(&capture.site).ok_or(Broken::Unknown)?.merchant;
        let day = self.meta.day;
        let held = self.end_hold(&capture.hold, |held| {
            HoldState::Captured(Captured {
                account: held.account,
                merchant,
                day,
                lots: split(&held.lots, capture.points).0,
                refunded: Points::ZERO,
                card_yen: capture.card_yen,
            })
        })?;
        let back = held.points().minus(capture.points).ok_or(Broken::Balance)?;
        self.give_limit_back(&held, back)?;
        self.shop_took(merchant, day, Taken::Order, capture.points)
    }

    pub(super) fn plan_release(
        &self,
        time: Time,
        release: &ReleaseStatement,
    ) -> Result<Plan, Refusal> {
        if release.town != self.meta.town {
            return Err(Refusal::NotThisTown);
        }
        if !self.holds.contains(&release.hold) && may_still_come(time, &release.hold.0) {
            // It will find itself released.
            return Ok(Plan::FACT);
        }
        let hold = self.hold_of(release.site, &release.hold)?;
        match &hold.state {
            HoldState::Held(held) => {
                let back = held.lots.iter().rev().copied();
                let postings = self.returned(held.account, back, Account::Hold(release.site));
                Postings::balanced(postings).map(Plan::moving).ok_or(Refusal::TooManyPoints)
            }
            HoldState::Captured(_) => Err(Refusal::HoldCaptured),
            HoldState::Released => Err(Refusal::HoldReleased),
            HoldState::Returned { last } => Err(Refusal::HoldOver { last: *last }),
        }
    }

    pub(super) fn apply_release(&mut self, release: &ReleaseStatement) -> Result<(), Broken> {
        if !self.holds.contains(&release.hold) {
            let tombstone = Hold { site: release.site, state: HoldState::Released };
            self.holds.insert(release.hold, tombstone);
            return Ok(());
        }
        let held = self.end_hold(&release.hold, |_| HoldState::Released)?;
        self.give_limit_back(&held, held.points())
    }

    pub(super) fn plan_capture_refund(
        &self,
        refund: &CaptureRefundStatement,
    ) -> Result<Plan, Refusal> {
        if refund.town != self.meta.town {
            return Err(Refusal::NotThisTown);
        }
        let captured = match &self.hold_of(refund.site, &refund.hold)?.state {
            HoldState::Captured(captured) => captured,
            HoldState::Held(_) => return Err(Refusal::NotCaptured),
            HoldState::Released => return Err(Refusal::HoldReleased),
            HoldState::Returned { last } => return Err(Refusal::HoldOver { last: *last }),
        };
        if refund.points.is_zero() {
            return Err(Refusal::NoPoints);
        }
        let last = refund_until(captured.day, self.terms.refund_days);
        if self.meta.day > last {
            return Err(Refusal::RefundWindowOver { last });
        }
        let left = captured.points().minus(captured.refunded).unwrap_or(Points::ZERO);
        if refund.points > left {
            return Err(Refusal::OverRefunded { left });
        }
        let back = last_taken_first(&captured.lots, captured.refunded, refund.points);
        let from = self.shop_gives_from(captured.merchant, captured.day);
        let postings = self.returned(captured.account, back, from);
        Postings::balanced(postings).map(Plan::moving).ok_or(Refusal::TooManyPoints)
    }

    pub(super) fn apply_capture_refund(
        &mut self,
        refund: &CaptureRefundStatement,
        effect: &Effect,
    ) -> Result<(), Broken> {
        let hold = self.holds.get_mut(&refund.hold).ok_or(Broken::Unknown)?;
        let HoldState::Captured(captured) = &mut hold.state else { return Err(Broken::Unknown) };
        captured.refunded = captured.refunded.plus(refund.points).ok_or(Broken::Balance)?;
        let (merchant, day) = (captured.merchant, captured.day);
        // What the shop gives back in cash is no posting, and stays owed to it.
        let back = effect.postings.taken_from(self.shop_gives_from(merchant, day));
        self.shop_gave_back(merchant, day, Taken::Order, back)
    }

    /// What comes back on the day of the hold gives the day's limit back, as a void does.
    fn give_limit_back(&mut self, held: &Held, back: Points) -> Result<(), Broken> {
        let today = self.meta.day;
        let holder = self.holders.get_mut(&held.account).ok_or(Broken::Unknown)?;
        if holder.spent_on == Some(today) && held.day == today {
            holder.spent = holder.spent.minus(back).ok_or(Broken::Balance)?;
        }
        Ok(())
    }

    /// Ends a hold; what was held comes back.
    pub(super) fn end_hold(
        &mut self,
        id: &HoldId,
        end: impl FnOnce(&Held) -> HoldState,
    ) -> Result<Held, Broken> {
        let hold = self.holds.get_mut(id).ok_or(Broken::Unknown)?;
        let HoldState::Held(held) = hold.state.clone() else { return Err(Broken::Unknown) };
        hold.state = end(&held);
        let site = hold.site;
        self.forget_hold(*id, site, &held);
        Ok(held)
    }
}
