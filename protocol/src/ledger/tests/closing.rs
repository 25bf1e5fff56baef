//! A town that closes: what it told its peers decides what comes back, and nothing is decided
//! behind its last entry.

use alloc::{vec, vec::Vec};

use super::{desk::*, pair::*};
use crate::{
    account::Account,
    codec,
    command::*,
    control::{ClosedPart, ControlMessage},
    envelope::{Envelope, Purpose, Route, Unsigned},
    id::*,
    key::{JobKind, OperationKey},
    ledger::ANSWERS_IN_A_PART,
    refusal::Refusal,
    transfer::{OutgoingStage, RefuseReason},
};

const BEGIN: &str = "2026-11-24";

fn pair_with_points() -> Pair {
    let mut pair = Pair::new(BEGIN, |_| {});
    let at_a = pair.at_a;
    pair.a.converted(at_a, 1_000);
    pair
}

fn close(desk: &mut Desk, successor: Option<TownId>) -> Result<(), Refusal> {
    let closing = Command::CloseTown(Closing { successor }, by_officer());
    desk.by_two(&closing).map(drop)
}

/// Does what is due by itself, until nothing is; the messages that went out.
fn work(desk: &mut Desk) -> Vec<Envelope> {
    let date = desk.ledger.day();
    let mut out = Vec::new();
    while let Some((kind, command)) = desk.ledger.due_jobs().into_iter().next() {
        let key = OperationKey::Job { kind, date };
        out.extend(sent(&desk.keyed(Some(key), command).unwrap()));
    }
    out
}

fn reason(desk: &Desk, transfer: u8) -> Option<RefuseReason> {
    match desk.ledger.outgoing(&TransferId([transfer; 16]))?.stage {
        OutgoingStage::Returned { reason, .. } => Some(reason),
        OutgoingStage::Waiting { .. } | OutgoingStage::Settled { .. } => None,
    }
}

#[test]
fn an_offer_that_a_closed_town_never_answered_comes_back_and_an_answered_one_settles() {
    let mut pair = pair_with_points();
    let answered = pair.offer(1, 100).unwrap();
    let accept = pair.b.receive(&answered).unwrap().unwrap();
    let lost = pair.offer(2, 30).unwrap();
    close(&mut pair.b, None).unwrap();
    assert_eq!(pair.b.receive(&lost), Err(Refusal::TownClosed));
    let said = work(&mut pair.b);
    assert_eq!(said.len(), 1, "one part for the one peer");
    pair.a.receive(&said[0]).unwrap();
    assert_eq!(pair.a.receive(&said[0]), Err(Refusal::Exists));
    let town = pair.b.town;
    assert_eq!(pair.a.book(Account::Transit(town)), 130);
    assert!(work(&mut pair.a).is_empty());
    assert_eq!(reason(&pair.a, 2), Some(RefuseReason::Closed));
    assert_eq!((pair.a.spendable(&pair.at_a), pair.a.book(Account::Transit(town))), (900, 100));
    // The answer that the list names is on its way, however late.
    pair.a.receive(&accept).unwrap();
    assert_eq!((pair.a.book(Account::Transit(town)), pair.a.book(Account::OwedTo(town))), (0, 100));
    assert!(pair.a.ledger.due_jobs().is_empty());
    pair.sound();
}

#[test]
fn nothing_is_offered_to_a_closed_town_and_nothing_is_decided_in_it() {
    let mut pair = pair_with_points();
    let (at_b, successor) = (pair.at_b, pair.a.town);
    close(&mut pair.b, Some(successor)).unwrap();
    let said = work(&mut pair.b);
    pair.a.receive(&said[0]).unwrap();
    assert_eq!(pair.offer(1, 10), Err(Refusal::TownClosed));
    let known = pair.a.ledger.closed_peer(&pair.b.town).unwrap();
    assert_eq!((known.successor, known.is_whole()), (Some(successor), true));
    let before = pair.b.ledger.meta().next;
    assert_eq!(pair.b.grant(at_b, 5, "x").map(drop), Err(Refusal::TownClosed));
    assert_eq!(close(&mut pair.b, None), Err(Refusal::TownClosed));
    assert_eq!(pair.b.ledger.meta().next, before, "not even the refusals are written");
    // The days go on turning, or the node would have to stop.
    pair.b.on("2026-11-26");
    pair.b.sweep();
    pair.sound();
}

#[test]
fn a_town_with_transfers_on_their_way_cannot_close() {
    let mut pair = pair_with_points();
    let offer = pair.offer(1, 100).unwrap();
    let waits = Refusal::ClosingWaits { transfers: 1, requests: 0 };
    assert_eq!(close(&mut pair.a, None), Err(waits));
    let accept = pair.b.receive(&offer).unwrap().unwrap();
    pair.a.receive(&accept).unwrap();
    let me = pair.a.town;
    assert_eq!(close(&mut pair.a, Some(me)), Err(Refusal::NotInDirectory));
    close(&mut pair.a, None).unwrap();
    pair.sound();
}

#[test]
fn a_long_list_comes_in_parts_and_in_any_order() {
    let mut pair = pair_with_points();
    let answered = u8::try_from(ANSWERS_IN_A_PART).unwrap() + 5;
    let mut accepts = Vec::new();
    for transfer in 1..=answered {
        let offer = pair.offer(transfer, 1).unwrap();
        accepts.push(pair.b.receive(&offer).unwrap().unwrap());
    }
    pair.offer(answered + 1, 7).unwrap();
    close(&mut pair.b, None).unwrap();
    let said = work(&mut pair.b);
    assert_eq!(said.len(), 2);
    pair.a.receive(&said[1]).unwrap();
    assert!(work(&mut pair.a).is_empty());
    assert_eq!(reason(&pair.a, answered + 1), None, "the rest of the list may name it");
    pair.a.receive(&said[0]).unwrap();
    let due = pair.a.ledger.due_jobs();
    assert_eq!(due.first().map(|(kind, _)| *kind), Some(JobKind::ReturnUnanswered));
    work(&mut pair.a);
    assert_eq!(reason(&pair.a, answered + 1), Some(RefuseReason::Closed));
    for accept in accepts.iter().rev() {
        pair.a.receive(accept).unwrap();
    }
    assert_eq!(pair.a.book(Account::OwedTo(pair.b.town)), u64::from(answered));
    pair.sound();
}

#[test]
fn an_accept_behind_the_end_is_void() {
    let mut pair = pair_with_points();
    let offer = pair.offer(1, 100).unwrap();
    // A copy of the town that does not know of its end goes on deciding.
    let mut copy = super::restore::backup(&pair.b, pair.b.journal.len());
    close(&mut pair.b, None).unwrap();
    for said in work(&mut pair.b) {
        pair.a.receive(&said).unwrap();
    }
    work(&mut pair.a);
    let forged = copy.receive(&offer).unwrap().unwrap();
    let spendable = pair.a.spendable(&pair.at_a);
    // Another message of the same number: a fork, which is evidence and moves nothing.
    pair.a.receive(&forged).unwrap();
    assert_eq!(pair.a.spendable(&pair.at_a), spendable);
    assert_eq!(pair.a.book(Account::OwedTo(pair.b.town)), 0);
    let refused = [pair.offer(2, 1), pair.offer(3, 1)];
    assert!(refused.iter().all(|refused| *refused == Err(Refusal::TownClosed)));
}

/// The other town closes, then this one, and tells a town that it has just come to know.
pub(super) fn one_after_the_other(desk: &mut Desk, pair: &Pair, last: &Envelope) {
    work(desk);
    let header = *last.header();
    let number = ChannelNumber(header.number.0 + 1);
    let route = Route {
        sender: header.sender,
        recipient: header.recipient,
        generation: header.generation,
        number,
        previous: last.hash(),
        acked: header.acked,
    };
    let part = ClosedPart { successor: None, all: 0, answers: Vec::new() };
    let body = codec::encode(&ControlMessage::Closed(part));
    let closed = Unsigned::new(route, Purpose::Control, body).sign(&pair.b.channel_key);
    desk.receive(&closed).unwrap();
    let due = desk.ledger.due_jobs();
    assert!(due.iter().any(|(kind, _)| *kind == JobKind::ReturnUnanswered));
    work(desk);
    let fourth = Desk::new("352080", "2027-11-10");
    let version = desk.ledger.meta().directory.0 + 1;
    let part = directory_of(version, vec![member(desk), member(&fourth)], desk.time);
    desk.fact(Command::TakeDirectory(part, Nothing {}));
    let signed = agreement(desk, &fourth, |_| {});
    desk.fact(Command::TakeAgreement(signed, by_officer()));
    close(desk, Some(fourth.town)).unwrap();
    assert_eq!(work(desk).len(), 1);
}

/// What is refused about the end of a town, in order.
pub(super) fn refused() -> Vec<Refusal> {
    let mut pair = pair_with_points();
    let offer = pair.offer(1, 100).unwrap();
    let me = pair.a.town;
    let mut all: Vec<_> = [Some(me), None].map(|to| close(&mut pair.a, to)).into();
    let accept = pair.b.receive(&offer).unwrap().unwrap();
    pair.a.receive(&accept).unwrap();
    let (town, transfer) = (pair.b.town, TransferId([1; 16]));
    let date = pair.a.ledger.day();
    let jobs = [
        (JobKind::TellClosing, Command::TellClosing(ClosingTold { town, part: 0 }, Nothing {})),
        (
            JobKind::ReturnUnanswered,
            Command::ReturnUnanswered(OfferUnanswered { transfer }, Nothing {}),
        ),
    ];
    for (kind, command) in jobs {
        all.push(pair.a.keyed(Some(OperationKey::Job { kind, date }), command).map(drop));
    }
    close(&mut pair.a, None).unwrap();
    all.push(pair.offer(2, 1).map(drop));
    all.into_iter().filter_map(Result::err).collect()
}
