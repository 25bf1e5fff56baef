//! Every kind of command of streets' cards.

use super::{
    super::{desk::*, street::*},
    Maker,
};
use crate::{codec, command::*, id::*, key::ClientKey, signature::Domain, terms::Method};

impl Maker<'_> {
    /// Cards, charges and rewards of an account.
    pub(super) fn street(&mut self, account: AccountId) {
        self.add(Command::SetScheme(both(), by_officer()));
        for change in [CardStockMove::Received(2), CardStockMove::Spoiled(1)] {
            let shared = CardStockShared { scheme: STREET, desk: DESK, change };
            self.add(Command::MoveCardStock(shared, by_officer()));
        }
        let (card, other, alone) = (card(1), card(2), AccountId([78; 16]));
        let actor = Actor::Officer(OFFICER);
        let link = |card, account, opening, desk| {
            let link = StreetCardLink { card, scheme: STREET, account, opening, desk, actor };
            Command::LinkStreetCard(Nothing {}, link)
        };
        self.add(link(card, account, CardOpening::Linked, Some(DESK)));
        self.add(link(card, account, CardOpening::Linked, Some(DESK)));
        self.add(link(other, alone, CardOpening::CardOnly, None));
        for (points, end) in [(100, Some(true)), (60, Some(false)), (9_000, None), (40, None)] {
            self.charge(account, card, points, end);
        }
        self.rewards(alone);
        self.add(link(other, account, CardOpening::Linked, None));
        self.rewards(alone);
        for state in [InUse::Suspended, InUse::Active] {
            let change = StreetCardState { card, state, actor };
            self.add(Command::SetStreetCard(Nothing {}, change));
        }
    }

    fn charge(&mut self, account: AccountId, card: StreetCardId, points: u32, end: Option<bool>) {
        let key = self.key();
        let charge = key.charge();
        let shared = ChargeShared { charge, scheme: STREET, points: p(points) };
        let private = ChargePrivate { account, card, actor: Actor::Holder };
        self.keyed(key, Command::Charge(shared, private));
        let answer = ChargeAnswer { charge, scheme: STREET, reference: None };
        let by = ByActor { actor: Actor::Officer(OFFICER) };
        let confirm = Command::ConfirmCharge(answer.clone(), by.clone());
        let fail = Command::FailCharge(answer, by);
        match end {
            Some(true) => [confirm, fail].into_iter().for_each(|command| self.add(command)),
            Some(false) => [fail, confirm].into_iter().for_each(|command| self.add(command)),
            None => {}
        }
    }

    fn rewards(&mut self, account: AccountId) {
        for (yen, back) in [(1_050, [Some(500), None]), (99, [None, None])] {
            let key = self.key();
            let intent = reward_intent(&self.pair.a, key, yen);
            let signature = self.pair.a.terminal_key.sign(Domain::Reward, &codec::encode(&intent));
            let earner = Earner { account, method: Method::StreetCard };
            self.keyed(key, Command::Reward(SignedReward { intent, signature }, earner));
            for cash_yen in back {
                self.reward_return(key, cash_yen);
            }
        }
    }

    fn reward_return(&mut self, reward: ClientKey, cash_yen: Option<u32>) {
        let key = self.key();
        let desk = &self.pair.a;
        let intent = reward_return_intent(desk, key, reward.payment(), cash_yen);
        let signature = desk.terminal_key.sign(Domain::RewardReturn, &codec::encode(&intent));
        let signed = SignedRewardReturn { intent, signature };
        self.keyed(key, Command::ReturnReward(signed, Nothing {}));
    }
}
