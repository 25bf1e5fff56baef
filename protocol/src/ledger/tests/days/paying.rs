//! Payments at the till, voids, refunds; rewards for the cash part.

use alloc::vec::Vec;

use super::{
    super::{
        desk::*,
        model::{Birth, By, Grace, Kind, Rank},
        street::{STREET, reward_return_intent},
    },
    A_DAY, AT_ONCE, Both, End, KEY, REFUND, REWARD_LIFE, REWARDS, Step, said,
};
use crate::{
    account::Account,
    codec,
    command::{Command, Earner, InUse, MerchantSetting, Nothing, SignedReward, SignedRewardReturn},
    date::BusinessDate,
    id::PaymentId,
    intent::Rest,
    key::OperationKey,
    ledger::Taken,
    signature::Domain,
    terms::Method,
};

/// What was paid at the till.
#[derive(Default)]
pub(super) struct Paying {
    sales: Vec<Sale>,
    earned: Vec<Earned>,
    /// Every purchase that may have earned something, by its day.
    purchases: Vec<(PaymentId, BusinessDate)>,
}

struct Sale {
    id: PaymentId,
    who: usize,
    day: BusinessDate,
    kinds: Vec<Kind>,
    refunded: usize,
    end: End,
}

struct Earned {
    purchase: PaymentId,
    who: usize,
    day: BusinessDate,
    cash: i64,
    due: i64,
    called_off: bool,
}

impl Both {
    /// What so much cash earns somebody today.
    fn earns(&self, who: usize, cash: i64) -> Option<i64> {
        let points = cash / 100;
        let given = -self.model.sum(Account::Association(STREET));
        (self.model.receives(who) && points > 0 && given + points <= REWARDS).then_some(points)
    }

    fn earn(&mut self, purchase: PaymentId, who: usize, cash: i64) {
        let Some(due) = self.earns(who, cash) else { return };
        let day = self.model.today;
        self.model.fact(Account::Association(STREET), -due);
        let kind = Kind {
            rank: Rank::Reward,
            birth: (Birth::Reward, STREET.0),
            issuer: By::Another,
            ..Kind::given(0, day, day.plus_days(REWARD_LIFE))
        };
        self.model.put(who, Kind { grace: Grace::May, ..kind }, due);
        self.paying.earned.push(Earned { purchase, who, day, cash, due, called_off: false });
    }

    /// Takes back what is no longer earned, as far as it is there: the last to be spent first.
    fn unearn(&mut self, purchase: PaymentId, cash: i64) {
        let Some(earned) = self.paying.earned.iter_mut().find(|it| it.purchase == purchase) else {
            return;
        };
        if earned.called_off {
            return;
        }
        let over = (earned.due - cash / 100).max(0);
        (earned.cash, earned.due) = (cash, earned.due - over);
        let who = self
            .holder_now(self.paying.earned.iter().find(|it| it.purchase == purchase).unwrap().who);
        let mut own = Vec::new();
        for (kind, points) in self.model.lots_of(who) {
            let reward = kind.rank == Rank::Reward && kind.birth == (Birth::Reward, STREET.0);
            own.extend((0..points).filter(|_| reward).map(|_| kind));
        }
        for kind in own.into_iter().rev().take(usize::try_from(over).unwrap()) {
            self.model.drop_one(who, kind);
            self.model.fact(Account::Association(STREET), 1);
        }
    }

    pub(super) fn pay(&mut self, step: &Step) {
        let (who, points) = (step.who, step.points);
        let more = i64::from(step.flag % 4) * 130;
        let total = (!step.one_in(4)).then(|| p(step.count() + u32::from(step.flag % 4) * 130));
        let rest = (step.flag % 8 == 5).then_some(Rest::Card);
        let told = self.model.shop_open
            && self.model.is_open(who)
            && points > 0
            && self.model.within(who, points, (AT_ONCE, A_DAY))
            && self.model.has(who, points, |_| true);
        let intent = self.pair.a.intent(step.count(), total, rest);
        let id = intent.key.payment();
        let done = self.pair.a.send_payment(intent, self.accounts[who]);
        let day = self.model.today;
        let mut kinds = Vec::new();
        if said(step, &done, told) {
            kinds = self.model.pay(who, points, Account::Merchant(SHOP));
            self.model.spent.push((who, day, points));
            self.model.took(SHOP, Taken::Payment, points);
            if rest.is_none() {
                self.earn(id, who, more);
            }
        }
        let end = if told { End::Done } else { End::Refused };
        self.paying.sales.push(Sale { id, who, day, kinds, refunded: 0, end });
        self.paying.purchases.push((id, day));
    }

    pub(super) fn void(&mut self, step: &Step) {
        let Some(at) = step.of(self.paying.sales.len()) else { return };
        let sale = &self.paying.sales[at];
        let (id, who, day, today) = (sale.id, sale.who, sale.day, self.model.today);
        let was = sale.end;
        let told = match was {
            End::Done => sale.refunded == 0 && day == today,
            End::Refused => today.days_since(day) <= KEY,
            End::Over => false,
        };
        let done = self.pair.a.void(id);
        if !said(step, &done, told) {
            return;
        }
        let sale = &mut self.paying.sales[at];
        sale.end = End::Over;
        let kinds = sale.kinds.clone();
        if was == End::Done {
            let points = i64::try_from(kinds.len()).unwrap();
            self.unearn(id, 0);
            self.model.back(who, kinds.into_iter().rev(), Account::Merchant(SHOP));
            self.model.gave(SHOP, day, Taken::Payment, points);
            self.model.spent.push((who, day, -points));
        }
    }

    pub(super) fn refund(&mut self, step: &Step) {
        let Some(at) = step.of(self.paying.sales.len()) else { return };
        let sale = &mut self.paying.sales[at];
        let (id, who, day) = (sale.id, sale.who, sale.day);
        let left = sale.kinds.len() - sale.refunded;
        let wanted = if step.one_in(4) { left } else { usize::try_from(step.points).unwrap() };
        let told = sale.end == End::Done
            && (1..=left).contains(&wanted)
            && self.model.today <= day.plus_days(REFUND);
        let done = self.pair.a.refund(id, u32::try_from(wanted).unwrap());
        if !said(step, &done, told) {
            return;
        }
        sale.refunded += wanted;
        let back = sale.kinds[left - wanted..left].to_vec();
        if wanted == left {
            self.unearn(id, 0);
        }
        self.model.shop_gives(who, back.into_iter().rev(), (SHOP, day, Taken::Payment));
    }

    pub(super) fn reward(&mut self, step: &Step) {
        let cash = step.points * 10;
        let told = self.model.shop_open && self.earns(step.who, cash).is_some();
        let key = self.pair.a.key();
        let desk = &mut self.pair.a;
        let intent = super::super::street::reward_intent(desk, key, step.count() * 10);
        let signature = desk.terminal_key.sign(Domain::Reward, &codec::encode(&intent));
        let earner = Earner { account: self.accounts[step.who], method: Method::StreetCard };
        let command = Command::Reward(SignedReward { intent, signature }, earner);
        let done = desk.keyed(Some(OperationKey::Client(key)), command);
        if said(step, &done, told) {
            self.earn(key.payment(), step.who, cash);
        }
        self.paying.purchases.push((key.payment(), self.model.today));
    }

    pub(super) fn return_reward(&mut self, step: &Step) {
        let Some(at) = step.of(self.paying.purchases.len()) else { return };
        let (purchase, day) = self.paying.purchases[at];
        let yen = (!step.one_in(3)).then_some(step.points * 4);
        let today = self.model.today;
        let earned = self.paying.earned.iter().position(|it| it.purchase == purchase);
        let (told, left) = if let Some(earned) = earned.map(|at| &self.paying.earned[at]) {
            let left = earned.cash - yen.unwrap_or(earned.cash);
            // It is kept as long as the purchase can be refunded, and its key may come.
            let kept = today.days_since(earned.day) <= REFUND + KEY + 1;
            (kept && !earned.called_off && earned.cash > 0 && yen != Some(0) && left >= 0, left)
        } else {
            let sale = self.paying.sales.iter().find(|sale| sale.id == purchase);
            let paid = sale.is_some_and(|sale| sale.end != End::Refused);
            (yen.is_none() && today.days_since(day) <= KEY && !paid, 0)
        };
        let key = self.pair.a.key();
        let desk = &mut self.pair.a;
        let yen = yen.map(|yen| u32::try_from(yen).unwrap());
        let intent = reward_return_intent(desk, key, purchase, yen);
        let signature = desk.terminal_key.sign(Domain::RewardReturn, &codec::encode(&intent));
        let command = Command::ReturnReward(SignedRewardReturn { intent, signature }, Nothing {});
        let done = desk.keyed(Some(OperationKey::Client(key)), command);
        if !said(step, &done, told) {
            return;
        }
        if earned.is_some() {
            self.unearn(purchase, left);
        } else {
            let (who, cash, due, called_off) = (step.who, 0, 0, true);
            self.paying.earned.push(Earned { purchase, who, day, cash, due, called_off });
        }
    }

    /// The shop stops taking points, or takes them again.
    pub(super) fn shop_state(&mut self, step: &Step) {
        let open = !step.one_in(4);
        let state = if open { InUse::Active } else { InUse::Suspended };
        let setting = MerchantSetting::plain(SHOP, "店".parse().unwrap(), state);
        let done = self.pair.a.submit(Command::SetMerchant(setting, by_officer()));
        said(step, &done, true);
        self.model.shop_open = open;
    }
}
