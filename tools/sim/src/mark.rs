//! Rare states that courses must reach: a simulator that never gets there proves nothing.

use std::collections::BTreeMap;

/// Every state that some course of two thousand has to reach.
pub(crate) const WANTED: &[&str] = &[
    "a cancel came after the answer",
    "a cancel came before a late offer",
    "a cancel came before its offer",
    "a crash between journal and send",
    "a crash in recovery",
    "a crash kept an unsynced write",
    "a crash lost an unsynced write",
    "a crash tore a write",
    "a crash while a second batch waited",
    "a lie without proof was turned away",
    "a message a day late",
    "a message came again",
    "a message of an ended generation",
    "a message over a gap",
    "a message under a former key",
    "a month was closed by both towns",
    "a month's statement over a gap",
    "a partition of over a day",
    "a refund before the acceptance",
    "a refund for a holder who moved house",
    "a refusal for a closed account",
    "a refusal that gave grace",
    "a refusal when no grace was left",
    "a request was declined",
    "a restore in recovery",
    "a shop was paid by another town's holder",
    "a start after a day of silence",
    "a town closed",
    "a town was told of a new key",
    "a withdrawal was signed again",
    "an acceptance that gave grace",
    "an acknowledgement over a gap",
    "an answer was pruned",
    "an answer was signed again",
    "an answer was taken back",
    "an offer over the cap was refused",
    "an offer came back from a closed town",
    "an offer was taken back",
    "an offer was void behind a fence",
    "an old copy was noticed at its start",
    "an unheard town was named",
    "no agreement any more",
    "the clock was doubted",
    "the disk was full",
    "what came late followed a holder who moved",
    "two towns began anew at once",
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
