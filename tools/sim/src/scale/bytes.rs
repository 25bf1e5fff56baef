//! Bytes of what travels and of what is kept, by the real encodings of made-up content.

use jichi_node::{
    documents::{
        directory::DirectoryDocument,
        sync::CHANGES_BYTES_A_MESSAGE,
        wire::{DocumentReply, DocumentRequest},
    },
    witness::wire::{WitnessReply, WitnessRequest},
};
use jichi_protocol::{
    channel::delivery::{Delivery, DeliveryReply},
    codec,
    command::{
        Actor, ByActor, Command, DirectoryPart, Nothing, OfferPrivate, OfferShared, Received,
        Source, WithdrawShared,
    },
    date::{BusinessDate, Time},
    digest::Digest,
    directory::{
        Directory, DirectoryVersion, DocumentName, Few, Member, Party, PeerId, SignedStatement,
    },
    entry::{Effect, Entry, Outcome, Salt, Submission},
    envelope::{Acked, Envelope, Purpose, Route, Unsigned},
    id::{
        AccountId, ChannelNumber, EntryIndex, Generation, Handle, ProgrammeId, TownId, TransferId,
    },
    key::{ClientKey, OperationKey},
    log::{
        checkpoint::{Checkpoint, Origin, SignedCheckpoint},
        cosignature::cosign,
        note::{KeyKind, VerifierKey},
        proof::{ConsistencyProof, InclusionProof},
        receipt::Receipt,
        tree::TreeSize,
        witness::{AddCheckpoint, witness_key_of},
    },
    lot::{Birth, Grace, Issuer, Lot, LotTerms, Origin as LotOrigin, Paid},
    points::Points,
    posting::Postings,
    settlement::{PeriodAnswer, PeriodStatement, Tally},
    signature::SigningKey,
    transfer::{Answer, AnswerBody, Message, OfferBody, Recipient, WithdrawBody},
};

use super::{Assumed, country::Country};

/// Members in one entry: as many as the node puts into one.
const MEMBERS_A_PART: usize = 24;
/// Hashes of the longest proof that is asked for here.
const HASHES_MAX: usize = 40;
/// Four bytes of length before a request and before its reply.
const FRAMES: u64 = 8;
/// Months whose entries are in a log whose proofs are measured.
const MONTHS: u64 = 12;

/// What an envelope is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Offer,
    Answer,
    Withdraw,
    /// What was taken of the other town in a month.
    PeriodEnd,
    PeriodAnswer,
}

/// Bytes, each of a request with its reply.
#[derive(Debug, Clone)]
pub(crate) struct Sizes {
    /// The canonical directory.
    pub(crate) directory: u64,
    /// Its automerge document, with one version in its history.
    pub(crate) document: u64,
    /// What the document grows by for a new version in which one member has another key.
    pub(crate) change: u64,
    /// Messages that bring such a version over.
    pub(crate) bring_messages: u64,
    /// Bytes of each of them.
    pub(crate) bring: u64,
    /// Messages that bring the whole document to a new member.
    pub(crate) whole_messages: u64,
    /// A question for the version.
    pub(crate) ask: u64,
    /// Entries of each journal that take a version in.
    pub(crate) parts: u64,
    /// Their shared parts.
    pub(crate) part_bytes: u64,
    /// The envelopes alone: offer, answer, withdraw, statement of a month, its answer.
    pub(crate) envelopes: [u64; 5],
    deliveries: [Vec<u64>; 5],
    submissions: Vec<u64>,
    proofs: Vec<u64>,
}

fn len(bytes: usize) -> u64 {
    u64::try_from(bytes).expect("a length")
}

/// Hashes of a proof in a log after a year.
fn hashes(entries: u64) -> usize {
    let size = (entries * MONTHS).max(1);
    usize::try_from(u64::BITS - (size - 1).leading_zeros()).expect("few").min(HASHES_MAX)
}

impl Sizes {
    pub(super) fn measured(country: &Country, assumed: &Assumed) -> Self {
        let (first, next) = (directory(country, 1), directory(country, 2));
        let mut document = DirectoryDocument::build(&first).expect("a document");
        let history = |document: &DirectoryDocument| {
            len(document.history().expect("a history").to_bytes().len())
        };
        let whole = history(&document);
        document.update(&next).expect("a change");
        let change = history(&document) - whole;
        let statement = statement(&document);
        let ask = codec::encode(&DocumentRequest::AskStatement(DocumentName::Directory)).len()
            + codec::encode(&DocumentReply::Statement(statement.clone())).len();
        let per_message = len(CHANGES_BYTES_A_MESSAGE);
        let part = |members: &[Member]| DirectoryPart {
            statement: statement.clone(),
            part: 0,
            parts: 1,
            members: members.to_vec(),
        };
        let parts: Vec<usize> = next
            .members()
            .chunks(MEMBERS_A_PART)
            .map(|members| codec::encode(&part(members)).len())
            .collect();
        // The statement first, then as many messages as the change needs.
        let bring_messages = 1 + change.div_ceil(per_message);
        let sent = [Kind::Offer, Kind::Answer, Kind::Withdraw, Kind::PeriodEnd, Kind::PeriodAnswer]
            .map(|kind| Sent::of(kind, assumed));
        let by_hashes = |of: &dyn Fn(usize) -> u64| (0..=HASHES_MAX).map(of).collect::<Vec<_>>();
        Self {
            directory: len(codec::encode(&next).len()),
            document: whole,
            change,
            bring_messages,
            bring: (change + len(ask)).div_ceil(bring_messages) + FRAMES,
            whole_messages: 1 + whole.div_ceil(per_message),
            ask: len(ask) + FRAMES,
            parts: len(parts.len()),
            part_bytes: len(parts.iter().sum()),
            envelopes: sent.each_ref().map(|sent| len(sent.envelope.len())),
            deliveries: sent.each_ref().map(|sent| by_hashes(&|hashes| sent.delivery(hashes))),
            submissions: by_hashes(&submission),
            proofs: by_hashes(&proof),
        }
    }

    /// A delivery out of a log with so many entries a month.
    pub(super) fn delivery(&self, kind: Kind, entries: u64) -> u64 {
        let kind = match kind {
            Kind::Offer => 0,
            Kind::Answer => 1,
            Kind::Withdraw => 2,
            Kind::PeriodEnd => 3,
            Kind::PeriodAnswer => 4,
        };
        self.deliveries[kind][hashes(entries)]
    }

    /// A checkpoint taken to a witness.
    pub(super) fn submission(&self, entries: u64) -> u64 {
        self.submissions[hashes(entries)]
    }

    /// A proof asked for since a message brought a checkpoint.
    pub(super) fn proof(&self, entries: u64) -> u64 {
        self.proofs[hashes(entries)]
    }
}

fn seed(parts: &[&[u8]]) -> SigningKey {
    let Digest(seed) = Digest::of(parts);
    SigningKey::from_seed(&seed)
}

/// A directory of the whole country; in its second version one town has another channel key.
fn directory(country: &Country, version: u64) -> Directory {
    let towns = country.towns.iter().map(|town| {
        let code = town.code.as_str().as_bytes();
        let turned = if town.number == 0 && version == 2 { b"second" } else { b"first." };
        let named = town.witnesses.iter().map(|witness| country.towns[*witness].code).collect();
        Member {
            who: Party::Town(town.code),
            name_ja: "東かがわ市".parse().expect("a name"),
            name_en: "Higashikagawa".parse().expect("a name"),
            log_key: seed(&[code, b"log"]).public(),
            generation: Generation(1),
            channel_key: seed(&[code, b"channel", turned]).public(),
            transport: transport(code),
            addresses: address(&format!("/dns4/jichi.town-{}.lg.jp/tcp/4001", town.code)),
            versions: Few::new(vec![1]).expect("few"),
            witness_key: Some(seed(&[code, b"witness"]).public()),
            witnesses: Some(Few::new(named).expect("few")),
            revoked: None,
        }
    });
    let coordinator = Member {
        who: Party::Coordinator,
        name_ja: "交換中継".parse().expect("a name"),
        name_en: "Coordinator".parse().expect("a name"),
        log_key: seed(&[b"coordinator", b"log"]).public(),
        generation: Generation(1),
        channel_key: seed(&[b"coordinator", b"channel"]).public(),
        transport: transport(b"coordinator"),
        addresses: address("/dns4/jichi.example.jp/tcp/4001"),
        versions: Few::new(vec![1]).expect("few"),
        witness_key: None,
        witnesses: None,
        revoked: None,
    };
    let issued = Time(1_780_000_000_000 + version);
    let until = issued.later_by_ms(30 * 86_400_000);
    let members = towns.chain([coordinator]).collect();
    Directory::new(DirectoryVersion(version), issued, until, members).expect("a directory")
}

fn transport(name: &[u8]) -> PeerId {
    // The form of a peer id of an Ed25519 key: a multihash of 38 bytes.
    let mut bytes = vec![0, 36, 8, 1, 18, 32];
    bytes.extend(Digest::of(&[name, b"transport"]).0);
    PeerId::new(&bytes).expect("a peer id")
}

fn address<const MAX: usize>(text: &str) -> Few<jichi_protocol::directory::Address, MAX> {
    Few::new(vec![text.parse().expect("an address")]).expect("few")
}

/// Signed by two of three root keys.
fn statement(document: &DirectoryDocument) -> SignedStatement {
    let statement = document.statement().expect("a statement");
    let mut signed = SignedStatement::new(statement).expect("a statement");
    for number in [1, 2] {
        signed.add_signature(&SigningKey::from_seed(&[number; 32])).expect("a signature");
    }
    signed
}

fn town(code: &str) -> TownId {
    code.parse().expect("a town's code")
}

/// An envelope with the leaf of the entry that sends it.
struct Sent {
    envelope: Vec<u8>,
    leaf: Vec<u8>,
}

impl Sent {
    fn of(kind: Kind, assumed: &Assumed) -> Self {
        let transfer = TransferId([7; 16]);
        let (here, there) = (town("102016"), town("141500"));
        let points = Points::from_u32(1_500);
        let envelope = envelope(&body(kind, assumed));
        let client = OperationKey::Client(ClientKey::of(Time(1_780_000_000_000), [1; 10]));
        let actor = Actor::Holder;
        let (key, command) = match kind {
            Kind::Offer => (
                client,
                Command::Offer(
                    OfferShared { transfer, town: there, points },
                    OfferPrivate {
                        account: AccountId([5; 16]),
                        recipient: Handle([6; 16]),
                        source: Source::Balance,
                        actor,
                    },
                ),
            ),
            Kind::Withdraw => {
                (client, Command::Withdraw(WithdrawShared { transfer }, ByActor { actor }))
            }
            Kind::Answer | Kind::PeriodEnd | Kind::PeriodAnswer => (
                OperationKey::Channel {
                    peer: here,
                    generation: Generation(1),
                    number: ChannelNumber(70_000),
                },
                Command::HandleEnvelope(Nothing {}, Received { envelope: envelope.encode() }),
            ),
        };
        let bytes = envelope.encode();
        let entry = Entry {
            index: EntryIndex(70_000_000),
            time: Time(1_780_000_000_000),
            submission: Submission { key: Some(key), command, evidence: None },
            outcome: Outcome::Done(Effect { postings: Postings::NONE, sent: Some(envelope) }),
            salt: Salt([9; 16]),
        };
        Self { envelope: bytes, leaf: entry.store().leaf() }
    }

    /// With a proof of so many hashes, and the reply.
    fn delivery(&self, hashes: usize) -> u64 {
        let proof = InclusionProof(vec![Digest([8; 32]); hashes]);
        let receipt = Receipt::new(self.leaf.clone(), EntryIndex(70_000_000), proof, checkpoint())
            .expect("a receipt");
        let delivery = Delivery {
            envelope: self.envelope.clone(),
            proof: receipt.to_string(),
            enclosure: None,
        };
        let heard = Acked { generation: Generation(1), number: ChannelNumber(70_000) };
        let reply =
            DeliveryReply { heard: Some(heard), fault: None, now: Some(Time(1_780_000_000_000)) };
        len(codec::encode(&delivery).len() + codec::encode(&reply).len()) + FRAMES
    }
}

fn body(kind: Kind, assumed: &Assumed) -> Vec<u8> {
    let transfer = TransferId([7; 16]);
    let date = |text: &str| -> BusinessDate { text.parse().expect("a day") };
    let terms = LotTerms {
        origin: LotOrigin::Here(Birth::Administrative(ProgrammeId(1_024))),
        issuer: Issuer::Town,
        paid: Paid::No,
        earned: date("2026-06-01"),
        expires: date("2028-03-31"),
        grace: Grace::May,
    };
    let lot = Lot { terms, points: Points::from_u32(750) };
    let taken = Tally { count: 1_000, points: Points::from_u32(1_500_000) };
    let stated = PeriodStatement { month: date("2026-07-01").month(), taken };
    match kind {
        Kind::Offer => codec::encode(&Message::Offer(OfferBody {
            transfer,
            recipient: Recipient::Account(Handle([6; 16])),
            lots: vec![lot; assumed.lots],
            agreement: 1,
            left: date("2026-07-01"),
        })),
        Kind::Answer => codec::encode(&Message::Answer(AnswerBody {
            transfer,
            offer: Some(Digest([4; 32])),
            answer: Answer::Accept { date: date("2026-07-01") },
        })),
        Kind::Withdraw => codec::encode(&Message::Withdraw(WithdrawBody {
            transfer,
            offer: ChannelNumber(70_000),
        })),
        Kind::PeriodEnd => codec::encode(&Message::PeriodEnd(stated)),
        Kind::PeriodAnswer => codec::encode(&Message::PeriodAnswer(PeriodAnswer {
            stated,
            given: stated.taken,
            listed: Vec::new(),
        })),
    }
}

fn envelope(body: &[u8]) -> Envelope {
    let route = Route {
        sender: town("102016"),
        recipient: town("141500"),
        generation: Generation(1),
        number: ChannelNumber(70_000),
        previous: Digest([3; 32]),
        acked: Acked { generation: Generation(1), number: ChannelNumber(70_000) },
    };
    Unsigned::new(route, Purpose::Money, body.to_vec()).sign(&SigningKey::from_seed(&[2; 32]))
}

fn checkpoint() -> SignedCheckpoint {
    let origin = Origin::of(town("102016"), Generation(1));
    Checkpoint::new(origin, TreeSize(70_000_001), Digest([1; 32]))
        .sign(&SigningKey::from_seed(&[1; 32]))
}

fn submission(hashes: usize) -> u64 {
    let checkpoint = checkpoint();
    let log = SigningKey::from_seed(&[1; 32]).public();
    let name = Origin::of(town("102016"), Generation(1)).key_name().clone();
    let log = VerifierKey { name, kind: KeyKind::Log, key: log };
    let key = SigningKey::from_seed(&[6; 32]);
    let witness = witness_key_of(town("141500"), key.public());
    let verified = checkpoint.verify(&log).expect("signed");
    let line = cosign(&verified, &witness.name, &key, Time(1_780_000_000_000));
    let proof = ConsistencyProof(vec![Digest([8; 32]); hashes]);
    let body = AddCheckpoint { old: TreeSize(70_000_000), proof, checkpoint }.to_string();
    let request = WitnessRequest::Add { body, own_root: Some(Digest([1; 32])) };
    let lines = format!("{line}\n");
    let reply = WitnessReply::Cosigned { lines, now: Some(Time(1_780_000_000_000)) };
    len(codec::encode(&request).len() + codec::encode(&reply).len()) + FRAMES
}

fn proof(hashes: usize) -> u64 {
    let request = WitnessRequest::Prove { old: TreeSize(70_000_000), new: TreeSize(70_000_001) };
    let proof = ConsistencyProof(vec![Digest([8; 32]); hashes]);
    let reply = WitnessReply::Proved { root: Digest([1; 32]), proof };
    len(codec::encode(&request).len() + codec::encode(&reply).len()) + FRAMES
}
