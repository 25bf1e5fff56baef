//! Payments at shops of other towns, when one of the two towns is restored from a backup.

use super::{
    super::restore::{backup, new_directory, restart},
    months::period,
    *,
};
use crate::account::LossCause;

/// Generation 2 of one town is in the directory, and both say what they have to.
fn take_back(pair: &mut Pair) {
    new_directory(pair, 2);
    super::super::restore::settle(pair);
}

#[test]
fn a_shop_has_what_its_restored_town_had_accepted() {
    let mut pair = Pair::roaming(BEGIN, |_| {}, 1_000);
    let entries = pair.b.journal.len();
    pair.roam(400);
    pair.b = backup(&pair.b, entries);
    assert_eq!(pair.b.book(Account::Merchant(SHOP)), 0);
    restart(&mut pair.b, 2).unwrap();
    take_back(&mut pair);
    assert_eq!(pair.b.book(Account::Merchant(SHOP)), 400);
    assert_eq!(pair.b.book(Account::Unclaimed), 0);
    assert_eq!(pair.b.book(Account::OwedBy(pair.a.town)), 400);
    assert_eq!(pair.a.book(Account::OwedTo(pair.b.town)), 400);
    let taken = period(&pair.b, pair.a.town, BEGIN, Flow::Taken);
    assert_eq!((taken.0, taken.1), (1, 400), "it belongs to the month of its accept");
    pair.b.replays();
}

#[test]
fn a_cancel_ends_an_offer_that_the_restored_base_town_had_lost() {
    let mut pair = Pair::roaming(BEGIN, |_| {}, 1_000);
    let under = pair.ask(400).unwrap();
    assert_eq!(pair.a.receive(&under.message), Ok(None));
    let entries = pair.a.journal.len();
    let resident = pair.at_a;
    let offer = pair.a.pay_request(under.request, resident, Some(Method::Password)).unwrap();
    pair.b.cancel_ask(under.payment).unwrap();
    assert_eq!(pair.b.receive(&offer), Ok(None));
    pair.a = backup(&pair.a, entries);
    restart(&mut pair.a, 2).unwrap();
    take_back(&mut pair);
    assert_eq!(pair.a.book(Account::Transit(pair.b.town)), 0, "nothing is under way for ever");
    assert_eq!(pair.a.book(Account::Loss(LossCause::Restore)), 0);
    assert_eq!(pair.a.spendable(&resident), 1_000);
    assert_eq!(pair.b.book(Account::Merchant(SHOP)), 0);
    pair.a.replays();
}
