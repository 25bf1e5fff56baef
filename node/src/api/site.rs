//! Sites as officers set them, and as holders link them and confirm their orders.

use std::sync::Arc;

use axum::{
    Extension, Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use jichi_protocol::{
    command::{
        Command, Consent, InUse, Nothing, Reserved, SiteKind, SiteLink, SiteSetting, SiteUnlink,
    },
    entry::Submission,
    id::{AccountId, HoldId, LinkId, MerchantId, SiteId},
    key::{ClientKey, OperationKey},
    ledger::Ledger,
    order::CampaignId,
    points::Points,
    refusal::Refusal,
    terms::Method,
};
use serde::{Deserialize, Serialize};

use super::{
    answer::{self, Done, NoEntry},
    body::{StrictJson, TextBody},
    caller::{Officer, Resident},
    idempotency::IdempotencyKey,
    officer::{by, label},
    order::{
        HeldAnswer,
        desk::{Asked, CODE_WAITS, OrderDesk},
        held_before, link_of,
    },
    payment::points,
    problem::{Problem, edge::EdgeProblem},
    resident::invalid,
};
use crate::{clock, engine::Committed, staff::Role, town::Town};

/// The routes of holders, on the public listener.
pub fn routes() -> Router<Town> {
    Router::new()
        .route("/v1/me/sites", get(own_sites).post(link))
        .route("/v1/me/sites/{site}/end", post(unlink))
        .route("/v1/me/orders", get(orders))
        .route("/v1/me/orders/{id}/confirm", post(confirm))
        .route("/v1/me/orders/{id}/decline", post(decline))
}

/// The routes of officers.
pub fn staff_routes() -> Router<Town> {
    Router::new().route("/v1/sites", post(set_site).get(sites))
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum KindBody {
    Shop,
    Crowdfunding,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum StateBody {
    Active,
    Suspended,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SiteBody {
    site: u32,
    name: TextBody,
    kind: KindBody,
    merchant: u32,
    public_key: String,
    state: StateBody,
    hold_days: u32,
    address: String,
}

async fn set_site(
    State(town): State<Town>,
    Officer(officer): Officer,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<SiteBody>,
) -> Result<Done<answer::Nothing>, NoEntry> {
    let officer = officer.require(Role::MerchantOfficer)?;
    if !body.address.starts_with("https://") && !body.address.starts_with("http://127.0.0.1") {
        return Err(invalid("address").into());
    }
    let setting = SiteSetting {
        site: SiteId(body.site),
        name: label(&body.name)?,
        kind: match body.kind {
            KindBody::Shop => SiteKind::Shop,
            KindBody::Crowdfunding => SiteKind::Crowdfunding,
        },
        merchant: MerchantId(body.merchant),
        key: body.public_key.parse().map_err(|_| invalid("public_key"))?,
        state: match body.state {
            StateBody::Active => InUse::Active,
            StateBody::Suspended => InUse::Suspended,
        },
        hold_days: body.hold_days,
        address: body.address.parse().map_err(|_| invalid("address"))?,
    };
    let committed = submit(&town, key, Command::SetSite(setting, by(officer))).await?;
    Ok(Done::over(&committed, answer::Nothing {}))
}

async fn submit(town: &Town, key: ClientKey, command: Command) -> Result<Committed, NoEntry> {
    let submission = Submission { key: Some(OperationKey::Client(key)), command, evidence: None };
    answer::submit(town.engine(), submission).await
}

#[derive(Serialize)]
struct SiteView {
    site: u32,
    name: String,
    kind: &'static str,
    merchant: u32,
    state: &'static str,
    hold_days: u32,
    address: String,
}

async fn sites(State(town): State<Town>, Officer(officer): Officer) -> Result<Response, NoEntry> {
    officer.require(Role::MerchantOfficer)?;
    let view = |site: &SiteSetting| SiteView {
        site: site.site.0,
        name: site.name.to_string(),
        kind: match site.kind {
            SiteKind::Shop => "shop",
            SiteKind::Crowdfunding => "crowdfunding",
        },
        merchant: site.merchant.0,
        state: match site.state {
            InUse::Active => "active",
            InUse::Suspended => "suspended",
        },
        hold_days: site.hold_days,
        address: site.address.to_string(),
    };
    let sites =
        answer::read(town.engine(), |ledger| ledger.sites().map(view).collect::<Vec<_>>()).await?;
    Ok(Json(sites).into_response())
}

#[derive(Serialize)]
struct LinkedView {
    site: u32,
    name: String,
    order_limit: Option<u64>,
}

async fn own_sites(
    State(town): State<Town>,
    Resident(account): Resident,
) -> Result<Response, NoEntry> {
    let linked = answer::read(town.engine(), |ledger| {
        let view = |linked: &jichi_protocol::ledger::SiteLinked| LinkedView {
            site: linked.site.0,
            name: site_name(ledger, linked.site),
            order_limit: linked.standing.map(Points::get),
        };
        ledger.sites_of(&account).map(view).collect::<Vec<_>>()
    });
    Ok(Json(linked.await?).into_response())
}

fn site_name(ledger: &Ledger, site: SiteId) -> String {
    ledger.site(&site).map(|site| site.name.to_string()).unwrap_or_default()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LinkBody {
    site: u32,
    order_limit: Option<u64>,
}

#[derive(Serialize)]
struct CodeAnswer {
    /// Only the site can turn it into the link, once.
    code: String,
    valid_seconds: u64,
    /// Where the holder takes it.
    address: String,
}

async fn link(
    State(town): State<Town>,
    Extension(desk): Extension<Arc<OrderDesk>>,
    Resident(account): Resident,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<LinkBody>,
) -> Result<Done<impl Serialize>, NoEntry> {
    let standing = body.order_limit.map(points).transpose()?;
    let (committed, code, address) =
        linked(&town, &desk, (account, SiteId(body.site)), standing, key).await?;
    let valid_seconds = CODE_WAITS.as_secs();
    Ok(Done::over(&committed, CodeAnswer { code, valid_seconds, address }))
}

/// Links a site; a link that is there keeps its name and changes its limit.
pub(crate) async fn linked(
    town: &Town,
    desk: &OrderDesk,
    (account, site): (AccountId, SiteId),
    standing: Option<Points>,
    key: ClientKey,
) -> Result<(Committed, String, String), NoEntry> {
    let (former, address) = answer::read(town.engine(), |ledger| {
        let address = ledger.site(&site).map(|site| site.address.to_string());
        (link_of(ledger, &account, site), address)
    })
    .await?;
    let address = address.ok_or(Refusal::UnknownSite)?;
    let fresh = || LinkId::derived("jichi/site-link-id/v1", key.bytes());
    let link = former.map_or_else(fresh, |former| former.link);
    let command = Command::LinkSite(Nothing {}, SiteLink { account, site, link, standing });
    let committed = submit(town, key, command).await?;
    let code = desk.code(account, site, clock::monotonic()).map_err(|_| EdgeProblem::Internal)?;
    Ok((committed, code, address))
}

async fn unlink(
    State(town): State<Town>,
    Resident(account): Resident,
    Path(site): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
) -> Result<Done<answer::Nothing>, NoEntry> {
    let site = site.parse().map_err(|_| EdgeProblem::NotFound)?;
    let command = Command::UnlinkSite(Nothing {}, SiteUnlink { account, site });
    let committed = submit(&town, key, command).await?;
    Ok(Done::over(&committed, answer::Nothing {}))
}

/// An order as its holder sees it.
#[derive(Serialize)]
pub(crate) struct OrderView {
    pub(crate) hold: String,
    pub(crate) site: u32,
    pub(crate) name: String,
    pub(crate) points: u64,
    pub(crate) total_yen: u64,
    pub(crate) card_yen: u64,
    pub(crate) last_day: String,
    pub(crate) campaign: Option<String>,
}

impl OrderView {
    pub(crate) fn waiting(ledger: &Ledger, id: &HoldId, asked: &Asked) -> Self {
        let statement = &asked.signed.statement;
        Self {
            hold: id.to_string(),
            site: statement.site.0,
            name: site_name(ledger, statement.site),
            points: statement.points.get(),
            total_yen: statement.total_yen.get(),
            card_yen: statement.card_yen.get(),
            last_day: statement.last_day.to_string(),
            campaign: statement.campaign.as_ref().map(CampaignId::to_string),
        }
    }
}

#[derive(Serialize)]
struct OrdersAnswer {
    waiting: Vec<OrderView>,
    held: Vec<OrderView>,
}

async fn orders(
    State(town): State<Town>,
    Extension(desk): Extension<Arc<OrderDesk>>,
    Resident(account): Resident,
) -> Result<Response, NoEntry> {
    let waiting = desk.waiting_for(&account, clock::monotonic());
    let answer = answer::read(town.engine(), |ledger| {
        let held = ledger.held_of(&account).map(|(id, site, held)| OrderView {
            hold: id.to_string(),
            site: site.0,
            name: site_name(ledger, site),
            points: held.points().get(),
            total_yen: held.total_yen.get(),
            card_yen: held.card_yen.get(),
            last_day: held.last_day.to_string(),
            campaign: held.campaign.as_ref().map(CampaignId::to_string),
        });
        OrdersAnswer {
            held: held.collect(),
            waiting: waiting.iter().map(|(id, it)| OrderView::waiting(ledger, id, it)).collect(),
        }
    });
    Ok(Json(answer.await?).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfirmBody {
    /// The amount that the holder saw.
    points: u64,
}

async fn confirm(
    State(town): State<Town>,
    Extension(desk): Extension<Arc<OrderDesk>>,
    Resident(account): Resident,
    Path(id): Path<String>,
    StrictJson(body): StrictJson<ConfirmBody>,
) -> Result<Done<impl Serialize>, NoEntry> {
    let id: HoldId = id.parse().map_err(|_| EdgeProblem::NotFound)?;
    let committed = confirmed(&town, &desk, account, &id, points(body.points)?).await?;
    let answer = HeldAnswer { hold: id.to_string(), state: "held", points: body.points };
    Ok(Done::over(&committed, answer))
}

/// The holder confirms an order of this amount.
pub(crate) async fn confirmed(
    town: &Town,
    desk: &OrderDesk,
    account: AccountId,
    id: &HoldId,
    seen: Points,
) -> Result<Committed, NoEntry> {
    let asked = desk.asked(id, clock::monotonic());
    let own = asked.filter(|asked| asked.account == account && !asked.declined);
    let asked = own.ok_or(Refusal::UnknownHold)?;
    let statement = &asked.signed.statement;
    if statement.points != seen {
        return Err(Problem::from(EdgeProblem::InvalidValue).in_field("points").into());
    }
    let key = statement.key;
    if let Some(committed) = held_before(town, &asked.signed).await? {
        return Ok(committed);
    }
    let evidence = format!("session;hold={id};points={};time={}", seen.get(), clock::now());
    // Durable in the vault before anything can be decided on it.
    let evidence = town.people().evidence(account, evidence.as_bytes()).await;
    let evidence = evidence.map_err(|_| EdgeProblem::StorageFull)?;
    let reserved = Reserved { account, consent: Consent::Confirmed(Method::Password) };
    let submission = Submission {
        key: Some(OperationKey::Client(key)),
        command: Command::Hold(asked.signed, reserved),
        evidence: Some(evidence),
    };
    answer::submit(town.engine(), submission).await
}

async fn decline(
    Extension(desk): Extension<Arc<OrderDesk>>,
    Resident(account): Resident,
    Path(id): Path<String>,
) -> Result<StatusCode, NoEntry> {
    let id: HoldId = id.parse().map_err(|_| EdgeProblem::NotFound)?;
    if desk.decline(&id, &account) {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Refusal::UnknownHold.into())
    }
}
