//! Payments at shops of other towns, when one of the two towns is restored from a backup.

use super::{
    super::restore::{backup, new_directory, restart},
    months::{self, period},
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

/// A shop gives back, and the base town answers; the answer comes back.
fn give_back(pair: &mut Pair, payment: PaymentId, points: u32) -> Envelope {
    let refund = sent(&pair.b.refund(payment, points).unwrap()).unwrap();
    pair.a.receive(&refund).unwrap().unwrap()
}

fn agree(pair: &Pair) {
    for (one, other) in [(&pair.a, &pair.b), (&pair.b, &pair.a)] {
        assert!(one.ledger.recovering(&other.town).is_none(), "{:?}", one.ledger.meta().recovery);
        assert_eq!(one.book(Account::Transit(other.town)), 0);
        assert_eq!(one.book(Account::OwedTo(other.town)), other.book(Account::OwedBy(one.town)));
        one.replays();
    }
}

#[test]
fn what_a_shop_got_and_gave_back_is_its_towns_again_behind_a_restore() {
    for lost_from in ["the request on", "the acceptance on", "the refund on"] {
        let mut pair = Pair::roaming(BEGIN, |_| {}, 1_000);
        let begun = pair.b.journal.len();
        let under = pair.roam(400);
        let accept = give_back(&mut pair, under.payment, 150);
        pair.b.receive(&accept).unwrap();
        let kept = match lost_from {
            "the request on" => begun,
            "the acceptance on" => begun + 1,
            _ => begun + 2,
        };
        pair.b = backup(&pair.b, kept);
        restart(&mut pair.b, 2).unwrap();
        take_back(&mut pair);
        assert_eq!(pair.b.book(Account::Merchant(SHOP)), 250, "{lost_from}");
        assert_eq!(pair.b.book(Account::Loss(LossCause::Restore)), 0, "{lost_from}");
        assert!(matches!(pair.state_at_b(&under), AskState::Taken(_)), "{lost_from}");
        // The shop asks again with the same word, and can give back what is left.
        let again = pair.b.refund(under.payment, 251);
        assert_eq!(again.err(), Some(Refusal::OverRefunded { left: p(250) }), "{lost_from}");
        let accept = give_back(&mut pair, under.payment, 250);
        pair.b.receive(&accept).unwrap();
        assert_eq!(pair.a.spendable(&pair.at_a), 1_000, "{lost_from}");
        agree(&pair);
    }
}

#[test]
fn what_a_shop_gives_back_of_a_payment_that_the_base_town_lost_makes_the_loss_less() {
    let mut pair = Pair::roaming(BEGIN, |_| {}, 1_000);
    let begun = pair.a.journal.len();
    let under = pair.roam(400);
    let accept = give_back(&mut pair, under.payment, 100);
    pair.b.receive(&accept).unwrap();
    pair.a = backup(&pair.a, begun);
    restart(&mut pair.a, 2).unwrap();
    take_back(&mut pair);
    let loss = Account::Loss(LossCause::Restore);
    assert_eq!(pair.a.book(loss), 300, "the holder has 1,000 again, and 300 are spent");
    assert_eq!(pair.a.spendable(&pair.at_a), 1_000);
    agree(&pair);
    let accept = give_back(&mut pair, under.payment, 300);
    assert_eq!(answered(&accept), Answer::Accept { date: day(BEGIN) });
    pair.b.receive(&accept).unwrap();
    assert_eq!((pair.a.book(loss), pair.a.spendable(&pair.at_a)), (0, 1_000));
    assert_eq!(pair.b.book(Account::Merchant(SHOP)), 0);
    agree(&pair);
}

#[test]
fn an_answer_to_a_refund_that_the_base_town_lost_is_given_once() {
    let mut pair = Pair::roaming(BEGIN, |_| {}, 1_000);
    let under = pair.roam(400);
    let kept = pair.a.journal.len();
    let accept = give_back(&mut pair, under.payment, 150);
    pair.b.receive(&accept).unwrap();
    pair.a = backup(&pair.a, kept);
    assert_eq!(pair.a.spendable(&pair.at_a), 600);
    restart(&mut pair.a, 2).unwrap();
    take_back(&mut pair);
    assert_eq!(pair.a.spendable(&pair.at_a), 750);
    assert_eq!(pair.a.ledger.paid_away(&under.request).unwrap().refunded, p(150));
    let taken = period(&pair.a, pair.b.town, BEGIN, Flow::Taken);
    assert_eq!((taken.0, taken.1), (1, 150));
    agree(&pair);
}

#[test]
fn a_shop_does_not_cancel_what_its_restored_town_may_have_taken() {
    let mut pair = Pair::roaming(BEGIN, |_| {}, 1_000);
    let under = pair.ask(400).unwrap();
    let kept = pair.b.journal.len();
    let offer = pair.offered(&under);
    let accept = pair.b.receive(&offer).unwrap().unwrap();
    pair.a.receive(&accept).unwrap();
    pair.b = backup(&pair.b, kept);
    restart(&mut pair.b, 2).unwrap();
    let town = pair.a.town;
    let naming = Command::NameUnheard(Unheard { towns: vec![town] }, by_officer());
    pair.b.by_two(&naming).unwrap();
    assert_eq!(pair.b.cancel_ask(under.payment).err(), Some(Refusal::Recovering));
    take_back(&mut pair);
    assert_eq!(pair.b.cancel_ask(under.payment).err(), Some(Refusal::RequestTaken));
    assert_eq!(pair.b.book(Account::Merchant(SHOP)), 400);
    agree(&pair);
}

#[test]
fn a_request_that_no_base_town_got_ends_behind_the_fence() {
    let mut pair = Pair::roaming(BEGIN, |_| {}, 1_000);
    let under = pair.ask(400).unwrap();
    let kept = pair.b.journal.len();
    pair.b = backup(&pair.b, kept);
    restart(&mut pair.b, 2).unwrap();
    take_back(&mut pair);
    let AskState::Refused(_, reason) = pair.state_at_b(&under) else { panic!("refused") };
    assert_eq!(reason, RefuseReason::Fenced);
    assert_eq!(pair.a.receive(&under.message).err(), Some(Refusal::NotWellFormed), "it is void");
    agree(&pair);
}

#[test]
fn a_month_that_a_restore_lost_is_agreed_again() {
    for (restored, lost) in [("a", 0), ("a", 1), ("b", 0), ("b", 1), ("b", 2)] {
        let mut pair = Pair::roaming(BEGIN, |_| {}, 1_000);
        pair.roam(400);
        pair.on("2026-12-01");
        let kept = (pair.a.journal.len(), pair.b.journal.len());
        months::settle(&mut pair);
        let cut = |desk: &mut Desk, kept: usize| {
            *desk = backup(desk, (kept + lost).min(desk.journal.len()));
            restart(desk, 2).unwrap();
        };
        match restored {
            "a" => cut(&mut pair.a, kept.0),
            _ => cut(&mut pair.b, kept.1),
        }
        take_back(&mut pair);
        let (a, b) = (pair.a.town, pair.b.town);
        let closed = (1, 400, PeriodStage::Closed);
        assert_eq!(period(&pair.b, a, BEGIN, Flow::Taken), closed, "{restored} lost {lost}");
        assert_eq!(period(&pair.a, b, BEGIN, Flow::Given), closed, "{restored} lost {lost}");
        agree(&pair);
    }
}
