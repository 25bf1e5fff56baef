//! Shops and desks in bodies and answers.

use jichi_protocol::{
    id::{DeskId, MerchantId},
    ledger::Ledger,
    place::{Desk, Shops},
};
use serde::{Deserialize, Serialize};

use super::{body::TextBody, officer::label, problem::Problem};

/// A desk.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeskBody {
    desk: u32,
    name: TextBody,
}

/// Desks in any order.
pub(super) fn desks(bodies: &[DeskBody]) -> Result<Vec<Desk>, Problem> {
    let desk = |body: &DeskBody| Ok(Desk { id: DeskId(body.desk), name: label(&body.name)? });
    let mut desks: Vec<Desk> = bodies.iter().map(desk).collect::<Result<_, Problem>>()?;
    desks.sort_by_key(|desk| desk.id);
    Ok(desks)
}

/// Shops in any order; none for all.
pub(super) fn shops(numbers: Option<&[u32]>) -> Shops {
    match numbers {
        None => Shops::All,
        Some(numbers) => {
            let mut shops: Vec<MerchantId> = numbers.iter().copied().map(MerchantId).collect();
            shops.sort();
            shops.dedup();
            Shops::These(shops)
        }
    }
}

/// A desk in an answer.
#[derive(Serialize)]
pub(super) struct DeskView {
    pub(super) desk: u32,
    pub(super) name: String,
}

impl From<&Desk> for DeskView {
    fn from(desk: &Desk) -> Self {
        Self { desk: desk.id.0, name: desk.name.to_string() }
    }
}

/// A shop in an answer.
#[derive(Serialize)]
pub(super) struct ShopView {
    pub(super) merchant: u32,
    pub(super) name: String,
}

/// The shops that are in use and take something, by name.
pub(super) fn usable_shops(ledger: &Ledger, shops: &Shops) -> Vec<ShopView> {
    let active = jichi_protocol::command::InUse::Active;
    let usable = ledger
        .merchants()
        .filter(|merchant| merchant.state == active && shops.has(merchant.merchant));
    usable
        .map(|merchant| ShopView { merchant: merchant.merchant.0, name: merchant.name.to_string() })
        .collect()
}
