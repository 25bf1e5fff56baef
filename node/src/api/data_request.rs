//! Requests under the law on personal data: received, made longer once, decided; with their clock.

use axum::{
    Json, Router,
    extract::{Path, State},
    routing::{get, post},
};
use jichi_protocol::{
    date::BusinessDate,
    digest::{self, Digest},
    refusal::Refusal,
};
use serde::{Deserialize, Serialize};

use super::{
    answer::NoEntry,
    body::{StrictJson, TextBody, date},
    caller::Officer,
    idempotency::IdempotencyKey,
    look_up::person_problem,
    problem::{Problem, edge::EdgeProblem},
    register::known_account,
    resident::invalid,
    street::one_of,
};
use crate::{
    clock,
    data_request::{Asked, Clock, DataRequest, RequestId, RequestRefused, Step},
    staff::Role,
    town::Town,
};

/// The routes of the staff's listener.
pub fn routes() -> Router<Town> {
    Router::new()
        .route("/v1/data-requests", get(list))
        .route("/v1/accounts/{account}/data-requests", post(receive))
        .route("/v1/data-requests/{request}/steps", post(step))
}

#[derive(Deserialize, Serialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum AskedBody {
    Disclosure,
    Correction,
    StopOfUse,
}

#[derive(Deserialize, Serialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum StepBody {
    Extended,
    Granted,
    GrantedInPart,
    Refused,
    Withdrawn,
}

impl From<StepBody> for Step {
    fn from(body: StepBody) -> Self {
        match body {
            StepBody::Extended => Self::Extended,
            StepBody::Granted => Self::Granted,
            StepBody::GrantedInPart => Self::GrantedInPart,
            StepBody::Refused => Self::Refused,
            StepBody::Withdrawn => Self::Withdrawn,
        }
    }
}

impl From<Step> for StepBody {
    fn from(step: Step) -> Self {
        match step {
            Step::Extended => Self::Extended,
            Step::Granted => Self::Granted,
            Step::GrantedInPart => Self::GrantedInPart,
            Step::Refused => Self::Refused,
            Step::Withdrawn => Self::Withdrawn,
        }
    }
}

#[derive(Serialize)]
struct StepView {
    step: StepBody,
    on: String,
    officer: u32,
    note: String,
}

/// A request as officers see it.
#[derive(Serialize)]
pub(super) struct RequestView {
    request: String,
    account: String,
    asked: AskedBody,
    received: String,
    due: String,
    /// `open`, `overdue` or `decided`.
    state: &'static str,
    /// Days left until the last one, or over it; none of a decided one.
    days: Option<u32>,
    officer: u32,
    note: String,
    steps: Vec<StepView>,
}

impl RequestView {
    pub(super) fn of((id, request): (RequestId, DataRequest), today: BusinessDate) -> Self {
        let (state, days) = match request.clock(today) {
            Clock::Left(days) => ("open", Some(days)),
            Clock::Overdue(days) => ("overdue", Some(days)),
            Clock::Stopped => ("decided", None),
        };
        let steps = request.steps.iter().map(|taken| StepView {
            step: taken.step.into(),
            on: taken.on.to_string(),
            officer: taken.officer.0,
            note: taken.words.clone(),
        });
        Self {
            request: id.to_string(),
            account: request.account.to_string(),
            asked: match request.asked {
                Asked::Disclosure => AskedBody::Disclosure,
                Asked::Correction => AskedBody::Correction,
                Asked::StopOfUse => AskedBody::StopOfUse,
            },
            received: request.received.to_string(),
            due: request.due().to_string(),
            state,
            days,
            officer: request.officer.0,
            note: request.words.clone(),
            steps: steps.collect(),
        }
    }
}

/// All requests: those that wait first, the most pressing one before the others.
async fn list(
    State(town): State<Town>,
    Officer(officer): Officer,
) -> Result<Json<Vec<RequestView>>, NoEntry> {
    one_of(&officer, &[Role::Desk, Role::Approver, Role::Auditor])?;
    let mut all = town.people().requests().all();
    all.sort_by_key(|(_, request)| (!request.open(), request.due()));
    let today = clock::now().date();
    Ok(Json(all.into_iter().map(|request| RequestView::of(request, today)).collect()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReceiveBody {
    asked: AskedBody,
    /// The day on which it came, also by post.
    received: String,
    note: TextBody,
}

#[derive(Serialize)]
struct RequestAnswer {
    request: String,
}

async fn receive(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(account): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<ReceiveBody>,
) -> Result<Json<RequestAnswer>, NoEntry> {
    let officer = officer.require(Role::Desk)?;
    let account = known_account(&town, &account).await?;
    let received = date(&body.received, "received")?;
    let asked = match body.asked {
        AskedBody::Disclosure => Asked::Disclosure,
        AskedBody::Correction => Asked::Correction,
        AskedBody::StopOfUse => Asked::StopOfUse,
    };
    let id = Digest::of(&[b"jichi/data-request/v1\0", key.bytes()]);
    let words = (officer, body.note.0.as_str());
    let requests = town.people().requests();
    let taken = requests.receive(id, (account, asked, received), words, clock::now()).await;
    taken.map_err(|refused| request_problem(&refused))?;
    Ok(Json(RequestAnswer { request: id.to_string() }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TakeBody {
    step: StepBody,
    note: TextBody,
}

async fn step(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(request): Path<String>,
    StrictJson(body): StrictJson<TakeBody>,
) -> Result<Json<RequestAnswer>, NoEntry> {
    let officer = officer.require(Role::Approver)?;
    let id = digest::from_hex(&request).map(Digest).map_err(|_| EdgeProblem::NotFound)?;
    let words = (officer, body.note.0.as_str());
    let taken = town.people().requests().step(id, body.step.into(), words, clock::now()).await;
    taken.map_err(|refused| request_problem(&refused))?;
    Ok(Json(RequestAnswer { request: id.to_string() }))
}

fn request_problem(refused: &RequestRefused) -> Problem {
    match refused {
        RequestRefused::Unknown => EdgeProblem::NotFound.into(),
        RequestRefused::Decided => EdgeProblem::RequestDecided.into(),
        RequestRefused::NotExtendable => EdgeProblem::RequestNotExtendable.into(),
        RequestRefused::NotYet => invalid("received"),
        RequestRefused::OtherContent => Refusal::Exists.into(),
        RequestRefused::Vault(error) => person_problem(error).into(),
    }
}
