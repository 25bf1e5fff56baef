//! The pages, asked as a browser asks.

mod convert;
mod form;
mod stage;

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use jichi_protocol::{
    command::{AccountStateChange, Actor, Command, Nothing},
    log::receipt::Receipt,
    text::grouped,
};

use super::words::{Day, KINDS};
use stage::{NAME, PASSWORD, Stage};

const TEMPLATES: &[(&str, &str)] = &[
    ("base.html", include_str!("../../templates/base.html")),
    ("fault.html", include_str!("../../templates/fault.html")),
    ("front.html", include_str!("../../templates/front.html")),
    ("library.html", include_str!("../../templates/library.html")),
    ("link.html", include_str!("../../templates/link.html")),
    ("linked.html", include_str!("../../templates/linked.html")),
    ("log.html", include_str!("../../templates/log.html")),
    ("me.html", include_str!("../../templates/me.html")),
    ("old.html", include_str!("../../templates/old.html")),
    ("order.html", include_str!("../../templates/order.html")),
    ("ordered.html", include_str!("../../templates/ordered.html")),
    ("town.html", include_str!("../../templates/town.html")),
    ("towns.html", include_str!("../../templates/towns.html")),
    ("unknown.html", include_str!("../../templates/unknown.html")),
];

#[test]
fn every_kind_of_command_has_its_words() {
    let kinds: Vec<&str> = Command::KINDS.iter().map(|(_, name)| *name).collect();
    let worded: Vec<&str> = KINDS.iter().map(|(kind, ..)| *kind).collect();
    assert!(kinds.contains(&"Pay"));
    assert_eq!(worded, kinds);
    assert!(KINDS.iter().all(|(_, ja, en)| !ja.is_ascii() && en.is_ascii() && !en.is_empty()));
}

#[test]
fn no_page_speaks_of_money_back() {
    let wrong = concat!("返", "金");
    let sources = [include_str!("words.rs"), include_str!("mine.rs"), include_str!("fault.rs")];
    let in_templates = TEMPLATES.iter().map(|(_, text)| *text);
    assert!(in_templates.chain(sources).all(|text| !text.contains(wrong)));
    assert!(KINDS.iter().any(|(kind, ja, _)| *kind == "Refund" && *ja == "ポイントの返還"));
}

#[test]
fn every_template_is_looked_at_by_the_tests() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/templates");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name());
    let mut names: Vec<String> = files.map(|name| name.into_string().unwrap()).collect();
    names.retain(|name| name != "page.css");
    names.sort();
    assert_eq!(names, TEMPLATES.iter().map(|(name, _)| *name).collect::<Vec<_>>());
}

#[test]
fn numbers_and_days_are_written_for_readers() {
    assert_eq!([0_u64, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    let day = Day::parse("2026-05-01T09:30:00.000+09:00");
    assert_eq!((day.iso.as_str(), day.ja.as_str()), ("2026-05-01", "2026年5月1日"));
}

#[tokio::test]
async fn a_holder_signs_in_and_sees_balance_lots_and_history() {
    let stage = Stage::new().await;
    let person = stage.enrol(5, NAME).await;
    stage.grants(&person, 1_200, "walk in May").await;
    stage.grants(&person, 300, "walk in June").await;
    // The same activity again is refused, and that stands in the history.
    stage.grants(&person, 300, "walk in June").await;
    let cookie = stage.signs_in(&person).await;
    let page = stage.get("/me", &cookie).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("<span class=\"number\">1,500</span>"), "{}", page.text);
    assert!(page.text.contains("付与: 健康づくり"));
    assert!(page.text.contains("+1,200") && page.text.contains("+300"));
    assert!(page.text.contains("できませんでした:"));
    let refused = crate::api::refusal::line("already_granted").unwrap();
    assert!(page.text.contains(refused.ja) && page.text.contains(refused.next_ja));
    assert!(page.text.contains(person.mykey.text().as_str()));
    assert!(!page.text.contains(NAME), "the name need not stand on a shared screen");
}

#[tokio::test]
async fn a_long_history_comes_page_by_page() {
    let stage = Stage::new().await;
    let person = stage.enrol(5, NAME).await;
    for day in 0..55 {
        stage.grants(&person, 1, &format!("day {day}")).await;
    }
    let cookie = stage.signs_in(&person).await;
    let page = stage.get("/me", &cookie).await;
    let older = page.tags("a").into_iter().find_map(|link| {
        link.get("href").filter(|href| href.starts_with("/me?before=")).map(str::to_owned)
    });
    let receipts = |text: &str| text.matches("href=\"/me/receipts/").count();
    assert_eq!(receipts(&page.text), 50);
    let page = stage.get(&older.unwrap(), &cookie).await;
    assert_eq!(receipts(&page.text), 6);
    assert!(page.text.contains("新しい記録に戻る"));
}

#[tokio::test]
async fn a_wrong_password_is_told_in_the_form_and_opens_nothing() {
    let stage = Stage::new().await;
    let person = stage.enrol(5, NAME).await;
    let form = format!("mykey_id={}&password=not-the-password", person.mykey.id.as_str());
    let page = stage.post("/sign-in", "", &form).await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    assert!(page.text.contains("サインインできませんでした"));
    assert!(page.text.contains("マイキーIDとパスワードを確かめて"));
    assert_eq!(page.header("set-cookie"), "");
    assert!(!page.text.contains("not-the-password"));
    // An ID that nobody has looks the same.
    let other = stage.post("/sign-in", "", "mykey_id=zzzzzzz9&password=not-the-password").await;
    assert_eq!((other.status, other.text), (page.status, page.text));
}

#[tokio::test]
async fn wrong_passwords_in_a_row_have_to_wait_and_are_told_how_long() {
    let stage = Stage::new().await;
    let person = stage.enrol(5, NAME).await;
    let form = format!("mykey_id={}&password=not-the-password", person.mykey.id.as_str());
    let mut page = stage.post("/sign-in", "", &form).await;
    for _ in 0..20 {
        if page.status != StatusCode::UNAUTHORIZED {
            break;
        }
        page = stage.post("/sign-in", "", &form).await;
    }
    assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
    let seconds = page.header("retry-after").to_owned();
    assert!(page.text.contains(&format!("あと{seconds}秒")), "{}", page.text);
}

#[tokio::test]
async fn a_form_that_another_site_sends_signs_nobody_in() {
    let stage = Stage::new().await;
    let person = stage.enrol(5, NAME).await;
    let form = format!("mykey_id={}&password={PASSWORD}", person.mykey.id.as_str());
    let request = Request::post("/sign-in")
        .header("sec-fetch-site", "cross-site")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(form));
    let page = stage.asks(request.unwrap()).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert_eq!(page.header("set-cookie"), "");
}

#[tokio::test]
async fn without_a_session_the_holders_pages_say_to_sign_in() {
    let stage = Stage::new().await;
    for cookie in ["", "jichi_session=AAAA", "jichi_session=x; jichi_session=y"] {
        for path in ["/me", "/me/receipts/0"] {
            let page = stage.get(path, cookie).await;
            assert_eq!(page.status, StatusCode::UNAUTHORIZED, "{path}");
            assert!(page.text.contains("サインインが必要です"));
            assert!(page.text.contains("href=\"/#sign-in\""));
        }
    }
}

#[tokio::test]
async fn signing_out_needs_the_form_token_and_ends_the_session() {
    let stage = Stage::new().await;
    let person = stage.enrol(5, NAME).await;
    let cookie = stage.signs_in(&person).await;
    let refused = stage.post("/sign-out", &cookie, "").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let page = stage.get("/me", &cookie).await;
    assert_eq!(page.status, StatusCode::OK);
    let form = format!("form_token={}", page.hidden("form_token"));
    let out = stage.post("/sign-out", &cookie, &form).await;
    assert_eq!((out.status, out.header("location")), (StatusCode::SEE_OTHER, "/"));
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(stage.get("/me", &cookie).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_receipt_is_the_holders_own_or_is_not_there() {
    let stage = Stage::new().await;
    let (one, other) = (stage.enrol(5, NAME).await, stage.enrol(6, "別の人").await);
    let crate::engine::Answer::Entry(granted) = stage.grants(&one, 100, "walk").await else {
        panic!("not granted")
    };
    let path = format!("/me/receipts/{}", granted.entry.index);
    let mine = stage.get(&path, &stage.signs_in(&one).await).await;
    assert_eq!(mine.status, StatusCode::OK);
    assert_eq!(mine.header("content-type"), "text/plain; charset=utf-8");
    assert!(mine.header("content-disposition").ends_with(".tlog-proof\""));
    let receipt = Receipt::parse(mine.text.as_bytes()).unwrap();
    let leaf = jichi_protocol::log::tree::leaf_hash(&granted.stored.leaf());
    receipt.verify(stage.town.engine().log_key(), &leaf).unwrap();
    let cookie = stage.signs_in(&other).await;
    for path in [path.as_str(), "/me/receipts/0", "/me/receipts/999999", "/me/receipts/x"] {
        let page = stage.get(path, &cookie).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}");
        assert!(!page.text.contains("tlog-proof"));
    }
}

#[tokio::test]
async fn public_pages_show_no_person_and_no_single_shops_takings() {
    let stage = Stage::new().await;
    let person = stage.enrol(5, NAME).await;
    stage.grants(&person, 4_321, "walk").await;
    for path in ["/", "/log", "/no-such-page"] {
        let page = stage.get(path, "").await;
        let secrets = [NAME.into(), person.mykey.text(), person.mykey.id.as_str().to_owned()];
        assert!(secrets.iter().all(|secret| !page.text.contains(secret)), "{path}");
        assert!(!page.text.contains(&person.account.to_string()), "{path}");
    }
    let front = stage.get("/", "").await;
    assert!(front.text.contains("&#60;角&#62;の豆腐店"), "{}", front.text);
    assert!(!front.text.contains("休業中の店"));
    let log = stage.get("/log", "").await;
    assert!(log.text.contains("施策による付与") && log.text.contains("4,321"));
    assert!(log.text.contains("借方と貸方は一致しています"));
    let checkpoint = stage.town.engine().checkpoint();
    assert!(checkpoint.lines().all(|line| log.text.contains(line)));
}

#[tokio::test]
async fn a_frozen_account_is_told_so() {
    let stage = Stage::new().await;
    let person = stage.enrol(5, NAME).await;
    let change = AccountStateChange {
        account: person.account,
        state: jichi_protocol::account::HolderState::Frozen,
        actor: Actor::Holder,
    };
    stage.does(Command::SetAccountState(Nothing {}, change)).await;
    let page = stage.get("/me", &stage.signs_in(&person).await).await;
    assert!(page.text.contains("利用停止中です"));
}

#[tokio::test]
async fn every_answer_has_the_headers_that_keep_a_page_safe() {
    let stage = Stage::new().await;
    let person = stage.enrol(5, NAME).await;
    let cookie = stage.signs_in(&person).await;
    for path in ["/", "/me", "/log", "/me/receipts/5", "/page.css", "/no-such-page"] {
        let page = stage.get(path, &cookie).await;
        let policy = page.header("content-security-policy");
        for part in [
            "default-src 'none'",
            "style-src 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(part), "{path}: {part}");
        }
        assert_eq!(page.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(page.header("referrer-policy"), "no-referrer", "{path}");
        let cached = page.header("cache-control");
        assert_eq!(cached == "no-store", path != "/page.css", "{path}: {cached}");
    }
}

#[tokio::test]
async fn the_text_size_is_kept_in_a_cookie_and_leads_nowhere_else() {
    let stage = Stage::new().await;
    let chosen = stage.get("/text-size?size=largest&back=log", "").await;
    assert_eq!((chosen.status, chosen.header("location")), (StatusCode::SEE_OTHER, "/log"));
    let cookie = chosen.header("set-cookie").split(';').next().unwrap().to_owned();
    let page = stage.get("/log", &cookie).await;
    assert!(page.text.contains("class=\"text-largest\""));
    let current = page.tags("a").into_iter().filter(|link| link.is("aria-current", "true"));
    assert_eq!(current.count(), 1);
    for query in ["size=huge&back=log", "size=large&back=//elsewhere.example", ""] {
        let page = stage.get(&format!("/text-size?{query}"), "").await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST);
        assert_eq!(page.header("set-cookie"), "");
    }
    let page = stage.get("/", "jichi_text=\"><script>").await;
    assert!(page.text.contains("class=\"text-standard\""));
}

#[tokio::test]
async fn what_is_not_there_is_a_page_for_readers_and_a_problem_for_programs() {
    let stage = Stage::new().await;
    let page = stage.get("/no-such-page", "").await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert!(page.text.starts_with("<!DOCTYPE html>") && page.text.contains("見つかりません"));
    let wrong = stage.post("/log", "", "").await;
    assert_eq!(wrong.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(wrong.text.contains("最初のページに戻って"));
    let problem = stage.asks(Request::get("/v1/no").body(Body::empty()).unwrap()).await;
    assert_eq!(problem.status, StatusCode::NOT_FOUND);
    assert!(problem.header("content-type").starts_with("application/problem+json"));
}
