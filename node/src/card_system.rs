//! Tells streets' card systems of charges by their API, and takes their answers.
//!
//! A charge is posted again and again, with the same key, until the card system answers: nothing
//! here decides by time. What stays open is listed for a person (`GET /v1/charges`).

use std::time::Duration;

use hyper::{Uri, header::HeaderName};
use jichi_protocol::{
    command::Actor,
    id::{ChargeId, SchemeId},
    label::Label,
};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::{
    api::{
        answer,
        charge::{CardResult, OpenCharge, answer_charge, open_charges},
    },
    config::CardSystemConfig,
    http_client::{NoResponse, post_json},
    town::Town,
};

/// How often open charges are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// After this a request is given up, and made again later.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);
/// The longest pause after a round in which an answer was missing.
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// The largest answer, in bytes.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// What the card system is told. `charge` is also the Idempotency-Key.
#[derive(Serialize)]
struct ChargeBody<'a> {
    charge: String,
    card_number: &'a str,
    points: u64,
    since: String,
}

/// What it answers; anything else is no answer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswerBody {
    result: CardResult,
    reference: Option<String>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum NoAnswer {
    #[error("the card system cannot be reached")]
    Unreachable,
    #[error("the card system did not answer in time")]
    Late,
    #[error("the card system's answer cannot be read")]
    Unreadable,
    #[error("the card's number is not in the vault")]
    NoNumber,
    #[error("the answer could not be written down")]
    NotKept,
}

/// Starts one task for each card system of the configuration.
pub fn start(systems: &[CardSystemConfig], town: &Town, tasks: &mut JoinSet<()>) {
    for system in systems {
        match system.url.parse::<Uri>() {
            Ok(url) if url.scheme_str() == Some("http") && url.authority().is_some() => {
                tasks.spawn(tell(SchemeId(system.scheme), url, town.clone()));
            }
            Ok(_) | Err(_) => {
                tracing::error!(scheme = system.scheme, "the card system's url is no http address");
            }
        }
    }
}

/// Tells one card system, until the node stops.
async fn tell(scheme: SchemeId, url: Uri, town: Town) {
    let mut pause = LOOK_EVERY;
    loop {
        let open = answer::read(town.engine(), |ledger| open_charges(ledger, scheme)).await;
        let mut missing = false;
        for open in open.unwrap_or_default() {
            if let Err(error) = settle(scheme, &url, &town, &open).await {
                missing = true;
                tracing::warn!(charge = %open.charge, %error, "a charge stays open");
            }
        }
        pause = if missing { pause.saturating_mul(2).min(PAUSE_MAX) } else { LOOK_EVERY };
        tokio::time::sleep(pause).await;
    }
}

/// Asks about one charge, and writes the answer down.
async fn settle(
    scheme: SchemeId,
    url: &Uri,
    town: &Town,
    open: &OpenCharge,
) -> Result<(), NoAnswer> {
    let number = town.people().cards().number(&open.card).ok_or(NoAnswer::NoNumber)?;
    let body = ChargeBody {
        charge: open.charge.to_string(),
        card_number: number.text(),
        points: open.points.get(),
        since: open.since.to_string(),
    };
    let body = serde_json::to_vec(&body).map_err(|_| NoAnswer::Unreadable)?;
    let asked = tokio::time::timeout(ANSWER_TIME_MAX, post(url, open.charge, body)).await;
    let said = asked.map_err(|_| NoAnswer::Late)??;
    let reference: Option<Label> = said.reference.and_then(|text| text.parse().ok());
    let answered =
        answer_charge(town, (open.charge, scheme), (said.result, reference), (None, Actor::Node));
    answered.await.map(|_| ()).map_err(|_| NoAnswer::NotKept)
}

async fn post(url: &Uri, charge: ChargeId, body: Vec<u8>) -> Result<AnswerBody, NoAnswer> {
    let headers = [(HeaderName::from_static("idempotency-key"), charge.to_string())];
    let said = post_json(url, &headers, body, ANSWER_BYTES_MAX).await.map_err(|no| match no {
        NoResponse::Unreachable => NoAnswer::Unreachable,
        NoResponse::Status(_) | NoResponse::TooLarge => NoAnswer::Unreadable,
    })?;
    serde_json::from_slice(&said).map_err(|_| NoAnswer::Unreadable)
}
