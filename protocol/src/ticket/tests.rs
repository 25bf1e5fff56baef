//! Rules about tickets, and codes that are genuine or not.

use alloc::{format, vec, vec::Vec};

use super::*;
use crate::{programme::ExpiryRule, signature::SigningKey};

fn face() -> TicketFace {
    TicketFace {
        town: "131164".parse().unwrap(),
        number: TicketNumber(1_234),
        points: Points::from_u32(500),
        last_day: "2026-12-31".parse().unwrap(),
    }
}

fn key() -> SigningKey {
    SigningKey::from_seed(&[7; 32])
}

#[test]
fn a_ticket_is_read_back_from_its_code_and_verified_without_a_node() {
    let signed = SignedTicket::sign(face(), &key());
    let text = signed.text();
    assert!(text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b':'));
    let read: SignedTicket = text.parse().unwrap();
    assert_eq!(read, signed);
    assert_eq!(read.verify(&key().public()), Ok(()));
    let as_typed = format!(" {} ", text.to_ascii_lowercase());
    assert_eq!(as_typed.parse(), Ok(signed), "a scanner may type small letters");
    assert_eq!(signed.check().len(), 6);
}

#[test]
fn a_changed_or_foreign_ticket_does_not_verify() {
    let signed = SignedTicket::sign(face(), &key());
    let dearer = TicketFace { points: Points::from_u32(50_000), ..face() };
    let changed = SignedTicket { face: dearer, ..signed };
    assert!(changed.verify(&key().public()).is_err());
    assert!(signed.verify(&SigningKey::from_seed(&[8; 32]).public()).is_err());
    // A signature of the same key about something else is no ticket's.
    let other = key().sign(crate::signature::Domain::Agreement, &crate::codec::encode(&face()));
    assert!(SignedTicket { signature: other, ..signed }.verify(&key().public()).is_err());
}

#[test]
fn what_is_no_code_of_a_ticket_is_told() {
    let text = SignedTicket::sign(face(), &key()).text();
    let cut = text.get(..text.len() - 2).unwrap();
    let longer = format!("{text}AA");
    for wrong in ["", "JT1:", "https://example.jp/", "JT2:AAAA", cut, &longer, "JT1:１２"] {
        assert_eq!(wrong.parse::<SignedTicket>(), Err(NotATicket), "{wrong}");
    }
}

#[test]
fn paper_is_used_in_order_over_the_ranges_that_came_in() {
    let range =
        |first, last| StockRange { first: TicketNumber(first), last: TicketNumber(last), gone: 0 };
    let mut stock = TicketStock { ranges: vec![range(1, 2), range(11, 12)], used: 0, spoiled: 0 };
    assert_eq!((stock.received(), stock.left()), (4, 4));
    assert_eq!(stock.take_next(), Some(TicketNumber(1)));
    let upcoming: Vec<u32> = stock.upcoming().map(|number| number.0).collect();
    assert_eq!(upcoming, [2, 11, 12]);
    for _ in 0..3 {
        assert!(stock.take_next().is_some());
    }
    assert_eq!((stock.take_next(), stock.left()), (None, 0));
}

#[test]
fn rules_that_could_not_be_kept_are_no_rules() {
    let rules = TicketRules {
        from: RulesFrom("2026-04-01".parse().unwrap()),
        units: vec![Points::from_u32(100), Points::from_u32(500)],
        valid: ExpiryRule::Months(6),
        office_days: 30,
        on_expiry: OnExpiry::Lapses,
        doubles: Doubles::PaidInGoodFaith,
        shops: UsableShops::All,
    };
    assert!(rules.well_formed());
    let with = |change: &dyn Fn(&mut TicketRules)| {
        let mut changed = rules.clone();
        change(&mut changed);
        changed.well_formed()
    };
    assert!(!with(&|rules| rules.units.clear()));
    assert!(!with(&|rules| rules.units.reverse()));
    assert!(!with(&|rules| rules.units.insert(0, Points::ZERO)));
    assert!(!with(&|rules| rules.valid = ExpiryRule::Never));
    assert!(!with(&|rules| rules.office_days = 1_000));
    assert!(!with(&|rules| rules.shops = UsableShops::Only(vec![])));
    let twice = vec![MerchantId(2), MerchantId(2)];
    assert!(!with(&|rules| rules.shops = UsableShops::Only(twice.clone())));
}
