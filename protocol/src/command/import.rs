//! Commands of moving in: balances of a town's former system become lots here.

use alloc::vec::Vec;
use minicbor::{Decode, Encode};

use crate::{
    codec,
    digest::Digest,
    id::{AccountId, ImportId},
    lot::Lot,
    points::Points,
};

/// What an import will bring, as two officers declare it before the first line.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ImportOpening {
    /// Which.
    #[n(0)]
    pub import: ImportId,
    /// The [`Content`] of all its lines.
    #[n(1)]
    pub content: Digest,
    /// How many lines.
    #[n(2)]
    pub count: u32,
    /// How many points.
    #[n(3)]
    pub points: Points,
}

/// A slice of an import: the next lines of the file.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ImportSlice {
    /// Which import.
    #[n(0)]
    pub import: ImportId,
    /// How many lines were taken before.
    #[n(1)]
    pub from: u32,
}

/// What the lines of a slice give, and to whom.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ImportLines {
    /// The lines in order.
    #[n(0)]
    pub lines: Vec<ImportLine>,
}

/// A line: a whole lot, as the former system had it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct ImportLine {
    /// Whose.
    #[n(0)]
    pub account: AccountId,
    /// The lot.
    #[n(1)]
    pub lot: Lot,
}

/// How an import ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum ImportEnd {
    /// Every line becomes a lot.
    #[n(0)]
    Commit,
    /// None does.
    #[n(1)]
    Cancel,
}

/// The end of an import.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ImportClosing {
    /// Which.
    #[n(0)]
    pub import: ImportId,
    /// How.
    #[n(1)]
    pub end: ImportEnd,
}

/// The content of a file of balances: the sum of its lines' hashes, whatever their order. So the
/// same balances are the same content, however the file was sorted, saved or encoded; and a line
/// that stands in it twice counts twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Content([u8; 32]);

impl Content {
    /// Adds a line.
    pub fn add(&mut self, line: &ImportLine) {
        let hash = Digest::of(&[b"jichi/import-line/v1", &[0], &codec::encode(line)]);
        let mut carry = false;
        for (byte, more) in self.0.iter_mut().zip(hash.0) {
            let (sum, over) = byte.overflowing_add(more);
            let (sum, over_by_carry) = sum.overflowing_add(u8::from(carry));
            (*byte, carry) = (sum, over || over_by_carry);
        }
    }

    /// The content so far, as it is declared.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        Digest(self.0)
    }

    /// Goes on from a content.
    #[must_use]
    pub const fn from_digest(digest: Digest) -> Self {
        Self(digest.0)
    }
}
