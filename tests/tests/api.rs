//! The API of a town with a real process: what it refuses, how it says so, and that refusing
//! moves nothing.

#![expect(clippy::expect_used, reason = "what panics here is a failed test")]

#[path = "api/between.rs"]
mod between;
#[path = "api/clock.rs"]
mod clock_jump;
#[path = "api/input.rs"]
mod input;
#[path = "api/life.rs"]
mod life;
#[path = "api/payment.rs"]
mod payment;
#[path = "api/person.rs"]
mod person;
#[path = "api/proof.rs"]
mod proof;
#[path = "api/sign_in.rs"]
mod sign_in;
#[path = "api/staff.rs"]
mod staff;

use jichi::client::{Reply, Terminal};
use jichi_node::clock;
use jichi_protocol::key::ClientKey;
use jichi_tests::furnished::{Furnished, PASSWORD, Person, Raw, send};
use serde_json::Value;

/// A resident and a proof at the first till.
fn at_the_till(town: &Furnished, points: u32) -> (Person, String) {
    let person = town.resident(points);
    let proof = town.till.prove(&person.mykey, PASSWORD).expect("a proof");
    (person, proof)
}

/// A body as a payment under a key.
fn pay_with(till: &Terminal, key: &str, body: &[u8]) -> Raw {
    let headers = [("content-type", "application/json"), ("idempotency-key", key)];
    send("POST", &format!("{}/v1/payments", till.client.base()), &headers, Some(body))
}

/// The body of a right payment.
fn payment(till: &Terminal, key: ClientKey, proof: &str, points: u32) -> Value {
    till.payment_body(key, proof, points, clock::now())
}

#[track_caller]
fn expect_code(reply: &Reply, status: u16, code: &str) {
    assert_eq!((reply.status, reply.code()), (status, code), "{}", reply.body);
}
