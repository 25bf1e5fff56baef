//! What holders see of their account: balance, lots, what waits, history.

use jichi_protocol::{
    account::{Account, HolderClass, HolderState, Side},
    date::BusinessDate,
    entry::{Entry, Outcome},
    id::{AccountId, EntryIndex},
    ledger::Ledger,
    lot::{Birth, Lot, Origin},
    points::Points,
    posting::Posting,
};
use serde::Serialize;

use super::{answer::NoEntry, problem::edge::EdgeProblem};
use crate::town::Town;

/// Entries of a page of history.
const HISTORY_PAGE: usize = 50;

/// A balance with its lots.
#[derive(Debug, Serialize)]
pub struct Balance {
    /// The account's pseudonym.
    pub account: String,
    /// `resident` or `visitor`.
    pub class: &'static str,
    /// `open`, `frozen`, `closed` or `deceased`.
    pub state: &'static str,
    /// The business date.
    pub date: String,
    /// Points that can be spent today.
    pub points: u64,
    /// The lots, first to be spent first.
    pub lots: Vec<LotView>,
    /// Converted points for which no town is chosen yet.
    pub unassigned: Vec<UnassignedView>,
}

/// One lot.
#[derive(Debug, Serialize)]
pub struct LotView {
    /// Where the points come from.
    pub origin: String,
    /// How many.
    pub points: u64,
    /// The day they were earned.
    pub earned: String,
    /// The last day to spend them; none if they do not expire.
    pub expires: Option<String>,
}

/// A conversion that waits for a town.
#[derive(Debug, Serialize)]
pub struct UnassignedView {
    /// Its id.
    pub conversion: String,
    /// The company.
    pub company: String,
    /// How many points.
    pub points: u64,
    /// The last day to choose; then they go to the preset town.
    pub last_day: String,
}

impl Balance {
    /// The balance of an account; none if there is no such account.
    #[must_use]
    pub fn of(ledger: &Ledger, account: &AccountId) -> Option<Self> {
        let holder = ledger.holder(account)?;
        let today = ledger.day();
        let lots = holder.lots.iter();
        let unassigned = ledger.conversions_of(account).map(|(id, conversion)| UnassignedView {
            conversion: id.to_string(),
            company: conversion.company.to_string(),
            points: conversion.lot.points.get(),
            last_day: conversion.last_day.to_string(),
        });
        Some(Self {
            account: account.to_string(),
            class: match holder.class {
                HolderClass::Resident => "resident",
                HolderClass::Visitor => "visitor",
            },
            state: match holder.state {
                HolderState::Open => "open",
                HolderState::Frozen => "frozen",
                HolderState::Closed => "closed",
                HolderState::Deceased => "deceased",
            },
            date: today.to_string(),
            points: holder.lots.spendable(today).get(),
            lots: lots
                .filter(|lot| lot.terms.spendable_on(today))
                .map(|lot| LotView::of(&lot))
                .collect(),
            unassigned: unassigned.collect(),
        })
    }
}

impl LotView {
    /// A lot as a holder sees it.
    #[must_use]
    pub fn of(lot: &Lot) -> Self {
        let expires = lot.terms.expires;
        Self {
            origin: origin(lot.terms.origin),
            points: lot.points.get(),
            earned: lot.terms.earned.to_string(),
            expires: (expires < BusinessDate::LAST).then(|| expires.to_string()),
        }
    }
}

/// An origin in a word.
fn origin(origin: Origin) -> String {
    let birth = match origin.birth() {
        Birth::Administrative(programme) => format!("programme:{programme}"),
        Birth::Reward(scheme) => format!("reward:{scheme}"),
        Birth::Converted(company) => format!("converted:{company}"),
    };
    match origin {
        Origin::Here(_) => birth,
        Origin::Moved { last, .. } => format!("moved:{last}:{birth}"),
    }
}

/// A page of an account's history, newest first.
#[derive(Debug, Serialize)]
pub struct History {
    /// The lines.
    pub lines: Vec<Line>,
    /// Where the next page begins; none if there is none.
    pub next: Option<u64>,
}

/// One line of a history.
#[derive(Debug, Serialize)]
pub struct Line {
    /// The entry.
    pub entry: u64,
    /// Its time, in Japan.
    pub time: String,
    /// The kind of command.
    pub kind: &'static str,
    /// Points that came in.
    pub points_in: u64,
    /// Points that went out.
    pub points_out: u64,
    /// Points that were converted, and for which no town was chosen yet.
    pub points_waiting: u64,
    /// The code of the refusal, if it was refused.
    pub refused: Option<&'static str>,
}

impl Line {
    fn of(entry: &Entry, account: &AccountId) -> Self {
        let (points_in, points_out, refused) = match &entry.outcome {
            Outcome::Refused(refusal) => (Points::ZERO, Points::ZERO, Some(refusal.code())),
            Outcome::Done(effect) => {
                let sum = |wanted: Side| {
                    let own = effect.postings.as_slice().iter().filter(|posting| {
                        matches!(posting, Posting::Lots { holder, side, .. }
                            if holder == account && *side == wanted)
                    });
                    Points::sum(own.filter_map(Posting::points)).unwrap_or(Points::MAX)
                };
                (sum(Side::Credit), sum(Side::Debit), None)
            }
        };
        Self {
            entry: entry.index.0,
            time: entry.time.to_string(),
            kind: entry.submission.command.kind_name(),
            points_in: points_in.get(),
            points_out: points_out.get(),
            points_waiting: waiting_in(entry).get(),
            refused,
        }
    }
}

/// Points of an entry that wait for a town.
fn waiting_in(entry: &Entry) -> Points {
    let Outcome::Done(effect) = &entry.outcome else { return Points::ZERO };
    let waits = effect.postings.as_slice().iter().filter_map(|posting| match posting {
        Posting::Book { account: Account::Unassigned(_), side: Side::Credit, points } => {
            Some(*points)
        }
        Posting::Book { .. } | Posting::Lots { .. } => None,
    });
    Points::sum(waits).unwrap_or(Points::MAX)
}

impl History {
    /// A page of history.
    ///
    /// # Errors
    /// A problem when index or journal cannot be read.
    pub async fn of(
        town: &Town,
        account: &AccountId,
        before: Option<EntryIndex>,
    ) -> Result<Self, NoEntry> {
        let durable = town.engine().durable();
        town.index().up_to(durable).await;
        let before = before.unwrap_or(durable).min(durable);
        let found = town
            .index()
            .of_account(account, before, HISTORY_PAGE)
            .map_err(|_| EdgeProblem::Internal)?;
        let mut lines = Vec::new();
        for index in &found {
            let committed = town.engine().committed(*index).map_err(|_| EdgeProblem::Internal)?;
            lines.push(Line::of(&committed.entry, account));
        }
        let full = found.len() == HISTORY_PAGE;
        Ok(Self { lines, next: found.last().filter(|_| full).map(|index| index.0) })
    }
}

/// A book account and its balance, for the town's page.
#[derive(Debug, Serialize)]
pub struct BookView {
    /// The account.
    pub account: String,
    /// What stands on it.
    pub points: u64,
}

/// The town's books.
#[must_use]
pub fn books(ledger: &Ledger) -> Vec<BookView> {
    let name = |account: &Account| format!("{account:?}").to_lowercase();
    let of = |(account, _): (&Account, _)| BookView {
        account: name(account),
        points: ledger.balance(account).get(),
    };
    ledger.books().map(of).collect()
}
