//! The library's counter: whose card it is, by what the holder shows, and what the library's system
//! says of it now.

use std::time::Duration;

use axum::{Json, extract::State};
use jichi_protocol::{
    id::{AccountId, Handle, TerminalId, TownId},
    library::{CardStage, HolderStage, LibrarySide},
    refusal::Refusal,
};
use serde::{Deserialize, Serialize};

use super::super::{
    answer::{self, NoEntry},
    body::StrictJson,
    problem::{edge::EdgeProblem, library::LibraryProblem},
    resident::invalid,
};
use crate::{
    clock,
    library::{
        cards::Place,
        client::Question,
        sip2::{Block, CardState, Patron},
    },
    town::{Town, proof_hash},
};

/// How long the counter waits for the library's system: staff see the result within a second.
const COUNTER_TIME_MAX: Duration = Duration::from_millis(900);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CounterBody {
    terminal: u32,
    /// The token of `POST /v1/proofs`, for a holder of this town.
    proof: Option<String>,
    /// For a holder of another base town: that town, and the code that it gave for this library.
    town: Option<String>,
    counter_code: Option<String>,
}

/// What the counter is told of the card. Nothing of it is written down.
#[derive(Serialize)]
pub(super) struct CounterAnswer {
    card_number: String,
    card: &'static str,
    name: Option<String>,
    message: Option<String>,
    blocks: Vec<&'static str>,
}

/// The counter asks about the card of who stands before it.
pub(super) async fn ask(
    State(town): State<Town>,
    StrictJson(body): StrictJson<CounterBody>,
) -> Result<Json<CounterAnswer>, NoEntry> {
    let terminal = TerminalId(body.terminal);
    let known = answer::read(town.engine(), |ledger| ledger.terminal(&terminal).is_some()).await?;
    if !known {
        return Err(Refusal::UnknownTerminal.into());
    }
    let system = town.library().system().ok_or(LibraryProblem::NoLibraryHere)?;
    let place = match (body.proof, body.town, body.counter_code) {
        (Some(proof), None, None) => {
            let proof = town.proof(&proof_hash(&proof), clock::monotonic());
            let proof = proof.filter(|proof| proof.terminal == terminal);
            let proof = proof.ok_or(EdgeProblem::Unauthenticated)?;
            own_place(&town, proof.account).await?
        }
        (None, Some(base), Some(code)) => {
            let base: TownId = base.parse().map_err(|_| invalid("town"))?;
            let handle: Handle = code.parse().map_err(|_| invalid("counter_code"))?;
            place_of_handle(&town, base, handle).await?
        }
        _ => return Err(EdgeProblem::MissingField.into()),
    };
    let place = place.ok_or(LibraryProblem::NoCardLinked)?;
    let card = town.library().cards().find(&place).ok_or(LibraryProblem::NoCardLinked)?;
    let asked = system.ask(Question::Status, card.number.text(), COUNTER_TIME_MAX).await;
    let patron = asked.map_err(LibraryProblem::from)?;
    Ok(Json(CounterAnswer::of(patron)))
}

/// The linked card of this town's own library that a holder of this town has.
async fn own_place(town: &Town, account: AccountId) -> Result<Option<Place>, NoEntry> {
    let me = town.id();
    answer::read(town.engine(), |ledger| {
        let mut links = ledger.library_links_of(&account);
        let own = links.find(|(_, link)| {
            link.institution == me && matches!(link.stage, HolderStage::Linked(_))
        });
        own.map(|(link, _)| Place { side: LibrarySide::Institution, town: me, link })
    })
    .await
}

/// The linked card that another base town calls so.
async fn place_of_handle(
    town: &Town,
    base: TownId,
    handle: Handle,
) -> Result<Option<Place>, NoEntry> {
    answer::read(town.engine(), |ledger| {
        let card = ledger.card_by_handle(base, handle);
        let linked = card.filter(|card| matches!(card.stage, CardStage::Linked(_)));
        linked.map(|card| Place {
            side: LibrarySide::Institution,
            town: card.town,
            link: card.link,
        })
    })
    .await
}

impl CounterAnswer {
    fn of(patron: Patron) -> Self {
        Self {
            card_number: patron.number,
            card: match patron.card {
                CardState::Valid => "valid",
                CardState::NotValid => "not_valid",
                CardState::Unknown => "unknown",
            },
            name: patron.name,
            message: patron.screen,
            blocks: patron.blocks.into_iter().map(block).collect(),
        }
    }
}

const fn block(block: Block) -> &'static str {
    match block {
        Block::Borrowing => "borrowing",
        Block::Renewing => "renewing",
        Block::Recalling => "recalling",
        Block::Reserving => "reserving",
        Block::CardLost => "card_lost",
        Block::TooManyLoans => "too_many_loans",
        Block::TooManyOverdue => "too_many_overdue",
        Block::TooManyRenewals => "too_many_renewals",
        Block::TooManyClaims => "too_many_claims",
        Block::TooManyLost => "too_many_lost",
        Block::TooManyFines => "too_many_fines",
        Block::TooManyFees => "too_many_fees",
        Block::RecallOverdue => "recall_overdue",
        Block::TooManyBills => "too_many_bills",
    }
}
