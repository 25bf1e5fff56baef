//! Signed requests, the vectors of the RFCs, and every change on the way.

use axum::http::Request;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;

const NOW: Time = Time(1_795_489_200_000);
const BODY: &[u8] = br#"{"points":120}"#;

fn origin() -> Origin {
    "https://points.example".parse().unwrap()
}

fn key() -> SigningKey {
    SigningKey::from_seed(&[7; 32])
}

fn gate() -> SignatureGate {
    SignatureGate::new(vec![origin()], Time(0))
}

fn request(method: &str, target: &str) -> Parts {
    let request = Request::builder()
        .method(method)
        .uri(target)
        .header("host", "points.example")
        .header("content-type", "application/json")
        .header("idempotency-key", "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
    request.body(()).unwrap().into_parts().0
}

fn signed() -> Parts {
    let mut parts = request("POST", "/v1/conversions?dry=1");
    sign(&mut parts, BODY, &origin(), "company-a", &key(), NOW, [9; 16]).unwrap();
    parts
}

fn verdict(parts: &Parts, body: &[u8]) -> Result<(), SignFault> {
    verdict_at(parts, body, NOW)
}

fn verdict_at(parts: &Parts, body: &[u8], now: Time) -> Result<(), SignFault> {
    gate().verify(parts, body, now, known).map(|_| ())
}

fn known(key_id: &str) -> Option<PublicKey> {
    (key_id == "company-a").then(|| key().public())
}

fn set(parts: &mut Parts, name: &'static str, value: &str) {
    parts.headers.insert(name, HeaderValue::from_str(value).unwrap());
}

fn to(mut parts: Parts, target: &str) -> Parts {
    parts.uri = target.parse().unwrap();
    parts
}

/// Signs over chosen components and parameters, as another program might.
fn signed_over(components: &str, params: &str) -> Parts {
    let mut parts = request("POST", "/v1/conversions?dry=1");
    set(&mut parts, "content-digest", &content_digest(BODY));
    let text = format!("({components}){params}");
    let names = components.split(' ').map(|quoted| quoted.trim_matches('"'));
    let base = signature_base(&parts, &origin(), names, &text).unwrap();
    let signature = STANDARD.encode(key().sign_raw(base.as_bytes()).0);
    set(&mut parts, "signature-input", &format!("x={text}"));
    set(&mut parts, "signature", &format!("x=:{signature}:"));
    parts
}

const ALL: &str =
    r#""@method" "@path" "@query" "@authority" "content-digest" "content-type" "idempotency-key""#;
const PARAMS: &str = r#";created=1795489200;keyid="company-a";nonce="0123456789abcdef""#;

#[test]
fn the_ed25519_vector_of_rfc_9421_is_reproduced() {
    // RFC 9421 appendix B.1.4 (key), B.2 (request) and B.2.6 (signature).
    let seed = URL_SAFE_NO_PAD.decode("n4Ni-HpISpVObnQMW0wOhCKROaIKqKtW_2ZYb2p9KcU").unwrap();
    let key = SigningKey::from_seed(&seed.try_into().unwrap());
    let public = URL_SAFE_NO_PAD.decode("JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs").unwrap();
    assert_eq!(key.public().0.as_slice(), public);
    let (parts, ()) = Request::builder()
        .method("POST")
        .uri("/foo?param=Value&Pet=dog")
        .header("Host", "example.com")
        .header("Date", "Tue, 20 Apr 2021 02:07:55 GMT")
        .header("Content-Type", "application/json")
        .header("Content-Length", "18")
        .body(())
        .unwrap()
        .into_parts();
    let names = ["date", "@method", "@path", "@authority", "content-type", "content-length"];
    let params = concat!(
        r#"("date" "@method" "@path" "@authority" "content-type" "content-length")"#,
        r#";created=1618884473;keyid="test-key-ed25519""#
    );
    let own = "https://example.com".parse().unwrap();
    let base = signature_base(&parts, &own, names.into_iter(), params).unwrap();
    let Signature(signature) = key.sign_raw(base.as_bytes());
    assert_eq!(
        STANDARD.encode(signature),
        "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="
    );
}

#[test]
fn the_content_digest_is_that_of_rfc_9530() {
    let digest = content_digest(br#"{"hello": "world"}"#);
    assert_eq!(digest, "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:");
}

#[test]
fn a_signed_request_is_taken_once() {
    let (gate, parts) = (gate(), signed());
    let by = gate.verify(&parts, BODY, NOW, known).unwrap();
    assert_eq!((by.key_id(), by.key(), by.created()), ("company-a", key().public(), NOW));
    assert_eq!(gate.verify(&parts, BODY, NOW, known), Err(SignFault::Replayed));
}

#[test]
fn a_request_without_a_body_needs_no_digest() {
    let mut parts = request("GET", "/v1/conversions");
    sign(&mut parts, b"", &origin(), "company-a", &key(), NOW, [1; 16]).unwrap();
    assert!(!parts.headers.contains_key("content-digest"));
    assert_eq!(verdict(&parts, b""), Ok(()));
    // A body that is put in on the way is not covered.
    assert_eq!(verdict(&parts, BODY), Err(SignFault::NotCovered("content-digest")));
}

#[test]
fn what_another_program_signs_over_all_components_is_taken() {
    assert_eq!(verdict(&signed_over(ALL, PARAMS), BODY), Ok(()));
    let more = format!(r#"{ALL} "@target-uri" "@scheme" "host""#);
    let params = format!(r#"{PARAMS};alg="ed25519";expires=1795489300;tag="jichi""#);
    assert_eq!(verdict(&signed_over(&more, &params), BODY), Ok(()));
}

#[test]
fn every_change_on_the_way_is_seen() {
    let mut other_method = signed();
    other_method.method = axum::http::Method::PUT;
    assert_eq!(verdict(&other_method, BODY), Err(SignFault::Unfit));
    for target in ["/v1/orders?dry=1", "/v1/conversions?dry=0", "/v1/conversions"] {
        assert_eq!(verdict(&to(signed(), target), BODY), Err(SignFault::Unfit), "{target}");
    }
    for (name, value) in [
        ("idempotency-key", "017f22e2-79b0-7cc3-98c4-dc0c0c073990"),
        ("content-type", "text/plain"),
    ] {
        let mut parts = signed();
        set(&mut parts, name, value);
        assert_eq!(verdict(&parts, BODY), Err(SignFault::Unfit), "{name}");
    }
    assert_eq!(verdict(&signed(), br#"{"points":999}"#), Err(SignFault::Digest));
    let mut with_new_digest = signed();
    set(&mut with_new_digest, "content-digest", &content_digest(b"x"));
    assert_eq!(verdict(&with_new_digest, b"x"), Err(SignFault::Unfit));
}

#[test]
fn a_request_for_another_host_is_refused() {
    let mut parts = signed();
    set(&mut parts, "host", "other.example");
    assert_eq!(verdict(&parts, BODY), Err(SignFault::OtherAuthority));
    let mut same = signed();
    set(&mut same, "host", "POINTS.example:443");
    assert_eq!(verdict(&same, BODY), Ok(()));
    let two = to(parts, "https://points.example/");
    assert_eq!(verdict(&two, BODY), Err(SignFault::OtherAuthority));
}

#[test]
fn each_required_component_is_asked_for() {
    let names: Vec<&'static str> = vec![
        "@method",
        "@path",
        "@query",
        "@authority",
        "content-digest",
        "content-type",
        "idempotency-key",
    ];
    for left_out in names {
        let some = ALL.replace(&format!("\"{left_out}\""), "").replace("  ", " ");
        let parts = signed_over(some.trim(), PARAMS);
        assert_eq!(verdict(&parts, BODY), Err(SignFault::NotCovered(left_out)));
    }
}

#[test]
fn a_signature_is_taken_for_300_s_around_its_time() {
    for ms in [NOW.0 - 300_000, NOW.0 + 300_000] {
        assert_eq!(verdict_at(&signed(), BODY, Time(ms)), Ok(()));
    }
    for ms in [NOW.0 - 300_001, NOW.0 + 300_001] {
        assert_eq!(verdict_at(&signed(), BODY, Time(ms)), Err(SignFault::Stale));
    }
    let expired = signed_over(ALL, &format!("{PARAMS};expires=1795489199"));
    assert_eq!(verdict(&expired, BODY), Err(SignFault::Stale));
    let restarted = SignatureGate::new(vec![origin()], Time(NOW.0 + 1000));
    assert_eq!(restarted.verify(&signed(), BODY, NOW, known), Err(SignFault::Stale));
}

#[test]
fn parameters_that_are_missing_or_not_allowed_are_refused() {
    for params in [
        r#";keyid="company-a";nonce="0123456789abcdef""#,
        r#";created=1795489200;nonce="0123456789abcdef""#,
        r#";created=1795489200;keyid="company-a""#,
        r#";created=1795489200;keyid="company-a";nonce="short""#,
        r#";created="1795489200";keyid="company-a";nonce="0123456789abcdef""#,
        r#";created=-1;keyid="company-a";nonce="0123456789abcdef""#,
        r#";created=1795489200;keyid="company-a";nonce="0123456789abcdef";alg="hmac-sha256""#,
        r#";created=1795489200;keyid="company-a";nonce="0123456789abcdef";more=1"#,
    ] {
        assert_eq!(verdict(&signed_over(ALL, params), BODY), Err(SignFault::Form), "{params}");
    }
}

#[test]
fn fields_that_leave_a_choice_are_refused() {
    assert_eq!(verdict(&request("POST", "/"), b""), Err(SignFault::Missing));
    let mut no_input = signed();
    no_input.headers.remove("signature-input");
    let mut two_headers = signed();
    let copy = two_headers.headers["signature"].clone();
    two_headers.headers.append("signature", copy);
    let mut two_labels = signed();
    let text = two_labels.headers["signature"].to_str().unwrap().replace("jichi=", "b=");
    let both = format!("{}, {text}", two_labels.headers["signature"].to_str().unwrap());
    set(&mut two_labels, "signature", &both);
    let mut other_label = signed();
    set(&mut other_label, "signature", &text);
    let twice = signed_over(&format!(r#"{ALL} "@path""#), PARAMS);
    let mut with_parameter = signed();
    let input = with_parameter.headers["signature-input"].to_str().unwrap();
    let input = input.replace("\"content-type\"", "\"content-type\";sf");
    set(&mut with_parameter, "signature-input", &input);
    for parts in [no_input, two_headers, two_labels, other_label, twice, with_parameter] {
        assert_eq!(verdict(&parts, BODY), Err(SignFault::Form), "{:?}", parts.headers);
    }
}

#[test]
fn an_unknown_key_and_a_wrong_one_answer_alike() {
    let unknown = gate().verify(&signed(), BODY, NOW, |_| None);
    assert_eq!(unknown, Err(SignFault::UnknownKey));
    let other = SigningKey::from_seed(&[8; 32]).public();
    let unfit = gate().verify(&signed(), BODY, NOW, |_| Some(other));
    assert_eq!(unfit, Err(SignFault::Unfit));
    let (one, two) = (Problem::from(SignFault::UnknownKey), Problem::from(SignFault::Unfit));
    assert_eq!(one, two);
}

#[test]
fn a_request_that_is_refused_uses_up_no_nonce() {
    let gate = gate();
    let other = SigningKey::from_seed(&[8; 32]).public();
    assert!(gate.verify(&signed(), BODY, NOW, |_| Some(other)).is_err());
    assert!(gate.verify(&signed(), BODY, NOW, known).is_ok());
}

#[test]
fn an_origin_has_no_path_and_no_user() {
    let own: Origin = "https://Points.Example:443".parse().unwrap();
    assert_eq!((own.scheme(), own.authority()), ("https", "points.example"));
    let local: Origin = "http://127.0.0.1:8080".parse().unwrap();
    assert_eq!(local.authority(), "127.0.0.1:8080");
    for text in
        ["points.example", "ftp://a", "https://", "https://a/", "https://u@a", "https://a?b"]
    {
        assert_eq!(text.parse::<Origin>(), Err(NotAnOrigin), "{text}");
    }
}
