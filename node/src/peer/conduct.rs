//! How a peer behaves: who asks far beyond its share is turned away for a while, longer each time.

use std::time::Duration;

use super::line::Backoff;
use crate::clock::Monotonic;

/// Requests within [`WINDOW`] that were dropped as too many. An honest node has 64 on the wire, which
/// all wait for their turn, and does not come near.
pub(super) const EXCESS_MAX: u32 = 512;
/// Over what time they are counted.
pub(super) const WINDOW: Duration = Duration::from_secs(10);
/// Behind so long a time without trouble, a peer begins anew.
const FORGIVEN_AFTER: Duration = Duration::from_secs(600);

/// What is remembered of one peer.
#[derive(Debug, Default)]
pub(super) struct Conduct {
    since: Monotonic,
    excess: u32,
    away: Backoff,
    is_away: bool,
}

impl Conduct {
    /// One request too many. Whether the peer is to be turned away now.
    pub(super) fn exceeds(&mut self, now: Monotonic, chance: u32) -> bool {
        let quiet = now.since(self.since);
        if quiet >= FORGIVEN_AFTER {
            self.away.reset();
        }
        if quiet >= WINDOW {
            (self.since, self.excess) = (now, 0);
        }
        self.excess = self.excess.saturating_add(1);
        if self.is_away || self.excess < EXCESS_MAX {
            return false;
        }
        (self.is_away, self.excess) = (true, 0);
        self.away.fail(now, chance);
        true
    }

    /// Whether the peer is turned away at the moment.
    pub(super) const fn is_away(&self) -> bool {
        self.is_away
    }

    /// Whether the time is over for which the peer was turned away: it may come back.
    pub(super) fn returns(&mut self, now: Monotonic) -> bool {
        let returns = self.is_away && self.away.allows(now);
        if returns {
            self.is_away = false;
        }
        returns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Monotonic {
        Monotonic(Duration::from_secs(seconds))
    }

    /// Exceeds until it is turned away, within a second.
    fn flood(conduct: &mut Conduct, second: u64) {
        let times = (0..EXCESS_MAX * 2).take_while(|_| !conduct.exceeds(at(second), 0)).count();
        assert_eq!(u32::try_from(times).ok(), EXCESS_MAX.checked_sub(1));
        assert!(conduct.is_away());
    }

    #[test]
    fn who_exceeds_now_and_then_stays() {
        let mut conduct = Conduct::default();
        for window in 1..100 {
            assert!((1..EXCESS_MAX).all(|_| !conduct.exceeds(at(window * 10), 0)));
        }
        assert!(!conduct.is_away());
    }

    #[test]
    fn who_floods_is_away_for_longer_each_time_and_is_forgiven_at_last() {
        let mut conduct = Conduct::default();
        let mut now = 1;
        for seconds in [1, 2, 4, 8, 16, 20, 20] {
            flood(&mut conduct, now);
            assert!(!conduct.returns(at(now + seconds - 1)));
            assert!(conduct.returns(at(now + seconds)));
            assert!(!conduct.is_away());
            now += seconds + 10;
        }
        now += 600;
        flood(&mut conduct, now);
        assert!(conduct.returns(at(now + 1)));
    }
}
