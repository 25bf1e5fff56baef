//! What companies ask of the coordinator: to route a conversion, and what was decided about it.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use axum::{
    Json, Router,
    extract::{Path, Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use jichi_protocol::{
    catalogue::{CatalogueVersion, CompanyPoints},
    codec,
    command::SignedConversion,
    decision::{ConversionVerdict, SignedDecision},
    digest::Hex,
    id::CompanyId,
    intent::ConversionStatement,
    points::Points,
    refusal::Refusal,
    signature::{Domain, PublicKey},
};
use serde::{Deserialize, Serialize};

use super::{
    CoordinatorError, NotDecided, forward,
    routes::{NotKept, RouteKey, Routes},
};
use crate::{
    api::{
        body,
        problem::{Problem, edge::EdgeProblem},
        resident::invalid,
        sign::{Origin, SignatureGate},
    },
    clock,
    config::Config,
    federation::Members,
    peer::PeerHandle,
};

/// A company that may ask.
#[derive(Debug, Clone, Copy)]
pub(super) struct Company {
    key: PublicKey,
    daily_quota: u64,
}

/// What the handlers share. Cheap to clone.
#[derive(Clone)]
pub(super) struct Coordinator(Arc<Parts>);

struct Parts {
    routes: Routes,
    companies: BTreeMap<CompanyId, Company>,
    peer: PeerHandle,
    members: Members,
    gate: SignatureGate,
}

impl Coordinator {
    pub(super) fn new(
        routes: Routes,
        companies: BTreeMap<CompanyId, Company>,
        (peer, members): (PeerHandle, Members),
        address: SocketAddr,
    ) -> Self {
        let origin: Vec<Origin> = format!("http://{address}").parse().into_iter().collect();
        let gate = SignatureGate::new(origin, clock::now());
        Self(Arc::new(Parts { routes, companies, peer, members, gate }))
    }
}

impl Coordinator {
    /// The key of a company, by the id that it signs its requests under.
    fn key_of(&self, id: &str) -> Option<PublicKey> {
        let company: CompanyId = id.parse().ok()?;
        self.0.companies.get(&company).map(|company| company.key)
    }
}

/// The companies of a configuration.
pub(super) fn companies(config: &Config) -> Result<BTreeMap<CompanyId, Company>, CoordinatorError> {
    let of = |company: &crate::config::CompanyConfig| {
        let wrong = || CoordinatorError::Company(company.company.clone());
        let id = company.company.parse().map_err(|_| wrong())?;
        let key = company.public_key.parse().map_err(|_| wrong())?;
        Ok((id, Company { key, daily_quota: company.daily_quota }))
    };
    config.companies.iter().map(of).collect()
}

/// The companies' routes.
pub(super) fn routes() -> Router<Coordinator> {
    Router::new()
        .route("/v1/conversions", post(convert))
        .route("/v1/conversions/{company}/{reference}", get(decided))
}

/// Health, on its own listener.
pub(super) fn health() -> Router<Coordinator> {
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(async || "ok\n"))
        .route("/metrics", get(metrics))
}

async fn metrics(State(coordinator): State<Coordinator>) -> String {
    let waiting = coordinator.0.routes.undecided().len();
    format!("# TYPE jichi_routes_undecided gauge\njichi_routes_undecided {waiting}\n")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConversionBody {
    company: String,
    reference: String,
    town: String,
    link: String,
    amount: u64,
    catalogue: u32,
    points: u64,
    signed: String,
    signature: String,
}

impl ConversionBody {
    fn conversion(&self) -> Result<SignedConversion, Problem> {
        let statement = ConversionStatement {
            company: self.company.parse().map_err(|_| invalid("company"))?,
            reference: self.reference.parse().map_err(|_| invalid("reference"))?,
            town: self.town.parse().map_err(|_| invalid("town"))?,
            link: self.link.parse().map_err(|_| invalid("link"))?,
            amount: CompanyPoints(self.amount),
            catalogue: CatalogueVersion(self.catalogue),
            points: Points::new(self.points).ok_or(EdgeProblem::NumberOutOfRange)?,
            signed: self.signed.parse().map_err(|_| invalid("signed"))?,
        };
        let signature = self.signature.parse().map_err(|_| invalid("signature"))?;
        Ok(SignedConversion { statement, signature })
    }
}

#[derive(Serialize)]
struct DecisionAnswer {
    status: &'static str,
    points: Option<u64>,
    conversion: Option<String>,
    entry: Option<u64>,
    /// The code of the refusal.
    code: Option<&'static str>,
    /// Whether the same reference may be sent again.
    retry: bool,
    /// The home node's signed decision: canonical bytes, hexadecimal.
    decision: Option<String>,
    /// The C2SP tlog-proof of its entry.
    proof: Option<String>,
}

impl DecisionAnswer {
    const QUEUED: Self = Self {
        status: "queued",
        points: None,
        conversion: None,
        entry: None,
        code: None,
        retry: true,
        decision: None,
        proof: None,
    };

    fn of(signed: &SignedDecision) -> Self {
        let base = Self {
            decision: Some(Hex(&codec::encode(signed)).to_string()),
            proof: signed.proof.clone(),
            retry: false,
            ..Self::QUEUED
        };
        match signed.decision.verdict {
            ConversionVerdict::Converted { points, entry, conversion } => Self {
                status: "converted",
                points: Some(points.get()),
                conversion: Some(conversion.to_string()),
                entry: Some(entry.0),
                ..base
            },
            ConversionVerdict::Refused { number, entry } => {
                Self { status: "refused", entry: Some(entry.0), code: code_of(number), ..base }
            }
            ConversionVerdict::NotTaken { number } => {
                Self { status: "not_taken", code: code_of(number), retry: true, ..base }
            }
        }
    }
}

fn code_of(number: u16) -> Option<&'static str> {
    Refusal::CODES.iter().find(|(_, n)| *n == number).map(|(code, _)| *code)
}

/// A company asks: the request is signed (RFC 9421), and the statement in it as well.
async fn convert(
    State(coordinator): State<Coordinator>,
    request: Request,
) -> Result<Response, Problem> {
    let parts = &coordinator.0;
    let (head, incoming) = request.into_parts();
    body::check_content_type(&head.headers)?;
    let bytes = body::read(incoming, body::JSON_BYTES_MAX).await?;
    let signed_by = parts.gate.verify(&head, &bytes, clock::now(), |id| coordinator.key_of(id))?;
    let wanted: ConversionBody = body::parse(&bytes)?;
    let conversion = wanted.conversion()?;
    let statement = &conversion.statement;
    if statement.company.as_str() != signed_by.key_id() {
        return Err(EdgeProblem::BadSignature.into());
    }
    let company = parts.companies.get(&statement.company).ok_or(EdgeProblem::BadSignature)?;
    company
        .key
        .verify(Domain::Conversion, &codec::encode(statement), &conversion.signature)
        .map_err(|_| EdgeProblem::BadSignature)?;
    let known = parts.routes.conversion(&(statement.company, statement.reference.clone()));
    if known.is_none() {
        let asked = parts.routes.asked_on(statement.company, statement.signed);
        if asked.saturating_add(statement.amount.0) > company.daily_quota {
            return Err(EdgeProblem::TooManyRequests.into());
        }
    }
    let key = parts.routes.ask(conversion).await.map_err(|not_kept| match not_kept {
        NotKept::OtherContent => {
            Problem::from(Refusal::SameKeyOtherContent { first: jichi_protocol::id::EntryIndex(0) })
        }
        NotKept::StorageFull => EdgeProblem::StorageFull.into(),
    })?;
    answer(&coordinator, &key).await
}

async fn answer(coordinator: &Coordinator, key: &RouteKey) -> Result<Response, Problem> {
    let parts = &coordinator.0;
    if let Some(decision) = parts.routes.decision(key) {
        return Ok(Json(DecisionAnswer::of(&decision)).into_response());
    }
    match forward(&parts.routes, &parts.peer, &parts.members, key).await {
        Ok(decision) => Ok(Json(DecisionAnswer::of(&decision)).into_response()),
        Err(NotDecided::Unreachable | NotDecided::NoDecision | NotDecided::NotKept) => {
            Ok((StatusCode::ACCEPTED, Json(DecisionAnswer::QUEUED)).into_response())
        }
    }
}

/// What was decided; only the company itself may ask, by a signed request.
async fn decided(
    State(coordinator): State<Coordinator>,
    Path((company, reference)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let parts = &coordinator.0;
    let (head, _) = request.into_parts();
    let signed_by = parts.gate.verify(&head, &[], clock::now(), |id| coordinator.key_of(id))?;
    if signed_by.key_id() != company {
        return Err(EdgeProblem::NotFound.into());
    }
    let company = company.parse().map_err(|_| EdgeProblem::NotFound)?;
    let reference = reference.parse().map_err(|_| EdgeProblem::NotFound)?;
    let key = (company, reference);
    if parts.routes.conversion(&key).is_none() {
        return Err(EdgeProblem::NotFound.into());
    }
    match parts.routes.decision(&key) {
        Some(decision) => Ok(Json(DecisionAnswer::of(&decision)).into_response()),
        None => Ok((StatusCode::ACCEPTED, Json(DecisionAnswer::QUEUED)).into_response()),
    }
}
