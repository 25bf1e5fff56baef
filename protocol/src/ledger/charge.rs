//! Charges of a street's own card: points leave, the card system's answer decides what becomes of
//! them. No timer does: what stays open is a person's to look into.

use alloc::vec::Vec;
use minicbor::{Decode, Encode};

use super::{
    Broken, Ledger, Plan,
    check::may_spend,
    payment::{lots_taken, may_still_come},
};
use crate::{
    account::Account,
    command::{ChargeAnswer, ChargePrivate, ChargeShared},
    date::{BusinessDate, Time},
    entry::{Effect, Entry},
    id::{AccountId, ChargeId, SchemeId, StreetCardId},
    key::{ClientKey, WINDOW_BACK_MS},
    lot::{Lot, LotTerms},
    points::Points,
    posting::Postings,
    refusal::Refusal,
    street::{BirthKind, ChargeTerms},
};

/// Days for which an answered charge is kept, so that a late answer hears how it stands.
const KEPT_DAYS: u64 = 400;

/// A charge, as long as it is open and for a while behind that.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Charge {
    /// Of which scheme.
    #[n(0)]
    pub scheme: SchemeId,
    /// How it stands.
    #[n(1)]
    pub state: ChargeState,
}

/// How a charge stands.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum ChargeState {
    /// On its way: only the card system's answer ends this.
    #[n(0)]
    Open {
        /// Whose points.
        #[n(0)]
        account: AccountId,
        /// Onto which card.
        #[n(1)]
        card: StreetCardId,
        /// Since when.
        #[n(2)]
        since: Time,
        /// What was taken, in order.
        #[n(3)]
        lots: Vec<Lot>,
    },
    /// The card system has taken it.
    #[n(1)]
    Confirmed {
        /// How many points.
        #[n(0)]
        points: Points,
        /// On which day.
        #[n(1)]
        day: BusinessDate,
    },
    /// It came back.
    #[n(2)]
    Failed,
    /// It was called off before it arrived.
    #[n(3)]
    Refused,
}

/// What an account charged on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct ChargedDay {
    /// On which day.
    #[n(0)]
    pub day: BusinessDate,
    /// How much; what came back on the same day is given back.
    #[n(1)]
    pub points: Points,
}

impl Ledger {
    pub(super) fn plan_charge(
        &self,
        shared: &ChargeShared,
        private: &ChargePrivate,
    ) -> Result<Plan, Refusal> {
        let today = self.meta.day;
        match self.charges.get(&shared.charge).map(|charge| &charge.state) {
            Some(ChargeState::Refused) => return Err(Refusal::ChargeFailed),
            Some(_) => return Err(Refusal::Exists),
            None => {}
        }
        let scheme = self.schemes.get(&shared.scheme).ok_or(Refusal::UnknownScheme)?;
        let card = self.street_cards.get(&private.card).ok_or(Refusal::UnknownStreetCard)?;
        if card.scheme != scheme.id || card.account != private.account {
            return Err(Refusal::UnknownStreetCard);
        }
        if shared.points.is_zero() {
            return Err(Refusal::NoPoints);
        }
        self.usable_card(&private.card)?;
        if !scheme.runs_on(today) {
            return Err(Refusal::SchemeNotRunning);
        }
        let terms = scheme.charge.as_ref().ok_or(Refusal::NoCharges)?;
        let holder = self.holders.get(&private.account).ok_or(Refusal::UnknownAccount)?;
        may_spend(holder.state)?;
        if shared.points < terms.least {
            return Err(Refusal::BelowCharge { least: terms.least });
        }
        if shared.points > terms.once {
            return Err(Refusal::OverCharge { limit: terms.once });
        }
        let charged = self.charged_on(&private.account, today);
        if charged.plus(shared.points).is_none_or(|sum| sum > terms.day) {
            let left = terms.day.minus(charged).unwrap_or(Points::ZERO);
            return Err(Refusal::OverDayCharge { left });
        }
        let taken = holder.lots.take(shared.points, today, |lot| chargeable(terms, lot));
        let taken = taken.ok_or_else(|| Refusal::NotChargeable {
            chargeable: self.chargeable(&private.account, terms),
        })?;
        Postings::out_of(private.account, taken, Account::LocalCardPending(scheme.id))
            .map(Plan::moving)
            .ok_or(Refusal::TooManyPoints)
    }

    /// What an account holds today that may be charged.
    #[must_use]
    pub fn chargeable(&self, account: &AccountId, terms: &ChargeTerms) -> Points {
        let today = self.meta.day;
        let lots = self.holders.get(account).into_iter().flat_map(|holder| holder.lots.iter());
        let may = lots.filter(|lot| lot.terms.spendable_on(today));
        let may = may.filter(|lot| chargeable(terms, &lot.terms));
        Points::sum(may.map(|lot| lot.points)).unwrap_or(Points::MAX)
    }

    fn charged_on(&self, account: &AccountId, day: BusinessDate) -> Points {
        let charged = self.charged.get(account).filter(|charged| charged.day == day);
        charged.map_or(Points::ZERO, |charged| charged.points)
    }

    pub(super) fn apply_charge(
        &mut self,
        entry: &Entry,
        shared: &ChargeShared,
        private: &ChargePrivate,
        effect: &Effect,
    ) -> Result<(), Broken> {
        let day = entry.time.date();
        let charged = self.charged_on(&private.account, day);
        // The day's limit bounds the sum.
        let points = charged.plus(shared.points).ok_or(Broken::Balance)?;
        self.charged.insert(private.account, ChargedDay { day, points });
        let state = ChargeState::Open {
            account: private.account,
            card: private.card,
            since: entry.time,
            lots: lots_taken(effect),
        };
        self.charges.insert(shared.charge, Charge { scheme: shared.scheme, state });
        Ok(())
    }

    /// A charge that is open, for the answer of the scheme's card system.
    fn open_charge(&self, answer: &ChargeAnswer) -> Result<(AccountId, &[Lot]), Refusal> {
        let charge = self.charges.get(&answer.charge).ok_or(Refusal::UnknownCharge)?;
        if charge.scheme != answer.scheme {
            return Err(Refusal::UnknownCharge);
        }
        match &charge.state {
            ChargeState::Open { account, lots, .. } => Ok((*account, lots)),
            ChargeState::Confirmed { .. } => Err(Refusal::ChargeConfirmed),
            ChargeState::Failed | ChargeState::Refused => Err(Refusal::ChargeFailed),
        }
    }

    pub(super) fn plan_confirm(&self, answer: &ChargeAnswer) -> Result<Plan, Refusal> {
        let (_, lots) = self.open_charge(answer)?;
        let points = Points::sum(lots.iter().map(|lot| lot.points));
        let points = points.ok_or(Refusal::TooManyPoints)?;
        let pending = Account::LocalCardPending(answer.scheme);
        Postings::between(pending, Account::LocalCard(answer.scheme), points)
            .map(Plan::moving)
            .ok_or(Refusal::TooManyPoints)
    }

    pub(super) fn apply_confirm(&mut self, answer: &ChargeAnswer) -> Result<(), Broken> {
        let day = self.meta.day;
        let charge = self.charges.get_mut(&answer.charge).ok_or(Broken::Unknown)?;
        let ChargeState::Open { lots, .. } = &charge.state else { return Err(Broken::Unknown) };
        let points = Points::sum(lots.iter().map(|lot| lot.points)).ok_or(Broken::Balance)?;
        charge.state = ChargeState::Confirmed { points, day };
        self.association_took(answer.scheme, day, points)
    }

    pub(super) fn plan_fail(&self, time: Time, answer: &ChargeAnswer) -> Result<Plan, Refusal> {
        if !self.schemes.contains(&answer.scheme) {
            return Err(Refusal::UnknownScheme);
        }
        if !self.charges.contains(&answer.charge) && may_still_come(time, &answer.charge.0) {
            // The charge will find itself called off.
            return Ok(Plan::FACT);
        }
        let (account, lots) = self.open_charge(answer)?;
        let pending = Account::LocalCardPending(answer.scheme);
        let back = self.returned(self.holder_now(account), lots.iter().rev().copied(), pending);
        Postings::balanced(back).map(Plan::moving).ok_or(Refusal::TooManyPoints)
    }

    pub(super) fn apply_fail(&mut self, answer: &ChargeAnswer) -> Result<(), Broken> {
        let Some(charge) = self.charges.get_mut(&answer.charge) else {
            let refused = Charge { scheme: answer.scheme, state: ChargeState::Refused };
            self.charges.insert(answer.charge, refused);
            return Ok(());
        };
        let was = core::mem::replace(&mut charge.state, ChargeState::Failed);
        let ChargeState::Open { account, since, lots, .. } = was else {
            return Err(Broken::Unknown);
        };
        let points = Points::sum(lots.iter().map(|lot| lot.points)).ok_or(Broken::Balance)?;
        if let Some(charged) = self.charged.get_mut(&account)
            && charged.day == since.date()
        {
            charged.points = charged.points.minus(points).ok_or(Broken::Balance)?;
        }
        Ok(())
    }

    /// What an account charged that the card system has not answered.
    pub(super) fn charging(&self, account: &AccountId) -> Option<Points> {
        let open = self.charges.iter().filter_map(|(_, charge)| match &charge.state {
            ChargeState::Open { account, lots, .. } => Some((self.holder_now(*account), lots)),
            ChargeState::Confirmed { .. } | ChargeState::Failed | ChargeState::Refused => None,
        });
        let own = open.filter(|(holder, _)| holder == account);
        Points::sum(own.flat_map(|(_, lots)| lots.iter().map(|lot| lot.points)))
    }

    /// Forgets answered charges to which no answer can matter any more.
    pub(super) fn forget_charges(&mut self, time: Time) {
        let kept = KEPT_DAYS.saturating_mul(86_400_000).saturating_add(WINDOW_BACK_MS);
        let bound = ClientKey::floor(Time(time.0.saturating_sub(kept))).charge();
        let answered = self.charges.range(..bound).filter(|(_, charge)| match charge.state {
            ChargeState::Open { .. } => false,
            ChargeState::Confirmed { .. } | ChargeState::Failed | ChargeState::Refused => true,
        });
        let answered: Vec<ChargeId> = answered.map(|(id, _)| *id).collect();
        for id in answered {
            self.charges.remove(&id);
        }
    }

    /// A charge that is open or was answered not long ago.
    #[must_use]
    pub fn charge(&self, charge: &ChargeId) -> Option<&Charge> {
        self.charges.get(charge)
    }

    /// All charges that are kept, in order of their ids, which is that of their keys' times.
    pub fn charges(&self) -> impl Iterator<Item = (&ChargeId, &Charge)> {
        self.charges.iter()
    }
}

fn chargeable(terms: &ChargeTerms, lot: &LotTerms) -> bool {
    terms.births.contains(&BirthKind::from(lot.origin.birth()))
}
