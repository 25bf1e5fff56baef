//! Finds what could be a My Number (個人番号) in free text, however it is spaced.

use alloc::vec::Vec;

use super::is_hyphen;

/// Whether some 12 digits that stand as a number of their own have the check digit of a My Number.
/// Blanks, hyphens and invisible characters between groups of digits part nothing; a longer run of
/// digits (a company's 13-digit number) and a date beside another number are no 12-digit number.
pub(super) fn is_in(text: &str) -> bool {
    runs(text).iter().any(|run| run_holds_one(run))
}

/// Digits that stand together, and the parting mark behind them.
#[derive(Default)]
struct Group {
    digits: Vec<u8>,
    hyphen_follows: bool,
}

/// Groups of digits, in runs that nothing but blanks and hyphens interrupts.
fn runs(text: &str) -> Vec<Vec<Group>> {
    let mut runs = Vec::new();
    let mut run: Vec<Group> = Vec::new();
    let mut digits_end_here = false;
    for c in text.chars() {
        if let Some(digit) = digit(c) {
            if !digits_end_here {
                run.push(Group::default());
            }
            if let Some(group) = run.last_mut() {
                group.digits.push(digit);
            }
            digits_end_here = true;
        } else if is_hyphen(c) {
            if let Some(group) = run.last_mut() {
                group.hyphen_follows = true;
            }
            digits_end_here = false;
        } else if c.is_whitespace() {
            digits_end_here = false;
        } else if !is_joiner(c) {
            runs.push(core::mem::take(&mut run));
            digits_end_here = false;
        }
    }
    runs.push(run);
    runs
}

fn run_holds_one(run: &[Group]) -> bool {
    let dates = date_places(run);
    (0..run.len()).any(|first| {
        let mut number: Vec<u8> = Vec::with_capacity(12);
        for (group, in_date) in run.iter().zip(&dates).skip(first) {
            if *in_date {
                return false;
            }
            number.extend(&group.digits);
            if number.len() >= 12 {
                break;
            }
        }
        <[u8; 12]>::try_from(number.as_slice()).is_ok_and(|number| fits(&number))
    })
}

/// For each group, whether it is part of a date like 2026-04-01 that stands alone. Without this
/// rule, one note in five that names a period would be refused.
fn date_places(run: &[Group]) -> Vec<bool> {
    let mut places: Vec<bool> = run.iter().map(|_| false).collect();
    for (first, three) in run.windows(3).enumerate() {
        let [year, month, day] = three else { continue };
        let joined = year.hyphen_follows && month.hyphen_follows;
        let hyphen_before =
            first.checked_sub(1).and_then(|at| run.get(at)).is_some_and(|g| g.hyphen_follows);
        // A hyphen with a blank (" - ") between two dates parts them as well, so only a date
        // behind it decides.
        let ends = !day.hyphen_follows || run.get(first.saturating_add(3)).is_some_and(is_year);
        let begins =
            !hyphen_before || first.checked_sub(3).is_some_and(|at| places.get(at) == Some(&true));
        if joined && begins && ends && is_year(year) && is_two(month, 12) && is_two(day, 31) {
            for place in places.iter_mut().skip(first).take(3) {
                *place = true;
            }
        }
    }
    places
}

fn is_year(group: &Group) -> bool {
    matches!(group.digits.as_slice(), [1, 9, _, _] | [2, 0, _, _])
}

fn is_two(group: &Group, most: u8) -> bool {
    let [tens, ones] = group.digits.as_slice() else { return false };
    let number = tens.saturating_mul(10).saturating_add(*ones);
    1 <= number && number <= most
}

/// The check digit of 総務省令第85号第5条: 11 - (Σ Pn × Qn mod 11), and 0 where that remainder is 1
/// or less; Pn is the nth digit from the right without the check digit, Qn = n+1 up to the sixth
/// and n-5 from the seventh.
fn fits(number: &[u8; 12]) -> bool {
    let [rest @ .., check] = number;
    let sum = rest
        .iter()
        .zip([6_u16, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2])
        .map(|(p, q)| u16::from(*p).saturating_mul(q))
        .fold(0_u16, u16::saturating_add);
    let right = match sum % 11 {
        0 | 1 => 0,
        remainder => 11_u16.saturating_sub(remainder),
    };
    u16::from(*check) == right
}

/// The digit that a character shows: half-width, full-width, circled, raised, lowered, kanji.
fn digit(c: char) -> Option<u8> {
    let from = |zero: u32| u8::try_from(u32::from(c).wrapping_sub(zero)).ok();
    match c {
        '0'..='9' => from(0x30),
        '\u{ff10}'..='\u{ff19}' => from(0xff10),
        '\u{2460}'..='\u{2468}' => from(0x245f),
        '\u{2080}'..='\u{2089}' => from(0x2080),
        '\u{2074}'..='\u{2079}' => from(0x2070),
        '\u{1d7ce}'..='\u{1d7ff}' => from(0x1d7ce).map(|n| n % 10),
        '〇' | '零' | '\u{24ea}' | '\u{2070}' => Some(0),
        '一' | '¹' => Some(1),
        '二' | '²' => Some(2),
        '三' | '³' => Some(3),
        '四' => Some(4),
        '五' => Some(5),
        '六' => Some(6),
        '七' => Some(7),
        '八' => Some(8),
        '九' => Some(9),
        _ => None,
    }
}

/// Characters that nobody sees between two digits.
const fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{20e3}' | '\u{e0100}'..='\u{e01ef}')
}
