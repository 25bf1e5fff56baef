//! Everything between towns once, for the journal that is kept.

use super::{house::move_house, months::settle, *};

/// A third town, with which everything between towns is done once, for the journal that is kept.
pub(in crate::ledger::tests) fn with_a_third_town(desk: &mut Desk, known: &Desk) {
    let on = desk.ledger.day();
    let mut third = Desk::new("242012", "2027-11-10");
    third.until(on);
    let part = directory(3, &[desk, known, &third]);
    let signed = agreement(desk, &third, |_| {});
    for town in [&mut *desk, &mut third] {
        town.fact(Command::TakeDirectory(part.clone(), Nothing {}));
        town.fact(Command::TakeAgreement(signed.clone(), by_officer()));
    }
    let (here, there) = (desk.resident(), third.resident());
    let link = desk.link(here);
    let mut statement = desk.statement(link, 2_000);
    statement.catalogue = crate::catalogue::CatalogueVersion(2);
    let conversion = desk.send_conversion(statement).unwrap();
    desk.pick(here, conversion).unwrap();
    third.converted(there, 1_000);
    let (to_there, to_here) = (third.handle(there, desk.town), desk.handle(here, third.town));
    let mut pair = Pair {
        a: core::mem::replace(desk, Desk::bare("102016", "2027-11-10")),
        b: third,
        at_a: here,
        at_b: there,
        to_b: to_there,
        to_a: to_here,
    };
    // A holder pays there, and a shop here asks of a holder from there, twice.
    pair.roam(400);
    let mut other_way = |points: u32, cancelled: bool| {
        let intent = pair.a.ask_intent(pair.b.town, pair.to_b, points);
        let payment = intent.key.payment();
        let message = sent(&pair.a.send_ask(intent).unwrap()).unwrap();
        if cancelled {
            let cancel = sent(&pair.a.cancel_ask(payment).unwrap()).unwrap();
            pair.b.receive(&cancel).unwrap();
            pair.b.receive(&message).unwrap();
            return;
        }
        pair.b.receive(&message).unwrap();
        let request = TransferId(payment.0);
        let account = pair.at_b;
        let offer = pair.b.pay_request(request, account, Some(Method::Password)).unwrap();
        let accept = pair.a.receive(&offer).unwrap().unwrap();
        pair.b.receive(&accept).unwrap();
    };
    other_way(100, false);
    other_way(50, true);
    let paid = pair.a.pay(here, 200).unwrap();
    let offer = sent(&move_house(&mut pair, 51).unwrap()).unwrap();
    let accept = pair.b.receive(&offer).unwrap().unwrap();
    pair.a.receive(&accept).unwrap();
    pair.a.refund(paid, 200).unwrap();
    for forward in pair.a.due() {
        let accept = pair.b.receive(&forward).unwrap().unwrap();
        pair.a.receive(&accept).unwrap();
    }
    let month = on.month();
    pair.on("2027-12-01");
    let ended = pair.a.due();
    let named = PeriodNamed { town: pair.b.town, month };
    pair.a.submit(Command::RestatePeriod(named, by_officer())).unwrap();
    for message in ended.into_iter().chain(pair.a.due()) {
        pair.b.receive(&message).unwrap();
    }
    settle(&mut pair);
    pair.a.submit(Command::RecordSettlement(named, by_officer())).unwrap();
    *desk = pair.a;
}
