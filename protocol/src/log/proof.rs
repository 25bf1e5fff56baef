//! Proofs that an entry is in a tree and that a tree continues another (RFC 6962, section 2.1;
//! checked as RFC 9162, sections 2.1.3.2 and 2.1.4.2, say).

use alloc::vec::Vec;
use minicbor::{Decode, Encode};

use super::tree::{EMPTY_ROOT, TreeSize, joined, node_hash};
use crate::{digest::Digest, id::EntryIndex};

/// More hashes than this no proof of a tree below 2^64 entries has.
pub const PROOF_HASHES_MAX: usize = 65;

/// The place of a complete subtree: its `2^level` leaves begin at leaf `index * 2^level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// Levels above the leaves; 0 is a leaf.
    pub level: u8,
    /// Place among the nodes of its level, from 0.
    pub index: u64,
}

/// The hashes beside the way from a leaf to the root, from the leaf's sibling upwards.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(transparent)]
pub struct InclusionProof(#[n(0)] pub Vec<Digest>);

/// The hashes that join the root of a smaller tree to that of a larger one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(transparent)]
pub struct ConsistencyProof(#[n(0)] pub Vec<Digest>);

/// Why a proof cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoProof {
    /// The entry or the smaller tree is not in the tree.
    #[error("nothing to prove: it is not in a tree of {size} entries; ask for a larger one")]
    OutOfRange {
        /// The size of the tree.
        size: TreeSize,
    },
    /// The source of hashes does not have a node.
    #[error("the hash of {0:?} is not stored; rebuild the tiles from the journal")]
    Missing(Node),
}

/// A proof that does not hold. Nothing is known about why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the proof does not hold; keep both checkpoints as evidence")]
pub struct BadProof;

impl InclusionProof {
    /// Proves that the entry is in the tree of this size. `hash_of` knows the hashes of complete
    /// subtrees, as tiles hold them.
    ///
    /// # Errors
    /// [`NoProof`].
    pub fn of(
        index: EntryIndex,
        size: TreeSize,
        hash_of: impl Fn(Node) -> Option<Digest>,
    ) -> Result<Self, NoProof> {
        if !size.holds(index) {
            return Err(NoProof::OutOfRange { size });
        }
        let mut hashes = Vec::new();
        let mut range = Range { start: 0, end: size.0 };
        while let Some((left, right)) = range.halves() {
            let (way, beside) = if index.0 < right.start { (left, right) } else { (right, left) };
            hashes.push(beside.root(&hash_of)?);
            range = way;
        }
        hashes.reverse();
        Ok(Self(hashes))
    }

    /// Checks that the leaf is the entry of this index in the tree of this size and root.
    ///
    /// # Errors
    /// [`BadProof`], also for a hash too few or too many.
    pub fn verify(
        &self,
        leaf: &Digest,
        index: EntryIndex,
        size: TreeSize,
        root: &Digest,
    ) -> Result<(), BadProof> {
        if !size.holds(index) {
            return Err(BadProof);
        }
        let mut walk = Walk { place: index.0, last: size.0.saturating_sub(1) };
        let mut node = *leaf;
        for beside in &self.0 {
            node = match walk.step()? {
                Side::Left => node_hash(beside, &node),
                Side::Right => node_hash(&node, beside),
            };
        }
        if walk.last == 0 && node == *root { Ok(()) } else { Err(BadProof) }
    }
}

impl ConsistencyProof {
    /// Proves that the tree of size `new` continues the one of size `old`. Empty if `old` is 0 or
    /// equals `new`. `hash_of` knows the hashes of complete subtrees, as tiles hold them.
    ///
    /// # Errors
    /// [`NoProof`].
    pub fn of(
        old: TreeSize,
        new: TreeSize,
        hash_of: impl Fn(Node) -> Option<Digest>,
    ) -> Result<Self, NoProof> {
        if old > new {
            return Err(NoProof::OutOfRange { size: new });
        }
        if old.0 == 0 {
            return Ok(Self::default());
        }
        let mut hashes = Vec::new();
        let mut range = Range { start: 0, end: new.0 };
        while range.end != old.0 {
            // The old tree's end lies inside the range, so it has at least two leaves.
            let Some((left, right)) = range.halves() else { break };
            let (way, beside) = if old.0 <= right.start { (left, right) } else { (right, left) };
            hashes.push(beside.root(&hash_of)?);
            range = way;
        }
        if range.start != 0 {
            hashes.push(range.root(&hash_of)?);
        }
        hashes.reverse();
        Ok(Self(hashes))
    }

    /// Checks that the tree of size and root `new` continues that of size and root `old`.
    ///
    /// # Errors
    /// [`BadProof`], also for a hash too few or too many, or a size 0 with another root.
    pub fn verify(
        &self,
        (old_size, old_root): (TreeSize, &Digest),
        (new_size, new_root): (TreeSize, &Digest),
    ) -> Result<(), BadProof> {
        let empty_is_empty = |size: TreeSize, root: &Digest| size.0 != 0 || *root == EMPTY_ROOT;
        if old_size > new_size
            || !empty_is_empty(old_size, old_root)
            || !empty_is_empty(new_size, new_root)
        {
            return Err(BadProof);
        }
        if old_size.0 == 0 || old_size == new_size {
            let same = old_size != new_size || old_root == new_root;
            return if self.0.is_empty() && same { Ok(()) } else { Err(BadProof) };
        }
        if self.roots(old_size, new_size, old_root)? == (*old_root, *new_root) {
            Ok(())
        } else {
            Err(BadProof)
        }
    }

    /// The root of the first `old` entries in the tree of size and root `new`, as these hashes
    /// show it: whoever signed another root for `old` has signed two trees. None if they show
    /// nothing, as always for a power of two, whose own root such a proof leaves out.
    #[must_use]
    pub fn shown_root(
        &self,
        old: TreeSize,
        (new, new_root): (TreeSize, &Digest),
    ) -> Option<Digest> {
        if old.0 == 0 || old >= new || old.0.is_power_of_two() {
            return None;
        }
        // Only a power of two would take the root that is given here.
        let (shown, made) = self.roots(old, new, &EMPTY_ROOT).ok()?;
        (made == *new_root).then_some(shown)
    }

    /// The roots of the old and the new tree that the hashes make. `old_root` stands for an old
    /// tree that is one complete subtree.
    fn roots(
        &self,
        old_size: TreeSize,
        new_size: TreeSize,
        old_root: &Digest,
    ) -> Result<(Digest, Digest), BadProof> {
        let mut walk =
            Walk { place: old_size.0.saturating_sub(1), last: new_size.0.saturating_sub(1) };
        walk.up(walk.place.trailing_ones());
        let mut rest = self.0.iter();
        let first =
            if old_size.0.is_power_of_two() { *old_root } else { *rest.next().ok_or(BadProof)? };
        let (mut old, mut new) = (first, first);
        for beside in rest {
            match walk.step()? {
                Side::Left => {
                    old = node_hash(beside, &old);
                    new = node_hash(beside, &new);
                }
                Side::Right => new = node_hash(&new, beside),
            }
        }
        if walk.last == 0 { Ok((old, new)) } else { Err(BadProof) }
    }
}

/// On which side of the way the next hash of a proof lies.
enum Side {
    Left,
    Right,
}

/// The way up from a node: its place in its level, and that of the level's last node.
struct Walk {
    place: u64,
    last: u64,
}

impl Walk {
    fn up(&mut self, levels: u32) {
        self.place = self.place.checked_shr(levels).unwrap_or(0);
        self.last = self.last.checked_shr(levels).unwrap_or(0);
    }

    /// Goes up past the next hash; levels where the last node has no sibling are skipped.
    fn step(&mut self) -> Result<Side, BadProof> {
        if self.last == 0 {
            return Err(BadProof);
        }
        if self.place & 1 == 0 && self.place != self.last {
            self.up(1);
            return Ok(Side::Right);
        }
        if self.place & 1 == 0 {
            self.up(self.place.trailing_zeros());
        }
        self.up(1);
        Ok(Side::Left)
    }
}

/// Leaves from `start` up to but without `end`. Invariant: `start` is a multiple of the smallest
/// power of two that is not below the length, as in every subtree of RFC 6962.
#[derive(Clone, Copy)]
struct Range {
    start: u64,
    end: u64,
}

impl Range {
    const fn len(self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// Both children, the left one the largest power of two below the length. None for a leaf.
    fn halves(self) -> Option<(Self, Self)> {
        let below = self.len().checked_sub(1)?.checked_ilog2()?;
        let middle = self.start.saturating_add(1_u64.checked_shl(below)?);
        Some((Self { start: self.start, end: middle }, Self { start: middle, end: self.end }))
    }

    fn root(self, hash_of: &impl Fn(Node) -> Option<Digest>) -> Result<Digest, NoProof> {
        let mut peaks = Vec::new();
        let mut start = self.start;
        for level in (0..64_u8).rev() {
            if self.len() >> level & 1 == 1 {
                let node = Node { level, index: start >> level };
                peaks.push(hash_of(node).ok_or(NoProof::Missing(node))?);
                start = start.saturating_add(1 << level);
            }
        }
        Ok(joined(&peaks))
    }
}

#[cfg(test)]
mod tests;
