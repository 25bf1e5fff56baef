//! What is not exactly right is a problem in both languages, and moves nothing.

use std::{fs, time::Duration};

use jichi::client::new_key;
use jichi_node::clock;
use jichi_tests::furnished::{Furnished, NAME, PASSWORD, Shared, key, send};
use serde_json::json;

use super::{at_the_till, pay_with, payment};

/// Twelve digits whose last one is the check digit of a My Number.
const MY_NUMBER: &str = "123456789018";
const MY_NUMBER_WIDE: &str = "１２３４５６７８９０１８";

#[test]
fn a_body_that_is_not_exactly_right_is_a_problem_and_moves_nothing() {
    let shared = Shared::get();
    let town = shared.alone();
    let (person, proof) = at_the_till(&town, 500);
    let key = new_key().expect("a key");
    let right = payment(&town.till, key, &proof, 10).to_string();
    let points = |text: &str| right.replacen("\"points\":10", &format!("\"points\":{text}"), 1);
    let missing = right.replacen("\"points\":10,", "", 1);
    let before = town.state(&person);
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (b"".to_vec(), "malformed_json"),
        (b"{".to_vec(), "malformed_json"),
        (format!("{right}{{}}").into_bytes(), "malformed_json"),
        (b"{\"points\":\xff}".to_vec(), "malformed_json"),
        (format!("\u{feff}{right}").into_bytes(), "malformed_json"),
        (points("NaN").into_bytes(), "malformed_json"),
        (points("010").into_bytes(), "malformed_json"),
        (points("10,\"bonus\":1").into_bytes(), "unknown_field"),
        (points("10,\"points\":10").into_bytes(), "duplicate_key"),
        (points("10,\"p\\u006fints\":10").into_bytes(), "duplicate_key"),
        (points("18446744073709551616").into_bytes(), "number_out_of_range"),
        (points("9007199254740992").into_bytes(), "number_out_of_range"),
        (points("-1").into_bytes(), "number_negative"),
        (points("-0").into_bytes(), "number_negative"),
        (points("1.5").into_bytes(), "number_fraction"),
        (points("10.0").into_bytes(), "number_fraction"),
        (points("1e1").into_bytes(), "number_fraction"),
        (points("\"10\"").into_bytes(), "invalid_value"),
        (points("null").into_bytes(), "invalid_value"),
        (missing.into_bytes(), "missing_field"),
        (b"[]".to_vec(), "invalid_value"),
    ];
    assert_ne!(right, points("11"), "the body has the points where the test looks for them");
    for (body, code) in cases {
        let answer = pay_with(&town.till, &key.to_string(), &body);
        // A code may stand for several bodies: what is shown says which one was taken for another.
        let shown = String::from_utf8_lossy(&body);
        assert_eq!(answer.code(), code, "{shown}");
        answer.expect_problem(400, code);
    }
    let large = format!("{right}{}", " ".repeat(64 * 1024));
    pay_with(&town.till, &key.to_string(), large.as_bytes()).expect_problem(413, "body_too_large");
    assert_eq!(town.state(&person), before);
    // Every refusal came before the key was used: with the right body it still works.
    let paid = pay_with(&town.till, &key.to_string(), right.as_bytes());
    assert_eq!(paid.status, 200, "{}", paid.text);
    assert_eq!(town.state(&person), (before.0 + 1, before.1 - 10));
}

#[test]
fn a_command_needs_its_key_and_its_content_type() {
    let shared = Shared::get();
    let town = shared.alone();
    let (person, proof) = at_the_till(&town, 500);
    let right = new_key().expect("a key");
    let body = payment(&town.till, right, &proof, 10).to_string();
    let before = town.state(&person);
    for wrong in [
        "",
        "1",
        "6fa459ea-ee8a-4ca4-894e-db77e160355e",
        "00000000-0000-0000-0000-000000000000",
        "01890a5d-ac96-774b-0cce-b302099a8057",
    ] {
        let answer = pay_with(&town.till, wrong, body.as_bytes());
        answer.expect_problem(400, "idempotency_key_invalid");
    }
    let url = format!("{}/v1/payments", town.till.client.base());
    let (text, json) = (right.to_string(), ("content-type", "application/json"));
    let without = send("POST", &url, &[json], Some(body.as_bytes()));
    without.expect_problem(400, "idempotency_key_missing");
    let second = key();
    let twice = [json, ("idempotency-key", &text), ("idempotency-key", &second)];
    let twice = send("POST", &url, &twice, Some(body.as_bytes()));
    twice.expect_problem(400, "idempotency_key_invalid");
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
        let headers = [("content-type", kind), ("idempotency-key", &text)];
        let answer = send("POST", &url, &headers, Some(body.as_bytes()));
        answer.expect_problem(415, "wrong_content_type");
    }
    assert_eq!(town.state(&person), before);
}

#[test]
fn a_my_number_is_refused_wherever_text_is_typed_and_is_repeated_nowhere() {
    let shared = Shared::get();
    let town = shared.alone();
    let person = town.resident(100);
    let before = town.state(&person);
    let maker = town.officer("maker");
    let spaced = "番号 1234-5678-9018 です";
    for typed in [MY_NUMBER, MY_NUMBER_WIDE, spaced] {
        let bodies = [
            ("/v1/merchants", json!({"merchant": 9, "name": typed, "state": "active"})),
            (
                "/v1/accounts",
                json!({"class": "resident", "name": format!("{NAME}{typed}"),
                    "password": PASSWORD, "mykey_id": null}),
            ),
            (
                "/v1/grants",
                json!({"programme": 1, "mykey_id": person.mykey, "points": 1, "activity": typed}),
            ),
        ];
        for (path, body) in bodies {
            let reply = maker.post(path, Some(&new_key().expect("a key")), &body).expect("answer");
            super::expect_code(&reply, 400, "my_number_refused");
            let answer = reply.body.to_string();
            assert!(!answer.contains(typed), "{path} repeats what was typed: {answer}");
        }
    }
    assert_eq!(town.state(&person), before);
    let messages = fs::read_to_string(town.node().dir.join("messages.log")).expect("messages");
    assert!(!messages.is_empty(), "the node says nothing");
    for typed in [MY_NUMBER, MY_NUMBER_WIDE, "1234-5678-9018"] {
        assert!(!messages.contains(typed), "the log of messages repeats what was typed");
    }
}

#[test]
fn an_unknown_path_and_a_wrong_method_are_problems_on_every_listener() {
    let shared = Shared::get();
    let town = shared.alone();
    let before = town.durable();
    let at = town.node().addresses;
    for (address, path, wrong) in [
        (at.public, "/v1/me", "PUT"),
        (at.terminal, "/v1/payments", "GET"),
        (at.staff, "/v1/grants", "DELETE"),
    ] {
        let unknown = send("GET", &format!("http://{address}/v1/no-such-path"), &[], None);
        unknown.expect_problem(404, "not_found");
        let answer = send(wrong, &format!("http://{address}{path}"), &[], None);
        answer.expect_problem(405, "method_not_allowed");
        assert!(!answer.header("allow").is_empty(), "{path} says what it allows");
    }
    // What officers and terminals do is not even a path where residents are.
    for path in ["/v1/grants", "/v1/payments", "/v1/log/entries?from=0"] {
        let answer = send("GET", &format!("http://{}{path}", at.public), &[], None);
        answer.expect_problem(404, "not_found");
    }
    assert_eq!(town.durable(), before);
}

#[test]
fn a_key_too_old_or_ahead_of_time_is_refused() {
    let shared = Shared::get();
    let town = shared.alone();
    let (person, proof) = at_the_till(&town, 500);
    let before = town.state(&person);
    let now = clock::now();
    let of = |time| jichi_protocol::key::ClientKey::of(time, [7; 10]);
    let old = of(jichi_protocol::date::Time(now.0.saturating_sub(8 * 86_400_000)));
    let body = payment(&town.till, old, &proof, 10).to_string();
    let answer = pay_with(&town.till, &old.to_string(), body.as_bytes());
    answer.expect_problem(409, "too_old_ask_first");
    let hour = u64::try_from(Duration::from_secs(3600).as_millis()).expect("an hour");
    let ahead = of(jichi_protocol::date::Time(now.0.saturating_add(hour)));
    let body = payment(&town.till, ahead, &proof, 10).to_string();
    let answer = pay_with(&town.till, &ahead.to_string(), body.as_bytes());
    answer.expect_problem(400, "key_ahead_of_time");
    assert_eq!(town.state(&person), before, "neither is written, for neither has a place");
    let asked = town.till.client.get(&format!("/v1/operations/{old}")).expect("an answer");
    super::expect_code(&asked, 404, "not_found");
}

/// Makes sure that the helper which the others rest on tells a difference.
#[test]
fn the_count_of_entries_grows_by_one_with_a_command() {
    let shared = Shared::get();
    let town: &Furnished = &shared.alone();
    let person = town.resident(0);
    let before = town.state(&person);
    let body = json!({"programme": 1, "mykey_id": person.mykey, "points": 5, "activity": "見守り"});
    town.officer("maker").command("/v1/grants", &body).expect("a grant");
    assert_eq!(town.state(&person), (before.0 + 1, 5));
}
