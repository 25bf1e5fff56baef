//! Commands about agreements that towns come to by envelopes.

use minicbor::{Decode, Encode};

use crate::{digest::Digest, id::TownId};

/// A proposal of another town that this town's officers do not want.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ProposalDeclined {
    /// Whose proposal.
    #[n(0)]
    pub town: TownId,
    /// The hash of its terms, as [`crate::agreement::Agreement::hash`] makes it.
    #[n(1)]
    pub terms: Digest,
}
