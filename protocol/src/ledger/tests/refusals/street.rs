//! What is refused about streets' cards.

use alloc::{vec, vec::Vec};

use super::{Ladder, set_state};
use crate::{
    account::HolderState,
    codec,
    command::*,
    entry::Entry,
    id::*,
    key::{ClientKey, OperationKey},
    ledger::tests::{desk::*, street::*},
    place::Shops,
    refusal::Refusal,
    signature::Domain,
    street::*,
    terms::Method,
};

fn set(desk: &mut Desk, change: impl FnOnce(&mut Scheme)) {
    let mut scheme = both();
    change(&mut scheme);
    desk.fact(Command::SetScheme(scheme, by_officer()));
}

fn block(desk: &mut Desk, state: InUse) {
    let change = StreetCardState { card: card(1), state, actor: Actor::Node };
    desk.submit(Command::SetStreetCard(Nothing {}, change)).unwrap();
}

fn links() -> Ladder {
    let mut ladder = Ladder::default();
    let (mut desk, resident) = street(|_| {});
    let other = desk.resident();
    desk.linked(resident);
    block(&mut desk, InUse::Suspended);
    let actor = Actor::Officer(OFFICER);
    let mut link = StreetCardLink {
        card: card(1),
        scheme: SchemeId(9),
        account: AccountId([9; 16]),
        opening: CardOpening::Linked,
        desk: Some(DeskId(9)),
        actor,
    };
    let mut step = |desk: &mut Desk, link: &StreetCardLink| {
        ladder.step(desk.submit(Command::LinkStreetCard(Nothing {}, link.clone())));
    };
    step(&mut desk, &link);
    link.scheme = STREET;
    step(&mut desk, &link);
    link.desk = Some(DESK);
    step(&mut desk, &link);
    link.account = other;
    step(&mut desk, &link);
    desk.card_stock(CardStockMove::Received(1)).unwrap();
    step(&mut desk, &link);
    block(&mut desk, InUse::Active);
    step(&mut desk, &link);
    ladder
}

fn charges() -> Ladder {
    let mut ladder = Ladder::default();
    let (mut desk, resident) = street(|_| {});
    desk.linked(resident);
    block(&mut desk, InUse::Suspended);
    set_state(&mut desk, resident, HolderState::Frozen);
    let send = |desk: &mut Desk, key: ClientKey, scheme, card, points| {
        let shared = ChargeShared { charge: key.charge(), scheme, points: p(points) };
        let private = ChargePrivate { account: resident, card, actor: Actor::Holder };
        desk.keyed(Some(OperationKey::Client(key)), Command::Charge(shared, private))
    };
    let mut step = |desk: &mut Desk, scheme, card, points| {
        let key = desk.key();
        ladder.step(send(desk, key, scheme, card, points));
    };
    let off = desk.key();
    desk.fail(off.charge()).unwrap();
    let called_off = send(&mut desk, off, SchemeId(9), card(9), 0);
    step(&mut desk, SchemeId(9), card(9), 0);
    step(&mut desk, STREET, card(9), 0);
    set(&mut desk, |scheme| {
        scheme.charge = None;
        scheme.until = scheme.from;
    });
    step(&mut desk, STREET, card(1), 0);
    step(&mut desk, STREET, card(1), 5);
    block(&mut desk, InUse::Active);
    step(&mut desk, STREET, card(1), 5);
    set(&mut desk, |scheme| scheme.charge = None);
    step(&mut desk, STREET, card(1), 5);
    let births = vec![BirthKind::Converted];
    let terms = ChargeTerms { least: p(10), once: p(1_000), day: p(1_100), births };
    set(&mut desk, |scheme| scheme.charge = Some(terms));
    step(&mut desk, STREET, card(1), 5);
    set_state(&mut desk, resident, HolderState::Open);
    step(&mut desk, STREET, card(1), 5);
    step(&mut desk, STREET, card(1), 1_001);
    desk.charge(resident, card(1), 200).unwrap();
    step(&mut desk, STREET, card(1), 1_000);
    step(&mut desk, STREET, card(1), 900);
    ladder.step(called_off);
    ladder
}

fn answers() -> Ladder {
    let mut ladder = Ladder::default();
    let (mut desk, resident) = street(|_| {});
    let mine = desk.linked(resident);
    let charge = desk.charge(resident, mine, 100).unwrap();
    desk.confirm(charge).unwrap();
    let never = ChargeId([7; 16]);
    for (scheme, charge) in [(SchemeId(9), never), (STREET, never), (STREET, charge)] {
        let answer = ChargeAnswer { charge, scheme, reference: None };
        ladder.step(desk.submit(Command::FailCharge(answer, ByActor { actor: Actor::Node })));
    }
    ladder
}

fn earn(desk: &mut Desk, intent: &RewardIntent, account: AccountId) -> Result<Entry, Refusal> {
    let signature = desk.terminal_key.sign(Domain::Reward, &codec::encode(intent));
    let earner = Earner { account, method: Method::StreetCard };
    let command = Command::Reward(SignedReward { intent: intent.clone(), signature }, earner);
    desk.keyed(Some(OperationKey::Client(intent.key)), command)
}

fn rewards() -> Ladder {
    let mut ladder = Ladder::default();
    let (mut desk, _) = street(|_| {});
    let alone = AccountId([5; 16]);
    desk.link_card(card(7), alone, CardOpening::CardOnly, None).unwrap();
    set_state(&mut desk, alone, HolderState::Deceased);
    set(&mut desk, |scheme| {
        scheme.shops = Shops::These(vec![]);
        if let Some(reward) = &mut scheme.reward {
            (reward.holders, reward.ceiling) = (Cardholders::WithAccount, p(0));
        }
    });
    let key = desk.key();
    let mut intent = RewardIntent { terminal: OTHER_TILL, ..reward_intent(&desk, key, 99) };
    let nobody = AccountId([9; 16]);
    ladder.step(earn(&mut desk, &intent, nobody));
    (intent.key, intent.terminal) = (desk.key(), TILL);
    desk.return_reward(intent.key.payment(), None).unwrap();
    ladder.step(earn(&mut desk, &intent, nobody));
    intent.key = desk.key();
    ladder.step(earn(&mut desk, &intent, nobody));
    ladder.step(earn(&mut desk, &intent, alone));
    for (state, holders) in [
        (HolderState::Deceased, Cardholders::WithAccount),
        (HolderState::Open, Cardholders::WithAccount),
        (HolderState::Open, Cardholders::Everyone),
    ] {
        set_state(&mut desk, alone, state);
        set(&mut desk, |scheme| {
            if let Some(reward) = &mut scheme.reward {
                (reward.holders, reward.ceiling) = (holders, p(0));
            }
        });
        intent.key = desk.key();
        ladder.step(earn(&mut desk, &intent, alone));
    }
    (intent.key, intent.cash_yen) = (desk.key(), p(100));
    ladder.step(earn(&mut desk, &intent, alone));
    ladder
}

fn returns() -> Ladder {
    let mut ladder = Ladder::default();
    let (mut desk, resident) = street(|scheme| scheme.shops = Shops::All);
    let reward = desk.reward(resident, 1_000).unwrap();
    let returned = desk.reward(resident, 1_000).unwrap();
    desk.return_reward(returned, None).unwrap();
    for (merchant, terminal, purchase, yen) in [
        (SHOP, OTHER_TILL, PaymentId([7; 16]), Some(0)),
        (OTHER_SHOP, OTHER_TILL, PaymentId([7; 16]), Some(0)),
        (OTHER_SHOP, OTHER_TILL, PaymentId([7; 16]), Some(2_000)),
        (OTHER_SHOP, OTHER_TILL, reward, Some(2_000)),
        (SHOP, TILL, reward, Some(2_000)),
        (SHOP, TILL, returned, Some(2_000)),
    ] {
        let key = desk.key();
        let intent = reward_return_intent(&desk, key, purchase, yen);
        let intent = RewardReturnIntent { merchant, terminal, ..intent };
        let signature = desk.terminal_key.sign(Domain::RewardReturn, &codec::encode(&intent));
        let command = Command::ReturnReward(SignedRewardReturn { intent, signature }, Nothing {});
        ladder.step(desk.keyed(Some(OperationKey::Client(key)), command));
    }
    ladder
}

pub(super) fn ladders() -> Vec<(&'static str, Ladder, &'static str)> {
    vec![
        (
            "street card",
            links(),
            "unknown_scheme unknown_desk unknown_account no_card_left street_card_blocked \
             street_card_taken",
        ),
        (
            "charge",
            charges(),
            "unknown_scheme unknown_street_card no_points street_card_blocked \
             scheme_not_running no_charges account_frozen below_charge over_charge \
             over_day_charge not_chargeable charge_failed",
        ),
        ("charge answer", answers(), "unknown_scheme unknown_charge charge_confirmed"),
        (
            "reward",
            rewards(),
            "unknown_terminal reward_returned unknown_account no_rewards account_deceased \
             account_needed nothing_earned budget_exhausted",
        ),
        (
            "reward return",
            returns(),
            "unknown_terminal no_points unknown_reward not_your_payment over_refunded \
             reward_returned",
        ),
    ]
}
