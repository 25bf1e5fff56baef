//! Repeating is harmless (money-rules): any deliveries, repeated and reordered, end in the state
//! of the sequence of distinct keys in the order in which each was first journalled.

use alloc::{collections::BTreeSet, vec::Vec};
use proptest::prelude::*;

use super::{
    desk::*,
    every::{Delivery, base, deliveries, kinds_in},
    order::{CHOICE, signed_hold},
    properties::cases,
};
use crate::{
    account::Account,
    command::{Command, Consent, Reserved},
    entry::Outcome,
    id::AccountId,
    key::{ClientKey, OperationKey},
    ledger::{Balance, Decided},
    lot::Lots,
    refusal::Refusal,
    terms::Method,
};

type Held = (Vec<(Account, Balance)>, Vec<(AccountId, Lots)>);

/// Where all points are.
fn held(desk: &Desk) -> Held {
    let books = desk.ledger.books().map(|(account, balance)| (*account, *balance));
    let lots = desk.ledger.holders().map(|(account, holder)| (*account, holder.lots.clone()));
    (books.collect(), lots.collect())
}

/// Delivers a command; whether it made an entry.
fn deliver(desk: &mut Desk, (key, command): &Delivery) -> bool {
    let (length, before) = (desk.journal.len(), held(desk));
    let decided = desk.decide(key.clone(), command.clone());
    let _ = desk.keyed(key.clone(), command.clone());
    match decided {
        Decided::Entry(draft) => {
            assert_eq!(desk.journal.len(), length + 1);
            if draft.plan.is_err() {
                assert!(held(desk) == before, "a refusal moved points");
            }
            true
        }
        Decided::Again(_) | Decided::Heard | Decided::Rejected(_) => {
            assert_eq!(desk.journal.len(), length);
            assert!(held(desk) == before, "what makes no entry moved points");
            false
        }
    }
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn repeating_is_harmless(order in prop::collection::vec(any::<prop::sample::Index>(), 0..300)) {
        let mut disturbed = base().a;
        let all = deliveries(&base());
        let mut first = Vec::new();
        // At random, and then all in order, so that much is done at all.
        let random = order.iter().map(|index| index.get(&all));
        for delivery in random.chain(&all) {
            if deliver(&mut disturbed, delivery) {
                prop_assert!(!first.contains(&delivery), "an entry for the second time");
                first.push(delivery);
            }
        }
        let mut quiet = base().a;
        for delivery in first {
            prop_assert!(deliver(&mut quiet, delivery));
        }
        prop_assert!(quiet.journal == disturbed.journal);
        prop_assert!(quiet.ledger == disturbed.ledger);
        quiet.replays();
    }
}

#[test]
fn every_kind_of_command_is_delivered_and_most_are_done() {
    let pair = base();
    let all = deliveries(&pair);
    let kinds: BTreeSet<u16> = all.iter().flat_map(|(_, command)| kinds_in(command)).collect();
    assert!(kinds.iter().copied().eq(Command::KINDS.iter().map(|(kind, _)| *kind)), "{kinds:?}");
    let mut desk = base().a;
    let length = desk.journal.len();
    for delivery in &all {
        deliver(&mut desk, delivery);
    }
    let entries =
        desk.journal[length..].iter().map(|bytes| crate::entry::Entry::parse(bytes).unwrap());
    let (done, refused): (Vec<_>, Vec<_>) =
        entries.partition(|entry| matches!(entry.outcome, Outcome::Done(_)));
    let kinds = |entries: &[crate::entry::Entry]| -> BTreeSet<_> {
        entries.iter().map(|entry| entry.submission.command.kind_name()).collect()
    };
    // Those that need another day, or a hash, or come first are not among them.
    assert!(kinds(&done).len() >= 81, "{:?}", kinds(&done));
    assert!(refused.len() >= 5, "{}", refused.len());
}

/// What may come before the thing it ends is kept, and ends it in advance; what can only come
/// behind an answer is refused, and asks nothing of the journal.
#[test]
fn an_end_of_the_unknown_is_kept_and_a_use_of_it_is_not() {
    let (mut desk, resident) = Desk::online("2026-11-24", 500);
    let mut kept = desk.journal.len();
    let (payment, hold, charge, redemption) = {
        let key = desk.key();
        (key.payment(), key.hold(), key.charge(), key.redemption())
    };
    let not_kept = [
        (desk.refund(payment, 1).map(drop), Refusal::UnknownPayment),
        (desk.capture(CHOICE, hold, 1).map(drop), Refusal::UnknownHold),
        (desk.refund_capture(CHOICE, hold, 1).map(drop), Refusal::UnknownHold),
        (desk.confirm(charge).map(drop), Refusal::UnknownCharge),
    ];
    for (done, refusal) in not_kept {
        assert_eq!(done, Err(refusal));
        assert!(!refusal.remembered(), "{refusal:?}");
    }
    assert_eq!(desk.journal.len(), kept);
    desk.fact(Command::SetScheme(super::street::both(), by_officer()));
    kept += 1;
    desk.void(payment).unwrap();
    desk.release(CHOICE, hold).unwrap();
    desk.fail(charge).unwrap();
    desk.void_redemption(redemption).unwrap();
    assert_eq!(desk.journal.len(), kept + 4);
    // What was ended in advance comes late, under the key that was named.
    let key = ClientKey::new(payment.0).unwrap();
    let command = desk.payment(key, resident, 100);
    let late = desk.keyed(Some(OperationKey::Client(key)), command);
    assert_eq!(late, Err(Refusal::AlreadyVoided));
    let key = ClientKey::new(hold.0).unwrap();
    let mut statement = desk.hold_statement(CHOICE, resident, 100, "2026-12-01");
    statement.key = key;
    let consent = Consent::Confirmed(Method::Password);
    let command = Command::Hold(signed_hold(statement), Reserved { account: resident, consent });
    // A key names one thing for ever, so another thing under it is told so.
    let late = desk.keyed(Some(OperationKey::Client(key)), command);
    assert!(matches!(late, Err(Refusal::SameKeyOtherContent { .. })), "{late:?}");
    assert_eq!(desk.spendable(&resident), 500);
    desk.replays();
}
