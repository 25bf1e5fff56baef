//! One town's node.
#![forbid(unsafe_code)]

pub mod guard;
pub mod journal;
pub mod vault;
