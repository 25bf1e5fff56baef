//! Printed vouchers at a desk: which serials came, are left, were handed out or spoiled.

use alloc::{collections::BTreeMap, vec::Vec};
use minicbor::{Decode, Encode};

use super::{Broken, Ledger, Plan};
use crate::{
    command::{VoucherStockMove, VoucherStockShared},
    id::{DeskId, VoucherKindId},
    refusal::Refusal,
    voucher::VoucherKind,
};

/// Serials in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Serials {
    /// The first one.
    #[n(0)]
    pub first: u32,
    /// The last one.
    #[n(1)]
    pub last: u32,
}

impl Serials {
    const fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// Printed vouchers of one kind at one desk.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
pub struct DeskStock {
    /// What is left, in order.
    #[n(0)]
    pub left: Vec<Serials>,
    /// How many were handed out.
    #[n(1)]
    pub used: u32,
    /// How many were spoiled.
    #[n(2)]
    pub spoiled: u32,
}

impl DeskStock {
    /// How many are left.
    #[must_use]
    pub fn count(&self) -> u32 {
        let counts = self.left.iter().map(|row| row.last.saturating_sub(row.first));
        counts.fold(0, |sum, count| sum.saturating_add(count).saturating_add(1))
    }

    /// The first so many numbers; none if there are fewer.
    fn first(&self, count: u32) -> Option<Vec<u32>> {
        let numbers = self.left.iter().flat_map(|row| row.first..=row.last);
        let numbers: Vec<u32> = numbers.take(usize::try_from(count).ok()?).collect();
        (u32::try_from(numbers.len()).ok()? == count).then_some(numbers)
    }

    fn remove(&mut self, number: u32) -> Option<()> {
        let at = self.left.iter().position(|row| row.first <= number && number <= row.last)?;
        let row = self.left.remove(at);
        if number < row.last {
            self.left.insert(at, Serials { first: number.checked_add(1)?, last: row.last });
        }
        if row.first < number {
            self.left.insert(at, Serials { first: row.first, last: number.checked_sub(1)? });
        }
        Some(())
    }
}

/// Printed vouchers of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
pub struct VoucherStock {
    /// Every row of serials that ever came.
    #[n(0)]
    pub received: Vec<Serials>,
    /// What each desk has.
    #[n(1)]
    pub desks: BTreeMap<DeskId, DeskStock>,
}

impl Ledger {
    pub(super) fn plan_voucher_stock(&self, shared: &VoucherStockShared) -> Result<Plan, Refusal> {
        let kind = self.voucher_kind_at(shared.kind, shared.desk)?;
        let stock = self.voucher_stock.get(&shared.kind);
        match shared.change {
            VoucherStockMove::Received { first, last } => {
                if first > last || last > kind.serial.largest() {
                    return Err(Refusal::NotWellFormed);
                }
                let new = Serials { first, last };
                let before = stock.map_or(&[][..], |stock| &stock.received);
                if before.iter().any(|row| row.overlaps(new)) {
                    return Err(Refusal::SerialsTaken);
                }
                Ok(Plan::FACT)
            }
            VoucherStockMove::Spoiled(number) => {
                let desk = stock.and_then(|stock| stock.desks.get(&shared.desk));
                let has = desk.is_some_and(|desk| {
                    desk.left.iter().any(|row| row.first <= number && number <= row.last)
                });
                if has { Ok(Plan::FACT) } else { Err(Refusal::UnknownVoucher { number }) }
            }
        }
    }

    /// A kind that a desk hands out.
    pub(super) fn voucher_kind_at(
        &self,
        kind: VoucherKindId,
        desk: DeskId,
    ) -> Result<&VoucherKind, Refusal> {
        let kind = self.voucher_kinds.get(&kind).ok_or(Refusal::UnknownVoucherKind)?;
        let known = kind.desks.iter().any(|known| known.id == desk);
        if known { Ok(kind) } else { Err(Refusal::UnknownDesk) }
    }

    pub(super) fn apply_voucher_stock(
        &mut self,
        shared: &VoucherStockShared,
    ) -> Result<(), Broken> {
        let stock = self.voucher_stock.get_or_default(shared.kind);
        let desk = stock.desks.entry(shared.desk).or_default();
        match shared.change {
            VoucherStockMove::Received { first, last } => {
                let row = Serials { first, last };
                for rows in [&mut stock.received, &mut desk.left] {
                    let at = rows.partition_point(|known| *known < row);
                    rows.insert(at, row);
                }
            }
            VoucherStockMove::Spoiled(number) => {
                desk.remove(number).ok_or(Broken::Unknown)?;
                desk.spoiled = desk.spoiled.checked_add(1).ok_or(Broken::Balance)?;
            }
        }
        Ok(())
    }

    /// Takes the first so many out of a desk's stock.
    pub(super) fn take_stock(
        &mut self,
        kind: VoucherKindId,
        desk: DeskId,
        count: u32,
    ) -> Result<Vec<u32>, Broken> {
        let stock = self.voucher_stock.get_mut(&kind).ok_or(Broken::Unknown)?;
        let desk = stock.desks.get_mut(&desk).ok_or(Broken::Unknown)?;
        let numbers = desk.first(count).ok_or(Broken::Unknown)?;
        for number in &numbers {
            desk.remove(*number).ok_or(Broken::Unknown)?;
        }
        desk.used = desk.used.checked_add(count).ok_or(Broken::Balance)?;
        Ok(numbers)
    }

    pub(super) fn stock_holds(
        &self,
        kind: VoucherKindId,
        desk: DeskId,
        count: u32,
    ) -> Result<(), Refusal> {
        let stock = self.voucher_stock.get(&kind).and_then(|stock| stock.desks.get(&desk));
        let left = stock.map_or(0, DeskStock::count);
        if left < count { Err(Refusal::VoucherStockShort { left }) } else { Ok(()) }
    }
}
