//! A holder's history in a former system: read only, and apart from the history here.

use axum::{http::StatusCode, response::Response};
use jichi_protocol::text::grouped;

use super::{
    html,
    visit::{Frame, Place, Visit},
    words::Day,
};
use crate::{
    api::{answer::NoEntry, problem::edge::EdgeProblem},
    person::OldLine,
};

struct OldRow {
    day: Day,
    what: String,
    points_in: Option<String>,
    points_out: Option<String>,
}

impl OldRow {
    fn of(line: OldLine) -> Self {
        let shown = |points: u64| (points > 0).then(|| grouped(points));
        Self {
            day: Day::of(line.date),
            points_in: shown(line.points_in),
            points_out: shown(line.points_out),
            what: line.what,
        }
    }
}

#[derive(askama::Template)]
#[template(path = "old.html")]
struct OldPage {
    frame: Frame,
    rows: Vec<OldRow>,
}

/// The page.
pub(super) async fn history(visit: Visit) -> Response {
    let page = page(&visit);
    visit.answer(page)
}

fn page(visit: &Visit) -> Result<Response, NoEntry> {
    let account = visit.holder()?.account;
    let lines = visit.town.people().old_lines(account).map_err(|_| EdgeProblem::Internal)?;
    let rows = lines.into_iter().rev().map(OldRow::of).collect();
    Ok(html(StatusCode::OK, &OldPage { frame: visit.frame(Place::Me), rows }))
}
