//! How two towns come to an agreement by envelopes: one proposes terms under its seal, the other
//! agrees to exactly these or declines. Pure; whoever proposes, both end with the same bytes.

#[cfg(test)]
mod tests;

use core::cmp::Reverse;
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
    /// Terms, sealed by the town that proposes them. It stands by them until they are declined.
    #[n(0)]
    Propose(#[n(0)] Proposal),
    /// The other town sealed the same terms. The whole agreement, so that it means the same to a
    /// town that has proposed something else meanwhile.
    #[n(1)]
    Agree(#[n(0)] SignedAgreement),
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

/// A town declines. Final for these terms: others have another hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Dissent {
    /// The hash of the terms, as [`Agreement::hash`] makes it.
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
    /// Terms that contradict themselves, of other towns, or under a seal that does not fit.
    #[n(3)]
    Unsound,
}

/// What a town keeps of its dealings with another until they agree.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
pub struct Dealing {
    /// What this town proposed last.
    #[n(0)]
    pub ours: Option<OwnProposal>,
    /// What the other town proposed last, and what waits for this town's officers.
    #[n(1)]
    pub theirs: Option<Proposal>,
}

/// A proposal of this town's, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct OwnProposal {
    /// The terms and this town's seal.
    #[n(0)]
    pub proposal: Proposal,
    /// Why the other town declined; none while it has not answered.
    #[n(1)]
    pub declined: Option<DeclineReason>,
}

/// Why a proposal is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProposalFault {
    /// The terms are not of these two towns.
    #[error("the terms are not between these two towns: propose them again with both codes")]
    NotThisPair,
    /// The terms contradict themselves.
    #[error("towns, days, number or shops of the terms are not in order: correct the terms")]
    NotWellFormed,
    /// The seal is by a key that the directory does not name for the town, or does not fit.
    #[error("the seal does not fit the terms: the town that proposes must sign them again")]
    BadSeal,
}

impl Agreement {
    /// The hash that stands for these terms in an answer: of the very bytes both towns sign.
    #[must_use]
    pub fn hash(&self) -> Digest {
        Digest::of(&[&codec::encode(self)])
    }

    /// Whether these terms take the place of others. Two proposals of one number may both find
    /// assent while they cross: then the smaller hash wins, on both sides.
    #[must_use]
    pub fn replaces(&self, other: &Self) -> bool {
        (self.number, Reverse(self.hash())) > (other.number, Reverse(other.hash()))
    }
}

impl Seal {
    /// Whether one of these keys made this seal, under these terms.
    #[must_use]
    pub fn fits(&self, keys: &[PublicKey], agreement: &Agreement) -> bool {
        keys.contains(&self.key)
            && self
                .key
                .verify(Domain::Agreement, &codec::encode(agreement), &self.signature)
                .is_ok()
    }
}

impl Proposal {
    /// Whether `proposer`, whose keys these are, proposes sound terms to `other`.
    ///
    /// # Errors
    /// [`ProposalFault`].
    pub fn check(
        &self,
        proposer: TownId,
        keys: &[PublicKey],
        other: TownId,
    ) -> Result<(), ProposalFault> {
        if self.agreement.peer_of(proposer) != Some(other) {
            return Err(ProposalFault::NotThisPair);
        }
        if !self.agreement.well_formed() {
            return Err(ProposalFault::NotWellFormed);
        }
        if self.seal.fits(keys, &self.agreement) { Ok(()) } else { Err(ProposalFault::BadSeal) }
    }

    /// The agreement that this proposal and the seal of the other town make.
    #[must_use]
    pub fn agreed(self, proposer: TownId, seal: Seal) -> SignedAgreement {
        let (low, high) =
            if proposer == self.agreement.low { (self.seal, seal) } else { (seal, self.seal) };
        SignedAgreement { agreement: self.agreement, low, high }
    }
}
