//! Which key judges a peer's messages: the one in force at their number (federation, Keys).

use alloc::collections::BTreeMap;
use core::ops::Bound;
use minicbor::{Decode, Encode};

use super::Channel;
use crate::{id::ChannelNumber, signature::PublicKey};

/// How many changes are remembered; a message from before the first of them was heard long ago.
const CHANGES_KEPT: usize = 16;

/// The keys of a peer whose directory entry no longer says which one is in force here.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(super) struct PeerKeys {
    /// In force behind the last change.
    #[n(0)]
    current: PublicKey,
    /// The number of each change, and the key that was in force below it.
    #[n(1)]
    before: BTreeMap<ChannelNumber, PublicKey>,
}

impl PeerKeys {
    fn changed_behind(&self, number: ChannelNumber) -> Option<&PublicKey> {
        let behind = (Bound::Excluded(number), Bound::Unbounded);
        self.before.range(behind).next().map(|(_, key)| key)
    }
}

impl Channel {
    /// The key in force at this number of the peer's; none if it is the directory's.
    #[must_use]
    pub fn key_at(&self, number: ChannelNumber) -> Option<PublicKey> {
        let keys = self.keys.as_ref()?;
        Some(*keys.changed_behind(number).unwrap_or(&keys.current))
    }

    /// The key in force behind the last change; none if it is the directory's.
    #[must_use]
    pub fn last_key(&self) -> Option<PublicKey> {
        self.keys.as_ref().map(|keys| keys.current)
    }

    /// Whether the key was changed behind this number: then a message counts only where a later
    /// one, under the newer key, names it.
    #[must_use]
    pub fn needs_link(&self, number: ChannelNumber) -> bool {
        self.keys.as_ref().is_some_and(|keys| keys.changed_behind(number).is_some())
    }

    /// The directory names another key from now on; this one stays in force until the peer's
    /// message changes it.
    pub fn pin_key(&mut self, key: PublicKey) {
        self.keys.get_or_insert_with(|| PeerKeys { current: key, before: BTreeMap::new() });
    }

    /// The peer's message of this number changed its key.
    pub fn change_key(&mut self, number: ChannelNumber, old: PublicKey, new: PublicKey) {
        let keys =
            self.keys.get_or_insert_with(|| PeerKeys { current: new, before: BTreeMap::new() });
        keys.current = new;
        keys.before.insert(number, old);
        if keys.before.len() > CHANGES_KEPT {
            keys.before.pop_first();
        }
    }
}
