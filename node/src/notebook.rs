//! A notebook in the vault: lines in order, each durable before it counts, under a key of its
//! fiscal year, so that a year can be destroyed as a whole.
//!
//! A line stays when the person it is about is erased: it names an account, which then leads to
//! nobody.

use std::{
    marker::PhantomData,
    sync::{Arc, PoisonError, RwLock},
};

use jichi_protocol::{codec, date::FiscalYear, id::AccountId};
use minicbor::{Decode, Encode};

use crate::{
    person::PersonError,
    vault::{
        Vault,
        record::{RecordId, RecordKind},
    },
};

/// The years in which a notebook can have been written.
const YEARS: std::ops::RangeInclusive<u32> = 2_000..=2_200;

/// What can be written into a notebook.
pub trait Noted: Encode<()> + for<'b> Decode<'b, ()> {
    /// The kind of its records.
    const KIND: RecordKind;
}

/// A line with the place of the one before it.
#[derive(Encode, Decode)]
struct Line {
    #[n(0)]
    before: Option<u64>,
    #[n(1)]
    about: AccountId,
    #[cbor(n(2), with = "minicbor::bytes")]
    what: Vec<u8>,
}

/// Where a line stands, and whom it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Its record, which also is its number.
    pub id: RecordId,
    /// The account.
    pub about: AccountId,
}

/// A notebook. Cheap to clone.
pub struct Notebook<T> {
    vault: Vault,
    places: Arc<RwLock<Vec<Place>>>,
    /// One at a time writes, so that each line names the one before it.
    writing: Arc<tokio::sync::Mutex<()>>,
    lines: PhantomData<fn() -> T>,
}

impl<T> Clone for Notebook<T> {
    fn clone(&self) -> Self {
        Self {
            vault: self.vault.clone(),
            places: Arc::clone(&self.places),
            writing: Arc::clone(&self.writing),
            lines: PhantomData,
        }
    }
}

impl<T: Noted> Notebook<T> {
    /// Reads which lines there are.
    ///
    /// # Errors
    /// [`PersonError`].
    pub fn open(vault: Vault) -> Result<Self, PersonError> {
        let mut places = Vec::new();
        for year in YEARS.map(FiscalYear) {
            let mut next = vault.latest(account_of::<T>(year), T::KIND)?;
            while let Some(record) = next {
                let line: Line = codec::decode(&record.plaintext).map_err(|_| PersonError::Form)?;
                places.push(Place { id: record.id, about: line.about });
                next = line.before.map(|id| vault.get(RecordId(id))).transpose()?;
            }
        }
        places.sort_by_key(|place| place.id);
        let places = Arc::new(RwLock::new(places));
        Ok(Self { vault, places, writing: Arc::default(), lines: PhantomData })
    }

    /// Writes a line; when this returns it is durable.
    ///
    /// # Errors
    /// [`PersonError::Put`]: nothing was written.
    pub async fn write(
        &self,
        about: AccountId,
        year: FiscalYear,
        what: &T,
    ) -> Result<Place, PersonError> {
        let _one = self.writing.lock().await;
        let book = account_of::<T>(year);
        let before = self.vault.latest(book, T::KIND)?.map(|record| record.id.0);
        let line = Line { before, about, what: codec::encode(what) };
        let stored = self.vault.put(book, T::KIND, &codec::encode(&line)).await?;
        let place = Place { id: stored.id, about };
        self.places.write().unwrap_or_else(PoisonError::into_inner).push(place);
        Ok(place)
    }

    /// Every line's place, the newest last.
    #[must_use]
    pub fn places(&self) -> Vec<Place> {
        self.places.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A line. Blocks on the disk.
    ///
    /// # Errors
    /// [`PersonError`].
    pub fn read(&self, place: Place) -> Result<T, PersonError> {
        let record = self.vault.get(place.id)?;
        let line: Line = codec::decode(&record.plaintext).map_err(|_| PersonError::Form)?;
        codec::decode(&line.what).map_err(|_| PersonError::Form)
    }

    /// The lines about an account, the newest last. Blocks on the disk.
    ///
    /// # Errors
    /// [`PersonError`].
    pub fn about(&self, account: AccountId) -> Result<Vec<(Place, T)>, PersonError> {
        let own = self.places().into_iter().filter(|place| place.about == account);
        own.map(|place| Ok((place, self.read(place)?))).collect()
    }
}

/// Under whose name the lines of a year lie: it is nobody's account.
fn account_of<T: Noted>(year: FiscalYear) -> AccountId {
    let of = [&[T::KIND.number()][..], &year.0.to_be_bytes()].concat();
    AccountId::derived("jichi/notebook/v1", &of)
}
