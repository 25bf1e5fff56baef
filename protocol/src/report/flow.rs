//! What flows in and out of holders' accounts, by origin and the year that the points were earned
//! in.

use alloc::collections::BTreeMap;

use super::{Line, add};
use crate::{
    account::{Account, LapsedKind, Side},
    command::Command,
    date::FiscalYear,
    entry::{Effect, Entry, Outcome},
    id::CompanyId,
    lot::{Birth, Lot, LotTerms, Origin},
    points::Points,
    posting::Posting,
};

/// The points of one origin of this town that were earned in one fiscal year: of a programme, the
/// year of its budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct BudgetYear {
    /// What they were when they were born, here.
    pub birth: Birth,
    /// The year.
    pub year: FiscalYear,
}

/// The line that lots of these terms count in; none for what was born in another town.
pub(super) const fn budget_year(terms: &LotTerms) -> Option<BudgetYear> {
    match terms.origin {
        Origin::Here(birth) => Some(BudgetYear { birth, year: terms.earned.fiscal_year() }),
        Origin::Moved { .. } => None,
    }
}

/// The kind as which lots of these terms lapse.
pub(super) const fn lapsed_kind(terms: &LotTerms) -> LapsedKind {
    match terms.origin.birth() {
        Birth::Administrative(_) => LapsedKind::Administrative,
        Birth::Reward(_) => LapsedKind::Reward,
        Birth::Converted(_) => LapsedKind::Converted,
    }
}

/// Why lots move in an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Why {
    Granted,
    Lapsed,
    Moved,
    Used,
}

/// In and out, as far as it was seen.
#[derive(Debug, Clone, Copy, Default)]
struct Flow {
    into: Points,
    out: Points,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counted {
    granted: Flow,
    lapsed: Flow,
    moved: Flow,
    used: Flow,
}

/// The flows of a log.
#[derive(Debug, Clone)]
pub struct Flows {
    year: FiscalYear,
    counted: BTreeMap<BudgetYear, Counted>,
    /// Lapsed by kind: in the year, and in all.
    pub(super) lapsed: BTreeMap<LapsedKind, (Points, Points)>,
    /// Claimed from companies in the year.
    pub(super) claimed: BTreeMap<CompanyId, Points>,
}

impl Flows {
    pub(super) const fn new(year: FiscalYear) -> Self {
        Self { year, counted: BTreeMap::new(), lapsed: BTreeMap::new(), claimed: BTreeMap::new() }
    }

    pub(super) fn see(&mut self, entry: &Entry) {
        let Outcome::Done(effect) = &entry.outcome else { return };
        let sweep = matches!(entry.submission.command, Command::Lapse(..));
        let in_year = entry.time.date().fiscal_year() == self.year;
        for posting in effect.postings.as_slice() {
            match posting {
                Posting::Lots { side, lots, .. } => {
                    let why = if sweep { Why::Lapsed } else { why(*side, effect) };
                    for lot in lots {
                        self.lot(why, *side, lot);
                    }
                }
                Posting::Book { account, side, points } => {
                    self.book(*account, *side, *points, in_year && !sweep);
                }
            }
        }
    }

    fn lot(&mut self, why: Why, side: Side, lot: &Lot) {
        if why == Why::Lapsed {
            // By the last day of the points, not by the day on which the node swept them.
            let (in_year, _) = self.lapsed.entry(lapsed_kind(&lot.terms)).or_default();
            if lot.terms.expires.fiscal_year() == self.year {
                add(in_year, lot.points);
            }
        }
        let Some(key) = budget_year(&lot.terms) else { return };
        let counted = self.counted.entry(key).or_default();
        let flow = match why {
            Why::Granted => &mut counted.granted,
            Why::Lapsed => &mut counted.lapsed,
            Why::Moved => &mut counted.moved,
            Why::Used => &mut counted.used,
        };
        match side {
            Side::Credit => add(&mut flow.into, lot.points),
            Side::Debit => add(&mut flow.out, lot.points),
        }
    }

    fn book(&mut self, account: Account, side: Side, points: Points, in_year: bool) {
        match (account, side) {
            (Account::Lapsed(kind), Side::Credit) => {
                let (of_year, in_all) = self.lapsed.entry(kind).or_default();
                add(in_all, points);
                if in_year {
                    add(of_year, points);
                }
            }
            (Account::Partner(company), Side::Debit) if in_year => {
                add(self.claimed.entry(company).or_default(), points);
            }
            (_, Side::Debit | Side::Credit) => {}
        }
    }

    pub(super) fn lines(&self) -> BTreeMap<BudgetYear, Line> {
        let net = |more: Points, less: Points| more.minus(less).unwrap_or(Points::ZERO);
        let line = |counted: &Counted| Line {
            granted: net(counted.granted.into, counted.granted.out),
            used: net(counted.used.out, counted.used.into),
            moved: net(counted.moved.out, counted.moved.into),
            lapsed: net(counted.lapsed.out, counted.lapsed.into),
            outstanding: Points::ZERO,
        };
        self.counted.iter().map(|(key, counted)| (*key, line(counted))).collect()
    }
}

/// Why lots move that stand on this side: by the accounts on the other one.
fn why(of_lots: Side, effect: &Effect) -> Why {
    let books = effect.postings.as_slice().iter().filter_map(|posting| match posting {
        Posting::Book { account, side, .. } if *side != of_lots => Some(*account),
        Posting::Book { .. } | Posting::Lots { .. } => None,
    });
    for account in books {
        match account {
            Account::Programme(_)
            | Account::Association(_)
            | Account::Bulk(_)
            | Account::Unassigned(_)
            | Account::Correction
            | Account::Opening(_) => return Why::Granted,
            Account::Transit(_) | Account::OwedTo(_) | Account::OwedBy(_) => return Why::Moved,
            Account::Merchant(_)
            | Account::MerchantClaim(_)
            | Account::Partner(_)
            | Account::Lapsed(_)
            | Account::Unclaimed
            | Account::Payable(..)
            | Account::PaidOut(_)
            | Account::Voucher(_)
            | Account::Ticket
            | Account::LocalCardPending(_)
            | Account::LocalCard(_)
            | Account::Hold(_)
            | Account::Cash(_)
            | Account::Loss(_)
            | Account::Settled(_)
            | Account::Fee => {}
        }
    }
    Why::Used
}
