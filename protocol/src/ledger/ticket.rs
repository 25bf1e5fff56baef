//! Printed tickets: rules, numbered stock, issue, void, lapse. `redeem` has their use.

mod redeem;

use alloc::{collections::BTreeSet, vec::Vec};
use minicbor::Encode;

use super::{Broken, Ledger, Plan, check::may_spend, lapse, payment::lots_taken};
use crate::{
    account::{Account, Side},
    command::{
        Actor, Command, DayTurn, Nothing, TicketHolder, TicketOrder, TicketRange, TicketVoid,
    },
    date::BusinessDate,
    entry::{Effect, Entry},
    hashed::{Bucketed, Hashed},
    id::{DeskId, EntryIndex, TicketNumber, TicketReceiptNumber},
    lot::Lot,
    points::Points,
    posting::{Posting, Postings},
    refusal::Refusal,
    terms::Method,
    ticket::{
        Double, DoubleState, Limited, OnExpiry, StockRange, TICKETS_MAX, Ticket, TicketReceipt,
        TicketRules, TicketState, TicketStock, VoidCause,
    },
};

/// The most numbers that a desk receives in one go.
const RANGE_MAX: u32 = 1_000_000;
/// Lots that one entry lapses at most, so that it stays below the size of an entry.
const LAPSE_LOTS_MAX: usize = 150;

/// What is derived from the tickets, and so neither hashed nor in a snapshot.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct TicketIndex {
    /// By the entry that issued them, in the order of the paper.
    issues: Hashed<ByEntry, Vec<TicketNumber>>,
    /// Those that are not used, by the last day at the office.
    due: Hashed<Due, ()>,
    /// Those with a double that waits for an officer.
    disputed: Hashed<TicketNumber, ()>,
    /// Receipts, by the entry that made them.
    bundles: Hashed<ByEntry, TicketReceiptNumber>,
}

/// An entry, as a key of what it made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode)]
#[cbor(transparent)]
struct ByEntry(#[n(0)] EntryIndex);

impl Bucketed for ByEntry {
    fn place(&self) -> u128 {
        self.0.0.into()
    }
}

/// A ticket that lapses behind a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode)]
struct Due {
    #[n(0)]
    until: BusinessDate,
    #[n(1)]
    ticket: TicketNumber,
}

impl Bucketed for Due {
    fn place(&self) -> u128 {
        u128::from(self.until.day_number()) << 32 | self.ticket.place()
    }
}

impl Ledger {
    /// Rules are set for a day that is to come, or for today while there are none: what is
    /// printed on a ticket stays true.
    pub(super) fn plan_ticket_rules(&self, rules: &TicketRules) -> Result<Plan, Refusal> {
        if !rules.well_formed() {
            return Err(Refusal::NotWellFormed);
        }
        let begun = rules.from.0 <= self.meta.day;
        if rules.from.0 < self.meta.day || (begun && self.ticket_rules.contains(&rules.from)) {
            return Err(Refusal::NotNewer);
        }
        Ok(Plan::FACT)
    }

    /// The rules by which tickets are issued today.
    #[must_use]
    pub fn ticket_rules(&self) -> Option<&TicketRules> {
        let begun = self.ticket_rules.iter().map(|(_, rules)| rules);
        begun.rev().find(|rules| rules.from.0 <= self.meta.day)
    }

    /// The rules by which a ticket was issued.
    #[must_use]
    pub fn rules_of(&self, ticket: &Ticket) -> Option<&TicketRules> {
        self.ticket_rules.get(&ticket.rules)
    }

    pub(super) fn plan_ticket_stock(&self, range: &TicketRange) -> Result<Plan, Refusal> {
        let count = range.last.0.checked_sub(range.first.0).ok_or(Refusal::NotWellFormed)?;
        if count >= RANGE_MAX || range.first.0 == 0 {
            return Err(Refusal::NotWellFormed);
        }
        let known = self.ticket_stocks.iter().flat_map(|(_, stock)| &stock.ranges);
        if known.into_iter().any(|known| known.overlaps(range.first, range.last)) {
            return Err(Refusal::TicketStockOverlaps);
        }
        Ok(Plan::FACT)
    }

    pub(super) fn apply_ticket_stock(&mut self, range: &TicketRange) {
        let stock = self.ticket_stocks.get_or_default(range.desk);
        stock.ranges.push(StockRange { first: range.first, last: range.last, gone: 0 });
    }

    /// Paper is spoiled in the order in which it is used, so the first is the next one.
    pub(super) fn plan_ticket_spoil(&self, range: &TicketRange) -> Result<Plan, Refusal> {
        let count = range.last.0.checked_sub(range.first.0).ok_or(Refusal::NotWellFormed)?;
        let stock = self.ticket_stocks.get(&range.desk);
        let mut upcoming = stock.into_iter().flat_map(TicketStock::upcoming);
        let next = upcoming.next().ok_or(Refusal::TicketStockShort { left: 0 })?;
        if next != range.first {
            return Err(Refusal::TicketPaperNotNext { next: next.0 });
        }
        let in_order = upcoming
            .zip(1..=count)
            .all(|(number, at)| range.first.0.checked_add(at) == Some(number.0));
        let left = stock.map_or(0, TicketStock::left);
        if count >= left || !in_order {
            return Err(Refusal::TicketStockShort { left });
        }
        Ok(Plan::FACT)
    }

    pub(super) fn apply_ticket_spoil(&mut self, range: &TicketRange) -> Result<(), Broken> {
        let stock = self.ticket_stocks.get_mut(&range.desk).ok_or(Broken::Unknown)?;
        for _ in range.first.0..=range.last.0 {
            stock.take_next().ok_or(Broken::Unknown)?;
            stock.spoiled = stock.spoiled.saturating_add(1);
        }
        Ok(())
    }

    pub(super) fn plan_ticket_issue(
        &self,
        order: &TicketOrder,
        private: &TicketHolder,
    ) -> Result<Plan, Refusal> {
        let today = self.meta.day;
        let holder = self.holders.get(&private.account).ok_or(Refusal::UnknownAccount)?;
        may_spend(holder.state)?;
        let sum = Points::sum(order.units.iter().copied()).ok_or(Refusal::TooManyPoints)?;
        if sum.is_zero() {
            return Err(Refusal::NoPoints);
        }
        if order.units.len() > TICKETS_MAX {
            return Err(Refusal::TooManyTickets);
        }
        let rules = self.ticket_rules().ok_or(Refusal::TicketsNotIssued)?;
        if rules.valid.last_day(today) < today {
            return Err(Refusal::TicketsNotIssued);
        }
        if !order.units.iter().all(|unit| rules.units.contains(unit)) {
            return Err(Refusal::NotATicketUnit);
        }
        let stock = self.ticket_stocks.get(&order.desk);
        let left = stock.map_or(0, TicketStock::left);
        if usize::try_from(left).is_ok_and(|left| left < order.units.len()) {
            return Err(Refusal::TicketStockShort { left });
        }
        let next = stock.and_then(|stock| stock.upcoming().next());
        if let (Some(read), Some(next)) = (order.paper, next)
            && read != next
        {
            return Err(Refusal::TicketPaperNotNext { next: next.0 });
        }
        if limited(private.actor) == Limited::Yes {
            // A ticket is money for whoever holds it: a password takes no more than it pays.
            let limit = self.terms.limit(Method::Password);
            let spent = holder.spent_on(today);
            if sum > limit.payment {
                return Err(Refusal::OverPaymentLimit { limit: limit.payment });
            }
            if spent.plus(sum).is_none_or(|sum| sum > limit.day) {
                let left = limit.day.minus(spent).unwrap_or(Points::ZERO);
                return Err(Refusal::OverDayLimit { left });
            }
        }
        let held = holder.lots.spendable(today);
        let taken = holder.lots.take(sum, today, |_| true);
        let taken = taken.ok_or(Refusal::ShortOfPoints { held, asked: sum })?;
        Postings::out_of(private.account, taken, Account::Ticket)
            .map(Plan::moving)
            .ok_or(Refusal::TooManyPoints)
    }

    pub(super) fn apply_ticket_issue(
        &mut self,
        entry: &Entry,
        order: &TicketOrder,
        private: &TicketHolder,
        effect: &Effect,
    ) -> Result<(), Broken> {
        let day = entry.time.date();
        let rules = self.ticket_rules().ok_or(Broken::Unknown)?;
        let (from, valid, office_days) = (rules.from, rules.valid, rules.office_days);
        let limited = limited(private.actor);
        if limited == Limited::Yes {
            let sum = Points::sum(order.units.iter().copied()).ok_or(Broken::Balance)?;
            let holder = self.holders.get_mut(&private.account).ok_or(Broken::Unknown)?;
            holder.spent = holder.spent_on(day).plus(sum).ok_or(Broken::Balance)?;
            holder.spent_on = Some(day);
        }
        let parts = split(&lots_taken(effect), &order.units);
        for (points, lots) in order.units.iter().zip(parts) {
            let stock = self.ticket_stocks.get_mut(&order.desk).ok_or(Broken::Unknown)?;
            let number = stock.take_next().ok_or(Broken::Unknown)?;
            stock.used = stock.used.saturating_add(1);
            // Paid points of another issuer end by law, on paper as in the account.
            let legal = lots.iter().filter_map(|lot| lot.terms.legal_last_day()).min();
            let last_day =
                legal.map_or_else(|| valid.last_day(day), |legal| legal.min(valid.last_day(day)));
            let ticket = Ticket {
                holder: private.account,
                points: *points,
                desk: order.desk,
                day,
                last_day,
                office_until: last_day.plus_days(office_days),
                rules: from,
                issued: entry.index,
                limited,
                state: TicketState::Issued { lots },
                doubles: Vec::new(),
            };
            self.note_ticket(number, &ticket);
            self.tickets.insert(number, ticket);
        }
        Ok(())
    }

    fn note_ticket(&mut self, number: TicketNumber, ticket: &Ticket) {
        self.ticket_index.issues.get_or_default(ByEntry(ticket.issued)).push(number);
        if matches!(ticket.state, TicketState::Issued { .. }) {
            self.ticket_index.due.insert(Due { until: ticket.office_until, ticket: number }, ());
        }
        if ticket.doubles.iter().any(|double| double.state == DoubleState::Disputed) {
            self.ticket_index.disputed.insert(number, ());
        }
    }

    /// Makes what is derived from the tickets.
    pub(super) fn derive_tickets(&mut self) {
        // A copy shares everything with its original.
        let tickets = self.tickets.clone();
        for (number, ticket) in tickets.iter() {
            self.note_ticket(*number, ticket);
        }
        for (number, receipt) in self.ticket_receipts.iter() {
            self.ticket_index.bundles.insert(ByEntry(receipt.entry), *number);
        }
    }

    /// Points go back as they were taken, the last first: by the rule for whatever returns.
    pub(super) fn plan_ticket_void(&self, void: &TicketVoid) -> Result<Plan, Refusal> {
        let distinct: BTreeSet<&TicketNumber> = void.tickets.iter().collect();
        if void.tickets.is_empty() || distinct.len() != void.tickets.len() {
            return Err(Refusal::NotWellFormed);
        }
        if void.tickets.len() > TICKETS_MAX {
            return Err(Refusal::TooManyTickets);
        }
        let mut postings = Vec::new();
        for number in &void.tickets {
            let ticket = self.tickets.get(number).ok_or(Refusal::UnknownTicket)?;
            let lots = match &ticket.state {
                TicketState::Issued { .. } if ticket.last_day < self.meta.day => {
                    // It waits for a shop that may have taken it on its last day.
                    return Err(Refusal::TicketExpired { last: ticket.last_day });
                }
                TicketState::Issued { lots } => lots,
                TicketState::Redeemed(_) => return Err(Refusal::TicketUsed),
                TicketState::Voided(_) => return Err(Refusal::TicketVoided),
                TicketState::Lapsed => return Err(Refusal::TicketLapsed),
            };
            let back = lots.iter().rev().copied();
            merge(self.returned(ticket.holder, back, Account::Ticket), &mut postings);
        }
        Postings::balanced(postings).map(Plan::moving).ok_or(Refusal::TooManyPoints)
    }

    pub(super) fn apply_ticket_void(
        &mut self,
        entry: &Entry,
        void: &TicketVoid,
    ) -> Result<(), Broken> {
        let today = entry.time.date();
        for number in &void.tickets {
            let ticket = self.tickets.get_mut(number).ok_or(Broken::Unknown)?;
            ticket.state = TicketState::Voided(void.cause);
            self.ticket_index.due.remove(&Due { until: ticket.office_until, ticket: *number });
            if ticket.limited == Limited::Yes && ticket.day == today {
                let holder = self.holders.get_mut(&ticket.holder).ok_or(Broken::Unknown)?;
                holder.spent = holder.spent.minus(ticket.points).unwrap_or(Points::ZERO);
            }
            if void.cause == VoidCause::Spoiled {
                let stock = self.ticket_stocks.get_mut(&ticket.desk).ok_or(Broken::Unknown)?;
                stock.used = stock.used.saturating_sub(1);
                stock.spoiled = stock.spoiled.saturating_add(1);
            }
        }
        Ok(())
    }

    /// Tickets that nobody handed in until the office's last day, as far as one entry takes them.
    fn tickets_to_lapse(&self) -> Vec<TicketNumber> {
        let mut lots = 0_usize;
        let due = self.ticket_index.due.iter().map(|(due, ())| due);
        due.take_while(|due| due.until < self.meta.day)
            .map(|due| due.ticket)
            .take(TICKETS_MAX)
            .take_while(|number| {
                let first = lots == 0;
                lots = lots.saturating_add(self.ticket_lots(number).len());
                first || lots <= LAPSE_LOTS_MAX
            })
            .collect()
    }

    fn ticket_lots(&self, number: &TicketNumber) -> &[Lot] {
        match self.tickets.get(number).map(|ticket| &ticket.state) {
            Some(TicketState::Issued { lots }) => lots,
            Some(TicketState::Redeemed(_) | TicketState::Voided(_) | TicketState::Lapsed)
            | None => &[],
        }
    }

    pub(super) fn plan_ticket_lapse(&self) -> Result<Plan, Refusal> {
        let mut postings = Vec::new();
        for number in self.tickets_to_lapse() {
            let ticket = self.tickets.get(&number).ok_or(Refusal::UnknownTicket)?;
            let lots = self.ticket_lots(&number);
            let returns = self.rules_of(ticket).map(|rules| rules.on_expiry);
            if returns == Some(OnExpiry::Returns) {
                let back = lots.iter().rev().copied();
                merge(self.returned(ticket.holder, back, Account::Ticket), &mut postings);
                continue;
            }
            for lot in lots {
                lapse::credit(lapse::lapsed(&lot.terms), lot.points, &mut postings);
            }
            debit_tickets(ticket.points, &mut postings);
        }
        if postings.is_empty() {
            return Err(Refusal::NothingDue);
        }
        Postings::balanced(postings).map(Plan::moving).ok_or(Refusal::TooManyPoints)
    }

    pub(super) fn apply_ticket_lapse(&mut self) -> Result<(), Broken> {
        for number in self.tickets_to_lapse() {
            let ticket = self.tickets.get_mut(&number).ok_or(Broken::Unknown)?;
            ticket.state = TicketState::Lapsed;
            let due = Due { until: ticket.office_until, ticket: number };
            self.ticket_index.due.remove(&due);
        }
        Ok(())
    }

    /// The lapse of tickets, if one is due.
    pub(super) fn ticket_job(&self) -> Option<Command> {
        let (due, ()) = self.ticket_index.due.iter().next()?;
        let date = self.meta.day;
        (due.until < date).then_some(Command::LapseTickets(DayTurn { date }, Nothing {}))
    }

    /// A ticket.
    #[must_use]
    pub fn ticket(&self, number: &TicketNumber) -> Option<&Ticket> {
        self.tickets.get(number)
    }

    /// The tickets that an entry issued, in the order of the paper.
    #[must_use]
    pub fn tickets_issued_by(&self, entry: EntryIndex) -> &[TicketNumber] {
        self.ticket_index.issues.get(&ByEntry(entry)).map_or(&[], Vec::as_slice)
    }

    /// All tickets in the order of their numbers.
    pub fn tickets(&self) -> impl Iterator<Item = (&TicketNumber, &Ticket)> {
        self.tickets.iter()
    }

    /// The desks' stocks, in order.
    pub fn ticket_stocks(&self) -> impl Iterator<Item = (&DeskId, &TicketStock)> {
        self.ticket_stocks.iter()
    }

    /// Doubles that wait for an officer: the ticket, and which of its doubles.
    pub fn ticket_disputes(&self) -> impl Iterator<Item = (TicketNumber, u32, &Double)> {
        self.ticket_index.disputed.iter().flat_map(|(number, ())| {
            let doubles = self.tickets.get(number).map_or(&[][..], |ticket| &ticket.doubles);
            let numbered = (0_u32..).zip(doubles);
            numbered
                .filter(|(_, double)| double.state == DoubleState::Disputed)
                .map(|(nth, double)| (*number, nth, double))
        })
    }

    /// A numbered receipt.
    #[must_use]
    pub fn ticket_receipt(&self, number: &TicketReceiptNumber) -> Option<&TicketReceipt> {
        self.ticket_receipts.get(number)
    }
}

/// Whether whoever asked is held to the limit of a password.
const fn limited(actor: Actor) -> Limited {
    match actor {
        Actor::Officer(_) => Limited::No,
        Actor::Holder | Actor::Node => Limited::Yes,
    }
}

/// Divides lots among tickets, in order.
fn split(lots: &[Lot], units: &[Points]) -> Vec<Vec<Lot>> {
    let mut rest = lots.iter().copied();
    let mut held: Option<Lot> = None;
    let mut parts = Vec::new();
    for unit in units {
        let (mut wanted, mut part) = (*unit, Vec::new());
        while !wanted.is_zero() {
            let Some(lot) = held.take().or_else(|| rest.next()) else { break };
            let points = lot.points.min(wanted);
            wanted = wanted.minus(points).unwrap_or(Points::ZERO);
            part.push(Lot { terms: lot.terms, points });
            let left = lot.points.minus(points).unwrap_or(Points::ZERO);
            held = (!left.is_zero()).then_some(Lot { terms: lot.terms, points: left });
        }
        parts.push(part);
    }
    parts
}

/// Adds postings of one ticket to those of others, so that an entry has few.
fn merge(more: Vec<Posting>, postings: &mut Vec<Posting>) {
    for posting in more {
        match posting {
            Posting::Book { account: Account::Ticket, side: Side::Debit, points } => {
                debit_tickets(points, postings);
            }
            Posting::Book { account, side: Side::Credit, points } => {
                lapse::credit(account, points, postings);
            }
            other @ (Posting::Book { .. } | Posting::Lots { .. }) => postings.push(other),
        }
    }
}

/// Takes points out of the tickets' account, in the posting that does so already.
fn debit_tickets(more: Points, postings: &mut Vec<Posting>) {
    for posting in postings.iter_mut() {
        if let Posting::Book { account: Account::Ticket, side: Side::Debit, points } = posting
            && let Some(sum) = points.plus(more)
        {
            *points = sum;
            return;
        }
    }
    postings.push(Posting::Book { account: Account::Ticket, side: Side::Debit, points: more });
}
