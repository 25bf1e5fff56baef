//! What desks and the office do about vouchers: kinds, stock, issue, void, loss, bundles; and the
//! public list of kinds with the shops that take them.

use axum::{
    Json, Router,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use jichi_protocol::{
    account::{Account, Side},
    command::{
        Command, VoucherBundle, VoucherBuyer, VoucherIssueShared, VoucherIssueVoid, VoucherPayment,
        VoucherReissue, VoucherStockMove, VoucherStockShared,
    },
    entry::{Outcome, Submission},
    id::{DeskId, MerchantId, ProgrammeId, VoucherKindId},
    key::{ClientKey, OperationKey},
    ledger::{IssueState, Ledger, VoucherState},
    points::Points,
    posting::Posting,
    voucher::{SerialForm, SoldFor, VoucherId, VoucherKind},
};
use serde::{Deserialize, Serialize};

use super::{
    answer::{self, Done, NoEntry},
    body::{StrictJson, TextBody},
    caller::Officer,
    idempotency::IdempotencyKey,
    officer::{by, label},
    payment::points,
    place::{DeskBody, DeskView, ShopView, desks, shops, usable_shops},
    problem::{Problem, edge::EdgeProblem},
    redemption::{self, numbers},
    resident::invalid,
    rules::ExpiryBody,
    street::{account_of, one_of},
};
use crate::{engine::Committed, staff::Role, town::Town};

/// The routes, on the staff's listener.
pub fn routes() -> Router<Town> {
    Router::new()
        .route("/v1/voucher-kinds", post(set_kind).get(kinds))
        .route("/v1/voucher-stock", post(move_stock).get(stock))
        .route("/v1/voucher-issues", post(issue))
        .route("/v1/voucher-issues/{issue}/void", post(void))
        .route("/v1/voucher-reissues", post(reissue))
        .route("/v1/voucher-bundles", post(bundle))
        .route("/v1/vouchers/find", post(redemption::find))
}

/// The public list, on the public listener.
pub fn public_routes() -> Router<Town> {
    Router::new().route("/v1/voucher-kinds", get(kinds))
}

async fn submit(town: &Town, key: ClientKey, command: Command) -> Result<Committed, NoEntry> {
    let key = Some(OperationKey::Client(key));
    answer::submit(town.engine(), Submission { key, command, evidence: None }).await
}

/// The yen of vouchers that an entry moved out of or into circulation.
pub(super) fn moved(outcome: &Outcome) -> u64 {
    let Outcome::Done(effect) = outcome else { return 0 };
    let vouchers = effect.postings.as_slice().iter().filter_map(|posting| match posting {
        Posting::Book { account: Account::Voucher(_), points, .. } => Some(*points),
        Posting::Book { .. } | Posting::Lots { .. } => None,
    });
    Points::sum(vouchers).unwrap_or(Points::MAX).get()
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum SoldForBody {
    Points,
    Cash,
    Either,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SerialBody {
    prefix: TextBody,
    digits: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KindBody {
    kind: u32,
    name: TextBody,
    /// What one unit costs, in points or yen.
    price: u64,
    sheets: u32,
    /// What one sheet is worth, in yen.
    face: u64,
    /// The programme that gives what a unit is worth above its price.
    premium: Option<u32>,
    sold_for: SoldForBody,
    from: String,
    until: String,
    valid: ExpiryBody,
    office_days: u32,
    /// The shops that take it; all where it is left out.
    shops: Option<Vec<u32>>,
    desks: Vec<DeskBody>,
    serial: SerialBody,
    per_person: Option<u32>,
}

impl KindBody {
    fn kind(&self) -> Result<VoucherKind, Problem> {
        let prefix = label(&self.serial.prefix)?;
        let digits = u8::try_from(self.serial.digits).map_err(|_| invalid("digits"))?;
        Ok(VoucherKind {
            id: VoucherKindId(self.kind),
            name: label(&self.name)?,
            price: points(self.price)?,
            sheets: self.sheets,
            face: points(self.face)?,
            premium: self.premium.map(ProgrammeId),
            sold_for: match self.sold_for {
                SoldForBody::Points => SoldFor::Points,
                SoldForBody::Cash => SoldFor::Cash,
                SoldForBody::Either => SoldFor::Either,
            },
            from: self.from.parse().map_err(|_| invalid("from"))?,
            until: self.until.parse().map_err(|_| invalid("until"))?,
            valid: self.valid.rule()?,
            office_days: self.office_days,
            shops: shops(self.shops.as_deref()),
            desks: desks(&self.desks)?,
            serial: SerialForm { prefix, digits },
            per_person: self.per_person,
        })
    }
}

async fn set_kind(
    State(town): State<Town>,
    Officer(officer): Officer,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<KindBody>,
) -> Result<Done<answer::Nothing>, NoEntry> {
    let officer = officer.require(Role::Approver)?;
    let committed = submit(&town, key, Command::SetVoucherKind(body.kind()?, by(officer))).await?;
    Ok(Done::over(&committed, answer::Nothing {}))
}

#[derive(Serialize)]
struct KindView {
    kind: u32,
    name: String,
    price: u64,
    sheets: u32,
    face: u64,
    /// What a unit is worth, in yen.
    worth: u64,
    sold_for: &'static str,
    from: String,
    until: String,
    desks: Vec<DeskView>,
    /// The shops that take it now.
    shops: Vec<ShopView>,
}

async fn kinds(State(town): State<Town>) -> Result<Response, NoEntry> {
    let views = answer::read(town.engine(), |ledger| {
        let view = |kind: &VoucherKind| KindView {
            kind: kind.id.0,
            name: kind.name.to_string(),
            price: kind.price.get(),
            sheets: kind.sheets,
            face: kind.face.get(),
            worth: kind.worth(1).map_or(0, Points::get),
            sold_for: match kind.sold_for {
                SoldFor::Points => "points",
                SoldFor::Cash => "cash",
                SoldFor::Either => "either",
            },
            from: kind.from.to_string(),
            until: kind.until.to_string(),
            desks: kind.desks.iter().map(DeskView::from).collect(),
            shops: usable_shops(ledger, &kind.shops),
        };
        ledger.voucher_kinds().map(view).collect::<Vec<_>>()
    });
    Ok(Json(views.await?).into_response())
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ChangeBody {
    /// Sheets came: the first and the last serial.
    Received { first: String, last: String },
    /// A sheet was spoiled before it was handed out.
    Spoiled(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StockBody {
    kind: u32,
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
    let kind = VoucherKindId(body.kind);
    let one = async |serial: String| -> Result<u32, NoEntry> {
        let numbers = numbers(&town, kind, &[serial]).await?;
        Ok(numbers.first().copied().unwrap_or_default())
    };
    let change = match body.change {
        ChangeBody::Received { first, last } => {
            VoucherStockMove::Received { first: one(first).await?, last: one(last).await? }
        }
        ChangeBody::Spoiled(serial) => VoucherStockMove::Spoiled(one(serial).await?),
    };
    let shared = VoucherStockShared { kind, desk: DeskId(body.desk), change };
    let committed = submit(&town, key, Command::MoveVoucherStock(shared, by(officer))).await?;
    Ok(Done::over(&committed, answer::Nothing {}))
}

#[derive(Serialize)]
struct StockView {
    kind: u32,
    name: String,
    desk: DeskView,
    left: u32,
    used: u32,
    spoiled: u32,
    /// Yen taken at this desk, all kinds together.
    cash_yen: u64,
}

async fn stock(State(town): State<Town>, Officer(officer): Officer) -> Result<Response, NoEntry> {
    one_of(&officer, &[Role::Desk, Role::Approver, Role::Auditor])?;
    let views = answer::read(town.engine(), |ledger| {
        let of_kind = |kind: &VoucherKind| {
            let at = |desk: &jichi_protocol::place::Desk| {
                let stock = ledger.voucher_stock_at(kind.id, desk.id);
                StockView {
                    kind: kind.id.0,
                    name: kind.name.to_string(),
                    desk: desk.into(),
                    left: stock.map_or(0, jichi_protocol::ledger::DeskStock::count),
                    used: stock.map_or(0, |stock| stock.used),
                    spoiled: stock.map_or(0, |stock| stock.spoiled),
                    cash_yen: ledger.balance(&Account::Cash(desk.id)).get(),
                }
            };
            kind.desks.iter().map(at).collect::<Vec<_>>()
        };
        ledger.voucher_kinds().flat_map(of_kind).collect::<Vec<_>>()
    });
    Ok(Json(views.await?).into_response())
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum PaidWithBody {
    Points,
    Cash,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IssueBody {
    kind: u32,
    desk: u32,
    units: u32,
    paid_with: PaidWithBody,
    account: Option<String>,
    mykey_id: Option<String>,
}

#[derive(Serialize)]
struct IssueAnswer {
    issue: String,
    /// What the vouchers are worth, in yen.
    yen: u64,
    /// Points that were taken.
    points: u64,
    /// The sheets to hand out.
    serials: Vec<String>,
}

async fn issue(
    State(town): State<Town>,
    Officer(officer): Officer,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<IssueBody>,
) -> Result<Done<impl Serialize>, NoEntry> {
    let officer = officer.require(Role::Desk)?;
    let issue = key.voucher_issue();
    let (kind, desk, units) = (VoucherKindId(body.kind), DeskId(body.desk), body.units);
    let shared = VoucherIssueShared { issue, kind, desk, units };
    let payment = match body.paid_with {
        PaidWithBody::Points => VoucherPayment::Points,
        PaidWithBody::Cash => VoucherPayment::Cash,
    };
    let account = account_of(&town, body.account, body.mykey_id)?;
    let buyer = VoucherBuyer { account, payment, officer };
    let committed = submit(&town, key, Command::IssueVouchers(shared, buyer)).await?;
    let serials = answer::read(town.engine(), |ledger| serials(ledger, kind, &issue)).await?;
    let answer = IssueAnswer {
        issue: issue.to_string(),
        yen: moved(&committed.entry.outcome),
        points: points_in(&committed.entry.outcome),
        serials,
    };
    Ok(Done::over(&committed, answer))
}

/// The serials of an issue that was not voided.
fn serials(
    ledger: &Ledger,
    kind: VoucherKindId,
    issue: &jichi_protocol::id::VoucherIssueId,
) -> Vec<String> {
    let form = ledger.voucher_kind(&kind).map(|kind| &kind.serial);
    match (form, ledger.voucher_issue(issue).map(|issue| &issue.state)) {
        (Some(form), Some(IssueState::Issued { numbers, .. })) => {
            numbers.iter().map(|number| form.text(*number)).collect()
        }
        (_, Some(IssueState::Issued { .. } | IssueState::Voided) | None) => Vec::new(),
    }
}

/// Points that an entry took out of accounts, or put back into them.
fn points_in(outcome: &Outcome) -> u64 {
    let Outcome::Done(effect) = outcome else { return 0 };
    let lots = effect.postings.as_slice().iter().filter_map(|posting| match posting {
        Posting::Lots { .. } => posting.points(),
        Posting::Book { .. } => None,
    });
    Points::sum(lots).unwrap_or(Points::MAX).get()
}

#[derive(Serialize)]
struct VoidAnswer {
    /// Points that came back.
    points: u64,
    /// Yen to give back in cash.
    cash_yen: u64,
}

async fn void(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(issue): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
) -> Result<Done<impl Serialize>, NoEntry> {
    let officer = officer.require(Role::Desk)?;
    let issue = issue.parse().map_err(|_| EdgeProblem::NotFound)?;
    let void = VoucherIssueVoid { issue };
    let committed = submit(&town, key, Command::VoidVoucherIssue(void, by(officer))).await?;
    let outcome = &committed.entry.outcome;
    let cash_yen = match outcome {
        Outcome::Done(effect) => {
            effect.postings.as_slice().iter().find_map(|posting| match posting {
                Posting::Book { account: Account::Cash(_), side: Side::Credit, points } => {
                    Some(points.get())
                }
                Posting::Book { .. } | Posting::Lots { .. } => None,
            })
        }
        Outcome::Refused(_) => None,
    };
    let answer = VoidAnswer { points: points_in(outcome), cash_yen: cash_yen.unwrap_or(0) };
    Ok(Done::over(&committed, answer))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReissueBody {
    kind: u32,
    /// The lost one.
    serial: String,
    desk: u32,
}

#[derive(Serialize)]
struct ReissueAnswer {
    serial: Option<String>,
}

async fn reissue(
    State(town): State<Town>,
    Officer(officer): Officer,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<ReissueBody>,
) -> Result<Done<impl Serialize>, NoEntry> {
    let officer = officer.require(Role::Desk)?;
    let kind = VoucherKindId(body.kind);
    let numbers = numbers(&town, kind, &[body.serial]).await?;
    let number = numbers.first().copied().unwrap_or_default();
    let reissue = VoucherReissue { kind, number, desk: DeskId(body.desk) };
    let committed = submit(&town, key, Command::ReissueVoucher(reissue, by(officer))).await?;
    let serial = answer::read(town.engine(), |ledger| {
        let lost = ledger.voucher(&VoucherId { kind, number })?;
        match lost.state {
            VoucherState::Lost { by } => Some(ledger.voucher_kind(&kind)?.serial.text(by)),
            VoucherState::Out
            | VoucherState::Redeemed { .. }
            | VoucherState::Voided
            | VoucherState::Lapsed => None,
        }
    });
    Ok(Done::over(&committed, ReissueAnswer { serial: serial.await? }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BundleBody {
    merchant: u32,
    kind: u32,
    serials: Vec<String>,
}

#[derive(Serialize)]
struct BundleAnswer {
    count: usize,
    yen: u64,
}

/// A shop hands vouchers in at the office.
async fn bundle(
    State(town): State<Town>,
    Officer(officer): Officer,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<BundleBody>,
) -> Result<Done<impl Serialize>, NoEntry> {
    let officer = one_of(&officer, &[Role::MerchantOfficer, Role::Desk])?;
    let kind = VoucherKindId(body.kind);
    let numbers = numbers(&town, kind, &body.serials).await?;
    let count = numbers.len();
    let bundle = VoucherBundle { merchant: MerchantId(body.merchant), kind, numbers };
    let committed = submit(&town, key, Command::RedeemBundle(bundle, by(officer))).await?;
    let yen = moved(&committed.entry.outcome);
    Ok(Done::over(&committed, BundleAnswer { count, yen }))
}
