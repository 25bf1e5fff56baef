//! Statements about public lists: who signed them, and which of them are taken.

use alloc::vec;

use super::*;
use crate::{
    codec::{Malformed, decode, encode},
    directory::{Head, ISSUED_AHEAD_MS_MAX, VALID_MS_MAX},
};

const ISSUED: Time = Time(1_760_000_000_000);
const UNTIL: Time = Time(ISSUED.0 + VALID_MS_MAX);

fn key(n: u8) -> SigningKey {
    SigningKey::from_seed(&[n; 32])
}

fn statement(version: u64, head: u8) -> ListStatement {
    ListStatement {
        list: ListName { town: "102016".parse().unwrap(), kind: ListKind::Shops },
        version: ListVersion(version),
        heads: Heads::new(vec![Head([head; 32])]).unwrap(),
        issued: ISSUED,
        valid_until: UNTIL,
    }
}

#[test]
fn a_statement_counts_under_the_key_that_signed_it_and_for_what_it_says() {
    let signed = SignedListStatement::sign(statement(1, 1), &key(1)).unwrap();
    assert_eq!(signed.verify(&key(1).public()), Ok(()));
    assert_eq!(signed.verify(&key(2).public()), Err(BadSignature));
    assert_eq!(decode::<SignedListStatement>(&encode(&signed)).unwrap(), signed);
    let institutions = ListStatement {
        list: ListName { kind: ListKind::Institutions, ..statement(1, 1).list },
        ..statement(1, 1)
    };
    for other in [statement(2, 1), statement(1, 2), institutions] {
        let moved = encode(&(other, signed.signature));
        let moved = decode::<SignedListStatement>(&moved).unwrap();
        assert_eq!(moved.verify(&key(1).public()), Err(BadSignature));
        assert_ne!(moved.mark(), signed.mark());
    }
}

#[test]
fn a_signature_over_the_same_bytes_for_another_purpose_does_not_count() {
    let body = encode(&statement(1, 1));
    for domain in [Domain::Document, Domain::Envelope, Domain::Agreement] {
        let forged = encode(&(statement(1, 1), key(1).sign(domain, &body)));
        let forged = decode::<SignedListStatement>(&forged).unwrap();
        assert_eq!(forged.verify(&key(1).public()), Err(BadSignature));
    }
}

#[test]
fn a_statement_is_valid_for_thirty_days_at_most_and_has_a_version() {
    let long = ListStatement { valid_until: Time(UNTIL.0 + 1), ..statement(1, 1) };
    for wrong in [long, statement(0, 1)] {
        let signature = key(1).sign(Domain::PublicList, &encode(&wrong));
        let bytes = encode(&(wrong.clone(), signature));
        assert_eq!(decode::<SignedListStatement>(&bytes), Err(Malformed::Form));
        assert_eq!(SignedListStatement::sign(wrong, &key(1)), Err(StatementFault::Validity));
    }
    assert!(!statement(1, 1).is_stale(UNTIL));
    assert!(statement(1, 1).is_stale(Time(UNTIL.0 + 1)));
}

#[test]
fn what_is_taken_depends_on_version_heads_and_time() {
    let held = statement(2, 1);
    let late = Time(UNTIL.0 + 1);
    let early = Time(ISSUED.0 - ISSUED_AHEAD_MS_MAX - 1);
    let with = |offered: &ListStatement, now| take_list(Some(&held), offered, now);
    assert_eq!(take_list(None, &statement(1, 1), ISSUED), Taking::New);
    assert_eq!(with(&statement(3, 1), ISSUED), Taking::New);
    assert_eq!(with(&statement(3, 2), late), Taking::Expired);
    assert_eq!(with(&statement(3, 2), early), Taking::NotYet);
    assert_eq!(with(&held, late), Taking::Same);
    assert_eq!(with(&statement(1, 9), ISSUED), Taking::Older);
    assert_eq!(with(&statement(2, 2), late), Taking::Fork);
}

#[test]
fn a_version_is_never_given_out_twice_also_behind_a_backup() {
    let before = ListVersion::behind(None, ISSUED);
    let lost = ListVersion::behind(Some(before), Time(ISSUED.0 + 5));
    // The backup has `before`; what it lost was given out earlier than now.
    assert!(ListVersion::behind(Some(before), Time(ISSUED.0 + 6)) > lost);
    // A clock that went back does not make an older version.
    assert_eq!(ListVersion::behind(Some(lost), Time(1)), ListVersion(lost.0 + 1));
}

#[test]
fn lists_are_named_as_their_files_are() {
    let name = statement(1, 1).list;
    assert_eq!(alloc::format!("{name}"), "102016-shops");
    for kind in ListKind::ALL {
        assert_eq!(kind.name().parse(), Ok(kind));
    }
    assert_eq!("people".parse::<ListKind>(), Err(NotAKind));
}
