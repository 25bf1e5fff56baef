//! From the rows of a file to what can be granted: who each row is for, and what the ledger says.

use std::collections::BTreeSet;

use jichi_protocol::{
    codec,
    command::{BulkLine, BulkMode, BulkOpening, SlipLine},
    date::BusinessDate,
    digest::Digest,
    id::{AccountId, BulkId, ProgrammeId, SlipId},
    ledger::Granting,
    programme::Programme,
    refusal::Refusal,
    text::mykey::{MyKeyId, MyKeyName},
};

use super::{
    Fault, Ready, WorkItem,
    file::{LineFault, Lines, Recipient, Row},
    letter, people,
};
use crate::{
    api::answer::{self, NoEntry},
    api::problem::edge::EdgeProblem,
    person,
    town::Town,
};

/// Lines that are tried while nobody else is decided.
const LINES_AT_A_TIME: usize = 500;

/// What came of a file.
pub struct Tried {
    /// The lines that can be granted.
    pub ready: Ready,
    /// Lines for an officer to choose an account.
    pub work: Vec<WorkItem>,
    /// Lines that cannot be granted, in order.
    pub faults: Vec<Fault>,
    /// Lines in all.
    pub lines: u32,
}

/// What the natural key of a grant says of an activity; the same as for a single grant.
#[must_use]
pub fn activity_hash(activity: &str) -> Digest {
    Digest::of(&[activity.as_bytes()])
}

/// The accounts that a recipient may be.
#[must_use]
pub fn candidates(town: &Town, programme: ProgrammeId, recipient: &Recipient) -> Vec<AccountId> {
    match recipient {
        Recipient::MyKey(typed) => {
            let short = typed.parse::<MyKeyId>().map(|id| MyKeyName { town: town.id(), id });
            let name = short.or_else(|_| typed.parse());
            let found = name.ok().and_then(|name| town.people().account(&name));
            found.into_iter().collect()
        }
        Recipient::Enrolment(number) => person::by_enrolment(town, programme, number),
        Recipient::Kana { kana, birth } => person::by_kana(town, kana, birth),
    }
}

/// Looks every row up and tries it, as if the file were opened now.
///
/// # Errors
/// [`NoEntry`]: the node stops or is overloaded.
pub async fn try_grants(
    town: &Town,
    programme: ProgrammeId,
    read: Lines,
) -> Result<Tried, NoEntry> {
    let mut faults = file_faults(&read);
    let lines = u32::try_from(read.rows.len().saturating_add(faults.len())).unwrap_or(u32::MAX);
    let (mut found, mut work) = (Vec::new(), Vec::new());
    let Some((programme, day)) = programme_today(town, programme).await? else {
        return Err(Refusal::UnknownProgramme.into());
    };
    for row in read.rows {
        let candidates = candidates(town, programme.id, &row.recipient);
        let activity = activity_hash(&row.activity);
        let measure = people::measure(&programme, &row.role);
        let Row { line, recipient, points, .. } = row;
        if let [account] = *candidates {
            let attested = people::attested(town, &programme, account, day);
            found.push(BulkLine { line, account, points, activity, attested, measure });
        } else {
            let choice = None;
            work.push(WorkItem { line, recipient, points, activity, candidates, choice, measure });
        }
    }
    let (ready, refused) = try_lines(town, programme.id, found).await?;
    faults.extend(refused);
    faults.sort_by_key(|fault| fault.line);
    Ok(Tried { ready: Ready::Grants(ready), work, faults, lines })
}

/// A programme, and the day on which the ledger decides.
///
/// # Errors
/// [`NoEntry`]: the node stops or is overloaded.
pub async fn programme_today(
    town: &Town,
    programme: ProgrammeId,
) -> Result<Option<(Programme, BusinessDate)>, NoEntry> {
    answer::read(town.engine(), |ledger| {
        let known = ledger.programmes().find(|known| known.id == programme).cloned();
        known.map(|known| (known, ledger.day()))
    })
    .await
}

fn file_faults(read: &Lines) -> Vec<Fault> {
    let fault =
        |(line, fault): &(u32, LineFault)| Fault { line: *line, code: fault.words().0.to_owned() };
    read.faults.iter().map(fault).collect()
}

/// Tries lines; those that can be granted, and the faults of the others.
///
/// # Errors
/// [`NoEntry`]: the node stops or is overloaded.
pub async fn try_lines(
    town: &Town,
    programme: ProgrammeId,
    lines: Vec<BulkLine>,
) -> Result<(Vec<BulkLine>, Vec<Fault>), NoEntry> {
    let (mut ready, mut faults) = (Vec::new(), Vec::new());
    let mut seen = Granting::default();
    for some in lines.chunks(LINES_AT_A_TIME) {
        let asked =
            answer::read(town.engine(), |ledger| ledger.try_lines(programme, some, &mut seen));
        for (line, result) in some.iter().zip(asked.await?) {
            match result {
                Ok(()) => ready.push(line.clone()),
                Err(refusal) => {
                    faults.push(Fault { line: line.line, code: refusal.code().to_owned() });
                }
            }
        }
    }
    Ok((ready, faults))
}

/// Makes a slip of every row, with a fresh code, and keeps name and address in the vault. In a dry
/// run nothing is kept.
///
/// # Errors
/// [`NoEntry`]: the vault takes nothing, or the node stops.
pub async fn try_slips(
    town: &Town,
    bulk: BulkId,
    programme: ProgrammeId,
    read: Lines,
    keep: Keep,
) -> Result<Tried, NoEntry> {
    let mut faults = file_faults(&read);
    let lines = u32::try_from(read.rows.len().saturating_add(faults.len())).unwrap_or(u32::MAX);
    let secret = letter::secret(town).await?;
    let Some((programme, _)) = programme_today(town, programme).await? else {
        return Err(Refusal::UnknownProgramme.into());
    };
    let mut seen = BTreeSet::new();
    let mut slips: Vec<(SlipLine, Row)> = Vec::new();
    for row in read.rows {
        let recipient = codec::encode(&row.recipient);
        let number = programme.id.0.to_be_bytes();
        let hash = Digest::of(&[&secret, &number, &activity_hash(&row.activity).0, &recipient]);
        let slip = SlipId::derived("jichi/slip/v1", &hash.0);
        if !seen.insert(slip) {
            faults.push(Fault { line: row.line, code: LineFault::Double.words().0.to_owned() });
            continue;
        }
        let activity = activity_hash(&row.activity);
        let line = SlipLine {
            line: row.line,
            slip,
            code: Digest::default(),
            points: row.points,
            activity,
            measure: people::measure(&programme, &row.role),
        };
        slips.push((line, row));
    }
    let out = answer::read(town.engine(), |ledger| {
        slips.iter().map(|(line, _)| ledger.slip_is_out(&line.slip)).collect::<Vec<_>>()
    });
    let out = out.await?;
    let mut kept = Vec::new();
    for ((line, row), out) in slips.into_iter().zip(out) {
        if out {
            let code = Refusal::AlreadyGranted { first: jichi_protocol::id::EntryIndex(0) }.code();
            faults.push(Fault { line: line.line, code: code.to_owned() });
        } else {
            kept.push((line, row));
        }
    }
    faults.sort_by_key(|fault| fault.line);
    let slips = match keep {
        Keep::Nothing => kept.into_iter().map(|(line, _)| line).collect(),
        Keep::All => letter::keep(town, bulk, kept).await?,
    };
    Ok(Tried { ready: Ready::Slips(slips), work: Vec::new(), faults, lines })
}

/// Whether anything is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// A dry run.
    Nothing,
    /// Slips are issued.
    All,
}

/// What a file would say when it is opened.
///
/// # Errors
/// [`EdgeProblem::NumberOutOfRange`] for a sum that no account can hold.
pub fn opening(
    bulk: BulkId,
    file: Digest,
    programme: ProgrammeId,
    mode: BulkMode,
    ready: &Ready,
) -> Result<BulkOpening, EdgeProblem> {
    let points = ready.points().ok_or(EdgeProblem::NumberOutOfRange)?;
    let count = u32::try_from(ready.len()).map_err(|_| EdgeProblem::NumberOutOfRange)?;
    Ok(BulkOpening { bulk, file, programme, count, points, mode })
}

/// The last day to claim, if the mode has one.
#[must_use]
pub const fn until(mode: BulkMode) -> Option<BusinessDate> {
    match mode {
        BulkMode::Slips { until } => Some(until),
        BulkMode::Atomic | BulkMode::PerLine => None,
    }
}
