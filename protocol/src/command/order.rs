//! Commands of online orders and pledges: sites, links, and what sites sign.

use alloc::vec::Vec;
use minicbor::{Decode, Encode};

use super::InUse;
use crate::{
    codec,
    id::{AccountId, LinkId, MerchantId, SiteId},
    key::ClientKey,
    label::Label,
    order::{
        CampaignStatement, CaptureRefundStatement, CaptureStatement, HoldStatement,
        ReleaseStatement,
    },
    points::Points,
    signature::{Domain, PublicKey, Signature},
    terms::Method,
};

/// What a site does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum SiteKind {
    /// It takes orders.
    #[n(0)]
    Shop,
    /// It takes orders, and pledges for campaigns.
    #[n(1)]
    Crowdfunding,
}

/// The longest hold that a town may allow a site, in days.
pub const HOLD_DAYS_MAX: u32 = 366;

/// A site that takes points online, new or changed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SiteSetting {
    /// Which.
    #[n(0)]
    pub site: SiteId,
    /// Its public name.
    #[n(1)]
    pub name: Label,
    /// What it does.
    #[n(2)]
    pub kind: SiteKind,
    /// The shop that is paid for what it captures.
    #[n(3)]
    pub merchant: MerchantId,
    /// The key that it signs statements and requests with.
    #[n(4)]
    pub key: PublicKey,
    /// Whether it takes points.
    #[n(5)]
    pub state: InUse,
    /// How many days a hold may last at most, 1 to [`HOLD_DAYS_MAX`].
    #[n(6)]
    pub hold_days: u32,
    /// Where its customers come back to when they have linked it.
    #[n(7)]
    pub address: Label,
}

/// A holder's link to a site. There is one for each pair; a later one takes its place.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SiteLink {
    /// Whose.
    #[n(0)]
    pub account: AccountId,
    /// To which site.
    #[n(1)]
    pub site: SiteId,
    /// What the site calls the holder from now on.
    #[n(2)]
    pub link: LinkId,
    /// Orders up to so many points need no confirmation; none if each does.
    #[n(3)]
    pub standing: Option<Points>,
}

/// The end of a holder's link to a site. What is on hold stays so.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SiteUnlink {
    /// Whose.
    #[n(0)]
    pub account: AccountId,
    /// To which site.
    #[n(1)]
    pub site: SiteId,
}

/// How a holder agreed to a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Consent {
    /// By the link's limit for an order.
    #[n(0)]
    Standing,
    /// The holder saw the amount and confirmed it, having shown who they are.
    #[n(1)]
    Confirmed(#[n(0)] Method),
}

/// Whose points are reserved. Node-asserted; the evidence is in the vault.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Reserved {
    /// The account.
    #[n(0)]
    pub account: AccountId,
    /// How its holder agreed.
    #[n(1)]
    pub consent: Consent,
}

/// A statement that a site signed.
pub trait SiteSigned {
    /// What the signature is for.
    fn domain(&self) -> Domain;
    /// The canonical bytes that were signed.
    fn statement(&self) -> Vec<u8>;
    /// The signature.
    fn signature(&self) -> &Signature;
    /// The operation key that the statement names.
    fn key(&self) -> ClientKey;
    /// The site that it names.
    fn site(&self) -> SiteId;
}

/// A signed statement, and what everybody asks of it.
macro_rules! site_signed {
    ($($(#[$doc:meta])* $name:ident $statement:ident $domain:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
        pub struct $name {
            /// What the site signed.
            #[n(0)]
            pub statement: $statement,
            /// Its signature.
            #[n(1)]
            pub signature: Signature,
        }

        impl SiteSigned for $name {
            fn domain(&self) -> Domain {
                Domain::$domain
            }

            fn statement(&self) -> Vec<u8> {
                codec::encode(&self.statement)
            }

            fn signature(&self) -> &Signature {
                &self.signature
            }

            fn key(&self) -> ClientKey {
                self.statement.key
            }

            fn site(&self) -> SiteId {
                self.statement.site
            }
        }
    )*};
}

site_signed! {
    /// A hold, signed by the site.
    SignedHold HoldStatement Hold,
    /// A capture, signed by the site.
    SignedCapture CaptureStatement Capture,
    /// A release, signed by the site.
    SignedRelease ReleaseStatement Release,
    /// A refund of captured points, signed by the site.
    SignedCaptureRefund CaptureRefundStatement CaptureRefund,
    /// The end of a campaign, signed by the site.
    SignedCampaignClose CampaignStatement CampaignClose,
}
