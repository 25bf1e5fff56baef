//! The report of an audit: its first line says whether the record was altered.

mod json;
mod text;

pub(crate) use json::authority_name;

use jichi_node::journal::survey::Tail;
use jichi_protocol::{
    account::{Account, Side},
    date::Time,
    ledger::{Ledger, Trial},
    log::{checkpoint::VerifiedCheckpoint, tree::TreeSize},
    points::Points,
};

use super::fold::{Folded, Found, LogKey, Tally};

/// How much of a log was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Every entry.
    Entries,
    /// The checkpoint and the hash tiles, which everybody may read; no entry.
    Tiles,
}

/// What an audit found.
#[derive(Debug)]
pub(crate) struct Report {
    /// Where the log was read from.
    pub(crate) source: String,
    /// When it was audited.
    pub(crate) audited: Time,
    /// How much was checked.
    pub(crate) scope: Scope,
    /// The log's key, and where it came from.
    pub(crate) key: Option<LogKey>,
    /// The newest checkpoint that was verified.
    pub(crate) checkpoint: Option<VerifiedCheckpoint>,
    /// How many entries are sound, from the first one on.
    pub(crate) size: TreeSize,
    /// The time of the last of them.
    pub(crate) last: Option<Time>,
    /// How the log ends on disk.
    pub(crate) tail: Option<Tail>,
    /// What was counted.
    pub(crate) tally: Tally,
    /// The books, as the sound entries make them.
    pub(crate) books: Option<Books>,
    /// The first thing that is wrong.
    pub(crate) found: Option<Found>,
}

/// The books at the end of a log.
#[derive(Debug, Clone)]
pub(crate) struct Books {
    /// Each account without lots, and what stands on its normal side.
    pub(crate) accounts: Vec<(Account, Side, Points)>,
    /// Accounts of residents and visitors.
    pub(crate) holders: u64,
    /// What they hold together, in points.
    pub(crate) held: u128,
    /// The trial balance.
    pub(crate) trial: Trial,
}

impl Books {
    fn of(ledger: &Ledger) -> Self {
        let mut books = Self { accounts: Vec::new(), holders: 0, held: 0, trial: ledger.trial() };
        for (account, _) in ledger.books() {
            books.accounts.push((*account, account.normal_side(), ledger.balance(account)));
        }
        for (_, holder) in ledger.holders() {
            books.holders = books.holders.saturating_add(1);
            books.held = books.held.saturating_add(u128::from(holder.lots.sum().get()));
        }
        books
    }
}

impl Report {
    pub(super) fn new(
        source: String,
        audited: Time,
        scope: Scope,
        folded: &Folded,
        found: Option<Found>,
    ) -> Self {
        Self {
            source,
            audited,
            scope,
            key: folded.key.clone(),
            checkpoint: folded.checkpoint.clone(),
            size: folded.size,
            last: folded.last,
            tail: None,
            tally: folded.tally.clone(),
            books: folded.ledger.as_ref().map(Books::of),
            found,
        }
    }

    /// Whether nothing wrong was found.
    pub(crate) const fn sound(&self) -> bool {
        self.found.is_none()
    }

    /// The report as people read it.
    pub(crate) fn text(&self) -> String {
        text::text(self)
    }

    /// The report as programs read it.
    pub(crate) fn json(&self) -> serde_json::Value {
        json::json(self)
    }
}

/// An account's name, as in the ledgers that are exported.
pub(crate) fn account_name(account: &Account) -> String {
    super::export::hledger::account_name(account)
}
