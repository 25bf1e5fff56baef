//! JSON bodies, read strictly: what is not exactly right is a problem, and no problem repeats it.

mod tree;

use std::{fmt, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, Request},
    http::{HeaderMap, header},
};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use jichi_protocol::{
    date::BusinessDate,
    points::Points,
    text::{FreeText, TextRefused, day::date_input},
};
use secrecy::SecretString;
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};

use super::problem::{Problem, edge::EdgeProblem};

/// The largest JSON body, in bytes.
pub const JSON_BYTES_MAX: usize = 64 * 1024;

/// The longest time in which a body arrives.
pub const BODY_TIME_MAX: Duration = Duration::from_secs(10);

/// A JSON body as a `T`, which should derive `Deserialize` with `deny_unknown_fields`.
///
/// Refused besides what `T` refuses: another content type, over 64 KiB, a name twice in one
/// object, anything behind the value, and every number that is not a whole one of 0 to 2^53 - 1 in
/// plain digits. A type in `T` names another problem by `Error::custom(code)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StrictJson<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for StrictJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        check_content_type(&parts.headers)?;
        parse(&read(body, JSON_BYTES_MAX).await?).map(Self)
    }
}

/// A body with the headers it came under, read before it is known to be JSON.
#[derive(Debug, Clone)]
pub struct Whole {
    /// The headers.
    pub headers: HeaderMap,
    /// The bytes, as they were sent.
    pub bytes: Bytes,
}

/// Takes `application/json`, also with `charset=utf-8`, and nothing else.
///
/// # Errors
/// `wrong_content_type`.
pub fn check_content_type(headers: &HeaderMap) -> Result<(), Problem> {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(EdgeProblem::WrongContentType.into());
    };
    let kind = value.to_str().unwrap_or_default().to_ascii_lowercase();
    let (essence, parameter) = kind.split_once(';').unwrap_or((&kind, "charset=utf-8"));
    let utf8 = matches!(parameter.trim(), "charset=utf-8" | "charset=\"utf-8\"");
    if essence.trim() == "application/json" && utf8 {
        Ok(())
    } else {
        Err(EdgeProblem::WrongContentType.into())
    }
}

/// Reads a whole body.
///
/// # Errors
/// `body_too_large`, `body_too_slow`, `malformed_json` when the connection breaks.
pub async fn read(body: Body, bytes_max: usize) -> Result<Bytes, Problem> {
    let collected = Limited::new(body, bytes_max).collect();
    match tokio::time::timeout(BODY_TIME_MAX, collected).await {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if is_length_limit(error.as_ref()) => Err(EdgeProblem::BodyTooLarge.into()),
        Ok(Err(_)) => Err(EdgeProblem::MalformedJson.into()),
        Err(_) => Err(EdgeProblem::BodyTooSlow.into()),
    }
}

/// The limit is ours or one of a listener, which wraps it.
fn is_length_limit(error: &(dyn std::error::Error + 'static)) -> bool {
    error.is::<LengthLimitError>() || error.source().is_some_and(is_length_limit)
}

/// Reads a `T` from the bytes of a body, as [`StrictJson`] does.
///
/// # Errors
/// A problem of status 400.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let tree: tree::Tree = serde_json::from_slice(bytes).map_err(|_| EdgeProblem::MalformedJson)?;
    tree.check()?;
    T::deserialize(tree).map_err(|fault| fault.0)
}

/// An amount on the wire: `{"points": 120}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PointsBody {
    /// A whole number of points, 0 to 2^53 - 1.
    pub points: u64,
}

impl From<Points> for PointsBody {
    fn from(points: Points) -> Self {
        Self { points: points.get() }
    }
}

impl PointsBody {
    /// The points. A body that was read always has them; one that code made may be too large.
    ///
    /// # Errors
    /// `number_out_of_range`.
    pub fn points(self) -> Result<Points, Problem> {
        Points::new(self.points).ok_or_else(|| EdgeProblem::NumberOutOfRange.into())
    }
}

impl<'de> Deserialize<'de> for PointsBody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Wire {
            points: u64,
        }
        let Wire { points } = Wire::deserialize(deserializer)?;
        let fits = Points::new(points).is_some();
        fits.then_some(Self { points }).ok_or_else(|| refusal(EdgeProblem::NumberOutOfRange))
    }
}

/// Free text on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextBody(pub FreeText);

impl<'de> Deserialize<'de> for TextBody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(|refused| refusal(EdgeProblem::from(refused)))
    }
}

impl From<TextRefused> for EdgeProblem {
    fn from(refused: TextRefused) -> Self {
        match refused {
            TextRefused::Blank | TextRefused::TooLong | TextRefused::Control => Self::TextRefused,
            TextRefused::MyNumber => Self::MyNumberRefused,
        }
    }
}

/// A password on the wire. It is shown nowhere and wiped when dropped.
#[derive(Debug, Clone)]
pub struct PasswordBody(pub SecretString);

impl<'de> Deserialize<'de> for PasswordBody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(SecretString::from(String::deserialize(deserializer)?)))
    }
}

/// Names a problem from within a `Deserialize`.
pub fn refusal<E: serde::de::Error>(problem: EdgeProblem) -> E {
    E::custom(problem.line().code)
}

/// What a `Deserialize` found wrong.
struct Fault(Problem);

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.code())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.code())
    }
}

impl std::error::Error for Fault {}

impl serde::de::Error for Fault {
    /// The code of a problem, or something that a foreign type said, which is not repeated.
    fn custom<T: fmt::Display>(message: T) -> Self {
        let problem = EdgeProblem::from_code(&message.to_string());
        Self(problem.unwrap_or(EdgeProblem::InvalidValue).into())
    }

    fn unknown_field(_: &str, _: &'static [&'static str]) -> Self {
        Self(EdgeProblem::UnknownField.into())
    }

    fn missing_field(field: &'static str) -> Self {
        Self(Problem::from(EdgeProblem::MissingField).in_field(field))
    }

    fn duplicate_field(_: &'static str) -> Self {
        Self(EdgeProblem::DuplicateKey.into())
    }
}

/// A day as people type it, western or by era.
///
/// # Errors
/// The problem that names the field.
pub fn date(typed: &str, field: &'static str) -> Result<BusinessDate, Problem> {
    date_input(typed).map_err(|_| super::resident::invalid(field))
}

#[cfg(test)]
mod tests;
