//! Two sides of a sync in memory: the document comes over, and nothing else does.

use automerge::{AutoCommit, ROOT, transaction::Transactable as _};
use jichi_protocol::{
    digest::Digest,
    directory::{Heads, Statement},
};

use super::{
    super::{directory::DirectoryDocument, fixture::*},
    *,
};

struct Town {
    _folder: tempfile::TempDir,
    store: DocumentStore,
}

fn town_with(edition: Option<Edition>) -> Town {
    let folder = tempfile::tempdir().unwrap();
    let mut store = DocumentStore::open(folder.path()).unwrap();
    edition.into_iter().for_each(|edition| store.put(edition).unwrap());
    Town { _folder: folder, store }
}

fn begin(town: &Town, offered: &SignedStatement) -> SyncSession {
    SyncSession::begin(&town.store, offered.clone(), &root(), NOW).unwrap()
}

/// Runs a session to its end; how many messages the asking side sent comes back too.
fn run(
    session: &mut SyncSession,
    answer: &mut SyncAnswer,
) -> Result<(Box<Edition>, usize), SyncFault> {
    for sent in 1..1000 {
        let message = session.next_message().unwrap();
        assert!(message.len() <= MESSAGE_BYTES_MAX);
        assert_eq!(session.next_message(), None, "one message at a time");
        let reply = answer.answer(&message)?;
        assert!(reply.as_ref().is_none_or(|reply| reply.len() <= MESSAGE_BYTES_MAX));
        match session.receive(reply.as_deref())? {
            Progress::More => {}
            Progress::Done(edition) => return Ok((edition, sent)),
        }
    }
    unreachable!("a session ends")
}

fn brought_over(town: &Town, from: &Edition) -> Result<(Box<Edition>, usize), SyncFault> {
    run(&mut begin(town, from.statement()), &mut SyncAnswer::begin(from))
}

#[test]
fn a_document_comes_over_whole() {
    let edition = signed(&document(1, 5));
    let mut asking = town_with(None);
    let (taken, messages) = brought_over(&asking, &edition).unwrap();
    assert_eq!(messages, 1);
    assert_eq!(taken.directory(), edition.directory());
    assert_eq!(taken.history(), edition.history());
    asking.store.put(*taken).unwrap();
    assert_eq!(asking.store.statement(), Some(edition.statement()));
}

#[test]
fn a_document_that_needs_many_messages_comes_over() {
    let edition = signed(&document(1, 1500));
    let (taken, messages) = brought_over(&town_with(None), &edition).unwrap();
    assert_eq!(taken.directory(), edition.directory());
    assert!((3..20).contains(&messages), "{messages}");
}

#[test]
fn only_the_difference_comes_over_to_whoever_holds_an_older_version() {
    let mut document = document(1, 100);
    let asking = town_with(Some(signed(&document)));
    for version in 2..40 {
        document.update(&of_towns(version, 100 + u16::try_from(version).unwrap())).unwrap();
    }
    let edition = signed(&document);
    let mut answer = SyncAnswer::begin(&edition);
    let mut session = begin(&asking, edition.statement());
    let message = session.next_message().unwrap();
    let reply = answer.answer(&message).unwrap().unwrap();
    assert!(reply.len() < 40_000, "{}", reply.len());
    let Progress::Done(taken) = session.receive(Some(&reply)).unwrap() else {
        let (taken, _) = run(&mut session, &mut answer).unwrap();
        return assert_eq!(taken.directory(), edition.directory());
    };
    assert_eq!(taken.directory(), edition.directory());
}

#[test]
fn every_length_of_a_common_history_comes_over() {
    // The filter is wrong about 1 % of the changes: they are then asked for by name.
    let mut document = document(1, 1);
    let mut editions = vec![signed(&document)];
    for version in 2..80 {
        document.update(&of_towns(version, 1)).unwrap();
        editions.push(signed(&document));
    }
    let newest = editions.pop().unwrap();
    for older in editions {
        let asking = town_with(Some(older));
        let (taken, messages) = brought_over(&asking, &newest).unwrap();
        assert_eq!(taken.history(), newest.history());
        assert!(messages <= 4, "{messages}");
    }
}

#[test]
fn a_document_that_was_begun_anew_replaces_the_old_one() {
    let mut asking = town_with(Some(signed(&document(1, 5))));
    let edition = signed(&document(2, 3));
    let (taken, _) = brought_over(&asking, &edition).unwrap();
    assert_eq!(taken.history(), edition.history(), "nothing of the old history stays");
    asking.store.put(*taken).unwrap();
    assert_eq!(asking.store.directory(), Some(edition.directory()));
}

#[test]
fn offline_edits_that_their_author_merged_come_over() {
    let mut office = document(1, 3);
    let asking = town_with(Some(signed(&office)));
    let mut train = DirectoryDocument::of_history(&office.history().unwrap()).unwrap();
    let mut renamed = of_towns(2, 3).members().to_vec();
    renamed[0].name_en = "Renamed".parse().unwrap();
    office.update(&directory(2, renamed)).unwrap();
    train.update(&of_towns(2, 4)).unwrap();
    office.merge(&mut train).unwrap();
    let edition = signed(&office);
    assert_eq!(edition.statement().statement().heads.as_slice().len(), 2);
    let (taken, _) = brought_over(&asking, &edition).unwrap();
    assert_eq!(taken.directory().member(town(0)).unwrap().name_en.as_str(), "Renamed");
    assert!(taken.directory().member(town(3)).is_some());
}

#[test]
fn a_peer_that_already_has_a_newer_one_still_gives_what_it_offered() {
    let mut document = document(1, 3);
    let offered = signed(&document);
    document.update(&of_towns(2, 9)).unwrap();
    let newer = signed(&document);
    let mut session = begin(&town_with(None), offered.statement());
    let (taken, _) = run(&mut session, &mut SyncAnswer::begin(&newer)).unwrap();
    assert_eq!(taken.history(), offered.history(), "what was not signed is left out");
}

#[test]
fn a_statement_is_only_followed_if_it_counts_and_is_newer() {
    let edition = signed(&document(2, 2));
    let held = town_with(Some(edition.clone()));
    let empty = town_with(None);
    let begun = |town: &Town, offered: &SignedStatement, now| {
        SyncSession::begin(&town.store, offered.clone(), &root(), now).map(|_| ())
    };
    let statement = edition.statement();
    let late = Time(ISSUED.0 + 31 * 86_400_000);
    let early = Time(ISSUED.0 - 3_600_000);
    assert!(begun(&empty, statement, NOW).is_ok());
    assert!(matches!(begun(&empty, statement, late), Err(NotBegun::Expired)));
    assert!(matches!(begun(&empty, statement, early), Err(NotBegun::NotYet)));
    assert!(matches!(begun(&held, statement, NOW), Err(NotBegun::Same)));
    let older = signed(&document(1, 2));
    assert!(matches!(begun(&held, older.statement(), NOW), Err(NotBegun::Older)));
    let mut one = Edition::unsigned(&document(3, 2)).unwrap();
    one.sign(&key(1)).unwrap();
    one.sign(&key(9)).unwrap();
    assert!(matches!(
        begun(&empty, one.statement(), NOW),
        Err(NotBegun::NotAuthorized(NotAuthorized::TooFewSigners))
    ));
}

#[test]
fn the_same_version_with_other_heads_is_a_fork_and_freezes() {
    let held = signed(&document(2, 2));
    let other = signed(&document(2, 3));
    let asking = town_with(Some(held.clone()));
    let begun = SyncSession::begin(&asking.store, other.statement().clone(), &root(), NOW);
    let Err(NotBegun::Fork(proof)) = begun else { panic!("no fork: {begun:?}") };
    assert_eq!((&proof.held, &proof.offered), (held.statement(), other.statement()));
    asking.store.keep_proof(&proof).unwrap();
    let newer = signed(&document(3, 3));
    let begun = SyncSession::begin(&asking.store, newer.statement().clone(), &root(), NOW);
    assert!(matches!(begun, Err(NotBegun::Frozen)));
}

#[test]
fn heads_that_the_peer_does_not_have_end_the_session() {
    let edition = signed(&document(1, 3));
    let wrong = signed_statement(&edition, |s: &mut Statement| {
        s.heads = Heads::new(vec![Head([5; 32])]).unwrap();
    });
    let ended = run(&mut begin(&town_with(None), &wrong), &mut SyncAnswer::begin(&edition));
    assert!(matches!(ended, Err(SyncFault::Withheld)), "{ended:?}");
}

#[test]
fn other_content_under_the_statement_is_dropped() {
    let edition = signed(&document(1, 3));
    let asking = town_with(None);
    let wrong = signed_statement(&edition, |s| s.content = Digest([5; 32]));
    let ended = run(&mut begin(&asking, &wrong), &mut SyncAnswer::begin(&edition));
    assert!(matches!(ended, Err(SyncFault::Edition(EditionFault::OtherContent))), "{ended:?}");
    // Another document under the right statement never gets so far: its hashes are not asked for.
    let other = signed(&document(1, 4));
    let ended = run(&mut begin(&asking, edition.statement()), &mut SyncAnswer::begin(&other));
    assert!(matches!(ended, Err(SyncFault::Withheld)), "{ended:?}");
    assert!(asking.store.held().is_none());
}

#[test]
fn garbage_is_refused_on_both_sides() {
    let edition = signed(&document(1, 3));
    let asking = town_with(None);
    for bytes in [&b""[..], b"\x42", b"\x43\x00", b"nonsense", &[0x42; 200], &[0xff; 5000]] {
        let mut session = begin(&asking, edition.statement());
        session.next_message().unwrap();
        assert!(matches!(session.receive(Some(bytes)), Err(SyncFault::Malformed)), "{bytes:?}");
        let answered = SyncAnswer::begin(&edition).answer(bytes);
        assert!(matches!(answered, Err(SyncFault::Malformed)), "{bytes:?}");
    }
}

#[test]
fn a_cut_or_flipped_reply_never_becomes_a_document() {
    let edition = signed(&document(1, 2));
    let asking = town_with(None);
    let message = begin(&asking, edition.statement()).next_message().unwrap();
    let reply = SyncAnswer::begin(&edition).answer(&message).unwrap().unwrap();
    for at in 0..reply.len() {
        let mut flipped = reply.clone();
        flipped[at] ^= 1;
        for bytes in [&flipped[..], &reply[..at]] {
            let mut session = begin(&asking, edition.statement());
            session.next_message().unwrap();
            match session.receive(Some(bytes)) {
                Err(_) | Ok(Progress::More) => {}
                // Only what is no part of the changes may differ.
                Ok(Progress::Done(taken)) => assert_eq!(taken.history(), edition.history()),
            }
        }
    }
}

#[test]
fn a_message_over_the_limit_is_refused_unread() {
    let edition = signed(&document(1, 3));
    let large = vec![0x42; MESSAGE_BYTES_MAX + 1];
    let mut session = begin(&town_with(None), edition.statement());
    session.next_message().unwrap();
    assert!(matches!(session.receive(Some(&large)), Err(SyncFault::TooLarge)));
    assert!(matches!(SyncAnswer::begin(&edition).answer(&large), Err(SyncFault::TooLarge)));
}

/// A message with these changes.
fn with_changes(changes: Vec<Vec<u8>>) -> Vec<u8> {
    let mut message = plain_message(&Automerge::new());
    message.changes = changes.into();
    message.encode()
}

#[test]
fn a_compressed_change_is_refused_unread() {
    let edition = signed(&document(1, 3));
    let mut bomb = AutoCommit::new();
    bomb.put(ROOT, "x", "0".repeat(10_000_000)).unwrap();
    let mut change = bomb.get_changes(&[]).remove(0);
    for bytes in [change.bytes().to_vec(), bomb.save()] {
        assert!(bytes.len() < MESSAGE_BYTES_MAX);
        let mut session = begin(&town_with(None), edition.statement());
        session.next_message().unwrap();
        let refused = session.receive(Some(&with_changes(vec![bytes])));
        assert!(matches!(refused, Err(SyncFault::History(HistoryFault::Kind))), "{refused:?}");
    }
}

#[test]
fn a_peer_that_sends_other_changes_for_ever_is_left() {
    let edition = signed(&document(1, 3));
    let mut session = begin(&town_with(None), edition.statement());
    let mut doc = AutoCommit::new();
    let ended = (0..=ROUNDS_MAX).find_map(|n| {
        let _ = session.next_message();
        doc.put(ROOT, "x", n).unwrap();
        doc.commit();
        let change = doc.get_changes(&[]).pop().unwrap().raw_bytes().to_vec();
        session.receive(Some(&with_changes(vec![change]))).err()
    });
    assert!(matches!(ended, Some(SyncFault::TooManyRounds)));
}

#[test]
fn the_answering_side_takes_no_change_and_ends_too() {
    let edition = signed(&document(1, 3));
    let mut answer = SyncAnswer::begin(&edition);
    let changes = signed(&document(1, 4)).history().to_bytes();
    let refused = answer.answer(&with_changes(vec![changes]));
    assert!(matches!(refused, Err(SyncFault::Unasked)));
    let mut answer = SyncAnswer::begin(&edition);
    let ended = (0..=ROUNDS_MAX).find_map(|_| answer.answer(&with_changes(vec![])).err());
    assert!(matches!(ended, Some(SyncFault::TooManyRounds)));
}

#[test]
fn a_filter_that_would_take_for_ever_is_refused() {
    let edition = signed(&document(1, 3));
    // No heads, no needs, one summary: no last sync, a filter of 1 entry, 10 bits, 2^32 - 1 probes.
    let filter = [1, 10, 0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0];
    let message = [&[0x42, 0, 0, 1, 0, 9][..], &filter, &[0]].concat();
    assert!(Message::decode(&message).is_ok());
    let refused = SyncAnswer::begin(&edition).answer(&message);
    assert!(matches!(refused, Err(SyncFault::Malformed)));
    let usual = [&[0x42, 0, 0, 1, 0, 5][..], &[1, 10, 7, 0, 0], &[0]].concat();
    assert!(SyncAnswer::begin(&edition).answer(&usual).unwrap().is_some());
}
