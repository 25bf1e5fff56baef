//! Ids and their check digits.

use super::*;
use alloc::string::ToString;

#[test]
fn check_digits_of_real_towns_fit() {
    for code in [
        "102016", "141500", "242012", "452025", "272132", "432067", "382019", "131164", "292044",
        "262064", "282243", "112038", "092096", "132012", "131121", "011002", "010006", "130001",
        "020001", "092011", "132021", "022021", "242021", "011011",
    ] {
        assert_eq!(code.parse::<TownId>().unwrap().to_string(), code);
    }
}

#[test]
fn a_wrong_check_digit_or_form_is_refused() {
    assert_eq!("102017".parse::<TownId>(), Err(NotAnId::CheckDigit));
    for text in ["10201", "1020166", "10201a", "１０２０１６", ""] {
        assert_eq!(text.parse::<TownId>(), Err(NotAnId::Form), "{text}");
    }
}

#[test]
fn ids_are_read_from_cbor_only_if_well_formed() {
    let town: TownId = "102016".parse().unwrap();
    let bytes = crate::codec::encode(&town);
    assert_eq!(crate::codec::decode::<TownId>(&bytes), Ok(town));
    assert!(crate::codec::decode::<TownId>(b"\x66102017").is_err());
    // The same text with a length of two bytes is another encoding of it.
    assert_eq!(
        crate::codec::decode::<TownId>(b"\x78\x06102016"),
        Err(crate::codec::Malformed::NotCanonical)
    );
}
