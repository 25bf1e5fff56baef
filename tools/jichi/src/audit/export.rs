//! `jichi audit export`: a log in forms that other programs read. It is audited on the way.

pub(crate) mod beancount;
pub(crate) mod csv;
pub(crate) mod hledger;
pub(crate) mod json;
pub(crate) mod tiles;

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use jichi_protocol::{
    account::{Account, Side},
    entry::{Entry, Outcome},
    id::AccountId,
    key::{JobKind, OperationKey},
    points::Points,
    posting::Posting,
};

use super::{
    CannotRead,
    fold::Seen,
    report::Report,
    source::{Place, Progress},
    verify::{Terms, verify},
};

/// The forms of bookkeeping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// One row a posting, with the terms of its lot.
    Csv,
    /// A journal of hledger.
    Hledger,
    /// A ledger of beancount 2.3.
    Beancount,
    /// One object, with every entry.
    Json,
}

enum Writer<'w> {
    Csv(csv::Writer<'w>),
    Hledger(hledger::Writer<'w>),
    Beancount(beancount::Writer<'w>),
    Json(json::Writer<'w>),
}

/// Writes a log in a form of bookkeeping. If the report is not sound, what was written ends at
/// the first fault.
///
/// # Errors
/// [`CannotRead`], also when `out` takes no more.
pub(crate) fn export(
    place: &Place,
    terms: &Terms<'_>,
    form: Form,
    out: &mut dyn Write,
    progress: &mut Progress<'_>,
) -> Result<Report, CannotRead> {
    let mut writer = match form {
        Form::Csv => Writer::Csv(csv::Writer::begin(out)?),
        Form::Hledger => Writer::Hledger(hledger::Writer::begin(out)?),
        Form::Beancount => Writer::Beancount(beancount::Writer::begin(out)?),
        Form::Json => Writer::Json(json::Writer::begin(out)?),
    };
    let mut write = |seen: &Seen<'_>| match &mut writer {
        Writer::Csv(writer) => writer.entry(seen.entry),
        Writer::Hledger(writer) => writer.entry(seen.entry),
        Writer::Beancount(writer) => writer.entry(seen.entry),
        Writer::Json(writer) => writer.entry(seen),
    };
    let report = verify(place, terms, &mut write, progress)?.report;
    match writer {
        Writer::Csv(_) => {}
        Writer::Hledger(writer) => writer.end()?,
        Writer::Beancount(writer) => writer.end()?,
        Writer::Json(writer) => writer.end(&report)?,
    }
    Ok(report)
}

/// Writes a file whole or not at all: nothing takes the name `path` before all of it is written
/// and the log was found sound.
///
/// # Errors
/// [`CannotRead`], also when the disk takes no more.
pub(crate) fn export_file(
    place: &Place,
    terms: &Terms<'_>,
    form: Form,
    path: &Path,
    progress: &mut Progress<'_>,
) -> Result<Report, CannotRead> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".unfinished");
    let mut file = io::BufWriter::new(fs::File::create(&unfinished)?);
    let report = export(place, terms, form, &mut file, progress)
        .and_then(|report| file.flush().map(|()| report).map_err(CannotRead::Written));
    match report {
        Ok(report) if report.sound() => {
            fs::rename(&unfinished, path)?;
            Ok(report)
        }
        other => {
            fs::remove_file(&unfinished)?;
            other
        }
    }
}

/// One side of an entry in a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Books {
    /// What a resident or visitor holds.
    Holder(AccountId),
    /// An account without lots.
    Book(Account),
}

/// The postings of an entry that was done, as account and signed number: debit is positive.
pub(crate) fn movements(entry: &Entry) -> impl Iterator<Item = (Books, i64)> {
    let postings = match &entry.outcome {
        Outcome::Done(effect) => effect.postings.as_slice(),
        Outcome::Refused(_) => &[],
    };
    postings.iter().map(|posting| {
        // The ledger took the posting, so its lots can be added.
        let points = signed(posting.side(), posting.points().unwrap_or(Points::MAX));
        match posting {
            Posting::Lots { holder, .. } => (Books::Holder(*holder), points),
            Posting::Book { account, .. } => (Books::Book(*account), points),
        }
    })
}

/// Points with a sign: debit is positive, credit negative.
pub(crate) fn signed(side: Side, points: Points) -> i64 {
    // `Points::MAX` is 2^53 - 1.
    let points = i64::try_from(points.get()).unwrap_or(i64::MAX);
    match side {
        Side::Debit => points,
        Side::Credit => points.saturating_neg(),
    }
}

/// An operation key as text; its kind stands first.
pub(crate) fn key_text(key: &OperationKey) -> String {
    match key {
        OperationKey::Client(key) => format!("client:{key}"),
        OperationKey::Line { file, line } => format!("line:{file}:{line}"),
        OperationKey::Company { company, reference } => format!("company:{company}:{reference}"),
        OperationKey::Channel { peer, generation, number } => {
            format!("channel:{peer}:{generation}:{number}")
        }
        OperationKey::Job { kind, date } => {
            let kind = match kind {
                JobKind::DayTurn => "day_turn",
                JobKind::Lapse => "lapse",
                JobKind::Sweep => "sweep",
                JobKind::StateHash => "state_hash",
                JobKind::BulkSweep => "bulk_sweep",
                JobKind::SlipReturn => "slip_return",
                JobKind::VoucherLapse => "voucher_lapse",
                // Printed tickets.
                JobKind::TicketLapse => "ticket_lapse",
                JobKind::PayoutRun => "payout_run",
                JobKind::ReturnHolds => "return_holds",
                JobKind::TakeOver => "take_over",
                JobKind::Forward => "forward",
                JobKind::EndPeriod => "end_period",
                JobKind::AnswerPeriod => "answer_period",
                JobKind::Recovery => "recovery",
                JobKind::AnnounceKey => "announce_key",
                JobKind::TellClosing => "tell_closing",
                JobKind::ReturnUnanswered => "return_unanswered",
            };
            format!("job:{kind}:{date}")
        }
    }
}
