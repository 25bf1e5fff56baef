//! The outer form of an envelope: one encoding, one hash, nothing of it can be changed unseen.

#![expect(clippy::arithmetic_side_effects, reason = "small numbers of a test")]

use alloc::{string::String, vec, vec::Vec};
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::digest::{Hex, from_hex};

fn key() -> SigningKey {
    SigningKey::from_seed(&[7; 32])
}

fn route(number: u64) -> Route {
    let previous = if number == 1 { Digest::default() } else { Digest([9; 32]) };
    Route {
        sender: "102016".parse().unwrap(),
        recipient: "141500".parse().unwrap(),
        generation: Generation(1),
        number: ChannelNumber(number),
        previous,
        acked: Acked { generation: Generation(1), number: ChannelNumber(0) },
    }
}

fn envelope(number: u64, body: &[u8]) -> Envelope {
    Unsigned::new(route(number), Purpose::Money, body.to_vec()).sign(&key())
}

/// An envelope that says what no [`Unsigned`] of a channel says, rightly signed.
fn forged(change: impl FnOnce(&mut Header)) -> Vec<u8> {
    let Envelope { mut header, body, .. } = envelope(2, b"body");
    change(&mut header);
    let signature = key().sign(Domain::Envelope, &codec::encode(&header));
    Envelope { header, body, signature }.encode()
}

#[test]
fn the_golden_envelope_has_the_bytes_that_a_foreign_program_made() {
    let vector = include_str!("../../../tests/vectors/envelope.json");
    let vector: Value = serde_json::from_str(vector).unwrap();
    let text = |name: &str| String::from(vector[name].as_str().unwrap());
    let number = |name: &str| vector[name].as_u64().unwrap();
    let small = |name: &str| u32::try_from(number(name)).unwrap();
    let hex = |bytes: &[u8]| alloc::format!("{}", Hex(bytes));
    let body: [u8; 34] = from_hex(&text("body")).unwrap();
    let key = SigningKey::from_seed(&from_hex(&text("seed")).unwrap());
    assert_eq!((number("version"), number("purpose")), (1, 0));

    let route = Route {
        sender: text("sender").parse().unwrap(),
        recipient: text("recipient").parse().unwrap(),
        generation: Generation(small("generation")),
        number: ChannelNumber(number("number")),
        previous: text("previous").parse().unwrap(),
        acked: Acked {
            generation: Generation(small("acked_generation")),
            number: ChannelNumber(number("acked_number")),
        },
    };
    let made = Unsigned::new(route, Purpose::Money, body.to_vec()).sign(&key);
    assert_eq!(hex(&key.public().0), text("public_key"));
    assert_eq!(hex(&made.header().body.0), text("body_hash"));
    assert_eq!(hex(&codec::encode(made.header())), text("header"));
    assert_eq!(hex(&made.signature.0), text("signature"));
    assert_eq!(hex(&made.encode()), text("envelope"));
    assert_eq!(hex(&made.hash().0), text("hash"));
    assert_eq!(Envelope::decode(&made.encode()), Ok(made.clone()));
    assert_eq!(made.verify(key.public()), Ok(()));
}

#[test]
fn the_written_numbers_of_purposes_stay() {
    for (purpose, byte) in
        [(Purpose::Money, 0), (Purpose::Agreement, 1), (Purpose::Library, 2), (Purpose::Control, 3)]
    {
        assert_eq!(codec::encode(&purpose), [byte]);
    }
    assert_eq!(codec::decode::<Purpose>(&[4]), Err(Malformed::Form));
}

#[test]
fn no_bit_of_an_envelope_can_be_flipped() {
    let bytes = envelope(1, b"a body").encode();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut other = bytes.clone();
            other[at] ^= 1 << bit;
            let taken = Envelope::decode(&other)
                .is_ok_and(|envelope| envelope.verify(key().public()).is_ok());
            assert!(!taken, "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn an_envelope_is_valid_under_its_own_key_and_domain_only() {
    let right = envelope(1, b"body");
    let other = SigningKey::from_seed(&[8; 32]);
    assert_eq!(right.verify(other.public()), Err(BadSignature));
    let Envelope { header, body, .. } = right;
    let signature = key().sign(Domain::Agreement, &codec::encode(&header));
    let wrong = Envelope { header, body, signature };
    assert_eq!(wrong.verify(key().public()), Err(BadSignature));
}

#[test]
fn a_rightly_signed_envelope_with_an_unsound_header_is_refused() {
    assert!(Envelope::decode(&forged(|_| {})).is_ok());
    let sender = route(1).sender;
    for (what, bytes) in [
        ("version", forged(|header| header.version = 2)),
        ("to its own sender", forged(|header| header.recipient = sender)),
        ("no number", forged(|header| header.number = ChannelNumber(0))),
        ("first with a previous", forged(|header| header.number = ChannelNumber(1))),
        ("second without a previous", forged(|header| header.previous = Digest::default())),
        ("other body", forged(|header| header.body = Digest::of(&[b"other"]))),
    ] {
        assert_eq!(Envelope::decode(&bytes), Err(Malformed::Form), "{what}");
    }
}

#[test]
fn an_envelope_in_another_encoding_is_refused() {
    let bytes = envelope(1, b"body").encode();
    let trailing = [bytes.as_slice(), &[0]].concat();
    assert_eq!(Envelope::decode(&trailing), Err(Malformed::NotCanonical));
    // The version, 1, with a byte more than it needs.
    let longer = [&bytes[..2], &[0x18, 0x01], &bytes[3..]].concat();
    assert_eq!(bytes[..3], [0x83, 0x89, 0x01]);
    assert_eq!(Envelope::decode(&longer), Err(Malformed::NotCanonical));
    // An array of indefinite length around the same items.
    let indefinite = [&[0x9f], &bytes[1..], &[0xff]].concat();
    assert_eq!(Envelope::decode(&indefinite), Err(Malformed::NotCanonical));
    for end in 0..bytes.len() {
        assert!(Envelope::decode(&bytes[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn an_envelope_of_64_kib_is_read_and_one_byte_more_is_not() {
    let around = envelope(1, &[0; 1000]).encode().len() - 1000;
    let largest = envelope(1, &vec![0; ENVELOPE_BYTES_MAX - around]).encode();
    assert_eq!(largest.len(), ENVELOPE_BYTES_MAX);
    assert!(Envelope::decode(&largest).is_ok());
    let larger = envelope(1, &vec![0; ENVELOPE_BYTES_MAX - around + 1]).encode();
    assert_eq!(Envelope::decode(&larger), Err(Malformed::Form));
}

#[test]
fn says_tells_the_same_message_whoever_signed_it() {
    let message = Unsigned::new(route(1), Purpose::Money, b"body".to_vec());
    let other = Unsigned::new(route(1), Purpose::Library, b"body".to_vec());
    let signed = message.clone().sign(&SigningKey::from_seed(&[8; 32]));
    assert!(signed.says(&message));
    assert!(!signed.says(&other));
}

proptest! {
    #[test]
    fn every_envelope_has_one_encoding(
        body in proptest::collection::vec(any::<u8>(), 0..600),
        number in 1..=u64::MAX,
        generation in any::<u32>(),
        acked in any::<u64>(),
        purpose in 0_usize..4,
    ) {
        let purposes = [Purpose::Money, Purpose::Agreement, Purpose::Library, Purpose::Control];
        let route = Route {
            generation: Generation(generation),
            acked: Acked { generation: Generation(generation), number: ChannelNumber(acked) },
            ..route(number)
        };
        let message = Unsigned::new(route, purposes[purpose], body);
        let (size, signed) = (message.size(), message.sign(&key()));
        let bytes = signed.encode();
        let again = Envelope::decode(&bytes).unwrap();
        prop_assert_eq!(again.encode(), bytes.clone());
        prop_assert_eq!(again.hash(), Digest::of(&[&bytes]));
        prop_assert_eq!(&again, &signed);
        // An upper bound, and close.
        prop_assert!((bytes.len()..=bytes.len() + 16).contains(&size));
    }

    #[test]
    fn bytes_from_outside_are_read_or_refused(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
    ) {
        if let Ok(envelope) = Envelope::decode(&bytes) {
            prop_assert_eq!(envelope.encode(), bytes);
        }
    }
}
