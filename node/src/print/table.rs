//! Tables that break over pages and repeat their head.

use super::{Align, Mm, Pt, Sheets, mm};

/// A column.
#[derive(Debug, Clone, Copy)]
pub struct Column<'a> {
    /// What stands over it.
    pub head: &'a str,
    /// How wide it is.
    pub width: Mm,
    /// Where its texts stand; figures stand right.
    pub align: Align,
}

/// Where a table stands, and its columns.
#[derive(Debug, Clone, Copy)]
pub struct Table<'a> {
    /// Its left edge.
    pub left: Mm,
    /// Its upper edge on the page where it begins.
    pub top: Mm,
    /// Its upper edge on the pages behind that.
    pub next_top: Mm,
    /// Below this it breaks.
    pub bottom: Mm,
    /// The size of its letters.
    pub size: Pt,
    /// Its columns, from the left.
    pub columns: &'a [Column<'a>],
}

/// Between a cell's edge and its text.
const PADDING: Mm = mm(1).tenths(5);
const HAIR: Mm = mm(0).tenths(2);
const HEAD_GREY: u8 = 225;

impl Sheets<'_> {
    /// A table; a row has a text for each column, and grows where one has to be broken. Returns
    /// the table's lower edge, on the page that is then the last.
    pub fn table(&mut self, table: &Table<'_>, rows: impl IntoIterator<Item = Vec<String>>) -> Mm {
        let heads: Vec<String> = table.columns.iter().map(|column| column.head.into()).collect();
        let mut y = self.row(table, table.top, &heads, Kind::Head);
        for row in rows {
            if y + self.height(table, &row) > table.bottom {
                self.next_page();
                y = self.row(table, table.next_top, &heads, Kind::Head);
            }
            y = self.row(table, y, &row, Kind::Body);
        }
        y
    }

    fn cells(&self, table: &Table<'_>, row: &[String]) -> Vec<Vec<String>> {
        let cell = |(column, text): (&Column<'_>, &String)| {
            self.wrap(text, table.size, column.width - PADDING.times(2))
        };
        table.columns.iter().zip(row).map(cell).collect()
    }

    fn height(&self, table: &Table<'_>, row: &[String]) -> Mm {
        let lines = self.cells(table, row).iter().map(Vec::len).max().unwrap_or(1).max(1);
        let lines = i32::try_from(lines).unwrap_or(i32::MAX);
        table.size.line_height().times(lines) + PADDING
    }

    fn row(&mut self, table: &Table<'_>, top: Mm, row: &[String], kind: Kind) -> Mm {
        let height = self.height(table, row);
        let cells = self.cells(table, row);
        let mut x = table.left;
        for (column, lines) in table.columns.iter().zip(&cells) {
            if kind == Kind::Head {
                self.shade((x, top), (column.width, height), HEAD_GREY);
            }
            self.frame((x, top), (column.width, height), HAIR);
            let (align, at) = match (kind, column.align) {
                (Kind::Head, _) | (Kind::Body, Align::Centre) => {
                    (Align::Centre, x + column.width.half())
                }
                (Kind::Body, Align::Left) => (Align::Left, x + PADDING),
                (Kind::Body, Align::Right) => (Align::Right, x + column.width - PADDING),
            };
            let mut baseline = top + table.size.line_height();
            for line in lines {
                self.text(at, baseline, table.size, align, line);
                baseline = baseline + table.size.line_height();
            }
            x = x + column.width;
        }
        top + height
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Head,
    Body,
}
