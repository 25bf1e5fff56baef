//! The `jichi` command: its parts are a library, so that tests drive the same federation as the
//! demo.

#![forbid(unsafe_code)]

pub mod admin;
mod audit;
mod bench;
pub mod client;
pub mod command;
mod demo;
pub mod directory;
pub mod library_system;
mod out;
pub mod publish;
mod restore;
mod rotate;
pub mod site;
pub mod world;
