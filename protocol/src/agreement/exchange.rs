//! How two towns come to an agreement by envelopes: one proposes terms, the other agrees to or
//! declines exactly these. Pure; whoever proposes, both end with the same bytes.

#[cfg(test)]
mod tests;

use minicbor::{Decode, Encode};

use super::{Agreement, Seal, SignedAgreement};
use crate::{
    codec,
    digest::Digest,
    envelope::{Envelope, Purpose},
    id::TownId,
    signature::{Domain, PublicKey},
};

/// A message about an agreement; the body of an envelope for [`Purpose::Agreement`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum AgreementMessage {
    /// Terms, already signed by the town that proposes them.
    #[n(0)]
    Propose(#[n(0)] Proposal),
    /// The other town signs the same terms.
    #[n(1)]
    Agree(#[n(0)] Assent),
    /// The other town will not.
    #[n(2)]
    Decline(#[n(0)] Dissent),
}

impl AgreementMessage {
    /// What an envelope says about an agreement; none if it is of another purpose or cannot be
    /// read.
    #[must_use]
    pub fn of(envelope: &Envelope) -> Option<Self> {
        match envelope.header().purpose {
            Purpose::Agreement => codec::decode(envelope.body()).ok(),
            Purpose::Money | Purpose::Library | Purpose::Control => None,
        }
    }
}

/// Terms and the proposing town's seal under them. As it came; [`Proposal::check`] judges it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Proposal {
    /// The terms.
    #[n(0)]
    pub agreement: Agreement,
    /// By the town that proposes.
    #[n(1)]
    pub seal: Seal,
}

/// A town agrees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Assent {
    /// The hash of the terms, as [`Agreement::hash`] makes it.
    #[n(0)]
    pub terms: Digest,
    /// By the town that agrees, under the terms themselves.
    #[n(1)]
    pub seal: Seal,
}

/// A town declines. Final for these terms: others have another hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Dissent {
    /// The hash of the terms.
    #[n(0)]
    pub terms: Digest,
    /// Why.
    #[n(1)]
    pub reason: DeclineReason,
}

/// Why a town declines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum DeclineReason {
    /// Its officers do not want these terms.
    #[n(0)]
    NotWanted,
    /// It has an agreement of this number or a later one.
    #[n(1)]
    NotNewer,
    /// The last day has passed.
    #[n(2)]
    Over,
}

/// Why a proposal or the answer to it does not make an agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeFault {
    /// The terms are not of these two towns.
    #[error("the terms are not between these two towns: propose them again with both codes")]
    NotThisPair,
    /// The terms contradict themselves.
    #[error("towns, days, number or shops of the terms are not in order: correct the terms")]
    NotWellFormed,
    /// The seal is by a key that the directory does not name for the town.
    #[error("sealed with a key that is not the town's: check that the directory is up to date")]
    OtherKey,
    /// The seal is not a signature under these terms.
    #[error("the seal does not fit the terms: the other town must sign them again")]
    BadSeal,
    /// The answer is about other terms than those proposed.
    #[error("the answer is about other terms: look up which proposal it names")]
    OtherTerms,
}

/// A town and the channel key that the directory names for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signer {
    /// The town.
    pub town: TownId,
    /// Its key.
    pub key: PublicKey,
}

impl Agreement {
    /// The hash that stands for these terms in an answer: of the very bytes both towns sign.
    #[must_use]
    pub fn hash(&self) -> Digest {
        Digest::of(&[&codec::encode(self)])
    }
}

impl Seal {
    fn check(&self, signer: Signer, agreement: &Agreement) -> Result<(), ExchangeFault> {
        if self.key != signer.key {
            return Err(ExchangeFault::OtherKey);
        }
        self.key
            .verify(Domain::Agreement, &codec::encode(agreement), &self.signature)
            .map_err(|_| ExchangeFault::BadSeal)
    }
}

impl Proposal {
    /// Whether `proposer` proposes sound terms to `other`.
    ///
    /// # Errors
    /// [`ExchangeFault`], all but [`ExchangeFault::OtherTerms`].
    pub fn check(&self, proposer: Signer, other: TownId) -> Result<(), ExchangeFault> {
        if self.agreement.peer_of(proposer.town) != Some(other) {
            return Err(ExchangeFault::NotThisPair);
        }
        if !self.agreement.well_formed() {
            return Err(ExchangeFault::NotWellFormed);
        }
        self.seal.check(proposer, &self.agreement)
    }

    /// The agreement that this proposal and the other town's assent make. Both towns call it and
    /// hold the same bytes.
    ///
    /// # Errors
    /// [`ExchangeFault`].
    pub fn concluded(
        self,
        proposer: Signer,
        assent: &Assent,
        other: Signer,
    ) -> Result<SignedAgreement, ExchangeFault> {
        self.check(proposer, other.town)?;
        if assent.terms != self.agreement.hash() {
            return Err(ExchangeFault::OtherTerms);
        }
        assent.seal.check(other, &self.agreement)?;
        let (low, high) = if proposer.town == self.agreement.low {
            (self.seal, assent.seal)
        } else {
            (assent.seal, self.seal)
        };
        Ok(SignedAgreement { agreement: self.agreement, low, high })
    }
}
