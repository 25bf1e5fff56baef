//! Roaming: a holder shows who they are at a shop of another town. The shop's town asks the base
//! town, and nobody else; the base town answers with a handle for this pair of towns and a proof
//! that is good for one payment. Neither stands in a journal before a payment is asked for.

pub mod answer;
pub mod desk;

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jichi_protocol::{
    digest::Digest,
    id::{AccountId, Handle, TownId},
    points::Points,
    terms::Method,
};
use minicbor::{Decode, Encode};

use crate::clock::Monotonic;

/// How long a holder's proof waits for its payment.
pub const PROOF_MAX: Duration = Duration::from_secs(600);
/// Proofs of all towns that wait; the oldest ones are over before this many are made.
const PROOFS_MAX: usize = 100_000;
/// Longest MyKey ID and password that are asked about, in bytes.
const TYPED_MAX: usize = 1_024;

/// What a town asks of a holder's base town.
#[derive(Encode, Decode)]
pub struct HolderRequest {
    /// The MyKey ID, without the town.
    #[n(0)]
    pub mykey: String,
    /// The password. It is on no disk, and goes through Noise only.
    #[n(1)]
    pub password: String,
}

impl HolderRequest {
    /// Whether it is short enough to be looked at.
    #[must_use]
    pub const fn is_bounded(&self) -> bool {
        self.mykey.len() <= TYPED_MAX && self.password.len() <= TYPED_MAX
    }
}

/// What the base town answers.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum HolderReply {
    /// It is the holder.
    #[n(0)]
    Seen {
        /// What the asking town calls the holder.
        #[n(0)]
        holder: Handle,
        /// The proof, a secret of the terminal.
        #[n(1)]
        proof: String,
        /// How much of the balance can be spent in the asking town.
        #[n(2)]
        usable: Points,
    },
    /// ID or password are wrong; which of them, nobody is told.
    #[n(1)]
    NotSeen,
    /// Too many tries, from this town or for this ID.
    #[n(2)]
    TooManyTries {
        /// When the next one is let through.
        #[n(0)]
        seconds: u64,
    },
    /// No agreement of the two towns is in force.
    #[n(3)]
    NoAgreement,
    /// Not now.
    #[n(4)]
    TryLater,
}

/// A proof that the base town gave.
#[derive(Debug, Clone, Copy)]
pub struct AwayProof {
    /// Whose.
    pub account: AccountId,
    /// To which town.
    pub town: TownId,
    /// How the holder was seen.
    pub method: Method,
    /// The hash of the sealed evidence.
    pub evidence: Digest,
    until: Monotonic,
}

/// The proofs that wait for their payments, in memory: a restart ends them.
#[derive(Clone, Default)]
pub struct AwayProofs(Arc<Mutex<HashMap<Digest, AwayProof>>>);

impl AwayProofs {
    fn keep(
        &self,
        hash: Digest,
        (account, town, method): (AccountId, TownId, Method),
        evidence: Digest,
        now: Monotonic,
    ) {
        let mut proofs = self.lock();
        if proofs.len() >= PROOFS_MAX {
            proofs.retain(|_, proof| proof.until > now);
        }
        let until = now.later_by(PROOF_MAX);
        proofs.insert(hash, AwayProof { account, town, method, evidence, until });
    }

    /// Takes a proof; it is good once.
    #[must_use]
    pub fn take(&self, hash: &Digest, now: Monotonic) -> Option<AwayProof> {
        self.lock().remove(hash).filter(|proof| proof.until > now)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, AwayProof>> {
        // A thread that panicked while it held the lock left a map that is still whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a town's tries come from, for the throttle: an address that no resident has.
fn source_of(town: TownId) -> IpAddr {
    let number = town
        .as_str()
        .bytes()
        .fold(0_u32, |sum, digit| sum.wrapping_mul(10).wrapping_add(u32::from(digit & 15)));
    let [a, b, c, d] = number.to_be_bytes();
    let pair = |high: u8, low: u8| u16::from_be_bytes([high, low]);
    IpAddr::V6(Ipv6Addr::new(0xfdff, 0, 0, 0, 0, 0, pair(a, b), pair(c, d)))
}
