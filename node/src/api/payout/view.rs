//! Runs and statements as the API shows them.

use std::collections::BTreeMap;

use jichi_protocol::{
    date::FiscalYear,
    id::{MerchantId, RunId},
    ledger::{Ledger, Taken},
    payout::{Mark, ReturnReason, Run, Statement, StatementState},
    points::Points,
};
use serde::Serialize;

/// Who did a step, and when.
#[derive(Debug, Serialize)]
pub(super) struct MarkView {
    officer: u32,
    on: String,
}

impl From<Mark> for MarkView {
    fn from(mark: Mark) -> Self {
        Self { officer: mark.officer.0, on: mark.on.to_string() }
    }
}

/// A run in a list.
#[derive(Debug, Serialize)]
pub(super) struct RunView {
    run: u32,
    from: String,
    last: String,
    pay_on: String,
    fiscal_year: u32,
    fiscal_year_ja: String,
    fee_per_mille: u32,
    state: &'static str,
    closed: MarkView,
    checked: Option<MarkView>,
    handed_over: Option<MarkView>,
    paid: Option<MarkView>,
    /// Shops with a statement.
    shops: usize,
    /// What all of them are paid.
    points: u64,
}

/// 令和n年度
pub(super) fn year_ja(year: FiscalYear) -> String {
    // Reiwa began in 2019; no journal is older.
    format!("令和{}年度", year.0.saturating_sub(2018))
}

impl RunView {
    fn of(ledger: &Ledger, number: RunId, run: &Run) -> Self {
        let net = ledger.statements(number).map(|(_, statement)| statement.net);
        Self {
            run: number.0,
            from: run.from.to_string(),
            last: run.last.to_string(),
            pay_on: run.pay_on.to_string(),
            fiscal_year: run.fiscal_year().0,
            fiscal_year_ja: year_ja(run.fiscal_year()),
            fee_per_mille: run.fee_per_mille,
            state: run.state().word(),
            closed: run.closed.into(),
            checked: run.checked.map(Into::into),
            handed_over: run.handed_over.map(Into::into),
            paid: run.paid.map(Into::into),
            shops: ledger.statements(number).count(),
            points: Points::sum(net).unwrap_or(Points::MAX).get(),
        }
    }
}

/// A shop's statement.
#[derive(Debug, Serialize)]
pub(super) struct StatementView {
    merchant: u32,
    name: String,
    taken: BTreeMap<&'static str, u64>,
    back: BTreeMap<&'static str, u64>,
    gross: u64,
    given_back: u64,
    fee: u64,
    set_off: u64,
    claim_left: u64,
    brought: u64,
    /// What is paid.
    points: u64,
    state: &'static str,
    paid: Option<MarkView>,
    returned: Option<ReturnView>,
}

#[derive(Debug, Serialize)]
struct ReturnView {
    officer: u32,
    on: String,
    reason: &'static str,
    next_run: bool,
}

/// The kinds of what a shop is owed for, as the API and the sheets name them.
pub(super) const fn kind_words(kind: Taken) -> (&'static str, &'static str) {
    match kind {
        Taken::Payment => ("payment", "ポイント払い"),
        Taken::Voucher => ("voucher", "商品券"),
        Taken::Ticket => ("ticket", "ポイント券"),
        Taken::Order => ("order", "注文・応援"),
        Taken::Charge => ("charge", "商店街カードのチャージ"),
    }
}

/// The state of a statement, as the API and the sheets name it.
pub(super) const fn state_words(state: &StatementState) -> (&'static str, &'static str) {
    match state {
        StatementState::Nothing => ("nothing", "支払なし"),
        StatementState::Owed => ("owed", "未払"),
        StatementState::Paid(_) => ("paid", "支払済"),
        StatementState::Returned { .. } => ("returned", "振込返戻"),
        StatementState::MovedTo(_) => ("moved", "次回精算に合算"),
    }
}

const fn reason(reason: ReturnReason) -> &'static str {
    match reason {
        ReturnReason::NoAccount => "no_account",
        ReturnReason::OtherName => "other_name",
        ReturnReason::AccountClosed => "account_closed",
        ReturnReason::Other => "other",
    }
}

/// The public names of the shops, by number.
pub(super) fn names(ledger: &Ledger) -> BTreeMap<MerchantId, String> {
    let named = ledger.merchants().map(|shop| (shop.merchant, shop.name.to_string()));
    named.collect()
}

impl StatementView {
    pub(super) fn of(
        merchant: MerchantId,
        statement: &Statement,
        names: &BTreeMap<MerchantId, String>,
    ) -> Self {
        let by_kind = |sums: &BTreeMap<Taken, Points>| {
            sums.iter().map(|(kind, points)| (kind_words(*kind).0, points.get())).collect()
        };
        let (paid, returned) = match statement.state {
            StatementState::Paid(mark) => (Some(mark.into()), None),
            StatementState::Returned { mark, reason: why, next_run } => {
                let (officer, on) = (mark.officer.0, mark.on.to_string());
                (None, Some(ReturnView { officer, on, reason: reason(why), next_run }))
            }
            StatementState::Nothing | StatementState::Owed | StatementState::MovedTo(_) => {
                (None, None)
            }
        };
        Self {
            merchant: merchant.0,
            name: names.get(&merchant).cloned().unwrap_or_default(),
            taken: by_kind(&statement.taken),
            back: by_kind(&statement.back),
            gross: statement.gross().get(),
            given_back: statement.given_back().get(),
            fee: statement.fee.get(),
            set_off: statement.set_off.get(),
            claim_left: statement.claim_left.get(),
            brought: statement.brought.get(),
            points: statement.net.get(),
            state: state_words(&statement.state).0,
            paid,
            returned,
        }
    }
}

/// All runs, the newest first.
pub(super) fn runs(ledger: &Ledger) -> Vec<RunView> {
    ledger.runs().rev().map(|(number, run)| RunView::of(ledger, *number, run)).collect()
}

/// A run with its statements.
#[derive(Debug, Serialize)]
pub(super) struct WholeRun {
    #[serde(flatten)]
    run: RunView,
    statements: Vec<StatementView>,
}

pub(super) fn whole(ledger: &Ledger, number: RunId) -> Option<WholeRun> {
    let run = ledger.run(&number)?;
    let names = names(ledger);
    let statements = ledger.statements(number);
    let statements = statements.map(|(shop, made)| StatementView::of(shop, made, &names));
    Some(WholeRun { run: RunView::of(ledger, number, run), statements: statements.collect() })
}

/// What the next run would make, as of now.
#[derive(Debug, Serialize)]
pub(super) struct Preview {
    /// The period; none if no shop took anything that no run holds.
    from: Option<String>,
    last: Option<String>,
    /// None if the days off of its year are not entered.
    pay_on: Option<String>,
    fiscal_year_ja: Option<String>,
    statements: Vec<StatementView>,
}

pub(super) fn next(ledger: &Ledger) -> Preview {
    let next = ledger.next_run();
    let names = names(ledger);
    let made = ledger.next_statements();
    let statements = made.iter().map(|(shop, made)| StatementView::of(*shop, made, &names));
    let pay_on = next.and_then(|next| ledger.pay_day_of(next.last));
    Preview {
        from: next.map(|next| next.from.to_string()),
        last: next.map(|next| next.last.to_string()),
        pay_on: pay_on.map(|day| day.to_string()),
        fiscal_year_ja: next.map(|next| year_ja(next.last.fiscal_year())),
        statements: statements.collect(),
    }
}
