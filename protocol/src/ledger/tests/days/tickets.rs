//! Printed tickets: issued, scanned, brought in bundles, doubled, voided, lapsed.

use alloc::vec::Vec;

use super::{
    super::{
        desk::*,
        model::{Kind, lapsed},
        tickets::range,
    },
    A_DAY_ONLINE, AT_ONCE_ONLINE, Both, OFFICE, PAPER, Step, TICKETS, said,
};
use crate::{
    account::{Account, LossCause},
    command::*,
    date::BusinessDate,
    id::{MerchantId, TicketNumber},
    ledger::Taken,
    ticket::VoidCause,
};

/// What was printed.
pub(super) struct Printed {
    next: u32,
    tickets: Vec<Ticket>,
}

impl Default for Printed {
    fn default() -> Self {
        Self { next: 1, tickets: Vec::new() }
    }
}

struct Ticket {
    number: u32,
    who: usize,
    day: BusinessDate,
    last: BusinessDate,
    kinds: Vec<Kind>,
    limited: bool,
    stands: Stands,
    /// Who brought it again, and whether an officer has decided.
    doubles: Vec<(MerchantId, bool)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    Out,
    Used,
    Voided,
    Lapsed,
}

impl Ticket {
    fn points(&self) -> i64 {
        i64::try_from(self.kinds.len()).unwrap()
    }
}

impl Both {
    pub(super) fn spoil_ticket(&mut self, step: &Step) {
        let number = self.printed.next + u32::from(step.one_in(4));
        let spoiled = Command::SpoilTicketStock(range(TICKETS, number, number), by_officer());
        let done = self.pair.a.submit(spoiled);
        if said(step, &done, number == self.printed.next) {
            self.printed.next += 1;
        }
    }

    pub(super) fn print_tickets(&mut self, step: &Step) {
        let who = step.who;
        let units: &[u32] = match step.flag % 4 {
            0 => &[10],
            1 => &[10, 25],
            2 => &[25],
            _ => &[10, 10, 10],
        };
        let sum = i64::from(units.iter().sum::<u32>());
        let limited = step.flag % 8 < 4;
        let actor = if limited { Actor::Holder } else { Actor::Officer(OFFICER) };
        let told = self.model.is_open(who)
            && (!limited || self.model.within(who, sum, (AT_ONCE_ONLINE, A_DAY_ONLINE)))
            && self.model.has(who, sum, |_| true);
        let done = self.pair.a.order(self.accounts[who], units, (TICKETS, actor, None));
        if !said(step, &done, told) {
            return;
        }
        let day = self.model.today;
        let mut taken = self.model.pay(who, sum, Account::Ticket).into_iter();
        if limited {
            self.model.spent.push((who, day, sum));
        }
        for unit in units {
            let kinds: Vec<_> = taken.by_ref().take(usize::try_from(*unit).unwrap()).collect();
            let law = kinds.iter().filter_map(Kind::law).min();
            let valid = day.plus_days(PAPER);
            let last = law.map_or(valid, |law| law.min(valid));
            let (number, stands, doubles) = (self.printed.next, Stands::Out, Vec::new());
            self.printed.next += 1;
            let ticket = Ticket { number, who, day, last, kinds, limited, stands, doubles };
            self.printed.tickets.push(ticket);
        }
    }

    pub(super) fn scan(&mut self, step: &Step) {
        let Some(at) = step.of(self.printed.tickets.len()) else { return };
        let (shop, till) = if step.one_in(3) { (OTHER_SHOP, OTHER_TILL) } else { (SHOP, TILL) };
        let it = &self.printed.tickets[at];
        let waits = it.doubles.iter().any(|(by, decided)| *by == shop && !decided);
        let told = (self.model.shop_open || shop == OTHER_SHOP)
            && it.last >= self.model.today
            && match it.stands {
                Stands::Out => true,
                Stands::Used => !waits,
                Stands::Voided | Stands::Lapsed => false,
            };
        let paper = self.pair.a.printed(TicketNumber(it.number));
        let done = self.pair.a.scan_at((shop, till), paper);
        if said(step, &done, told) {
            self.brought(at, shop);
        }
    }

    /// A shop brought a ticket: the first time it is its own, later an officer decides.
    fn brought(&mut self, at: usize, shop: MerchantId) {
        let it = &mut self.printed.tickets[at];
        if it.stands == Stands::Used {
            it.doubles.push((shop, false));
            return;
        }
        it.stands = Stands::Used;
        let points = it.points();
        self.model.book(Account::Ticket, Account::Merchant(shop), points);
        self.model.took(shop, Taken::Ticket, points);
    }

    pub(super) fn bundle_of_tickets(&mut self, step: &Step) {
        let Some(at) = step.of(self.printed.tickets.len()) else { return };
        let shop = if step.one_in(3) { OTHER_SHOP } else { SHOP };
        let next = at + 1;
        let second = (step.flag % 4 == 1 && next < self.printed.tickets.len()).then_some(next);
        let places: Vec<usize> = core::iter::once(at).chain(second).collect();
        let sum: i64 = places.iter().map(|at| self.printed.tickets[*at].points()).sum();
        let numbers: Vec<_> =
            places.iter().map(|at| TicketNumber(self.printed.tickets[*at].number)).collect();
        let cover = step.flag % 16 != 5;
        let count = u32::try_from(numbers.len()).unwrap() + u32::from(!cover);
        let done = self.pair.a.bundle(shop, &numbers, (count, u32::try_from(sum).unwrap()));
        if !said(step, &done, cover) {
            return;
        }
        for at in places {
            let it = &self.printed.tickets[at];
            let in_time = it.last.plus_days(OFFICE) >= self.model.today;
            if in_time && matches!(it.stands, Stands::Out | Stands::Used) {
                self.brought(at, shop);
            }
        }
    }

    pub(super) fn decide_double(&mut self, step: &Step) {
        let doubled = self.printed.tickets.iter().enumerate();
        let doubled: Vec<_> =
            doubled.filter(|(_, it)| !it.doubles.is_empty()).map(|(at, _)| at).collect();
        let Some(at) = step.of(doubled.len()).map(|at| doubled[at]) else { return };
        let it = &mut self.printed.tickets[at];
        let nth = step.of(it.doubles.len()).unwrap();
        let (shop, decided) = it.doubles[nth];
        let pays = step.one_in(2);
        let verdict = if pays { DoubleVerdict::Pay } else { DoubleVerdict::Refuse };
        let number = TicketNumber(it.number);
        let place = u32::try_from(nth).unwrap();
        let done = self.pair.a.decide_double(number, place, verdict);
        if !said(step, &done, !decided) {
            return;
        }
        it.doubles[nth].1 = true;
        if pays {
            let points = it.points();
            self.model.book(Account::Loss(LossCause::Double), Account::Merchant(shop), points);
            self.model.took(shop, Taken::Ticket, points);
        }
    }

    pub(super) fn void_ticket(&mut self, step: &Step) {
        let Some(at) = step.of(self.printed.tickets.len()) else { return };
        let today = self.model.today;
        let it = &mut self.printed.tickets[at];
        let told = it.stands == Stands::Out && it.last >= today;
        let cause = if step.one_in(2) { VoidCause::Spoiled } else { VoidCause::Returned };
        let done = self.pair.a.void_tickets(&[TicketNumber(it.number)], cause);
        if !said(step, &done, told) {
            return;
        }
        it.stands = Stands::Voided;
        if it.limited {
            self.model.spent.push((it.who, it.day, -it.points()));
        }
        let back = it.kinds.clone();
        self.model.back(it.who, back.into_iter().rev(), Account::Ticket);
    }

    /// What the node does by itself with tickets that nobody brought.
    pub(super) fn lapse_tickets(&mut self) {
        let today = self.model.today;
        for it in &mut self.printed.tickets {
            if it.stands == Stands::Out && it.last.plus_days(OFFICE) < today {
                it.stands = Stands::Lapsed;
                for kind in &it.kinds {
                    self.model.book(Account::Ticket, lapsed(kind), 1);
                }
            }
        }
    }
}
