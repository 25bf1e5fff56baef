//! The root depends on the content alone.

#![expect(clippy::arithmetic_side_effects, reason = "small numbers of a test")]

use alloc::{collections::BTreeMap, vec, vec::Vec};
use proptest::prelude::*;

use super::*;
use crate::{codec, digest::Digest};

/// One change of the map. Few keys, so that they meet.
#[derive(Debug, Clone)]
enum Change {
    Insert(u8, u32),
    Remove(u8),
    Add(u8),
    Below(u8),
    Ask,
    Some(usize),
    Copy,
}

fn change() -> impl Strategy<Value = Change> {
    let key = || 0..KEYS;
    prop_oneof![
        12 => (key(), any::<u32>()).prop_map(|(key, value)| Change::Insert(key, value)),
        5 => key().prop_map(Change::Remove),
        4 => key().prop_map(Change::Add),
        1 => (0..KEYS / 8).prop_map(Change::Below),
        2 => Just(Change::Ask),
        2 => (0..9_usize).prop_map(Change::Some),
        2 => Just(Change::Copy),
    ]
}

const KEYS: u8 = 120;

/// Keys that part at bits far apart: groups of close ones, some of one place, some alone, the
/// least and the greatest that there are.
fn key(n: u8) -> Digest {
    let mut bytes = [0; 32];
    match n {
        0..40 => bytes[31] = n,
        40..80 => {
            bytes[0] = (n - 40) * 6;
            bytes[9] = n;
        }
        80..100 => {
            bytes[0] = 0x80;
            bytes[15] = n;
        }
        _ => {
            bytes = [0xff; 32];
            bytes[20] = n;
        }
    }
    Digest(bytes)
}

fn fresh(values: &BTreeMap<Digest, u32>) -> Hashed<Digest, u32> {
    let mut map = Hashed::default();
    for (key, value) in values.iter().rev() {
        map.insert(*key, *value);
    }
    map
}

proptest! {
    #[test]
    fn the_root_depends_on_the_content_only(changes in prop::collection::vec(change(), 0..300)) {
        let mut map = Hashed::<Digest, u32>::default();
        let mut values = BTreeMap::new();
        let mut copies = vec![];
        for change in changes {
            match change {
                Change::Insert(n, value) => {
                    prop_assert_eq!(map.insert(key(n), value), values.insert(key(n), value));
                }
                Change::Remove(n) => {
                    prop_assert_eq!(map.remove(&key(n)), values.remove(&key(n)));
                }
                Change::Add(n) => {
                    let value = map.get_or_default(key(n));
                    *value = value.wrapping_add(1);
                    let value = values.entry(key(n)).or_default();
                    *value = value.wrapping_add(1);
                }
                Change::Below(n) => {
                    map.remove_below(&key(n));
                    values = values.split_off(&key(n));
                }
                Change::Ask => {
                    prop_assert_eq!(map.root(), fresh(&values).root());
                    prop_assert_eq!(map.unhashed(), 0);
                }
                Change::Some(at_most) => {
                    let before = map.unhashed();
                    let hashed = map.hash_some(at_most);
                    prop_assert_eq!(hashed, before.min(at_most));
                    prop_assert_eq!(map.unhashed(), before - hashed);
                }
                Change::Copy => copies.push((map.clone(), values.clone())),
            }
        }
        copies.push((map, values));
        for (mut map, values) in copies {
            prop_assert!(map.iter().eq(values.iter()));
            prop_assert!(map.iter().rev().eq(values.iter().rev()));
            prop_assert_eq!(map.len(), values.len());
            prop_assert_eq!(map.root(), fresh(&values).root());
            let mut read: Hashed<Digest, u32> = codec::decode(&codec::encode(&map)).unwrap();
            prop_assert_eq!(read.root(), map.root());
            prop_assert!(read == map);
        }
    }

    #[test]
    fn a_range_is_that_of_an_ordered_map(
        held in prop::collection::vec(0..KEYS, 0..100),
        (from, to) in (0..KEYS, 0..KEYS),
        turns in prop::collection::vec(any::<bool>(), 0..100),
    ) {
        let values: BTreeMap<_, _> = held.iter().map(|n| (key(*n), u32::from(*n))).collect();
        let map = fresh(&values);
        let (from, to) = (key(from).min(key(to)), key(from).max(key(to)));
        prop_assert!(map.range(from..to).eq(values.range(from..to)));
        prop_assert!(map.range(..=to).eq(values.range(..=to)));
        prop_assert!(map.range(from..).rev().eq(values.range(from..).rev()));
        let (mut ours, mut theirs) = (map.range(from..=to), values.range(from..=to));
        for back in turns {
            if back {
                prop_assert_eq!(ours.next_back(), theirs.next_back());
            } else {
                prop_assert_eq!(ours.next(), theirs.next());
            }
        }
    }

    #[test]
    fn another_content_has_another_root(
        values in prop::collection::btree_map((0..KEYS).prop_map(key), any::<u32>(), 0..60),
        n in 0..KEYS,
        value in any::<u32>(),
    ) {
        let mut other = values.clone();
        other.insert(key(n), value);
        prop_assert_eq!(fresh(&values).root() == fresh(&other).root(), values == other);
        other.remove(&key(n));
        prop_assert_eq!(fresh(&values).root() == fresh(&other).root(), values == other);
    }
}

#[test]
fn an_empty_map_that_was_full_is_as_empty_as_a_new_one() {
    let mut map = Hashed::<Digest, u32>::default();
    let empty = map.root();
    map.insert(key(1), 1);
    assert_ne!(map.root(), empty);
    map.remove(&key(1));
    assert_eq!(map.root(), empty);
}

#[test]
fn a_value_that_was_changed_in_place_changes_the_root() {
    let mut map = Hashed::<Digest, u32>::default();
    map.insert(key(1), 1);
    let before = map.root();
    *map.get_mut(&key(1)).unwrap() = 2;
    assert_ne!(map.root(), before);
}

#[test]
fn parts_give_the_map_again() {
    for count in [0, 1, 2_000, 5_000_u32] {
        let mut map = Hashed::<Digest, u32>::default();
        for n in 0..count {
            map.insert(Digest::of(&[&n.to_be_bytes()]), n);
        }
        let mut parts = Vec::new();
        let mut write = |part: &[u8]| {
            parts.push(part.to_vec());
            Ok(())
        };
        let written: Result<(), Malformed> = map.write_parts(&mut write);
        written.unwrap();
        assert!(parts.iter().all(|part| part.len() < PART_BYTES + 100));
        let mut rest = parts.iter();
        let mut read = Hashed::<Digest, u32>::read_parts(&mut || rest.next()).unwrap();
        assert!(rest.next().is_none());
        assert_eq!(read.root(), map.root());
        let mut cut = parts.iter().take(parts.len() - 1);
        assert!(Hashed::<Digest, u32>::read_parts(&mut || cut.next()).is_err());
    }
}
