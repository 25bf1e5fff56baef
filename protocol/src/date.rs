//! Time of an entry, JST business dates and fiscal years.

use core::{fmt, str::FromStr};
use minicbor::{Decode, Encode};

/// Milliseconds since 1970-01-01T00:00:00Z, without leap seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode, Decode)]
#[cbor(transparent)]
pub struct Time(#[n(0)] pub u64);

const MS_A_DAY: u64 = 86_400_000;
const JST_AHEAD_MS: u64 = 9 * 3_600_000;

impl Time {
    /// The JST business date: the day is cut at midnight in Japan (+09:00, no summer time).
    #[must_use]
    pub const fn date(self) -> BusinessDate {
        let days = self.0.saturating_add(JST_AHEAD_MS) / MS_A_DAY;
        // 2^64 ms are 2.1e11 days; an entry's time is bounded by the writer's clock long before.
        if days > BusinessDate::LAST.0 as u64 {
            BusinessDate::LAST
        } else {
            #[expect(clippy::cast_possible_truncation, reason = "compared with LAST just above")]
            BusinessDate(days as u32)
        }
    }

    /// So many milliseconds later, at most the end of time.
    #[must_use]
    pub const fn later_by_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this time; zero if it is not earlier.
    #[must_use]
    pub const fn ms_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// RFC 3339 with the offset of Japan.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of_day = self.0.saturating_add(JST_AHEAD_MS) % MS_A_DAY;
        let (seconds, ms) = (of_day / 1000, of_day % 1000);
        write!(
            f,
            "{}T{:02}:{:02}:{:02}.{ms:03}+09:00",
            self.date(),
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60
        )
    }
}

/// A day in Japan, from 1970-01-01 to 9999-12-31.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BusinessDate(u32);

impl BusinessDate {
    /// 9999-12-31, the last day that the text form can name.
    pub const LAST: Self = Self(2_932_896);

    /// The day of a civil date; none if the calendar has no such day, or outside 1970 to 9999.
    #[must_use]
    pub const fn new(year: u32, month: u32, day: u32) -> Option<Self> {
        if year < 1970 || year > 9999 || month < 1 || month > 12 || day < 1 {
            return None;
        }
        if day > days_in_month(year, month) {
            return None;
        }
        Some(Self(days_from_civil(year, month, day)))
    }

    /// Year, month (1 to 12) and day (1 to 31).
    #[must_use]
    pub const fn civil(self) -> (u32, u32, u32) {
        civil_from_days(self.0)
    }

    /// A day out of its number, from a store of our own.
    pub(crate) const fn from_own(day_number: u32) -> Self {
        Self(day_number)
    }

    /// Days since 1970-01-01.
    #[must_use]
    pub const fn day_number(self) -> u32 {
        self.0
    }

    /// So many days later, at most [`BusinessDate::LAST`].
    #[must_use]
    pub const fn plus_days(self, days: u32) -> Self {
        let sum = self.0.saturating_add(days);
        if sum > Self::LAST.0 { Self::LAST } else { Self(sum) }
    }

    /// The day before; 1970-01-01 has none and stays.
    #[must_use]
    pub const fn day_before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// The same day number so many months later, or the month's last day (money-rules, Programmes).
    #[must_use]
    pub const fn plus_months(self, months: u32) -> Self {
        let (year, month, day) = self.civil();
        let count = (year.saturating_mul(12).saturating_add(month).saturating_sub(1))
            .saturating_add(months);
        let (year, month) = (count / 12, (count % 12).saturating_add(1));
        if year > 9999 {
            return Self::LAST;
        }
        let last = days_in_month(year, month);
        Self(days_from_civil(year, month, if day > last { last } else { day }))
    }

    /// Days from `earlier` to this day; zero if it is not earlier.
    #[must_use]
    pub const fn days_since(self, earlier: Self) -> u32 {
        self.0.saturating_sub(earlier.0)
    }

    /// The first millisecond of this day in Japan; 1970-01-01 begins with the epoch.
    #[must_use]
    pub const fn start(self) -> Time {
        Time((self.0 as u64).saturating_mul(MS_A_DAY).saturating_sub(JST_AHEAD_MS))
    }

    /// The month that this day is in.
    #[must_use]
    pub const fn month(self) -> Month {
        let (year, month, _) = self.civil();
        Month(year.saturating_mul(12).saturating_add(month).saturating_sub(1))
    }

    /// The fiscal year that this day is in.
    #[must_use]
    pub const fn fiscal_year(self) -> FiscalYear {
        let (year, month, _) = self.civil();
        FiscalYear(if month >= 4 { year } else { year.saturating_sub(1) })
    }
}

const fn days_in_month(year: u32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date of the Gregorian calendar, with the year begun in March.
#[expect(clippy::arithmetic_side_effects, reason = "years are 1970 to 9999 here")]
const fn days_from_civil(year: u32, month: u32, day: u32) -> u32 {
    let y = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (y / 400, y % 400);
    let march_month = (month + 9) % 12;
    let day_of_year = (153 * march_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[expect(clippy::arithmetic_side_effects, reason = "at most LAST, 2.9 million days")]
const fn civil_from_days(days: u32) -> (u32, u32, u32) {
    let z = days + 719_468;
    let (era, day_of_era) = (z / 146_097, z % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (era * 400 + year_of_era + if month <= 2 { 1 } else { 0 }, month, day)
}

impl fmt::Display for BusinessDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// Text that names no day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a date like 2026-11-24")]
pub struct NotADate;

impl FromStr for BusinessDate {
    type Err = NotADate;

    fn from_str(text: &str) -> Result<Self, NotADate> {
        let (Some(year), Some(month), Some(day)) =
            (text.get(0..4), text.get(5..7), text.get(8..10))
        else {
            return Err(NotADate);
        };
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        let dashes = text.get(4..5) == Some("-") && text.get(7..8) == Some("-");
        if text.len() != 10 || !dashes || ![year, month, day].into_iter().all(digits) {
            return Err(NotADate);
        }
        let number = |part: &str| part.parse().map_err(|_| NotADate);
        Self::new(number(year)?, number(month)?, number(day)?).ok_or(NotADate)
    }
}

impl<C> Encode<C> for BusinessDate {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.u32(self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for BusinessDate {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        let days = d.u32()?;
        if days > Self::LAST.0 {
            return Err(minicbor::decode::Error::message("a day past 9999-12-31"));
        }
        Ok(Self(days))
    }
}

/// A calendar month, counted from January of the year 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Month(#[n(0)] pub u32);

impl Month {
    /// The month of the year, 1 to 12.
    #[must_use]
    pub const fn of_year(self) -> u32 {
        (self.0 % 12).saturating_add(1)
    }
}

/// Whether the Gregorian calendar has this day, also before 1970.
#[must_use]
pub const fn is_a_day(year: u32, month: u32, day: u32) -> bool {
    let of_year = month >= 1 && month <= 12;
    year <= 9999 && of_year && day >= 1 && day <= days_in_month(year, month)
}

/// A fiscal year, 1 April to 31 March, by the year it begins in (2026 is 令和8年度).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct FiscalYear(#[n(0)] pub u32);

impl FiscalYear {
    /// The first day, 1 April.
    #[must_use]
    pub const fn first_day(self) -> BusinessDate {
        match BusinessDate::new(self.0, 4, 1) {
            Some(day) => day,
            None => BusinessDate::LAST,
        }
    }

    /// The last day, 31 March of the following year.
    #[must_use]
    pub const fn last_day(self) -> BusinessDate {
        match BusinessDate::new(self.0.saturating_add(1), 3, 31) {
            Some(day) => day,
            None => BusinessDate::LAST,
        }
    }
}

#[cfg(test)]
mod tests;
