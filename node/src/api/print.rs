//! Answers that are a PDF.

use axum::{
    http::header,
    response::{IntoResponse, Response},
};

use super::{answer::NoEntry, problem::edge::EdgeProblem};
use crate::{
    print::{PrintError, PrintFont},
    town::Town,
};

/// Lays sheets out away from the async tasks, and answers with the PDF under a file name, which is
/// plain ASCII and ours.
///
/// # Errors
/// A problem; the operator finds what is wrong in the node's messages.
pub async fn pdf(
    town: &Town,
    name: &str,
    lay_out: impl FnOnce(&PrintFont) -> Result<Vec<u8>, PrintError> + Send + 'static,
) -> Result<Response, NoEntry> {
    let printer = town.printer().clone();
    let made = tokio::task::spawn_blocking(move || lay_out(printer.font()?)).await;
    let made = made.map_err(|_| EdgeProblem::Internal)?;
    let bytes = made.map_err(|error| {
        tracing::warn!(%error, "nothing was printed");
        match error {
            PrintError::FontUnreadable { .. } | PrintError::NotAFont { .. } => {
                EdgeProblem::PrintFontMissing
            }
            PrintError::TooLongForQr | PrintError::Pdf(_) => EdgeProblem::Internal,
        }
    })?;
    let headers = [
        (header::CONTENT_TYPE, "application/pdf".to_owned()),
        (header::CONTENT_DISPOSITION, format!("inline; filename=\"{name}\"")),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((headers, bytes).into_response())
}
