//! The public lists in a folder: in memory their statements alone, on disk the documents.
//!
//! A list decides nothing, so files that cannot be read stop nothing: the list is not held, and
//! comes again from a peer.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use jichi_protocol::{
    codec,
    directory::{Party, StatementFault},
    public_list::{ListKind, ListName, ListVersion, SignedListStatement},
    signature::{PublicKey, SigningKey},
};
use minicbor::{Decode, Encode};

use super::{
    super::{
        directory::DocumentFault,
        history::{Bounds, History},
        store::{STATEMENT_BYTES_MAX, StoreFault, io_fault, read_at_most},
    },
    Listing,
    document::ListDocument,
};
use crate::durable;

/// The ending of a document's file: its changes one behind the other, which automerge loads too.
const DOCUMENT: &str = "automerge";
/// The ending of its signed statement, as CBOR.
const STATEMENT: &str = "statement";
/// The ending of two signed statements of one version, as CBOR. While it is there, nothing new of
/// that list is taken.
const PROOF: &str = "fork";

/// A list's document, what it says, and the statement that fits both. The signature is not checked
/// here.
#[derive(Debug, Clone)]
pub struct ListEdition {
    listing: Listing,
    statement: SignedListStatement,
    document: ListDocument,
    history: History,
}

/// Why a history is not what a statement is about.
#[derive(Debug, thiserror::Error)]
pub enum ListFault {
    /// A change that the heads need is not there.
    #[error("the list is not whole; it comes again from another peer")]
    Incomplete,
    /// Over the limits of a list.
    #[error("the list has over 1 MiB or 512 changes; its author has to begin it anew")]
    TooLarge,
    /// The document is no list.
    #[error(transparent)]
    Document(#[from] DocumentFault),
    /// It is another list than the statement is about.
    #[error("the document is another list than its statement says")]
    OtherList,
    /// The statement is none.
    #[error(transparent)]
    Statement(#[from] StatementFault),
}

impl ListEdition {
    /// What `statement` is about, out of `history`, which may hold more.
    ///
    /// # Errors
    /// [`ListFault`].
    pub fn new(history: &History, statement: SignedListStatement) -> Result<Self, ListFault> {
        let said = statement.statement();
        let history = history.up_to(&said.heads).ok_or(ListFault::Incomplete)?;
        if !history.fits(Bounds::LIST) {
            return Err(ListFault::TooLarge);
        }
        let document = ListDocument::of_history(&history)?;
        let listing = document.listing()?;
        if listing.name() != said.list {
            return Err(ListFault::OtherList);
        }
        Ok(Self { listing, statement, document, history })
    }

    /// What it says.
    #[must_use]
    pub const fn listing(&self) -> &Listing {
        &self.listing
    }

    /// What its author signed.
    #[must_use]
    pub const fn statement(&self) -> &SignedListStatement {
        &self.statement
    }

    /// The document.
    #[must_use]
    pub const fn document(&self) -> &ListDocument {
        &self.document
    }

    /// The document's changes.
    #[must_use]
    pub const fn history(&self) -> &History {
        &self.history
    }

    /// Which list.
    #[must_use]
    pub const fn name(&self) -> ListName {
        self.statement.statement().list
    }
}

/// Two statements that a town signed for one version of a list.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ListForkProof {
    /// What was taken.
    #[n(0)]
    pub held: SignedListStatement,
    /// What was offered after it.
    #[n(1)]
    pub offered: SignedListStatement,
}

/// Why a list was not written.
#[derive(Debug, thiserror::Error)]
pub enum NotPut {
    /// A file.
    #[error(transparent)]
    Store(#[from] StoreFault),
    /// The version is not newer than the one that is held.
    #[error("version {offered} is not newer than {held}, which is held")]
    NotNewer {
        /// What is held.
        held: ListVersion,
        /// What should replace it.
        offered: ListVersion,
    },
    /// Its author signed two of one version.
    #[error("{0}: the town signed two of one version; move the file away once that is settled")]
    Frozen(PathBuf),
}

/// A folder with the public lists of towns.
#[derive(Debug)]
pub struct ListStore {
    folder: PathBuf,
    held: BTreeMap<ListName, SignedListStatement>,
}

impl ListStore {
    /// Opens a folder, and makes it if there is none.
    ///
    /// # Errors
    /// [`StoreFault`]: the folder itself.
    pub fn open(folder: &Path) -> Result<Self, StoreFault> {
        let io = |source: io::Error| io_fault(folder, source);
        fs::create_dir_all(folder).map_err(io)?;
        let mut held = BTreeMap::new();
        for file in fs::read_dir(folder).map_err(io)? {
            let path = file.map_err(io)?.path();
            if path.extension().is_none_or(|ending| ending != STATEMENT) {
                continue;
            }
            match read_statement(&path) {
                Some(statement) => {
                    held.insert(statement.statement().list, statement);
                }
                None => tracing::warn!(path = %path.display(), "no statement of a public list"),
            }
        }
        Ok(Self { folder: folder.to_path_buf(), held })
    }

    /// The statement that is held of a list.
    #[must_use]
    pub fn statement(&self, name: ListName) -> Option<&SignedListStatement> {
        self.held.get(&name)
    }

    /// Every statement that is held, in order of the lists.
    pub fn statements(&self) -> impl Iterator<Item = &SignedListStatement> {
        self.held.values()
    }

    /// Where the files lie.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether a proof of a fork of this list is there.
    #[must_use]
    pub fn is_frozen(&self, name: ListName) -> bool {
        self.folder.join(file_of(name, PROOF)).exists()
    }

    /// Takes a newer version, which a sync checked or its author made. What was signed by another key
    /// than the town's present one is replaced whatever its version is: whoever stole that key could
    /// else have signed the last one that there will ever be.
    ///
    /// # Errors
    /// [`NotPut`]; what was held is still held.
    pub fn put(&mut self, edition: &ListEdition, key: &PublicKey) -> Result<(), NotPut> {
        let name = edition.name();
        if self.is_frozen(name) {
            return Err(NotPut::Frozen(self.folder.join(file_of(name, PROOF))));
        }
        let offered = edition.statement().statement().version;
        let mut history = edition.history().clone();
        if let Some(signed) = self.statement(name) {
            let held = signed.statement().version;
            if offered <= held && signed.verify(key).is_ok() {
                return Err(NotPut::NotNewer { held, offered });
            }
            // Until the statement is written, the old one needs the old changes.
            if let Ok(old) = load(&self.folder, signed) {
                // Both are within the limits of one list, so together within those of a file.
                history.join(old.history()).map_err(|fault| StoreFault::Edition {
                    path: self.folder.join(file_of(name, DOCUMENT)),
                    fault: DocumentFault::from(fault).into(),
                })?;
            }
        }
        self.write(&file_of(name, DOCUMENT), &history.to_bytes())?;
        // A crash here: the old statement, and a document in which its history still is.
        self.write(&file_of(name, STATEMENT), &codec::encode(edition.statement()))?;
        self.held.insert(name, edition.statement().clone());
        Ok(())
    }

    /// Keeps the proof that a town signed two of one version. Nothing of that list is taken any
    /// more until an operator moves the file away. The first proof stays.
    ///
    /// # Errors
    /// [`StoreFault::Io`].
    pub fn keep_proof(&self, proof: &ListForkProof) -> Result<(), StoreFault> {
        let name = proof.held.statement().list;
        if self.is_frozen(name) {
            return Ok(());
        }
        self.write(&file_of(name, PROOF), &codec::encode(proof))
    }

    /// Drops what is held of a list, whose files cannot be read or whose author has left.
    pub fn forget(&mut self, name: ListName) {
        self.held.remove(&name);
        for ending in [STATEMENT, DOCUMENT] {
            // What stays is overwritten by the next version, or forgotten at the next start.
            let _ = fs::remove_file(self.folder.join(file_of(name, ending)));
        }
    }

    /// The lists of towns that are not in the federation (any more).
    #[must_use]
    pub fn of_strangers(&self, known: impl Fn(Party) -> bool) -> Vec<ListName> {
        self.held.keys().filter(|name| !known(Party::Town(name.town))).copied().collect()
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StoreFault> {
        durable::replace(&self.folder, name, bytes)
            .map_err(|source| io_fault(&self.folder.join(name), source))
    }
}

/// Reads the document of a statement from a folder of lists.
///
/// # Errors
/// [`StoreFault`].
pub fn load(folder: &Path, statement: &SignedListStatement) -> Result<ListEdition, StoreFault> {
    let path = folder.join(file_of(statement.statement().list, DOCUMENT));
    let bytes = read_at_most(&path, Bounds::LIST.of_two().bytes)?.unwrap_or_default();
    History::read(&bytes)
        .map_err(|fault| DocumentFault::from(fault).into())
        .and_then(|history| ListEdition::new(&history, statement.clone()))
        .map_err(|fault| StoreFault::List { path, fault })
}

/// Signs a list's document as it is.
///
/// # Errors
/// [`ListFault`].
pub fn sign_document(
    document: &ListDocument,
    (version, issued, valid_until): (
        ListVersion,
        jichi_protocol::date::Time,
        jichi_protocol::date::Time,
    ),
    key: &SigningKey,
) -> Result<ListEdition, ListFault> {
    let statement = jichi_protocol::public_list::ListStatement {
        list: document.listing()?.name(),
        version,
        heads: document.heads()?,
        issued,
        valid_until,
    };
    ListEdition::new(&document.history()?, SignedListStatement::sign(statement, key)?)
}

fn file_of(name: ListName, ending: &str) -> String {
    format!("{name}.{ending}")
}

/// The name of a list's file, without its ending.
fn name_of(stem: &str) -> Option<ListName> {
    let (town, kind) = stem.split_once('-')?;
    Some(ListName { town: town.parse().ok()?, kind: kind.parse::<ListKind>().ok()? })
}

fn read_statement(path: &Path) -> Option<SignedListStatement> {
    let bytes = read_at_most(path, STATEMENT_BYTES_MAX).ok()??;
    let statement: SignedListStatement = codec::decode(&bytes).ok()?;
    let named = name_of(path.file_stem()?.to_str()?)?;
    (statement.statement().list == named).then_some(statement)
}

#[cfg(test)]
mod tests;
