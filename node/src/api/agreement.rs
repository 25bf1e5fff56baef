//! Agreements with other towns: what is in force, what is proposed, and what officers say to it.

use axum::{
    Json, Router,
    extract::State,
    routing::{get, post},
};
use jichi_protocol::{
    agreement::{
        AgreedShop, Agreement, Movable, Movement, Seal, SignedAgreement,
        exchange::{DeclineReason, OwnProposal, Proposal},
    },
    codec,
    command::{Command, ProposalDeclined},
    digest::Digest,
    entry::Submission,
    id::{MerchantId, TownId},
    key::{ClientKey, OperationKey},
    refusal::Refusal,
};
use serde::{Deserialize, Serialize};

use super::{
    answer::{self, Done, NoEntry, Nothing},
    body::StrictJson,
    caller::Officer,
    idempotency::IdempotencyKey,
    officer::by,
    payment::points,
    problem::Problem,
    resident::invalid,
};
use crate::{engine::Committed, staff::Role, town::Town};

/// The routes, on the staff's listener.
pub fn routes() -> Router<Town> {
    Router::new()
        .route("/v1/agreements", get(in_force).post(take))
        .route("/v1/agreements/seal", post(seal))
        .route("/v1/agreements/proposals", get(proposed).post(propose))
        .route("/v1/agreements/proposals/answers", post(answer_proposal))
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum MovableBody {
    Converted,
    Everything,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum MovementBody {
    Exchange,
    Shopping,
    House,
}

impl MovementBody {
    const fn read(self) -> Movement {
        match self {
            Self::Exchange => Movement::Exchange,
            Self::Shopping => Movement::Shopping,
            Self::House => Movement::House,
        }
    }

    const fn of(movement: Movement) -> Self {
        match movement {
            Movement::Exchange => Self::Exchange,
            Movement::Shopping => Self::Shopping,
            Movement::House => Self::House,
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TermsBody {
    low: String,
    high: String,
    number: u32,
    movable: MovableBody,
    cap: u64,
    from: String,
    until: String,
    /// The shops at which the other town's holders may pay; every shop without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    shops: Option<Vec<AgreedShopBody>>,
    /// How points may move; every way without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    movements: Option<Vec<MovementBody>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AgreedShopBody {
    town: String,
    merchant: u32,
}

impl TermsBody {
    fn shops(&self) -> Result<Option<Vec<AgreedShop>>, Problem> {
        let Some(named) = &self.shops else { return Ok(None) };
        let shop = |shop: &AgreedShopBody| {
            let town = shop.town.parse().map_err(|_| invalid("shops"))?;
            Ok(AgreedShop { town, merchant: MerchantId(shop.merchant) })
        };
        let mut shops = named.iter().map(shop).collect::<Result<Vec<_>, Problem>>()?;
        shops.sort_unstable();
        Ok(Some(shops))
    }

    fn movements(&self) -> Option<Vec<Movement>> {
        let named = self.movements.as_ref()?;
        let mut movements: Vec<Movement> = named.iter().map(|named| named.read()).collect();
        movements.sort_unstable();
        Some(movements)
    }

    fn agreement(&self) -> Result<Agreement, Problem> {
        Ok(Agreement {
            low: self.low.parse().map_err(|_| invalid("low"))?,
            high: self.high.parse().map_err(|_| invalid("high"))?,
            number: self.number,
            movable: match self.movable {
                MovableBody::Converted => Movable::Converted,
                MovableBody::Everything => Movable::Everything,
            },
            cap: points(self.cap)?,
            from: self.from.parse().map_err(|_| invalid("from"))?,
            until: self.until.parse().map_err(|_| invalid("until"))?,
            shops: self.shops()?,
            movements: self.movements(),
        })
    }

    fn of(agreement: &Agreement) -> Self {
        let shop = |shop: &AgreedShop| AgreedShopBody {
            town: shop.town.to_string(),
            merchant: shop.merchant.0,
        };
        Self {
            low: agreement.low.to_string(),
            high: agreement.high.to_string(),
            number: agreement.number,
            movable: match agreement.movable {
                Movable::Converted => MovableBody::Converted,
                Movable::Everything => MovableBody::Everything,
            },
            cap: agreement.cap.get(),
            from: agreement.from.to_string(),
            until: agreement.until.to_string(),
            shops: agreement.shops.as_ref().map(|shops| shops.iter().map(shop).collect()),
            movements: agreement
                .movements
                .as_ref()
                .map(|ways| ways.iter().map(|way| MovementBody::of(*way)).collect()),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SealBody {
    key: String,
    signature: String,
}

impl SealBody {
    fn of(seal: &Seal) -> Self {
        Self { key: seal.key.to_string(), signature: seal.signature.to_string() }
    }

    fn read(&self) -> Result<Seal, Problem> {
        let key = self.key.parse().map_err(|_| invalid("key"))?;
        let signature = self.signature.parse().map_err(|_| invalid("signature"))?;
        Ok(Seal { key, signature })
    }
}

async fn submit(town: &Town, key: ClientKey, command: Command) -> Result<Committed, NoEntry> {
    let submission = Submission { key: Some(OperationKey::Client(key)), command, evidence: None };
    answer::submit(town.engine(), submission).await
}

/// The terms as this town can sign them.
fn sound_terms(town: &Town, body: &TermsBody) -> Result<Agreement, Problem> {
    let agreement = body.agreement()?;
    if agreement.peer_of(town.id()).is_none() || !agreement.well_formed() {
        return Err(Refusal::NotWellFormed.into());
    }
    Ok(agreement)
}

/// This town's signature under an agreement; the other town's officer gives it theirs. For towns
/// that agree by hand.
async fn seal(
    State(town): State<Town>,
    Officer(officer): Officer,
    StrictJson(body): StrictJson<TermsBody>,
) -> Result<Json<SealBody>, Problem> {
    officer.require(Role::Approver)?;
    let agreement = sound_terms(&town, &body)?;
    Ok(Json(SealBody::of(&town.seal(&codec::encode(&agreement)))))
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AgreementBody {
    terms: TermsBody,
    low: SealBody,
    high: SealBody,
}

/// Takes an agreement that both towns signed by hand.
async fn take(
    State(town): State<Town>,
    Officer(officer): Officer,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<AgreementBody>,
) -> Result<Done<Nothing>, NoEntry> {
    let officer = officer.require(Role::Approver)?;
    let signed = SignedAgreement {
        agreement: body.terms.agreement()?,
        low: body.low.read()?,
        high: body.high.read()?,
    };
    let committed = submit(&town, key, Command::TakeAgreement(signed, by(officer))).await?;
    Ok(Done::over(&committed, Nothing {}))
}

/// The last agreement with each town; past ones too, until another takes their place.
async fn in_force(
    State(town): State<Town>,
    Officer(officer): Officer,
) -> Result<Json<Vec<AgreementBody>>, NoEntry> {
    officer.require(Role::Approver).or_else(|_| officer.require(Role::Auditor))?;
    let view = |signed: &SignedAgreement| AgreementBody {
        terms: TermsBody::of(&signed.agreement),
        low: SealBody::of(&signed.low),
        high: SealBody::of(&signed.high),
    };
    let all = answer::read(town.engine(), move |ledger| {
        ledger.agreements().map(|(_, signed)| view(signed)).collect()
    });
    Ok(Json(all.await?))
}

#[derive(Serialize)]
struct ProposalView {
    /// The other town.
    town: String,
    /// `ours` or `theirs`.
    proposed_by: &'static str,
    /// The hash of the terms: what an answer names.
    hash: String,
    terms: TermsBody,
    /// `waiting`, or why the other town declined: `not_wanted`, `not_newer`, `over`, `unsound`.
    state: &'static str,
}

impl ProposalView {
    fn ours(town: &TownId, own: &OwnProposal) -> Self {
        let state = match own.declined {
            None => "waiting",
            Some(DeclineReason::NotWanted) => "not_wanted",
            Some(DeclineReason::NotNewer) => "not_newer",
            Some(DeclineReason::Over) => "over",
            Some(DeclineReason::Unsound) => "unsound",
        };
        Self::of(town, "ours", &own.proposal, state)
    }

    fn of(
        town: &TownId,
        proposed_by: &'static str,
        proposal: &Proposal,
        state: &'static str,
    ) -> Self {
        Self {
            town: town.to_string(),
            proposed_by,
            hash: proposal.agreement.hash().to_string(),
            terms: TermsBody::of(&proposal.agreement),
            state,
        }
    }
}

/// What is proposed and not agreed to: at most two with each town.
async fn proposed(
    State(town): State<Town>,
    Officer(officer): Officer,
) -> Result<Json<Vec<ProposalView>>, NoEntry> {
    officer.require(Role::Approver).or_else(|_| officer.require(Role::Auditor))?;
    let all = answer::read(town.engine(), |ledger| {
        let views = ledger.dealings().flat_map(|(peer, dealing)| {
            let ours = dealing.ours.as_ref().map(|own| ProposalView::ours(peer, own));
            let theirs = dealing.theirs.as_ref();
            let theirs =
                theirs.map(|proposal| ProposalView::of(peer, "theirs", proposal, "waiting"));
            ours.into_iter().chain(theirs)
        });
        views.collect()
    });
    Ok(Json(all.await?))
}

#[derive(Serialize)]
struct ProposedAnswer {
    /// The hash of the terms.
    hash: String,
}

/// Proposes terms to the other town, under this town's seal.
async fn propose(
    State(town): State<Town>,
    Officer(officer): Officer,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<TermsBody>,
) -> Result<Done<ProposedAnswer>, NoEntry> {
    let officer = officer.require(Role::Approver)?;
    let agreement = sound_terms(&town, &body)?;
    let hash = agreement.hash().to_string();
    let seal = town.seal(&codec::encode(&agreement));
    let proposal = Proposal { agreement, seal };
    let command = Command::ProposeAgreement(proposal, by(officer));
    let committed = submit(&town, key, command).await?;
    Ok(Done::over(&committed, ProposedAnswer { hash }))
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum AnswerWord {
    Agree,
    Decline,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswerBody {
    town: String,
    /// The hash of the terms, as the list shows it.
    hash: String,
    answer: AnswerWord,
}

/// Agrees to what another town proposed, or declines it.
async fn answer_proposal(
    State(town): State<Town>,
    Officer(officer): Officer,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<AnswerBody>,
) -> Result<Done<Nothing>, NoEntry> {
    let officer = officer.require(Role::Approver)?;
    let peer: TownId = body.town.parse().map_err(|_| invalid("town"))?;
    let terms: Digest = body.hash.parse().map_err(|_| invalid("hash"))?;
    let command = match body.answer {
        AnswerWord::Decline => {
            Command::DeclineProposal(ProposalDeclined { town: peer, terms }, by(officer))
        }
        AnswerWord::Agree => {
            let signed = agreed_with(&town, peer, key, terms).await?;
            Command::AgreeToProposal(signed, by(officer))
        }
    };
    let committed = submit(&town, key, command).await?;
    Ok(Done::over(&committed, Nothing {}))
}

/// The proposal of these terms with this town's seal, or the agreement that an earlier request of
/// the same key made of it.
async fn agreed_with(
    town: &Town,
    peer: TownId,
    key: ClientKey,
    terms: Digest,
) -> Result<SignedAgreement, NoEntry> {
    let known = answer::read(town.engine(), move |ledger| {
        let waiting = ledger.dealing(&peer).theirs;
        let waiting = waiting.filter(|proposal| proposal.agreement.hash() == terms);
        let again = ledger.key_use(&key).is_some();
        let mut agreed = ledger.agreements();
        let agreed = agreed
            .find(|(with, signed)| again && **with == peer && signed.agreement.hash() == terms);
        (waiting, agreed.map(|(_, signed)| signed.clone()))
    });
    let (waiting, agreed) = known.await?;
    let Some(proposal) = waiting else {
        return agreed.ok_or_else(|| Refusal::UnknownAgreementProposal.into());
    };
    let seal = town.seal(&codec::encode(&proposal.agreement));
    Ok(proposal.agreed(peer, seal))
}
