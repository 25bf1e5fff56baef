//! Cosignatures: their time, and every flipped bit.

use super::*;
use crate::{
    digest::{Digest, from_hex},
    id::Generation,
    log::{
        checkpoint::{Checkpoint, Origin},
        note::{MalformedNote, Note, NoteFault},
        tree::TreeSize,
    },
};

fn log() -> (VerifiedCheckpoint, VerifierKey) {
    let origin = Origin::of("102016".parse().unwrap(), Generation(1));
    let key = SigningKey::from_seed(&[1; 32]);
    let name = origin.key_name().clone();
    let verifier = VerifierKey { name, kind: KeyKind::Log, key: key.public() };
    let signed = Checkpoint::new(origin, TreeSize(3), Digest([7; 32])).sign(&key);
    (signed.verify(&verifier).unwrap(), verifier)
}

fn witness() -> (SigningKey, VerifierKey) {
    let key = SigningKey::from_seed(&[2; 32]);
    let name = "141500/witness".parse().unwrap();
    let verifier = VerifierKey { name, kind: KeyKind::Cosigner, key: key.public() };
    (key, verifier)
}

#[test]
fn the_message_is_that_of_c2sp() {
    // The example of tlog-cosignature.md.
    let text =
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
    assert_eq!(
        message(text, 1_679_315_147),
        "cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\n\
            CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    );
}

#[test]
fn a_cosignature_tells_its_time_to_the_second() {
    let (checkpoint, log) = log();
    let (key, cosigner) = witness();
    let line = cosign(&checkpoint, &cosigner.name, &key, Time(1_679_315_147_999));
    assert_eq!(line.id(), cosigner.id());
    assert_eq!(line.bytes().len(), 72);
    assert_eq!(line.bytes()[..8], 1_679_315_147_u64.to_be_bytes());
    let signed = checkpoint.into_signed().with_signature(&line).unwrap();
    assert_eq!(cosigned_at(&signed, &cosigner), Ok(Time(1_679_315_147_000)));
    // The log's signature stays, and both count in one look at the note.
    assert!(signed.verify(&log).is_ok());
    assert_eq!(signed.note().verify(&[log, cosigner]).unwrap().len(), 2);
}

#[test]
fn of_two_cosignatures_the_later_counts() {
    let (checkpoint, _) = log();
    let (key, cosigner) = witness();
    let later = cosign(&checkpoint, &cosigner.name, &key, Time(9000));
    let earlier = cosign(&checkpoint, &cosigner.name, &key, Time(8000));
    let signed = checkpoint.into_signed();
    let signed = signed.with_signature(&later).unwrap().with_signature(&earlier).unwrap();
    assert_eq!(cosigned_at(&signed, &cosigner), Ok(Time(9000)));
}

#[test]
fn what_is_not_this_cosigners_word_is_refused() {
    let (checkpoint, log) = log();
    let (key, cosigner) = witness();
    let signed = checkpoint.clone().into_signed();
    assert_eq!(cosigned_at(&signed, &cosigner), Err(CosignatureFault::Absent));
    assert_eq!(cosigned_at(&signed, &log), Err(CosignatureFault::NotACosignerKey));

    let good = cosign(&checkpoint, &cosigner.name, &key, Time(8000));
    let refused = |bytes: &[u8]| {
        let line = NoteSignature::new(&cosigner, bytes);
        let signed = signed.with_signature(&line).unwrap();
        assert_eq!(cosigned_at(&signed, &cosigner), Err(CosignatureFault::Bad));
        assert_eq!(
            signed.note().verify(core::slice::from_ref(&cosigner)),
            Err(NoteFault::BadSignature(cosigner.name.clone()))
        );
    };
    for place in 0..good.bytes().len() * 8 {
        let mut bytes = good.bytes().to_vec();
        bytes[place / 8] ^= 1 << (place % 8);
        refused(&bytes);
    }
    refused(&good.bytes()[..71]);
    refused(&[good.bytes(), &[0]].concat());
    refused(&good.bytes()[..7]);
    // A bare signature over the text, without a time, is none.
    refused(&key.sign_raw(signed.note().text().as_bytes()).0);
    // A time that does not fit: refused though the signature is right.
    let far = 1_u64 << 63;
    let signature = key.sign_raw(message(signed.note().text(), far).as_bytes());
    refused(&[&far.to_be_bytes()[..], &signature.0].concat());
}

#[test]
fn a_cosignature_covers_extension_lines() {
    let (checkpoint, log) = log();
    let (key, cosigner) = witness();
    let line = cosign(&checkpoint, &cosigner.name, &key, Time(8000));
    let log_key = SigningKey::from_seed(&[1; 32]);
    let text = format!("{}more\n", checkpoint.text());
    let note = Note::sign(&text, &log.name, &log_key).unwrap().with_signature(&line).unwrap();
    let signed = SignedCheckpoint::parse(note.as_str().as_bytes()).unwrap();
    assert!(signed.verify(&log).is_ok());
    assert_eq!(cosigned_at(&signed, &cosigner), Err(CosignatureFault::Bad));
}

#[test]
fn a_foreign_vkey_of_type_04_reads() {
    // From the tests of transparency-dev/formats v0.1.1 in its shape: type 04 and 32 bytes.
    let key = PublicKey(from_hex(&"ab".repeat(32)).unwrap());
    let cosigner = VerifierKey { name: "w.example".parse().unwrap(), kind: KeyKind::Cosigner, key };
    let vkey = alloc::string::ToString::to_string(&cosigner);
    assert!(vkey.contains("+BKur"));
    assert_eq!(vkey.parse(), Ok(cosigner));
    let line: Result<NoteSignature, MalformedNote> = "\u{2014} w.example".parse();
    assert_eq!(line, Err(MalformedNote::SignatureLine));
}
