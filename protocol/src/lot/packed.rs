//! Lots as bytes in memory: a town holds millions of accounts, and a lot as a value takes five
//! times as much. This form is never written anywhere, so it may change at any time.
//!
//! A lot is a byte of flags, what its origin names, the day it was earned on and the day it
//! expires, three bytes each, and its points; numbers that are mostly small have seven bits a byte.

use alloc::{boxed::Box, vec::Vec};

use super::{Birth, Grace, Issuer, Lot, LotTerms, Origin, Paid};
use crate::{
    date::BusinessDate,
    id::{CompanyId, ProgrammeId, TownId},
    points::Points,
};

/// Some lots. Equal lots have equal bytes.
#[derive(Clone, PartialEq, Eq, Default)]
pub(super) struct Packed(Option<Box<[u8]>>);

/// Flags of a lot: two bits of birth, then one each for what is the less usual.
const BIRTH: u8 = 0b11;
const MOVED: u8 = 1 << 2;
const OTHER_ISSUER: u8 = 1 << 3;
const PAID: u8 = 1 << 4;
const NO_GRACE: u8 = 1 << 5;
const USED_GRACE: u8 = 1 << 6;
/// Stands in every lot's flags, so that what follows the last one is told from a lot.
const LOT: u8 = 1 << 7;

/// Room for three or four lots, and what it grows by: an account that gets a few lots in the course
/// of a year would leave a hole in memory behind with each.
const ROOM: usize = 40;
const MORE_ROOM: usize = 32;

impl Packed {
    pub(super) const EMPTY: Self = Self(None);

    pub(super) fn of(lots: &[Lot]) -> Self {
        let mut bytes = Vec::with_capacity(ROOM.saturating_mul(2));
        for lot in lots {
            pack(lot, &mut bytes);
        }
        if bytes.is_empty() {
            return Self::EMPTY;
        }
        let beyond = bytes.len().saturating_sub(ROOM).div_ceil(MORE_ROOM);
        let room = beyond.saturating_mul(MORE_ROOM).saturating_add(ROOM);
        bytes.resize(room, 0);
        // A copy of just that size: what would be cut off the buffer would stay a hole in memory.
        Self(Some(Box::from(bytes.as_slice())))
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(super) const fn iter(&self) -> Iter<'_> {
        match &self.0 {
            Some(bytes) => Iter { bytes },
            None => Iter { bytes: &[] },
        }
    }
}

/// Lots in the order of spending.
#[derive(Debug, Clone)]
pub(super) struct Iter<'a> {
    bytes: &'a [u8],
}

impl Iterator for Iter<'_> {
    type Item = Lot;

    fn next(&mut self) -> Option<Lot> {
        if self.bytes.first().is_none_or(|flags| flags & LOT == 0) {
            return None;
        }
        let Some(lot) = unpack(&mut self.bytes) else {
            unreachable!("only `pack` makes these bytes")
        };
        Some(lot)
    }
}

fn pack(lot: &Lot, bytes: &mut Vec<u8>) {
    let terms = &lot.terms;
    let (moved, birth) = match terms.origin {
        Origin::Here(birth) => (None, birth),
        Origin::Moved { last, first } => (Some(last), first),
    };
    let birth_flag = match birth {
        Birth::Administrative(_) => 0,
        Birth::Reward(_) => 1,
        Birth::Converted(_) => 2,
    };
    let grace = match terms.grace {
        Grace::May => 0,
        Grace::None => NO_GRACE,
        Grace::Used => USED_GRACE,
    };
    let flag = |set: bool, flag: u8| if set { flag } else { 0 };
    bytes.push(
        LOT | birth_flag
            | grace
            | flag(moved.is_some(), MOVED)
            | flag(terms.issuer == Issuer::Other, OTHER_ISSUER)
            | flag(terms.paid == Paid::Yes, PAID),
    );
    if let Some(town) = moved {
        bytes.extend(town.bytes());
    }
    match birth {
        Birth::Administrative(ProgrammeId(number)) | Birth::Reward(number) => {
            pack_number(number.into(), bytes);
        }
        Birth::Converted(company) => {
            let text = company.as_str().as_bytes();
            // A company's id has 16 letters at most.
            bytes.push(u8::try_from(text.len()).unwrap_or(16));
            bytes.extend(text);
        }
    }
    pack_day(terms.earned, bytes);
    pack_day(terms.expires, bytes);
    pack_number(lot.points.get(), bytes);
}

fn unpack(bytes: &mut &[u8]) -> Option<Lot> {
    let flags = *bytes.split_off_first()?;
    let moved = if flags & MOVED != 0 { Some(*take::<6>(bytes)?) } else { None };
    let birth = match flags & BIRTH {
        0 => Birth::Administrative(ProgrammeId(unpack_number(bytes)?.try_into().ok()?)),
        1 => Birth::Reward(unpack_number(bytes)?.try_into().ok()?),
        _ => {
            let length = usize::from(*bytes.split_off_first()?);
            Birth::Converted(CompanyId::from_own(bytes.split_off(..length)?))
        }
    };
    let origin = match moved {
        Some(last) => Origin::Moved { last: TownId::from_own(last), first: birth },
        None => Origin::Here(birth),
    };
    let grace = if flags & NO_GRACE != 0 {
        Grace::None
    } else if flags & USED_GRACE != 0 {
        Grace::Used
    } else {
        Grace::May
    };
    let terms = LotTerms {
        origin,
        issuer: if flags & OTHER_ISSUER != 0 { Issuer::Other } else { Issuer::Town },
        paid: if flags & PAID != 0 { Paid::Yes } else { Paid::No },
        earned: unpack_day(bytes)?,
        expires: unpack_day(bytes)?,
        grace,
    };
    Some(Lot { terms, points: Points::new(unpack_number(bytes)?)? })
}

fn take<'a, const N: usize>(bytes: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(taken)
}

fn pack_day(day: BusinessDate, bytes: &mut Vec<u8>) {
    // 9999-12-31 needs 22 bits.
    let [_, day @ ..] = day.day_number().to_be_bytes();
    bytes.extend(day);
}

fn unpack_day(bytes: &mut &[u8]) -> Option<BusinessDate> {
    let [high, middle, low] = *take(bytes)?;
    Some(BusinessDate::from_own(u32::from_be_bytes([0, high, middle, low])))
}

fn pack_number(mut number: u64, bytes: &mut Vec<u8>) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            bytes.push(low & 0x7f);
            return;
        }
        bytes.push(low | 0x80);
    }
}

fn unpack_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    let mut shift = 0_u32;
    loop {
        let byte = *bytes.split_off_first()?;
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
        shift = shift.checked_add(7)?;
    }
}
