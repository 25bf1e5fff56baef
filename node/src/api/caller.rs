//! Who calls: a holder, an officer; by cookie or bearer.

use axum::{
    extract::FromRequestParts,
    http::{Method, request::Parts},
};
use jichi_protocol::{date::Time, id::AccountId};

use super::problem::{Problem, edge::EdgeProblem};
use crate::{clock, session::Carried, staff::sign_in::SignedIn, town::Town};

/// A holder who signed in.
#[derive(Debug, Clone, Copy)]
pub struct Resident(pub AccountId);

impl FromRequestParts<Town> for Resident {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, town: &Town) -> Result<Self, Problem> {
        let carried = carried(parts)?;
        let found = town.residents().find(carried.token(), clock::monotonic());
        found.map(Self).ok_or_else(|| EdgeProblem::Unauthenticated.into())
    }
}

/// An officer who signed in, with the roles of the day.
#[derive(Debug, Clone)]
pub struct Officer(pub SignedIn);

impl FromRequestParts<Town> for Officer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, town: &Town) -> Result<Self, Problem> {
        let carried = carried(parts)?;
        let today = today();
        town.staff().find(carried.token(), clock::monotonic(), today).map(Self)
    }
}

/// The token of a request. With a cookie, what changes something carries the form token in a
/// header, which no other site can set.
fn carried(parts: &Parts) -> Result<Carried, Problem> {
    let carried = Carried::by(&parts.headers).ok_or(EdgeProblem::Unauthenticated)?;
    let form_token = parts.headers.get("x-form-token").and_then(|value| value.to_str().ok());
    let reads = parts.method == Method::GET || parts.method == Method::HEAD;
    if reads || carried.may_change(form_token) {
        Ok(carried)
    } else {
        Err(EdgeProblem::FormTokenInvalid.into())
    }
}

/// The business date by the wall clock, for roles.
#[must_use]
pub fn today() -> jichi_protocol::date::BusinessDate {
    let now: Time = clock::now();
    now.date()
}
