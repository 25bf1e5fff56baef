//! What shops' terminals ask: proof of a holder, payment, void, refund, and the result of any
//! operation, for ever.

use std::net::SocketAddr;

use axum::{
    Json, Router,
    extract::{ConnectInfo, Path, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use jichi_protocol::{
    account::Side,
    command::{Command, Nothing as NothingPart, Payer, SignedPayment, SignedRefund, SignedVoid},
    date::Time,
    entry::{Outcome, Submission},
    id::{MerchantId, PaymentId, TerminalId, TownId},
    intent::{PaymentIntent, RefundIntent, Rest, VoidIntent},
    key::{ClientKey, OperationKey},
    ledger::RefundPreview,
    points::Points,
    refusal::Refusal,
    signature::Signature,
    terms::Method,
};
use serde::{Deserialize, Serialize};

use super::{
    answer::{self, Done, NoEntry},
    body::{PasswordBody, StrictJson},
    caller::today,
    idempotency::IdempotencyKey,
    problem::{Problem, edge::EdgeProblem},
    resident::sign_in,
    reward::show_card,
    slip::Slip,
    street::CardBody,
};
use crate::{
    clock,
    engine::Committed,
    session::Token,
    town::{Town, proof_hash},
};

/// The routes of the terminals' listener.
pub fn routes() -> Router<Town> {
    Router::new()
        .route("/v1/proofs", post(prove))
        .route("/v1/payments", post(pay))
        .route("/v1/payments/preview", post(super::preview::payment))
        .route("/v1/voids", post(void))
        .route("/v1/voids/preview", post(super::preview::void))
        .route("/v1/refunds", post(refund))
        .route("/v1/refunds/preview", post(super::preview::refund))
        .route("/v1/operations/{key}", get(operation))
        .route("/v1/operations/{key}/receipt", get(receipt))
        .route("/v1/time", get(time))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProofBody {
    terminal: u32,
    mykey_id: Option<String>,
    password: Option<PasswordBody>,
    /// A street's card by its number, in the place of both.
    street_card: Option<CardBody>,
}

#[derive(Serialize)]
struct ProofAnswer {
    proof: String,
    valid_seconds: u64,
}

/// A holder shows MyKey ID and password, or a street's card, at a terminal; the token stands for
/// it for ten minutes.
async fn prove(
    State(town): State<Town>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    StrictJson(body): StrictJson<ProofBody>,
) -> Result<Response, NoEntry> {
    let terminal = TerminalId(body.terminal);
    let known = answer::read(town.engine(), |ledger| ledger.terminal(&terminal).is_some()).await?;
    if !known {
        return Err(Refusal::UnknownTerminal.into());
    }
    let (account, method) = match (body.mykey_id, body.password, body.street_card) {
        (Some(mykey_id), Some(password), None) => {
            (sign_in(&town, &mykey_id, password.0, address.ip()).await?, Method::Password)
        }
        (None, None, Some(card)) => {
            let account = show_card(&town, &card, terminal, address.ip()).await?;
            (account, Method::StreetCard)
        }
        _ => return Err(EdgeProblem::MissingField.into()),
    };
    let how = match method {
        Method::Password => "password",
        Method::CardPin => "card",
        Method::StreetCard => "street-card",
    };
    let evidence = format!("{how};terminal={terminal};time={}", clock::now());
    // Durable in the vault before anything can be decided on it.
    let evidence = town.people().evidence(account, evidence.as_bytes()).await;
    let evidence = evidence.map_err(|_| EdgeProblem::StorageFull)?;
    let token = Token::random().map_err(|_| EdgeProblem::Internal)?;
    town.keep_proof(&token, (account, terminal, method), evidence, clock::monotonic());
    let answer = ProofAnswer { proof: token.text().to_string(), valid_seconds: 600 };
    Ok(Json(answer).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PaymentBody {
    merchant: u32,
    terminal: u32,
    points: u64,
    total_yen: Option<u64>,
    /// How the rest of the price is paid.
    rest: Option<RestBody>,
    at: u64,
    proof: String,
    signature: String,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum RestBody {
    Cash,
    Card,
}

impl PaymentBody {
    pub(super) fn intent(&self, town: TownId, key: ClientKey) -> Result<PaymentIntent, Problem> {
        Ok(PaymentIntent {
            town,
            key,
            merchant: MerchantId(self.merchant),
            terminal: TerminalId(self.terminal),
            points: points(self.points)?,
            total_yen: self.total_yen.map(points).transpose()?,
            at: Time(self.at),
            proof: proof_hash(&self.proof),
            rest: self.rest.map(|rest| match rest {
                RestBody::Cash => Rest::Cash,
                RestBody::Card => Rest::Card,
            }),
        })
    }
}

#[derive(Serialize)]
struct PaymentAnswer {
    payment: String,
    points: u64,
    #[serde(flatten)]
    slip: Slip,
}

impl PaymentAnswer {
    async fn over(town: &Town, committed: &Committed, points: u64) -> Result<Done<Self>, NoEntry> {
        let slip = Slip::of(town, &committed.entry, Side::Debit).await?;
        let payment = committed.entry.submission.command.payment();
        let payment = payment.map_or_else(String::new, |payment| payment.to_string());
        Ok(Done::over(committed, Self { payment, points, slip }))
    }
}

/// A payment: the terminal signed the intent, the proof says whose points they are.
async fn pay(
    State(town): State<Town>,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<PaymentBody>,
) -> Result<Done<impl Serialize>, NoEntry> {
    let hash = proof_hash(&body.proof);
    let terminal = TerminalId(body.terminal);
    let intent = body.intent(town.id(), key)?;
    let signed = SignedPayment { intent, signature: signature(&body.signature)? };
    let Some(proof) = town.proof(&hash, clock::monotonic()) else {
        let committed = paid_before(&town, &signed).await?;
        return PaymentAnswer::over(&town, &committed, body.points).await;
    };
    if proof.terminal != terminal {
        return Err(EdgeProblem::Unauthenticated.into());
    }
    let payer = Payer { account: proof.account, method: proof.method };
    let submission = Submission {
        key: Some(OperationKey::Client(key)),
        command: Command::Pay(signed, payer),
        evidence: Some(proof.evidence),
    };
    let committed = answer::submit(town.engine(), submission).await?;
    PaymentAnswer::over(&town, &committed, body.points).await
}

/// The first answer to the very same payment, once its proof is no longer held: a proof lasts
/// ten minutes and no restart, the answer for ever.
async fn paid_before(town: &Town, again: &SignedPayment) -> Result<Committed, NoEntry> {
    let first = find(town, &again.intent.key.to_string()).await;
    let first = first.map_err(|fault| match fault {
        NoEntry::Problem(problem) if problem.code() == EdgeProblem::NotFound.line().code => {
            EdgeProblem::Unauthenticated.into()
        }
        fault @ (NoEntry::Problem(_) | NoEntry::Unknown(_)) => fault,
    })?;
    if let Command::Pay(signed, _) = &first.entry.submission.command
        && signed == again
    {
        return answer::done(first);
    }
    Err(EdgeProblem::Unauthenticated.into())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VoidBody {
    merchant: u32,
    terminal: u32,
    payment: String,
    at: u64,
    signature: String,
}

impl VoidBody {
    pub(super) fn intent(&self, town: TownId, key: ClientKey) -> Result<VoidIntent, Problem> {
        Ok(VoidIntent {
            town,
            key,
            merchant: MerchantId(self.merchant),
            terminal: TerminalId(self.terminal),
            payment: payment_id(&self.payment)?,
            at: Time(self.at),
        })
    }
}

async fn void(
    State(town): State<Town>,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<VoidBody>,
) -> Result<Done<impl Serialize>, NoEntry> {
    let intent = body.intent(town.id(), key)?;
    let signed = SignedVoid { intent, signature: signature(&body.signature)? };
    let submission = Submission {
        key: Some(OperationKey::Client(key)),
        command: Command::Void(signed, NothingPart {}),
        evidence: None,
    };
    let committed = answer::submit(town.engine(), submission).await?;
    Ok(Done::over(&committed, VoidAnswer { voided: body.payment }))
}

#[derive(Serialize)]
struct VoidAnswer {
    voided: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RefundBody {
    merchant: u32,
    terminal: u32,
    payment: String,
    points: u64,
    at: u64,
    signature: String,
}

impl RefundBody {
    pub(super) fn intent(&self, town: TownId, key: ClientKey) -> Result<RefundIntent, Problem> {
        Ok(RefundIntent {
            town,
            key,
            merchant: MerchantId(self.merchant),
            terminal: TerminalId(self.terminal),
            payment: payment_id(&self.payment)?,
            points: points(self.points)?,
            at: Time(self.at),
        })
    }
}

#[derive(Serialize)]
struct RefundAnswer {
    refunded: u64,
    back: u64,
    lapsed: u64,
    unclaimed: u64,
    in_cash: u64,
    /// What the purchase earned and goes back to the street.
    reward: u64,
    #[serde(flatten)]
    slip: Slip,
}

async fn refund(
    State(town): State<Town>,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<RefundBody>,
) -> Result<Done<impl Serialize>, NoEntry> {
    let intent = body.intent(town.id(), key)?;
    let asked = intent.points;
    let signed = SignedRefund { intent, signature: signature(&body.signature)? };
    let submission = Submission {
        key: Some(OperationKey::Client(key)),
        command: Command::Refund(signed, NothingPart {}),
        evidence: None,
    };
    let committed = answer::submit(town.engine(), submission).await?;
    let Outcome::Done(effect) = &committed.entry.outcome else {
        return Err(EdgeProblem::Internal.into());
    };
    let did = RefundPreview::of(&effect.postings, asked);
    let slip = Slip::of(&town, &committed.entry, Side::Credit).await?;
    let answer = RefundAnswer {
        refunded: body.points,
        back: did.back.get(),
        lapsed: did.lapses.get(),
        unclaimed: did.unclaimed.get(),
        in_cash: did.in_cash.get(),
        reward: did.reward.get(),
        slip,
    };
    Ok(Done::over(&committed, answer))
}

/// Points of an entry that lapsed as they came back.
pub(super) fn lapsed_in(outcome: &Outcome) -> Points {
    use jichi_protocol::{
        account::{Account, Side},
        posting::Posting,
    };
    let Outcome::Done(effect) = outcome else { return Points::ZERO };
    let lapsed = effect.postings.as_slice().iter().filter_map(|posting| match posting {
        Posting::Book { account: Account::Lapsed(_), side: Side::Credit, points } => Some(*points),
        Posting::Book { .. } | Posting::Lots { .. } => None,
    });
    Points::sum(lapsed).unwrap_or(Points::MAX)
}

#[derive(Serialize)]
struct OperationAnswer {
    kind: &'static str,
}

/// The result of an operation by its key: the key is known only to who made it.
pub(super) async fn operation(
    State(town): State<Town>,
    Path(key): Path<String>,
) -> Result<Done<impl Serialize>, NoEntry> {
    let committed = find(&town, &key).await?;
    let committed = answer::done(committed)?;
    let kind = committed.entry.submission.command.kind_name();
    Ok(Done::over(&committed, OperationAnswer { kind }))
}

/// The receipt of an operation by its key: a C2SP tlog-proof.
async fn receipt(State(town): State<Town>, Path(key): Path<String>) -> Result<String, NoEntry> {
    let committed = find(&town, &key).await?;
    Ok(answer::receipt(town.engine(), &committed)?.to_string())
}

pub(super) async fn find(town: &Town, key: &str) -> Result<Committed, NoEntry> {
    let key: ClientKey = key.parse().map_err(|_| EdgeProblem::NotFound)?;
    let remembered =
        answer::read(town.engine(), |ledger| ledger.key_use(&key).map(|used| used.entry)).await?;
    let index = match remembered {
        Some(index) => index,
        None => {
            town.index().up_to(town.engine().durable()).await;
            let found = town.index().of_key(&key).map_err(|_| EdgeProblem::Internal)?;
            found.ok_or(EdgeProblem::NotFound)?
        }
    };
    town.engine().committed(index).map_err(|_| EdgeProblem::Internal.into())
}

#[derive(Serialize)]
struct TimeAnswer {
    ms: u64,
    date: String,
}

/// The node's time, for terminals.
async fn time() -> Json<impl Serialize> {
    Json(TimeAnswer { ms: clock::now().0, date: today().to_string() })
}

/// A number of points from a body.
pub(super) fn points(points: u64) -> Result<Points, Problem> {
    Points::new(points).ok_or_else(|| EdgeProblem::NumberOutOfRange.into())
}

pub(super) fn payment_id(text: &str) -> Result<PaymentId, Problem> {
    text.parse().map_err(|_| Problem::from(EdgeProblem::InvalidValue).in_field("payment"))
}

pub(super) fn signature(text: &str) -> Result<Signature, Problem> {
    text.parse().map_err(|_| Problem::from(EdgeProblem::InvalidValue).in_field("signature"))
}
