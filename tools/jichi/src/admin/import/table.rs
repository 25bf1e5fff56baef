//! A CSV file as rows under its heading: UTF-8 with or without BOM, or CP932 (Shift_JIS as Windows
//! writes it); whatever its quoting and line ends are.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context as _, bail, ensure};
use jichi_node::text_file::line_of;

/// The encoding of a file, as the mapping names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
pub(super) enum Encoding {
    /// UTF-8, with or without BOM.
    #[serde(rename = "utf-8")]
    Utf8,
    /// CP932.
    #[serde(rename = "cp932")]
    Cp932,
}

/// A row: its line in the file, from 1, and its cells by the heading's names.
#[derive(Debug)]
pub(super) struct Row {
    /// The line on which it begins.
    pub(super) line: u64,
    cells: BTreeMap<String, String>,
}

impl Row {
    /// A cell, without blanks at its ends.
    ///
    /// # Errors
    /// When the file has no such column.
    pub(super) fn cell(&self, column: &str) -> anyhow::Result<&str> {
        let cell = self.cells.get(column).map(|cell| cell.trim());
        cell.with_context(|| format!("the file has no column '{column}'"))
    }
}

/// Reads a file.
///
/// # Errors
/// What cannot be read, with the line; never the text of a line, which may name a person.
pub(super) fn read(path: &Path, encoding: Encoding) -> anyhow::Result<Vec<Row>> {
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    // The reader counts a line at its line feed: a carriage return before it names the line above.
    let text = decode(&bytes, encoding)?.replace("\r\n", "\n");
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let heading: Vec<String> =
        reader.headers()?.iter().map(|name| name.trim().to_owned()).collect();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|_| anyhow::anyhow!("a line cannot be read as CSV"))?;
        let line = u64::from(line_of(&text, &record));
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        ensure!(
            record.len() == heading.len(),
            "line {line} has {} cells, the heading has {}",
            record.len(),
            heading.len()
        );
        let cells = heading.iter().cloned().zip(record.iter().map(str::to_owned));
        rows.push(Row { line, cells: cells.collect() });
    }
    Ok(rows)
}

fn decode(bytes: &[u8], encoding: Encoding) -> anyhow::Result<String> {
    match encoding {
        Encoding::Utf8 => {
            let text = std::str::from_utf8(bytes).context(
                "the file is not UTF-8; if it is from Windows, write encoding = \"cp932\"",
            )?;
            Ok(text.strip_prefix('\u{feff}').unwrap_or(text).to_owned())
        }
        Encoding::Cp932 => {
            // What browsers call Shift_JIS is CP932.
            let (text, wrong) = encoding_rs::SHIFT_JIS.decode_without_bom_handling(bytes);
            if wrong {
                let line = text.split('\u{fffd}').next().unwrap_or_default().matches('\n').count();
                bail!("line {} has bytes that are not CP932", line.saturating_add(1));
            }
            Ok(text.into_owned())
        }
    }
}
