//! Where points can be spent in other towns: the towns whose lists are held, and a town's shops.

use axum::{
    Extension,
    extract::{Path, Query, rejection::QueryRejection},
    http::StatusCode,
    response::Response,
};
use jichi_protocol::{
    directory::Member,
    id::{MerchantId, TownId},
    public_list::{ListKind, ListName},
};
use serde::Deserialize;

use super::{
    html,
    visit::{Frame, Place, Visit},
};
use crate::{
    api::{
        answer::{self, NoEntry},
        problem::{edge::EdgeProblem, list::ListProblem},
        town_list::{PAGE_SHOPS, Standing, edition, shop_list, takes_ours, towns_with_lists},
    },
    documents::list::{ListText, ListedShop, ShopKind},
    federation::lists::OwnLists,
};

struct TownLine {
    code: String,
    ja: String,
    en: String,
    agreement: bool,
}

#[derive(askama::Template)]
#[template(path = "towns.html")]
struct TownsPage {
    frame: Frame,
    towns: Vec<TownLine>,
}

/// The towns whose shops are listed.
pub(super) async fn towns(visit: Visit, Extension(lists): Extension<OwnLists>) -> Response {
    let page = towns_page(&visit, &lists).await;
    visit.answer(page)
}

async fn towns_page(visit: &Visit, lists: &OwnLists) -> Result<Response, NoEntry> {
    let own = visit.town.id();
    let others: Vec<TownId> =
        towns_with_lists(lists).into_iter().filter(|town| *town != own).collect();
    let towns = answer::read(visit.town.engine(), |ledger| {
        let line = |town: &TownId| {
            let (ja, en) = names(ledger.member(town), *town);
            TownLine { code: town.to_string(), ja, en, agreement: ledger.agrees_today(town) }
        };
        others.iter().map(line).collect::<Vec<_>>()
    });
    let page = TownsPage { frame: visit.frame(Place::Towns), towns: towns.await? };
    Ok(html(StatusCode::OK, &page))
}

fn names(member: Option<&Member>, town: TownId) -> (String, String) {
    member.map_or_else(
        || (town.to_string(), town.to_string()),
        |member| (member.name_ja.to_string(), member.name_en.to_string()),
    )
}

struct ShopLine {
    number: u32,
    name: String,
    name_en: Option<String>,
    kind: Option<(&'static str, &'static str)>,
    area: Option<String>,
    address: Option<String>,
    takes_ours: bool,
}

#[derive(askama::Template)]
#[template(path = "town.html")]
struct TownPage {
    frame: Frame,
    code: String,
    ja: String,
    en: String,
    standing: Standing,
    shops: Vec<ShopLine>,
    next: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PageQuery {
    after: Option<u32>,
}

/// A town's shops.
pub(super) async fn town(
    visit: Visit,
    Extension(lists): Extension<OwnLists>,
    Path(code): Path<String>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Response {
    let page = match query {
        Ok(Query(query)) => town_page(&visit, &lists, &code, query.after).await,
        Err(_) => Err(EdgeProblem::InvalidValue.into()),
    };
    visit.answer(page)
}

async fn town_page(
    visit: &Visit,
    lists: &OwnLists,
    code: &str,
    after: Option<u32>,
) -> Result<Response, NoEntry> {
    let town: TownId = code.parse().map_err(|_| ListProblem::UnknownTown)?;
    let name = ListName { town, kind: ListKind::Shops };
    let (standing, edition) = edition((&visit.town, lists), name).await?;
    let list = shop_list(&edition)?;
    let (shops, next) = list.page(after.map(MerchantId), PAGE_SHOPS);
    let own = visit.town.id();
    let (shops, (ja, en)) = answer::read(visit.town.engine(), |ledger| {
        let line = |shop: &ListedShop| line(shop, takes_ours(own, ledger, town, shop.merchant));
        let shops: Vec<ShopLine> = shops.iter().map(line).collect();
        (shops, names(ledger.member(&town), town))
    })
    .await?;
    let next = next.map(|shop| shop.0);
    let frame = visit.frame(Place::Towns);
    let page = TownPage { frame, code: town.to_string(), ja, en, standing, shops, next };
    Ok(html(StatusCode::OK, &page))
}

fn line(shop: &ListedShop, takes_ours: bool) -> ShopLine {
    let text = |text: &Option<ListText>| text.as_ref().map(|text| text.as_str().to_owned());
    ShopLine {
        number: shop.merchant.0,
        name: shop.name.to_string(),
        name_en: text(&shop.details.name_en),
        kind: shop.details.kind.map(ShopKind::words),
        area: text(&shop.details.area),
        address: text(&shop.details.address),
        takes_ours,
    }
}
