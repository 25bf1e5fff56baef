//! The rules of municipal points, as pure functions.
//!
//! No IO, no clock, no randomness, no floating point: the node that writes and the auditor who
//! replays run the same code. Read the modules in this order.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod codec;
pub mod date;
pub mod digest;
pub mod id;
pub mod label;
pub mod points;
pub mod signature;

pub mod account;
pub mod agreement;
pub mod catalogue;
pub mod directory;
pub mod intent;
pub mod lot;
pub mod posting;
pub mod programme;
pub mod terms;

pub mod channel;
pub mod envelope;
pub mod transfer;

pub mod command;
pub mod entry;
pub mod key;
pub mod refusal;

pub mod cross;
pub mod hashed;
pub mod ledger;
pub mod replay;
