//! A report as programs read it.

use jichi_node::journal::survey::Tail;
use jichi_protocol::{account::Side, replay::Authority};
use serde_json::{Value, json};

use super::{Report, Scope, account_name, text::base64};
use crate::audit::fold::{Fault, Found, LogKey, Tally};

/// The report as one object. Times are RFC 3339; hashes are base64, as in checkpoints.
pub(super) fn json(report: &Report) -> Value {
    let checkpoint = report.checkpoint.as_ref().map(|checkpoint| {
        json!({
            "origin": checkpoint.origin.as_str(),
            "size": checkpoint.size.0,
            "root": base64(&checkpoint.root),
            "note": checkpoint.note().as_str(),
        })
    });
    let key = report.key.as_ref().map(|key| {
        let from = match key {
            LogKey::Given(_) => "given",
            LogKey::FromOpening(_) => "opening_entry",
        };
        json!({ "vkey": key.key().to_string(), "from": from })
    });
    json!({
        "sound": report.sound(),
        "source": report.source,
        "audited": report.audited.to_string(),
        "scope": match report.scope {
            Scope::Entries => "entries",
            Scope::Tiles => "tiles",
        },
        "checkpoint": checkpoint,
        "key": key,
        "entries": report.size.0,
        "last_entry": report.last.map(|last| last.to_string()),
        "tail": report.tail.map(tail),
        "checkpoints_verified": report.tally.checkpoints,
        "known_checkpoints": report.tally.known,
        "state_hashes": report.tally.state_hashes,
        "kinds": kinds(&report.tally),
        "books": books(report),
        "not_checked": {
            "evidence_entries": report.tally.evidence,
            "personal_data": true,
            "same_log_for_everybody": true,
        },
        "fault": report.found.as_ref().map(fault),
    })
}

fn tail(tail: Tail) -> Value {
    match tail {
        Tail::Closed => json!({ "state": "closed" }),
        Tail::NotClosed => json!({ "state": "not_closed" }),
        Tail::Torn { segment, offset, sectors_written } => json!({
            "state": "torn",
            "segment": segment,
            "offset": offset,
            "sectors_written": sectors_written,
        }),
    }
}

/// The name of an authority in JSON and CSV.
pub(crate) const fn authority_name(authority: Authority) -> &'static str {
    match authority {
        Authority::Signed => "signed",
        Authority::Rule => "rule",
        Authority::NodeAsserted => "node_asserted",
    }
}

fn kinds(tally: &Tally) -> Value {
    let kind = |(number, kind): (&u16, &crate::audit::fold::KindCount)| {
        json!({
            "number": number,
            "kind": kind.name,
            "authority": authority_name(kind.authority),
            "done": kind.done,
            "refused": kind.refused,
        })
    };
    Value::Array(tally.kinds.iter().map(kind).collect())
}

fn books(report: &Report) -> Option<Value> {
    let books = report.books.as_ref()?;
    let accounts: Vec<Value> = books
        .accounts
        .iter()
        .map(|(account, side, points)| {
            let side = match side {
                Side::Debit => "debit",
                Side::Credit => "credit",
            };
            json!({ "account": account_name(account), "side": side, "points": points.get() })
        })
        .collect();
    // Sums of many accounts may lie above what every JSON reader holds exactly.
    Some(json!({
        "accounts": accounts,
        "holders": books.holders,
        "held": books.held.to_string(),
        "debits": books.trial.debits.to_string(),
        "credits": books.trial.credits.to_string(),
        "balanced": books.trial.balances(),
    }))
}

fn fault(found: &Found) -> Value {
    let mut value = json!({ "code": code(&found.fault), "text": found.fault.to_string() });
    let mut put = |name: &str, number: u64| {
        if let Some(fields) = value.as_object_mut() {
            fields.insert(name.to_owned(), json!(number));
        }
    };
    if let Some(at) = found.at {
        put("segment", u64::from(at.segment));
        put("offset", at.offset);
    }
    match &found.fault {
        Fault::Entry { index, .. } => put("entry", index.0),
        Fault::Damage(damage) => {
            put("segment", u64::from(damage.segment));
            put("offset", damage.offset);
        }
        Fault::MalformedCheckpoint { size, .. }
        | Fault::Checkpoint { size, .. }
        | Fault::Known { size, .. }
        | Fault::OtherRoot { size, .. }
        | Fault::Extended(size)
        | Fault::Withheld { size, .. }
        | Fault::NotEntries(size)
        | Fault::Forked(size)
        | Fault::Cut { size, .. } => put("size", size.0),
        Fault::NoKey(_) | Fault::OtherKey(_) | Fault::Trial(_) | Fault::Empty | Fault::Tile(_) => {}
    }
    value
}

const fn code(fault: &Fault) -> &'static str {
    match fault {
        Fault::Damage(_) => "damage",
        Fault::Entry { .. } => "entry",
        Fault::MalformedCheckpoint { .. } => "malformed_checkpoint",
        Fault::Checkpoint { .. } => "checkpoint",
        Fault::Known { .. } => "known_checkpoint",
        Fault::Extended(_) => "extended_checkpoint",
        Fault::OtherRoot { .. } => "other_root",
        Fault::NoKey(_) => "no_key",
        Fault::OtherKey(_) => "other_key",
        Fault::Trial(_) => "trial_balance",
        Fault::Empty => "empty",
        Fault::Withheld { .. } => "withheld",
        Fault::NotEntries(_) => "not_entries",
        Fault::Tile(_) => "tile",
        Fault::Forked(_) => "forked",
        Fault::Cut { .. } => "cut",
    }
}
