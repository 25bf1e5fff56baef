//! Group applications (団体申請) on their way: drafted, sent, returned, withdrawn, rejected,
//! approved. Who is named in one lies in the vault; what was approved stands in the ledger.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jichi_protocol::{
    codec,
    command::{Actor, GroupPerson},
    date::Time,
    id::{AccountId, ApplicationId, OfficerId, ProgrammeId},
};
use minicbor::{Decode, Encode};

use crate::vault::{PutError, Vault, record::RecordKind};

/// How an application stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum State {
    /// 下書き
    #[n(0)]
    Draft,
    /// 申請済み
    #[n(1)]
    Sent,
    /// 差戻し
    #[n(2)]
    Returned,
    /// 取下げ
    #[n(3)]
    Withdrawn,
    /// 却下
    #[n(4)]
    Rejected,
    /// 承認
    #[n(5)]
    Approved,
}

impl State {
    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Sent => "sent",
            Self::Returned => "returned",
            Self::Withdrawn => "withdrawn",
            Self::Rejected => "rejected",
            Self::Approved => "approved",
        }
    }

    /// Whether the body may still change it.
    #[must_use]
    pub const fn is_the_bodys(self) -> bool {
        matches!(self, Self::Draft | Self::Returned)
    }
}

/// A body that may apply, and who stands for it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Group {
    /// Its number in the town's list.
    #[n(0)]
    pub number: u32,
    /// Its name.
    #[n(1)]
    pub name: String,
    /// The accounts of those who stand for it.
    #[n(2)]
    pub representatives: Vec<AccountId>,
}

/// A step of an application.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Step {
    /// When.
    #[n(0)]
    pub at: Time,
    /// To which state.
    #[n(1)]
    pub state: State,
    /// By whom.
    #[n(2)]
    pub by: Actor,
    /// Why, where somebody said it.
    #[n(3)]
    pub note: Option<String>,
}

/// An application.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Application {
    /// Which body's.
    #[n(0)]
    pub group: u32,
    /// Which programme gives.
    #[n(1)]
    pub programme: ProgrammeId,
    /// `2026-04-12`.
    #[n(2)]
    pub date: String,
    /// What was done.
    #[n(3)]
    pub activity: String,
    /// Who took part.
    #[n(4)]
    pub persons: Vec<GroupPerson>,
    /// How it stands.
    #[n(5)]
    pub state: State,
    /// Who entered it.
    #[n(6)]
    pub sender: Actor,
    /// The account of the holder who entered it.
    #[n(7)]
    pub sender_account: Option<AccountId>,
    /// The officer who checked it.
    #[n(8)]
    pub checker: Option<OfficerId>,
    /// What happened to it.
    #[n(9)]
    pub steps: Vec<Step>,
}

impl Application {
    /// What the natural key of its grants says of the activity.
    #[must_use]
    pub fn activity_text(&self) -> String {
        format!("{} {}", self.date, self.activity)
    }
}

#[derive(Encode, Decode)]
enum Kept {
    #[n(0)]
    Group(#[n(0)] Group),
    #[n(1)]
    Application(#[n(0)] Application),
}

/// The applications of a node. Cheap to clone.
#[derive(Clone)]
pub struct Applications(Arc<Parts>);

struct Parts {
    vault: Vault,
    groups: Mutex<BTreeMap<u32, Group>>,
    applications: Mutex<BTreeMap<ApplicationId, Application>>,
}

impl Applications {
    /// Reads what the vault keeps.
    #[must_use]
    pub fn open(vault: Vault) -> Self {
        let (mut groups, mut applications) = (BTreeMap::new(), BTreeMap::new());
        for account in vault.accounts() {
            let latest = vault.latest(account, RecordKind::Application).ok().flatten();
            match latest.and_then(|record| codec::decode(&record.plaintext).ok()) {
                Some(Kept::Group(group)) => {
                    groups.insert(group.number, group);
                }
                Some(Kept::Application(application)) => {
                    applications.insert(ApplicationId(account.0), application);
                }
                None => {}
            }
        }
        let (groups, applications) = (Mutex::new(groups), Mutex::new(applications));
        Self(Arc::new(Parts { vault, groups, applications }))
    }

    /// A body.
    #[must_use]
    pub fn group(&self, number: u32) -> Option<Group> {
        lock(&self.0.groups).get(&number).cloned()
    }

    /// The bodies, by number.
    #[must_use]
    pub fn groups(&self) -> Vec<Group> {
        lock(&self.0.groups).values().cloned().collect()
    }

    /// An application.
    #[must_use]
    pub fn application(&self, id: &ApplicationId) -> Option<Application> {
        lock(&self.0.applications).get(id).cloned()
    }

    /// The applications that fit, the newest first.
    #[must_use]
    pub fn applications(
        &self,
        fits: impl Fn(&Application) -> bool,
    ) -> Vec<(ApplicationId, Application)> {
        let all = lock(&self.0.applications);
        let some = all.iter().rev().filter(|(_, application)| fits(application));
        some.map(|(id, application)| (*id, application.clone())).collect()
    }

    /// Keeps a body.
    ///
    /// # Errors
    /// [`PutError`].
    pub async fn keep_group(&self, group: Group) -> Result<(), PutError> {
        let account = AccountId::derived("jichi/group/v1", &group.number.to_be_bytes());
        let bytes = codec::encode(&Kept::Group(group.clone()));
        self.0.vault.put(account, RecordKind::Application, &bytes).await?;
        lock(&self.0.groups).insert(group.number, group);
        Ok(())
    }

    /// Keeps an application as it now is.
    ///
    /// # Errors
    /// [`PutError`].
    pub async fn keep(&self, id: ApplicationId, application: Application) -> Result<(), PutError> {
        let bytes = codec::encode(&Kept::Application(application.clone()));
        self.0.vault.put(AccountId(id.0), RecordKind::Application, &bytes).await?;
        lock(&self.0.applications).insert(id, application);
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
