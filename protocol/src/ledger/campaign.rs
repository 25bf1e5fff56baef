//! All-or-nothing campaigns, and the job that gives back what was reserved for nothing.

use alloc::vec::Vec;
use minicbor::{Decode, Encode};

use super::{
    Broken, Ledger, Plan,
    order::{Held, HoldState},
};
use crate::{
    account::Account,
    command::{Command, DayTurn, InUse, Nothing, SiteKind},
    digest::Digest,
    id::{HoldId, SiteId},
    key::JobKind,
    order::{CampaignId, CampaignOutcome, CampaignStatement},
    posting::Postings,
    refusal::Refusal,
};

/// Holds that one entry gives back at most.
const HOLDS_MAX: usize = 50;
/// Lots that one entry gives back at most, so that it stays below the size of an entry.
const LOTS_MAX: usize = 140;

/// A campaign, from its first pledge on.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Campaign {
    /// The site.
    #[n(0)]
    pub site: SiteId,
    /// The site's name for it.
    #[n(1)]
    pub campaign: CampaignId,
    /// How it ended; none while it runs.
    #[n(2)]
    pub outcome: Option<CampaignOutcome>,
}

impl Campaign {
    /// Whether it has ended.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.outcome.is_some()
    }
}

/// Where a campaign is kept.
fn campaign_key(site: SiteId, campaign: &CampaignId) -> Digest {
    let text = campaign.as_str().as_bytes();
    Digest::of(&[b"jichi/campaign/v1", &[0], &site.0.to_be_bytes(), text])
}

impl Ledger {
    /// A campaign of a site.
    #[must_use]
    pub fn campaign(&self, site: SiteId, campaign: &CampaignId) -> Option<&Campaign> {
        self.campaigns.get(&campaign_key(site, campaign))
    }

    pub(super) fn open_campaign(&mut self, site: SiteId, campaign: &CampaignId) {
        let key = campaign_key(site, campaign);
        if !self.campaigns.contains(&key) {
            let campaign = campaign.clone();
            self.campaigns.insert(key, Campaign { site, campaign, outcome: None });
        }
    }

    /// A pledge is captured only when its campaign has reached its goal.
    pub(super) fn campaign_reached(&self, site: SiteId, held: &Held) -> Result<(), Refusal> {
        let Some(campaign) = &held.campaign else { return Ok(()) };
        match self.campaign(site, campaign).and_then(|campaign| campaign.outcome) {
            Some(CampaignOutcome::Success) => Ok(()),
            Some(CampaignOutcome::Failure) => Err(Refusal::CampaignFailed),
            None => Err(Refusal::CampaignOpen),
        }
    }

    pub(super) fn plan_campaign_close(&self, close: &CampaignStatement) -> Result<Plan, Refusal> {
        if close.town != self.meta.town {
            return Err(Refusal::NotThisTown);
        }
        let site = self.sites.get(&close.site).ok_or(Refusal::UnknownSite)?;
        if site.kind == SiteKind::Shop {
            return Err(Refusal::NotWellFormed);
        }
        if site.state == InUse::Suspended && close.outcome == CampaignOutcome::Success {
            return Err(Refusal::SiteSuspended);
        }
        if self.campaign(close.site, &close.campaign).is_some_and(Campaign::is_closed) {
            return Err(Refusal::CampaignClosed);
        }
        Ok(Plan::FACT)
    }

    pub(super) fn apply_campaign_close(&mut self, close: &CampaignStatement) {
        let key = campaign_key(close.site, &close.campaign);
        let (site, campaign) = (close.site, close.campaign.clone());
        self.campaigns.insert(key, Campaign { site, campaign, outcome: Some(close.outcome) });
        if close.outcome == CampaignOutcome::Failure && self.first_pledge(&key).is_some() {
            self.ordered.failed.insert(key);
        }
    }

    fn first_pledge(&self, campaign: &Digest) -> Option<HoldId> {
        self.pledges_of(campaign).next()
    }

    fn pledges_of(&self, campaign: &Digest) -> impl Iterator<Item = HoldId> {
        let range = (*campaign, HoldId([0; 16]))..=(*campaign, HoldId([0xff; 16]));
        self.ordered.pledges.range(range).map(|(_, id)| *id)
    }

    pub(super) fn note_pledge(&mut self, id: HoldId, site: SiteId, campaign: &CampaignId) {
        let key = campaign_key(site, campaign);
        self.ordered.pledges.insert((key, id));
        let outcome = self.campaigns.get(&key).and_then(|campaign| campaign.outcome);
        if outcome == Some(CampaignOutcome::Failure) {
            self.ordered.failed.insert(key);
        }
    }

    pub(super) fn forget_pledge(&mut self, id: HoldId, site: SiteId, campaign: &CampaignId) {
        let key = campaign_key(site, campaign);
        self.ordered.pledges.remove(&(key, id));
        if self.first_pledge(&key).is_none() {
            self.ordered.failed.remove(&key);
        }
    }

    /// What the next entry of the job gives back: what is behind its last day, then the pledges of
    /// campaigns that failed.
    fn due_back(&self) -> Vec<(HoldId, SiteId, &Held)> {
        let overdue = self.ordered.ends.range(..(self.meta.day, HoldId([0; 16])));
        let overdue = overdue.map(|(_, id)| *id);
        let pledged = self.ordered.failed.iter().flat_map(|key| self.pledges_of(key));
        let mut lots = 0_usize;
        let mut due: Vec<(HoldId, SiteId, &Held)> = Vec::new();
        for id in overdue.chain(pledged) {
            // A pledge behind its last day stands in both.
            if due.iter().any(|(other, ..)| *other == id) {
                continue;
            }
            let Some(hold) = self.holds.get(&id) else { continue };
            let HoldState::Held(held) = &hold.state else { continue };
            lots = lots.saturating_add(held.lots.len());
            if due.len() >= HOLDS_MAX || (lots > LOTS_MAX && !due.is_empty()) {
                break;
            }
            due.push((id, hold.site, held));
        }
        due
    }

    pub(super) fn plan_return_holds(&self) -> Result<Plan, Refusal> {
        let mut postings = Vec::new();
        for (_, site, held) in self.due_back() {
            let back = held.lots.iter().rev().copied();
            postings.extend(self.returned(held.account, back, Account::Hold(site)));
        }
        if postings.is_empty() {
            return Err(Refusal::NothingDue);
        }
        Postings::balanced(postings).map(Plan::moving).ok_or(Refusal::TooManyPoints)
    }

    pub(super) fn apply_return_holds(&mut self) -> Result<(), Broken> {
        let due: Vec<HoldId> = self.due_back().into_iter().map(|(id, ..)| id).collect();
        for id in due {
            self.end_hold(&id, |held| HoldState::Returned { last: held.last_day })?;
        }
        Ok(())
    }

    /// The job that gives back, if anything is due.
    pub(super) fn due_return(&self) -> Option<(JobKind, Command)> {
        let date = self.meta.day;
        let overdue = self.ordered.ends.first().is_some_and(|(last, _)| *last < date);
        (overdue || !self.ordered.failed.is_empty())
            .then_some((JobKind::ReturnHolds, Command::ReturnHolds(DayTurn { date }, Nothing {})))
    }
}
