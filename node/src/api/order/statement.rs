//! The bodies of sites' requests, as the statements that they sign.

use jichi_protocol::{
    command::{SignedCampaignClose, SignedCapture, SignedCaptureRefund, SignedHold, SignedRelease},
    date::Time,
    id::{HoldId, SiteId, TownId},
    key::ClientKey,
    order::{
        CampaignId, CampaignOutcome, CampaignStatement, CaptureRefundStatement, CaptureStatement,
        HoldStatement, ReleaseStatement,
    },
};
use serde::Deserialize;

use crate::api::{
    payment::{points, signature},
    problem::Problem,
    resident::invalid,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HoldBody {
    link: String,
    points: u64,
    total_yen: u64,
    card_yen: u64,
    last_day: String,
    campaign: Option<String>,
    at: u64,
    signature: String,
}

impl HoldBody {
    pub(super) fn signed(
        &self,
        town: TownId,
        key: ClientKey,
        site: SiteId,
    ) -> Result<SignedHold, Problem> {
        let campaign = self.campaign.as_deref().map(str::parse).transpose();
        let statement = HoldStatement {
            town,
            key,
            site,
            link: self.link.parse().map_err(|_| invalid("link"))?,
            points: points(self.points)?,
            total_yen: points(self.total_yen)?,
            card_yen: points(self.card_yen)?,
            last_day: self.last_day.parse().map_err(|_| invalid("last_day"))?,
            campaign: campaign.map_err(|_| invalid("campaign"))?,
            at: Time(self.at),
        };
        Ok(SignedHold { statement, signature: signature(&self.signature)? })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CaptureBody {
    points: u64,
    card_yen: u64,
    at: u64,
    signature: String,
}

impl CaptureBody {
    pub(super) fn signed(
        &self,
        town: TownId,
        key: ClientKey,
        (site, hold): (SiteId, HoldId),
    ) -> Result<SignedCapture, Problem> {
        let (points, card_yen) = (points(self.points)?, points(self.card_yen)?);
        let at = Time(self.at);
        let statement = CaptureStatement { town, key, site, hold, points, card_yen, at };
        Ok(SignedCapture { statement, signature: signature(&self.signature)? })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReleaseBody {
    at: u64,
    signature: String,
}

impl ReleaseBody {
    pub(super) fn signed(
        &self,
        town: TownId,
        key: ClientKey,
        (site, hold): (SiteId, HoldId),
    ) -> Result<SignedRelease, Problem> {
        let statement = ReleaseStatement { town, key, site, hold, at: Time(self.at) };
        Ok(SignedRelease { statement, signature: signature(&self.signature)? })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RefundBody {
    points: u64,
    at: u64,
    signature: String,
}

impl RefundBody {
    pub(super) fn signed(
        &self,
        town: TownId,
        key: ClientKey,
        (site, hold): (SiteId, HoldId),
    ) -> Result<SignedCaptureRefund, Problem> {
        let (points, at) = (points(self.points)?, Time(self.at));
        let statement = CaptureRefundStatement { town, key, site, hold, points, at };
        Ok(SignedCaptureRefund { statement, signature: signature(&self.signature)? })
    }
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub(super) enum OutcomeBody {
    Success,
    Failure,
}

impl OutcomeBody {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
        }
    }

    const fn outcome(self) -> CampaignOutcome {
        match self {
            Self::Success => CampaignOutcome::Success,
            Self::Failure => CampaignOutcome::Failure,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CloseBody {
    pub(super) outcome: OutcomeBody,
    at: u64,
    signature: String,
}

impl CloseBody {
    pub(super) fn signed(
        &self,
        town: TownId,
        key: ClientKey,
        (site, campaign): (SiteId, CampaignId),
    ) -> Result<SignedCampaignClose, Problem> {
        let (outcome, at) = (self.outcome.outcome(), Time(self.at));
        let statement = CampaignStatement { town, key, site, campaign, outcome, at };
        Ok(SignedCampaignClose { statement, signature: signature(&self.signature)? })
    }
}
