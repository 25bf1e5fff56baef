//! The transparency log: a Merkle tree over the entries (RFC 6962), its tiles, proofs, signed
//! checkpoints, cosignatures and receipts in the forms of C2SP (c2sp.org).

pub mod checkpoint;
pub mod cosignature;
pub mod fork;
pub mod note;
pub mod proof;
pub mod receipt;
pub mod tile;
pub mod tree;
pub mod witness;
