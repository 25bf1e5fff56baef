//! Which street's card has which number: in the vault alone. The journal calls a card by a random
//! pseudonym, so that no number can be guessed from it.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use jichi_protocol::{
    codec,
    id::{AccountId, SchemeId, StreetCardId},
    text::code_input,
};
use minicbor::{Decode, Encode};

use crate::{
    person::PersonError,
    vault::{Vault, record::RecordKind},
};

/// A card's number: 4 to 32 letters and digits, without the blanks and hyphens between them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CardNumber(String);

impl CardNumber {
    /// The number as somebody typed or a reader read it.
    #[must_use]
    pub fn read(typed: &str) -> Option<Self> {
        let plain = code_input(typed).to_ascii_uppercase();
        let text: String = plain.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
        let fits =
            (4..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric());
        fits.then_some(Self(text))
    }

    /// The number, for whoever has to know it: the card system and the desk.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }
}

/// The cards of one account, as the vault has them.
#[derive(Default, Encode, Decode)]
#[cbor(transparent)]
struct Cards(#[n(0)] Vec<Card>);

#[derive(Clone, PartialEq, Eq, Encode, Decode)]
struct Card {
    #[n(0)]
    scheme: SchemeId,
    #[n(1)]
    number: String,
    #[n(2)]
    card: StreetCardId,
}

#[derive(Default)]
struct Known {
    cards: BTreeMap<(SchemeId, CardNumber), StreetCardId>,
    numbers: BTreeMap<StreetCardId, (SchemeId, CardNumber)>,
}

/// The streets' cards of one node. Cheap to clone.
#[derive(Clone)]
pub struct StreetCards {
    vault: Vault,
    known: Arc<RwLock<Known>>,
}

impl StreetCards {
    /// Reads which card has which number.
    ///
    /// # Errors
    /// [`PersonError`].
    pub fn open(vault: Vault) -> Result<Self, PersonError> {
        let mut known = Known::default();
        for account in vault.accounts() {
            for card in read(&vault, account)?.0 {
                known.put(&card);
            }
        }
        Ok(Self { vault, known: Arc::new(RwLock::new(known)) })
    }

    /// The card of a number.
    #[must_use]
    pub fn find(&self, scheme: SchemeId, number: &CardNumber) -> Option<StreetCardId> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.cards.get(&(scheme, number.clone())).copied()
    }

    /// The number of a card.
    #[must_use]
    pub fn number(&self, card: &StreetCardId) -> Option<CardNumber> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.numbers.get(card).map(|(_, number)| number.clone())
    }

    /// The cards that were ever an account's, the newest last.
    ///
    /// # Errors
    /// [`PersonError`].
    pub fn of(&self, account: AccountId) -> Result<Vec<(SchemeId, StreetCardId)>, PersonError> {
        let cards = read(&self.vault, account)?.0;
        Ok(cards.into_iter().map(|card| (card.scheme, card.card)).collect())
    }

    /// Writes a card down, before the entry that links it.
    ///
    /// # Errors
    /// [`PersonError`].
    pub async fn note(
        &self,
        account: AccountId,
        scheme: SchemeId,
        number: &CardNumber,
        card: StreetCardId,
    ) -> Result<(), PersonError> {
        let noted = Card { scheme, number: number.0.clone(), card };
        let mut cards = read(&self.vault, account)?;
        if !cards.0.contains(&noted) {
            cards.0.push(noted.clone());
            self.vault.put(account, RecordKind::StreetCards, &codec::encode(&cards)).await?;
        }
        self.known.write().unwrap_or_else(PoisonError::into_inner).put(&noted);
        Ok(())
    }
}

impl Known {
    fn put(&mut self, card: &Card) {
        let number = CardNumber(card.number.clone());
        self.cards.insert((card.scheme, number.clone()), card.card);
        self.numbers.insert(card.card, (card.scheme, number));
    }
}

fn read(vault: &Vault, account: AccountId) -> Result<Cards, PersonError> {
    let Some(record) = vault.latest(account, RecordKind::StreetCards)? else {
        return Ok(Cards::default());
    };
    codec::decode(&record.plaintext).map_err(|_| PersonError::Form)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_as_people_and_readers_write_it() {
        let text = |typed| CardNumber::read(typed).map(|number| number.text().to_owned());
        assert_eq!(text(" 1234-5678 "), Some("12345678".into()));
        assert_eq!(text("１２３４ー５６７８"), Some("12345678".into()));
        assert_eq!(text("ab12 cd"), Some("AB12CD".into()));
        for wrong in ["", "123", "12/34", "さのぽ", &"1".repeat(33)] {
            assert_eq!(text(wrong), None, "{wrong}");
        }
    }
}
