//! Two towns' logs against each other.

use jichi_protocol::{
    agreement::{Agreement, Movable, Seal, SignedAgreement},
    cross::Contradiction,
    directory::{
        Directory, DirectoryVersion, DocumentName, Few, Head, Heads, Member, Party, PeerId,
        SignedStatement, Statement,
    },
    envelope::Envelope,
};

use super::{
    super::cross::{CrossAudit, cross_audit},
    *,
};

const HANDLE: Handle = Handle([5; 16]);

fn crossed(a: &Place, b: &Place) -> Result<CrossAudit, CannotRead> {
    let trusted = Trusted { keys: vec![vkey(TOWN), vkey(OTHER_TOWN)], checkpoints: Vec::new() };
    cross_audit(a, b, &Terms { trusted: &trusted, token: None, now: NOW }, &mut |_, _| {})
}

#[test]
fn two_logs_without_messages_agree() {
    let (a, b) = (Town::with_a_payment(TOWN), Town::with_a_payment(OTHER_TOWN));
    let found = crossed(&a.place(), &b.place()).unwrap();
    assert!(found.sound(), "{}", found.text());
    assert_eq!(found.json()["common"], 0);
    assert!(matches!(crossed(&a.place(), &a.place()), Err(CannotRead::SameTown)));
}

#[test]
fn a_log_that_is_not_sound_agrees_with_no_other() {
    let (a, b) = (Town::with_a_payment(TOWN), Town::with_a_payment(OTHER_TOWN));
    let forged = TempDir::new().unwrap();
    write_log(forged.path(), TOWN, &log_key(OTHER_TOWN), &a.entries());
    let found = crossed(&Place::Folder(forged.path().to_path_buf()), &b.place()).unwrap();
    assert!(!found.sound());
    assert!(found.text().starts_with("検証に失敗しました"), "{}", found.text());
}

/// What the federation knows of both towns.
fn directory() -> Command {
    let member = |town: &str| Member {
        who: Party::Town(town.parse().unwrap()),
        name_ja: "町".parse().unwrap(),
        name_en: "Town".parse().unwrap(),
        log_key: log_key(town).public(),
        generation: Generation(1),
        channel_key: key_of(town, 1).public(),
        transport: PeerId::new(town.as_bytes()).unwrap(),
        addresses: Few::new(Vec::new()).unwrap(),
        versions: Few::new(vec![1]).unwrap(),
        witness_key: None,
        witnesses: None,
        revoked: None,
    };
    let issued = jichi_node::clock::now();
    let (version, valid_until) = (DirectoryVersion(1), issued.later_by_ms(86_400_000));
    let members = vec![member(TOWN), member(OTHER_TOWN)];
    let whole = Directory::new(version, issued, valid_until, members.clone()).unwrap();
    let statement = Statement {
        document: DocumentName::Directory,
        version,
        heads: Heads::new(vec![Head([1; 32])]).unwrap(),
        content: whole.content(),
        issued,
        valid_until,
    };
    let mut statement = SignedStatement::new(statement).unwrap();
    statement.add_signature(&key_of("root", 9)).unwrap();
    let part = DirectoryPart { statement, part: 0, parts: 1, members };
    Command::TakeDirectory(part, Nothing {})
}

fn agreement() -> Command {
    let agreement = Agreement {
        low: TOWN.parse().unwrap(),
        high: OTHER_TOWN.parse().unwrap(),
        number: 1,
        movable: Movable::Everything,
        cap: Points::from_u32(100_000),
        from: BusinessDate::new(2020, 1, 1).unwrap(),
        until: BusinessDate::LAST,
        shops: None,
        movements: None,
    };
    let seal = |town| {
        let key = key_of(town, 1);
        let signature = key.sign(Domain::Agreement, &codec::encode(&agreement));
        Seal { key: key.public(), signature }
    };
    let (low, high) = (seal(TOWN), seal(OTHER_TOWN));
    let signed = SignedAgreement { agreement, low, high };
    Command::TakeAgreement(signed, ByOfficer { officer: OFFICER })
}

/// Two towns that know each other, and an account of each.
fn neighbours() -> (Town, AccountId, Town, AccountId) {
    let live = |name| {
        let mut town = Town::new(name);
        let running = town.run();
        let account = town.live_a_day(&running.engine);
        submit(&running.engine, None, directory());
        submit(&running.engine, None, agreement());
        running.stop();
        (town, account)
    };
    let ((a, from), (b, to)) = (live(TOWN), live(OTHER_TOWN));
    (a, from, b, to)
}

/// Offers points to the other town, and gives the message.
fn offer(stores: &Path, key: ClientKey, account: AccountId, points: u32) -> Envelope {
    let running = start(&Stores::of(stores), keys(TOWN), Verify::All, SEGMENT).unwrap();
    let shared = OfferShared {
        transfer: TransferId([3; 16]),
        town: OTHER_TOWN.parse().unwrap(),
        points: Points::from_u32(points),
    };
    let private =
        OfferPrivate { account, recipient: HANDLE, source: Source::Balance, actor: Actor::Holder };
    let key = Some(OperationKey::Client(key));
    let entry = submit_keyed(&running.engine, key, Command::Offer(shared, private));
    running.stop();
    let Outcome::Done(effect) = &entry.outcome else { panic!("{entry:?}") };
    effect.sent.clone().unwrap()
}

/// Takes a message of the first town, and gives the answer.
fn hear(town: &mut Town, account: AccountId, envelope: &Envelope) {
    let running = town.run();
    let issue = HandleIssue { account, town: TOWN.parse().unwrap(), handle: HANDLE };
    let key = town.fresh();
    submit(&running.engine, Some(key), Command::IssueHandle(Nothing {}, issue));
    let header = envelope.header();
    let key = OperationKey::Channel {
        peer: header.sender,
        generation: header.generation,
        number: header.number,
    };
    let received = Received { envelope: envelope.encode() };
    let command = Command::HandleEnvelope(Nothing {}, received);
    let entry = submit_keyed(&running.engine, Some(key), command);
    running.stop();
    assert!(matches!(entry.outcome, Outcome::Done(_)), "{entry:?}");
}

#[test]
fn what_went_between_two_towns_agrees_and_what_is_under_way_is_counted() {
    let (mut a, from, mut b, to) = neighbours();
    let key = a.fresh();
    let envelope = offer(a.dir.path(), key, from, 100);
    let found = crossed(&a.place(), &b.place()).unwrap();
    let report = found.report.as_ref().unwrap();
    assert!(found.sound(), "{}", found.text());
    assert_eq!((report.common, report.under_way), (0, 1));
    hear(&mut b, to, &envelope);
    let found = crossed(&a.place(), &b.place()).unwrap();
    let report = found.report.as_ref().unwrap();
    assert!(found.sound(), "{}", found.text());
    // The offer has come; its answer has not.
    assert_eq!((report.common, report.under_way), (1, 1));
    let debit = (Account::OwedBy(TOWN.parse().unwrap()), Side::Debit, Points::from_u32(100));
    assert!(found.b.books.as_ref().unwrap().accounts.contains(&debit));
}

#[test]
fn a_message_with_two_contents_is_shown_with_its_place_and_both_signatures() {
    let (mut a, from, mut b, to) = neighbours();
    let before = copy(&a);
    let key = a.fresh();
    let told = offer(a.dir.path(), key, from, 100);
    hear(&mut b, to, &told);
    // The town shows its auditors another log, in which it offered less.
    let shown = offer(before.path(), a.fresh(), from, 40);
    let place = Place::Folder(before.path().to_path_buf());
    let found = crossed(&place, &b.place()).unwrap();
    assert!(!found.sound());
    let contradictions = &found.report.as_ref().unwrap().contradictions;
    let [Contradiction::Different { sent, received, .. }, Contradiction::Sums { .. }] =
        contradictions.as_slice()
    else {
        panic!("{}", found.text());
    };
    let text = found.text();
    assert!(text.contains("Message 1 of generation 1 from 082015 differs"), "{text}");
    for part in [
        format!("sent     in entry {}", sent.entry),
        format!("received in entry {}", received.entry),
        shown.signature().to_string(),
        told.signature().to_string(),
    ] {
        assert!(text.contains(&part), "{part} is missing in:\n{text}");
    }
    assert_eq!(found.json()["contradictions"][0]["sent"]["number"], 1);
    assert_eq!(found.json()["contradictions"][1]["claims"], 100);
}

#[test]
fn a_message_that_was_never_sent_is_shown() {
    let (mut a, from, mut b, to) = neighbours();
    let before = copy(&a);
    let key = a.fresh();
    let envelope = offer(a.dir.path(), key, from, 100);
    hear(&mut b, to, &envelope);
    let place = Place::Folder(before.path().to_path_buf());
    let found = crossed(&b.place(), &place).unwrap();
    assert!(!found.sound());
    assert!(found.text().contains("was received, and never sent"), "{}", found.text());
}
