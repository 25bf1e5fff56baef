//! Whether this journal is the newest of its log (architecture, Restore): before anything is
//! written, witnesses and peers are asked what they hold of it. Who does not answer in time is
//! asked again until it does; what shows that the journal is behind makes the node read-only.

pub mod answer;
pub mod wire;

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use jichi_protocol::{
    codec,
    directory::Party,
    envelope::Envelope,
    id::TownId,
    ledger::{Ahead, HeldOfUs},
    log::{checkpoint::SignedCheckpoint, fork::ForkProof},
};
use minicbor::{Decode, Encode};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

use super::Members;
use crate::{
    durable,
    engine::Engine,
    peer::{PeerHandle, Protocol},
    witness::{Proofs, halt},
};
use wire::{StandingReply, StandingRequest};

/// How long a start waits for others: one that answers does so within a moment, and a town that
/// is cut off serves its own residents.
const ASK_TIME_MAX: Duration = Duration::from_secs(2);
/// How often those are asked again that have not answered since the start.
const AGAIN: Duration = Duration::from_secs(3);
/// Towns whose messages raised a doubt, and that wait to be asked; more are asked as they come
/// again.
const DOUBTS_MAX: usize = 64;
/// What showed that the journal is behind, kept for the next start.
pub const AHEAD_FILE: &str = "ahead.cbor";

/// What a town answered that showed this journal to be behind.
#[derive(Debug, Encode, Decode)]
struct Shown {
    #[n(0)]
    by: TownId,
    #[n(1)]
    reply: StandingReply,
}

/// Takes the names of towns that know more than this journal, as it seems. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Doubts(mpsc::Sender<TownId>);

impl Doubts {
    /// Has a town asked again. Never waits.
    pub fn about(&self, town: TownId) {
        // Without room it is left out: what raised the doubt comes again.
        let _ = self.0.try_send(town);
    }
}

/// A way for doubts, and its end for [`Asking::go_on`].
#[must_use]
pub fn doubts() -> (Doubts, mpsc::Receiver<TownId>) {
    let (sender, receiver) = mpsc::channel(DOUBTS_MAX);
    (Doubts(sender), receiver)
}

/// Asks others what they hold of this node's log and messages.
#[derive(Clone)]
pub(super) struct Asking {
    pub(super) town: TownId,
    pub(super) engine: Engine,
    pub(super) peer: PeerHandle,
    pub(super) members: Members,
    pub(super) proofs: Proofs,
    /// The data folder.
    pub(super) data: PathBuf,
}

impl Asking {
    /// Decides whether the journal may be written: at once if nobody is there to be asked, at
    /// the latest after [`ASK_TIME_MAX`]. Who has not answered by then comes back.
    pub(super) async fn decide(&self) -> BTreeSet<TownId> {
        let mut waiting = self.whom().await;
        if self.remembered().await || self.named_newer().await {
            return waiting;
        }
        let mut asks = JoinSet::new();
        for town in waiting.iter().copied() {
            let me = self.clone();
            asks.spawn(async move { (town, me.ask(town).await) });
        }
        let over = tokio::time::sleep(ASK_TIME_MAX);
        tokio::pin!(over);
        loop {
            let asked = tokio::select! {
                asked = asks.join_next() => asked,
                () = &mut over => None,
            };
            let Some(asked) = asked else { break };
            if let Ok((town, Some(reply))) = asked {
                waiting.remove(&town);
                if self.judge(town, &reply).await {
                    return waiting;
                }
            }
        }
        if !waiting.is_empty() {
            let towns: Vec<String> = waiting.iter().map(TownId::to_string).collect();
            tracing::warn!(
                towns = towns.join(","),
                "not heard whether they hold more of this log; they are asked again"
            );
        }
        self.engine.stands();
        waiting
    }

    /// Asks who has not answered yet, and who raises a doubt, until the node stops.
    pub(super) async fn go_on(
        self,
        mut waiting: BTreeSet<TownId>,
        mut doubted: mpsc::Receiver<TownId>,
        mut stop: watch::Receiver<bool>,
    ) {
        let mut members = self.members.clone();
        while !self.engine.is_behind() {
            tokio::select! {
                () = stopped(&mut stop) => return,
                Some(town) = doubted.recv() => { waiting.insert(town); }
                Ok(()) = members.changed() => {
                    members.mark_unchanged();
                    self.named_newer().await;
                }
                () = tokio::time::sleep(AGAIN), if !waiting.is_empty() => {}
            }
            for town in waiting.clone() {
                if let Some(reply) = self.ask(town).await {
                    waiting.remove(&town);
                    if self.judge(town, &reply).await {
                        return;
                    }
                }
            }
        }
    }

    /// The towns that this one has a channel with, and its witnesses.
    async fn whom(&self) -> BTreeSet<TownId> {
        let channels = self
            .engine
            .read(|ledger| ledger.channels().map(|(town, _)| *town).collect::<BTreeSet<_>>());
        let directory = self.members.borrow().clone();
        let witnesses = directory.witnesses_of(self.town).into_iter().map(|(town, _)| town);
        let mut whom = channels.await.unwrap_or_default();
        whom.extend(witnesses);
        whom.retain(|town| *town != self.town && directory.member(Party::Town(*town)).is_some());
        whom
    }

    async fn ask(&self, town: TownId) -> Option<StandingReply> {
        exchange(&self.peer, town, StandingRequest::Newest).await
    }

    /// What an earlier start was shown still shows it: nobody has to be asked.
    async fn remembered(&self) -> bool {
        let Ok(bytes) = std::fs::read(self.data.join(AHEAD_FILE)) else { return false };
        match codec::decode::<Shown>(&bytes) {
            Ok(shown) => self.judge(shown.by, &shown.reply).await,
            Err(_) => false,
        }
    }

    /// The directory names a newer generation of this town: this journal has ended.
    async fn named_newer(&self) -> bool {
        let member = self.members.borrow().member(Party::Town(self.town)).cloned();
        let here = self.engine.read(jichi_protocol::ledger::Ledger::generation).await;
        let (Some(member), Ok(here)) = (member, here) else { return false };
        if member.generation <= here {
            return false;
        }
        tracing::error!(named = %member.generation, %here,
            "the directory names a newer generation of this town's log than this journal is: an \
             old copy was started. Nothing is written; follow Restore in the operator's manual");
        self.engine.falls_behind();
        true
    }

    /// Whether an answer shows that this journal is behind. If it shows a second history, the
    /// process ends.
    async fn judge(&self, town: TownId, reply: &StandingReply) -> bool {
        let StandingReply::Newest { checkpoint, last } = reply else { return false };
        let last = last.as_ref().and_then(|bytes| Envelope::decode(bytes).ok());
        let held = HeldOfUs { checkpoint: checkpoint.clone(), last };
        let judged = self.engine.read(|ledger| ledger.ahead(town, &held)).await;
        let Ok(Some(ahead)) = judged else {
            if let Some(fork) = checkpoint.as_ref().and_then(|seen| self.fork(seen)) {
                halt(&self.engine, &self.proofs, town, &fork);
            }
            return false;
        };
        self.say(town, ahead);
        self.engine.falls_behind();
        let shown = codec::encode(&Shown { by: town, reply: reply.clone() });
        if let Err(error) = durable::replace(&self.data, AHEAD_FILE, &shown) {
            tracing::error!(%error, "what was shown cannot be kept for the next start");
        }
        true
    }

    fn say(&self, by: TownId, ahead: Ahead) {
        const WHAT: &str = "this journal is not the newest: it was restored from an older copy, \
             or a second copy of this node runs. Nothing is written, pages can be read; follow \
             Restore in the operator's manual";
        match ahead {
            Ahead::Entries { generation, seen, here } => {
                tracing::error!(%by, %generation, %seen, %here,
                    "a witness has cosigned more entries of this log than it has; {WHAT}");
            }
            Ahead::Message { seen, here, .. } => {
                tracing::error!(%by, generation = %seen.generation, seen = %seen.number,
                    here = %here.number, "a town has a message of this one that it has not; {WHAT}");
            }
        }
    }

    /// That a checkpoint of this log is of another history, although this journal is as long.
    fn fork(&self, seen: &SignedCheckpoint) -> Option<ForkProof> {
        let log = self.engine.log_key();
        let seen = seen.verify(log).ok()?;
        let own = SignedCheckpoint::parse(self.engine.checkpoint().as_bytes()).ok()?;
        let own = own.verify(log).ok().filter(|own| own.size >= seen.size)?;
        let rows = self.engine.rows();
        let root = rows.tree(seen.size)?.root();
        let proof = rows.consistency(seen.size, own.size).ok()?;
        ForkProof::of(&seen, &own, root, &proof)
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error says that nobody is left who could stop it later.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Asks a town; none if it does not answer so.
pub(super) async fn exchange(
    peer: &PeerHandle,
    town: TownId,
    request: StandingRequest,
) -> Option<StandingReply> {
    let bytes = codec::encode(&request);
    match peer.request(Party::Town(town), Protocol::Standing, bytes).await {
        Ok(reply) => codec::decode(&reply).ok(),
        Err(error) => {
            tracing::debug!(%town, %error, "not asked what it holds");
            None
        }
    }
}
