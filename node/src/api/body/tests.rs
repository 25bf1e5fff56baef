//! Bodies that are right, and every way in which one is wrong.

use axum::{Router, routing::post};
use serde_json::Value;
use tower::ServiceExt as _;

use super::*;

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Grant {
    amount: PointsBody,
    note: Option<TextBody>,
    #[serde(default)]
    ways: Vec<Way>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Way {
    Card,
    Password { tries: u8 },
}

async fn post_to_edge(content_type: Option<&str>, body: Vec<u8>) -> (u16, Value, String) {
    let router: Router = Router::new().route(
        "/grants",
        post(|StrictJson(grant): StrictJson<Grant>| async move { grant.amount.points.to_string() }),
    );
    let mut request = Request::builder().method("POST").uri("/grants");
    if let Some(kind) = content_type {
        request = request.header("content-type", kind);
    }
    let response = router.oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    (status, serde_json::from_str(&text).unwrap_or_default(), text)
}

async fn code_of(body: impl Into<Vec<u8>>) -> String {
    let (status, json, text) = post_to_edge(Some("application/json"), body.into()).await;
    if status == 200 { text } else { json["code"].as_str().unwrap().to_owned() }
}

#[tokio::test]
async fn a_right_body_is_read() {
    assert_eq!(code_of(r#"{"amount":{"points":120}}"#).await, "120");
    let whole = r#" {"note":"春祭り","amount":{"points":9007199254740991},
        "ways":["card",{"password":{"tries":3}}]} "#;
    assert_eq!(code_of(whole).await, "9007199254740991");
    assert_eq!(code_of(r#"{"amount":{"points":0},"note":null}"#).await, "0");
}

#[tokio::test]
async fn every_wrong_body_has_its_own_code() {
    for (body, code) in [
        ("", "malformed_json"),
        ("{", "malformed_json"),
        (r#"{"amount":{"points":1}} x"#, "malformed_json"),
        (r#"{"amount":{"points":1}}{}"#, "malformed_json"),
        (r#"{"amount":{"points":01}}"#, "malformed_json"),
        (r#"{"amount":{"points":NaN}}"#, "malformed_json"),
        ("\u{feff}{}", "malformed_json"),
        (r#"{"amount":{"points":1e999}}"#, "malformed_json"),
        (r#"{"amount":{"points":1,"points":1}}"#, "duplicate_key"),
        (r#"{"amount":{"points":1},"\u0061mount":{"points":1}}"#, "duplicate_key"),
        (r#"{"amount":{"points":1},"x":{"a":1,"a":2}}"#, "duplicate_key"),
        (r#"{"amount":{"points":1},"extra":1}"#, "unknown_field"),
        (r#"{"amount":{"points":1,"yen":1}}"#, "unknown_field"),
        (r#"{"amount":{"points":1},"ways":[{"password":{"tries":1,"x":1}}]}"#, "unknown_field"),
        (r#"{"amount":{}}"#, "missing_field"),
        ("{}", "missing_field"),
        (r#"{"amount":{"points":-1}}"#, "number_negative"),
        (r#"{"amount":{"points":-0}}"#, "number_negative"),
        (r#"{"amount":{"points":-1.5}}"#, "number_negative"),
        (r#"{"amount":{"points":1.5}}"#, "number_fraction"),
        (r#"{"amount":{"points":1.0}}"#, "number_fraction"),
        (r#"{"amount":{"points":1e2}}"#, "number_fraction"),
        (r#"{"amount":{"points":9007199254740992}}"#, "number_out_of_range"),
        (r#"{"amount":{"points":18446744073709551615}}"#, "number_out_of_range"),
        (r#"{"amount":{"points":18446744073709551616}}"#, "number_out_of_range"),
        (r#"{"amount":{"points":1},"ways":[{"password":{"tries":256}}]}"#, "invalid_value"),
        (r#"{"amount":{"points":"1"}}"#, "invalid_value"),
        (r#"{"amount":{"points":null}}"#, "invalid_value"),
        (r#"{"amount":{"points":true}}"#, "invalid_value"),
        (r#"{"amount":[1]}"#, "invalid_value"),
        ("[]", "invalid_value"),
        (r#"{"amount":{"points":1},"ways":["cash"]}"#, "invalid_value"),
        (r#"{"amount":{"points":1},"note":"1234-5678-9018"}"#, "my_number_refused"),
        (r#"{"amount":{"points":1},"note":"a\nb"}"#, "text_refused"),
    ] {
        assert_eq!(code_of(body).await, code, "{body}");
    }
    assert_eq!(
        code_of(b"{\"amount\":{\"points\":1},\"note\":\"\xff\"}".to_vec()).await,
        "malformed_json"
    );
    assert_eq!(code_of("[".repeat(60_000)).await, "malformed_json");
}

#[tokio::test]
async fn a_problem_never_repeats_what_was_sent() {
    for body in [
        r#"{"amount":{"points":1},"note":"山田花子 123456789018"}"#,
        r#"{"amount":{"points":"山田花子"}}"#,
        r#"{"amount":{"points":1},"山田花子":1}"#,
        r#"{"amount":{"points":1},"ways":["山田花子"]}"#,
    ] {
        let (status, _, text) = post_to_edge(Some("application/json"), body.into()).await;
        assert_eq!(status, 400);
        assert!(!text.contains("山田") && !text.contains("1234"), "{text}");
    }
    let (_, json, _) = post_to_edge(Some("application/json"), b"{}".to_vec()).await;
    assert_eq!(json["detail_en"], "A field that is needed is missing. (field: amount)");
}

#[tokio::test]
async fn only_json_of_at_most_64_kib_is_read() {
    let body = r#"{"amount":{"points":1}}"#;
    for kind in ["application/json", "Application/JSON; charset=UTF-8"] {
        assert_eq!(post_to_edge(Some(kind), body.into()).await.0, 200, "{kind}");
    }
    let wrong = [None, Some("text/plain"), Some("application/json; charset=shift_jis")];
    for kind in wrong {
        let (status, json, _) = post_to_edge(kind, body.into()).await;
        assert_eq!((status, json["code"].as_str()), (415, Some("wrong_content_type")), "{kind:?}");
    }
    let mut padded = body.to_owned();
    padded.push_str(&" ".repeat(JSON_BYTES_MAX - body.len()));
    assert_eq!(code_of(padded.clone()).await, "1");
    padded.push(' ');
    assert_eq!(code_of(padded).await, "body_too_large");
}

#[test]
fn points_go_out_as_they_came_in() {
    let body = PointsBody::from(Points::MAX);
    assert_eq!(serde_json::to_string(&body).unwrap(), r#"{"points":9007199254740991}"#);
    assert_eq!(body.points(), Ok(Points::MAX));
    let too_many = PointsBody { points: 1 << 53 };
    assert_eq!(too_many.points().unwrap_err().code(), "number_out_of_range");
}

#[test]
fn a_password_is_not_shown() {
    let PasswordBody(password) = parse(br#""correct horse""#).unwrap();
    assert!(!format!("{password:?}").contains("horse"));
}
