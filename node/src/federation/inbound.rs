//! What other nodes send: envelopes of towns, conversions that the coordinator routes.

use jichi_protocol::{
    channel::delivery::{DeliveryFault, DeliveryReply},
    codec,
    command::{Command, Nothing, SignedConversion},
    decision::{ConversionDecision, ConversionVerdict, SignedDecision, statement_hash},
    directory::Party,
    entry::{Outcome, Submission},
    envelope::Acked,
    id::TownId,
    intent::ConversionStatement,
    key::OperationKey,
    ledger::conversion_id,
    library::{Enclosure, LibrarySide, LinkBody},
    refusal::Refusal,
    signature::SigningKey,
};

use super::{
    arriving::{Arriving, fault_of, log_key_of},
    standing::Doubts,
};
use crate::{
    api::answer::receipt,
    clock,
    engine::{Answer, Engine, NotTaken},
    library::cards::{LibraryCards, Place},
    town::Town,
    witness::watch::Notes,
};

/// Where deliveries come in. Cheap to clone.
#[derive(Clone)]
pub(super) struct Inbox {
    /// Decides about them.
    pub(super) engine: Engine,
    /// Keeps the numbers of cards that come beside messages.
    pub(super) cards: LibraryCards,
    /// Takes the checkpoints that come with them; none where the node is no witness.
    pub(super) notes: Option<Notes>,
    /// Takes the towns whose messages raise a doubt about the own journal.
    pub(super) doubts: Doubts,
}

impl Inbox {
    /// A town's, which takes no checkpoints yet.
    pub(super) fn of(town: &Town, doubts: Doubts) -> Self {
        let (engine, cards) = (town.engine().clone(), town.library().cards().clone());
        Self { engine, cards, notes: None, doubts }
    }
}

/// Handles a delivery of an envelope, and says what was heard.
pub(super) async fn deliver(inbox: &Inbox, from: Party, bytes: &[u8]) -> DeliveryReply {
    let engine = &inbox.engine;
    match take(inbox, from, bytes).await {
        Ok(sender) => {
            let heard = heard(engine, sender).await;
            DeliveryReply { heard, fault: None, now: Some(clock::now()) }
        }
        Err((sender, fault)) => {
            let heard = match sender {
                Some(sender) => heard(engine, sender).await,
                None => None,
            };
            DeliveryReply { heard, fault: Some(fault), now: Some(clock::now()) }
        }
    }
}

async fn heard(engine: &Engine, sender: TownId) -> Option<Acked> {
    engine.read(|ledger| ledger.channel(&sender).map(|channel| channel.heard())).await.ok()?
}

type Fault = (Option<TownId>, DeliveryFault);

async fn take(inbox: &Inbox, from: Party, bytes: &[u8]) -> Result<TownId, Fault> {
    let engine = &inbox.engine;
    let arriving = Arriving::parse(from, bytes).map_err(|fault| (None, fault))?;
    let town = arriving.sender();
    let sender = Some(town);
    let log_key = engine
        .read(|ledger| log_key_of(ledger, town))
        .await
        .map_err(|_| (sender, DeliveryFault::TryLater))?
        .ok_or((sender, DeliveryFault::NotInDirectory))?;
    let card = arriving.card();
    let (submission, checkpoint) = arriving.proved(&log_key).map_err(|fault| (sender, fault))?;
    if let Some(notes) = &inbox.notes {
        notes.note(town, checkpoint);
    }
    if let Some(card) = card {
        keep(inbox, town, card).await.ok_or((sender, DeliveryFault::TryLater))?;
    }
    match engine.submit(submission).await {
        Ok(Answer::Entry(committed)) => {
            if let Outcome::Refused(refusal) = &committed.entry.outcome {
                tracing::warn!(town = %town, code = refusal.code(), "a message was refused");
            }
            Ok(town)
        }
        Ok(Answer::Heard) => Ok(town),
        Ok(Answer::Rejected(refusal)) => {
            if refusal == Refusal::UnknownTransfer {
                tracing::error!(town = %town,
                    "an answer came to an offer that this journal does not have: the town is asked to show it");
                inbox.doubts.about(town);
            }
            Err((sender, fault_of(refusal)))
        }
        Err(NotTaken::BadSignature) => Err((sender, DeliveryFault::NotInDirectory)),
        Err(NotTaken::NoSigner(refusal)) => Err((sender, fault_of(refusal))),
        Err(
            NotTaken::Overloaded
            | NotTaken::ClockDoubtful
            | NotTaken::StorageFull
            | NotTaken::Behind
            | NotTaken::Unknown,
        ) => Err((sender, DeliveryFault::TryLater)),
    }
}

/// Seals the number of a card that comes for the first time: it is durable before the entry is.
async fn keep(inbox: &Inbox, town: TownId, (body, card): (LinkBody, Enclosure)) -> Option<()> {
    let link = body.link;
    let known = inbox.engine.read(|ledger| ledger.card_link(town, link).is_some()).await.ok()?;
    if known {
        return Some(());
    }
    let place = Place { side: LibrarySide::Institution, town, link };
    inbox.cards.keep(place, &card).await.ok()
}

/// Decides a company's conversion, and signs the decision; none for bytes that are none.
pub(super) async fn convert(
    engine: &Engine,
    key: &SigningKey,
    bytes: &[u8],
) -> Option<SignedDecision> {
    let signed: SignedConversion = codec::decode(bytes).ok()?;
    let statement = signed.statement.clone();
    let operation = OperationKey::Company {
        company: statement.company,
        reference: statement.reference.clone(),
    };
    let command = Command::Convert(signed, Nothing {});
    let submission = Submission { key: Some(operation), command, evidence: None };
    let (verdict, proof) = match engine.submit(submission).await {
        Ok(Answer::Entry(committed)) => {
            let entry = committed.entry.index;
            let verdict = match &committed.entry.outcome {
                Outcome::Done(_) => ConversionVerdict::Converted {
                    points: statement.points,
                    entry,
                    conversion: conversion_id(&statement),
                },
                Outcome::Refused(refusal) => {
                    ConversionVerdict::Refused { number: refusal.number(), entry }
                }
            };
            (verdict, receipt(engine, &committed).ok().map(|receipt| receipt.to_string()))
        }
        Ok(Answer::Rejected(refusal)) | Err(NotTaken::NoSigner(refusal)) => {
            (ConversionVerdict::NotTaken { number: refusal.number() }, None)
        }
        Err(NotTaken::BadSignature) => {
            let number = Refusal::NotInDirectory.number();
            (ConversionVerdict::NotTaken { number }, None)
        }
        // The coordinator asks again.
        Ok(Answer::Heard) | Err(_) => return None,
    };
    let decision = decision_of(&statement, verdict);
    Some(SignedDecision::sign(decision, key, proof))
}

fn decision_of(statement: &ConversionStatement, verdict: ConversionVerdict) -> ConversionDecision {
    ConversionDecision {
        town: statement.town,
        company: statement.company,
        reference: statement.reference.clone(),
        statement: statement_hash(statement),
        verdict,
    }
}
