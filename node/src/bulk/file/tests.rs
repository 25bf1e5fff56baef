//! Files as towns have them, and every fault of a line.

use encoding_rs::SHIFT_JIS;

use super::*;

const PLAIN: &str = "マイキーID,ポイント,活動,日付,備考\r\n\
    ABCD1234,200,公園清掃,2026-04-12,\r\n\
    WXYZ5678,\"1,000\",花植え,令和8年4月13日,雨天\r\n";

fn rows(bytes: &[u8]) -> Vec<Row> {
    let lines = read(bytes, Purpose::Grants).unwrap();
    assert!(lines.faults.is_empty());
    lines.rows
}

#[test]
fn utf8_with_and_without_mark_and_cp932_are_the_same_lines() {
    let plain = rows(PLAIN.as_bytes());
    assert_eq!((plain.len(), plain[0].line, plain[1].points.get()), (2, 2, 1_000));
    assert_eq!(plain[1].activity, "2026-04-13 花植え");
    let marked = [b"\xef\xbb\xbf", PLAIN.as_bytes()].concat();
    assert!(rows(&marked) == plain);
    let (cp932, _, _) = SHIFT_JIS.encode(PLAIN);
    assert!(rows(&cp932) == plain);
}

#[test]
fn what_a_sanitiser_or_a_spreadsheet_changes_is_no_change() {
    let plain = rows(PLAIN.as_bytes());
    let quoted = "\"マイキーＩＤ\",\"ポイント\",\"活動\",\"日付\",\"備考\",,\n\
        \"=\"\"ABCD1234\"\"\",\"２００\",\"　公園清掃 \",\"2026/4/12\",\"\",,\n\
        \"'WXYZ5678\",\"1000\",\"花植え\",\"2026/04/13 0:00\",\"雨天\",,\n,,,,,,\n";
    assert!(rows(quoted.as_bytes()) == plain);
    let old = PLAIN.replace("\r\n", "\r");
    assert!(rows(old.as_bytes()) == plain);
}

#[test]
fn every_bad_line_is_named_with_its_fault() {
    let file = "mykey_id,enrolment,kana,birth,points,activity,date,note\n\
        ,,,,100,a,,\n\
        ABC,,,,100,a,,\n\
        ,,サガミ,昨日,100,a,,\n\
        ABCD1234,,,,-5,a,,\n\
        ABCD1234,,,,0,a,,\n\
        ABCD1234,,,,100,a,31/31,\n\
        ABCD1234,,,,100,,,\n\
        ABCD1234,,,,100,a,,123456789018\n\
        ,123456789018,,,100,a,,\n";
    let lines = read(file.as_bytes(), Purpose::Grants).unwrap();
    let faults = [
        (2, LineFault::RecipientMissing),
        (3, LineFault::MyKeyForm),
        (4, LineFault::BirthForm),
        (5, LineFault::PointsForm),
        (6, LineFault::PointsForm),
        (7, LineFault::DateForm),
        (8, LineFault::ActivityMissing),
        (9, LineFault::MyNumber),
    ];
    assert_eq!(lines.faults, faults);
    // An enrolment number is of a declared kind: it may have any twelve digits.
    assert_eq!(lines.rows.len(), 1);
}

#[test]
fn a_file_that_is_none_is_refused_whole() {
    let fault = |bytes: &[u8]| read(bytes, Purpose::Grants).err();
    assert_eq!(fault(b""), Some(FileFault::Empty));
    assert_eq!(fault("マイキーID,ポイント,活動\n".as_bytes()), Some(FileFault::Empty));
    assert_eq!(fault(b"mykey_id,points,secret\n1,2,3\n"), Some(FileFault::Column(3)));
    assert_eq!(fault(b"mykey_id,activity\n1,2\n"), Some(FileFault::Columns));
    assert_eq!(fault(b"mykey_id,points,points,activity\n"), Some(FileFault::Columns));
    assert_eq!(fault(b"\xff\xfe\x00\xa0"), Some(FileFault::Encoding));
    let slips = read(PLAIN.as_bytes(), Purpose::Slips);
    assert_eq!(slips.err(), Some(FileFault::Columns));
}
