//! What officers do: accounts, shops, terminals, programmes, grants, catalogue.

use std::net::SocketAddr;

use axum::{
    Json, Router,
    extract::{ConnectInfo, Path, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use jichi_protocol::{
    account::{HolderClass, HolderState},
    command::{
        AccountOpening, AccountStateChange, Actor, ByOfficer, Command, InUse, MerchantSetting,
        Nothing, ProposalDecision, TerminalSetting, Verdict,
    },
    entry::Submission,
    id::{AccountId, MerchantId, OfficerId, OwnerId, TerminalId},
    key::{ClientKey, OperationKey},
    label::Label,
    text::{FreeText, mykey::MyKeyName},
};
use serde::{Deserialize, Serialize};

use super::{
    answer::{self, Done, NoEntry},
    body::{PasswordBody, StrictJson, TextBody},
    caller::{Officer, today},
    grant::{GrantBody, grant_parts},
    idempotency::IdempotencyKey,
    problem::{Problem, edge::EdgeProblem},
    proposing::ProposalAnswer,
    resident::invalid,
    street::one_of,
};
use crate::{
    clock,
    password::PasswordOf,
    person::{self, PersonError},
    staff::Role,
    town::Town,
};

/// The routes of the staff's listener.
pub fn routes() -> Router<Town> {
    Router::new()
        .route("/v1/staff/sessions", post(open_session))
        .route("/v1/accounts", post(open_account))
        .route("/v1/accounts/{account}/state", post(set_state))
        .route("/v1/merchants", post(set_merchant))
        .route("/v1/terminals", post(set_terminal))
        .route("/v1/proposals", post(propose).get(super::proposal::waiting))
        .route("/v1/proposals/{id}/decision", post(decide))
        .route("/v1/clock/confirmations", post(super::health::confirm_clock))
        .route("/v1/operations/{key}", get(super::payment::operation))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignInBody {
    login: String,
    password: PasswordBody,
}

#[derive(Serialize)]
struct SessionAnswer {
    officer: u32,
    token: String,
}

async fn open_session(
    State(town): State<Town>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    StrictJson(body): StrictJson<SignInBody>,
) -> Result<Response, Problem> {
    let now = clock::monotonic();
    let opened =
        town.staff().open(&body.login, body.password.0, address.ip(), now, today()).await?;
    let token = opened.token.text().to_string();
    let cookie = opened.token.cookie(town.cookies());
    let answer = SessionAnswer { officer: opened.officer.0, token };
    Ok(([(axum::http::header::SET_COOKIE, cookie)], Json(answer)).into_response())
}

fn keyed(key: ClientKey, command: Command) -> Submission {
    Submission { key: Some(OperationKey::Client(key)), command, evidence: None }
}

async fn submit(town: &Town, key: ClientKey, command: Command) -> Result<Committed, NoEntry> {
    answer::submit(town.engine(), keyed(key, command)).await
}

use crate::engine::Committed;

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ClassBody {
    Resident,
    Visitor,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountBody {
    class: ClassBody,
    name: TextBody,
    password: PasswordBody,
    /// The MyKey ID of a visitor's base town, with its code; a resident gets a new one.
    mykey_id: Option<String>,
}

#[derive(Serialize)]
struct AccountAnswer {
    account: String,
    mykey_id: String,
}

/// Opens an account at the desk, and issues the MyKey ID.
async fn open_account(
    State(town): State<Town>,
    Officer(officer): Officer,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<AccountBody>,
) -> Result<Done<impl Serialize>, NoEntry> {
    let officer = officer.require(Role::Desk)?;
    let class = match body.class {
        ClassBody::Resident => HolderClass::Resident,
        ClassBody::Visitor => HolderClass::Visitor,
    };
    let mykey = match body.mykey_id {
        Some(typed) => typed.parse::<MyKeyName>().map_err(|_| invalid("mykey_id"))?,
        None => person::new_mykey(town.id()).map_err(|_| EdgeProblem::Internal)?,
    };
    let account = AccountId::derived("jichi/account/v1", key.bytes());
    let hash = town.pool().hash(PasswordOf::Resident, body.password.0).await;
    let hash = hash.map_err(|_| EdgeProblem::Overloaded)?;
    let hash = hash.map_err(|_| invalid("password"))?;
    let name: FreeText = body.name.0;
    // Vault first, then the entry: a crash between leaves a record that nothing names.
    let mykey = town.people().enrol(account, mykey, name.as_str(), &hash).await;
    let mykey = mykey.map_err(person_problem)?;
    let actor = Actor::Officer(officer);
    let command = Command::OpenAccount(Nothing {}, AccountOpening { account, class, actor });
    let committed = submit(&town, key, command).await?;
    let answer = AccountAnswer { account: account.to_string(), mykey_id: mykey.text() };
    Ok(Done::over(&committed, answer))
}

fn person_problem(error: PersonError) -> Problem {
    match error {
        PersonError::Taken => Problem::from(jichi_protocol::refusal::Refusal::Exists),
        PersonError::Put(_) => EdgeProblem::StorageFull.into(),
        PersonError::Get(_) | PersonError::Form => EdgeProblem::Internal.into(),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum StateBody {
    Open,
    Frozen,
    Closed,
    Deceased,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountStateBody {
    state: StateBody,
}

async fn set_state(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(account): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<AccountStateBody>,
) -> Result<Done<answer::Nothing>, NoEntry> {
    // The help desk may freeze, and nothing else.
    let officer = match body.state {
        StateBody::Frozen => one_of(&officer, &[Role::Desk, Role::HelpDesk])?,
        StateBody::Open | StateBody::Closed | StateBody::Deceased => officer.require(Role::Desk)?,
    };
    let account: AccountId = account.parse().map_err(|_| EdgeProblem::NotFound)?;
    let state = match body.state {
        StateBody::Open => HolderState::Open,
        StateBody::Frozen => HolderState::Frozen,
        StateBody::Closed => HolderState::Closed,
        StateBody::Deceased => HolderState::Deceased,
    };
    let change = AccountStateChange { account, state, actor: Actor::Officer(officer) };
    let committed = submit(&town, key, Command::SetAccountState(Nothing {}, change)).await?;
    Ok(Done::over(&committed, answer::Nothing {}))
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum InUseBody {
    Active,
    Suspended,
}

impl From<InUseBody> for InUse {
    fn from(body: InUseBody) -> Self {
        match body {
            InUseBody::Active => Self::Active,
            InUseBody::Suspended => Self::Suspended,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MerchantBody {
    merchant: u32,
    name: TextBody,
    state: InUseBody,
    /// Minutes behind midnight until which a payment can be voided, at most 300.
    day_close_minutes: Option<u16>,
    /// The owner of several shops or departments.
    owner: Option<u32>,
}

/// A public name. It passes the rule against 12-digit numbers as free text, too.
pub(super) fn label(text: &TextBody) -> Result<Label, Problem> {
    text.0.as_str().parse().map_err(|_| invalid("name"))
}

async fn set_merchant(
    State(town): State<Town>,
    Officer(officer): Officer,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<MerchantBody>,
) -> Result<Done<answer::Nothing>, NoEntry> {
    let officer = officer.require(Role::MerchantOfficer)?;
    let setting = MerchantSetting {
        merchant: MerchantId(body.merchant),
        name: label(&body.name)?,
        state: body.state.into(),
        day_close: body.day_close_minutes,
        owner: body.owner.map(OwnerId),
    };
    let committed = submit(&town, key, Command::SetMerchant(setting, by(officer))).await?;
    Ok(Done::over(&committed, answer::Nothing {}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TerminalBody {
    terminal: u32,
    merchant: u32,
    public_key: String,
    state: InUseBody,
}

async fn set_terminal(
    State(town): State<Town>,
    Officer(officer): Officer,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<TerminalBody>,
) -> Result<Done<answer::Nothing>, NoEntry> {
    let officer = officer.require(Role::MerchantOfficer)?;
    let setting = TerminalSetting {
        terminal: TerminalId(body.terminal),
        merchant: MerchantId(body.merchant),
        key: body.public_key.parse().map_err(|_| invalid("public_key"))?,
        state: body.state.into(),
    };
    let committed = submit(&town, key, Command::SetTerminal(setting, by(officer))).await?;
    Ok(Done::over(&committed, answer::Nothing {}))
}

/// A grant above the limit, for a second officer to decide.
async fn propose(
    State(town): State<Town>,
    Officer(officer): Officer,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<GrantBody>,
) -> Result<Done<impl Serialize>, NoEntry> {
    let officer = officer.require(Role::GrantMaker)?;
    let (shared, private) = grant_parts(&town, key, &body, officer).await?;
    let committed = submit(&town, key, Command::ProposeGrant(shared, private)).await?;
    Ok(Done::over(&committed, ProposalAnswer::of(key)))
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum VerdictBody {
    Approve,
    Reject,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DecisionBody {
    verdict: VerdictBody,
}

async fn decide(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(proposal): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<DecisionBody>,
) -> Result<Done<answer::Nothing>, NoEntry> {
    let approver = officer.require(Role::Approver)?;
    let verdict = match body.verdict {
        VerdictBody::Approve => Verdict::Approve,
        VerdictBody::Reject => Verdict::Reject,
    };
    let proposal = proposal.parse().map_err(|_| EdgeProblem::NotFound)?;
    let decision = ProposalDecision { proposal, verdict, approver };
    let committed = submit(&town, key, Command::DecideProposal(Nothing {}, decision)).await?;
    Ok(Done::over(&committed, answer::Nothing {}))
}

pub(super) const fn by(officer: OfficerId) -> ByOfficer {
    ByOfficer { officer }
}
