//! What officers record of people: attributes, places on lists, doubles of one person.

use axum::{
    Json, Router,
    extract::{Path, State},
    routing::{get, post},
};
use jichi_protocol::{
    command::{Command, Nothing, PersonJoin, PersonMatch, PersonPart},
    eligibility::Residence,
    entry::Submission,
    id::{AccountId, ProgrammeId},
    key::{ClientKey, OperationKey},
    refusal::Refusal,
};
use serde::{Deserialize, Serialize};

use super::{
    answer::{self, Done, NoEntry},
    body::{StrictJson, TextBody},
    caller::Officer,
    grant::recipient,
    idempotency::IdempotencyKey,
    look_up::note_at_desk,
    problem::{Problem, edge::EdgeProblem},
    resident::invalid,
};
use crate::{
    engine::{Answer, Engine},
    look_up::Looked,
    person::PersonError,
    register::{EnrolError, Enrolment, Recorded},
    staff::Role,
    town::Town,
};

/// Places on a list in one request, at most.
const ENROLMENTS_MAX: usize = 500;
/// Bytes of a number on a list, at most.
const NUMBER_BYTES_MAX: usize = 64;

/// The routes of the staff's listener.
pub fn routes() -> Router<Town> {
    Router::new()
        .route("/v1/accounts/{account}/attributes", post(record).get(recorded))
        .route("/v1/programmes/{programme}/enrolments", post(enrol).get(enrolments))
        .route("/v1/doubles", get(doubles))
        .route("/v1/doubles/decision", post(decide))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AttributesBody {
    kana: TextBody,
    birth: String,
    /// The number of the address, which tells apart people of one name and birth date.
    address_number: Option<String>,
    resident_from: Option<String>,
    resident_until: Option<String>,
    /// Where this comes from: a desk check, or the town's resident-change file.
    source: TextBody,
    /// The day of the source.
    dated: String,
}

impl AttributesBody {
    fn recorded(&self) -> Result<Recorded, Problem> {
        let day = |text: &str, field| text.parse().map_err(|_| invalid(field));
        let until = self.resident_until.as_deref();
        let until = until.map(|until| day(until, "resident_until")).transpose()?;
        let from = self.resident_from.as_deref().map(|from| day(from, "resident_from"));
        let residence = match (from.transpose()?, until) {
            (Some(from), until) => Some(Residence { from, until }),
            (None, None) => None,
            (None, Some(_)) => return Err(invalid("resident_from")),
        };
        let number = self.address_number.as_ref();
        if number.is_some_and(|it| it.is_empty() || it.len() > NUMBER_BYTES_MAX) {
            return Err(invalid("address_number"));
        }
        Ok(Recorded {
            kana: self.kana.0.as_str().to_owned(),
            birth: self.birth.parse().map_err(|_| invalid("birth"))?,
            address_number: number.cloned(),
            residence,
            source: self.source.0.as_str().to_owned(),
            dated: day(&self.dated, "dated")?,
        })
    }
}

#[derive(Serialize)]
struct RecordAnswer {
    account: String,
    /// Accounts that may be the same person's, until an officer decides.
    doubles: Vec<String>,
}

async fn record(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(account): Path<String>,
    StrictJson(body): StrictJson<AttributesBody>,
) -> Result<Json<RecordAnswer>, NoEntry> {
    officer.require(Role::Desk)?;
    let account = known_account(&town, &account).await?;
    let register = town.people().register();
    register.record(account, &body.recorded()?).await.map_err(person_problem)?;
    let doubles = register.doubles(account);
    for other in &doubles {
        note(town.engine(), account, *other).await?;
    }
    let doubles = doubles.iter().map(AccountId::to_string).collect();
    Ok(Json(RecordAnswer { account: account.to_string(), doubles }))
}

/// Notes that two accounts may be one person's. What was noted or decided before stays so.
async fn note(engine: &Engine, account: AccountId, other: AccountId) -> Result<(), NoEntry> {
    let command = Command::NoteMatch(Nothing {}, PersonMatch { account, other });
    let noted = engine.submit(Submission { key: None, command, evidence: None }).await;
    match noted {
        Ok(Answer::Entry(_) | Answer::Heard) => Ok(()),
        Ok(Answer::Rejected(Refusal::Exists | Refusal::SamePerson | Refusal::UnknownAccount)) => {
            Ok(())
        }
        Ok(Answer::Rejected(refusal)) => Err(refusal.into()),
        Err(_) => Err(EdgeProblem::Overloaded.into()),
    }
}

/// Notes every pair that the vault shows and the ledger does not know: a crash may have come
/// between the vault and the entry.
pub async fn note_all(town: Town) {
    for (account, other) in town.people().register().pairs() {
        if note(town.engine(), account, other).await.is_err() {
            tracing::warn!("a possible double was not noted; it is tried again at the next start");
        }
    }
}

#[derive(Serialize)]
struct RecordedAnswer {
    account: String,
    recorded: bool,
    resident: Option<bool>,
    source: Option<String>,
    dated: Option<String>,
}

/// Whether something is recorded, and where from; the attributes themselves are not shown.
async fn recorded(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(account): Path<String>,
) -> Result<Json<RecordedAnswer>, NoEntry> {
    let officer = officer.require(Role::Desk)?;
    let account = known_account(&town, &account).await?;
    note_at_desk(&town, (officer, account), Looked::Attributes).await?;
    let known = town.people().register().recorded(account).map_err(person_problem)?;
    let today = answer::read(town.engine(), jichi_protocol::ledger::Ledger::day).await?;
    let known = known.as_ref();
    Ok(Json(RecordedAnswer {
        account: account.to_string(),
        recorded: known.is_some(),
        resident: known.and_then(|it| it.residence).map(|residence| residence.covers(today)),
        source: known.map(|it| it.source.clone()),
        dated: known.map(|it| it.dated.to_string()),
    }))
}

pub(super) async fn known_account(town: &Town, typed: &str) -> Result<AccountId, NoEntry> {
    let account: AccountId = typed.parse().map_err(|_| EdgeProblem::NotFound)?;
    let known = answer::read(town.engine(), |ledger| ledger.holder(&account).is_some()).await?;
    if known { Ok(account) } else { Err(Refusal::UnknownAccount.into()) }
}

fn person_problem(error: PersonError) -> Problem {
    match error {
        PersonError::Put(_) => EdgeProblem::StorageFull.into(),
        PersonError::Get(_) | PersonError::Form | PersonError::Taken => {
            EdgeProblem::Internal.into()
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EnrolmentsBody {
    enrolments: Vec<EnrolmentBody>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EnrolmentBody {
    number: String,
    account: Option<String>,
    mykey_id: Option<String>,
    from: String,
    until: Option<String>,
    prize: Option<TextBody>,
}

#[derive(Serialize)]
struct Enrolled {
    enrolled: usize,
}

/// Writes places on a programme's list down; each replaces the account's former one.
async fn enrol(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(programme): Path<u32>,
    StrictJson(body): StrictJson<EnrolmentsBody>,
) -> Result<Json<Enrolled>, NoEntry> {
    officer.require(Role::GrantMaker)?;
    if body.enrolments.is_empty() || body.enrolments.len() > ENROLMENTS_MAX {
        return Err(invalid("enrolments").into());
    }
    super::grant::programme_on(&town, ProgrammeId(programme)).await?;
    let mut places = Vec::new();
    for line in &body.enrolments {
        let account = recipient(&town, line.account.as_deref(), line.mykey_id.as_deref())?;
        let number = jichi_protocol::text::code_input(&line.number);
        if number.is_empty() || number.len() > NUMBER_BYTES_MAX {
            return Err(invalid("number").into());
        }
        let until = line.until.as_deref().map(str::parse).transpose();
        let place = Enrolment {
            programme: ProgrammeId(programme),
            number,
            from: line.from.parse().map_err(|_| invalid("from"))?,
            until: until.map_err(|_| invalid("until"))?,
            prize: line.prize.as_ref().map(|prize| prize.0.as_str().to_owned()),
        };
        places.push((account, place));
    }
    let enrolled = places.len();
    for (account, place) in places {
        let done = town.people().register().enrol(account, place).await;
        done.map_err(|error| match error {
            EnrolError::NumberTaken => Problem::from(Refusal::Exists),
            EnrolError::Vault(error) => person_problem(error),
        })?;
    }
    Ok(Json(Enrolled { enrolled }))
}

#[derive(Serialize)]
struct Place {
    number: String,
    account: String,
}

async fn enrolments(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(programme): Path<u32>,
) -> Result<Json<Vec<Place>>, NoEntry> {
    officer.require(Role::GrantMaker)?;
    let list = town.people().register().list(ProgrammeId(programme)).into_iter();
    let place =
        |(number, account): (String, AccountId)| Place { number, account: account.to_string() };
    Ok(Json(list.map(place).collect()))
}

#[derive(Serialize)]
struct Double {
    account: String,
    other: String,
    account_mykey_id: Option<String>,
    other_mykey_id: Option<String>,
}

/// The pairs about which an officer has to decide.
async fn doubles(
    State(town): State<Town>,
    Officer(officer): Officer,
) -> Result<Json<Vec<Double>>, NoEntry> {
    officer.require(Role::Desk)?;
    let open = answer::read(town.engine(), |ledger| ledger.open_matches().collect::<Vec<_>>());
    let mykey = |account| town.people().mykey(account).map_err(person_problem);
    let double = |(account, other): (AccountId, AccountId)| {
        Ok::<_, NoEntry>(Double {
            account: account.to_string(),
            other: other.to_string(),
            account_mykey_id: mykey(account)?,
            other_mykey_id: mykey(other)?,
        })
    };
    Ok(Json(open.await?.into_iter().map(double).collect::<Result<_, _>>()?))
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum SameBody {
    Same,
    Different,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DoubleBody {
    account: String,
    /// The account that stands for the person, if they are one.
    first: String,
    verdict: SameBody,
}

async fn decide(
    State(town): State<Town>,
    Officer(officer): Officer,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<DoubleBody>,
) -> Result<Done<answer::Nothing>, NoEntry> {
    let officer = officer.require(Role::Desk)?;
    let account = body.account.parse().map_err(|_| invalid("account"))?;
    let first = body.first.parse().map_err(|_| invalid("first"))?;
    let command = match body.verdict {
        SameBody::Same => Command::JoinPerson(Nothing {}, PersonJoin { account, first, officer }),
        SameBody::Different => {
            Command::PartPersons(Nothing {}, PersonPart { account, other: first, officer })
        }
    };
    let committed = answer::submit(town.engine(), keyed(key, command)).await?;
    Ok(Done::over(&committed, answer::Nothing {}))
}

fn keyed(key: ClientKey, command: Command) -> Submission {
    Submission { key: Some(OperationKey::Client(key)), command, evidence: None }
}
