//! Tests with real processes, and what they share.

pub mod furnished;
pub mod town;
