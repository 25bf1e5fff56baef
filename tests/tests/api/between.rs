//! What officers see of other towns: transfers under way and months to settle, page by page.

use jichi_tests::furnished::Shared;
use serde_json::json;

use super::expect_code;

#[test]
fn lists_of_other_towns_are_for_the_officers_of_that_work_and_paged() {
    let shared = Shared::get();
    let town = shared.alone();
    let get = |login: &str, path: &str| town.officer(login).get(path).expect("an answer");
    for (path, name) in [("/v1/transfers", "transfers"), ("/v1/settlements", "settlements")] {
        let empty = get("approver", path).ok().expect("a list");
        assert_eq!(empty, json!({name: [], "next": null}));
        expect_code(&get("phone", path), 403, "forbidden_role");
        let staff = format!("http://{}", town.node().addresses.staff);
        let nobody = jichi::client::Client::new(&staff).with_token(&town.resident(10).token);
        expect_code(&nobody.get(path).expect("an answer"), 401, "unauthenticated");
    }
    // The desk tells a resident where the points are; the yen is not its work.
    assert!(get("maker", "/v1/transfers").ok().is_ok());
    expect_code(&get("maker", "/v1/settlements"), 403, "forbidden_role");
    for path in [
        "/v1/transfers?town=0",
        "/v1/settlements?month=2026-13",
        "/v1/settlements?after=2026-11",
        "/v1/settlements?after=2026-11.141500.lent",
    ] {
        expect_code(&get("approver", path), 400, "invalid_value");
    }
    let last = get("approver", "/v1/settlements?after=2026-11.141500.given").ok();
    assert_eq!(last.expect("a list"), json!({"settlements": [], "next": null}));
}
