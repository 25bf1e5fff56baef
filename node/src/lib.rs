//! One town's node.
#![forbid(unsafe_code)]

pub mod guard;
pub mod journal;
pub mod api;
pub mod clock;
pub mod password;
pub mod session;
pub mod staff;
pub mod throttle;
