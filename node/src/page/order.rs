//! The pages on which a holder links a site and confirms an order. The session's cookie does not
//! travel when another site leads here, so each page asks who it is by itself.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Extension, Form,
    extract::{
        ConnectInfo, Path, Query,
        rejection::{FormRejection, PathRejection, QueryRejection},
    },
    http::StatusCode,
    response::Response,
};
use jichi_protocol::{
    id::{HoldId, SiteId},
    key::ClientKey,
    points::Points,
    refusal::Refusal,
    text::{amount_input, grouped},
};
use serde::Deserialize;

use super::{
    html,
    visit::{Frame, Place, Visit},
    words::Day,
};
use crate::{
    api::{
        answer::{self, NoEntry},
        body::PasswordBody,
        order::desk::OrderDesk,
        problem::edge::EdgeProblem,
        resident, site,
    },
    clock,
};

/// The longest word that a site gives its customer to bring back.
const STATE_MAX: usize = 128;

#[derive(askama::Template)]
#[template(path = "link.html")]
struct LinkPage {
    frame: Frame,
    site: u32,
    name: String,
    state: String,
    /// A new operation key, made for this form: sent twice, it is done once.
    key: String,
}

#[derive(askama::Template)]
#[template(path = "linked.html")]
struct LinkedPage {
    frame: Frame,
    name: String,
    /// Where the holder goes on, with the code.
    address: String,
}

#[derive(askama::Template)]
#[template(path = "order.html")]
struct OrderPage {
    frame: Frame,
    hold: String,
    name: String,
    points: u64,
    points_shown: String,
    total: String,
    card: String,
    last_day: Day,
    campaign: Option<String>,
}

#[derive(askama::Template)]
#[template(path = "ordered.html")]
struct OrderedPage {
    frame: Frame,
    /// The points that are reserved; none if the holder said no.
    points: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LinkQuery {
    site: u32,
    state: Option<String>,
}

/// Letters, digits, dash and underscore: what a site gives is brought back as it is.
fn plain(state: Option<String>) -> Result<String, NoEntry> {
    let state = state.unwrap_or_default();
    let fits = state.len() <= STATE_MAX
        && state.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if fits { Ok(state) } else { Err(EdgeProblem::InvalidValue.into()) }
}

/// Asks the holder whether a site may be linked.
pub(super) async fn link(
    visit: Visit,
    query: Result<Query<LinkQuery>, QueryRejection>,
) -> Response {
    let page = link_page(&visit, query).await;
    visit.answer(page)
}

async fn link_page(
    visit: &Visit,
    query: Result<Query<LinkQuery>, QueryRejection>,
) -> Result<Response, NoEntry> {
    let Query(query) = query.map_err(|_| EdgeProblem::InvalidValue)?;
    let id = SiteId(query.site);
    let name = answer::read(visit.town.engine(), |ledger| {
        ledger.site(&id).map(|site| site.name.to_string())
    });
    let page = LinkPage {
        frame: visit.frame(Place::Front),
        site: query.site,
        name: name.await?.ok_or(Refusal::UnknownSite)?,
        state: plain(query.state)?,
        key: new_key()?.to_string(),
    };
    Ok(html(StatusCode::OK, &page))
}

fn new_key() -> Result<ClientKey, EdgeProblem> {
    let mut random = [0_u8; 10];
    getrandom::fill(&mut random).map_err(|_| EdgeProblem::Internal)?;
    Ok(ClientKey::of(clock::now(), random))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LinkForm {
    site: u32,
    state: String,
    key: String,
    mykey_id: String,
    password: PasswordBody,
    /// Empty where each order is to be confirmed.
    order_limit: String,
}

/// Links the site, and leads back to it with a code.
pub(super) async fn linked(
    visit: Visit,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    Extension(desk): Extension<Arc<OrderDesk>>,
    form: Result<Form<LinkForm>, FormRejection>,
) -> Response {
    let page = linked_page(&visit, address, &desk, form).await;
    visit.answer(page)
}

async fn linked_page(
    visit: &Visit,
    from: SocketAddr,
    desk: &OrderDesk,
    form: Result<Form<LinkForm>, FormRejection>,
) -> Result<Response, NoEntry> {
    visit.came_from_here()?;
    let Form(form) = form.map_err(|_| EdgeProblem::InvalidValue)?;
    let state = plain(Some(form.state))?;
    let standing = match form.order_limit.trim() {
        "" => None,
        typed => Some(amount_input(typed).map_err(|_| resident::invalid("order_limit"))?),
    };
    let key: ClientKey = form.key.parse().map_err(|_| EdgeProblem::InvalidValue)?;
    let id = SiteId(form.site);
    let account =
        resident::sign_in(&visit.town, &form.mykey_id, form.password.0, from.ip()).await?;
    let (_, code, address) = site::linked(&visit.town, desk, (account, id), standing, key).await?;
    let name = answer::read(visit.town.engine(), |ledger| {
        ledger.site(&id).map(|site| site.name.to_string()).unwrap_or_default()
    });
    let joined = if address.contains('?') { '&' } else { '?' };
    let page = LinkedPage {
        frame: visit.frame(Place::Front),
        name: name.await?,
        address: format!("{address}{joined}code={code}&state={state}"),
    };
    Ok(html(StatusCode::OK, &page))
}

/// Shows an order that waits for its holder.
pub(super) async fn order(
    visit: Visit,
    Extension(desk): Extension<Arc<OrderDesk>>,
    hold: Result<Path<String>, PathRejection>,
) -> Response {
    let page = order_page(&visit, &desk, hold).await;
    visit.answer(page)
}

fn hold_of(hold: Result<Path<String>, PathRejection>) -> Result<HoldId, NoEntry> {
    let Path(hold) = hold.map_err(|_| EdgeProblem::NotFound)?;
    hold.parse().map_err(|_| EdgeProblem::NotFound.into())
}

async fn order_page(
    visit: &Visit,
    desk: &OrderDesk,
    hold: Result<Path<String>, PathRejection>,
) -> Result<Response, NoEntry> {
    let id = hold_of(hold)?;
    let asked = desk.asked(&id, clock::monotonic()).filter(|asked| !asked.declined);
    let asked = asked.ok_or(Refusal::UnknownHold)?;
    let statement = asked.signed.statement;
    let name = answer::read(visit.town.engine(), |ledger| {
        ledger.site(&statement.site).map(|site| site.name.to_string()).unwrap_or_default()
    });
    let page = OrderPage {
        frame: visit.frame(Place::Front),
        hold: id.to_string(),
        name: name.await?,
        points: statement.points.get(),
        points_shown: grouped(statement.points.get()),
        total: grouped(statement.total_yen.get()),
        card: grouped(statement.card_yen.get()),
        last_day: Day::of(statement.last_day),
        campaign: statement.campaign.map(|campaign| campaign.to_string()),
    };
    Ok(html(StatusCode::OK, &page))
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    Confirm,
    Decline,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OrderForm {
    said: Said,
    /// The amount that was shown.
    points: u64,
    mykey_id: String,
    password: PasswordBody,
}

/// The holder confirms an order, or says no.
pub(super) async fn ordered(
    visit: Visit,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    Extension(desk): Extension<Arc<OrderDesk>>,
    hold: Result<Path<String>, PathRejection>,
    form: Result<Form<OrderForm>, FormRejection>,
) -> Response {
    let page = ordered_page(&visit, address, &desk, hold, form).await;
    visit.answer(page)
}

async fn ordered_page(
    visit: &Visit,
    from: SocketAddr,
    desk: &OrderDesk,
    hold: Result<Path<String>, PathRejection>,
    form: Result<Form<OrderForm>, FormRejection>,
) -> Result<Response, NoEntry> {
    visit.came_from_here()?;
    let id = hold_of(hold)?;
    let Form(form) = form.map_err(|_| EdgeProblem::InvalidValue)?;
    let account =
        resident::sign_in(&visit.town, &form.mykey_id, form.password.0, from.ip()).await?;
    let points = match form.said {
        Said::Confirm => {
            let seen = Points::new(form.points).ok_or(EdgeProblem::NumberOutOfRange)?;
            site::confirmed(&visit.town, desk, account, &id, seen).await?;
            Some(grouped(form.points))
        }
        Said::Decline if desk.decline(&id, &account) => None,
        Said::Decline => return Err(Refusal::UnknownHold.into()),
    };
    let page = OrderedPage { frame: visit.frame(Place::Front), points };
    Ok(html(StatusCode::OK, &page))
}
