//! An ordered map with a Merkle hash over its content, kept incrementally: only what changed is
//! hashed again. A copy shares everything with its original until one of the two changes, so a
//! map of millions is copied in no time.

mod node;
mod range;

use alloc::{sync::Arc, vec::Vec};
use core::ops::RangeBounds;
use minicbor::{Decode, Encode};

use crate::{
    account::Account,
    catalogue::CatalogueVersion,
    codec::{self, Malformed},
    date::BusinessDate,
    digest::Digest,
    id::{
        AccountId, CodeId, ConversionId, DeskId, GrantKey, Handle, LibraryLinkId, MerchantId,
        ProgrammeId, ProposalId, RunId, SchemeId, SiteId, StreetCardId, TerminalId, TownId,
        TransferId, VoucherKindId,
    },
    settlement::{Flow, PeriodItem, PeriodKey},
};
use node::Node;
pub use range::Range;

/// A key that has a place among all others of its kind.
pub trait Bucketed: Ord + Copy + Encode<()> {
    /// The place: never less for a greater key. Keys of one place stay in one bucket, however many
    /// they are, so only what is few may share a place.
    fn place(&self) -> u128;

    /// Keys in a bucket at most, those of one place apart. A change hashes its bucket again, so it
    /// is small; each bucket costs about 200 bytes, so it is not smaller.
    const IN_A_BUCKET: usize = 32;
}

/// A map that knows the hash of its content.
#[derive(Debug, Clone)]
pub struct Hashed<K, V> {
    root: Option<Arc<Node<K, V>>>,
    len: usize,
    /// Buckets that were not hashed since they changed.
    unhashed: usize,
}

impl<K, V> Default for Hashed<K, V> {
    fn default() -> Self {
        Self { root: None, len: 0, unhashed: 0 }
    }
}

impl<K: Bucketed + PartialEq, V: PartialEq> PartialEq for Hashed<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl<K: Bucketed, V> Hashed<K, V> {
    /// The value of a key.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.root.as_deref()?.get(key)
    }

    /// Whether the key has a value.
    pub fn contains(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// Keys and values in order.
    pub fn iter(&self) -> Range<'_, K, V> {
        self.range(..)
    }

    /// Keys and values of a range, in order.
    pub fn range(&self, range: impl RangeBounds<K>) -> Range<'_, K, V> {
        let bounds = (range.start_bound().cloned(), range.end_bound().cloned());
        Range::new(self.root.as_deref(), bounds)
    }

    /// How many keys have a value.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no value.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many buckets changed since they were hashed: the work that [`Hashed::root`] has.
    pub const fn unhashed(&self) -> usize {
        self.unhashed
    }
}

impl<K: Bucketed, V: Clone> Hashed<K, V> {
    /// The value of a key, to be changed.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        node::get_mut(self.root.as_mut()?, key, &mut self.unhashed)
    }

    /// The value of a key, made if there is none, to be changed.
    pub fn get_or_default(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        if !self.contains(&key) {
            self.insert(key, V::default());
        }
        let Some(value) = self.get_mut(&key) else { unreachable!("it was put in just above") };
        value
    }

    /// Sets the value of a key; the former one comes back.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let former = match &mut self.root {
            Some(root) => node::insert(root, key, value, &mut self.unhashed),
            None => {
                self.root = Some(node::bucket_of(key, value));
                self.unhashed = 1;
                None
            }
        };
        if former.is_none() {
            self.len = self.len.saturating_add(1);
        }
        former
    }

    /// Removes a key; its value comes back.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        if !self.contains(key) {
            return None;
        }
        let removed = node::remove(self.root.as_mut()?, key, &mut self.unhashed);
        self.len = self.len.saturating_sub(1);
        if self.len == 0 {
            *self = Self::default();
        }
        removed
    }

    /// Removes the keys below `bound`, which must be the first of the map's order.
    pub fn remove_below(&mut self, bound: &K) {
        self.remove_some_below(bound, usize::MAX);
    }

    /// Removes the first keys, so many at most, as far as they are below `bound`.
    pub fn remove_some_below(&mut self, bound: &K, at_most: usize) {
        for _ in 0..at_most {
            match self.root.as_deref().and_then(Node::first_key) {
                Some(first) if first < *bound => self.remove(&first),
                Some(_) | None => return,
            };
        }
    }
}

impl<K: Bucketed, V: Encode<()> + Clone> Hashed<K, V> {
    /// The Merkle hash over the content: a bucket is the hash of its keys and values, and two
    /// subtrees that part at a bit of their keys' places are the hash of both.
    ///
    /// The content alone decides it: not the order of changes, and not when it was asked before.
    pub fn root(&mut self) -> Digest {
        self.hash_some(usize::MAX);
        self.root.as_deref().and_then(Node::hash).unwrap_or_else(|| Digest::of(&[]))
    }

    /// Hashes some of the buckets that changed, so that [`Hashed::root`] has less to do; how many.
    pub fn hash_some(&mut self, at_most: usize) -> usize {
        let Some(root) = &mut self.root else { return 0 };
        let mut left = at_most;
        node::hash(root, &mut left, &mut Vec::new());
        let hashed = at_most.saturating_sub(left);
        self.unhashed = self.unhashed.saturating_sub(hashed);
        hashed
    }

    /// Writes the content, in parts of bounded size.
    ///
    /// # Errors
    /// What `write` says.
    pub fn write_parts<E>(&self, write: &mut impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let mut bytes = codec::encode(&(self.len as u64));
        for (key, value) in self.iter() {
            codec::encode_into(key, &mut bytes);
            codec::encode_into(value, &mut bytes);
            if bytes.len() >= PART_BYTES {
                write(&bytes)?;
                bytes.clear();
            }
        }
        // Also when it is empty: it ends the section.
        write(&bytes)
    }

    /// Reads what [`Hashed::write_parts`] wrote.
    ///
    /// # Errors
    /// [`Malformed`] for anything else.
    pub fn read_parts<B: AsRef<[u8]>>(
        read: &mut impl FnMut() -> Option<B>,
    ) -> Result<Self, Malformed>
    where
        K: for<'b> Decode<'b, ()>,
        V: for<'b> Decode<'b, ()>,
    {
        let mut map = Self::default();
        let mut wanted = None;
        loop {
            let part = read().ok_or(Malformed::Form)?;
            let bytes = part.as_ref();
            let mut decoder = minicbor::Decoder::new(bytes);
            let mut next = || -> Result<(), minicbor::decode::Error> {
                if wanted.is_none() {
                    wanted = Some(decoder.u64()?);
                }
                while decoder.position() < bytes.len() {
                    map.push(decoder.decode()?, decoder.decode()?)?;
                }
                Ok(())
            };
            next().map_err(|_| Malformed::Form)?;
            if bytes.len() < PART_BYTES {
                let whole = wanted == Some(map.len as u64);
                return if whole { Ok(map) } else { Err(Malformed::Form) };
            }
        }
    }

    /// Puts in a key behind all others.
    fn push(&mut self, key: K, value: V) -> Result<(), minicbor::decode::Error> {
        if self.root.as_deref().and_then(Node::last_key).is_some_and(|last| last >= key) {
            return Err(minicbor::decode::Error::message("keys out of order"));
        }
        self.insert(key, value);
        Ok(())
    }
}

/// The size at which a part of a snapshot ends.
const PART_BYTES: usize = 64 * 1024;

impl<K: Bucketed, V: Encode<()>, C> Encode<C> for Hashed<K, V> {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.map(self.len as u64)?;
        for (key, value) in self.iter() {
            e.encode(key)?.encode(value)?;
        }
        Ok(())
    }
}

impl<'b, K, V, C> Decode<'b, C> for Hashed<K, V>
where
    K: Bucketed + Decode<'b, C>,
    V: Decode<'b, C> + Encode<()> + Clone,
{
    fn decode(d: &mut minicbor::Decoder<'b>, ctx: &mut C) -> Result<Self, minicbor::decode::Error> {
        let len = d.map()?.ok_or_else(|| minicbor::decode::Error::message("a map of no length"))?;
        let mut map = Self::default();
        for _ in 0..len {
            map.push(d.decode_with(ctx)?, d.decode_with(ctx)?)?;
        }
        Ok(map)
    }
}

/// Each its own place, by the first sixteen bytes of an id.
macro_rules! bucketed_by_bytes {
    ($($name:ty),*) => {$(
        impl Bucketed for $name {
            fn place(&self) -> u128 {
                let mut place = [0; 16];
                for (to, from) in place.iter_mut().zip(self.0) {
                    *to = from;
                }
                u128::from_be_bytes(place)
            }
        }
    )*};
}
pub(crate) use bucketed_by_bytes;

bucketed_by_bytes!(StreetCardId, LibraryLinkId);
bucketed_by_bytes!(AccountId, Digest, Handle, TransferId, ConversionId, ProposalId, CodeId);

/// Each its own place, by a number.
macro_rules! bucketed_by_number {
    ($($name:ty),*) => {$(
        impl Bucketed for $name {
            fn place(&self) -> u128 {
                self.0.into()
            }
        }
    )*};
}
pub(crate) use bucketed_by_number;

bucketed_by_number!(
    MerchantId,
    TerminalId,
    ProgrammeId,
    SchemeId,
    VoucherKindId,
    SiteId,
    DeskId,
    RunId
);

/// One place for what is few.
macro_rules! bucketed_as_one {
    ($($name:ty),*) => {$(
        impl Bucketed for $name {
            fn place(&self) -> u128 {
                0
            }
        }
    )*};
}

bucketed_as_one!(TownId, Account, CatalogueVersion, PeriodKey);

impl Bucketed for PeriodItem {
    fn place(&self) -> u128 {
        let PeriodKey { town, month, flow } = self.period;
        // Six digits, in order of their bytes.
        let town =
            town.as_str().bytes().fold(0_u128, |sum, digit| (sum << 4) | u128::from(digit & 15));
        let flow = u128::from(flow == Flow::Given);
        let transfer = self.transfer.place() >> 64;
        (town << 104) | (u128::from(month.0) << 72) | (flow << 64) | transfer
    }
}

impl Bucketed for GrantKey {
    fn place(&self) -> u128 {
        u128::from_be_bytes(self.0)
    }

    // Once written, never changed, and quickly hashed.
    const IN_A_BUCKET: usize = 64;
}

impl Bucketed for (BusinessDate, AccountId) {
    fn place(&self) -> u128 {
        let (day, account) = self;
        // A day needs 22 bits: what is left of the account's place stands behind it.
        u128::from(day.day_number()) << 96 | account.place() >> 32
    }

    // Never hashed.
    const IN_A_BUCKET: usize = 64;
}

#[cfg(test)]
mod tests;
