//! The file's bytes, one by one, and names that it cannot hold.

use super::*;

fn text(text: &str) -> ZenginText {
    ZenginText::new(text, 40).unwrap()
}

fn account(
    bank: &str,
    names: (&str, &str),
    branch: &str,
    number: &str,
    holder: &str,
) -> BankAccount {
    BankAccount {
        bank: Digits::parse(bank).unwrap(),
        bank_name: text(names.0),
        branch: Digits::parse(branch).unwrap(),
        branch_name: text(names.1),
        kind: AccountKind::Ordinary,
        number: Digits::parse(number).unwrap(),
        holder: text(holder),
    }
}

fn remitter() -> Remitter {
    Remitter {
        code: Digits::parse("1234567890").unwrap(),
        account: account(
            "128",
            ("グンマ", "マエバシ"),
            "101",
            "7654321",
            "マエバシシ カイケイカンリシャ",
        ),
        month_day: (12, 7),
    }
}

/// The file as text: kana in their half-width forms, so that a reader can compare.
fn shown(bytes: &[u8]) -> String {
    let char = |byte: &u8| match byte {
        0xA1..=0xDF => char::from_u32(u32::from(*byte) + 0xFEC0).unwrap(),
        plain => char::from(*plain),
    };
    bytes.iter().map(char).collect()
}

/// Two shops.
fn transfers() -> [Transfer; 2] {
    [
        Transfer {
            to: account("0005", ("ミツビシUFJ", "ホンテン"), "001", "123", "カ)マエバシパン"),
            yen: 450,
            customer: 1,
        },
        Transfer {
            to: account("9900", ("ユウチョ", ""), "018", "7654321", "ヤマダ ハナコ"),
            yen: 1_234_567,
            customer: 42,
        },
    ]
}

#[test]
fn a_file_has_these_bytes() {
    let transfers = transfers();
    let bytes = file(&remitter(), &transfers, LineEnds::None).unwrap();
    let expected = [
        // Header: kind 1, 21, code 0, remitter's code, name C40, MMDD, bank, branch, account, C17.
        concat!(
            "1",
            "21",
            "0",
            "1234567890",
            "ﾏｴﾊﾞｼｼ ｶｲｹｲｶﾝﾘｼﾔ                        ",
            "1207",
            "0128",
            "ｸﾞﾝﾏ           ",
            "101",
            "ﾏｴﾊﾞｼ          ",
            "1",
            "7654321",
            "                 "
        ),
        // Data: bank, branch, clearing house, kind, number, payee C30, amount N10, new code,
        // customer codes, by wire, EDI mark, C7.
        concat!(
            "2",
            "0005",
            "ﾐﾂﾋﾞｼUFJ       ",
            "001",
            "ﾎﾝﾃﾝ           ",
            "0000",
            "1",
            "0000123",
            "ｶ)ﾏｴﾊﾞｼﾊﾟﾝ                    ",
            "0000000450",
            "0",
            "0000000001",
            "0000000000",
            "7",
            " ",
            "       "
        ),
        concat!(
            "2",
            "9900",
            "ﾕｳﾁﾖ           ",
            "018",
            "               ",
            "0000",
            "1",
            "7654321",
            "ﾔﾏﾀﾞ ﾊﾅｺ                      ",
            "0001234567",
            "0",
            "0000000042",
            "0000000000",
            "7",
            " ",
            "       "
        ),
        // Trailer: count N6, total N12. End.
        concat!("8", "000002", "000001235017"),
        "9",
    ];
    let records: Vec<&[u8]> = bytes.chunks(RECORD_BYTES).collect();
    assert_eq!(records.len(), expected.len());
    for (record, expected) in records.iter().zip(expected) {
        assert_eq!(shown(record), format!("{expected:<120}"));
        assert_eq!(record.len(), RECORD_BYTES);
    }
    // A voiced kana is two bytes: ﾊ and ﾞ.
    assert_eq!(&records[0][14..19], &[0xCF, 0xB4, 0xCA, 0xDE, 0xBC]);
    let lines = file(&remitter(), &transfers, LineEnds::CrLf).unwrap();
    assert_eq!(lines.len(), 5 * (RECORD_BYTES + 2));
    assert_eq!(&lines[120..122], b"\r\n");
}

#[test]
fn names_become_the_banks_characters_and_dakuten_count() {
    for (typed, bytes) in [
        ("ア", &[0xB1][..]),
        ("ン", &[0xDD]),
        ("ヲ", &[0xA6]),
        ("ガ", &[0xB6, 0xDE]),
        ("ヴ", &[0xB3, 0xDE]),
        ("パ", &[0xCA, 0xDF]),
        ("が", &[0xB6, 0xDE]),
        ("ｶﾞ", &[0xB6, 0xDE]),
        ("か\u{3099}", &[0xB6, 0xDE]),
        ("ッャ", &[0xC2, 0xD4]),
        ("ｧｬｯ", &[0xB1, 0xD4, 0xC2]),
        ("ヰヶ", &[0xB2, 0xB9]),
        ("ラーメン", &[0xD7, b'-', 0xD2, 0xDD]),
        ("（カ）", b"(\xB6)"),
        ("Ａｂ１　２", b"AB1 2"),
        ("ニッポン", &[0xC6, 0xC2, 0xCE, 0xDF, 0xDD]),
    ] {
        assert_eq!(ZenginText::new(typed, 40).unwrap().bytes(), bytes, "{typed}");
    }
    assert_eq!(text("マエバシパン").shown(), "ﾏｴﾊﾞｼﾊﾟﾝ");
}

#[test]
fn what_cannot_be_written_is_named_and_not_dropped() {
    let unknown = ZenginText::new("前橋パン&カフェ㈱前", 30).unwrap_err();
    assert_eq!(unknown, NotZengin::Characters(['&', '前', '橋', '㈱'].into()));
    // 16 kana, but 31 bytes.
    let long = ZenginText::name("ババババババババババババババババ", 30).unwrap_err();
    assert_eq!(long, NotZengin::TooLong { length: 32, max: 30 });
    assert_eq!(ZenginText::name("　", 30), Err(NotZengin::Blank));
}

#[test]
fn a_transfer_of_nothing_or_of_too_much_makes_no_file() {
    let to = account("1", ("", ""), "1", "1", "ア");
    let transfer = |yen| Transfer { to: to.clone(), yen, customer: 7 };
    let made = |yen| file(&remitter(), &[transfer(yen)], LineEnds::None);
    assert_eq!(made(0), Err(NoFile::Amount(7)));
    assert_eq!(made(AMOUNT_MAX + 1), Err(NoFile::Amount(7)));
    assert!(made(AMOUNT_MAX).is_ok());
}

#[test]
fn numbers_are_read_as_people_type_them() {
    assert_eq!(Digits::<7>::parse("123").unwrap().as_str(), "0000123");
    assert_eq!(Digits::<4>::parse("０１２８").unwrap().as_str(), "0128");
    assert_eq!(Digits::<4>::parse("12345"), None);
    assert_eq!(Digits::<4>::parse("12a"), None);
    assert_eq!(Digits::<4>::parse(""), None);
}
