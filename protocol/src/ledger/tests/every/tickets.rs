//! Deliveries of printed tickets.

use alloc::vec;

use super::{
    super::tickets::{range, rules},
    *,
};
use crate::{
    id::{DeskId, TicketNumber},
    ticket::{SignedTicket, TicketFace, VoidCause},
};

impl Maker<'_> {
    /// Everything about tickets, the same ticket scanned twice, a bundle with it, and voids of
    /// what is used and of what is not there.
    pub(super) fn tickets(&mut self) {
        let account = self.pair.at_a;
        let desk = DeskId(3);
        self.add(Command::SetTicketRules(rules(BEGIN), by_officer()));
        self.add(Command::ReceiveTicketStock(range(desk, 1, 5), by_officer()));
        self.add(Command::ReceiveTicketStock(range(desk, 5, 9), by_officer()));
        self.add(Command::SpoilTicketStock(range(desk, 1, 1), by_officer()));
        let order = TicketOrder { desk, units: vec![p(100), p(100)], paper: None };
        let holder = TicketHolder { account, actor: Actor::Officer(OFFICER) };
        self.add(Command::IssueTickets(order.clone(), holder.clone()));
        self.add(Command::IssueTickets(order, holder));
        let scan = self.scan(2);
        self.keyed(scan.0, scan.1);
        let again = self.scan(2);
        self.keyed(again.0, again.1);
        let numbers = vec![TicketNumber(2), TicketNumber(3)];
        let bundle =
            TicketBundle { merchant: OTHER_SHOP, count: 2, points: p(200), tickets: numbers };
        self.add(Command::TakeTicketBundle(bundle, by_officer()));
        for (nth, verdict) in [(0, DoubleVerdict::Pay), (1, DoubleVerdict::Refuse)] {
            let decision = TicketDecision { ticket: TicketNumber(2), nth, verdict };
            self.add(Command::DecideTicketDouble(decision, by_officer()));
        }
        for (number, cause) in [(3, VoidCause::Returned), (4, VoidCause::Spoiled)] {
            let void = TicketVoid { tickets: vec![TicketNumber(number)], cause };
            self.add(Command::VoidTickets(void, by_officer()));
        }
        let date = day(BEGIN);
        let key = OperationKey::Job { kind: JobKind::TicketLapse, date };
        self.made.push((Some(key), Command::LapseTickets(DayTurn { date }, Nothing {})));
    }

    fn scan(&mut self, number: u32) -> (ClientKey, Command) {
        let key = self.key();
        let desk = &self.pair.a;
        let face = TicketFace {
            town: desk.town,
            number: TicketNumber(number),
            points: p(100),
            last_day: day("2027-06-20"),
        };
        let intent = TicketScan {
            town: desk.town,
            key,
            merchant: SHOP,
            terminal: TILL,
            ticket: SignedTicket::sign(face, &desk.channel_key),
            at: self.time,
        };
        let signature = desk.terminal_key.sign(Domain::TicketScan, &codec::encode(&intent));
        (key, Command::ScanTicket(SignedTicketScan { intent, signature }, Nothing {}))
    }
}
