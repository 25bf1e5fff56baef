//! What sites of online orders and of crowdfunding ask, by signed requests (RFC 9421): to reserve
//! points, to take them, to give them back.

pub mod desk;
mod statement;

use std::sync::Arc;

use axum::{
    Extension, Json, Router,
    extract::{Path, Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use jichi_protocol::{
    codec,
    command::{Basis, Command, Consent, Nothing, Reserved, SignedHold},
    entry::Submission,
    id::{AccountId, HoldId, SiteId},
    key::{ClientKey, OperationKey},
    ledger::{Hold, HoldState, Ledger, SiteLinked},
    points::Points,
    refusal::Refusal,
    signature::Domain,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    answer::{self, Done, NoEntry},
    body::{self, JSON_BYTES_MAX},
    idempotency::IdempotencyKey,
    payment::{find, lapsed_in},
    problem::{Problem, edge::EdgeProblem},
    refusal,
    resident::invalid,
};
use crate::{clock, engine::Committed, town::Town};
use desk::{Asked, OrderDesk};
use statement::{CaptureBody, CloseBody, HoldBody, RefundBody, ReleaseBody};

/// The routes of sites, on the public listener.
pub fn routes() -> Router<Town> {
    Router::new()
        .route("/v1/site-links", post(exchange))
        .route("/v1/holds", post(hold))
        .route("/v1/holds/{id}", get(hold_state))
        .route("/v1/holds/{id}/captures", post(capture))
        .route("/v1/holds/{id}/releases", post(release))
        .route("/v1/holds/{id}/refunds", post(refund))
        .route("/v1/campaigns/{id}/close", post(close))
        .route("/v1/operations/{key}", get(operation))
}

/// The id under which a site signs its requests.
#[must_use]
pub fn key_id(site: SiteId) -> String {
    format!("site-{site}")
}

/// Who signed a request, and the bytes of its body.
async fn signed(
    town: &Town,
    desk: &OrderDesk,
    request: Request,
) -> Result<(SiteId, body::Whole), NoEntry> {
    let (head, body) = request.into_parts();
    let bytes = body::read(body, JSON_BYTES_MAX).await?;
    let sites = answer::read(town.engine(), |ledger| {
        ledger.sites().map(|site| (site.site, site.key)).collect::<Vec<_>>()
    });
    let sites = sites.await?;
    let of = |id: &str| sites.iter().find(|(site, _)| key_id(*site) == id);
    let key_of = |id: &str| of(id).map(|(_, key)| *key);
    let by = desk.gate().verify(&head, &bytes, clock::now(), key_of).map_err(Problem::from)?;
    let site = of(by.key_id()).map(|(site, _)| *site).ok_or(EdgeProblem::BadSignature)?;
    Ok((site, body::Whole { headers: head.headers, bytes }))
}

/// Who signed a request, and what it says.
async fn signed_body<T: DeserializeOwned>(
    town: &Town,
    desk: &OrderDesk,
    request: Request,
) -> Result<(SiteId, T), NoEntry> {
    let (site, whole) = signed(town, desk, request).await?;
    body::check_content_type(&whole.headers)?;
    Ok((site, body::parse(&whole.bytes)?))
}

/// A site learns why, and not what a holder has or has spent elsewhere.
fn without_figures(no_entry: NoEntry) -> NoEntry {
    let figures = ["short_of_points", "over_day_limit", "over_payment_limit"];
    match no_entry {
        NoEntry::Problem(problem) if figures.contains(&problem.code()) => {
            refusal::line(problem.code())
                .map_or(NoEntry::Problem(problem), |line| NoEntry::Problem(Problem::new(line)))
        }
        other @ (NoEntry::Problem(_) | NoEntry::Unknown(_)) => other,
    }
}

async fn submit(town: &Town, key: ClientKey, command: Command) -> Result<Committed, NoEntry> {
    let submission = Submission { key: Some(OperationKey::Client(key)), command, evidence: None };
    answer::submit(town.engine(), submission).await.map_err(without_figures)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CodeBody {
    code: String,
}

#[derive(Serialize)]
struct LinkAnswer {
    link: String,
    /// Orders up to so many points need no confirmation.
    order_limit: Option<u64>,
}

/// A code that a holder brought becomes the link: the site's name for the holder in this town.
async fn exchange(
    State(town): State<Town>,
    Extension(desk): Extension<Arc<OrderDesk>>,
    request: Request,
) -> Result<Response, NoEntry> {
    let (site, body) = signed_body::<CodeBody>(&town, &desk, request).await?;
    let account = desk.redeem(&body.code, site, clock::monotonic());
    let account = account.ok_or(EdgeProblem::NotFound)?;
    let linked = answer::read(town.engine(), |ledger| link_of(ledger, &account, site)).await?;
    let linked = linked.ok_or(Refusal::SiteNotLinked)?;
    let order_limit = linked.standing.map(Points::get);
    Ok(Json(LinkAnswer { link: linked.link.to_string(), order_limit }).into_response())
}

/// A holder's link to a site.
pub(super) fn link_of(ledger: &Ledger, account: &AccountId, site: SiteId) -> Option<SiteLinked> {
    ledger.sites_of(account).find(|linked| linked.site == site).copied()
}

#[derive(Serialize)]
pub(super) struct HeldAnswer {
    pub(super) hold: String,
    pub(super) state: &'static str,
    pub(super) points: u64,
}

#[derive(Serialize)]
struct WaitingAnswer {
    status: &'static str,
    hold: String,
    /// Where the holder confirms.
    confirm: String,
    /// Where the site asks.
    ask: String,
    next_act: &'static str,
    next_act_en: &'static str,
}

/// Reserves points: at once within the link's limit, else when the holder has confirmed.
async fn hold(
    State(town): State<Town>,
    Extension(desk): Extension<Arc<OrderDesk>>,
    IdempotencyKey(key): IdempotencyKey,
    request: Request,
) -> Result<Response, NoEntry> {
    let (site, body) = signed_body::<HoldBody>(&town, &desk, request).await?;
    let signed = body.signed(town.id(), key, site)?;
    if let Some(committed) = held_before(&town, &signed).await.map_err(without_figures)? {
        return Ok(held(&committed, &signed));
    }
    let statement = &signed.statement;
    let (known, linked) = answer::read(town.engine(), |ledger| {
        let key = ledger.site(&site).map(|site| site.key);
        (key, ledger.site_link(site, &statement.link).copied())
    })
    .await?;
    let (known, linked) =
        (known.ok_or(Refusal::UnknownSite)?, linked.ok_or(Refusal::SiteNotLinked)?);
    known
        .verify(Domain::Hold, &codec::encode(statement), &signed.signature)
        .map_err(|_| EdgeProblem::BadSignature)?;
    if linked.standing.is_some_and(|limit| statement.points <= limit) {
        let reserved = Reserved { account: linked.account, consent: Consent::Standing };
        let command = Command::Hold(signed.clone(), reserved);
        let committed = submit(&town, key, command).await?;
        return Ok(held(&committed, &signed));
    }
    // What would be refused anyhow is not shown to the holder first.
    let consent = Consent::Confirmed(jichi_protocol::terms::Method::Password);
    let reserved = Reserved { account: linked.account, consent };
    let fits = answer::read(town.engine(), |ledger| ledger.preview_hold(statement, &reserved));
    fits.await?.map_err(|refusal| without_figures(refusal.into()))?;
    let id = statement.key.hold();
    desk.ask(linked.account, signed, clock::monotonic()).map_err(|_| EdgeProblem::Overloaded)?;
    let declined = desk.asked(&id, clock::monotonic()).is_some_and(|asked| asked.declined);
    let answer = WaitingAnswer {
        status: if declined { "declined" } else { "confirmation_needed" },
        hold: id.to_string(),
        confirm: format!("/orders/{id}"),
        ask: format!("/v1/holds/{id}"),
        next_act: "利用者に町の画面で注文の確認をしてもらい、その後に状態を確かめてください",
        next_act_en: "have the holder confirm the order at the town, then ask for its state",
    };
    Ok((StatusCode::ACCEPTED, Json(answer)).into_response())
}

fn held(committed: &Committed, signed: &SignedHold) -> Response {
    let statement = &signed.statement;
    let (hold, points) = (statement.key.hold().to_string(), statement.points.get());
    Done::over(committed, HeldAnswer { hold, state: "held", points }).into_response()
}

/// The first answer to the very same hold, whatever its consent was.
pub(super) async fn held_before(
    town: &Town,
    again: &SignedHold,
) -> Result<Option<Committed>, NoEntry> {
    let key = again.statement.key;
    let used = answer::read(town.engine(), |ledger| ledger.key_use(&key).copied()).await?;
    let Some(used) = used else { return Ok(None) };
    let first = town.engine().committed(used.entry).map_err(|_| EdgeProblem::Internal)?;
    if let Command::Hold(signed, _) = &first.entry.submission.command
        && signed == again
    {
        return answer::done(first).map(Some);
    }
    Err(Refusal::SameKeyOtherContent { first: used.entry }.into())
}

#[derive(Serialize)]
struct HoldView {
    hold: String,
    /// `waiting`, `declined`, `held`, `captured`, `released` or `returned`.
    state: &'static str,
    points: u64,
    refunded: u64,
    last_day: Option<String>,
    campaign: Option<String>,
    card_yen: u64,
}

impl HoldView {
    fn of(id: &HoldId, hold: &Hold) -> Self {
        let mut view = Self {
            hold: id.to_string(),
            state: "released",
            points: 0,
            refunded: 0,
            last_day: None,
            campaign: None,
            card_yen: 0,
        };
        match &hold.state {
            HoldState::Held(held) => {
                view.state = "held";
                view.points = held.points().get();
                view.last_day = Some(held.last_day.to_string());
                view.campaign = held.campaign.as_ref().map(ToString::to_string);
                view.card_yen = held.card_yen.get();
            }
            HoldState::Captured(captured) => {
                view.state = "captured";
                view.points = captured.points().get();
                view.refunded = captured.refunded.get();
                view.card_yen = captured.card_yen.get();
            }
            HoldState::Released => {}
            HoldState::Returned { last } => {
                view.state = "returned";
                view.last_day = Some(last.to_string());
            }
        }
        view
    }

    fn waiting(id: &HoldId, asked: &Asked) -> Self {
        let statement = &asked.signed.statement;
        Self {
            hold: id.to_string(),
            state: if asked.declined { "declined" } else { "waiting" },
            points: statement.points.get(),
            refunded: 0,
            last_day: Some(statement.last_day.to_string()),
            campaign: statement.campaign.as_ref().map(ToString::to_string),
            card_yen: statement.card_yen.get(),
        }
    }
}

/// How a hold stands, for the site that made it.
async fn hold_state(
    State(town): State<Town>,
    Extension(desk): Extension<Arc<OrderDesk>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, NoEntry> {
    let (site, _) = signed(&town, &desk, request).await?;
    let id: HoldId = id.parse().map_err(|_| EdgeProblem::NotFound)?;
    let hold = answer::read(town.engine(), |ledger| ledger.hold(&id).cloned()).await?;
    if let Some(hold) = hold.filter(|hold| hold.site == site) {
        return Ok(Json(HoldView::of(&id, &hold)).into_response());
    }
    let asked = desk.asked(&id, clock::monotonic());
    let own = asked.filter(|asked| asked.signed.statement.site == site);
    let asked = own.ok_or(Refusal::UnknownHold)?;
    Ok(Json(HoldView::waiting(&id, &asked)).into_response())
}

fn hold_id(text: &str) -> Result<HoldId, Problem> {
    text.parse().map_err(|_| Refusal::UnknownHold.into())
}

#[derive(Serialize)]
struct MovedAnswer {
    hold: String,
    /// Points that the shop got, or that were refunded.
    points: u64,
    /// Points that lapsed as they came back.
    lapsed: u64,
}

impl MovedAnswer {
    fn over(committed: &Committed, hold: HoldId, points: Points) -> Done<Self> {
        let lapsed = lapsed_in(&committed.entry.outcome).get();
        Done::over(committed, Self { hold: hold.to_string(), points: points.get(), lapsed })
    }
}

async fn capture(
    State(town): State<Town>,
    Extension(desk): Extension<Arc<OrderDesk>>,
    Path(id): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    request: Request,
) -> Result<Done<impl Serialize>, NoEntry> {
    let (site, body) = signed_body::<CaptureBody>(&town, &desk, request).await?;
    let hold = hold_id(&id)?;
    let signed = body.signed(town.id(), key, (site, hold))?;
    let points = signed.statement.points;
    let committed = submit(&town, key, Command::Capture(signed, Nothing {})).await?;
    Ok(MovedAnswer::over(&committed, hold, points))
}

async fn release(
    State(town): State<Town>,
    Extension(desk): Extension<Arc<OrderDesk>>,
    Path(id): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    request: Request,
) -> Result<Done<impl Serialize>, NoEntry> {
    let (site, body) = signed_body::<ReleaseBody>(&town, &desk, request).await?;
    let hold = hold_id(&id)?;
    let signed = body.signed(town.id(), key, (site, hold))?;
    let committed = submit(&town, key, Command::Release(signed, Nothing {})).await?;
    // What was still asked is no longer: the holder would confirm what finds itself released.
    desk.forget(&hold);
    Ok(MovedAnswer::over(&committed, hold, Points::ZERO))
}

async fn refund(
    State(town): State<Town>,
    Extension(desk): Extension<Arc<OrderDesk>>,
    Path(id): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    request: Request,
) -> Result<Done<impl Serialize>, NoEntry> {
    let (site, body) = signed_body::<RefundBody>(&town, &desk, request).await?;
    let hold = hold_id(&id)?;
    let signed = body.signed(town.id(), key, (site, hold))?;
    let points = signed.statement.points;
    let committed = submit(&town, key, Command::RefundCapture(signed, Nothing {})).await?;
    Ok(MovedAnswer::over(&committed, hold, points))
}

#[derive(Serialize)]
struct CampaignAnswer {
    campaign: String,
    outcome: &'static str,
}

async fn close(
    State(town): State<Town>,
    Extension(desk): Extension<Arc<OrderDesk>>,
    Path(id): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    request: Request,
) -> Result<Done<impl Serialize>, NoEntry> {
    let (site, body) = signed_body::<CloseBody>(&town, &desk, request).await?;
    let campaign = id.parse().map_err(|_| invalid("campaign"))?;
    let outcome = body.outcome.name();
    let signed = body.signed(town.id(), key, (site, campaign))?;
    let committed = submit(&town, key, Command::CloseCampaign(signed, Nothing {})).await?;
    Ok(Done::over(&committed, CampaignAnswer { campaign: id, outcome }))
}

#[derive(Serialize)]
struct OperationAnswer {
    kind: &'static str,
}

/// The result of an operation of this site by its key, for ever: what a 202 says to ask.
async fn operation(
    State(town): State<Town>,
    Extension(desk): Extension<Arc<OrderDesk>>,
    Path(key): Path<String>,
    request: Request,
) -> Result<Done<impl Serialize>, NoEntry> {
    let (site, _) = signed(&town, &desk, request).await?;
    let committed = find(&town, &key).await?;
    let own = match committed.entry.submission.command.basis() {
        Basis::Site(statement) => statement.site() == site,
        Basis::Till(_)
        | Basis::Company(_)
        | Basis::Peer(_)
        | Basis::Towns(_)
        | Basis::Directory(_)
        | Basis::Rule
        | Basis::Node => false,
    };
    if !own {
        return Err(EdgeProblem::NotFound.into());
    }
    let committed = answer::done(committed).map_err(without_figures)?;
    let kind = committed.entry.submission.command.kind_name();
    Ok(Done::over(&committed, OperationAnswer { kind }))
}
