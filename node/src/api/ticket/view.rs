//! How tickets are shown, as JSON.

use jichi_protocol::{
    account::Side,
    entry::{Entry, Outcome},
    id::{DeskId, EntryIndex, MerchantId, TicketNumber, TicketReceiptNumber},
    ledger::Ledger,
    points::Points,
    posting::Posting,
    ticket::{
        BundleLine, DoubleState, Doubles, HandIn, OnExpiry, Ticket, TicketRules, TicketState,
        TicketStock, UsableShops, Way,
    },
};
use serde::Serialize;

/// The rules of today.
#[derive(Serialize)]
pub(super) struct Rules {
    from: String,
    units: Vec<u64>,
    office_days: u32,
    on_expiry: &'static str,
    doubles: &'static str,
    shops: Option<Vec<u32>>,
}

impl Rules {
    pub(super) fn of(rules: &TicketRules) -> Self {
        Self {
            from: rules.from.0.to_string(),
            units: rules.units.iter().map(|unit| unit.get()).collect(),
            office_days: rules.office_days,
            on_expiry: match rules.on_expiry {
                OnExpiry::Lapses => "lapses",
                OnExpiry::Returns => "returns",
            },
            doubles: match rules.doubles {
                Doubles::PaidInGoodFaith => "paid_in_good_faith",
                Doubles::Refused => "refused",
            },
            shops: match &rules.shops {
                UsableShops::All => None,
                UsableShops::Only(shops) => Some(shops.iter().map(|shop| shop.0).collect()),
            },
        }
    }
}

/// A desk's numbered paper (受入・使用・書損・残り).
#[derive(Serialize)]
pub(super) struct Stock {
    desk: u32,
    received: u32,
    used: u32,
    spoiled: u32,
    left: u32,
    /// The number that the next paper bears.
    next: Option<u32>,
}

impl Stock {
    pub(super) fn of((desk, stock): (&DeskId, &TicketStock)) -> Self {
        Self {
            desk: desk.0,
            received: stock.received(),
            used: stock.used,
            spoiled: stock.spoiled,
            left: stock.left(),
            next: stock.upcoming().next().map(|number| number.0),
        }
    }
}

/// A ticket. Whose it is, the desk looks up by the account only.
#[derive(Serialize)]
pub(super) struct TicketView {
    number: u32,
    points: u64,
    day: String,
    last_day: String,
    office_until: String,
    state: &'static str,
    /// The shop's use of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    used: Option<UseView>,
    /// Further attempts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    doubles: Vec<Attempt>,
}

impl TicketView {
    pub(super) fn of(number: TicketNumber, ticket: &Ticket) -> Self {
        Self {
            number: number.0,
            points: ticket.points.get(),
            day: ticket.day.to_string(),
            last_day: ticket.last_day.to_string(),
            office_until: ticket.office_until.to_string(),
            state: match ticket.state {
                TicketState::Issued { .. } => "issued",
                TicketState::Redeemed(_) => "redeemed",
                TicketState::Voided(_) => "voided",
                TicketState::Lapsed => "lapsed",
            },
            used: None,
            doubles: Vec::new(),
        }
    }

    pub(super) fn with_shops(number: TicketNumber, ticket: &Ticket, ledger: &Ledger) -> Self {
        Self {
            used: first_use(ticket).map(|used| UseView::of(&used, ledger)),
            doubles: ticket
                .doubles
                .iter()
                .map(|double| Attempt {
                    used: UseView::of(&double.hand_in, ledger),
                    state: double_state(double.state),
                })
                .collect(),
            ..Self::of(number, ticket)
        }
    }
}

/// Whether a ticket's points went back.
pub(super) const fn is_voided(ticket: &Ticket) -> bool {
    matches!(ticket.state, TicketState::Voided(_))
}

const fn first_use(ticket: &Ticket) -> Option<HandIn> {
    match ticket.state {
        TicketState::Redeemed(used) => Some(used),
        TicketState::Issued { .. } | TicketState::Voided(_) | TicketState::Lapsed => None,
    }
}

const fn double_state(state: DoubleState) -> &'static str {
    match state {
        DoubleState::Disputed => "disputed",
        DoubleState::Paid(_) => "paid",
        DoubleState::Refused(_) => "refused",
    }
}

/// By which shop, when and how a ticket was used.
#[derive(Serialize)]
pub(super) struct UseView {
    merchant: u32,
    shop: String,
    time: String,
    entry: u64,
    /// `scan` or `bundle`.
    way: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<u32>,
}

impl UseView {
    fn of(used: &HandIn, ledger: &Ledger) -> Self {
        let (way, receipt) = match used.way {
            Way::Scan(_) => ("scan", None),
            Way::Bundle(receipt) => ("bundle", Some(receipt.0)),
        };
        Self {
            merchant: used.merchant.0,
            shop: shop_name(used.merchant, ledger),
            time: used.at.to_string(),
            entry: used.entry.0,
            way,
            receipt,
        }
    }
}

fn shop_name(merchant: MerchantId, ledger: &Ledger) -> String {
    let found = ledger.merchants().find(|setting| setting.merchant == merchant);
    found.map(|setting| setting.name.as_str().to_owned()).unwrap_or_default()
}

#[derive(Serialize)]
struct Attempt {
    #[serde(flatten)]
    used: UseView,
    state: &'static str,
}

/// What a shop is told after a scan.
#[derive(Serialize)]
pub(super) struct ScanView {
    /// `taken` or `disputed`.
    outcome: &'static str,
    number: u32,
    points: u64,
    last_day: String,
    /// The first use, where it was used before.
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<UseView>,
    next_act: &'static str,
    next_act_en: &'static str,
}

impl ScanView {
    pub(super) fn of(
        number: TicketNumber,
        ticket: &Ticket,
        entry: EntryIndex,
        ledger: &Ledger,
    ) -> Self {
        let first = first_use(ticket).filter(|used| used.entry != entry);
        let (outcome, next_act, next_act_en) = if first.is_some() {
            (
                "disputed",
                "すでに使われた券です。券を預かり、役所の判断をお待ちください。",
                "it was used before: keep it, and wait for the town office",
            )
        } else {
            (
                "taken",
                "受け取りました。券に使用済みの印を付けてください。",
                "taken: mark the paper as used",
            )
        };
        Self {
            outcome,
            number: number.0,
            points: ticket.points.get(),
            last_day: ticket.last_day.to_string(),
            first: first.map(|used| UseView::of(&used, ledger)),
            next_act,
            next_act_en,
        }
    }
}

/// A double that waits, with the first use.
#[derive(Serialize)]
pub(super) struct DoubleView {
    number: u32,
    nth: u32,
    points: u64,
    first: Option<UseView>,
    second: UseView,
    /// Whether the town's rule lets an officer pay the shop.
    may_be_paid: bool,
}

impl DoubleView {
    pub(super) fn of(number: TicketNumber, nth: u32, ledger: &Ledger) -> Option<Self> {
        let ticket = ledger.ticket(&number)?;
        let double = ticket.doubles.get(usize::try_from(nth).ok()?)?;
        Some(Self {
            number: number.0,
            nth,
            points: ticket.points.get(),
            first: first_use(ticket).map(|used| UseView::of(&used, ledger)),
            second: UseView::of(&double.hand_in, ledger),
            may_be_paid: ledger
                .rules_of(ticket)
                .is_some_and(|rules| rules.doubles == Doubles::PaidInGoodFaith),
        })
    }
}

/// The numbered receipt of a bundle.
#[derive(Serialize)]
pub(super) struct Receipt {
    pub(super) receipt: u32,
    pub(super) merchant: u32,
    pub(super) shop: String,
    pub(super) handed_in: String,
    pub(super) officer: u32,
    /// What the shop is owed for it at once.
    pub(super) taken: u64,
    pub(super) lines: Vec<Line>,
}

/// A ticket on a receipt.
#[derive(Serialize)]
pub(super) struct Line {
    pub(super) number: u32,
    pub(super) points: u64,
    pub(super) outcome: &'static str,
    pub(super) words: &'static str,
    /// The first use, where it was used before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) first: Option<UseView>,
}

impl Receipt {
    pub(super) fn of(number: TicketReceiptNumber, ledger: &Ledger) -> Option<Self> {
        let receipt = ledger.ticket_receipt(&number)?;
        let line = |(number, line): &(TicketNumber, BundleLine)| {
            let ticket = ledger.ticket(number)?;
            let (outcome, words) = match line {
                BundleLine::Taken => ("taken", "受付"),
                BundleLine::Disputed => ("disputed", "二重（確認中）"),
                BundleLine::TooLate => ("too_late", "持込期限切れ"),
                BundleLine::Voided => ("voided", "取消済みの券"),
                BundleLine::NotUsableHere => ("not_usable_here", "この店では使えない券"),
            };
            let disputed = *line == BundleLine::Disputed;
            let first = first_use(ticket).filter(|_| disputed);
            Some(Line {
                number: number.0,
                points: ticket.points.get(),
                outcome,
                words,
                first: first.map(|used| UseView::of(&used, ledger)),
            })
        };
        Some(Self {
            receipt: number.0,
            merchant: receipt.merchant.0,
            shop: shop_name(receipt.merchant, ledger),
            handed_in: receipt.at.to_string(),
            officer: receipt.officer.0,
            taken: receipt.taken.get(),
            lines: receipt.lines.iter().filter_map(line).collect(),
        })
    }
}

/// What a void gave back.
#[derive(Serialize)]
pub(super) struct Returned {
    returned: u64,
    /// Points that lapsed as they came back.
    lapsed: u64,
}

impl Returned {
    pub(super) fn of(entry: &Entry) -> Self {
        let Outcome::Done(effect) = &entry.outcome else { return Self { returned: 0, lapsed: 0 } };
        let sum = |lots| {
            let of = effect.postings.as_slice().iter().filter(|posting| {
                let is_lots = matches!(posting, Posting::Lots { .. });
                posting.side() == Side::Credit && is_lots == lots
            });
            Points::sum(of.filter_map(Posting::points)).unwrap_or(Points::MAX).get()
        };
        Self { returned: sum(true), lapsed: sum(false) }
    }
}
