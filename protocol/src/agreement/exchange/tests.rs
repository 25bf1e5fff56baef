//! A proposal and its answer make one agreement, the same on both sides, or none.

use alloc::vec;

use super::*;
use crate::{
    agreement::{AgreedShop, Movable},
    envelope::{Acked, Route, Unsigned},
    id::{ChannelNumber, Generation, MerchantId},
    points::Points,
    signature::SigningKey,
};

const LOW: &str = "102016";
const HIGH: &str = "141500";

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

fn low() -> TownId {
    LOW.parse().unwrap()
}

fn high() -> TownId {
    HIGH.parse().unwrap()
}

fn terms() -> Agreement {
    Agreement {
        low: low(),
        high: high(),
        number: 1,
        movable: Movable::Converted,
        cap: Points::new(100_000).unwrap(),
        from: "2026-04-01".parse().unwrap(),
        until: "2027-03-31".parse().unwrap(),
        shops: Some(vec![AgreedShop { town: low(), merchant: MerchantId(3) }]),
        movements: None,
    }
}

fn seal(seed: u8, agreement: &Agreement) -> Seal {
    let signature = key(seed).sign(Domain::Agreement, &codec::encode(agreement));
    Seal { key: key(seed).public(), signature }
}

fn proposal(seed: u8, agreement: Agreement) -> Proposal {
    Proposal { seal: seal(seed, &agreement), agreement }
}

#[test]
fn whoever_proposes_the_agreement_is_the_same() {
    let by_low = proposal(1, terms()).agreed(low(), seal(2, &terms()));
    let by_high = proposal(2, terms()).agreed(high(), seal(1, &terms()));
    assert_eq!(by_low, by_high);
    assert_eq!((by_low.low.key, by_low.high.key), (key(1).public(), key(2).public()));
}

#[test]
fn a_seal_by_a_key_that_the_directory_does_not_name_is_refused() {
    let strange = proposal(3, terms());
    let judged = strange.check(low(), &[key(1).public()], high());
    assert_eq!(judged, Err(ProposalFault::BadSeal));
    // The right key named over another's signature.
    let signed = Seal { key: key(1).public(), ..strange.seal };
    let judged = Proposal { seal: signed, ..strange }.check(low(), &[key(1).public()], high());
    assert_eq!(judged, Err(ProposalFault::BadSeal));
}

#[test]
fn terms_changed_after_the_seal_are_refused() {
    let mut changed = proposal(1, terms());
    assert_eq!(changed.check(low(), &[key(1).public()], high()), Ok(()));
    changed.agreement.movable = Movable::Everything;
    let judged = changed.check(low(), &[key(1).public()], high());
    assert_eq!(judged, Err(ProposalFault::BadSeal));
}

#[test]
fn terms_of_other_towns_or_out_of_order_are_refused() {
    let keys = [key(1).public()];
    let other = "102024".parse().unwrap();
    let judged = proposal(1, terms()).check(low(), &keys, other);
    assert_eq!(judged, Err(ProposalFault::NotThisPair));
    let backward = Agreement { until: "2026-03-31".parse().unwrap(), ..terms() };
    let judged = proposal(1, backward).check(low(), &keys, high());
    assert_eq!(judged, Err(ProposalFault::NotWellFormed));
    let nothing_moves = Agreement { movements: Some(vec![]), ..terms() };
    let judged = proposal(1, nothing_moves).check(low(), &keys, high());
    assert_eq!(judged, Err(ProposalFault::NotWellFormed));
}

#[test]
fn of_two_agreements_of_one_number_both_towns_hold_the_same() {
    let (one, other) = (terms(), Agreement { movable: Movable::Everything, ..terms() });
    assert_ne!(one.replaces(&other), other.replaces(&one));
    assert!(!one.replaces(&one));
    let later = Agreement { number: 2, ..terms() };
    assert!(later.replaces(&one) && later.replaces(&other));
    assert!(!one.replaces(&later) && !other.replaces(&later));
}

#[test]
fn only_an_envelope_for_agreements_speaks_of_one() {
    let said = [
        AgreementMessage::Propose(proposal(1, terms())),
        AgreementMessage::Agree(proposal(1, terms()).agreed(low(), seal(2, &terms()))),
        AgreementMessage::Decline(Dissent {
            terms: terms().hash(),
            reason: DeclineReason::NotWanted,
        }),
    ];
    for message in said {
        let envelope = |purpose| {
            let route = Route {
                sender: low(),
                recipient: high(),
                generation: Generation(1),
                number: ChannelNumber(1),
                previous: Digest::default(),
                acked: Acked { generation: Generation(1), number: ChannelNumber(0) },
            };
            Unsigned::new(route, purpose, codec::encode(&message)).sign(&key(1))
        };
        assert_eq!(AgreementMessage::of(&envelope(Purpose::Agreement)), Some(message.clone()));
        for purpose in [Purpose::Money, Purpose::Library, Purpose::Control] {
            assert_eq!(AgreementMessage::of(&envelope(purpose)), None);
        }
    }
}
