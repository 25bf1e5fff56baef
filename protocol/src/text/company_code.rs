//! A company's one-time code: 16 letters and digits, which people type.

use alloc::string::String;
use core::{fmt, str::FromStr};

use super::code_input;

/// Text that is no code. It never carries the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a code has 16 letters and digits")]
pub struct NotACompanyCode;

/// A code as a company gives it to its customer: 16 of the 32 letters and digits that nobody takes
/// for another one, that is 80 random bits. Who has it can convert: it is shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct CompanyCode(String);

const CODE_CHARS: usize = 16;
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl CompanyCode {
    /// The 16 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A code from random bytes, every one as likely as every other.
    #[must_use]
    pub fn from_random(random: [u8; CODE_CHARS]) -> Self {
        let of = |byte: u8| ALPHABET.get(usize::from(byte & 31)).copied().unwrap_or(b'0');
        Self(random.into_iter().map(|byte| char::from(of(byte))).collect())
    }
}

impl FromStr for CompanyCode {
    type Err = NotACompanyCode;

    /// As people type it: full-width, small letters, hyphens and blanks between groups, and the
    /// look-alikes O for 0 and I or L for 1.
    fn from_str(typed: &str) -> Result<Self, NotACompanyCode> {
        let plain = code_input(typed).to_ascii_uppercase();
        let kept = plain.chars().filter(|c| !matches!(c, '-' | ' ' | '\u{3000}'));
        let code: String = kept
            .map(|c| match c {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            })
            .collect();
        let known = |b: u8| ALPHABET.contains(&b);
        if code.len() == CODE_CHARS && code.bytes().all(known) {
            Ok(Self(code))
        } else {
            Err(NotACompanyCode)
        }
    }
}

/// Without the characters: who has them can convert.
impl fmt::Debug for CompanyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CompanyCode(..)")
    }
}
