//! The public lists of a node, as its listeners and its peers ask for them: statements in memory,
//! a few documents too, the others on disk.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jichi_protocol::{
    date::Time,
    directory::{Directory, Party, Taking},
    id::TownId,
    public_list::{ListName, SignedListStatement, take_list},
    signature::PublicKey,
};

use super::{
    super::{
        store::StoreFault,
        sync::ListSession,
        wire::{Held, Inventory},
    },
    store::{ListEdition, ListForkProof, ListStore, NotPut, load},
};

/// Documents that are kept in memory.
const RECENT_MAX: usize = 16;

/// The public lists of a node. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Lists(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    store: Mutex<ListStore>,
    recent: Mutex<VecDeque<Arc<ListEdition>>>,
}

/// Why a list that a peer offers is not asked for.
#[derive(Debug, thiserror::Error)]
pub enum NotOffered {
    /// Another list than was asked for, or of a town that is not in the directory.
    #[error("the list is of no town of the directory")]
    NoMember,
    /// The town's channel key has not signed it.
    #[error("the statement is not signed by the channel key that the directory names")]
    Signature,
    /// It is held, or a newer one.
    #[error("the same or a newer version is held")]
    NotNewer,
    /// Past its validity.
    #[error("the statement's validity is over; its town has to issue the list again")]
    Expired,
    /// Issued in the future.
    #[error("the statement is issued in the future; look at this machine's clock")]
    NotYet,
    /// The town signed two of one version; the proof is kept.
    #[error("the town signed two lists of one version; nothing more of that list is taken")]
    Fork,
    /// A proof of a fork is kept.
    #[error("the town once signed two lists of one version; see the proof file")]
    Frozen,
    /// The proof cannot be kept.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

impl Lists {
    /// The lists of a folder.
    #[must_use]
    pub fn new(store: ListStore) -> Self {
        Self(Arc::new(Parts { store: Mutex::new(store), recent: Mutex::default() }))
    }

    fn store(&self) -> MutexGuard<'_, ListStore> {
        // Nothing unwinds while it holds the lock, and what is behind it is whole in any case.
        self.0.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn recent(&self) -> MutexGuard<'_, VecDeque<Arc<ListEdition>>> {
        self.0.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is held and within its validity.
    #[must_use]
    pub fn inventory(&self, now: Time) -> Inventory {
        let store = self.store();
        let valid = store.statements().filter(|signed| !signed.statement().is_stale(now));
        Inventory::of(valid.map(|signed| {
            let said = signed.statement();
            Held { list: said.list, version: said.version, mark: signed.mark() }
        }))
    }

    /// The statement that is held of a list.
    #[must_use]
    pub fn statement(&self, name: ListName) -> Option<SignedListStatement> {
        self.store().statement(name).cloned()
    }

    /// The towns of which a list is held, in order; a town stands there once for each.
    #[must_use]
    pub fn towns(&self) -> Vec<TownId> {
        self.store().statements().map(|signed| signed.statement().list.town).collect()
    }

    /// Whether its town signed two of one version, so that nothing new of it is taken.
    #[must_use]
    pub fn is_frozen(&self, name: ListName) -> bool {
        self.store().is_frozen(name)
    }

    /// A list as it is held. May read the disk. A file that cannot be read is dropped: it comes
    /// again from a peer.
    #[must_use]
    pub fn edition(&self, name: ListName) -> Option<Arc<ListEdition>> {
        let (statement, folder) = {
            let store = self.store();
            (store.statement(name)?.clone(), store.folder().to_path_buf())
        };
        let known = self.recent().iter().find(|known| *known.statement() == statement).cloned();
        if let Some(known) = known {
            return Some(known);
        }
        match load(&folder, &statement) {
            Ok(edition) => {
                let edition = Arc::new(edition);
                self.remember(&edition);
                Some(edition)
            }
            Err(fault) => {
                tracing::warn!(list = %name, %fault, "a public list cannot be read, and is dropped");
                let mut store = self.store();
                if store.statement(name) == Some(&statement) {
                    store.forget(name);
                }
                None
            }
        }
    }

    fn remember(&self, edition: &Arc<ListEdition>) {
        let mut recent = self.recent();
        recent.retain(|known| known.name() != edition.name());
        if recent.len() >= RECENT_MAX {
            recent.pop_front();
        }
        recent.push_back(Arc::clone(edition));
    }

    /// Takes a newer version, which a sync checked or its author made.
    ///
    /// # Errors
    /// [`NotPut`]; what was held is still held.
    pub fn put(&self, edition: ListEdition, key: &PublicKey) -> Result<(), NotPut> {
        self.store().put(&edition, key)?;
        self.remember(&Arc::new(edition));
        Ok(())
    }

    /// What a peer's inventory has that is worth asking for.
    #[must_use]
    pub fn wanted(&self, theirs: &Inventory, directory: &Directory) -> Vec<ListName> {
        let store = self.store();
        let newer = theirs.as_slice().iter().filter(|offered| {
            let Some(member) = directory.member(Party::Town(offered.list.town)) else {
                return false;
            };
            let worth = store.statement(offered.list).is_none_or(|held| {
                // Another mark of our version may prove that its town signed two. What a former key
                // signed is replaced by any version.
                let newer = offered.version >= held.statement().version;
                offered.mark != held.mark() && (newer || held.verify(&member.channel_key).is_err())
            });
            worth && !store.is_frozen(offered.list)
        });
        newer.map(|offered| offered.list).collect()
    }

    /// Begins to take a list that a peer offers, if it is to be taken.
    ///
    /// # Errors
    /// [`NotOffered`].
    pub fn begin(
        &self,
        name: ListName,
        offered: SignedListStatement,
        directory: &Directory,
        now: Time,
    ) -> Result<ListSession, NotOffered> {
        let member = directory.member(Party::Town(name.town)).ok_or(NotOffered::NoMember)?;
        if offered.statement().list != name {
            return Err(NotOffered::NoMember);
        }
        offered.verify(&member.channel_key).map_err(|_| NotOffered::Signature)?;
        if self.is_frozen(name) {
            return Err(NotOffered::Frozen);
        }
        // What a former key signed counts no more.
        let held = self.statement(name).filter(|held| held.verify(&member.channel_key).is_ok());
        let said = held.as_ref().map(SignedListStatement::statement);
        match (take_list(said, offered.statement(), now), held) {
            (Taking::New, _) => Ok(ListSession::begin(self.edition(name).as_deref(), offered)),
            (Taking::Fork, Some(held)) => {
                self.store().keep_proof(&ListForkProof { held, offered })?;
                Err(NotOffered::Fork)
            }
            (Taking::Same | Taking::Older | Taking::Fork, _) => Err(NotOffered::NotNewer),
            (Taking::Expired, _) => Err(NotOffered::Expired),
            (Taking::NotYet, _) => Err(NotOffered::NotYet),
        }
    }

    /// Drops the lists of towns that the directory does not name, the own ones apart.
    pub fn keep_members(&self, directory: &Directory, me: Party) {
        let mut store = self.store();
        let stays = |party| party == me || directory.member(party).is_some();
        for name in store.of_strangers(stays) {
            tracing::info!(list = %name, "a public list is dropped: its town is not in the directory");
            store.forget(name);
        }
    }
}

#[cfg(test)]
mod tests;
