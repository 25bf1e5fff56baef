//! Bringing a newer document over, by automerge's sync protocol. No IO: messages in and out.
//!
//! The asking side collects changes beside a copy, and takes them only once all that the signed
//! heads need is there. The answering side takes no change from anybody.

use std::{collections::VecDeque, mem};

use automerge::{
    Automerge, Change, ChangeHash,
    sync::{ChunkList, Have, Message, MessageVersion, State, SyncDoc as _},
};
use jichi_protocol::{
    date::Time,
    directory::{DirectoryRoot, Head, Heads, NotAuthorized, SignedStatement, Taking, take},
    public_list::SignedListStatement,
};

use super::{
    history::{Bounds, History, HistoryFault, leb128},
    list::store::{ListEdition, ListFault},
    store::{DocumentStore, Edition, EditionFault, ForkProof},
};

/// Most bytes of a message.
pub const MESSAGE_BYTES_MAX: usize = 120 * 1024;
/// Most bytes of changes in a message.
pub const CHANGES_BYTES_A_MESSAGE: usize = 100 * 1024;
/// Most messages of a session, each way.
pub const ROUNDS_MAX: u32 = 256;
/// Most messages in a row that bring nothing new.
pub const IDLE_ROUNDS_MAX: u32 = 2;
/// Most hashes that one message asks for.
pub const NEED_MAX: usize = 1_024;
/// Most summaries of what the asking side has; automerge sends one.
const HAVE_MAX: usize = 4;
/// The filter that automerge makes (its BITS_PER_ENTRY and NUM_PROBES). Another one could make a
/// look-up take as long as its sender wants.
const BLOOM: (u64, u64) = (10, 7);

/// Why a session ends without a document. The peer is to blame; the copy is dropped.
#[derive(Debug, thiserror::Error)]
pub enum SyncFault {
    /// A message over [`MESSAGE_BYTES_MAX`].
    #[error("the peer sent a message of over 120 KiB")]
    TooLarge,
    /// No message of automerge's form, or not of the part that is spoken here.
    #[error("the peer sent no sync message; ask another one")]
    Malformed,
    /// Changes that cannot be taken, whoever signed them.
    #[error(transparent)]
    History(#[from] HistoryFault),
    /// The peer has not, or does not send, what the statement that it offered is about.
    #[error("the peer does not send the document of its statement; ask another one")]
    Withheld,
    /// Over [`ROUNDS_MAX`] messages.
    #[error("the peer does not come to an end; ask another one")]
    TooManyRounds,
    /// The peer sent changes, but this side answers only.
    #[error("the peer sent changes; only the author changes a shared document")]
    Unasked,
    /// The whole document is there, and is not what was signed or no directory.
    #[error(transparent)]
    Edition(#[from] EditionFault),
    /// The whole document is there, and is not what was signed or no list.
    #[error(transparent)]
    List(#[from] ListFault),
}

/// Why a statement's document is not asked for.
#[derive(Debug, thiserror::Error)]
pub enum NotBegun {
    /// The statement does not count.
    #[error(transparent)]
    NotAuthorized(#[from] NotAuthorized),
    /// We hold it.
    #[error("the same version is held")]
    Same,
    /// We hold a newer one.
    #[error("a newer version is held")]
    Older,
    /// Its validity is over; the author has to issue it again.
    #[error("the statement's validity is over; its author has to issue the document again")]
    Expired,
    /// It is issued in the future.
    #[error("the statement is issued in the future; look at this machine's clock")]
    NotYet,
    /// The author signed two documents of one version: keep the proof, which freezes the store.
    #[error("the author signed two documents of one version; nothing more is taken")]
    Fork(Box<ForkProof>),
    /// A proof of a fork is kept.
    #[error("the author once signed two documents of one version; see the proof file")]
    Frozen,
}

/// How far a session is.
#[derive(Debug)]
pub enum Progress<T> {
    /// Send [`SyncSession::next_message`].
    More,
    /// The document is here, and is what was signed.
    Done(Box<T>),
}

/// The asking side for the directory.
#[derive(Debug)]
pub struct SyncSession {
    statement: SignedStatement,
    gathering: Gathering,
}

impl SyncSession {
    /// Begins to ask for the document of a statement that a peer offers.
    ///
    /// # Errors
    /// [`NotBegun`].
    pub fn begin(
        store: &DocumentStore,
        offered: SignedStatement,
        root: &DirectoryRoot,
        now: Time,
    ) -> Result<Self, NotBegun> {
        offered.verify(root)?;
        if store.is_frozen() {
            return Err(NotBegun::Frozen);
        }
        let current = store.statement();
        match take(current.map(SignedStatement::statement), offered.statement(), now) {
            Taking::New => {}
            Taking::Same => return Err(NotBegun::Same),
            Taking::Older => return Err(NotBegun::Older),
            Taking::Expired => return Err(NotBegun::Expired),
            Taking::NotYet => return Err(NotBegun::NotYet),
            Taking::Fork => {
                let held = current.cloned().unwrap_or_else(|| offered.clone());
                return Err(NotBegun::Fork(Box::new(ForkProof { held, offered })));
            }
        }
        let held = store.held();
        let held = held.map(|held| (held.document().automerge(), held.history()));
        let heads = offered.statement().heads.clone();
        Ok(Self { statement: offered, gathering: Gathering::new(held, heads, Bounds::DIRECTORY) })
    }

    /// The next message to the peer; none while one is unanswered.
    #[must_use]
    pub fn next_message(&mut self) -> Option<Vec<u8>> {
        self.gathering.next_message()
    }

    /// Takes the peer's answer; none means that it has nothing more to say.
    ///
    /// # Errors
    /// [`SyncFault`]; drop the session.
    pub fn receive(&mut self, answer: Option<&[u8]>) -> Result<Progress<Edition>, SyncFault> {
        match self.gathering.receive(answer)? {
            None => Ok(Progress::More),
            Some(history) => {
                let edition = Edition::new(history, self.statement.clone())?;
                Ok(Progress::Done(Box::new(edition)))
            }
        }
    }
}

/// The asking side for a town's public list, whose statement was checked.
#[derive(Debug)]
pub struct ListSession {
    statement: SignedListStatement,
    gathering: Gathering,
}

impl ListSession {
    /// Begins to ask for the document of a statement that is to be taken.
    #[must_use]
    pub fn begin(held: Option<&ListEdition>, statement: SignedListStatement) -> Self {
        let held = held.map(|held| (held.document().automerge(), held.history()));
        let heads = statement.statement().heads.clone();
        Self { statement, gathering: Gathering::new(held, heads, Bounds::LIST) }
    }

    /// The next message to the peer; none while one is unanswered.
    #[must_use]
    pub fn next_message(&mut self) -> Option<Vec<u8>> {
        self.gathering.next_message()
    }

    /// Takes the peer's answer; none means that it has nothing more to say.
    ///
    /// # Errors
    /// [`SyncFault`]; drop the session.
    pub fn receive(&mut self, answer: Option<&[u8]>) -> Result<Progress<ListEdition>, SyncFault> {
        match self.gathering.receive(answer)? {
            None => Ok(Progress::More),
            Some(history) => {
                let edition = ListEdition::new(history, self.statement.clone())?;
                Ok(Progress::Done(Box::new(edition)))
            }
        }
    }

    /// Whether the history that is held has all that was signed already: the same document, signed
    /// again.
    ///
    /// # Errors
    /// [`ListFault`].
    pub fn at_once(&self) -> Result<Option<ListEdition>, ListFault> {
        if !self.gathering.is_whole() {
            return Ok(None);
        }
        ListEdition::new(&self.gathering.history, self.statement.clone()).map(Some)
    }
}

/// Changes that are collected beside a copy, until the history up to some heads is whole.
#[derive(Debug)]
struct Gathering {
    heads: Heads,
    bounds: Bounds,
    copy: Automerge,
    history: History,
    state: State,
    rounds: u32,
    idle: u32,
}

impl Gathering {
    fn new(held: Option<(&Automerge, &History)>, heads: Heads, bounds: Bounds) -> Self {
        Self {
            heads,
            bounds: bounds.of_two(),
            copy: held.map_or_else(Automerge::new, |(doc, _)| doc.clone()),
            history: held.map(|(_, history)| history.clone()).unwrap_or_default(),
            state: State::new(),
            rounds: 0,
            idle: 0,
        }
    }

    fn is_whole(&self) -> bool {
        self.history.missing(&self.heads).is_empty()
    }

    fn next_message(&mut self) -> Option<Vec<u8>> {
        if self.state.in_flight {
            return None;
        }
        let generated = self.copy.generate_sync_message(&mut self.state);
        let mut message = generated.unwrap_or_else(|| plain_message(&self.copy));
        self.state.in_flight = true;
        // Without flags a peer sends changes one by one and no whole document, whose columns are
        // compressed. The heads are known from the statement, so they are asked for by name, and
        // so is whatever they turned out to need.
        message.flags = None;
        let missing = self.history.missing(&self.heads);
        message.need =
            missing.into_iter().take(NEED_MAX).map(|Head(hash)| ChangeHash(hash)).collect();
        Some(message.encode())
    }

    /// The history, once it is whole.
    fn receive(&mut self, answer: Option<&[u8]>) -> Result<Option<&History>, SyncFault> {
        self.rounds = self.rounds.saturating_add(1);
        if self.rounds > ROUNDS_MAX {
            return Err(SyncFault::TooManyRounds);
        }
        let mut message = decode(answer.ok_or(SyncFault::Withheld)?)?;
        let changes = mem::replace(&mut message.changes, ChunkList::empty());
        let mut brought = false;
        for change in changes.iter() {
            brought |= self.history.add(change)?.is_some();
        }
        if !self.history.fits(self.bounds) {
            return Err(HistoryFault::TooLarge.into());
        }
        // What the peer has or needs is of no interest: it gets nothing from here.
        message.have = Vec::new();
        message.need = Vec::new();
        message.flags = None;
        self.copy
            .receive_sync_message(&mut self.state, message)
            .map_err(|_| SyncFault::Malformed)?;
        if self.is_whole() {
            return Ok(Some(&self.history));
        }
        self.idle = if brought { 0 } else { self.idle.saturating_add(1) };
        if self.idle > IDLE_ROUNDS_MAX { Err(SyncFault::Withheld) } else { Ok(None) }
    }
}

/// The answering side: one session of one peer, over the document that was held at its begin.
#[derive(Debug)]
pub struct SyncAnswer {
    doc: Automerge,
    state: State,
    /// Changes that did not fit into a message.
    pending: VecDeque<Vec<u8>>,
    rounds: u32,
}

impl SyncAnswer {
    /// Begins to answer over the directory.
    #[must_use]
    pub fn begin(held: &Edition) -> Self {
        Self::over(held.document().automerge())
    }

    /// Begins to answer over a public list.
    #[must_use]
    pub fn of_list(held: &ListEdition) -> Self {
        Self::over(held.document().automerge())
    }

    pub(super) fn over(doc: &Automerge) -> Self {
        Self {
            doc: doc.clone(),
            state: State::new_read_only(),
            pending: VecDeque::new(),
            rounds: 0,
        }
    }

    /// Answers a message; none if there is nothing more to say.
    ///
    /// # Errors
    /// [`SyncFault`]; drop the session.
    pub fn answer(&mut self, message: &[u8]) -> Result<Option<Vec<u8>>, SyncFault> {
        self.rounds = self.rounds.saturating_add(1);
        if self.rounds > ROUNDS_MAX {
            return Err(SyncFault::TooManyRounds);
        }
        let mut message = decode(message)?;
        if !message.changes.is_empty() {
            return Err(SyncFault::Unasked);
        }
        if message.have.len() > HAVE_MAX || !message.have.iter().all(usual_filter) {
            return Err(SyncFault::Malformed);
        }
        message.flags = None;
        self.doc
            .receive_sync_message(&mut self.state, message)
            .map_err(|_| SyncFault::Malformed)?;
        if !self.pending.is_empty() {
            let mut next = plain_message(&self.doc);
            next.changes = self.next_changes();
            return Ok(Some(next.encode()));
        }
        let Some(mut next) = self.doc.generate_sync_message(&mut self.state) else {
            return Ok(None);
        };
        for change in mem::replace(&mut next.changes, ChunkList::empty()).iter() {
            // Automerge compresses a larger change; what is asked for travels plain.
            let change = Change::from_bytes(change.to_vec()).map_err(|_| SyncFault::Malformed)?;
            self.pending.push_back(change.raw_bytes().to_vec());
        }
        next.changes = self.next_changes();
        Ok(Some(next.encode()))
    }

    fn next_changes(&mut self) -> ChunkList {
        let mut changes: Vec<Vec<u8>> = Vec::new();
        let mut bytes = 0_usize;
        while let Some(change) = self.pending.pop_front() {
            bytes = bytes.saturating_add(change.len());
            if bytes > CHANGES_BYTES_A_MESSAGE && !changes.is_empty() {
                self.pending.push_front(change);
                break;
            }
            changes.push(change);
        }
        changes.into()
    }
}

fn decode(message: &[u8]) -> Result<Message, SyncFault> {
    if message.len() > MESSAGE_BYTES_MAX {
        return Err(SyncFault::TooLarge);
    }
    Message::decode(message).map_err(|_| SyncFault::Malformed)
}

/// A message that says only where the history ends.
fn plain_message(doc: &Automerge) -> Message {
    Message {
        heads: doc.get_heads(),
        need: Vec::new(),
        have: Vec::new(),
        changes: ChunkList::empty(),
        flags: None,
        version: MessageVersion::V1,
    }
}

/// Whether a summary is empty, or of the shape that automerge makes.
fn usual_filter(have: &Have) -> bool {
    let bytes = have.bloom.to_bytes();
    let shape = || {
        let (_, rest) = leb128(&bytes)?;
        let (bits, rest) = leb128(rest)?;
        let (probes, _) = leb128(rest)?;
        Some((bits, probes))
    };
    bytes.is_empty() || shape() == Some(BLOOM)
}

#[cfg(test)]
mod tests;
