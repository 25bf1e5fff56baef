//! The parts of the `jichi` command that demo, bench and tests share.

#![forbid(unsafe_code)]

pub mod client;
pub mod out;
pub mod publish;
pub mod world;
pub mod demo;
