//! Online orders and pledges through the sample shop: a real little HTTP server that signs its
//! requests, a real node, and residents who link and confirm.

#![expect(clippy::expect_used, reason = "what panics here is a failed test")]

use std::time::Duration;

use jichi::{
    client::{Client, Reply, new_key, new_signing_key},
    site::{Site, Wanted},
};
use jichi_node::clock;
use jichi_protocol::id::SiteId;
use jichi_tests::{
    furnished::{Furnished, PASSWORD, Person, Raw, Shared, send, text},
    sample_shop::SampleShop,
    town::audit_is_sound,
};
use serde_json::{Value, json};

/// A site that the town has registered, as its shop runs it.
fn site(town: &Furnished, number: u32, kind: &str) -> Site {
    let key = new_signing_key().expect("a key");
    let body = json!({"site": number, "name": "めいぶつチョイス", "kind": kind, "merchant": 1,
        "public_key": key.public().to_string(), "state": "active", "hold_days": 60,
        "address": "https://shop.example/points"});
    town.officer("maker").command("/v1/sites", &body).expect("a site");
    let client = town.node().public();
    Site { client, town: town.till.town, site: SiteId(number), key }
}

/// The resident links the site at the town and brings the code to the shop.
fn link(shop: &Client, site: u32, person: &Person, customer: &str, limit: Option<u32>) {
    let body = json!({"site": site, "order_limit": limit});
    let linked = person.client.command("/v1/me/sites", &body).expect("a code");
    let body = json!({"customer": customer, "code": text(&linked, "code")});
    let reply = shop.post("/links", None, &body).expect("an answer");
    assert_eq!(reply.status, 200, "{}", reply.body);
}

fn act(shop: &Client, path: &str, body: &Value) -> Reply {
    shop.post(path, None, body).expect("an answer")
}

#[track_caller]
fn state_of(reply: &Reply) -> (u64, String) {
    assert_eq!(reply.status, 200, "{}", reply.body);
    let id = reply.body.get("order").and_then(Value::as_u64).expect("an order");
    (id, text(reply.body.get("is").unwrap_or(&Value::Null), "state"))
}

#[track_caller]
fn expect_code(reply: &Reply, status: u16, code: &str) {
    assert_eq!((reply.status, reply.code()), (status, code), "{}", reply.body);
}

#[test]
fn a_cart_is_held_charged_captured_in_part_and_refunded() {
    let shared = Shared::get();
    let town = shared.alone();
    let shop = SampleShop::open(site(&town, 11, "shop")).expect("a shop");
    let shop = Client::new(format!("http://{}", shop.address)).keeping(shop);
    let person = town.resident(1_000);
    link(&shop.client, 11, &person, "taro", Some(800));
    // 3,000 yen of river fish: 600 points and 2,400 by card. One of two parcels is sold out.
    let body = json!({"customer": "taro", "total_yen": 3_000, "points": 600});
    let ordered = act(&shop.client, "/orders", &body);
    let (id, state) = state_of(&ordered);
    assert_eq!((state.as_str(), person.points()), ("held", 400));
    let path = |what: &str| format!("/orders/{id}/{what}");
    let shipped = act(&shop.client, &path("ship"), &json!({"points": 450, "card_yen": 1_050}));
    assert_eq!((state_of(&shipped).1.as_str(), person.points()), ("shipped", 550));
    // Captured is captured: it is refunded, not released.
    expect_code(&act(&shop.client, &path("cancel"), &json!({})), 409, "hold_captured");
    let back = act(&shop.client, &path("return"), &json!({"points": 450}));
    assert_eq!((state_of(&back).1.as_str(), person.points()), ("returned", 1_000));
    let more = act(&shop.client, &path("return"), &json!({"points": 1}));
    expect_code(&more, 422, "over_refunded");
    let history = person.client.get("/v1/me/history").expect("an answer");
    let lines = history.body.get("lines").and_then(Value::as_array).expect("lines");
    let kinds: Vec<String> = lines.iter().map(|line| text(line, "kind")).collect();
    assert!(kinds.starts_with(&["RefundCapture".into(), "Capture".into(), "Hold".into()]));
}

#[test]
fn a_large_order_waits_until_its_holder_confirms_the_amount() {
    let shared = Shared::get();
    let town = shared.alone();
    let shop = SampleShop::open(site(&town, 12, "shop")).expect("a shop");
    let shop = Client::new(format!("http://{}", shop.address)).keeping(shop);
    let (person, other) = (town.resident(900), town.resident(900));
    link(&shop.client, 12, &person, "hanako", Some(100));
    let body = json!({"customer": "hanako", "total_yen": 5_000, "points": 700});
    let ordered = act(&shop.client, "/orders", &body);
    let (id, state) = state_of(&ordered);
    let confirm = ordered.body["is"]["confirm"].as_str().expect("a place to confirm").to_owned();
    assert_eq!((state.as_str(), person.points()), ("waiting", 900));
    let resume = format!("/orders/{id}/resume");
    assert_eq!(state_of(&act(&shop.client, &resume, &json!({}))).1, "waiting");
    let waiting = person.client.get("/v1/me/orders").expect("an answer").body;
    assert_eq!(waiting["waiting"][0]["points"], json!(700), "{waiting}");
    let hold = confirm.rsplit('/').next().expect("a hold");
    let path = format!("/v1/me/orders/{hold}/confirm");
    // Nobody else confirms it, and another amount is not what was asked.
    let yes = json!({"points": 700});
    expect_code(&other.client.post(&path, None, &yes).expect("an answer"), 404, "unknown_hold");
    let wrong = person.client.post(&path, None, &json!({"points": 70})).expect("an answer");
    expect_code(&wrong, 400, "invalid_value");
    let first = person.client.post(&path, None, &yes).expect("an answer");
    assert_eq!((first.status, person.points()), (200, 200), "{}", first.body);
    let again = person.client.post(&path, None, &yes).expect("an answer");
    assert_eq!(again.body["entry"], first.body["entry"], "confirmed twice, held once");
    assert_eq!(state_of(&act(&shop.client, &resume, &json!({}))).1, "held");
    let cancelled = act(&shop.client, &format!("/orders/{id}/cancel"), &json!({}));
    assert_eq!((state_of(&cancelled).1.as_str(), person.points()), ("cancelled", 900));
}

#[test]
fn one_campaign_succeeds_and_one_fails() {
    let shared = Shared::get();
    let town = shared.alone();
    let shop = SampleShop::open(site(&town, 13, "crowdfunding")).expect("a site");
    let shop = Client::new(format!("http://{}", shop.address)).keeping(shop);
    let people = [town.resident(1_000), town.resident(1_000)];
    let pledge = |customer: &str, campaign: &str, points: u32| {
        let body = json!({"customer": customer, "total_yen": points, "points": points,
            "campaign": campaign});
        state_of(&act(&shop.client, "/orders", &body))
    };
    let mut pledges = Vec::new();
    for (person, customer) in people.iter().zip(["ichiro", "jiro"]) {
        link(&shop.client, 13, person, customer, Some(1_000));
        pledges.push(pledge(customer, "bridge-2026", 300));
        pledge(customer, "hall-2026", 500);
        assert_eq!(person.points(), 200);
    }
    let (first, state) = pledges.first().cloned().expect("a pledge");
    assert_eq!(state, "held");
    let early =
        act(&shop.client, &format!("/orders/{first}/ship"), &json!({"points": 300, "card_yen": 0}));
    expect_code(&early, 409, "campaign_open");
    let close = |name: &str, reached: bool| {
        act(&shop.client, &format!("/campaigns/{name}/close"), &json!({"reached": reached}))
    };
    assert_eq!(close("bridge-2026", true).status, 200);
    assert_eq!(close("hall-2026", false).status, 200);
    expect_code(&close("hall-2026", true), 409, "campaign_closed");
    let mut tries = 0;
    while people.iter().any(|person| person.points() != 700) {
        tries += 1;
        assert!(tries < 200, "the pledges of the failed campaign come back");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn only_the_sites_own_signatures_are_believed() {
    let shared = Shared::get();
    let town = shared.alone();
    let (own, other) = (site(&town, 14, "shop"), site(&town, 15, "shop"));
    let person = town.resident(500);
    let code = |number: u32| {
        let body = json!({"site": number, "order_limit": 500});
        text(&person.client.command("/v1/me/sites", &body).expect("a code"), "code")
    };
    // A code is of one site, and once.
    let first = code(14);
    expect_code(&other.exchange(&first).expect("an answer"), 404, "not_found");
    let link = own.exchange(&first).expect("an answer").body;
    expect_code(&own.exchange(&first).expect("an answer"), 404, "not_found");
    let link = text(&link, "link").parse().expect("a link");
    let today = clock::now().date();
    let wanted = |points| Wanted {
        link,
        points,
        total_yen: 1_000,
        last_day: today.plus_days(3),
        campaign: None,
    };
    let key = new_key().expect("a key");
    let at = clock::now();
    // Another site does not know the holder by this link.
    let reply = other.hold(new_key().expect("a key"), &wanted(100), at).expect("an answer");
    expect_code(&reply, 422, "site_not_linked");
    let stranger = Site { key: new_signing_key().expect("a key"), ..site_again(&own) };
    expect_code(&stranger.hold(key, &wanted(100), at).expect("an answer"), 401, "bad_signature");
    let held = own.hold(key, &wanted(100), at).expect("an answer");
    let again = own.hold(key, &wanted(100), at).expect("an answer");
    assert_eq!((held.status, &held.body["entry"]), (200, &again.body["entry"]));
    let else_under_it = own.hold(key, &wanted(101), at).expect("an answer");
    expect_code(&else_under_it, 422, "same_key_other_content");
    let capture = other.capture(new_key().expect("a key"), key.hold(), 100, 900);
    expect_code(&capture.expect("an answer"), 403, "not_your_hold");
    expect_code(&other.state(key.hold()).expect("an answer"), 404, "unknown_hold");
    let state = own.state(key.hold()).expect("an answer").body;
    assert_eq!((text(&state, "state").as_str(), &state["points"]), ("held", &json!(100)));
    // A site hears that points are short, and not how many there are.
    let short = own.hold(new_key().expect("a key"), &wanted(450), at).expect("an answer");
    expect_code(&short, 422, "short_of_points");
    assert!(!short.body.to_string().contains("400"), "{}", short.body);
    let unknown = own.capture(new_key().expect("a key"), new_key().expect("a key").hold(), 1, 0);
    expect_code(&unknown.expect("an answer"), 404, "unknown_hold");
    audit_is_sound(&town.node().data()).expect("a sound log");
}

fn site_again(site: &Site) -> Site {
    Site {
        client: site.client.clone(),
        town: site.town,
        site: site.site,
        key: new_signing_key().expect("a key"),
    }
}

/// Sends a form as a browser does, without any cookie.
fn form(town: &Furnished, path: &str, fields: &[(&str, &str)]) -> Raw {
    let escaped =
        |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02X}")).collect() };
    let body: Vec<String> =
        fields.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let url = format!("{}{path}", town.node().public().base());
    send("POST", &url, &headers, Some(body.join("&").as_bytes()))
}

/// What stands in a page between two texts.
fn between<'t>(page: &'t str, from: &str, to: &str) -> &'t str {
    let rest = page.split_once(from).map(|(_, rest)| rest);
    rest.and_then(|rest| rest.split_once(to)).map(|(found, _)| found).expect("both texts")
}

#[test]
fn on_the_pages_a_holder_links_a_site_and_confirms_or_declines_orders() {
    let shared = Shared::get();
    let town = shared.alone();
    let site = site(&town, 16, "shop");
    let person = town.resident(900);
    let public = town.node().public();
    let page = public.text("/link?site=16&state=cart-7").expect("a page");
    assert!(page.contains("めいぶつチョイスとの連携"), "{page}");
    let key = between(&page, "name=\"key\" value=\"", "\"");
    let answers = |limit: &str, password: &str| {
        form(
            &town,
            "/link",
            &[
                ("site", "16"),
                ("state", "cart-7"),
                ("key", key),
                ("mykey_id", &person.mykey),
                ("password", password),
                ("order_limit", limit),
            ],
        )
    };
    assert_eq!(answers("", "wrong-password").status, 401);
    let linked = answers("", PASSWORD);
    assert_eq!(linked.status, 200, "{}", linked.text);
    let address = between(&linked.text, "class=\"button\" href=\"", "\"");
    assert!(address.starts_with("https://shop.example/points?code="), "{address}");
    assert!(address.ends_with("state=cart-7"), "{address}");
    let code = between(address, "code=", "&");
    let link = site.exchange(code).expect("an answer").body;
    let link = text(&link, "link").parse().expect("a link");
    let today = clock::now().date();
    let ask = |points| {
        let wanted = Wanted { link, points, total_yen: 1_000, last_day: today, campaign: None };
        site.hold(new_key().expect("a key"), &wanted, clock::now()).expect("an answer")
    };
    let order = ask(300);
    assert_eq!((order.status, text(&order.body, "status").as_str()), (202, "confirmation_needed"));
    let confirm = text(&order.body, "confirm");
    let page = public.text(&confirm).expect("a page");
    assert!(page.contains("300ポイント") && page.contains("700円"), "{page}");
    let say = |path: &str, said: &str, points: &str| {
        form(
            &town,
            path,
            &[
                ("said", said),
                ("points", points),
                ("mykey_id", &person.mykey),
                ("password", PASSWORD),
            ],
        )
    };
    assert_eq!(say(&confirm, "confirm", "30").status, 400, "another amount than was asked");
    assert_eq!(say(&confirm, "confirm", "300").status, 200);
    assert_eq!(person.points(), 600);
    let order = ask(200);
    let confirm = text(&order.body, "confirm");
    assert_eq!(say(&confirm, "decline", "200").status, 200);
    let hold = text(&order.body, "hold").parse().expect("a hold");
    let state = site.state(hold).expect("an answer").body;
    assert_eq!((text(&state, "state").as_str(), person.points()), ("declined", 600));
}

#[test]
fn the_result_of_an_operation_is_told_to_its_own_site_for_ever() {
    let shared = Shared::get();
    let town = shared.alone();
    let (own, other) = (site(&town, 17, "shop"), site(&town, 18, "shop"));
    let person = town.resident(500);
    let body = json!({"site": 17, "order_limit": 1_000});
    let code = text(&person.client.command("/v1/me/sites", &body).expect("a code"), "code");
    let link = own.exchange(&code).expect("an answer").body;
    let link = text(&link, "link").parse().expect("a link");
    let key = new_key().expect("a key");
    let last_day = clock::now().date();
    let wanted = Wanted { link, points: 600, total_yen: 600, last_day, campaign: None };
    expect_code(&own.hold(key, &wanted, clock::now()).expect("an answer"), 422, "short_of_points");
    let told = own.operation(key).expect("an answer");
    expect_code(&told, 422, "short_of_points");
    assert!(!told.body.to_string().contains("500"), "no balance is told: {}", told.body);
    expect_code(&other.operation(key).expect("an answer"), 404, "not_found");
}

/// A shop that stays open as long as its client is used.
struct Open {
    client: Client,
    _shop: SampleShop,
}

/// Ties a client to its shop.
trait Keeping {
    fn keeping(self, shop: SampleShop) -> Open;
}

impl Keeping for Client {
    fn keeping(self, shop: SampleShop) -> Open {
        Open { client: self, _shop: shop }
    }
}
