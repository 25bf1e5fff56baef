use axum::{Router, body::Body, extract::Request, routing::post};
use tower::ServiceExt as _;

use super::*;

/// The example of RFC 9562 appendix A.6: Tuesday, 22 February 2022, 14:22:22 -05:00.
const EXAMPLE: &str = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";

async fn status_of(keys: &[&str]) -> u16 {
    let router: Router = Router::new().route("/", post(|_: IdempotencyKey| async {}));
    let mut request = Request::builder().method("POST").uri("/");
    for key in keys {
        request = request.header("Idempotency-Key", *key);
    }
    let request = request.body(Body::empty()).unwrap();
    router.oneshot(request).await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_command_needs_exactly_one_uuid_v7() {
    assert_eq!(status_of(&[EXAMPLE]).await, 200);
    assert_eq!(status_of(&[&format!("\"{EXAMPLE}\"")]).await, 200);
    assert_eq!(status_of(&[&EXAMPLE.to_uppercase()]).await, 200);
    assert_eq!(status_of(&[]).await, 400);
    assert_eq!(status_of(&[EXAMPLE, EXAMPLE]).await, 400);
}

#[test]
fn other_uuids_and_other_forms_are_refused() {
    for text in [
        "",
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
        assert_eq!(text.parse::<IdempotencyKey>(), Err(NotAKey), "{text}");
    }
}

#[test]
fn the_example_of_the_rfc_reads_and_prints() {
    let key: IdempotencyKey = EXAMPLE.parse().unwrap();
    assert_eq!(key.to_string(), EXAMPLE);
    assert_eq!(key.made_at(), Time(1_645_557_742_000));
}

#[test]
fn a_made_key_is_a_uuid_v7_of_its_time() {
    let key = IdempotencyKey::from_random(Time(1_645_557_742_000), [0xff; 10]);
    assert_eq!(key.to_string().parse(), Ok(key));
    assert_eq!(key.made_at(), Time(1_645_557_742_000));
}
