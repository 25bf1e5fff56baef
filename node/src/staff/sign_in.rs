//! Signing in: throttle, password on its pool, session; in that order.

use std::{
    collections::BTreeSet,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jichi_protocol::{date::BusinessDate, id::OfficerId};
use secrecy::SecretString;

use super::{Login, Role, Staff};
use crate::api::problem::{Problem, edge::EdgeProblem};
use crate::{
    clock::Monotonic,
    password::{PasswordPool, PoolRefused, Verdict},
    session::{NoRandomness, Sessions, Token},
    throttle::{Throttle, Try, Wait},
};

/// How many pairs of account and source the throttle remembers.
const TRIES_MAX: usize = 100_000;

/// Why nobody was signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignInRefused {
    /// Too many wrong passwords for this account from this place.
    #[error(transparent)]
    Wait(#[from] Wait),
    /// The password was not looked at.
    #[error(transparent)]
    Pool(#[from] PoolRefused),
    /// Unknown name, wrong password, or no role today: who asks learns not which.
    #[error("the sign-in failed; check name and password")]
    Failed,
    /// No random token.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

impl From<SignInRefused> for Problem {
    fn from(refused: SignInRefused) -> Self {
        match refused {
            SignInRefused::Wait(Wait(wait)) => {
                Self::from(EdgeProblem::TooManyTries).retry_after(wait)
            }
            SignInRefused::Pool(PoolRefused::Busy) => {
                Self::from(EdgeProblem::Overloaded).retry_after(core::time::Duration::from_secs(3))
            }
            SignInRefused::Pool(PoolRefused::Stopping) => EdgeProblem::Stopping.into(),
            SignInRefused::Failed => EdgeProblem::SignInFailed.into(),
            SignInRefused::NoRandomness(_) => EdgeProblem::Internal.into(),
        }
    }
}

/// A session that was just opened.
#[derive(Debug)]
pub struct Opened {
    /// The officer.
    pub officer: OfficerId,
    /// The secret for cookie or bearer.
    pub token: Token,
}

/// Who asks, and as what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// The officer.
    pub officer: OfficerId,
    /// The roles of the day; never empty.
    pub roles: BTreeSet<Role>,
}

impl SignedIn {
    /// Asks for a role.
    ///
    /// # Errors
    /// `forbidden_role`.
    pub fn require(&self, role: Role) -> Result<OfficerId, Problem> {
        if self.roles.contains(&role) {
            Ok(self.officer)
        } else {
            Err(EdgeProblem::ForbiddenRole.into())
        }
    }
}

/// The staff list with its throttle, its pool of hashes and its open sessions.
#[derive(Debug)]
pub struct SignIn {
    staff: Mutex<Staff>,
    throttle: Mutex<Throttle>,
    sessions: Mutex<Sessions<OfficerId>>,
    pool: PasswordPool,
}

impl SignIn {
    /// With this list. The pool may be shared with the residents' sign-in.
    #[must_use]
    pub fn new(staff: Staff, pool: PasswordPool) -> Self {
        Self {
            staff: Mutex::new(staff),
            throttle: Mutex::new(Throttle::new(TRIES_MAX)),
            sessions: Mutex::default(),
            pool,
        }
    }

    /// Signs an officer in.
    ///
    /// # Errors
    /// [`SignInRefused`].
    pub async fn open(
        &self,
        login: &str,
        password: SecretString,
        source: IpAddr,
        now: Monotonic,
        today: BusinessDate,
    ) -> Result<Opened, SignInRefused> {
        // One account has one spelling here too, or each spelling would give new tries.
        let login = login.parse::<Login>().ok();
        let account = login.as_ref().map(ToString::to_string).unwrap_or_default();
        let who = Try::new(&account, source);
        lock(&self.throttle).admit(who, now)?;
        let known = login.and_then(|login| {
            lock(&self.staff).by_login(&login).map(|(number, o)| (number, o.password.clone()))
        });
        let (number, hash) = known.unzip();
        let verdict = match self.pool.verify(password, hash.clone()).await {
            Ok(verdict) => verdict,
            Err(refused) => {
                lock(&self.throttle).forgive(who);
                return Err(refused.into());
            }
        };
        let (Verdict::Right, Some(officer)) = (verdict, number) else {
            return Err(SignInRefused::Failed);
        };
        let token = Token::random()?;
        let staff = lock(&self.staff);
        let now_in_list = staff.officer(officer);
        // The password may have been changed while this one was compared. The list stays locked
        // until the session is open, so that `replace` finds it.
        let changed = now_in_list.map(|officer| &officer.password) != hash.as_ref();
        if changed || staff.roles_on(officer, today).is_empty() {
            return Err(SignInRefused::Failed);
        }
        lock(&self.sessions).open(officer, &token, now);
        drop(staff);
        lock(&self.throttle).forgive(who);
        Ok(Opened { officer, token })
    }

    /// Who carries this token, with the roles of the day.
    ///
    /// # Errors
    /// `unauthenticated`, also when no role is left.
    pub fn find(
        &self,
        token: &Token,
        now: Monotonic,
        today: BusinessDate,
    ) -> Result<SignedIn, Problem> {
        let officer = lock(&self.sessions).find(token, now).ok_or(EdgeProblem::Unauthenticated)?;
        let roles = lock(&self.staff).roles_on(officer, today);
        if roles.is_empty() {
            return Err(EdgeProblem::Unauthenticated.into());
        }
        Ok(SignedIn { officer, roles })
    }

    /// Signs out.
    pub fn close(&self, token: &Token) {
        lock(&self.sessions).close(token);
    }

    /// The desk or an operator unlocks an account.
    pub fn unlock(&self, login: &Login) {
        lock(&self.throttle).unlock(&login.to_string());
    }

    /// Takes a changed list, and ends the sessions of officers whose password or roles changed.
    pub fn replace(&self, staff: Staff) {
        let mut current = lock(&self.staff);
        let changed = current
            .officers()
            .filter(|(number, before)| staff.officer(*number) != Some(before))
            .map(|(number, _)| number)
            .collect::<Vec<_>>();
        *current = staff;
        drop(current);
        let mut sessions = lock(&self.sessions);
        changed.iter().for_each(|number| sessions.close_all(number));
    }
}

/// A thread that panicked while it held the lock left a value that is still whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
