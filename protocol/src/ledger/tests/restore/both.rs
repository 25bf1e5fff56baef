//! Two towns that are restored one after the other: each may have lost what it told the other.

use super::*;

/// `b` began anew, and `a` told it what it has of it; then `a` is restored to before something.
fn b_anew_then_a(kept: impl Fn(&Pair) -> usize) -> Pair {
    let mut pair = funded();
    let before = pair.b.journal.len();
    let offer = pair.offer(1, 100).unwrap();
    pair.b.receive(&offer).unwrap();
    pair.b = backup(&pair.b, before);
    restart(&mut pair.b, 2).unwrap();
    new_directory(&mut pair, 2);
    let kept = kept(&pair);
    settle(&mut pair);
    assert_eq!(pair.b.spendable(&pair.at_b), 1_100);
    pair.a = backup(&pair.a, kept);
    restart(&mut pair.a, 2).unwrap();
    new_directory(&mut pair, 3);
    pair
}

#[test]
fn a_town_that_lost_its_fence_has_again_what_it_listed() {
    let mut pair = b_anew_then_a(|pair| pair.a.journal.len());
    settle(&mut pair);
    whole(&pair);
}

#[test]
fn a_restored_town_says_nothing_before_it_asks() {
    let mut pair = b_anew_then_a(|pair| pair.a.journal.len());
    // What the other town said when it began anew comes again.
    let asked = says(&pair.b).into_iter().next().unwrap();
    assert_eq!(pair.a.receive(&asked), Err(Refusal::Recovering));
    settle(&mut pair);
    let first = says(&pair.a).into_iter().next().unwrap();
    assert!(matches!(Message::of(&first), Some(Message::TakeBack(_))));
    whole(&pair);
}

#[test]
fn a_fence_that_never_arrived_is_said_again_behind_a_restore() {
    let mut pair = funded();
    restart(&mut pair.b, 2).unwrap();
    new_directory(&mut pair, 2);
    recover(&mut pair.b, &pair.a);
    for asked in says(&pair.b) {
        pair.a.receive(&asked).unwrap();
    }
    // Its fence stands in its journal, and is of a generation that ends here.
    restart(&mut pair.a, 2).unwrap();
    new_directory(&mut pair, 3);
    settle(&mut pair);
    whole(&pair);
}
