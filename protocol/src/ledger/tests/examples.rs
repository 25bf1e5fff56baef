//! The worked examples of money-rules, figure by figure, and what stands around them.

use super::desk::*;
use crate::{
    account::{Account, HolderClass, LapsedKind},
    command::{
        AccountStateChange, Actor, Command, GrantPrivate, GrantShared, Nothing, ProposalDecision,
        Verdict,
    },
    digest::Digest,
    id::{OfficerId, ProposalId},
    ledger::Ledger,
    lot::Grace,
    programme::ExpiryRule,
    refusal::Refusal,
};

/// 300 administrative points that expire on 2026-12-31, 500 of JAL that expire on 2027-03-31.
fn example_one() -> (Desk, crate::id::AccountId) {
    let mut desk = Desk::new("102016", "2026-11-24");
    desk.programme(|programme| programme.expiry = ExpiryRule::On(day("2026-12-31")));
    let resident = desk.resident();
    desk.grant(resident, 300, "2026-11-24 cleaning").unwrap();
    desk.converted(resident, 500);
    assert_eq!(desk.spendable(&resident), 800);
    (desk, resident)
}

#[test]
fn worked_example_one_a_refund_after_expiry_gets_grace() {
    let (mut desk, resident) = example_one();
    desk.on("2026-12-20");
    let payment = desk.pay(resident, 450).unwrap();
    let lots = desk.ledger.holder(&resident).unwrap().lots.iter().collect::<alloc::vec::Vec<_>>();
    assert_eq!(lots.len(), 1);
    assert_eq!((lots[0].points.get(), lots[0].terms.expires), (350, day("2027-03-31")));
    assert_eq!(desk.book(Account::Merchant(SHOP)), 450);

    desk.on("2027-01-10").sweep();
    desk.refund(payment, 400).unwrap();
    let lots = desk.ledger.holder(&resident).unwrap().lots.iter().collect::<alloc::vec::Vec<_>>();
    assert_eq!(lots.len(), 2);
    assert_eq!((lots[0].points.get(), lots[0].terms.expires), (250, day("2027-01-24")));
    assert_eq!(lots[0].terms.grace, Grace::Used);
    assert_eq!((lots[1].points.get(), lots[1].terms.expires), (500, day("2027-03-31")));
    assert_eq!(desk.spendable(&resident), 750);
    assert_eq!(desk.book(Account::Merchant(SHOP)), 50);

    // Paying the 250 again on 2027-01-24 and a refund on 2027-01-25: grace is used, they lapse.
    desk.on("2027-01-24");
    let again = desk.pay(resident, 250).unwrap();
    assert_eq!(desk.spendable(&resident), 500);
    desk.on("2027-01-25");
    let intent = desk.refund_intent(again, 250);
    let preview = desk.ledger.preview_refund(&intent).unwrap();
    assert_eq!((preview.back.get(), preview.lapses.get()), (0, 250));
    desk.send_refund(intent).unwrap();
    assert_eq!(desk.spendable(&resident), 500);
    assert_eq!(desk.book(Account::Lapsed(LapsedKind::Administrative)), 250);
    assert_eq!(desk.book(Account::Merchant(SHOP)), 50);
    desk.replays();
}

#[test]
fn points_lapse_on_the_day_behind_their_last() {
    let (mut desk, resident) = example_one();
    desk.on("2026-12-31");
    assert_eq!(desk.spendable(&resident), 800);
    desk.on("2027-01-01");
    assert_eq!(desk.spendable(&resident), 500);
    assert!(desk.ledger.lapse_due());
    desk.sweep();
    assert_eq!(desk.book(Account::Lapsed(LapsedKind::Administrative)), 300);
    desk.replays();
}

#[test]
fn a_void_gives_everything_back_and_the_days_limit_too() {
    let (mut desk, resident) = example_one();
    let before = desk.ledger.holder(&resident).unwrap().lots.clone();
    let payment = desk.pay(resident, 450).unwrap();
    desk.void(payment).unwrap();
    let holder = desk.ledger.holder(&resident).unwrap();
    assert_eq!(holder.lots, before);
    assert_eq!(holder.spent_on(desk.ledger.day()).get(), 0);
    assert_eq!(desk.void(payment), Err(Refusal::AlreadyVoided));
    assert_eq!(desk.refund(payment, 1), Err(Refusal::AlreadyVoided));
    desk.replays();
}

#[test]
fn a_void_that_comes_before_its_payment_is_a_tombstone() {
    let (mut desk, resident) = example_one();
    let key = desk.key();
    desk.void(key.payment()).unwrap();
    let command = desk.payment(key, resident, 100);
    let late = desk.keyed(Some(crate::key::OperationKey::Client(key)), command);
    assert_eq!(late, Err(Refusal::AlreadyVoided));
    assert_eq!(desk.spendable(&resident), 800);
    desk.replays();
}

#[test]
fn partial_refunds_bring_back_the_last_taken_first_and_never_more_than_was_paid() {
    let (mut desk, resident) = example_one();
    let payment = desk.pay(resident, 450).unwrap();
    desk.refund(payment, 100).unwrap();
    let lots = desk.ledger.holder(&resident).unwrap().lots.iter().collect::<alloc::vec::Vec<_>>();
    assert_eq!(lots.iter().map(|lot| lot.points.get()).collect::<alloc::vec::Vec<_>>(), [450]);
    desk.refund(payment, 100).unwrap();
    let lots = desk.ledger.holder(&resident).unwrap().lots.iter().collect::<alloc::vec::Vec<_>>();
    assert_eq!(lots.iter().map(|lot| lot.points.get()).collect::<alloc::vec::Vec<_>>(), [50, 500]);
    assert_eq!(desk.refund(payment, 251), Err(Refusal::OverRefunded { left: p(250) }));
    assert_eq!(desk.void(payment), Err(Refusal::PartlyRefunded));
    desk.refund(payment, 250).unwrap();
    assert_eq!(desk.refund(payment, 1), Err(Refusal::OverRefunded { left: p(0) }));
    assert_eq!(desk.spendable(&resident), 800);
    desk.replays();
}

#[test]
fn a_payment_is_refunded_within_the_towns_window_only() {
    let (mut desk, resident) = example_one();
    let payment = desk.pay(resident, 100).unwrap();
    desk.until(day("2026-11-24").plus_days(90));
    desk.refund(payment, 50).unwrap();
    desk.until(day("2026-11-24").plus_days(91));
    assert_eq!(
        desk.refund(payment, 50),
        Err(Refusal::RefundWindowOver { last: day("2027-02-22") })
    );
    desk.replays();
}

#[test]
fn the_same_key_gives_the_same_answer_and_another_content_its_own_refusal() {
    let (mut desk, resident) = example_one();
    let key = desk.key();
    let command = desk.payment(key, resident, 100);
    let client = Some(crate::key::OperationKey::Client(key));
    let first = desk.keyed(client.clone(), command.clone()).unwrap();
    assert_eq!(desk.keyed(client.clone(), command), Ok(first.clone()));
    let other = desk.payment(key, resident, 101);
    assert_eq!(desk.keyed(client, other), Err(Refusal::SameKeyOtherContent { first: first.index }));
    assert_eq!(desk.spendable(&resident), 700);
}

#[test]
fn a_refused_payment_stays_refused_after_the_next_grant() {
    let mut desk = Desk::new("102016", "2026-11-24");
    let resident = desk.resident();
    let key = desk.key();
    let client = Some(crate::key::OperationKey::Client(key));
    let command = desk.payment(key, resident, 100);
    let short = Err(Refusal::ShortOfPoints { held: p(0), asked: p(100) });
    assert_eq!(desk.keyed(client.clone(), command.clone()), short);
    desk.grant(resident, 300, "a").unwrap();
    assert_eq!(desk.keyed(client, command), short);
    assert_eq!(desk.spendable(&resident), 300);
    desk.replays();
}

#[test]
fn a_key_outside_its_window_is_not_a_new_command() {
    let (mut desk, resident) = example_one();
    let key = desk.key();
    let client = Some(crate::key::OperationKey::Client(key));
    let command = desk.payment(key, resident, 100);
    desk.keyed(client.clone(), command.clone()).unwrap();
    desk.until(day("2026-11-24").plus_days(8));
    assert_eq!(desk.keyed(client, command), Err(Refusal::TooOldAskFirst));
    assert_eq!(desk.spendable(&resident), 700);
}

#[test]
fn a_grant_above_the_limit_needs_a_second_officer_who_is_another_one() {
    let mut desk = Desk::new("102016", "2026-11-24");
    let resident = desk.resident();
    let above = Err(Refusal::SecondOfficerNeeded { above: p(10_000) });
    assert_eq!(desk.grant(resident, 10_001, "a"), above);
    let shared = GrantShared { programme: PROGRAMME, points: p(10_001) };
    let private = GrantPrivate::plain(resident, Digest::of(&[b"a"]), OFFICER);
    let key = desk.key();
    let client = Some(crate::key::OperationKey::Client(key));
    desk.keyed(client, Command::ProposeGrant(shared, private)).unwrap();
    assert_eq!(desk.spendable(&resident), 0);
    let decision = |approver, verdict| {
        let proposal = ProposalId(*key.bytes());
        Command::DecideProposal(Nothing {}, ProposalDecision { proposal, verdict, approver })
    };
    assert_eq!(desk.submit(decision(OFFICER, Verdict::Approve)), Err(Refusal::SameOfficer));
    desk.submit(decision(OfficerId(8), Verdict::Approve)).unwrap();
    assert_eq!(desk.spendable(&resident), 10_001);
    let gone = desk.submit(decision(OfficerId(8), Verdict::Approve));
    assert_eq!(gone, Err(Refusal::UnknownProposal));
    desk.replays();
}

#[test]
fn a_grant_is_given_once_for_its_natural_key_within_cap_and_budget() {
    let mut desk = Desk::new("102016", "2026-11-24");
    desk.programme(|programme| {
        programme.cap = Some(p(2_000));
        programme.ceiling = p(2_500);
    });
    let resident = desk.resident();
    let visitor = desk.account(HolderClass::Visitor);
    assert_eq!(desk.grant(visitor, 100, "a"), Err(Refusal::ResidentsOnly));
    let first = desk.grant(resident, 1_500, "a").unwrap();
    assert_eq!(desk.grant(resident, 200, "a"), Err(Refusal::AlreadyGranted { first: first.index }));
    assert_eq!(desk.grant(resident, 600, "b"), Err(Refusal::OverCap { left: p(500) }));
    desk.grant(resident, 500, "b").unwrap();
    let other = desk.resident();
    assert_eq!(desk.grant(other, 501, "b"), Err(Refusal::BudgetExhausted { left: p(500) }));
    // A new fiscal year, a new cap; the budget is the programme's.
    desk.on("2027-04-01");
    desk.grant(resident, 500, "c").unwrap();
    desk.replays();
}

#[test]
fn converted_points_wait_for_a_town_and_then_go_to_the_preset_one() {
    let mut desk = Desk::new("141500", "2026-11-24");
    let resident = desk.resident();
    let link = desk.link(resident);
    let statement = desk.statement(link, 1_000);
    let conversion = desk.send_conversion(statement.clone()).unwrap();
    assert_eq!(desk.spendable(&resident), 0);
    assert_eq!(desk.book(Account::Unassigned(jal())), 500);
    assert_eq!(desk.send_conversion(statement), Ok(conversion));
    assert_eq!(desk.book(Account::Partner(jal())), 500);
    let sweep = Command::SweepUnassigned(
        crate::command::DayTurn { date: desk.ledger.day() },
        crate::command::Sweep { conversion },
    );
    desk.on("2026-12-08");
    assert_eq!(desk.keyed(None, sweep.clone()), Err(Refusal::NothingDue));
    assert!(desk.ledger.overdue_conversions(10).is_empty());
    desk.on("2026-12-09");
    assert_eq!(desk.ledger.overdue_conversions(10), [conversion]);
    desk.keyed(None, sweep).unwrap();
    assert_eq!(desk.spendable(&resident), 500);
    assert_eq!(desk.pick(resident, conversion), Err(Refusal::UnknownConversion));
    desk.replays();
}

#[test]
fn a_conversion_keeps_the_companys_rate_unit_minimum_and_limits() {
    let mut desk = Desk::new("141500", "2026-11-24");
    let resident = desk.resident();
    let link = desk.link(resident);
    let refused = |desk: &mut Desk, amount: u64| {
        let statement = desk.statement(link, amount);
        desk.send_conversion(statement).unwrap_err()
    };
    use crate::catalogue::CompanyPoints as C;
    assert_eq!(refused(&mut desk, 250), Refusal::NotWholeUnits { unit: C(100) });
    assert_eq!(refused(&mut desk, 100), Refusal::BelowMinimum { minimum: C(200) });
    assert_eq!(refused(&mut desk, 4_100), Refusal::OverDailyConversion { left: C(4_000) });
    let mut wrong = desk.statement(link, 1_000);
    wrong.points = p(501);
    assert_eq!(desk.send_conversion(wrong), Err(Refusal::WrongRate { right: p(500) }));
    let statement = desk.statement(link, 4_000);
    desk.send_conversion(statement).unwrap();
    desk.on("2026-11-25");
    assert_eq!(refused(&mut desk, 2_100), Refusal::OverMonthlyConversion { left: C(2_000) });
    let mut old = desk.statement(link, 1_000);
    old.signed = day("2026-11-17");
    assert_eq!(desk.send_conversion(old), Err(Refusal::StatementDate));
    desk.replays();
}

#[test]
fn a_frozen_account_receives_and_does_not_spend() {
    let (mut desk, resident) = example_one();
    let change = AccountStateChange {
        account: resident,
        state: crate::account::HolderState::Frozen,
        actor: Actor::Officer(OFFICER),
    };
    desk.submit(Command::SetAccountState(Nothing {}, change)).unwrap();
    assert_eq!(desk.pay(resident, 1), Err(Refusal::AccountFrozen));
    desk.grant(resident, 5, "b").unwrap();
    assert_eq!(desk.spendable(&resident), 805);
}

#[test]
fn the_state_hash_is_written_down_only_if_it_is_right() {
    let (mut desk, _) = example_one();
    let hash = desk.ledger.hash();
    let state = |hash| Command::HashState(crate::command::StateHash { hash }, Nothing {});
    assert_eq!(desk.keyed(None, state(Digest([1; 32]))), Err(Refusal::NotWellFormed));
    desk.keyed(None, state(hash)).unwrap();
    desk.replays();
    let _: &Ledger = &desk.ledger;
}
