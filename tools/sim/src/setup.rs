//! The towns of every course, made once: residents with points, one directory, an agreement of
//! each two towns. Their keys are fixed, and their journals are those of real nodes.

use jichi_node::engine::start::Keys;
use jichi_protocol::{
    account::HolderClass,
    agreement::{Agreement, Movable, Seal, SignedAgreement},
    codec,
    command::{
        AccountOpening, Actor, ByOfficer, ByTwo, Command, DirectoryPart, GrantPrivate, GrantShared,
        HandleIssue, InUse, MerchantSetting, Nothing, RulesVersion, TerminalSetting, TownOpening,
    },
    date::{BusinessDate, Time},
    digest::Digest,
    directory::{
        Directory, DirectoryRoot, DirectoryVersion, DocumentName, Few, Head, Heads, Member, Party,
        PeerId, SignedStatement, Statement,
    },
    entry::{Effect, Entry, Outcome, Salt, Submission},
    id::{
        AccountId, EntryIndex, Generation, Handle, MerchantId, OfficerId, ProgrammeId, TerminalId,
        TownId,
    },
    key::{ClientKey, OperationKey},
    ledger::Ledger,
    lot::{Grace, Issuer, Paid},
    points::Points,
    posting::Postings,
    programme::{Audience, ExpiryRule, Programme},
    signature::{Domain, SigningKey},
    transfer::Recipient,
};

/// Towns at most.
pub(crate) const TOWNS: usize = 3;
/// Residents of each town.
pub(crate) const RESIDENTS: usize = 2;
/// What one town may owe another: a few offers reach it.
pub(crate) const CAP: u32 = 180;
/// Points that each resident has when a course begins.
pub(crate) const GIVEN: u64 = 160;
/// Days after the first on which agreements end.
const AGREED_DAYS: u32 = 9;
pub(crate) const OFFICER: OfficerId = OfficerId(7);
/// Two officers, who say yes to a restore and to a change of key.
pub(crate) const BY_TWO: ByTwo = ByTwo { maker: OFFICER, approver: OfficerId(8) };
/// How often a town changes its channel key at most.
pub(crate) const CHANGES_MAX: u8 = 3;
/// The one shop of each town, and its till.
pub(crate) const SHOP: MerchantId = MerchantId(1);
pub(crate) const TILL: TerminalId = TerminalId(1);
const CODES: [&str; TOWNS] = ["102016", "141500", "242012"];

pub(crate) fn town_id(town: usize) -> TownId {
    CODES[town].parse().expect("a town's code")
}

/// Ten o'clock of the first day.
pub(crate) fn begin() -> Time {
    first_day().start().later_by_ms(10 * 3_600_000)
}

fn first_day() -> BusinessDate {
    BusinessDate::new(2026, 11, 25).expect("a day")
}

fn seed(town: usize, which: u8) -> SigningKey {
    let Digest(seed) = Digest::of(&[CODES[town].as_bytes(), &[which]]);
    SigningKey::from_seed(&seed)
}

/// The keys of a town that changed its channel key so many times.
pub(crate) fn keys(town: usize, changes: u8) -> Keys {
    let which = if changes == 0 { 1 } else { 10 + changes };
    Keys { log: seed(town, 0), channel: seed(town, which) }
}

/// How often the town of a ledger changed its channel key.
pub(crate) fn changes_of(town: usize, ledger: &Ledger) -> u8 {
    let key = ledger.meta().channel_key;
    (0..=CHANGES_MAX).find(|changes| keys(town, *changes).channel.public() == key).expect("a key")
}

/// With what the till of a town's shop signs.
pub(crate) fn till_key(town: usize) -> SigningKey {
    seed(town, 2)
}

fn root_key() -> SigningKey {
    SigningKey::from_seed(&[42; 32])
}

pub(crate) fn account(town: usize, holder: usize) -> AccountId {
    let number = u8::try_from(holder).expect("small");
    AccountId::derived("jichi-sim", &[CODES[town].as_bytes(), &[number]].concat())
}

/// What `user` calls a resident of `town`.
pub(crate) fn handle(town: usize, holder: usize, user: usize) -> Handle {
    let number = u8::try_from(holder).expect("small");
    let name = [CODES[town].as_bytes(), CODES[user].as_bytes(), &[number]].concat();
    Handle::derived("jichi-sim", &name)
}

/// Whom a handle that `user` uses means in `town`.
pub(crate) fn recipient(town: usize, user: usize, named: Recipient) -> Option<AccountId> {
    let named = match named {
        Recipient::Account(handle) | Recipient::Moved(handle) => handle,
        Recipient::Shop(_) => return None,
    };
    let holder = (0..RESIDENTS).find(|holder| handle(town, *holder, user) == named)?;
    Some(account(town, holder))
}

/// The first entry of a town's log.
pub(crate) fn opening(town: usize) -> Entry {
    let keys = keys(town, 0);
    let opening = TownOpening {
        town: town_id(town),
        generation: Generation(1),
        log_key: keys.log.public(),
        channel_key: keys.channel.public(),
        root: DirectoryRoot::new(vec![root_key().public()], 1).expect("a root"),
        rules: RulesVersion::V1,
        date: begin().date(),
    };
    Entry {
        index: EntryIndex(0),
        time: begin(),
        submission: Submission {
            key: None,
            command: Command::OpenTown(opening, Nothing {}),
            evidence: None,
        },
        outcome: Outcome::Done(Effect { postings: Postings::NONE, sent: None }),
        salt: Salt([0; 16]),
    }
}

/// What each of so many towns takes in before a course begins.
pub(crate) fn facts(town: usize, towns: usize) -> Vec<Submission> {
    let officer = || ByOfficer { officer: OFFICER };
    let first = directory(1, begin(), &vec![(Generation(1), 0); towns]);
    let mut facts = vec![first];
    for peer in (0..towns).filter(|peer| *peer != town) {
        facts.push(fact(Command::TakeAgreement(
            agreement(town.min(peer), town.max(peer)),
            officer(),
        )));
    }
    let shop = MerchantSetting::plain(SHOP, "店".parse().expect("a name"), InUse::Active);
    facts.push(fact(Command::SetMerchant(shop, officer())));
    let (key, state) = (till_key(town).public(), InUse::Active);
    let till = TerminalSetting { terminal: TILL, merchant: SHOP, key, state };
    facts.push(fact(Command::SetTerminal(till, officer())));
    for holder in 0..RESIDENTS {
        let opening = AccountOpening {
            account: account(town, holder),
            class: HolderClass::Resident,
            actor: Actor::Officer(OFFICER),
        };
        facts.push(keyed(facts.len(), Command::OpenAccount(Nothing {}, opening)));
        for user in (0..towns).filter(|user| *user != town) {
            let issue = HandleIssue {
                account: account(town, holder),
                town: town_id(user),
                handle: handle(town, holder, user),
            };
            facts.push(keyed(facts.len(), Command::IssueHandle(Nothing {}, issue)));
        }
    }
    // Points that expire today, in some days, and long after; not all of them with grace.
    for (number, (days, grace)) in
        (1_u16..).zip([(0, Grace::May), (1, Grace::May), (3, Grace::None), (300, Grace::May)])
    {
        let setting = programme(number, first_day().plus_days(days), grace);
        facts.push(fact(Command::SetProgramme(setting, officer())));
        for holder in 0..RESIDENTS {
            let shared =
                GrantShared { programme: ProgrammeId(number.into()), points: Points::from_u32(40) };
            let activity = Digest::of(&[&number.to_be_bytes()]);
            let private = GrantPrivate::plain(account(town, holder), activity, OFFICER);
            facts.push(keyed(facts.len(), Command::Grant(shared, private)));
        }
    }
    facts
}

fn fact(command: Command) -> Submission {
    Submission { key: None, command, evidence: None }
}

fn keyed(number: usize, command: Command) -> Submission {
    let number = u8::try_from(number).expect("small");
    let key = ClientKey::of(begin(), [0, 0, 0, 0, 0, 0, 0, 0, 0xff, number]);
    Submission { key: Some(OperationKey::Client(key)), command, evidence: None }
}

fn programme(number: u16, last: BusinessDate, grace: Grace) -> Programme {
    Programme {
        id: ProgrammeId(number.into()),
        name: "地域活動ポイント".parse().expect("a name"),
        ceiling: Points::from_u32(1_000_000),
        from: first_day(),
        until: first_day().plus_days(3_000),
        audience: Audience::Residents,
        cap: None,
        expiry: ExpiryRule::On(last),
        grace,
        issuer: Issuer::Town,
        paid: Paid::No,
        two_officers_above: Points::from_u32(10_000),
        eligibility: None,
        rule: None,
        purpose: None,
    }
}

fn member(town: usize, (generation, changes): (Generation, u8)) -> Member {
    let keys = keys(town, changes);
    Member {
        who: Party::Town(town_id(town)),
        name_ja: "市".parse().expect("a name"),
        name_en: "City".parse().expect("a name"),
        log_key: keys.log.public(),
        generation,
        channel_key: keys.channel.public(),
        transport: PeerId::new(CODES[town].as_bytes()).expect("an id"),
        addresses: Few::new(vec![]).expect("few"),
        versions: Few::new(vec![1]).expect("few"),
        witness_key: None,
        witnesses: None,
        revoked: None,
    }
}

/// The taking of a version of the directory in which the towns have these generations, and have
/// changed their keys so many times.
pub(crate) fn directory(version: u64, issued: Time, named: &[(Generation, u8)]) -> Submission {
    let members = named.iter().enumerate().map(|(town, of)| member(town, *of)).collect();
    let valid_until = issued.later_by_ms(20 * 86_400_000);
    let version = DirectoryVersion(version);
    let directory = Directory::new(version, issued, valid_until, members).expect("a directory");
    let statement = Statement {
        document: DocumentName::Directory,
        version,
        heads: Heads::new(vec![Head([1; 32])]).expect("heads"),
        content: directory.content(),
        issued,
        valid_until,
    };
    let mut statement = SignedStatement::new(statement).expect("a statement");
    statement.add_signature(&root_key()).expect("a signature");
    let members = directory.members().to_vec();
    let part = DirectoryPart { statement, part: 0, parts: 1, members };
    fact(Command::TakeDirectory(part, Nothing {}))
}

fn agreement(low: usize, high: usize) -> SignedAgreement {
    let agreement = Agreement {
        low: town_id(low),
        high: town_id(high),
        number: 1,
        movable: Movable::Everything,
        cap: Points::from_u32(CAP),
        from: first_day(),
        until: first_day().plus_days(AGREED_DAYS),
        shops: None,
        movements: None,
    };
    let bytes = codec::encode(&agreement);
    let seal = |town: usize| {
        let key = keys(town, 0).channel;
        Seal { key: key.public(), signature: key.sign(Domain::Agreement, &bytes) }
    };
    SignedAgreement { agreement, low: seal(low), high: seal(high) }
}
