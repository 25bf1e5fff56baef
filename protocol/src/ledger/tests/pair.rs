//! Two towns at their desks: one directory, one agreement, and envelopes carried by hand.

use alloc::{vec, vec::Vec};

use super::desk::*;
use crate::{
    agreement::{Agreement, Movable, Seal, SignedAgreement},
    codec,
    command::*,
    cross,
    date::Time,
    digest::Digest,
    directory::{
        Directory, DirectoryVersion, DocumentName, Few, Head, Heads, Member, Party, PeerId,
        SignedStatement, Statement,
    },
    entry::{Entry, Outcome},
    envelope::Envelope,
    id::*,
    key::OperationKey,
    refusal::Refusal,
    signature::{Domain, SigningKey},
};

/// The key of the directory's root.
pub(crate) fn root_key() -> SigningKey {
    SigningKey::from_seed(&[42; 32])
}

pub(crate) fn member(desk: &Desk) -> Member {
    let meta = desk.ledger.meta();
    Member {
        who: Party::Town(meta.town),
        name_ja: "市".parse().unwrap(),
        name_en: "City".parse().unwrap(),
        log_key: meta.log_key,
        generation: meta.generation,
        channel_key: meta.channel_key,
        transport: PeerId::new(meta.town.as_str().as_bytes()).unwrap(),
        addresses: Few::new(vec![]).unwrap(),
        versions: Few::new(vec![1]).unwrap(),
        witness_key: None,
        witnesses: None,
        revoked: None,
    }
}

/// A version of the directory with these towns, as one part.
pub(crate) fn directory(version: u64, desks: &[&Desk]) -> DirectoryPart {
    let members = desks.iter().map(|desk| member(desk)).collect();
    directory_of(version, members, desks.first().unwrap().time)
}

/// A version of the directory with these members, issued now.
pub(crate) fn directory_of(version: u64, members: Vec<Member>, issued: Time) -> DirectoryPart {
    let valid_until = issued.later_by_ms(20 * 86_400_000);
    let version = DirectoryVersion(version);
    let directory = Directory::new(version, issued, valid_until, members).unwrap();
    let statement = Statement {
        document: DocumentName::Directory,
        version,
        heads: Heads::new(vec![Head([1; 32])]).unwrap(),
        content: directory.content(),
        issued,
        valid_until,
    };
    let mut statement = SignedStatement::new(statement).unwrap();
    statement.add_signature(&root_key()).unwrap();
    DirectoryPart { statement, part: 0, parts: 1, members: directory.members().to_vec() }
}

/// An agreement of two towns, changed from a plain one.
pub(crate) fn agreement(
    low: &Desk,
    high: &Desk,
    change: impl FnOnce(&mut Agreement),
) -> SignedAgreement {
    let mut agreement = Agreement {
        low: low.town,
        high: high.town,
        number: 1,
        movable: Movable::Converted,
        cap: p(100_000),
        from: day("2026-01-01"),
        until: day("2030-03-31"),
        shops: None,
        movements: None,
    };
    change(&mut agreement);
    let bytes = codec::encode(&agreement);
    let seal = |desk: &Desk| Seal {
        key: desk.channel_key.public(),
        signature: desk.channel_key.sign(Domain::Agreement, &bytes),
    };
    SignedAgreement { agreement, low: seal(low), high: seal(high) }
}

/// The message that went out with an entry.
pub(crate) fn sent(entry: &Entry) -> Option<Envelope> {
    match &entry.outcome {
        Outcome::Done(effect) => effect.sent.clone(),
        Outcome::Refused(_) => None,
    }
}

/// The key and the command by which a town takes an envelope in.
pub(crate) fn arriving(envelope: &Envelope) -> (Option<OperationKey>, Command) {
    let header = envelope.header();
    let (peer, generation, number) = (header.sender, header.generation, header.number);
    let key = OperationKey::Channel { peer, generation, number };
    (Some(key), Command::HandleEnvelope(Nothing {}, Received { envelope: envelope.encode() }))
}

impl Desk {
    /// Takes an envelope in; the answer that goes out comes back.
    pub(crate) fn receive(&mut self, envelope: &Envelope) -> Result<Option<Envelope>, Refusal> {
        let (key, command) = arriving(envelope);
        self.keyed(key, command).map(|entry| sent(&entry))
    }

    pub(crate) fn handle(&mut self, account: AccountId, town: TownId) -> Handle {
        let handle = Handle::derived("test", self.key().bytes());
        let issue = HandleIssue { account, town, handle };
        self.submit(Command::IssueHandle(Nothing {}, issue)).unwrap();
        handle
    }

    pub(crate) fn offer_command(
        transfer: u8,
        town: TownId,
        (account, recipient): (AccountId, Handle),
        points: u32,
        source: Source,
    ) -> Command {
        let transfer = TransferId([transfer; 16]);
        let shared = OfferShared { transfer, town, points: p(points) };
        Command::Offer(shared, OfferPrivate { account, recipient, source, actor: Actor::Holder })
    }

    pub(crate) fn withdraw(&mut self, transfer: u8) -> Result<Envelope, Refusal> {
        let shared = WithdrawShared { transfer: TransferId([transfer; 16]) };
        let command = Command::Withdraw(shared, ByActor { actor: Actor::Holder });
        self.submit(command).map(|entry| sent(&entry).unwrap())
    }
}

/// Town `a` with a resident who holds points, town `b` with a resident who has a handle for `a`,
/// and the other way round.
pub(crate) struct Pair {
    pub(crate) a: Desk,
    pub(crate) b: Desk,
    pub(crate) at_a: AccountId,
    pub(crate) at_b: AccountId,
    /// What `a` calls the resident of `b`.
    pub(crate) to_b: Handle,
    /// What `b` calls the resident of `a`.
    pub(crate) to_a: Handle,
}

impl Pair {
    pub(crate) fn new(on: &str, change: impl Fn(&mut Agreement)) -> Self {
        let (mut a, mut b) = (Desk::new("102016", on), Desk::new("141500", on));
        let part = directory(1, &[&a, &b]);
        let signed = agreement(&a, &b, change);
        for desk in [&mut a, &mut b] {
            desk.fact(Command::TakeDirectory(part.clone(), Nothing {}));
            desk.fact(Command::TakeAgreement(signed.clone(), by_officer()));
        }
        let (at_a, at_b) = (a.resident(), b.resident());
        let (to_b, to_a) = (b.handle(at_b, a.town), a.handle(at_a, b.town));
        Self { a, b, at_a, at_b, to_b, to_a }
    }

    /// Both clocks, to ten o'clock of a later day.
    pub(crate) fn on(&mut self, date: &str) {
        self.a.on(date);
        self.b.on(date);
    }

    /// `a` offers from its resident's balance.
    pub(crate) fn offer(&mut self, transfer: u8, points: u32) -> Result<Envelope, Refusal> {
        self.offer_from(transfer, points, Source::Balance)
    }

    pub(crate) fn offer_from(
        &mut self,
        transfer: u8,
        points: u32,
        source: Source,
    ) -> Result<Envelope, Refusal> {
        let command =
            Desk::offer_command(transfer, self.b.town, (self.at_a, self.to_b), points, source);
        self.a.submit(command).map(|entry| sent(&entry).unwrap())
    }

    /// What a cross-check of both journals finds.
    pub(crate) fn cross(&self) -> cross::CrossReport {
        let side = |desk: &Desk, peer: TownId| {
            let mut side = cross::Side::new(desk.town, peer);
            for bytes in &desk.journal {
                side.note(&Entry::parse(bytes).unwrap());
            }
            side
        };
        let (a, b) = (side(&self.a, self.b.town), side(&self.b, self.a.town));
        cross::cross((&a, &self.a.ledger), (&b, &self.b.ledger))
    }

    /// Both journals replay, and do not contradict each other.
    pub(crate) fn sound(&self) {
        self.a.replays();
        self.b.replays();
        let report = self.cross();
        assert!(report.contradictions.is_empty(), "{report:?}");
    }

    pub(crate) fn lots_at_b(&self) -> Vec<crate::lot::Lot> {
        self.b.ledger.holder(&self.at_b).unwrap().lots.iter().collect::<Vec<_>>()
    }

    pub(crate) fn lots_at_a(&self) -> Vec<crate::lot::Lot> {
        self.a.ledger.holder(&self.at_a).unwrap().lots.iter().collect::<Vec<_>>()
    }
}

/// A digest of a word.
pub(crate) fn word(text: &str) -> Digest {
    Digest::of(&[text.as_bytes()])
}
