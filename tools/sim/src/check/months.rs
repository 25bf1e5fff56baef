//! What two towns took of each other in a month is agreed by both, counted here anew.

use std::collections::BTreeMap;

use jichi_protocol::{
    command::Command,
    date::Month,
    entry::Outcome,
    envelope::Envelope,
    id::{Generation, TownId},
    lot::points_of,
    settlement::{Flow, Period, PeriodKey, PeriodStage, Tally},
    transfer::{Answer, Message},
};

use crate::{
    town::{Town, Up},
    world::{Violation, World},
};

/// Every month that is over is closed on both sides with what `one` took of `other` in it. A
/// closed town states nothing.
pub(super) fn are_agreed(
    world: &World,
    (one, a): (&Town, &Up),
    (other, b): (&Town, &Up),
) -> Result<(), Violation> {
    let names = format!("town {} took of town {}", one.index, other.index);
    let anew = [one, other].iter().any(|town| world.named[town.index].0 > Generation(1));
    let ended = [a, b].iter().any(|up| up.ledger.closed().is_some());
    let taken = taken(a, other.id);
    let over = a.ledger.day().month().min(b.ledger.day().month());
    for (month, tally) in &taken {
        let mine = period(a, other.id, *month, Flow::Taken);
        let theirs = period(b, one.id, *month, Flow::Given);
        if !anew && mine.map(|period| period.own) != Some(*tally) {
            return Err(format!("what {names} in {month:?} is {tally:?}, and stands as {mine:?}"));
        }
        let stages = [mine, theirs].map(|period| period.map(|period| &period.stage));
        let closed = stages.iter().all(|stage| matches!(stage, Some(PeriodStage::Closed)));
        if closed && mine.map(|period| period.own) != theirs.map(|period| period.own) {
            return Err(format!("what {names} in {month:?} is closed with different sums"));
        }
        if !closed && *month < over && !ended {
            return Err(format!("what {names} in {month:?} is not closed: {stages:?}"));
        }
    }
    Ok(())
}

fn period(up: &Up, town: TownId, month: Month, flow: Flow) -> Option<&Period> {
    let key = PeriodKey { town, month, flow };
    up.ledger.periods().find(|(known, _)| **known == key).map(|(_, period)| period)
}

/// What a town accepted of another one, by the month of its acceptance.
fn taken(up: &Up, of: TownId) -> BTreeMap<Month, Tally> {
    let mut all: BTreeMap<Month, Tally> = BTreeMap::new();
    for (entry, _) in &up.durable {
        let Outcome::Done(effect) = &entry.outcome else { continue };
        let Command::HandleEnvelope(_, received) = &entry.submission.command else { continue };
        let came = Envelope::decode(&received.envelope).ok();
        let Some(came) = came.filter(|came| came.header().sender == of) else { continue };
        let points = match Message::of(&came) {
            Some(Message::Offer(offer)) => points_of(&offer.lots),
            Some(Message::Refund(refund)) => refund.points,
            _ => continue,
        };
        let said = effect.sent.as_ref().and_then(Message::of);
        let Some(Message::Answer(body)) = said else { continue };
        if let Answer::Accept { date } = body.answer {
            let tally = all.entry(date.month()).or_default();
            tally.count += 1;
            tally.points = tally.points.plus(points).expect("few points");
        }
    }
    all
}
