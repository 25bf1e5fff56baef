//! The base town's side: who a holder is, and what is paid of what another town's shop asks.

use std::time::Duration;

use jichi_protocol::{
    command::{Command, HandleIssue, Nothing, RequestNamed, RequestProof},
    digest::Digest,
    entry::Submission,
    id::{AccountId, Handle, TownId, TransferId},
    key::{ClientKey, OperationKey},
    ledger::Ledger,
    points::Points,
    roaming::Asked,
    terms::Method,
};
use secrecy::SecretString;
use tokio::sync::broadcast::error::RecvError;

use super::{AwayProofs, HolderReply, HolderRequest, source_of};
use crate::{
    api::{answer, problem::edge::EdgeProblem, resident::sign_in},
    clock,
    engine::{Engine, Standing},
    session::Token,
    town::{Town, proof_hash},
};

/// How often requests are looked for when nothing happens.
const TICK: Duration = Duration::from_secs(1);

/// Says who a holder is, to a town at one of whose shops the holder typed ID and password.
pub async fn holder(
    town: &Town,
    proofs: &AwayProofs,
    asking: TownId,
    request: HolderRequest,
) -> HolderReply {
    if !request.is_bounded() {
        return HolderReply::NotSeen;
    }
    let agreed = answer::read(town.engine(), |ledger| ledger.agrees_today(&asking)).await;
    match agreed {
        Ok(true) => {}
        Ok(false) => return HolderReply::NoAgreement,
        Err(_) => return HolderReply::TryLater,
    }
    let password = SecretString::from(request.password);
    let account = match sign_in(town, &request.mykey, password, source_of(asking)).await {
        Ok(account) => account,
        Err(problem) => {
            return match problem.seconds() {
                Some(seconds) => HolderReply::TooManyTries { seconds },
                None if problem.code() == EdgeProblem::SignInFailed.line().code => {
                    HolderReply::NotSeen
                }
                None => HolderReply::TryLater,
            };
        }
    };
    seen(town, proofs, asking, account).await.unwrap_or(HolderReply::TryLater)
}

async fn seen(
    town: &Town,
    proofs: &AwayProofs,
    asking: TownId,
    account: AccountId,
) -> Option<HolderReply> {
    let read = move |ledger: &Ledger| {
        let mut handles = ledger.handles_of(&account).filter(|(_, user)| **user == asking);
        let handle = handles.next().map(|(handle, _)| *handle);
        (handle, ledger.spendable_in(&account, &asking))
    };
    let (known, usable): (Option<Handle>, Points) = answer::read(town.engine(), read).await.ok()?;
    let holder = match known {
        Some(handle) => handle,
        None => issue(town, asking, account).await?,
    };
    let evidence = format!("password;town={asking};time={}", clock::now());
    let evidence = town.people().evidence(account, evidence.as_bytes()).await.ok()?;
    let token = Token::random().ok()?;
    let hash = proof_hash(&token.text());
    proofs.keep(hash, (account, asking, Method::Password), evidence, clock::monotonic());
    Some(HolderReply::Seen { holder, proof: token.text().to_string(), usable })
}

/// The holder's word at the shop is the consent to a handle for its town.
async fn issue(town: &Town, asking: TownId, account: AccountId) -> Option<Handle> {
    let key = new_key()?;
    let handle = Handle::derived("jichi/handle/v1", key.bytes());
    let command = Command::IssueHandle(Nothing {}, HandleIssue { account, town: asking, handle });
    let submission = Submission { key: Some(OperationKey::Client(key)), command, evidence: None };
    answer::submit(town.engine(), submission).await.ok().map(|_| handle)
}

fn new_key() -> Option<ClientKey> {
    let mut random = [0_u8; 10];
    getrandom::fill(&mut random).ok()?;
    Some(ClientKey::of(clock::now(), random))
}

/// Answers requests of other towns as they come, and those that a stop left.
pub async fn run(engine: Engine, proofs: AwayProofs) {
    if engine.standing_known().await == Standing::Behind {
        return;
    }
    let mut news = engine.news();
    while !engine.is_behind() {
        answer_all(&engine, &proofs).await;
        tokio::select! {
            durable = news.recv() => {
                if matches!(durable, Err(RecvError::Closed)) {
                    return;
                }
            }
            () = tokio::time::sleep(TICK) => {}
        }
    }
}

async fn answer_all(engine: &Engine, proofs: &AwayProofs) {
    let waiting = engine.read(|ledger| {
        let of = |(request, asked): (&TransferId, &Asked)| match asked {
            Asked::Waiting { town, account, body } => Some((*request, *town, *account, body.proof)),
            Asked::Answered(_) | Asked::Cancelled(_) => None,
        };
        ledger.unanswered().filter_map(of).collect::<Vec<_>>()
    });
    for (request, town, account, proof) in waiting.await.unwrap_or_default() {
        pay(engine, proofs, request, (town, account, proof)).await;
    }
}

async fn pay(
    engine: &Engine,
    proofs: &AwayProofs,
    request: TransferId,
    (town, account, proof): (TownId, AccountId, Digest),
) {
    let Some(key) = new_key() else { return };
    let proof = proofs.take(&proof, clock::monotonic());
    let proof = proof.filter(|proof| proof.town == town && proof.account == account);
    let seen = RequestProof { account, method: proof.map(|proof| proof.method) };
    let submission = Submission {
        key: Some(OperationKey::Client(key)),
        command: Command::PayRequest(RequestNamed { request }, seen),
        evidence: proof.map(|proof| proof.evidence),
    };
    match engine.submit(submission).await {
        Ok(_) => {}
        // It is looked at again, and by then without its proof: the shop asks the holder anew.
        Err(error) => tracing::warn!(%town, ?error, "a request of another town was not answered"),
    }
}
