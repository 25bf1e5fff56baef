//! The two officers on whose word something is done that stops the node: they sign in nowhere, so
//! the list has to know both.

use jichi_protocol::{command::ByTwo, id::OfficerId};

use super::{Login, Staff};
use crate::clock;

/// Why two names are not the two officers that are needed.
#[derive(Debug, thiserror::Error)]
pub enum NotTwoOfficers {
    /// One officer.
    #[error("this takes two different officers: one asks, another one says yes")]
    Same,
    /// Not in the list.
    #[error("{0} is no officer of today in staff.toml")]
    Unknown(String),
}

impl Staff {
    /// Two officers of today, by their sign-in names.
    ///
    /// # Errors
    /// [`NotTwoOfficers`].
    pub fn two_of_today(&self, maker: &Login, approver: &Login) -> Result<ByTwo, NotTwoOfficers> {
        let today = clock::now().date();
        let of = |login: &Login| -> Result<OfficerId, NotTwoOfficers> {
            let found = self.by_login(login);
            let found = found.filter(|(_, known)| !known.roles_on(today).is_empty());
            let number = found.map(|(number, _)| number);
            number.ok_or_else(|| NotTwoOfficers::Unknown(login.to_string()))
        };
        let (maker, approver) = (of(maker)?, of(approver)?);
        if maker == approver {
            return Err(NotTwoOfficers::Same);
        }
        Ok(ByTwo { maker, approver })
    }
}
