//! Corners of the rules, each of which was wrong once.

use super::{bulk::opening, desk::*, street::street};
use crate::{
    account::{Account, HolderState},
    command::{
        AccountStateChange, Actor, BulkEnd, BulkMode, Command, DayTurn, GrantPrivate, GrantShared,
        Nothing, Sweep,
    },
    digest::Digest,
    id::{AccountId, PaymentId},
    key::{ClientKey, JobKind, OperationKey},
    refusal::Refusal,
};

fn change(desk: &mut Desk, account: AccountId, state: HolderState) -> Result<(), Refusal> {
    let change = AccountStateChange { account, state, actor: Actor::Officer(OFFICER) };
    desk.submit(Command::SetAccountState(Nothing {}, change)).map(|_| ())
}

#[test]
fn a_payment_whose_key_is_a_week_old_is_refunded_as_long_as_any() {
    let mut desk = Desk::new("102016", "2026-11-24");
    let resident = desk.resident();
    desk.grant(resident, 100, "a").unwrap();
    let key = desk.key();
    desk.on("2026-12-01");
    let command = desk.payment(key, resident, 100);
    desk.keyed(Some(OperationKey::Client(key)), command).unwrap();
    desk.until(day("2026-12-01").plus_days(90));
    desk.refund(key.payment(), 100).unwrap();
    desk.replays();
}

#[test]
fn a_void_that_came_first_holds_as_long_as_its_payment_may_come() {
    let mut desk = Desk::new("102016", "2026-11-24");
    let terms = crate::terms::TownTerms { refund_days: 0, ..crate::terms::TownTerms::DEFAULT };
    desk.fact(Command::SetTerms(terms, by_officer()));
    let resident = desk.resident();
    desk.grant(resident, 100, "a").unwrap();
    let key = desk.key();
    desk.void(key.payment()).unwrap();
    for date in ["2026-11-26", "2026-12-01"] {
        desk.on(date);
    }
    let command = desk.payment(key, resident, 100);
    let late = desk.keyed(Some(OperationKey::Client(key)), command);
    assert_eq!(late, Err(Refusal::AlreadyVoided));
}

#[test]
fn a_void_of_what_can_be_no_payment_is_no_success() {
    let mut desk = Desk::new("102016", "2026-11-24");
    let resident = desk.resident();
    desk.grant(resident, 100, "a").unwrap();
    let payment = desk.pay(resident, 100).unwrap();
    let ahead = ClientKey::of(desk.time.later_by_ms(600_001), [0; 10]);
    assert_eq!(desk.void(ahead.payment()), Err(Refusal::UnknownPayment));
    assert_eq!(desk.void(PaymentId([7; 16])), Err(Refusal::UnknownPayment));
    desk.until(day("2026-11-24").plus_days(100));
    assert!(desk.ledger.payment(&payment).is_none());
    assert_eq!(desk.void(payment), Err(Refusal::UnknownPayment));
}

#[test]
fn unassigned_points_of_a_frozen_account_wait_and_stand_in_nobodys_way() {
    let mut desk = Desk::new("102016", "2026-11-24");
    let (frozen, other) = (desk.resident(), desk.resident());
    let mut waiting = [frozen, other].map(|account| {
        let link = desk.link(account);
        let statement = desk.statement(link, 1_000);
        (desk.send_conversion(statement).unwrap(), account)
    });
    waiting.sort_unstable();
    change(&mut desk, frozen, HolderState::Frozen).unwrap();
    for (conversion, account) in waiting {
        let picked = desk.pick(account, conversion);
        assert_eq!(picked.is_ok(), account == other, "{picked:?}");
    }
    let (conversion, _) = waiting.into_iter().find(|(_, account)| *account == frozen).unwrap();
    assert_eq!(desk.pick(frozen, conversion), Err(Refusal::AccountFrozen));
    desk.on("2026-12-31");
    assert!(desk.ledger.overdue_conversions(1).is_empty());
    let date = desk.ledger.day();
    let key = Some(OperationKey::Job { kind: JobKind::Sweep, date });
    let sweep = Command::SweepUnassigned(DayTurn { date }, Sweep { conversion });
    assert_eq!(desk.keyed(key.clone(), sweep.clone()), Err(Refusal::NothingDue));
    change(&mut desk, frozen, HolderState::Open).unwrap();
    assert_eq!(desk.ledger.overdue_conversions(1), [conversion]);
    desk.keyed(key, sweep).unwrap();
    assert_eq!(desk.spendable(&frozen), 500);
    assert_eq!(desk.book(Account::Unassigned(jal())), 0);
    desk.replays();
}

#[test]
fn an_account_is_not_closed_while_points_wait_for_a_town() {
    let mut desk = Desk::new("102016", "2026-11-24");
    let resident = desk.resident();
    let link = desk.link(resident);
    let statement = desk.statement(link, 1_000);
    let conversion = desk.send_conversion(statement).unwrap();
    let refused = change(&mut desk, resident, HolderState::Closed);
    assert_eq!(refused, Err(Refusal::PointsWait { points: p(500) }));
    desk.pick(resident, conversion).unwrap();
    desk.pay(resident, 500).unwrap();
    change(&mut desk, resident, HolderState::Closed).unwrap();
}

#[test]
fn what_was_signed_once_is_done_once_under_whatever_key_it_comes_again() {
    let mut desk = Desk::new("102016", "2026-11-24");
    let resident = desk.resident();
    desk.grant(resident, 100, "a").unwrap();
    let payment = desk.pay(resident, 100).unwrap();
    let refund = desk.refund(payment, 40).unwrap().submission.command;
    assert_eq!(desk.submit(refund.clone()), Err(Refusal::NotWellFormed));
    assert_eq!(desk.keyed(None, refund), Err(Refusal::NotWellFormed));
    assert_eq!(desk.spendable(&resident), 40);

    let link = desk.link(resident);
    let statement = desk.statement(link, 1_000);
    desk.send_conversion(statement).unwrap();
    let last = crate::entry::Entry::parse(desk.journal.last().unwrap()).unwrap();
    assert_eq!(desk.submit(last.submission.command), Err(Refusal::NotWellFormed));
    assert_eq!(desk.book(Account::Partner(jal())), 500);
}

#[test]
fn a_proposal_without_a_key_of_its_own_is_refused_and_breaks_nothing() {
    let mut desk = Desk::new("102016", "2026-11-24");
    let account = desk.resident();
    let shared = GrantShared { programme: PROGRAMME, points: p(20_000) };
    let private = GrantPrivate::plain(account, Digest::of(&[b"a"]), OFFICER);
    let proposal = Command::ProposeGrant(shared, private);
    assert_eq!(desk.keyed(None, proposal.clone()), Err(Refusal::NotWellFormed));
    desk.submit(proposal).unwrap();
}

#[test]
fn an_account_is_not_closed_while_a_charge_is_on_its_way() {
    let (mut desk, resident) = street(|_| {});
    let card = desk.linked(resident);
    let charge = desk.charge(resident, card, 1_200).unwrap();
    assert_eq!(desk.give_up(resident, 300), Err(Refusal::PointsWait { points: p(1_200) }));
    desk.fail(charge).unwrap();
    assert_eq!(desk.give_up(resident, 300), Err(Refusal::BalanceNotDecided { held: p(1_500) }));
    desk.give_up(resident, 1_500).unwrap();
    desk.replays();
}

#[test]
fn an_account_is_not_closed_while_a_file_holds_points_ready_for_it() {
    let mut desk = Desk::new("102016", "2026-11-24");
    let resident = desk.resident();
    desk.open_bulk(opening(1, 1, 400, BulkMode::Atomic)).unwrap();
    desk.bulk_lines(1, 0, &[(resident, 400, "清掃")]).unwrap();
    assert_eq!(desk.give_up(resident, 0), Err(Refusal::PointsWait { points: p(400) }));
    desk.close_bulk(1, BulkEnd::Cancel).unwrap();
    while desk.jobs() > 0 {}
    desk.give_up(resident, 0).unwrap();
    desk.replays();
}
