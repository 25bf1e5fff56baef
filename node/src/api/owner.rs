//! An owner of several shops or departments (lodging, restaurant, banquet, stall of one onsen): what
//! each took on each day that no run holds yet, and what each run pays for all of them.

use std::collections::BTreeMap;

use axum::{
    Json, Router,
    extract::{Path, State},
    routing::get,
};
use jichi_protocol::{
    date::BusinessDate,
    id::{MerchantId, OwnerId, RunId},
    ledger::{DayTally, Ledger},
    points::Points,
};
use serde::Serialize;

use super::{
    answer::{self, NoEntry},
    caller::Officer,
    problem::edge::EdgeProblem,
    street::one_of,
};
use crate::{staff::Role, town::Town};

/// The route of the staff's listener.
pub fn routes() -> Router<Town> {
    Router::new().route("/v1/owners/{owner}/sales", get(sales))
}

#[derive(Serialize)]
struct Department {
    merchant: u32,
    name: String,
    taken: u64,
    given_back: u64,
    points: u64,
}

#[derive(Serialize)]
struct DayView {
    day: String,
    departments: Vec<Department>,
    points: u64,
}

#[derive(Serialize)]
struct RunView {
    run: u32,
    last: String,
    departments: Vec<Department>,
    /// What the run pays for all departments.
    points: u64,
}

#[derive(Serialize)]
struct Sales {
    owner: u32,
    days: Vec<DayView>,
    runs: Vec<RunView>,
}

fn sum<'a>(points: impl Iterator<Item = &'a Points>) -> Points {
    Points::sum(points.copied()).unwrap_or(Points::MAX)
}

fn total(departments: &[Department]) -> u64 {
    departments.iter().map(|department| department.points).sum()
}

impl Department {
    fn of_day((merchant, name): (MerchantId, &str), tally: &DayTally) -> Self {
        let (taken, back) = (sum(tally.taken.values()), sum(tally.back.values()));
        Self {
            merchant: merchant.0,
            name: name.to_owned(),
            taken: taken.get(),
            given_back: back.get(),
            points: taken.minus(back).unwrap_or(Points::ZERO).get(),
        }
    }
}

impl Sales {
    /// What belongs to an owner; none if no shop does.
    fn of(ledger: &Ledger, owner: OwnerId) -> Option<Self> {
        let own = ledger.merchants().filter(|merchant| merchant.owner == Some(owner));
        let names: BTreeMap<MerchantId, String> =
            own.map(|merchant| (merchant.merchant, merchant.name.to_string())).collect();
        if names.is_empty() {
            return None;
        }
        let mut days: BTreeMap<BusinessDate, Vec<Department>> = BTreeMap::new();
        for (merchant, name) in &names {
            let shop = ledger.shop(merchant).into_iter();
            for (day, tally) in shop.flat_map(|shop| &shop.days) {
                let department = Department::of_day((*merchant, name), tally);
                days.entry(*day).or_default().push(department);
            }
        }
        let days = days.into_iter().map(|(day, departments)| DayView {
            day: day.to_string(),
            points: total(&departments),
            departments,
        });
        let run = |number: RunId, last: BusinessDate| {
            let own = ledger.statements(number).filter_map(|(merchant, statement)| {
                let name = names.get(&merchant)?;
                Some(Department {
                    merchant: merchant.0,
                    name: name.clone(),
                    taken: statement.gross().get(),
                    given_back: statement.given_back().get(),
                    points: statement.net.get(),
                })
            });
            let departments: Vec<_> = own.collect();
            RunView {
                run: number.0,
                last: last.to_string(),
                points: total(&departments),
                departments,
            }
        };
        let runs = ledger.runs().map(|(number, of)| run(*number, of.last));
        let runs = runs.filter(|run| !run.departments.is_empty()).collect();
        Some(Self { owner: owner.0, days: days.collect(), runs })
    }
}

async fn sales(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(owner): Path<u32>,
) -> Result<Json<Sales>, NoEntry> {
    one_of(&officer, &[Role::MerchantOfficer, Role::Approver, Role::Auditor])?;
    let found = answer::read(town.engine(), |ledger| Sales::of(ledger, OwnerId(owner))).await?;
    Ok(Json(found.ok_or(EdgeProblem::NotFound)?))
}
