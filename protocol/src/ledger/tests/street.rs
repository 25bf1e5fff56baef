//! Streets' cards: charges that the card system answers, rewards for cash, one tap for both.

use alloc::{vec, vec::Vec};

use super::desk::*;
use crate::{
    account::{Account, HolderState, LapsedKind},
    codec,
    command::*,
    entry::Entry,
    id::*,
    intent::{PaymentIntent, Rest},
    key::{ClientKey, OperationKey},
    ledger::Reward,
    lot::{Birth, Grace, Issuer, Origin},
    place::{Desk as DeskPlace, Shops},
    points::Points,
    programme::ExpiryRule,
    refusal::Refusal,
    signature::Domain,
    street::*,
    terms::Method,
};

pub(super) const STREET: SchemeId = SchemeId(1);
pub(super) const DESK: DeskId = DeskId(1);

/// A scheme that has a purse of its own and rewards purchases.
pub(super) fn both() -> Scheme {
    Scheme {
        id: STREET,
        name: "ハローポイントカード".parse().unwrap(),
        association: "スタンプ会".parse().unwrap(),
        card_system: CardSystem::File,
        shops: Shops::These(vec![SHOP]),
        from: day("2026-04-01"),
        until: day("2028-03-31"),
        charge: Some(ChargeTerms {
            least: p(10),
            once: p(5_000),
            day: p(8_000),
            births: vec![BirthKind::Administrative, BirthKind::Converted],
        }),
        reward: Some(RewardTerms {
            points_per_100_yen: 1,
            ceiling: p(1_000),
            expiry: ExpiryRule::Months(12),
            grace: Grace::May,
            issuer: Issuer::Other,
            holders: Cardholders::Everyone,
        }),
        desks: vec![DeskPlace { id: DESK, name: "まち処".parse().unwrap() }],
    }
}

pub(super) const fn card(number: u8) -> StreetCardId {
    StreetCardId([number; 16])
}

pub(super) fn reward_intent(desk: &Desk, key: ClientKey, yen: u32) -> RewardIntent {
    RewardIntent {
        town: desk.town,
        key,
        merchant: SHOP,
        terminal: TILL,
        cash_yen: p(yen),
        at: desk.time,
        proof: crate::digest::Digest::of(&[b"proof"]),
    }
}

pub(super) fn reward_return_intent(
    desk: &Desk,
    key: ClientKey,
    purchase: PaymentId,
    yen: Option<u32>,
) -> RewardReturnIntent {
    RewardReturnIntent {
        town: desk.town,
        key,
        merchant: SHOP,
        terminal: TILL,
        purchase,
        cash_yen: yen.map(p),
        at: desk.time,
    }
}

/// A town with the scheme, and a resident with 1,000 granted and 500 converted points.
pub(super) fn street(change: impl FnOnce(&mut Scheme)) -> (Desk, AccountId) {
    let mut desk = Desk::new("272132", "2026-11-24");
    let mut scheme = both();
    change(&mut scheme);
    desk.fact(Command::SetScheme(scheme, by_officer()));
    let resident = desk.resident();
    desk.grant(resident, 1_000, "健康").unwrap();
    desk.converted(resident, 500);
    (desk, resident)
}

impl Desk {
    pub(super) fn card_stock(&mut self, change: CardStockMove) -> Result<Entry, Refusal> {
        let shared = CardStockShared { scheme: STREET, desk: DESK, change };
        self.submit(Command::MoveCardStock(shared, by_officer()))
    }

    pub(super) fn link_card(
        &mut self,
        card: StreetCardId,
        account: AccountId,
        opening: CardOpening,
        desk: Option<DeskId>,
    ) -> Result<Entry, Refusal> {
        let actor = Actor::Officer(OFFICER);
        let link = StreetCardLink { card, scheme: STREET, account, opening, desk, actor };
        self.submit(Command::LinkStreetCard(Nothing {}, link))
    }

    pub(super) fn linked(&mut self, account: AccountId) -> StreetCardId {
        self.link_card(card(1), account, CardOpening::Linked, None).unwrap();
        card(1)
    }

    pub(super) fn charge(
        &mut self,
        account: AccountId,
        card: StreetCardId,
        points: u32,
    ) -> Result<ChargeId, Refusal> {
        let key = self.key();
        self.charge_by(key, account, card, points).map(|_| key.charge())
    }

    pub(super) fn charge_by(
        &mut self,
        key: ClientKey,
        account: AccountId,
        card: StreetCardId,
        points: u32,
    ) -> Result<Entry, Refusal> {
        let shared = ChargeShared { charge: key.charge(), scheme: STREET, points: p(points) };
        let private = ChargePrivate { account, card, actor: Actor::Holder };
        self.keyed(Some(OperationKey::Client(key)), Command::Charge(shared, private))
    }

    pub(super) fn confirm(&mut self, charge: ChargeId) -> Result<Entry, Refusal> {
        let answer = ChargeAnswer { charge, scheme: STREET, reference: None };
        self.submit(Command::ConfirmCharge(answer, ByActor { actor: Actor::Node }))
    }

    pub(super) fn fail(&mut self, charge: ChargeId) -> Result<Entry, Refusal> {
        let reference = Some("残高上限".parse().unwrap());
        let answer = ChargeAnswer { charge, scheme: STREET, reference };
        self.submit(Command::FailCharge(answer, ByActor { actor: Actor::Node }))
    }

    pub(super) fn reward(&mut self, account: AccountId, yen: u32) -> Result<PaymentId, Refusal> {
        let key = self.key();
        self.reward_by(key, account, yen).map(|_| key.payment())
    }

    pub(super) fn reward_by(
        &mut self,
        key: ClientKey,
        account: AccountId,
        yen: u32,
    ) -> Result<Entry, Refusal> {
        let intent = reward_intent(self, key, yen);
        let signature = self.terminal_key.sign(Domain::Reward, &codec::encode(&intent));
        let earner = Earner { account, method: Method::StreetCard };
        let command = Command::Reward(SignedReward { intent, signature }, earner);
        self.keyed(Some(OperationKey::Client(key)), command)
    }

    pub(super) fn return_reward(
        &mut self,
        purchase: PaymentId,
        yen: Option<u32>,
    ) -> Result<Entry, Refusal> {
        let key = self.key();
        let intent = reward_return_intent(self, key, purchase, yen);
        let signature = self.terminal_key.sign(Domain::RewardReturn, &codec::encode(&intent));
        let command = Command::ReturnReward(SignedRewardReturn { intent, signature }, Nothing {});
        self.keyed(Some(OperationKey::Client(key)), command)
    }

    /// A purchase of so many yen of which so many are paid with points, by the street's card.
    pub(super) fn purchase(
        &mut self,
        account: AccountId,
        points: u32,
        total: u32,
    ) -> Result<(PaymentId, Entry), Refusal> {
        self.purchase_with(account, points, total, None)
    }

    pub(super) fn purchase_with(
        &mut self,
        account: AccountId,
        points: u32,
        total: u32,
        rest: Option<Rest>,
    ) -> Result<(PaymentId, Entry), Refusal> {
        let key = self.key();
        let intent = PaymentIntent {
            town: self.town,
            key,
            merchant: SHOP,
            terminal: TILL,
            points: p(points),
            total_yen: Some(p(total)),
            at: self.time,
            proof: crate::digest::Digest::of(&[b"proof"]),
            rest,
        };
        let signature = self.terminal_key.sign(Domain::Payment, &codec::encode(&intent));
        let payer = Payer { account, method: Method::StreetCard };
        let command = Command::Pay(SignedPayment { intent, signature }, payer);
        self.keyed(Some(OperationKey::Client(key)), command).map(|entry| (key.payment(), entry))
    }

    pub(super) fn lots(&self, account: AccountId) -> Vec<(Birth, u64)> {
        let lots = self.ledger.holder(&account).unwrap().lots.iter();
        lots.map(|lot| (lot.terms.origin.birth(), lot.points.get())).collect()
    }

    pub(super) fn rewards_of(&self, account: AccountId) -> u64 {
        let own = Origin::Here(Birth::Reward(STREET.0)).birth();
        let lots = self.lots(account).into_iter().filter(|(birth, _)| *birth == own);
        lots.map(|(_, points)| points).sum()
    }
}

#[test]
fn a_confirmed_charge_is_owed_to_the_association() {
    let (mut desk, resident) = street(|_| {});
    let card = desk.linked(resident);
    // Town's health points and converted points in one charge: 1,000 + 200.
    let charge = desk.charge(resident, card, 1_200).unwrap();
    assert_eq!(desk.spendable(&resident), 300);
    assert_eq!(desk.book(Account::LocalCardPending(STREET)), 1_200);
    desk.confirm(charge).unwrap();
    assert_eq!(desk.book(Account::LocalCardPending(STREET)), 0);
    assert_eq!(desk.book(Account::LocalCard(STREET)), 1_200);
    assert_eq!(desk.confirm(charge), Err(Refusal::ChargeConfirmed));
    assert_eq!(desk.fail(charge), Err(Refusal::ChargeConfirmed));
    desk.replays();
}

#[test]
fn a_failed_charge_comes_back_as_it_left() {
    let (mut desk, resident) = street(|_| {});
    let card = desk.linked(resident);
    let before = desk.ledger.holder(&resident).unwrap().lots.clone();
    let charge = desk.charge(resident, card, 1_200).unwrap();
    desk.on("2026-12-24");
    desk.fail(charge).unwrap();
    assert_eq!(desk.ledger.holder(&resident).unwrap().lots, before);
    assert_eq!(desk.book(Account::LocalCardPending(STREET)), 0);
    assert_eq!(desk.fail(charge), Err(Refusal::ChargeFailed));
    assert_eq!(desk.confirm(charge), Err(Refusal::ChargeFailed));
    desk.replays();
}

#[test]
fn nothing_lapses_in_a_charge_and_no_timer_ends_it() {
    let (mut desk, resident) = street(|_| {});
    let card = desk.linked(resident);
    let charge = desk.charge(resident, card, 600).unwrap();
    // The grant expires on 31 March 2027; the card system answers in August of the next year.
    desk.on("2028-08-24").sweep();
    assert_eq!(desk.book(Account::LocalCardPending(STREET)), 600);
    assert_eq!(desk.spendable(&resident), 0);
    desk.fail(charge).unwrap();
    let holder = desk.ledger.holder(&resident).unwrap();
    let lot = holder.lots.iter().next().unwrap();
    assert_eq!((lot.points, lot.terms.expires), (p(600), day("2028-09-07")));
    assert_eq!(lot.terms.grace, Grace::Used);
    // Charged again, and failed behind the grace: it lapses as it comes back. The scheme has run
    // out meanwhile, and is set anew.
    let mut scheme = both();
    scheme.until = day("2030-03-31");
    desk.fact(Command::SetScheme(scheme, by_officer()));
    let again = desk.charge(resident, card, 600).unwrap();
    desk.on("2028-09-08");
    desk.fail(again).unwrap();
    assert_eq!(desk.spendable(&resident), 0);
    assert_eq!(desk.book(Account::Lapsed(LapsedKind::Administrative)), 1_000);
    desk.replays();
}

#[test]
fn a_fail_that_comes_before_its_charge_is_a_tombstone_and_a_confirm_is_not_remembered() {
    let (mut desk, resident) = street(|_| {});
    let card = desk.linked(resident);
    let (key, other) = (desk.key(), desk.key());
    assert_eq!(desk.confirm(other.charge()), Err(Refusal::UnknownCharge));
    desk.charge_by(other, resident, card, 100).unwrap();
    desk.confirm(other.charge()).unwrap();
    desk.fail(key.charge()).unwrap();
    assert_eq!(desk.charge_by(key, resident, card, 100), Err(Refusal::ChargeFailed));
    assert_eq!(desk.confirm(key.charge()), Err(Refusal::ChargeFailed));
    assert_eq!(desk.spendable(&resident), 1_400);
    // A key that no charge can have any more leaves nothing.
    let old = ClientKey::of(day("2026-10-01").start(), [1; 10]);
    assert_eq!(desk.fail(old.charge()), Err(Refusal::UnknownCharge));
    desk.replays();
}

#[test]
fn a_charge_keeps_the_schemes_limits_and_births() {
    let (mut desk, resident) = street(|scheme| {
        scheme.charge = Some(ChargeTerms {
            least: p(100),
            once: p(600),
            day: p(700),
            births: vec![BirthKind::Converted],
        });
    });
    let mine = desk.linked(resident);
    let mut refused = |card, points| desk.charge(resident, card, points).unwrap_err();
    assert_eq!(refused(card(9), 100), Refusal::UnknownStreetCard);
    assert_eq!(refused(mine, 0), Refusal::NoPoints);
    assert_eq!(refused(mine, 99), Refusal::BelowCharge { least: p(100) });
    assert_eq!(refused(mine, 601), Refusal::OverCharge { limit: p(600) });
    assert_eq!(refused(mine, 501), Refusal::NotChargeable { chargeable: p(500) });
    let first = desk.charge(resident, mine, 400).unwrap();
    assert_eq!(desk.charge(resident, mine, 301), Err(Refusal::OverDayCharge { left: p(300) }));
    // What comes back on its day gives the day's limit back.
    desk.fail(first).unwrap();
    desk.charge(resident, mine, 500).unwrap();
    assert_eq!(desk.lots(resident), [(Birth::Administrative(PROGRAMME), 1_000)]);
    let state = StreetCardState { card: mine, state: InUse::Suspended, actor: Actor::Node };
    desk.submit(Command::SetStreetCard(Nothing {}, state.clone())).unwrap();
    assert_eq!(desk.submit(Command::SetStreetCard(Nothing {}, state)), Err(Refusal::Exists));
    assert_eq!(desk.charge(resident, mine, 100), Err(Refusal::StreetCardBlocked));
    desk.replays();
}

#[test]
fn a_charge_is_refused_outside_the_period_without_a_purse_and_from_a_frozen_account() {
    let (mut desk, resident) = street(|_| {});
    let mine = desk.linked(resident);
    let change = AccountStateChange {
        account: resident,
        state: HolderState::Frozen,
        actor: Actor::Officer(OFFICER),
    };
    desk.submit(Command::SetAccountState(Nothing {}, change)).unwrap();
    assert_eq!(desk.charge(resident, mine, 100), Err(Refusal::AccountFrozen));
    let mut scheme = both();
    scheme.charge = None;
    desk.fact(Command::SetScheme(scheme.clone(), by_officer()));
    assert_eq!(desk.charge(resident, mine, 100), Err(Refusal::NoCharges));
    scheme.until = day("2026-11-23");
    desk.fact(Command::SetScheme(scheme.clone(), by_officer()));
    assert_eq!(desk.charge(resident, mine, 100), Err(Refusal::SchemeNotRunning));
    scheme.from = day("2026-11-24");
    let wrong = desk.submit(Command::SetScheme(scheme, by_officer()));
    assert_eq!(wrong, Err(Refusal::NotWellFormed));
}

#[test]
fn a_card_is_issued_from_counted_stock_and_belongs_to_one() {
    let (mut desk, resident) = street(|_| {});
    let link = |desk: &mut Desk, card, account| {
        desk.link_card(card, account, CardOpening::Linked, Some(DESK))
    };
    assert_eq!(link(&mut desk, card(1), resident), Err(Refusal::NoCardLeft));
    assert_eq!(desk.card_stock(CardStockMove::Received(0)), Err(Refusal::NotWellFormed));
    desk.card_stock(CardStockMove::Received(3)).unwrap();
    desk.card_stock(CardStockMove::Spoiled(1)).unwrap();
    assert_eq!(desk.card_stock(CardStockMove::Spoiled(3)), Err(Refusal::NoCardLeft));
    link(&mut desk, card(1), resident).unwrap();
    let other = desk.resident();
    assert_eq!(link(&mut desk, card(1), other), Err(Refusal::StreetCardTaken));
    assert_eq!(link(&mut desk, card(1), resident), Err(Refusal::Exists));
    link(&mut desk, card(2), other).unwrap();
    assert_eq!(link(&mut desk, card(3), other), Err(Refusal::NoCardLeft));
    let stock = desk.ledger.card_stock_at(STREET, DESK);
    assert_eq!((stock.received, stock.used, stock.spoiled, stock.left()), (3, 2, 1, 0));
    let elsewhere = desk.link_card(card(3), other, CardOpening::Linked, Some(DeskId(9)));
    assert_eq!(elsewhere, Err(Refusal::UnknownDesk));
    desk.replays();
}

#[test]
fn each_whole_hundred_yen_in_cash_earns_a_point_from_the_associations_budget() {
    let (mut desk, resident) = street(|_| {});
    for (yen, points) in [(100, 1), (199, 1), (1_050, 10)] {
        let before = desk.rewards_of(resident);
        desk.reward(resident, yen).unwrap();
        assert_eq!(desk.rewards_of(resident) - before, points, "{yen} yen");
    }
    assert_eq!(desk.book(Account::Association(STREET)), 12);
    assert_eq!(desk.reward(resident, 99), Err(Refusal::NothingEarned));
    assert_eq!(desk.reward(resident, 98_900), Err(Refusal::BudgetExhausted { left: p(988) }));
    desk.reward(resident, 98_800).unwrap();
    // Twelve months from the purchase, at the end of the day.
    desk.on("2027-11-24");
    assert_eq!(desk.rewards_of(resident), 1_000);
    desk.on("2027-11-25").sweep();
    assert_eq!(desk.rewards_of(resident), 0);
    assert_eq!(desk.book(Account::Lapsed(LapsedKind::Reward)), 1_000);
    desk.replays();
}

#[test]
fn who_has_nothing_but_the_card_earns_where_the_scheme_says_so() {
    let (mut desk, resident) = street(|_| {});
    let alone = AccountId([5; 16]);
    desk.link_card(card(7), alone, CardOpening::CardOnly, None).unwrap();
    desk.reward(alone, 2_000).unwrap();
    assert_eq!(desk.rewards_of(alone), 20);
    let mut scheme = both();
    scheme.reward.as_mut().unwrap().holders = Cardholders::WithAccount;
    desk.fact(Command::SetScheme(scheme, by_officer()));
    assert_eq!(desk.reward(alone, 2_000), Err(Refusal::AccountNeeded));
    desk.reward(resident, 2_000).unwrap();
    desk.replays();
}

#[test]
fn a_card_that_becomes_an_accounts_brings_its_points_along() {
    let (mut desk, resident) = street(|_| {});
    let alone = AccountId([5; 16]);
    desk.link_card(card(7), alone, CardOpening::CardOnly, None).unwrap();
    assert_eq!(desk.link_card(card(7), alone, CardOpening::CardOnly, None), Err(Refusal::Exists));
    let reward = desk.reward(alone, 2_000).unwrap();
    let (payment, _) = desk.purchase(alone, 5, 5).unwrap();
    desk.link_card(card(7), resident, CardOpening::Linked, None).unwrap();
    assert_eq!((desk.rewards_of(alone), desk.rewards_of(resident)), (0, 15));
    // The reward is taken back from whom the points are now.
    desk.return_reward(reward, Some(1_000)).unwrap();
    assert_eq!(desk.rewards_of(resident), 5);
    // A refund comes back to the account that paid; the same link once more brings it along.
    desk.refund(payment, 5).unwrap();
    assert_eq!((desk.rewards_of(alone), desk.rewards_of(resident)), (5, 5));
    desk.link_card(card(7), resident, CardOpening::Linked, None).unwrap();
    assert_eq!((desk.rewards_of(alone), desk.rewards_of(resident)), (0, 10));
    let other = desk.resident();
    let taken = desk.link_card(card(7), other, CardOpening::Linked, None);
    assert_eq!(taken, Err(Refusal::StreetCardTaken));
    desk.replays();
}

#[test]
fn one_tap_spends_points_of_street_and_town_and_earns_on_the_cash_part() {
    let (mut desk, resident) = street(|scheme| {
        scheme.reward.as_mut().unwrap().expiry = ExpiryRule::Days(30);
    });
    desk.reward(resident, 30_000).unwrap();
    // 300 of the street expire first; then 150 of the town; 450 of 1,500 yen, 1,050 in cash.
    let (payment, _) = desk.purchase(resident, 450, 1_500).unwrap();
    assert_eq!(desk.rewards_of(resident), 10);
    assert_eq!(desk.spendable(&resident), 1_360);
    assert_eq!(desk.book(Account::Merchant(SHOP)), 450);
    assert_eq!(desk.book(Account::Association(STREET)), 310);
    // In part: the last taken first, the town's 150, then 50 of the street's.
    let preview = desk.refund_intent(payment, 200);
    assert_eq!(desk.ledger.preview_refund(&preview).unwrap().reward, Points::ZERO);
    desk.refund(payment, 200).unwrap();
    assert_eq!(desk.rewards_of(resident), 60);
    assert_eq!(desk.book(Account::Association(STREET)), 310);
    // The rest: the purchase is undone, and what it earned goes back.
    let preview = desk.refund_intent(payment, 250);
    assert_eq!(desk.ledger.preview_refund(&preview).unwrap().reward, p(10));
    desk.refund(payment, 250).unwrap();
    assert_eq!(desk.rewards_of(resident), 300);
    assert_eq!(desk.book(Account::Association(STREET)), 300);
    assert_eq!(desk.book(Account::Merchant(SHOP)), 0);
    desk.replays();
}

#[test]
fn a_void_takes_the_reward_back_as_far_as_it_is_there() {
    let (mut desk, resident) = street(|_| {});
    let (payment, _) = desk.purchase(resident, 100, 5_100).unwrap();
    assert_eq!(desk.rewards_of(resident), 50);
    // Everything is spent but 20 points.
    desk.purchase(resident, 1_000, 1_000).unwrap();
    desk.pay(resident, 430).unwrap();
    assert_eq!(desk.spendable(&resident), 20);
    desk.void(payment).unwrap();
    assert_eq!(desk.spendable(&resident), 100);
    assert_eq!(desk.book(Account::Association(STREET)), 30);
    let Some(Reward::Given { points, missing, .. }) = desk.ledger.reward(&payment) else {
        panic!("the reward is known")
    };
    assert_eq!((points.get(), missing.get()), (0, 30));
    desk.replays();
}

#[test]
fn a_payment_is_not_refused_for_want_of_a_reward() {
    let (mut desk, resident) = street(|scheme| {
        scheme.reward.as_mut().unwrap().ceiling = p(5);
    });
    let (payment, _) = desk.purchase(resident, 100, 5_100).unwrap();
    assert_eq!((desk.rewards_of(resident), desk.ledger.reward(&payment)), (0, None));
    assert_eq!(desk.spendable(&resident), 1_400);
    // The points alone, above them by less than 100 yen, and without a total: nothing is earned.
    for total in [100, 199] {
        desk.purchase(resident, 100, total).unwrap();
    }
    desk.pay(resident, 100).unwrap();
    // What another card pays earns nothing.
    desk.purchase_with(resident, 100, 450, Some(Rest::Card)).unwrap();
    assert_eq!(desk.rewards_of(resident), 0);
    desk.purchase_with(resident, 100, 450, Some(Rest::Cash)).unwrap();
    assert_eq!(desk.rewards_of(resident), 3);
    desk.replays();
}

#[test]
fn cash_given_back_takes_back_what_it_earned_step_by_step() {
    let (mut desk, resident) = street(|_| {});
    let reward = desk.reward(resident, 1_050).unwrap();
    desk.return_reward(reward, Some(40)).unwrap();
    assert_eq!(desk.rewards_of(resident), 10, "1,010 yen still earn 10");
    desk.return_reward(reward, Some(11)).unwrap();
    assert_eq!(desk.rewards_of(resident), 9, "999 yen earn 9");
    assert_eq!(desk.return_reward(reward, Some(0)), Err(Refusal::NoPoints));
    assert_eq!(
        desk.return_reward(reward, Some(1_000)),
        Err(Refusal::OverRefunded { left: p(999) })
    );
    desk.return_reward(reward, None).unwrap();
    assert_eq!((desk.rewards_of(resident), desk.book(Account::Association(STREET))), (0, 0));
    assert_eq!(desk.return_reward(reward, None), Err(Refusal::RewardReturned));
    desk.replays();
}

#[test]
fn a_return_that_comes_before_its_reward_is_a_tombstone() {
    let (mut desk, resident) = street(|_| {});
    let key = desk.key();
    assert_eq!(desk.return_reward(key.payment(), Some(100)), Err(Refusal::UnknownReward));
    desk.return_reward(key.payment(), None).unwrap();
    assert_eq!(desk.reward_by(key, resident, 1_000), Err(Refusal::RewardReturned));
    // A payment that earned nothing has no reward to return.
    let (payment, _) = desk.purchase(resident, 100, 100).unwrap();
    assert_eq!(desk.return_reward(payment, None), Err(Refusal::UnknownReward));
    desk.replays();
}

#[test]
fn rewards_are_for_the_streets_shops_only() {
    let (mut desk, resident) = street(|scheme| scheme.shops = Shops::These(vec![OTHER_SHOP]));
    assert_eq!(desk.reward(resident, 1_000), Err(Refusal::NoRewards));
    let mut scheme = both();
    scheme.shops = Shops::These(vec![OTHER_SHOP, SHOP]);
    let wrong = desk.submit(Command::SetScheme(scheme.clone(), by_officer()));
    assert_eq!(wrong, Err(Refusal::NotWellFormed));
    scheme.shops = Shops::All;
    desk.fact(Command::SetScheme(scheme.clone(), by_officer()));
    desk.reward(resident, 1_000).unwrap();
    scheme.reward.as_mut().unwrap().ceiling = p(9);
    let below = desk.submit(Command::SetScheme(scheme, by_officer()));
    assert_eq!(below, Err(Refusal::BudgetExhausted { left: p(0) }));
    assert_eq!(desk.charge(resident, card(1), 100), Err(Refusal::UnknownStreetCard));
    let mut other = both();
    other.id = SchemeId(2);
    desk.fact(Command::SetScheme(other, by_officer()));
    desk.replays();
}
