//! Tests of rows.

use super::*;
use jichi_protocol::log::tree::leaf_hash;

fn leaves(count: u64) -> Vec<Digest> {
    (0..count).map(|n| leaf_hash(&n.to_be_bytes())).collect()
}

#[test]
fn rows_give_the_tree_and_every_proof_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let rows = Rows::open(dir.path(), EntryIndex(0)).unwrap();
    let leaves = leaves(70_000);
    let mut tree = Tree::default();
    for chunk in leaves.chunks(777) {
        rows.append(chunk).unwrap();
        chunk.iter().for_each(|leaf| {
            tree.push(*leaf);
        });
    }
    assert_eq!(rows.tree(tree.size()).unwrap(), tree);
    for index in [0, 1, 255, 256, 65_535, 65_536, 69_999] {
        let proof = rows.inclusion(EntryIndex(index), tree.size()).unwrap();
        let leaf = leaves[usize::try_from(index).unwrap()];
        proof.verify(&leaf, EntryIndex(index), tree.size(), &tree.root()).unwrap();
    }
    let tile: TilePath = "tile/1/001.p/17".parse().unwrap();
    assert_eq!(rows.tile(&tile).unwrap().len(), 17 * 32);
}

#[test]
fn rows_that_are_longer_or_partly_missing_are_cut_to_what_fits() {
    let dir = tempfile::tempdir().unwrap();
    Rows::open(dir.path(), EntryIndex(0)).unwrap().append(&leaves(1_000)).unwrap();
    assert_eq!(Rows::open(dir.path(), EntryIndex(900)).unwrap().len(), EntryIndex(900));
    fs::remove_file(dir.path().join("row-1")).unwrap();
    assert!(Rows::open(dir.path(), EntryIndex(900)).unwrap().is_empty());
}
