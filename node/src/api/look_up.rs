//! Looking people up: nothing is shown of a person before who looks, and why, is durable.

use axum::{
    Json, Router,
    extract::{Query, State},
    routing::{get, post},
};
use jichi_protocol::id::{AccountId, OfficerId, ProgrammeId};
use serde::{Deserialize, Serialize};

use super::{
    answer::{self, NoEntry},
    body::{StrictJson, TextBody},
    caller::Officer,
    problem::{Problem, edge::EdgeProblem},
    resident::invalid,
    street::{account_of, one_of},
    view,
};
use crate::{
    clock,
    look_up::{Listed, LookUp, Looked, Wanted},
    person::{self, PersonError},
    staff::{Role, SignedIn},
    town::Town,
};

/// Why an account is looked at that the officer has before them already.
const AT_THE_DESK: &str = "窓口の手続";

/// The routes of the staff's listener.
pub fn routes() -> Router<Town> {
    Router::new().route("/v1/people/find", post(find)).route("/v1/look-ups", get(look_ups))
}

/// Why somebody is looked up.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WhyBody {
    pub(super) reason: Option<TextBody>,
    pub(super) ticket: Option<TextBody>,
}

/// Notes a look-up by an officer; what was looked at may be shown behind it.
pub(super) async fn note(
    town: &Town,
    (officer, account): (OfficerId, AccountId),
    looked: Looked,
    why: &WhyBody,
) -> Result<(), Problem> {
    let text = |body: &TextBody| body.0.as_str().to_owned();
    let reason = why.reason.as_ref().map(text).ok_or(EdgeProblem::ReasonMissing)?;
    let ticket = why.ticket.as_ref().map(text);
    let look_up = LookUp { time: clock::now(), officer, looked, reason, ticket };
    let noted = town.people().look_ups().note(account, &look_up).await;
    noted.map_err(|error| person_problem(&error).into())
}

/// Notes that an officer who serves a holder saw this of the account.
pub(super) async fn note_at_desk(
    town: &Town,
    (officer, account): (OfficerId, AccountId),
    looked: Looked,
) -> Result<(), Problem> {
    let reason = AT_THE_DESK.parse().map(TextBody).ok();
    note(town, (officer, account), looked, &WhyBody { reason, ticket: None }).await
}

pub(super) const fn person_problem(error: &PersonError) -> EdgeProblem {
    match error {
        PersonError::Put(_) => EdgeProblem::StorageFull,
        PersonError::Get(_) | PersonError::Form | PersonError::Taken => EdgeProblem::Internal,
    }
}

/// The officer, who looks at people: the desk, or the help desk with a ticket.
fn looker(officer: &SignedIn, why: &WhyBody) -> Result<OfficerId, Problem> {
    let number = one_of(officer, &[Role::Desk, Role::HelpDesk])?;
    if why.reason.is_none() {
        return Err(EdgeProblem::ReasonMissing.into());
    }
    if officer.require(Role::Desk).is_err() && why.ticket.is_none() {
        return Err(EdgeProblem::TicketMissing.into());
    }
    Ok(number)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FindBody {
    reason: Option<TextBody>,
    ticket: Option<TextBody>,
    account: Option<String>,
    mykey_id: Option<String>,
    kana: Option<TextBody>,
    birth: Option<String>,
    programme: Option<u32>,
    number: Option<String>,
}

impl FindBody {
    /// Who may be meant: by account or MyKey ID, kana name and birth date, or a number on a list.
    fn found(&self, town: &Town) -> Result<Vec<AccountId>, Problem> {
        let named = account_of(town, self.account.clone(), self.mykey_id.clone())?;
        match (named, &self.kana, &self.birth, self.programme, &self.number) {
            (Some(account), None, None, None, None) => Ok(vec![account]),
            (None, Some(kana), Some(birth), None, None) => {
                Ok(person::by_kana(town, kana.0.as_str(), birth))
            }
            (None, None, None, Some(programme), Some(number)) => {
                let number = jichi_protocol::text::code_input(number);
                Ok(person::by_enrolment(town, ProgrammeId(programme), &number))
            }
            _ => Err(invalid("mykey_id")),
        }
    }
}

#[derive(Serialize)]
struct PersonView {
    name: Option<String>,
    mykey_id: Option<String>,
    kana: Option<String>,
    #[serde(flatten)]
    balance: view::Balance,
}

#[derive(Serialize)]
struct Found {
    people: Vec<PersonView>,
}

async fn find(
    State(town): State<Town>,
    Officer(officer): Officer,
    StrictJson(body): StrictJson<FindBody>,
) -> Result<Json<Found>, NoEntry> {
    let why = WhyBody { reason: body.reason.clone(), ticket: body.ticket.clone() };
    let officer = looker(&officer, &why)?;
    let mut people = Vec::new();
    for account in body.found(&town)? {
        let balance = answer::read(town.engine(), |ledger| view::Balance::of(ledger, &account));
        let Some(balance) = balance.await? else { continue };
        note(&town, (officer, account), Looked::Person, &why).await?;
        let problem = |error: PersonError| person_problem(&error);
        let recorded = town.people().register().recorded(account).map_err(problem)?;
        people.push(PersonView {
            name: town.people().name(account).map_err(problem)?,
            mykey_id: town.people().mykey(account).map_err(problem)?,
            kana: recorded.map(|recorded| recorded.kana),
            balance,
        });
    }
    Ok(Json(Found { people }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedQuery {
    account: Option<String>,
    officer: Option<u32>,
    before: Option<u64>,
}

/// A look-up as auditors read it, and as it stands in what a person is told.
#[derive(Serialize)]
pub(super) struct LookUpView {
    number: Option<u64>,
    account: Option<String>,
    time: String,
    officer: u32,
    looked: &'static str,
    reason: String,
    ticket: Option<String>,
}

impl From<LookUp> for LookUpView {
    fn from(of: LookUp) -> Self {
        Self {
            number: None,
            account: None,
            time: of.time.to_string(),
            officer: of.officer.0,
            looked: of.looked.word(),
            reason: of.reason,
            ticket: of.ticket,
        }
    }
}

impl From<Listed> for LookUpView {
    fn from(of: Listed) -> Self {
        Self {
            number: Some(of.place.id.0),
            account: Some(of.place.about.to_string()),
            ..Self::from(of.look_up)
        }
    }
}

#[derive(Serialize)]
struct LookUpPage {
    look_ups: Vec<LookUpView>,
    /// Where the next page begins; none if there is none.
    next: Option<u64>,
}

async fn look_ups(
    State(town): State<Town>,
    Officer(officer): Officer,
    Query(query): Query<WantedQuery>,
) -> Result<Json<LookUpPage>, NoEntry> {
    officer.require(Role::Auditor)?;
    let account = query.account.as_deref().map(str::parse).transpose();
    let wanted = Wanted {
        account: account.map_err(|_| invalid("account"))?,
        officer: query.officer.map(OfficerId),
        before: query.before,
    };
    let page = town.people().look_ups().page(wanted);
    let (page, next) = page.map_err(|error| person_problem(&error))?;
    let look_ups = page.into_iter().map(LookUpView::from).collect();
    Ok(Json(LookUpPage { look_ups, next }))
}
