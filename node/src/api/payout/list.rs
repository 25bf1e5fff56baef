//! Lists for the accounting office as CSV: statements, 支出命令, claims on companies (調定).

use std::collections::BTreeMap;

use axum::{
    Router,
    extract::{Path, State},
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};
use jichi_protocol::{
    account::Account,
    id::{MerchantId, RunId},
    ledger::Ledger,
    payout::{BudgetLine, Purse, Run, Spending, Statement},
    points::Points,
};

use super::{may_look, run_id, view};
use crate::{
    api::{
        answer::{self, NoEntry},
        caller::Officer,
        problem::edge::EdgeProblem,
    },
    town::Town,
};

pub(super) fn routes() -> Router<Town> {
    Router::new()
        .route("/v1/payout-runs/{run}/statements.csv", get(statements))
        .route("/v1/payout-runs/{run}/spending.csv", get(spending))
        .route("/v1/company-claims.csv", get(claims))
}

/// Lines of a CSV file, as offices open it: UTF-8 with BOM, CRLF, quoted where it must be (RFC
/// 4180).
pub(super) struct Csv(String);

impl Csv {
    pub(super) fn new(head: &[&str]) -> Self {
        let mut csv = Self("\u{feff}".to_owned());
        csv.line(head.iter().copied());
        csv
    }

    pub(super) fn line<T: AsRef<str>>(&mut self, fields: impl IntoIterator<Item = T>) {
        for (at, field) in fields.into_iter().enumerate() {
            if at > 0 {
                self.0.push(',');
            }
            let field = field.as_ref();
            if field.contains(['"', ',', '\r', '\n']) {
                self.0.push('"');
                self.0.push_str(&field.replace('"', "\"\""));
                self.0.push('"');
            } else {
                self.0.push_str(field);
            }
        }
        self.0.push_str("\r\n");
    }

    pub(super) fn answer(self, name: &str) -> Response {
        let headers = [
            (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
            (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
            (header::CACHE_CONTROL, "no-store".to_owned()),
        ];
        (headers, self.0).into_response()
    }
}

/// A run with everything a sheet or list of it says.
pub(super) struct Taken {
    pub(super) run: Run,
    pub(super) names: BTreeMap<MerchantId, String>,
    pub(super) statements: Vec<(MerchantId, Statement)>,
    budget: Option<BudgetLine>,
}

pub(super) async fn take(town: &Town, number: RunId) -> Result<Taken, NoEntry> {
    let taken = answer::read(town.engine(), |ledger: &Ledger| {
        let statements = ledger.statements(number).map(|(shop, made)| (shop, made.clone()));
        Some(Taken {
            run: ledger.run(&number)?.clone(),
            names: view::names(ledger),
            statements: statements.collect(),
            budget: ledger.budget_lines().find(|line| line.purse == Purse::Shops).cloned(),
        })
    });
    Ok(taken.await?.ok_or(EdgeProblem::NotFound)?)
}

pub(super) const STATEMENT_HEAD: &[&str] = &[
    "精算番号",
    "期間開始",
    "期間末日",
    "年度",
    "加盟店番号",
    "加盟店名",
    "受取額",
    "返還額",
    "手数料",
    "相殺額",
    "相殺残",
    "返戻分",
    "支払額",
    "支払予定日",
    "状態",
];

pub(super) fn statement_line(
    number: RunId,
    taken: &Taken,
    merchant: MerchantId,
    statement: &Statement,
) -> Vec<String> {
    let run = &taken.run;
    vec![
        number.to_string(),
        run.from.to_string(),
        run.last.to_string(),
        view::year_ja(run.fiscal_year()),
        merchant.to_string(),
        taken.names.get(&merchant).cloned().unwrap_or_default(),
        statement.gross().to_string(),
        statement.given_back().to_string(),
        statement.fee.to_string(),
        statement.set_off.to_string(),
        statement.claim_left.to_string(),
        statement.brought.to_string(),
        statement.net.to_string(),
        run.pay_on.to_string(),
        view::state_words(&statement.state).1.to_owned(),
    ]
}

async fn statements(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(run): Path<String>,
) -> Result<Response, NoEntry> {
    may_look(&officer)?;
    let number = run_id(&run)?;
    let taken = take(&town, number).await?;
    let mut csv = Csv::new(STATEMENT_HEAD);
    for (merchant, statement) in &taken.statements {
        csv.line(statement_line(number, &taken, *merchant, statement));
    }
    Ok(csv.answer(&format!("payout-{number}-statements.csv")))
}

fn spending_words(run: &Run) -> &'static str {
    let paid = run.paid.map_or(run.pay_on, |mark| mark.on);
    match Spending::of(run.last, paid) {
        Spending::OfItsYear(_) => "年度内",
        Spending::Closing(_) => "出納整理期間",
        Spending::PastYear(_) => "過年度支出",
    }
}

fn budget_fields(line: Option<&BudgetLine>) -> Vec<String> {
    let Some(line) = line else { return vec![String::new(); 6] };
    let detail = line.detail.as_ref().map(ToString::to_string).unwrap_or_default();
    let mut fields: Vec<String> =
        [&line.account, &line.title, &line.item, &line.entry, &line.section]
            .map(ToString::to_string)
            .to_vec();
    fields.push(detail);
    fields
}

/// The list for the 支出命令: one line a shop that is paid, and their sum.
async fn spending(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(run): Path<String>,
) -> Result<Response, NoEntry> {
    may_look(&officer)?;
    let number = run_id(&run)?;
    let taken = take(&town, number).await?;
    let mut csv = Csv::new(&[
        "精算番号",
        "年度",
        "支出の区分",
        "会計",
        "款",
        "項",
        "目",
        "節",
        "細節",
        "債権者番号",
        "債権者名",
        "支払額",
        "支払予定日",
    ]);
    let run = &taken.run;
    let line = |shop: String, name: String, points: Points| {
        let mut fields = vec![
            number.to_string(),
            view::year_ja(run.fiscal_year()),
            spending_words(run).to_owned(),
        ];
        fields.extend(budget_fields(taken.budget.as_ref()));
        fields.extend([shop, name, points.to_string(), run.pay_on.to_string()]);
        fields
    };
    let paid = taken.statements.iter().filter(|(_, statement)| !statement.net.is_zero());
    for (merchant, statement) in paid.clone() {
        let name = taken.names.get(merchant).cloned().unwrap_or_default();
        csv.line(line(merchant.to_string(), name, statement.net));
    }
    let sum = Points::sum(paid.map(|(_, statement)| statement.net)).unwrap_or(Points::MAX);
    csv.line(line(String::new(), "合計".to_owned(), sum));
    Ok(csv.answer(&format!("payout-{number}-spending.csv")))
}

/// What is claimed from companies for converted points, for the 調定.
async fn claims(State(town): State<Town>, Officer(officer): Officer) -> Result<Response, NoEntry> {
    may_look(&officer)?;
    let lines = answer::read(town.engine(), |ledger: &Ledger| {
        let catalogue = ledger.catalogue_on(ledger.day());
        let claim = |account: &Account| {
            let Account::Partner(company) = account else { return None };
            let terms = catalogue.and_then(|catalogue| catalogue.company(company));
            let name = terms.map(|terms| terms.name.to_string()).unwrap_or_default();
            let line = ledger.budget_lines().find(|l| l.purse == Purse::Company(*company));
            let mut fields = vec![ledger.day().to_string(), company.to_string(), name];
            fields.extend(budget_fields(line));
            fields.push(ledger.balance(account).to_string());
            Some(fields)
        };
        ledger.books().filter_map(|(account, _)| claim(account)).collect::<Vec<_>>()
    });
    let mut csv =
        Csv::new(&["基準日", "会社", "会社名", "会計", "款", "項", "目", "節", "細節", "請求額"]);
    for line in lines.await? {
        csv.line(line);
    }
    Ok(csv.answer("company-claims.csv"))
}
