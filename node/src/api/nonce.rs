//! Nonces that were used, so that nobody sends a signed request twice.

use std::collections::{BTreeSet, HashMap, HashSet};

use jichi_protocol::{date::Time, digest::Digest};

/// The most nonces of one key that are remembered at a time.
pub const NONCES_PER_KEY_MAX: u32 = 20_000;
/// The most nonces of all keys that are remembered at a time.
pub const NONCES_MAX: usize = 200_000;

const _: () = assert!((NONCES_PER_KEY_MAX as usize) < NONCES_MAX);

/// Why a nonce was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NonceRefused {
    /// Its time is over, perhaps because the clock was ahead before.
    #[error("the signature is too old; sign again")]
    Over,
    /// It was used before.
    #[error("the nonce was used before; sign again with a new one")]
    Used,
    /// As many are remembered as may be. None is forgotten early, for that would allow a replay.
    #[error("too many requests in the window; wait and sign again")]
    Full,
}

/// What is remembered of used nonces: hashes, until the signature would be refused for its age.
#[derive(Debug, Default)]
pub struct NonceStore {
    by_end: BTreeSet<(Time, Digest, Digest)>,
    used: HashSet<Digest>,
    of_key: HashMap<Digest, u32>,
    /// The latest time that was seen: what was forgotten by then stays refused.
    latest: Time,
}

impl NonceStore {
    /// Remembers a nonce of a key until `end`, the last time at which its signature is taken.
    ///
    /// # Errors
    /// [`NonceRefused`]; nothing is remembered.
    pub fn admit(
        &mut self,
        key_id: &str,
        nonce: &str,
        end: Time,
        now: Time,
    ) -> Result<(), NonceRefused> {
        self.latest = self.latest.max(now);
        self.forget_ended();
        if end < self.latest {
            return Err(NonceRefused::Over);
        }
        let key = Digest::of(&[key_id.as_bytes()]);
        // The key's hash has a fixed length, so the border to the nonce is clear.
        let both = Digest::of(&[&key.0, nonce.as_bytes()]);
        if self.used.contains(&both) {
            return Err(NonceRefused::Used);
        }
        let of_key = self.of_key.get(&key).copied().unwrap_or(0);
        if self.used.len() >= NONCES_MAX || of_key >= NONCES_PER_KEY_MAX {
            return Err(NonceRefused::Full);
        }
        self.of_key.insert(key, of_key.saturating_add(1));
        self.used.insert(both);
        self.by_end.insert((end, both, key));
        Ok(())
    }

    /// How many nonces are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.used.len()
    }

    /// Whether none is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.used.is_empty()
    }

    fn forget_ended(&mut self) {
        while let Some((end, both, key)) = self.by_end.first().copied() {
            if end >= self.latest {
                break;
            }
            self.by_end.pop_first();
            self.used.remove(&both);
            let left = self.of_key.get(&key).copied().unwrap_or(0).saturating_sub(1);
            if left == 0 {
                self.of_key.remove(&key);
            } else {
                self.of_key.insert(key, left);
            }
        }
    }
}

#[cfg(test)]
mod tests;
