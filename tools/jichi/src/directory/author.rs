//! The desk of the directory's author: a folder with the document and its statement.

use std::{collections::BTreeMap, path::Path};

use jichi_node::{
    documents::{
        directory::{DirectoryDocument, DocumentFault},
        store::{DocumentStore, Edition, EditionFault, StoreFault},
    },
    keyfile::KeyFileError,
};
use jichi_protocol::{
    date::Time,
    directory::{
        Directory, DirectoryFault, DirectoryVersion, Member, NotAMemberPart, Party, RootFault,
        SignedStatement, StatementFault, VALID_MS_MAX,
    },
    signature::SigningKey,
};

/// Why the author's folder was left as it was.
#[derive(Debug, thiserror::Error)]
pub enum AuthorFault {
    /// The folder cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreFault),
    /// A key file cannot be used.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// Document and statement do not come to fit.
    #[error(transparent)]
    Edition(#[from] EditionFault),
    /// The document cannot be changed.
    #[error(transparent)]
    Document(#[from] DocumentFault),
    /// What was asked for is no directory.
    #[error(transparent)]
    Directory(#[from] DirectoryFault),
    /// A part of a member is outside its bounds.
    #[error(transparent)]
    Member(#[from] NotAMemberPart),
    /// The statement takes no further signature.
    #[error(transparent)]
    Statement(#[from] StatementFault),
    /// The keys and the threshold are no root.
    #[error(transparent)]
    Root(#[from] RootFault),
    /// A directory is begun once.
    #[error("the folder holds a directory; change it with `set` and `remove`")]
    Exists,
    /// No directory yet.
    #[error("the folder holds no directory; begin one with `jichi directory new`")]
    Nothing,
    /// Nobody to remove.
    #[error("{0} is not in the directory")]
    NoMember(Party),
    /// A new member needs all its parts.
    #[error("a new member needs --{0}")]
    Lacks(&'static str),
    /// Two documents that were begun apart, whose edits cannot be joined.
    #[error(
        "the two folders hold different documents: one of them was begun anew; edit a copy of it"
    )]
    OtherPast,
}

/// The members of a directory that is being changed.
pub type Members = BTreeMap<Party, Member>;

/// What becomes of the document's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Past {
    /// It goes on: whoever holds an older version needs the difference only.
    Kept,
    /// It is begun anew, when it has grown too long: everybody takes the whole document once.
    Dropped,
}

/// An author's folder.
#[derive(Debug)]
pub struct Author {
    store: DocumentStore,
}

impl Author {
    /// Opens a folder, and makes it if there is none.
    ///
    /// # Errors
    /// [`AuthorFault::Store`].
    pub fn open(folder: &Path) -> Result<Self, AuthorFault> {
        Ok(Self { store: DocumentStore::open(folder)? })
    }

    /// Begins version 1, without members and signatures.
    ///
    /// # Errors
    /// [`AuthorFault`].
    pub fn begin(&mut self, now: Time) -> Result<&Edition, AuthorFault> {
        if self.store.held().is_some() {
            return Err(AuthorFault::Exists);
        }
        let directory = issued(DirectoryVersion(1), now, Members::new())?;
        self.write(&DirectoryDocument::build(&directory)?)
    }

    /// Changes the members and issues the directory again: now, for 30 days, without signatures.
    /// The version moves on once after each that somebody signed, for that one may be out.
    ///
    /// # Errors
    /// [`AuthorFault`]; the folder is as before.
    pub fn change(
        &mut self,
        now: Time,
        past: Past,
        edit: impl FnOnce(&mut Members) -> Result<(), AuthorFault>,
    ) -> Result<&Edition, AuthorFault> {
        let held = self.edition()?;
        let old = held.directory();
        let signed = held.statement().signed_by().next().is_some();
        let version = if signed { old.version().next() } else { old.version() };
        let mut members: Members =
            old.members().iter().map(|member| (member.who, member.clone())).collect();
        edit(&mut members)?;
        let directory = issued(version, now, members)?;
        let document = match past {
            Past::Kept => {
                let mut document = held.document().clone();
                document.update(&directory)?;
                document
            }
            Past::Dropped => DirectoryDocument::build(&directory)?,
        };
        self.write(&document)
    }

    /// Takes over what another holder changed in a copy of this folder, and issues the result
    /// again: now, for 30 days, without signatures. Where both changed the same value automerge
    /// decides the same everywhere, so somebody looks at the result before it is signed.
    ///
    /// # Errors
    /// [`AuthorFault`]; the folder is as before.
    pub fn merge(&mut self, now: Time, other: &Self) -> Result<&Edition, AuthorFault> {
        let (ours, theirs) = (self.edition()?, other.edition()?);
        if !theirs.history().begins_in(ours.history()) {
            return Err(AuthorFault::OtherPast);
        }
        let mut document = ours.document().clone();
        document.merge(&mut theirs.document().clone())?;
        let signed = |edition: &Edition| edition.statement().signed_by().next().is_some();
        let newest = ours.directory().version().max(theirs.directory().version());
        let version = if signed(ours) || signed(theirs) { newest.next() } else { newest };
        let merged = document.directory()?;
        let members = merged.members().iter().map(|member| (member.who, member.clone()));
        let members = members.collect();
        document.update(&issued(version, now, members)?)?;
        self.write(&document)
    }

    /// Adds a signature to the statement. The folder was opened, so the statement fits the
    /// document: nobody signs what is not there to be looked at.
    ///
    /// # Errors
    /// [`AuthorFault`].
    pub fn sign(&mut self, key: &SigningKey) -> Result<&Edition, AuthorFault> {
        let mut edition = self.edition()?.clone();
        edition.sign(key)?;
        self.store.replace(edition)?;
        self.edition()
    }

    /// What the folder holds.
    ///
    /// # Errors
    /// [`AuthorFault::Nothing`].
    pub fn edition(&self) -> Result<&Edition, AuthorFault> {
        self.store.held().ok_or(AuthorFault::Nothing)
    }

    fn write(&mut self, document: &DirectoryDocument) -> Result<&Edition, AuthorFault> {
        self.store.replace(Edition::unsigned(document)?)?;
        self.edition()
    }
}

fn issued(
    version: DirectoryVersion,
    now: Time,
    members: Members,
) -> Result<Directory, DirectoryFault> {
    let until = now.later_by_ms(VALID_MS_MAX);
    Directory::new(version, now, until, members.into_values().collect())
}

/// Publishes exactly these members in a folder, signed by these keys: version 1 in an empty
/// folder, else the next one. The statement comes back.
///
/// # Errors
/// [`AuthorFault`].
pub fn publish(
    folder: &Path,
    now: Time,
    members: Vec<Member>,
    keys: &[&SigningKey],
) -> Result<SignedStatement, AuthorFault> {
    let mut author = Author::open(folder)?;
    match author.edition() {
        Err(AuthorFault::Nothing) => {
            let version = DirectoryVersion(1);
            let until = now.later_by_ms(VALID_MS_MAX);
            let directory = Directory::new(version, now, until, members)?;
            author.write(&DirectoryDocument::build(&directory)?)?;
        }
        Err(fault) => return Err(fault),
        Ok(_) => {
            author.change(now, Past::Kept, |there| {
                *there = members.into_iter().map(|member| (member.who, member)).collect();
                Ok(())
            })?;
        }
    }
    for key in keys {
        author.sign(key)?;
    }
    Ok(author.edition()?.statement().clone())
}
