//! What terminals ask about streets' cards: who a card's number names, rewards and their return.

use std::net::IpAddr;

use axum::{Router, extract::State, routing::post};
use jichi_protocol::{
    command::{
        Command, Earner, Nothing, RewardIntent, RewardReturnIntent, SignedReward,
        SignedRewardReturn,
    },
    date::Time,
    entry::Submission,
    id::{AccountId, MerchantId, SchemeId, TerminalId},
    key::OperationKey,
    refusal::Refusal,
};
use serde::{Deserialize, Serialize};

use super::{
    answer::{self, Done, NoEntry},
    body::StrictJson,
    idempotency::IdempotencyKey,
    payment::{find, payment_id, points, signature},
    problem::{Problem, edge::EdgeProblem},
    slip::reward_in,
    street::CardBody,
};
use crate::{
    clock,
    engine::Committed,
    throttle::{Try, Wait},
    town::{Town, proof_hash},
};

/// The routes, on the terminals' listener.
pub fn routes() -> Router<Town> {
    Router::new().route("/v1/rewards", post(reward)).route("/v1/reward-returns", post(give_back))
}

/// Whose account a street's card names, at a terminal. A number can be copied and guessed, so it
/// pays within its own low limits, and a terminal that tries numbers is slowed down.
pub(super) async fn show_card(
    town: &Town,
    body: &CardBody,
    terminal: TerminalId,
    source: IpAddr,
) -> Result<AccountId, NoEntry> {
    let who = Try::new(&format!("street card at {terminal}"), source);
    if let Err(Wait(wait)) = town.throttle().admit(who, clock::monotonic()) {
        return Err(Problem::from(EdgeProblem::TooManyTries).retry_after(wait).into());
    }
    let number = body.number()?;
    let card = town.people().cards().find(SchemeId(body.scheme), &number);
    let card = card.ok_or(Refusal::UnknownStreetCard)?;
    let usable = answer::read(town.engine(), |ledger| {
        ledger.usable_card(&card).map(|linked| linked.account)
    });
    let account = usable.await??;
    town.throttle().forgive(who);
    Ok(account)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RewardBody {
    merchant: u32,
    terminal: u32,
    /// What was paid in cash on the receipt, tax included.
    cash_yen: u64,
    at: u64,
    proof: String,
    signature: String,
}

#[derive(Serialize)]
struct RewardAnswer {
    reward: String,
    points: u64,
}

/// A purchase in cash earns.
async fn reward(
    State(town): State<Town>,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<RewardBody>,
) -> Result<Done<impl Serialize>, NoEntry> {
    let hash = proof_hash(&body.proof);
    let terminal = TerminalId(body.terminal);
    let intent = RewardIntent {
        town: town.id(),
        key,
        merchant: MerchantId(body.merchant),
        terminal,
        cash_yen: points(body.cash_yen)?,
        at: Time(body.at),
        proof: hash,
    };
    let signed = SignedReward { intent, signature: signature(&body.signature)? };
    let Some(proof) = town.proof(&hash, clock::monotonic()) else {
        return earned_before(&town, &signed).await.map(|committed| earned(&committed));
    };
    if proof.terminal != terminal {
        return Err(EdgeProblem::Unauthenticated.into());
    }
    let earner = Earner { account: proof.account, method: proof.method };
    let submission = Submission {
        key: Some(OperationKey::Client(key)),
        command: Command::Reward(signed, earner),
        evidence: Some(proof.evidence),
    };
    answer::submit(town.engine(), submission).await.map(|committed| earned(&committed))
}

fn earned(committed: &Committed) -> Done<RewardAnswer> {
    let points = reward_in(&committed.entry.outcome).get();
    let key = committed.entry.submission.client_key();
    let reward = key.map_or_else(String::new, |key| key.payment().to_string());
    Done::over(committed, RewardAnswer { reward, points })
}

/// The first answer to the very same reward, once its proof is no longer held.
async fn earned_before(town: &Town, again: &SignedReward) -> Result<Committed, NoEntry> {
    if let Ok(first) = find(town, &again.intent.key.to_string()).await
        && let Command::Reward(signed, _) = &first.entry.submission.command
        && signed == again
    {
        return answer::done(first);
    }
    Err(EdgeProblem::Unauthenticated.into())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReturnBody {
    merchant: u32,
    terminal: u32,
    /// The payment or the reward of the purchase.
    purchase: String,
    /// The cash that was given back; all of it where it is left out.
    cash_yen: Option<u64>,
    at: u64,
    signature: String,
}

#[derive(Serialize)]
struct ReturnAnswer {
    taken_back: u64,
}

/// Cash was given back, so what it earned goes back to the street.
async fn give_back(
    State(town): State<Town>,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<ReturnBody>,
) -> Result<Done<impl Serialize>, NoEntry> {
    let intent = RewardReturnIntent {
        town: town.id(),
        key,
        merchant: MerchantId(body.merchant),
        terminal: TerminalId(body.terminal),
        purchase: payment_id(&body.purchase)?,
        cash_yen: body.cash_yen.map(points).transpose()?,
        at: Time(body.at),
    };
    let signed = SignedRewardReturn { intent, signature: signature(&body.signature)? };
    let submission = Submission {
        key: Some(OperationKey::Client(key)),
        command: Command::ReturnReward(signed, Nothing {}),
        evidence: None,
    };
    let committed = answer::submit(town.engine(), submission).await?;
    let taken_back = reward_in(&committed.entry.outcome).get();
    Ok(Done::over(&committed, ReturnAnswer { taken_back }))
}
