//! What is refused between two towns.

use super::*;
use crate::{
    agreement::AgreedShop, ledger::tests::between::Under, refusal::Refusal, terms::Method,
    transfer::Message,
};

fn shop_of(pair: &Pair, merchant: MerchantId) -> AgreedShop {
    AgreedShop { town: pair.b.town, merchant }
}

pub(super) fn roaming() -> Ladder {
    let mut ladder = Ladder::default();
    let mut pair = Pair::roaming(BEGIN, |_| {}, 1_000);
    let old = PaymentId([1; 16]);
    ladder.step(pair.b.cancel_ask(old));
    let Under { payment, .. } = pair.ask(100).unwrap();
    pair.b.cancel_ask(payment).unwrap();
    ladder.step(pair.b.cancel_ask(payment));
    let taken = pair.roam(100);
    ladder.step(pair.b.cancel_ask(taken.payment));
    ladder.step(pair.b.void(taken.payment).map(|_| unreachable!("no void")));
    let under = pair.ask(100).unwrap();
    let offer = pair.offered(&under);
    pair.b.receive(&offer).unwrap().unwrap();
    let refund = sent(&pair.b.refund(under.payment, 100).unwrap()).unwrap();
    assert!(matches!(Message::of(&refund), Some(Message::Refund(_))));
    let refused = pair.a.receive(&refund).unwrap_err();
    assert_eq!(refused, Refusal::OriginalUnderWay);
    ladder.0.push(refused);
    let goods = agreement(&pair.a, &pair.b, |agreement| {
        agreement.number = 2;
        agreement.shops = Some(vec![shop_of(&pair, OTHER_SHOP)]);
    });
    pair.b.fact(Command::TakeAgreement(goods, by_officer()));
    ladder.0.push(pair.ask(1).err().unwrap());
    let _ = Method::Password;
    ladder
}

pub(super) fn settlement() -> Ladder {
    let mut ladder = Ladder::default();
    let mut pair = Pair::roaming(BEGIN, |_| {}, 1_000);
    let named = PeriodNamed { town: pair.a.town, month: day(BEGIN).month() };
    let pay = |desk: &mut Desk| desk.submit(Command::RecordSettlement(named, by_officer()));
    pair.on("2026-11-25");
    ladder.step(desk_restate(&mut pair.b, named));
    pair.roam(100);
    ladder.step(pay(&mut pair.b));
    ladder.step(desk_restate(&mut pair.b, named));
    ladder
}

fn desk_restate(desk: &mut Desk, named: PeriodNamed) -> Result<Entry, Refusal> {
    desk.submit(Command::RestatePeriod(named, by_officer()))
}
