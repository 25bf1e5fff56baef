//! Sites, their links, and holds: points reserved for an order or a pledge, captured or given back
//! (money-rules, Where points go, 5).

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use minicbor::{Decode, Encode};

use super::{Broken, Ledger, Plan, check::may_spend, payment::lots_taken};
use crate::{
    account::Account,
    command::{
        Consent, HOLD_DAYS_MAX, InUse, Reserved, SiteKind, SiteLink, SiteSetting, SiteUnlink,
    },
    date::{BusinessDate, Time},
    digest::Digest,
    entry::{Effect, Entry},
    id::{AccountId, HoldId, LinkId, MerchantId, SiteId},
    key::{ClientKey, WINDOW_BACK_MS},
    lot::{Lot, points_of},
    order::{CampaignId, HoldStatement},
    points::Points,
    posting::Postings,
    refusal::Refusal,
    terms::Method,
};

/// A hold, as long as it can be captured or refunded, and as long after that as its key or a late
/// capture may come.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Hold {
    /// The site.
    #[n(0)]
    pub site: SiteId,
    /// How it stands.
    #[n(1)]
    pub state: HoldState,
}

/// How a hold stands.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum HoldState {
    /// The points are reserved.
    #[n(0)]
    Held(#[n(0)] Held),
    /// Captured, and perhaps refunded in part or whole.
    #[n(1)]
    Captured(#[n(0)] Captured),
    /// Released, or refused in advance by a release that came before it.
    #[n(2)]
    Released,
    /// Given back by itself: behind its last day, or as its campaign failed.
    #[n(3)]
    Returned {
        /// Its last day.
        #[n(0)]
        last: BusinessDate,
    },
}

/// Reserved points.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Held {
    /// Whose.
    #[n(0)]
    pub account: AccountId,
    /// Since which day.
    #[n(1)]
    pub day: BusinessDate,
    /// The last day on which they can be captured.
    #[n(2)]
    pub last_day: BusinessDate,
    /// What was taken, in order.
    #[n(3)]
    pub lots: Vec<Lot>,
    /// The campaign that they are pledged to.
    #[n(4)]
    pub campaign: Option<CampaignId>,
    /// What the order costs in yen.
    #[n(5)]
    pub total_yen: Points,
    /// What of it is paid by card, in yen.
    #[n(6)]
    pub card_yen: Points,
}

impl Held {
    /// How many points.
    #[must_use]
    pub fn points(&self) -> Points {
        points_of(&self.lots)
    }
}

/// Captured points.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Captured {
    /// Whose they were.
    #[n(0)]
    pub account: AccountId,
    /// The shop that got them.
    #[n(1)]
    pub merchant: MerchantId,
    /// On which day.
    #[n(2)]
    pub day: BusinessDate,
    /// What was captured, in the order in which it was taken.
    #[n(3)]
    pub lots: Vec<Lot>,
    /// How much of it was refunded.
    #[n(4)]
    pub refunded: Points,
    /// What was paid by card beside them, in yen.
    #[n(5)]
    pub card_yen: Points,
}

impl Captured {
    /// How many points.
    #[must_use]
    pub fn points(&self) -> Points {
        points_of(&self.lots)
    }
}

/// A link of a holder to a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct SiteLinked {
    /// Whose.
    #[n(0)]
    pub account: AccountId,
    /// To which site.
    #[n(1)]
    pub site: SiteId,
    /// What the site calls the holder.
    #[n(2)]
    pub link: LinkId,
    /// Orders up to so many points need no confirmation.
    #[n(3)]
    pub standing: Option<Points>,
}

/// What is found by another way than the key; made from the rest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Ordered {
    /// Links by holder and site.
    links: BTreeMap<(AccountId, SiteId), Digest>,
    /// Reserved points by their last day.
    pub(super) ends: BTreeSet<(BusinessDate, HoldId)>,
    /// Reserved points by holder.
    of: BTreeSet<(AccountId, HoldId)>,
    /// Pledges by campaign.
    pub(super) pledges: BTreeSet<(Digest, HoldId)>,
    /// Campaigns that failed, and whose pledges are not all back.
    pub(super) failed: BTreeSet<Digest>,
}

/// Where a link of a site is kept.
fn site_link_key(site: SiteId, link: &LinkId) -> Digest {
    Digest::of(&[b"jichi/site-link/v1", &[0], &site.0.to_be_bytes(), &link.0])
}

impl Ledger {
    pub(super) fn plan_site(&self, setting: &SiteSetting) -> Result<Plan, Refusal> {
        if !self.merchants.contains(&setting.merchant) {
            return Err(Refusal::UnknownMerchant);
        }
        // What was captured for one shop is not refunded by another.
        if self.sites.get(&setting.site).is_some_and(|site| site.merchant != setting.merchant) {
            return Err(Refusal::Exists);
        }
        if setting.hold_days == 0 || setting.hold_days > HOLD_DAYS_MAX {
            return Err(Refusal::NotWellFormed);
        }
        Ok(Plan::FACT)
    }

    pub(super) fn plan_site_link(&self, link: &SiteLink) -> Result<Plan, Refusal> {
        let site = self.sites.get(&link.site).ok_or(Refusal::UnknownSite)?;
        if site.state == InUse::Suspended {
            return Err(Refusal::SiteSuspended);
        }
        let holder = self.holders.get(&link.account).ok_or(Refusal::UnknownAccount)?;
        may_spend(holder.state)?;
        let taken = self.site_links.get(&site_link_key(link.site, &link.link));
        if taken.is_some_and(|taken| taken.account != link.account) {
            return Err(Refusal::LinkTaken);
        }
        Ok(Plan::FACT)
    }

    pub(super) fn apply_site_link(&mut self, link: &SiteLink) {
        let key = site_link_key(link.site, &link.link);
        let pair = (link.account, link.site);
        if let Some(former) = self.ordered.links.insert(pair, key)
            && former != key
        {
            self.site_links.remove(&former);
        }
        let SiteLink { account, site, link, standing } = *link;
        self.site_links.insert(key, SiteLinked { account, site, link, standing });
    }

    pub(super) fn plan_site_unlink(&self, unlink: &SiteUnlink) -> Result<Plan, Refusal> {
        let linked = self.ordered.links.contains_key(&(unlink.account, unlink.site));
        if linked { Ok(Plan::FACT) } else { Err(Refusal::SiteNotLinked) }
    }

    pub(super) fn apply_site_unlink(&mut self, unlink: &SiteUnlink) -> Result<(), Broken> {
        let key = self.ordered.links.remove(&(unlink.account, unlink.site));
        self.site_links.remove(&key.ok_or(Broken::Unknown)?);
        Ok(())
    }

    pub(super) fn plan_hold(
        &self,
        statement: &HoldStatement,
        reserved: &Reserved,
    ) -> Result<Plan, Refusal> {
        if statement.town != self.meta.town {
            return Err(Refusal::NotThisTown);
        }
        let site = self.site_in_use(statement.site)?;
        let merchant = self.merchants.get(&site.merchant).ok_or(Refusal::UnknownMerchant)?;
        if merchant.state == InUse::Suspended {
            return Err(Refusal::MerchantSuspended);
        }
        let linked = self.site_link(statement.site, &statement.link);
        let linked = linked.filter(|linked| linked.account == reserved.account);
        let linked = linked.ok_or(Refusal::SiteNotLinked)?;
        let holder = self.holders.get(&reserved.account).ok_or(Refusal::UnknownAccount)?;
        may_spend(holder.state)?;
        if statement.points.is_zero() {
            return Err(Refusal::NoPoints);
        }
        self.well_formed_hold(site, statement)?;
        let method = match reserved.consent {
            Consent::Confirmed(method) => method,
            Consent::Standing => {
                let limit = linked.standing.unwrap_or(Points::ZERO);
                if statement.points > limit {
                    return Err(Refusal::OverStandingLimit { limit });
                }
                // The link was made by who signed in.
                Method::Password
            }
        };
        self.within_limits(&reserved.account, method, statement.points)?;
        if self.holds.contains(&statement.key.hold()) {
            // Nothing but a release that came first makes a hold whose key is new.
            return Err(Refusal::HoldReleased);
        }
        let today = self.meta.day;
        let taken = holder.lots.take(statement.points, today, |_| true);
        let (held, asked) = (holder.lots.spendable(today), statement.points);
        let taken = taken.ok_or(Refusal::ShortOfPoints { held, asked })?;
        Postings::out_of(reserved.account, taken, Account::Hold(statement.site))
            .map(Plan::moving)
            .ok_or(Refusal::TooManyPoints)
    }

    /// Whether a hold would be done now.
    ///
    /// # Errors
    /// The [`Refusal`] that the hold itself would get.
    pub fn preview_hold(
        &self,
        statement: &HoldStatement,
        reserved: &Reserved,
    ) -> Result<(), Refusal> {
        self.plan_hold(statement, reserved).map(|_| ())
    }

    pub(super) fn site_in_use(&self, site: SiteId) -> Result<&SiteSetting, Refusal> {
        let site = self.sites.get(&site).ok_or(Refusal::UnknownSite)?;
        match site.state {
            InUse::Active => Ok(site),
            InUse::Suspended => Err(Refusal::SiteSuspended),
        }
    }

    fn well_formed_hold(&self, site: &SiteSetting, hold: &HoldStatement) -> Result<(), Refusal> {
        let parts = hold.points.plus(hold.card_yen);
        let pledge_at_shop = site.kind == SiteKind::Shop && hold.campaign.is_some();
        if parts.is_none_or(|parts| parts > hold.total_yen) || pledge_at_shop {
            return Err(Refusal::NotWellFormed);
        }
        let last = self.meta.day.plus_days(site.hold_days);
        if hold.last_day < self.meta.day || hold.last_day > last {
            return Err(Refusal::HoldDate { last });
        }
        match &hold.campaign {
            Some(campaign) if self.campaign(hold.site, campaign).is_some_and(|c| c.is_closed()) => {
                Err(Refusal::CampaignClosed)
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The limits of a payment hold for what is reserved, too.
    fn within_limits(
        &self,
        account: &AccountId,
        method: Method,
        points: Points,
    ) -> Result<(), Refusal> {
        let limit = self.terms.limit(method);
        if points > limit.payment {
            return Err(Refusal::OverPaymentLimit { limit: limit.payment });
        }
        let holder = self.holders.get(account).ok_or(Refusal::UnknownAccount)?;
        let spent = holder.spent_on(self.meta.day);
        if spent.plus(points).is_none_or(|sum| sum > limit.day) {
            let left = limit.day.minus(spent).unwrap_or(Points::ZERO);
            return Err(Refusal::OverDayLimit { left });
        }
        Ok(())
    }

    pub(super) fn apply_hold(
        &mut self,
        entry: &Entry,
        statement: &HoldStatement,
        account: AccountId,
        effect: &Effect,
    ) -> Result<(), Broken> {
        let today = entry.time.date();
        let holder = self.holders.get_mut(&account).ok_or(Broken::Unknown)?;
        // The day's limit bounds the sum.
        holder.spent = holder.spent_on(today).plus(statement.points).ok_or(Broken::Balance)?;
        holder.spent_on = Some(today);
        let held = Held {
            account,
            day: today,
            last_day: statement.last_day,
            lots: lots_taken(effect),
            campaign: statement.campaign.clone(),
            total_yen: statement.total_yen,
            card_yen: statement.card_yen,
        };
        if let Some(campaign) = &statement.campaign {
            self.open_campaign(statement.site, campaign);
        }
        let id = statement.key.hold();
        self.note_hold(id, statement.site, &held);
        self.holds.insert(id, Hold { site: statement.site, state: HoldState::Held(held) });
        Ok(())
    }

    /// Forgets what ended so long ago that neither its key nor a refund nor a late capture is
    /// told anything by it. What is still reserved stays, whatever its age.
    pub(super) fn forget_old_holds(&mut self, time: Time) {
        let days = self.terms.refund_days.saturating_add(HOLD_DAYS_MAX).saturating_add(1);
        let kept = u64::from(days).saturating_mul(86_400_000).saturating_add(WINDOW_BACK_MS);
        let floor = ClientKey::floor(Time(time.0.saturating_sub(kept))).hold();
        let over = self.holds.range(..floor);
        let over = over.filter(|(_, hold)| !matches!(hold.state, HoldState::Held(_)));
        let over: Vec<HoldId> = over.map(|(id, _)| *id).collect();
        for id in over {
            self.holds.remove(&id);
        }
    }

    fn note_hold(&mut self, id: HoldId, site: SiteId, held: &Held) {
        self.ordered.ends.insert((held.last_day, id));
        self.ordered.of.insert((held.account, id));
        if let Some(campaign) = &held.campaign {
            self.note_pledge(id, site, campaign);
        }
    }

    pub(super) fn forget_hold(&mut self, id: HoldId, site: SiteId, held: &Held) {
        self.ordered.ends.remove(&(held.last_day, id));
        self.ordered.of.remove(&(held.account, id));
        if let Some(campaign) = &held.campaign {
            self.forget_pledge(id, site, campaign);
        }
    }

    /// Makes what is found by another way than the key.
    pub(super) fn derive_orders(&mut self) {
        self.ordered = Ordered::default();
        for (key, linked) in self.site_links.iter() {
            self.ordered.links.insert((linked.account, linked.site), *key);
        }
        let held = |(id, hold): (&HoldId, &Hold)| match &hold.state {
            HoldState::Held(held) => Some((*id, hold.site, held.clone())),
            HoldState::Captured(_) | HoldState::Released | HoldState::Returned { .. } => None,
        };
        let all: Vec<_> = self.holds.iter().filter_map(held).collect();
        for (id, site, held) in all {
            self.note_hold(id, site, &held);
        }
    }

    /// A site.
    #[must_use]
    pub fn site(&self, site: &SiteId) -> Option<&SiteSetting> {
        self.sites.get(site)
    }

    /// The sites in order.
    pub fn sites(&self) -> impl Iterator<Item = &SiteSetting> {
        self.sites.iter().map(|(_, setting)| setting)
    }

    /// Whom a site means by a link.
    #[must_use]
    pub fn site_link(&self, site: SiteId, link: &LinkId) -> Option<&SiteLinked> {
        self.site_links.get(&site_link_key(site, link))
    }

    /// The sites that a holder has linked, in order.
    pub fn sites_of(&self, account: &AccountId) -> impl Iterator<Item = &SiteLinked> {
        let range = (*account, SiteId(0))..=(*account, SiteId(u32::MAX));
        self.ordered.links.range(range).filter_map(|(_, key)| self.site_links.get(key))
    }

    /// A hold.
    #[must_use]
    pub fn hold(&self, id: &HoldId) -> Option<&Hold> {
        self.holds.get(id)
    }

    /// What of a holder's points is reserved, in order of the holds.
    pub fn held_of(&self, account: &AccountId) -> impl Iterator<Item = (&HoldId, SiteId, &Held)> {
        let range = (*account, HoldId([0; 16]))..=(*account, HoldId([0xff; 16]));
        let holds = self.ordered.of.range(range);
        holds.filter_map(|(_, id)| {
            let hold = self.holds.get(id)?;
            match &hold.state {
                HoldState::Held(held) => Some((id, hold.site, held)),
                HoldState::Captured(_) | HoldState::Released | HoldState::Returned { .. } => None,
            }
        })
    }
}
