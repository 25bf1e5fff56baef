//! Conversions of companies' points: unassigned at first, then of the town that is chosen.

use alloc::vec::Vec;

use super::{
    Broken, Conversion, Ledger, Plan,
    check::{may_receive, may_spend},
    fact::link_key,
    state::Converted,
};
use crate::{
    account::{Account, HolderState},
    catalogue::{CompanyPoints, CompanyTerms, Way},
    command::{Pick, Preset},
    date::BusinessDate,
    id::{AccountId, CompanyId, CompanyReference, ConversionId, EntryIndex},
    intent::ConversionStatement,
    lot::{Birth, Grace, Lot, LotTerms, Origin},
    points::Points,
    posting::Postings,
    refusal::Refusal,
};

/// How old a company's statement may be, in days.
const STATEMENT_DAYS_MAX: u32 = 7;

/// The id of a conversion.
#[must_use]
pub fn conversion_id(statement: &ConversionStatement) -> ConversionId {
    conversion_id_of(&statement.company, &statement.reference)
}

/// The id of a conversion, by the company's own name for it.
pub(super) fn conversion_id_of(company: &CompanyId, reference: &CompanyReference) -> ConversionId {
    let key = [company.as_str().as_bytes(), &[0], reference.as_str().as_bytes()];
    ConversionId::derived("jichi/conversion-id/v1", &key.concat())
}

impl Ledger {
    pub(super) fn plan_conversion(&self, statement: &ConversionStatement) -> Result<Plan, Refusal> {
        if statement.town != self.meta.town {
            return Err(Refusal::NotThisTown);
        }
        let account = self
            .links
            .get(&link_key(&statement.company, &statement.link))
            .ok_or(Refusal::UnknownLink)?;
        let holder = self.holders.get(account).ok_or(Refusal::UnknownAccount)?;
        may_receive(holder.state)?;
        let terms = self.terms_of_company(statement)?;
        if !terms.comes_by(Way::LinkedId) {
            return Err(Refusal::OtherWay);
        }
        let lot = self.converted_lot(statement, terms)?;
        if holder.preset.is_none() {
            return Err(Refusal::PresetTownNeeded);
        }
        self.within_company_limits(account, statement, terms)?;
        if holder.lots.full_for(&lot.terms, self.meta.day) {
            return Err(Refusal::TooManyLots);
        }
        let company = statement.company;
        Postings::between(Account::Partner(company), Account::Unassigned(company), lot.points)
            .map(Plan::moving)
            .ok_or(Refusal::TooManyPoints)
    }

    pub(super) fn terms_of_company(
        &self,
        statement: &ConversionStatement,
    ) -> Result<&CompanyTerms, Refusal> {
        let catalogue =
            self.catalogues.get(&statement.catalogue).ok_or(Refusal::CatalogueNotValid)?;
        let replaced = self.catalogues.iter().any(|(version, later)| {
            *version > statement.catalogue && later.valid_from <= statement.signed
        });
        if statement.signed < catalogue.valid_from || replaced {
            return Err(Refusal::CatalogueNotValid);
        }
        let (signed, today) = (statement.signed, self.meta.day);
        if signed > today || today.days_since(signed) > STATEMENT_DAYS_MAX {
            return Err(Refusal::StatementDate);
        }
        catalogue.company(&statement.company).ok_or(Refusal::UnknownCompany)
    }

    /// The terms that a company signed, whether they are still valid or not.
    pub(super) fn signed_terms(
        &self,
        statement: &ConversionStatement,
    ) -> Result<&CompanyTerms, Refusal> {
        let catalogue = self.catalogues.get(&statement.catalogue);
        let catalogue = catalogue.ok_or(Refusal::CatalogueNotValid)?;
        catalogue.company(&statement.company).ok_or(Refusal::UnknownCompany)
    }

    /// The lot that a conversion becomes, if the company reckoned right.
    pub(super) fn converted_lot(
        &self,
        statement: &ConversionStatement,
        terms: &CompanyTerms,
    ) -> Result<Lot, Refusal> {
        let right =
            terms.convert(statement.amount).ok_or(Refusal::NotWholeUnits { unit: terms.unit })?;
        if statement.amount < terms.minimum {
            return Err(Refusal::BelowMinimum { minimum: terms.minimum });
        }
        if right.is_zero() {
            return Err(Refusal::NoPoints);
        }
        if right != statement.points {
            return Err(Refusal::WrongRate { right });
        }
        let earned = self.meta.day;
        let terms = LotTerms {
            origin: Origin::Here(Birth::Converted(statement.company)),
            issuer: terms.issuer,
            paid: terms.paid,
            earned,
            expires: self.terms.conversion_expiry.last_day(earned),
            grace: Grace::May,
        };
        Ok(Lot { terms, points: right })
    }

    pub(super) fn within_company_limits(
        &self,
        account: &AccountId,
        statement: &ConversionStatement,
        terms: &CompanyTerms,
    ) -> Result<(), Refusal> {
        let month = |date: BusinessDate| {
            let (year, month, _) = date.civil();
            (year, month)
        };
        let sum = |of: &dyn Fn(BusinessDate) -> bool| -> u64 {
            let converted = self.holders.get(account).map_or(&[][..], |h| &h.converted);
            let counts = |c: &&Converted| c.company == statement.company && of(c.date);
            converted.iter().filter(counts).map(|c| c.amount.0).fold(0, u64::saturating_add)
        };
        let left = |max: CompanyPoints, used: u64| CompanyPoints(max.0.saturating_sub(used));
        let day_left = left(terms.daily_max, sum(&|date| date == statement.signed));
        if statement.amount > day_left {
            return Err(Refusal::OverDailyConversion { left: day_left });
        }
        let in_month = |date| month(date) == month(statement.signed);
        let month_left = left(terms.monthly_max, sum(&in_month));
        if statement.amount > month_left {
            return Err(Refusal::OverMonthlyConversion { left: month_left });
        }
        Ok(())
    }

    pub(super) fn apply_conversion(
        &mut self,
        index: EntryIndex,
        statement: &ConversionStatement,
    ) -> Result<(), Broken> {
        let account = self.links.get(&link_key(&statement.company, &statement.link));
        let account = *account.ok_or(Broken::Unknown)?;
        self.note_conversion(index, account, statement)
    }

    /// Keeps what was converted, for its holder to choose a town.
    pub(super) fn note_conversion(
        &mut self,
        index: EntryIndex,
        account: AccountId,
        statement: &ConversionStatement,
    ) -> Result<(), Broken> {
        let terms = self.signed_terms(statement).map_err(|_| Broken::Unknown)?;
        let lot = self.converted_lot(statement, terms).map_err(|_| Broken::Unknown)?;
        let today = self.meta.day;
        let conversion = Conversion {
            account,
            company: statement.company,
            lot,
            last_day: today.plus_days(self.terms.unassigned_days),
            entry: index,
        };
        let id = conversion_id(statement);
        self.due.insert((conversion.last_day, id));
        self.conversions.insert(id, conversion);
        let holder = self.holders.get_mut(&account).ok_or(Broken::Unknown)?;
        // Statements are at most a week old and a code lives at most so long: whatever is asked
        // for again is still there.
        let days = super::CODE_DAYS_MAX.saturating_add(62);
        let (company, date, amount) = (statement.company, statement.signed, statement.amount);
        holder.converted.change(|list| {
            list.retain(|converted| today.days_since(converted.date) <= days);
            match list.iter_mut().find(|c| c.company == company && c.date == date) {
                Some(same) => same.amount.0 = same.amount.0.saturating_add(amount.0),
                None => list.push(Converted { company, date, amount }),
            }
        });
        Ok(())
    }

    pub(super) fn plan_pick(&self, pick: &Pick) -> Result<Plan, Refusal> {
        let conversion = self.waiting(&pick.conversion)?;
        if conversion.account != pick.account {
            return Err(Refusal::UnknownConversion);
        }
        self.may_choose(conversion)?;
        self.assign(conversion)
    }

    pub(super) fn plan_sweep(&self, id: ConversionId) -> Result<Plan, Refusal> {
        let conversion = self.waiting(&id)?;
        if conversion.last_day >= self.meta.day || self.waits(conversion) {
            return Err(Refusal::NothingDue);
        }
        self.assign(conversion)
    }

    /// Refuses the choice of a town for whoever may not spend either.
    pub(super) fn may_choose(&self, conversion: &Conversion) -> Result<(), Refusal> {
        let holder = self.holders.get(&conversion.account).ok_or(Refusal::UnknownAccount)?;
        may_spend(holder.state)
    }

    /// Whether a conversion waits beyond its last day: the points of a frozen account do
    /// (money-rules, Limits and locks).
    pub(super) fn waits(&self, conversion: &Conversion) -> bool {
        let holder = self.holders.get(&conversion.account);
        holder.is_some_and(|holder| holder.state == HolderState::Frozen)
    }

    /// A conversion for which no town is chosen yet.
    pub(super) fn waiting(&self, id: &ConversionId) -> Result<&Conversion, Refusal> {
        self.conversions.get(id).ok_or(Refusal::UnknownConversion)
    }

    /// Makes converted points the holder's, here. It waited, so nothing lapsed meanwhile.
    fn assign(&self, conversion: &Conversion) -> Result<Plan, Refusal> {
        let from = Account::Unassigned(conversion.company);
        let postings = self.returned(conversion.account, [conversion.lot], from);
        Postings::balanced(postings).map(Plan::moving).ok_or(Refusal::TooManyPoints)
    }

    pub(super) fn apply_assigned(&mut self, id: ConversionId) -> Result<(), Broken> {
        let conversion = self.conversions.remove(&id).ok_or(Broken::Unknown)?;
        self.due.remove(&(conversion.last_day, id));
        Ok(())
    }

    /// Where the node has to send overdue points: here by a sweep, or by an offer.
    #[must_use]
    pub fn preset_of(&self, id: &ConversionId) -> Option<Preset> {
        let conversion = self.conversions.get(id)?;
        self.holders.get(&conversion.account)?.preset.as_deref().copied()
    }

    /// All points that a holder converted and has chosen no town for, with the last day to do so.
    #[must_use]
    pub fn unassigned_of(&self, account: &AccountId) -> Vec<(BusinessDate, Points)> {
        let own = self.conversions_of(account);
        own.map(|(_, conversion)| (conversion.last_day, conversion.lot.points)).collect()
    }
}
