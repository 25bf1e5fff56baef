//! What a payment, a void or a refund would do, to be told at the till before it is confirmed.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use jichi_protocol::{command::Payer, ledger::RefundPreview, terms::Method};
use serde::Serialize;

use super::{
    answer::{self, NoEntry},
    body::StrictJson,
    idempotency::IdempotencyKey,
    payment::{PaymentBody, RefundBody, VoidBody},
    problem::edge::EdgeProblem,
    view::LotView,
};
use crate::{clock, town::Town};

#[derive(Serialize)]
struct PaymentPreview {
    /// What is taken, first to expire first.
    taken: Vec<LotView>,
    /// What is left to spend.
    left: u64,
    /// What is paid in cash or by card.
    rest_yen: Option<u64>,
}

/// What a payment would take.
pub(super) async fn payment(
    State(town): State<Town>,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<PaymentBody>,
) -> Result<Response, NoEntry> {
    let intent = body.intent(town.id(), key)?;
    let proof =
        town.proof(&intent.proof, clock::monotonic()).ok_or(EdgeProblem::Unauthenticated)?;
    if proof.terminal != intent.terminal {
        return Err(EdgeProblem::Unauthenticated.into());
    }
    let payer = Payer { account: proof.account, method: Method::Password };
    let seen = answer::read(town.engine(), |ledger| ledger.preview_payment(&intent, &payer));
    let seen = seen.await??;
    let rest = intent.total_yen.and_then(|total| total.minus(intent.points));
    let answer = PaymentPreview {
        taken: seen.taken.iter().map(LotView::of).collect(),
        left: seen.left.get(),
        rest_yen: rest.map(jichi_protocol::points::Points::get),
    };
    Ok(Json(answer).into_response())
}

#[derive(Serialize)]
struct Preview {
    /// Points that the holder can spend again.
    back: u64,
    /// Points that lapse as they come back.
    lapses: u64,
    /// Points that come back to an account that is closed.
    unclaimed: u64,
    /// What the shop gives in cash, since the law forbids points.
    in_cash: u64,
    /// What the purchase earned and goes back to the street.
    reward: u64,
}

impl From<RefundPreview> for Preview {
    fn from(seen: RefundPreview) -> Self {
        Self {
            back: seen.back.get(),
            lapses: seen.lapses.get(),
            unclaimed: seen.unclaimed.get(),
            in_cash: seen.in_cash.get(),
            reward: seen.reward.get(),
        }
    }
}

/// What a void would do now.
pub(super) async fn void(
    State(town): State<Town>,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<VoidBody>,
) -> Result<Response, NoEntry> {
    let intent = body.intent(town.id(), key)?;
    let now = clock::now();
    let seen = answer::read(town.engine(), |ledger| {
        ledger.preview_void(now.max(ledger.meta().last), &intent)
    });
    Ok(Json(Preview::from(seen.await??)).into_response())
}

/// What a refund would do.
pub(super) async fn refund(
    State(town): State<Town>,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<RefundBody>,
) -> Result<Response, NoEntry> {
    let intent = body.intent(town.id(), key)?;
    let seen = answer::read(town.engine(), |ledger| ledger.preview_refund(&intent));
    Ok(Json(Preview::from(seen.await??)).into_response())
}
