//! The town's pages: rendered here, read without scripts, Japanese first.
//!
//! Every page works with text at 200 % and with the keyboard alone; nothing is told by colour alone.

mod books;
mod fault;
mod front;
mod library;
mod log;
mod mine;
mod old;
mod order;
mod towns;
mod visit;
pub mod words;

use axum::{
    Extension, Router,
    extract::DefaultBodyLimit,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::map_response,
    response::{IntoResponse, Response},
    routing::{get, post},
};

use crate::{
    api::problem::{Problem, edge::EdgeProblem},
    town::Town,
};
use visit::Visit;

/// Bytes of a form at most: the longest has a MyKey ID and a password.
const FORM_BYTES_MAX: usize = 8 * 1024;
/// Our own style only, our own forms only, in nobody's frame, and no script at all.
const CONTENT_POLICY: &str = "default-src 'none'; style-src 'self'; form-action 'self'; \
                              frame-ancestors 'none'; base-uri 'none'";
const STYLE: &str = include_str!("../templates/page.css");

/// The pages of a town, on the public listener.
pub fn routes() -> Router<Town> {
    Router::new()
        .route("/", get(front::town))
        .route("/sign-in", post(front::sign_in))
        .route("/sign-out", post(front::sign_out))
        .route("/text-size", get(visit::set_text_size))
        .route("/me", get(mine::account))
        .route("/me/picks", post(mine::pick))
        .route("/me/library-cards", post(library::link))
        .route("/me/library-cards/end", post(library::end))
        .route("/me/receipts/{entry}", get(mine::receipt))
        .route("/me/old-history", get(old::history))
        .route("/link", get(order::link).post(order::linked))
        .route("/orders/{id}", get(order::order).post(order::ordered))
        .route("/log", get(log::log))
        .route("/towns", get(towns::towns))
        .route("/towns/{town}", get(towns::town))
        .route("/page.css", get(style))
        .layer(Extension(books::Kept::default()))
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .layer(map_response(secured))
}

/// Answers unknown paths and methods: with a page for whoever wants one, else with a problem.
/// In place of `api::problem::with_fallbacks`, when every route of the listener is in.
pub fn with_fallbacks(router: Router<Town>) -> Router<Town> {
    router
        .method_not_allowed_fallback(|visit: Visit, headers: HeaderMap| async move {
            fallback(&visit, &headers, EdgeProblem::MethodNotAllowed)
        })
        .fallback(|visit: Visit, headers: HeaderMap| async move {
            fallback(&visit, &headers, EdgeProblem::NotFound)
        })
}

fn fallback(visit: &Visit, headers: &HeaderMap, problem: EdgeProblem) -> Response {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    if accepted.into_iter().any(|types| types.contains("text/html")) {
        with_headers(fault::page(visit, &Problem::from(problem)))
    } else {
        problem.into_response()
    }
}

async fn style() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=300"),
    ];
    (headers, STYLE).into_response()
}

async fn secured(response: Response) -> Response {
    with_headers(response)
}

fn with_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let fixed = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // What a page shows of somebody must not be found in the cache of a shared computer.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// A page of a template.
fn html(status: StatusCode, template: &impl askama::Template) -> Response {
    match template.render() {
        Ok(text) => {
            (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            EdgeProblem::Internal.into_response()
        }
    }
}

/// The browser goes on with a GET, so that reloading sends no form again.
fn see_other(place: &str) -> Response {
    let place = HeaderValue::from_str(place).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response()
}

#[cfg(test)]
mod tests;
