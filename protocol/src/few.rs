//! Maps and lists that are small and many: every holder has some, and a tree or a list with room to
//! spare for each would take several times the memory.

use alloc::{boxed::Box, vec::Vec};
use core::{fmt, marker::PhantomData, ops::Deref};
use minicbor::{Decode, Encode};

use crate::codec;

/// A map of few keys, kept as the bytes of its keys and values in order. Written as a CBOR map.
pub struct Few<K, V> {
    bytes: Option<Box<[u8]>>,
    of: PhantomData<(K, V)>,
}

impl<K, V> Few<K, V> {
    /// No key.
    pub const EMPTY: Self = Self { bytes: None, of: PhantomData };
}

impl<K, V> Default for Few<K, V> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<K, V> Clone for Few<K, V> {
    fn clone(&self) -> Self {
        Self { bytes: self.bytes.clone(), of: PhantomData }
    }
}

impl<K, V> PartialEq for Few<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl<K, V> Eq for Few<K, V> {}

impl<K, V> Few<K, V>
where
    K: Ord + Encode<()> + for<'b> Decode<'b, ()>,
    V: Encode<()> + for<'b> Decode<'b, ()>,
{
    fn of(entries: &[(K, V)]) -> Self {
        if entries.is_empty() {
            return Self::EMPTY;
        }
        let mut bytes = Vec::with_capacity(64);
        for (key, value) in entries {
            codec::encode_into(key, &mut bytes);
            codec::encode_into(value, &mut bytes);
        }
        // A copy of just that size: what would be cut off the buffer would stay a hole in memory.
        Self { bytes: Some(Box::from(bytes.as_slice())), of: PhantomData }
    }

    /// Keys and values in order.
    #[must_use]
    pub fn entries(&self) -> Vec<(K, V)> {
        let Some(bytes) = &self.bytes else { return Vec::new() };
        let mut decoder = minicbor::Decoder::new(bytes);
        let mut entries = Vec::new();
        while decoder.position() < bytes.len() {
            let (Ok(key), Ok(value)) = (decoder.decode(), decoder.decode()) else {
                unreachable!("only `of` makes these bytes")
            };
            entries.push((key, value));
        }
        entries
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<V> {
        self.entries().into_iter().find(|(held, _)| held == key).map(|(_, value)| value)
    }

    /// Sets the value of a key.
    pub fn set(&mut self, key: K, value: V) {
        let mut entries = self.entries();
        match entries.binary_search_by(|(held, _)| held.cmp(&key)) {
            Ok(at) => {
                if let Some((_, held)) = entries.get_mut(at) {
                    *held = value;
                }
            }
            Err(at) => entries.insert(at, (key, value)),
        }
        *self = Self::of(&entries);
    }

    /// Removes a key.
    pub fn remove(&mut self, key: &K) {
        let mut entries = self.entries();
        entries.retain(|(held, _)| held != key);
        *self = Self::of(&entries);
    }

    /// Whether there is no key.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_none()
    }
}

impl<K, V> fmt::Debug for Few<K, V>
where
    K: Ord + Encode<()> + for<'b> Decode<'b, ()> + fmt::Debug,
    V: Encode<()> + for<'b> Decode<'b, ()> + fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.entries()).finish()
    }
}

impl<K, V, C> Encode<C> for Few<K, V>
where
    K: Ord + Encode<()> + for<'b> Decode<'b, ()>,
    V: Encode<()> + for<'b> Decode<'b, ()>,
{
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        let entries = self.entries();
        e.map(entries.len() as u64)?;
        for (key, value) in &entries {
            e.encode(key)?.encode(value)?;
        }
        Ok(())
    }
}

impl<'b, K, V, C> Decode<'b, C> for Few<K, V>
where
    K: Ord + Encode<()> + for<'d> Decode<'d, ()>,
    V: Encode<()> + for<'d> Decode<'d, ()>,
{
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        let len = d.map()?.ok_or_else(|| minicbor::decode::Error::message("a map of no length"))?;
        let mut entries: Vec<(K, V)> = Vec::new();
        for _ in 0..len {
            let (key, value) = (d.decode_with(&mut ())?, d.decode_with(&mut ())?);
            if entries.last().is_some_and(|(last, _)| *last >= key) {
                return Err(minicbor::decode::Error::message("keys out of order"));
            }
            entries.push((key, value));
        }
        Ok(Self::of(&entries))
    }
}

/// A list that is mostly empty, and takes one word then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seldom<T>(
    #[expect(clippy::box_collection, reason = "a list in place would take three words")]
    Option<Box<Vec<T>>>,
);

impl<T> Seldom<T> {
    /// Nothing.
    pub const EMPTY: Self = Self(None);

    /// Changes the list.
    pub fn change<R>(&mut self, change: impl FnOnce(&mut Vec<T>) -> R) -> R {
        let mut list = self.0.take().unwrap_or_default();
        let changed = change(&mut list);
        if !list.is_empty() {
            list.shrink_to_fit();
            self.0 = Some(list);
        }
        changed
    }
}

impl<T> Deref for Seldom<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.0.as_deref().map_or(&[], Vec::as_slice)
    }
}

impl<T: Encode<C>, C> Encode<C> for Seldom<T> {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.encode_with(&**self, ctx)?.ok()
    }
}

impl<'b, T: Decode<'b, C>, C> Decode<'b, C> for Seldom<T> {
    fn decode(d: &mut minicbor::Decoder<'b>, ctx: &mut C) -> Result<Self, minicbor::decode::Error> {
        let list: Vec<T> = d.decode_with(ctx)?;
        Ok(Self((!list.is_empty()).then(|| Box::new(list))))
    }
}

#[cfg(test)]
mod tests;
