//! The tiles are those that the protocol names, and make the tree's root.

use std::collections::BTreeMap;

use jichi_protocol::log::{
    tile::{TilePath, node_from_tile, tiles_for_growth},
    tree::{Tree, TreeSize, leaf_hash},
};

use super::*;

type Made = BTreeMap<TilePath, Vec<Digest>>;

fn tiles_of(size: u64) -> (Made, Tree) {
    let (mut made, mut tree, mut tiles) = (Made::new(), Tree::default(), Tiles::default());
    let mut emit = |path, hashes: &[Digest]| {
        assert!(made.insert(path, hashes.to_vec()).is_none(), "{path} twice");
        Ok::<(), ()>(())
    };
    for number in 0..size {
        let leaf = leaf_hash(&number.to_be_bytes());
        tree.push(leaf);
        tiles.push(leaf, &mut emit).unwrap();
    }
    tiles.finish(&mut emit).unwrap();
    (made, tree)
}

#[test]
fn every_size_has_exactly_the_tiles_that_the_layout_names() {
    for size in [0, 1, 255, 256, 257, 512, 65_535, 65_536, 65_537] {
        let (made, _) = tiles_of(size);
        let wanted = tiles_for_growth(TreeSize(0), TreeSize(size));
        let mut wanted: Vec<_> = wanted.filter(|path| path.kind() != TileKind::Entries).collect();
        wanted.sort();
        assert_eq!(made.into_keys().collect::<Vec<_>>(), wanted, "{size} entries");
    }
}

#[test]
fn the_hashes_of_each_level_are_the_roots_of_the_tiles_below() {
    let (made, tree) = tiles_of(65_536);
    let top = TilePath::new(TileKind::Hashes { level: 2 }, 0, 1).unwrap();
    assert_eq!(made[&top], [tree.root()]);
    for (path, hashes) in &made {
        for (node, hash) in path.nodes().zip(hashes) {
            if node.level == 0 {
                continue;
            }
            let below = made.iter().find(|(below, _)| {
                below.kind() == TileKind::Hashes { level: node.level / 8 - 1 }
                    && below.index() == node.index
            });
            let pairs = below.unwrap().1.clone();
            assert_eq!(root(pairs), Some(*hash));
            assert_eq!(node_from_tile(node, hashes), Some(*hash));
        }
    }
}
