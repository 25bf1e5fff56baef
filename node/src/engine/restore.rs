//! The state that a journal makes: every entry decided again, every signed root compared.

use jichi_protocol::{
    codec,
    command::Command,
    entry::StoredEntry,
    id::EntryIndex,
    ledger::Ledger,
    log::{
        checkpoint::SignedCheckpoint,
        tree::{Tree, leaf_hash},
    },
    replay::{Finding, Replay, Signatures},
};

use super::start::StartError;

/// The state that the journal makes.
#[derive(Debug)]
pub struct Restored {
    /// The ledger.
    pub ledger: Ledger,
    /// The log's tree.
    pub tree: Tree,
    /// The newest checkpoint.
    pub checkpoint: SignedCheckpoint,
    /// The entry behind the last state hash.
    pub hashed_at: EntryIndex,
}

/// A journal that is read frame by frame.
#[derive(Debug)]
pub struct Restoring {
    replay: Option<Replay>,
    tree: Tree,
    /// Where a snapshot stands that the next entry has to confirm.
    unconfirmed: Option<EntryIndex>,
    next: EntryIndex,
    hashed_at: EntryIndex,
    checkpoint: Option<SignedCheckpoint>,
}

impl Restoring {
    /// From the first entry.
    #[must_use]
    pub fn begin() -> Self {
        Self {
            replay: None,
            tree: Tree::default(),
            unconfirmed: None,
            next: EntryIndex(0),
            hashed_at: EntryIndex(0),
            checkpoint: None,
        }
    }

    /// From a snapshot in front of the entry `from`, which has to confirm its hash.
    #[must_use]
    pub const fn resume(ledger: Ledger, tree: Tree, from: EntryIndex) -> Self {
        Self {
            replay: Some(Replay::resume(ledger)),
            tree,
            unconfirmed: Some(from),
            next: from,
            hashed_at: from,
            checkpoint: None,
        }
    }

    /// Takes a frame, of which entries before the one that comes next are skipped.
    ///
    /// # Errors
    /// [`StartError`], and then nothing may be served from this journal.
    pub fn frame<'a>(
        &mut self,
        first: EntryIndex,
        entries: impl Iterator<Item = &'a [u8]>,
        checkpoint: &[u8],
    ) -> Result<(), StartError> {
        let skipped = self.next.0.saturating_sub(first.0);
        for bytes in entries.skip(usize::try_from(skipped).unwrap_or(usize::MAX)) {
            self.entry(bytes)?;
        }
        let signed = SignedCheckpoint::parse(checkpoint)?;
        if signed.claimed().root != self.tree.root() || signed.claimed().size != self.tree.size() {
            return Err(StartError::OtherRoot(self.next));
        }
        self.checkpoint = Some(signed);
        Ok(())
    }

    fn entry(&mut self, bytes: &[u8]) -> Result<(), StartError> {
        let index = self.next;
        let fault = |finding| StartError::Entry { index, finding };
        let entry = match &mut self.replay {
            Some(replay) => replay.step(bytes, Signatures::OwnJournal).map_err(fault)?,
            None => {
                let (begun, entry) = Replay::begin(bytes).map_err(fault)?;
                self.replay = Some(begun);
                entry
            }
        };
        let hashes = matches!(entry.submission.command, Command::HashState(..));
        if self.unconfirmed.take() == Some(index) && !hashes {
            // The journal does not say what the state was here.
            return Err(fault(Finding::NoEntry));
        }
        let stored: StoredEntry =
            codec::decode(bytes).map_err(|malformed| fault(Finding::Malformed(malformed)))?;
        self.tree.push(leaf_hash(&stored.leaf()));
        self.next = index.next();
        if hashes {
            self.hashed_at = self.next;
        }
        Ok(())
    }

    /// The entry that comes next.
    #[must_use]
    pub const fn next(&self) -> EntryIndex {
        self.next
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`StartError::Empty`] if there was no entry.
    pub fn end(self) -> Result<Restored, StartError> {
        let (Some(replay), Some(checkpoint)) = (self.replay, self.checkpoint) else {
            return Err(StartError::Empty);
        };
        let (tree, hashed_at) = (self.tree, self.hashed_at);
        Ok(Restored { ledger: replay.into_ledger(), tree, checkpoint, hashed_at })
    }
}
