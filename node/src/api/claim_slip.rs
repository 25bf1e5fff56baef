//! Claim slips (受取コード付き通知書): claim, reissue, list, letters, and what nobody claimed.

use axum::{
    Extension, Json, Router,
    extract::{Path, State},
    http::header,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use jichi_protocol::{
    codec,
    command::{Actor, Command, Nothing, SlipClaim, SlipReissue},
    digest::Digest,
    eligibility::Attested,
    entry::Submission,
    id::{AccountId, BulkId, SlipId},
    key::{ClientKey, OperationKey},
    ledger::{Bulk, Ledger, Slip, SlipState},
    points::Points,
    refusal::Refusal,
    text::mykey::MyKeyName,
};
use serde::{Deserialize, Serialize};

use super::{
    answer::{self, Done, NoEntry},
    body::StrictJson,
    caller::{Officer, Resident},
    idempotency::IdempotencyKey,
    print,
    problem::{Problem, edge::EdgeProblem},
    resident::invalid,
};
use crate::{
    bulk::{Bulks, check, letter, people},
    staff::Role,
    town::Town,
    vault::record::RecordKind,
};

/// The routes of the staff's listener.
pub fn routes() -> Router<Town> {
    Router::new()
        .route("/v1/slips/claims", post(claim_at_desk))
        .route("/v1/slips/files/{bulk}", get(list))
        .route("/v1/slips/files/{bulk}/report", get(report))
        .route("/v1/slips/files/{bulk}/letters.pdf", get(letters))
        .route("/v1/slips/files/{bulk}/letters.csv", get(mailing))
        .route("/v1/slips/{slip}/reissue", post(reissue))
        .route("/v1/slips/{slip}/letter.pdf", get(letter_of))
}

/// The routes of holders, on the public listener.
pub fn holder_routes() -> Router<Town> {
    Router::new().route("/v1/me/slips", post(claim)).merge(super::application::holder_routes())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClaimBody {
    code: String,
}

#[derive(Serialize)]
struct ClaimAnswer {
    points: u64,
}

async fn submit(
    town: &Town,
    key: ClientKey,
    command: Command,
) -> Result<crate::engine::Committed, NoEntry> {
    let submission = Submission { key: Some(OperationKey::Client(key)), command, evidence: None };
    answer::submit(town.engine(), submission).await
}

/// What the programme of the slip demands of its holder.
async fn attested(
    town: &Town,
    account: AccountId,
    code: &Digest,
) -> Result<Option<Attested>, NoEntry> {
    let asked = answer::read(town.engine(), |ledger| {
        let slip = ledger.slip(&ledger.slip_of_code(code)?)?;
        let number = ledger.bulk(&slip.bulk)?.opening.programme;
        let programme = ledger.programmes().find(|known| known.id == number)?;
        Some((programme.clone(), ledger.day()))
    });
    let known = asked.await?;
    Ok(known.and_then(|(programme, day)| people::attested(town, &programme, account, day)))
}

async fn claim_into(
    town: &Town,
    key: ClientKey,
    account: AccountId,
    actor: Actor,
    code: &str,
) -> Result<Done<ClaimAnswer>, NoEntry> {
    let code = letter::code_hash(code);
    let attested = attested(town, account, &code).await?;
    let claim = SlipClaim { account, code, actor, attested };
    let committed = submit(town, key, Command::ClaimSlip(Nothing {}, claim)).await?;
    let points = answer::read(town.engine(), |ledger| {
        let slip = ledger.slip_of_code(&code).and_then(|slip| ledger.slip(&slip));
        slip.map_or(Points::ZERO, |slip| slip.points)
    });
    Ok(Done::over(&committed, ClaimAnswer { points: points.await?.get() }))
}

/// The holder types the code of a letter.
async fn claim(
    State(town): State<Town>,
    Resident(account): Resident,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<ClaimBody>,
) -> Result<Done<impl Serialize>, NoEntry> {
    claim_into(&town, key, account, Actor::Holder, &body.code).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeskClaimBody {
    code: String,
    account: Option<String>,
    mykey_id: Option<String>,
}

/// The desk does it for who brings the letter, into the account that was just opened or found.
async fn claim_at_desk(
    State(town): State<Town>,
    Officer(officer): Officer,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<DeskClaimBody>,
) -> Result<Done<impl Serialize>, NoEntry> {
    let officer = officer.require(Role::Desk)?;
    let account = match (&body.account, &body.mykey_id) {
        (Some(account), None) => account.parse().map_err(|_| invalid("account"))?,
        (None, Some(typed)) => {
            let name: MyKeyName = typed.parse().map_err(|_| invalid("mykey_id"))?;
            town.people().account(&name).ok_or(Refusal::UnknownAccount)?
        }
        (Some(_) | None, _) => return Err(EdgeProblem::MissingField.into()),
    };
    claim_into(&town, key, account, Actor::Officer(officer), &body.code).await
}

#[derive(Serialize)]
struct SlipView {
    slip: String,
    line: u32,
    name: String,
    points: u64,
    state: &'static str,
    codes: usize,
}

const fn state_name(state: SlipState) -> &'static str {
    match state {
        SlipState::Issued => "issued",
        SlipState::Claimed { .. } => "claimed",
        SlipState::Returned { .. } => "returned",
    }
}

/// The slips of a file, with how they stand.
fn of_file(ledger: &Ledger, bulk: BulkId) -> Vec<(SlipId, Slip)> {
    let slips = ledger.slips().filter(|(_, slip)| slip.bulk == bulk);
    slips.map(|(id, slip)| (*id, slip.clone())).collect()
}

async fn slips_of(town: &Town, bulk: &str) -> Result<(Bulk, Vec<(SlipId, Slip)>), NoEntry> {
    let id: BulkId = bulk.parse().map_err(|_| EdgeProblem::NotFound)?;
    let found = answer::read(town.engine(), |ledger| {
        ledger.bulk(&id).cloned().map(|bulk| (bulk, of_file(ledger, id)))
    });
    Ok(found.await?.ok_or(Refusal::UnknownBulk)?)
}

async fn list(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(bulk): Path<String>,
) -> Result<Response, NoEntry> {
    officer.require(Role::GrantMaker)?;
    let (_, slips) = slips_of(&town, &bulk).await?;
    let mut views: Vec<SlipView> = slips
        .into_iter()
        .map(|(id, slip)| {
            let record = letter::record(&town, id);
            SlipView {
                slip: id.to_string(),
                line: record.as_ref().map_or(0, |record| record.line),
                name: record.map(|record| record.to.name).unwrap_or_default(),
                points: slip.points.get(),
                state: state_name(slip.state),
                codes: slip.codes.len(),
            }
        })
        .collect();
    views.sort_by_key(|view| view.line);
    Ok(Json(views).into_response())
}

#[derive(Serialize, Default)]
struct Sum {
    slips: u64,
    points: u64,
}

impl Sum {
    fn add(&mut self, points: Points) {
        self.slips = self.slips.saturating_add(1);
        self.points = self.points.saturating_add(points.get());
    }
}

#[derive(Serialize)]
struct ReportView {
    bulk: String,
    until: Option<String>,
    issued: Sum,
    claimed: Sum,
    /// Still to be claimed.
    open: Sum,
    /// Back in the budget, since nobody claimed them.
    returned: Sum,
}

/// What became of the slips of a file.
async fn report(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(bulk): Path<String>,
) -> Result<Response, NoEntry> {
    let one_of = [Role::GrantMaker, Role::Approver, Role::Auditor];
    if !one_of.into_iter().any(|role| officer.require(role).is_ok()) {
        return Err(EdgeProblem::ForbiddenRole.into());
    }
    let (file, slips) = slips_of(&town, &bulk).await?;
    let mut view = ReportView {
        bulk,
        until: check::until(file.opening.mode).map(|day| day.to_string()),
        issued: Sum::default(),
        claimed: Sum::default(),
        open: Sum::default(),
        returned: Sum::default(),
    };
    for (_, slip) in slips {
        view.issued.add(slip.points);
        match slip.state {
            SlipState::Issued => view.open.add(slip.points),
            SlipState::Claimed { .. } => view.claimed.add(slip.points),
            SlipState::Returned { .. } => view.returned.add(slip.points),
        }
    }
    Ok(Json(view).into_response())
}

/// What stands on the letters of a file.
async fn sender(town: &Town, file: &Bulk) -> Result<letter::Sender, NoEntry> {
    let id = file.opening.programme;
    let programme = answer::read(town.engine(), |ledger| {
        ledger.programmes().find(|known| known.id == id).map(|known| known.name.to_string())
    });
    Ok(letter::Sender {
        town: town.name().ja.clone(),
        programme: programme.await?.unwrap_or_default(),
        until: check::until(file.opening.mode).unwrap_or(file.day),
    })
}

/// The letters that are still to be claimed, in the order of the file.
async fn to_send(
    town: &Town,
    bulk: &str,
) -> Result<(letter::Sender, Vec<letter::SlipRecord>), NoEntry> {
    let (file, slips) = slips_of(town, bulk).await?;
    let sender = sender(town, &file).await?;
    let open = slips.into_iter().filter(|(_, slip)| slip.state == SlipState::Issued);
    let mut records: Vec<_> = open.filter_map(|(id, _)| letter::record(town, id)).collect();
    records.sort_by_key(|record| record.line);
    Ok((sender, records))
}

async fn letters(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(bulk): Path<String>,
) -> Result<Response, NoEntry> {
    officer.require(Role::GrantMaker)?;
    let (sender, records) = to_send(&town, &bulk).await?;
    print::pdf(&town, "slips.pdf", move |font| letter::sheets(font, &sender, &records)).await
}

async fn mailing(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(bulk): Path<String>,
) -> Result<Response, NoEntry> {
    officer.require(Role::GrantMaker)?;
    let (sender, records) = to_send(&town, &bulk).await?;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"slips.csv\""),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, letter::mailing_list(&sender, &records)).into_response())
}

async fn letter_of(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(slip): Path<String>,
) -> Result<Response, NoEntry> {
    officer.require(Role::GrantMaker)?;
    let id: SlipId = slip.parse().map_err(|_| EdgeProblem::NotFound)?;
    let file = answer::read(town.engine(), |ledger| {
        ledger.slip(&id).and_then(|slip| ledger.bulk(&slip.bulk).cloned())
    });
    let file = file.await?.ok_or(Refusal::UnknownSlip)?;
    let sender = sender(&town, &file).await?;
    let record = letter::record(&town, id).ok_or(EdgeProblem::NotFound)?;
    good(&town, id, &record).await?;
    print::pdf(&town, "slip.pdf", move |font| letter::sheets(font, &sender, &[record])).await
}

/// Whether a letter has the code that is good: a reissue may have been broken off.
async fn good(town: &Town, id: SlipId, record: &letter::SlipRecord) -> Result<(), NoEntry> {
    let code = letter::code_hash(&record.code);
    let codes = answer::read(town.engine(), |ledger| ledger.slip(&id).map(|it| it.codes.clone()));
    let good = codes.await?.is_some_and(|codes| codes.last() == Some(&code));
    if good { Ok(()) } else { Err(Refusal::SlipReissued.into()) }
}

#[derive(Serialize)]
struct ReissueAnswer {
    slip: String,
    letter: String,
}

/// A letter that was lost gets a new code; the first one is good no more.
async fn reissue(
    State(town): State<Town>,
    Extension(_): Extension<Bulks>,
    Officer(officer): Officer,
    Path(slip): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
) -> Result<Done<impl Serialize>, NoEntry> {
    let officer = officer.require(Role::GrantMaker)?;
    let id: SlipId = slip.parse().map_err(|_| EdgeProblem::NotFound)?;
    let mut record =
        letter::record(&town, id).ok_or_else(|| Problem::from(Refusal::UnknownSlip))?;
    let known = answer::read(town.engine(), |ledger| ledger.key_use(&key).is_some()).await?;
    if !known {
        // Vault first, then the entry: a crash between leaves a code that was never good.
        record.code = letter::new_code()?;
        let account = letter::vault_account(id);
        let bytes = codec::encode(&record);
        let put = town.people().vault().put(account, RecordKind::Slip, &bytes);
        put.await.map_err(|_| EdgeProblem::StorageFull)?;
    }
    let code = letter::code_hash(&record.code);
    let reissue = SlipReissue { slip: id, code, officer };
    let committed = submit(&town, key, Command::ReissueSlip(Nothing {}, reissue)).await?;
    let letter = format!("/v1/slips/{id}/letter.pdf");
    Ok(Done::over(&committed, ReissueAnswer { slip: id.to_string(), letter }))
}
