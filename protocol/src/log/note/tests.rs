//! Notes against the examples of C2SP and Go, and everything that is no note.

use super::*;
use alloc::{string::ToString as _, vec};
use proptest::prelude::*;

const VKEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const NOTE: &str = "This is an example message.\n\n\u{2014} example.com/foo \
    Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

fn name(text: &str) -> KeyName {
    text.parse().unwrap()
}

fn signer(seed: u8) -> (SigningKey, VerifierKey) {
    let key = SigningKey::from_seed(&[seed; 32]);
    let name = name(&format!("town.example/{seed}"));
    let verifier = VerifierKey { name, kind: KeyKind::Log, key: key.public() };
    (key, verifier)
}

/// A note with the signatures of all these seeds.
fn signed(text: &str, seeds: core::ops::Range<u8>) -> Note {
    let mut notes = seeds.map(|seed| {
        let (key, verifier) = signer(seed);
        Note::sign(text, &verifier.name, &key).unwrap()
    });
    let first = notes.next().unwrap();
    notes.fold(first, |all, note| all.with_signature(&note.signatures[0]).unwrap())
}

#[test]
fn the_example_of_c2sp_verifies_and_reads_back() {
    let key: VerifierKey = VKEY.parse().unwrap();
    assert_eq!(key.to_string(), VKEY);
    assert_eq!((key.name.as_str(), key.kind), ("example.com/foo", KeyKind::Log));
    assert_eq!(key.id().to_string(), "530d903a");
    let note = Note::parse(NOTE.as_bytes()).unwrap();
    assert_eq!(note.text(), "This is an example message.\n");
    assert_eq!(note.signatures()[0].name().as_str(), "example.com/foo");
    assert_eq!(note.signatures()[0].id(), key.id());
    assert_eq!(note.verify(core::slice::from_ref(&key)), Ok(vec![&key]));
    assert_eq!(note.to_string(), NOTE);
}

#[test]
fn the_example_of_go_verifies() {
    // From the package documentation of golang.org/x/mod/sumdb/note.
    let key: VerifierKey =
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW".parse().unwrap();
    let note = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\n\u{2014} PeterNeumann \
        x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    assert!(Note::parse(note.as_bytes()).unwrap().verify(&[key]).is_ok());
}

#[test]
fn a_mistyped_vkey_is_refused() {
    for (vkey, fault) in [
        (VKEY.replace("530d903a", "530d903b"), NotAVerifierKey::KeyId),
        (VKEY.replace("foo", "fop"), NotAVerifierKey::KeyId),
        (VKEY.replace("530d903a", "530D903A"), NotAVerifierKey::Form),
        (VKEY.replace("Aeky", "Beky"), NotAVerifierKey::KeyId),
        (VKEY.replace("Aeky", "Aek"), NotAVerifierKey::Form),
        (VKEY.replace("Aeky", "Bukz"), NotAVerifierKey::UnknownType { byte: 6 }),
        (VKEY.replace("example", "exa mple"), NotAVerifierKey::Form),
        (format!("+{VKEY}"), NotAVerifierKey::Form),
        (format!("{VKEY}\n"), NotAVerifierKey::Form),
        ("example.com/foo+530d903a".into(), NotAVerifierKey::Form),
        ("example.com/foo+530d903a+".into(), NotAVerifierKey::Form),
        (String::new(), NotAVerifierKey::Form),
    ] {
        let read = vkey.parse::<VerifierKey>();
        // Another first byte is another type, unless the base64 happens to leave it alone.
        match fault {
            NotAVerifierKey::KeyId => assert!(read.is_err(), "{vkey}"),
            NotAVerifierKey::Form | NotAVerifierKey::UnknownType { .. } => {
                assert_eq!(read, Err(fault), "{vkey}");
            }
        }
    }
}

#[test]
fn unknown_keys_are_ignored_and_a_known_one_must_fit() {
    let note = signed("text\n", 1..17);
    assert_eq!(note.signatures().len(), 16);
    let known: Vec<VerifierKey> = (1..17).map(|seed| signer(seed).1).collect();
    assert_eq!(note.verify(&known).unwrap().len(), 16);
    // Any one of them is enough, and a key that did not sign changes nothing.
    let two = [signer(99).1, signer(16).1];
    assert_eq!(note.verify(&two), Ok(vec![&two[1]]));
    assert_eq!(note.verify(&[signer(99).1]), Err(NoteFault::Unsigned));
    assert_eq!(note.verify(&[]), Err(NoteFault::Unsigned));

    // The same name with another key has another id: unknown, so ignored.
    let (_, mut other) = signer(1);
    other.key = signer(2).1.key;
    assert_eq!(note.verify(&[other]), Err(NoteFault::Unsigned));

    // A bad signature of a known key refuses the note, whatever the others say.
    let forged = signed("another text\n", 3..4);
    let note = signed("text\n", 1..2).with_signature(&forged.signatures[0]).unwrap();
    assert!(note.verify(&[signer(1).1]).is_ok());
    assert_eq!(
        note.verify(&[signer(1).1, signer(3).1]),
        Err(NoteFault::BadSignature(name("town.example/3")))
    );
    // Also behind a good one of the same key.
    let note = signed("text\n", 3..4).with_signature(&forged.signatures[0]).unwrap();
    assert!(note.verify(&[signer(3).1]).is_err());
}

#[test]
fn a_key_of_one_kind_does_not_verify_the_other() {
    let (key, log) = signer(1);
    let cosigner = VerifierKey { kind: KeyKind::Cosigner, ..log.clone() };
    assert_ne!(log.id(), cosigner.id());
    let Signature(bytes) = key.sign_raw(b"text\n");
    let line = NoteSignature::new(&cosigner, &bytes);
    let note = Note::parse(format!("text\n\n{line}\n").as_bytes()).unwrap();
    assert_eq!(note.verify(&[log]), Err(NoteFault::Unsigned));
    assert!(note.verify(&[cosigner]).is_err());
}

#[test]
fn malformed_notes_are_refused() {
    use MalformedNote::{NoSignatures, NotText, SignatureLine};
    let line = NOTE.lines().last().unwrap();
    for (note, fault) in [
        (String::new(), NoSignatures),
        ("text\n".into(), NoSignatures),
        ("text\n\n".into(), NoSignatures),
        (format!("text\n{line}\n"), NoSignatures),
        (format!("text\n\n{line}"), NoSignatures),
        (format!("text\n\n{line}\n\n"), NoSignatures),
        (format!("\n{line}\n"), NoSignatures),
        (format!("te\txt\n\n{line}\n"), NotText),
        (format!("text\r\n\n{line}\n"), NotText),
        (format!("te\0xt\n\n{line}\n"), NotText),
        (format!("text\n\n{}\n", line.replace('\u{2014}', "-")), SignatureLine),
        (format!("text\n\n{}\n", line.replace('\u{2014}', "\u{2013}")), SignatureLine),
        (format!("text\n\n{}\n", line.replace("foo", "f+oo")), SignatureLine),
        (format!("text\n\n{}\n", line.replace("foo", "f\u{3000}oo")), SignatureLine),
        (format!("text\n\n{}\n", line.replace("foo ", "foo  ")), SignatureLine),
        (format!("text\n\n{line} \n"), SignatureLine),
        (format!("text\n\n{}\n", line.trim_end_matches('=')), SignatureLine),
        ("text\n\n\u{2014} a \n".into(), SignatureLine),
        ("text\n\n\u{2014} a AAAAAA==\n".into(), SignatureLine),
        (format!("text\n\n{line}\nmore\n"), SignatureLine),
    ] {
        assert_eq!(Note::parse(note.as_bytes()), Err(fault), "{note:?}");
    }
    assert_eq!(Note::parse(b"te\xffxt\n\n"), Err(NotText));
    let many = format!("text\n\n{}", format!("{line}\n").repeat(SIGNATURES_MAX));
    assert!(Note::parse(many.as_bytes()).is_ok());
    let too_many = format!("{many}{line}\n");
    assert_eq!(Note::parse(too_many.as_bytes()), Err(MalformedNote::TooManySignatures));
    let long = "a".repeat(NOTE_BYTES_MAX);
    assert_eq!(Note::parse(format!("{long}{NOTE}").as_bytes()), Err(MalformedNote::TooLong));
}

#[test]
fn a_text_may_hold_empty_lines() {
    let text = "first\n\n\nlast\n";
    let note = signed(text, 1..3);
    assert_eq!(note.text(), text);
    assert!(note.verify(&[signer(2).1]).is_ok());
    let (key, verifier) = signer(1);
    assert!(Note::sign("no newline", &verifier.name, &key).is_err());
    assert!(Note::sign("a\tb\n", &verifier.name, &key).is_err());
}

#[test]
fn the_same_line_is_not_added_twice() {
    let note = signed("text\n", 1..2);
    assert_eq!(note.with_signature(&note.signatures()[0]), Ok(note.clone()));
}

proptest! {
    #[test]
    fn every_flipped_byte_is_refused(place: prop::sample::Index, mask in 1..=255_u8) {
        let mut bytes = Vec::from(NOTE);
        let place = place.index(bytes.len());
        bytes[place] ^= mask;
        let key: VerifierKey = VKEY.parse().unwrap();
        let read = Note::parse(&bytes).map(|note| note.verify(&[key]).is_ok());
        prop_assert!(!matches!(read, Ok(true)));
    }

    #[test]
    fn what_reads_as_a_note_is_its_bytes(text in "[a-z\n]{0,12}", lines in "(\u{2014} a AAAAAAA=\n|\n|x){0,4}") {
        let whole = format!("{text}{lines}");
        if let Ok(note) = Note::parse(whole.as_bytes()) {
            let lines: String =
                note.signatures().iter().map(|line| format!("{line}\n")).collect();
            prop_assert_eq!(format!("{}\n{lines}", note.text()), whole);
        }
    }

    #[test]
    fn every_vkey_reads_back(key: [u8; 32], kind in 0..2_u8) {
        let kind = if kind == 0 { KeyKind::Log } else { KeyKind::Cosigner };
        let key = VerifierKey { name: name("102016/log/1"), kind, key: PublicKey(key) };
        prop_assert_eq!(key.to_string().parse(), Ok(key));
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes: Vec<u8>, text: String) {
        let _ = Note::parse(&bytes);
        let _ = text.parse::<VerifierKey>();
        let _ = text.parse::<NoteSignature>();
    }
}
