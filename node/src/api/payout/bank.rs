//! Bank accounts of shops, in the vault alone, and the file by which the bank pays them.

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::header,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use jichi_protocol::{
    calendar,
    command::{BankSetting, Command},
    date::BusinessDate,
    id::{MerchantId, OfficerId, RunId},
    ledger::Ledger,
    payout::StatementState,
};
use serde::{Deserialize, Serialize};

use super::{
    date,
    list::{Taken, take},
    may_look, merchant_id, run_id,
};
use crate::{
    api::{
        answer::{self, Done, NoEntry},
        body::{StrictJson, TextBody},
        caller::Officer,
        idempotency::IdempotencyKey,
        officer::by,
        problem::{Problem, edge::EdgeProblem},
        proposing,
        resident::invalid,
    },
    bank::{BankKind, BankRecord, Banks, RemitterRecord},
    staff::Role,
    town::Town,
    zengin::{
        self, BANK_NAME_BYTES, LineEnds, NotZengin, PAYEE_BYTES, REMITTER_BYTES, Remitter,
        Transfer, ZenginText,
    },
};

pub(super) fn routes() -> Router<Town> {
    Router::new()
        .route("/v1/merchants/{merchant}/bank-account", post(enter).get(look))
        .route("/v1/payout-remitter", post(set_remitter))
        .route("/v1/payout-runs/{run}/zengin-check", get(check))
        .route("/v1/payout-runs/{run}/zengin", get(file))
}

#[derive(Serialize, Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum KindBody {
    Ordinary,
    Current,
    Savings,
    Other,
}

impl From<KindBody> for BankKind {
    fn from(body: KindBody) -> Self {
        match body {
            KindBody::Ordinary => Self::Ordinary,
            KindBody::Current => Self::Current,
            KindBody::Savings => Self::Savings,
            KindBody::Other => Self::Other,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BankBody {
    bank: String,
    bank_name: Option<TextBody>,
    branch: String,
    branch_name: Option<TextBody>,
    kind: KindBody,
    number: String,
    holder: TextBody,
}

/// A text that a bank's file cannot hold: the characters are named, or the length.
fn not_zengin(field: &'static str, error: &NotZengin) -> Problem {
    let (ja, en) = match error {
        NotZengin::Characters(chars) => {
            let chars: String = chars.iter().collect();
            (
                format!("{field}: 振込データに使えない文字があります: {chars}"),
                format!("{field}: not in the banks' characters: {chars}"),
            )
        }
        NotZengin::TooLong { length, max } => (
            format!("{field}: 濁点・半濁点を1字と数えて{length}字です。{max}字までです"),
            format!("{field}: {length} of at most {max} bytes"),
        ),
        NotZengin::Blank => {
            (format!("{field}: 名義が必要です"), format!("{field}: a name is needed"))
        }
    };
    Problem::from(EdgeProblem::InvalidValue).with_detail(ja, en)
}

impl BankBody {
    /// The record, checked against the banks' characters and the fields' lengths.
    fn record(&self, name_bytes: usize) -> Result<BankRecord, Problem> {
        let text = |body: &Option<TextBody>| {
            body.as_ref().map(|text| text.0.as_str().to_owned()).unwrap_or_default()
        };
        let record = BankRecord {
            bank: self.bank.clone(),
            bank_name: text(&self.bank_name),
            branch: self.branch.clone(),
            branch_name: text(&self.branch_name),
            kind: self.kind.into(),
            number: self.number.clone(),
            holder: self.holder.0.as_str().to_owned(),
        };
        for (field, text) in
            [("bank_name", &record.bank_name), ("branch_name", &record.branch_name)]
        {
            ZenginText::new(text, BANK_NAME_BYTES).map_err(|error| not_zengin(field, &error))?;
        }
        ZenginText::name(&record.holder, name_bytes)
            .map_err(|error| not_zengin("holder", &error))?;
        record.account(name_bytes).map_err(|field| invalid(field.0))?;
        Ok(record)
    }
}

/// Enters a shop's bank account, which another officer then approves.
async fn enter(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(merchant): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<BankBody>,
) -> Result<Done<impl Serialize>, NoEntry> {
    let officer = officer.require(Role::MerchantOfficer)?;
    let merchant = merchant_id(&merchant)?;
    let record = body.record(PAYEE_BYTES)?;
    // Vault first, then the entry: a crash between leaves a record that nothing names. The same
    // key again finds the record that it made.
    let stored = Banks(town.people().vault()).put(merchant, key, &record).await;
    let stored = stored.map_err(|_| EdgeProblem::StorageFull)?;
    let setting = BankSetting { merchant, record: stored.id.0, sealed: stored.digest };
    let command = Command::SetBank(setting, by(officer));
    proposing::propose(town.engine(), (key, officer), &command, None).await
}

#[derive(Serialize)]
struct BankView {
    bank: String,
    bank_name: String,
    branch: String,
    branch_name: String,
    kind: KindBody,
    number: String,
    holder: String,
}

impl From<BankRecord> for BankView {
    fn from(record: BankRecord) -> Self {
        Self {
            kind: match record.kind {
                BankKind::Ordinary => KindBody::Ordinary,
                BankKind::Current => KindBody::Current,
                BankKind::Savings => KindBody::Savings,
                BankKind::Other => KindBody::Other,
            },
            bank: record.bank,
            bank_name: record.bank_name,
            branch: record.branch,
            branch_name: record.branch_name,
            number: record.number,
            holder: record.holder,
        }
    }
}

#[derive(Serialize)]
struct WaitingView {
    proposal: String,
    maker: u32,
    account: BankView,
}

#[derive(Serialize)]
struct BankAnswer {
    account: Option<BankView>,
    waiting: Vec<WaitingView>,
}

/// The account in force and those that wait for a second officer.
async fn look(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(merchant): Path<String>,
) -> Result<Response, NoEntry> {
    may_look(&officer)?;
    let merchant = merchant_id(&merchant)?;
    let (active, waiting) = answer::read(town.engine(), |ledger: &Ledger| {
        let waiting = ledger.proposed().filter_map(|(id, proposed)| {
            let Ok(Command::SetBank(setting, _)) = proposed.command() else { return None };
            (setting.merchant == merchant).then(|| (id.to_string(), proposed.maker, setting))
        });
        (ledger.bank(&merchant).cloned(), waiting.collect::<Vec<(String, OfficerId, _)>>())
    })
    .await?;
    let banks = Banks(town.people().vault());
    let read = |setting: &BankSetting| banks.get(setting).map_err(|_| EdgeProblem::Internal);
    let account = active.as_ref().map(read).transpose()?.map(BankView::from);
    let waiting = waiting.into_iter().map(|(proposal, maker, setting)| {
        Ok(WaitingView { proposal, maker: maker.0, account: read(&setting)?.into() })
    });
    let waiting = waiting.collect::<Result<_, EdgeProblem>>()?;
    Ok(Json(BankAnswer { account, waiting }).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RemitterBody {
    /// 委託者コード
    code: String,
    account: BankBody,
}

/// From which account the town pays; it stands in the vault.
async fn set_remitter(
    State(town): State<Town>,
    Officer(officer): Officer,
    StrictJson(body): StrictJson<RemitterBody>,
) -> Result<Response, NoEntry> {
    officer.require(Role::Approver)?;
    let account = body.account.record(REMITTER_BYTES)?;
    let record = RemitterRecord { code: body.code, account };
    record.remitter((1, 1)).map_err(|field| invalid(field.0))?;
    let stored = Banks(town.people().vault()).put_remitter(&record).await;
    stored.map_err(|_| EdgeProblem::StorageFull)?;
    Ok(Json(answer::Nothing {}).into_response())
}

/// A shop that the file cannot hold.
#[derive(Serialize)]
struct Fault {
    merchant: u32,
    name: String,
    points: u64,
    why: &'static str,
    why_ja: &'static str,
}

struct Payment {
    transfers: Vec<Transfer>,
    faults: Vec<Fault>,
    total: u64,
}

/// The transfers of a run that are not paid yet, or all that were paid if it is: without those
/// that came back.
async fn payment(town: &Town, number: RunId) -> Result<(Taken, Payment), NoEntry> {
    let taken = take(town, number).await?;
    let settings = answer::read(town.engine(), |ledger: &Ledger| {
        let own = ledger.statements(number);
        own.map(|(shop, _)| (shop, ledger.bank(&shop).cloned())).collect::<Vec<_>>()
    });
    let settings: std::collections::BTreeMap<MerchantId, _> = settings.await?.into_iter().collect();
    let banks = Banks(town.people().vault());
    let mut payment = Payment { transfers: Vec::new(), faults: Vec::new(), total: 0 };
    for (merchant, statement) in &taken.statements {
        let wanted = matches!(statement.state, StatementState::Owed | StatementState::Paid(_));
        if !wanted {
            continue;
        }
        let (points, name) = (statement.net.get(), taken.names.get(merchant).cloned());
        let mut fault = |why, why_ja| {
            let (merchant, name) = (merchant.0, name.clone().unwrap_or_default());
            payment.faults.push(Fault { merchant, name, points, why, why_ja });
        };
        let Some(setting) = settings.get(merchant).cloned().flatten() else {
            fault("no_bank_account", "口座が登録されていません");
            continue;
        };
        let Ok(record) = banks.get(&setting) else {
            fault("bank_account_unreadable", "口座の記録を読めません");
            continue;
        };
        let Ok(to) = record.account(PAYEE_BYTES) else {
            fault("not_in_the_banks_characters", "振込データに書けない文字か長さがあります");
            continue;
        };
        if points > zengin::AMOUNT_MAX {
            fault("too_much_for_one_transfer", "1件の振込の上限を超えています");
            continue;
        }
        payment.total = payment.total.saturating_add(points);
        payment.transfers.push(Transfer { to, yen: points, customer: merchant.0 });
    }
    Ok((taken, payment))
}

#[derive(Serialize)]
struct CheckAnswer {
    transfers: usize,
    total: u64,
    faults: Vec<Fault>,
}

/// What the file would hold, and what it cannot hold.
async fn check(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(run): Path<String>,
) -> Result<Response, NoEntry> {
    may_look(&officer)?;
    let (_, payment) = payment(&town, run_id(&run)?).await?;
    let Payment { transfers, faults, total } = payment;
    Ok(Json(CheckAnswer { transfers: transfers.len(), total, faults }).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileQuery {
    /// Another day than the run's; a business day.
    pay_on: Option<String>,
    /// `yes`: shops that the file cannot hold are paid in another way.
    leave_out: Option<String>,
    /// `crlf`: records end with CR and LF.
    lines: Option<String>,
}

/// The day the bank pays: a business day that is known to be one.
async fn pay_day(town: &Town, day: BusinessDate) -> Result<(u32, u32), NoEntry> {
    let known = answer::read(town.engine(), |ledger: &Ledger| {
        calendar::is_business_day(day, |year| ledger.days_off(year)).unwrap_or(false)
    });
    if !known.await? {
        return Err(invalid("pay_on").into());
    }
    let (_, month, number) = day.civil();
    Ok((month, number))
}

async fn file(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(run): Path<String>,
    Query(query): Query<FileQuery>,
) -> Result<Response, NoEntry> {
    officer.require(Role::MerchantOfficer)?;
    let number = run_id(&run)?;
    let (taken, payment) = payment(&town, number).await?;
    if !payment.faults.is_empty() && query.leave_out.as_deref() != Some("yes") {
        let shops: Vec<String> =
            payment.faults.iter().map(|fault| fault.merchant.to_string()).collect();
        let shops = shops.join(", ");
        let problem = Problem::from(EdgeProblem::InvalidValue).with_detail(
            format!("振込データに入れられない加盟店があります: {shops}(zengin-check で理由を確かめ、別に支払うなら leave_out=yes)"),
            format!("shops that the file cannot hold: {shops}; see zengin-check, or leave_out=yes"),
        );
        return Err(problem.into());
    }
    let on = query.pay_on.as_deref().map(|day| date(day, "pay_on")).transpose()?;
    let month_day = pay_day(&town, on.unwrap_or(taken.run.pay_on)).await?;
    let remitter = Banks(town.people().vault()).remitter().map_err(|_| EdgeProblem::Internal)?;
    let remitter: Remitter = remitter
        .and_then(|record| record.remitter(month_day).ok())
        .ok_or_else(|| invalid("payout-remitter"))?;
    let ends = match query.lines.as_deref() {
        None => LineEnds::None,
        Some("crlf") => LineEnds::CrLf,
        Some(_) => return Err(invalid("lines").into()),
    };
    let bytes = zengin::file(&remitter, &payment.transfers, ends);
    let bytes = bytes.map_err(|_| EdgeProblem::InvalidValue)?;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"payout-{number}.txt\"")),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((headers, bytes).into_response())
}
