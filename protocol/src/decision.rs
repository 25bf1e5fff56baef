//! What a home node decides about a company's conversion, signed, for the company to keep.

use alloc::string::String;
use minicbor::{Decode, Encode};

use crate::{
    codec,
    digest::Digest,
    id::{CompanyId, CompanyReference, ConversionId, EntryIndex, TownId},
    intent::ConversionStatement,
    points::Points,
    signature::{BadSignature, Domain, PublicKey, Signature, SigningKey},
};

/// A home node's decision about one conversion.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ConversionDecision {
    /// The home node's town.
    #[n(0)]
    pub town: TownId,
    /// The company.
    #[n(1)]
    pub company: CompanyId,
    /// Its name for the conversion.
    #[n(2)]
    pub reference: CompanyReference,
    /// SHA-256 of the statement's canonical bytes.
    #[n(3)]
    pub statement: Digest,
    /// What was decided.
    #[n(4)]
    pub verdict: ConversionVerdict,
}

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum ConversionVerdict {
    /// The points are the holder's, unassigned.
    #[n(0)]
    Converted {
        /// How many.
        #[n(0)]
        points: Points,
        /// The entry that says so.
        #[n(1)]
        entry: EntryIndex,
        /// The conversion's id at the home node.
        #[n(2)]
        conversion: ConversionId,
    },
    /// Refused for good under this reference.
    #[n(1)]
    Refused {
        /// The refusal's number in the journal.
        #[n(0)]
        number: u16,
        /// The entry that says so.
        #[n(1)]
        entry: EntryIndex,
    },
    /// Not taken, and not remembered: the same statement may come again.
    #[n(2)]
    NotTaken {
        /// The refusal's number in the journal's list.
        #[n(0)]
        number: u16,
    },
}

impl ConversionVerdict {
    /// Whether the same reference will get the same answer for ever.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        match self {
            Self::Converted { .. } | Self::Refused { .. } => true,
            Self::NotTaken { .. } => false,
        }
    }
}

/// A decision with the home node's signature and the proof of its entry.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SignedDecision {
    /// The decision.
    #[n(0)]
    pub decision: ConversionDecision,
    /// The home node's channel key.
    #[n(1)]
    pub key: PublicKey,
    /// Its signature under `Domain::ConversionDecision`.
    #[n(2)]
    pub signature: Signature,
    /// The C2SP tlog-proof of the entry, if there is one.
    #[n(3)]
    pub proof: Option<String>,
}

/// The hash that binds a decision to a statement.
#[must_use]
pub fn statement_hash(statement: &ConversionStatement) -> Digest {
    Digest::of(&[&codec::encode(statement)])
}

impl SignedDecision {
    /// Signs a decision.
    #[must_use]
    pub fn sign(decision: ConversionDecision, key: &SigningKey, proof: Option<String>) -> Self {
        let signature = key.sign(Domain::ConversionDecision, &codec::encode(&decision));
        Self { decision, key: key.public(), signature, proof }
    }

    /// Checks that the home node with this key decided so about this statement.
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn verify(
        &self,
        key: PublicKey,
        statement: &ConversionStatement,
    ) -> Result<(), BadSignature> {
        let about = self.decision.town == statement.town
            && self.decision.company == statement.company
            && self.decision.reference == statement.reference
            && self.decision.statement == statement_hash(statement);
        if !about {
            return Err(BadSignature);
        }
        let bytes = codec::encode(&self.decision);
        key.verify(Domain::ConversionDecision, &bytes, &self.signature)
    }
}
