//! The ladders of online orders.

use super::*;
use crate::{
    ledger::tests::order::*,
    order::{CampaignOutcome, HoldStatement},
    terms::{Limit, Method},
};

pub(super) fn hold() -> Ladder {
    let mut ladder = Ladder::default();
    let (mut desk, resident) = Desk::online(BEGIN, 1_000);
    let send = |desk: &mut Desk, consent, change: &dyn Fn(&mut HoldStatement)| {
        let mut statement = desk.hold_statement(CHOICE, resident, 2_000, "2026-11-23");
        statement.card_yen = p(9_000);
        change(&mut statement);
        desk.send_hold(statement, resident, consent)
    };
    let standing = Consent::Standing;
    let nobody = LinkId([1; 16]);
    let set = |desk: &mut Desk, site: SiteSetting| {
        desk.fact(Command::SetSite(site, by_officer()));
    };
    ladder.step(send(&mut desk, standing, &|s| s.site = SiteId(9)));
    let elsewhere: TownId = "102016".parse().unwrap();
    let wrong = |s: &mut HoldStatement| (s.town, s.link) = (elsewhere, nobody);
    ladder.step(send(&mut desk, standing, &wrong));
    let shop = site(CHOICE, SiteKind::Shop);
    set(&mut desk, SiteSetting { state: InUse::Suspended, ..shop.clone() });
    ladder.step(send(&mut desk, standing, &|s| s.link = nobody));
    set(&mut desk, shop);
    let merchant = |desk: &mut Desk, state| {
        let setting = MerchantSetting::plain(SHOP, "店".parse().unwrap(), state);
        desk.fact(Command::SetMerchant(setting, by_officer()));
    };
    merchant(&mut desk, InUse::Suspended);
    ladder.step(send(&mut desk, standing, &|s| s.link = nobody));
    merchant(&mut desk, InUse::Active);
    ladder.step(send(&mut desk, standing, &|s| s.link = nobody));
    set_state(&mut desk, resident, HolderState::Frozen);
    ladder.step(send(&mut desk, standing, &|s| s.points = p(0)));
    set_state(&mut desk, resident, HolderState::Open);
    ladder.step(send(&mut desk, standing, &|s| s.points = p(0)));
    ladder.step(send(&mut desk, standing, &|_| {}));
    let sound = |s: &mut HoldStatement| s.card_yen = p(0);
    ladder.step(send(&mut desk, standing, &sound));
    let dated = |s: &mut HoldStatement| {
        sound(s);
        s.last_day = day("2026-12-01");
    };
    let limits = |desk: &mut Desk, payment, day| {
        let password = Limit { payment: p(payment), day: p(day) };
        let terms = TownTerms { password, ..*desk.ledger.terms() };
        desk.fact(Command::SetTerms(terms, by_officer()));
    };
    desk.link_site(resident, CHOICE, Some(10));
    limits(&mut desk, 1_500, 1_500);
    ladder.step(send(&mut desk, standing, &dated));
    let confirmed = Consent::Confirmed(Method::Password);
    ladder.step(send(&mut desk, confirmed, &dated));
    limits(&mut desk, 3_000, 1_500);
    ladder.step(send(&mut desk, confirmed, &dated));
    limits(&mut desk, 3_000, 3_000);
    let key = desk.key();
    desk.release(CHOICE, key.hold()).unwrap();
    let released = |s: &mut HoldStatement| {
        dated(s);
        s.key = key;
    };
    ladder.step(send(&mut desk, confirmed, &released));
    ladder.step(send(&mut desk, confirmed, &dated));
    ladder
}

pub(super) fn capture() -> Ladder {
    let mut ladder = Ladder::default();
    let (mut desk, resident) = Desk::online(BEGIN, 1_000);
    let hold = desk.hold(CHOICE, resident, 200, "2026-12-01").unwrap();
    let pledge = desk.hold(SECURITE, resident, 300, "2026-12-01").unwrap();
    ladder.step(desk.capture(CHOICE, HoldId([1; 16]), 0));
    ladder.step(desk.capture(SECURITE, hold, 0));
    ladder.step(desk.capture(CHOICE, hold, 0));
    ladder.step(desk.refund_capture(CHOICE, hold, 0));
    ladder.step(desk.capture(SECURITE, pledge, 301));
    let late = desk.hold(SECURITE, resident, 10, "2026-12-05").unwrap();
    desk.on("2026-12-02");
    ladder.step(desk.capture(CHOICE, hold, 201));
    desk.run_returns();
    ladder.step(desk.release(CHOICE, hold));
    desk.close(SECURITE, CampaignOutcome::Failure).unwrap();
    ladder.step(desk.close(SECURITE, CampaignOutcome::Failure));
    ladder.step(desk.capture(SECURITE, late, 11));
    let hold = desk.hold(CHOICE, resident, 200, "2026-12-09").unwrap();
    ladder.step(desk.capture(CHOICE, hold, 201));
    desk.capture(CHOICE, hold, 100).unwrap();
    ladder.step(desk.release(CHOICE, hold));
    ladder
}
