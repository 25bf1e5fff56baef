//! Printed tickets: issue at a desk, scan, bundle, double, void, expiry.

use alloc::{vec, vec::Vec};

use super::desk::*;
use crate::{
    account::{Account, HolderState, LapsedKind, LossCause},
    command::*,
    entry::Entry,
    id::*,
    key::{JobKind, OperationKey},
    ledger::{Decided, Taken},
    lot::{Grace, Issuer, Paid},
    programme::ExpiryRule,
    refusal::Refusal,
    signature::{Domain, SigningKey},
    terms::{Limit, TownTerms},
    ticket::*,
};

const DESK: DeskId = DeskId(3);
const HOME: DeskId = DeskId(0);

pub(super) fn rules(from: &str) -> TicketRules {
    TicketRules {
        from: RulesFrom(day(from)),
        units: vec![p(100), p(500)],
        valid: ExpiryRule::Months(3),
        office_days: 30,
        on_expiry: OnExpiry::Lapses,
        doubles: Doubles::PaidInGoodFaith,
        shops: UsableShops::All,
    }
}

pub(super) fn range(desk: DeskId, first: u32, last: u32) -> TicketRange {
    TicketRange { desk, first: TicketNumber(first), last: TicketNumber(last) }
}

impl Desk {
    /// A town that issues tickets by rules, on paper 1 to 20 at the desk and 1001 to 1010 at home.
    fn issuing(change: impl FnOnce(&mut TicketRules)) -> (Self, AccountId) {
        let mut desk = Self::new("131164", "2026-05-10");
        let mut rules = rules("2026-05-10");
        change(&mut rules);
        desk.submit(Command::SetTicketRules(rules, by_officer())).unwrap();
        for range in [range(DESK, 1, 20), range(HOME, 1_001, 1_010)] {
            desk.submit(Command::ReceiveTicketStock(range, by_officer())).unwrap();
        }
        let account = desk.resident();
        desk.grant(account, 3_000, "散歩").unwrap();
        (desk, account)
    }

    pub(super) fn order(
        &mut self,
        account: AccountId,
        units: &[u32],
        (at, actor, paper): (DeskId, Actor, Option<u32>),
    ) -> Result<Vec<TicketNumber>, Refusal> {
        let units = units.iter().map(|unit| p(*unit)).collect();
        let order = TicketOrder { desk: at, units, paper: paper.map(TicketNumber) };
        let command = Command::IssueTickets(order, TicketHolder { account, actor });
        let entry = self.submit(command)?;
        Ok(self.ledger.tickets_issued_by(entry.index).to_vec())
    }

    fn issue(&mut self, account: AccountId, units: &[u32]) -> Vec<TicketNumber> {
        self.order(account, units, (DESK, Actor::Officer(OFFICER), None)).unwrap()
    }

    pub(super) fn printed(&self, number: TicketNumber) -> SignedTicket {
        let ticket = self.ledger.ticket(&number).unwrap();
        let face = TicketFace {
            town: self.town,
            number,
            points: ticket.points,
            last_day: ticket.last_day,
        };
        SignedTicket::sign(face, &self.channel_key)
    }

    pub(super) fn scan_at(
        &mut self,
        (merchant, terminal): (MerchantId, TerminalId),
        ticket: SignedTicket,
    ) -> Result<Entry, Refusal> {
        let (town, key, at) = (self.town, self.key(), self.time);
        let intent = TicketScan { town, key, merchant, terminal, ticket, at };
        let signature = self.terminal_key.sign(Domain::TicketScan, &crate::codec::encode(&intent));
        let command = Command::ScanTicket(SignedTicketScan { intent, signature }, Nothing {});
        self.keyed(Some(OperationKey::Client(key)), command)
    }

    fn scan(&mut self, number: TicketNumber) -> Result<Entry, Refusal> {
        let ticket = self.printed(number);
        self.scan_at((SHOP, TILL), ticket)
    }

    pub(super) fn bundle(
        &mut self,
        merchant: MerchantId,
        tickets: &[TicketNumber],
        (count, points): (u32, u32),
    ) -> Result<TicketReceipt, Refusal> {
        let (tickets, points) = (tickets.to_vec(), p(points));
        let bundle = TicketBundle { merchant, count, points, tickets };
        let entry = self.submit(Command::TakeTicketBundle(bundle, by_officer()))?;
        let receipt = self.ledger.receipt_of_bundle(entry.index).unwrap();
        Ok(self.ledger.ticket_receipt(&receipt).unwrap().clone())
    }

    pub(super) fn decide_double(
        &mut self,
        ticket: TicketNumber,
        nth: u32,
        verdict: DoubleVerdict,
    ) -> Result<Entry, Refusal> {
        let decision = TicketDecision { ticket, nth, verdict };
        self.submit(Command::DecideTicketDouble(decision, by_officer()))
    }

    pub(super) fn void_tickets(
        &mut self,
        tickets: &[TicketNumber],
        cause: VoidCause,
    ) -> Result<Entry, Refusal> {
        let void = TicketVoid { tickets: tickets.to_vec(), cause };
        self.submit(Command::VoidTickets(void, by_officer()))
    }

    /// Lapses tickets until nothing is due; how many entries it took.
    fn lapse_tickets(&mut self) -> usize {
        let mut entries = 0;
        while let Some((kind, command)) =
            self.ledger.due_jobs().into_iter().find(|(kind, _)| *kind == JobKind::TicketLapse)
        {
            let key = OperationKey::Job { kind, date: self.ledger.day() };
            self.keyed(Some(key), command).unwrap();
            entries += 1;
        }
        entries
    }

    fn stock(&self) -> (u32, u32, u32, u32) {
        let (_, stock) = self.ledger.ticket_stocks().find(|(desk, _)| **desk == DESK).unwrap();
        (stock.received(), stock.used, stock.spoiled, stock.left())
    }

    fn taken_tickets(&self, merchant: MerchantId) -> u64 {
        let days = self.ledger.shop(&merchant).map(|shop| &shop.days);
        let taken = |day: &crate::ledger::DayTally| day.taken.get(&Taken::Ticket).copied();
        days.map_or(0, |days| days.values().filter_map(taken).map(|points| points.get()).sum())
    }
}

#[test]
fn points_leave_the_holder_into_tickets_and_a_scan_gives_them_to_the_shop() {
    let (mut desk, account) = Desk::issuing(|_| {});
    let tickets = desk.issue(account, &[500, 500, 100]);
    assert_eq!(tickets, [TicketNumber(1), TicketNumber(2), TicketNumber(3)]);
    assert_eq!((desk.spendable(&account), desk.book(Account::Ticket)), (1_900, 1_100));
    assert_eq!(desk.stock(), (20, 3, 0, 17));
    desk.scan(tickets[0]).unwrap();
    assert_eq!((desk.book(Account::Ticket), desk.book(Account::Merchant(SHOP))), (600, 500));
    assert_eq!(desk.taken_tickets(SHOP), 500);
    desk.replays();
}

#[test]
fn the_second_scan_is_disputed_and_shows_the_first() {
    let (mut desk, account) = Desk::issuing(|_| {});
    let ticket = desk.issue(account, &[500])[0];
    let first = desk.scan(ticket).unwrap();
    let paper = desk.printed(ticket);
    let second = desk.scan_at((OTHER_SHOP, OTHER_TILL), paper).unwrap();
    assert_eq!(desk.book(Account::Merchant(OTHER_SHOP)), 0, "nothing moved");
    let stands = desk.ledger.ticket(&ticket).unwrap();
    let TicketState::Redeemed(by) = stands.state else { panic!("{stands:?}") };
    assert_eq!((by.merchant, by.at, by.entry), (SHOP, first.time, first.index));
    assert_eq!(desk.ledger.ticket_disputes().count(), 1);
    assert_eq!(stands.doubles[0].hand_in.entry, second.index);
    // The same paper again at the same till makes no second case.
    let again = desk.scan_at((OTHER_SHOP, OTHER_TILL), paper);
    assert_eq!(again, Err(Refusal::TicketDoubleWaits));
    desk.decide_double(ticket, 0, DoubleVerdict::Pay).unwrap();
    assert_eq!(desk.book(Account::Merchant(OTHER_SHOP)), 500);
    assert_eq!(desk.book(Account::Loss(LossCause::Double)), 500);
    assert_eq!(desk.taken_tickets(OTHER_SHOP), 500);
    assert_eq!(desk.ledger.ticket_disputes().count(), 0);
    let again = desk.decide_double(ticket, 0, DoubleVerdict::Refuse);
    assert_eq!(again, Err(Refusal::TicketDoubleDecided));
    let none = desk.decide_double(ticket, 1, DoubleVerdict::Pay);
    assert_eq!(none, Err(Refusal::UnknownTicketDouble));
    desk.replays();
}

#[test]
fn where_the_town_pays_no_double_the_officer_can_only_refuse() {
    let (mut desk, account) = Desk::issuing(|rules| rules.doubles = Doubles::Refused);
    let ticket = desk.issue(account, &[100])[0];
    desk.scan(ticket).unwrap();
    desk.scan(ticket).unwrap();
    let paid = desk.decide_double(ticket, 0, DoubleVerdict::Pay);
    assert_eq!(paid, Err(Refusal::TicketDoublesRefused));
    desk.decide_double(ticket, 0, DoubleVerdict::Refuse).unwrap();
    assert_eq!(desk.book(Account::Merchant(SHOP)), 100);
    let refused = DoubleState::Refused(OFFICER);
    assert_eq!(desk.ledger.ticket(&ticket).unwrap().doubles[0].state, refused);
    desk.replays();
}

#[test]
fn a_bundle_is_taken_thirty_days_behind_the_last_day_and_not_later() {
    let (mut desk, account) = Desk::issuing(|_| {});
    let tickets = desk.issue(account, &[500, 100, 100]);
    let last = desk.ledger.ticket(&tickets[0]).unwrap().last_day;
    assert_eq!(last, day("2026-08-10"));
    desk.on("2026-08-10");
    desk.scan(tickets[0]).unwrap();
    desk.on("2026-08-11");
    assert_eq!(desk.scan(tickets[1]), Err(Refusal::TicketExpired { last }));
    let void = desk.void_tickets(&tickets[1..2], VoidCause::Returned);
    assert_eq!(void, Err(Refusal::TicketExpired { last }), "a shop may still have it");
    desk.on("2026-09-09");
    assert_eq!(desk.lapse_tickets(), 0);
    let receipt = desk.bundle(OTHER_SHOP, &tickets[1..2], (1, 100)).unwrap();
    assert_eq!(receipt.lines, [(tickets[1], BundleLine::Taken)]);
    assert_eq!(desk.book(Account::Merchant(OTHER_SHOP)), 100);
    desk.on("2026-09-10");
    let late = desk.bundle(OTHER_SHOP, &tickets[2..], (1, 100)).unwrap();
    assert_eq!((late.taken, late.lines[0].1), (p(0), BundleLine::TooLate));
    assert_eq!(desk.lapse_tickets(), 1);
    assert_eq!(desk.book(Account::Lapsed(LapsedKind::Administrative)), 100);
    assert_eq!(desk.book(Account::Ticket), 0);
    assert_eq!(desk.ledger.ticket(&tickets[2]).unwrap().state, TicketState::Lapsed);
    let late = desk.bundle(OTHER_SHOP, &tickets[2..], (1, 100)).unwrap();
    assert_eq!(late.lines[0].1, BundleLine::TooLate);
    let void = desk.void_tickets(&tickets[2..], VoidCause::Returned);
    assert_eq!(void, Err(Refusal::TicketLapsed));
    desk.replays();
}

#[test]
fn every_ticket_of_a_bundle_has_its_own_result_on_the_receipt() {
    let (mut desk, account) =
        Desk::issuing(|rules| rules.shops = UsableShops::Only(vec![SHOP, OTHER_SHOP]));
    let third = MerchantId(9);
    let name = "遠い店".parse().unwrap();
    let setting = MerchantSetting::plain(third, name, InUse::Active);
    desk.fact(Command::SetMerchant(setting, by_officer()));
    let tickets = desk.issue(account, &[500, 500, 100, 100]);
    desk.scan(tickets[0]).unwrap();
    desk.void_tickets(&tickets[3..], VoidCause::Returned).unwrap();
    // A copy of the second lies in the same bundle.
    let handed = [tickets[0], tickets[1], tickets[1], tickets[3]];
    let wrong = desk.bundle(OTHER_SHOP, &handed, (4, 2_000));
    assert_eq!(wrong, Err(Refusal::TicketBundleDiffers { count: 4, points: p(1_600) }));
    let receipt = desk.bundle(OTHER_SHOP, &handed, (4, 1_600)).unwrap();
    let lines: Vec<BundleLine> = receipt.lines.iter().map(|(_, line)| *line).collect();
    let (double, taken, gone) = (BundleLine::Disputed, BundleLine::Taken, BundleLine::Voided);
    assert_eq!(lines, [double, taken, double, gone]);
    assert_eq!(receipt.taken, p(500));
    assert_eq!(desk.ledger.ticket_disputes().count(), 2);
    let elsewhere = desk.bundle(third, &tickets[2..3], (1, 100)).unwrap();
    assert_eq!(elsewhere.lines[0].1, BundleLine::NotUsableHere);
    let next = desk.bundle(SHOP, &tickets[2..3], (1, 100)).unwrap();
    assert_eq!(next.lines[0].1, BundleLine::Taken);
    let receipt = desk.ledger.receipt_of_bundle(next.entry).unwrap();
    assert_eq!(receipt, TicketReceiptNumber(3), "receipts are numbered without a gap");
    let unknown = desk.bundle(SHOP, &[TicketNumber(77)], (1, 100));
    assert_eq!(unknown, Err(Refusal::UnknownTicket));
    let nobody = desk.bundle(MerchantId(99), &tickets[2..3], (1, 100));
    assert_eq!(nobody, Err(Refusal::UnknownMerchant));
    desk.replays();
}

#[test]
fn a_spoiled_print_is_voided_and_issued_again_on_the_next_paper() {
    let (mut desk, account) = Desk::issuing(|_| {});
    let tickets = desk.issue(account, &[500]);
    desk.void_tickets(&tickets, VoidCause::Spoiled).unwrap();
    assert_eq!((desk.spendable(&account), desk.stock()), (3_000, (20, 0, 1, 19)));
    assert_eq!(desk.scan(tickets[0]), Err(Refusal::TicketVoided));
    let again = desk.void_tickets(&tickets, VoidCause::Spoiled);
    assert_eq!(again, Err(Refusal::TicketVoided));
    let wanted = Some(1);
    let old = desk.order(account, &[500], (DESK, Actor::Officer(OFFICER), wanted));
    assert_eq!(old, Err(Refusal::TicketPaperNotNext { next: 2 }));
    // Papers 2 and 3 were crumpled before anything was printed on them.
    desk.submit(Command::SpoilTicketStock(range(DESK, 2, 3), by_officer())).unwrap();
    let out_of_order = desk.submit(Command::SpoilTicketStock(range(DESK, 9, 9), by_officer()));
    assert_eq!(out_of_order, Err(Refusal::TicketPaperNotNext { next: 4 }));
    let too_many = desk.submit(Command::SpoilTicketStock(range(DESK, 4, 21), by_officer()));
    assert_eq!(too_many, Err(Refusal::TicketStockShort { left: 17 }));
    let new = desk.order(account, &[500], (DESK, Actor::Officer(OFFICER), Some(4))).unwrap();
    assert_eq!((new, desk.stock()), (vec![TicketNumber(4)], (20, 1, 3, 16)));
    desk.scan(TicketNumber(4)).unwrap();
    let used = desk.void_tickets(&[TicketNumber(4)], VoidCause::Returned);
    assert_eq!(used, Err(Refusal::TicketUsed));
    desk.replays();
}

#[test]
fn a_tampered_or_foreign_ticket_is_refused_before_anything_else_about_it() {
    let (mut desk, account) = Desk::issuing(|_| {});
    let number = desk.issue(account, &[100])[0];
    let genuine = desk.printed(number);
    let with = |change: &dyn Fn(&mut TicketFace), key: &SigningKey| {
        let mut face = genuine.face;
        change(&mut face);
        SignedTicket::sign(face, key)
    };
    let town = "292044".parse().unwrap();
    let own = SigningKey::from_seed(&crate::digest::Digest::of(&[b"131164", &[1]]).0);
    let foreign = with(&|face| face.town = town, &own);
    let at = (SHOP, TILL);
    assert_eq!(desk.scan_at(at, foreign), Err(Refusal::TicketOfAnotherTown));
    let mut dearer = genuine;
    dearer.face.points = p(500);
    assert_eq!(desk.scan_at(at, dearer), Err(Refusal::TicketNotGenuine));
    let forged = with(&|_| {}, &SigningKey::from_seed(&[9; 32]));
    assert_eq!(desk.scan_at(at, forged), Err(Refusal::TicketNotGenuine));
    let other_day = with(&|face| face.last_day = day("2030-01-01"), &own);
    assert_eq!(desk.scan_at(at, other_day), Err(Refusal::TicketNotGenuine), "not as issued");
    let unknown = with(&|face| face.number = TicketNumber(19), &own);
    assert_eq!(desk.scan_at(at, unknown), Err(Refusal::UnknownTicket));
    desk.scan(number).unwrap();
    desk.replays();
}

#[test]
fn a_ticket_is_used_only_where_it_says() {
    let (mut desk, account) = Desk::issuing(|rules| rules.shops = UsableShops::Only(vec![SHOP]));
    let number = desk.issue(account, &[100])[0];
    let paper = desk.printed(number);
    let elsewhere = desk.scan_at((OTHER_SHOP, OTHER_TILL), paper);
    assert_eq!(elsewhere, Err(Refusal::TicketNotUsableHere));
    // Later rules do not change what is printed on it.
    desk.on("2026-05-20");
    let wider = rules("2026-05-21");
    desk.submit(Command::SetTicketRules(wider, by_officer())).unwrap();
    desk.on("2026-05-22");
    let elsewhere = desk.scan_at((OTHER_SHOP, OTHER_TILL), paper);
    assert_eq!(elsewhere, Err(Refusal::TicketNotUsableHere));
    let later = desk.issue(account, &[100])[0];
    let paper = desk.printed(later);
    desk.scan_at((OTHER_SHOP, OTHER_TILL), paper).unwrap();
    desk.scan(number).unwrap();
    let suspended = MerchantSetting::plain(SHOP, "店".parse().unwrap(), InUse::Suspended);
    desk.fact(Command::SetMerchant(suspended, by_officer()));
    assert_eq!(desk.scan(later), Err(Refusal::MerchantSuspended));
    desk.replays();
}

#[test]
fn unused_tickets_come_back_where_the_town_says_so() {
    let (mut desk, account) = Desk::issuing(|rules| {
        rules.valid = ExpiryRule::Days(30);
        rules.on_expiry = OnExpiry::Returns;
    });
    let tickets = desk.issue(account, &[500, 100]);
    desk.scan(tickets[1]).unwrap();
    // The last day is 9 June, the office takes it until 9 July.
    desk.on("2026-07-09");
    assert_eq!(desk.lapse_tickets(), 0);
    desk.on("2026-07-10");
    assert_eq!(desk.lapse_tickets(), 1);
    assert_eq!((desk.spendable(&account), desk.book(Account::Ticket)), (2_900, 0));
    desk.replays();
}

#[test]
fn what_comes_back_of_lapsed_points_has_grace_once() {
    let (mut desk, account) = Desk::issuing(|rules| rules.on_expiry = OnExpiry::Returns);
    // The points end on 31 March; tickets of 20 March live on until 20 June.
    desk.on("2027-03-20");
    let ticket = desk.issue(account, &[500])[0];
    desk.on("2027-04-01").sweep();
    assert_eq!(desk.spendable(&account), 0);
    desk.on("2027-06-01");
    desk.void_tickets(&[ticket], VoidCause::Returned).unwrap();
    let lot = desk.ledger.holder(&account).unwrap().lots.iter().next().unwrap();
    assert_eq!((lot.terms.expires, lot.terms.grace), (day("2027-06-15"), Grace::Used));
    desk.replays();
}

#[test]
fn paid_points_of_another_issuer_end_by_law_on_paper_too() {
    let (mut desk, account) = Desk::issuing(|rules| rules.valid = ExpiryRule::Months(12));
    desk.programme(|programme| {
        programme.issuer = Issuer::Other;
        programme.paid = Paid::Yes;
        programme.expiry = ExpiryRule::Months(3);
    });
    let other = desk.resident();
    desk.grant(other, 500, "買い物").unwrap();
    let bought = desk.issue(other, &[500])[0];
    assert_eq!(desk.ledger.ticket(&bought).unwrap().last_day, day("2026-11-09"));
    let free = desk.issue(account, &[500])[0];
    assert_eq!(desk.ledger.ticket(&free).unwrap().last_day, day("2027-05-10"));
}

#[test]
fn a_holder_who_prints_at_home_is_held_to_the_limit_of_the_password() {
    let (mut desk, account) = Desk::issuing(|_| {});
    let terms =
        TownTerms { password: Limit { payment: p(1_000), day: p(1_500) }, ..*desk.ledger.terms() };
    desk.fact(Command::SetTerms(terms, by_officer()));
    let home = (HOME, Actor::Holder, None);
    let over = desk.order(account, &[500, 500, 100], home);
    assert_eq!(over, Err(Refusal::OverPaymentLimit { limit: p(1_000) }));
    let tickets = desk.order(account, &[500, 500], home).unwrap();
    assert_eq!(tickets, [TicketNumber(1_001), TicketNumber(1_002)]);
    let over = desk.order(account, &[500, 100], home);
    assert_eq!(over, Err(Refusal::OverDayLimit { left: p(500) }));
    // A void gives the day's limit back; the desk has none.
    desk.void_tickets(&tickets[..1], VoidCause::Returned).unwrap();
    desk.order(account, &[500, 500], home).unwrap();
    desk.issue(account, &[500]);
    desk.replays();
}

#[test]
fn what_cannot_be_issued_is_refused_in_order() {
    let (mut desk, account) = Desk::issuing(|_| {});
    let at = (DESK, Actor::Officer(OFFICER), None);
    assert_eq!(desk.order(AccountId([9; 16]), &[100], at), Err(Refusal::UnknownAccount));
    assert_eq!(desk.order(account, &[], at), Err(Refusal::NoPoints));
    assert_eq!(desk.order(account, &[100; 101], at), Err(Refusal::TooManyTickets));
    assert_eq!(desk.order(account, &[200], at), Err(Refusal::NotATicketUnit));
    let short = desk.order(account, &[100; 21], at);
    assert_eq!(short, Err(Refusal::TicketStockShort { left: 20 }));
    let nowhere = desk.order(account, &[100], (DeskId(8), at.1, None));
    assert_eq!(nowhere, Err(Refusal::TicketStockShort { left: 0 }));
    let poor = desk.order(account, &[500; 7], at);
    assert_eq!(poor, Err(Refusal::ShortOfPoints { held: p(3_000), asked: p(3_500) }));
    let state = HolderState::Frozen;
    let change = AccountStateChange { account, state, actor: Actor::Officer(OFFICER) };
    desk.submit(Command::SetAccountState(Nothing {}, change)).unwrap();
    assert_eq!(desk.order(account, &[100], at), Err(Refusal::AccountFrozen));
    let overlap = desk.submit(Command::ReceiveTicketStock(range(HOME, 20, 30), by_officer()));
    assert_eq!(overlap, Err(Refusal::TicketStockOverlaps));
    let backwards = desk.submit(Command::ReceiveTicketStock(range(HOME, 50, 40), by_officer()));
    assert_eq!(backwards, Err(Refusal::NotWellFormed));
    let past = Command::SetTicketRules(rules("2026-05-09"), by_officer());
    assert_eq!(desk.submit(past), Err(Refusal::NotNewer));
    let today = Command::SetTicketRules(rules("2026-05-10"), by_officer());
    assert_eq!(desk.submit(today), Err(Refusal::NotNewer));
    let mut bare = Desk::new("292044", "2026-05-10");
    let someone = bare.resident();
    assert_eq!(bare.order(someone, &[100], at), Err(Refusal::TicketsNotIssued));
    let void = bare.void_tickets(&[TicketNumber(1)], VoidCause::Returned);
    assert_eq!(void, Err(Refusal::UnknownTicket));
    let nothing = Command::LapseTickets(DayTurn { date: bare.ledger.day() }, Nothing {});
    let key = OperationKey::Job { kind: JobKind::TicketLapse, date: bare.ledger.day() };
    let decided = bare.decide(Some(key), nothing);
    assert!(matches!(decided, Decided::Rejected(Refusal::NothingDue)), "{decided:?}");
}

#[test]
fn a_thousand_tickets_lapse_in_slices() {
    let (mut desk, account) = Desk::issuing(|_| {});
    let more = Command::ReceiveTicketStock(range(DESK, 5_001, 5_400), by_officer());
    desk.submit(more).unwrap();
    desk.programme(|programme| programme.two_officers_above = p(1_000_000));
    desk.grant(account, 50_000, "たくさん").unwrap();
    for _ in 0..4 {
        desk.issue(account, &[100; 100]);
    }
    desk.on("2026-10-01");
    assert_eq!(desk.lapse_tickets(), 4);
    assert_eq!(desk.book(Account::Ticket), 0);
    desk.replays();
}

/// What is refused about tickets, each behind everything that is checked before it.
pub(super) fn refused() -> Vec<Refusal> {
    let mut refused = Vec::new();
    let at = (DESK, Actor::Officer(OFFICER), None);
    let mut bare = Desk::new("292044", "2026-05-10");
    let nobody = bare.resident();
    refused.push(bare.order(nobody, &[7; 101], at).unwrap_err());
    refused.push(bare.order(nobody, &[7], at).unwrap_err());
    let (mut desk, account) = Desk::issuing(|rules| {
        rules.shops = UsableShops::Only(vec![SHOP]);
        rules.doubles = Doubles::Refused;
    });
    let paper = (DESK, Actor::Officer(OFFICER), Some(9));
    refused.push(desk.order(account, &[7; 50], paper).unwrap_err());
    refused.push(desk.order(account, &[100; 50], paper).unwrap_err());
    refused.push(desk.order(account, &[500; 15], paper).unwrap_err());
    let stock = Command::ReceiveTicketStock(range(DESK, 20, 21), by_officer());
    refused.push(desk.submit(stock).unwrap_err());
    let [used, voided, open, late] = desk.issue(account, &[100; 4])[..] else { panic!("four") };
    let mut paper = desk.printed(used);
    paper.face.town = "292044".parse().unwrap();
    let mut scan = |desk: &mut Desk, at, paper| refused.push(desk.scan_at(at, paper).unwrap_err());
    let other = (OTHER_SHOP, OTHER_TILL);
    scan(&mut desk, other, paper);
    paper.face.town = desk.town;
    paper.face.number = TicketNumber(19);
    scan(&mut desk, other, paper);
    let unknown = SignedTicket::sign(paper.face, &desk.channel_key);
    scan(&mut desk, other, unknown);
    desk.void_tickets(&[voided], VoidCause::Returned).unwrap();
    let paper = desk.printed(voided);
    scan(&mut desk, other, paper);
    scan(&mut desk, (SHOP, TILL), paper);
    desk.scan(used).unwrap();
    desk.scan(used).unwrap();
    let paper = desk.printed(used);
    scan(&mut desk, (SHOP, TILL), paper);
    refused.push(desk.void_tickets(&[used], VoidCause::Returned).unwrap_err());
    refused.push(desk.bundle(SHOP, &[open], (1, 500)).unwrap_err());
    refused.push(desk.decide_double(used, 1, DoubleVerdict::Pay).unwrap_err());
    refused.push(desk.decide_double(used, 0, DoubleVerdict::Pay).unwrap_err());
    desk.decide_double(used, 0, DoubleVerdict::Refuse).unwrap();
    refused.push(desk.decide_double(used, 0, DoubleVerdict::Pay).unwrap_err());
    desk.on("2026-08-11");
    refused.push(desk.void_tickets(&[late], VoidCause::Returned).unwrap_err());
    desk.on("2026-12-01").lapse_tickets();
    refused.push(desk.void_tickets(&[late], VoidCause::Returned).unwrap_err());
    refused
}
