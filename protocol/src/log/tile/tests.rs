//! Tile paths and contents against C2SP, and proofs from stored tiles alone.

use super::*;
use crate::{
    id::EntryIndex,
    log::{
        proof::{ConsistencyProof, InclusionProof},
        tree::tests::{leaves, reference_root},
    },
};
use alloc::{collections::BTreeMap, string::ToString, vec};
use proptest::prelude::*;

fn path(level: u8, index: u64, width: u16) -> TilePath {
    TilePath::new(TileKind::Hashes { level }, index, width).unwrap()
}

#[test]
fn paths_read_as_in_c2sp() {
    for (tile, text) in [
        (path(0, 1_234_067, 256), "tile/0/x001/x234/067"),
        (path(0, 1_234_067, 112), "tile/0/x001/x234/067.p/112"),
        (path(63, 0, 1), "tile/63/000.p/1"),
        (path(2, 999, 255), "tile/2/999.p/255"),
        (path(2, 1000, 256), "tile/2/x001/000"),
        (TilePath::new(TileKind::Entries, 273, 112).unwrap(), "tile/entries/273.p/112"),
        (path(0, u64::MAX, 256), "tile/0/x018/x446/x744/x073/x709/x551/615"),
    ] {
        assert_eq!(tile.to_string(), text);
        assert_eq!(text.parse(), Ok(tile));
    }
}

#[test]
fn a_path_has_one_spelling() {
    for text in [
        "",
        "tile/",
        "tile/0",
        "tile/0/",
        "/tile/0/000",
        "tile/00/000",
        "tile/64/000",
        "tile/0/0",
        "tile/0/x000/001",
        "tile/0/001/002",
        "tile/0/x001",
        "tile/0/x001/x002",
        "tile/0/1000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/000.p/+1",
        "tile/0/000/",
        "tile/0/000.p/1/",
        "tile/0/../000",
        "tile/data/000",
        "tile/0/x018/x446/x744/x073/x709/x551/616",
        "tile/0/０００",
        "tile/-1/000",
    ] {
        assert_eq!(text.parse::<TilePath>(), Err(NotATile), "{text}");
    }
}

#[test]
fn a_log_of_70000_entries_has_the_tiles_of_c2sp() {
    let tiles: Vec<TilePath> = tiles_for_growth(TreeSize(0), TreeSize(70_000)).collect();
    let of = |kind| tiles.iter().filter(move |tile| tile.kind == kind);
    for kind in [TileKind::Entries, TileKind::Hashes { level: 0 }] {
        assert_eq!(of(kind).filter(|tile| tile.width == 256).count(), 273);
        assert_eq!(of(kind).count(), 274);
    }
    let above: Vec<_> =
        tiles.iter().map(ToString::to_string).filter(|tile| !tile.contains("e/0/")).collect();
    let above: Vec<_> = above.iter().filter(|tile| !tile.contains("entries")).collect();
    assert_eq!(above, ["tile/1/000", "tile/1/001.p/17", "tile/2/000.p/1"]);
    assert!(tiles.contains(&"tile/0/273.p/112".parse().unwrap()));
    assert!(tiles.contains(&"tile/entries/273.p/112".parse().unwrap()));
}

#[test]
fn growth_names_what_is_new_or_wider_and_nothing_else() {
    let growth = |old, new| -> Vec<_> {
        tiles_for_growth(TreeSize(old), TreeSize(new)).map(|tile| tile.to_string()).collect()
    };
    assert_eq!(growth(0, 0), Vec::<String>::new());
    assert_eq!(growth(7, 7), Vec::<String>::new());
    assert_eq!(growth(7, 6), Vec::<String>::new());
    assert_eq!(growth(7, 9), ["tile/entries/000.p/9", "tile/0/000.p/9"]);
    assert_eq!(growth(255, 256), ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]);
    assert_eq!(growth(256, 257), ["tile/entries/001.p/1", "tile/0/001.p/1"]);
    assert_eq!(
        growth(511, 513),
        [
            "tile/entries/001",
            "tile/entries/002.p/1",
            "tile/0/001",
            "tile/0/002.p/1",
            "tile/1/000.p/2"
        ]
    );
    // The end of the numbers: no overflow, and the newest partial tile of every level.
    assert_eq!(growth(u64::MAX - 1, u64::MAX).len(), 2);
}

#[test]
fn proofs_come_from_stored_tiles_alone() {
    let leaves = leaves(600);
    let hash_of = |node: Node| {
        let length = 1_usize << node.level;
        let start = usize::try_from(node.index).unwrap() * length;
        reference_root(&leaves[start..start + length])
    };
    let mut store = BTreeMap::new();
    // The log grew by steps, so partial tiles of several sizes lie about.
    for (old, new) in [(0, 3), (3, 255), (255, 256), (256, 300), (300, 511), (511, 600)] {
        for tile in tiles_for_growth(TreeSize(old), TreeSize(new)) {
            let hashes: Vec<Digest> = tile.nodes().map(hash_of).collect();
            store.insert(tile.to_string(), encode_hashes(&hashes));
        }
        let size = TreeSize(new);
        let stored = |node: Node| {
            let tile = TilePath::holding(node, size)?;
            let bytes = store.get(&tile.to_string())?;
            node_from_tile(node, &decode_hashes(bytes, tile.width()).ok()?)
        };
        let end = usize::try_from(new).unwrap();
        let root = reference_root(&leaves[..end]);
        for index in 0..new {
            let leaf = leaves[usize::try_from(index).unwrap()];
            let index = EntryIndex(index);
            let proof = InclusionProof::of(index, size, stored).unwrap();
            assert_eq!(proof.verify(&leaf, index, size, &root), Ok(()));
        }
        for before in [1, old.max(1), new / 2 + 1] {
            let before_root = reference_root(&leaves[..usize::try_from(before).unwrap()]);
            let proof = ConsistencyProof::of(TreeSize(before), size, stored).unwrap();
            assert_eq!(proof.verify((TreeSize(before), &before_root), (size, &root)), Ok(()));
        }
        assert_eq!(stored(Node { level: 0, index: new }), None);
        assert_eq!(stored(Node { level: 64, index: 0 }), None);
    }
}

#[test]
fn a_tile_of_another_length_is_refused() {
    let bytes = encode_hashes(&leaves(3));
    assert_eq!(decode_hashes(&bytes, 3), Ok(leaves(3)));
    let malformed = |width| Err(MalformedTile { width });
    assert_eq!(decode_hashes(&bytes, 2), malformed(2));
    assert_eq!(decode_hashes(&bytes, 4), malformed(4));
    assert_eq!(decode_hashes(&bytes[..95], 3), malformed(3));
}

#[test]
fn a_bundle_holds_entries_up_to_its_limit() {
    let longest = vec![7; BUNDLED_ENTRY_BYTES_MAX];
    let entries: [&[u8]; 3] = [b"", b"one", &longest];
    let bytes = encode_bundle(entries).unwrap();
    assert_eq!(bytes[..7], [0, 0, 0, 3, b'o', b'n', b'e']);
    assert_eq!(decode_bundle(&bytes, 3).unwrap(), entries);
    assert!(decode_bundle(&bytes, 2).is_err());
    assert!(decode_bundle(&bytes, 4).is_err());
    assert!(decode_bundle(&bytes[..bytes.len() - 1], 3).is_err());
    let too_long = vec![7; BUNDLED_ENTRY_BYTES_MAX + 1];
    assert_eq!(encode_bundle([&too_long[..]]), Err(EntryTooLong { bytes: 65_536 }));
}

proptest! {
    #[test]
    fn every_path_reads_back(level in 0..=63_u8, index: u64, width in 1..=256_u16) {
        let tile = path(level, index, width);
        prop_assert_eq!(tile.to_string().parse(), Ok(tile));
        let bundle = TilePath::new(TileKind::Entries, index, width).unwrap();
        prop_assert_eq!(bundle.to_string().parse(), Ok(bundle));
    }

    #[test]
    fn what_reads_as_a_path_is_its_text(text in "tile/[0-9e]{1,2}/(x?[0-9]{3}/?){1,4}(.p/[0-9]{0,3})?") {
        if let Ok(tile) = text.parse::<TilePath>() {
            prop_assert_eq!(tile.to_string(), text);
        }
    }

    #[test]
    fn every_bundle_reads_back(entries in prop::collection::vec(any::<Vec<u8>>(), 1..20)) {
        let bytes = encode_bundle(entries.iter().map(Vec::as_slice)).unwrap();
        let width = u16::try_from(entries.len()).unwrap();
        prop_assert_eq!(decode_bundle(&bytes, width).unwrap(), entries);
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes: Vec<u8>, width: u16, level: u8, index: u64) {
        let _ = decode_bundle(&bytes, width);
        let hashes = decode_hashes(&bytes, width).unwrap_or_default();
        let node = Node { level, index };
        let _ = node_from_tile(node, &hashes);
        let _ = TilePath::holding(node, TreeSize(index));
    }
}
