//! What has to hold when all is quiet, judged from the journals and by rules of its own.

mod grace;
mod months;
mod transfers;

use jichi_protocol::{
    account::Account,
    cross::{self, Side as CrossSide},
    id::TownId,
    ledger::Ledger,
    log::tree::{Tree, leaf_hash},
    points::Points,
    refusal::Refusal,
    transfer::OutgoingStage,
};

use crate::{
    planted::Defect,
    read::audit,
    setup::{GIVEN, RESIDENTS},
    town::{Town, Up, town_of},
    world::{Told, Violation, World},
};

/// Checks everything.
pub(crate) fn at_the_end(world: &World) -> Result<(), Violation> {
    let right = !world.defect.is_some_and(Defect::is_a_rule);
    for town in &world.towns {
        let index = town.index;
        let Some(up) = &town.up else { return Err(format!("town {index} never came back")) };
        quiet(world, index, up)?;
        transfers::recovered(world, town, up)?;
        durable_is_live(up).map_err(|why| format!("town {index}: {why}"))?;
        shown_checkpoints_are_of_this_log(town).map_err(|why| format!("town {index}: {why}"))?;
    }
    let ups: Vec<(&Town, &Up)> =
        world.towns.iter().filter_map(|town| Some((town, town.up.as_ref()?))).collect();
    for (town, up) in &ups {
        if right {
            audited(town, up).map_err(|why| format!("town {}: audit: {why}", town.index))?;
        }
        grace::is_given_once(up).map_err(|why| format!("town {}: {why}", town.index))?;
    }
    for wish in &world.wishes {
        let up = ups.iter().find(|(town, _)| town.index == wish.town).map(|(_, up)| up);
        let up = up.ok_or("a wish of no town")?;
        match wish.told {
            None if world.is_any_open(wish.town) => {}
            None => return Err(format!("a resident of town {} was never answered", wish.town)),
            // The town had recovered by then, or never can.
            Some(Told::Rejected(Refusal::Recovering)) if !world.is_any_open(wish.town) => {
                return Err(format!("town {} recovers for ever", wish.town));
            }
            Some(Told::Entry(_)) if wish.lost => {}
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
    let mut borne = 0;
    for (town, up) in &ups {
        borne += transfers::borne(up).map_err(|why| format!("town {}: {why}", town.index))?;
    }
    if all != given + borne && !world.towns.iter().any(|town| world.is_any_open(town.index)) {
        return Err(format!("{given} points were given, {borne} are borne, {all} are there"));
    }
    for (one, a) in &ups {
        for (other, b) in &ups {
            if one.index != other.index {
                transfers::direction(world, (one, a), (other, b))?;
            }
            if one.index < other.index && !world.is_open(one.index, other.index) {
                crossed((one, a), (other, b))?;
                months::are_agreed(world, (one, a), (other, b))?;
                months::are_agreed(world, (other, b), (one, a))?;
            }
        }
    }
    Ok(())
}

/// Nothing waits any more, but for towns that cannot take back everything from each other.
fn quiet(world: &World, index: usize, up: &Up) -> Result<(), Violation> {
    let open = |peer: usize| world.is_open(index, peer);
    let waits = up.posts.iter().any(|(peer, post)| !post.outbox().is_empty() && !open(*peer));
    if waits || (!world.is_any_open(index) && (!up.queue.is_empty() || up.flying.is_some())) {
        return Err(format!("town {index}: something still waits"));
    }
    for (id, outgoing) in up.ledger.outgoing_all() {
        let waits = matches!(outgoing.stage, OutgoingStage::Waiting { .. });
        if waits && !open(town_of(&outgoing.town)) {
            return Err(format!("town {index}: transfer {id} is still under way"));
        }
    }
    for (request, _) in up.ledger.unanswered() {
        if !world.is_any_open(index) {
            return Err(format!("town {index}: request {request} is not answered"));
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

/// An auditor makes the same state.
fn audited(town: &Town, up: &Up) -> Result<(), String> {
    let mut replayed = audit(town.begun.as_deref(), &up.durable)?;
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
    // What a closed town never took stays on its way.
    let closed = [one.1, other.1].iter().any(|up| up.ledger.closed().is_some());
    if report.contradictions.is_empty() && (report.under_way == 0 || closed) {
        return Ok(());
    }
    let (count, under_way) = (report.contradictions.len(), report.under_way);
    Err(format!(
        "towns {} and {}: {count} contradictions, {under_way} messages under way",
        one.0.index, other.0.index
    ))
}

/// All points that were given, wherever they are now: held, lapsed, unclaimed, shops'.
pub(crate) fn held(ledger: &Ledger) -> u64 {
    let holders = ledger.holders().map(|(_, holder)| {
        Points::sum(holder.lots.iter().map(|lot| lot.points)).unwrap_or(Points::MAX).get()
    });
    let books = ledger.books().map(|(account, _)| match account {
        Account::Lapsed(_) | Account::Unclaimed | Account::Merchant(_) => {
            ledger.balance(account).get()
        }
        _ => 0,
    });
    holders.chain(books).sum()
}
