//! Audits of logs that a real engine wrote, as they are and altered.

mod cross;
mod export;
mod inspect;
mod invariants;
mod remote;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use jichi_node::{
    engine::{
        Answer, Engine,
        start::{Keys, Running, StartError, Stores, begin, start},
    },
    journal::{
        Journal, Verify, damage::OpenError, reader::Reader, sector::Log, segment::SegmentBytes,
    },
};
use jichi_protocol::{
    account::{Account, HolderClass, Side},
    codec,
    command::*,
    date::{BusinessDate, Time},
    digest::Digest,
    directory::DirectoryRoot,
    entry::{Effect, Entry, Outcome, Submission},
    id::*,
    intent::PaymentIntent,
    key::{ClientKey, OperationKey},
    log::{
        checkpoint::{Checkpoint, Origin, SignedCheckpoint},
        note::{KeyKind, VerifierKey},
        tree::{Tree, leaf_hash},
    },
    lot::{Grace, Issuer, Paid},
    points::Points,
    posting::{Posting, Postings},
    programme::{Audience, ExpiryRule, Programme},
    replay::Finding,
    signature::{Domain, SigningKey},
    terms::Method,
};
use tempfile::TempDir;

use super::{
    CannotRead,
    fold::{Fault, LogKey, Trusted},
    report::Report,
    source::Place,
    verify::{Terms, verify},
};

const NOW: Time = Time(1_800_000_000_000);
const SEGMENT: SegmentBytes = SegmentBytes::new(1 << 20).unwrap();
const OFFICER: OfficerId = OfficerId(7);
const SHOP: MerchantId = MerchantId(1);
const TILL: TerminalId = TerminalId(1);
const PROGRAMME: ProgrammeId = ProgrammeId(1);
const TOWN: &str = "082015";
const OTHER_TOWN: &str = "131016";

fn key_of(town: &str, what: u8) -> SigningKey {
    let Digest(seed) = Digest::of(&[town.as_bytes(), &[what]]);
    SigningKey::from_seed(&seed)
}

fn log_key(town: &str) -> SigningKey {
    key_of(town, 0)
}

fn origin(town: &str) -> Origin {
    Origin::of(town.parse().unwrap(), Generation(1))
}

fn vkey(town: &str) -> VerifierKey {
    let name = origin(town).key_name().clone();
    VerifierKey { name, kind: KeyKind::Log, key: log_key(town).public() }
}

/// A town whose log lies in a folder, as a node leaves it.
struct Town {
    dir: TempDir,
    name: &'static str,
    counter: u8,
}

impl Town {
    fn new(name: &'static str) -> Self {
        let dir = TempDir::new().unwrap();
        let opening = TownOpening {
            town: name.parse().unwrap(),
            generation: Generation(1),
            log_key: log_key(name).public(),
            channel_key: key_of(name, 1).public(),
            root: DirectoryRoot::new(vec![key_of("root", 9).public()], 1).unwrap(),
            rules: RulesVersion::V1,
            date: BusinessDate::LAST,
        };
        begin(&Stores::of(dir.path()), opening, &keys(name), SEGMENT).unwrap();
        Self { dir, name, counter: 0 }
    }

    /// A town with a resident who was granted 500 points, paid 120, and asked for too much.
    fn with_a_payment(name: &'static str) -> Self {
        let mut town = Self::new(name);
        let running = town.run();
        town.live_a_day(&running.engine);
        running.stop();
        town
    }

    fn run(&self) -> Running {
        let run = || start(&Stores::of(self.dir.path()), keys(self.name), Verify::All, SEGMENT);
        for _ in 0..100 {
            match run() {
                // A program that another test starts holds the lock until it has become itself.
                Err(StartError::Open(OpenError::Locked(_))) => {
                    std::thread::sleep(std::time::Duration::from_millis(20));
                }
                other => return other.unwrap(),
            }
        }
        run().unwrap()
    }

    fn place(&self) -> Place {
        Place::Folder(self.dir.path().to_path_buf())
    }

    fn fresh(&mut self) -> ClientKey {
        self.counter = self.counter.saturating_add(1);
        ClientKey::of(jichi_node::clock::now(), [self.counter; 10])
    }

    fn live_a_day(&mut self, engine: &Engine) -> AccountId {
        let by = || ByOfficer { officer: OFFICER };
        let setting = MerchantSetting::plain(SHOP, "店".parse().unwrap(), InUse::Active);
        submit(engine, None, Command::SetMerchant(setting, by()));
        let setting = TerminalSetting {
            terminal: TILL,
            merchant: SHOP,
            key: key_of(self.name, 2).public(),
            state: InUse::Active,
        };
        submit(engine, None, Command::SetTerminal(setting, by()));
        submit(engine, None, Command::SetProgramme(programme(), by()));
        let key = self.fresh();
        let account = AccountId::derived("test", key.bytes());
        let actor = Actor::Officer(OFFICER);
        let opening = AccountOpening { account, class: HolderClass::Resident, actor };
        submit(engine, Some(key), Command::OpenAccount(Nothing {}, opening));
        let shared = GrantShared { programme: PROGRAMME, points: Points::from_u32(500) };
        let private = GrantPrivate::plain(account, Digest::of(&[b"walk"]), OFFICER);
        let key = self.fresh();
        submit(engine, Some(key), Command::Grant(shared, private));
        for points in [120, 9_000] {
            self.pay(engine, account, points);
        }
        account
    }

    fn pay(&mut self, engine: &Engine, account: AccountId, points: u32) {
        let key = self.fresh();
        let intent = PaymentIntent {
            town: self.name.parse().unwrap(),
            key,
            merchant: SHOP,
            terminal: TILL,
            points: Points::from_u32(points),
            total_yen: None,
            at: key.time(),
            proof: Digest::of(&[b"proof"]),
            rest: None,
        };
        let signature = key_of(self.name, 2).sign(Domain::Payment, &codec::encode(&intent));
        let payer = Payer { account, method: Method::CardPin };
        submit(engine, Some(key), Command::Pay(SignedPayment { intent, signature }, payer));
    }

    fn entries(&self) -> Vec<Vec<u8>> {
        let journal = self.dir.path().join("journal");
        let (reader, _) = Reader::open(&journal, Log::Journal, Verify::All, &mut |_| {}).unwrap();
        let frames = reader.frames(EntryIndex(0)).map(Result::unwrap);
        frames.flat_map(|frame| frame.entries().map(<[u8]>::to_vec).collect::<Vec<_>>()).collect()
    }

    /// Where the entry with this kind stands.
    fn find(&self, kind: &str) -> usize {
        let of_kind =
            |bytes: &Vec<u8>| Entry::parse(bytes).unwrap().submission.command.kind_name() == kind;
        self.entries().iter().position(of_kind).unwrap()
    }
}

fn keys(town: &str) -> Keys {
    Keys { log: log_key(town), channel: key_of(town, 1) }
}

fn programme() -> Programme {
    Programme {
        id: PROGRAMME,
        name: "地域活動ポイント".parse().unwrap(),
        ceiling: Points::from_u32(1_000_000),
        from: BusinessDate::new(2020, 1, 1).unwrap(),
        until: BusinessDate::LAST,
        audience: Audience::Residents,
        cap: None,
        expiry: ExpiryRule::FiscalYearEnd(0),
        grace: Grace::May,
        issuer: Issuer::Town,
        paid: Paid::No,
        two_officers_above: Points::from_u32(10_000),
        eligibility: None,
        rule: None,
        purpose: None,
    }
}

/// Submits a command, whose entry must come, done or refused.
fn submit(engine: &Engine, key: Option<ClientKey>, command: Command) {
    submit_keyed(engine, key.map(OperationKey::Client), command);
}

fn submit_keyed(engine: &Engine, key: Option<OperationKey>, command: Command) -> Arc<Entry> {
    let evidence = matches!(command, Command::Pay(..)).then(|| Digest::of(&[b"sealed"]));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let answer = runtime.block_on(engine.submit(Submission { key, command, evidence })).unwrap();
    let Answer::Entry(committed) = answer else { panic!("{answer:?}") };
    committed.entry
}

/// Writes a log of these entries, with checkpoints that a key signs for what stands there.
fn write_log(dir: &Path, town: &str, key: &SigningKey, entries: &[Vec<u8>]) {
    let mut journal = Journal::create(&dir.join("journal"), Log::Journal, SEGMENT).unwrap();
    let mut tree = Tree::default();
    for bytes in entries {
        let stored: jichi_protocol::entry::StoredEntry = codec::decode(bytes).unwrap();
        tree.push(leaf_hash(&stored.leaf()));
        let checkpoint = Checkpoint::of_tree(origin(town), &tree).sign(key);
        journal.append(&[bytes], checkpoint.note().as_str().as_bytes()).unwrap();
    }
    journal.close().unwrap();
}

/// A copy of a node's journal.
fn copy(town: &Town) -> TempDir {
    let to = TempDir::new().unwrap();
    fs::create_dir(to.path().join("journal")).unwrap();
    for file in fs::read_dir(town.dir.path().join("journal")).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.path().join("journal").join(file.file_name())).unwrap();
    }
    to
}

fn audit_with(place: &Place, trusted: &Trusted) -> Report {
    let terms = Terms { trusted, token: None, now: NOW };
    verify(place, &terms, &mut |_| Ok(()), &mut |_, _| {}).unwrap().report
}

fn trusting(town: &str) -> Trusted {
    Trusted { keys: vec![vkey(town)], checkpoints: Vec::new() }
}

fn audit_dir(dir: &Path, town: &str) -> Report {
    audit_with(&Place::Folder(dir.to_path_buf()), &trusting(town))
}

fn fault_of(report: &Report) -> &Fault {
    &report.found.as_ref().unwrap().fault
}

#[test]
fn a_log_that_a_node_wrote_is_sound() {
    let town = Town::with_a_payment(TOWN);
    let report = audit_with(&town.place(), &trusting(TOWN));
    assert!(report.sound(), "{}", report.text());
    assert!(matches!(report.key, Some(LogKey::Given(_))));
    assert_eq!(usize::try_from(report.size.0), Ok(town.entries().len()));
    assert!(
        report.text().starts_with("記録は改ざんされていません\nThe record has not been altered")
    );
    let pay = report.tally.kinds.values().find(|kind| kind.name == "Pay").unwrap();
    assert_eq!((pay.done, pay.refused), (1, 1));
    assert_eq!(report.tally.evidence, 2);
    assert!(report.tally.state_hashes >= 1);
    let books = report.books.as_ref().unwrap();
    assert_eq!((books.holders, books.held), (1, 380));
    let programme = (Account::Programme(PROGRAMME), Side::Debit, Points::from_u32(500));
    let merchant = (Account::Merchant(SHOP), Side::Credit, Points::from_u32(120));
    assert!(books.accounts.contains(&programme) && books.accounts.contains(&merchant));
    assert_eq!(report.json()["sound"], true);
}

#[test]
fn a_journal_folder_itself_can_be_named() {
    let town = Town::with_a_payment(TOWN);
    let report = audit_dir(&town.dir.path().join("journal"), TOWN);
    assert!(report.sound(), "{}", report.text());
}

#[test]
fn without_a_key_the_report_says_that_the_log_vouches_for_itself() {
    let town = Town::with_a_payment(TOWN);
    let report = audit_with(&town.place(), &Trusted::default());
    assert!(report.sound());
    assert!(report.text().lines().next().unwrap().contains("内部の整合のみ"));
    assert!(report.text().contains("taken from the log's own opening entry"));
    assert_eq!(report.json()["key"]["from"], "opening_entry");
}

#[test]
fn a_journal_that_a_node_holds_open_can_be_audited() {
    let mut town = Town::new(TOWN);
    let running = town.run();
    let account = town.live_a_day(&running.engine);
    let report = audit_with(&town.place(), &trusting(TOWN));
    assert!(report.sound(), "{}", report.text());
    assert!(report.text().contains("not closed"));
    // The node goes on as before, and what it adds is in the next audit.
    town.pay(&running.engine, account, 80);
    let later = audit_with(&town.place(), &trusting(TOWN));
    running.stop();
    assert!(later.sound() && later.size > report.size, "{}", later.text());
}

#[test]
fn a_flipped_bit_is_found_with_segment_and_offset() {
    let town = Town::with_a_payment(TOWN);
    let segment = Path::new("journal/00000000.seg");
    let written = fs::read(town.dir.path().join(segment)).unwrap();
    let end = written.iter().rposition(|byte| *byte != 0).unwrap();
    for at in [0, 5, 511, 512, 700, end / 2, end] {
        let copied = copy(&town);
        let mut bytes = written.clone();
        bytes[at] ^= 1;
        fs::write(copied.path().join(segment), bytes).unwrap();
        let report = audit_dir(copied.path(), TOWN);
        let Fault::Damage(damage) = fault_of(&report) else { panic!("{}", report.text()) };
        assert_eq!(damage.segment, 0);
        assert_eq!(usize::try_from(damage.offset), Ok(at / 512 * 512), "byte {at}");
        assert!(report.text().starts_with("検証に失敗しました"));
        assert!(report.text().contains("Change nothing in this folder"));
        assert_eq!(report.json()["fault"]["code"], "damage");
    }
}

#[test]
fn an_altered_posting_is_found_by_replay_although_the_checkpoint_is_signed_anew() {
    let town = Town::with_a_payment(TOWN);
    let mut entries = town.entries();
    let at = town.find("Grant");
    let mut entry = Entry::parse(&entries[at]).unwrap();
    let Outcome::Done(effect) = &entry.outcome else { panic!("granted") };
    let more = |posting: &Posting| match posting.clone() {
        Posting::Lots { holder, side, mut lots } => {
            lots[0].points = Points::from_u32(600);
            Posting::Lots { holder, side, lots }
        }
        Posting::Book { account, side, .. } => {
            Posting::Book { account, side, points: Points::from_u32(600) }
        }
    };
    let postings = effect.postings.as_slice().iter().map(more).collect();
    let postings = Postings::balanced(postings).unwrap();
    entry.outcome = Outcome::Done(Effect { postings, sent: None });
    entries[at] = codec::encode(&entry.store());
    let forged = TempDir::new().unwrap();
    write_log(forged.path(), TOWN, &log_key(TOWN), &entries);
    let report = audit_dir(forged.path(), TOWN);
    let Fault::Entry { index, finding } = fault_of(&report) else { panic!("{}", report.text()) };
    assert_eq!((usize::try_from(index.0), *finding), (Ok(at), Finding::DecidedOtherwise));
    assert!(report.text().contains("the rules decide otherwise"));
    assert_eq!(usize::try_from(report.size.0), Ok(at), "what stands before it is sound");
}

#[test]
fn a_payment_that_no_terminal_signed_is_found() {
    let town = Town::with_a_payment(TOWN);
    let mut entries = town.entries();
    let at = town.find("Pay");
    let mut entry = Entry::parse(&entries[at]).unwrap();
    let Command::Pay(signed, _) = &mut entry.submission.command else { panic!("a payment") };
    signed.intent.total_yen = Some(Points::from_u32(1));
    entries[at] = codec::encode(&entry.store());
    let forged = TempDir::new().unwrap();
    write_log(forged.path(), TOWN, &log_key(TOWN), &entries);
    let report = audit_dir(forged.path(), TOWN);
    assert!(
        matches!(fault_of(&report), Fault::Entry { finding: Finding::Signature, .. }),
        "{}",
        report.text()
    );
}

#[test]
fn another_key_than_the_towns_is_refused() {
    let town = Town::with_a_payment(TOWN);
    let mut wrong = vkey(TOWN);
    wrong.key = log_key(OTHER_TOWN).public();
    let trusted = Trusted { keys: vec![wrong], checkpoints: Vec::new() };
    assert!(matches!(fault_of(&audit_with(&town.place(), &trusted)), Fault::OtherKey(_)));
    let report = audit_with(&town.place(), &trusting(OTHER_TOWN));
    assert!(matches!(fault_of(&report), Fault::NoKey(_)));
}

#[test]
fn checkpoints_signed_by_somebody_else_are_refused() {
    let town = Town::with_a_payment(TOWN);
    let forged = TempDir::new().unwrap();
    write_log(forged.path(), TOWN, &log_key(OTHER_TOWN), &town.entries());
    let report = audit_dir(forged.path(), TOWN);
    assert!(matches!(fault_of(&report), Fault::Checkpoint { .. }), "{}", report.text());
    // Without a key of the auditor's own, the opening's is asked, and does not fit either.
    let place = Place::Folder(forged.path().to_path_buf());
    let report = audit_with(&place, &Trusted::default());
    assert!(matches!(fault_of(&report), Fault::Checkpoint { .. }), "{}", report.text());
}

#[test]
fn an_earlier_checkpoint_betrays_a_cut_log_and_another_history() {
    let town = Town::with_a_payment(TOWN);
    let mut trusted = trusting(TOWN);
    let whole = audit_with(&town.place(), &trusted).checkpoint.unwrap();
    trusted.checkpoints.push(SignedCheckpoint::parse(whole.note().as_str().as_bytes()).unwrap());
    let report = audit_with(&town.place(), &trusted);
    assert!(report.sound() && report.tally.known == 1, "{}", report.text());

    let entries = town.entries();
    let cut = TempDir::new().unwrap();
    write_log(cut.path(), TOWN, &log_key(TOWN), &entries[..entries.len() - 1]);
    let report = audit_with(&Place::Folder(cut.path().to_path_buf()), &trusted);
    assert!(matches!(fault_of(&report), Fault::Cut { .. }), "{}", report.text());

    let mut tree = Tree::default();
    tree.push(leaf_hash(b"another opening"));
    trusted.checkpoints = vec![Checkpoint::of_tree(origin(TOWN), &tree).sign(&log_key(TOWN))];
    let report = audit_with(&town.place(), &trusted);
    assert!(matches!(fault_of(&report), Fault::Forked(_)), "{}", report.text());

    trusted.checkpoints = vec![Checkpoint::of_tree(origin(TOWN), &tree).sign(&log_key(OTHER_TOWN))];
    let report = audit_with(&town.place(), &trusted);
    assert!(matches!(fault_of(&report), Fault::Known { .. }), "{}", report.text());
    let other = Checkpoint::of_tree(origin(OTHER_TOWN), &tree).sign(&log_key(OTHER_TOWN));
    trusted.checkpoints = vec![other];
    let report = audit_with(&town.place(), &trusted);
    assert!(report.sound() && report.tally.known == 0, "another log's is left aside");
}

#[test]
fn an_empty_folder_says_nothing_about_a_log() {
    let dir = TempDir::new().unwrap();
    let trusted = Trusted::default();
    let terms = Terms { trusted: &trusted, token: None, now: NOW };
    let place = Place::Folder(dir.path().to_path_buf());
    let error = verify(&place, &terms, &mut |_| Ok(()), &mut |_, _| {}).unwrap_err();
    assert!(matches!(error, CannotRead::Open(_)), "{error}");
    assert_eq!(error.exit(), super::UNREACHED);
}

#[test]
fn a_half_written_last_frame_is_told_and_is_no_fault() {
    let mut town = Town::new(TOWN);
    let running = town.run();
    town.live_a_day(&running.engine);
    let copied = copy(&town);
    running.stop();
    // The last frame of the copy loses its last sector, as if that had never been written.
    let path = copied.path().join("journal/00000000.seg");
    let mut bytes = fs::read(&path).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[end / 512 * 512..=end].fill(0);
    fs::write(&path, bytes).unwrap();
    let report = audit_dir(copied.path(), TOWN);
    assert!(report.sound(), "{}", report.text());
    assert!(report.text().contains("half-written frame"), "{}", report.text());
    assert_eq!(report.json()["tail"]["state"], "torn");
}

#[test]
fn an_address_is_told_from_a_folder() {
    let place = |text: &str| text.parse::<Place>().unwrap();
    assert_eq!(place("https://a.example/"), Place::Node("https://a.example".to_owned()));
    assert_eq!(place("data/node"), Place::Folder(PathBuf::from("data/node")));
}
