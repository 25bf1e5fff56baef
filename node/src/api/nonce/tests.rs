//! Nonces are taken once, and memory is bounded.

use super::*;

const END: Time = Time(300_000);

#[test]
fn a_nonce_is_taken_once_for_each_key() {
    let mut store = NonceStore::default();
    assert_eq!(store.admit("a", "n", END, Time(0)), Ok(()));
    assert_eq!(store.admit("a", "n", END, Time(1)), Err(NonceRefused::Used));
    assert_eq!(store.admit("b", "n", END, Time(1)), Ok(()));
    assert_eq!(store.admit("a", "m", END, Time(300_000)), Ok(()));
    assert_eq!(store.admit("a", "n", END, Time(300_000)), Err(NonceRefused::Used));
}

#[test]
fn what_has_ended_is_forgotten_and_stays_refused_when_the_clock_goes_back() {
    let mut store = NonceStore::default();
    assert_eq!(store.admit("a", "n", END, Time(0)), Ok(()));
    assert_eq!(store.admit("a", "m", Time(600_000), Time(300_001)), Ok(()));
    assert_eq!(store.len(), 1);
    assert_eq!(store.admit("a", "n", END, Time(0)), Err(NonceRefused::Over));
}

#[test]
fn one_key_cannot_fill_the_store_and_a_full_one_forgets_nothing() {
    let mut store = NonceStore::default();
    for n in 0..NONCES_PER_KEY_MAX {
        assert_eq!(store.admit("a", &n.to_string(), END, Time(0)), Ok(()));
    }
    assert_eq!(store.admit("a", "more", END, Time(0)), Err(NonceRefused::Full));
    assert_eq!(store.admit("a", "0", END, Time(0)), Err(NonceRefused::Used));
    assert_eq!(store.admit("b", "0", END, Time(0)), Ok(()));
    assert_eq!(store.admit("a", "more", Time(600_000), Time(300_001)), Ok(()));
    assert_eq!(store.len(), 1);
}
