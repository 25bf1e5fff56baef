//! What went wrong, as a page that says what to do next.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};

use super::{
    html,
    visit::{Frame, Place, Visit},
};
use crate::api::{
    answer::NoEntry,
    problem::{CatalogueLine, Problem},
};

/// A problem in the words of a page.
pub(super) struct Told {
    pub(super) line: CatalogueLine,
    /// Seconds after which asking again makes sense.
    pub(super) wait_s: Option<HeaderValue>,
}

#[derive(askama::Template)]
#[template(path = "fault.html")]
struct FaultPage {
    frame: Frame,
    line: CatalogueLine,
    wait_s: Option<String>,
}

#[derive(askama::Template)]
#[template(path = "unknown.html")]
struct UnknownPage {
    frame: Frame,
}

/// The page for a result that is not there.
pub(super) fn of(visit: &Visit, no_entry: NoEntry) -> Response {
    match no_entry {
        NoEntry::Problem(problem) => page(visit, &problem),
        NoEntry::Unknown(_) => {
            html(StatusCode::ACCEPTED, &UnknownPage { frame: visit.frame(Place::Me) })
        }
    }
}

/// The page of a problem, with its status.
pub(super) fn page(visit: &Visit, problem: &Problem) -> Response {
    let told = Told::of(problem);
    let frame = visit.frame(Place::Front);
    let response =
        html(problem.status(), &FaultPage { frame, line: told.line, wait_s: told.seconds() });
    told.with_wait(response)
}

impl Told {
    /// The words of a problem.
    pub(super) fn of(problem: &Problem) -> Self {
        let line = problem.line();
        let answered = problem.clone().into_response();
        let wait_s = answered.headers().get(header::RETRY_AFTER).cloned();
        Self { line: for_readers(line), wait_s }
    }

    /// The seconds to wait, as text.
    pub(super) fn seconds(&self) -> Option<String> {
        self.wait_s.as_ref().and_then(|wait| wait.to_str().ok()).map(str::to_owned)
    }

    /// With the time after which asking again makes sense.
    pub(super) fn with_wait(self, mut response: Response) -> Response {
        if let Some(wait) = self.wait_s {
            response.headers_mut().insert(header::RETRY_AFTER, wait);
        }
        response
    }
}

/// The catalogue speaks to whoever writes a program; where that says nothing to the reader of a
/// page, the page says what to do there.
fn for_readers(line: CatalogueLine) -> CatalogueLine {
    let (next_ja, next_en) = match line.code {
        "sign_in_failed" => (
            "マイキーIDとパスワードを確かめて、もう一度入力してください。",
            "Check MyKey ID and password and enter them again.",
        ),
        "method_not_allowed" | "invalid_value" => (
            "最初のページに戻って、もう一度操作してください。",
            "Go back to the first page and repeat the step.",
        ),
        "internal" => (
            "少し待って、もう一度開いてください。続くときは役所に連絡してください。",
            "Wait a little and open the page again; tell the town office if it goes on.",
        ),
        "overloaded" => {
            ("少し待って、もう一度操作してください。", "Wait a little and repeat the step.")
        }
        _ => (line.next_ja, line.next_en),
    };
    CatalogueLine { next_ja, next_en, ..line }
}
