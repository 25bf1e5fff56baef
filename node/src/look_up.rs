//! 閲覧記録: who of the staff looked at whom, when and why. The base of a breach report, for the
//! auditors to read; it lies in the vault, never in the journal.

use jichi_protocol::{
    date::Time,
    id::{AccountId, OfficerId},
};
use minicbor::{Decode, Encode};

use crate::{
    notebook::{Notebook, Noted, Place},
    person::PersonError,
    vault::{Vault, record::RecordKind},
};

/// What was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Looked {
    /// The person was searched for, and found.
    #[n(0)]
    Person,
    /// Everything that is held on the person was exported.
    #[n(1)]
    Everything,
    /// The lots, for a correction.
    #[n(2)]
    Lots,
    /// Whether attributes are recorded.
    #[n(3)]
    Attributes,
    /// Whose a street's card is.
    #[n(4)]
    Card,
    /// Which card of a library a person links, or links no more.
    #[n(5)]
    LibraryCard,
}

impl Looked {
    /// In a word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Everything => "everything",
            Self::Lots => "lots",
            Self::Attributes => "attributes",
            Self::Card => "card",
            Self::LibraryCard => "library_card",
        }
    }
}

/// One look-up.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct LookUp {
    /// When.
    #[n(0)]
    pub time: Time,
    /// By whom.
    #[n(1)]
    pub officer: OfficerId,
    /// At what.
    #[n(2)]
    pub looked: Looked,
    /// Why, in the officer's words.
    #[n(3)]
    pub reason: String,
    /// The number of the ticket or call, if there is one.
    #[n(4)]
    pub ticket: Option<String>,
}

impl Noted for LookUp {
    const KIND: RecordKind = RecordKind::LookUp;
}

/// A line of the list, with the account that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Where it stands.
    pub place: Place,
    /// What it says.
    pub look_up: LookUp,
}

/// Which look-ups are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wanted {
    /// Of this account alone.
    pub account: Option<AccountId>,
    /// By this officer alone.
    pub officer: Option<OfficerId>,
    /// Only those that stand before this number.
    pub before: Option<u64>,
}

/// Look-ups of one page.
pub const PAGE_MAX: usize = 100;
/// Lines that are read for one page at most.
const READ_MAX: usize = 2_000;

/// The log of look-ups. Cheap to clone.
#[derive(Clone)]
pub struct LookUps(Notebook<LookUp>);

impl LookUps {
    /// Opens the log.
    ///
    /// # Errors
    /// [`PersonError`].
    pub fn open(vault: Vault) -> Result<Self, PersonError> {
        Notebook::open(vault).map(Self)
    }

    /// Writes a look-up down. What was looked at may be shown only behind this.
    ///
    /// # Errors
    /// [`PersonError`]: nothing was written, hence nothing is shown.
    pub async fn note(&self, account: AccountId, look_up: &LookUp) -> Result<(), PersonError> {
        let year = look_up.time.date().fiscal_year();
        self.0.write(account, year, look_up).await.map(|_| ())
    }

    /// A page, newest first, and where the next one begins.
    ///
    /// # Errors
    /// [`PersonError`].
    pub fn page(&self, wanted: Wanted) -> Result<(Vec<Listed>, Option<u64>), PersonError> {
        let mut places = self.0.places();
        places.retain(|place| {
            wanted.account.is_none_or(|account| place.about == account)
                && wanted.before.is_none_or(|before| place.id.0 < before)
        });
        let mut page = Vec::new();
        for (read, place) in places.into_iter().rev().enumerate() {
            if page.len() == PAGE_MAX || read == READ_MAX {
                return Ok((page, Some(place.id.0.saturating_add(1))));
            }
            let look_up = self.0.read(place)?;
            if wanted.officer.is_none_or(|officer| look_up.officer == officer) {
                page.push(Listed { place, look_up });
            }
        }
        Ok((page, None))
    }

    /// Every look-up of an account, the newest last.
    ///
    /// # Errors
    /// [`PersonError`].
    pub fn of(&self, account: AccountId) -> Result<Vec<LookUp>, PersonError> {
        Ok(self.0.about(account)?.into_iter().map(|(_, look_up)| look_up).collect())
    }
}

#[cfg(test)]
mod tests;
