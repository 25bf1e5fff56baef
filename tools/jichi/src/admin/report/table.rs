//! The report as tables: one form for the screen, the spreadsheet, programs and paper.

use jichi_protocol::{
    account::LapsedKind,
    date::BusinessDate,
    lot::{Birth, Issuer, Origin, Paid},
    payout::BudgetLine,
    points::Points,
    report::{Report, Unused},
};

use crate::audit::report::account_name;

/// A cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cell {
    Text(String),
    Points(u64),
}

impl From<Points> for Cell {
    fn from(points: Points) -> Self {
        Self::Points(points.get())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// A table with a name for programs and a title for people.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) key: &'static str,
    pub(super) title: &'static str,
    pub(super) head: Vec<(&'static str, &'static str)>,
    pub(super) rows: Vec<Vec<Cell>>,
}

impl Table {
    fn new(
        key: &'static str,
        title: &'static str,
        head: &[(&'static str, &'static str)],
        rows: Vec<Vec<Cell>>,
    ) -> Self {
        Self { key, title, head: head.to_vec(), rows }
    }
}

/// Every table of a report, in the order of the sheet.
pub(super) fn tables(report: &Report) -> Vec<Table> {
    vec![
        budgets(report),
        years(report),
        outstanding(report),
        elsewhere(report),
        lapsed(report),
        forecast(report),
        companies(report),
        towns(report),
        unused(report),
        shops(report),
        runs(report),
    ]
}

fn birth_name(report: &Report, birth: Birth) -> String {
    match birth {
        Birth::Administrative(programme) => {
            let name = report.programme_names.get(&programme).cloned().unwrap_or_default();
            format!("行政ポイント {programme} {name}")
        }
        Birth::Reward(scheme) => format!("商店街ポイント {scheme}"),
        Birth::Converted(company) => {
            let name = report.companies.get(&company).map(|claim| claim.name.clone());
            format!("地域経済応援ポイント {company} {}", name.unwrap_or_default())
        }
    }
}

fn origin_name(report: &Report, origin: Origin) -> String {
    match origin {
        Origin::Here(birth) => birth_name(report, birth),
        // Another town's programmes are not known here.
        Origin::Moved { last, first } => {
            let first = match first {
                Birth::Administrative(_) => "行政ポイント".to_owned(),
                Birth::Reward(_) => "商店街ポイント".to_owned(),
                Birth::Converted(company) => format!("地域経済応援ポイント {company}"),
            };
            format!("{last}から移行 {first}")
        }
    }
}

fn last_day(day: BusinessDate) -> String {
    if day < BusinessDate::LAST { day.to_string() } else { "期限なし".to_owned() }
}

fn budget_text(line: Option<&BudgetLine>) -> String {
    let Some(line) = line else { return String::new() };
    let named = [&line.account, &line.title, &line.item, &line.entry, &line.section];
    let mut parts: Vec<String> = named.map(ToString::to_string).to_vec();
    parts.extend(line.detail.as_ref().map(ToString::to_string));
    parts.join("・")
}

fn budgets(report: &Report) -> Table {
    let row = |budget: &jichi_protocol::report::BudgetUse| {
        let left = budget.ceiling.minus(budget.given).unwrap_or(Points::ZERO);
        vec![
            budget.programme.to_string().into(),
            budget.name.clone().into(),
            budget_text(budget.line.as_ref()).into(),
            budget.ceiling.into(),
            budget.given.into(),
            left.into(),
        ]
    };
    let head = [
        ("programme", "施策"),
        ("name", "名称"),
        ("budget_line", "予算科目"),
        ("ceiling", "予算上限"),
        ("given", "付与済"),
        ("left", "残"),
    ];
    Table::new("budgets", "予算の執行状況", &head, report.budgets.iter().map(row).collect())
}

fn years(report: &Report) -> Table {
    let rows = report.years.iter().map(|(key, line)| {
        vec![
            birth_name(report, key.birth).into(),
            key.year.0.to_string().into(),
            line.granted.into(),
            line.used.into(),
            line.moved.into(),
            line.lapsed.into(),
            line.outstanding.into(),
        ]
    });
    let head = [
        ("origin", "由来"),
        ("year", "年度"),
        ("granted", "付与・交換"),
        ("used", "使用"),
        ("moved", "移行"),
        ("lapsed", "失効"),
        ("outstanding", "未使用"),
    ];
    Table::new("years", "施策と予算年度ごとの付与・使用・失効・未使用", &head, rows.collect())
}

fn outstanding(report: &Report) -> Table {
    let rows = report.outstanding.iter().map(|((origin, expires), points)| {
        vec![origin_name(report, *origin).into(), last_day(*expires).into(), (*points).into()]
    });
    let head = [("origin", "由来"), ("expires", "有効期限"), ("points", "ポイント")];
    Table::new("outstanding", "未使用残高(由来と有効期限ごと)", &head, rows.collect())
}

fn elsewhere(report: &Report) -> Table {
    let rows = report
        .elsewhere
        .iter()
        .map(|(account, points)| vec![account_name(account).into(), (*points).into()]);
    let head = [("account", "勘定"), ("points", "ポイント")];
    Table::new("elsewhere", "利用者の口座の外にあるもの", &head, rows.collect())
}

fn lapsed(report: &Report) -> Table {
    let rows = report.lapsed.iter().map(|(kind, (in_year, in_all))| {
        let name = match kind {
            LapsedKind::Administrative => "行政ポイント",
            LapsedKind::Reward => "商店街ポイント",
            LapsedKind::Converted => "地域経済応援ポイント",
            LapsedKind::Voucher => "商品券",
        };
        vec![name.into(), (*in_year).into(), (*in_all).into()]
    });
    let head = [("kind", "種類"), ("in_year", "年度内"), ("in_all", "累計")];
    Table::new("lapsed", "失効", &head, rows.collect())
}

fn forecast(report: &Report) -> Table {
    let rows = report.forecast.iter().map(|((year, month), points)| {
        vec![format!("{year:04}-{month:02}").into(), (*points).into()]
    });
    let head = [("month", "有効期限の月"), ("points", "ポイント")];
    Table::new("forecast", "失効の見込み(使われなかった場合)", &head, rows.collect())
}

fn companies(report: &Report) -> Table {
    let rows = report.companies.iter().map(|(company, claim)| {
        vec![
            company.to_string().into(),
            claim.name.clone().into(),
            claim.in_year.into(),
            claim.balance.into(),
        ]
    });
    let head =
        [("company", "会社"), ("name", "会社名"), ("in_year", "年度内"), ("balance", "請求残")];
    Table::new("companies", "会社への請求", &head, rows.collect())
}

fn towns(report: &Report) -> Table {
    let rows = report.towns.iter().map(|(town, debts)| {
        vec![
            town.to_string().into(),
            debts.transit.into(),
            debts.owed_to.into(),
            debts.owed_by.into(),
        ]
    });
    let head = [
        ("town", "自治体"),
        ("transit", "移行中"),
        ("owed_to", "支払うもの"),
        ("owed_by", "受け取るもの"),
    ];
    Table::new("towns", "自治体間の債権と債務", &head, rows.collect())
}

fn unused(report: &Report) -> Table {
    let rows = |name: String, unused: &Unused| -> Vec<Vec<Cell>> {
        let row = |((issuer, paid), points): (&(Issuer, Paid), &Points)| {
            let issuer = match issuer {
                Issuer::Town => "自治体",
                Issuer::Other => "自治体以外",
            };
            let paid = match paid {
                Paid::Yes => "有償",
                Paid::No => "無償",
            };
            vec![name.clone().into(), issuer.into(), paid.into(), (*points).into()]
        };
        unused.iter().map(row).collect()
    };
    let mut all = Vec::new();
    for (date, unused) in &report.base_dates {
        all.extend(rows(format!("{date} 基準日"), unused));
    }
    all.extend(rows(report.as_of.to_string(), &report.unused));
    let head = [("date", "日"), ("issuer", "発行者"), ("paid", "対価"), ("points", "未使用残高")];
    Table::new("unused", "発行者ごとの未使用残高(資金決済法の基準日)", &head, all)
}

fn shops(report: &Report) -> Table {
    let shops = report.shops;
    let row = |name: &str, points: Points| vec![name.into(), points.into()];
    let rows = vec![
        row("受取済・未精算", shops.taken),
        row("精算済・未払", shops.payable),
        row("加盟店への返還請求", shops.claims),
        row("支払済(累計)", shops.paid_out),
        row("手数料(累計)", shops.fee),
    ];
    Table::new("shops", "加盟店", &[("what", "区分"), ("points", "円")], rows)
}

fn runs(report: &Report) -> Table {
    let rows = report.runs.iter().map(|figures| {
        vec![
            figures.number.to_string().into(),
            figures.run.from.to_string().into(),
            figures.run.last.to_string().into(),
            figures.shops.to_string().into(),
            figures.kept.into(),
            figures.fee.into(),
            figures.set_off.into(),
            figures.net.into(),
            figures.run.state().word().into(),
        ]
    });
    let head = [
        ("run", "精算番号"),
        ("from", "開始"),
        ("last", "末日"),
        ("shops", "加盟店数"),
        ("kept", "受取(返還後)"),
        ("fee", "手数料"),
        ("set_off", "相殺"),
        ("net", "支払額"),
        ("state", "状態"),
    ];
    Table::new("runs", "加盟店への支払", &head, rows.collect())
}
