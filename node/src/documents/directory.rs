//! The directory as an automerge document: one map of members by their party, plain values only.

use automerge::{
    Automerge, AutomergeError, ObjId, ObjType, ROOT, ReadDoc, ScalarValue, Value,
    transaction::{Transactable, Transaction},
};
use jichi_protocol::{
    date::Time,
    directory::{
        Address, Directory, DirectoryVersion, DocumentName, Heads, MEMBERS_MAX, Member, Party,
        PeerId, Statement,
    },
    id::{Generation, TownId},
    label::Label,
    signature::PublicKey,
};

use super::{
    history::{History, HistoryFault},
    schema::{
        Edit, Read, bytes, change, heads_of, history_of, keys_of, list, map_in, number, object,
        only_keys, public_key, set, set_list, stands, strict_u64, text, unset,
    },
};

/// Members written in one change, so that each change fits into a message whatever they hold.
const MEMBERS_A_CHANGE: usize = 32;

const VERSION: &str = "version";
const ISSUED: &str = "issued";
const VALID_UNTIL: &str = "valid_until";
const MEMBERS: &str = "members";
const NAME_JA: &str = "name_ja";
const NAME_EN: &str = "name_en";
const LOG_KEY: &str = "log_key";
const GENERATION: &str = "generation";
const CHANNEL_KEY: &str = "channel_key";
const TRANSPORT: &str = "transport";
const ADDRESSES: &str = "addresses";
const VERSIONS: &str = "versions";
const MEMBER_KEYS: [&str; 8] =
    [ADDRESSES, CHANNEL_KEY, GENERATION, LOG_KEY, NAME_EN, NAME_JA, TRANSPORT, VERSIONS];
/// Keys of a member that a document may leave out: an older one does.
const WITNESS_KEY: &str = "witness_key";
const WITNESSES: &str = "witnesses";
const REVOKED: &str = "revoked";
const ROOT_KEYS: [&str; 4] = [ISSUED, MEMBERS, VALID_UNTIL, VERSION];

/// Why a document is no directory.
#[derive(Debug, thiserror::Error)]
pub enum DocumentFault {
    /// Changes that automerge cannot put together, though their hashes are right.
    #[error("automerge does not read this document; its author has to write it anew: {0}")]
    Automerge(Box<AutomergeError>),
    /// The history is too large, or not written as this node writes it.
    #[error(transparent)]
    History(#[from] HistoryFault),
    /// The document has no, or too many, heads.
    #[error("the document has no content, or too many open lines of editing; join them")]
    Heads,
    /// A key, a type or a value that the schema does not know.
    #[error("the document is not of its form: see {0}")]
    Schema(&'static str),
}

impl From<AutomergeError> for DocumentFault {
    fn from(error: AutomergeError) -> Self {
        Self::Automerge(Box::new(error))
    }
}

/// The directory's document.
#[derive(Debug, Clone)]
pub struct DirectoryDocument {
    doc: Automerge,
}

impl DirectoryDocument {
    /// A new document that says what `directory` says.
    ///
    /// # Errors
    /// [`DocumentFault`].
    pub fn build(directory: &Directory) -> Result<Self, DocumentFault> {
        let mut document = Self { doc: Automerge::new() };
        document.update(directory)?;
        Ok(document)
    }

    /// The document of a whole history.
    ///
    /// # Errors
    /// [`DocumentFault::Automerge`].
    pub fn of_history(history: &History) -> Result<Self, DocumentFault> {
        Ok(Self { doc: Automerge::load(&history.to_bytes())? })
    }

    /// Its history: what is stored, and what is sent.
    ///
    /// # Errors
    /// [`DocumentFault::History`]: too large.
    pub fn history(&self) -> Result<History, DocumentFault> {
        history_of(&self.doc)
    }

    /// Changes the document, where it differs, to say what `directory` says.
    ///
    /// # Errors
    /// [`DocumentFault`]; what was changed before stays, and nobody signs it.
    pub fn update(&mut self, directory: &Directory) -> Result<(), DocumentFault> {
        change(&mut self.doc, |tx| {
            map_in(tx, &ROOT, MEMBERS)?;
            set(tx, &ROOT, VERSION, directory.version().0)?;
            set(tx, &ROOT, ISSUED, directory.issued().0)?;
            set(tx, &ROOT, VALID_UNTIL, directory.valid_until().0)?;
            let members = map_in(tx, &ROOT, MEMBERS)?;
            let there: Vec<String> = tx.keys(&members).collect();
            for key in there {
                let who = key.parse().ok();
                if who.is_none_or(|who: Party| directory.member(who).is_none()) {
                    tx.delete(&members, key)?;
                }
            }
            Ok(())
        })?;
        for batch in directory.members().chunks(MEMBERS_A_CHANGE) {
            change(&mut self.doc, |tx| {
                let members = map_in(tx, &ROOT, MEMBERS)?;
                batch.iter().try_for_each(|member| write_member(tx, &members, member))
            })?;
        }
        Ok(())
    }

    /// Takes over what was changed in another copy. Where both changed the same value automerge
    /// decides the same everywhere, so an author looks at the result before it is signed.
    ///
    /// # Errors
    /// [`DocumentFault::Automerge`].
    pub fn merge(&mut self, other: &mut Self) -> Result<(), DocumentFault> {
        self.doc.merge(&mut other.doc)?;
        Ok(())
    }

    /// Where its history ends.
    ///
    /// # Errors
    /// [`DocumentFault::Heads`].
    pub fn heads(&self) -> Result<Heads, DocumentFault> {
        heads_of(&self.doc)
    }

    /// What it says. Nothing that the schema does not know may stand in it.
    ///
    /// # Errors
    /// [`DocumentFault::Schema`].
    pub fn directory(&self) -> Result<Directory, DocumentFault> {
        let doc = &self.doc;
        only_keys(doc, &ROOT, &ROOT_KEYS, "the root's keys")?;
        let members_map = object(doc, &ROOT, MEMBERS, ObjType::Map)?;
        if doc.length(&members_map) > MEMBERS_MAX {
            return Err(DocumentFault::Schema("the number of members"));
        }
        let members = doc
            .keys(&members_map)
            .map(|key| read_member(doc, &members_map, &key))
            .collect::<Result<Vec<_>, _>>()?;
        Directory::new(
            DirectoryVersion(number(doc, &ROOT, VERSION)?),
            Time(number(doc, &ROOT, ISSUED)?),
            Time(number(doc, &ROOT, VALID_UNTIL)?),
            members,
        )
        .map_err(|_| DocumentFault::Schema("the directory's bounds"))
    }

    /// What its author has to sign about it.
    ///
    /// # Errors
    /// [`DocumentFault`].
    pub fn statement(&self) -> Result<Statement, DocumentFault> {
        let directory = self.directory()?;
        Ok(Statement {
            document: DocumentName::Directory,
            version: directory.version(),
            heads: self.heads()?,
            content: directory.content(),
            issued: directory.issued(),
            valid_until: directory.valid_until(),
        })
    }

    /// Automerge's document, for its sync.
    pub(super) const fn automerge(&self) -> &Automerge {
        &self.doc
    }
}

fn write_member(tx: &mut Transaction<'_>, members: &ObjId, member: &Member) -> Edit {
    let map = map_in(tx, members, &member.who.to_string())?;
    set(tx, &map, NAME_JA, member.name_ja.as_str())?;
    set(tx, &map, NAME_EN, member.name_en.as_str())?;
    set(tx, &map, LOG_KEY, member.log_key.0.to_vec())?;
    set(tx, &map, GENERATION, u64::from(member.generation.0))?;
    set(tx, &map, CHANNEL_KEY, member.channel_key.0.to_vec())?;
    set(tx, &map, TRANSPORT, member.transport.as_bytes().to_vec())?;
    set_list(tx, &map, ADDRESSES, member.addresses.iter().map(|a| a.as_str().into()))?;
    set_list(tx, &map, VERSIONS, member.versions.iter().map(|v| u64::from(*v).into()))?;
    match member.witness_key {
        Some(key) => set(tx, &map, WITNESS_KEY, key.0.to_vec())?,
        None => unset(tx, &map, WITNESS_KEY)?,
    }
    match &member.witnesses {
        Some(towns) => set_list(tx, &map, WITNESSES, towns.iter().map(|t| t.as_str().into()))?,
        None => unset(tx, &map, WITNESSES)?,
    }
    match &member.revoked {
        Some(keys) => set_list(tx, &map, REVOKED, keys.iter().map(|key| key.0.to_vec().into())),
        None => unset(tx, &map, REVOKED),
    }
}

fn key_of(value: &ScalarValue) -> Option<PublicKey> {
    value.as_bytes()?.try_into().ok().map(PublicKey)
}

fn read_member(doc: &Automerge, members: &ObjId, key: &str) -> Read<Member> {
    let who = key.parse().map_err(|_| DocumentFault::Schema("a member's party"))?;
    let Some((Value::Object(ObjType::Map), map)) = doc.get(members, key)? else {
        return Err(DocumentFault::Schema(MEMBERS));
    };
    keys_of(doc, &map, &MEMBER_KEYS, &[WITNESS_KEY, WITNESSES, REVOKED], "a member's keys")?;
    let generation = u32::try_from(number(doc, &map, GENERATION)?);
    Ok(Member {
        who,
        name_ja: text::<Label>(doc, &map, NAME_JA)?,
        name_en: text::<Label>(doc, &map, NAME_EN)?,
        log_key: public_key(doc, &map, LOG_KEY)?,
        generation: Generation(generation.map_err(|_| DocumentFault::Schema(GENERATION))?),
        channel_key: public_key(doc, &map, CHANNEL_KEY)?,
        transport: PeerId::new(&bytes(doc, &map, TRANSPORT)?)
            .map_err(|_| DocumentFault::Schema(TRANSPORT))?,
        addresses: list(doc, &map, ADDRESSES, |v| v.as_str()?.parse::<Address>().ok())?,
        versions: list(doc, &map, VERSIONS, |v| strict_u64(v)?.try_into().ok())?,
        witness_key: match stands(doc, &map, WITNESS_KEY)? {
            true => Some(public_key(doc, &map, WITNESS_KEY)?),
            false => None,
        },
        witnesses: match stands(doc, &map, WITNESSES)? {
            true => Some(list(doc, &map, WITNESSES, |v| v.as_str()?.parse::<TownId>().ok())?),
            false => None,
        },
        revoked: match stands(doc, &map, REVOKED)? {
            true => Some(list(doc, &map, REVOKED, key_of)?),
            false => None,
        },
    })
}

#[cfg(test)]
mod tests;
