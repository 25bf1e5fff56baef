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

fn low() -> Signer {
    Signer { town: LOW.parse().unwrap(), key: key(1).public() }
}

fn high() -> Signer {
    Signer { town: HIGH.parse().unwrap(), key: key(2).public() }
}

fn terms() -> Agreement {
    Agreement {
        low: low().town,
        high: high().town,
        number: 1,
        movable: Movable::Converted,
        cap: Points::new(100_000).unwrap(),
        from: "2026-04-01".parse().unwrap(),
        until: "2027-03-31".parse().unwrap(),
        shops: Some(vec![AgreedShop { town: low().town, merchant: MerchantId(3) }]),
    }
}

fn seal(seed: u8, agreement: &Agreement) -> Seal {
    let signature = key(seed).sign(Domain::Agreement, &codec::encode(agreement));
    Seal { key: key(seed).public(), signature }
}

fn proposal(seed: u8, agreement: Agreement) -> Proposal {
    Proposal { seal: seal(seed, &agreement), agreement }
}

fn assent(seed: u8, agreement: &Agreement) -> Assent {
    Assent { terms: agreement.hash(), seal: seal(seed, agreement) }
}

#[test]
fn whoever_proposes_the_agreement_is_the_same() {
    let by_low = proposal(1, terms()).concluded(low(), &assent(2, &terms()), high()).unwrap();
    let by_high = proposal(2, terms()).concluded(high(), &assent(1, &terms()), low()).unwrap();
    assert_eq!(by_low, by_high);
    assert_eq!((by_low.low.key, by_low.high.key), (low().key, high().key));
}

#[test]
fn an_answer_to_other_terms_makes_no_agreement() {
    let dearer = Agreement { cap: Points::new(100_001).unwrap(), ..terms() };
    let answered = proposal(1, terms()).concluded(low(), &assent(2, &dearer), high());
    assert_eq!(answered, Err(ExchangeFault::OtherTerms));
    // The right hash over a seal under other terms.
    let mixed = Assent { terms: terms().hash(), seal: seal(2, &dearer) };
    let answered = proposal(1, terms()).concluded(low(), &mixed, high());
    assert_eq!(answered, Err(ExchangeFault::BadSeal));
}

#[test]
fn a_seal_by_a_key_that_the_directory_does_not_name_is_refused() {
    let strange = proposal(3, terms());
    assert_eq!(strange.check(low(), high().town), Err(ExchangeFault::OtherKey));
    let answered = proposal(1, terms()).concluded(low(), &assent(3, &terms()), high());
    assert_eq!(answered, Err(ExchangeFault::OtherKey));
    // A town cannot agree with its own proposal.
    let answered = proposal(1, terms()).concluded(low(), &assent(1, &terms()), high());
    assert_eq!(answered, Err(ExchangeFault::OtherKey));
}

#[test]
fn terms_changed_after_the_seal_are_refused() {
    let mut changed = proposal(1, terms());
    changed.agreement.movable = Movable::Everything;
    assert_eq!(changed.check(low(), high().town), Err(ExchangeFault::BadSeal));
}

#[test]
fn terms_of_other_towns_or_out_of_order_are_refused() {
    let other = "102024".parse().unwrap();
    assert_eq!(proposal(1, terms()).check(low(), other), Err(ExchangeFault::NotThisPair));
    let backward = Agreement { until: "2026-03-31".parse().unwrap(), ..terms() };
    let judged = proposal(1, backward).check(low(), high().town);
    assert_eq!(judged, Err(ExchangeFault::NotWellFormed));
}

#[test]
fn only_an_envelope_for_agreements_speaks_of_one() {
    let said = [
        AgreementMessage::Propose(proposal(1, terms())),
        AgreementMessage::Agree(assent(2, &terms())),
        AgreementMessage::Decline(Dissent {
            terms: terms().hash(),
            reason: DeclineReason::NotWanted,
        }),
    ];
    for message in said {
        let envelope = |purpose| {
            let route = Route {
                sender: low().town,
                recipient: high().town,
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
