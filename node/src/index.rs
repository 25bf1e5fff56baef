//! The index: look-ups that the journal can always give again. Kept in sled, whose flush is no
//! fsync on Linux, so no answer rests on it: it only says at which entries to look.

use std::{io, path::Path, sync::Arc};

use jichi_protocol::{
    entry::Entry,
    envelope::Acked,
    id::{AccountId, ChannelNumber, CompanyId, EntryIndex, LinkId, MerchantId, TownId},
    key::{ClientKey, OperationKey},
};
use tokio::sync::{broadcast::error::RecvError, watch};

use crate::{
    engine::{Engine, concerned},
    journal::damage::ReadError,
};

/// Entries of a history page at most.
pub const PAGE_MAX: usize = 100;
const INDEXED: &[u8] = b"indexed/3";

/// Why the index is of no use. Deleting its folder costs a rebuild and nothing else.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The database.
    #[error("the index cannot be used ({0}): delete the folder `index` and start again")]
    Database(#[from] sled::Error),
    /// The journal that it is made from.
    #[error(transparent)]
    Journal(#[from] ReadError),
    /// The folder.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The index of one node. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Index {
    entries: sled::Tree,
    keys: sled::Tree,
    /// Whose a company's link is: a conversion names the link alone.
    links: sled::Tree,
    /// The entries that sent or took a message, by town and place.
    messages: sled::Tree,
    indexed: Arc<watch::Sender<u64>>,
}

impl Index {
    /// Opens the index, and brings it up to what is durable.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn open(dir: &Path, engine: &Engine) -> Result<Self, IndexError> {
        let database = sled::Config::new().path(dir).cache_capacity(32 << 20).open()?;
        let (entries, keys) = (database.open_tree("entries")?, database.open_tree("keys")?);
        let links = database.open_tree("links")?;
        let messages = database.open_tree("messages")?;
        let mut indexed = keys.get(INDEXED)?.and_then(|bytes| number(&bytes)).unwrap_or(0);
        if indexed > engine.durable().0 {
            // The index is of another journal, or of one that was longer: it is made anew.
            entries.clear()?;
            keys.clear()?;
            links.clear()?;
            messages.clear()?;
            indexed = 0;
        }
        let indexed = Arc::new(watch::Sender::new(indexed));
        let index = Self { entries, keys, links, messages, indexed };
        index.catch_up(engine)?;
        Ok(index)
    }

    /// Follows what becomes durable until the node stops.
    pub async fn follow(self, engine: Engine) -> Result<(), IndexError> {
        let mut news = engine.news();
        // What became durable between the opening and the subscription.
        self.catch_up(&engine)?;
        loop {
            match news.recv().await {
                Ok(durable) => {
                    let entry = &durable.committed.entry;
                    if entry.index.0 >= *self.indexed.borrow() {
                        self.note(entry)?;
                    }
                }
                Err(RecvError::Lagged(_)) => self.catch_up(&engine)?,
                Err(RecvError::Closed) => return Ok(()),
            }
        }
    }

    /// Reads from the journal what is not indexed yet.
    fn catch_up(&self, engine: &Engine) -> Result<(), IndexError> {
        let from = EntryIndex(*self.indexed.borrow());
        if from >= engine.durable() {
            return Ok(());
        }
        let behind = engine.durable().0.saturating_sub(from.0);
        if behind > 10_000 {
            tracing::info!(behind, "the index is rebuilt from the journal");
        }
        for frame in engine.reader().frames(from) {
            let frame = frame?;
            for bytes in frame.entries() {
                // The engine replayed this journal: its entries can be read.
                let Ok(entry) = Entry::parse(bytes) else { continue };
                if entry.index.0 >= *self.indexed.borrow() {
                    self.note(&entry)?;
                }
            }
        }
        Ok(())
    }

    fn note(&self, entry: &Entry) -> Result<(), IndexError> {
        let mut batch = sled::Batch::default();
        for account in concerned(entry).into_iter().chain(self.converter(entry)?) {
            batch.insert(place(b'a', &account.0, entry.index), &[][..]);
        }
        if let Some(merchant) = merchant_of(entry) {
            batch.insert(place(b'm', &merchant.0.to_be_bytes(), entry.index), &[][..]);
        }
        self.entries.apply_batch(batch)?;
        if let Some(OperationKey::Client(key)) = &entry.submission.key {
            self.keys.insert(key.bytes(), &entry.index.0.to_be_bytes())?;
        }
        for (way, town, at) in messages_of(entry) {
            self.messages.insert(message_place(way, town, at), &entry.index.0.to_be_bytes())?;
        }
        let next = entry.index.next().0;
        self.keys.insert(INDEXED, &next.to_be_bytes())?;
        self.indexed.send_replace(next);
        Ok(())
    }

    /// Whose conversion an entry is, by the link that the company names.
    fn converter(&self, entry: &Entry) -> Result<Option<AccountId>, IndexError> {
        use jichi_protocol::{command::Command, entry::Outcome};
        let place = |company: &CompanyId, link: &LinkId| {
            [company.as_str().as_bytes(), &[0], &link.0].concat()
        };
        #[expect(clippy::wildcard_enum_match_arm, reason = "no other kind is about a link")]
        match &entry.submission.command {
            Command::LinkCompany(_, linked) if matches!(entry.outcome, Outcome::Done(_)) => {
                let place = place(&linked.company, &linked.link);
                self.links.insert(place, &linked.account.0)?;
                Ok(None)
            }
            Command::Convert(signed, _) => {
                let found =
                    self.links.get(place(&signed.statement.company, &signed.statement.link))?;
                Ok(found.and_then(|bytes| bytes.as_ref().try_into().ok()).map(AccountId))
            }
            _ => Ok(None),
        }
    }

    /// Whether an entry stands in an account's history.
    ///
    /// # Errors
    /// [`IndexError::Database`].
    pub fn concerns(&self, account: &AccountId, index: EntryIndex) -> Result<bool, IndexError> {
        Ok(self.entries.contains_key(place(b'a', &account.0, index))?)
    }

    /// Waits until everything that is durable now is indexed.
    pub async fn up_to(&self, next: EntryIndex) {
        // The sender lives as long as this index.
        let _ = self.indexed.subscribe().wait_for(|indexed| *indexed >= next.0).await;
    }

    /// The newest entries about an account before `before`, newest first.
    ///
    /// # Errors
    /// [`IndexError::Database`].
    pub fn of_account(
        &self,
        account: &AccountId,
        before: EntryIndex,
        most: usize,
    ) -> Result<Vec<EntryIndex>, IndexError> {
        self.newest(b'a', &account.0, before, most)
    }

    /// The newest entries about a shop before `before`, newest first.
    ///
    /// # Errors
    /// [`IndexError::Database`].
    pub fn of_merchant(
        &self,
        merchant: MerchantId,
        before: EntryIndex,
        most: usize,
    ) -> Result<Vec<EntryIndex>, IndexError> {
        self.newest(b'm', &merchant.0.to_be_bytes(), before, most)
    }

    fn newest(
        &self,
        kind: u8,
        id: &[u8],
        before: EntryIndex,
        most: usize,
    ) -> Result<Vec<EntryIndex>, IndexError> {
        let range = place(kind, id, EntryIndex(0))..place(kind, id, before);
        let found = self.entries.range(range).keys().rev().take(most.min(PAGE_MAX));
        let mut entries = Vec::new();
        for key in found {
            let key = key?;
            entries.extend(key.last_chunk().map(|end| EntryIndex(u64::from_be_bytes(*end))));
        }
        Ok(entries)
    }

    /// The entries that sent a town messages, or took its messages, in the messages' order within
    /// one generation, from a place on.
    ///
    /// # Errors
    /// [`IndexError::Database`].
    pub fn of_messages(
        &self,
        way: Way,
        town: TownId,
        from: Acked,
        most: usize,
    ) -> Result<Vec<EntryIndex>, IndexError> {
        let last = Acked { number: ChannelNumber(u64::MAX), ..from };
        let range = message_place(way, town, from)..=message_place(way, town, last);
        let found = self.messages.range(range).values().take(most);
        let entry = |bytes: Result<sled::IVec, sled::Error>| Ok(number(&bytes?).map(EntryIndex));
        found.filter_map(|bytes| entry(bytes).transpose()).collect()
    }

    /// The entry that a client's key made, however long ago.
    ///
    /// # Errors
    /// [`IndexError::Database`].
    pub fn of_key(&self, key: &ClientKey) -> Result<Option<EntryIndex>, IndexError> {
        Ok(self.keys.get(key.bytes())?.and_then(|bytes| number(&bytes)).map(EntryIndex))
    }
}

fn number(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_be_bytes)
}

fn place(kind: u8, id: &[u8], index: EntryIndex) -> Vec<u8> {
    [&[kind], id, &index.0.to_be_bytes()].concat()
}

/// Which way a message went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From here.
    Sent,
    /// To here.
    Taken,
}

fn message_place(way: Way, town: TownId, at: Acked) -> Vec<u8> {
    let way = match way {
        Way::Sent => b's',
        Way::Taken => b't',
    };
    let (generation, number) = (at.generation.0.to_be_bytes(), at.number.0.to_be_bytes());
    [&[way], town.as_str().as_bytes(), &generation, &number].concat()
}

/// The messages that an entry sent and took. What was refused was not taken.
fn messages_of(entry: &Entry) -> Vec<(Way, TownId, Acked)> {
    use jichi_protocol::{command::Command, entry::Outcome, envelope::Envelope};
    let Outcome::Done(effect) = &entry.outcome else { return Vec::new() };
    let mut messages = Vec::new();
    if let Some(sent) = &effect.sent {
        let header = sent.header();
        let at = Acked { generation: header.generation, number: header.number };
        messages.push((Way::Sent, header.recipient, at));
    }
    if let Command::HandleEnvelope(_, received) = &entry.submission.command
        && let Ok(taken) = Envelope::decode(&received.envelope)
    {
        let header = taken.header();
        let at = Acked { generation: header.generation, number: header.number };
        messages.push((Way::Taken, header.sender, at));
    }
    messages
}

/// The shop that an entry concerns.
fn merchant_of(entry: &Entry) -> Option<MerchantId> {
    use jichi_protocol::command::Command;
    #[expect(clippy::wildcard_enum_match_arm, reason = "no other kind is about a shop's day")]
    match &entry.submission.command {
        Command::Pay(signed, _) => Some(signed.intent.merchant),
        Command::Void(signed, _) => Some(signed.intent.merchant),
        Command::Refund(signed, _) => Some(signed.intent.merchant),
        // Printed tickets.
        Command::ScanTicket(signed, _) => Some(signed.intent.merchant),
        Command::TakeTicketBundle(bundle, _) => Some(bundle.merchant),
        _ => None,
    }
}
