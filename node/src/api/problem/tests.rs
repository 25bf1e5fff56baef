//! Problems as they go out, and the catalogue.

use std::collections::BTreeSet;

use axum::{body::to_bytes, extract::Request, routing::get};
use tower::ServiceExt as _;

use super::*;

async fn answer(response: Response) -> (u16, String, serde_json::Value) {
    let status = response.status().as_u16();
    let kind = response.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
    let body = to_bytes(response.into_body(), 10_000).await.unwrap();
    (status, kind, serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn a_problem_has_the_members_of_rfc_9457_and_ours() {
    let problem = Problem::from(EdgeProblem::MissingField).in_field("points");
    let (status, kind, body) = answer(problem.into_response()).await;
    assert_eq!((status, kind.as_str()), (400, "application/problem+json; charset=utf-8"));
    let expected = serde_json::json!({
        "type": "urn:jichi:problem:missing_field",
        "title": "必要な項目がありません。",
        "status": 400,
        "detail": "必要な項目がありません。(項目: points)",
        "detail_en": "A field that is needed is missing. (field: points)",
        "code": "missing_field",
        "next_act": "足りない項目を加えて、もう一度送ってください。",
        "next_act_en": "Add the missing field and send again.",
    });
    assert_eq!(body, expected);
}

#[test]
fn every_line_of_the_catalogue_is_whole_and_its_code_is_its_own() {
    let mut codes = BTreeSet::new();
    for line in edge::catalogue() {
        let code = line.code;
        assert!(codes.insert(code), "{code} stands twice");
        assert!(code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{code}");
        assert!((400..600).contains(&line.status), "{code}");
        for text in [line.ja, line.next_ja] {
            assert!(text.ends_with('。'), "{code}: {text}");
        }
        for text in [line.en, line.next_en] {
            assert!(text.is_ascii() && text.ends_with('.'), "{code}: {text}");
        }
        assert_eq!(EdgeProblem::from_code(code).map(|p| p.line().code), Some(code));
    }
    // The array is written by hand beside the enum: its length says that none is missing.
    let variants = EdgeProblem::ALL.into_iter().collect::<BTreeSet<_>>();
    assert_eq!(variants.len(), EdgeProblem::TimeoutUnknown as usize + 1);
    assert_eq!(EdgeProblem::from_code("no_such_code"), None);
}

#[tokio::test]
async fn a_401_has_a_challenge_and_a_wait_is_rounded_up() {
    let response = EdgeProblem::Unauthenticated.into_response();
    assert!(response.headers().contains_key(header::WWW_AUTHENTICATE));
    let busy = Problem::from(EdgeProblem::Overloaded).retry_after(Duration::from_millis(1200));
    assert_eq!(busy.into_response().headers()[header::RETRY_AFTER], "2");
}

#[tokio::test]
async fn unknown_paths_and_methods_answer_as_problems() {
    let router: Router = with_fallbacks(Router::new().route("/a", get(|| async { "a" })));
    let request = |method: &str, path: &str| {
        Request::builder().method(method).uri(path).body(axum::body::Body::empty()).unwrap()
    };
    let response = router.clone().oneshot(request("GET", "/b")).await.unwrap();
    assert_eq!(answer(response).await.2["code"], "not_found");
    let response = router.oneshot(request("POST", "/a")).await.unwrap();
    assert_eq!(response.headers()[header::ALLOW], "GET,HEAD");
    assert_eq!(answer(response).await.2["code"], "method_not_allowed");
}
