//! Who is behind an account: name, MyKey ID and password, in the vault alone.

mod old;

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use jichi_protocol::{
    codec,
    digest::Digest,
    id::{AccountId, ProgrammeId, TownId},
    text::mykey::{MyKeyId, MyKeyName},
};
use minicbor::{Decode, Encode};

use crate::{
    data_request::DataRequests,
    look_up::LookUps,
    password::PasswordHash,
    register::Register,
    street_card::StreetCards,
    town::Town,
    vault::{GetError, PutError, Vault, record::RecordKind},
};

pub use old::OldLine;

/// What the vault keeps of a person.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
struct PersonRecord {
    /// `<municipality code>-<MyKey ID>`.
    #[n(0)]
    mykey: String,
    /// As given.
    #[n(1)]
    name: String,
}

/// Why nobody was written down or found.
#[derive(Debug, thiserror::Error)]
pub enum PersonError {
    /// The vault takes nothing.
    #[error(transparent)]
    Put(#[from] PutError),
    /// The vault gives nothing.
    #[error(transparent)]
    Get(#[from] GetError),
    /// A record that is no person.
    #[error("a record of the vault is not of its form; restore the vault")]
    Form,
    /// The MyKey ID is taken.
    #[error("this MyKey ID is taken; choose another one")]
    Taken,
}

/// The people of one node. Cheap to clone.
#[derive(Clone)]
pub struct People {
    vault: Vault,
    names: Arc<RwLock<BTreeMap<String, AccountId>>>,
    register: Register,
    cards: StreetCards,
    look_ups: LookUps,
    requests: DataRequests,
}

impl People {
    /// Reads who has which MyKey ID.
    ///
    /// # Errors
    /// [`PersonError`].
    pub fn open(vault: Vault) -> Result<Self, PersonError> {
        let mut names = BTreeMap::new();
        for account in vault.accounts() {
            if let Some(record) = read(&vault, account)? {
                names.insert(record.mykey, account);
            }
        }
        let register = Register::open(vault.clone())?;
        let cards = StreetCards::open(vault.clone())?;
        let look_ups = LookUps::open(vault.clone())?;
        let requests = DataRequests::open(vault.clone())?;
        let names = Arc::new(RwLock::new(names));
        Ok(Self { vault, names, register, cards, look_ups, requests })
    }

    /// Writes a person down, before the entry that opens the account. The same account again
    /// gets the MyKey ID that it was given before.
    ///
    /// # Errors
    /// [`PersonError`].
    pub async fn enrol(
        &self,
        account: AccountId,
        mykey: MyKeyName,
        name: &str,
        password: &PasswordHash,
    ) -> Result<MyKeyName, PersonError> {
        let known = read(&self.vault, account)?;
        let record = match known {
            Some(record) => record,
            None => PersonRecord { mykey: mykey.text(), name: name.into() },
        };
        self.name_account(&record.mykey, account)?;
        // A crash between the two leaves a person without password: the command comes again.
        self.vault.put(account, RecordKind::Person, &codec::encode(&record)).await?;
        self.vault.put(account, RecordKind::SignIn, password.as_str().as_bytes()).await?;
        record.mykey.parse().map_err(|_| PersonError::Form)
    }

    /// Notes whose MyKey ID it is, if it is nobody else's.
    fn name_account(&self, mykey: &str, account: AccountId) -> Result<(), PersonError> {
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        match names.get(mykey) {
            Some(owner) if *owner != account => Err(PersonError::Taken),
            Some(_) | None => {
                names.insert(mykey.to_owned(), account);
                Ok(())
            }
        }
    }

    /// Gives an account another MyKey ID, if it is nobody else's; the old one is revoked.
    ///
    /// # Errors
    /// [`PersonError::Taken`]; [`PersonError::Form`] if nothing is known of the account.
    pub async fn rename(&self, account: AccountId, mykey: MyKeyName) -> Result<(), PersonError> {
        let known = read(&self.vault, account)?.ok_or(PersonError::Form)?;
        let new = PersonRecord { mykey: mykey.text(), name: known.name.clone() };
        if new == known {
            return Ok(());
        }
        self.name_account(&new.mykey, account)?;
        let stored = self.vault.put(account, RecordKind::Person, &codec::encode(&new)).await;
        // Both names lead here until the new one is durable; then the old one leads nowhere.
        let gone = if stored.is_ok() { known.mykey } else { new.mykey };
        self.names.write().unwrap_or_else(PoisonError::into_inner).remove(&gone);
        stored?;
        Ok(())
    }

    /// Sets a new password.
    ///
    /// # Errors
    /// [`PersonError`].
    pub async fn set_password(
        &self,
        account: AccountId,
        password: &PasswordHash,
    ) -> Result<(), PersonError> {
        self.vault.put(account, RecordKind::SignIn, password.as_str().as_bytes()).await?;
        Ok(())
    }

    /// The account of a MyKey ID.
    #[must_use]
    pub fn account(&self, name: &MyKeyName) -> Option<AccountId> {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        names.get(&name.text()).copied()
    }

    /// The MyKey ID of an account.
    ///
    /// # Errors
    /// [`PersonError`].
    pub fn mykey(&self, account: AccountId) -> Result<Option<String>, PersonError> {
        Ok(read(&self.vault, account)?.map(|record| record.mykey))
    }

    /// The name of an account's holder, as it was given.
    ///
    /// # Errors
    /// [`PersonError`].
    pub fn name(&self, account: AccountId) -> Result<Option<String>, PersonError> {
        Ok(read(&self.vault, account)?.map(|record| record.name))
    }

    /// The hash of an account's password.
    ///
    /// # Errors
    /// [`PersonError`].
    pub fn password(&self, account: AccountId) -> Result<Option<PasswordHash>, PersonError> {
        let Some(record) = self.vault.latest(account, RecordKind::SignIn)? else {
            return Ok(None);
        };
        let text = core::str::from_utf8(&record.plaintext).map_err(|_| PersonError::Form)?;
        text.parse().map(Some).map_err(|_| PersonError::Form)
    }

    /// Seals evidence and waits until it is durable; its hash goes into the entry.
    ///
    /// # Errors
    /// [`PersonError`].
    pub async fn evidence(
        &self,
        account: AccountId,
        evidence: &[u8],
    ) -> Result<Digest, PersonError> {
        Ok(self.vault.put(account, RecordKind::Evidence, evidence).await?.digest)
    }

    /// What is known of people besides name and sign-in.
    #[must_use]
    pub const fn register(&self) -> &Register {
        &self.register
    }

    /// The streets' cards and their numbers.
    #[must_use]
    pub const fn cards(&self) -> &StreetCards {
        &self.cards
    }

    /// Who of the staff looked at whom.
    #[must_use]
    pub const fn look_ups(&self) -> &LookUps {
        &self.look_ups
    }

    /// Requests under the law on personal data.
    #[must_use]
    pub const fn requests(&self) -> &DataRequests {
        &self.requests
    }

    /// Forgets the MyKey IDs of persons whose keys were destroyed.
    pub fn forget(&self, erased: &[AccountId]) {
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        names.retain(|_, account| !erased.contains(account));
    }

    /// The vault itself.
    #[must_use]
    pub const fn vault(&self) -> &Vault {
        &self.vault
    }
}

fn read(vault: &Vault, account: AccountId) -> Result<Option<PersonRecord>, PersonError> {
    let Some(record) = vault.latest(account, RecordKind::Person)? else { return Ok(None) };
    codec::decode(&record.plaintext).map(Some).map_err(|_| PersonError::Form)
}

/// The accounts of a kana name and a day of birth, `1960-04-01`.
#[must_use]
pub fn by_kana(town: &Town, kana: &str, birth: &str) -> Vec<AccountId> {
    let birth = birth.parse().ok();
    birth.map(|birth| town.people().register().by_kana(kana, &birth)).unwrap_or_default()
}

/// The account of a number on a programme's list, if there is one.
#[must_use]
pub fn by_enrolment(town: &Town, programme: ProgrammeId, number: &str) -> Vec<AccountId> {
    town.people().register().by_enrolment(programme, number).into_iter().collect()
}

/// A new MyKey ID of this town.
///
/// # Errors
/// [`crate::session::NoRandomness`].
pub fn new_mykey(town: TownId) -> Result<MyKeyName, crate::session::NoRandomness> {
    let mut random = [0_u8; 8];
    getrandom::fill(&mut random).map_err(|_| crate::session::NoRandomness)?;
    Ok(MyKeyName { town, id: MyKeyId::from_random(random) })
}
