//! Sheets: what stands where, page by page. Nothing is drawn before [`Sheets::finish`].

use std::collections::BTreeSet;

use qrcode::{Color, EcLevel, QrCode};

use super::{Mm, PrintError, PrintFont, Pt, font::Face, mm, pdf};

/// A size of paper, upright.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paper {
    /// 210 by 297 mm.
    A4,
    /// 148 by 210 mm.
    A5,
}

impl Paper {
    /// Width and height.
    #[must_use]
    pub const fn size(self) -> (Mm, Mm) {
        match self {
            Self::A4 => (mm(210), mm(297)),
            Self::A5 => (mm(148), mm(210)),
        }
    }
}

/// Where a text stands, seen from its x.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// It begins there.
    Left,
    /// It ends there.
    Right,
    /// Its middle is there.
    Centre,
}

/// One thing on a page.
pub(super) enum Mark {
    Text {
        x: Mm,
        y: Mm,
        size: Pt,
        text: String,
    },
    Line {
        from: (Mm, Mm),
        to: (Mm, Mm),
        thick: Mm,
        dashed: Dashed,
    },
    Frame {
        corner: (Mm, Mm),
        size: (Mm, Mm),
        thick: Mm,
    },
    /// A grey area; 0 is black, 255 white.
    Shade {
        corner: (Mm, Mm),
        size: (Mm, Mm),
        grey: u8,
    },
    /// Dark modules, row by row.
    Qr {
        corner: (Mm, Mm),
        side: Mm,
        dark: Vec<Vec<bool>>,
    },
}

/// Whether a line is a row of dashes, along which a sheet is cut.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Dashed {
    Yes,
    No,
}

/// A document that is being laid out.
pub struct Sheets<'f> {
    pub(super) font: &'f PrintFont,
    pub(super) face: Option<Face<'f>>,
    pub(super) paper: Paper,
    pub(super) title: String,
    /// Finished pages, and the one that is being filled.
    pub(super) pages: Vec<Vec<Mark>>,
    missing: BTreeSet<char>,
}

/// Modules of white that a QR code needs around it (ISO/IEC 18004).
const QUIET: usize = 4;

impl<'f> Sheets<'f> {
    /// A document of one empty page. The title is what a reader program shows.
    #[must_use]
    pub fn new(font: &'f PrintFont, paper: Paper, title: &str) -> Self {
        Self {
            font,
            face: font.face(),
            paper,
            title: title.to_owned(),
            pages: vec![Vec::new()],
            missing: BTreeSet::new(),
        }
    }

    /// Begins a new page.
    pub fn next_page(&mut self) {
        self.pages.push(Vec::new());
    }

    /// The number of the page that is being filled, from 1.
    #[must_use]
    pub const fn page(&self) -> usize {
        self.pages.len()
    }

    pub(super) fn mark(&mut self, mark: Mark) {
        if let Some(page) = self.pages.last_mut() {
            page.push(mark);
        }
    }

    /// How wide a text of this size is.
    #[must_use]
    pub fn width(&self, text: &str, size: Pt) -> Mm {
        self.face.as_ref().map_or(mm(0), |face| face.width(text, size))
    }

    /// A line of text whose baseline is at `y`.
    pub fn text(&mut self, x: Mm, y: Mm, size: Pt, align: Align, text: &str) {
        if text.is_empty() {
            return;
        }
        if let Some(face) = &self.face {
            for glyph in face.place(text).iter().filter(|glyph| !glyph.known) {
                let letter = text.get(glyph.range.clone()).and_then(|part| part.chars().next());
                self.missing.extend(letter);
            }
        }
        let x = match align {
            Align::Left => x,
            Align::Right => x - self.width(text, size),
            Align::Centre => x - self.width(text, size).half(),
        };
        self.mark(Mark::Text { x, y, size, text: text.to_owned() });
    }

    /// Text that is broken to a width, from the line whose baseline is at `y` downwards. Returns
    /// the baseline of the line behind it.
    pub fn paragraph(&mut self, x: Mm, y: Mm, width: Mm, size: Pt, text: &str) -> Mm {
        let mut baseline = y;
        for line in self.wrap(text, size, width) {
            self.text(x, baseline, size, Align::Left, &line);
            baseline = baseline + size.line_height();
        }
        baseline
    }

    pub(super) fn wrap(&self, text: &str, size: Pt, width: Mm) -> Vec<String> {
        self.face.as_ref().map_or_else(Vec::new, |face| face.wrap(text, size, width))
    }

    /// A line, so thick.
    pub fn line(&mut self, from: (Mm, Mm), to: (Mm, Mm), thick: Mm) {
        self.mark(Mark::Line { from, to, thick, dashed: Dashed::No });
    }

    /// A dashed line, along which the sheet is cut (切り取り線).
    pub fn cut_line(&mut self, from: (Mm, Mm), to: (Mm, Mm)) {
        self.mark(Mark::Line { from, to, thick: mm(0).tenths(2), dashed: Dashed::Yes });
    }

    /// A frame, so thick, with its upper left corner and its width and height.
    pub fn frame(&mut self, corner: (Mm, Mm), size: (Mm, Mm), thick: Mm) {
        self.mark(Mark::Frame { corner, size, thick });
    }

    /// A grey area (0 black, 255 white), behind what is put there later.
    pub fn shade(&mut self, corner: (Mm, Mm), size: (Mm, Mm), grey: u8) {
        self.mark(Mark::Shade { corner, size, grey });
    }

    /// A QR code in a square of this side, its white border included. Capitals, digits and
    /// `$%*+-./:` alone make it coarser and easier to scan.
    ///
    /// # Errors
    /// [`PrintError::TooLongForQr`].
    pub fn qr(&mut self, x: Mm, y: Mm, side: Mm, content: &str) -> Result<(), PrintError> {
        let code = QrCode::with_error_correction_level(content, EcLevel::M)
            .map_err(|_| PrintError::TooLongForQr)?;
        let width = code.width();
        let white = || core::iter::repeat_n(false, QUIET);
        let row = |colours: &[Color]| -> Vec<bool> {
            let dark = colours.iter().map(|colour| *colour == Color::Dark);
            white().chain(dark).chain(white()).collect()
        };
        let blank = vec![false; width.saturating_add(QUIET).saturating_add(QUIET)];
        let border = || core::iter::repeat_n(blank.clone(), QUIET);
        let colours = code.to_colors();
        let dark = border().chain(colours.chunks(width.max(1)).map(row)).chain(border()).collect();
        self.mark(Mark::Qr { corner: (x, y), side, dark });
        Ok(())
    }

    /// Writes `1 / 3` at the foot of every page. To be called last.
    pub fn number_pages(&mut self) {
        let (width, height) = self.paper.size();
        let all = self.pages.len();
        for page in 1..=all {
            let text = format!("{page} / {all}");
            let x = width.half() - self.width(&text, Pt(9)).half();
            let mark = Mark::Text { x, y: height - mm(10), size: Pt(9), text };
            if let Some(marks) = self.pages.get_mut(page.saturating_sub(1)) {
                marks.push(mark);
            }
        }
    }

    /// Characters that were printed as 〓, because the font does not have them.
    #[must_use]
    pub const fn missing(&self) -> &BTreeSet<char> {
        &self.missing
    }

    /// The PDF.
    ///
    /// # Errors
    /// [`PrintError::Pdf`].
    pub fn finish(self) -> Result<Vec<u8>, PrintError> {
        pdf::draw(&self)
    }
}
