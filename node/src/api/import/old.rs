//! History of a former system: into the vault, and for its holder to read. It moves nothing.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use jichi_protocol::{
    date::BusinessDate,
    id::{AccountId, ImportId},
    refusal::Refusal,
};
use serde::{Deserialize, Serialize};

use super::whose;
use crate::{
    api::{
        answer::{self, NoEntry},
        body::{StrictJson, TextBody},
        caller::{Officer, Resident},
        payment::points,
        problem::edge::EdgeProblem,
        resident::invalid,
    },
    person::OldLine,
    staff::Role,
    town::Town,
};

/// A line of old history, as the command read it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OldBody {
    number: Option<String>,
    mykey_id: Option<String>,
    date: String,
    /// What it was: the former system's word.
    what: TextBody,
    /// Points that came in.
    points_in: u64,
    /// Points that went out.
    points_out: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OldLinesBody {
    lines: Vec<OldBody>,
}

#[derive(Serialize)]
struct OldAnswer {
    /// Lines that were not there before.
    new: u32,
}

/// Lines of old history, into the vault. They move nothing; the same lines again change nothing.
pub(super) async fn history(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(id): Path<String>,
    StrictJson(body): StrictJson<OldLinesBody>,
) -> Result<Response, NoEntry> {
    officer.require(Role::GrantMaker)?;
    let import: ImportId = id.parse().map_err(|_| EdgeProblem::NotFound)?;
    let known = answer::read(town.engine(), |ledger| ledger.import(&import).is_some()).await?;
    if !known {
        return Err(Refusal::UnknownImport.into());
    }
    let mut own: BTreeMap<AccountId, Vec<OldLine>> = BTreeMap::new();
    for line in &body.lines {
        let date: BusinessDate = line.date.parse().map_err(|_| invalid("date"))?;
        points(line.points_in)?;
        points(line.points_out)?;
        let account = whose(&town, line.number.as_deref(), line.mykey_id.as_deref())?;
        own.entry(account).or_default().push(OldLine {
            date,
            what: line.what.0.as_str().to_owned(),
            points_in: line.points_in,
            points_out: line.points_out,
        });
    }
    let accounts: Vec<AccountId> = own.keys().copied().collect();
    let all = answer::read(town.engine(), |ledger| {
        accounts.iter().all(|account| ledger.holder(account).is_some())
    });
    if !all.await? {
        return Err(Refusal::UnknownAccount.into());
    }
    let mut new = 0_u32;
    for (account, lines) in own {
        let added = town.people().add_old_lines(account, lines).await;
        let added = added.map_err(|_| EdgeProblem::StorageFull)?;
        new = new.saturating_add(u32::try_from(added).unwrap_or(u32::MAX));
    }
    Ok(Json(OldAnswer { new }).into_response())
}

/// A line of a holder's history in the former system.
#[derive(Serialize)]
pub(in crate::api) struct OldView {
    date: String,
    what: String,
    points_in: u64,
    points_out: u64,
}

impl From<OldLine> for OldView {
    fn from(line: OldLine) -> Self {
        Self {
            date: line.date.to_string(),
            what: line.what,
            points_in: line.points_in,
            points_out: line.points_out,
        }
    }
}

/// The holder's history in the former system, newest first: read only, apart from the history here.
pub(super) async fn old_history(
    State(town): State<Town>,
    Resident(account): Resident,
) -> Result<Response, NoEntry> {
    let lines = town.people().old_lines(account).map_err(|_| EdgeProblem::Internal)?;
    Ok(Json(lines.into_iter().rev().map(OldView::from).collect::<Vec<_>>()).into_response())
}
