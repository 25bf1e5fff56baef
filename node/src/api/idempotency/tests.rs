//! Keys of commands, right and wrong.

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
    routing::post,
};
use jichi_protocol::date::Time;
use tower::ServiceExt as _;

use super::*;

/// The example of RFC 9562 appendix A.6: Tuesday, 22 February 2022, 14:22:22 -05:00.
const EXAMPLE: &str = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";

/// The code of the refusal, or the key.
async fn answer_to(keys: &[&str]) -> String {
    let router: Router =
        Router::new().route("/", post(|IdempotencyKey(key)| async move { key.to_string() }));
    let mut request = Request::builder().method("POST").uri("/");
    for key in keys {
        request = request.header("Idempotency-Key", *key);
    }
    let response = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let status = response.status();
    let bytes = to_bytes(response.into_body(), 10_000).await.unwrap();
    if status == 200 {
        return String::from_utf8(bytes.to_vec()).unwrap();
    }
    let problem: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    problem["code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_command_needs_exactly_one_uuid_v7() {
    assert_eq!(answer_to(&[EXAMPLE]).await, EXAMPLE);
    assert_eq!(answer_to(&[&format!("\"{EXAMPLE}\"")]).await, EXAMPLE);
    assert_eq!(answer_to(&[&EXAMPLE.to_uppercase()]).await, EXAMPLE);
    assert_eq!(answer_to(&[]).await, "idempotency_key_missing");
    assert_eq!(answer_to(&[EXAMPLE, EXAMPLE]).await, "idempotency_key_invalid");
}

#[tokio::test]
async fn other_uuids_and_other_forms_are_refused() {
    for text in [
        "",
        "\"",
        "017f22e279b07cc398c4dc0c0c07398f",
        "{017f22e2-79b0-7cc3-98c4-dc0c0c07398f}",
        "017f22e2-79b0-4cc3-98c4-dc0c0c07398f",
        "017f22e2-79b0-7cc3-18c4-dc0c0c07398f",
        "017f22e2-79b0-7cc3-d8c4-dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f-",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
        "é17f22e-79b0-7cc3-98c4-dc0c0c07398f",
        "00000000-0000-0000-0000-000000000000",
    ] {
        assert_eq!(answer_to(&[text]).await, "idempotency_key_invalid", "{text}");
    }
}

#[test]
fn the_example_of_the_rfc_has_its_time() {
    let mut headers = HeaderMap::new();
    headers.insert(HEADER, EXAMPLE.parse().unwrap());
    let IdempotencyKey(key) = IdempotencyKey::in_headers(&headers).unwrap().unwrap();
    assert_eq!(key.time(), Time(1_645_557_742_000));
}
