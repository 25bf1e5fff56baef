//! A shop's statement (支払明細書), as JSON, CSV and on paper.

use axum::{
    Json, Router,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::get,
};
use jichi_protocol::{
    id::{MerchantId, RunId},
    payout::Statement,
    points::Points,
    text::grouped,
};

use super::{
    list::{Csv, STATEMENT_HEAD, Taken, statement_line, take},
    may_look, merchant_id, run_id, view,
};
use crate::{
    api::{answer::NoEntry, caller::Officer, print, problem::edge::EdgeProblem},
    print::{Align, Column, Paper, PrintError, PrintFont, Pt, Sheets, Table, mm},
    town::Town,
};

pub(super) fn routes() -> Router<Town> {
    Router::new()
        .route("/v1/payout-runs/{run}/statements/{merchant}", get(json))
        .route("/v1/payout-runs/{run}/statements/{merchant}/csv", get(csv))
        .route("/v1/payout-runs/{run}/statements/{merchant}/pdf", get(pdf))
        .route("/v1/payout-runs/{run}/statements.pdf", get(all))
}

/// A statement in its run.
async fn found(
    town: &Town,
    run: &str,
    merchant: &str,
) -> Result<(RunId, Taken, MerchantId, Statement), NoEntry> {
    let (number, merchant) = (run_id(run)?, merchant_id(merchant)?);
    let taken = take(town, number).await?;
    let own = taken.statements.iter().find(|(shop, _)| *shop == merchant);
    let statement = own.ok_or(EdgeProblem::NotFound)?.1.clone();
    Ok((number, taken, merchant, statement))
}

async fn json(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path((run, merchant)): Path<(String, String)>,
) -> Result<Response, NoEntry> {
    may_look(&officer)?;
    let (_, taken, merchant, statement) = found(&town, &run, &merchant).await?;
    Ok(Json(view::StatementView::of(merchant, &statement, &taken.names)).into_response())
}

async fn csv(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path((run, merchant)): Path<(String, String)>,
) -> Result<Response, NoEntry> {
    may_look(&officer)?;
    let (number, taken, merchant, statement) = found(&town, &run, &merchant).await?;
    let mut csv = Csv::new(STATEMENT_HEAD);
    csv.line(statement_line(number, &taken, merchant, &statement));
    Ok(csv.answer(&format!("payout-{number}-{merchant}.csv")))
}

async fn pdf(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path((run, merchant)): Path<(String, String)>,
) -> Result<Response, NoEntry> {
    may_look(&officer)?;
    let (number, taken, merchant, statement) = found(&town, &run, &merchant).await?;
    let name = format!("payout-{number}-{merchant}.pdf");
    let from = town.name().ja.clone();
    print::pdf(&town, &name, move |font| {
        let mut sheets = Sheets::new(font, Paper::A4, "支払明細書");
        page(&mut sheets, &from, number, &taken, (merchant, &statement));
        sheets.finish()
    })
    .await
}

/// Every statement of a run, a page each, to be sent by post.
async fn all(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(run): Path<String>,
) -> Result<Response, NoEntry> {
    may_look(&officer)?;
    let number = run_id(&run)?;
    let taken = take(&town, number).await?;
    let from = town.name().ja.clone();
    let name = format!("payout-{number}-statements.pdf");
    print::pdf(&town, &name, move |font| pages(font, &from, number, &taken)).await
}

fn pages(
    font: &PrintFont,
    from: &str,
    number: RunId,
    taken: &Taken,
) -> Result<Vec<u8>, PrintError> {
    let mut sheets = Sheets::new(font, Paper::A4, "支払明細書");
    for (at, (merchant, statement)) in taken.statements.iter().enumerate() {
        if at > 0 {
            sheets.next_page();
        }
        page(&mut sheets, from, number, taken, (*merchant, statement));
    }
    sheets.finish()
}

fn minus(points: Points) -> String {
    if points.is_zero() { "0".to_owned() } else { format!("-{}", grouped(points.get())) }
}

fn page(
    sheets: &mut Sheets<'_>,
    from: &str,
    number: RunId,
    taken: &Taken,
    (merchant, statement): (MerchantId, &Statement),
) {
    let run = &taken.run;
    let name = taken.names.get(&merchant).cloned().unwrap_or_default();
    sheets.text(mm(105), mm(30), Pt(18), Align::Centre, "支払明細書");
    sheets.text(mm(20), mm(50), Pt(14), Align::Left, &format!("{name} 様"));
    sheets.text(mm(20), mm(58), Pt(10), Align::Left, &format!("加盟店番号 {merchant}"));
    sheets.text(mm(190), mm(50), Pt(12), Align::Right, from);
    sheets.text(mm(190), mm(58), Pt(10), Align::Right, &format!("精算番号 {number}"));
    let period = format!(
        "対象期間 {} から {} まで({})",
        run.from,
        run.last,
        view::year_ja(run.fiscal_year())
    );
    sheets.text(mm(20), mm(72), Pt(11), Align::Left, &period);
    let sum = format!("支払額 {}円", grouped(statement.net.get()));
    sheets.text(mm(20), mm(84), Pt(16), Align::Left, &sum);
    let state = view::state_words(&statement.state).1;
    let day = format!("支払予定日 {}  状態 {state}", run.pay_on);
    sheets.text(mm(190), mm(84), Pt(11), Align::Right, &day);
    let columns = [
        Column { head: "区分", width: mm(80), align: Align::Left },
        Column { head: "受取(円)", width: mm(45), align: Align::Right },
        Column { head: "返還・取消(円)", width: mm(45), align: Align::Right },
    ];
    let table = Table {
        left: mm(20),
        top: mm(94),
        next_top: mm(20),
        bottom: mm(275),
        size: Pt(11),
        columns: &columns,
    };
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (kind, points) in &statement.taken {
        let back = statement.back.get(kind).copied().unwrap_or_default();
        rows.push(vec![view::kind_words(*kind).1.to_owned(), grouped(points.get()), minus(back)]);
    }
    let line = |name: &str, amount: String| vec![name.to_owned(), amount, String::new()];
    rows.push(line(
        &format!("手数料(1,000分の{}、端数切捨て)", run.fee_per_mille),
        minus(statement.fee),
    ));
    rows.push(line("前回までの返還分の相殺", minus(statement.set_off)));
    rows.push(line("振込返戻分の合算", grouped(statement.brought.get())));
    rows.push(line("支払額", grouped(statement.net.get())));
    let below = sheets.table(&table, rows);
    if !statement.claim_left.is_zero() {
        let rest = format!(
            "返還分のうち{}円は今回の支払額を超えるため、次回の精算で相殺します。",
            grouped(statement.claim_left.get())
        );
        sheets.paragraph(mm(20), below.tenths(100), mm(170), Pt(10), &rest);
    }
}
