//! Tests of few.

use alloc::{collections::BTreeMap, vec, vec::Vec};
use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn it_is_an_ordered_map(changes in prop::collection::vec((0..9_u32, any::<Option<u64>>()), 0..40)) {
        let mut few = Few::<u32, u64>::default();
        let mut map = BTreeMap::new();
        for (key, value) in changes {
            match value {
                Some(value) => {
                    few.set(key, value);
                    map.insert(key, value);
                }
                None => {
                    few.remove(&key);
                    map.remove(&key);
                }
            }
            prop_assert_eq!(few.get(&key), map.get(&key).copied());
            prop_assert_eq!(few.entries(), map.clone().into_iter().collect::<Vec<_>>());
            prop_assert_eq!(few.is_empty(), map.is_empty());
            prop_assert_eq!(codec::encode(&few), codec::encode(&map));
            prop_assert_eq!(codec::decode::<Few<u32, u64>>(&codec::encode(&map)).unwrap(), few.clone());
        }
    }
}

#[test]
fn keys_out_of_order_are_no_map() {
    assert!(codec::decode::<Few<u32, u32>>(&[0xa2, 2, 0, 1, 0]).is_err());
    assert!(codec::decode::<Few<u32, u32>>(&[0xa2, 1, 0, 1, 0]).is_err());
}

#[test]
fn a_list_that_was_emptied_is_as_empty_as_a_new_one() {
    let mut list = Seldom::EMPTY;
    list.change(|list| list.extend([1_u32, 2]));
    assert_eq!(list.iter().copied().collect::<Vec<_>>(), vec![1, 2]);
    assert_eq!(codec::encode(&list), codec::encode(&vec![1_u32, 2]));
    list.change(Vec::clear);
    assert_eq!(list, Seldom::EMPTY);
}
