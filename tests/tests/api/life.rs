//! The staff's routes for the life of an account: freezing, moving, closing, death, correction,
//! legal hold, erasure; and companies' codes.

use jichi::client::{Client, Reply, new_key};
use jichi_node::clock;
use jichi_protocol::{
    catalogue::{CatalogueVersion, CompanyPoints},
    codec,
    intent::{CodeStatement, code_hash},
    points::Points,
    signature::Domain,
    text::company_code::CompanyCode,
};
use jichi_tests::furnished::{Furnished, PASSWORD, Person, Shared, text};
use serde_json::{Value, json};

use super::{at_the_till, expect_code};

fn send(officer: &Client, path: &str, body: &Value) -> Reply {
    officer.post(path, Some(&new_key().expect("a key")), body).expect("an answer")
}

fn state(town: &Furnished, officer: &str, person: &Person, state: &str) -> Reply {
    let path = format!("/v1/accounts/{}/state", person.account);
    send(&town.officer(officer), &path, &json!({"state": state}))
}

fn pay(town: &Furnished, proof: &str, points: u32) -> Reply {
    let key = new_key().expect("a key");
    town.till.pay(key, proof, points, clock::now()).expect("an answer")
}

/// What waits under a proposal's number, as the approver sees it.
fn waiting(town: &Furnished, proposal: &str) -> Value {
    let all = town.officer("approver").get("/v1/proposals").and_then(Reply::ok).expect("a list");
    let all = all.as_array().expect("a list");
    let found = all.iter().find(|it| text(it, "proposal") == proposal);
    found.expect("the proposal waits").clone()
}

fn decide(town: &Furnished, officer: &str, proposal: &str) -> Reply {
    let path = format!("/v1/proposals/{proposal}/decision");
    send(&town.officer(officer), &path, &json!({"verdict": "approve"}))
}

#[test]
fn a_frozen_account_receives_and_does_not_pay_and_the_help_desk_only_freezes() {
    let shared = Shared::get();
    let town = shared.alone();
    let (person, proof) = at_the_till(&town, 100);
    state(&town, "phone", &person, "frozen").ok().expect("frozen by telephone");
    expect_code(&pay(&town, &proof, 10), 422, "account_frozen");
    let grant = json!({"programme": 1, "mykey_id": person.mykey, "points": 20, "activity": "祭り"});
    town.officer("maker").command("/v1/grants", &grant).expect("a grant");
    for other in ["open", "closed", "deceased"] {
        expect_code(&state(&town, "phone", &person, other), 403, "forbidden_role");
    }
    let lots = town.officer("phone").get(&format!("/v1/accounts/{}/lots", person.account));
    expect_code(&lots.expect("an answer"), 403, "forbidden_role");
    expect_code(&pay(&town, &proof, 10), 422, "account_frozen");
    state(&town, "maker", &person, "open").ok().expect("open again");
    pay(&town, &proof, 10).ok().expect("a payment");
    assert_eq!(person.points(), 110);
}

#[test]
fn who_moves_away_keeps_the_points_and_gets_no_more_of_residents_programmes() {
    let shared = Shared::get();
    let town = shared.alone();
    let person = town.resident(100);
    let path = format!("/v1/accounts/{}/class", person.account);
    let maker = town.officer("maker");
    send(&maker, &path, &json!({"class": "visitor"})).ok().expect("a visitor");
    let grant = json!({"programme": 1, "mykey_id": person.mykey, "points": 5, "activity": "転出"});
    expect_code(&send(&maker, "/v1/grants", &grant), 422, "residents_only");
    assert_eq!(person.points(), 100);
    send(&maker, &path, &json!({"class": "resident"})).ok().expect("a resident again");
    send(&maker, "/v1/grants", &grant).ok().expect("a grant");
    assert_eq!(person.points(), 105);
}

#[test]
fn an_account_is_closed_at_the_desk_for_the_exact_balance_and_stays_closed() {
    let shared = Shared::get();
    let town = shared.alone();
    let (person, proof) = at_the_till(&town, 100);
    let path = format!("/v1/accounts/{}/closing", person.account);
    let maker = town.officer("maker");
    let wrong = send(&maker, &path, &json!({"forfeit": 99}));
    expect_code(&wrong, 409, "balance_not_decided");
    expect_code(&state(&town, "maker", &person, "closed"), 409, "balance_not_decided");
    assert_eq!(person.points(), 100);
    send(&maker, &path, &json!({"forfeit": 100})).ok().expect("closed");
    expect_code(&person.client.get("/v1/me").expect("an answer"), 401, "unauthenticated");
    expect_code(&pay(&town, &proof, 1), 422, "account_closed");
    expect_code(&state(&town, "maker", &person, "open"), 422, "account_closed");
}

#[test]
fn heirs_get_what_the_second_officer_sees_and_approves_if_the_town_has_heirs() {
    let town = Furnished::new();
    let (gone, heir) = (town.resident(300), town.resident(0));
    let path = format!("/v1/accounts/{}/estate", gone.account);
    let estate = json!({"heirs": [{"heir": heir.account, "points": 200}], "forfeit": 100,
        "note": "戸籍で確認した"});
    let maker = town.officer("maker");
    expect_code(&send(&maker, &path, &estate), 409, "not_deceased");
    state(&town, "maker", &gone, "deceased").ok().expect("deceased");
    let terms = |heirs: &str| {
        let limit = json!({"payment": 50_000, "day": 100_000});
        let terms = json!({"grace_days": 14, "refund_days": 90, "unassigned_days": 14,
            "conversion_expiry": {"fiscal_year_end": 1}, "password": limit, "card": limit,
            "street_card": limit, "heirs": heirs, "retention": null});
        town.officer("approver").command("/v1/terms", &terms).expect("terms");
    };
    terms("none");
    expect_code(&send(&maker, &path, &estate), 409, "heirs_not_allowed");
    terms("inherit");
    let proposal = text(&send(&maker, &path, &estate).ok().expect("a proposal"), "proposal");
    let seen = waiting(&town, &proposal);
    assert_eq!((text(&seen, "what"), seen["maker"].as_u64()), ("SettleEstate".into(), Some(1)));
    assert_eq!(
        (seen["own"].as_bool(), text(&seen, "note")),
        (Some(false), "戸籍で確認した".into())
    );
    assert!(!text(&seen, "since").is_empty(), "{seen}");
    let heirs = json!([{"heir": heir.account, "points": 200}]);
    assert_eq!((&seen["would"]["heirs"], &seen["would"]["forfeit"]), (&heirs, &json!(100)));
    decide(&town, "approver", &proposal).ok().expect("an approval");
    assert_eq!(heir.points(), 200);
    expect_code(&state(&town, "maker", &gone, "open"), 422, "account_closed");
    // By a town's rule the points of who has no heirs are given up.
    terms("none");
    let alone = town.resident(80);
    state(&town, "maker", &alone, "deceased").ok().expect("deceased");
    let path = format!("/v1/accounts/{}/estate", alone.account);
    let rest = |forfeit: u32| json!({"heirs": [], "forfeit": forfeit, "note": "相続人なし"});
    expect_code(&send(&maker, &path, &rest(79)), 409, "balance_not_decided");
    let proposal = text(&send(&maker, &path, &rest(80)).ok().expect("a proposal"), "proposal");
    decide(&town, "approver", &proposal).ok().expect("an approval");
    expect_code(&state(&town, "maker", &alone, "open"), 422, "account_closed");
}

#[test]
fn a_correction_needs_two_officers_and_a_reason() {
    let shared = Shared::get();
    let town = shared.alone();
    let (wrong, right) = (town.resident(90), town.resident(0));
    let maker = town.officer("maker");
    let body = json!({"from": wrong.account, "to": right.account, "lot": 0, "points": 60,
        "reason": "wrong_recipient", "entry": null, "note": "名簿の行を取り違えた"});
    let mut without = body.clone();
    without.as_object_mut().expect("a body").remove("reason");
    expect_code(&send(&maker, "/v1/corrections", &without), 400, "missing_field");
    let mut blank = body.clone();
    blank["note"] = json!("");
    expect_code(&send(&maker, "/v1/corrections", &blank), 400, "text_refused");
    let approver_proposes = send(&town.officer("approver"), "/v1/corrections", &body);
    expect_code(&approver_proposes, 403, "forbidden_role");
    let both = town.officer("both");
    let own = text(&send(&both, "/v1/corrections", &body).ok().expect("a proposal"), "proposal");
    expect_code(&decide(&town, "both", &own), 403, "same_officer");
    let all = both.get("/v1/proposals").and_then(Reply::ok).expect("a list");
    let all = all.as_array().expect("a list").clone();
    let own_one = all.iter().find(|it| text(it, "proposal") == own).expect("it waits");
    assert_eq!(own_one["own"], json!(true));
    assert_eq!((wrong.points(), right.points()), (90, 0));
    let seen = waiting(&town, &own);
    let legs = json!([{"account": wrong.account, "direction": "out", "points": 60},
        {"account": right.account, "direction": "in", "points": 60}]);
    assert_eq!((&seen["would"]["legs"], text(&seen, "note")), (&legs, text(&body, "note")));
    decide(&town, "approver", &own).ok().expect("an approval");
    assert_eq!((wrong.points(), right.points()), (30, 60));
    let lots = town.officer("maker").get(&format!("/v1/accounts/{}/lots", right.account));
    let lots = lots.and_then(Reply::ok).expect("lots");
    assert_eq!(lots[0]["points"], json!(60));
    let path = format!("/v1/look-ups?account={}", right.account);
    let logged = town.officer("approver").get(&path).and_then(Reply::ok).expect("look-ups");
    assert_eq!(text(&logged["look_ups"][0], "looked"), "lots");
}

#[test]
fn data_under_a_legal_hold_are_not_erased_and_others_are_for_good() {
    let shared = Shared::get();
    let town = shared.alone();
    let person = town.resident(0);
    let maker = town.officer("maker");
    let erase = json!({"accounts": [person.account], "reason": "asked"});
    expect_code(&send(&maker, "/v1/erasures", &erase), 409, "account_not_ended");
    let closing = format!("/v1/accounts/{}/closing", person.account);
    send(&maker, &closing, &json!({"forfeit": 0})).ok().expect("closed");
    let hold = format!("/v1/accounts/{}/legal-hold", person.account);
    let approver = town.officer("approver");
    expect_code(&send(&maker, &hold, &json!({"hold": "kept"})), 403, "forbidden_role");
    send(&approver, &hold, &json!({"hold": "kept"})).ok().expect("a hold");
    expect_code(&send(&maker, "/v1/erasures", &erase), 409, "under_legal_hold");
    send(&approver, &hold, &json!({"hold": "over"})).ok().expect("no hold any more");
    let proposal = send(&maker, "/v1/erasures", &erase).ok().expect("a proposal");
    let proposal = text(&proposal, "proposal");
    let seen = waiting(&town, &proposal);
    assert_eq!(seen["would"]["accounts"], json!([person.account]));
    decide(&town, "approver", &proposal).ok().expect("an approval");
    is_forgotten(&town, &person);
    expect_code(&send(&maker, "/v1/erasures", &erase), 409, "account_erased");
}

#[test]
fn a_kill_in_the_midst_of_a_shredding_leaves_a_node_that_starts_and_ends_it() {
    let mut town = Furnished::new();
    for wait in [0, 1, 3, 8, 20] {
        let person = town.resident(0);
        let maker = town.officer("maker");
        let closing = format!("/v1/accounts/{}/closing", person.account);
        send(&maker, &closing, &json!({"forfeit": 0})).ok().expect("closed");
        let erase = json!({"accounts": [person.account], "reason": "asked"});
        let proposal = send(&maker, "/v1/erasures", &erase).ok().expect("a proposal");
        decide(&town, "approver", &text(&proposal, "proposal")).ok().expect("an approval");
        std::thread::sleep(std::time::Duration::from_millis(wait));
        town.node_mut().kill().expect("a killed node");
        town.node_mut().start().expect("a node that starts");
        is_forgotten(&town, &person);
    }
    town.node_mut().stop().expect("a node that stops");
    jichi_tests::town::audit_is_sound(&town.node().data()).expect("a sound log");
}

/// Waits until nothing is known of an erased person any more.
fn is_forgotten(town: &Furnished, person: &Person) {
    let maker = town.officer("maker");
    let known = || {
        let body = json!({"account": person.account, "reason": "消去の確認"});
        let found = maker.post("/v1/people/find", None, &body).and_then(Reply::ok).expect("one");
        let field = |field| found.pointer(field).cloned().expect("a field");
        let of = (field("/people/0/name"), field("/people/0/mykey_id"));
        of != (Value::Null, Value::Null)
    };
    let forgotten = (0..100).any(|_| {
        let there = known();
        if there {
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        !there
    });
    assert!(forgotten, "the data are still there");
    let body = json!({"mykey_id": person.mykey, "password": PASSWORD});
    let reply = town.node().public().post("/v1/sessions", None, &body).expect("an answer");
    expect_code(&reply, 401, "sign_in_failed");
}

/// A code of the company for 1,000 of its points, as it is sent to the town.
fn code(town: &Furnished, code: &CompanyCode) -> Value {
    let today = clock::now().date();
    let company = "jal".parse().expect("a company");
    let statement = CodeStatement {
        code: code_hash(&company, code),
        company,
        reference: format!("code-{}", new_key().expect("a key")).parse().expect("a reference"),
        town: town.till.town,
        amount: CompanyPoints(1_000),
        catalogue: CatalogueVersion(1),
        points: Points::from_u32(500),
        signed: today,
        last_day: today.plus_days(30),
    };
    let signature = town.world.company.sign(Domain::Code, &codec::encode(&statement));
    json!({"company": "jal", "reference": statement.reference.to_string(),
        "town": statement.town.to_string(), "code": statement.code.to_string(), "amount": 1_000,
        "catalogue": 1, "points": 500, "signed": statement.signed.to_string(),
        "last_day": statement.last_day.to_string(), "signature": signature.to_string()})
}

#[test]
fn a_companys_code_works_once_at_home_or_at_the_desk_and_wrong_ones_cost_time() {
    let town = Furnished::new();
    let key = town.world.company.public().to_string();
    let catalogue = json!({"version": 1, "valid_from": "2017-09-25", "companies": [{
        "company": "jal", "name": "日本航空（例）", "public_key": key, "unit": 100,
        "points_per_unit": 50, "minimum": 500, "daily_max": 100_000, "monthly_max": 300_000,
        "issuer": "town", "paid": "yes"}]});
    town.officer("approver").command("/v1/catalogues", &catalogue).expect("a catalogue");
    let (one, other) = (town.resident(0), town.resident(0));
    for person in [&one, &other] {
        let preset = json!({"town": null, "handle": null});
        person.client.command("/v1/me/preset", &preset).expect("a preset");
    }
    let public = town.node().public();
    let (first, second) = (CompanyCode::from_random([1; 16]), CompanyCode::from_random([2; 16]));
    let issued = code(&town, &first);
    let mut forged = issued.clone();
    forged["points"] = json!(50_000);
    let reply = public.post("/v1/company-codes", None, &forged).expect("an answer");
    expect_code(&reply, 401, "bad_signature");
    for body in [&issued, &issued, &code(&town, &second)] {
        let reply = public.post("/v1/company-codes", None, body).expect("an answer");
        reply.ok().expect("an issued code");
    }
    let entered = |code: &CompanyCode| json!({"company": "jal", "code": code.as_str()});
    let at_home =
        |person: &Person, body: &Value| send(&person.client, "/v1/me/exchange-codes", body);
    at_home(&one, &entered(&first)).ok().expect("500 points");
    expect_code(&at_home(&other, &entered(&first)), 409, "exchange_code_used");
    let at_desk = format!("/v1/accounts/{}/exchange-codes", other.account);
    send(&town.officer("maker"), &at_desk, &entered(&second)).ok().expect("500 points");
    for person in [&one, &other] {
        let me = person.client.get("/v1/me").and_then(Reply::ok).expect("a balance");
        assert_eq!(
            (me["points"].as_u64(), me["unassigned"][0]["points"].as_u64()),
            (Some(0), Some(500))
        );
    }
    let wrong = entered(&CompanyCode::from_random([3; 16]));
    let codes: Vec<String> = (0..12).map(|_| at_home(&one, &wrong).code().to_owned()).collect();
    assert_eq!(codes.first().map(String::as_str), Some("unknown_exchange_code"));
    assert!(codes.iter().any(|code| code == "too_many_tries"), "{codes:?}");
}
