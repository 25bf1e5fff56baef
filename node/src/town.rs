//! What the handlers of a town's node share.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jichi_protocol::{
    agreement::Seal,
    codec,
    digest::Digest,
    id::{AccountId, TerminalId, TownId},
    signature::Domain,
    terms::Method,
    ticket::{SignedTicket, TicketFace},
};

use crate::{
    clock::{Monotonic, skew::PeerClocks},
    engine::Engine,
    index::Index,
    library::Library,
    password::PasswordPool,
    person::People,
    print::Printer,
    session::{CookieTransport, Sessions, Token},
    staff::sign_in::SignIn,
    throttle::Throttle,
};

/// How long a holder's proof at a terminal is good.
const PROOF_MAX: Duration = Duration::from_secs(10 * 60);
/// Proofs that are kept at a time.
const PROOFS_MAX: usize = 100_000;
/// Pairs of account and source that the throttle remembers.
const TRIES_MAX: usize = 100_000;

/// A town's node, as its handlers see it. Cheap to clone.
#[derive(Clone)]
pub struct Town(Arc<Parts>);

struct Parts {
    town: TownId,
    name: TownName,
    engine: Engine,
    index: Index,
    people: People,
    staff: SignIn,
    pool: PasswordPool,
    cookies: CookieTransport,
    residents: Mutex<Sessions<AccountId>>,
    throttle: Mutex<Throttle>,
    proofs: Mutex<HashMap<Digest, Proof>>,
    seal: Sealer,
    printer: Printer,
    library: Library,
    peer_clocks: PeerClocks,
}

/// Signs bytes of a domain with the town's channel key.
pub type Sealer = Arc<dyn Fn(Domain, &[u8]) -> Seal + Send + Sync>;

/// The town's name in both languages.
#[derive(Debug, Clone)]
pub struct TownName {
    /// In Japanese.
    pub ja: String,
    /// In English.
    pub en: String,
}

/// What a holder showed at a terminal, for the payments of the next minutes there.
#[derive(Debug, Clone, Copy)]
pub struct Proof {
    /// Whose.
    pub account: AccountId,
    /// Where.
    pub terminal: TerminalId,
    /// How.
    pub method: Method,
    /// The hash of the sealed evidence.
    pub evidence: Digest,
    until: Monotonic,
}

/// What a town's node is made of.
pub struct Assembly {
    /// The town.
    pub town: TownId,
    /// Its name.
    pub name: TownName,
    /// The engine.
    pub engine: Engine,
    /// The index.
    pub index: Index,
    /// The people.
    pub people: People,
    /// The staff's sign-in.
    pub staff: SignIn,
    /// The pool that compares passwords.
    pub pool: PasswordPool,
    /// Over what session cookies travel.
    pub cookies: CookieTransport,
    /// Signs with the town's channel key.
    pub seal: Sealer,
    /// Prints tickets, slips and statements.
    pub printer: Printer,
    /// Library cards.
    pub library: Library,
}

impl Town {
    /// Puts a node together.
    #[must_use]
    pub fn new(parts: Assembly) -> Self {
        Self(Arc::new(Parts {
            town: parts.town,
            name: parts.name,
            engine: parts.engine,
            index: parts.index,
            people: parts.people,
            staff: parts.staff,
            pool: parts.pool,
            cookies: parts.cookies,
            residents: Mutex::default(),
            throttle: Mutex::new(Throttle::new(TRIES_MAX)),
            proofs: Mutex::default(),
            seal: parts.seal,
            printer: parts.printer,
            library: parts.library,
            peer_clocks: PeerClocks::default(),
        }))
    }

    /// The town.
    #[must_use]
    pub fn id(&self) -> TownId {
        self.0.town
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &TownName {
        &self.0.name
    }

    /// The engine.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// The index.
    #[must_use]
    pub fn index(&self) -> &Index {
        &self.0.index
    }

    /// The people.
    #[must_use]
    pub fn people(&self) -> &People {
        &self.0.people
    }

    /// The staff's sign-in.
    #[must_use]
    pub fn staff(&self) -> &SignIn {
        &self.0.staff
    }

    /// The pool that compares passwords.
    #[must_use]
    pub fn pool(&self) -> &PasswordPool {
        &self.0.pool
    }

    /// Over what session cookies travel.
    #[must_use]
    pub fn cookies(&self) -> CookieTransport {
        self.0.cookies
    }

    /// Open sessions of holders.
    pub fn residents(&self) -> MutexGuard<'_, Sessions<AccountId>> {
        lock(&self.0.residents)
    }

    /// Wrong passwords of holders.
    pub fn throttle(&self) -> MutexGuard<'_, Throttle> {
        lock(&self.0.throttle)
    }

    /// Signs an agreement's canonical bytes for this town.
    #[must_use]
    pub fn seal(&self, bytes: &[u8]) -> Seal {
        (self.0.seal)(Domain::Agreement, bytes)
    }

    /// Signs what is printed on a ticket. The same ticket has the same signature, whenever it is
    /// printed.
    #[must_use]
    pub fn sign_ticket(&self, face: TicketFace) -> SignedTicket {
        let seal = (self.0.seal)(Domain::Ticket, &codec::encode(&face));
        SignedTicket { face, signature: seal.signature }
    }

    /// Signs a grant code for this town.
    #[must_use]
    pub fn sign_code(&self, bytes: &[u8]) -> Seal {
        (self.0.seal)(Domain::GrantCode, bytes)
    }

    /// What prints tickets, slips and statements.
    #[must_use]
    pub fn printer(&self) -> &Printer {
        &self.0.printer
    }

    /// Library cards.
    #[must_use]
    pub fn library(&self) -> &Library {
        &self.0.library
    }

    /// What other towns' clocks said.
    #[must_use]
    pub fn peer_clocks(&self) -> &PeerClocks {
        &self.0.peer_clocks
    }

    /// Keeps what a holder showed at a terminal.
    pub fn keep_proof(
        &self,
        token: &Token,
        (account, terminal, method): (AccountId, TerminalId, Method),
        evidence: Digest,
        now: Monotonic,
    ) {
        let mut proofs = lock(&self.0.proofs);
        if proofs.len() >= PROOFS_MAX {
            proofs.retain(|_, proof| proof.until > now);
        }
        let until = now.later_by(PROOF_MAX);
        let proof = Proof { account, terminal, method, evidence, until };
        proofs.insert(proof_hash(&token.text()), proof);
    }

    /// What the holder showed whose terminal has this token; none if it is over.
    #[must_use]
    pub fn proof(&self, hash: &Digest, now: Monotonic) -> Option<Proof> {
        lock(&self.0.proofs).get(hash).filter(|proof| proof.until > now).copied()
    }
}

/// What a terminal signs of a proof: the hash of its token.
#[must_use]
pub fn proof_hash(token: &str) -> Digest {
    Digest::of(&[token.as_bytes()])
}

/// Where a request comes from, for the throttle.
#[must_use]
pub const fn source(address: std::net::SocketAddr) -> IpAddr {
    address.ip()
}

/// A thread that panicked while it held the lock left a value that is still whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
