//! A map of a few keys, in one piece: millions of holders have one, and a tree for each would take
//! ten times as much.

use alloc::vec::Vec;
use minicbor::{Decode, Encode};

/// A map of a few keys, in order. Written as a CBOR map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Few<K, V>(Vec<(K, V)>);

impl<K, V> Default for Few<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// The place of one key, with a value or not.
#[derive(Debug)]
pub struct Entry<'a, K, V> {
    few: &'a mut Few<K, V>,
    key: K,
}

impl<K: Ord, V> Few<K, V> {
    fn find(&self, key: &K) -> Result<usize, usize> {
        self.0.binary_search_by(|(held, _)| held.cmp(key))
    }

    /// The value of a key.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.0.get(self.find(key).ok()?).map(|(_, value)| value)
    }

    /// The value of a key, to be changed.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let at = self.find(key).ok()?;
        self.0.get_mut(at).map(|(_, value)| value)
    }

    /// The place of a key.
    pub const fn entry(&mut self, key: K) -> Entry<'_, K, V> {
        Entry { few: self, key }
    }

    /// Sets the value of a key; the former one comes back.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.find(&key) {
            Ok(at) => self.0.get_mut(at).map(|(_, held)| core::mem::replace(held, value)),
            Err(at) => {
                self.0.reserve_exact(1);
                self.0.insert(at, (key, value));
                None
            }
        }
    }

    /// Removes a key; its value comes back.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let at = self.find(key).ok()?;
        let (_, value) = self.0.remove(at);
        self.0.shrink_to_fit();
        Some(value)
    }

    /// Keys and values in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// Whether there is no value.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a, K: Ord, V: Default> Entry<'a, K, V> {
    /// The value, made if there is none.
    pub fn or_default(self) -> &'a mut V {
        let at = match self.few.find(&self.key) {
            Ok(at) => at,
            Err(at) => {
                self.few.0.reserve_exact(1);
                self.few.0.insert(at, (self.key, V::default()));
                at
            }
        };
        let Some((_, value)) = self.few.0.get_mut(at) else {
            unreachable!("found or put in just above")
        };
        value
    }
}

impl<K: Encode<C>, V: Encode<C>, C> Encode<C> for Few<K, V> {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.map(self.0.len() as u64)?;
        for (key, value) in &self.0 {
            e.encode_with(key, ctx)?.encode_with(value, ctx)?;
        }
        Ok(())
    }
}

impl<'b, K: Ord + Decode<'b, C>, V: Decode<'b, C>, C> Decode<'b, C> for Few<K, V> {
    fn decode(d: &mut minicbor::Decoder<'b>, ctx: &mut C) -> Result<Self, minicbor::decode::Error> {
        let len = d.map()?.ok_or_else(|| minicbor::decode::Error::message("a map of no length"))?;
        let mut few = Self::default();
        for _ in 0..len {
            let (key, value) = (d.decode_with(ctx)?, d.decode_with(ctx)?);
            if few.0.last().is_some_and(|(last, _)| *last >= key) {
                return Err(minicbor::decode::Error::message("keys out of order"));
            }
            few.0.reserve_exact(1);
            few.0.push((key, value));
        }
        Ok(few)
    }
}
