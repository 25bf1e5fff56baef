//! Late points live on once, for the days of grace, by a rule that is worked out anew.

use std::collections::BTreeMap;

use jichi_protocol::{
    account::{Account, Side},
    command::{Command, Step},
    date::BusinessDate,
    entry::Outcome,
    envelope::Envelope,
    id::TransferId,
    lot::{Grace, Lot, LotTerms},
    posting::Posting,
    transfer::{Answer, Message},
};

use crate::town::Up;

/// On the way nothing lapses; late lots live on once, for the days of grace (money-rules).
pub(super) fn is_given_once(up: &Up) -> Result<(), String> {
    let mut left: BTreeMap<TransferId, Vec<Lot>> = BTreeMap::new();
    let mut closed: BTreeMap<TransferId, ()> = BTreeMap::new();
    let days = up.ledger.terms().grace_days;
    for (entry, _) in &up.durable {
        let Outcome::Done(effect) = &entry.outcome else { continue };
        match &entry.submission.command {
            Command::Offer(shared, _) => {
                left.insert(shared.transfer, effect.postings.lots_out_of_holders());
            }
            Command::HandleEnvelope(_, received) => {
                let Ok(envelope) = Envelope::decode(&received.envelope) else { continue };
                let Some(message) = Message::of(&envelope) else { continue };
                let today = entry.time.date();
                match message {
                    Message::Answer(body) if matches!(body.answer, Answer::Refuse { .. }) => {
                        if effect.postings.as_slice().is_empty() {
                            continue;
                        }
                        if closed.insert(body.transfer, ()).is_some() {
                            return Err(format!("transfer {} came back twice", body.transfer));
                        }
                        // An offer that a restore lost comes back to nobody: the town bore it.
                        let Some(lots) = left.get(&body.transfer) else { continue };
                        credited(effect.postings.as_slice(), lots, (today, days), |terms| terms)?;
                    }
                    Message::Offer(offer) if !effect.postings.as_slice().is_empty() => {
                        let sender = envelope.header().sender;
                        let moved = |terms: LotTerms| terms.moved_from(sender);
                        let lots = &offer.lots;
                        credited(effect.postings.as_slice(), lots, (today, days), moved)?;
                    }
                    Message::Answer(_)
                    | Message::Offer(_)
                    | Message::Withdraw(_)
                    | Message::TakeBack(_)
                    | Message::Fence(_)
                    | Message::Request(_)
                    | Message::Decline(_)
                    | Message::Refund(_)
                    | Message::PeriodEnd(_)
                    | Message::PeriodAnswer(_) => {}
                }
            }
            Command::StepFence(step, _) => {
                let Step::TakeOfferBack(transfer) = step.step else { continue };
                let Some(lots) = left.get(&transfer) else { continue };
                if effect.postings.as_slice().is_empty() {
                    continue;
                }
                if closed.insert(transfer, ()).is_some() {
                    return Err(format!("transfer {transfer} came back twice"));
                }
                let today = entry.time.date();
                credited(effect.postings.as_slice(), lots, (today, days), |terms| terms)?;
            }
            _ => {}
        }
    }
    Ok(())
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
    let mut expected: BTreeMap<LotTerms, u64> = BTreeMap::new();
    for lot in lots {
        let mut terms = moved(lot.terms);
        if terms.expires < today {
            if terms.grace != Grace::May {
                continue;
            }
            terms.expires = today.plus_days(days);
            terms.grace = Grace::Used;
        }
        *expected.entry(terms).or_default() += lot.points.get();
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
