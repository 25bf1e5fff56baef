//! The tree against the vectors of Certificate Transparency and the words of RFC 6962.

use super::*;
use crate::codec;
use alloc::string::ToString as _;
use proptest::prelude::*;

/// The entries of the test vectors of Certificate Transparency's first implementation.
pub(crate) const CT_ENTRIES: [&[u8]; 8] = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
];

const CT_ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/// The definition of RFC 6962, section 2.1, word for word.
pub(crate) fn reference_root(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => Digest::of(&[]),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            node_hash(&reference_root(left), &reference_root(right))
        }
    }
}

/// Leaves that differ.
pub(crate) fn leaves(count: u64) -> Vec<Digest> {
    (0..count).map(|index| leaf_hash(&index.to_be_bytes())).collect()
}

#[test]
fn roots_of_the_certificate_transparency_vectors_are_right() {
    let mut tree = Tree::default();
    assert_eq!(tree.root(), EMPTY_ROOT);
    assert_eq!(Digest::of(&[]), EMPTY_ROOT);
    for (entry, root) in CT_ENTRIES.iter().zip(CT_ROOTS) {
        tree.push(leaf_hash(entry));
        assert_eq!(tree.root().to_string(), root, "{} entries", tree.size());
    }
}

#[test]
fn a_growing_tree_equals_the_recursive_definition() {
    let leaves = leaves(300);
    let mut tree = Tree::default();
    for (index, leaf) in leaves.iter().enumerate() {
        assert_eq!(tree.push(*leaf).0, index as u64);
        assert_eq!(tree.root(), reference_root(&leaves[..=index]));
        assert_eq!(tree.peaks().len(), tree.size().0.count_ones() as usize);
        assert_eq!(codec::decode(&codec::encode(&tree)), Ok(tree.clone()));
    }
}

#[test]
fn a_tree_is_restored_only_with_as_many_peaks_as_its_size_has() {
    let peaks = leaves(2);
    assert!(Tree::restored(TreeSize(6), peaks.clone()).is_ok());
    let wrong = Err(WrongPeaks { size: TreeSize(7) });
    assert_eq!(Tree::restored(TreeSize(7), peaks), wrong);
    // [7, []]: an array of a size and no hashes.
    assert!(codec::decode::<Tree>(&[0x82, 0x07, 0x80]).is_err());
}

#[test]
fn a_size_has_one_decimal_form() {
    assert_eq!("0".parse(), Ok(TreeSize(0)));
    assert_eq!("18446744073709551615".parse(), Ok(TreeSize(u64::MAX)));
    for text in ["", "00", "01", "+1", "-1", " 1", "1 ", "1e3", "１", "18446744073709551616"] {
        assert_eq!(text.parse::<TreeSize>(), Err(NotANumber), "{text:?}");
    }
}

proptest! {
    #[test]
    fn every_size_reads_back(size: u64) {
        prop_assert_eq!(TreeSize(size).to_string().parse(), Ok(TreeSize(size)));
    }
}
