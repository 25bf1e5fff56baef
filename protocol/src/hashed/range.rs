//! Walks over a map from both ends.

use alloc::collections::VecDeque;
use core::{ops::Bound, slice};

use super::{
    Bucketed,
    node::{Kind, Node, places},
};

/// Keys and values of a range, in order.
#[derive(Debug)]
pub struct Range<'a, K, V> {
    bounds: (Bound<K>, Bound<K>),
    /// What is still to be walked over, in order.
    parts: VecDeque<&'a Node<K, V>>,
    front: slice::Iter<'a, (K, V)>,
    back: slice::Iter<'a, (K, V)>,
}

impl<K, V> Default for Range<'_, K, V> {
    fn default() -> Self {
        Self {
            bounds: (Bound::Unbounded, Bound::Unbounded),
            parts: VecDeque::new(),
            front: [].iter(),
            back: [].iter(),
        }
    }
}

impl<'a, K: Bucketed, V> Range<'a, K, V> {
    pub(super) fn new(root: Option<&'a Node<K, V>>, bounds: (Bound<K>, Bound<K>)) -> Self {
        let mut range = Self { bounds, ..Self::default() };
        range.parts.extend(root.filter(|root| range.meets(root)));
        range
    }

    /// Whether keys of the range may stand there.
    fn meets(&self, part: &Node<K, V>) -> bool {
        let Kind::Fork { bit, prefix, .. } = &part.kind else { return true };
        let (least, greatest) = places(*bit, *prefix);
        let above = match &self.bounds.0 {
            Bound::Included(from) | Bound::Excluded(from) => greatest >= from.place(),
            Bound::Unbounded => true,
        };
        let below = match &self.bounds.1 {
            Bound::Included(to) | Bound::Excluded(to) => least <= to.place(),
            Bound::Unbounded => true,
        };
        above && below
    }

    /// The part of a bucket that is in the range.
    fn within(&self, entries: &'a [(K, V)]) -> slice::Iter<'a, (K, V)> {
        let from = match &self.bounds.0 {
            Bound::Included(from) => entries.partition_point(|(key, _)| key < from),
            Bound::Excluded(from) => entries.partition_point(|(key, _)| key <= from),
            Bound::Unbounded => 0,
        };
        let to = match &self.bounds.1 {
            Bound::Included(to) => entries.partition_point(|(key, _)| key <= to),
            Bound::Excluded(to) => entries.partition_point(|(key, _)| key < to),
            Bound::Unbounded => entries.len(),
        };
        entries.get(from..to).unwrap_or_default().iter()
    }
}

impl<'a, K: Bucketed, V> Iterator for Range<'a, K, V> {
    type Item = (&'a K, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((key, value)) = self.front.next() {
                return Some((key, value));
            }
            let Some(part) = self.parts.pop_front() else {
                return self.back.next().map(|(key, value)| (key, value));
            };
            match &part.kind {
                Kind::Bucket(entries) => self.front = self.within(entries),
                Kind::Fork { low, high, .. } => {
                    for side in [high, low] {
                        if self.meets(side) {
                            self.parts.push_front(side);
                        }
                    }
                }
            }
        }
    }
}

impl<K: Bucketed, V> DoubleEndedIterator for Range<'_, K, V> {
    fn next_back(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((key, value)) = self.back.next_back() {
                return Some((key, value));
            }
            let Some(part) = self.parts.pop_back() else {
                return self.front.next_back().map(|(key, value)| (key, value));
            };
            match &part.kind {
                Kind::Bucket(entries) => self.back = self.within(entries),
                Kind::Fork { low, high, .. } => {
                    for side in [low, high] {
                        if self.meets(side) {
                            self.parts.push_back(side);
                        }
                    }
                }
            }
        }
    }
}
