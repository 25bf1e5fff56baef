//! One town's node, and the coordinator.

#![forbid(unsafe_code)]

pub mod clock;
pub mod guard;
pub mod journal;
pub mod rows;
pub mod engine;

pub mod password;
pub mod session;
pub mod staff;
pub mod throttle;

pub mod api;
