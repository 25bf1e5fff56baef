//! Ed25519 signatures, separated by domain. `verify_strict`, one by one, is the one rule: what it
//! accepts every other verifier accepts (RFC 8032; C2SP CCTV ed25519 vectors).

use alloc::vec::Vec;
use core::{fmt, ops::Deref, str::FromStr};
use ed25519_dalek::Signer as _;
use minicbor::Encode;

use crate::{
    codec,
    digest::{self, Hex, NotHex},
};

/// What a signature is for. A signature of one domain is never valid in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    /// A terminal's payment intent.
    Payment,
    /// A terminal's or merchant's void of a payment.
    Void,
    /// A terminal's or merchant's refund of a payment.
    Refund,
    /// A terminal's request for points of another town's holder.
    Roaming,
    /// A terminal's taking back of such a request.
    RoamingCancel,
    /// A company's conversion statement.
    Conversion,
    /// A home node's decision about a conversion.
    ConversionDecision,
    /// An envelope between two towns.
    Envelope,
    /// A statement about a shared document.
    Document,
    /// An agreement between two towns.
    Agreement,
    /// A grant code that holders show.
    GrantCode,
    /// A company's statement about a one-time code.
    Code,
    // Street cards.
    /// A terminal's reward for a purchase in cash.
    Reward,
    /// A terminal's return of a reward, since cash was given back.
    RewardReturn,

    // Vouchers.
    /// A terminal's redemption of vouchers.
    VoucherRedemption,
    /// A terminal's void of a redemption.
    RedemptionVoid,
    // Printed tickets.
    /// A town's printed ticket.
    Ticket,
    /// A terminal's scan of a ticket.
    TicketScan,
    // Orders and pledges.
    /// A site's hold.
    Hold,
    /// A site's capture.
    Capture,
    /// A site's release.
    Release,
    /// A site's refund of captured points.
    CaptureRefund,
    /// A site's word that a campaign ended.
    CampaignClose,
    // Public lists.
    /// A town's statement about a public list of its own.
    PublicList,
}

impl Domain {
    /// The tag that stands before the signed bytes.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Payment => "jichi/payment/v1",
            Self::Void => "jichi/void/v1",
            Self::Refund => "jichi/refund/v1",
            Self::Roaming => "jichi/roaming/v1",
            Self::RoamingCancel => "jichi/roaming-cancel/v1",
            Self::Conversion => "jichi/conversion/v1",
            Self::ConversionDecision => "jichi/conversion-decision/v1",
            Self::Envelope => "jichi/envelope/v1",
            Self::Document => "jichi/document/v1",
            Self::Agreement => "jichi/agreement/v1",
            Self::GrantCode => "jichi/grant-code/v1",
            Self::Code => "jichi/code/v1",
            // Street cards.
            Self::Reward => "jichi/reward/v1",
            Self::RewardReturn => "jichi/reward-return/v1",

            // Vouchers.
            Self::VoucherRedemption => "jichi/voucher-redemption/v1",
            Self::RedemptionVoid => "jichi/redemption-void/v1",
            // Printed tickets.
            Self::Ticket => "jichi/ticket/v1",
            Self::TicketScan => "jichi/ticket-scan/v1",
            // Orders and pledges.
            Self::Hold => "jichi/hold/v1",
            Self::Capture => "jichi/capture/v1",
            Self::Release => "jichi/release/v1",
            Self::CaptureRefund => "jichi/capture-refund/v1",
            Self::CampaignClose => "jichi/campaign-close/v1",
            // Public lists.
            Self::PublicList => "jichi/public-list/v1",
        }
    }

    /// The bytes that are signed: the tag, a zero byte, the body.
    #[must_use]
    pub fn message(self, body: &[u8]) -> Vec<u8> {
        let tag = self.tag().as_bytes();
        [tag, &[0], body].concat()
    }
}

/// An Ed25519 public key, as its 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(pub [u8; 32]);

codec::cbor_bytes!(PublicKey, 32);

/// An Ed25519 signature, as its 64 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signature(pub [u8; 64]);

codec::cbor_bytes!(Signature, 64);

/// The signature does not fit key and bytes, or the key is no usable key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not fit")]
pub struct BadSignature;

impl PublicKey {
    /// Checks a signature over bytes without a domain (C2SP notes, which carry their own).
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn verify_raw(&self, message: &[u8], signature: &Signature) -> Result<(), BadSignature> {
        let key = ed25519_dalek::VerifyingKey::from_bytes(&self.0).map_err(|_| BadSignature)?;
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        key.verify_strict(message, &signature).map_err(|_| BadSignature)
    }

    /// Checks a signature over the canonical bytes of a domain.
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn verify(
        &self,
        domain: Domain,
        body: &[u8],
        signature: &Signature,
    ) -> Result<(), BadSignature> {
        self.verify_raw(&domain.message(body), signature)
    }
}

/// A private key. Its bytes are wiped when it is dropped.
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// The key of a 32-byte seed (RFC 8032, section 5.1.5).
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// Signs bytes without a domain (C2SP notes, which carry their own). Deterministic.
    #[must_use]
    pub fn sign_raw(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign(message).to_bytes())
    }

    /// Signs the canonical bytes of a domain. Deterministic: the same bytes, the same signature.
    #[must_use]
    pub fn sign(&self, domain: Domain, body: &[u8]) -> Signature {
        self.sign_raw(&domain.message(body))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(public {})", self.public())
    }
}

/// A value whose signature was checked. Only this module can make one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified<T> {
    value: T,
    key: PublicKey,
    signature: Signature,
}

impl<T: Encode<()>> Verified<T> {
    /// Checks the signature over the canonical bytes of `value`.
    ///
    /// # Errors
    /// [`BadSignature`]; the value is dropped.
    pub fn check(
        value: T,
        domain: Domain,
        key: PublicKey,
        signature: Signature,
    ) -> Result<Self, BadSignature> {
        key.verify(domain, &codec::encode(&value), &signature)?;
        Ok(Self { value, key, signature })
    }
}

impl<T> Verified<T> {
    /// The key under which the signature is right.
    pub const fn key(&self) -> PublicKey {
        self.key
    }

    /// The signature.
    pub const fn signature(&self) -> Signature {
        self.signature
    }

    /// The value, without the knowledge that it was checked.
    pub fn into_value(self) -> T {
        self.value
    }
}

impl<T> Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

macro_rules! hex_text {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&Hex(&self.0), f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = NotHex;

            fn from_str(text: &str) -> Result<Self, NotHex> {
                digest::from_hex(text).map(Self)
            }
        }
    };
}

hex_text!(PublicKey);
hex_text!(Signature);

#[cfg(test)]
mod tests;
