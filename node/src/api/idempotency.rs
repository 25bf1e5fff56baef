//! The Idempotency-Key of a command: the operation's key, a UUIDv7 that the caller made.

use std::{fmt, str::FromStr};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, request::Parts},
};
use jichi_protocol::{date::Time, digest};

use super::problem::{Problem, edge::EdgeProblem};

/// The header's name.
pub const HEADER: &str = "idempotency-key";

/// The key of one operation: the same key and content, the same answer for ever.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdempotencyKey([u8; 16]);

/// Text that is no UUIDv7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a UUID of version 7")]
pub struct NotAKey;

impl IdempotencyKey {
    /// A key made at that time from 10 random bytes (RFC 9562 section 5.7).
    #[must_use]
    pub fn from_random(at: Time, random: [u8; 10]) -> Self {
        let [_, _, t0, t1, t2, t3, t4, t5] = at.0.to_be_bytes();
        let [r0, r1, r2, r3, r4, r5, r6, r7, r8, r9] = random;
        let (version, variant) = (0x70 | (r0 & 0x0f), 0x80 | (r2 & 0x3f));
        Self([t0, t1, t2, t3, t4, t5, version, r1, variant, r3, r4, r5, r6, r7, r8, r9])
    }

    /// The 16 bytes.
    #[must_use]
    pub const fn bytes(&self) -> [u8; 16] {
        self.0
    }

    /// When the caller says that it made the key.
    #[must_use]
    pub const fn made_at(&self) -> Time {
        let [t0, t1, t2, t3, t4, t5, ..] = self.0;
        Time(u64::from_be_bytes([0, 0, t0, t1, t2, t3, t4, t5]))
    }

    /// The key in these headers; none if there is no such header.
    ///
    /// # Errors
    /// `idempotency_key_invalid`, also for two headers.
    pub fn in_headers(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let mut values = headers.get_all(HEADER).iter();
        let Some(value) = values.next() else { return Ok(None) };
        let text = value.to_str().unwrap_or_default();
        // The draft makes it a quoted string; most callers send the bare UUID.
        let bare = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text);
        match (bare.parse(), values.next()) {
            (Ok(key), None) => Ok(Some(key)),
            (Ok(_) | Err(NotAKey), _) => Err(EdgeProblem::IdempotencyKeyInvalid.into()),
        }
    }
}

impl FromStr for IdempotencyKey {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let mut groups = text.split('-');
        for length in [8, 4, 4, 4, 12] {
            if groups.next().map(str::len) != Some(length) {
                return Err(NotAKey);
            }
        }
        if groups.next().is_some() {
            return Err(NotAKey);
        }
        let hex = text.replace('-', "").to_ascii_lowercase();
        let bytes: [u8; 16] = digest::from_hex(&hex).map_err(|_| NotAKey)?;
        let [_, _, _, _, _, _, version, _, variant, ..] = bytes;
        if version >> 4 == 7 && variant >> 6 == 0b10 { Ok(Self(bytes)) } else { Err(NotAKey) }
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, byte) in self.0.iter().enumerate() {
            if matches!(place, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::in_headers(&parts.headers)?.ok_or_else(|| EdgeProblem::IdempotencyKeyMissing.into())
    }
}

#[cfg(test)]
mod tests;
