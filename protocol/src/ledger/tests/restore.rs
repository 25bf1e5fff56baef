//! A town that is restored from a backup, and one whose peer is: what both books say is the same
//! afterwards, nothing is doubled, and what is missing the restored town bears.

mod both;

use alloc::{string::ToString as _, vec, vec::Vec};
use proptest::prelude::*;

use super::{desk::*, pair::*, shadow::Shadow};
use crate::{
    account::{Account, LossCause},
    channel::fence::Listed,
    codec,
    command::*,
    digest::Digest,
    entry::Entry,
    envelope::{Envelope, Purpose, Route, Unsigned},
    id::*,
    key::OperationKey,
    ledger::Stage,
    lot::Lot,
    refusal::Refusal,
    terms::Method,
    transfer::{FenceBody, Message, OfferBody},
};

const BEGIN: &str = "2026-11-24";
const SECOND: OfficerId = OfficerId(8);

/// The desk as its first entries made it.
pub(super) fn backup(desk: &Desk, entries: usize) -> Desk {
    let mut old = Desk::bare(desk.town.as_str(), BEGIN);
    old.shadow = Shadow::default();
    for bytes in &desk.journal[1..entries] {
        let entry = Entry::parse(bytes).unwrap();
        old.ledger.apply(&entry).unwrap();
        old.shadow.follow(&entry, &old.ledger);
        old.journal.push(bytes.clone());
        old.time = entry.time;
    }
    old.time = desk.time;
    old.counter = desk.counter;
    old
}

pub(super) fn restart(desk: &mut Desk, generation: u32) -> Result<Entry, Refusal> {
    let (old, new) = (desk.ledger.generation(), Generation(generation));
    let size = desk.ledger.meta().next;
    let restart = Restart { old, new, size, root: word("root"), cosigned: None };
    desk.submit(Command::Restart(restart, ByTwo { maker: OFFICER, approver: SECOND }))
}

/// What a desk sent under its own generation of now, in order.
pub(super) fn says(desk: &Desk) -> Vec<Envelope> {
    let all = desk.journal.iter().filter_map(|bytes| sent(&Entry::parse(bytes).unwrap()));
    all.filter(|envelope| envelope.header().generation == desk.ledger.generation()).collect()
}

/// A message of `desk` that its peer took.
fn taken(peer: &Desk, place: crate::envelope::Acked) -> Envelope {
    let of = |bytes: &Vec<u8>| {
        let command = Entry::parse(bytes).unwrap().submission.command;
        let Command::HandleEnvelope(_, received) = command else { return None };
        Envelope::decode(&received.envelope).ok()
    };
    let fits = |envelope: &Envelope| {
        let header = envelope.header();
        header.generation == place.generation && header.number == place.number
    };
    peer.journal.iter().filter_map(of).find(fits).unwrap()
}

/// All that `from` said goes to `to`, some of it again.
fn carry(from: &Desk, to: &mut Desk) {
    for envelope in says(from) {
        let _ = to.receive(&envelope);
    }
}

/// What `desk` does by itself, and what it takes back from its peer's journal.
fn recover(desk: &mut Desk, peer: &Desk) {
    loop {
        let before = desk.journal.len();
        let date = desk.ledger.day();
        if let Some((kind, command)) = desk.ledger.due_jobs().into_iter().next() {
            desk.keyed(Some(OperationKey::Job { kind, date }), command).unwrap();
        }
        if let Some(place) = desk.ledger.recovering(&peer.town).and_then(|town| town.next_own()) {
            let envelope = taken(peer, place).encode();
            desk.fact(Command::TakeBackOwn(Nothing {}, Received { envelope }));
        }
        if desk.journal.len() == before {
            return;
        }
    }
}

/// Until nobody has anything to say.
pub(super) fn settle(pair: &mut Pair) {
    loop {
        let before = (pair.a.journal.len(), pair.b.journal.len());
        recover(&mut pair.a, &pair.b);
        recover(&mut pair.b, &pair.a);
        carry(&pair.a, &mut pair.b);
        carry(&pair.b, &mut pair.a);
        if (pair.a.journal.len(), pair.b.journal.len()) == before {
            return;
        }
    }
}

pub(super) fn new_directory(pair: &mut Pair, version: u64) {
    let part = directory(version, &[&pair.a, &pair.b]);
    for desk in [&mut pair.a, &mut pair.b] {
        desk.fact(Command::TakeDirectory(part.clone(), Nothing {}));
    }
}

pub(super) fn funded() -> Pair {
    let mut pair = Pair::new(BEGIN, |_| {});
    let (at_a, at_b) = (pair.at_a, pair.at_b);
    pair.a.converted(at_a, 1_000);
    pair.b.converted(at_b, 1_000);
    pair
}

fn losses(pair: &Pair) -> u64 {
    let loss = Account::Loss(LossCause::Restore);
    pair.a.book(loss) + pair.b.book(loss)
}

/// Nothing is under way, both books agree, and what is there is what was given and what was lost.
fn whole(pair: &Pair) {
    let (a, b) = (&pair.a, &pair.b);
    for (one, other) in [(a, b), (b, a)] {
        assert!(one.ledger.recovering(&other.town).is_none(), "{:?}", one.ledger.meta().recovery);
        assert_eq!(one.book(Account::Transit(other.town)), 0);
        let owed = one.book(Account::OwedTo(other.town));
        assert_eq!(owed, other.book(Account::OwedBy(one.town)));
    }
    let there = a.spendable(&pair.at_a) + b.spendable(&pair.at_b);
    let unclaimed = a.book(Account::Unclaimed) + b.book(Account::Unclaimed);
    assert_eq!(there + unclaimed, 2_000 + losses(pair));
    a.replays();
    b.replays();
    let report = pair.cross();
    assert!(report.contradictions.is_empty(), "{report:?}");
    assert_eq!(report.under_way, 0, "what was fenced is void");
}

#[derive(Debug, Clone, Copy)]
enum Act {
    OfferOfA(u32),
    OfferOfB(u32),
    WithdrawOfA,
    FromA,
    FromB,
    /// Only the last message arrives: a gap.
    LastFromA,
    LastFromB,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        (1..=60_u32).prop_map(Act::OfferOfA),
        (1..=60_u32).prop_map(Act::OfferOfB),
        Just(Act::WithdrawOfA),
        Just(Act::FromA),
        Just(Act::FromB),
        Just(Act::LastFromA),
        Just(Act::LastFromB),
    ]
}

fn run(pair: &mut Pair, number: u8, act: Act) {
    match act {
        Act::OfferOfA(points) => drop(pair.offer(number, points)),
        Act::OfferOfB(points) => {
            let who = (pair.at_b, pair.to_a);
            let command =
                Desk::offer_command(100 + number, pair.a.town, who, points, Source::Balance);
            drop(pair.b.submit(command));
        }
        Act::WithdrawOfA => drop(pair.a.withdraw(number.saturating_sub(1))),
        Act::FromA => carry(&pair.a, &mut pair.b),
        Act::FromB => carry(&pair.b, &mut pair.a),
        Act::LastFromA => {
            if let Some(last) = says(&pair.a).last() {
                let _ = pair.b.receive(last);
            }
        }
        Act::LastFromB => {
            if let Some(last) = says(&pair.b).last() {
                let _ = pair.a.receive(last);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_restored_town_and_its_peer_agree_again_whatever_the_backup_missed(
        acts in prop::collection::vec(act(), 1..24),
        at in 0..24_usize,
        late in prop::collection::vec(act(), 0..6),
    ) {
        let mut pair = funded();
        let mut kept = pair.a.journal.len();
        for (number, act) in (1..).zip(&acts) {
            run(&mut pair, number, *act);
            if usize::from(number) == at {
                kept = pair.a.journal.len();
            }
        }
        let old = says(&pair.a);
        pair.a = backup(&pair.a, kept);
        restart(&mut pair.a, 2).unwrap();
        prop_assert!(pair.a.ledger.is_recovering());
        new_directory(&mut pair, 2);
        // The peer goes on meanwhile, and messages of the ended generation still arrive.
        for (number, act) in (50..).zip(&late) {
            if let Act::OfferOfB(_) | Act::FromB = act {
                run(&mut pair, number, *act);
            }
        }
        settle(&mut pair);
        whole(&pair);
        let before = pair.b.ledger.hash();
        for envelope in &old {
            prop_assert!(pair.b.receive(envelope).is_err(), "void for ever");
        }
        prop_assert_eq!(pair.b.ledger.hash(), before);
        pair.offer(99, 1).unwrap();
        settle(&mut pair);
        whole(&pair);
    }
}

/// A town that begins anew from a backup which lacks its offer of 300 that the other has.
fn recovering() -> Pair {
    let mut pair = funded();
    let kept = pair.a.journal.len();
    pair.offer(1, 300).unwrap();
    carry(&pair.a, &mut pair.b);
    pair.a = backup(&pair.a, kept);
    restart(&mut pair.a, 2).unwrap();
    pair
}

#[test]
fn while_a_town_recovers_nothing_moves_until_its_peers_are_heard_or_named() {
    let mut pair = recovering();
    assert_eq!(pair.offer(2, 1), Err(Refusal::Recovering));
    let at_a = pair.at_a;
    assert_eq!(pair.a.grant(at_a, 5, "x").map(|_| ()), Err(Refusal::Recovering));
    let naming = Command::NameUnheard(Unheard { towns: vec![pair.b.town] }, by_officer());
    let proposed = pair.a.submit(Command::Propose(Nothing {}, Proposed::of(&naming, OFFICER)));
    let proposal = ProposalId(*proposed.unwrap().submission.client_key().unwrap().bytes());
    let decision = ProposalDecision { proposal, verdict: Verdict::Approve, approver: SECOND };
    pair.a.submit(Command::DecideProposal(Nothing {}, decision)).unwrap();
    pair.a.grant(at_a, 5, "x").unwrap();
    assert_eq!(pair.offer(2, 1), Err(Refusal::Recovering), "its money waits for its fence");
    new_directory(&mut pair, 2);
    settle(&mut pair);
    assert_eq!(pair.a.book(Account::Loss(LossCause::Restore)), 300);
    assert_eq!(pair.a.book(Account::OwedTo(pair.b.town)), 300);
    assert_eq!(pair.a.spendable(&at_a), 1_005, "the town bears it, not the resident");
    pair.offer(3, 1).unwrap();
}

#[test]
fn a_restore_in_the_middle_of_taking_back_takes_the_rest_back() {
    let mut pair = funded();
    let kept = pair.a.journal.len();
    pair.offer(1, 300).unwrap();
    pair.offer(2, 20).unwrap();
    carry(&pair.a, &mut pair.b);
    pair.a = backup(&pair.a, kept);
    restart(&mut pair.a, 2).unwrap();
    new_directory(&mut pair, 2);
    let (kind, ask) = pair.a.ledger.due_jobs().remove(0);
    let date = pair.a.ledger.day();
    pair.a.keyed(Some(OperationKey::Job { kind, date }), ask).unwrap();
    carry(&pair.a, &mut pair.b);
    carry(&pair.b, &mut pair.a);
    let taking = pair.a.ledger.recovering(&pair.b.town).unwrap();
    assert!(taking.next_own().is_some(), "its fence is here, and two offers are to be taken back");
    restart(&mut pair.a, 3).unwrap();
    new_directory(&mut pair, 3);
    settle(&mut pair);
    whole(&pair);
    assert_eq!(losses(&pair), 320);
}

#[test]
fn an_answer_that_was_forgotten_since_it_was_acknowledged_is_heard_before_a_withdrawal() {
    let mut pair = funded();
    pair.offer(1, 100).unwrap();
    pair.a.withdraw(1).unwrap();
    let kept = pair.a.journal.len();
    let (offer, withdrawal) = (says(&pair.a).remove(0), says(&pair.a).remove(1));
    pair.b.receive(&offer).unwrap();
    pair.b.receive(&withdrawal).unwrap();
    carry(&pair.b, &mut pair.a);
    pair.offer(2, 1).unwrap();
    carry(&pair.a, &mut pair.b);
    assert!(pair.b.ledger.incoming(&TransferId([1; 16])).is_none(), "it was acknowledged");
    pair.a = backup(&pair.a, kept);
    restart(&mut pair.a, 2).unwrap();
    new_directory(&mut pair, 2);
    settle(&mut pair);
    whole(&pair);
    assert_eq!(pair.a.book(Account::OwedTo(pair.b.town)), 101, "it was taken, and is not doubled");
}

#[test]
fn an_offer_that_was_taken_back_is_not_offered_again() {
    let mut pair = recovering();
    new_directory(&mut pair, 2);
    settle(&mut pair);
    // Nobody answered the resident, who asks again.
    assert_eq!(pair.offer(1, 300), Err(Refusal::Exists));
    settle(&mut pair);
    whole(&pair);
    assert_eq!(losses(&pair), 300);
}

#[test]
fn a_request_whose_offer_was_taken_back_is_not_paid_again() {
    // With the request in the backup, and without.
    for without in [0, 1] {
        let mut pair = funded();
        let intent = pair.b.ask_intent(pair.a.town, pair.to_a, 80);
        let request = TransferId(*intent.key.bytes());
        let asked = sent(&pair.b.send_ask(intent).unwrap()).unwrap();
        pair.a.receive(&asked).unwrap();
        let kept = pair.a.journal.len() - without;
        let at_a = pair.at_a;
        let offer = pair.a.pay_request(request, at_a, Some(Method::Password)).unwrap();
        pair.b.receive(&offer).unwrap();
        pair.a = backup(&pair.a, kept);
        restart(&mut pair.a, 2).unwrap();
        new_directory(&mut pair, 2);
        settle(&mut pair);
        assert!(pair.a.ledger.unanswered().next().is_none());
        assert_eq!(losses(&pair), 80);
        assert_eq!(pair.a.book(Account::OwedTo(pair.b.town)), 80);
        assert_eq!(pair.b.book(Account::OwedBy(pair.a.town)), 80);
    }
}

/// What a payment hears while a town recovers.
pub(super) fn refused() -> Refusal {
    let mut pair = funded();
    restart(&mut pair.a, 2).unwrap();
    pair.offer(1, 1).unwrap_err()
}

#[test]
fn a_snapshot_taken_in_recovery_goes_on_with_it() {
    let pair = recovering();
    let read = crate::ledger::Ledger::from_snapshot(&pair.a.ledger.snapshot()).unwrap();
    assert!(read.is_recovering());
    assert_eq!(read.meta().recovery, pair.a.ledger.meta().recovery);
}

#[test]
fn a_fence_is_for_a_generation_that_the_directory_names() {
    let mut pair = funded();
    restart(&mut pair.a, 2).unwrap();
    recover(&mut pair.a, &pair.b);
    let ask = says(&pair.a).remove(0);
    assert_eq!(pair.b.receive(&ask), Err(Refusal::NotInDirectory));
    new_directory(&mut pair, 2);
    assert!(pair.b.receive(&ask).unwrap().is_some());
}

#[test]
fn two_towns_that_are_restored_at_once_do_not_wait_for_each_other() {
    let mut pair = funded();
    pair.offer(1, 100).unwrap();
    carry(&pair.a, &mut pair.b);
    let kept = (pair.a.journal.len(), pair.b.journal.len());
    carry(&pair.b, &mut pair.a);
    pair.offer(2, 50).unwrap();
    pair.a = backup(&pair.a, kept.0);
    pair.b = backup(&pair.b, kept.1);
    restart(&mut pair.a, 2).unwrap();
    restart(&mut pair.b, 2).unwrap();
    new_directory(&mut pair, 2);
    settle(&mut pair);
    whole(&pair);
    assert_eq!(losses(&pair), 0);
    assert_eq!(pair.a.book(Account::OwedTo(pair.b.town)), 100);
}

#[test]
fn an_answer_that_was_pruned_before_both_towns_began_anew_is_not_given_again() {
    let mut pair = funded();
    let offer = pair.offer(1, 300).unwrap();
    let withdraw = pair.a.withdraw(1).unwrap();
    let kept = pair.a.journal.len();
    let accept = pair.b.receive(&offer).unwrap().unwrap();
    assert_eq!(pair.b.receive(&withdraw), Ok(None));
    pair.a.receive(&accept).unwrap();
    // It acknowledges the answer, which is dropped there.
    let next = pair.offer(2, 20).unwrap();
    pair.b.receive(&next).unwrap();
    assert!(pair.b.ledger.incoming(&TransferId([1; 16])).is_none());
    pair.a = backup(&pair.a, kept);
    restart(&mut pair.b, 2).unwrap();
    restart(&mut pair.a, 2).unwrap();
    new_directory(&mut pair, 2);
    settle(&mut pair);
    let back = pair.a.spendable(&pair.at_a);
    assert!(back <= 700, "{back} there, and the other town has taken 300");
    assert!(pair.b.spendable(&pair.at_b) >= 1_300);
}

#[test]
fn one_officer_alone_restores_nothing() {
    let mut pair = funded();
    let (old, new) = (Generation(1), Generation(2));
    let size = pair.a.ledger.meta().next;
    let restart = Restart { old, new, size, root: word("root"), cosigned: None };
    let alone = ByTwo { maker: OFFICER, approver: OFFICER };
    assert_eq!(
        pair.a.submit(Command::Restart(restart, alone)).map(|_| ()),
        Err(Refusal::SameOfficer)
    );
}

/// A restore at the end of the scripted journal, in which one offer is taken back.
pub(super) fn begun_anew(desk: &mut Desk, pair: &Pair) -> Envelope {
    let peer = pair.b.town;
    let last = desk.ledger.channel(&peer).unwrap().last_sent();
    let heard = desk.ledger.channel(&peer).unwrap().heard();
    let receipt = super::standing::lost_payment(desk, pair.at_a).to_string();
    restart(desk, 2).unwrap();
    let towns = desk.ledger.channels().map(|(town, _)| *town).collect();
    let naming = Command::NameUnheard(Unheard { towns }, by_officer());
    let proposed = desk.submit(Command::Propose(Nothing {}, Proposed::of(&naming, OFFICER)));
    let proposal = ProposalId(*proposed.unwrap().submission.client_key().unwrap().bytes());
    let decision = ProposalDecision { proposal, verdict: Verdict::Approve, approver: SECOND };
    desk.submit(Command::DecideProposal(Nothing {}, decision)).unwrap();
    let date = desk.ledger.day();
    let (kind, ask) = desk.ledger.due_jobs().remove(0);
    desk.keyed(Some(OperationKey::Job { kind, date }), ask).unwrap();
    let generation = Generation(1);
    let listed = Listed { generation, through: last.next(), beyond: vec![] };
    let fence = FenceBody { generation: Generation(2), lists: vec![listed] };
    let mut route = Route {
        sender: peer,
        recipient: desk.town,
        generation: heard.generation,
        number: ChannelNumber(heard.number.0 + 2),
        previous: word("the one before"),
        acked: crate::envelope::Acked { generation, number: last },
    };
    let body = codec::encode(&Message::Fence(fence));
    let fence = Unsigned::new(route, Purpose::Money, body).sign(&pair.b.channel_key);
    desk.receive(&fence).unwrap();
    assert!(matches!(desk.ledger.recovering(&peer).unwrap().stage, Stage::Fenced { .. }));
    let lots: Vec<Lot> = pair.lots_at_a();
    let offer = OfferBody {
        transfer: TransferId([200; 16]),
        recipient: crate::transfer::Recipient::Account(pair.to_b),
        lots,
        agreement: 1,
        left: day(BEGIN),
    };
    (route.sender, route.recipient) = (desk.town, peer);
    (route.generation, route.number) = (generation, last.next());
    route.previous = Digest([9; 32]);
    let body = codec::encode(&Message::Offer(offer));
    let envelope = Unsigned::new(route, Purpose::Money, body).sign(&desk.channel_key).encode();
    desk.fact(Command::TakeBackOwn(Nothing {}, Received { envelope }));
    desk.submit(Command::AdmitReceipt(Admitted { receipt }, by_officer())).unwrap();
    fence
}
