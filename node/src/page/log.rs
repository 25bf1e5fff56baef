//! The page of the log: its head, its key, how to check it, and the town's books.

use axum::{Extension, http::StatusCode, response::Response};
use jichi_protocol::log::checkpoint::SignedCheckpoint;

use super::{
    books::{Books, Kept},
    html,
    visit::{Frame, Place, Visit},
    words::Day,
};
use crate::api::{answer::NoEntry, problem::edge::EdgeProblem};

#[derive(askama::Template)]
#[template(path = "log.html")]
struct LogPage {
    frame: Frame,
    checkpoint: String,
    size: u64,
    root: String,
    key: String,
    date: Day,
    books: Books,
}

/// The log's page.
pub(super) async fn log(visit: Visit, Extension(kept): Extension<Kept>) -> Response {
    let page = page(&visit, &kept).await;
    visit.answer(page)
}

async fn page(visit: &Visit, kept: &Kept) -> Result<Response, NoEntry> {
    let books = kept.of(&visit.town).await?;
    let engine = visit.town.engine();
    let checkpoint = engine.checkpoint();
    let signed =
        SignedCheckpoint::parse(checkpoint.as_bytes()).map_err(|_| EdgeProblem::Internal)?;
    let claimed = signed.claimed();
    let page = LogPage {
        frame: visit.frame(Place::Log),
        size: claimed.size.0,
        root: claimed.root.to_string(),
        checkpoint: checkpoint.to_string(),
        key: engine.log_key().to_string(),
        date: Day::of(books.day),
        books,
    };
    Ok(html(StatusCode::OK, &page))
}
