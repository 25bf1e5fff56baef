//! The town's own checkpoints, taken to its witnesses when the log has grown.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jichi_protocol::{
    codec,
    directory::Party,
    id::TownId,
    log::{
        checkpoint::SignedCheckpoint,
        cosignature::cosigned_at,
        fork::ForkProof,
        note::NoteSignature,
        tree::TreeSize,
        witness::{AddCheckpoint, lines_of, witness_key_of},
    },
    signature::PublicKey,
};
use tokio::{sync::watch, task::JoinSet};

use super::{
    Proofs, halt,
    wire::{WitnessReply, WitnessRequest},
};
use crate::{
    clock::{Reading, skew::PeerClocks},
    engine::{Engine, Standing},
    federation::{Members, standing::Doubts},
    peer::{PeerHandle, Protocol},
};

/// How often a witness is asked about one checkpoint: once more when it names another old size.
const ASKED_MAX: usize = 2;

/// The checkpoint that witnesses have cosigned last, as it is served; none before the first.
pub type Cosigned = watch::Receiver<Option<Arc<str>>>;

/// Takes the checkpoints of this node's log to its witnesses.
pub struct Submitter {
    /// The town.
    pub town: TownId,
    /// Its engine.
    pub engine: Engine,
    /// The way to the witnesses.
    pub peer: PeerHandle,
    /// Who they are.
    pub members: Members,
    /// How often they are asked at most.
    pub every: Duration,
    /// Where a proof about this node's own log is kept.
    pub proofs: Proofs,
    /// Where a witness is named that has seen more of this log.
    pub doubts: Doubts,
    /// What the witnesses' clocks say.
    pub clocks: PeerClocks,
}

/// What came of asking one witness.
enum Outcome {
    Cosigned(NoteSignature),
    /// Not now; why stands in the log of messages.
    Nothing,
    /// Another copy of this node has written.
    NotAlone(Box<ForkProof>),
    /// The witness has seen more of this log than there is.
    Doubt,
}

impl Submitter {
    /// Submits until the node stops.
    pub async fn run(self, cosigned: watch::Sender<Option<Arc<str>>>, stop: watch::Receiver<bool>) {
        let me = Arc::new(self);
        let mut stop = stop;
        let mut last: BTreeMap<TownId, TreeSize> = BTreeMap::new();
        // Of a journal that is not the newest, nothing is shown to be cosigned.
        while me.engine.standing_known().await == Standing::Newest {
            me.round(&mut last, &cosigned).await;
            let stopping = stop.wait_for(|stop| *stop);
            if tokio::time::timeout(me.every, stopping).await.is_ok() {
                return;
            }
        }
    }

    /// Asks every witness that has not cosigned the present checkpoint.
    async fn round(
        self: &Arc<Self>,
        last: &mut BTreeMap<TownId, TreeSize>,
        cosigned: &watch::Sender<Option<Arc<str>>>,
    ) {
        let Ok(checkpoint) = SignedCheckpoint::parse(self.engine.checkpoint().as_bytes()) else {
            return;
        };
        let size = checkpoint.claimed().size;
        let witnesses = self.members.borrow().witnesses_of(self.town);
        let mut asks = JoinSet::new();
        for (town, key) in witnesses {
            let old = last.get(&town).copied();
            if old != Some(size) {
                let (me, checkpoint) = (Arc::clone(self), checkpoint.clone());
                asks.spawn(async move {
                    (town, me.ask((town, key), &checkpoint, old.unwrap_or(TreeSize(0))).await)
                });
            }
        }
        while let Some(asked) = asks.join_next().await {
            match asked {
                Ok((town, Outcome::Cosigned(line))) => {
                    last.insert(town, size);
                    add_line(cosigned, &checkpoint, &line);
                }
                Ok((town, Outcome::NotAlone(fork))) => {
                    halt(&self.engine, &self.proofs, town, &fork);
                }
                Ok((town, Outcome::Doubt)) => self.doubts.about(town),
                Ok((_, Outcome::Nothing)) | Err(_) => {}
            }
        }
    }

    async fn ask(
        &self,
        (town, key): (TownId, PublicKey),
        checkpoint: &SignedCheckpoint,
        mut old: TreeSize,
    ) -> Outcome {
        for _ in 0..ASKED_MAX {
            let Some(request) = self.request(checkpoint, old) else { return Outcome::Nothing };
            match self.exchange(town, &request).await {
                Some(WitnessReply::Cosigned { lines, now }) => {
                    if let Some(now) = now {
                        self.clocks.told(town, now, Reading::now());
                    }
                    return self.cosigned(checkpoint, town, key, &lines);
                }
                Some(WitnessReply::Refused { fork: Some(fork), .. })
                    if fork.verify(self.engine.log_key()).is_ok() =>
                {
                    return Outcome::NotAlone(fork);
                }
                Some(WitnessReply::Refused { last: Some(last), .. })
                    if last <= checkpoint.claimed().size =>
                {
                    old = last;
                }
                Some(WitnessReply::Refused { last: Some(_), .. }) => {
                    return Outcome::Doubt;
                }
                Some(WitnessReply::Refused { status, .. }) => {
                    tracing::warn!(%town, status, "the witness does not cosign this log");
                    return Outcome::Nothing;
                }
                Some(
                    WitnessReply::Last(_) | WitnessReply::Proved { .. } | WitnessReply::Nothing,
                )
                | None => return Outcome::Nothing,
            }
        }
        Outcome::Nothing
    }

    /// The request; none while the tree does not reach so far.
    fn request(&self, checkpoint: &SignedCheckpoint, old: TreeSize) -> Option<WitnessRequest> {
        let rows = self.engine.rows();
        let proof = rows.consistency(old, checkpoint.claimed().size).ok()?;
        let own_root = Some(rows.tree(old)?.root());
        let body = AddCheckpoint { old, proof, checkpoint: checkpoint.clone() }.to_string();
        Some(WitnessRequest::Add { body, own_root })
    }

    async fn exchange(&self, town: TownId, request: &WitnessRequest) -> Option<WitnessReply> {
        exchange(&self.peer, town, request).await
    }

    fn cosigned(
        &self,
        checkpoint: &SignedCheckpoint,
        town: TownId,
        key: PublicKey,
        lines: &str,
    ) -> Outcome {
        let witness = witness_key_of(town, key);
        let of_key = |line: &NoteSignature| {
            line.claims(&witness)
                && checkpoint
                    .with_signature(line)
                    .is_ok_and(|signed| cosigned_at(&signed, &witness).is_ok())
        };
        match lines_of(lines).into_iter().find(of_key) {
            Some(line) => Outcome::Cosigned(line),
            None => {
                tracing::warn!(%town, "the witness's cosignature is not of its key");
                Outcome::Nothing
            }
        }
    }
}

/// Asks a town about checkpoints; none if it does not answer so.
pub(super) async fn exchange(
    peer: &PeerHandle,
    town: TownId,
    request: &WitnessRequest,
) -> Option<WitnessReply> {
    let bytes = codec::encode(request);
    match peer.request(Party::Town(town), Protocol::Witness, bytes).await {
        Ok(reply) => codec::decode(&reply).ok(),
        Err(error) => {
            tracing::debug!(%town, %error, "not asked about a checkpoint");
            None
        }
    }
}

/// Adds a line to what is served, which is of this checkpoint or of an older one.
fn add_line(
    cosigned: &watch::Sender<Option<Arc<str>>>,
    checkpoint: &SignedCheckpoint,
    line: &NoteSignature,
) {
    cosigned.send_modify(|served| {
        let same = served.as_ref().and_then(|note| SignedCheckpoint::parse(note.as_bytes()).ok());
        let same = same.filter(|served| served.claimed() == checkpoint.claimed());
        let base = same.unwrap_or_else(|| checkpoint.clone());
        if let Ok(with) = base.with_signature(line) {
            *served = Some(with.to_string().into());
        }
    });
}
