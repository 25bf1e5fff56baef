//! Requests under the law on personal data (個人情報の保護に関する法律): disclosure (76条),
//! correction (90条), stop of use (98条). Each is decided within 30 days of the request, which can
//! be made longer once by 30 days (83条, 94条, 102条).

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use jichi_protocol::{
    date::{BusinessDate, Time},
    digest::Digest,
    id::{AccountId, OfficerId},
};
use minicbor::{Decode, Encode};

use crate::{
    notebook::{Notebook, Noted, Place},
    person::PersonError,
    vault::{Vault, record::RecordKind},
};

/// Days in which a request is decided, and by which that can be made longer once.
pub const CLOCK_DAYS: u32 = 30;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Asked {
    /// 開示.
    #[n(0)]
    Disclosure,
    /// 訂正.
    #[n(1)]
    Correction,
    /// 利用停止.
    #[n(2)]
    StopOfUse,
}

/// How a request ended, or that it takes longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Step {
    /// The time was made longer, and the person was told so.
    #[n(0)]
    Extended,
    /// Done as asked.
    #[n(1)]
    Granted,
    /// Done in part.
    #[n(2)]
    GrantedInPart,
    /// Refused.
    #[n(3)]
    Refused,
    /// The person took it back.
    #[n(4)]
    Withdrawn,
}

/// What is noted of a request.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
enum Event {
    #[n(0)]
    Received {
        #[n(0)]
        request: Digest,
        #[n(1)]
        asked: Asked,
        #[n(2)]
        on: BusinessDate,
        #[n(3)]
        officer: OfficerId,
        #[n(4)]
        words: String,
    },
    #[n(1)]
    Stepped {
        #[n(0)]
        request: Digest,
        #[n(1)]
        step: Step,
        #[n(2)]
        on: BusinessDate,
        #[n(3)]
        officer: OfficerId,
        #[n(4)]
        words: String,
    },
}

impl Noted for Event {
    const KIND: RecordKind = RecordKind::DataRequest;
}

/// A step with who took it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// What.
    pub step: Step,
    /// On which day.
    pub on: BusinessDate,
    /// By whom.
    pub officer: OfficerId,
    /// The officer's words.
    pub words: String,
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataRequest {
    /// Whose data.
    pub account: AccountId,
    /// What is asked for.
    pub asked: Asked,
    /// The day on which it came.
    pub received: BusinessDate,
    /// Who took it.
    pub officer: OfficerId,
    /// What the person wrote, in short.
    pub words: String,
    /// What became of it, in order.
    pub steps: Vec<Taken>,
}

/// How long a request still has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// So many days, today's apart.
    Left(u32),
    /// So many days too long.
    Overdue(u32),
    /// It is decided.
    Stopped,
}

impl DataRequest {
    fn extended(&self) -> bool {
        self.steps.iter().any(|taken| taken.step == Step::Extended)
    }

    /// Whether it waits for a decision.
    #[must_use]
    pub fn open(&self) -> bool {
        self.steps.iter().all(|taken| taken.step == Step::Extended)
    }

    /// The last day for the decision.
    #[must_use]
    pub fn due(&self) -> BusinessDate {
        let due = self.received.plus_days(CLOCK_DAYS);
        if self.extended() { due.plus_days(CLOCK_DAYS) } else { due }
    }

    /// How long it still has.
    #[must_use]
    pub fn clock(&self, today: BusinessDate) -> Clock {
        match (self.open(), self.due()) {
            (false, _) => Clock::Stopped,
            (true, due) if today <= due => Clock::Left(due.days_since(today)),
            (true, due) => Clock::Overdue(today.days_since(due)),
        }
    }

    fn may(&self, step: Step, on: BusinessDate) -> Result<(), RequestRefused> {
        if !self.open() {
            return Err(RequestRefused::Decided);
        }
        if step == Step::Extended && (self.extended() || on > self.due()) {
            return Err(RequestRefused::NotExtendable);
        }
        Ok(())
    }
}

/// Why nothing was noted.
#[derive(Debug, thiserror::Error)]
pub enum RequestRefused {
    /// No such request.
    #[error("there is no such request")]
    Unknown,
    /// It ended before.
    #[error("the request is decided already")]
    Decided,
    /// It was made longer before, or its time is over.
    #[error("the time of a request is made longer once, before it is over")]
    NotExtendable,
    /// It is dated behind today.
    #[error("a request cannot be received in the future")]
    NotYet,
    /// The same key with another content.
    #[error("another request was received under this key")]
    OtherContent,
    /// The vault.
    #[error(transparent)]
    Vault(#[from] PersonError),
}

/// A request's id: of the key under which it was received.
pub type RequestId = Digest;

/// The requests of one node. Cheap to clone.
#[derive(Clone)]
pub struct DataRequests {
    notebook: Notebook<Event>,
    known: Arc<RwLock<BTreeMap<RequestId, DataRequest>>>,
    writing: Arc<tokio::sync::Mutex<()>>,
}

impl DataRequests {
    /// Reads the requests.
    ///
    /// # Errors
    /// [`PersonError`].
    pub fn open(vault: Vault) -> Result<Self, PersonError> {
        let notebook: Notebook<Event> = Notebook::open(vault)?;
        let mut known = BTreeMap::new();
        for place in notebook.places() {
            put(&mut known, place, notebook.read(place)?);
        }
        let known = Arc::new(RwLock::new(known));
        Ok(Self { notebook, known, writing: Arc::default() })
    }

    /// Every request, by id.
    #[must_use]
    pub fn all(&self) -> Vec<(RequestId, DataRequest)> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.iter().map(|(id, request)| (*id, request.clone())).collect()
    }

    /// The requests about an account.
    #[must_use]
    pub fn of(&self, account: AccountId) -> Vec<(RequestId, DataRequest)> {
        self.all().into_iter().filter(|(_, request)| request.account == account).collect()
    }

    fn request(&self, id: &RequestId) -> Option<DataRequest> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// Takes a request. The same again is one request.
    ///
    /// # Errors
    /// [`RequestRefused`].
    pub async fn receive(
        &self,
        id: RequestId,
        (account, asked, on): (AccountId, Asked, BusinessDate),
        (officer, words): (OfficerId, &str),
        now: Time,
    ) -> Result<(), RequestRefused> {
        let _one = self.writing.lock().await;
        if let Some(known) = self.request(&id) {
            let same = known.account == account && known.asked == asked && known.received == on;
            return if same { Ok(()) } else { Err(RequestRefused::OtherContent) };
        }
        if on > now.date() {
            return Err(RequestRefused::NotYet);
        }
        let words = words.to_owned();
        let event = Event::Received { request: id, asked, on, officer, words };
        self.note(account, event, now).await
    }

    /// Takes a step: more time, or the end. The same step again is one step.
    ///
    /// # Errors
    /// [`RequestRefused`].
    pub async fn step(
        &self,
        id: RequestId,
        step: Step,
        (officer, words): (OfficerId, &str),
        now: Time,
    ) -> Result<(), RequestRefused> {
        let _one = self.writing.lock().await;
        let known = self.request(&id).ok_or(RequestRefused::Unknown)?;
        let last = known.steps.last();
        if last.is_some_and(|last| last.step == step && last.officer == officer) {
            return Ok(());
        }
        known.may(step, now.date())?;
        let (on, words) = (now.date(), words.to_owned());
        self.note(known.account, Event::Stepped { request: id, step, on, officer, words }, now)
            .await
    }

    async fn note(
        &self,
        account: AccountId,
        event: Event,
        now: Time,
    ) -> Result<(), RequestRefused> {
        let place = self.notebook.write(account, now.date().fiscal_year(), &event).await?;
        put(&mut self.known.write().unwrap_or_else(PoisonError::into_inner), place, event);
        Ok(())
    }
}

fn put(known: &mut BTreeMap<RequestId, DataRequest>, place: Place, event: Event) {
    match event {
        Event::Received { request, asked, on, officer, words } => {
            let account = place.about;
            let steps = Vec::new();
            let new = DataRequest { account, asked, received: on, officer, words, steps };
            known.insert(request, new);
        }
        Event::Stepped { request, step, on, officer, words } => {
            if let Some(request) = known.get_mut(&request) {
                request.steps.push(Taken { step, on, officer, words });
            }
        }
    }
}

#[cfg(test)]
mod tests;
