//! The directory's bounds, its statement's signatures, and what is taken.

use alloc::{string::ToString as _, vec, vec::Vec};

use super::*;
use crate::{
    codec::{Malformed, decode, encode},
    id::Generation,
    signature::{BadSignature, Signature, SigningKey},
};

const TOWNS: [&str; 3] = ["102016", "102024", "102032"];
const ISSUED: Time = Time(1_760_000_000_000);
const UNTIL: Time = Time(ISSUED.0 + VALID_MS_MAX);

fn key(n: u8) -> SigningKey {
    SigningKey::from_seed(&[n; 32])
}

fn town(n: u8) -> Party {
    TOWNS[usize::from(n)].parse().unwrap()
}

fn member(who: Party, n: u8) -> Member {
    Member {
        who,
        name_ja: "前橋市".parse().unwrap(),
        name_en: "Maebashi".parse().unwrap(),
        log_key: key(n).public(),
        generation: Generation(1),
        channel_key: key(n | 0x80).public(),
        transport: PeerId::new(&[n; 38]).unwrap(),
        addresses: Few::new(vec!["/ip4/127.0.0.1/tcp/4001".parse().unwrap()]).unwrap(),
        versions: Few::new(vec![1]).unwrap(),
        witness_key: None,
        witnesses: None,
        revoked: None,
    }
}

fn directory(members: Vec<Member>) -> Result<Directory, DirectoryFault> {
    Directory::new(DirectoryVersion(1), ISSUED, UNTIL, members)
}

fn statement(version: u64, head: u8) -> Statement {
    Statement {
        document: DocumentName::Directory,
        version: DirectoryVersion(version),
        heads: Heads::new(vec![Head([head; 32])]).unwrap(),
        content: Digest([head; 32]),
        issued: ISSUED,
        valid_until: UNTIL,
    }
}

fn root() -> DirectoryRoot {
    DirectoryRoot::new((1..=3).map(|n| key(n).public()).collect(), 2).unwrap()
}

fn signed_by(keys: &[u8]) -> SignedStatement {
    let mut signed = SignedStatement::new(statement(1, 1)).unwrap();
    keys.iter().for_each(|n| signed.add_signature(&key(*n)).unwrap());
    signed
}

fn signatures(signed: &SignedStatement) -> Vec<(PublicKey, Signature)> {
    decode::<(Statement, Vec<(PublicKey, Signature)>)>(&encode(signed)).unwrap().1
}

#[test]
fn a_party_is_written_as_a_code_or_as_coordinator() {
    for text in ["102016", "coordinator"] {
        assert_eq!(text.parse::<Party>().unwrap().to_string(), text);
    }
    assert!("102017".parse::<Party>().is_err());
    assert!(town(0) < Party::Coordinator);
}

#[test]
fn a_directory_is_the_same_in_whatever_order_its_members_come() {
    let members = || vec![member(Party::Coordinator, 9), member(town(1), 2), member(town(0), 1)];
    let one = directory(members()).unwrap();
    let mut other = members();
    other.reverse();
    let other = directory(other).unwrap();
    assert_eq!(one, other);
    assert_eq!(one.content(), other.content());
    assert_eq!(one.members()[0].who, town(0));
    assert_eq!(one.member(town(1)).unwrap().who, town(1));
    assert_eq!(one.member(town(2)), None);
    assert_eq!(one.member_at(&PeerId::new(&[9; 38]).unwrap()).unwrap().who, Party::Coordinator);
}

#[test]
fn a_directory_is_read_back_as_it_was_written_and_never_unsorted() {
    let whole = directory(vec![member(town(0), 1), member(town(1), 2)]).unwrap();
    assert_eq!(decode::<Directory>(&encode(&whole)).unwrap(), whole);
    let unsorted =
        Directory { members: whole.members.iter().rev().cloned().collect(), ..whole.clone() };
    assert_eq!(decode::<Directory>(&encode(&unsorted)), Err(Malformed::NotCanonical));
}

#[test]
fn a_directory_has_no_party_and_no_key_twice() {
    let twice = vec![member(town(0), 1), member(town(0), 2)];
    assert_eq!(directory(twice), Err(DirectoryFault::Twice(town(0))));
    let shared: [fn(&mut Member, Member); 3] = [
        |to, from| to.channel_key = from.channel_key,
        |to, from| to.log_key = from.log_key,
        |to, from| to.transport = from.transport,
    ];
    for share in shared {
        let mut second = member(town(1), 2);
        share(&mut second, member(town(0), 1));
        let members = vec![member(town(0), 1), second];
        assert_eq!(directory(members), Err(DirectoryFault::SharedKey(town(0), town(1))));
    }
}

#[test]
fn a_directory_is_valid_for_thirty_days_at_most() {
    let of = |version, until| Directory::new(DirectoryVersion(version), ISSUED, until, vec![]);
    assert_eq!(of(1, Time(UNTIL.0 + 1)), Err(DirectoryFault::Validity));
    assert_eq!(of(1, Time(ISSUED.0 - 1)), Err(DirectoryFault::Validity));
    assert_eq!(of(0, UNTIL), Err(DirectoryFault::VersionZero));
    assert!(of(1, UNTIL).is_ok());
}

#[test]
fn parts_of_a_member_keep_their_bounds_also_when_read() {
    assert!(PeerId::new(&[]).is_err());
    assert!(PeerId::new(&[0; 65]).is_err());
    for text in ["", "/", "ip4/1", "/dns/前橋/tcp/1", "/a b"] {
        assert!(text.parse::<Address>().is_err(), "{text}");
    }
    assert!(["/".to_string(), "a".repeat(128)].concat().parse::<Address>().is_err());
    assert!(Few::<u16, 2>::new(vec![1, 2, 3]).is_err());
    assert!(Few::<u16, 2>::new(vec![1, 1]).is_err());
    assert_eq!(decode::<Few<u16, 2>>(&encode(&vec![1_u16, 2, 3])), Err(Malformed::Form));
    assert_eq!(decode::<Few<u16, 2>>(&encode(&vec![1_u16, 1])), Err(Malformed::Form));
    assert_eq!(*decode::<Few<u16, 2>>(&encode(&vec![2_u16, 1])).unwrap(), [2, 1]);
}

#[test]
fn a_root_needs_a_threshold_that_its_keys_can_reach() {
    let keys = |n: u8| (1..=n).map(|n| key(n).public()).collect::<Vec<_>>();
    assert_eq!(DirectoryRoot::new(keys(3), 0), Err(RootFault::Threshold));
    assert_eq!(DirectoryRoot::new(keys(3), 4), Err(RootFault::Threshold));
    assert_eq!(DirectoryRoot::new(keys(17), 2), Err(RootFault::TooManyKeys));
    assert_eq!(DirectoryRoot::new([keys(2), keys(1)].concat(), 2), Err(RootFault::Twice));
    assert_eq!(decode::<DirectoryRoot>(&encode(&root())).unwrap(), root());
    let forged = DirectoryRoot { keys: keys(1), threshold: 2 };
    assert_eq!(decode::<DirectoryRoot>(&encode(&forged)), Err(Malformed::Form));
}

#[test]
fn two_of_three_root_keys_authorize_a_statement() {
    let mut pinned = vec![key(1).public(), key(3).public()];
    pinned.sort();
    assert_eq!(signed_by(&[3, 1]).verify(&root()), Ok(pinned.clone()));
    // A stranger's signature neither counts nor harms.
    assert_eq!(signed_by(&[3, 1, 7]).signers(&root()), Some(pinned));
    assert_eq!(signed_by(&[1, 7]).verify(&root()), Err(NotAuthorized::TooFewSigners));
    assert_eq!(signed_by(&[1, 1]).verify(&root()), Err(NotAuthorized::TooFewSigners));
}

#[test]
fn a_signature_of_another_statement_does_not_count() {
    let good = signed_by(&[1, 2]);
    let moved = encode(&(statement(2, 1), signatures(&good)));
    let moved = decode::<SignedStatement>(&moved).unwrap();
    assert_eq!(moved.verify(&root()), Err(NotAuthorized::Signature));
    assert_eq!(good.verify_under(&[]), Err(BadSignature));
    assert_eq!(good.verify_under(&[key(3).public()]), Err(BadSignature));
    assert_eq!(good.verify_under(&[key(2).public()]), Ok(()));
}

#[test]
fn a_signed_statement_is_read_back_only_if_it_is_in_order() {
    let signed = signed_by(&[1, 2]);
    assert_eq!(decode::<SignedStatement>(&encode(&signed)).unwrap(), signed);
    let long = Statement { valid_until: Time(UNTIL.0 + 1), ..statement(1, 1) };
    let bytes = encode(&(long.clone(), signatures(&signed)));
    assert_eq!(decode::<SignedStatement>(&bytes), Err(Malformed::Form));
    assert!(SignedStatement::new(long).is_err());
    let unsorted: Vec<_> = signatures(&signed).into_iter().rev().collect();
    let bytes = encode(&(statement(1, 1), unsorted));
    assert_eq!(decode::<SignedStatement>(&bytes), Err(Malformed::Form));
    let heads = encode(&vec![Head([2; 32]), Head([1; 32])]);
    assert_eq!(decode::<Heads>(&heads), Err(Malformed::NotCanonical));
    assert!(Heads::new(vec![]).is_err());
    assert!(Heads::new(vec![Head([1; 32]); 2]).is_err());
}

#[test]
fn signatures_are_bounded_and_a_key_signs_once() {
    let mut signed = signed_by(&(0..16).collect::<Vec<_>>());
    assert_eq!(signed.add_signature(&key(99)), Err(StatementFault::TooManySignatures));
    assert_eq!(signed.add_signature(&key(3)), Ok(()));
    assert_eq!(signed.signed_by().count(), SIGNATURES_MAX);
}

#[test]
fn what_is_taken_depends_on_version_heads_and_time() {
    let held = statement(2, 1);
    let now = ISSUED;
    let late = Time(UNTIL.0 + 1);
    let early = Time(ISSUED.0 - ISSUED_AHEAD_MS_MAX - 1);
    let with = |offered: &Statement, now| take(Some(&held), offered, now);
    assert_eq!(take(None, &statement(1, 1), now), Taking::New);
    assert_eq!(with(&statement(3, 2), now), Taking::New);
    assert_eq!(with(&statement(3, 2), UNTIL), Taking::New);
    assert_eq!(with(&statement(3, 2), late), Taking::Expired);
    assert_eq!(with(&statement(3, 2), early), Taking::NotYet);
    assert_eq!(with(&held, late), Taking::Same);
    assert_eq!(with(&statement(1, 9), now), Taking::Older);
    assert_eq!(with(&statement(2, 2), late), Taking::Fork);
    let other_content = Statement { content: Digest([7; 32]), ..held.clone() };
    assert_eq!(with(&other_content, now), Taking::Fork);
}
