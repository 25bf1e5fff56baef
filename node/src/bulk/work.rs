//! The worker: opens files in the ledger, sends their lines, commits or cancels them. It asks the
//! ledger how far a file is, so that after a restart the same file goes on where it was.

use std::time::Duration;

use futures::future::join_all;
use jichi_protocol::{
    command::{
        BulkEnd, BulkLine, BulkLines, BulkMode, BulkSlice, ByOfficer, Command, GrantShared,
        Nothing, Proposed, SlipLine, SlipLines,
    },
    digest::Digest,
    entry::{Outcome, Submission},
    id::{BulkId, EntryIndex, ProposalId},
    key::{ClientKey, OperationKey},
    ledger::{BULK_LINES_MAX, BulkState},
    points::Points,
    refusal::Refusal,
};
use tokio::sync::watch;

use super::{Bulks, FAULTS_MAX, Fault, Manifest, Ready, Stage, check, people, store};
use crate::{
    clock,
    engine::{Answer, Engine, NotTaken},
};

/// Slices on their way at a time.
const SLICES_AT_A_TIME: usize = 8;
/// Grants of a `per-line` file on their way at a time.
const GRANTS_AT_A_TIME: usize = 256;
/// How often a file that waits for a second officer is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// How long the worker waits when the engine takes nothing.
const TRY_AGAIN: Duration = Duration::from_millis(200);

/// The node stops, or the vault takes nothing: the file goes on after the next start.
struct Stopped;

/// Works until `stop` turns true.
pub(super) async fn run(bulks: Bulks, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let step = async {
            let mut waits = false;
            for id in bulks.at_work() {
                let Some(upload) = bulks.upload(&id) else { continue };
                let waiting = matches!(upload.manifest.stage, Stage::Waiting(_));
                if step(&bulks, id, upload.manifest).await.is_err() {
                    tracing::warn!("a file of grants has to wait");
                    waits = true;
                }
                waits |= waiting;
            }
            if waits {
                tokio::time::sleep(LOOK_AGAIN).await;
            } else if bulks.at_work().is_empty() {
                bulks.0.wake.notified().await;
            }
        };
        tokio::select! {
            () = step => {}
            _ = stop.changed() => {}
        }
    }
}

/// One step of one file.
async fn step(bulks: &Bulks, id: BulkId, manifest: Manifest) -> Result<(), Stopped> {
    match manifest.stage.clone() {
        Stage::Opening(key) => open(bulks, id, manifest, key).await,
        Stage::Waiting(key) => look(bulks, id, manifest, key).await,
        Stage::Running => send(bulks, id, manifest).await,
        Stage::Cancelling => cancel(bulks, id, manifest).await,
        Stage::Worklist | Stage::Done | Stage::Refused(_) | Stage::Cancelled => Ok(()),
    }
}

async fn to(
    bulks: &Bulks,
    id: BulkId,
    mut manifest: Manifest,
    stage: Stage,
) -> Result<(), Stopped> {
    manifest.stage = stage;
    bulks.keep(id, manifest).await.map_err(|_| Stopped)
}

/// A key of this moment.
///
/// # Errors
/// None from the system.
pub fn new_key() -> Result<ClientKey, getrandom::Error> {
    let mut random = [0_u8; 10];
    getrandom::fill(&mut random)?;
    Ok(ClientKey::of(clock::now(), random))
}

/// Submits until it is taken.
async fn submit(
    engine: &Engine,
    submission: Submission,
) -> Result<Result<EntryIndex, Refusal>, Stopped> {
    loop {
        match engine.submit(submission.clone()).await {
            Ok(Answer::Entry(committed)) => {
                return Ok(match &committed.entry.outcome {
                    Outcome::Done(_) => Ok(committed.entry.index),
                    Outcome::Refused(refusal) => Err(*refusal),
                });
            }
            Ok(Answer::Rejected(refusal)) => return Ok(Err(refusal)),
            Err(
                NotTaken::Overloaded
                | NotTaken::ClockDoubtful
                | NotTaken::StorageFull
                | NotTaken::Behind,
            ) => {
                tokio::time::sleep(TRY_AGAIN).await;
            }
            Ok(Answer::Heard)
            | Err(NotTaken::Unknown | NotTaken::BadSignature | NotTaken::NoSigner(_)) => {
                return Err(Stopped);
            }
        }
    }
}

const fn keyed(key: ClientKey, command: Command) -> Submission {
    Submission { key: Some(OperationKey::Client(key)), command, evidence: None }
}

async fn open(
    bulks: &Bulks,
    id: BulkId,
    manifest: Manifest,
    key: ClientKey,
) -> Result<(), Stopped> {
    let engine = bulks.town().engine();
    let vault = bulks.town().people().vault();
    let ready = store::ready(vault, &manifest).ok_or(Stopped)?;
    let opening = check::opening(id, manifest.file, manifest.programme, manifest.mode, &ready);
    let opening = opening.map_err(|_| Stopped)?;
    let by = ByOfficer { officer: manifest.officer };
    let command = Command::OpenBulk(opening, by);
    match submit(engine, keyed(key, command.clone())).await? {
        Ok(_) => to(bulks, id, manifest, Stage::Running).await,
        Err(Refusal::SecondOfficerNeeded { .. }) => {
            // Its own key: the proposal is another request.
            let proposal = proposal_key(key);
            let proposed = Proposed::of(&command, manifest.officer);
            match submit(engine, keyed(proposal, Command::Propose(Nothing {}, proposed))).await? {
                Ok(_) => to(bulks, id, manifest, Stage::Waiting(proposal)).await,
                Err(refusal) => refused(bulks, id, manifest, refusal).await,
            }
        }
        Err(refusal) => refused(bulks, id, manifest, refusal).await,
    }
}

/// A key of the same moment as another one, and made from it: the same after a restart.
fn proposal_key(key: ClientKey) -> ClientKey {
    let Digest(hash) = Digest::of(&[b"jichi/bulk-proposal/v1", key.bytes()]);
    let mut random = [0_u8; 10];
    for (to, from) in random.iter_mut().zip(hash) {
        *to = from;
    }
    ClientKey::of(key.time(), random)
}

async fn refused(
    bulks: &Bulks,
    id: BulkId,
    manifest: Manifest,
    why: Refusal,
) -> Result<(), Stopped> {
    to(bulks, id, manifest, Stage::Refused(why.code().to_owned())).await
}

/// Whether the second officer has said something.
async fn look(
    bulks: &Bulks,
    id: BulkId,
    manifest: Manifest,
    key: ClientKey,
) -> Result<(), Stopped> {
    let proposal = ProposalId(*key.bytes());
    let (opened, waits) = read(bulks, |ledger| {
        let waits = ledger.proposed().any(|(known, _)| *known == proposal);
        (ledger.bulk(&id).is_some(), waits)
    })
    .await?;
    match (opened, waits) {
        (true, _) => to(bulks, id, manifest, Stage::Running).await,
        (false, true) => Ok(()),
        (false, false) => to(bulks, id, manifest, Stage::Refused("rejected".into())).await,
    }
}

async fn read<T>(
    bulks: &Bulks,
    ask: impl FnOnce(&jichi_protocol::ledger::Ledger) -> T,
) -> Result<T, Stopped> {
    bulks.town().engine().read(ask).await.map_err(|_| Stopped)
}

async fn send(bulks: &Bulks, id: BulkId, manifest: Manifest) -> Result<(), Stopped> {
    let ready = store::ready(bulks.town().people().vault(), &manifest).ok_or(Stopped)?;
    let opened =
        read(bulks, |ledger| ledger.bulk(&id).map(|bulk| (bulk.state, bulk.lines))).await?;
    let (state, lines) = opened.ok_or(Stopped)?;
    if state != BulkState::Open {
        let stage = if state == BulkState::Committed { Stage::Done } else { Stage::Cancelled };
        return to(bulks, id, manifest, stage).await;
    }
    match (&ready, manifest.mode) {
        (Ready::Grants(grants), BulkMode::PerLine) => {
            let manifest = send_grants(bulks, id, manifest, grants).await?;
            end(bulks, id, manifest, BulkEnd::Commit).await
        }
        (ready, BulkMode::Atomic | BulkMode::Slips { .. } | BulkMode::PerLine) => {
            send_slices(bulks, id, manifest, ready, lines).await
        }
    }
}

/// The slices behind those that the ledger has.
async fn send_slices(
    bulks: &Bulks,
    id: BulkId,
    mut manifest: Manifest,
    ready: &Ready,
    from: u32,
) -> Result<(), Stopped> {
    let engine = bulks.town().engine();
    let commands = slices(id, &manifest, ready, from);
    let mut done = from;
    for some in commands.chunks(SLICES_AT_A_TIME) {
        bulks.note(id, done);
        // Each is in the engine's queue before the next one is polled, so they keep their order.
        let sent = some.iter().map(|(submission, _)| submit(engine, submission.clone()));
        for (result, (_, count)) in join_all(sent).await.into_iter().zip(some) {
            match result? {
                Ok(_) => done = done.saturating_add(*count),
                // Another slice before it was refused; that one says why.
                Err(Refusal::BulkOutOfOrder { .. }) => {}
                Err(Refusal::LineRefused { line, number }) => {
                    let code = Refusal::CODES.iter().find(|(_, known)| *known == number);
                    let code = code.map_or("line_refused", |(code, _)| code).to_owned();
                    add_fault(&mut manifest, Fault { line, code });
                    return end(bulks, id, manifest, BulkEnd::Cancel).await;
                }
                Err(refusal) => {
                    tracing::warn!(code = refusal.code(), "a slice of a file was refused");
                    return end(bulks, id, manifest, BulkEnd::Cancel).await;
                }
            }
        }
        // An officer may have cancelled it meanwhile.
        if bulks.upload(&id).is_some_and(|now| now.manifest.stage == Stage::Cancelling) {
            return Ok(());
        }
    }
    bulks.note(id, done);
    end(bulks, id, manifest, BulkEnd::Commit).await
}

fn add_fault(manifest: &mut Manifest, fault: Fault) {
    manifest.refused = manifest.refused.saturating_add(1);
    if manifest.faults.len() < FAULTS_MAX {
        manifest.faults.push(fault);
    }
}

/// The commands of the slices behind the first lines, each with its number of lines.
fn slices(id: BulkId, manifest: &Manifest, ready: &Ready, from: u32) -> Vec<(Submission, u32)> {
    let skip = usize::try_from(from).unwrap_or(usize::MAX);
    let maker = manifest.officer;
    let mut before = from;
    let mut slice = |count: usize, first: u32, points: Option<Points>| {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let points = points.unwrap_or(Points::MAX);
        let slice = BulkSlice { bulk: id, before, count, points };
        before = before.saturating_add(count);
        (Some(OperationKey::Line { file: manifest.file, line: first }), slice, count)
    };
    let made = |(key, command, count)| (Submission { key, command, evidence: None }, count);
    match ready {
        Ready::Grants(lines) => lines
            .get(skip..)
            .unwrap_or_default()
            .chunks(BULK_LINES_MAX)
            .map(|some| {
                let first = some.first().map_or(0, |line| line.line);
                let sum = Points::sum(some.iter().map(|line| line.points));
                let (key, slice, count) = slice(some.len(), first, sum);
                let lines = BulkLines { lines: some.to_vec(), maker };
                made((key, Command::AddBulkLines(slice, lines), count))
            })
            .collect(),
        Ready::Slips(lines) => lines
            .get(skip..)
            .unwrap_or_default()
            .chunks(BULK_LINES_MAX)
            .map(|some: &[SlipLine]| {
                let first = some.first().map_or(0, |line| line.line);
                let sum = Points::sum(some.iter().map(|line| line.points));
                let (key, slice, count) = slice(some.len(), first, sum);
                let lines = SlipLines { lines: some.to_vec(), maker };
                made((key, Command::AddSlips(slice, lines), count))
            })
            .collect(),
    }
}

/// Each line as a grant of its own. What was granted before a restart says so by its key.
async fn send_grants(
    bulks: &Bulks,
    id: BulkId,
    mut manifest: Manifest,
    grants: &[BulkLine],
) -> Result<Manifest, Stopped> {
    let mut done = 0_u32;
    for some in grants.chunks(GRANTS_AT_A_TIME) {
        bulks.note(id, done);
        let sent = some.iter().map(|line| grant(bulks, &manifest, line));
        let results = join_all(sent).await;
        for (line, result) in some.iter().zip(results) {
            done = done.saturating_add(1);
            if let Err(refusal) = result? {
                let code = refusal.code().to_owned();
                add_fault(&mut manifest, Fault { line: line.line, code });
            }
        }
    }
    bulks.note(id, done);
    Ok(manifest)
}

/// One line of a `per-line` file.
async fn grant(
    bulks: &Bulks,
    manifest: &Manifest,
    line: &BulkLine,
) -> Result<Result<(), Refusal>, Stopped> {
    let engine = bulks.town().engine();
    let key = OperationKey::Line { file: manifest.file, line: line.line };
    let shared = GrantShared { programme: manifest.programme, points: line.points };
    let private = people::line_private(line, manifest.officer);
    let command = Command::Grant(shared, private);
    let submission = Submission { key: Some(key.clone()), command, evidence: None };
    match submit(engine, submission).await? {
        Ok(_) => Ok(Ok(())),
        Err(Refusal::AlreadyGranted { first }) => {
            let own = engine.committed(first).is_ok_and(|it| it.entry.submission.key == Some(key));
            Ok(if own { Ok(()) } else { Err(Refusal::AlreadyGranted { first }) })
        }
        Err(refusal) => Ok(Err(refusal)),
    }
}

/// One line that an officer chose an account for, behind the rest of a `per-line` file.
///
/// # Errors
/// The ledger's refusal; none if the node stops.
pub async fn grant_chosen(
    bulks: &Bulks,
    manifest: &Manifest,
    line: &BulkLine,
) -> Result<(), Option<Refusal>> {
    match grant(bulks, manifest, line).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(refusal)) => Err(Some(refusal)),
        Err(Stopped) => Err(None),
    }
}

async fn cancel(bulks: &Bulks, id: BulkId, manifest: Manifest) -> Result<(), Stopped> {
    end(bulks, id, manifest, BulkEnd::Cancel).await
}

/// Ends a file in the ledger, and notes how it ended.
async fn end(bulks: &Bulks, id: BulkId, manifest: Manifest, end: BulkEnd) -> Result<(), Stopped> {
    let key = new_key().map_err(|_| Stopped)?;
    let command = Command::close_bulk(id, end, manifest.officer);
    let result = submit(bulks.town().engine(), keyed(key, command)).await?;
    let ended = match result {
        Ok(_) => end,
        // It ended before a restart: the ledger says how.
        Err(_) => {
            let state = read(bulks, |ledger| ledger.bulk(&id).map(|bulk| bulk.state)).await?;
            match state {
                Some(BulkState::Committed) => BulkEnd::Commit,
                Some(BulkState::Cancelled) | None => BulkEnd::Cancel,
                Some(BulkState::Open) => return Err(Stopped),
            }
        }
    };
    let open_work = manifest.work.iter().any(|item| item.choice.is_none());
    let stage = match (ended, &manifest.stage) {
        (BulkEnd::Commit, _) if open_work => Stage::Worklist,
        (BulkEnd::Commit, _) => Stage::Done,
        (BulkEnd::Cancel, Stage::Cancelling) => Stage::Cancelled,
        (BulkEnd::Cancel, _) => Stage::Refused("line_refused".into()),
    };
    to(bulks, id, manifest, stage).await
}
