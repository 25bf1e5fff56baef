//! Late points live on once, for the days of grace, by a rule that is worked out anew.

use std::collections::{BTreeMap, BTreeSet};

use jichi_protocol::{
    account::{Account, Side},
    command::{Command, Step},
    date::BusinessDate,
    entry::Outcome,
    envelope::Envelope,
    id::{AccountId, TownId, TransferId},
    lot::{Grace, Lot, LotTerms},
    points::Points,
    posting::Posting,
    transfer::{Answer, Message, Recipient},
};

use crate::town::Up;

/// What a journal has said so far.
#[derive(Default)]
struct Said {
    /// What left a holder.
    left: BTreeMap<TransferId, (AccountId, Vec<Lot>)>,
    /// Transfers that came back.
    back: BTreeSet<TransferId>,
    /// What shops of other towns gave back of each payment.
    refunded: BTreeMap<TransferId, u64>,
    /// Whole accounts that left, and holders who moved house with them.
    leaving: BTreeMap<TransferId, AccountId>,
    moved: BTreeSet<AccountId>,
}

/// On the way nothing lapses; late lots live on once, for the days of grace (money-rules).
pub(super) fn is_given_once(up: &Up) -> Result<(), String> {
    let mut said = Said::default();
    let days = up.ledger.terms().grace_days;
    for (entry, _) in &up.durable {
        let Outcome::Done(effect) = &entry.outcome else { continue };
        let postings = effect.postings.as_slice();
        let when = (entry.time.date(), days);
        let lots = || effect.postings.lots_out_of_holders();
        match &entry.submission.command {
            Command::Offer(shared, own) => {
                said.left.insert(shared.transfer, (own.account, lots()));
            }
            Command::PayRequest(named, own) => {
                said.left.insert(named.request, (own.account, lots()));
            }
            Command::MoveHouse(shared, own) => {
                said.leaving.insert(shared.transfer, own.account);
                said.left.insert(shared.transfer, (own.account, lots()));
            }
            Command::Forward(shared, own) => {
                said.left.insert(shared.transfer, (own.account, lots()));
            }
            Command::HandleEnvelope(_, received) if !postings.is_empty() => {
                let Ok(envelope) = Envelope::decode(&received.envelope) else { continue };
                let Some(message) = Message::of(&envelope) else { continue };
                said.heard(&message, envelope.header().sender, postings, when)?;
            }
            Command::StepFence(step, _) if !postings.is_empty() => {
                if let Step::TakeOfferBack(transfer) = step.step {
                    said.came_back(transfer, postings, when)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

impl Said {
    fn heard(
        &mut self,
        message: &Message,
        sender: TownId,
        postings: &[Posting],
        when: (BusinessDate, u32),
    ) -> Result<(), String> {
        match message {
            Message::Answer(body) if matches!(body.answer, Answer::Refuse { .. }) => {
                self.came_back(body.transfer, postings, when)
            }
            Message::Answer(body) => {
                self.moved.extend(self.leaving.get(&body.transfer));
                Ok(())
            }
            // A shop has points without an expiry.
            Message::Offer(offer) if matches!(offer.recipient, Recipient::Shop(_)) => Ok(()),
            Message::Offer(offer) => {
                let moved = |terms: LotTerms| terms.moved_from(sender);
                credited(postings, &offer.lots, when, moved)
            }
            Message::Refund(refund) => {
                let Some((account, lots)) = self.left.get(&refund.original) else { return Ok(()) };
                let before = self.refunded.entry(refund.original).or_default();
                let back = last_first(lots, *before, refund.points.get());
                *before += refund.points.get();
                if self.moved.contains(account) {
                    // The new town gives grace.
                    compared(postings, back.iter().map(|lot| (lot.terms, lot.points)))
                } else {
                    credited(postings, &back, when, |terms| terms)
                }
            }
            Message::Withdraw(_)
            | Message::TakeBack(_)
            | Message::Fence(_)
            | Message::Request(_)
            | Message::Decline(_)
            | Message::PeriodEnd(_)
            | Message::PeriodAnswer(_) => Ok(()),
        }
    }

    fn came_back(
        &mut self,
        transfer: TransferId,
        postings: &[Posting],
        when: (BusinessDate, u32),
    ) -> Result<(), String> {
        if !self.back.insert(transfer) {
            return Err(format!("transfer {transfer} came back twice"));
        }
        // An offer that a restore lost comes back to nobody: the town bore it. What a shop gave
        // back has no lots.
        let Some((_, lots)) = self.left.get(&transfer) else { return Ok(()) };
        credited(postings, lots, when, |terms| terms)
    }
}

/// So many points of what was paid, the last taken first, behind those that came back before.
fn last_first(lots: &[Lot], before: u64, points: u64) -> Vec<Lot> {
    let (mut skip, mut want) = (before, points);
    let mut back = Vec::new();
    for lot in lots.iter().rev() {
        let skipped = lot.points.get().min(skip);
        skip -= skipped;
        let taken = (lot.points.get() - skipped).min(want);
        want -= taken;
        if let Ok(points) = u32::try_from(taken)
            && points > 0
        {
            back.push(Lot { points: Points::from_u32(points), ..*lot });
        }
    }
    back
}

/// Compares what a holder got with what the rule says, worked out here anew.
fn credited(
    postings: &[Posting],
    lots: &[Lot],
    (today, days): (BusinessDate, u32),
    moved: impl Fn(LotTerms) -> LotTerms,
) -> Result<(), String> {
    let to_nobody =
        |posting: &Posting| matches!(posting, Posting::Book { account: Account::Unclaimed, .. });
    if postings.iter().any(to_nobody) {
        // To an account that was closed meanwhile.
        return Ok(());
    }
    let expected = lots.iter().filter_map(|lot| {
        let mut terms = moved(lot.terms);
        if terms.expires < today {
            if terms.grace != Grace::May {
                return None;
            }
            terms.expires = today.plus_days(days);
            terms.grace = Grace::Used;
        }
        Some((terms, lot.points))
    });
    compared(postings, expected)
}

fn compared(
    postings: &[Posting],
    lots: impl Iterator<Item = (LotTerms, Points)>,
) -> Result<(), String> {
    let mut expected: BTreeMap<LotTerms, u64> = BTreeMap::new();
    for (terms, points) in lots {
        *expected.entry(terms).or_default() += points.get();
    }
    let mut found: BTreeMap<LotTerms, u64> = BTreeMap::new();
    for posting in postings {
        if let Posting::Lots { side: Side::Credit, lots, .. } = posting {
            for lot in lots {
                *found.entry(lot.terms).or_default() += lot.points.get();
            }
        }
    }
    if found == expected {
        Ok(())
    } else {
        Err("a holder did not get what the rule says".to_owned())
    }
}
