//! What officers do about streets' cards: schemes, stock, links, blocking.

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::post,
};
use jichi_protocol::{
    command::{
        Actor, CardOpening, CardStockMove, CardStockShared, Command, InUse, Nothing,
        StreetCardLink, StreetCardState,
    },
    entry::Submission,
    id::{AccountId, DeskId, OfficerId, SchemeId, StreetCardId},
    key::{ClientKey, OperationKey},
    refusal::Refusal,
    street::{BirthKind, CardSystem, Cardholders, ChargeTerms, RewardTerms, Scheme},
    text::mykey::MyKeyName,
};
use serde::{Deserialize, Serialize};

use super::{
    answer::{self, Done, NoEntry},
    body::{StrictJson, TextBody},
    caller::Officer,
    idempotency::IdempotencyKey,
    look_up::note_at_desk,
    officer::{by, label},
    payment::points,
    place::{DeskBody, DeskView, ShopView, desks, shops, usable_shops},
    problem::{Problem, edge::EdgeProblem},
    resident::invalid,
    rules::{ExpiryBody, GraceBody, IssuerBody},
};
use crate::{
    engine::Committed,
    look_up::Looked,
    staff::{Role, SignedIn},
    street_card::CardNumber,
    town::Town,
};

/// The routes, on the staff's listener.
pub fn routes() -> Router<Town> {
    Router::new()
        .route("/v1/schemes", post(set_scheme).get(schemes))
        .route("/v1/card-stock", post(move_stock))
        .route("/v1/street-cards", post(link))
        .route("/v1/street-cards/state", post(set_state))
        .route("/v1/street-cards/find", post(find))
}

/// The officer, who needs one of these roles.
pub(super) fn one_of(officer: &SignedIn, roles: &[Role]) -> Result<OfficerId, Problem> {
    let has = roles.iter().find_map(|role| officer.require(*role).ok());
    has.ok_or_else(|| EdgeProblem::ForbiddenRole.into())
}

async fn submit(town: &Town, key: ClientKey, command: Command) -> Result<Committed, NoEntry> {
    let key = Some(OperationKey::Client(key));
    answer::submit(town.engine(), Submission { key, command, evidence: None }).await
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum CardSystemBody {
    None,
    File,
    Api,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum HoldersBody {
    WithAccount,
    Everyone,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum BirthBody {
    Administrative,
    Reward,
    Converted,
}

impl From<&BirthBody> for BirthKind {
    fn from(body: &BirthBody) -> Self {
        match body {
            BirthBody::Administrative => Self::Administrative,
            BirthBody::Reward => Self::Reward,
            BirthBody::Converted => Self::Converted,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChargeTermsBody {
    least: u64,
    once: u64,
    day: u64,
    births: Vec<BirthBody>,
}

impl ChargeTermsBody {
    fn terms(&self) -> Result<ChargeTerms, Problem> {
        let mut births: Vec<BirthKind> = self.births.iter().map(BirthKind::from).collect();
        births.sort();
        Ok(ChargeTerms {
            least: points(self.least)?,
            once: points(self.once)?,
            day: points(self.day)?,
            births,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RewardTermsBody {
    points_per_100_yen: u32,
    ceiling: u64,
    expiry: ExpiryBody,
    grace: GraceBody,
    issuer: IssuerBody,
    holders: HoldersBody,
}

impl RewardTermsBody {
    fn terms(&self) -> Result<RewardTerms, Problem> {
        Ok(RewardTerms {
            points_per_100_yen: self.points_per_100_yen,
            ceiling: points(self.ceiling)?,
            expiry: self.expiry.rule()?,
            grace: self.grace.into(),
            issuer: self.issuer.into(),
            holders: match self.holders {
                HoldersBody::WithAccount => Cardholders::WithAccount,
                HoldersBody::Everyone => Cardholders::Everyone,
            },
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SchemeBody {
    scheme: u32,
    name: TextBody,
    association: TextBody,
    card_system: CardSystemBody,
    /// The association's shops; all of the town's where it is left out.
    shops: Option<Vec<u32>>,
    from: String,
    until: String,
    charge: Option<ChargeTermsBody>,
    reward: Option<RewardTermsBody>,
    desks: Vec<DeskBody>,
}

impl SchemeBody {
    fn scheme(&self) -> Result<Scheme, Problem> {
        Ok(Scheme {
            id: SchemeId(self.scheme),
            name: label(&self.name)?,
            association: label(&self.association)?,
            card_system: match self.card_system {
                CardSystemBody::None => CardSystem::None,
                CardSystemBody::File => CardSystem::File,
                CardSystemBody::Api => CardSystem::Api,
            },
            shops: shops(self.shops.as_deref()),
            from: self.from.parse().map_err(|_| invalid("from"))?,
            until: self.until.parse().map_err(|_| invalid("until"))?,
            charge: self.charge.as_ref().map(ChargeTermsBody::terms).transpose()?,
            reward: self.reward.as_ref().map(RewardTermsBody::terms).transpose()?,
            desks: desks(&self.desks)?,
        })
    }
}

async fn set_scheme(
    State(town): State<Town>,
    Officer(officer): Officer,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<SchemeBody>,
) -> Result<Done<answer::Nothing>, NoEntry> {
    let officer = officer.require(Role::Approver)?;
    let committed = submit(&town, key, Command::SetScheme(body.scheme()?, by(officer))).await?;
    Ok(Done::over(&committed, answer::Nothing {}))
}

#[derive(Serialize)]
struct StockView {
    #[serde(flatten)]
    desk: DeskView,
    received: u32,
    used: u32,
    spoiled: u32,
    left: u32,
}

#[derive(Serialize)]
struct SchemeView {
    scheme: u32,
    name: String,
    association: String,
    /// What the association gave, out of what it may give.
    given: u64,
    ceiling: Option<u64>,
    /// Charges that wait for the card system's answer, and those that it has taken.
    pending: u64,
    confirmed: u64,
    shops: Vec<ShopView>,
    stock: Vec<StockView>,
}

async fn schemes(State(town): State<Town>, Officer(officer): Officer) -> Result<Response, NoEntry> {
    one_of(&officer, &[Role::Desk, Role::Approver, Role::Auditor, Role::MerchantOfficer])?;
    let views = answer::read(town.engine(), |ledger| {
        let stock = |scheme: &Scheme| {
            let at = |desk: &jichi_protocol::place::Desk| {
                let stock = ledger.card_stock_at(scheme.id, desk.id);
                StockView {
                    desk: desk.into(),
                    received: stock.received,
                    used: stock.used,
                    spoiled: stock.spoiled,
                    left: stock.left(),
                }
            };
            scheme.desks.iter().map(at).collect()
        };
        let view = |scheme: &Scheme| {
            use jichi_protocol::account::Account;
            let balance = |account: Account| ledger.balance(&account).get();
            SchemeView {
                scheme: scheme.id.0,
                name: scheme.name.to_string(),
                association: scheme.association.to_string(),
                given: balance(Account::Association(scheme.id)),
                ceiling: scheme.reward.as_ref().map(|reward| reward.ceiling.get()),
                pending: balance(Account::LocalCardPending(scheme.id)),
                confirmed: balance(Account::LocalCard(scheme.id)),
                shops: usable_shops(ledger, &scheme.shops),
                stock: stock(scheme),
            }
        };
        ledger.schemes().map(view).collect::<Vec<_>>()
    });
    Ok(Json(views.await?).into_response())
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ChangeBody {
    Received(u32),
    Spoiled(u32),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StockBody {
    scheme: u32,
    desk: u32,
    change: ChangeBody,
}

async fn move_stock(
    State(town): State<Town>,
    Officer(officer): Officer,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<StockBody>,
) -> Result<Done<answer::Nothing>, NoEntry> {
    let officer = officer.require(Role::Desk)?;
    let change = match body.change {
        ChangeBody::Received(count) => CardStockMove::Received(count),
        ChangeBody::Spoiled(count) => CardStockMove::Spoiled(count),
    };
    let (scheme, desk) = (SchemeId(body.scheme), DeskId(body.desk));
    let shared = CardStockShared { scheme, desk, change };
    let committed = submit(&town, key, Command::MoveCardStock(shared, by(officer))).await?;
    Ok(Done::over(&committed, answer::Nothing {}))
}

/// A card as a desk or terminal names it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CardBody {
    /// Of which scheme.
    pub(super) scheme: u32,
    /// Its number.
    pub(super) number: String,
}

impl CardBody {
    /// The number.
    pub(super) fn number(&self) -> Result<CardNumber, Problem> {
        CardNumber::read(&self.number).ok_or_else(|| invalid("number"))
    }

    /// The card, and whose it is.
    pub(super) async fn linked(&self, town: &Town) -> Result<(StreetCardId, AccountId), NoEntry> {
        let card = town.people().cards().find(SchemeId(self.scheme), &self.number()?);
        let card = card.ok_or(Refusal::UnknownStreetCard)?;
        let linked =
            answer::read(town.engine(), |ledger| ledger.street_card(&card).cloned()).await?;
        let linked = linked.ok_or(Refusal::UnknownStreetCard)?;
        Ok((card, linked.account))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LinkBody {
    scheme: u32,
    number: String,
    /// Whose it becomes; a card for somebody who has nothing else where both are left out.
    account: Option<String>,
    mykey_id: Option<String>,
    /// The desk whose stock it comes from; left out for a card that the holder has already.
    desk: Option<u32>,
}

#[derive(Serialize)]
struct LinkAnswer {
    card: String,
    account: String,
}

async fn link(
    State(town): State<Town>,
    Officer(officer): Officer,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<LinkBody>,
) -> Result<Done<impl Serialize>, NoEntry> {
    let officer = officer.require(Role::Desk)?;
    let number = CardNumber::read(&body.number).ok_or_else(|| invalid("number"))?;
    let scheme = SchemeId(body.scheme);
    let (account, opening) = match account_of(&town, body.account, body.mykey_id)? {
        Some(account) => (account, CardOpening::Linked),
        None => {
            let account = AccountId::derived("jichi/card-account/v1", key.bytes());
            (account, CardOpening::CardOnly)
        }
    };
    let noted = card_of(&town, scheme, &number).await?;
    let card = noted.unwrap_or_else(|| StreetCardId::derived("jichi/street-card/v1", key.bytes()));
    let actor = Actor::Officer(officer);
    let desk = body.desk.map(DeskId);
    let link = StreetCardLink { card, scheme, account, opening, desk, actor };
    let known = answer::read(town.engine(), |ledger| ledger.scheme(&scheme).is_some()).await?;
    if !known {
        return Err(Refusal::UnknownScheme.into());
    }
    let note = || town.people().cards().note(account, scheme, &number, card);
    if noted.is_none() {
        // Vault first, then the entry: a crash between leaves a number that nothing names.
        note().await.map_err(|_| EdgeProblem::StorageFull)?;
    }
    let committed = submit(&town, key, Command::LinkStreetCard(Nothing {}, link)).await?;
    if noted.is_some() {
        note().await.map_err(|_| EdgeProblem::StorageFull)?;
    }
    let answer = LinkAnswer { card: card.to_string(), account: account.to_string() };
    Ok(Done::over(&committed, answer))
}

/// The pseudonym that a number has in the journal.
async fn card_of(
    town: &Town,
    scheme: SchemeId,
    number: &CardNumber,
) -> Result<Option<StreetCardId>, NoEntry> {
    let Some(noted) = town.people().cards().find(scheme, number) else { return Ok(None) };
    // A number that was noted and never linked begins anew.
    let linked = answer::read(town.engine(), |ledger| ledger.street_card(&noted).is_some()).await?;
    Ok(linked.then_some(noted))
}

/// A holder by account or MyKey ID, never by a guess; none if neither is named.
pub(super) fn account_of(
    town: &Town,
    account: Option<String>,
    mykey_id: Option<String>,
) -> Result<Option<AccountId>, Problem> {
    match (account, mykey_id) {
        (None, None) => Ok(None),
        (Some(account), None) => account.parse().map(Some).map_err(|_| invalid("account")),
        (None, Some(typed)) => {
            let name: MyKeyName = typed.parse().map_err(|_| invalid("mykey_id"))?;
            let account = town.people().account(&name).ok_or(Refusal::UnknownAccount)?;
            Ok(Some(account))
        }
        (Some(_), Some(_)) => Err(invalid("mykey_id")),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum CardStateBody {
    Active,
    Suspended,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StateBody {
    scheme: u32,
    number: String,
    state: CardStateBody,
}

async fn set_state(
    State(town): State<Town>,
    Officer(officer): Officer,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<StateBody>,
) -> Result<Done<answer::Nothing>, NoEntry> {
    let officer = one_of(&officer, &[Role::Desk, Role::HelpDesk])?;
    let card = CardBody { scheme: body.scheme, number: body.number };
    let (card, _) = card.linked(&town).await?;
    let state = match body.state {
        CardStateBody::Active => InUse::Active,
        CardStateBody::Suspended => InUse::Suspended,
    };
    let change = StreetCardState { card, state, actor: Actor::Officer(officer) };
    let committed = submit(&town, key, Command::SetStreetCard(Nothing {}, change)).await?;
    Ok(Done::over(&committed, answer::Nothing {}))
}

#[derive(Serialize)]
struct FoundAnswer {
    account: String,
    state: &'static str,
    points: u64,
}

/// Whose a card is and what is on the account, for the desk; the number goes in the body, so that
/// no log of addresses holds it.
async fn find(
    State(town): State<Town>,
    Officer(officer): Officer,
    StrictJson(body): StrictJson<CardBody>,
) -> Result<Response, NoEntry> {
    let officer = one_of(&officer, &[Role::Desk, Role::HelpDesk])?;
    let (card, account) = body.linked(&town).await?;
    note_at_desk(&town, (officer, account), Looked::Card).await?;
    let found = answer::read(town.engine(), |ledger| {
        let points = ledger.holder(&account).map(|holder| holder.lots.spendable(ledger.day()));
        let state = ledger.street_card(&card).map(|card| card.state);
        FoundAnswer {
            account: account.to_string(),
            state: match state {
                Some(InUse::Active) => "active",
                Some(InUse::Suspended) | None => "suspended",
            },
            points: points.map_or(0, jichi_protocol::points::Points::get),
        }
    });
    Ok(Json(found.await?).into_response())
}
