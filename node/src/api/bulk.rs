//! Files of grants: upload, dry run, progress, and the work list of lines without one account.

use axum::{
    Extension, Json, Router,
    body::Body,
    extract::{Path, Query, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use jichi_protocol::{
    command::{BulkLine, BulkMode},
    digest::Digest,
    id::{AccountId, BulkId, OfficerId, ProgrammeId},
    key::ClientKey,
    points::Points,
    refusal::Refusal,
    text::mykey::MyKeyName,
};
use serde::{Deserialize, Serialize};

use super::{
    answer::NoEntry,
    body::{self, StrictJson},
    caller::Officer,
    idempotency::IdempotencyKey,
    problem::{Problem, edge::EdgeProblem},
    refusal,
    resident::invalid,
};
use crate::{
    bulk::{
        Bulks, Choice, FAULTS_MAX, Fault, Manifest, Ready, Stage, Upload, WORK_ITEMS_MAX, WorkItem,
        check::{self, Keep, Tried},
        file::{self, FILE_BYTES_MAX, FileFault, LineFault, Purpose, Recipient},
        people, store,
        work::{self, new_key},
    },
    clock,
    staff::Role,
    town::Town,
};

/// Faults that one answer shows.
const FAULTS_SHOWN_MAX: usize = 1_000;

/// The routes, on the staff's listener.
pub fn routes() -> Router<Town> {
    Router::new()
        .route("/v1/bulk", post(upload).get(list))
        .route("/v1/bulk/{id}", get(show))
        .route("/v1/bulk/{id}/cancel", post(cancel))
        .route("/v1/worklist", get(worklist))
        .route("/v1/worklist/{id}/{line}", post(choose))
        .merge(super::claim_slip::routes())
        .merge(super::application::routes())
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum ModeBody {
    Atomic,
    PerLine,
    Slips,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UploadQuery {
    programme: u32,
    mode: ModeBody,
    /// The last day to claim, of slips.
    until: Option<String>,
    #[serde(default)]
    dry_run: bool,
}

impl UploadQuery {
    fn mode(&self) -> Result<BulkMode, Problem> {
        match (self.mode, &self.until) {
            (ModeBody::Atomic, None) => Ok(BulkMode::Atomic),
            (ModeBody::PerLine, None) => Ok(BulkMode::PerLine),
            (ModeBody::Slips, Some(until)) => {
                Ok(BulkMode::Slips { until: until.parse().map_err(|_| invalid("until"))? })
            }
            (ModeBody::Atomic | ModeBody::PerLine, Some(_)) | (ModeBody::Slips, None) => {
                Err(invalid("until"))
            }
        }
    }
}

#[derive(Serialize)]
struct FaultView {
    line: u32,
    code: String,
    text: &'static str,
    text_en: &'static str,
}

#[derive(Serialize)]
struct UploadView {
    bulk: String,
    file: String,
    programme: u32,
    mode: &'static str,
    until: Option<String>,
    state: &'static str,
    /// Why nothing was granted, if it is so.
    code: Option<String>,
    /// The proposal that a second officer decides.
    proposal: Option<String>,
    lines: u32,
    /// Lines that can be granted or were.
    ready: u32,
    points: u64,
    /// Lines that have their result.
    done: u32,
    /// Lines that an officer has still to choose an account for.
    worklist: usize,
    refused: u32,
    errors: Vec<FaultView>,
}

/// The words of a fault.
fn fault_view(fault: &Fault) -> FaultView {
    let known = LineFault::ALL.into_iter().map(LineFault::words);
    let words = known.into_iter().find(|(code, ..)| *code == fault.code);
    let (text, text_en) = match (words, refusal::line(&fault.code)) {
        (Some((_, ja, en)), _) => (ja, en),
        (None, Some(line)) => (line.ja, line.en),
        (None, None) => ("", ""),
    };
    FaultView { line: fault.line, code: fault.code.clone(), text, text_en }
}

const fn mode_name(mode: BulkMode) -> &'static str {
    match mode {
        BulkMode::Atomic => "atomic",
        BulkMode::PerLine => "per-line",
        BulkMode::Slips { .. } => "slips",
    }
}

fn view(id: BulkId, upload: &Upload) -> UploadView {
    let manifest = &upload.manifest;
    let (code, proposal) = match &manifest.stage {
        Stage::Refused(code) => (Some(code.clone()), None),
        Stage::Waiting(key) => (None, Some(key.payment().to_string())),
        Stage::Worklist
        | Stage::Opening(_)
        | Stage::Running
        | Stage::Cancelling
        | Stage::Done
        | Stage::Cancelled => (None, None),
    };
    let finished = manifest.stage == Stage::Done;
    UploadView {
        bulk: id.to_string(),
        file: manifest.file.to_string(),
        programme: manifest.programme.0,
        mode: mode_name(manifest.mode),
        until: check::until(manifest.mode).map(|day| day.to_string()),
        state: manifest.stage.name(),
        code,
        proposal,
        lines: manifest.lines,
        ready: manifest.ready,
        points: manifest.points.get(),
        done: if finished { manifest.ready } else { upload.done },
        worklist: open_items(manifest).count(),
        refused: manifest.refused,
        errors: manifest.faults.iter().take(FAULTS_SHOWN_MAX).map(fault_view).collect(),
    }
}

fn open_items(manifest: &Manifest) -> impl Iterator<Item = &WorkItem> {
    manifest.work.iter().filter(|item| item.choice.is_none())
}

fn file_problem(fault: FileFault) -> Problem {
    let ja = match fault {
        FileFault::Encoding => "文字コードがUTF-8でもCP932(Shift_JIS)でもありません",
        FileFault::Column(_) => "1行目に知らない列名があります",
        FileFault::Columns => "1行目に必要な列がありません(ポイント、活動または日付、受取人)",
        FileFault::Empty => "2行目以降がありません",
        FileFault::TooLong => "行が多すぎます(20万行まで)。分けて送ってください",
    };
    Problem::from(EdgeProblem::InvalidValue).with_detail(ja, fault.to_string())
}

/// Takes a file: reads, looks up and tries every line, and sends it on its way unless it is a dry
/// run, or `atomic` with an error.
async fn upload(
    State(town): State<Town>,
    Extension(bulks): Extension<Bulks>,
    Officer(officer): Officer,
    IdempotencyKey(key): IdempotencyKey,
    Query(query): Query<UploadQuery>,
    body: Body,
) -> Result<Response, NoEntry> {
    let officer = officer.require(Role::GrantMaker)?;
    let mode = query.mode()?;
    let programme = ProgrammeId(query.programme);
    let bytes = body::read(body, FILE_BYTES_MAX).await?;
    let digest = Digest::of(&[&bytes]);
    let id = key.bulk();
    if let Some(known) = bulks.upload(&id) {
        let same = known.manifest.file == digest && known.manifest.programme == programme;
        if !same || known.manifest.mode != mode {
            let first = jichi_protocol::id::EntryIndex(0);
            return Err(Refusal::SameKeyOtherContent { first }.into());
        }
        return Ok(Json(view(id, &known)).into_response());
    }
    let purpose = match mode {
        BulkMode::Slips { .. } => Purpose::Slips,
        BulkMode::Atomic | BulkMode::PerLine => Purpose::Grants,
    };
    let read = tokio::task::spawn_blocking(move || file::read(&bytes, purpose)).await;
    let read = read.map_err(|_| EdgeProblem::Internal)?.map_err(file_problem)?;
    let whole = !matches!(mode, BulkMode::PerLine);
    let hopeless = whole && !read.faults.is_empty();
    let keep = if query.dry_run || hopeless { Keep::Nothing } else { Keep::All };
    let tried = match purpose {
        Purpose::Grants => check::try_grants(&town, programme, read).await?,
        Purpose::Slips => check::try_slips(&town, id, programme, read, keep).await?,
    };
    let ask = Asked { id, key, digest, programme, mode, officer };
    let mut manifest = manifest(&town, &ask, &tried).await?;
    if manifest.work.len() > WORK_ITEMS_MAX {
        manifest.stage = Stage::Refused("too_many_unmatched".into());
    }
    let keeps = !query.dry_run && !matches!(manifest.stage, Stage::Refused(_));
    if keeps {
        let vault = town.people().vault();
        let parts = store::put_ready(vault, id, &tried.ready).await;
        manifest.ready_parts = parts.map_err(|_| EdgeProblem::StorageFull)?;
        bulks.keep(id, manifest.clone()).await.map_err(|_| EdgeProblem::StorageFull)?;
    }
    let mut answer = view(id, &Upload { manifest, done: 0 });
    if query.dry_run {
        answer.state = "dry_run";
    }
    Ok(Json(answer).into_response())
}

/// What was asked.
struct Asked {
    id: BulkId,
    key: ClientKey,
    digest: Digest,
    programme: ProgrammeId,
    mode: BulkMode,
    officer: OfficerId,
}

/// What is kept of a file that was tried, and what comes next.
async fn manifest(town: &Town, ask: &Asked, tried: &Tried) -> Result<Manifest, NoEntry> {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let whole = !matches!(ask.mode, BulkMode::PerLine);
    let stage = if whole && !tried.faults.is_empty() {
        Stage::Refused("lines_with_errors".into())
    } else if (whole && !tried.work.is_empty())
        || (tried.ready.is_empty() && !tried.work.is_empty())
    {
        Stage::Worklist
    } else if tried.ready.is_empty() {
        Stage::Refused("nothing_to_grant".into())
    } else {
        let opening = check::opening(ask.id, ask.digest, ask.programme, ask.mode, &tried.ready)?;
        let asked = super::answer::read(town.engine(), |ledger| ledger.may_open(&opening));
        match asked.await? {
            Ok(()) => Stage::Opening(ask.key),
            Err(refusal) => Stage::Refused(refusal.code().to_owned()),
        }
    };
    Ok(Manifest {
        file: ask.digest,
        programme: ask.programme,
        mode: ask.mode,
        officer: ask.officer,
        at: clock::now(),
        stage,
        lines: tried.lines,
        ready_parts: Vec::new(),
        ready: count(tried.ready.len()),
        points: tried.ready.points().unwrap_or(Points::MAX),
        work: tried.work.clone(),
        faults: tried.faults.iter().take(FAULTS_MAX).cloned().collect(),
        refused: count(tried.faults.len()),
    })
}

async fn list(
    Extension(bulks): Extension<Bulks>,
    Officer(officer): Officer,
) -> Result<Response, Problem> {
    may_see(&officer)?;
    let all = bulks.all();
    let views: Vec<_> = all
        .iter()
        .rev()
        .map(|(id, upload)| UploadView { errors: Vec::new(), ..view(*id, upload) })
        .collect();
    Ok(Json(views).into_response())
}

/// Whoever enters, approves or audits grants sees the files.
fn may_see(officer: &crate::staff::sign_in::SignedIn) -> Result<(), Problem> {
    let one_of = [Role::GrantMaker, Role::Approver, Role::Auditor];
    let fits = one_of.into_iter().any(|role| officer.require(role).is_ok());
    if fits { Ok(()) } else { Err(EdgeProblem::ForbiddenRole.into()) }
}

fn known(bulks: &Bulks, id: &str) -> Result<(BulkId, Upload), Problem> {
    let id: BulkId = id.parse().map_err(|_| EdgeProblem::NotFound)?;
    let upload = bulks.upload(&id).ok_or(Refusal::UnknownBulk)?;
    Ok((id, upload))
}

async fn show(
    Extension(bulks): Extension<Bulks>,
    Officer(officer): Officer,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    may_see(&officer)?;
    let (id, upload) = known(&bulks, &id)?;
    Ok(Json(view(id, &upload)).into_response())
}

/// Cancels a file that is not granted yet.
async fn cancel(
    Extension(bulks): Extension<Bulks>,
    Officer(officer): Officer,
    Path(id): Path<String>,
) -> Result<Response, NoEntry> {
    officer.require(Role::GrantMaker)?;
    let (id, Upload { mut manifest, .. }) = known(&bulks, &id)?;
    manifest.stage = match (&manifest.stage, manifest.mode) {
        (Stage::Worklist, BulkMode::Atomic | BulkMode::Slips { .. }) => Stage::Cancelled,
        (Stage::Running, BulkMode::Atomic | BulkMode::Slips { .. }) => Stage::Cancelling,
        (Stage::Cancelling | Stage::Cancelled, _) => manifest.stage,
        (Stage::Waiting(_) | Stage::Opening(_), _) => {
            return Err(Refusal::SecondOfficerNeeded { above: Points::ZERO }.into());
        }
        (Stage::Done | Stage::Refused(_), _) | (Stage::Worklist | Stage::Running, _) => {
            return Err(Refusal::BulkClosed.into());
        }
    };
    bulks.keep(id, manifest).await.map_err(|_| EdgeProblem::StorageFull)?;
    let upload = bulks.upload(&id).ok_or(Refusal::UnknownBulk)?;
    Ok(Json(view(id, &upload)).into_response())
}

#[derive(Serialize)]
struct CandidateView {
    account: String,
    name: Option<String>,
    mykey_id: Option<String>,
}

#[derive(Serialize)]
struct ItemView {
    bulk: String,
    line: u32,
    points: u64,
    reason: &'static str,
    mykey_id: Option<String>,
    enrolment: Option<String>,
    kana: Option<String>,
    birth: Option<String>,
    candidates: Vec<CandidateView>,
}

fn item_view(town: &Town, id: BulkId, item: &WorkItem) -> ItemView {
    let (mut mykey_id, mut enrolment, mut kana, mut birth) = (None, None, None, None);
    match &item.recipient {
        Recipient::MyKey(typed) => mykey_id = Some(typed.clone()),
        Recipient::Enrolment(number) => enrolment = Some(number.clone()),
        Recipient::Kana { kana: name, birth: day } => {
            (kana, birth) = (Some(name.clone()), Some(day.clone()));
        }
    }
    let candidate = |account: &AccountId| CandidateView {
        account: account.to_string(),
        name: town.people().name(*account).ok().flatten(),
        mykey_id: town.people().mykey(*account).ok().flatten(),
    };
    ItemView {
        bulk: id.to_string(),
        line: item.line,
        points: item.points.get(),
        reason: if item.candidates.is_empty() { "no_match" } else { "several" },
        mykey_id,
        enrolment,
        kana,
        birth,
        candidates: item.candidates.iter().map(candidate).collect(),
    }
}

/// The lines for which an officer has to choose an account.
async fn worklist(
    State(town): State<Town>,
    Extension(bulks): Extension<Bulks>,
    Officer(officer): Officer,
) -> Result<Response, Problem> {
    officer.require(Role::GrantMaker)?;
    let mut items = Vec::new();
    for (id, upload) in bulks.all() {
        if !matches!(upload.manifest.stage, Stage::Cancelled | Stage::Refused(_)) {
            items.extend(open_items(&upload.manifest).map(|item| item_view(&town, id, item)));
        }
    }
    Ok(Json(items).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChoiceBody {
    account: Option<String>,
    mykey_id: Option<String>,
    #[serde(default)]
    skip: bool,
}

impl ChoiceBody {
    fn choice(&self, town: &Town) -> Result<Choice, Problem> {
        match (&self.account, &self.mykey_id, self.skip) {
            (None, None, true) => Ok(Choice::Skip),
            (Some(account), None, false) => {
                Ok(Choice::Account(account.parse().map_err(|_| invalid("account"))?))
            }
            (None, Some(typed), false) => {
                let name: MyKeyName = typed.parse().map_err(|_| invalid("mykey_id"))?;
                let found = town.people().account(&name).ok_or(Refusal::UnknownAccount)?;
                Ok(Choice::Account(found))
            }
            (Some(_) | None, _, _) => Err(EdgeProblem::MissingField.into()),
        }
    }
}

/// An officer chooses the account of a line, or nobody. It is tried at once, and refused here.
async fn choose(
    State(town): State<Town>,
    Extension(bulks): Extension<Bulks>,
    Officer(officer): Officer,
    Path((id, line)): Path<(String, u32)>,
    StrictJson(body): StrictJson<ChoiceBody>,
) -> Result<Response, NoEntry> {
    officer.require(Role::GrantMaker)?;
    let (id, Upload { mut manifest, .. }) = known(&bulks, &id)?;
    let choice = body.choice(&town)?;
    let item = manifest.work.iter_mut().find(|item| item.line == line);
    let item = item.ok_or(EdgeProblem::NotFound)?;
    match &item.choice {
        Some(known) if *known == choice => {
            let upload = bulks.upload(&id).ok_or(Refusal::UnknownBulk)?;
            return Ok(Json(view(id, &upload)).into_response());
        }
        Some(_) => return Err(Refusal::BulkClosed.into()),
        None => {}
    }
    let chosen = match &choice {
        Choice::Skip => None,
        Choice::Account(account) => {
            let (points, activity, measure) = (item.points, item.activity, item.measure.clone());
            let known = check::programme_today(&town, manifest.programme).await?;
            let (programme, day) = known.ok_or(Refusal::UnknownProgramme)?;
            let attested = people::attested(&town, &programme, *account, day);
            let account = *account;
            Some(BulkLine { line, account, points, activity, attested, measure })
        }
    };
    item.choice = Some(choice);
    match (manifest.stage.clone(), manifest.mode) {
        (Stage::Worklist, BulkMode::PerLine) => {
            manifest = chosen_alone(&bulks, manifest, chosen).await?;
        }
        (Stage::Worklist, BulkMode::Atomic | BulkMode::Slips { .. }) => {
            manifest = chosen_among(&town, id, manifest, chosen).await?;
        }
        // A per-line file is still on its way: the choice comes when it has ended.
        _ => return Err(Refusal::NothingDue.into()),
    }
    bulks.keep(id, manifest).await.map_err(|_| EdgeProblem::StorageFull)?;
    let upload = bulks.upload(&id).ok_or(Refusal::UnknownBulk)?;
    Ok(Json(view(id, &upload)).into_response())
}

/// A line of a `per-line` file is granted at once.
async fn chosen_alone(
    bulks: &Bulks,
    mut manifest: Manifest,
    chosen: Option<BulkLine>,
) -> Result<Manifest, NoEntry> {
    if let Some(line) = chosen {
        let granted = work::grant_chosen(bulks, &manifest, &line).await;
        granted.map_err(|refusal| match refusal {
            Some(refusal) => NoEntry::from(refusal),
            None => EdgeProblem::Stopping.into(),
        })?;
        manifest.ready = manifest.ready.saturating_add(1);
        manifest.points = manifest.points.plus(line.points).unwrap_or(Points::MAX);
    }
    if open_items(&manifest).next().is_none() {
        manifest.stage = Stage::Done;
    }
    Ok(manifest)
}

/// A line of an `atomic` file is tried with all others; behind the last one the file is opened.
async fn chosen_among(
    town: &Town,
    id: BulkId,
    mut manifest: Manifest,
    chosen: Option<BulkLine>,
) -> Result<Manifest, NoEntry> {
    let vault = town.people().vault();
    let ready = store::ready(vault, &manifest).ok_or(EdgeProblem::Internal)?;
    let Ready::Grants(mut lines) = ready else { return Err(EdgeProblem::NotFound.into()) };
    if let Some(line) = chosen {
        lines.push(line.clone());
        let (_, faults) = check::try_lines(town, manifest.programme, lines.clone()).await?;
        if let Some(fault) = faults.iter().find(|fault| fault.line == line.line) {
            return Err(refusal_of(&fault.code).into());
        }
        lines.sort_by_key(|line| line.line);
    }
    let ready = Ready::Grants(lines);
    manifest.ready = u32::try_from(ready.len()).unwrap_or(u32::MAX);
    manifest.points = ready.points().unwrap_or(Points::MAX);
    let parts = store::put_ready(vault, id, &ready).await;
    manifest.ready_parts = parts.map_err(|_| EdgeProblem::StorageFull)?;
    if open_items(&manifest).next().is_none() {
        manifest.stage = if ready.is_empty() {
            Stage::Cancelled
        } else {
            Stage::Opening(new_key().map_err(|_| EdgeProblem::Internal)?)
        };
    }
    Ok(manifest)
}

/// A refusal's problem by its code alone: its figures are the ledger's of a moment ago.
fn refusal_of(code: &str) -> Problem {
    refusal::line(code).map_or_else(|| EdgeProblem::InvalidValue.into(), Problem::new)
}
