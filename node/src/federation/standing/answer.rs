//! What this node holds of a town that asks: for one that is not sure of its journal, and for one
//! that takes its messages back.

use jichi_protocol::{
    command::Command,
    envelope::Acked,
    id::{EntryIndex, TownId},
};
use minicbor::bytes::ByteVec;

use super::wire::{StandingReply, StandingRequest};
use crate::{
    engine::Engine,
    federation::courier::delivery,
    index::{Index, Way},
    peer::MESSAGE_BYTES_MAX,
    witness::Witness,
};

/// Messages of a page at most.
const PAGE_MAX: usize = 64;
/// Bytes of a page at most: one message fits in any case, and the reply has room for its frame.
const PAGE_BYTES_MAX: usize = MESSAGE_BYTES_MAX - 1_024;

/// Answers a town; none where nothing can be said now, and it asks again.
pub(in crate::federation) async fn answer(
    (engine, index): (&Engine, &Index),
    witness: Option<&Witness>,
    from: TownId,
    request: StandingRequest,
) -> Option<StandingReply> {
    index.up_to(engine.durable()).await;
    match request {
        StandingRequest::Newest => {
            let checkpoint = witness.and_then(|witness| witness.last_of(from));
            let held = engine.read(|ledger| ledger.channel(&from)?.last_held()).await.ok()?;
            let last = held.and_then(|at| taken(engine, index, from, at).next());
            Some(StandingReply::Newest { checkpoint, last })
        }
        StandingRequest::Taken(at) => {
            Some(StandingReply::Taken(page(taken(engine, index, from, at), |bytes| bytes.len())))
        }
        StandingRequest::Sent(at) => {
            let found = index.of_messages(Way::Sent, from, at, PAGE_MAX).ok()?;
            let deliveries = found.into_iter().filter_map(|entry| delivery(engine, entry));
            let bytes = |delivery: &jichi_protocol::channel::delivery::Delivery| {
                delivery.envelope.len().saturating_add(delivery.proof.len())
            };
            Some(StandingReply::Sent(page(deliveries, bytes)))
        }
    }
}

/// Envelopes of a town that this journal took, as they came.
fn taken(engine: &Engine, index: &Index, from: TownId, at: Acked) -> impl Iterator<Item = ByteVec> {
    let found = index.of_messages(Way::Taken, from, at, PAGE_MAX).unwrap_or_default();
    let engine = engine.clone();
    found.into_iter().filter_map(move |entry| envelope_of(&engine, entry))
}

fn envelope_of(engine: &Engine, entry: EntryIndex) -> Option<ByteVec> {
    let committed = engine.committed(entry).ok()?;
    let Command::HandleEnvelope(_, received) = &committed.entry.submission.command else {
        return None;
    };
    Some(received.envelope.clone().into())
}

/// As many as fit, the first in any case.
fn page<T>(all: impl Iterator<Item = T>, bytes_of: impl Fn(&T) -> usize) -> Vec<T> {
    let mut bytes = 0_usize;
    let mut page = Vec::new();
    for one in all {
        bytes = bytes.saturating_add(bytes_of(&one)).saturating_add(16);
        if bytes > PAGE_BYTES_MAX && !page.is_empty() {
            break;
        }
        page.push(one);
    }
    page
}
