//! Business days: Saturdays, Sundays and the days off that an officer entered, and by them the
//! days on which a town pays (money-rules, Paying the shops).

use alloc::vec::Vec;
use minicbor::{Decode, Encode};

use crate::{date::BusinessDate, hashed::Bucketed};

/// Days off of one year at most: the national holidays are about twenty, the closing of the year
/// adds six.
pub const DAYS_OFF_MAX: usize = 60;

/// A calendar year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct CalendarYear(#[n(0)] pub u32);

impl Bucketed for CalendarYear {
    fn place(&self) -> u128 {
        self.0.into()
    }
}

/// The days off of one year, as the Cabinet Office names them and the town closes.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct DaysOff {
    /// Which year.
    #[n(0)]
    pub year: CalendarYear,
    /// The days, in order: national holidays, also those in lieu (振替休日) and those between two
    /// others (国民の休日), and the closing of the year (年末年始).
    #[n(1)]
    pub days: Vec<BusinessDate>,
}

/// The days off of some years, as an officer enters them: a year again replaces what was there.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct HolidayTable {
    /// The years, each once.
    #[n(0)]
    pub years: Vec<DaysOff>,
}

/// Years that one entry brings at most.
const YEARS_MAX: usize = 20;

impl HolidayTable {
    /// Whether each year is well formed and stands there once.
    #[must_use]
    pub fn well_formed(&self) -> bool {
        let ordered = self.years.windows(2).all(|pair| match pair {
            [first, second] => first.year < second.year,
            _ => true,
        });
        let some = !self.years.is_empty() && self.years.len() <= YEARS_MAX;
        some && ordered && self.years.iter().all(DaysOff::well_formed)
    }
}

impl DaysOff {
    /// Whether the days are of the year, in order, each once, and not too many.
    #[must_use]
    pub fn well_formed(&self) -> bool {
        let of_year = |day: &BusinessDate| day.civil().0 == self.year.0;
        let ordered = self.days.windows(2).all(|pair| match pair {
            [first, second] => first < second,
            _ => true,
        });
        ordered && self.days.iter().all(of_year) && self.days.len() <= DAYS_OFF_MAX
    }
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weekday {
    /// 日
    Sunday,
    /// 月
    Monday,
    /// 火
    Tuesday,
    /// 水
    Wednesday,
    /// 木
    Thursday,
    /// 金
    Friday,
    /// 土
    Saturday,
}

impl Weekday {
    /// The day of the week of a date.
    #[must_use]
    pub const fn of(day: BusinessDate) -> Self {
        // 1970-01-01 was a Thursday.
        match day.day_number().saturating_add(4) % 7 {
            0 => Self::Sunday,
            1 => Self::Monday,
            2 => Self::Tuesday,
            3 => Self::Wednesday,
            4 => Self::Thursday,
            5 => Self::Friday,
            _ => Self::Saturday,
        }
    }
}

/// A year whose days off nobody has entered yet: no business day of it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct YearMissing(pub CalendarYear);

/// Whether banks and offices work on a day, by a table of each year's days off.
///
/// # Errors
/// [`YearMissing`] if the day's year has no table.
pub fn is_business_day<'a>(
    day: BusinessDate,
    table: impl Fn(CalendarYear) -> Option<&'a DaysOff>,
) -> Result<bool, YearMissing> {
    let year = CalendarYear(day.civil().0);
    let off = table(year).ok_or(YearMissing(year))?;
    let weekend = matches!(Weekday::of(day), Weekday::Saturday | Weekday::Sunday);
    Ok(!weekend && off.days.binary_search(&day).is_err())
}

/// The day that is so many business days behind another one; with none, the day itself or the
/// next business day.
///
/// # Errors
/// [`YearMissing`] if a year on the way has no table.
pub fn business_days_behind<'a>(
    day: BusinessDate,
    count: u32,
    table: impl Fn(CalendarYear) -> Option<&'a DaysOff>,
) -> Result<BusinessDate, YearMissing> {
    let mut found = day;
    let mut left = count;
    // A table has at most 60 days off, so a business day comes within a few months of days.
    loop {
        if left == 0 && is_business_day(found, &table)? {
            return Ok(found);
        }
        found = found.plus_days(1);
        if left > 0 && is_business_day(found, &table)? {
            left = left.saturating_sub(1);
        }
        if found == BusinessDate::LAST {
            return Ok(found);
        }
    }
}

#[cfg(test)]
mod tests;
