//! One JSON object: every entry, also a refused one, then the report.

use std::io::{self, Write};

use jichi_protocol::{
    digest::Hex,
    entry::{Entry, Outcome},
    envelope::Envelope,
    log::tree::leaf_hash,
    lot::Lot,
    posting::Posting,
};
use serde_json::{Value, json};

use super::{csv, hledger::account_name, key_text, signed};
use crate::audit::{
    fold::Seen,
    report::{Report, authority_name},
};

/// Writes the object.
pub(crate) struct Writer<'w> {
    out: &'w mut dyn Write,
    /// What stands before the next entry.
    comma: &'static str,
}

impl<'w> Writer<'w> {
    pub(super) fn begin(out: &'w mut dyn Write) -> io::Result<Self> {
        write!(out, "{{\"entries\":[")?;
        Ok(Self { out, comma: "" })
    }

    pub(super) fn entry(&mut self, seen: &Seen<'_>) -> io::Result<()> {
        write!(self.out, "{}\n{}", self.comma, entry_json(seen.entry, seen.leaf))?;
        self.comma = ",";
        Ok(())
    }

    pub(super) fn end(self, report: &Report) -> io::Result<()> {
        writeln!(self.out, "\n],\"report\":{}}}", report.json())
    }
}

fn entry_json(entry: &Entry, leaf: &[u8]) -> Value {
    let submission = &entry.submission;
    let command = &submission.command;
    let (postings, sent, refusal) = match &entry.outcome {
        Outcome::Done(effect) => {
            let postings = effect.postings.as_slice().iter().map(posting_json).collect();
            (postings, effect.sent.as_ref().map(sent_json), None)
        }
        Outcome::Refused(refusal) => (Vec::new(), None, Some(refusal.code())),
    };
    json!({
        "entry": entry.index.0,
        "time": entry.time.to_string(),
        "kind": command.kind_name(),
        "authority": authority_name(command.authority()),
        "key": submission.key.as_ref().map(key_text),
        "outcome": if refusal.is_none() { "done" } else { "refused" },
        "refusal": refusal,
        "postings": postings,
        "sent": sent,
        "evidence": submission.evidence.map(|evidence| evidence.to_string()),
        "command_shared": Hex(&command.shared_bytes()).to_string(),
        "command_private": Hex(&command.private_bytes()).to_string(),
        "leaf_hash": leaf_hash(leaf).to_string(),
    })
}

fn posting_json(posting: &Posting) -> Value {
    match posting {
        Posting::Lots { holder, side, lots } => json!({
            "account": format!("liabilities:resident:{holder}"),
            "points": posting.points().map(|points| signed(*side, points)),
            "lots": lots.iter().map(lot_json).collect::<Vec<_>>(),
        }),
        Posting::Book { account, side, points } => json!({
            "account": account_name(account),
            "points": signed(*side, *points),
        }),
    }
}

fn lot_json(lot: &Lot) -> Value {
    let [moved_from, birth, birth_id, issuer, paid, earned, expires, grace] =
        csv::terms(&lot.terms);
    json!({
        "points": lot.points.get(),
        "moved_from": Some(moved_from).filter(|town| !town.is_empty()),
        "birth": birth,
        "birth_id": birth_id,
        "issuer": issuer,
        "paid": paid,
        "earned": earned,
        "expires": expires,
        "grace": grace,
    })
}

fn sent_json(envelope: &Envelope) -> Value {
    let header = envelope.header();
    json!({
        "to": header.recipient.as_str(),
        "generation": header.generation.0,
        "number": header.number.0,
        "hash": envelope.hash().to_string(),
    })
}
