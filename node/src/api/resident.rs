//! What holders ask: sign-in, balance, history, links, the choice of a town, transfers.

use std::net::{IpAddr, SocketAddr};

use axum::{
    Json, Router,
    extract::{ConnectInfo, Path, Query, State},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use jichi_protocol::{
    command::{
        Actor, ByActor, Command, CompanyLink, HandleIssue, MovePrivate, MoveShared, Nothing,
        OfferPrivate, OfferShared, Pick, Preset, PresetSetting, Source, WithdrawShared,
    },
    entry::Submission,
    id::{AccountId, ConversionId, EntryIndex, Handle, LinkId, TownId, TransferId},
    key::{ClientKey, OperationKey},
    text::mykey::MyKeyName,
    transfer::OutgoingStage,
};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::{
    answer::{self, Done, NoEntry},
    body::{PasswordBody, StrictJson},
    caller::Resident,
    idempotency::IdempotencyKey,
    payment::points,
    problem::{Problem, edge::EdgeProblem},
    view,
};
use crate::{
    clock,
    password::Verdict,
    session::{Carried, Token},
    throttle::{Try, Wait},
    town::Town,
};

/// The routes of holders, on the public listener.
pub fn routes() -> Router<Town> {
    Router::new()
        .route("/v1/sessions", post(open_session))
        .route("/v1/sessions/current", delete(close_session))
        .route("/v1/me", get(me))
        .route("/v1/me/history", get(history))
        .route("/v1/me/links", post(link))
        .route("/v1/me/preset", post(preset))
        .route("/v1/me/handles", post(handle))
        .route("/v1/me/picks", post(pick))
        .route("/v1/me/moves", post(move_house))
        .route("/v1/me/transfers", post(transfer))
        .route("/v1/me/transfers/{id}", get(transfer_state))
        .route("/v1/me/transfers/{id}/withdraw", post(withdraw))
}

/// Signs a holder in by MyKey ID and password. Unknown ID and wrong password look the same.
pub async fn sign_in(
    town: &Town,
    mykey_id: &str,
    password: SecretString,
    source: IpAddr,
) -> Result<AccountId, Problem> {
    let typed = mykey_id.trim();
    // The town is filled in; it is typed only where another one is meant.
    let name: Option<MyKeyName> = typed.parse().ok().or_else(|| {
        let id = typed.parse().ok()?;
        Some(MyKeyName { town: town.id(), id })
    });
    let spelled = name.map(|name| name.text()).unwrap_or_default();
    let who = Try::new(&spelled, source);
    let admitted = town.throttle().admit(who, clock::monotonic());
    if let Err(Wait(wait)) = admitted {
        return Err(Problem::from(EdgeProblem::TooManyTries).retry_after(wait));
    }
    let account = name.and_then(|name| town.people().account(&name));
    let hash = match account {
        Some(account) => town.people().password(account).map_err(|_| EdgeProblem::Internal)?,
        None => None,
    };
    let verdict = town.pool().verify(password, hash).await.map_err(|_| {
        town.throttle().forgive(who);
        EdgeProblem::Overloaded
    })?;
    match (verdict, account) {
        (Verdict::Right, Some(account)) => {
            town.throttle().forgive(who);
            Ok(account)
        }
        (Verdict::Right | Verdict::Wrong, _) => Err(EdgeProblem::SignInFailed.into()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignInBody {
    mykey_id: String,
    password: PasswordBody,
}

#[derive(Serialize)]
struct SessionAnswer {
    token: String,
    form_token: String,
}

async fn open_session(
    State(town): State<Town>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    StrictJson(body): StrictJson<SignInBody>,
) -> Result<Response, Problem> {
    let account = sign_in(&town, &body.mykey_id, body.password.0, address.ip()).await?;
    let token = Token::random().map_err(|_| EdgeProblem::Internal)?;
    town.residents().open(account, &token, clock::monotonic());
    let answer = SessionAnswer { token: token.text().to_string(), form_token: token.form_token() };
    let cookie = token.cookie(town.cookies());
    Ok(([(header::SET_COOKIE, cookie)], Json(answer)).into_response())
}

async fn close_session(State(town): State<Town>, headers: HeaderMap) -> Result<Response, Problem> {
    let carried = Carried::by(&headers).ok_or(EdgeProblem::Unauthenticated)?;
    town.residents().close(carried.token());
    Ok(axum::http::StatusCode::NO_CONTENT.into_response())
}

async fn me(
    State(town): State<Town>,
    Resident(account): Resident,
) -> Result<Json<view::Balance>, NoEntry> {
    let balance = answer::read(town.engine(), |ledger| view::Balance::of(ledger, &account)).await?;
    Ok(Json(balance.ok_or(EdgeProblem::NotFound)?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PageQuery {
    before: Option<u64>,
}

async fn history(
    State(town): State<Town>,
    Resident(account): Resident,
    Query(page): Query<PageQuery>,
) -> Result<Json<view::History>, NoEntry> {
    let before = page.before.map(EntryIndex);
    Ok(Json(view::History::of(&town, &account, before).await?))
}

fn keyed(key: ClientKey, command: Command) -> Submission {
    Submission { key: Some(OperationKey::Client(key)), command, evidence: None }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LinkBody {
    company: String,
}

#[derive(Serialize)]
struct LinkAnswer {
    link: String,
}

async fn link(
    State(town): State<Town>,
    Resident(account): Resident,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<LinkBody>,
) -> Result<Done<impl Serialize>, NoEntry> {
    let company = body.company.parse().map_err(|_| invalid("company"))?;
    let link = LinkId::derived("jichi/link-id/v1", key.bytes());
    let command = Command::LinkCompany(Nothing {}, CompanyLink { account, company, link });
    let committed = answer::submit(town.engine(), keyed(key, command)).await?;
    Ok(Done::over(&committed, LinkAnswer { link: link.to_string() }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PresetBody {
    town: Option<String>,
    handle: Option<String>,
}

async fn preset(
    State(town): State<Town>,
    Resident(account): Resident,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<PresetBody>,
) -> Result<Done<answer::Nothing>, NoEntry> {
    let preset = match (body.town, body.handle) {
        (None, None) => Preset::Here,
        (Some(other), Some(handle)) => {
            let other: TownId = other.parse().map_err(|_| invalid("town"))?;
            let handle: Handle = handle.parse().map_err(|_| invalid("handle"))?;
            Preset::Elsewhere { town: other, handle }
        }
        (Some(_) | None, _) => return Err(EdgeProblem::MissingField.into()),
    };
    let command = Command::SetPreset(Nothing {}, PresetSetting { account, preset });
    let committed = answer::submit(town.engine(), keyed(key, command)).await?;
    Ok(Done::over(&committed, answer::Nothing {}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HandleBody {
    town: String,
}

#[derive(Serialize)]
struct HandleAnswer {
    handle: String,
}

/// The holder allows another town to send points here: a handle that only it may use.
async fn handle(
    State(town): State<Town>,
    Resident(account): Resident,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<HandleBody>,
) -> Result<Done<impl Serialize>, NoEntry> {
    let other: TownId = body.town.parse().map_err(|_| invalid("town"))?;
    let handle = Handle::derived("jichi/handle/v1", key.bytes());
    let command = Command::IssueHandle(Nothing {}, HandleIssue { account, town: other, handle });
    let committed = answer::submit(town.engine(), keyed(key, command)).await?;
    Ok(Done::over(&committed, HandleAnswer { handle: handle.to_string() }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PickBody {
    conversion: String,
}

/// The holder chooses this town for converted points.
async fn pick(
    State(town): State<Town>,
    Resident(account): Resident,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<PickBody>,
) -> Result<Done<answer::Nothing>, NoEntry> {
    let conversion: ConversionId = body.conversion.parse().map_err(|_| invalid("conversion"))?;
    let command = Command::PickTown(Nothing {}, Pick { account, conversion });
    let committed = answer::submit(town.engine(), keyed(key, command)).await?;
    Ok(Done::over(&committed, answer::Nothing {}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TransferBody {
    town: String,
    handle: String,
    points: u64,
    conversion: Option<String>,
}

#[derive(Serialize)]
struct TransferAnswer {
    transfer: String,
}

/// Points to another town: out of the balance, or of a conversion for which it is chosen.
async fn transfer(
    State(town): State<Town>,
    Resident(account): Resident,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<TransferBody>,
) -> Result<Done<impl Serialize>, NoEntry> {
    let transfer = TransferId::derived("jichi/transfer/v1", key.bytes());
    let source = match body.conversion {
        None => Source::Balance,
        Some(id) => Source::Unassigned(id.parse().map_err(|_| invalid("conversion"))?),
    };
    let shared = OfferShared {
        transfer,
        town: body.town.parse().map_err(|_| invalid("town"))?,
        points: points(body.points)?,
    };
    let recipient: Handle = body.handle.parse().map_err(|_| invalid("handle"))?;
    let private = OfferPrivate { account, recipient, source, actor: Actor::Holder };
    let command = Command::Offer(shared, private);
    let committed = answer::submit(town.engine(), keyed(key, command)).await?;
    Ok(Done::over(&committed, TransferAnswer { transfer: transfer.to_string() }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MoveBody {
    town: String,
    handle: String,
}

/// The holder moves house: the whole account goes to the new town, and ends here.
async fn move_house(
    State(town): State<Town>,
    Resident(account): Resident,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<MoveBody>,
) -> Result<Done<impl Serialize>, NoEntry> {
    let transfer = TransferId::derived("jichi/transfer/v1", key.bytes());
    let shared = MoveShared { transfer, town: body.town.parse().map_err(|_| invalid("town"))? };
    let recipient: Handle = body.handle.parse().map_err(|_| invalid("handle"))?;
    let own = MovePrivate { account, recipient, actor: Actor::Holder };
    let committed =
        answer::submit(town.engine(), keyed(key, Command::MoveHouse(shared, own))).await?;
    Ok(Done::over(&committed, TransferAnswer { transfer: transfer.to_string() }))
}

#[derive(Serialize)]
struct TransferState {
    transfer: String,
    town: String,
    points: u64,
    state: &'static str,
    entry: u64,
}

async fn transfer_state(
    State(town): State<Town>,
    Resident(account): Resident,
    Path(id): Path<String>,
) -> Result<Response, NoEntry> {
    let id: TransferId = id.parse().map_err(|_| EdgeProblem::NotFound)?;
    let found = answer::read(town.engine(), |ledger| ledger.outgoing(&id).cloned()).await?;
    let own = found.filter(|outgoing| outgoing.account() == Some(account));
    let outgoing = own.ok_or(EdgeProblem::NotFound)?;
    let (state, entry) = match outgoing.stage {
        OutgoingStage::Waiting { withdraw: None, .. } => ("waiting", outgoing.offered),
        OutgoingStage::Waiting { withdraw: Some(entry), .. } => ("withdrawing", entry),
        OutgoingStage::Settled { entry, .. } => ("settled", entry),
        OutgoingStage::Returned { entry, .. } => ("returned", entry),
    };
    let state = TransferState {
        transfer: id.to_string(),
        town: outgoing.town.to_string(),
        points: outgoing.points.get(),
        state,
        entry: entry.0,
    };
    Ok(Json(state).into_response())
}

async fn withdraw(
    State(town): State<Town>,
    Resident(account): Resident,
    Path(id): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
) -> Result<Done<answer::Nothing>, NoEntry> {
    let transfer: TransferId = id.parse().map_err(|_| EdgeProblem::NotFound)?;
    let own = answer::read(town.engine(), |ledger| {
        ledger.outgoing(&transfer).is_some_and(|outgoing| outgoing.account() == Some(account))
    });
    if !own.await? {
        return Err(EdgeProblem::NotFound.into());
    }
    let by = ByActor { actor: Actor::Holder };
    let command = Command::Withdraw(WithdrawShared { transfer }, by);
    let committed = answer::submit(town.engine(), keyed(key, command)).await?;
    Ok(Done::over(&committed, answer::Nothing {}))
}

/// A field that is not of its form.
pub(crate) fn invalid(field: &'static str) -> Problem {
    Problem::from(EdgeProblem::InvalidValue).in_field(field)
}
