//! A site of online orders or of crowdfunding: it signs its statements, and its requests
//! (RFC 9421, RFC 9530).

use anyhow::anyhow;
use jichi_node::api;
use jichi_protocol::{
    codec,
    date::BusinessDate,
    id::{HoldId, LinkId, SiteId, TownId},
    key::ClientKey,
    order::{
        CampaignId, CampaignOutcome, CampaignStatement, CaptureRefundStatement, CaptureStatement,
        HoldStatement, ReleaseStatement,
    },
    points::Points,
    signature::{Domain, SigningKey},
};
use serde_json::{Value, json};

use crate::client::{Client, Reply};

/// A site, as it calls one town.
pub struct Site {
    /// The node's public listener.
    pub client: Client,
    /// The town.
    pub town: TownId,
    /// The site's number there.
    pub site: SiteId,
    /// Its key.
    pub key: SigningKey,
}

/// What a site wants to reserve.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Whose points.
    pub link: LinkId,
    /// How many.
    pub points: u32,
    /// What the order costs in yen.
    pub total_yen: u32,
    /// The last day of the hold.
    pub last_day: BusinessDate,
    /// The campaign that it is a pledge for.
    pub campaign: Option<CampaignId>,
}

impl Site {
    /// Turns the code that a holder brought into the link.
    ///
    /// # Errors
    /// When the node cannot be reached.
    pub fn exchange(&self, code: &str) -> anyhow::Result<Reply> {
        self.post("/v1/site-links", None, &json!({"code": code}))
    }

    /// Reserves points under a key; the same key, wish and time give the same request.
    ///
    /// # Errors
    /// When the node cannot be reached.
    pub fn hold(
        &self,
        key: ClientKey,
        wanted: &Wanted,
        at: jichi_protocol::date::Time,
    ) -> anyhow::Result<Reply> {
        let card = wanted.total_yen.saturating_sub(wanted.points);
        let statement = HoldStatement {
            town: self.town,
            key,
            site: self.site,
            link: wanted.link,
            points: Points::from_u32(wanted.points),
            total_yen: Points::from_u32(wanted.total_yen),
            card_yen: Points::from_u32(card),
            last_day: wanted.last_day,
            campaign: wanted.campaign.clone(),
            at,
        };
        let body = json!({"link": wanted.link.to_string(), "points": wanted.points,
            "total_yen": wanted.total_yen, "card_yen": card,
            "last_day": wanted.last_day.to_string(),
            "campaign": wanted.campaign.as_ref().map(CampaignId::as_str),
            "at": at.0, "signature": self.sign(Domain::Hold, &codec::encode(&statement))});
        self.post("/v1/holds", Some(key), &body)
    }

    /// How a hold stands.
    ///
    /// # Errors
    /// When the node cannot be reached.
    pub fn state(&self, hold: HoldId) -> anyhow::Result<Reply> {
        let path = format!("/v1/holds/{hold}");
        let headers = self.headers("GET", &path, None, b"")?;
        self.client.get_with(&path, &headers)
    }

    /// The result of one of the site's own operations.
    ///
    /// # Errors
    /// When the node cannot be reached.
    pub fn operation(&self, key: ClientKey) -> anyhow::Result<Reply> {
        let path = format!("/v1/operations/{key}");
        let headers = self.headers("GET", &path, None, b"")?;
        self.client.get_with(&path, &headers)
    }

    /// Takes reserved points, whole or in part.
    ///
    /// # Errors
    /// When the node cannot be reached.
    pub fn capture(
        &self,
        key: ClientKey,
        hold: HoldId,
        points: u32,
        card_yen: u32,
    ) -> anyhow::Result<Reply> {
        let at = self.client.ahead().now();
        let statement = CaptureStatement {
            town: self.town,
            key,
            site: self.site,
            hold,
            points: Points::from_u32(points),
            card_yen: Points::from_u32(card_yen),
            at,
        };
        let body = json!({"points": points, "card_yen": card_yen, "at": at.0,
            "signature": self.sign(Domain::Capture, &codec::encode(&statement))});
        self.post(&format!("/v1/holds/{hold}/captures"), Some(key), &body)
    }

    /// Gives reserved points back.
    ///
    /// # Errors
    /// When the node cannot be reached.
    pub fn release(&self, key: ClientKey, hold: HoldId) -> anyhow::Result<Reply> {
        let (town, site, at) = (self.town, self.site, self.client.ahead().now());
        let statement = ReleaseStatement { town, key, site, hold, at };
        let body = json!({"at": at.0,
            "signature": self.sign(Domain::Release, &codec::encode(&statement))});
        self.post(&format!("/v1/holds/{hold}/releases"), Some(key), &body)
    }

    /// Gives captured points back, whole or in part.
    ///
    /// # Errors
    /// When the node cannot be reached.
    pub fn refund(&self, key: ClientKey, hold: HoldId, points: u32) -> anyhow::Result<Reply> {
        let (town, site, at) = (self.town, self.site, self.client.ahead().now());
        let amount = Points::from_u32(points);
        let statement = CaptureRefundStatement { town, key, site, hold, points: amount, at };
        let body = json!({"points": points, "at": at.0,
            "signature": self.sign(Domain::CaptureRefund, &codec::encode(&statement))});
        self.post(&format!("/v1/holds/{hold}/refunds"), Some(key), &body)
    }

    /// Says how a campaign ended.
    ///
    /// # Errors
    /// When the node cannot be reached.
    pub fn close(
        &self,
        key: ClientKey,
        campaign: &CampaignId,
        outcome: CampaignOutcome,
    ) -> anyhow::Result<Reply> {
        let (town, site, at) = (self.town, self.site, self.client.ahead().now());
        let word = match outcome {
            CampaignOutcome::Success => "success",
            CampaignOutcome::Failure => "failure",
        };
        let path = format!("/v1/campaigns/{campaign}/close");
        let campaign = campaign.clone();
        let statement = CampaignStatement { town, key, site, campaign, outcome, at };
        let body = json!({"outcome": word, "at": at.0,
            "signature": self.sign(Domain::CampaignClose, &codec::encode(&statement))});
        self.post(&path, Some(key), &body)
    }

    fn sign(&self, domain: Domain, statement: &[u8]) -> String {
        self.key.sign(domain, statement).to_string()
    }

    fn post(&self, path: &str, key: Option<ClientKey>, body: &Value) -> anyhow::Result<Reply> {
        let body = body.to_string();
        let headers = self.headers("POST", path, key, body.as_bytes())?;
        self.client.post_with(path, &headers, body.as_bytes())
    }

    /// The headers of a signed request.
    fn headers(
        &self,
        method: &str,
        path: &str,
        key: Option<ClientKey>,
        body: &[u8],
    ) -> anyhow::Result<Vec<(String, String)>> {
        let uri = format!("{}{path}", self.client.base());
        let mut request = ureq::http::Request::builder().method(method).uri(uri);
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key.to_string());
        }
        let (mut parts, ()) = request.body(())?.into_parts();
        let origin = self.client.base().parse().map_err(|_| anyhow!("no origin"))?;
        let mut nonce = [0_u8; 16];
        getrandom::fill(&mut nonce).map_err(|error| anyhow!("{error}"))?;
        let id = api::order::key_id(self.site);
        api::sign::sign(
            &mut parts,
            body,
            &origin,
            &id,
            &self.key,
            self.client.ahead().now(),
            nonce,
        )?;
        let text = |value: &ureq::http::HeaderValue| value.to_str().map(str::to_owned);
        let headers =
            parts.headers.iter().map(|(name, value)| Ok((name.to_string(), text(value)?)));
        headers.collect()
    }
}
