//! What sites of online orders and of crowdfunding sign: canonical statements that stand in the
//! journal (money-rules, Where points go, 5).

use alloc::string::String;
use core::{fmt, str::FromStr};
use minicbor::{Decode, Encode};

use crate::{
    date::{BusinessDate, Time},
    id::{HoldId, LinkId, NotAnId, SiteId, TownId},
    key::ClientKey,
    points::Points,
};

/// A site's own name for a campaign: 1 to 64 printable ASCII characters without space.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CampaignId(String);

impl CampaignId {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CampaignId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let fits = (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        if fits { Ok(Self(text.into())) } else { Err(NotAnId::Form) }
    }
}

impl fmt::Display for CampaignId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

crate::codec::cbor_text!(CampaignId);

/// A site's wish to reserve a holder's points for an order or a pledge. Signed under
/// `Domain::Hold`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct HoldStatement {
    /// The node it is meant for.
    #[n(0)]
    pub town: TownId,
    /// The operation key; it names the hold from then on.
    #[n(1)]
    pub key: ClientKey,
    /// The site that signs.
    #[n(2)]
    pub site: SiteId,
    /// What the site calls the holder, since they linked the two.
    #[n(3)]
    pub link: LinkId,
    /// How many points.
    #[n(4)]
    pub points: Points,
    /// What the order costs in yen, tax included.
    #[n(5)]
    pub total_yen: Points,
    /// What of it is paid by card, in yen. That part is the site's; it is recorded here.
    #[n(6)]
    pub card_yen: Points,
    /// The last day, in Japan, on which the points can be captured.
    #[n(7)]
    pub last_day: BusinessDate,
    /// The all-or-nothing campaign that it is a pledge for; none for an order.
    #[n(8)]
    pub campaign: Option<CampaignId>,
    /// When the site signed.
    #[n(9)]
    pub at: Time,
}

/// A site's capture of a hold, whole or in part; what is not captured comes back at once. Signed
/// under `Domain::Capture`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct CaptureStatement {
    /// The node it is meant for.
    #[n(0)]
    pub town: TownId,
    /// The operation key.
    #[n(1)]
    pub key: ClientKey,
    /// The site that signs.
    #[n(2)]
    pub site: SiteId,
    /// Which hold.
    #[n(3)]
    pub hold: HoldId,
    /// How many of its points.
    #[n(4)]
    pub points: Points,
    /// What was paid by card beside them, in yen.
    #[n(5)]
    pub card_yen: Points,
    /// When the site signed.
    #[n(6)]
    pub at: Time,
}

/// A site's release of a hold, known to the node or not. Signed under `Domain::Release`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ReleaseStatement {
    /// The node it is meant for.
    #[n(0)]
    pub town: TownId,
    /// The operation key.
    #[n(1)]
    pub key: ClientKey,
    /// The site that signs.
    #[n(2)]
    pub site: SiteId,
    /// Which hold.
    #[n(3)]
    pub hold: HoldId,
    /// When the site signed.
    #[n(4)]
    pub at: Time,
}

/// A site's refund of captured points, in part or whole. Signed under `Domain::CaptureRefund`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct CaptureRefundStatement {
    /// The node it is meant for.
    #[n(0)]
    pub town: TownId,
    /// The operation key.
    #[n(1)]
    pub key: ClientKey,
    /// The site that signs.
    #[n(2)]
    pub site: SiteId,
    /// Which hold.
    #[n(3)]
    pub hold: HoldId,
    /// How many of its captured points.
    #[n(4)]
    pub points: Points,
    /// When the site signed.
    #[n(5)]
    pub at: Time,
}

/// How a campaign ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum CampaignOutcome {
    /// Its goal was reached: the pledges can be captured.
    #[n(0)]
    Success,
    /// It was not: every pledge goes back.
    #[n(1)]
    Failure,
}

/// A site's word that a campaign ended. Signed under `Domain::CampaignClose`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct CampaignStatement {
    /// The node it is meant for.
    #[n(0)]
    pub town: TownId,
    /// The operation key.
    #[n(1)]
    pub key: ClientKey,
    /// The site that signs.
    #[n(2)]
    pub site: SiteId,
    /// Which campaign.
    #[n(3)]
    pub campaign: CampaignId,
    /// How it ended.
    #[n(4)]
    pub outcome: CampaignOutcome,
    /// When the site signed.
    #[n(5)]
    pub at: Time,
}
