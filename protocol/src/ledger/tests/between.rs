//! Roaming, moving house and settlement between two towns: `b` has the shop, `a` the holder.

mod house;
mod months;
mod restored;
mod third;

pub(super) use third::with_a_third_town;

use alloc::{vec, vec::Vec};

use super::{desk::*, pair::*};
use crate::{
    account::{Account, HolderState},
    agreement::{AgreedShop, Agreement, Movable},
    codec,
    command::*,
    date::Month,
    entry::Entry,
    envelope::Envelope,
    id::*,
    intent::{RoamingCancelIntent, RoamingIntent},
    key::OperationKey,
    ledger::PaymentState,
    lot::{Birth, Origin},
    refusal::Refusal,
    roaming::{AskState, Asked, DeclineReason},
    settlement::{Flow, PeriodKey, PeriodStage},
    signature::Domain,
    terms::Method,
    transfer::{Answer, Message, RefuseReason},
};

pub(super) const BEGIN: &str = "2026-11-24";

impl Desk {
    pub(super) fn ask_intent(
        &mut self,
        base: TownId,
        holder: Handle,
        points: u32,
    ) -> RoamingIntent {
        RoamingIntent {
            town: self.town,
            key: self.key(),
            merchant: SHOP,
            terminal: TILL,
            base,
            holder,
            points: p(points),
            total_yen: None,
            at: self.time,
            proof: word("proof"),
        }
    }

    pub(super) fn send_ask(&mut self, intent: RoamingIntent) -> Result<Entry, Refusal> {
        let signature = self.terminal_key.sign(Domain::Roaming, &codec::encode(&intent));
        let key = OperationKey::Client(intent.key);
        self.keyed(Some(key), Command::AskTown(SignedRoaming { intent, signature }, Nothing {}))
    }

    pub(super) fn cancel_ask(&mut self, payment: PaymentId) -> Result<Entry, Refusal> {
        let intent = RoamingCancelIntent {
            town: self.town,
            key: self.key(),
            merchant: SHOP,
            terminal: TILL,
            payment,
            at: self.time,
        };
        let signature = self.terminal_key.sign(Domain::RoamingCancel, &codec::encode(&intent));
        let key = OperationKey::Client(intent.key);
        let signed = SignedRoamingCancel { intent, signature };
        self.keyed(Some(key), Command::CancelAsk(signed, Nothing {}))
    }

    /// The node's word on a request; the message that goes out comes back.
    pub(super) fn pay_request(
        &mut self,
        request: TransferId,
        account: AccountId,
        method: Option<Method>,
    ) -> Result<Envelope, Refusal> {
        let command =
            Command::PayRequest(RequestNamed { request }, RequestProof { account, method });
        self.submit(command).map(|entry| sent(&entry).unwrap())
    }

    /// Does what is due by itself; the messages that go out come back.
    pub(super) fn due(&mut self) -> Vec<Envelope> {
        let mut out = Vec::new();
        loop {
            let jobs = self.ledger.due_jobs();
            if jobs.is_empty() {
                return out;
            }
            for (kind, command) in jobs {
                let key = OperationKey::Job { kind, date: self.ledger.day() };
                out.extend(sent(&self.keyed(Some(key), command).unwrap()));
            }
        }
    }
}

/// A payment under way: its request, and the message that asks.
pub(super) struct Under {
    pub(super) request: TransferId,
    pub(super) payment: PaymentId,
    pub(super) message: Envelope,
}

impl Pair {
    pub(super) fn roaming(on: &str, change: impl Fn(&mut Agreement), points: u64) -> Self {
        let mut pair = Self::new(on, change);
        let resident = pair.at_a;
        pair.a.converted(resident, points);
        pair
    }

    pub(super) fn ask(&mut self, points: u32) -> Result<Under, Refusal> {
        let (town, holder) = (self.a.town, self.to_a);
        let intent = self.b.ask_intent(town, holder, points);
        let payment = intent.key.payment();
        let request = TransferId(payment.0);
        let message = sent(&self.b.send_ask(intent)?).unwrap();
        Ok(Under { request, payment, message })
    }

    /// The request arrives and is paid; the offer comes back.
    pub(super) fn offered(&mut self, under: &Under) -> Envelope {
        assert_eq!(self.a.receive(&under.message), Ok(None));
        let account = self.at_a;
        self.a.pay_request(under.request, account, Some(Method::Password)).unwrap()
    }

    /// A payment from end to end.
    pub(super) fn roam(&mut self, points: u32) -> Under {
        let under = self.ask(points).unwrap();
        let offer = self.offered(&under);
        let accept = self.b.receive(&offer).unwrap().unwrap();
        assert_eq!(self.a.receive(&accept), Ok(None));
        under
    }

    fn state_at_b(&self, under: &Under) -> AskState {
        self.b.ledger.asking(&under.request).unwrap().state
    }
}

fn declined(envelope: &Envelope) -> DeclineReason {
    let Some(Message::Decline(body)) = Message::of(envelope) else { panic!("no decline") };
    body.reason
}

fn answered(envelope: &Envelope) -> Answer {
    let Some(Message::Answer(body)) = Message::of(envelope) else { panic!("no answer") };
    body.answer
}

#[test]
fn a_holder_pays_at_a_shop_of_another_town() {
    let mut pair = Pair::roaming(BEGIN, |_| {}, 1_000);
    let under = pair.ask(400).unwrap();
    assert!(matches!(pair.state_at_b(&under), AskState::Waiting(_)));
    assert_eq!(pair.b.book(Account::Merchant(SHOP)), 0, "nothing before the accept");
    let offer = pair.offered(&under);
    assert_eq!(pair.a.spendable(&pair.at_a), 600);
    assert_eq!(pair.a.book(Account::Transit(pair.b.town)), 400);
    let accept = pair.b.receive(&offer).unwrap().unwrap();
    assert_eq!(answered(&accept), Answer::Accept { date: day(BEGIN) });
    assert!(matches!(pair.state_at_b(&under), AskState::Taken(_)));
    assert_eq!(pair.b.book(Account::Merchant(SHOP)), 400);
    assert_eq!(pair.b.book(Account::OwedBy(pair.a.town)), 400);
    pair.a.receive(&accept).unwrap();
    assert_eq!(pair.a.book(Account::OwedTo(pair.b.town)), 400);
    assert_eq!(pair.a.ledger.holder(&pair.at_a).unwrap().spent_on(day(BEGIN)), p(400));
    pair.sound();
}

#[test]
fn the_base_town_declines_for_ever_and_says_why() {
    let mut pair = Pair::roaming(BEGIN, |agreement| agreement.cap = p(1_500), 2_000);
    let resident = pair.at_a;
    let try_once = |pair: &mut Pair, points: u32, method: Option<Method>| {
        let under = pair.ask(points).unwrap();
        pair.a.receive(&under.message).unwrap();
        let decline = pair.a.pay_request(under.request, resident, method).unwrap();
        pair.b.receive(&decline).unwrap();
        assert_eq!(
            pair.a.pay_request(under.request, resident, Some(Method::Password)),
            Err(Refusal::RequestClosed)
        );
        let AskState::Declined(_, reason) = pair.state_at_b(&under) else { panic!("declined") };
        assert_eq!(reason, declined(&decline));
        reason
    };
    let password = Some(Method::Password);
    assert_eq!(try_once(&mut pair, 100, None), DeclineReason::NotProved);
    // What the two towns may owe is told to the shop before it asks.
    assert_eq!(pair.ask(1_501).err(), Some(Refusal::OverTownCap { left: p(1_500) }));
    let frozen = |state| AccountStateChange { account: resident, state, actor: Actor::Holder };
    pair.a.submit(Command::SetAccountState(Nothing {}, frozen(HolderState::Frozen))).unwrap();
    assert_eq!(try_once(&mut pair, 100, password), DeclineReason::NotOpen);
    pair.a.submit(Command::SetAccountState(Nothing {}, frozen(HolderState::Open))).unwrap();
    pair.a.grant(resident, 300, "walk").unwrap();
    pair.a.pay(resident, 1_200).unwrap();
    // 300 administrative points were spent first: converted ones are left.
    assert_eq!(try_once(&mut pair, 1_101, password), DeclineReason::ShortOfPoints);
    pair.a.grant(resident, 300, "walk again").unwrap();
    assert_eq!(try_once(&mut pair, 1_101, password), DeclineReason::NotMovable);
    assert_eq!(pair.a.spendable(&resident), 1_400);
    assert_eq!(pair.b.book(Account::Merchant(SHOP)), 0);
    pair.sound();
}

#[test]
fn a_request_for_nobody_or_of_another_age_is_declined_at_once() {
    let mut pair = Pair::roaming(BEGIN, |_| {}, 1_000);
    let town = pair.a.town;
    let intent = pair.b.ask_intent(town, Handle([9; 16]), 100);
    let message = sent(&pair.b.send_ask(intent).unwrap()).unwrap();
    let decline = pair.a.receive(&message).unwrap().unwrap();
    assert_eq!(declined(&decline), DeclineReason::UnknownHolder);
    let under = pair.ask(100).unwrap();
    pair.a.on("2026-12-10");
    let decline = pair.a.receive(&under.message).unwrap().unwrap();
    assert_eq!(declined(&decline), DeclineReason::Unreadable);
    assert_eq!(pair.a.spendable(&pair.at_a), 1_000);
    pair.sound();
}

#[test]
fn the_shops_cancel_is_the_refusal_of_a_late_offer() {
    let mut pair = Pair::roaming(BEGIN, |_| {}, 1_000);
    let under = pair.ask(400).unwrap();
    let offer = pair.offered(&under);
    let cancel = sent(&pair.b.cancel_ask(under.payment).unwrap()).unwrap();
    assert_eq!(answered(&cancel), Answer::Refuse { reason: RefuseReason::Cancelled });
    // The offer comes behind it: nothing is said anew.
    assert_eq!(pair.b.receive(&offer), Ok(None));
    assert_eq!(pair.b.book(Account::Merchant(SHOP)), 0);
    pair.a.receive(&cancel).unwrap();
    assert_eq!(pair.a.spendable(&pair.at_a), 1_000);
    assert_eq!(pair.a.ledger.holder(&pair.at_a).unwrap().spent_on(day(BEGIN)), p(0));
    assert_eq!(pair.b.cancel_ask(under.payment), Err(Refusal::RequestClosed));
    pair.sound();
}

#[test]
fn a_cancel_that_overtakes_its_request_leaves_a_tombstone() {
    let mut pair = Pair::roaming(BEGIN, |_| {}, 1_000);
    let under = pair.ask(400).unwrap();
    let cancel = sent(&pair.b.cancel_ask(under.payment).unwrap()).unwrap();
    assert_eq!(pair.a.receive(&cancel), Ok(None));
    assert_eq!(pair.a.receive(&under.message), Ok(None));
    assert_eq!(pair.a.ledger.unanswered().count(), 0);
    let resident = pair.at_a;
    let paid = pair.a.pay_request(under.request, resident, Some(Method::Password));
    assert_eq!(paid, Err(Refusal::RequestClosed));
    assert_eq!(pair.a.spendable(&resident), 1_000);
    pair.sound();
}

#[test]
fn a_cancel_before_the_ask_and_a_cancel_behind_the_accept() {
    let mut pair = Pair::roaming(BEGIN, |_| {}, 1_000);
    let (town, holder) = (pair.a.town, pair.to_a);
    let intent = pair.b.ask_intent(town, holder, 100);
    assert_eq!(sent(&pair.b.cancel_ask(intent.key.payment()).unwrap()), None);
    assert_eq!(pair.b.send_ask(intent), Err(Refusal::RequestClosed));
    let under = pair.roam(100);
    assert_eq!(pair.b.cancel_ask(under.payment), Err(Refusal::RequestTaken));
    assert_eq!(pair.b.void(under.payment), Err(Refusal::RefundInstead));
    pair.sound();
}

#[test]
fn an_offer_that_no_shop_asked_for_is_refused_and_returned() {
    let mut pair = Pair::roaming(BEGIN, |_| {}, 1_000);
    let under = pair.ask(400).unwrap();
    let offer = pair.offered(&under);
    let mut stranger = Pair::new(BEGIN, |_| {}).b;
    let refuse = stranger.receive(&offer).unwrap().unwrap();
    assert_eq!(answered(&refuse), Answer::Refuse { reason: RefuseReason::NotAsked });
    assert_eq!(stranger.book(Account::Merchant(SHOP)), 0);
}

#[test]
fn a_refund_brings_the_same_lots_back_the_last_taken_first() {
    let everything = |agreement: &mut Agreement| agreement.movable = Movable::Everything;
    let mut pair = Pair::roaming(BEGIN, everything, 500);
    let resident = pair.at_a;
    pair.a.programme(|programme| {
        programme.expiry = crate::programme::ExpiryRule::On(day("2026-12-31"))
    });
    pair.a.grant(resident, 300, "walk").unwrap();
    let under = pair.roam(450);
    let refund = sent(&pair.b.refund(under.payment, 200).unwrap()).unwrap();
    assert_eq!(pair.b.book(Account::Merchant(SHOP)), 250);
    assert_eq!(pair.b.book(Account::Transit(pair.a.town)), 200);
    let accept = pair.a.receive(&refund).unwrap().unwrap();
    assert_eq!(answered(&accept), Answer::Accept { date: day(BEGIN) });
    assert_eq!(pair.a.spendable(&resident), 550);
    // 150 converted and 50 administrative: what was taken last came back first.
    let of = |origin: fn(&Origin) -> bool| -> u64 {
        let lots = pair.lots_at_a();
        lots.iter().filter(|lot| origin(&lot.terms.origin)).map(|lot| lot.points.get()).sum()
    };
    assert_eq!(of(|origin| matches!(origin, Origin::Here(Birth::Administrative(_)))), 50);
    assert_eq!(of(|origin| matches!(origin, Origin::Here(Birth::Converted(_)))), 500);
    pair.b.receive(&accept).unwrap();
    assert_eq!(pair.b.book(Account::OwedTo(pair.a.town)), 200);
    assert_eq!(pair.a.book(Account::OwedBy(pair.b.town)), 200);
    assert_eq!(
        pair.b.refund(under.payment, 251).err(),
        Some(Refusal::OverRefunded { left: p(250) })
    );
    pair.sound();
}

#[test]
fn a_refund_waits_for_an_accept_that_is_still_on_its_way() {
    let mut pair = Pair::roaming(BEGIN, |_| {}, 1_000);
    let under = pair.ask(400).unwrap();
    let offer = pair.offered(&under);
    let accept = pair.b.receive(&offer).unwrap().unwrap();
    let refund = sent(&pair.b.refund(under.payment, 400).unwrap()).unwrap();
    let length = pair.a.journal.len();
    assert_eq!(pair.a.receive(&refund), Err(Refusal::OriginalUnderWay));
    assert_eq!(pair.a.journal.len(), length, "its number is not taken");
    pair.a.receive(&accept).unwrap();
    let taken = pair.a.receive(&refund).unwrap().unwrap();
    pair.b.receive(&taken).unwrap();
    assert_eq!(pair.a.spendable(&pair.at_a), 1_000);
    assert_eq!(pair.b.book(Account::Merchant(SHOP)), 0);
    pair.sound();
}

#[test]
fn a_refund_needs_neither_cap_nor_agreement() {
    let mut pair = Pair::roaming(BEGIN, |agreement| agreement.until = day("2026-11-30"), 1_000);
    let under = pair.roam(400);
    pair.on("2026-12-20");
    assert_eq!(pair.ask(1).err(), Some(Refusal::NoAgreement));
    let refund = sent(&pair.b.refund(under.payment, 400).unwrap()).unwrap();
    let accept = pair.a.receive(&refund).unwrap().unwrap();
    assert_eq!(answered(&accept), Answer::Accept { date: day("2026-12-20") });
    pair.sound();
}

#[test]
fn a_refund_that_the_base_town_does_not_know_gives_the_shop_its_points_again() {
    let mut pair = Pair::roaming(BEGIN, |_| {}, 1_000);
    let under = pair.roam(400);
    // Another town of the same keys that never paid: as if its answer were a lie.
    let mut other = Pair::roaming(BEGIN, |_| {}, 1_000);
    let refund = sent(&pair.b.refund(under.payment, 150).unwrap()).unwrap();
    let refuse = other.a.receive(&refund).unwrap().unwrap();
    assert_eq!(answered(&refuse), Answer::Refuse { reason: RefuseReason::UnknownOriginal });
    let mut b = pair.b;
    let Some(Message::Answer(body)) = Message::of(&refuse) else { panic!("no answer") };
    let channel = other.a.ledger.channel(&b.town).unwrap();
    assert!(channel.last_sent().0 > 0);
    // The same answer at the place where town `a` is in truth.
    let place = pair.a.ledger.channel(&b.town).unwrap();
    let message = codec::encode(&Message::Answer(body));
    let purpose = crate::envelope::Purpose::Money;
    let answer = place.draft(pair.a.town, b.town, purpose, message).sign(&pair.a.channel_key);
    b.receive(&answer).unwrap();
    assert_eq!(b.book(Account::Merchant(SHOP)), 400);
    let PaymentState::Roamed { refunded, .. } = b.ledger.payment(&under.payment).unwrap().state
    else {
        panic!("roamed")
    };
    assert_eq!(refunded, p(0));
    b.replays();
}

#[test]
fn a_cancel_ends_a_request_that_waits_however_late_it_comes() {
    let mut pair = Pair::roaming("2026-11-10", |_| {}, 1_000);
    let under = pair.ask(100).unwrap();
    pair.a.receive(&under.message).unwrap();
    let cancel = sent(&pair.b.cancel_ask(under.payment).unwrap()).unwrap();
    // Later than a request may be that was never heard of.
    pair.on("2026-11-20");
    pair.a.receive(&cancel).unwrap();
    let (request, account) = (under.request, pair.at_a);
    let paid = pair.a.pay_request(request, account, Some(Method::Password));
    assert_eq!(paid, Err(Refusal::RequestClosed));
    assert_eq!(pair.a.ledger.unanswered().count(), 0);
    assert_eq!(pair.a.spendable(&account), 1_000);
    pair.sound();
}

#[test]
fn points_of_a_goods_agreement_are_taken_at_its_shops_only() {
    let goods = |agreement: &mut Agreement| {
        agreement.shops =
            Some(vec![AgreedShop { town: "141500".parse().unwrap(), merchant: OTHER_SHOP }]);
    };
    let mut pair = Pair::roaming(BEGIN, goods, 1_000);
    assert_eq!(pair.ask(100).err(), Some(Refusal::ShopNotAgreed));
    let (town, holder) = (pair.a.town, pair.to_a);
    let mut intent = pair.b.ask_intent(town, holder, 100);
    (intent.merchant, intent.terminal) = (OTHER_SHOP, OTHER_TILL);
    let message = sent(&pair.b.send_ask(intent).unwrap()).unwrap();
    assert_eq!(pair.a.receive(&message), Ok(None));
    let (request, _) = pair.a.ledger.unanswered().next().unwrap();
    let (request, resident) = (*request, pair.at_a);
    let offer = pair.a.pay_request(request, resident, Some(Method::Password)).unwrap();
    let accept = pair.b.receive(&offer).unwrap().unwrap();
    assert!(matches!(answered(&accept), Answer::Accept { .. }));
    pair.sound();
}
