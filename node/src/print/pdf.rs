//! Sheets as PDF. The one place with fractions: a PDF counts in points of 1/72 inch.
#![expect(clippy::float_arithmetic, reason = "a PDF's coordinates are fractions")]

use krilla::{
    Document, SerializeSettings,
    color::luma,
    geom::{Path, PathBuilder, Point, Rect},
    metadata::Metadata,
    num::NormalizedF32,
    page::PageSettings,
    paint::{Fill, FillRule, Stroke, StrokeDash},
    surface::Surface,
    text::{GlyphId, KrillaGlyph},
};

use super::{
    Mm, PrintError, Sheets,
    sheet::{Dashed, Mark},
};

/// Draws every page. Neither time nor id goes in, so that the same sheets are the same bytes.
pub(super) fn draw(sheets: &Sheets<'_>) -> Result<Vec<u8>, PrintError> {
    let settings = SerializeSettings {
        xmp_metadata: false,
        enable_tagging: false,
        ..SerializeSettings::default()
    };
    let mut document = Document::new_with(settings);
    let metadata = Metadata::new().title(sheets.title.clone()).language("ja".into());
    document.set_metadata(metadata);
    let (width, height) = sheets.paper.size();
    for marks in &sheets.pages {
        let settings = PageSettings::from_wh(length(width), length(height));
        let settings = settings.ok_or_else(|| PrintError::Pdf("a page without size".into()))?;
        let mut page = document.start_page_with(settings);
        let mut surface = page.surface();
        for mark in marks {
            draw_mark(&mut surface, sheets, mark);
        }
        surface.finish();
        page.finish();
    }
    document.finish().map_err(|error| PrintError::Pdf(error.to_string()))
}

fn draw_mark(surface: &mut Surface<'_>, sheets: &Sheets<'_>, mark: &Mark) {
    match mark {
        Mark::Text { x, y, size, text } => {
            let Some(face) = &sheets.face else { return };
            let em = f32::from(face.units());
            let glyph = |placed: super::font::Placed| KrillaGlyph {
                glyph_id: GlyphId::new(placed.glyph),
                text_range: placed.range,
                x_advance: f32::from(placed.advance) / em,
                x_offset: 0.0,
                y_offset: 0.0,
                y_advance: 0.0,
                location: None,
            };
            let glyphs: Vec<KrillaGlyph> = face.place(text).into_iter().map(glyph).collect();
            surface.set_stroke(None);
            surface.set_fill(Some(grey(0)));
            let start = Point::from_xy(length(*x), length(*y));
            let font = sheets.font.embedded.clone();
            surface.draw_glyphs(start, &glyphs, font, text, f32::from(size.0), false);
        }
        Mark::Line { from, to, thick, dashed } => {
            let mut path = PathBuilder::new();
            path.move_to(length(from.0), length(from.1));
            path.line_to(length(to.0), length(to.1));
            draw_outline(surface, path.finish(), *thick, *dashed);
        }
        Mark::Frame { corner, size, thick } => {
            draw_outline(surface, rectangle(*corner, *size), *thick, Dashed::No);
        }
        Mark::Shade { corner, size, grey: level } => {
            draw_area(surface, rectangle(*corner, *size), grey(*level));
        }
        Mark::Qr { corner, side, dark } => {
            draw_area(surface, modules(*corner, *side, dark), grey(0));
        }
    }
}

fn draw_outline(surface: &mut Surface<'_>, path: Option<Path>, thick: Mm, dashed: Dashed) {
    let dash = match dashed {
        Dashed::Yes => Some(StrokeDash { array: vec![4.0, 3.0], offset: 0.0 }),
        Dashed::No => None,
    };
    let stroke = Stroke { width: length(thick), dash, ..Stroke::default() };
    surface.set_fill(None);
    surface.set_stroke(Some(stroke));
    if let Some(path) = path {
        surface.draw_path(&path);
    }
}

fn draw_area(surface: &mut Surface<'_>, path: Option<Path>, fill: Fill) {
    surface.set_stroke(None);
    surface.set_fill(Some(fill));
    if let Some(path) = path {
        surface.draw_path(&path);
    }
}

fn rectangle(corner: (Mm, Mm), size: (Mm, Mm)) -> Option<Path> {
    let rect = Rect::from_xywh(length(corner.0), length(corner.1), length(size.0), length(size.1))?;
    let mut path = PathBuilder::new();
    path.push_rect(rect);
    path.finish()
}

/// The dark modules of a QR code as one path, a rectangle for each run in a row.
fn modules((x, y): (Mm, Mm), side: Mm, dark: &[Vec<bool>]) -> Option<Path> {
    let across = u16::try_from(dark.len()).ok().filter(|across| *across > 0)?;
    let module = length(side) / f32::from(across);
    let mut path = PathBuilder::new();
    for (row, modules) in (0_u16..).zip(dark) {
        let top = length(y) + module * f32::from(row);
        let mut column = 0_u16;
        for run in modules.chunk_by(|left, right| left == right) {
            let long = u16::try_from(run.len()).ok()?;
            if run.first() == Some(&true) {
                let left = length(x) + module * f32::from(column);
                path.push_rect(Rect::from_xywh(left, top, module * f32::from(long), module)?);
            }
            column = column.saturating_add(long);
        }
    }
    path.finish()
}

fn grey(level: u8) -> Fill {
    let paint = luma::Color::new(level).into();
    Fill { paint, opacity: NormalizedF32::ONE, rule: FillRule::NonZero }
}

/// A length in points of 1/72 inch.
#[expect(clippy::cast_precision_loss, reason = "a sheet has some thousand tenths of a millimetre")]
fn length(length: Mm) -> f32 {
    length.0 as f32 * 72.0 / 254.0
}
