//! Grant codes: the town signs them, holders show them (付与QR).

mod poster;

use axum::{
    Json, Router,
    extract::{Path, State},
    response::Response,
    routing::{get, post},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jichi_protocol::{
    codec,
    command::{CodePrivate, CodeShared, Command, GrantCode},
    entry::Submission,
    id::{CodeId, ProgrammeId, TownId},
    key::{ClientKey, OperationKey},
    ledger::CodeUse,
    refusal::Refusal,
    signature::{Domain, PublicKey, Signature},
};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::{
    answer::{self, Done, NoEntry},
    body::StrictJson,
    caller::{Officer, Resident},
    grant::{attest, programme_on},
    idempotency::IdempotencyKey,
    officer::by,
    payment::points,
    print,
    problem::{Problem, edge::EdgeProblem},
    resident::invalid,
};
use crate::{staff::Role, town::Town};

/// Stands before every code, so that a reader knows what it is.
const PREFIX: &str = "JICHI-G1.";
/// Characters of a code, at most.
const CODE_CHARS_MAX: usize = 512;

/// What the town signs.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
struct Face {
    #[n(0)]
    town: TownId,
    #[n(1)]
    code: GrantCode,
}

#[derive(Encode, Decode)]
struct Signed {
    #[n(0)]
    face: Face,
    #[n(1)]
    signature: Signature,
}

/// The text of a code, as its QR holds it. The same code has the same text.
fn text_of(town: &Town, code: &GrantCode) -> String {
    let face = Face { town: town.id(), code: code.clone() };
    let signature = town.sign_code(&codec::encode(&face)).signature;
    format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(codec::encode(&Signed { face, signature })))
}

/// The code of a text that this town signed.
fn shown(text: &str, town: TownId, keys: &[PublicKey]) -> Result<GrantCode, Problem> {
    let text = text.trim();
    let bytes = text.strip_prefix(PREFIX).filter(|_| text.len() <= CODE_CHARS_MAX);
    let bytes = bytes.and_then(|bytes| URL_SAFE_NO_PAD.decode(bytes).ok());
    let signed: Option<Signed> = bytes.and_then(|bytes| codec::decode(&bytes).ok());
    let Signed { face, signature } = signed.ok_or_else(|| invalid("code"))?;
    if face.town != town {
        return Err(Refusal::NotThisTown.into());
    }
    let bytes = codec::encode(&face);
    if !keys.iter().any(|key| key.verify(Domain::GrantCode, &bytes, &signature).is_ok()) {
        return Err(EdgeProblem::BadSignature.into());
    }
    Ok(face.code)
}

/// The routes of the staff's listener.
pub fn staff_routes() -> Router<Town> {
    Router::new()
        .route("/v1/codes", post(set).get(codes))
        .route("/v1/codes/{id}/poster", get(poster))
}

/// The routes of holders.
pub fn resident_routes() -> Router<Town> {
    Router::new().route("/v1/me/codes", post(show))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CodeBody {
    /// A code that is there already, to change it.
    id: Option<String>,
    programme: u32,
    points: u64,
    last_day: String,
    uses_max: u32,
}

#[derive(Serialize)]
struct CodeAnswer {
    id: String,
    code: String,
}

fn keyed(key: ClientKey, command: Command) -> Submission {
    Submission { key: Some(OperationKey::Client(key)), command, evidence: None }
}

async fn set(
    State(town): State<Town>,
    Officer(officer): Officer,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<CodeBody>,
) -> Result<Done<impl Serialize>, NoEntry> {
    let officer = officer.require(Role::Approver)?;
    let id = match body.id {
        Some(id) => id.parse().map_err(|_| invalid("id"))?,
        None => CodeId::derived("jichi/grant-code/v1", key.bytes()),
    };
    let code = GrantCode {
        id,
        programme: ProgrammeId(body.programme),
        points: points(body.points)?,
        last_day: body.last_day.parse().map_err(|_| invalid("last_day"))?,
        uses_max: body.uses_max,
    };
    let answer = CodeAnswer { id: id.to_string(), code: text_of(&town, &code) };
    let command = Command::SetGrantCode(code, by(officer));
    let committed = answer::submit(town.engine(), keyed(key, command)).await?;
    Ok(Done::over(&committed, answer))
}

#[derive(Serialize)]
struct CodeView {
    id: String,
    programme: u32,
    points: u64,
    last_day: String,
    uses_max: u32,
    uses: u32,
    code: String,
}

async fn codes(
    State(town): State<Town>,
    Officer(officer): Officer,
) -> Result<Json<Vec<CodeView>>, NoEntry> {
    officer.require(Role::Approver)?;
    let known = answer::read(town.engine(), |ledger| {
        ledger.grant_codes().cloned().collect::<Vec<CodeUse>>()
    });
    let view = |known: CodeUse| CodeView {
        id: known.code.id.to_string(),
        programme: known.code.programme.0,
        points: known.code.points.get(),
        last_day: known.code.last_day.to_string(),
        uses_max: known.code.uses_max,
        uses: known.uses,
        code: text_of(&town, &known.code),
    };
    Ok(Json(known.await?.into_iter().map(view).collect()))
}

/// A sheet to put up where the code is shown, as a PDF.
async fn poster(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(id): Path<String>,
) -> Result<Response, NoEntry> {
    officer.require(Role::Approver)?;
    let id: CodeId = id.parse().map_err(|_| EdgeProblem::NotFound)?;
    let known = answer::read(town.engine(), |ledger| {
        let code = ledger.grant_code(&id)?.code.clone();
        let programme = ledger.programmes().find(|known| known.id == code.programme)?;
        Some((code, programme.name.to_string()))
    });
    let (code, programme) = known.await?.ok_or(EdgeProblem::NotFound)?;
    let text = text_of(&town, &code);
    let sheet = poster::Poster { town: town.name().ja.clone(), programme, code, text };
    print::pdf(&town, "grant-code.pdf", move |font| sheet.draw(font)).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShowBody {
    code: String,
}

#[derive(Serialize)]
struct ShowAnswer {
    points: u64,
}

/// A holder shows a code, and gets its points once.
async fn show(
    State(town): State<Town>,
    Resident(account): Resident,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<ShowBody>,
) -> Result<Done<impl Serialize>, NoEntry> {
    let known = answer::read(town.engine(), |ledger| {
        (ledger.own_sound_keys().collect(), ledger.key_use(&key).map(|used| used.entry))
    });
    let (own_keys, before): (Vec<PublicKey>, _) = known.await?;
    let code = shown(&body.code, town.id(), &own_keys)?;
    let (programme, day) = programme_on(&town, code.programme).await?;
    // A repeated request is the same request, also if the day has turned meanwhile.
    let before = before.and_then(|index| town.engine().committed(index).ok());
    let attested = match before.as_ref().map(|it| &it.entry.submission.command) {
        Some(Command::GrantByCode(_, private)) => private.attested,
        _ => attest(&town, &programme, account, day)?,
    };
    let points = code.points.get();
    let command =
        Command::GrantByCode(CodeShared { code: code.id }, CodePrivate { account, attested });
    let committed = answer::submit(town.engine(), keyed(key, command)).await?;
    Ok(Done::over(&committed, ShowAnswer { points }))
}
