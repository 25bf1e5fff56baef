//! Rare states that courses must reach: a simulator that never gets there proves nothing.

use std::collections::BTreeMap;

/// Every state that some course of a thousand has to reach.
pub(crate) const WANTED: &[&str] = &[
    "a cancel came before its offer",
    "a cancel came after the answer",
    "a crash between journal and send",
    "a crash kept an unsynced write",
    "a crash lost an unsynced write",
    "a crash tore a write",
    "a crash while a second batch waited",
    "a lie without proof was turned away",
    "a message a day late",
    "a message came again",
    "a message over a gap",
    "a partition of over a day",
    "a refusal for a closed account",
    "a refusal that gave grace",
    "a refusal when no grace was left",
    "a start after a day of silence",
    "an acceptance that gave grace",
    "an acknowledgement over a gap",
    "an answer was pruned",
    "an offer over the cap was refused",
    "no agreement any more",
    "the clock was doubted",
    "the disk was full",
];

/// How often each state was reached.
#[derive(Debug, Clone, Default)]
pub(crate) struct Marks(BTreeMap<&'static str, u64>);

impl Marks {
    pub(crate) fn reach(&mut self, mark: &'static str) {
        assert!(WANTED.contains(&mark), "a mark is listed: {mark}");
        *self.0.entry(mark).or_default() += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (mark, count) in &other.0 {
            *self.0.entry(mark).or_default() += count;
        }
    }

    pub(crate) fn count(&self, mark: &str) -> u64 {
        self.0.get(mark).copied().unwrap_or_default()
    }
}
