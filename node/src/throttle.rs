//! Wrong passwords: a delay that grows for each (account, source), so that nobody can lock a
//! neighbour out (money-rules, Limits and locks).

use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
    time::Duration,
};

use jichi_protocol::digest::Digest;

use crate::clock::Monotonic;

/// How many tries are free of delay.
pub const FREE_TRIES: u32 = 3;
/// The longest delay.
pub const DELAY_MAX: Duration = Duration::from_secs(15 * 60);
/// After so long without a try, all is forgotten.
pub const FORGOTTEN_AFTER: Duration = Duration::from_secs(24 * 3600);

/// Who tries: an account, named as it was typed, from a place. Kept as a hash, so a name mistyped
/// or a password typed into the name's field is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Try {
    account: Digest,
    source: Digest,
}

impl Try {
    /// Of this account from this address. An IPv6 source is its /64, which one household has.
    #[must_use]
    pub fn new(account: &str, source: IpAddr) -> Self {
        let source = match source.to_canonical() {
            IpAddr::V4(v4) => Digest::of(&[&v4.octets()]),
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                Digest::of(&[&[a, b, c, d].map(u16::to_be_bytes).concat()])
            }
        };
        Self { account: Digest::of(&[account.as_bytes()]), source }
    }
}

/// Too early: the password was not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many wrong passwords; wait {} s, or use the card or the desk", .0.as_secs())]
pub struct Wait(pub Duration);

#[derive(Debug, Clone, Copy)]
struct Tries {
    count: u32,
    last: Monotonic,
}

impl Tries {
    /// When the next try is looked at.
    fn next(self) -> Monotonic {
        let Some(beyond) = self.count.checked_sub(FREE_TRIES) else { return self.last };
        let seconds = 1_u64.checked_shl(beyond).unwrap_or(u64::MAX);
        self.last.later_by(Duration::from_secs(seconds).min(DELAY_MAX))
    }
}

/// Counts tries. Bounded: when it is full, who tried longest ago is forgotten. That costs an
/// attacker one hash for each place, and the pool of hashes is small.
#[derive(Debug)]
pub struct Throttle {
    tries: HashMap<Try, Tries>,
    by_last: BTreeSet<(Monotonic, Try)>,
    tries_max: usize,
}

impl Throttle {
    /// A throttle that remembers so many pairs of account and source, one at the least.
    #[must_use]
    pub fn new(tries_max: usize) -> Self {
        Self { tries: HashMap::new(), by_last: BTreeSet::new(), tries_max: tries_max.max(1) }
    }

    /// Counts a try as wrong before it is looked at: many at the same time gain nothing.
    ///
    /// # Errors
    /// [`Wait`]; the try is not counted, and the password must not be looked at.
    pub fn admit(&mut self, who: Try, now: Monotonic) -> Result<(), Wait> {
        self.forget_old(now);
        let before = self.tries.get(&who).copied();
        if let Some(tries) = before {
            let wait = tries.next().since(now);
            if !wait.is_zero() {
                return Err(Wait(wait));
            }
            self.by_last.remove(&(tries.last, who));
        } else if self.tries.len() >= self.tries_max
            && let Some((_, oldest)) = self.by_last.pop_first()
        {
            self.tries.remove(&oldest);
        }
        let count = before.map_or(0, |tries| tries.count).saturating_add(1);
        self.tries.insert(who, Tries { count, last: now });
        self.by_last.insert((now, who));
        Ok(())
    }

    /// The password was right, or nobody looked at it: the tries of this pair are forgotten.
    pub fn forgive(&mut self, who: Try) {
        if let Some(tries) = self.tries.remove(&who) {
            self.by_last.remove(&(tries.last, who));
        }
    }

    /// The desk unlocks an account: its tries from everywhere are forgotten.
    pub fn unlock(&mut self, account: &str) {
        let account = Digest::of(&[account.as_bytes()]);
        self.tries.retain(|who, _| who.account != account);
        self.by_last.retain(|(_, who)| who.account != account);
    }

    fn forget_old(&mut self, now: Monotonic) {
        while let Some((last, who)) = self.by_last.first().copied() {
            if now.since(last) < FORGOTTEN_AFTER {
                break;
            }
            self.by_last.pop_first();
            self.tries.remove(&who);
        }
    }
}

#[cfg(test)]
mod tests;
