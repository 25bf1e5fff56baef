//! What a node finds of another town's log.

use minicbor::{Decode, Encode};

use crate::{
    id::TownId,
    log::{checkpoint::SignedCheckpoint, fork::ForkProof, proof::ConsistencyProof},
};

/// A finding about a town's log.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct LogJudgement {
    /// Whose log.
    #[n(0)]
    pub town: TownId,
    /// What was found.
    #[n(1)]
    pub verdict: LogVerdict,
}

/// What was found. Everything but the day that passed is checked by replay.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum LogVerdict {
    /// It has shown two histories: the channel is frozen for good.
    #[n(0)]
    Forked(#[n(0)] ForkProof),
    /// It signed both, and for a day no proof came that one continues the other: the channel is
    /// frozen until there is one.
    #[n(1)]
    NotShown(#[n(0)] LogPair),
    /// The proof came.
    #[n(2)]
    Shown {
        /// The checkpoints.
        #[n(0)]
        pair: LogPair,
        /// Shows that the newer one continues the older.
        #[n(1)]
        proof: ConsistencyProof,
    },
}

/// Two checkpoints of one log.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct LogPair {
    /// The one over fewer entries.
    #[n(0)]
    pub older: SignedCheckpoint,
    /// The other one.
    #[n(1)]
    pub newer: SignedCheckpoint,
}
