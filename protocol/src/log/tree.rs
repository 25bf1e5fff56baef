//! The Merkle tree of RFC 6962, as the row of roots that the next entry needs.

use alloc::vec::Vec;
use core::{fmt, str::FromStr};
use minicbor::{Decode, Encode};

use crate::{digest::Digest, id::EntryIndex};

/// The root of a tree without entries: SHA-256 of nothing (RFC 6962, section 2.1).
pub const EMPTY_ROOT: Digest = Digest([
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
    0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
]);

/// The hash of an entry as a leaf (RFC 6962, section 2.1).
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Digest {
    Digest::of(&[&[0], entry])
}

/// The hash of a node over its two children (RFC 6962, section 2.1).
#[must_use]
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    Digest::of(&[&[1], &left.0, &right.0])
}

/// How many entries a tree has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode, Decode)]
#[cbor(transparent)]
pub struct TreeSize(#[n(0)] pub u64);

impl TreeSize {
    /// Whether an entry of this index is in a tree of this size.
    #[must_use]
    pub const fn holds(self, index: EntryIndex) -> bool {
        index.0 < self.0
    }
}

impl fmt::Display for TreeSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Text that is not a number without sign and leading zeros, below 2^64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a decimal number without sign and leading zeros")]
pub struct NotANumber;

impl FromStr for TreeSize {
    type Err = NotANumber;

    fn from_str(text: &str) -> Result<Self, NotANumber> {
        decimal(text).map(Self)
    }
}

/// Reads the one decimal form of a number that C2SP allows.
pub(super) fn decimal(text: &str) -> Result<u64, NotANumber> {
    let plain = text.bytes().all(|digit| digit.is_ascii_digit());
    let leading_zero = text.len() > 1 && text.starts_with('0');
    if !plain || leading_zero {
        return Err(NotANumber);
    }
    text.parse().map_err(|_| NotANumber)
}

/// A tree that only grows. It holds the roots of its complete subtrees, at most 64 hashes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tree {
    size: TreeSize,
    /// Invariant: one for each bit that is set in `size`, the largest subtree first.
    peaks: Vec<Digest>,
}

/// The number of subtree roots does not fit the size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a tree of {size} entries has another number of subtree roots; rebuild it from the journal"
)]
pub struct WrongPeaks {
    /// The size that was given.
    pub size: TreeSize,
}

impl Tree {
    /// A tree from what [`Self::size`] and [`Self::peaks`] gave. Its root has to be compared with
    /// a signed one, for any hashes of the right number are a tree.
    ///
    /// # Errors
    /// [`WrongPeaks`].
    pub fn restored(size: TreeSize, peaks: Vec<Digest>) -> Result<Self, WrongPeaks> {
        let fits = u32::try_from(peaks.len()) == Ok(size.0.count_ones());
        if fits { Ok(Self { size, peaks }) } else { Err(WrongPeaks { size }) }
    }

    /// How many entries were pushed.
    #[must_use]
    pub const fn size(&self) -> TreeSize {
        self.size
    }

    /// The roots of the complete subtrees, the largest first.
    #[must_use]
    pub fn peaks(&self) -> &[Digest] {
        &self.peaks
    }

    /// Appends a leaf hash, and tells its index.
    ///
    /// # Panics
    /// At 2^64 entries, which no machine lives to write.
    pub fn push(&mut self, leaf: Digest) -> EntryIndex {
        let index = EntryIndex(self.size.0);
        let mut node = leaf;
        for _ in 0..index.0.trailing_ones() {
            let left = self.peaks.pop().expect("one peak for each bit set in the size");
            node = node_hash(&left, &node);
        }
        self.peaks.push(node);
        self.size = TreeSize(index.0.checked_add(1).expect("below 2^64 entries"));
        index
    }

    /// The root hash.
    #[must_use]
    pub fn root(&self) -> Digest {
        joined(&self.peaks)
    }
}

/// The root over complete subtrees that lie side by side, the largest first.
pub(super) fn joined(peaks: &[Digest]) -> Digest {
    let root = peaks.iter().rev().copied().reduce(|right, left| node_hash(&left, &right));
    root.unwrap_or(EMPTY_ROOT)
}

impl<C> Encode<C> for Tree {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.array(2)?.encode_with(self.size, ctx)?.encode_with(&self.peaks, ctx)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Tree {
    fn decode(d: &mut minicbor::Decoder<'b>, ctx: &mut C) -> Result<Self, minicbor::decode::Error> {
        if d.array()? != Some(2) {
            return Err(minicbor::decode::Error::message("not a tree"));
        }
        let size = d.decode_with(ctx)?;
        let peaks = d.decode_with(ctx)?;
        Self::restored(size, peaks)
            .map_err(|_| minicbor::decode::Error::message("another number of subtree roots"))
    }
}

#[cfg(test)]
pub(super) mod tests;
