//! Shops whose customers are other towns' holders: what they ask for, take back and give back, and
//! how a node answers the requests of other towns' shops.

use jichi_node::engine::Work;
use jichi_protocol::{
    codec,
    command::{
        Command, Nothing, RequestNamed, RequestProof, SignedRefund, SignedRoaming,
        SignedRoamingCancel,
    },
    date::Time,
    digest::Digest,
    entry::Submission,
    id::{PaymentId, TransferId},
    intent::{RefundIntent, RoamingCancelIntent, RoamingIntent},
    key::{ClientKey, OperationKey},
    points::Points,
    roaming::Asked,
    signature::Domain,
    terms::Method,
};

use super::{Event, Violation, World};
use crate::{
    chance::Chance,
    plan::{Act, MINUTE},
    setup::{self, SHOP, TILL},
    town::Asker,
};

/// A request that could not be answered is looked at again.
const AGAIN_MS: u64 = MINUTE;
/// Holders whose proof the node no longer has when the request comes.
const UNPROVED_PERCENT: u64 = 10;

impl World {
    pub(super) fn buy(&mut self, id: u64, (at, base): (usize, usize), holder: usize, points: u32) {
        let key = buy_key(id, self.now);
        self.transfers.insert(TransferId(*key.bytes()));
        let intent = RoamingIntent {
            town: setup::town_id(at),
            key,
            merchant: SHOP,
            terminal: TILL,
            base: setup::town_id(base),
            holder: setup::handle(base, holder, at),
            points: Points::from_u32(points),
            total_yen: None,
            at: self.now,
            proof: Digest::of(&[b"proof"]),
        };
        let signature = setup::till_key(at).sign(Domain::Roaming, &codec::encode(&intent));
        let command = Command::AskTown(SignedRoaming { intent, signature }, Nothing {});
        self.by_till(at, key, command);
    }

    pub(super) fn cancel_buy(&mut self, id: u64) {
        let Some((at, payment)) = self.bought(id) else { return };
        let key = self.till_key(4);
        let intent = RoamingCancelIntent {
            town: setup::town_id(at),
            key,
            merchant: SHOP,
            terminal: TILL,
            payment,
            at: self.now,
        };
        let signature = setup::till_key(at).sign(Domain::RoamingCancel, &codec::encode(&intent));
        let command = Command::CancelAsk(SignedRoamingCancel { intent, signature }, Nothing {});
        self.by_till(at, key, command);
    }

    pub(super) fn give_back(&mut self, id: u64, points: u32) {
        let Some((at, payment)) = self.bought(id) else { return };
        let key = self.till_key(5);
        self.transfers.insert(TransferId(*key.bytes()));
        let intent = RefundIntent {
            town: setup::town_id(at),
            key,
            merchant: SHOP,
            terminal: TILL,
            payment,
            points: Points::from_u32(points),
            at: self.now,
        };
        let signature = setup::till_key(at).sign(Domain::Refund, &codec::encode(&intent));
        self.by_till(at, key, Command::Refund(SignedRefund { intent, signature }, Nothing {}));
    }

    /// Where a purchase is made, and its payment.
    fn bought(&self, id: u64) -> Option<(usize, PaymentId)> {
        let (begun, at) = self.plan.acts.iter().find_map(|(begun, act)| match act {
            Act::Buy { id: bought, at, .. } if *bought == id => Some((*begun, *at)),
            _ => None,
        })?;
        let key = buy_key(id, setup::begin().later_by_ms(begun));
        Some((at, key.payment()))
    }

    fn till_key(&self, which: u8) -> ClientKey {
        let number = u8::try_from(self.wishes.len()).expect("few wishes");
        ClientKey::of(self.now, [0, 0, 0, 0, 0, 0, 0, 0, which, number])
    }

    fn by_till(&mut self, town: usize, key: ClientKey, command: Command) {
        let key = Some(OperationKey::Client(key));
        self.wish(town, Submission { key, command, evidence: None }, None);
    }

    /// Plans to answer the requests of other towns' shops.
    pub(super) fn plan_answers(&mut self, town: usize) {
        let (now, life) = (self.now, self.towns[town].life);
        let tired = now > self.tired;
        let Some(up) = &mut self.towns[town].up else { return };
        let due = up.ledger.unanswered().map(|(request, _)| due(up.answered.get(request), now));
        let Some(due) = due.min().filter(|_| !tired) else { return };
        if up.answers.is_some_and(|planned| planned <= due) {
            return;
        }
        up.answers = Some(due);
        self.plan_event(due.ms_since(now) + 1, Event::Requests { town, life });
    }

    pub(super) fn answer(&mut self, town: usize) -> Result<(), Violation> {
        let now = self.now;
        let Some(up) = &mut self.towns[town].up else { return Ok(()) };
        up.answers = None;
        let waiting: Vec<_> = up
            .ledger
            .unanswered()
            .filter(|(request, _)| due(up.answered.get(request), now) <= now)
            .filter_map(|(request, asked)| match asked {
                Asked::Waiting { account, .. } => Some((*request, *account)),
                Asked::Answered(_) | Asked::Cancelled(_) => None,
            })
            .collect();
        let own = u8::try_from(town).expect("few towns");
        for (which, (request, account)) in (0_u64..).zip(waiting) {
            let place = self.planned.wrapping_add(which << 32);
            let mut chance = Chance::about(self.plan.seed, &[12, place]);
            let method = (!chance.percent(UNPROVED_PERCENT)).then_some(Method::Password);
            let [a, b, c, d, e, f, g, h] = place.to_be_bytes();
            let key = ClientKey::of(now, [own, 6, a, b, c, d, e, f, g, h]);
            let proof = RequestProof { account, method };
            let command = Command::PayRequest(RequestNamed { request }, proof);
            let key = Some(OperationKey::Client(key));
            let Some(up) = &mut self.towns[town].up else { return Ok(()) };
            up.answered.insert(request, now);
            if let Some(checked) = up.checked(Submission { key, command, evidence: None }) {
                up.queue.push_back(Work { checked, answer: Asker::Setup });
            }
        }
        self.plan_answers(town);
        self.pump(town)
    }
}

fn due(asked: Option<&Time>, now: Time) -> Time {
    asked.map_or(now, |asked| asked.later_by_ms(AGAIN_MS))
}

fn buy_key(id: u64, begun: Time) -> ClientKey {
    let number = u8::try_from(id).expect("few purchases");
    ClientKey::of(begun, [0, 0, 0, 0, 0, 0, 0, 0, 3, number])
}
