//! The one place that prints, reads a clock and draws a seed: outside of every course.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher as _, Hasher as _},
    time::{Duration, Instant},
};

/// Prints a line.
#[expect(clippy::print_stdout, reason = "this is where a tool prints")]
pub(crate) fn line(text: &str) {
    println!("{text}");
}

/// A seed that nobody chose; printed by whoever uses it.
pub(crate) fn drawn_seed() -> u64 {
    // The standard library's hasher has keys from the system; that is all the chance needed here.
    RandomState::new().build_hasher().finish() >> 16
}

/// How long a run takes.
pub(crate) struct Watch(Instant);

impl Watch {
    #[expect(clippy::disallowed_methods, reason = "the duration of a run, not time of a course")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
