//! The form of the pages, read roughly: what a reader with a screen reader or a keyboard needs.

use std::collections::BTreeSet;

use super::{
    convert,
    stage::{NAME, Page, Stage},
};

/// Looks at a page's landmarks, headings, labels and references.
fn check(path: &str, page: &Page) {
    let text = &page.text;
    assert!(text.starts_with("<!DOCTYPE html>\n<html lang=\"ja\""), "{path}");
    for (tag, count) in [("h1", 1), ("main", 1), ("header", 1), ("footer", 1), ("title", 1)] {
        assert_eq!(page.tags(tag).len(), count, "{path}: {tag}");
    }
    for forbidden in ["<script", " style=", " onclick", "javascript:", "{{", "{%"] {
        assert!(!text.contains(forbidden), "{path}: {forbidden}");
    }
    let ids: Vec<&str> =
        text.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let known: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(known.len(), ids.len(), "{path}: an id stands twice");
    for reference in ["aria-labelledby", "aria-describedby"] {
        let opening = format!(" {reference}=\"");
        let named = text.split(&opening).skip(1);
        for name in named.flat_map(|rest| rest.split('"').next().unwrap().split(' ')) {
            assert!(known.contains(name), "{path}: {reference} {name}");
        }
    }
    let labels = page.tags("label");
    for field in page.tags("input") {
        if field.is("type", "hidden") {
            continue;
        }
        let id = field.get("id").unwrap_or_else(|| panic!("{path}: a field without id"));
        assert!(labels.iter().any(|label| label.is("for", id)), "{path}: no label for {id}");
    }
    assert!(page.tags("textarea").is_empty() && page.tags("select").is_empty());
    for form in page.tags("form") {
        assert!(form.is("method", "post"), "{path}");
    }
    let posting = text.split("<form").skip(1).map(|rest| rest.split("</form>").next().unwrap());
    for form in posting {
        let has_token = form.contains("name=\"form_token\" value=\"");
        assert!(has_token || form.contains("action=\"/sign-in\""), "{path}: no form token");
        assert!(form.contains("<button"), "{path}: no button");
    }
    for head in page.tags("th") {
        assert!(head.get("scope").is_some(), "{path}: a heading cell without scope");
    }
}

#[tokio::test]
async fn every_page_has_landmarks_one_heading_and_a_label_for_each_field() {
    let stage = Stage::new().await;
    let person = stage.enrol(5, NAME).await;
    stage.grants(&person, 1_000, "walk").await;
    stage.grants(&person, 1_000, "walk").await;
    convert::converts(&stage, &person, "r-1").await;
    let cookie = stage.signs_in(&person).await;
    for path in ["/", "/log", "/me", "/no-such-page"] {
        check(path, &stage.get(path, "").await);
        check(path, &stage.get(path, &cookie).await);
    }
    let failed = stage.post("/sign-in", "", "mykey_id=x&password=y").await;
    assert!(failed.text.contains("role=\"alert\""));
    check("/sign-in", &failed);
}

#[tokio::test]
async fn a_library_card_is_linked_with_consent_and_its_forms_are_labelled() {
    let stage = Stage::new().await;
    let person = stage.enrol(5, NAME).await;
    let cookie = stage.signs_in(&person).await;
    let page = stage.get("/me", &cookie).await;
    assert!(page.text.contains("action=\"/me/library-cards\""), "{}", page.text);
    let form = format!(
        "form_token={}&key={}&institution=102016&number=12345678",
        page.hidden("form_token"),
        page.hidden("key")
    );
    let without = stage.post("/me/library-cards", &cookie, &form).await;
    assert!(without.text.contains("同意"), "{}", without.text);
    let linked = stage.post("/me/library-cards", &cookie, &(form + "&consent=yes")).await;
    assert_eq!(linked.status, axum::http::StatusCode::SEE_OTHER, "{}", linked.text);
    let page = stage.get("/me", &cookie).await;
    check("/me", &page);
    assert!(page.text.contains("action=\"/me/library-cards/end\""), "{}", page.text);
    assert!(!page.text.contains("12345678"), "the number stands on no page");
}
