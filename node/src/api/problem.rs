//! Problems as RFC 9457 tells them: a stable code, two languages, and what to do next.

pub mod edge;
pub mod library;
pub mod list;

use std::{borrow::Cow, time::Duration};

use axum::{
    Router,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use edge::EdgeProblem;

/// One line of the catalogue of problems (docs/errors.md is made from these).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CatalogueLine {
    /// The stable code, `[a-z0-9_]`: never renamed, never used again for something else.
    pub code: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong, in Japanese.
    pub ja: &'static str,
    /// What is wrong, in English.
    pub en: &'static str,
    /// What the person at the screen does next, in Japanese.
    pub next_ja: &'static str,
    /// What the person at the screen does next, in English.
    pub next_en: &'static str,
}

/// The media type of every problem.
pub const MEDIA_TYPE: &str = "application/problem+json; charset=utf-8";

/// An answer that says what is wrong. It never repeats what the caller sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem(Box<Occurrence>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Occurrence {
    line: CatalogueLine,
    detail: Cow<'static, str>,
    detail_en: Cow<'static, str>,
    retry_after: Option<Duration>,
}

impl Problem {
    /// The problem of a line, with the line's own words as detail.
    #[must_use]
    pub fn new(line: CatalogueLine) -> Self {
        let (detail, detail_en) = (Cow::Borrowed(line.ja), Cow::Borrowed(line.en));
        Self(Box::new(Occurrence { line, detail, detail_en, retry_after: None }))
    }

    /// With words for this occurrence. They must hold nothing that the caller sent.
    #[must_use]
    pub fn with_detail(
        mut self,
        ja: impl Into<Cow<'static, str>>,
        en: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.0.detail = ja.into();
        self.0.detail_en = en.into();
        self
    }

    /// With the name of the field, which is ours and not the caller's.
    #[must_use]
    pub fn in_field(self, field: &'static str) -> Self {
        let ja = format!("{}(項目: {field})", self.0.line.ja);
        let en = format!("{} (field: {field})", self.0.line.en);
        self.with_detail(ja, en)
    }

    /// With a time after which asking again makes sense; rounded up to whole seconds.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.0.line.code
    }

    /// After how many seconds asking again makes sense, if it says so.
    #[must_use]
    pub fn seconds(&self) -> Option<u64> {
        self.0.retry_after.map(|wait| wait.as_secs().saturating_add(1))
    }

    /// Its line of the catalogue.
    #[must_use]
    pub fn line(&self) -> CatalogueLine {
        self.0.line
    }

    /// The HTTP status; 500 if the line has none that exists.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.line.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The JSON text of the answer.
    #[must_use]
    pub fn json(&self) -> String {
        let Occurrence { line, detail, detail_en, retry_after: _ } = &*self.0;
        let body = ProblemBody {
            kind: format!("urn:jichi:problem:{}", line.code),
            title: line.ja,
            status: line.status,
            detail,
            detail_en,
            code: line.code,
            next_act: line.next_ja,
            next_act_en: line.next_en,
        };
        serde_json::to_string(&body).unwrap_or_default()
    }
}

/// The members on the wire.
#[derive(Serialize)]
struct ProblemBody<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    detail_en: &'a str,
    code: &'a str,
    next_act: &'a str,
    next_act_en: &'a str,
}

impl From<EdgeProblem> for Problem {
    fn from(problem: EdgeProblem) -> Self {
        Self::new(problem.line())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status(), self.json()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status() == StatusCode::UNAUTHORIZED {
            // RFC 9110 section 15.5.2 asks for a challenge with every 401.
            let challenge = HeaderValue::from_static("Bearer realm=\"jichi\"");
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(wait) = self.0.retry_after {
            let part = u64::from(wait.subsec_nanos() > 0);
            let seconds = wait.as_secs().saturating_add(part).max(1);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl IntoResponse for EdgeProblem {
    fn into_response(self) -> Response {
        Problem::from(self).into_response()
    }
}

/// Answers unknown paths and methods with problems. To be called when every route is in.
pub fn with_fallbacks<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router
        .method_not_allowed_fallback(|| async { EdgeProblem::MethodNotAllowed })
        .fallback(|| async { EdgeProblem::NotFound })
}

#[cfg(test)]
mod tests;
