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
use tokio::sync::{oneshot, watch};

use super::{Members, lists};
use crate::{
    clock,
    config::Settings,
    documents::{
        desk::DocumentDesk,
        list::{
            book::{Lists, NotOffered},
            store::{ListFault, ListStore, NotPut},
        },
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
/// The folder of the public lists in the data folder.
const LISTS_FOLDER: &str = "documents/lists";
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
    #[error(transparent)]
    NotOffered(#[from] Box<NotOffered>),
    #[error(transparent)]
    List(#[from] Box<ListFault>),
    #[error(transparent)]
    NotPut(#[from] Box<NotPut>),
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
    lists: Lists,
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
        let lists = Lists::new(ListStore::open(&settings.data.join(LISTS_FOLDER))?);
        let parts = Parts { root: settings.root.clone(), held, lists, members };
        Ok((Self(Arc::new(parts)), watching))
    }

    /// The public lists of towns.
    pub(super) fn lists(&self) -> &Lists {
        &self.0.lists
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // Nothing unwinds while it holds the lock, and what is behind it is whole in any case.
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a peer's request about the directory or a public list.
    pub(super) async fn answer(&self, from: Party, bytes: &[u8]) -> Option<Vec<u8>> {
        let request = DocumentRequest::decode(bytes).ok()?;
        let peer = self.0.members.borrow().member(from)?.transport.clone();
        let shelf = self.clone();
        // Documents are read from the disk and put together there.
        let answered = tokio::task::spawn_blocking(move || {
            if let DocumentRequest::BeginList { list, .. } = &request {
                // Before the lock: others are answered meanwhile.
                let _ = shelf.0.lists.edition(*list);
            }
            let mut held = shelf.held();
            let Held { store, desk } = &mut *held;
            desk.answer((store, &shelf.0.lists), &peer, &request, clock::now()).encode()
        });
        answered.await.ok()
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
            DocumentReply::Sync(_)
            | DocumentReply::Refused(_)
            | DocumentReply::Lists(_)
            | DocumentReply::List(_) => return Err(NotSynced::OtherReply),
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
                | DocumentReply::Refused(_)
                | DocumentReply::Lists(_)
                | DocumentReply::List(_) => return Err(NotSynced::OtherReply),
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

pub(super) async fn exchange(
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

impl NotSynced {
    /// Who is not reached is no fault: it is asked again.
    fn tell(&self, party: Party, what: &'static str) {
        match self {
            Self::Request(_) => tracing::debug!(%party, error = %self, "not asked"),
            Self::Wire(_)
            | Self::NotBegun(_)
            | Self::Sync(_)
            | Self::OtherReply
            | Self::NotTaken(_)
            | Self::Refused(_)
            | Self::Store(_)
            | Self::NotOffered(_)
            | Self::List(_)
            | Self::NotPut(_) => tracing::warn!(%party, error = %self, "{what}"),
        }
    }
}

/// Asks peers now and then, until the node stops. Says when the first were asked.
pub(super) async fn keep_in_sync(
    shelf: Shelf,
    peer: PeerHandle,
    taker: Taker,
    (me, asked): (Party, oneshot::Sender<()>),
    mut stop: watch::Receiver<bool>,
) {
    let mut asked = Some(asked);
    loop {
        let members = Arc::clone(&shelf.0.members.borrow());
        let others = members.members().iter().map(|member| member.who).filter(|who| *who != me);
        let random = || getrandom::u64().unwrap_or_default();
        for party in drawn(others.collect(), SYNC_PEERS_MAX, random) {
            if let Err(error) = shelf.sync_with(&peer, party, &taker).await {
                error.tell(party, "the peer's directory was not taken");
            }
            let now = Arc::clone(&shelf.0.members.borrow());
            if let Err(error) = lists::sync_with(shelf.lists(), (&peer, party), &now).await {
                error.tell(party, "the peer's public lists were not taken");
            }
        }
        if let Some(asked) = asked.take() {
            // A coordinator has no lists of its own that wait for it.
            let _ = asked.send(());
        }
        let stopping = stop.wait_for(|stop| *stop);
        if tokio::time::timeout(SYNC_EVERY, stopping).await.is_ok() {
            return;
        }
    }
}

/// At most so many of them, by lot.
pub(super) fn drawn<T>(mut all: Vec<T>, most: usize, mut random: impl FnMut() -> u64) -> Vec<T> {
    let count = all.len();
    if count <= most {
        return all;
    }
    for place in 0..most {
        let left = u64::try_from(count.saturating_sub(place)).unwrap_or(u64::MAX);
        let step = random().checked_rem(left).and_then(|step| usize::try_from(step).ok());
        all.swap(place, place.saturating_add(step.unwrap_or(0)));
    }
    all.truncate(most);
    all
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn few_peers_are_all_asked_and_of_many_each_has_its_turn() {
        let few: Vec<usize> = (0..SYNC_PEERS_MAX).collect();
        assert_eq!(drawn(few.clone(), SYNC_PEERS_MAX, || panic!("nothing to draw")), few);
        let mut state = 1_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state >> 16
        };
        let mut asked = BTreeSet::new();
        for _ in 0..8_000 {
            let some = drawn((0..1_741).collect(), SYNC_PEERS_MAX, &mut random);
            assert_eq!(some.iter().collect::<BTreeSet<_>>().len(), SYNC_PEERS_MAX);
            asked.extend(some);
        }
        assert_eq!(asked.len(), 1_741);
    }
}
