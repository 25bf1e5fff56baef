//! The folder: what is put is there again after a start, whatever was cut off.

use jichi_protocol::{
    codec::{decode, encode},
    digest::Digest,
    directory::{Head, Heads},
};

use super::{super::fixture::*, *};

fn open(folder: &tempfile::TempDir) -> DocumentStore {
    DocumentStore::open(folder.path()).unwrap()
}

#[test]
fn what_is_put_is_held_and_there_after_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder);
    assert!(store.held().is_none() && store.statement().is_none() && store.directory().is_none());
    let edition = signed(&document(1, 5));
    store.put(edition.clone()).unwrap();
    for store in [store, open(&folder)] {
        assert_eq!(store.directory().unwrap(), edition.directory());
        assert_eq!(store.statement().unwrap(), edition.statement());
        assert_eq!(store.held().unwrap().history(), edition.history());
    }
}

#[test]
fn only_a_newer_version_is_put() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder);
    let mut document = document(2, 2);
    store.put(signed(&document)).unwrap();
    for version in [1, 2] {
        document.update(&of_towns(version, 3)).unwrap();
        let refused = store.put(signed(&document));
        assert!(matches!(refused, Err(StoreFault::NotNewer { .. })));
    }
    assert_eq!(open(&folder).directory().unwrap().members().len(), 2);
    document.update(&of_towns(3, 3)).unwrap();
    store.put(signed(&document)).unwrap();
    assert_eq!(open(&folder).directory().unwrap().members().len(), 3);
}

#[test]
fn a_crash_between_the_two_files_leaves_the_old_version() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder);
    store.put(signed(&document(1, 2))).unwrap();
    let old = fs::read(folder.path().join(STATEMENT_FILE)).unwrap();
    // Version 2 is begun anew, so its history does not hold version 1.
    store.put(signed(&document(2, 3))).unwrap();
    fs::write(folder.path().join(STATEMENT_FILE), old).unwrap();
    let mut store = open(&folder);
    assert_eq!(store.directory().unwrap().version().0, 1);
    store.put(signed(&document(2, 3))).unwrap();
    assert_eq!(open(&folder).directory().unwrap().version().0, 2);
}

#[test]
fn a_crash_before_the_first_statement_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    open(&folder).put(signed(&document(1, 2))).unwrap();
    fs::remove_file(folder.path().join(STATEMENT_FILE)).unwrap();
    assert!(open(&folder).held().is_none());
}

#[test]
fn broken_files_are_named_and_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder);
    store.put(signed(&document(1, 2))).unwrap();
    let (document, statement) =
        (folder.path().join(DOCUMENT_FILE), folder.path().join(STATEMENT_FILE));
    let (good_document, good_statement) =
        (fs::read(&document).unwrap(), fs::read(&statement).unwrap());
    let fault = || DocumentStore::open(folder.path()).unwrap_err();

    for at in [0, 5, 30, good_document.len() / 2, good_document.len() - 1] {
        let mut bytes = good_document.clone();
        bytes[at] ^= 1;
        fs::write(&document, bytes).unwrap();
        assert!(matches!(fault(), StoreFault::Edition { .. }), "byte {at}");
    }
    fs::remove_file(&document).unwrap();
    assert!(matches!(fault(), StoreFault::Edition { fault: EditionFault::Incomplete, .. }));
    fs::write(&document, vec![0; HISTORY_BYTES_MAX + 1]).unwrap();
    assert!(matches!(fault(), StoreFault::TooLarge(_)));

    fs::write(&document, &good_document).unwrap();
    fs::write(&statement, &good_statement[1..]).unwrap();
    assert!(matches!(fault(), StoreFault::Statement { .. }));
    fs::write(&statement, vec![0; STATEMENT_BYTES_MAX + 1]).unwrap();
    assert!(matches!(fault(), StoreFault::TooLarge(_)));
    fs::write(&statement, &good_statement).unwrap();
    assert_eq!(open(&folder).statement(), store.statement());
}

#[test]
fn a_document_that_says_something_else_than_its_statement_is_no_edition() {
    let edition = signed(&document(1, 2));
    let with = |change: fn(&mut jichi_protocol::directory::Statement)| {
        Edition::new(edition.history(), signed_statement(&edition, change)).map(|_| ())
    };
    assert!(with(|_| ()).is_ok());
    let other = |result| assert!(matches!(result, Err(EditionFault::OtherContent)));
    other(with(|s| s.content = Digest([0; 32])));
    other(with(|s| s.version = s.version.next()));
    other(with(|s| s.valid_until.0 -= 1));
    other(with(|s| s.issued.0 += 1));
    let lost = with(|s| s.heads = Heads::new(vec![Head([1; 32])]).unwrap());
    assert!(matches!(lost, Err(EditionFault::Incomplete)));
}

#[test]
fn a_proof_of_a_fork_freezes_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder);
    store.put(signed(&document(1, 2))).unwrap();
    let proof = ForkProof {
        held: store.statement().unwrap().clone(),
        offered: signed(&document(1, 3)).statement().clone(),
    };
    store.keep_proof(&proof).unwrap();
    let other = ForkProof { held: proof.offered.clone(), offered: proof.held.clone() };
    store.keep_proof(&other).unwrap();
    let bytes = fs::read(folder.path().join(PROOF_FILE)).unwrap();
    assert_eq!(decode::<ForkProof>(&bytes).unwrap(), proof, "the first proof stays");
    assert_eq!(bytes, encode(&proof));
    for mut store in [store, open(&folder)] {
        assert!(store.is_frozen());
        assert!(matches!(store.put(signed(&document(2, 3))), Err(StoreFault::Frozen(_))));
        assert_eq!(store.directory().unwrap().version().0, 1);
    }
}
