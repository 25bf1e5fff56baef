//! Shared documents: the federation's directory and towns' public lists, held as automerge documents
//! whose history their author signs.
//!
//! What a peer sends reaches automerge's decoder only after its SHA-256 was found in the history
//! that the author signed (`history.rs`): a peer can withhold a document, and nothing else.

pub mod desk;
pub mod directory;
pub mod history;
pub mod list;
mod schema;
pub mod store;
pub mod sync;
pub mod wire;

#[cfg(test)]
mod fixture;
