//! Checkpoints that come with other towns' messages: that each continues the one before is proved
//! off the path of an answer. A disproof freezes the channel at once, a day without proof as well.

use std::{collections::BTreeMap, path::Path, time::Duration};

use jichi_protocol::{
    codec,
    command::{Command, LogJudgement, LogPair, LogVerdict, Nothing},
    date::Time,
    entry::{Outcome, Submission},
    id::TownId,
    log::{
        checkpoint::{SignedCheckpoint, VerifiedCheckpoint},
        fork::ForkProof,
        note::VerifierKey,
        proof::ConsistencyProof,
    },
};
use minicbor::{Decode, Encode};
use tokio::sync::{mpsc, watch};

use super::{
    Finding, Witness,
    submit::exchange,
    wire::{WitnessReply, WitnessRequest},
};
use crate::{
    clock, durable,
    engine::{Answer, Engine},
    peer::PeerHandle,
};

/// Checkpoints that wait to be looked at; the next message brings one that says more.
const NOTES_MAX: usize = 256;
/// How often a town is asked again for a proof that it owes.
const AGAIN: Duration = Duration::from_secs(30);
/// How long it may owe one, in milliseconds.
const OWED_MS_MAX: u64 = 86_400_000;
/// The file of what is owed, beside what was cosigned.
const OWED_FILE: &str = "owed.cbor";

/// Takes checkpoints that came with messages. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Notes(mpsc::Sender<(TownId, VerifiedCheckpoint)>);

impl Notes {
    /// Notes a checkpoint of a town's log. Never waits.
    pub fn note(&self, town: TownId, checkpoint: VerifiedCheckpoint) {
        // Without room it is left out: the next message brings one that covers it.
        let _ = self.0.try_send((town, checkpoint));
    }
}

/// A way for checkpoints, and its end for [`Watch::run`].
#[must_use]
pub fn notes() -> (Notes, mpsc::Receiver<(TownId, VerifiedCheckpoint)>) {
    let (sender, receiver) = mpsc::channel(NOTES_MAX);
    (Notes(sender), receiver)
}

/// A proof that a town owes.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
struct Owed {
    #[n(0)]
    town: TownId,
    #[n(1)]
    since: Time,
    #[n(2)]
    pair: LogPair,
}

/// What a comparison of two checkpoints came to.
enum Compared {
    Continues(LogPair, ConsistencyProof),
    Fork(ForkProof),
    NotShown(LogPair),
    /// One and the same.
    Same,
}

/// Watches other towns' logs.
pub struct Watch {
    engine: Engine,
    peer: PeerHandle,
    witness: Witness,
    folder: std::path::PathBuf,
    /// The largest checkpoint of each town's log that continues what was known.
    heads: BTreeMap<TownId, VerifiedCheckpoint>,
    owed: BTreeMap<TownId, Owed>,
}

impl Watch {
    /// A watch that remembers what is owed.
    #[must_use]
    pub fn new(engine: Engine, peer: PeerHandle, witness: Witness, data: &Path) -> Self {
        let folder = data.join("witness");
        let bytes = std::fs::read(folder.join(OWED_FILE)).unwrap_or_default();
        // An unreadable file begins the day anew; what contradicts is found in any case.
        let owed: Vec<Owed> = codec::decode(&bytes).unwrap_or_default();
        let owed = owed.into_iter().map(|owed| (owed.town, owed)).collect();
        Self { engine, peer, witness, folder, heads: BTreeMap::new(), owed }
    }

    /// Watches until the node stops.
    pub async fn run(
        mut self,
        mut notes: mpsc::Receiver<(TownId, VerifiedCheckpoint)>,
        mut findings: mpsc::Receiver<Finding>,
        mut stop: watch::Receiver<bool>,
    ) {
        for kept in self.witness.kept() {
            self.freeze(kept).await;
        }
        let mut again = tokio::time::interval(AGAIN);
        again.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stopped(&mut stop) => return,
                Some(finding) = findings.recv() => self.freeze(finding).await,
                Some(first) = notes.recv() => {
                    let mut came = vec![first];
                    while let Ok(next) = notes.try_recv() {
                        came.push(next);
                    }
                    for (town, checkpoint) in outermost(came) {
                        self.look(town, checkpoint).await;
                    }
                }
                _ = again.tick() => self.ask_again().await,
            }
        }
    }

    /// The log's key, as the directory names it now.
    fn key_of(&self, checkpoint: &SignedCheckpoint) -> Option<VerifierKey> {
        self.witness.log_of(&checkpoint.claimed().origin).map(|(_, key)| key)
    }

    async fn look(&mut self, town: TownId, checkpoint: VerifiedCheckpoint) {
        let cosigned = self.witness.last(&checkpoint.origin).and_then(|seen| {
            let key = self.key_of(&seen)?;
            seen.verify(&key).ok()
        });
        let head = self.heads.get(&town).cloned();
        let head = head.filter(|head| head.origin == checkpoint.origin);
        let known = [head, cosigned].into_iter().flatten().max_by_key(|known| known.size);
        let Some(known) = known else {
            self.heads.insert(town, checkpoint);
            return;
        };
        // Who owes a proof is asked by `ask_again` alone.
        if self.owed.contains_key(&town) && known.size != checkpoint.size {
            return;
        }
        let compared = self.compare(town, &known, &checkpoint).await;
        if matches!(compared, Compared::Continues(..) | Compared::Same)
            && checkpoint.size >= known.size
        {
            self.heads.insert(town, checkpoint);
        }
        self.settle(town, compared).await;
    }

    /// Compares two checkpoints of a town's log, by a proof that the town gives.
    async fn compare(
        &self,
        town: TownId,
        one: &VerifiedCheckpoint,
        other: &VerifiedCheckpoint,
    ) -> Compared {
        let (older, newer) = if one.size <= other.size { (one, other) } else { (other, one) };
        if older.size == newer.size {
            let none = ConsistencyProof::default();
            return ForkProof::of(older, newer, newer.root, &none)
                .map_or(Compared::Same, Compared::Fork);
        }
        let pair =
            LogPair { older: older.clone().into_signed(), newer: newer.clone().into_signed() };
        let request = WitnessRequest::Prove { old: older.size, new: newer.size };
        let Some(WitnessReply::Proved { root, proof }) = exchange(&self.peer, town, &request).await
        else {
            return Compared::NotShown(pair);
        };
        let new = (newer.size, &newer.root);
        if proof.verify((older.size, &older.root), new).is_ok() {
            return Compared::Continues(pair, proof);
        }
        let fork = ForkProof::of(older, newer, root, &proof);
        fork.map_or(Compared::NotShown(pair), Compared::Fork)
    }

    async fn settle(&mut self, town: TownId, compared: Compared) {
        match compared {
            Compared::Same => {}
            Compared::Fork(fork) => {
                if let Some(log) = self.key_of(&fork.newer) {
                    self.witness.report(town, &log, &fork);
                }
            }
            Compared::NotShown(pair) => {
                let since = clock::now();
                self.owed.entry(town).or_insert(Owed { town, since, pair });
                self.keep_owed();
            }
            Compared::Continues(pair, proof) => {
                if self.owed.remove(&town).is_some() {
                    self.keep_owed();
                    let frozen = |ledger: &jichi_protocol::ledger::Ledger| {
                        ledger.channel(&town).is_some_and(|channel| channel.log_trouble().is_some())
                    };
                    if self.engine.read(frozen).await.unwrap_or(false) {
                        self.judge(town, LogVerdict::Shown { pair, proof }).await;
                    }
                }
            }
        }
    }

    /// Asks for every proof that is owed; for a day without one the channel is frozen.
    async fn ask_again(&mut self) {
        for owed in self.owed.values().cloned().collect::<Vec<_>>() {
            let key = self.key_of(&owed.pair.newer);
            let verified = key.and_then(|key| {
                Some((owed.pair.older.verify(&key).ok()?, owed.pair.newer.verify(&key).ok()?))
            });
            let Some((older, newer)) = verified else {
                // Of another generation or key: it is the past.
                self.owed.remove(&owed.town);
                self.keep_owed();
                continue;
            };
            match self.compare(owed.town, &older, &newer).await {
                Compared::NotShown(pair) => {
                    if clock::now().ms_since(owed.since) > OWED_MS_MAX {
                        tracing::error!(town = %owed.town, "for a day this town has not shown that \
                            its log continues; the channel is frozen until it does");
                        self.judge(owed.town, LogVerdict::NotShown(pair)).await;
                    }
                }
                compared @ (Compared::Continues(..) | Compared::Fork(_) | Compared::Same) => {
                    self.settle(owed.town, compared).await;
                }
            }
        }
    }

    fn keep_owed(&self) {
        let owed: Vec<&Owed> = self.owed.values().collect();
        if let Err(error) = durable::replace(&self.folder, OWED_FILE, &codec::encode(&owed)) {
            tracing::error!(%error, "what other towns owe a proof of cannot be kept");
        }
    }

    async fn freeze(&self, finding: Finding) {
        self.judge(finding.town, LogVerdict::Forked(finding.fork)).await;
    }

    /// Writes a finding down: it decides about money, so it stands in the journal. Where there is
    /// no channel there is nothing to freeze, and what is frozen stays so.
    async fn judge(&self, town: TownId, verdict: LogVerdict) {
        let command = Command::JudgeLog(LogJudgement { town, verdict }, Nothing {});
        match self.engine.submit(Submission { key: None, command, evidence: None }).await {
            Ok(Answer::Entry(committed)) => match &committed.entry.outcome {
                Outcome::Done(_) => {
                    tracing::warn!(%town, entry = %committed.entry.index,
                        "a finding about this town's log was written down");
                }
                Outcome::Refused(refusal) => {
                    tracing::warn!(%town, code = refusal.code(), "a finding was refused");
                }
            },
            Ok(Answer::Rejected(refusal)) => {
                tracing::debug!(%town, code = refusal.code(), "a finding changes nothing");
            }
            Ok(Answer::Heard) => {}
            Err(error) => tracing::error!(%town, %error, "a finding could not be written down"),
        }
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error says that nobody is left who could stop it later.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Of each town the smallest and the largest checkpoint: what lies between follows from these.
fn outermost(came: Vec<(TownId, VerifiedCheckpoint)>) -> Vec<(TownId, VerifiedCheckpoint)> {
    let mut by_town: BTreeMap<TownId, Vec<VerifiedCheckpoint>> = BTreeMap::new();
    for (town, checkpoint) in came {
        by_town.entry(town).or_default().push(checkpoint);
    }
    let mut kept = Vec::new();
    for (town, mut all) in by_town {
        all.sort_by_key(|checkpoint| checkpoint.size);
        let first = all.first().cloned();
        let last = all.pop().filter(|last| first.as_ref() != Some(last));
        kept.extend([first, last].into_iter().flatten().map(|checkpoint| (town, checkpoint)));
    }
    kept
}
