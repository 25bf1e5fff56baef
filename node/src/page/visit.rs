//! Who looks at a page, and how large they want its text.

use std::convert::Infallible;

use axum::{
    extract::{FromRequestParts, Query, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderValue, header, request::Parts},
    response::{IntoResponse as _, Response},
};
use jichi_protocol::id::AccountId;
use serde::Deserialize;

use super::{fault, see_other};
use crate::{
    api::{answer::NoEntry, problem::edge::EdgeProblem},
    clock,
    session::{Carried, CookieTransport, Token},
    town::{Town, TownName},
};

const SIZE_COOKIE: &str = "jichi_text";
const SIZE_AGE_S: u32 = 365 * 86_400;

/// How large the text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum TextSize {
    #[default]
    Standard,
    Large,
    Largest,
}

impl TextSize {
    const ALL: [Self; 3] = [Self::Standard, Self::Large, Self::Largest];

    /// Its name in the cookie, in links and in the style sheet.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Large => "large",
            Self::Largest => "largest",
        }
    }

    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Standard => ("標準", "Standard"),
            Self::Large => ("大", "Large"),
            Self::Largest => ("最大", "Largest"),
        }
    }

    fn of(headers: &HeaderMap) -> Self {
        let cookies = headers.get_all(header::COOKIE).iter();
        let mut ours = cookies
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter_map(|(name, value)| (name == SIZE_COOKIE).then_some(value));
        let wanted = ours.next();
        Self::ALL.into_iter().find(|size| Some(size.name()) == wanted).unwrap_or_default()
    }
}

/// The page to which the choice of a text size comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Place {
    Front,
    Me,
    Log,
    Towns,
}

impl Place {
    const fn name(self) -> &'static str {
        match self {
            Self::Front => "front",
            Self::Me => "me",
            Self::Log => "log",
            Self::Towns => "towns",
        }
    }

    const fn path(self) -> &'static str {
        match self {
            Self::Front => "/",
            Self::Me => "/me",
            Self::Log => "/log",
            Self::Towns => "/towns",
        }
    }
}

/// One choice of text size, as a link.
pub(super) struct SizeLink {
    pub(super) name: &'static str,
    pub(super) ja: &'static str,
    pub(super) en: &'static str,
    pub(super) chosen: bool,
}

/// What stands around every page.
pub(super) struct Frame {
    pub(super) town: TownName,
    pub(super) size: &'static str,
    pub(super) sizes: Vec<SizeLink>,
    pub(super) back: &'static str,
    /// The CSRF token of the holder's forms, if a holder is signed in.
    pub(super) form_token: Option<String>,
}

/// A request for a page.
pub(super) struct Visit {
    pub(super) town: Town,
    size: TextSize,
    token: Option<Token>,
    came: Came,
}

/// From where a browser says that a form was sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Came {
    FromHere,
    FromElsewhere,
}

/// A holder who is signed in.
pub(super) struct Holder<'a> {
    pub(super) account: AccountId,
    token: &'a Token,
}

impl FromRequestParts<Town> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, town: &Town) -> Result<Self, Infallible> {
        let token = match Carried::by(&parts.headers) {
            Some(Carried::Cookie(token)) => Some(token),
            // A page is for browsers, whose forms carry a token: a bearer has the API.
            Some(Carried::Bearer(_)) | None => None,
        };
        // Browsers set it and pages cannot; one that does not send it shows no other site either.
        let site = parts.headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
        let came = match site {
            None | Some(b"same-origin" | b"none") => Came::FromHere,
            Some(_) => Came::FromElsewhere,
        };
        Ok(Self { town: town.clone(), size: TextSize::of(&parts.headers), token, came })
    }
}

impl Visit {
    /// What stands around the page.
    pub(super) fn frame(&self, back: Place) -> Frame {
        let link = |size: TextSize| {
            let (ja, en) = size.words();
            SizeLink { name: size.name(), ja, en, chosen: size == self.size }
        };
        Frame {
            town: self.town.name().clone(),
            size: self.size.name(),
            sizes: TextSize::ALL.into_iter().map(link).collect(),
            back: back.name(),
            form_token: self.holder().ok().map(|holder| holder.token.form_token()),
        }
    }

    /// The holder who is signed in.
    pub(super) fn holder(&self) -> Result<Holder<'_>, EdgeProblem> {
        let token = self.token.as_ref().ok_or(EdgeProblem::Unauthenticated)?;
        let found = self.town.residents().find(token, clock::monotonic());
        let account = found.ok_or(EdgeProblem::Unauthenticated)?;
        Ok(Holder { account, token })
    }

    /// The holder whose form this is.
    pub(super) fn holder_of_form(&self, form_token: &str) -> Result<Holder<'_>, EdgeProblem> {
        let holder = self.holder()?;
        if holder.token.fits_form(form_token) {
            Ok(holder)
        } else {
            Err(EdgeProblem::FormTokenInvalid)
        }
    }

    /// Whether a form without a session, which has no CSRF token, may be taken: nobody must be
    /// signed in by another site into an account that is not theirs.
    pub(super) fn came_from_here(&self) -> Result<(), EdgeProblem> {
        match self.came {
            Came::FromHere => Ok(()),
            Came::FromElsewhere => Err(EdgeProblem::FormTokenInvalid),
        }
    }

    /// The page, or what went wrong as a page.
    pub(super) fn answer(&self, page: Result<Response, NoEntry>) -> Response {
        page.unwrap_or_else(|no_entry| fault::of(self, no_entry))
    }
}

impl Holder<'_> {
    /// Ends the session.
    pub(super) fn sign_out(&self, town: &Town) {
        town.residents().close(self.token);
    }
}

/// What is chosen by a link of the page's head.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Choice {
    size: TextSize,
    back: Place,
}

/// Keeps the text size in a cookie, and goes back to a page of ours.
pub(super) async fn set_text_size(
    State(town): State<Town>,
    visit: Visit,
    choice: Result<Query<Choice>, QueryRejection>,
) -> Response {
    let Ok(Query(choice)) = choice else {
        return visit.answer(Err(EdgeProblem::InvalidValue.into()));
    };
    let secure = match town.cookies() {
        CookieTransport::SecureOnly => "; Secure",
        CookieTransport::AlsoPlain => "",
    };
    let name = choice.size.name();
    let cookie = format!(
        "{SIZE_COOKIE}={name}; Path=/; Max-Age={SIZE_AGE_S}; HttpOnly; SameSite=Lax{secure}"
    );
    ([(header::SET_COOKIE, cookie)], see_other(choice.back.path())).into_response()
}
