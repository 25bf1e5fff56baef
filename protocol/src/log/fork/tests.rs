//! Proofs of a fork: what they show of two logs, and that nothing else shows it.

use super::*;
use crate::{
    id::Generation,
    log::{
        checkpoint::{Checkpoint, Origin},
        note::KeyKind,
        proof::Node,
        tree::{Tree, leaf_hash, node_hash},
    },
    signature::SigningKey,
};

/// A log that holds `common` entries of both histories, then those of its own.
pub(crate) struct Log {
    leaves: Vec<Digest>,
}

impl Log {
    pub(crate) fn new(common: u64, all: u64, word: &str) -> Self {
        let leaf = |index: u64| {
            let word = if index < common { "common" } else { word };
            leaf_hash(format!("{word} {index}").as_bytes())
        };
        Self { leaves: (0..all).map(leaf).collect() }
    }

    fn tree(&self, size: u64) -> Tree {
        let mut tree = Tree::default();
        self.leaves.iter().take(usize::try_from(size).unwrap()).for_each(|leaf| {
            tree.push(*leaf);
        });
        tree
    }

    pub(crate) fn root(&self, size: u64) -> Digest {
        self.tree(size).root()
    }

    pub(crate) fn signed(&self, size: u64) -> SignedCheckpoint {
        Checkpoint::of_tree(origin(), &self.tree(size)).sign(&key())
    }

    pub(crate) fn verified(&self, size: u64) -> VerifiedCheckpoint {
        self.signed(size).verify(&vkey()).unwrap()
    }

    fn hash_of(&self, node: Node) -> Option<Digest> {
        let length = 1_usize.checked_shl(node.level.into())?;
        let start = usize::try_from(node.index).ok()?.checked_mul(length)?;
        let mut hashes = self.leaves.get(start..start.checked_add(length)?)?.to_vec();
        while hashes.len() > 1 {
            hashes = hashes.chunks(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
        }
        hashes.first().copied()
    }

    pub(crate) fn proof(&self, old: u64, new: u64) -> ConsistencyProof {
        use crate::log::tree::TreeSize;
        ConsistencyProof::of(TreeSize(old), TreeSize(new), |node| self.hash_of(node)).unwrap()
    }
}

pub(crate) fn origin() -> Origin {
    Origin::of("102016".parse().unwrap(), Generation(1))
}

pub(crate) fn key() -> SigningKey {
    SigningKey::from_seed(&[1; 32])
}

pub(crate) fn vkey() -> VerifierKey {
    VerifierKey { name: origin().key_name().clone(), kind: KeyKind::Log, key: key().public() }
}

/// Sizes of the older and the newer checkpoint; the histories part behind entry 5.
const SIZES: [(u64, u64); 6] = [(7, 12), (8, 12), (8, 16), (9, 9), (11, 40), (16, 33)];

fn fork(older: u64, newer: u64) -> ForkProof {
    let (a, b) = (Log::new(5, 64, "a"), Log::new(5, 64, "b"));
    let proof = b.proof(older, newer);
    ForkProof::of(&a.verified(older), &b.verified(newer), b.root(older), &proof).unwrap()
}

#[test]
fn two_histories_are_proved_at_every_size() {
    for (older, newer) in SIZES {
        let fork = fork(older, newer);
        assert_eq!(fork.verify(&vkey()), Ok(()), "{older} and {newer}");
        let file = fork.file(&vkey());
        assert_eq!(ForkProof::parse_file(file.as_bytes()), Ok((fork, vkey())));
    }
}

#[test]
fn one_history_proves_no_fork() {
    let log = Log::new(64, 64, "a");
    for (older, newer) in SIZES {
        let (root, proof) = (log.root(older), log.proof(older, newer));
        let of = ForkProof::of(&log.verified(older), &log.verified(newer), root, &proof);
        assert_eq!(of, None, "{older} and {newer}");
        let (older, newer) = (log.signed(older), log.signed(newer));
        let forged = ForkProof { older, newer, root: Digest([9; 32]), proof };
        assert_eq!(forged.verify(&vkey()), Err(NotAFork::NotShown));
    }
}

#[test]
fn what_another_key_signed_proves_nothing_of_this_log() {
    let fork = fork(7, 12);
    let other = SigningKey::from_seed(&[3; 32]);
    let stranger = fork.newer.claimed().clone().sign(&other);
    let forged = ForkProof { newer: stranger, ..fork.clone() };
    assert!(matches!(forged.verify(&vkey()), Err(NotAFork::Checkpoint(_))));
    let theirs = VerifierKey { key: other.public(), ..vkey() };
    assert!(fork.verify(&theirs).is_err());
    let turned = ForkProof { older: fork.newer.clone(), newer: fork.older.clone(), ..fork };
    assert_eq!(turned.verify(&vkey()), Err(NotAFork::Order));
}

#[test]
fn a_file_with_any_changed_byte_proves_nothing() {
    for (older, newer) in [(8, 12), (9, 9)] {
        let file = fork(older, newer).file(&vkey()).into_bytes();
        for place in 0..file.len() {
            let mut changed = file.clone();
            changed[place] ^= 1;
            let proved = ForkProof::parse_file(&changed)
                .is_ok_and(|(fork, log)| log == vkey() && fork.verify(&vkey()).is_ok());
            assert!(!proved, "byte {place}");
        }
        assert!(ForkProof::parse_file(&file[..file.len() - 1]).is_err());
    }
}
