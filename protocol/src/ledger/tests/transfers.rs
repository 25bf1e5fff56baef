//! Points that move between two towns: one decision for each offer, whatever becomes of the
//! messages.

use super::{desk::*, pair::*};
use crate::{
    account::{Account, HolderState},
    agreement::Movable,
    codec,
    command::{AccountStateChange, Actor, Command, Nothing, Source},
    cross::Contradiction,
    envelope::{Envelope, Purpose},
    id::{AccountId, Generation, TransferId},
    lot::{Birth, Grace, Issuer, Lot, LotTerms, Origin, Paid},
    points::Points,
    refusal::Refusal,
    terms::TownTerms,
    transfer::{Answer, AnswerBody, Message, OfferBody, OutgoingStage, Recipient, RefuseReason},
};

const BEGIN: &str = "2026-11-24";

/// A pair of whose towns `a` has a resident with so many converted points.
fn with_points(on: &str, points: u64) -> Pair {
    let mut pair = Pair::new(on, |_| {});
    let resident = pair.at_a;
    pair.a.converted(resident, points);
    pair
}

fn answer(envelope: &Envelope) -> Answer {
    let Some(Message::Answer(body)) = Message::of(envelope) else { panic!("no answer") };
    body.answer
}

fn refused(reason: RefuseReason) -> Answer {
    Answer::Refuse { reason }
}

fn stage(pair: &Pair, transfer: u8) -> &OutgoingStage {
    &pair.a.ledger.outgoing(&TransferId([transfer; 16])).unwrap().stage
}

#[test]
fn an_accepted_offer_moves_points_and_makes_a_debt() {
    let mut pair = with_points(BEGIN, 1_000);
    let offer = pair.offer(1, 600).unwrap();
    assert_eq!(pair.a.spendable(&pair.at_a), 400);
    assert_eq!(pair.a.book(Account::Transit(pair.b.town)), 600);
    let accept = pair.b.receive(&offer).unwrap().unwrap();
    assert_eq!(answer(&accept), Answer::Accept { date: day(BEGIN) });
    assert_eq!(pair.b.spendable(&pair.at_b), 600);
    assert_eq!(pair.b.book(Account::OwedBy(pair.a.town)), 600);
    let [lot] = pair.lots_at_b()[..] else { panic!("one lot") };
    let first = Birth::Converted(jal());
    assert_eq!(lot.terms.origin, Origin::Moved { last: pair.a.town, first });
    assert_eq!(lot.terms.expires, day("2027-03-31"));
    pair.sound();
    assert_eq!(pair.a.receive(&accept), Ok(None));
    assert_eq!(pair.a.book(Account::Transit(pair.b.town)), 0);
    assert_eq!(pair.a.book(Account::OwedTo(pair.b.town)), 600);
    assert!(matches!(stage(&pair, 1), OutgoingStage::Settled { .. }));
    pair.sound();
}

#[test]
fn worked_example_two_points_accepted_after_their_last_day_get_grace() {
    let mut pair = with_points("2027-03-30", 1_000);
    pair.on("2027-03-31");
    let offer = pair.offer(1, 1_000).unwrap();
    pair.on("2027-04-08");
    let accept = pair.b.receive(&offer).unwrap().unwrap();
    assert_eq!(answer(&accept), Answer::Accept { date: day("2027-04-08") });
    let [lot] = pair.lots_at_b()[..] else { panic!("one lot") };
    assert_eq!(lot.points.get(), 1_000);
    assert_eq!((lot.terms.expires, lot.terms.grace), (day("2027-04-22"), Grace::Used));
    pair.a.receive(&accept).unwrap();
    assert_eq!(pair.a.book(Account::OwedTo(pair.b.town)), 1_000);
    pair.sound();
}

#[test]
fn worked_example_two_points_refused_after_their_last_day_come_back_with_grace() {
    let mut pair = with_points("2027-03-30", 1_000);
    pair.on("2027-03-31");
    let offer = pair.offer(1, 1_000).unwrap();
    let state = HolderState::Deceased;
    let change = AccountStateChange { account: pair.at_b, state, actor: Actor::Officer(OFFICER) };
    pair.b.submit(Command::SetAccountState(Nothing {}, change)).unwrap();
    pair.on("2027-04-08");
    pair.a.sweep();
    let refuse = pair.b.receive(&offer).unwrap().unwrap();
    assert_eq!(answer(&refuse), refused(RefuseReason::UnknownRecipient));
    pair.a.receive(&refuse).unwrap();
    let [lot] = pair.lots_at_a()[..] else { panic!("one lot") };
    assert_eq!(lot.points.get(), 1_000);
    assert_eq!((lot.terms.expires, lot.terms.grace), (day("2027-04-22"), Grace::Used));
    assert_eq!(pair.a.book(Account::Transit(pair.b.town)), 0);
    assert!(matches!(stage(&pair, 1), OutgoingStage::Returned { .. }));
    pair.sound();
}

#[test]
fn a_withdraw_that_comes_first_is_a_tombstone_and_the_late_offer_changes_nothing() {
    let mut pair = with_points(BEGIN, 1_000);
    let offer = pair.offer(1, 600).unwrap();
    let withdraw = pair.a.withdraw(1).unwrap();
    assert_eq!(pair.a.withdraw(1), Err(Refusal::Exists));
    let refuse = pair.b.receive(&withdraw).unwrap().unwrap();
    assert_eq!(answer(&refuse), refused(RefuseReason::Withdrawn));
    assert_eq!(pair.b.receive(&offer), Ok(None));
    assert_eq!(pair.b.spendable(&pair.at_b), 0);
    pair.a.receive(&refuse).unwrap();
    assert_eq!(pair.a.spendable(&pair.at_a), 1_000);
    assert_eq!(pair.a.withdraw(1), Err(Refusal::TransferClosed));
    pair.sound();
}

#[test]
fn a_withdraw_after_the_decision_changes_nothing() {
    let mut pair = with_points(BEGIN, 1_000);
    let offer = pair.offer(1, 600).unwrap();
    let withdraw = pair.a.withdraw(1).unwrap();
    let accept = pair.b.receive(&offer).unwrap().unwrap();
    assert_eq!(pair.b.receive(&withdraw), Ok(None));
    pair.a.receive(&accept).unwrap();
    assert!(matches!(stage(&pair, 1), OutgoingStage::Settled { .. }));
    assert_eq!(pair.a.spendable(&pair.at_a), 400);
    pair.sound();
}

#[test]
fn duplicates_change_nothing_and_an_answer_that_was_lost_comes_again() {
    let mut pair = with_points(BEGIN, 1_000);
    let offer = pair.offer(1, 600).unwrap();
    let accept = pair.b.receive(&offer).unwrap().unwrap();
    for _ in 0..3 {
        // `Exists` is how the desk calls a message that was heard before.
        assert_eq!(pair.b.receive(&offer), Err(Refusal::Exists));
    }
    // The answer's bytes stand in the journal, at the entry that the channel names.
    let channel = pair.b.ledger.channel(&pair.a.town).unwrap();
    let (number, entry) = channel.open().next().unwrap();
    assert_eq!(*number, accept.header().number);
    let at = usize::try_from(entry.0).unwrap();
    let again = sent(&crate::entry::Entry::parse(&pair.b.journal[at]).unwrap()).unwrap();
    assert_eq!(again.encode(), accept.encode());
    pair.a.receive(&again).unwrap();
    assert_eq!(pair.a.receive(&accept), Err(Refusal::Exists));
    assert_eq!(pair.a.book(Account::OwedTo(pair.b.town)), 600);
    pair.sound();
}

#[test]
fn answers_are_dropped_only_when_all_that_came_before_has_come() {
    let mut pair = with_points(BEGIN, 1_000);
    let first = pair.offer(1, 100).unwrap();
    let accept = pair.b.receive(&first).unwrap().unwrap();
    let lost = pair.a.withdraw(1).unwrap();
    pair.a.receive(&accept).unwrap();
    let second = pair.offer(2, 100).unwrap();
    pair.b.receive(&second).unwrap();
    assert!(pair.b.ledger.incoming(&TransferId([1; 16])).is_some(), "a gap is open");
    assert_eq!(pair.b.receive(&lost), Ok(None));
    assert!(pair.b.ledger.incoming(&TransferId([1; 16])).is_none(), "nobody asks again");
    assert!(pair.b.ledger.incoming(&TransferId([2; 16])).is_some(), "not acknowledged yet");
    pair.sound();
}

#[test]
fn converted_points_picked_for_another_town_become_base_town_points_on_refusal() {
    let mut pair = Pair::new(BEGIN, |_| {});
    let resident = pair.at_a;
    let link = pair.a.link(resident);
    let statement = pair.a.statement(link, 1_000);
    let conversion = pair.a.send_conversion(statement).unwrap();
    pair.on("2026-11-30");
    let change = |account, state| {
        let change = AccountStateChange { account, state, actor: Actor::Officer(OFFICER) };
        Command::SetAccountState(Nothing {}, change)
    };
    pair.a.submit(change(resident, HolderState::Frozen)).unwrap();
    let frozen = pair.offer_from(9, 500, Source::Unassigned(conversion));
    assert_eq!(frozen, Err(Refusal::AccountFrozen));
    pair.a.submit(change(resident, HolderState::Open)).unwrap();
    let wrong = pair.offer_from(9, 499, Source::Unassigned(conversion));
    assert_eq!(wrong, Err(Refusal::UnknownConversion));
    let offer = pair.offer_from(1, 500, Source::Unassigned(conversion)).unwrap();
    let Ok(Message::Offer(body)) = codec::decode::<Message>(offer.body()) else { panic!("offer") };
    assert_eq!(body.left, day(BEGIN), "it left when it was converted");
    assert_eq!(pair.a.book(Account::Unassigned(jal())), 0);
    assert_eq!(pair.a.pick(resident, conversion), Err(Refusal::UnknownConversion));
    let at_b = pair.at_b;
    pair.b.submit(change(at_b, HolderState::Closed)).unwrap();
    let refuse = pair.b.receive(&offer).unwrap().unwrap();
    assert_eq!(answer(&refuse), refused(RefuseReason::UnknownRecipient));
    pair.a.receive(&refuse).unwrap();
    assert_eq!(pair.a.spendable(&resident), 500);
    pair.sound();
}

#[test]
fn an_account_does_not_end_while_its_points_are_on_the_way() {
    let mut pair = with_points(BEGIN, 600);
    let offer = pair.offer(1, 600).unwrap();
    let change = |account| {
        let (state, actor) = (HolderState::Closed, Actor::Officer(OFFICER));
        Command::SetAccountState(Nothing {}, AccountStateChange { account, state, actor })
    };
    let (at_a, at_b) = (change(pair.at_a), change(pair.at_b));
    let waits = pair.a.submit(at_a);
    assert_eq!(waits, Err(Refusal::PointsWait { points: Points::from_u32(600) }));
    pair.b.submit(at_b).unwrap();
    let refuse = pair.b.receive(&offer).unwrap().unwrap();
    pair.a.receive(&refuse).unwrap();
    assert_eq!(pair.a.spendable(&pair.at_a), 600);
    assert_eq!(pair.a.book(Account::Transit(pair.b.town)), 0);
    pair.sound();
}

#[test]
fn no_more_than_the_pairs_cap_is_under_way_or_owed() {
    let mut pair = Pair::new(BEGIN, |agreement| agreement.cap = p(500));
    let resident = pair.at_a;
    pair.a.converted(resident, 1_000);
    assert_eq!(pair.offer(1, 501), Err(Refusal::OverTownCap { left: p(500) }));
    let offer = pair.offer(2, 300).unwrap();
    assert_eq!(pair.offer(3, 201), Err(Refusal::OverTownCap { left: p(200) }));
    let accept = pair.b.receive(&offer).unwrap().unwrap();
    pair.a.receive(&accept).unwrap();
    assert_eq!(pair.offer(4, 201), Err(Refusal::OverTownCap { left: p(200) }));
    // The other town may have agreed on less meanwhile: it refuses by what it knows.
    let smaller = agreement(&pair.a, &pair.b, |agreement| {
        (agreement.number, agreement.cap) = (2, p(400));
    });
    let offer = pair.offer(5, 200).unwrap();
    pair.b.fact(Command::TakeAgreement(smaller.clone(), by_officer()));
    let refuse = pair.b.receive(&offer).unwrap().unwrap();
    assert_eq!(answer(&refuse), refused(RefuseReason::NoAgreement));
    pair.a.receive(&refuse).unwrap();
    pair.a.fact(Command::TakeAgreement(smaller, by_officer()));
    assert_eq!(pair.offer(6, 101), Err(Refusal::OverTownCap { left: p(100) }));
    pair.sound();
}

#[test]
fn a_councils_points_stay_in_their_town_unless_the_agreement_says_otherwise() {
    let mut pair = with_points(BEGIN, 300);
    let resident = pair.at_a;
    pair.a.grant(resident, 400, "a").unwrap();
    assert_eq!(pair.offer(1, 301), Err(Refusal::NotMovable { movable: p(300) }));
    let offer = pair.offer(2, 300).unwrap();
    let everything = agreement(&pair.a, &pair.b, |agreement| {
        (agreement.number, agreement.movable) = (2, Movable::Everything);
    });
    pair.b.receive(&offer).unwrap();
    for desk in [&mut pair.a, &mut pair.b] {
        desk.fact(Command::TakeAgreement(everything.clone(), by_officer()));
    }
    let offer = pair.offer(3, 400).unwrap();
    let accept = pair.b.receive(&offer).unwrap().unwrap();
    assert_eq!(answer(&accept), Answer::Accept { date: day(BEGIN) });
    assert_eq!(pair.b.spendable(&pair.at_b), 700);
    pair.sound();
}

#[test]
fn an_account_with_too_many_lots_refuses_an_offer() {
    let mut pair = with_points(BEGIN, 300);
    let resident = pair.at_b;
    fill(&mut pair.b, resident, "2027-05-01");
    let offer = pair.offer(1, 300).unwrap();
    let refuse = pair.b.receive(&offer).unwrap().unwrap();
    assert_eq!(answer(&refuse), refused(RefuseReason::TooManyLots));
    pair.a.receive(&refuse).unwrap();
    assert_eq!(pair.a.spendable(&pair.at_a), 300);
    pair.sound();
}

#[test]
fn an_offer_of_nothing_or_of_what_had_lapsed_is_refused() {
    let mut pair = with_points(BEGIN, 300);
    let offer = pair.offer(1, 300).unwrap();
    let Ok(Message::Offer(body)) = codec::decode::<Message>(offer.body()) else { panic!("offer") };
    let mut forged = [body.clone(), body.clone(), body];
    forged[0].lots.clear();
    forged[1].lots[0].points = p(0);
    forged[2].left = day("2027-04-01");
    let channel = crate::channel::Channel::new(
        pair.a.ledger.meta().generation,
        pair.b.ledger.meta().generation,
    );
    for body in forged {
        let mut b = Pair::new(BEGIN, |_| {}).b;
        let message = codec::encode(&Message::Offer(body));
        let unsigned = channel.draft(pair.a.town, pair.b.town, Purpose::Money, message);
        let refuse = b.receive(&unsigned.sign(&pair.a.channel_key)).unwrap().unwrap();
        assert_eq!(answer(&refuse), refused(RefuseReason::Unreadable));
        b.replays();
    }
}

#[test]
fn an_answer_to_what_was_never_offered_changes_nothing_and_is_not_written_down() {
    let mut pair = with_points(BEGIN, 1_000);
    let offer = pair.offer(1, 600).unwrap();
    let date = day(BEGIN);
    let lies = [
        (2, Some(offer.hash()), Answer::Accept { date }),
        (1, Some(word("another")), Answer::Accept { date }),
        (1, None, Answer::Accept { date }),
        (1, Some(word("another")), refused(RefuseReason::Cap)),
    ];
    let length = pair.a.journal.len();
    for (transfer, offer, answer) in lies {
        let body = AnswerBody { transfer: TransferId([transfer; 16]), offer, answer };
        let channel = pair.b.ledger.channel(&pair.a.town).unwrap();
        let message = codec::encode(&Message::Answer(body));
        let lie = channel.draft(pair.b.town, pair.a.town, Purpose::Money, message);
        let lie = lie.sign(&pair.b.channel_key);
        assert_eq!(pair.a.receive(&lie), Err(Refusal::UnknownTransfer));
    }
    assert_eq!(pair.a.journal.len(), length);
    pair.sound();
}

#[test]
fn a_message_of_a_town_without_an_agreement_leaves_no_trace() {
    let mut pair = with_points(BEGIN, 1_000);
    let offer = pair.offer(1, 600).unwrap();
    let (a, mut b) = (Desk::new("102016", BEGIN), Desk::new("141500", BEGIN));
    let part = directory(1, &[&a, &b]);
    assert_eq!(b.receive(&offer), Err(Refusal::NotInDirectory));
    b.fact(Command::TakeDirectory(part, Nothing {}));
    let length = b.journal.len();
    for _ in 0..2 {
        assert_eq!(b.receive(&offer), Err(Refusal::NoAgreement));
    }
    assert_eq!(b.journal.len(), length);
}

#[test]
fn a_fork_is_written_down_and_freezes_the_channel() {
    let mut pair = with_points(BEGIN, 1_000);
    let offer = pair.offer(1, 600).unwrap();
    let accept = pair.b.receive(&offer).unwrap().unwrap();
    let channel = crate::channel::Channel::new(
        pair.b.ledger.meta().generation,
        pair.a.ledger.meta().generation,
    );
    let other = channel.draft(pair.b.town, pair.a.town, Purpose::Money, alloc::vec![0]);
    let other = other.sign(&pair.b.channel_key);
    pair.a.receive(&accept).unwrap();
    assert_eq!(pair.a.receive(&other), Ok(None));
    let fork = *pair.a.ledger.channel(&pair.b.town).unwrap().fork().unwrap();
    assert_eq!((fork.first, fork.second), (accept.hash(), other.hash()));
    assert_eq!(pair.offer(2, 100), Err(Refusal::ChannelFrozen));
    assert_eq!(pair.a.receive(&other), Err(Refusal::ChannelFrozen));
    pair.a.replays();
}

#[test]
fn the_receiving_towns_own_days_of_grace_count() {
    let mut pair = with_points("2027-03-30", 100);
    let terms = TownTerms { grace_days: 3, ..TownTerms::DEFAULT };
    pair.b.fact(Command::SetTerms(terms, by_officer()));
    let offer = pair.offer(1, 100).unwrap();
    pair.on("2027-04-08");
    pair.b.receive(&offer).unwrap();
    assert_eq!(pair.lots_at_b()[0].terms.expires, day("2027-04-11"));
}

#[test]
fn a_cross_check_finds_what_was_planted() {
    let mut pair = with_points(BEGIN, 1_000);
    let offer = pair.offer(1, 600).unwrap();
    let accept = pair.b.receive(&offer).unwrap().unwrap();
    pair.a.receive(&accept).unwrap();
    let report = pair.cross();
    assert_eq!((report.common, report.under_way), (2, 0));

    // The log of `b` without the entry that answered: `a` has what `b` never sent, and the
    // offer is under way.
    let whole = pair.b.journal.clone();
    pair.b.journal.pop();
    let report = pair.cross();
    assert_eq!((report.common, report.under_way), (0, 1));
    let [Contradiction::NeverSent { sender, received }] = &report.contradictions[..] else {
        panic!("{report:?}");
    };
    assert_eq!((*sender, received.hash), (pair.b.town, accept.hash()));
    assert_eq!(received.envelope.verify(pair.b.channel_key.public()), Ok(()));
    pair.b.journal = whole;

    // A town `b` that answered otherwise to the same offer, and says so in its log.
    let mut other = Pair::new(BEGIN, |_| {});
    other.on("2026-11-25");
    other.b.receive(&offer).unwrap();
    core::mem::swap(&mut pair.b, &mut other.b);
    let report = pair.cross();
    let different = |found: &Contradiction| matches!(found, Contradiction::Different { sender, .. } if *sender == pair.b.town);
    assert!(report.contradictions.iter().any(different), "{report:?}");

    // A town `b` that took nothing: what `a` owes is more than `b` claims.
    pair.b = Pair::new(BEGIN, |_| {}).b;
    let sums = |found: &Contradiction| matches!(found, Contradiction::Sums { debtor, .. } if *debtor == pair.a.town);
    assert!(pair.cross().contradictions.iter().any(sums));
}

#[test]
fn a_channel_begins_with_the_generation_that_the_directory_says() {
    let (mut a, b) = (Desk::new("102016", BEGIN), Desk::new("141500", BEGIN));
    let mut restored = member(&b);
    restored.generation = Generation(3);
    let part = directory_of(1, alloc::vec![member(&a), restored], a.time);
    let signed = agreement(&a, &b, |_| {});
    a.fact(Command::TakeDirectory(part, Nothing {}));
    a.fact(Command::TakeAgreement(signed, by_officer()));
    assert_eq!(a.ledger.channel(&b.town).unwrap().peer_generation(), Generation(3));
    a.replays();
}

#[test]
fn the_largest_offer_fits_into_an_entry_of_either_town() {
    let mut pair = Pair::new(BEGIN, |agreement| agreement.cap = Points::MAX);
    let (last, company) = ("102024".parse().unwrap(), "abcdefghijklmnop".parse().unwrap());
    let lots = (0..crate::lot::LOTS_MAX).map(|number| Lot {
        terms: LotTerms {
            origin: Origin::Moved { last, first: Birth::Converted(company) },
            issuer: Issuer::Town,
            paid: Paid::Yes,
            earned: day("2200-01-01"),
            expires: day("2200-01-01").plus_days(u32::try_from(number).unwrap()),
            grace: Grace::May,
        },
        points: Points::new(5_000_000_000).unwrap(),
    });
    let body = OfferBody {
        transfer: TransferId([1; 16]),
        recipient: Recipient::Account(pair.to_b),
        lots: lots.collect(),
        agreement: 1,
        left: day(BEGIN),
    };
    let message = codec::encode(&Message::Offer(body));
    let channel = pair.a.ledger.channel(&pair.b.town).unwrap();
    let offer = channel.draft(pair.a.town, pair.b.town, Purpose::Money, message);
    let accept = pair.b.receive(&offer.sign(&pair.a.channel_key)).unwrap().unwrap();
    assert_eq!(answer(&accept), Answer::Accept { date: day(BEGIN) });
}

#[test]
fn an_offer_in_an_envelope_for_something_else_moves_nothing() {
    let mut pair = with_points(BEGIN, 500);
    let body = OfferBody {
        transfer: TransferId([1; 16]),
        recipient: Recipient::Account(pair.to_b),
        lots: pair.lots_at_a(),
        agreement: 1,
        left: day(BEGIN),
    };
    let message = codec::encode(&Message::Offer(body));
    let channel = pair.a.ledger.channel(&pair.b.town).unwrap();
    let offer = channel.draft(pair.a.town, pair.b.town, Purpose::Library, message);
    assert_eq!(pair.b.receive(&offer.sign(&pair.a.channel_key)).unwrap(), None);
    assert_eq!(pair.b.book(Account::OwedBy(pair.a.town)), 0);
}

/// Grants as many lots of one point as an account may hold, of days from `first` on.
pub(super) fn fill(desk: &mut Desk, account: AccountId, first: &str) {
    for number in 0..crate::lot::LOTS_MAX {
        let last = day(first).plus_days(u32::try_from(number).unwrap());
        desk.programme(|programme| programme.expiry = crate::programme::ExpiryRule::On(last));
        desk.grant(account, 1, &alloc::format!("{first} {number}")).unwrap();
    }
}

#[test]
fn an_offer_has_no_more_lots_than_the_other_towns_entry_can_hold() {
    let mut pair = Pair::new(BEGIN, |agreement| agreement.movable = Movable::Everything);
    let resident = pair.at_a;
    fill(&mut pair.a, resident, "2027-05-01");
    let payment = pair.a.pay(resident, 128).unwrap();
    fill(&mut pair.a, resident, "2028-05-01");
    pair.a.refund(payment, 128).unwrap();
    assert_eq!(pair.a.spendable(&resident), 256);
    assert_eq!(pair.offer(1, 129), Err(Refusal::TooLargeForAnEntry));
    let offer = pair.offer(2, 128).unwrap();
    pair.b.receive(&offer).unwrap();
    assert_eq!(pair.b.spendable(&pair.at_b), 128);
    pair.sound();

    let Ok(Message::Offer(mut body)) = codec::decode::<Message>(offer.body()) else { panic!() };
    body.transfer = TransferId([3; 16]);
    body.lots.push(body.lots[0]);
    let channel = pair.a.ledger.channel(&pair.b.town).unwrap();
    let message = codec::encode(&Message::Offer(body));
    let offer = channel.draft(pair.a.town, pair.b.town, Purpose::Money, message);
    let refuse = pair.b.receive(&offer.sign(&pair.a.channel_key)).unwrap().unwrap();
    assert_eq!(answer(&refuse), refused(RefuseReason::Unreadable));
}
