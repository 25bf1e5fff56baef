//! The root depends on the content alone.

use alloc::collections::BTreeMap;
use proptest::prelude::*;

use super::*;
use crate::{codec, digest::Digest};

/// One change of the map. Few keys, so that they meet; their first two bytes are the bucket.
#[derive(Debug, Clone)]
enum Change {
    Insert(u8, u32),
    Remove(u8),
    Add(u8),
    Below(u8),
    Ask,
}

fn change() -> impl Strategy<Value = Change> {
    let key = 0..24_u8;
    prop_oneof![
        6 => (key.clone(), any::<u32>()).prop_map(|(key, value)| Change::Insert(key, value)),
        3 => key.clone().prop_map(Change::Remove),
        2 => key.clone().prop_map(Change::Add),
        1 => key.prop_map(Change::Below),
        3 => Just(Change::Ask),
    ]
}

/// Three keys of each bucket; those of bucket 0 and of the last one are among them.
fn key(n: u8) -> Digest {
    let mut bytes = [0; 32];
    bytes[0] = if n / 3 == 7 { 0xff } else { n / 3 };
    bytes[1] = bytes[0];
    bytes[31] = n % 3;
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
    fn the_root_depends_on_the_content_only(changes in prop::collection::vec(change(), 0..60)) {
        let mut map = Hashed::<Digest, u32>::default();
        let mut values = BTreeMap::new();
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
                }
            }
        }
        prop_assert!(map.iter().eq(values.iter()));
        prop_assert_eq!(map.root(), fresh(&values).root());
        let mut read: Hashed<Digest, u32> = codec::decode(&codec::encode(&map)).unwrap();
        prop_assert_eq!(read.root(), map.root());
    }

    #[test]
    fn another_content_has_another_root(
        values in prop::collection::btree_map((0..24_u8).prop_map(key), any::<u32>(), 0..12),
        n in 0..24_u8,
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
