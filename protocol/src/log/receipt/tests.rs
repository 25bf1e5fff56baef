//! Receipts: read back, verified offline, and every other spelling refused.

#![expect(clippy::arithmetic_side_effects, reason = "test data is small")]

use super::*;
use crate::{
    id::Generation,
    log::{
        checkpoint::{Checkpoint, Origin},
        note::KeyKind,
        proof::Node,
        tree::{TreeSize, leaf_hash, tests::reference_root},
    },
    signature::SigningKey,
};
use alloc::{
    format,
    string::{String, ToString as _},
    vec,
};
use proptest::prelude::*;

const ENTRIES: [&[u8]; 5] = [b"grant", b"payment", b"refund", b"lapse", b"payout"];

fn log_key() -> (SigningKey, VerifierKey, Origin) {
    let origin = Origin::of("102016".parse().unwrap(), Generation(1));
    let key = SigningKey::from_seed(&[1; 32]);
    let name = origin.key_name().clone();
    let verifier = VerifierKey { name, kind: KeyKind::Log, key: key.public() };
    (key, verifier, origin)
}

fn receipt(index: usize, extra: &[u8]) -> Receipt {
    let leaves: Vec<Digest> = ENTRIES.iter().map(|entry| leaf_hash(entry)).collect();
    let source = |node: Node| {
        let length = 1_usize << node.level;
        let start = usize::try_from(node.index).unwrap() * length;
        leaves.get(start..start + length).map(reference_root)
    };
    let size = TreeSize(ENTRIES.len() as u64);
    let (key, _, origin) = log_key();
    let checkpoint = Checkpoint::new(origin, size, reference_root(&leaves)).sign(&key);
    let index = EntryIndex(index as u64);
    let proof = InclusionProof::of(index, size, source).unwrap();
    Receipt::new(extra.to_vec(), index, proof, checkpoint).unwrap()
}

#[test]
fn a_receipt_reads_back_and_verifies_offline() {
    let (_, log, _) = log_key();
    for (place, entry) in ENTRIES.iter().enumerate() {
        let text = receipt(place, entry).to_string();
        let read = Receipt::parse(text.as_bytes()).unwrap();
        assert_eq!(read.to_string(), text);
        assert_eq!(read.extra(), *entry);
        let included = read.verify(&log, &leaf_hash(read.extra())).unwrap();
        assert_eq!(included.index(), EntryIndex(place as u64));
        assert_eq!(included.checkpoint().size, TreeSize(5));
        assert_eq!(read.verify(&log, &leaf_hash(b"another")), Err(ReceiptFault::Proof));
    }
}

#[test]
fn the_text_is_that_of_c2sp() {
    let text = receipt(4, b"payout").to_string();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("c2sp.org/tlog-proof@v1"));
    assert_eq!(lines.next(), Some("extra cGF5b3V0"));
    assert_eq!(lines.next(), Some("index 4"));
    assert_eq!(lines.next().map(str::len), Some(44));
    assert_eq!(lines.next(), Some(""));
    assert_eq!(lines.next(), Some("102016/log/1"));
    // Without extra bytes there is no extra line.
    assert_eq!(receipt(4, b"").to_string(), text.replace("extra cGF5b3V0\n", ""));
}

#[test]
fn a_receipt_of_a_log_of_one_entry_has_no_proof_lines() {
    let (key, log, origin) = log_key();
    let leaf = leaf_hash(b"only");
    let checkpoint = Checkpoint::new(origin, TreeSize(1), leaf).sign(&key);
    let proof = InclusionProof::default();
    let receipt = Receipt::new(vec![], EntryIndex(0), proof, checkpoint).unwrap();
    let read = Receipt::parse(receipt.to_string().as_bytes()).unwrap();
    assert!(read.verify(&log, &leaf).is_ok());
}

#[test]
fn another_index_log_or_checkpoint_is_refused() {
    let (key, log, origin) = log_key();
    let good = receipt(1, b"payment");
    let leaf = leaf_hash(b"payment");
    assert!(good.verify(&log, &leaf).is_ok());
    let other = Receipt { index: EntryIndex(0), ..good.clone() };
    assert_eq!(other.verify(&log, &leaf), Err(ReceiptFault::Proof));
    let checkpoint = Checkpoint::new(origin, TreeSize(5), Digest([0; 32])).sign(&key);
    let other = Receipt { checkpoint, ..good.clone() };
    assert_eq!(other.verify(&log, &leaf), Err(ReceiptFault::Proof));
    let stranger = VerifierKey { key: SigningKey::from_seed(&[2; 32]).public(), ..log };
    assert!(matches!(good.verify(&stranger, &leaf), Err(ReceiptFault::Checkpoint(_))));
}

#[test]
fn malformed_receipts_are_refused() {
    use MalformedReceipt::{Checkpoint, Extra, Header, Index, Proof, TooLong};
    let text = receipt(1, b"payment").to_string();
    let hash = text.lines().nth(3).unwrap();
    let replaced = |from: &str, to: &str| text.replacen(from, to, 1);
    for (text, fault) in [
        (String::new(), Header),
        (replaced("@v1", "@v2"), Header),
        (format!(" {text}"), Header),
        (replaced("cGF5bWVudA==", ""), Extra),
        (replaced("cGF5bWVudA==", "cGF5bWVudA"), Extra),
        (replaced("cGF5bWVudA==", "cGF5bWVudB=="), Extra),
        (replaced("extra ", "extra  "), Extra),
        (replaced("extra", "Extra"), Index),
        (replaced("index 1", "index 01"), Index),
        (replaced("index 1", "index +1"), Index),
        (replaced("index 1", "index"), Index),
        (replaced("index 1\n", "index 1\nindex 1\n"), Proof),
        (replaced("index 1\n", "index 1\r\n"), Index),
        (replaced(hash, &hash[..40]), Proof),
        (replaced(hash, &format!("{hash} ")), Proof),
        (replaced(hash, &(format!("{hash}\n").repeat(64) + hash)), TooLong),
    ] {
        assert_eq!(Receipt::parse(text.as_bytes()), Err(fault), "{text}");
    }
    let without_blank = replaced("\n\n102016", "\n102016");
    assert_eq!(Receipt::parse(without_blank.as_bytes()), Err(Proof));
    let cut = text.get(..text.len() - 1).unwrap();
    assert!(matches!(Receipt::parse(cut.as_bytes()), Err(Checkpoint(_))));
    let more = format!("{text}\n");
    assert!(matches!(Receipt::parse(more.as_bytes()), Err(Checkpoint(_))));
    let long = vec![b' '; RECEIPT_BYTES_MAX + 1];
    assert_eq!(Receipt::parse(&long), Err(TooLong));
}

#[test]
fn too_much_for_a_receipt_is_refused() {
    let good = receipt(1, b"payment");
    let extra = vec![0; EXTRA_BYTES_MAX + 1];
    let built = |extra, proof| Receipt::new(extra, good.index, proof, good.checkpoint.clone());
    assert_eq!(built(extra, good.proof.clone()), Err(TooLong));
    let proof = InclusionProof(vec![Digest([0; 32]); PROOF_HASHES_MAX + 1]);
    assert_eq!(built(vec![], proof), Err(TooLong));
}

proptest! {
    #[test]
    fn a_flipped_byte_is_refused_or_shows_in_the_leaf(
        place: prop::sample::Index, mask in 1..=255_u8,
    ) {
        let (_, log, _) = log_key();
        let mut bytes = Vec::from(receipt(1, b"payment").to_string());
        let place = place.index(bytes.len());
        bytes[place] ^= mask;
        if let Ok(read) = Receipt::parse(&bytes) {
            prop_assert!(read.verify(&log, &leaf_hash(read.extra())).is_err());
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes: Vec<u8>) {
        let _ = Receipt::parse(&bytes);
    }
}
