//! Days in one form, so that a file that was saved again by another program has the same lines.

use jichi_protocol::text::{code_input, day::civil_input};

/// `2026-04-12` for whatever a person or a spreadsheet writes for it, with or without a time behind
/// it, and for `20260412`; none if it is no day.
#[must_use]
pub fn day_input(typed: &str) -> Option<String> {
    let plain = code_input(typed);
    let day = plain.split(' ').next().unwrap_or_default();
    let bare = day.len() == 8 && day.bytes().all(|b| b.is_ascii_digit());
    let dashed = match (bare, day.get(0..4), day.get(4..6), day.get(6..8)) {
        (true, Some(year), Some(month), Some(day)) => format!("{year}-{month}-{day}"),
        _ => day.to_owned(),
    };
    let (year, month, day) = civil_input(&dashed).ok()?;
    Some(format!("{year:04}-{month:02}-{day:02}"))
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
        ];
        for typed in same {
            assert_eq!(day_input(typed).as_deref(), Some("2026-04-12"), "{typed}");
        }
        assert_eq!(day_input("昭和35年4月1日").as_deref(), Some("1960-04-01"));
        for no_day in ["2023/2/29", "2026/13/1", "令和8年", "tomorrow", ""] {
            assert_eq!(day_input(no_day), None, "{no_day}");
        }
    }
}
