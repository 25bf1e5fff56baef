//! A town that begins anew takes its messages back: behind the fence of each peer, its own that
//! the peer took and the peer's own to it are fetched from the peer's journal, and journalled.
//! What is asked and answered by messages, the jobs of the ledger do (`ledger/restore.rs`).

use std::time::Duration;

use jichi_protocol::{
    codec,
    command::{Command, Nothing, Received},
    directory::Party,
    entry::Submission,
    envelope::{Acked, Envelope},
    id::TownId,
    ledger::{Ledger, Stage},
};
use tokio::sync::watch;

use super::{
    inbound::{self, Inbox},
    standing::{
        exchange,
        wire::{StandingReply, StandingRequest},
    },
};
use crate::{
    engine::{Answer, Engine, Standing},
    peer::PeerHandle,
};

/// How often it is looked what is to be fetched.
const LOOK: Duration = Duration::from_millis(300);

/// What is to be fetched next from a town.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Our own messages, from this place on.
    Own(Acked),
    /// The town's, from this place on.
    Theirs(Acked),
}

/// Fetches until the node stops, as long as anything is left to be taken back.
pub(super) async fn run(
    engine: Engine,
    peer: PeerHandle,
    inbox: Inbox,
    mut stop: watch::Receiver<bool>,
) {
    if engine.standing_known().await != Standing::Newest {
        return;
    }
    while let Ok(true) = engine.read(|ledger| ledger.recovering_towns().next().is_some()).await {
        let next = engine.read(next_of).await.unwrap_or_default();
        for (town, next) in &next {
            match next {
                Next::Own(from) => own(&engine, &peer, *town, *from).await,
                Next::Theirs(from) => theirs(&inbox, &peer, *town, *from).await,
            }
        }
        let moved = engine.read(next_of).await.is_ok_and(|after| after != next);
        let pause = if moved { Duration::ZERO } else { LOOK };
        if tokio::time::timeout(pause, stop.wait_for(|stop| *stop)).await.is_ok() {
            return;
        }
    }
}

/// What is to be fetched now, from each town of which something is missing.
#[must_use]
pub fn next_of(ledger: &Ledger) -> Vec<(TownId, Next)> {
    let of = |(town, recovering): (&TownId, &jichi_protocol::ledger::Recovering)| {
        if let Some(place) = recovering.next_own() {
            return Some((*town, Next::Own(place)));
        }
        let Stage::Fenced { until, .. } = &recovering.stage else { return None };
        if let Some(place) = recovering.next_missing() {
            return Some((*town, Next::Theirs(place)));
        }
        let heard = ledger.channel(town)?.heard();
        let missing = (heard.generation, heard.number) < (until.generation, until.number);
        let from = Acked { number: heard.number.next(), ..heard };
        missing.then_some((*town, Next::Theirs(from)))
    };
    ledger.recovering_towns().filter_map(of).collect()
}

/// Fetches a page of our own messages, and writes them down in order.
async fn own(engine: &Engine, peer: &PeerHandle, town: TownId, from: Acked) {
    let asked = exchange(peer, town, StandingRequest::Taken(from)).await;
    let Some(StandingReply::Taken(page)) = asked else { return };
    for envelope in page {
        // What is not the next one is of a gap that the fence does not list, or a lie.
        let Ok(read) = Envelope::decode(&envelope) else { return };
        let place = Acked { generation: read.header().generation, number: read.header().number };
        let next = engine.read(|ledger| ledger.recovering(&town)?.next_own()).await;
        if next != Ok(Some(place)) {
            return;
        }
        let command = Command::TakeBackOwn(Nothing {}, Received { envelope: envelope.into() });
        let submission = Submission { key: None, command, evidence: None };
        match engine.submit(submission).await {
            Ok(Answer::Entry(_) | Answer::Heard) => {}
            Ok(Answer::Rejected(refusal)) => {
                tracing::error!(%town, number = %place.number, code = refusal.code(),
                    "a message of this town cannot be taken back");
                return;
            }
            Err(error) => {
                tracing::warn!(%town, %error, "a message was not taken back yet");
                return;
            }
        }
    }
}

/// Fetches a page of the town's messages, and has them handled as if they came now.
async fn theirs(inbox: &Inbox, peer: &PeerHandle, town: TownId, from: Acked) {
    let asked = exchange(peer, town, StandingRequest::Sent(from)).await;
    let Some(StandingReply::Sent(page)) = asked else { return };
    for delivery in page {
        let bytes = codec::encode(&delivery);
        inbound::deliver(inbox, Party::Town(town), &bytes).await;
    }
}
