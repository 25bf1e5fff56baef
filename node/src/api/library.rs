//! Library cards (図書館利用者カード): holders link and unlink them, and the desk does it for who
//! comes there.

mod counter;

use std::time::Duration;

use axum::{
    Json, Router,
    extract::{Path, State},
    routing::{get, post},
};
use jichi_protocol::{
    command::{Actor, Command, LibraryLinking, LibraryUnlinking, Nothing},
    entry::Submission,
    id::{AccountId, Handle, LibraryLinkId, TownId},
    key::{ClientKey, OperationKey},
    ledger::Ledger,
    library::{
        CardSalt, Enclosure, EndReason, HolderLink, HolderStage, LibraryCardNumber, LibrarySide,
        LinkRefusal,
    },
    refusal::Refusal,
};
use serde::{Deserialize, Serialize};

use super::{
    answer::{self, Done, NoEntry},
    body::{StrictJson, TextBody},
    caller::{Officer, Resident},
    idempotency::IdempotencyKey,
    look_up::{WhyBody, note},
    problem::{Problem, edge::EdgeProblem, library::LibraryProblem},
    resident::invalid,
    street::{account_of, one_of},
};
use crate::{
    clock, engine::Committed, library::cards::Place, look_up::Looked, staff::Role, town::Town,
};

/// How long the answer to a link waits for the library's word; behind it the link is asked, and
/// its state can be looked at.
const LINK_WAITS: Duration = Duration::from_secs(3);
/// How often it looks whether the word has come.
const LOOK: Duration = Duration::from_millis(50);

/// The holders' routes, on the public listener.
pub fn public_routes() -> Router<Town> {
    Router::new()
        .route("/v1/library/institutions", get(institutions))
        .route("/v1/me/library-cards", get(own).post(link_own))
        .route("/v1/me/library-cards/{link}/end", post(unlink_own))
}

/// The desk's routes, on the staff's listener.
pub fn staff_routes() -> Router<Town> {
    Router::new()
        .route("/v1/library-cards", post(link_at_desk))
        .route("/v1/library-cards/{link}/end", post(unlink_at_desk))
}

/// The counter's route, on the terminals' listener.
pub fn terminal_routes() -> Router<Town> {
    Router::new().route("/v1/library/counter", post(counter::ask))
}

#[derive(Serialize)]
struct InstitutionView {
    code: String,
    name_ja: String,
    name_en: String,
    kind: &'static str,
    /// Whether a card can be linked there now: it is this town, or in the directory.
    open: bool,
}

async fn institutions(State(town): State<Town>) -> Result<Json<Vec<InstitutionView>>, NoEntry> {
    let listed = answer::read(town.engine(), |ledger| {
        let view = |institution: &crate::library::institution::Institution| InstitutionView {
            code: institution.code.to_string(),
            name_ja: institution.name_ja.clone(),
            name_en: institution.name_en.clone(),
            kind: institution.kind.name(),
            open: is_open(&town, ledger, institution.code),
        };
        town.library().institutions().map(view).collect::<Vec<_>>()
    });
    Ok(Json(listed.await?))
}

/// Where a card can be linked now: code, and name in both languages.
pub(crate) async fn open_institutions(
    town: &Town,
) -> Result<Vec<(String, String, String)>, NoEntry> {
    answer::read(town.engine(), |ledger| {
        let open = town.library().institutions().filter(|at| is_open(town, ledger, at.code));
        open.map(|at| (at.code.to_string(), at.name_ja.clone(), at.name_en.clone())).collect()
    })
    .await
}

fn is_open(town: &Town, ledger: &Ledger, institution: TownId) -> bool {
    if institution == town.id() {
        town.library().system().is_some()
    } else {
        ledger.member(&institution).is_some()
    }
}

/// A link as its holder sees it.
#[derive(Serialize)]
pub(crate) struct LinkView {
    pub(crate) link: String,
    pub(crate) institution: String,
    pub(crate) name_ja: String,
    pub(crate) name_en: String,
    pub(crate) state: &'static str,
    /// Since when the card is linked.
    pub(crate) since: Option<String>,
    /// Why it was refused or ended, in two languages.
    pub(crate) why: Option<(&'static str, &'static str)>,
    /// The last characters of the card's number.
    pub(crate) number_ends: Option<String>,
    /// What the counter of another body's library asks for in the place of the MyKey ID.
    pub(crate) counter_code: Option<String>,
}

/// The links of an account that have not ended.
pub(crate) async fn links_of(town: &Town, account: AccountId) -> Result<Vec<LinkView>, NoEntry> {
    let links = answer::read(town.engine(), |ledger| {
        let links = ledger.library_links_of(&account);
        links.map(|(id, link)| (id, *link)).collect::<Vec<_>>()
    });
    let links = links.await?;
    Ok(links.into_iter().map(|(id, link)| LinkView::of(town, id, &link)).collect())
}

impl LinkView {
    fn of(town: &Town, id: LibraryLinkId, link: &HolderLink) -> Self {
        let (name_ja, name_en) = town.library().name_of(link.institution);
        let place = Place { side: LibrarySide::BaseTown, town: link.institution, link: id };
        let ends = |card: Enclosure| {
            let number = card.number.text();
            number.get(number.len().saturating_sub(3)..).unwrap_or_default().to_owned()
        };
        let elsewhere = link.institution != town.id();
        let (state, since, why) = match link.stage {
            HolderStage::Asked => ("asked", None, None),
            HolderStage::Linked(date) => ("linked", Some(date.to_string()), None),
            HolderStage::Refused(refusal) => ("refused", None, Some(refusal_words(refusal))),
            HolderStage::Unlinking => ("ending", None, None),
            HolderStage::Ending(reason) => ("ending", None, Some(end_words(reason))),
            HolderStage::Erased => ("ended", None, None),
        };
        let code = matches!(link.stage, HolderStage::Linked(_)) && elsewhere;
        Self {
            link: id.to_string(),
            institution: link.institution.to_string(),
            name_ja,
            name_en,
            state,
            since,
            why,
            number_ends: town.library().cards().find(&place).map(ends),
            counter_code: code.then(|| link.body.handle.to_string()),
        }
    }
}

const fn refusal_words(refusal: LinkRefusal) -> (&'static str, &'static str) {
    match refusal {
        LinkRefusal::UnknownCard => (
            "図書館にこの番号のカードがありません。番号を確かめてください。",
            "The library has no card of this number. Check the number.",
        ),
        LinkRefusal::NotValid => (
            "このカードは今使えません(期限切れなど)。図書館で更新してください。",
            "The card cannot be used now, for example expired. Renew it at the library.",
        ),
        LinkRefusal::Taken => (
            "このカードは別の人と連携済みです。カードを持って窓口に来てください。",
            "The card is linked to somebody else. Please bring it to the desk.",
        ),
        LinkRefusal::NoNumber => (
            "番号が図書館に届きませんでした。もう一度連携してください。",
            "The number did not arrive at the library. Link the card again.",
        ),
        LinkRefusal::NoLibrary => (
            "この団体の図書館はまだ連携できません。",
            "The library of this body takes no linked cards yet.",
        ),
    }
}

const fn end_words(reason: EndReason) -> (&'static str, &'static str) {
    match reason {
        EndReason::Relinked => (
            "窓口でこのカードが別の人と連携されました。",
            "At a desk the card was linked to somebody else.",
        ),
        EndReason::CardGone => {
            ("図書館がこのカードを回収しました。", "The library took the card back.")
        }
    }
}

async fn own(
    State(town): State<Town>,
    Resident(account): Resident,
) -> Result<Json<Vec<LinkView>>, NoEntry> {
    Ok(Json(links_of(&town, account).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LinkBody {
    institution: String,
    number: String,
    /// That the number may lie in both towns and be told to the library.
    consent: bool,
}

#[derive(Serialize)]
struct LinkAnswer {
    #[serde(flatten)]
    link: LinkView,
}

async fn link_own(
    State(town): State<Town>,
    Resident(account): Resident,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<LinkBody>,
) -> Result<Done<impl Serialize>, NoEntry> {
    let wanted = Wanted::read(&body.institution, &body.number, body.consent)?;
    let (committed, view) = linked(&town, (account, Actor::Holder), &wanted, key).await?;
    Ok(Done::over(&committed, LinkAnswer { link: view }))
}

/// Which card is to be linked, with the holder's consent.
pub(crate) struct Wanted {
    institution: TownId,
    number: LibraryCardNumber,
}

impl Wanted {
    /// Reads what was typed.
    pub(crate) fn read(institution: &str, number: &str, consent: bool) -> Result<Self, Problem> {
        if !consent {
            return Err(LibraryProblem::ConsentMissing.into());
        }
        let institution = institution.parse().map_err(|_| invalid("institution"))?;
        let number = LibraryCardNumber::read(number).map_err(|_| invalid("number"))?;
        Ok(Self { institution, number })
    }
}

/// Links a card, and waits a little for the library's word.
pub(crate) async fn linked(
    town: &Town,
    (account, actor): (AccountId, Actor),
    wanted: &Wanted,
    key: ClientKey,
) -> Result<(Committed, LinkView), NoEntry> {
    let institution = wanted.institution;
    let open = answer::read(town.engine(), |ledger| is_open(town, ledger, institution)).await?;
    if town.library().find(institution).is_none() || !open {
        return Err(LibraryProblem::UnknownInstitution.into());
    }
    let link = LibraryLinkId::derived("jichi/library-link-id/v1", key.bytes());
    let handle = Handle::derived("jichi/library-handle/v1", &random_bytes()?);
    let place = Place { side: LibrarySide::BaseTown, town: institution, link };
    let known = known(town, link).await?;
    let sealed_before = town.library().cards().find(&place);
    let same_number = sealed_before.is_none_or(|card| card.number == wanted.number);
    // The same key again: the same content has the first answer, also behind the erasure.
    let card = match known {
        Some(known) if same_number => known.body.card,
        Some(_) | None => sealed(town, &place, &wanted.number).await?.commitment(),
    };
    let linking = LibraryLinking {
        account,
        institution,
        link,
        handle: known.map_or(handle, |known| known.body.handle),
        card,
        consent: known.map_or_else(super::caller::today, |known| known.body.consent),
        actor,
    };
    let evidence = format!("library-consent;institution={institution};time={}", clock::now());
    let evidence = town.people().evidence(account, evidence.as_bytes()).await;
    let evidence = Some(evidence.map_err(|_| EdgeProblem::StorageFull)?);
    let command = Command::LinkLibraryCard(Nothing {}, linking);
    let submission = Submission { key: Some(OperationKey::Client(key)), command, evidence };
    let committed = answer::submit(town.engine(), submission).await?;
    let begun = clock::monotonic();
    loop {
        let known = self::known(town, link).await?.ok_or(EdgeProblem::Internal)?;
        let waited = clock::monotonic().since(begun);
        if known.stage != HolderStage::Asked || waited > LINK_WAITS {
            return Ok((committed, LinkView::of(town, link, &known)));
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn known(town: &Town, link: LibraryLinkId) -> Result<Option<HolderLink>, NoEntry> {
    answer::read(town.engine(), |ledger| ledger.library_link(&link).copied()).await
}

/// The number with its salt, durable in the vault; at the town's own library on both ends.
async fn sealed(
    town: &Town,
    place: &Place,
    number: &LibraryCardNumber,
) -> Result<Enclosure, NoEntry> {
    let cards = town.library().cards();
    let fresh = || -> Result<Enclosure, EdgeProblem> {
        Ok(Enclosure { salt: CardSalt(random_bytes()?), number: number.clone() })
    };
    let card = match cards.find(place) {
        Some(card) if card.number == *number => card,
        // The same key with another number: its own refusal says so.
        Some(_) => return Ok(fresh()?),
        None => fresh()?,
    };
    let full = |_| EdgeProblem::StorageFull;
    cards.keep(*place, &card).await.map_err(full)?;
    if place.town == town.id() {
        let there = Place { side: LibrarySide::Institution, ..*place };
        cards.keep(there, &card).await.map_err(full)?;
    }
    Ok(card)
}

fn random_bytes() -> Result<[u8; 16], EdgeProblem> {
    let mut random = [0_u8; 16];
    getrandom::fill(&mut random).map_err(|_| EdgeProblem::Internal)?;
    Ok(random)
}

async fn unlink_own(
    State(town): State<Town>,
    Resident(account): Resident,
    Path(link): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
) -> Result<Done<answer::Nothing>, NoEntry> {
    let committed = unlinked(&town, (account, Actor::Holder), &link, key).await?;
    Ok(Done::over(&committed, answer::Nothing {}))
}

/// Ends a link; the number is erased here and at the institution.
pub(crate) async fn unlinked(
    town: &Town,
    (account, actor): (AccountId, Actor),
    link: &str,
    key: ClientKey,
) -> Result<Committed, NoEntry> {
    let link = link.parse().map_err(|_| Refusal::UnknownLibraryLink)?;
    let unlinking = LibraryUnlinking { account, link, actor };
    let command = Command::UnlinkLibraryCard(Nothing {}, unlinking);
    let submission = Submission { key: Some(OperationKey::Client(key)), command, evidence: None };
    answer::submit(town.engine(), submission).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeskLinkBody {
    account: Option<String>,
    mykey_id: Option<String>,
    institution: String,
    number: String,
    consent: bool,
    /// Why the officer looks at this person: it may take the card from another holder.
    reason: Option<TextBody>,
    ticket: Option<TextBody>,
}

/// The desk links a card that it saw together with its holder, also one that is linked to another.
async fn link_at_desk(
    State(town): State<Town>,
    Officer(officer): Officer,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<DeskLinkBody>,
) -> Result<Done<impl Serialize>, NoEntry> {
    let number = one_of(&officer, &[Role::Desk])?;
    let account =
        account_of(&town, body.account, body.mykey_id)?.ok_or_else(|| invalid("account"))?;
    let wanted = Wanted::read(&body.institution, &body.number, body.consent)?;
    let why = WhyBody { reason: body.reason, ticket: body.ticket };
    note(&town, (number, account), Looked::LibraryCard, &why).await?;
    let (committed, view) = linked(&town, (account, Actor::Officer(number)), &wanted, key).await?;
    Ok(Done::over(&committed, LinkAnswer { link: view }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeskEndBody {
    account: Option<String>,
    mykey_id: Option<String>,
    reason: Option<TextBody>,
    ticket: Option<TextBody>,
}

async fn unlink_at_desk(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(link): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<DeskEndBody>,
) -> Result<Done<answer::Nothing>, NoEntry> {
    let number = one_of(&officer, &[Role::Desk])?;
    let account =
        account_of(&town, body.account, body.mykey_id)?.ok_or_else(|| invalid("account"))?;
    let why = WhyBody { reason: body.reason, ticket: body.ticket };
    note(&town, (number, account), Looked::LibraryCard, &why).await?;
    let committed = unlinked(&town, (account, Actor::Officer(number)), &link, key).await?;
    Ok(Done::over(&committed, answer::Nothing {}))
}
