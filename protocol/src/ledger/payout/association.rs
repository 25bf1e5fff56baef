//! A street's association is paid for charges of its card as a shop is, and by the same runs: it
//! is entered as a shop, and what it is owed stands on its scheme's account until then.

use alloc::collections::BTreeMap;
use minicbor::{Decode, Encode};

use crate::{
    account::Account,
    command::AssociationPayee,
    date::BusinessDate,
    id::{MerchantId, SchemeId},
    ledger::{Broken, Ledger, Plan, Taken},
    points::Points,
    refusal::Refusal,
};

/// What was charged, by day, as long as nobody is named to be paid for it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
pub struct ChargedDays {
    /// Points by day.
    #[n(0)]
    days: BTreeMap<BusinessDate, Points>,
}

impl Ledger {
    /// The shop as which a scheme's association is paid.
    #[must_use]
    pub fn payee_of(&self, scheme: SchemeId) -> Option<MerchantId> {
        let found = self.associations.iter().find(|(_, own)| **own == scheme);
        found.map(|(merchant, _)| *merchant)
    }

    pub(in crate::ledger) fn plan_payee(&self, payee: &AssociationPayee) -> Result<Plan, Refusal> {
        if !self.schemes.contains(&payee.scheme) {
            return Err(Refusal::UnknownScheme);
        }
        if !self.merchants.contains(&payee.merchant) {
            return Err(Refusal::UnknownMerchant);
        }
        let scheme = self.associations.get(&payee.merchant).copied();
        let merchant = self.payee_of(payee.scheme);
        // One for the other and for good: what was taken belongs to whom it was owed.
        match (scheme, merchant) {
            (None, None) => Ok(Plan::FACT),
            (Some(_), _) | (None, Some(_)) => Err(Refusal::Exists),
        }
    }

    pub(in crate::ledger) fn apply_payee(
        &mut self,
        payee: &AssociationPayee,
    ) -> Result<(), Broken> {
        self.associations.insert(payee.merchant, payee.scheme);
        let waiting = self.charges_waiting.remove(&payee.scheme).unwrap_or_default();
        for (day, points) in waiting.days {
            self.shop_took(payee.merchant, day, Taken::Charge, points)?;
        }
        Ok(())
    }

    /// Notes that a charge was confirmed on a day; its points stand in `local_card(scheme)`.
    pub(in crate::ledger) fn association_took(
        &mut self,
        scheme: SchemeId,
        day: BusinessDate,
        points: Points,
    ) -> Result<(), Broken> {
        if let Some(merchant) = self.payee_of(scheme) {
            return self.shop_took(merchant, day, Taken::Charge, points);
        }
        let sum = self.charges_waiting.get_or_default(scheme).days.entry(day).or_default();
        *sum = sum.plus(points).ok_or(Broken::Balance)?;
        Ok(())
    }

    /// Where points of a kind stand that a shop is owed, until a run holds them.
    pub(super) fn owed_on(&self, merchant: MerchantId, kind: Taken) -> Account {
        match kind {
            Taken::Payment | Taken::Voucher | Taken::Ticket | Taken::Order => {
                Account::Merchant(merchant)
            }
            // Only an association has charges.
            Taken::Charge => self
                .associations
                .get(&merchant)
                .map_or(Account::Merchant(merchant), |scheme| Account::LocalCard(*scheme)),
        }
    }
}
