//! Tests with real processes, and what they share.

pub mod feature;
pub mod furnished;
pub mod steps;
pub mod story;
pub mod town;
