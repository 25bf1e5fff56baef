//! Checkpoints against sigsum's vector, and whose signature counts.

use super::*;
use crate::{digest::from_hex, log::tree::leaf_hash, signature::PublicKey};
use alloc::vec;
use proptest::prelude::*;

const SIGSUM: &str =
    "sigsum.org/v1/tree/e796172b92befd62d9dc67e41c2f5bc9d3100a3023b20b1ca40288dd1c679e69";
const SIGSUM_KEY: &str = "66e0b858e462a609e66fe71370c816d8846ff103d5499a22a7fec37fdbc424a7";
const SIGSUM_LINE: &str =
    "gJ2ho0n8F8olcerUF1FFdv235A/5as/coWrpLrtE7ovMeP5whgwouYExowG/lTznxu6OUGjjt5yJQ6bXtTcf718MqAQ=";
/// The first vector of that thread, whose own author says that its key id is wrong.
const SIGSUM_WRONG_LINE: &str =
    "pOZUn0n8F8olcerUF1FFdv235A/5as/coWrpLrtE7ovMeP5whgwouYExowG/lTznxu6OUGjjt5yJQ6bXtTcf718MqAQ=";

fn sigsum(line: &str) -> SignedCheckpoint {
    let note = format!(
        "{SIGSUM}\n10\nHA5HAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n\u{2014} {SIGSUM} {line}\n"
    );
    SignedCheckpoint::parse(note.as_bytes()).unwrap()
}

fn town() -> (SigningKey, VerifierKey, Origin) {
    let origin = Origin::of("102016".parse().unwrap(), Generation(1));
    let key = SigningKey::from_seed(&[1; 32]);
    let name = origin.key_name().clone();
    let verifier = VerifierKey { name, kind: KeyKind::Log, key: key.public() };
    (key, verifier, origin)
}

fn head() -> Checkpoint {
    let mut tree = Tree::default();
    tree.push(leaf_hash(b"one"));
    tree.push(leaf_hash(b"two"));
    Checkpoint::of_tree(town().2, &tree)
}

#[test]
fn the_sigsum_vector_verifies_and_its_wrong_twin_does_not() {
    // C2SP/C2SP issue 99: the second vector is right, the first has another key's id.
    let key = PublicKey(from_hex(SIGSUM_KEY).unwrap());
    let log = VerifierKey { name: SIGSUM.parse().unwrap(), kind: KeyKind::Log, key };
    assert_eq!(log.id().to_string(), "809da1a3");
    let checkpoint = sigsum(SIGSUM_LINE).verify(&log).unwrap();
    assert_eq!(checkpoint.size, TreeSize(10));
    assert_eq!(checkpoint.root.0[..3], [0x1c, 0x0e, 0x47]);
    let unsigned = Err(CheckpointFault::Note(NoteFault::Unsigned));
    assert_eq!(sigsum(SIGSUM_WRONG_LINE).verify(&log), unsigned);
}

#[test]
fn the_sigsum_vector_is_signed_again_byte_for_byte() {
    // Its private key is 11, then zeros.
    let mut seed = [0; 32];
    seed[0] = 0x11;
    let key = SigningKey::from_seed(&seed);
    assert_eq!(key.public().to_string(), SIGSUM_KEY);
    let vector = sigsum(SIGSUM_LINE);
    assert_eq!(vector.claimed().clone().sign(&key), vector);
}

#[test]
fn a_signed_checkpoint_reads_back_and_verifies() {
    let (key, verifier, _) = town();
    let signed = head().sign(&key);
    let text = signed.to_string();
    assert!(text.starts_with("102016/log/1\n2\n"));
    let read = SignedCheckpoint::parse(text.as_bytes()).unwrap();
    assert_eq!(read, signed);
    assert_eq!(*read.verify(&verifier).unwrap(), head());
    assert_eq!(codec::decode(&codec::encode(&signed)), Ok(signed));
}

#[test]
fn another_logs_key_and_a_cosigners_key_are_refused() {
    let (key, verifier, origin) = town();
    let signed = head().sign(&key);
    let second = Origin::of("102016".parse().unwrap(), Generation(2));
    let other = VerifierKey { name: second.key_name().clone(), ..verifier.clone() };
    assert_eq!(
        signed.verify(&other),
        Err(CheckpointFault::OtherLog { expected: other.name.clone(), found: origin })
    );
    // Also if that key did sign this text.
    let foreign = Note::sign(&head().text(), &other.name, &key).unwrap();
    let both = signed.with_signature(&foreign.signatures()[0]).unwrap();
    assert!(both.verify(&other).is_err());
    assert!(both.verify(&verifier).is_ok());
    let cosigner = VerifierKey { kind: KeyKind::Cosigner, ..verifier.clone() };
    assert_eq!(signed.verify(&cosigner), Err(CheckpointFault::NotALogKey(cosigner.name.clone())));
    let stranger = VerifierKey { key: SigningKey::from_seed(&[2; 32]).public(), ..verifier };
    assert_eq!(signed.verify(&stranger), Err(CheckpointFault::Note(NoteFault::Unsigned)));
}

#[test]
fn extension_lines_of_others_are_kept_and_ours_has_none() {
    let (key, verifier, _) = town();
    let text = format!("{}more\nand more\n", head().text());
    let note = Note::sign(&text, &verifier.name, &key).unwrap();
    let read = SignedCheckpoint::parse(note.as_str().as_bytes()).unwrap();
    let verified = read.verify(&verifier).unwrap();
    assert_eq!(verified.extensions(), ["more", "and more"]);
    assert_eq!(verified.text(), text);
    assert_eq!(verified.note().as_str(), note.as_str());
    let ours = verified.clone().sign_again(&key);
    assert_eq!(ours.claimed(), &head());
}

impl VerifiedCheckpoint {
    fn sign_again(self, key: &SigningKey) -> SignedCheckpoint {
        self.0.checkpoint.sign(key)
    }
}

#[test]
fn malformed_checkpoints_are_refused() {
    use MalformedCheckpoint::{Lines, Origin, Root, Size};
    let root = "HA5HAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    for (text, fault) in [
        (String::new(), Lines),
        ("a\n1\n".into(), Lines),
        (format!("a\n1\n{root}"), Lines),
        (format!("\n1\n{root}\n"), Lines),
        (format!("a\n1\n{root}\n\n"), Lines),
        (format!("a\n1\n{root}\n\nb\n"), Lines),
        (format!("a b\n1\n{root}\n"), Origin),
        (format!("a+b\n1\n{root}\n"), Origin),
        (format!("{}\n1\n{root}\n", "a".repeat(256)), Origin),
        (format!("a\n01\n{root}\n"), Size),
        (format!("a\n-1\n{root}\n"), Size),
        (format!("a\n18446744073709551616\n{root}\n"), Size),
        ("a\n1\nHA5H\n".into(), Root),
        (format!("a\n1\n{}\n", root.trim_end_matches('=')), Root),
        (format!("a\n1\n{}\n", root.replace("AAA=", "AAB=")), Root),
    ] {
        assert_eq!(text.parse::<Checkpoint>(), Err(fault), "{text:?}");
    }
}

#[test]
fn origins_are_bounded() {
    assert_eq!(town().2.as_str(), "102016/log/1");
    for text in ["", "a b", "a+b", "a\u{3000}b", "a\nb", "a\u{7}b"] {
        assert_eq!(text.parse::<Origin>(), Err(NotAnOrigin), "{text:?}");
    }
}

proptest! {
    #[test]
    fn every_checkpoint_reads_back(size: u64, root: [u8; 32], origin in "[a-z0-9./]{1,40}") {
        let checkpoint =
            Checkpoint::new(origin.parse().unwrap(), TreeSize(size), Digest(root));
        prop_assert_eq!(checkpoint.text().parse(), Ok(checkpoint));
    }

    #[test]
    fn every_flipped_byte_is_refused(place: prop::sample::Index, mask in 1..=255_u8) {
        let (key, verifier, _) = town();
        let mut bytes = vec![];
        bytes.extend_from_slice(head().sign(&key).to_string().as_bytes());
        let place = place.index(bytes.len());
        bytes[place] ^= mask;
        let read = SignedCheckpoint::parse(&bytes).map(|read| read.verify(&verifier).is_ok());
        prop_assert!(!matches!(read, Ok(true)));
    }
}
