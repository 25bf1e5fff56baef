//! Text that people type: look-alikes made plain, free text that holds no My Number, MyKey IDs.

pub mod company_code;
mod my_number;
pub mod day;
pub mod mykey;

use alloc::string::{String, ToString as _};
use core::{fmt, str::FromStr};

use crate::points::Points;

/// What was typed for a code or an amount, in ASCII: full-width letters, digits and signs become
/// half-width, look-alike hyphens become `-`, blanks at both ends go. Never for names, which are
/// stored as given (money-rules, Text and dates).
#[must_use]
pub fn code_input(typed: &str) -> String {
    typed.trim().chars().map(plain).collect()
}

/// A number as people read it: `1,234,567`.
#[must_use]
pub fn grouped(number: impl Into<u128>) -> String {
    let digits = number.into().to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && digits.len().saturating_sub(at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Text that is no amount of points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an amount; write a whole number such as 1000")]
pub struct NotAnAmount;

/// An amount as people type it: `1000`, `１０００`, `1,000`. No sign, no fraction, no exponent.
///
/// # Errors
/// [`NotAnAmount`], also above [`Points::MAX`] and for commas that do not part thousands.
pub fn amount_input(typed: &str) -> Result<Points, NotAnAmount> {
    let plain = code_input(typed);
    let mut groups = plain.split(',');
    let first = groups.next().unwrap_or_default();
    let parted = plain.contains(',');
    if first.is_empty() || (parted && first.len() > 3) {
        return Err(NotAnAmount);
    }
    let mut digits = String::from(first);
    for group in groups {
        if group.len() != 3 {
            return Err(NotAnAmount);
        }
        digits.push_str(group);
    }
    // `u64::from_str` takes a plus sign, which nobody means.
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(NotAnAmount);
    }
    digits.parse().ok().and_then(Points::new).ok_or(NotAnAmount)
}

/// Free text that was refused. It never carries the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextRefused {
    /// Nothing but blanks.
    #[error("the text is empty; leave the field out instead")]
    Blank,
    /// More characters than the field holds.
    #[error("the text is too long; shorten it")]
    TooLong,
    /// A control character, a line break, or an invisible or direction-turning one.
    #[error("the text has a control or invisible character; type it again as one line")]
    Control,
    /// A 12-digit number whose check digit is that of a My Number (people.md, The 12-digit rule).
    #[error("a 12-digit number cannot be entered; My Number is not used here")]
    MyNumber,
}

/// Free text of one line: a name, a note, a column of a CSV file. Stored as given.
///
/// Invariant: 1 to [`FreeText::CHARS_MAX`] characters, not all blank, no control characters, no
/// number that could be a My Number.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FreeText(String);

impl FreeText {
    /// The most characters that any field holds.
    pub const CHARS_MAX: usize = 500;

    /// Text for a field that holds so many characters, [`FreeText::CHARS_MAX`] at the most.
    ///
    /// # Errors
    /// [`TextRefused`], checked in the order of its variants.
    pub fn within(text: &str, chars_max: usize) -> Result<Self, TextRefused> {
        if text.trim().is_empty() {
            return Err(TextRefused::Blank);
        }
        if text.chars().nth(chars_max.min(Self::CHARS_MAX)).is_some() {
            return Err(TextRefused::TooLong);
        }
        if text.chars().any(is_control_or_invisible) {
            return Err(TextRefused::Control);
        }
        if my_number::is_in(text) {
            return Err(TextRefused::MyNumber);
        }
        Ok(Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for FreeText {
    type Err = TextRefused;

    fn from_str(text: &str) -> Result<Self, TextRefused> {
        Self::within(text, Self::CHARS_MAX)
    }
}

/// Without the text, which may be a name.
impl fmt::Debug for FreeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FreeText({} bytes)", self.0.len())
    }
}

crate::codec::cbor_text!(FreeText);

/// One character of a code in its ASCII form, if it has one.
const fn plain(c: char) -> char {
    match c {
        '\u{3000}' | '\u{a0}' => ' ',
        _ if is_hyphen(c) => '-',
        '\u{ff01}'..='\u{ff5e}' => match char::from_u32((c as u32).wrapping_sub(0xfee0)) {
            Some(ascii) => ascii,
            None => c,
        },
        _ => c,
    }
}

/// The hyphen, and what keyboards and word processors write for it (facts-domain 6.2).
const fn is_hyphen(c: char) -> bool {
    matches!(
        c,
        '-' | '\u{2010}'
            ..='\u{2015}'
                | '\u{2212}'
                | '\u{30fc}'
                | '\u{fe58}'
                | '\u{fe63}'
                | '\u{ff0d}'
                | '\u{ff70}'
    )
}

/// Characters that have no place in one visible line. Variation selectors and joiners stay: names
/// need them.
fn is_control_or_invisible(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{2069}' | '\u{feff}'
        )
}

#[cfg(test)]
mod tests;
