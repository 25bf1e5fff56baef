//! The desk: whole syncs over requests and replies, and sessions that do not get mixed up.

use super::{
    super::{
        fixture::*,
        list::store::ListStore,
        store::Edition,
        sync::{Progress, SyncSession},
    },
    *,
};

/// No list at all.
fn lists() -> Lists {
    Lists::new(ListStore::open(tempfile::tempdir().unwrap().path()).unwrap())
}

impl DocumentDesk {
    fn answer_of(
        &mut self,
        store: &DocumentStore,
        peer: &PeerId,
        request: &DocumentRequest,
    ) -> DocumentReply {
        self.answer((store, &lists()), peer, request, NOW)
    }
}

fn peer(n: u8) -> PeerId {
    PeerId::new(&[n; 38]).unwrap()
}

fn store_with(edition: Option<&Edition>) -> (tempfile::TempDir, DocumentStore) {
    let folder = tempfile::tempdir().unwrap();
    let mut store = DocumentStore::open(folder.path()).unwrap();
    edition.into_iter().for_each(|edition| store.put(edition.clone()).unwrap());
    (folder, store)
}

fn begin(number: u64, message: Vec<u8>) -> DocumentRequest {
    let (document, session) = (DocumentName::Directory, SessionNumber(number));
    DocumentRequest::BeginSync { document, session, message: message.into() }
}

fn go_on(number: u64, message: Vec<u8>) -> DocumentRequest {
    DocumentRequest::ContinueSync { session: SessionNumber(number), message: message.into() }
}

fn first_message() -> Vec<u8> {
    let (_folder, store) = store_with(None);
    let offered = signed(&document(1, 1)).statement().clone();
    SyncSession::begin(&store, offered, &root(), NOW).unwrap().next_message().unwrap()
}

#[test]
fn a_document_travels_by_requests_and_replies() {
    let edition = signed(&document(1, 900));
    let (_theirs, theirs) = store_with(Some(&edition));
    let (_ours, mut ours) = store_with(None);
    let mut desk = DocumentDesk::default();
    let ask = DocumentRequest::AskStatement(DocumentName::Directory);
    let DocumentReply::Statement(offered) = desk.answer_of(&theirs, &peer(1), &ask) else {
        panic!("no statement")
    };
    let mut session = SyncSession::begin(&ours, offered, &root(), NOW).unwrap();
    let mut request = begin(7, session.next_message().unwrap());
    for _ in 0..100 {
        let bytes = desk.answer_of(&theirs, &peer(1), &request).encode();
        let DocumentReply::Sync(reply) = DocumentReply::decode(&bytes).unwrap() else {
            panic!("no sync reply")
        };
        match session.receive(reply.as_deref().map(Vec::as_slice)).unwrap() {
            Progress::More => request = go_on(7, session.next_message().unwrap()),
            Progress::Done(edition) => {
                ours.put(*edition).unwrap();
                break;
            }
        }
    }
    assert_eq!(ours.directory(), Some(edition.directory()));
}

#[test]
fn whoever_holds_nothing_says_so() {
    let (_folder, store) = store_with(None);
    let mut desk = DocumentDesk::default();
    let ask = DocumentRequest::AskStatement(DocumentName::Directory);
    assert_eq!(desk.answer_of(&store, &peer(1), &ask), DocumentReply::Nothing);
    let reply = desk.answer_of(&store, &peer(1), &begin(1, first_message()));
    assert_eq!(reply, DocumentReply::Nothing);
}

#[test]
fn a_session_is_its_peers_and_its_numbers() {
    let (_folder, store) = store_with(Some(&signed(&document(1, 900))));
    let mut desk = DocumentDesk::default();
    let unknown = DocumentReply::Refused(RefusedReason::UnknownSession);
    let answered = |reply| matches!(reply, DocumentReply::Sync(Some(_)));
    assert!(answered(desk.answer_of(&store, &peer(1), &begin(1, first_message()))));
    assert_eq!(desk.answer_of(&store, &peer(2), &go_on(1, first_message())), unknown);
    assert_eq!(desk.answer_of(&store, &peer(1), &go_on(2, first_message())), unknown);
    assert!(answered(desk.answer_of(&store, &peer(1), &go_on(1, first_message()))));
    // A new session of the same peer ends the former one.
    assert!(answered(desk.answer_of(&store, &peer(1), &begin(2, first_message()))));
    assert_eq!(desk.answer_of(&store, &peer(1), &go_on(1, first_message())), unknown);
}

#[test]
fn a_bad_message_ends_its_session() {
    let (_folder, store) = store_with(Some(&signed(&document(1, 900))));
    let mut desk = DocumentDesk::default();
    let _ = desk.answer_of(&store, &peer(1), &begin(1, first_message()));
    let refused = desk.answer_of(&store, &peer(1), &go_on(1, vec![1, 2, 3]));
    assert_eq!(refused, DocumentReply::Refused(RefusedReason::BadMessage));
    let gone = desk.answer_of(&store, &peer(1), &go_on(1, first_message()));
    assert_eq!(gone, DocumentReply::Refused(RefusedReason::UnknownSession));
}

#[test]
fn one_session_too_many_ends_the_oldest() {
    let (_folder, store) = store_with(Some(&signed(&document(1, 2))));
    let mut desk = DocumentDesk::default();
    for n in 0..=u8::try_from(SESSIONS_MAX).unwrap() {
        let _ = desk.answer_of(&store, &peer(n), &begin(1, first_message()));
    }
    assert_eq!(desk.sessions.len(), SESSIONS_MAX);
    let gone = desk.answer_of(&store, &peer(0), &go_on(1, first_message()));
    assert_eq!(gone, DocumentReply::Refused(RefusedReason::UnknownSession));
}
