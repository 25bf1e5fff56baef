//! What is asked about tickets, as JSON.

use jichi_protocol::{
    command::{DoubleVerdict, TicketRange},
    id::{AccountId, DeskId, MerchantId, TicketNumber, TownId},
    points::Points,
    refusal::Refusal,
    text::{code_input, mykey::MyKeyName},
    ticket::{Doubles, OnExpiry, RulesFrom, SignedTicket, TicketRules, UsableShops, VoidCause},
};
use serde::Deserialize;

use crate::{
    api::{
        answer::NoEntry,
        payment::points,
        problem::{Problem, edge::EdgeProblem},
        resident::invalid,
        rules::ExpiryBody,
    },
    town::Town,
};

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum OnExpiryBody {
    Lapses,
    Returns,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum DoublesBody {
    PaidInGoodFaith,
    Refused,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RulesBody {
    /// The first day of what is issued by these rules; left out for today.
    from: Option<String>,
    units: Vec<u64>,
    valid: ExpiryBody,
    office_days: u32,
    on_expiry: OnExpiryBody,
    doubles: DoublesBody,
    /// The shops that may take them; left out for every shop.
    shops: Option<Vec<u32>>,
}

impl RulesBody {
    /// The rules; `today` is the day of the first request under this key.
    pub(super) fn rules(&self, today: RulesFrom) -> Result<TicketRules, Problem> {
        let from = self.from.as_deref().map(str::parse).transpose();
        Ok(TicketRules {
            from: from.map_err(|_| invalid("from"))?.map_or(today, RulesFrom),
            units: units(&self.units)?,
            valid: self.valid.rule()?,
            office_days: self.office_days,
            on_expiry: match self.on_expiry {
                OnExpiryBody::Lapses => OnExpiry::Lapses,
                OnExpiryBody::Returns => OnExpiry::Returns,
            },
            doubles: match self.doubles {
                DoublesBody::PaidInGoodFaith => Doubles::PaidInGoodFaith,
                DoublesBody::Refused => Doubles::Refused,
            },
            shops: self.shops.as_ref().map_or(UsableShops::All, |shops| {
                UsableShops::Only(shops.iter().copied().map(MerchantId).collect())
            }),
        })
    }
}

/// What tickets are worth.
pub(super) fn units(units: &[u64]) -> Result<Vec<Points>, Problem> {
    units.iter().map(|unit| points(*unit)).collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RangeBody {
    desk: u32,
    first: u32,
    last: u32,
}

impl RangeBody {
    pub(super) const fn range(&self) -> TicketRange {
        TicketRange {
            desk: DeskId(self.desk),
            first: TicketNumber(self.first),
            last: TicketNumber(self.last),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IssueBody {
    pub(super) desk: u32,
    account: Option<String>,
    mykey_id: Option<String>,
    pub(super) units: Vec<u64>,
    /// The number on the paper that is next in the printer.
    pub(super) paper: Option<u32>,
}

impl IssueBody {
    /// The holder, by account or MyKey ID, never by a guess.
    pub(super) fn account(&self, town: &Town) -> Result<AccountId, Problem> {
        match (&self.account, &self.mykey_id) {
            (Some(account), None) => account.parse().map_err(|_| invalid("account")),
            (None, Some(typed)) => {
                let name: MyKeyName = typed.parse().map_err(|_| invalid("mykey_id"))?;
                town.people().account(&name).ok_or_else(|| Refusal::UnknownAccount.into())
            }
            (Some(_) | None, _) => Err(EdgeProblem::MissingField.into()),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HomeBody {
    pub(super) units: Vec<u64>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub(super) enum CauseBody {
    Spoiled,
    Returned,
}

impl From<CauseBody> for VoidCause {
    fn from(body: CauseBody) -> Self {
        match body {
            CauseBody::Spoiled => Self::Spoiled,
            CauseBody::Returned => Self::Returned,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VoidBody {
    pub(super) tickets: Vec<u32>,
    pub(super) cause: CauseBody,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScanBody {
    pub(super) merchant: u32,
    pub(super) terminal: u32,
    /// What the QR code held.
    pub(super) code: String,
    pub(super) at: u64,
    pub(super) signature: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BundleBody {
    pub(super) merchant: u32,
    /// What the cover sheet says.
    pub(super) count: u32,
    pub(super) points: u64,
    pub(super) tickets: Vec<HandedBody>,
}

/// A ticket of a bundle: its code, or the number and the six letters under it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HandedBody {
    code: Option<String>,
    number: Option<u32>,
    check: Option<String>,
}

impl HandedBody {
    /// The number, and the letters that the town's signature has to give. They are those of the
    /// code's own signature, so a code with another one fails by them.
    pub(super) fn number_and_check(&self, own: TownId) -> Result<(TicketNumber, String), NoEntry> {
        match (&self.code, self.number, &self.check) {
            (Some(code), None, None) => {
                let ticket: SignedTicket = code.parse().map_err(|_| Refusal::TicketNotGenuine)?;
                if ticket.face.town != own {
                    return Err(Refusal::TicketOfAnotherTown.into());
                }
                Ok((ticket.face.number, ticket.check()))
            }
            (None, Some(number), Some(check)) => {
                Ok((TicketNumber(number), code_input(check).to_ascii_uppercase()))
            }
            (Some(_) | None, _, _) => Err(EdgeProblem::MissingField.into()),
        }
    }
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub(super) enum VerdictBody {
    Pay,
    Refuse,
}

impl From<VerdictBody> for DoubleVerdict {
    fn from(body: VerdictBody) -> Self {
        match body {
            VerdictBody::Pay => Self::Pay,
            VerdictBody::Refuse => Self::Refuse,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DecisionBody {
    pub(super) verdict: VerdictBody,
}
