//! Signatures against RFC 8032 and the edge cases of CCTV and speccheck.

use super::*;
use alloc::string::String;
use serde_json::Value;

const RFC_8032: &str = include_str!("../../../tests/vectors/ed25519/rfc8032.json");
const CCTV: &str = include_str!("../../../tests/vectors/ed25519/cctv.json");
const SPECCHECK: &str = include_str!("../../../tests/vectors/ed25519/speccheck.json");

fn vectors(json: &str) -> Vec<Value> {
    serde_json::from_str(json).unwrap()
}

fn bytes(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn text<'v>(vector: &'v Value, field: &str) -> &'v str {
    vector[field].as_str().unwrap()
}

/// What the lenient rule says, which most libraries follow: S·B = R + k·A, no cofactor, and R in
/// its one encoding.
fn lenient(key: &PublicKey, message: &[u8], signature: &Signature) -> bool {
    use ed25519_dalek::Verifier as _;
    let key = ed25519_dalek::VerifyingKey::from_bytes(&key.0).unwrap();
    key.verify(message, &ed25519_dalek::Signature::from_bytes(&signature.0)).is_ok()
}

#[test]
fn the_vectors_of_rfc_8032_verify_and_are_signed_again() {
    for vector in vectors(RFC_8032) {
        let key: PublicKey = text(&vector, "key").parse().unwrap();
        let signature: Signature = text(&vector, "signature").parse().unwrap();
        let message = bytes(text(&vector, "message"));
        assert_eq!(key.verify_raw(&message, &signature), Ok(()));
        let signing = SigningKey::from_seed(&digest::from_hex(text(&vector, "seed")).unwrap());
        assert_eq!((signing.public(), signing.sign_raw(&message)), (key, signature));
        for bit in 0..512 {
            let mut flipped = signature;
            flipped.0[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(key.verify_raw(&message, &flipped), Err(BadSignature), "bit {bit}");
        }
    }
}

#[test]
fn every_low_order_or_non_canonical_point_is_refused() {
    let (mut refused_here_only, mut accepted) = (0, 0);
    for vector in vectors(CCTV) {
        let flags: Vec<&str> =
            vector["flags"].as_array().unwrap().iter().map(|flag| flag.as_str().unwrap()).collect();
        let key: PublicKey = text(&vector, "key").parse().unwrap();
        let signature: Signature = text(&vector, "sig").parse().unwrap();
        let message = text(&vector, "msg").as_bytes();
        // A component of low order that cancels out in R and k·A is the one edge that every
        // library accepts, this one too: only the key's owner can make such a signature.
        let accept = flags
            .iter()
            .all(|flag| ["low_order_component_A", "low_order_component_R"].contains(flag));
        let verified = key.verify_raw(message, &signature).is_ok();
        assert_eq!(verified, accept, "{vector}");
        let lenient = lenient(&key, message, &signature);
        assert!(lenient || !verified, "what is accepted here, others accept: {vector}");
        refused_here_only += usize::from(lenient && !verified);
        accepted += usize::from(verified);
    }
    // The vectors are whole: the lenient rule does accept the edges that are refused here.
    assert_eq!((refused_here_only, accepted), (5, 2));
}

#[test]
fn of_the_speccheck_cases_one_is_accepted_as_by_every_library() {
    // Row "Dalek strict" of the authors' results.md: accepted is the case with mixed A and R that
    // passes with and without the cofactor, and nothing else.
    let accepted: Vec<String> = vectors(SPECCHECK)
        .iter()
        .filter(|vector| {
            let key: PublicKey = text(vector, "pub_key").parse().unwrap();
            let signature: Signature = text(vector, "signature").parse().unwrap();
            key.verify_raw(&bytes(text(vector, "message")), &signature).is_ok()
        })
        .map(|vector| text(vector, "signature")[..8].into())
        .collect();
    assert_eq!(accepted, ["9046a647"]);
    assert_eq!(vectors(SPECCHECK).len(), 15);
}

#[test]
fn a_signature_of_one_domain_is_none_in_another() {
    let key = SigningKey::from_seed(&[1; 32]);
    let signature = key.sign(Domain::Payment, b"body");
    assert_eq!(key.public().verify(Domain::Payment, b"body", &signature), Ok(()));
    assert_eq!(key.public().verify(Domain::Void, b"body", &signature), Err(BadSignature));
    assert_eq!(key.public().verify_raw(b"body", &signature), Err(BadSignature));
}
