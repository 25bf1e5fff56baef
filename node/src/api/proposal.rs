//! What waits for a second officer: what it would do, who entered it, and since when.

use axum::{Json, extract::State};
use jichi_protocol::{
    command::{Command, CorrectionReason, Direction, ErasureReason},
    id::{AccountId, OfficerId, ProposalId},
    key::ClientKey,
    ledger::Proposal,
    lot::points_of,
    points::Points,
};
use serde::Serialize;

use super::{
    answer::{self, NoEntry},
    caller::Officer,
    problem::edge::EdgeProblem,
};
use crate::{staff::Role, town::Town, vault::record::RecordKind};

/// What a proposal would do, as far as a page can show it.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Would {
    /// A grant.
    Grant { programme: u32 },
    /// What a deceased person left.
    Estate { heirs: Vec<ShareView>, forfeit: u64 },
    /// Points put right.
    Correction { legs: Vec<LegView>, reason: &'static str, entry: Option<u64> },
    /// Personal data erased.
    Erasure { accounts: Vec<String>, reason: &'static str },
    /// Something else, by its command's name.
    Other { command: &'static str },
}

#[derive(Serialize)]
struct ShareView {
    heir: String,
    points: u64,
}

#[derive(Serialize)]
struct LegView {
    account: String,
    direction: &'static str,
    points: u64,
}

#[derive(Serialize)]
pub(super) struct ProposalView {
    proposal: String,
    /// The kind of command.
    what: &'static str,
    account: Option<String>,
    programme: Option<u32>,
    points: Option<u64>,
    maker: u32,
    /// Whether it is the reader's own, which another officer has to decide.
    own: bool,
    /// When it was entered.
    since: Option<String>,
    would: Would,
    /// The words that the maker gave for it.
    note: Option<String>,
}

/// A proposal as the ledger has it.
struct Waiting {
    id: ProposalId,
    maker: OfficerId,
    account: Option<AccountId>,
    points: Option<Points>,
    what: &'static str,
    would: Would,
}

fn grant((id, proposal): (&ProposalId, &Proposal)) -> Waiting {
    Waiting {
        id: *id,
        maker: proposal.private.maker,
        account: Some(proposal.private.account),
        points: Some(proposal.shared.points),
        what: "ProposeGrant",
        would: Would::Grant { programme: proposal.shared.programme.0 },
    }
}

fn would(command: &Command) -> Would {
    #[expect(clippy::wildcard_enum_match_arm, reason = "others are told by their names")]
    match command {
        Command::SettleEstate(_, estate) => Would::Estate {
            heirs: estate
                .shares
                .iter()
                .map(|share| ShareView { heir: share.heir.to_string(), points: share.points.get() })
                .collect(),
            forfeit: estate.forfeit.get(),
        },
        Command::Correct(_, correction) => Would::Correction {
            legs: correction
                .legs
                .iter()
                .map(|leg| LegView {
                    account: leg.account.to_string(),
                    direction: match leg.direction {
                        Direction::Out => "out",
                        Direction::In => "in",
                    },
                    points: points_of(&leg.lots).get(),
                })
                .collect(),
            reason: match correction.reason {
                CorrectionReason::WrongRecipient => "wrong_recipient",
                CorrectionReason::WrongAmount => "wrong_amount",
                CorrectionReason::Double => "double",
                CorrectionReason::SystemFault => "system_fault",
                CorrectionReason::Ordered => "ordered",
            },
            entry: correction.of,
        },
        Command::Erase(_, erasure) => Would::Erasure {
            accounts: erasure.accounts.iter().map(AccountId::to_string).collect(),
            reason: match erasure.reason {
                ErasureReason::RetentionOver => "retention_over",
                ErasureReason::Asked => "asked",
                ErasureReason::Ordered => "ordered",
            },
        },
        other => Would::Other { command: other.kind_name() },
    }
}

/// Everything that waits, the longest first.
pub(super) async fn waiting(
    State(town): State<Town>,
    Officer(officer): Officer,
) -> Result<Json<Vec<ProposalView>>, NoEntry> {
    let reader = officer.require(Role::Approver)?;
    let waiting = answer::read(town.engine(), |ledger| {
        let grants = ledger.proposals().map(grant);
        let others = ledger.proposed().filter_map(|(id, proposed)| {
            let command = proposed.command().ok()?;
            Some(Waiting {
                id: *id,
                maker: proposed.maker,
                account: command.account(),
                points: None,
                what: command.kind_name(),
                would: would(&command),
            })
        });
        grants.chain(others).collect::<Vec<_>>()
    });
    let waiting = waiting.await?;
    town.index().up_to(town.engine().durable()).await;
    let mut views = Vec::new();
    for proposal in waiting {
        let (since, note) = entered(&town, &proposal)?;
        let view = ProposalView {
            proposal: proposal.id.to_string(),
            what: proposal.what,
            account: proposal.account.map(|account| account.to_string()),
            programme: match &proposal.would {
                Would::Grant { programme } => Some(*programme),
                Would::Estate { .. }
                | Would::Correction { .. }
                | Would::Erasure { .. }
                | Would::Other { .. } => None,
            },
            points: proposal.points.map(Points::get),
            maker: proposal.maker.0,
            own: proposal.maker == reader,
            since,
            would: proposal.would,
            note,
        };
        views.push(view);
    }
    views.sort_by(|one, other| one.since.cmp(&other.since));
    Ok(Json(views))
}

/// When a proposal was entered, and with which words, if they are still the account's newest.
fn entered(
    town: &Town,
    proposal: &Waiting,
) -> Result<(Option<String>, Option<String>), EdgeProblem> {
    let Some(key) = ClientKey::new(proposal.id.0) else { return Ok((None, None)) };
    let found = town.index().of_key(&key).map_err(|_| EdgeProblem::Internal)?;
    let Some(index) = found else { return Ok((None, None)) };
    let entry = town.engine().committed(index).map_err(|_| EdgeProblem::Internal)?.entry;
    let since = Some(entry.time.to_string());
    let about = match &proposal.would {
        Would::Correction { legs, .. } => legs.first().and_then(|leg| leg.account.parse().ok()),
        Would::Estate { .. } => proposal.account,
        Would::Grant { .. } | Would::Erasure { .. } | Would::Other { .. } => None,
    };
    let (Some(about), Some(evidence)) = (about, entry.submission.evidence) else {
        return Ok((since, None));
    };
    let words = town.people().vault().latest(about, RecordKind::Evidence);
    let words = words.map_err(|_| EdgeProblem::Internal)?;
    let words = words.filter(|words| words.digest == evidence);
    let words = words.and_then(|words| String::from_utf8(words.plaintext.to_vec()).ok());
    Ok((since, words))
}
