//! Tests with real processes, and what they share.

pub mod books;
pub mod card_system;
pub mod feature;
pub mod furnished;
pub mod people;
pub mod proxy;
pub mod rules;
pub mod steps;
pub mod story;
pub mod sample_shop;
pub mod town;
