//! Between towns: what of it is done on the day of the deliveries, and what is refused there.

use alloc::vec;

use super::{BEGIN, Maker};
use crate::{
    codec,
    command::*,
    id::*,
    intent::{RoamingCancelIntent, RoamingIntent},
    key::{JobKind, OperationKey},
    ledger::tests::{desk::*, pair::word},
    signature::Domain,
    terms::Method,
};

impl Maker<'_> {
    /// A shop asks, and takes it back; a stranger's request; a house that is moved; months that are
    /// not over.
    pub(super) fn between(&mut self) {
        let (town, base) = (self.pair.a.town, self.pair.b.town);
        let (merchant, terminal, at) = (SHOP, TILL, self.time);
        let key = self.key();
        let payment = key.payment();
        let intent = RoamingIntent {
            town,
            key,
            merchant,
            terminal,
            base,
            holder: Handle([5; 16]),
            points: p(40),
            total_yen: None,
            at,
            proof: word("proof"),
        };
        let signature = self.pair.a.terminal_key.sign(Domain::Roaming, &codec::encode(&intent));
        self.keyed(key, Command::AskTown(SignedRoaming { intent, signature }, Nothing {}));
        let key = self.key();
        let intent = RoamingCancelIntent { town, key, merchant, terminal, payment, at };
        let bytes = codec::encode(&intent);
        let signature = self.pair.a.terminal_key.sign(Domain::RoamingCancel, &bytes);
        let signed = SignedRoamingCancel { intent, signature };
        self.keyed(key, Command::CancelAsk(signed, Nothing {}));
        let (request, account) = (TransferId([40; 16]), self.pair.at_a);
        let proof = RequestProof { account, method: Some(Method::Password) };
        self.add(Command::PayRequest(RequestNamed { request }, proof));
        let shared = MoveShared { transfer: TransferId([41; 16]), town: base };
        let recipient = self.pair.to_b;
        let own = MovePrivate { account, recipient, actor: Actor::Holder };
        self.add(Command::MoveHouse(shared, own));
        let named = PeriodNamed { town: base, month: day(BEGIN).month() };
        let date = day(BEGIN);
        let jobs = vec![
            (JobKind::Forward, Command::Forward(shared, Forwarding { account })),
            (JobKind::EndPeriod, Command::EndPeriod(named, Nothing {})),
            (JobKind::AnswerPeriod, Command::AnswerPeriod(named, Nothing {})),
        ];
        for (kind, command) in jobs {
            self.made.push((Some(OperationKey::Job { kind, date }), command));
        }
        self.add(Command::RestatePeriod(named, by_officer()));
        self.add(Command::RecordSettlement(named, by_officer()));
    }
}
