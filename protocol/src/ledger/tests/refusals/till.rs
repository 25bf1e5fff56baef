//! What a till is refused for.

use alloc::vec;

use super::{BEGIN, Ladder, set_state};
use crate::{
    account::HolderState,
    codec,
    command::*,
    entry::Entry,
    id::*,
    intent::{PaymentIntent, RefundIntent, VoidIntent},
    key::{ClientKey, OperationKey},
    ledger::tests::{desk::*, pair::word},
    refusal::Refusal,
    signature::Domain,
    terms::{Limit, Method, TownTerms},
};

fn pay(desk: &mut Desk, intent: &PaymentIntent, account: AccountId) -> Result<Entry, Refusal> {
    let signature = desk.terminal_key.sign(Domain::Payment, &codec::encode(intent));
    let payer = Payer { account, method: Method::CardPin };
    let key = OperationKey::Client(intent.key);
    desk.keyed(Some(key), Command::Pay(SignedPayment { intent: intent.clone(), signature }, payer))
}

pub(super) fn payment() -> Ladder {
    let mut ladder = Ladder::default();
    let mut desk = Desk::new("102016", BEGIN);
    let resident = desk.resident();
    desk.grant(resident, 2_000, "a").unwrap();
    let limit = Limit { payment: p(1_000), day: p(1_500) };
    desk.fact(Command::SetTerms(TownTerms { card: limit, ..TownTerms::DEFAULT }, by_officer()));
    let shut = TerminalSetting {
        terminal: TerminalId(3),
        merchant: SHOP,
        key: desk.terminal_key.public(),
        state: InUse::Suspended,
    };
    desk.fact(Command::SetTerminal(shut, by_officer()));
    let used = desk.key();
    let command = desk.payment(used, resident, 900);
    desk.keyed(Some(OperationKey::Client(used)), command).unwrap();
    let shop = |state| MerchantSetting::plain(SHOP, "店".parse().unwrap(), state);
    desk.fact(Command::SetMerchant(shop(InUse::Suspended), by_officer()));
    let nobody = AccountId([9; 16]);
    let mut intent = PaymentIntent {
        town: "141500".parse().unwrap(),
        key: used,
        merchant: SHOP,
        terminal: TILL,
        points: p(0),
        total_yen: None,
        at: desk.time,
        proof: word("proof"),
        rest: None,
    };
    ladder.step(pay(&mut desk, &intent, nobody));
    intent.key = ClientKey::of(day("2026-11-16").start(), [1; 10]);
    ladder.step(pay(&mut desk, &intent, nobody));
    intent.key = ClientKey::of(desk.time.later_by_ms(600_001), [1; 10]);
    ladder.step(pay(&mut desk, &intent, nobody));
    for terminal in [TerminalId(99), TerminalId(3), OTHER_TILL] {
        (intent.key, intent.terminal) = (desk.key(), terminal);
        ladder.step(pay(&mut desk, &intent, nobody));
    }
    (intent.key, intent.town) = (desk.key(), desk.town);
    ladder.step(pay(&mut desk, &intent, nobody));
    (intent.key, intent.terminal) = (desk.key(), TILL);
    ladder.step(pay(&mut desk, &intent, nobody));
    desk.fact(Command::SetMerchant(shop(InUse::Active), by_officer()));
    intent.key = desk.key();
    ladder.step(pay(&mut desk, &intent, nobody));
    for state in [HolderState::Frozen, HolderState::Deceased, HolderState::Open] {
        set_state(&mut desk, resident, state);
        intent.key = desk.key();
        ladder.step(pay(&mut desk, &intent, resident));
    }
    let closed = desk.resident();
    set_state(&mut desk, closed, HolderState::Closed);
    intent.key = desk.key();
    ladder.step(pay(&mut desk, &intent, closed));
    for points in [1_001, 601] {
        (intent.key, intent.points) = (desk.key(), p(points));
        ladder.step(pay(&mut desk, &intent, resident));
    }
    let poor = desk.resident();
    (intent.key, intent.points) = (desk.key(), p(600));
    desk.void(intent.key.payment()).unwrap();
    ladder.step(pay(&mut desk, &intent, poor));
    intent.key = desk.key();
    ladder.step(pay(&mut desk, &intent, poor));
    intent.key = desk.key();
    pay(&mut desk, &intent, resident).unwrap();
    ladder
}

pub(super) fn void_and_refund() -> [Ladder; 2] {
    let (mut voids, mut refunds) = (Ladder::default(), Ladder::default());
    let mut desk = Desk::new("102016", BEGIN);
    let resident = desk.resident();
    desk.grant(resident, 2_000, "a").unwrap();
    let paid = desk.pay(resident, 100).unwrap();
    let voided = desk.pay(resident, 100).unwrap();
    desk.void(voided).unwrap();
    let (elsewhere, unknown) = ("141500".parse().unwrap(), PaymentId([7; 16]));
    let mut steps = vec![
        (elsewhere, SHOP, TerminalId(99), unknown, 0),
        (elsewhere, SHOP, OTHER_TILL, unknown, 0),
        (desk.town, SHOP, OTHER_TILL, unknown, 0),
        (desk.town, OTHER_SHOP, OTHER_TILL, unknown, 0),
        (desk.town, OTHER_SHOP, OTHER_TILL, voided, 0),
        (desk.town, SHOP, TILL, voided, 0),
    ];
    let mut run = |desk: &mut Desk, (town, merchant, terminal, payment, points): _| {
        let at = desk.time;
        let key = desk.key();
        let intent = VoidIntent { town, key, merchant, terminal, payment, at };
        let signature = desk.terminal_key.sign(Domain::Void, &codec::encode(&intent));
        let command = Command::Void(SignedVoid { intent, signature }, Nothing {});
        voids.step(desk.keyed(Some(OperationKey::Client(key)), command));
        let (key, points) = (desk.key(), p(points));
        let intent = RefundIntent { town, key, merchant, terminal, payment, points, at };
        refunds.step(desk.send_refund(intent));
    };
    for step in steps.drain(..) {
        run(&mut desk, step);
    }
    desk.refund(paid, 40).unwrap();
    desk.until(day(BEGIN).plus_days(91));
    let town = desk.town;
    run(&mut desk, (town, SHOP, TILL, paid, 0));
    run(&mut desk, (town, SHOP, TILL, paid, 61));
    // A day later, unrefunded: too late to void; and more than was paid is not refunded.
    let paid = desk.resident();
    desk.grant(paid, 100, "b").unwrap();
    let paid = desk.pay(paid, 100).unwrap();
    desk.until(day(BEGIN).plus_days(92));
    run(&mut desk, (town, SHOP, TILL, paid, 101));
    [voids, refunds]
}
