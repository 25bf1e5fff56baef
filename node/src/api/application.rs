//! Group applications (団体申請): a body enters and sends them, officers return, reject or approve.

use axum::{
    Extension, Json, Router,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::post,
};
use jichi_protocol::{
    command::{Actor, Command, GroupPerson, GroupPrivate, GroupShared},
    entry::Submission,
    id::{AccountId, ApplicationId, OfficerId, ProgrammeId},
    key::{ClientKey, OperationKey},
    ledger::GROUP_PERSONS_MAX,
    points::Points,
    programme::Measure,
    refusal::Refusal,
    text::{
        FreeText,
        mykey::{MyKeyId, MyKeyName},
    },
};
use serde::{Deserialize, Serialize};

use super::{
    answer::{self, Done, NoEntry},
    body::{StrictJson, TextBody},
    caller::{Officer, Resident},
    idempotency::IdempotencyKey,
    problem::{Problem, edge::EdgeProblem},
    resident::invalid,
};
use crate::{
    application::{Application, Applications, Group, State as Stands, Step},
    bulk::{check::activity_hash, day, people},
    clock,
    staff::Role,
    town::Town,
};

/// The routes of the staff's listener.
pub fn routes() -> Router<Town> {
    Router::new()
        .route("/v1/groups", post(set_group).get(groups))
        .route("/v1/applications", post(enter_at_desk).get(all))
        .route("/v1/applications/{id}/send", post(send_at_desk))
        .route("/v1/applications/{id}/check", post(check))
        .route("/v1/applications/{id}/return", post(give_back))
        .route("/v1/applications/{id}/reject", post(reject))
        .route("/v1/applications/{id}/approve", post(approve))
}

/// The routes of those who stand for a body, on the public listener.
pub fn holder_routes() -> Router<Town> {
    Router::new()
        .route("/v1/me/applications", post(enter).get(mine))
        .route("/v1/me/applications/{id}", post(change))
        .route("/v1/me/applications/{id}/send", post(send))
        .route("/v1/me/applications/{id}/withdraw", post(withdraw))
}

/// The account of a MyKey ID; the town is filled in.
fn account_of(town: &Town, typed: &str) -> Result<AccountId, Problem> {
    let short = typed.parse::<MyKeyId>().map(|id| MyKeyName { town: town.id(), id });
    let name = short.or_else(|_| typed.parse()).map_err(|_| invalid("mykey_id"))?;
    town.people().account(&name).ok_or_else(|| Refusal::UnknownAccount.into())
}

fn kept<T>(put: Result<T, crate::vault::PutError>) -> Result<T, Problem> {
    put.map_err(|_| EdgeProblem::StorageFull.into())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupBody {
    group: u32,
    name: TextBody,
    /// MyKey IDs of those who stand for it.
    representatives: Vec<String>,
}

#[derive(Serialize)]
struct GroupView {
    group: u32,
    name: String,
    representatives: usize,
}

fn group_view(group: &Group) -> GroupView {
    let representatives = group.representatives.len();
    GroupView { group: group.number, name: group.name.clone(), representatives }
}

/// A body is registered, or changed.
async fn set_group(
    State(town): State<Town>,
    Extension(applications): Extension<Applications>,
    Officer(officer): Officer,
    StrictJson(body): StrictJson<GroupBody>,
) -> Result<Response, Problem> {
    officer.require(Role::GrantMaker)?;
    let accounts = body.representatives.iter().map(|typed| account_of(&town, typed));
    let representatives = accounts.collect::<Result<Vec<_>, _>>()?;
    let name = body.name.0.as_str().to_owned();
    let group = Group { number: body.group, name, representatives };
    let view = group_view(&group);
    kept(applications.keep_group(group).await)?;
    Ok(Json(view).into_response())
}

async fn groups(
    Extension(applications): Extension<Applications>,
    Officer(officer): Officer,
) -> Result<Response, Problem> {
    officer.require(Role::GrantMaker)?;
    let views: Vec<_> = applications.groups().iter().map(group_view).collect();
    Ok(Json(views).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonBody {
    mykey_id: String,
    /// By the programme's rule; none for who took part.
    role: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ApplicationBody {
    group: u32,
    programme: u32,
    date: String,
    activity: TextBody,
    persons: Vec<PersonBody>,
}

impl ApplicationBody {
    /// What the body entered; every person has to have an account here.
    fn application(
        &self,
        town: &Town,
        sender: Actor,
        sender_account: Option<AccountId>,
    ) -> Result<Application, Problem> {
        if self.persons.is_empty() || self.persons.len() > GROUP_PERSONS_MAX {
            return Err(invalid("persons"));
        }
        let person = |person: &PersonBody| {
            let role = person.role.as_ref().map(|role| role.parse::<FreeText>()).transpose();
            let role = role.map_err(|refused| Problem::from(EdgeProblem::from(refused)))?;
            let role = role.map(|role| role.as_str().parse()).transpose();
            Ok(GroupPerson {
                account: account_of(town, &person.mykey_id)?,
                role: role.map_err(|_| invalid("role"))?,
                attested: None,
            })
        };
        let persons = self.persons.iter().map(person).collect::<Result<Vec<_>, Problem>>()?;
        let mut once: Vec<_> = persons.iter().map(|person| person.account).collect();
        once.sort_unstable();
        once.dedup();
        if once.len() != persons.len() {
            return Err(invalid("persons"));
        }
        Ok(Application {
            group: self.group,
            programme: ProgrammeId(self.programme),
            date: day::day_input(&self.date).ok_or_else(|| invalid("date"))?,
            activity: self.activity.0.as_str().to_owned(),
            persons,
            state: Stands::Draft,
            sender,
            sender_account,
            checker: None,
            steps: vec![Step { at: clock::now(), state: Stands::Draft, by: sender, note: None }],
        })
    }
}

#[derive(Serialize)]
struct StepView {
    at: String,
    state: &'static str,
    officer: Option<u32>,
    note: Option<String>,
}

#[derive(Serialize)]
struct PersonView {
    mykey_id: Option<String>,
    role: Option<String>,
}

#[derive(Serialize)]
struct ApplicationView {
    application: String,
    group: u32,
    group_name: String,
    programme: u32,
    date: String,
    activity: String,
    state: &'static str,
    checker: Option<u32>,
    persons: Vec<PersonView>,
    steps: Vec<StepView>,
    /// The entry that granted it.
    entry: Option<u64>,
}

/// What was approved, the ledger says, also after a crash between entry and vault.
async fn view(
    town: &Town,
    applications: &Applications,
    id: ApplicationId,
    application: &Application,
) -> Result<ApplicationView, NoEntry> {
    let entry = answer::read(town.engine(), |ledger| ledger.approved(&id)).await?;
    let person = |person: &GroupPerson| PersonView {
        mykey_id: town.people().mykey(person.account).ok().flatten(),
        role: person.role.as_ref().map(ToString::to_string),
    };
    let step = |step: &Step| StepView {
        at: step.at.to_string(),
        state: step.state.name(),
        officer: officer_of(step.by),
        note: step.note.clone(),
    };
    let state = if entry.is_some() { Stands::Approved } else { application.state };
    let group = applications.group(application.group);
    Ok(ApplicationView {
        application: id.to_string(),
        group: application.group,
        group_name: group.map(|group| group.name).unwrap_or_default(),
        programme: application.programme.0,
        date: application.date.clone(),
        activity: application.activity.clone(),
        state: state.name(),
        checker: application.checker.map(|officer| officer.0),
        persons: application.persons.iter().map(person).collect(),
        steps: application.steps.iter().map(step).collect(),
        entry: entry.map(|entry| entry.0),
    })
}

const fn officer_of(actor: Actor) -> Option<u32> {
    match actor {
        Actor::Officer(officer) => Some(officer.0),
        Actor::Holder | Actor::Node => None,
    }
}

/// The body for which this account stands.
fn stands_for(applications: &Applications, account: AccountId, group: u32) -> Result<(), Problem> {
    let group = applications.group(group).ok_or(EdgeProblem::NotFound)?;
    let stands = group.representatives.contains(&account);
    if stands { Ok(()) } else { Err(EdgeProblem::NotFound.into()) }
}

async fn keep_new(
    town: &Town,
    applications: &Applications,
    key: ClientKey,
    application: Application,
) -> Result<Response, NoEntry> {
    let id = ApplicationId(*key.bytes());
    if applications.application(&id).is_none() {
        kept(applications.keep(id, application).await)?;
    }
    answer_with(town, applications, id).await
}

async fn answer_with(
    town: &Town,
    applications: &Applications,
    id: ApplicationId,
) -> Result<Response, NoEntry> {
    let application = applications.application(&id).ok_or(EdgeProblem::NotFound)?;
    Ok(Json(view(town, applications, id, &application).await?).into_response())
}

/// Somebody who stands for a body drafts an application.
async fn enter(
    State(town): State<Town>,
    Extension(applications): Extension<Applications>,
    Resident(account): Resident,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<ApplicationBody>,
) -> Result<Response, NoEntry> {
    stands_for(&applications, account, body.group)?;
    let application = body.application(&town, Actor::Holder, Some(account))?;
    keep_new(&town, &applications, key, application).await
}

/// An officer enters what a body handed in on paper.
async fn enter_at_desk(
    State(town): State<Town>,
    Extension(applications): Extension<Applications>,
    Officer(officer): Officer,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<ApplicationBody>,
) -> Result<Response, NoEntry> {
    let officer = officer.require(Role::GrantMaker)?;
    applications.group(body.group).ok_or(EdgeProblem::NotFound)?;
    let application = body.application(&town, Actor::Officer(officer), None)?;
    keep_new(&town, &applications, key, application).await
}

async fn mine(
    State(town): State<Town>,
    Extension(applications): Extension<Applications>,
    Resident(account): Resident,
) -> Result<Response, NoEntry> {
    let groups = applications.groups();
    let own: Vec<u32> = groups
        .iter()
        .filter(|group| group.representatives.contains(&account))
        .map(|group| group.number)
        .collect();
    list(&town, &applications, |application| own.contains(&application.group)).await
}

async fn all(
    State(town): State<Town>,
    Extension(applications): Extension<Applications>,
    Officer(officer): Officer,
) -> Result<Response, NoEntry> {
    if officer.require(Role::GrantMaker).is_err() {
        officer.require(Role::Approver)?;
    }
    // A holder's draft is not handed in yet.
    let handed_in = |it: &Application| it.state != Stands::Draft || it.sender != Actor::Holder;
    list(&town, &applications, handed_in).await
}

async fn list(
    town: &Town,
    applications: &Applications,
    fits: impl Fn(&Application) -> bool,
) -> Result<Response, NoEntry> {
    let mut views = Vec::new();
    for (id, application) in applications.applications(fits) {
        views.push(view(town, applications, id, &application).await?);
    }
    Ok(Json(views).into_response())
}

/// An application, if it is one that this account may change.
fn own(
    applications: &Applications,
    account: AccountId,
    id: &str,
) -> Result<(ApplicationId, Application), Problem> {
    let (id, application) = known(applications, id)?;
    stands_for(applications, account, application.group)?;
    Ok((id, application))
}

fn known(applications: &Applications, id: &str) -> Result<(ApplicationId, Application), Problem> {
    let id: ApplicationId = id.parse().map_err(|_| EdgeProblem::NotFound)?;
    let application = applications.application(&id).ok_or(EdgeProblem::NotFound)?;
    Ok((id, application))
}

/// The body changes a draft, or what was returned to it.
async fn change(
    State(town): State<Town>,
    Extension(applications): Extension<Applications>,
    Resident(account): Resident,
    Path(id): Path<String>,
    StrictJson(body): StrictJson<ApplicationBody>,
) -> Result<Response, NoEntry> {
    let (id, before) = own(&applications, account, &id)?;
    stands_for(&applications, account, body.group)?;
    if !before.state.is_the_bodys() {
        return Err(Refusal::NothingDue.into());
    }
    let mut application = body.application(&town, Actor::Holder, Some(account))?;
    (application.state, application.steps) = (before.state, before.steps);
    kept(applications.keep(id, application).await)?;
    answer_with(&town, &applications, id).await
}

/// The next state, if the present one is one of those that it follows.
fn next(
    mut application: Application,
    from: &[Stands],
    to: Stands,
    by: Actor,
    note: Option<String>,
) -> Result<Application, Problem> {
    if application.state == to {
        return Ok(application);
    }
    if !from.contains(&application.state) {
        return Err(Refusal::NothingDue.into());
    }
    application.state = to;
    application.steps.push(Step { at: clock::now(), state: to, by, note });
    Ok(application)
}

async fn send(
    State(town): State<Town>,
    Extension(applications): Extension<Applications>,
    Resident(account): Resident,
    Path(id): Path<String>,
) -> Result<Response, NoEntry> {
    let (id, application) = own(&applications, account, &id)?;
    let from = [Stands::Draft, Stands::Returned];
    let application = next(application, &from, Stands::Sent, Actor::Holder, None)?;
    kept(applications.keep(id, application).await)?;
    answer_with(&town, &applications, id).await
}

async fn send_at_desk(
    State(town): State<Town>,
    Extension(applications): Extension<Applications>,
    Officer(officer): Officer,
    Path(id): Path<String>,
) -> Result<Response, NoEntry> {
    let officer = officer.require(Role::GrantMaker)?;
    let (id, application) = known(&applications, &id)?;
    if application.sender == Actor::Holder {
        return Err(EdgeProblem::NotFound.into());
    }
    let from = [Stands::Draft, Stands::Returned];
    let application = next(application, &from, Stands::Sent, Actor::Officer(officer), None)?;
    kept(applications.keep(id, application).await)?;
    answer_with(&town, &applications, id).await
}

async fn withdraw(
    State(town): State<Town>,
    Extension(applications): Extension<Applications>,
    Resident(account): Resident,
    Path(id): Path<String>,
) -> Result<Response, NoEntry> {
    let (id, application) = own(&applications, account, &id)?;
    not_approved(&town, id).await?;
    let from = [Stands::Draft, Stands::Sent, Stands::Returned];
    let application = next(application, &from, Stands::Withdrawn, Actor::Holder, None)?;
    kept(applications.keep(id, application).await)?;
    answer_with(&town, &applications, id).await
}

/// What the ledger granted is not taken back by a letter.
async fn not_approved(town: &Town, id: ApplicationId) -> Result<(), NoEntry> {
    let approved = answer::read(town.engine(), |ledger| ledger.approved(&id)).await?;
    if approved.is_some() { Err(Refusal::Exists.into()) } else { Ok(()) }
}

/// An officer looked it through, for a sum that needs two.
async fn check(
    State(town): State<Town>,
    Extension(applications): Extension<Applications>,
    Officer(officer): Officer,
    Path(id): Path<String>,
) -> Result<Response, NoEntry> {
    let officer = officer.require(Role::GrantMaker)?;
    let (id, mut application) = known(&applications, &id)?;
    if application.state != Stands::Sent {
        return Err(Refusal::NothingDue.into());
    }
    if application.sender == Actor::Officer(officer) {
        return Err(Refusal::OwnApplication.into());
    }
    application.checker = Some(officer);
    kept(applications.keep(id, application).await)?;
    answer_with(&town, &applications, id).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoteBody {
    note: TextBody,
}

async fn give_back(
    State(town): State<Town>,
    Extension(applications): Extension<Applications>,
    Officer(officer): Officer,
    Path(id): Path<String>,
    StrictJson(body): StrictJson<NoteBody>,
) -> Result<Response, NoEntry> {
    if officer.require(Role::GrantMaker).is_err() {
        officer.require(Role::Approver)?;
    }
    says_no(&town, &applications, officer.officer, (&id, Stands::Returned), body).await
}

async fn reject(
    State(town): State<Town>,
    Extension(applications): Extension<Applications>,
    Officer(officer): Officer,
    Path(id): Path<String>,
    StrictJson(body): StrictJson<NoteBody>,
) -> Result<Response, NoEntry> {
    officer.require(Role::Approver)?;
    says_no(&town, &applications, officer.officer, (&id, Stands::Rejected), body).await
}

async fn says_no(
    town: &Town,
    applications: &Applications,
    officer: OfficerId,
    (id, to): (&str, Stands),
    body: NoteBody,
) -> Result<Response, NoEntry> {
    let (id, application) = known(applications, id)?;
    not_approved(town, id).await?;
    let note = Some(body.note.0.as_str().to_owned());
    let mut application = next(application, &[Stands::Sent], to, Actor::Officer(officer), note)?;
    application.checker = None;
    kept(applications.keep(id, application).await)?;
    answer_with(town, applications, id).await
}

#[derive(Serialize)]
struct ApprovalAnswer {
    application: String,
    persons: u32,
    points: u64,
}

/// An officer approves: all persons are granted in one entry.
async fn approve(
    State(town): State<Town>,
    Extension(applications): Extension<Applications>,
    Officer(officer): Officer,
    Path(id): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
) -> Result<Done<impl Serialize>, NoEntry> {
    let approver = officer.require(Role::Approver)?;
    let (id, application) = known(&applications, &id)?;
    let again = answer::read(town.engine(), |ledger| ledger.key_use(&key).is_some()).await?;
    if application.state != Stands::Sent && !again {
        return Err(Refusal::NothingDue.into());
    }
    let (shared, private) = parts(&town, id, &application, approver).await?;
    let answer = ApprovalAnswer {
        application: id.to_string(),
        persons: shared.count,
        points: shared.points.get(),
    };
    let command = Command::GrantGroup(shared, private);
    let submission = Submission { key: Some(OperationKey::Client(key)), command, evidence: None };
    let committed = answer::submit(town.engine(), submission).await?;
    // A crash here: granted, and the ledger says so whatever the vault says.
    let by = Actor::Officer(approver);
    let application = next(application, &[Stands::Sent], Stands::Approved, by, None)?;
    kept(applications.keep(id, application).await)?;
    Ok(Done::over(&committed, answer))
}

/// The command's halves; the points are what the programme's rule gives.
async fn parts(
    town: &Town,
    id: ApplicationId,
    application: &Application,
    approver: OfficerId,
) -> Result<(GroupShared, GroupPrivate), NoEntry> {
    let number = application.programme;
    let (programme, day) = answer::read(town.engine(), |ledger| {
        let programme = ledger.programmes().find(|known| known.id == number).cloned();
        (programme, ledger.day())
    })
    .await?;
    let programme = programme.ok_or(Refusal::UnknownProgramme)?;
    let rule = programme.rule.as_ref().ok_or(Refusal::WrongRule)?;
    let given = |person: &GroupPerson| {
        rule.points(&Measure::Activity { role: person.role.clone() }).ok_or(Refusal::WrongRule)
    };
    let points = application.persons.iter().map(given).collect::<Result<Vec<_>, _>>()?;
    let shared = GroupShared {
        application: id,
        programme: number,
        count: u32::try_from(points.len()).unwrap_or(u32::MAX),
        points: Points::sum(points).ok_or(Refusal::TooManyPoints)?,
    };
    let attested = |person: &GroupPerson| GroupPerson {
        attested: people::attested(town, &programme, person.account, day),
        ..person.clone()
    };
    let private = GroupPrivate {
        activity: activity_hash(&application.activity_text()),
        persons: application.persons.iter().map(attested).collect(),
        sender: application.sender,
        sender_account: application.sender_account,
        checker: application.checker,
        approver,
    };
    Ok((shared, private))
}
