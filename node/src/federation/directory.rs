//! The directory at work: held on disk, taken into the journal, brought up to date from peers.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jichi_protocol::{
    command::{Command, DirectoryPart, Nothing},
    directory::{
        Directory, DirectoryFault, DirectoryRoot, DirectoryVersion, DocumentName, NotAuthorized,
        Party, SignedStatement,
    },
    entry::{Outcome, Submission},
    refusal::Refusal,
};
use tokio::sync::watch;

use super::Members;
use crate::{
    clock,
    config::Settings,
    documents::{
        desk::DocumentDesk,
        store::{DocumentStore, Edition, StoreFault},
        sync::{NotBegun, Progress, SyncFault, SyncSession},
        wire::{DocumentReply, DocumentRequest, SessionNumber, WireFault},
    },
    engine::{Answer, Engine, NotTaken},
    peer::{PeerHandle, Protocol, RequestError},
};

/// How often peers are asked for the version that they hold.
pub const SYNC_EVERY: Duration = Duration::from_secs(3);
/// Peers that are asked each time. Of more of them so many are drawn, each time anew: a version
/// still gets around in some rounds, and a node's questions and connections do not grow with the
/// federation (`jichi-sim scale`).
pub const SYNC_PEERS_MAX: usize = 4;
/// Members that one entry takes: 24 of the largest stay below the size of an entry.
const PART_MEMBERS_MAX: usize = 24;

/// Why the directory on disk cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// The files.
    #[error(transparent)]
    Store(#[from] StoreFault),
    /// The pinned root did not sign it.
    #[error("the directory in the data folder: {0}")]
    NotAuthorized(#[from] NotAuthorized),
    /// An empty directory cannot be made.
    #[error(transparent)]
    Empty(#[from] DirectoryFault),
}

/// Why a peer's newer version was not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotSynced {
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error(transparent)]
    Wire(#[from] WireFault),
    #[error(transparent)]
    NotBegun(#[from] NotBegun),
    #[error(transparent)]
    Sync(#[from] SyncFault),
    #[error("the peer answers something else than it was asked")]
    OtherReply,
    #[error("the journal does not take it: {0}")]
    NotTaken(#[from] NotTaken),
    #[error("the journal refuses it: {}", .0.code())]
    Refused(Refusal),
    #[error(transparent)]
    Store(#[from] StoreFault),
}

/// Who has to take a version before it counts.
pub(super) enum Taker {
    /// A town: its journal.
    Town(Engine),
    /// The coordinator decides nothing about money and has no journal.
    Coordinator,
}

/// The directory of this node. Cheap to clone.
#[derive(Clone)]
pub(super) struct Shelf(Arc<Parts>);

struct Parts {
    root: DirectoryRoot,
    held: Mutex<Held>,
    members: watch::Sender<Arc<Directory>>,
}

struct Held {
    store: DocumentStore,
    desk: DocumentDesk,
}

impl Shelf {
    /// Opens what is on disk; the pinned root must have signed it.
    pub(super) fn open(settings: &Settings) -> Result<(Self, Members), DirectoryError> {
        let store = DocumentStore::open(&settings.data.join("documents"))?;
        if let Some(statement) = store.statement() {
            statement.verify(&settings.root)?;
        }
        let directory = match store.directory() {
            Some(directory) => directory.clone(),
            None => {
                let now = clock::now();
                Directory::new(DirectoryVersion(1), now, now.later_by_ms(1), Vec::new())?
            }
        };
        let (members, watching) = watch::channel(Arc::new(directory));
        let held = Mutex::new(Held { store, desk: DocumentDesk::default() });
        Ok((Self(Arc::new(Parts { root: settings.root.clone(), held, members })), watching))
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // Nothing unwinds while it holds the lock, and what is behind it is whole in any case.
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a peer's request about the directory.
    pub(super) fn answer(&self, from: Party, bytes: &[u8]) -> Option<Vec<u8>> {
        let request = DocumentRequest::decode(bytes).ok()?;
        let peer = self.0.members.borrow().member(from)?.transport.clone();
        let mut held = self.held();
        let Held { store, desk } = &mut *held;
        Some(desk.answer(store, &peer, &request).encode())
    }

    /// Gives the journal what is on disk, if it is newer.
    pub(super) async fn take_held(&self, taker: &Taker) {
        let held = self.held().store.held().cloned();
        if let Some(edition) = held
            && let Err(error) = taker.take(&edition).await
        {
            tracing::error!(%error, "the directory on disk is not in the journal");
        }
    }

    /// Asks one peer for its version, and takes it if it is newer.
    pub(super) async fn sync_with(
        &self,
        peer: &PeerHandle,
        party: Party,
        taker: &Taker,
    ) -> Result<(), NotSynced> {
        let ask = DocumentRequest::AskStatement(DocumentName::Directory);
        let offered = match exchange(peer, party, &ask).await? {
            DocumentReply::Statement(offered) => offered,
            DocumentReply::Nothing => return Ok(()),
            DocumentReply::Sync(_) | DocumentReply::Refused(_) => {
                return Err(NotSynced::OtherReply);
            }
        };
        let Some(mut session) = self.begin(offered)? else { return Ok(()) };
        let number = SessionNumber(clock::now().0);
        let document = DocumentName::Directory;
        let mut first = true;
        let edition = loop {
            let Some(message) = session.next_message() else { return Err(NotSynced::OtherReply) };
            let message = message.into();
            let request = if first {
                DocumentRequest::BeginSync { document, session: number, message }
            } else {
                DocumentRequest::ContinueSync { session: number, message }
            };
            first = false;
            let answer = match exchange(peer, party, &request).await? {
                DocumentReply::Sync(answer) => answer,
                DocumentReply::Nothing
                | DocumentReply::Statement(_)
                | DocumentReply::Refused(_) => return Err(NotSynced::OtherReply),
            };
            match session.receive(answer.as_ref().map(|bytes| bytes.as_slice()))? {
                Progress::More => {}
                Progress::Done(edition) => break edition,
            }
        };
        // The journal first: a crash here leaves the older version on disk, and the peer offers
        // the newer one again.
        taker.take(&edition).await?;
        let directory = Arc::new(edition.directory().clone());
        self.held().store.put(*edition)?;
        tracing::info!(version = %directory.version(), from = %party, "a newer directory was taken");
        self.0.members.send_replace(directory);
        Ok(())
    }

    /// A session for what a peer offers, if it is newer than what is held.
    fn begin(&self, offered: SignedStatement) -> Result<Option<SyncSession>, NotSynced> {
        let held = self.held();
        match SyncSession::begin(&held.store, offered, &self.0.root, clock::now()) {
            Ok(session) => Ok(Some(session)),
            Err(NotBegun::Same | NotBegun::Older) => Ok(None),
            Err(NotBegun::Fork(proof)) => {
                held.store.keep_proof(&proof)?;
                Err(NotBegun::Fork(proof).into())
            }
            Err(
                other @ (NotBegun::NotAuthorized(_)
                | NotBegun::Expired
                | NotBegun::NotYet
                | NotBegun::Frozen),
            ) => Err(other.into()),
        }
    }
}

async fn exchange(
    peer: &PeerHandle,
    party: Party,
    request: &DocumentRequest,
) -> Result<DocumentReply, NotSynced> {
    let reply = peer.request(party, Protocol::Document, request.encode()).await?;
    Ok(DocumentReply::decode(&reply)?)
}

impl Taker {
    /// Writes a version down, in parts; what is not newer is taken already.
    async fn take(&self, edition: &Edition) -> Result<(), NotSynced> {
        let Self::Town(engine) = self else { return Ok(()) };
        let directory = edition.directory();
        let known = engine.read(|ledger| ledger.meta().directory).await?;
        if known >= directory.version() {
            return Ok(());
        }
        let parts: Vec<_> = directory.members().chunks(PART_MEMBERS_MAX).collect();
        let count = u16::try_from(parts.len()).unwrap_or(u16::MAX);
        for (number, members) in (0..count).zip(parts) {
            let part = DirectoryPart {
                statement: edition.statement().clone(),
                part: number,
                parts: count,
                members: members.to_vec(),
            };
            let command = Command::TakeDirectory(part, Nothing {});
            let submission = Submission { key: None, command, evidence: None };
            match engine.submit(submission).await? {
                Answer::Entry(committed) => {
                    if let Outcome::Refused(refusal) = committed.entry.outcome {
                        return Err(NotSynced::Refused(refusal));
                    }
                }
                Answer::Heard => return Err(NotSynced::OtherReply),
                Answer::Rejected(refusal) => return Err(NotSynced::Refused(refusal)),
            }
        }
        Ok(())
    }
}

/// Asks peers now and then, until the node stops.
pub(super) async fn keep_in_sync(
    shelf: Shelf,
    peer: PeerHandle,
    taker: Taker,
    me: Party,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        let members = Arc::clone(&shelf.0.members.borrow());
        let others = members.members().iter().map(|member| member.who).filter(|who| *who != me);
        for party in drawn(others.collect(), || getrandom::u64().unwrap_or_default()) {
            if let Err(error) = shelf.sync_with(&peer, party, &taker).await {
                match &error {
                    NotSynced::Request(_) => tracing::debug!(%party, %error, "not asked"),
                    NotSynced::Wire(_)
                    | NotSynced::NotBegun(_)
                    | NotSynced::Sync(_)
                    | NotSynced::OtherReply
                    | NotSynced::NotTaken(_)
                    | NotSynced::Refused(_)
                    | NotSynced::Store(_) => {
                        tracing::warn!(%party, %error, "the peer's directory was not taken");
                    }
                }
            }
        }
        let stopping = stop.wait_for(|stop| *stop);
        if tokio::time::timeout(SYNC_EVERY, stopping).await.is_ok() {
            return;
        }
    }
}

/// At most [`SYNC_PEERS_MAX`] of them, by lot.
fn drawn<T>(mut all: Vec<T>, mut random: impl FnMut() -> u64) -> Vec<T> {
    let count = all.len();
    if count <= SYNC_PEERS_MAX {
        return all;
    }
    for place in 0..SYNC_PEERS_MAX {
        let left = u64::try_from(count.saturating_sub(place)).unwrap_or(u64::MAX);
        let step = random().checked_rem(left).and_then(|step| usize::try_from(step).ok());
        all.swap(place, place.saturating_add(step.unwrap_or(0)));
    }
    all.truncate(SYNC_PEERS_MAX);
    all
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn few_peers_are_all_asked_and_of_many_each_has_its_turn() {
        let few: Vec<usize> = (0..SYNC_PEERS_MAX).collect();
        assert_eq!(drawn(few.clone(), || panic!("nothing to draw")), few);
        let mut state = 1_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state >> 16
        };
        let mut asked = BTreeSet::new();
        for _ in 0..8_000 {
            let some = drawn((0..1_741).collect(), &mut random);
            assert_eq!(some.iter().collect::<BTreeSet<_>>().len(), SYNC_PEERS_MAX);
            asked.extend(some);
        }
        assert_eq!(asked.len(), 1_741);
    }
}
