//! One-time codes of companies: issued by a signed statement, entered once, until their last day.

use minicbor::{Decode, Encode};

use super::{Broken, Ledger, Plan, check::may_receive, conversion::conversion_id_of};
use crate::{
    account::Account,
    catalogue::Way,
    command::CodeEntry,
    digest::Digest,
    entry::Entry,
    id::{ConversionId, EntryIndex, LinkId},
    intent::{CodeStatement, ConversionStatement},
    posting::Postings,
    refusal::Refusal,
};

/// A code that a company issued.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct IssuedCode {
    /// What the company signed.
    #[n(0)]
    pub statement: CodeStatement,
    /// The entry that took it.
    #[n(1)]
    pub entry: EntryIndex,
    /// The entry that used it up.
    #[n(2)]
    pub used: Option<EntryIndex>,
}

/// The longest time from the signature to a code's last day, in days.
pub const CODE_DAYS_MAX: u32 = 400;

impl Ledger {
    pub(super) fn plan_exchange_code(&self, statement: &CodeStatement) -> Result<Plan, Refusal> {
        if statement.town != self.meta.town {
            return Err(Refusal::NotThisTown);
        }
        let conversion = as_conversion(statement);
        let terms = self.terms_of_company(&conversion)?;
        if !terms.comes_by(Way::Code) {
            return Err(Refusal::OtherWay);
        }
        self.converted_lot(&conversion, terms)?;
        let (signed, last) = (statement.signed, statement.last_day);
        if last < self.meta.day {
            return Err(Refusal::ExchangeCodeExpired { last });
        }
        if last.days_since(signed) > CODE_DAYS_MAX {
            return Err(Refusal::NotWellFormed);
        }
        if self.exchange_codes.contains(&statement.code) {
            return Err(Refusal::ExchangeCodeTaken);
        }
        Ok(Plan::FACT)
    }

    pub(super) fn apply_exchange_code(&mut self, entry: EntryIndex, statement: &CodeStatement) {
        let issued = IssuedCode { statement: statement.clone(), entry, used: None };
        self.exchange_codes.insert(statement.code, issued);
    }

    pub(super) fn plan_exchange_code_entry(&self, entered: &CodeEntry) -> Result<Plan, Refusal> {
        let holder = self.holders.get(&entered.account).ok_or(Refusal::UnknownAccount)?;
        may_receive(holder.state)?;
        let issued = self.exchange_codes.get(&entered.code).ok_or(Refusal::UnknownExchangeCode)?;
        if issued.used.is_some() {
            return Err(Refusal::ExchangeCodeUsed);
        }
        let last = issued.statement.last_day;
        if self.meta.day > last {
            return Err(Refusal::ExchangeCodeExpired { last });
        }
        if holder.preset.is_none() {
            return Err(Refusal::PresetTownNeeded);
        }
        // The rate is the one that was signed; limits are a person's, so they count from here.
        let conversion = as_conversion(&issued.statement);
        let terms = self.signed_terms(&conversion)?;
        self.within_company_limits(&entered.account, &conversion, terms)?;
        let lot = self.converted_lot(&conversion, terms)?;
        if holder.lots.full_for(&lot.terms, self.meta.day) {
            return Err(Refusal::TooManyLots);
        }
        let company = conversion.company;
        Postings::between(Account::Partner(company), Account::Unassigned(company), lot.points)
            .map(Plan::moving)
            .ok_or(Refusal::TooManyPoints)
    }

    pub(super) fn apply_exchange_code_entry(
        &mut self,
        entry: &Entry,
        entered: &CodeEntry,
    ) -> Result<(), Broken> {
        let issued = self.exchange_codes.get_mut(&entered.code).ok_or(Broken::Unknown)?;
        issued.used = Some(entry.index);
        let conversion = as_conversion(&issued.statement);
        self.note_conversion(entry.index, entered.account, &conversion)
    }

    /// A code that a company issued.
    #[must_use]
    pub fn exchange_code(&self, code: &Digest) -> Option<&IssuedCode> {
        self.exchange_codes.get(code)
    }
}

/// The conversion that a code stands for, but for whose it is.
fn as_conversion(statement: &CodeStatement) -> ConversionStatement {
    ConversionStatement {
        company: statement.company,
        reference: statement.reference.clone(),
        town: statement.town,
        link: LinkId([0; 16]),
        amount: statement.amount,
        catalogue: statement.catalogue,
        points: statement.points,
        signed: statement.signed,
    }
}

/// The id of the conversion that a code becomes when it is entered.
#[must_use]
pub fn code_conversion_id(statement: &CodeStatement) -> ConversionId {
    conversion_id_of(&statement.company, &statement.reference)
}
