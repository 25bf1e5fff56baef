//! Companies' points: by linked ID, by code, and the choice of a town.

use alloc::vec::Vec;

use super::{
    super::{
        desk::*,
        life::a_code,
        model::{Birth, Free, Kind, Rank},
    },
    Both, CHOICE_DAYS, Step, said,
};
use crate::{
    account::{Account, HolderState},
    catalogue::{Catalogue, CatalogueVersion},
    command::{Command, DayTurn, Sweep},
    date::BusinessDate,
    id::{AccountId, ConversionId},
    intent::CodeStatement,
    key::{JobKind, OperationKey},
    ledger::{code_conversion_id, conversion_id},
    points::Points,
};

/// What was converted.
#[derive(Default)]
pub(super) struct Converting {
    version: u32,
    pub(super) waiting: Vec<Waiting>,
    /// Whose, on which day of the company, how many of the company's points.
    converted: Vec<(usize, BusinessDate, u64)>,
    codes: Vec<(CodeStatement, bool)>,
}

/// Points that wait for a town; of nobody if the conversion was refused or a town is chosen.
pub(super) struct Waiting {
    pub(super) id: ConversionId,
    pub(super) who: Option<usize>,
    pub(super) kind: Kind,
    pub(super) points: i64,
    until: BusinessDate,
}

/// Ten of the company's points are five; whole tens only, and 20 at least.
fn whole(amount: u64) -> bool {
    amount.is_multiple_of(10) && amount >= 20
}

impl Both {
    pub(super) fn catalogue(&mut self, step: &Step) {
        self.converting.version += 1;
        let version = CatalogueVersion(self.converting.version + 1);
        let valid_from = self.model.today;
        let mut companies = self.pair.a.ledger.catalogue_on(valid_from).unwrap().companies.clone();
        let company = &mut companies[0];
        (company.unit.0, company.points_per_unit, company.minimum.0) = (10, p(5), 20);
        (company.daily_max.0, company.monthly_max.0) = (200, 400);
        let catalogue = Catalogue { version, valid_from, companies };
        let done = self.pair.a.submit(Command::TakeCatalogue(catalogue, by_officer()));
        said(step, &done, true);
    }

    fn version(&self) -> CatalogueVersion {
        CatalogueVersion(self.converting.version + 1)
    }

    /// Whether a person's limits at the company allow this, of its day.
    fn within_company(&self, who: usize, day: BusinessDate, amount: u64) -> bool {
        let month = |day: BusinessDate| (day.civil().0, day.civil().1);
        let own = self.converting.converted.iter().filter(|(owner, ..)| *owner == who);
        let of_day: u64 = own.clone().filter(|(_, d, _)| *d == day).map(|(.., n)| n).sum();
        let own = own.filter(|(_, other, _)| month(*other) == month(day));
        let of_month: u64 = own.map(|(.., n)| n).sum();
        of_day + amount <= 200 && of_month + amount <= 400
    }

    fn converts(&mut self, id: ConversionId, who: Option<usize>, day: BusinessDate, amount: u64) {
        let today = self.model.today;
        let points = i64::try_from(amount / 2).unwrap();
        let kind = Kind {
            rank: Rank::Converted,
            birth: (Birth::Converted, 0),
            paid: Free::Paid,
            ..Kind::given(0, today, today.fiscal_year().last_day())
        };
        if let Some(who) = who {
            self.converting.converted.push((who, day, amount));
            self.model.book(Account::Partner(jal()), Account::Unassigned(jal()), points);
        }
        let until = today.plus_days(CHOICE_DAYS);
        self.converting.waiting.push(Waiting { id, who, kind, points, until });
    }

    pub(super) fn convert(&mut self, step: &Step) {
        let amount = u64::from(step.count() / 3) * 10 + u64::from(step.one_in(8)) * 5;
        let today = self.model.today;
        let told = self.model.receives(step.who)
            && whole(amount)
            && self.within_company(step.who, today, amount);
        let mut statement = self.pair.a.statement(self.links[step.who], amount);
        statement.catalogue = self.version();
        let id = conversion_id(&statement);
        let done = self.pair.a.send_conversion(statement);
        said(step, &done, told);
        self.converts(id, told.then_some(step.who), today, amount);
    }

    pub(super) fn issue_code(&mut self, step: &Step) {
        let amount = u64::from(step.count() / 3) * 10;
        let seed = u8::try_from(self.converting.codes.len()).unwrap();
        let mut statement = self.pair.a.code_statement(&a_code(seed), amount, "2027-03-31");
        statement.catalogue = self.version();
        statement.points = Points::new(amount / 2).unwrap();
        statement.last_day = self.model.today.plus_days(u32::from(step.flag % 20));
        let done = self.pair.a.issue_code(statement.clone());
        if said(step, &done, whole(amount)) {
            self.converting.codes.push((statement, false));
        }
    }

    pub(super) fn enter_code(&mut self, step: &Step) {
        let Some(at) = step.of(self.converting.codes.len()) else { return };
        let (statement, used) = self.converting.codes[at].clone();
        let (day, amount) = (statement.signed, statement.amount.0);
        let told = self.model.receives(step.who)
            && !used
            && self.model.today <= statement.last_day
            && self.within_company(step.who, day, amount);
        let done = self.pair.a.enters(self.accounts[step.who], statement.code);
        if said(step, &done, told) {
            self.converting.codes[at].1 = true;
            self.converts(code_conversion_id(&statement), Some(step.who), day, amount);
        }
    }

    pub(super) fn owner(&self, waiting: &Waiting) -> AccountId {
        self.accounts[waiting.who.unwrap_or(0)]
    }

    pub(super) fn pick(&mut self, step: &Step) {
        let Some(at) = step.of(self.converting.waiting.len()) else { return };
        let waiting = &self.converting.waiting[at];
        let told = waiting.who.is_some_and(|who| self.model.is_open(who));
        let (owner, id) = (self.owner(waiting), waiting.id);
        let done = self.pair.a.pick(owner, id);
        if said(step, &done, told) {
            self.assign(at);
        }
    }

    fn assign(&mut self, at: usize) {
        let Waiting { kind, points, .. } = self.converting.waiting[at];
        let Some(who) = self.converting.waiting[at].who.take() else { return };
        let each = (0..points).map(|_| kind);
        self.model.back(who, each, Account::Unassigned(jal()));
    }

    /// What the node does by itself with points that nobody chose a town for.
    pub(super) fn sweep(&mut self) {
        let date = self.model.today;
        for conversion in self.pair.a.ledger.overdue_conversions(100) {
            let key = OperationKey::Job { kind: JobKind::Sweep, date };
            let command = Command::SweepUnassigned(DayTurn { date }, Sweep { conversion });
            self.pair.a.keyed(Some(key), command).unwrap();
        }
        for at in 0..self.converting.waiting.len() {
            let waiting = &self.converting.waiting[at];
            let frozen =
                waiting.who.is_some_and(|who| self.model.state[who] == HolderState::Frozen);
            if waiting.until < date && !frozen {
                self.assign(at);
            }
        }
    }

    pub(super) fn unassigned(&self, who: usize) -> i64 {
        let own = self.converting.waiting.iter().filter(|waiting| waiting.who == Some(who));
        own.map(|waiting| waiting.points).sum()
    }
}
