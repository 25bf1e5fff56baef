//! Random courses of two towns whose shops take each other's holders: messages are lost, doubled,
//! late and out of order. When everything has come, no point is missing and no month differs.

use alloc::vec::Vec;

use proptest::prelude::*;

use super::{desk::*, pair::*, properties::cases};
use crate::{
    account::Account,
    agreement::Movable,
    command::*,
    envelope::Envelope,
    id::*,
    refusal::Refusal,
    roaming::{AskState, Asked},
    settlement::PeriodStage,
    terms::Method,
    transfer::OutgoingStage,
};

const BEGIN: &str = "2026-11-10";

#[derive(Debug, Clone, Copy)]
enum Act {
    /// A shop of one of the towns asks for points of the other's holder.
    Ask(bool, u32),
    /// The node's word on the oldest request that waits; proved or not.
    Answer(bool, bool),
    /// The shop takes a request back.
    Cancel(bool, usize),
    /// The shop gives a part back.
    Refund(bool, usize, u32),
    /// A holder sends points to the other town.
    Give(bool, u32),
    /// One of all messages that were ever sent arrives, perhaps not for the first time.
    Deliver(usize),
    /// A day passes.
    Day,
    /// What is due is done.
    Jobs(bool),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (any::<bool>(), 1..400_u32).prop_map(|(town, points)| Act::Ask(town, points)),
        3 => (any::<bool>(), prop::bool::weighted(0.8)).prop_map(|(town, seen)| Act::Answer(town, seen)),
        1 => (any::<bool>(), 0..64_usize).prop_map(|(town, at)| Act::Cancel(town, at)),
        2 => (any::<bool>(), 0..64_usize, 1..200_u32).prop_map(|(town, at, points)| Act::Refund(town, at, points)),
        1 => (any::<bool>(), 1..300_u32).prop_map(|(town, points)| Act::Give(town, points)),
        8 => (0..256_usize).prop_map(Act::Deliver),
        1 => Just(Act::Day),
        1 => any::<bool>().prop_map(Act::Jobs),
    ]
}

struct Course {
    pair: Pair,
    /// Everything that was ever sent.
    wire: Vec<Envelope>,
    /// What each town's shop asked for: false for `a`.
    payments: Vec<(bool, PaymentId)>,
    transfers: u8,
    /// Refused since the original is on its way: seen at least once over all courses.
    waited: bool,
}

impl Course {
    fn new() -> Self {
        let mut pair = Pair::new(BEGIN, |agreement| {
            (agreement.movable, agreement.cap) = (Movable::Everything, p(1_500));
        });
        let (at_a, at_b) = (pair.at_a, pair.at_b);
        pair.a.converted(at_a, 1_000);
        pair.b.converted(at_b, 1_000);
        // Keys are random elsewhere; here the towns count, each from its own number.
        pair.b.counter = 1_000_000;
        Self { pair, wire: Vec::new(), payments: Vec::new(), transfers: 0, waited: false }
    }

    fn desk(&mut self, b: bool) -> &mut Desk {
        if b { &mut self.pair.b } else { &mut self.pair.a }
    }

    fn take(&mut self, act: Act) {
        match act {
            Act::Ask(b, points) => {
                let (base, holder) = if b {
                    (self.pair.a.town, self.pair.to_a)
                } else {
                    (self.pair.b.town, self.pair.to_b)
                };
                let intent = self.desk(b).ask_intent(base, holder, points);
                let payment = intent.key.payment();
                if let Ok(entry) = self.desk(b).send_ask(intent) {
                    self.wire.extend(sent(&entry));
                    self.payments.push((b, payment));
                }
            }
            Act::Answer(b, seen) => self.answer(b, seen),
            Act::Cancel(b, at) => {
                if let Some(payment) = self.payment(b, at)
                    && let Ok(entry) = self.desk(b).cancel_ask(payment)
                {
                    self.wire.extend(sent(&entry));
                }
            }
            Act::Refund(b, at, points) => {
                if let Some(payment) = self.payment(b, at)
                    && let Ok(entry) = self.desk(b).refund(payment, points)
                {
                    self.wire.extend(sent(&entry));
                }
            }
            Act::Give(b, points) => {
                self.transfers += 1;
                let id = self.transfers;
                let (town, from, to) = if b {
                    (self.pair.a.town, self.pair.at_b, self.pair.to_a)
                } else {
                    (self.pair.b.town, self.pair.at_a, self.pair.to_b)
                };
                let command = Desk::offer_command(id, town, (from, to), points, Source::Balance);
                if let Ok(entry) = self.desk(b).submit(command) {
                    self.wire.extend(sent(&entry));
                }
            }
            Act::Deliver(at) => {
                if let Some(index) = at.checked_rem(self.wire.len()) {
                    self.deliver(index);
                }
            }
            Act::Day => {
                let next = self.pair.a.ledger.day().plus_days(1);
                self.pair.a.until(next);
                self.pair.b.until(next);
            }
            Act::Jobs(b) => {
                let due = self.desk(b).due();
                self.wire.extend(due);
            }
        }
    }

    fn payment(&self, b: bool, at: usize) -> Option<PaymentId> {
        let own: Vec<_> = self.payments.iter().filter(|(of, _)| *of == b).collect();
        own.get(at.checked_rem(own.len())?).map(|(_, payment)| *payment)
    }

    fn answer(&mut self, b: bool, seen: bool) {
        let waiting = self.desk(b).ledger.unanswered().next();
        let Some((request, Asked::Waiting { account, .. })) = waiting else { return };
        let (request, account) = (*request, *account);
        let method = seen.then_some(Method::Password);
        if let Ok(message) = self.desk(b).pay_request(request, account, method) {
            self.wire.push(message);
        }
    }

    /// Whether the message was new.
    fn deliver(&mut self, at: usize) -> bool {
        let envelope = self.wire[at].clone();
        let b = envelope.header().recipient == self.pair.b.town;
        match self.desk(b).receive(&envelope) {
            Ok(answer) => {
                self.wire.extend(answer);
                true
            }
            Err(Refusal::Exists) => false,
            Err(Refusal::OriginalUnderWay) => {
                self.waited = true;
                false
            }
            Err(other) => panic!("{other:?}"),
        }
    }

    /// Every message comes, every request is answered, every job is done.
    fn drain(&mut self) {
        loop {
            let before = self.wire.len();
            let mut new = false;
            let mut at = 0;
            while at < self.wire.len() {
                new |= self.deliver(at);
                at += 1;
            }
            for b in [false, true] {
                while self.desk(b).ledger.unanswered().next().is_some() {
                    self.answer(b, false);
                }
                let due = self.desk(b).due();
                self.wire.extend(due);
            }
            if !new && self.wire.len() == before {
                return;
            }
        }
    }

    fn check(&self) {
        let (a, b) = (&self.pair.a, &self.pair.b);
        for (one, other) in [(a, b), (b, a)] {
            assert_eq!(one.book(Account::Transit(other.town)), 0, "nothing is on its way");
            assert_eq!(
                one.book(Account::OwedTo(other.town)),
                other.book(Account::OwedBy(one.town))
            );
            for (key, period) in one.ledger.periods() {
                let mirror = other.ledger.periods().find(|(theirs, _)| {
                    theirs.town == one.town && theirs.month == key.month && theirs.flow != key.flow
                });
                assert_eq!(mirror.expect("both have it").1.own, period.own);
                assert_eq!(period.stage, PeriodStage::Closed, "{key:?}");
            }
        }
        for (of_b, payment) in &self.payments {
            let (shop, base) = if *of_b { (b, a) } else { (a, b) };
            let request = TransferId(payment.0);
            let state = shop.ledger.asking(&request).unwrap().state;
            let gone = base.ledger.outgoing(&request).map(|outgoing| &outgoing.stage);
            let both = matches!(
                (state, gone),
                (AskState::Taken(_), Some(OutgoingStage::Settled { .. }))
                    | (
                        AskState::Cancelled | AskState::Declined(..) | AskState::Refused(..),
                        None | Some(OutgoingStage::Returned { .. }),
                    )
            );
            assert!(both, "{state:?} and {gone:?}");
        }
        // Every point is somewhere: with the holders, or owed to a shop.
        let held: u64 = a.spendable(&self.pair.at_a) + b.spendable(&self.pair.at_b);
        let shops = a.book(Account::Merchant(SHOP)) + b.book(Account::Merchant(SHOP));
        assert_eq!(held + shops, 2_000);
    }
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn no_point_is_lost_between_two_towns_and_every_month_closes(
        acts in prop::collection::vec(act(), 1..120),
    ) {
        let mut course = Course::new();
        for act in acts {
            course.take(act);
        }
        course.drain();
        // A month later everything is stated.
        let next = course.pair.a.ledger.day().plus_days(62);
        course.pair.a.until(next);
        course.pair.b.until(next);
        course.drain();
        course.check();
        course.pair.sound();
    }
}

#[test]
fn a_course_in_which_a_refund_overtakes_its_payment_ends_as_well() {
    let mut course = Course::new();
    for act in [Act::Ask(true, 100), Act::Deliver(0), Act::Answer(false, true), Act::Deliver(1)] {
        course.take(act);
    }
    course.take(Act::Refund(true, 0, 40));
    let refund = course.wire.len() - 1;
    assert!(!course.deliver(refund));
    assert!(course.waited);
    course.drain();
    assert_eq!(course.pair.a.spendable(&course.pair.at_a), 940);
}
