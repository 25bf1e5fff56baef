//! The MyKey ID given anew: its holder chooses another one, or the desk revokes it.

use std::net::SocketAddr;

use axum::{
    Json, Router,
    extract::{ConnectInfo, Path, State},
    routing::post,
};
use jichi_protocol::{
    command::{Command, Nothing, Reissue, Reissued},
    digest::Digest,
    entry::Submission,
    id::{AccountId, TownId},
    key::{ClientKey, OperationKey},
    refusal::Refusal,
    text::mykey::{MyKeyId, MyKeyName},
};
use serde::{Deserialize, Serialize};

use super::{
    answer::{self, Done, NoEntry},
    body::{PasswordBody, StrictJson},
    caller::{Officer, Resident},
    idempotency::IdempotencyKey,
    problem::{Problem, edge::EdgeProblem},
    register::known_account,
    resident::{invalid, sign_in},
};
use crate::{
    password::PasswordOf,
    person::{People, PersonError},
    staff::Role,
    town::Town,
};

/// IDs that are tried until one is free.
const TRIES: u8 = 8;

/// The holder's route, on the public listener.
pub fn holder_routes() -> Router<Town> {
    Router::new().route("/v1/me/mykey-id", post(change_own))
}

/// The desk's route.
pub fn staff_routes() -> Router<Town> {
    Router::new().route("/v1/accounts/{account}/mykey-id", post(reissue))
}

#[derive(Serialize)]
struct NewId {
    mykey_id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnBody {
    /// The wanted one: 8 letters and digits.
    mykey_id: String,
    password: PasswordBody,
}

/// The holder's own change, behind the password: every session ends.
async fn change_own(
    State(town): State<Town>,
    Resident(account): Resident,
    ConnectInfo(source): ConnectInfo<SocketAddr>,
    StrictJson(body): StrictJson<OwnBody>,
) -> Result<Json<NewId>, NoEntry> {
    let id: MyKeyId = body.mykey_id.parse().map_err(|_| invalid("mykey_id"))?;
    let current = issued_here(town.people(), town.id(), account)?;
    let proved = sign_in(&town, &current.text(), body.password.0, source.ip()).await?;
    if proved != account {
        return Err(EdgeProblem::SignInFailed.into());
    }
    let new = MyKeyName { town: town.id(), id };
    town.people().rename(account, new).await.map_err(|error| rename_problem(&error))?;
    town.residents().close_all(&account);
    Ok(Json(NewId { mykey_id: new.text() }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReissueBody {
    password: PasswordBody,
}

/// The desk revokes the ID with its password, and issues new ones. The same key again gives the
/// same ID: it is made from the key.
async fn reissue(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(account): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<ReissueBody>,
) -> Result<Done<NewId>, NoEntry> {
    let officer = officer.require(Role::Desk)?;
    let account = known_account(&town, &account).await?;
    issued_here(town.people(), town.id(), account)?;
    let hash = town.pool().hash(PasswordOf::Resident, body.password.0).await;
    let hash = hash.map_err(|_| EdgeProblem::Overloaded)?;
    let hash = hash.map_err(|_| invalid("password"))?;
    let reissue = Reissue { account, what: Reissued::MyKeyId, officer };
    let submission = Submission {
        key: Some(OperationKey::Client(key)),
        command: Command::Reissue(Nothing {}, reissue),
        evidence: None,
    };
    let committed = answer::submit(town.engine(), submission).await?;
    // A crash here or below: the old ID holds, and the same key gives the new one.
    let new = rename_to_free(&town, account, &key).await?;
    let set = town.people().set_password(account, &hash).await;
    set.map_err(|_| EdgeProblem::StorageFull)?;
    town.residents().close_all(&account);
    Ok(Done::over(&committed, NewId { mykey_id: new.text() }))
}

async fn rename_to_free(
    town: &Town,
    account: AccountId,
    key: &ClientKey,
) -> Result<MyKeyName, Problem> {
    for attempt in 0..TRIES {
        let Digest([a, b, c, d, e, f, g, h, ..]) =
            Digest::of(&[b"jichi/mykey/v1\0", key.bytes(), &[attempt]]);
        let id = MyKeyId::from_random([a, b, c, d, e, f, g, h]);
        let new = MyKeyName { town: town.id(), id };
        match town.people().rename(account, new).await {
            Ok(()) => return Ok(new),
            Err(PersonError::Taken) => {}
            Err(error) => return Err(rename_problem(&error)),
        }
    }
    Err(EdgeProblem::Internal.into())
}

/// The ID of an account, if this town issued it: a visitor's is their own base town's to change.
fn issued_here(people: &People, town: TownId, account: AccountId) -> Result<MyKeyName, Problem> {
    let known = people.mykey(account).map_err(|error| rename_problem(&error))?;
    let known = known.ok_or(Refusal::UnknownAccount)?;
    let name: MyKeyName = known.parse().map_err(|_| EdgeProblem::Internal)?;
    if name.town == town { Ok(name) } else { Err(invalid("mykey_id")) }
}

fn rename_problem(error: &PersonError) -> Problem {
    match error {
        PersonError::Taken => Refusal::Exists.into(),
        PersonError::Put(_) => EdgeProblem::StorageFull.into(),
        PersonError::Get(_) | PersonError::Form => EdgeProblem::Internal.into(),
    }
}
