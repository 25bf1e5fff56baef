//! The printed forms of one report.

use std::collections::BTreeMap;

use jichi_protocol::{
    account::LapsedKind,
    date::FiscalYear,
    id::ProgrammeId,
    lot::{Birth, Issuer, Origin, Paid},
    points::Points,
    report::{BudgetUse, BudgetYear, Line, Report, ShopDebts, Unused},
};

use super::{print, table};

fn p(points: u32) -> Points {
    Points::from_u32(points)
}

fn report() -> Report {
    let birth = Birth::Administrative(ProgrammeId(1));
    let free: Unused = [((Issuer::Town, Paid::No), p(1_200))].into();
    let line = Line {
        granted: p(2_000),
        used: p(700),
        moved: p(0),
        lapsed: p(100),
        outstanding: p(1_200),
    };
    Report {
        town: "102016".parse().unwrap(),
        year: FiscalYear(2026),
        as_of: "2027-03-31".parse().unwrap(),
        entries: 42,
        outstanding: [((Origin::Here(birth), "2027-03-31".parse().unwrap()), p(1_200))].into(),
        elsewhere: Vec::new(),
        budgets: vec![BudgetUse {
            programme: ProgrammeId(1),
            name: "地域活動, 清掃".to_owned(),
            ceiling: p(1_000_000),
            given: p(2_000),
            line: None,
        }],
        years: [(BudgetYear { birth, year: FiscalYear(2026) }, line)].into(),
        lapsed: [(LapsedKind::Administrative, (p(100), p(100)))].into(),
        companies: BTreeMap::new(),
        towns: BTreeMap::new(),
        base_dates: vec![("2026-09-30".parse().unwrap(), free.clone())],
        unused: free,
        shops: ShopDebts { taken: p(700), ..ShopDebts::default() },
        runs: Vec::new(),
        forecast: [((2027, 3), p(1_200))].into(),
        programme_names: [(ProgrammeId(1), "地域活動, 清掃".to_owned())].into(),
    }
}

#[test]
fn text_has_each_table_with_its_figures() {
    let report = report();
    let text = print::text(&report, &table::tables(&report));
    assert!(text.starts_with("102016 令和8年度(2026) 報告 2027-03-31 現在(記録 42 件による)\n"));
    assert!(text.contains("■ 予算の執行状況"));
    assert!(text.contains("1,000,000"));
    assert!(text.contains("■ 自治体間の債権と債務\n  なし\n"));
    // Figures stand on the right, under their heads.
    let lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().position(|line| line.contains("失効の見込み")).unwrap();
    assert_eq!(lines[at + 1], "  有効期限の月  ポイント");
    assert_eq!(lines[at + 2], "  2027-03          1,200");
}

#[test]
fn csv_quotes_what_has_a_comma_and_json_names_every_column() {
    let report = report();
    let tables = table::tables(&report);
    let csv = print::csv(&tables);
    assert!(csv.starts_with("\u{feff}予算の執行状況\r\n施策,名称,"));
    assert!(csv.contains("1,\"地域活動, 清掃\",,1000000,2000,998000\r\n"));
    let json: serde_json::Value =
        serde_json::from_str(&print::json(&report, &tables).unwrap()).unwrap();
    assert_eq!(json["tables"]["budgets"][0]["left"], 998_000);
    assert_eq!(json["tables"]["unused"][0]["date"], "2026-09-30 基準日");
    assert_eq!(json["as_of"], "2027-03-31");
}

#[test]
fn the_same_report_gives_the_same_paper() {
    let font = std::path::Path::new(jichi_node::print::FONT_DEFAULT);
    if !font.exists() {
        // Printing needs a font of the system; the other forms do not.
        return;
    }
    let report = report();
    let tables = table::tables(&report);
    let first = print::pdf(&report, &tables, font).unwrap();
    assert!(first.starts_with(b"%PDF"));
    assert_eq!(print::pdf(&report, &tables, font).unwrap(), first);
}
