//! A folder with the directory's document and its statement.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use jichi_protocol::{
    codec::{self, Malformed},
    directory::{Directory, DirectoryVersion, SignedStatement, StatementFault},
    signature::SigningKey,
};
use minicbor::{Decode, Encode};

use super::{
    directory::{DirectoryDocument, DocumentFault},
    history::{Bounds, HISTORY_BYTES_MAX, History},
    list::store::ListFault,
};
use crate::durable;

/// The document: its changes one behind the other, which automerge loads too.
pub const DOCUMENT_FILE: &str = "directory.automerge";
/// The signed statement, as CBOR.
pub const STATEMENT_FILE: &str = "directory.statement";
/// Two signed statements of one version, as CBOR. While it is there, nothing new is taken.
pub const PROOF_FILE: &str = "directory.fork";
/// Most bytes of a statement file.
pub const STATEMENT_BYTES_MAX: usize = 8 * 1024;

/// A document, what it says, and the statement that fits both. The statement's signatures are not
/// checked here.
#[derive(Debug, Clone)]
pub struct Edition {
    directory: Directory,
    statement: SignedStatement,
    document: DirectoryDocument,
    history: History,
}

/// Why a history is not what a statement is about.
#[derive(Debug, thiserror::Error)]
pub enum EditionFault {
    /// A change that the heads need is not there.
    #[error("the document is not whole; take it from another peer or from its author")]
    Incomplete,
    /// Over the limits of a document.
    #[error("the document has over 4 MiB or 4096 changes; its author has to begin it anew")]
    TooLarge,
    /// The document is no directory.
    #[error(transparent)]
    Document(#[from] DocumentFault),
    /// The document says something else than was signed.
    #[error("the document says something else than its statement; its author has to sign again")]
    OtherContent,
}

impl Edition {
    /// What `statement` is about, out of `history`, which may hold more.
    ///
    /// # Errors
    /// [`EditionFault`].
    pub fn new(history: &History, statement: SignedStatement) -> Result<Self, EditionFault> {
        let said = statement.statement();
        // The copy gets the signed history alone, so what else came in is not even decoded.
        let history = history.up_to(&said.heads).ok_or(EditionFault::Incomplete)?;
        if !history.fits(Bounds::DIRECTORY) {
            return Err(EditionFault::TooLarge);
        }
        let document = DirectoryDocument::of_history(&history)?;
        if document.statement()? != *said {
            return Err(EditionFault::OtherContent);
        }
        let directory = document.directory()?;
        Ok(Self { directory, statement, document, history })
    }

    /// What an author's document says, with a statement that nobody signed yet.
    ///
    /// # Errors
    /// [`EditionFault`].
    pub fn unsigned(document: &DirectoryDocument) -> Result<Self, EditionFault> {
        let statement = SignedStatement::new(document.statement()?)
            .map_err(|_| DocumentFault::Schema("the directory's bounds"))?;
        Self::new(&document.history()?, statement)
    }

    /// What it says.
    #[must_use]
    pub const fn directory(&self) -> &Directory {
        &self.directory
    }

    /// What its author signed.
    #[must_use]
    pub const fn statement(&self) -> &SignedStatement {
        &self.statement
    }

    /// The document.
    #[must_use]
    pub const fn document(&self) -> &DirectoryDocument {
        &self.document
    }

    /// The document's changes.
    #[must_use]
    pub const fn history(&self) -> &History {
        &self.history
    }

    /// Adds a signature.
    ///
    /// # Errors
    /// [`StatementFault::TooManySignatures`].
    pub fn sign(&mut self, key: &SigningKey) -> Result<(), StatementFault> {
        self.statement.add_signature(key)
    }
}

/// Two statements that their author signed for one version.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ForkProof {
    /// What was taken.
    #[n(0)]
    pub held: SignedStatement,
    /// What was offered after it.
    #[n(1)]
    pub offered: SignedStatement,
}

/// Why the folder cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreFault {
    /// The file system.
    #[error("{path}: {source}")]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file that is larger than anything that was written.
    #[error("{0}: too large for this file; put the one back that its author published")]
    TooLarge(PathBuf),
    /// The statement file is none.
    #[error("{path}: {fault}; put the one back that its author published")]
    Statement {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        fault: Malformed,
    },
    /// The two files do not fit.
    #[error("{path}: {fault}")]
    Edition {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        fault: EditionFault,
    },
    /// A public list's document does not fit its statement.
    #[error("{path}: {fault}")]
    List {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        fault: ListFault,
    },
    /// The version is not newer than the one that is held.
    #[error("version {offered} is not newer than {held}, which is held")]
    NotNewer {
        /// What is held.
        held: DirectoryVersion,
        /// What should replace it.
        offered: DirectoryVersion,
    },
    /// The author signed two documents of one version.
    #[error(
        "{0}: the directory's author signed two of one version; nothing is taken until the \
             root's holders have settled it and this file is moved away"
    )]
    Frozen(PathBuf),
}

/// A folder with a directory, or with none yet.
#[derive(Debug)]
pub struct DocumentStore {
    folder: PathBuf,
    held: Option<Edition>,
}

impl DocumentStore {
    /// Opens a folder, and makes it if there is none.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn open(folder: &Path) -> Result<Self, StoreFault> {
        fs::create_dir_all(folder).map_err(|source| io_fault(folder, source))?;
        let path = folder.join(STATEMENT_FILE);
        let mut store = Self { folder: folder.to_path_buf(), held: None };
        // Without a statement a document is a crash between the two files of a first `put`.
        let Some(bytes) = read_at_most(&path, STATEMENT_BYTES_MAX)? else { return Ok(store) };
        let statement =
            codec::decode(&bytes).map_err(|fault| StoreFault::Statement { path, fault })?;
        let path = folder.join(DOCUMENT_FILE);
        let bytes = read_at_most(&path, HISTORY_BYTES_MAX)?.unwrap_or_default();
        let edition = History::read(&bytes)
            .map_err(|fault| DocumentFault::from(fault).into())
            .and_then(|history| Edition::new(&history, statement))
            .map_err(|fault| StoreFault::Edition { path, fault })?;
        store.held = Some(edition);
        Ok(store)
    }

    /// What is held.
    #[must_use]
    pub const fn held(&self) -> Option<&Edition> {
        self.held.as_ref()
    }

    /// The statement that is held.
    #[must_use]
    pub fn statement(&self) -> Option<&SignedStatement> {
        self.held.as_ref().map(Edition::statement)
    }

    /// The directory that is held.
    #[must_use]
    pub fn directory(&self) -> Option<&Directory> {
        self.held.as_ref().map(Edition::directory)
    }

    /// Whether a proof of a fork is there.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.folder.join(PROOF_FILE).exists()
    }

    /// Takes a newer version, which a sync checked.
    ///
    /// # Errors
    /// [`StoreFault`]; what was held is still held.
    pub fn put(&mut self, edition: Edition) -> Result<(), StoreFault> {
        if self.is_frozen() {
            return Err(StoreFault::Frozen(self.folder.join(PROOF_FILE)));
        }
        let offered = edition.directory().version();
        if let Some(held) = self.directory().map(Directory::version)
            && offered <= held
        {
            return Err(StoreFault::NotNewer { held, offered });
        }
        self.replace(edition)
    }

    /// Writes what an author made, of whatever version: the author's own folder.
    ///
    /// # Errors
    /// [`StoreFault`]; what was held is still held.
    pub fn replace(&mut self, edition: Edition) -> Result<(), StoreFault> {
        let mut history = edition.history().clone();
        if let Some(held) = &self.held {
            // Both are within the limits of one document, so together within those of a file.
            history.join(held.history()).map_err(|fault| StoreFault::Edition {
                path: self.folder.join(DOCUMENT_FILE),
                fault: DocumentFault::from(fault).into(),
            })?;
        }
        self.write(DOCUMENT_FILE, &history.to_bytes())?;
        // A crash here: the old statement, and a document in which its history still is.
        self.write(STATEMENT_FILE, &codec::encode(edition.statement()))?;
        // A crash here: the new version.
        self.held = Some(edition);
        Ok(())
    }

    /// Keeps the proof that the author signed two of one version. Nothing is taken any more until
    /// an operator moves the file away. The first proof stays.
    ///
    /// # Errors
    /// [`StoreFault::Io`].
    pub fn keep_proof(&self, proof: &ForkProof) -> Result<(), StoreFault> {
        if self.is_frozen() { Ok(()) } else { self.write(PROOF_FILE, &codec::encode(proof)) }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StoreFault> {
        durable::replace(&self.folder, name, bytes)
            .map_err(|source| io_fault(&self.folder.join(name), source))
    }
}

pub(super) fn io_fault(path: &Path, source: io::Error) -> StoreFault {
    StoreFault::Io { path: path.to_path_buf(), source }
}

/// The bytes of a file; none if there is no file.
pub(super) fn read_at_most(path: &Path, most: usize) -> Result<Option<Vec<u8>>, StoreFault> {
    let io = |source| io_fault(path, source);
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(io)?,
    };
    let room = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    file.take(room).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() > most { Err(StoreFault::TooLarge(path.to_path_buf())) } else { Ok(Some(bytes)) }
}

#[cfg(test)]
mod tests;
