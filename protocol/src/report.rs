//! The figures of a fiscal year as of a past day, out of a journal: the entries up to the end of
//! that day decide them alone, so the same day gives the same figures whenever they are asked for.

mod flow;

use alloc::{collections::BTreeMap, string::String, vec::Vec};

pub use flow::{BudgetYear, Flows};

use crate::{
    account::{Account, LapsedKind},
    date::{BusinessDate, FiscalYear},
    entry::Entry,
    id::{CompanyId, ProgrammeId, RunId, TownId},
    ledger::Ledger,
    lot::{Issuer, Lot, Origin, Paid},
    payout::{BudgetLine, Run, Statement},
    points::Points,
    replay::{Finding, Replay, Signatures},
};

/// What is unused, by issuer and by whether it was paid for (Payment Services Act).
pub type Unused = BTreeMap<(Issuer, Paid), Points>;

/// Reads a journal's entries in order, up to the end of a day.
pub struct Collector {
    year: FiscalYear,
    as_of: BusinessDate,
    replay: Option<Replay>,
    flows: Flows,
    /// 30 September and 31 March of the year, as far as they are not behind the day.
    base_dates: Vec<(BusinessDate, Option<Unused>)>,
}

/// Whether the collector wants more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// The next entry, if there is one.
    More,
    /// This entry is of a later day: the figures are final.
    Past,
}

impl Collector {
    /// Figures of a fiscal year as of the end of a day, which may lie behind the year.
    #[must_use]
    pub fn new(year: FiscalYear, as_of: BusinessDate) -> Self {
        let september = BusinessDate::new(year.0, 9, 30);
        let dates = september.into_iter().chain([year.last_day()]);
        let base_dates = dates.filter(|date| *date <= as_of).map(|date| (date, None)).collect();
        Self { year, as_of, replay: None, flows: Flows::new(year), base_dates }
    }

    /// Takes the next entry.
    ///
    /// # Errors
    /// The [`Finding`] of the replay: the journal is not sound, and there are no figures.
    pub fn take(&mut self, bytes: &[u8]) -> Result<Reading, Finding> {
        let date = Entry::parse(bytes).map_err(Finding::Malformed)?.time.date();
        if date > self.as_of {
            return Ok(Reading::Past);
        }
        let Some(replay) = &mut self.replay else {
            let (begun, _) = Replay::begin(bytes)?;
            self.replay = Some(begun);
            return Ok(Reading::More);
        };
        for (base, unused) in &mut self.base_dates {
            if date > *base && unused.is_none() {
                *unused = Some(unused_on(replay.ledger(), *base));
            }
        }
        let entry = replay.step(bytes, Signatures::OwnJournal)?;
        self.flows.see(&entry);
        Ok(Reading::More)
    }

    /// The report; none if the log had not begun by that day.
    #[must_use]
    pub fn finish(self) -> Option<Report> {
        let ledger = self.replay?.into_ledger();
        let base_dates = self
            .base_dates
            .into_iter()
            .map(|(date, unused)| (date, unused.unwrap_or_else(|| unused_on(&ledger, date))));
        let base_dates = base_dates.collect();
        Some(Report::of(&ledger, self.year, self.as_of, self.flows, base_dates))
    }
}

/// A programme's budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetUse {
    /// Which programme.
    pub programme: ProgrammeId,
    /// Its name.
    pub name: String,
    /// What the council allowed.
    pub ceiling: Points,
    /// What was given.
    pub given: Points,
    /// Where it stands in the town's budget.
    pub line: Option<BudgetLine>,
}

/// What is owed between this town and another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TownDebts {
    /// On the way to the town.
    pub transit: Points,
    /// Owed to the town.
    pub owed_to: Points,
    /// Claimed from the town.
    pub owed_by: Points,
}

/// What is claimed from a company.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CompanyClaim {
    /// Its name in the catalogue.
    pub name: String,
    /// Claimed in the year.
    pub in_year: Points,
    /// What stands at the day.
    pub balance: Points,
}

/// What shops are owed, at the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ShopDebts {
    /// Taken, in no run yet.
    pub taken: Points,
    /// In a closed run, not paid.
    pub payable: Points,
    /// Owed back by shops.
    pub claims: Points,
    /// Paid out, ever.
    pub paid_out: Points,
    /// Kept as the town's fee, ever.
    pub fee: Points,
}

/// A run of the year.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFigures {
    /// Its number.
    pub number: RunId,
    /// The run as it stood at the day.
    pub run: Run,
    /// Shops with a statement.
    pub shops: usize,
    /// Taken, less what was given back.
    pub kept: Points,
    /// The fees.
    pub fee: Points,
    /// Set off.
    pub set_off: Points,
    /// Paid, or to be paid.
    pub net: Points,
}

/// The figures of a fiscal year as of the end of a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The town.
    pub town: TownId,
    /// The fiscal year.
    pub year: FiscalYear,
    /// The day.
    pub as_of: BusinessDate,
    /// How many entries it stands on.
    pub entries: u64,
    /// What holders can spend on the day, by origin and last day.
    pub outstanding: BTreeMap<(Origin, BusinessDate), Points>,
    /// What is neither a holder's nor at an end: on the way, on hold, in a voucher or ticket.
    pub elsewhere: Vec<(Account, Points)>,
    /// Each programme's budget against its ceiling.
    pub budgets: Vec<BudgetUse>,
    /// Granted, used, moved, lapsed and outstanding by origin and the year it was earned in.
    pub years: BTreeMap<BudgetYear, Line>,
    /// Lapsed by kind: in the year, and in all.
    pub lapsed: BTreeMap<LapsedKind, (Points, Points)>,
    /// Claims on companies.
    pub companies: BTreeMap<CompanyId, CompanyClaim>,
    /// Debts between towns.
    pub towns: BTreeMap<TownId, TownDebts>,
    /// The unused balance at each base date that is over or is the day.
    pub base_dates: Vec<(BusinessDate, Unused)>,
    /// The unused balance at the day.
    pub unused: Unused,
    /// What shops are owed.
    pub shops: ShopDebts,
    /// The runs of the year.
    pub runs: Vec<RunFigures>,
    /// What lapses if nobody spends it, by year and month of the last day; of points that never
    /// lapse nothing stands here.
    pub forecast: BTreeMap<(u32, u32), Points>,
    /// The names of the programmes.
    pub programme_names: BTreeMap<ProgrammeId, String>,
}

/// What became of the points of one origin and year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Line {
    /// Granted, converted or given as rewards.
    pub granted: Points,
    /// Left the holder for a use and did not come back.
    pub used: Points,
    /// Left for another town and did not come back.
    pub moved: Points,
    /// Lapsed in the holder's account.
    pub lapsed: Points,
    /// What holders can spend on the day.
    pub outstanding: Points,
}

fn add(sum: &mut Points, more: Points) {
    // The books bound every sum; a saturated one would show as one.
    *sum = sum.plus(more).unwrap_or(Points::MAX);
}

/// All lots that holders have, or that left them and are not used yet.
fn lots(ledger: &Ledger) -> impl Iterator<Item = Lot> {
    let held = ledger.holders().flat_map(|(_, holder)| holder.lots.iter());
    held.chain(ledger.lots_on_the_way())
}

/// What is unused on a day; what expired before it is not, swept or not.
fn unused_on(ledger: &Ledger, day: BusinessDate) -> Unused {
    let mut unused = Unused::new();
    for lot in lots(ledger).filter(|lot| lot.terms.spendable_on(day)) {
        add(unused.entry((lot.terms.issuer, lot.terms.paid)).or_default(), lot.points);
    }
    unused
}

impl Report {
    fn of(
        ledger: &Ledger,
        year: FiscalYear,
        as_of: BusinessDate,
        flows: Flows,
        base_dates: Vec<(BusinessDate, Unused)>,
    ) -> Self {
        let mut report = Self {
            town: ledger.meta().town,
            year,
            as_of,
            entries: ledger.meta().next.0,
            outstanding: BTreeMap::new(),
            elsewhere: Vec::new(),
            budgets: Vec::new(),
            years: flows.lines(),
            lapsed: flows.lapsed,
            companies: BTreeMap::new(),
            towns: BTreeMap::new(),
            base_dates,
            unused: unused_on(ledger, as_of),
            shops: ShopDebts::default(),
            runs: Vec::new(),
            forecast: BTreeMap::new(),
            programme_names: BTreeMap::new(),
        };
        report.count_lots(ledger);
        report.count_programmes(ledger);
        report.count_books(ledger, &flows.claimed);
        report.count_runs(ledger);
        report
    }

    fn count_lots(&mut self, ledger: &Ledger) {
        let held = ledger.holders().flat_map(|(_, holder)| holder.lots.iter());
        for lot in held {
            let (terms, points) = (lot.terms, lot.points);
            let line = flow::budget_year(&terms).map(|key| self.years.entry(key).or_default());
            if terms.spendable_on(self.as_of) {
                add(self.outstanding.entry((terms.origin, terms.expires)).or_default(), points);
                if let Some(line) = line {
                    add(&mut line.outstanding, points);
                }
                if terms.expires < BusinessDate::LAST {
                    let (year, month, _) = terms.expires.civil();
                    add(self.forecast.entry((year, month)).or_default(), points);
                }
                continue;
            }
            // It lapsed, and the node has not swept it yet: the day alone decides.
            if let Some(line) = line {
                add(&mut line.lapsed, points);
            }
            let (in_year, in_all) = self.lapsed.entry(flow::lapsed_kind(&terms)).or_default();
            add(in_all, points);
            if terms.expires.fiscal_year() == self.year {
                add(in_year, points);
            }
        }
    }

    fn count_programmes(&mut self, ledger: &Ledger) {
        for programme in ledger.programmes() {
            let line = ledger
                .budget_lines()
                .find(|line| line.purse == crate::payout::Purse::Programme(programme.id));
            let name = String::from(programme.name.as_str());
            self.programme_names.insert(programme.id, name.clone());
            self.budgets.push(BudgetUse {
                programme: programme.id,
                name,
                ceiling: programme.ceiling,
                given: ledger.balance(&Account::Programme(programme.id)),
                line: line.cloned(),
            });
        }
    }

    fn count_books(&mut self, ledger: &Ledger, claimed: &BTreeMap<CompanyId, Points>) {
        let catalogue = ledger.catalogue_on(self.as_of);
        for (account, _) in ledger.books() {
            let balance = ledger.balance(account);
            match account {
                Account::Partner(company) => {
                    let terms = catalogue.and_then(|catalogue| catalogue.company(company));
                    let name = terms.map(|terms| String::from(terms.name.as_str()));
                    let claim = CompanyClaim {
                        name: name.unwrap_or_default(),
                        in_year: claimed.get(company).copied().unwrap_or_default(),
                        balance,
                    };
                    self.companies.insert(*company, claim);
                }
                Account::Transit(town) => self.towns.entry(*town).or_default().transit = balance,
                Account::OwedTo(town) => self.towns.entry(*town).or_default().owed_to = balance,
                Account::OwedBy(town) => self.towns.entry(*town).or_default().owed_by = balance,
                Account::Merchant(_) => add(&mut self.shops.taken, balance),
                Account::Payable(..) => add(&mut self.shops.payable, balance),
                Account::MerchantClaim(_) => add(&mut self.shops.claims, balance),
                Account::PaidOut(_) => add(&mut self.shops.paid_out, balance),
                Account::Fee => add(&mut self.shops.fee, balance),
                Account::Unassigned(_)
                | Account::Unclaimed
                | Account::Bulk(_)
                | Account::Voucher(_)
                | Account::Ticket
                | Account::LocalCardPending(_)
                | Account::LocalCard(_)
                | Account::Hold(_)
                | Account::Cash(_)
                | Account::Association(_)
                | Account::Opening(_)
                | Account::Correction
                | Account::Settled(_)
                | Account::Loss(_) => {
                    if !balance.is_zero() {
                        self.elsewhere.push((*account, balance));
                    }
                }
                Account::Programme(_) | Account::Lapsed(_) => {}
            }
        }
    }

    fn count_runs(&mut self, ledger: &Ledger) {
        for (number, run) in ledger.runs().filter(|(_, run)| run.fiscal_year() == self.year) {
            let sum = |of: fn(&Statement) -> Points| {
                let each = ledger.statements(*number).map(|(_, statement)| of(statement));
                Points::sum(each).unwrap_or(Points::MAX)
            };
            let kept = |statement: &Statement| {
                statement.gross().minus(statement.given_back()).unwrap_or(Points::ZERO)
            };
            self.runs.push(RunFigures {
                number: *number,
                run: run.clone(),
                shops: ledger.statements(*number).count(),
                kept: sum(kept),
                fee: sum(|statement| statement.fee),
                set_off: sum(|statement| statement.set_off),
                net: sum(|statement| statement.net),
            });
        }
    }
}

#[cfg(test)]
mod tests;
