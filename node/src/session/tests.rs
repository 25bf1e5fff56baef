//! Sessions, cookies and form tokens.

use super::*;

fn at(minutes: u64) -> Monotonic {
    Monotonic(Duration::from_mins(minutes))
}

fn token(n: u8) -> Token {
    Token::new([n; 32])
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

#[test]
fn a_session_ends_after_30_idle_minutes() {
    let mut sessions = Sessions::default();
    sessions.open("sato", &token(1), at(0));
    assert_eq!(sessions.find(&token(1), at(29)), Some("sato"));
    assert_eq!(sessions.find(&token(1), at(58)), Some("sato"));
    assert_eq!(sessions.find(&token(1), at(88)), None);
    assert_eq!(sessions.find(&token(1), at(58)), None);
}

#[test]
fn a_session_ends_after_10_hours_however_busy() {
    let mut sessions = Sessions::default();
    sessions.open("sato", &token(1), at(0));
    for minute in (0..600).step_by(20) {
        assert_eq!(sessions.find(&token(1), at(minute)), Some("sato"));
    }
    assert_eq!(sessions.find(&token(1), at(600)), None);
}

#[test]
fn sessions_are_found_by_their_own_token_only_and_closed() {
    let mut sessions = Sessions::default();
    sessions.open("sato", &token(1), at(0));
    sessions.open("sato", &token(2), at(0));
    sessions.open("suzuki", &token(3), at(0));
    assert_eq!(sessions.find(&token(9), at(0)), None);
    sessions.close(&token(1));
    assert_eq!(sessions.find(&token(1), at(0)), None);
    sessions.close_all(&"sato");
    assert_eq!(sessions.find(&token(2), at(0)), None);
    assert_eq!(sessions.find(&token(3), at(0)), Some("suzuki"));
}

#[test]
fn one_holder_has_a_bounded_number_and_loses_the_idlest() {
    let mut sessions = Sessions::default();
    sessions.open("suzuki", &token(100), at(0));
    for n in 0..8 {
        sessions.open("sato", &token(n), at(u64::from(n)));
    }
    assert!(sessions.find(&token(0), at(8)).is_some());
    sessions.open("sato", &token(8), at(9));
    assert_eq!(sessions.find(&token(1), at(9)), None);
    assert!(sessions.find(&token(0), at(9)).is_some());
    assert!(sessions.find(&token(100), at(9)).is_some());
    assert_eq!(sessions.len(), 9);
}

#[test]
fn ended_sessions_take_no_memory() {
    let mut sessions = Sessions::default();
    for n in 0..100 {
        sessions.open(n, &token(n), at(0));
    }
    sessions.open(200, &token(200), at(30));
    assert_eq!(sessions.len(), 1);
}

#[test]
fn the_cookie_is_for_this_site_only_and_secure_except_on_loopback() {
    let text = token(0).cookie(CookieTransport::SecureOnly);
    assert_eq!(
        text,
        "jichi_session=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA; Path=/; Max-Age=36000; \
         HttpOnly; SameSite=Strict; Secure"
    );
    let ended = ending_cookie(CookieTransport::AlsoPlain);
    let expected = "jichi_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict";
    assert_eq!(ended, expected);
    for (listener, scheme, expected) in [
        ("127.0.0.1", "http", CookieTransport::AlsoPlain),
        ("::1", "http", CookieTransport::AlsoPlain),
        ("127.0.0.1", "https", CookieTransport::SecureOnly),
        ("0.0.0.0", "http", CookieTransport::SecureOnly),
        ("192.0.2.1", "http", CookieTransport::SecureOnly),
    ] {
        assert_eq!(CookieTransport::of(listener.parse().unwrap(), scheme), expected, "{listener}");
    }
}

#[test]
fn a_token_is_read_from_cookie_or_bearer_and_never_guessed() {
    let text = token(5).text();
    let cookie = format!("a=b; jichi_session={}; c=d", *text);
    let bearer = format!("Bearer {}", *text);
    let carried = Carried::by(&headers(&[("cookie", &cookie)])).unwrap();
    assert!(matches!(carried, Carried::Cookie(ref t) if t.hash() == token(5).hash()));
    let carried = Carried::by(&headers(&[("authorization", &bearer)])).unwrap();
    assert!(matches!(carried, Carried::Bearer(ref t) if t.hash() == token(5).hash()));
    for refused in [
        headers(&[]),
        headers(&[("cookie", &cookie), ("cookie", &cookie)]),
        headers(&[("authorization", &bearer), ("authorization", &bearer)]),
        headers(&[("authorization", "Basic YTpi"), ("cookie", &cookie)]),
        headers(&[("cookie", "jichi_session=short")]),
        headers(&[("cookie", &cookie.replace("jichi_session", "xjichi_session"))]),
    ] {
        assert!(Carried::by(&refused).is_none(), "{refused:?}");
    }
}

#[test]
fn a_form_by_cookie_needs_the_sessions_own_form_token() {
    let (mine, other) = (token(1).form_token(), token(2).form_token());
    let by_cookie = Carried::Cookie(token(1));
    assert!(by_cookie.may_change(Some(&mine)));
    for wrong in [None, Some(other.as_str()), Some(""), Some(&mine[1..])] {
        assert!(!by_cookie.may_change(wrong), "{wrong:?}");
    }
    assert!(Carried::Bearer(token(1)).may_change(None));
    assert!(!mine.contains(&*token(1).text()));
}

#[test]
fn tokens_are_random_and_not_shown() {
    let (one, two) = (Token::random().unwrap(), Token::random().unwrap());
    assert_ne!(one.hash(), two.hash());
    assert_eq!(format!("{one:?}"), "Token(..)");
}
