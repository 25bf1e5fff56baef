//! `jichi audit verify`: one log, from its first entry to its last.

use jichi_node::journal::Verify;
use jichi_protocol::{date::Time, ledger::Ledger};
use secrecy::SecretString;

use super::{
    CannotRead,
    fold::{Fault, Fold, Folded, Found, LogKey, Stop, Trusted, Visit},
    report::{Report, Scope},
    source::{Place, Progress, Source},
};

/// What an audit needs beside the log.
#[derive(Debug, Clone)]
pub(crate) struct Terms<'a> {
    /// Keys and checkpoints that did not come from the log.
    pub(crate) trusted: &'a Trusted,
    /// What the node gave to an auditor who signed in.
    pub(crate) token: Option<&'a SecretString>,
    /// The time that the report bears.
    pub(crate) now: Time,
}

/// An audited log.
#[derive(Debug)]
pub(crate) struct Audited {
    /// What was found.
    pub(crate) report: Report,
    /// The state that the entries make, if there were any.
    pub(crate) ledger: Option<Ledger>,
}

/// Audits a log. Every sound entry goes to `visit` on the way.
///
/// # Errors
/// [`CannotRead`]: nothing is known about the log. What is wrong with it stands in the report.
pub(crate) fn verify<'a>(
    place: &Place,
    terms: &'a Terms<'_>,
    visit: &'a mut Visit<'a>,
    progress: &mut Progress<'_>,
) -> Result<Audited, CannotRead> {
    let source = match Source::open(place, terms.token, Verify::All) {
        Ok(source) => source,
        Err(Stop::CannotRead(error)) => return Err(error),
        Err(Stop::Fault(found)) => {
            let folded = Fold::new(terms.trusted, visit).into_folded();
            return Ok(audited(place, terms, folded, Scope::Entries, Some(*found)));
        }
    };
    if let Source::Node(remote) = &source
        && !remote.signed_in()
    {
        let origin = remote.checkpoint().claimed().origin.clone();
        let keys = &terms.trusted.keys;
        let key = keys.iter().find(|key| key.name == *origin.key_name());
        let mut folded = Fold::new(terms.trusted, visit).into_folded();
        let checked = match key {
            Some(key) => remote.check_tiles(key, terms.trusted).map(|checked| (key, checked)),
            None if keys.is_empty() => return Err(CannotRead::NeedsKey),
            None => Err(Fault::NoKey(origin).into()),
        };
        let found = match checked {
            Ok((key, (checkpoint, known))) => {
                folded.size = checkpoint.size;
                folded.key = Some(LogKey::Given(key.clone()));
                folded.checkpoint = Some(checkpoint);
                folded.tally.checkpoints = 1;
                folded.tally.known = known;
                None
            }
            Err(stop) => Some(fault_of(stop)?),
        };
        return Ok(audited(place, terms, folded, Scope::Tiles, found));
    }
    let mut fold = Fold::new(terms.trusted, visit);
    let driven = source.drive(&mut fold, progress);
    let mut found = driven.and_then(|()| fold.close().map_err(Stop::from)).err();
    let folded = fold.into_folded();
    if let (None, Source::Node(remote), Some(key)) = (&found, &source, &folded.key) {
        found = remote.check_tiles(key.key(), terms.trusted).err();
    }
    let found = found.map(fault_of).transpose()?;
    let mut audited = audited(place, terms, folded, Scope::Entries, found);
    audited.report.tail = source.tail();
    Ok(audited)
}

fn fault_of(stop: Stop) -> Result<Found, CannotRead> {
    match stop {
        Stop::Fault(found) => Ok(*found),
        Stop::CannotRead(error) => Err(error),
    }
}

fn audited(
    place: &Place,
    terms: &Terms<'_>,
    folded: Folded,
    scope: Scope,
    found: Option<Found>,
) -> Audited {
    let report = Report::new(place.to_string(), terms.now, scope, &folded, found);
    Audited { report, ledger: folded.ledger }
}
