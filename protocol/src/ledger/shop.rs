//! What a shop took, day by day, until a payout run holds it; and where a thing given back belongs.

use alloc::collections::BTreeMap;
use minicbor::{Decode, Encode};

use super::{Broken, Ledger};
use crate::{account::Account, date::BusinessDate, id::MerchantId, points::Points};

/// For what a shop is owed points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Taken {
    /// Payments with points.
    #[n(0)]
    Payment,
    /// Vouchers, at their face value.
    #[n(1)]
    Voucher,
    /// Printed tickets.
    #[n(2)]
    Ticket,
    /// Captured orders and pledges.
    #[n(3)]
    Order,
    /// Confirmed charges of a street's card, owed to its association.
    #[n(4)]
    Charge,
}

/// What a shop took on one day, and what of it was given back before a run closed over the day.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
pub struct DayTally {
    /// Taken, by kind.
    #[n(0)]
    pub taken: BTreeMap<Taken, Points>,
    /// Given back, by kind: voided or refunded.
    #[n(1)]
    pub back: BTreeMap<Taken, Points>,
}

/// A shop's days.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
pub struct Shop {
    /// The last day that a closed run holds.
    #[n(0)]
    pub closed_through: Option<BusinessDate>,
    /// The days behind it on which something was taken.
    #[n(1)]
    pub days: BTreeMap<BusinessDate, DayTally>,
}

impl Shop {
    /// Whether a closed run holds this day.
    #[must_use]
    pub fn is_closed(&self, day: BusinessDate) -> bool {
        self.closed_through.is_some_and(|through| day <= through)
    }
}

impl Ledger {
    /// The account out of which comes what a shop gives back of a day: what it took as long as the
    /// day's run is open, a claim on it behind that (money-rules, A refund).
    pub(super) fn shop_gives_from(&self, merchant: MerchantId, day: BusinessDate) -> Account {
        if self.shops.get(&merchant).is_some_and(|shop| shop.is_closed(day)) {
            Account::MerchantClaim(merchant)
        } else {
            Account::Merchant(merchant)
        }
    }

    /// Notes that a shop took points on a day; what it took stands in `merchant(m)` already.
    pub(super) fn shop_took(
        &mut self,
        merchant: MerchantId,
        day: BusinessDate,
        what: Taken,
        points: Points,
    ) -> Result<(), Broken> {
        let shop = self.shops.get_or_default(merchant);
        // What comes late for a day of a closed run belongs to the next run.
        let day = shop.closed_through.map_or(day, |through| day.max(through.plus_days(1)));
        let tally = shop.days.entry(day).or_default();
        let sum = tally.taken.entry(what).or_default();
        *sum = sum.plus(points).ok_or(Broken::Balance)?;
        Ok(())
    }

    /// Notes that a shop gave points of a day back. Behind the closing of the day's run it is a
    /// claim, and no part of the day.
    pub(super) fn shop_gave_back(
        &mut self,
        merchant: MerchantId,
        day: BusinessDate,
        what: Taken,
        points: Points,
    ) -> Result<(), Broken> {
        let shop = self.shops.get_or_default(merchant);
        if shop.is_closed(day) || points.is_zero() {
            return Ok(());
        }
        let sum = shop.days.entry(day).or_default().back.entry(what).or_default();
        *sum = sum.plus(points).ok_or(Broken::Balance)?;
        Ok(())
    }

    /// A shop's days, as far as no closed run holds them.
    #[must_use]
    pub fn shop(&self, merchant: &MerchantId) -> Option<&Shop> {
        self.shops.get(merchant)
    }
}
