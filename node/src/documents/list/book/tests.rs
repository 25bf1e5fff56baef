//! Lists between two nodes: what is wanted, what is begun, and what comes over by the desk.

use std::slice;

use jichi_protocol::directory::PeerId;

use super::{
    super::super::{
        desk::DocumentDesk,
        fixture::*,
        store::DocumentStore,
        sync::{Progress, SyncFault},
        wire::{DocumentReply, DocumentRequest, SessionNumber},
    },
    *,
};

struct Node {
    _folder: tempfile::TempDir,
    lists: Lists,
    desk: DocumentDesk,
    directory: DocumentStore,
}

fn node(editions: &[ListEdition]) -> Node {
    let folder = tempfile::tempdir().unwrap();
    let lists = Lists::new(ListStore::open(&folder.path().join("lists")).unwrap());
    for edition in editions {
        lists.put(edition.clone(), &key_of(edition.name())).unwrap();
    }
    let directory = DocumentStore::open(folder.path()).unwrap();
    Node { _folder: folder, lists, desk: DocumentDesk::default(), directory }
}

/// The key that the directory names for the town of a list.
fn key_of(name: ListName) -> PublicKey {
    listing_members(3).member(Party::Town(name.town)).unwrap().channel_key
}

impl Node {
    fn asked(&mut self, request: &DocumentRequest) -> DocumentReply {
        let peer = PeerId::new(&[1; 38]).unwrap();
        let reply = self.desk.answer((&self.directory, &self.lists), &peer, request, NOW);
        DocumentReply::decode(&reply.encode()).unwrap()
    }

    fn inventory(&mut self) -> Inventory {
        let nothing = Inventory::default().digest();
        let reply = self.asked(&DocumentRequest::AskLists(nothing));
        let DocumentReply::Lists(theirs) = reply else { panic!("{reply:?}") };
        theirs
    }
}

/// Takes a list over; how many messages the asking side sent comes back.
fn take(ours: &Lists, theirs: &mut Node, name: ListName) -> Result<usize, SyncFault> {
    let offered = theirs.lists.statement(name).unwrap();
    let mut open = ours.begin(name, offered, &listing_members(3), NOW).unwrap();
    let session = SessionNumber(7);
    for sent in 1..1_000 {
        let message = open.next_message().unwrap().into();
        let request = if sent == 1 {
            DocumentRequest::BeginList { list: name, session, message }
        } else {
            DocumentRequest::ContinueSync { session, message }
        };
        let DocumentReply::Sync(reply) = theirs.asked(&request) else { panic!("no sync reply") };
        match open.receive(reply.as_deref().map(Vec::as_slice))? {
            Progress::More => {}
            Progress::Done(edition) => {
                ours.put(*edition, &key_of(name)).unwrap();
                return Ok(sent);
            }
        }
    }
    unreachable!("a session ends")
}

#[test]
fn lists_come_over_and_only_what_is_newer_is_wanted() {
    let members = listing_members(3);
    let editions = [list_signed(&shops(0, 300), 0, 5), list_signed(&shops(1, 3), 1, 5)];
    let mut theirs = node(&editions);
    let ours = node(&[]);
    let inventory = theirs.inventory();
    for name in ours.lists.wanted(&inventory, &members) {
        take(&ours.lists, &mut theirs, name).unwrap();
    }
    for edition in &editions {
        assert_eq!(ours.lists.edition(edition.name()).unwrap().listing(), edition.listing());
    }
    assert_eq!(ours.lists.wanted(&inventory, &members), []);
    let same = DocumentRequest::AskLists(ours.lists.inventory(NOW).digest());
    assert_eq!(theirs.asked(&same), DocumentReply::Nothing);
    // Towns that are not in the directory are not asked for, and old lists are not offered.
    assert_eq!(node(&[]).lists.wanted(&inventory, &listing_members(0)), []);
    let late = Time(ISSUED.0 + 31 * 86_400_000);
    assert_eq!(theirs.lists.inventory(late), Inventory::default());
}

#[test]
fn a_node_that_missed_versions_catches_up_also_over_a_document_begun_anew() {
    let mut document = shops(0, 3);
    let ours = node(&[list_signed(&document, 0, 1)]);
    for n in 2..40_u32 {
        let details = super::super::ShopDetails {
            area: Some(format!("第{n}区").parse().unwrap()),
            ..Default::default()
        };
        document.tell(jichi_protocol::id::MerchantId(1), &details).unwrap().unwrap();
    }
    let newest = list_signed(&document, 0, 40);
    let messages = take(&ours.lists, &mut node(slice::from_ref(&newest)), newest.name()).unwrap();
    assert!(messages <= 4, "{messages}");
    assert_eq!(ours.lists.edition(newest.name()).unwrap().listing(), newest.listing());
    let anew = list_signed(&shops(0, 2), 0, 41);
    take(&ours.lists, &mut node(slice::from_ref(&anew)), anew.name()).unwrap();
    assert_eq!(ours.lists.edition(anew.name()).unwrap().history(), anew.history());
}

#[test]
fn a_list_that_is_signed_again_unchanged_needs_no_message() {
    let document = shops(0, 3);
    let ours = node(&[list_signed(&document, 0, 1)]);
    let again = list_signed(&document, 0, 2);
    let offered = again.statement().clone();
    let session = ours.lists.begin(again.name(), offered, &listing_members(1), NOW).unwrap();
    let taken = session.at_once().unwrap().unwrap();
    ours.lists.put(taken, &key_of(again.name())).unwrap();
    assert_eq!(ours.lists.statement(again.name()).as_ref(), Some(again.statement()));
}

#[test]
fn only_the_town_itself_may_sign_its_list() {
    let ours = node(&[]);
    let members = listing_members(2);
    let edition = list_signed(&shops(0, 3), 0, 1);
    let name = edition.name();
    let begun = |statement: &SignedListStatement, now| {
        ours.lists.begin(name, statement.clone(), &members, now).map(|_| ())
    };
    assert!(begun(edition.statement(), NOW).is_ok());
    let forged = SignedListStatement::sign(edition.statement().statement().clone(), &town_key(1));
    assert!(matches!(begun(&forged.unwrap(), NOW), Err(NotOffered::Signature)));
    let other = list_signed(&shops(1, 3), 1, 1);
    assert!(matches!(begun(other.statement(), NOW), Err(NotOffered::NoMember)));
    let late = Time(ISSUED.0 + 31 * 86_400_000);
    assert!(matches!(begun(edition.statement(), late), Err(NotOffered::Expired)));
    let early = Time(ISSUED.0 - 3_600_000);
    assert!(matches!(begun(edition.statement(), early), Err(NotOffered::NotYet)));
    let stranger = list_signed(&shops(2, 3), 2, 1);
    let begun = ours.lists.begin(stranger.name(), stranger.statement().clone(), &members, NOW);
    assert!(matches!(begun, Err(NotOffered::NoMember)));
}

#[test]
fn two_lists_of_one_version_freeze_it_and_the_proof_is_kept() {
    let members = listing_members(1);
    let (one, two) = (list_signed(&shops(0, 3), 0, 1), list_signed(&shops(0, 4), 0, 1));
    let name = one.name();
    let ours = node(slice::from_ref(&one));
    let inventory = node(slice::from_ref(&two)).inventory();
    assert_eq!(ours.lists.wanted(&inventory, &members), [name], "another mark is looked at");
    let begun = ours.lists.begin(name, two.statement().clone(), &members, NOW);
    assert!(matches!(begun, Err(NotOffered::Fork)));
    assert!(ours.lists.is_frozen(name));
    assert_eq!(ours.lists.wanted(&inventory, &members), []);
    let newer = list_signed(&shops(0, 5), 0, 2);
    let begun = ours.lists.begin(name, newer.statement().clone(), &members, NOW);
    assert!(matches!(begun, Err(NotOffered::Frozen)));
    assert_eq!(ours.lists.edition(name).unwrap().listing(), one.listing(), "it is still shown");
}

#[test]
fn another_document_under_the_statement_is_dropped() {
    let edition = list_signed(&shops(0, 3), 0, 2);
    let other = list_signed(&shops(0, 4), 0, 2);
    let (ours, mut theirs) = (node(&[]), node(&[other]));
    let offered = edition.statement().clone();
    let mut session = ours.lists.begin(edition.name(), offered, &listing_members(1), NOW).unwrap();
    let ended = (0..9).find_map(|sent| {
        let (list, session_number) = (edition.name(), SessionNumber(7));
        let message = session.next_message().unwrap().into();
        let request = if sent == 0 {
            DocumentRequest::BeginList { list, session: session_number, message }
        } else {
            DocumentRequest::ContinueSync { session: session_number, message }
        };
        let DocumentReply::Sync(reply) = theirs.asked(&request) else { panic!("no sync reply") };
        session.receive(reply.as_deref().map(Vec::as_slice)).err()
    });
    assert!(matches!(ended, Some(SyncFault::Withheld)), "{ended:?}");
    assert!(ours.lists.statement(edition.name()).is_none());
}

#[test]
fn a_history_over_the_limit_of_a_list_is_refused_before_it_is_read() {
    // Twice the limit of a list, though a directory might be so large.
    let mut document = shops(0, 1);
    let count = u32::try_from(super::super::super::history::Bounds::LIST.changes).unwrap() * 2;
    for n in 0..=count {
        let details = super::super::ShopDetails {
            area: Some(format!("第{n}区").parse().unwrap()),
            ..Default::default()
        };
        document.tell(jichi_protocol::id::MerchantId(1), &details).unwrap().unwrap();
    }
    let history = document.history().unwrap();
    let said = jichi_protocol::public_list::ListStatement {
        list: document.listing().unwrap().name(),
        version: jichi_protocol::public_list::ListVersion(2),
        heads: document.heads().unwrap(),
        issued: ISSUED,
        valid_until: Time(ISSUED.0 + 1),
    };
    let signed = SignedListStatement::sign(said, &town_key(0)).unwrap();
    assert!(ListEdition::new(&history, signed.clone()).is_err());
    let ours = node(&[]);
    let name = signed.statement().list;
    let now = Time(ISSUED.0);
    let mut session = ours.lists.begin(name, signed, &listing_members(1), now).unwrap();
    let mut answer = super::super::super::sync::SyncAnswer::over(document.automerge());
    let ended = (0..99).find_map(|_| {
        let reply = answer.answer(&session.next_message().unwrap()).unwrap();
        session.receive(reply.as_deref()).err()
    });
    assert!(matches!(ended, Some(SyncFault::History(_))), "{ended:?}");
}

#[test]
fn lists_of_towns_that_left_are_dropped_and_the_own_ones_stay() {
    let editions = [list_signed(&shops(0, 3), 0, 1), list_signed(&shops(1, 3), 1, 1)];
    let ours = node(&editions);
    ours.lists.keep_members(&listing_members(0), town(0));
    assert_eq!(ours.lists.towns(), [editions[0].name().town]);
}

#[test]
fn a_list_of_a_stolen_key_gives_way_to_one_of_the_key_that_replaced_it() {
    let stolen = list_signed(&shops(0, 3), 0, u64::MAX);
    let name = stolen.name();
    let ours = node(&[stolen]);
    let new_key = town_key(7);
    let mut members = listing_members(1).members().to_vec();
    members[0].channel_key = new_key.public();
    let members = directory(2, members);
    let at = (jichi_protocol::public_list::ListVersion(5), ISSUED, Time(ISSUED.0 + 86_400_000));
    let edition = super::super::store::sign_document(&shops(0, 2), at, &new_key).unwrap();
    let theirs = Held { list: name, version: at.0, mark: edition.statement().mark() };
    let theirs = Inventory::of([theirs].into_iter());
    assert_eq!(ours.lists.wanted(&theirs, &listing_members(1)), [], "as long as the key is theirs");
    assert_eq!(ours.lists.wanted(&theirs, &members), [name]);
    let offered = edition.statement().clone();
    assert!(ours.lists.begin(name, offered, &members, NOW).is_ok());
    ours.lists.put(edition.clone(), &new_key.public()).unwrap();
    assert_eq!(ours.lists.edition(name).unwrap().listing(), edition.listing());
}
