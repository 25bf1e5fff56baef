//! What purchases in cash earn out of an association's budget, and how that is taken back.

use alloc::{vec, vec::Vec};
use minicbor::{Decode, Encode};

use super::{Broken, Ledger, Plan, check::may_receive, payment::may_still_come};
use crate::{
    account::{Account, Side},
    command::{Earner, InUse, RewardIntent, RewardReturnIntent},
    date::Time,
    entry::Effect,
    id::{AccountId, MerchantId, PaymentId, SchemeId},
    intent::{PaymentIntent, Rest},
    lot::{Birth, Lot, LotTerms, Origin, Paid},
    points::Points,
    posting::{Posting, Postings},
    refusal::Refusal,
    street::{Cardholders, RewardTerms},
};

/// What a purchase earned, as long as it can be taken back.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Reward {
    /// Points were given.
    #[n(0)]
    Given {
        /// By which street.
        #[n(0)]
        scheme: SchemeId,
        /// At which shop.
        #[n(1)]
        merchant: MerchantId,
        /// To whom.
        #[n(2)]
        account: AccountId,
        /// Points for 100 yen, as the scheme was then.
        #[n(3)]
        points_per_100_yen: u32,
        /// The cash that is still paid, in yen.
        #[n(4)]
        cash: Points,
        /// The points that are still due to the holder.
        #[n(5)]
        points: Points,
        /// What could not be taken back, since it was spent: the association bears it.
        #[n(6)]
        missing: Points,
    },
    /// It was called off before it arrived.
    #[n(1)]
    Refused,
}

impl Reward {
    /// What has to be taken back when only so much cash stays paid.
    fn over(&self, cash_left: Points) -> Points {
        match self {
            Self::Given { points_per_100_yen, points, .. } => {
                let hundreds = Points::new(cash_left.get() / 100).unwrap_or(Points::ZERO);
                let due = hundreds.times(u64::from(*points_per_100_yen)).unwrap_or(Points::MAX);
                points.minus(due).unwrap_or(Points::ZERO)
            }
            Self::Refused => Points::ZERO,
        }
    }
}

impl Ledger {
    /// The street that rewards purchases at a shop today: the first one whose shop it is.
    fn rewarding(&self, merchant: MerchantId) -> Option<(SchemeId, &RewardTerms)> {
        let running = self.schemes.iter().map(|(_, scheme)| scheme);
        let mut running = running.filter(|scheme| scheme.runs_on(self.meta.day));
        running.find_map(|scheme| {
            let terms = scheme.reward.as_ref().filter(|_| scheme.shops.has(merchant))?;
            Some((scheme.id, terms))
        })
    }

    /// What so much cash at a shop earns today.
    fn earns(
        &self,
        merchant: MerchantId,
        account: &AccountId,
        cash: Points,
    ) -> Result<(SchemeId, Lot), Refusal> {
        let today = self.meta.day;
        let holder = self.holders.get(account).ok_or(Refusal::UnknownAccount)?;
        let (scheme, terms) = self.rewarding(merchant).ok_or(Refusal::NoRewards)?;
        may_receive(holder.state)?;
        if terms.holders == Cardholders::WithAccount && self.card_accounts.contains(account) {
            return Err(Refusal::AccountNeeded);
        }
        let points = terms.earned(cash).ok_or(Refusal::TooManyPoints)?;
        if points.is_zero() {
            return Err(Refusal::NothingEarned);
        }
        let given = self.balance(&Account::Association(scheme));
        if given.plus(points).is_none_or(|sum| sum > terms.ceiling) {
            let left = terms.ceiling.minus(given).unwrap_or(Points::ZERO);
            return Err(Refusal::BudgetExhausted { left });
        }
        let lot = LotTerms {
            origin: Origin::Here(Birth::Reward(scheme.0)),
            issuer: terms.issuer,
            paid: Paid::No,
            earned: today,
            expires: terms.expiry.last_day(today),
            grace: terms.grace,
        };
        if lot.expires < today {
            return Err(Refusal::NoRewards);
        }
        if holder.lots.full_for(&lot, today) {
            return Err(Refusal::TooManyLots);
        }
        if holder.lots.sum().plus(points).is_none() {
            return Err(Refusal::TooManyPoints);
        }
        Ok((scheme, Lot { terms: lot, points }))
    }

    pub(super) fn plan_reward(
        &self,
        intent: &RewardIntent,
        earner: &Earner,
    ) -> Result<Plan, Refusal> {
        self.at_own_till(intent.town, intent.merchant, intent.terminal)?;
        let merchant = self.merchants.get(&intent.merchant).ok_or(Refusal::UnknownMerchant)?;
        if merchant.state == InUse::Suspended {
            return Err(Refusal::MerchantSuspended);
        }
        if self.rewards.contains(&intent.key.payment()) {
            // Nothing but a return that came first makes a reward whose key is new.
            return Err(Refusal::RewardReturned);
        }
        let (scheme, lot) = self.earns(intent.merchant, &earner.account, intent.cash_yen)?;
        Postings::into(earner.account, vec![lot], Account::Association(scheme))
            .map(Plan::moving)
            .ok_or(Refusal::TooManyPoints)
    }

    /// Adds to a payment what its cash part earns. A payment is not refused for want of a reward.
    pub(super) fn with_reward(
        &self,
        intent: &PaymentIntent,
        account: AccountId,
        paid: Postings,
    ) -> Option<Postings> {
        let id = intent.key.payment();
        let cash = cash_part(intent).filter(|_| !self.rewards.contains(&id));
        let earned = cash.and_then(|cash| self.earns(intent.merchant, &account, cash).ok());
        let Some((scheme, lot)) = earned else { return Some(paid) };
        let mut postings = paid.as_slice().to_vec();
        postings.push(Posting::Book {
            account: Account::Association(scheme),
            side: Side::Debit,
            points: lot.points,
        });
        postings.push(Posting::Lots { holder: account, side: Side::Credit, lots: vec![lot] });
        Postings::balanced(postings)
    }

    pub(super) fn apply_reward(&mut self, intent: &RewardIntent, earner: &Earner, effect: &Effect) {
        let id = intent.key.payment();
        self.note_reward(id, (intent.merchant, earner.account), intent.cash_yen, effect);
    }

    /// Notes what a payment earned besides, if it did.
    pub(super) fn note_payment_reward(
        &mut self,
        intent: &PaymentIntent,
        account: AccountId,
        effect: &Effect,
    ) {
        let cash = cash_part(intent).unwrap_or(Points::ZERO);
        self.note_reward(intent.key.payment(), (intent.merchant, account), cash, effect);
    }

    fn note_reward(
        &mut self,
        id: PaymentId,
        (merchant, account): (MerchantId, AccountId),
        cash: Points,
        effect: &Effect,
    ) {
        let given = effect.postings.as_slice().iter().find_map(|posting| match posting {
            Posting::Book { account: Account::Association(scheme), side: Side::Debit, points } => {
                Some((*scheme, *points))
            }
            Posting::Book { .. } | Posting::Lots { .. } => None,
        });
        let Some((scheme, points)) = given else { return };
        let terms = self.schemes.get(&scheme).and_then(|scheme| scheme.reward.as_ref());
        let points_per_100_yen = terms.map_or(0, |terms| terms.points_per_100_yen);
        let missing = Points::ZERO;
        let reward =
            Reward::Given { scheme, merchant, account, points_per_100_yen, cash, points, missing };
        self.rewards.insert(id, reward);
    }

    pub(super) fn plan_reward_return(
        &self,
        time: Time,
        intent: &RewardReturnIntent,
    ) -> Result<Plan, Refusal> {
        self.at_own_till(intent.town, intent.merchant, intent.terminal)?;
        if intent.cash_yen.is_some_and(Points::is_zero) {
            return Err(Refusal::NoPoints);
        }
        let Some(reward) = self.rewards.get(&intent.purchase) else {
            let void = intent.cash_yen.is_none() && may_still_come(time, &intent.purchase.0);
            // A return of everything is a void: the reward will find itself called off.
            let paid = self.payments.contains(&intent.purchase);
            return if void && !paid { Ok(Plan::FACT) } else { Err(Refusal::UnknownReward) };
        };
        let Reward::Given { merchant, cash, .. } = reward else {
            return Err(Refusal::RewardReturned);
        };
        if *merchant != intent.merchant {
            return Err(Refusal::NotYourPayment);
        }
        if cash.is_zero() {
            return Err(Refusal::RewardReturned);
        }
        let back = intent.cash_yen.unwrap_or(*cash);
        let left = cash.minus(back).ok_or(Refusal::OverRefunded { left: *cash })?;
        Postings::balanced(self.reward_back(&intent.purchase, left))
            .map(Plan::moving)
            .ok_or(Refusal::TooManyPoints)
    }

    /// The postings that take a reward back as far as so much cash does not earn it, the newest
    /// points of the street first, and never more than the holder still has of them.
    pub(super) fn reward_back(&self, purchase: &PaymentId, cash_left: Points) -> Vec<Posting> {
        let Some(reward @ Reward::Given { scheme, account, .. }) = self.rewards.get(purchase)
        else {
            return Vec::new();
        };
        let mut wanted = reward.over(cash_left);
        let own = Origin::Here(Birth::Reward(scheme.0));
        let account = &self.holder_now(*account);
        let held = self.holders.get(account).into_iter().flat_map(|holder| holder.lots.iter());
        let held: Vec<Lot> = held.filter(|lot| lot.terms.origin == own).collect();
        let mut lots = Vec::new();
        for lot in held.iter().rev() {
            let part = lot.points.min(wanted);
            wanted = wanted.minus(part).unwrap_or(Points::ZERO);
            if !part.is_zero() {
                lots.push(Lot { terms: lot.terms, points: part });
            }
        }
        let points = Points::sum(lots.iter().map(|lot| lot.points)).unwrap_or(Points::ZERO);
        vec![
            Posting::Lots { holder: *account, side: Side::Debit, lots },
            Posting::Book { account: Account::Association(*scheme), side: Side::Credit, points },
        ]
    }

    pub(super) fn apply_reward_return(
        &mut self,
        intent: &RewardReturnIntent,
        effect: &Effect,
    ) -> Result<(), Broken> {
        match self.rewards.get(&intent.purchase) {
            None => {
                self.rewards.insert(intent.purchase, Reward::Refused);
                Ok(())
            }
            Some(Reward::Refused) => Err(Broken::Unknown),
            Some(Reward::Given { cash, .. }) => {
                let back = intent.cash_yen.unwrap_or(*cash);
                let left = cash.minus(back).ok_or(Broken::Balance)?;
                self.note_reward_back(&intent.purchase, left, effect)
            }
        }
    }

    /// Notes that a reward was taken back as far as it was there, if the purchase earned at all.
    pub(super) fn note_reward_back(
        &mut self,
        purchase: &PaymentId,
        cash_left: Points,
        effect: &Effect,
    ) -> Result<(), Broken> {
        let Some(reward) = self.rewards.get_mut(purchase) else { return Ok(()) };
        let over = reward.over(cash_left);
        let Reward::Given { scheme, cash, points, missing, .. } = reward else { return Ok(()) };
        let to = Account::Association(*scheme);
        let taken = effect.postings.as_slice().iter().filter_map(|posting| match posting {
            Posting::Book { account, side: Side::Credit, points } if *account == to => {
                Some(*points)
            }
            Posting::Book { .. } | Posting::Lots { .. } => None,
        });
        let taken = Points::sum(taken).ok_or(Broken::Balance)?;
        let short = over.minus(taken).ok_or(Broken::Balance)?;
        *missing = missing.plus(short).ok_or(Broken::Balance)?;
        *points = points.minus(over).ok_or(Broken::Balance)?;
        *cash = cash_left;
        Ok(())
    }

    /// What a purchase earned, as long as it can be taken back.
    #[must_use]
    pub fn reward(&self, purchase: &PaymentId) -> Option<&Reward> {
        self.rewards.get(purchase)
    }
}

/// What of a purchase is paid in cash, as far as the shop says; what a card pays earns nothing.
fn cash_part(intent: &PaymentIntent) -> Option<Points> {
    let rest = intent.total_yen.and_then(|total| total.minus(intent.points));
    rest.filter(|_| intent.rest != Some(Rest::Card))
}
