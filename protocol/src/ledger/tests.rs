//! The ledger through its two doors, and every journal of these tests replayed.

#![expect(clippy::arithmetic_side_effects, reason = "an overflow in a test fails the test")]

mod bulk;
mod closing;
mod corners;
mod days;
mod agreement;
mod between;
mod courses;
pub(crate) mod desk;
mod every;
mod examples;
mod golden;
mod library;
mod keys;
mod life;
mod grants;
mod import;
mod model;
mod order;
mod pair;
mod peer_log;
pub(crate) mod payout;
mod properties;
mod refusals;
mod repeating;
mod restore;
mod shadow;
mod standing;
mod street;
mod tickets;
mod transfers;
mod voucher;
