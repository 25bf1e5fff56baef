//! What travels between towns about checkpoints, as CBOR (`/jichi/witness/1`).

use jichi_protocol::{
    date::Time,
    digest::Digest,
    log::{
        checkpoint::{Origin, SignedCheckpoint},
        fork::ForkProof,
        proof::ConsistencyProof,
        tree::TreeSize,
    },
};
use minicbor::{Decode, Encode};

/// What a town asks.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum WitnessRequest {
    /// To cosign a checkpoint.
    #[n(0)]
    Add {
        /// The body of C2SP's `add-checkpoint`.
        #[n(0)]
        body: String,
        /// The root that the log's own tree has at the old size: where it is another than was
        /// cosigned, the fork is proved at once.
        #[n(1)]
        own_root: Option<Digest>,
    },
    /// For the last checkpoint that the town cosigned of a log.
    #[n(1)]
    Last(#[n(0)] Origin),
    /// For a proof about the asked town's own log.
    #[n(2)]
    Prove {
        /// The smaller size.
        #[n(0)]
        old: TreeSize,
        /// The larger one.
        #[n(1)]
        new: TreeSize,
    },
}

/// What a town answers.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum WitnessReply {
    /// Cosigned.
    #[n(0)]
    Cosigned {
        /// The signature lines.
        #[n(0)]
        lines: String,
        /// What the witness's clock says.
        #[n(1)]
        now: Option<Time>,
    },
    /// Not cosigned.
    #[n(1)]
    Refused {
        /// The HTTP status that C2SP gives it.
        #[n(0)]
        status: u16,
        /// The size that was cosigned last, with status 409.
        #[n(1)]
        last: Option<TreeSize>,
        /// Shows that the log has two histories.
        #[n(2)]
        fork: Option<Box<ForkProof>>,
    },
    /// The last checkpoint that was cosigned; none if none was.
    #[n(2)]
    Last(#[n(0)] Option<SignedCheckpoint>),
    /// The proof, and the root at the smaller size.
    #[n(3)]
    Proved {
        /// The root of the first `old` entries.
        #[n(0)]
        root: Digest,
        /// Shows that the larger tree continues them.
        #[n(1)]
        proof: ConsistencyProof,
    },
    /// The log is not that long, or the town is no witness.
    #[n(4)]
    Nothing,
}
