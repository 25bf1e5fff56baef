//! Agreements by envelopes: proposed, agreed to, declined, crossed, late and forged.

use alloc::{vec, vec::Vec};

use super::{desk::*, pair::*};
use crate::{
    agreement::{
        Agreement, Movable, Movement, Seal, SignedAgreement,
        exchange::{AgreementMessage, DeclineReason, Proposal},
    },
    codec,
    command::*,
    entry::Entry,
    envelope::{Envelope, Purpose},
    id::*,
    refusal::Refusal,
    signature::{Domain, SigningKey},
};

const BEGIN: &str = "2026-11-24";

/// Two towns of one directory that have agreed on nothing.
fn strangers() -> (Desk, Desk) {
    let (mut a, mut b) = (Desk::new("102016", BEGIN), Desk::new("141500", BEGIN));
    let part = directory(1, &[&a, &b]);
    a.fact(Command::TakeDirectory(part.clone(), Nothing {}));
    b.fact(Command::TakeDirectory(part, Nothing {}));
    (a, b)
}

fn terms(number: u32) -> Agreement {
    let (a, b) = strangers();
    agreement(&a, &b, |agreement| agreement.number = number).agreement
}

pub(super) fn seal(key: &SigningKey, agreement: &Agreement) -> Seal {
    let signature = key.sign(Domain::Agreement, &codec::encode(agreement));
    Seal { key: key.public(), signature }
}

pub(super) fn proposing(desk: &Desk, agreement: Agreement) -> Command {
    let seal = seal(&desk.channel_key, &agreement);
    Command::ProposeAgreement(Proposal { agreement, seal }, by_officer())
}

fn propose(desk: &mut Desk, agreement: Agreement) -> Result<Envelope, Refusal> {
    let command = proposing(desk, agreement);
    desk.submit(command).map(|entry| sent(&entry).unwrap())
}

/// What a town's officer says to the proposal that waits.
fn agreeing(desk: &Desk, peer: TownId) -> Command {
    let theirs = desk.ledger.dealing(&peer).theirs.expect("a proposal waits");
    let own = seal(&desk.channel_key, &theirs.agreement);
    Command::AgreeToProposal(theirs.agreed(peer, own), by_officer())
}

fn agree(desk: &mut Desk, peer: TownId) -> Result<Envelope, Refusal> {
    let command = agreeing(desk, peer);
    desk.submit(command).map(|entry| sent(&entry).unwrap())
}

fn decline(desk: &mut Desk, town: TownId, terms: &Agreement) -> Result<Entry, Refusal> {
    let declined = ProposalDeclined { town, terms: terms.hash() };
    desk.submit(Command::DeclineProposal(declined, by_officer()))
}

fn in_force(desk: &Desk, peer: TownId) -> Option<SignedAgreement> {
    desk.ledger.agreements().find(|(town, _)| **town == peer).map(|(_, signed)| signed.clone())
}

#[test]
fn a_proposal_that_the_other_town_agrees_to_is_in_force_in_both() {
    let (mut a, mut b) = strangers();
    let proposed = propose(&mut a, terms(1)).unwrap();
    assert_eq!(b.receive(&proposed), Ok(None));
    assert!(in_force(&a, b.town).is_none() && in_force(&b, a.town).is_none());
    let agreed = agree(&mut b, a.town).unwrap();
    assert_eq!(a.receive(&agreed), Ok(None));
    let held = in_force(&a, b.town).unwrap();
    assert_eq!(Some(&held), in_force(&b, a.town).as_ref());
    assert_eq!(held.low.key, a.channel_key.public());
    for (desk, peer) in [(&a, b.town), (&b, a.town)] {
        assert_eq!(desk.ledger.dealing(&peer), Default::default(), "nothing waits any more");
    }
    let (at_a, at_b) = (a.resident(), b.resident());
    a.converted(at_a, 300);
    let to_b = b.handle(at_b, a.town);
    let offer = Desk::offer_command(1, b.town, (at_a, to_b), 100, Source::Balance);
    let offer = sent(&a.submit(offer).unwrap()).unwrap();
    b.receive(&offer).unwrap();
    assert_eq!(b.spendable(&at_b), 100);
    a.replays();
    b.replays();
}

#[test]
fn a_declined_proposal_says_why_and_another_takes_its_place() {
    let (mut a, mut b) = strangers();
    let proposed = propose(&mut a, terms(1)).unwrap();
    b.receive(&proposed).unwrap();
    let declined = sent(&decline(&mut b, a.town, &terms(1)).unwrap()).unwrap();
    assert_eq!(b.ledger.dealing(&a.town), Default::default());
    a.receive(&declined).unwrap();
    let ours = a.ledger.dealing(&b.town).ours.unwrap();
    assert_eq!(ours.declined, Some(DeclineReason::NotWanted));
    assert_eq!(propose(&mut a, terms(1)).err(), Some(Refusal::NotNewer));
    let second = propose(&mut a, terms(2)).unwrap();
    b.receive(&second).unwrap();
    a.receive(&agree(&mut b, a.town).unwrap()).unwrap();
    assert_eq!(in_force(&a, b.town).unwrap().agreement.number, 2);
    a.replays();
    b.replays();
}

#[test]
fn of_proposals_that_cross_both_towns_keep_the_same() {
    let (mut a, mut b) = strangers();
    let wide = Agreement { movable: Movable::Everything, ..terms(1) };
    let of_a = propose(&mut a, terms(1)).unwrap();
    let of_b = propose(&mut b, wide).unwrap();
    a.receive(&of_b).unwrap();
    b.receive(&of_a).unwrap();
    let (by_a, by_b) = (agree(&mut a, b.town).unwrap(), agree(&mut b, a.town).unwrap());
    assert_ne!(in_force(&a, b.town), in_force(&b, a.town), "until the answers have come");
    a.receive(&by_b).unwrap();
    b.receive(&by_a).unwrap();
    assert_eq!(in_force(&a, b.town), in_force(&b, a.town));
    a.replays();
    b.replays();
}

#[test]
fn of_proposals_out_of_order_the_last_one_waits() {
    let (mut a, mut b) = strangers();
    let first = propose(&mut a, terms(1)).unwrap();
    let second = propose(&mut a, terms(2)).unwrap();
    b.receive(&second).unwrap();
    b.receive(&first).unwrap();
    assert_eq!(b.ledger.dealing(&a.town).theirs.unwrap().agreement.number, 2);
}

/// What the body of the answer says.
fn declined_for(answer: Result<Option<Envelope>, Refusal>) -> Option<DeclineReason> {
    match AgreementMessage::of(&answer.unwrap()?)? {
        AgreementMessage::Decline(dissent) => Some(dissent.reason),
        AgreementMessage::Propose(_) | AgreementMessage::Agree(_) => None,
    }
}

/// What `from` would send first on its channel to `to`.
fn said(from: &Desk, to: &Desk, message: &AgreementMessage) -> Envelope {
    let channel = crate::channel::Channel::new(Generation(1), Generation(1));
    let body = codec::encode(message);
    channel.draft(from.town, to.town, Purpose::Agreement, body).sign(&from.channel_key)
}

#[test]
fn terms_that_nobody_can_agree_to_are_declined_at_once() {
    let (a, mut b) = strangers();
    let strange = SigningKey::from_seed(&[9; 32]);
    let agreement = terms(1);
    let forged = Proposal { seal: seal(&strange, &agreement), agreement };
    let answer = b.receive(&said(&a, &b, &AgreementMessage::Propose(forged)));
    assert_eq!(declined_for(answer), Some(DeclineReason::Unsound));
    assert_eq!(b.ledger.dealing(&a.town).theirs, None);

    let (mut a, mut b) = strangers();
    let short = Agreement { until: day("2026-11-25"), ..terms(1) };
    let late = propose(&mut a, short).unwrap();
    b.on("2026-11-26");
    assert_eq!(declined_for(b.receive(&late)), Some(DeclineReason::Over));

    let (mut a, mut b) = strangers();
    let by_hand = agreement_of(&a, &b, 3);
    b.fact(Command::TakeAgreement(by_hand, by_officer()));
    let older = propose(&mut a, terms(2)).unwrap();
    assert_eq!(declined_for(b.receive(&older)), Some(DeclineReason::NotNewer));
    b.replays();
}

fn agreement_of(a: &Desk, b: &Desk, number: u32) -> SignedAgreement {
    agreement(a, b, |agreement| agreement.number = number)
}

#[test]
fn an_assent_without_this_towns_own_seal_changes_nothing() {
    let (a, mut b) = strangers();
    let signed = agreement_of(&a, &b, 1);
    let forged = SignedAgreement { high: seal(&a.channel_key, &signed.agreement), ..signed };
    b.receive(&said(&a, &b, &AgreementMessage::Agree(forged))).unwrap();
    assert_eq!(in_force(&b, a.town), None);
    b.replays();
}

#[test]
fn points_move_only_in_the_ways_of_the_agreement() {
    let shopping = |agreement: &mut Agreement| {
        agreement.movements = Some(vec![Movement::Shopping]);
    };
    let mut pair = Pair::roaming(BEGIN, shopping, 1_000);
    assert_eq!(pair.offer(1, 100).err(), Some(Refusal::MovementNotAgreed));
    let account = pair.at_a;
    let moving = MovePrivate { account, recipient: pair.to_b, actor: Actor::Holder };
    let shared = MoveShared { transfer: TransferId([2; 16]), town: pair.b.town };
    let moved = pair.a.submit(Command::MoveHouse(shared, moving));
    assert_eq!(moved.err(), Some(Refusal::MovementNotAgreed));
    pair.roam(100);
    pair.sound();
}

/// What is refused about proposals, in order.
pub(super) fn refused() -> Vec<Refusal> {
    let (mut a, mut b) = strangers();
    let mut all = Vec::new();
    let other = Agreement { low: "102024".parse().unwrap(), ..terms(1) };
    all.extend(propose(&mut a, other).err());
    let backward = Agreement { number: 0, ..terms(1) };
    all.extend(propose(&mut a, backward).err());
    let over = Agreement { until: day("2026-11-23"), ..terms(1) };
    all.extend(propose(&mut a, over).err());
    all.extend(decline(&mut b, a.town, &terms(1)).err());
    let waiting = propose(&mut a, terms(1)).unwrap();
    all.extend(propose(&mut a, terms(1)).err());
    b.receive(&waiting).unwrap();
    all.extend(decline(&mut b, a.town, &terms(2)).err());
    let agreement = terms(2);
    let own = seal(&b.channel_key, &agreement);
    let not_proposed = agreement_of(&a, &b, 2);
    assert_eq!(not_proposed.high, own);
    all.extend(b.submit(Command::AgreeToProposal(not_proposed, by_officer())).err());
    let agreed = agreeing(&b, a.town);
    b.submit(agreed.clone()).unwrap();
    all.extend(b.submit(agreed).err());
    let mut pair = Pair::roaming(
        BEGIN,
        |agreement| agreement.movements = Some(vec![Movement::Shopping]),
        1_000,
    );
    all.extend(pair.offer(1, 100).err());
    all
}
