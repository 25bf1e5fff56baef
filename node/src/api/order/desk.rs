//! What waits for a holder: orders to be confirmed, and codes that become links. In memory only: a
//! site that asks again under the same key is where it was.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jichi_protocol::{
    command::SignedHold,
    digest::Digest,
    id::{AccountId, HoldId, SiteId},
};

use crate::{
    api::sign::SignatureGate,
    clock::Monotonic,
    session::{NoRandomness, Token},
};

/// How long an order waits for its holder.
const ORDER_WAITS: Duration = Duration::from_secs(30 * 60);
/// How long a code can become a link.
pub const CODE_WAITS: Duration = Duration::from_secs(10 * 60);
/// Orders that wait at a time.
const ORDERS_MAX: usize = 100_000;
/// Orders of one holder that wait at a time.
const ORDERS_EACH_MAX: usize = 20;
/// Codes at a time.
const CODES_MAX: usize = 100_000;

/// An order that waits for its holder.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Whose points it is about.
    pub account: AccountId,
    /// What the site signed.
    pub signed: SignedHold,
    /// The holder said no.
    pub declined: bool,
    until: Monotonic,
}

/// Too many orders wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many orders wait for this holder")]
pub struct TooManyOrders;

#[derive(Debug)]
struct Code {
    account: AccountId,
    site: SiteId,
    until: Monotonic,
}

/// The gate of sites' requests, and what waits.
#[derive(Debug)]
pub struct OrderDesk {
    gate: SignatureGate,
    orders: Mutex<BTreeMap<HoldId, Asked>>,
    codes: Mutex<HashMap<Digest, Code>>,
}

impl OrderDesk {
    /// A desk behind a gate.
    #[must_use]
    pub fn new(gate: SignatureGate) -> Self {
        Self { gate, orders: Mutex::default(), codes: Mutex::default() }
    }

    /// The gate.
    #[must_use]
    pub const fn gate(&self) -> &SignatureGate {
        &self.gate
    }

    /// Asks a holder about an order; the same order again changes nothing.
    ///
    /// # Errors
    /// [`TooManyOrders`].
    pub fn ask(
        &self,
        account: AccountId,
        signed: SignedHold,
        now: Monotonic,
    ) -> Result<(), TooManyOrders> {
        let mut orders = lock(&self.orders);
        orders.retain(|_, asked| asked.until > now);
        let id = signed.statement.key.hold();
        if orders.get(&id).is_some_and(|asked| asked.signed == signed) {
            return Ok(());
        }
        let own = orders.values().filter(|asked| asked.account == account).count();
        if orders.len() >= ORDERS_MAX || own >= ORDERS_EACH_MAX {
            return Err(TooManyOrders);
        }
        let until = now.later_by(ORDER_WAITS);
        orders.insert(id, Asked { account, signed, declined: false, until });
        Ok(())
    }

    /// An order that waits, or was declined.
    #[must_use]
    pub fn asked(&self, id: &HoldId, now: Monotonic) -> Option<Asked> {
        lock(&self.orders).get(id).filter(|asked| asked.until > now).cloned()
    }

    /// The orders that wait for a holder.
    #[must_use]
    pub fn waiting_for(&self, account: &AccountId, now: Monotonic) -> Vec<(HoldId, Asked)> {
        let orders = lock(&self.orders);
        let own = orders
            .iter()
            .filter(|(_, asked)| asked.account == *account && !asked.declined && asked.until > now);
        own.map(|(id, asked)| (*id, asked.clone())).collect()
    }

    /// The holder said no; whether there was such an order.
    pub fn decline(&self, id: &HoldId, account: &AccountId) -> bool {
        let mut orders = lock(&self.orders);
        let own = orders.get_mut(id).filter(|asked| asked.account == *account);
        own.map(|asked| asked.declined = true).is_some()
    }

    /// The order waits no more.
    pub fn forget(&self, id: &HoldId) {
        lock(&self.orders).remove(id);
    }

    /// A code that only this site can turn into the holder's link, once.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn code(
        &self,
        account: AccountId,
        site: SiteId,
        now: Monotonic,
    ) -> Result<String, NoRandomness> {
        let text = Token::random()?.text().to_string();
        let mut codes = lock(&self.codes);
        if codes.len() >= CODES_MAX {
            codes.retain(|_, code| code.until > now);
        }
        let until = now.later_by(CODE_WAITS);
        codes.insert(hash(&text), Code { account, site, until });
        Ok(text)
    }

    /// Whose code it is; it is of no further use.
    #[must_use]
    pub fn redeem(&self, text: &str, site: SiteId, now: Monotonic) -> Option<AccountId> {
        let mut codes = lock(&self.codes);
        let key = hash(text);
        let fits = codes.get(&key).is_some_and(|code| code.site == site && code.until > now);
        if fits { codes.remove(&key).map(|code| code.account) } else { None }
    }
}

fn hash(code: &str) -> Digest {
    Digest::of(&[b"jichi/site-code/v1\0", code.as_bytes()])
}

/// A thread that panicked while it held the lock left a value that is still whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
