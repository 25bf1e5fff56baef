//! Proofs against the words of RFC 6962, for every size and index up to 130.

#![expect(clippy::arithmetic_side_effects, reason = "test data is small")]

use super::*;
use crate::log::tree::{
    leaf_hash,
    tests::{CT_ENTRIES, leaves, reference_root},
};
use proptest::prelude::*;

fn source(leaves: &[Digest]) -> impl Fn(Node) -> Option<Digest> {
    |node: Node| {
        let length = 1_usize << node.level;
        let start = usize::try_from(node.index).unwrap() * length;
        leaves.get(start..start + length).map(reference_root)
    }
}

/// PATH(m, D[n]) of RFC 6962, section 2.1.1, word for word.
fn reference_path(m: usize, leaves: &[Digest]) -> Vec<Digest> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let k = leaves.len().next_power_of_two() / 2;
    let (left, right) = leaves.split_at(k);
    let (mut path, beside) =
        if m < k { (reference_path(m, left), right) } else { (reference_path(m - k, right), left) };
    path.push(reference_root(beside));
    path
}

enum Known {
    ToVerifier,
    No,
}

/// SUBPROOF(m, D[n], b) of RFC 6962, section 2.1.2, word for word.
fn reference_subproof(m: usize, leaves: &[Digest], known: Known) -> Vec<Digest> {
    if m == leaves.len() {
        return match known {
            Known::ToVerifier => Vec::new(),
            Known::No => Vec::from([reference_root(leaves)]),
        };
    }
    let k = leaves.len().next_power_of_two() / 2;
    let (left, right) = leaves.split_at(k);
    let (mut proof, beside) = if m <= k {
        (reference_subproof(m, left, known), right)
    } else {
        (reference_subproof(m - k, right, Known::No), left)
    };
    proof.push(reference_root(beside));
    proof
}

fn flipped(hashes: &[Digest]) -> impl Iterator<Item = Vec<Digest>> {
    (0..hashes.len() * 256).map(|bit| {
        let mut hashes = hashes.to_vec();
        hashes[bit / 256].0[bit % 256 / 8] ^= 1 << (bit % 8);
        hashes
    })
}

#[test]
fn inclusion_proofs_equal_the_definition_and_hold_for_every_size_and_index() {
    let all = leaves(130);
    for size in 1..=all.len() {
        let leaves = &all[..size];
        let root = reference_root(leaves);
        let tree_size = TreeSize(size as u64);
        for (place, leaf) in leaves.iter().enumerate() {
            let index = EntryIndex(place as u64);
            let proof = InclusionProof::of(index, tree_size, source(leaves)).unwrap();
            assert_eq!(proof.0, reference_path(place, leaves), "{place} of {size}");
            assert_eq!(proof.verify(leaf, index, tree_size, &root), Ok(()));
            // Neither a neighbour's index, nor another leaf, nor another length will do.
            for other in [place.wrapping_sub(1), place + 1, size] {
                let other = EntryIndex(other as u64);
                assert_eq!(proof.verify(leaf, other, tree_size, &root), Err(BadProof));
            }
            assert_eq!(
                proof.verify(&leaf_hash(b"another"), index, tree_size, &root),
                Err(BadProof)
            );
            let mut longer = proof.clone();
            longer.0.push(root);
            assert_eq!(longer.verify(leaf, index, tree_size, &root), Err(BadProof));
            let mut shorter = proof;
            if shorter.0.pop().is_some() {
                assert_eq!(shorter.verify(leaf, index, tree_size, &root), Err(BadProof));
            }
        }
    }
}

#[test]
fn consistency_proofs_equal_the_definition_and_hold_for_every_pair_of_sizes() {
    let all = leaves(130);
    let roots: Vec<Digest> = (0..=all.len()).map(|size| reference_root(&all[..size])).collect();
    for new in 0..=all.len() {
        for old in 0..=new {
            let before = (TreeSize(old as u64), &roots[old]);
            let after = (TreeSize(new as u64), &roots[new]);
            let proof = ConsistencyProof::of(before.0, after.0, source(&all[..new])).unwrap();
            let expected = if old == 0 {
                Vec::new()
            } else {
                reference_subproof(old, &all[..new], Known::ToVerifier)
            };
            assert_eq!(proof.0, expected, "{old} of {new}");
            assert_eq!(proof.verify(before, after), Ok(()), "{old} of {new}");
            let mut longer = proof.clone();
            longer.0.push(EMPTY_ROOT);
            assert_eq!(longer.verify(before, after), Err(BadProof));
            let mut shorter = proof.clone();
            if shorter.0.pop().is_some() {
                assert_eq!(shorter.verify(before, after), Err(BadProof), "{old} of {new}");
            }
            let other = leaf_hash(b"another");
            assert_eq!(proof.verify((before.0, &other), after), Err(BadProof));
            if old > 0 {
                assert_eq!(proof.verify(before, (after.0, &other)), Err(BadProof));
            }
            if old < new {
                assert_eq!(proof.verify(after, before), Err(BadProof));
            }
        }
    }
}

#[test]
fn every_flipped_bit_of_a_proof_is_refused() {
    let leaves = leaves(77);
    let root = reference_root(&leaves);
    let size = TreeSize(77);
    for place in [0, 1, 38, 63, 64, 75, 76] {
        let index = EntryIndex(place as u64);
        let proof = InclusionProof::of(index, size, source(&leaves)).unwrap();
        for hashes in flipped(&proof.0) {
            let bad = InclusionProof(hashes);
            assert_eq!(bad.verify(&leaves[place], index, size, &root), Err(BadProof));
        }
    }
    for old in [1, 2, 31, 32, 63, 64, 65, 76] {
        let before_root = reference_root(&leaves[..old]);
        let before = (TreeSize(old as u64), &before_root);
        let proof = ConsistencyProof::of(before.0, size, source(&leaves)).unwrap();
        for hashes in flipped(&proof.0) {
            let bad = ConsistencyProof(hashes);
            assert_eq!(bad.verify(before, (size, &root)), Err(BadProof), "{old}");
        }
    }
}

#[test]
fn the_example_of_rfc_6962_with_seven_leaves_has_its_audit_paths() {
    // Section 2.1.3: the paths of d0, d3, d4 and d6 and the proofs from 3, 4 and 6 leaves.
    let d: Vec<Digest> = CT_ENTRIES.iter().take(7).map(|entry| leaf_hash(entry)).collect();
    let [a, b, c, e, f, j] =
        [&d[..1], &d[1..2], &d[2..3], &d[4..5], &d[5..6], &d[6..7]].map(reference_root);
    let dd = d[3];
    let [g, h, i] = [&d[0..2], &d[2..4], &d[4..6]].map(reference_root);
    let [k, l] = [&d[0..4], &d[4..7]].map(reference_root);
    for (index, path) in [
        (0, [b, h, l].to_vec()),
        (3, [c, g, l].to_vec()),
        (4, [f, j, k].to_vec()),
        (6, [i, k].to_vec()),
    ] {
        let proof = InclusionProof::of(EntryIndex(index), TreeSize(7), source(&d)).unwrap();
        assert_eq!(proof.0, path, "{index}");
    }
    for (old, path) in [(3, [c, dd, g, l].to_vec()), (4, [l].to_vec()), (6, [i, j, k].to_vec())] {
        let proof = ConsistencyProof::of(TreeSize(old), TreeSize(7), source(&d)).unwrap();
        assert_eq!(proof.0, path, "{old}");
    }
    assert_ne!(a, e);
}

#[test]
fn nothing_is_proved_out_of_range_or_without_its_hashes() {
    let none = |_: Node| None;
    let size = TreeSize(5);
    let out = NoProof::OutOfRange { size };
    assert_eq!(InclusionProof::of(EntryIndex(5), size, none), Err(out));
    assert_eq!(ConsistencyProof::of(TreeSize(6), size, none), Err(out));
    assert_eq!(
        InclusionProof::of(EntryIndex(0), size, none),
        Err(NoProof::Missing(Node { level: 0, index: 4 }))
    );
}

fn hashes() -> impl Strategy<Value = Vec<Digest>> {
    prop::collection::vec(any::<[u8; 32]>().prop_map(Digest), 0..80)
}

proptest! {
    #[test]
    fn no_input_makes_a_verifier_panic_or_agree(
        proof in hashes(), index: u64, old: u64, new: u64, first: [u8; 32], second: [u8; 32],
    ) {
        let (a, b) = (Digest(first), Digest(second));
        let included = InclusionProof(proof.clone());
        prop_assert!(included.verify(&a, EntryIndex(index), TreeSize(new), &b).is_err());
        let consistent = ConsistencyProof(proof);
        prop_assert!(consistent.verify((TreeSize(old), &a), (TreeSize(new), &b)).is_err());
    }

    #[test]
    fn proofs_of_huge_trees_hold(index: u64, old: u64, new: u64) {
        // All leaves alike: a subtree's hash depends on its level only.
        let mut levels = Vec::from([leaf_hash(b"")]);
        for _ in 0..64 {
            let below = levels[levels.len() - 1];
            levels.push(node_hash(&below, &below));
        }
        let source = |node: Node| Some(levels[usize::from(node.level)]);
        let root = |size: u64| Range { start: 0, end: size }.root(&source).unwrap();
        let (old, new) = (old.min(new), old.max(new).max(1));
        let index = EntryIndex(index % new);
        let proof = InclusionProof::of(index, TreeSize(new), source).unwrap();
        prop_assert!(proof.0.len() <= PROOF_HASHES_MAX);
        prop_assert_eq!(proof.verify(&levels[0], index, TreeSize(new), &root(new)), Ok(()));
        let proof = ConsistencyProof::of(TreeSize(old), TreeSize(new), source).unwrap();
        prop_assert!(proof.0.len() <= PROOF_HASHES_MAX);
        let (before, after) = (root(old), root(new));
        prop_assert_eq!(proof.verify((TreeSize(old), &before), (TreeSize(new), &after)), Ok(()));
    }
}
