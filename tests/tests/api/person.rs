//! Looking people up, requests under the law on personal data, the export of all that is held, and
//! a new MyKey ID.

use jichi::client::{Client, new_key};
use jichi_node::clock;
use jichi_protocol::key::ClientKey;
use jichi_tests::furnished::{Furnished, NAME, PASSWORD, Person, Shared, text};
use serde_json::{Value, json};

use super::expect_code;

/// What the desk records of a person of this name in kana, born on this day.
fn record(town: &Furnished, person: &Person, kana: &str, birth: &str) {
    let body = json!({"kana": kana, "birth": birth, "address_number": null,
        "resident_from": "2020-04-01", "resident_until": null, "source": "窓口で確認",
        "dated": "2026-04-01"});
    let path = format!("/v1/accounts/{}/attributes", person.account);
    let reply = town.officer("maker").post(&path, None, &body).expect("an answer");
    reply.ok().expect("what is recorded");
}

/// The look-ups of a person, as the auditor reads them, newest first.
fn look_ups(town: &Furnished, person: &Person) -> Vec<Value> {
    let path = format!("/v1/look-ups?account={}", person.account);
    let page = town.officer("approver").get(&path).and_then(jichi::client::Reply::ok);
    let page = page.expect("look-ups");
    page.get("look_ups").and_then(Value::as_array).expect("a list").clone()
}

fn find(officer: &Client, body: &Value) -> jichi::client::Reply {
    officer.post("/v1/people/find", None, body).expect("an answer")
}

#[test]
fn nobody_is_looked_up_without_a_reason_and_each_look_up_is_logged_over_restarts() {
    let mut town = Furnished::new();
    let person = town.resident(300);
    record(&town, &person, "アカギ オロシコ", "1950-01-02");
    let (maker, phone) = (town.officer("maker"), town.officer("phone"));
    let who = json!({"kana": "あかぎおろしこ", "birth": "1950-01-02"});
    expect_code(&find(&maker, &who), 400, "reason_missing");
    let blank = json!({"kana": "アカギ オロシコ", "birth": "1950-01-02", "reason": "　"});
    expect_code(&find(&maker, &blank), 400, "text_refused");
    let asked = json!({"kana": "アカギオロシコ", "birth": "1950-01-02", "reason": "残高の照会"});
    expect_code(&find(&phone, &asked), 400, "ticket_missing");
    expect_code(&find(&town.officer("approver"), &asked), 403, "forbidden_role");
    assert_eq!(look_ups(&town, &person), [] as [Value; 0]);
    let mut told = asked.clone();
    told["ticket"] = json!("電話-12");
    let found = find(&phone, &told).ok().expect("a person");
    let one = &found["people"][0];
    assert_eq!((one["name"].as_str(), one["points"].as_u64()), (Some(NAME), Some(300)));
    assert_eq!(text(one, "mykey_id"), person.mykey);
    let by_id = json!({"mykey_id": person.mykey, "reason": "窓口での本人の申出"});
    find(&maker, &by_id).ok().expect("a person");
    let nobody = json!({"kana": "アカギ", "birth": "1950-01-02", "reason": "照会"});
    assert_eq!(find(&maker, &nobody).ok().expect("nobody")["people"], json!([]));
    let logged = look_ups(&town, &person);
    let shown = |at: usize| {
        let line = &logged[at];
        (line["officer"].as_u64(), text(line, "reason"), line["ticket"].clone())
    };
    assert_eq!(logged.len(), 2);
    assert_eq!(shown(0), (Some(1), "窓口での本人の申出".into(), Value::Null));
    assert_eq!(shown(1), (Some(4), "残高の照会".into(), json!("電話-12")));
    for login in ["maker", "phone", "both"] {
        let reply = town.officer(login).get("/v1/look-ups").expect("an answer");
        expect_code(&reply, 403, "forbidden_role");
    }
    // Killed and started again, the log says the same, and no file says the reason in clear.
    town.node_mut().kill().expect("a killed node");
    town.node_mut().start().expect("a node that starts");
    assert_eq!(look_ups(&town, &person), logged);
    for (path, bytes) in jichi_tests::furnished::files(&town.node().dir) {
        let words = "残高の照会".as_bytes();
        let there = bytes.windows(words.len()).any(|window| window == words);
        assert!(!there, "{}", path.display());
    }
}

#[test]
fn all_that_is_held_on_a_person_comes_by_one_press_and_that_is_a_look_up_too() {
    let shared = Shared::get();
    let town = shared.alone();
    let person = town.resident(250);
    record(&town, &person, "アカギ ナベワリ", "1961-05-06");
    let proof = town.till.prove(&person.mykey, PASSWORD).expect("a proof");
    let key = new_key().expect("a key");
    town.till.pay(key, &proof, 40, clock::now()).and_then(jichi::client::Reply::ok).expect("paid");
    let maker = town.officer("maker");
    let path = format!("/v1/accounts/{}/export", person.account);
    let reply = maker.post(&path, None, &json!({})).expect("an answer");
    expect_code(&reply, 400, "reason_missing");
    let why = json!({"reason": "開示請求", "ticket": "個-3"});
    let reply = town.officer("phone").post(&path, None, &why).expect("an answer");
    expect_code(&reply, 403, "forbidden_role");
    let all = maker.post(&path, None, &why).and_then(jichi::client::Reply::ok).expect("everything");
    assert_eq!(text(&all, "name"), NAME);
    assert_eq!(text(&all, "mykey_id"), person.mykey);
    assert_eq!(text(&all["register"], "kana"), "アカギ ナベワリ");
    assert_eq!(text(&all["register"], "birth"), "1961-05-06");
    assert_eq!(all["balance"]["points"], json!(210));
    let kinds: Vec<String> =
        all["history"].as_array().expect("lines").iter().map(|line| text(line, "kind")).collect();
    assert_eq!(kinds, ["OpenAccount", "Grant", "Pay"]);
    let own = all["look_ups"].as_array().expect("look-ups").last().expect("this one").clone();
    assert_eq!((text(&own, "looked"), text(&own, "ticket")), ("everything".into(), "個-3".into()));
}

#[test]
fn a_request_for_disclosure_has_its_thirty_days_and_ends_once() {
    let shared = Shared::get();
    let town = shared.alone();
    let person = town.resident(0);
    let (maker, approver) = (town.officer("maker"), town.officer("approver"));
    let path = format!("/v1/accounts/{}/data-requests", person.account);
    let today = clock::now().date();
    let mut received = today;
    for _ in 0..40 {
        received = received.day_before();
    }
    let body = |asked: &str, on: &str| json!({"asked": asked, "received": on, "note": "書面"});
    let late = body("stop_of_use", &received.to_string());
    let key = new_key().expect("a key");
    let send =
        |body: &Value, key: &ClientKey| maker.post(&path, Some(key), body).expect("an answer");
    let request = text(&send(&late, &key).ok().expect("a request"), "request");
    assert_eq!(text(&send(&late, &key).ok().expect("the same"), "request"), request);
    let other = send(&body("disclosure", &today.to_string()), &key);
    expect_code(&other, 409, "exists");
    let tomorrow = body("disclosure", &today.plus_days(1).to_string());
    expect_code(&send(&tomorrow, &new_key().expect("a key")), 400, "invalid_value");
    let new = send(&body("disclosure", &today.to_string()), &new_key().expect("a key"));
    let new = text(&new.ok().expect("a request"), "request");
    let list = || {
        let all =
            maker.get("/v1/data-requests").and_then(jichi::client::Reply::ok).expect("a list");
        let own = all.as_array().expect("a list").clone().into_iter();
        own.filter(|it| text(it, "account") == person.account).collect::<Vec<_>>()
    };
    let shown = |at: &Value| (text(at, "request"), text(at, "state"), at["days"].as_u64());
    let all: Vec<_> = list().iter().map(shown).collect();
    let overdue = (request.clone(), "overdue".to_owned(), Some(10));
    assert_eq!(all, [overdue, (new.clone(), "open".to_owned(), Some(30))]);
    let step = |request: &str, step: &str| {
        let body = json!({"step": step, "note": "決裁済み"});
        let path = format!("/v1/data-requests/{request}/steps");
        approver.post(&path, None, &body).expect("an answer")
    };
    expect_code(&step(&request, "extended"), 409, "request_not_extendable");
    step(&new, "extended").ok().expect("thirty days more");
    step(&request, "granted").ok().expect("an end");
    expect_code(&step(&request, "refused"), 409, "request_decided");
    let all: Vec<_> = list().iter().map(shown).collect();
    let decided = (request, "decided".to_owned(), None);
    assert_eq!(all, [(new, "open".to_owned(), Some(60)), decided]);
}

#[test]
fn a_holder_chooses_another_mykey_id_and_the_desk_revokes_one() {
    let shared = Shared::get();
    let town = shared.alone();
    let (person, other) = (town.resident(70), town.resident(0));
    let taken = other.mykey.split_once('-').expect("a MyKey ID with its town").1.to_owned();
    let wanted = |id: &str, password: &str| {
        let body = json!({"mykey_id": id, "password": password});
        person.client.post("/v1/me/mykey-id", None, &body).expect("an answer")
    };
    expect_code(&wanted(&taken, PASSWORD), 409, "exists");
    expect_code(&wanted("SHORT", PASSWORD), 400, "invalid_value");
    expect_code(&wanted("AKAGI777", "a-wrong-password-1"), 401, "sign_in_failed");
    let chosen = text(&wanted("ａｋａｇｉ777", PASSWORD).ok().expect("a new ID"), "mykey_id");
    assert!(chosen.ends_with("-AKAGI777"), "{chosen}");
    let sign_in = |mykey: &str, password: &str| {
        let body = json!({"mykey_id": mykey, "password": password});
        town.node().public().post("/v1/sessions", None, &body).expect("an answer")
    };
    expect_code(&sign_in(&person.mykey, PASSWORD), 401, "sign_in_failed");
    expect_code(&person.client.get("/v1/me").expect("an answer"), 401, "unauthenticated");
    sign_in(&chosen, PASSWORD).ok().expect("a session under the new ID");
    let path = format!("/v1/accounts/{}/mykey-id", person.account);
    let (key, new_password) = (new_key().expect("a key"), "another-password-20481");
    let body = json!({"password": new_password});
    let reissue = || town.officer("maker").post(&path, Some(&key), &body).expect("an answer");
    let issued = text(&reissue().ok().expect("a new ID"), "mykey_id");
    assert_eq!(text(&reissue().ok().expect("the same"), "mykey_id"), issued);
    expect_code(&sign_in(&chosen, PASSWORD), 401, "sign_in_failed");
    expect_code(&sign_in(&issued, PASSWORD), 401, "sign_in_failed");
    let session = sign_in(&issued, new_password).ok().expect("a session");
    let me = town.node().public().with_token(text(&session, "token")).get("/v1/me");
    assert_eq!(me.and_then(jichi::client::Reply::ok).expect("a balance")["points"], json!(70));
}
