//! Names in the characters that banks take: half-width kana of JIS X 0201, capital letters, digits
//! and a few signs.

use std::collections::BTreeSet;

/// A text in the banks' characters, one byte each.
///
/// Invariant: digits, A to Z, ｱ to ﾝ and ｦ, ﾞ, ﾟ, space and `( ) . - /` only.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ZenginText(Vec<u8>);

/// What a text has that the banks' characters cannot say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotZengin {
    /// Characters that have no form there, each once.
    #[error("these characters cannot be written in a bank's file: {}", .0.iter().collect::<String>())]
    Characters(BTreeSet<char>),
    /// Too long: a voiced kana counts as two.
    #[error("{length} of at most {max} bytes")]
    TooLong {
        /// Its bytes.
        length: usize,
        /// The field's bytes.
        max: usize,
    },
    /// Nothing but spaces.
    #[error("a name is needed")]
    Blank,
}

/// The full-width kana that have a half-width form of one byte, in the order of the bytes from
/// 0xB1 (ｱ) to 0xDD (ﾝ).
const KANA: &str =
    "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワン";
/// Voiced ones, and what they are voiced of.
const VOICED: (&str, &str) =
    ("ガギグゲゴザジズゼゾダヂヅデドバビブベボヴ", "カキクケコサシスセソタチツテトハヒフヘホウ");
/// Those with a small circle, and what they are made of.
const CIRCLED: (&str, &str) = ("パピプペポ", "ハヒフヘホ");
/// Small ones, which banks write large, and those without a half-width form (facts-domain 6.2).
const PLAIN: (&str, &str) = ("ァィゥェォッャュョヮヰヱヵヶ", "アイウエオツヤユヨワイエカケ");
const DAKUTEN: u8 = 0xDE;
const HANDAKUTEN: u8 = 0xDF;
const WO: u8 = 0xA6;

fn paired((from, to): (&str, &str), wanted: char) -> Option<char> {
    from.chars().zip(to.chars()).find(|(known, _)| *known == wanted).map(|(_, base)| base)
}

fn kana(wanted: char) -> Option<u8> {
    let at = KANA.chars().position(|known| known == wanted)?;
    u8::try_from(at).ok()?.checked_add(0xB1)
}

/// Hiragana as the katakana of the same sound.
fn katakana(char: char) -> char {
    match char {
        'ぁ'..='ゖ' => char::from_u32(u32::from(char).saturating_add(0x60)).unwrap_or(char),
        other => other,
    }
}

/// Half-width letters, digits, signs and kana of full-width ones.
fn narrow(char: char) -> char {
    match char {
        '！'..='～' => char::from_u32(u32::from(char).saturating_sub(0xFEE0)).unwrap_or(char),
        '\u{3000}' => ' ',
        'ー' | '−' | '‐' | '―' | '–' | 'ｰ' => '-',
        '・' | '･' => '.',
        other => other,
    }
}

/// The bytes of one character; none if it has none.
fn bytes_of(char: char) -> Option<Vec<u8>> {
    let char = katakana(narrow(char));
    if let Some(base) = paired(VOICED, char) {
        return Some(vec![kana(base)?, DAKUTEN]);
    }
    if let Some(base) = paired(CIRCLED, char) {
        return Some(vec![kana(base)?, HANDAKUTEN]);
    }
    let char = paired(PLAIN, char).unwrap_or(char);
    if let Some(byte) = kana(char) {
        return Some(vec![byte]);
    }
    match char {
        'ヲ' | 'ｦ' => Some(vec![WO]),
        // Half-width ones have the byte that their place in Unicode says; small ones are large.
        'ｧ'..='ｫ' => narrow_kana(char, 0xFF67, 0xB1),
        'ｬ'..='ｮ' => narrow_kana(char, 0xFF6C, 0xD4),
        'ｯ' => Some(vec![0xC2]),
        'ｱ'..='ﾟ' => narrow_kana(char, 0xFF71, 0xB1),
        '\u{3099}' | '゛' => Some(vec![DAKUTEN]),
        '\u{309A}' | '゜' => Some(vec![HANDAKUTEN]),
        '0'..='9' | 'A'..='Z' | ' ' | '(' | ')' | '.' | '-' | '/' => {
            u8::try_from(u32::from(char)).ok().map(|byte| vec![byte])
        }
        'a'..='z' => u8::try_from(u32::from(char.to_ascii_uppercase())).ok().map(|b| vec![b]),
        _ => None,
    }
}

fn narrow_kana(char: char, first: u32, byte: u32) -> Option<Vec<u8>> {
    let byte = u32::from(char).checked_sub(first)?.checked_add(byte)?;
    u8::try_from(byte).ok().map(|byte| vec![byte])
}

impl ZenginText {
    /// Nothing.
    pub const EMPTY: Self = Self(Vec::new());

    /// A text in the banks' characters: full-width and hiragana become half-width katakana, small
    /// letters capital ones, a voiced kana two bytes.
    ///
    /// # Errors
    /// [`NotZengin`]: every character that has no form, or the length.
    pub fn new(text: &str, max: usize) -> Result<Self, NotZengin> {
        let mut bytes = Vec::new();
        let mut unknown = BTreeSet::new();
        for char in text.trim().chars() {
            match bytes_of(char) {
                Some(more) => bytes.extend(more),
                None => {
                    unknown.insert(char);
                }
            }
        }
        if !unknown.is_empty() {
            return Err(NotZengin::Characters(unknown));
        }
        if bytes.len() > max {
            return Err(NotZengin::TooLong { length: bytes.len(), max });
        }
        Ok(Self(bytes))
    }

    /// As [`ZenginText::new`], and not blank.
    ///
    /// # Errors
    /// [`NotZengin`].
    pub fn name(text: &str, max: usize) -> Result<Self, NotZengin> {
        let name = Self::new(text, max)?;
        if name.0.is_empty() { Err(NotZengin::Blank) } else { Ok(name) }
    }

    /// The bytes in JIS X 0201.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text as a screen shows it, in half-width characters.
    #[must_use]
    pub fn shown(&self) -> String {
        let char = |byte: &u8| match byte {
            0xA1..=0xDF => char::from_u32(u32::from(*byte).saturating_add(0xFEC0)),
            plain => Some(char::from(*plain)),
        };
        self.0.iter().filter_map(char).collect()
    }
}
