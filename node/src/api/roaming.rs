//! What a shop's terminal asks for a holder of another town: who it is, the payment, its result,
//! its cancel. The refund is that of every payment.

use axum::{
    Extension, Json, Router,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use jichi_protocol::{
    command::{Command, Nothing, SignedRoaming, SignedRoamingCancel},
    date::Time,
    entry::Submission,
    id::{Handle, MerchantId, PaymentId, TerminalId, TownId, TransferId},
    intent::{RoamingCancelIntent, RoamingIntent},
    key::{ClientKey, OperationKey},
    refusal::Refusal,
    roaming::{AskState, DeclineReason},
    transfer::RefuseReason,
};
use serde::{Deserialize, Serialize};

use super::{
    answer::{self, NoEntry},
    body::{PasswordBody, StrictJson},
    idempotency::IdempotencyKey,
    payment::{payment_id, points, signature},
    problem::{Problem, edge::EdgeProblem},
    resident::invalid,
};
use crate::{
    roaming::{
        HolderReply, PROOF_MAX,
        desk::{RoamingDesk, WAIT},
    },
    town::{Town, proof_hash},
};

/// The routes, on the terminals' listener.
pub fn routes() -> Router<Town> {
    Router::new()
        .route("/v1/roaming/proofs", post(prove))
        .route("/v1/roaming/payments", post(ask))
        .route("/v1/roaming/payments/{payment}", get(state))
        .route("/v1/roaming/cancels", post(cancel))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProofBody {
    terminal: u32,
    /// The holder's base town.
    base: String,
    mykey_id: String,
    password: PasswordBody,
}

#[derive(Serialize)]
struct ProofAnswer {
    holder: String,
    proof: String,
    /// How much of the holder's balance can be spent here.
    usable: u64,
    valid_seconds: u64,
}

/// A holder of another town shows MyKey ID and password at a terminal.
async fn prove(
    State(town): State<Town>,
    Extension(desk): Extension<RoamingDesk>,
    StrictJson(body): StrictJson<ProofBody>,
) -> Result<Response, NoEntry> {
    let terminal = TerminalId(body.terminal);
    let base: TownId = body.base.parse().map_err(|_| invalid("base"))?;
    let known = answer::read(town.engine(), |ledger| {
        (ledger.terminal(&terminal).is_some(), ledger.agrees_today(&base))
    });
    let (known, agreed) = known.await?;
    if !known {
        return Err(Refusal::UnknownTerminal.into());
    }
    if !agreed {
        return Err(Refusal::NoAgreement.into());
    }
    let reply = desk.ask(base, body.mykey_id, &body.password.0).await;
    match reply.map_err(|_| EdgeProblem::OtherTownSilent)? {
        HolderReply::Seen { holder, proof, usable } => {
            let answer = ProofAnswer {
                holder: holder.to_string(),
                proof,
                usable: usable.get(),
                valid_seconds: PROOF_MAX.as_secs(),
            };
            Ok(Json(answer).into_response())
        }
        HolderReply::NotSeen => Err(EdgeProblem::SignInFailed.into()),
        HolderReply::TooManyTries { seconds } => {
            let wait = std::time::Duration::from_secs(seconds);
            Err(Problem::from(EdgeProblem::TooManyTries).retry_after(wait).into())
        }
        HolderReply::NoAgreement => Err(Refusal::NoAgreement.into()),
        HolderReply::TryLater => Err(EdgeProblem::OtherTownSilent.into()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AskBody {
    merchant: u32,
    terminal: u32,
    base: String,
    holder: String,
    points: u64,
    total_yen: Option<u64>,
    at: u64,
    proof: String,
    signature: String,
}

impl AskBody {
    fn intent(&self, town: TownId, key: ClientKey) -> Result<RoamingIntent, Problem> {
        let holder: Handle = self.holder.parse().map_err(|_| invalid("holder"))?;
        Ok(RoamingIntent {
            town,
            key,
            merchant: MerchantId(self.merchant),
            terminal: TerminalId(self.terminal),
            base: self.base.parse().map_err(|_| invalid("base"))?,
            holder,
            points: points(self.points)?,
            total_yen: self.total_yen.map(points).transpose()?,
            at: Time(self.at),
            proof: proof_hash(&self.proof),
        })
    }
}

/// How a payment with another town's points stands.
#[derive(Serialize)]
struct AskAnswer {
    payment: String,
    /// `approved`, `declined`, `cancelled`, or `unknown`: ask again.
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    points: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_act: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_act_en: Option<&'static str>,
}

/// Asks the base town for points, and waits a moment for its answer.
async fn ask(
    State(town): State<Town>,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<AskBody>,
) -> Result<Json<AskAnswer>, NoEntry> {
    let intent = body.intent(town.id(), key)?;
    let signed = SignedRoaming { intent, signature: signature(&body.signature)? };
    let submission = Submission {
        key: Some(OperationKey::Client(key)),
        command: Command::AskTown(signed, Nothing {}),
        evidence: None,
    };
    // Before the request goes out, so that no answer is missed.
    let mut news = town.engine().news();
    answer::submit(town.engine(), submission).await?;
    let payment = key.payment();
    let answered = async {
        loop {
            let found = look(&town, payment).await?;
            if !matches!(found, Some(AskState::Waiting(_))) {
                return Ok::<_, NoEntry>(found);
            }
            // Lagging behind is no harm: the state is read again.
            let _ = news.recv().await;
        }
    };
    let found = match tokio::time::timeout(WAIT, answered).await {
        Ok(found) => found?,
        Err(_) => look(&town, payment).await?,
    };
    Ok(Json(of(payment, found.ok_or(EdgeProblem::NotFound)?)))
}

async fn state(
    State(town): State<Town>,
    Path(payment): Path<String>,
) -> Result<Json<AskAnswer>, NoEntry> {
    let payment = payment_id(&payment)?;
    let found = look(&town, payment).await?;
    Ok(Json(of(payment, found.ok_or(Refusal::UnknownRequest)?)))
}

async fn look(town: &Town, payment: PaymentId) -> Result<Option<AskState>, NoEntry> {
    let request = TransferId(payment.0);
    answer::read(town.engine(), |ledger| ledger.asking(&request).map(|asking| asking.state)).await
}

fn of(payment: PaymentId, state: AskState) -> AskAnswer {
    let (ask, word, reason) = match state {
        AskState::Waiting(ask) => (Some(ask), "unknown", None),
        AskState::Taken(ask) => (Some(ask), "approved", None),
        AskState::Declined(ask, reason) => (Some(ask), "declined", Some(declined(reason))),
        AskState::Refused(ask, reason) => (Some(ask), "declined", Some(refused(reason))),
        AskState::Cancelled => (None, "cancelled", None),
    };
    let advice = match state {
        AskState::Waiting(_) => Some((
            "unknown",
            "結果はまだ分かりません。商品を渡さず、もう一度確認するか、取り消してください",
            "the result is not known yet: keep the goods, ask again, or cancel",
        )),
        AskState::Taken(_)
        | AskState::Declined(..)
        | AskState::Refused(..)
        | AskState::Cancelled => reason,
    };
    AskAnswer {
        payment: payment.to_string(),
        state: word,
        base: ask.map(|ask| ask.town.to_string()),
        points: ask.map(|ask| ask.points.get()),
        reason: reason.map(|(code, ..)| code),
        next_act: advice.map(|(_, ja, _)| ja),
        next_act_en: advice.map(|(.., en)| en),
    }
}

type Advice = (&'static str, &'static str, &'static str);

const fn declined(reason: DeclineReason) -> Advice {
    match reason {
        DeclineReason::NotProved | DeclineReason::UnknownHolder => (
            "not_proved",
            "本人確認の期限が切れました。もう一度マイキーIDとパスワードを入れてください",
            "the holder's proof is over: sign in at the terminal again",
        ),
        DeclineReason::NotOpen => (
            "account_not_open",
            "この口座は使えません。ご本人が基本の町の窓口に確かめてください",
            "the account cannot be used: the holder asks the base town's desk",
        ),
        DeclineReason::OverLimit => (
            "over_limit",
            "一回または一日の上限を超えます。ポイントを減らしてください",
            "above what the base town allows for a payment or a day: take fewer points",
        ),
        DeclineReason::ShortOfPoints => (
            "short_of_points",
            "ポイントが足りません。残りは現金などで受け取ってください",
            "too few points: take the rest in cash or by card",
        ),
        DeclineReason::NotMovable => (
            "not_movable",
            "この町で使えるポイントが足りません。ポイントを減らしてください",
            "too few of the points can be spent in this town: take fewer",
        ),
        DeclineReason::Cap | DeclineReason::NoAgreement => (
            "no_agreement",
            "二つの町の取り決めにより、今は受けられません",
            "the agreement of the two towns does not allow it now",
        ),
        DeclineReason::ShopNotAgreed => (
            "shop_not_agreed",
            "この町のポイントは、協定で決めた店だけで使えます",
            "points of that town are taken at the shops of the agreement only",
        ),
        DeclineReason::Unreadable => (
            "not_decided",
            "依頼が古いため受けられませんでした。もう一度支払ってください",
            "the request came too late to be decided: pay anew",
        ),
    }
}

const fn refused(reason: RefuseReason) -> Advice {
    match reason {
        RefuseReason::Cap | RefuseReason::NoAgreement | RefuseReason::NotMovable => {
            declined(DeclineReason::NoAgreement)
        }
        RefuseReason::Withdrawn
        | RefuseReason::UnknownRecipient
        | RefuseReason::TooManyLots
        | RefuseReason::Unreadable
        | RefuseReason::Cancelled
        | RefuseReason::NotAsked
        | RefuseReason::OverRefunded
        | RefuseReason::UnknownOriginal
        | RefuseReason::Fenced
        | RefuseReason::Closed => declined(DeclineReason::Unreadable),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CancelBody {
    merchant: u32,
    terminal: u32,
    payment: String,
    at: u64,
    signature: String,
}

/// The shop takes a request back that has no result; an offer that comes later is refused.
async fn cancel(
    State(town): State<Town>,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<CancelBody>,
) -> Result<Json<AskAnswer>, NoEntry> {
    let payment = payment_id(&body.payment)?;
    let intent = RoamingCancelIntent {
        town: town.id(),
        key,
        merchant: MerchantId(body.merchant),
        terminal: TerminalId(body.terminal),
        payment,
        at: Time(body.at),
    };
    let signed = SignedRoamingCancel { intent, signature: signature(&body.signature)? };
    let submission = Submission {
        key: Some(OperationKey::Client(key)),
        command: Command::CancelAsk(signed, Nothing {}),
        evidence: None,
    };
    answer::submit(town.engine(), submission).await?;
    Ok(Json(of(payment, AskState::Cancelled)))
}
