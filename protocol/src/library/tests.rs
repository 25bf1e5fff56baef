//! Numbers, commitments and messages of library cards.

use alloc::{format, string::String};

use super::*;
use crate::codec;

fn enclosure(number: &str) -> Enclosure {
    Enclosure { salt: CardSalt([7; 16]), number: LibraryCardNumber::read(number).unwrap() }
}

#[test]
fn a_number_is_read_as_people_and_readers_write_it() {
    let text = |typed: &str| LibraryCardNumber::read(typed).map(|n| String::from(n.text()));
    assert_eq!(text(" 2000 0001 "), Ok("20000001".into()));
    assert_eq!(text("２０００００１"), Ok("2000001".into()));
    assert_eq!(text("a-12/B"), Ok("a-12/B".into()));
    for wrong in ["", "12", "12|3", "図書1", "1\r\n", &"1".repeat(33)] {
        assert_eq!(text(wrong), Err(NotACardNumber), "{wrong}");
    }
}

#[test]
fn a_commitment_hides_the_number_behind_its_salt() {
    let one = enclosure("20000001");
    assert_eq!(one.commitment(), enclosure("2000 0001").commitment());
    assert_ne!(one.commitment(), enclosure("20000002").commitment());
    let other = Enclosure { salt: CardSalt([8; 16]), ..one.clone() };
    assert_ne!(one.commitment(), other.commitment());
    assert!(!format!("{:?}", one.number).contains("20000001"));
    let back: Enclosure = codec::decode(&codec::encode(&one)).unwrap();
    assert!(back == one);
}

#[test]
fn an_enclosure_with_what_is_no_number_is_not_read() {
    let mut bytes = codec::encode(&enclosure("20000001"));
    let last = bytes.len() - 1;
    bytes[last] = b'|';
    assert!(codec::decode::<Enclosure>(&bytes).is_err());
}
