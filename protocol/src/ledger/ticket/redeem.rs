//! The use of a ticket: by a shop's scan, in a bundle at the office; and the decision about doubles.

use alloc::vec::Vec;

use super::{Broken, ByEntry, Due, Ledger, Plan};
use crate::{
    account::{Account, LossCause},
    command::{DoubleVerdict, InUse, TicketBundle, TicketDecision, TicketScan},
    entry::Entry,
    id::{MerchantId, OfficerId, TicketNumber, TicketReceiptNumber},
    ledger::Taken,
    points::Points,
    posting::Postings,
    refusal::Refusal,
    ticket::{
        BundleLine, Double, DoubleState, Doubles, HandIn, TICKETS_MAX, Ticket, TicketReceipt,
        TicketState, Way,
    },
};

/// Doubles of one ticket that are recorded; behind that somebody plays.
const DOUBLES_MAX: usize = 50;

impl Ledger {
    /// A scan is done when the ticket is good, and also when it was used before: then nothing
    /// moves, and the double is recorded for an officer.
    pub(in crate::ledger) fn plan_ticket_scan(&self, scan: &TicketScan) -> Result<Plan, Refusal> {
        self.at_own_till(scan.town, scan.merchant, scan.terminal)?;
        let merchant = self.merchants.get(&scan.merchant).ok_or(Refusal::UnknownMerchant)?;
        if merchant.state == InUse::Suspended {
            return Err(Refusal::MerchantSuspended);
        }
        let face = &scan.ticket.face;
        if face.town != self.meta.town {
            return Err(Refusal::TicketOfAnotherTown);
        }
        if !self.own_sound_keys().any(|key| scan.ticket.verify(&key).is_ok()) {
            return Err(Refusal::TicketNotGenuine);
        }
        let ticket = self.tickets.get(&face.number).ok_or(Refusal::UnknownTicket)?;
        if (ticket.points, ticket.last_day) != (face.points, face.last_day) {
            return Err(Refusal::TicketNotGenuine);
        }
        if !self.usable_at(ticket, scan.merchant) {
            return Err(Refusal::TicketNotUsableHere);
        }
        match &ticket.state {
            TicketState::Voided(_) => Err(Refusal::TicketVoided),
            TicketState::Lapsed => Err(Refusal::TicketLapsed),
            TicketState::Issued { .. } | TicketState::Redeemed(_)
                if ticket.last_day < self.meta.day =>
            {
                Err(Refusal::TicketExpired { last: ticket.last_day })
            }
            TicketState::Issued { .. } => {
                taken(ticket.points, scan.merchant).ok_or(Refusal::TooManyPoints)
            }
            TicketState::Redeemed(_) => {
                // A shop that scans the same paper again and again makes one case of it.
                let waits = |double: &Double| {
                    double.state == DoubleState::Disputed
                        && double.hand_in.merchant == scan.merchant
                };
                if ticket.doubles.iter().any(waits) || ticket.doubles.len() >= DOUBLES_MAX {
                    return Err(Refusal::TicketDoubleWaits);
                }
                Ok(Plan::FACT)
            }
        }
    }

    fn usable_at(&self, ticket: &Ticket, merchant: MerchantId) -> bool {
        self.rules_of(ticket).is_some_and(|rules| rules.usable_at(merchant))
    }

    pub(in crate::ledger) fn apply_ticket_scan(
        &mut self,
        entry: &Entry,
        scan: &TicketScan,
    ) -> Result<(), Broken> {
        let hand_in = HandIn {
            merchant: scan.merchant,
            at: entry.time,
            entry: entry.index,
            way: Way::Scan(scan.terminal),
        };
        let points = self.hand_in(scan.ticket.face.number, hand_in)?;
        self.shop_took_tickets(entry, scan.merchant, points)
    }

    /// Marks a ticket as used, or notes a double; what the shop is owed for it at once.
    fn hand_in(&mut self, number: TicketNumber, hand_in: HandIn) -> Result<Points, Broken> {
        let ticket = self.tickets.get_mut(&number).ok_or(Broken::Unknown)?;
        match &ticket.state {
            TicketState::Issued { .. } => {
                ticket.state = TicketState::Redeemed(hand_in);
                let points = ticket.points;
                let due = Due { until: ticket.office_until, ticket: number };
                self.ticket_index.due.remove(&due);
                Ok(points)
            }
            TicketState::Redeemed(_) => {
                ticket.doubles.push(Double { hand_in, state: DoubleState::Disputed });
                self.ticket_index.disputed.insert(number, ());
                Ok(Points::ZERO)
            }
            TicketState::Voided(_) | TicketState::Lapsed => Err(Broken::Unknown),
        }
    }

    fn shop_took_tickets(
        &mut self,
        entry: &Entry,
        merchant: MerchantId,
        points: Points,
    ) -> Result<(), Broken> {
        if points.is_zero() {
            return Ok(());
        }
        self.shop_took(merchant, entry.time.date(), Taken::Ticket, points)
    }

    /// A bundle is taken if it is what its cover sheet says; then every ticket in it has its own
    /// result, and all of them stand on the receipt. Tickets that a suspended shop took before
    /// are still owed to it.
    pub(in crate::ledger) fn plan_ticket_bundle(
        &self,
        bundle: &TicketBundle,
    ) -> Result<Plan, Refusal> {
        if !self.merchants.contains(&bundle.merchant) {
            return Err(Refusal::UnknownMerchant);
        }
        if bundle.tickets.is_empty() {
            return Err(Refusal::NotWellFormed);
        }
        if bundle.tickets.len() > TICKETS_MAX {
            return Err(Refusal::TooManyTickets);
        }
        let of = |number: &TicketNumber| {
            self.tickets.get(number).map(|ticket| ticket.points).ok_or(Refusal::UnknownTicket)
        };
        let each: Vec<Points> = bundle.tickets.iter().map(of).collect::<Result<_, _>>()?;
        let sum = Points::sum(each).ok_or(Refusal::TooManyPoints)?;
        let count = u32::try_from(bundle.tickets.len()).map_err(|_| Refusal::TooManyTickets)?;
        if (bundle.count, bundle.points) != (count, sum) {
            return Err(Refusal::TicketBundleDiffers { count, points: sum });
        }
        let (_, points) = self.bundle_lines(bundle);
        taken(points, bundle.merchant).ok_or(Refusal::TooManyPoints)
    }

    /// What becomes of each ticket of a bundle, and what the shop is owed for it at once.
    fn bundle_lines(&self, bundle: &TicketBundle) -> (Vec<(TicketNumber, BundleLine)>, Points) {
        let (mut lines, mut sum) = (Vec::<(TicketNumber, BundleLine)>::new(), Points::ZERO);
        for number in &bundle.tickets {
            let Some(ticket) = self.tickets.get(number) else { continue };
            let again = lines.contains(&(*number, BundleLine::Taken));
            let line = match &ticket.state {
                TicketState::Voided(_) => BundleLine::Voided,
                TicketState::Lapsed => BundleLine::TooLate,
                TicketState::Issued { .. } | TicketState::Redeemed(_)
                    if ticket.office_until < self.meta.day =>
                {
                    BundleLine::TooLate
                }
                TicketState::Issued { .. } | TicketState::Redeemed(_)
                    if !self.usable_at(ticket, bundle.merchant) =>
                {
                    BundleLine::NotUsableHere
                }
                TicketState::Redeemed(_) => BundleLine::Disputed,
                TicketState::Issued { .. } if again => BundleLine::Disputed,
                TicketState::Issued { .. } => BundleLine::Taken,
            };
            if line == BundleLine::Taken {
                // Bounded by what stands in the tickets' account.
                sum = sum.plus(ticket.points).unwrap_or(Points::MAX);
            }
            lines.push((*number, line));
        }
        (lines, sum)
    }

    pub(in crate::ledger) fn apply_ticket_bundle(
        &mut self,
        entry: &Entry,
        bundle: &TicketBundle,
        officer: OfficerId,
    ) -> Result<(), Broken> {
        let (lines, taken) = self.bundle_lines(bundle);
        let last = self.ticket_receipts.iter().next_back().map_or(0, |(number, _)| number.0);
        let receipt = TicketReceiptNumber(last.saturating_add(1));
        let hand_in = HandIn {
            merchant: bundle.merchant,
            at: entry.time,
            entry: entry.index,
            way: Way::Bundle(receipt),
        };
        for (number, line) in &lines {
            match line {
                BundleLine::Taken | BundleLine::Disputed => {
                    self.hand_in(*number, hand_in)?;
                }
                BundleLine::TooLate | BundleLine::Voided | BundleLine::NotUsableHere => {}
            }
        }
        let kept = TicketReceipt {
            merchant: bundle.merchant,
            officer,
            at: entry.time,
            entry: entry.index,
            taken,
            lines,
        };
        self.ticket_receipts.insert(receipt, kept);
        self.ticket_index.bundles.insert(ByEntry(entry.index), receipt);
        self.shop_took_tickets(entry, bundle.merchant, taken)
    }

    /// The receipt that an entry made.
    #[must_use]
    pub fn receipt_of_bundle(&self, entry: crate::id::EntryIndex) -> Option<TicketReceiptNumber> {
        self.ticket_index.bundles.get(&ByEntry(entry)).copied()
    }

    pub(in crate::ledger) fn plan_ticket_decision(
        &self,
        decision: &TicketDecision,
    ) -> Result<Plan, Refusal> {
        let ticket = self.tickets.get(&decision.ticket).ok_or(Refusal::UnknownTicket)?;
        let double = ticket.doubles.get(place(decision.nth)).ok_or(Refusal::UnknownTicketDouble)?;
        if double.state != DoubleState::Disputed {
            return Err(Refusal::TicketDoubleDecided);
        }
        match decision.verdict {
            DoubleVerdict::Refuse => Ok(Plan::FACT),
            DoubleVerdict::Pay => {
                let rules = self.rules_of(ticket).ok_or(Refusal::TicketsNotIssued)?;
                if rules.doubles == Doubles::Refused {
                    return Err(Refusal::TicketDoublesRefused);
                }
                let (loss, shop) =
                    (Account::Loss(LossCause::Double), Account::Merchant(double.hand_in.merchant));
                let postings = Postings::between(loss, shop, ticket.points);
                postings.map(Plan::moving).ok_or(Refusal::TooManyPoints)
            }
        }
    }

    pub(in crate::ledger) fn apply_ticket_decision(
        &mut self,
        entry: &Entry,
        decision: &TicketDecision,
        officer: OfficerId,
    ) -> Result<(), Broken> {
        let ticket = self.tickets.get_mut(&decision.ticket).ok_or(Broken::Unknown)?;
        let points = ticket.points;
        let double = ticket.doubles.get_mut(place(decision.nth)).ok_or(Broken::Unknown)?;
        let merchant = double.hand_in.merchant;
        double.state = match decision.verdict {
            DoubleVerdict::Pay => DoubleState::Paid(officer),
            DoubleVerdict::Refuse => DoubleState::Refused(officer),
        };
        if !ticket.doubles.iter().any(|double| double.state == DoubleState::Disputed) {
            self.ticket_index.disputed.remove(&decision.ticket);
        }
        match decision.verdict {
            DoubleVerdict::Pay => self.shop_took_tickets(entry, merchant, points),
            DoubleVerdict::Refuse => Ok(()),
        }
    }
}

/// Points of tickets that become a shop's.
fn taken(points: Points, merchant: MerchantId) -> Option<Plan> {
    if points.is_zero() {
        return Some(Plan::FACT);
    }
    Postings::between(Account::Ticket, Account::Merchant(merchant), points).map(Plan::moving)
}

fn place(nth: u32) -> usize {
    usize::try_from(nth).unwrap_or(usize::MAX)
}
