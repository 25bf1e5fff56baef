//! The town's staff: who may sign in, with which roles, from when to when.
//!
//! The list is `staff.toml` in the data folder. A second factor (TOTP, FIDO2 key, printed list) is
//! not built yet: until then staff pages belong on the town's own network only.

mod file;
pub mod sign_in;
pub mod two;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use jichi_protocol::{date::BusinessDate, id::OfficerId};
use serde::{Deserialize, Serialize};

use crate::password::PasswordHash;

pub use file::StaffFileFault;
pub use sign_in::{Opened, SignIn, SignInRefused, SignedIn};

/// What an officer may do. Nobody approves their own, whatever the roles (people.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// 付与担当: enters grants.
    GrantMaker,
    /// 決裁者: approves what another officer entered.
    Approver,
    /// 加盟店担当: shops, terminals, payouts.
    MerchantOfficer,
    /// 窓口: serves residents who are present.
    Desk,
    /// 電話相談: finds and freezes, never spends.
    HelpDesk,
    /// 監査委員: reads and verifies everything.
    Auditor,
    /// 運用担当: keys, backups, staff.
    Operator,
}

/// A role and the days on which it holds, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RolePeriod {
    /// The role.
    pub role: Role,
    /// The first day, in JST.
    pub from: BusinessDate,
    /// The last day, in JST.
    pub to: BusinessDate,
}

/// A sign-in name: 2 to 32 of a-z, digits, dot, dash and underscore.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Login(String);

/// Text that is no sign-in name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sign-in name has 2 to 32 of a-z, 0-9, dot, dash and underscore")]
pub struct NotALogin;

impl FromStr for Login {
    type Err = NotALogin;

    /// As people type it: full-width and capital letters are taken for the plain ones.
    fn from_str(typed: &str) -> Result<Self, NotALogin> {
        let plain = jichi_protocol::text::code_input(typed).to_ascii_lowercase();
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-_".contains(&b);
        let fits = (2..=32).contains(&plain.len()) && plain.bytes().all(allowed);
        if fits { Ok(Self(plain)) } else { Err(NotALogin) }
    }
}

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One officer of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Officer {
    /// The name to sign in with.
    pub login: Login,
    /// The password's hash.
    pub password: PasswordHash,
    /// Roles and their days, in the order of the list.
    pub roles: Vec<RolePeriod>,
}

impl Officer {
    /// The roles that hold on a day.
    #[must_use]
    pub fn roles_on(&self, date: BusinessDate) -> BTreeSet<Role> {
        let holds = |period: &&RolePeriod| period.from <= date && date <= period.to;
        self.roles.iter().filter(holds).map(|period| period.role).collect()
    }
}

/// Why a change of the list was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StaffRefused {
    /// The officer's number is in the list.
    #[error("officer {0} is in the list already; change that officer instead")]
    NumberTaken(OfficerId),
    /// Another officer signs in with this name.
    #[error("this sign-in name belongs to officer {0}; choose another one")]
    LoginTaken(OfficerId),
    /// No such officer.
    #[error("officer {0} is not in the list; add the officer first")]
    Unknown(OfficerId),
    /// A role that ends before it begins.
    #[error("the role {0:?} ends before it begins; correct its dates")]
    EndsBeforeItBegins(Role),
    /// The list is full.
    #[error("the list has {STAFF_MAX} officers; remove some first")]
    Full,
}

/// The most officers of one list.
pub const STAFF_MAX: usize = 10_000;

/// The staff list.
///
/// Invariant: no sign-in name twice, no role ends before it begins, at most [`STAFF_MAX`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Staff {
    officers: BTreeMap<OfficerId, Officer>,
    by_login: BTreeMap<Login, OfficerId>,
}

impl Staff {
    /// Adds an officer.
    ///
    /// # Errors
    /// [`StaffRefused`], with nothing changed.
    pub fn add(&mut self, number: OfficerId, officer: Officer) -> Result<(), StaffRefused> {
        if self.officers.contains_key(&number) {
            return Err(StaffRefused::NumberTaken(number));
        }
        if let Some(other) = self.by_login.get(&officer.login) {
            return Err(StaffRefused::LoginTaken(*other));
        }
        if self.officers.len() >= STAFF_MAX {
            return Err(StaffRefused::Full);
        }
        check_roles(&officer.roles)?;
        self.by_login.insert(officer.login.clone(), number);
        self.officers.insert(number, officer);
        Ok(())
    }

    /// Gives an officer another password. Open sessions of the officer have to be closed.
    ///
    /// # Errors
    /// [`StaffRefused::Unknown`].
    pub fn change_password(
        &mut self,
        number: OfficerId,
        password: PasswordHash,
    ) -> Result<(), StaffRefused> {
        let officer = self.officers.get_mut(&number).ok_or(StaffRefused::Unknown(number))?;
        officer.password = password;
        Ok(())
    }

    /// Gives an officer other roles, in place of all before. An officer who leaves keeps a line
    /// without roles: the number stands in the journal.
    ///
    /// # Errors
    /// [`StaffRefused`], with nothing changed.
    pub fn change_roles(
        &mut self,
        number: OfficerId,
        roles: Vec<RolePeriod>,
    ) -> Result<(), StaffRefused> {
        check_roles(&roles)?;
        let officer = self.officers.get_mut(&number).ok_or(StaffRefused::Unknown(number))?;
        officer.roles = roles;
        Ok(())
    }

    /// An officer by number.
    #[must_use]
    pub fn officer(&self, number: OfficerId) -> Option<&Officer> {
        self.officers.get(&number)
    }

    /// An officer by sign-in name.
    #[must_use]
    pub fn by_login(&self, login: &Login) -> Option<(OfficerId, &Officer)> {
        let number = self.by_login.get(login)?;
        self.officers.get(number).map(|officer| (*number, officer))
    }

    /// The roles of an officer on a day; none for a number that is not in the list.
    #[must_use]
    pub fn roles_on(&self, number: OfficerId, date: BusinessDate) -> BTreeSet<Role> {
        self.officer(number).map(|officer| officer.roles_on(date)).unwrap_or_default()
    }

    /// All officers, by number.
    pub fn officers(&self) -> impl Iterator<Item = (OfficerId, &Officer)> {
        self.officers.iter().map(|(number, officer)| (*number, officer))
    }
}

fn check_roles(roles: &[RolePeriod]) -> Result<(), StaffRefused> {
    match roles.iter().find(|period| period.to < period.from) {
        Some(period) => Err(StaffRefused::EndsBeforeItBegins(period.role)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
