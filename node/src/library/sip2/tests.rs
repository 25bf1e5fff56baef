//! The lines of SIP2, byte for byte. Each sample was checked against the rule of the checksum.

use super::*;

fn stamp(text: &str) -> Stamp {
    Stamp(text.to_owned())
}

fn sequence(number: u8) -> Option<Sequence> {
    Sequence::of(b'0' + number)
}

fn asked<'a>(institution: &'a str, patron: &'a str) -> Asked<'a> {
    Asked { institution, patron, at: stamp("20261124    132500") }
}

fn line(request: &Request<'_>, number: u8) -> String {
    let bytes = request.encode(Encoding::Utf8, sequence(number)).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn checksums_of_checked_samples_fit() {
    for sample in [
        "97AZFEF5",
        "96AZFEF6",
        "940AY0AZFDFE",
        "941AY1AZFDFC",
        "941AY3AZFDFA",
        "941AY0AZFDFD",
        "9900401.00AY1AZFCA5",
        "9300CNLoginUserID|COLoginPassword|CPLocationCode|AY5AZEC7B",
        "9300CNjichi|COsecret|CPMAEBASHI|AY0AZF3DE",
        "6300119980723    091905Y         AOInstitutionID|AAPatronID|BP00001|BQ00005|AY1AZEA83",
        "2300120261124    132500AO102016|AA12345678|AC|AD0000|AY1AZF2CE",
    ] {
        let (before, named) = sample.as_bytes().split_last_chunk::<4>().unwrap();
        assert_eq!(format!("{:04X}", checksum(before)).as_bytes(), named, "{sample}");
        assert!(checksum::checked(sample.as_bytes()).is_ok(), "{sample}");
        // A login line that is printed in a guide with another sum than the rule gives.
        let wrong = sample.replace("AZEC7B", "AZEC78");
        assert_eq!(wrong != sample, checksum::checked(wrong.as_bytes()).is_err());
    }
}

#[test]
fn requests_are_written_as_published() {
    let login =
        Request::Login { user: "LoginUserID", password: "LoginPassword", location: "LocationCode" };
    let published = "9300CNLoginUserID|COLoginPassword|CPLocationCode|AY5AZEC7B\r";
    assert_eq!(line(&login, 5), published);
    let login = Request::Login { user: "jichi", password: "secret", location: "MAEBASHI" };
    assert_eq!(line(&login, 0), "9300CNjichi|COsecret|CPMAEBASHI|AY0AZF3DE\r");
    assert_eq!(line(&Request::Resend, 4), "97AZFEF5\r");
    let status = line(&Request::PatronStatus(asked("102016", "12345678")), 1);
    assert!(status.starts_with("2301320261124    132500AO102016|AA12345678|AC|AY1AZ"), "{status}");
    let information = line(&Request::PatronInformation(asked("102016", "12345678")), 1);
    let begin = "6301320261124    132500          AO102016|AA12345678|AC|AY1AZ";
    assert!(information.starts_with(begin), "{information}");
    let end = line(&Request::EndSession(asked("102016", "12345678")), 1);
    assert!(end.starts_with("3520261124    132500AO102016|AA12345678|AC|AY1AZ"), "{end}");
    let plain = Request::Status.encode(Encoding::Utf8, None).unwrap();
    assert_eq!(plain, b"9900802.00\r");
}

#[test]
fn a_value_cannot_end_its_field_or_its_line() {
    let evil = asked("102016", "1|AAother|\r\n97\u{7f}");
    let line = line(&Request::PatronStatus(evil), 0);
    assert_eq!(line.matches('|').count(), 3);
    assert_eq!(line.matches('\r').count(), 1);
    assert!(line.contains("|AA1AAother97|"), "{line}");
}

#[test]
fn the_checksum_is_over_the_bytes_of_the_encoding() {
    let request = Request::PatronStatus(asked("前橋", "1"));
    let utf8 = request.encode(Encoding::Utf8, sequence(1)).unwrap();
    let cp932 = request.encode(Encoding::Cp932, sequence(1)).unwrap();
    assert!(checksum::checked(without_end(&utf8)).is_ok());
    assert!(checksum::checked(without_end(&cp932)).is_ok());
    assert_ne!(utf8[utf8.len() - 5..], cp932[cp932.len() - 5..]);
    // 🏛 is in no table of CP932.
    let request = Request::PatronStatus(asked("🏛", "1"));
    assert_eq!(request.encode(Encoding::Cp932, sequence(1)), Err(NotWritable));
}

fn reply(text: &str) -> Result<Reply, NotAReply> {
    Replied::parse(text.as_bytes(), Encoding::Utf8).map(|replied| replied.reply)
}

fn patron(text: &str) -> Patron {
    match reply(text) {
        Ok(Reply::Patron(patron)) => patron,
        other => panic!("{other:?}"),
    }
}

#[test]
fn replies_are_read_with_cr_or_crlf_and_in_any_order_of_fields() {
    assert_eq!(reply("941AY1AZFDFC\r\n"), Ok(Reply::Login { accepted: true }));
    assert_eq!(reply("940AY0AZFDFE\r"), Ok(Reply::Login { accepted: false }));
    assert_eq!(reply("96AZFEF6"), Ok(Reply::AsksAgain));
    let numbered = Replied::parse(b"941AY3AZFDFA", Encoding::Utf8).unwrap();
    assert_eq!(numbered.sequence, sequence(3));
    let status = "98YYYYYN60000320261124    1325002.00AO102016|BXYYYYYYYYYYYNYYYY|";
    assert_eq!(reply(status), Ok(Reply::Status { online: true }));
    assert_eq!(reply("36Y20261124    132500AO1|AA2|"), Ok(Reply::SessionEnded { ended: true }));
    let flags = "    Y         ";
    let known = patron(&format!("24{flags}00120261124    132500BLY|ZZ?|AE前橋 花子|AA123|AFよし|"));
    assert_eq!((known.number.as_str(), known.card), ("123", CardState::Valid));
    assert_eq!((known.name.as_deref(), known.screen.as_deref()), (Some("前橋 花子"), Some("よし")));
    assert_eq!(known.blocks, [Block::CardLost]);
}

#[test]
fn of_a_field_that_stands_twice_the_first_counts() {
    let free = " ".repeat(14);
    let twice = patron(&format!("24{free}00120261124    132500AEA|AA1|BLN|BLY|AA2|"));
    assert_eq!((twice.number.as_str(), twice.card), ("1", CardState::NotValid));
}

#[test]
fn an_unknown_card_and_an_expired_one_are_told_apart() {
    let unknown = format!("24YYYY{}00120261124    132500AE|AA999|BLN|AO102016|", " ".repeat(10));
    assert_eq!(patron(&unknown).card, CardState::Unknown);
    let counts = "000000000000000000000000";
    let expired = format!(
        "64YYYY{}00120261124    132500{counts}AO1|AA1|AE花子|BLN|AFExpired|",
        " ".repeat(10)
    );
    assert_eq!(patron(&expired).card, CardState::NotValid);
}

#[test]
fn an_answer_that_does_not_say_whether_the_card_is_good_is_none() {
    let free = " ".repeat(14);
    for rest in ["AA1|AEA|", "AA1|AEA|BL|", "AA1|AEA|BLX|", "AEA|BLY|"] {
        let text = format!("24{free}00120261124    132500{rest}");
        assert_eq!(reply(&text), Err(NotAReply::Form), "{rest}");
    }
    for text in ["", "9", "24", "242", "98", "64          ", "99Y", "あい", "24|||"] {
        assert_eq!(reply(text), Err(NotAReply::Form), "{text}");
    }
    assert_eq!(reply("941AY1AZFDFD"), Err(NotAReply::Garbled));
    assert_eq!(reply("941AYxAZFDFC"), Err(NotAReply::Garbled));
}

#[test]
fn cp932_is_decoded_before_it_is_split() {
    // The second byte of ポ is the byte of |, and that of ァ the byte of @.
    let free = " ".repeat(14);
    let text = format!("24{free}01320261124    132500AEポポァ|AA1|BLY|");
    let (bytes, _, _) = SHIFT_JIS.encode(&text);
    assert!(bytes.iter().filter(|byte| **byte == b'|').count() > 3);
    let replied = Replied::parse(&bytes, Encoding::Cp932).unwrap();
    let Reply::Patron(patron) = replied.reply else { panic!("a patron") };
    assert_eq!(patron.name.as_deref(), Some("ポポァ"));
    assert_eq!(Replied::parse(&bytes, Encoding::Utf8), Err(NotAReply::Form));
}

#[test]
fn a_stamp_is_18_characters_of_local_time() {
    let time = "2026-11-24".parse::<jichi_protocol::date::BusinessDate>().unwrap().start();
    let stamp = Stamp::at(time.later_by_ms(13 * 3_600_000 + 25 * 60_000));
    assert_eq!(stamp.0, "20261124    132500");
}

/// A stream of numbers from a seed, the same everywhere.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

#[test]
fn no_bytes_make_the_reader_panic_and_whole_lines_survive_the_round() {
    let mut dice = Dice(20_261_124);
    let alphabet: Vec<char> = "0123456789ABCxyz 前橋ポソ表ァ髙".chars().collect();
    let heads = ["24", "64", "94", "98", "36", "96", "97", ""];
    for _ in 0..20_000 {
        let head = heads[dice.below(8) as usize];
        let length = dice.below(120) as usize;
        let mut bytes = head.as_bytes().to_vec();
        bytes.extend((0..length).map(|_| match dice.below(4) {
            0 => b"|YN AZ"[dice.below(6) as usize],
            _ => dice.below(256) as u8,
        }));
        for encoding in [Encoding::Utf8, Encoding::Cp932] {
            let _ = Replied::parse(&bytes, encoding);
        }
        let word = |dice: &mut Dice| -> String {
            let length = 1 + dice.below(12);
            let pick = |dice: &mut Dice| alphabet[dice.below(alphabet.len() as u64) as usize];
            (0..length).map(|_| pick(dice)).collect()
        };
        let (name, number) = (word(&mut dice), format!("A{}", dice.below(1_000_000)));
        let text = format!("24{}01320261124    132500AA{number}|AE{name}|BLY|", " ".repeat(14));
        for encoding in [Encoding::Utf8, Encoding::Cp932] {
            let mut line = encoding.encode(&text).unwrap().into_owned();
            let number_of_it = sequence((dice.below(10)) as u8);
            line.extend(checksum::ending(&line, number_of_it));
            let back = Replied::parse(&line, encoding).unwrap();
            assert_eq!(back.sequence, number_of_it);
            let Reply::Patron(patron) = back.reply else { panic!("a patron") };
            assert_eq!(patron.number, number);
            assert_eq!(patron.name.unwrap_or_default(), name.trim());
            // One flipped bit is always seen: the sum changes.
            let at = dice.below(line.len() as u64 - 9) as usize;
            line[at] ^= 1 << dice.below(8);
            assert_eq!(Replied::parse(&line, encoding), Err(NotAReply::Garbled));
        }
    }
}
