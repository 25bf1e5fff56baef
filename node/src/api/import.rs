//! Moving in: balances and history of a town's former system. The command reads the file; here
//! come its lines, the second officer's word is asked, and nothing counts before the totals fit.

pub(super) mod old;

use std::collections::BTreeMap;

use axum::{
    Json, Router,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use jichi_protocol::{
    account::HolderClass,
    command::{
        AccountOpening, Actor, Command, ImportClosing, ImportEnd, ImportLine, ImportLines,
        ImportOpening, ImportSlice, Nothing as NothingPart, Proposed,
    },
    date::BusinessDate,
    digest::Digest,
    entry::Submission,
    id::{AccountId, CompanyId, ImportId, OfficerId, ProgrammeId},
    key::OperationKey,
    ledger::{IMPORT_LINES_MAX, ImportStage, Ledger},
    lot::{Birth, Grace, Issuer, Lot, LotTerms, Origin, Paid},
    refusal::Refusal,
    text::mykey::MyKeyName,
};
use serde::{Deserialize, Serialize};

use super::{
    answer::{self, Done, NoEntry},
    body::{StrictJson, TextBody},
    caller::Officer,
    idempotency::IdempotencyKey,
    officer::by,
    payment::points,
    problem::{Problem, edge::EdgeProblem},
    resident::invalid,
};
use crate::{engine::Committed, person, staff::Role, town::Town};

/// The routes of holders.
pub fn routes() -> Router<Town> {
    Router::new().route("/v1/me/old-history", get(old::old_history))
}

/// The routes of officers.
pub fn staff_routes() -> Router<Town> {
    Router::new()
        .route("/v1/imports", post(open))
        .route("/v1/imports/checks", post(check))
        .route("/v1/imports/{id}", get(state))
        .route("/v1/imports/{id}/lines", post(lines))
        .route("/v1/imports/{id}/history", post(old::history))
        .route("/v1/imports/{id}/close", post(close))
}

async fn submit(
    town: &Town,
    key: Option<OperationKey>,
    command: Command,
) -> Result<Committed, NoEntry> {
    let submission = Submission { key, command, evidence: None };
    answer::submit(town.engine(), submission).await
}

/// The account of somebody whom the former system knew by a number: the same number is the same
/// account, whatever file it stands in.
fn account_of(town: &Town, number: &str) -> AccountId {
    let key = [town.id().as_str().as_bytes(), &[0], number.as_bytes()].concat();
    AccountId::derived("jichi/import-account/v1", &key)
}

/// Whose a line is: by the former system's number or by the MyKey ID here, never by a guess.
fn whose(town: &Town, number: Option<&str>, mykey: Option<&str>) -> Result<AccountId, Problem> {
    match (number, mykey) {
        (Some(number), None) if !number.is_empty() && number.len() <= 64 => {
            Ok(account_of(town, number))
        }
        (None, Some(typed)) => {
            let name: MyKeyName = typed.parse().map_err(|_| invalid("mykey_id"))?;
            town.people().account(&name).ok_or_else(|| Refusal::UnknownAccount.into())
        }
        (Some(_) | None, _) => Err(invalid("number")),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum OriginBody {
    Programme(u32),
    Reward(u32),
    Converted(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum GraceBody {
    May,
    None,
    Used,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum IssuerBody {
    Town,
    Other,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum PaidBody {
    Yes,
    No,
}

/// A line of the file, as the command read it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LineBody {
    /// The holder's number in the former system.
    number: Option<String>,
    /// The holder's MyKey ID here, in place of the number.
    mykey_id: Option<String>,
    /// The holder's name, for whom an account is opened.
    name: Option<TextBody>,
    points: u64,
    origin: OriginBody,
    issuer: IssuerBody,
    paid: PaidBody,
    grace: GraceBody,
    earned: String,
    /// None where the points do not expire.
    expires: Option<String>,
}

impl LineBody {
    fn lot(&self) -> Result<Lot, Problem> {
        let birth = match &self.origin {
            OriginBody::Programme(number) => Birth::Administrative(ProgrammeId(*number)),
            OriginBody::Reward(scheme) => Birth::Reward(*scheme),
            OriginBody::Converted(company) => {
                let company: CompanyId = company.parse().map_err(|_| invalid("origin"))?;
                Birth::Converted(company)
            }
        };
        let date = |text: &str, field| text.parse::<BusinessDate>().map_err(|_| invalid(field));
        let expires = self.expires.as_deref().map(|text| date(text, "expires")).transpose()?;
        let terms = LotTerms {
            origin: Origin::Here(birth),
            issuer: match self.issuer {
                IssuerBody::Town => Issuer::Town,
                IssuerBody::Other => Issuer::Other,
            },
            paid: match self.paid {
                PaidBody::Yes => Paid::Yes,
                PaidBody::No => Paid::No,
            },
            earned: date(&self.earned, "earned")?,
            expires: expires.unwrap_or(BusinessDate::LAST),
            grace: match self.grace {
                GraceBody::May => Grace::May,
                GraceBody::None => Grace::None,
                GraceBody::Used => Grace::Used,
            },
        };
        Ok(Lot { terms, points: points(self.points)? })
    }

    fn line(&self, town: &Town) -> Result<ImportLine, Problem> {
        let account = whose(town, self.number.as_deref(), self.mykey_id.as_deref())?;
        Ok(ImportLine { account, lot: self.lot()? })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckBody {
    lines: Vec<LineBody>,
}

#[derive(Serialize)]
struct CheckAnswer {
    /// By line: the code of what is wrong, or none.
    errors: Vec<Option<String>>,
    /// The account and lot of each line as canonical bytes, for the content of the file.
    lines: Vec<Option<String>>,
}

/// A dry run: what would be wrong with these lines, and what they are. Nothing is written.
async fn check(
    State(town): State<Town>,
    Officer(officer): Officer,
    StrictJson(body): StrictJson<CheckBody>,
) -> Result<Response, NoEntry> {
    officer.require(Role::GrantMaker)?;
    let lines: Vec<Result<ImportLine, Problem>> =
        body.lines.iter().map(|line| line.line(&town)).collect();
    let known = answer::read(town.engine(), |ledger| {
        let wrong = |line: &Result<ImportLine, Problem>| match line {
            Err(problem) => Some(problem.code().to_owned()),
            Ok(line) => refused(ledger, line).map(|refusal| refusal.code().to_owned()),
        };
        lines.iter().map(wrong).collect::<Vec<_>>()
    });
    let errors = known.await?;
    let hex = |line: &Result<ImportLine, Problem>| {
        let line = line.as_ref().ok()?;
        Some(jichi_protocol::digest::Hex(&jichi_protocol::codec::encode(line)).to_string())
    };
    Ok(Json(CheckAnswer { errors, lines: lines.iter().map(hex).collect() }).into_response())
}

/// What a line would be refused for; an account that the import opens is not missing.
fn refused(ledger: &Ledger, line: &ImportLine) -> Option<Refusal> {
    match ledger.preview_import_line(line) {
        Ok(()) => None,
        Err(Refusal::UnknownAccount) => ledger.preview_import_lot(&line.lot).err(),
        Err(refusal) => Some(refusal),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OpenBody {
    content: String,
    count: u32,
    points: u64,
}

#[derive(Serialize)]
struct OpenAnswer {
    import: String,
    /// For the second officer: `POST /v1/proposals/{proposal}/decision`.
    proposal: String,
}

/// Declares an import, for a second officer to decide.
async fn open(
    State(town): State<Town>,
    Officer(officer): Officer,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<OpenBody>,
) -> Result<Done<impl Serialize>, NoEntry> {
    let maker = officer.require(Role::GrantMaker)?;
    let opening = ImportOpening {
        import: key.import(),
        content: body.content.parse().map_err(|_| invalid("content"))?,
        count: body.count,
        points: points(body.points)?,
    };
    let proposed = Proposed::of(&Command::OpenImport(opening, by(maker)), maker);
    let command = Command::Propose(NothingPart {}, proposed);
    let committed = submit(&town, Some(OperationKey::Client(key)), command).await?;
    let import = key.import().to_string();
    Ok(Done::over(&committed, OpenAnswer { proposal: import.clone(), import }))
}

#[derive(Serialize)]
struct ImportView {
    import: String,
    /// `proposed`, `open`, `making_lots`, `committed` or `cancelled`.
    state: &'static str,
    /// The number of lines that are in: where to go on.
    next: u32,
    points_in: u64,
    count: u32,
    points: u64,
    content: String,
}

async fn state(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(id): Path<String>,
) -> Result<Response, NoEntry> {
    officer.require(Role::GrantMaker).or_else(|_| officer.require(Role::Approver))?;
    let id: ImportId = id.parse().map_err(|_| EdgeProblem::NotFound)?;
    let view = answer::read(town.engine(), |ledger| view_of(ledger, id)).await?;
    Ok(Json(view.ok_or(Refusal::UnknownImport)?).into_response())
}

fn view_of(ledger: &Ledger, id: ImportId) -> Option<ImportView> {
    let view = |state, opening: &ImportOpening, next, points_in| ImportView {
        import: id.to_string(),
        state,
        next,
        points_in,
        count: opening.count,
        points: opening.points.get(),
        content: opening.content.to_string(),
    };
    let Some(import) = ledger.import(&id) else {
        let mut proposed = ledger.proposed().filter(|(proposal, _)| proposal.0 == id.0);
        let (_, proposed) = proposed.next()?;
        let Ok(Command::OpenImport(opening, _)) = proposed.command() else { return None };
        return Some(view("proposed", &opening, 0, 0));
    };
    let state = match import.stage {
        ImportStage::Open => "open",
        ImportStage::Committed if ledger.arrivals() > 0 => "making_lots",
        ImportStage::Committed => "committed",
        ImportStage::Cancelled => "cancelled",
    };
    Some(view(state, &import.opening, import.taken, import.points.get()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SliceBody {
    /// How many lines stand before these in the file.
    from: u32,
    lines: Vec<LineBody>,
}

#[derive(Serialize)]
struct SliceAnswer {
    next: u32,
    /// Accounts that were opened.
    opened: u32,
}

/// The next lines of an open import. Lines that are in already are passed over, so that a file
/// that was interrupted is simply sent again.
async fn lines(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(id): Path<String>,
    StrictJson(body): StrictJson<SliceBody>,
) -> Result<Response, NoEntry> {
    let officer = officer.require(Role::GrantMaker)?;
    let import: ImportId = id.parse().map_err(|_| EdgeProblem::NotFound)?;
    if body.lines.len() > IMPORT_LINES_MAX {
        return Err(EdgeProblem::BodyTooLarge.into());
    }
    let (taken, content) = open_import(&town, import).await?;
    let already = usize::try_from(taken.saturating_sub(body.from)).unwrap_or(usize::MAX);
    let new = body.lines.get(already.min(body.lines.len())..).unwrap_or_default();
    if body.from > taken || new.is_empty() {
        return Ok(Json(SliceAnswer { next: taken, opened: 0 }).into_response());
    }
    let lines = new.iter().map(|line| line.line(&town)).collect::<Result<Vec<_>, _>>()?;
    let named: BTreeMap<AccountId, &LineBody> =
        lines.iter().zip(new).map(|(line, body)| (line.account, body)).collect();
    // Together, so that they share the syncs of vault and journal.
    let enrolled = named.iter().map(|(account, body)| enrol(&town, body, *account, officer));
    let enrolled = futures::future::try_join_all(enrolled).await?;
    let opened = enrolled.iter().filter(|opened| **opened).count();
    let opened = u32::try_from(opened).unwrap_or(u32::MAX);
    let count = u32::try_from(lines.len()).unwrap_or(u32::MAX);
    let slice = ImportSlice { import, from: taken };
    // Not remembered: the place in the file says what is new.
    let key = OperationKey::Line { file: content, line: taken };
    submit(&town, Some(key), Command::ImportLines(slice, ImportLines { lines })).await?;
    Ok(Json(SliceAnswer { next: taken.saturating_add(count), opened }).into_response())
}

async fn open_import(town: &Town, import: ImportId) -> Result<(u32, Digest), NoEntry> {
    let found = answer::read(town.engine(), |ledger| {
        ledger.import(&import).map(|it| (it.stage, it.taken, it.opening.content))
    });
    match found.await?.ok_or(Refusal::UnknownImport)? {
        (ImportStage::Open, taken, content) => Ok((taken, content)),
        (ImportStage::Committed | ImportStage::Cancelled, ..) => Err(Refusal::ImportClosed.into()),
    }
}

/// Opens an account for whom there is none; they choose a password at the desk.
async fn enrol(
    town: &Town,
    line: &LineBody,
    account: AccountId,
    officer: OfficerId,
) -> Result<bool, NoEntry> {
    let known = answer::read(town.engine(), |ledger| ledger.holder(&account).is_some()).await?;
    if known {
        return Ok(false);
    }
    let name = line.name.as_ref().ok_or_else(|| invalid("name"))?;
    let mykey = person::new_mykey(town.id()).map_err(|_| EdgeProblem::Internal)?;
    // Vault first, then the entry: a crash between leaves a record that nothing names.
    let enrolled = town.people().enrol_without_password(account, mykey, name.0.as_str()).await;
    enrolled.map_err(|_| EdgeProblem::StorageFull)?;
    let (class, actor) = (HolderClass::Resident, Actor::Officer(officer));
    let command = Command::OpenAccount(NothingPart {}, AccountOpening { account, class, actor });
    submit(town, None, command).await?;
    Ok(true)
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum EndBody {
    Commit,
    Cancel,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CloseBody {
    end: EndBody,
}

/// Accepts the whole import if count, sum and content are as declared, or gives it up.
async fn close(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(id): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<CloseBody>,
) -> Result<Done<answer::Nothing>, NoEntry> {
    let officer = officer.require(Role::GrantMaker)?;
    let import: ImportId = id.parse().map_err(|_| EdgeProblem::NotFound)?;
    let end = match body.end {
        EndBody::Commit => ImportEnd::Commit,
        EndBody::Cancel => ImportEnd::Cancel,
    };
    let command = Command::CloseImport(ImportClosing { import, end }, by(officer));
    let committed = submit(&town, Some(OperationKey::Client(key)), command).await?;
    Ok(Done::over(&committed, answer::Nothing {}))
}
