//! Library cards on the holder's page: which are linked, linking one more, ending a link.

use axum::{Form, extract::rejection::FormRejection, response::Response};
use jichi_protocol::{command::Actor, id::AccountId, key::ClientKey};
use serde::Deserialize;

use super::{mine::new_key, see_other, visit::Visit};
use crate::{
    api::{
        answer::NoEntry,
        library::{LinkView, Wanted, linked, links_of, open_institutions, unlinked},
        problem::edge::EdgeProblem,
    },
    town::Town,
};

/// What the page shows of library cards.
pub(super) struct LibraryPart {
    pub(super) rows: Vec<LibraryRow>,
    /// Where a card can be linked: code and names.
    pub(super) open: Vec<(String, String, String)>,
    /// A new operation key, made for the form that links one more.
    pub(super) key: String,
}

/// A link.
pub(super) struct LibraryRow {
    pub(super) link: LinkView,
    /// The state in two languages.
    pub(super) state: (&'static str, &'static str),
    /// Whether the holder can still end it.
    pub(super) lives: bool,
    /// A new operation key, made for this form: sent twice, it is done once.
    pub(super) key: String,
}

impl LibraryPart {
    pub(super) async fn of(town: &Town, account: AccountId) -> Result<Self, NoEntry> {
        let mut rows = Vec::new();
        for link in links_of(town, account).await? {
            let (state, lives) = match link.state {
                "asked" => (("図書館の確認を待っています", "waits for the library"), true),
                "linked" => (("連携中", "linked"), true),
                "refused" => (("連携できませんでした", "not linked"), false),
                _ => (("解除の手続中", "being ended"), false),
            };
            rows.push(LibraryRow { link, state, lives, key: new_key()?.to_string() });
        }
        let open = open_institutions(town).await?;
        Ok(Self { rows, open, key: new_key()?.to_string() })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LinkForm {
    #[serde(default)]
    form_token: String,
    key: String,
    institution: String,
    number: String,
    /// A browser sends it only if the box is ticked.
    consent: Option<String>,
}

/// The holder links a card.
pub(super) async fn link(visit: Visit, form: Result<Form<LinkForm>, FormRejection>) -> Response {
    let page = link_card(&visit, form).await;
    visit.answer(page)
}

async fn link_card(
    visit: &Visit,
    form: Result<Form<LinkForm>, FormRejection>,
) -> Result<Response, NoEntry> {
    let Form(form) = form.map_err(|_| EdgeProblem::InvalidValue)?;
    let account = visit.holder_of_form(&form.form_token)?.account;
    let key: ClientKey = form.key.parse().map_err(|_| EdgeProblem::InvalidValue)?;
    let wanted = Wanted::read(&form.institution, &form.number, form.consent.is_some())?;
    linked(&visit.town, (account, Actor::Holder), &wanted, key).await?;
    Ok(see_other("/me#library"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EndForm {
    #[serde(default)]
    form_token: String,
    key: String,
    link: String,
}

/// The holder ends a link.
pub(super) async fn end(visit: Visit, form: Result<Form<EndForm>, FormRejection>) -> Response {
    let page = end_link(&visit, form).await;
    visit.answer(page)
}

async fn end_link(
    visit: &Visit,
    form: Result<Form<EndForm>, FormRejection>,
) -> Result<Response, NoEntry> {
    let Form(form) = form.map_err(|_| EdgeProblem::InvalidValue)?;
    let account = visit.holder_of_form(&form.form_token)?.account;
    let key: ClientKey = form.key.parse().map_err(|_| EdgeProblem::InvalidValue)?;
    unlinked(&visit.town, (account, Actor::Holder), &form.link, key).await?;
    Ok(see_other("/me#library"))
}
