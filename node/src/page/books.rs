//! The town's books as everybody may see them: by kind of account, so that no shop's takings and
//! no company's business stand on a public page.

use std::{sync::Arc, time::Duration};

use jichi_protocol::{account::Side, date::BusinessDate, ledger::Ledger, text::grouped};
use tokio::sync::Mutex;

use super::words::book;
use crate::{
    api::answer::{self, NoEntry},
    clock::{self, Monotonic},
    town::Town,
};

/// How long the sums are shown again before they are added up anew: adding up reads every
/// account, and the page is for everybody.
const KEPT_FOR: Duration = Duration::from_secs(10);

/// The sums that were added up last.
#[derive(Clone, Default)]
pub(super) struct Kept(Arc<Mutex<Option<(Monotonic, Books)>>>);

/// The books' table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Books {
    pub(super) day: BusinessDate,
    pub(super) rows: Vec<Row>,
    pub(super) debits: String,
    pub(super) credits: String,
    pub(super) balance: bool,
}

/// One kind of account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) ja: &'static str,
    pub(super) en: &'static str,
    pub(super) debit: Option<String>,
    pub(super) credit: Option<String>,
}

impl Kept {
    /// The books, at most [`KEPT_FOR`] old. One asker adds up, the others wait for it.
    pub(super) async fn of(&self, town: &Town) -> Result<Books, NoEntry> {
        let mut kept = self.0.lock().await;
        let now = clock::monotonic();
        if let Some((since, books)) = &*kept
            && now.since(*since) < KEPT_FOR
        {
            return Ok(books.clone());
        }
        let books = answer::read(town.engine(), Books::of).await?;
        *kept = Some((now, books.clone()));
        Ok(books)
    }
}

impl Books {
    fn of(ledger: &Ledger) -> Self {
        let mut sums: Vec<((&str, &str), Side, u128)> = Vec::new();
        // The ledger gives the accounts in order, so those of a kind follow each other.
        for (account, _) in ledger.books() {
            let (words, side) = (book(account), account.normal_side());
            let points = u128::from(ledger.balance(account).get());
            match sums.last_mut() {
                Some((last, _, sum)) if *last == words => *sum = sum.saturating_add(points),
                Some(_) | None => sums.push((words, side, points)),
            }
        }
        let trial = ledger.trial();
        let in_books = sums.iter().filter(|(_, side, _)| *side == Side::Credit);
        let in_books = in_books.fold(0_u128, |sum, (.., points)| sum.saturating_add(*points));
        let held = trial.credits.saturating_sub(in_books);
        sums.push((("未使用残高", "unused balance of all holders"), Side::Credit, held));
        let row = |((ja, en), side, points)| {
            let (debit, credit) = match side {
                Side::Debit => (Some(grouped(points)), None),
                Side::Credit => (None, Some(grouped(points))),
            };
            Row { ja, en, debit, credit }
        };
        Self {
            day: ledger.day(),
            rows: sums.into_iter().map(row).collect(),
            debits: grouped(trial.debits),
            credits: grouped(trial.credits),
            balance: trial.balances(),
        }
    }
}
