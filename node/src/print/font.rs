//! The font: which glyph a character has, and how wide it is.
//!
//! Horizontal Japanese needs no shaping: a glyph a character, with variation selectors, by which
//! the forms of names are told apart (葛󠄀 and 葛).

use std::{fs, ops::Range, path::Path, sync::Arc};

use skrifa::{
    FontRef, GlyphId, MetadataProvider,
    charmap::{Charmap, MapVariant},
    raw::{TableProvider, tables::hmtx::Hmtx},
};

use super::{Mm, PrintError, Pt};

/// A font that was read.
pub struct PrintFont {
    pub(super) embedded: krilla::text::Font,
    bytes: Arc<Vec<u8>>,
}

impl PrintFont {
    /// Reads a font file; of a collection, its first font.
    ///
    /// # Errors
    /// [`PrintError`].
    pub fn read(path: &Path) -> Result<Self, PrintError> {
        let bytes = fs::read(path)
            .map_err(|source| PrintError::FontUnreadable { path: path.to_path_buf(), source })?;
        let bytes = Arc::new(bytes);
        let not_a_font = || PrintError::NotAFont { path: path.to_path_buf() };
        let embedded = krilla::text::Font::new(Arc::clone(&bytes).into(), 0);
        let font = Self { embedded: embedded.ok_or_else(not_a_font)?, bytes };
        if font.face().is_none() {
            return Err(not_a_font());
        }
        Ok(font)
    }

    pub(super) fn face(&self) -> Option<Face<'_>> {
        let font = FontRef::from_index(&self.bytes, 0).ok()?;
        let units = font.head().ok()?.units_per_em();
        let charmap = font.charmap();
        (units > 0 && charmap.has_map()).then_some(())?;
        Some(Face { charmap, advances: font.hmtx().ok()?, units })
    }
}

/// What is asked of a font while a sheet is laid out.
pub(super) struct Face<'f> {
    charmap: Charmap<'f>,
    advances: Hmtx<'f>,
    units: u16,
}

/// A glyph in its place in the text.
pub(super) struct Placed {
    /// Which glyph of the font.
    pub(super) glyph: u32,
    /// The bytes of the text that it shows.
    pub(super) range: Range<usize>,
    /// How far the pen moves, in units of the font.
    pub(super) advance: u16,
    /// Whether the font has the character at all.
    pub(super) known: bool,
}

/// What stands for a character that the font does not have (下駄).
const GETA: char = '〓';

impl Face<'_> {
    /// How many units the font's em has.
    pub(super) const fn units(&self) -> u16 {
        self.units
    }

    /// The glyphs of a text, in order. Control characters have none.
    pub(super) fn place(&self, text: &str) -> Vec<Placed> {
        let mut placed: Vec<Placed> = Vec::new();
        let mut base = None;
        for (at, letter) in text.char_indices() {
            let end = at.saturating_add(letter.len_utf8());
            if is_selector(letter) {
                if let (Some(base), Some(last)) = (base.take(), placed.last_mut()) {
                    last.range.end = end;
                    if let Some(MapVariant::Variant(glyph)) = self.charmap.map_variant(base, letter)
                    {
                        *last = self.placed(glyph, last.range.clone(), true);
                    }
                }
                continue;
            }
            base = Some(letter);
            if letter.is_control() {
                continue;
            }
            let found = self.charmap.map(letter);
            let shown = found.or_else(|| self.charmap.map(GETA)).unwrap_or(GlyphId::NOTDEF);
            placed.push(self.placed(shown, at..end, found.is_some()));
        }
        placed
    }

    fn placed(&self, glyph: GlyphId, range: Range<usize>, known: bool) -> Placed {
        let advance = self.advances.advance(glyph).unwrap_or(self.units);
        Placed { glyph: glyph.to_u32(), range, advance, known }
    }

    /// How wide a text is, rounded up.
    pub(super) fn width(&self, text: &str, size: Pt) -> Mm {
        let units = self.place(text).iter().map(|glyph| i64::from(glyph.advance)).sum();
        self.length(units, size)
    }

    /// So many units of the font as a length: 1 pt is 254/72 tenths of a millimetre.
    fn length(&self, units: i64, size: Pt) -> Mm {
        let parts = units.saturating_mul(i64::from(size.0)).saturating_mul(254);
        let whole = i64::from(self.units).saturating_mul(72).max(1);
        let tenths = parts.saturating_add(whole).saturating_sub(1).checked_div(whole);
        Mm(tenths.and_then(|tenths| i32::try_from(tenths).ok()).unwrap_or(i32::MAX))
    }

    /// Breaks a text into lines of at most this width, by the plainest rules of Japanese setting:
    /// between any two characters, but none of [`NOT_FIRST`] begins a line; Latin words stay whole
    /// where a space allows it.
    pub(super) fn wrap(&self, text: &str, size: Pt, width: Mm) -> Vec<String> {
        text.split('\n').flat_map(|line| self.wrap_line(line, size, width)).collect()
    }

    fn wrap_line(&self, text: &str, size: Pt, width: Mm) -> Vec<String> {
        let mut lines = Vec::new();
        let (mut start, mut units, mut space) = (0_usize, 0_i64, None);
        let placed = self.place(text);
        for glyph in &placed {
            let letter = text.get(glyph.range.clone()).unwrap_or_default();
            let next = units.saturating_add(i64::from(glyph.advance));
            let over = self.length(next, size) > width && glyph.range.start > start;
            if over && !NOT_FIRST.contains(letter) && letter != " " {
                let breaks = space.filter(|_| letter.is_ascii()).unwrap_or(glyph.range.start);
                lines.push(text.get(start..breaks).unwrap_or_default().trim_end().to_owned());
                start = breaks;
                space = None;
                let begun = placed.iter().filter(|earlier| {
                    earlier.range.start >= breaks && earlier.range.start <= glyph.range.start
                });
                units = begun.map(|earlier| i64::from(earlier.advance)).sum();
                continue;
            }
            if letter == " " || !letter.is_ascii() {
                space = Some(glyph.range.end);
            }
            units = next;
        }
        lines.push(text.get(start..).unwrap_or_default().to_owned());
        lines
    }
}

/// What does not begin a line (行頭禁則), as far as it stands in plain texts.
const NOT_FIRST: &str =
    "、。，．・：；？！）」』】〕］｝〉》ーぁぃぅぇぉっゃゅょァィゥェォッャュョ々,.)";

/// Whether a character chooses the form of the one before it.
const fn is_selector(letter: char) -> bool {
    matches!(letter, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}
