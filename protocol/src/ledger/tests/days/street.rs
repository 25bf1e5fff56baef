//! The street's cards, and charges that its card system answers.

use alloc::vec::Vec;

use super::{
    super::{
        desk::*,
        model::{Birth, Kind, Taking},
        street::{DESK, STREET, card},
    },
    Both, CARD_ONLY, End, KEY, PAYEE, Step, said,
};
use crate::{account::Account, command::*, date::BusinessDate, id::ChargeId, ledger::Taken};

/// What is known of cards and charges.
#[derive(Default)]
pub(super) struct Street {
    pub(super) cards: Vec<Card>,
    stock: u32,
    charges: Vec<Charge>,
    /// Who charged how much on a day; what came back is negative.
    charged: Vec<(usize, BusinessDate, i64)>,
    /// Confirmed charges, as long as nobody is paid for them.
    unpaid: Vec<(BusinessDate, i64)>,
    payee: bool,
}

pub(super) struct Card {
    pub(super) number: u8,
    pub(super) who: usize,
    pub(super) alone: bool,
    pub(super) blocked: bool,
}

struct Charge {
    id: ChargeId,
    who: usize,
    day: BusinessDate,
    kinds: Vec<Kind>,
    end: End,
}

impl Both {
    /// Whose it is now what an account had that a card opened.
    pub(super) fn holder_now(&self, who: usize) -> usize {
        let alone = self.street.cards.iter().find(|card| card.alone);
        alone.filter(|_| who == CARD_ONLY).map_or(who, |card| card.who)
    }

    pub(super) fn card_stock(&mut self, step: &Step) {
        let more = step.one_in(2);
        let change = if more { CardStockMove::Received(1) } else { CardStockMove::Spoiled(1) };
        let told = more || self.street.stock > 0;
        let done = self.pair.a.card_stock(change);
        if said(step, &done, told) {
            self.street.stock = if more { self.street.stock + 1 } else { self.street.stock - 1 };
        }
    }

    pub(super) fn new_card(&mut self, step: &Step) {
        let number = u8::try_from(20 + self.street.cards.len()).unwrap();
        let told = self.street.stock > 0 && self.model.receives(step.who);
        let account = self.accounts[step.who];
        let done = self.pair.a.link_card(card(number), account, CardOpening::Linked, Some(DESK));
        if said(step, &done, told) {
            self.street.stock -= 1;
            let (who, alone, blocked) = (step.who, false, false);
            self.street.cards.push(Card { number, who, alone, blocked });
        }
    }

    /// A card that opened an account becomes another account's, with what is on it.
    pub(super) fn relink(&mut self, step: &Step) {
        let alone = self.street.cards.iter().position(|card| card.alone).unwrap();
        let at = if step.one_in(8) { step.of(self.street.cards.len()).unwrap() } else { alone };
        let it = &self.street.cards[at];
        let told = it.alone
            && !it.blocked
            && step.who != CARD_ONLY
            && (it.who == CARD_ONLY || it.who == step.who)
            && self.model.is_open(CARD_ONLY)
            && self.model.receives(step.who);
        let account = self.accounts[step.who];
        let done = self.pair.a.link_card(card(it.number), account, CardOpening::Linked, None);
        if said(step, &done, told) {
            self.street.cards[at].who = step.who;
            let points = self.model.spendable(CARD_ONLY);
            for kind in self.model.take(CARD_ONLY, points, |_| true) {
                self.model.put(step.who, kind, 1);
            }
        }
    }

    pub(super) fn card_state(&mut self, step: &Step) {
        let Some(at) = step.of(self.street.cards.len()) else { return };
        let block = step.one_in(3);
        let state = if block { InUse::Suspended } else { InUse::Active };
        let it = &mut self.street.cards[at];
        let change =
            StreetCardState { card: card(it.number), state, actor: Actor::Officer(OFFICER) };
        let done = self.pair.a.submit(Command::SetStreetCard(Nothing {}, change));
        if said(step, &done, it.blocked != block) {
            it.blocked = block;
        }
    }

    pub(super) fn charge(&mut self, step: &Step) {
        let at = step.of(self.street.cards.len()).unwrap();
        let it = &self.street.cards[at];
        let who = if step.one_in(8) { step.who } else { it.who };
        let (day, points) = (self.model.today, step.points);
        let own = self.street.charged.iter().filter(|(owner, on, _)| (*owner, *on) == (who, day));
        let before: i64 = own.map(|(.., points)| points).sum();
        let may = |kind: &Kind| kind.birth.0 != Birth::Reward;
        let told = who == it.who
            && !it.blocked
            && (10..=40).contains(&points)
            && before + points <= 80
            && self.model.is_open(who)
            && self.model.has(who, points, may);
        let key = self.pair.a.key();
        let (account, number) = (self.accounts[who], it.number);
        let done = self.pair.a.charge_by(key, account, card(number), step.count());
        let mut kinds = Vec::new();
        if said(step, &done, told) {
            kinds = self.model.take(who, points, may);
            self.model.fact(Account::LocalCardPending(STREET), points);
            self.street.charged.push((who, day, points));
        }
        let end = if told { End::Done } else { End::Refused };
        self.street.charges.push(Charge { id: key.charge(), who, day, kinds, end });
    }

    pub(super) fn confirm(&mut self, step: &Step) {
        let Some(at) = step.of(self.street.charges.len()) else { return };
        let it = &mut self.street.charges[at];
        let (id, told) = (it.id, it.end == End::Done);
        let done = self.pair.a.confirm(id);
        if !said(step, &done, told) {
            return;
        }
        it.end = End::Over;
        let points = i64::try_from(it.kinds.len()).unwrap();
        let books = (Account::LocalCardPending(STREET), Account::LocalCard(STREET));
        self.model.book(books.0, books.1, points);
        if self.street.payee {
            self.model.took(PAYEE, Taken::Charge, points);
        } else {
            self.street.unpaid.push((self.model.today, points));
        }
    }

    pub(super) fn fail(&mut self, step: &Step) {
        let Some(at) = step.of(self.street.charges.len()) else { return };
        let it = &mut self.street.charges[at];
        let (id, who, day, was) = (it.id, it.who, it.day, it.end);
        let told = match was {
            End::Done => true,
            End::Refused => self.model.today.days_since(day) <= KEY,
            End::Over => false,
        };
        let done = self.pair.a.fail(id);
        if !said(step, &done, told) {
            return;
        }
        it.end = End::Over;
        if was == End::Done {
            let kinds = core::mem::take(&mut it.kinds);
            let points = i64::try_from(kinds.len()).unwrap();
            self.street.charged.push((who, day, -points));
            let now = self.holder_now(who);
            self.model.back(now, kinds.into_iter().rev(), Account::LocalCardPending(STREET));
        }
    }

    /// What an account charged that the card system has not answered.
    pub(super) fn charging(&self, who: usize) -> i64 {
        let open = self.street.charges.iter().filter(|it| it.end == End::Done);
        let own = open.filter(|it| self.holder_now(it.who) == who);
        own.map(|it| i64::try_from(it.kinds.len()).unwrap()).sum()
    }

    /// Somebody is named to be paid for charges, also for those that were confirmed before.
    pub(super) fn payee(&mut self, step: &Step) {
        let payee = AssociationPayee { scheme: STREET, merchant: PAYEE };
        let done = self.pair.a.submit(Command::SetPayee(payee, by_officer()));
        if said(step, &done, !self.street.payee) {
            self.street.payee = true;
            for (day, points) in core::mem::take(&mut self.street.unpaid) {
                let (shop, what, in_run) = (PAYEE, Taken::Charge, false);
                self.model.takings.push(Taking { shop, day, what, points, in_run });
            }
        }
    }
}
