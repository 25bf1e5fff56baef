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
pub mod points;
pub mod signature;
pub mod text;
