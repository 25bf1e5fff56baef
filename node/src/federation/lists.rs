//! Public lists at work: brought over from peers, and the own ones written from the town's books.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jichi_protocol::{
    command::InUse,
    directory::{Directory, Party},
    id::{MerchantId, TownId},
    label::Label,
    public_list::{ListKind, ListName},
    signature::SigningKey,
};
use tokio::sync::{oneshot, watch};

use super::{
    Members,
    directory::{NotSynced, exchange},
};
use crate::{
    clock,
    documents::{
        list::{
            ENDPOINTS_MAX, Endpoint, INSTITUTIONS_MAX, InstitutionList, ListedInstitution,
            OwnLibrary, SHOPS_MAX, ShopDetails,
            author::{self, NotMerged, Registered},
            book::Lists,
            store::{ListEdition, ListFault, NotPut},
        },
        sync::Progress,
        wire::{DocumentReply, DocumentRequest, SessionNumber},
    },
    engine::{Engine, NotTaken},
    library::Library,
    peer::PeerHandle,
};

/// How often the node looks whether its own lists still say what its books say.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long the node waits at its start for what peers have of its own lists.
const FIRST_ROUND_MAX: Duration = Duration::from_secs(10);
/// Lists that are asked of one peer in a round; the others have their turn later.
const LISTS_A_ROUND: usize = 16;

/// Asks a peer which lists it holds, and takes those that are newer.
pub(super) async fn sync_with(
    lists: &Lists,
    (peer, party): (&PeerHandle, Party),
    directory: &Directory,
) -> Result<(), NotSynced> {
    let ours = lists.inventory(clock::now());
    let reply = exchange(peer, party, &DocumentRequest::AskLists(ours.digest())).await?;
    let theirs = match reply {
        DocumentReply::Lists(theirs) => theirs,
        DocumentReply::Nothing => return Ok(()),
        DocumentReply::Statement(_)
        | DocumentReply::Sync(_)
        | DocumentReply::List(_)
        | DocumentReply::Refused(_) => return Err(NotSynced::OtherReply),
    };
    let random = || getrandom::u64().unwrap_or_default();
    for name in super::directory::drawn(lists.wanted(&theirs, directory), LISTS_A_ROUND, random) {
        if let Err(error) = take(lists, (peer, party), name, directory).await {
            tracing::warn!(list = %name, from = %party, %error, "a public list was not taken");
        }
    }
    Ok(())
}

async fn take(
    lists: &Lists,
    (peer, party): (&PeerHandle, Party),
    name: ListName,
    directory: &Directory,
) -> Result<(), NotSynced> {
    let offered = match exchange(peer, party, &DocumentRequest::AskList(name)).await? {
        DocumentReply::List(offered) => offered,
        DocumentReply::Nothing => return Ok(()),
        DocumentReply::Statement(_)
        | DocumentReply::Sync(_)
        | DocumentReply::Lists(_)
        | DocumentReply::Refused(_) => return Err(NotSynced::OtherReply),
    };
    let Some(member) = directory.member(Party::Town(name.town)) else { return Ok(()) };
    let key = &member.channel_key;
    let begun = lists.begin(name, offered, directory, clock::now());
    let mut session = begun.map_err(Box::new)?;
    if let Some(edition) = session.at_once().map_err(Box::new)? {
        return Ok(lists.put(edition, key).map_err(Box::new)?);
    }
    let number = SessionNumber(clock::now().0);
    let mut first = true;
    let edition = loop {
        let Some(message) = session.next_message() else { return Err(NotSynced::OtherReply) };
        let message = message.into();
        let request = if first {
            DocumentRequest::BeginList { list: name, session: number, message }
        } else {
            DocumentRequest::ContinueSync { session: number, message }
        };
        first = false;
        let DocumentReply::Sync(answer) = exchange(peer, party, &request).await? else {
            return Err(NotSynced::OtherReply);
        };
        match session.receive(answer.as_ref().map(|bytes| bytes.as_slice()))? {
            Progress::More => {}
            Progress::Done(edition) => break edition,
        }
    };
    let version = edition.statement().statement().version;
    lists.put(*edition, key).map_err(Box::new)?;
    tracing::info!(list = %name, %version, from = %party, "a newer public list was taken");
    Ok(())
}

/// Why the own list was not written.
#[derive(Debug, thiserror::Error)]
pub enum NotWritten {
    /// The list cannot be made or signed.
    #[error(transparent)]
    List(#[from] ListFault),
    /// It cannot be stored.
    #[error(transparent)]
    Put(#[from] NotPut),
    /// The books cannot be read now.
    #[error(transparent)]
    Books(#[from] NotTaken),
    /// Edits of another copy cannot be merged.
    #[error(transparent)]
    Merged(#[from] NotMerged),
    /// There is no such shop in the list.
    #[error("the list has no such shop; it has to be registered and active")]
    NoShop,
    /// The list was not written yet.
    #[error("the list is not written yet; try again in some seconds")]
    NotYet,
}

/// Writes the town's own lists. Cheap to clone.
#[derive(Clone)]
pub struct OwnLists(Arc<Own>);

struct Own {
    town: TownId,
    engine: Engine,
    lists: Lists,
    key: SigningKey,
    institutions: InstitutionList,
    /// One writes at a time, so that no edit is lost.
    writing: Mutex<()>,
}

impl OwnLists {
    /// The lists of a town, which its channel key signs.
    #[must_use]
    pub fn new(
        (town, engine): (TownId, Engine),
        lists: Lists,
        key: SigningKey,
        institutions: InstitutionList,
    ) -> Self {
        let writing = Mutex::default();
        Self(Arc::new(Own { town, engine, lists, key, institutions, writing }))
    }

    fn writing(&self) -> MutexGuard<'_, ()> {
        self.0.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every list that is held, also other towns'.
    #[must_use]
    pub fn lists(&self) -> &Lists {
        &self.0.lists
    }

    fn put(&self, edition: ListEdition) -> Result<(), NotWritten> {
        Ok(self.0.lists.put(edition, &self.0.key.public())?)
    }

    async fn registered(&self, kind: ListKind) -> Result<Registered, NotTaken> {
        match kind {
            ListKind::Shops => {
                let shops = self.0.engine.read(|ledger| {
                    let active = ledger.merchants().filter(|shop| shop.state == InUse::Active);
                    active.map(|shop| (shop.merchant, shop.name.clone())).collect::<Vec<_>>()
                });
                let shops: Vec<(MerchantId, Label)> = shops.await?;
                if shops.len() > SHOPS_MAX {
                    tracing::error!(
                        shops = shops.len(),
                        most = SHOPS_MAX,
                        "the public list of shops holds the first ones only: it is full"
                    );
                }
                Ok(Registered::Shops(self.0.town, shops))
            }
            ListKind::Institutions => Ok(Registered::Institutions(self.0.institutions.clone())),
        }
    }

    fn name(&self, kind: ListKind) -> ListName {
        ListName { town: self.0.town, kind }
    }

    /// Signs the next version, if the books or the calendar ask for one.
    ///
    /// # Errors
    /// [`NotWritten`].
    pub async fn look(&self, kind: ListKind) -> Result<(), NotWritten> {
        let name = self.name(kind);
        // A journal that is not the newest does not say what the books are.
        if self.0.lists.is_frozen(name) || !self.0.engine.writes() {
            return Ok(());
        }
        let registered = self.registered(kind).await?;
        let own = self.clone();
        blocking(move || {
            let _one = own.writing();
            let held = own.0.lists.edition(name);
            let next = author::next(held.as_deref(), &registered, &own.0.key, clock::now())?;
            let Some(edition) = next else { return Ok(()) };
            let version = edition.statement().statement().version;
            own.put(edition)?;
            tracing::info!(list = %name, %version, "the town's own list was signed");
            Ok(())
        })
        .await
    }

    /// Merges what was edited in a copy of the list of shops, and signs the next version.
    ///
    /// # Errors
    /// [`NotWritten`]; the list is as before.
    pub async fn merge(&self, copy: Vec<u8>) -> Result<(), NotWritten> {
        let registered = self.registered(ListKind::Shops).await?;
        let own = self.clone();
        blocking(move || {
            let _one = own.writing();
            let held = own.0.lists.edition(own.name(ListKind::Shops)).ok_or(NotWritten::NotYet)?;
            let merged = author::merged(&held, &copy, &registered, &own.0.key, clock::now())?;
            own.put(merged)
        })
        .await
    }

    /// Tells something about a shop of the list, and signs the next version.
    ///
    /// # Errors
    /// [`NotWritten`]; the list is as before.
    pub async fn tell(&self, shop: MerchantId, details: ShopDetails) -> Result<(), NotWritten> {
        // A shop that was registered a moment ago is in the list after this.
        self.look(ListKind::Shops).await?;
        let own = self.clone();
        blocking(move || {
            let _one = own.writing();
            let held = own.0.lists.edition(own.name(ListKind::Shops)).ok_or(NotWritten::NotYet)?;
            let told = author::told(&held, (shop, &details), &own.0.key, clock::now())?;
            own.put(told.ok_or(NotWritten::NoShop)?)
        })
        .await
    }

    /// Keeps the lists as the books are, until the node stops. A town that was restored first gets
    /// back what its peers have of its own lists.
    pub(super) async fn keep(self, asked: oneshot::Receiver<()>, mut stop: watch::Receiver<bool>) {
        // Peers may be away, and then nobody waits for them.
        let _ = tokio::time::timeout(FIRST_ROUND_MAX, asked).await;
        loop {
            for kind in ListKind::ALL {
                if let Err(error) = self.look(kind).await {
                    tracing::warn!(kind = kind.name(), %error, "the own list was not signed");
                }
            }
            let stopping = stop.wait_for(|stop| *stop);
            if tokio::time::timeout(LOOK_EVERY, stopping).await.is_ok() {
                return;
            }
        }
    }
}

/// Runs what reads and writes files beside the node's other tasks.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, NotWritten> + Send + 'static,
) -> Result<T, NotWritten> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        // The work unwound: what was held is still held.
        Err(_) => Err(NotTaken::Unknown.into()),
    }
}

/// What the configuration says of institutions and endpoints. What no public list takes is left
/// out, with a warning.
pub(super) fn institutions_of(
    town: TownId,
    library: &Library,
    origins: &[String],
) -> InstitutionList {
    let mut institutions: Vec<ListedInstitution> = library
        .institutions()
        .filter_map(|body| {
            let names = (body.name_ja.parse().ok(), body.name_en.parse().ok());
            let (Some(name_ja), Some(name_en)) = names else {
                tracing::warn!(code = %body.code, "an institution's name is no public name");
                return None;
            };
            Some(ListedInstitution { code: body.code, name_ja, name_en, kind: body.kind })
        })
        .take(INSTITUTIONS_MAX)
        .collect();
    institutions.sort_by_key(|body| body.code);
    let mut endpoints: Vec<Endpoint> = Vec::new();
    for origin in origins.iter().take(ENDPOINTS_MAX) {
        match origin.parse::<Endpoint>() {
            Ok(endpoint) if !endpoints.contains(&endpoint) => endpoints.push(endpoint),
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "`listen.public_origins`"),
        }
    }
    let library = match library.system() {
        Some(_) => OwnLibrary::TakesCards,
        None => OwnLibrary::None,
    };
    InstitutionList { town, institutions, endpoints, library }
}

/// Drops lists of towns that left, whenever the directory changes.
pub(super) async fn follow(lists: Lists, me: Party, mut members: Members) {
    while members.changed().await.is_ok() {
        let directory = Arc::clone(&members.borrow_and_update());
        lists.keep_members(&directory, me);
    }
}
