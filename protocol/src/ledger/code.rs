//! Grant codes: a campaign gives so many points to each holder who shows its code, once, and no
//! oftener in all than it says.

use minicbor::{Decode, Encode};

use super::{Broken, Ledger, Plan};
use crate::{
    command::{Campaign, CodePrivate, CodeShared, GrantPrivate, GrantShared},
    digest::Digest,
    id::{CampaignId, EntryIndex, OfficerId},
    programme::{GrantRule, Measure},
    refusal::Refusal,
};

/// A campaign, and how often its code was used.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct CampaignUse {
    /// The campaign.
    #[n(0)]
    pub campaign: Campaign,
    /// How often its code was used.
    #[n(1)]
    pub uses: u32,
}

impl Ledger {
    /// A campaign.
    #[must_use]
    pub fn campaign(&self, id: &CampaignId) -> Option<&CampaignUse> {
        self.campaigns.get(id)
    }

    /// The campaigns, in order of their ids.
    pub fn campaigns(&self) -> impl Iterator<Item = &CampaignUse> {
        self.campaigns.iter().map(|(_, campaign)| campaign)
    }

    pub(super) fn plan_campaign(&self, campaign: &Campaign) -> Result<Plan, Refusal> {
        if campaign.points.is_zero() {
            return Err(Refusal::NoPoints);
        }
        let programme =
            self.programmes.get(&campaign.programme).ok_or(Refusal::UnknownProgramme)?;
        if programme.rule != Some(GrantRule::Code) {
            return Err(Refusal::WrongRule);
        }
        if campaign.points > programme.two_officers_above {
            return Err(Refusal::SecondOfficerNeeded { above: programme.two_officers_above });
        }
        let known = self.campaigns.get(&campaign.id);
        let moved = known.is_some_and(|it| {
            it.campaign.programme != campaign.programme || campaign.uses_max < it.uses
        });
        // A campaign can be ended early by a last day that is over; it does not begin so.
        let over = known.is_none() && campaign.last_day < self.meta.day;
        if moved || over || (known.is_none() && campaign.uses_max == 0) {
            return Err(Refusal::NotWellFormed);
        }
        Ok(Plan::FACT)
    }

    pub(super) fn apply_campaign(&mut self, campaign: &Campaign) {
        let uses = self.campaigns.get(&campaign.id).map_or(0, |it| it.uses);
        let changed = CampaignUse { campaign: campaign.clone(), uses };
        self.campaigns.insert(campaign.id, changed);
    }

    pub(super) fn plan_code(
        &self,
        shared: &CodeShared,
        private: &CodePrivate,
    ) -> Result<Plan, Refusal> {
        let known = self.campaigns.get(&shared.campaign).ok_or(Refusal::UnknownCampaign)?;
        let (campaign, today) = (&known.campaign, self.meta.day);
        if today > campaign.last_day {
            return Err(Refusal::CodeOver { last: campaign.last_day });
        }
        let (shared, private) = as_grant(campaign, private);
        if let Some(first) = self.granted_before(&shared, &private) {
            return Err(Refusal::CodeUsed { first });
        }
        if known.uses >= campaign.uses_max {
            return Err(Refusal::CodeFull);
        }
        self.plan_grant(&shared, &private)
    }

    pub(super) fn apply_code(
        &mut self,
        index: EntryIndex,
        shared: &CodeShared,
        private: &CodePrivate,
    ) -> Result<(), Broken> {
        let known = self.campaigns.get_mut(&shared.campaign).ok_or(Broken::Unknown)?;
        known.uses = known.uses.saturating_add(1);
        let (shared, private) = as_grant(&known.campaign, private);
        self.apply_grant(index, &shared, &private);
        Ok(())
    }
}

/// The use of a code as the grant that it is. No officer gives it.
fn as_grant(campaign: &Campaign, holder: &CodePrivate) -> (GrantShared, GrantPrivate) {
    let shared = GrantShared { programme: campaign.programme, points: campaign.points };
    let private = GrantPrivate {
        account: holder.account,
        activity: Digest::of(&[b"jichi/code/v1", &[0], &campaign.id.0]),
        maker: OfficerId(0),
        attested: holder.attested,
        measure: Some(Measure::Code(campaign.id)),
    };
    (shared, private)
}
