//! The courier: sends what is durable and not yet heard, for ever, the same bytes each time.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    time::Duration,
};

use jichi_protocol::{
    channel::delivery::{Delivery, DeliveryFault, DeliveryReply},
    codec,
    date::Time,
    directory::Party,
    entry::Outcome,
    envelope::Envelope,
    id::{ChannelNumber, EntryIndex, TownId},
    library::{Enclosure, LibraryMessage, LibrarySide},
};
use tokio::{sync::broadcast::error::RecvError, task::JoinSet};

use super::post::Post;
use crate::{
    api::answer::receipt,
    clock::{self, Reading, skew::PeerClocks},
    engine::{Engine, Standing},
    library::cards::{LibraryCards, Place},
    peer::{PeerHandle, Protocol},
    town::Town,
};

/// How often the outboxes are looked at when nothing happens.
const TICK: Duration = Duration::from_millis(200);
/// After so long without a word from a town a person is told, in milliseconds.
const TELL_AFTER_MS: u64 = 3_600_000;

/// What waits for one town, and whether a person was told of it.
struct Waiting {
    post: Post,
    told: bool,
}

/// What came of a transmission.
struct Sent {
    town: TownId,
    number: ChannelNumber,
    reply: Option<DeliveryReply>,
}

/// What the courier carries from, by and with. Cheap to clone.
#[derive(Clone)]
pub(super) struct Carries {
    pub(super) engine: Engine,
    pub(super) peer: PeerHandle,
    pub(super) cards: LibraryCards,
    /// What the clocks of those who reply say.
    pub(super) clocks: PeerClocks,
}

impl Carries {
    /// A town's.
    pub(super) fn of(town: &Town, peer: PeerHandle) -> Self {
        let (engine, cards) = (town.engine().clone(), town.library().cards().clone());
        Self { engine, peer, cards, clocks: town.peer_clocks().clone() }
    }
}

/// Sends until the node stops.
pub(super) async fn run(carries: Carries) {
    let engine = carries.engine.clone();
    if engine.standing_known().await == Standing::Behind {
        return;
    }
    let mut news = engine.news();
    let mut posts: BTreeMap<TownId, Waiting> = BTreeMap::new();
    let mut flights: JoinSet<Sent> = JoinSet::new();
    collect(&engine, &mut posts).await;
    while !engine.is_behind() {
        dispatch(&carries, &mut posts, &mut flights);
        tokio::select! {
            durable = news.recv() => match durable {
                Ok(durable) => {
                    if let Some((town, number)) = durable.sent {
                        let entry = durable.committed.entry.index;
                        add(&mut posts, town, number, entry, &engine).await;
                    }
                }
                Err(RecvError::Lagged(_)) => collect(&engine, &mut posts).await,
                Err(RecvError::Closed) => return,
            },
            Some(flown) = flights.join_next() => {
                if let Ok(sent) = flown {
                    note(&mut posts, &sent);
                }
            }
            () = tokio::time::sleep(TICK) => {}
        }
    }
}

/// Every message that is not acknowledged, from the ledger.
async fn collect(engine: &Engine, posts: &mut BTreeMap<TownId, Waiting>) {
    let open = engine.read(|ledger| {
        let of = |(town, channel): (&TownId, &jichi_protocol::channel::Channel)| {
            let open: Vec<_> = channel.open().map(|(n, entry)| (*n, *entry)).collect();
            (*town, open)
        };
        ledger.channels().map(of).collect::<Vec<_>>()
    });
    for (town, open) in open.await.unwrap_or_default() {
        for (number, entry) in open {
            add(posts, town, number, entry, engine).await;
        }
    }
}

async fn add(
    posts: &mut BTreeMap<TownId, Waiting>,
    town: TownId,
    number: ChannelNumber,
    entry: EntryIndex,
    engine: &Engine,
) {
    let waiting = match posts.entry(town) {
        Entry::Occupied(waiting) => waiting.into_mut(),
        Entry::Vacant(place) => {
            let generation = engine.read(|ledger| ledger.meta().generation).await;
            let Ok(generation) = generation else { return };
            place.insert(Waiting { post: Post::new(generation), told: false })
        }
    };
    waiting.post.add(number, entry, now());
}

/// Puts on the wire whatever is due.
fn dispatch(carries: &Carries, posts: &mut BTreeMap<TownId, Waiting>, flights: &mut JoinSet<Sent>) {
    let now = now();
    for (town, Waiting { post, told }) in posts {
        let oldest = post.outbox().oldest();
        if !*told && oldest.is_some_and(|since| now.ms_since(since) > TELL_AFTER_MS) {
            *told = true;
            tracing::warn!(%town, waiting = post.outbox().len(), "messages wait for over an hour");
        }
        while let Some((number, entry)) = post.poll(now, random()) {
            let (carries, town) = (carries.clone(), *town);
            flights.spawn(async move {
                let reply = send(&carries, town, entry).await;
                Sent { town, number, reply }
            });
        }
    }
}

fn note(posts: &mut BTreeMap<TownId, Waiting>, sent: &Sent) {
    let Some(Waiting { post, told }) = posts.get_mut(&sent.town) else { return };
    match sent.reply.as_ref().and_then(|reply| reply.heard) {
        Some(heard) => {
            post.heard(sent.number, heard);
            *told = false;
        }
        None => post.failed(sent.number),
    }
    if sent.reply.as_ref().is_some_and(|reply| reply.fault == Some(DeliveryFault::TownClosed)) {
        post.closed();
    }
}

/// One transmission, and what the peer said to it.
async fn send(carries: &Carries, town: TownId, entry: EntryIndex) -> Option<DeliveryReply> {
    let mut delivery = delivery(&carries.engine, entry)?;
    delivery.enclosure = enclosure(&carries.cards, town, &delivery.envelope);
    let bytes = codec::encode(&delivery);
    match carries.peer.request(Party::Town(town), Protocol::Envelope, bytes).await {
        Ok(reply) => {
            let reply: DeliveryReply = codec::decode(&reply).ok()?;
            if let Some(now) = reply.now {
                carries.clocks.told(town, now, Reading::now());
            }
            if let Some(fault) = reply.fault {
                tracing::warn!(%town, %entry, ?fault, "a message was not taken");
            }
            Some(reply)
        }
        Err(error) => {
            tracing::debug!(%town, %error, "a message was not delivered; it is sent again");
            None
        }
    }
}

/// A delivery: the envelope as it stands in the entry, the proof beside it.
pub(super) fn delivery(engine: &Engine, entry: EntryIndex) -> Option<Delivery> {
    let committed = engine.committed(entry).ok()?;
    let Outcome::Done(effect) = &committed.entry.outcome else { return None };
    let envelope = effect.sent.as_ref()?.encode();
    let proof = receipt(engine, &committed).ok()?.to_string();
    Some(Delivery { envelope, proof, enclosure: None })
}

/// The number of the card that a message links, unless it was erased meanwhile.
fn enclosure(cards: &LibraryCards, town: TownId, envelope: &[u8]) -> Option<Enclosure> {
    match LibraryMessage::of(&Envelope::decode(envelope).ok()?)? {
        LibraryMessage::Link(body) => {
            cards.find(&Place { side: LibrarySide::BaseTown, town, link: body.link })
        }
        LibraryMessage::Answer(_)
        | LibraryMessage::Unlink(_)
        | LibraryMessage::Ended(_)
        | LibraryMessage::Erased(_) => None,
    }
}

/// Retransmissions go by the clock that nobody sets: by the wall clock, a message that was sent while
/// it was ahead would not be sent again before it is as late as that.
fn now() -> Time {
    Time(u64::try_from(clock::monotonic().0.as_millis()).unwrap_or(u64::MAX))
}

/// Spreads the retransmissions of many towns. Not a secret; without randomness they meet.
fn random() -> u64 {
    let mut bytes = [0_u8; 8];
    getrandom::fill(&mut bytes).map(|()| u64::from_le_bytes(bytes)).unwrap_or(0)
}
