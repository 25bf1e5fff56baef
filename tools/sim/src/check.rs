//! What has to hold when all is quiet, judged from the journals and by rules of its own.

use std::collections::BTreeMap;

use jichi_protocol::{
    account::{Account, Side},
    codec,
    command::Command,
    cross::{self, Side as CrossSide},
    date::BusinessDate,
    entry::{Entry, Outcome},
    envelope::Envelope,
    id::{TownId, TransferId},
    ledger::Ledger,
    log::tree::{Tree, leaf_hash},
    lot::{Grace, Lot, LotTerms},
    points::Points,
    posting::Posting,
    replay::{Replay, Signatures},
    transfer::{Answer, Message, OutgoingStage},
};

use crate::{
    planted::Defect,
    setup::{CAP, GIVEN, RESIDENTS},
    town::{Town, Up},
    world::{Told, Violation, World},
};

/// Checks everything.
pub(crate) fn at_the_end(world: &mut World) -> Result<(), Violation> {
    let audited = !world.defect.is_some_and(Defect::is_a_rule);
    for town in &mut world.towns {
        let index = town.index;
        let Some(up) = &town.up else { return Err(format!("town {index} never came back")) };
        quiet(index, up)?;
        durable_is_live(up).map_err(|why| format!("town {index}: {why}"))?;
        shown_checkpoints_are_of_this_log(town).map_err(|why| format!("town {index}: {why}"))?;
    }
    let ups: Vec<(&Town, &Up)> =
        world.towns.iter().filter_map(|town| Some((town, town.up.as_ref()?))).collect();
    for (town, up) in &ups {
        if audited {
            audit(up).map_err(|why| format!("town {}: audit: {why}", town.index))?;
        }
        grace_is_given_once(up).map_err(|why| format!("town {}: {why}", town.index))?;
    }
    for wish in &world.wishes {
        let up = ups.iter().find(|(town, _)| town.index == wish.town).map(|(_, up)| up);
        let up = up.ok_or("a wish of no town")?;
        match wish.told {
            None => return Err(format!("a resident of town {} was never answered", wish.town)),
            Some(Told::Entry(index)) => {
                let at = usize::try_from(index.0).map_err(|error| error.to_string())?;
                let entry = up.durable.get(at).map(|(entry, _)| entry);
                if entry.is_none_or(|entry| entry.submission.key != wish.submission.key) {
                    return Err(format!(
                        "town {}: told of entry {index}, which is another's",
                        wish.town
                    ));
                }
            }
            Some(Told::Rejected(_)) => {}
        }
    }
    let all: u64 = ups.iter().map(|(_, up)| held(&up.ledger)).sum();
    let given = ups.len() as u64 * RESIDENTS as u64 * GIVEN;
    if all != given {
        return Err(format!("{given} points were given, {all} are there"));
    }
    for (one, a) in &ups {
        for (other, b) in &ups {
            if one.index != other.index {
                direction(world, (one, a), (other, b))?;
            }
            if one.index < other.index {
                crossed((one, a), (other, b))?;
            }
        }
    }
    Ok(())
}

/// Nothing waits any more.
fn quiet(index: usize, up: &Up) -> Result<(), Violation> {
    let waits = up.posts.values().any(|post| !post.outbox().is_empty());
    if waits || !up.queue.is_empty() || up.flying.is_some() {
        return Err(format!("town {index}: something still waits"));
    }
    for (id, outgoing) in up.ledger.outgoing_all() {
        if matches!(outgoing.stage, OutgoingStage::Waiting { .. }) {
            return Err(format!("town {index}: transfer {id} is still under way"));
        }
    }
    let frozen = up.ledger.channels().find(|(_, channel)| channel.is_frozen());
    frozen.map_or(Ok(()), |(town, _)| Err(format!("town {index}: the channel to {town} is frozen")))
}

/// The state in memory is the one of the journal, and balances.
fn durable_is_live(up: &Up) -> Result<(), String> {
    if up.ledger.meta().next.0 != up.durable.len() as u64 {
        return Err("the state in memory is ahead of the journal".to_owned());
    }
    if up.ledger.trial().balances() { Ok(()) } else { Err("the books do not balance".to_owned()) }
}

/// Every checkpoint that left the town is one of its log's.
fn shown_checkpoints_are_of_this_log(town: &Town) -> Result<(), String> {
    let Some(up) = &town.up else { return Ok(()) };
    let mut tree = Tree::default();
    for (_, stored) in &up.durable {
        tree.push(leaf_hash(&stored.leaf()));
        if town.shown.get(&tree.size().0).is_some_and(|root| *root != tree.root()) {
            return Err(format!("the checkpoint over {} entries is another log's", tree.size().0));
        }
    }
    let beyond = town.shown.last_key_value().is_some_and(|(size, _)| *size > tree.size().0);
    if beyond { Err("a checkpoint went out over entries that are lost".to_owned()) } else { Ok(()) }
}

/// Decides everything again and checks every signature, as an auditor does.
fn audit(up: &Up) -> Result<(), String> {
    let mut replay: Option<Replay> = None;
    for (_, stored) in &up.durable {
        let bytes = codec::encode(stored.as_ref());
        match &mut replay {
            None => replay = Some(Replay::begin(&bytes).map_err(|found| found.to_string())?.0),
            Some(replay) => {
                replay.step(&bytes, Signatures::Check).map_err(|found| found.to_string())?;
            }
        }
    }
    let mut replayed = replay.ok_or("an empty log")?.into_ledger();
    let mut live = up.ledger.clone();
    if replayed.hash() == live.hash() { Ok(()) } else { Err("another state".to_owned()) }
}

/// Both logs have the same messages, and none is missing.
fn crossed(one: (&Town, &Up), other: (&Town, &Up)) -> Result<(), Violation> {
    let side = |(town, up): (&Town, &Up), peer: TownId| {
        let mut side = CrossSide::new(town.id, peer);
        for (entry, _) in &up.durable {
            side.note(entry);
        }
        side
    };
    let (a, b) = (side(one, other.0.id), side(other, one.0.id));
    let report = cross::cross((&a, &one.1.ledger), (&b, &other.1.ledger));
    if report.contradictions.is_empty() && report.under_way == 0 {
        return Ok(());
    }
    let (count, under_way) = (report.contradictions.len(), report.under_way);
    Err(format!(
        "towns {} and {}: {count} contradictions, {under_way} messages under way",
        one.0.index, other.0.index
    ))
}

/// Every transfer from `one` to `other` has one end, the same on both sides, and the sums agree.
fn direction(
    world: &World,
    (one, a): (&Town, &Up),
    (other, b): (&Town, &Up),
) -> Result<(), Violation> {
    let names = format!("from town {} to town {}", one.index, other.index);
    let answers = answers(b, one.id).map_err(|why| format!("{names}: {why}"))?;
    for (id, outgoing) in a.ledger.outgoing_all().filter(|(_, out)| out.town == other.id) {
        let answer = answers.get(id);
        let fits = match (&outgoing.stage, answer) {
            (OutgoingStage::Settled { date, .. }, Some(Answer::Accept { date: taken })) => {
                date == taken
            }
            (OutgoingStage::Returned { .. }, Some(Answer::Refuse { .. })) => true,
            _ => false,
        };
        if !fits {
            return Err(format!("{names}: transfer {id} ended otherwise on either side"));
        }
    }
    if let Some(id) = answers.keys().find(|id| !world.transfers.contains(*id)) {
        return Err(format!("{names}: transfer {id} was never offered"));
    }
    let transit = a.ledger.balance(&Account::Transit(other.id));
    let owed = a.ledger.balance(&Account::OwedTo(other.id));
    let claimed = b.ledger.balance(&Account::OwedBy(one.id));
    if owed != claimed || !transit.is_zero() {
        return Err(format!("{names}: owed {owed}, claimed {claimed}, on the way {transit}"));
    }
    if owed > Points::from_u32(CAP) {
        return Err(format!("{names}: {owed} are owed, over the cap"));
    }
    Ok(())
}

/// What a town answered to another's transfers; a transfer has one answer.
fn answers(up: &Up, peer: TownId) -> Result<BTreeMap<TransferId, Answer>, String> {
    let mut answers = BTreeMap::new();
    for (entry, _) in &up.durable {
        let Some(sent) = sent(entry).filter(|sent| sent.header().recipient == peer) else {
            continue;
        };
        if let Some(Message::Answer(body)) = Message::of(sent)
            && answers.insert(body.transfer, body.answer).is_some()
        {
            return Err(format!("transfer {} was answered twice", body.transfer));
        }
    }
    Ok(answers)
}

fn sent(entry: &Entry) -> Option<&Envelope> {
    match &entry.outcome {
        Outcome::Done(effect) => effect.sent.as_ref(),
        Outcome::Refused(_) => None,
    }
}

/// On the way nothing lapses; late lots live on once, for the days of grace (money-rules).
fn grace_is_given_once(up: &Up) -> Result<(), String> {
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
                        let lots = left.get(&body.transfer).ok_or("nothing left")?;
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

/// All points that were given, wherever they are now: held, lapsed, unclaimed, spent.
fn held(ledger: &Ledger) -> u64 {
    let holders = ledger.holders().map(|(_, holder)| {
        Points::sum(holder.lots.iter().map(|lot| lot.points)).unwrap_or(Points::MAX).get()
    });
    let books = ledger.books().map(|(account, _)| match account {
        Account::Lapsed(_) | Account::Unclaimed => ledger.balance(account).get(),
        _ => 0,
    });
    holders.chain(books).sum()
}
