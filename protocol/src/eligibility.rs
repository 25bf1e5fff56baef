//! Who may receive: what a programme demands, and the judgement from a person's attributes.
//!
//! The attributes stay in the vault. The journal gets the judgement alone: that an age was reached
//! on a day, not when somebody was born.

use core::{fmt, str::FromStr};
use minicbor::{Decode, Encode};

use crate::date::{self, BusinessDate};

/// A day of birth, from 1873-01-01 on (Japan's first day of the solar calendar).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct BirthDate {
    #[n(0)]
    year: u32,
    #[n(1)]
    month: u32,
    #[n(2)]
    day: u32,
}

/// Text that is no day of birth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a day of birth such as 1960-04-01")]
pub struct NotABirthDate;

impl BirthDate {
    /// The day of birth; none if the calendar has no such day.
    #[must_use]
    pub const fn new(year: u32, month: u32, day: u32) -> Option<Self> {
        if year < 1873 || !date::is_a_day(year, month, day) {
            return None;
        }
        Some(Self { year, month, day })
    }

    /// The day at whose end an age is reached: the one before the birthday, and 28 February for
    /// who was born on the 29th (money-rules, Text and dates). None outside the calendar.
    #[must_use]
    pub const fn reaches(self, years: u32) -> Option<BusinessDate> {
        let year = self.year.saturating_add(years);
        if self.month == 2 && self.day == 29 {
            return BusinessDate::new(year, 2, 28);
        }
        match BusinessDate::new(year, self.month, self.day) {
            Some(birthday) => Some(birthday.day_before()),
            None => None,
        }
    }

    /// Whether an age is reached by the end of a day.
    #[must_use]
    pub fn has_reached(self, years: u32, by_the_end_of: BusinessDate) -> bool {
        match self.reaches(years) {
            Some(day) => day <= by_the_end_of,
            // Before 1970, where no business date is, or past 9999.
            None => self.year.saturating_add(years) < 1970,
        }
    }
}

impl FromStr for BirthDate {
    type Err = NotABirthDate;

    fn from_str(text: &str) -> Result<Self, NotABirthDate> {
        let mut parts = text.split('-');
        let mut part = |digits: usize| {
            let part = parts.next().filter(|part| part.len() == digits)?;
            if !part.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            part.parse().ok()
        };
        let (year, month, day) = (part(4), part(2), part(2));
        let (Some(year), Some(month), Some(day), None) = (year, month, day, parts.next()) else {
            return Err(NotABirthDate);
        };
        Self::new(year, month, day).ok_or(NotABirthDate)
    }
}

/// `1960-04-01`.
impl fmt::Display for BirthDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// A birth date never comes into a log by `{:?}`.
impl fmt::Debug for BirthDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BirthDate")
    }
}

/// What a programme demands of a recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
pub struct Eligibility {
    /// An age.
    #[n(0)]
    pub age: Option<AgeRule>,
    /// That the resident register names them on the day of the grant.
    #[n(1)]
    pub residence: Demand,
    /// That the programme's own list names them on the day of the grant.
    #[n(2)]
    pub enrolment: Demand,
}

/// Whether something is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(index_only)]
pub enum Demand {
    /// No.
    #[n(0)]
    #[default]
    NotAsked,
    /// Yes.
    #[n(1)]
    Asked,
}

/// An age that has to be reached, by the law's counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct AgeRule {
    /// So many years
    #[n(0)]
    pub years: u32,
    /// by the end of this day.
    #[n(1)]
    pub by: AgeDay,
}

/// The day by whose end an age has to be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum AgeDay {
    /// The day of the grant.
    #[n(0)]
    Grant,
    /// 1 April of the grant's fiscal year.
    #[n(1)]
    FiscalYearBegin,
    /// 31 March that ends the grant's fiscal year.
    #[n(2)]
    FiscalYearEnd,
    /// One day for all.
    #[n(3)]
    On(#[n(0)] BusinessDate),
}

impl AgeRule {
    /// The day by whose end the age has to be reached, for a grant of this day.
    #[must_use]
    pub const fn day(self, granted: BusinessDate) -> BusinessDate {
        match self.by {
            AgeDay::Grant => granted,
            AgeDay::FiscalYearBegin => granted.fiscal_year().first_day(),
            AgeDay::FiscalYearEnd => granted.fiscal_year().last_day(),
            AgeDay::On(day) => day,
        }
    }
}

/// What is known of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(index_only)]
pub enum Known {
    /// Nothing.
    #[n(0)]
    #[default]
    Unknown,
    /// It is so.
    #[n(1)]
    Yes,
    /// It is not so.
    #[n(2)]
    No,
}

impl From<bool> for Known {
    fn from(so: bool) -> Self {
        if so { Self::Yes } else { Self::No }
    }
}

/// What the node asserts of a recipient: all that the journal holds of the attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
pub struct Attested {
    /// The age that was asked for.
    #[n(0)]
    pub age: Option<AgeAttested>,
    /// Whether the register names them.
    #[n(1)]
    pub resident: Known,
    /// Whether the programme's list names them.
    #[n(2)]
    pub enrolled: Known,
}

/// Whether an age was reached by the end of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct AgeAttested {
    /// So many years.
    #[n(0)]
    pub years: u32,
    /// By the end of this day.
    #[n(1)]
    pub on: BusinessDate,
    /// Whether they were reached.
    #[n(2)]
    pub reached: Known,
}

/// What is known of a person: recorded at a desk or from the town's resident-change file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attributes {
    /// The day of birth.
    pub birth: Option<BirthDate>,
    /// When the register named them here.
    pub residence: Option<Residence>,
}

/// A time in the resident register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Residence {
    /// The first day.
    #[n(0)]
    pub from: BusinessDate,
    /// The last day; none as long as they live here.
    #[n(1)]
    pub until: Option<BusinessDate>,
}

impl Residence {
    /// Whether it covers a day.
    #[must_use]
    pub fn covers(self, day: BusinessDate) -> bool {
        self.from <= day && self.until.is_none_or(|until| day <= until)
    }
}

/// Why somebody may not receive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ineligible {
    /// Something that is asked for is not known, or was asked for another day.
    Unknown,
    /// The age is not reached by the end of this day.
    TooYoung(BusinessDate),
    /// Not in the register.
    NotResident,
    /// Not on the list.
    NotEnrolled,
}

impl Eligibility {
    /// The judgement from the attributes, for a grant of this day.
    #[must_use]
    pub fn attest(
        &self,
        attributes: &Attributes,
        enrolled: Known,
        granted: BusinessDate,
    ) -> Attested {
        let age = self.age.map(|rule| {
            let on = rule.day(granted);
            let reached = attributes.birth.map(|birth| birth.has_reached(rule.years, on));
            AgeAttested {
                years: rule.years,
                on,
                reached: reached.map_or(Known::Unknown, Into::into),
            }
        });
        let resident = attributes.residence.map(|residence| residence.covers(granted));
        Attested {
            age,
            resident: match self.residence {
                Demand::Asked => resident.map_or(Known::Unknown, Into::into),
                Demand::NotAsked => Known::Unknown,
            },
            enrolled: match self.enrolment {
                Demand::Asked => enrolled,
                Demand::NotAsked => Known::Unknown,
            },
        }
    }

    /// Whether what is attested meets what is demanded of a grant of this day.
    ///
    /// # Errors
    /// [`Ineligible`].
    pub fn admits(
        &self,
        attested: Option<&Attested>,
        granted: BusinessDate,
    ) -> Result<(), Ineligible> {
        let attested = attested.copied().unwrap_or_default();
        if let Some(rule) = self.age {
            let on = rule.day(granted);
            let fits = |age: &AgeAttested| age.years == rule.years && age.on == on;
            match attested.age.filter(fits).map(|age| age.reached) {
                Some(Known::Yes) => {}
                Some(Known::No) => return Err(Ineligible::TooYoung(on)),
                Some(Known::Unknown) | None => return Err(Ineligible::Unknown),
            }
        }
        asked(self.residence, attested.resident, Ineligible::NotResident)?;
        asked(self.enrolment, attested.enrolled, Ineligible::NotEnrolled)
    }
}

const fn asked(demand: Demand, known: Known, no: Ineligible) -> Result<(), Ineligible> {
    match (demand, known) {
        (Demand::NotAsked, _) | (Demand::Asked, Known::Yes) => Ok(()),
        (Demand::Asked, Known::No) => Err(no),
        (Demand::Asked, Known::Unknown) => Err(Ineligible::Unknown),
    }
}

#[cfg(test)]
mod tests;
