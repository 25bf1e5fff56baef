//! Every transfer has one end, the same on both sides, whatever was lost on the way and restored.

use std::collections::BTreeMap;

use jichi_protocol::{
    account::{Account, LossCause},
    command::Command,
    date::BusinessDate,
    entry::Outcome,
    envelope::Envelope,
    id::{TownId, TransferId},
    ledger::{Ledger, LostStage},
    points::Points,
    transfer::{Answer, AnswerBody, Message, OutgoingStage, Way},
};

use crate::{
    setup::CAP,
    town::{Town, Up},
    world::{Violation, World},
};

/// How a transfer stands in the books of the town that it left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The journal knows nothing of it.
    Never,
    UnderWay,
    Taken(Option<BusinessDate>),
    Back,
}

/// What a town did about a transfer of another one's.
#[derive(Debug, Default)]
struct Met {
    /// How often it was credited.
    credited: u32,
    answers: Vec<AnswerBody>,
}

/// Every transfer from `one` to `other` has one end, the same on both sides, and the sums agree.
/// Between towns that cannot take back everything, nothing is doubled.
pub(super) fn direction(
    world: &World,
    (one, a): (&Town, &Up),
    (other, b): (&Town, &Up),
) -> Result<(), Violation> {
    let names = format!("from town {} to town {}", one.index, other.index);
    let open = world.is_open(one.index, other.index);
    let met = met(b, one.id);
    if let Some(id) = met.keys().find(|id| !world.transfers.contains(*id)) {
        return Err(format!("{names}: transfer {id} was never offered"));
    }
    let mut borne = Points::ZERO;
    for id in &world.transfers {
        let end = end_of(&a.ledger, id, other.id);
        let none = Met::default();
        let met = met.get(id).unwrap_or(&none);
        let mut answers = met.answers.iter();
        let first = answers.next();
        if answers.any(|answer| Some(answer) != first) {
            return Err(format!("{names}: transfer {id} was answered twice"));
        }
        let fits = match (end, met.credited) {
            (_, 2..) => return Err(format!("{names}: transfer {id} was credited twice")),
            (End::Back | End::Never, 0) => true,
            (End::Taken(date), 1) => match (date, first.map(|body| body.answer)) {
                (Some(date), Some(Answer::Accept { date: taken })) => date == taken,
                (None, Some(Answer::Accept { .. })) => true,
                (_, Some(Answer::Refuse { .. }) | None) => open,
            },
            (End::Back, 1) => false,
            (End::Never | End::UnderWay | End::Taken(_), _) => open,
        };
        if !fits {
            return Err(format!("{names}: transfer {id} ended otherwise on either side"));
        }
        let recovery = a.ledger.meta().recovery.as_ref();
        let lost = recovery.and_then(|known| known.lost.get(id)).filter(|at| at.town == other.id);
        if let (Some(lost), End::Taken(_)) = (lost, end) {
            borne = borne.plus(lost.points).unwrap_or(Points::MAX);
        }
    }
    if open {
        return Ok(());
    }
    let transit = a.ledger.balance(&Account::Transit(other.id));
    let owed = a.ledger.balance(&Account::OwedTo(other.id));
    let claimed = b.ledger.balance(&Account::OwedBy(one.id));
    if owed != claimed || !transit.is_zero() {
        return Err(format!("{names}: owed {owed}, claimed {claimed}, on the way {transit}"));
    }
    // What shops give back is exempt.
    let back = given_back(&a.ledger, other.id);
    if owed.minus(back).is_some_and(|owed| owed > Points::from_u32(CAP)) && borne.is_zero() {
        return Err(format!("{names}: {owed} are owed, over the cap"));
    }
    Ok(())
}

/// What shops of a town gave back to another one's holders.
fn given_back(ledger: &Ledger, to: TownId) -> Points {
    let back = ledger.outgoing_all().filter(|(_, out)| {
        let refund = matches!(out.way, Way::Refunded { .. });
        out.town == to && refund && matches!(out.stage, OutgoingStage::Settled { .. })
    });
    Points::sum(back.map(|(_, out)| out.points)).unwrap_or(Points::MAX)
}

fn end_of(ledger: &Ledger, id: &TransferId, to: TownId) -> End {
    if let Some(outgoing) = ledger.outgoing(id).filter(|outgoing| outgoing.town == to) {
        return match outgoing.stage {
            OutgoingStage::Waiting { .. } => End::UnderWay,
            OutgoingStage::Settled { date, .. } => End::Taken(Some(date)),
            OutgoingStage::Returned { .. } => End::Back,
        };
    }
    let recovery = ledger.meta().recovery.as_ref();
    let lost = recovery.and_then(|known| known.lost.get(id)).filter(|lost| lost.town == to);
    match lost.map(|lost| lost.stage) {
        None => End::Never,
        Some(LostStage::Waiting) => End::UnderWay,
        Some(LostStage::Settled) => End::Taken(None),
        Some(LostStage::Returned) => End::Back,
    }
}

/// What a town's journal says about the transfers of another one.
fn met(up: &Up, peer: TownId) -> BTreeMap<TransferId, Met> {
    let mut all: BTreeMap<TransferId, Met> = BTreeMap::new();
    for (entry, _) in &up.durable {
        let Outcome::Done(effect) = &entry.outcome else { continue };
        let (came, own) = match &entry.submission.command {
            Command::HandleEnvelope(_, received) => {
                (Envelope::decode(&received.envelope).ok(), None)
            }
            Command::TakeBackOwn(_, received) => (None, Envelope::decode(&received.envelope).ok()),
            _ => (None, None),
        };
        if let Some(came) = came.filter(|came| came.header().sender == peer)
            && let Some(transfer) = moves(&came)
            && !effect.postings.as_slice().is_empty()
        {
            all.entry(transfer).or_default().credited += 1;
        }
        // What a shop got by an acceptance that a restore lost.
        if let Some(own) = own.as_ref().filter(|own| own.header().recipient == peer)
            && let Some(Message::Answer(body)) = Message::of(own)
            && !effect.postings.as_slice().is_empty()
        {
            all.entry(body.transfer).or_default().credited += 1;
        }
        for said in [effect.sent.as_ref(), own.as_ref()].into_iter().flatten() {
            if said.header().recipient == peer
                && let Some(Message::Answer(body)) = Message::of(said)
            {
                all.entry(body.transfer).or_default().answers.push(body);
            }
        }
    }
    all
}

/// The transfer that a message would make.
fn moves(envelope: &Envelope) -> Option<TransferId> {
    match Message::of(envelope)? {
        Message::Offer(offer) => Some(offer.transfer),
        Message::Refund(refund) => Some(refund.refund),
        _ => None,
    }
}

/// What a town bears for its restores is what others took and its journal did not offer.
pub(super) fn borne(up: &Up) -> Result<u64, String> {
    let account = Account::Loss(LossCause::Restore);
    let book = up.ledger.books().find(|(known, _)| **known == account);
    let booked = book.map_or(0, |(_, book)| book.debits.get() - book.credits.get());
    let recovery = up.ledger.meta().recovery.as_ref();
    let lost = recovery.into_iter().flat_map(|known| known.lost.values());
    let open = lost.filter(|lost| lost.stage != LostStage::Returned);
    let expected: u64 = open.map(|lost| lost.points.get()).sum();
    if booked == expected {
        Ok(booked)
    } else {
        Err(format!("{booked} points are booked as lost, {expected} are"))
    }
}

/// Nothing is left of what was taken back but what is to be remembered.
pub(super) fn recovered(world: &World, town: &Town, up: &Up) -> Result<(), Violation> {
    for (peer, taking) in up.ledger.recovering_towns() {
        if !world.is_open(town.index, crate::town::town_of(peer)) {
            let index = town.index;
            return Err(format!("town {index} does not recover from {peer}: {taking:?}"));
        }
    }
    Ok(())
}
