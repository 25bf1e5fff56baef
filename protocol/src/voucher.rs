//! Vouchers (商品券): what a kind costs, what it is worth, where it is handed out and taken, and
//! how its serials are written.

use alloc::{format, string::String, vec::Vec};
use minicbor::{Decode, Encode};

use crate::{
    date::BusinessDate,
    hashed::Bucketed,
    id::{ProgrammeId, VoucherKindId},
    label::Label,
    place::{Desk, Shops, desks_well_formed},
    points::Points,
    programme::ExpiryRule,
};

/// Sheets that one unit may have, and serials that one command may name.
pub const SHEETS_MAX: u32 = 100;
/// The longest time, in days, in which the office takes vouchers behind their last day.
pub const OFFICE_DAYS_MAX: u32 = 90;

/// What vouchers are handed out for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum SoldFor {
    /// Points.
    #[n(0)]
    Points,
    /// Cash.
    #[n(1)]
    Cash,
    /// Either.
    #[n(2)]
    Either,
}

/// How serials are written: a prefix, so many digits, and a check digit.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SerialForm {
    /// What stands in front; letters, digits and dashes of ASCII.
    #[n(0)]
    pub prefix: Label,
    /// How many digits the number has, 1 to 9.
    #[n(1)]
    pub digits: u8,
}

impl SerialForm {
    /// Whether prefix and digits can be used.
    #[must_use]
    pub fn well_formed(&self) -> bool {
        let prefix = self.prefix.as_str();
        let ascii = prefix.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        ascii && prefix.len() <= 16 && (1..=9).contains(&self.digits)
    }

    /// The largest number that can be written.
    #[must_use]
    pub fn largest(&self) -> u32 {
        10_u32.saturating_pow(u32::from(self.digits)).saturating_sub(1)
    }

    /// A serial as it stands on the sheet.
    #[must_use]
    pub fn text(&self, number: u32) -> String {
        let digits = format!("{number:0width$}", width = usize::from(self.digits));
        let check = check_digit(digits.bytes());
        format!("{}{digits}{check}", self.prefix)
    }

    /// The number of a serial as somebody types it; none if prefix, length or check digit do not
    /// fit.
    #[must_use]
    pub fn number(&self, text: &str) -> Option<u32> {
        let digits = text.trim().strip_prefix(self.prefix.as_str())?;
        let number = digits.get(..usize::from(self.digits))?.parse().ok()?;
        (self.text(number) == text.trim()).then_some(number)
    }
}

/// Modulus 10 with weights 3 and 1 from the right, as on goods (GS1 General Specifications 7.9): it
/// finds every wrong digit and most swapped ones.
fn check_digit(digits: impl DoubleEndedIterator<Item = u8>) -> u8 {
    let weighted = digits.rev().zip([3_u32, 1].into_iter().cycle());
    let sum = weighted.fold(0_u32, |sum, (digit, weight)| {
        sum.saturating_add(u32::from(digit.wrapping_sub(b'0')).saturating_mul(weight))
    });
    // Below 10 by the remainder.
    u8::try_from(10_u32.saturating_sub(sum % 10) % 10).unwrap_or_default()
}

/// A kind of voucher, as the town offers it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct VoucherKind {
    /// Which.
    #[n(0)]
    pub id: VoucherKindId,
    /// Its public name.
    #[n(1)]
    pub name: Label,
    /// What one unit costs, in points or yen.
    #[n(2)]
    pub price: Points,
    /// How many vouchers one unit has.
    #[n(3)]
    pub sheets: u32,
    /// What one voucher is worth, in yen.
    #[n(4)]
    pub face: Points,
    /// The programme that gives what a unit is worth above its price.
    #[n(5)]
    pub premium: Option<ProgrammeId>,
    /// What it is handed out for.
    #[n(6)]
    pub sold_for: SoldFor,
    /// The first day of handing out.
    #[n(7)]
    pub from: BusinessDate,
    /// The last day of handing out.
    #[n(8)]
    pub until: BusinessDate,
    /// When vouchers expire, from the day they were issued.
    #[n(9)]
    pub valid: ExpiryRule,
    /// Days behind the last one in which the office still takes them from shops.
    #[n(10)]
    pub office_days: u32,
    /// The shops that take it.
    #[n(11)]
    pub shops: Shops,
    /// The desks that hand it out.
    #[n(12)]
    pub desks: Vec<Desk>,
    /// How its serials are written.
    #[n(13)]
    pub serial: SerialForm,
    /// Units that one person may have; none for no limit.
    #[n(14)]
    pub per_person: Option<u32>,
}

impl VoucherKind {
    /// What so many units are worth.
    #[must_use]
    pub const fn worth(&self, units: u32) -> Option<Points> {
        match self.face.times(self.sheets as u64) {
            Some(unit) => unit.times(units as u64),
            None => None,
        }
    }

    /// Whether its parts belong together.
    #[must_use]
    pub fn well_formed(&self) -> bool {
        let sizes = !self.face.is_zero()
            && !self.price.is_zero()
            && (1..=SHEETS_MAX).contains(&self.sheets)
            && self.office_days <= OFFICE_DAYS_MAX;
        // What is worth more than it costs needs a budget; what is worth less is not sold.
        let premium = self.worth(1).is_some_and(|worth| {
            worth >= self.price && (worth > self.price) == self.premium.is_some()
        });
        let places = self.shops.well_formed() && desks_well_formed(&self.desks);
        sizes && premium && places && self.serial.well_formed() && self.from <= self.until
    }
}

/// One voucher: the number on the sheet is unique within its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct VoucherId {
    /// Its kind.
    #[n(0)]
    pub kind: VoucherKindId,
    /// Its number.
    #[n(1)]
    pub number: u32,
}

impl Bucketed for VoucherId {
    fn place(&self) -> u128 {
        u128::from(self.kind.0) << 32 | u128::from(self.number)
    }
}

impl Bucketed for (BusinessDate, VoucherId) {
    fn place(&self) -> u128 {
        u128::from(self.0.day_number()) << 64 | self.1.place()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_have_a_check_digit_and_are_read_back() {
        let form = SerialForm { prefix: "MZ-".parse().unwrap(), digits: 6 };
        assert_eq!(form.text(1), "MZ-0000017");
        assert_eq!(form.text(629_104), "MZ-6291044");
        // The check digit of the EAN-8 that text books print.
        let goods = SerialForm { prefix: "G".parse().unwrap(), digits: 7 };
        assert_eq!(goods.text(9_638_507), "G96385074");
        for number in [0, 1, 4_095, 4_096, 999_999] {
            assert_eq!(form.number(&form.text(number)), Some(number));
        }
        assert_eq!(form.number("MZ-0000018"), None, "a wrong check digit");
        assert_eq!((form.text(12).as_str(), form.number("MZ-0000219")), ("MZ-0000123", None));
        assert_eq!(form.number("0000017"), None, "no prefix");
        assert_eq!(form.number("MZ-00000017"), None, "too long");
        assert_eq!((form.largest(), form.number("MZ-")), (999_999, None));
    }
}
