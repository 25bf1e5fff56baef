//! Payments: signatures, proofs, and the same request twice.

use std::thread;

use jichi::client::{Reply, Terminal, new_key, new_signing_key};
use jichi_node::{clock, town::proof_hash};
use jichi_protocol::{
    codec,
    id::{TerminalId, TownId},
    intent::{PaymentIntent, RefundIntent},
    key::ClientKey,
    points::Points,
    signature::{Domain, SigningKey},
};
use jichi_tests::furnished::{Furnished, PASSWORD, Shared};
use serde_json::{Value, json};

use super::{at_the_till, expect_code, payment};

fn post(till: &Terminal, key: ClientKey, body: &Value) -> Reply {
    till.client.post("/v1/payments", Some(&key), body).expect("an answer")
}

/// A payment's body whose signature is made by this key, in this domain, over this town.
fn forged(
    till: &Terminal,
    (key, proof): (ClientKey, &str),
    (signer, domain): (&SigningKey, Domain),
    town: TownId,
) -> Value {
    let intent = PaymentIntent {
        town,
        key,
        merchant: till.merchant,
        terminal: till.terminal,
        points: Points::from_u32(10),
        total_yen: None,
        at: clock::now(),
        proof: proof_hash(proof),
        rest: None,
    };
    let signature = signer.sign(domain, &codec::encode(&intent));
    json!({"merchant": till.merchant.0, "terminal": till.terminal.0, "points": 10,
        "at": intent.at.0, "proof": proof, "signature": signature.to_string()})
}

#[test]
fn only_the_terminals_own_signature_over_this_very_payment_is_taken() {
    let shared = Shared::get();
    let town = shared.alone();
    let (person, proof) = at_the_till(&town, 500);
    let (till, before) = (&town.till, town.state(&person));
    let key = new_key().expect("a key");
    let right = (&till.key, Domain::Payment);
    let stranger = new_signing_key().expect("a key");
    let sagamihara: TownId = "141500".parse().expect("a town");
    for body in [
        forged(till, (key, &proof), (&stranger, Domain::Payment), till.town),
        forged(till, (key, &proof), (&town.other_till.key, Domain::Payment), till.town),
        forged(till, (key, &proof), (&till.key, Domain::Refund), till.town),
        forged(till, (key, &proof), (&till.key, Domain::Void), till.town),
        // Signed for another town, and sent here.
        forged(till, (key, &proof), right, sagamihara),
        // Signed under another key.
        forged(till, (new_key().expect("a key"), &proof), right, till.town),
    ] {
        expect_code(&post(till, key, &body), 401, "bad_signature");
    }
    let mut changed = forged(till, (key, &proof), right, till.town);
    changed["points"] = json!(11);
    expect_code(&post(till, key, &changed), 401, "bad_signature");
    changed["points"] = json!(10);
    changed["signature"] = json!("00");
    expect_code(&post(till, key, &changed), 400, "invalid_value");
    assert_eq!(town.state(&person), before);
    let paid = post(till, key, &forged(till, (key, &proof), right, till.town));
    assert_eq!(paid.status, 200, "{}", paid.body);
}

#[test]
fn a_proof_is_good_at_its_terminal_and_for_nothing_else() {
    let shared = Shared::get();
    let town = shared.alone();
    let (person, proof) = at_the_till(&town, 500);
    let before = town.state(&person);
    let key = new_key().expect("a key");
    let elsewhere = payment(&town.other_till, key, &proof, 10);
    expect_code(&post(&town.other_till, key, &elsewhere), 401, "unauthenticated");
    for unknown in ["", "x", &"0".repeat(64), &person.token] {
        let body = payment(&town.till, key, unknown, 10);
        expect_code(&post(&town.till, key, &body), 401, "unauthenticated");
    }
    // A session's token is no proof, and a proof is no session.
    let me = town.node().public().with_token(&proof).get("/v1/me").expect("an answer");
    expect_code(&me, 401, "unauthenticated");
    assert_eq!(town.state(&person), before);
}

#[test]
fn an_unknown_terminal_is_refused() {
    let shared = Shared::get();
    let town = shared.alone();
    let person = town.resident(100);
    let before = town.state(&person);
    let body = json!({"terminal": 99, "mykey_id": person.mykey, "password": PASSWORD});
    let proof = town.till.client.post("/v1/proofs", None, &body).expect("an answer");
    expect_code(&proof, 403, "unknown_terminal");
    let (key, paid) = (new_key().expect("a key"), new_key().expect("a key"));
    let intent = RefundIntent {
        town: town.till.town,
        key,
        merchant: town.till.merchant,
        terminal: TerminalId(99),
        payment: paid.payment(),
        points: Points::from_u32(1),
        at: clock::now(),
    };
    let signature = town.till.key.sign(Domain::Refund, &codec::encode(&intent));
    let body = json!({"merchant": 1, "terminal": 99, "payment": paid.payment().to_string(),
        "points": 1, "at": intent.at.0, "signature": signature.to_string()});
    let refund = town.till.client.post("/v1/refunds", Some(&key), &body).expect("an answer");
    expect_code(&refund, 403, "unknown_terminal");
    assert_eq!(town.state(&person), before);
}

#[test]
fn a_frozen_account_pays_nothing_and_the_refusal_is_written() {
    let shared = Shared::get();
    let town = shared.alone();
    let (person, proof) = at_the_till(&town, 500);
    set_state(&town, &person.account, "frozen");
    let before = town.durable();
    let key = new_key().expect("a key");
    let body = payment(&town.till, key, &proof, 10);
    expect_code(&post(&town.till, key, &body), 422, "account_frozen");
    assert_eq!(town.durable(), before + 1, "the refusal is written");
    // The same key, the same answer; also when the reason is gone.
    set_state(&town, &person.account, "open");
    expect_code(&post(&town.till, key, &body), 422, "account_frozen");
    assert_eq!(town.durable(), before + 2, "only the opening was written");
    assert_eq!(person.points(), 500);
    let asked = town.till.client.get(&format!("/v1/operations/{key}")).expect("an answer");
    expect_code(&asked, 422, "account_frozen");
}

fn set_state(town: &Furnished, account: &str, state: &str) {
    let path = format!("/v1/accounts/{account}/state");
    town.officer("maker").command(&path, &json!({"state": state})).expect("a new state");
}

#[test]
fn a_replay_gets_the_same_answer_and_other_content_under_the_key_is_refused() {
    let shared = Shared::get();
    let town = shared.alone();
    let (person, proof) = at_the_till(&town, 500);
    let key = new_key().expect("a key");
    let body = payment(&town.till, key, &proof, 30);
    let first = post(&town.till, key, &body);
    assert_eq!(first.status, 200, "{}", first.body);
    let after = town.state(&person);
    assert_eq!(after.1, 470);
    let again = post(&town.till, key, &body);
    assert_eq!(again.status, 200);
    for field in ["entry", "time", "leaf", "payment", "points"] {
        assert_eq!(again.body[field], first.body[field], "{field}");
    }
    let other = payment(&town.till, key, &proof, 31);
    expect_code(&post(&town.till, key, &other), 422, "same_key_other_content");
    // Another command under the key is other content, too.
    let refund = town.till.refund(key, key.payment(), 30, clock::now()).expect("an answer");
    expect_code(&refund, 422, "same_key_other_content");
    assert_eq!(town.state(&person), after);
}

#[test]
fn many_identical_requests_at_once_are_one_payment() {
    let shared = Shared::get();
    let town = shared.alone();
    let (person, proof) = at_the_till(&town, 500);
    let before = town.state(&person);
    let key = new_key().expect("a key");
    let body = payment(&town.till, key, &proof, 30);
    let till = &town.till;
    let replies: Vec<Reply> = thread::scope(|scope| {
        let sent: Vec<_> = (0..32).map(|_| scope.spawn(|| post(till, key, &body))).collect();
        sent.into_iter().map(|sent| sent.join().expect("an answer")).collect()
    });
    let entry = &replies.first().expect("32 answers").body["entry"];
    assert!(entry.is_u64(), "{replies:?}");
    for reply in &replies {
        assert_eq!((reply.status, &reply.body["entry"]), (200, entry), "{}", reply.body);
    }
    assert_eq!(town.state(&person), (before.0 + 1, before.1 - 30));
}
