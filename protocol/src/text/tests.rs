//! Typed text, planted My Numbers, and MyKey IDs.

#![expect(clippy::arithmetic_side_effects, reason = "small numbers of a test")]

use alloc::{format, string::ToString, vec::Vec};
use proptest::prelude::*;

use super::{mykey::*, *};

fn refused(text: &str) -> Option<TextRefused> {
    text.parse::<FreeText>().err()
}

/// The check digit of the ministry's ordinance, written down a second time from its words.
fn check_digit(eleven: &[u32]) -> u32 {
    let sum: u32 =
        (1..=11).map(|n| eleven[11 - n as usize] * if n <= 6 { n + 1 } else { n - 5 }).sum();
    if sum % 11 <= 1 { 0 } else { 11 - sum % 11 }
}

#[test]
fn full_width_input_and_look_alike_hyphens_become_ascii() {
    assert_eq!(code_input("　ＡＢｃ１２３ "), "ABc123");
    for hyphen in ['-', '－', '−', '‐', 'ー', '―'] {
        assert_eq!(code_input(&format!("12{hyphen}34")), "12-34");
    }
}

#[test]
fn amounts_are_read_as_people_type_them() {
    for typed in ["1000", "１０００", "1,000", "１，０００", " 1000　"] {
        assert_eq!(amount_input(typed), Ok(Points::from_u32(1000)), "{typed}");
    }
    assert_eq!(amount_input("9007199254740991"), Ok(Points::MAX));
}

#[test]
fn what_is_no_amount_is_refused() {
    for typed in [
        "",
        "-1",
        "+1",
        "−1",
        "1.0",
        "1e3",
        "1,00",
        "1000,000",
        ",100",
        "1,",
        "百",
        "1 000",
        "9007199254740992",
        "18446744073709551616",
    ] {
        assert_eq!(amount_input(typed), Err(NotAnAmount), "{typed}");
    }
}

#[test]
fn a_published_example_of_a_right_check_digit_is_refused_in_every_writing() {
    for text in [
        "123456789018",
        "番号は123456789018です",
        "A123456789018B",
        "1234 5678 9018",
        "1234-5678-9018",
        "1-2345-6789-018",
        "１２３４　５６７８　９０１８",
        "1234ー5678−9018",
        "1234 - 5678 - 9018",
        "1 2 3 4 5 6 7 8 9 0 1 8",
        "1234\u{200d}5678\u{fe0f}9018",
        "①②③④⑤⑥⑦⑧⑨〇一八",
        "(023456789013)",
        "03-1234 123456789018",
        "2026-04-01 1234-5678-9018",
    ] {
        assert_eq!(refused(text), Some(TextRefused::MyNumber), "{text}");
    }
}

#[test]
fn what_is_no_my_number_is_taken() {
    for text in [
        "123456789012",
        "法人番号 1234567890180",
        "電話 03-1234-5678",
        "2026-04-01 2026-06-30",
        "2026-04-01 - 2026-06-30",
        "2026-04-01-2026-06-30 の分",
        "令和8年度",
        "髙橋 﨑子",
        "葛\u{e0100}城",
        "123456,789018",
    ] {
        assert_eq!(refused(text), None, "{text}");
    }
}

#[test]
fn blank_long_and_invisible_text_is_refused() {
    assert_eq!(refused(" 　"), Some(TextRefused::Blank));
    assert_eq!(refused(&"あ".repeat(501)), Some(TextRefused::TooLong));
    assert_eq!(refused(&"あ".repeat(500)), None);
    assert_eq!(FreeText::within("あいう", 2), Err(TextRefused::TooLong));
    for c in ['\n', '\t', '\0', '\u{7f}', '\u{202e}', '\u{200b}', '\u{feff}'] {
        assert_eq!(refused(&format!("a{c}b")), Some(TextRefused::Control), "{c:?}");
    }
}

#[test]
fn neither_a_refusal_nor_debug_shows_the_text() {
    let refusal = refused("山田 123456789018").unwrap();
    assert!(!format!("{refusal} {refusal:?}").contains("1234"));
    let text: FreeText = "山田花子".parse().unwrap();
    assert!(!format!("{text:?}").contains("山田"));
    let id: MyKeyId = "ABCD2345".parse().unwrap();
    assert!(!format!("{id:?}").contains("ABCD"));
}

#[test]
fn a_mykey_id_is_read_from_small_and_full_width_letters() {
    for typed in ["ABCD0O1I", "abcd0o1i", "ＡＢＣＤ０Ｏ１Ｉ", " ａｂcd0o1i　"] {
        assert_eq!(typed.parse::<MyKeyId>().unwrap().as_str(), "ABCD0O1I");
    }
    for typed in ["", "ABCD123", "ABCD12345", "ABCD-123", "ABCD 123", "ABCDÉ12", "あいうえおかきく"]
    {
        assert_eq!(typed.parse::<MyKeyId>(), Err(NotAMyKeyId::Form), "{typed}");
    }
}

#[test]
fn a_full_name_is_the_towns_code_and_the_id() {
    let name: MyKeyName = "１３１０１６ーabcd2345".parse().unwrap();
    assert_eq!(name.text(), "131016-ABCD2345");
    assert_eq!("131017-ABCD2345".parse::<MyKeyName>(), Err(NotAMyKeyId::Town));
    assert_eq!("ABCD2345".parse::<MyKeyName>(), Err(NotAMyKeyId::Town));
    assert_eq!("131016-ABC".parse::<MyKeyName>(), Err(NotAMyKeyId::Form));
}

#[test]
fn every_generated_character_is_equally_likely() {
    let mut counts = alloc::collections::BTreeMap::new();
    for byte in 0..=255_u8 {
        let first = MyKeyId::from_random([byte; 8]).as_str().chars().next().unwrap();
        *counts.entry(first).or_insert(0) += 1;
    }
    assert_eq!(counts.len(), 32);
    assert!(counts.values().all(|count| *count == 8));
    assert!(!"0O1I".chars().any(|c| counts.contains_key(&c)));
}

const PARTINGS: [&str; 6] = ["", " ", "-", "　", "－", " - "];

proptest! {
    #[test]
    fn a_planted_my_number_is_found_wherever_it_stands(
        eleven in prop::collection::vec(0_u32..10, 11),
        cuts in prop::collection::vec(any::<bool>(), 12),
        parting in prop::sample::select(&PARTINGS[..]),
        full_width in any::<bool>(),
        before in "[ぁ-んa-z]{0,9}",
        after in "[ぁ-んa-z]{0,9}",
    ) {
        let mut digits = eleven.clone();
        digits.push(check_digit(&eleven));
        let zero = if full_width { '０' } else { '0' };
        let mut number = String::new();
        for (digit, cut) in digits.iter().zip(cuts) {
            if cut && !number.is_empty() {
                number.push_str(parting);
            }
            number.push(char::from_u32(zero as u32 + digit).unwrap());
        }
        let text = format!("{before}{number}{after}");
        prop_assert_eq!(refused(&text), Some(TextRefused::MyNumber));
    }

    #[test]
    fn a_wrong_check_digit_is_never_found(
        eleven in prop::collection::vec(0_u32..10, 11),
        off in 1_u32..10,
    ) {
        let mut digits = eleven.clone();
        digits.push((check_digit(&eleven) + off) % 10);
        let text: String = digits.iter().map(ToString::to_string).collect();
        prop_assert_eq!(refused(&text), None);
    }

    #[test]
    fn no_text_makes_a_reader_panic(text in any::<String>()) {
        let _ = (refused(&text), amount_input(&text), text.parse::<MyKeyName>());
        prop_assert!(code_input(&text).chars().count() <= text.chars().count());
    }

    #[test]
    fn a_generated_id_reads_back(random in any::<[u8; 8]>()) {
        let id = MyKeyId::from_random(random);
        prop_assert_eq!(id.as_str().parse::<MyKeyId>(), Ok(id));
    }
}

#[test]
fn free_text_and_ids_have_one_encoding() {
    let text: FreeText = "商店街".parse().unwrap();
    let bytes: Vec<u8> = crate::codec::encode(&text);
    assert_eq!(crate::codec::decode::<FreeText>(&bytes), Ok(text));
    let id = MyKeyId::from_random([7; 8]);
    assert_eq!(crate::codec::decode::<MyKeyId>(&crate::codec::encode(&id)), Ok(id));
    // The 12-digit rule holds for bytes as well.
    let planted = crate::codec::encode(&String::from("123456789018"));
    assert!(crate::codec::decode::<FreeText>(&planted).is_err());
}
