//! One row a posting, a posting of lots one row a lot. Every entry has a row, also a refused one.

use std::io::{self, Write};

use jichi_protocol::{
    entry::{Entry, Outcome},
    lot::{Birth, Grace, Issuer, LotTerms, Origin, Paid},
    points::Points,
    posting::Posting,
};

use super::{hledger::account_name, key_text, signed};
use crate::audit::report::authority_name;

const HEAD: &str = "entry,time,date,kind,authority,outcome,key,account,points,moved_from,birth,\
                    birth_id,issuer,paid,earned,expires,grace";

/// Writes the rows.
pub(crate) struct Writer<'w> {
    out: &'w mut dyn Write,
}

impl<'w> Writer<'w> {
    pub(super) fn begin(out: &'w mut dyn Write) -> io::Result<Self> {
        write!(out, "{HEAD}\r\n")?;
        Ok(Self { out })
    }

    pub(super) fn entry(&mut self, entry: &Entry) -> io::Result<()> {
        let (outcome, postings) = match &entry.outcome {
            Outcome::Done(effect) => ("done", effect.postings.as_slice()),
            Outcome::Refused(refusal) => (refusal.code(), [].as_slice()),
        };
        let command = &entry.submission.command;
        let begin = [
            entry.index.to_string(),
            entry.time.to_string(),
            entry.time.date().to_string(),
            command.kind_name().to_owned(),
            authority_name(command.authority()).to_owned(),
            outcome.to_owned(),
            entry.submission.key.as_ref().map(key_text).unwrap_or_default(),
        ];
        let points_of = |side, points: Points| signed(side, points).to_string();
        if postings.is_empty() {
            self.row(&begin, "", "", &Default::default())?;
        }
        for posting in postings {
            match posting {
                Posting::Lots { holder, side, lots } => {
                    let account = format!("liabilities:resident:{holder}");
                    for lot in lots {
                        let points = points_of(*side, lot.points);
                        self.row(&begin, &account, &points, &terms(&lot.terms))?;
                    }
                }
                Posting::Book { account, side, points } => {
                    let points = points_of(*side, *points);
                    self.row(&begin, &account_name(account), &points, &Default::default())?;
                }
            }
        }
        Ok(())
    }

    fn row(
        &mut self,
        begin: &[String; 7],
        account: &str,
        points: &str,
        terms: &[String; 8],
    ) -> io::Result<()> {
        let fields = begin.iter().map(String::as_str).chain([account, points]);
        let fields = fields.chain(terms.iter().map(String::as_str));
        for (at, text) in fields.enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(self.out, "{comma}{}", field(text))?;
        }
        write!(self.out, "\r\n")
    }
}

/// A field by RFC 4180. A company's reference may hold any printable sign; none begins a field.
fn field(text: &str) -> String {
    if text.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// The terms of a lot, as the head names them.
pub(super) fn terms(terms: &LotTerms) -> [String; 8] {
    let moved_from = match terms.origin {
        Origin::Here(_) => String::new(),
        Origin::Moved { last, .. } => last.to_string(),
    };
    let (birth, birth_id) = match terms.origin.birth() {
        Birth::Administrative(programme) => ("administrative", programme.to_string()),
        Birth::Reward(street) => ("reward", street.to_string()),
        Birth::Converted(company) => ("converted", company.to_string()),
    };
    let issuer = match terms.issuer {
        Issuer::Other => "other",
        Issuer::Town => "town",
    };
    let paid = match terms.paid {
        Paid::Yes => "yes",
        Paid::No => "no",
    };
    let grace = match terms.grace {
        Grace::May => "may",
        Grace::None => "none",
        Grace::Used => "used",
    };
    [
        moved_from,
        birth.to_owned(),
        birth_id,
        issuer.to_owned(),
        paid.to_owned(),
        terms.earned.to_string(),
        terms.expires.to_string(),
        grace.to_owned(),
    ]
}
