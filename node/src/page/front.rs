//! The town's first page: what this is, sign-in, and where points can be used.

use std::net::SocketAddr;

use axum::{
    Form,
    extract::{ConnectInfo, rejection::FormRejection},
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use jichi_protocol::command::InUse;
use serde::Deserialize;

use super::{
    fault::Told,
    html, see_other,
    visit::{Frame, Place, Visit},
    words::Day,
};
use crate::{
    api::{
        answer::{self, NoEntry},
        body::PasswordBody,
        problem::{CatalogueLine, Problem, edge::EdgeProblem},
        resident,
    },
    clock,
    session::{Token, ending_cookie},
};

struct Shop {
    number: u32,
    name: String,
}

#[derive(askama::Template)]
#[template(path = "front.html")]
struct FrontPage {
    frame: Frame,
    code: String,
    date: Day,
    shops: Vec<Shop>,
    failed: Option<Failed>,
}

/// Why the last sign-in failed.
struct Failed {
    line: CatalogueLine,
    wait_s: Option<String>,
}

/// The town's page.
pub(super) async fn town(visit: Visit) -> Response {
    let page = front(&visit, None).await;
    visit.answer(page.map(|page| html(StatusCode::OK, &page)))
}

async fn front(visit: &Visit, failed: Option<Failed>) -> Result<FrontPage, NoEntry> {
    let asked = answer::read(visit.town.engine(), |ledger| {
        let active = ledger.merchants().filter(|shop| shop.state == InUse::Active);
        let shops =
            active.map(|shop| Shop { number: shop.merchant.0, name: shop.name.to_string() });
        (Day::of(ledger.day()), shops.collect())
    });
    let (date, shops) = asked.await?;
    let frame = visit.frame(Place::Front);
    Ok(FrontPage { frame, code: visit.town.id().to_string(), date, shops, failed })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignInForm {
    mykey_id: String,
    password: PasswordBody,
}

/// Signs a holder in. What was wrong stands in the form, without what was typed.
pub(super) async fn sign_in(
    visit: Visit,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    form: Result<Form<SignInForm>, FormRejection>,
) -> Response {
    match open_session(&visit, address, form).await {
        Ok(response) => response,
        Err(problem) => {
            let told = Told::of(&problem);
            let failed = Failed { line: told.line, wait_s: told.seconds() };
            let page = front(&visit, Some(failed)).await;
            let page = page.map(|page| html(problem.status(), &page));
            told.with_wait(visit.answer(page))
        }
    }
}

async fn open_session(
    visit: &Visit,
    address: SocketAddr,
    form: Result<Form<SignInForm>, FormRejection>,
) -> Result<Response, Problem> {
    visit.came_from_here()?;
    let Form(form) = form.map_err(|_| EdgeProblem::InvalidValue)?;
    let SignInForm { mykey_id, password: PasswordBody(password) } = form;
    let account = resident::sign_in(&visit.town, &mykey_id, password, address.ip()).await?;
    let token = Token::random().map_err(|_| EdgeProblem::Internal)?;
    visit.town.residents().open(account, &token, clock::monotonic());
    let cookie = token.cookie(visit.town.cookies());
    Ok(([(header::SET_COOKIE, cookie)], see_other("/me")).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignOutForm {
    #[serde(default)]
    form_token: String,
}

/// Ends the session and forgets the cookie.
pub(super) async fn sign_out(
    visit: Visit,
    form: Result<Form<SignOutForm>, FormRejection>,
) -> Response {
    let Ok(Form(form)) = form else {
        return visit.answer(Err(EdgeProblem::InvalidValue.into()));
    };
    match visit.holder_of_form(&form.form_token) {
        Ok(holder) => holder.sign_out(&visit.town),
        // The session ended by itself: that is what was asked for.
        Err(EdgeProblem::Unauthenticated) => {}
        Err(problem) => return visit.answer(Err(problem.into())),
    }
    let cookie = ending_cookie(visit.town.cookies());
    ([(header::SET_COOKIE, cookie)], see_other("/")).into_response()
}
