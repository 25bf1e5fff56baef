//! The tree under a map: buckets of keys side by side, and above them a node wherever two parts of
//! the tree differ in a bit of their keys' places. The content alone makes its shape.

use alloc::{sync::Arc, vec::Vec};
use core::{mem, slice};
use minicbor::Encode;

use super::Bucketed;
use crate::{codec, digest::Digest};

/// A part of the tree.
#[derive(Debug, Clone)]
pub(super) struct Node<K, V> {
    /// None since the last change.
    hash: Option<Digest>,
    pub(super) kind: Kind<K, V>,
}

/// What a node is.
#[derive(Debug, Clone)]
pub(super) enum Kind<K, V> {
    /// In order; more than [`Bucketed::IN_A_BUCKET`] only if all have one place.
    Bucket(Vec<(K, V)>),
    /// Two parts.
    Fork {
        /// The first bit, from the highest, in which places below differ.
        bit: u8,
        /// The bits that all places below have before it, then zeros.
        prefix: [u8; 16],
        /// Where the bit is 0.
        low: Arc<Node<K, V>>,
        /// Where it is 1.
        high: Arc<Node<K, V>>,
    },
}

type Link<K, V> = Arc<Node<K, V>>;

/// The bit of a place, from the highest.
const fn is_set(place: u128, bit: u8) -> bool {
    place.unbounded_shl(bit as u32) >> 127 == 1
}

/// The least and the greatest place under a fork.
pub(super) const fn places(bit: u8, prefix: [u8; 16]) -> (u128, u128) {
    let least = u128::from_be_bytes(prefix);
    (least, least | u128::MAX.unbounded_shr(bit as u32))
}

/// Whether a place is one of those under a fork.
const fn holds(bit: u8, prefix: [u8; 16], place: u128) -> bool {
    let (least, greatest) = places(bit, prefix);
    least <= place && place <= greatest
}

/// The first bit in which two places differ, if they do.
fn parting(one: u128, other: u128) -> Option<u8> {
    u8::try_from((one ^ other).leading_zeros()).ok().filter(|bit| *bit < 128)
}

/// The bits of a place before a bit.
const fn prefix_of(place: u128, bit: u8) -> [u8; 16] {
    let behind = u128::MAX.unbounded_shr(bit as u32);
    (place & !behind).to_be_bytes()
}

impl<K: Bucketed, V> Node<K, V> {
    /// The hash, if nothing below changed since it was made.
    pub(super) const fn hash(&self) -> Option<Digest> {
        self.hash
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        let place = key.place();
        let mut at = self;
        loop {
            match &at.kind {
                Kind::Fork { bit, low, high, .. } => {
                    at = if is_set(place, *bit) { high } else { low };
                }
                Kind::Bucket(entries) => {
                    let found = entries.binary_search_by(|(held, _)| held.cmp(key)).ok()?;
                    return entries.get(found).map(|(_, value)| value);
                }
            }
        }
    }

    pub(super) fn first_key(&self) -> Option<K> {
        let mut at = self;
        loop {
            match &at.kind {
                Kind::Fork { low, .. } => at = low,
                Kind::Bucket(entries) => return entries.first().map(|(key, _)| *key),
            }
        }
    }

    pub(super) fn last_key(&self) -> Option<K> {
        let mut at = self;
        loop {
            match &at.kind {
                Kind::Fork { high, .. } => at = high,
                Kind::Bucket(entries) => return entries.last().map(|(key, _)| *key),
            }
        }
    }

    /// Some place below.
    fn place(&self) -> u128 {
        match &self.kind {
            Kind::Fork { prefix, .. } => u128::from_be_bytes(*prefix),
            Kind::Bucket(entries) => entries.first().map_or(0, |(key, _)| key.place()),
        }
    }

    const fn is_empty(&self) -> bool {
        match &self.kind {
            Kind::Bucket(entries) => entries.is_empty(),
            Kind::Fork { .. } => false,
        }
    }
}

fn link<K, V>(kind: Kind<K, V>) -> Link<K, V> {
    Arc::new(Node { hash: None, kind })
}

/// A bucket of one.
pub(super) fn bucket_of<K, V>(key: K, value: V) -> Link<K, V> {
    let mut entries = Vec::new();
    entries.reserve_exact(1);
    entries.push((key, value));
    link(Kind::Bucket(entries))
}

/// A node to be changed: this tree's own, and without a hash.
fn touch<'a, K: Bucketed, V: Clone>(
    at: &'a mut Link<K, V>,
    unhashed: &mut usize,
) -> &'a mut Kind<K, V> {
    let node = Arc::make_mut(at);
    if node.hash.take().is_some() && matches!(node.kind, Kind::Bucket(_)) {
        *unhashed = unhashed.saturating_add(1);
    }
    &mut node.kind
}

pub(super) fn get_mut<'a, K: Bucketed, V: Clone>(
    root: &'a mut Link<K, V>,
    key: &K,
    unhashed: &mut usize,
) -> Option<&'a mut V> {
    let place = key.place();
    let mut at = root;
    loop {
        match touch(at, unhashed) {
            Kind::Fork { bit, low, high, .. } => {
                at = if is_set(place, *bit) { high } else { low };
            }
            Kind::Bucket(entries) => {
                let found = entries.binary_search_by(|(held, _)| held.cmp(key)).ok()?;
                return entries.get_mut(found).map(|(_, value)| value);
            }
        }
    }
}

pub(super) fn insert<K: Bucketed, V: Clone>(
    at: &mut Link<K, V>,
    key: K,
    value: V,
    unhashed: &mut usize,
) -> Option<V> {
    let place = key.place();
    if let Kind::Fork { bit, prefix, .. } = &at.kind
        && !holds(*bit, *prefix, place)
    {
        let old = Arc::clone(at);
        *unhashed = unhashed.saturating_add(1);
        *at = fork(old, bucket_of(key, value));
        return None;
    }
    let kind = touch(at, unhashed);
    match kind {
        Kind::Fork { bit, low, high, .. } => {
            let side = if is_set(place, *bit) { high } else { low };
            insert(side, key, value, unhashed)
        }
        Kind::Bucket(entries) => match entries.binary_search_by(|(held, _)| held.cmp(&key)) {
            Ok(found) => entries.get_mut(found).map(|(_, held)| mem::replace(held, value)),
            Err(to) => {
                // Millions of buckets: none has much room to spare.
                if entries.len() == entries.capacity() {
                    entries.reserve_exact(4);
                }
                entries.insert(to, (key, value));
                if let Some((low, high)) = split(entries) {
                    *unhashed = unhashed.saturating_add(1);
                    *at = fork(low, high);
                }
                None
            }
        },
    }
}

/// Puts two parts together that differ in their places.
fn fork<K: Bucketed, V>(one: Link<K, V>, other: Link<K, V>) -> Link<K, V> {
    let (place, other_place) = (one.place(), other.place());
    let bit = parting(place, other_place).unwrap_or(127);
    let (low, high) = if place < other_place { (one, other) } else { (other, one) };
    link(Kind::Fork { bit, prefix: prefix_of(place, bit), low, high })
}

/// Two buckets out of one that is too large, if its places differ.
fn split<K: Bucketed, V>(entries: &mut Vec<(K, V)>) -> Option<(Link<K, V>, Link<K, V>)> {
    if entries.len() <= K::IN_A_BUCKET {
        return None;
    }
    let place = |entry: Option<&(K, V)>| entry.map_or(0, |(key, _)| key.place());
    let bit = parting(place(entries.first()), place(entries.last()))?;
    let half = entries.partition_point(|(key, _)| !is_set(key.place(), bit));
    let mut high = entries.split_off(half);
    high.shrink_to_fit();
    let mut low = mem::take(entries);
    low.shrink_to_fit();
    Some((link(Kind::Bucket(low)), link(Kind::Bucket(high))))
}

/// Removes a key that is there.
pub(super) fn remove<K: Bucketed, V: Clone>(
    at: &mut Link<K, V>,
    key: &K,
    unhashed: &mut usize,
) -> Option<V> {
    match touch(at, unhashed) {
        Kind::Bucket(entries) => {
            let found = entries.binary_search_by(|(held, _)| held.cmp(key)).ok()?;
            let (_, value) = entries.remove(found);
            entries.shrink_to_fit();
            Some(value)
        }
        Kind::Fork { bit, low, high, .. } => {
            let side = if is_set(key.place(), *bit) { &mut *high } else { &mut *low };
            let removed = remove(side, key, unhashed);
            if low.is_empty() || high.is_empty() {
                // The empty one was changed just now, hence counted.
                *unhashed = unhashed.saturating_sub(1);
                let rest = Arc::clone(if low.is_empty() { high } else { low });
                *at = rest;
            } else if let Some(joined) = joined(low, high, unhashed) {
                *at = joined;
            }
            removed
        }
    }
}

/// One bucket out of two that fit into one.
fn joined<K: Bucketed, V: Clone>(
    low: &mut Link<K, V>,
    high: &mut Link<K, V>,
    unhashed: &mut usize,
) -> Option<Link<K, V>> {
    let (Kind::Bucket(first), Kind::Bucket(rest)) = (&low.kind, &high.kind) else { return None };
    if first.len().saturating_add(rest.len()) > K::IN_A_BUCKET {
        return None;
    }
    let mut all = Vec::new();
    all.reserve_exact(first.len().saturating_add(rest.len()));
    for half in [low, high] {
        if let Kind::Bucket(entries) = touch(half, unhashed) {
            all.append(entries);
        }
    }
    // Both are counted now, and one bucket takes their place.
    *unhashed = unhashed.saturating_sub(1);
    Some(link(Kind::Bucket(all)))
}

/// Hashes buckets that changed, and all forks over what is hashed, until so many are done.
pub(super) fn hash<K: Bucketed, V: Encode<()> + Clone>(
    at: &mut Link<K, V>,
    left: &mut usize,
    buffer: &mut Vec<u8>,
) {
    if at.hash.is_some() || *left == 0 {
        return;
    }
    let node = Arc::make_mut(at);
    match &mut node.kind {
        Kind::Bucket(entries) => {
            *left = left.saturating_sub(1);
            node.hash = Some(hash_bucket(entries.iter(), buffer));
        }
        Kind::Fork { low, high, .. } => {
            hash(low, left, buffer);
            hash(high, left, buffer);
            if let (Some(low), Some(high)) = (low.hash, high.hash) {
                node.hash = Some(Digest::of(&[&[1], &low.0, &high.0]));
            }
        }
    }
}

fn hash_bucket<'a, K: Bucketed + 'a, V: Encode<()> + 'a>(
    entries: slice::Iter<'a, (K, V)>,
    buffer: &mut Vec<u8>,
) -> Digest {
    buffer.clear();
    for (key, value) in entries {
        codec::encode_into(key, buffer);
        codec::encode_into(value, buffer);
    }
    Digest::of(&[&[0], buffer])
}
