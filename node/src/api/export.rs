//! One press, and all that is held on a person: for a disclosure under the law on personal data.

use std::collections::BTreeMap;

use axum::{
    Json, Router,
    extract::{Path, State},
    routing::post,
};
use jichi_protocol::{
    command::Command,
    id::{AccountId, EntryIndex},
    ledger::{ChargeState, IssueState, Ledger},
    lot::points_of,
    points::Points,
};
use serde::Serialize;

use super::{
    answer::{self, NoEntry},
    body::StrictJson,
    caller::Officer,
    data_request::RequestView,
    import::old::OldView,
    library::{LinkView, links_of},
    look_up::{LookUpView, WhyBody, note, person_problem},
    problem::edge::EdgeProblem,
    register::known_account,
    view,
};
use crate::{
    clock, look_up::Looked, person::PersonError, register::Recorded, staff::Role, town::Town,
};

/// The route of the staff's listener.
pub fn routes() -> Router<Town> {
    Router::new().route("/v1/accounts/{account}/export", post(export))
}

/// Everything.
#[derive(Serialize)]
struct Everything {
    account: String,
    made: String,
    name: Option<String>,
    mykey_id: Option<String>,
    register: Option<RegisterView>,
    enrolments: Vec<EnrolmentView>,
    balance: view::Balance,
    /// All lots, also those that lapsed and were not swept yet.
    lots: Vec<view::LotView>,
    /// Other accounts of the same person.
    other_accounts: Vec<String>,
    legal_hold: bool,
    kept_until: Option<String>,
    history: Vec<view::Line>,
    former_system: Vec<OldView>,
    street_cards: Vec<CardView>,
    charges: Vec<ChargeView>,
    companies: Vec<CompanyView>,
    sites: Vec<SiteView>,
    library_cards: Vec<LinkView>,
    other_towns: Vec<HandleView>,
    vouchers: Vec<VoucherView>,
    tickets: Vec<TicketView>,
    orders: Vec<OrderView>,
    requests: Vec<RequestView>,
    look_ups: Vec<LookUpView>,
}

#[derive(Serialize)]
struct RegisterView {
    kana: String,
    birth: String,
    address_number: Option<String>,
    resident_from: Option<String>,
    resident_until: Option<String>,
    source: String,
    dated: String,
}

impl From<Recorded> for RegisterView {
    fn from(of: Recorded) -> Self {
        let until = of.residence.and_then(|residence| residence.until);
        Self {
            kana: of.kana,
            birth: of.birth.to_string(),
            address_number: of.address_number,
            resident_from: of.residence.map(|residence| residence.from.to_string()),
            resident_until: until.map(|until| until.to_string()),
            source: of.source,
            dated: of.dated.to_string(),
        }
    }
}

#[derive(Serialize)]
struct EnrolmentView {
    programme: u32,
    number: String,
    from: String,
    until: Option<String>,
    prize: Option<String>,
}

#[derive(Serialize)]
struct CardView {
    scheme: u32,
    number: Option<String>,
    card: String,
}

#[derive(Serialize)]
struct ChargeView {
    charge: String,
    scheme: u32,
    points: u64,
}

#[derive(Serialize)]
struct CompanyView {
    company: String,
    linked: String,
    entry: u64,
}

#[derive(Serialize)]
struct SiteView {
    site: u32,
    standing: Option<u64>,
}

#[derive(Serialize)]
struct HandleView {
    town: String,
    handle: String,
}

#[derive(Serialize)]
struct VoucherView {
    kind: Option<u32>,
    units: u32,
    points: u64,
    numbers: Vec<u32>,
}

#[derive(Serialize)]
struct TicketView {
    number: u32,
    points: u64,
    issued: String,
    last_day: String,
}

#[derive(Serialize)]
struct OrderView {
    hold: String,
    site: u32,
    points: u64,
    last_day: String,
}

/// What the ledger has of it.
struct Held {
    balance: view::Balance,
    lots: Vec<view::LotView>,
    other_accounts: Vec<String>,
    legal_hold: bool,
    kept_until: Option<String>,
    cards: Vec<(u32, jichi_protocol::id::StreetCardId)>,
    charges: Vec<ChargeView>,
    sites: Vec<SiteView>,
    other_towns: Vec<HandleView>,
    vouchers: Vec<VoucherView>,
    tickets: Vec<TicketView>,
    orders: Vec<OrderView>,
}

impl Held {
    fn of(ledger: &Ledger, account: &AccountId) -> Option<Self> {
        let others = ledger.accounts_of_person(account).into_iter();
        let lots = ledger.holder(account)?.lots.iter();
        Some(Self {
            balance: view::Balance::of(ledger, account)?,
            lots: lots.map(|lot| view::LotView::of(&lot)).collect(),
            other_accounts: others
                .filter(|other| other != account)
                .map(|other| other.to_string())
                .collect(),
            legal_hold: ledger.is_held(account),
            kept_until: ledger.kept_until(account).map(|until| until.to_string()),
            cards: ledger.street_cards_of(account).map(|(id, card)| (card.scheme.0, *id)).collect(),
            charges: charges(ledger, account),
            sites: ledger
                .sites_of(account)
                .map(|link| SiteView {
                    site: link.site.0,
                    standing: link.standing.map(Points::get),
                })
                .collect(),
            other_towns: ledger
                .handles_of(account)
                .map(|(handle, town)| HandleView {
                    town: town.to_string(),
                    handle: handle.to_string(),
                })
                .collect(),
            vouchers: vouchers(ledger, account),
            tickets: ledger
                .tickets_of(account)
                .map(|(number, ticket)| TicketView {
                    number: number.0,
                    points: ticket.points.get(),
                    issued: ticket.day.to_string(),
                    last_day: ticket.last_day.to_string(),
                })
                .collect(),
            orders: ledger
                .held_of(account)
                .map(|(id, site, held)| OrderView {
                    hold: id.to_string(),
                    site: site.0,
                    points: held.points().get(),
                    last_day: held.last_day.to_string(),
                })
                .collect(),
        })
    }
}

fn charges(ledger: &Ledger, account: &AccountId) -> Vec<ChargeView> {
    let open = ledger.charges_of(account).filter_map(|(id, charge)| match &charge.state {
        ChargeState::Open { lots, .. } => Some(ChargeView {
            charge: id.to_string(),
            scheme: charge.scheme.0,
            points: points_of(lots).get(),
        }),
        ChargeState::Confirmed { .. } | ChargeState::Failed | ChargeState::Refused => None,
    });
    open.collect()
}

fn vouchers(ledger: &Ledger, account: &AccountId) -> Vec<VoucherView> {
    let issued = ledger.voucher_issues_of(account).filter_map(|(_, issue)| match &issue.state {
        IssueState::Issued { units, lots, numbers, .. } => Some(VoucherView {
            kind: issue.kind.map(|kind| kind.0),
            units: *units,
            points: points_of(lots).get(),
            numbers: numbers.clone(),
        }),
        IssueState::Voided => None,
    });
    issued.collect()
}

/// The history from the first entry, and the links to companies that stand in it.
async fn history(
    town: &Town,
    account: &AccountId,
) -> Result<(Vec<view::Line>, Vec<CompanyView>), NoEntry> {
    let (mut lines, mut before) = (Vec::new(), None);
    loop {
        let page = view::History::of(town, account, before).await?;
        lines.extend(page.lines);
        before = page.next.map(EntryIndex);
        if before.is_none() {
            break;
        }
    }
    lines.reverse();
    let mut companies = BTreeMap::new();
    for line in lines.iter().filter(|line| line.refused.is_none()) {
        let index = EntryIndex(line.entry);
        let entry = town.engine().committed(index).map_err(|_| EdgeProblem::Internal)?.entry;
        if let Command::LinkCompany(_, link) = &entry.submission.command {
            let view = CompanyView {
                company: link.company.to_string(),
                linked: line.time.clone(),
                entry: line.entry,
            };
            companies.insert(view.company.clone(), view);
        }
    }
    Ok((lines, companies.into_values().collect()))
}

/// All that the town holds on a person. It is itself a look-up, with its reason.
async fn export(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(account): Path<String>,
    StrictJson(why): StrictJson<WhyBody>,
) -> Result<Json<Everything>, NoEntry> {
    let officer = officer.require(Role::Desk)?;
    let account = known_account(&town, &account).await?;
    note(&town, (officer, account), Looked::Everything, &why).await?;
    let held = answer::read(town.engine(), |ledger| Held::of(ledger, &account)).await?;
    let held = held.ok_or(EdgeProblem::NotFound)?;
    let (history, companies) = history(&town, &account).await?;
    let now = clock::now();
    let people = town.people();
    let problem = |error: PersonError| person_problem(&error);
    let card = |(scheme, card): (u32, jichi_protocol::id::StreetCardId)| CardView {
        scheme,
        number: people.cards().number(&card).map(|number| number.text().to_owned()),
        card: card.to_string(),
    };
    let places = people.register().places(account).map_err(problem)?.into_iter();
    let enrolments = places.map(|place| EnrolmentView {
        programme: place.programme.0,
        number: place.number,
        from: place.from.to_string(),
        until: place.until.map(|until| until.to_string()),
        prize: place.prize,
    });
    let former_system = people.old_lines(account).map_err(problem)?.into_iter();
    let requests = people.requests().of(account).into_iter();
    let look_ups = people.look_ups().of(account).map_err(problem)?.into_iter();
    Ok(Json(Everything {
        account: account.to_string(),
        made: now.to_string(),
        name: people.name(account).map_err(problem)?,
        mykey_id: people.mykey(account).map_err(problem)?,
        register: people.register().recorded(account).map_err(problem)?.map(Into::into),
        enrolments: enrolments.collect(),
        balance: held.balance,
        lots: held.lots,
        other_accounts: held.other_accounts,
        legal_hold: held.legal_hold,
        kept_until: held.kept_until,
        history,
        former_system: former_system.map(OldView::from).collect(),
        street_cards: held.cards.into_iter().map(card).collect(),
        charges: held.charges,
        companies,
        sites: held.sites,
        library_cards: links_of(&town, account).await?,
        other_towns: held.other_towns,
        vouchers: held.vouchers,
        tickets: held.tickets,
        orders: held.orders,
        requests: requests.map(|request| RequestView::of(request, now.date())).collect(),
        look_ups: look_ups.map(LookUpView::from).collect(),
    }))
}
