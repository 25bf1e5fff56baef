//! Charges of streets' cards: at the desk, by the holder, and what the card system answers.

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::header,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use jichi_protocol::{
    command::{Actor, ByActor, ChargeAnswer, ChargePrivate, ChargeShared, Command},
    date::Time,
    entry::Submission,
    id::{AccountId, ChargeId, SchemeId, StreetCardId},
    key::{ClientKey, OperationKey},
    label::Label,
    ledger::{Charge, ChargeState, Ledger},
    lot::points_of,
    points::Points,
    refusal::Refusal,
};
use serde::{Deserialize, Serialize};

use super::{
    answer::{self, Done, NoEntry},
    body::{StrictJson, TextBody},
    caller::{Officer, Resident},
    idempotency::IdempotencyKey,
    officer::label,
    payment::points,
    problem::edge::EdgeProblem,
    street::{CardBody, one_of},
};
use crate::{clock, engine::Committed, staff::Role, town::Town};

/// The routes, on the staff's listener.
pub fn routes() -> Router<Town> {
    Router::new()
        .route("/v1/charges", post(at_desk).get(list))
        .route("/v1/charges/open.csv", get(open_csv))
        .route("/v1/charges/answers", post(answers))
        .route("/v1/charges/{charge}/answer", post(answer_one))
}

/// The route of holders, on the public listener.
pub fn holder_routes() -> Router<Town> {
    Router::new().route("/v1/me/charges", post(by_holder))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChargeBody {
    scheme: u32,
    number: String,
    points: u64,
}

#[derive(Serialize)]
struct ChargeMade {
    charge: String,
    points: u64,
}

/// The holder is at the desk with the card.
async fn at_desk(
    State(town): State<Town>,
    Officer(officer): Officer,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<ChargeBody>,
) -> Result<Done<impl Serialize>, NoEntry> {
    let officer = officer.require(Role::Desk)?;
    let card = CardBody { scheme: body.scheme, number: body.number };
    let (card, account) = card.linked(&town).await?;
    let shared = shared(key, body.scheme, body.points)?;
    charge(&town, key, shared, (account, card, Actor::Officer(officer))).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnChargeBody {
    scheme: u32,
    points: u64,
}

/// The holder charges the own card of a scheme, the one linked last.
async fn by_holder(
    State(town): State<Town>,
    Resident(account): Resident,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<OwnChargeBody>,
) -> Result<Done<impl Serialize>, NoEntry> {
    let scheme = SchemeId(body.scheme);
    let own = town.people().cards().of(account).map_err(|_| EdgeProblem::Internal)?;
    let card = answer::read(town.engine(), |ledger| {
        let own = own.iter().rev().filter(|(of, _)| *of == scheme).map(|(_, card)| *card);
        let mut usable = own
            .filter(|card| ledger.usable_card(card).is_ok_and(|linked| linked.account == account));
        usable.next()
    });
    let card = card.await?.ok_or(Refusal::UnknownStreetCard)?;
    let shared = shared(key, body.scheme, body.points)?;
    charge(&town, key, shared, (account, card, Actor::Holder)).await
}

fn shared(key: ClientKey, scheme: u32, amount: u64) -> Result<ChargeShared, NoEntry> {
    let points: Points = points(amount)?;
    Ok(ChargeShared { charge: key.charge(), scheme: SchemeId(scheme), points })
}

async fn charge(
    town: &Town,
    key: ClientKey,
    shared: ChargeShared,
    (account, card, actor): (AccountId, StreetCardId, Actor),
) -> Result<Done<ChargeMade>, NoEntry> {
    let made = ChargeMade { charge: shared.charge.to_string(), points: shared.points.get() };
    let command = Command::Charge(shared, ChargePrivate { account, card, actor });
    let key = Some(OperationKey::Client(key));
    let committed =
        answer::submit(town.engine(), Submission { key, command, evidence: None }).await?;
    Ok(Done::over(&committed, made))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    scheme: u32,
}

/// A charge that waits for its card system, for the person who looks into it.
#[derive(Serialize)]
struct OpenView {
    charge: String,
    points: u64,
    since: String,
    waiting_hours: u64,
    number: Option<String>,
}

/// An open charge as its card system is told of it.
pub(crate) struct OpenCharge {
    /// Which.
    pub(crate) charge: ChargeId,
    /// Onto which card.
    pub(crate) card: StreetCardId,
    /// How many points.
    pub(crate) points: Points,
    /// Since when.
    pub(crate) since: Time,
}

/// The open charges of a scheme, the oldest first.
pub(crate) fn open_charges(ledger: &Ledger, scheme: SchemeId) -> Vec<OpenCharge> {
    let open = |(charge, made): (&ChargeId, &Charge)| match &made.state {
        ChargeState::Open { card, since, lots, .. } if made.scheme == scheme => Some(OpenCharge {
            charge: *charge,
            card: *card,
            points: points_of(lots),
            since: *since,
        }),
        ChargeState::Open { .. }
        | ChargeState::Confirmed { .. }
        | ChargeState::Failed
        | ChargeState::Refused => None,
    };
    ledger.charges().filter_map(open).collect()
}

async fn list(
    State(town): State<Town>,
    Officer(officer): Officer,
    Query(which): Query<Which>,
) -> Result<Response, NoEntry> {
    one_of(&officer, &[Role::Desk, Role::MerchantOfficer])?;
    let scheme = SchemeId(which.scheme);
    let open = answer::read(town.engine(), |ledger| open_charges(ledger, scheme)).await?;
    let now = clock::now();
    let view = |open: &OpenCharge| OpenView {
        charge: open.charge.to_string(),
        points: open.points.get(),
        since: open.since.to_string(),
        waiting_hours: now.ms_since(open.since) / 3_600_000,
        number: town.people().cards().number(&open.card).map(|number| number.text().to_owned()),
    };
    Ok(Json(open.iter().map(view).collect::<Vec<_>>()).into_response())
}

/// The file that the card system is told by.
async fn open_csv(
    State(town): State<Town>,
    Officer(officer): Officer,
    Query(which): Query<Which>,
) -> Result<Response, NoEntry> {
    one_of(&officer, &[Role::Desk, Role::MerchantOfficer])?;
    let scheme = SchemeId(which.scheme);
    let open = answer::read(town.engine(), |ledger| open_charges(ledger, scheme)).await?;
    let mut csv = String::from("charge,card_number,points,since\r\n");
    for open in open {
        let number = town.people().cards().number(&open.card);
        let number = number.as_ref().map_or("", |number| number.text());
        let line = format!("{},{number},{},{}\r\n", open.charge, open.points, open.since);
        csv.push_str(&line);
    }
    let kind = [(header::CONTENT_TYPE, "text/csv; charset=utf-8")];
    Ok((kind, csv).into_response())
}

/// What the card system says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CardResult {
    /// It has taken the charge.
    Confirmed,
    /// It has not.
    Failed,
}

/// Answers one charge. What was answered before in the same way counts as answered.
pub(crate) async fn answer_charge(
    town: &Town,
    (charge, scheme): (ChargeId, SchemeId),
    (result, reference): (CardResult, Option<Label>),
    (key, actor): (Option<ClientKey>, Actor),
) -> Result<Committed, NoEntry> {
    let answered = ChargeAnswer { charge, scheme, reference };
    let by = ByActor { actor };
    let command = match result {
        CardResult::Confirmed => Command::ConfirmCharge(answered, by),
        CardResult::Failed => Command::FailCharge(answered, by),
    };
    let key = key.map(OperationKey::Client);
    answer::submit(town.engine(), Submission { key, command, evidence: None }).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswerBody {
    scheme: u32,
    result: CardResult,
    reference: Option<TextBody>,
}

/// A person asked the card system, and enters what it said.
async fn answer_one(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(charge): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<AnswerBody>,
) -> Result<Done<answer::Nothing>, NoEntry> {
    let officer = one_of(&officer, &[Role::Desk, Role::MerchantOfficer])?;
    let charge: ChargeId = charge.parse().map_err(|_| EdgeProblem::NotFound)?;
    let reference = body.reference.as_ref().map(label).transpose()?;
    let said = (body.result, reference);
    let by = (Some(key), Actor::Officer(officer));
    let committed = answer_charge(&town, (charge, SchemeId(body.scheme)), said, by).await?;
    Ok(Done::over(&committed, answer::Nothing {}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswersBody {
    scheme: u32,
    /// The card system's file: `charge,result,reference`, with a line of headings.
    csv: String,
}

#[derive(Serialize)]
struct LineAnswer {
    line: u32,
    charge: String,
    /// `confirmed`, `failed`, or the code of a problem.
    result: String,
}

/// Takes the card system's file. Each line stands alone: the same file again changes nothing.
async fn answers(
    State(town): State<Town>,
    Officer(officer): Officer,
    StrictJson(body): StrictJson<AnswersBody>,
) -> Result<Response, NoEntry> {
    let officer = one_of(&officer, &[Role::Desk, Role::MerchantOfficer])?;
    let scheme = SchemeId(body.scheme);
    let text = body.csv.trim_start_matches('\u{feff}');
    let mut lines = Vec::new();
    for (line, text) in (1_u32..).zip(text.lines()) {
        let fields: Vec<&str> =
            text.split(',').map(|field| field.trim().trim_matches('"')).collect();
        let (Some(charge), Some(said)) = (fields.first().copied(), fields.get(1).copied()) else {
            continue;
        };
        if charge.is_empty() || (line == 1 && charge == "charge") {
            continue;
        }
        let reference = fields.get(2).filter(|text| !text.is_empty()).copied();
        let result = match read_line(charge, said, reference) {
            Some((charge, said, reference)) => {
                let by = (None, Actor::Officer(officer));
                let answered = answer_charge(&town, (charge, scheme), (said, reference), by).await;
                match answered {
                    Ok(_) if said == CardResult::Confirmed => "confirmed".to_owned(),
                    Ok(_) => "failed".to_owned(),
                    Err(NoEntry::Problem(problem)) => problem.code().to_owned(),
                    Err(NoEntry::Unknown(_)) => "unknown".to_owned(),
                }
            }
            None => EdgeProblem::InvalidValue.line().code.to_owned(),
        };
        lines.push(LineAnswer { line, charge: charge.to_owned(), result });
    }
    Ok(Json(lines).into_response())
}

/// A line of the card system's file; it writes the result in English or in Japanese.
fn read_line(
    charge: &str,
    said: &str,
    reference: Option<&str>,
) -> Option<(ChargeId, CardResult, Option<Label>)> {
    let said = match said {
        "confirmed" | "完了" => CardResult::Confirmed,
        "failed" | "不可" => CardResult::Failed,
        _ => return None,
    };
    let reference = reference.map(str::parse).transpose().ok()?;
    Some((charge.parse().ok()?, said, reference))
}
