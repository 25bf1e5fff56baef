//! A holder moves house.

use alloc::vec::Vec;

use super::*;

pub(super) fn move_house(pair: &mut Pair, transfer: u8) -> Result<Entry, Refusal> {
    let shared = MoveShared { transfer: TransferId([transfer; 16]), town: pair.b.town };
    let own = MovePrivate { account: pair.at_a, recipient: pair.to_b, actor: Actor::Holder };
    pair.a.submit(Command::MoveHouse(shared, own))
}

#[test]
fn a_whole_account_moves_house_with_every_origin() {
    let mut pair = Pair::roaming(BEGIN, |_| {}, 500);
    let resident = pair.at_a;
    pair.a.grant(resident, 300, "walk").unwrap();
    let offer = sent(&move_house(&mut pair, 1).unwrap()).unwrap();
    assert_eq!(pair.a.spendable(&resident), 0);
    let accept = pair.b.receive(&offer).unwrap().unwrap();
    assert!(matches!(answered(&accept), Answer::Accept { .. }));
    assert_eq!(pair.b.spendable(&pair.at_b), 800);
    pair.a.receive(&accept).unwrap();
    assert_eq!(pair.a.ledger.holder(&resident).unwrap().state, HolderState::Closed);
    assert_eq!(pair.a.ledger.moved(&resident).unwrap().town, pair.b.town);
    assert_eq!(move_house(&mut pair, 2), Err(Refusal::AccountClosed));
    pair.sound();
}

#[test]
fn a_move_that_the_new_town_refuses_brings_all_of_it_back() {
    let mut pair = Pair::roaming(BEGIN, |_| {}, 500);
    let resident = pair.at_a;
    pair.to_b = Handle([8; 16]);
    let offer = sent(&move_house(&mut pair, 1).unwrap()).unwrap();
    let refuse = pair.b.receive(&offer).unwrap().unwrap();
    pair.a.receive(&refuse).unwrap();
    assert_eq!(pair.a.spendable(&resident), 500);
    assert_eq!(pair.a.ledger.holder(&resident).unwrap().state, HolderState::Open);
    pair.sound();
}

#[test]
fn what_comes_back_late_follows_a_holder_who_moved_and_gets_its_grace_there() {
    let mut pair = Pair::roaming(BEGIN, |_| {}, 500);
    let resident = pair.at_a;
    let paid = pair.a.pay(resident, 200).unwrap();
    let offer = sent(&move_house(&mut pair, 1).unwrap()).unwrap();
    let accept = pair.b.receive(&offer).unwrap().unwrap();
    pair.a.receive(&accept).unwrap();
    pair.a.fact(Command::SetTerms(
        crate::terms::TownTerms { refund_days: 200, ..*pair.a.ledger.terms() },
        by_officer(),
    ));
    pair.on("2027-04-02");
    pair.a.refund(paid, 200).unwrap();
    let forward = pair.a.due().pop().unwrap();
    assert_eq!(pair.a.book(Account::Unclaimed), 0);
    let accept = pair.b.receive(&forward).unwrap().unwrap();
    pair.a.receive(&accept).unwrap();
    let late: Vec<_> = pair
        .lots_at_b()
        .into_iter()
        .filter(|lot| lot.terms.grace == crate::lot::Grace::Used)
        .collect();
    assert_eq!(late.len(), 1);
    assert_eq!(late[0].points, p(200));
    assert_eq!(late[0].terms.expires, day("2027-04-16"));
    assert_eq!(pair.a.due(), []);
    pair.sound();
}

#[test]
fn what_cannot_follow_is_unclaimed_and_does_not_start_again() {
    let mut pair = Pair::roaming(BEGIN, |_| {}, 500);
    let resident = pair.at_a;
    let paid = pair.a.pay(resident, 200).unwrap();
    let offer = sent(&move_house(&mut pair, 1).unwrap()).unwrap();
    let accept = pair.b.receive(&offer).unwrap().unwrap();
    pair.a.receive(&accept).unwrap();
    let gone = AccountStateChange {
        account: pair.at_b,
        state: HolderState::Deceased,
        actor: Actor::Officer(OFFICER),
    };
    pair.b.submit(Command::SetAccountState(Nothing {}, gone)).unwrap();
    pair.a.refund(paid, 200).unwrap();
    let forward = pair.a.due().pop().unwrap();
    let refuse = pair.b.receive(&forward).unwrap().unwrap();
    pair.a.receive(&refuse).unwrap();
    assert_eq!(pair.a.book(Account::Unclaimed), 200);
    assert_eq!(pair.a.due(), []);
    pair.sound();
}
