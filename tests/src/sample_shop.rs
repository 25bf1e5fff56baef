//! A small online shop and crowdfunding site that takes points: cart, hold, card, capture, refund.
//!
//! It is what a partner would write: an HTTP server of its own that knows its customers, keeps its
//! orders, charges a card for the rest, and calls the town by signed requests. Its customers are
//! known to it by its own names; of the town's people it knows a link each, and nothing else.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::Context as _;
use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use jichi::{
    client::Reply,
    site::{Site, Wanted},
};
use jichi_protocol::{
    date::Time,
    id::{HoldId, LinkId},
    key::ClientKey,
    order::{CampaignId, CampaignOutcome},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How many days the shop keeps points for an order.
const HOLD_DAYS: u32 = 14;

/// An order or a pledge, as the shop keeps it.
#[derive(Debug, Clone, Serialize)]
pub struct Order {
    /// Who ordered, by the shop's own name.
    pub customer: String,
    /// How it stands: `asked`, `waiting`, `held`, `shipped`, `cancelled`, `returned`.
    pub state: String,
    /// The town's name for the hold.
    pub hold: String,
    /// What it costs.
    pub total_yen: u32,
    /// What of it is paid with points.
    pub points: u32,
    /// What was charged to the card.
    pub card_yen: u32,
    /// Where the customer confirms, while the town waits for that.
    pub confirm: Option<String>,
    /// The campaign, of a pledge.
    pub campaign: Option<String>,
    #[serde(skip)]
    asked: Asked,
}

/// What makes the same request again: a shop that heard no answer asks once more.
#[derive(Debug, Clone, Copy)]
struct Asked {
    key: ClientKey,
    link: LinkId,
    at: Time,
}

struct Shop {
    site: Site,
    links: Mutex<BTreeMap<String, LinkId>>,
    orders: Mutex<BTreeMap<u64, Order>>,
}

/// The server; it ends when this is dropped.
pub struct SampleShop {
    /// Where it listens.
    pub address: SocketAddr,
    runtime: Option<tokio::runtime::Runtime>,
}

impl SampleShop {
    /// Opens the shop on a free port.
    ///
    /// # Errors
    /// When the system gives no port.
    pub fn open(site: Site) -> anyhow::Result<Self> {
        let shop = Arc::new(Shop { site, links: Mutex::default(), orders: Mutex::default() });
        let router = Router::new()
            .route("/links", post(link))
            .route("/orders", post(order))
            .route("/orders/{id}", get(show))
            .route("/orders/{id}/resume", post(resume))
            .route("/orders/{id}/ship", post(ship))
            .route("/orders/{id}/cancel", post(cancel))
            .route("/orders/{id}/return", post(give_back))
            .route("/campaigns/{id}/close", post(close))
            .with_state(shop);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))?;
        let address = listener.local_addr()?;
        runtime.spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, runtime: Some(runtime) })
    }
}

impl Drop for SampleShop {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// What went wrong, for the shop's own page.
struct Fault(StatusCode, Value);

impl From<anyhow::Error> for Fault {
    fn from(error: anyhow::Error) -> Self {
        Self(StatusCode::BAD_GATEWAY, json!({"error": error.to_string()}))
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        (self.0, Json(self.1)).into_response()
    }
}

type Answer = Result<Json<Value>, Fault>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shop {
    fn order(&self, id: u64) -> Result<Order, Fault> {
        let found = lock(&self.orders).get(&id).cloned();
        found.ok_or_else(|| Fault(StatusCode::NOT_FOUND, json!({"error": "no such order"})))
    }

    fn key(&self) -> anyhow::Result<ClientKey> {
        self.site.client.ahead().new_key()
    }

    fn keep(&self, id: u64, order: &Order) {
        lock(&self.orders).insert(id, order.clone());
    }
}

/// Runs what calls the town on a thread of its own.
async fn calling(ask: impl FnOnce() -> Answer + Send + 'static) -> Answer {
    let asked = tokio::task::spawn_blocking(ask).await;
    asked.unwrap_or_else(|error| Err(anyhow::Error::from(error).into()))
}

/// The town's refusal, passed on with its code.
fn taken(reply: Reply) -> Result<Value, Fault> {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::BAD_GATEWAY);
    if status.is_success() { Ok(reply.body) } else { Err(Fault(status, reply.body)) }
}

fn shown(id: u64, order: &Order) -> Json<Value> {
    Json(json!({"order": id, "is": order}))
}

#[derive(Deserialize)]
struct LinkBody {
    customer: String,
    code: String,
}

/// The customer comes back from the town with a code.
async fn link(State(shop): State<Arc<Shop>>, Json(body): Json<LinkBody>) -> Answer {
    calling(move || {
        let answer = taken(shop.site.exchange(&body.code)?)?;
        let link = answer.get("link").and_then(Value::as_str).context("a link")?;
        let link = link.parse().map_err(|_| anyhow::anyhow!("no link"))?;
        lock(&shop.links).insert(body.customer, link);
        Ok(Json(answer))
    })
    .await
}

#[derive(Deserialize)]
struct OrderBody {
    customer: String,
    total_yen: u32,
    points: u32,
    campaign: Option<String>,
}

/// The cart is paid: so many points, the rest by card.
async fn order(State(shop): State<Arc<Shop>>, Json(body): Json<OrderBody>) -> Answer {
    calling(move || {
        let link = lock(&shop.links).get(&body.customer).copied();
        let unlinked = || Fault(StatusCode::CONFLICT, json!({"error": "link your points first"}));
        let link = link.ok_or_else(unlinked)?;
        let asked = Asked { key: shop.key()?, link, at: shop.site.client.ahead().now() };
        let mut order = Order {
            customer: body.customer,
            state: "asked".into(),
            hold: asked.key.hold().to_string(),
            total_yen: body.total_yen,
            points: body.points,
            card_yen: 0,
            confirm: None,
            campaign: body.campaign,
            asked,
        };
        // Written down before the town is asked: a crash here leaves a key to ask again with.
        let id = {
            let mut orders = lock(&shop.orders);
            let id = orders.keys().next_back().map_or(1, |last| last.saturating_add(1));
            orders.insert(id, order.clone());
            id
        };
        place(&shop, &mut order)?;
        shop.keep(id, &order);
        Ok(shown(id, &order))
    })
    .await
}

/// Asks the town for the hold; the same order asks the same.
fn place(shop: &Shop, order: &mut Order) -> Result<(), Fault> {
    let campaign = order.campaign.as_deref().map(str::parse::<CampaignId>).transpose();
    let wanted = Wanted {
        link: order.asked.link,
        points: order.points,
        total_yen: order.total_yen,
        last_day: order.asked.at.date().plus_days(HOLD_DAYS),
        campaign: campaign.map_err(|_| anyhow::anyhow!("a campaign's name"))?,
    };
    let reply = shop.site.hold(order.asked.key, &wanted, order.asked.at)?;
    let waits = reply.status == 202;
    let answer = match taken(reply) {
        Ok(answer) => answer,
        Err(fault) => {
            order.state = "cancelled".into();
            return Err(fault);
        }
    };
    if waits {
        order.state = "waiting".into();
        order.confirm = answer.get("confirm").and_then(Value::as_str).map(str::to_owned);
    } else {
        charge(order);
    }
    Ok(())
}

/// The points are reserved; the card pays the rest. (A real shop calls its card company here, and
/// releases the hold if that fails.)
fn charge(order: &mut Order) {
    order.state = "held".into();
    order.confirm = None;
    order.card_yen = order.total_yen.saturating_sub(order.points);
}

async fn show(State(shop): State<Arc<Shop>>, Path(id): Path<u64>) -> Answer {
    Ok(shown(id, &shop.order(id)?))
}

/// The customer comes back from confirming, or the shop heard no answer and asks once more.
async fn resume(State(shop): State<Arc<Shop>>, Path(id): Path<u64>) -> Answer {
    calling(move || {
        let mut order = shop.order(id)?;
        if matches!(order.state.as_str(), "asked" | "waiting") {
            place(&shop, &mut order)?;
            shop.keep(id, &order);
        }
        Ok(shown(id, &order))
    })
    .await
}

fn hold_of(order: &Order) -> HoldId {
    order.asked.key.hold()
}

#[derive(Deserialize)]
struct ShipBody {
    points: u32,
    card_yen: u32,
}

/// The goods leave, all or in part: so many points are taken, the rest goes back.
async fn ship(
    State(shop): State<Arc<Shop>>,
    Path(id): Path<u64>,
    Json(body): Json<ShipBody>,
) -> Answer {
    calling(move || {
        let mut order = shop.order(id)?;
        let (hold, key) = (hold_of(&order), shop.key()?);
        taken(shop.site.capture(key, hold, body.points, body.card_yen)?)?;
        order.state = "shipped".into();
        (order.points, order.card_yen) = (body.points, body.card_yen);
        shop.keep(id, &order);
        Ok(shown(id, &order))
    })
    .await
}

async fn cancel(State(shop): State<Arc<Shop>>, Path(id): Path<u64>) -> Answer {
    calling(move || {
        let mut order = shop.order(id)?;
        taken(shop.site.release(shop.key()?, hold_of(&order))?)?;
        order.state = "cancelled".into();
        order.card_yen = 0;
        shop.keep(id, &order);
        Ok(shown(id, &order))
    })
    .await
}

#[derive(Deserialize)]
struct ReturnBody {
    points: u32,
}

/// The customer sends goods back.
async fn give_back(
    State(shop): State<Arc<Shop>>,
    Path(id): Path<u64>,
    Json(body): Json<ReturnBody>,
) -> Answer {
    calling(move || {
        let mut order = shop.order(id)?;
        taken(shop.site.refund(shop.key()?, hold_of(&order), body.points)?)?;
        order.points = order.points.saturating_sub(body.points);
        order.state = "returned".into();
        shop.keep(id, &order);
        Ok(shown(id, &order))
    })
    .await
}

#[derive(Deserialize)]
struct CloseBody {
    reached: bool,
}

/// The campaign ends: its pledges are taken, or go back by themselves.
async fn close(
    State(shop): State<Arc<Shop>>,
    Path(name): Path<String>,
    Json(body): Json<CloseBody>,
) -> Answer {
    calling(move || {
        let campaign: CampaignId =
            name.parse().map_err(|_| anyhow::anyhow!("a campaign's name"))?;
        let outcome =
            if body.reached { CampaignOutcome::Success } else { CampaignOutcome::Failure };
        taken(shop.site.close(shop.key()?, &campaign, outcome)?)?;
        let orders = lock(&shop.orders).clone();
        let pledged = |order: &Order| {
            order.campaign.as_deref() == Some(name.as_str()) && order.state == "held"
        };
        for (id, mut order) in orders.into_iter().filter(|(_, order)| pledged(order)) {
            if body.reached {
                let key = shop.key()?;
                taken(shop.site.capture(key, hold_of(&order), order.points, order.card_yen)?)?;
                order.state = "shipped".into();
            } else {
                (order.state, order.card_yen) = ("cancelled".into(), 0);
            }
            shop.keep(id, &order);
        }
        Ok(Json(json!({"campaign": name})))
    })
    .await
}
