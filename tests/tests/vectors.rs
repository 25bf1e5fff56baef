//! The vectors of what travels between towns: they are what the code makes, and a program that is
//! not ours verifies all of them.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests; what panics here is a failed test"
)]

use std::{env, fs, path::PathBuf, process::Command};

use jichi_protocol::{
    channel::{Channel, delivery::Delivery},
    codec,
    date::{BusinessDate, Time},
    digest::{Digest, Hex, from_hex},
    directory::{
        Directory, DirectoryVersion, DocumentName, Few, Head, Heads, Member, Party, PeerId,
        SignedStatement, Statement,
    },
    entry::StoredEntry,
    envelope::{Envelope, Purpose},
    id::{EntryIndex, Generation, Handle, TownId, TransferId},
    log::{
        checkpoint::{Checkpoint, Origin, SignedCheckpoint},
        cosignature::cosign,
        fork::ForkProof,
        note::{KeyKind, VerifierKey},
        proof::{ConsistencyProof, InclusionProof, Node},
        receipt::Receipt,
        tree::{Tree, TreeSize, leaf_hash, node_hash},
        witness::{AddCheckpoint, judge, witness_key_of},
    },
    lot::{Birth, Grace, Issuer, Lot, LotTerms, Origin as LotOrigin, Paid},
    points::Points,
    public_list::{ListKind, ListName, ListStatement, ListVersion, SignedListStatement},
    signature::SigningKey,
    transfer::{Answer, AnswerBody, Message, OfferBody, Recipient, RefuseReason, WithdrawBody},
};
use serde_json::{Value, json};

const ABOUT: &str = "What travels between two towns, 102016 and 141500: see \
    docs/federation-protocol.md. Bytes are lower-case hexadecimal, notes and requests are text. \
    The leaves are those of journal-v1.json.";

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors").join(name)
}

fn hex(bytes: &[u8]) -> String {
    Hex(bytes).to_string()
}

fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(&[number; 32])
}

fn town(code: &str) -> TownId {
    code.parse().unwrap()
}

fn origin() -> Origin {
    Origin::of(town("102016"), Generation(1))
}

fn log_key() -> VerifierKey {
    VerifierKey { name: origin().key_name().clone(), kind: KeyKind::Log, key: key(1).public() }
}

/// The log over some leaves.
struct Log(Vec<Digest>);

impl Log {
    fn root(&self, size: u64) -> Digest {
        let mut tree = Tree::default();
        self.0.iter().take(usize::try_from(size).unwrap()).for_each(|leaf| {
            tree.push(*leaf);
        });
        tree.root()
    }

    fn signed(&self, size: u64) -> SignedCheckpoint {
        Checkpoint::new(origin(), TreeSize(size), self.root(size)).sign(&key(1))
    }

    fn hash_of(&self, node: Node) -> Option<Digest> {
        let length = 1_usize.checked_shl(node.level.into())?;
        let start = usize::try_from(node.index).ok()?.checked_mul(length)?;
        let mut hashes = self.0.get(start..start.checked_add(length)?)?.to_vec();
        while hashes.len() > 1 {
            hashes = hashes.chunks(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
        }
        hashes.first().copied()
    }

    fn consistency(&self, old: u64, new: u64) -> ConsistencyProof {
        let source = |node| self.hash_of(node);
        ConsistencyProof::of(TreeSize(old), TreeSize(new), source).unwrap()
    }

    fn inclusion(&self, index: u64, size: u64) -> InclusionProof {
        let source = |node| self.hash_of(node);
        InclusionProof::of(EntryIndex(index), TreeSize(size), source).unwrap()
    }
}

fn entries() -> Vec<Vec<u8>> {
    let golden = fs::read_to_string(path("journal-v1.json")).unwrap();
    let golden: Value = serde_json::from_str(&golden).unwrap();
    let bytes = |entry: &Value| {
        let hex = entry.as_str().unwrap();
        (0..hex.len())
            .step_by(2)
            .map(|at| from_hex::<1>(&hex[at..at.saturating_add(2)]).unwrap()[0])
            .collect()
    };
    golden["entries"].as_array().unwrap().iter().map(bytes).collect()
}

fn stored(bytes: &[u8]) -> StoredEntry {
    codec::decode(bytes).unwrap()
}

/// Three messages: a withdraw of 102016, the refusal of 141500, and another withdraw.
fn envelopes() -> Vec<(u8, Envelope)> {
    let (a, b) = (town("102016"), town("141500"));
    let transfer = TransferId([7; 16]);
    let withdraw = |offer| {
        codec::encode(&Message::Withdraw(WithdrawBody {
            transfer,
            offer: jichi_protocol::id::ChannelNumber(offer),
        }))
    };
    let answer = Answer::Refuse { reason: RefuseReason::Withdrawn };
    let refuse = codec::encode(&Message::Answer(AnswerBody { transfer, offer: None, answer }));
    let mut of_a = Channel::new(Generation(1), Generation(1));
    let mut of_b = Channel::new(Generation(1), Generation(1));
    let first = of_a.draft(a, b, Purpose::Money, withdraw(1)).sign(&key(2));
    of_a.sent(&first, EntryIndex(0));
    of_b.received(&first, b);
    let second = of_b.draft(b, a, Purpose::Money, refuse).sign(&key(5));
    of_b.sent(&second, EntryIndex(0));
    of_a.received(&second, a);
    let third = of_a.draft(a, b, Purpose::Money, withdraw(300)).sign(&key(2));
    vec![(2, first), (5, second), (2, third)]
}

fn envelope_json((signer, envelope): &(u8, Envelope)) -> Value {
    let header = envelope.header();
    json!({
        "public_key": key(*signer).public().to_string(),
        "sender": header.sender.as_str(),
        "recipient": header.recipient.as_str(),
        "generation": header.generation.0,
        "number": header.number.0,
        "previous": header.previous.to_string(),
        "acked": [header.acked.generation.0, header.acked.number.0],
        "body": hex(envelope.body()),
        "hash": envelope.hash().to_string(),
        "envelope": hex(&envelope.encode()),
    })
}

/// An offer of converted points and its acceptance, in the words of formats.cddl.
fn messages() -> Value {
    let terms = LotTerms {
        origin: LotOrigin::Here(Birth::Converted("jal".parse().unwrap())),
        issuer: Issuer::Other,
        paid: Paid::No,
        earned: "2026-06-01".parse().unwrap(),
        expires: "2028-03-31".parse().unwrap(),
        grace: Grace::May,
    };
    let transfer = TransferId([7; 16]);
    let left: BusinessDate = "2026-07-01".parse().unwrap();
    let offer = codec::encode(&Message::Offer(OfferBody {
        transfer,
        recipient: Recipient::Account(Handle([3; 16])),
        lots: vec![Lot { terms, points: Points::from_u32(500) }],
        agreement: 1,
        left,
    }));
    let answer = Answer::Accept { date: left };
    let offered = Some(Digest([9; 32]));
    let accept = codec::encode(&Message::Answer(AnswerBody { transfer, offer: offered, answer }));
    json!([
        {"name": "offer", "transfer": transfer.to_string(), "points": 500,
            "origin": [0, [[2, ["jal"]]]], "left": 20635, "bytes": hex(&offer)},
        {"name": "accept", "transfer": transfer.to_string(), "offer": hex(&[9; 32]),
            "date": 20635, "bytes": hex(&accept)},
    ])
}

fn document() -> Value {
    let member = |code: &str, first: u8| Member {
        who: Party::Town(town(code)),
        name_ja: "市".parse().unwrap(),
        name_en: "City".parse().unwrap(),
        log_key: key(first).public(),
        generation: Generation(1),
        channel_key: key(first.saturating_add(1)).public(),
        transport: PeerId::new(&[first; 38]).unwrap(),
        addresses: Few::new(vec!["/ip4/192.0.2.1/tcp/4001".parse().unwrap()]).unwrap(),
        versions: Few::new(vec![1]).unwrap(),
        witness_key: (first == 4).then(|| key(6).public()),
        witnesses: (first == 1).then(|| Few::new(vec![town("141500")]).unwrap()),
    };
    let (issued, valid_until) = (Time(1_780_000_000_000), Time(1_780_000_000_000 + 86_400_000));
    let members = vec![member("102016", 1), member("141500", 4)];
    let directory = Directory::new(DirectoryVersion(3), issued, valid_until, members).unwrap();
    let mut signed = SignedStatement::new(Statement {
        document: DocumentName::Directory,
        version: DirectoryVersion(3),
        heads: Heads::new(vec![Head([9; 32])]).unwrap(),
        content: directory.content(),
        issued,
        valid_until,
    })
    .unwrap();
    signed.add_signature(&key(8)).unwrap();
    json!({
        "root_key": key(8).public().to_string(),
        "directory": hex(&codec::encode(&directory)),
        "content": directory.content().to_string(),
        "signed_statement": hex(&codec::encode(&signed)),
    })
}

/// A town's statement about its list of shops, signed by its channel key.
fn public_list() -> Value {
    let issued = Time(1_780_000_000_000);
    let statement = ListStatement {
        list: ListName { town: town("102016"), kind: ListKind::Shops },
        version: ListVersion(issued.0),
        heads: Heads::new(vec![Head([7; 32]), Head([9; 32])]).unwrap(),
        issued,
        valid_until: Time(1_780_000_000_000 + 30 * 86_400_000),
    };
    let signed = SignedListStatement::sign(statement, &key(2)).unwrap();
    json!({
        "key": key(2).public().to_string(),
        "list": signed.statement().list.to_string(),
        "version": signed.statement().version.0,
        "signed_statement": hex(&codec::encode(&signed)),
        "mark": hex(&signed.mark().0),
    })
}

fn witnessing(log: &Log) -> Value {
    let size = u64::try_from(log.0.len()).unwrap();
    let witness = witness_key_of(town("141500"), key(6).public());
    let seen = log.signed(7);
    let request = |log: &Log, old, new| {
        let (proof, checkpoint) = (log.consistency(old, new), log.signed(new));
        AddCheckpoint { old: TreeSize(old), proof, checkpoint }
    };
    let mut other = Log(log.0.clone());
    other.0[5] = Digest([5; 32]);
    let cases = [
        request(log, 7, size),
        request(log, 7, 7),
        request(log, 6, size),
        request(&other, 7, 12),
        AddCheckpoint { old: TreeSize(8), ..request(log, 7, 7) },
        AddCheckpoint {
            checkpoint: log.signed(9).claimed().clone().sign(&key(9)),
            ..request(log, 7, 9)
        },
    ];
    let judged = cases.iter().map(|request| {
        let status = match judge(request, Some(&log_key()), Some(&seen), None) {
            Ok(_) => 200,
            Err(refused) => refused.reason.status(),
        };
        json!({"body": request.to_string(), "status": status})
    });
    let newer = log.signed(size).verify(&log_key()).unwrap();
    let line = cosign(&newer, &witness.name, &key(6), Time(1_780_000_000_000));
    let cosigned = newer.clone().into_signed().with_signature(&line).unwrap();
    let fork = ForkProof::of(
        &log.signed(7).verify(&log_key()).unwrap(),
        &other.signed(12).verify(&log_key()).unwrap(),
        other.root(7),
        &other.consistency(7, 12),
    );
    json!({
        "witness": witness.to_string(),
        "seen": seen.to_string(),
        "requests": judged.collect::<Vec<_>>(),
        "cosigned": {"note": cosigned.to_string(), "time": 1_780_000_000_u64},
        "fork": fork.unwrap().file(&log_key()),
    })
}

fn vectors() -> Value {
    let entries = entries();
    let log = Log(entries.iter().map(|entry| leaf_hash(&stored(entry).leaf())).collect());
    let size = u64::try_from(entries.len()).unwrap();
    let shown = entries.iter().enumerate().take(8).map(|(index, entry)| {
        let leaf = stored(entry).leaf();
        json!({"index": index, "stored": hex(entry), "leaf": hex(&leaf),
            "leaf_hash": leaf_hash(&leaf).to_string()})
    });
    let seeds = [
        (1, "log 102016"),
        (2, "channel 102016"),
        (4, "log 141500"),
        (5, "channel 141500"),
        (6, "witness 141500"),
        (8, "root of the directory"),
    ];
    let keys = seeds.map(|(number, what)| {
        json!({"what": what, "seed": hex(&[number; 32]),
            "public_key": key(number).public().to_string()})
    });
    let hashes = |hashes: &[Digest]| hashes.iter().map(Digest::to_string).collect::<Vec<_>>();
    let inclusion = [(0, 1), (0, size), (6, 7), (size.saturating_sub(1), size), (5, 64)];
    let inclusion = inclusion.map(|(index, size)| {
        json!({"index": index, "size": size,
            "leaf_hash": log.0[usize::try_from(index).unwrap()].to_string(),
            "root": log.root(size).to_string(), "hashes": hashes(&log.inclusion(index, size).0)})
    });
    let consistency = [(0, 5), (1, 2), (7, size), (8, size), (63, 64), (size, size)];
    let consistency = consistency.map(|(old, new)| {
        json!({"old_size": old, "old_root": log.root(old).to_string(), "new_size": new,
            "new_root": log.root(new).to_string(), "hashes": hashes(&log.consistency(old, new).0)})
    });
    let checkpoints = [1, 7, 64, size].map(|size| {
        json!({"size": size, "root": log.root(size).to_string(),
            "note": log.signed(size).to_string()})
    });
    let extra = stored(&entries[3]).leaf();
    let receipt = Receipt::new(extra, EntryIndex(3), log.inclusion(3, size), log.signed(size));
    let receipt = receipt.unwrap().to_string();
    let sent = envelopes();
    let delivery =
        Delivery { envelope: sent[0].1.encode(), proof: receipt.clone(), enclosure: None };
    json!({
        "about": ABOUT,
        "keys": keys,
        "log_key": log_key().to_string(),
        "entries": shown.collect::<Vec<_>>(),
        "leaf_hashes": hashes(&log.0),
        "messages": messages(),
        "envelopes": sent.iter().map(envelope_json).collect::<Vec<_>>(),
        "delivery": hex(&codec::encode(&delivery)),
        "checkpoints": checkpoints,
        "inclusion_proofs": inclusion,
        "consistency_proofs": consistency,
        "receipt": receipt,
        "witnessing": witnessing(&log),
        "document": document(),
        "public_list": public_list(),
    })
}

#[test]
fn the_vectors_are_what_the_code_makes() {
    let made = format!("{:#}\n", vectors());
    let file = path("federation-v1.json");
    if env::var_os("JICHI_RENEW").is_some_and(|renew| renew == "1") {
        fs::write(&file, &made).unwrap();
    }
    let written = fs::read_to_string(&file).unwrap_or_default();
    let differs = made.lines().zip(written.lines().chain([""])).find(|(made, is)| made != is);
    assert!(
        made == written,
        "the forms changed, and other implementations with them; first difference (made, \
         written): {differs:?}\nRenew: JICHI_RENEW=1 cargo test -p jichi-tests --test vectors"
    );
}

#[test]
fn a_program_that_is_not_ours_verifies_every_vector_and_refuses_a_changed_one() {
    let Some(python) = env::var_os("JICHI_PYTHON") else {
        eprintln!("not run without JICHI_PYTHON; tests/run --only conformance sets it");
        return;
    };
    let run = |file: &PathBuf| {
        let output =
            Command::new(&python).arg("-B").arg(path("verify.py")).arg(file).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&said).into_owned())
    };
    let (code, said) = run(&path("federation-v1.json"));
    assert_eq!(code, Some(0), "{said}");
    let whole = fs::read_to_string(path("federation-v1.json")).unwrap();
    let changed = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("changed-vectors.json");
    let vectors: Value = serde_json::from_str(&whole).unwrap();
    let places = [
        "/keys/0/public_key",
        "/entries/3/leaf",
        "/entries/2/stored",
        "/leaf_hashes/5",
        "/messages/0/bytes",
        "/messages/1/bytes",
        "/envelopes/1/envelope",
        "/envelopes/2/hash",
        "/delivery",
        "/checkpoints/2/note",
        "/checkpoints/1/root",
        "/inclusion_proofs/3/hashes/0",
        "/consistency_proofs/2/hashes/1",
        "/receipt",
        "/witnessing/cosigned/note",
        "/witnessing/fork",
        "/witnessing/seen",
        "/witnessing/requests/0/body",
        "/document/signed_statement",
        "/document/directory",
        "/public_list/signed_statement",
    ];
    for place in places {
        let mut other = vectors.clone();
        let value = other.pointer_mut(place).unwrap();
        let text = value.as_str().unwrap();
        // Behind the middle, where it says something in every one of them.
        let at = text.len().saturating_mul(3) / 5;
        let at = (at..).find(|at| text.as_bytes()[*at].is_ascii_alphanumeric()).unwrap();
        let letter = if text.as_bytes()[at] == b'1' { "2" } else { "1" };
        let mut text = text.to_owned();
        text.replace_range(at..at.saturating_add(1), letter);
        *value = text.into();
        fs::write(&changed, other.to_string()).unwrap();
        let (code, said) = run(&changed);
        assert_eq!(code, Some(1), "{place}: {said}");
    }
}
