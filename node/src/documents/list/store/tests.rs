//! Lists in their folder: what is put is there after a start, and what is broken stops nothing.

use jichi_protocol::date::Time;

use super::{super::super::fixture::*, *};

fn open(folder: &tempfile::TempDir) -> ListStore {
    ListStore::open(folder.path()).unwrap()
}

fn held(store: &ListStore, name: ListName) -> ListEdition {
    load(store.folder(), store.statement(name).unwrap()).unwrap()
}

#[test]
fn what_is_put_is_held_and_there_after_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder);
    let editions = [list_signed(&shops(0, 3), 0, 1), list_signed(&shops(1, 5), 1, 1)];
    store.put(&editions[0], &town_key(0).public()).unwrap();
    store.put(&editions[1], &town_key(1).public()).unwrap();
    for store in [store, open(&folder)] {
        assert_eq!(store.statements().count(), 2);
        for edition in &editions {
            assert_eq!(held(&store, edition.name()).listing(), edition.listing());
            assert_eq!(held(&store, edition.name()).history(), edition.history());
        }
    }
}

#[test]
fn only_a_newer_version_is_put_and_one_begun_anew_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder);
    let name = list_signed(&shops(0, 3), 0, 5).name();
    store.put(&list_signed(&shops(0, 3), 0, 5), &town_key(0).public()).unwrap();
    for version in [4, 5] {
        let refused = store.put(&list_signed(&shops(0, 4), 0, version), &town_key(0).public());
        assert!(matches!(refused, Err(NotPut::NotNewer { .. })), "{refused:?}");
    }
    let old = fs::read(folder.path().join("100000-shops.statement")).unwrap_or_default();
    let anew = list_signed(&shops(0, 4), 0, 6);
    store.put(&anew, &town_key(0).public()).unwrap();
    assert_eq!(held(&open(&folder), name).history(), anew.history());
    // A crash between the two files: the old statement still has its document.
    let statement = folder.path().join(format!("{name}.statement"));
    let old = if old.is_empty() {
        codec::encode(list_signed(&shops(0, 3), 0, 5).statement())
    } else {
        old
    };
    fs::write(statement, old).unwrap();
    let opened = open(&folder);
    assert_eq!(opened.statement(name).unwrap().statement().version, ListVersion(5));
}

#[test]
fn files_that_cannot_be_read_stop_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let edition = list_signed(&shops(0, 3), 0, 1);
    let name = edition.name();
    open(&folder).put(&edition, &town_key(0).public()).unwrap();
    let document = folder.path().join(format!("{name}.automerge"));
    let statement = folder.path().join(format!("{name}.statement"));
    fs::write(&document, b"broken").unwrap();
    let mut store = open(&folder);
    assert!(load(store.folder(), store.statement(name).unwrap()).is_err());
    store.forget(name);
    assert!(store.statement(name).is_none() && !document.exists() && !statement.exists());
    store.put(&edition, &town_key(0).public()).unwrap();
    fs::write(&statement, b"broken").unwrap();
    fs::write(folder.path().join("another-file.statement"), b"").unwrap();
    assert_eq!(open(&folder).statements().count(), 0);
    // A statement under another list's name is none of that list.
    let bytes = codec::encode(edition.statement());
    fs::write(folder.path().join("102016-shops.statement"), bytes).unwrap();
    assert_eq!(open(&folder).statements().count(), 0);
}

#[test]
fn a_statement_about_another_list_or_other_heads_has_no_edition() {
    let document = shops(0, 3);
    let edition = list_signed(&document, 0, 1);
    let other = list_signed(&shops(1, 3), 1, 1);
    let fault = ListEdition::new(other.history(), edition.statement().clone());
    assert!(matches!(fault, Err(ListFault::Incomplete)), "{fault:?}");
    let mut said = other.statement().statement().clone();
    said.list = edition.name();
    let signed = SignedListStatement::sign(said, &town_key(0)).unwrap();
    let fault = ListEdition::new(other.history(), signed);
    assert!(matches!(fault, Err(ListFault::OtherList)), "{fault:?}");
    let long = (ListVersion(1), ISSUED, Time(ISSUED.0 + 31 * 86_400_000));
    assert!(matches!(signed_at(&document, long), Err(ListFault::Statement(_))));
}

fn signed_at(
    document: &ListDocument,
    at: (ListVersion, Time, Time),
) -> Result<ListEdition, ListFault> {
    sign_document(document, at, &town_key(0))
}

#[test]
fn a_proof_of_a_fork_freezes_its_list_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder);
    let (one, two) = (list_signed(&shops(0, 3), 0, 1), list_signed(&shops(0, 4), 0, 1));
    store.put(&one, &town_key(0).public()).unwrap();
    let (held, offered) = (one.statement().clone(), two.statement().clone());
    store.keep_proof(&ListForkProof { held, offered }).unwrap();
    let mut store = open(&folder);
    assert!(store.is_frozen(one.name()));
    assert!(matches!(
        store.put(&list_signed(&shops(0, 5), 0, 2), &town_key(0).public()),
        Err(NotPut::Frozen(_))
    ));
    store.put(&list_signed(&shops(1, 5), 1, 2), &town_key(1).public()).unwrap();
    fs::remove_file(folder.path().join(format!("{}.fork", one.name()))).unwrap();
    store.put(&list_signed(&shops(0, 5), 0, 2), &town_key(0).public()).unwrap();
}

#[test]
fn what_a_former_key_signed_is_replaced_whatever_its_version_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder);
    let stolen = list_signed(&shops(0, 3), 0, u64::MAX);
    store.put(&stolen, &town_key(0).public()).unwrap();
    let new_key = town_key(5);
    let at = (ListVersion(9), ISSUED, Time(ISSUED.0 + 1));
    let edition = sign_document(&shops(0, 2), at, &new_key).unwrap();
    assert!(matches!(store.put(&edition, &town_key(0).public()), Err(NotPut::NotNewer { .. })));
    store.put(&edition, &new_key.public()).unwrap();
    assert_eq!(held(&open(&folder), edition.name()).listing(), edition.listing());
}
