//! What travels is read within its limits, and in one encoding only.

use alloc::{vec, vec::Vec};

use super::*;
use crate::id::{ChannelNumber, Generation};

fn delivery(proof_bytes: usize) -> Vec<u8> {
    let proof = core::iter::repeat_n('p', proof_bytes).collect();
    codec::encode(&Delivery { envelope: vec![1; ENVELOPE_BYTES_MAX], proof, enclosure: None })
}

#[test]
fn a_delivery_of_128_kib_is_read_and_one_byte_more_is_not() {
    let around = delivery(60_000).len() - 60_000;
    let largest = delivery(DELIVERY_BYTES_MAX - around);
    assert_eq!(largest.len(), DELIVERY_BYTES_MAX);
    assert_eq!(codec::encode(&Delivery::decode(&largest).unwrap()), largest);
    let larger = delivery(DELIVERY_BYTES_MAX - around + 1);
    assert_eq!(Delivery::decode(&larger), Err(Malformed::Form));
}

#[test]
fn the_written_numbers_of_faults_stay() {
    for (fault, byte) in [
        (DeliveryFault::Malformed, 0),
        (DeliveryFault::NotInDirectory, 1),
        (DeliveryFault::NoProof, 2),
        (DeliveryFault::NoChannel, 3),
        (DeliveryFault::Frozen, 4),
        (DeliveryFault::DoesNotFit, 5),
        (DeliveryFault::TryLater, 6),
        (DeliveryFault::TownClosed, 7),
    ] {
        let reply = DeliveryReply { heard: None, fault: Some(fault), now: None };
        let bytes = codec::encode(&reply);
        assert_eq!(bytes, [0x82, 0xf6, byte]);
        assert_eq!(DeliveryReply::decode(&bytes), Ok(reply));
    }
}

#[test]
fn the_largest_reply_is_within_its_limit() {
    let heard = Acked { generation: Generation(u32::MAX), number: ChannelNumber(u64::MAX) };
    let (fault, now) = (Some(DeliveryFault::TryLater), Some(Time(u64::MAX)));
    let reply = DeliveryReply { heard: Some(heard), fault, now };
    let bytes = codec::encode(&reply);
    assert!(bytes.len() <= REPLY_BYTES_MAX);
    assert_eq!(DeliveryReply::decode(&bytes), Ok(reply));
    assert_eq!(DeliveryReply::decode(&[0; REPLY_BYTES_MAX + 1]), Err(Malformed::Form));
}
