//! What a node does by itself about links: asks the library's system about cards that came, erases
//! the numbers of links that ended, says so, and ends the links of accounts that ended.

use std::{collections::BTreeSet, time::Duration};

use jichi_protocol::{
    command::{
        Actor, Command, LibraryEnding, LibraryErasure, LibraryUnlinking, LibraryVerdict, Nothing,
    },
    entry::{Outcome, Submission},
    id::{LibraryLinkId, TownId},
    ledger::{Ledger, LibraryWork},
    library::{CardStage, EndReason, LibrarySide, LinkBody, LinkRefusal, LinkedBy},
};
use tokio::sync::{broadcast, watch};

use super::{Library, cards::Place, client::Question, sip2::CardState};
use crate::{
    engine::{Answer, Engine},
    shred::Shredder,
};

/// How long the library's system may take when a card is linked.
const CHECK_TIME_MAX: Duration = Duration::from_secs(10);
/// How long what could not be done waits before it is tried again.
const RETRY: Duration = Duration::from_secs(2);
/// Cards and links that are looked at under one look at the ledger.
const LOOKED_AT_MAX: usize = 1_000;

/// Why something about a link stays to be done.
#[derive(Debug, thiserror::Error)]
enum NotDone {
    #[error("the engine takes nothing now")]
    Engine,
    #[error("the number is still there")]
    Held,
    #[error(transparent)]
    NoAnswer(#[from] super::client::NoAnswer),
    #[error("the ledger refused: {0}")]
    Refused(&'static str),
}

/// Works until the node stops.
pub async fn follow(
    engine: Engine,
    library: Library,
    shredder: Shredder,
    mut stop: watch::Receiver<bool>,
) {
    let mut news = engine.news();
    // What was sealed before a crash, and never came to an entry, is known by nobody else.
    let mut at_start: BTreeSet<Place> = library.cards().held().into_iter().collect();
    loop {
        let mut waits = false;
        if let Err(error) = sweep(&engine, &library, &shredder, &mut at_start).await {
            tracing::error!(%error, "numbers of library cards were not erased; it is tried again");
            waits = true;
        }
        for work in works(&engine).await {
            if let Err(error) = work_at(&engine, &library, work).await {
                tracing::warn!(%error, "a library card waits");
                waits = true;
            }
        }
        let pause = if waits { RETRY } else { Duration::MAX };
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = news_of_cards(&mut news) => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Waits for an entry that may leave something to do. An engine that is gone stops the node, too.
async fn news_of_cards(news: &mut broadcast::Receiver<crate::engine::Durable>) {
    loop {
        match news.recv().await {
            Ok(durable) if concerns_cards(&durable.committed.entry.submission.command) => return,
            Ok(_) => {}
            Err(broadcast::error::RecvError::Lagged(_)) => return,
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// Whether a command may leave something to do; every other kind leaves links as they are.
const fn concerns_cards(command: &Command) -> bool {
    matches!(
        command,
        Command::LinkLibraryCard(..)
            | Command::UnlinkLibraryCard(..)
            | Command::AnswerLibraryLink(..)
            | Command::EndLibraryLink(..)
            | Command::ConfirmLibraryErasure(..)
            | Command::HandleEnvelope(..)
            | Command::CloseAccount(..)
            | Command::SetAccountState(..)
            | Command::DecideProposal(..)
    )
}

async fn works(engine: &Engine) -> Vec<LibraryWork> {
    let some = |ledger: &Ledger| ledger.library_work().copied().take(LOOKED_AT_MAX).collect();
    engine.read(some).await.unwrap_or_default()
}

async fn work_at(engine: &Engine, library: &Library, work: LibraryWork) -> Result<(), NotDone> {
    match work {
        LibraryWork::Check(town, link) => check(engine, library, (town, link)).await,
        LibraryWork::Erase(side, town, link) => {
            if library.cards().find(&Place { side, town, link }).is_some() {
                return Err(NotDone::Held);
            }
            let erasure = LibraryErasure { side, town, link };
            submit(engine, Command::ConfirmLibraryErasure(Nothing {}, erasure)).await
        }
        LibraryWork::Unlink(account, link) => {
            let unlinking = LibraryUnlinking { account, link, actor: Actor::Node };
            submit(engine, Command::UnlinkLibraryCard(Nothing {}, unlinking)).await
        }
    }
}

async fn submit(engine: &Engine, command: Command) -> Result<(), NotDone> {
    let submission = Submission { key: None, command, evidence: None };
    match engine.submit(submission).await {
        Ok(Answer::Entry(committed)) => match committed.entry.outcome {
            Outcome::Done(_) => Ok(()),
            Outcome::Refused(refusal) => Err(NotDone::Refused(refusal.code())),
        },
        Ok(Answer::Heard) => Ok(()),
        Ok(Answer::Rejected(refusal)) => Err(NotDone::Refused(refusal.code())),
        Err(_) => Err(NotDone::Engine),
    }
}

/// Answers a link, once the library's system has said whether the card is good. Without its word
/// the link stays open: no time-out decides.
async fn check(
    engine: &Engine,
    library: &Library,
    (town, link): (TownId, LibraryLinkId),
) -> Result<(), NotDone> {
    let stage = engine.read(|ledger| ledger.card_link(town, link).map(|known| known.stage)).await;
    let Ok(Some(CardStage::Asked(body))) = stage else { return Ok(()) };
    let place = Place { side: LibrarySide::Institution, town, link };
    let linked_before = linked_before(engine, library, &place).await?;
    let refusal = refusal(library, &place, &body, !linked_before.is_empty()).await?;
    if refusal.is_none() {
        for Place { town, link, .. } in linked_before {
            let reason = EndReason::Relinked;
            let ending = LibraryEnding { town, link, reason };
            submit(engine, Command::EndLibraryLink(Nothing {}, ending)).await?;
        }
    }
    let verdict = LibraryVerdict { town, link, refusal };
    submit(engine, Command::AnswerLibraryLink(Nothing {}, verdict)).await
}

/// The links that the same card has now.
async fn linked_before(
    engine: &Engine,
    library: &Library,
    place: &Place,
) -> Result<Vec<Place>, NotDone> {
    let Some(card) = library.cards().find(place) else { return Ok(Vec::new()) };
    let mut others = library.cards().others(place, &card.number);
    let others = engine.read(|ledger| {
        let linked = |other: &Place| {
            let known = ledger.card_link(other.town, other.link);
            matches!(known.map(|known| known.stage), Some(CardStage::Linked(_)))
        };
        others.retain(linked);
        others
    });
    others.await.map_err(|_| NotDone::Engine)
}

/// Why a card is not linked; none if it is good.
async fn refusal(
    library: &Library,
    place: &Place,
    body: &LinkBody,
    linked_before: bool,
) -> Result<Option<LinkRefusal>, NotDone> {
    let Some(system) = library.system() else { return Ok(Some(LinkRefusal::NoLibrary)) };
    let card = library.cards().find(place).filter(|card| card.commitment() == body.card);
    let Some(card) = card else { return Ok(Some(LinkRefusal::NoNumber)) };
    if linked_before && body.by == LinkedBy::Holder {
        return Ok(Some(LinkRefusal::Taken));
    }
    let asked = system.ask(Question::Information, card.number.text(), CHECK_TIME_MAX);
    Ok(match asked.await?.card {
        CardState::Valid => None,
        CardState::NotValid => Some(LinkRefusal::NotValid),
        CardState::Unknown => Some(LinkRefusal::UnknownCard),
    })
}

/// Destroys the keys of the numbers whose links have ended.
async fn sweep(
    engine: &Engine,
    library: &Library,
    shredder: &Shredder,
    at_start: &mut BTreeSet<Place>,
) -> Result<(), crate::shred::ShredError> {
    let mut dead = Vec::new();
    for some in library.cards().held().chunks(LOOKED_AT_MAX) {
        let of_these = engine.read(|ledger| {
            let ended = |place: &&Place| ended(ledger, place, at_start.contains(*place));
            some.iter().filter(ended).copied().collect::<Vec<_>>()
        });
        // The node stops.
        let Ok(of_these) = of_these.await else { return Ok(()) };
        dead.extend(of_these);
    }
    at_start.clear();
    if dead.is_empty() {
        return Ok(());
    }
    shredder.destroy(dead.iter().map(Place::subject).collect()).await?;
    // A crash here: the keys are gone, and the next start says so to the other end.
    library.cards().forget(&dead);
    tracing::info!(cards = dead.len(), "numbers of library cards were erased");
    Ok(())
}

/// Whether a number is wanted no more. A number that came just now may be ahead of its entry.
fn ended(ledger: &Ledger, place: &Place, was_there_at_start: bool) -> bool {
    let lives = match place.side {
        LibrarySide::BaseTown => ledger.library_link(&place.link).map(|link| link.stage.lives()),
        LibrarySide::Institution => {
            ledger.card_link(place.town, place.link).map(|link| link.stage.lives())
        }
    };
    lives.map_or(was_there_at_start, |lives| !lives)
}
