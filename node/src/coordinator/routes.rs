//! The durable routing queue: what companies signed, and what home nodes decided about it.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jichi_protocol::{
    codec,
    command::SignedConversion,
    date::BusinessDate,
    decision::SignedDecision,
    id::{CompanyId, CompanyReference, EntryIndex},
};
use minicbor::{Decode, Encode};

use crate::journal::{
    Journal, Verify,
    damage::{AppendError, OpenError, ReadError},
    sector::Log,
    segment::SegmentBytes,
};

const SEGMENT_BYTES: SegmentBytes = SegmentBytes::new(16 << 20).expect("a multiple of 4,096");

/// A conversion's name: the company's, and its own.
pub type RouteKey = (CompanyId, CompanyReference);

/// What stands on disk.
#[derive(Debug, Clone, Encode, Decode)]
enum RouteRecord {
    /// A company asked.
    #[n(0)]
    Asked(#[n(0)] SignedConversion),
    /// The home node decided.
    #[n(1)]
    Decided(#[n(0)] SignedDecision),
}

/// Why the routes cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RoutesError {
    /// The log of routes.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The log of routes.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A record of the log that is none.
    #[error("record {0} of the routes is not of this form")]
    Form(EntryIndex),
}

/// Why a record was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotKept {
    /// The same name with another content.
    #[error("the company used this reference for another conversion")]
    OtherContent,
    /// The disk is full; nothing was written.
    #[error("the disk is full")]
    StorageFull,
}

/// One conversion and how far it is.
#[derive(Debug, Clone)]
struct Route {
    conversion: Arc<SignedConversion>,
    decision: Option<Arc<SignedDecision>>,
}

#[derive(Debug)]
struct Inner {
    journal: Journal,
    routes: BTreeMap<RouteKey, Route>,
}

/// The routes. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Routes(Arc<Mutex<Inner>>);

impl Routes {
    /// Opens the routes of a folder, and makes them if there are none.
    ///
    /// # Errors
    /// [`RoutesError`].
    pub fn open(dir: &Path) -> Result<Self, RoutesError> {
        let journal = if dir.exists() {
            let opened =
                Journal::open(dir, Log::Routes, SEGMENT_BYTES, Verify::All, None, &mut |_| {})?;
            for warning in opened.warnings {
                tracing::warn!(%warning, "the routes were opened with a warning");
            }
            opened.journal
        } else {
            Journal::create(dir, Log::Routes, SEGMENT_BYTES)?
        };
        let mut routes = BTreeMap::new();
        for frame in journal.reader().frames(EntryIndex(0)) {
            let frame = frame?;
            for bytes in frame.entries() {
                let record: RouteRecord =
                    codec::decode(bytes).map_err(|_| RoutesError::Form(frame.at.first))?;
                note(&mut routes, record);
            }
        }
        Ok(Self(Arc::new(Mutex::new(Inner { journal, routes }))))
    }

    /// Keeps a company's conversion. The same one again changes nothing.
    ///
    /// # Errors
    /// [`NotKept`].
    pub async fn ask(&self, conversion: SignedConversion) -> Result<RouteKey, NotKept> {
        let statement = &conversion.statement;
        let key = (statement.company, statement.reference.clone());
        match self.conversion(&key) {
            Some(known) if *known == conversion => return Ok(key),
            Some(_) => return Err(NotKept::OtherContent),
            None => {}
        }
        self.append(RouteRecord::Asked(conversion)).await?;
        Ok(key)
    }

    /// Keeps a final decision.
    ///
    /// # Errors
    /// [`NotKept::StorageFull`]; it is asked for again.
    pub async fn decide(
        &self,
        key: RouteKey,
        decision: Arc<SignedDecision>,
    ) -> Result<(), NotKept> {
        if self.decision(&key).is_some() {
            return Ok(());
        }
        self.append(RouteRecord::Decided((*decision).clone())).await
    }

    /// Writes one record and waits for the disk, off the threads that serve requests.
    async fn append(&self, record: RouteRecord) -> Result<(), NotKept> {
        let this = self.clone();
        let written = tokio::task::spawn_blocking(move || {
            let mut inner = this.inner();
            match inner.journal.append(&[codec::encode(&record)], &[]) {
                Ok(_) => {
                    note(&mut inner.routes, record);
                    Ok(())
                }
                Err(AppendError::DiskFull(_)) => Err(NotKept::StorageFull),
                Err(error) => {
                    // What the disk holds is not known: nothing may be answered any more.
                    tracing::error!(%error, "the routes halt; stopping the process");
                    std::process::abort();
                }
            }
        });
        written.await.unwrap_or(Err(NotKept::StorageFull))
    }

    /// A conversion that a company asked for.
    #[must_use]
    pub fn conversion(&self, key: &RouteKey) -> Option<Arc<SignedConversion>> {
        self.inner().routes.get(key).map(|route| Arc::clone(&route.conversion))
    }

    /// What was decided about it, for good.
    #[must_use]
    pub fn decision(&self, key: &RouteKey) -> Option<Arc<SignedDecision>> {
        self.inner().routes.get(key)?.decision.clone()
    }

    /// The conversions that wait for a decision.
    #[must_use]
    pub fn undecided(&self) -> Vec<RouteKey> {
        let inner = self.inner();
        let waiting = inner.routes.iter().filter(|(_, route)| route.decision.is_none());
        waiting.map(|(key, _)| key.clone()).collect()
    }

    /// How many of a company's points were asked for on a signed date.
    #[must_use]
    pub fn asked_on(&self, company: CompanyId, date: BusinessDate) -> u64 {
        let inner = self.inner();
        let of_day = inner.routes.values().map(|route| &route.conversion.statement);
        let of_day = of_day.filter(|s| s.company == company && s.signed == date);
        of_day.map(|statement| statement.amount.0).fold(0, u64::saturating_add)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // The process aborts when a write fails, and nothing else unwinds under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn note(routes: &mut BTreeMap<RouteKey, Route>, record: RouteRecord) {
    match record {
        RouteRecord::Asked(conversion) => {
            let statement = &conversion.statement;
            let key = (statement.company, statement.reference.clone());
            let route = Route { conversion: Arc::new(conversion), decision: None };
            routes.entry(key).or_insert(route);
        }
        RouteRecord::Decided(signed) => {
            let key = (signed.decision.company, signed.decision.reference.clone());
            if let Some(route) = routes.get_mut(&key) {
                route.decision = Some(Arc::new(signed));
            }
        }
    }
}
