//! The Idempotency-Key of a command: the client's key, a UUIDv7 that the caller made.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, request::Parts},
};
use jichi_protocol::key::ClientKey;

use super::problem::{Problem, edge::EdgeProblem};

/// The header's name.
pub const HEADER: &str = "idempotency-key";

/// The key of a command, from its one Idempotency-Key header: the same key and content, the same
/// answer for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdempotencyKey(pub ClientKey);

impl IdempotencyKey {
    /// The key in these headers; none if there is no such header.
    ///
    /// # Errors
    /// `idempotency_key_invalid`, also for two headers.
    pub fn in_headers(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let mut values = headers.get_all(HEADER).iter();
        let Some(value) = values.next() else { return Ok(None) };
        let text = value.to_str().unwrap_or_default();
        // The draft makes it a quoted string; most callers send the bare UUID. RFC 9562 section 4
        // takes capital digits as well.
        let bare = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text);
        match (bare.to_ascii_lowercase().parse(), values.next()) {
            (Ok(key), None) => Ok(Some(Self(key))),
            (Ok(_) | Err(_), _) => Err(EdgeProblem::IdempotencyKeyInvalid.into()),
        }
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
