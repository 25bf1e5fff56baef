//! A desk's numbered paper: received, used, spoiled.

use alloc::vec::Vec;
use minicbor::{Decode, Encode};

use crate::id::TicketNumber;

/// Numbers that a desk received in one go, and how far they are used. Paper is used in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct StockRange {
    /// The first number.
    #[n(0)]
    pub first: TicketNumber,
    /// The last one.
    #[n(1)]
    pub last: TicketNumber,
    /// How many of them are gone: used or spoiled.
    #[n(2)]
    pub gone: u32,
}

impl StockRange {
    fn next(&self) -> u32 {
        self.first.0.saturating_add(self.gone)
    }

    /// How many numbers it has.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.last.0.saturating_sub(self.first.0).saturating_add(1)
    }

    /// How many are left.
    #[must_use]
    pub const fn left(&self) -> u32 {
        self.count().saturating_sub(self.gone)
    }

    /// Whether the two have a number in common.
    #[must_use]
    pub fn overlaps(&self, first: TicketNumber, last: TicketNumber) -> bool {
        self.first <= last && first <= self.last
    }
}

/// A desk's stock.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
pub struct TicketStock {
    /// What it received, in order.
    #[n(0)]
    pub ranges: Vec<StockRange>,
    /// How many were issued and not spoiled.
    #[n(1)]
    pub used: u32,
    /// How many were spoiled.
    #[n(2)]
    pub spoiled: u32,
}

impl TicketStock {
    /// How many were received.
    #[must_use]
    pub fn received(&self) -> u32 {
        self.ranges.iter().map(StockRange::count).fold(0, u32::saturating_add)
    }

    /// How many are left.
    #[must_use]
    pub fn left(&self) -> u32 {
        self.ranges.iter().map(StockRange::left).fold(0, u32::saturating_add)
    }

    /// The next numbers, in order; fewer if the stock ends.
    pub fn upcoming(&self) -> impl Iterator<Item = TicketNumber> + '_ {
        self.ranges
            .iter()
            .flat_map(|range| (range.next()..=range.last.0).take(usize_of(range.left())))
            .map(TicketNumber)
    }

    /// Takes the next number away.
    pub(crate) fn take_next(&mut self) -> Option<TicketNumber> {
        let range = self.ranges.iter_mut().find(|range| range.left() > 0)?;
        let number = TicketNumber(range.next());
        range.gone = range.gone.saturating_add(1);
        Some(number)
    }
}

fn usize_of(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
