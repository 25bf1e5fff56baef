//! Towns' public lists: where points can be spent, where a library card can be linked. For
//! everybody; officers tell what their own list says of a shop, or merge a copy edited elsewhere.

use std::sync::Arc;

use axum::{
    Extension, Json, Router,
    body::Bytes,
    extract::{Path, Query, State},
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use jichi_protocol::{
    id::{MerchantId, TownId},
    ledger::Ledger,
    public_list::{ListKind, ListName, SignedListStatement},
};
use serde::{Deserialize, Serialize};

use super::{
    answer::{self, NoEntry},
    body::{StrictJson, TextBody},
    caller::Officer,
    problem::{Problem, edge::EdgeProblem, list::ListProblem},
    resident::invalid,
};
use crate::{
    clock,
    documents::list::{
        InstitutionList, ListText, ListedShop, Listing, OwnLibrary, ShopDetails, ShopKind,
        ShopList,
        author::NotMerged,
        store::{ListEdition, NotPut},
    },
    federation::lists::{NotWritten, OwnLists},
    staff::Role,
    town::Town,
};

/// Shops of a page.
pub(crate) const PAGE_SHOPS: usize = 100;

/// The routes for everybody.
pub fn routes() -> Router<Town> {
    Router::new()
        .route("/v1/towns", get(towns))
        .route("/v1/towns/{town}/shops", get(shops))
        .route("/v1/towns/{town}/institutions", get(institutions))
        .route("/v1/towns/{town}/lists/{kind}/statement", get(statement))
        .route("/v1/towns/{town}/lists/{kind}/document", get(document))
}

/// The routes of officers.
pub fn staff_routes() -> Router<Town> {
    Router::new()
        .route("/v1/merchants/{merchant}/listing", post(tell))
        .route("/v1/lists/shops/document", get(own_document))
        .route("/v1/lists/shops/merge", post(merge))
}

/// How a list stands, in every answer out of it.
#[derive(Serialize)]
pub(crate) struct Standing {
    pub(crate) town: String,
    pub(crate) version: u64,
    pub(crate) issued: String,
    pub(crate) valid_until: String,
    /// Past its validity: what it says may have changed since.
    pub(crate) stale: bool,
    /// Its town signed two lists of one version: nothing newer is taken until that is settled.
    pub(crate) frozen: bool,
}

impl Standing {
    fn of(lists: &OwnLists, signed: &SignedListStatement) -> Self {
        let said = signed.statement();
        Self {
            town: said.list.town.to_string(),
            version: said.version.0,
            issued: said.issued.to_string(),
            valid_until: said.valid_until.to_string(),
            stale: said.is_stale(clock::now()),
            frozen: lists.lists().is_frozen(said.list),
        }
    }
}

/// A list as it is held, of a town of the directory or the own one.
pub(crate) async fn edition(
    (town, lists): (&Town, &OwnLists),
    name: ListName,
) -> Result<(Standing, Arc<ListEdition>), NoEntry> {
    let key = if name.town == town.id() {
        None
    } else {
        let member = |ledger: &Ledger| ledger.member(&name.town).map(|member| member.channel_key);
        Some(answer::read(town.engine(), member).await?.ok_or(ListProblem::UnknownTown)?)
    };
    let of = lists.clone();
    // A document may have to be read from the disk.
    let read = tokio::task::spawn_blocking(move || of.lists().edition(name)).await;
    let edition = read.map_err(|_| EdgeProblem::Internal)?.ok_or(ListProblem::NotHeld)?;
    // The files lie on the disk, and the town may have another key by now.
    if key.is_some_and(|key| edition.statement().verify(&key).is_err()) {
        return Err(ListProblem::NotHeld.into());
    }
    Ok((Standing::of(lists, edition.statement()), edition))
}

/// The list of shops of a town.
pub(crate) fn shop_list(edition: &ListEdition) -> Result<&ShopList, EdgeProblem> {
    match edition.listing() {
        Listing::Shops(list) => Ok(list),
        Listing::Institutions(_) => Err(EdgeProblem::Internal),
    }
}

fn institution_list(edition: &ListEdition) -> Result<&InstitutionList, EdgeProblem> {
    match edition.listing() {
        Listing::Institutions(list) => Ok(list),
        Listing::Shops(_) => Err(EdgeProblem::Internal),
    }
}

/// Whether holders of this town may pay at a shop, own or another town's.
pub(crate) fn takes_ours(own: TownId, ledger: &Ledger, town: TownId, shop: MerchantId) -> bool {
    town == own || ledger.may_pay_at(&town, shop)
}

fn town_of(text: &str) -> Result<TownId, NoEntry> {
    text.parse().map_err(|_| ListProblem::UnknownTown.into())
}

#[derive(Serialize)]
struct TownView {
    town: String,
    /// Whether points move between that town and this one today.
    agreement: bool,
    lists: Vec<ListView>,
}

#[derive(Serialize)]
struct ListView {
    kind: &'static str,
    #[serde(flatten)]
    standing: Standing,
}

/// Every town of which a list is held, in order.
async fn towns(
    State(town): State<Town>,
    Extension(lists): Extension<OwnLists>,
) -> Result<Json<Vec<TownView>>, NoEntry> {
    let names: Vec<TownId> = towns_with_lists(&lists);
    let agree = answer::read(town.engine(), |ledger| {
        names.iter().map(|name| ledger.agrees_today(name)).collect::<Vec<_>>()
    });
    let views = names.iter().zip(agree.await?).map(|(name, agreement)| TownView {
        town: name.to_string(),
        agreement,
        lists: ListKind::ALL
            .into_iter()
            .filter_map(|kind| {
                let signed = lists.lists().statement(ListName { town: *name, kind })?;
                Some(ListView { kind: kind.name(), standing: Standing::of(&lists, &signed) })
            })
            .collect(),
    });
    Ok(Json(views.collect()))
}

/// The towns of which a list is held, in order.
pub(crate) fn towns_with_lists(lists: &OwnLists) -> Vec<TownId> {
    let mut names = lists.lists().towns();
    names.dedup();
    names
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PageQuery {
    /// The number behind which the page begins, as `next` of the page before says it.
    after: Option<u32>,
}

#[derive(Serialize)]
struct ShopsAnswer {
    #[serde(flatten)]
    standing: Standing,
    shops: Vec<ShopView>,
    /// Where the next page begins; none if there is none.
    next: Option<u32>,
}

#[derive(Serialize)]
struct ShopView {
    merchant: u32,
    name: String,
    name_en: Option<String>,
    kind: Option<&'static str>,
    area: Option<String>,
    address: Option<String>,
    /// Whether holders of the town that answers may pay here today.
    takes_ours: bool,
}

async fn shops(
    State(town): State<Town>,
    Extension(lists): Extension<OwnLists>,
    Path(of): Path<String>,
    Query(page): Query<PageQuery>,
) -> Result<Json<ShopsAnswer>, NoEntry> {
    let name = ListName { town: town_of(&of)?, kind: ListKind::Shops };
    let (standing, edition) = edition((&town, &lists), name).await?;
    let list = shop_list(&edition)?;
    let (shops, next) = list.page(page.after.map(MerchantId), PAGE_SHOPS);
    let own = town.id();
    let shops = answer::read(town.engine(), |ledger| {
        let view = |shop: &ListedShop| {
            ShopView::of(shop, takes_ours(own, ledger, list.town, shop.merchant))
        };
        shops.iter().map(view).collect()
    });
    Ok(Json(ShopsAnswer { standing, shops: shops.await?, next: next.map(|shop| shop.0) }))
}

impl ShopView {
    fn of(shop: &ListedShop, takes_ours: bool) -> Self {
        let text = |text: &Option<ListText>| text.as_ref().map(|text| text.as_str().to_owned());
        Self {
            merchant: shop.merchant.0,
            name: shop.name.to_string(),
            name_en: text(&shop.details.name_en),
            kind: shop.details.kind.map(ShopKind::name),
            area: text(&shop.details.area),
            address: text(&shop.details.address),
            takes_ours,
        }
    }
}

#[derive(Serialize)]
struct InstitutionsAnswer {
    #[serde(flatten)]
    standing: Standing,
    institutions: Vec<InstitutionView>,
    endpoints: Vec<String>,
    /// Whether a card of this town's own library can be linked.
    library: bool,
}

#[derive(Serialize)]
struct InstitutionView {
    code: String,
    name_ja: String,
    name_en: String,
    kind: &'static str,
}

async fn institutions(
    State(town): State<Town>,
    Extension(lists): Extension<OwnLists>,
    Path(of): Path<String>,
) -> Result<Json<InstitutionsAnswer>, NoEntry> {
    let name = ListName { town: town_of(&of)?, kind: ListKind::Institutions };
    let (standing, edition) = edition((&town, &lists), name).await?;
    let list = institution_list(&edition)?;
    let view = |body: &crate::documents::list::ListedInstitution| InstitutionView {
        code: body.code.to_string(),
        name_ja: body.name_ja.to_string(),
        name_en: body.name_en.to_string(),
        kind: body.kind.name(),
    };
    Ok(Json(InstitutionsAnswer {
        standing,
        institutions: list.institutions.iter().map(view).collect(),
        endpoints: list.endpoints.iter().map(|at| at.as_str().to_owned()).collect(),
        library: matches!(list.library, OwnLibrary::TakesCards),
    }))
}

const OCTETS: &str = "application/octet-stream";

/// The signed statement, as CBOR: who does not believe this node checks it.
async fn statement(
    State(town): State<Town>,
    Extension(lists): Extension<OwnLists>,
    Path((of, kind)): Path<(String, String)>,
) -> Result<Response, NoEntry> {
    let edition = named((&town, &lists), &of, &kind).await?;
    let bytes = jichi_protocol::codec::encode(edition.statement());
    Ok(([(header::CONTENT_TYPE, OCTETS)], bytes).into_response())
}

/// The document: its changes one behind the other, which automerge loads too.
async fn document(
    State(town): State<Town>,
    Extension(lists): Extension<OwnLists>,
    Path((of, kind)): Path<(String, String)>,
) -> Result<Response, NoEntry> {
    let edition = named((&town, &lists), &of, &kind).await?;
    Ok(([(header::CONTENT_TYPE, OCTETS)], edition.history().to_bytes()).into_response())
}

/// A copy of the own list's document, to be edited elsewhere.
async fn own_document(
    State(town): State<Town>,
    Officer(officer): Officer,
    Extension(lists): Extension<OwnLists>,
) -> Result<Response, NoEntry> {
    officer.require(Role::MerchantOfficer)?;
    let name = ListName { town: town.id(), kind: ListKind::Shops };
    let (_, edition) = edition((&town, &lists), name).await?;
    Ok(([(header::CONTENT_TYPE, OCTETS)], edition.history().to_bytes()).into_response())
}

async fn named(at: (&Town, &OwnLists), of: &str, kind: &str) -> Result<Arc<ListEdition>, NoEntry> {
    let kind: ListKind = kind.parse().map_err(|_| EdgeProblem::NotFound)?;
    let name = ListName { town: town_of(of)?, kind };
    edition(at, name).await.map(|(_, edition)| edition)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DetailsBody {
    name_en: Option<TextBody>,
    kind: Option<String>,
    area: Option<TextBody>,
    address: Option<TextBody>,
}

impl DetailsBody {
    fn details(&self) -> Result<ShopDetails, Problem> {
        let text = |body: &Option<TextBody>, field| {
            let parse = |body: &TextBody| body.0.as_str().parse().map_err(|_| invalid(field));
            body.as_ref().map(parse).transpose()
        };
        let kind = self.kind.as_deref().map(|kind| kind.parse().map_err(|_| invalid("kind")));
        Ok(ShopDetails {
            name_en: text(&self.name_en, "name_en")?,
            kind: kind.transpose()?,
            area: text(&self.area, "area")?,
            address: text(&self.address, "address")?,
        })
    }
}

/// Tells what the list says of a shop besides its name; what is left out is no longer said.
async fn tell(
    Officer(officer): Officer,
    Extension(lists): Extension<OwnLists>,
    Path(shop): Path<u32>,
    StrictJson(body): StrictJson<DetailsBody>,
) -> Result<StatusCode, NoEntry> {
    let officer = officer.require(Role::MerchantOfficer)?;
    lists.tell(MerchantId(shop), body.details()?).await.map_err(problem)?;
    tracing::info!(%officer, shop, "the public list tells something else of a shop");
    Ok(StatusCode::NO_CONTENT)
}

/// Merges a copy of the list's document that was edited elsewhere.
async fn merge(
    Officer(officer): Officer,
    Extension(lists): Extension<OwnLists>,
    copy: Bytes,
) -> Result<StatusCode, NoEntry> {
    let officer = officer.require(Role::MerchantOfficer)?;
    lists.merge(copy.to_vec()).await.map_err(problem)?;
    tracing::info!(%officer, "a copy of the public list of shops was merged");
    Ok(StatusCode::NO_CONTENT)
}

fn problem(fault: NotWritten) -> NoEntry {
    match fault {
        NotWritten::Books(not_taken) => answer::not_taken_as(not_taken, None),
        NotWritten::NoShop => ListProblem::UnknownShop.into(),
        NotWritten::NotYet => ListProblem::NotHeld.into(),
        NotWritten::Merged(NotMerged::OtherPast) => ListProblem::OtherPast.into(),
        NotWritten::Merged(
            NotMerged::History(_)
            | NotMerged::TooLarge
            | NotMerged::Document(_)
            | NotMerged::OtherList
            | NotMerged::List(_),
        ) => ListProblem::NoList.into(),
        NotWritten::Put(NotPut::Frozen(_)) => ListProblem::Frozen.into(),
        NotWritten::List(_) | NotWritten::Put(NotPut::Store(_) | NotPut::NotNewer { .. }) => {
            tracing::error!(%fault, "the own public list was not written");
            EdgeProblem::Internal.into()
        }
    }
}
