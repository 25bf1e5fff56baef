//! Dates as people write them: western and of an era, with any sign between (money-rules, Text and
//! dates). What comes out is one form, so that a file that was saved again has the same lines.

use jichi_protocol::text::code_input;

/// The eras, with the year before their first one and their letter.
const ERAS: [(&str, char, u32); 5] = [
    ("令和", 'R', 2018),
    ("平成", 'H', 1988),
    ("昭和", 'S', 1925),
    ("大正", 'T', 1911),
    ("明治", 'M', 1867),
];

/// `2026-04-12` for `2026-04-12`, `2026/4/12`, `20260412`, `2026年4月12日`, `令和8年4月12日`,
/// `R8.4.12`; none if it is no day.
#[must_use]
pub fn day_input(typed: &str) -> Option<String> {
    let typed = code_input(typed);
    let (before, rest) = era(&typed);
    let digits = rest.bytes().all(|b| b.is_ascii_digit());
    let (year, month, day) = if before.is_none() && rest.len() == 8 && digits {
        (number(rest.get(0..4)?)?, number(rest.get(4..6)?)?, number(rest.get(6..8)?)?)
    } else {
        // A spreadsheet may put a time behind the day.
        let rest = rest.split([' ', 'T']).next()?;
        let mut parts = rest.split(['-', '/', '.', '年', '月', '日']).map(str::trim);
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        if !parts.all(str::is_empty) {
            return None;
        }
        let year = if year == "元" && before.is_some() { 1 } else { number(year)? };
        (year, number(month)?, number(day)?)
    };
    let year = match before {
        Some(before) if year >= 1 => before.checked_add(year)?,
        Some(_) => return None,
        None => year,
    };
    let fits = (1868..=9999).contains(&year) && day >= 1 && day <= month_days(year, month)?;
    fits.then(|| format!("{year:04}-{month:02}-{day:02}"))
}

fn era(typed: &str) -> (Option<u32>, &str) {
    for (name, letter, before) in ERAS {
        if let Some(rest) = typed.strip_prefix(name) {
            return (Some(before), rest);
        }
        if let Some(rest) =
            typed.strip_prefix(letter).or_else(|| typed.strip_prefix(letter.to_ascii_lowercase()))
        {
            return (Some(before), rest);
        }
    }
    (None, typed)
}

fn number(digits: &str) -> Option<u32> {
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if plain { digits.parse().ok() } else { None }
}

const fn month_days(year: u32, month: u32) -> Option<u32> {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 if year.is_multiple_of(400) || (year.is_multiple_of(4) && !year.is_multiple_of(100)) => {
            Some(29)
        }
        2 => Some(28),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_day_is_one_day() {
        let same = [
            "2026-04-12",
            "2026/4/12",
            "2026/04/12 00:00:00",
            "20260412",
            "２０２６年４月１２日",
            "令和8年4月12日",
            "R8.4.12",
            "r08/04/12",
            "2026‐04‐12",
        ];
        for typed in same {
            assert_eq!(day_input(typed).as_deref(), Some("2026-04-12"), "{typed}");
        }
        assert_eq!(day_input("昭和35年4月1日").as_deref(), Some("1960-04-01"));
        assert_eq!(day_input("令和元年5月1日").as_deref(), Some("2019-05-01"));
        assert_eq!(day_input("2024/2/29").as_deref(), Some("2024-02-29"));
        for no_day in ["2023/2/29", "2026/13/1", "令和8年", "令和0年4月1日", "tomorrow", "12/4/2026", ""] {
            assert_eq!(day_input(no_day), None, "{no_day}");
        }
    }
}
