//! Plain values in automerge documents: written where they differ, read strictly.

use std::str::FromStr;

use automerge::{
    Automerge, AutomergeError, ChangeHash, ObjId, ObjType, ReadDoc, ScalarValue, Value,
    transaction::{Transactable, Transaction},
};
use jichi_protocol::{
    directory::{Few, Head, Heads},
    signature::PublicKey,
};

use super::{directory::DocumentFault, history::History};

/// Most values of a list in a document; the protocol's own bounds are narrower.
const LIST_MAX: usize = 16;

/// Edits a document, by one change.
pub(super) fn change(
    doc: &mut Automerge,
    edit: impl FnOnce(&mut Transaction<'_>) -> Edit,
) -> Result<(), DocumentFault> {
    // A change without an edit is none: automerge then commits nothing.
    match doc.transact::<_, (), AutomergeError>(edit) {
        Ok(_) => Ok(()),
        Err(failure) => Err(failure.error.into()),
    }
}

/// The whole history of a document.
pub(super) fn history_of(doc: &Automerge) -> Result<History, DocumentFault> {
    let mut history = History::default();
    for change in doc.get_changes(&[]) {
        history.add(change.raw_bytes())?;
    }
    Ok(history)
}

/// Where the history of a document ends.
pub(super) fn heads_of(doc: &Automerge) -> Result<Heads, DocumentFault> {
    let heads = doc.get_heads().into_iter().map(|ChangeHash(hash)| Head(hash)).collect();
    Heads::new(heads).map_err(|_| DocumentFault::Heads)
}

pub(super) type Edit = Result<(), AutomergeError>;

/// Puts a value where another or none stands.
pub(super) fn set(
    tx: &mut Transaction<'_>,
    at: &ObjId,
    key: &str,
    value: impl Into<ScalarValue>,
) -> Edit {
    let value = value.into();
    let same = tx.get(at, key)?.is_some_and(|(there, _)| there.as_scalar() == Some(&value));
    if same { Ok(()) } else { tx.put(at, key, value) }
}

pub(super) fn map_in(
    tx: &mut Transaction<'_>,
    at: &ObjId,
    key: &str,
) -> Result<ObjId, AutomergeError> {
    match tx.get(at, key)? {
        Some((Value::Object(ObjType::Map), id)) => Ok(id),
        Some(_) | None => tx.put_object(at, key, ObjType::Map),
    }
}

/// Replaces a list as a whole where it differs: two lists merged are nobody's list.
pub(super) fn set_list(
    tx: &mut Transaction<'_>,
    at: &ObjId,
    key: &str,
    values: impl Iterator<Item = ScalarValue>,
) -> Edit {
    let values: Vec<ScalarValue> = values.collect();
    if let Some((Value::Object(ObjType::List), id)) = tx.get(at, key)? {
        let mut there = Vec::new();
        for index in 0..tx.length(&id) {
            there.push(tx.get(&id, index)?.and_then(|(value, _)| value.as_scalar().cloned()));
        }
        if there.iter().map(Option::as_ref).eq(values.iter().map(Some)) {
            return Ok(());
        }
    }
    let list = tx.put_object(at, key, ObjType::List)?;
    values.into_iter().enumerate().try_for_each(|(at, value)| tx.insert(&list, at, value))
}

/// Takes a value away where one stands.
pub(super) fn unset(tx: &mut Transaction<'_>, at: &ObjId, key: &str) -> Edit {
    if tx.get(at, key)?.is_some() { tx.delete(at, key) } else { Ok(()) }
}

pub(super) type Read<T> = Result<T, DocumentFault>;

pub(super) fn only_keys(
    doc: &Automerge,
    at: &ObjId,
    keys: &[&str],
    what: &'static str,
) -> Read<()> {
    keys_of(doc, at, keys, &[], what)
}

/// Every key that must stand there does, and no other one but those that may.
pub(super) fn keys_of(
    doc: &Automerge,
    at: &ObjId,
    must: &[&str],
    may: &[&str],
    what: &'static str,
) -> Read<()> {
    let keys: Vec<String> = doc.keys(at).collect();
    let all = must.iter().all(|key| keys.iter().any(|there| there == key));
    let known = |key: &String| must.contains(&key.as_str()) || may.contains(&key.as_str());
    if all && keys.iter().all(known) { Ok(()) } else { Err(DocumentFault::Schema(what)) }
}

pub(super) fn stands(doc: &Automerge, at: &ObjId, key: &str) -> Read<bool> {
    Ok(doc.get(at, key)?.is_some())
}

pub(super) fn object(doc: &Automerge, at: &ObjId, key: &'static str, kind: ObjType) -> Read<ObjId> {
    match doc.get(at, key)? {
        Some((Value::Object(there), id)) if there == kind => Ok(id),
        Some(_) | None => Err(DocumentFault::Schema(key)),
    }
}

pub(super) fn scalar(doc: &Automerge, at: &ObjId, key: &'static str) -> Read<ScalarValue> {
    match doc.get(at, key)? {
        Some((Value::Scalar(value), _)) => Ok(value.into_owned()),
        Some((Value::Object(_), _)) | None => Err(DocumentFault::Schema(key)),
    }
}

pub(super) fn number(doc: &Automerge, at: &ObjId, key: &'static str) -> Read<u64> {
    strict_u64(&scalar(doc, at, key)?).ok_or(DocumentFault::Schema(key))
}

/// An unsigned number, and not another number that happens to fit.
pub(super) const fn strict_u64(value: &ScalarValue) -> Option<u64> {
    if let ScalarValue::Uint(number) = value { Some(*number) } else { None }
}

pub(super) fn flag(doc: &Automerge, at: &ObjId, key: &'static str) -> Read<bool> {
    let value = scalar(doc, at, key)?;
    if let ScalarValue::Boolean(set) = value { Ok(set) } else { Err(DocumentFault::Schema(key)) }
}

pub(super) fn text<T: FromStr>(doc: &Automerge, at: &ObjId, key: &'static str) -> Read<T> {
    let value = scalar(doc, at, key)?;
    let text = value.as_str().ok_or(DocumentFault::Schema(key))?;
    text.parse().map_err(|_| DocumentFault::Schema(key))
}

/// A text that may be left out.
pub(super) fn optional<T: FromStr>(
    doc: &Automerge,
    at: &ObjId,
    key: &'static str,
) -> Read<Option<T>> {
    if stands(doc, at, key)? { text(doc, at, key).map(Some) } else { Ok(None) }
}

pub(super) fn bytes(doc: &Automerge, at: &ObjId, key: &'static str) -> Read<Vec<u8>> {
    scalar(doc, at, key)?.into_bytes().map_err(|_| DocumentFault::Schema(key))
}

pub(super) fn public_key(doc: &Automerge, at: &ObjId, key: &'static str) -> Read<PublicKey> {
    let bytes = bytes(doc, at, key)?;
    bytes.try_into().map(PublicKey).map_err(|_| DocumentFault::Schema(key))
}

pub(super) fn list<T: PartialEq, const MAX: usize>(
    doc: &Automerge,
    at: &ObjId,
    key: &'static str,
    read: impl Fn(&ScalarValue) -> Option<T>,
) -> Read<Few<T, MAX>> {
    let schema = DocumentFault::Schema;
    let list = object(doc, at, key, ObjType::List)?;
    let length = doc.length(&list);
    if length > LIST_MAX {
        return Err(schema(key));
    }
    let mut values = Vec::with_capacity(length);
    for index in 0..length {
        let value = doc.get(&list, index)?;
        let value = value.and_then(|(value, _)| value.as_scalar().and_then(&read));
        values.push(value.ok_or_else(|| schema(key))?);
    }
    Few::new(values).map_err(|_| schema(key))
}
