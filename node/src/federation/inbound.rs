//! What other nodes send: envelopes of towns, conversions that the coordinator routes.

use jichi_protocol::{
    channel::delivery::{Delivery, DeliveryFault, DeliveryReply},
    codec,
    command::{Command, Nothing, Received, SignedConversion},
    decision::{ConversionDecision, ConversionVerdict, SignedDecision, statement_hash},
    directory::Party,
    entry::{LeafView, Outcome, Submission},
    envelope::{Acked, Envelope},
    id::TownId,
    intent::ConversionStatement,
    key::OperationKey,
    ledger::conversion_id,
    log::{
        checkpoint::Origin,
        note::{KeyKind, VerifierKey},
        receipt::Receipt,
        tree::leaf_hash,
    },
    refusal::Refusal,
    signature::SigningKey,
};

use crate::{
    api::answer::receipt,
    engine::{Answer, Engine, NotTaken},
};

/// Handles a delivery of an envelope, and says what was heard.
pub(super) async fn deliver(engine: &Engine, from: Party, bytes: &[u8]) -> DeliveryReply {
    match take(engine, from, bytes).await {
        Ok(sender) => DeliveryReply { heard: heard(engine, sender).await, fault: None },
        Err((sender, fault)) => {
            let heard = match sender {
                Some(sender) => heard(engine, sender).await,
                None => None,
            };
            DeliveryReply { heard, fault: Some(fault) }
        }
    }
}

async fn heard(engine: &Engine, sender: TownId) -> Option<Acked> {
    engine.read(|ledger| ledger.channel(&sender).map(|channel| channel.heard())).await.ok()?
}

type Fault = (Option<TownId>, DeliveryFault);

async fn take(engine: &Engine, from: Party, bytes: &[u8]) -> Result<TownId, Fault> {
    let malformed = |_| (None, DeliveryFault::Malformed);
    let delivery = Delivery::decode(bytes).map_err(malformed)?;
    let envelope = Envelope::decode(&delivery.envelope).map_err(malformed)?;
    let header = *envelope.header();
    if Party::Town(header.sender) != from {
        return Err((None, DeliveryFault::NotInDirectory));
    }
    let sender = Some(header.sender);
    let log_key = engine
        .read(|ledger| {
            let member = ledger.member(&header.sender)?;
            let origin = Origin::of(header.sender, member.generation);
            let name = origin.key_name().clone();
            Some(VerifierKey { name, kind: KeyKind::Log, key: member.log_key })
        })
        .await
        .map_err(|_| (sender, DeliveryFault::TryLater))?
        .ok_or((sender, DeliveryFault::NotInDirectory))?;
    // A lie shows at once: no proof of the sender's entry, no entry here.
    if !proves(&delivery.proof, &log_key, &envelope) {
        return Err((sender, DeliveryFault::NoProof));
    }
    let key = OperationKey::Channel {
        peer: header.sender,
        generation: header.generation,
        number: header.number,
    };
    let command = Command::HandleEnvelope(Nothing {}, Received { envelope: delivery.envelope });
    let submission = Submission { key: Some(key), command, evidence: None };
    match engine.submit(submission).await {
        Ok(Answer::Entry(committed)) => {
            if let Outcome::Refused(refusal) = &committed.entry.outcome {
                tracing::warn!(town = %header.sender, code = refusal.code(), "a message was refused");
            }
            Ok(header.sender)
        }
        Ok(Answer::Heard) => Ok(header.sender),
        Ok(Answer::Rejected(refusal)) => {
            if refusal == Refusal::UnknownTransfer {
                tracing::error!(town = %header.sender,
                    "an answer came to an offer that this journal does not have: was the node restored?");
            }
            Err((sender, fault_of(refusal)))
        }
        Err(NotTaken::BadSignature) => Err((sender, DeliveryFault::NotInDirectory)),
        Err(NotTaken::NoSigner(_)) => Err((sender, DeliveryFault::NotInDirectory)),
        Err(
            NotTaken::Overloaded
            | NotTaken::ClockDoubtful
            | NotTaken::StorageFull
            | NotTaken::Unknown,
        ) => Err((sender, DeliveryFault::TryLater)),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "every other refusal is about the state")]
const fn fault_of(refusal: Refusal) -> DeliveryFault {
    match refusal {
        Refusal::ChannelFrozen => DeliveryFault::Frozen,
        Refusal::NoAgreement => DeliveryFault::NoChannel,
        Refusal::NotInDirectory => DeliveryFault::NotInDirectory,
        Refusal::Recovering => DeliveryFault::TryLater,
        _ => DeliveryFault::DoesNotFit,
    }
}

/// Whether the proof shows that the sender's log has an entry that sent this very envelope.
fn proves(proof: &str, log_key: &VerifierKey, envelope: &Envelope) -> bool {
    let Ok(receipt) = Receipt::parse(proof.as_bytes()) else { return false };
    let Ok(leaf) = LeafView::parse(receipt.extra()) else { return false };
    leaf.sent == Some(envelope.hash())
        && receipt.verify(log_key, &leaf_hash(receipt.extra())).is_ok()
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
