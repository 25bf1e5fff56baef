//! The tables as text, CSV, JSON and PDF.

use std::{fmt::Write as _, path::Path};

use jichi_node::print::{self, Align, Column, Paper, PrintError, Printer, Pt, Sheets, mm};
use jichi_protocol::{report::Report, text::grouped};
use serde_json::{Map, Value, json};

use super::table::{Cell, Table};

/// 令和n年度
fn year_ja(report: &Report) -> String {
    format!("令和{}年度({})", report.year.0.saturating_sub(2018), report.year.0)
}

fn shown(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => text.clone(),
        Cell::Points(points) => grouped(*points),
    }
}

/// Columns on a terminal: Japanese letters take two.
fn width(text: &str) -> usize {
    text.chars().map(|char| if char.is_ascii() { 1 } else { 2 }).sum()
}

fn padded(text: &str, to: usize, right: bool) -> String {
    let spaces = " ".repeat(to.saturating_sub(width(text)));
    if right { format!("{spaces}{text}") } else { format!("{text}{spaces}") }
}

/// As people read it on a screen.
pub(super) fn text(report: &Report, tables: &[Table]) -> String {
    let mut text = format!(
        "{} {} 報告 {} 現在(記録 {} 件による)\n",
        report.town,
        year_ja(report),
        report.as_of,
        report.entries
    );
    for table in tables {
        let _ = write!(text, "\n■ {}\n", table.title);
        if table.rows.is_empty() {
            text.push_str("  なし\n");
            continue;
        }
        let head: Vec<String> = table.head.iter().map(|(_, ja)| (*ja).to_owned()).collect();
        let rows: Vec<Vec<String>> =
            table.rows.iter().map(|row| row.iter().map(shown).collect()).collect();
        let widths: Vec<usize> = (0..head.len())
            .map(|at| {
                let all = core::iter::once(&head).chain(&rows);
                all.filter_map(|row| row.get(at)).map(|cell| width(cell)).max().unwrap_or(0)
            })
            .collect();
        let first = table.rows.first();
        let right = |at: usize| {
            first.and_then(|row| row.get(at)).is_some_and(|cell| matches!(cell, Cell::Points(_)))
        };
        for row in core::iter::once(&head).chain(&rows) {
            let cells = row.iter().zip(&widths).enumerate();
            let cells: Vec<String> =
                cells.map(|(at, (cell, width))| padded(cell, *width, right(at))).collect();
            let _ = writeln!(text, "  {}", cells.join("  ").trim_end());
        }
    }
    text
}

/// One file, a table behind the other: UTF-8 with BOM and CRLF, as offices open it.
pub(super) fn csv(tables: &[Table]) -> String {
    let quoted = |text: &str| {
        if text.contains(['"', ',', '\r', '\n']) {
            format!("\"{}\"", text.replace('"', "\"\""))
        } else {
            text.to_owned()
        }
    };
    let mut text = "\u{feff}".to_owned();
    for table in tables {
        let _ = write!(text, "{}\r\n", quoted(table.title));
        let head: Vec<String> = table.head.iter().map(|(_, ja)| quoted(ja)).collect();
        let _ = write!(text, "{}\r\n", head.join(","));
        for row in &table.rows {
            let cells = row.iter().map(|cell| match cell {
                Cell::Text(text) => quoted(text),
                Cell::Points(points) => points.to_string(),
            });
            let _ = write!(text, "{}\r\n", cells.collect::<Vec<_>>().join(","));
        }
        text.push_str("\r\n");
    }
    text
}

/// For programs: each table by its name, each row by its columns' names.
pub(super) fn json(report: &Report, tables: &[Table]) -> anyhow::Result<String> {
    let row = |table: &Table, row: &[Cell]| -> Value {
        let cells = table.head.iter().zip(row).map(|((key, _), cell)| {
            let value = match cell {
                Cell::Text(text) => json!(text),
                Cell::Points(points) => json!(points),
            };
            ((*key).to_owned(), value)
        });
        Value::Object(cells.collect::<Map<_, _>>())
    };
    let tables = tables.iter().map(|table| {
        let rows: Vec<Value> = table.rows.iter().map(|cells| row(table, cells)).collect();
        (table.key.to_owned(), Value::Array(rows))
    });
    let body = json!({
        "town": report.town.to_string(),
        "fiscal_year": report.year.0,
        "as_of": report.as_of.to_string(),
        "entries": report.entries,
        "tables": tables.collect::<Map<_, _>>(),
    });
    Ok(format!("{}\n", serde_json::to_string_pretty(&body)?))
}

/// The share of each column, in millimetres of 250: by the widest cell.
fn columns(table: &Table) -> Vec<i32> {
    let widest = |at: usize| {
        let head = table.head.get(at).map_or(0, |(_, ja)| width(ja));
        let cells = table.rows.iter().filter_map(|row| row.get(at));
        cells.map(|cell| width(&shown(cell))).max().unwrap_or(0).max(head).max(4)
    };
    let widths: Vec<usize> = (0..table.head.len()).map(widest).collect();
    let sum: usize = widths.iter().sum();
    let share = |width: &usize| {
        let share = width.saturating_mul(250).checked_div(sum).unwrap_or(0);
        i32::try_from(share).unwrap_or(250)
    };
    widths.iter().map(share).collect()
}

/// On paper.
pub(super) fn pdf(report: &Report, tables: &[Table], font: &Path) -> Result<Vec<u8>, PrintError> {
    let printer = Printer::new(font);
    let mut sheets = Sheets::new(printer.font()?, Paper::A4, "年度報告");
    let title = format!("{} 報告 {} 現在", year_ja(report), report.as_of);
    sheets.text(mm(20), mm(20), Pt(15), Align::Left, &title);
    let stands = format!("自治体コード {} 記録 {} 件による", report.town, report.entries);
    sheets.text(mm(20), mm(27), Pt(9), Align::Left, &stands);
    let mut top = mm(38);
    for table in tables {
        if top > mm(250) {
            sheets.next_page();
            top = mm(20);
        }
        sheets.text(mm(20), top, Pt(11), Align::Left, table.title);
        top = top.tenths(40);
        if table.rows.is_empty() {
            sheets.text(mm(24), top.tenths(30), Pt(9), Align::Left, "なし");
            top = top.tenths(120);
            continue;
        }
        let first = table.rows.first();
        let shares = columns(table);
        let columns: Vec<Column<'_>> = table
            .head
            .iter()
            .zip(&shares)
            .enumerate()
            .map(|(at, ((_, ja), share))| {
                let cell = first.and_then(|row| row.get(at));
                let align = match cell {
                    Some(Cell::Points(_)) => Align::Right,
                    Some(Cell::Text(_)) | None => Align::Left,
                };
                // 250 parts are the 170 millimetres between the margins.
                Column { head: ja, width: mm(0).tenths(share.saturating_mul(170) / 25), align }
            })
            .collect();
        let layout = print::Table {
            left: mm(20),
            top,
            next_top: mm(20),
            bottom: mm(280),
            size: Pt(8),
            columns: &columns,
        };
        let rows = table.rows.iter().map(|row| row.iter().map(shown).collect());
        top = sheets.table(&layout, rows).tenths(100);
    }
    sheets.number_pages();
    sheets.finish()
}
