//! What terminals ask about vouchers: whether one is good, redemption, and its void.

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::post,
};
use jichi_protocol::{
    command::{
        Command, Nothing, RedemptionIntent, RedemptionVoidIntent, SignedRedemption,
        SignedRedemptionVoid,
    },
    date::Time,
    entry::Submission,
    id::{MerchantId, TerminalId, VoucherKindId},
    key::OperationKey,
    ledger::{Ledger, VoucherState},
    refusal::Refusal,
    voucher::VoucherId,
};
use serde::{Deserialize, Serialize};

use super::{
    answer::{self, Done, NoEntry},
    body::StrictJson,
    idempotency::IdempotencyKey,
    payment::signature,
    problem::Problem,
    resident::invalid,
};
use crate::town::Town;

/// The routes, on the terminals' listener.
pub fn routes() -> Router<Town> {
    Router::new()
        .route("/v1/voucher-redemptions", post(redeem))
        .route("/v1/voucher-redemptions/void", post(void))
        .route("/v1/vouchers/find", post(find))
}

/// The numbers of serials as they stand on the sheets, in order.
pub(super) async fn numbers(
    town: &Town,
    kind: VoucherKindId,
    serials: &[String],
) -> Result<Vec<u32>, NoEntry> {
    let form = answer::read(town.engine(), |ledger| {
        ledger.voucher_kind(&kind).map(|kind| kind.serial.clone())
    });
    let form = form.await?.ok_or(Refusal::UnknownVoucherKind)?;
    let number = |serial: &String| {
        let plain = jichi_protocol::text::code_input(serial);
        form.number(&plain).ok_or_else(|| invalid("serials"))
    };
    let mut numbers = serials.iter().map(number).collect::<Result<Vec<u32>, Problem>>()?;
    numbers.sort_unstable();
    Ok(numbers)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RedeemBody {
    merchant: u32,
    terminal: u32,
    kind: u32,
    /// As they stand on the sheets; signed as numbers, in order.
    serials: Vec<String>,
    at: u64,
    signature: String,
}

#[derive(Serialize)]
struct RedeemAnswer {
    redemption: String,
    yen: u64,
}

async fn redeem(
    State(town): State<Town>,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<RedeemBody>,
) -> Result<Done<impl Serialize>, NoEntry> {
    let kind = VoucherKindId(body.kind);
    let intent = RedemptionIntent {
        town: town.id(),
        key,
        merchant: MerchantId(body.merchant),
        terminal: TerminalId(body.terminal),
        kind,
        numbers: numbers(&town, kind, &body.serials).await?,
        at: Time(body.at),
    };
    let signed = SignedRedemption { intent, signature: signature(&body.signature)? };
    let submission = Submission {
        key: Some(OperationKey::Client(key)),
        command: Command::RedeemVouchers(signed, Nothing {}),
        evidence: None,
    };
    let committed = answer::submit(town.engine(), submission).await?;
    let yen = super::voucher::moved(&committed.entry.outcome);
    let redemption = key.redemption().to_string();
    Ok(Done::over(&committed, RedeemAnswer { redemption, yen }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VoidBody {
    merchant: u32,
    terminal: u32,
    redemption: String,
    at: u64,
    signature: String,
}

async fn void(
    State(town): State<Town>,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<VoidBody>,
) -> Result<Done<answer::Nothing>, NoEntry> {
    let intent = RedemptionVoidIntent {
        town: town.id(),
        key,
        merchant: MerchantId(body.merchant),
        terminal: TerminalId(body.terminal),
        redemption: body.redemption.parse().map_err(|_| invalid("redemption"))?,
        at: Time(body.at),
    };
    let signed = SignedRedemptionVoid { intent, signature: signature(&body.signature)? };
    let submission = Submission {
        key: Some(OperationKey::Client(key)),
        command: Command::VoidRedemption(signed, Nothing {}),
        evidence: None,
    };
    let committed = answer::submit(town.engine(), submission).await?;
    Ok(Done::over(&committed, answer::Nothing {}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FindBody {
    kind: u32,
    serial: String,
}

/// A voucher as shops and desks see it.
#[derive(Serialize)]
pub(super) struct VoucherView {
    /// `out`, `redeemed`, `voided`, `lost` or `lapsed`.
    state: &'static str,
    /// What it is worth, in yen.
    yen: u64,
    /// The last day on which shops take it.
    expires: String,
    /// The shop that redeemed it, and the entry.
    merchant: Option<u32>,
    entry: Option<u64>,
    /// The serial that stands for a lost one.
    replaced_by: Option<String>,
}

fn view(ledger: &Ledger, kind: VoucherKindId, number: u32) -> Option<VoucherView> {
    let known = ledger.voucher_kind(&kind)?;
    let voucher = ledger.voucher(&VoucherId { kind, number })?;
    let (state, merchant, entry, replaced_by) = match voucher.state {
        VoucherState::Out => ("out", None, None, None),
        VoucherState::Redeemed { merchant, entry } => {
            ("redeemed", Some(merchant.0), Some(entry.0), None)
        }
        VoucherState::Voided => ("voided", None, None, None),
        VoucherState::Lost { by } => ("lost", None, None, Some(known.serial.text(by))),
        VoucherState::Lapsed => ("lapsed", None, None, None),
    };
    let expires = voucher.expires.to_string();
    Some(VoucherView { state, yen: known.face.get(), expires, merchant, entry, replaced_by })
}

/// How a voucher stands, to be asked before it is taken.
pub(super) async fn find(
    State(town): State<Town>,
    StrictJson(body): StrictJson<FindBody>,
) -> Result<Response, NoEntry> {
    let kind = VoucherKindId(body.kind);
    let numbers = numbers(&town, kind, std::slice::from_ref(&body.serial)).await?;
    let number = numbers.first().copied().unwrap_or_default();
    let found = answer::read(town.engine(), |ledger| view(ledger, kind, number)).await?;
    let found = found.ok_or(Refusal::UnknownVoucher { number })?;
    Ok(Json(found).into_response())
}
