//! The life of an account: companies' codes, closing, moving, estates, corrections, legal hold,
//! erasure, and the sign-in given anew at the desk.

use std::net::SocketAddr;

use axum::{
    Json, Router,
    extract::{ConnectInfo, Path, State},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use jichi_protocol::{
    account::HolderClass,
    catalogue::{CatalogueVersion, CompanyPoints},
    command::{
        AccountClosing, Actor, ClassChange, CodeEntry, Command, Correction, CorrectionLeg,
        CorrectionReason, Direction, Erasure, ErasureReason, Estate, LegalHold, LegalHoldChange,
        Nothing, Reissue, Reissued, Share, SignedCode,
    },
    digest::Digest,
    entry::Submission,
    id::{AccountId, OfficerId},
    intent::{CodeStatement, code_hash},
    key::{ClientKey, OperationKey},
    lot::Lot,
    text::company_code::CompanyCode,
};
use serde::{Deserialize, Serialize};

use super::{
    answer::{self, Done, NoEntry},
    body::{PasswordBody, StrictJson, TextBody},
    caller::{Officer, Resident},
    idempotency::IdempotencyKey,
    look_up::note_at_desk,
    payment::points,
    problem::{Problem, edge::EdgeProblem},
    proposing::{self, ProposalAnswer},
    resident::invalid,
    view::LotView,
};
use crate::{
    clock,
    look_up::Looked,
    password::PasswordOf,
    staff::Role,
    throttle::{Try, Wait},
    town::Town,
};

/// The holders' and companies' routes, on the public listener.
pub fn public_routes() -> Router<Town> {
    Router::new()
        .route("/v1/company-codes", post(issue_code))
        .route("/v1/me/exchange-codes", post(enter_own))
        .route("/v1/me/closing", post(close_own))
}

/// The staff's routes.
pub fn staff_routes() -> Router<Town> {
    Router::new()
        .route("/v1/accounts/{account}/exchange-codes", post(enter_at_desk))
        .route("/v1/accounts/{account}/closing", post(close_at_desk))
        .route("/v1/accounts/{account}/class", post(set_class))
        .route("/v1/accounts/{account}/estate", post(propose_estate))
        .route("/v1/accounts/{account}/legal-hold", post(set_legal_hold))
        .route("/v1/accounts/{account}/password", post(reset_password))
        .route("/v1/accounts/{account}/lots", get(lots))
        .route("/v1/corrections", post(propose_correction))
        .route("/v1/erasures", post(propose_erasure))
        .route("/v1/erasures/due", get(erasures_due))
}

async fn done(
    town: &Town,
    key: ClientKey,
    command: Command,
) -> Result<Done<answer::Nothing>, NoEntry> {
    let submission = Submission { key: Some(OperationKey::Client(key)), command, evidence: None };
    let committed = answer::submit(town.engine(), submission).await?;
    Ok(Done::over(&committed, answer::Nothing {}))
}

fn account_of(text: &str) -> Result<AccountId, Problem> {
    text.parse().map_err(|_| EdgeProblem::NotFound.into())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IssueBody {
    company: String,
    reference: String,
    town: String,
    /// The code's hash, 64 hexadecimal digits.
    code: String,
    amount: u64,
    catalogue: u32,
    points: u64,
    signed: String,
    last_day: String,
    signature: String,
}

/// A company issues a code: its signature decides, whoever brings it.
async fn issue_code(
    State(town): State<Town>,
    StrictJson(body): StrictJson<IssueBody>,
) -> Result<Done<answer::Nothing>, NoEntry> {
    let statement = CodeStatement {
        company: body.company.parse().map_err(|_| invalid("company"))?,
        reference: body.reference.parse().map_err(|_| invalid("reference"))?,
        town: body.town.parse().map_err(|_| invalid("town"))?,
        code: jichi_protocol::digest::from_hex(&body.code)
            .map(Digest)
            .map_err(|_| invalid("code"))?,
        amount: CompanyPoints(body.amount),
        catalogue: CatalogueVersion(body.catalogue),
        points: points(body.points)?,
        signed: body.signed.parse().map_err(|_| invalid("signed"))?,
        last_day: body.last_day.parse().map_err(|_| invalid("last_day"))?,
    };
    let signature = body.signature.parse().map_err(|_| invalid("signature"))?;
    let (company, reference) = (statement.company, statement.reference.clone());
    let submission = Submission {
        key: Some(OperationKey::Company { company, reference }),
        command: Command::IssueCode(SignedCode { statement, signature }, Nothing {}),
        evidence: None,
    };
    let committed = answer::submit(town.engine(), submission).await?;
    Ok(Done::over(&committed, answer::Nothing {}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CodeBody {
    company: String,
    code: String,
}

/// Enters a code. Wrong codes cost a growing delay, as wrong passwords do.
async fn enter(
    town: &Town,
    (key, entered): (ClientKey, (AccountId, Actor)),
    body: &CodeBody,
    source: SocketAddr,
) -> Result<Done<answer::Nothing>, NoEntry> {
    let (account, actor) = entered;
    let company = body.company.parse().map_err(|_| invalid("company"))?;
    let code: CompanyCode = body.code.parse().map_err(|_| invalid("code"))?;
    let who = Try::new(&format!("exchange code of {account}"), source.ip());
    let admitted = town.throttle().admit(who, clock::monotonic());
    if let Err(Wait(wait)) = admitted {
        return Err(Problem::from(EdgeProblem::TooManyTries).retry_after(wait).into());
    }
    let entered = CodeEntry { account, code: code_hash(&company, &code), actor };
    let answer = done(town, key, Command::EnterCode(Nothing {}, entered)).await;
    if answer.is_ok() {
        town.throttle().forgive(who);
    }
    answer
}

async fn enter_own(
    State(town): State<Town>,
    Resident(account): Resident,
    ConnectInfo(source): ConnectInfo<SocketAddr>,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<CodeBody>,
) -> Result<Done<answer::Nothing>, NoEntry> {
    enter(&town, (key, (account, Actor::Holder)), &body, source).await
}

async fn enter_at_desk(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(account): Path<String>,
    ConnectInfo(source): ConnectInfo<SocketAddr>,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<CodeBody>,
) -> Result<Done<answer::Nothing>, NoEntry> {
    let officer = officer.require(Role::Desk)?;
    let account = account_of(&account)?;
    enter(&town, (key, (account, Actor::Officer(officer))), &body, source).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClosingBody {
    /// The balance that the holder was told and gives up.
    forfeit: u64,
}

async fn close(
    town: &Town,
    key: ClientKey,
    closing: AccountClosing,
) -> Result<Done<answer::Nothing>, NoEntry> {
    let account = closing.account;
    let answer = done(town, key, Command::CloseAccount(Nothing {}, closing)).await?;
    town.residents().close_all(&account);
    Ok(answer)
}

/// 利用をやめる: the holder's own button.
async fn close_own(
    State(town): State<Town>,
    Resident(account): Resident,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<ClosingBody>,
) -> Result<Done<answer::Nothing>, NoEntry> {
    let closing = AccountClosing { account, forfeit: points(body.forfeit)?, actor: Actor::Holder };
    close(&town, key, closing).await
}

async fn close_at_desk(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(account): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<ClosingBody>,
) -> Result<Done<answer::Nothing>, NoEntry> {
    let actor = Actor::Officer(officer.require(Role::Desk)?);
    let closing =
        AccountClosing { account: account_of(&account)?, forfeit: points(body.forfeit)?, actor };
    close(&town, key, closing).await
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ClassBody {
    Resident,
    Visitor,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClassChangeBody {
    class: ClassBody,
}

async fn set_class(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(account): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<ClassChangeBody>,
) -> Result<Done<answer::Nothing>, NoEntry> {
    let officer = officer.require(Role::Desk)?;
    let class = match body.class {
        ClassBody::Resident => HolderClass::Resident,
        ClassBody::Visitor => HolderClass::Visitor,
    };
    let change = ClassChange { account: account_of(&account)?, class, officer };
    done(&town, key, Command::SetAccountClass(Nothing {}, change)).await
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum HoldBody {
    Kept,
    Over,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LegalHoldBody {
    hold: HoldBody,
}

async fn set_legal_hold(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(account): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<LegalHoldBody>,
) -> Result<Done<answer::Nothing>, NoEntry> {
    let officer = officer.require(Role::Approver)?;
    let hold = match body.hold {
        HoldBody::Kept => LegalHold::Kept,
        HoldBody::Over => LegalHold::Over,
    };
    let change = LegalHoldChange { account: account_of(&account)?, hold, officer };
    done(&town, key, Command::SetLegalHold(Nothing {}, change)).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResetBody {
    password: PasswordBody,
}

/// The desk gives a new password: who did it is written down first, so that it can be found.
async fn reset_password(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(account): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<ResetBody>,
) -> Result<Done<answer::Nothing>, NoEntry> {
    let officer = officer.require(Role::Desk)?;
    let account = account_of(&account)?;
    let hash = town.pool().hash(PasswordOf::Resident, body.password.0).await;
    let hash = hash.map_err(|_| EdgeProblem::Overloaded)?;
    let hash = hash.map_err(|_| invalid("password"))?;
    let reissue = Reissue { account, what: Reissued::Password, officer };
    let answer = done(&town, key, Command::Reissue(Nothing {}, reissue)).await?;
    // A crash here: the old password holds, and the same key sets the new one.
    let set = town.people().set_password(account, &hash).await;
    set.map_err(|_| EdgeProblem::StorageFull)?;
    town.residents().close_all(&account);
    Ok(answer)
}

#[derive(Serialize)]
struct NumberedLot {
    /// Its place, by which a correction names it.
    lot: usize,
    #[serde(flatten)]
    shown: LotView,
}

/// The lots of an account, for a correction to name.
async fn lots(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(account): Path<String>,
) -> Result<Response, NoEntry> {
    let officer = officer.require(Role::Desk)?;
    let account = account_of(&account)?;
    let held = held(&town, account).await?;
    note_at_desk(&town, (officer, account), Looked::Lots).await?;
    let lots = held.iter().map(LotView::of).enumerate();
    let lots: Vec<_> = lots.map(|(lot, shown)| NumberedLot { lot, shown }).collect();
    Ok(Json(lots).into_response())
}

async fn held(town: &Town, account: AccountId) -> Result<Vec<Lot>, NoEntry> {
    let held = answer::read(town.engine(), |ledger| {
        ledger.holder(&account).map(|holder| holder.lots.iter().collect::<Vec<_>>())
    });
    held.await?.ok_or_else(|| EdgeProblem::NotFound.into())
}

/// Proposes what another officer has to approve; the reason's words are sealed in the vault.
async fn propose(
    town: &Town,
    (key, maker): (ClientKey, OfficerId),
    command: &Command,
    (about, note): (AccountId, &TextBody),
) -> Result<Done<ProposalAnswer>, NoEntry> {
    let evidence = town.people().evidence(about, note.0.as_str().as_bytes()).await;
    let evidence = evidence.map_err(|_| EdgeProblem::StorageFull)?;
    proposing::propose(town.engine(), (key, maker), command, Some(evidence)).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShareBody {
    heir: String,
    points: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EstateBody {
    heirs: Vec<ShareBody>,
    forfeit: u64,
    note: TextBody,
}

async fn propose_estate(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(account): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<EstateBody>,
) -> Result<Done<ProposalAnswer>, NoEntry> {
    let maker = officer.require(Role::Desk)?;
    let account = account_of(&account)?;
    let share = |share: &ShareBody| -> Result<Share, Problem> {
        let heir = share.heir.parse().map_err(|_| invalid("heir"))?;
        Ok(Share { heir, points: points(share.points)? })
    };
    let shares = body.heirs.iter().map(share).collect::<Result<Vec<_>, _>>()?;
    let estate = Estate { account, shares, forfeit: points(body.forfeit)? };
    let command = Command::SettleEstate(Nothing {}, estate);
    propose(&town, (key, maker), &command, (account, &body.note)).await
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum CorrectionReasonBody {
    WrongRecipient,
    WrongAmount,
    Double,
    SystemFault,
    Ordered,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CorrectionBody {
    /// Out of which account.
    from: String,
    /// Into which account; none if the points end.
    to: Option<String>,
    /// The lot's place in the account, as `/v1/accounts/{account}/lots` shows it.
    lot: usize,
    points: u64,
    reason: CorrectionReasonBody,
    /// The entry that is put right.
    entry: Option<u64>,
    note: TextBody,
}

/// Points of one lot are put right: out of an account, and into another one if there is one.
async fn propose_correction(
    State(town): State<Town>,
    Officer(officer): Officer,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<CorrectionBody>,
) -> Result<Done<ProposalAnswer>, NoEntry> {
    let maker = officer.require(Role::GrantMaker)?;
    let from = body.from.parse().map_err(|_| invalid("from"))?;
    let held = held(&town, from).await?;
    let terms = held.get(body.lot).ok_or_else(|| invalid("lot"))?.terms;
    let lots = vec![Lot { terms, points: points(body.points)? }];
    let mut legs =
        vec![CorrectionLeg { account: from, direction: Direction::Out, lots: lots.clone() }];
    if let Some(to) = &body.to {
        let account = to.parse().map_err(|_| invalid("to"))?;
        legs.push(CorrectionLeg { account, direction: Direction::In, lots });
    }
    let reason = match body.reason {
        CorrectionReasonBody::WrongRecipient => CorrectionReason::WrongRecipient,
        CorrectionReasonBody::WrongAmount => CorrectionReason::WrongAmount,
        CorrectionReasonBody::Double => CorrectionReason::Double,
        CorrectionReasonBody::SystemFault => CorrectionReason::SystemFault,
        CorrectionReasonBody::Ordered => CorrectionReason::Ordered,
    };
    let command = Command::Correct(Nothing {}, Correction { legs, reason, of: body.entry });
    propose(&town, (key, maker), &command, (from, &body.note)).await
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ErasureReasonBody {
    RetentionOver,
    Asked,
    Ordered,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ErasureBody {
    accounts: Vec<String>,
    reason: ErasureReasonBody,
}

/// Personal data are to be erased; behind the second officer's word the keys are destroyed.
async fn propose_erasure(
    State(town): State<Town>,
    Officer(officer): Officer,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<ErasureBody>,
) -> Result<Done<ProposalAnswer>, NoEntry> {
    let maker = officer.require(Role::Desk)?;
    let accounts = body.accounts.iter().map(|account| account.parse());
    let mut accounts: Vec<AccountId> =
        accounts.collect::<Result<_, _>>().map_err(|_| invalid("accounts"))?;
    accounts.sort_unstable();
    let reason = match body.reason {
        ErasureReasonBody::RetentionOver => ErasureReason::RetentionOver,
        ErasureReasonBody::Asked => ErasureReason::Asked,
        ErasureReasonBody::Ordered => ErasureReason::Ordered,
    };
    let command = Command::Erase(Nothing {}, Erasure { accounts, reason });
    proposing::propose(town.engine(), (key, maker), &command, None).await
}

/// Ended accounts whose retention is over, the first hundred: an erasure takes as many.
async fn erasures_due(
    State(town): State<Town>,
    Officer(officer): Officer,
) -> Result<Response, NoEntry> {
    officer.require(Role::Desk)?;
    let due = answer::read(town.engine(), |ledger| {
        let due = ledger.retention_over().take(jichi_protocol::command::ERASED_AT_ONCE_MAX);
        due.map(|account| account.to_string()).collect::<Vec<_>>()
    });
    Ok(Json(due.await?).into_response())
}
