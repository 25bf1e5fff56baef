//! Sheets on paper: PDF in Japanese, for tickets, claim slips, statements and letters.
//!
//! ```no_run
//! # use jichi_node::print::{Align, Column, Paper, Printer, Pt, Sheets, Table, mm, PrintError};
//! # fn statement(printer: &Printer) -> Result<Vec<u8>, PrintError> {
//! let mut sheets = Sheets::new(printer.font()?, Paper::A4, "支払明細書");
//! sheets.text(mm(20), mm(25), Pt(18), Align::Left, "支払明細書"); // millimetres; y is the baseline
//! sheets.text(mm(190), mm(25), Pt(11), Align::Right, "令和8年5月10日");
//! let below = sheets.paragraph(mm(20), mm(35), mm(170), Pt(11), "長い文は幅で折り返します。");
//! let columns = [
//!     Column { head: "日", width: mm(30), align: Align::Left },
//!     Column { head: "ポイント", width: mm(40), align: Align::Right },
//! ];
//! let table = Table {
//!     left: mm(20),
//!     top: below,
//!     next_top: mm(20), // on the pages behind the first
//!     bottom: mm(275),  // the table breaks before it, and repeats its head
//!     size: Pt(10),
//!     columns: &columns,
//! };
//! let below = sheets.table(&table, [vec!["5月1日".into(), "1,200".into()]]);
//! sheets.line((mm(20), below), (mm(190), below), mm(0).tenths(3));
//! sheets.qr(mm(150), mm(240), mm(35), "HTTPS://EXAMPLE.JP/")?;
//! sheets.next_page();
//! sheets.number_pages();
//! sheets.finish()
//! # }
//! ```
//!
//! The same calls make the same bytes, on every machine with the same font file: no clock, no
//! random ids. The font is the file that the node's configuration names (`[print] font`); only the
//! glyphs in use are embedded. A character that the font does not have is printed as 〓, is still
//! found by a search of the text, and is told by [`Sheets::missing`]. The HTTP edge answers with a
//! PDF by `api::print::pdf`.

mod font;
mod pdf;
mod sheet;
mod table;

use std::{
    fmt,
    ops::{Add, Sub},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

pub use font::PrintFont;
pub use sheet::{Align, Paper, Sheets};
pub use table::{Column, Table};

/// Where Debian's package `fonts-ipaexfont` puts its gothic: what is used if nothing is set.
pub const FONT_DEFAULT: &str = "/usr/share/fonts/opentype/ipaexfont-gothic/ipaexg.ttf";

/// A length on paper, in tenths of a millimetre.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mm(i32);

/// So many whole millimetres.
#[must_use]
pub const fn mm(millimetres: i32) -> Mm {
    Mm(millimetres.saturating_mul(10))
}

impl Mm {
    /// This length and so many tenths of a millimetre.
    #[must_use]
    pub const fn tenths(self, tenths: i32) -> Self {
        Self(self.0.saturating_add(tenths))
    }

    /// So many times this length.
    #[must_use]
    pub const fn times(self, times: i32) -> Self {
        Self(self.0.saturating_mul(times))
    }

    const fn half(self) -> Self {
        Self(self.0 / 2)
    }
}

impl Add for Mm {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Mm {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

/// A size of letters, in typographic points of 1/72 inch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pt(pub u16);

impl Pt {
    /// The distance of two lines of this size: 1.4 times the letters.
    #[must_use]
    pub fn line_height(self) -> Mm {
        // 1 pt is 254/72 tenths of a millimetre; times 1.4.
        Mm(i32::from(self.0).saturating_mul(254).saturating_mul(14) / 720)
    }
}

/// Why nothing was printed.
#[derive(Debug, thiserror::Error)]
pub enum PrintError {
    /// The font's file cannot be read.
    #[error(
        "the font {path} for printing cannot be read ({source}): install Debian's package \
         fonts-ipaexfont (or fonts-noto-cjk), or name a Japanese font in `[print] font` of the \
         node's configuration"
    )]
    FontUnreadable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is no font with a table of characters.
    #[error(
        "{path} is no TrueType or OpenType font: name a Japanese font in `[print] font` of the \
         node's configuration"
    )]
    NotAFont {
        /// Which file.
        path: PathBuf,
    },
    /// Too long for a QR code.
    #[error("too long for a QR code")]
    TooLongForQr,
    /// The PDF could not be put together.
    #[error("the PDF could not be made: {0}")]
    Pdf(String),
}

/// What prints: the font of the configuration, read at its first use.
#[derive(Clone)]
pub struct Printer(Arc<Parts>);

struct Parts {
    path: PathBuf,
    font: OnceLock<PrintFont>,
}

impl fmt::Debug for Printer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Printer({})", self.0.path.display())
    }
}

impl Printer {
    /// A printer with the font of this file. Nothing is read yet, so that a node which never
    /// prints needs no font.
    #[must_use]
    pub fn new(font: &Path) -> Self {
        Self(Arc::new(Parts { path: font.to_path_buf(), font: OnceLock::new() }))
    }

    /// The font. The first call reads a file of several megabytes: not in an async task.
    ///
    /// # Errors
    /// [`PrintError`], which says what to install and what to set.
    pub fn font(&self) -> Result<&PrintFont, PrintError> {
        if let Some(font) = self.0.font.get() {
            return Ok(font);
        }
        let font = PrintFont::read(&self.0.path)?;
        Ok(self.0.font.get_or_init(|| font))
    }
}

#[cfg(test)]
mod tests;
