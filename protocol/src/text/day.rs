//! Days as people type and read them: western or by era, full-width digits, look-alike hyphens.

use alloc::{format, string::String, vec::Vec};

use super::code_input;
use crate::date::{BusinessDate, FiscalYear, NotADate};

/// An era: its name, its letter, its first day (facts-domain 6.3).
struct Era {
    name: &'static str,
    letter: char,
    /// Year, month, day.
    first: (u32, u32, u32),
}

/// The newest first.
const ERAS: [Era; 5] = [
    Era { name: "令和", letter: 'R', first: (2019, 5, 1) },
    Era { name: "平成", letter: 'H', first: (1989, 1, 8) },
    Era { name: "昭和", letter: 'S', first: (1926, 12, 25) },
    Era { name: "大正", letter: 'T', first: (1912, 7, 30) },
    Era { name: "明治", letter: 'M', first: (1868, 1, 25) },
];

/// A day as people type it: `2026-11-24`, `2026/11/24`, `2026年11月24日`, `令和8年11月24日`,
/// `令和元年5月1日`, `R8.11.24`, in half or full width.
///
/// # Errors
/// [`NotADate`], also for a day that an era does not have. Days before 1970 are those of a birth,
/// which no [`BusinessDate`] holds: [`civil_input`] reads them.
pub fn date_input(typed: &str) -> Result<BusinessDate, NotADate> {
    let (year, month, day) = civil_input(typed)?;
    BusinessDate::new(year, month, day).ok_or(NotADate)
}

/// The same as year, month and day, for days before 1970, too: a birth date.
///
/// # Errors
/// [`NotADate`].
pub fn civil_input(typed: &str) -> Result<(u32, u32, u32), NotADate> {
    let plain: String =
        code_input(typed).chars().filter(|c| !c.is_whitespace()).collect::<String>();
    let (era, rest) = era_of(&plain);
    // Only the two that part year, month and day count; a 日 or a dot at the end says nothing.
    let rest = rest.trim_end_matches(['日', '.']);
    let parts: Vec<&str> = rest.split(['年', '月', '-', '/', '.']).collect();
    let [year, month, day] = parts[..] else { return Err(NotADate) };
    let (month, day) = (small(month)?, small(day)?);
    let Some(era) = era else {
        let western = year.len() == 4;
        let year = year.parse().ok().filter(|_| western && digits(year)).ok_or(NotADate)?;
        return checked(year, month, day);
    };
    let of_era = if year == "元" { 1 } else { small(year)? };
    let (first_year, ..) = era.first;
    let year = first_year.checked_add(of_era).and_then(|y| y.checked_sub(1)).ok_or(NotADate)?;
    let day = checked(year, month, day)?;
    // The newer era begins where this one ends.
    let after = ERAS.iter().take_while(|newer| newer.letter != era.letter).last();
    let in_era = day >= era.first && after.is_none_or(|newer| day < newer.first);
    if in_era { Ok(day) } else { Err(NotADate) }
}

/// A fiscal year as people type it: `2026`, `2026年度`, `令和8年度`, `R8`.
///
/// # Errors
/// [`NotADate`].
pub fn fiscal_year_input(typed: &str) -> Result<FiscalYear, NotADate> {
    let typed = code_input(typed);
    let year = typed.trim_end_matches('度').trim_end_matches('年');
    let on = |day: &str| date_input(&format!("{year}年{day}")).map(BusinessDate::fiscal_year);
    // A year in which an era began: its first days are the old era's.
    on("4月1日").or_else(|_| on("12月31日"))
}

/// A day as screens write it: `令和8年11月24日（2026年）`.
#[must_use]
pub fn date_text(day: BusinessDate) -> String {
    let civil = day.civil();
    let (year, month, of_month) = civil;
    let era = ERAS.iter().find(|era| civil >= era.first);
    let Some(era) = era else { return format!("{year}年{month}月{of_month}日") };
    let (first, ..) = era.first;
    let number = match year.saturating_sub(first).saturating_add(1) {
        1 => String::from("元"),
        number => format!("{number}"),
    };
    format!("{}{number}年{month}月{of_month}日（{year}年）", era.name)
}

fn era_of(plain: &str) -> (Option<&'static Era>, &str) {
    for era in &ERAS {
        if let Some(rest) = plain.strip_prefix(era.name) {
            return (Some(era), rest);
        }
        let mut chars = plain.chars();
        if chars.next().is_some_and(|first| first.eq_ignore_ascii_case(&era.letter)) {
            return (Some(era), chars.as_str());
        }
    }
    (None, plain)
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// One or two digits.
fn small(text: &str) -> Result<u32, NotADate> {
    let fits = digits(text) && text.len() <= 2;
    text.parse().ok().filter(|_| fits).ok_or(NotADate)
}

/// A day that the calendar has, of any year from 1868. The calendar repeats after 400 years.
fn checked(year: u32, month: u32, day: u32) -> Result<(u32, u32, u32), NotADate> {
    let same = if year < 1970 { year.saturating_add(400) } else { year };
    let known = year >= 1868 && BusinessDate::new(same, month, day).is_some();
    if known { Ok((year, month, day)) } else { Err(NotADate) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_day_is_read_in_every_writing() {
        let day = BusinessDate::new(2026, 11, 24).unwrap();
        for typed in [
            "2026-11-24",
            "2026/11/24",
            "2026.11.24",
            "2026年11月24日",
            "令和8年11月24日",
            "令和８年１１月２４日",
            "R8.11.24",
            "r8/11/24",
            "Ｒ８－１１－２４",
            " 令和 8年 11月 24日 ",
        ] {
            assert_eq!(date_input(typed), Ok(day), "{typed}");
        }
        assert_eq!(date_input("令和元年5月1日"), Ok(BusinessDate::new(2019, 5, 1).unwrap()));
        assert_eq!(civil_input("S35.4.1"), Ok((1960, 4, 1)));
        assert_eq!(civil_input("昭和元年12月25日"), Ok((1926, 12, 25)));
        assert_eq!(civil_input("平成元年1月8日"), Ok((1989, 1, 8)));
        assert_eq!(civil_input("大正12年9月1日"), Ok((1923, 9, 1)));
    }

    #[test]
    fn a_day_that_an_era_or_the_calendar_does_not_have_is_none() {
        for typed in [
            "平成31年5月1日",
            "令和元年4月30日",
            "昭和64年1月8日",
            "2026-02-29",
            "2026-13-01",
            "26-11-24",
            "R.11.24",
            "",
            "2026-11",
            "2026-11-24-1",
            "令和八年1月1日",
            "2026-11-2x",
        ] {
            assert_eq!(civil_input(typed), Err(NotADate), "{typed}");
        }
        assert_eq!(date_input("昭和35年4月1日"), Err(NotADate), "a birth, and no business date");
    }

    #[test]
    fn screens_show_era_and_year() {
        let text = |year, month, day| date_text(BusinessDate::new(year, month, day).unwrap());
        assert_eq!(text(2026, 11, 24), "令和8年11月24日（2026年）");
        assert_eq!(text(2019, 5, 1), "令和元年5月1日（2019年）");
        assert_eq!(text(2019, 4, 30), "平成31年4月30日（2019年）");
    }

    #[test]
    fn a_fiscal_year_is_read_by_its_year_or_its_era() {
        for typed in ["2026", "２０２６年度", "令和8年度", "R8", "令和８"] {
            assert_eq!(fiscal_year_input(typed), Ok(FiscalYear(2026)), "{typed}");
        }
        assert_eq!(fiscal_year_input("平成31年度"), Ok(FiscalYear(2019)));
        assert_eq!(fiscal_year_input("令和元年度"), Ok(FiscalYear(2019)));
        for typed in ["", "26", "令和", "平成32年度", "2026年4月"] {
            assert_eq!(fiscal_year_input(typed), Err(NotADate), "{typed}");
        }
    }
}
