//! `jichi audit cross`: two logs, and what they say of each other.

use std::fmt::Write as _;

use jichi_node::journal::Verify;
use jichi_protocol::{
    cross::{Contradiction, CrossReport, Noted, Side, cross},
    id::TownId,
};
use serde_json::{Value, json};

use super::{
    CannotRead,
    fold::{Seen, Stop},
    report::Report,
    source::{Place, Progress, Source},
    verify::{Audited, Terms, verify},
};

/// Two audited logs, and how they agree.
#[derive(Debug)]
pub(crate) struct CrossAudit {
    /// The first log.
    pub(crate) a: Report,
    /// The second one.
    pub(crate) b: Report,
    /// What the comparison found; none if one of the logs is not sound by itself.
    pub(crate) report: Option<CrossReport>,
}

/// Audits two logs and compares them.
///
/// # Errors
/// [`CannotRead`]: nothing is known about one of them, or both are of one town.
pub(crate) fn cross_audit(
    a: &Place,
    b: &Place,
    terms: &Terms<'_>,
    progress: &mut Progress<'_>,
) -> Result<CrossAudit, CannotRead> {
    let towns = (town_of(a, terms)?, town_of(b, terms)?);
    if towns.0.is_some() && towns.0 == towns.1 {
        return Err(CannotRead::SameTown);
    }
    let (a, a_side) = audit_side(a, towns, terms, progress)?;
    let (b, b_side) = audit_side(b, (towns.1, towns.0), terms, progress)?;
    let sound = a.report.sound() && b.report.sound();
    let report = match ((&a_side, &a.ledger), (&b_side, &b.ledger)) {
        ((Some(a_side), Some(a)), (Some(b_side), Some(b))) if sound => {
            Some(cross((a_side, a), (b_side, b)))
        }
        _ => None,
    };
    Ok(CrossAudit { a: a.report, b: b.report, report })
}

/// Whose log it is; none if it cannot be told, which the audit of that log then reports.
fn town_of(place: &Place, terms: &Terms<'_>) -> Result<Option<TownId>, CannotRead> {
    let source = Source::open(place, terms.token, Verify::Tail);
    match source.and_then(|source| source.opening()) {
        Ok(opening) => Ok(Some(opening.town)),
        Err(Stop::Fault(_)) => Ok(None),
        Err(Stop::CannotRead(error)) => Err(error),
    }
}

fn audit_side(
    place: &Place,
    (own, peer): (Option<TownId>, Option<TownId>),
    terms: &Terms<'_>,
    progress: &mut Progress<'_>,
) -> Result<(Audited, Option<Side>), CannotRead> {
    let mut side = own.zip(peer).map(|(own, peer)| Side::new(own, peer));
    let mut note = |seen: &Seen<'_>| {
        if let Some(side) = &mut side {
            side.note(seen.entry);
        }
        Ok(())
    };
    let audited = verify(place, terms, &mut note, progress)?;
    Ok((audited, side))
}

impl CrossAudit {
    /// Whether both logs are sound and agree.
    pub(crate) fn sound(&self) -> bool {
        self.report.as_ref().is_some_and(|report| report.contradictions.is_empty())
    }

    /// The report as people read it.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        let _ = self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let Some(report) = &self.report else {
            writeln!(out, "検証に失敗しました\nThe check failed: a log is not sound by itself.")?;
            for log in [&self.a, &self.b].into_iter().filter(|log| !log.sound()) {
                writeln!(out, "\n{}", log.text())?;
            }
            return Ok(());
        };
        if report.contradictions.is_empty() {
            writeln!(out, "二つの記録は一致しています\nThe two logs agree.")?;
        } else {
            writeln!(out, "検証に失敗しました\nThe two logs contradict each other.")?;
        }
        for log in [&self.a, &self.b] {
            if let (Some(checkpoint), Some(key)) = (&log.checkpoint, &log.key) {
                writeln!(out, "  {} size {}, key {}", log.source, checkpoint.size, key.key())?;
            }
        }
        writeln!(out, "  {:>8} messages in both logs", report.common)?;
        writeln!(out, "  {:>8} messages under way: sent, and not yet received", report.under_way)?;
        for contradiction in &report.contradictions {
            writeln!(out)?;
            write_contradiction(out, contradiction)?;
        }
        Ok(())
    }

    /// The report as programs read it.
    pub(crate) fn json(&self) -> Value {
        let cross = self.report.as_ref();
        json!({
            "sound": self.sound(),
            "a": self.a.json(),
            "b": self.b.json(),
            "common": cross.map(|cross| cross.common),
            "under_way": cross.map(|cross| cross.under_way),
            "contradictions": cross.map(|cross| {
                cross.contradictions.iter().map(contradiction_json).collect::<Vec<_>>()
            }),
        })
    }
}

fn write_contradiction(out: &mut String, contradiction: &Contradiction) -> std::fmt::Result {
    match contradiction {
        Contradiction::NeverSent { sender, received } => {
            writeln!(out, "Message {} was received, and never sent", place(*sender, received))?;
            write_noted(out, "received", received)
        }
        Contradiction::Different { sender, sent, received } => {
            writeln!(out, "Message {} differs", place(*sender, sent))?;
            write_noted(out, "sent", sent)?;
            write_noted(out, "received", received)
        }
        Contradiction::Sums { debtor, owes, claims } => writeln!(
            out,
            "{debtor} owes at most {owes} points, what is under way included; the other town claims {claims}"
        ),
    }
}

fn place(sender: TownId, noted: &Noted) -> String {
    let header = noted.envelope.header();
    format!("{} of generation {} from {sender}", header.number, header.generation)
}

fn write_noted(out: &mut String, what: &str, noted: &Noted) -> std::fmt::Result {
    writeln!(out, "  {what:<8} in entry {}, hash {}", noted.entry, noted.hash)?;
    writeln!(out, "           signature {}", noted.envelope.signature())
}

fn contradiction_json(contradiction: &Contradiction) -> Value {
    match contradiction {
        Contradiction::NeverSent { sender, received } => json!({
            "code": "never_sent",
            "sender": sender.as_str(),
            "received": noted_json(received),
        }),
        Contradiction::Different { sender, sent, received } => json!({
            "code": "different",
            "sender": sender.as_str(),
            "sent": noted_json(sent),
            "received": noted_json(received),
        }),
        Contradiction::Sums { debtor, owes, claims } => json!({
            "code": "sums",
            "debtor": debtor.as_str(),
            "owes": owes.get(),
            "claims": claims.get(),
        }),
    }
}

/// The whole envelope stands here too: with its signature it is the evidence.
fn noted_json(noted: &Noted) -> Value {
    let header = noted.envelope.header();
    json!({
        "entry": noted.entry.0,
        "generation": header.generation.0,
        "number": header.number.0,
        "hash": noted.hash.to_string(),
        "signature": noted.envelope.signature().to_string(),
        "envelope": jichi_protocol::digest::Hex(&noted.envelope.encode()).to_string(),
    })
}
