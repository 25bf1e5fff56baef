//! Passwords: argon2id, on a small pool of its own, so that sign-ins cannot starve payments.

use std::{fmt, str::FromStr, sync::Arc};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc},
};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;

/// Whose password it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordOf {
    /// An officer's: 10 to 128 characters.
    Staff,
    /// A resident's: 8 to 64 characters.
    Resident,
}

/// A new password that was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordRefused {
    /// Fewer characters than it needs.
    #[error("the password is too short; an officer's has 10 or more characters, a resident's 8")]
    TooShort,
    /// More characters than it may have.
    #[error("the password is too long; an officer's has up to 128 characters, a resident's 64")]
    TooLong,
    /// The operating system gave no random salt.
    #[error("no random numbers; ask the operator")]
    NoRandomness,
}

impl PasswordOf {
    const fn bounds(self) -> (usize, usize) {
        match self {
            Self::Staff => (10, 128),
            Self::Resident => (8, 64),
        }
    }
}

/// Memory of one hash, in KiB; with two rounds and one lane the first choice of OWASP's list.
const MEMORY_KIB: u32 = 19 * 1024;
const ROUNDS: u32 = 2;
/// What a stored hash may ask for at most: a changed file must not stop the node.
const MEMORY_KIB_MAX: u32 = 64 * 1024;
const ROUNDS_MAX: u32 = 8;
/// More characters are never hashed.
const TRIED_BYTES_MAX: usize = 1024;

/// A PHC string of argon2id, version 1.3, within bounds.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

/// Text that is no such PHC string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an argon2id hash in PHC form within m=65536,t=8,p=1; set the password again")]
pub struct NotAHash;

impl PasswordHash {
    /// The PHC string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PasswordHash {
    type Err = NotAHash;

    fn from_str(text: &str) -> Result<Self, NotAHash> {
        let hash = phc::PasswordHash::new(text).map_err(|_| NotAHash)?;
        let params = Params::try_from(&hash).map_err(|_| NotAHash)?;
        let argon2id = hash.algorithm == Algorithm::Argon2id.ident()
            && hash.version == Some(Version::V0x13.into());
        let within = (MEMORY_KIB / 4..=MEMORY_KIB_MAX).contains(&params.m_cost())
            && (1..=ROUNDS_MAX).contains(&params.t_cost())
            && params.p_cost() == 1;
        let whole = hash.salt.is_some() && hash.hash.is_some();
        if argon2id && within && whole { Ok(Self(text.into())) } else { Err(NotAHash) }
    }
}

/// Without salt and hash: they stand in no log.
impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

/// Hashes a new password. Takes tens of milliseconds: on a server go through [`PasswordPool`].
///
/// # Errors
/// [`PasswordRefused`].
pub fn hash(of: PasswordOf, password: &SecretString) -> Result<PasswordHash, PasswordRefused> {
    let (least, most) = of.bounds();
    let length = password.expose_secret().chars().count();
    if length < least {
        return Err(PasswordRefused::TooShort);
    }
    if length > most {
        return Err(PasswordRefused::TooLong);
    }
    // These numbers are within argon2's bounds; a test hashes with them.
    let params = Params::new(MEMORY_KIB, ROUNDS, 1, None).unwrap_or_default();
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash = argon2
        .hash_password(password.expose_secret().as_bytes())
        .map_err(|_| PasswordRefused::NoRandomness)?;
    Ok(PasswordHash(hash.to_string()))
}

/// What comparing said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The password is the hashed one.
    Right,
    /// It is not, or there is no such account.
    Wrong,
}

/// Compares a password with a hash. Without a hash (no such account) it takes the same time and
/// says [`Verdict::Wrong`].
#[must_use]
pub fn verify(password: &SecretString, hash: Option<&PasswordHash>) -> Verdict {
    let tried = password.expose_secret().as_bytes();
    let tried = if tried.len() > TRIED_BYTES_MAX { &[] } else { tried };
    let compared = hash.map_or(NOBODYS, PasswordHash::as_str);
    let fits = Argon2::default().verify_password(tried, compared).is_ok();
    match (fits, hash) {
        (true, Some(_)) => Verdict::Right,
        (true | false, _) => Verdict::Wrong,
    }
}

/// A hash with today's parameters that belongs to nobody.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5cy1zYWx0LTE2Yg$\
                       m8oQZ1J0rVqkS0mZx1Yv9u0wq2dW6m3pX7n5b4c3a2E";

/// How many passwords are compared at the same time.
pub const HASHES_AT_ONCE: usize = 2;
/// How many wait or are compared; the next one is turned away.
pub const HASHES_WAITING_MAX: usize = 32;

/// Why a password was not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PoolRefused {
    /// As many wait as may.
    #[error("too many sign-ins at the same time; try again in some seconds")]
    Busy,
    /// The node is stopping.
    #[error("the node is stopping; try again in a little while")]
    Stopping,
}

/// Hashes passwords beside the threads that serve requests, a few at a time.
#[derive(Debug, Clone)]
pub struct PasswordPool {
    at_once: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

impl Default for PasswordPool {
    fn default() -> Self {
        Self {
            at_once: Arc::new(Semaphore::new(HASHES_AT_ONCE)),
            places: Arc::new(Semaphore::new(HASHES_WAITING_MAX)),
        }
    }
}

impl PasswordPool {
    /// [`verify`], on the pool.
    ///
    /// # Errors
    /// [`PoolRefused`]; the password was not looked at.
    pub async fn verify(
        &self,
        password: SecretString,
        hash: Option<PasswordHash>,
    ) -> Result<Verdict, PoolRefused> {
        self.run(move || verify(&password, hash.as_ref())).await
    }

    /// [`hash`], on the pool.
    ///
    /// # Errors
    /// [`PoolRefused`] outside, [`PasswordRefused`] inside.
    pub async fn hash(
        &self,
        of: PasswordOf,
        password: SecretString,
    ) -> Result<Result<PasswordHash, PasswordRefused>, PoolRefused> {
        self.run(move || hash(of, &password)).await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PoolRefused> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| PoolRefused::Busy)?;
        let turn =
            Arc::clone(&self.at_once).acquire_owned().await.map_err(|_| PoolRefused::Stopping)?;
        // The permits go along: a caller who hangs up does not free the thread that still works.
        let worked = tokio::task::spawn_blocking(move || {
            let done = work();
            drop((turn, place));
            done
        });
        worked.await.map_err(|_| PoolRefused::Stopping)
    }
}

#[cfg(test)]
mod tests;
