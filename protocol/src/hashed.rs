//! An ordered map with a Merkle hash over its values in order of their keys, kept incrementally:
//! only the buckets that changed are hashed again.

use alloc::{
    collections::{BTreeMap, BTreeSet, btree_map},
    vec::Vec,
};
use core::ops::{Bound, RangeBounds};
use minicbor::{Decode, Encode};

use crate::{
    account::Account,
    catalogue::CatalogueVersion,
    codec,
    digest::Digest,
    id::{
        AccountId, ConversionId, DeskId, Handle, MerchantId, ProgrammeId, ProposalId, RunId,
        SchemeId, SiteId, StreetCardId, TerminalId, TownId, TransferId, VoucherKindId,
    },
};

/// A key whose order puts those of one bucket side by side.
pub trait Bucketed: Ord + Copy + Encode<()> {
    /// The bucket, in the order of the keys.
    fn bucket(&self) -> u32;

    /// The least key of a bucket; none if there is one bucket only.
    fn first_of(bucket: u32) -> Option<Self>;
}

/// A map that knows the hash of its content.
#[derive(Debug, Clone)]
pub struct Hashed<K, V> {
    values: BTreeMap<K, V>,
    /// The hash of each bucket, as of the last [`Hashed::root`].
    buckets: BTreeMap<u32, Digest>,
    /// The buckets that changed since.
    changed: BTreeSet<u32>,
}

impl<K, V> Default for Hashed<K, V> {
    fn default() -> Self {
        Self { values: BTreeMap::new(), buckets: BTreeMap::new(), changed: BTreeSet::new() }
    }
}

impl<K: PartialEq, V: PartialEq> PartialEq for Hashed<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.values == other.values
    }
}

impl<K: Bucketed, V: Encode<()>> Hashed<K, V> {
    /// The value of a key.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.values.get(key)
    }

    /// Whether the key has a value.
    pub fn contains(&self, key: &K) -> bool {
        self.values.contains_key(key)
    }

    /// The value of a key, to be changed.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let value = self.values.get_mut(key)?;
        self.changed.insert(key.bucket());
        Some(value)
    }

    /// The value of a key, made if there is none, to be changed.
    pub fn get_or_default(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        self.changed.insert(key.bucket());
        self.values.entry(key).or_default()
    }

    /// Sets the value of a key; the former one comes back.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.changed.insert(key.bucket());
        self.values.insert(key, value)
    }

    /// Removes a key; its value comes back.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let value = self.values.remove(key)?;
        self.changed.insert(key.bucket());
        Some(value)
    }

    /// Removes the keys below `bound`, which must be the first of the map's order.
    pub fn remove_below(&mut self, bound: &K) {
        while let Some(first) = self.values.first_entry() {
            if first.key() >= bound {
                break;
            }
            self.changed.insert(first.key().bucket());
            first.remove();
        }
    }

    /// Keys and values in order.
    pub fn iter(&self) -> btree_map::Iter<'_, K, V> {
        self.values.iter()
    }

    /// Keys and values of a range, in order.
    pub fn range(&self, range: impl RangeBounds<K>) -> btree_map::Range<'_, K, V> {
        self.values.range(range)
    }

    /// How many keys have a value.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The Merkle hash over the buckets in order; each is the hash of its keys and values.
    ///
    /// The content alone decides it: not the order of changes, and not when it was asked before.
    pub fn root(&mut self) -> Digest {
        if !self.changed.is_empty() {
            self.hash_changed();
        }
        let mut level: Vec<Digest> = self
            .buckets
            .iter()
            .map(|(bucket, hash)| Digest::of(&[&[0], &bucket.to_be_bytes(), &hash.0]))
            .collect();
        if level.is_empty() {
            return Digest::of(&[]);
        }
        while level.len() > 1 {
            let pairs = level.chunks(2);
            level = pairs
                .map(|pair| match pair {
                    [left, right] => Digest::of(&[&[1], &left.0, &right.0]),
                    single => single.first().copied().unwrap_or_default(),
                })
                .collect();
        }
        level.first().copied().unwrap_or_default()
    }

    fn hash_changed(&mut self) {
        // One pass over the changed buckets' keys; where a bucket begins is found by its number.
        let changed = core::mem::take(&mut self.changed);
        for bucket in changed {
            let mut bytes = Vec::new();
            for (key, value) in self.bucket_range(bucket) {
                codec::encode_into(key, &mut bytes);
                codec::encode_into(value, &mut bytes);
            }
            if bytes.is_empty() {
                self.buckets.remove(&bucket);
            } else {
                self.buckets.insert(bucket, Digest::of(&[&bytes]));
            }
        }
    }

    fn bucket_range(&self, bucket: u32) -> impl Iterator<Item = (&K, &V)> {
        let from = K::first_of(bucket).map_or(Bound::Unbounded, Bound::Included);
        self.values
            .range((from, Bound::Unbounded))
            .take_while(move |(key, _)| key.bucket() == bucket)
    }
}

impl<K: Bucketed, V: Encode<()>, C> Encode<C> for Hashed<K, V> {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.map(self.values.len() as u64)?;
        for (key, value) in &self.values {
            e.encode(key)?.encode(value)?;
        }
        Ok(())
    }
}

impl<'b, K: Bucketed + Decode<'b, C>, V: Decode<'b, C>, C> Decode<'b, C> for Hashed<K, V> {
    fn decode(d: &mut minicbor::Decoder<'b>, ctx: &mut C) -> Result<Self, minicbor::decode::Error> {
        let values: BTreeMap<K, V> = d.decode_with(ctx)?;
        let changed = values.keys().map(Bucketed::bucket).collect();
        Ok(Self { values, buckets: BTreeMap::new(), changed })
    }
}

/// Buckets by the first two of the bytes of a random id.
macro_rules! bucketed_by_bytes {
    ($($name:ty),*) => {$(
        impl Bucketed for $name {
            fn bucket(&self) -> u32 {
                let [high, low, ..] = self.0;
                u32::from(u16::from_be_bytes([high, low]))
            }

            fn first_of(bucket: u32) -> Option<Self> {
                let [.., high, low] = bucket.to_be_bytes();
                let mut first = Self(Default::default());
                let [first_high, first_low, ..] = &mut first.0;
                (*first_high, *first_low) = (high, low);
                Some(first)
            }
        }
    )*};
}

bucketed_by_bytes!(AccountId, Digest, Handle, TransferId, ConversionId);
bucketed_by_bytes!(StreetCardId);

/// One bucket for what is few.
macro_rules! bucketed_as_one {
    ($($name:ty),*) => {$(
        impl Bucketed for $name {
            fn bucket(&self) -> u32 {
                0
            }

            fn first_of(_: u32) -> Option<Self> {
                None
            }
        }
    )*};
}

bucketed_as_one!(
    MerchantId,
    TerminalId,
    ProgrammeId,
    TownId,
    Account,
    ProposalId,
    CatalogueVersion,
    SchemeId,
    VoucherKindId,
    SiteId,
    DeskId,
    RunId
);

#[cfg(test)]
mod tests;
