//! Printed tickets (ポイント券): rules, numbered paper, issue, use, doubles, voids, and the sheets.

mod body;
mod sheet;
mod view;

use axum::{
    Json, Router,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use jichi_protocol::{
    command::{
        Actor, Command, Nothing, SignedTicketScan, TicketBundle, TicketDecision, TicketHolder,
        TicketOrder, TicketScan, TicketVoid,
    },
    date::Time,
    entry::Submission,
    id::{
        AccountId, DeskId, EntryIndex, MerchantId, TerminalId, TicketNumber, TicketReceiptNumber,
    },
    key::{ClientKey, OperationKey},
    ledger::Ledger,
    points::Points,
    ticket::{RulesFrom, SignedTicket, Ticket, TicketFace},
};
use serde::Serialize;

use super::{
    answer::{self, Done, NoEntry},
    body::StrictJson,
    caller::{Officer, Resident},
    idempotency::IdempotencyKey,
    officer::by,
    payment::points,
    print,
    problem::{Problem, edge::EdgeProblem},
    resident::invalid,
};
use crate::{engine::Committed, staff::Role, town::Town};
use body::{
    BundleBody, DecisionBody, HomeBody, IssueBody, RangeBody, RulesBody, ScanBody, VoidBody,
};

/// The desk whose numbers holders print at home.
const HOME: DeskId = DeskId(0);

/// The routes of the staff's listener.
pub fn staff_routes() -> Router<Town> {
    Router::new()
        .route("/v1/ticket-rules", post(set_rules).get(rules))
        .route("/v1/ticket-stock", post(receive_stock).get(stock))
        .route("/v1/ticket-stock/spoiled", post(spoil_stock))
        .route("/v1/tickets", post(issue))
        .route("/v1/tickets/{number}", get(look))
        .route("/v1/tickets/issues/{entry}/sheet", get(sheet))
        .route("/v1/ticket-voids", post(void))
        .route("/v1/ticket-bundles", post(take_bundle))
        .route("/v1/ticket-bundles/{receipt}", get(bundle))
        .route("/v1/ticket-bundles/{receipt}/sheet", get(receipt_sheet))
        .route("/v1/ticket-cover-sheets/{merchant}", get(cover_sheet))
        .route("/v1/ticket-doubles", get(doubles))
        .route("/v1/ticket-doubles/{number}/{nth}/decision", post(decide))
}

/// The route of the terminals' listener.
pub fn terminal_routes() -> Router<Town> {
    Router::new().route("/v1/ticket-scans", post(scan))
}

/// The routes of holders, on the public listener.
pub fn resident_routes() -> Router<Town> {
    Router::new()
        .route("/v1/me/tickets", post(issue_at_home).get(mine))
        .route("/v1/me/tickets/issues/{entry}/sheet", get(sheet_at_home))
}

async fn submit(town: &Town, key: ClientKey, command: Command) -> Result<Committed, NoEntry> {
    let submission = Submission { key: Some(OperationKey::Client(key)), command, evidence: None };
    answer::submit(town.engine(), submission).await
}

async fn set_rules(
    State(town): State<Town>,
    Officer(officer): Officer,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<RulesBody>,
) -> Result<Done<answer::Nothing>, NoEntry> {
    let officer = officer.require(Role::Approver)?;
    let (day, used) = answer::read(town.engine(), |ledger| {
        (ledger.day(), ledger.key_use(&key).map(|used| used.entry))
    })
    .await?;
    let today = used.and_then(|entry| rules_from(&town, entry)).unwrap_or(RulesFrom(day));
    let command = Command::SetTicketRules(body.rules(today)?, by(officer));
    let committed = submit(&town, key, command).await?;
    Ok(Done::over(&committed, answer::Nothing {}))
}

/// The day from which an entry's rules hold: a repeated request is the same request tomorrow too.
fn rules_from(town: &Town, entry: EntryIndex) -> Option<RulesFrom> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "no other command sets rules of tickets")]
    match &town.engine().committed(entry).ok()?.entry.submission.command {
        Command::SetTicketRules(rules, _) => Some(rules.from),
        _ => None,
    }
}

/// The rules of today, for the screen at the desk.
async fn rules(State(town): State<Town>, Officer(_): Officer) -> Result<Response, NoEntry> {
    let rules = answer::read(town.engine(), |ledger| ledger.ticket_rules().map(view::Rules::of));
    let rules = rules.await?.ok_or(EdgeProblem::NotFound)?;
    Ok(Json(rules).into_response())
}

async fn receive_stock(
    State(town): State<Town>,
    Officer(officer): Officer,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<RangeBody>,
) -> Result<Done<answer::Nothing>, NoEntry> {
    let officer = officer.require(Role::Desk)?;
    let command = Command::ReceiveTicketStock(body.range(), by(officer));
    let committed = submit(&town, key, command).await?;
    Ok(Done::over(&committed, answer::Nothing {}))
}

async fn spoil_stock(
    State(town): State<Town>,
    Officer(officer): Officer,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<RangeBody>,
) -> Result<Done<answer::Nothing>, NoEntry> {
    let officer = officer.require(Role::Desk)?;
    let command = Command::SpoilTicketStock(body.range(), by(officer));
    let committed = submit(&town, key, command).await?;
    Ok(Done::over(&committed, answer::Nothing {}))
}

async fn stock(State(town): State<Town>, Officer(_): Officer) -> Result<Response, NoEntry> {
    let stocks = answer::read(town.engine(), |ledger| {
        ledger.ticket_stocks().map(view::Stock::of).collect::<Vec<_>>()
    });
    Ok(Json(stocks.await?).into_response())
}

#[derive(Serialize)]
struct IssueAnswer {
    tickets: Vec<view::TicketView>,
    /// The entry, as the path to the sheet has it.
    sheet: String,
}

async fn issued(
    town: &Town,
    committed: &Committed,
    path: &str,
) -> Result<Done<IssueAnswer>, NoEntry> {
    let entry = committed.entry.index;
    let tickets = answer::read(town.engine(), |ledger| {
        let numbers = ledger.tickets_issued_by(entry).iter();
        let ticket = |number: &TicketNumber| {
            ledger.ticket(number).map(|ticket| view::TicketView::of(*number, ticket))
        };
        numbers.filter_map(ticket).collect()
    });
    let sheet = format!("{path}/issues/{entry}/sheet");
    Ok(Done::over(committed, IssueAnswer { tickets: tickets.await?, sheet }))
}

/// Issues tickets at a desk, to a holder who is present.
async fn issue(
    State(town): State<Town>,
    Officer(officer): Officer,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<IssueBody>,
) -> Result<Done<impl Serialize>, NoEntry> {
    let officer = officer.require(Role::Desk)?;
    let account = body.account(&town)?;
    let order = TicketOrder {
        desk: DeskId(body.desk),
        units: body::units(&body.units)?,
        paper: body.paper.map(TicketNumber),
    };
    let holder = TicketHolder { account, actor: Actor::Officer(officer) };
    let committed = submit(&town, key, Command::IssueTickets(order, holder)).await?;
    issued(&town, &committed, "/v1/tickets").await
}

/// Issues tickets to a holder who prints them at home.
async fn issue_at_home(
    State(town): State<Town>,
    Resident(account): Resident,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<HomeBody>,
) -> Result<Done<impl Serialize>, NoEntry> {
    let order = TicketOrder { desk: HOME, units: body::units(&body.units)?, paper: None };
    let holder = TicketHolder { account, actor: Actor::Holder };
    let committed = submit(&town, key, Command::IssueTickets(order, holder)).await?;
    issued(&town, &committed, "/v1/me/tickets").await
}

/// A holder's own tickets.
async fn mine(State(town): State<Town>, Resident(account): Resident) -> Result<Response, NoEntry> {
    let tickets = answer::read(town.engine(), |ledger| {
        let own = ledger.tickets().filter(|(_, ticket)| ticket.holder == account);
        own.map(|(number, ticket)| view::TicketView::of(*number, ticket)).collect::<Vec<_>>()
    });
    Ok(Json(tickets.await?).into_response())
}

async fn look(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(number): Path<String>,
) -> Result<Response, NoEntry> {
    let found = officer.require(Role::Desk).or_else(|_| officer.require(Role::MerchantOfficer));
    found.or_else(|_| officer.require(Role::Approver))?;
    let number: TicketNumber = number.parse().map_err(|_| EdgeProblem::NotFound)?;
    let ticket = answer::read(town.engine(), |ledger| {
        ledger.ticket(&number).map(|ticket| view::TicketView::with_shops(number, ticket, ledger))
    });
    Ok(Json(ticket.await?.ok_or(EdgeProblem::NotFound)?).into_response())
}

/// What is printed on a ticket.
fn face(town: &Town, number: TicketNumber, ticket: &Ticket) -> SignedTicket {
    town.sign_ticket(TicketFace {
        town: town.id(),
        number,
        points: ticket.points,
        last_day: ticket.last_day,
    })
}

/// The tickets of an issue that are not voided, for the printer; of one holder, where that is who
/// asks.
async fn to_print(
    town: &Town,
    entry: &str,
    of: Option<AccountId>,
) -> Result<sheet::Tickets, NoEntry> {
    let entry: EntryIndex = entry.parse().map_err(|_| EdgeProblem::NotFound)?;
    let found = answer::read(town.engine(), |ledger: &Ledger| {
        let ticket = |number: &TicketNumber| {
            let ticket = ledger.ticket(number)?;
            let own = of.is_none_or(|account| account == ticket.holder);
            (own && !view::is_voided(ticket)).then(|| (*number, ticket.clone()))
        };
        let tickets: Vec<(TicketNumber, Ticket)> =
            ledger.tickets_issued_by(entry).iter().filter_map(ticket).collect();
        let shops = tickets.first().map(|(_, ticket)| sheet::usable_shops(ledger, ticket));
        shops.map(|shops| (tickets, shops))
    });
    let (tickets, shops) = found.await?.ok_or(EdgeProblem::NotFound)?;
    let printed = tickets.iter().map(|(number, ticket)| sheet::Printed {
        ticket: face(town, *number, ticket),
        office_until: ticket.office_until,
        day: ticket.day,
    });
    Ok(sheet::Tickets { town: town.name().ja.clone(), shops, printed: printed.collect() })
}

/// The sheet of an issue. Printed once; after a paper jam the tickets are voided and issued anew.
async fn sheet(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(entry): Path<String>,
) -> Result<Response, NoEntry> {
    officer.require(Role::Desk)?;
    let tickets = to_print(&town, &entry, None).await?;
    print::pdf(&town, "tickets.pdf", move |font| tickets.draw(font)).await
}

async fn sheet_at_home(
    State(town): State<Town>,
    Resident(account): Resident,
    Path(entry): Path<String>,
) -> Result<Response, NoEntry> {
    let tickets = to_print(&town, &entry, Some(account)).await?;
    print::pdf(&town, "tickets.pdf", move |font| tickets.draw(font)).await
}

async fn void(
    State(town): State<Town>,
    Officer(officer): Officer,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<VoidBody>,
) -> Result<Done<impl Serialize>, NoEntry> {
    let officer = officer.require(Role::Desk)?;
    let tickets: Vec<TicketNumber> = body.tickets.iter().copied().map(TicketNumber).collect();
    let void = TicketVoid { tickets, cause: body.cause.into() };
    let committed = submit(&town, key, Command::VoidTickets(void, by(officer))).await?;
    Ok(Done::over(&committed, view::Returned::of(&committed.entry)))
}

/// A shop's scan. The answer says `taken`, or `disputed` with the first use.
async fn scan(
    State(town): State<Town>,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<ScanBody>,
) -> Result<Done<impl Serialize>, NoEntry> {
    let ticket: SignedTicket =
        body.code.parse().map_err(|_| jichi_protocol::refusal::Refusal::TicketNotGenuine)?;
    let intent = TicketScan {
        town: town.id(),
        key,
        merchant: MerchantId(body.merchant),
        terminal: TerminalId(body.terminal),
        ticket,
        at: Time(body.at),
    };
    let signature = body.signature.parse().map_err(|_| invalid("signature"))?;
    let number = intent.ticket.face.number;
    let signed = SignedTicketScan { intent, signature };
    let committed = submit(&town, key, Command::ScanTicket(signed, Nothing {})).await?;
    let entry = committed.entry.index;
    let outcome = answer::read(town.engine(), |ledger| {
        ledger.ticket(&number).map(|ticket| view::ScanView::of(number, ticket, entry, ledger))
    });
    Ok(Done::over(&committed, outcome.await?.ok_or(EdgeProblem::Internal)?))
}

/// Takes a bundle at the office. Codes that were scanned are verified, numbers that were typed
/// carry the letters that stand under them.
async fn take_bundle(
    State(town): State<Town>,
    Officer(officer): Officer,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<BundleBody>,
) -> Result<Done<impl Serialize>, NoEntry> {
    let officer = officer.require(Role::MerchantOfficer)?;
    let tickets = genuine(&town, &body).await?;
    let bundle = TicketBundle {
        merchant: MerchantId(body.merchant),
        count: body.count,
        points: points(body.points)?,
        tickets,
    };
    let committed = submit(&town, key, Command::TakeTicketBundle(bundle, by(officer))).await?;
    let entry = committed.entry.index;
    let receipt = answer::read(town.engine(), |ledger| {
        let number = ledger.receipt_of_bundle(entry)?;
        view::Receipt::of(number, ledger)
    });
    Ok(Done::over(&committed, receipt.await?.ok_or(EdgeProblem::Internal)?))
}

/// The numbers of a bundle, each compared with what the town signs for it.
async fn genuine(town: &Town, body: &BundleBody) -> Result<Vec<TicketNumber>, NoEntry> {
    use jichi_protocol::refusal::Refusal;
    let mut numbers = Vec::new();
    for handed in &body.tickets {
        let (number, check) = handed.number_and_check(town.id())?;
        let known = answer::read(town.engine(), |ledger| ledger.ticket(&number).cloned()).await?;
        let ticket = known.ok_or(Refusal::UnknownTicket)?;
        if face(town, number, &ticket).check() != check {
            return Err(Refusal::TicketNotGenuine.into());
        }
        numbers.push(number);
    }
    Ok(numbers)
}

async fn receipt_view(town: &Town, receipt: &str) -> Result<view::Receipt, NoEntry> {
    let number: TicketReceiptNumber = receipt.parse().map_err(|_| EdgeProblem::NotFound)?;
    let receipt = answer::read(town.engine(), |ledger| view::Receipt::of(number, ledger));
    Ok(receipt.await?.ok_or(EdgeProblem::NotFound)?)
}

async fn bundle(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(receipt): Path<String>,
) -> Result<Response, NoEntry> {
    officer.require(Role::MerchantOfficer)?;
    Ok(Json(receipt_view(&town, &receipt).await?).into_response())
}

async fn receipt_sheet(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(receipt): Path<String>,
) -> Result<Response, NoEntry> {
    officer.require(Role::MerchantOfficer)?;
    let receipt = receipt_view(&town, &receipt).await?;
    let name = town.name().ja.clone();
    print::pdf(&town, "receipt.pdf", move |font| sheet::receipt(font, &name, &receipt)).await
}

/// The empty cover sheet of a shop, to be filled in by hand.
async fn cover_sheet(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(merchant): Path<String>,
) -> Result<Response, NoEntry> {
    officer.require(Role::MerchantOfficer)?;
    let merchant: MerchantId = merchant.parse().map_err(|_| EdgeProblem::NotFound)?;
    let found = answer::read(town.engine(), |ledger| {
        let setting = ledger.merchants().find(|setting| setting.merchant == merchant)?;
        let units: Vec<Points> =
            ledger.ticket_rules().map(|rules| rules.units.clone()).unwrap_or_default();
        Some((setting.name.as_str().to_owned(), units))
    });
    let (shop, units) = found.await?.ok_or(EdgeProblem::NotFound)?;
    let name = town.name().ja.clone();
    print::pdf(&town, "cover-sheet.pdf", move |font| {
        sheet::cover_sheet(font, &name, (merchant, &shop), &units)
    })
    .await
}

async fn doubles(State(town): State<Town>, Officer(officer): Officer) -> Result<Response, NoEntry> {
    officer.require(Role::Approver).or_else(|_| officer.require(Role::MerchantOfficer))?;
    let waiting = answer::read(town.engine(), |ledger| {
        let view = |(number, nth, _)| view::DoubleView::of(number, nth, ledger);
        ledger.ticket_disputes().filter_map(view).collect::<Vec<_>>()
    });
    Ok(Json(waiting.await?).into_response())
}

async fn decide(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path((number, nth)): Path<(String, u32)>,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<DecisionBody>,
) -> Result<Done<impl Serialize>, NoEntry> {
    let officer = officer.require(Role::Approver)?;
    let ticket: TicketNumber = number.parse().map_err(|_| Problem::from(EdgeProblem::NotFound))?;
    let decision = TicketDecision { ticket, nth, verdict: body.verdict.into() };
    let command = Command::DecideTicketDouble(decision, by(officer));
    let committed = submit(&town, key, command).await?;
    Ok(Done::over(&committed, answer::Nothing {}))
}
