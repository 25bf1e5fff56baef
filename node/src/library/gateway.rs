//! A library's system behind an HTTP gateway, where it speaks no SIP2: one POST a question.

use std::{sync::Arc, time::Duration};

use hyper::{Uri, header};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::{
    client::NoAnswer,
    sip2::{CardState, Patron},
};
use crate::http_client::{NoResponse, post_json};

/// The largest answer, in bytes.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// A gateway. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Gateway {
    url: Uri,
    token: Arc<SecretString>,
}

#[derive(Serialize)]
struct QuestionBody<'a> {
    card_number: &'a str,
}

/// What it answers; anything else is no answer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswerBody {
    card_number: String,
    card: CardBody,
    name: Option<String>,
    message: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum CardBody {
    Valid,
    NotValid,
    Unknown,
}

impl Gateway {
    /// A gateway at an address, with the token that it knows this node by.
    #[must_use]
    pub fn new(url: Uri, token: SecretString) -> Self {
        Self { url, token: Arc::new(token) }
    }

    /// Asks about a card, within a time.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub async fn ask(&self, number: &str, within: Duration) -> Result<Patron, NoAnswer> {
        let body = QuestionBody { card_number: number };
        let body = serde_json::to_vec(&body).map_err(|_| NoAnswer::NotWritable)?;
        let bearer = format!("Bearer {}", self.token.expose_secret());
        let headers = [(header::AUTHORIZATION, bearer)];
        let asked = post_json(&self.url, &headers, body, ANSWER_BYTES_MAX);
        let answer = match tokio::time::timeout(within, asked).await {
            Err(_) => return Err(NoAnswer::Late),
            Ok(Err(NoResponse::Unreachable)) => return Err(NoAnswer::Unreachable),
            Ok(Err(NoResponse::Status(401 | 403))) => return Err(NoAnswer::SignInRefused),
            Ok(Err(NoResponse::Status(503))) => return Err(NoAnswer::OutOfService),
            Ok(Err(NoResponse::Status(_) | NoResponse::TooLarge)) => {
                return Err(NoAnswer::Unreadable);
            }
            Ok(Ok(answer)) => answer,
        };
        let said: AnswerBody = serde_json::from_slice(&answer).map_err(|_| NoAnswer::Unreadable)?;
        if !said.card_number.eq_ignore_ascii_case(number) {
            return Err(NoAnswer::Unreadable);
        }
        let card = match said.card {
            CardBody::Valid => CardState::Valid,
            CardBody::NotValid => CardState::NotValid,
            CardBody::Unknown => CardState::Unknown,
        };
        let (name, screen) = (said.name, said.message);
        Ok(Patron { number: said.card_number, name, card, blocks: Vec::new(), screen })
    }
}
