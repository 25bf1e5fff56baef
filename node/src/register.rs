//! What the town knows of its people besides name and sign-in: kana name, birth date, residence,
//! enrolments; and which accounts may be one person's.
//!
//! It lies in the vault alone. The maps here are made from it at the start, and hold keyed hashes,
//! no names. What the journal gets is a judgement (`jichi_protocol::eligibility`).

mod hash;
pub mod kana;

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use jichi_protocol::{
    codec,
    date::BusinessDate,
    digest::Digest,
    eligibility::{Attested, Attributes, BirthDate, Known, Residence},
    id::{AccountId, ProgrammeId},
    programme::Programme,
};
use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

use crate::{
    person::PersonError,
    vault::{Vault, record::RecordKind},
};

/// What a desk or a file said of a person, the newest alone.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct Recorded {
    /// The name in kana, as given.
    #[n(0)]
    pub kana: String,
    /// The day of birth.
    #[n(1)]
    pub birth: BirthDate,
    /// The number of the address, as given; it tells apart people of one name and birth date.
    #[n(2)]
    pub address_number: Option<String>,
    /// The time in the resident register.
    #[n(3)]
    pub residence: Option<Residence>,
    /// Where this comes from.
    #[n(4)]
    pub source: String,
    /// The day of the source.
    #[n(5)]
    pub dated: BusinessDate,
}

/// A place on a programme's list.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Enrolment {
    /// The programme.
    #[n(0)]
    pub programme: ProgrammeId,
    /// The number on its list.
    #[n(1)]
    pub number: String,
    /// The first day.
    #[n(2)]
    pub from: BusinessDate,
    /// The last day; none as long as it lasts.
    #[n(3)]
    pub until: Option<BusinessDate>,
    /// The prize that the participant chose, where the list has it.
    #[n(4)]
    pub prize: Option<String>,
}

/// Why somebody was not enrolled.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// The number is another one's.
    #[error("this number of the list is another account's")]
    NumberTaken,
    /// The vault.
    #[error(transparent)]
    Vault(#[from] PersonError),
}

type Secret = Zeroizing<[u8; 32]>;

#[derive(Default)]
struct Maps {
    secret: Option<Secret>,
    /// By keyed hash of kana name, birth date and address number.
    persons: BTreeMap<Digest, Vec<AccountId>>,
    /// By keyed hash of kana name and birth date.
    names: BTreeMap<Digest, Vec<AccountId>>,
    /// Under which two hashes an account stands.
    hashes: BTreeMap<AccountId, (Option<Digest>, Digest)>,
    enrolled: BTreeMap<(ProgrammeId, String), AccountId>,
}

/// The register of one node. Cheap to clone.
#[derive(Clone)]
pub struct Register {
    vault: Vault,
    maps: Arc<RwLock<Maps>>,
    /// One at a time writes, so that a number is given once.
    writing: Arc<tokio::sync::Mutex<()>>,
}

impl Register {
    /// Makes the maps from the vault.
    ///
    /// # Errors
    /// [`PersonError`].
    pub fn open(vault: Vault) -> Result<Self, PersonError> {
        let mut maps = Maps::default();
        if let Some(secret) = vault.latest(secret_account(), RecordKind::RegisterSecret)? {
            let bytes = <[u8; 32]>::try_from(secret.plaintext.as_slice());
            maps.secret = Some(Zeroizing::new(bytes.map_err(|_| PersonError::Form)?));
        }
        for account in vault.accounts() {
            if let Some(recorded) = read::<Recorded>(&vault, account, RecordKind::Attributes)? {
                maps.note(account, &recorded);
            }
            for enrolment in enrolments(&vault, account)? {
                maps.enrolled.insert((enrolment.programme, enrolment.number), account);
            }
        }
        Ok(Self { vault, maps: Arc::new(RwLock::new(maps)), writing: Arc::default() })
    }

    fn maps(&self) -> RwLockReadGuard<'_, Maps> {
        self.maps.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn maps_mut(&self) -> RwLockWriteGuard<'_, Maps> {
        self.maps.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records what is known of a person.
    ///
    /// # Errors
    /// [`PersonError`].
    pub async fn record(&self, account: AccountId, known: &Recorded) -> Result<(), PersonError> {
        let _one = self.writing.lock().await;
        if self.maps().secret.is_none() {
            let mut secret = Zeroizing::new([0_u8; 32]);
            getrandom::fill(secret.as_mut_slice()).map_err(|_| PersonError::Form)?;
            // A crash here leaves a secret under which nothing stands yet.
            self.vault.put(secret_account(), RecordKind::RegisterSecret, &*secret).await?;
            self.maps_mut().secret = Some(secret);
        }
        self.vault.put(account, RecordKind::Attributes, &codec::encode(known)).await?;
        self.maps_mut().note(account, known);
        Ok(())
    }

    /// What was recorded of a person.
    ///
    /// # Errors
    /// [`PersonError`].
    pub fn recorded(&self, account: AccountId) -> Result<Option<Recorded>, PersonError> {
        read(&self.vault, account, RecordKind::Attributes)
    }

    /// The other accounts with the same kana name, birth date and address number.
    #[must_use]
    pub fn doubles(&self, account: AccountId) -> Vec<AccountId> {
        let maps = self.maps();
        let of = maps.hashes.get(&account).and_then(|(person, _)| maps.persons.get(&(*person)?));
        of.into_iter().flatten().filter(|other| **other != account).copied().collect()
    }

    /// Every pair of accounts that may be one person's, the account of the greater id first.
    #[must_use]
    pub fn pairs(&self) -> Vec<(AccountId, AccountId)> {
        let maps = self.maps();
        let mut pairs = Vec::new();
        for same in maps.persons.values() {
            for (at, one) in same.iter().enumerate() {
                pairs.extend(same.iter().take(at).map(|earlier| (*one, *earlier)));
            }
        }
        pairs
    }

    /// Writes a place on a programme's list down; the same number of the same account again
    /// replaces it.
    ///
    /// # Errors
    /// [`EnrolError`].
    pub async fn enrol(&self, account: AccountId, new: Enrolment) -> Result<(), EnrolError> {
        let _one = self.writing.lock().await;
        let place = (new.programme, new.number.clone());
        if self.maps().enrolled.get(&place).is_some_and(|owner| *owner != account) {
            return Err(EnrolError::NumberTaken);
        }
        let mut all = enrolments(&self.vault, account)?;
        // A person has one place on a list: a new number ends the old one.
        all.retain(|known| known.programme != new.programme);
        all.push(new);
        let stored = self.vault.put(account, RecordKind::Enrolments, &codec::encode(&all)).await;
        stored.map_err(PersonError::from)?;
        let mut maps = self.maps_mut();
        maps.enrolled.retain(|(programme, _), owner| *owner != account || *programme != place.0);
        maps.enrolled.insert(place, account);
        Ok(())
    }

    /// An account's place on a programme's list.
    ///
    /// # Errors
    /// [`PersonError`].
    pub fn enrolment(
        &self,
        account: AccountId,
        programme: ProgrammeId,
    ) -> Result<Option<Enrolment>, PersonError> {
        let all = enrolments(&self.vault, account)?;
        Ok(all.into_iter().find(|known| known.programme == programme))
    }

    /// An account's places on all lists.
    ///
    /// # Errors
    /// [`PersonError`].
    pub fn places(&self, account: AccountId) -> Result<Vec<Enrolment>, PersonError> {
        enrolments(&self.vault, account)
    }

    /// The account of a number on a programme's list.
    #[must_use]
    pub fn by_enrolment(&self, programme: ProgrammeId, number: &str) -> Option<AccountId> {
        self.maps().enrolled.get(&(programme, number.to_owned())).copied()
    }

    /// A programme's list, in order of the numbers.
    #[must_use]
    pub fn list(&self, programme: ProgrammeId) -> Vec<(String, AccountId)> {
        let maps = self.maps();
        let from = maps.enrolled.range((programme, String::new())..);
        let own = from.take_while(|((of, _), _)| *of == programme);
        own.map(|((_, number), account)| (number.clone(), *account)).collect()
    }

    /// The accounts of a kana name, in whatever writing, and a day of birth.
    #[must_use]
    pub fn by_kana(&self, kana: &str, birth: &BirthDate) -> Vec<AccountId> {
        let maps = self.maps();
        let Some(secret) = &maps.secret else { return Vec::new() };
        maps.names.get(&name_hash(secret, kana, birth)).cloned().unwrap_or_default()
    }

    /// What the node asserts of a recipient, for a grant of this day.
    ///
    /// # Errors
    /// [`PersonError`].
    pub fn attest(
        &self,
        programme: &Programme,
        account: AccountId,
        day: BusinessDate,
    ) -> Result<Option<Attested>, PersonError> {
        let Some(eligibility) = &programme.eligibility else { return Ok(None) };
        let known = self.recorded(account)?;
        let attributes = known.map_or_else(Attributes::default, |known| Attributes {
            birth: Some(known.birth),
            residence: known.residence,
        });
        let place = self.enrolment(account, programme.id)?;
        let covers =
            |place: &Enrolment| place.from <= day && place.until.is_none_or(|until| day <= until);
        let enrolled = Known::from(place.as_ref().is_some_and(covers));
        Ok(Some(eligibility.attest(&attributes, enrolled, day)))
    }
}

impl Maps {
    fn note(&mut self, account: AccountId, known: &Recorded) {
        let Some(secret) = &self.secret else { return };
        let name = name_hash(secret, &known.kana, &known.birth);
        let person = known.address_number.as_ref().map(|number| {
            let number = jichi_protocol::text::code_input(number);
            hash::keyed(secret, &[&name.0, number.as_bytes()])
        });
        if let Some((old_person, old_name)) = self.hashes.insert(account, (person, name)) {
            let forget = |map: &mut BTreeMap<Digest, Vec<AccountId>>, old: Digest| {
                if let Some(accounts) = map.get_mut(&old) {
                    accounts.retain(|known| *known != account);
                }
            };
            forget(&mut self.names, old_name);
            if let Some(old) = old_person {
                forget(&mut self.persons, old);
            }
        }
        self.names.entry(name).or_default().push(account);
        if let Some(person) = person {
            self.persons.entry(person).or_default().push(account);
        }
    }
}

fn name_hash(secret: &Secret, kana: &str, birth: &BirthDate) -> Digest {
    hash::keyed(secret, &[kana::search_key(kana).as_bytes(), birth.to_string().as_bytes()])
}

/// Under whose name the town's secret lies: it is nobody's account.
fn secret_account() -> AccountId {
    AccountId::derived("jichi/register-secret/v1", b"")
}

fn read<T: for<'b> Decode<'b, ()> + Encode<()>>(
    vault: &Vault,
    account: AccountId,
    kind: RecordKind,
) -> Result<Option<T>, PersonError> {
    let Some(record) = vault.latest(account, kind)? else { return Ok(None) };
    codec::decode(&record.plaintext).map(Some).map_err(|_| PersonError::Form)
}

fn enrolments(vault: &Vault, account: AccountId) -> Result<Vec<Enrolment>, PersonError> {
    Ok(read(vault, account, RecordKind::Enrolments)?.unwrap_or_default())
}
