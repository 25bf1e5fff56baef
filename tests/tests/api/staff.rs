//! Officers: each role does its own, and nobody approves what they made.

use jichi::client::new_key;
use jichi_tests::furnished::{Shared, text};
use serde_json::json;

use super::expect_code;

#[test]
fn an_officer_does_what_the_role_allows_and_nothing_else() {
    let shared = Shared::get();
    let town = shared.alone();
    let person = town.resident(100);
    let (maker, approver) = (town.officer("maker"), town.officer("approver"));
    let grant = json!({"programme": 1, "mykey_id": person.mykey, "points": 900, "activity": "祭"});
    let large = json!({"programme": 1, "mykey_id": person.mykey, "points": 1_001,
        "activity": "防災"});
    let proposal = text(&maker.command("/v1/proposals", &large).expect("a proposal"), "proposal");
    let decision = format!("/v1/proposals/{proposal}/decision");
    let approve = json!({"verdict": "approve"});
    let before = town.state(&person);
    let key = || new_key().expect("a key");
    let forbidden = [
        maker.post(&decision, Some(&key()), &approve),
        maker.post("/v1/programmes", Some(&key()), &programme()),
        maker.get("/v1/proposals"),
        maker.get("/v1/log/entries?from=0"),
        approver.post("/v1/grants", Some(&key()), &grant),
        approver.post("/v1/proposals", Some(&key()), &large),
        approver.post(
            &format!("/v1/accounts/{}/state", person.account),
            Some(&key()),
            &json!({"state": "frozen"}),
        ),
    ];
    for reply in forbidden {
        expect_code(&reply.expect("an answer"), 403, "forbidden_role");
    }
    let staff = format!("http://{}", town.node().addresses.staff);
    let resident = jichi::client::Client::new(&staff).with_token(&person.token);
    let nobody = jichi::client::Client::new(&staff);
    for client in [&resident, &nobody] {
        for path in ["/v1/grants", "/v1/proposals", decision.as_str()] {
            let reply = client.post(path, Some(&key()), &grant).expect("an answer");
            expect_code(&reply, 401, "unauthenticated");
        }
    }
    assert_eq!(town.state(&person), before);
    approver.command(&decision, &approve).expect("an approval");
    assert_eq!(person.points(), 1_101);
    let again = approver.post(&decision, Some(&key()), &approve).expect("an answer");
    expect_code(&again, 404, "unknown_proposal");
    assert_eq!(person.points(), 1_101);
}

fn programme() -> serde_json::Value {
    json!({"programme": 2, "name": "別の事業", "ceiling": 10, "from": "2020-01-01",
        "until": "2099-03-31", "audience": "residents", "cap": null,
        "expiry": {"fiscal_year_end": 0}, "grace": "may", "issuer": "town", "paid": "no",
        "two_officers_above": 1_000})
}

#[test]
fn nobody_approves_their_own_even_with_both_roles() {
    let shared = Shared::get();
    let town = shared.alone();
    let person = town.resident(0);
    let both = town.officer("both");
    let large = json!({"programme": 1, "mykey_id": person.mykey, "points": 1_500,
        "activity": "功労"});
    let proposal = text(&both.command("/v1/proposals", &large).expect("a proposal"), "proposal");
    let decision = format!("/v1/proposals/{proposal}/decision");
    let approve = json!({"verdict": "approve"});
    let reply = both.post(&decision, Some(&new_key().expect("a key")), &approve);
    expect_code(&reply.expect("an answer"), 403, "same_officer");
    assert_eq!(person.points(), 0);
    town.officer("approver").command(&decision, &approve).expect("another officer approves");
    assert_eq!(person.points(), 1_500);
}

#[test]
fn above_the_limit_one_officer_alone_grants_nothing() {
    let shared = Shared::get();
    let town = shared.alone();
    let person = town.resident(0);
    let large = json!({"programme": 1, "mykey_id": person.mykey, "points": 1_001,
        "activity": "功労"});
    let reply = town.officer("maker").post("/v1/grants", Some(&new_key().expect("a key")), &large);
    expect_code(&reply.expect("an answer"), 422, "second_officer_needed");
    assert_eq!(person.points(), 0);
}
