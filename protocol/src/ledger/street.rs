//! Streets' schemes and cards: what a desk has in stock, whose card it is, whether it may be used.

use alloc::{collections::BTreeMap, vec, vec::Vec};
use minicbor::{Decode, Encode};

use super::{
    Broken, Holder, Ledger, Plan,
    check::{may_receive, may_spend},
};
use crate::{
    account::{Account, HolderClass, Side},
    command::{
        CardOpening, CardStockMove, CardStockShared, InUse, StreetCardLink, StreetCardState,
    },
    id::{AccountId, DeskId, SchemeId, StreetCardId},
    lot::{LOTS_MAX, Lot},
    place::Stock,
    posting::{Posting, Postings},
    refusal::Refusal,
    street::Scheme,
};

/// Cards of one scheme, by desk.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
pub struct CardStock {
    /// Counted.
    #[n(0)]
    pub desks: BTreeMap<DeskId, Stock>,
}

/// A street's card.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct StreetCard {
    /// Of which scheme.
    #[n(0)]
    pub scheme: SchemeId,
    /// Whose it is.
    #[n(1)]
    pub account: AccountId,
    /// The account that the card opened, before its holder had another one. What comes back late
    /// comes back there.
    #[n(2)]
    pub opened: Option<AccountId>,
    /// Whether it may be used.
    #[n(3)]
    pub state: InUse,
}

impl Ledger {
    pub(super) fn plan_scheme(&self, scheme: &Scheme) -> Result<Plan, Refusal> {
        if !scheme.well_formed() {
            return Err(Refusal::NotWellFormed);
        }
        let given = self.balance(&Account::Association(scheme.id));
        if let Some(reward) = &scheme.reward
            && reward.ceiling < given
        {
            return Err(Refusal::BudgetExhausted { left: crate::points::Points::ZERO });
        }
        Ok(Plan::FACT)
    }

    pub(super) fn plan_card_stock(&self, shared: &CardStockShared) -> Result<Plan, Refusal> {
        let scheme = self.schemes.get(&shared.scheme).ok_or(Refusal::UnknownScheme)?;
        desk_of(scheme, shared.desk)?;
        let stock = self.card_stock_at(shared.scheme, shared.desk);
        match shared.change {
            CardStockMove::Received(0) | CardStockMove::Spoiled(0) => Err(Refusal::NotWellFormed),
            CardStockMove::Received(count) => {
                let sum = stock.received.checked_add(count);
                sum.map(|_| Plan::FACT).ok_or(Refusal::NotWellFormed)
            }
            CardStockMove::Spoiled(count) if count > stock.left() => Err(Refusal::NoCardLeft),
            CardStockMove::Spoiled(_) => Ok(Plan::FACT),
        }
    }

    pub(super) fn apply_card_stock(&mut self, shared: &CardStockShared) -> Result<(), Broken> {
        let desks = &mut self.card_stock.get_or_default(shared.scheme).desks;
        let stock = desks.entry(shared.desk).or_default();
        let (count, more) = match shared.change {
            CardStockMove::Received(more) => (&mut stock.received, more),
            CardStockMove::Spoiled(more) => (&mut stock.spoiled, more),
        };
        *count = count.checked_add(more).ok_or(Broken::Balance)?;
        Ok(())
    }

    /// What a desk has of a scheme's cards.
    #[must_use]
    pub fn card_stock_at(&self, scheme: SchemeId, desk: DeskId) -> Stock {
        let stock = self.card_stock.get(&scheme);
        stock.and_then(|stock| stock.desks.get(&desk)).copied().unwrap_or_default()
    }

    pub(super) fn plan_card_link(&self, link: &StreetCardLink) -> Result<Plan, Refusal> {
        let scheme = self.schemes.get(&link.scheme).ok_or(Refusal::UnknownScheme)?;
        if let Some(desk) = link.desk {
            desk_of(scheme, desk)?;
        }
        let known = self.street_cards.get(&link.card);
        match (known, link.opening) {
            (Some(known), _) if known.scheme != link.scheme => {
                return Err(Refusal::StreetCardTaken);
            }
            (Some(_), CardOpening::CardOnly) => return Err(Refusal::Exists),
            (None, CardOpening::CardOnly) if self.holders.contains(&link.account) => {
                return Err(Refusal::Exists);
            }
            (None, CardOpening::CardOnly) | (_, CardOpening::Linked) => {}
        }
        if link.opening == CardOpening::Linked {
            let holder = self.holders.get(&link.account).ok_or(Refusal::UnknownAccount)?;
            may_receive(holder.state)?;
        }
        if let Some(desk) = link.desk
            && self.card_stock_at(link.scheme, desk).left() == 0
        {
            return Err(Refusal::NoCardLeft);
        }
        match known {
            None => Ok(Plan::FACT),
            Some(known) => self.plan_relink(known, link),
        }
    }

    /// A card that stood for an account of its own becomes another account's: its points come
    /// along. The same once more brings along what came back meanwhile.
    fn plan_relink(&self, known: &StreetCard, link: &StreetCardLink) -> Result<Plan, Refusal> {
        if known.state == InUse::Suspended {
            return Err(Refusal::StreetCardBlocked);
        }
        let opened = match known.opened {
            Some(opened) if known.account == opened || known.account == link.account => opened,
            Some(_) | None if known.account == link.account => return Err(Refusal::Exists),
            Some(_) | None => return Err(Refusal::StreetCardTaken),
        };
        if opened == link.account {
            return Err(Refusal::Exists);
        }
        let today = self.meta.day;
        let from = self.holders.get(&opened).ok_or(Refusal::UnknownAccount)?;
        may_spend(from.state)?;
        let to = self.holders.get(&link.account).ok_or(Refusal::UnknownAccount)?;
        let valid = from.lots.iter().filter(|lot| lot.terms.spendable_on(today));
        let lots: Vec<Lot> = valid.collect();
        if to.lots.count_on(today).saturating_add(lots.len()) > LOTS_MAX {
            return Err(Refusal::TooManyLots);
        }
        let along = from.lots.spendable(today);
        if to.lots.sum().plus(along).is_none() {
            return Err(Refusal::TooManyPoints);
        }
        let postings = vec![
            Posting::Lots { holder: opened, side: Side::Debit, lots: lots.clone() },
            Posting::Lots { holder: link.account, side: Side::Credit, lots },
        ];
        Postings::balanced(postings).map(Plan::moving).ok_or(Refusal::TooManyPoints)
    }

    pub(super) fn apply_card_link(&mut self, link: &StreetCardLink) -> Result<(), Broken> {
        let mut opened = self.street_cards.get(&link.card).and_then(|card| card.opened);
        if link.opening == CardOpening::CardOnly {
            self.holders.insert(link.account, Holder::new(HolderClass::Visitor));
            self.card_accounts.insert(link.account, link.card);
            opened = Some(link.account);
        }
        if let Some(desk) = link.desk {
            let desks = &mut self.card_stock.get_or_default(link.scheme).desks;
            let stock = desks.get_mut(&desk).ok_or(Broken::Unknown)?;
            stock.used = stock.used.checked_add(1).ok_or(Broken::Balance)?;
        }
        let (scheme, account) = (link.scheme, link.account);
        let card = StreetCard { scheme, account, opened, state: InUse::Active };
        self.street_cards.insert(link.card, card);
        Ok(())
    }

    pub(super) fn plan_card_state(&self, change: &StreetCardState) -> Result<Plan, Refusal> {
        match self.street_cards.get(&change.card) {
            None => Err(Refusal::UnknownStreetCard),
            Some(card) if card.state == change.state => Err(Refusal::Exists),
            Some(_) => Ok(Plan::FACT),
        }
    }

    pub(super) fn apply_card_state(&mut self, change: &StreetCardState) -> Result<(), Broken> {
        let card = self.street_cards.get_mut(&change.card).ok_or(Broken::Unknown)?;
        card.state = change.state;
        Ok(())
    }

    /// A card that may be used.
    ///
    /// # Errors
    /// `unknown_street_card`, `street_card_blocked`.
    pub fn usable_card(&self, card: &StreetCardId) -> Result<&StreetCard, Refusal> {
        match self.street_cards.get(card) {
            None => Err(Refusal::UnknownStreetCard),
            Some(card) if card.state == InUse::Suspended => Err(Refusal::StreetCardBlocked),
            Some(card) => Ok(card),
        }
    }

    /// Whose it is now what an account had: an account that a card opened may have become another
    /// one's.
    pub(super) fn holder_now(&self, account: AccountId) -> AccountId {
        let card = self.card_accounts.get(&account).and_then(|card| self.street_cards.get(card));
        card.map_or(account, |card| card.account)
    }

    /// A street's card.
    #[must_use]
    pub fn street_card(&self, card: &StreetCardId) -> Option<&StreetCard> {
        self.street_cards.get(card)
    }

    /// The streets' schemes in order.
    pub fn schemes(&self) -> impl Iterator<Item = &Scheme> {
        self.schemes.iter().map(|(_, scheme)| scheme)
    }

    /// A street's scheme.
    #[must_use]
    pub fn scheme(&self, scheme: &SchemeId) -> Option<&Scheme> {
        self.schemes.get(scheme)
    }
}

fn desk_of(scheme: &Scheme, desk: DeskId) -> Result<(), Refusal> {
    let known = scheme.desks.iter().any(|known| known.id == desk);
    known.then_some(()).ok_or(Refusal::UnknownDesk)
}
