//! The numbers of linked cards: in the vault alone, each under a key of its own, so that one can be
//! erased and all others stay.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use jichi_protocol::{
    codec,
    id::{AccountId, LibraryLinkId, TownId},
    library::{Enclosure, LibraryCardNumber, LibrarySide},
};
use minicbor::{Decode, Encode};

use crate::{
    person::PersonError,
    vault::{Vault, record::RecordKind},
};

/// Where a number belongs: which end of which link this node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Place {
    /// This node's end.
    #[n(0)]
    pub side: LibrarySide,
    /// The town of the other end.
    #[n(1)]
    pub town: TownId,
    /// The link.
    #[n(2)]
    pub link: LibraryLinkId,
}

impl Place {
    /// The name under which the vault has a key for this number alone. Another town chooses the
    /// ids of its links, so that none of them may be an account's of this node.
    #[must_use]
    pub fn subject(&self) -> AccountId {
        AccountId::derived("jichi/library-vault/v1", &codec::encode(self))
    }
}

#[derive(Encode, Decode)]
struct CardRecord {
    #[n(0)]
    place: Place,
    #[n(1)]
    card: Enclosure,
}

/// The numbers of one node. Cheap to clone.
#[derive(Clone)]
pub struct LibraryCards {
    vault: Vault,
    known: Arc<RwLock<BTreeMap<Place, Enclosure>>>,
}

impl LibraryCards {
    /// Reads which numbers there are.
    ///
    /// # Errors
    /// [`PersonError`].
    pub fn open(vault: Vault) -> Result<Self, PersonError> {
        let mut known = BTreeMap::new();
        for subject in vault.accounts() {
            let Some(record) = vault.latest(subject, RecordKind::LibraryCard)? else { continue };
            let CardRecord { place, card } =
                codec::decode(&record.plaintext).map_err(|_| PersonError::Form)?;
            known.insert(place, card);
        }
        Ok(Self { vault, known: Arc::new(RwLock::new(known)) })
    }

    /// Seals a number, and waits until it is durable: before the entry that speaks of it. What is
    /// there already stays.
    ///
    /// # Errors
    /// [`PersonError`].
    pub async fn keep(&self, place: Place, card: &Enclosure) -> Result<(), PersonError> {
        if self.find(&place).is_none() {
            let record = CardRecord { place, card: card.clone() };
            let bytes = zeroize::Zeroizing::new(codec::encode(&record));
            self.vault.put(place.subject(), RecordKind::LibraryCard, &bytes).await?;
            self.known.write().unwrap_or_else(PoisonError::into_inner).insert(place, card.clone());
        }
        Ok(())
    }

    /// The number at a place.
    #[must_use]
    pub fn find(&self, place: &Place) -> Option<Enclosure> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(place).cloned()
    }

    /// Where else the number of a card of this library stands.
    #[must_use]
    pub fn others(&self, place: &Place, number: &LibraryCardNumber) -> Vec<Place> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let others = known.iter().filter(|(other, card)| {
            *other != place && other.side == LibrarySide::Institution && card.number == *number
        });
        others.map(|(other, _)| *other).collect()
    }

    /// Every place that has a number.
    #[must_use]
    pub fn held(&self) -> Vec<Place> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }

    /// Forgets numbers whose keys are destroyed.
    pub fn forget(&self, places: &[Place]) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.retain(|place, _| !places.contains(place));
    }
}
