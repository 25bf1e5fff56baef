//! The rules of municipal points, as pure functions.
//!
//! No IO, no clock, no randomness, no floating point: the node that writes and the auditor who
//! replays run the same code. Read the modules in this order.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod codec;
pub mod digest;
pub mod points;
pub mod date;
pub mod id;
pub mod text;
pub mod label;
pub mod signature;

pub mod account;
pub mod lot;
pub mod posting;
pub mod terms;
pub mod eligibility;
pub mod programme;
pub mod place;
pub mod street;
pub mod voucher;
pub mod calendar;
pub mod payout;
pub mod catalogue;
pub mod agreement;
pub mod directory;
pub mod public_list;
pub mod ticket;
pub mod intent;

pub mod envelope;
pub mod channel;
pub mod transfer;
pub mod roaming;
pub mod settlement;
pub mod library;

pub mod key;
pub mod order;
pub mod command;
pub mod refusal;
pub mod entry;

pub mod few;
pub mod hashed;
pub mod ledger;
pub mod decision;
pub mod log;
pub mod replay;
pub mod report;
pub mod cross;
