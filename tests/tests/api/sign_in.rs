//! Signing in: forms need their token, wrong passwords wait, and nobody locks a neighbour out.

use std::{
    io::{Read as _, Write as _},
    net::SocketAddr,
};

use jichi_tests::furnished::{PASSWORD, Raw, Shared, key, send};
use serde_json::json;

#[test]
fn a_cookie_alone_changes_nothing() {
    let shared = Shared::get();
    let town = shared.alone();
    let (person, stranger) = (town.resident(10), town.resident(0));
    let base = town.node().public();
    let cookie = format!("{}={}", jichi_node::session::COOKIE, person.token);
    let url = format!("{}/v1/me/links", base.base());
    let before = town.durable();
    let post = |kind: &str, form_token: Option<&str>| -> Raw {
        let key = key();
        let mut headers =
            vec![("content-type", kind), ("cookie", cookie.as_str()), ("idempotency-key", &key)];
        headers.extend(form_token.map(|token| ("x-form-token", token)));
        send("POST", &url, &headers, Some(br#"{"company": "jal"}"#))
    };
    for wrong in [None, Some(""), Some("0"), Some(stranger.form_token.as_str())] {
        post("application/json", wrong).expect_problem(403, "form_token_invalid");
    }
    // What a page of another site can send without asking is no command.
    let form = "application/x-www-form-urlencoded";
    post(form, None).expect_problem(403, "form_token_invalid");
    post(form, Some(&person.form_token)).expect_problem(415, "wrong_content_type");
    assert_eq!(town.durable(), before);
    let reading = send("GET", &format!("{}/v1/me", base.base()), &[("cookie", &cookie)], None);
    assert_eq!(reading.status, 200, "{}", reading.text);
    // With its own token it gets as far as the ledger, which knows no such company yet.
    let right = post("application/json", Some(&person.form_token));
    assert_ne!(right.status, 403, "{}", right.text);
    assert_eq!(town.durable(), before + 1, "{}", right.text);
}

#[test]
fn wrong_passwords_wait_and_lock_no_other_place_and_no_other_account() {
    let shared = Shared::get();
    let town = shared.alone();
    let (person, neighbour) = (town.resident(10), town.resident(10));
    let url = format!("{}/v1/sessions", town.node().public().base());
    let sign_in = |mykey: &str, password: &str| {
        let body = json!({"mykey_id": mykey, "password": password}).to_string();
        send("POST", &url, &[("content-type", "application/json")], Some(body.as_bytes()))
    };
    let before = town.durable();
    let mut wrong = sign_in(&person.mykey, "wrong-password-1");
    wrong.expect_problem(401, "sign_in_failed");
    for _ in 0..12 {
        if wrong.status == 429 {
            break;
        }
        wrong = sign_in(&person.mykey, "wrong-password-1");
    }
    wrong.expect_problem(429, "too_many_tries");
    let wait: u64 = wrong.header("retry-after").parse().expect("seconds");
    assert!((1..=900).contains(&wait), "{wait}");
    // An unknown name is told from a wrong password by nothing.
    let unknown = sign_in("2222-2222-2222-2222", "wrong-password-1");
    assert!([401, 400].contains(&unknown.status), "{}", unknown.text);
    assert_eq!(sign_in(&neighbour.mykey, PASSWORD).status, 200, "another account, the same place");
    let body = json!({"mykey_id": person.mykey, "password": PASSWORD}).to_string();
    let elsewhere = post_from("127.0.0.2:0", town.node().addresses.public, &body);
    assert!(elsewhere.starts_with("HTTP/1.1 200"), "the same account, another place: {elsewhere}");
    assert_eq!(town.durable(), before, "no sign-in is written to the log");
}

/// The answer to a sign-in from another address of loopback.
fn post_from(from: &str, to: SocketAddr, body: &str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let connected = runtime.expect("a runtime").block_on(async {
        let socket = tokio::net::TcpSocket::new_v4()?;
        socket.bind(from.parse().expect("an address"))?;
        socket.connect(to).await?.into_std()
    });
    let mut stream = connected.expect("a connection");
    stream.set_nonblocking(false).expect("a socket that waits");
    let request = format!(
        "POST /v1/sessions HTTP/1.1\r\nhost: {to}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}
