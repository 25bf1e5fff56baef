//! The courier: sends what is durable and not yet heard, for ever, the same bytes each time.

use std::{collections::BTreeMap, time::Duration};

use jichi_protocol::{
    channel::{
        delivery::{Delivery, DeliveryReply},
        outbox::Outbox,
    },
    codec,
    directory::Party,
    entry::Outcome,
    envelope::Acked,
    id::{ChannelNumber, EntryIndex, TownId},
};
use tokio::{sync::broadcast::error::RecvError, task::JoinSet};

use crate::{
    api::answer::receipt,
    clock,
    engine::Engine,
    peer::{PeerHandle, Protocol},
};

/// How often the outboxes are looked at when nothing happens.
const TICK: Duration = Duration::from_millis(200);
/// After so long without a word from a town a person is told, in milliseconds.
const TELL_AFTER_MS: u64 = 3_600_000;

/// One town's outbox, and the entries that hold the bytes.
struct Post {
    outbox: Outbox,
    entries: BTreeMap<ChannelNumber, EntryIndex>,
    told: bool,
}

/// What came of a transmission.
struct Sent {
    town: TownId,
    number: ChannelNumber,
    heard: Option<Acked>,
}

/// Sends until the node stops.
pub(super) async fn run(engine: Engine, peer: PeerHandle) {
    let mut news = engine.news();
    let mut posts: BTreeMap<TownId, Post> = BTreeMap::new();
    let mut flights: JoinSet<Sent> = JoinSet::new();
    collect(&engine, &mut posts).await;
    loop {
        dispatch(&engine, &peer, &mut posts, &mut flights);
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
async fn collect(engine: &Engine, posts: &mut BTreeMap<TownId, Post>) {
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
    posts: &mut BTreeMap<TownId, Post>,
    town: TownId,
    number: ChannelNumber,
    entry: EntryIndex,
    engine: &Engine,
) {
    if !posts.contains_key(&town) {
        let generation = engine.read(|ledger| ledger.meta().generation).await;
        let Ok(generation) = generation else { return };
        let outbox = Outbox::new(generation);
        posts.insert(town, Post { outbox, entries: BTreeMap::new(), told: false });
    }
    if let Some(post) = posts.get_mut(&town) {
        post.outbox.add(number, clock::now());
        post.entries.insert(number, entry);
    }
}

/// Puts on the wire whatever is due.
fn dispatch(
    engine: &Engine,
    peer: &PeerHandle,
    posts: &mut BTreeMap<TownId, Post>,
    flights: &mut JoinSet<Sent>,
) {
    let now = clock::now();
    for (town, post) in posts {
        if !post.told
            && post.outbox.oldest().is_some_and(|since| now.ms_since(since) > TELL_AFTER_MS)
        {
            post.told = true;
            tracing::warn!(%town, waiting = post.outbox.len(), "messages wait for over an hour");
        }
        while let Some(number) = post.outbox.poll_transmit(now, random()) {
            let Some(entry) = post.entries.get(&number).copied() else {
                post.outbox.handle_failed(number);
                break;
            };
            let (engine, peer, town) = (engine.clone(), peer.clone(), *town);
            flights.spawn(async move {
                let heard = send(&engine, &peer, town, entry).await;
                Sent { town, number, heard }
            });
        }
    }
}

fn note(posts: &mut BTreeMap<TownId, Post>, sent: &Sent) {
    let Some(post) = posts.get_mut(&sent.town) else { return };
    match sent.heard {
        Some(heard) => {
            post.outbox.handle_heard(sent.number, heard);
            post.entries = post.entries.split_off(&heard.number.next());
            post.told = false;
        }
        None => post.outbox.handle_failed(sent.number),
    }
}

/// One transmission; what the peer has heard, if it said so.
async fn send(
    engine: &Engine,
    peer: &PeerHandle,
    town: TownId,
    entry: EntryIndex,
) -> Option<Acked> {
    let bytes = delivery(engine, entry)?;
    match peer.request(Party::Town(town), Protocol::Envelope, bytes).await {
        Ok(reply) => {
            let reply: DeliveryReply = codec::decode(&reply).ok()?;
            if let Some(fault) = reply.fault {
                tracing::warn!(%town, %entry, ?fault, "a message was not taken");
            }
            reply.heard
        }
        Err(error) => {
            tracing::debug!(%town, %error, "a message was not delivered; it is sent again");
            None
        }
    }
}

/// The bytes of a delivery: the envelope as it stands in the entry, the proof beside it.
fn delivery(engine: &Engine, entry: EntryIndex) -> Option<Vec<u8>> {
    let committed = engine.committed(entry).ok()?;
    let Outcome::Done(effect) = &committed.entry.outcome else { return None };
    let envelope = effect.sent.as_ref()?.encode();
    let proof = receipt(engine, &committed).ok()?.to_string();
    Some(codec::encode(&Delivery { envelope, proof }))
}

/// Spreads the retransmissions of many towns. Not a secret; without randomness they meet.
fn random() -> u64 {
    let mut bytes = [0_u8; 8];
    getrandom::fill(&mut bytes).map(|()| u64::from_le_bytes(bytes)).unwrap_or(0)
}
